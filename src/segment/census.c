/* census.c - see census.h: the life of a census, and what it found. */
#include <stdlib.h>

#include "segment/census_int.h"

#define LOADED_BYTES_MAX ((size_t)1 << 30) /* one profile of LIMIT_PROFILE_EVENTS large events */

static enum err
allocate(struct census *c, struct diag *d)
{
    size_t n = c->o.count;

    c->scope = (struct str){malloc(c->o.scope.n + 1), c->o.scope.n};
    c->rows = calloc(LIMIT_CENSUS_ROWS, sizeof *c->rows);
    c->counts = calloc(n, sizeof *c->counts);
    c->suspects = calloc(LIMIT_CENSUS_ROWS, sizeof *c->suspects);
    c->wrong = calloc(LIMIT_CENSUS_ROWS, sizeof *c->wrong);
    for (size_t i = 0; i < 2; i++)
        c->samples[i].people = calloc(c->o.sample_max + 1, sizeof *c->samples[i].people);
    if (c->o.compare)
        c->claims = calloc(n, sizeof *c->claims);
    if (c->scope.p == NULL || c->rows == NULL || c->counts == NULL || c->suspects == NULL || c->wrong == NULL ||
        c->samples[0].people == NULL || c->samples[1].people == NULL || (c->o.compare && c->claims == NULL))
        return diag_set(d, ERR_NOMEM, "no memory to count %zu audiences", n);
    memcpy((char *)(uintptr_t)c->scope.p, c->o.scope.p, c->o.scope.n);
    c->o.scope = c->scope;
    profile_scan_init(&c->scan, c->scope);
    for (size_t i = 0; i < n; i++) {
        if (!map_put(&c->by_id, c->o.audiences[i].id, (void *)(uintptr_t)(i + 1), NULL))
            return diag_set(d, ERR_NOMEM, "no memory to count %zu audiences", n);
        c->reads_events = c->reads_events || rule_reads_events(rule_root(c->o.audiences[i].rule));
    }
    return ERR_OK;
}

enum err
census_new(const struct census_options *o, struct census **out, struct diag *d)
{
    struct census *c;
    enum err rc;

    if (o->count == 0)
        return diag_set(d, ERR_INVALID, "there is no audience to count");
    if (o->diff && (o->count != 2 || o->compare))
        return diag_set(d, ERR_INVALID, "a difference is one of two audiences, and compares no memberships");
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to count audiences");
    c->o = *o;
    c->o.sample_max = o->sample_max < LIMIT_PREVIEW_SAMPLE ? o->sample_max : LIMIT_PREVIEW_SAMPLE;
    map_init(&c->by_id);
    arena_init(&c->loaded, LOADED_BYTES_MAX);
    arena_init(&c->parsed, LOADED_BYTES_MAX);
    arena_init(&c->kept, LIMIT_CENSUS_BYTES);
    rc = allocate(c, d);
    if (rc == ERR_OK)
        rc = rule_block_compile(o->audiences, o->count, &c->program, d);
    if (rc == ERR_OK)
        rc = rule_block_new(c->program, LIMIT_CENSUS_ROWS, &c->block, d);
    if (rc != ERR_OK) {
        census_free(c);
        return rc;
    }
    c->o.audiences = NULL; /* the program has what it needs */
    *out = c;
    return ERR_OK;
}

void
census_free(struct census *c)
{
    if (c == NULL)
        return;
    rule_block_free(c->block);
    rule_block_program_free(c->program);
    map_deinit(&c->by_id);
    arena_deinit(&c->loaded);
    arena_deinit(&c->parsed);
    arena_deinit(&c->kept);
    free((char *)(uintptr_t)c->scope.p);
    profile_scan_deinit(&c->scan);
    free(c->by_number);
    free(c->claims);
    free(c->counts);
    free(c->rows);
    free(c->suspects);
    free(c->wrong);
    for (size_t i = 0; i < 2; i++)
        free(c->samples[i].people);
    free(c);
}

const struct census_options *
census_options(const struct census *c)
{
    return &c->o;
}

/* ---- results ---- */

struct census_result
census_result(const struct census *c)
{
    struct census_sample first = {c->samples[0].people, c->samples[0].n};
    struct census_result r = {
        .profiles = c->profiles,
        .fragments = c->fragments,
        .audiences = c->counts,
        .namespaces = c->namespaces,
        .namespace_count = c->namespace_count,
        .datasets = c->datasets,
        .dataset_count = c->dataset_count,
        .diff = c->diff,
        .now_ms = c->first_ms,
    };

    if (!c->o.diff) {
        r.sample = first;
        return r;
    }
    r.diff.entering_sample = first;
    r.diff.leaving_sample = (struct census_sample){c->samples[1].people, c->samples[1].n};
    return r;
}

const uint64_t *
census_wrong(struct census *c, size_t *n)
{
    *n = c->wrong_count;
    c->wrong_count = 0;
    return c->wrong;
}
