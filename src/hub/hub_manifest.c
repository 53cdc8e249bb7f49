/* hub_manifest.c - what the numbers in rule states mean, kept with the profiles that hold them.
 *
 *   'M' scope                  directory: slots in use, the newest first, a byte each
 *   'M' scope 0x1F slot row    rows of the manifest of one numbering (rule_graph.h); row in 4 bytes, big-endian
 *
 * Every graph that states are written by is here before its first state is, and both are committed together. While one
 * graph grows from the other they have a numbering in common, and its slot: only rows that changed are written. A
 * graph made from nothing, after a restart, learns the manifests of the other slots. Of those there are
 * LIMIT_GRAPH_MANIFESTS - 1; a state that is older still is made anew from its profile. */
#include "hub/hub_int.h"

#include "base/log.h"

#define SLOTS LIMIT_GRAPH_MANIFESTS

struct slots {
    unsigned char at[SLOTS]; /* newest first */
    size_t n;
};

static struct str
directory_key(struct hub *h, struct str scope)
{
    return arena_printf(&h->arena, "M%.*s", STR_ARG(scope));
}

static struct str
row_key(struct hub *h, struct str scope, unsigned char slot, size_t row)
{
    const char tail[] = {0x1f, (char)slot, (char)(row >> 24), (char)(row >> 16), (char)(row >> 8), (char)row};

    return ARENA_JOIN(&h->arena, S("M"), scope, (struct str){tail, sizeof tail});
}

/* An empty value when there is none. */
static enum err
get(struct hub *h, struct str key, struct str *value, struct diag *d)
{
    enum err rc;

    *value = S_NULL;
    if (key.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a manifest");
    rc = kv_get(h->kv, key, value, d);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static enum err
read_slots(struct hub *h, struct str scope, struct slots *out, struct diag *d)
{
    struct str value;
    enum err rc = get(h, directory_key(h, scope), &value, d);

    *out = (struct slots){0};
    for (size_t i = 0; rc == ERR_OK && i < value.n && i < SLOTS; i++) {
        if ((unsigned char)value.p[i] < SLOTS)
            out->at[out->n++] = (unsigned char)value.p[i];
    }
    return rc;
}

/* The rows lie in the table's mapping until something is staged. */
static enum err
learn_slot(struct hub *h, struct str scope, unsigned char slot, const struct rule_graph *g, struct diag *d)
{
    struct str head, *rows;
    enum err rc = get(h, row_key(h, scope, slot, 0), &head, d);
    size_t n = rc == ERR_OK ? rule_manifest_row_count(head) : 0;

    if (rc != ERR_OK)
        return rc;
    rows = ARENA_ARRAY(&h->arena, struct str, n);
    if (rows == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a manifest");
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = get(h, row_key(h, scope, slot, i), &rows[i], d);
    if (rc == ERR_OK)
        rc = rule_graph_learn(g, rows, n, d);
    if (rc != ERR_CORRUPT && rc != ERR_LIMIT)
        return rc;
    log_warn("hub_manifest_unused", "scope=%.*s reason=\"%s\"", STR_ARG(scope), d->what);
    return ERR_OK; /* states of that numbering are made anew */
}

/* Moves the slot of g to the front: the one that holds its numbering, or a free one, or the oldest. */
static enum err
choose_slot(struct hub *h, struct str scope, const struct rule_graph *g, struct slots *slots, struct diag *d)
{
    size_t at = 0;
    bool used[SLOTS] = {false};
    unsigned char slot = 0;
    struct str head;

    for (; at < slots->n; at++) {
        enum err rc = get(h, row_key(h, scope, slots->at[at], 0), &head, d);
        if (rc != ERR_OK)
            return rc;
        if (rule_manifest_is_of(g, head))
            break;
        used[slots->at[at]] = true;
    }
    if (at < slots->n || slots->n == SLOTS) {
        at = at < slots->n ? at : SLOTS - 1;
        slot = slots->at[at];
    } else {
        while (used[slot])
            slot++;
        slots->n++;
    }
    memmove(slots->at + 1, slots->at, at);
    slots->at[0] = slot;
    return ERR_OK;
}

/* Only what differs. */
static enum err
put(struct hub *h, struct str key, struct str value, struct diag *d)
{
    struct str old;
    enum err rc = get(h, key, &old, d);

    if (rc != ERR_OK || (old.p != NULL && str_eq(old, value)))
        return rc;
    return kv_put(h->kv, key, value, 0, d);
}

static enum err
put_rows(struct hub *h, struct str scope, unsigned char slot, const struct rule_graph *g, struct diag *d)
{
    size_t n = rule_graph_manifest_rows(g), before;
    struct str head;
    struct buf b;
    enum err rc = get(h, row_key(h, scope, slot, 0), &head, d);

    if (rc != ERR_OK)
        return rc;
    before = rule_manifest_row_count(head);
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        buf_clear(&b);
        rule_graph_manifest_row(g, i, &b);
        rc = buf_ok(&b) ? put(h, row_key(h, scope, slot, i), buf_str(&b), d)
                        : diag_set(d, ERR_NOMEM, "no memory for a manifest");
    }
    for (size_t i = n; i < before && rc == ERR_OK; i++)
        rc = kv_delete(h->kv, row_key(h, scope, slot, i), d);
    buf_deinit(&b);
    return rc;
}

enum err
hub_manifest_adopt(struct hub *h, struct str scope, const struct rule_graph *g, struct diag *d)
{
    struct slots slots;
    struct str head;
    enum err rc;

    arena_reset(&h->arena);
    rc = read_slots(h, scope, &slots, d);
    for (size_t i = 0; i < slots.n && rc == ERR_OK;
         i++) /* also when g has the newest numbers: it may be made from nothing */
        rc = learn_slot(h, scope, slots.at[i], g, d);
    if (rc == ERR_OK && slots.n > 0) {
        rc = get(h, row_key(h, scope, slots.at[0], 0), &head, d);
        if (rc == ERR_OK && rule_manifest_is_newest_of(g, head))
            return ERR_OK;
    }
    if (rc == ERR_OK)
        rc = choose_slot(h, scope, g, &slots, d);
    if (rc == ERR_OK)
        rc = put_rows(h, scope, slots.at[0], g, d);
    if (rc == ERR_OK)
        rc = put(h, directory_key(h, scope), (struct str){(const char *)slots.at, slots.n}, d);
    return rc;
}
