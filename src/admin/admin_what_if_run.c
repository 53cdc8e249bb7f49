/* admin_what_if_run.c - the log, hit by hit, in two worlds.
 *
 *   before `since`    the hits as they are recorded: visitors become who they were
 *   from `since` on   the configuration in force decides in one world, the draft in the other, and each world's
 * visitors learn what was decided there
 *
 * The log is read from its beginning, whatever `since` is, because a visitor's memberships may be as old. */
#include "admin/admin_what_if.h"
#include "base/limits.h"

#define REPORT_RECORDS 1000 /* between two looks at whether it is still wanted */

struct walk {
    struct evaluator *ev;
    struct evaluation *e;
    struct what_if *w;
    const struct rerun_ops *ops;
    struct rerun *present, *changed; /* changed NULL: `since` has not come */
    struct arena arena;              /* of one hit */
    uint64_t read;
    bool begun;
    struct diag *d;
    enum err rc;
};

static enum err
begin(struct walk *x, const struct record *first)
{
    struct rerun_options o = {.scope = x->e->scope,
                              .bytes_max = LIMIT_WHAT_IF_BYTES,
                              .share = x->w->share,
                              .from_beginning = first->offset == 0,
                              .begins_ms = first->time_ms};

    x->begun = true;
    x->w->begins_ms = first->offset > 0 ? first->time_ms : 0;
    return x->ops->open(x->ops->ctx, &o, &x->present, x->d);
}

static enum err
decide(struct walk *x, const struct record *r, const struct hit *h)
{
    struct rerun_result before = {0}, after;
    enum err rc = ERR_OK;

    if (x->changed == NULL)
        rc = x->ops->copy(x->present, &x->changed, x->d);
    if (rc == ERR_OK)
        rc = x->ops->decide(x->present, x->w->present, h, r->time_ms, false, &x->arena, &before, x->d);
    if (rc == ERR_OK)
        rc = x->ops->decide(x->changed, x->w->changed, h, r->time_ms, false, &x->arena, &after, x->d);
    if (rc == ERR_OK && before.asked)
        rc = what_if_count(x->w, r, h, &before, &after, x->d);
    return rc;
}

static enum err
record(struct walk *x, const struct record *r, const struct hit *h)
{
    enum err rc = x->ops->record(x->present, h, r->time_ms, &x->arena, x->d);

    if (rc == ERR_OK && x->changed != NULL) /* out of order */
        rc = x->ops->record(x->changed, h, r->time_ms, &x->arena, x->d);
    return rc;
}

static bool
each_record(void *ctx, const struct record *r)
{
    struct walk *x = ctx;
    struct diag unreadable = DIAG_INIT;
    struct hit h;

    if (x->read++ % REPORT_RECORDS == 0 && !evaluator_report(x->ev, x->e, x->read, x->w->requests))
        x->rc = diag_set(x->d, ERR_CANCELLED, "cancelled");
    if (x->rc == ERR_OK && !x->begun)
        x->rc = begin(x, r);
    if (x->rc != ERR_OK || r->time_ms > x->w->until_ms)
        return x->rc == ERR_OK;
    arena_reset(&x->arena);
    x->arena.refused = false;
    if (hit_read(r->value, &x->arena, &h, &unreadable) != ERR_OK || h.source != SOURCE_EDGE)
        return true;
    x->rc = r->time_ms < x->w->since_ms ? record(x, r, &h) : decide(x, r, &h);
    x->w->limited = x->w->requests == x->w->limit;
    return x->rc == ERR_OK && !x->w->limited;
}

enum err
what_if_run(struct evaluator *ev, struct evaluation *e, struct diag *d)
{
    const struct admin_hub *hub = &ev->admin->o.hub;
    struct walk x = {.ev = ev, .e = e, .w = e->what_if, .ops = &ev->admin->o.rerun, .d = d};
    enum err rc;

    arena_init(&x.arena, 4 * (size_t)LIMIT_REQUEST_ARENA_BYTES); /* two decisions of one request */
    rc = hub->collected(hub->ctx, INT64_MIN, each_record, &x, d);
    if (rc == ERR_OK)
        rc = x.rc;
    if (rc == ERR_OK)
        (void)evaluator_report(ev, e, x.read, x.w->requests); /* it is over, wanted or not */
    x.ops->close(x.present);
    x.ops->close(x.changed);
    arena_deinit(&x.arena);
    return rc;
}
