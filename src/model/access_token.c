/* access_token.c - see access_token.h. */
#include "model/access_token.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/hmac.h"
#include "codec/json.h"
#include "codec/json_writer.h"

#define PURPOSE S("access token\n")

static bool
sign(struct hash_key key, struct str claims, struct arena *a, unsigned char mac[HMAC_SHA256_BYTES])
{
    struct str message = ARENA_JOIN(a, PURPOSE, claims);

    return message.p != NULL && hmac_sha256((struct str){(const char *)&key, sizeof key}, message, a, mac);
}

enum err
access_token_write(struct buf *out, struct hash_key key, const struct access_token *token, struct arena *a,
                   struct diag *d)
{
    unsigned char mac[HMAC_SHA256_BYTES];
    struct buf claims;
    struct jw w;

    buf_init_in(&claims, a, LIMIT_HEADER_BYTES);
    w = jw_to(&claims);
    jw_object(&w);
    jw_kstr(&w, S("client"), token->client);
    jw_kstr(&w, S("scope"), token->scope);
    jw_ki64(&w, S("expires"), token->expires_ms);
    jw_end(&w);
    if (!buf_ok(&claims) || !sign(key, buf_str(&claims), a, mac))
        return diag_set(d, ERR_NOMEM, "no memory for an access token");
    base64url_encode(out, buf_str(&claims));
    buf_putc(out, '.');
    base64url_encode(out, (struct str){(const char *)mac, sizeof mac});
    return ERR_OK;
}

bool
access_token_read(struct str text, struct hash_key key, struct arena *a, struct access_token *out)
{
    unsigned char want[HMAC_SHA256_BYTES];
    struct str rest = text, claims, mac;
    const struct json *root = NULL;

    if (text.n > LIMIT_HEADER_BYTES || !str_split(&rest, '.', &claims) || rest.p == NULL)
        return false;
    claims = base64_decode(claims, a);
    mac = base64_decode(rest, a);
    if (claims.p == NULL || mac.p == NULL || mac.n != sizeof want || !sign(key, claims, a, want) ||
        !hmac_equal(want, (const unsigned char *)mac.p) || json_parse(claims, a, &root, NULL) != ERR_OK)
        return false;
    *out = (struct access_token){json_str(json_get(root, S("client"))), json_str(json_get(root, S("scope"))),
                                 json_i64(json_get(root, S("expires")), 0)};
    return true;
}

bool
access_token_allows(const struct access_token *token, struct str client, struct str scope, int64_t now_ms)
{
    return str_eq(token->client, client) && str_eq(token->scope, scope) && now_ms < token->expires_ms;
}
