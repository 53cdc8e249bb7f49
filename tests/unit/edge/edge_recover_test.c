/* edge_recover_test.c - what came after the last flush is folded at the start, and no hit can prevent the start; what
 * the hub says of a visitor whose first request is not over yet. */
#include "base/limits.h"
#include "base/metric.h"
#include "edge/edge_int.h"
#include "t.h"

#define NOW ((int64_t)1767225600000)
#define ECID1 "46116860184273879041234567890123456789"

struct rig {
    struct pipeline *pipeline;
    struct topic *collect, *projection;
    struct config *config;
    struct edge *edge;
};

static struct topic *
open_topic(struct t *t, struct rig *g, const char *name, bool compacted)
{
    struct topic_options o = {.name = name, .writable = true, .compacted = compacted};
    struct topic *topic;

    CHECK_OK(pipeline_topic(g->pipeline, &o, &topic, d));
    return topic;
}

static void
rig_open(struct t *t, struct rig *g)
{
    struct pipeline_options po = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/log", t->dir).p};
    struct config_options co = {.os = os_posix()};

    CHECK_OK(pipeline_open(&po, &g->pipeline, d));
    g->collect = open_topic(t, g, "collect", false);
    g->projection = open_topic(t, g, "projection.or2", true);
    co.topic = open_topic(t, g, "config", true);
    CHECK_OK(config_open(&co, &g->config, d));
}

static enum err
edge_start(struct t *t, struct rig *g, struct diag *d)
{
    struct edge_options o = {.os = os_posix(),
                             .config = g->config,
                             .collect = g->collect,
                             .collect_name = "collect/0",
                             .projection = g->projection,
                             .dir = arena_printf(t->arena, "%s/edge", t->dir).p,
                             .hint = "or2",
                             .region_id = 9,
                             .base_paths = "ee"};

    return edge_open(&o, &g->edge, d);
}

static void
rig_close(struct rig *g)
{
    edge_close(g->edge);
    config_close(g->config);
    pipeline_close(g->pipeline);
}

/* A hit as the edge writes it, with `numbers` numbers in its event. */
static void
append_hit(struct t *t, struct rig *g, const char *id, size_t numbers)
{
    struct identity who = {S("ECID"), S(ECID1), .primary = true};
    struct hit h = {.kind = HIT_EVENT,
                    .source = SOURCE_EDGE,
                    .scope = S("o/s"),
                    .event_id = str_of(id),
                    .event_ms = NOW,
                    .identities = {&who, 1}};
    struct record r = {.time_ms = NOW};
    struct buf xdm, text;

    buf_init(&xdm, 4u << 20);
    buf_init(&text, 8u << 20);
    buf_printf(&xdm, "{\"_id\":\"%s\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"x\":[0", id);
    for (size_t i = 0; i < numbers; i++)
        buf_put(&xdm, S(",1"));
    buf_put(&xdm, S("]}"));
    h.xdm_text = buf_str(&xdm);
    hit_write(&text, &h);
    CHECK_TRUE(buf_ok(&xdm) && buf_ok(&text));
    r.value = buf_str(&text);
    CHECK_OK(topic_append(g->collect, &r, ACK_WRITTEN, NULL, d));
    buf_deinit(&xdm);
    buf_deinit(&text);
}

TEST(edge_starts_with_a_hit_that_no_arena_holds)
{
    int64_t degraded = metric_value(M_EDGE_DEGRADED);
    struct edge_doc doc;
    struct rig g = {0};
    uint32_t version;

    rig_open(t, &g);
    append_hit(t, &g, "before", 10);
    append_hit(t, &g, "large", 1000000);
    append_hit(t, &g, "after", 10);
    CHECK_OK(edge_start(t, &g, d));
    CHECK_EQ(metric_value(M_EDGE_DEGRADED) - degraded, 1);
    CHECK_OK(edge_table_load(g.edge->table,
                             S("o/s\x1f"
                               "ECID\x1f" ECID1),
                             NOW, t->arena, &doc, &version, d));
    CHECK_TRUE(edge_doc_has_event(&doc, S("before")) && edge_doc_has_event(&doc, S("after")));
    CHECK_TRUE(!edge_doc_has_event(&doc, S("large")));
    rig_close(&g);
}

/* A power cut took the end of collect, not of the table. What takes its place is folded, though the next life ends
 * before it flushes. */
TEST(edge_table_that_is_ahead_of_its_log)
{
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/edge", t->dir).p};
    struct kv_position ahead = {S("collect/0"), 2};
    struct edge_doc doc;
    struct rig g = {0};
    struct kv *k;
    uint32_t version;

    rig_open(t, &g);
    CHECK_OK(kv_open(&o, &k, d));
    CHECK_OK(kv_commit(k, &ahead, 1, true, d));
    kv_close(k);
    CHECK_OK(edge_start(t, &g, d));
    append_hit(t, &g, "first", 10);
    append_hit(t, &g, "second", 10);
    append_hit(t, &g, "third", 10);
    edge_close(g.edge);
    CHECK_OK(edge_start(t, &g, d));
    CHECK_OK(edge_table_load(g.edge->table,
                             S("o/s\x1f"
                               "ECID\x1f" ECID1),
                             NOW, t->arena, &doc, &version, d));
    CHECK_TRUE(edge_doc_has_event(&doc, S("first")) && edge_doc_has_event(&doc, S("second")));
    CHECK_TRUE(edge_doc_has_event(&doc, S("third")));
    rig_close(&g);
}

struct request {
    struct edge *edge;
    unsigned ticket;
};

/* The rest of a visitor's first request, a while after it appended its hit. */
static void
finish_request(void *ctx)
{
    struct request *rq = ctx;
    struct edge_doc doc = {.known = true, .first_ms = os_now_ms(os_posix()), .seen_ms = os_now_ms(os_posix())};
    struct os_mutex lock;
    struct os_cond never;
    struct arena a;

    os_mutex_init(&lock);
    os_cond_init(&never);
    os_lock(&lock);
    (void)os_cond_wait_us(&never, &lock, 50000); /* by then the projection is being applied */
    os_unlock(&lock);
    os_cond_deinit(&never);
    os_mutex_deinit(&lock);
    arena_init(&a, 1u << 20);
    (void)edge_table_store(rq->edge->table,
                           S("o/s\x1f"
                             "ECID\x1f" ECID1),
                           &doc, 0, &a);
    arena_deinit(&a);
    edge_table_leave(rq->edge->table, rq->ticket);
}

TEST(edge_applies_what_comes_before_the_first_request_is_over)
{
    struct projected_membership member = {S("a"), true, NOW};
    struct projection p = {.rev = 1, .profile_id = S("1"), .memberships = &member, .membership_count = 1};
    struct record r = {.time_ms = NOW,
                       .key = S("o/s\x1f"
                                "ECID\x1f" ECID1)};
    struct os_thread thread = {0};
    struct request rq;
    struct edge_doc doc;
    struct rig g = {0};
    struct buf text;
    uint32_t version;

    rig_open(t, &g);
    CHECK_OK(edge_start(t, &g, d));
    CHECK_OK(edge_run(g.edge, d));
    rq = (struct request){g.edge, edge_table_enter(g.edge->table)};
    buf_init(&text, 4096);
    projection_write(&text, &p);
    r.value = buf_str(&text);
    CHECK_OK(os_thread_open(&thread, "request", finish_request, &rq, d));
    CHECK_OK(topic_append(g.projection, &r, ACK_WRITTEN, NULL, d));
    CHECK_OK(edge_drain(g.edge, 10000000, d));
    os_thread_close(&thread);
    CHECK_OK(edge_table_load(g.edge->table, r.key, os_now_ms(os_posix()), t->arena, &doc, &version, d));
    CHECK_TRUE(doc.projected && edge_rules_projected(&doc, S("a")));
    buf_deinit(&text);
    rig_close(&g);
}
