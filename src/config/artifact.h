/* artifact.h - on-device artifacts of the objects in force, made when somebody asks and kept until they change.
 *
 *   artifacts_get    the text in force for a tenant, environment and property; counted
 *   artifacts_put    done with it
 *
 * A text is made anew when the snapshot is another one, or when a schedule that is in it begins or ends; its ETag
 * changes with its bytes only.   Bounds  LIMIT_ARTIFACTS texts; the one asked least recently leaves.
 * Threads  any; making one holds no lock, and two who ask at once may both make it.   Cost  see decide/odd.h; a kept
 * one costs a lock. */
#ifndef CONFIG_ARTIFACT_H
#define CONFIG_ARTIFACT_H

#include "config/tenant.h"

struct artifacts;

struct artifact {
    struct str text; /* rules.json */
    char etag[34];   /* 32 hex digits in quotes, no NUL */
};

enum err artifacts_new(struct artifacts **out, struct diag *d);
void artifacts_free(struct artifacts *x); /* nobody has one of its texts any more */

struct artifact_ask {
    const struct tenant *tenant;
    const struct environment *environment;
    struct str property_token; /* empty: rules of all properties */
    int64_t now_ms;
};
/* ERR_LIMIT, ERR_NOMEM. */
enum err artifacts_get(struct artifacts *x, const struct snapshot *s, const struct artifact_ask *ask,
                       const struct artifact **out, struct diag *d);
void artifacts_put(const struct artifact *a); /* NULL is fine */

#endif
