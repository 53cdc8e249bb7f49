/* edge_overrides.c - meta.configOverrides: what one request may change of its datastream  [EDGE 8.3].
 *
 * A service can be switched off by anyone, never on. Any other value is accepted only when the datastream's
 * allowedOverrides lists it for that service, as a value or as a member of an array of values; a list of values must be
 * contained in it. */
#include "codec/json.h"
#include "edge/edge_int.h"

static bool
refuse(struct edge_call *c, struct str service, const char *what)
{
    return edge_problem(c, "0113-400", "Invalid request", "configuration override of '%.*s': %s", STR_ARG(service),
                        what);
}

static bool
lists(const struct json *allowed, const struct json *value)
{
    struct json_iter it;

    if (json_equal(allowed, value))
        return true;
    if (json_is(allowed, JSON_ARRAY) && !json_is(value, JSON_ARRAY)) {
        for (it = json_iter(allowed); json_next(&it);) {
            if (json_equal(it.value, value))
                return true;
        }
    }
    if (json_is(allowed, JSON_ARRAY) && json_is(value, JSON_ARRAY)) {
        for (it = json_iter(value); json_next(&it);) {
            if (!lists(allowed, it.value))
                return false;
        }
        return true;
    }
    return false;
}

/* Every leaf of `wanted` must be listed at the same path of `allowed`. */
static bool
permitted(const struct json *allowed, const struct json *wanted)
{
    struct json_iter it;

    if (!json_is(wanted, JSON_OBJECT))
        return allowed != NULL && lists(allowed, wanted);
    for (it = json_iter(wanted); json_next(&it);) {
        if (str_eq(it.key, S("enabled")) && json_is(it.value, JSON_BOOL))
            continue; /* false switches off, true asks for nothing: apply() never switches on */
        if (!permitted(json_get(allowed, it.key), it.value))
            return false;
    }
    return true;
}

static bool
is_service(struct str name)
{
    static const char *const names[] = {
        "com_adobe_experience_platform", "com_adobe_analytics", "com_adobe_target", "com_adobe_identity",
        "com_adobe_audience_manager",    "com_adobe_launch_ssf"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return false;
}

static bool
switched_off(const struct json *v)
{
    const struct json *enabled = json_get(v, S("enabled"));

    return json_is(enabled, JSON_BOOL) && !json_bool(enabled, true);
}

static void
apply(struct edge_call *c, struct str service, const struct json *v)
{
    if (str_eq(service, S("com_adobe_target"))) {
        struct str token = json_str(json_get(v, S("propertyToken")));
        if (token.n > 0)
            c->property_token = token;
        c->target_on = c->target_on && !switched_off(v);
    }
    if (str_eq(service, S("com_adobe_experience_platform"))) {
        struct str dataset = json_str(json_path(v, S("datasets.event.datasetId")));
        if (dataset.n > 0)
            c->event_dataset = dataset;
        c->platform_on = c->platform_on && !switched_off(v);
        c->segmentation_on =
            c->segmentation_on && c->platform_on && !switched_off(json_get(v, S("com_adobe_edge_segmentation")));
        c->destinations_on =
            c->destinations_on && c->segmentation_on && !switched_off(json_get(v, S("com_adobe_edge_destinations")));
    }
}

/* An event may name its dataset: the same permission as for the request's [EDGE 8.3]. */
bool
edge_overrides_dataset(struct edge_call *c, const struct json *dataset_id)
{
    struct str service = S("com_adobe_experience_platform");
    const struct json *allowed = json_path(json_get(c->ds->overrides, service), S("datasets.event.datasetId"));

    if (str_eq(json_str(dataset_id), c->ds->event_dataset) || (allowed != NULL && lists(allowed, dataset_id)))
        return true;
    return refuse(c, service, "the datastream does not list the event's dataset as an allowed override");
}

bool
edge_overrides_apply(struct edge_call *c)
{
    const struct json *overrides = json_path(c->body, S("meta.configOverrides"));
    struct json_iter it;

    if (overrides != NULL && !json_is(overrides, JSON_OBJECT))
        return edge_problem(c, "0113-400", "Invalid request", "'meta.configOverrides' must be an object, got %s",
                            json_type_name(json_type(overrides)));
    for (it = json_iter(overrides); json_next(&it);) {
        if (!is_service(it.key))
            return refuse(c, it.key, "unknown service");
        if (!json_is(it.value, JSON_OBJECT))
            return refuse(c, it.key, "must be an object");
        if (!permitted(json_get(c->ds->overrides, it.key), it.value))
            return refuse(c, it.key, "the datastream does not list this value as an allowed override");
        apply(c, it.key, it.value);
    }
    return true;
}
