/* option.c - options and click metrics of a delivery answer, as text made in advance [TARGET 1.4, 2.9].
 *
 *   {"type":"html","content":".."  <token> <response tokens> }
 *   {"type":"actions","content":[ change , change ] <token> <response tokens> }
 *                                 ^start  ^end of every change are remembered, as some may have audiences
 *
 * The places in angle brackets are holes: a token is sent in a prefetch only, response tokens where some are switched
 * on. Visual changes of one activity are one option; so is every other offer. */
#include "codec/json_writer.h"
#include "decide/template.h"
#include "rule/lowercase.h"

struct option_list {
    struct render r;
    struct option_part *parts;
    size_t n, cap;
    struct item *changes;
    size_t change_count, change_cap;
    struct metric_part *metrics;
    size_t metric_count;
};

static void *
grow(struct option_list *l, void *items, size_t n, size_t *cap, size_t bytes)
{
    size_t more = *cap ? *cap * 2 : 4;
    void *p = arena_calloc(l->r.a, more, bytes);

    if (p == NULL) {
        l->r.full = true;
        return NULL;
    }
    if (n > 0)
        memcpy(p, items, n * bytes);
    *cap = more;
    return p;
}

/* ---- tokens ---- */

/* ,"eventToken":".." of a display, or of a click. */
static struct str
token_member(struct option_list *l, uint32_t metric)
{
    const struct proposition_source *src = l->r.src;
    struct decide_token token = {src->activity->id, src->experience->id, src->scope, metric};
    size_t from = l->r.out->n;

    buf_put(l->r.out, S(",\"eventToken\":\""));
    decide_token_write(l->r.out, src->token_key, &token);
    buf_putc(l->r.out, '"');
    return template_take_tail(&l->r, from);
}

static const char *const known_names[] = {"activity.id", "activity.name", "experience.id", "experience.name",
                                          "offer.id",    "offer.name",    "option.id",     "option.name"};
#define KNOWN_NAMES (sizeof(known_names) / sizeof(known_names[0]))

unsigned
known_token_bit(struct str name)
{
    for (size_t i = 0; i < KNOWN_NAMES; i++) {
        if (str_eq(name, str_of(known_names[i])))
            return 1u << i;
    }
    return 0;
}

/* "activity.id":"..",.. of what is switched on and known [TARGET 2.8]. */
static struct str
known_tokens(struct option_list *l)
{
    const struct activity *a = l->r.src->activity;
    const struct experience *e = l->r.src->experience;
    const struct placed_option *o = l->r.option;
    const struct str values[KNOWN_NAMES] = {a->id, a->name, e->id, e->name, o->offer_id, o->offer_name, o->id, o->name};
    size_t from = l->r.out->n, n = 0;

    for (size_t i = 0; i < KNOWN_NAMES; i++) {
        if (values[i].n == 0 || (l->r.src->known_tokens & 1u << i) == 0)
            continue;
        if (n++ > 0)
            buf_putc(l->r.out, ',');
        json_quote(l->r.out, str_of(known_names[i]));
        buf_putc(l->r.out, ':');
        json_quote(l->r.out, values[i]);
    }
    return template_take_tail(&l->r, from);
}

/* ---- options ---- */

static struct option_part *
begin_option(struct option_list *l, const struct audience_list *audiences)
{
    if (l->n == l->cap) {
        void *p = grow(l, l->parts, l->n, &l->cap, sizeof(*l->parts));
        if (p == NULL)
            return NULL;
        l->parts = p;
    }
    l->parts[l->n] = (struct option_part){.start = (uint32_t)l->r.out->n,
                                          .first = (uint32_t)l->change_count,
                                          .audiences = audiences && audiences->n ? audiences : NULL};
    return &l->parts[l->n++];
}

static void
end_option(struct option_list *l, struct option_part *p)
{
    struct str token = token_member(l, 0), known = known_tokens(l);

    template_hole(&l->r, ENCODE_PREFETCH, token);
    template_hole(&l->r, ENCODE_TOKENS, known);
    buf_putc(l->r.out, '}');
    p->end = (uint32_t)l->r.out->n;
}

/* {"eventToken":"..", response tokens} */
static void
put_default(struct option_list *l, struct option_part *p)
{
    struct str token = token_member(l, 0), known = known_tokens(l);

    buf_putc(l->r.out, '{');
    buf_put(l->r.out, str_slice(token, 1, token.n)); /* without its comma */
    template_hole(&l->r, ENCODE_TOKENS, known);
    buf_putc(l->r.out, '}');
    p->end = (uint32_t)l->r.out->n;
}

static void
put_form_option(struct option_list *l)
{
    const struct placed_option *o = l->r.option;
    const struct json *content = json_get(o->offer, S("content"));
    enum offer_type type = o->offer ? offer_type(o->offer) : OFFER_UNKNOWN;
    static const char *const heads[] = {[OFFER_HTML] = "{\"type\":\"html\",\"content\":",
                                        [OFFER_JSON] = "{\"type\":\"json\",\"content\":",
                                        [OFFER_REDIRECT] = "{\"type\":\"redirect\",\"content\":",
                                        [OFFER_REMOTE] = "{\"type\":\"dynamic\",\"content\":"};
    struct option_part *p;

    if (o->offer != NULL &&
        (type > OFFER_REMOTE || content == NULL || (type != OFFER_JSON && !json_is(content, JSON_STRING))))
        return;
    p = begin_option(l, o->audiences);
    if (p == NULL)
        return;
    if (o->offer == NULL) { /* nothing to show, and yet a display to count */
        p->is_default = true;
        put_default(l, p);
        return;
    }
    buf_put(l->r.out, str_of(heads[type]));
    if (type == OFFER_JSON)
        template_put_json(&l->r, content);
    else if (type == OFFER_REDIRECT)
        template_put_redirect(&l->r, o->offer);
    else
        template_put_string(&l->r, json_str(content), type == OFFER_HTML ? ENCODE_HTML : ENCODE_URL);
    end_option(l, p);
}

/* ---- visual changes ---- */

/* Sizes and places are texts with a unit: clients fail on numbers [TARGET 2.9]. */
static void
put_lengths(struct option_list *l, const struct json *content)
{
    struct json_iter it = json_iter(content);
    bool first = true;

    buf_putc(l->r.out, '{');
    for (; json_next(&it); first = false) {
        if (!first)
            buf_putc(l->r.out, ',');
        json_quote(l->r.out, it.key);
        buf_putc(l->r.out, ':');
        if (json_is_number(it.value)) {
            buf_putc(l->r.out, '"');
            json_write(l->r.out, it.value);
            buf_put(l->r.out, S("px\""));
        } else {
            template_put_json(&l->r, it.value);
        }
    }
    buf_putc(l->r.out, '}');
}

static void
put_change_content(struct option_list *l, const struct visual_change *x)
{
    if (x->content == NULL || str_eq(x->type, S("remove")))
        return;
    buf_put(l->r.out, S(",\"content\":"));
    if (json_is(x->content, JSON_STRING))
        template_put_string(&l->r, json_str(x->content), change_encode(x->type));
    else if (json_is(x->content, JSON_OBJECT) && (str_eq(x->type, S("move")) || str_eq(x->type, S("resize"))))
        put_lengths(l, x->content);
    else
        template_put_json(&l->r, x->content);
}

static void
put_change(struct option_list *l, const struct visual_change *x)
{
    const struct audience_list *audiences = l->r.option->audiences;
    struct item *item;

    if (str_eq(x->type, S("click"))) /* shows nothing: a metric at most */
        return;
    if (l->change_count == l->change_cap) {
        void *p = grow(l, l->changes, l->change_count, &l->change_cap, sizeof(*l->changes));
        if (p == NULL)
            return;
        l->changes = p;
    }
    item = &l->changes[l->change_count++];
    *item = (struct item){.start = (uint32_t)l->r.out->n, .audiences = audiences && audiences->n ? audiences : NULL};
    buf_put(l->r.out, S("{\"type\":"));
    json_quote(l->r.out, x->type);
    if (x->selector.n > 0) {
        buf_put(l->r.out, S(",\"selector\":"));
        json_quote(l->r.out, x->selector);
        buf_put(l->r.out, S(",\"cssSelector\":"));
        json_quote(l->r.out, x->css.n ? x->css : x->prehiding.n ? x->prehiding : x->selector);
    }
    put_change_content(l, x);
    buf_putc(l->r.out, '}');
    item->end = (uint32_t)l->r.out->n;
}

static void
each_change(struct option_list *l, const struct json *list,
            bool (*read)(const struct json *o, struct str selector, struct visual_change *out))
{
    struct json_iter it = json_iter(list);
    struct visual_change x;

    while (json_next(&it)) {
        if (read(it.value, l->r.option->selector, &x))
            put_change(l, &x);
    }
}

static void
put_visual(struct option_list *l)
{
    const struct placed_option *o = l->r.option;
    struct visual_change whole = {.type = S("setHtml"), .selector = o->selector, .css = o->selector};

    if (o->templates != NULL) {
        each_change(l, o->templates, change_of_template);
    } else if (offer_type(o->offer) == OFFER_ACTIONS) {
        each_change(l, json_get(o->offer, S("actions")), change_of_action);
    } else {
        whole.content = json_get(o->offer, S("content"));
        if (offer_type(o->offer) == OFFER_JSON)
            whole.type = S("setJson");
        put_change(l, &whole);
    }
}

static bool
is_visual(const struct placed_option *o)
{
    return o->templates != NULL || (o->offer != NULL && (o->selector.n > 0 || offer_type(o->offer) == OFFER_ACTIONS));
}

static void
put_all_visual(struct option_list *l)
{
    const struct proposition_source *src = l->r.src;
    struct option_part *p = NULL;

    for (size_t i = 0; i < src->option_count && !l->r.full; i++) {
        if (!is_visual(&src->options[i]))
            continue;
        l->r.option = &src->options[i];
        if (p == NULL) {
            p = begin_option(l, NULL);
            buf_put(l->r.out, S("{\"type\":\"actions\",\"content\":["));
        }
        put_visual(l);
    }
    if (p == NULL || l->r.full)
        return;
    p = &l->parts[l->n - 1];
    p->count = (uint32_t)(l->change_count - p->first);
    if (p->count == 0) { /* nothing but clicks */
        l->r.out->n = p->start;
        l->n--;
        return;
    }
    buf_putc(l->r.out, ']');
    end_option(l, p);
}

/* ---- metrics ---- */

static bool
clicks_here(const struct proposition_source *src, const struct placed_click *click)
{
    bool page = src->view || str_eq(src->scope, PAGE_SCOPE);

    return click->selector.n > 0 ? page : !src->view && str_eq(click->location, src->scope);
}

static void
put_metrics(struct option_list *l)
{
    const struct proposition_source *src = l->r.src;
    size_t begin = l->r.out->n;

    l->metrics = ARENA_ARRAY(l->r.a, struct metric_part, src->click_count + 1);
    if (l->metrics == NULL) {
        l->r.full = true;
        return;
    }
    for (size_t i = 0; i < src->click_count; i++) {
        const struct placed_click *click = &src->clicks[i];
        struct metric_part *part = &l->metrics[l->metric_count];
        if (!clicks_here(src, click))
            continue;
        *part = (struct metric_part){.start = (uint32_t)(l->r.out->n - begin), .metric = click->metric};
        buf_put(l->r.out, S("{\"type\":\"click\""));
        if (click->selector.n > 0) {
            buf_put(l->r.out, S(",\"selector\":"));
            json_quote(l->r.out, click->selector);
        }
        buf_put(l->r.out, token_member(l, click->metric));
        buf_putc(l->r.out, '}');
        part->end = (uint32_t)(l->r.out->n - begin);
        l->metric_count++;
    }
}

/* Ids that are numbers are numbers, as clients know them. */
static void
put_offers(struct option_list *l)
{
    const struct proposition_source *src = l->r.src;
    int64_t number;

    for (size_t i = 0, n = 0; i < src->option_count; i++) {
        if (src->options[i].offer_id.n == 0)
            continue;
        buf_putc(l->r.out, n++ > 0 ? ',' : '[');
        if (str_to_i64(src->options[i].offer_id, &number))
            buf_put_i64(l->r.out, number);
        else
            json_quote(l->r.out, src->options[i].offer_id);
    }
}

bool
delivery_render(const struct proposition_source *src, struct arena *a, struct buf *scratch, struct delivery_text *out)
{
    struct option_list l = {.r = {.src = src, .a = a, .out = scratch}};
    size_t n, offers;

    *out = (struct delivery_text){0};
    buf_clear(scratch);
    for (size_t i = 0; i < src->option_count && !l.r.full; i++) {
        l.r.option = &src->options[i];
        if (!is_visual(l.r.option))
            put_form_option(&l);
    }
    put_all_visual(&l);
    n = scratch->n;
    put_metrics(&l);
    offers = scratch->n;
    put_offers(&l);
    if (scratch->n > offers)
        buf_putc(scratch, ']');
    if (l.r.full || !buf_ok(scratch))
        return false;
    out->metrics = arena_str(a, str_slice(buf_str(scratch), n, offers));
    out->offers = arena_str(a, str_slice(buf_str(scratch), offers, scratch->n));
    out->text = l.n > 0 ? arena_str(a, str_slice(buf_str(scratch), 0, n)) : S_NULL;
    out->options = l.parts;
    out->option_count = l.n;
    out->items = l.changes;
    out->metric_parts = l.metrics;
    out->metric_count = l.metric_count;
    out->holes = l.r.holes;
    out->hole_count = l.r.hole_count;
    return out->metrics.p != NULL && (l.n == 0 || out->text.p != NULL);
}

/* ---- writing ---- */

static void
put_response_tokens(const struct hole *h, const struct delivery_filter *f, struct request_view *v, struct buf *out)
{
    size_t from = out->n, n = 0;

    if (f == NULL || (h->otherwise.n == 0 && f->set->response_count == 0))
        return;
    buf_put(out, S(",\"responseTokens\":{"));
    if (h->otherwise.n > 0) {
        buf_put(out, h->otherwise);
        n = 1;
    }
    for (size_t i = 0; i < f->set->response_count; i++) {
        const struct response_field *x = &f->set->response_fields[i];
        const struct json *node = NULL;
        struct str value;
        if (!request_field(v, &x->field, &value, &node))
            continue;
        if (n++ > 0)
            buf_putc(out, ',');
        json_quote(out, x->name);
        buf_putc(out, ':');
        if (json_is(node, JSON_ARRAY)) /* categories; everything else is text, numbers too */
            json_write(out, node);
        else
            json_quote(out, x->lower ? lowercase_str(value, v->arena) : value);
    }
    buf_putc(out, '}');
    if (n == 0)
        buf_cut(out, from);
}

void
hole_write(const struct hole *h, const struct delivery_filter *f, struct request_view *v, struct buf *out)
{
    const struct json *node;
    struct str value;

    switch (h->encode) {
    case ENCODE_PREFETCH:
        if (f != NULL && f->prefetch)
            buf_put(out, h->otherwise);
        return;
    case ENCODE_TOKENS:
        put_response_tokens(h, f, v, out);
        return;
    case ENCODE_CARRY:
        redirect_write(h, v, out);
        return;
    case ENCODE_REMOTE:
        if (v->rq->remote == NULL)
            return;
        v->remote_missing |= !v->rq->remote(v->rq->ctx, h->field.name, &value);
        if (!v->remote_missing)
            template_put_value(out, value, ENCODE_TEXT);
        return;
    case ENCODE_TEXT:
    case ENCODE_HTML:
    case ENCODE_URL:
        break;
    }
    if (!request_field(v, &h->field, &value, &node))
        buf_put(out, h->otherwise);
    else if (value.n == 0)
        buf_put(out, h->if_empty);
    else
        template_put_value(out, value, h->encode);
}

struct walk {
    const struct delivery_text *t;
    const struct delivery_filter *f;
    struct request_view *v;
    struct buf *out;
    size_t next; /* the first hole not written */
};

/* text[from, to) with the holes in it; a hole at `to` belongs to what comes next. */
static void
put_range(struct walk *w, size_t from, size_t to)
{
    const struct delivery_text *t = w->t;

    while (w->next < t->hole_count && t->holes[w->next].at < from)
        w->next++;
    for (; w->next < t->hole_count && t->holes[w->next].at < to; w->next++) {
        buf_put(w->out, str_slice(t->text, from, t->holes[w->next].at));
        from = t->holes[w->next].at;
        hole_write(&t->holes[w->next], w->f, w->v, w->out);
    }
    buf_put(w->out, str_slice(t->text, from, to));
}

static bool
put_changes(struct walk *w, const struct option_part *p)
{
    const struct item *items = w->t->items + p->first;
    bool any = false;

    put_range(w, p->start, items[0].start);
    for (uint32_t i = 0; i < p->count; i++) {
        if (items[i].audiences != NULL && !w->f->match(w->f->ctx, items[i].audiences))
            continue;
        if (any)
            buf_putc(w->out, ',');
        put_range(w, items[i].start, items[i].end);
        any = true;
    }
    put_range(w, items[p->count - 1].end, p->end);
    return any;
}

bool
delivery_write(const struct delivery_text *t, const struct delivery_filter *f, struct request_view *v, struct buf *out)
{
    struct walk w = {t, f, v, out, 0};
    size_t from = out->n;
    bool any = false;

    for (size_t i = 0; i < t->option_count; i++) {
        const struct option_part *p = &t->options[i];
        size_t before = out->n;
        bool shown = p->count > 0 || p->audiences == NULL || f->match(f->ctx, p->audiences);
        if (shown && p->is_default && !f->prefetch) {
            any = true;
            continue;
        }
        if (out->n > from)
            buf_putc(out, ',');
        if (p->count > 0)
            shown = put_changes(&w, p);
        else if (shown)
            put_range(&w, p->start, p->end);
        if (!shown)
            out->n = before;
        any |= shown;
    }
    return any;
}
