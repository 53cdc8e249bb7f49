/* fuzz_admin.c - any bytes as a body of the Target admin API, through the real service with a token: every answer has a
 * status and is JSON, and what is refused changes nothing.
 *
 *   <route> <body>
 *
 * The objects that the routes name are put back when a body was taken. */
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/admin.h"
#include "base/check.h"
#include "base/limits.h"
#include "codec/sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"
#define NOW 1767225600000

static struct pipeline *pipeline;
static struct topic *topic, *collect;
static struct config *config;
static struct admin *admin;
static struct http_service service;
static struct arena arena;
static struct rng rng;
static struct buf body;
static struct str bearer;
static char dir[] = "/tmp/edgewise-fuzz-XXXXXX";

static const struct target_route {
    enum http_method method;
    const char *text, *path, *query, *kind; /* kind: of the object 900 that it may make */
} routes[] = {
    {HTTP_POST, "POST", "/acme/target/activities/ab", "id=900", "activity"},
    {HTTP_POST, "POST", "/acme/target/activities/xt", "id=900", "activity"},
    {HTTP_POST, "POST", "/acme/target/activities/mvt", "id=900", "activity"},
    {HTTP_POST, "POST", "/acme/target/activities/auto_allocate", "id=900", "activity"},
    {HTTP_PUT, "PUT", "/acme/target/activities/ab/5", "", NULL},
    {HTTP_PUT, "PUT", "/acme/target/activities/5/schedule", "", NULL},
    {HTTP_POST, "POST", "/acme/target/audiences", "id=900", "targetAudience"},
    {HTTP_PUT, "PUT", "/acme/target/audiences/8", "", NULL},
    {HTTP_PATCH, "PATCH", "/acme/target/audiences/8", "", NULL},
    {HTTP_POST, "POST", "/acme/target/offers/content", "id=900", "offer"},
    {HTTP_POST, "POST", "/acme/target/offers/json", "id=900", "offer"},
    {HTTP_PUT, "PUT", "/acme/target/offers/content/7", "", NULL},
    {HTTP_PUT, "PUT", "/acme/target/properties/9", "", NULL},
    {HTTP_PUT, "PUT", "/acme/target/profileattributes/scripts/3", "", NULL},
    {HTTP_PUT, "PUT", "/acme/target/clients/settings", "", NULL},
    {HTTP_PUT, "PUT", "/acme/target/authorizedHosts", "", NULL},
};
#define ROUTES (sizeof routes / sizeof *routes)

/* ---- the world ---- */

static void
put(const char *kind, const char *scope, const char *id, const char *json)
{
    char text[2048];
    struct diag d = DIAG_INIT;
    size_t n = strlen(json);

    CHECK(n < sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = json[i] == '\'' ? '"' : json[i];
    if (config_put(config, str_of(kind), str_of(scope), str_of(id), (struct str){text, n}, NOW, &d) != ERR_OK) {
        fprintf(stderr, "%s: %s %s\n", kind, d.path, d.what);
        abort();
    }
}

static void
put_objects(void)
{
    put("offer", SCOPE, "7", "{'id':7,'name':'o','type':'content','content':'<p>x</p>'}");
    put("targetAudience", SCOPE, "8", "{'id':8,'name':'a','targetRule':{'mbox':'tier','equals':['gold']}}");
    put("property", SCOPE, "9", "{'id':9,'name':'p','token':'pt-9','channel':'web'}");
    put("profileScript", SCOPE, "3", "{'id':3,'name':'s','script':'return 1;','active':true}");
    put("activity", SCOPE, "5",
        "{'id':5,'name':'t','type':'ab','state':'saved','options':[{'optionLocalId':0,'name':'o','offerId':7}],"
        "'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},'experiences':[{'experienceLocalId':0,'name':'e',"
        "'visitorPercentage':100,'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}],'metrics':[{"
        "'metricLocalId':32767,'name':'g','conversion':true,'mboxes':[{'name':'m','successEvent':'mbox_shown'}]}]}");
}

static struct http_res
ask(const struct target_route *r, struct str type, struct str text)
{
    struct http_header headers[] = {{S("Authorization"), bearer},
                                    {S("x-api-key"), S("client")},
                                    {S("x-gw-ims-org-id"), S(ORG)},
                                    {S("Content-Type"), type},
                                    {S("Accept"), S("*/*")}};
    struct http_req rq = {.method = r->method,
                          .method_text = str_of(r->text),
                          .path = str_of(r->path),
                          .query = str_of(r->query),
                          .host = S("127.0.0.1"),
                          .client_ip = S("127.0.0.1"),
                          .headers = headers,
                          .header_count = sizeof headers / sizeof *headers,
                          .body = text,
                          .arena = &arena,
                          .rng = &rng,
                          .now_ms = NOW};
    struct http_res rs = {.body = &body};

    arena_reset(&arena);
    buf_clear(&body);
    CHECK(service.match(service.ctx, &rq));
    service.handle(service.ctx, &rq, &rs);
    return rs;
}

static void
take_token(void)
{
    static const struct target_route route = {HTTP_POST, "POST", "/ims/token/v3", "", NULL};
    static char text[4096];
    const struct json *answer = NULL;
    struct http_res rs;

    bearer = S("");
    rs = ask(&route, S("application/x-www-form-urlencoded"),
             S("grant_type=client_credentials&client_id=client&client_secret=secret&scope=openid"));
    CHECK(rs.status == 200 && json_parse(buf_str(&body), &arena, &answer, NULL) == ERR_OK);
    (void)snprintf(text, sizeof text, "Bearer %.*s", STR_ARG(json_str(json_get(answer, S("access_token")))));
    bearer = str_of(text);
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
    admin_free(admin);
    config_close(config);
    pipeline_close(pipeline);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what is left is seen by who looks */
    buf_deinit(&body);
    arena_deinit(&arena);
}

static struct topic *
open_topic(const char *name, bool compacted)
{
    struct topic_options o = {.name = name, .writable = true, .compacted = compacted};
    struct topic *t;

    CHECK(pipeline_topic(pipeline, &o, &t, NULL) == ERR_OK);
    return t;
}

static void
start(void)
{
    char log_dir[64], uploads[64], hex[65] = "", credential[512];
    struct pipeline_options po = {.os = os_posix(), .dir = log_dir};
    struct admin_options ao = {
        .os = os_posix(), .dir = uploads, .signing_key = S("0123456789abcdef0123456789abcdef"), .ready = true};
    unsigned char digest[32];

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(log_dir, sizeof log_dir, "%s/log", dir);
    (void)snprintf(uploads, sizeof uploads, "%s/uploads", dir);
    CHECK(pipeline_open(&po, &pipeline, NULL) == ERR_OK);
    topic = open_topic("config", true);
    collect = open_topic("collect", false);
    CHECK(config_open(&(struct config_options){.os = os_posix(), .topic = topic}, &config, NULL) == ERR_OK);
    sha256(S("secret"), digest);
    for (size_t i = 0; i < 64; i++)
        hex[i] = "0123456789abcdef"[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    (void)snprintf(credential, sizeof credential, "{'id':'client','secretSha256':'%s','scopes':['openid']}", hex);
    put("org", ORG, ORG,
        "{'id':'" ORG "','tenant':'acme','clientCode':'acme','tokenKey':'000102030405060708090a0b0c0d0e0f'}");
    put("sandbox", ORG, "prod", "{'id':'sb-1','name':'prod','type':'production','title':'Production'}");
    put("credential", ORG, "client", credential);
    put_objects();
    ao.config = config;
    ao.collect = collect;
    CHECK(admin_new(&ao, &admin, NULL) == ERR_OK);
    service = admin_service(admin);
    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    buf_init(&body, LIMIT_RESPONSE_BYTES);
    rng_seed(&rng, 1);
    take_token();
    CHECK(atexit(clean) == 0);
}

/* ---- one body ---- */

static void
put_back(const struct target_route *r)
{
    struct diag d = DIAG_INIT;

    if (r->kind != NULL) {
        CHECK(config_delete(config, str_of(r->kind), S(SCOPE), S("900"), NOW, &d) == ERR_OK);
        return;
    }
    (void)config_delete(config, S("targetSettings"), S(SCOPE), S("settings"), NOW, &d); /* there or not */
    (void)config_delete(config, S("targetSettings"), S(SCOPE), S("authorizedHosts"), NOW, &d);
    put_objects();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct target_route *r;
    const struct json *answer = NULL;
    struct http_res rs;
    uint64_t before;

    if (size < 1)
        return 0;
    if (admin == NULL)
        start();
    r = &routes[data[0] % ROUTES];
    before = topic_end(topic);
    rs = ask(r, S("application/json"), (struct str){(const char *)data + 1, size - 1});
    CHECK(rs.status >= 200 && rs.status < 500);
    CHECK(buf_str(&body).n == 0 || json_parse(buf_str(&body), &arena, &answer, NULL) == ERR_OK);
    CHECK(rs.status < 300 || topic_end(topic) == before);
    if (rs.status < 300)
        put_back(r);
    return 0;
}
