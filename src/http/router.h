/* router.h - REST paths to handlers: one table per service, which is also what docs/openapi.yaml is tested against.
 *
 *   { HTTP_GET, "/data/core/ups/segment/definitions/{id}", 0, definitions_get }
 *
 * {name} takes one segment (percent-decoded for the handler), {name...} at the end takes the rest with its slashes. One
 * optional trailing slash is accepted everywhere [PLATFORM 1.1]. Literal segments win over {name}. An unknown path is
 * 404, a known one with another method 405 with Allow. */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/http.h"

#define ROUTE_PARAMS_MAX 6

struct route_params {
    struct str name[ROUTE_PARAMS_MAX];
    struct str value[ROUTE_PARAMS_MAX];
    size_t n;
};

struct route {
    enum http_method method;
    const char *pattern;
    size_t body_max; /* bytes; 0: no body */
    void (*handle)(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs);
};

enum route_result { ROUTE_FOUND, ROUTE_UNKNOWN_PATH, ROUTE_WRONG_METHOD };

/* Finds the route for a request. *allow (an arena text "GET, POST") is set for ROUTE_WRONG_METHOD. */
enum route_result route_find(const struct route *routes, size_t n, const struct http_req *rq, const struct route **out,
                             struct route_params *params, struct str *allow);
/* Value of {name}; empty when the pattern has none. */
struct str route_param(const struct route_params *params, struct str name);

#endif
