/* decide_check_activity.c - an activity's head, schedule, entry and properties; then its parts in order [TARGET 6.3].
 */
#include "decide/decide_check_int.h"

/* ---- head ---- */

static enum err
check_time(struct check *c, const struct json *o, const char *member, int64_t *ms)
{
    const struct json *v = json_get(o, str_of(member));

    check_at(c, "%s", member);
    if (v != NULL && !json_is(v, JSON_NULL) && !time_value(v, ms))
        return check_wrong(c, v, "an ISO 8601 time or milliseconds");
    return ERR_OK;
}

static enum err
check_schedule(struct check *c, const struct json *o)
{
    int64_t starts = INT64_MIN, ends = INT64_MAX, other;
    enum err rc = check_time(c, o, "approvedAt", &other);

    if (rc == ERR_OK)
        rc = check_time(c, o, "modifiedAt", &other);
    if (rc == ERR_OK)
        rc = check_time(c, o, "startsAt", &starts);
    if (rc == ERR_OK)
        rc = check_time(c, o, "endsAt", &ends);
    if (rc == ERR_OK && starts >= ends)
        rc = check_say(c, "must be later than startsAt");
    return rc;
}
/* Which members belong to the type [TARGET 2.1]. */
static void
read_type(struct check *c, const struct json *o)
{
    struct str type = json_str(json_get(o, S("type")));
    bool ab = str_eq(type, S("ab"));

    c->xt = str_eq(type, S("xt"));
    c->groups = str_eq(type, S("abt"));
    c->combines = c->groups || str_eq(type, S("mvt"));
    c->learns = decide_learns(o);
    c->allocate = decide_allocates(o);
    c->manual = ab && !c->learns && !c->allocate;
    c->draft = str_eq(json_str(json_get(o, S("state"))), S("saved"));
}

static enum err
check_head(struct check *c, const struct json *o)
{
    static const char *const types[] = {"ab", "xt", "mvt", "abt", "auto_allocate"};
    static const char *const states[] = {"saved", "approved", "deactivated", "deleted"};
    static const char *const sources[] = {"target", "analytics"};
    const struct json *source = json_get(o, S("reportingSource"));
    enum err rc;

    check_at(c, "type");
    rc = check_word(c, json_get(o, S("type")), "ab, xt, mvt, abt or auto_allocate", types, 5);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "name");
    rc = check_text(c, json_get(o, S("name")), LIMIT_OBJECT_NAME_BYTES, false);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "state");
    rc = check_word(c, json_get(o, S("state")), "saved, approved, deactivated or deleted", states, 4);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "reportingSource");
    rc = source == NULL ? ERR_OK : check_word(c, source, "target or analytics", sources, 2);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "priority");
    rc = check_int(c, json_get(o, S("priority")), 0, LIMIT_ACTIVITY_PRIORITY, true);
    read_type(c, o);
    return rc == ERR_OK ? check_schedule(c, o) : rc;
}

static enum err
check_entry(struct check *c, const struct json *o)
{
    const struct json *entry = json_get(o, S("entryConstraint")), *mboxes = json_get(entry, S("mboxes"));
    struct json_iter it = json_iter(mboxes);
    char base[64];
    enum err rc;

    if (entry == NULL)
        return ERR_OK;
    check_at(c, "entryConstraint");
    if (!json_is(entry, JSON_OBJECT))
        return check_wrong(c, entry, "an object");
    check_at(c, "entryConstraint.visitorPercentage");
    rc = check_int(c, json_get(entry, S("visitorPercentage")), 0, 100, true);
    if (rc == ERR_OK)
        rc = check_audience_ids(c, entry, "entryConstraint");
    check_at(c, "entryConstraint.mboxes");
    if (rc == ERR_OK)
        rc = check_list(c, mboxes, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "entryConstraint.mboxes[%zu]", i);
        rc = check_mbox_name(c, json_get(it.value, S("name")), base);
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, base);
    }
    return rc;
}

static enum err
check_properties(struct check *c, const struct json *o)
{
    const struct json *ids = json_get(o, S("propertyIds"));
    struct json_iter it = json_iter(ids);
    enum err rc;

    check_at(c, "propertyIds");
    rc = check_list(c, ids, LIMIT_ACTIVITY_AUDIENCES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        check_at(c, "propertyIds[%zu]", i);
        if (!json_is(it.value, JSON_INT) && !json_is(it.value, JSON_STRING))
            rc = check_wrong(c, it.value, "a property id");
        else if (!check_known(c, "property", it.value))
            rc = check_say(c, "names a property that does not exist");
    }
    return rc;
}

static enum err
check_group(struct check *c, const struct json *o)
{
    const struct json *id = json_get(o, S("exclusionGroupId"));

    check_at(c, "exclusionGroupId");
    if (id == NULL || json_is(id, JSON_NULL))
        return ERR_OK;
    if (!json_is(id, JSON_INT))
        return check_wrong(c, id, "the id of an exclusion group");
    return check_known(c, "exclusionGroup", id) ? ERR_OK : check_say(c, "names an exclusion group that does not exist");
}

enum err
decide_check_activity(const struct json *activity, const struct decide_known *known, struct diag *d)
{
    static enum err (*const steps[])(struct check *, const struct json *) = {
        check_head,      check_entry,       check_properties,   check_group,        check_options, check_views,
        check_locations, check_experiences, check_combinations, check_optimization, check_metrics, check_reporting,
    };
    struct check c = {.known = known, .d = d, .path = "activity"};
    enum err rc = ERR_OK;

    if (!json_is(activity, JSON_OBJECT))
        return check_wrong(&c, activity, "an object");
    for (size_t i = 0; rc == ERR_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        rc = steps[i](&c, activity);
    return rc;
}
