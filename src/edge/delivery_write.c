/* delivery_write.c - the answer [TARGET 1.4]. A success has no member "message" at its top: at.js would take it for an
 * error [TARGET 0.4]. */
#include "edge/delivery_int.h"

static void
put_member(struct buf *out, struct str key, struct str value)
{
    json_quote(out, key);
    buf_putc(out, ':');
    json_quote(out, value);
}

static void
put_ids(struct delivery_work *w, struct buf *out)
{
    struct delivery_call *c = w->c;
    const struct json *customers = json_path(c->body, S("id.customerIds"));

    buf_put(out, S(",\"id\":{"));
    put_member(out, S("tntId"), c->tnt_id.n > 0 ? c->tnt_id : w->found.tnt_id);
    if (c->third_party_id.n > 0) {
        buf_putc(out, ',');
        put_member(out, S("thirdPartyId"), c->third_party_id);
    }
    if (c->ecid.n > 0) {
        buf_putc(out, ',');
        put_member(out, S("marketingCloudVisitorId"), c->ecid);
    }
    if (json_count(customers) > 0) {
        buf_put(out, S(",\"customerIds\":"));
        json_write(out, customers);
    }
    buf_putc(out, '}');
}

/* {"index":0,"name":"hero" and what was decided. */
static void
put_mboxes(const struct delivery_list *l, struct buf *out)
{
    buf_put(out, S("\"mboxes\":["));
    for (size_t i = 0; i < l->n; i++) {
        buf_put(out, i > 0 ? S(",{\"index\":") : S("{\"index\":"));
        json_write(out, l->items[i].index);
        buf_putc(out, ',');
        put_member(out, S("name"), l->items[i].name);
        buf_put(out, l->items[i].answer);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

/* What was decided begins with a comma, which the page has nothing in front of. */
static void
put_page(const struct delivery_place *p, struct buf *out)
{
    buf_put(out, S("\"pageLoad\":{"));
    if (p->answer.n > 0)
        buf_put(out, str_slice(p->answer, 1, p->answer.n));
    buf_putc(out, '}');
}

static void
put_views(const struct delivery_list *l, struct buf *out)
{
    bool first = true;

    buf_put(out, S("\"views\":["));
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].answer.n == 0)
            continue;
        if (!first)
            buf_putc(out, ',');
        buf_put(out, l->items[i].answer);
        first = false;
    }
    buf_putc(out, ']');
}

static void
put_part(struct buf *out, struct str name, const struct delivery_place *page, const struct delivery_list *mboxes,
         const struct delivery_list *views)
{
    bool has_page = page->kind != DELIVERY_NOTHING, has_views = views != NULL && views->n > 0;

    if (!has_page && mboxes->n == 0 && !has_views)
        return;
    buf_putc(out, ',');
    json_quote(out, name);
    buf_put(out, S(":{"));
    if (has_page)
        put_page(page, out);
    if (has_views) {
        buf_put(out, has_page ? S(",") : S(""));
        put_views(views, out);
    }
    if (mboxes->n > 0) {
        buf_put(out, has_page || has_views ? S(",") : S(""));
        put_mboxes(mboxes, out);
    }
    buf_putc(out, '}');
}

static void
put_notifications(const struct delivery_call *c, struct buf *out)
{
    if (c->notice_count == 0)
        return;
    buf_put(out, S(",\"notifications\":["));
    for (size_t i = 0; i < c->notice_count; i++) {
        buf_put(out, i > 0 ? S(",{") : S("{"));
        put_member(out, S("id"), c->notices[i].id);
        if (c->notices[i].trace.n > 0) {
            buf_put(out, S(",\"trace\":"));
            buf_put(out, c->notices[i].trace);
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

void
delivery_answer(struct delivery_work *w)
{
    struct delivery_call *c = w->c;
    struct buf *out = c->rs->body;

    if (c->beacon) {
        c->rs->status = 204;
        return;
    }
    c->rs->status = 200;
    c->rs->content_type = "application/json;charset=UTF-8";
    buf_put(out, S("{\"status\":200,"));
    put_member(out, S("requestId"), c->request_id);
    buf_putc(out, ',');
    put_member(out, S("client"), c->tenant.client);
    put_ids(w, out);
    if (c->x->o.edge_host[0] != '\0') {
        buf_putc(out, ',');
        put_member(out, S("edgeHost"), str_of(c->x->o.edge_host));
    }
    put_part(out, S("execute"), &c->execute_page, &c->execute, NULL);
    put_part(out, S("prefetch"), &c->prefetch_page, &c->prefetch, &c->views);
    put_notifications(c, out);
    buf_putc(out, '}');
}
