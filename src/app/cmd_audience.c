/* cmd_audience.c - edgewise audience: why a person is a member of an audience or not, and how many members it has,
 * asked of a running server.
 *
 *   ✗ and                                        a line a node, a mark for what it is now
 *     ✓ loyalty.tier = "gold"
 *         loyalty.tier is "gold"                 what was seen, and when time alone changes it */
#include "app/rest_client.h"
#include "codec/json.h"
#include "codec/url.h"

#define AUDIENCES "/data/core/ups/audiences"

static int
usage(FILE *out)
{
    fprintf(
        out,
        "usage: edgewise audience explain AUDIENCE --identity NAMESPACE:VALUE [--server URL] [--data DIR]\n"
        "       edgewise audience count AUDIENCE [--server URL] [--data DIR]\n"
        "       edgewise audience upload AUDIENCE FILE [...]: see edgewise audience upload --help\n\n"
        "AUDIENCE is a name or an id. explain shows what each part of the audience says of the person and what it\n"
        "saw; for a person who is not a member, also the least that is missing. count prints how many members there\n"
        "are. The credentials, and the address unless --server is given, are read from DIR/credentials.json\n"
        "(default: data).\n");
    return out == stdout ? 0 : 2;
}

/* ---- calls ---- */

static struct str
encoded(struct rest_client *c, struct str s)
{
    struct buf b;

    buf_init_in(&b, &c->arena, 65536);
    url_encode(&b, s);
    return buf_str(&b);
}

/* What the server has to say of a failure: the first message below errors.<status>, else the body. */
static enum err
refused(struct rest_client *c, const struct http_answer *answer)
{
    const struct json *v = NULL;
    struct diag ignored = DIAG_INIT; /* not JSON: shown as it came */
    struct str message = str_slice(answer->body, 0, 160);

    if (json_parse(answer->body, &c->arena, &v, &ignored) == ERR_OK) {
        struct json_iter it = json_iter(json_get(v, S("errors")));
        if (json_next(&it) && json_str(json_get(json_at(it.value, 0), S("message"))).n > 0)
            message = json_str(json_get(json_at(it.value, 0), S("message")));
    }
    return diag_set(&c->diag, answer->status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "the server answered %d: %.*s",
                    answer->status, STR_ARG(message));
}

static enum err
get(struct rest_client *c, struct str target, const struct json **out)
{
    struct http_answer answer;
    enum err rc = rest_client_send(c, "GET", target, "application/json", NULL, S_NULL, &answer);

    if (rc != ERR_OK)
        return rc;
    if (answer.status != 200)
        return refused(c, &answer);
    return json_parse(answer.body, &c->arena, out, &c->diag);
}

/* The id of the audience with this very name; what is no name is taken for an id. */
static enum err
id_of(struct rest_client *c, struct str audience, struct str *id)
{
    const struct json *list = NULL;
    struct json_iter it;
    enum err rc =
        get(c, arena_printf(&c->arena, AUDIENCES "?limit=100&name=%.*s", STR_ARG(encoded(c, audience))), &list);

    *id = audience;
    if (rc != ERR_OK)
        return rc;
    for (it = json_iter(json_get(list, S("children"))); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, S("name"))), audience))
            *id = json_str(json_get(it.value, S("id")));
    }
    return ERR_OK;
}

/* ---- printing ---- */

static void
print_indent(int depth)
{
    for (int i = 0; i < depth; i++)
        printf("  ");
}

static void
print_str(struct str s)
{
    printf("%.*s", STR_ARG(s));
}

static void
print_json(const struct json *v)
{
    struct buf b;

    buf_init(&b, 65536);
    json_write(&b, v);
    print_str(buf_str(&b));
    buf_deinit(&b);
}

static void
print_fields(const struct json *node, int depth)
{
    struct json_iter it = json_iter(json_get(node, S("fields")));

    while (json_next(&it)) {
        const struct json *value = json_get(it.value, S("value"));
        print_indent(depth);
        print_str(json_str(json_get(it.value, S("path"))));
        if (json_is(value, JSON_NULL)) {
            printf(" is not there\n");
            continue;
        }
        printf(" is ");
        if (value != NULL)
            print_json(value);
        else
            printf("too long to be shown");
        printf("\n");
    }
}

/* "3 events (needs >= 3), since 2026-...", "sum 70 of 2 events (needs > 500)" */
static void
print_events(const struct json *node, int depth)
{
    struct json_iter needs = json_iter(json_get(node, S("needs")));
    const struct json *sum = json_get(node, S("sum"));
    int64_t count = json_i64(json_get(node, S("eventCount")), -1);
    const char *joint = " (needs ";

    if (count < 0)
        return;
    print_indent(depth);
    if (sum != NULL) {
        printf("sum ");
        print_json(sum);
        printf(" of ");
    }
    printf("%lld event%s", (long long)count, count == 1 ? "" : "s");
    for (; json_next(&needs); joint = " and ") {
        printf("%s", joint);
        print_str(json_str(needs.value));
    }
    printf("%s", joint[1] == 'a' ? ")" : "");
    if (json_get(node, S("since")) != NULL) {
        printf(", since ");
        print_str(json_str(json_get(node, S("since"))));
        printf(" (event ");
        print_str(json_str(json_path(node, S("decidedBy._id"))));
        printf(")");
    }
    printf("\n");
}

static void
print_node(const struct json *node, int depth)
{
    struct json_iter kids = json_iter(json_get(node, S("children")));
    struct str text = json_str(json_get(node, S("text"))), flips = json_str(json_get(node, S("flipsAt")));
    bool inner = json_get(node, S("children")) != NULL;

    print_indent(depth);
    printf("%s ", json_bool(json_get(node, S("result")), false) ? "\xe2\x9c\x93" : "\xe2\x9c\x97");
    print_str(inner ? json_str(json_get(node, S("kind"))) : text);
    printf("\n");
    print_fields(node, depth + 2);
    print_events(node, depth + 2);
    if (flips.n > 0) {
        print_indent(depth + 2);
        printf("by itself %s from ", json_bool(json_get(node, S("result")), false) ? "false" : "true");
        print_str(flips);
        printf("\n");
    }
    while (json_next(&kids))
        print_node(kids.value, depth + 1);
}

static void
print_why_not(const struct json *why)
{
    struct json_iter it = json_iter(json_get(why, S("changes")));

    if (!json_bool(json_get(why, S("possible")), true)) {
        printf("\nNobody can be a member as it is written.\n");
        return;
    }
    printf("\nWhat is missing%s:\n", json_bool(json_get(why, S("exact")), true) ? "" : " (there may be less)");
    while (json_next(&it)) {
        printf("  - ");
        print_str(json_str(json_get(it.value, S("text"))));
        if (json_get(it.value, S("flipsAt")) != NULL) {
            printf(" (by itself from ");
            print_str(json_str(json_get(it.value, S("flipsAt"))));
            printf(")");
        }
        printf("\n");
    }
}

static void
print_answer(const struct json *v)
{
    bool member = json_bool(json_get(v, S("result")), false);
    struct str flips = json_str(json_get(v, S("flipsAt")));

    print_str(json_str(json_get(v, S("name"))));
    printf("\n");
    print_str(json_str(json_get(v, S("entityIdNS"))));
    printf(" ");
    print_str(json_str(json_get(v, S("entityId"))));
    printf(" is %sa member at ", member ? "" : "not ");
    print_str(json_str(json_get(v, S("now"))));
    if (flips.n > 0) {
        printf(", and by itself %sfrom ", member ? "no longer " : "");
        print_str(flips);
    }
    printf("\n");
    if (json_bool(json_get(v, S("optedOut")), false))
        printf("but opted out, and is a member of no such audience: this is what the expression says\n");
    printf("\n");
    print_node(json_get(v, S("tree")), 0);
    if (json_get(v, S("whyNot")) != NULL)
        print_why_not(json_get(v, S("whyNot")));
}

/* ---- commands ---- */

static enum err
explain(struct rest_client *c, struct str audience, struct str identity)
{
    ptrdiff_t colon = str_find_char(identity, ':');
    const struct json *answer = NULL;
    struct str id;
    enum err rc;

    if (colon <= 0)
        return diag_set(&c->diag, ERR_INVALID, "--identity must be NAMESPACE:VALUE, got '%.*s'", STR_ARG(identity));
    rc = id_of(c, audience, &id);
    if (rc == ERR_OK)
        rc = get(c,
                 arena_printf(&c->arena, AUDIENCES "/%.*s/explain?entityIdNS=%.*s&entityId=%.*s",
                              STR_ARG(encoded(c, id)), STR_ARG(encoded(c, str_slice(identity, 0, (size_t)colon))),
                              STR_ARG(encoded(c, str_slice(identity, (size_t)colon + 1, identity.n)))),
                 &answer);
    if (rc == ERR_OK)
        print_answer(answer);
    return rc;
}

static enum err
count(struct rest_client *c, struct str audience)
{
    const struct json *answer = NULL;
    struct str id;
    enum err rc = id_of(c, audience, &id);

    if (rc == ERR_OK)
        rc = get(c, arena_printf(&c->arena, "/edgewise/audiences/%.*s/size", STR_ARG(encoded(c, id))), &answer);
    if (rc == ERR_OK)
        printf("%lld\n", (long long)json_i64(json_get(answer, S("size")), 0));
    return rc;
}

int
cmd_audience(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *data = "data", *server = NULL, *identity = NULL;
    bool explains = strcmp(what, "explain") == 0;
    struct rest_client c;
    enum err rc;

    if (strcmp(what, "--help") == 0)
        return usage(stdout);
    if (strcmp(what, "upload") == 0)
        return cmd_audience_upload(argc - 1, argv + 1);
    if (argc < 3 || argc % 2 == 0 || (!explains && strcmp(what, "count") != 0))
        return usage(stderr);
    for (int i = 3; i < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--server") == 0)
            server = argv[i + 1];
        else if (explains && strcmp(argv[i], "--identity") == 0)
            identity = argv[i + 1];
        else
            return usage(stderr);
    }
    if (explains != (identity != NULL))
        return usage(stderr);
    rc = rest_client_open(&c, data, server);
    if (rc == ERR_OK)
        rc = rest_client_authenticate(&c);
    if (rc == ERR_OK)
        rc = explains ? explain(&c, str_of(argv[2]), str_of(identity)) : count(&c, str_of(argv[2]));
    if (rc != ERR_OK)
        fprintf(stderr, "edgewise: %s\n", c.diag.what);
    rest_client_close(&c);
    return rc == ERR_OK ? 0 : 1;
}
