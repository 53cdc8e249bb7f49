/* visitor_absorb.c - two visitors turn out to be one  [TARGET 7.1].
 *
 * What stays is the one who is known by name: his attributes and memberships win, the anonymous one fills gaps. The
 * session goes on: whoever had a request last was there before he told us who he is, so his next request opens none.
 * Every step gives the same again. Offsets are not united: records of the other's place are folded there. */
#include "visitor/visitor_int.h"

static void
absorb_membership(struct visitor *v, const struct visitor_membership *from)
{
    struct visitor_membership *m, copy = *from;

    if (visitor_membership(v, from->activity) != NULL)
        return;
    m = visitor_member(v, from->activity, from->entered_ms);
    if (m == NULL)
        return;
    copy.activity = m->activity;
    *m = copy; /* its texts are borrowed from `from`, which is of the same request */
}

static void
absorb_session(struct visitor *v, const struct visitor *from)
{
    if (from->last_ms <= v->last_ms)
        return;
    if (v->sessions == 0)
        v->before_ms = from->before_ms;
    else if (from->session != v->session)
        v->before_ms = v->last_ms;
    v->session = from->session;
    v->session_ms = from->session_ms;
    v->session_pages = from->session_pages;
    v->page = from->page;
    v->page_number = from->page_number;
    v->last_ms = from->last_ms;
    v->landing_url = from->landing_url;
    v->landing_referrer = from->landing_referrer;
    v->geo = from->geo;
    memcpy(v->impressions, from->impressions, sizeof v->impressions);
    v->impression_count = from->impression_count;
    if (from->sessions > v->sessions) {
        v->sessions = from->sessions;
        v->gaps_ms = from->gaps_ms;
    }
}

static void
fill_text(struct str *to, struct str from)
{
    if (to->n == 0)
        *to = from;
}

void
visitor_absorb(struct visitor *v, const struct visitor *from)
{
    if (!from->known)
        return;
    v->known = true;
    v->named = v->named || from->named;
    fill_text(&v->tnt_id, from->tnt_id);
    fill_text(&v->third_party_id, from->third_party_id);
    fill_text(&v->ecid, from->ecid);
    for (size_t i = 0; i < from->attribute_count; i++) {
        const struct visitor_attribute *x = &from->attributes[i];
        if (visitor_attribute(v, x->name) == NULL)
            (void)visitor_set(v, x->name, x->json, x->modified_ms); /* past the limit: it has no room */
    }
    for (size_t i = 0; i < from->membership_count; i++)
        absorb_membership(v, &from->memberships[i]);
    if (v->category_count == 0) {
        memcpy(v->categories, from->categories, sizeof v->categories);
        v->category_count = from->category_count;
    }
    absorb_session(v, from);
    if (v->first_ms == 0 || (from->first_ms != 0 && from->first_ms < v->first_ms))
        v->first_ms = from->first_ms;
}
