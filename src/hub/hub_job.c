/* hub_job.c - a segment job of a strict sandbox: all profiles are evaluated, and the entries of the job's audiences
 * moved [SEGMENTATION 14.4].
 *
 * Where audiences are live, a job finds what is true already and needs no fold (admin_job.c). In a strict sandbox it is
 * what moves the entries of batch audiences, so it must have its place among the records: it is one. The whole walk
 * over the table belongs to the fold of that record, and has its instant. Readers get their turns in between, and
 * commits come in between; after a crash the walk begins anew, and passes quickly over profiles that are done: same
 * profile, same instant, same entries. */
#include "hub/hub_int.h"

#include <stdlib.h>

struct job {
    struct hub *h;
    struct str scope;
    struct hub_step step;
    size_t visited;
};

static enum err
visit(struct job *job, struct str key, struct diag *d)
{
    struct hub *h = job->h;
    struct hub_change change = {.cause = SEGMENT_TIME, .lazy = true};
    struct profile p;
    struct str scope;
    uint64_t id;
    enum err rc;

    if (!profile_key_read(key, &scope, &id) || !str_eq(scope, job->scope))
        return ERR_OK;
    rc = profile_load(h->kv, &h->names, scope, id, &h->arena, &p, d);
    if (rc != ERR_OK || p.created)
        return rc;
    h->state.rev++;
    h->state_changed = true;
    rc = hub_refresh(&job->step, &p, &change, d);
    if (++job->visited % HUB_TURN_STEPS == 0) {
        hub_unlock(h);
        hub_lock(h);
    }
    return rc;
}

/* Whose entries move; *chosen is NULL for all, else owned. */
static enum err
choose(const struct hub_scope *sc, const struct json *segments, bool **chosen, struct diag *d)
{
    struct json_iter it = json_iter(segments);

    *chosen = NULL;
    if (segments == NULL)
        return ERR_OK;
    *chosen = calloc(sc->jobs->set.count + 1, sizeof **chosen);
    if (*chosen == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a job");
    while (json_next(&it)) {
        const struct map *by_id = sc->jobs->set.by_id;
        uintptr_t index = by_id != NULL ? (uintptr_t)map_get(by_id, json_str(it.value)) : 0;
        if (index > 0) /* else it was deleted meanwhile */
            (*chosen)[index - 1] = true;
    }
    return ERR_OK;
}

static enum err
walk(struct job *job, struct diag *d)
{
    struct hub *h = job->h;
    uint64_t cursor = 0;
    enum err rc = ERR_OK;

    do {
        struct hub_slice slice;
        rc = hub_slice_read(h, &cursor, HUB_SWEEP_SLICE, &slice, d);
        for (size_t i = 0; i < slice.n && rc == ERR_OK; i++)
            rc = visit(job, slice.keys[i], d);
        if (rc == ERR_OK && kv_staged_bytes(h->kv) > HUB_STAGED_BYTES)
            rc = hub_commit(h, d);
    } while (rc == ERR_OK && cursor != 0);
    return rc;
}

enum err
hub_fold_job(struct hub *h, const struct hit *hit, int64_t now_ms, uint64_t cause, struct diag *d)
{
    struct job job = {.h = h, .step = {.h = h, .now_ms = now_ms, .cause = cause, .by = SEGMENT_BY_JOB}};
    const struct hub_scope *sc = hub_scope(h, hit->scope);
    bool *chosen = NULL;
    enum err rc;

    if (sc == NULL || sc->jobs == NULL) /* it was strict when the job was asked for */
        return ERR_OK;
    rc = choose(sc, hit->segments, &chosen, d);
    if (rc == ERR_OK) {
        job.scope = sc->view->scope;
        job.step.chosen = chosen;
        rc = walk(&job, d);
    }
    free(chosen);
    return rc;
}

enum err
hub_job(struct hub *h, struct str scope, struct str job, const struct str *segments, size_t count, int64_t now_ms,
        uint64_t *offset, struct diag *d)
{
    struct hit hit = {.kind = HIT_JOB, .source = SOURCE_STREAM, .scope = scope, .request_id = job};
    struct record r = {.time_ms = now_ms};
    struct arena a;
    struct buf list, b;
    struct jw w;
    enum err rc = ERR_OK;

    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    buf_init(&list, LIMIT_RECORD_VALUE_BYTES / 2);
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&list);
    jw_array(&w);
    for (size_t i = 0; i < count; i++)
        jw_str(&w, segments[i]);
    jw_end(&w);
    if (!buf_ok(&list))
        rc = diag_set(d, ERR_LIMIT, "a job of %zu audiences does not fit a record", count);
    if (rc == ERR_OK && count > 0)
        rc = json_parse(buf_str(&list), &a, &hit.segments, d);
    if (rc == ERR_OK) {
        hit_write(&b, &hit);
        r.value = buf_str(&b);
        rc = buf_ok(&b) ? topic_append(h->o.own_collect, &r, ACK_WRITTEN, offset, d)
                        : diag_set(d, ERR_NOMEM, "no memory for a job");
    }
    buf_deinit(&list);
    buf_deinit(&b);
    arena_deinit(&a);
    return rc;
}
