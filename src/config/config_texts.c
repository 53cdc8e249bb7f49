/* config_texts.c - lists of texts without repeats, and the error when there is no memory for them. */
#include "config/config_int.h"

void
config_texts_add(void *ctx, struct str s)
{
    struct config_texts *t = ctx;

    if (t->nomem || map_get(&t->seen, s) != NULL)
        return;
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct str *items = ARENA_ARRAY(t->arena, struct str, cap);
        if (items == NULL) {
            t->nomem = true;
            return;
        }
        if (t->n > 0)
            memcpy(items, t->items, t->n * sizeof *items);
        t->items = items;
        t->cap = cap;
    }
    t->items[t->n] = arena_str(t->arena, s);
    if (t->items[t->n].p == NULL || !map_put(&t->seen, s, t, NULL))
        t->nomem = true;
    else
        t->n++;
}

struct config_texts
config_texts_in(struct arena *a)
{
    struct config_texts t = {.arena = a};

    map_init(&t.seen);
    return t;
}

enum err
snapshot_nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for a configuration snapshot");
}
