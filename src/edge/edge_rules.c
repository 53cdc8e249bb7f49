/* edge_rules.c - the audiences that an edge evaluates, for one document  [SEGMENTATION 15.3].
 *
 * The state of the rules is kept with the document. A request steps it by its event; a projection that changed what it
 * was built from brings it up to date at once, on the following thread, so that the visitor's next request finds it
 * ready. */
#include "edge/edge_int.h"

#include "base/limits.h"

bool
edge_rules_projected(const struct edge_doc *doc, struct str audience)
{
    const struct projected_membership *m = edge_doc_membership(doc, audience);

    return m != NULL && m->member;
}

static bool
hub_says(void *ctx, struct str audience)
{
    return edge_rules_projected(ctx, audience);
}

static enum err
parse_events(const struct edge_doc *doc, struct rule_env *env, struct arena *a, struct diag *d)
{
    const struct json **events = ARENA_ARRAY(a, const struct json *, doc->event_count + 1);
    enum err rc = ERR_OK;

    if (events == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the profile's events");
    for (size_t i = 0; rc == ERR_OK && i < doc->event_count; i++)
        rc = json_parse(doc->events[i].json, a, &events[env->event_count++], d);
    env->events = events;
    return rc;
}

enum err
edge_rules_update(const struct segment_set *set, struct edge_doc *doc, const struct json *attributes,
                  const struct json *event, int64_t now_ms, struct arena *a, struct rule_state **out, struct diag *d)
{
    struct rule_env env = {.now_ms = now_ms, .profile = attributes, .in_segment = hub_says, .ctx = doc};
    struct rule_state *state = NULL;
    struct rule_changes changes;
    struct buf bytes;
    bool have = doc->rule_state.n > 0 && rule_state_load(set->graph, doc->rule_state, a, &state, NULL) == ERR_OK;
    bool reads = !have || set->scans || rule_state_needs_events(state);
    enum err rc = reads ? parse_events(doc, &env, a, d) : ERR_OK;

    if (rc == ERR_OK && !have)
        rc = rule_state_build(set->graph, &env, a, &state, d);
    else if (rc == ERR_OK && event != NULL)
        rc = rule_state_event(set->graph, state, &env, event, a, &changes, d);
    else if (rc == ERR_OK)
        rc = rule_state_time(set->graph, state, &env, a, &changes, d);
    if (rc != ERR_OK)
        return rc;
    *out = state;
    buf_init_in(&bytes, a, LIMIT_EDGE_PROFILE_BYTES);
    rule_state_save(state, &bytes);
    doc->rule_state = buf_ok(&bytes) ? buf_str(&bytes) : S_NULL;
    return ERR_OK;
}

enum err
edge_rules_renew(const struct scope_view *view, struct edge_doc *doc, int64_t now_ms, struct arena *a, struct diag *d)
{
    const struct json *attributes = NULL;
    struct rule_state *state;
    enum err rc = ERR_OK;

    if (view == NULL || view->edge_segments.graph == NULL)
        return ERR_OK;
    if (doc->attributes.n > 0)
        rc = json_parse(doc->attributes, a, &attributes, d);
    return rc == ERR_OK ? edge_rules_update(&view->edge_segments, doc, attributes, NULL, now_ms, a, &state, d) : rc;
}
