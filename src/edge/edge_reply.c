/* edge_reply.c - the envelope of an answer: headers, handles, state, problems  [EDGE 1.7, 3.6, 4].
 *
 * Handles go out in the order identity, activation, decisions, location, state, which mobile clients rely on when they
 * read a streamed answer. */
#include <stdarg.h>

#include "base/limits.h"
#include "codec/url.h"
#include "edge/edge_int.h"

#define COOKIE_IDENTITY_S 34128000 /* 395 days */
#define COOKIE_CLUSTER_S 1800
#define COOKIE_CONSENT_S 15552000

void
edge_reply_headers(struct edge_call *c)
{
    struct http_req *rq = c->rq;
    struct http_res *rs = c->rs;
    uint64_t us = os_mono_us(c->edge->o.os) - rq->start_us;
    char room[U64_TEXT_BYTES],
        fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};

    http_set_header(rq, rs, S("x-request-id"), c->request_id);
    http_set_header(rq, rs, S("x-adobe-edge"), str_of(c->edge->region));
    http_set_header(rq, rs, S("Cache-Control"), S("no-cache, no-store, max-age=0, no-transform, private"));
    http_set_header(rq, rs, S("X-Content-Type-Options"), S("nosniff"));
    if (rq->start_us > 0) /* OURS: a page may read how long we took, apart from the way to us */
        http_set_header(
            rq, rs, S("Server-Timing"),
            ARENA_JOIN(c->arena, S("edge;dur="), u64_text(us / 1000, room), (struct str){fraction, sizeof fraction}));
    if (rq->tls)
        http_set_header(rq, rs, S("Strict-Transport-Security"), S("max-age=31536000; includeSubDomains"));
}

/* The report's errors are an array of texts, which strict clients insist on [EDGE 4.9]. */
static void
write_problem(struct edge_call *c, struct jw *w, const char *code, const char *title, struct str detail,
              int event_index)
{
    int64_t status = 0;

    (void)str_to_i64(str_of(code + 5), &status);
    jw_object(w);
    jw_kstr(w, S("type"), arena_printf(c->arena, "https://ns.adobe.com/aep/errors/EXEG-%s", code));
    jw_ki64(w, S("status"), status);
    jw_kstr(w, S("title"), str_of(title));
    if (detail.n > 0)
        jw_kstr(w, S("detail"), detail);
    jw_key(w, S("report"));
    jw_object(w);
    jw_kstr(w, S("requestId"), c->request_id);
    if (c->ds != NULL)
        jw_kstr(w, S("orgId"), c->ds->org);
    if (event_index >= 0)
        jw_ki64(w, S("eventIndex"), event_index);
    if (str_eq(str_of(code), S("0104-422")) || str_eq(str_of(code), S("0113-400"))) {
        jw_key(w, S("errors"));
        jw_array(w);
        jw_str(w, detail);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

bool
edge_problem(struct edge_call *c, const char *code, const char *title, const char *fmt, ...)
{
    char detail[512];
    int64_t status = 500;
    struct jw w;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap); /* cut details stay readable */
    va_end(ap);
    (void)str_to_i64(str_of(code + 5), &status);
    buf_clear(c->rs->body);
    w = jw_to(c->rs->body);
    write_problem(c, &w, code, title, str_of(detail), -1);
    c->rs->status = (int)status;
    c->rs->content_type = "application/problem+json";
    if (status == 429 || status == 503)
        c->rs->retry_after_s = status == 429 ? 1 : 5; /* [EDGE C-12] */
    return false;
}

static void
note(struct edge_notes *notes, struct edge_note one)
{
    if (notes->n < EDGE_NOTES_MAX)
        notes->items[notes->n++] = one;
}

void
edge_warn(struct edge_call *c, const char *code, const char *title, const char *detail)
{
    note(&c->warnings, (struct edge_note){code, title, detail, -1});
}

void
edge_fail(struct edge_call *c, const char *code, const char *title, const char *detail, size_t event_index)
{
    note(&c->errors, (struct edge_note){code, title, detail, (int)event_index});
}

static void
write_identity_result(struct edge_call *c, struct buf *out)
{
    bool wanted = false;
    struct jw w = jw_to(out);

    for (size_t i = 0; i < c->fetch_count; i++)
        wanted |= str_eq(c->fetch[i], S("ECID"));
    if (!wanted || !c->device.present)
        return;
    buf_put(out, S("{\"payload\":"));
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("id"), (struct str){c->device.ecid, ECID_BYTES});
    jw_key(&w, S("namespace"));
    jw_object(&w);
    jw_kstr(&w, S("code"), S("ECID"));
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    buf_put(out, S(",\"type\":\"identity:result\"},"));
}

/* Every handle before the location hints ends with the comma behind it: those always follow. */
void
edge_reply_begin(struct edge_call *c)
{
    struct buf *out = c->rs->body;

    if (c->reply_begun)
        return;
    c->reply_begun = true;
    buf_clear(out);
    buf_put(out, S("{\"requestId\":"));
    json_quote(out, c->request_id);
    buf_put(out, S(",\"handle\":["));
    write_identity_result(c, out);
}

struct jw
edge_handle_begin(struct edge_call *c)
{
    edge_reply_begin(c);
    buf_put(c->rs->body, S("{\"payload\":"));
    return jw_to(c->rs->body);
}

void
edge_handle_end(struct edge_call *c, struct jw *w, const char *type, int event_index)
{
    struct buf *out = c->rs->body;

    (void)w;
    buf_put(out, S(",\"type\":\""));
    buf_put(out, str_of(type));
    buf_putc(out, '"');
    if (event_index >= 0) {
        buf_put(out, S(",\"eventIndex\":"));
        buf_put_i64(out, event_index);
    }
    buf_put(out, S("},"));
}

static void
write_location_hint(struct edge_call *c, struct buf *out)
{
    buf_put(
        out,
        S("{\"payload\":[{\"scope\":\"Target\",\"hint\":\"35\",\"ttlSeconds\":1800},{\"scope\":\"AAM\",\"hint\":\""));
    buf_put_u64(out, c->edge->o.region_id);
    buf_put(out, S("\",\"ttlSeconds\":1800},{\"scope\":\"EdgeNetwork\",\"hint\":\""));
    buf_put(out, str_of(c->edge->o.hint));
    buf_put(out, S("\",\"ttlSeconds\":1800}],\"type\":\"locationHint:result\"}"));
}

struct str
edge_cookie_name(struct edge_call *c, const char *suffix)
{
    struct str org = c->ds->org;
    ptrdiff_t at = str_find_char(org, '@');

    if (at < 0)
        return ARENA_JOIN(c->arena, S("kndctr_"), org, S("_"), str_of(suffix));
    return ARENA_JOIN(c->arena, S("kndctr_"), str_slice(org, 0, (size_t)at), S("_"),
                      str_slice(org, (size_t)at + 1, org.n), S("_"), str_of(suffix));
}

#define SESSION_ONLY (-1) /* for max_age_s: until the browser is closed */

static struct str
cookie_age(struct edge_call *c, int max_age_s)
{
    return max_age_s == SESSION_ONLY ? S("") : arena_printf(c->arena, "; Max-Age=%d", max_age_s);
}

/* One piece of state, as a Set-Cookie header or as an item of state:store. No HttpOnly: the SDK reads them [EDGE 1.10].
 */
static void
write_state(struct edge_call *c, struct jw *w, struct str key, struct str value, int max_age_s)
{
    if (c->first_party) {
        struct str cookie = arena_printf(c->arena, "%.*s=%.*s%.*s; Domain=%.*s; Path=/%s", STR_ARG(key), STR_ARG(value),
                                         STR_ARG(cookie_age(c, max_age_s)), STR_ARG(c->domain),
                                         c->rq->tls || c->page_https ? "; SameSite=None; Secure" : "");
        http_set_header(c->rq, c->rs, S("Set-Cookie"), cookie);
        return;
    }
    jw_object(w);
    jw_kstr(w, S("key"), key);
    jw_kstr(w, S("value"), value);
    if (max_age_s != SESSION_ONLY)
        jw_ki64(w, S("maxAge"), max_age_s);
    if (c->page_https) { /* on an http page a Secure cookie would be lost [EDGE 3.6] */
        jw_key(w, S("attrs"));
        jw_object(w);
        jw_kstr(w, S("SameSite"), S("None"));
        jw_end(w);
    }
    jw_end(w);
}

static struct str
identity_cookie(struct edge_call *c)
{
    struct ecid_cookie cookie = {
        .ecid = {c->device.ecid, ECID_BYTES},
        .created_ms = c->device.created_ms ? c->device.created_ms : c->now_ms,
        .is_new = c->device.minted,
        .device_type = 1,
        .region = arena_str(c->arena, str_of(c->edge->o.hint)),
        .source = c->device.source,
        .write_time_ms = c->now_ms,
    };
    struct buf text;
    char *p = (char *)(uintptr_t)cookie.region.p;

    for (size_t i = 0; p != NULL && i < cookie.region.n; i++)
        p[i] = (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]);
    buf_init_in(&text, c->arena, LIMIT_COOKIE_IDENTITY_BYTES);
    ecid_cookie_write(&text, &cookie);
    return buf_ok(&text) ? buf_str(&text) : S_NULL;
}

/* Of a cookie the value is percent coded, as SDKs do with values of state:store themselves. */
static struct str
qa_cookie(struct edge_call *c, struct str value)
{
    struct buf b;

    if (!c->first_party)
        return value;
    buf_init_in(&b, c->arena, 3 * value.n + 1);
    url_encode(&b, value);
    return buf_str(&b);
}

static void
write_qa_mode(struct edge_call *c, struct jw *w)
{
    struct str value;

    if (edge_qa_state(c, &value))
        write_state(c, w, S("at_qa_mode"), qa_cookie(c, value), value.n > 0 ? SESSION_ONLY : 0);
}

static void
write_states(struct edge_call *c, struct buf *out)
{
    size_t before = out->n;
    struct jw w = jw_to(out);
    struct str mbox;

    if (!c->first_party)
        buf_put(out, S(",{\"payload\":"));
    jw_array(&w);
    if (c->device.present && c->device.write)
        write_state(c, &w, edge_cookie_name(c, "identity"), identity_cookie(c), COOKIE_IDENTITY_S);
    write_state(c, &w, edge_cookie_name(c, "cluster"), str_of(c->edge->o.hint), COOKIE_CLUSTER_S);
    if (c->consent_write)
        write_state(c, &w, edge_cookie_name(c, "consent"),
                    c->consent == CONSENT_OUT ? S("general=out") : S("general=in"), COOKIE_CONSENT_S);
    if (c->mbox.asked && c->device.present) {
        if (edge_mbox_write(c, &mbox))
            write_state(c, &w, S("mbox"), mbox, EDGE_MBOX_S);
        write_state(c, &w, S("mboxEdgeCluster"), S("35"), COOKIE_CLUSTER_S);
    }
    write_qa_mode(c, &w);
    jw_end(&w);
    if (c->first_party)
        out->n = before; /* headers carry it */
    else
        buf_put(out, S(",\"type\":\"state:store\"}"));
}

static void
write_notes(struct edge_call *c, struct buf *out, struct str key, const struct edge_notes *notes)
{
    struct jw w = jw_to(out);

    if (notes->n == 0)
        return;
    buf_putc(out, ',');
    json_quote(out, key);
    buf_putc(out, ':');
    jw_array(&w);
    for (size_t i = 0; i < notes->n; i++) {
        const struct edge_note *x = &notes->items[i];
        write_problem(c, &w, x->code, x->title, str_of(x->detail), x->event_index);
    }
    jw_end(&w);
}

void
edge_reply(struct edge_call *c)
{
    struct buf *out = c->rs->body;

    edge_reply_begin(c);
    write_location_hint(c, out);
    write_states(c, out);
    buf_putc(out, ']');
    write_notes(c, out, S("errors"), &c->errors);
    write_notes(c, out, S("warnings"), &c->warnings);
    buf_putc(out, '}');
    c->rs->status = c->errors.n > 0 ? 207 : 200; /* warnings alone leave it a 200 [EDGE 4.9] */
    c->rs->content_type = "application/json;charset=utf-8";
}

void
edge_reply_empty(struct edge_call *c, int status)
{
    buf_clear(c->rs->body);
    if (c->first_party) { /* cookies only: the body stays empty */
        write_states(c, c->rs->body);
        buf_clear(c->rs->body);
    }
    c->rs->status = status;
    c->rs->content_type = NULL;
}
