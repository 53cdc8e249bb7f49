/* proposition.c - propositions as text made in advance [EDGE 5.2 .. 5.4] [TARGET 1.12].
 *
 *   {"id":"AT:..","scope":"..","scopeDetails":{..},"items":[ item , item ]}
 *                                                           ^start  ^end of every item are remembered
 *
 * Everything about a proposition is known when an activity is saved, save the values of tokens such as ${profile.name}
 * and which items a client takes. So the text is complete, with a list of holes; writing one copies the text between
 * the holes. A proposition without holes of which all items go out is one copy.
 *
 * A click comes back with the scopeDetails of its proposition and with nothing of its item. So each click metric with
 * selectors has a proposition of its own, whose token names the metric; and an id of its own, since the Web SDK keeps
 * one proposition of an id for a selector. */
#include "codec/base64.h"
#include "codec/json_writer.h"
#include "decide/template.h"

#define SCHEMA_PREFIX "https://ns.adobe.com/personalization/"
static const char *const schema_names[ITEM__COUNT] = {"default-content-item", "html-content-item", "json-content-item",
                                                      "redirect-item",        "dom-action",        "measurement"};

unsigned
item_schema_bit(struct str uri)
{
    if (!str_starts(uri, S(SCHEMA_PREFIX)))
        return 0;
    uri = str_slice(uri, sizeof(SCHEMA_PREFIX) - 1, uri.n);
    for (unsigned i = 0; i < ITEM__COUNT; i++) {
        if (str_eq(uri, str_of(schema_names[i])))
            return 1u << i;
    }
    return 0;
}

/* ---- items ---- */

static void
put_member(struct buf *out, const char *key, struct str value)
{
    buf_putc(out, '"');
    buf_put(out, str_of(key));
    buf_put(out, S("\":"));
    json_quote(out, value);
}

/* Response tokens [TARGET 2.8]; those without a value are left out. */
static void
put_meta(struct render *r)
{
    const struct activity *a = r->src->activity;
    const struct experience *e = r->src->experience;
    const struct placed_option *o = r->option;
    const struct {
        const char *key;
        struct str value;
    } members[] = {
        {"activity.id", a->id},       {"activity.name", a->name}, {"experience.id", e->id},
        {"experience.name", e->name}, {"offer.id", o->offer_id},  {"offer.name", o->offer_name},
        {"option.id", o->id},         {"option.name", o->name},
    };
    const char *separator = ",\"meta\":{";

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].value.n == 0)
            continue;
        buf_put(r->out, str_of(separator));
        put_member(r->out, members[i].key, members[i].value);
        separator = ",";
    }
    buf_putc(r->out, '}');
}

/* Begins an item up to its schema; n tells the items of one offer apart ("701", "701-1"), because a client inserts an
 * item id into an element once [EDGE 5.4]. */
static void
item_begin(struct render *r, enum item_schema schema, struct str id, size_t n, bool click,
           const struct audience_list *audiences)
{
    if (r->item_count == r->item_cap) {
        size_t cap = r->item_cap ? r->item_cap * 2 : 4;
        struct item *items = ARENA_ARRAY(r->a, struct item, cap);
        if (items == NULL) {
            r->full = true;
            return;
        }
        if (r->item_count > 0)
            memcpy(items, r->items, r->item_count * sizeof(*items));
        r->items = items;
        r->item_cap = cap;
    }
    if (r->item_count > 0)
        buf_putc(r->out, ',');
    r->items[r->item_count] = (struct item){.start = (uint32_t)r->out->n,
                                            .schema = schema,
                                            .click = click,
                                            .audiences = audiences && audiences->n ? audiences : NULL};
    buf_put(r->out, S("{\"id\":\""));
    template_put_escaped(r->out, id);
    if (n > 0) {
        buf_putc(r->out, '-');
        buf_put_u64(r->out, n);
    }
    buf_put(r->out, S("\",\"schema\":\"" SCHEMA_PREFIX));
    buf_put(r->out, str_of(schema_names[schema]));
    buf_putc(r->out, '"');
}

static void
item_end(struct render *r)
{
    buf_putc(r->out, '}');
    if (!r->full)
        r->items[r->item_count++].end = (uint32_t)r->out->n;
}

static void
put_selector(struct render *r, struct str selector, struct str prehiding)
{
    buf_putc(r->out, ',');
    put_member(r->out, "selector", selector);
    if (prehiding.n > 0) {
        buf_putc(r->out, ',');
        put_member(r->out, "prehidingSelector", prehiding);
    }
}

static void
put_action(struct render *r, const struct visual_change *x, size_t n)
{
    bool click = str_eq(x->type, S("click"));
    struct str id = r->option->offer_id.n ? r->option->offer_id : S("0");
    struct str prehiding = x->prehiding.n ? x->prehiding : x->css.n ? x->css : x->selector;

    item_begin(r, ITEM_DOM, id, n, click, r->option->audiences);
    if (!click)
        put_meta(r);
    buf_put(r->out, S(",\"data\":{"));
    put_member(r->out, "type", x->type);
    buf_put(r->out, S(",\"format\":\"application/vnd.adobe.target.dom-action\""));
    if (x->content != NULL && !click) {
        buf_put(r->out, S(",\"content\":"));
        if (json_is(x->content, JSON_STRING))
            template_put_string(r, json_str(x->content), change_encode(x->type));
        else
            template_put_json(r, x->content);
    }
    if (x->selector.n > 0)
        put_selector(r, x->selector, click ? S_NULL : prehiding);
    buf_putc(r->out, '}');
    item_end(r);
}

static void
each_change(struct render *r, const struct json *list,
            bool (*read)(const struct json *o, struct str selector, struct visual_change *out))
{
    struct json_iter it = json_iter(list);
    struct visual_change x;

    for (size_t n = 0; json_next(&it); n++) {
        if (read(it.value, r->option->selector, &x))
            put_action(r, &x, n);
    }
}

/* content: of a redirect its offer, which says what it carries on. */
static void
put_content_item(struct render *r, enum item_schema schema, const char *format, const struct json *content)
{
    item_begin(r, schema, r->option->offer_id, 0, false, r->option->audiences);
    put_meta(r);
    buf_put(r->out, S(",\"data\":{"));
    put_member(r->out, "id", r->option->offer_id);
    buf_putc(r->out, ',');
    put_member(r->out, "format", str_of(format));
    buf_put(r->out, S(",\"content\":"));
    if (schema == ITEM_JSON)
        template_put_json(r, content);
    else if (schema == ITEM_REDIRECT)
        template_put_redirect(r, content);
    else
        template_put_string(r, json_str(content), ENCODE_HTML);
    buf_putc(r->out, '}');
    item_end(r);
}

/* A hole for what is behind the URL: HTML, at the location's selector if it has one. */
static void
put_remote(struct render *r, const struct json *url)
{
    struct str selector = r->option->selector;

    item_begin(r, selector.n > 0 ? ITEM_DOM : ITEM_HTML, r->option->offer_id, 0, false, r->option->audiences);
    put_meta(r);
    buf_put(r->out, S(",\"data\":{"));
    if (selector.n > 0) {
        put_member(r->out, "type", S("setHtml"));
        buf_put(r->out, S(",\"format\":\"application/vnd.adobe.target.dom-action\",\"content\":\""));
    } else {
        put_member(r->out, "id", r->option->offer_id);
        buf_put(r->out, S(",\"format\":\"text/html\",\"content\":\""));
    }
    template_remote(r, json_str(url));
    buf_putc(r->out, '"');
    if (selector.n > 0)
        put_selector(r, selector, selector);
    buf_putc(r->out, '}');
    item_end(r);
}

static void
put_option(struct render *r)
{
    const struct json *offer = r->option->offer, *content = json_get(offer, S("content"));

    if (r->option->templates != NULL) {
        each_change(r, r->option->templates, change_of_template);
        return;
    }
    if (offer == NULL) {
        item_begin(r, ITEM_DEFAULT, S("0"), 0, false, r->option->audiences);
        put_meta(r);
        item_end(r);
        return;
    }
    switch (offer_type(offer)) {
    case OFFER_HTML:
        if (r->option->selector.n > 0) {
            struct visual_change x = {.type = S("setHtml"), .selector = r->option->selector, .content = content};
            put_action(r, &x, 0);
        } else if (json_is(content, JSON_STRING)) {
            put_content_item(r, ITEM_HTML, "text/html", content);
        }
        break;
    case OFFER_JSON:
        if (content != NULL)
            put_content_item(r, ITEM_JSON, "application/json", content);
        break;
    case OFFER_REDIRECT:
        if (json_is(content, JSON_STRING))
            put_content_item(r, ITEM_REDIRECT, "text/uri-list", offer);
        break;
    case OFFER_REMOTE: /* its content, which is fetched beforehand, is HTML */
        if (json_is(content, JSON_STRING))
            put_remote(r, content);
        break;
    case OFFER_ACTIONS:
        each_change(r, json_get(offer, S("actions")), change_of_action);
        break;
    case OFFER_UNKNOWN:
        break;
    }
}

/* ---- the whole ---- */

/* "AT:" and the base64 of {"activityId":"..","experienceId":".."} [EDGE D.3]; of clicks "metricId":4, too (OURS). */
static void
put_proposition_id(struct render *r, uint32_t metric)
{
    size_t from;
    struct str json;

    buf_put(r->out, S("{\"id\":\"AT:"));
    from = r->out->n;
    buf_putc(r->out, '{');
    put_member(r->out, "activityId", r->src->activity->id);
    buf_putc(r->out, ',');
    put_member(r->out, "experienceId", r->src->experience->id);
    if (metric != 0) {
        buf_put(r->out, S(",\"metricId\":"));
        buf_put_u64(r->out, metric);
    }
    buf_putc(r->out, '}');
    json = template_take_tail(r, from);
    if (json.p != NULL)
        base64_encode(r->out, json);
    buf_putc(r->out, '"');
}

/* Machines choose: which arm or weights it was is known with the visitor [TARGET 8, 9.3]. */
static bool
is_automatic(const struct activity *a)
{
    return a->type == ACTIVITY_AUTO_ALLOCATE || a->type == ACTIVITY_AUTO_TARGET || a->type == ACTIVITY_AP;
}

static void
put_choice(struct render *r, struct str name)
{
    if (is_automatic(r->src->activity))
        template_field(r, (struct field){FIELD_CHOICE, name});
    else
        buf_putc(r->out, '0');
}

static void
put_strategy(struct render *r, const char *step)
{
    buf_printf(r->out, "{\"step\":\"%s\",\"algorithmID\":\"", step);
    put_choice(r, S("algorithm"));
    buf_put(r->out, S("\",\"trafficType\":\""));
    put_choice(r, S("trafficType"));
    buf_put(r->out, S("\"}"));
}

/* One entry: targeted or not, shown [TARGET 9.3]. */
static void
put_analytics_token(struct render *r)
{
    const struct activity *a = r->src->activity;
    const struct experience *e = r->src->experience;

    buf_put(r->out, S("\",\"analyticsToken\":\""));
    template_put_escaped(r->out, a->id);
    buf_putc(r->out, ':');
    template_put_escaped(r->out, e->id);
    if (is_automatic(a)) {
        buf_putc(r->out, ':');
        put_choice(r, S("trafficType"));
        buf_putc(r->out, ':');
        put_choice(r, S("algorithm"));
        buf_put(r->out, S("|2"));
    } else {
        buf_put(r->out, a->targeted || e->audiences.n > 0 ? S(":1|2") : S(":0|2"));
    }
}

/* metric 0: what is displayed, else clicks of that metric. */
static void
put_head(struct render *r, uint32_t metric)
{
    const struct activity *a = r->src->activity;
    const struct experience *e = r->src->experience;
    struct decide_token token = {.activity = a->id, .experience = e->id, .scope = r->src->scope, .metric = metric};

    put_proposition_id(r, metric);
    buf_putc(r->out, ',');
    put_member(r->out, "scope", r->src->scope);
    buf_put(r->out, S(",\"scopeDetails\":{\"decisionProvider\":\"TGT\",\"activity\":{"));
    put_member(r->out, "id", a->id);
    buf_put(r->out, S("},\"experience\":{"));
    put_member(r->out, "id", e->id);
    buf_put(r->out, S("},\"strategies\":["));
    if (metric != 0) {
        put_strategy(r, "conversion");
    } else {
        put_strategy(r, "entry");
        buf_putc(r->out, ',');
        put_strategy(r, "display");
    }
    buf_put(r->out, S("],\"characteristics\":{\"eventToken\":\""));
    decide_token_write(r->out, r->src->token_key, &token);
    if (a->analytics && metric == 0)
        put_analytics_token(r);
    buf_put(r->out,
            r->src->view ? S("\",\"scopeType\":\"view\"},\"correlationID\":\"") : S("\"},\"correlationID\":\""));
    template_put_escaped(r->out, a->id);
    buf_putc(r->out, ':');
    template_put_escaped(r->out, e->id);
    buf_putc(r->out, ':');
    put_choice(r, S("trafficType"));
    buf_put(r->out, S("\"},\"items\":["));
}

/* An action where a client renders, else a measurement that the page takes up. */
static void
put_click(struct render *r, const struct placed_click *click, enum item_schema schema)
{
    item_begin(r, schema, click->id, 0, true, NULL);
    buf_put(r->out, S(",\"data\":{\"type\":\"click\","));
    put_member(r->out, "format",
               schema == ITEM_DOM ? S("application/vnd.adobe.target.dom-action")
                                  : S("application/vnd.adobe.target.metric"));
    put_selector(r, click->selector, S_NULL);
    buf_putc(r->out, '}');
    item_end(r);
}

/* Each with the comma before it, for they follow what is displayed. */
static void
put_click_propositions(struct render *r, enum item_schema schema)
{
    const struct proposition_source *src = r->src;

    for (size_t i = 0; i < src->click_count && !r->full; i++) {
        uint32_t metric = src->clicks[i].metric;
        if (src->clicks[i].selector.n == 0 || (i > 0 && src->clicks[i - 1].metric == metric))
            continue;
        buf_putc(r->out, ',');
        put_head(r, metric);
        r->item_count = 0;
        for (size_t k = i; k < src->click_count && src->clicks[k].metric == metric; k++) {
            if (src->clicks[k].selector.n > 0)
                put_click(r, &src->clicks[k], schema);
        }
        buf_put(r->out, S("]}"));
    }
}

static bool
render_clicks(const struct proposition_source *src, struct arena *a, struct buf *scratch, struct proposition *out)
{
    struct render r = {.src = src, .a = a, .out = scratch};

    out->click_schema = src->view || str_eq(src->scope, PAGE_SCOPE) ? ITEM_DOM : ITEM_MEASUREMENT;
    buf_clear(scratch);
    put_click_propositions(&r, out->click_schema);
    if (r.full || !buf_ok(scratch))
        return false;
    out->clicks = arena_str(a, buf_str(scratch));
    out->click_holes = r.holes;
    out->click_hole_count = r.hole_count;
    return out->clicks.p != NULL;
}

bool
proposition_render(const struct proposition_source *src, struct arena *a, struct buf *scratch, struct proposition *out)
{
    struct render r = {.src = src, .a = a, .out = scratch};

    *out = (struct proposition){0};
    buf_clear(scratch);
    put_head(&r, 0);
    for (size_t i = 0; i < src->option_count && !r.full; i++) {
        r.option = &src->options[i];
        put_option(&r);
    }
    buf_put(scratch, S("]}"));
    if (r.full || !buf_ok(scratch))
        return false;
    if (r.item_count == 0)
        return true;
    out->text = arena_str(a, buf_str(scratch));
    out->items = r.items;
    out->item_count = r.item_count;
    out->holes = r.holes;
    out->hole_count = r.hole_count;
    for (size_t i = 0; i < r.item_count; i++) {
        out->schemas |= 1u << r.items[i].schema;
        out->conditional |= r.items[i].audiences != NULL;
    }
    for (size_t i = 0; i < r.hole_count; i++)
        out->conditional |= r.holes[i].encode == ENCODE_REMOTE;
    return out->text.p != NULL && render_clicks(src, a, scratch, out);
}

/* ---- writing ---- */

/* text[from, to) with the holes in it; *next is the first hole not before from. */
static void
put_range(const struct proposition *p, size_t from, size_t to, size_t *next, struct request_view *v, struct buf *out)
{
    while (*next < p->hole_count && p->holes[*next].at < from)
        (*next)++;
    for (; *next < p->hole_count && p->holes[*next].at <= to; (*next)++) {
        buf_put(out, str_slice(p->text, from, p->holes[*next].at));
        from = p->holes[*next].at;
        hole_write(&p->holes[*next], NULL, v, out);
    }
    buf_put(out, str_slice(p->text, from, to));
}

static void
put_clicks(const struct proposition *p, struct request_view *v, struct buf *out)
{
    size_t from = 0;

    for (size_t i = 0; i < p->click_hole_count; i++) {
        buf_put(out, str_slice(p->clicks, from, p->click_holes[i].at));
        from = p->click_holes[i].at;
        hole_write(&p->click_holes[i], NULL, v, out);
    }
    buf_put(out, str_slice(p->clicks, from, p->clicks.n));
}

static bool
item_goes(const struct item *it, const struct proposition_filter *f)
{
    return (f->schemas & 1u << it->schema) && (it->audiences == NULL || f->match(f->ctx, it->audiences));
}

static bool
write_some(const struct proposition *p, const struct proposition_filter *f, struct request_view *v, struct buf *out)
{
    size_t next = 0, before = out->n, at;
    bool shows = false, first = true;

    put_range(p, 0, p->items[0].start, &next, v, out);
    for (size_t i = 0; i < p->item_count; i++) {
        if (!item_goes(&p->items[i], f))
            continue;
        at = out->n;
        v->remote_missing = false;
        if (!first)
            buf_putc(out, ',');
        put_range(p, p->items[i].start, p->items[i].end, &next, v, out);
        if (v->remote_missing) { /* default content, for this one */
            buf_cut(out, at);
            continue;
        }
        first = false;
        shows |= !p->items[i].click; /* clicks alone show nothing: there is nothing to deliver */
    }
    if (!shows) {
        out->n = before;
        return false;
    }
    buf_put(out, S("]}"));
    return true;
}

static bool
write_displayed(const struct proposition *p, const struct proposition_filter *f, struct request_view *v,
                struct buf *out)
{
    size_t next = 0;

    if ((p->schemas & f->schemas) == 0)
        return false;
    if (p->conditional || (p->schemas & ~f->schemas) != 0)
        return write_some(p, f, v, out);
    if (p->hole_count == 0)
        buf_put(out, p->text);
    else
        put_range(p, 0, p->text.n, &next, v, out);
    return true;
}

bool
proposition_write(const struct proposition *p, const struct proposition_filter *f, struct request_view *v,
                  struct buf *out)
{
    if (!write_displayed(p, f, v, out))
        return false; /* and there is nothing to click */
    if (f->schemas & 1u << p->click_schema)
        put_clicks(p, v, out);
    return true;
}
