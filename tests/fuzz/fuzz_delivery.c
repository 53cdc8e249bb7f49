/* fuzz_delivery.c - any bytes as the body of a delivery request, through the real service: every answer has a status, a
 * refusal stores nothing and says so in its body, and a success is JSON without a message at its top [TARGET 0.4]. */
#include "edge/delivery.h"
#include "edge_world.h"

static struct delivery *delivery;
static struct http_service service;

static void
close_delivery(void)
{
    delivery_close(delivery);
}

static void
open_delivery(void)
{
    const struct delivery_options o = {.edge = edge, .edge_host = ""};

    CHECK(delivery_open(&o, &delivery, NULL) == ERR_OK);
    before_edge_closes = close_delivery;
    service = delivery_service(delivery);
}

static void
check_answer(const struct http_res *rs, bool stored)
{
    const struct json *answer;

    CHECK(rs->status >= 200 && rs->status < 600);
    if (rs->status == 204)
        return;
    CHECK(json_parse(buf_str(rs->body), &arena, &answer, NULL) == ERR_OK);
    CHECK(json_i64(json_get(answer, S("status")), 0) == rs->status);
    CHECK((json_get(answer, S("message")) != NULL) == (rs->status >= 400));
    CHECK(rs->status < 400 || !stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rng rng;
    static int64_t now_ms = 1767225600000;
    struct http_req rq = {.method = HTTP_POST,
                          .method_text = S("POST"),
                          .path = S("/rest/v1/delivery"),
                          .query = S("client=o&sessionId=s"),
                          .host = S("target.shop.test"),
                          .client_ip = S("192.0.2.1"),
                          .body = {(const char *)data, size},
                          .arena = &arena,
                          .rng = &rng,
                          .now_ms = now_ms++};
    struct http_res rs = {0};
    struct buf body;
    uint64_t before;

    if (edge == NULL) {
        start();
        open_delivery();
        rng_seed(&rng, 1);
    }
    if (size > LIMIT_DELIVERY_BODY_BYTES)
        return 0;
    arena_reset(&arena);
    buf_init(&body, LIMIT_RESPONSE_BYTES);
    rs.body = &body;
    before = topic_end(collect);
    service.handle(service.ctx, &rq, &rs);
    arena_reset(&arena); /* the answer is parsed in what the request had */
    check_answer(&rs, topic_end(collect) != before);
    buf_deinit(&body);
    return 0;
}
