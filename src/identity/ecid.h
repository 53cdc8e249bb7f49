/* ecid.h - the Experience Cloud id: how it is made, checked, seeded from a first-party id, and kept in a cookie.
 *
 * An ECID is 38 decimal digits: two non-negative 63-bit numbers of 19 digits each [EDGE 3.1].
 * Threads    Any; rng belongs to the caller's worker. */
#ifndef IDENTITY_ECID_H
#define IDENTITY_ECID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/rng.h"

#define ECID_BYTES 38

void ecid_mint(struct rng *r, char out[ECID_BYTES]);
bool ecid_valid(struct str s); /* 38 digits; the halves' range is not checked when accepting */
/* The same org and first-party id give the same ECID everywhere, without storage [EDGE 3.5]; vector in Annex D.2. */
void ecid_from_fpid(struct str org, struct str fpid, char out[ECID_BYTES]);

enum ecid_source { ECID_RANDOM = 0, ECID_THIRD_PARTY = 1, ECID_FIRST_PARTY = 2, ECID_RECEIVED = 3 };

/* The value of kndctr_{ORG}_identity [EDGE 3.3]: a protocol-buffers message in URL-safe base64 without padding. */
struct ecid_cookie {
    struct str ecid;
    int64_t created_ms;
    bool is_new;
    unsigned device_type; /* 0 unknown, 1 browser, 2 mobile */
    struct str region;    /* "OR2" */
    enum ecid_source source;
    int64_t write_time_ms;
};

void ecid_cookie_write(struct buf *out, const struct ecid_cookie *c);
/* false: "no identity" (malformed, too long, or without a valid ECID). Unknown fields are skipped. */
bool ecid_cookie_read(struct str value, struct arena *a, struct ecid_cookie *out);

/* The Target id of somebody of whom only the ECID is known: it, "-", and six characters of a keyed hash [TARGET 1.12].
 * p NULL: no memory. */
struct str ecid_tnt_id(struct hash_key key, struct str ecid, struct arena *a);

#endif
