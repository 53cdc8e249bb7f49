/* edge_mbox.c - the cookie of at.js, on a page that moves to the Web SDK and asks for it  [EDGE 5.9, C-38],
 * [TARGET 1.9].
 *
 *   session#<session id>#<ends, in seconds>|PC#<Target id>#<ends>
 *
 * What it says is taken up as a delivery request would say it: the visitor of the Target id, and his session. What goes
 * back is the same, renewed, so that a page with at.js afterwards, or before, is of the same visit. Whoever has none is
 * given a session id made from the ECID, which is the same for as long as nobody keeps the cookie, and the Target id
 * that rules and tokens say.
 *
 * The suffix of a Target id names one of the vendor's hosts, and clients that find one leave for it [TARGET 0.3]: it is
 * not given back. Values come from anybody: what has other characters than ids have is no id. */
#include "base/civil.h"
#include "base/limits.h"
#include "codec/url.h"
#include "edge/edge_int.h"

#define SESSION_S 1860
#define SESSION_DIGITS 32

static bool
is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return s.n > 0 && s.n <= EDGE_MBOX_ID_BYTES;
}

static void
keep(struct edge_mbox_id *to, struct str id)
{
    ptrdiff_t dot = str_find_char(id, '.');

    if (dot >= 0)
        id.n = (size_t)dot;
    if (!is_id(id))
        return;
    memcpy(to->text, id.p, id.n);
    to->n = id.n;
}

void
edge_mbox_read(struct edge_call *c, struct str cookie)
{
    struct str rest = url_decode(cookie, false, c->arena), entry, name, value;
    int64_t ends_s;

    while (rest.p != NULL && str_split(&rest, '|', &entry)) {
        if (!str_split(&entry, '#', &name) || !str_split(&entry, '#', &value) || !str_to_i64(entry, &ends_s) ||
            ends_s < c->now_ms / MS_PER_SECOND)
            continue;
        if (str_eq(name, S("session")) && is_id(value)) {
            memcpy(c->mbox.session.text, value.p, value.n);
            c->mbox.session.n = value.n;
        } else if (str_eq(name, S("PC"))) {
            keep(&c->mbox.tnt_id, value);
        }
    }
}

static struct str
text_of(const struct edge_mbox_id *id)
{
    return (struct str){id->text, id->n};
}

struct str
edge_mbox_session(const struct edge_call *c)
{
    return c->mbox.session.n > 0 ? text_of(&c->mbox.session) : (struct str){c->device.ecid, SESSION_DIGITS};
}

/* Of a device whose visitor lies elsewhere, edge_visitor_find() knows the id. */
struct str
edge_mbox_tnt_id(const struct edge_call *c, const struct edge_doc *device)
{
    struct visitor v;
    struct diag d = DIAG_INIT;

    if (c->mbox.tnt_id.n > 0)
        return text_of(&c->mbox.tnt_id);
    if (device->visitor_at.n > 0 || c->view == NULL)
        return S_NULL;
    if (visitor_read(device->visitor, c->arena, &v, &d) == ERR_OK && v.tnt_id.n > 0)
        return v.tnt_id;
    return ecid_tnt_id(c->view->token_key, (struct str){c->device.ecid, ECID_BYTES}, c->arena);
}

void
edge_mbox_keep(struct edge_call *c, struct str tnt_id)
{
    keep(&c->mbox.tnt_id, tnt_id);
}

bool
edge_mbox_write(struct edge_call *c, struct str *value)
{
    struct str session = edge_mbox_session(c), tnt_id = text_of(&c->mbox.tnt_id);
    long long now_s = c->now_ms / MS_PER_SECOND;

    if (tnt_id.n == 0)
        return false;
    *value = arena_printf(c->arena, "session#%.*s#%lld|PC#%.*s#%lld", STR_ARG(session), now_s + SESSION_S,
                          STR_ARG(tnt_id), now_s + EDGE_MBOX_S);
    return value->p != NULL;
}
