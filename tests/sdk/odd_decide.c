/* odd_decide.c - our decisions and our artifact, a JSON line for a JSON line: the other side of target_diff_test.mjs
 * and of bench/run decide.
 *
 *   {"set":{"activities":[..],"offers":[..],"audiences":[..],"properties":[..],"responseTokens":[..]},"client","now"}
 *      -> the artifact
 *   {"key":"<visitor key>","now":ms,"property":"","mboxes":[{"name","parameters"}],"page":{"parameters"},"views":true,
 *    "url","referrer","userAgent","geo","execute":true}
 *      -> {"mboxes":[{"taken":["1001:0"],"options":[..]},..],"page":{..},"views":[{"name","options"}]}
 *   {"keep":{a request}} the same, and it is kept; {"repeat":n} decides all that were kept n times over
 *      -> {"decisions":..,"seconds":..}
 *
 * Members that are absent are not asked. A line that fails is answered {"error":".."}. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec/json_writer.h"
#include "decide/decision.h"
#include "decide/odd.h"

#define LINE_BYTES (64u << 20)
#define KEPT_MAX 4096
#define TOKEN_KEY ((struct hash_key){1, 2})

struct asked;

struct driver {
    struct arena set_arena, arena, kept_arena;
    struct decide_source objects;
    struct decide_set *set;
    struct buf answer;
    const struct asked *kept[KEPT_MAX]; /* requests, for repeat */
    size_t kept_count;
    struct diag d;
};

static const struct json *const *
list_of(struct arena *a, const struct json *set, struct str name, size_t *n)
{
    struct json_iter it = json_iter(json_get(set, name));
    const struct json **out = ARENA_ARRAY(a, const struct json *, json_count(json_get(set, name)) + 1);

    for (*n = 0; json_next(&it); (*n)++)
        out[*n] = it.value;
    return out;
}

static enum err
load_set(struct driver *x, const struct json *line)
{
    const struct json *set = json_get(line, S("set"));
    struct decide_source *o = &x->objects;
    struct odd_source src = {.org = S("ORG@AdobeOrg"), .environment = S("production"), .objects = o};
    struct odd_artifact artifact;
    enum err rc;

    decide_free(x->set);
    x->set = NULL;
    *o = (struct decide_source){.client = json_str(json_get(line, S("client"))),
                                .token_key = TOKEN_KEY,
                                .zone_minutes = (int)json_i64(json_get(line, S("zoneMinutes")), 0)};
    o->activities = list_of(&x->set_arena, set, S("activities"), &o->activity_count);
    o->offers = list_of(&x->set_arena, set, S("offers"), &o->offer_count);
    o->audiences = list_of(&x->set_arena, set, S("audiences"), &o->audience_count);
    o->properties = list_of(&x->set_arena, set, S("properties"), &o->property_count);
    o->groups = list_of(&x->set_arena, set, S("groups"), &o->group_count);
    o->response_tokens = list_of(&x->set_arena, set, S("responseTokens"), &o->response_token_count);
    rc = decide_compile(o, &x->set, &x->d);
    src.set = x->set;
    src.now_ms = json_i64(json_get(line, S("now")), 0);
    if (rc == ERR_OK)
        rc = odd_generate(&src, &x->arena, &artifact, &x->d);
    if (rc == ERR_OK)
        buf_put(&x->answer, artifact.text);
    return rc;
}

/* ---- one visitor ---- */

#define ASKS_MAX 64

struct asked {
    struct decision_request rq;
    struct decision_ask asks[ASKS_MAX];
    size_t n;
    enum decision_format format;
};

static enum err
read_request(struct driver *x, const struct json *line, struct asked *q)
{
    const struct json *page = json_get(line, S("page")), *parameters = json_get(page, S("parameters"));
    struct json_iter it = json_iter(json_get(line, S("mboxes")));

    *q = (struct asked){.rq = {.now_ms = json_i64(json_get(line, S("now")), 0),
                               .visitor_key = json_str(json_get(line, S("key"))),
                               .property_token = json_str(json_get(line, S("property"))),
                               .url = json_str(json_get(line, S("url"))),
                               .referrer = json_str(json_get(line, S("referrer"))),
                               .user_agent = json_str(json_get(line, S("userAgent"))),
                               .geo = json_get(line, S("geo"))},
                        .format = json_bool(json_get(line, S("execute")), false) ? FORMAT_EXECUTE : FORMAT_PREFETCH};
    if (json_count(json_get(line, S("mboxes"))) > ASKS_MAX - 2)
        return diag_set(&x->d, ERR_LIMIT, "at most %d mboxes are asked", ASKS_MAX - 2);
    while (json_next(&it))
        q->asks[q->n++] = (struct decision_ask){.kind = AT_MBOX,
                                                .name = json_str(json_get(it.value, S("name"))),
                                                .parameters = json_get(it.value, S("parameters"))};
    if (page != NULL)
        q->asks[q->n++] = (struct decision_ask){.kind = AT_PAGE, .name = S("__view__"), .parameters = parameters};
    if (json_bool(json_get(line, S("views")), false))
        q->asks[q->n++] = (struct decision_ask){.kind = AT_VIEWS, .parameters = parameters};
    return ERR_OK;
}

/* {"name":"m0","options":[..],..,"taken":[..]}: the members of a delivery answer come with a comma in front. */
static enum err
put_item(struct driver *x, struct decision *decision, const struct asked *q, size_t i)
{
    struct decision_result result = {0};
    enum err rc;

    buf_put(&x->answer, S("{\"name\":"));
    json_quote(&x->answer, q->asks[i].name);
    rc = decision_at(decision, &q->asks[i], q->format, &x->answer, &result, &x->d);
    buf_put(&x->answer, S(",\"taken\":["));
    for (size_t k = 0; k < result.n; k++)
        buf_printf(&x->answer, "%s\"%.*s:%.*s\"", k ? "," : "", STR_ARG(result.taken[k].activity),
                   STR_ARG(result.taken[k].experience));
    buf_put(&x->answer, S("]}"));
    return rc;
}

static enum err
put_views(struct driver *x, struct decision *decision, const struct asked *q, size_t i)
{
    struct decision_result result;
    enum err rc;

    buf_put(&x->answer, S(",\"views\":["));
    rc = decision_at(decision, &q->asks[i], q->format, &x->answer, &result, &x->d);
    buf_putc(&x->answer, ']');
    return rc;
}

static enum err
decide(struct driver *x, const struct asked *q)
{
    struct decision *decision;
    size_t i = 0;
    enum err rc = decision_begin(x->set, &q->rq, &x->arena, &decision, &x->d);

    buf_put(&x->answer, S("{\"mboxes\":["));
    for (; rc == ERR_OK && i < q->n && q->asks[i].kind == AT_MBOX; i++) {
        if (i > 0)
            buf_putc(&x->answer, ',');
        rc = put_item(x, decision, q, i);
    }
    buf_putc(&x->answer, ']');
    for (; rc == ERR_OK && i < q->n; i++) {
        if (q->asks[i].kind == AT_PAGE) {
            buf_put(&x->answer, S(",\"page\":"));
            rc = put_item(x, decision, q, i);
        } else {
            rc = put_views(x, decision, q, i);
        }
    }
    buf_putc(&x->answer, '}');
    return rc;
}

static enum err
decide_line(struct driver *x, const struct json *line)
{
    struct asked q;
    enum err rc = read_request(x, line, &q);

    return rc == ERR_OK ? decide(x, &q) : rc;
}

/* ---- measuring ---- */

static enum err
keep(struct driver *x, const struct json *line)
{
    struct asked *q = ARENA_NEW(&x->kept_arena, struct asked);
    enum err rc;

    if (q == NULL || x->kept_count == KEPT_MAX)
        return diag_set(&x->d, ERR_LIMIT, "at most %d requests are kept", KEPT_MAX);
    rc = read_request(x, line, q);
    if (rc != ERR_OK)
        return rc;
    x->kept[x->kept_count++] = q;
    return decide(x, q);
}

/* Only what a server does for a request: begin, and decide each location into the answer. */
static enum err
decide_bare(struct driver *x, const struct asked *q)
{
    struct decision *decision;
    struct decision_result result;
    enum err rc = decision_begin(x->set, &q->rq, &x->arena, &decision, &x->d);

    for (size_t i = 0; rc == ERR_OK && i < q->n; i++)
        rc = decision_at(decision, &q->asks[i], q->format, &x->answer, &result, &x->d);
    return rc;
}

static double
cpu_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the clock exists everywhere we run */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum err
repeat(struct driver *x, int64_t times)
{
    double began = cpu_seconds();
    enum err rc = ERR_OK;

    for (int64_t i = 0; i < times && rc == ERR_OK; i++) {
        for (size_t k = 0; k < x->kept_count && rc == ERR_OK; k++) {
            buf_clear(&x->answer);
            arena_reset(&x->arena);
            rc = decide_bare(x, x->kept[k]);
        }
    }
    buf_clear(&x->answer);
    buf_printf(&x->answer, "{\"decisions\":%lld,\"seconds\":%.6f}", (long long)(times * (int64_t)x->kept_count),
               cpu_seconds() - began);
    return rc;
}

/* ---- lines ---- */

static enum err
answer(struct driver *x, struct str text)
{
    bool is_set = str_starts(text, S("{\"set\":")), is_kept = str_starts(text, S("{\"keep\":"));
    struct arena *a = is_set ? &x->set_arena : is_kept ? &x->kept_arena : &x->arena;
    const struct json *line = NULL;
    enum err rc;

    arena_reset(&x->arena);
    if (is_set) {
        arena_reset(&x->set_arena);
        arena_reset(&x->kept_arena);
        x->kept_count = 0;
    }
    rc = json_parse(text, a, &line, &x->d);
    if (rc != ERR_OK)
        return rc;
    if (is_set)
        return load_set(x, line);
    if (json_get(line, S("repeat")) != NULL)
        return repeat(x, json_i64(json_get(line, S("repeat")), 1));
    return is_kept ? keep(x, json_get(line, S("keep"))) : decide_line(x, line);
}

static void
answer_line(struct driver *x, struct str text)
{
    x->d = DIAG_INIT;
    buf_clear(&x->answer);
    if (answer(x, text) != ERR_OK || !buf_ok(&x->answer)) {
        buf_clear(&x->answer);
        buf_put(&x->answer, S("{\"error\":"));
        json_quote(&x->answer, str_of(x->d.what));
        buf_putc(&x->answer, '}');
    }
    fwrite(x->answer.p, 1, x->answer.n, stdout);
    putchar('\n');
    fflush(stdout);
}

int
main(void)
{
    struct driver x = {.set = NULL};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    arena_init(&x.set_arena, 1u << 30);
    arena_init(&x.arena, 1u << 30);
    arena_init(&x.kept_arena, 1u << 30);
    buf_init(&x.answer, LINE_BYTES);
    while ((n = getline(&line, &cap, stdin)) > 0)
        answer_line(&x, str_trim((struct str){line, (size_t)n}));
    free(line);
    decide_free(x.set);
    buf_deinit(&x.answer);
    arena_deinit(&x.arena);
    arena_deinit(&x.set_arena);
    arena_deinit(&x.kept_arena);
    return 0;
}
