/* rerun_delivery.c - a recorded delivery request decided again: its body is read by the same code, its visitor is the
 * world's, and what the hit does not have of it is not there. */
#include "base/limits.h"
#include "edge/delivery_int.h"

/* The body as text: the reader of live requests wants it so. */
static enum err
body_text(const struct edge_rerun *r, struct str *out, struct diag *d)
{
    struct buf b;

    if (r->hit->xdm_text.n > 0) {
        *out = r->hit->xdm_text;
        return ERR_OK;
    }
    buf_init_in(&b, r->arena, 2 * (size_t)LIMIT_DELIVERY_BODY_BYTES);
    json_write(&b, r->hit->xdm);
    *out = buf_str(&b);
    return buf_ok(&b) ? ERR_OK : diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
}

static void
find_environment(struct delivery_call *c, const struct hit_visit *visit)
{
    if (visit->environment == 0 ||
        !tenant_environment_by_id(c->snap, c->tenant.scope, visit->environment, &c->environment))
        (void)tenant_environment(c->snap, c->tenant.scope, S("Production"), &c->environment); /* always there */
}

static void
run(struct delivery_call *c, struct edge_rerun *r)
{
    struct delivery_work w = {.c = c, .rerun = r};
    const struct hit_visit *visit = r->hit->visit;

    w.found = (struct edge_visitor){.known = r->visitor.known,
                                    .visitor = r->visitor,
                                    .person = r->person,
                                    .tnt_id = visit->tnt_id,
                                    .at = visit->at,
                                    .links = visit->links,
                                    .absorbs = visit->absorbs};
    work_open(&w);
    work_decide(&w);
    r->decided = w.hit;
    r->decided.identities = r->hit->identities;
    r->decided.visit = ARENA_NEW(c->arena, struct hit_visit);
    if (r->decided.visit != NULL)
        *(struct hit_visit *)(uintptr_t)r->decided.visit = w.visit;
}

enum err
rerun_delivery(struct delivery *x, struct edge_rerun *r, struct diag *d)
{
    struct http_req rq = {.arena = r->arena, .now_ms = r->now_ms};
    struct buf refusal;
    struct http_res rs = {.body = &refusal};
    struct delivery_call c = {.x = x,
                              .rq = &rq,
                              .rs = &rs,
                              .arena = r->arena,
                              .now_ms = r->now_ms,
                              .snap = r->snap,
                              .session = r->hit->visit->session};
    enum err rc = body_text(r, &rq.body, d);

    if (rc != ERR_OK)
        return rc;
    buf_init_in(&refusal, r->arena, 4096);
    if (!tenant_by_org(r->snap, scope_org(r->hit->scope), &c.tenant) || !str_eq(c.tenant.scope, r->hit->scope) ||
        !delivery_read(&c)) {
        r->result.missing = RERUN_REFUSED;
        return ERR_OK;
    }
    c.request_id = r->hit->request_id;
    find_environment(&c, r->hit->visit);
    run(&c, r);
    return r->decided.visit != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory to decide a recorded request again");
}
