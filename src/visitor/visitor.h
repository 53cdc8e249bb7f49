/* visitor.h - what the Target part knows of one visitor: identity, sessions, attributes, memberships of activities.
 *
 * A visitor is plain data that an edge keeps inside a profile document (profile/edge_doc.h) and the hub keeps for
 * results. Both are folds of the same records: visitor_fold() is the only place that says what a record changes, so an
 * edge's caps and the hub's reports cannot disagree.
 *
 * Identity   [TARGET 7.1] A visitor is stored under one identity, its place. Other identities of the same visitor (a
 *            third-party id, the ECID, authenticated customer ids) lead there: hit_visit.at, .links and .absorbs.
 * Session    [TARGET 1.1, 9.1] A session id, or for clients without one, any request; it ends after
 *            LIMIT_VISITOR_SESSION_MS without one. A quiet request (notifications of an on-device client) opens none.
 * Twice      A record may be folded twice, and two records in another order than the log's: offsets that are in already
 *            are skipped. LIMIT_VISITOR_APPLIED offsets are remembered, more than one edge folds at once.
 *            VISITOR_ONCE stands for a record that is folded once for sure: nothing is remembered.
 * Page       A request with another URL or referrer than the one before it is on another page. A browser that reloads
 *            keeps both, so a reload is one page, and a link from a page to itself is two. A landing counts once a page
 *            (OURS: clients send nothing that tells a refresh)  [TARGET 2.7 count_landings].
 * Parts      A request folds what it has found out so far into its own copy, which it opened with visitor_open(): each
 *            part holds what is new, and an activity shown by two parts is shown once.
 * Ownership  Everything is in the visitor's arena or borrowed from the bytes it was read from.
 * Format     docs/formats/visitor.md.   Threads  none: plain data.   Sources  [TARGET 2.5, 2.7, 7, 9.1]. */
#ifndef VISITOR_VISITOR_H
#define VISITOR_VISITOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "model/hit.h"

struct visitor_attribute {
    struct str name;
    uint64_t order;  /* str_order(name) */
    struct str json; /* a scalar or a list of scalars */
    int64_t modified_ms;
};

struct visitor_conversion {
    uint32_t metric; /* metricLocalId; VISITOR_CLICKS: clicks on what was delivered */
    uint32_t count;
    uint64_t session; /* in which it counted last */
    uint32_t page;    /* on which of its pages; 0: no request has named one */
};

#define VISITOR_CLICKS UINT32_MAX
#define VISITOR_ONCE UINT64_MAX

/* How the visitor stands in one activity [TARGET 2.5]. */
struct visitor_membership {
    struct str activity;
    uint64_t order; /* str_order(activity) */
    struct str experience;
    bool entered;       /* it was shown to him; false: decided and kept, and nothing counts yet */
    int64_t entered_ms; /* when; of one that is kept only, when it was decided */
    uint64_t session;   /* hash of the session that was shown it last: a visit counts once per session */
    uint32_t visits, impressions;
    struct visitor_conversion *conversions;
    size_t conversion_count;
    bool closed;             /* a conversion ended the visit: the next display is a new entry [TARGET 2.7 restart_*] */
    bool barred;             /* never again [ban_from_campaign] */
    bool untracked;          /* content stays, nothing counts [exclude_to_same_experience] */
    enum hit_action restart; /* which experience after `closed` */
    enum hit_arm arm;        /* Auto-Target: control or targeted */
    struct str algorithm;    /* id of the model or of the weights that chose */
    struct str *seen;        /* experiences shown so far, the first first: entries, and restart_new_experience */
    size_t seen_count;
    double spent; /* totals of orders that came with a conversion counted for the primary metric */
    bool shown;   /* by the hit that is being folded: not written */
};

struct visitor_category {
    struct str name;
    double score; /* exact; shown with one decimal */
};

struct visitor {
    struct arena *arena;
    bool known; /* it was read, or folded into */
    bool open;  /* by visitor_open(), for one request: not written */
    struct str tnt_id, third_party_id, ecid;
    bool named;                /* a third-party or customer id leads here: not anonymous [TARGET 7.1] */
    int64_t first_ms, last_ms; /* first and last request */
    int64_t before_ms;         /* last request of the session before; 0: first session */
    uint32_t sessions;         /* how many, this one included */
    int64_t gaps_ms;           /* sum of the times between visits */
    /* the session */
    uint64_t session;                                /* hash of its id */
    int64_t session_ms;                              /* when it began */
    uint32_t session_pages;                          /* page loads and mbox requests in it, this one included */
    uint64_t page;                                   /* hash of the page that it is on: URL and referrer */
    uint32_t page_number;                            /* its number in the session; 0: no request has named one */
    struct str landing_url, landing_referrer;        /* of its first page [TARGET 4.2] */
    struct str geo;                                  /* JSON object resolved at its first request; empty: none */
    uint64_t impressions[LIMIT_VISITOR_IMPRESSIONS]; /* hashes of impression id and activity, a ring, of the session */
    uint32_t impression_count;                       /* how many there were */

    struct visitor_attribute *attributes; /* by name */
    size_t attribute_count, attribute_room;
    struct visitor_membership *memberships; /* by activity */
    size_t membership_count, membership_room;
    struct visitor_category categories[5]; /* descending */
    size_t category_count;

    uint64_t applied_floor;                  /* offsets below were folded */
    uint64_t applied[LIMIT_VISITOR_APPLIED]; /* those at and above it that were, ascending */
    size_t applied_count;
};

void visitor_init(struct visitor *v, struct arena *a);
/* ERR_CORRUPT. Of empty bytes: an unknown visitor. */
enum err visitor_read(struct str bytes, struct arena *a, struct visitor *out, struct diag *d);
void visitor_write(struct buf *out, const struct visitor *v);
/* A second one that shares nothing that changes, opened when v is. false: no memory. */
bool visitor_copy(const struct visitor *v, struct arena *a, struct visitor *out);

struct visitor_membership *visitor_membership(const struct visitor *v, struct str activity); /* NULL: none */
const struct visitor_attribute *visitor_attribute(const struct visitor *v, struct str name);
/* json empty: removes it. false: no memory, or the visitor has LIMIT_VISITOR_ATTRIBUTE_BYTES of them. */
bool visitor_set(struct visitor *v, struct str name, struct str json, int64_t now_ms);
/* Session facts as of `now_ms`, after visitor_open(). */
bool visitor_first_session(const struct visitor *v);
bool visitor_first_page(const struct visitor *v); /* of the session */
double visitor_days_since_last_visit(const struct visitor *v, int64_t now_ms);
/* Scores with one decimal, half up [TARGET 7.2]. */
double visitor_shown_score(double score);

/* The beginning of a request: goes on with the session or opens another (halved affinity, landing page, geo), counts
 * the page. The first thing visitor_fold() does with a hit that has a visit; a request calls it on its own copy before
 * it decides, and again changes nothing. The landing page is another one after a change of the host, and when somebody
 * enters directly, which an empty referrer says; one that is not given (p NULL) does not [TARGET 4.2].
 * Answers the time of the session's request before this one; 0: there is none. */
int64_t visitor_open(struct visitor *v, const struct hit_visit *visit, int64_t now_ms);
/* One category view [TARGET 7.2]. */
void visitor_view_category(struct visitor *v, struct str category);

/* What a record counted: told to the hub's results, ignored by edges. */
enum visitor_unit { COUNT_ENTRY, COUNT_VISIT, COUNT_IMPRESSION, COUNT_CONVERSION, COUNT_CLICK };
struct visitor_count {
    enum visitor_unit unit;
    const struct visitor_membership *membership; /* after the change */
    const struct hit_notice *notice;             /* that caused it */
    bool first_ever;     /* ENTRY: of this visitor in this experience. CONVERSION: of this metric by this entrant */
    bool first_in_visit; /* CONVERSION, CLICK: of this metric in this session */
    bool reentry;        /* ENTRY after a conversion that closed the visit */
};
typedef void visitor_sink(void *ctx, const struct visitor_count *c);

/* The record at `offset` of its edge's partition changes the visitor. sink may be NULL. Order: open, attributes,
 * categories, sticky decisions, displays, clicks, conversions. Skips what is in already (visitor_has), and hits that
 * say nothing of a visitor. Memory that is not there is seen at the arena (refused). */
bool visitor_has(const struct visitor *v, uint64_t offset);
bool visitor_concerned(const struct hit *h); /* the hit says something of a visitor */
/* The ids by which somebody may ask for the visitor of a request: its place, what leads or comes there, whom it names.
 * Bare ones, and one may come twice; none for a hit that is no request. */
void visitor_each_id(const struct hit *h, void (*each)(void *ctx, struct str id), void *ctx);
/* Without what follows a Target id's first dot: where its session is kept, not who he is. */
struct str visitor_bare_id(struct str id);
void visitor_fold(struct visitor *v, const struct hit *h, int64_t now_ms, uint64_t offset, visitor_sink *sink,
                  void *ctx);
/* `from` fills the gaps of v: what v has wins [TARGET 7.1]. Again changes nothing. */
void visitor_absorb(struct visitor *v, const struct visitor *from);
/* Cuts what is oldest until visitor_write() makes at most bytes_max. */
void visitor_fit(struct visitor *v, size_t bytes_max);

#endif
