/* qa_token.c - the token of a QA link: which activities, in which order, and whether others are served beside them
 * [TARGET 1.6].
 *
 *   "q1." base64url( 8 bytes MAC | packed: only, count, activity ... ) */
#include "codec/base64.h"
#include "codec/pack.h"
#include "decide/decide_int.h"

#define VERSION S("q1.")
#define TOKEN_BYTES_MAX 8192
#define MAC_BYTES 8

void
decide_qa_token_write(struct buf *out, struct hash_key key, const struct str *activities, size_t n, bool listed_only)
{
    struct buf body, all;

    buf_init(&body, TOKEN_BYTES_MAX);
    buf_init(&all, TOKEN_BYTES_MAX + MAC_BYTES);
    buf_put(&body, VERSION); /* no notification token reads as one */
    pack_u64(&body, listed_only);
    pack_u64(&body, n);
    for (size_t i = 0; i < n; i++)
        pack_str(&body, activities[i]);
    pack_fixed64(&all, hash_mac(key, buf_str(&body)));
    buf_put(&all, str_slice(buf_str(&body), VERSION.n, body.n));
    buf_put(out, VERSION);
    base64url_encode(out, buf_str(&all));
    out->full |= !buf_ok(&body) || !buf_ok(&all);
    buf_deinit(&body);
    buf_deinit(&all);
}

bool
decide_qa_token_read(struct str text, struct hash_key key, struct arena *a, struct str **activities, size_t *n,
                     bool *listed_only)
{
    struct str bytes, signed_text;
    struct unpack u;
    uint64_t mac, only, count;

    if (!str_starts(text, VERSION) || text.n > 2 * TOKEN_BYTES_MAX)
        return false;
    bytes = base64_decode(str_slice(text, VERSION.n, text.n), a);
    if (bytes.p == NULL || bytes.n < MAC_BYTES)
        return false;
    u = unpack_from(bytes);
    mac = unpack_fixed64(&u);
    signed_text = ARENA_JOIN(a, VERSION, str_slice(bytes, MAC_BYTES, bytes.n));
    if (signed_text.p == NULL || mac != hash_mac(key, signed_text))
        return false;
    only = unpack_u64(&u);
    count = unpack_u64(&u);
    if (u.bad || count > unpack_left(&u))
        return false;
    *activities = ARENA_ARRAY(a, struct str, count + 1);
    for (*n = 0; *activities != NULL && *n < count; (*n)++)
        (*activities)[*n] = unpack_str(&u);
    *listed_only = only != 0;
    return *activities != NULL && !u.bad && unpack_left(&u) == 0;
}
