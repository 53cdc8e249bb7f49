/* mbox_ubox.c - GET /m2/{client}/ubox/{image|page|raw}: an mbox where no script runs, such as in a mail or an ad. image
 * and page lead to the URL that the offer is, raw answers the offer itself; without one, mboxDefault takes its place
 * [TARGET 1.8]. Whoever has no mboxSession and mboxPC is a new visitor: no cookies are read or set here (OURS). */
#include "edge/mbox_int.h"

#include "base/limits.h"
#include "codec/url.h"

static const struct delivery_word words[] = {
    {"execute.mboxes[0].name", "mbox"},
    {"execute.mboxes[0].", ""},
    {"id.tntId", "mboxPC"},
    {"id.thirdPartyId", "mbox3rdPartyId"},
    {"id.marketingCloudVisitorId", "mboxMCGVID"},
    {"context.address.url", "mboxURL"},
    {"context.address.referringUrl", "mboxReferrer"},
    {"context.browser.host", "mboxHost"},
    {NULL, NULL},
};

static bool
is_url(struct str s)
{
    return str_starts(s, S("https://")) || str_starts(s, S("http://"));
}

static void
put_ids(struct delivery_call *c, struct jw *w)
{
    static const char *const ids[][2] = {
        {"tntId", "mboxPC"}, {"thirdPartyId", "mbox3rdPartyId"}, {"marketingCloudVisitorId", "mboxMCGVID"}};

    jw_key(w, S("id"));
    jw_object(w);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct str id = http_query(c->rq, str_of(ids[i][1]));
        if (id.n > 0)
            jw_kstr(w, str_of(ids[i][0]), id);
    }
    jw_end(w);
}

/* What belongs to the mbox itself, or to the visitor. */
static bool
is_parameter(struct str name)
{
    return !str_starts(name, S("mbox")) && !str_starts(name, S("order")) && !str_starts(name, S("productPurchased"));
}

static void
put_parameters(struct delivery_call *c, struct jw *w, struct str member, bool profile)
{
    struct str rest = c->rq->query, name, value;

    jw_key(w, member);
    jw_object(w);
    while (url_query_next(&rest, &name, &value)) {
        name = url_decode(name, true, c->arena);
        value = url_decode(value, true, c->arena);
        if (str_starts(name, S("profile.")) != profile || !is_parameter(name) || !str_is_utf8(name) ||
            !str_is_utf8(value))
            continue;
        jw_kstr(w, profile ? str_slice(name, S("profile.").n, name.n) : name, value);
    }
    jw_end(w);
}

static void
put_request(struct delivery_call *c, struct jw *w)
{
    put_ids(c, w);
    jw_key(w, S("execute"));
    jw_object(w);
    jw_key(w, S("mboxes"));
    jw_array(w);
    jw_object(w);
    jw_ki64(w, S("index"), 0);
    jw_kstr(w, S("name"), http_query(c->rq, S("mbox")));
    put_parameters(c, w, S("parameters"), false);
    put_parameters(c, w, S("profileParameters"), true);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void
put_answer(struct delivery_call *c, bool raw, struct str text, struct str otherwise)
{
    struct http_res *rs = c->rs;

    http_set_header(c->rq, rs, S("Cache-Control"), S("no-store"));
    if (raw) {
        /* The caller's own text may be in it: no browser may take it for a page. */
        http_set_header(c->rq, rs, S("X-Content-Type-Options"), S("nosniff"));
        http_reply(rs, 200, "text/plain;charset=UTF-8", text.p != NULL ? text : otherwise);
        return;
    }
    text = str_trim(text);
    rs->status = 302;
    rs->content_type = NULL;
    http_set_header(c->rq, rs, S("Location"), is_url(text) ? text : otherwise);
}

/* A session of its own when the request names none. */
static struct str
session_of(struct delivery_call *c)
{
    struct str session = http_query(c->rq, S("mboxSession"));
    char uuid[UUID_TEXT_BYTES];

    if (session.n > 0)
        return session;
    rng_uuid(c->rq->rng, uuid);
    return arena_str(c->arena, (struct str){uuid, sizeof uuid});
}

void
mbox_ubox(struct delivery_call *c, struct str client, struct str form)
{
    struct mbox_page page = {.url = http_query(c->rq, S("mboxURL")),
                             .referrer = http_query(c->rq, S("mboxReferrer")),
                             .host = http_query(c->rq, S("mboxHost"))};
    struct str otherwise = http_query(c->rq, S("mboxDefault"));
    bool raw = str_eq(form, S("raw"));
    const struct json *answer;
    struct buf body;
    struct jw w;

    if (!delivery_allow(c, HTTP_GET, S("GET")) || !delivery_session(c, session_of(c)) || !delivery_tenant(c, client))
        return;
    if (!raw && !is_url(otherwise)) {
        (void)delivery_fail(c, 400, "mboxDefault must be a URL with http:// or https://");
        return;
    }
    c->words = words;
    w = mbox_begin(c, &body, &page, http_header(c->rq, S("User-Agent")));
    put_request(c, &w);
    if (!mbox_run(c, &w, &answer))
        return;
    if (answer == NULL && raw)
        http_reply(c->rs, 200, "text/plain;charset=UTF-8", MBOX_UNAUTHORIZED);
    else
        put_answer(c, raw, mbox_text(c, json_at(json_path(answer, S("execute.mboxes")), 0)), otherwise);
}
