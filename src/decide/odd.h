/* odd.h - the on-device decisioning artifact: activities as rules that a client's own engine decides by [TARGET 5].
 *
 * An artifact is made from a compiled set and the objects that it was compiled of. It says exactly what decide.h would
 * say for a visitor without memberships, or it says that somebody else must be asked: a location that an activity uses
 * which the engine cannot express is listed as remote, and clients that may will ask the delivery API for it.
 *
 * What is in it  Live activities and those that begin within LIMIT_ODD_AHEAD_MS, with their schedule as a condition, so
 *                that a client which seldom polls switches on time. Manual A/B and XT with audiences that
 *                target_logic.h can express, offers without tokens of the request, no exclusion group: the engine knows
 *                one hash, the activity's own.
 * Bytes          The same objects give the same bytes: keys in order, and no instant but the last change of an object.
 * Forms          rules.json [TARGET 5.2] and rules.bin [TARGET 5.1].
 * Ownership      Results are in the caller's arena.   Threads  none: pure functions.
 * Cost           About 20 us an activity. */
#ifndef DECIDE_ODD_H
#define DECIDE_ODD_H

#include "decide/decide.h"

struct odd_source {
    const struct decide_set *set;
    const struct decide_source *objects; /* of which the set was compiled */
    struct str org;                      /* "...@AdobeOrg" */
    struct str environment;              /* name in lower case: "production" */
    struct str property_token;           /* rules without a property, and with this one; empty: all rules */
    bool serve_inactive;                 /* of the environment [TARGET 2.2] */
    int64_t now_ms;
};

struct odd_artifact {
    struct str text;
    int64_t until_ms; /* the text may be another from here on: a schedule begins or ends */
};

/* rules.json. ERR_LIMIT: larger than LIMIT_ODD_BYTES, or the arena is full. */
enum err odd_generate(const struct odd_source *src, struct arena *a, struct odd_artifact *out, struct diag *d);

/* The binary form of a text: it hides, it does not protect. The same text gives the same bytes. */
void odd_binary(struct buf *out, struct str text, struct str org);

#endif
