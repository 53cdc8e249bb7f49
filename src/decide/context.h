/* context.h - what a user agent text and a URL say, as Target's rules see it [TARGET 4.2, 5.4].
 *
 * Both readers are total: any text has an answer, unknown parts are "unknown", -1 or empty. Results borrow from the
 * input or are literals.   Threads  any.   Cost  about 0.3 us for a user agent, 0.1 us for a URL. */
#ifndef DECIDE_CONTEXT_H
#define DECIDE_CONTEXT_H

#include "base/arena.h"
#include "base/str.h"

struct user_agent {
    struct str browser;  /* edge, mobile safari, safari, chrome, firefox, ie, unknown */
    int version;         /* major; -1: unknown */
    struct str platform; /* iOS, Android, linux, Unix, windows, mac, unknown */
    bool opera;          /* its browser is "chrome", as on device */
    bool iphone, ipad;
    bool phone, tablet;
};

struct user_agent user_agent_parse(struct str text);

/* Slices of the input. host keeps its case; its parts compare without case. */
struct page_url {
    struct str url, host, path, query, fragment;
};

struct page_url page_url_parse(struct str url);

/* Splits a host by its public suffix: "shop.example.co.uk" -> shop, example.co.uk, co.uk. An address, a single label or
 * a bare suffix: registrable is the host, the others are empty. The suffix table is a short list (OURS); anything else
 * counts as a suffix of one label. */
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
