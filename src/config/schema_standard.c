/* schema_standard.c - the standard vocabulary as a table: global classes and field groups, the root fields that each
 * brings, and the fields below each root [PLATFORM 2.7, 2.8, 9.1].
 *
 * Field lists are written in a small notation, read once per part:
 *
 *   name              a string              name:n      n number, i int, l long, b boolean, d date, t date-time, u uri,
 *   name{...}         an object                         e email, m measure {id value:n}, c currency code, k country
 * code,
 *                                                       * anything
 *   name[]  name[...] an array of strings, of objects   name!  required
 *   name<...>         a map to objects      name(a|b)   a string with a checked enum
 *   name<:t>          a map to a type
 *
 * A map of maps or of arrays is name<<...>> and name<[...]>. The public vocabulary is larger; a reference to a group
 * that is not in this table is refused by name when a schema is saved, so nobody relies on fields that are not checked.
 */
#include "config/schema_int.h"

#include <ctype.h>

#include "base/check.h"

struct standard_root {
    const char *name;
    const char *fields; /* notation of the root itself */
};

#define ADDRESS                                                                                                        \
    "{street1 street2 street3 street4 city state stateProvince postalCode country countryCode region label "           \
    "primary:b status statusReason lastVerifiedDate:d _id msaID:i dmaID:i _schema{latitude:n longitude:n "             \
    "elevation:n description}}"
#define EMAIL                                                                                                          \
    "{address:e label type status(active|incomplete|pending_verification|blacklisted|blocked) statusReason primary:b}"
#define PHONE "{number countryCode extension status statusReason validity primary:b}"
#define CONSENT_VALUE "{val time:t reason idType}"

static const struct standard_root roots[] = {
    {"_id", "_id"},
    {"_repo", "_repo{createDate:t modifyDate:t}"},
    {"personID", "personID"},
    {"repositoryCreatedBy", "repositoryCreatedBy"},
    {"repositoryLastModifiedBy", "repositoryLastModifiedBy"},
    {"createdByBatchID", "createdByBatchID:u"},
    {"modifiedByBatchID", "modifiedByBatchID:u"},
    {"event_id", "_id!"},
    {"timestamp", "timestamp!:t"},
    {"eventType", "eventType"},
    {"eventMergeId", "eventMergeId"},
    {"producedBy", "producedBy(self|system|salesRef|customerRep)"},
    {"identityMap", "identityMap<[{id authenticatedState(ambiguous|authenticated|loggedOut) primary:b}]>"},
    {"userActivityRegion", "userActivityRegion{dataCenterLocation captureTimestamp:t}"},
    {"userActivityRegions", "userActivityRegions<{captureTimestamp:t}>"},
    {"web",
     "web{webPageDetails{URL name viewName siteSection server isErrorPage:b isHomePage:b isPreRendered:b pageViews:m} "
     "webInteraction{URL name region type(download|exit|other) linkClicks:m} "
     "webReferrer{URL type(internal|external|search_engine|typed_bookmarked|email|social|usenet|hard_drive|nojs|"
     "conversational_ai|unknown)}}"},
    {"commerce",
     "commerce{cartAbandons:m checkouts:m productListAdds:m productListOpens:m productListRemovals:m "
     "productListReopens:m productListViews:m productViews:m purchases:m saveForLaters:m inStorePurchase:m "
     "instantPurchase:m promotionID "
     "order{purchaseID purchaseOrderNumber currencyCode:c priceTotal:n taxAmount:n discountAmount:n refundTotal:n "
     "orderType(checkout|instant_purchase) payments[{transactionID paymentType currencyCode:c paymentAmount:n}] "
     "refunds[{transactionID refundPaymentType refundReason currencyCode:c refundAmount:n}] createdDate:t "
     "lastUpdatedDate:t cancelDate:t} cart{cartID cartSource} "
     "shipping{shippingMethod shippingAmount:n currencyCode:c address" ADDRESS
     " trackingNumber} billing{address" ADDRESS "} commerceScope{environmentID websiteCode storeCode storeViewCode}}"},
    {"productListItems",
     "productListItems[{SKU _id name productImageUrl productAddMethod currencyCode:c productSize unitOfMeasureCode "
     "unitOfMeasureName product:u quantity:i priceTotal:n discountAmount:n refundAmount:n "
     "selectedOptions[{attribute value}] productCategories[{categoryID categoryName categoryPath}]}]"},
    {"marketing", "marketing{trackingCode campaignName campaignGroup}"},
    {"channel", "channel{_id _type contentTypes[] locations[] mediaType mediaAction metricTypes[] mode typeAtSource}"},
    {"environment",
     "environment{type(browser|application|iot|external|widget) viewportHeight:i viewportWidth:i colorDepth:i "
     "operatingSystem operatingSystemVersion operatingSystemVendor carrier domain ISP ipV4 ipV6 connectionType "
     "_dc{language} "
     "browserDetails{name vendor version acceptLanguage userAgent javaScriptVersion javaVersion cookiesEnabled:b "
     "javaScriptEnabled:b javaEnabled:b quicktimeVersion thirdPartyCookiesEnabled:b viewportHeight:i viewportWidth:i "
     "userAgentClientHints{brands[{brand version}] mobile:b architecture bitness model platform platformVersion "
     "wow64:b}}}"},
    {"device",
     "device{typeID typeIDService manufacturer model modelNumber "
     "type(mobile|tablet|desktop|ereader|gaming|television|settop|mediaplayer|computers|tv screens) screenHeight:i "
     "screenWidth:i colorDepth:i screenOrientation(portrait|landscape)}"},
    {"placeContext",
     "placeContext{localTime:t IPLocalTime:t localTimezoneOffset:i ianaTimezone "
     "geo{_id countryCode:k stateProvince city postalCode dmaID:i msaID:i _schema{latitude:n longitude:n elevation:n}} "
     "POIinteraction:*}"},
    {"implementationDetails", "implementationDetails{name:u version environment(browser|app|server|iot)}"},
    {"application",
     "application{id name version userPerspective applicationCloses:m crashes:m featureUsages:m firstLaunches:m "
     "installs:m launches:m upgrades:m language closeType isClose:b isInstall:b isLaunch:b isUpgrade:b "
     "sessionLength:i}"},
    {"search", "search{keywords searchEngine pageDepth:i resultsCount:i instantPlacement isPaid:b query}"},
    {"advertising",
     "advertising{impressions:m clicks:m conversions:m starts:m completes:m firstQuartiles:m midpoints:m "
     "thirdQuartiles:m timePlayed:m federated:m adViewability:* adAssetReference:* adAssetViewDetails:*}"},
    {"directMarketing",
     "directMarketing{clicks:m bounces:m opens:m sends:m hardBounces:m softBounces:m emailDelivered:m emailClicked:m "
     "emailOpened:m unsubscriptions:m offers:m emailVisitorID messageID linkURL mailingName mailingKey:*}"},
    {"_experience",
     "_experience{decisioning{propositions[{id scope scopeDetails:* items[{id name score:n characteristics:* schema "
     "data:*}]}] propositionEventType{display:i interact:i dismiss:i trigger:i send:i decision:i unsubscribe:i "
     "suppressDisplay:i suppressSend:i} propositionAction{id label tokens[] reason} exdRequestID} analytics:* target:* "
     "customerJourneyManagement:* campaign:* adloud:* journeyOrchestration:*}"},
    {"person", "person{name{firstName middleName lastName courtesyTitle suffix fullName} birthDate:d birthDayAndMonth "
               "maritalStatus nationality taxId birthYear:i gender(male|female|not_specified|non_specific)}"},
    {"personalEmail", "personalEmail" EMAIL},
    {"workEmail", "workEmail" EMAIL},
    {"homePhone", "homePhone" PHONE},
    {"mobilePhone", "mobilePhone" PHONE},
    {"faxPhone", "faxPhone" PHONE},
    {"workPhone", "workPhone" PHONE},
    {"homeAddress", "homeAddress" ADDRESS},
    {"mailingAddress", "mailingAddress" ADDRESS},
    {"shippingAddress", "shippingAddress" ADDRESS},
    {"billingAddress", "billingAddress" ADDRESS},
    {"workAddress", "workAddress" ADDRESS},
    {"organizations", "organizations[]"},
    {"preferredLanguage", "preferredLanguage"},
    {"profilePictureLink", "profilePictureLink:u"},
    {"emailFormat", "emailFormat"},
    {"timeZone", "timeZone"},
    {"optInOut", "optInOut<:*>"},
    {"privacyOptOuts", "privacyOptOuts[{optOutType optOutValue timestamp:t}]"},
    {"loyalty",
     "loyalty{loyaltyID[] points:n pointsRedeemed:n adjustedPoints:n lifetimePoints:n lifetimePurchases:n "
     "pointsToNextTier:n program status tier nextTier joinDate:t upgradeDate:t tierUpgradeDate:t tierExpiryDate:t "
     "pointsExpiration[{pointsExpiring:n pointsExpirationDate:t}]}"},
    {"segmentMembership",
     "segmentMembership<<{version lastQualificationTime:t validUntil:t status(realized|existing|exited) "
     "payload{payloadType payloadBooleanValue:b payloadNumberValue:n payloadPropensityValue:n payloadStringValue} "
     "timerSpec:*}>>"},
    {"consents",
     "consents{collect" CONSENT_VALUE " share" CONSENT_VALUE " adID" CONSENT_VALUE " personalize{content" CONSENT_VALUE
     "} marketing{preferred any" CONSENT_VALUE " email" CONSENT_VALUE " push" CONSENT_VALUE " sms" CONSENT_VALUE
     " call" CONSENT_VALUE " fax" CONSENT_VALUE " commercialEmail" CONSENT_VALUE " postalMail" CONSENT_VALUE
     " whatsApp" CONSENT_VALUE "} idSpecific:* metadata{time:t}}"},
    {"extSourceSystemAudit",
     "extSourceSystemAudit{createdBy createdDate:t lastUpdatedBy lastUpdatedDate:t lastActivityDate:t "
     "lastReferencedDate:t lastViewedDate:t externalKey{sourceID sourceInstanceID sourceType sourceKey}}"},
    {"testProfile", "testProfile:b"},
    {"pushNotificationDetails", "pushNotificationDetails[{appID token platform denylisted:b identity:*}]"},
    {"identityPrivacyInfo", "identityPrivacyInfo:*"},
    {"subscriptions", "subscriptions:*"},
};

#define NS "https://ns.adobe.com/"
#define P SCHEMA_CLASS_PROFILE
#define E SCHEMA_CLASS_EVENT
#define WEB_SDK "implementationDetails userActivityRegion environment device placeContext web _experience"

const struct schema_global schema_globals[] = {
    {GLOBAL_BEHAVIOUR, NS "xdm/data/record", "Record Schema", NULL, ""},
    {GLOBAL_BEHAVIOUR, NS "xdm/data/time-series", "Time-series Schema", NULL, ""},
    {GLOBAL_CLASS, P, "XDM Individual Profile", NULL,
     "_id _repo personID repositoryCreatedBy repositoryLastModifiedBy createdByBatchID modifiedByBatchID identityMap"},
    {GLOBAL_CLASS, E, "XDM ExperienceEvent", NULL, "event_id timestamp eventType eventMergeId producedBy identityMap"},
    {GLOBAL_GROUP, NS "xdm/context/identitymap", "IdentityMap", NULL, "identityMap"},
    {GLOBAL_GROUP, NS "xdm/common/external-source-system-audit-details", "External Source System Audit Details", NULL,
     "extSourceSystemAudit"},
    {GLOBAL_GROUP, NS "xdm/context/profile-person-details", "Demographic Details", P, "person"},
    {GLOBAL_GROUP, NS "xdm/context/profile-personal-details", "Personal Contact Details", P,
     "homeAddress personalEmail homePhone mobilePhone faxPhone shippingAddress billingAddress mailingAddress"},
    {GLOBAL_GROUP, NS "xdm/context/profile-phones", "Profile Phones", P, "homePhone mobilePhone workPhone faxPhone"},
    {GLOBAL_GROUP, NS "xdm/context/profile-work-details", "Work Contact Details", P,
     "workAddress workEmail workPhone organizations"},
    {GLOBAL_GROUP, NS "xdm/context/profile-preferences-details", "Preference Details", P,
     "preferredLanguage profilePictureLink emailFormat timeZone optInOut"},
    {GLOBAL_GROUP, NS "xdm/context/profile-segmentation", "Segment Membership Details", P, "segmentMembership"},
    {GLOBAL_GROUP, NS "xdm/context/profile-test-profile", "Profile Test Details", P, "testProfile"},
    {GLOBAL_GROUP, NS "xdm/context/profile-push-notification-details", "Push Notification Details", P,
     "pushNotificationDetails"},
    {GLOBAL_GROUP, NS "xdm/context/profile-privacy", "Profile Privacy", P, "privacyOptOuts identityPrivacyInfo"},
    {GLOBAL_GROUP, NS "xdm/context/profile-subscriptions", "Profile Subscriptions", P, "subscriptions"},
    {GLOBAL_GROUP, NS "xdm/mixins/profile-consents", "Consents and Preferences", P, "consents"},
    {GLOBAL_GROUP, NS "xdm/mixins/profile/profile-loyalty-details", "Loyalty Details", P, "loyalty"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-web", "Web Details", E, "web"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-commerce", "Commerce Details", E, "commerce productListItems"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-marketing", "Campaign Marketing Details", E, "marketing"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-channel", "Channel Details", E, "channel"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-environment-details", "Environment Details", E,
     "environment device placeContext"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-implementation-details", "Implementation Details", E,
     "implementationDetails"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-application", "Application Details", E, "application"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-search", "Search Details", E, "search"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-advertising", "Advertising Details", E, "advertising"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-directmarketing", "Direct Marketing Details", E, "directMarketing"},
    {GLOBAL_GROUP, NS "xdm/context/experienceevent-loyalty-details", "Event Loyalty Details", E, "loyalty"},
    {GLOBAL_GROUP, NS "experience/experienceevent-edgeregion", "Edge Region", E, "userActivityRegion"},
    {GLOBAL_GROUP, NS "experience/decisioning/proposition-interaction", "Proposition Interactions", E, "_experience"},
    {GLOBAL_GROUP, NS "experience/analytics/experienceevent-all", "Analytics ExperienceEvent", E, "_experience"},
    {GLOBAL_GROUP, NS "experience/target/experienceevent-all", "Target ExperienceEvent", E, "_experience"},
    {GLOBAL_GROUP, NS "experience/aep-web-sdk-experienceevent", "AEP Web SDK ExperienceEvent", E, WEB_SDK},
    {GLOBAL_GROUP, NS "experience/aep-mobile-lifecycle-details", "AEP Mobile Lifecycle Details", E,
     "application environment device _experience"},
    {GLOBAL_DATATYPE, NS "xdm/data/measure", "Measure", NULL, ":m"},
    {GLOBAL_DATATYPE, NS "xdm/common/address", "Postal address", NULL, ADDRESS},
    {GLOBAL_DATATYPE, NS "xdm/context/emailaddress", "Email address", NULL, EMAIL},
    {GLOBAL_DATATYPE, NS "xdm/context/phonenumber", "Phone number", NULL, PHONE},
};
const size_t schema_global_count = sizeof schema_globals / sizeof *schema_globals;

/* ---- reading the notation; the table is ours, so a fault in it is a CHECK ---- */

static struct schema_field *
field_new(struct schema_builder *b, struct str name, enum xdm_type type)
{
    struct schema_field *f = ARENA_NEW(b->arena, struct schema_field);

    if (f == NULL)
        return NULL;
    f->name = name;
    f->type = type;
    f->length_min = f->length_max = -1;
    return f;
}

static struct schema_field *read_field(struct schema_builder *b, const char **at, bool named);

/* "a b c" up to the closing brace (or the end) as the members of `object`. */
static bool
read_members(struct schema_builder *b, const char **at, struct schema_field *object)
{
    for (;;) {
        const struct schema_field *member;
        struct diag d = DIAG_INIT;

        while (**at == ' ')
            (*at)++;
        if (**at == '}' || **at == '\0')
            return true;
        member = read_field(b, at, true);
        if (member == NULL || schema_add(b, object, member, "standard", &d) != ERR_OK)
            return false;
    }
}

static bool
read_enum(struct schema_builder *b, const char **at, struct schema_field *f)
{
    size_t n = 1, i = 0;
    struct str *values, rest, piece;
    const char *end = strchr(*at, ')');

    CHECK(end != NULL);
    for (const char *p = *at; p < end; p++)
        n += *p == '|';
    values = ARENA_ARRAY(b->arena, struct str, n);
    if (values == NULL)
        return false;
    rest = (struct str){*at, (size_t)(end - *at)};
    while (str_split(&rest, '|', &piece))
        values[i++] = piece;
    f->values = values;
    f->value_count = n;
    *at = end + 1;
    return true;
}

static bool
read_type(struct schema_builder *b, char c, struct schema_field *f)
{
    static const char *const measure = "{id value:n}";
    const char *at = measure + 1;

    switch (c) {
    case 'n':
        f->type = XDM_NUMBER;
        return true;
    case 'i':
        f->type = XDM_INT;
        return true;
    case 'l':
        f->type = XDM_LONG;
        return true;
    case 'b':
        f->type = XDM_BOOLEAN;
        return true;
    case 'd':
        f->type = XDM_DATE;
        return true;
    case 't':
        f->type = XDM_DATE_TIME;
        return true;
    case 'u':
        f->format = FORMAT_URI;
        return true;
    case 'e':
        f->format = FORMAT_EMAIL;
        return true;
    case 'c':
        f->format = FORMAT_CURRENCY;
        return true;
    case 'k':
        f->format = FORMAT_COUNTRY;
        return true;
    case '*':
        f->type = XDM_ANY;
        return true;
    default:
        CHECK(c == 'm');
        f->type = XDM_OBJECT;
        return read_members(b, &at, f);
    }
}

/* What follows the name. */
static bool
read_shape(struct schema_builder *b, const char **at, struct schema_field *f)
{
    char open = **at;

    if (open == ':') {
        char c = (*at)[1];
        *at += 2;
        return read_type(b, c, f);
    }
    if (open != '{' && open != '[' && open != '<' && open != '(')
        return true; /* a string */
    (*at)++;
    if (open == '(')
        return read_enum(b, at, f);
    if (open == '{') {
        f->type = XDM_OBJECT;
        if (!read_members(b, at, f))
            return false;
        CHECK(**at == '}');
    } else {
        f->type = open == '[' ? XDM_ARRAY : XDM_MAP;
        f->element = read_field(b, at, false);
        if (f->element == NULL)
            return false;
        CHECK(**at == (open == '[' ? ']' : '>'));
    }
    (*at)++;
    return true;
}

static struct schema_field *
read_field(struct schema_builder *b, const char **at, bool named)
{
    const char *start = *at;
    struct schema_field *f;

    while (named && (isalnum((unsigned char)**at) || **at == '_'))
        (*at)++;
    CHECK(!named || *at > start);
    f = field_new(b, (struct str){start, (size_t)(*at - start)}, XDM_STRING);
    if (f == NULL)
        return NULL;
    if (**at == '!') {
        f->required = true;
        (*at)++;
    }
    return read_shape(b, at, f) ? f : NULL;
}

/* ---- look-ups ---- */

const struct schema_field *
schema_standard_root(struct schema_builder *b, struct str name)
{
    const struct schema_field *f = map_get(&b->standard, name);

    if (f != NULL)
        return f;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        if (str_eq(str_of(roots[i].name), name)) {
            const char *at = roots[i].fields;
            f = read_field(b, &at, true);
            CHECK(*at == '\0' || f == NULL);
            if (f != NULL && !map_put(&b->standard, name, (void *)(uintptr_t)f, NULL))
                return NULL;
            return f;
        }
    }
    return NULL;
}

const struct schema_field *
schema_datatype(struct schema_builder *b, const struct schema_global *g, struct str name)
{
    struct schema_field *f = field_new(b, name, XDM_STRING);
    const char *at = g->roots;

    return f != NULL && read_shape(b, &at, f) ? f : NULL;
}

enum err
schema_add_global(struct schema_builder *b, const struct schema_global *g, struct schema_field *root, struct diag *d)
{
    struct str rest = str_of(g->roots), name;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && g->kind != GLOBAL_BEHAVIOUR && str_split(&rest, ' ', &name)) {
        const struct schema_field *f = schema_standard_root(b, name);
        if (f == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the standard field %.*s", STR_ARG(name));
        rc = schema_add(b, root, f, "", d);
    }
    return rc;
}

void
schema_global_alt_id(struct buf *out, const struct schema_global *g)
{
    buf_putc(out, '_');
    for (const char *p = g->id + sizeof NS - 1; *p != '\0'; p++)
        buf_putc(out, *p == '/' ? '.' : *p);
}

const struct schema_global *
schema_global_find(struct str id)
{
    for (size_t i = 0; i < schema_global_count; i++) {
        struct str own = str_of(schema_globals[i].id), tail = str_slice(own, sizeof NS - 1, own.n);
        bool same = id.n == tail.n + 1 && id.p[0] == '_';

        if (str_eq(id, own))
            return &schema_globals[i];
        for (size_t k = 0; same && k < tail.n; k++)
            same = id.p[k + 1] == (tail.p[k] == '/' ? '.' : tail.p[k]);
        if (same)
            return &schema_globals[i];
    }
    return NULL;
}
