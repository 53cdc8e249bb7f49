/* fuzz_edge.c - any bytes as the body, the cookies and the query of an Edge Network request, through the real service:
 * every answer has a status, and a refused body stores nothing. The first byte chooses the endpoint. */
#include <ftw.h>

#include "base/check.h"
#include "base/limits.h"
#include "edge/edge.h"

static struct os *os;
static struct pipeline *pipeline;
static struct topic *collect, *projection, *config_topic;
static struct config *config;
static struct edge *edge;
static struct http_service service;
static struct arena arena;
static char dir[] = "/tmp/edgewise-fuzz-XXXXXX";

static struct topic *
open_topic(const char *name, bool compacted)
{
    struct topic_options o = {.name = name, .writable = true, .compacted = compacted};
    struct topic *t;

    CHECK(pipeline_topic(pipeline, &o, &t, NULL) == ERR_OK);
    return t;
}

static void
put(const char *kind, const char *scope, const char *id, const char *json)
{
    struct diag d = DIAG_INIT;

    if (config_put(config, str_of(kind), str_of(scope), str_of(id), str_of(json), 1000, &d) != ERR_OK) {
        fprintf(stderr, "%s: %s %s\n", kind, d.path, d.what);
        abort();
    }
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void
clean(void)
{
    edge_close(edge);
    config_close(config);
    pipeline_close(pipeline);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what is left is seen by who looks */
    arena_deinit(&arena);
}

static void
start(void)
{
    char log_dir[64], edge_dir[64];
    struct pipeline_options po = {.dir = log_dir};
    struct config_options co = {0};
    struct edge_options eo = {
        .collect_name = "collect/0", .dir = edge_dir, .hint = "or2", .region_id = 9, .base_paths = "ee"};

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(log_dir, sizeof log_dir, "%s/log", dir);
    (void)snprintf(edge_dir, sizeof edge_dir, "%s/edge", dir);
    os = os_posix();
    po.os = os;
    CHECK(pipeline_open(&po, &pipeline, NULL) == ERR_OK);
    collect = open_topic("collect", false);
    projection = open_topic("projection.or2", true);
    config_topic = open_topic("config", true);
    co.os = os;
    co.topic = config_topic;
    CHECK(config_open(&co, &config, NULL) == ERR_OK);
    put("org", "AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg", "AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg",
        "{\"id\":\"AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg\",\"name\":\"o\",\"tenant\":\"o\",\"clientCode\":\"o\","
        "\"tokenKey\":"
        "\"00112233445566778899aabbccddeeff\"}");
    put("sandbox", "AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg", "prod",
        "{\"id\":\"prod\",\"name\":\"prod\",\"title\":\"p\",\"type\":\"production\"}");
    put("datastream", "AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg/prod", "ds",
        "{\"id\":\"ds\",\"name\":\"ds\",\"orgId\":\"AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg\",\"sandboxName\":\"prod\","
        "\"enabled\":true,\"settings\":{"
        "\"firstPartyIdCookie\":\"FPID\"},\"services\":{\"com_adobe_experience_platform\":{\"enabled\":true,"
        "\"com_adobe_edge_segmentation\":{\"enabled\":true},\"com_adobe_edge_destinations\":{\"enabled\":true}},"
        "\"com_adobe_target\":{\"enabled\":true}}}");
    eo.os = os;
    eo.config = config;
    eo.collect = collect;
    eo.projection = projection;
    CHECK(edge_open(&eo, &edge, NULL) == ERR_OK);
    service = edge_service(edge);
    CHECK(atexit(clean) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/ee/v1/interact", "/ee/v1/collect", "/ee/or2/v1/identity/acquire",
                                        "/ee/v1/privacy/set-consent", "/ee/va/v1/play"};
    static struct rng rng;
    struct str text = {(const char *)data, size}, cookie = S_NULL;
    struct http_header headers[3] = {{S("Origin"), S("https://www.shop.test")}, {S("Content-Type"), S("text/plain")}};
    struct http_req rq = {.method = HTTP_POST,
                          .query = S("configId=ds&requestId=r"),
                          .host = S("edge.shop.test"),
                          .headers = headers,
                          .header_count = 3,
                          .arena = &arena,
                          .rng = &rng,
                          .now_ms = 1767225600000};
    struct http_res rs = {0};
    struct buf body;
    uint64_t before;

    if (edge == NULL) {
        start();
        arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
        rng_seed(&rng, 1);
    }
    if (size < 2 || size > LIMIT_EDGE_BODY_BYTES)
        return 0;
    arena_reset(&arena);
    buf_init(&body, LIMIT_RESPONSE_BYTES);
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
