/* decide_check_place.c - what an activity can show, and where [TARGET 6.3]: options, views, locations. */
#include "decide/decide_check_int.h"

/* ---- options ---- */

static enum err
check_template(struct check *c, const struct json *v, const char *base)
{
    struct json_iter it = json_iter(json_get(v, S("templateParameters")));
    bool selector = false;

    check_at(c, "%s.offerTemplateId", base);
    if (template_action(json_get(v, S("offerTemplateId"))).n == 0)
        return check_say(c, "must be the name or the number of a visual action");
    while (json_next(&it)) {
        if (str_eq(json_str(json_get(it.value, S("name"))), S("selector")))
            selector = json_str(json_get(it.value, S("value"))).n > 0;
    }
    check_at(c, "%s.templateParameters", base);
    return selector ? ERR_OK : check_say(c, "must have a parameter 'selector' with a text");
}

static enum err
check_option(struct check *c, const struct json *option, const char *base)
{
    const struct json *offer = json_get(option, S("offerId")), *templates = json_get(option, S("offerTemplates"));
    struct json_iter it = json_iter(templates);
    char path[96];
    enum err rc;

    check_at(c, "%s.name", base);
    rc = check_text(c, json_get(option, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "%s", base);
    if (offer == NULL && templates == NULL && c->draft)
        return ERR_OK;
    if ((offer == NULL) == (templates == NULL))
        return check_say(c, "must have either offerId (0: default content) or offerTemplates");
    if (offer != NULL) {
        check_at(c, "%s.offerId", base);
        if (!json_is(offer, JSON_INT) && !(json_is(offer, JSON_STRING) && json_str(offer).n > 0))
            return check_wrong(c, offer, "an offer id, or 0 for default content");
        if (json_i64(offer, -1) != 0 && !check_known(c, "offer", offer))
            return check_say(c, "names an offer that does not exist");
        return ERR_OK;
    }
    check_at(c, "%s.offerTemplates", base);
    rc = check_list(c, templates, LIMIT_OFFER_ACTIONS, false);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(path, sizeof(path), "%s.offerTemplates[%zu]", base, i);
        rc = check_template(c, it.value, path);
    }
    return rc;
}

enum err
check_options(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("options"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    check_at(c, "options");
    rc = check_list(c, list, LIMIT_EXPERIENCES, c->draft);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "options[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "optionLocalId", (struct check_range){0, INT32_MAX});
        if (rc == ERR_OK)
            rc = check_option(c, it.value, base);
    }
    return rc;
}

/* ---- locations ---- */

enum err
check_views(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("views"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    check_at(c, "views");
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *name = json_get(it.value, S("name"));
        (void)snprintf(base, sizeof(base), "views[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "viewLocalId", (struct check_range){0, INT32_MAX});
        check_at(c, "%s.name", base);
        if (rc == ERR_OK)
            rc = check_text(c, name, LIMIT_MBOX_NAME_BYTES, true);
        check_at(c, "%s", base);
        if (rc == ERR_OK && json_str(name).n == 0 && json_get(it.value, S("viewId")) == NULL)
            rc = check_say(c, "must have a name or a viewId");
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

    check_at(c, "%s.selector", base);
    rc = check_text(c, json_get(location, S("selector")), CHECK_SELECTOR_BYTES, false);
    check_at(c, "%s.viewLocalId", base);
    if (rc == ERR_OK && view != NULL && !check_listed(json_get(o, S("views")), "viewLocalId", view))
        rc = check_say(c, "names a view that is not in views");
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

    check_at(c, "locations.%s", kind);
    rc = check_list(c, list, LIMIT_ACTIVITY_LOCATIONS, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *id = json_get(it.value, S("locationLocalId"));
        (void)snprintf(base, sizeof(base), "locations.%s[%zu]", kind, i);
        rc = check_local_id(c, list, i, it.value, base, "locationLocalId", (struct check_range){0, INT32_MAX});
        if (rc == ERR_OK && check_listed(earlier, "locationLocalId", id))
            rc = check_say(c, "%lld is used twice", (long long)json_i64(id, 0));
        if (rc == ERR_OK)
            rc = mbox ? check_mbox_name(c, json_get(it.value, S("name")), base) : check_selector(c, o, it.value, base);
        if (rc == ERR_OK)
            rc = check_audience_ids(c, it.value, base);
    }
    return rc;
}

enum err
check_locations(struct check *c, const struct json *o)
{
    const struct json *locations = json_get(o, S("locations"));
    const struct json *mboxes = json_get(locations, S("mboxes")), *selectors = json_get(locations, S("selectors"));
    enum err rc;

    check_at(c, "locations");
    if (locations == NULL && c->draft)
        return ERR_OK;
    if (!json_is(locations, JSON_OBJECT))
        return check_wrong(c, locations, "an object");
    rc = check_location_list(c, o, "mboxes", mboxes, NULL);
    if (rc == ERR_OK)
        rc = check_location_list(c, o, "selectors", selectors, mboxes);
    check_at(c, "locations");
    if (rc == ERR_OK && !c->draft && json_count(mboxes) + json_count(selectors) == 0)
        rc = check_say(c, "must have at least one mbox or selector");
    return rc;
}
