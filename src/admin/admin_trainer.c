/* admin_trainer.c - the models of Auto-Target and Automated Personalization, trained anew every day [TARGET 8.2].
 *
 *   collect, 45 days --> learn_gather: what was shown at random, and what came of it --> learn_train() for each unit
 *                    --> object of kind `model` --> decisions of the targeted arm
 *
 * One activity after the other, each with a pass over the log, so that memory is bounded by one gathering. The seed is
 * the day's, so that the same log on the same day makes the same model. The day is the server's clock's; a start
 * trains only what has no model of its day. A unit whose model is not good enough is told with the reason, and is
 * explored only.
 *
 * Who trains is the thread of admin_evaluate.c, and POST /emulator/clock before it answers. */
#include "admin/admin_evaluate.h"
#include "admin/admin_int.h"
#include "base/log.h"
#include "codec/base64.h"
#include "learn/learn_gather.h"

#include <stdlib.h>

#define FORESTS_BYTES (6 * 1024 * 1024) /* of all units of an activity: the object fits a record */

struct trainer {
    struct admin *admin;
    const struct snapshot *snap;
    struct str scope;
    int64_t now_ms;
};

struct pass {
    struct learn_gather *gather;
    struct arena arena; /* of one hit */
    struct diag *d;
    enum err rc;
};

static bool
gather_record(void *ctx, const struct record *r)
{
    struct pass *p = ctx;
    struct hit h;
    struct diag d = DIAG_INIT;

    arena_reset(&p->arena);
    if (hit_read(r->value, &p->arena, &h, &d) == ERR_OK) /* else of a newer version: nothing to learn from */
        p->rc = learn_gather_hit(p->gather, &h, r->time_ms, p->d);
    return p->rc == ERR_OK;
}

static enum err
gather(struct trainer *t, struct str id, struct learn_gather **out, struct diag *d)
{
    const struct admin_hub *hub = &t->admin->o.hub;
    struct learn_gather_options o = {.scope = t->scope,
                                     .activity = id,
                                     .since_ms = t->now_ms - LIMIT_LEARN_DAYS * MS_PER_DAY,
                                     .metric = HIT_METRIC_PRIMARY,
                                     .seed = (uint64_t)(t->now_ms / MS_PER_DAY)};
    struct pass p = {.d = d};
    enum err rc = learn_gather_new(&o, &p.gather, d);

    if (rc != ERR_OK)
        return rc;
    arena_init(&p.arena, LIMIT_REQUEST_ARENA_BYTES);
    rc = hub->collected(hub->ctx, o.since_ms, gather_record, &p, d);
    arena_deinit(&p.arena);
    if (rc == ERR_OK)
        rc = p.rc;
    if (rc == ERR_OK)
        *out = p.gather;
    else
        learn_gather_free(p.gather);
    return rc;
}

/* One unit of the model: what came of its training, and the forest while there is room. */
static enum err
train_unit(const struct learn_gather *g, size_t unit, uint64_t seed, struct jw *w, size_t *room, struct diag *d)
{
    struct learn_options o = {.seed = seed};
    struct learn_quality q = {.why = NULL};
    struct learn_sample *samples = NULL;
    struct buf forest, text;
    size_t n = 0;
    enum err rc = learn_gather_samples(g, unit, &samples, &n, d);

    buf_init(&forest, FORESTS_BYTES);
    buf_init(&text, 2 * FORESTS_BYTES);
    if (rc == ERR_OK)
        rc = learn_train(samples, n, &o, &forest, &q, d);
    free(samples);
    if (rc == ERR_OK) {
        base64_encode(&text, buf_str(&forest));
        if (q.valid && (!buf_ok(&text) || text.n > *room)) {
            q.valid = false;
            q.why = "the activity's models are too large together";
        }
        jw_object(w);
        jw_kstr(w, S("experience"), learn_gather_unit(g, unit));
        jw_kbool(w, S("valid"), q.valid);
        jw_ki64(w, S("samples"), (int64_t)q.samples);
        jw_ki64(w, S("conversions"), (int64_t)q.conversions);
        jw_key(w, S("auc"));
        jw_f64(w, q.auc);
        if (q.why != NULL)
            jw_kstr(w, S("why"), str_of(q.why));
        if (q.valid) {
            *room -= text.n;
            jw_kstr(w, S("forest"), buf_str(&text));
        }
        jw_end(w);
    }
    buf_deinit(&text);
    buf_deinit(&forest);
    return rc;
}

static enum err
write_model(const struct trainer *t, const struct learn_gather *g, struct str id, int64_t version, struct buf *out,
            struct diag *d)
{
    size_t n = learn_gather_units(g), room = FORESTS_BYTES;
    struct jw w = jw_to(out);
    enum err rc = ERR_OK;
    int64_t number = 0;

    (void)str_to_i64(id, &number);
    jw_object(&w);
    jw_ki64(&w, S("id"), number);
    jw_ki64(&w, S("version"), version);
    jw_ktime(&w, S("trainedAt"), t->now_ms);
    jw_ki64(&w, S("day"), t->now_ms / MS_PER_DAY);
    jw_key(&w, S("units"));
    jw_array(&w);
    for (size_t i = 0; rc == ERR_OK && i < n && i < LIMIT_LEARN_UNITS; i++)
        rc = train_unit(g, i, (uint64_t)version + i, &w, &room, d);
    jw_end(&w);
    jw_end(&w);
    return rc == ERR_OK && !buf_ok(out) ? diag_set(d, ERR_LIMIT, "the model of an activity is too long") : rc;
}

static enum err
train(struct trainer *t, struct str id, struct diag *d)
{
    const struct json *old = snapshot_object(t->snap, S("model"), t->scope, id);
    struct config_change change = {S("model"), t->scope, id, S_NULL,
                                   snapshot_object_version(t->snap, S("model"), t->scope, id)};
    struct learn_gather *g = NULL;
    struct buf text;
    enum err rc;

    if (old != NULL && json_i64(json_get(old, S("day")), 0) >= t->now_ms / MS_PER_DAY)
        return ERR_OK; /* later: of an emulated clock, before a restart */
    rc = gather(t, id, &g, d);
    if (rc != ERR_OK)
        return rc;
    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    rc = write_model(t, g, id, json_i64(json_get(old, S("version")), 0) + 1, &text, d);
    learn_gather_free(g);
    change.json = buf_str(&text);
    if (rc == ERR_OK)
        rc = config_apply(t->admin->o.config, &change, 1, t->now_ms, d);
    buf_deinit(&text);
    return rc;
}

static void
look_at(void *ctx, struct str id, const struct json *activity)
{
    struct trainer *t = ctx;
    struct diag d = DIAG_INIT;
    enum err rc;

    if (!decide_learns(activity) || !str_eq(json_str(json_get(activity, S("state"))), S("approved")))
        return;
    rc = train(t, id, &d);
    if (rc == ERR_OK)
        log_info("model_trained", "activity=%.*s", STR_ARG(id));
    else if (rc != ERR_EXISTS) /* else somebody else did */
        log_warn("training_failed", "activity=%.*s code=%s reason=\"%s\"", STR_ARG(id), err_name(rc), d.what);
}

int64_t
trainer_run(struct evaluator *ev, int64_t now_ms)
{
    int64_t day = now_ms / MS_PER_DAY;
    struct trainer t = {.admin = ev->admin, .now_ms = now_ms};
    const struct map_slot *slot;

    if (ev->admin->o.hub.collected == NULL || atomic_exchange(&ev->trained_day, day) == day)
        return (day + 1) * MS_PER_DAY;
    t.snap = snapshot_get(ev->admin->o.config);
    for (size_t i = 0; (slot = map_next(&t.snap->scopes, &i)) != NULL;) {
        t.scope = slot->key;
        snapshot_each(t.snap, S("activity"), slot->key, look_at, &t);
    }
    snapshot_put(ev->admin->o.config, t.snap);
    return (day + 1) * MS_PER_DAY;
}
