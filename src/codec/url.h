/* url.h - percent coding, query strings and the parts of a URL.   Threads  any, no state. */
#ifndef CODEC_URL_H
#define CODEC_URL_H

#include "base/arena.h"
#include "base/buf.h"

/* Decodes %XX (and '+' to blank when plus is true) into the arena; malformed escapes stay as they are. p NULL: no
 * memory. */
struct str url_decode(struct str s, bool plus, struct arena *a);
/* Appends s with everything but unreserved characters as %XX. */
void url_encode(struct buf *out, struct str s);

/* Walks "a=1&b=2": false at the end. name and value are raw slices. */
bool url_query_next(struct str *rest, struct str *name, struct str *value);

/* Parts are slices of the input, empty when absent: "https://www.shop.test:8443/p?q=1#f". */
struct url {
    struct str scheme, host, port, path, query, fragment;
};
/* Lenient, as browsers are: text without a scheme is a path. */
struct url url_parse(struct str s);

/* The whole URL, byte by byte; '*' stands for any characters, none included. */
bool url_matches(struct str url, struct str pattern);

#endif
