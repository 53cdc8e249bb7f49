/* cmd_audience.c - edgewise audience: why a person is a member of an audience or not, how many members it has, what an
 * edit would change (cmd_audience_ask.c) and what was at a past instant, asked of a running server.
 *
 *   ✗ and                                        a line a node, a mark for what it is now
 *     ✓ loyalty.tier = "gold"
 *         loyalty.tier is "gold"                 what was seen, and when time alone changes it */
#include "app/cmd_audience.h"
#include "codec/json.h"

#define AUDIENCES "/data/core/ups/audiences"
#define NO_AUDIENCE "-"

static int
usage(FILE *out)
{
    fprintf(out, "%s",
            "usage: edgewise audience explain AUDIENCE --identity NAMESPACE:VALUE [--server URL] [--data DIR]\n"
            "       edgewise audience count AUDIENCE [--server URL] [--data DIR]\n"
            "       edgewise audience diff AUDIENCE|- --pql EXPRESSION [--server URL] [--data DIR]\n"
            "       edgewise audience as-of AUDIENCE|- --at INSTANT [--identity NAMESPACE:VALUE] [--server URL]\n"
            "                [--data DIR]\n"
            "       edgewise audience upload AUDIENCE FILE [...]: see edgewise audience upload --help\n\n"
            "AUDIENCE is a name or an id, - is none. explain shows what each part of the audience says of the person\n"
            "and what it saw; for a person who is not a member, also the least that is missing. count prints how many\n"
            "members there are. diff says who would enter and leave if the audience had this expression; nothing is\n"
            "saved. as-of prints how many members there were at an instant such as 2026-05-04T10:00:00Z, or whether\n"
            "the person was one; without an audience, all those that the person was a member of. The credentials, and\n"
            "the address unless --server is given, are read from DIR/credentials.json (default: data).\n");
    return out == stdout ? 0 : 2;
}

/* ---- calls ---- */

static enum err
get(struct rest_client *c, struct str target, const struct json **out)
{
    return rest_client_request(c, "GET", target, S_NULL, out);
}

/* The id of the audience with this very name; what is no name is taken for an id. */
static enum err
id_of(struct rest_client *c, struct str audience, struct str *id)
{
    const struct json *list = NULL;
    struct json_iter it;
    enum err rc = get(c,
                      arena_printf(&c->arena, AUDIENCES "?limit=1&property=name%%3D%%3D%.*s",
                                   STR_ARG(rest_client_encode(c, audience))),
                      &list);

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
    struct str because = json_str(json_get(node, S("because")));
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
    if (because.n > 0) {
        print_indent(depth + 2);
        printf("scans stored events: ");
        print_str(because);
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

/* An audience that is not evaluated, such as an inactive one, or one of a strict sandbox between two jobs. */
static void
print_membership(const struct json *membership, bool expected)
{
    struct str status = json_str(json_get(membership, S("status")));

    if ((str_eq(status, S("realized")) || str_eq(status, S("existing"))) == expected)
        return;
    if (status.n == 0) {
        printf("but the profile has no membership: this is what the expression says\n");
        return;
    }
    printf("but the profile's membership is %.*s since %.*s: this is what the expression says\n", STR_ARG(status),
           STR_ARG(json_str(json_get(membership, S("lastQualificationTime")))));
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
    else
        print_membership(json_get(v, S("membership")), member);
    printf("\n");
    print_node(json_get(v, S("tree")), 0);
    if (json_get(v, S("whyNot")) != NULL)
        print_why_not(json_get(v, S("whyNot")));
}

/* ---- commands ---- */

static enum err
explain(struct rest_client *c, struct str id, const struct asked *asked)
{
    const struct json *answer = NULL;
    enum err rc = get(c,
                      arena_printf(&c->arena, AUDIENCES "/%.*s/explain?entityIdNS=%.*s&entityId=%.*s",
                                   STR_ARG(rest_client_encode(c, id)), STR_ARG(rest_client_encode(c, asked->ns)),
                                   STR_ARG(rest_client_encode(c, asked->entity))),
                      &answer);

    if (rc == ERR_OK)
        print_answer(answer);
    return rc;
}

static enum err
count(struct rest_client *c, struct str id, const struct asked *asked)
{
    const struct json *answer = NULL;
    enum err rc =
        get(c, arena_printf(&c->arena, "/edgewise/audiences/%.*s/size", STR_ARG(rest_client_encode(c, id))), &answer);

    (void)asked;
    if (rc == ERR_OK)
        printf("%lld\n", (long long)json_i64(json_get(answer, S("size")), 0));
    return rc;
}

struct options {
    const char *data, *server, *identity, *pql, *at; /* NULL: not given */
};

static const struct command {
    const char *name;
    enum err (*run)(struct rest_client *c, struct str id, const struct asked *asked);
    enum { NONE, MAY, MUST } identity, pql, at; /* options that it takes */
    bool without;                               /* may be asked of no audience */
} commands[] = {{"explain", explain, MUST, NONE, NONE, false},
                {"count", count, NONE, NONE, NONE, false},
                {"diff", audience_diff, NONE, MUST, NONE, true},
                {"as-of", audience_as_of, MAY, NONE, MUST, true}};

static const struct command *
command_named(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Where the value of an option goes; NULL: the command has no such option. */
static const char **
option(const struct command *command, const char *name, struct options *o)
{
    if (strcmp(name, "--data") == 0)
        return &o->data;
    if (strcmp(name, "--server") == 0)
        return &o->server;
    if (strcmp(name, "--identity") == 0 && command->identity != NONE)
        return &o->identity;
    if (strcmp(name, "--pql") == 0 && command->pql != NONE)
        return &o->pql;
    if (strcmp(name, "--at") == 0 && command->at != NONE)
        return &o->at;
    return NULL;
}

static bool
complete(const struct command *command, const struct options *o)
{
    return (command->identity != MUST || o->identity != NULL) && (command->pql != MUST || o->pql != NULL) &&
           (command->at != MUST || o->at != NULL);
}

static enum err
run(struct rest_client *c, const struct command *command, struct str audience, const struct options *o)
{
    struct asked asked = {.pql = str_of(o->pql), .at = str_of(o->at)};
    struct str identity = str_of(o->identity), id = S_NULL;
    ptrdiff_t colon = str_find_char(identity, ':');
    enum err rc;

    if (o->identity != NULL && colon <= 0)
        return diag_set(&c->diag, ERR_INVALID, "--identity must be NAMESPACE:VALUE, got '%s'", o->identity);
    if (o->identity != NULL) {
        asked.ns = str_slice(identity, 0, (size_t)colon);
        asked.entity = str_slice(identity, (size_t)colon + 1, identity.n);
    }
    rc = rest_client_authenticate(c);
    if (rc == ERR_OK && !(command->without && str_eq(audience, S(NO_AUDIENCE))))
        rc = id_of(c, audience, &id);
    return rc == ERR_OK ? command->run(c, id, &asked) : rc;
}

int
cmd_audience(int argc, char **argv)
{
    const struct command *command = argc > 1 ? command_named(argv[1]) : NULL;
    struct options o = {.data = "data"};
    struct rest_client c;
    enum err rc;

    if (argc > 1 && strcmp(argv[1], "upload") == 0)
        return cmd_audience_upload(argc - 1, argv + 1);
    if (wants_help(argc, argv))
        return usage(stdout);
    if (command == NULL || argc < 3 || argc % 2 == 0)
        return usage(stderr);
    for (int i = 3; i < argc; i += 2) {
        const char **value = option(command, argv[i], &o);
        if (value == NULL)
            return usage(stderr);
        *value = argv[i + 1];
    }
    if (!complete(command, &o))
        return usage(stderr);
    rc = rest_client_open(&c, o.data, o.server);
    if (rc == ERR_OK)
        rc = run(&c, command, str_of(argv[2]), &o);
    if (rc != ERR_OK)
        fprintf(stderr, "edgewise: %s\n", c.diag.what);
    rest_client_close(&c);
    return rc == ERR_OK ? 0 : 1;
}
