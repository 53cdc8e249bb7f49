/* decide_split.c - how an activity's experiences are chosen [TARGET 2.1, 3.3, 8].
 *
 *   ab              integer percentages times traffic
 *   mvt             equal ranges
 *   auto_allocate   the weights that the hub computed last; equal ones before that
 *   auto target     an ab activity with a model provider: ranges for its control, forests for the rest */
#include "base/log.h"
#include "codec/base64.h"
#include "decide/compile_int.h"

#define WEIGHT_SCALE 1000 /* thousandths of a bucket: weights have fractions of a percent */

int
split_choose(const struct split *s, unsigned bucket)
{
    uint64_t at = bucket * s->scale;

    for (size_t i = 0; i < s->n; i++) {
        if (s->bounds[i] > 0 && at <= s->bounds[i])
            return (int)i;
    }
    return -1;
}

bool
decide_range_of(const struct decide_set *s, struct str activity, struct str experience, struct decide_range *out)
{
    const struct activity *a = map_get(&s->activity_index, activity);
    uint64_t before = 0, end = 0;
    bool any = false, found = false;

    for (size_t i = 0; a != NULL && a->personal == NULL && i < a->split.n && i < a->experience_count; i++) {
        uint64_t last = a->split.scale > 0 ? a->split.bounds[i] / a->split.scale : 0;
        if (a->split.bounds[i] == 0)
            continue;
        if (str_eq(a->experiences[i].id, experience)) {
            *out = (struct decide_range){.first = any ? (unsigned)before + 1 : 0, .last = (unsigned)last};
            found = true;
        }
        before = end = last;
        any = true;
    }
    if (!found)
        return false;
    if (out->last > 9999)
        out->last = 9999;
    out->admitted = end >= 9999 ? 10000 : (unsigned)end + 1;
    return out->first <= out->last;
}

static bool
has_model(const struct json *o)
{
    return json_get(o, S("targetedExperience")) != NULL || json_get(o, S("modelProvider")) != NULL;
}

bool
compile_type(const struct json *activity, enum activity_type *type)
{
    static const struct {
        const char *name;
        enum activity_type type;
    } table[] = {{"ab", ACTIVITY_AB},
                 {"xt", ACTIVITY_XT},
                 {"mvt", ACTIVITY_MVT},
                 {"auto_allocate", ACTIVITY_AUTO_ALLOCATE},
                 {"abt", ACTIVITY_AP}};
    struct str name = json_str(json_get(activity, S("type")));

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!str_eq(name, str_of(table[i].name)))
            continue;
        *type = table[i].type;
        if (*type == ACTIVITY_AB && has_model(activity))
            *type = ACTIVITY_AUTO_TARGET;
        if (*type == ACTIVITY_AB && json_bool(json_path(activity, S("autoAllocateTraffic.enabled")), false))
            *type = ACTIVITY_AUTO_ALLOCATE;
        return true;
    }
    return false;
}

bool
decide_allocates(const struct json *activity)
{
    enum activity_type type;

    return compile_type(activity, &type) && type == ACTIVITY_AUTO_ALLOCATE;
}

bool
decide_learns(const struct json *activity)
{
    enum activity_type type;

    return compile_type(activity, &type) && (type == ACTIVITY_AUTO_TARGET || type == ACTIVITY_AP);
}

/* ---- ranges ---- */

static bool
split_new(struct compile *c, struct split *s, size_t n, uint64_t scale)
{
    *s = (struct split){arena_calloc(&c->set->arena, n, sizeof(*s->bounds)), scale, n};
    return s->bounds != NULL;
}

/* Percentages, with a bound in hundredths of a percent. */
static bool
split_percent(struct compile *c, struct activity *a)
{
    unsigned sum = 0;

    if (!split_new(c, &a->split, a->experience_count, 1))
        return false;
    for (size_t i = 0; i < a->experience_count; i++) {
        sum += a->percent[i];
        a->split.bounds[i] = a->percent[i] > 0 ? (uint64_t)sum * a->traffic_percent : 0;
    }
    return true;
}

/* n equal ranges: the k-th ends at 100 (k + 1) / n percent. */
static bool
split_equal(struct compile *c, struct activity *a)
{
    size_t n = a->experience_count;

    if (!split_new(c, &a->split, n, n))
        return false;
    for (size_t i = 0; i < n; i++)
        a->split.bounds[i] = 100 * (uint64_t)(i + 1) * a->traffic_percent;
    return true;
}

/* Weights in percent, fractions allowed; the last range ends where the traffic does. */
static bool
split_weights(struct compile *c, struct activity *a, const struct json *weights)
{
    struct json_iter it = json_iter(weights);
    double sum = 0;

    if (!split_new(c, &a->split, a->experience_count, WEIGHT_SCALE))
        return false;
    for (size_t i = 0; json_next(&it); i++) {
        double w = json_f64(it.value, 0);
        sum += w > 0 ? w : 0;
        a->split.bounds[i] = w > 0 ? (uint64_t)(sum * a->traffic_percent * WEIGHT_SCALE + 0.5) : 0;
    }
    for (size_t i = a->experience_count; i > 0; i--) {
        if (a->split.bounds[i - 1] > 0) {
            a->split.bounds[i - 1] = 100 * (uint64_t)WEIGHT_SCALE * a->traffic_percent;
            break;
        }
    }
    return true;
}

/* The weights fit the experiences as they are now; an edit that adds or removes one makes them void. */
static bool
split_allocated(struct compile *c, struct activity *a)
{
    const struct json *allocation = map_get(&c->allocations, a->id);
    const struct json *weights = json_get(allocation, S("weights"));

    if (!json_is(weights, JSON_ARRAY) || json_count(weights) != a->experience_count)
        return split_equal(c, a);
    a->algorithm = compile_intern(c, id_text(json_get(allocation, S("version")), &c->set->arena));
    return split_weights(c, a, weights);
}

/* ---- models ---- */

static int
experience_named(const struct activity *a, struct str id)
{
    for (size_t i = 0; i < a->experience_count; i++) {
        if (str_eq(a->experiences[i].id, id))
            return (int)i;
    }
    return -1;
}

/* A forest that does not read is no model: its unit is explored only. */
static int
unit_named(const struct personalization *p, struct str name)
{
    for (size_t i = 0; i < p->unit_count; i++) {
        if (str_eq(p->units[i], name))
            return (int)i;
    }
    return -1;
}

static bool
read_units(struct compile *c, const struct json *o, const struct activity *a, struct personalization *p)
{
    uint32_t *radix = ARENA_NEW(&c->set->arena, uint32_t);
    struct str *units = ARENA_ARRAY(&c->set->arena, struct str, a->experience_count);

    if (a->type == ACTIVITY_AP)
        return compile_radix(o, &c->expanded, &c->set->arena, p);
    if (radix == NULL || units == NULL)
        return false;
    for (size_t i = 0; i < a->experience_count; i++)
        units[i] = a->experiences[i].id;
    *radix = (uint32_t)a->experience_count;
    p->radix = radix;
    p->radix_count = 1;
    p->units = units;
    p->unit_count = a->experience_count;
    return true;
}

static enum err
read_forests(struct compile *c, const struct activity *a, struct personalization *p)
{
    const struct json *model = map_get(&c->models, a->id);
    struct json_iter it = compile_list(json_get(model, S("units")));

    while (json_next(&it)) {
        int e = unit_named(p, id_text(json_get(it.value, S("experience")), &c->set->arena));
        struct str bytes;
        struct learn_forest *f;
        struct diag d = DIAG_INIT;
        if (e < 0 || !json_bool(json_get(it.value, S("valid")), false))
            continue;
        bytes = base64_decode(json_str(json_get(it.value, S("forest"))), &c->set->arena);
        if (bytes.p == NULL || learn_forest_read(bytes, &c->set->arena, &f, &d) != ERR_OK) {
            log_warn("decide_forest_skipped", "activity=%.*s why=\"%s\"", STR_ARG(a->id), d.what);
            continue;
        }
        p->valid += p->forests[e] == NULL;
        p->forests[e] = f;
    }
    p->version = compile_intern(c, id_text(json_get(model, S("version")), &c->set->arena));
    return ERR_OK;
}

/* controlExperience: {"visitorPercentage":50,"type":"random"|"default_content"|"custom","custom":experienceLocalId} */
static enum err
read_personalization(struct compile *c, const struct json *o, struct activity *a)
{
    struct personalization *p = ARENA_NEW(&c->set->arena, struct personalization);
    const struct json *control = json_get(o, S("controlExperience"));
    int64_t percent = json_i64(json_get(control, S("visitorPercentage")), 50);

    if (p == NULL)
        return compile_no_memory(c);
    if (!read_units(c, o, a, p))
        return compile_no_memory(c);
    p->forests = arena_calloc(&c->set->arena, p->unit_count, sizeof(struct learn_forest *));
    if (p->forests == NULL)
        return compile_no_memory(c);
    p->control_percent = percent < 10 ? 10 : percent > 100 ? 100 : (unsigned)percent;
    p->control_experience = str_eq(json_str(json_get(control, S("type"))), S("custom"))
                                ? experience_named(a, id_text(json_get(control, S("custom")), &c->set->arena))
                                : -1;
    a->personal = p;
    return read_forests(c, a, p);
}

enum err
compile_split(struct compile *c, const struct json *o, struct activity *a)
{
    bool ok = true;

    switch (a->type) {
    case ACTIVITY_XT:
        break;
    case ACTIVITY_AB:
        ok = split_percent(c, a);
        break;
    case ACTIVITY_AUTO_ALLOCATE:
        ok = split_allocated(c, a);
        break;
    case ACTIVITY_MVT:
    case ACTIVITY_AUTO_TARGET:
    case ACTIVITY_AP:
        ok = split_equal(c, a);
        break;
    }
    if (!ok)
        return compile_no_memory(c);
    return a->type == ACTIVITY_AUTO_TARGET || a->type == ACTIVITY_AP ? read_personalization(c, o, a) : ERR_OK;
}

/* ---- exclusion groups [TARGET 2.6] ---- */

static enum err
read_group(struct compile *c, const struct json *o)
{
    struct str id = id_text(json_get(o, S("id")), &c->set->arena);
    struct json_iter it = compile_list(json_get(o, S("ranges")));
    struct hash_stream prefix = {0};
    unsigned low = 0;

    hash_stream_put(&prefix, c->src->client);
    hash_stream_put(&prefix, S("."));
    hash_stream_put(&prefix, id);
    hash_stream_put(&prefix, S("."));
    while (json_next(&it)) {
        struct activity *a =
            map_get(&c->set->activity_index, id_text(json_get(it.value, S("activityId")), &c->set->arena));
        int64_t percent = json_i64(json_get(it.value, S("percent")), 0);
        unsigned high = low + (percent > 0 && percent <= 100 ? (unsigned)percent * 100 : 0);
        struct exclusion *x = ARENA_NEW(&c->set->arena, struct exclusion);
        if (x == NULL)
            return compile_no_memory(c);
        *x = (struct exclusion){prefix, low, high};
        if (a != NULL && a->exclusion == NULL)
            a->exclusion = x;
        low = high;
    }
    return ERR_OK;
}

enum err
compile_groups(struct compile *c)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < c->src->group_count; i++)
        rc = read_group(c, c->src->groups[i]);
    return rc;
}
