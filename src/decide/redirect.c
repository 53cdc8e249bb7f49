/* redirect.c - what a redirect carries on of the page that it leaves: the page's parameters that its own URL does not
 * have, as they stand, and the session's id as mboxSession, so that the next page's session is the same [TARGET 2.9].
 *
 * The names of the offer's members are ours: public APIs have no redirect offers. A client without sessions passes
 * none. */
#include "codec/url.h"
#include "decide/template.h"

struct carry {
    const struct hole *h;
    struct buf *out;
    struct str own; /* query of the redirect's URL */
    bool any;       /* something stands behind the '?' */
};

static bool
has_parameter(struct str query, struct str wanted)
{
    struct str name, value;

    while (url_query_next(&query, &name, &value)) {
        if (str_eq(name, wanted))
            return true;
    }
    return false;
}

static void
put_separator(struct carry *c)
{
    if (c->any)
        buf_putc(c->out, '&');
    else if (str_find_char(c->h->field.name, '?') < 0)
        buf_putc(c->out, '?');
    c->any = true;
}

static void
put_parameters(struct carry *c, struct str page, bool session)
{
    struct str rest = page_url_parse(page).query, one, query, name, value;

    while (rest.n > 0 && str_split(&rest, '&', &one)) {
        query = one;
        if (!url_query_next(&query, &name, &value) || has_parameter(c->own, name) ||
            (session && str_eq(name, S("mboxSession"))))
            continue;
        put_separator(c);
        template_put_escaped(c->out, one);
    }
}

void
redirect_write(const struct hole *h, const struct request_view *v, struct buf *out)
{
    struct carry c = {.h = h, .out = out, .own = page_url_parse(h->field.name).query};
    struct str page = v->ask != NULL && v->ask->url.p != NULL ? v->ask->url : v->rq->url;
    bool session = (h->carry & CARRY_SESSION) != 0 && v->rq->session.n > 0;

    c.any = c.own.n > 0;
    if (h->carry & CARRY_PARAMETERS)
        put_parameters(&c, page, session);
    if (session) {
        put_separator(&c);
        buf_put(out, S("mboxSession="));
        template_put_value(out, v->rq->session, ENCODE_URL);
    }
}
