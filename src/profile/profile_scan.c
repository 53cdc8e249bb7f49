/* profile_scan.c - see profile_scan.h. */
#include "profile/profile_scan.h"

#include <stdlib.h>

#include "profile/profile_store.h"

#define SCAN_ROWS 256

void
profile_scan_init(struct profile_scan *s, struct str scope)
{
    *s = (struct profile_scan){.scope = scope};
}

void
profile_scan_deinit(struct profile_scan *s)
{
    free(s->priv_ids);
    *s = (struct profile_scan){0};
}

bool
profile_scan_over(const struct profile_scan *s)
{
    return s->priv_scanned && s->priv_at == s->priv_count;
}

static void
collect_id(void *ctx, struct str key, struct str value)
{
    struct profile_scan *s = ctx;
    struct str scope;
    uint64_t id, *ids;

    (void)value;
    if (key.n == 0 || key.p[0] != 'P' || !profile_key_read(key, &scope, &id) || !str_eq(scope, s->scope))
        return;
    if (s->priv_count == s->priv_cap) {
        size_t cap = s->priv_cap == 0 ? SCAN_ROWS : s->priv_cap * 2;
        ids = realloc(s->priv_ids, cap * sizeof *ids);
        s->priv_nomem = s->priv_nomem || ids == NULL;
        if (ids == NULL)
            return;
        s->priv_ids = ids;
        s->priv_cap = cap;
    }
    s->priv_ids[s->priv_count++] = id;
}

enum err
profile_scan_more(struct profile_scan *s, struct kv *k, struct diag *d)
{
    enum err rc;

    if (s->priv_at < s->priv_count || s->priv_scanned)
        return ERR_OK;
    s->priv_at = s->priv_count = 0;
    rc = kv_scan_keys(k, &s->priv_cursor, SCAN_ROWS, collect_id, s, d);
    if (rc == ERR_OK && s->priv_nomem)
        rc = diag_set(d, ERR_NOMEM, "no memory for the list of profiles");
    s->priv_scanned = s->priv_cursor == 0;
    return rc;
}

bool
profile_scan_take(struct profile_scan *s, uint64_t *id)
{
    if (s->priv_at == s->priv_count)
        return false;
    *id = s->priv_ids[s->priv_at++];
    return true;
}
