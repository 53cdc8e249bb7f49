/* edge_doc_visitor.c - the visitor of the Target part in an edge's document: its fold, where it is, and what version 1
 * had in its place. */
#include "profile/edge_doc_int.h"

#include "base/limits.h"
#include "visitor/visitor.h"

static enum err
no_memory(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for a visitor");
}

static enum err
put_visitor(struct edge_doc *doc, struct visitor *v, struct arena *a, struct diag *d)
{
    struct buf bytes;

    buf_init_in(&bytes, a, LIMIT_VISITOR_BYTES);
    visitor_write(&bytes, v);
    if (!buf_ok(&bytes)) {
        visitor_fit(v, LIMIT_VISITOR_BYTES);
        buf_clear(&bytes);
        visitor_write(&bytes, v);
    }
    if (!buf_ok(&bytes))
        return no_memory(d);
    doc->visitor = buf_str(&bytes);
    return ERR_OK;
}

/* Bytes that do not read are of a visitor who is new here: damage costs the memory of what he saw, not the fold. */
static enum err
read_or_new(struct str bytes, struct arena *a, struct visitor *v, struct diag *d)
{
    enum err rc = visitor_read(bytes, a, v, d);

    if (rc == ERR_CORRUPT)
        visitor_init(v, a);
    return rc == ERR_CORRUPT ? ERR_OK : rc;
}

static enum err
absorb_all(struct visitor *v, const struct str *absorbed, size_t n, struct arena *a, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        struct visitor other;
        rc = read_or_new(absorbed[i], a, &other, d);
        if (rc == ERR_OK)
            visitor_absorb(v, &other);
    }
    return rc;
}

enum err
edge_doc_fold_visitor(struct edge_doc *doc, const struct hit *h, int64_t now_ms, uint64_t offset,
                      const struct str *absorbed, size_t absorbed_count, struct arena *a, struct diag *d)
{
    bool refused = a->refused;
    struct visitor v;
    enum err rc;

    if (!visitor_concerned(h))
        return ERR_OK;
    rc = read_or_new(doc->visitor, a, &v, d);
    if (rc != ERR_OK || visitor_has(&v, offset))
        return rc;
    a->refused = false;
    rc = absorb_all(&v, absorbed, absorbed_count, a, d);
    if (rc == ERR_OK)
        visitor_fold(&v, h, now_ms, offset, NULL, NULL);
    if (rc == ERR_OK && a->refused)
        rc = no_memory(d);
    a->refused |= refused;
    if (rc != ERR_OK)
        return rc;
    edge_doc_touch(doc, now_ms);
    return put_visitor(doc, &v, a, d);
}

void
edge_doc_fold_link(struct edge_doc *doc, struct str place, int64_t now_ms, uint64_t offset)
{
    edge_doc_touch(doc, now_ms);
    if (doc->visitor_at_from > offset)
        return; /* what is there was said later, or is this */
    doc->visitor_at = place;
    doc->visitor_at_from = offset + 1;
}

static enum err
read_sticky(struct unpack *u, size_t n, struct arena *a, struct hit *h, struct diag *d)
{
    h->decisions = ARENA_ARRAY(a, struct hit_decision, n);
    if (h->decisions == NULL)
        return no_memory(d);
    for (; h->decision_count < n; h->decision_count++) {
        h->decisions[h->decision_count].activity = unpack_str(u);
        h->decisions[h->decision_count].experience = unpack_str(u);
        h->decisions[h->decision_count].sticky = true;
    }
    return ERR_OK;
}

/* They have no time of their own: that of the last visit orders them behind nothing that came later. */
enum err
edge_doc_read_assignments(struct unpack *u, struct arena *a, struct edge_doc *doc, struct diag *d)
{
    size_t n = edge_doc_unpack_count(u);
    struct hit h = {0};
    struct visitor v;
    struct str params;
    enum err rc;

    visitor_init(&v, a);
    rc = read_sticky(u, n, a, &h, d);
    if (rc != ERR_OK)
        return rc;
    params = unpack_str(u);
    if (u->bad || (n == 0 && params.n == 0))
        return ERR_OK; /* damage is seen at the end */
    if (params.n > 0 && json_parse(params, a, &h.profile_params, NULL) != ERR_OK)
        h.profile_params = NULL; /* ours, and only a convenience */
    visitor_fold(&v, &h, doc->seen_ms, VISITOR_ONCE, NULL, NULL);
    return put_visitor(doc, &v, a, d);
}
