/* hit.c - a hit as one JSON object. Member names are short because there is one per event; docs/formats/hit.md lists
 * them. */
#include "model/hit.h"

static const char *const kind_names[] = {"event", "record", "consent", "tick", "job", "member", "recount", "visit"};
static const char *const source_names[] = {"edge", "stream", "batch"};
static const char *const notice_names[] = {"display", "interact", "convert"};
static const char *const arm_names[] = {"none", "control", "targeted"};
static const char *const action_names[] = {"count_once",
                                           "count_landings",
                                           "always_convert",
                                           "restart_same_experience",
                                           "restart_random_experience",
                                           "restart_new_experience",
                                           "exclude_to_same_experience",
                                           "ban_from_campaign"};
_Static_assert(sizeof action_names / sizeof *action_names == ACTION__COUNT, "a name per action");

const char *
hit_arm_name(enum hit_arm arm)
{
    return arm_names[arm];
}

static void
put_text(struct jw *w, struct str key, struct str s)
{
    if (s.n > 0)
        jw_kstr(w, key, s);
}

static void
put_flag(struct jw *w, struct str key, bool set)
{
    if (set)
        jw_kbool(w, key, true);
}

/* Arm and algorithm of an activity whose traffic a machine allots. */
static void
write_arm(struct jw *w, enum hit_arm arm, struct str algorithm)
{
    if (arm != ARM_NONE)
        jw_kstr(w, S("arm"), str_of(hit_arm_name(arm)));
    put_text(w, S("algorithm"), algorithm);
}

static void
write_decisions(struct jw *w, const struct hit *h)
{
    jw_key(w, S("decisions"));
    jw_array(w);
    for (size_t i = 0; i < h->decision_count; i++) {
        const struct hit_decision *x = &h->decisions[i];
        jw_object(w);
        jw_kstr(w, S("activity"), x->activity);
        jw_kstr(w, S("experience"), x->experience);
        if (i == 0 || !str_eq(x->scope, x[-1].scope))
            jw_kstr(w, S("scope"), x->scope);
        put_flag(w, S("entered"), x->entered);
        put_flag(w, S("sticky"), x->sticky);
        write_arm(w, x->arm, x->algorithm);
        if (x->propensity > 0) {
            jw_key(w, S("propensity"));
            jw_f64(w, x->propensity);
        }
        if (x->why_text.n > 0)
            jw_kraw(w, S("why"), x->why_text);
        else if (x->why != NULL)
            jw_kjson(w, S("why"), x->why);
        if (x->features != NULL)
            jw_kjson(w, S("features"), x->features);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_metric(struct jw *w, const struct hit_notice *x)
{
    if (x->metric != HIT_METRIC_PRIMARY)
        jw_ki64(w, S("metric"), x->metric);
    if (x->action != ACTION_COUNT_ONCE)
        jw_kstr(w, S("action"), str_of(action_names[x->action]));
    if (x->value != 0) {
        jw_key(w, S("value"));
        jw_f64(w, x->value);
    }
}

/* The decision that the notice says was displayed, and nothing more; SIZE_MAX: none. They come in one order. */
static size_t
displayed(const struct hit *h, const struct hit_notice *x, size_t from)
{
    if (x->type != NOTICE_DISPLAY || x->impression.n > 0 || x->reporting != NULL)
        return SIZE_MAX;
    for (size_t i = from; i < h->decision_count; i++) {
        const struct hit_decision *y = &h->decisions[i];
        if (str_eq(x->activity, y->activity) && str_eq(x->experience, y->experience) && str_eq(x->scope, y->scope) &&
            x->arm == y->arm && str_eq(x->algorithm, y->algorithm))
            return i;
    }
    return SIZE_MAX;
}

static void
write_notices(struct jw *w, const struct hit *h)
{
    size_t next = 0;

    jw_key(w, S("notices"));
    jw_array(w);
    for (size_t i = 0; i < h->notice_count; i++) {
        const struct hit_notice *x = &h->notices[i];
        size_t decision = displayed(h, x, next);
        if (decision != SIZE_MAX) {
            jw_i64(w, (int64_t)decision);
            next = decision + 1;
            continue;
        }
        jw_object(w);
        jw_kstr(w, S("type"), str_of(notice_names[x->type]));
        jw_kstr(w, S("activity"), x->activity);
        put_text(w, S("experience"), x->experience);
        jw_kstr(w, S("scope"), x->scope);
        put_text(w, S("impression"), x->impression);
        if (x->type == NOTICE_CONVERT)
            write_metric(w, x);
        write_arm(w, x->arm, x->algorithm);
        if (x->reporting != NULL)
            jw_kjson(w, S("reporting"), x->reporting);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_order(struct jw *w, const struct hit_order *o)
{
    jw_key(w, S("order"));
    jw_object(w);
    put_text(w, S("id"), o->id);
    jw_key(w, S("total"));
    jw_f64(w, o->total);
    if (o->products != NULL)
        jw_kjson(w, S("products"), o->products);
    jw_end(w);
}

static void
put_identities(struct jw *w, struct str key, const struct identity_set *s)
{
    if (s->n == 0)
        return;
    jw_key(w, key);
    identity_map_write(w, s);
}

static void
put_json(struct jw *w, struct str key, const struct json *v)
{
    if (v != NULL)
        jw_kjson(w, key, v);
}

static void
write_visit(struct jw *w, const struct hit_visit *v)
{
    jw_key(w, S("visit"));
    jw_object(w);
    if (v->at.ns.n > 0) {
        struct identity at = v->at;
        put_identities(w, S("at"), &(struct identity_set){&at, 1});
    }
    put_identities(w, S("links"), &v->links);
    put_identities(w, S("absorbs"), &v->absorbs);
    put_text(w, S("tntId"), v->tnt_id);
    put_text(w, S("thirdPartyId"), v->third_party_id);
    put_text(w, S("session"), v->session);
    put_flag(w, S("quiet"), v->quiet);
    put_flag(w, S("page"), v->page);
    put_flag(w, S("qa"), v->qa);
    if (v->environment != HIT_PRODUCTION)
        jw_ki64(w, S("environment"), v->environment);
    put_text(w, S("impression"), v->impression);
    put_text(w, S("url"), v->url);
    if (v->referrer.p != NULL)
        jw_kstr(w, S("referrer"), v->referrer);
    put_json(w, S("geo"), v->geo);
    put_json(w, S("categories"), v->categories);
    put_json(w, S("attributes"), v->attributes);
    put_text(w, S("tnta"), v->tnta);
    put_json(w, S("scriptsOff"), v->scripts_off);
    if (v->has_order)
        write_order(w, &v->order);
    if (v->asked_text.n > 0)
        jw_kraw(w, S("asked"), v->asked_text);
    else
        put_json(w, S("asked"), v->asked);
    jw_end(w);
}

/* An event always has its _id in its content too: what was made for it is written there [EDGE 2.3]. */
static void
write_xdm(struct jw *w, const struct hit *h)
{
    struct json_iter it;

    jw_key(w, S("xdm"));
    if (h->kind != HIT_EVENT || json_get(h->xdm, S("_id")) != NULL) {
        jw_json(w, h->xdm);
        return;
    }
    jw_object(w);
    jw_kstr(w, S("_id"), h->event_id);
    for (it = json_iter(h->xdm); json_next(&it);)
        jw_kjson(w, it.key, it.value);
    jw_end(w);
}

void
hit_write(struct buf *out, const struct hit *h)
{
    struct jw w = jw_to(out);

    jw_object(&w);
    jw_kstr(&w, S("kind"), str_of(kind_names[h->kind]));
    jw_kstr(&w, S("source"), str_of(source_names[h->source]));
    put_text(&w, S("scope"), h->scope);
    put_text(&w, S("dataset"), h->dataset);
    put_text(&w, S("schema"), h->schema);
    put_text(&w, S("batch"), h->batch);
    put_text(&w, S("datastream"), h->datastream);
    put_text(&w, S("requestId"), h->request_id);
    put_text(&w, S("region"), h->region);
    if (h->accepted_us != 0)
        jw_ki64(&w, S("acceptedUs"), h->accepted_us);
    if (h->identities.n > 0) {
        jw_key(&w, S("identityMap"));
        identity_map_write(&w, &h->identities);
    }
    put_text(&w, S("eventId"), h->event_id);
    if (h->event_ms != 0)
        jw_ki64(&w, S("eventMs"), h->event_ms);
    put_text(&w, S("audience"), h->audience);
    if (h->run != 0)
        jw_ki64(&w, S("run"), (int64_t)h->run);
    if (h->upsert)
        jw_kbool(&w, S("upsert"), true);
    if (h->lake_only)
        jw_kbool(&w, S("lakeOnly"), true);
    if (h->xdm_text.n > 0)
        jw_kraw(&w, S("xdm"), h->xdm_text);
    else if (h->xdm != NULL)
        write_xdm(&w, h);
    if (h->consent != NULL)
        jw_kjson(&w, S("consent"), h->consent);
    if (h->segments != NULL)
        jw_kjson(&w, S("segments"), h->segments);
    if (h->profile_params != NULL)
        jw_kjson(&w, S("profileParams"), h->profile_params);
    if (h->decision_count > 0)
        write_decisions(&w, h);
    if (h->notice_count > 0)
        write_notices(&w, h);
    if (h->visit != NULL)
        write_visit(&w, h->visit);
    jw_end(&w);
}

static int
name_index(struct str s, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        if (str_eq(s, str_of(names[i])))
            return i;
    }
    return -1;
}

/* A name of a later version is the first one: nothing special. */
static unsigned
name_or_first(const struct json *v, const char *const *names, int n)
{
    int i = name_index(json_str(v), names, n);

    return i < 0 ? 0 : (unsigned)i;
}

static enum hit_arm
read_arm(const struct json *v)
{
    return (enum hit_arm)name_or_first(json_get(v, S("arm")), arm_names, 3);
}

/* Decisions of one location follow each other, and the first names it. */
static struct str
read_scope(const struct json *v, const struct hit *h)
{
    const struct json *scope = json_get(v, S("scope"));

    return scope == NULL && h->decision_count > 0 ? h->decisions[h->decision_count - 1].scope : json_str(scope);
}

/* Of the decision read last. */
static void
read_why_here(struct hit *h)
{
    struct hit_decision *x = &h->decisions[h->decision_count - 1];

    if (json_get(x->why, S("key")) != NULL)
        x->why_here = x->why;
    else if (x->why != NULL && h->decision_count > 1 && str_eq(x[-1].scope, x->scope))
        x->why_here = x[-1].why_here;
}

static enum err
read_decisions(const struct json *list, struct arena *a, struct hit *h, struct diag *d)
{
    struct json_iter it = json_iter(list);

    h->decisions = ARENA_ARRAY(a, struct hit_decision, json_count(list));
    if (h->decisions == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a hit's decisions");
    while (json_next(&it)) {
        h->decisions[h->decision_count] = (struct hit_decision){
            .activity = json_str(json_get(it.value, S("activity"))),
            .experience = json_str(json_get(it.value, S("experience"))),
            .scope = read_scope(it.value, h),
            .entered = json_bool(json_get(it.value, S("entered")), false),
            .sticky = json_bool(json_get(it.value, S("sticky")), false),
            .arm = read_arm(it.value),
            .algorithm = json_str(json_get(it.value, S("algorithm"))),
            .propensity = json_f64(json_get(it.value, S("propensity")), 0),
            .why = json_get(it.value, S("why")),
            .features = json_get(it.value, S("features")),
        };
        h->decision_count++;
        read_why_here(h);
    }
    return ERR_OK;
}

static uint32_t
read_metric(const struct json *v)
{
    int64_t n = json_i64(v, HIT_METRIC_PRIMARY);

    return n < 0 || n > HIT_METRIC_PRIMARY ? HIT_METRIC_PRIMARY : (uint32_t)n;
}

/* A display of a decision of the same hit; false: there is no such. */
static bool
read_displayed(const struct json *v, const struct hit *h, struct hit_notice *out)
{
    int64_t n = json_i64(v, -1);
    const struct hit_decision *x;

    if (n < 0 || (uint64_t)n >= h->decision_count)
        return false;
    x = &h->decisions[n];
    *out = (struct hit_notice){.type = NOTICE_DISPLAY,
                               .activity = x->activity,
                               .experience = x->experience,
                               .scope = x->scope,
                               .metric = HIT_METRIC_PRIMARY,
                               .arm = x->arm,
                               .algorithm = x->algorithm};
    return true;
}

static enum err
read_notices(const struct json *list, struct arena *a, struct hit *h, struct diag *d)
{
    struct json_iter it = json_iter(list);

    h->notices = ARENA_ARRAY(a, struct hit_notice, json_count(list));
    if (h->notices == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a hit's notices");
    while (json_next(&it)) {
        int type = name_index(json_str(json_get(it.value, S("type"))), notice_names, 3);
        if (read_displayed(it.value, h, &h->notices[h->notice_count])) {
            h->notice_count++;
            continue;
        }
        if (type < 0)
            continue; /* of a later version: it means nothing here */
        h->notices[h->notice_count++] = (struct hit_notice){
            .type = (enum notice_type)type,
            .activity = json_str(json_get(it.value, S("activity"))),
            .experience = json_str(json_get(it.value, S("experience"))),
            .scope = json_str(json_get(it.value, S("scope"))),
            .impression = json_str(json_get(it.value, S("impression"))),
            .metric = read_metric(json_get(it.value, S("metric"))),
            .action = (enum hit_action)name_or_first(json_get(it.value, S("action")), action_names, ACTION__COUNT),
            .value = json_f64(json_get(it.value, S("value")), 0),
            .arm = read_arm(it.value),
            .algorithm = json_str(json_get(it.value, S("algorithm"))),
            .reporting = json_get(it.value, S("reporting")),
        };
    }
    return ERR_OK;
}

static void
read_order(const struct json *order, struct hit_visit *v)
{
    if (order == NULL)
        return;
    v->has_order = true;
    v->order = (struct hit_order){
        .id = json_str(json_get(order, S("id"))),
        .total = json_f64(json_get(order, S("total")), 0),
        .products = json_get(order, S("products")),
    };
}

static enum err
read_identities(const struct json *root, struct arena *a, struct hit_visit *v, struct diag *d)
{
    struct identity_set at = {0};
    enum err rc = identity_map_read(json_get(root, S("at")), "visit.at", a, &at, d);

    if (rc == ERR_OK && at.n > 0)
        v->at = at.items[0];
    if (rc == ERR_OK)
        rc = identity_map_read(json_get(root, S("links")), "visit.links", a, &v->links, d);
    if (rc == ERR_OK)
        rc = identity_map_read(json_get(root, S("absorbs")), "visit.absorbs", a, &v->absorbs, d);
    return rc;
}

static enum err
read_visit(const struct json *root, struct arena *a, struct hit *h, struct diag *d)
{
    struct hit_visit *v;

    if (root == NULL)
        return ERR_OK;
    v = ARENA_NEW(a, struct hit_visit);
    if (v == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a hit's visit");
    v->tnt_id = json_str(json_get(root, S("tntId")));
    v->third_party_id = json_str(json_get(root, S("thirdPartyId")));
    v->session = json_str(json_get(root, S("session")));
    v->quiet = json_bool(json_get(root, S("quiet")), false);
    v->page = json_bool(json_get(root, S("page")), false);
    v->qa = json_bool(json_get(root, S("qa")), false);
    v->environment = json_i64(json_get(root, S("environment")), HIT_PRODUCTION);
    v->impression = json_str(json_get(root, S("impression")));
    v->url = json_str(json_get(root, S("url")));
    v->referrer = json_str(json_get(root, S("referrer")));
    v->geo = json_get(root, S("geo"));
    v->categories = json_get(root, S("categories"));
    v->attributes = json_get(root, S("attributes"));
    v->tnta = json_str(json_get(root, S("tnta")));
    v->scripts_off = json_get(root, S("scriptsOff"));
    v->asked = json_get(root, S("asked"));
    read_order(json_get(root, S("order")), v);
    h->visit = v;
    return read_identities(root, a, v, d);
}

/* Position behind the text that begins with a quote at i. */
static size_t
skip_text(struct str s, size_t i)
{
    for (i++; i < s.n;) {
        const char *quote = memchr(s.p + i, '"', s.n - i);
        size_t back = 0;
        if (quote == NULL)
            return s.n;
        i = (size_t)(quote - s.p) + 1;
        while (quote[-1 - (ptrdiff_t)back] == '\\')
            back++;
        if (back % 2 == 0)
            return i;
    }
    return s.n;
}

/* The text of the last member of a hit that ends with its xdm: what follows the key, up to the brace of the hit. Only
 * the few hundred bytes before it are read. */
static struct str
last_xdm(struct str text)
{
    static const struct str key = {"\"xdm\":", 6};
    unsigned depth = 0;

    for (size_t i = 0; i < text.n;) {
        char c = text.p[i];
        if (c == '"') {
            if (depth == 1 && text.n - i > key.n && memcmp(text.p + i, key.p, key.n) == 0)
                return str_slice(text, i + key.n, text.n - 1);
            i = skip_text(text, i);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        i++;
    }
    return S_NULL;
}

/* Members in the order in which they are written, so that a reader finds each at the first or second look. */
enum member {
    M_KIND,
    M_SOURCE,
    M_SCOPE,
    M_DATASET,
    M_SCHEMA,
    M_BATCH,
    M_DATASTREAM,
    M_REQUEST_ID,
    M_REGION,
    M_ACCEPTED_US,
    M_IDENTITY_MAP,
    M_EVENT_ID,
    M_EVENT_MS,
    M_AUDIENCE,
    M_RUN,
    M_UPSERT,
    M_LAKE_ONLY,
    M_XDM,
    M_CONSENT,
    M_SEGMENTS,
    M_PROFILE_PARAMS,
    M_DECISIONS,
    M_NOTICES,
    M_VISIT,
    M__COUNT
};

static const struct str member_names[M__COUNT] = {
    {"kind", 4},           {"source", 6},      {"scope", 5},     {"dataset", 7},  {"schema", 6},
    {"batch", 5},          {"datastream", 10}, {"requestId", 9}, {"region", 6},   {"acceptedUs", 10},
    {"identityMap", 11},   {"eventId", 7},     {"eventMs", 7},   {"audience", 8}, {"run", 3},
    {"upsert", 6},         {"lakeOnly", 8},    {"xdm", 3},       {"consent", 7},  {"segments", 8},
    {"profileParams", 13}, {"decisions", 9},   {"notices", 7},   {"visit", 5}};

/* Answers the last value. */
static const struct json *
find_members(const struct json *root, const struct json *m[M__COUNT])
{
    const struct json *last = NULL;
    size_t at = 0;

    for (struct json_iter it = json_iter(root); json_next(&it);) {
        last = it.value;
        for (size_t i = 0; i < M__COUNT; i++, at = (at + 1) % M__COUNT) {
            if (!str_eq(it.key, member_names[at]))
                continue;
            if (m[at] == NULL) /* the first one counts, as for json_get */
                m[at] = it.value;
            break;
        }
    }
    return last;
}

enum err
hit_read(struct str text, struct arena *a, struct hit *out, struct diag *d)
{
    const struct json *root = NULL, *last, *m[M__COUNT] = {0};
    struct hit h = {0};
    int kind, source;
    enum err rc;

    rc = json_parse(text, a, &root, d);
    if (rc == ERR_NOMEM)
        return rc;
    last = json_is(root, JSON_OBJECT) ? find_members(root, m) : NULL;
    kind = name_index(json_str(m[M_KIND]), kind_names, sizeof kind_names / sizeof *kind_names);
    source = name_index(json_str(m[M_SOURCE]), source_names, 3);
    if (kind < 0 || source < 0)
        return diag_set(d, ERR_CORRUPT, "record is not a hit");
    h.kind = (enum hit_kind)kind;
    h.source = (enum hit_source)source;
    h.scope = json_str(m[M_SCOPE]);
    h.dataset = json_str(m[M_DATASET]);
    h.schema = json_str(m[M_SCHEMA]);
    h.batch = json_str(m[M_BATCH]);
    h.datastream = json_str(m[M_DATASTREAM]);
    h.request_id = json_str(m[M_REQUEST_ID]);
    h.region = json_str(m[M_REGION]);
    h.accepted_us = json_i64(m[M_ACCEPTED_US], 0);
    h.event_id = json_str(m[M_EVENT_ID]);
    h.event_ms = json_i64(m[M_EVENT_MS], 0);
    h.audience = json_str(m[M_AUDIENCE]);
    h.run = (uint64_t)json_i64(m[M_RUN], 0);
    h.upsert = json_bool(m[M_UPSERT], false);
    h.lake_only = json_bool(m[M_LAKE_ONLY], false);
    h.xdm = m[M_XDM];
    h.consent = m[M_CONSENT];
    h.segments = m[M_SEGMENTS];
    h.profile_params = m[M_PROFILE_PARAMS];
    if (h.xdm != NULL && h.xdm == last && text.p[text.n - 1] == '}')
        h.xdm_text = last_xdm(text);
    rc = identity_map_read(m[M_IDENTITY_MAP], "identityMap", a, &h.identities, d);
    if (rc == ERR_OK)
        rc = read_decisions(m[M_DECISIONS], a, &h, d);
    if (rc == ERR_OK)
        rc = read_notices(m[M_NOTICES], a, &h, d);
    if (rc == ERR_OK)
        rc = read_visit(m[M_VISIT], a, &h, d);
    if (rc == ERR_OK)
        *out = h;
    return rc == ERR_INVALID || rc == ERR_LIMIT ? ERR_CORRUPT : rc;
}

const struct identity *
hit_owner(const struct hit *h)
{
    const struct identity *id = identity_primary(&h->identities);

    if (id == NULL)
        id = identity_find(&h->identities, S("ECID"));
    if (id == NULL && h->identities.n > 0)
        id = &h->identities.items[0];
    return id;
}
