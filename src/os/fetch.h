/* fetch.h - what is behind a URL: one GET over HTTP or HTTPS, bounded in time and bytes. fetch.c alone sees libcurl.
 *
 * Redirects are not followed: who allows a URL has not allowed where it points to. Certificates are checked against the
 * system's. No cookies, no proxies but those of the environment (https_proxy), no other protocols.
 *
 * Threads    Any, after fetch_init().   Errors  ERR_TIMEOUT, ERR_LIMIT (more bytes), ERR_CANCELLED (stop), ERR_INVALID
 * (no URL of http or https), ERR_IO (everything else: no such host, refused, a bad certificate, cut short). Every
 * status, 500 included, is a success. */
#ifndef OS_FETCH_H
#define OS_FETCH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/diag.h"

struct fetch_call {
    struct str url;
    unsigned timeout_ms;     /* from the first step to the last byte */
    size_t bytes_max;        /* of the body */
    bool (*stop)(void *ctx); /* asked several times a second: true ends the call. NULL: never */
    void *ctx;
};

/* Before the first thread that fetches; again after the last. */
enum err fetch_init(struct diag *d);
void fetch_deinit(void);

/* The body is appended to `body`. */
enum err fetch_get(const struct fetch_call *call, struct buf *body, int *status, struct diag *d);

#endif
