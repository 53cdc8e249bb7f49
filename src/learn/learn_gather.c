/* learn_gather.c - see learn_gather.h. The last decision of each visitor waits in a map for what comes of it; replaced
 * by the reservoir, it waits in vain, which its number tells. */
#include "learn/learn_gather.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/rng.h"

struct row {
    struct learn_sample sample;
    uint32_t unit;
    uint64_t number; /* of the decision, from 1 */
};

/* The last decision of a visitor. */
struct waiting {
    size_t row;
    uint64_t number;
    int64_t ms;
};

struct learn_gather {
    struct learn_gather_options o;
    struct arena arena; /* names, waiting */
    struct row *rows;
    size_t n, cap;
    uint64_t seen;
    struct map visitors; /* place -> struct waiting */
    struct map by_name;  /* unit -> index + 1 */
    struct str units[LIMIT_LEARN_UNITS];
    size_t unit_count;
    struct rng rng;
};

#define GATHER_BYTES_MAX (512u << 20)

enum err
learn_gather_new(const struct learn_gather_options *o, struct learn_gather **out, struct diag *d)
{
    struct learn_gather *g = calloc(1, sizeof *g);

    if (g == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to gather samples");
    arena_init(&g->arena, GATHER_BYTES_MAX);
    map_init(&g->visitors);
    map_init(&g->by_name);
    g->o = *o;
    g->o.scope = arena_str(&g->arena, o->scope);
    g->o.activity = arena_str(&g->arena, o->activity);
    g->o.samples_max = o->samples_max > 0 ? o->samples_max : LIMIT_LEARN_SAMPLES;
    rng_seed(&g->rng, o->seed);
    *out = g;
    return ERR_OK;
}

void
learn_gather_free(struct learn_gather *g)
{
    if (g == NULL)
        return;
    map_deinit(&g->visitors);
    map_deinit(&g->by_name);
    arena_deinit(&g->arena);
    free(g->rows);
    free(g);
}

/* Index of the unit; LIMIT_LEARN_UNITS: there are too many. */
static size_t
unit_of(struct learn_gather *g, struct str name)
{
    size_t found = (size_t)(uintptr_t)map_get(&g->by_name, name);

    if (found > 0)
        return found - 1;
    if (g->unit_count == LIMIT_LEARN_UNITS)
        return LIMIT_LEARN_UNITS;
    g->units[g->unit_count] = arena_str(&g->arena, name);
    if (g->units[g->unit_count].p == NULL || !map_put(&g->by_name, name, (void *)(uintptr_t)(g->unit_count + 1), NULL))
        return LIMIT_LEARN_UNITS;
    return g->unit_count++;
}

/* Where the next decision goes; SIZE_MAX: nowhere. */
static enum err
place(struct learn_gather *g, size_t *row, struct diag *d)
{
    uint64_t at;

    g->seen++;
    if (g->n == g->o.samples_max) {
        at = rng_below(&g->rng, g->seen);
        *row = at < g->n ? (size_t)at : SIZE_MAX;
        return ERR_OK;
    }
    if (g->n == g->cap) {
        size_t cap = g->cap > 0 ? g->cap * 2 : 1024;
        struct row *rows = realloc(g->rows, cap * sizeof *rows);
        if (rows == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for %zu samples", cap);
        g->rows = rows;
        g->cap = cap;
    }
    *row = g->n++;
    return ERR_OK;
}

static enum err
await(struct learn_gather *g, struct str visitor, size_t row, int64_t now_ms, struct diag *d)
{
    struct waiting *w = map_get(&g->visitors, visitor);

    if (w == NULL) {
        w = ARENA_NEW(&g->arena, struct waiting);
        if (w == NULL || !map_put(&g->visitors, visitor, w, NULL))
            return diag_set(d, ERR_NOMEM, "no memory for %zu visitors", g->visitors.count);
    }
    *w = (struct waiting){row, row == SIZE_MAX ? 0 : g->rows[row].number, now_ms};
    return ERR_OK;
}

static enum err
add_decision(struct learn_gather *g, const struct hit_decision *x, struct str visitor, int64_t now_ms, struct diag *d)
{
    struct learn_row features;
    size_t unit, row = SIZE_MAX;
    enum err rc;

    /* A decision of the model itself ends the wait for an earlier one: what follows is its own. */
    if (!(x->propensity > 0) || !learn_row_read(x->features, &features))
        return await(g, visitor, SIZE_MAX, now_ms, d);
    unit = unit_of(g, x->experience);
    if (unit == LIMIT_LEARN_UNITS)
        return ERR_OK;
    rc = place(g, &row, d);
    if (rc != ERR_OK)
        return rc;
    if (row != SIZE_MAX)
        g->rows[row] = (struct row){{features, 1 / x->propensity, false}, (uint32_t)unit, g->seen};
    return await(g, visitor, row, now_ms, d);
}

static void
add_conversion(struct learn_gather *g, struct str visitor, int64_t now_ms)
{
    struct waiting *w = map_get(&g->visitors, visitor);

    if (w != NULL && w->number > 0 && g->rows[w->row].number == w->number && now_ms - w->ms <= LIMIT_LEARN_OUTCOME_MS)
        g->rows[w->row].sample.converted = true;
}

/* The visitor's place as one text. */
static bool
visitor_of(const struct hit *h, struct buf *key)
{
    const struct identity *at = h->visit != NULL && h->visit->at.ns.n > 0 ? &h->visit->at : NULL;

    if (at == NULL)
        at = identity_find(&h->identities, S("ECID"));
    if (at == NULL)
        at = hit_owner(h);
    if (at != NULL)
        identity_key(key, h->scope, at->ns, at->id);
    return at != NULL && buf_ok(key);
}

enum err
learn_gather_hit(struct learn_gather *g, const struct hit *h, int64_t now_ms, struct diag *d)
{
    struct buf key;
    enum err rc = ERR_OK;

    if (now_ms < g->o.since_ms || !str_eq(h->scope, g->o.scope) || (h->decision_count == 0 && h->notice_count == 0) ||
        (h->visit != NULL && (h->visit->qa || h->visit->environment != HIT_PRODUCTION)))
        return ERR_OK;
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    if (visitor_of(h, &key)) {
        for (size_t i = 0; i < h->notice_count; i++) {
            const struct hit_notice *x = &h->notices[i];
            if (x->type == NOTICE_CONVERT && x->metric == g->o.metric && str_eq(x->activity, g->o.activity))
                add_conversion(g, buf_str(&key), now_ms);
        }
        for (size_t i = 0; rc == ERR_OK && i < h->decision_count; i++) {
            if (str_eq(h->decisions[i].activity, g->o.activity))
                rc = add_decision(g, &h->decisions[i], buf_str(&key), now_ms, d);
        }
    }
    buf_deinit(&key);
    return rc;
}

size_t
learn_gather_units(const struct learn_gather *g)
{
    return g->unit_count;
}

struct str
learn_gather_unit(const struct learn_gather *g, size_t i)
{
    return g->units[i];
}

enum err
learn_gather_samples(const struct learn_gather *g, size_t unit, struct learn_sample **out, size_t *n, struct diag *d)
{
    struct learn_sample *samples;
    size_t found = 0;

    for (size_t i = 0; i < g->n; i++)
        found += g->rows[i].unit == unit;
    samples = calloc(found > 0 ? found : 1, sizeof *samples);
    if (samples == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for %zu samples", found);
    *n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->rows[i].unit == unit)
            samples[(*n)++] = g->rows[i].sample;
    }
    *out = samples;
    return ERR_OK;
}
