/* agent.h - which browser, system and kind of device: from the user agent text and from client hints [TARGET 4.2, 5.4].
 *
 * The readers are total: any text has an answer, unknown parts are "unknown" or -1. Hints, when given, win over the
 * user agent, member by member. Results borrow from the inputs or are literals.
 * Threads  any.   Cost  about 0.3 us. */
#ifndef CONTEXT_AGENT_H
#define CONTEXT_AGENT_H

#include "base/str.h"
#include "codec/json.h"

struct user_agent {
    struct str browser;  /* edge, mobile safari, safari, chrome, firefox, ie, unknown */
    int version;         /* major; -1: unknown */
    struct str platform; /* iOS, Android, linux, Unix, windows, mac, unknown, or what a hint says */
    bool opera;          /* its browser is "chrome", as on device */
    bool iphone, ipad;
    bool phone, tablet;
};

struct user_agent user_agent_parse(struct str text);
/* context.clientHints over the user agent: {"platform","browserUAWithMajorVersion","browserUAWithFullVersion",
 * "mobile"}; hints may be NULL. */
struct user_agent user_agent_with_hints(struct str text, const struct json *hints);

#endif
