/* Who may use the profile APIs  [TARGET 12.123]. */
#include "base/limits.h"
#include "edge/profile_api.h"
#include "edge_rig.h"
#include "model/access_token.h"

#define NOW ((int64_t)1767225600000)
#define ORG "111111111111111111111111@AdobeOrg"

static void
put_objects(struct edge_rig *g, const char *settings)
{
    edge_rig_put(g, "org", ORG, ORG, "{\"id\":\"" ORG "\",\"tenant\":\"acme\",\"clientCode\":\"acme\"}");
    edge_rig_put(g, "sandbox", ORG, "prod", "{\"id\":\"prod\",\"name\":\"prod\",\"type\":\"production\"}");
    edge_rig_put(g, "targetSettings", ORG "/prod", "settings", settings);
}

static int
ask(struct edge_rig *g, struct profile_api *api, struct str bearer)
{
    struct t *t = g->t;
    struct http_header header = {S("Authorization"), ARENA_JOIN(t->arena, S("Bearer "), bearer)};
    struct http_service service = profile_api_service(api);
    struct http_req rq = {.method = HTTP_GET,
                          .path = S("/m2/acme/profile/update"),
                          .query = S("mboxPC=t1&profile.x=1"),
                          .headers = &header,
                          .header_count = bearer.p != NULL,
                          .arena = t->arena,
                          .rng = &t->rng,
                          .now_ms = NOW};
    struct buf body;
    struct http_res rs = {.body = &body};

    buf_init_in(&body, t->arena, LIMIT_ADMIN_BODY_BYTES);
    CHECK_TRUE(service.match(service.ctx, &rq));
    service.handle(service.ctx, &rq, &rs);
    return rs.status;
}

static struct str
token(struct edge_rig *g, struct str client, struct str scope, int64_t expires_ms)
{
    struct t *t = g->t;
    const struct snapshot *snap = snapshot_get(g->config);
    struct access_token x = {client, scope, expires_ms};
    struct buf text;

    buf_init_in(&text, t->arena, LIMIT_HEADER_BYTES);
    CHECK_OK(access_token_write(&text, snapshot_scope(snap, S(ORG "/prod"))->token_key, &x, t->arena, d));
    snapshot_put(g->config, snap);
    return buf_str(&text);
}

#define CHECK_ASK(bearer, status) CHECK_EQ(ask(&g, api, bearer), status)

#define OPEN_API(settings)                                                                                             \
    struct edge_rig g = edge_rig_open(t);                                                                              \
    struct profile_api *api = NULL;                                                                                    \
    put_objects(&g, settings);                                                                                         \
    CHECK_OK(profile_api_open(g.edge, arena_printf(t->arena, "%s/batches", t->dir).p, &api, d))

TEST(profile_api_asks_for_a_token_when_told_to)
{
    OPEN_API("{\"enableProfileApiAuthentication\":true}");

    CHECK_ASK(S_NULL, 401);
    CHECK_ASK(S("nonsense"), 403);
    CHECK_ASK(token(&g, S("acme"), ACCESS_DEBUG_TOOLS, NOW + 1), 403);
    CHECK_ASK(token(&g, S("other"), ACCESS_PROFILE_API, NOW + 1), 403);
    CHECK_ASK(token(&g, S("acme"), ACCESS_PROFILE_API, NOW), 403);
    CHECK_ASK(token(&g, S("acme"), ACCESS_PROFILE_API, NOW + 1), 404); /* may ask; nobody has this id */
    profile_api_close(api);
    edge_rig_close(&g);
}

TEST(profile_api_is_open_to_those_who_know_an_id)
{
    OPEN_API("{\"enableProfileApiAuthentication\":false}");

    CHECK_ASK(S_NULL, 404);
    profile_api_close(api);
    edge_rig_close(&g);
}
