/* remote_offer.c - see remote_offer.h. Slots that stay where they are, so that a thread can fetch without the lock. */
#include "edge/remote_offer.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/url.h"
#include "os/thread.h"

#define THREADS 4 /* one hanging URL leaves three */

enum slot_state { SLOT_FREE, SLOT_IDLE, SLOT_QUEUED, SLOT_FETCHING };

struct slot {
    enum slot_state state;
    char url[LIMIT_REMOTE_OFFER_URL_BYTES];
    size_t url_n;
    char *body; /* owned; NULL: there is none */
    size_t body_n;
    int64_t used_ms;
    int64_t asked_ms; /* the request that had it fetched, or is about to */
    int64_t got_ms;   /* that of the fetch that succeeded last */
    bool tried, failed;
    uint64_t turn; /* in the queue */
};

struct remote_offers {
    remote_fetch *fetch;
    struct os_mutex lock;
    struct os_cond queued;
    bool stopping;
    uint64_t turns;
    struct slot slots[LIMIT_REMOTE_OFFERS];
    struct os_thread threads[THREADS];
};

bool
remote_offer_allowed(const struct json *patterns, struct str url)
{
    struct json_iter it = json_iter(patterns);

    while (json_next(&it)) {
        if (url_matches(url, json_str(it.value)))
            return true;
    }
    return false;
}

/* ---- fetching ---- */

static bool
is_stopping(void *ctx)
{
    struct remote_offers *r = ctx;
    bool stopping;

    os_lock(&r->lock);
    stopping = r->stopping;
    os_unlock(&r->lock);
    return stopping;
}

static struct slot *
next_in_queue(struct remote_offers *r)
{
    struct slot *first = NULL;

    for (size_t i = 0; i < LIMIT_REMOTE_OFFERS; i++) {
        struct slot *s = &r->slots[i];
        if (s->state == SLOT_QUEUED && (first == NULL || s->turn < first->turn))
            first = s;
    }
    return first;
}

/* Without the lock: a slot that is being fetched is nobody else's to give away, and its url does not change. */
static bool
fetch(struct remote_offers *r, const struct slot *s, struct buf *body, bool *gone)
{
    struct fetch_call call = {.url = {s->url, s->url_n},
                              .timeout_ms = LIMIT_REMOTE_OFFER_MS,
                              .bytes_max = LIMIT_REMOTE_OFFER_BYTES,
                              .stop = is_stopping,
                              .ctx = r};
    struct diag d = DIAG_INIT;
    int status = 0;
    enum err rc = r->fetch(&call, body, &status, &d);

    *gone = rc == ERR_OK && status >= 400 && status < 500;
    if (rc == ERR_OK && status != 200)
        rc = diag_set(&d, ERR_IO, "status %d", status);
    if (rc == ERR_OK && !str_is_utf8(buf_str(body)))
        rc = diag_set(&d, ERR_INVALID, "the content is not UTF-8");
    metric_inc(M_REMOTE_OFFER_FETCHES);
    if (rc == ERR_OK || rc == ERR_CANCELLED)
        return rc == ERR_OK;
    metric_inc(M_REMOTE_OFFER_FAILURES);
    log_warn("remote_offer_failed", "url=\"%.*s\" why=\"%s\"", STR_ARG(call.url), d.what);
    return false;
}

static void
keep(struct slot *s, struct str body)
{
    char *copy = malloc(body.n + 1);

    s->failed = copy == NULL;
    if (copy == NULL)
        return; /* what was there stays */
    if (body.n > 0)
        memcpy(copy, body.p, body.n);
    free(s->body);
    s->body = copy;
    s->body_n = body.n;
    s->got_ms = s->asked_ms;
}

static void
settle(struct slot *s, bool ok, bool gone, struct str body)
{
    s->state = SLOT_IDLE;
    s->tried = true;
    s->failed = !ok;
    if (ok) {
        keep(s, body);
    } else if (gone) {
        free(s->body);
        s->body = NULL;
    }
}

static void
work(void *ctx)
{
    struct remote_offers *r = ctx;
    struct buf body;

    os_thread_in_background();
    buf_init(&body, LIMIT_REMOTE_OFFER_BYTES);
    os_lock(&r->lock);
    while (!r->stopping) {
        struct slot *s = next_in_queue(r);
        bool ok, gone;
        if (s == NULL) {
            os_cond_wait(&r->queued, &r->lock);
            continue;
        }
        s->state = SLOT_FETCHING;
        os_unlock(&r->lock);
        buf_clear(&body);
        ok = fetch(r, s, &body, &gone);
        os_lock(&r->lock);
        settle(s, ok, gone, buf_str(&body));
    }
    os_unlock(&r->lock);
    buf_deinit(&body);
}

/* ---- asking ---- */

static struct slot *
find_slot(struct remote_offers *r, struct str url)
{
    for (size_t i = 0; i < LIMIT_REMOTE_OFFERS; i++) {
        struct slot *s = &r->slots[i];
        if (s->state != SLOT_FREE && str_eq((struct str){s->url, s->url_n}, url))
            return s;
    }
    return NULL;
}

/* NULL: all of them are being fetched. */
static struct slot *
make_slot(struct remote_offers *r, struct str url)
{
    struct slot *best = NULL;

    for (size_t i = 0; i < LIMIT_REMOTE_OFFERS; i++) {
        struct slot *s = &r->slots[i];
        if (s->state == SLOT_FREE) {
            best = s;
            break;
        }
        if (s->state == SLOT_IDLE && (best == NULL || s->used_ms < best->used_ms))
            best = s;
    }
    if (best == NULL)
        return NULL;
    free(best->body);
    *best = (struct slot){.state = SLOT_IDLE, .url_n = url.n};
    memcpy(best->url, url.p, url.n);
    return best;
}

/* A clock that was set back makes everything old. */
static bool
within(const struct slot *s, int64_t since_ms, int64_t span_ms)
{
    return s->tried && s->used_ms >= since_ms && s->used_ms - since_ms < span_ms;
}

static void
queue(struct remote_offers *r, struct slot *s)
{
    if (s->state != SLOT_IDLE ||
        within(s, s->asked_ms, s->failed ? LIMIT_REMOTE_OFFER_RETRY_MS : LIMIT_REMOTE_OFFER_FRESH_MS))
        return;
    s->state = SLOT_QUEUED;
    s->asked_ms = s->used_ms;
    s->turn = r->turns++;
    os_cond_signal(&r->queued);
}

bool
remote_offer_get(struct remote_offers *r, struct str url, int64_t now_ms, struct arena *a, struct str *content)
{
    struct slot *s;
    bool found = false;

    if (url.n == 0 || url.n > LIMIT_REMOTE_OFFER_URL_BYTES)
        return false;
    os_lock(&r->lock);
    s = find_slot(r, url);
    if (s == NULL)
        s = make_slot(r, url);
    if (s != NULL) {
        s->used_ms = now_ms;
        queue(r, s);
        if (s->body != NULL && within(s, s->got_ms, LIMIT_REMOTE_OFFER_STALE_MS)) {
            *content = arena_str(a, (struct str){s->body, s->body_n});
            found = content->p != NULL;
        }
    }
    os_unlock(&r->lock);
    return found;
}

/* ---- life ---- */

enum err
remote_offers_open(remote_fetch *fetch_, struct remote_offers **out, struct diag *d)
{
    struct remote_offers *r = calloc(1, sizeof *r);
    enum err rc = ERR_OK;

    if (r == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for remote offers");
    r->fetch = fetch_;
    os_mutex_init(&r->lock);
    os_cond_init(&r->queued);
    for (size_t i = 0; rc == ERR_OK && i < THREADS; i++)
        rc = os_thread_open(&r->threads[i], "remote-offer", work, r, d);
    if (rc == ERR_OK)
        *out = r;
    else
        remote_offers_close(r);
    return rc;
}

void
remote_offers_close(struct remote_offers *r)
{
    if (r == NULL)
        return;
    os_lock(&r->lock);
    r->stopping = true;
    os_cond_broadcast(&r->queued);
    os_unlock(&r->lock);
    for (size_t i = 0; i < THREADS; i++)
        os_thread_close(&r->threads[i]);
    for (size_t i = 0; i < LIMIT_REMOTE_OFFERS; i++)
        free(r->slots[i].body);
    os_cond_deinit(&r->queued);
    os_mutex_deinit(&r->lock);
    free(r);
}
