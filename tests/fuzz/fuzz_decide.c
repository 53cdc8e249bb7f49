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
#include "decide/decide.h"

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
check_answer(struct str answer, const struct decide_result *result, struct arena *a)
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

static void
decide(const struct json *root, const struct decide_set *set, struct arena *a)
{
    struct str scopes[LIST_MAX + 1], schemas[LIST_MAX];
    struct decide_assignment kept = {json_str(json_get(root, S("activity"))),
                                     json_str(json_get(root, S("experience")))};
    struct decide_request rq = {
        .now_ms = json_i64(json_get(root, S("now")), 0),
        .visitor_key = S("38digits"),
        .property_token = json_str(json_get(root, S("token"))),
        .url = json_str(json_get(root, S("url"))),
        .referrer = json_str(json_get(root, S("referrer"))),
        .user_agent = json_str(json_get(root, S("agent"))),
        .language = json_str(json_get(root, S("language"))),
        .xdm = json_get(root, S("xdm")),
        .target = json_get(root, S("target")),
        .profile_params = json_get(root, S("profile")),
        .attributes = json_get(root, S("attributes")),
        .scopes = scopes,
        .schemas = schemas,
        .schema_count = read_texts(root, S("schemas"), schemas),
        .assignments = &kept,
        .assignment_count = 1,
        .in_audience = in_audience,
    };
    struct decide_result result = {0};
    struct diag d = DIAG_INIT;
    struct buf out;

    rq.scope_count = read_texts(root, S("scopes"), scopes);
    scopes[rq.scope_count++] = S("__view__");
    buf_init(&out, 1u << 22);
    if (decide_propositions(set, &rq, a, &out, &result, &d) == ERR_OK)
        check_answer(buf_str(&out), &result, a);
    else
        CHECK(out.n == 0);
    buf_deinit(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json *root = NULL;
    struct decide_set *set = NULL;
    struct list activities, offers, audiences, properties;
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
        if (decide_compile(&src, &set, &d) == ERR_OK)
            decide(root, set, &a);
        decide_free(set);
    }
    arena_deinit(&a);
    return 0;
}
