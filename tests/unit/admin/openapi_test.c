/* openapi_test.c - docs/openapi.yaml and the route tables say the same: every route is described, nothing else is. */
#include "admin/admin.h"
#include "base/map.h"
#include "t.h"

static const char *const methods[] = {"get", "head", "post", "put", "patch", "delete", "options"};

struct both {
    struct t *t;
    struct map documented; /* "get /path" -> anything */
    size_t routes;
};

/* "  /path:" opens a path, "    get:" below it is an operation. */
static void
read_file(struct both *b, struct str text)
{
    struct t *t = b->t;
    struct str line, path = S_NULL;
    size_t summaries = 0, operations = 0;

    while (str_split(&text, '\n', &line)) {
        if (str_starts(line, S("  /")) && str_ends(line, S(":")))
            path = str_slice(line, 2, line.n - 1);
        if (str_starts(line, S("components:")))
            break;
        summaries += str_starts(line, S("      summary: \""));
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            struct str want = arena_printf(t->arena, "    %s:", methods[m]);
            void *old = NULL;
            if (!str_eq(line, want))
                continue;
            CHECK_TRUE(path.n > 0);
            operations++;
            CHECK_TRUE(map_put(&b->documented, arena_printf(t->arena, "%s %.*s", methods[m], STR_ARG(path)), b, &old));
            if (old != NULL)
                t_fail(t, __FILE__, __LINE__, "%s %.*s is described twice", methods[m], STR_ARG(path));
        }
    }
    CHECK_EQ(summaries, operations);
}

static void
check_route(void *ctx, const struct route *r)
{
    struct both *b = ctx;
    struct t *t = b->t;
    struct str path = str_of(r->pattern), key;
    ptrdiff_t dots = str_find(path, S("...}"));

    if (dots > 0) /* OpenAPI has no word for the rest of a path */
        path = arena_printf(t->arena, "%.*s}%s", (int)dots, path.p, path.p + dots + 4);
    key = arena_printf(t->arena, "%s %.*s", methods[r->method], STR_ARG(path));
    if (map_remove(&b->documented, key) == NULL)
        t_fail(t, __FILE__, __LINE__, "%.*s is not in docs/openapi.yaml, or is a route twice", STR_ARG(key));
    b->routes++;
}

TEST(openapi_matches_the_routes)
{
    struct both b = {.t = t};
    const struct map_slot *left;
    size_t i = 0;

    map_init(&b.documented);
    read_file(&b, t_read(t, "../docs/openapi.yaml"));
    admin_routes(check_route, &b);
    left = map_next(&b.documented, &i);
    if (left != NULL)
        t_fail(t, __FILE__, __LINE__, "%.*s is in docs/openapi.yaml but is no route", STR_ARG(left->key));
    CHECK_TRUE(b.routes > 100);
    map_deinit(&b.documented);
}
