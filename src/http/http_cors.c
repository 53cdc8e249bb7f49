/* http_cors.c - cross-origin headers [EDGE 1.5].
 *
 * SDK requests carry credentials, so the origin is echoed exactly and never "*"; every answer has the headers, refusals
 * included, because a browser hides an answer without them and the SDK then reports a network failure. Vary: Origin is
 * there even without an Origin header: a cache in between must not serve that answer to a page. The two headers for
 * pages under cross-origin isolation are sent to everyone: images and beacons come without an Origin. */
#include "http/http_int.h"

void
http_cors_headers(struct exchange *x)
{
    const struct http_service *s = x->service;

    if (s == NULL || !s->cors)
        return;
    exchange_answer_header(x, "Timing-Allow-Origin", "*");
    exchange_answer_header(x, "Cross-Origin-Resource-Policy", "cross-origin");
    if (x->origin.n == 0)
        return;
    exchange_answer_header(x, "Access-Control-Allow-Origin", x->origin.p);
    exchange_answer_header(x, "Access-Control-Allow-Credentials", "true");
    if (s->cors_expose != NULL)
        exchange_answer_header(x, "Access-Control-Expose-Headers", s->cors_expose);
}

void
http_cors_preflight(struct exchange *x)
{
    struct str asked = http_header(&x->rq, S("Access-Control-Request-Headers"));

    x->rs.status = 204;
    exchange_answer_header(x, "Access-Control-Allow-Methods", "POST, GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    if (asked.n != 0)
        exchange_answer_header(x, "Access-Control-Allow-Headers", asked.p);
    exchange_answer_header(x, "Access-Control-Max-Age", "86400");
}
