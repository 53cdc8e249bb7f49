/* odd_place.c - the scopes of an activity: plain mboxes, the page, views [TARGET 5.2, 5.3].
 *
 * The same reading of `locations` as decide_place.c, kept as JSON: an artifact wants ids and audiences where the
 * compiled set has texts and bits. */
#include "decide/odd_int.h"

static struct json_iter
list_of(const struct json *v)
{
    return json_iter(json_is(v, JSON_ARRAY) ? v : NULL);
}

static const struct json *
experience_of(const struct odd_activity *a, uint32_t experience)
{
    return json_at(json_get(a->object, S("experiences")), experience);
}

/* View names compare in lower case on every client [TARGET 1.10]. */
static struct str
view_name(struct odd *o, const struct json *view)
{
    struct str name = json_str(json_get(view, S("name")));
    char *low;

    if (name.n == 0)
        name = id_text(json_get(view, S("viewId")), o->arena);
    name = arena_str(o->arena, name);
    if (name.p == NULL) {
        o->nomem = true;
        return S_NULL;
    }
    low = (char *)(uintptr_t)name.p;
    for (size_t i = 0; i < name.n; i++)
        low[i] = (char)(low[i] >= 'A' && low[i] <= 'Z' ? low[i] + 32 : low[i]);
    return name;
}

static struct odd_use *
use_of(struct odd_activity *a, enum odd_kind kind, struct str name)
{
    struct odd_use *u;

    for (size_t i = 0; i < a->use_count; i++) {
        if (a->uses[i].kind == kind && str_eq(a->uses[i].name, name))
            return &a->uses[i];
    }
    u = &a->uses[a->use_count++];
    *u = (struct odd_use){.activity = a, .kind = kind, .name = name, .form_based = true};
    return u;
}

static void
add_spot(struct odd *o, struct odd_activity *a, const struct json *location, enum odd_kind kind, struct str name,
         struct str selector)
{
    const struct json *view_id = json_get(location, S("viewLocalId"));
    const struct json *view = find_local(json_get(a->object, S("views")), "viewLocalId", view_id);
    struct odd_use *u;

    if (view_id != NULL) {
        if (view == NULL)
            return; /* a view that is not there shows nothing */
        kind = ODD_VIEW;
        name = view_name(o, view);
    }
    if (name.n == 0)
        return;
    u = use_of(a, kind, name);
    if (u->spots == NULL)
        u->spots = ARENA_ARRAY(o->arena, struct odd_spot,
                               json_count(json_path(a->object, S("locations.mboxes"))) +
                                   json_count(json_path(a->object, S("locations.selectors"))));
    if (u->spots == NULL) {
        o->nomem = true;
        return;
    }
    u->form_based &= selector.n == 0;
    u->spots[u->spot_count++] =
        (struct odd_spot){json_get(location, S("locationLocalId")),
                          selector,
                          {json_get(location, S("audienceIds")), view ? json_get(view, S("audienceIds")) : NULL}};
}

static void
find_form(struct odd *o, struct odd_use *u)
{
    struct placed_option p;

    for (uint32_t e = 0; e < u->activity->a->experience_count; e++) {
        for (size_t i = 0; i < u->spot_count; i++) {
            if (odd_placed_option(o, u, e, &u->spots[i], &p))
                u->form_based &= !placed_is_visual(&p);
        }
    }
}

void
odd_place(struct odd *o, struct odd_activity *a)
{
    const struct json *mboxes = json_path(a->object, S("locations.mboxes"));
    const struct json *selectors = json_path(a->object, S("locations.selectors"));
    struct json_iter it = list_of(mboxes);

    a->uses = ARENA_ARRAY(o->arena, struct odd_use, json_count(mboxes) + json_count(selectors) + 1);
    if (a->uses == NULL) {
        o->nomem = true;
        return;
    }
    while (json_next(&it)) {
        struct str name = json_str(json_get(it.value, S("name")));
        bool page = str_eq(name, GLOBAL_MBOX) || str_eq(name, PAGE_SCOPE);
        add_spot(o, a, it.value, page ? ODD_PAGE : ODD_MBOX, page ? GLOBAL_MBOX : name, S_NULL);
    }
    it = list_of(selectors);
    while (json_next(&it)) {
        struct str selector = json_str(json_get(it.value, S("selector")));
        if (selector.n > 0)
            add_spot(o, a, it.value, ODD_PAGE, GLOBAL_MBOX, selector);
    }
    for (size_t i = 0; i < a->use_count; i++)
        find_form(o, &a->uses[i]);
}

bool
odd_placed_option(struct odd *o, const struct odd_use *use, uint32_t experience, const struct odd_spot *spot,
                  struct placed_option *out)
{
    const struct json *object = use->activity->object;
    const struct json *at = find_local(json_get(experience_of(use->activity, experience), S("optionLocations")),
                                       "locationLocalId", spot->id);
    const struct json *option =
        find_local(json_get(object, S("options")), "optionLocalId", json_get(at, S("optionLocalId")));
    const struct json *offer_id = json_get(option, S("offerId"));

    if (option == NULL)
        return false;
    *out = (struct placed_option){.selector = spot->selector};
    out->id = arena_printf(o->arena, "%lld", (long long)json_i64(json_get(option, S("optionLocalId")), 0) + 2);
    out->name = json_str(json_get(option, S("name")));
    out->templates = json_get(option, S("offerTemplates"));
    if (out->templates != NULL || offer_id == NULL || json_i64(offer_id, -1) == 0)
        return true;
    out->offer_id = id_text(offer_id, o->arena);
    out->offer = map_get(&o->offers, out->offer_id);
    out->offer_name = json_str(json_get(out->offer, S("name")));
    return out->offer != NULL;
}
