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

struct driver {
    struct arena set_arena, arena, kept_arena;
    struct decide_source objects;
    struct decide_set *set;
    struct buf answer;
    const struct json *kept[KEPT_MAX]; /* requests, for repeat */
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

struct asking {
    struct driver *x;
    struct decision *decision;
    enum decision_format format;
    enum err rc;
};

static struct decision_result
ask_at(struct asking *q, enum decision_kind kind, struct str name, const struct json *parameters)
{
    struct decision_ask ask = {.kind = kind, .name = name, .parameters = parameters};
    struct decision_result result = {0};

    if (q->rc == ERR_OK)
        q->rc = decision_at(q->decision, &ask, q->format, &q->x->answer, &result, &q->x->d);
    return result;
}

/* {"taken":[..],"options":[..],..}: the members of a delivery answer come with a comma in front. */
static void
put_item(struct asking *q, enum decision_kind kind, struct str name, const struct json *parameters)
{
    struct buf *out = &q->x->answer;
    struct decision_result result;

    buf_put(out, S("{\"name\":"));
    json_quote(out, name);
    result = ask_at(q, kind, name, parameters);
    buf_put(out, S(",\"taken\":["));
    for (size_t i = 0; i < result.n; i++)
        buf_printf(out, "%s\"%.*s:%.*s\"", i ? "," : "", STR_ARG(result.taken[i].activity),
                   STR_ARG(result.taken[i].experience));
    buf_put(out, S("]}"));
}

static enum err
decide(struct driver *x, const struct json *line)
{
    struct decision_request rq = {.now_ms = json_i64(json_get(line, S("now")), 0),
                                  .visitor_key = json_str(json_get(line, S("key"))),
                                  .property_token = json_str(json_get(line, S("property"))),
                                  .url = json_str(json_get(line, S("url"))),
                                  .referrer = json_str(json_get(line, S("referrer"))),
                                  .user_agent = json_str(json_get(line, S("userAgent"))),
                                  .geo = json_get(line, S("geo"))};
    struct json_iter it = json_iter(json_get(line, S("mboxes")));
    struct asking q = {.x = x,
                       .format = json_bool(json_get(line, S("execute")), false) ? FORMAT_EXECUTE : FORMAT_PREFETCH};
    const struct json *page = json_get(line, S("page"));
    bool first = true;

    q.rc = decision_begin(x->set, &rq, &x->arena, &q.decision, &x->d);
    buf_put(&x->answer, S("{\"mboxes\":["));
    for (; q.rc == ERR_OK && json_next(&it); first = false) {
        if (!first)
            buf_putc(&x->answer, ',');
        put_item(&q, AT_MBOX, json_str(json_get(it.value, S("name"))), json_get(it.value, S("parameters")));
    }
    buf_put(&x->answer, S("]"));
    if (page != NULL) {
        buf_put(&x->answer, S(",\"page\":"));
        put_item(&q, AT_PAGE, S("__view__"), json_get(page, S("parameters")));
    }
    if (json_bool(json_get(line, S("views")), false)) {
        buf_put(&x->answer, S(",\"views\":["));
        (void)ask_at(&q, AT_VIEWS, S_NULL, json_get(page, S("parameters")));
        buf_put(&x->answer, S("]"));
    }
    buf_putc(&x->answer, '}');
    return q.rc;
}

/* ---- measuring ---- */

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
            rc = decide(x, x->kept[k]);
        }
    }
    buf_clear(&x->answer);
    buf_printf(&x->answer, "{\"decisions\":%lld,\"seconds\":%.6f}", (long long)(times * (int64_t)x->kept_count),
               cpu_seconds() - began);
    return rc;
}

static enum err
keep(struct driver *x, const struct json *line)
{
    if (x->kept_count == KEPT_MAX)
        return diag_set(&x->d, ERR_LIMIT, "at most %d requests are kept", KEPT_MAX);
    x->kept[x->kept_count++] = line;
    return decide(x, line);
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
    return is_kept ? keep(x, json_get(line, S("keep"))) : decide(x, line);
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
