/* decide_int.h - what the files of decide/ share: the compiled set, and the steps from JSON to it.
 *
 *   target_rule.c   targetRule JSON -> struct target_rule (a rule of rule/ and the request fields it reads)
 *   proposition.c   activity x experience x scope -> struct proposition (JSON text with holes)
 *   option.c        the same as options of a delivery answer
 *   decide_compile.c  all objects of a sandbox -> struct decide_set
 *   fields*.c       request, location and visitor -> one field
 *   json_logic.c    json-logic -> the same rules
 *   decision*.c     request -> answer */
#ifndef DECIDE_INT_H
#define DECIDE_INT_H

#include "base/limits.h"
#include "base/map.h"
#include "context/agent.h"
#include "context/page_url.h"
#include "decide/decide.h"
#include "decide/decision.h"
#include "learn/learn.h"
#include "rule/rule.h"

/* ---- bucketing.c: the hash as a stream, so that an activity keeps the state behind "<client>.<activity>." ---- */

struct hash_stream {
    uint32_t h;
    uint32_t half; /* the first unit of an unfinished pair */
    uint32_t units;
};

void hash_stream_put(struct hash_stream *s, struct str utf8);
int32_t hash_stream_end(struct hash_stream s);

/* ---- fields.c: what a request tells, by category and name [TARGET 4.2] ---- */

enum field_source {
    FIELD_MBOX,
    FIELD_PROFILE,
    FIELD_PAGE,
    FIELD_REFERRER,
    FIELD_LANDING,
    FIELD_BROWSER,
    FIELD_PLATFORM,
    FIELD_MOBILE,
    FIELD_GEO,
    FIELD_NETWORK,
    FIELD_SOURCE,
    FIELD_TIME,
    FIELD_AEP,
    FIELD_CUSTOMER,   /* <source>.<attribute> of the customer attributes */
    FIELD_CONTEXT,    /* a path of json_logic_context(): any JSON */
    FIELD_CHOICE,     /* how the experience was chosen that is being shown */
    FIELD_ALLOCATION, /* percent 0..100 of the activity being decided [TARGET 5.4] */
    FIELD__COUNT
};

struct field {
    enum field_source source;
    struct str name;
};

struct activity;

/* One location of a request and what was worked out of it so far. The first five are the caller's. */
struct request_view {
    const struct decision_request *rq;
    const struct decision_ask *ask;  /* its parameters, xdm, url and referrer; NULL: none */
    const struct activity *activity; /* being decided or shown: what field_per_activity() reads; NULL: none */
    enum hit_arm arm;                /* of what is being shown */
    struct str algorithm;
    struct hash_key key; /* derives a tntId where the visitor has none */
    int zone_minutes;    /* the account's time is UTC plus so much */
    struct arena *arena;
    bool has_agent, has_page[3];
    struct user_agent agent;
    struct page_url pages[3];   /* page, referrer, landing */
    bool remote_missing;        /* what was written has a remote offer without content */
    const struct json *context; /* json_logic_context() */
};

/* Text of the field; false: absent (or the arena is exhausted). *node is its JSON where there is one (a string of the
 * request, a list, a number of FIELD_CONTEXT) and then says more than the text; NULL: make a string of the text. */
bool request_field(struct request_view *v, const struct field *f, struct str *text, const struct json **node);
/* The value differs by activity, so it is not to be kept for the next one. */
bool field_per_activity(const struct field *f);
/* Is the name one that this source can have? Sources with free names accept any. */
bool field_known(enum field_source source, struct str name);
/* Fields whose value is "true" or "false": exists and hasValue ask for the value there. */
bool field_is_boolean(enum field_source source, struct str name);
/* 0..9999 of this visitor in this activity [TARGET 3.2]. */
unsigned activity_bucket(const struct activity *a, struct str visitor_key);
const char *field_source_name(enum field_source source);

/* ---- features.c ---- */

/* The facts of the location that models know. */
void features_read(struct request_view *v, struct learn_row *row);

/* ---- target_rule.c ---- */

struct target_rule {
    struct rule *rule;          /* owned */
    const struct field *fields; /* RULE_PARAM slot n is fields[n - 2]; lives in the rule */
    size_t field_count;
    const struct str *hub_audiences; /* asked through in_audience; lives in the rule */
    size_t hub_audience_count;
};

/* Finds the stored audience `id` for audienceRule; NULL: unknown. */
typedef const struct json *target_rule_lookup(void *ctx, struct str id);

/* audience: the whole object with targetRule or audienceRule. lookup may be NULL: references are then only checked in
 * shape. ERR_INVALID with d->path, ERR_LIMIT. Free out->rule with rule_free(). */
enum err target_rule_compile(const struct json *audience, target_rule_lookup *lookup, void *ctx,
                             struct target_rule *out, struct diag *d);

/* ---- the compiled set ---- */

struct audience {
    struct str id;
    bool hub;          /* asked through in_audience; else rule */
    bool broken;       /* never matches */
    bool per_activity; /* asks field_per_activity() */
    struct target_rule rule;
    const uint32_t *fields; /* of the rule, as indexes into decide_set.fields: a request works each out once */
};

struct audience_list { /* indexes into decide_set.audiences; all must match */
    const uint32_t *items;
    size_t n;
};

/* A place in pre-rendered text where a value goes in. Texts are escaped for JSON already. */
enum hole_encode {
    ENCODE_TEXT,
    ENCODE_HTML,
    ENCODE_URL,
    ENCODE_REMOTE,   /* what is behind the URL field.name, as the inside of a JSON string */
    ENCODE_PREFETCH, /* no value: `otherwise` itself, in a prefetch */
    ENCODE_TOKENS,   /* no value: response tokens, of which `otherwise` are the known ones */
    ENCODE_CARRY,    /* what a redirect to the URL field.name carries on of the page, as more of its query */
};
enum { CARRY_PARAMETERS = 1, CARRY_SESSION = 2 };
struct hole {
    uint32_t at;
    enum hole_encode encode;
    unsigned carry; /* bits of the above */
    struct field field;
    struct str otherwise; /* inserted when the value is absent: the default, nothing, or the token itself */
    struct str if_empty;  /* inserted when the value is there but empty */
};

enum item_schema { ITEM_DEFAULT, ITEM_HTML, ITEM_JSON, ITEM_REDIRECT, ITEM_DOM, ITEM_MEASUREMENT, ITEM__COUNT };
#define ITEM_MASK_ALL ((1u << ITEM__COUNT) - 1)

struct item {
    uint32_t start, end; /* in the proposition's text */
    enum item_schema schema;
    bool click;                            /* shows nothing by itself */
    const struct audience_list *audiences; /* of its location; NULL: none */
};

struct proposition {
    struct str text; /* empty: this experience has nothing here */
    const struct item *items;
    size_t item_count;
    const struct hole *holes; /* ascending by at */
    size_t hole_count;
    unsigned schemas;  /* bits of the items */
    bool conditional;  /* some item has an audience, or is of a URL that may have no content */
    struct str clicks; /* propositions of click metrics, each after a comma */
    const struct hole *click_holes;
    size_t click_hole_count;
    enum item_schema click_schema;
};

/* The same for the delivery API: options, each a range of the text, and click metrics. An option of visual changes has
 * a head, changes that may have audiences of their own, and a tail. */
struct option_part {
    uint32_t start, end;
    uint32_t first, count; /* its changes in items; count 0: the option is one piece */
    bool is_default;       /* default content: sent in a prefetch only, for its token; a display all the same */
    const struct audience_list *audiences; /* of an option in one piece; NULL: none */
};

/* A click metric: {"type":"click",..}. */
struct metric_part {
    uint32_t start, end; /* in delivery_text.metrics */
    uint32_t metric;     /* local id */
};

struct delivery_text {
    struct str text; /* empty: this experience has nothing here */
    const struct option_part *options;
    size_t option_count;
    const struct item *items;
    const struct hole *holes; /* of options; ascending by at */
    size_t hole_count;
    struct str metrics; /* elements without holes, one after the other */
    const struct metric_part *metric_parts;
    size_t metric_count;
    struct str offers; /* their ids, as an array; empty: none */
};

struct experience {
    struct str id, name;
    struct audience_list audiences;
};

enum activity_type {
    ACTIVITY_AB,
    ACTIVITY_XT,
    ACTIVITY_MVT,
    ACTIVITY_AUTO_ALLOCATE,
    ACTIVITY_AUTO_TARGET,
    ACTIVITY_AP,
};

/* Ranges of 0 .. 9999 that belong to experiences: bucket * scale <= bounds[i], the first that holds [TARGET 3.3]. A
 * range without width has the bound 0 and belongs to nobody. */
struct split {
    uint64_t *bounds;
    uint64_t scale;
    size_t n;
};
int split_choose(const struct split *s, unsigned bucket);

/* Counters that end a membership's ordinary life [TARGET 2.7 conditions]. */
struct cap {
    uint32_t visits, impressions; /* 0: none */
    enum hit_action action;
};

enum metric_kind { METRIC_EVENT, METRIC_PAGES, METRIC_SCORE, METRIC_TIME };

struct metric {
    uint32_t id; /* metricLocalId */
    enum metric_kind kind;
    enum hit_action action;
    bool revenue; /* counts only with an order */
    const struct metric_gate {
        uint32_t metric;
        bool reached;
    } * gates;
    size_t gate_count;
};

/* Auto-Target and Automated Personalization [TARGET 8.2]. */
struct personalization {
    unsigned control_percent;
    int control_experience; /* -1: random */
    /* What models are of: an experience (one dimension), or an option at one of several locations. The number of an
     * experience has a digit for each dimension, the last varies fastest. */
    const uint32_t *radix;
    size_t radix_count;
    const struct str *units; /* names, in the order of digits: "0", or "location:option" */
    size_t unit_count;
    const struct learn_forest **forests; /* by unit; NULL: no valid model */
    size_t valid;
    struct str version;
};

struct activity {
    struct str id, name;
    int64_t number; /* id as a number, for the order */
    enum activity_type type;
    bool approved;  /* else it is served in environments and previews that say so */
    bool analytics; /* reports through Analytics: clients get its token */
    int64_t priority, approved_ms, starts_ms, ends_ms;
    bool targeted;
    const uint32_t *properties; /* indexes of property tokens */
    size_t property_count;
    struct audience_list entry;
    unsigned traffic_percent;
    struct hash_stream prefix;
    struct experience *experiences;
    size_t experience_count;
    unsigned *percent; /* of a manual A/B test, by experience */
    struct split split;
    struct str algorithm;                   /* version of the weights in `split`; empty: they are the activity's own */
    const struct personalization *personal; /* NULL: another type */
    const struct exclusion {
        struct hash_stream prefix; /* "<client>.<group>." */
        unsigned low, high;        /* bucket in [low, high) */
    } * exclusion;                 /* NULL: in no group */
    const struct metric *metrics;
    size_t metric_count;
    const struct cap *caps;
    size_t cap_count;
    const struct reporting_audience {
        int64_t id; /* reportingAudienceLocalId */
        struct audience_list audiences;
    } * reporting;
    size_t reporting_count;
};

/* An activity in one scope. */
struct placement {
    uint32_t activity;
    struct str scope;
    bool view;                              /* a single-page view, delivered with __view__ */
    bool form_based;                        /* the form/visual rule of [TARGET 2.3] */
    const struct proposition *propositions; /* by experience */
    const struct delivery_text *texts;      /* by experience */
};

struct location {
    struct str scope;
    struct placement *placements; /* in list order */
    size_t n, cap;
};

/* A metric that one location meets, shown or clicked. */
struct goal {
    uint32_t activity;
    const struct metric *metric;
    struct audience_list audiences;
};

struct goals {
    struct goal *items;
    size_t n, cap;
};

struct decide_set {
    struct arena arena; /* owns everything but rules and maps */
    struct hash_key token_key;
    int zone_minutes;
    struct activity *activities; /* in list order */
    size_t activity_count;
    struct map activity_index; /* id -> its struct activity */
    struct audience *audiences;
    size_t audience_count;
    const struct field **fields; /* all that audiences ask, without repeats */
    size_t field_count;
    struct map locations;  /* scope -> struct location; page-wide under "__view__" */
    struct location *page; /* that one, or NULL */
    struct map properties; /* token -> (uintptr_t)index + 1 */
    struct map views;      /* name -> struct location: the placements of one view; they stand in page, too */
    struct str *view_names;
    size_t view_count;
    struct map goals[2]; /* location -> struct goals: shown, clicked */
    uint32_t *engaged;   /* activities that count pages, scores or time */
    size_t engaged_count;
    const struct response_field *response_fields;
    size_t response_count;
    bool explain;
    bool analytics;           /* an activity reports through Analytics */
    unsigned response_static; /* known_token_bit() of those that are switched on */
    struct str *paths;        /* of ${aep.} and the aep targeting field, without repeats */
    size_t path_count;
};

/* decide_compile() in so many bytes: LIMIT_DECIDE_SET_BYTES, and less in tests. */
enum err decide_compile_within(const struct decide_source *src, size_t bytes_max, struct decide_set **out,
                               struct diag *d);

#define PAGE_SCOPE S("__view__")
#define GLOBAL_MBOX S("target-global-mbox")
#define PRIMARY_METRIC 32767 /* [TARGET 2.7] */

/* A response token whose value is of the request [TARGET 2.8]. */
struct response_field {
    struct str name; /* "geo.city" */
    struct field field;
    bool lower; /* names of places are told in lower case */
};

/* ---- proposition.c ---- */

/* What an option shows at a location. */
struct placed_option {
    struct str id, name; /* option */
    struct str offer_id, offer_name;
    const struct json *offer;              /* NULL: default content */
    const struct json *templates;          /* offerTemplates, or NULL */
    struct str selector;                   /* of the location, or empty */
    const struct audience_list *audiences; /* of the location, or NULL */
};

struct placed_click {
    struct str id;
    struct str selector; /* empty: the whole of `location` */
    struct str location; /* a metric "mbox clicked"; empty: any place where the selector is */
    uint32_t metric;
};

struct proposition_source {
    const struct activity *activity;
    const struct experience *experience;
    struct str scope;
    bool view;
    struct hash_key token_key;
    const struct placed_option *options;
    size_t option_count;
    const struct placed_click *clicks;
    size_t click_count;
    unsigned known_tokens; /* decide_set.response_static */
};

/* Renders into a; scratch is cleared first. Offers that cannot be shown are left out. false: a or scratch is full. */
bool proposition_render(const struct proposition_source *src, struct arena *a, struct buf *scratch,
                        struct proposition *out);
/* Appends the items of the accepted schemas whose location's audiences match; false (and nothing written) when none is
 * left. */
struct proposition_filter {
    unsigned schemas;
    bool (*match)(void *ctx, const struct audience_list *list);
    void *ctx;
};
bool proposition_write(const struct proposition *p, const struct proposition_filter *f, struct request_view *v,
                       struct buf *out);
/* The bit of a schema URI, 0 when unknown. */
unsigned item_schema_bit(struct str uri);

/* ---- option.c ---- */

/* The bit of a response token whose value is known in advance ("activity.id"); 0: another. */
unsigned known_token_bit(struct str name);
/* The same sources as options and click metrics of a delivery answer. false: a or scratch is full. */
bool delivery_render(const struct proposition_source *src, struct arena *a, struct buf *scratch,
                     struct delivery_text *out);
/* Appends the options, comma-separated, whose audiences match; false when there is none. Default content is one, and
 * writes nothing. */
struct delivery_filter {
    bool prefetch;
    const struct decide_set *set;
    bool (*match)(void *ctx, const struct audience_list *list);
    void *ctx;
};
bool delivery_write(const struct delivery_text *t, const struct delivery_filter *f, struct request_view *v,
                    struct buf *out);
/* What goes into the hole of a redirect. */
void redirect_write(const struct hole *h, const struct request_view *v, struct buf *out);
/* What goes into a hole. */
void hole_write(const struct hole *h, const struct delivery_filter *f, struct request_view *v, struct buf *out);

/* ---- words and shapes shared by the compiler and the checker ---- */

enum offer_type { OFFER_HTML, OFFER_JSON, OFFER_REDIRECT, OFFER_REMOTE, OFFER_ACTIONS, OFFER_UNKNOWN };
enum offer_type offer_type(const struct json *offer);
/* The dom-action type that a name of [TARGET 2.9] stands for ("setContent" is setHtml); NULL: unknown. */
const char *dom_action_type(struct str name);
/* offerTemplateId: the name of an action type, or its number in the table of [TARGET 2.9], from 1. Empty: unknown. */
struct str template_action(const struct json *template_id);
/* One visual change. A location's selector stands where it has none of its own. */
struct visual_change {
    struct str type; /* as dom_action_type names it */
    struct str selector, css, prehiding;
    const struct json *content; /* may be NULL */
};
/* The object of a list whose member ("viewLocalId") is that id; NULL: none, or no list. */
const struct json *find_local(const struct json *list, const char *member, const struct json *id);
/* Is it placed by a selector, its own or its location's, so that the location is no mbox? */
bool placed_is_visual(const struct placed_option *o);
/* false: nothing to show, because the type is unknown or a template has no selector. */
bool change_of_action(const struct json *action, struct str selector, struct visual_change *out);
bool change_of_template(const struct json *template, struct str selector, struct visual_change *out);
/* In a text or an attribute a browser takes the value as it is; elsewhere it is HTML. */
enum hole_encode change_encode(struct str type);
/* Numbers and texts as text; empty: neither. */
struct str id_text(const struct json *id, struct arena *a);
/* Milliseconds or an ISO 8601 text; false: neither. */
bool time_value(const struct json *v, int64_t *ms);

#endif
