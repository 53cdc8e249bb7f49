/* admin_scheduler.c - begins segment jobs at the instants of active schedules [SEGMENTATION 17.6].
 *
 * A schedule carries `dueAfterInMs`: the instant after which its next one is looked for. Beginning a job moves it on,
 * in the same step as the job is saved, so a crash between them cannot be: no instant begins two jobs, and none is
 * lost. Instants that went by while the server was down, or that a moved clock passed over, are made up for by one job,
 * because a second one would find what the first did.   OURS
 *
 * Who begins it is the thread of admin_evaluate.c, which sleeps until the next instant; POST /emulator/clock does so
 * too, before it answers. When both try, one finds that the schedule was changed meanwhile. */
#include "admin/admin_job.h"
#include "base/cron.h"
#include "base/log.h"

#define RETRY_MS 5000 /* after a refusal: a full queue, a full disk */

struct look {
    struct evaluator *ev;
    const struct snapshot *snap;
    struct str scope;
    struct arena arena;
    struct rng rng;
    int64_t now_ms, next_ms;
};

/* The change of the schedule, and the job with it. */
static enum err
begin(struct look *l, struct str id, const struct json *object, struct diag *d)
{
    struct edit edit = edit_of(&l->arena, object);
    struct job_order o = {.snap = l->snap,
                          .arena = &l->arena,
                          .rng = &l->rng,
                          .org = scope_org(l->scope),
                          .sandbox = scope_sandbox(l->scope),
                          .scope = l->scope,
                          .source = "scheduler",
                          .schedule = id,
                          .now_ms = l->now_ms,
                          .more_count = 1};
    struct str text;
    enum err rc = json_parse(S("[{\"segmentId\":\"*\"}]"), &l->arena, &o.segments, d);

    edit_put_i64(&edit, edit.root, S("dueAfterInMs"), l->now_ms);
    o.more[0] = (struct config_change){S("schedule"), l->scope, id, edit_text(&edit),
                                       snapshot_object_version(l->snap, S("schedule"), l->scope, id)};
    if (rc == ERR_OK && edit.nomem)
        rc = diag_set(d, ERR_NOMEM, "no memory for a scheduled job");
    return rc == ERR_OK ? job_begin(l->ev, &o, &text, d) : rc;
}

static void
look_at(void *ctx, struct str id, const struct json *object)
{
    struct look *l = ctx;
    struct diag d = DIAG_INIT;
    int64_t due_ms = 0;
    struct cron c;
    enum err rc;

    if (!str_eq(json_str(json_get(object, S("state"))), S("active")) ||
        cron_parse(json_str(json_get(object, S("schedule"))), &c, NULL) != ERR_OK ||
        !cron_next(&c, json_i64(json_get(object, S("dueAfterInMs")), l->now_ms), &due_ms))
        return;
    if (due_ms <= l->now_ms) {
        arena_reset(&l->arena);
        rc = begin(l, id, object, &d);
        if (rc == ERR_OK)
            log_info("job_scheduled", "schedule=%.*s", STR_ARG(id));
        else if (rc != ERR_EXISTS) /* else somebody else did, or it was changed */
            log_warn("job_not_scheduled", "schedule=%.*s code=%s reason=\"%s\"", STR_ARG(id), err_name(rc), d.what);
        due_ms = l->now_ms + RETRY_MS;
        if (rc == ERR_OK || rc == ERR_EXISTS)
            (void)cron_next(&c, l->now_ms, &due_ms);
    }
    if (due_ms < l->next_ms)
        l->next_ms = due_ms;
}

int64_t
scheduler_run(struct evaluator *ev, int64_t now_ms)
{
    struct look l = {.ev = ev, .snap = snapshot_get(ev->admin->o.config), .now_ms = now_ms, .next_ms = INT64_MAX};
    const struct map_slot *slot;
    uint64_t seed;

    os_entropy(ev->admin->o.os, &seed, sizeof seed);
    rng_seed(&l.rng, seed);
    arena_init(&l.arena, LIMIT_REQUEST_ARENA_BYTES);
    for (size_t i = 0; (slot = map_next(&l.snap->scopes, &i)) != NULL;) {
        l.scope = slot->key;
        snapshot_each(l.snap, S("schedule"), slot->key, look_at, &l);
    }
    arena_deinit(&l.arena);
    snapshot_put(ev->admin->o.config, l.snap);
    return l.next_ms;
}
