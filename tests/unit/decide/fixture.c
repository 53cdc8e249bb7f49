/* fixture.c - see fixture.h. */
#include "fixture.h"

const struct json *
fixture_json(struct t *t, const char *text)
{
    struct str copy = arena_str(t->arena, str_of(text));
    const struct json *root = NULL;
    char *p = (char *)(uintptr_t)copy.p;

    for (size_t i = 0; i < copy.n; i++) {
        if (p[i] == '\'')
            p[i] = '"';
    }
    CHECK_OK(json_parse(copy, t->arena, &root, d));
    return root;
}

static const struct json *const *
list(struct t *t, const struct json *root, struct str name, size_t *n)
{
    const struct json *v = json_get(root, name);
    struct json_iter it = json_iter(v);
    const struct json **out;

    *n = json_count(v);
    out = ARENA_ARRAY(t->arena, const struct json *, *n + 1);
    for (size_t i = 0; json_next(&it); i++)
        out[i] = it.value;
    return out;
}

struct decide_source
fixture_source(struct t *t, const char *text)
{
    const struct json *root = fixture_json(t, text);
    struct decide_source src = {.client = S("acme"), .token_key = FIXTURE_KEY};

    src.activities = list(t, root, S("activities"), &src.activity_count);
    src.offers = list(t, root, S("offers"), &src.offer_count);
    src.audiences = list(t, root, S("audiences"), &src.audience_count);
    src.properties = list(t, root, S("properties"), &src.property_count);
    src.groups = list(t, root, S("groups"), &src.group_count);
    src.response_tokens = list(t, root, S("responseTokens"), &src.response_token_count);
    return src;
}

struct fixture
fixture_new(struct t *t, const char *text)
{
    struct decide_source src = fixture_source(t, text);
    struct fixture f = {0};

    CHECK_OK(decide_compile(&src, &f.set, d));
    buf_init(&f.out, 4u << 20);
    return f;
}

void
fixture_free(struct fixture *f)
{
    decide_free(f->set);
    buf_deinit(&f->out);
}

struct fixture_request
fixture_request(struct t *t, const char *key, const char *scopes)
{
    struct fixture_request rq = {.now_ms = FIXTURE_NOW, .visitor_key = str_of(key)};
    struct str rest = str_of(scopes), piece;
    struct str *items = ARENA_ARRAY(t->arena, struct str, 32);

    while (rq.scope_count < 32 && str_split(&rest, ',', &piece))
        items[rq.scope_count++] = piece;
    rq.scopes = items;
    return rq;
}

/* The stored attributes, under those that the request brings, and what he was given before. */
static void
fill_visitor(struct visitor *v, const struct fixture_request *rq, struct arena *a)
{
    const struct json *lists[] = {rq->profile_params, json_get(rq->target, S("profile")), rq->target};
    struct hit_decision *decisions = ARENA_ARRAY(a, struct hit_decision, rq->assignment_count + 1);
    struct hit_visit visit = {.tnt_id = S("")};
    struct hit h = {.kind = HIT_VISIT, .visit = &visit, .decisions = decisions};

    for (size_t i = 0; decisions != NULL && i < rq->assignment_count; i++)
        decisions[h.decision_count++] = (struct hit_decision){
            .activity = rq->assignments[i].activity, .experience = rq->assignments[i].experience, .sticky = true};
    visitor_fold(v, &h, rq->now_ms, 0, NULL, NULL);
    v->sessions = rq->first_session ? 1 : 2;
    for (size_t i = 0; i < 3; i++) {
        struct json_iter it = json_iter(lists[i]);
        while (json_is(lists[i], JSON_OBJECT) && json_next(&it)) {
            struct buf b;
            if (i == 2 && !str_starts(it.key, S("profile.")))
                continue;
            buf_init_in(&b, a, 65536);
            json_write(&b, it.value);
            (void)visitor_set(v, i == 2 ? str_slice(it.key, 8, it.key.n) : it.key, buf_str(&b), rq->now_ms);
        }
    }
}

enum err
fixture_propositions(const struct decide_set *s, const struct fixture_request *rq, struct arena *a, struct buf *out,
                     struct decision_result *result, struct diag *d)
{
    struct visitor v;
    struct decision_request q = {.now_ms = rq->now_ms,
                                 .visitor_key = rq->visitor_key,
                                 .visitor = &v,
                                 .property_token = rq->property_token,
                                 .url = rq->url,
                                 .referrer = rq->referrer,
                                 .user_agent = rq->user_agent,
                                 .language = rq->language,
                                 .geo = rq->geo,
                                 .attributes = rq->attributes,
                                 .in_audience = rq->in_audience,
                                 .remote = rq->remote,
                                 .ctx = rq->ctx};
    struct decision_ask ask = {
        .parameters = rq->target, .xdm = rq->xdm, .schemas = rq->schemas, .schema_count = rq->schema_count};
    struct decision *x;
    size_t before = out->n;
    enum err rc;

    visitor_init(&v, a);
    fill_visitor(&v, rq, a);
    rc = a->refused ? diag_set(d, ERR_LIMIT, "no memory") : decision_begin(s, &q, a, &x, d);
    *result = (struct decision_result){0};
    for (size_t i = 0; rc == ERR_OK && i < rq->scope_count; i++) {
        struct decision_result one;
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = str_eq(rq->scopes[k], rq->scopes[i]);
        ask.name = rq->scopes[i];
        ask.kind = str_eq(ask.name, S("__view__")) ? AT_PAGE : AT_MBOX;
        if (again)
            continue;
        rc = decision_at(x, &ask, FORMAT_EDGE, out, &one, d);
        if (rc == ERR_OK && one.n > 0) {
            result->n += one.n;
            result->taken = one.taken + one.n - result->n;
        }
    }
    if (rc != ERR_OK)
        out->n = before;
    return rc;
}

static bool
is_click(const struct json *proposition)
{
    return str_starts(json_str(json_path(proposition, S("scopeDetails.characteristics.eventToken"))), S("v2."));
}

/* Those of clicks, or the others. */
static const struct json *
only(struct t *t, const struct json *propositions, bool clicks)
{
    struct json_iter it = json_iter(propositions);
    const struct json *out = NULL;
    struct buf text;
    struct jw w;

    buf_init(&text, 8 << 20);
    w = jw_to(&text);
    jw_array(&w);
    while (json_next(&it)) {
        if (is_click(it.value) == clicks)
            jw_json(&w, it.value);
    }
    jw_end(&w);
    CHECK_OK(json_parse(arena_str(t->arena, buf_str(&text)), t->arena, &out, d));
    buf_deinit(&text);
    return out;
}

void
fixture_ask(struct t *t, struct fixture *f, const struct fixture_request *rq)
{
    const struct json *all;
    struct str text;

    buf_clear(&f->out);
    CHECK_OK(fixture_propositions(f->set, rq, t->arena, &f->out, &f->result, d));
    text = arena_printf(t->arena, "[%.*s]", STR_ARG(buf_str(&f->out)));
    CHECK_OK(json_parse(text, t->arena, &all, d));
    f->clicks = only(t, all, true);
    f->answer = json_count(f->clicks) > 0 ? only(t, all, false) : all;
    CHECK_EQ(json_count(f->answer), f->result.n);
}

struct str
fixture_summary(struct t *t, const struct fixture *f)
{
    struct json_iter it = json_iter(f->answer);
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; json_next(&it); i++) {
        struct str activity = json_str(json_path(it.value, S("scopeDetails.activity.id")));
        struct str experience = json_str(json_path(it.value, S("scopeDetails.experience.id")));
        struct str scope = json_str(json_get(it.value, S("scope")));
        /* What is reported as taken is what was delivered. */
        CHECK_STR(f->result.taken[i].activity, activity);
        CHECK_STR(f->result.taken[i].experience, experience);
        CHECK_STR(f->result.taken[i].scope, scope);
        buf_printf(&b, "%s%.*s:%.*s@%.*s", i ? " " : "", STR_ARG(activity), STR_ARG(experience), STR_ARG(scope));
    }
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

struct str
fixture_content(const struct fixture *f)
{
    const struct json *item = json_at(json_get(json_at(f->answer, 0), S("items")), 0);

    return json_str(json_path(item, S("data.content")));
}
