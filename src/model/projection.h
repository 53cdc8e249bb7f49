/* projection.h - what the hub tells an edge about one identity: the value of a record in `projection.<region>`.
 *
 * The record's key is the identity's key (identity.h), a tombstone means "forget". The newest revision replaces the
 * document; older ones are ignored. Only audiences and attributes that are mapped to an edge destination, or read by an
 * audience that edges evaluate, travel [PLATFORM 6.2]; an audience that is not among the memberships is one without
 * this person. JSON on the log (docs/formats/projection.md).
 *
 * Ownership  Borrowed from the text and arena. */
#ifndef MODEL_PROJECTION_H
#define MODEL_PROJECTION_H

#include "model/identity.h"

struct projected_membership {
    struct str audience; /* id */
    bool member;         /* realized; false: exited, which says no more than its absence */
    int64_t since_ms;    /* lastQualificationTime */
};

struct projection {
    uint64_t rev;          /* offset of the collect record that caused it: grows */
    struct str profile_id; /* the hub's, for humans and tests */
    int64_t accepted_us;   /* of the hit that caused it, 0 when none did (a timer, a sweep) */
    struct projected_membership *memberships;
    size_t membership_count;
    const struct json *attributes; /* object: the merged profile, cut to the projected paths */
    const struct json *events; /* array of the stitched profile's events of the last 24 hours, for the edge's rules */
    struct str attributes_text, events_text; /* when not empty, written instead of those two. Never read */
    bool consent_out;                        /* the person's collect consent is n */
};

void projection_write(struct buf *out, const struct projection *p);
enum err projection_read(struct str text, struct arena *a, struct projection *out, struct diag *d);

#endif
