/* decide.h - which experience does this visitor get here? The Target part, as a pure function.
 *
 * Activities, offers and Target audiences are compiled into a struct decide_set with every proposition pre-rendered as
 * JSON, so that deciding is mostly comparing bits and copying. One function answers the Edge Network now, and the
 * delivery API, preview and the on-device artifact later.
 *
 * Input      JSON objects in the shape of the Target Admin API [TARGET 6.2 .. 6.4]; our extensions are marked OURS.
 * Meaning    [TARGET 2.1 .. 2.5]: order by priority descending, targeted before untargeted, approvedAt, id; live by
 *            state and schedule; property; entry audiences; XT picks the first experience whose audiences match; A/B is
 *            sticky and else hashed [TARGET 3] over "<client>.<activity id>.<visitor key>.0". A plain location takes
 *            one activity; __view__ takes all, in ascending priority. A broken part costs its own content only.
 *            A/B members keep their experience whatever became of entry rules; one that is gone is assigned anew.
 * Items      Html, json, redirect and default content by the offer's type. An offer of type "actions" (OURS:
 *            {"type":"actions","actions":[{"type","selector","content"}]}) and selector locations become dom-action
 *            items. Views come with __view__. Items of schemas that the client does not take are left out; without any
 *            left the scope stays empty and nothing is taken (OURS).
 * Tokens     ${profile.x}, ${mbox.x}, ${aep.path}, ... [TARGET 2.8]. Values are escaped for HTML in HTML and for URLs
 *            in redirects, unless the token says encode="unescape" (OURS).
 * Audiences  An audience id in an activity is a number (a Target audience: its targetRule lowers to rule/) or text (an
 *            audience of the hub: asked through req->in_audience).
 * Ownership  The set owns all it needs.   Threads  A set is immutable: share it.
 * Cost       50 activities, 12 KB answer: under 5 us; see README.md. */
#ifndef DECIDE_DECIDE_H
#define DECIDE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/hash.h"
#include "codec/json.h"

struct decide_set;

/* Control-plane objects of one organisation and sandbox. Arrays of borrowed objects with an "id" each. */
struct decide_source {
    struct str client; /* client code in the bucketing hash */
    const struct json *const *activities;
    size_t activity_count;
    const struct json *const *offers;
    size_t offer_count;
    const struct json *const *audiences;
    size_t audience_count;
    const struct json *const *properties; /* {"id":9,"token":"pt-1"} */
    size_t property_count;
    struct hash_key token_key; /* signs notification tokens */
    int zone_minutes;          /* of targetSettings.timeZone: weekly time frames are UTC plus so much [TARGET 4.2] */
};

enum err decide_compile(const struct decide_source *src, struct decide_set **out, struct diag *d);
void decide_free(struct decide_set *s);
size_t decide_activity_count(const struct decide_set *s);
/* Calls each() with the id of every hub audience that some live or scheduled activity reads. */
void decide_hub_audiences(const struct decide_set *s, void (*each)(void *ctx, struct str id), void *ctx);
/* Calls each() with every profile path that an offer (${aep.<path>}) or a targetRule ({"aep":"<path>"}) reads. */
void decide_attribute_paths(const struct decide_set *s, void (*each)(void *ctx, struct str path), void *ctx);

/* The activities whose primary metric is met when this location is shown, or clicked [TARGET 2.7]; borrowed. */
size_t decide_goals(const struct decide_set *s, struct str location, bool clicked, const struct str **activities);

/* One object, checked before it is stored; the message names the member. known() answers whether offer, audience or
 * property `id` exists (kind "offer", "audience", "property"). */
struct decide_known {
    bool (*known)(void *ctx, const char *kind, struct str id);
    void *ctx;
};
enum err decide_check_activity(const struct json *activity, const struct decide_known *known, struct diag *d);
enum err decide_check_offer(const struct json *offer, struct diag *d);
enum err decide_check_audience(const struct json *audience, struct diag *d);

struct decide_assignment {
    struct str activity;
    struct str experience;
};

struct decide_request {
    int64_t now_ms;
    struct str visitor_key;    /* [TARGET 3.1]: the ECID */
    struct str property_token; /* empty: none */
    /* request context for targetRule [TARGET 4.2] */
    struct str url, referrer, user_agent, language;
    const struct json *xdm;            /* the event: mbox parameters by dotted path */
    const struct json *target;         /* data.__adobe.target: mbox parameters and profile.*, may be NULL */
    const struct json *profile_params; /* stored visitor profile attributes {"color":"red"}, may be NULL */
    bool first_session;                /* the edge never saw this visitor before: "new" */
    /* what is asked [EDGE 2.4] */
    const struct str *scopes; /* decisionScopes and surfaces; "__view__" is the page-wide scope */
    size_t scope_count;
    const struct str *schemas; /* accepted item schemas; none: all */
    size_t schema_count;
    const struct decide_assignment *assignments; /* sticky ones from the visitor's profile */
    size_t assignment_count;
    bool (*in_audience)(void *ctx, struct str audience_id);
    /* Merged platform profile for ${aep.path}, NULL when nothing is known. */
    const struct json *attributes;
    void *ctx;
};

struct decide_taken {
    struct str activity; /* borrowed from the set */
    struct str experience;
    struct str scope;
    bool entered; /* no assignment existed */
    bool sticky;  /* to be kept as an assignment */
};

struct decide_result {
    struct decide_taken *taken; /* arena */
    size_t n;
};

/* Appends the propositions as comma-separated JSON objects (no brackets) to `out`, and lists what was taken. ERR_LIMIT:
 * arena or out is full: the caller answers without decisions. */
enum err decide_propositions(const struct decide_set *s, const struct decide_request *rq, struct arena *a,
                             struct buf *out, struct decide_result *result, struct diag *d);

/* Notification tokens [EDGE C-22], [TARGET 1.5]: "v1." base64url(MAC, activity, experience, scope); the same for
 * all visitors, for displays and clicks. decide_token_read: false when malformed or forged. */
struct decide_token {
    struct str activity, experience, scope;
};
void decide_token_write(struct buf *out, struct hash_key key, const struct decide_token *token);
bool decide_token_read(struct str text, struct hash_key key, struct arena *a, struct decide_token *out);

/* [TARGET 3.2, 3.3]: signed hash over UTF-16 units, bucket 0..9999, index of the experience or -1 (not admitted). */
int32_t decide_hash(struct str utf8);
/* [TARGET 3.1]: the first that is not empty of ECID, tntId up to its first dot, third-party id. */
struct str decide_visitor_key(struct str ecid, struct str tnt_id, struct str third_party_id);
unsigned decide_bucket(int32_t hash);
int decide_choose(unsigned bucket, const unsigned *percent, size_t n, unsigned traffic_percent);

#endif
