/* odd_option.c - what a client shows and reports: the options and metrics of a delivery answer, as the set has them,
 * with their tokens [TARGET 1.4, 5.5].
 *
 * A token that needs the request would be another text on device (no escapes, no defaults), so its activity is decided
 * by the server alone; and so is one whose text has something left that a client's macros would replace. */
#include "decide/odd_int.h"

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

/* Clients look for macros in HTML and visual changes only. */
static bool
replaces_macros(struct str option)
{
    return str_starts(option, S("{\"type\":\"html\"")) || str_starts(option, S("{\"type\":\"actions\""));
}

static const struct delivery_text *
text_of(const struct odd *o, const struct odd_rule *r)
{
    const struct decide_set *s = o->src->set;
    const struct odd_use *u = r->use;
    const struct location *at = u->kind == ODD_VIEW   ? map_get(&s->views, u->name)
                                : u->kind == ODD_PAGE ? s->page
                                                      : map_get(&s->locations, u->name);

    for (size_t i = 0; at != NULL && i < at->n; i++) {
        const struct placement *p = &at->placements[i];
        if (&s->activities[p->activity] == u->activity->a && p->view == (u->kind == ODD_VIEW))
            return &p->texts[r->experience];
    }
    return NULL;
}

/* Every option of a scope has the location's condition, or none has: odd_condition.c sees to it. */
static bool
always(void *ctx, const struct audience_list *list)
{
    (void)ctx;
    (void)list;
    return true;
}

/* As a prefetch answers, for nobody: a text with tokens of the request makes the activity remote. */
static void
put_options(struct odd *o, struct odd_rule *r, const struct delivery_text *t)
{
    static const struct decide_set without_response_tokens;
    struct delivery_filter filter = {.prefetch = true, .set = &without_response_tokens, .match = always};
    struct request_view nobody = {0};

    for (size_t i = 0; i < t->hole_count; i++) {
        if (t->holes[i].encode == ENCODE_PREFETCH || t->holes[i].encode == ENCODE_TOKENS)
            continue;
        odd_remote(o, r->use->activity, "offer %.*s has tokens of the request", STR_ARG(r->first.offer_id));
        return;
    }
    for (size_t i = 0; i < t->option_count; i++) {
        struct str option = str_slice(t->text, t->options[i].start, t->options[i].end);
        if (replaces_macros(option) && has_macro(option))
            odd_remote(o, r->use->activity, "offer %.*s has a text that clients take for a token",
                       STR_ARG(r->first.offer_id));
    }
    (void)delivery_write(t, &filter, &nobody, &o->scratch); /* false: no options, which was seen before */
}

/* Whose offer and option the rule names: those of the first location that shows something. */
static void
find_first(struct odd *o, struct odd_rule *r)
{
    struct placed_option p;
    bool found = false;

    for (size_t i = 0; i < r->use->spot_count; i++) {
        if (!odd_placed_option(o, r->use, r->experience, &r->use->spots[i], &p))
            continue;
        if (!found)
            r->first = p;
        found = true;
        odd_changed(o, p.offer);
    }
}

void
odd_options(struct odd *o, struct odd_rule *r)
{
    const struct delivery_text *t = text_of(o, r);
    size_t from = o->scratch.n;

    find_first(o, r);
    r->placed = t != NULL && t->option_count > 0;
    buf_putc(&o->scratch, '[');
    if (r->placed)
        put_options(o, r, t);
    buf_putc(&o->scratch, ']');
    r->options = odd_take(o, from);
    buf_putc(&o->scratch, '[');
    if (t != NULL)
        buf_put(&o->scratch, t->metrics);
    buf_putc(&o->scratch, ']');
    r->metrics = odd_take(o, from);
}
