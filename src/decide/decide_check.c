/* decide_check.c - is an activity, offer or audience fit to be stored? [TARGET 6.3, 6.4]
 *
 * Every message names the member by its path and says what was expected there. The compiler reads what passed here
 * without looking again, but survives what did not. OURS, where the documents are silent: drafts are checked like live
 * activities; an activity may have no metrics at all, because orders are counted anyway; hub audiences (text ids) are
 * not looked up, because they may be created later. */
#include <stdarg.h>
#include <stdio.h>

#include "decide/decide_int.h"

#define PATH_BYTES 128

struct check {
    const struct decide_known *known;
    struct diag *d;
    char path[PATH_BYTES];
};

/* Says what is wrong at c->path. */
static enum err
wrong(struct check *c, const struct json *got, const char *expected)
{
    return diag_set_path(c->d, ERR_INVALID, c->path, "%s must be %s, got %s", c->path, expected,
                         json_type_name(json_type(got)));
}

static void at(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
at(struct check *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->path, sizeof(c->path), fmt, args); /* a path that is cut still leads close */
    va_end(args);
}

static enum err say(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static enum err
say(struct check *c, const char *fmt, ...)
{
    char text[160];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return diag_set_path(c->d, ERR_INVALID, c->path, "%s %s", c->path, text);
}

static enum err
too_many(struct check *c, size_t n, int most)
{
    return diag_set_path(c->d, ERR_LIMIT, c->path, "%s has %zu elements, at most %d are allowed", c->path, n, most);
}

/* An integer in a range; absent is fine when optional. */
static enum err
check_int(struct check *c, const struct json *v, int64_t low, int64_t high, bool optional)
{
    int64_t n = json_i64(v, low - 1);

    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_INT))
        return wrong(c, v, "an integer");
    if (n < low || n > high)
        return say(c, "must be %lld..%lld, got %lld", (long long)low, (long long)high, (long long)n);
    return ERR_OK;
}

static enum err
check_text(struct check *c, const struct json *v, size_t bytes_max, bool optional)
{
    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_STRING))
        return wrong(c, v, "a string");
    if (json_str(v).n == 0 && !optional)
        return say(c, "must not be empty");
    if (json_str(v).n > bytes_max)
        return diag_set_path(c->d, ERR_LIMIT, c->path, "%s has %zu bytes, at most %zu are allowed", c->path,
                             json_str(v).n, bytes_max);
    return ERR_OK;
}

static enum err
check_list(struct check *c, const struct json *v, int most, bool optional)
{
    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_ARRAY))
        return wrong(c, v, "a list");
    return json_count(v) > (size_t)most ? too_many(c, json_count(v), most) : ERR_OK;
}

/* Has an element of list before the i-th the same value of `member`? */
static bool
is_taken(const struct json *list, size_t i, const char *member, const struct json *value)
{
    struct json_iter it = json_iter(list);

    for (size_t j = 0; j < i && json_next(&it); j++) {
        if (json_equal(json_get(it.value, str_of(member)), value))
            return true;
    }
    return false;
}

static bool
is_listed(const struct json *list, const char *member, const struct json *value)
{
    return is_taken(list, json_count(list), member, value);
}

static bool
is_known(struct check *c, const char *kind, const struct json *id)
{
    char text[24];
    struct str s = json_str(id);

    if (c->known == NULL)
        return true;
    if (json_is(id, JSON_INT)) {
        int n = snprintf(text, sizeof(text), "%lld", (long long)json_i64(id, 0));
        s = (struct str){text, (size_t)n};
    }
    return c->known->known(c->known->ctx, kind, s);
}

/* The audienceIds of the object at `base`. */
static enum err
check_audience_ids(struct check *c, const struct json *object, const char *base)
{
    const struct json *ids = json_get(object, S("audienceIds"));
    struct json_iter it = json_iter(ids);
    enum err rc;

    at(c, "%s.audienceIds", base);
    rc = check_list(c, ids, LIMIT_ACTIVITY_AUDIENCES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        at(c, "%s.audienceIds[%zu]", base, i);
        if (json_is(it.value, JSON_STRING) && json_str(it.value).n > 0)
            continue;
        if (!json_is(it.value, JSON_INT))
            rc = wrong(c, it.value, "a number (a Target audience) or a text (an audience of the hub)");
        else if (!is_known(c, "audience", it.value))
            rc = say(c, "names audience %lld, which does not exist", (long long)json_i64(it.value, 0));
    }
    return rc;
}

/* A local id: an integer from 0 that no earlier element has. */
static enum err
check_local_id(struct check *c, const struct json *list, size_t i, const struct json *element, const char *base,
               const char *member)
{
    const struct json *id = json_get(element, str_of(member));
    enum err rc;

    at(c, "%s", base);
    if (!json_is(element, JSON_OBJECT))
        return wrong(c, element, "an object");
    at(c, "%s.%s", base, member);
    rc = check_int(c, id, 0, INT32_MAX, false);
    if (rc == ERR_OK && is_taken(list, i, member, id))
        rc = say(c, "%lld is used twice", (long long)json_i64(id, 0));
    return rc;
}

/* ---- head ---- */

static enum err
check_time(struct check *c, const struct json *o, const char *member, int64_t *ms)
{
    const struct json *v = json_get(o, str_of(member));

    at(c, "%s", member);
    if (v != NULL && !json_is(v, JSON_NULL) && !time_value(v, ms))
        return wrong(c, v, "an ISO 8601 time or milliseconds");
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
        rc = say(c, "must be later than startsAt");
    return rc;
}

static enum err
check_word(struct check *c, const struct json *v, const char *expected, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_is(v, JSON_STRING) && str_eq(json_str(v), str_of(words[i])))
            return ERR_OK;
    }
    if (json_is(v, JSON_STRING))
        return say(c, "must be %s, got '%.*s'", expected, (int)(json_str(v).n < 40 ? json_str(v).n : 40),
                   json_str(v).p);
    return wrong(c, v, expected);
}

static enum err
check_head(struct check *c, const struct json *o)
{
    static const char *const types[] = {"ab", "xt"};
    static const char *const states[] = {"saved", "approved", "deactivated", "deleted"};
    enum err rc;

    at(c, "type");
    rc = check_word(c, json_get(o, S("type")), "\"ab\" or \"xt\"", types, 2);
    if (rc != ERR_OK)
        return rc;
    at(c, "name");
    rc = check_text(c, json_get(o, S("name")), LIMIT_OBJECT_NAME_BYTES, false);
    if (rc != ERR_OK)
        return rc;
    at(c, "state");
    rc = check_word(c, json_get(o, S("state")), "saved, approved, deactivated or deleted", states, 4);
    if (rc != ERR_OK)
        return rc;
    at(c, "priority");
    rc = check_int(c, json_get(o, S("priority")), 0, LIMIT_ACTIVITY_PRIORITY, true);
    return rc == ERR_OK ? check_schedule(c, o) : rc;
}

/* [TARGET 1.2]; the page-wide scope has two names. */
static enum err
check_mbox_name(struct check *c, const struct json *name, const char *base)
{
    struct str s = json_str(name);
    enum err rc;

    at(c, "%s.name", base);
    rc = check_text(c, name, LIMIT_MBOX_NAME_BYTES, false);
    if (rc == ERR_OK && str_ends(s, S("-clicked")))
        rc = say(c, "must not end in -clicked");
    if (rc == ERR_OK && (str_starts(s, S(" ")) || str_ends(s, S(" "))))
        rc = say(c, "must not begin or end with a blank");
    return rc;
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
    at(c, "entryConstraint");
    if (!json_is(entry, JSON_OBJECT))
        return wrong(c, entry, "an object");
    at(c, "entryConstraint.visitorPercentage");
    rc = check_int(c, json_get(entry, S("visitorPercentage")), 0, 100, true);
    if (rc == ERR_OK)
        rc = check_audience_ids(c, entry, "entryConstraint");
    at(c, "entryConstraint.mboxes");
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

    at(c, "propertyIds");
    rc = check_list(c, ids, LIMIT_ACTIVITY_AUDIENCES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        at(c, "propertyIds[%zu]", i);
        if (!json_is(it.value, JSON_INT) && !json_is(it.value, JSON_STRING))
            rc = wrong(c, it.value, "a property id");
        else if (!is_known(c, "property", it.value))
            rc = say(c, "names a property that does not exist");
    }
    return rc;
}

/* ---- options ---- */

static enum err
check_template(struct check *c, const struct json *v, const char *base)
{
    struct json_iter it = json_iter(json_get(v, S("templateParameters")));
    bool selector = false;

    at(c, "%s.offerTemplateId", base);
    if (template_action(json_get(v, S("offerTemplateId"))).n == 0)
        return say(c, "must be the name or the number of a visual action");
    while (json_next(&it)) {
        if (str_eq(json_str(json_get(it.value, S("name"))), S("selector")))
            selector = json_str(json_get(it.value, S("value"))).n > 0;
    }
    at(c, "%s.templateParameters", base);
    return selector ? ERR_OK : say(c, "must have a parameter 'selector' with a text");
}

static enum err
check_option(struct check *c, const struct json *option, const char *base)
{
    const struct json *offer = json_get(option, S("offerId")), *templates = json_get(option, S("offerTemplates"));
    struct json_iter it = json_iter(templates);
    char path[96];
    enum err rc;

    at(c, "%s.name", base);
    rc = check_text(c, json_get(option, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
    if (rc != ERR_OK)
        return rc;
    at(c, "%s", base);
    if ((offer == NULL) == (templates == NULL))
        return say(c, "must have either offerId (0: default content) or offerTemplates");
    if (offer != NULL) {
        at(c, "%s.offerId", base);
        if (!json_is(offer, JSON_INT) && !(json_is(offer, JSON_STRING) && json_str(offer).n > 0))
            return wrong(c, offer, "an offer id, or 0 for default content");
        if (json_i64(offer, -1) != 0 && !is_known(c, "offer", offer))
            return say(c, "names an offer that does not exist");
        return ERR_OK;
    }
    at(c, "%s.offerTemplates", base);
    rc = check_list(c, templates, LIMIT_OFFER_ACTIONS, false);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(path, sizeof(path), "%s.offerTemplates[%zu]", base, i);
        rc = check_template(c, it.value, path);
    }
    return rc;
}

static enum err
check_options(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("options"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    at(c, "options");
    rc = check_list(c, list, LIMIT_EXPERIENCES, false);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "options[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "optionLocalId");
        if (rc == ERR_OK)
            rc = check_option(c, it.value, base);
    }
    return rc;
}

/* ---- locations ---- */

static enum err
check_views(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("views"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    at(c, "views");
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *name = json_get(it.value, S("name"));
        (void)snprintf(base, sizeof(base), "views[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "viewLocalId");
        at(c, "%s.name", base);
        if (rc == ERR_OK)
            rc = check_text(c, name, LIMIT_MBOX_NAME_BYTES, true);
        at(c, "%s", base);
        if (rc == ERR_OK && json_str(name).n == 0 && json_get(it.value, S("viewId")) == NULL)
            rc = say(c, "must have a name or a viewId");
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, base);
    }
    return rc;
}

static enum err
check_selector(struct check *c, const struct json *o, const struct json *location, const char *base)
{
    const struct json *view = json_get(location, S("viewLocalId"));
    enum err rc;

    at(c, "%s.selector", base);
    rc = check_text(c, json_get(location, S("selector")), LIMIT_MBOX_NAME_BYTES * 8, false);
    at(c, "%s.viewLocalId", base);
    if (rc == ERR_OK && view != NULL && !is_listed(json_get(o, S("views")), "viewLocalId", view))
        rc = say(c, "names a view that is not in views");
    return rc;
}

static enum err
check_location_list(struct check *c, const struct json *o, const char *kind, const struct json *list,
                    const struct json *earlier)
{
    struct json_iter it = json_iter(list);
    bool mbox = str_eq(str_of(kind), S("mboxes"));
    char base[64];
    enum err rc;

    at(c, "locations.%s", kind);
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *id = json_get(it.value, S("locationLocalId"));
        (void)snprintf(base, sizeof(base), "locations.%s[%zu]", kind, i);
        rc = check_local_id(c, list, i, it.value, base, "locationLocalId");
        if (rc == ERR_OK && is_listed(earlier, "locationLocalId", id))
            rc = say(c, "%lld is used twice", (long long)json_i64(id, 0));
        if (rc == ERR_OK)
            rc = mbox ? check_mbox_name(c, json_get(it.value, S("name")), base) : check_selector(c, o, it.value, base);
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, base);
    }
    return rc;
}

static enum err
check_locations(struct check *c, const struct json *o)
{
    const struct json *locations = json_get(o, S("locations"));
    const struct json *mboxes = json_get(locations, S("mboxes")), *selectors = json_get(locations, S("selectors"));
    enum err rc;

    at(c, "locations");
    if (!json_is(locations, JSON_OBJECT))
        return wrong(c, locations, "an object");
    rc = check_location_list(c, o, "mboxes", mboxes, NULL);
    if (rc == ERR_OK)
        rc = check_location_list(c, o, "selectors", selectors, mboxes);
    at(c, "locations");
    if (rc == ERR_OK && json_count(mboxes) + json_count(selectors) == 0)
        rc = say(c, "must have at least one mbox or selector");
    return rc;
}

/* ---- experiences ---- */

static enum err
check_option_locations(struct check *c, const struct json *o, const struct json *experience, const char *base)
{
    const struct json *list = json_get(experience, S("optionLocations")), *locations = json_get(o, S("locations"));
    struct json_iter it = json_iter(list);
    enum err rc;

    at(c, "%s.optionLocations", base);
    rc = check_list(c, list, 2 * LIMIT_ACTIVITY_LOCATIONS, false);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *location = json_get(it.value, S("locationLocalId"));
        const struct json *option = json_get(it.value, S("optionLocalId"));
        at(c, "%s.optionLocations[%zu].locationLocalId", base, i);
        if (location == NULL || (!is_listed(json_get(locations, S("mboxes")), "locationLocalId", location) &&
                                 !is_listed(json_get(locations, S("selectors")), "locationLocalId", location)))
            return say(c, "must name a location of the activity");
        if (is_taken(list, i, "locationLocalId", location))
            return say(c, "covers a location that the experience has already");
        at(c, "%s.optionLocations[%zu].optionLocalId", base, i);
        if (option == NULL || !is_listed(json_get(o, S("options")), "optionLocalId", option))
            return say(c, "must name an option of the activity");
    }
    return rc;
}

static enum err
check_experience(struct check *c, const struct json *o, const struct json *experience, const char *base, bool xt,
                 int64_t *sum)
{
    const struct json *percent = json_get(experience, S("visitorPercentage"));
    enum err rc;

    at(c, "%s.name", base);
    rc = check_text(c, json_get(experience, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
    if (rc != ERR_OK)
        return rc;
    at(c, "%s.visitorPercentage", base);
    if (xt && percent != NULL)
        return say(c, "belongs to A/B activities: experience targeting has no split");
    rc = xt ? ERR_OK : check_int(c, percent, 0, 100, false);
    *sum += json_i64(percent, 0);
    if (rc == ERR_OK)
        rc = check_audience_ids(c, experience, base);
    return rc == ERR_OK ? check_option_locations(c, o, experience, base) : rc;
}

static enum err
check_experiences(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("experiences"));
    struct json_iter it = json_iter(list);
    bool xt = str_eq(json_str(json_get(o, S("type"))), S("xt"));
    int64_t sum = 0;
    char base[48];
    enum err rc;

    at(c, "experiences");
    rc = check_list(c, list, LIMIT_EXPERIENCES, false);
    if (rc == ERR_OK && json_count(list) == 0)
        return say(c, "must have at least one experience");
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "experiences[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "experienceLocalId");
        if (rc == ERR_OK)
            rc = check_experience(c, o, it.value, base, xt, &sum);
    }
    at(c, "experiences");
    if (rc == ERR_OK && !xt && sum != 100)
        rc = say(c, "must have visitorPercentage values that sum to 100, got %lld", (long long)sum);
    return rc;
}

/* ---- metrics ---- */

static enum err
check_metrics(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("metrics"));
    struct json_iter it = json_iter(list);
    bool analytics = str_eq(json_str(json_get(o, S("reportingSource"))), S("analytics"));
    size_t primary = 0;
    char base[48];
    enum err rc;

    at(c, "metrics");
    rc = check_list(c, list, LIMIT_ACTIVITY_METRICS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *clicks = json_get(it.value, S("clickTrackSelectors"));
        struct json_iter click = json_iter(clicks);
        (void)snprintf(base, sizeof(base), "metrics[%zu]", i);
        primary += json_i64(json_get(it.value, S("metricLocalId")), 0) == PRIMARY_METRIC;
        at(c, "metrics");
        if (primary > 1)
            return say(c, "must have one primary metric (metricLocalId %d), got two", PRIMARY_METRIC);
        rc = check_local_id(c, list, i, it.value, base, "metricLocalId");
        at(c, "%s.clickTrackSelectors", base);
        if (rc == ERR_OK)
            rc = check_list(c, clicks, LIMIT_ACTIVITY_LOCATIONS, true);
        for (size_t j = 0; rc == ERR_OK && json_next(&click); j++) {
            at(c, "%s.clickTrackSelectors[%zu].selector", base, j);
            rc = check_text(c, json_get(click.value, S("selector")), LIMIT_MBOX_NAME_BYTES * 8, false);
        }
    }
    at(c, "metrics");
    if (rc == ERR_OK && json_count(list) > 0 && primary == 0 && !analytics)
        rc = say(c, "must have a primary metric (metricLocalId %d)", PRIMARY_METRIC);
    return rc;
}

enum err
decide_check_activity(const struct json *activity, const struct decide_known *known, struct diag *d)
{
    static enum err (*const steps[])(struct check *, const struct json *) = {
        check_head,  check_entry,     check_properties,  check_options,
        check_views, check_locations, check_experiences, check_metrics,
    };
    struct check c = {.known = known, .d = d, .path = "activity"};
    enum err rc = ERR_OK;

    if (!json_is(activity, JSON_OBJECT))
        return wrong(&c, activity, "an object");
    for (size_t i = 0; rc == ERR_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        rc = steps[i](&c, activity);
    return rc;
}

/* ---- offers ---- */

static enum err
check_actions(struct check *c, const struct json *list)
{
    struct json_iter it = json_iter(list);
    enum err rc;

    at(c, "actions");
    rc = check_list(c, list, LIMIT_OFFER_ACTIONS, false);
    if (rc == ERR_OK && json_count(list) == 0)
        return say(c, "must have at least one action");
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *type = json_get(it.value, S("type")), *selector = json_get(it.value, S("selector"));
        at(c, "actions[%zu].type", i);
        if (!json_is(type, JSON_STRING))
            return wrong(c, type, "the name of a visual action");
        if (dom_action_type(json_str(type)) == NULL)
            return say(c, "'%.*s' is no visual action", (int)(json_str(type).n < 40 ? json_str(type).n : 40),
                       json_str(type).p);
        at(c, "actions[%zu].selector", i);
        rc = check_text(c, selector, LIMIT_MBOX_NAME_BYTES * 8, false);
    }
    return rc;
}

/* Where a browser may be sent: never to script. */
static bool
is_address(struct str url)
{
    return str_starts(url, S("https://")) || str_starts(url, S("http://")) || str_starts(url, S("/"));
}

static enum err
check_offer_size(struct check *c, const struct json *offer)
{
    struct buf b;
    bool fits;

    buf_init(&b, LIMIT_OFFER_BYTES);
    json_write(&b, offer);
    fits = buf_ok(&b);
    buf_deinit(&b);
    at(c, "offer");
    return fits ? ERR_OK : diag_set_path(c->d, ERR_LIMIT, c->path, "an offer has at most %d bytes", LIMIT_OFFER_BYTES);
}

enum err
decide_check_offer(const struct json *offer, struct diag *d)
{
    struct check c = {.d = d, .path = "offer"};
    const struct json *content = json_get(offer, S("content"));
    enum err rc;

    if (!json_is(offer, JSON_OBJECT))
        return wrong(&c, offer, "an object");
    at(&c, "name");
    rc = check_text(&c, json_get(offer, S("name")), LIMIT_OBJECT_NAME_BYTES, false);
    if (rc == ERR_OK)
        rc = check_offer_size(&c, offer);
    if (rc != ERR_OK)
        return rc;
    at(&c, "content");
    switch (offer_type(offer)) {
    case OFFER_HTML:
        return json_is(content, JSON_STRING) ? ERR_OK : wrong(&c, content, "a string of HTML");
    case OFFER_JSON:
        return content != NULL ? ERR_OK : say(&c, "must be any JSON value, got nothing");
    case OFFER_REMOTE:
    case OFFER_REDIRECT:
        if (!json_is(content, JSON_STRING))
            return wrong(&c, content, "a URL");
        return is_address(json_str(content)) ? ERR_OK : say(&c, "must begin with https://, http:// or /");
    case OFFER_ACTIONS:
        return check_actions(&c, json_get(offer, S("actions")));
    default:
        at(&c, "type");
        return say(&c, "must be content, html, json, redirect or actions");
    }
}

/* ---- audiences ---- */

enum err
decide_check_audience(const struct json *audience, struct diag *d)
{
    struct check c = {.d = d, .path = "audience"};
    struct target_rule rule;
    enum err rc;

    if (!json_is(audience, JSON_OBJECT))
        return wrong(&c, audience, "an object");
    at(&c, "name");
    rc = check_text(&c, json_get(audience, S("name")), LIMIT_OBJECT_NAME_BYTES + 5, true); /* [TARGET 11] 255 */
    if (rc == ERR_OK)
        rc = target_rule_compile(audience, NULL, NULL, &rule, d);
    if (rc != ERR_OK)
        return rc;
    rule_free(rule.rule);
    return ERR_OK;
}
