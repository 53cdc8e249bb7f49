/* The state of a document's audiences: stepped by events, renewed after projections, the same either way. */
#include "base/civil.h"
#include "edge/edge_int.h"
#include "pql/pql.h"
#include "t.h"

#define NOW ((int64_t)1767225600000)

struct audiences {
    struct rule *rules[2];
    struct str ids[2];
    struct rule_graph *graph;
    struct scope_view view;
};

static void
audiences_open(struct t *t, struct audiences *w)
{
    static const char *const queries[] = {
        "chain(xEvent, timestamp, [A: WHAT(eventType = \"view\") COUNT(>= 2) WHEN(<= 1 hours before now)])",
        "loyalty.tier = \"gold\" and inSegment(\"far\")"};
    struct rule_audience input[2];

    *w = (struct audiences){.ids = {S("twice"), S("gold")}};
    for (int i = 0; i < 2; i++) {
        CHECK_OK(pql_compile(str_of(queries[i]), true, &w->rules[i], NULL, d));
        input[i] = (struct rule_audience){w->ids[i], w->rules[i]};
    }
    CHECK_OK(rule_graph_new(input, 2, 7, &w->graph, d));
    w->view.edge_segments = (struct segment_set){.graph = w->graph, .ids = w->ids, .count = 2};
}

static void
audiences_close(struct audiences *w)
{
    rule_graph_free(w->graph);
    for (int i = 0; i < 2; i++)
        rule_free(w->rules[i]);
}

static const struct json *
add_event(struct t *t, struct edge_doc *doc, const char *id, int64_t ms)
{
    const struct json *xdm = NULL;
    char time[ISO8601_BYTES];
    struct str text;

    iso8601_format(ms, time);
    text = arena_printf(t->arena, "{\"_id\":\"%s\",\"timestamp\":\"%.*s\",\"eventType\":\"view\"}", id, ISO8601_BYTES,
                        time);
    CHECK_OK(json_parse(text, t->arena, &xdm, d));
    CHECK_TRUE(edge_doc_add_event(doc, str_of(id), ms, text, NOW, t->arena));
    return xdm;
}

TEST(edge_rules_step_by_events)
{
    struct audiences w;
    struct edge_doc doc = {.known = true};
    struct rule_state *state = NULL;
    const struct json *event;

    audiences_open(t, &w);
    event = add_event(t, &doc, "e1", NOW);
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, NULL, event, NOW, t->arena, &state, d)); /* builds */
    CHECK_TRUE(!rule_state_member(state, 0));
    CHECK_TRUE(doc.rule_state.n > 0);
    event = add_event(t, &doc, "e2", NOW + 1);
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, NULL, event, NOW + 1, t->arena, &state, d));
    CHECK_TRUE(rule_state_member(state, 0));
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, NULL, NULL, NOW + 2 * MS_PER_HOUR, t->arena, &state, d));
    CHECK_TRUE(!rule_state_member(state, 0)); /* an hour has passed */
    audiences_close(&w);
}

TEST(edge_rules_renewed_after_a_projection)
{
    struct audiences w;
    struct edge_doc doc = {.known = true};
    struct rule_state *state = NULL;
    const struct json *event, *attributes = NULL;
    struct projected_membership far = {S("far"), true, NOW};
    struct projection p = {.rev = 1, .memberships = &far, .membership_count = 1};

    audiences_open(t, &w);
    event = add_event(t, &doc, "e1", NOW);
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, NULL, event, NOW, t->arena, &state, d));
    CHECK_OK(json_parse(S("{\"loyalty\":{\"tier\":\"gold\"}}"), t->arena, &attributes, d));
    p.attributes = attributes;
    CHECK_OK(edge_doc_fold_projection(&doc, &p, NOW + 1, t->arena, d));
    CHECK_EQ(doc.rule_state.n, 0);
    CHECK_OK(edge_rules_renew(&w.view, &doc, NOW + 1, t->arena, d));
    CHECK_TRUE(doc.rule_state.n > 0);
    event = add_event(t, &doc, "e2", NOW + 2);
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, attributes, event, NOW + 2, t->arena, &state, d));
    CHECK_TRUE(rule_state_member(state, 0)); /* it knew of e1 */
    CHECK_TRUE(rule_state_member(state, 1));
    CHECK_OK(edge_rules_renew(NULL, &doc, NOW, t->arena, d)); /* a sandbox without a view: nothing to evaluate */
    audiences_close(&w);
}

/* A saved audience costs a document nothing but itself: what the state counted stays, though the events are gone. */
TEST(edge_rules_keep_the_state_when_audiences_change)
{
    struct audiences w;
    struct edge_doc doc = {.known = true};
    struct rule_state *state = NULL;
    struct rule_graph *next = NULL;
    struct rule_audience more[3];
    struct rule *gold = NULL;
    const struct json *attributes = NULL;

    audiences_open(t, &w);
    for (int i = 0; i < 2; i++) {
        const struct json *event = add_event(t, &doc, i ? "e2" : "e1", NOW + i);
        CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, NULL, event, NOW + i, t->arena, &state, d));
        more[i] = (struct rule_audience){w.ids[i], w.rules[i]};
    }
    CHECK_OK(pql_compile(S("loyalty.level = \"gold\""), true, &gold, NULL, d));
    more[2] = (struct rule_audience){S("plain"), gold};
    CHECK_OK(rule_graph_extend(w.graph, more, 3, 8, &next, d));
    rule_graph_free(w.graph);
    w.graph = w.view.edge_segments.graph = next;
    w.view.edge_segments.count = 3;
    doc.event_count = 0;
    CHECK_OK(json_parse(S("{\"loyalty\":{\"level\":\"gold\"}}"), t->arena, &attributes, d));
    CHECK_OK(edge_rules_update(&w.view.edge_segments, &doc, attributes, NULL, NOW + 2, t->arena, &state, d));
    CHECK_TRUE(rule_state_member(state, 0) && rule_state_member(state, 2));
    audiences_close(&w);
    rule_free(gold);
}
