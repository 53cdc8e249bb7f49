/* access_token.h - signed, expiring texts that let a client do one thing without a user: see debugging traces, write
 * profiles  [TARGET 6.9].
 *
 *   base64url({"client":"acme","scope":"profile_api","expires":1767225600000}) "." base64url(HMAC-SHA256)
 *
 * The key is the organisation's token key, which also signs notification tokens; the signed text begins with a word of
 * its own, so that neither is good for the other. A token names its client: one of another client does not verify.
 * Threads  any. */
#ifndef MODEL_ACCESS_TOKEN_H
#define MODEL_ACCESS_TOKEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/hash.h"

#define ACCESS_DEBUG_TOOLS S("debug_tools")
#define ACCESS_PROFILE_API S("profile_api")

struct access_token {
    struct str client; /* code */
    struct str scope;
    int64_t expires_ms;
};

/* ERR_NOMEM. */
enum err access_token_write(struct buf *out, struct hash_key key, const struct access_token *token, struct arena *a,
                            struct diag *d);
/* false: malformed or not signed with this key. Whether it is in time and says the right scope and client is asked by
 * access_token_allows(). */
bool access_token_read(struct str text, struct hash_key key, struct arena *a, struct access_token *out);
bool access_token_allows(const struct access_token *token, struct str client, struct str scope, int64_t now_ms);

#endif
