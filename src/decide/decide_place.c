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

/* View names compare in lower case on every client [TARGET 1.10]. */
struct str
compile_view_name(struct compile *c, const struct json *activity, const struct json *view_local_id)
{
    const struct json *view = find_local(json_get(activity, S("views")), "viewLocalId", view_local_id);
    struct str name = json_str(json_get(view, S("name")));
    char *low;

    if (view == NULL)
        return S_NULL; /* a view that is not there shows nothing */
    if (name.n == 0)
        name = id_text(json_get(view, S("viewId")), &c->set->arena);
    name = arena_str(&c->set->arena, name);
    low = (char *)(uintptr_t)name.p;
    for (size_t i = 0; low != NULL && i < name.n; i++)
        low[i] = (char)(low[i] >= 'A' && low[i] <= 'Z' ? low[i] + 32 : low[i]);
    return name;
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
        spot.view = true;
        spot.scope = compile_view_name(c, l->object, view_id);
        if (!compile_audiences(c, json_get(view, S("audienceIds")), spot.audiences))
            return false;
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
add_click(struct compile *c, struct layout *l, size_t *cap, struct placed_click click)
{
    if (l->click_count == *cap) {
        void *p = compile_grow(&c->set->arena, l->clicks, l->click_count, cap, sizeof(*l->clicks));
        if (p == NULL)
            return false;
        l->clicks = p;
    }
    l->clicks[l->click_count++] = click;
    return true;
}

static bool
read_clicks(struct compile *c, struct layout *l)
{
    struct json_iter metrics = json_iter(json_get(l->object, S("metrics")));
    size_t cap = 0;
    bool ok = true;

    while (ok && json_next(&metrics)) {
        uint32_t metric = (uint32_t)json_i64(json_get(metrics.value, S("metricLocalId")), 0);
        struct json_iter it = json_iter(json_get(metrics.value, S("clickTrackSelectors")));
        for (size_t n = 0; ok && json_next(&it); n++) {
            struct placed_click click = {.selector = json_str(json_get(it.value, S("selector"))), .metric = metric};
            click.id = arena_printf(&c->set->arena, "click-%u-%zu", metric, n);
            if (click.selector.n > 0)
                ok = add_click(c, l, &cap, click);
        }
        it = json_iter(json_get(metrics.value, S("mboxes")));
        while (ok && json_next(&it)) {
            struct placed_click click = {.location = json_str(json_get(it.value, S("name"))), .metric = metric};
            if (str_eq(click.location, GLOBAL_MBOX))
                click.location = PAGE_SCOPE;
            if (click.location.n > 0 && str_eq(json_str(json_get(it.value, S("successEvent"))), S("mbox_clicked")))
                ok = add_click(c, l, &cap, click);
        }
    }
    return ok;
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
collect_paths(struct compile *c, const struct hole *holes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (holes[i].field.source == FIELD_AEP && holes[i].field.name.n > 0 &&
            !compile_add_path(c, holes[i].field.name))
            return false;
    }
    return true;
}

static struct location *
location_in(struct compile *c, struct map *m, struct str scope)
{
    struct location *at = map_get(m, scope);

    if (at != NULL)
        return at;
    at = ARENA_NEW(&c->set->arena, struct location);
    if (at == NULL || !map_put(m, scope, at, NULL))
        return NULL;
    at->scope = scope;
    return at;
}

static struct location *
location_of(struct compile *c, struct str scope)
{
    struct location *at = location_in(c, &c->set->locations, scope);

    if (str_eq(scope, PAGE_SCOPE))
        c->set->page = at;
    return at;
}

static bool
add_placement(struct compile *c, struct location *at, const struct placement *p)
{
    if (at == NULL)
        return false;
    if (at->n == at->cap) {
        at->placements = compile_grow(&c->set->arena, at->placements, at->n, &at->cap, sizeof(*p));
        if (at->placements == NULL)
            return false;
    }
    at->placements[at->n++] = *p;
    return true;
}

/* Views stand with the page for clients that ask for both, and by name for those that ask for one. */
static bool
place_view(struct compile *c, const struct placement *p)
{
    struct decide_set *s = c->set;
    bool known = map_get(&s->views, p->scope) != NULL;

    if (!add_placement(c, location_in(c, &s->views, p->scope), p))
        return false;
    if (known)
        return true;
    if (s->view_count == c->view_cap) {
        s->view_names = compile_grow(&s->arena, s->view_names, s->view_count, &c->view_cap, sizeof(*s->view_names));
        if (s->view_names == NULL)
            return false;
    }
    s->view_names[s->view_count++] = p->scope;
    return true;
}

/* Both forms of one experience's answer. What is too large costs itself only. false: no memory. */
static bool
render(struct compile *c, const struct proposition_source *src, struct proposition *edge, struct delivery_text *text)
{
    if (proposition_render(src, &c->set->arena, &c->scratch, edge) &&
        delivery_render(src, &c->set->arena, &c->scratch, text))
        return collect_paths(c, edge->holes, edge->hole_count) && collect_paths(c, text->holes, text->hole_count);
    if (buf_ok(&c->scratch))
        return false;
    log_warn("decide_proposition_too_large", "activity=%.*s experience=%.*s bytes_max=%d", STR_ARG(src->activity->id),
             STR_ARG(src->experience->id), LIMIT_PROPOSITION_BYTES);
    *edge = (struct proposition){0};
    *text = (struct delivery_text){0};
    return true;
}

/* The propositions of all experiences in one scope, from all spots of the activity that belong to it. */
static bool
place_scope(struct compile *c, const struct layout *l, const struct spot *first)
{
    const struct activity *a = &c->set->activities[l->activity];
    struct json_iter it = compile_list(json_get(l->object, S("experiences")));
    struct placed_option *options = ARENA_ARRAY(&c->set->arena, struct placed_option, l->spot_count);
    struct proposition *ps = ARENA_ARRAY(&c->set->arena, struct proposition, a->experience_count);
    struct delivery_text *texts = ARENA_ARRAY(&c->set->arena, struct delivery_text, a->experience_count);
    struct placement p = {.activity = l->activity,
                          .scope = compile_intern(c, first->scope),
                          .view = first->view,
                          .form_based = true,
                          .propositions = ps,
                          .texts = texts};

    if (options == NULL || ps == NULL || texts == NULL || p.scope.p == NULL)
        return false;
    for (size_t e = 0; json_next(&it); e++) {
        struct proposition_source src = {.activity = a,
                                         .experience = &a->experiences[e],
                                         .scope = p.scope,
                                         .view = p.view,
                                         .token_key = c->src->token_key,
                                         .options = options,
                                         .clicks = l->clicks,
                                         .click_count = l->click_count,
                                         .known_tokens = c->set->response_static};
        for (size_t i = 0; i < l->spot_count; i++) {
            struct placed_option *o = &options[src.option_count];
            if (l->spots[i].view != p.view || !str_eq(l->spots[i].scope, p.scope))
                continue;
            p.form_based &= l->spots[i].selector.n == 0;
            if (!place_option(c, l, it.value, &l->spots[i], o))
                continue;
            p.form_based &= !placed_is_visual(o);
            src.option_count++;
        }
        if (!render(c, &src, &ps[e], &texts[e]))
            return false;
    }
    return add_placement(c, location_of(c, p.view ? PAGE_SCOPE : p.scope), &p) && (!p.view || place_view(c, &p));
}

enum err
compile_place(struct compile *c, uint32_t index)
{
    struct layout l = {.object = c->objects[index], .activity = index};

    if (!read_spots(c, &l) || !read_clicks(c, &l))
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
