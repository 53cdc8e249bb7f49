/* Sessions, landing pages, affinity and attributes of a visitor  [TARGET 1.1, 4.2, 7.1, 7.2]. */
#include "base/civil.h"
#include "visitor/visitor.h"

#include "t.h"

#define NOW ((int64_t)1767225600000)

static struct visitor
fresh(struct t *t)
{
    struct visitor v;

    visitor_init(&v, t->arena);
    return v;
}

/* One page of a session, on a copy of its own as every request is. */
static void
visit(struct visitor *v, const char *session, const char *url, int64_t now_ms)
{
    struct hit_visit x = {.session = str_of(session), .url = str_of(url), .page = true};

    v->open = false;
    visitor_open(v, &x, now_ms);
}

TEST(visitor_session_ends_after_half_an_hour) /* [TARGET 12.72] */
{
    struct visitor v = fresh(t);

    visit(&v, "s1", "", NOW);
    CHECK_TRUE(visitor_first_session(&v) && visitor_first_page(&v));
    visit(&v, "s1", "", NOW + LIMIT_VISITOR_SESSION_MS - 1);
    CHECK_EQ(v.sessions, 1);
    CHECK_EQ(v.session_pages, 2);
    CHECK_TRUE(!visitor_first_page(&v));
    visit(&v, "s1", "", NOW + 2 * LIMIT_VISITOR_SESSION_MS - 1); /* the limit is that of idling */
    CHECK_EQ(v.sessions, 2);
    CHECK_TRUE(!visitor_first_session(&v) && visitor_first_page(&v));
    CHECK_EQ(v.before_ms, NOW + LIMIT_VISITOR_SESSION_MS - 1);
    CHECK_EQ(v.gaps_ms, LIMIT_VISITOR_SESSION_MS);
}

TEST(visitor_session_ends_with_its_id) /* [TARGET 12.108] */
{
    struct visitor v = fresh(t);

    visit(&v, "s1", "", NOW);
    visit(&v, "s2", "", NOW + 1);
    CHECK_EQ(v.sessions, 2);
    visit(&v, "", "", NOW + 2); /* a client without sessions goes on with the one there is */
    CHECK_EQ(v.sessions, 2);
}

TEST(visitor_opens_once_for_a_request)
{
    struct hit_visit x = {.session = S("s"), .page = true};
    struct visitor v = fresh(t);

    visitor_open(&v, &x, NOW);
    visitor_open(&v, &x, NOW);
    CHECK_EQ(v.session_pages, 1);
}

TEST(visitor_quiet_request_opens_nothing) /* [TARGET 0.10, 12.109] */
{
    struct hit_visit x = {.session = S("random"), .quiet = true};
    struct visitor v = fresh(t);

    visit(&v, "s1", "", NOW);
    v.open = false;
    visitor_open(&v, &x, NOW + 5);
    CHECK_EQ(v.sessions, 1);
    CHECK_EQ(v.session_pages, 1);
    CHECK_EQ(v.last_ms, NOW);
}

TEST(visitor_landing_page) /* [TARGET 12.71] */
{
    struct hit_visit direct = {
        .session = S("s1"), .url = S("https://www.example.com/direct"), .referrer = S(""), .page = true};
    struct visitor v = fresh(t);

    visit(&v, "s1", "https://www.example.com/a", NOW);
    visit(&v, "s1", "https://www.example.com/b", NOW + 1);
    CHECK_STR(v.landing_url, S("https://www.example.com/a"));
    visit(&v, "s1", "https://shop.example.com/c", NOW + 2);
    CHECK_STR(v.landing_url, S("https://shop.example.com/c"));
    visit(&v, "s1", "https://shop.example.com/d", NOW + LIMIT_VISITOR_SESSION_MS + 2);
    CHECK_STR(v.landing_url, S("https://shop.example.com/d"));
    direct.url = S("https://shop.example.com/direct");
    v.open = false;
    visitor_open(&v, &direct, NOW + LIMIT_VISITOR_SESSION_MS + 3);
    CHECK_STR(v.landing_url, S("https://shop.example.com/direct"));
}

TEST(visitor_landing_page_at_and_past_its_length)
{
    struct visitor v = fresh(t);
    struct str longest = arena_printf(t->arena, "https://a.test/%0*d", LIMIT_VISITOR_URL_BYTES - 15, 7);

    CHECK_EQ(longest.n, LIMIT_VISITOR_URL_BYTES);
    visit(&v, "s1", longest.p, NOW);
    CHECK_STR(v.landing_url, longest);
    visit(&v, "s2", arena_printf(t->arena, "%sX", longest.p).p, NOW + 1);
    CHECK_STR(v.landing_url, longest); /* the rest is cut */
}

TEST(visitor_geo_is_of_the_first_request) /* [TARGET 12.79] */
{
    struct hit_visit x = {.session = S("s1")};
    struct visitor v = fresh(t);

    CHECK_OK(json_parse(S("{\"city\":\"oslo\"}"), t->arena, &x.geo, d));
    visitor_open(&v, &x, NOW);
    CHECK_OK(json_parse(S("{\"city\":\"bergen\"}"), t->arena, &x.geo, d));
    v.open = false;
    visitor_open(&v, &x, NOW + 1);
    CHECK_STR(v.geo, S("{\"city\":\"oslo\"}"));
    v.open = false;
    visitor_open(&v, &x, NOW + 1 + LIMIT_VISITOR_SESSION_MS);
    CHECK_STR(v.geo, S("{\"city\":\"bergen\"}"));
}

static void
check_scores(struct t *t, const struct visitor *v, const struct json *scores)
{
    CHECK_EQ(v->category_count, json_count(scores));
    for (size_t i = 0; i < v->category_count; i++) {
        const struct json *want = json_get(scores, v->categories[i].name);
        CHECK_TRUE(want != NULL);
        CHECK_TRUE(json_f64(want, 0) == v->categories[i].score);
        CHECK_TRUE(i == 0 || v->categories[i - 1].score >= v->categories[i].score);
    }
}

TEST(visitor_affinity_vectors) /* [TARGET 7.2, 12.118] */
{
    const struct json *root = NULL;

    CHECK_OK(json_parse(t_read(t, "vectors/target-stats.json"), t->arena, &root, d));
    for (struct json_iter c = json_iter(json_get(root, S("categoryAffinity"))); json_next(&c);) {
        struct visitor v = fresh(t);
        int64_t now_ms = NOW;
        for (struct json_iter s = json_iter(json_get(c.value, S("sessions"))); json_next(&s);) {
            now_ms += LIMIT_VISITOR_SESSION_MS;
            visit(&v, "s", "", now_ms);
            check_scores(t, &v, json_get(s.value, S("atStart")));
            for (struct json_iter x = json_iter(json_get(s.value, S("views"))); json_next(&x);)
                visitor_view_category(&v, json_str(x.value));
            check_scores(t, &v, json_get(s.value, S("atEnd")));
        }
    }
    CHECK_TRUE(visitor_shown_score(3.25) == 3.3 && visitor_shown_score(2.5) == 2.5);
}

TEST(visitor_attributes)
{
    struct visitor v = fresh(t);

    CHECK_TRUE(visitor_set(&v, S("b"), S("\"1\""), NOW));
    CHECK_TRUE(visitor_set(&v, S("a"), S("2"), NOW));
    CHECK_TRUE(visitor_set(&v, S("b"), S("\"old\""), NOW - 1));
    CHECK_STR(visitor_attribute(&v, S("b"))->json, S("\"1\""));
    CHECK_STR(v.attributes[0].name, S("a"));
    CHECK_TRUE(visitor_set(&v, S("b"), S_NULL, NOW + 1));
    CHECK_TRUE(visitor_attribute(&v, S("b")) == NULL);
    CHECK_EQ(v.attribute_count, 1);
}

TEST(visitor_attributes_at_and_past_their_limit) /* [TARGET 7.1] */
{
    struct visitor v = fresh(t);
    struct buf text;

    buf_init_in(&text, t->arena, LIMIT_VISITOR_ATTRIBUTE_BYTES);
    buf_putc(&text, '"');
    while (text.n < LIMIT_VISITOR_ATTRIBUTE_BYTES - 2)
        buf_putc(&text, 'x');
    buf_putc(&text, '"');
    CHECK_TRUE(visitor_set(&v, S("n"), buf_str(&text), NOW)); /* name and value have the limit together */
    CHECK_TRUE(!visitor_set(&v, S("m"), S("1"), NOW));
    CHECK_TRUE(!visitor_set(&v, S("nn"), buf_str(&text), NOW));
    CHECK_TRUE(visitor_set(&v, S("n"), S("1"), NOW)); /* in its place */
    CHECK_TRUE(visitor_set(&v, S("m"), S("1"), NOW));
}
