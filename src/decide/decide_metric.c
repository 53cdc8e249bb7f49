/* decide_metric.c - what counts as success, compiled [TARGET 2.7]; and response tokens.
 *
 * A metric lies with its activity; where it is met (an mbox shown or clicked, a view, a click on a selector) is an
 * index over all activities, so that a request looks at what its location can meet and at nothing else. */
#include "decide/compile_int.h"

/* ---- actions ---- */

static enum hit_action
action_of(const struct json *name, enum hit_action otherwise)
{
    static const char *const names[ACTION__COUNT] = {
        [ACTION_COUNT_ONCE] = "count_once",
        [ACTION_COUNT_LANDINGS] = "count_landings",
        [ACTION_ALWAYS_CONVERT] = "always_convert",
        [ACTION_RESTART_SAME] = "restart_same_experience",
        [ACTION_RESTART_RANDOM] = "restart_random_experience",
        [ACTION_RESTART_NEW] = "restart_new_experience",
        [ACTION_EXCLUDE_TO_SAME] = "exclude_to_same_experience",
        [ACTION_BAN] = "ban_from_campaign",
    };

    for (int i = 0; i < ACTION__COUNT; i++) {
        if (str_eq(json_str(name), str_of(names[i])))
            return (enum hit_action)i;
    }
    return otherwise;
}

static enum hit_action
metric_action(const struct json *metric)
{
    bool conversion = json_bool(json_get(metric, S("conversion")), false);

    return action_of(json_path(metric, S("action.type")), conversion ? ACTION_RESTART_SAME : ACTION_COUNT_ONCE);
}

static enum metric_kind
metric_kind(const struct json *metric)
{
    struct str engagement = json_str(json_get(metric, S("engagement")));

    return str_eq(engagement, S("page_count"))     ? METRIC_PAGES
           : str_eq(engagement, S("score"))        ? METRIC_SCORE
           : str_eq(engagement, S("time_on_site")) ? METRIC_TIME
                                                   : METRIC_EVENT;
}

/* ---- gates: {"dependsOn":[{"metricLocalId":3,"reached":true}]}, or ids alone: reached ---- */

static bool
read_gates(struct compile *c, const struct json *metric, struct metric *m)
{
    const struct json *list = json_get(metric, S("dependsOn"));
    struct json_iter it = compile_list(list);
    struct metric_gate *gates = ARENA_ARRAY(&c->set->arena, struct metric_gate, json_count(list) + 1);

    if (gates == NULL)
        return false;
    while (json_next(&it)) {
        bool object = json_is(it.value, JSON_OBJECT);
        const struct json *id = object ? json_get(it.value, S("metricLocalId")) : it.value;
        gates[m->gate_count++] = (struct metric_gate){(uint32_t)json_i64(id, 0),
                                                      !object || json_bool(json_get(it.value, S("reached")), true)};
    }
    m->gates = gates;
    return true;
}

/* ---- goals ---- */

static bool
add_goal(struct compile *c, bool clicked, struct str location, struct goal goal)
{
    struct map *index = &c->set->goals[clicked];
    struct goals *g = map_get(index, location);

    if (g == NULL) {
        g = ARENA_NEW(&c->set->arena, struct goals);
        location = compile_intern(c, location);
        if (g == NULL || location.p == NULL || !map_put(index, location, g, NULL))
            return false;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (g->items[i].metric == goal.metric)
            return true; /* a metric may name a location twice */
    }
    if (g->n == g->cap) {
        g->items = compile_grow(&c->set->arena, g->items, g->n, &g->cap, sizeof(*g->items));
        if (g->items == NULL)
            return false;
    }
    g->items[g->n++] = goal;
    return true;
}

static bool
read_mboxes(struct compile *c, const struct json *metric, struct goal goal)
{
    struct json_iter it = compile_list(json_get(metric, S("mboxes")));

    while (json_next(&it)) {
        struct str name = json_str(json_get(it.value, S("name")));
        struct str event = json_str(json_get(it.value, S("successEvent")));
        bool clicked = str_eq(event, S("mbox_clicked"));
        goal.audiences = (struct audience_list){0};
        if (str_eq(name, GLOBAL_MBOX))
            name = PAGE_SCOPE;
        if (name.n == 0 || (!clicked && event.n > 0 && !str_eq(event, S("mbox_shown"))))
            continue;
        if (!compile_audiences(c, json_get(it.value, S("audienceIds")), &goal.audiences) ||
            !add_goal(c, clicked, name, goal))
            return false;
    }
    return true;
}

static bool
read_views(struct compile *c, const struct json *o, const struct json *metric, struct goal goal)
{
    struct json_iter it = compile_list(json_get(metric, S("views")));

    while (json_next(&it)) {
        const struct json *view = json_is(it.value, JSON_OBJECT) ? it.value : NULL;
        struct str name = compile_view_name(c, o, view != NULL ? json_get(view, S("viewLocalId")) : it.value);
        goal.audiences = (struct audience_list){0};
        if (name.n > 0 && (!compile_audiences(c, json_get(view, S("audienceIds")), &goal.audiences) ||
                           !add_goal(c, false, name, goal)))
            return false;
    }
    return true;
}

/* ---- caps ---- */

static bool
read_cap(const struct json *metric, struct cap *cap)
{
    const struct json *conditions = json_path(metric, S("action.conditions"));
    int64_t visits = json_i64(json_get(conditions, S("maxVisitCount")), 0);
    int64_t impressions = json_i64(json_get(conditions, S("maxImpressionCount")), 0);

    *cap = (struct cap){
        .visits = visits > 0 && visits < UINT32_MAX ? (uint32_t)visits : 0,
        .impressions = impressions > 0 && impressions < UINT32_MAX ? (uint32_t)impressions : 0,
        .action = action_of(json_path(metric, S("action.onConditionsMetAction")), ACTION_COUNT_ONCE),
    };
    return cap->visits > 0 || cap->impressions > 0;
}

static bool
read_reporting(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *list = json_get(o, S("reportingAudiences"));
    struct json_iter it = compile_list(list);
    struct reporting_audience *out = ARENA_ARRAY(&c->set->arena, struct reporting_audience, json_count(list) + 1);

    if (out == NULL)
        return false;
    while (json_next(&it)) {
        struct reporting_audience *r = &out[a->reporting_count++];
        *r = (struct reporting_audience){.id = json_i64(json_get(it.value, S("reportingAudienceLocalId")), 0)};
        if (!compile_audience_id(c, json_get(it.value, S("audienceId")), &r->audiences))
            return false;
    }
    a->reporting = out;
    return true;
}

enum err
compile_metrics(struct compile *c, uint32_t index)
{
    const struct json *o = c->objects[index], *list = json_get(o, S("metrics"));
    struct activity *a = &c->set->activities[index];
    struct json_iter it = compile_list(list);
    struct metric *metrics = ARENA_ARRAY(&c->set->arena, struct metric, json_count(list) + 1);
    struct cap *caps = ARENA_ARRAY(&c->set->arena, struct cap, json_count(list) + 1);
    bool engaged = false;

    if (metrics == NULL || caps == NULL)
        return compile_no_memory(c);
    while (json_next(&it)) {
        struct metric *m = &metrics[a->metric_count++];
        *m = (struct metric){.id = (uint32_t)json_i64(json_get(it.value, S("metricLocalId")), 0),
                             .kind = metric_kind(it.value),
                             .action = metric_action(it.value),
                             .revenue = json_bool(json_get(it.value, S("revenue")), false)};
        a->cap_count += read_cap(it.value, &caps[a->cap_count]);
        engaged |= m->kind != METRIC_EVENT;
        if (!read_gates(c, it.value, m) || !read_mboxes(c, it.value, (struct goal){index, m, {0}}) ||
            !read_views(c, o, it.value, (struct goal){index, m, {0}}))
            return compile_no_memory(c);
    }
    a->metrics = metrics;
    a->caps = caps;
    if (engaged) {
        if (c->set->engaged == NULL)
            c->set->engaged = ARENA_ARRAY(&c->set->arena, uint32_t, c->set->activity_count);
        if (c->set->engaged == NULL)
            return compile_no_memory(c);
        c->set->engaged[c->set->engaged_count++] = index;
    }
    return read_reporting(c, o, a) ? ERR_OK : compile_no_memory(c);
}

/* ---- response tokens [TARGET 2.8] ---- */

static bool
response_field(struct compile *c, struct str token, struct field *f)
{
    static const struct {
        const char *prefix;
        enum field_source source;
    } table[] = {{"profile.", FIELD_PROFILE}, {"user.", FIELD_PROFILE}, {"geo.", FIELD_GEO},
                 {"mbox.", FIELD_MBOX},       {"aep.", FIELD_AEP},      {"crs.", FIELD_CUSTOMER}};

    if (str_eq(token, S("experience.trafficAllocationId")) || str_eq(token, S("experience.trafficAllocationType"))) {
        *f = (struct field){FIELD_CHOICE, compile_intern(c, str_slice(token, S("experience.").n, token.n))};
        return true;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str prefix = str_of(table[i].prefix);
        if (!str_starts(token, prefix) || token.n == prefix.n)
            continue;
        *f = (struct field){table[i].source, compile_intern(c, str_slice(token, prefix.n, token.n))};
        return true;
    }
    return false;
}

enum err
compile_response_tokens(struct compile *c)
{
    size_t n = c->src->response_token_count;
    struct response_field *fields = ARENA_ARRAY(&c->set->arena, struct response_field, n + 1);

    if (fields == NULL)
        return compile_no_memory(c);
    for (size_t i = 0; i < n; i++) {
        const struct json *o = c->src->response_tokens[i];
        struct response_field *x = &fields[c->set->response_count];
        struct str token = json_str(json_get(o, S("token")));
        if (!json_bool(json_get(o, S("active")), true))
            continue;
        if (!response_field(c, token, &x->field)) {
            c->set->response_static |= known_token_bit(token);
            continue;
        }
        x->name = compile_intern(c, token);
        x->lower = x->field.source == FIELD_GEO && !str_ends(token, S("Code"));
        if (x->field.source == FIELD_AEP && !compile_add_path(c, x->field.name))
            return compile_no_memory(c);
        c->set->response_count++;
    }
    c->set->response_fields = fields;
    return ERR_OK;
}
