/* decide_compile.c - activities, offers, audiences and properties of a sandbox -> one immutable set.
 *
 *   1. index offers, audiences and property tokens by id
 *   2. read each approved activity: schedule, entry, experiences (step A)
 *   3. sort: priority descending, targeted first, approvedAt, id [TARGET 2.3]; everything later keeps this order
 *   4. for each activity and each scope it appears in, render one proposition per experience (step B)
 *
 * Objects were checked when they were stored, yet a part that does not read costs only itself: an activity without
 * experiences is left out, a missing offer leaves an empty place, an unknown audience never matches. Scopes are the
 * names of plain locations, "__view__" for everything page-wide (the global mbox and selectors), and the names of
 * views, which are delivered with "__view__". */
#include "base/log.h"
#include "decide/decide_int.h"

struct compile {
    const struct decide_source *src;
    struct decide_set *set;
    struct map offers, audience_objects; /* id -> struct json */
    struct map audience_index;           /* "n" number or "h" hub id -> index + 1 */
    struct map property_index;           /* property id -> index + 1 */
    struct map paths;
    struct map field_index; /* source letter and name -> index + 1 */
    size_t audience_cap, path_cap, field_cap;
    const struct json **objects; /* of set->activities, reordered with them */
    struct buf scratch;
    struct diag *d;
};

static struct str
intern(struct compile *c, struct str s)
{
    return s.n == 0 ? S_NULL : arena_str(&c->set->arena, s);
}

static enum err
no_memory(struct compile *c)
{
    return diag_set(c->d, ERR_LIMIT, "compiled activities need more than %lld bytes",
                    (long long)LIMIT_DECIDE_SET_BYTES);
}

/* Members of a list; nothing when v is something else. */
static struct json_iter
iter_list(const struct json *v)
{
    return json_iter(json_is(v, JSON_ARRAY) ? v : NULL);
}

/* A growing arena array: the old block stays behind, which costs at most as much again. */
static void *
grow(struct arena *a, void *items, size_t n, size_t *cap, size_t bytes)
{
    size_t more = *cap ? *cap * 2 : 8;
    void *p = arena_calloc(a, more, bytes);

    if (p == NULL)
        return NULL;
    if (n > 0)
        memcpy(p, items, n * bytes);
    *cap = more;
    return p;
}

static bool
put_index(struct map *m, struct str key, size_t i)
{
    return map_put(m, key, (void *)(uintptr_t)(i + 1), NULL);
}

/* ---- 1. indexes ---- */

static enum err
index_objects(struct compile *c, struct map *m, const struct json *const *objects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str id = id_text(json_get(objects[i], S("id")), &c->set->arena);
        if (id.n > 0 && !map_put(m, id, (void *)(uintptr_t)objects[i], NULL))
            return no_memory(c);
    }
    return ERR_OK;
}

static enum err
index_properties(struct compile *c)
{
    for (size_t i = 0; i < c->src->property_count; i++) {
        const struct json *o = c->src->properties[i];
        struct str id = id_text(json_get(o, S("id")), &c->set->arena), token = json_str(json_get(o, S("token")));
        if (id.n == 0 || token.n == 0)
            continue;
        if (!put_index(&c->property_index, id, i) || !put_index(&c->set->properties, token, i))
            return no_memory(c);
    }
    return ERR_OK;
}

/* ---- audiences ---- */

static const struct json *
lookup_audience(void *ctx, struct str id)
{
    struct compile *c = ctx;

    return map_get(&c->audience_objects, id);
}

static bool
add_path(struct compile *c, struct str path)
{
    if (map_get(&c->paths, path) != NULL)
        return true;
    if (c->set->path_count == c->path_cap) {
        struct str *paths = grow(&c->set->arena, c->set->paths, c->set->path_count, &c->path_cap, sizeof(*paths));
        if (paths == NULL)
            return false;
        c->set->paths = paths;
    }
    path = intern(c, path);
    c->set->paths[c->set->path_count++] = path;
    return path.p != NULL && put_index(&c->paths, path, 0);
}

/* Index of the field in the set. */
static bool
field_of(struct compile *c, const struct field *f, uint32_t *index)
{
    struct decide_set *s = c->set;
    struct str key = arena_printf(&s->arena, "%c%.*s", (char)('a' + (int)f->source), STR_ARG(f->name));
    size_t found = (size_t)(uintptr_t)map_get(&c->field_index, key);

    if (found > 0) {
        *index = (uint32_t)(found - 1);
        return true;
    }
    if (s->field_count == c->field_cap) {
        const struct field **fields = grow(&s->arena, s->fields, s->field_count, &c->field_cap, sizeof(*fields));
        if (fields == NULL)
            return false;
        s->fields = fields;
    }
    *index = (uint32_t)s->field_count;
    s->fields[s->field_count++] = f;
    return key.p != NULL && put_index(&c->field_index, key, *index);
}

static bool
index_fields(struct compile *c, struct audience *au)
{
    uint32_t *fields = ARENA_ARRAY(&c->set->arena, uint32_t, au->rule.field_count ? au->rule.field_count : 1);

    if (fields == NULL)
        return false;
    au->fields = fields;
    for (size_t i = 0; i < au->rule.field_count; i++) {
        const struct field *f = &au->rule.fields[i];
        if (!field_of(c, f, &fields[i]) || (f->source == FIELD_AEP && !add_path(c, f->name)))
            return false;
    }
    return true;
}

/* The rule of a Target audience; a broken one is said once and never matches. */
static bool
compile_audience(struct compile *c, struct audience *au)
{
    const struct json *object = map_get(&c->audience_objects, au->id);
    struct diag d = DIAG_INIT;

    au->broken = true;
    if (object == NULL) {
        log_warn("decide_audience_missing", "id=%.*s", STR_ARG(au->id));
        return true;
    }
    if (target_rule_compile(object, lookup_audience, c, &au->rule, &d) != ERR_OK) {
        log_warn("decide_audience_skipped", "id=%.*s why=\"%s\"", STR_ARG(au->id), d.what);
        return true;
    }
    au->broken = false;
    return index_fields(c, au);
}

/* Index of the audience an id stands for: a number is Target's own, a text the hub's. false: no memory. */
static bool
audience_of(struct compile *c, const struct json *id, uint32_t *index)
{
    struct arena *a = &c->set->arena;
    bool hub = json_is(id, JSON_STRING);
    struct str text = id_text(id, a), key = arena_printf(a, "%c%.*s", hub ? 'h' : 'n', STR_ARG(text));
    size_t found = (size_t)(uintptr_t)map_get(&c->audience_index, key);
    struct audience *au;

    if (found > 0) {
        *index = (uint32_t)(found - 1);
        return true;
    }
    if (c->set->audience_count == c->audience_cap) {
        au = grow(a, c->set->audiences, c->set->audience_count, &c->audience_cap, sizeof(*au));
        if (au == NULL)
            return false;
        c->set->audiences = au;
    }
    *index = (uint32_t)c->set->audience_count;
    au = &c->set->audiences[c->set->audience_count++];
    *au = (struct audience){.id = intern(c, text), .hub = hub};
    if (au->id.p == NULL && text.n > 0)
        return false;
    return put_index(&c->audience_index, key, *index) && (hub || compile_audience(c, au));
}

/* Appends the ids of a list to out. */
static bool
add_audiences(struct compile *c, const struct json *ids, struct audience_list *out)
{
    struct json_iter it = iter_list(ids);
    size_t n = json_is(ids, JSON_ARRAY) ? json_count(ids) : 0;
    uint32_t *items;

    if (n == 0)
        return true;
    items = ARENA_ARRAY(&c->set->arena, uint32_t, out->n + n);
    if (items == NULL)
        return false;
    if (out->n > 0)
        memcpy(items, out->items, out->n * sizeof(*items));
    for (size_t i = 0; json_next(&it); i++) {
        if (!audience_of(c, it.value, &items[out->n + i]))
            return false;
    }
    out->items = items;
    out->n += n;
    return true;
}

/* ---- 2. step A: one activity ---- */

static bool
read_experiences(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *list = json_get(o, S("experiences"));
    struct json_iter it = iter_list(list);
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;

    a->experiences = ARENA_ARRAY(&c->set->arena, struct experience, n);
    a->percent = ARENA_ARRAY(&c->set->arena, unsigned, n);
    if (n > 0 && (a->experiences == NULL || a->percent == NULL))
        return false;
    for (size_t i = 0; json_next(&it); i++) {
        struct experience *e = &a->experiences[i];
        int64_t percent = json_i64(json_get(it.value, S("visitorPercentage")), 0);
        e->id = intern(c, id_text(json_get(it.value, S("experienceLocalId")), &c->set->arena));
        e->name = intern(c, json_str(json_get(it.value, S("name"))));
        a->percent[i] = percent < 0 || percent > 100 ? 0 : (unsigned)percent;
        if (!add_audiences(c, json_get(it.value, S("audienceIds")), &e->audiences))
            return false;
        a->targeted |= e->audiences.n > 0;
    }
    a->experience_count = n;
    return true;
}

/* The audiences of all entry mboxes together: all must match [TARGET 2.4]. */
static bool
read_entry(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *entry = json_get(o, S("entryConstraint"));
    struct json_iter it = json_iter(json_get(entry, S("mboxes")));
    int64_t traffic = json_i64(json_get(entry, S("visitorPercentage")), 100);

    a->traffic_percent = traffic < 0 ? 0 : traffic > 100 ? 100 : (unsigned)traffic;
    if (!add_audiences(c, json_get(entry, S("audienceIds")), &a->entry))
        return false;
    while (json_next(&it)) {
        if (!add_audiences(c, json_get(it.value, S("audienceIds")), &a->entry))
            return false;
    }
    a->targeted |= a->entry.n > 0;
    return true;
}

static bool
read_properties(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *ids = json_get(o, S("propertyIds"));
    struct json_iter it = iter_list(ids);
    size_t n = json_is(ids, JSON_ARRAY) ? json_count(ids) : 0;
    uint32_t *items = ARENA_ARRAY(&c->set->arena, uint32_t, n ? n : 1);

    if (items == NULL)
        return false;
    while (json_next(&it)) {
        size_t found = (size_t)(uintptr_t)map_get(&c->property_index, id_text(it.value, &c->set->arena));
        /* A property that is gone still restricts: to nobody. */
        items[a->property_count++] = found > 0 ? (uint32_t)(found - 1) : UINT32_MAX;
    }
    a->properties = items;
    return true;
}

static enum err
read_activity(struct compile *c, const struct json *o, struct activity *a)
{
    struct str type = json_str(json_get(o, S("type")));
    int64_t number = INT64_MAX;

    *a = (struct activity){.starts_ms = INT64_MIN, .ends_ms = INT64_MAX};
    a->id = intern(c, id_text(json_get(o, S("id")), &c->set->arena));
    if (a->id.n == 0 || (!str_eq(type, S("ab")) && !str_eq(type, S("xt"))))
        return ERR_INVALID;
    (void)str_to_i64(a->id, &number); /* an id that is a text comes last among equals */
    a->number = number;
    a->name = intern(c, json_str(json_get(o, S("name"))));
    a->xt = str_eq(type, S("xt"));
    a->priority = json_i64(json_get(o, S("priority")), 5);
    if (!time_value(json_get(o, S("approvedAt")), &a->approved_ms))
        (void)time_value(json_get(o, S("modifiedAt")), &a->approved_ms);
    (void)time_value(json_get(o, S("startsAt")), &a->starts_ms);
    (void)time_value(json_get(o, S("endsAt")), &a->ends_ms);
    hash_stream_put(&a->prefix, c->src->client);
    hash_stream_put(&a->prefix, S("."));
    hash_stream_put(&a->prefix, a->id);
    hash_stream_put(&a->prefix, S("."));
    if (!read_experiences(c, o, a) || !read_entry(c, o, a) || !read_properties(c, o, a))
        return no_memory(c);
    return a->experience_count == 0 ? ERR_INVALID : ERR_OK;
}

static enum err
read_activities(struct compile *c)
{
    struct decide_set *s = c->set;

    s->activities = ARENA_ARRAY(&s->arena, struct activity, c->src->activity_count);
    c->objects = ARENA_ARRAY(&s->arena, const struct json *, c->src->activity_count);
    if (c->src->activity_count > 0 && (s->activities == NULL || c->objects == NULL))
        return no_memory(c);
    for (size_t i = 0; i < c->src->activity_count; i++) {
        const struct json *o = c->src->activities[i];
        struct activity *a = &s->activities[s->activity_count];
        enum err rc;
        if (!str_eq(json_str(json_get(o, S("state"))), S("approved")))
            continue;
        rc = read_activity(c, o, a);
        if (rc == ERR_INVALID) {
            log_warn("decide_activity_skipped", "id=%.*s", STR_ARG(a->id));
            continue;
        }
        if (rc != ERR_OK)
            return rc;
        c->objects[s->activity_count++] = o;
    }
    return ERR_OK;
}

/* ---- 3. order ---- */

struct ordered {
    struct activity activity;
    const struct json *object;
};

static int
compare_activities(const void *pa, const void *pb)
{
    const struct activity *a = &((const struct ordered *)pa)->activity, *b = &((const struct ordered *)pb)->activity;

    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->targeted != b->targeted)
        return a->targeted ? -1 : 1;
    if (a->approved_ms != b->approved_ms)
        return a->approved_ms < b->approved_ms ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return str_cmp(a->id, b->id);
}

static enum err
sort_activities(struct compile *c)
{
    struct decide_set *s = c->set;
    struct ordered *list;

    if (s->activity_count == 0)
        return ERR_OK;
    list = malloc(s->activity_count * sizeof(*list));
    if (list == NULL)
        return diag_set(c->d, ERR_NOMEM, "no memory for %zu activities", s->activity_count);
    for (size_t i = 0; i < s->activity_count; i++)
        list[i] = (struct ordered){s->activities[i], c->objects[i]};
    qsort(list, s->activity_count, sizeof(*list), compare_activities);
    for (size_t i = 0; i < s->activity_count; i++) {
        s->activities[i] = list[i].activity;
        c->objects[i] = list[i].object;
    }
    free(list);
    for (size_t i = 0; i < s->activity_count; i++) {
        if (!map_put(&s->activity_index, s->activities[i].id, &s->activities[i], NULL))
            return no_memory(c);
    }
    return ERR_OK;
}

/* ---- 4. step B: placements ---- */

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
    struct json_iter it = iter_list(list);

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
    if (spot.audiences == NULL || !add_audiences(c, json_get(location, S("audienceIds")), spot.audiences))
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
        if (name.p == NULL || !add_audiences(c, json_get(view, S("audienceIds")), spot.audiences))
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
                void *p = grow(&c->set->arena, l->clicks, l->click_count, &cap, sizeof(*l->clicks));
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
        if (p->holes[i].field.source == FIELD_AEP && !add_path(c, p->holes[i].field.name))
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
    struct json_iter it = iter_list(json_get(l->object, S("experiences")));
    struct placed_option *options = ARENA_ARRAY(&c->set->arena, struct placed_option, l->spot_count);
    struct proposition *ps = ARENA_ARRAY(&c->set->arena, struct proposition, a->experience_count);
    struct placement p = {.activity = l->activity,
                          .scope = intern(c, first->scope),
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
        at->placements = grow(&c->set->arena, at->placements, at->n, &at->cap, sizeof(p));
        if (at->placements == NULL)
            return false;
    }
    at->placements[at->n++] = p;
    return true;
}

static enum err
place_activity(struct compile *c, uint32_t index)
{
    struct layout l = {.object = c->objects[index], .activity = index};

    if (!read_spots(c, &l) || !read_clicks(c, &l))
        return no_memory(c);
    for (size_t i = 0; i < l.spot_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = l.spots[j].view == l.spots[i].view && str_eq(l.spots[j].scope, l.spots[i].scope);
        if (!seen && !place_scope(c, &l, &l.spots[i]))
            return no_memory(c);
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err
compile_all(struct compile *c)
{
    enum err rc = index_objects(c, &c->offers, c->src->offers, c->src->offer_count);

    if (rc == ERR_OK)
        rc = index_objects(c, &c->audience_objects, c->src->audiences, c->src->audience_count);
    if (rc == ERR_OK)
        rc = index_properties(c);
    if (rc == ERR_OK)
        rc = read_activities(c);
    if (rc == ERR_OK)
        rc = sort_activities(c);
    for (size_t i = 0; rc == ERR_OK && i < c->set->activity_count; i++)
        rc = place_activity(c, (uint32_t)i);
    return rc;
}

enum err
decide_compile(const struct decide_source *src, struct decide_set **out, struct diag *d)
{
    struct compile c = {.src = src, .d = d};
    struct map *maps[] = {&c.offers, &c.audience_objects, &c.audience_index, &c.property_index,
                          &c.paths,  &c.field_index};
    enum err rc;

    if (src->activity_count > LIMIT_ACTIVITIES)
        return diag_set(d, ERR_LIMIT, "%zu activities, at most %d are allowed", src->activity_count, LIMIT_ACTIVITIES);
    c.set = calloc(1, sizeof(*c.set));
    if (c.set == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for activities");
    arena_init(&c.set->arena, (size_t)LIMIT_DECIDE_SET_BYTES);
    c.set->token_key = src->token_key;
    map_init(&c.set->activity_index);
    map_init(&c.set->locations);
    map_init(&c.set->properties);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        map_init(maps[i]);
    buf_init(&c.scratch, LIMIT_PROPOSITION_BYTES);
    rc = compile_all(&c);
    buf_deinit(&c.scratch);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        map_deinit(maps[i]);
    if (rc != ERR_OK) {
        decide_free(c.set);
        return rc;
    }
    *out = c.set;
    return ERR_OK;
}

void
decide_free(struct decide_set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->audience_count; i++)
        rule_free(s->audiences[i].rule.rule);
    map_deinit(&s->activity_index);
    map_deinit(&s->locations);
    map_deinit(&s->properties);
    arena_deinit(&s->arena);
    free(s);
}

size_t
decide_activity_count(const struct decide_set *s)
{
    return s->activity_count;
}

void
decide_hub_audiences(const struct decide_set *s, void (*each)(void *ctx, struct str id), void *ctx)
{
    struct map seen;

    map_init(&seen);
    for (size_t i = 0; i < s->audience_count; i++) {
        const struct audience *au = &s->audiences[i];
        const struct str *ids = au->hub ? &au->id : au->rule.hub_audiences;
        size_t n = au->hub ? 1 : au->rule.hub_audience_count;
        for (size_t j = 0; j < n; j++) {
            if (map_get(&seen, ids[j]) == NULL)
                each(ctx, ids[j]);
            (void)put_index(&seen, ids[j], 0); /* without memory an id is told twice, which harms nobody */
        }
    }
    map_deinit(&seen);
}

void
decide_attribute_paths(const struct decide_set *s, void (*each)(void *ctx, struct str path), void *ctx)
{
    for (size_t i = 0; i < s->path_count; i++)
        each(ctx, s->paths[i]);
}
