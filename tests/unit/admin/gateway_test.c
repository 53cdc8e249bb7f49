/* gateway_test.c - tokens and the gateway's checks [PLATFORM 1.3, 1.4], sandboxes, health, error styles. */
#include "admin/admin_rate.h"
#include "base/limits.h"
#include "control_fixture.h"

#define TOKEN "grant_type=client_credentials&client_id=" C_CLIENT "&client_secret="

TEST(admin_tokens)
{
    struct control c;
    struct reply r;
    struct str rest, part;
    const char *token;

    control_open(t, &c, false);
    r = control_raw(&c, "POST /ims/token/v3", "Content-Type: application/x-www-form-urlencoded", TOKEN C_SECRET);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "token_type"), S("bearer"));
    CHECK_STR(control_get(&c, &r, "expires_in"), S("86399"));
    token = arena_cstr(t->arena, control_get(&c, &r, "access_token"));
    rest = str_of(token);
    for (int i = 0; i < 3; i++)
        CHECK_TRUE(str_split(&rest, '.', &part) && part.n > 0);
    CHECK_TRUE(rest.p == NULL);
    r = control_raw(&c, "POST /ims/token/v2?" TOKEN C_SECRET, "", NULL); /* everything in the query */
    CHECK_REPLY(r, 200);
    r = control_raw(&c, "POST /ims/token/v3", "", TOKEN "wrong");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "error"), S("invalid_client"));
    r = control_raw(&c, "POST /ims/token/v3", "", "grant_type=client_credentials&client_id=nobody&client_secret=x");
    CHECK_STR(control_get(&c, &r, "error"), S("invalid_client"));
    r = control_raw(&c, "POST /ims/token/v3", "", "grant_type=password");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "error"), S("unsupported_grant_type"));
    r = control_raw(&c, "POST /ims/validate_token/v1?type=access_token", "",
                    arena_printf(t->arena, "token=%s&client_id=" C_CLIENT, token).p);
    CHECK_STR(control_get(&c, &r, "valid"), S("true"));
    CHECK_STR(control_get(&c, &r, "token.org"), S(C_ORG));
    CHECK_STR(control_get(&c, &r, "token.type"), S("access_token"));
    r = control_raw(&c, "POST /ims/validate_token/v1", "", "token=a.b.c");
    CHECK_STR(control_get(&c, &r, "valid"), S("false"));
    CHECK_TRUE(json_get(r.json, S("token")) == NULL);
    control_close(&c);
}

/* [PLATFORM A 7 .. 12], with the exact bodies. */
TEST(admin_gateway_fails_in_order)
{
    static const struct {
        const char *headers;
        int status;
        const char *body;
    } cases[] = {
        {"Authorization:\nx-api-key:\nx-gw-ims-org-id:", 403,
         "{\"error_code\":\"403010\",\"message\":\"Oauth token is missing.\"}"},
        {"Authorization: Bearer xyz\nx-api-key:\nx-gw-ims-org-id:", 401,
         "{\"error_code\":\"401013\",\"message\":\"Oauth token is not valid\"}"},
        {"Authorization: Basic xyz", 401, "{\"error_code\":\"401013\",\"message\":\"Oauth token is not valid\"}"},
        {"x-api-key:\nx-gw-ims-org-id:", 403, "{\"error_code\":\"403000\",\"message\":\"Api Key is required\"}"},
        {"x-api-key: other\nx-gw-ims-org-id:", 403, "{\"error_code\":\"403003\",\"message\":\"Api Key is invalid\"}"},
        {"x-gw-ims-org-id:", 400, "{\"error_code\":\"400003\",\"message\":\"Missing header\"}"},
        {"x-gw-ims-org-id: FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg", 403,
         "{\"error_code\":\"403025\",\"message\":\"Profile is not valid\"}"},
    };
    static const char *const paths[] = {"GET /data/core/ups/audiences", "GET /data/no/such/path",
                                        "DELETE /data/core/ups/audiences", "GET /edgewise/datastreams"};
    struct control c;

    control_open(t, &c, false);
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct reply r = control_ask_with(&c, paths[p], cases[i].headers, NULL);
            CHECK_REPLY(r, cases[i].status);
            CHECK_STR(r.body, str_of(cases[i].body));
        }
    }
    control_close(&c);
}

TEST(admin_tokens_end)
{
    struct control c;
    char *forged;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "GET /data/core/ups/audiences", NULL), 200);
    forged = (char *)(uintptr_t)arena_cstr(t->arena, str_of(c.token));
    forged[strlen(forged) / 2] ^= 1;
    r = control_ask_with(&c, "GET /data/core/ups/audiences",
                         arena_printf(t->arena, "Authorization: Bearer %s", forged).p, NULL);
    CHECK_REPLY(r, 401);
    c.now_ms = C_NOW + 24 * 3600 * 1000 - 1;
    CHECK_REPLY(control_ask(&c, "GET /data/core/ups/audiences", NULL), 200);
    c.now_ms++;
    CHECK_REPLY(control_ask(&c, "GET /data/core/ups/audiences", NULL), 401);
    c.now_ms = C_NOW;
    CHECK_OK(config_delete(c.config, S("credential"), S(C_ORG), S(C_CLIENT), C_NOW, d));
    CHECK_REPLY(control_ask(&c, "GET /data/core/ups/audiences", NULL), 401); /* with its credential */
    control_close(&c);
}

TEST(admin_sandbox_of_a_call)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask_with(&c, "GET /edgewise/datastreams", "x-sandbox-name: nowhere", NULL);
    CHECK_REPLY(r, 403);
    CHECK_BODY(r, "'nowhere'");
    r = control_ask_with(&c, "POST /edgewise/datastreams", "x-sandbox-name: dev", "{'id':'in-dev'}");
    CHECK_REPLY(r, 201);
    CHECK_REPLY(control_ask(&c, "GET /edgewise/datastreams/in-dev", NULL), 404);
    CHECK_REPLY(control_ask_with(&c, "GET /edgewise/datastreams/in-dev", "x-sandbox-id: sb-2", NULL), 200);
    control_close(&c);
}

TEST(admin_sandboxes)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "GET /data/foundation/sandbox-management/", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "sandboxes.0.name"), S("prod"));
    CHECK_STR(control_get(&c, &r, "sandboxes.0.isDefault"), S("true"));
    r = control_ask(&c, "GET /data/foundation/sandbox-management/sandboxTypes", NULL);
    CHECK_BODY(r, "development");
    r = control_ask(&c, "POST /data/foundation/sandbox-management/sandboxes",
                    "{'name':'test-1','title':'Test','type':'development'}");
    CHECK_REPLY(r, 202);
    CHECK_STR(control_get(&c, &r, "state"), S("creating"));
    r = control_ask(&c, "GET /data/foundation/sandbox-management/sandboxes/test-1", NULL);
    CHECK_STR(control_get(&c, &r, "state"), S("active"));
    r = control_ask(&c, "POST /data/foundation/sandbox-management/sandboxes",
                    "{'name':'test-1','title':'Test','type':'development'}");
    CHECK_REPLY(r, 409);
    r = control_ask(&c, "POST /data/foundation/sandbox-management/sandboxes", "{'name':'1x','type':'development'}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "report.path"), S("name"));
    CHECK_REPLY(control_ask(&c, "DELETE /data/foundation/sandbox-management/sandboxes/prod", NULL), 400);
    CHECK_REPLY(control_ask(&c, "DELETE /data/foundation/sandbox-management/sandboxes/test-1", NULL), 202);
    CHECK_REPLY(control_ask(&c, "GET /data/foundation/sandbox-management/sandboxes/test-1", NULL), 404);
    r = control_ask(&c, "GET /data/foundation/sandbox-management/sandboxes", NULL);
    CHECK_STR(control_get(&c, &r, "_page.count"), S("2"));
    control_close(&c);
}

TEST(admin_operation)
{
    struct control c;
    struct reply r;

    control_open(t, &c, true);
    r = control_raw(&c, "GET /healthz", "", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "status"), S("ok"));
    r = control_raw(&c, "GET /metrics", "", NULL);
    CHECK_REPLY(r, 200);
    CHECK_BODY(r, "edgewise_config_version");
    r = control_raw(&c, "POST /emulator/clock", "", "{\"now\":\"2026-03-01T00:00:00Z\"}");
    CHECK_REPLY(r, 200);
    CHECK_EQ(c.clock_ms, 1772323200000);
    CHECK_REPLY(control_raw(&c, "POST /emulator/clock", "", "{\"now\":\"2026-02-01T00:00:00Z\"}"), 400);
    CHECK_REPLY(control_raw(&c, "POST /emulator/clock", "", "{\"now\":\"soon\"}"), 400);
    c.now_ms = C_NOW + 90ll * 24 * 3600 * 1000;
    CHECK_REPLY(control_ask(&c, "GET /edgewise/datastreams", NULL), 200); /* tokens outlive an emulated clock */
    r = control_ask(&c, "GET /edgewise/drain", NULL);
    CHECK_REPLY(r, 200);
    CHECK_TRUE(c.drained);
    r = control_ask(&c, "GET /edgewise/sweep", NULL);
    CHECK_REPLY(r, 200);
    CHECK_BODY(r, "{\"active\":true,\"done\":40,\"total\":100}");
    control_close(&c);
    control_open(t, &c, false);
    CHECK_REPLY(control_raw(&c, "POST /emulator/clock", "", "{\"now\":\"2026-03-01T00:00:00Z\"}"), 404);
    control_close(&c);
}

TEST(admin_request_ids)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask_with(&c, "GET /edgewise/datastreams", "x-request-id: mine-7", NULL);
    CHECK_TRUE(str_find(r.headers, S("x-request-id: mine-7")) >= 0);
    r = control_raw(&c, "GET /healthz", "", NULL);
    CHECK_TRUE(str_find(r.headers, S("x-request-id: ")) >= 0);
    r = control_ask_with(&c, "GET /data/core/ups/audiences/nope", "x-request-id: r-1", NULL);
    CHECK_STR(control_get(&c, &r, "requestId"), S("r-1"));
    control_close(&c);
}

/* One failure of every family, in its own words [PLATFORM 1.3], [SEGMENTATION 17.1], [TARGET 6.1]. */
TEST(admin_error_styles)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "GET /data/foundation/schemaregistry/tenant/schemas/none", NULL);
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "status"), S("404"));
    CHECK_BODY(r, "with version 1 not found");
    r = control_ask(&c, "GET /data/foundation/flowservice/connections/none", NULL);
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "errorDetails"), S("connections not found with id = [none]"));
    r = control_ask(&c, "GET /data/core/ups/audiences/none", NULL);
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "errors.404.0.code"), S("UPAPI-113430-404"));
    r = control_ask(&c, "GET /acme/target/properties/5", NULL);
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "errors.0.errorCode"), S("NotFound.Entity"));
    CHECK_STR(control_get(&c, &r, "httpStatus"), S("404"));
    r = control_ask(&c, "GET /data/core/ups/config/mergePolicies/none", NULL);
    CHECK_REPLY(r, 404);
    CHECK_STR(control_get(&c, &r, "statusCode"), S("404"));
    r = control_ask(&c, "GET /data/foundation/nothing", NULL);
    CHECK_REPLY(r, 404);
    CHECK_BODY(r, "no resource at");
    r = control_ask(&c, "DELETE /data/core/ups/audiences", NULL);
    CHECK_REPLY(r, 405);
    CHECK_TRUE(str_find(r.headers, S("Allow: ")) >= 0 && str_find(r.headers, S("POST")) > 0);
    r = control_ask_with(&c, "POST /edgewise/datastreams", "Content-Type:", "{}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "title"), S("BadRequestError"));
    r = control_ask(&c, "POST /edgewise/datastreams", "{'id':");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "byte");
    r = control_ask(&c, "POST /edgewise/datastreams", "[]");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "JSON object");
    control_close(&c);
}

static size_t
body_max_of(struct control *c, enum http_method method, const char *path)
{
    struct http_req rq = {.method = method, .path = str_of(path), .arena = &c->scratch, .rng = &c->rng};

    return c->service.body_max(c->service.ctx, &rq);
}

/* What a route takes; the listener refuses one byte more (http_server_test.c). */
TEST(admin_bodies_at_and_past_their_limits)
{
    static const char stream[] = "/edgewise/datastreams";
    struct control c;
    struct reply r;
    char *body;

    control_open(t, &c, false);
    CHECK_EQ(body_max_of(&c, HTTP_POST, "/ims/token/v3"), LIMIT_EDGE_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_POST, stream), LIMIT_ADMIN_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_GET, stream), 0);
    CHECK_EQ(body_max_of(&c, HTTP_POST, "/collection/0011"), LIMIT_INLET_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_POST, "/collection/batch/0011"), LIMIT_INLET_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_PUT, "/data/foundation/import/batches/b/datasets/d/files/a/b.json"),
             LIMIT_UPLOAD_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_POST, "/data/core/ups/segment/definitions"),
             2 * LIMIT_PQL_TEXT_BYTES + LIMIT_ADMIN_BODY_BYTES);
    CHECK_EQ(body_max_of(&c, HTTP_POST, "/data/foundation/nothing"), 0);

    body = arena_alloc(t->arena, LIMIT_ADMIN_BODY_BYTES + 2);
    memset(body, ' ', LIMIT_ADMIN_BODY_BYTES + 2);
    memcpy(body, "[]", 2);
    body[LIMIT_ADMIN_BODY_BYTES] = '\0';
    r = control_ask(&c, "POST /edgewise/datastreams", body);
    CHECK_REPLY(r, 400); /* read, and no JSON object */
    CHECK_BODY(r, "JSON object");
    body[LIMIT_ADMIN_BODY_BYTES] = ' ';
    body[LIMIT_ADMIN_BODY_BYTES + 1] = '\0';
    r = control_ask(&c, "POST /edgewise/datastreams", body);
    CHECK_REPLY(r, 413);
    CHECK_STR(control_get(&c, &r, "status"), S("413"));
    control_close(&c);
}

TEST(admin_namespaces)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "GET /data/core/idnamespace/identities", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "1.code"), S("ECID"));
    CHECK_STR(control_get(&c, &r, "1.id"), S("4"));
    r = control_ask(&c, "POST /data/core/idnamespace/identities",
                    "{'code':'ShopId','name':'Shop','idType':'Cross_device'}");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "id"), S("10000000"));
    CHECK_STR(control_get(&c, &r, "idType"), S("CROSS_DEVICE"));
    CHECK_STR(control_get(&c, &r, "custom"), S("true"));
    r = control_ask(&c, "POST /data/core/idnamespace/identities",
                    "{'code':'ShopId','name':'Shop','idType':'Cross_device'}");
    CHECK_REPLY(r, 409);
    CHECK_STR(control_get(&c, &r, "title"), S("NAMESPACE_CODE_CONFLICT"));
    CHECK_STR(control_get(&c, &r, "report.code"), S("INTEGRATION_CODE_EXISTS"));
    r = control_ask(&c, "POST /data/core/idnamespace/identities", "{'code':'X','name':'x','idType':'FOO'}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "report.code"), S("INVALID_REQUEST_PARAMS"));
    CHECK_BODY(r, "CROSS_DEVICE");
    r = control_ask(&c, "PUT /data/core/idnamespace/identities/10000000", "{'name':'Shop 2','idType':'EMAIL'}");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "code"), S("ShopId"));
    r = control_ask(&c, "GET /data/core/idnamespace/identities/10000000", NULL);
    CHECK_STR(control_get(&c, &r, "name"), S("Shop 2"));
    CHECK_REPLY(control_ask(&c, "GET /data/core/idnamespace/identities/6", NULL), 200);
    CHECK_REPLY(control_ask(&c, "GET /data/core/idnamespace/identities/77", NULL), 404);
    CHECK_REPLY(control_ask(&c, "PUT /data/core/idnamespace/identities/6", "{'name':'x'}"), 400);
    CHECK_REPLY(control_ask(&c, "DELETE /data/core/idnamespace/identities/10000000", NULL), 405);
    control_close(&c);
}

TEST(admin_datastreams)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "POST /edgewise/datastreams", "{'services':{'com_adobe_target':{'enabled':true}}}");
    CHECK_REPLY(r, 201);
    CHECK_EQ(control_get(&c, &r, "id").n, 36);
    CHECK_STR(control_get(&c, &r, "orgId"), S(C_ORG));
    CHECK_REPLY(control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-1'}"), 201);
    CHECK_REPLY(control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-1'}"), 409);
    r = control_ask(&c, "POST /edgewise/datastreams", "{'id':'ds-2','accessType':'open'}");
    CHECK_REPLY(r, 400);
    CHECK_STR(control_get(&c, &r, "report.path"), S("accessType"));
    r = control_ask(&c, "PUT /edgewise/datastreams/ds-1", "{'enabled':false}");
    CHECK_REPLY(r, 200);
    r = control_ask(&c, "GET /edgewise/datastreams/ds-1", NULL);
    CHECK_STR(control_get(&c, &r, "enabled"), S("false"));
    CHECK_STR(control_get(&c, &r, "id"), S("ds-1"));
    CHECK_REPLY(control_ask(&c, "PUT /edgewise/datastreams/none", "{}"), 404);
    r = control_ask(&c, "GET /edgewise/datastreams", NULL);
    CHECK_STR(control_get(&c, &r, "items.1.id"), S("ds-1"));
    CHECK_REPLY(control_ask(&c, "DELETE /edgewise/datastreams/ds-1", NULL), 204);
    CHECK_REPLY(control_ask(&c, "DELETE /edgewise/datastreams/ds-1", NULL), 404);
    CHECK_REPLY(control_ask(&c, "GET /edgewise/audiences/none/size", NULL), 404);
    control_close(&c);
}

/* [TARGET 12.153]: the same checks with Target's body and its 401, and the tenant of the path. */
TEST(admin_gateway_of_target)
{
    static const struct {
        const char *line, *headers;
        int status;
        const char *code;
    } cases[] = {
        {"GET /acme/target/activities", "Authorization:", 401, "Unauthorized"},
        {"GET /acme/target/no/such/path", "Authorization:", 401, "Unauthorized"},
        {"GET /acme/target/activities", "Authorization: Bearer xyz", 401, "Unauthorized"},
        {"GET /acme/target/activities", "x-api-key:", 403, "Forbidden.Entity"},
        {"GET /acme/target/activities", "x-api-key: other", 403, "Forbidden.Entity"},
        {"GET /acme/target/activities", "x-gw-ims-org-id: FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg", 403, "Forbidden.Entity"},
        {"GET /other/target/activities", "", 403, "Forbidden.Entity"},
        {"GET /ACME/target/activities", "", 403, "Forbidden.Entity"},
    };
    struct control c;

    control_open(t, &c, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply r = control_ask_with(&c, cases[i].line, cases[i].headers, NULL);
        CHECK_REPLY(r, cases[i].status);
        CHECK_STR(control_get(&c, &r, "errors.0.errorCode"), str_of(cases[i].code));
    }
    CHECK_REPLY(control_ask_with(&c, "GET /acme/target/activities", "x-gw-ims-org-id:", NULL), 200);
    control_close(&c);
}

#define SECOND 1000000u

/* [TARGET 12.154]: at the limit, past it, and a minute later. */
TEST(admin_rate_of_a_client)
{
    struct admin_rate r;

    admin_rate_init(&r, 3);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(admin_rate_take(&r, S("a"), 5 * SECOND), 0);
    CHECK_EQ(admin_rate_take(&r, S("a"), 5 * SECOND), 60);
    CHECK_EQ(admin_rate_take(&r, S("a"), 64 * SECOND + 1), 1);
    CHECK_EQ(admin_rate_take(&r, S("b"), 64 * SECOND), 0);
    CHECK_EQ(admin_rate_take(&r, S("a"), 65 * SECOND), 0);
    admin_rate_deinit(&r);
    admin_rate_init(&r, 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(admin_rate_take(&r, S("a"), 0), 0);
    admin_rate_deinit(&r);
}

/* A full table forgets whose minute began first. */
TEST(admin_rate_of_many_clients)
{
    struct admin_rate r;

    admin_rate_init(&r, 1);
    for (int i = 0; i < LIMIT_RATE_CLIENTS; i++)
        CHECK_EQ(admin_rate_take(&r, arena_printf(t->arena, "c%d", i), (uint64_t)i), 0);
    for (int i = 0; i < LIMIT_RATE_CLIENTS; i++)
        CHECK_EQ(admin_rate_take(&r, arena_printf(t->arena, "c%d", i), 300), 60);
    CHECK_EQ(admin_rate_take(&r, S("another"), 301), 0);
    CHECK_EQ(admin_rate_take(&r, S("c1"), 302), 60);
    CHECK_EQ(admin_rate_take(&r, S("c0"), 303), 0); /* forgotten, and c1 for it */
    admin_rate_deinit(&r);
}
