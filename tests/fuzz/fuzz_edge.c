/* fuzz_edge.c - any bytes as the body, the cookies and the query of an Edge Network request, through the real service:
 * every answer has a status, and a refused body stores nothing. The first byte chooses the endpoint.
 *
 * Audiences of every kind, a destination and activities make the whole path run: documents, rules, decisions. The clock
 * moves on and each request has an id of its own, so that none is taken for a retry. */
#include "edge_world.h"

static struct http_service service;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/ee/v1/interact", "/ee/v1/collect", "/ee/or2/v1/identity/acquire",
                                        "/ee/v1/privacy/set-consent", "/ee/va/v1/play"};
    static struct rng rng;
    static int64_t now_ms = 1767225600000;
    char query[64];
    struct str text = {(const char *)data, size}, cookie = S_NULL;
    struct http_header headers[3] = {{S("Origin"), S("https://www.shop.test")}, {S("Content-Type"), S("text/plain")}};
    struct http_req rq = {.method = HTTP_POST,
                          .host = S("edge.shop.test"),
                          .headers = headers,
                          .header_count = 3,
                          .arena = &arena,
                          .rng = &rng,
                          .now_ms = now_ms++};
    struct http_res rs = {0};
    struct buf body;
    uint64_t before;

    if (edge == NULL) {
        start();
        service = edge_service(edge);
        rng_seed(&rng, 1);
    }
    if (size < 2 || size > LIMIT_EDGE_BODY_BYTES)
        return 0;
    arena_reset(&arena);
    buf_init(&body, LIMIT_RESPONSE_BYTES);
    (void)snprintf(query, sizeof query, "configId=ds&requestId=r%lld", (long long)rq.now_ms);
    rq.query = str_of(query);
    rq.path = str_of(paths[data[0] % 5]);
    text = str_slice(text, 1, text.n);
    if (data[0] & 0x80) /* the rest up to a line end is the Cookie header */
        (void)str_split(&text, '\n', &cookie);
    headers[2] = (struct http_header){S("Cookie"), cookie};
    rq.body = text;
    rs.body = &body;
    before = topic_end(collect);
    service.handle(service.ctx, &rq, &rs);
    CHECK(rs.status >= 200 && rs.status < 600);
    CHECK(rs.status < 400 || topic_end(collect) == before);
    buf_deinit(&body);
    return 0;
}
