/* decide_check_metric.c - what counts as success [TARGET 2.7, 6.3].
 *
 * A metric is met at mboxes, by clicks on selectors, in views; {"dependsOn":[{"metricLocalId":3,"reached":true}]} or
 * ids alone (reached) say which others gate it. Metrics that gate each other in a circle would never convert: refused.
 */
#include "decide/decide_check_int.h"

#define METRIC_IDS ((struct check_range){1, PRIMARY_METRIC})

static const char action_words[] = "count_once, count_landings, always_convert, restart_same_experience, "
                                   "restart_random_experience, restart_new_experience, exclude_to_same_experience or "
                                   "ban_from_campaign";

static enum err
check_action_word(struct check *c, const struct json *v)
{
    static const char *const words[] = {
        "count_once",
        "count_landings",
        "always_convert",
        "restart_same_experience",
        "restart_random_experience",
        "restart_new_experience",
        "exclude_to_same_experience",
        "ban_from_campaign",
    };

    return v == NULL ? ERR_OK : check_word(c, v, action_words, words, sizeof(words) / sizeof(words[0]));
}

/* ---- places ---- */

static enum err
check_metric_mboxes(struct check *c, const struct json *list, const char *base)
{
    static const char *const events[] = {"mbox_shown", "mbox_clicked"};
    struct json_iter it = json_iter(list);
    char path[96];
    enum err rc;

    check_at(c, "%s.mboxes", base);
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *event = json_get(it.value, S("successEvent"));
        (void)snprintf(path, sizeof(path), "%s.mboxes[%zu]", base, i);
        rc = check_mbox_name(c, json_get(it.value, S("name")), path);
        check_at(c, "%s.successEvent", path);
        if (rc == ERR_OK && event != NULL)
            rc = check_word(c, event, "mbox_shown or mbox_clicked", events, 2);
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, path);
    }
    return rc;
}

static enum err
check_metric_clicks(struct check *c, const struct json *list, const char *base)
{
    struct json_iter it = json_iter(list);
    char path[96];
    enum err rc;

    check_at(c, "%s.clickTrackSelectors", base);
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(path, sizeof(path), "%s.clickTrackSelectors[%zu]", base, i);
        check_at(c, "%s.selector", path);
        rc = check_text(c, json_get(it.value, S("selector")), CHECK_SELECTOR_BYTES, false);
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, path);
    }
    return rc;
}

static enum err
check_metric_views(struct check *c, const struct json *o, const struct json *list, const char *base)
{
    struct json_iter it = json_iter(list);
    char path[96];
    enum err rc;

    check_at(c, "%s.views", base);
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        bool object = json_is(it.value, JSON_OBJECT);
        const struct json *id = object ? json_get(it.value, S("viewLocalId")) : it.value;
        (void)snprintf(path, sizeof(path), "%s.views[%zu]", base, i);
        check_at(c, "%s", path);
        if (id == NULL || !check_listed(json_get(o, S("views")), "viewLocalId", id))
            return check_say(c, "must name a view in views");
        if (object)
            rc = check_audience_ids(c, it.value, path);
    }
    return rc;
}

/* ---- action ---- */

static enum err
check_conditions(struct check *c, const struct json *o, const struct json *conditions, const char *base)
{
    const struct json *experiences = json_get(conditions, S("experiences"));
    struct json_iter it = json_iter(experiences);
    enum err rc;

    check_at(c, "%s.action.conditions", base);
    if (conditions != NULL && !json_is(conditions, JSON_OBJECT))
        return check_wrong(c, conditions, "an object");
    check_at(c, "%s.action.conditions.maxVisitCount", base);
    rc = check_int(c, json_get(conditions, S("maxVisitCount")), 0, INT32_MAX, true);
    check_at(c, "%s.action.conditions.maxImpressionCount", base);
    if (rc == ERR_OK)
        rc = check_int(c, json_get(conditions, S("maxImpressionCount")), 0, INT32_MAX, true);
    check_at(c, "%s.action.conditions.experiences", base);
    if (rc == ERR_OK)
        rc = check_list(c, experiences, LIMIT_EXPERIENCES, true);
    for (size_t i = 0; rc == ERR_OK && !c->combines && json_next(&it); i++) {
        check_at(c, "%s.action.conditions.experiences[%zu]", base, i);
        if (!check_listed(json_get(o, S("experiences")), "experienceLocalId", it.value))
            rc = check_say(c, "must name an experience of the activity");
    }
    return rc;
}

static enum err
check_action(struct check *c, const struct json *o, const struct json *metric, const char *base)
{
    const struct json *action = json_get(metric, S("action")), *type = json_get(action, S("type"));
    enum err rc;

    check_at(c, "%s.action", base);
    if (action != NULL && !json_is(action, JSON_OBJECT))
        return check_wrong(c, action, "an object");
    check_at(c, "%s.action.type", base);
    rc = check_action_word(c, type);
    check_at(c, "%s.action.onConditionsMetAction", base);
    if (rc == ERR_OK)
        rc = check_action_word(c, json_get(action, S("onConditionsMetAction")));
    return rc == ERR_OK ? check_conditions(c, o, json_get(action, S("conditions")), base) : rc;
}

/* ---- gates ---- */

static const struct json *
gate_of(const struct json *v)
{
    return json_is(v, JSON_OBJECT) ? json_get(v, S("metricLocalId")) : v;
}

static enum err
check_gates(struct check *c, const struct json *metrics, const struct json *metric, const char *base)
{
    const struct json *list = json_get(metric, S("dependsOn"));
    struct json_iter it = json_iter(list);
    enum err rc;

    check_at(c, "%s.dependsOn", base);
    rc = check_list(c, list, LIMIT_METRIC_GATES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *id = gate_of(it.value);
        check_at(c, "%s.dependsOn[%zu]", base, i);
        if (id == NULL || !check_listed(metrics, "metricLocalId", id))
            return check_say(c, "must name a metric of the activity");
        check_at(c, "%s.dependsOn[%zu].reached", base, i);
        if (json_is(it.value, JSON_OBJECT))
            rc = check_bool(c, json_get(it.value, S("reached")));
    }
    return rc;
}

static int
metric_index(const struct json *metrics, const struct json *id)
{
    struct json_iter it = json_iter(metrics);

    for (int i = 0; json_next(&it); i++) {
        if (json_equal(json_get(it.value, S("metricLocalId")), id))
            return i;
    }
    return -1;
}

/* Metrics whose gates are all settled are settled, until nothing changes; what is left gates itself. At most
 * LIMIT_ACTIVITY_METRICS rounds. */
static enum err
check_circle(struct check *c, const struct json *metrics)
{
    bool settled[LIMIT_ACTIVITY_METRICS] = {false}, changed = true;
    size_t at;

    while (changed) {
        struct json_iter it = json_iter(metrics);
        changed = false;
        for (size_t i = 0; json_next(&it); i++) {
            struct json_iter gates = json_iter(json_get(it.value, S("dependsOn")));
            bool free = true;
            while (free && json_next(&gates)) {
                int index = metric_index(metrics, gate_of(gates.value));
                free = index >= 0 && settled[index];
            }
            changed |= free && !settled[i];
            settled[i] |= free;
        }
    }
    for (at = 0; at < json_count(metrics) && settled[at]; at++)
        ;
    check_at(c, "metrics[%zu].dependsOn", at);
    return at == json_count(metrics) ? ERR_OK : check_say(c, "depends on itself, by way of other metrics or at once");
}

/* ---- metrics ---- */

static enum err
check_kind(struct check *c, const struct json *metric, const char *base)
{
    static const char *const engagements[] = {"none", "page_count", "score", "time_on_site"};
    static const char *const criteria[] = {"conversion_rate", "rpv", "aov", "none"};
    const struct json *engagement = json_get(metric, S("engagement"));
    const struct json *optimized = json_get(metric, S("optimizationCriteria"));
    enum err rc;

    check_at(c, "%s.name", base);
    rc = check_text(c, json_get(metric, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
    check_at(c, "%s.conversion", base);
    if (rc == ERR_OK)
        rc = check_bool(c, json_get(metric, S("conversion")));
    check_at(c, "%s.revenue", base);
    if (rc == ERR_OK)
        rc = check_bool(c, json_get(metric, S("revenue")));
    check_at(c, "%s.engagement", base);
    if (rc == ERR_OK && engagement != NULL)
        rc = check_word(c, engagement, "none, page_count, score or time_on_site", engagements, 4);
    check_at(c, "%s.optimizationCriteria", base);
    if (rc == ERR_OK && optimized != NULL)
        rc = check_word(c, optimized, "conversion_rate, rpv, aov or none", criteria, 4);
    return rc;
}

static enum err
check_metric(struct check *c, const struct json *o, const struct json *metric, const char *base)
{
    enum err rc = check_kind(c, metric, base);

    if (rc == ERR_OK)
        rc = check_metric_mboxes(c, json_get(metric, S("mboxes")), base);
    if (rc == ERR_OK)
        rc = check_metric_clicks(c, json_get(metric, S("clickTrackSelectors")), base);
    if (rc == ERR_OK)
        rc = check_metric_views(c, o, json_get(metric, S("views")), base);
    if (rc == ERR_OK)
        rc = check_action(c, o, metric, base);
    return rc == ERR_OK ? check_gates(c, json_get(o, S("metrics")), metric, base) : rc;
}

enum err
check_metrics(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("metrics"));
    struct json_iter it = json_iter(list);
    bool analytics = str_eq(json_str(json_get(o, S("reportingSource"))), S("analytics"));
    size_t primary = 0;
    char base[48];
    enum err rc;

    check_at(c, "metrics");
    rc = check_list(c, list, LIMIT_ACTIVITY_METRICS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "metrics[%zu]", i);
        primary += json_i64(json_get(it.value, S("metricLocalId")), 0) == PRIMARY_METRIC;
        check_at(c, "metrics");
        if (primary > 1)
            return check_say(c, "must have one primary metric (metricLocalId %d), got two", PRIMARY_METRIC);
        rc = check_local_id(c, list, i, it.value, base, "metricLocalId", METRIC_IDS);
        if (rc == ERR_OK)
            rc = check_metric(c, o, it.value, base);
    }
    check_at(c, "metrics");
    if (rc == ERR_OK && json_count(list) > 0 && primary == 0 && !analytics && !c->draft)
        rc = check_say(c, "must have a primary metric (metricLocalId %d)", PRIMARY_METRIC);
    return rc == ERR_OK ? check_circle(c, list) : rc;
}

/* ---- reporting audiences ---- */

/* Bound to a metric, or to entry (0, or none). */
enum err
check_reporting(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("reportingAudiences"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    check_at(c, "reportingAudiences");
    rc = check_list(c, list, LIMIT_REPORTING_AUDIENCES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *metric = json_get(it.value, S("metricLocalId"));
        (void)snprintf(base, sizeof(base), "reportingAudiences[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "reportingAudienceLocalId", (struct check_range){0, INT32_MAX});
        check_at(c, "%s.audienceId", base);
        if (rc == ERR_OK)
            rc = check_audience_id(c, json_get(it.value, S("audienceId")));
        check_at(c, "%s.metricLocalId", base);
        if (rc == ERR_OK && metric != NULL && json_i64(metric, -1) != 0 &&
            !check_listed(json_get(o, S("metrics")), "metricLocalId", metric))
            rc = check_say(c, "must name a metric of the activity, or 0 for entry");
    }
    return rc;
}
