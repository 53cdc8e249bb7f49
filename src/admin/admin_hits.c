/* admin_hits.c - hits on their way to the log, by the group. See admin_rows.h.
 *
 * The bytes of a group are one buf that is used again and again; it may move while it grows, so slots are offsets until
 * the group is appended. */
#include "admin/admin_rows.h"
#include "base/limits.h"

_Static_assert(HIT_GROUP_BYTES <= LIMIT_RECORD_VALUE_BYTES, "a hit that fits a record fits a group");

void
hit_group_init(struct hit_group *g)
{
    g->count = 0;
    buf_init(&g->bytes, HIT_GROUP_BYTES + LIMIT_RECORD_VALUE_BYTES + LIMIT_RECORD_KEY_BYTES);
}

void
hit_group_deinit(struct hit_group *g)
{
    buf_deinit(&g->bytes);
    g->count = 0;
}

bool
hit_group_full(const struct hit_group *g)
{
    return g->count == HIT_GROUP_ROWS || g->bytes.n >= HIT_GROUP_BYTES;
}

enum err
hit_group_add(struct hit_group *g, const struct hit *h, struct diag *d)
{
    const struct identity *owner = hit_owner(h);
    struct hit_slot slot = {.key_at = g->bytes.n};
    size_t before = g->bytes.n;

    if (owner != NULL)
        identity_key(&g->bytes, h->scope, owner->ns, owner->id);
    slot.key_n = g->bytes.n - slot.key_at;
    slot.value_at = g->bytes.n;
    hit_write(&g->bytes, h);
    slot.value_n = g->bytes.n - slot.value_at;
    if (!buf_ok(&g->bytes) || slot.value_n > LIMIT_RECORD_VALUE_BYTES || slot.key_n > LIMIT_RECORD_KEY_BYTES) {
        g->bytes.n = before;
        g->bytes.full = false;
        return diag_set(d, ERR_LIMIT, "a hit of %zu bytes does not fit the log", slot.value_n);
    }
    g->slots[g->count++] = slot;
    return ERR_OK;
}

enum err
hit_group_append(struct hit_group *g, struct topic *t, int64_t time_ms, enum ack ack, struct diag *d)
{
    struct record records[HIT_GROUP_ROWS];
    enum err rc;

    for (size_t i = 0; i < g->count; i++) {
        const struct hit_slot *s = &g->slots[i];
        records[i] = (struct record){.time_ms = time_ms,
                                     .key = {g->bytes.p + s->key_at, s->key_n},
                                     .value = {g->bytes.p + s->value_at, s->value_n}};
    }
    rc = g->count == 0 ? ERR_OK : topic_append_many(t, records, g->count, ack, NULL, d);
    if (rc != ERR_OK)
        return rc;
    g->count = 0;
    buf_clear(&g->bytes);
    return ERR_OK;
}
