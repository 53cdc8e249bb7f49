/* page_url.h - what a URL says, as Target's rules see it [TARGET 4.2, 5.4].
 *
 * The readers are total: any text has an answer, unknown parts are empty. Results borrow from the input.
 * Threads  any.   Cost  about 0.1 us for a URL, 1 us for the split of a host. */
#ifndef CONTEXT_PAGE_URL_H
#define CONTEXT_PAGE_URL_H

#include "base/arena.h"
#include "base/str.h"

/* Slices of the input. host keeps its case; its parts compare without case. */
struct page_url {
    struct str url, host, path, query, fragment;
};

struct page_url page_url_parse(struct str url);

/* Splits a host by the public suffix list: "shop.example.co.uk" -> shop, example.co.uk, co.uk. An address, a single
 * label, a bare suffix, or a name below no listed suffix: registrable is the host, the others are empty. A leading text
 * "www" of the subdomain is gone, with one character behind it, as on device ("wwwshop" is "hop"). */
struct host_parts {
    struct str subdomain, registrable, suffix;
};
struct host_parts host_split(struct str host);

/* A surface in the one form that compares with others: "web://WWW.shop.test" is "web://www.shop.test/" [EDGE 5.1]. The
 * host in lower case, no query, no slashes at the path's end except of the root; a fragment stays. A name that is no
 * web surface, or that does not change, is given back as it is; else the text is in the arena (p NULL: exhausted). */
struct str surface_canonical(struct str name, struct arena *a);

/* First value of a query parameter, raw; false: absent. */
bool query_value(struct str query, struct str name, struct str *value);

#endif
