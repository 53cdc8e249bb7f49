/* decide_compile.c - activities, offers, audiences and properties of a sandbox -> one immutable set.
 *
 *   1. index offers, audiences and property tokens by id
 *   2. read each activity that is not deleted: schedule, entry, experiences (step A; decide_split.c how they are
 * chosen)
 *   3. sort: priority descending, targeted first, approvedAt, id [TARGET 2.3]; everything later keeps this order
 *   4. read metrics and what else belongs to an activity (decide_metric.c)
 *   5. for each activity and each scope it appears in, render one proposition per experience (step B: decide_place.c)
 *
 * Objects were checked when they were stored, yet a part that does not read costs only itself: an activity without
 * experiences is left out, a missing offer leaves an empty place, an unknown audience never matches. Scopes are the
 * names of plain locations, "__view__" for everything page-wide (the global mbox and selectors), and the names of
 * views, which are delivered with "__view__". */
#include "base/log.h"
#include "decide/compile_int.h"

struct str
compile_intern(struct compile *c, struct str s)
{
    return s.n == 0 ? S_NULL : arena_str(&c->set->arena, s);
}

enum err
compile_no_memory(struct compile *c)
{
    return diag_set(c->d, ERR_LIMIT, "compiled activities need more than %zu bytes", c->set->arena.bytes_max);
}

struct json_iter
compile_list(const struct json *v)
{
    return json_iter(json_is(v, JSON_ARRAY) ? v : NULL);
}

void *
compile_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t bytes)
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
            return compile_no_memory(c);
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
            return compile_no_memory(c);
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

bool
compile_add_path(struct compile *c, struct str path)
{
    if (map_get(&c->paths, path) != NULL)
        return true;
    if (c->set->path_count == c->path_cap) {
        struct str *paths =
            compile_grow(&c->set->arena, c->set->paths, c->set->path_count, &c->path_cap, sizeof(*paths));
        if (paths == NULL)
            return false;
        c->set->paths = paths;
    }
    path = compile_intern(c, path);
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
        const struct field **fields =
            compile_grow(&s->arena, s->fields, s->field_count, &c->field_cap, sizeof(*fields));
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
        if (!field_of(c, f, &fields[i]) || (f->source == FIELD_AEP && !compile_add_path(c, f->name)))
            return false;
        au->per_activity |= field_per_activity(f);
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
        au = compile_grow(a, c->set->audiences, c->set->audience_count, &c->audience_cap, sizeof(*au));
        if (au == NULL)
            return false;
        c->set->audiences = au;
    }
    *index = (uint32_t)c->set->audience_count;
    au = &c->set->audiences[c->set->audience_count++];
    *au = (struct audience){.id = compile_intern(c, text), .hub = hub};
    if (au->id.p == NULL && text.n > 0)
        return false;
    return put_index(&c->audience_index, key, *index) && (hub || compile_audience(c, au));
}

bool
compile_audiences(struct compile *c, const struct json *ids, struct audience_list *out)
{
    struct json_iter it = compile_list(ids);
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

bool
compile_audience_id(struct compile *c, const struct json *id, struct audience_list *out)
{
    uint32_t *item = ARENA_NEW(&c->set->arena, uint32_t);

    if (item == NULL || !audience_of(c, id, item))
        return false;
    *out = (struct audience_list){item, 1};
    return true;
}

/* ---- 2. step A: one activity ---- */

static bool
read_experiences(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *list = json_get(o, S("experiences"));
    struct json_iter it = compile_list(list);
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;

    a->experiences = ARENA_ARRAY(&c->set->arena, struct experience, n);
    a->percent = ARENA_ARRAY(&c->set->arena, unsigned, n);
    if (n > 0 && (a->experiences == NULL || a->percent == NULL))
        return false;
    for (size_t i = 0; json_next(&it); i++) {
        struct experience *e = &a->experiences[i];
        int64_t percent = json_i64(json_get(it.value, S("visitorPercentage")), 0);
        e->id = compile_intern(c, id_text(json_get(it.value, S("experienceLocalId")), &c->set->arena));
        e->name = compile_intern(c, json_str(json_get(it.value, S("name"))));
        a->percent[i] = percent < 0 || percent > 100 ? 0 : (unsigned)percent;
        if (!compile_audiences(c, json_get(it.value, S("audienceIds")), &e->audiences))
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
    if (!compile_audiences(c, json_get(entry, S("audienceIds")), &a->entry))
        return false;
    while (json_next(&it)) {
        if (!compile_audiences(c, json_get(it.value, S("audienceIds")), &a->entry))
            return false;
    }
    a->targeted |= a->entry.n > 0;
    return true;
}

static bool
read_properties(struct compile *c, const struct json *o, struct activity *a)
{
    const struct json *ids = json_get(o, S("propertyIds"));
    struct json_iter it = compile_list(ids);
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

/* A state that may be served somewhere; what is deleted is not. */
static bool
is_kept(const struct json *o)
{
    return !str_eq(json_str(json_get(o, S("state"))), S("deleted"));
}

static void
read_head(struct compile *c, const struct json *o, struct activity *a)
{
    int64_t number = INT64_MAX;

    (void)str_to_i64(a->id, &number); /* an id that is a text comes last among equals */
    a->number = number;
    a->name = compile_intern(c, json_str(json_get(o, S("name"))));
    a->approved = str_eq(json_str(json_get(o, S("state"))), S("approved"));
    a->analytics = str_eq(json_str(json_get(o, S("reportingSource"))), S("analytics"));
    c->set->analytics |= a->analytics;
    a->priority = json_i64(json_get(o, S("priority")), 5);
    if (!time_value(json_get(o, S("approvedAt")), &a->approved_ms))
        (void)time_value(json_get(o, S("modifiedAt")), &a->approved_ms);
    (void)time_value(json_get(o, S("startsAt")), &a->starts_ms);
    (void)time_value(json_get(o, S("endsAt")), &a->ends_ms);
    hash_stream_put(&a->prefix, c->src->client);
    hash_stream_put(&a->prefix, S("."));
    hash_stream_put(&a->prefix, a->id);
    hash_stream_put(&a->prefix, S("."));
}

static enum err
read_activity(struct compile *c, const struct json **object, struct activity *a)
{
    const struct json *o = *object;

    *a = (struct activity){.starts_ms = INT64_MIN, .ends_ms = INT64_MAX};
    a->id = compile_intern(c, id_text(json_get(o, S("id")), &c->set->arena));
    if (a->id.n == 0 || !compile_type(o, &a->type))
        return ERR_INVALID;
    read_head(c, o, a);
    if (compile_combines(a->type)) {
        o = *object = compile_expand(o, &c->expanded);
        if (o == NULL)
            return ERR_INVALID;
    }
    if (!read_experiences(c, o, a) || !read_entry(c, o, a) || !read_properties(c, o, a))
        return compile_no_memory(c);
    return a->experience_count == 0 ? ERR_INVALID : compile_split(c, o, a);
}

static enum err
read_activities(struct compile *c)
{
    struct decide_set *s = c->set;

    s->activities = ARENA_ARRAY(&s->arena, struct activity, c->src->activity_count);
    c->objects = ARENA_ARRAY(&s->arena, const struct json *, c->src->activity_count);
    if (c->src->activity_count > 0 && (s->activities == NULL || c->objects == NULL))
        return compile_no_memory(c);
    for (size_t i = 0; i < c->src->activity_count; i++) {
        const struct json *o = c->src->activities[i];
        struct activity *a = &s->activities[s->activity_count];
        enum err rc;
        if (!is_kept(o))
            continue;
        rc = read_activity(c, &o, a);
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
            return compile_no_memory(c);
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
        rc = index_objects(c, &c->allocations, c->src->allocations, c->src->allocation_count);
    if (rc == ERR_OK)
        rc = index_objects(c, &c->models, c->src->models, c->src->model_count);
    if (rc == ERR_OK)
        rc = index_properties(c);
    if (rc == ERR_OK)
        rc = read_activities(c);
    if (rc == ERR_OK)
        rc = sort_activities(c);
    for (size_t i = 0; rc == ERR_OK && i < c->set->activity_count; i++)
        rc = compile_metrics(c, (uint32_t)i);
    if (rc == ERR_OK)
        rc = compile_groups(c);
    if (rc == ERR_OK)
        rc = compile_response_tokens(c);
    for (size_t i = 0; rc == ERR_OK && i < c->set->activity_count; i++)
        rc = compile_place(c, (uint32_t)i);
    /* A part that does not read costs itself only. One that found no room costs the set: half of a configuration must
     * not pass for the whole. */
    return rc == ERR_OK && c->set->arena.refused ? compile_no_memory(c) : rc;
}

enum err
decide_compile_within(const struct decide_source *src, size_t bytes_max, struct decide_set **out, struct diag *d)
{
    struct compile c = {.src = src, .d = d};
    struct map *maps[] = {&c.offers, &c.audience_objects, &c.audience_index, &c.property_index,
                          &c.paths,  &c.field_index,      &c.allocations,    &c.models};
    enum err rc;

    if (src->activity_count > LIMIT_ACTIVITIES)
        return diag_set(d, ERR_LIMIT, "%zu activities, at most %d are allowed", src->activity_count, LIMIT_ACTIVITIES);
    c.set = calloc(1, sizeof(*c.set));
    if (c.set == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for activities");
    arena_init(&c.set->arena, bytes_max);
    c.set->token_key = src->token_key;
    c.set->explain = json_bool(json_get(src->settings, S("explain")), false);
    c.set->zone_minutes = src->zone_minutes;
    map_init(&c.set->activity_index);
    map_init(&c.set->locations);
    map_init(&c.set->properties);
    map_init(&c.set->views);
    map_init(&c.set->goals[0]);
    map_init(&c.set->goals[1]);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        map_init(maps[i]);
    buf_init(&c.scratch, LIMIT_PROPOSITION_BYTES);
    arena_init(&c.expanded, bytes_max);
    rc = compile_all(&c);
    buf_deinit(&c.scratch);
    arena_deinit(&c.expanded);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        map_deinit(maps[i]);
    if (rc != ERR_OK) {
        decide_free(c.set);
        return rc;
    }
    *out = c.set;
    return ERR_OK;
}

enum err
decide_compile(const struct decide_source *src, struct decide_set **out, struct diag *d)
{
    return decide_compile_within(src, (size_t)LIMIT_DECIDE_SET_BYTES, out, d);
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
    map_deinit(&s->views);
    map_deinit(&s->goals[0]);
    map_deinit(&s->goals[1]);
    arena_deinit(&s->arena);
    free(s);
}

bool
decide_explains(const struct decide_set *s)
{
    return s->explain;
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
