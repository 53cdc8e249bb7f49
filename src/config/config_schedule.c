/* config_schedule.c - schedules of segment jobs [SEGMENTATION 17.6].
 *
 * At most one run a day, one active schedule of a type in a sandbox. Schedules of exports are kept and never active:
 * this server has no export that a schedule could begin.   OURS */
#include "config/config_int.h"

#include "base/cron.h"
#include "base/limits.h"

static enum err
check_text(struct str text, struct diag *d)
{
    struct diag inner = DIAG_INIT;
    struct cron c;
    int64_t first;
    enum err rc = cron_parse(text, &c, &inner);

    if (rc != ERR_OK)
        (void)diag_set_path(d, rc, "schedule", "schedule '%.*s': %s", STR_ARG(text), inner.what);
    else if (!c.plain)
        rc =
            diag_set_path(d, ERR_INVALID, "schedule",
                          "schedule '%.*s': seconds, minutes and hours must be single numbers, because a schedule runs "
                          "at most once a day",
                          STR_ARG(text));
    else if (!cron_next(&c, -1, &first))
        rc = diag_set_path(d, ERR_INVALID, "schedule", "schedule '%.*s' names no day that exists", STR_ARG(text));
    return rc;
}

/* {"segments": ["*"]} */
static enum err
check_segments(const struct json *properties, struct diag *d)
{
    const struct json *list = json_get(properties, S("segments"));

    if (json_count(list) != 1 || !json_is(list, JSON_ARRAY) || !str_eq(json_str(json_at(list, 0)), S("*")))
        return diag_set_path(d, ERR_INVALID, "properties.segments",
                             "properties.segments must be [\"*\"]: a scheduled run evaluates all audiences");
    return ERR_OK;
}

static bool
is_active(const struct config_object *o)
{
    return str_eq(json_str(json_get(o->json, S("state"))), S("active"));
}

static enum err
check_state(const struct config_objects *all, const struct config_object *o, struct str type, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);

    if (!is_active(o))
        return ERR_OK;
    if (str_eq(type, S("export")))
        return diag_set_path(d, ERR_INVALID, "state",
                             "a schedule of type export cannot be active here: only batch_segmentation is run");
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct config_object *other = b->by_id[i];
        if (other != o && is_active(other) && str_eq(json_str(json_get(other->json, S("type"))), type))
            return diag_set_path(d, ERR_INVALID, "state",
                                 "the sandbox has an active schedule of type %.*s already: '%.*s'", STR_ARG(type),
                                 STR_ARG(other->id));
    }
    return ERR_OK;
}

enum err
check_schedule(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    struct str id = S_NULL, name = S_NULL, type = S_NULL, text = S_NULL, state = S_NULL;
    enum err rc = want_str(o->json, "id", true, LIMIT_OBJECT_NAME_BYTES, &id, d);

    if (rc == ERR_OK && !str_eq(id, o->id))
        rc = diag_set_path(d, ERR_INVALID, "id", "member 'id' must be the object's id '%.*s'", STR_ARG(o->id));
    if (rc == ERR_OK && objects_bucket(all, o->kind, o->scope)->n > LIMIT_SCHEDULES)
        rc = diag_set(d, ERR_LIMIT, "a sandbox holds at most %d schedules", LIMIT_SCHEDULES);
    if (rc == ERR_OK)
        rc = want_str(o->json, "name", true, LIMIT_OBJECT_NAME_BYTES, &name, d);
    if (rc == ERR_OK)
        rc = want_str(o->json, "type", true, 64, &type, d);
    if (rc == ERR_OK && !str_eq(type, S("batch_segmentation")) && !str_eq(type, S("export")))
        rc = diag_set_path(d, ERR_INVALID, "type", "type must be batch_segmentation or export, found '%.*s'",
                           STR_ARG(type));
    if (rc == ERR_OK)
        rc = want_str(o->json, "state", true, 32, &state, d);
    if (rc == ERR_OK && !str_eq(state, S("active")) && !str_eq(state, S("inactive")))
        rc = diag_set_path(d, ERR_INVALID, "state", "state must be active or inactive, found '%.*s'", STR_ARG(state));
    if (rc == ERR_OK)
        rc = want_str(o->json, "schedule", true, LIMIT_RECORD_KEY_BYTES, &text, d);
    if (rc == ERR_OK)
        rc = check_text(text, d);
    if (rc == ERR_OK && str_eq(type, S("batch_segmentation")))
        rc = check_segments(json_get(o->json, S("properties")), d);
    return rc == ERR_OK ? check_state(all, o, type, d) : rc;
}
