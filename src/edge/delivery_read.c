/* delivery_read.c - the body of a delivery request [TARGET 1.2]. Members that are not listed there are ignored. Nothing
 * has happened when this says no: SDKs send a refused request eleven times [TARGET 0.5]. */
#include "base/limits.h"
#include "codec/url.h"
#include "edge/delivery_int.h"

#define ANY SIZE_MAX
#define AT(up, name) (&(const struct delivery_at){(up), S(name), 0})
#define ELEMENT(up, i) (&(const struct delivery_at){(up), S_NULL, (i)})

/* ---- details of a location ---- */

static bool
is_reserved(struct str name)
{
    static const char *const names[] = {"orderId", "orderTotal", "productPurchasedId", "productPurchasedIds"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return str_starts(name, S("profile."));
}

/* A text, or a number or boolean, which counts as its JSON text. */
static bool
check_value(struct delivery_call *c, const struct delivery_at *at, struct str name, const struct json *v, size_t max)
{
    if (json_is(v, JSON_NULL))
        return rule_broken(c, at, "must not have a null value for '%.40s'", name.p);
    if (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY))
        return rule_broken(c, at, "must have a text as the value of '%.40s'", name.p);
    if (json_is(v, JSON_STRING) && str_chars(json_str(v)) > max)
        return rule_broken(c, at, "must have values of at most %zu characters ('%.40s')", max, name.p);
    return true;
}

static bool
read_parameters(struct delivery_call *c, const struct json *o, const struct delivery_at *at, size_t count_max,
                size_t value_max, bool reserved, const struct json **out)
{
    const struct json *list = NULL;
    struct json_iter it;

    if (!rule_object(c, o, at, false, &list))
        return false;
    if (json_count(list) > count_max)
        return rule_broken(c, at, "size must be between 0 and %zu", count_max);
    for (it = json_iter(list); json_next(&it);) {
        if (str_trim(it.key).n == 0)
            return rule_broken(c, at, "must not have a blank name");
        if (str_chars(it.key) > LIMIT_DELIVERY_PARAMETER_NAME)
            return rule_broken(c, at, "must have names of at most %d characters", LIMIT_DELIVERY_PARAMETER_NAME);
        if (reserved && is_reserved(it.key))
            return rule_broken(c, at, "must not have the reserved name '%.40s'", it.key.p);
        if (!check_value(c, at, it.key, it.value, value_max))
            return false;
    }
    *out = list;
    return true;
}

static bool
read_products(struct delivery_call *c, const struct json *order, const struct delivery_at *at, const struct json **out)
{
    const struct json *list = NULL;
    struct json_iter it;
    size_t joined = 0, i = 0;

    if (!rule_list(c, order, at, ANY, &list))
        return false;
    for (it = json_iter(list); json_next(&it); i++) {
        struct str id = S_NULL;
        if (!rule_text(c, it.value, ELEMENT(at, i), 0, 50, true, &id))
            return false;
        joined += str_chars(id) + (i > 0);
    }
    if (joined > 250)
        return rule_broken(c, at, "must have at most 250 characters when joined");
    *out = list;
    return true;
}

static bool
read_order(struct delivery_call *c, const struct json *o, const struct delivery_at *up, struct delivery_details *out)
{
    const struct delivery_at *at = AT(up, "order");
    const struct json *order = NULL;
    int64_t ms = 0;

    if (!rule_object(c, o, at, false, &order) || order == NULL)
        return order == NULL && c->rs->status == 0;
    (void)ms;
    if (!rule_text(c, order, AT(at, "id"), 0, 250, false, &out->order.id) ||
        !rule_number(c, order, AT(at, "total"), 0, &out->order.total) ||
        !read_products(c, order, AT(at, "purchasedProductIds"), &out->order.products))
        return false;
    out->has_order = told_order(order);
    return true;
}

static bool
read_details(struct delivery_call *c, const struct json *o, const struct delivery_at *at, struct delivery_details *out)
{
    const struct json *address = NULL, *product = NULL;
    struct str id = S_NULL;

    if (!rule_object(c, o, AT(at, "address"), false, &address) ||
        !rule_text(c, address, AT(AT(at, "address"), "url"), 0, 4096, false, &out->url) ||
        !rule_text(c, address, AT(AT(at, "address"), "referringUrl"), 0, 4096, false, &out->referrer))
        return false;
    return read_parameters(c, o, AT(at, "parameters"), LIMIT_DELIVERY_PARAMETERS, LIMIT_DELIVERY_PARAMETER_VALUE, true,
                           &out->parameters) &&
           read_parameters(c, o, AT(at, "profileParameters"), LIMIT_DELIVERY_PROFILE_PARAMETERS,
                           LIMIT_DELIVERY_PROFILE_VALUE, false, &out->profile_parameters) &&
           read_order(c, o, at, out) && rule_object(c, o, AT(at, "product"), false, &product) &&
           rule_text(c, product, AT(AT(at, "product"), "id"), 0, 128, false, &id) &&
           rule_text(c, product, AT(AT(at, "product"), "categoryId"), 0, 128, false, &out->category);
}

/* ---- locations ---- */

static bool
check_mbox_name(struct delivery_call *c, const struct delivery_at *at, struct str name)
{
    static const char allowed[] = "-,._/=`:;&!@#$%^*()+|?~[]{}' ";
    static const char *const refused[] = {"** display mboxes **", "** any mbox **", "** click from display mbox **"};

    if (str_trim(name).n == 0)
        return rule_broken(c, at, "must not be blank");
    if (str_ends(name, S("-clicked")))
        return rule_broken(c, at, "must not end with -clicked");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (str_eq(name, str_of(refused[i])))
            return rule_broken(c, at, "must not be '%s'", refused[i]);
    }
    for (size_t i = 0; i < name.n; i++) {
        unsigned char b = (unsigned char)name.p[i];
        bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b >= 0x80;
        if (!letter && strchr(allowed, b) == NULL)
            return rule_broken(c, at, "must not contain '%c'", b >= ' ' && b < 0x7f ? b : '?');
    }
    return true;
}

static bool
index_taken(const struct delivery_list *l, int64_t order)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].order == order)
            return true;
    }
    return false;
}

static bool
read_mbox(struct delivery_call *c, const struct json *o, const struct delivery_at *at, struct delivery_list *l)
{
    struct delivery_place *p = &l->items[l->n];

    *p = (struct delivery_place){.kind = DELIVERY_MBOX, .source = o, .index = json_get(o, S("index"))};
    if (!json_is(o, JSON_OBJECT))
        return rule_broken(c, at, "must be an object");
    if (!rule_int(c, o, AT(at, "index"), 0, true, &p->order) ||
        !rule_text(c, o, AT(at, "name"), 1, LIMIT_MBOX_NAME_BYTES, true, &p->name) ||
        !check_mbox_name(c, AT(at, "name"), p->name))
        return false;
    if (index_taken(l, p->order))
        return rule_broken(c, AT(at, "index"), "must be unique");
    l->n++;
    return read_details(c, o, at, &p->details);
}

static bool
read_view(struct delivery_call *c, const struct json *o, const struct delivery_at *at, struct delivery_list *l)
{
    struct delivery_place *p = &l->items[l->n++];

    *p = (struct delivery_place){.kind = DELIVERY_VIEW, .source = o};
    if (!json_is(o, JSON_OBJECT))
        return rule_broken(c, at, "must be an object");
    return rule_text(c, o, AT(at, "name"), 0, 128, false, &p->name) &&
           rule_text(c, o, AT(at, "key"), 0, 512, false, &p->key) && read_details(c, o, at, &p->details);
}

static bool
read_list(struct delivery_call *c, const struct json *o, const struct delivery_at *at, size_t max,
          bool (*read)(struct delivery_call *, const struct json *, const struct delivery_at *, struct delivery_list *),
          struct delivery_list *out)
{
    const struct json *list = NULL;
    struct json_iter it;
    size_t i = 0;

    if (!rule_list(c, o, at, max, &list))
        return false;
    out->items = ARENA_ARRAY(c->arena, struct delivery_place, json_count(list) + 1);
    if (out->items == NULL)
        return delivery_fail(c, 500, "request memory is used up");
    for (it = json_iter(list); json_next(&it); i++) {
        if (!read(c, it.value, ELEMENT(at, i), out))
            return false;
    }
    return true;
}

static bool
read_page(struct delivery_call *c, const struct json *o, const struct delivery_at *at, struct delivery_place *out)
{
    const struct json *page = NULL;

    if (!rule_object(c, o, at, false, &page))
        return false;
    if (page == NULL)
        return true;
    out->kind = DELIVERY_PAGE;
    out->source = page;
    return read_details(c, page, at, &out->details);
}

static bool
read_execute(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "execute");
    const struct json *o = NULL;

    return rule_object(c, c->body, at, false, &o) && read_page(c, o, AT(at, "pageLoad"), &c->execute_page) &&
           read_list(c, o, AT(at, "mboxes"), LIMIT_DELIVERY_MBOXES, read_mbox, &c->execute);
}

static bool
read_prefetch(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "prefetch");
    const struct json *o = NULL;

    return rule_object(c, c->body, at, false, &o) && read_page(c, o, AT(at, "pageLoad"), &c->prefetch_page) &&
           read_list(c, o, AT(at, "views"), LIMIT_DELIVERY_VIEWS, read_view, &c->views) &&
           read_list(c, o, AT(at, "mboxes"), LIMIT_DELIVERY_MBOXES, read_mbox, &c->prefetch);
}

/* ---- notifications ---- */

static bool
read_notice_place(struct delivery_call *c, const struct json *o, const struct delivery_at *at,
                  struct delivery_notice *n)
{
    const struct json *mbox = NULL, *view = NULL, *page = NULL;

    if (!rule_object(c, o, AT(at, "mbox"), false, &mbox) || !rule_object(c, o, AT(at, "view"), false, &view) ||
        !rule_object(c, o, AT(at, "pageLoad"), false, &page))
        return false;
    if (mbox != NULL && view != NULL)
        return rule_broken(c, at, "must not have both mbox and view");
    if (mbox != NULL) {
        n->place.kind = DELIVERY_MBOX;
        n->place.source = mbox;
        return rule_text(c, mbox, AT(AT(at, "mbox"), "name"), 1, LIMIT_MBOX_NAME_BYTES, true, &n->place.name) &&
               check_mbox_name(c, AT(AT(at, "mbox"), "name"), n->place.name);
    }
    n->place.source = view != NULL ? view : page;
    n->place.kind = view != NULL ? DELIVERY_VIEW : page != NULL ? DELIVERY_PAGE : DELIVERY_NOTHING;
    return rule_text(c, view, AT(AT(at, "view"), "name"), 0, 128, false, &n->place.name) &&
           rule_text(c, view, AT(AT(at, "view"), "key"), 0, 512, false, &n->place.key);
}

static bool
read_notice(struct delivery_call *c, const struct json *o, const struct delivery_at *at, struct delivery_notice *n)
{
    struct str type = S_NULL;

    if (!json_is(o, JSON_OBJECT))
        return rule_broken(c, at, "must be an object");
    if (!rule_text(c, o, AT(at, "id"), 1, 200, true, &n->id) ||
        !rule_word(c, o, AT(at, "type"), "click display", true, &type) ||
        !rule_int(c, o, AT(at, "timestamp"), 0, true, &n->ms) ||
        !rule_text(c, o, AT(at, "impressionId"), 0, 128, false, &n->impression) ||
        !rule_list(c, o, AT(at, "tokens"), LIMIT_DELIVERY_NOTIFICATIONS, &n->tokens) || !read_notice_place(c, o, at, n))
        return false;
    n->click = str_eq(type, S("click"));
    n->source = o;
    return read_details(c, o, at, &n->place.details);
}

static bool
read_notices(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "notifications");
    const struct json *list = NULL;
    struct json_iter it;

    if (!rule_list(c, c->body, at, LIMIT_DELIVERY_NOTIFICATIONS, &list))
        return false;
    c->notices = arena_calloc(c->arena, json_count(list) + 1, sizeof *c->notices);
    if (c->notices == NULL)
        return delivery_fail(c, 500, "request memory is used up");
    for (it = json_iter(list); json_next(&it); c->notice_count++) {
        if (!read_notice(c, it.value, ELEMENT(at, c->notice_count), &c->notices[c->notice_count]))
            return false;
    }
    return true;
}

/* ---- who ---- */

static bool
read_customer(struct delivery_call *c, const struct json *o, const struct delivery_at *at)
{
    struct identity id = {.auth = AUTH_AUTHENTICATED};
    struct str state = S_NULL;

    if (!json_is(o, JSON_OBJECT))
        return rule_broken(c, at, "must be an object");
    if (!rule_text(c, o, AT(at, "id"), 1, 128, true, &id.id) ||
        !rule_text(c, o, AT(at, "integrationCode"), 1, 50, true, &id.ns) ||
        !rule_word(c, o, AT(at, "authenticatedState"), "unknown authenticated logged_out", true, &state))
        return false;
    if (str_eq(state, S("authenticated")))
        c->customers[c->customer_count++] = id;
    return true;
}

static bool
read_ids(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "id"), *customers = AT(at, "customerIds");
    const struct json *o = NULL, *list = NULL;
    struct json_iter it;
    size_t i = 0;

    if (!rule_object(c, c->body, at, false, &o) || !rule_text(c, o, AT(at, "tntId"), 0, 128, false, &c->tnt_id) ||
        !rule_text(c, o, AT(at, "thirdPartyId"), 0, 128, false, &c->third_party_id) ||
        !rule_text(c, o, AT(at, "marketingCloudVisitorId"), 0, 128, false, &c->ecid) ||
        !rule_list(c, o, customers, 50, &list))
        return false;
    c->customers = ARENA_ARRAY(c->arena, struct identity, json_count(list) + 1);
    if (c->customers == NULL)
        return delivery_fail(c, 500, "request memory is used up");
    for (it = json_iter(list); json_next(&it); i++) {
        if (!read_customer(c, it.value, ELEMENT(customers, i)))
            return false;
    }
    return true;
}

/* ---- context ---- */

static bool
read_geo(struct delivery_call *c, const struct delivery_at *up)
{
    const struct delivery_at *at = AT(up, "geo");
    struct str s = S_NULL;
    double n = 0;

    return rule_object(c, c->context, at, false, &c->geo) &&
           rule_text(c, c->geo, AT(at, "countryCode"), 2, 2, false, &s) &&
           rule_text(c, c->geo, AT(at, "stateCode"), 1, 3, false, &s) &&
           rule_text(c, c->geo, AT(at, "city"), 0, 50, false, &s) &&
           rule_text(c, c->geo, AT(at, "zip"), 0, 12, false, &s) &&
           rule_text(c, c->geo, AT(at, "ipAddress"), 0, 64, false, &s) &&
           rule_number(c, c->geo, AT(at, "latitude"), -90, &n) && rule_number(c, c->geo, AT(at, "longitude"), -180, &n);
}

static bool
read_mobile(struct delivery_call *c, const struct delivery_at *up)
{
    const struct delivery_at *at = AT(up, "mobilePlatform");
    const struct json *o = NULL;
    struct str s = S_NULL;

    return rule_object(c, c->context, at, false, &o) &&
           (o == NULL || (rule_word(c, o, AT(at, "deviceType"), "phone tablet", true, &s) &&
                          rule_word(c, o, AT(at, "platformType"), "android ios", true, &s) &&
                          rule_text(c, o, AT(at, "version"), 0, 128, false, &s)));
}

static bool
read_context(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "context");
    const struct json *o = NULL, *address = NULL, *browser = NULL, *app = NULL;
    struct str channel = S_NULL, s = S_NULL;
    double offset = 0;

    if (!rule_object(c, c->body, at, true, &c->context))
        return false;
    o = c->context;
    return rule_word(c, o, AT(at, "channel"), "mobile web", true, &channel) &&
           rule_text(c, o, AT(at, "userAgent"), 0, 4096, false, &c->user_agent) &&
           rule_number(c, o, AT(at, "timeOffsetInMinutes"), -1e9, &offset) &&
           rule_bool(c, o, AT(at, "beacon"), &c->beacon) && rule_object(c, o, AT(at, "address"), false, &address) &&
           rule_text(c, address, AT(AT(at, "address"), "url"), 0, 4096, false, &c->url) &&
           rule_text(c, address, AT(AT(at, "address"), "referringUrl"), 0, 4096, false, &c->referrer) &&
           rule_object(c, o, AT(at, "browser"), false, &browser) &&
           rule_text(c, browser, AT(AT(at, "browser"), "host"), 0, 4096, false, &c->host) &&
           rule_object(c, o, AT(at, "application"), false, &app) &&
           rule_text(c, app, AT(AT(at, "application"), "id"), 0, 250, false, &s) &&
           rule_text(c, app, AT(AT(at, "application"), "name"), 0, 250, false, &s) &&
           rule_text(c, app, AT(AT(at, "application"), "version"), 0, 128, false, &s) && read_mobile(c, at) &&
           read_geo(c, at);
}

/* 16 hex digits, "-", 16 hex digits. */
static bool
is_supplemental(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char x = s.p[i];
        bool hex = (x >= '0' && x <= '9') || (x >= 'a' && x <= 'f') || (x >= 'A' && x <= 'F');
        if (i == 16 ? x != '-' : !hex)
            return false;
    }
    return s.n == 33;
}

static bool
read_cloud(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "experienceCloud");
    const struct delivery_at *analytics = AT(at, "analytics"), *manager = AT(at, "audienceManager");
    const struct json *o = NULL, *a = NULL, *m = NULL;
    struct str logging = S_NULL, sdid = S_NULL, s = S_NULL;

    if (!rule_object(c, c->body, at, false, &o) || !rule_object(c, o, analytics, false, &a) ||
        !rule_word(c, a, AT(analytics, "logging"), "server_side client_side", false, &logging) ||
        !rule_text(c, a, AT(analytics, "supplementalDataId"), 0, 128, false, &sdid) ||
        !rule_object(c, o, manager, false, &m) ||
        /* The Node SDK sends the region of its visitor cookie as a number. */
        (!json_is(json_get(m, S("locationHint")), JSON_INT) &&
         !rule_text(c, m, AT(manager, "locationHint"), 1, 64, false, &s)) ||
        !rule_text(c, m, AT(manager, "blob"), 1, 1024, false, &s))
        return false;
    if (sdid.n > 0 && !is_supplemental(sdid))
        return rule_broken(c, AT(analytics, "supplementalDataId"), "must be 16 hex digits, a dash and 16 hex digits");
    c->client_analytics = str_eq(logging, S("client_side"));
    return true;
}

/* ---- the rest ---- */

static bool
read_environment(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "environmentId"), *property = AT(NULL, "property");
    const struct json *o = NULL;
    int64_t id = 0;

    if (!rule_int(c, c->body, at, 0, false, &id) || !rule_object(c, c->body, property, false, &o) ||
        !rule_text(c, o, AT(property, "token"), 0, 128, false, &c->property_token))
        return false;
    if (id == 0)
        return true;
    c->has_environment = true;
    return tenant_environment_by_id(c->snap, c->tenant.scope, id, &c->environment) ||
           rule_broken(c, at, "is not known");
}

bool
delivery_read(struct delivery_call *c)
{
    struct diag d = DIAG_INIT;
    enum err rc = json_parse(c->rq->body, c->arena, &c->body, &d);

    if (rc == ERR_NOMEM)
        return delivery_fail(c, 413, "the body exceeds request memory");
    if (rc != ERR_OK)
        return delivery_fail(c, 400, "the body is no JSON: %s", d.what);
    if (!json_is(c->body, JSON_OBJECT))
        return delivery_fail(c, 400, "the body must be an object, got %s", json_type_name(json_type(c->body)));
    return rule_text(c, c->body, AT(NULL, "requestId"), 0, 128, false, &c->request_id) &&
           rule_text(c, c->body, AT(NULL, "impressionId"), 0, 128, false, &c->impression) && read_context(c) &&
           read_ids(c) && read_environment(c) && read_cloud(c) && read_execute(c) && read_prefetch(c) &&
           read_notices(c) && delivery_read_modes(c);
}
