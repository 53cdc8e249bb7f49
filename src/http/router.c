/* router.c - see router.h.
 *
 * A path and a pattern are walked segment by segment. Each pattern segment that matches adds a digit to the route's
 * rank, 3 for a literal, 2 for {name}, 1 for {name...}, so the numerically larger rank of two routes is the one with a
 * literal where they first differ. Only routes with the request's method compete: GET /items/{id} answers /items/new
 * even when a literal POST /items/new exists. HEAD is served by GET routes. */
#include "http/router.h"

#include "base/check.h"
#include "codec/url.h"

#define SEGMENTS_MAX 32 /* two bits of rank for each */

struct match {
    uint64_t rank;
    struct route_params params; /* values raw */
};

/* Takes the next segment off a path without its leading slash; false at the end. "a/" has one segment, "a//b" three. */
static bool
next_segment(struct str *path, struct str *segment)
{
    ptrdiff_t at;

    if (path->n == 0)
        return false;
    at = str_find_char(*path, '/');
    *segment = at < 0 ? *path : str_slice(*path, 0, (size_t)at);
    *path = at < 0 ? str_slice(*path, path->n, path->n) : str_slice(*path, (size_t)at + 1, path->n);
    return true;
}

static void
add_param(struct match *m, struct str name, struct str value)
{
    CHECK(m->params.n < ROUTE_PARAMS_MAX);
    m->params.name[m->params.n] = name;
    m->params.value[m->params.n++] = value;
}

static bool
match_pattern(const char *pattern, struct str path, struct match *m)
{
    struct str rest = str_slice(str_of(pattern), 1, SIZE_MAX), want, got;
    unsigned shift = 2 * SEGMENTS_MAX;

    *m = (struct match){0};
    if (path.n == 0 || path.p[0] != '/')
        return false;
    path = str_slice(path, 1, path.n);
    while (next_segment(&rest, &want)) {
        bool param = want.n > 2 && want.p[0] == '{';
        CHECK(shift >= 2);
        shift -= 2;
        if (param && str_ends(want, S("...}"))) {
            m->rank |= (uint64_t)1 << shift;
            add_param(m, str_slice(want, 1, want.n - 4), path);
            return true;
        }
        if (!next_segment(&path, &got) || (param ? got.n == 0 : !str_eq(got, want)))
            return false;
        m->rank |= (uint64_t)(param ? 2 : 3) << shift;
        if (param)
            add_param(m, str_slice(want, 1, want.n - 1), got);
    }
    return path.n == 0;
}

static const char *
method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};

    return names[method];
}

static struct str
allow_text(unsigned methods, struct arena *a)
{
    struct str text = S("");

    for (unsigned m = HTTP_GET; m < HTTP_OTHER; m++) {
        if (methods >> m & 1)
            text = arena_printf(a, "%.*s%s%s", STR_ARG(text), text.n ? ", " : "", method_name((enum http_method)m));
    }
    return text;
}

enum route_result
route_find(const struct route *routes, size_t n, const struct http_req *rq, const struct route **out,
           struct route_params *params, struct str *allow)
{
    enum http_method method = rq->method == HTTP_HEAD ? HTTP_GET : rq->method;
    const struct route *best = NULL;
    struct match m, best_match = {0};
    unsigned methods = 0;

    for (size_t i = 0; i < n; i++) {
        if (!match_pattern(routes[i].pattern, rq->path, &m))
            continue;
        methods |= 1u << routes[i].method;
        if (routes[i].method == method && (best == NULL || m.rank > best_match.rank)) {
            best = &routes[i];
            best_match = m;
        }
    }
    if (best == NULL) {
        if (methods == 0)
            return ROUTE_UNKNOWN_PATH;
        if (methods >> HTTP_GET & 1)
            methods |= 1u << HTTP_HEAD;
        *allow = allow_text(methods, rq->arena);
        return ROUTE_WRONG_METHOD;
    }
    for (size_t i = 0; i < best_match.params.n; i++)
        best_match.params.value[i] = url_decode(best_match.params.value[i], false, rq->arena);
    *params = best_match.params;
    *out = best;
    return ROUTE_FOUND;
}

struct str
route_param(const struct route_params *params, struct str name)
{
    for (size_t i = 0; i < params->n; i++) {
        if (str_eq(params->name[i], name))
            return params->value[i];
    }
    return S("");
}
