/* results_table.c - the table as one hit sees it: what the hit changes waits beside it until all of it is known.
 *
 * A hit that passes a limit half-way (memory, the size of a value) must leave no counter behind, and the batch that it
 * would be in holds other hits already. So nothing goes into the batch before results_apply(), which looks whether all
 * of it fits. */
#include "results/results_int.h"

#define ENTRY_BYTES 64                      /* of an entry in a batch, beside key and value; a bound */
#define BATCH_BYTES (LIMIT_FRAME_BYTES / 2) /* the batch is committed long before */

void
results_table_init(struct results_table *t, struct kv *kv, struct arena *a)
{
    *t = (struct results_table){.kv = kv, .arena = a};
    map_init(&t->by_key);
}

void
results_table_deinit(struct results_table *t)
{
    map_deinit(&t->by_key);
    t->change_count = 0;
}

static struct results_change *
find(const struct results_table *t, struct str key)
{
    uintptr_t number = t->change_count > 0 ? (uintptr_t)map_get(&t->by_key, key) : 0;

    return number > 0 ? &t->changes[number - 1] : NULL;
}

enum err
results_get(const struct results_table *t, struct str key, struct str *value, struct diag *d)
{
    const struct results_change *c = find(t, key);

    if (c == NULL)
        return kv_get(t->kv, key, value, d);
    *value = c->value;
    return c->deleted ? ERR_NOT_FOUND : ERR_OK;
}

bool
results_has(const struct results_table *t, struct str key)
{
    const struct results_change *c = find(t, key);

    return c == NULL ? kv_has(t->kv, key) : !c->deleted;
}

static enum err
change(struct results_table *t, struct str key, struct str value, bool deleted, struct diag *d)
{
    struct results_change *c = find(t, key), x = {key, deleted ? S_NULL : arena_str(t->arena, value), deleted};

    if (!deleted && x.value.p == NULL)
        return results_no_memory(d);
    if (c != NULL) {
        *c = x;
        return ERR_OK;
    }
    if (t->change_count == t->change_room) {
        size_t room = t->change_room > 0 ? t->change_room * 2 : 16;
        struct results_change *grown = ARENA_ARRAY(t->arena, struct results_change, room);
        if (grown == NULL)
            return results_no_memory(d);
        if (t->change_count > 0)
            memcpy(grown, t->changes, t->change_count * sizeof *grown);
        t->changes = grown;
        t->change_room = room;
    }
    if (!map_put(&t->by_key, key, (void *)(uintptr_t)(t->change_count + 1), NULL))
        return diag_set(d, ERR_NOMEM, "no memory for the changes of a hit");
    t->changes[t->change_count++] = x;
    return ERR_OK;
}

enum err
results_put(struct results_table *t, struct str key, struct str value, struct diag *d)
{
    if (value.n > LIMIT_RECORD_VALUE_BYTES)
        return diag_set(d, ERR_LIMIT, "results: a value passes %d bytes", LIMIT_RECORD_VALUE_BYTES);
    return change(t, key, value, false, d);
}

enum err
results_delete(struct results_table *t, struct str key, struct diag *d)
{
    return change(t, key, S_NULL, true, d);
}

enum err
results_apply(struct results_table *t, struct diag *d)
{
    size_t bytes = kv_staged_bytes(t->kv);
    enum err rc = ERR_OK;

    for (size_t i = 0; i < t->change_count; i++)
        bytes += t->changes[i].key.n + t->changes[i].value.n + ENTRY_BYTES;
    if (bytes > BATCH_BYTES)
        return diag_set(d, ERR_LIMIT, "results: what a hit changes does not fit the batch");
    for (size_t i = 0; rc == ERR_OK && i < t->change_count; i++) {
        const struct results_change *c = &t->changes[i];
        rc = c->deleted ? kv_delete(t->kv, c->key, d) : kv_put(t->kv, c->key, c->value, 0, d);
    }
    return rc;
}
