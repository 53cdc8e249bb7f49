/* decide_place.c - step B of the compiler: an activity's locations -> scopes, and a proposition per scope and
 * experience.
 *
 * The locations of one activity that belong to one scope make one proposition with several items: all selectors of the
 * page together with the global mbox, all selectors of one view. */
#include "base/log.h"
#include "decide/compile_int.h"

/* One location object of an activity, seen as part of a scope. */
struct spot {
    const struct json *id; /* locationLocalId */
    struct str scope, selector;
    bool view;
    struct audience_list *audiences;
};

struct layout {
    const struct json *object;
    uint32_t activity;
    struct spot *spots;
    size_t spot_count;
    struct placed_click *clicks;
    size_t click_count;
};

static const struct json *
find_local(const struct json *list, const char *member, const struct json *id)
{
    struct json_iter it = compile_list(list);

    while (id != NULL && json_next(&it)) {
        if (json_equal(json_get(it.value, str_of(member)), id))
            return it.value;
    }
    return NULL;
}

static bool
add_spot(struct compile *c, struct layout *l, const struct json *location, struct spot spot)
{
    const struct json *view_id = json_get(location, S("viewLocalId"));
    const struct json *view = find_local(json_get(l->object, S("views")), "viewLocalId", view_id);

    spot.id = json_get(location, S("locationLocalId"));
    spot.audiences = ARENA_NEW(&c->set->arena, struct audience_list);
    if (spot.audiences == NULL || !compile_audiences(c, json_get(location, S("audienceIds")), spot.audiences))
        return false;
    if (view_id != NULL) {
        struct str name = json_str(json_get(view, S("name")));
        char *low;
        if (view == NULL)
            return true; /* a view that is not there shows nothing */
        if (name.n == 0)
            name = id_text(json_get(view, S("viewId")), &c->set->arena);
        /* View names compare in lower case on every client [TARGET 1.10]. */
        name = arena_str(&c->set->arena, name);
        if (name.p == NULL || !compile_audiences(c, json_get(view, S("audienceIds")), spot.audiences))
            return false;
        low = (char *)(uintptr_t)name.p;
        for (size_t i = 0; i < name.n; i++)
            low[i] = (char)(low[i] >= 'A' && low[i] <= 'Z' ? low[i] + 32 : low[i]);
        spot.view = true;
        spot.scope = name;
    }
    if (spot.scope.n > 0)
        l->spots[l->spot_count++] = spot;
    return true;
}

static bool
read_spots(struct compile *c, struct layout *l)
{
    const struct json *locations = json_get(l->object, S("locations"));
    const struct json *mboxes = json_get(locations, S("mboxes")), *selectors = json_get(locations, S("selectors"));
    struct json_iter it = json_iter(mboxes);

    l->spots = ARENA_ARRAY(&c->set->arena, struct spot, json_count(mboxes) + json_count(selectors) + 1);
    if (l->spots == NULL)
        return false;
    while (json_next(&it)) {
        struct spot spot = {.scope = json_str(json_get(it.value, S("name")))};
        if (str_eq(spot.scope, GLOBAL_MBOX))
            spot.scope = PAGE_SCOPE;
        spot.scope = surface_canonical(spot.scope, &c->set->arena);
        if (!add_spot(c, l, it.value, spot))
            return false;
    }
    it = json_iter(selectors);
    while (json_next(&it)) {
        struct spot spot = {.scope = PAGE_SCOPE, .selector = json_str(json_get(it.value, S("selector")))};
        if (spot.selector.n > 0 && !add_spot(c, l, it.value, spot))
            return false;
    }
    return true;
}

static bool
read_clicks(struct compile *c, struct layout *l)
{
    struct json_iter metrics = json_iter(json_get(l->object, S("metrics")));
    size_t cap = 0;

    while (json_next(&metrics)) {
        struct str metric = id_text(json_get(metrics.value, S("metricLocalId")), &c->set->arena);
        struct json_iter it = json_iter(json_get(metrics.value, S("clickTrackSelectors")));
        for (size_t n = 0; json_next(&it); n++) {
            struct placed_click click = {.selector = json_str(json_get(it.value, S("selector")))};
            if (click.selector.n == 0)
                continue;
            if (l->click_count == cap) {
                void *p = compile_grow(&c->set->arena, l->clicks, l->click_count, &cap, sizeof(*l->clicks));
                if (p == NULL)
                    return false;
                l->clicks = p;
            }
            click.id = arena_printf(&c->set->arena, "click-%.*s-%zu", STR_ARG(metric), n);
            l->clicks[l->click_count++] = click;
        }
    }
    return true;
}

/* What an experience shows at a spot; false: nothing is placed there. */
static bool
place_option(struct compile *c, const struct layout *l, const struct json *experience, const struct spot *spot,
             struct placed_option *out)
{
    const struct json *at = find_local(json_get(experience, S("optionLocations")), "locationLocalId", spot->id);
    const struct json *option =
        find_local(json_get(l->object, S("options")), "optionLocalId", json_get(at, S("optionLocalId")));
    const struct json *offer_id = json_get(option, S("offerId"));

    if (option == NULL)
        return false;
    /* Options of a delivery count from 2: 0 and 1 stand for default content [TARGET 2.8]. */
    *out = (struct placed_option){.selector = spot->selector, .audiences = spot->audiences};
    out->id = arena_printf(&c->set->arena, "%lld", (long long)json_i64(json_get(option, S("optionLocalId")), 0) + 2);
    out->name = json_str(json_get(option, S("name")));
    out->templates = json_get(option, S("offerTemplates"));
    if (out->templates != NULL || offer_id == NULL || json_i64(offer_id, -1) == 0)
        return true;
    out->offer_id = id_text(offer_id, &c->set->arena);
    out->offer = map_get(&c->offers, out->offer_id);
    out->offer_name = json_str(json_get(out->offer, S("name")));
    return out->offer != NULL;
}

static bool
is_visual(const struct placed_option *o)
{
    return o->selector.n > 0 || o->templates != NULL || (o->offer != NULL && offer_type(o->offer) == OFFER_ACTIONS);
}

static bool
collect_paths(struct compile *c, const struct proposition *p)
{
    for (size_t i = 0; i < p->hole_count; i++) {
        if (p->holes[i].field.source == FIELD_AEP && !compile_add_path(c, p->holes[i].field.name))
            return false;
    }
    return true;
}

static struct location *
location_of(struct compile *c, struct str scope)
{
    struct location *at = map_get(&c->set->locations, scope);

    if (at != NULL)
        return at;
    at = ARENA_NEW(&c->set->arena, struct location);
    if (at == NULL || !map_put(&c->set->locations, scope, at, NULL))
        return NULL;
    at->scope = scope;
    if (str_eq(scope, PAGE_SCOPE))
        c->set->page = at;
    return at;
}

/* The propositions of all experiences in one scope, from all spots of the activity that belong to it. */
static bool
place_scope(struct compile *c, const struct layout *l, const struct spot *first)
{
    const struct activity *a = &c->set->activities[l->activity];
    struct json_iter it = compile_list(json_get(l->object, S("experiences")));
    struct placed_option *options = ARENA_ARRAY(&c->set->arena, struct placed_option, l->spot_count);
    struct proposition *ps = ARENA_ARRAY(&c->set->arena, struct proposition, a->experience_count);
    struct placement p = {.activity = l->activity,
                          .scope = compile_intern(c, first->scope),
                          .view = first->view,
                          .form_based = true,
                          .propositions = ps};
    struct location *at;

    if (options == NULL || ps == NULL || p.scope.p == NULL)
        return false;
    for (size_t e = 0; json_next(&it); e++) {
        struct proposition_source src = {.activity = a,
                                         .experience = &a->experiences[e],
                                         .scope = p.scope,
                                         .view = p.view,
                                         .token_key = c->src->token_key,
                                         .options = options,
                                         .clicks = l->clicks,
                                         .click_count = l->click_count};
        for (size_t i = 0; i < l->spot_count; i++) {
            struct placed_option *o = &options[src.option_count];
            if (l->spots[i].view != p.view || !str_eq(l->spots[i].scope, p.scope))
                continue;
            p.form_based &= l->spots[i].selector.n == 0;
            if (!place_option(c, l, it.value, &l->spots[i], o))
                continue;
            p.form_based &= !is_visual(o);
            src.option_count++;
        }
        if (!proposition_render(&src, &c->set->arena, &c->scratch, &ps[e])) {
            if (buf_ok(&c->scratch))
                return false;
            log_warn("decide_proposition_too_large", "activity=%.*s experience=%.*s bytes_max=%d", STR_ARG(a->id),
                     STR_ARG(a->experiences[e].id), LIMIT_PROPOSITION_BYTES);
            ps[e] = (struct proposition){0}; /* costs its own content only */
            continue;
        }
        if (!collect_paths(c, &ps[e]))
            return false;
    }
    at = location_of(c, p.view ? PAGE_SCOPE : p.scope);
    if (at == NULL)
        return false;
    if (at->n == at->cap) {
        at->placements = compile_grow(&c->set->arena, at->placements, at->n, &at->cap, sizeof(p));
        if (at->placements == NULL)
            return false;
    }
    at->placements[at->n++] = p;
    return true;
}

/* ---- goals ---- */

static bool
add_goal(struct compile *c, struct map *goals, struct str mbox, struct str activity)
{
    struct goal *g = map_get(goals, mbox);

    if (g == NULL) {
        g = ARENA_NEW(&c->set->arena, struct goal);
        mbox = compile_intern(c, mbox);
        if (g == NULL || mbox.p == NULL || !map_put(goals, mbox, g, NULL))
            return false;
    }
    if (g->n > 0 && str_eq(g->activities[g->n - 1], activity))
        return true; /* a metric may name a location twice */
    if (g->n == g->cap) {
        g->activities = compile_grow(&c->set->arena, g->activities, g->n, &g->cap, sizeof(*g->activities));
        if (g->activities == NULL)
            return false;
    }
    g->activities[g->n++] = activity;
    return true;
}

/* The locations of the primary metric: what happens there converts [TARGET 2.7]. */
static bool
read_goals(struct compile *c, uint32_t index)
{
    struct json_iter metrics = compile_list(json_get(c->objects[index], S("metrics")));

    while (json_next(&metrics)) {
        struct json_iter it = compile_list(json_get(metrics.value, S("mboxes")));
        if (json_i64(json_get(metrics.value, S("metricLocalId")), 0) != PRIMARY_METRIC)
            continue;
        while (json_next(&it)) {
            struct str name = json_str(json_get(it.value, S("name")));
            struct str event = json_str(json_get(it.value, S("successEvent")));
            bool clicked = str_eq(event, S("mbox_clicked"));
            if (str_eq(name, GLOBAL_MBOX))
                name = PAGE_SCOPE;
            if (name.n == 0 || (!clicked && event.n > 0 && !str_eq(event, S("mbox_shown"))))
                continue;
            if (!add_goal(c, &c->set->goals[clicked], name, c->set->activities[index].id))
                return false;
        }
    }
    return true;
}

enum err
compile_place(struct compile *c, uint32_t index)
{
    struct layout l = {.object = c->objects[index], .activity = index};

    if (!read_spots(c, &l) || !read_clicks(c, &l) || !read_goals(c, index))
        return compile_no_memory(c);
    for (size_t i = 0; i < l.spot_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = l.spots[j].view == l.spots[i].view && str_eq(l.spots[j].scope, l.spots[i].scope);
        if (!seen && !place_scope(c, &l, &l.spots[i]))
            return compile_no_memory(c);
    }
    return ERR_OK;
}
