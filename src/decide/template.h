/* template.h - text of offers on its way into a proposition: escaped, tokens replaced or made holes.
 *
 * Shared by template.c (tokens) and proposition.c (items); struct render is one proposition under construction. */
#ifndef DECIDE_TEMPLATE_H
#define DECIDE_TEMPLATE_H

#include "decide/decide_int.h"

struct render {
    const struct proposition_source *src;
    const struct placed_option *option; /* the one being rendered */
    struct arena *a;
    struct buf *out;
    struct item *items;
    size_t item_count, item_cap;
    struct hole *holes;
    size_t hole_count, hole_cap;
    bool full;
};

/* The JSON form of s without its quotes. */
void template_put_escaped(struct buf *out, struct str s);
/* A value as a token's place wants it. */
void template_put_value(struct buf *out, struct str s, enum hole_encode encode);
/* A copy of out's end in the arena, which is then cut off. */
struct str template_take_tail(struct render *r, size_t from);
/* text with its tokens: as the inside of a JSON string, as a string, and any JSON value (tokens in its strings, never
 * in its keys). */
void template_put(struct render *r, struct str text, enum hole_encode encode);
void template_put_string(struct render *r, struct str text, enum hole_encode encode);
void template_put_json(struct render *r, const struct json *v);
/* A hole without a value of the request: `otherwise` is what goes in, as hole_write() says. */
void template_hole(struct render *r, enum hole_encode encode, struct str otherwise);
/* The place of a field that always has a value. */
void template_field(struct render *r, struct field field);
/* The URL of a redirect as a string, with what it carries on of the page: a member includeParameters, and
 * passMboxSession [TARGET 2.9]. */
void template_put_redirect(struct render *r, const struct json *offer);
/* The place of what is behind a URL. */
void template_remote(struct render *r, struct str url);

#endif
