/* edge_facts.c - see edge_facts.h. */
#include "edge/edge_facts.h"

#include "base/limits.h"
#include "segment/membership.h"

#define TEXT_BYTES (LIMIT_EDGE_BODY_BYTES + 65536u)

void
edge_facts_header(struct edge_facts *f, struct str name, struct str value)
{
    for (size_t i = 0; i < f->header_count; i++) {
        if (str_eq_nocase(f->headers[i].name, name))
            return;
    }
    if (f->header_count < LIMIT_ASKED_HEADERS)
        f->headers[f->header_count++] = (struct edge_facts_header){name, value};
}

static void
write_headers(struct jw *w, const struct edge_facts *f)
{
    size_t room = LIMIT_ASKED_ATTRIBUTE_BYTES;

    if (f->header_count == 0)
        return;
    jw_key(w, S("headers"));
    jw_object(w);
    for (size_t i = 0; i < f->header_count; i++) {
        if (f->headers[i].value.n > room)
            continue; /* as if nobody had asked: whoever asks again learns that it is not known */
        room -= f->headers[i].value.n;
        jw_key(w, f->headers[i].name);
        if (f->headers[i].value.p == NULL)
            jw_null(w);
        else
            jw_str(w, f->headers[i].value);
    }
    jw_end(w);
}

/* The ids of the person's audiences, without repeats; SIZE_MAX: too many. */
static size_t
list_audiences(const struct edge_facts_source *src, struct str *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < src->person->membership_count; i++) {
        struct str id = src->person->memberships[i].audience;
        if (!src->in_audience(src->ctx, id))
            continue;
        if (n == LIMIT_ASKED_AUDIENCES)
            return SIZE_MAX;
        ids[n++] = id;
    }
    for (size_t i = 0; src->set != NULL && i < src->set->count; i++) {
        const struct projected_membership *m = edge_doc_membership(src->person, src->set->ids[i]);
        if (m != NULL || !src->in_audience(src->ctx, src->set->ids[i]))
            continue;
        if (n == LIMIT_ASKED_AUDIENCES)
            return SIZE_MAX;
        ids[n++] = src->set->ids[i];
    }
    return n;
}

static void
write_person(struct jw *w, const struct edge_facts_source *src)
{
    struct str ids[LIMIT_ASKED_AUDIENCES];
    size_t n = list_audiences(src, ids);

    if (n == SIZE_MAX) {
        jw_kbool(w, S("audiences"), false);
    } else if (n > 0) {
        jw_key(w, S("audiences"));
        jw_array(w);
        for (size_t i = 0; i < n; i++)
            jw_str(w, ids[i]);
        jw_end(w);
    }
    if (src->person->attributes.n > LIMIT_ASKED_ATTRIBUTE_BYTES)
        jw_kbool(w, S("attributes"), false);
    else if (src->person->attributes.n > 0)
        jw_kraw(w, S("attributes"), src->person->attributes);
}

static void
write_list(struct jw *w, struct str key, const struct str *items, size_t n)
{
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, items[i]);
    jw_end(w);
}

static void
write_text(struct jw *w, struct str key, struct str value)
{
    if (value.n > 0)
        jw_kstr(w, key, value);
}

static void
write_steps(struct jw *w, const struct buf *steps)
{
    if (steps == NULL || (steps->n == 0 && !steps->full))
        return;
    jw_key(w, S("scripts"));
    if (!buf_ok(steps)) {
        jw_bool(w, false);
        return;
    }
    jw_array(w);
    jw_raw(w, buf_str(steps));
    jw_end(w);
}

static void
write_event(struct jw *w, const struct edge_facts_source *src)
{
    const struct edge_query *q = &src->event->query;

    if (q->asked)
        write_list(w, S("scopes"), q->scopes, q->scope_count);
    if (q->schema_count > 0)
        write_list(w, S("schemas"), q->schemas, q->schema_count);
    if (src->event->target != NULL)
        jw_kjson(w, S("target"), src->event->target);
    write_text(w, S("userAgent"), src->browser->user_agent);
    write_text(w, S("language"), src->browser->language);
    if (src->browser->client_hints != NULL)
        jw_kjson(w, S("clientHints"), src->browser->client_hints);
    write_text(w, S("property"), src->property_token);
    if (src->qa_mode != NULL)
        jw_kjson(w, S("qaMode"), src->qa_mode);
}

struct str
edge_facts_write(const struct edge_facts_source *src, struct arena *a)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, a, TEXT_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_ki64(&w, S("config"), (int64_t)src->config);
    if (src->before_ms != 0)
        jw_ki64(&w, S("before"), src->before_ms);
    write_headers(&w, src->facts);
    write_person(&w, src);
    write_steps(&w, src->script_steps);
    if (src->event != NULL)
        write_event(&w, src);
    jw_end(&w);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}
