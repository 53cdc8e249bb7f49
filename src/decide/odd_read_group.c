/* odd_read_group.c - the rules of one activity, wherever they stand, become its experiences and locations.
 *
 * The cell (e, l) is the rule of experience e at location l, with the parts C(e,l) of its condition:
 *
 *   entry      parts of all cells
 *   X(e)       what else all cells of e have
 *   L(l)       what else all cells of l have
 *
 * The server's condition for the cell is entry + X(e) + L(l), so C(e,l) must be that. Of a targeting activity an
 * experience that comes first and shows nothing at l must be excluded there by a part {"!":X(e)}, as odd_condition.c
 * writes it, because the server chooses the experience before the place. */
#include "decide/odd_read_int.h"

struct cell {
    const struct odd_read_rule *rule; /* NULL: nothing there */
    struct odd_parts parts;           /* of the rule, without those that exclude */
    struct odd_parts excluded;        /* taken out of them: who belongs to an experience before */
};

struct group {
    struct odd_reader *r;
    struct odd_read_activity *out;
    const struct odd_read_rule **rules; /* in the order of the document */
    size_t n;
    struct cell *cells; /* experience * location_count + location */
    size_t option_max;
};

static const char *
group_place(const struct group *g)
{
    return g->rules[0]->place;
}

#define EXPERIENCE_NAME(g, e) (long long)(g)->out->experiences[e].id

/* ---- experiences and locations ---- */

static size_t
experience_index(const struct odd_read_activity *a, int64_t id)
{
    size_t i = 0;

    while (i < a->experience_count && a->experiences[i].id != id)
        i++;
    return i;
}

static bool
is_location(const struct odd_read_location *l, const struct odd_read_rule *rule)
{
    const struct json *id = rule->kind == ODD_READ_MBOX ? NULL : json_get(rule->meta, S("location.id"));

    return l->kind == rule->kind && str_eq(l->name, rule->location) &&
           (l->id == id || (l->id != NULL && json_equal(l->id, id)));
}

static size_t
location_index(const struct odd_read_activity *a, const struct odd_read_rule *rule)
{
    size_t i = 0;

    while (i < a->location_count && !is_location(&a->locations[i], rule))
        i++;
    return i;
}

static enum err
read_axes(struct group *g)
{
    struct odd_read_activity *a = g->out;

    a->experiences = ARENA_ARRAY(g->r->a, struct odd_read_experience, g->n);
    a->locations = ARENA_ARRAY(g->r->a, struct odd_read_location, g->n);
    if (a->experiences == NULL || a->locations == NULL)
        return odd_no_room(g->r);
    for (size_t i = 0; i < g->n; i++) {
        const struct odd_read_rule *rule = g->rules[i];
        size_t e = experience_index(a, rule->experience), l = location_index(a, rule);
        if (e > LIMIT_EXPERIENCES || l > LIMIT_ACTIVITY_LOCATIONS)
            break; /* said below */
        if (e == a->experience_count)
            a->experiences[a->experience_count++] = (struct odd_read_experience){
                .id = rule->experience, .name = json_str(json_get(rule->meta, S("experience.name")))};
        if (l == a->location_count)
            a->locations[a->location_count++] = (struct odd_read_location){
                .kind = rule->kind,
                .name = rule->location,
                .id = rule->kind == ODD_READ_MBOX ? NULL : json_get(rule->meta, S("location.id"))};
    }
    if (a->experience_count > LIMIT_EXPERIENCES || a->location_count > LIMIT_ACTIVITY_LOCATIONS)
        return odd_refuse(g->r, group_place(g),
                          "belongs to activity %lld with more than %d experiences or %d locations",
                          (long long)g->rules[0]->activity, LIMIT_EXPERIENCES, LIMIT_ACTIVITY_LOCATIONS);
    g->cells = ARENA_ARRAY(g->r->a, struct cell, a->experience_count * a->location_count);
    if (g->cells == NULL)
        return odd_no_room(g->r);
    return a->targeted ? odd_read_experience_order(g->r, a, g->rules, g->n) : ERR_OK;
}

static struct cell *
cell_at(const struct group *g, size_t e, size_t l)
{
    return &g->cells[e * g->out->location_count + l];
}

static enum err
read_cells(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct odd_read_rule *rule = g->rules[i];
        struct cell *c = cell_at(g, experience_index(g->out, rule->experience), location_index(g->out, rule));
        if (c->rule != NULL)
            return odd_refuse(g->r, rule->place, "is a second rule of experience %lld of activity %lld there",
                              (long long)rule->experience, (long long)rule->activity);
        *c = (struct cell){.rule = rule, .parts = rule->parts};
        for (size_t k = 0; g->out->ranges_as_audiences && k < rule->ranges.n; k++) {
            if (!odd_add_part(g->r, &c->parts, rule->ranges.items[k]))
                return odd_no_room(g->r);
        }
        if (json_count(rule->options) > g->option_max)
            g->option_max = json_count(rule->options);
    }
    return ERR_OK;
}

/* ---- targeting: order, and who is excluded ---- */

static enum err
check_order(struct group *g)
{
    for (size_t l = 0; l < g->out->location_count; l++) {
        size_t before = 0;
        for (size_t e = 0; e < g->out->experience_count; e++) {
            const struct odd_read_rule *rule = cell_at(g, e, l)->rule;
            if (rule == NULL)
                continue;
            if (rule->position < before)
                return odd_refuse(g->r, rule->place,
                                  "has experience %lld before another that comes first at another location",
                                  EXPERIENCE_NAME(g, e));
            before = rule->position;
        }
    }
    return ERR_OK;
}

/* As a rule's condition is taken apart (odd_read_parts.c). */
static bool
add_parts_of(struct group *g, const struct json *x, struct odd_parts *out)
{
    const struct json *all = json_is(x, JSON_OBJECT) && json_count(x) == 1 ? json_get(x, S("and")) : NULL;
    struct json_iter it = json_iter(all);
    bool ok = true;

    if (!json_is(all, JSON_ARRAY) || json_count(all) == 0)
        return (json_is(x, JSON_BOOL) && json_bool(x, false)) || odd_add_part(g->r, out, x);
    while (ok && json_next(&it))
        ok = add_parts_of(g, it.value, out);
    return ok;
}

/* The parts of the x in {"!":x}; false: the part is something else. */
static bool
excluded_parts(struct group *g, const struct json *part, struct odd_parts *out)
{
    const struct json *x = json_is(part, JSON_OBJECT) && json_count(part) == 1 ? json_get(part, S("!")) : NULL;

    return x != NULL && add_parts_of(g, x, out);
}

static bool
is_subset(const struct odd_parts *small, const struct odd_parts *large)
{
    for (size_t i = 0; i < small->n; i++) {
        if (!odd_has_part(large, small->items[i]))
            return false;
    }
    return true;
}

/* The part excludes experience `e`: all rules of e have what it excludes. */
static bool
excludes(struct group *g, const struct json *part, size_t e)
{
    struct odd_parts x = {0};
    bool is_it = excluded_parts(g, part, &x);

    for (size_t l = 0; is_it && l < g->out->location_count; l++) {
        const struct cell *other = cell_at(g, e, l);
        is_it = other->rule == NULL || is_subset(&x, &other->parts);
    }
    return is_it;
}

/* Takes the part that excludes experience `e` out of the cell. One that was taken for another experience, of the same
 * audience, excludes both. */
static bool
take_exclusion(struct group *g, struct cell *c, size_t e)
{
    struct odd_parts kept = {0};
    bool found = false;

    for (size_t i = 0; i < c->excluded.n && !found; i++)
        found = excludes(g, c->excluded.items[i], e);
    if (found)
        return true;
    for (size_t i = 0; i < c->parts.n; i++) {
        const struct json *part = c->parts.items[i];
        bool is_it = !found && excludes(g, part, e);
        found |= is_it;
        if (!odd_add_part(g->r, is_it ? &c->excluded : &kept, part))
            return false;
    }
    if (found)
        c->parts = kept;
    return found;
}

static enum err
read_exclusions(struct group *g)
{
    for (size_t l = 0; l < g->out->location_count; l++) {
        for (size_t e = 0; e < g->out->experience_count; e++) {
            for (size_t later = e + 1; cell_at(g, e, l)->rule == NULL && later < g->out->experience_count; later++) {
                struct cell *c = cell_at(g, later, l);
                if (c->rule != NULL && !take_exclusion(g, c, e))
                    return odd_refuse(g->r, c->rule->place,
                                      "must exclude who belongs to experience %lld, which shows nothing there",
                                      EXPERIENCE_NAME(g, e));
            }
        }
    }
    return ERR_OK;
}

/* ---- parts in common ---- */

/* The parts that the cells of one experience (or of all: SIZE_MAX) and one location (or all) share, without `minus`. */
static enum err
common_parts(struct group *g, size_t e, size_t l, const struct odd_parts *minus, struct odd_parts *out)
{
    const struct cell *first = NULL;

    for (size_t i = 0; i < g->out->experience_count * g->out->location_count && first == NULL; i++) {
        if ((e == SIZE_MAX || i / g->out->location_count == e) && (l == SIZE_MAX || i % g->out->location_count == l) &&
            g->cells[i].rule != NULL)
            first = &g->cells[i];
    }
    for (size_t k = 0; first != NULL && k < first->parts.n; k++) {
        const struct json *part = first->parts.items[k];
        bool everywhere = !odd_has_part(minus, part);
        for (size_t i = 0; everywhere && i < g->out->experience_count * g->out->location_count; i++) {
            if ((e == SIZE_MAX || i / g->out->location_count == e) &&
                (l == SIZE_MAX || i % g->out->location_count == l) && g->cells[i].rule != NULL)
                everywhere = odd_has_part(&g->cells[i].parts, part);
        }
        if (everywhere && !odd_add_part(g->r, out, part))
            return odd_no_room(g->r);
    }
    return ERR_OK;
}

static enum err
read_parts(struct group *g)
{
    struct odd_read_activity *a = g->out;
    static const struct odd_parts none;
    enum err rc = common_parts(g, SIZE_MAX, SIZE_MAX, &none, &a->entry);

    for (size_t e = 0; rc == ERR_OK && e < a->experience_count; e++)
        rc = common_parts(g, e, SIZE_MAX, &a->entry, &a->experiences[e].parts);
    for (size_t l = 0; rc == ERR_OK && l < a->location_count; l++)
        rc = common_parts(g, SIZE_MAX, l, &a->entry, &a->locations[l].parts);
    for (size_t i = 0; rc == ERR_OK && i < a->experience_count * a->location_count; i++) {
        const struct cell *c = &g->cells[i];
        for (size_t k = 0; k < c->parts.n; k++) {
            const struct json *part = c->parts.items[k];
            if (!odd_has_part(&a->entry, part) && !odd_has_part(&a->experiences[i / a->location_count].parts, part) &&
                !odd_has_part(&a->locations[i % a->location_count].parts, part))
                return odd_refuse(g->r, c->rule->place,
                                  "has a condition that belongs neither to activity %lld, nor to one of its "
                                  "experiences, nor to one of its locations",
                                  (long long)a->id);
        }
    }
    return rc;
}

/* False: it is none, or never holds together with what is there, and no activity ends before it starts. */
static bool
narrow_schedule(struct odd_read_activity *a, const struct json *part)
{
    int64_t from, to;

    if (!odd_read_schedule(part, &from, &to))
        return false;
    from = from > a->starts_ms ? from : a->starts_ms;
    to = to < a->ends_ms ? to : a->ends_ms;
    if (from >= to)
        return false;
    a->starts_ms = from;
    a->ends_ms = to;
    return true;
}

/* Parts of the entry that are a schedule become the activity's. */
static enum err
take_schedule(struct group *g)
{
    struct odd_parts kept = {0};

    for (size_t i = 0; i < g->out->entry.n; i++) {
        if (narrow_schedule(g->out, g->out->entry.items[i]))
            continue;
        if (!odd_add_part(g->r, &kept, g->out->entry.items[i]))
            return odd_no_room(g->r);
    }
    g->out->entry = kept;
    return ERR_OK;
}

/* ---- clicks ---- */

static enum err
read_metrics(struct group *g)
{
    struct odd_read_activity *a = g->out;
    struct str *selectors;
    size_t cap = 0;

    for (size_t i = 0; i < g->n; i++)
        cap += json_count(g->rules[i]->metrics);
    selectors = ARENA_ARRAY(g->r->a, struct str, cap);
    if (cap > 0 && selectors == NULL)
        return odd_no_room(g->r);
    for (size_t i = 0; i < g->n; i++) {
        struct json_iter it = json_iter(g->rules[i]->metrics);
        while (json_next(&it)) {
            struct str selector = json_str(json_get(it.value, S("selector")));
            size_t k = 0;
            while (k < a->click_count && !str_eq(selectors[k], selector))
                k++;
            if (!str_eq(json_str(json_get(it.value, S("type"))), S("click")))
                continue;
            if (selector.n == 0)
                a->locations[location_index(a, g->rules[i])].clicked = true;
            else if (k == a->click_count)
                selectors[a->click_count++] = selector;
        }
    }
    a->click_selectors = selectors;
    return ERR_OK;
}

/* ---- options ---- */

/* A location for each option that a rule has there; what an experience has fewer of is placed nowhere. */
static enum err
place_options(struct group *g)
{
    struct odd_read_activity *a = g->out;
    size_t names = a->location_count, per = g->option_max > 0 ? g->option_max : 1;
    struct odd_read_location *locations = ARENA_ARRAY(g->r->a, struct odd_read_location, names * per);

    if (names * per > LIMIT_ACTIVITY_LOCATIONS)
        return odd_refuse(g->r, group_place(g), "belongs to activity %lld with more than %d locations",
                          (long long)a->id, LIMIT_ACTIVITY_LOCATIONS);
    if (locations == NULL)
        return odd_no_room(g->r);
    for (size_t e = 0; e < a->experience_count; e++) {
        struct odd_read_cell *cells = ARENA_ARRAY(g->r->a, struct odd_read_cell, names * per);
        if (cells == NULL)
            return odd_no_room(g->r);
        a->experiences[e].cells = cells;
        for (size_t i = 0; i < names * per; i++) {
            const struct odd_read_rule *rule = cell_at(g, e, i / per)->rule;
            const struct json *option = rule ? json_at(rule->options, i % per) : NULL;
            if (rule == NULL || (option == NULL && i % per > 0))
                continue;
            if (json_get(option, S("type")) == NULL)
                option = NULL;
            cells[i] = (struct odd_read_cell){true, option, rule->meta};
        }
    }
    for (size_t i = 0; i < names * per; i++) {
        locations[i] = a->locations[i / per];
        locations[i].nth = i % per;
    }
    a->locations = locations;
    a->location_count = names * per;
    return ERR_OK;
}

/* ---- one activity ---- */

static enum err
check_alike(struct group *g)
{
    const struct odd_read_rule *first = g->rules[0];

    g->out->property_tokens = first->property_tokens;
    for (size_t i = 1; i < g->n; i++) {
        const struct json *tokens = g->rules[i]->property_tokens;
        if (json_count(tokens) + json_count(first->property_tokens) > 0 && !json_equal(tokens, first->property_tokens))
            return odd_refuse(g->r, g->rules[i]->place, "has other propertyTokens than %s of the same activity",
                              first->place);
    }
    return ERR_OK;
}

static enum err
read_structure(struct group *g)
{
    enum err rc = read_axes(g);

    if (rc == ERR_OK)
        rc = read_cells(g);
    if (rc == ERR_OK && g->out->targeted)
        rc = check_order(g);
    if (rc == ERR_OK && g->out->targeted)
        rc = read_exclusions(g);
    if (rc == ERR_OK)
        rc = read_parts(g);
    if (rc == ERR_OK)
        rc = take_schedule(g);
    if (rc == ERR_OK)
        rc = read_metrics(g);
    return rc == ERR_OK ? place_options(g) : rc;
}

static void
begin_activity(struct group *g, bool targeted)
{
    *g->out = (struct odd_read_activity){.id = g->rules[0]->activity,
                                         .name = json_str(json_get(g->rules[0]->meta, S("activity.name"))),
                                         .targeted = targeted,
                                         .starts_ms = INT64_MIN,
                                         .ends_ms = INT64_MAX,
                                         .traffic_percent = 100};
    g->option_max = 0;
}

/* A split or a targeting activity with a traffic; else one whose experiences ask for their ranges as they are. */
static enum err
read_activity(struct group *g)
{
    bool ranged = false;
    enum err rc;

    for (size_t i = 0; i < g->n; i++)
        ranged |= g->rules[i]->ranged;
    begin_activity(g, !ranged || str_eq(json_str(json_get(g->rules[0]->meta, S("activity.type"))), S("landing")));
    rc = read_structure(g);
    if (rc == ERR_OK)
        rc = odd_read_shares(g->r, g->out, g->rules, g->n);
    if (rc == ERR_INVALID && ranged) {
        begin_activity(g, true);
        g->out->ranges_as_audiences = true;
        rc = read_structure(g);
    }
    return rc == ERR_OK ? check_alike(g) : rc;
}

static int
by_activity(const void *x, const void *y)
{
    const struct odd_read_rule *a = *(const struct odd_read_rule *const *)x;
    const struct odd_read_rule *b = *(const struct odd_read_rule *const *)y;

    if (a->activity != b->activity)
        return a->activity < b->activity ? -1 : 1;
    return a < b ? -1 : a > b; /* the order of the document */
}

enum err
odd_read_group(struct odd_reader *r)
{
    const struct odd_read_rule **rules = ARENA_ARRAY(r->a, const struct odd_read_rule *, r->rule_count + 1);
    size_t end;
    enum err rc = ERR_OK;

    r->out->activities = ARENA_ARRAY(r->a, struct odd_read_activity, r->rule_count + 1);
    if (rules == NULL || r->out->activities == NULL)
        return odd_no_room(r);
    for (size_t i = 0; i < r->rule_count; i++)
        rules[i] = &r->rules[i];
    qsort(rules, r->rule_count, sizeof *rules, by_activity);
    for (size_t i = 0; rc == ERR_OK && i < r->rule_count; i = end) {
        struct group g = {.r = r, .out = &r->out->activities[r->out->activity_count++], .rules = &rules[i]};
        for (end = i; end < r->rule_count && rules[end]->activity == rules[i]->activity;)
            end++;
        g.n = end - i;
        rc = read_activity(&g);
    }
    return rc;
}
