/* remote_offer_test.c - the cache of remote offers with another side that the test plays [TARGET 2.9]. */
#include "edge/remote_offer.h"

#include "base/limits.h"
#include "os/thread.h"
#include "t.h"

/* The other side: answers what it is told to, or hangs until it is stopped. */
static struct {
    struct os_mutex lock;
    struct os_cond turned;
    unsigned calls, hanging;
    enum err rc;
    int status;
    char body[64];
} other;

static enum err
play(const struct fetch_call *call, struct buf *body, int *status, struct diag *d)
{
    enum err rc;

    os_lock(&other.lock);
    other.calls++;
    other.hanging += str_ends(call->url, S("/hang"));
    os_cond_broadcast(&other.turned);
    while (str_ends(call->url, S("/hang")) && !call->stop(call->ctx))
        (void)os_cond_wait_us(&other.turned, &other.lock, 1000);
    rc = str_ends(call->url, S("/hang")) ? ERR_CANCELLED : other.rc;
    buf_put(body, str_of(other.body));
    *status = other.status;
    os_unlock(&other.lock);
    return rc == ERR_OK ? ERR_OK : diag_set(d, rc, "as the test wants");
}

static void
says(enum err rc, int status, const char *body)
{
    os_lock(&other.lock);
    other.rc = rc;
    other.status = status;
    (void)snprintf(other.body, sizeof other.body, "%s", body);
    os_unlock(&other.lock);
}

static unsigned
calls(void)
{
    unsigned n;

    os_lock(&other.lock);
    n = other.calls;
    os_unlock(&other.lock);
    return n;
}

static struct remote_offers *
rig(struct t *t)
{
    struct remote_offers *r = NULL;

    memset(&other, 0, sizeof other);
    os_mutex_init(&other.lock);
    os_cond_init(&other.turned);
    says(ERR_OK, 200, "one");
    CHECK_OK(remote_offers_open(play, &r, d));
    return r;
}

/* Asks until the other side was asked so many times: one of a URL is made only once the one before is over. */
static void
fetched(struct t *t, struct remote_offers *r, const char *url, int64_t now, unsigned wanted)
{
    struct str content;

    while (calls() < wanted) {
        (void)remote_offer_get(r, str_of(url), now, t->arena, &content);
        os_lock(&other.lock);
        (void)os_cond_wait_us(&other.turned, &other.lock, 1000);
        os_unlock(&other.lock);
    }
}

static const char *
shown(struct t *t, struct remote_offers *r, const char *url, int64_t now)
{
    struct str content;

    return remote_offer_get(r, str_of(url), now, t->arena, &content)
               ? arena_printf(t->arena, "%.*s", STR_ARG(content)).p
               : "nothing";
}

/* Until it is so: the other thread is between its fetch and its note of it. */
#define UNTIL_SHOWN(url, now, want)                                                                                    \
    do {                                                                                                               \
        const char *got_;                                                                                              \
        for (int i_ = 0; i_ < 5000; i_++) {                                                                            \
            got_ = shown(t, r, url, now);                                                                              \
            if (strcmp(got_, want) == 0)                                                                               \
                break;                                                                                                 \
            os_lock(&other.lock);                                                                                      \
            (void)os_cond_wait_us(&other.turned, &other.lock, 1000);                                                   \
            os_unlock(&other.lock);                                                                                    \
        }                                                                                                              \
        CHECK_STR(str_of(got_), str_of(want));                                                                         \
    } while (0)

#define U "https://offers.test/a"
#define T0 1000000000LL

TEST(remote_offer_is_fetched_once_a_minute_and_shown_meanwhile)
{
    struct remote_offers *r = rig(t);

    CHECK_STR(str_of(shown(t, r, U, T0)), S("nothing")); /* nobody waits */
    UNTIL_SHOWN(U, T0, "one");
    says(ERR_OK, 200, "two");
    CHECK_STR(str_of(shown(t, r, U, T0 + LIMIT_REMOTE_OFFER_FRESH_MS - 1)), S("one"));
    CHECK_EQ(calls(), 1);
    CHECK_STR(str_of(shown(t, r, U, T0 + LIMIT_REMOTE_OFFER_FRESH_MS)), S("one")); /* and is fetched anew */
    UNTIL_SHOWN(U, T0 + LIMIT_REMOTE_OFFER_FRESH_MS, "two");
    CHECK_EQ(calls(), 2);
    remote_offers_close(r);
}

TEST(remote_offer_survives_an_outage_for_an_hour)
{
    struct remote_offers *r = rig(t);
    int64_t now = T0 + LIMIT_REMOTE_OFFER_FRESH_MS;

    fetched(t, r, U, T0, 1);
    UNTIL_SHOWN(U, T0, "one");
    says(ERR_TIMEOUT, 0, "");
    fetched(t, r, U, now, 2);
    CHECK_STR(str_of(shown(t, r, U, now + LIMIT_REMOTE_OFFER_RETRY_MS - 1)), S("one"));
    CHECK_EQ(calls(), 2); /* not tried again yet */
    fetched(t, r, U, now + LIMIT_REMOTE_OFFER_RETRY_MS, 3);
    CHECK_STR(str_of(shown(t, r, U, T0 + LIMIT_REMOTE_OFFER_STALE_MS - 1)), S("one"));
    CHECK_STR(str_of(shown(t, r, U, T0 + LIMIT_REMOTE_OFFER_STALE_MS)), S("nothing"));
    remote_offers_close(r);
}

TEST(remote_offer_that_is_gone_is_shown_no_more)
{
    struct remote_offers *r = rig(t);
    int64_t now = T0 + LIMIT_REMOTE_OFFER_FRESH_MS;

    UNTIL_SHOWN(U, T0, "one");
    says(ERR_OK, 404, "not found");
    UNTIL_SHOWN(U, now, "nothing");
    says(ERR_OK, 200, "back");
    CHECK_STR(str_of(shown(t, r, U, now + LIMIT_REMOTE_OFFER_RETRY_MS - 1)), S("nothing"));
    UNTIL_SHOWN(U, now + LIMIT_REMOTE_OFFER_RETRY_MS, "back");
    remote_offers_close(r);
}

TEST(remote_offer_of_a_redirect_a_fault_or_bad_bytes_is_nothing)
{
    static const struct {
        enum err rc;
        int status;
        const char *body;
    } bad[] = {
        {ERR_OK, 302, "moved"}, {ERR_OK, 500, "x"}, {ERR_OK, 204, ""}, {ERR_OK, 200, "\xff\xfe"}, {ERR_LIMIT, 200, ""}};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct remote_offers *r = rig(t);
        says(bad[i].rc, bad[i].status, bad[i].body);
        fetched(t, r, U, T0, 1);
        says(ERR_OK, 200, "good");
        CHECK_STR(str_of(shown(t, r, U, T0)), S("nothing"));
        UNTIL_SHOWN(U, T0 + LIMIT_REMOTE_OFFER_RETRY_MS, "good"); /* it was a failure: tried again, soon */
        CHECK_EQ(calls(), 2);
        remote_offers_close(r);
    }
}

TEST(remote_offers_that_hang_leave_others_alone_and_end_with_the_server)
{
    struct remote_offers *r = rig(t);
    static const char *const hanging[] = {"https://a.test/hang", "https://b.test/hang", "https://c.test/hang"};

    for (unsigned i = 0; i < 3; i++)
        fetched(t, r, hanging[i], T0, i + 1);
    UNTIL_SHOWN(U, T0, "one");
    CHECK_STR(str_of(shown(t, r, hanging[0], T0)), S("nothing"));
    CHECK_EQ(calls(), 4); /* asked for again, and under way already */
    remote_offers_close(r);
}

TEST(remote_offers_at_and_past_their_room)
{
    struct remote_offers *r = rig(t);
    char url[64];
    struct str longest = {arena_calloc(t->arena, 1, LIMIT_REMOTE_OFFER_URL_BYTES + 1), LIMIT_REMOTE_OFFER_URL_BYTES};
    struct str content;

    for (int i = 0; i < LIMIT_REMOTE_OFFERS; i++) {
        (void)snprintf(url, sizeof url, "https://offers.test/%d", i);
        UNTIL_SHOWN(url, T0 + i, "one");
    }
    CHECK_STR(str_of(shown(t, r, "https://offers.test/0", T0 + LIMIT_REMOTE_OFFERS)), S("one")); /* all are there */
    CHECK_EQ(calls(), LIMIT_REMOTE_OFFERS);
    UNTIL_SHOWN(U, T0 + LIMIT_REMOTE_OFFERS, "one");
    CHECK_STR(str_of(shown(t, r, "https://offers.test/0", T0 + LIMIT_REMOTE_OFFERS)), S("one"));
    CHECK_STR(str_of(shown(t, r, "https://offers.test/1", T0 + LIMIT_REMOTE_OFFERS)), S("nothing")); /* it made room */
    UNTIL_SHOWN("https://offers.test/1", T0 + LIMIT_REMOTE_OFFERS, "one");
    (void)memset((char *)(uintptr_t)longest.p, 'a', LIMIT_REMOTE_OFFER_URL_BYTES + 1);
    CHECK_TRUE(!remote_offer_get(r, longest, T0 + LIMIT_REMOTE_OFFERS, t->arena, &content));
    while (calls() < LIMIT_REMOTE_OFFERS + 3)
        (void)remote_offer_get(r, longest, T0 + LIMIT_REMOTE_OFFERS, t->arena, &content);
    longest.n++;
    for (int i = 0; i < 100; i++)
        CHECK_TRUE(!remote_offer_get(r, longest, T0 + LIMIT_REMOTE_OFFERS, t->arena, &content));
    CHECK_EQ(calls(), LIMIT_REMOTE_OFFERS + 3);
    remote_offers_close(r);
}

TEST(remote_offer_patterns)
{
    static const struct {
        const char *patterns, *url;
        bool allowed;
    } cases[] = {
        {"[]", U, false},
        {"[\"https://offers.test/*\"]", U, true},
        {"[\"https://other.test/*\",\"https://offers.test/a\"]", U, true},
        {"[\"https://offers.test/\"]", U, false},
        {"[\"*\"]", U, true},
        {"[\"https://*.test/*a\"]", U, true},
        {"[\"https://*.test/*b\"]", U, false},
        {"[\"https://offers.test/*\"]", "http://offers.test/a", false},
        {"[\"https://offers.test/*\"]", "https://offers.test.evil.test/a", false},
        {"[\"https://offers.test/a*\"]", U, true},
    };

    CHECK_TRUE(!remote_offer_allowed(NULL, S(U)));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json *patterns = NULL;
        CHECK_OK(json_parse(str_of(cases[i].patterns), t->arena, &patterns, d));
        CHECK_EQ(remote_offer_allowed(patterns, str_of(cases[i].url)), cases[i].allowed);
    }
}
