/* decide.h - the Target part's objects: checked before they are stored, compiled into a set, named in tokens.
 *
 * Activities, offers and Target audiences are compiled into a struct decide_set with every answer pre-rendered as JSON,
 * so that deciding (decision.h) is mostly comparing bits and copying.
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
    const struct json *const
        *groups; /* exclusion groups {"id":1,"ranges":[{"activityId":7,"percent":50}]} [TARGET 2.6] */
    size_t group_count;
    const struct json *const
        *allocations; /* weights of auto_allocate {"id":7,"version":3,"weights":[..]} [TARGET 8.1] */
    size_t allocation_count;
    const struct json *const *models; /* {"id":7,"version":3,"units":[{"experience","forest","valid"}]} [TARGET 8.2] */
    size_t model_count;
    const struct json *const *response_tokens; /* {"token":"geo.city","active":true} [TARGET 2.8] */
    size_t response_token_count;
    const struct json *settings; /* of kind targetSettings, or NULL */
    struct hash_key token_key;   /* signs notification tokens */
    int zone_minutes;            /* of targetSettings.timeZone: weekly time frames are UTC plus so much [TARGET 4.2] */
};

enum err decide_compile(const struct decide_source *src, struct decide_set **out, struct diag *d);
void decide_free(struct decide_set *s);
size_t decide_activity_count(const struct decide_set *s);
/* Machines move the shares of this activity's experiences [TARGET 8.1]. */
bool decide_allocates(const struct json *activity);
/* Models choose for a part of the visitors [TARGET 8.2]. */
bool decide_learns(const struct json *activity);
/* The buckets that an experience has, first to last, and how many of 10,000 are admitted at all. False: the activity
 * has no ranges, because rules or models choose, or the experience has no bucket. */
struct decide_range {
    unsigned first, last, admitted;
};
bool decide_range_of(const struct decide_set *s, struct str activity, struct str experience, struct decide_range *out);
/* The setting `explain`: decisions are to be kept with why they were made. */
bool decide_explains(const struct decide_set *s);
/* Calls each() with the id of every hub audience that some live or scheduled activity reads. */
void decide_hub_audiences(const struct decide_set *s, void (*each)(void *ctx, struct str id), void *ctx);
/* Calls each() with every profile path that an offer (${aep.<path>}) or a targetRule ({"aep":"<path>"}) reads. */
void decide_attribute_paths(const struct decide_set *s, void (*each)(void *ctx, struct str path), void *ctx);

/* One object, checked before it is stored; the message names the member. known() answers whether offer, audience or
 * property `id` exists (kind "offer", "audience", "property"). */
struct decide_known {
    bool (*known)(void *ctx, const char *kind, struct str id);
    void *ctx;
};
enum err decide_check_activity(const struct json *activity, const struct decide_known *known, struct diag *d);
enum err decide_check_offer(const struct json *offer, struct diag *d);
bool decide_offer_is_remote(const struct json *offer);
enum err decide_check_audience(const struct json *audience, struct diag *d);

/* Notification tokens [EDGE C-22], [TARGET 1.5]: base64url of a MAC and what was delivered, the same for all visitors.
 * "v1." without a metric: of a display, and in the Edge Network of a click on a location, too; "v2." a click of one
 * metric.
 * decide_token_read: false when malformed or forged. */
struct decide_token {
    struct str activity, experience, scope;
    uint32_t metric; /* 0: what was delivered as a whole */
};
/* The type of visual change that an activity names by this number, 1 and on [TARGET 2.9]; NULL: there are no more. */
const char *decide_template_name(int64_t number);
void decide_token_write(struct buf *out, struct hash_key key, const struct decide_token *token);
/* The token of a QA link [TARGET 1.6]: "q1." base64url of a MAC, the activities in order, and whether only they are
 * served. decide_qa_token_read: false when malformed or forged; the list is in the arena. */
void decide_qa_token_write(struct buf *out, struct hash_key key, const struct str *activities, size_t n,
                           bool listed_only);
bool decide_qa_token_read(struct str text, struct hash_key key, struct arena *a, struct str **activities, size_t *n,
                          bool *listed_only);
bool decide_token_read(struct str text, struct hash_key key, struct arena *a, struct decide_token *out);

/* [TARGET 3.2, 3.3]: signed hash over UTF-16 units, bucket 0..9999, index of the experience or -1 (not admitted). */
int32_t decide_hash(struct str utf8);
/* [TARGET 3.1]: the first that is not empty of ECID, tntId up to its first dot, third-party id. */
struct str decide_visitor_key(struct str ecid, struct str tnt_id, struct str third_party_id);
unsigned decide_bucket(int32_t hash);
int decide_choose(unsigned bucket, const unsigned *percent, size_t n, unsigned traffic_percent);

#endif
