/* mbox_batch.c - POST /rest/v2/batchmbox: mboxes shown, clicked and fetched ahead, and notifications [TARGET 1.8].
 * Those that were clicked become notifications behind the ones that were sent. */
#include "edge/mbox_int.h"

#include "base/limits.h"

static const struct delivery_word words[] = {
    {"execute.mboxes", "mboxes"},
    {"prefetch.mboxes", "prefetch"},
    {".mbox.name", ".mbox"},
    {".name", ".mbox"},
    {".index", ".indexId"},
    {".tokens", ".eventTokens"},
    {"context.browser.host", "host"},
    {"context.geo.", ""},
    {"experienceCloud.audienceManager", "aamParameters"},
    {"locationHint", "dcsLocationHint"},
    {NULL, NULL},
};

struct batch {
    struct delivery_call *c;
    const struct json *sent, *mboxes, *prefetch, *notifications;
    const struct json *first; /* the location that is worked on first: it sets the profile for all */
    struct mbox_page page;
    bool as_json;
};

/* ---- what was sent ---- */

static bool
check_items(struct batch *b, const struct json *list, const struct delivery_at *up)
{
    struct json_iter it = json_iter(list);
    struct mbox_page page;

    for (size_t i = 0; json_next(&it); i++) {
        const struct delivery_at at = {up, S_NULL, i}, click = {&at, S("clicked"), 0};
        bool clicked;
        if (!json_is(it.value, JSON_OBJECT))
            return rule_broken(b->c, &at, "must be an object");
        if (!rule_bool(b->c, it.value, &click, &clicked) || !mbox_read_page(b->c, it.value, &at, &page))
            return false;
    }
    return true;
}

static bool
check_types(struct batch *b, const struct delivery_at *up)
{
    struct json_iter it = json_iter(b->notifications);
    struct str type;

    for (size_t i = 0; json_next(&it); i++) {
        const struct delivery_at at = {up, S_NULL, i}, member = {&at, S("type"), 0};
        if (!rule_word(b->c, it.value, &member, "hit click", true, &type))
            return false;
    }
    return true;
}

static bool
read_client(struct batch *b)
{
    const struct delivery_at at = {NULL, S("client"), 0};
    struct str client = S_NULL;

    return rule_text(b->c, b->sent, &at, 0, 128, false, &client) &&
           (client.n == 0 || str_eq(client, b->c->tenant.client) ||
            rule_broken(b->c, &at, "must be the client of the query"));
}

static bool
read_batch(struct batch *b)
{
    const struct delivery_at mboxes = {NULL, S("mboxes"), 0}, prefetch = {NULL, S("prefetch"), 0};
    const struct delivery_at notifications = {NULL, S("notifications"), 0};
    struct delivery_call *c = b->c;

    return read_client(b) && rule_list(c, b->sent, &mboxes, LIMIT_DELIVERY_MBOXES, &b->mboxes) &&
           rule_list(c, b->sent, &prefetch, LIMIT_DELIVERY_MBOXES, &b->prefetch) &&
           rule_list(c, b->sent, &notifications, LIMIT_DELIVERY_NOTIFICATIONS, &b->notifications) &&
           check_items(b, b->mboxes, &mboxes) && check_items(b, b->prefetch, &prefetch) &&
           check_items(b, b->notifications, &notifications) && check_types(b, &notifications) &&
           rule_bool(c, b->sent, &(struct delivery_at){NULL, S("contentAsJson"), 0}, &b->as_json) &&
           rule_text(c, b->sent, &(struct delivery_at){NULL, S("host"), 0}, 0, LIMIT_MBOX_HOST, false, &b->page.host) &&
           rule_text(c, b->sent, &(struct delivery_at){NULL, S("ipAddress"), 0}, 0, 64, false, &b->page.ip);
}

/* ---- the delivery request ---- */

static bool
clicked(const struct json *item)
{
    return json_bool(json_get(item, S("clicked")), false);
}

static const struct json *
lowest(const struct json *list)
{
    const struct json *found = NULL;
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        if (found == NULL ||
            json_i64(json_get(it.value, S("indexId")), INT64_MAX) < json_i64(json_get(found, S("indexId")), INT64_MAX))
            found = it.value;
    }
    return found;
}

/* Notifications come first, and clicks are among them [TARGET 1.3]. */
static const struct json *
first_location(const struct batch *b)
{
    struct json_iter it = json_iter(b->mboxes);

    if (json_count(b->notifications) > 0)
        return json_at(b->notifications, 0);
    while (json_next(&it)) {
        if (clicked(it.value))
            return it.value;
    }
    return lowest(json_count(b->mboxes) > 0 ? b->mboxes : b->prefetch);
}

static void
put_location(const struct batch *b, struct jw *w, const struct json *item)
{
    const struct json *page = json_get(item, S("requestLocation"));

    mbox_hand_on(w, S("parameters"), json_get(item, S("parameters")));
    if (item == b->first)
        mbox_hand_on(w, S("profileParameters"), json_get(b->sent, S("profileParameters")));
    mbox_hand_on(w, S("order"), json_get(item, S("order")));
    mbox_hand_on(w, S("product"), json_get(item, S("product")));
    if (page == NULL)
        return;
    jw_key(w, S("address"));
    jw_object(w);
    mbox_hand_on(w, S("url"), json_get(page, S("pageURL")));
    mbox_hand_on(w, S("referringUrl"), json_get(page, S("referrerURL")));
    jw_end(w);
}

static void
put_mboxes(const struct batch *b, struct jw *w, struct str part, const struct json *list)
{
    struct json_iter it = json_iter(list);

    jw_key(w, part);
    jw_object(w);
    jw_key(w, S("mboxes"));
    jw_array(w);
    while (json_next(&it)) {
        if (clicked(it.value))
            continue;
        jw_object(w);
        mbox_hand_on(w, S("index"), json_get(it.value, S("indexId")));
        mbox_hand_on(w, S("name"), json_get(it.value, S("mbox")));
        put_location(b, w, it.value);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

/* One token or none, and a list of them. */
static void
put_tokens(struct jw *w, const struct json *item)
{
    const struct json *one = json_get(item, S("clickToken")), *list = json_get(item, S("eventTokens"));

    if (one == NULL || json_is(one, JSON_NULL)) {
        mbox_hand_on(w, S("tokens"), list);
        return;
    }
    jw_key(w, S("tokens"));
    jw_array(w);
    jw_json(w, one);
    jw_end(w);
}

static void
put_notice(const struct batch *b, struct jw *w, const struct json *item, struct str id, bool click)
{
    const struct json *name = json_get(item, S("mbox")), *ms = json_get(item, S("timestamp"));

    jw_object(w);
    jw_kstr(w, S("id"), id);
    jw_kstr(w, S("type"), click ? S("click") : S("display"));
    if (ms != NULL && !json_is(ms, JSON_NULL))
        jw_kjson(w, S("timestamp"), ms);
    else
        jw_ki64(w, S("timestamp"), b->c->now_ms);
    jw_key(w, S("mbox"));
    jw_object(w);
    mbox_hand_on(w, S("name"), name);
    jw_end(w);
    put_tokens(w, item);
    put_location(b, w, item);
    jw_end(w);
}

static void
put_notices(const struct batch *b, struct jw *w)
{
    struct json_iter it = json_iter(b->notifications), shown = json_iter(b->mboxes);
    char room[U64_TEXT_BYTES];
    uint64_t n = 0;

    jw_key(w, S("notifications"));
    jw_array(w);
    while (json_next(&it))
        put_notice(b, w, it.value, u64_text(n++, room), str_eq(json_str(json_get(it.value, S("type"))), S("click")));
    while (json_next(&shown)) {
        if (clicked(shown.value))
            put_notice(b, w, shown.value, u64_text(n++, room), true);
    }
    jw_end(w);
}

static void
put_cloud(const struct batch *b, struct jw *w)
{
    const struct json *aam = json_get(b->sent, S("aamParameters"));

    jw_key(w, S("experienceCloud"));
    jw_object(w);
    jw_key(w, S("analytics"));
    jw_object(w);
    jw_kstr(w, S("logging"), S("client_side")); /* whoever asks gets the payload */
    jw_end(w);
    jw_key(w, S("audienceManager"));
    jw_object(w);
    mbox_hand_on(w, S("blob"), json_get(aam, S("blob")));
    mbox_hand_on(w, S("locationHint"), json_get(aam, S("dcsLocationHint")));
    jw_end(w);
    jw_end(w);
}

static void
put_request(const struct batch *b, struct jw *w)
{
    mbox_hand_on(w, S("id"), json_get(b->sent, S("id")));
    mbox_hand_on(w, S("environmentId"), json_get(b->sent, S("environmentId")));
    put_cloud(b, w);
    put_notices(b, w);
    put_mboxes(b, w, S("execute"), b->mboxes);
    put_mboxes(b, w, S("prefetch"), b->prefetch);
}

/* ---- the answer ---- */

/* Of what was clicked only the name. */
static void
put_response(const struct batch *b, struct jw *w, const struct json *sent, const struct json *item)
{
    const struct json *token = json_get(json_at(json_get(item, S("metrics")), 0), S("eventToken"));

    jw_object(w);
    jw_kjson(w, S("mbox"), json_get(sent, S("mbox")));
    if (item != NULL) {
        mbox_put_content(b->c, w, item, b->as_json);
        mbox_hand_on(w, S("clickToken"), token);
        mbox_hand_on(w, S("clientSideAnalyticsLoggingPayload"), json_path(item, S("analytics.payload")));
    } else if (b->c->rs->status == 403) {
        jw_kstr(w, S("content"), MBOX_UNAUTHORIZED);
    }
    jw_end(w);
}

static void
put_responses(const struct batch *b, struct jw *w, const struct json *answer)
{
    struct json_iter it = json_iter(b->mboxes), items = json_iter(json_path(answer, S("execute.mboxes")));

    jw_key(w, S("mboxResponses"));
    jw_array(w);
    while (json_next(&it))
        put_response(b, w, it.value, !clicked(it.value) && json_next(&items) ? items.value : NULL);
    jw_end(w);
}

static void
put_prefetched(const struct batch *b, struct jw *w, const struct json *answer)
{
    struct json_iter items = json_iter(json_path(answer, S("prefetch.mboxes"))), options;

    jw_key(w, S("prefetchResponses"));
    jw_array(w);
    while (json_next(&items)) {
        jw_object(w);
        jw_kjson(w, S("mbox"), json_get(items.value, S("name")));
        mbox_put_content(b->c, w, items.value, b->as_json);
        jw_key(w, S("eventTokens"));
        jw_array(w);
        for (options = json_iter(json_get(items.value, S("options"))); json_next(&options);) {
            if (json_get(options.value, S("eventToken")) != NULL)
                jw_json(w, json_get(options.value, S("eventToken")));
        }
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

static void
put_answer(const struct batch *b, const struct json *answer)
{
    struct jw w = jw_to(b->c->rs->body);

    jw_object(&w);
    mbox_hand_on(&w, S("requestId"), json_get(answer, S("requestId")));
    jw_kstr(&w, S("client"), b->c->tenant.client);
    mbox_hand_on(&w, S("id"), json_get(answer, S("id")));
    mbox_hand_on(&w, S("edgeHost"), json_get(answer, S("edgeHost")));
    jw_kbool(&w, S("contentAsJson"), b->as_json);
    if (json_count(b->mboxes) > 0)
        put_responses(b, &w, answer);
    if (json_count(b->prefetch) > 0)
        put_prefetched(b, &w, answer);
    mbox_end(b->c, &w);
}

void
mbox_batch(struct delivery_call *c)
{
    struct batch b = {.c = c};
    const struct json *answer;
    struct buf body;
    struct jw w;

    if (!delivery_allow(c, HTTP_POST, S("POST")) || !delivery_session(c, http_query(c->rq, S("sessionId"))) ||
        !delivery_tenant(c, http_query(c->rq, S("client"))) || !mbox_read(c, &b.sent) || !read_batch(&b))
        return;
    c->words = words;
    b.first = first_location(&b);
    w = mbox_begin(c, &body, &b.page, S_NULL);
    put_request(&b, &w);
    if (mbox_run(c, &w, &answer))
        put_answer(&b, answer);
}
