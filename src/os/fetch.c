/* fetch.c - see fetch.h. A handle per call: calls are rare (a cache asks), and nothing is shared between threads. */
#include "os/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct receiver {
    const struct fetch_call *call;
    struct buf *body;
    size_t before;
    bool too_large;
};

enum err
fetch_init(struct diag *d)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ERR_OK
                                                             : diag_set(d, ERR_NOMEM, "libcurl does not start");
}

void
fetch_deinit(void)
{
    curl_global_cleanup();
}

static size_t
receive(char *bytes, size_t one, size_t n, void *ctx)
{
    struct receiver *r = ctx;

    (void)one; /* is 1 */
    if (r->body->n - r->before + n > r->call->bytes_max) {
        r->too_large = true;
        return 0;
    }
    buf_put(r->body, (struct str){bytes, n});
    return buf_ok(r->body) ? n : 0;
}

static int
progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct receiver *r = ctx;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return r->call->stop != NULL && r->call->stop(r->call->ctx);
}

static void
set_options(CURL *c, const char *url, struct receiver *r)
{
    /* Options that this build of the library does not know leave it stricter, never laxer: results are not looked at.
     */
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->call->timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)r->call->timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "edgewise");
    (void)curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
}

static enum err
failure(CURLcode code, const struct receiver *r, struct diag *d)
{
    if (r->too_large)
        return diag_set(d, ERR_LIMIT, "the answer exceeds %zu bytes", r->call->bytes_max);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return diag_set(d, ERR_TIMEOUT, "no answer within %u ms", r->call->timeout_ms);
    case CURLE_ABORTED_BY_CALLBACK:
        return diag_set(d, ERR_CANCELLED, "stopped");
    default:
        return diag_set(d, ERR_IO, "%s", curl_easy_strerror(code));
    }
}

enum err
fetch_get(const struct fetch_call *call, struct buf *body, int *status, struct diag *d)
{
    struct receiver r = {.call = call, .body = body, .before = body->n};
    char *url = strndup(call->url.p != NULL ? call->url.p : "", call->url.n);
    CURL *c = NULL;
    CURLcode code;
    long answered = 0;
    enum err rc = ERR_OK;

    if (!str_starts(call->url, S("http://")) && !str_starts(call->url, S("https://")))
        rc = diag_set(d, ERR_INVALID, "'%.*s' is no URL of http or https", STR_ARG(str_slice(call->url, 0, 80)));
    else if (url == NULL || (c = curl_easy_init()) == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for a request");
    if (rc == ERR_OK) {
        set_options(c, url, &r);
        code = curl_easy_perform(c);
        if (code != CURLE_OK)
            rc = failure(code, &r, d);
        else if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answered) == CURLE_OK)
            *status = (int)answered;
    }
    if (rc != ERR_OK)
        body->n = r.before;
    curl_easy_cleanup(c);
    free(url);
    return rc;
}
