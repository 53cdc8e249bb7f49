/* decision_trace.c - the "trace" member of a location or a notification, in the shape that the vendor's own SDK makes
 * on device [TARGET 1.6]: the request, which activities were taken, and which were looked at with what they knew.
 *
 * A rule condition is the rule of an audience, as it is stored: on device it is the json-logic that was made of it. */
#include "decide/decision_int.h"
#include "decide/json_logic.h"

static void
write_id(struct jw *w, struct str key, struct str id)
{
    int64_t n;

    jw_key(w, key);
    if (str_to_i64(id, &n))
        jw_i64(w, n);
    else
        jw_str(w, id);
}

static struct str
type_name(const struct activity *a)
{
    static const char *const names[] = {[ACTIVITY_AB] = "ab",          [ACTIVITY_XT] = "landing",
                                        [ACTIVITY_MVT] = "mvt",        [ACTIVITY_AUTO_ALLOCATE] = "ab",
                                        [ACTIVITY_AUTO_TARGET] = "ab", [ACTIVITY_AP] = "abt"};

    return str_of(names[a->type]);
}

/* ---- the request ---- */

static void
write_request(struct jw *w, const struct decision *x, const struct decision_ask *ask, struct str view, struct str type)
{
    const struct decision_trace *t = x->rq->trace;
    struct json_iter it = json_iter(ask->source);

    jw_key(w, S("request"));
    jw_object(w);
    jw_kstr(w, S("sessionId"), t->session);
    jw_kstr(w, S("pageURL"), ask->url.p != NULL ? ask->url : x->rq->url);
    jw_kstr(w, S("host"), t->host);
    jw_key(w, ask->kind == AT_PAGE ? S("pageLoad") : ask->kind == AT_MBOX ? S("mbox") : S("view"));
    jw_object(w);
    if (view.n > 0)
        jw_kstr(w, S("name"), view);
    while (json_next(&it)) {
        if (view.n == 0 || !str_eq(it.key, S("name")))
            jw_kjson(w, it.key, it.value);
    }
    jw_kstr(w, S("type"), type);
    jw_end(w);
    jw_end(w);
}

static void
write_profile(struct jw *w, const struct decision *x)
{
    struct json_iter it = json_iter(x->rq->trace->ids);

    jw_key(w, S("profile"));
    jw_object(w);
    jw_key(w, S("visitorId"));
    jw_object(w);
    jw_kstr(w, S("tntId"), x->rq->visitor != NULL ? x->rq->visitor->tnt_id : S(""));
    while (json_next(&it)) {
        if (!str_eq(it.key, S("tntId")))
            jw_kjson(w, it.key, it.value);
    }
    jw_kstr(w, S("profileLocation"), S("0"));
    jw_end(w);
    jw_end(w);
}

/* ---- what was taken ---- */

static const struct delivery_text *
find_text(const struct location *at, const struct decision *x, const struct activity *a, struct str experience)
{
    for (size_t i = 0; at != NULL && i < at->n; i++) {
        const struct placement *p = &at->placements[i];
        for (size_t e = 0; &x->s->activities[p->activity] == a && e < a->experience_count; e++) {
            if (str_eq(a->experiences[e].id, experience))
                return &p->texts[e];
        }
    }
    return NULL;
}

static void
write_campaign(struct jw *w, const struct decision *x, const struct location *at, const struct activity *a,
               struct str experience, int64_t order, const struct json *notice)
{
    const struct delivery_text *t = find_text(at, x, a, experience);

    jw_object(w);
    write_id(w, S("id"), a->id);
    jw_ki64(w, S("order"), order);
    jw_kstr(w, S("campaignType"), type_name(a));
    write_id(w, S("branchId"), experience);
    jw_kraw(w, S("offers"), t != NULL && t->offers.n > 0 ? t->offers : S("[]"));
    jw_kstr(w, S("environment"), x->rq->trace->environment);
    jw_key(w, S("notifications"));
    jw_array(w);
    if (notice != NULL)
        jw_json(w, notice);
    jw_end(w);
    jw_end(w);
}

/* ---- what was looked at ---- */

/* The audiences of an activity that were worked out to `which`, each once; how many. */
static size_t
list_audiences(const struct decision *x, const struct activity *a, enum truth which, uint32_t *out)
{
    size_t n = 0;

    for (size_t e = 0; x->truths != NULL && e <= a->experience_count; e++) {
        const struct audience_list *l = e == 0 ? &a->entry : &a->experiences[e - 1].audiences;
        for (size_t i = 0; i < l->n; i++) {
            bool known = x->truths[l->items[i]] != (unsigned char)which;
            for (size_t k = 0; !known && k < n; k++)
                known = out[k] == l->items[i];
            if (!known)
                out[n++] = l->items[i];
        }
    }
    return n;
}

static void
write_audiences(struct jw *w, const struct decision *x, const struct activity *a, enum truth which, struct str ids_key,
                struct str rules_key)
{
    static const char *const rules[] = {"targetRule", "audienceRule", "jsonLogic"};
    uint32_t *list = ARENA_ARRAY(x->a, uint32_t, x->s->audience_count + 1);
    size_t n = list != NULL ? list_audiences(x, a, which, list) : 0;

    jw_key(w, ids_key);
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, x->s->audiences[list[i]].id);
    jw_end(w);
    jw_key(w, rules_key);
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct json *o = x->rq->trace->audience(x->rq->ctx, x->s->audiences[list[i]].id);
        for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
            if (json_get(o, str_of(rules[k])) != NULL)
                jw_json(w, json_get(o, str_of(rules[k])));
        }
    }
    jw_end(w);
}

/* What json-logic reads, and the allocation, which is the activity's. */
static void
write_context(struct jw *w, struct decision *x, const struct activity *a)
{
    struct json_iter it = json_iter(json_logic_context(&x->view));

    jw_key(w, S("context"));
    jw_object(w);
    jw_key(w, S("allocation"));
    jw_f64(w, activity_bucket(a, x->rq->visitor_key) / 100.0);
    while (json_next(&it))
        jw_kjson(w, it.key, it.value);
    jw_end(w);
}

static void
write_evaluated(struct jw *w, struct decision *x, const struct location *at, bool views)
{
    int64_t order = 0;

    jw_key(w, S("evaluatedCampaignTargets"));
    jw_array(w);
    for (size_t i = 0; at != NULL && i < at->n; i++) {
        const struct placement *p = &at->placements[i];
        const struct activity *a = &x->s->activities[p->activity];
        if (x->decided[p->activity] == UNDECIDED || p->view != views)
            continue;
        jw_object(w);
        write_id(w, S("campaignId"), a->id);
        jw_ki64(w, S("order"), ++order);
        jw_kstr(w, S("campaignType"), type_name(a));
        write_audiences(w, x, a, YES, S("matchedSegmentIds"), S("matchedRuleConditions"));
        write_audiences(w, x, a, NO, S("unmatchedSegmentIds"), S("unmatchedRuleConditions"));
        write_context(w, x, a);
        jw_end(w);
    }
    jw_end(w);
}

/* ---- together ---- */

void
trace_write(struct decision *x, const struct location *at, struct str view, size_t from, bool prefetch, struct buf *out)
{
    struct jw w;

    buf_put(out, S(",\"trace\":"));
    w = jw_to(out);
    jw_object(&w);
    jw_kstr(&w, S("clientCode"), x->rq->trace->client);
    write_request(&w, x, x->ask, view, prefetch ? S("prefetch") : S("execute"));
    write_profile(&w, x);
    jw_key(&w, S("campaigns"));
    jw_array(&w);
    for (size_t i = from; i < x->taken_count; i++) {
        const struct decision_taken *t = &x->taken[i];
        write_campaign(&w, x, at, map_get(&x->s->activity_index, t->activity), t->experience, (int64_t)(i - from) + 1,
                       NULL);
    }
    jw_end(&w);
    write_evaluated(&w, x, at, view.n > 0);
    jw_end(&w);
}

void
decision_trace_notice(struct decision *x, const struct decision_ask *ask, const struct json *notice,
                      const struct decide_token *tokens, size_t n, struct buf *out)
{
    struct jw w = jw_to(out);
    int64_t order = 0;

    jw_object(&w);
    jw_kstr(&w, S("clientCode"), x->rq->trace->client);
    write_request(&w, x, ask, S_NULL, json_str(json_get(notice, S("type"))));
    write_profile(&w, x);
    jw_key(&w, S("campaigns"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        const struct activity *a = map_get(&x->s->activity_index, tokens[i].activity);
        const struct location *at = map_get(&x->s->locations, tokens[i].scope);
        if (a == NULL)
            continue; /* it has ended and gone */
        write_campaign(&w, x, at != NULL ? at : map_get(&x->s->views, tokens[i].scope), a, tokens[i].experience,
                       ++order, notice);
    }
    jw_end(&w);
    jw_kraw(&w, S("evaluatedCampaignTargets"), S("[]"));
    jw_end(&w);
}
