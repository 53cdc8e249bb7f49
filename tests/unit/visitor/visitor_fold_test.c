/* What counts, and that nothing counts twice  [TARGET 2.7, 9.1]. */
#include "base/civil.h"
#include "visitor/visitor.h"

#include "t.h"

#define NOW ((int64_t)1767225600000)

struct counts {
    int entries, visits, impressions, conversions, clicks, reentries, first_ever;
};

static void
count(void *ctx, const struct visitor_count *c)
{
    struct counts *n = ctx;

    n->entries += c->unit == COUNT_ENTRY;
    n->visits += c->unit == COUNT_VISIT;
    n->impressions += c->unit == COUNT_IMPRESSION;
    n->conversions += c->unit == COUNT_CONVERSION;
    n->clicks += c->unit == COUNT_CLICK;
    n->reentries += c->reentry;
    n->first_ever += c->unit == COUNT_ENTRY && c->first_ever;
}

struct scene {
    struct t *t;
    struct visitor v;
    struct counts n;
    int64_t now_ms;
    uint64_t offset;
};

static struct scene
scene(struct t *t)
{
    struct scene s = {.t = t, .now_ms = NOW, .offset = 100};

    visitor_init(&s.v, t->arena);
    return s;
}

static void
fold(struct scene *s, struct hit_visit visit, struct hit_notice *notices, size_t n)
{
    struct hit h = {.kind = HIT_VISIT, .visit = &visit, .notices = notices, .notice_count = n};

    visitor_fold(&s->v, &h, s->now_ms++, s->offset++, count, &s->n);
}

static void
show_in(struct scene *s, const char *session, const char *experience)
{
    struct hit_notice n = {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = str_of(experience)};

    fold(s, (struct hit_visit){.session = str_of(session)}, &n, 1);
}

static void
show(struct scene *s)
{
    show_in(s, "s1", "0");
}

static void
convert(struct scene *s, enum hit_action action)
{
    struct hit_notice n = {
        .type = NOTICE_CONVERT, .activity = S("1001"), .metric = HIT_METRIC_PRIMARY, .action = action};

    fold(s, (struct hit_visit){.session = S("s1")}, &n, 1);
}

static const struct visitor_membership *
membership(const struct scene *s)
{
    return visitor_membership(&s->v, S("1001"));
}

TEST(visitor_counts_entries_visits_impressions) /* [TARGET 9.1, 12.108] */
{
    struct scene s = scene(t);

    show(&s);
    show(&s);
    show_in(&s, "s2", "0");
    CHECK_EQ(s.n.entries, 1);
    CHECK_EQ(s.n.visits, 2);
    CHECK_EQ(s.n.impressions, 3);
    CHECK_EQ(membership(&s)->visits, 2);
    CHECK_EQ(membership(&s)->impressions, 3);
    CHECK_EQ(membership(&s)->entered_ms, NOW);
}

TEST(visitor_counts_several_locations_of_a_hit_once) /* [TARGET 12.107] */
{
    struct hit_notice n[] = {
        {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0"), .scope = S("hero")},
        {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0"), .scope = S("side")},
        {.type = NOTICE_DISPLAY, .activity = S("1002"), .experience = S("0"), .scope = S("side")},
    };
    struct scene s = scene(t);

    fold(&s, (struct hit_visit){.session = S("s")}, n, 3);
    CHECK_EQ(s.n.entries, 2);
    CHECK_EQ(s.n.impressions, 2);
}

TEST(visitor_counts_parts_of_a_request_once)
{
    struct hit_notice n = {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0")};
    struct hit_visit x = {.session = S("s"), .page = true};
    struct scene s = scene(t);

    visitor_open(&s.v, &x, s.now_ms);
    s.offset = VISITOR_ONCE;
    fold(&s, x, &n, 1);
    s.offset = VISITOR_ONCE;
    fold(&s, x, &n, 1);
    CHECK_EQ(s.n.impressions, 1);
    CHECK_EQ(s.v.session_pages, 1);
    CHECK_EQ(s.v.applied_count, 0);
}

TEST(visitor_counts_an_impression_id_once) /* [TARGET 12.93, 12.106] */
{
    struct hit_notice n[] = {{.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0")},
                             {.type = NOTICE_DISPLAY, .activity = S("1002"), .experience = S("0")}};
    struct scene s = scene(t);

    fold(&s, (struct hit_visit){.session = S("s"), .impression = S("i1")}, n, 1);
    fold(&s, (struct hit_visit){.session = S("s"), .impression = S("i1")}, n, 2); /* another one on the same page */
    CHECK_EQ(s.n.impressions, 2);
    n[0].impression = S("i2");
    fold(&s, (struct hit_visit){.session = S("s"), .impression = S("i1")}, n, 1);
    fold(&s, (struct hit_visit){.session = S("s")}, n, 1);
    CHECK_EQ(s.n.impressions, 3);
}

TEST(visitor_remembers_so_many_impression_ids)
{
    struct hit_notice n = {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0")};
    struct scene s = scene(t);

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LIMIT_VISITOR_IMPRESSIONS; i++)
            fold(&s, (struct hit_visit){.session = S("s"), .impression = arena_printf(t->arena, "i%d", i)}, &n, 1);
    }
    CHECK_EQ(s.n.impressions, LIMIT_VISITOR_IMPRESSIONS);
    fold(&s, (struct hit_visit){.session = S("s"), .impression = S("one more")}, &n, 1);
    fold(&s, (struct hit_visit){.session = S("s"), .impression = S("i0")}, &n, 1); /* it was forgotten for that */
    CHECK_EQ(s.n.impressions, LIMIT_VISITOR_IMPRESSIONS + 2);
}

TEST(visitor_quiet_display_counts_no_visit) /* [TARGET 12.109, 12.135] */
{
    struct hit_notice n = {.type = NOTICE_DISPLAY, .activity = S("1001"), .experience = S("0")};
    struct scene s = scene(t);

    show(&s);
    fold(&s, (struct hit_visit){.session = S("random"), .quiet = true}, &n, 1);
    CHECK_EQ(s.n.visits, 1);
    CHECK_EQ(s.n.impressions, 2);
}

TEST(visitor_decision_alone_counts_nothing)
{
    struct hit_decision x = {.activity = S("1001"), .experience = S("1"), .sticky = true, .arm = ARM_TARGETED};
    struct hit_visit visit = {.session = S("s1")};
    struct hit h = {.visit = &visit, .decisions = &x, .decision_count = 1};
    struct scene s = scene(t);

    visitor_fold(&s.v, &h, NOW, 1, count, &s.n);
    CHECK_TRUE(membership(&s) != NULL && !membership(&s)->entered);
    CHECK_EQ(membership(&s)->arm, ARM_TARGETED);
    convert(&s, ACTION_COUNT_ONCE);
    CHECK_EQ(s.n.conversions, 0);
    show_in(&s, "s1", "1");
    CHECK_EQ(s.n.entries, 1);
}

TEST(visitor_experience_may_change) /* [TARGET 2.5, 9.1]: the count goes with the visitor */
{
    struct scene s = scene(t);

    show(&s);
    show_in(&s, "s1", "1");
    show_in(&s, "s1", "0");
    CHECK_EQ(s.n.entries, 2);
    CHECK_EQ(s.n.first_ever, 2);
    CHECK_EQ(s.n.visits, 1);
    CHECK_EQ(membership(&s)->seen_count, 2);
    CHECK_STR(membership(&s)->experience, S("0"));
}

TEST(visitor_conversion_needs_entry) /* [TARGET 12.100] */
{
    struct scene s = scene(t);

    convert(&s, ACTION_ALWAYS_CONVERT);
    CHECK_EQ(s.n.conversions, 0);
}

TEST(visitor_actions_that_keep) /* [TARGET 12.99, 12.101] */
{
    struct scene s = scene(t);

    show(&s);
    convert(&s, ACTION_COUNT_ONCE);
    convert(&s, ACTION_COUNT_ONCE);
    CHECK_EQ(s.n.conversions, 1);
    convert(&s, ACTION_ALWAYS_CONVERT);
    convert(&s, ACTION_COUNT_LANDINGS);
    CHECK_EQ(s.n.conversions, 3);
    CHECK_EQ(membership(&s)->conversions[0].count, 3);
    CHECK_TRUE(!membership(&s)->closed);
}

/* A page of the session that meets the metric, and whether that counted. */
static int
land(struct scene *s, const char *session, const char *url, struct str referrer)
{
    struct hit_notice n = {
        .type = NOTICE_CONVERT, .activity = S("1001"), .metric = HIT_METRIC_PRIMARY, .action = ACTION_COUNT_LANDINGS};
    struct hit_visit visit = {.session = str_of(session), .page = true, .url = str_of(url), .referrer = referrer};
    int before = s->n.conversions;

    fold(s, visit, &n, 1);
    return s->n.conversions - before;
}

TEST(visitor_counts_a_landing_once_a_page) /* [TARGET 2.7, 12.101] */
{
    struct scene s = scene(t);

    show(&s);
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("https://a.test/")), 1);
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("https://a.test/")), 0);  /* a reload, or the page's next request */
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("https://a.test/x")), 1); /* a link to itself */
    CHECK_EQ(land(&s, "s1", "https://a.test/x?a=1", S("https://a.test/x")), 1);
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("https://a.test/x")), 1); /* left and come back */
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("https://a.test/x")), 0);
    CHECK_EQ(land(&s, "s2", "https://a.test/x", S("https://a.test/x")), 1); /* another session */
    CHECK_EQ(land(&s, "s2", "", S_NULL), 0); /* the page's, which says no more of itself */
    convert(&s, ACTION_ALWAYS_CONVERT);
    convert(&s, ACTION_ALWAYS_CONVERT);
    CHECK_EQ(membership(&s)->conversions[0].count, 7);
}

TEST(visitor_counts_landings_of_requests_that_name_no_page) /* [TARGET 2.7]: an app's, or a server's */
{
    struct scene s = scene(t);

    show(&s);
    CHECK_EQ(land(&s, "s1", "", S_NULL), 1);
    CHECK_EQ(land(&s, "s1", "", S_NULL), 1);
}

TEST(visitor_knows_the_page_from_its_bytes) /* [TARGET 12.101] */
{
    struct scene s = scene(t);
    struct buf b;

    show(&s);
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("")), 1);
    buf_init_in(&b, t->arena, LIMIT_VISITOR_BYTES);
    visitor_write(&b, &s.v);
    CHECK_OK(visitor_read(buf_str(&b), t->arena, &s.v, d));
    CHECK_EQ(land(&s, "s1", "https://a.test/x", S("")), 0);
    CHECK_EQ(land(&s, "s1", "https://a.test/y", S("")), 1);
}

TEST(visitor_actions_that_release) /* [TARGET 12.102] */
{
    static const enum hit_action actions[] = {ACTION_RESTART_SAME, ACTION_RESTART_RANDOM, ACTION_RESTART_NEW};

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct scene s = scene(t);
        show(&s);
        convert(&s, actions[i]);
        convert(&s, actions[i]); /* the visit is closed: nothing counts before the next display */
        CHECK_EQ(s.n.conversions, 1);
        CHECK_TRUE(membership(&s)->closed);
        CHECK_EQ(membership(&s)->restart, actions[i]);
        show(&s);
        CHECK_EQ(s.n.entries, 2);
        CHECK_EQ(s.n.reentries, 1);
        CHECK_EQ(s.n.first_ever, 1);
        CHECK_EQ(s.n.visits, 2);
        convert(&s, actions[i]);
        CHECK_EQ(s.n.conversions, 2);
    }
}

TEST(visitor_actions_that_bar) /* [TARGET 12.102] */
{
    struct scene excluded = scene(t), banned = scene(t);

    show(&excluded);
    convert(&excluded, ACTION_EXCLUDE_TO_SAME);
    show(&excluded);
    convert(&excluded, ACTION_ALWAYS_CONVERT);
    CHECK_EQ(excluded.n.conversions, 1);
    CHECK_EQ(excluded.n.impressions, 1);
    CHECK_TRUE(membership(&excluded)->untracked && !membership(&excluded)->barred);
    show(&banned);
    convert(&banned, ACTION_BAN);
    show(&banned);
    CHECK_EQ(banned.n.conversions, 1);
    CHECK_EQ(banned.n.impressions, 1);
    CHECK_TRUE(membership(&banned)->barred);
}

TEST(visitor_clicks_and_engagement) /* [TARGET 2.7, 12.98] */
{
    struct hit_notice click = {.type = NOTICE_INTERACT, .activity = S("1001"), .experience = S("0")};
    struct hit_notice pages = {.type = NOTICE_CONVERT, .activity = S("1001"), .metric = 2, .value = 1};
    struct hit_visit visit = {.session = S("s1")};
    struct scene s = scene(t);

    fold(&s, visit, &click, 1);
    CHECK_EQ(s.n.clicks, 0);
    show(&s);
    fold(&s, visit, &click, 1);
    fold(&s, visit, &click, 1);
    CHECK_EQ(s.n.clicks, 2);
    fold(&s, visit, &pages, 1);
    fold(&s, visit, &pages, 1); /* a sum, though its action is to count once */
    CHECK_EQ(s.n.conversions, 2);
}

TEST(visitor_spends) /* [TARGET 8.3] */
{
    struct hit_notice n = {.type = NOTICE_CONVERT, .activity = S("1001"), .metric = HIT_METRIC_PRIMARY};
    struct hit_visit visit = {.session = S("s1"), .has_order = true, .order = {.id = S("o1"), .total = 20}};
    struct scene s = scene(t);

    show(&s);
    fold(&s, visit, &n, 1);
    fold(&s, visit, &n, 1);
    CHECK_TRUE(membership(&s)->spent == 20);
}

TEST(visitor_hit_without_a_visitor_changes_nothing)
{
    struct hit h = {.kind = HIT_EVENT};
    struct scene s = scene(t);

    visitor_fold(&s.v, &h, NOW, 1, count, &s.n);
    CHECK_TRUE(!s.v.known && s.v.applied_count == 0);
}

TEST(visitor_memberships_at_and_past_their_limit)
{
    struct scene s = scene(t);

    for (int i = 0; i <= LIMIT_VISITOR_MEMBERSHIPS; i++) {
        struct hit_notice n = {
            .type = NOTICE_DISPLAY, .activity = arena_printf(t->arena, "%d", i), .experience = S("0")};
        CHECK_TRUE(visitor_membership(&s.v, S("0")) != NULL || i == 0);
        fold(&s, (struct hit_visit){.session = S("s")}, &n, 1);
    }
    CHECK_EQ(s.v.membership_count, LIMIT_VISITOR_MEMBERSHIPS);
    CHECK_TRUE(visitor_membership(&s.v, S("0")) == NULL); /* the oldest */
    CHECK_TRUE(visitor_membership(&s.v, S("1")) != NULL);
}

TEST(visitor_experiences_seen_at_and_past_their_limit)
{
    struct scene s = scene(t);

    for (int i = 0; i <= LIMIT_VISITOR_SEEN; i++)
        show_in(&s, "s", arena_printf(t->arena, "%d", i).p);
    CHECK_EQ(membership(&s)->seen_count, LIMIT_VISITOR_SEEN);
    CHECK_STR(membership(&s)->seen[0], S("1"));
}

/* ---- twice, and in another order ---- */

#define HITS 40

static struct hit
random_hit(struct t *t, int i)
{
    struct hit_notice *n = ARENA_ARRAY(t->arena, struct hit_notice, 2);
    struct hit_visit *x = ARENA_NEW(t->arena, struct hit_visit);
    struct str activity = arena_printf(t->arena, "%d", (int)rng_below(&t->rng, 5));
    const struct json *params = NULL;

    n[0] = (struct hit_notice){.type = NOTICE_DISPLAY, .activity = activity, .experience = S("0")};
    n[1] = (struct hit_notice){
        .type = NOTICE_CONVERT, .activity = activity, .metric = HIT_METRIC_PRIMARY, .action = ACTION_ALWAYS_CONVERT};
    *x = (struct hit_visit){.session = S("s"), .page = true, .tnt_id = S("t"), .referrer = S("r")};
    CHECK_OK(json_parse(arena_printf(t->arena, "{\"p%d\":%d}", (int)rng_below(&t->rng, 3), i), t->arena, &params, d));
    return (struct hit){
        .kind = HIT_VISIT, .visit = x, .notices = n, .notice_count = i % 2 ? 2 : 1, .profile_params = params};
}

static struct str
bytes_of(struct t *t, const struct visitor *v)
{
    struct buf b;

    buf_init_in(&b, t->arena, 1 << 20);
    visitor_write(&b, v);
    return buf_str(&b);
}

TEST(visitor_folds_twice_and_in_another_order) /* what an edge does after a crash, and under load */
{
    struct scene straight = scene(t), shuffled = scene(t);
    struct hit hits[HITS];
    int order[HITS];

    for (int i = 0; i < HITS; i++) {
        hits[i] = random_hit(t, i);
        order[i] = i;
        visitor_fold(&straight.v, &hits[i], NOW + i, 1000 + (uint64_t)i, count, &straight.n);
    }
    for (int i = 0; i + 1 < HITS; i++) {
        int j = i + (int)rng_below(&t->rng, 4), k = j < HITS ? j : HITS - 1, swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < HITS; i++)
            visitor_fold(&shuffled.v, &hits[order[i]], NOW + order[i], 1000 + (uint64_t)order[i], count, &shuffled.n);
    }
    CHECK_EQ(shuffled.n.impressions, straight.n.impressions);
    CHECK_EQ(shuffled.n.entries, straight.n.entries);
    CHECK_EQ(shuffled.n.visits, straight.n.visits);
    CHECK_EQ(shuffled.v.session_pages, HITS);
    for (size_t i = 0; i < straight.v.attribute_count; i++)
        CHECK_STR(shuffled.v.attributes[i].json, straight.v.attributes[i].json);
    CHECK_EQ(shuffled.v.applied_count, straight.v.applied_count);
}

TEST(visitor_folds_from_its_bytes)
{
    struct scene live = scene(t);
    struct visitor stored;

    CHECK_OK(visitor_read(S_NULL, t->arena, &stored, d));
    CHECK_TRUE(!stored.known);
    for (int i = 0; i < 3 * LIMIT_VISITOR_APPLIED; i++) {
        struct hit h = random_hit(t, i);
        struct str bytes;
        visitor_fold(&live.v, &h, NOW + i * MS_PER_MINUTE, 7 * (uint64_t)i, NULL, NULL);
        visitor_fold(&stored, &h, NOW + i * MS_PER_MINUTE, 7 * (uint64_t)i, NULL, NULL);
        bytes = bytes_of(t, &stored);
        CHECK_OK(visitor_read(bytes, t->arena, &stored, d));
        CHECK_STR(bytes_of(t, &stored), bytes);
    }
    CHECK_STR(bytes_of(t, &stored), bytes_of(t, &live.v));
    CHECK_EQ(stored.applied_count, LIMIT_VISITOR_APPLIED);
    CHECK_TRUE(visitor_has(&stored, 3) && !visitor_has(&stored, 7 * 3 * LIMIT_VISITOR_APPLIED));
}

TEST(visitor_bytes_that_are_damaged)
{
    struct scene s = scene(t);
    struct visitor v;
    struct str bytes;

    for (int i = 0; i < 10; i++) {
        struct hit h = random_hit(t, i);
        visitor_fold(&s.v, &h, NOW + i, (uint64_t)i, NULL, NULL);
    }
    bytes = bytes_of(t, &s.v);
    for (size_t n = 1; n < bytes.n; n++)
        CHECK_ERR(visitor_read(str_slice(bytes, 0, n), t->arena, &v, d), ERR_CORRUPT);
    CHECK_ERR(visitor_read(ARENA_JOIN(t->arena, bytes, S("x")), t->arena, &v, d), ERR_CORRUPT);
    CHECK_ERR(visitor_read(S("\x03"), t->arena, &v, d), ERR_CORRUPT);
}

TEST(visitor_of_version_1) /* bytes that older releases wrote: one attribute, one membership with a conversion */
{
    static const char old[] = "\x01\x00\x02"
                              "t1"
                              "\x00\x00\x02\x04\x00\x01\x00"
                              "SESSION1"
                              "\x02\x05\x09"
                              "https://a"
                              "\x00\x00\x00"
                              "\x01\x01"
                              "a"
                              "\x01"
                              "1"
                              "\x02"
                              "\x01\x04"
                              "1001"
                              "\x01"
                              "0"
                              "\x01\x02"
                              "SESSION1"
                              "\x01\x01\x00\x00\x00"
                              "\0\0\0\0\0\0\0\0"
                              "\x01\x07\x03"
                              "SESSION1"
                              "\x01\x01"
                              "0"
                              "\x00\x64\x00";
    struct visitor v;

    CHECK_OK(visitor_read((struct str){old, sizeof old - 1}, t->arena, &v, d));
    CHECK_STR(v.tnt_id, S("t1"));
    CHECK_STR(v.landing_url, S("https://a"));
    CHECK_EQ(v.page_number, 0);
    CHECK_STR(visitor_attribute(&v, S("a"))->json, S("1"));
    CHECK_EQ(visitor_membership(&v, S("1001"))->conversions[0].count, 3);
    CHECK_EQ(visitor_membership(&v, S("1001"))->conversions[0].page, 0);
    CHECK_EQ(v.applied_floor, 100);
}

/* ---- two become one ---- */

TEST(visitor_absorbs) /* [TARGET 7.1, 12.119] */
{
    struct scene named = scene(t), anonymous = scene(t);
    struct str once;

    CHECK_TRUE(visitor_set(&named.v, S("x"), S("\"p1\""), NOW));
    show_in(&named, "old", "1");
    CHECK_TRUE(visitor_set(&anonymous.v, S("x"), S("\"anonymous\""), NOW + 9));
    CHECK_TRUE(visitor_set(&anonymous.v, S("y"), S("2"), NOW));
    anonymous.now_ms = NOW + LIMIT_VISITOR_SESSION_MS;
    show(&anonymous);
    anonymous.v.memberships[0].impressions = 5;
    visitor_absorb(&named.v, &anonymous.v);
    once = bytes_of(t, &named.v);
    CHECK_STR(visitor_attribute(&named.v, S("x"))->json, S("\"p1\""));
    CHECK_STR(visitor_attribute(&named.v, S("y"))->json, S("2"));
    CHECK_STR(membership(&named)->experience, S("1"));
    CHECK_EQ(membership(&named)->impressions, 1);
    CHECK_EQ(named.v.session, anonymous.v.session); /* it goes on */
    visitor_absorb(&named.v, &anonymous.v);
    CHECK_STR(bytes_of(t, &named.v), once);
}

TEST(visitor_absorbs_memberships_that_it_lacks)
{
    struct scene named = scene(t), anonymous = scene(t);

    named.v.known = true;
    show(&anonymous);
    visitor_absorb(&named.v, &anonymous.v);
    CHECK_EQ(membership(&named)->impressions, 1);
    CHECK_TRUE(membership(&named)->entered);
}

TEST(visitor_fits)
{
    struct scene s = scene(t);
    struct visitor v;

    for (int i = 0; i < 500; i++) {
        struct hit_notice n = {
            .type = NOTICE_DISPLAY, .activity = arena_printf(t->arena, "%d", i), .experience = S("0")};
        fold(&s, (struct hit_visit){.session = S("s")}, &n, 1);
        CHECK_TRUE(visitor_set(&s.v, arena_printf(t->arena, "name%d", i), S("\"value\""), s.now_ms));
    }
    visitor_fit(&s.v, 20000);
    CHECK_TRUE(bytes_of(t, &s.v).n <= 20000);
    CHECK_EQ(s.v.attribute_count, 500); /* memberships go first, the oldest first */
    CHECK_TRUE(visitor_membership(&s.v, S("499")) != NULL && visitor_membership(&s.v, S("0")) == NULL);
    visitor_fit(&s.v, 4000);
    CHECK_TRUE(bytes_of(t, &s.v).n <= 4000);
    CHECK_TRUE(visitor_attribute(&s.v, S("name499")) != NULL && visitor_attribute(&s.v, S("name0")) == NULL);
    CHECK_OK(visitor_read(bytes_of(t, &s.v), t->arena, &v, d));
}
