/* decision_analytics.c - Analytics for Target: what was shown and met, as the entries "tnta" that Analytics takes
 * [TARGET 9.3]:
 *
 *   activity:experience:type[:algorithm]|event    type 1 targeted, 0 not; event 2 impression, 1 visit, 0 entry, 3 and
 * up the metric's local id, 32767 the goal's
 *
 * Each entry is of the visitor as he was before: the caller asks first and folds then. */
#include "decide/decision_int.h"

const struct visitor_membership *
decision_membership(const struct decision *x, const struct activity *a)
{
    return x->rq->visitor != NULL ? visitor_membership(x->rq->visitor, a->id) : NULL;
}

void
analytics_entry(const struct analytics_of *of, unsigned event, bool first, struct buf *out)
{
    if (!first)
        buf_putc(out, ',');
    template_put_escaped(out, of->activity->id);
    buf_putc(out, ':');
    template_put_escaped(out, of->experience);
    buf_put(out, of->activity->targeted || of->arm == ARM_TARGETED ? S(":1") : S(":0"));
    if (of->algorithm.n > 0) {
        buf_putc(out, ':');
        template_put_escaped(out, of->algorithm);
    }
    buf_putc(out, '|');
    buf_put_i64(out, event);
}

void
analytics_displayed(const struct decision *x, const struct analytics_of *of, bool first, struct buf *out)
{
    const struct visitor_membership *m = decision_membership(x, of->activity);
    bool entered = m != NULL && m->entered && !m->closed;

    analytics_entry(of, 2, first, out);
    if (!entered || m->session != x->rq->visitor->session)
        analytics_entry(of, 1, false, out);
    if (!entered)
        analytics_entry(of, 0, false, out);
}

void
decision_analytics(const struct decision *x, const struct hit_notice *n, struct buf *out)
{
    const struct activity *a = x->s->analytics ? map_get(&x->s->activity_index, n->activity) : NULL;
    const struct visitor_membership *m = a != NULL ? decision_membership(x, a) : NULL;
    struct analytics_of of = {a, n->experience, n->arm, n->algorithm};

    if (a == NULL || !a->analytics)
        return;
    if (n->type == NOTICE_DISPLAY) {
        analytics_displayed(x, &of, out->n == 0, out);
    } else if (n->type == NOTICE_CONVERT && m != NULL) {
        of = (struct analytics_of){a, m->experience, m->arm, m->algorithm};
        analytics_entry(&of, n->metric, out->n == 0, out);
    }
}
