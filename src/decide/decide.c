/* decide.c - the decision itself [TARGET 2.3, 2.4].
 *
 * One pass over the placements of each asked scope, in list order (highest priority first). What is found out about an
 * activity or an audience during a request is kept for the rest of it, so an activity in five scopes is decided once
 * and a rule shared by fifty activities is evaluated once.
 *
 *   plain location   the first activity that takes the visitor; the rest never sees him
 *   __view__         all that take him, views included; at most one of them form-based, and only if it ranks first;
 *                    delivered in ascending priority, so that the highest writes last
 *
 * A decision made is a decision kept: when the client takes none of the items (schemas), the location stays empty
 * rather than going to the next activity, and nothing is counted (OURS). */
#include "codec/json_writer.h"
#include "decide/decide_int.h"

#define UNDECIDED 0 /* else: 1 is "not in", and 2 + n is experience n */
_Static_assert(LIMIT_EXPERIENCES + 2 < UINT16_MAX, "an experience fits the decision table");

enum truth { UNKNOWN, NO, YES };

struct run {
    const struct decide_set *s;
    const struct decide_request *rq;
    struct arena *a;
    struct buf *out;
    struct diag *d;
    struct decision_request facts; /* of the request, as fields read them */
    struct decision_ask ask;
    struct visitor visitor;
    struct request_view view;
    struct proposition_filter filter;
    uint32_t property;         /* index of the request's property; UINT32_MAX: none that we know */
    uint16_t *decided;         /* by activity */
    unsigned char *truths;     /* by audience, made when the first is asked */
    const struct json **nodes; /* by field: its value as a node, made with truths */
    unsigned char *has_node;
    const struct str **assigned; /* by activity: the assigned experience id, made when the first is asked */
    struct decide_taken *taken;
    size_t taken_count, taken_cap;
    size_t written;
    enum err rc;
};

static void
fail(struct run *r, const char *what)
{
    r->rc = diag_set(r->d, ERR_LIMIT, "decisions: %s", what);
}

/* ---- audiences ---- */

/* A text as a JSON node: what a rule's parameter is. */
static const struct json *
text_node(struct run *r, struct str text)
{
    const struct json *node = NULL;
    struct diag d = DIAG_INIT;
    struct buf b;

    buf_init(&b, LIMIT_EDGE_BODY_BYTES);
    json_quote(&b, text);
    if (!buf_ok(&b) || json_parse(buf_str(&b), r->a, &node, &d) != ERR_OK)
        node = NULL;
    buf_deinit(&b);
    return node;
}

/* The value of a field of the set; NULL: absent. */
static const struct json *
field_node(struct run *r, uint32_t index)
{
    struct str text;

    if (!r->has_node[index] || field_per_activity(r->s->fields[index])) {
        r->has_node[index] = 1;
        r->nodes[index] = NULL;
        if (request_field(&r->view, r->s->fields[index], &text, &r->nodes[index]) && r->nodes[index] == NULL)
            r->nodes[index] = text_node(r, text);
    }
    return r->nodes[index];
}

static bool
evaluate(struct run *r, const struct audience *au)
{
    size_t n = au->rule.field_count;
    const struct json **params = ARENA_ARRAY(r->a, const struct json *, n ? n : 1);
    struct rule_env env = {.now_ms = r->rq->now_ms,
                           .in_segment = r->rq->in_audience,
                           .ctx = r->rq->ctx,
                           .params = params,
                           .param_count = n};
    struct diag d = DIAG_INIT;
    struct value v;

    if (params == NULL) {
        fail(r, "request memory is used up");
        return false;
    }
    for (size_t i = 0; i < n; i++)
        params[i] = field_node(r, au->fields[i]);
    /* A rule that runs out of steps was not evaluated, and only a rule that was may let a visitor in. */
    return rule_eval(au->rule.rule, &env, r->a, &v, &d) == ERR_OK && value_truth(v);
}

static bool
begin_audiences(struct run *r)
{
    size_t fields = r->s->field_count ? r->s->field_count : 1;

    r->nodes = ARENA_ARRAY(r->a, const struct json *, fields);
    r->has_node = arena_calloc(r->a, fields, 1);
    r->truths = r->nodes && r->has_node ? arena_calloc(r->a, r->s->audience_count, 1) : NULL;
    return r->truths != NULL;
}

static bool
audience_matches(struct run *r, uint32_t index)
{
    const struct audience *au = &r->s->audiences[index];
    bool yes;

    if (r->truths == NULL && !begin_audiences(r)) {
        fail(r, "request memory is used up");
        return false;
    }
    if (r->truths[index] != UNKNOWN && !au->per_activity)
        return r->truths[index] == YES;
    if (au->hub)
        yes = r->rq->in_audience != NULL && r->rq->in_audience(r->rq->ctx, au->id);
    else
        yes = !au->broken && evaluate(r, au);
    r->truths[index] = yes ? YES : NO;
    return yes;
}

static bool
all_match(void *ctx, const struct audience_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!audience_matches(ctx, list->items[i]))
            return false;
    }
    return true;
}

/* ---- one activity ---- */

static bool
is_live(const struct run *r, const struct activity *a)
{
    return r->rq->now_ms >= a->starts_ms && r->rq->now_ms < a->ends_ms;
}

static bool
property_fits(const struct run *r, const struct activity *a)
{
    for (size_t i = 0; i < a->property_count; i++) {
        if (a->properties[i] == r->property && r->property != UINT32_MAX)
            return true;
    }
    return a->property_count == 0;
}

/* The visitor's assignments by activity, found once: a list of fifty would else be searched fifty times. */
static const struct str *
assignment(struct run *r, const struct activity *a)
{
    if (r->rq->assignment_count == 0)
        return NULL;
    if (r->assigned == NULL) {
        r->assigned = ARENA_ARRAY(r->a, const struct str *, r->s->activity_count);
        if (r->assigned == NULL) {
            fail(r, "request memory is used up");
            return NULL;
        }
        for (size_t i = 0; i < r->rq->assignment_count; i++) {
            const struct activity *of = map_get(&r->s->activity_index, r->rq->assignments[i].activity);
            if (of != NULL)
                r->assigned[of - r->s->activities] = &r->rq->assignments[i].experience;
        }
    }
    return r->assigned[a - r->s->activities];
}

static int
find_experience(const struct activity *a, const struct str *id)
{
    for (size_t i = 0; id != NULL && i < a->experience_count; i++) {
        if (str_eq(a->experiences[i].id, *id))
            return (int)i;
    }
    return -1;
}

/* The first experience whose audiences match, tested anew at each request; traffic admits by the same hash as A/B. */
static int
choose_targeted(struct run *r, const struct activity *a)
{
    static const unsigned everyone = 100;

    if (!all_match(r, &a->entry))
        return -1;
    if (a->traffic_percent < 100 && decide_choose(activity_bucket(a, r->rq->visitor_key), &everyone, 1, a->traffic_percent) < 0)
        return -1;
    for (size_t i = 0; i < a->experience_count; i++) {
        if (all_match(r, &a->experiences[i].audiences))
            return (int)i;
    }
    return -1;
}

/* A member keeps his experience while it exists, whatever became of entry audiences and traffic. */
static int
choose_split(struct run *r, const struct activity *a)
{
    int e = find_experience(a, assignment(r, a));

    if (e < 0 && all_match(r, &a->entry))
        e = decide_choose(activity_bucket(a, r->rq->visitor_key), a->percent, a->experience_count, a->traffic_percent);
    return e >= 0 && all_match(r, &a->experiences[e].audiences) ? e : -1;
}

/* Index of the experience, or -1. */
static int
decide_activity(struct run *r, uint32_t index)
{
    const struct activity *a = &r->s->activities[index];
    int e = -1;

    if (r->decided[index] != UNDECIDED)
        return (int)r->decided[index] - 2;
    r->view.activity = a;
    if (is_live(r, a) && property_fits(r, a))
        e = a->xt ? choose_targeted(r, a) : choose_split(r, a);
    r->decided[index] = (uint16_t)(e + 2);
    return e;
}

/* ---- answers ---- */

static void
add_taken(struct run *r, const struct placement *p, const struct activity *a, int e)
{
    if (r->taken_count == r->taken_cap) {
        size_t cap = r->taken_cap ? r->taken_cap * 2 : 16;
        struct decide_taken *taken = ARENA_ARRAY(r->a, struct decide_taken, cap);
        if (taken == NULL) {
            fail(r, "request memory is used up");
            return;
        }
        if (r->taken_count > 0)
            memcpy(taken, r->taken, r->taken_count * sizeof(*taken));
        r->taken = taken;
        r->taken_cap = cap;
    }
    r->taken[r->taken_count++] = (struct decide_taken){
        .activity = a->id,
        .experience = a->experiences[e].id,
        .scope = p->scope,
        .entered = assignment(r, a) == NULL,
        .sticky = !a->xt,
    };
}

static void
deliver(struct run *r, const struct placement *p, int e)
{
    size_t before = r->out->n;

    r->view.activity = &r->s->activities[p->activity];
    if (r->written > 0)
        buf_putc(r->out, ',');
    if (!proposition_write(&p->propositions[e], &r->filter, &r->view, r->out)) {
        r->out->n = before;
        return;
    }
    if (!buf_ok(r->out)) {
        fail(r, "the answer is too large");
        return;
    }
    r->written++;
    add_taken(r, p, &r->s->activities[p->activity], e);
}

/* Does the location's own audience let this proposition show at all? */
static bool
shows(struct run *r, const struct proposition *p)
{
    if (p->text.n == 0)
        return false;
    if (!p->conditional)
        return true;
    for (size_t i = 0; i < p->item_count; i++) {
        if (!p->items[i].click && (p->items[i].audiences == NULL || all_match(r, p->items[i].audiences)))
            return true;
    }
    return false;
}

static void
decide_location(struct run *r, const struct location *at)
{
    for (size_t i = 0; i < at->n && r->rc == ERR_OK; i++) {
        const struct placement *p = &at->placements[i];
        int e = decide_activity(r, p->activity);
        if (e >= 0 && shows(r, &p->propositions[e])) {
            deliver(r, p, e);
            return;
        }
    }
}

struct taker {
    const struct placement *placement;
    int experience;
};

/* A form-based activity is delivered only when it ranks first of all that match [TARGET 2.3]; views stand apart. */
static void
decide_page(struct run *r, const struct location *at)
{
    struct taker *takers = ARENA_ARRAY(r->a, struct taker, at->n);
    bool ranked = false;
    size_t n = 0;

    if (takers == NULL) {
        fail(r, "request memory is used up");
        return;
    }
    for (size_t i = 0; i < at->n && r->rc == ERR_OK; i++) {
        const struct placement *p = &at->placements[i];
        int e = decide_activity(r, p->activity);
        if (e < 0 || !shows(r, &p->propositions[e]))
            continue;
        if (!p->view) {
            if (p->form_based && ranked)
                continue;
            ranked = true;
        }
        takers[n++] = (struct taker){p, e};
    }
    while (n > 0 && r->rc == ERR_OK) {
        n--;
        deliver(r, takers[n].placement, takers[n].experience);
    }
}

/* ---- the request ---- */

static unsigned
accepted_schemas(const struct decide_request *rq)
{
    unsigned mask = 0;

    for (size_t i = 0; i < rq->schema_count; i++)
        mask |= item_schema_bit(rq->schemas[i]);
    return rq->schema_count == 0 ? ITEM_MASK_ALL : mask;
}

/* Surfaces in the form in which they are compiled; other scopes as they are. */
static const struct str *
asked_scopes(struct run *r)
{
    const struct decide_request *rq = r->rq;
    struct str *scopes = NULL;

    for (size_t i = 0; i < rq->scope_count; i++) {
        struct str scope = surface_canonical(rq->scopes[i], r->a);
        if (scope.p == rq->scopes[i].p && scopes == NULL)
            continue;
        if (scopes == NULL) {
            scopes = ARENA_ARRAY(r->a, struct str, rq->scope_count);
            if (scopes != NULL && i > 0)
                memcpy(scopes, rq->scopes, i * sizeof(*scopes));
        }
        if (scopes == NULL || scope.p == NULL) {
            fail(r, "request memory is used up");
            return NULL;
        }
        scopes[i] = scope;
    }
    return scopes != NULL ? scopes : rq->scopes;
}

static bool
asked_before(const struct str *scopes, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (str_eq(scopes[j], scopes[i]))
            return true;
    }
    return false;
}

/* ---- the request as fields read it ---- */

static bool
keep_attribute(struct run *r, struct str name, const struct json *value)
{
    struct buf b;
    bool ok;

    if (json_is(value, JSON_OBJECT) || json_is(value, JSON_NULL))
        return true;
    buf_init_in(&b, r->a, LIMIT_VISITOR_ATTRIBUTE_BYTES);
    json_write(&b, value);
    ok = buf_ok(&b);
    if (ok)
        (void)visitor_set(&r->visitor, name, buf_str(&b), r->rq->now_ms); /* past the limit: absent */
    return ok;
}

/* Stored attributes, then this request's profile.<name>, flat or as an object. */
static void
read_visitor(struct run *r)
{
    struct json_iter stored = json_iter(r->rq->profile_params), flat = json_iter(r->rq->target);
    struct json_iter nested = json_iter(json_get(r->rq->target, S("profile")));
    bool ok = true;

    visitor_init(&r->visitor, r->a);
    r->visitor.sessions = r->rq->first_session ? 1 : 2;
    while (ok && json_next(&stored))
        ok = keep_attribute(r, stored.key, stored.value);
    while (ok && json_next(&nested))
        ok = keep_attribute(r, nested.key, nested.value);
    while (ok && json_next(&flat)) {
        if (str_starts(flat.key, S("profile.")))
            ok = keep_attribute(r, str_slice(flat.key, 8, flat.key.n), flat.value);
    }
    if (!ok)
        fail(r, "request memory is used up");
}

static void
read_request(struct run *r)
{
    const struct decide_request *rq = r->rq;

    read_visitor(r);
    r->facts = (struct decision_request){
        .now_ms = rq->now_ms,
        .visitor_key = rq->visitor_key,
        .visitor = &r->visitor,
        .url = rq->url,
        .referrer = rq->referrer,
        .user_agent = rq->user_agent,
        .language = rq->language,
        .attributes = rq->attributes,
        .in_audience = rq->in_audience,
        .ctx = rq->ctx,
    };
    r->ask = (struct decision_ask){.parameters = rq->target, .xdm = rq->xdm};
    r->view = (struct request_view){
        .rq = &r->facts, .ask = &r->ask, .key = r->s->token_key, .zone_minutes = r->s->zone_minutes, .arena = r->a};
}

enum err
decide_propositions(const struct decide_set *s, const struct decide_request *rq, struct arena *a, struct buf *out,
                    struct decide_result *result, struct diag *d)
{
    struct run r = {.s = s, .rq = rq, .a = a, .out = out, .d = d, .property = UINT32_MAX};
    const struct str *scopes;
    size_t before = out->n;

    read_request(&r);
    r.filter = (struct proposition_filter){accepted_schemas(rq), all_match, &r};
    if (rq->property_token.n > 0) {
        size_t found = (size_t)(uintptr_t)map_get(&s->properties, rq->property_token);
        r.property = found > 0 ? (uint32_t)(found - 1) : UINT32_MAX;
    }
    r.decided = ARENA_ARRAY(a, uint16_t, s->activity_count ? s->activity_count : 1);
    if (r.decided == NULL)
        fail(&r, "request memory is used up");
    scopes = asked_scopes(&r);
    for (size_t i = 0; i < rq->scope_count && r.rc == ERR_OK; i++) {
        const struct location *at = map_get(&s->locations, scopes[i]);
        if (at == NULL || asked_before(scopes, i))
            continue;
        if (at == s->page)
            decide_page(&r, at);
        else
            decide_location(&r, at);
    }
    if (r.rc != ERR_OK) {
        out->n = before;
        return r.rc;
    }
    *result = (struct decide_result){r.taken, r.taken_count};
    return ERR_OK;
}
