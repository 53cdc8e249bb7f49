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

#define HIT_NS_TNT_ID "tntId" /* namespaces of ids of the Target part that clients do not name so */
#define HIT_NS_THIRD_PARTY_ID "thirdPartyId"
#define HIT_PRODUCTION 1 /* id of the environment of a hit that names none */

enum hit_kind {
    HIT_EVENT,   /* an experience event: xdm */
    HIT_RECORD,  /* a profile record: xdm */
    HIT_CONSENT, /* set-consent: consent is the preferences object */
    HIT_TICK,    /* nothing but time: timers up to the record's time fire */
    HIT_JOB,     /* a segment job of a strict sandbox: request_id is its id, segments the audiences */
    HIT_MEMBER,  /* a row of an external audience: its owner is a member; xdm is what else the row says */
    HIT_RECOUNT, /* results counted anew: request_id is its id, audience the activity's, xdm the activity with its
                    metrics */
    HIT_VISIT,   /* a request of the Target part: visit, decisions, notices. Feeds visitors and results, no profile */
};

enum hit_source { SOURCE_EDGE, SOURCE_STREAM, SOURCE_BATCH };

/* Auto-Target and Automated Personalization: which part of the traffic a visitor is in [TARGET 8.2]. */
enum hit_arm { ARM_NONE, ARM_CONTROL, ARM_TARGETED };

/* What a conversion does to the visitor's membership [TARGET 2.7]. */
enum hit_action {
    ACTION_COUNT_ONCE,
    ACTION_COUNT_LANDINGS,
    ACTION_ALWAYS_CONVERT,
    ACTION_RESTART_SAME,
    ACTION_RESTART_RANDOM,
    ACTION_RESTART_NEW,
    ACTION_EXCLUDE_TO_SAME,
    ACTION_BAN,
    ACTION__COUNT
};

/* An activity that was delivered in the reply to this event. */
struct hit_decision {
    struct str activity;   /* id */
    struct str experience; /* id */
    struct str scope;      /* location or __view__ */
    bool entered;          /* first qualification of this visitor as the edge knew it */
    bool sticky;           /* the assignment is kept in the visitor's profile */
    enum hit_arm arm;
    struct str algorithm;        /* id of the weights or of the model that chose; empty: hash or rule */
    double propensity;           /* probability with which the experience was chosen, for training; 0: not drawn */
    const struct json *why;      /* compact explanation (docs/formats/why.md), NULL: not recorded */
    const struct json *why_here; /* read only: the why of the location's first decision, which has what all share */
    struct str why_text;         /* why as JSON text. Written instead of it; never read */
    const struct json *features; /* of a decision that models learn from: learn_row_write(), NULL: none */
};

/* NOTICE_CONVERT: a metric of the activity is met; experience is empty: the one of the membership. */
#define HIT_METRIC_PRIMARY 32767u /* the metricLocalId of an activity's goal [TARGET 2.7] */
enum notice_type { NOTICE_DISPLAY, NOTICE_INTERACT, NOTICE_CONVERT };

/* A display or click that we saw or that a client reports with our token, and what it means for a metric. A delivery
 * request that executes a location has displayed it: decision and notice come in one hit. */
struct hit_notice {
    enum notice_type type;
    struct str activity;
    struct str experience;
    struct str scope;
    struct str impression;  /* DISPLAY: id; empty: the visit's */
    uint32_t metric;        /* CONVERT: metricLocalId */
    enum hit_action action; /* CONVERT */
    double value;           /* CONVERT of an engagement metric: pages, score, seconds */
    enum hit_arm arm;       /* DISPLAY, as the decision had them */
    struct str algorithm;
    const struct json *reporting; /* reportingAudienceLocalIds that matched: an array of numbers; NULL: none */
};

struct hit_order {
    struct str id; /* may be empty */
    double total;
    const struct json *products; /* array of ids, or NULL */
};

/* The Target part of a request (visitor/visitor.h). */
struct hit_visit {
    struct identity at;          /* the visitor's place; ns empty: the device's ECID */
    struct identity_set links;   /* identities that lead there from now on */
    struct identity_set absorbs; /* places whose visitors are united into it */
    struct str tnt_id, third_party_id;
    struct str session;    /* id; empty: a client without sessions */
    bool quiet;            /* opens no visit: only notifications of an on-device client [TARGET 0.10] */
    bool page;             /* a page load or a mbox request, not notifications alone */
    bool qa;               /* counts for "QA Mode Traffic" only */
    int64_t environment;   /* id */
    struct str impression; /* id; empty: none */
    struct str url;
    struct str referrer;           /* empty: entered directly; p NULL: not said */
    const struct json *geo;        /* resolved at the session's first request; NULL: as it is */
    const struct json *categories; /* category views in order: an array of texts */
    struct str tnta; /* entries that Analytics is to be told and no client tells it [TARGET 9.3]; empty: none */
    const struct json *scripts_off; /* scripts that passed a bound: [{"name","why"}] */
    const struct json *attributes;  /* what scripts returned: {"name":value}; profile_params are beside it */
    bool has_order;
    struct hit_order order;
    const struct json *asked; /* what the decision knew beside the request (docs/formats/why.md); NULL: not recorded */
    struct str asked_text;    /* the same as JSON text. Written instead of it; never read */
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
    const struct hit_visit *visit; /* NULL: none */
};

/* "none", "control", "targeted". */
const char *hit_arm_name(enum hit_arm arm);
/* Appends the JSON text. Cost: about 3 us for a 3 KB event. */
void hit_write(struct buf *out, const struct hit *h);
/* ERR_CORRUPT: not a hit (our own bytes). */
enum err hit_read(struct str text, struct arena *a, struct hit *out, struct diag *d);
/* The identity that owns the hit: the primary, or the ECID, or the first. NULL for ticks. */
const struct identity *hit_owner(const struct hit *h);

#endif
