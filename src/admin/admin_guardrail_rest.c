/* admin_guardrail_rest.c - GET /edgewise/guardrails: the documented limits, how much of each the sandbox uses, and
 * which audiences are larger than advised [SEGMENTATION 18].   OURS */
#include "admin/admin_job.h"

/* ---- large audiences, as the newest job that had them counted them ---- */

struct large {
    struct call *call;
    struct jw *w;
    const struct json *newest;
};

static void
find_newest(void *ctx, struct str id, const struct json *object)
{
    struct large *l = ctx;

    (void)id;
    if (str_eq(json_str(json_get(object, S("status"))), S("SUCCEEDED")))
        l->newest = json_get(object, S("metrics"));
}

static void
write_large(struct jw *w, struct call *call)
{
    struct large l = {.call = call, .w = w};
    struct json_iter it;
    double total, percent;

    snapshot_each(call->snap, S("segmentJob"), call->scope, find_newest, &l);
    total = json_f64(json_get(l.newest, S("totalProfiles")), 0);
    jw_key(w, S("largeAudiences"));
    jw_array(w);
    for (it = json_iter(json_get(l.newest, S("segmentedProfileCounter"))); total > 0 && json_next(&it);) {
        percent = json_f64(it.value, 0) * 100 / total;
        if (percent <= (double)call->admin->o.guardrails.limits[GUARD_SIZE])
            continue;
        jw_object(w);
        jw_kstr(w, S("id"), it.key);
        jw_ki64(w, S("percent"), (int64_t)percent);
        jw_end(w);
    }
    jw_end(w);
}

/* ---- all ---- */

/* Those before it are counted; it, and those behind it, are held against one job or expression at a time. */
#define FIRST_UNCOUNTED GUARD_RUN_AUDIENCES

static void
write_one(struct jw *w, const struct guardrails *g, enum guardrail which, size_t count)
{
    jw_object(w);
    jw_kstr(w, S("name"), str_of(guardrail_name(which)));
    jw_kstr(w, S("kind"), str_of(guardrail_kind(which)));
    jw_kstr(w, S("description"), str_of(guardrail_help(which)));
    jw_ki64(w, S("limit"), g->limits[which]);
    if (which < FIRST_UNCOUNTED) {
        jw_ki64(w, S("count"), (int64_t)count);
        jw_ki64(w, S("alertPercent"), guardrail_alert(g, which, count));
    }
    jw_end(w);
}

static void
guardrails_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct guardrails *g = &call->admin->o.guardrails;
    struct quota q = quota_used(call->snap, call->scope, rq->now_ms);
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    bool development = str_eq(json_str(json_get(sandbox, S("type"))), S("development"));
    size_t counts[GUARD__COUNT] = {[GUARD_RUNS_DAY] = (size_t)q.today,
                                   [GUARD_RUNS_YEAR] = development ? 0 : (size_t)q.this_year,
                                   [GUARD_RUNS_YEAR_DEVELOPMENT] = development ? (size_t)q.this_year : 0};
    struct jw w = admin_json(rs, 200);

    (void)params;
    guardrail_count(call->snap, call->scope, counts);
    jw_object(&w);
    jw_kbool(&w, S("enforced"), g->enforced);
    jw_key(&w, S("guardrails"));
    jw_array(&w);
    for (enum guardrail i = 0; i < GUARD__COUNT; i++)
        write_one(&w, g, i, counts[i]);
    jw_end(&w);
    write_large(&w, call);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/edgewise/guardrails", 0, guardrails_get},
};
const struct family family_guardrail = {routes, sizeof routes / sizeof *routes, ERRORS_PROBLEM, false};
