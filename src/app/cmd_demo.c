/* cmd_demo.c - edgewise demo load: fills a running server with the Northpeak shop, through the public REST API only.
 *
 * It is also the example of how a team sets Edgewise up: token, namespaces, schemas with identity descriptors,
 * datasets, audiences, offers, activities, destination, datastream, then CRM, loyalty and order files by the batch API.
 * What is there already (by name) is kept, so a second run changes nothing. */
#include <stdarg.h>

#include "app/demo_data.h"
#include "app/rest_client.h"
#include "base/civil.h"
#include "base/limits.h"
#include "codec/json_writer.h"

#define BATCH_WAIT_US 120000000
#define TARGET_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b201"
#define CUSTOM_SPEC "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202"

struct loader {
    struct rest_client rest;
    struct str tenant_path; /* "/northpeak/target" */
};

/* ---- calls ---- */

/* Schemas come in one of many forms, which Accept names. */
static enum err
call(struct loader *l, const char *method, struct str target, const char *type, struct str body,
     const struct json **out)
{
    const char *accept =
        str_find(target, S("schemaregistry")) >= 0 ? "application/vnd.adobe.xed+json; version=1" : NULL;

    return rest_client_call(&l->rest, method, target, type, accept, body, out);
}

static enum err
post(struct loader *l, struct str target, struct str body, const struct json **out)
{
    return call(l, "POST", target, "application/json", body, out);
}

static enum err
get(struct loader *l, struct str target, const struct json **out)
{
    return call(l, "GET", target, "application/json", S_NULL, out);
}

static void
say(const char *what)
{
    printf("  %s\n", what);
    fflush(stdout);
}

/* The first element whose `name` (or title) is this one, anywhere one level below v: lists come as arrays, as
 * {"children":[]}, {"results":[]}, {"items":[]} or keyed by id. */
static const struct json *
named(const struct json *v, struct str name)
{
    struct json_iter outer = json_iter(v);

    while (json_next(&outer)) {
        struct json_iter inner;
        if (str_eq(json_str(json_get(outer.value, S("name"))), name) ||
            str_eq(json_str(json_get(outer.value, S("title"))), name))
            return outer.value;
        if (!json_is(outer.value, JSON_ARRAY))
            continue;
        for (inner = json_iter(outer.value); json_next(&inner);) {
            if (str_eq(json_str(json_get(inner.value, S("name"))), name) ||
                str_eq(json_str(json_get(inner.value, S("title"))), name))
                return inner.value;
        }
    }
    return NULL;
}

static struct str
id_text(struct loader *l, const struct json *object)
{
    const struct json *id = json_get(object, S("id"));

    return json_is(id, JSON_INT) ? arena_printf(&l->rest.arena, "%lld", (long long)json_i64(id, 0)) : json_str(id);
}

/* Finds an object by name in a list, or makes it; *id receives its id. */
static enum err
ensure(struct loader *l, struct str list, struct str create, struct str name, struct str body, struct str *id)
{
    const struct json *answer = NULL, *found;
    enum err rc = get(l, list, &answer);

    if (rc != ERR_OK)
        return rc;
    found = named(answer, name);
    if (found == NULL) {
        rc = post(l, create, body, &answer);
        found = answer;
    }
    if (rc == ERR_OK && id != NULL)
        *id = id_text(l, found);
    if (rc == ERR_OK && id != NULL && id->n == 0)
        rc = diag_set(&l->rest.diag, ERR_INVALID, "no id in the answer for '%.*s'", STR_ARG(name));
    return rc;
}

/* ---- schemas and datasets ---- */

struct demo_dataset {
    const char *name;
    const char *parts; /* class, then field groups: the $refs of allOf */
    const char *properties;
    const char *identities[3][2]; /* schema path, namespace; the first is primary */
    struct str schema, dataset;
};

#define NORTHPEAK(members) "\"_northpeak\":{\"type\":\"object\",\"properties\":{" members "}}"
#define TEXT "{\"type\":\"string\"}"
#define REF(path) "{\"$ref\":\"https://ns.adobe.com/" path "\"}"

static struct demo_dataset datasets[] = {
    {"Northpeak CRM",
     REF("xdm/context/profile") "," REF("xdm/context/profile-person-details") "," REF(
         "xdm/context/profile-personal-details"),
     NORTHPEAK("\"crmId\":" TEXT ",\"emailSha256\":" TEXT),
     {{"/_northpeak/crmId", "CRMID"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}},
     {0},
     {0}},
    {"Northpeak Loyalty",
     REF("xdm/context/profile") "," REF("xdm/mixins/profile/profile-loyalty-details"),
     NORTHPEAK("\"loyaltyId\":" TEXT ",\"emailSha256\":" TEXT),
     {{"/_northpeak/loyaltyId", "LoyaltyId"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}},
     {0},
     {0}},
    {"Northpeak Orders",
     REF("xdm/context/experienceevent") "," REF("xdm/context/experienceevent-commerce"),
     NORTHPEAK("\"crmId\":" TEXT ",\"emailSha256\":" TEXT),
     {{"/_northpeak/crmId", "CRMID"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}},
     {0},
     {0}},
    {"Northpeak Web",
     REF("xdm/context/experienceevent") "," REF("xdm/context/experienceevent-commerce") "," REF(
         "experience/aep-web-sdk-experienceevent"),
     NORTHPEAK("\"page\":" TEXT),
     {{0}},
     {0},
     {0}},
};
enum { CRM, LOYALTY, ORDERS, WEB, DATASETS };

static enum err
ensure_schema(struct loader *l, struct demo_dataset *s)
{
    const char *tenant = "/data/foundation/schemaregistry/tenant";
    const struct json *answer = NULL, *found;
    enum err rc = get(l, arena_printf(&l->rest.arena, "%s/schemas", tenant), &answer);

    if (rc != ERR_OK)
        return rc;
    found = named(answer, str_of(s->name));
    if (found != NULL) {
        s->schema = json_str(json_get(found, S("$id")));
        return ERR_OK;
    }
    rc = post(l, arena_printf(&l->rest.arena, "%s/schemas", tenant),
              arena_printf(&l->rest.arena, "{\"title\":\"%s\",\"type\":\"object\",\"allOf\":[%s],\"properties\":{%s}}",
                           s->name, s->parts, s->properties),
              &answer);
    if (rc != ERR_OK)
        return rc;
    s->schema = json_str(json_get(answer, S("$id")));
    for (int i = 0; rc == ERR_OK && i < 3 && s->identities[i][0] != NULL; i++)
        rc = post(l, arena_printf(&l->rest.arena, "%s/descriptors", tenant),
                  arena_printf(&l->rest.arena,
                               "{\"@type\":\"xdm:descriptorIdentity\",\"xdm:sourceSchema\":\"%.*s\","
                               "\"xdm:sourceVersion\":1,\"xdm:sourceProperty\":\"%s\",\"xdm:namespace\":\"%s\","
                               "\"xdm:property\":\"xdm:code\",\"xdm:isPrimary\":%s}",
                               STR_ARG(s->schema), s->identities[i][0], s->identities[i][1], i == 0 ? "true" : "false"),
                  NULL);
    if (rc == ERR_OK)
        rc = call(l, "PATCH",
                  arena_printf(&l->rest.arena, "%s/schemas/%.*s", tenant,
                               STR_ARG(json_str(json_get(answer, S("meta:altId"))))),
                  "application/json", S("[{\"op\":\"add\",\"path\":\"/meta:immutableTags\",\"value\":[\"union\"]}]"),
                  NULL);
    return rc;
}

/* Lists of datasets are keyed by id; creation answers ["@/dataSets/{id}"]. */
static enum err
ensure_dataset(struct loader *l, struct demo_dataset *s)
{
    const struct json *answer = NULL;
    struct json_iter it;
    struct str path;
    enum err rc = get(l, S("/data/foundation/catalog/dataSets?limit=100"), &answer);

    if (rc != ERR_OK)
        return rc;
    for (it = json_iter(answer); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, S("name"))), str_of(s->name))) {
            s->dataset = it.key;
            return ERR_OK;
        }
    }
    rc = post(l, S("/data/foundation/catalog/dataSets"),
              arena_printf(&l->rest.arena,
                           "{\"name\":\"%s\",\"schemaRef\":{\"id\":\"%.*s\","
                           "\"contentType\":\"application/vnd.adobe.xed-full+json;version=1\"},"
                           "\"tags\":{\"unifiedProfile\":[\"enabled:true\"],\"unifiedIdentity\":[\"enabled:true\"]}}",
                           s->name, STR_ARG(s->schema)),
              &answer);
    path = json_str(json_at(answer, 0));
    if (rc == ERR_OK)
        s->dataset = str_slice(path, S("@/dataSets/").n, path.n);
    return rc;
}

static enum err
ensure_namespaces(struct loader *l)
{
    const struct json *answer = NULL;
    struct json_iter it;
    bool crm = false, loyalty = false;
    enum err rc = get(l, S("/data/core/idnamespace/identities"), &answer);

    for (it = json_iter(answer); rc == ERR_OK && json_next(&it);) {
        crm |= str_eq(json_str(json_get(it.value, S("code"))), S("CRMID"));
        loyalty |= str_eq(json_str(json_get(it.value, S("code"))), S("LoyaltyId"));
    }
    if (rc == ERR_OK && !crm)
        rc = post(l, S("/data/core/idnamespace/identities"),
                  S("{\"code\":\"CRMID\",\"name\":\"CRM id\",\"idType\":\"CROSS_DEVICE\"}"), NULL);
    if (rc == ERR_OK && !loyalty)
        rc = post(l, S("/data/core/idnamespace/identities"),
                  S("{\"code\":\"LoyaltyId\",\"name\":\"Loyalty id\",\"idType\":\"CROSS_DEVICE\"}"), NULL);
    return rc;
}

/* ---- audiences ---- */

/* One of each shape. */
struct demo_audience {
    const char *name, *description, *pql; /* pql NULL: members of both of two audiences above, by index */
    int both[2];
    struct str id;
};

#define BOUGHT "eventType = \"commerce.purchases\""
#define LOOKED "eventType = \"commerce.productViews\""
#define IN_TENTS "productListItems.productCategories.categoryID = \"tents\""

enum { TENTS, WINBACK, SPENDERS, KNOWN, CLUB, NEVER, TO_WIN, DECIDED, LEFT, NORDIC, AUDIENCES };
#define PAGE_AUDIENCES (CLUB + 1) /* that pages are told: mapped to the destinations */

static struct demo_audience audiences[AUDIENCES] = {
    [TENTS] = {.name = "Tent lovers: three tent views in 24 hours",
               .description = "How often, within a window",
               .pql = "xEvent[" LOOKED " and " IN_TENTS " and timestamp occurs <= 24 hours before now].count() >= 3"},
    [WINBACK] = {.name = "Gold, no order for 60 days",
                 .description = "An attribute, and an event that is missing",
                 .pql = "loyalty.tier = \"gold\" and not(xEvent[" BOUGHT
                        " and timestamp occurs <= 60 days before now].count() >= 1)"},
    [SPENDERS] = {.name = "Spent over 500 in 30 days",
                  .description = "A sum, within a window",
                  .pql = "xEvent[" BOUGHT " and timestamp occurs <= 30 days before now].sum(commerce.order.priceTotal) "
                         "> 500"},
    [KNOWN] = {.name = "Known customers",
               .description = "An attribute that is there",
               .pql = "person.name.firstName.isNotNull()"},
    [CLUB] = {.name = "Club members",
              .description = "An attribute in a list",
              .pql = "loyalty.tier in [\"bronze\", \"silver\", \"gold\"]"},
    [NEVER] = {.name = "Never bought",
               .description = "An event that never happened",
               .pql = "xEvent[" BOUGHT "].count() = 0"},
    [TO_WIN] = {.name = "Club members who never bought", .description = "A segment of segments", .both = {CLUB, NEVER}},
    [DECIDED] = {.name = "Looked, and ordered within two days",
                 .description = "A sequence, with a gap",
                 .pql = "chain(xEvent, timestamp, [look: WHAT(" LOOKED "), order: WHAT(" BOUGHT ") GAP(<= 2 days)])"},
    [LEFT] = {.name = "Looked this hour, no order since",
              .description = "A sequence with something missing, within a window",
              .pql = "chain(xEvent, timestamp, [look: WHAT(" LOOKED
                     ") WHEN(<= 1 hours before now), not order: WHAT(" BOUGHT ")])"},
    [NORDIC] = {.name = "Nordic, and one order above 400 in a year",
                .description = "Attributes, and the largest of events",
                .pql = "homeAddress.countryCode in [\"NO\", \"SE\"] and xEvent[" BOUGHT
                       " and timestamp occurs <= 1 years before now].max(commerce.order.priceTotal) > 400"},
};

static struct str
expression_of(struct loader *l, const struct demo_audience *x)
{
    const struct str *a = &audiences[x->both[0]].id, *b = &audiences[x->both[1]].id;

    if (x->pql != NULL)
        return str_of(x->pql);
    return arena_printf(&l->rest.arena, "inSegment(\"%.*s\") and inSegment(\"%.*s\")", STR_ARG(*a), STR_ARG(*b));
}

static enum err
ensure_audience(struct loader *l, struct demo_audience *x)
{
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init(&body, 64 * 1024);
    w = jw_to(&body);
    jw_object(&w);
    jw_kstr(&w, S("name"), str_of(x->name));
    jw_kstr(&w, S("description"), str_of(x->description));
    jw_kstr(&w, S("type"), S("SegmentDefinition"));
    jw_key(&w, S("expression"));
    jw_object(&w);
    jw_kstr(&w, S("type"), S("PQL"));
    jw_kstr(&w, S("format"), S("pql/text"));
    jw_kstr(&w, S("value"), expression_of(l, x));
    jw_end(&w);
    jw_key(&w, S("schema"));
    jw_object(&w);
    jw_kstr(&w, S("name"), S("_xdm.context.profile"));
    jw_end(&w);
    jw_kstr(&w, S("lifecycleState"), S("published"));
    jw_end(&w);
    rc = ensure(l, S("/data/core/ups/audiences?limit=100"), S("/data/core/ups/audiences"), str_of(x->name),
                buf_str(&body), &x->id);
    buf_deinit(&body);
    return rc;
}

/* ---- datastream and destination ---- */

static enum err
ensure_datastream(struct loader *l, struct str *id)
{
    return ensure(l, S("/edgewise/datastreams"), S("/edgewise/datastreams"), S("Northpeak web"),
                  arena_printf(&l->rest.arena,
                               "{\"name\":\"Northpeak web\",\"enabled\":true,\"sandboxName\":\"%.*s\",\"settings\":"
                               "{\"firstPartyIdCookie\":\"FPID\"},\"services\":{\"com_adobe_experience_platform\":{"
                               "\"enabled\":true,\"datasets\":{\"event\":{\"datasetId\":\"%.*s\"},\"profile\":"
                               "{\"datasetId\":\"%.*s\"}},\"com_adobe_edge_segmentation\":{\"enabled\":true},"
                               "\"com_adobe_edge_destinations\":{\"enabled\":true}},\"com_adobe_target\":"
                               "{\"enabled\":true}}}",
                               STR_ARG(l->rest.credentials.sandbox), STR_ARG(datasets[WEB].dataset),
                               STR_ARG(datasets[CRM].dataset)),
                  id);
}

static void
write_selectors(struct loader *l, struct jw *w, bool with_attributes)
{
    static const char *const attributes[] = {"person.name.firstName", "loyalty.tier", "loyalty.points"};

    jw_key(w, S("transformations"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("name"), S("GeneralTransform"));
    jw_key(w, S("params"));
    jw_object(w);
    jw_key(w, S("segmentSelectors"));
    jw_object(w);
    jw_key(w, S("selectors"));
    jw_array(w);
    for (int i = 0; i < PAGE_AUDIENCES; i++)
        jw_raw(w, arena_printf(&l->rest.arena,
                               "{\"type\":\"PLATFORM_SEGMENT\",\"value\":{\"id\":\"%.*s\",\"name\":\"%s\"}}",
                               STR_ARG(audiences[i].id), audiences[i].name));
    jw_end(w);
    jw_end(w);
    jw_key(w, S("profileSelectors"));
    jw_object(w);
    jw_key(w, S("selectors"));
    jw_array(w);
    for (size_t i = 0; with_attributes && i < sizeof attributes / sizeof attributes[0]; i++)
        jw_raw(w, arena_printf(&l->rest.arena,
                               "{\"type\":\"JSON_PATH\",\"value\":{\"path\":\"%s\",\"operator\":\"EXISTS\"}}",
                               attributes[i]));
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

/* connection, source connection, target connection, flow: the four objects of a destination [PLATFORM 7.2]. */
static enum err
ensure_destination(struct loader *l, struct str name, const char *spec, struct str datastream, bool with_attributes)
{
    const char *base = "/data/foundation/flowservice";
    struct str connection = S_NULL, source = S_NULL, target = S_NULL,
               list = arena_printf(&l->rest.arena, "%s/flows", base), body;
    const struct json *flows = NULL;
    struct buf text;
    struct jw w;
    enum err rc = get(l, list, &flows);

    if (rc != ERR_OK || named(flows, name) != NULL)
        return rc;
    body = arena_printf(&l->rest.arena, "{\"name\":\"%.*s\",\"connectionSpec\":{\"id\":\"%s\",\"version\":\"1.0\"}}",
                        STR_ARG(name), spec);
    rc = ensure(l, arena_printf(&l->rest.arena, "%s/connections", base),
                arena_printf(&l->rest.arena, "%s/connections", base), name, body, &connection);
    body = arena_printf(&l->rest.arena,
                        "{\"name\":\"%.*s\",\"connectionSpec\":{\"id\":\"8a9c3494-9708-43d7-ae3f-cda01e5030e1\","
                        "\"version\":\"1.0\"}}",
                        STR_ARG(name));
    if (rc == ERR_OK)
        rc = ensure(l, arena_printf(&l->rest.arena, "%s/sourceConnections", base),
                    arena_printf(&l->rest.arena, "%s/sourceConnections", base), name, body, &source);
    body =
        arena_printf(&l->rest.arena,
                     "{\"name\":\"%.*s\",\"baseConnectionId\":\"%.*s\",\"connectionSpec\":{\"id\":\"%s\",\"version\":"
                     "\"1.0\"},\"params\":{\"datastreamId\":\"%.*s\",\"integrationAlias\":\"northpeak-web\"}}",
                     STR_ARG(name), STR_ARG(connection), spec, STR_ARG(datastream));
    if (rc == ERR_OK)
        rc = ensure(l, arena_printf(&l->rest.arena, "%s/targetConnections", base),
                    arena_printf(&l->rest.arena, "%s/targetConnections", base), name, body, &target);
    if (rc != ERR_OK)
        return rc;
    buf_init(&text, 64 * 1024);
    w = jw_to(&text);
    jw_object(&w);
    jw_kstr(&w, S("name"), name);
    jw_kraw(&w, S("sourceConnectionIds"), arena_printf(&l->rest.arena, "[\"%.*s\"]", STR_ARG(source)));
    jw_kraw(&w, S("targetConnectionIds"), arena_printf(&l->rest.arena, "[\"%.*s\"]", STR_ARG(target)));
    write_selectors(l, &w, with_attributes);
    jw_end(&w);
    rc = post(l, list, buf_str(&text), NULL);
    buf_deinit(&text);
    return rc;
}

/* ---- offers and activities ---- */

struct demo_offer {
    const char *name, *type; /* content, actions */
    const char *content;     /* HTML; for actions: the HTML that #hero gets */
    struct str id;
};

#define HERO(kicker, title, text, link, label, look)                                                                   \
    "<div class=\"hero-copy " look "\"><p class=\"kicker\">" kicker "</p><h1>" title "</h1><p>" text                   \
    "</p><a class=\"button\" id=\"hero-cta\" href=\"" link "\">" label "</a></div>"

static struct demo_offer offers[] = {
    {"Hero: tents",
     "actions",
     HERO("Picked for you", "Find your tent", "Three nights or thirty: the Fjell family keeps the weather outside.",
          "/tents.html", "Compare tents", "tents"),
     {0}},
    {"Hero: we miss you",
     "actions",
     HERO("Gold members", "It has been a while, ${aep.person.name.firstName}",
          "Your ${aep.loyalty.points default=\"0\"} points are waiting. Spend them on something that goes outside.",
          "/tents.html", "Use my points", "gold"),
     {0}},
    {"Hero: thank you",
     "actions",
     HERO("Summit club", "Thank you, ${aep.person.name.firstName default=\"friend\"}",
          "You are one of our best customers this month: free express shipping on everything.", "/tents.html",
          "Shop with free shipping", "vip"),
     {0}},
    {"Banner A: free returns", "content", "<span class=\"banner-a\">Free returns for 100 days</span>", {0}},
    {"Banner B: repair for life", "content", "<span class=\"banner-b\">We repair what we sell, for life</span>", {0}},
    {"Greeting",
     "content",
     "<span class=\"greeting\">Welcome back, <b>${aep.person.name.firstName}</b> &middot; <span class=\"tier\">"
     "${aep.loyalty.tier default=\"new\"}</span> &middot; <span class=\"points\">${aep.loyalty.points "
     "default=\"0\"}</span> points</span>",
     {0}},
};
enum { HERO_TENTS, HERO_WINBACK, HERO_VIP, BANNER_A, BANNER_B, GREETING, OFFERS };

static enum err
ensure_offer(struct loader *l, struct demo_offer *o)
{
    bool actions = strcmp(o->type, "actions") == 0;
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init(&body, 64 * 1024);
    w = jw_to(&body);
    jw_object(&w);
    jw_kstr(&w, S("name"), str_of(o->name));
    if (actions) {
        jw_key(&w, S("actions"));
        jw_array(&w);
        jw_object(&w);
        jw_kstr(&w, S("type"), S("setHtml"));
        jw_kstr(&w, S("selector"), S("#hero"));
        jw_kstr(&w, S("prehidingSelector"), S("#hero"));
        jw_kstr(&w, S("content"), str_of(o->content));
        jw_end(&w);
        jw_end(&w);
    } else {
        jw_kstr(&w, S("content"), str_of(o->content));
    }
    jw_end(&w);
    rc = ensure(l, arena_printf(&l->rest.arena, "%.*s/offers", STR_ARG(l->tenant_path)),
                arena_printf(&l->rest.arena, "%.*s/offers/%s", STR_ARG(l->tenant_path), o->type), str_of(o->name),
                buf_str(&body), &o->id);
    buf_deinit(&body);
    return rc;
}

#define METRIC                                                                                                         \
    "\"metrics\":[{\"metricLocalId\":32767,\"name\":\"Order\",\"conversion\":true,\"mboxes\":[{\"name\":"              \
    "\"orderConfirm\","                                                                                                \
    "\"successEvent\":\"mbox_shown\"}]%s,\"action\":{\"type\":\"count_once\"}}]"

static enum err ensure_activity(struct loader *l, const char *type, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum err
ensure_activity(struct loader *l, const char *type, const char *name, const char *fmt, ...)
{
    char body[8192];
    va_list ap;
    struct str list = arena_printf(&l->rest.arena, "%.*s/activities", STR_ARG(l->tenant_path));
    int n;

    va_start(ap, fmt);
    n = vsnprintf(body, sizeof body, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof body)
        return diag_set(&l->rest.diag, ERR_LIMIT, "activity '%s' is too long", name);
    return ensure(l, list, arena_printf(&l->rest.arena, "%.*s/%s", STR_ARG(list), type), str_of(name), str_of(body),
                  NULL);
}

static enum err
ensure_activities(struct loader *l)
{
    char hero_metric[512], plain_metric[512];
    enum err rc;

    (void)snprintf(hero_metric, sizeof hero_metric, METRIC,
                   ",\"clickTrackSelectors\":[{\"selector\":\"#hero-cta\",\"selectorVersion\":1}]");
    (void)snprintf(plain_metric, sizeof plain_metric, METRIC, "");
    rc = ensure_activity(
        l, "xt", "Home hero",
        "{\"name\":\"Home hero\",\"state\":\"approved\",\"priority\":5,\"options\":["
        "{\"optionLocalId\":0,\"name\":\"Thank you\",\"offerId\":%.*s},{\"optionLocalId\":1,\"name\":\"We miss you\","
        "\"offerId\":%.*s},{\"optionLocalId\":2,\"name\":\"Tents\",\"offerId\":%.*s}],"
        "\"locations\":{\"mboxes\":[{\"locationLocalId\":0,\"name\":\"target-global-mbox\"}]},\"experiences\":["
        "{\"experienceLocalId\":0,\"name\":\"Thank you\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":0}]},"
        "{\"experienceLocalId\":1,\"name\":\"We miss you\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":1}]},"
        "{\"experienceLocalId\":2,\"name\":\"Tents\",\"audienceIds\":[\"%.*s\"],\"optionLocations\":[{"
        "\"locationLocalId\":0,\"optionLocalId\":2}]}],%s}",
        STR_ARG(offers[HERO_VIP].id), STR_ARG(offers[HERO_WINBACK].id), STR_ARG(offers[HERO_TENTS].id),
        STR_ARG(audiences[SPENDERS].id), STR_ARG(audiences[WINBACK].id), STR_ARG(audiences[TENTS].id), hero_metric);
    if (rc == ERR_OK)
        rc = ensure_activity(
            l, "ab", "Banner test",
            "{\"name\":\"Banner "
            "test\",\"state\":\"approved\",\"priority\":5,\"entryConstraint\":{\"mboxes\":[{\"name\":"
            "\"banner\"}],\"visitorPercentage\":100},\"options\":[{\"optionLocalId\":0,\"name\":\"Returns\","
            "\"offerId\":"
            "%.*s},{\"optionLocalId\":1,\"name\":\"Repair\",\"offerId\":%.*s}],\"locations\":{\"mboxes\":[{"
            "\"locationLocalId\":0,\"name\":\"banner\"}]},\"experiences\":[{\"experienceLocalId\":0,\"name\":"
            "\"Free "
            "returns\",\"visitorPercentage\":50,\"optionLocations\":[{\"locationLocalId\":0,\"optionLocalId\":0}]},"
            "{\"experienceLocalId\":1,\"name\":\"Repair for life\",\"visitorPercentage\":50,\"optionLocations\":[{"
            "\"locationLocalId\":0,\"optionLocalId\":1}]}],%s}",
            STR_ARG(offers[BANNER_A].id), STR_ARG(offers[BANNER_B].id), plain_metric);
    if (rc == ERR_OK)
        rc = ensure_activity(
            l, "xt", "Greeting",
            "{\"name\":\"Greeting\",\"state\":\"approved\",\"priority\":5,\"options\":[{\"optionLocalId\":0,\"name\":"
            "\"Greeting\",\"offerId\":%.*s}],\"locations\":{\"mboxes\":[{\"locationLocalId\":0,\"name\":\"greeting\"}]}"
            ","
            "\"experiences\":[{\"experienceLocalId\":0,\"name\":\"Known customer\",\"audienceIds\":[\"%.*s\"],"
            "\"optionLocations\":[{\"locationLocalId\":0,\"optionLocalId\":0}]}],%s}",
            STR_ARG(offers[GREETING].id), STR_ARG(audiences[KNOWN].id), plain_metric);
    return rc;
}

/* ---- files ---- */

static enum err
wait_for_batch(struct loader *l, struct str batch)
{
    uint64_t until = os_mono_us(os_posix()) + BATCH_WAIT_US;
    enum err rc = ERR_TIMEOUT;

    while (rc == ERR_TIMEOUT && os_mono_us(os_posix()) < until) {
        const struct json *answer = NULL;
        struct str status;
        rest_client_pause(50000);
        rc = get(l, arena_printf(&l->rest.arena, "/data/foundation/catalog/batches/%.*s", STR_ARG(batch)), &answer);
        status = json_str(json_get(json_get(answer, batch), S("status")));
        if (rc == ERR_OK && str_eq(status, S("failed")))
            rc = diag_set(&l->rest.diag, ERR_INVALID, "batch %.*s failed", STR_ARG(batch));
        else if (rc == ERR_OK && !str_eq(status, S("success")))
            rc = diag_set(&l->rest.diag, ERR_TIMEOUT, "batch %.*s is still '%.*s'", STR_ARG(batch), STR_ARG(status));
    }
    return rc;
}

static bool
has_batch(struct loader *l, struct str dataset)
{
    const struct json *answer = NULL;
    struct json_iter it;
    struct str path =
        arena_printf(&l->rest.arena, "/data/foundation/catalog/batches?dataSet=%.*s&limit=10", STR_ARG(dataset));

    if (get(l, path, &answer) != ERR_OK)
        return false;
    for (it = json_iter(answer); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, S("status"))), S("success")))
            return true;
    }
    return false;
}

static enum err
load_file(struct loader *l, const struct demo_dataset *s, const char *format, const struct buf *file)
{
    const char *base = "/data/foundation/import/batches";
    const struct json *answer = NULL;
    struct str batch;
    enum err rc;

    if (has_batch(l, s->dataset))
        return ERR_OK;
    rc = post(l, str_of(base),
              arena_printf(&l->rest.arena, "{\"datasetId\":\"%.*s\",\"inputFormat\":{\"format\":\"%s\"}}",
                           STR_ARG(s->dataset), format),
              &answer);
    if (rc != ERR_OK)
        return rc;
    batch = json_str(json_get(answer, S("id")));
    rc = call(l, "PUT",
              arena_printf(&l->rest.arena, "%s/%.*s/datasets/%.*s/files/part-1.%s", base, STR_ARG(batch),
                           STR_ARG(s->dataset), format),
              "application/octet-stream", buf_str(file), NULL);
    if (rc == ERR_OK)
        rc = post(l, arena_printf(&l->rest.arena, "%s/%.*s?action=COMPLETE", base, STR_ARG(batch)), S(""), NULL);
    return rc == ERR_OK ? wait_for_batch(l, batch) : rc;
}

#define PANEL "trail_test_panel"
#define EXTERNAL "/data/core/ais/external-audience"

/* An audience that somebody else keeps: a list of customers, uploaded, for as long as the audience says. */
static enum err
ensure_panel(struct loader *l, struct buf *file)
{
    const struct json *answer = NULL;
    struct str run, status = S_NULL;
    enum err rc = get(l, S("/data/core/ups/audiences?limit=100"), &answer);

    if (rc != ERR_OK || named(answer, S("Trail test panel")) != NULL)
        return rc;
    demo_panel_csv(file);
    rc = call(l, "PUT", S("/data/core/ais/files/" PANEL ".csv"), "text/csv", buf_str(file), NULL);
    if (rc == ERR_OK)
        rc = post(
            l, S(EXTERNAL "/submit"),
            S("{\"name\":\"Trail test panel\",\"description\":\"A list that was uploaded\",\"audienceId\":\"" PANEL
              "\",\"ttlInDays\":90,\"fields\":[{\"name\":\"crmId\",\"type\":\"string\",\"identityNs\":\"CRMID\"},"
              "{\"name\":\"since\",\"type\":\"date\"}],\"sourceSpec\":{\"path\":\"" PANEL ".csv\",\"type\":\"file\"}}"),
            NULL);
    if (rc == ERR_OK)
        rc = post(l, S(EXTERNAL "/" PANEL "/run"), S("{\"differentialIngestion\":false}"), &answer);
    run = json_str(json_get(answer, S("runId")));
    while (rc == ERR_OK && !str_eq(status, S("SUCCESS"))) {
        rest_client_pause(20000);
        rc = get(l, arena_printf(&l->rest.arena, EXTERNAL "/" PANEL "/run/%.*s", STR_ARG(run)), &answer);
        status = json_str(json_get(answer, S("status")));
        if (rc == ERR_OK && str_eq(status, S("FAILED")))
            rc = diag_set(&l->rest.diag, ERR_INVALID, "the run of the test panel failed");
    }
    return rc;
}

static enum err
load_files(struct loader *l)
{
    struct buf file;
    enum err rc;

    buf_init(&file, (size_t)64 << 20);
    say("CRM: 10,000 customers (CSV)");
    demo_crm_csv(&file);
    rc = load_file(l, &datasets[CRM], "csv", &file);
    buf_clear(&file);
    demo_loyalty_json(&file);
    if (rc == ERR_OK) {
        say("loyalty: 10,000 accounts (JSON)");
        rc = load_file(l, &datasets[LOYALTY], "json", &file);
    }
    buf_clear(&file);
    demo_orders_json(&file, os_now_ms(os_posix()));
    if (rc == ERR_OK) {
        say("orders: two years, 24,004 orders (JSON)");
        rc = load_file(l, &datasets[ORDERS], "json", &file);
    }
    buf_clear(&file);
    if (rc == ERR_OK) {
        say("test panel: 625 customers (CSV, external audience)");
        rc = ensure_panel(l, &file);
    }
    buf_deinit(&file);
    if (rc == ERR_OK) {
        say("waiting for identities, profiles and audiences");
        rc = get(l, S("/edgewise/drain"), NULL);
    }
    return rc;
}

static enum err
load_all(struct loader *l)
{
    struct str datastream;
    enum err rc = rest_client_authenticate(&l->rest);

    say("namespaces, schemas, datasets");
    if (rc == ERR_OK)
        rc = ensure_namespaces(l);
    for (int i = 0; rc == ERR_OK && i < DATASETS; i++) {
        rc = ensure_schema(l, &datasets[i]);
        if (rc == ERR_OK)
            rc = ensure_dataset(l, &datasets[i]);
    }
    say("audiences, datastream, destinations");
    for (int i = 0; rc == ERR_OK && i < AUDIENCES; i++)
        rc = ensure_audience(l, &audiences[i]);
    if (rc == ERR_OK)
        rc = ensure_datastream(l, &datastream);
    if (rc == ERR_OK)
        rc = ensure_destination(l, S("Northpeak Target"), TARGET_SPEC, datastream, true);
    if (rc == ERR_OK)
        rc = ensure_destination(l, S("Northpeak page audiences"), CUSTOM_SPEC, datastream, false);
    say("offers, activities");
    for (int i = 0; rc == ERR_OK && i < OFFERS; i++)
        rc = ensure_offer(l, &offers[i]);
    if (rc == ERR_OK)
        rc = ensure_activities(l);
    return rc == ERR_OK ? load_files(l) : rc;
}

/* ---- command ---- */

static int
usage(FILE *out)
{
    fprintf(
        out,
        "usage: edgewise demo load [--data DIR] [--server URL]\n\n"
        "Loads the Northpeak shop into a running server through its REST API. The credentials, and the address unless\n"
        "--server is given, are read from DIR/credentials.json (default: data).\n");
    return out == stdout ? 0 : 2;
}

int
cmd_demo(int argc, char **argv)
{
    struct loader l = {0};
    const char *data = "data", *server = NULL;
    enum err rc;

    if (wants_help(argc, argv))
        return usage(stdout);
    if (argc < 2 || strcmp(argv[1], "load") != 0)
        return usage(stderr);
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--server") == 0)
            server = argv[i + 1];
        else
            return usage(stderr);
    }
    rc = rest_client_open(&l.rest, data, server);
    if (rc == ERR_OK) {
        l.tenant_path = arena_printf(&l.rest.arena, "/%.*s/target", STR_ARG(l.rest.credentials.tenant));
        printf("loading the Northpeak demo\n");
        rc = load_all(&l);
    }
    if (rc == ERR_OK)
        printf("loaded\n");
    else
        fprintf(stderr, "edgewise: %s\n", l.rest.diag.what);
    rest_client_close(&l.rest);
    return rc == ERR_OK ? 0 : 1;
}
