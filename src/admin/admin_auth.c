/* admin_auth.c - access tokens [PLATFORM 1.4]: signed JSON in three parts, because clients decode the middle one.
 *
 * HS256 with a key of this installation. The credential behind a token is looked up at every call (admin.c), so
 * removing it ends its tokens at once. Forms are read leniently: parameters may be in the query, the body, or both; the
 * content type is not asked for. */
#include "admin/admin_int.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "codec/hmac.h"
#include "codec/sha256.h"
#include "codec/url.h"

#define TOKEN_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void
claims_write(struct jw *w, struct http_req *rq, const struct token_claims *c)
{
    jw_object(w);
    jw_kstr(w, S("type"), S("access_token"));
    jw_kstr(w, S("client_id"), c->client_id);
    jw_kstr(w, S("user_id"), arena_printf(rq->arena, "%.*s@techacct.edgewise", STR_ARG(c->client_id)));
    jw_kstr(w, S("org"), c->org);
    jw_kstr(w, S("created_at"), arena_printf(rq->arena, "%lld", (long long)c->created_ms));
    jw_kstr(w, S("expires_at"), arena_printf(rq->arena, "%lld", (long long)c->expires_ms));
    jw_kstr(w, S("scope"), c->scope);
    jw_end(w);
}

struct str
admin_token_make(const struct admin *a, struct http_req *rq, const struct token_claims *claims)
{
    unsigned char mac[HMAC_SHA256_BYTES];
    struct buf text, token;
    struct jw w;
    struct str out = S_NULL;

    buf_init(&text, LIMIT_HEADER_BYTES);
    buf_init(&token, LIMIT_HEADER_BYTES);
    w = jw_to(&text);
    claims_write(&w, rq, claims);
    base64url_encode(&token, S(TOKEN_HEADER));
    buf_putc(&token, '.');
    base64url_encode(&token, buf_str(&text));
    if (buf_ok(&text) && buf_ok(&token) && hmac_sha256(a->o.signing_key, buf_str(&token), rq->arena, mac)) {
        buf_putc(&token, '.');
        base64url_encode(&token, (struct str){(const char *)mac, sizeof mac});
        out = arena_str(rq->arena, buf_str(&token));
    }
    buf_deinit(&text);
    buf_deinit(&token);
    return out;
}

static bool
claims_read(struct str middle, const struct http_req *rq, const struct json **out)
{
    struct str text = base64_decode(middle, rq->arena);
    struct diag d = DIAG_INIT;

    return text.p != NULL && json_parse(text, rq->arena, out, &d) == ERR_OK && json_is(*out, JSON_OBJECT) &&
           str_eq(json_str(json_get(*out, S("type"))), S("access_token"));
}

bool
admin_token_read(const struct admin *a, struct str token, const struct http_req *rq, struct token_claims *out)
{
    struct str rest = token, header, middle, signature, mac_given;
    const struct json *claims = NULL;
    unsigned char mac[HMAC_SHA256_BYTES];

    if (token.n > LIMIT_HEADER_BYTES || !str_split(&rest, '.', &header) || rest.p == NULL ||
        !str_split(&rest, '.', &middle) || rest.p == NULL || !str_split(&rest, '.', &signature) || rest.p != NULL)
        return false;
    mac_given = base64_decode(signature, rq->arena);
    if (mac_given.p == NULL || mac_given.n != sizeof mac ||
        !hmac_sha256(a->o.signing_key, str_slice(token, 0, header.n + 1 + middle.n), rq->arena, mac) ||
        !hmac_equal(mac, (const unsigned char *)mac_given.p) || !claims_read(middle, rq, &claims))
        return false;
    out->client_id = json_str(json_get(claims, S("client_id")));
    out->org = json_str(json_get(claims, S("org")));
    out->scope = json_str(json_get(claims, S("scope")));
    if (!str_to_i64(json_str(json_get(claims, S("created_at"))), &out->created_ms) ||
        !str_to_i64(json_str(json_get(claims, S("expires_at"))), &out->expires_ms))
        return false;
    return a->o.hub.set_clock != NULL || rq->now_ms < out->expires_ms;
}

bool
admin_token_check(const struct admin *a, const struct http_req *rq, struct str *client_id, struct str *org)
{
    struct str bearer = http_header(rq, S("Authorization"));
    struct token_claims claims;

    if (!str_eq_nocase(str_slice(bearer, 0, 7), S("Bearer ")) ||
        !admin_token_read(a, str_trim(str_slice(bearer, 7, bearer.n)), rq, &claims))
        return false;
    *client_id = claims.client_id;
    *org = claims.org;
    return true;
}

/* ---- POST /ims/token/v2, v3 ---- */

/* A parameter of the form, wherever it is. */
static struct str
form(const struct http_req *rq, struct str name)
{
    struct str rest = rq->body, key, value;

    while (url_query_next(&rest, &key, &value)) {
        if (str_eq(url_decode(key, true, rq->arena), name))
            return url_decode(value, true, rq->arena);
    }
    return http_query(rq, name);
}

static void
fail(struct http_res *rs, const char *code, const char *description)
{
    struct jw w = admin_json(rs, 400);

    jw_object(&w);
    jw_kstr(&w, S("error"), str_of(code));
    jw_kstr(&w, S("error_description"), str_of(description));
    jw_end(&w);
}

static bool
secret_matches(const struct json *credential, struct str secret)
{
    struct str want = json_str(json_get(credential, S("secretSha256")));
    unsigned char digest[32], difference = 0;

    sha256(secret, digest);
    for (size_t i = 0; i < 64; i++) {
        unsigned nibble = i % 2 ? digest[i / 2] & 15u : digest[i / 2] >> 4;
        char c = i < want.n ? want.p[i] : '\0';
        difference = (unsigned char)(difference | ((c | 32) ^ ("0123456789abcdef"[nibble] | 32)));
    }
    return difference == 0 && want.n == 64 && secret.n > 0;
}

static void
token_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str grant = form(rq, S("grant_type")), client = form(rq, S("client_id")), org = S_NULL, token;
    const struct json *credential = snapshot_find(call->snap, S("credential"), client, &org);
    struct token_claims claims = {client, org, form(rq, S("scope")), rq->now_ms, rq->now_ms + TOKEN_LIFE_MS};
    struct jw w;

    (void)params;
    if (!str_eq(grant, S("client_credentials"))) {
        fail(rs, "unsupported_grant_type", "grant_type must be client_credentials");
        return;
    }
    if (credential == NULL || !secret_matches(credential, form(rq, S("client_secret")))) {
        fail(rs, "invalid_client", "invalid client_id or client_secret");
        return;
    }
    token = admin_token_make(call->admin, rq, &claims);
    if (token.p == NULL) {
        fail(rs, "invalid_request", "the scope is too long");
        return;
    }
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("access_token"), token);
    jw_kstr(&w, S("token_type"), S("bearer"));
    jw_ki64(&w, S("expires_in"), TOKEN_LIFE_MS / MS_PER_SECOND - 1);
    jw_end(&w);
    http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
}

static void
validate_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str token = form(rq, S("token")), client = form(rq, S("client_id")), org;
    struct token_claims claims = {0};
    bool valid = admin_token_read(call->admin, token, rq, &claims) &&
                 snapshot_find(call->snap, S("credential"), claims.client_id, &org) != NULL &&
                 (client.n == 0 || str_eq(client, claims.client_id));
    struct jw w = admin_json(rs, 200);

    (void)params;
    jw_object(&w);
    jw_kbool(&w, S("valid"), valid);
    if (valid) {
        jw_key(&w, S("token"));
        claims_write(&w, rq, &claims);
    }
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_POST, "/ims/token/v3", LIMIT_EDGE_BODY_BYTES, token_post},
    {HTTP_POST, "/ims/token/v2", LIMIT_EDGE_BODY_BYTES, token_post},
    {HTTP_POST, "/ims/validate_token/v1", LIMIT_EDGE_BODY_BYTES, validate_post},
};
const struct family family_auth = {routes, sizeof routes / sizeof *routes, ERRORS_PROBLEM, true};
