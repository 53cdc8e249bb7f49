/* admin_decision_why.c - a recorded request, decided again as it was, and told in words and members (docs/explain.md).
 *
 *   configuration   the one that the hit names, read from the log; today's when it is not there any more, and said so
 *   visitor         his hits before this one, folded; nobody when the hit says that the edge did not know him
 *   decision        by the function that made it. Agrees it with the record? When not, only what is recorded is told */
#include "admin/admin_decision.h"

struct told {
    struct call *call;
    const struct record *r;
    const struct hit *h;
    struct arena *a;
    const struct snapshot *snap; /* of then */
    bool past;                   /* it is */
    struct rerun *world;
    struct rerun_result result;
    bool decided;                /* result is filled */
    bool cut, stopped, ids_full; /* what of the visitor's past was not read: before the log, behind its part, of ids */
    bool reproduced;             /* decided, and agrees with the record */
    struct str past_why;         /* what is not as it was; empty: nothing */
};

/* ---- as it was ---- */

static enum err
take_configuration(struct told *t, struct diag *d)
{
    struct config *config = t->call->admin->o.config;
    uint64_t version = (uint64_t)json_i64(json_get(t->h->visit->asked, S("config")), 0);
    struct diag gone = DIAG_INIT;
    enum err rc = version > 0 ? config_as_of(config, version, &t->snap, &gone) : ERR_NOT_FOUND;

    t->past = rc == ERR_OK;
    if (rc == ERR_OK)
        return rc;
    if (rc != ERR_NOT_FOUND)
        return diag_set(d, rc, "%s", gone.what);
    t->snap = snapshot_get(config);
    t->past_why = version > 0
                      ? arena_str(t->a, str_of(gone.what))
                      : S("the request was recorded without the setting explain, so its configuration is not known");
    return ERR_OK;
}

static enum err
fold(void *ctx, const struct record *r, const struct hit *h, struct arena *a, struct diag *d)
{
    struct told *t = ctx;

    return t->call->admin->o.rerun.record(t->world, h, r->time_ms, a, d);
}

static bool
is_new(const struct hit *h)
{
    return h->visit->absorbs.n == 0 && json_is(h->visit->asked, JSON_OBJECT) &&
           json_i64(json_get(h->visit->asked, S("before")), 0) == 0;
}

static enum err
take_visitor(struct told *t, struct diag *d)
{
    struct admin *admin = t->call->admin;
    struct visitor_ids ids = {.arena = t->a};
    struct decision_walk w = {.admin = admin,
                              .scope = t->call->scope,
                              .ids = &ids,
                              .since_ms = INT64_MIN,
                              .until_ms = INT64_MAX,
                              .before = is_new(t->h) ? 0 : t->r->offset,
                              .bytes_max = LIMIT_DECISION_SCAN_BYTES,
                              .each = fold,
                              .ctx = t};
    struct rerun_options o = {.scope = t->call->scope, .bytes_max = LIMIT_WHAT_IF_BYTES, .share = 10000};
    enum err rc;

    visitor_ids_learn(&ids, t->h);
    (void)visitor_ids_add(&ids, t->h->visit->tnt_id); /* the walk sees when the arena is full */
    (void)visitor_ids_add(&ids, t->h->visit->third_party_id);
    o.from_beginning = true; /* what the hit says of before is what counts, where it says something */
    rc = admin->o.rerun.open(admin->o.rerun.ctx, &o, &t->world, d);
    if (rc == ERR_OK && w.before > 0)
        rc = decision_walk(&w, d);
    t->cut = w.cut;
    t->stopped = w.stopped;
    t->ids_full = ids.full;
    return rc;
}

static bool
agrees(const struct told *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->result.decision_count; i++) {
        const struct rerun_decision *x = &t->result.decisions[i];
        if (x->prefetched)
            continue;
        if (n == t->h->decision_count || !str_eq(x->activity, t->h->decisions[n].activity) ||
            !str_eq(x->experience, t->h->decisions[n].experience) || !str_eq(x->scope, t->h->decisions[n].scope))
            return false;
        n++;
    }
    return n == t->h->decision_count;
}

static void
note(struct told *t, struct str what)
{
    t->past_why = t->past_why.n > 0 ? ARENA_JOIN(t->a, t->past_why, S("; "), what) : what;
}

/* Of somebody of whom the hit says who he was when it came, and who is just that, nothing is missing. */
static bool
knows_visitor(struct told *t)
{
    bool told = json_is(t->h->visit->asked, JSON_OBJECT) && t->result.missing != RERUN_HISTORY;

    if (t->cut && !told)
        note(t, S("the log was cut (collect-retention-days): what the visitor did before is not known"));
    if (t->stopped)
        note(t, S("the log is too long to read the visitor's whole past for one answer"));
    if (t->ids_full)
        note(t, S("the visitor has more ids than are looked for: some of his past may be missing"));
    return (!t->cut || told) && !t->stopped && !t->ids_full;
}

static enum err
decide(struct told *t, struct diag *d)
{
    const struct rerun_ops *ops = &t->call->admin->o.rerun;
    enum err rc = ops->decide(t->world, t->snap, t->h, t->r->time_ms, true, t->a, &t->result, d);

    if (rc != ERR_OK)
        return rc;
    t->decided = t->result.asked;
    t->reproduced = knows_visitor(t) && t->decided && t->result.missing == RERUN_EXACT && agrees(t);
    return ERR_OK;
}

/* ---- names ---- */

static const struct json *
activity_of(const struct told *t, struct str id)
{
    return snapshot_object(t->snap, S("activity"), t->call->scope, id);
}

static struct str
name_of(const struct told *t, struct str id)
{
    return json_str(json_get(activity_of(t, id), S("name")));
}

static struct str
experience_name(const struct told *t, struct str activity, struct str id)
{
    struct json_iter it = json_iter(json_get(activity_of(t, activity), S("experiences")));
    int64_t number = 0;

    (void)str_to_i64(id, &number);
    while (json_next(&it)) {
        if (json_i64(json_get(it.value, S("experienceLocalId")), -1) == number)
            return json_str(json_get(it.value, S("name")));
    }
    return S_NULL;
}

static void
write_named(struct jw *w, struct str key, struct str id, struct str name)
{
    jw_key(w, key);
    jw_object(w);
    jw_kstr(w, S("id"), id);
    if (name.n > 0)
        jw_kstr(w, S("name"), name);
    jw_end(w);
}

/* ---- words ---- */

static const struct {
    const char *reason, *words;
} reasons[] = {
    {"state", "it was not approved"},
    {"schedule", "it had not begun, or had ended"},
    {"property", "it belongs to another property than the request's"},
    {"audience", "its audiences did not let the visitor in"},
    {"traffic", "the visitor is not in its share of the traffic"},
    {"experience", "it had no experience for the visitor"},
    {"barred", "a conversion had closed it to the visitor for good"},
    {"cap", "the visitor had seen it as often as allowed"},
    {"group", "the visitor belongs to another activity of its exclusion group"},
    {"qa", "the QA link does not name it"},
    {"location", "it shows nothing at this location, or the location's audience did not hold"},
    {"rank", "an activity of higher rank had the location"},
};

static struct str
words_of(struct str reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (str_eq(reason, str_of(reasons[i].reason)))
            return str_of(reasons[i].words);
    }
    return reason;
}

/* Which id the hash was made of [TARGET 3.1]. */
static struct str
kind_of_key(const struct hit *h, struct str key)
{
    const struct identity *ecid = identity_find(&h->identities, S("ECID"));

    if (ecid != NULL && str_eq(ecid->id, key))
        return S("marketingCloudVisitorId");
    return str_eq(key, h->visit->tnt_id) ? S("tntId") : S("thirdPartyId");
}

/* A decision and where it is known from. */
struct one {
    struct str activity, experience, scope;
    const struct hit_decision *recorded; /* NULL: prefetched */
    const struct rerun_decision *again;  /* NULL: it could not be made again */
    const struct json *why, *here;       /* as recorded, else as made again: its own, its location's; may be NULL */
    bool member;                         /* before it */
    enum hit_arm arm;
};

static const char *
plain_id(const struct told *t, struct str id, struct str name)
{
    return name.n > 0 ? arena_printf(t->a, "%.*s (%.*s)", STR_ARG(id), STR_ARG(name)).p
                      : arena_printf(t->a, "%.*s", STR_ARG(id)).p;
}

static bool
range_of(const struct told *t, const struct one *x, struct decide_range *out)
{
    const struct scope_view *view = snapshot_scope(t->snap, t->call->scope);

    return view != NULL && view->decide != NULL && decide_range_of(view->decide, x->activity, x->experience, out);
}

static void
say_how(const struct told *t, const struct one *x, struct jw *w)
{
    const struct json *bucket = json_get(x->why, S("bucket"));
    struct str key = json_str(json_get(x->here, S("key")));
    struct decide_range range;

    if (json_is(bucket, JSON_INT) && range_of(t, x, &range))
        jw_str(w, arena_printf(
                      t->a,
                      "%.*s %.*s falls into bucket %lld of 0..9999; the experience has %u to %u, and %.2f %% of the "
                      "visitors are admitted",
                      STR_ARG(kind_of_key(t->h, key)), STR_ARG(key), (long long)json_i64(bucket, 0), range.first,
                      range.last, range.admitted / 100.0));
    else if (x->why != NULL && x->member &&
             !str_eq(json_str(json_get(activity_of(t, x->activity), S("type"))), S("xt")))
        jw_str(w, S("the visitor was a member of the activity and keeps its experience"));
    else if (x->why != NULL)
        jw_str(w, S("it is the first experience of the activity whose audiences hold"));
    if (x->why != NULL && x->arm != ARM_NONE)
        jw_str(w, arena_printf(t->a, "a model chooses in this activity, and the visitor is in its arm '%s'",
                               hit_arm_name(x->arm)));
}

static void
say_audiences(const struct told *t, const struct one *x, struct jw *w)
{
    struct json_iter it = json_iter(json_get(x->here, S("audiences")));

    while (json_next(&it)) {
        const struct json *o = snapshot_object(t->snap, S("targetAudience"), t->call->scope, it.key);
        jw_str(w, arena_printf(t->a, "audience %s %s", plain_id(t, it.key, json_str(json_get(o, S("name")))),
                               json_bool(it.value, false) ? "held" : "did not hold"));
    }
}

static void
write_words(const struct told *t, const struct one *x, struct jw *w)
{
    struct json_iter it = json_iter(json_get(x->here, S("lost")));

    jw_key(w, S("words"));
    jw_array(w);
    jw_str(w, arena_printf(
                  t->a, "activity %s gave experience %s at %.*s", plain_id(t, x->activity, name_of(t, x->activity)),
                  plain_id(t, x->experience, experience_name(t, x->activity, x->experience)), STR_ARG(x->scope)));
    say_how(t, x, w);
    say_audiences(t, x, w);
    while (json_next(&it))
        jw_str(w, arena_printf(t->a, "activity %s did not: %.*s", plain_id(t, it.key, name_of(t, it.key)),
                               STR_ARG(words_of(json_str(it.value)))));
    jw_end(w);
}

/* ---- members ---- */

static void
write_bucket(const struct told *t, const struct one *x, struct jw *w)
{
    const struct json *bucket = json_get(x->why, S("bucket"));
    struct decide_range range;

    if (bucket == NULL)
        return;
    jw_key(w, S("bucket"));
    jw_object(w);
    jw_ki64(w, S("value"), json_i64(bucket, 0));
    if (range_of(t, x, &range)) {
        jw_ki64(w, S("first"), range.first);
        jw_ki64(w, S("last"), range.last);
        jw_ki64(w, S("admitted"), range.admitted);
    }
    jw_end(w);
}

static void
write_lost(const struct told *t, const struct one *x, struct jw *w)
{
    struct json_iter it = json_iter(json_get(x->here, S("lost")));

    jw_key(w, S("lost"));
    jw_array(w);
    while (json_next(&it)) {
        const struct json *o = activity_of(t, it.key);
        jw_object(w);
        jw_kstr(w, S("activity"), it.key);
        if (o != NULL) {
            jw_kstr(w, S("name"), json_str(json_get(o, S("name"))));
            jw_ki64(w, S("priority"), json_i64(json_get(o, S("priority")), 0));
        }
        jw_kstr(w, S("reason"), json_str(it.value));
        jw_end(w);
    }
    jw_end(w);
}

/* With their conditions where the decision could be made again as it is recorded; else what is recorded. */
static void
write_audiences(const struct told *t, const struct one *x, struct jw *w)
{
    struct json_iter it = json_iter(json_get(x->here, S("audiences")));

    jw_key(w, S("audiences"));
    if (t->reproduced && x->again != NULL && x->again->audiences.n > 0) {
        jw_raw(w, x->again->audiences);
        return;
    }
    jw_array(w);
    while (json_next(&it)) {
        jw_object(w);
        jw_kstr(w, S("id"), it.key);
        jw_kbool(w, S("result"), json_bool(it.value, false));
        jw_end(w);
    }
    jw_end(w);
}

static void
write_recorded(const struct hit_decision *x, struct jw *w)
{
    if (x == NULL)
        return;
    jw_kbool(w, S("entered"), x->entered);
    jw_kbool(w, S("sticky"), x->sticky);
    if (x->algorithm.n > 0)
        jw_kstr(w, S("algorithm"), x->algorithm);
    if (x->propensity > 0) {
        jw_key(w, S("propensity"));
        jw_f64(w, x->propensity);
    }
}

static void
write_one(const struct told *t, struct one one, struct jw *w)
{
    const struct one *x = &one;
    struct str key = json_str(json_get(x->here, S("key")));

    jw_object(w);
    jw_kstr(w, S("location"), x->scope);
    write_named(w, S("activity"), x->activity, name_of(t, x->activity));
    write_named(w, S("experience"), x->experience, experience_name(t, x->activity, x->experience));
    jw_kbool(w, S("prefetched"), x->recorded == NULL);
    write_recorded(x->recorded, w);
    if (x->why != NULL) {
        jw_kbool(w, S("member"), x->member);
        if (key.n > 0)
            write_named(w, S("key"), key, kind_of_key(t->h, key));
        write_bucket(t, x, w);
        if (x->arm != ARM_NONE)
            jw_kstr(w, S("arm"), str_of(hit_arm_name(x->arm)));
        write_audiences(t, x, w);
        write_lost(t, x, w);
    }
    write_words(t, x, w);
    jw_end(w);
}

/* A text that was not kept, or for which no memory is left, explains nothing. */
static struct one
made_one(const struct told *t, const struct rerun_decision *x)
{
    const struct json *why = NULL;

    if (x->why.n == 0 || json_parse(x->why, t->a, &why, NULL) != ERR_OK)
        why = NULL;
    return (struct one){.activity = x->activity,
                        .experience = x->experience,
                        .scope = x->scope,
                        .again = x,
                        .why = why,
                        .here = why,
                        .member = !x->entered || json_bool(json_get(why, S("returns")), false),
                        .arm = x->arm};
}

static struct one
recorded_one(const struct told *t, const struct hit_decision *x, const struct rerun_decision *again)
{
    struct one one;

    if (x->why == NULL && again != NULL) {
        one = made_one(t, again);
        one.recorded = x;
        return one;
    }
    return (struct one){.activity = x->activity,
                        .experience = x->experience,
                        .scope = x->scope,
                        .recorded = x,
                        .again = again,
                        .why = x->why,
                        .here = x->why_here,
                        .member = !x->entered || json_bool(json_get(x->why, S("returns")), false),
                        .arm = x->arm};
}

static void
write_decisions(const struct told *t, size_t index, struct jw *w)
{
    size_t at = 0;

    jw_key(w, S("decisions"));
    jw_array(w);
    for (size_t i = 0; i < t->h->decision_count; i++) {
        const struct hit_decision *x = &t->h->decisions[i];
        const struct rerun_decision *again = NULL;
        while (t->reproduced && at < t->result.decision_count && t->result.decisions[at].prefetched)
            at++;
        if (t->reproduced)
            again = &t->result.decisions[at++];
        if (index == SIZE_MAX || index == i)
            write_one(t, recorded_one(t, x, again), w);
    }
    for (size_t i = 0; t->reproduced && index == SIZE_MAX && i < t->result.decision_count; i++) {
        const struct rerun_decision *x = &t->result.decisions[i];
        if (x->prefetched)
            write_one(t, made_one(t, x), w);
    }
    jw_end(w);
}

/* Who did not get the visitor, location by location: all that there is to say where nothing was given. */
static void
write_not_given(const struct told *t, struct jw *w)
{
    jw_key(w, S("notGiven"));
    jw_array(w);
    for (size_t i = 0; t->reproduced && i < t->result.loss_count; i++) {
        const struct rerun_loss *x = &t->result.losses[i];
        jw_object(w);
        jw_kstr(w, S("location"), x->scope);
        jw_kstr(w, S("activity"), x->activity);
        jw_kstr(w, S("reason"), str_of(x->reason));
        jw_kstr(w, S("words"), words_of(str_of(x->reason)));
        jw_end(w);
    }
    jw_end(w);
}

static void
write_request(const struct told *t, struct jw *w)
{
    const struct hit_visit *v = t->h->visit;

    jw_key(w, S("request"));
    jw_u64(w, t->r->offset);
    jw_ktime(w, S("at"), t->r->time_ms);
    jw_kstr(w, S("requestId"), t->h->request_id);
    jw_kstr(w, S("by"), t->h->kind == HIT_VISIT ? S("delivery") : S("edge"));
    jw_key(w, S("visitor"));
    jw_object(w);
    if (v->tnt_id.n > 0)
        jw_kstr(w, S("tntId"), v->tnt_id);
    if (v->third_party_id.n > 0)
        jw_kstr(w, S("thirdPartyId"), v->third_party_id);
    if (identity_find(&t->h->identities, S("ECID")) != NULL)
        jw_kstr(w, S("marketingCloudVisitorId"), identity_find(&t->h->identities, S("ECID"))->id);
    jw_end(w);
    jw_key(w, S("configuration"));
    jw_object(w);
    jw_key(w, S("version"));
    jw_u64(w, t->snap->version);
    jw_kbool(w, S("ofThen"), t->past);
    jw_end(w);
    jw_kbool(w, S("reproduced"), t->reproduced);
    if (t->decided && t->result.missing != RERUN_EXACT)
        jw_kstr(w, S("notReplayed"), str_of(rerun_missing_name(t->result.missing)));
    if (t->past_why.n > 0)
        jw_kstr(w, S("note"), t->past_why);
}

enum err
decision_why(struct call *call, const struct record *r, const struct hit *h, size_t index, struct arena *a,
             struct jw *w, struct diag *d)
{
    struct told t = {.call = call, .r = r, .h = h, .a = a};
    enum err rc = take_configuration(&t, d);

    if (rc == ERR_OK)
        rc = take_visitor(&t, d);
    if (rc == ERR_OK)
        rc = decide(&t, d);
    if (rc == ERR_OK) {
        write_request(&t, w);
        write_decisions(&t, index, w);
        if (index == SIZE_MAX)
            write_not_given(&t, w);
        if (a->refused)
            rc = diag_set(d, ERR_LIMIT, "the explanation needs more memory than there is");
    }
    call->admin->o.rerun.close(t.world);
    snapshot_put(call->admin->o.config, t.snap);
    return rc;
}
