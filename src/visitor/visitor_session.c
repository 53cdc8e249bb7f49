/* visitor_session.c - sessions, landing pages and category affinity  [TARGET 1.1, 4.2, 7.2, 9.1].
 *
 * A session goes on while requests come with its id, or without any id, within LIMIT_VISITOR_SESSION_MS. A client
 * without ids has sessions too: they are named by the time of their first request.
 *
 * Records may come in another order than they were made (visitor.h). One of the session that is older than what began
 * it becomes its beginning; one of another session that is older counts as a session that lies before, and the one that
 * goes on stays. */
#include "visitor/visitor_int.h"

#include <math.h>

#include "base/civil.h"
#include "base/hash.h"
#include "codec/url.h"

#define CATEGORIES (sizeof((struct visitor *)NULL)->categories / sizeof(struct visitor_category))

/* ---- category affinity ---- */

/* What is viewed goes behind those with as many points, so that of equal ones the older view stands first. */
static void
place_category(struct visitor *v, struct visitor_category c)
{
    size_t at = v->category_count;

    while (at > 0 && v->categories[at - 1].score < c.score) {
        v->categories[at] = v->categories[at - 1];
        at--;
    }
    v->categories[at] = c;
    v->category_count++;
}

static void
remove_category(struct visitor *v, size_t i)
{
    v->category_count--;
    memmove(&v->categories[i], &v->categories[i + 1], (v->category_count - i) * sizeof v->categories[0]);
}

/* The lowest, and of several the one whose view is the oldest. */
static size_t
lowest_category(const struct visitor *v)
{
    size_t i = v->category_count - 1;

    while (i > 0 && v->categories[i - 1].score <= v->categories[v->category_count - 1].score)
        i--;
    return i;
}

void
visitor_view_category(struct visitor *v, struct str category)
{
    struct visitor_category c = {.name = category, .score = v->category_count == 0 ? 10 : 5};

    if (category.n == 0)
        return;
    for (size_t i = 0; i < v->category_count; i++) {
        if (!str_eq(v->categories[i].name, category))
            continue;
        c.name = v->categories[i].name;
        c.score += v->categories[i].score;
        remove_category(v, i);
        place_category(v, c);
        return;
    }
    c.name = arena_str(v->arena, category);
    if (c.name.p == NULL)
        return;
    for (size_t i = 0; i < v->category_count; i++)
        v->categories[i].score -= 1;
    if (v->category_count == CATEGORIES)
        remove_category(v, lowest_category(v));
    place_category(v, c);
}

double
visitor_shown_score(double score)
{
    return floor(score * 10 + 0.5) / 10;
}

/* ---- sessions ---- */

bool
visitor_first_session(const struct visitor *v)
{
    return v->sessions <= 1;
}

bool
visitor_first_page(const struct visitor *v)
{
    return v->session_pages <= 1;
}

double
visitor_days_since_last_visit(const struct visitor *v, int64_t now_ms)
{
    return v->before_ms == 0 || now_ms <= v->before_ms ? 0 : (double)(now_ms - v->before_ms) / (double)MS_PER_DAY;
}

static void
keep_url(struct visitor *v, struct str *to, struct str url)
{
    visitor_keep(v, to, str_slice(url, 0, LIMIT_VISITOR_URL_BYTES));
}

static void
land(struct visitor *v, const struct hit_visit *visit)
{
    keep_url(v, &v->landing_url, visit->url);
    keep_url(v, &v->landing_referrer, visit->referrer);
}

/* A page of the session that goes on is a landing page after all [TARGET 4.2]. */
static bool
lands_anew(const struct visitor *v, const struct hit_visit *visit)
{
    struct str host = url_parse(visit->url).host;

    if (visit->url.n == 0)
        return false;
    if (v->landing_url.n == 0 || !str_eq_nocase(host, url_parse(v->landing_url).host))
        return true;
    return visit->page && visit->referrer.p != NULL && visit->referrer.n == 0;
}

static void
keep_geo(struct visitor *v, const struct json *geo)
{
    struct buf text;

    v->geo = S_NULL;
    if (geo == NULL)
        return;
    buf_init_in(&text, v->arena, LIMIT_VISITOR_URL_BYTES);
    json_write(&text, geo);
    if (buf_ok(&text))
        v->geo = buf_str(&text);
}

static uint64_t
session_name(const struct hit_visit *visit, int64_t now_ms)
{
    uint64_t h = visit->session.n > 0 ? hash_bytes(visit->session, 0)
                                      : hash_bytes((struct str){(const char *)&now_ms, sizeof now_ms}, 1);

    return h != 0 ? h : 1; /* 0: no session yet */
}

static void
begin_session(struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    for (size_t i = 0; i < v->category_count; i++)
        v->categories[i].score /= 2;
    if (v->sessions > 0) {
        v->before_ms = v->last_ms;
        if (now_ms > v->last_ms)
            v->gaps_ms += now_ms - v->last_ms;
    }
    v->sessions++;
    v->session = session_name(visit, now_ms);
    v->session_ms = now_ms;
    v->session_pages = 0;
    v->page = 0;
    v->page_number = 0;
    v->impression_count = 0;
    land(v, visit);
    keep_geo(v, visit->geo);
}

static bool
same_session(const struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    if (v->session == 0 || now_ms - v->last_ms >= LIMIT_VISITOR_SESSION_MS)
        return false;
    return visit->session.n == 0 || session_name(visit, now_ms) == v->session;
}

static void
go_on(struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    if (now_ms < v->session_ms) { /* it was the first one */
        v->session_ms = now_ms;
        if (visit->url.n > 0)
            land(v, visit);
    } else if (lands_anew(v, visit)) {
        land(v, visit);
    }
    if (visit->geo != NULL && v->geo.n == 0)
        keep_geo(v, visit->geo);
}

/* A record that is late says nothing of where the visitor is now. */
static void
turn_page(struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    uint64_t page = hash_bytes(visit->url, hash_bytes(visit->referrer, 0));

    if (visit->url.n == 0 || now_ms < v->last_ms || (page == v->page && v->page_number > 0))
        return;
    v->page = page;
    v->page_number++;
}

/* A quiet request opens no session, unless it is all that was ever heard of the visitor: what was shown to him was
 * shown in some visit. */
void
visitor_begin(struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    v->known = true;
    if (v->first_ms == 0 || now_ms < v->first_ms)
        v->first_ms = now_ms;
    if (!visit->quiet || (v->sessions == 0 && visit->session.n > 0)) {
        if (same_session(v, visit, now_ms)) {
            go_on(v, visit, now_ms);
            v->session_pages += visit->page;
        } else if (v->session != 0 && now_ms < v->session_ms) {
            v->sessions++; /* one that lies before */
            if (now_ms > v->before_ms)
                v->before_ms = now_ms;
        } else {
            begin_session(v, visit, now_ms);
            v->session_pages += visit->page;
        }
    }
    turn_page(v, visit, now_ms);
    if (now_ms > v->last_ms && !visit->quiet)
        v->last_ms = now_ms;
}

int64_t
visitor_open(struct visitor *v, const struct hit_visit *visit, int64_t now_ms)
{
    uint64_t session = v->session;
    int64_t last_ms = v->last_ms;

    if (v->open)
        return 0;
    v->open = true;
    visitor_begin(v, visit, now_ms);
    return session == v->session ? last_ms : 0;
}
