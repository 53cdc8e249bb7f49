/* decide_check_learn.c - what machines decide about [TARGET 6.3, 8]: autoAllocateTraffic, controlExperience and
 * targetedExperience. */
#include "decide/decide_check_int.h"

#define CONTROL_PERCENT_MIN 10 /* [TARGET 8.2] */

static enum err
check_object(struct check *c, const struct json *v, const char *member)
{
    check_at(c, "%s", member);
    return v == NULL || json_is(v, JSON_OBJECT) ? ERR_OK : check_wrong(c, v, "an object");
}

static enum err
check_allocation(struct check *c, const struct json *o)
{
    static const char *const criteria[] = {"conversion_rate", "rpv", "engagement"};
    const struct json *traffic = json_get(o, S("autoAllocateTraffic"));
    const struct json *by = json_get(traffic, S("successEvaluationCriteria"));
    bool enabled = json_bool(json_get(traffic, S("enabled")), false);
    enum err rc = check_object(c, traffic, "autoAllocateTraffic");

    if (rc == ERR_OK && enabled && !c->allocate)
        return check_say(c, "belongs to ab and auto_allocate activities without models");
    check_at(c, "autoAllocateTraffic.enabled");
    if (rc == ERR_OK)
        rc = check_bool(c, json_get(traffic, S("enabled")));
    check_at(c, "autoAllocateTraffic.successEvaluationCriteria");
    return rc == ERR_OK && by != NULL ? check_word(c, by, "conversion_rate, rpv or engagement", criteria, 3) : rc;
}

/* Of an abt activity, the number of a combination. */
static enum err
check_custom(struct check *c, const struct json *o, const struct json *control)
{
    const struct json *id = json_get(control, S("custom"));

    check_at(c, "controlExperience.custom");
    if (id == NULL && c->draft)
        return ERR_OK;
    if (c->combines)
        return check_int(c, id, 0, (int64_t)c->combinations - 1, false);
    return id != NULL && check_listed(json_get(o, S("experiences")), "experienceLocalId", id)
               ? ERR_OK
               : check_say(c, "must name an experience of the activity");
}

static enum err
check_control(struct check *c, const struct json *o)
{
    static const char *const types[] = {"random", "default_content", "custom"};
    const struct json *control = json_get(o, S("controlExperience")), *type = json_get(control, S("type"));
    enum err rc = check_object(c, control, "controlExperience");

    if (rc == ERR_OK && control != NULL && !c->learns)
        return check_say(c, "belongs to abt activities and to ab activities with a model");
    check_at(c, "controlExperience.visitorPercentage");
    if (rc == ERR_OK)
        rc = check_int(c, json_get(control, S("visitorPercentage")), CONTROL_PERCENT_MIN, 100, true);
    check_at(c, "controlExperience.type");
    if (rc == ERR_OK && type != NULL)
        rc = check_word(c, type, "random, default_content or custom", types, 3);
    return rc == ERR_OK && str_eq(json_str(type), S("custom")) ? check_custom(c, o, control) : rc;
}

static enum err
check_provider(struct check *c, const struct json *v, const char *path)
{
    static const char *const providers[] = {"target", "custom_dsw"};

    check_at(c, "%s", path);
    return v == NULL || json_is(v, JSON_NULL) ? ERR_OK : check_word(c, v, "target or custom_dsw", providers, 2);
}

static enum err
check_targeted(struct check *c, const struct json *o)
{
    const struct json *targeted = json_get(o, S("targetedExperience"));
    enum err rc = check_object(c, targeted, "targetedExperience");

    if (rc == ERR_OK && targeted != NULL && !c->learns)
        return check_say(c, "belongs to ab and abt activities");
    if (rc == ERR_OK)
        rc = check_provider(c, json_get(targeted, S("modelProvider")), "targetedExperience.modelProvider");
    return rc == ERR_OK ? check_provider(c, json_get(o, S("modelProvider")), "modelProvider") : rc;
}

enum err
check_optimization(struct check *c, const struct json *o)
{
    enum err rc = check_allocation(c, o);

    if (rc == ERR_OK)
        rc = check_control(c, o);
    return rc == ERR_OK ? check_targeted(c, o) : rc;
}
