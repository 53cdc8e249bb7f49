/* Memberships: the state machine, flips in time, rebuilding when audiences change, purging, and a long random run, with
 * events out of order, against plain evaluation. */
#include "segment/membership.h"

#include "base/civil.h"
#include "base/limits.h"
#include "codec/json_writer.h"
#include "os/os.h"
#include "pql/pql.h"
#include "t.h"

#define SCOPE S("o/s")
#define DAY MS_PER_DAY
#define START 1767225600000 /* 2026-01-01 */

struct world {
    struct kv *k;
    struct profile_names names;
    struct segment_set set;
    struct rule *rules[8];
    struct map by_id;
};

static void
audiences_close(struct world *w)
{
    rule_graph_free(w->set.graph);
    for (size_t i = 0; i < w->set.count; i++)
        rule_free(w->rules[i]);
    map_deinit(&w->by_id);
    w->set = (struct segment_set){0};
}

static uint32_t *
numbers_of(struct t *t, struct world *w, size_t n)
{
    uint32_t *numbers = ARENA_ARRAY(t->arena, uint32_t, n);

    for (size_t i = 0; i < n; i++)
        CHECK_OK(profile_names_number(&w->names, w->set.ids[i], &numbers[i], d));
    return numbers;
}

static uint32_t *
order_of(struct t *t, const uint32_t *numbers, size_t n)
{
    uint32_t *order = ARENA_ARRAY(t->arena, uint32_t, n);

    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && numbers[order[at - 1]] > numbers[i]; at--)
            order[at] = order[at - 1];
        order[at] = (uint32_t)i;
    }
    return order;
}

/* "id", "query", ..., NULL */
static void
audiences(struct t *t, struct world *w, const char *const *list, uint64_t version)
{
    struct rule_audience input[8];
    size_t n = 0;

    map_init(&w->by_id);
    w->set = (struct segment_set){.ids = ARENA_ARRAY(t->arena, struct str, 8), .by_id = &w->by_id};
    for (; list[2 * n] != NULL; n++) {
        CHECK_OK(pql_compile(str_of(list[2 * n + 1]), true, &w->rules[n], NULL, d));
        w->set.ids[n] = str_of(list[2 * n]);
        input[n] = (struct rule_audience){w->set.ids[n], w->rules[n]};
        CHECK_TRUE(map_put(&w->by_id, w->set.ids[n], (void *)(uintptr_t)(n + 1), NULL));
    }
    w->set.count = n;
    w->set.numbers = numbers_of(t, w, n);
    w->set.order = order_of(t, w->set.numbers, n);
    CHECK_OK(rule_graph_new(input, n, version, &w->set.graph, d));
    for (size_t i = 0; i < n; i++)
        w->set.scans |= rule_graph_scans(w->set.graph, i);
}

static void
world_open(struct t *t, struct world *w, const char *const *list)
{
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/kv", t->dir).p};

    *w = (struct world){0};
    CHECK_OK(kv_open(&o, &w->k, d));
    CHECK_OK(profile_names_open(w->k, &w->names, d));
    audiences(t, w, list, 1);
}

static void
world_close(struct world *w)
{
    audiences_close(w);
    profile_names_close(&w->names);
    kv_close(w->k);
}

static struct profile
person(struct t *t, struct world *w, uint64_t id)
{
    struct profile p = {0};

    CHECK_OK(profile_load(w->k, &w->names, SCOPE, id, t->arena, &p, d));
    return p;
}

static struct segment_result
applied(struct t *t, struct world *w, struct profile *p, enum segment_cause cause, const struct json *event,
        int64_t now_ms)
{
    struct segment_result r = {0};

    struct segment_change change = {.cause = cause, .event = event};

    CHECK_OK(segment_apply(&w->set, w->k, p, &change, now_ms, t->arena, &r, d));
    return r;
}

static struct segment_result
event(struct t *t, struct world *w, struct profile *p, int number, const char *type, int64_t ms, int64_t now_ms)
{
    char time[ISO8601_BYTES];
    struct profile_event e = {.id = arena_printf(t->arena, "e%d", number), .ms = ms, .dataset = S("d")};
    const struct json *json;
    bool duplicate;

    iso8601_format(ms, time);
    e.json = arena_printf(t->arena, "{\"_id\":\"e%d\",\"timestamp\":\"%.*s\",\"eventType\":\"%s\"}", number,
                          ISO8601_BYTES, time, type);
    CHECK_OK(profile_add_event(w->k, p, &e, &duplicate, d));
    CHECK_OK(json_parse(e.json, t->arena, &json, d));
    return applied(t, w, p, SEGMENT_EVENT, json, now_ms);
}

static struct segment_result
record(struct t *t, struct world *w, struct profile *p, const char *json, int64_t now_ms)
{
    struct profile_fragment f = {
        .dataset = S("crm"), .ns = S("CRM"), .id = S("1"), .ingested_ms = now_ms, .json = str_of(json)};

    CHECK_OK(profile_put_record(p, &f, false, d));
    return applied(t, w, p, SEGMENT_ATTRIBUTES, NULL, now_ms);
}

#define BOUGHT "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 60 days before now)])"

TEST(segment_state_machine) /* [SEGMENTATION 15.2] */
{
    static const char *const list[] = {"gold", "tier = \"gold\"", NULL};
    struct world w;
    struct profile p;
    struct segment_result r;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    r = record(t, &w, &p, "{\"tier\":\"blue\"}", START);
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(p.membership_count, 0); /* none, false: none */
    r = record(t, &w, &p, "{\"tier\":\"gold\"}", START + 10);
    CHECK_EQ(r.changes.n, 1);
    CHECK_EQ(r.changes.items[0].member, true);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START + 10);
    r = record(t, &w, &p, "{\"tier\":\"gold\",\"x\":1}", START + 20); /* realized, true: unchanged */
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START + 10);
    r = record(t, &w, &p, "{}", START + 30);
    CHECK_EQ(r.changes.n, 1);
    CHECK_EQ(profile_membership(&p, S("gold"))->member, false);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START + 30);
    r = record(t, &w, &p, "{\"tier\":\"blue\"}", START + 40); /* exited, false: unchanged */
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START + 30);
    r = record(t, &w, &p, "{\"tier\":\"gold\"}", START + 50);
    CHECK_EQ(profile_membership(&p, S("gold"))->member, true);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START + 50);
    r = record(t, &w, &p, "{}", START + 45); /* older than the entry: ignored */
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(profile_membership(&p, S("gold"))->member, true);
    world_close(&w);
}

/* [SEGMENTATION 12] a person whose audience cannot be evaluated, with nothing known from before: no entry moves. */
TEST(segment_unknown_moves_nothing)
{
#define HEAVY "(exists A from list, B from list, C from list where A = B and B = C and C = 1000)"
    static const char *const list[] = {"some", HEAVY, "none", "not(" HEAVY ")", NULL};
    struct world w;
    struct profile p;
    struct segment_result r;
    struct buf b;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    buf_init_in(&b, t->arena, 1 << 16);
    buf_put(&b, S("{\"list\":[0"));
    for (int i = 1; i < 300; i++)
        buf_printf(&b, ",%d", i);
    buf_put(&b, S("]}"));
    buf_putc(&b, 0);
    r = record(t, &w, &p, b.p, START);
    CHECK_TRUE(r.changes.n == 0 && p.membership_count == 0);
    r = record(t, &w, &p, "{\"list\":[1]}", START + 10);
    CHECK_EQ(r.changes.n, 1);
    CHECK_EQ(profile_membership(&p, S("none"))->member, true);
    p.rule_state = S_NULL; /* as when it cannot be read: the entry stays though nothing is known any more */
    r = record(t, &w, &p, b.p, START + 20);
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(profile_membership(&p, S("none"))->member, true);
    world_close(&w);
#undef HEAVY
}

TEST(segment_window_ends_at_its_instant)
{
    static const char *const list[] = {"buyer", BOUGHT, "none", "not(" BOUGHT ")", NULL};
    struct world w;
    struct profile p;
    struct segment_result r;
    int64_t end = START + 60 * DAY + 1;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    r = event(t, &w, &p, 1, "buy", START, START + 5000);
    CHECK_EQ(r.changes.n, 1);
    CHECK_EQ(r.next_flip_ms, end);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, end - 1);
    CHECK_EQ(r.changes.n, 0);
    CHECK_EQ(r.next_flip_ms, end);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, end);
    CHECK_EQ(r.changes.n, 2);
    CHECK_EQ(profile_membership(&p, S("buyer"))->member, false);
    CHECK_EQ(profile_membership(&p, S("buyer"))->since_ms, end);
    CHECK_EQ(profile_membership(&p, S("none"))->member, true);
    CHECK_EQ(r.next_flip_ms, end + LIMIT_EXITED_MS + 1); /* the exited entry's purge */
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, end + LIMIT_EXITED_MS);
    CHECK_TRUE(profile_membership(&p, S("buyer")) != NULL);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, r.next_flip_ms);
    CHECK_TRUE(profile_membership(&p, S("buyer")) == NULL);
    CHECK_EQ(r.next_flip_ms, 0);
    world_close(&w);
}

TEST(segment_late_events_count_at_their_own_time)
{
    static const char *const list[] = {"buyer", BOUGHT, NULL};
    struct world w;
    struct profile p;
    struct segment_result r;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    r = event(t, &w, &p, 1, "buy", START - 61 * DAY, START); /* too old on arrival */
    CHECK_EQ(r.changes.n, 0);
    r = event(t, &w, &p, 2, "buy", START - 59 * DAY, START);
    CHECK_EQ(r.changes.n, 1);
    CHECK_EQ(r.next_flip_ms, START + DAY + 1);
    r = event(t, &w, &p, 3, "buy", START - 30 * DAY, START + 1000);
    CHECK_EQ(r.next_flip_ms, START + 30 * DAY + 1);
    world_close(&w);
}

static bool
is_kept(void *ctx, struct str id)
{
    (void)ctx;
    return str_eq(id, S("inactive"));
}

TEST(segment_changed_audiences_rebuild)
{
    static const char *const before[] = {"gold",     "tier = \"gold\"", "old", "tier = \"gold\"",
                                         "inactive", "tier = \"gold\"", NULL};
    static const char *const after[] = {"buyer", BOUGHT, "gold", "tier = \"gold\"", "anon", "tier.isNull()", NULL};
    struct world w;
    struct profile p;
    struct segment_result r;

    world_open(t, &w, before);
    p = person(t, &w, 1);
    record(t, &w, &p, "{\"tier\":\"gold\"}", START);
    event(t, &w, &p, 1, "buy", START, START);
    CHECK_EQ(p.membership_count, 3);
    CHECK_OK(profile_save(w.k, &p, 0, d));
    audiences_close(&w);
    audiences(t, &w, after, 2);
    w.set.kept = is_kept;
    p = person(t, &w, 1);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, START + 100);
    CHECK_EQ(r.changes.n, 1); /* buyer; gold stays as it was */
    CHECK_EQ(r.changes.items[0].audience, 0);
    CHECK_EQ(profile_membership(&p, S("gold"))->since_ms, START);
    CHECK_EQ(r.removed_count, 1);
    CHECK_STR(r.removed[0], S("old"));
    CHECK_TRUE(profile_membership(&p, S("old")) == NULL);
    CHECK_TRUE(profile_membership(&p, S("inactive"))->member);
    audiences_close(&w);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, START + 200); /* no audiences at all */
    CHECK_EQ(p.membership_count, 0);
    CHECK_EQ(r.removed_count, 3);
    CHECK_EQ(p.rule_state.n, 0);
    world_close(&w);
}

/* The same change by a graph that grew from the one before: the state is taken over, and only what is new or edited is
 * held against its entry. */
TEST(segment_changed_audiences_take_the_state_over)
{
    static const char *const before[] = {"buyer", BOUGHT, "gold", "tier = \"gold\"", "old", "tier = \"gold\"", NULL};
    static const char *const after[] = {
        "buyer", BOUGHT, "gold", "tier = \"blue\"", "twice", "xEvent[eventType = \"buy\"].count() >= 2", NULL};
    struct rule_graph *grown = NULL;
    struct rule_audience input[3];
    struct rule *kept[2];
    struct world w;
    struct profile p;
    struct segment_result r;

    world_open(t, &w, before);
    p = person(t, &w, 1);
    record(t, &w, &p, "{\"tier\":\"gold\"}", START);
    event(t, &w, &p, 1, "buy", START, START);
    event(t, &w, &p, 2, "buy", START, START + 1);
    CHECK_EQ(p.membership_count, 3);
    CHECK_OK(profile_save(w.k, &p, 0, d));
    grown = w.set.graph;
    w.set.graph = NULL;
    kept[0] = rule_ref(w.rules[1]);
    kept[1] = rule_ref(w.rules[2]);
    input[0] = (struct rule_audience){S("buyer"), rule_ref(w.rules[0])};
    audiences_close(&w);
    audiences(t, &w, after, 2);
    rule_graph_free(w.set.graph);
    rule_free(w.rules[0]);
    w.rules[0] = (struct rule *)(uintptr_t)input[0].rule;
    for (size_t i = 1; i < 3; i++)
        input[i] = (struct rule_audience){w.set.ids[i], w.rules[i]};
    CHECK_OK(rule_graph_extend(grown, input, 3, 2, &w.set.graph, d));
    rule_graph_free(grown);
    p = person(t, &w, 1);
    r = applied(t, &w, &p, SEGMENT_TIME, NULL, START + 100);
    CHECK_TRUE(!r.built);
    CHECK_EQ(r.changes.n, 2);
    CHECK_TRUE(r.changes.items[0].audience == 1 && !r.changes.items[0].member);
    CHECK_TRUE(r.changes.items[1].audience == 2 && r.changes.items[1].member);
    CHECK_EQ(r.removed_count, 1);
    CHECK_STR(r.removed[0], S("old"));
    CHECK_EQ(profile_membership(&p, S("buyer"))->since_ms, START);
    CHECK_EQ(applied(t, &w, &p, SEGMENT_TIME, NULL, START + 200).changes.n, 0); /* once */
    world_close(&w);
    rule_free(kept[0]);
    rule_free(kept[1]);
}

/* Whether people who opted out may be members is no part of the expression: the graph and the state stay, and the sweep
 * that follows such an edit finds them all the same. */
TEST(segment_sweep_asks_people_who_opted_out)
{
    static const char *const list[] = {"gold", "tier = \"gold\"", NULL};
    const struct segment_change sweep = {.cause = SEGMENT_TIME, .by = SEGMENT_BY_SWEEP};
    const bool yes[] = {true};
    struct segment_result r;
    struct world w;
    struct profile p;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    p.opted_out = true;
    record(t, &w, &p, "{\"tier\":\"gold\"}", START);
    CHECK_EQ(p.membership_count, 0);
    w.set.opted_out_too = yes;
    CHECK_OK(segment_apply(&w.set, w.k, &p, &sweep, START + 1, t->arena, &r, d));
    CHECK_TRUE(!r.built && r.changes.n == 1 && r.changes.items[0].member);
    w.set.opted_out_too = NULL;
    CHECK_OK(segment_apply(&w.set, w.k, &p, &sweep, START + 2, t->arena, &r, d));
    CHECK_TRUE(r.changes.n == 1 && !r.changes.items[0].member);
    world_close(&w);
}

TEST(segment_damaged_state_is_rebuilt)
{
    static const char *const list[] = {"buyer", BOUGHT, NULL};
    struct world w;
    struct profile p;
    struct str good;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    event(t, &w, &p, 1, "buy", START, START);
    good = p.rule_state;
    p.rule_state = str_slice(good, 0, good.n - 1);
    CHECK_EQ(applied(t, &w, &p, SEGMENT_TIME, NULL, START).changes.n, 0);
    CHECK_STR(p.rule_state, good);
    world_close(&w);
}

TEST(segment_of_segments_outside_the_graph_reads_entries)
{
    static const char *const list[] = {"both", "inSegment(\"csv\") and tier = \"gold\"", NULL};
    struct profile_membership csv = {S("csv"), true, START, 0, 0};
    struct world w;
    struct profile p;

    world_open(t, &w, list);
    w.set.kept = is_kept;
    p = person(t, &w, 1);
    record(t, &w, &p, "{\"tier\":\"gold\"}", START);
    CHECK_TRUE(profile_membership(&p, S("both")) == NULL);
    CHECK_OK(profile_put_membership(&p, &csv, d));
    applied(t, &w, &p, SEGMENT_ATTRIBUTES, NULL, START + 1);
    CHECK_TRUE(profile_membership(&p, S("both"))->member);
    world_close(&w);
}

static struct segment_place
upload(void *ctx, struct str audience)
{
    (void)ctx;
    return str_eq(audience, S("list")) ? (struct segment_place){S("CustomerAudienceUpload"), START + 5}
                                       : (struct segment_place){S("ups is not asked for"), 0};
}

TEST(segment_write_shape) /* [SEGMENTATION 15.1] */
{
    struct profile_membership a = {S("a"), true, START, 0, 0}, b = {S("b"), false, START + 1, 0, 0},
                              c = {S("list"), true, START + 2, 0, 7};
    struct world w = {0};
    static const char *const list[] = {"x", "tier = \"gold\"", NULL};
    struct profile p;
    struct buf out;
    struct jw jw;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    CHECK_OK(profile_put_membership(&p, &a, d));
    CHECK_OK(profile_put_membership(&p, &b, d));
    CHECK_OK(profile_put_membership(&p, &c, d));
    buf_init(&out, 4096);
    jw = jw_to(&out);
    segment_write(&jw, &p, upload, NULL);
    CHECK_STR(buf_str(&out),
              S("{\"ups\":{\"a\":{\"lastQualificationTime\":\"2026-01-01T00:00:00.000Z\",\"status\":\"realized\"},"
                "\"b\":{\"lastQualificationTime\":\"2026-01-01T00:00:00.001Z\",\"status\":\"exited\"}},"
                "\"CustomerAudienceUpload\":{\"list\":{\"lastQualificationTime\":\"2026-01-01T00:00:00.002Z\","
                "\"status\":\"realized\",\"validUntil\":\"2026-01-01T00:00:00.005Z\"}}}"));
    buf_deinit(&out);
    world_close(&w);
}

static void
check_truth(struct t *t, struct world *w, const struct profile *p, int64_t now_ms)
{
    const struct json **events, *merged;
    struct profile_event *raw;
    struct rule_env env = {.now_ms = now_ms};

    CHECK_OK(profile_events(w->k, p, t->arena, &events, &raw, &env.event_count, d));
    env.events = events;
    CHECK_OK(profile_merge(p, p->arena, &merged, d));
    env.profile = merged;
    for (size_t i = 0; i < w->set.count; i++) {
        const struct profile_membership *m = profile_membership(p, w->set.ids[i]);
        struct value v;
        CHECK_OK(rule_eval(w->rules[i], &env, t->arena, &v, d));
        CHECK_EQ(m != NULL && m->member, v.kind == VALUE_BOOL && v.b);
    }
}

TEST(segment_equals_plain_evaluation)
{
    static const char *const list[] = {
        "buyer",
        "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 3 days before now)])",
        "twice",
        "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") COUNT(>= 2) WHEN(<= 5 days before now)])",
        "gold",
        "tier = \"gold\"",
        "mixed",
        "tier = \"gold\" and not(chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") WHEN(<= 1 "
        "days before now)]))",
        "sequence",
        "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\"), B: WHAT(eventType = \"buy\")])",
        NULL};
    struct world w;
    struct profile p;
    int64_t now_ms = START;

    world_open(t, &w, list);
    p = person(t, &w, 1);
    for (int step = 0; step < 150; step++) {
        struct segment_result r;
        now_ms += (int64_t)rng_below(&t->rng, (uint64_t)DAY / 2);
        switch (rng_below(&t->rng, 4)) {
        case 0:
            r = record(t, &w, &p, rng_below(&t->rng, 2) ? "{\"tier\":\"gold\"}" : "{}", now_ms);
            break;
        case 1:
            r = applied(t, &w, &p, SEGMENT_TIME, NULL, now_ms);
            break;
        default:
            r = event(t, &w, &p, step, rng_below(&t->rng, 2) ? "buy" : "view",
                      now_ms - (int64_t)rng_below(&t->rng, (uint64_t)DAY * 3), now_ms);
        }
        CHECK_TRUE(r.next_flip_ms == 0 || r.next_flip_ms > now_ms);
        check_truth(t, &w, &p, now_ms);
        if (step % 10 == 0) {
            CHECK_OK(profile_save(w.k, &p, 0, d));
            p = person(t, &w, 1);
        }
    }
    world_close(&w);
}
