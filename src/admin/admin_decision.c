/* admin_decision.c - what a visitor was given, and why, long afterwards (docs/explain.md).
 *
 *   GET /{tenant}/target/decisions?visitor=..   his decisions, the newest at the end
 *   GET /{tenant}/target/decisions/{id}         one of them ("<record>-<number>"), or all of a request ("<record>")
 *
 * OURS */
#include "admin/admin_decision.h"

#define STYLE ERRORS_TARGET
#define PATH "/{tenant}/target/decisions"
#define SCRATCH_BYTES (64u << 20)
#define LISTED_DEFAULT 50
#define SINCE_DEFAULT_MS (30ll * MS_PER_DAY)

/* ---- the list ---- */

struct row {
    uint64_t offset;
    size_t index;
    int64_t at_ms;
    struct str activity, experience, scope;
    bool entered, why;
};

struct list {
    struct str activity; /* empty: all */
    struct row *rows;    /* a ring */
    size_t limit, count;
    struct arena arena;
};

static enum err
add_rows(void *ctx, const struct record *r, const struct hit *h, struct arena *a, struct diag *d)
{
    struct list *l = ctx;

    (void)a;
    for (size_t i = 0; i < h->decision_count; i++) {
        const struct hit_decision *x = &h->decisions[i];
        if (l->activity.n > 0 && !str_eq(l->activity, x->activity))
            continue;
        l->rows[l->count++ % l->limit] = (struct row){.offset = r->offset,
                                                      .index = i,
                                                      .at_ms = r->time_ms,
                                                      .activity = arena_str(&l->arena, x->activity),
                                                      .experience = arena_str(&l->arena, x->experience),
                                                      .scope = arena_str(&l->arena, x->scope),
                                                      .entered = x->entered,
                                                      .why = x->why != NULL};
    }
    return l->arena.refused ? diag_set(d, ERR_LIMIT, "too many decisions for one answer: ask for a shorter range")
                            : ERR_OK;
}

static void
write_row(struct jw *w, struct call *call, struct http_req *rq, const struct row *x)
{
    const struct json *o = snapshot_object(call->snap, S("activity"), call->scope, x->activity);

    jw_object(w);
    jw_kstr(w, S("id"), arena_printf(rq->arena, "%llu-%zu", (unsigned long long)x->offset, x->index));
    jw_ktime(w, S("at"), x->at_ms);
    jw_kstr(w, S("activity"), x->activity);
    if (o != NULL) /* it may be gone */
        jw_kstr(w, S("activityName"), json_str(json_get(o, S("name"))));
    jw_kstr(w, S("experience"), x->experience);
    jw_kstr(w, S("location"), x->scope);
    jw_kbool(w, S("entered"), x->entered);
    jw_kbool(w, S("explained"), x->why);
    jw_end(w);
}

static void
write_list(struct http_req *rq, struct http_res *rs, struct call *call, const struct list *l,
           const struct decision_walk *walk)
{
    size_t n = l->count < l->limit ? l->count : l->limit;
    struct jw w = admin_json(rs, 200);

    jw_object(&w);
    jw_key(&w, S("decisions"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_row(&w, call, rq, &l->rows[(l->count - n + i) % l->limit]);
    jw_end(&w);
    jw_ki64(&w, S("total"), (int64_t)l->count);
    jw_ktime(&w, S("since"), walk->since_ms);
    if (walk->cut && walk->begun)
        jw_ktime(&w, S("logBegins"), walk->begins_ms);
    if (walk->stopped)
        jw_ktime(&w, S("readUntil"), walk->stopped_ms);
    if (walk->cut || walk->ids->full)
        jw_kstr(&w, S("note"),
                walk->cut ? S("the log was cut (collect-retention-days): what was decided before is not there")
                          : S("the visitor has more ids than are looked for: some of his decisions may be missing"));
    jw_end(&w);
}

/* The query. False: answered. */
static bool
read_query(struct http_req *rq, struct http_res *rs, struct visitor_ids *ids, struct list *l, struct decision_walk *w)
{
    struct str visitor = http_query(rq, S("visitor")), since = http_query(rq, S("since")),
               until = http_query(rq, S("until")), limit = http_query(rq, S("limit"));
    struct diag d = DIAG_INIT;
    int64_t n = LISTED_DEFAULT;
    bool date_only;

    w->since_ms = rq->now_ms - SINCE_DEFAULT_MS;
    w->until_ms = INT64_MAX;
    if (visitor.n == 0 || visitor.n > 256)
        (void)diag_set_path(&d, ERR_INVALID, "visitor", "visitor must be an id of 1 to 256 bytes");
    else if (since.n > 0 && !iso8601_parse(since, &w->since_ms, &date_only))
        (void)diag_set_path(&d, ERR_INVALID, "since", "since must be an instant such as 2026-05-04T10:00:00Z");
    else if (until.n > 0 && !iso8601_parse(until, &w->until_ms, &date_only))
        (void)diag_set_path(&d, ERR_INVALID, "until", "until must be an instant such as 2026-05-04T10:00:00Z");
    else if (limit.n > 0 && (!str_to_i64(limit, &n) || n < 1 || n > LIMIT_DECISIONS_LISTED))
        (void)diag_set_path(&d, ERR_INVALID, "limit", "limit must be 1..%d", LIMIT_DECISIONS_LISTED);
    if (d.code != ERR_OK) {
        admin_fail(rq, rs, STYLE, 0, ERR_INVALID, &d);
        return false;
    }
    l->limit = (size_t)n;
    l->activity = http_query(rq, S("activity"));
    return visitor_ids_add(ids, visitor);
}

/* False: answered. */
static bool
is_possible(struct call *call, struct http_req *rq, struct http_res *rs)
{
    struct diag d = DIAG_INIT;

    if (call->admin->o.hub.collected != NULL && call->admin->o.rerun.open != NULL)
        return true;
    admin_fail(rq, rs, STYLE, 0,
               diag_set(&d, ERR_UNSUPPORTED, "this process has no edge, or no hub: ask one that has both"), &d);
    return false;
}

static void
list_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct list l = {.limit = LISTED_DEFAULT};
    struct visitor_ids ids = {.arena = rq->arena};
    struct decision_walk w = {.admin = call->admin,
                              .scope = call->scope,
                              .ids = &ids,
                              .before = UINT64_MAX,
                              .bytes_max = LIMIT_DECISION_SCAN_BYTES,
                              .each = add_rows,
                              .ctx = &l};
    struct diag d = DIAG_INIT;
    enum err rc;

    (void)params;
    if (!is_possible(call, rq, rs) || !read_query(rq, rs, &ids, &l, &w))
        return;
    arena_init(&l.arena, SCRATCH_BYTES);
    l.rows = ARENA_ARRAY(&l.arena, struct row, l.limit);
    rc = l.rows != NULL ? decision_walk(&w, &d) : diag_set(&d, ERR_NOMEM, "no memory for a list");
    if (rc == ERR_OK)
        write_list(rq, rs, call, &l, &w);
    else
        admin_fail(rq, rs, STYLE, rc == ERR_LIMIT ? 422 : 0, rc, &d);
    arena_deinit(&l.arena);
}

/* ---- one ---- */

static bool
read_id(struct str id, uint64_t *offset, size_t *index)
{
    struct str first;
    int64_t n = 0;

    bool whole = str_find_char(id, '-') < 0;

    *index = SIZE_MAX;
    if (!str_split(&id, '-', &first) || !str_to_i64(first, &n) || n < 0)
        return false;
    *offset = (uint64_t)n;
    if (whole)
        return true;
    if (!str_to_i64(id, &n) || n < 0)
        return false;
    *index = (size_t)n;
    return true;
}

static enum err
find(struct call *call, struct str id, size_t *index, struct record *r, struct hit *h, struct arena *a, struct diag *d)
{
    const struct admin_hub *hub = &call->admin->o.hub;
    struct diag unreadable = DIAG_INIT;
    uint64_t offset;
    enum err rc;

    if (!read_id(id, &offset, index))
        return diag_set(d, ERR_NOT_FOUND, "decision '%.*s' not found", STR_ARG(id));
    rc = hub->hit_at(hub->ctx, offset, a, r, d);
    if (rc != ERR_OK)
        return rc;
    if (hit_read(r->value, a, h, &unreadable) != ERR_OK || h->visit == NULL || !str_eq(h->scope, call->scope) ||
        (*index != SIZE_MAX && *index >= h->decision_count))
        return diag_set(d, ERR_NOT_FOUND, "decision '%.*s' not found", STR_ARG(id));
    return ERR_OK;
}

static void
one_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct diag d = DIAG_INIT;
    struct arena scratch;
    struct record r;
    struct hit h;
    struct jw w;
    size_t index;
    enum err rc;

    if (!is_possible(call, rq, rs))
        return;
    arena_init(&scratch, SCRATCH_BYTES);
    rc = find(call, id, &index, &r, &h, &scratch, &d);
    if (rc == ERR_OK) {
        w = admin_json(rs, 200);
        jw_object(&w);
        jw_kstr(&w, S("id"), id);
        rc = decision_why(call, &r, &h, index, &scratch, &w, &d);
        jw_end(&w);
    }
    arena_deinit(&scratch);
    if (rc == ERR_OK && buf_ok(rs->body))
        return;
    buf_clear(rs->body);
    admin_fail(rq, rs, STYLE, rc == ERR_LIMIT ? 422 : 0, rc, &d);
}

static const struct route routes[] = {
    {HTTP_GET, PATH, 0, list_get},
    {HTTP_GET, PATH "/{id}", 0, one_get},
};
const struct family family_decision = {routes, sizeof routes / sizeof *routes, STYLE, false};
