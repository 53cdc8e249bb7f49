/* odd_decide.c - our decisions and our artifact, a JSON line for a JSON line: the other side of target_diff_test.mjs.
 *
 *   {"set":{"activities":[..],"offers":[..],"audiences":[..],"properties":[..]},"client":"acme","now":ms}
 *      -> the artifact
 *   {"key":"<visitor key>","now":ms,"property":"","mboxes":[{"name","parameters"}],"page":{"parameters"},"views":true,
 *    "url","referrer","userAgent","geo"}
 *      -> {"mboxes":["1001:0",""],"page":["5001:0"],"views":{"home":["8001:0"]}}
 *
 * A line that fails is answered {"error":".."}. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_writer.h"
#include "decide/decision.h"
#include "decide/odd.h"

#define LINE_BYTES (64u << 20)
#define TOKEN_KEY ((struct hash_key){1, 2})

struct driver {
    struct arena set_arena, arena;
    struct decide_source objects;
    struct decide_set *set;
    struct buf out, answer;
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
    struct odd_source src = {.org = S("ORG@AdobeOrg"), .environment = S("production")};
    struct odd_artifact artifact;
    enum err rc;

    decide_free(x->set);
    x->set = NULL;
    x->objects = (struct decide_source){.client = json_str(json_get(line, S("client"))), .token_key = TOKEN_KEY};
    x->objects.activities = list_of(&x->set_arena, set, S("activities"), &x->objects.activity_count);
    x->objects.offers = list_of(&x->set_arena, set, S("offers"), &x->objects.offer_count);
    x->objects.audiences = list_of(&x->set_arena, set, S("audiences"), &x->objects.audience_count);
    x->objects.properties = list_of(&x->set_arena, set, S("properties"), &x->objects.property_count);
    rc = decide_compile(&x->objects, &x->set, &x->d);
    src.set = x->set;
    src.objects = &x->objects;
    src.now_ms = json_i64(json_get(line, S("now")), 0);
    src.response_tokens = list_of(&x->set_arena, set, S("responseTokens"), &src.response_token_count);
    if (rc == ERR_OK)
        rc = odd_generate(&src, &x->arena, &artifact, &x->d);
    if (rc == ERR_OK)
        buf_put(&x->answer, artifact.text);
    return rc;
}

/* ---- one visitor ---- */

static enum err
decide_scope(struct driver *x, const struct json *line, struct str scope, const struct json *parameters,
             struct decision_result *result)
{
    struct decision_request rq = {.now_ms = json_i64(json_get(line, S("now")), 0),
                                  .visitor_key = json_str(json_get(line, S("key"))),
                                  .property_token = json_str(json_get(line, S("property"))),
                                  .url = json_str(json_get(line, S("url"))),
                                  .referrer = json_str(json_get(line, S("referrer"))),
                                  .user_agent = json_str(json_get(line, S("userAgent")))};
    struct decision_ask ask = {.kind = AT_MBOX, .name = scope, .parameters = parameters};
    struct decision *decision;
    enum err rc = decision_begin(x->set, &rq, &x->arena, &decision, &x->d);

    buf_clear(&x->out);
    return rc == ERR_OK ? decision_at(decision, &ask, FORMAT_EDGE, &x->out, result, &x->d) : rc;
}

static void
put_taken(struct driver *x, struct jw *w, const struct decision_taken *t)
{
    jw_str(w, arena_printf(&x->arena, "%.*s:%.*s", STR_ARG(t->activity), STR_ARG(t->experience)));
}

static enum err
put_page(struct driver *x, struct jw *w, const struct json *line)
{
    struct decision_result result = {0};
    enum err rc = decide_scope(x, line, S("__view__"), json_path(line, S("page.parameters")), &result);
    struct str done = S_NULL;

    jw_key(w, S("page"));
    jw_array(w);
    for (size_t i = 0; i < result.n; i++) {
        if (str_eq(result.taken[i].scope, S("__view__")))
            put_taken(x, w, &result.taken[i]);
    }
    jw_end(w);
    jw_key(w, S("views"));
    jw_object(w);
    for (size_t i = 0; i < result.n; i++) {
        struct str scope = result.taken[i].scope;
        bool seen = str_eq(scope, S("__view__"));
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_eq(result.taken[k].scope, scope);
        if (seen)
            continue;
        done = scope;
        jw_key(w, done);
        jw_array(w);
        for (size_t k = i; k < result.n; k++) {
            if (str_eq(result.taken[k].scope, scope))
                put_taken(x, w, &result.taken[k]);
        }
        jw_end(w);
    }
    jw_end(w);
    return rc;
}

static enum err
ask(struct driver *x, const struct json *line)
{
    struct json_iter it = json_iter(json_get(line, S("mboxes")));
    struct jw w = jw_to(&x->answer);
    enum err rc = ERR_OK;

    jw_object(&w);
    jw_key(&w, S("mboxes"));
    jw_array(&w);
    while (rc == ERR_OK && json_next(&it)) {
        struct decision_result result = {0};
        rc = decide_scope(x, line, json_str(json_get(it.value, S("name"))), json_get(it.value, S("parameters")),
                          &result);
        if (result.n > 0)
            put_taken(x, &w, &result.taken[0]);
        else
            jw_str(&w, S(""));
    }
    jw_end(&w);
    if (rc == ERR_OK)
        rc = put_page(x, &w, line);
    jw_end(&w);
    return rc;
}

/* ---- lines ---- */

static void
answer_line(struct driver *x, struct str text)
{
    const struct json *line = NULL;
    bool is_set = str_starts(text, S("{\"set\":"));
    struct jw w;
    enum err rc;

    x->d = DIAG_INIT;
    buf_clear(&x->answer);
    arena_reset(&x->arena);
    if (is_set)
        arena_reset(&x->set_arena);
    rc = json_parse(text, is_set ? &x->set_arena : &x->arena, &line, &x->d);
    if (rc == ERR_OK)
        rc = is_set ? load_set(x, line) : ask(x, line);
    if (rc != ERR_OK || !buf_ok(&x->answer)) {
        buf_clear(&x->answer);
        w = jw_to(&x->answer);
        jw_object(&w);
        jw_kstr(&w, S("error"), str_of(x->d.what));
        jw_end(&w);
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
    buf_init(&x.out, LINE_BYTES);
    buf_init(&x.answer, LINE_BYTES);
    while ((n = getline(&line, &cap, stdin)) > 0)
        answer_line(&x, str_trim((struct str){line, (size_t)n}));
    free(line);
    decide_free(x.set);
    buf_deinit(&x.out);
    buf_deinit(&x.answer);
    arena_deinit(&x.arena);
    arena_deinit(&x.set_arena);
    return 0;
}
