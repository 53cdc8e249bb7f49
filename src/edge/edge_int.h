/* edge_int.h - one request on its way through the edge. */
#ifndef EDGE_EDGE_INT_H
#define EDGE_EDGE_INT_H

#include "base/map.h"
#include "codec/json_writer.h"
#include "decide/decision.h"
#include "edge/edge.h"
#include "edge/edge_context.h"
#include "identity/ecid.h"
#include "os/thread.h"
#include "visitor/visitor.h"

struct edge_dedupe;
struct edge_rerun;

struct edge {
    struct edge_options o;
    struct edge_table *table;
    struct edge_dedupe *dedupe;
    struct remote_offers *remote; /* NULL: without o.fetch */
    struct hash_key media_key;
    char region[48]; /* what x-adobe-edge says */
    struct consumer *projections;
    struct os_thread thread;
    struct os_mutex lock; /* guards the members below */
    struct os_cond turned;
    bool stopping;
    uint64_t applied; /* offset of the next projection to apply */
};

enum edge_action { ACTION_INTERACT, ACTION_COLLECT, ACTION_ACQUIRE, ACTION_SET_CONSENT, ACTION_MEDIA, ACTION_UNKNOWN };

struct edge_path {
    struct str base, hint;
    unsigned version;
    enum edge_action action;
    struct str media_event; /* ACTION_MEDIA: "play" */
};

/* What personalization an event asks for [EDGE 2.4]. */
struct edge_query {
    bool asked;
    struct str *scopes; /* decision scopes and surfaces */
    size_t scope_count;
    struct str *schemas;
    size_t schema_count;
};

struct edge_event_in {
    const struct json *xdm;    /* merged with the request's */
    const struct json *target; /* data.__adobe.target, nested form, or NULL */
    struct identity_set ids;   /* identityMap of event and request, without FPID, device ECID added */
    struct edge_query query;
    struct str dataset; /* meta.collect.datasetId, else empty */
    struct str id;      /* xdm._id or made from the request id */
    int64_t ms;         /* xdm.timestamp or the receive time */
    bool media_start;
};

/* A state entry of the client: a cookie, or meta.state.entries. */
struct edge_state_in {
    struct str identity, consent, cluster;
};

/* The cookie of at.js [TARGET 1.9], when a page asks for it. */
#define EDGE_MBOX_S 63072000 /* its life [EDGE C-38] */
#define EDGE_MBOX_ID_BYTES 128
struct edge_mbox_id {
    char text[EDGE_MBOX_ID_BYTES];
    size_t n; /* 0: not known */
};
struct edge_mbox {
    bool asked;
    struct edge_mbox_id session, tnt_id;
};

struct edge_device {
    char ecid[ECID_BYTES];
    bool present; /* resolved or minted */
    bool minted;
    enum ecid_source source;
    int64_t created_ms;
    bool write; /* the identity cookie must be written */
};

/* What an answer says beside its handles [EDGE 4.9]. */
struct edge_note {
    const char *code; /* "0301-200" */
    const char *title;
    const char *detail;
    int event_index; /* -1: of the request */
};

#define EDGE_NOTES_MAX 8 /* of a kind in one answer: a client learns nothing from the ninth */

struct edge_notes {
    struct edge_note items[EDGE_NOTES_MAX];
    size_t n;
};

struct edge_call {
    struct edge *edge;
    struct http_req *rq;
    struct http_res *rs;
    const struct snapshot *snap;
    const struct datastream *ds;
    const struct scope_view *view; /* NULL: the scope has nothing compiled */
    struct edge_path path;
    struct arena *arena;
    int64_t now_ms;
    struct str request_id; /* final: "<caller's>-<16 hex>" */
    struct str caller_id;  /* the caller's, or a new UUID: for idempotency */
    bool caller_gave_id;

    const struct json *body;
    struct edge_event_in *events;
    size_t event_count;
    struct str fetch[8]; /* query.identity.fetch */
    size_t fetch_count;
    bool has_state; /* meta.state came */
    bool cookies_enabled;
    struct str domain; /* meta.state.domain */
    bool first_party;  /* answer with Set-Cookie */
    bool page_https;
    struct edge_mbox mbox;
    const struct json *qa_kept; /* the cookie at_qa_mode; NULL: none */
    struct edge_state_in state;
    struct edge_device device;
    struct str fpid;              /* from the identity map, empty: none */
    struct identity_set root_ids; /* identityMap of set-consent, or of the request's xdm */
    struct str property_token;    /* after overrides */
    struct str event_dataset;
    bool target_on, segmentation_on, destinations_on, platform_on;

    enum consent_state consent;
    bool consent_write; /* send the consent entry */
    struct edge_notes warnings;
    struct edge_notes errors; /* any: the answer is a 207 */
    bool reply_begun;         /* rs->body has the head of the answer; handles follow in the recommended order */
};

/* The documented problems [EDGE 4.8]: code is "0102-400"; the HTTP status is its last three digits. Returns false, so
 * that a check can end with  return edge_problem(...). */
bool edge_problem(struct edge_call *c, const char *code, const char *title, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void edge_warn(struct edge_call *c, const char *code, const char *title, const char *detail);
/* A part of the answer is missing, the rest is served. The texts are constants. */
void edge_fail(struct edge_call *c, const char *code, const char *title, const char *detail, size_t event_index);

/* edge_path.c: false when the path is not of the edge's grammar at all. */
bool edge_path_read(struct str path, const char *base_paths, struct edge_path *out);
/* edge_body.c: each answers the problem itself and returns false. */
bool edge_body_read(struct edge_call *c);
bool edge_overrides_apply(struct edge_call *c);
bool edge_overrides_dataset(struct edge_call *c, const struct json *dataset_id);
/* edge_identity.c */
bool edge_identity_resolve(struct edge_call *c);
void edge_identity_finish_event(struct edge_call *c, struct edge_event_in *e);
struct str edge_cookie_name(struct edge_call *c, const char *suffix);
/* edge_consent.c */
enum consent_state edge_consent_of_strings(struct edge_call *c, const struct json *consent_strings);
void edge_set_consent(struct edge_call *c);
bool edge_consent_effective(struct edge_call *c);
/* edge_tcf.c: ERR_INVALID when the string cannot be decoded. */
enum err edge_tcf_collect(struct str tc_string, unsigned vendor, bool *allowed);
/* edge_event.c: false when the log refused the hit (answered). */
bool edge_event_handle(struct edge_call *c, struct edge_event_in *e, size_t index);
/* All events of the request, each with the memory that the one before has left. false: answered with a problem. */
bool edge_events_handle(struct edge_call *c);
/* edge_rules.c: is the document's person in the audience, as far as the hub said? */
bool edge_rules_projected(const struct edge_doc *doc, struct str audience);
/* Steps the document's state by an event that it has already (NULL: by time alone), or builds it from the document;
 * puts its bytes into the document. set->graph is not NULL. */
enum err edge_rules_update(const struct segment_set *set, struct edge_doc *doc, const struct json *attributes,
                           const struct json *event, int64_t now_ms, struct arena *a, struct rule_state **out,
                           struct diag *d);
/* The same for a document whose state a projection made void. */
enum err edge_rules_renew(const struct scope_view *view, struct edge_doc *doc, int64_t now_ms, struct arena *a,
                          struct diag *d);
/* edge_append.c: appends a hit and stores the documents that it changes. Prepared documents (may be NULL) have the
 * event folded in already, and are stored with what it does to the visitor when nobody else stored in between. */
struct edge_write {
    struct edge *edge;
    const struct scope_view *view; /* NULL: the scope has nothing compiled */
    struct arena *arena;
    int64_t now_ms;
    size_t body_bytes; /* of the request: about what a hit will need */
};
struct edge_prepared {
    struct str key;
    struct edge_doc doc;
    uint32_t version;
};
enum err edge_append(const struct edge_write *w, const struct hit *h, struct edge_prepared *owner_doc,
                     struct edge_prepared *device_doc, struct diag *d);
struct edge_write edge_write_of(const struct edge_call *c);
enum err edge_replay(struct edge *e, const struct hit *h, int64_t now_ms, uint64_t offset, struct arena *a,
                     struct diag *d);
/* edge_event_visit.c: what the event is to the visitor, and a copy of the visitor, opened. ERR_NOMEM. */
struct edge_visit {
    struct visitor visitor;
    struct hit_visit visit;
    bool serve_inactive; /* of the page's environment */
    struct edge_browser browser;
    const struct json *qa_mode; /* in force: of the page's address, else as kept; NULL: none */
    struct decision_qa qa;
    /* deciding, when there is anything to decide */
    struct decision *decision; /* NULL: there is not */
    struct decision_request rq;
    struct decision_ask ask;
    int64_t before_ms;        /* the visitor's last request before this one; 0: new here */
    int64_t previous_ms;      /* of the same session */
    struct edge_rerun *rerun; /* NULL: a live event */
};
enum err edge_visit_read(struct edge_call *c, const struct edge_event_in *e, const struct edge_doc *device,
                         struct edge_visit *out, struct diag *d);
/* Begins to decide; the visitor's copy has what the hit says so far. A failure leaves decision NULL: it costs
 * personalization. */
void edge_visit_decide(struct edge_call *c, const struct edge_event_in *e, const struct hit *h,
                       const struct json *attributes, const struct edge_asked *asked, struct edge_visit *v);
/* The propositions of every scope that is asked for, comma-separated, and the decisions into the hit. */
enum err edge_visit_locations(struct edge_visit *v, const struct edge_query *q, struct hit *h, struct arena *a,
                              struct buf *out, struct diag *d);
/* edge_mbox.c: reads the cookie (p NULL: none); the session of a visit; the Target id to look for (empty: none is known
 * yet); what a visitor's turned out to be. edge_mbox_write: false when the answer has nothing to say. */
void edge_mbox_read(struct edge_call *c, struct str cookie);
struct str edge_mbox_session(const struct edge_call *c);
struct str edge_mbox_tnt_id(const struct edge_call *c, const struct edge_doc *device);
void edge_mbox_keep(struct edge_call *c, struct str tnt_id);
bool edge_mbox_write(struct edge_call *c, struct str *value);
/* edge_qa_event.c: QA mode of an event. edge_qa_state: false when the pages say nothing new of it; value empty: it
 * ends. */
void edge_qa_begin(struct edge_call *c, struct edge_visit *v);
bool edge_qa_state(struct edge_call *c, struct str *value);
/* edge_notice.c */
void edge_notices_read(struct edge_call *c, const struct edge_event_in *e, struct edge_visit *v, struct hit *h);
/* edge_reply.c */
void edge_reply_headers(struct edge_call *c);
void edge_reply(struct edge_call *c);
void edge_reply_empty(struct edge_call *c, int status);
/* The head of the answer into rs->body, once; the device's identity is resolved by then. */
void edge_reply_begin(struct edge_call *c);
/* Opens a handle {"payload": there and leaves the writer in it; edge_handle_end writes the type and event index (-1:
 * none). */
struct jw edge_handle_begin(struct edge_call *c);
void edge_handle_end(struct edge_call *c, struct jw *w, const char *type, int event_index);
/* edge_media.c */
void edge_media(struct edge_call *c);
void edge_media_session(struct edge_call *c, size_t event_index);
/* edge_dedupe.c: true when this (datastream, request id, event index) was seen within LIMIT_DEDUPE_MS; remembers it. */
struct edge_dedupe *edge_dedupe_new(size_t requests_max); /* at least 8 */
void edge_dedupe_free(struct edge_dedupe *s);
bool edge_dedupe_seen(struct edge_dedupe *s, struct str datastream, struct str request_id, size_t index,
                      int64_t now_ms);
void edge_dedupe_forget(struct edge_dedupe *s, struct str datastream, struct str request_id, size_t index);
/* edge_follow.c */
enum err edge_recover(struct edge *e, struct diag *d);
void edge_follow(void *ctx);

#endif
