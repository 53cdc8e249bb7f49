/* hit.h - one record of the `collect` topic: everything that anybody told us, in one shape.
 *
 * The edge writes a hit per event with what it decided; ingestion writes a hit per row; consent changes and the passing
 * of time (ticks) are hits too. Whatever state we keep is a fold of these records, so a hit carries all that its folds
 * need: a processor reads no clock and no other file.
 *
 * On the log a hit is one JSON object (docs/formats/hit.md); the record's time_ms is its `now`, the key the primary
 * identity's key.   Ownership  All strings and nodes are borrowed from the text and arena it was read from. */
#ifndef MODEL_HIT_H
#define MODEL_HIT_H

#include "model/identity.h"

enum hit_kind {
    HIT_EVENT,   /* an experience event: xdm */
    HIT_RECORD,  /* a profile record: xdm */
    HIT_CONSENT, /* set-consent: consent is the preferences object */
    HIT_TICK,    /* nothing but time: timers up to the record's time fire */
    HIT_JOB,     /* a segment job of a strict sandbox: request_id is its id, segments the audiences */
    HIT_MEMBER,  /* a row of an external audience: its owner is a member; xdm is what else the row says */
};

enum hit_source { SOURCE_EDGE, SOURCE_STREAM, SOURCE_BATCH };

/* An activity that was delivered in the reply to this event. */
struct hit_decision {
    struct str activity;   /* id */
    struct str experience; /* id */
    struct str scope;      /* location or __view__ */
    bool entered;          /* first qualification of this visitor as the edge knew it */
    bool sticky;           /* the assignment is kept in the visitor's profile */
};

/* NOTICE_CONVERT: the activity's primary metric names the location that was shown or clicked; without an experience. */
enum notice_type { NOTICE_DISPLAY, NOTICE_INTERACT, NOTICE_CONVERT };

/* A verified display or click notification in this event, or what a display or click of a location means. */
struct hit_notice {
    enum notice_type type;
    struct str activity;
    struct str experience;
    struct str scope;
};

struct hit {
    enum hit_kind kind;
    enum hit_source source;
    struct str scope;   /* "org/sandbox" */
    struct str dataset; /* dataset id, may be empty */
    struct str schema;  /* schema id for records, may be empty */
    struct str batch;   /* batch id for SOURCE_BATCH */
    struct str datastream;
    struct str request_id;          /* of the client, with the event index: for idempotency */
    struct str region;              /* the edge that accepted it, empty for ingestion */
    int64_t accepted_us;            /* wall clock microseconds at acceptance: start of the loop metric */
    struct identity_set identities; /* exactly one primary for events and records */
    struct str event_id;            /* xdm._id */
    int64_t event_ms;               /* xdm.timestamp */
    struct str audience;            /* HIT_MEMBER: id; */
    uint64_t run;                   /* the stamp of the run that says so: later runs have higher ones */
    bool upsert;                    /* HIT_RECORD: merge leaf by leaf instead of replacing the fragment */
    bool lake_only; /* of a dataset that feeds neither profiles nor the graph: kept, and folded by nobody [PLATFORM 3.1]
                     */
    const struct json *xdm; /* event or record, without identityMap */
    struct str xdm_text;    /* the same as JSON text. hit_write writes it instead of xdm; hit_read borrows it from the
                               record when it stands at its end, else leaves it empty */
    const struct json *consent;
    const struct json *segments;       /* HIT_JOB: an array of ids; NULL: all audiences */
    const struct json *profile_params; /* data.__adobe.target profile.* of the event, {"color":"red"}, or NULL */
    struct hit_decision *decisions;
    size_t decision_count;
    struct hit_notice *notices;
    size_t notice_count;
};

/* Appends the JSON text. Cost: about 3 us for a 3 KB event. */
void hit_write(struct buf *out, const struct hit *h);
/* ERR_CORRUPT: not a hit (our own bytes). */
enum err hit_read(struct str text, struct arena *a, struct hit *out, struct diag *d);
/* The identity that owns the hit: the primary, or the ECID, or the first. NULL for ticks. */
const struct identity *hit_owner(const struct hit *h);

#endif
