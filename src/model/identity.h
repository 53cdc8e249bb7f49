/* identity.h - an identity is a namespace code and a value; an identity map is a set of them with one primary.
 *
 * Plain data, borrowed strings. The text key (identity_key) names an identity in topics and tables:
 * scope US ns US value, where US is 0x1F and scope is "org/sandbox". ECID, FPID and the other codes compare exactly. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "codec/json.h"
#include "codec/json_writer.h"

enum auth_state { AUTH_AMBIGUOUS, AUTH_AUTHENTICATED, AUTH_LOGGED_OUT };

struct identity {
    struct str ns;
    struct str id;
    enum auth_state auth;
    bool primary;
};

struct identity_set {
    struct identity *items; /* arena */
    size_t n;
};

/* Reads an identityMap object [EDGE 2.5]: {"CRMID":[{"id","authenticatedState","primary"}]}. path prefixes messages
 * ("events[0].xdm.identityMap"). Numbers as ids become text; "true" as primary is accepted; of several primaries the
 * first stays. ERR_INVALID with d->path; ERR_LIMIT past LIMIT_IDENTITIES_PER_EVENT. */
enum err identity_map_read(const struct json *map, const char *path, struct arena *a, struct identity_set *out,
                           struct diag *d);
/* Adds b's identities to a's; on the same namespace and id, or for ECID always, a's entry wins. */
enum err identity_set_merge(struct identity_set *a, const struct identity_set *b, struct arena *arena, struct diag *d);
const struct identity *identity_find(const struct identity_set *s, struct str ns);
const struct identity *identity_primary(const struct identity_set *s); /* NULL when none is marked */
/* Writes the object form, grouped by namespace in order of first appearance. */
void identity_map_write(struct jw *w, const struct identity_set *s);
const char *auth_state_name(enum auth_state s);

/* Appends the text key. */
void identity_key(struct buf *out, struct str scope, struct str ns, struct str id);

#endif
