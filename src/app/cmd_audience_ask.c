/* cmd_audience_ask.c - edgewise audience diff and as-of: questions that the server answers in the background. They are
 * asked, looked at until they are answered, and forgotten. */
#include "app/cmd_audience.h"
#include "base/limits.h"
#include "codec/json_writer.h"

#define DIFF "/data/core/ups/diff"
#define AS_OF "/data/core/ups/as-of"
#define BODY_BYTES (LIMIT_PQL_TEXT_BYTES * 6 + 65536u)

/* ---- diff ---- */

static void
print_people(const struct json *answer, const char *path, int64_t count)
{
    struct json_iter it = json_iter(json_path(answer, str_of(path)));
    int64_t shown = 0;

    while (shown < 5 && json_next(&it)) {
        struct str ns = json_str(json_get(it.value, S("entityIdNS"))), id = json_str(json_get(it.value, S("entityId")));
        printf("%s%.*s:%.*s", shown > 0 ? ", " : "   ", STR_ARG(ns), STR_ARG(id));
        shown++;
    }
    printf("%s\n", shown > 0 && count > shown ? ", ..." : "");
}

static int64_t
number(const struct json *answer, const char *name)
{
    return json_i64(json_get(answer, str_of(name)), 0);
}

enum err
audience_diff(struct rest_client *c, struct str id, const struct asked *asked)
{
    const struct json *answer = NULL;
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init_in(&body, &c->arena, BODY_BYTES);
    w = jw_to(&body);
    jw_object(&w);
    if (id.n > 0)
        jw_kstr(&w, S("audienceId"), id);
    jw_kstr(&w, S("predicateType"), S("pql/text"));
    jw_kstr(&w, S("predicateExpression"), asked->pql);
    jw_end(&w);
    if (!buf_ok(&body))
        return diag_set(&c->diag, ERR_LIMIT, "the expression is too long");
    rc = rest_client_ask(c, S(DIFF), buf_str(&body), &answer);
    if (rc != ERR_OK)
        return rc;
    printf("of %lld people, at %.*s\n", (long long)number(answer, "profilesReadSoFar"),
           STR_ARG(json_str(json_get(answer, S("evaluatedAt")))));
    printf("  now       %10lld\n", (long long)number(answer, "before"));
    printf("  then      %10lld\n", (long long)number(answer, "after"));
    printf("  entering  %10lld", (long long)number(answer, "entering"));
    print_people(answer, "sample.entering", number(answer, "entering"));
    printf("  leaving   %10lld", (long long)number(answer, "leaving"));
    print_people(answer, "sample.leaving", number(answer, "leaving"));
    printf("  staying   %10lld\n", (long long)number(answer, "staying"));
    if (number(answer, "undecided") > 0)
        printf("  undecided %10lld   (too large, or too many steps)\n", (long long)number(answer, "undecided"));
    return ERR_OK;
}

/* ---- as of ---- */

static void
print_person(const struct json *answer, const struct asked *asked, bool one)
{
    struct json_iter it = json_iter(json_get(answer, S("audiences")));
    struct str at = json_str(json_get(answer, S("at")));

    printf("%.*s %.*s ", STR_ARG(asked->ns), STR_ARG(asked->entity));
    if (!json_bool(json_get(answer, S("known")), false)) {
        printf("was not known at %.*s\n", STR_ARG(at));
    } else if (one) {
        printf("was %sa member at %.*s\n", json_bool(json_get(answer, S("member")), false) ? "" : "not ", STR_ARG(at));
    } else {
        size_t n = json_count(json_get(answer, S("audiences")));
        printf("was a member of %zu audience%s at %.*s\n", n, n == 1 ? "" : "s", STR_ARG(at));
        while (json_next(&it)) {
            struct str name = json_str(json_get(it.value, S("name")));
            printf("  %.*s\n", STR_ARG(name.n > 0 ? name : json_str(json_get(it.value, S("id")))));
        }
    }
}

enum err
audience_as_of(struct rest_client *c, struct str id, const struct asked *asked)
{
    const struct json *answer = NULL;
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init_in(&body, &c->arena, BODY_BYTES);
    w = jw_to(&body);
    jw_object(&w);
    jw_kstr(&w, S("at"), asked->at);
    if (id.n > 0)
        jw_kstr(&w, S("audienceId"), id);
    if (asked->entity.n > 0) {
        jw_kstr(&w, S("entityIdNS"), asked->ns);
        jw_kstr(&w, S("entityId"), asked->entity);
    }
    jw_end(&w);
    if (!buf_ok(&body))
        return diag_set(&c->diag, ERR_LIMIT, "the identity is too long");
    rc = rest_client_ask(c, S(AS_OF), buf_str(&body), &answer);
    if (rc != ERR_OK)
        return rc;
    if (asked->entity.n > 0)
        print_person(answer, asked, id.n > 0);
    else
        printf("%lld\n", (long long)number(answer, "size"));
    return ERR_OK;
}
