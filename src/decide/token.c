/* token.c - notification tokens [EDGE C-22] [TARGET 1.5].
 *
 *   "v1." base64url( 8 bytes MAC, little-endian | packed activity | packed experience | packed scope )
 *   "v2." the same with | packed metric
 *
 * The MAC is SipHash-2-4 over the rest, under a key of the sandbox. A token names no visitor and no time, so it is part
 * of the pre-rendered proposition and good for everybody; whether a notification counts is the matter of results.c. */
#include "codec/base64.h"
#include "codec/pack.h"
#include "decide/decide_int.h"

#define TOKEN_DISPLAY S("v1.")
#define TOKEN_CLICK S("v2.")
#define MAC_BYTES 8
/* Three texts of at most LIMIT_MBOX_NAME_BYTES each, with their lengths; longer texts make no token that reads back. */
#define TOKEN_BYTES_MAX 2048

void
decide_token_write(struct buf *out, struct hash_key key, const struct decide_token *token)
{
    struct buf body, all;

    buf_init(&body, TOKEN_BYTES_MAX);
    buf_init(&all, TOKEN_BYTES_MAX + MAC_BYTES);
    pack_str(&body, token->activity);
    pack_str(&body, token->experience);
    pack_str(&body, token->scope);
    if (token->metric != 0)
        pack_u64(&body, token->metric);
    pack_fixed64(&all, hash_mac(key, buf_str(&body)));
    buf_put(&all, buf_str(&body));
    buf_put(out, token->metric != 0 ? TOKEN_CLICK : TOKEN_DISPLAY);
    base64url_encode(out, buf_str(&all));
    if (!buf_ok(&body) || !buf_ok(&all))
        out->full = true;
    buf_deinit(&body);
    buf_deinit(&all);
}

bool
decide_token_read(struct str text, struct hash_key key, struct arena *a, struct decide_token *out)
{
    struct decide_token token = {.metric = 0};
    struct str bytes;
    struct unpack u;
    uint64_t mac, metric = 0;
    bool click = str_starts(text, TOKEN_CLICK);

    if ((!click && !str_starts(text, TOKEN_DISPLAY)) || text.n > 2 * TOKEN_BYTES_MAX)
        return false;
    bytes = base64_decode(str_slice(text, TOKEN_CLICK.n, text.n), a);
    if (bytes.p == NULL || bytes.n < MAC_BYTES)
        return false;
    u = unpack_from(bytes);
    mac = unpack_fixed64(&u);
    if (mac != hash_mac(key, str_slice(bytes, MAC_BYTES, bytes.n)))
        return false;
    token.activity = unpack_str(&u);
    token.experience = unpack_str(&u);
    token.scope = unpack_str(&u);
    if (click)
        metric = unpack_u64(&u);
    if (u.bad || unpack_left(&u) != 0 || metric > UINT32_MAX || click != (metric != 0))
        return false;
    token.metric = (uint32_t)metric;
    *out = token;
    return true;
}
