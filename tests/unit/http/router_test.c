#include "http/router.h"

#include "t.h"

static const struct route routes[] = {
    {HTTP_GET, "/", 0, NULL},
    {HTTP_GET, "/items", 0, NULL},
    {HTTP_POST, "/items", 100, NULL},
    {HTTP_GET, "/items/{id}", 0, NULL},
    {HTTP_DELETE, "/items/{id}", 0, NULL},
    {HTTP_GET, "/items/new", 0, NULL},
    {HTTP_POST, "/items/special", 0, NULL},
    {HTTP_GET, "/items/{id}/parts/{part}", 0, NULL},
    {HTTP_GET, "/{kind}/new/parts/{part}", 0, NULL},
    {HTTP_GET, "/ui/{path...}", 0, NULL},
    {HTTP_GET, "/ui/logo.svg", 0, NULL},
};
#define COUNT (sizeof routes / sizeof routes[0])

static enum route_result
find(struct t *t, enum http_method method, const char *path, const char **pattern, struct route_params *params,
     struct str *allow)
{
    struct http_req rq = {.method = method, .path = str_of(path), .arena = t->arena};
    const struct route *r = NULL;
    enum route_result rc = route_find(routes, COUNT, &rq, &r, params, allow);

    *pattern = r ? r->pattern : NULL;
    return rc;
}

TEST(router_finds)
{
    static const struct {
        enum http_method method;
        const char *path, *pattern, *name, *value;
    } v[] = {
        {HTTP_GET, "/", "/", "", ""},
        {HTTP_GET, "/items", "/items", "id", ""},
        {HTTP_GET, "/items/", "/items", "", ""},
        {HTTP_POST, "/items", "/items", "", ""},
        {HTTP_HEAD, "/items/7", "/items/{id}", "id", "7"},
        {HTTP_GET, "/items/a%2Fb%20c", "/items/{id}", "id", "a/b c"},
        {HTTP_GET, "/items/new", "/items/new", "", ""},
        {HTTP_GET, "/items/new/", "/items/new", "", ""},
        {HTTP_GET, "/items/special", "/items/{id}", "id", "special"}, /* the literal one is for POST */
        {HTTP_GET, "/items/7/parts/x", "/items/{id}/parts/{part}", "part", "x"},
        {HTTP_GET, "/items/new/parts/x", "/items/{id}/parts/{part}", "id", "new"}, /* literal earlier wins */
        {HTTP_GET, "/other/new/parts/x", "/{kind}/new/parts/{part}", "kind", "other"},
        {HTTP_GET, "/ui/a/b.css", "/ui/{path...}", "path", "a/b.css"},
        {HTTP_GET, "/ui/", "/ui/{path...}", "path", ""},
        {HTTP_GET, "/ui", "/ui/{path...}", "path", ""},
        {HTTP_GET, "/ui/logo.svg", "/ui/logo.svg", "path", ""},
        {HTTP_GET, "/ui/logo.svg/x", "/ui/{path...}", "path", "logo.svg/x"},
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct route_params params = {0};
        struct str allow;
        const char *pattern;
        CHECK_EQ(find(t, v[i].method, v[i].path, &pattern, &params, &allow), ROUTE_FOUND);
        CHECK_STR(str_of(pattern), str_of(v[i].pattern));
        CHECK_STR(route_param(&params, str_of(v[i].name)), str_of(v[i].value));
    }
}

TEST(router_unknown_paths)
{
    static const char *const none[] = {"",   "items",      "/item", "/items//",           "/items/7/", "/items/7/parts",
                                       "//", "/items/7/x", "/uix",  "/items/7/parts/x/y", "*"};

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct route_params params = {0};
        struct str allow;
        const char *pattern;
        bool found = strcmp(none[i], "/items/7/") == 0; /* the one trailing slash that is allowed */
        CHECK_EQ(find(t, HTTP_GET, none[i], &pattern, &params, &allow), found ? ROUTE_FOUND : ROUTE_UNKNOWN_PATH);
    }
}

TEST(router_wrong_methods)
{
    struct route_params params = {0};
    struct str allow = S_NULL;
    const char *pattern;

    CHECK_EQ(find(t, HTTP_PUT, "/items", &pattern, &params, &allow), ROUTE_WRONG_METHOD);
    CHECK_STR(allow, S("GET, HEAD, POST"));
    CHECK_EQ(find(t, HTTP_OTHER, "/items/special", &pattern, &params, &allow), ROUTE_WRONG_METHOD);
    CHECK_STR(allow, S("GET, HEAD, POST, DELETE"));
}
