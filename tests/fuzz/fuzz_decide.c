/* fuzz_decide.c - any JSON as activities, offers, audiences, properties and request: checked, compiled, decided.
 *
 *   {"activities":[..],"offers":[..],"audiences":[..],"properties":[..],"scopes":[..],"schemas":[..],
 *    "xdm":..,"target":..,"profile":..,"attributes":..,"url":"..","agent":"..","now":0}
 *
 * What comes out must be JSON again, one proposition for each thing taken, each with a token that reads back. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/log.h"
#include "decide/decision.h"

#define KEY ((struct hash_key){1, 2})
#define LIST_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct list {
    const struct json *items[LIST_MAX];
    size_t n;
};

static struct list
read_list(const struct json *root, struct str name)
{
    struct json_iter it = json_iter(json_get(root, name));
    struct list l = {.n = 0};

    while (l.n < LIST_MAX && json_next(&it))
        l.items[l.n++] = it.value;
    return l;
}

static size_t
read_texts(const struct json *root, struct str name, struct str *out)
{
    struct list l = read_list(root, name);

    for (size_t i = 0; i < l.n; i++)
        out[i] = json_str(l.items[i]);
    return l.n;
}

static bool
in_audience(void *ctx, struct str id)
{
    (void)ctx;
    return id.n % 2 == 0;
}

/* The answer reads, and its tokens are ours. */
static void
check_answer(struct str answer, const struct decision_result *result, struct arena *a)
{
    const struct json *root = NULL;
    struct json_iter it;
    struct diag d = DIAG_INIT;
    struct str text = arena_printf(a, "[%.*s]", STR_ARG(answer));
    size_t n = 0;

    CHECK(text.p != NULL);
    if (json_parse(text, a, &root, &d) == ERR_LIMIT)
        return; /* a deep offer is deeper inside an answer; only our own reader minds */
    CHECK(root != NULL);
    it = json_iter(root);
    for (; json_next(&it); n++) {
        const struct json *token = json_path(it.value, S("scopeDetails.characteristics.eventToken"));
        struct decide_token read;
        CHECK(decide_token_read(json_str(token), KEY, a, &read));
        CHECK(n < result->n && str_eq(read.activity, result->taken[n].activity));
        CHECK(str_eq(read.experience, result->taken[n].experience));
        CHECK(str_eq(read.scope, result->taken[n].scope));
        CHECK(json_count(json_get(it.value, S("items"))) > 0);
    }
    CHECK(n == result->n);
}

/* What a visitor brings: attributes, and an experience that he was given before. */
static void
fill_visitor(struct visitor *v, const struct json *root, struct arena *a)
{
    struct json_iter it = json_iter(json_get(root, S("profile")));
    struct hit_decision kept = {.activity = json_str(json_get(root, S("activity"))),
                                .experience = json_str(json_get(root, S("experience"))),
                                .sticky = true};
    struct hit_visit visit = {.tnt_id = S("t")};
    struct hit h = {.kind = HIT_VISIT, .visit = &visit, .decisions = &kept, .decision_count = 1};

    visitor_init(v, a);
    visitor_fold(v, &h, 1000, 0, NULL, NULL);
    while (json_is(json_get(root, S("profile")), JSON_OBJECT) && json_next(&it)) {
        struct buf b;
        buf_init_in(&b, a, 65536);
        json_write(&b, it.value);
        if (buf_ok(&b))
            (void)visitor_set(v, it.key, buf_str(&b), 2000);
    }
}

static bool
remote(void *ctx, struct str url, struct str *content)
{
    (void)ctx;
    *content = S("<b>\"remote\"</b>");
    return url.n % 2 == 0;
}

/* A delivery answer's item, executed or fetched, is JSON, and what was taken has texts. */
static void
deliver(struct decision *x, struct decision_ask *ask, struct arena *a)
{
    static const enum decision_format formats[] = {FORMAT_EXECUTE, FORMAT_PREFETCH};
    struct decision_result result;
    struct diag d = DIAG_INIT;
    const struct json *node;
    struct buf out;

    for (size_t i = 0; i < 2; i++) {
        buf_init(&out, 1u << 22);
        buf_put(&out, S("{\"index\":0"));
        if (decision_at(x, ask, formats[i], &out, &result, &d) == ERR_OK) {
            buf_putc(&out, '}');
            if (ask->kind == AT_MBOX || ask->kind == AT_PAGE) {
                enum err rc = json_parse(buf_str(&out), a, &node, &d);
                CHECK(rc == ERR_OK || rc == ERR_LIMIT);
            }
        }
        buf_deinit(&out);
    }
}

static const struct json *
stored_audience(void *ctx, struct str id)
{
    (void)ctx;
    (void)id;
    return NULL;
}

static void
decide(const struct json *root, const struct decide_set *set, struct arena *a)
{
    struct str scopes[LIST_MAX + 1], schemas[LIST_MAX];
    struct visitor v;
    struct decision_trace trace = {
        .client = S("c"), .session = S("s"), .environment = S("production"), .audience = stored_audience};
    struct decision_request rq = {
        .now_ms = json_i64(json_get(root, S("now")), 0),
        .visitor_key = S("38digits"),
        .visitor = &v,
        .property_token = json_str(json_get(root, S("token"))),
        .url = json_str(json_get(root, S("url"))),
        .referrer = json_str(json_get(root, S("referrer"))),
        .user_agent = json_str(json_get(root, S("agent"))),
        .language = json_str(json_get(root, S("language"))),
        .attributes = json_get(root, S("attributes")),
        .in_audience = in_audience,
        .remote = remote,
        .explain = true,
        .trace = &trace,
        .client_analytics = true,
    };
    struct decision_ask ask = {.parameters = json_get(root, S("target")),
                               .xdm = json_get(root, S("xdm")),
                               .schemas = schemas,
                               .schema_count = read_texts(root, S("schemas"), schemas)};
    size_t n = read_texts(root, S("scopes"), scopes), taken = 0;
    struct decision_result result = {0}, one;
    struct decision *x;
    struct diag d = DIAG_INIT;
    struct buf out;
    bool ok = true;

    scopes[n++] = S("__view__");
    fill_visitor(&v, root, a);
    if (decision_begin(set, &rq, a, &x, &d) != ERR_OK)
        return;
    buf_init(&out, 1u << 22);
    for (size_t i = 0; ok && i < n; i++) {
        ask.name = scopes[i];
        ask.kind = str_eq(ask.name, S("__view__")) ? AT_PAGE : AT_MBOX;
        ok = decision_at(x, &ask, FORMAT_EDGE, &out, &one, &d) == ERR_OK;
        if (!ok || one.n == 0)
            continue;
        taken += one.n;
        result = (struct decision_result){one.taken + one.n - taken, taken};
    }
    if (ok)
        check_answer(buf_str(&out), &result, a);
    buf_deinit(&out);
    if (decision_begin(set, &rq, a, &x, &d) != ERR_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        struct decision_moment moment = {.location = scopes[i], .clicked = i % 2, .page = true};
        struct hit_notice *notices;
        size_t count;
        ask.name = scopes[i];
        ask.kind = (enum decision_kind)(i % 4);
        deliver(x, &ask, a);
        (void)decision_met(x, &ask, &moment, &notices, &count, &d);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json *root = NULL;
    struct decide_set *set = NULL;
    struct list activities, offers, audiences, properties, groups, tokens, allocations;
    struct diag d = DIAG_INIT;
    struct arena a;

    log_set_level(LOG_ERROR);
    arena_init(&a, 64u << 20);
    if (json_parse((struct str){(const char *)data, size}, &a, &root, &d) == ERR_OK) {
        struct decide_source src = {.client = S("acme"), .token_key = KEY};
        activities = read_list(root, S("activities"));
        offers = read_list(root, S("offers"));
        audiences = read_list(root, S("audiences"));
        properties = read_list(root, S("properties"));
        groups = read_list(root, S("groups"));
        tokens = read_list(root, S("responseTokens"));
        allocations = read_list(root, S("allocations"));
        for (size_t i = 0; i < activities.n; i++)
            (void)decide_check_activity(activities.items[i], NULL, &d);
        for (size_t i = 0; i < offers.n; i++)
            (void)decide_check_offer(offers.items[i], &d);
        for (size_t i = 0; i < audiences.n; i++)
            (void)decide_check_audience(audiences.items[i], &d);
        src.activities = activities.items;
        src.activity_count = activities.n;
        src.offers = offers.items;
        src.offer_count = offers.n;
        src.audiences = audiences.items;
        src.audience_count = audiences.n;
        src.properties = properties.items;
        src.property_count = properties.n;
        src.groups = groups.items;
        src.group_count = groups.n;
        src.response_tokens = tokens.items;
        src.response_token_count = tokens.n;
        src.allocations = allocations.items;
        src.allocation_count = allocations.n;
        if (decide_compile(&src, &set, &d) == ERR_OK)
            decide(root, set, &a);
        decide_free(set);
    }
    arena_deinit(&a);
    return 0;
}
