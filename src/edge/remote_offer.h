/* remote_offer.h - the content of remote offers, for clients that cannot fetch it themselves  [TARGET 2.9].
 *
 * The delivery API hands a client the URL; an answer of the Edge Network has the content in it. No request waits for
 * it: it takes what the cache has, and what is missing or old is fetched meanwhile by threads of their own. So the
 * first one to ask for a URL gets default content, and so does everybody while the other side fails.
 *
 *   fetched   LIMIT_REMOTE_OFFER_FRESH_MS   it is shown
 *             LIMIT_REMOTE_OFFER_STALE_MS   it is shown, and fetched anew
 *   failed    LIMIT_REMOTE_OFFER_RETRY_MS   before it is tried again: what was fetched before is shown until it is
 * stale, and nothing at once when the answer was that it is not there (4xx)
 *
 * A fetch takes at most LIMIT_REMOTE_OFFER_MS, and LIMIT_REMOTE_OFFER_BYTES; at most LIMIT_REMOTE_OFFERS are kept, of
 * which the one asked for longest ago makes room. Content is a 200 of valid UTF-8.
 *
 * Time       That of the requests: the threads read no clock.
 * Threads    remote_offer_get() any. Its lock is held for a copy. */
#ifndef EDGE_REMOTE_OFFER_H
#define EDGE_REMOTE_OFFER_H

#include "base/arena.h"
#include "codec/json.h"
#include "os/fetch.h"

struct remote_offers;

/* fetch_get(), or a test's own. */
typedef enum err remote_fetch(const struct fetch_call *call, struct buf *body, int *status, struct diag *d);

enum err remote_offers_open(remote_fetch *fetch, struct remote_offers **out, struct diag *d);
void remote_offers_close(struct remote_offers *r); /* what is under way is stopped */

/* Of the settings' allowedRemoteOfferUrlPatterns, of which '*' stands for any characters. No list: nothing is allowed.
 */
bool remote_offer_allowed(const struct json *patterns, struct str url);

/* false: there is nothing to show now. The content is in the arena. */
bool remote_offer_get(struct remote_offers *r, struct str url, int64_t now_ms, struct arena *a, struct str *content);

#endif
