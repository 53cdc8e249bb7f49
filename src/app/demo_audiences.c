/* demo_audiences.c - /demo-audiences.json: the shop's audiences with their sizes, and for the visitor of the page why
 * they are in each or not. It stands for what a shop's own server would ask over REST with its credentials.
 *
 * Sizes are sums. The rest is about one person, and is told to whoever holds their device's id: the visitor is who the
 * Web SDK's identity cookie says, which is 38 random digits, and nothing in the request can name anybody else. No CORS
 * header is sent, so no page of another site reads it (SECURITY.md). */
#include "admin/admin.h"
#include "app/app.h"
#include "base/civil.h"
#include "codec/json_writer.h"
#include "identity/ecid.h"

#define SCRATCH_BYTES (64u * 1024 * 1024)
#define SHOWN_MAX 50 /* audiences, the oldest: what a page can show, and a bound to what a poll costs */

struct page {
    struct admin *admin;
    const struct snapshot *snap;
    const struct datastream *ds;
    struct admin_person *visitor; /* NULL: nobody that the hub knows */
    struct jw w;
    size_t shown;
};

/* kndctr_{ORG}_identity [EDGE 3.3] */
static struct str
visitor_ecid(const struct datastream *ds, struct http_req *rq)
{
    ptrdiff_t at = str_find_char(ds->org, '@');
    struct str name = arena_printf(rq->arena, "kndctr_%.*s_%.*s_identity",
                                   STR_ARG(str_slice(ds->org, 0, at < 0 ? ds->org.n : (size_t)at)),
                                   STR_ARG(at < 0 ? S_NULL : str_slice(ds->org, (size_t)at + 1, ds->org.n)));
    struct ecid_cookie cookie;

    return ecid_cookie_read(http_cookie(rq, name), rq->arena, &cookie) ? cookie.ecid : S_NULL;
}

static void
write_visitor(struct page *p, struct str id, const struct json *object)
{
    const struct str *refs;
    size_t n;
    struct admin_audience audience = {id, object, snapshot_audience_rule(p->snap, p->ds->scope, id, &refs, &n)};
    struct diag ignored = DIAG_INIT; /* too large to explain: nothing is said of it */

    jw_key(&p->w, S("you"));
    jw_object(&p->w);
    (void)admin_person_explain(p->visitor, &audience, &p->w, &ignored);
    jw_end(&p->w);
}

static void
write_audience(void *ctx, struct str id, const struct json *object)
{
    struct page *p = ctx;
    struct str state = json_str(json_get(object, S("lifecycleState")));
    struct diag ignored = DIAG_INIT; /* without a hub there is no size, and the page says so */
    uint64_t size = 0;

    if (p->shown == SHOWN_MAX || str_eq(state, S("inactive")) || str_eq(state, S("archived")))
        return;
    p->shown++;
    jw_object(&p->w);
    jw_kstr(&p->w, S("id"), id);
    jw_kstr(&p->w, S("name"), json_str(json_get(object, S("name"))));
    jw_kstr(&p->w, S("description"), json_str(json_get(object, S("description"))));
    jw_kstr(&p->w, S("pql"), json_str(json_path(object, S("expression.value"))));
    if (admin_audience_size(p->admin, p->ds->scope, id, &size, &ignored) == ERR_OK)
        jw_ki64(&p->w, S("size"), (int64_t)size);
    if (p->visitor != NULL)
        write_visitor(p, id, object);
    jw_end(&p->w);
}

static void
write_page(struct page *p, struct http_req *rq, struct http_res *rs)
{
    rs->status = 200;
    rs->content_type = "application/json";
    p->w = jw_to(rs->body);
    jw_object(&p->w);
    jw_ktime(&p->w, S("now"), rq->now_ms);
    jw_kbool(&p->w, S("known"), p->visitor != NULL);
    jw_key(&p->w, S("audiences"));
    jw_array(&p->w);
    if (p->ds != NULL)
        snapshot_each(p->snap, S("audience"), p->ds->scope, write_audience, p);
    jw_end(&p->w);
    jw_end(&p->w);
    if (!buf_ok(rs->body))
        http_reply(rs, 503, "text/plain; charset=utf-8", S("too much to show\n"));
}

void
demo_audiences(struct admin *admin, const struct snapshot *snap, struct http_req *rq, struct http_res *rs)
{
    struct page p = {.admin = admin, .snap = snap, .ds = demo_datastream(snap)};
    struct str ecid = p.ds != NULL ? visitor_ecid(p.ds, rq) : S_NULL;
    struct diag ignored = DIAG_INIT; /* unknown, or too large: the page is that of a stranger */
    struct arena scratch;

    arena_init(&scratch, SCRATCH_BYTES);
    if (ecid.n > 0) {
        struct admin_identity who = {p.ds->scope, S("ECID"), ecid};
        (void)admin_person_load(admin, &who, rq->now_ms, &scratch, &p.visitor, &ignored);
    }
    write_page(&p, rq, rs);
    arena_deinit(&scratch);
}
