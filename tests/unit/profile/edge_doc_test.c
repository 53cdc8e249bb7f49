/* The folds of an edge's document are idempotent and commute: any order, any repetition gives the same document. */
#include "base/civil.h"
#include "base/limits.h"
#include "codec/pack.h"
#include "profile/edge_doc.h"
#include "visitor/visitor.h"

#include "t.h"

#define NOW ((int64_t)1767225600000)

static struct str
bytes_of(struct t *t, const struct edge_doc *doc)
{
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 20);
    edge_doc_write(&b, doc);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static struct hit
event_hit(struct t *t, int i)
{
    const struct json *xdm = NULL;
    int64_t ms = NOW - (i * 7919 % 1000) * MS_PER_MINUTE;
    char text[ISO8601_BYTES];
    struct hit_decision *decisions = ARENA_ARRAY(t->arena, struct hit_decision, 1);

    iso8601_format(ms, text);
    CHECK_OK(
        json_parse(arena_printf(t->arena, "{\"_id\":\"e%d\",\"timestamp\":\"%.24s\",\"eventType\":\"t%d\",\"x\":1}", i,
                                text, i % 3),
                   t->arena, &xdm, d));
    decisions[0] = (struct hit_decision){.activity = arena_printf(t->arena, "act%d", i % 4),
                                         .experience = S("1"),
                                         .scope = S("s"),
                                         .entered = true,
                                         .sticky = true};
    return (struct hit){.kind = HIT_EVENT,
                        .event_id = arena_printf(t->arena, "e%d", i),
                        .event_ms = ms,
                        .xdm = xdm,
                        .decisions = decisions,
                        .decision_count = 1};
}

static struct visitor
visitor_of(struct t *t, const struct edge_doc *doc)
{
    struct visitor v;

    CHECK_OK(visitor_read(doc->visitor, t->arena, &v, d));
    return v;
}

static void
fold(struct t *t, struct edge_doc *doc, const struct hit *h, const struct subset *cut)
{
    uint64_t offset = 0;

    CHECK_TRUE(str_to_u64(str_slice(h->event_id, 1, h->event_id.n), &offset));
    CHECK_OK(edge_doc_fold_visitor(doc, h, NOW, offset, NULL, 0, t->arena, d));
    CHECK_OK(edge_doc_fold_owner(doc, h, cut, NOW, t->arena, d));
    CHECK_OK(edge_doc_fold_device(doc, h, cut, NOW, t->arena, d));
}

TEST(edge_doc_folds_commute)
{
    struct str paths[] = {S("_id"), S("timestamp"), S("eventType")};
    const struct subset *cut = subset_new(paths, 3, t->arena);
    struct edge_doc straight = {0}, shuffled = {0};
    struct hit hits[40];

    for (int i = 0; i < 40; i++)
        hits[i] = event_hit(t, i);
    for (int i = 0; i < 40; i++)
        fold(t, &straight, &hits[i], cut);
    for (int i = 0; i < 200; i++)
        fold(t, &shuffled, &hits[rng_below(&t->rng, 40)], cut);
    for (int i = 39; i >= 0; i--)
        fold(t, &shuffled, &hits[i], cut);
    CHECK_EQ(shuffled.event_count, straight.event_count);
    for (size_t i = 0; i < straight.event_count; i++) {
        CHECK_EQ(shuffled.events[i].ms, straight.events[i].ms);
        CHECK_TRUE(edge_doc_has_event(&shuffled, S("e0")) == edge_doc_has_event(&straight, S("e0")));
    }
    CHECK_EQ(visitor_of(t, &shuffled).membership_count, 4);
    CHECK_EQ(visitor_of(t, &shuffled).applied_count, 40);
    CHECK_TRUE(str_find(straight.events[0].json, S("eventType")) > 0);
    CHECK_TRUE(str_find(straight.events[0].json, S("\"x\"")) < 0);
}

TEST(edge_doc_round_trip_and_truncation)
{
    struct str paths[] = {S("_id"), S("timestamp")};
    const struct subset *cut = subset_new(paths, 2, t->arena);
    struct edge_doc doc = {0}, back;
    struct hit h = event_hit(t, 1);
    struct str bytes;

    fold(t, &doc, &h, cut);
    doc.attributes = S("{\"loyalty\":{\"tier\":\"gold\"}}");
    doc.consent = CONSENT_OUT;
    bytes = bytes_of(t, &doc);
    CHECK_OK(edge_doc_read(bytes, t->arena, &back, d));
    CHECK_STR(bytes_of(t, &back), bytes);
    CHECK_EQ(back.consent, CONSENT_OUT);
    for (size_t n = 0; n < bytes.n; n++)
        CHECK_ERR(edge_doc_read(str_slice(bytes, 0, n), t->arena, &back, d), ERR_CORRUPT);
}

TEST(edge_doc_event_limits)
{
    struct edge_doc doc = {0};

    for (int i = 0; i < LIMIT_EDGE_EVENTS + 10; i++)
        CHECK_TRUE(edge_doc_add_event(&doc, arena_printf(t->arena, "e%d", i), NOW + i, S("{}"), NOW + i, t->arena));
    CHECK_EQ(doc.event_count, LIMIT_EDGE_EVENTS);
    CHECK_EQ(doc.events[0].ms, NOW + 10);
    CHECK_TRUE(edge_doc_add_event(&doc, S("later"), NOW + LIMIT_EDGE_EVENTS_MS + 100, S("{}"),
                                  NOW + LIMIT_EDGE_EVENTS_MS + 100, t->arena));
    CHECK_EQ(doc.events[0].ms, NOW + 100); /* exactly 24 hours old stays, older goes */
}

TEST(edge_doc_projection_revisions)
{
    struct projected_membership in = {S("a1"), true, NOW}, out = {S("a1"), false, NOW + 1};
    struct projection newer = {.rev = 5, .memberships = &in, .membership_count = 1};
    struct projection older = {.rev = 4, .memberships = &out, .membership_count = 1};
    struct edge_doc doc = {0};

    CHECK_OK(edge_doc_fold_projection(&doc, &newer, NOW, t->arena, d));
    CHECK_OK(edge_doc_fold_projection(&doc, &older, NOW, t->arena, d));
    CHECK_TRUE(edge_doc_membership(&doc, S("a1"))->member);
    CHECK_TRUE(edge_doc_membership(&doc, S("a2")) == NULL);
}

/* Numbers written out take up to four times their room: the cut of an event that was accepted may be over the limit.
 * Its name and time still count, and folding it never fails: a restart folds it again. */
TEST(edge_doc_event_past_its_bytes_keeps_name_and_time)
{
    struct str path = S("eventType");
    const struct subset *cut = subset_new(&path, 1, t->arena);
    struct hit h = {.kind = HIT_EVENT, .event_id = S("e"), .event_ms = NOW};
    struct edge_doc doc = {0};
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_put(&text, S("{\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"_id\":\"e\",\"eventType\":[1e14"));
    for (int i = 0; i < 7000; i++)
        buf_put(&text, S(",1e14"));
    buf_put(&text, S("]}"));
    CHECK_OK(json_parse(arena_str(t->arena, buf_str(&text)), t->arena, &h.xdm, d));
    buf_deinit(&text);
    CHECK_OK(edge_doc_fold_owner(&doc, &h, cut, NOW, t->arena, d));
    CHECK_EQ(doc.event_count, 1);
    CHECK_STR(doc.events[0].json, S("{\"_id\":\"e\",\"timestamp\":\"2026-01-01T00:00:00.000Z\"}"));
}

/* The same event told by a projection: a cut text would be no JSON. */
TEST(edge_doc_projected_event_past_its_bytes_is_left_out)
{
    struct projection p = {.rev = 1};
    struct edge_doc doc = {0};
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_put(&text, S("[{\"_id\":\"a\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"x\":[1e14"));
    for (int i = 0; i < 7000; i++)
        buf_put(&text, S(",1e14"));
    buf_put(&text, S("]},{\"_id\":\"b\",\"timestamp\":\"2026-01-01T00:00:00Z\"}]"));
    CHECK_OK(json_parse(arena_str(t->arena, buf_str(&text)), t->arena, &p.events, d));
    buf_deinit(&text);
    CHECK_OK(edge_doc_fold_projection(&doc, &p, NOW, t->arena, d));
    CHECK_EQ(doc.event_count, 1);
    CHECK_TRUE(edge_doc_has_event(&doc, S("b")));
}

/* Attributes at LIMIT_EDGE_PROFILE_BYTES, and a byte more: unknown. */
TEST(edge_doc_profile_bytes_limit)
{
    struct edge_doc doc = {0};
    char *json = arena_alloc(t->arena, LIMIT_EDGE_PROFILE_BYTES + 2);
    struct projection p = {.rev = 1};

    for (size_t over = 0; over <= 1; over++) {
        struct str text = {json, LIMIT_EDGE_PROFILE_BYTES + over};
        memset(json, 'x', text.n);
        memcpy(json, "{\"a\":\"", 6);
        memcpy(json + text.n - 2, "\"}", 2);
        CHECK_OK(json_parse(text, t->arena, &p.attributes, d));
        CHECK_OK(edge_doc_fold_projection(&doc, &p, NOW, t->arena, d));
        CHECK_EQ(doc.attributes.n, over ? 0 : LIMIT_EDGE_PROFILE_BYTES);
    }
}

/* ---- visitors ---- */

static struct hit
visit_hit(const struct hit_visit *visit)
{
    return (struct hit){.kind = HIT_VISIT, .visit = visit};
}

TEST(edge_doc_visitor_is_folded_once)
{
    struct hit_visit visit = {.session = S("s"), .page = true};
    struct hit h = visit_hit(&visit), other = {.kind = HIT_EVENT, .event_id = S("e")};
    struct edge_doc doc = {0};

    CHECK_OK(edge_doc_fold_visitor(&doc, &h, NOW, 7, NULL, 0, t->arena, d));
    CHECK_OK(edge_doc_fold_visitor(&doc, &h, NOW, 7, NULL, 0, t->arena, d));
    CHECK_EQ(visitor_of(t, &doc).session_pages, 1);
    CHECK_TRUE(doc.known && doc.seen_ms == NOW);
    CHECK_OK(edge_doc_fold_visitor(&doc, &other, NOW, 8, NULL, 0, t->arena, d)); /* nothing of a visitor */
    CHECK_EQ(visitor_of(t, &doc).applied_count, 1);
}

TEST(edge_doc_visitor_absorbs)
{
    struct hit_visit visit = {.session = S("s")};
    struct hit_decision x = {.activity = S("1"), .experience = S("0"), .sticky = true};
    struct hit h = visit_hit(&visit);
    struct edge_doc from = {0}, doc = {0};

    h.decisions = &x;
    h.decision_count = 1;
    CHECK_OK(edge_doc_fold_visitor(&from, &h, NOW, 7, NULL, 0, t->arena, d));
    h.decision_count = 0;
    for (int i = 0; i < 2; i++)
        CHECK_OK(edge_doc_fold_visitor(&doc, &h, NOW, 8, &from.visitor, 1, t->arena, d));
    CHECK_EQ(visitor_of(t, &doc).membership_count, 1);
}

TEST(edge_doc_link_said_last_stays)
{
    struct edge_doc doc = {0}, back;

    edge_doc_fold_link(&doc, S("later"), NOW, 9);
    edge_doc_fold_link(&doc, S("before"), NOW, 3);
    CHECK_STR(doc.visitor_at, S("later"));
    CHECK_OK(edge_doc_read(bytes_of(t, &doc), t->arena, &back, d));
    CHECK_STR(back.visitor_at, S("later"));
    edge_doc_fold_link(&back, S_NULL, NOW, 10); /* it is one itself, after all */
    CHECK_EQ(back.visitor_at.n, 0);
}

TEST(edge_doc_visitor_that_is_damaged_is_new)
{
    struct hit_visit visit = {.session = S("s")};
    struct hit h = visit_hit(&visit);
    struct edge_doc doc = {.visitor = S("\xff damaged")};

    CHECK_OK(edge_doc_fold_visitor(&doc, &h, NOW, 7, NULL, 0, t->arena, d));
    CHECK_EQ(visitor_of(t, &doc).sessions, 1);
}

TEST(edge_doc_visitor_at_its_limit)
{
    struct edge_doc doc = {0};

    for (int i = 0; i < LIMIT_VISITOR_MEMBERSHIPS; i++) {
        struct str name = arena_printf(t->arena, "%0200d", i);
        struct hit_decision x = {.activity = name, .experience = S("0"), .sticky = true};
        struct hit h = {.kind = HIT_EVENT, .decisions = &x, .decision_count = 1};
        struct arena a;
        struct edge_doc next = doc;
        arena_init(&a, 4u << 20);
        CHECK_OK(edge_doc_fold_visitor(&next, &h, NOW + i, (uint64_t)i, NULL, 0, &a, d));
        doc.visitor = arena_str(t->arena, next.visitor);
        arena_deinit(&a);
    }
    CHECK_TRUE(doc.visitor.n <= LIMIT_VISITOR_BYTES);
    CHECK_TRUE(visitor_of(t, &doc).membership_count > 400);
    CHECK_TRUE(visitor_of(t, &doc).membership_count < LIMIT_VISITOR_MEMBERSHIPS);
}

/* What an edge of before there were visitors has on its disk. */
TEST(edge_doc_of_version_1)
{
    struct visitor_membership *m;
    struct edge_doc doc;
    struct visitor v;
    struct buf b;

    buf_init_in(&b, t->arena, 4096);
    pack_u64(&b, 1);
    pack_u64(&b, 0);
    pack_u64(&b, CONSENT_IN);
    pack_i64(&b, NOW);
    pack_i64(&b, NOW + 5);
    pack_u64(&b, 0);
    pack_u64(&b, 0);
    pack_str(&b, S_NULL);
    pack_u64(&b, 0);
    pack_u64(&b, 2);
    pack_str(&b, S("1001"));
    pack_str(&b, S("1"));
    pack_str(&b, S("1002"));
    pack_str(&b, S("0"));
    pack_str(&b, S("{\"color\":\"red\"}"));
    pack_str(&b, S_NULL);
    CHECK_OK(edge_doc_read(buf_str(&b), t->arena, &doc, d));
    v = visitor_of(t, &doc);
    m = visitor_membership(&v, S("1001"));
    CHECK_TRUE(m != NULL && !m->entered);
    CHECK_STR(m->experience, S("1"));
    CHECK_STR(visitor_attribute(&v, S("color"))->json, S("\"red\""));
    CHECK_EQ(doc.consent, CONSENT_IN);
    for (size_t n = 0; n < b.n; n++)
        CHECK_ERR(edge_doc_read(str_slice(buf_str(&b), 0, n), t->arena, &doc, d), ERR_CORRUPT);
}
