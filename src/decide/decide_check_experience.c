/* decide_check_experience.c - who gets what: experiences, their shares, and the options they show [TARGET 6.3]. */
#include "decide/decide_check_int.h"

static enum err
check_option_locations(struct check *c, const struct json *o, const struct json *experience, const char *base)
{
    const struct json *list = json_get(experience, S("optionLocations"));
    struct json_iter it = json_iter(list);
    enum err rc;

    check_at(c, "%s.optionLocations", base);
    rc = check_list(c, list, 2 * LIMIT_ACTIVITY_LOCATIONS, c->draft);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *location = json_get(it.value, S("locationLocalId"));
        const struct json *option = json_get(it.value, S("optionLocalId"));
        check_at(c, "%s.optionLocations[%zu].locationLocalId", base, i);
        if (!check_is_location(o, location))
            return check_say(c, "must name a location of the activity");
        if (check_taken(list, i, "locationLocalId", location))
            return check_say(c, "covers a location that the experience has already");
        check_at(c, "%s.optionLocations[%zu].optionLocalId", base, i);
        if (option == NULL || !check_listed(json_get(o, S("options")), "optionLocalId", option))
            return check_say(c, "must name an option of the activity");
    }
    return rc;
}

struct shares {
    int64_t sum;
    size_t given;
};

static enum err
check_share(struct check *c, const struct json *percent, struct shares *shares)
{
    enum err rc;

    if (c->xt && percent != NULL)
        return check_say(c, "belongs to A/B activities: experience targeting has no split");
    rc = check_int(c, percent, 0, 100, c->xt || c->draft || !c->manual);
    shares->sum += json_i64(percent, 0);
    shares->given += percent != NULL;
    return rc;
}

static enum err
check_experience(struct check *c, const struct json *o, const struct json *experience, const char *base,
                 struct shares *shares)
{
    enum err rc;

    check_at(c, "%s.name", base);
    rc = check_text(c, json_get(experience, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
    if (rc != ERR_OK)
        return rc;
    check_at(c, "%s.visitorPercentage", base);
    rc = check_share(c, json_get(experience, S("visitorPercentage")), shares);
    if (rc == ERR_OK)
        rc = check_audience_ids(c, experience, base);
    return rc == ERR_OK ? check_option_locations(c, o, experience, base) : rc;
}

/* Shares that machines move may be left out, all of them; a draft may lack some. */
static enum err
check_sum(struct check *c, const struct shares *shares, size_t n)
{
    check_at(c, "experiences");
    if (shares->given == 0 || (c->draft && shares->given < n && shares->sum <= 100))
        return ERR_OK;
    if (shares->given < n)
        return check_say(c, "must have a visitorPercentage each, or none");
    if (shares->sum != 100)
        return check_say(c, "must have visitorPercentage values that sum to 100, got %lld", (long long)shares->sum);
    return ERR_OK;
}

enum err
check_experiences(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("experiences"));
    struct json_iter it = json_iter(list);
    struct shares shares = {0};
    char base[48];
    enum err rc;

    check_at(c, "experiences");
    rc = check_list(c, list, LIMIT_EXPERIENCES, c->draft || c->combines);
    if (rc != ERR_OK)
        return rc;
    if (c->combines && json_count(list) > 0)
        return check_say(c, "are made of locationOptions or optionGroups here and must not be given");
    if (!c->combines && !c->draft && json_count(list) == 0)
        return check_say(c, "must have at least one experience");
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "experiences[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "experienceLocalId", (struct check_range){0, INT32_MAX});
        if (rc == ERR_OK)
            rc = check_experience(c, o, it.value, base, &shares);
    }
    return rc == ERR_OK ? check_sum(c, &shares, json_count(list)) : rc;
}
