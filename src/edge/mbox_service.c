/* mbox_service.c - see mbox_int.h: paths, and what the older endpoints have in common. */
#include "edge/mbox_int.h"

#include "base/limits.h"
#include "codec/url.h"

#define SINGLE S("/rest/v1/mbox/")
#define BATCH S("/rest/v2/batchmbox")

/* ---- paths ---- */

/* /m2/{client}/ubox/{form} */
static bool
ubox_path(struct str path, struct str *client, struct str *form)
{
    struct str m2, ubox, none;

    if (!str_starts(path, S("/")))
        return false;
    path = str_slice(path, 1, path.n);
    return str_split(&path, '/', &m2) && str_eq(m2, S("m2")) && str_split(&path, '/', client) &&
           str_split(&path, '/', &ubox) && str_eq(ubox, S("ubox")) && str_split(&path, '/', form) &&
           !str_split(&path, '/', &none) &&
           (str_eq(*form, S("image")) || str_eq(*form, S("page")) || str_eq(*form, S("raw")));
}

bool
mbox_match(const struct http_req *rq)
{
    struct str client, form;

    return str_starts(rq->path, SINGLE) || str_eq(rq->path, BATCH) || ubox_path(rq->path, &client, &form);
}

void
mbox_serve(struct delivery_call *c)
{
    struct str path = c->rq->path, client, form;

    if (str_starts(path, SINGLE))
        mbox_single(c, str_slice(path, SINGLE.n, path.n));
    else if (ubox_path(path, &client, &form))
        mbox_ubox(c, client, form);
    else
        mbox_batch(c);
}

/* ---- what was sent ---- */

bool
mbox_read(struct delivery_call *c, const struct json **sent)
{
    struct diag d = DIAG_INIT;
    enum err rc = json_parse(c->rq->body, c->arena, sent, &d);

    if (rc == ERR_NOMEM)
        return delivery_fail(c, 413, "the body exceeds request memory");
    if (rc != ERR_OK)
        return delivery_fail(c, 400, "the body is no JSON: %s", d.what);
    return json_is(*sent, JSON_OBJECT) ||
           delivery_fail(c, 400, "the body must be an object, got %s", json_type_name(json_type(*sent)));
}

bool
mbox_read_page(struct delivery_call *c, const struct json *o, const struct delivery_at *up, struct mbox_page *out)
{
    const struct delivery_at at = {up, S("requestLocation"), 0};
    const struct json *page = NULL;

    return rule_object(c, o, &at, false, &page) &&
           rule_text(c, page, &(struct delivery_at){&at, S("pageURL"), 0}, 0, LIMIT_MBOX_PAGE_URL, false, &out->url) &&
           rule_text(c, page, &(struct delivery_at){&at, S("referrerURL"), 0}, 0, LIMIT_MBOX_PAGE_URL, false,
                     &out->referrer) &&
           rule_text(c, page, &(struct delivery_at){&at, S("host"), 0}, 0, LIMIT_MBOX_HOST, false, &out->host) &&
           rule_text(c, page, &(struct delivery_at){&at, S("ipAddress"), 0}, 0, 64, false, &out->ip);
}

/* ---- the delivery request ---- */

static void
put_text(struct jw *w, struct str name, struct str text)
{
    if (text.n > 0)
        jw_kstr(w, name, text);
}

struct jw
mbox_begin(struct delivery_call *c, struct buf *out, const struct mbox_page *page, struct str user_agent)
{
    struct jw w;

    buf_init_in(out, c->arena, 2 * (size_t)LIMIT_DELIVERY_BODY_BYTES);
    w = jw_to(out);
    jw_object(&w);
    jw_key(&w, S("context"));
    jw_object(&w);
    jw_kstr(&w, S("channel"), S("web"));
    put_text(&w, S("userAgent"), user_agent);
    jw_key(&w, S("address"));
    jw_object(&w);
    put_text(&w, S("url"), page->url);
    put_text(&w, S("referringUrl"), page->referrer);
    jw_end(&w);
    jw_key(&w, S("browser"));
    jw_object(&w);
    put_text(&w, S("host"), page->host);
    jw_end(&w);
    if (page->ip.n > 0) {
        jw_key(&w, S("geo"));
        jw_object(&w);
        jw_kstr(&w, S("ipAddress"), page->ip);
        jw_end(&w);
    }
    jw_end(&w);
    return w;
}

void
mbox_hand_on(struct jw *w, struct str name, const struct json *value)
{
    if (value != NULL && !json_is(value, JSON_NULL))
        jw_kjson(w, name, value);
}

bool
mbox_run(struct delivery_call *c, struct jw *w, const struct json **answer)
{
    jw_end(w);
    if (!buf_ok(w->out))
        return delivery_fail(c, 413, "the body exceeds request memory");
    c->rq->body = buf_str(w->out);
    delivery_serve(c);
    *answer = NULL;
    if (c->rs->status == 200 && json_parse(buf_str(c->rs->body), c->arena, answer, NULL) != ERR_OK)
        return delivery_fail(c, 500, "request memory is used up");
    if (c->rs->status != 200 && c->rs->status != 403)
        return false;
    buf_clear(c->rs->body);
    return true;
}

/* ---- the answer ---- */

struct str
mbox_text(struct delivery_call *c, const struct json *item)
{
    struct json_iter it = json_iter(json_get(item, S("options")));
    struct buf text;
    bool any = false;

    buf_init_in(&text, c->arena, LIMIT_RESPONSE_BYTES);
    while (json_next(&it)) {
        const struct json *content = json_get(it.value, S("content"));
        if (content == NULL || str_eq(json_str(json_get(it.value, S("type"))), S("actions")))
            continue;
        any = true;
        if (json_is(content, JSON_STRING))
            buf_put(&text, json_str(content));
        else
            json_write(&text, content);
    }
    return !any ? S_NULL : text.n > 0 ? buf_str(&text) : S("");
}

void
mbox_put_content(struct delivery_call *c, struct jw *w, const struct json *item, bool as_json)
{
    const struct json *options = json_get(item, S("options")), *only = json_at(options, 0);
    struct str text = mbox_text(c, item);

    if (as_json && json_count(options) == 1 && str_eq(json_str(json_get(only, S("type"))), S("json")))
        mbox_hand_on(w, S("content"), json_get(only, S("content")));
    else if (text.p != NULL)
        jw_kstr(w, S("content"), text);
}

void
mbox_end(struct delivery_call *c, struct jw *w)
{
    jw_end(w);
    c->rs->status = 200;
    c->rs->content_type = "application/json;charset=UTF-8";
}
