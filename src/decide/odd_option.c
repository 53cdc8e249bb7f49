/* odd_option.c - what a client shows and reports: options and click metrics [TARGET 1.4, 2.9, 5.5].
 *
 * Tokens that name the activity are replaced here, as the server does. A token that needs the request would be another
 * text on device (no escapes, no defaults), so its activity is decided by the server alone; and so is one whose text
 * has something left that a client's macros would replace. */
#include "decide/odd_int.h"
#include "decide/template.h"

struct option_writer {
    struct odd *o;
    struct odd_rule *rule;
    struct proposition_source source;
    struct render render;
    size_t count; /* options so far */
    bool shown;
};

/* ---- texts ---- */

static bool
is_macro_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* "${name}" is what clients replace [TARGET 5.5]. */
static bool
has_macro(struct str text)
{
    ptrdiff_t at;

    while ((at = str_find(text, S("${"))) >= 0) {
        size_t i = (size_t)at + 2;
        while (i < text.n && is_macro_char(text.p[i]))
            i++;
        if (i < text.n && text.p[i] == '}')
            return true;
        text = str_slice(text, (size_t)at + 2, text.n);
    }
    return false;
}

static void
check_text(struct option_writer *w, size_t from)
{
    struct str text = {w->o->scratch.p + from, w->o->scratch.n - from};

    if (w->render.hole_count > 0)
        odd_remote(w->o, w->rule->use->activity, "offer %.*s has tokens of the request",
                   STR_ARG(w->render.option->offer_id));
    else if (has_macro(text))
        odd_remote(w->o, w->rule->use->activity, "offer %.*s has a text that clients take for a token",
                   STR_ARG(w->render.option->offer_id));
}

static void
put_text(struct option_writer *w, const struct json *content, enum hole_encode encode)
{
    size_t from = w->o->scratch.n;

    template_put_string(&w->render, json_str(content), encode);
    check_text(w, from);
}

/* Clients leave JSON as it is: only the server's own tokens matter. */
static void
put_value(struct option_writer *w, const struct json *content)
{
    template_put_json(&w->render, content);
    if (w->render.hole_count > 0)
        check_text(w, w->o->scratch.n);
}

static void
put_token(struct option_writer *w)
{
    const struct odd_activity *a = w->rule->use->activity;
    struct decide_token token = {.activity = a->a->id,
                                 .experience = a->a->experiences[w->rule->experience].id,
                                 .scope = w->rule->use->kind == ODD_PAGE ? PAGE_SCOPE : w->rule->use->name};

    buf_put(&w->o->scratch, S("\"eventToken\":\""));
    decide_token_write(&w->o->scratch, w->o->src->objects->token_key, &token);
    buf_putc(&w->o->scratch, '"');
}

/* ---- options ---- */

static void
begin_option(struct option_writer *w)
{
    if (w->count++ > 0)
        buf_putc(&w->o->scratch, ',');
    buf_putc(&w->o->scratch, '{');
}

static void
end_option(struct option_writer *w, const char *type)
{
    buf_putc(&w->o->scratch, ',');
    put_token(w);
    buf_put(&w->o->scratch, S(",\"type\":\""));
    buf_put(&w->o->scratch, str_of(type));
    buf_put(&w->o->scratch, S("\"}"));
}

static void
put_form_option(struct option_writer *w, const struct placed_option *p)
{
    const struct json *content = json_get(p->offer, S("content"));
    enum offer_type type = p->offer ? offer_type(p->offer) : OFFER_UNKNOWN;
    static const char *const types[] = {[OFFER_HTML] = "html", [OFFER_JSON] = "json", [OFFER_REDIRECT] = "redirect"};

    w->shown = true;
    if (p->offer == NULL) { /* default content: nothing to show, and yet a display to count */
        begin_option(w);
        put_token(w);
        buf_putc(&w->o->scratch, '}');
        return;
    }
    if (type > OFFER_REDIRECT || content == NULL || (type != OFFER_JSON && !json_is(content, JSON_STRING)))
        return;
    begin_option(w);
    buf_put(&w->o->scratch, S("\"content\":"));
    if (type == OFFER_JSON)
        put_value(w, content);
    else
        put_text(w, content, type == OFFER_HTML ? ENCODE_HTML : ENCODE_URL);
    end_option(w, types[type]);
}

/* ---- visual changes: one option with all of them ---- */

struct odd_action {
    struct str type, selector, css;
    const struct json *content;
};

static enum hole_encode
encode_of(struct str type)
{
    return str_eq(type, S("setText")) || str_eq(type, S("setImageSource")) ? ENCODE_TEXT : ENCODE_HTML;
}

static void
put_action(struct option_writer *w, const struct odd_action *x)
{
    struct buf *out = &w->o->scratch;

    if (str_eq(x->type, S("click"))) /* shows nothing: a metric at most */
        return;
    if (w->shown) {
        buf_putc(out, ',');
    } else {
        begin_option(w);
        buf_put(out, S("\"content\":["));
    }
    w->shown = true;
    buf_putc(out, '{');
    if (json_is(x->content, JSON_STRING)) {
        buf_put(out, S("\"content\":"));
        put_text(w, x->content, encode_of(x->type));
        buf_putc(out, ',');
    } else if (x->content != NULL) {
        buf_put(out, S("\"content\":"));
        put_value(w, x->content);
        buf_putc(out, ',');
    }
    if (x->selector.n > 0) {
        buf_put(out, S("\"cssSelector\":"));
        json_quote(out, x->css.n ? x->css : x->selector);
        buf_put(out, S(",\"selector\":"));
        json_quote(out, x->selector);
        buf_putc(out, ',');
    }
    buf_put(out, S("\"type\":"));
    json_quote(out, x->type);
    buf_putc(out, '}');
}

static void
put_offer_actions(struct option_writer *w, const struct placed_option *p)
{
    struct json_iter it = json_iter(json_get(p->offer, S("actions")));

    while (json_next(&it)) {
        const char *type = dom_action_type(json_str(json_get(it.value, S("type"))));
        struct odd_action x = {.content = json_get(it.value, S("content")),
                               .selector = json_str(json_get(it.value, S("selector"))),
                               .css = json_str(json_get(it.value, S("cssSelector")))};
        if (type == NULL)
            continue;
        if (x.css.n == 0)
            x.css = json_str(json_get(it.value, S("prehidingSelector")));
        if (x.selector.n == 0)
            x.selector = p->selector;
        x.type = str_of(type);
        put_action(w, &x);
    }
}

static void
put_templates(struct option_writer *w, const struct placed_option *p)
{
    struct json_iter it = json_iter(p->templates);

    while (json_next(&it)) {
        struct odd_action x = {.type = template_action(json_get(it.value, S("offerTemplateId"))),
                               .selector = p->selector};
        struct json_iter params = json_iter(json_get(it.value, S("templateParameters")));
        while (json_next(&params)) {
            struct str name = json_str(json_get(params.value, S("name")));
            const struct json *value = json_get(params.value, S("value"));
            if (str_eq(name, S("selector")))
                x.selector = json_str(value);
            else if (str_eq(name, S("cssSelector")))
                x.css = json_str(value);
            else if (str_eq(name, S("content")))
                x.content = value;
        }
        if (x.type.n > 0 && x.selector.n > 0)
            put_action(w, &x);
    }
}

static void
put_visual(struct option_writer *w, const struct placed_option *p)
{
    struct odd_action html = {.type = S("setHtml"), .selector = p->selector, .css = p->selector};

    if (p->templates != NULL) {
        put_templates(w, p);
    } else if (p->offer != NULL && offer_type(p->offer) == OFFER_ACTIONS) {
        put_offer_actions(w, p);
    } else if (p->offer != NULL) {
        html.content = json_get(p->offer, S("content"));
        if (offer_type(p->offer) == OFFER_JSON)
            html.type = S("setJson");
        if (html.content != NULL)
            put_action(w, &html);
    }
}

static bool
is_visual(const struct placed_option *p)
{
    return p->templates != NULL || (p->offer != NULL && (p->selector.n > 0 || offer_type(p->offer) == OFFER_ACTIONS));
}

/* ---- metrics ---- */

static void
put_metric(struct option_writer *w, struct str selector)
{
    if (w->count++ > 0)
        buf_putc(&w->o->scratch, ',');
    buf_putc(&w->o->scratch, '{');
    put_token(w);
    if (selector.n > 0) {
        buf_put(&w->o->scratch, S(",\"selector\":"));
        json_quote(&w->o->scratch, selector);
    }
    buf_put(&w->o->scratch, S(",\"type\":\"click\"}"));
}

static void
put_metrics(struct option_writer *w)
{
    const struct odd_use *u = w->rule->use;
    struct json_iter metrics = json_iter(json_get(u->activity->object, S("metrics"))), it;

    w->count = 0;
    buf_putc(&w->o->scratch, '[');
    while (json_next(&metrics)) {
        it = json_iter(json_get(metrics.value, S("clickTrackSelectors")));
        while (u->kind != ODD_MBOX && json_next(&it)) {
            struct str selector = json_str(json_get(it.value, S("selector")));
            if (selector.n > 0)
                put_metric(w, selector);
        }
        it = json_iter(json_get(metrics.value, S("mboxes")));
        while (json_next(&it)) {
            if (str_eq(json_str(json_get(it.value, S("successEvent"))), S("mbox_clicked")) && u->kind != ODD_VIEW &&
                str_eq(json_str(json_get(it.value, S("name"))), u->name))
                put_metric(w, S_NULL);
        }
    }
    buf_putc(&w->o->scratch, ']');
}

void
odd_options(struct odd *o, struct odd_rule *r)
{
    const struct odd_activity *a = r->use->activity;
    size_t from = o->scratch.n, n = 0;
    struct placed_option *placed = ARENA_ARRAY(o->arena, struct placed_option, r->use->spot_count);
    struct option_writer w = {.o = o,
                              .rule = r,
                              .source = {.activity = a->a,
                                         .experience = &a->a->experiences[r->experience],
                                         .scope = r->use->kind == ODD_PAGE ? PAGE_SCOPE : r->use->name}};
    bool form = false;

    if (placed == NULL) {
        o->nomem = true;
        return;
    }
    w.render = (struct render){.src = &w.source, .a = o->arena, .out = &o->scratch};
    buf_putc(&o->scratch, '[');
    for (size_t i = 0; i < r->use->spot_count; i++) {
        if (!odd_placed_option(o, r->use, r->experience, &r->use->spots[i], &placed[n]))
            continue;
        if (n == 0)
            r->first = placed[0];
        odd_changed(o, placed[n].offer);
        w.render.option = &placed[n];
        if (!is_visual(&placed[n++]))
            put_form_option(&w, w.render.option);
    }
    form = w.shown;
    w.shown = false;
    for (size_t i = 0; i < n; i++) {
        w.render.option = &placed[i];
        if (is_visual(&placed[i]))
            put_visual(&w, &placed[i]);
    }
    if (w.shown) {
        buf_putc(&o->scratch, ']');
        end_option(&w, "actions");
    }
    buf_putc(&o->scratch, ']');
    r->placed = form || w.shown;
    r->options = odd_take(o, from);
    put_metrics(&w);
    r->metrics = odd_take(o, from);
    o->nomem |= w.render.full;
}
