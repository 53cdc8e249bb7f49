/* odd_condition.c - when a rule holds: allocation, audiences and schedule as json-logic [TARGET 4.4, 5.7].
 *
 *   {"and":[ allocation range, entry audiences, experience audiences, location audiences, schedule ]}
 *
 * without the parts that always hold; a lone part stands by itself. A rule with a part that never holds is left out. */
#include "decide/odd_int.h"
#include "decide/target_logic.h"

struct parts {
    struct odd *o;
    struct odd_rule *rule;
    struct str *items;
    size_t n, cap;
    struct buf ids;
    bool never;
};

#define ALWAYS S("true")
#define NEVER S("false")

static void
add_part(struct parts *p, struct str text)
{
    if (str_eq(text, ALWAYS))
        return;
    if (str_eq(text, NEVER))
        p->never = true;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct str *items = ARENA_ARRAY(p->o->arena, struct str, cap);
        if (items == NULL) {
            p->o->nomem = true;
            return;
        }
        if (p->n > 0)
            memcpy(items, p->items, p->n * sizeof(*items));
        p->items = items;
        p->cap = cap;
    }
    p->items[p->n++] = text;
}

/* "true", the lone part, or an and of them. */
static struct str
all_of(struct odd *o, const struct str *items, size_t n)
{
    size_t from = o->scratch.n;

    if (n == 0)
        return ALWAYS;
    if (n == 1)
        return items[0];
    buf_put(&o->scratch, S("{\"and\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(&o->scratch, ',');
        buf_put(&o->scratch, items[i]);
    }
    buf_put(&o->scratch, S("]}"));
    return odd_take(o, from);
}

/* ---- audiences ---- */

static const struct json *
find_audience(void *ctx, struct str id)
{
    const struct odd *o = ctx;

    return map_get(&o->audiences, id);
}

static const struct odd_logic *
logic_of(struct odd *o, const struct json *id)
{
    struct str text = id_text(id, o->arena);
    struct odd_logic *logic = map_get(&o->logic, text);
    const struct json *audience = map_get(&o->audiences, text);
    struct diag why = DIAG_INIT;

    if (logic != NULL)
        return logic;
    logic = ARENA_NEW(o->arena, struct odd_logic);
    if (logic == NULL || !map_put(&o->logic, text, logic, NULL)) {
        o->nomem = true;
        return NULL;
    }
    logic->text = NEVER; /* an unknown audience, or a broken one, matches nobody */
    if (audience != NULL && target_logic(audience, find_audience, o, o->src->objects->zone_minutes, o->arena,
                                         &logic->text, &why) == ERR_UNSUPPORTED)
        logic->why = arena_str(o->arena, str_of(why.what));
    return logic;
}

static void
add_id(struct parts *p, const struct json *id)
{
    buf_putc(&p->ids, p->ids.n == 0 ? '[' : ',');
    json_write(&p->ids, id);
}

/* One part for each audience of a list; all must match [TARGET 2.4]. */
static void
add_audiences(struct parts *p, const struct json *ids)
{
    struct json_iter it = json_iter(json_is(ids, JSON_ARRAY) ? ids : NULL);
    const struct odd_logic *logic;

    while (json_next(&it)) {
        if (json_is(it.value, JSON_STRING)) {
            odd_remote(p->o, p->rule->use->activity, "audience %.*s is of the platform", STR_ARG(json_str(it.value)));
            continue;
        }
        add_id(p, it.value);
        odd_changed(p->o, map_get(&p->o->audiences, id_text(it.value, p->o->arena)));
        logic = logic_of(p->o, it.value);
        if (logic == NULL)
            return;
        if (logic->why.n > 0)
            odd_remote(p->o, p->rule->use->activity, "audience %.*s: %.*s", STR_ARG(id_text(it.value, p->o->arena)),
                       STR_ARG(logic->why));
        else
            add_part(p, logic->text);
    }
}

static const struct json *
experience_audiences(const struct odd_activity *a, size_t experience)
{
    return json_get(json_at(json_get(a->object, S("experiences")), experience), S("audienceIds"));
}

static void
add_entry(struct parts *p)
{
    const struct json *entry = json_get(p->rule->use->activity->object, S("entryConstraint"));
    struct json_iter it = json_iter(json_get(entry, S("mboxes")));

    add_audiences(p, json_get(entry, S("audienceIds")));
    while (json_next(&it))
        add_audiences(p, json_get(it.value, S("audienceIds")));
}

/* The locations of one scope are one rule, so they must have the same audiences. */
static void
add_location(struct parts *p)
{
    const struct odd_use *u = p->rule->use;

    for (size_t i = 1; i < u->spot_count; i++) {
        for (size_t k = 0; k < 2; k++) {
            const struct json *x = u->spots[0].audiences[k], *y = u->spots[i].audiences[k];
            if (json_count(x) + json_count(y) > 0 && !json_equal(x, y))
                odd_remote(p->o, u->activity, "locations on %.*s have audiences of their own", STR_ARG(u->name));
        }
    }
    for (size_t k = 0; k < 2; k++)
        add_audiences(p, u->spots[0].audiences[k]);
}

/* An experience that comes first and shows nothing here is chosen all the same. */
static void
add_missed(struct parts *p)
{
    const struct odd_use *u = p->rule->use;
    struct odd *o = p->o;

    for (uint32_t e = 0; e < p->rule->experience; e++) {
        struct parts other = {.o = o, .rule = p->rule};
        size_t from = o->scratch.n;
        struct str x;
        if (u->rules[e].placed)
            continue;
        buf_init_in(&other.ids, o->arena, LIMIT_ODD_BYTES);
        add_audiences(&other, experience_audiences(u->activity, e));
        if (other.never)
            continue;
        x = all_of(o, other.items, other.n);
        if (str_eq(x, ALWAYS)) {
            p->never = true;
            return;
        }
        buf_put(&o->scratch, S("{\"!\":"));
        buf_put(&o->scratch, x);
        buf_putc(&o->scratch, '}');
        add_part(p, odd_take(o, from));
    }
}

/* ---- allocation: the ranges of decide_choose() [TARGET 3.3], in percent ---- */

static void
put_percent(struct buf *out, unsigned hundredths)
{
    buf_put_u64(out, hundredths / 100);
    if (hundredths % 100 > 0) {
        buf_putc(out, '.');
        buf_putc(out, (char)('0' + hundredths / 10 % 10));
        if (hundredths % 10 > 0)
            buf_putc(out, (char)('0' + hundredths % 10));
    }
}

static void
add_range(struct parts *p, bool first, unsigned lower, unsigned upper)
{
    struct odd *o = p->o;
    size_t from = o->scratch.n;

    if (first) {
        buf_put(&o->scratch, S("{\"<=\":[0,{\"var\":\"allocation\"},"));
    } else {
        buf_put(&o->scratch, S("{\"and\":[{\"<\":["));
        put_percent(&o->scratch, lower);
        buf_put(&o->scratch, S(",{\"var\":\"allocation\"}]},{\"<=\":[{\"var\":\"allocation\"},"));
    }
    put_percent(&o->scratch, upper);
    buf_put(&o->scratch, first ? S("]}") : S("]}]}"));
    add_part(p, odd_take(o, from));
}

static void
add_allocation(struct parts *p)
{
    const struct activity *a = p->rule->use->activity->a;
    unsigned lower = 0, upper;

    if (a->traffic_percent == 0) {
        p->never = true;
        return;
    }
    if (a->type == ACTIVITY_XT) {
        if (a->traffic_percent < 100)
            add_range(p, true, 0, a->traffic_percent * 100);
        return;
    }
    for (size_t i = 0; i < p->rule->experience; i++)
        lower += a->percent[i];
    upper = lower + a->percent[p->rule->experience];
    if (upper == lower)
        p->never = true;
    else
        add_range(p, lower == 0, lower * a->traffic_percent, upper * a->traffic_percent);
}

/* ---- schedule: its start is in, its end is not [TARGET 2.2] ---- */

static void
add_schedule(struct parts *p)
{
    const struct activity *a = p->rule->use->activity->a;
    struct buf *out = &p->o->scratch;
    size_t from = out->n;

    if (a->starts_ms == INT64_MIN && a->ends_ms == INT64_MAX)
        return;
    buf_put(out, S("{\"<=\":["));
    if (a->starts_ms != INT64_MIN) {
        buf_put_i64(out, a->starts_ms);
        buf_putc(out, ',');
    }
    buf_put(out, S("{\"var\":\"current_timestamp\"}"));
    if (a->ends_ms != INT64_MAX) {
        buf_putc(out, ',');
        buf_put_i64(out, a->ends_ms - 1);
    }
    buf_put(out, S("]}"));
    add_part(p, odd_take(p->o, from));
}

void
odd_condition(struct odd *o, struct odd_rule *r)
{
    struct parts p = {.o = o, .rule = r};

    buf_init_in(&p.ids, o->arena, LIMIT_ODD_BYTES);
    add_allocation(&p);
    add_entry(&p);
    add_audiences(&p, experience_audiences(r->use->activity, r->experience));
    add_location(&p);
    if (r->use->activity->a->type == ACTIVITY_XT)
        add_missed(&p);
    add_schedule(&p);
    r->condition = p.never ? S_NULL : all_of(o, p.items, p.n);
    buf_put(&p.ids, p.ids.n == 0 ? S("[]") : S("]"));
    r->audience_ids = buf_str(&p.ids);
    o->nomem |= !buf_ok(&p.ids);
}
