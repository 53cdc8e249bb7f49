/* odd_rules.c - activities -> rules, and which activities no client can decide [TARGET 5.7].
 *
 *   1. index the objects
 *   2. take what is live or begins soon, in the order of the set; read its scopes
 *   3. render every rule; whatever a client could not decide as the server does makes its activity remote */
#include <stdarg.h>
#include <stdio.h>

#include "decide/odd_int.h"

struct str
odd_take(struct odd *o, size_t from)
{
    struct str s = S_NULL;

    if (buf_ok(&o->scratch)) {
        s = arena_str(o->arena, str_slice(buf_str(&o->scratch), from, o->scratch.n));
        o->scratch.n = from;
    }
    if (s.p == NULL)
        o->nomem = true;
    return s;
}

void
odd_changed(struct odd *o, const struct json *object)
{
    int64_t ms;

    if (time_value(json_get(object, S("modifiedAt")), &ms) && ms > o->changed_ms)
        o->changed_ms = ms;
}

void
odd_remote(struct odd *o, struct odd_activity *a, const char *fmt, ...)
{
    char why[160];
    va_list ap;

    if (a->remote.n > 0)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap); /* cut: it is for a person */
    va_end(ap);
    a->remote = arena_str(o->arena, str_of(why));
    o->nomem |= a->remote.p == NULL;
}

/* ---- 1. indexes ---- */

static bool
index_objects(struct odd *o, struct map *m, const struct json *const *objects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str id = id_text(json_get(objects[i], S("id")), o->arena);
        if (id.n > 0 && !map_put(m, id, (void *)(uintptr_t)objects[i], NULL))
            return false;
    }
    return true;
}

/* ---- 2. activities ---- */

static void
boundary(struct odd *o, int64_t ms)
{
    if (ms > o->src->now_ms && ms < o->until_ms)
        o->until_ms = ms;
}

static bool
is_due(struct odd *o, const struct activity *a)
{
    int64_t shown_ms = a->starts_ms == INT64_MIN ? INT64_MIN : a->starts_ms - LIMIT_ODD_AHEAD_MS;

    if (!a->approved && !o->src->serve_inactive)
        return false;
    if (!a->approved && !o->src->serve_inactive)
        return false;
    boundary(o, shown_ms);
    boundary(o, a->ends_ms);
    return o->src->now_ms >= shown_ms && o->src->now_ms < a->ends_ms;
}

/* One without a property is everybody's; a property that is gone is nobody's. */
static bool
property_fits(const struct odd *o, const struct json *object)
{
    const struct json *ids = json_get(object, S("propertyIds"));
    struct json_iter it = json_iter(json_is(ids, JSON_ARRAY) ? ids : NULL);
    bool any = false;

    while (json_next(&it)) {
        const struct json *property = map_get(&o->properties, id_text(it.value, o->arena));
        any |= property != NULL && (o->src->property_token.n == 0 ||
                                    str_eq(json_str(json_get(property, S("token"))), o->src->property_token));
    }
    return any || json_count(ids) == 0;
}

static void
check_type(struct odd *o, struct odd_activity *a)
{
    if (a->a->type != ACTIVITY_AB && a->a->type != ACTIVITY_XT)
        odd_remote(o, a, "its type is not for clients");
    if (a->a->exclusion != NULL) /* the engine has one hash, the activity's own */
        odd_remote(o, a, "it is in an exclusion group");
}

static void
read_activities(struct odd *o)
{
    const struct decide_set *s = o->src->set;

    o->list = ARENA_ARRAY(o->arena, struct odd_activity, s->activity_count + 1);
    if (o->list == NULL) {
        o->nomem = true;
        return;
    }
    for (size_t i = 0; i < s->activity_count; i++) {
        struct odd_activity *a = &o->list[o->count];
        a->a = &s->activities[i];
        a->object = map_get(&o->activities, a->a->id);
        if (a->object == NULL || !is_due(o, a->a) || !property_fits(o, a->object))
            continue;
        o->count++;
        odd_changed(o, a->object);
        check_type(o, a);
        odd_place(o, a);
    }
}

/* ---- 3. rules ---- */

static void
render_use(struct odd *o, struct odd_use *u)
{
    size_t n = u->activity->a->experience_count;

    u->rules = ARENA_ARRAY(o->arena, struct odd_rule, n);
    if (u->rules == NULL) {
        o->nomem = true;
        return;
    }
    for (uint32_t e = 0; e < n && !o->nomem; e++) {
        u->rules[e] = (struct odd_rule){.use = u, .experience = e};
        odd_options(o, &u->rules[e]);
        odd_condition(o, &u->rules[e]);
    }
}

enum err
odd_begin(struct odd *o, const struct odd_source *src, struct arena *a, struct diag *d)
{
    const struct decide_source *x = src->objects;

    *o = (struct odd){.src = src, .arena = a, .d = d, .until_ms = INT64_MAX};
    buf_init(&o->scratch, LIMIT_ODD_BYTES);
    if (!index_objects(o, &o->activities, x->activities, x->activity_count) ||
        !index_objects(o, &o->offers, x->offers, x->offer_count) ||
        !index_objects(o, &o->audiences, x->audiences, x->audience_count) ||
        !index_objects(o, &o->properties, x->properties, x->property_count))
        o->nomem = true;
    else
        read_activities(o);
    for (size_t i = 0; i < o->count; i++) {
        for (size_t k = 0; k < o->list[i].use_count && !o->nomem; k++)
            render_use(o, &o->list[i].uses[k]);
    }
    if (o->nomem)
        return diag_set(d, ERR_LIMIT, "the artifact needs more than %d bytes", LIMIT_ODD_BYTES);
    return ERR_OK;
}

void
odd_end(struct odd *o)
{
    struct map *maps[] = {&o->activities, &o->offers, &o->audiences, &o->properties, &o->logic};

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        map_deinit(maps[i]);
    buf_deinit(&o->scratch);
}
