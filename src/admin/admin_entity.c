/* admin_entity.c - see admin_entity.h. */
#include "admin/admin_entity.h"

#include "base/check.h"
#include "base/limits.h"
#include "profile/profile_store.h"

#define ENTITY_BYTES (64u * 1024 * 1024) /* [PLATFORM 11.3] a profile has at most 50 MB */
#define PATH_BYTES 512                   /* dotted paths longer than this are asked for by nobody */

/* ---- fields ---- */

struct projection {
    struct jw *w;
    const struct str *fields;
    size_t field_count;
    char path[PATH_BYTES];
};

static bool
below(struct str path, struct str field)
{
    return path.n > field.n && path.p[field.n] == '.' && str_starts(path, field);
}

static void project(struct projection *p, const struct json *v, size_t path_n);

static void
project_members(struct projection *p, const struct json *v, size_t path_n)
{
    struct json_iter it = json_iter(v);

    jw_object(p->w);
    while (json_next(&it)) {
        size_t n = path_n + (path_n > 0) + it.key.n;
        struct str path = {p->path, n};
        bool whole = false, part = false;
        if (n >= PATH_BYTES || path_n >= PATH_BYTES)
            continue;
        if (path_n > 0)
            p->path[path_n] = '.';
        memcpy(p->path + n - it.key.n, it.key.p, it.key.n);
        for (size_t i = 0; i < p->field_count; i++) {
            whole |= str_eq(path, p->fields[i]);
            part |= below(p->fields[i], path);
        }
        if (!whole && (!part || (!json_is(it.value, JSON_OBJECT) && !json_is(it.value, JSON_ARRAY))))
            continue;
        jw_key(p->w, it.key);
        if (whole)
            jw_json(p->w, it.value);
        else
            project(p, it.value, n);
    }
    jw_end(p->w);
}

/* Elements of an array share its path. */
static void
project(struct projection *p, const struct json *v, size_t path_n)
{
    struct json_iter it = json_iter(v);

    if (json_is(v, JSON_OBJECT)) {
        project_members(p, v, path_n);
        return;
    }
    jw_array(p->w);
    while (json_is(v, JSON_ARRAY) && json_next(&it)) {
        if (json_is(it.value, JSON_OBJECT))
            project_members(p, it.value, path_n);
    }
    jw_end(p->w);
}

void
entity_project(struct jw *w, const struct json *v, const struct str *fields, size_t field_count)
{
    struct projection p = {.w = w, .fields = fields, .field_count = field_count};

    if (field_count == 0)
        jw_json(w, v);
    else
        project(&p, v, 0);
}

/* ---- a person ---- */

struct reading {
    const struct call *call;
    struct arena *out; /* of the answer */
    struct entity *entity;
    const struct event_query *events;
    struct str xid;
    struct event_page *page;
    enum err rc;
    struct diag *d;
};

static struct str
keep(struct reading *r, struct buf *b)
{
    struct str s = buf_ok(b) ? arena_str(r->out, buf_str(b)) : S_NULL;

    if (s.p == NULL && r->rc == ERR_OK)
        r->rc = diag_set(r->d, ERR_LIMIT, "the profile does not fit an answer");
    buf_clear(b);
    return s;
}

static bool
owns_fragment(const struct profile *p, const struct graph_member *m)
{
    for (size_t i = 0; i < p->fragment_count; i++) {
        if (str_eq(p->fragments[i].ns, m->ns) && str_eq(p->fragments[i].id, m->id))
            return true;
    }
    return false;
}

/* identityMap groups by namespace, in order of first appearance; identities is the flat list with codes in lower case
 * [PLATFORM 5.4]. The first one that owns a record is shown as primary. */
static void
write_identities(struct jw *w, const struct profile *p, const struct graph_view *g, struct arena *a)
{
    struct identity_set set = {ARENA_ARRAY(a, struct identity, g->member_count + 1), 0};
    bool primary = false;

    for (size_t i = 0; set.items != NULL && i < g->member_count; i++)
        set.items[set.n++] = (struct identity){.ns = g->members[i].ns, .id = g->members[i].id};
    jw_key(w, S("identityMap"));
    jw_object(w);
    for (size_t i = 0; i < set.n; i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= str_eq(set.items[k].ns, set.items[i].ns);
        if (seen)
            continue;
        jw_key(w, set.items[i].ns);
        jw_array(w);
        for (size_t k = i; k < set.n; k++) {
            if (!str_eq(set.items[k].ns, set.items[i].ns))
                continue;
            jw_object(w);
            jw_kstr(w, S("id"), set.items[k].id);
            jw_end(w);
        }
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, S("identities"));
    jw_array(w);
    for (size_t i = 0; i < set.n; i++) {
        char *code = arena_alloc(a, set.items[i].ns.n + 1);
        for (size_t k = 0; code != NULL && k < set.items[i].ns.n; k++) {
            char c = set.items[i].ns.p[k];
            code[k] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
        }
        jw_object(w);
        jw_kstr(w, S("id"), set.items[i].id);
        jw_key(w, S("namespace"));
        jw_object(w);
        jw_kstr(w, S("code"), code == NULL ? S("") : (struct str){code, set.items[i].ns.n});
        jw_end(w);
        if (!primary && owns_fragment(p, &g->members[i])) {
            jw_kbool(w, S("primary"), true);
            primary = true;
        }
        jw_end(w);
    }
    jw_end(w);
}

/* An external audience says itself where its members stand. */
static struct segment_place
place_of(void *ctx, struct str audience)
{
    const struct call *const *call = ctx;
    const struct json *o = snapshot_object((*call)->snap, S("audience"), (*call)->scope, audience);
    struct str ns = json_str(json_get(o, S("namespace")));

    return (struct segment_place){ns.n > 0 ? ns : S("CustomerAudienceUpload"),
                                  json_i64(json_path(o, S("audienceMeta.validUntil")), 0)};
}

/* A JSON list of texts without repeats; `at` answers the i-th, empty ones are left out. */
static struct str
list_of(struct reading *r, struct buf *b, const struct profile *p, struct str (*at)(const struct profile *p, size_t i))
{
    struct jw w = jw_to(b);

    jw_array(&w);
    for (size_t i = 0; i < p->fragment_count; i++) {
        bool seen = at(p, i).n == 0;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_eq(at(p, k), at(p, i));
        if (!seen)
            jw_str(&w, at(p, i));
    }
    jw_end(&w);
    return keep(r, b);
}

static struct str
dataset_at(const struct profile *p, size_t i)
{
    return p->fragments[i].dataset;
}

static struct str
batch_at(const struct profile *p, size_t i)
{
    return p->fragments[i].batch;
}

enum err
entity_write(struct jw *w, const struct call *call, const struct profile *p, const struct graph_view *g, struct diag *d)
{
    const struct json *merged = NULL;
    struct json_iter it;
    enum err rc = profile_merge(p, p->arena, &merged, d);

    if (rc != ERR_OK)
        return rc;
    jw_object(w);
    write_identities(w, p, g, p->arena);
    for (it = json_iter(merged); json_is(merged, JSON_OBJECT) && json_next(&it);) {
        if (!str_eq(it.key, S("identityMap")) && !str_eq(it.key, S("identities")) &&
            !str_eq(it.key, S("segmentMembership")))
            jw_kjson(w, it.key, it.value);
    }
    if (p->membership_count > 0) {
        jw_key(w, S("segmentMembership"));
        segment_write(w, p, place_of, &call);
    }
    jw_end(w);
    return ERR_OK;
}

static void
read_entity(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct reading *r = ctx;
    struct buf b;
    struct jw w;

    (void)k;
    buf_init(&b, ENTITY_BYTES);
    w = jw_to(&b);
    r->rc = entity_write(&w, r->call, p, g, r->d);
    if (r->rc != ERR_OK) {
        buf_deinit(&b);
        return;
    }
    r->entity->json = keep(r, &b);
    r->entity->sources = list_of(r, &b, p, dataset_at);
    r->entity->tags = list_of(r, &b, p, batch_at);
    w = jw_to(&b);
    jw_array(&w);
    for (size_t i = 0; i < g->member_count; i++)
        jw_str(&w, xid_write(r->call, p->arena, g->members[i].ns, g->members[i].id));
    jw_end(&w);
    r->entity->identities = keep(r, &b);
    r->entity->modified_ms = p->fragment_count == 0 ? p->changed_ms : 0;
    for (size_t i = 0; i < p->fragment_count; i++) {
        if (p->fragments[i].ingested_ms > r->entity->modified_ms)
            r->entity->modified_ms = p->fragments[i].ingested_ms;
    }
    buf_deinit(&b);
}

/* Calls the hub with memory of its own. */
static enum err
look_up(struct reading *r, struct str ns, struct str id,
        void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g))
{
    const struct admin_hub *hub = &r->call->admin->o.hub;
    struct arena scratch;
    enum err rc;

    if (hub->read_profile == NULL)
        return diag_set(r->d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    arena_init(&scratch, ENTITY_SCRATCH_BYTES);
    rc = hub->read_profile(hub->ctx, r->call->scope, ns, id, &scratch, each, r, r->d);
    arena_deinit(&scratch);
    return rc == ERR_OK ? r->rc : rc;
}

enum err
entity_read(const struct call *call, struct str ns, struct str id, struct arena *a, struct entity *out, struct diag *d)
{
    struct entity entity = {0};
    struct reading r = {.call = call, .out = a, .entity = &entity, .d = d};
    enum err rc = look_up(&r, ns, id, read_entity);

    if (rc == ERR_OK)
        *out = entity;
    return rc;
}

/* ---- events ---- */

bool
property_read(struct str text, struct property *out)
{
    static const struct {
        const char *text;
        enum property_op op;
    } ops[] = {{"==", PROPERTY_EQ}, {"!=", PROPERTY_NE}, {"<=", PROPERTY_LE}, {">=", PROPERTY_GE},
               {"=", PROPERTY_EQ},  {"<", PROPERTY_LT},  {">", PROPERTY_GT}};

    for (size_t i = 1; i < text.n; i++) {
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
            struct str op = str_of(ops[k].text);
            if (!str_starts(str_slice(text, i, text.n), op))
                continue;
            *out = (struct property){str_trim(str_slice(text, 0, i)), ops[k].op,
                                     str_trim(str_slice(text, i + op.n, text.n))};
            if (out->value.n >= 2 && (out->value.p[0] == '"' || out->value.p[0] == '\'') &&
                out->value.p[out->value.n - 1] == out->value.p[0])
                out->value = str_slice(out->value, 1, out->value.n - 1);
            return out->path.n > 0;
        }
    }
    return false;
}

/* Numbers compare as numbers when both sides are, everything else as text. An absent value equals nothing. */
static bool
matches(const struct json *event, const struct property *p)
{
    const struct json *v = json_path(event, p->path);
    double wanted;
    int order;

    if (v == NULL || json_is(v, JSON_NULL))
        return p->op == PROPERTY_NE;
    if (json_is_number(v) && str_to_f64(p->value, &wanted))
        order = (json_f64(v, 0) > wanted) - (json_f64(v, 0) < wanted);
    else if (json_is(v, JSON_BOOL))
        order = str_cmp(json_bool(v, false) ? S("true") : S("false"), p->value);
    else
        order = str_cmp(json_str(v), p->value);
    switch (p->op) {
    case PROPERTY_EQ:
        return order == 0;
    case PROPERTY_NE:
        return order != 0;
    case PROPERTY_LT:
        return order < 0;
    case PROPERTY_LE:
        return order <= 0;
    case PROPERTY_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool
wanted_event(const struct event_query *q, const struct profile_event *e, const struct json *event)
{
    if (e->ms < q->start_ms || e->ms >= q->end_ms)
        return false;
    for (size_t i = 0; i < q->property_count; i++) {
        if (!matches(event, &q->properties[i]))
            return false;
    }
    return true;
}

/* Index in reading order of the first event behind the cursor: behind the event it names, or, when that one is gone,
 * behind its time. */
static size_t
behind_cursor(const struct event_query *q, const struct profile_event *events, size_t n)
{
    ptrdiff_t colon = str_find_char(q->cursor, ':');
    struct str id;
    int64_t ms;
    size_t i;

    if (q->cursor.n == 0 || colon < 0 || !str_to_i64(str_slice(q->cursor, 0, (size_t)colon), &ms))
        return 0;
    id = str_slice(q->cursor, (size_t)colon + 1, q->cursor.n);
    for (i = 0; i < n; i++) {
        const struct profile_event *e = &events[q->newest_first ? n - 1 - i : i];
        if (e->ms == ms && str_eq(e->id, id))
            return i + 1;
    }
    for (i = 0; i < n; i++) {
        const struct profile_event *e = &events[q->newest_first ? n - 1 - i : i];
        if (q->newest_first ? e->ms < ms : e->ms > ms)
            break;
    }
    return i;
}

static void
write_event(struct jw *w, const struct reading *r, const struct profile_event *e, const struct json *event,
            struct arena *a)
{
    const struct event_query *q = r->events;
    struct buf whole;
    struct jw inner;
    const struct json *v = event;
    struct diag ignored = DIAG_INIT; /* we wrote the text ourselves */

    buf_init(&whole, LIMIT_RECORD_VALUE_BYTES);
    inner = jw_to(&whole);
    jw_object(&inner);
    for (struct json_iter it = json_iter(event); json_next(&it);)
        jw_kjson(&inner, it.key, it.value);
    jw_key(&inner, S("identityMap")); /* the identity that the event is filed under */
    jw_object(&inner);
    jw_key(&inner, e->ns);
    jw_raw(&inner, S("[{\"id\":"));
    json_quote(&whole, e->owner);
    buf_put(&whole, S(",\"primary\":true}]"));
    jw_end(&inner);
    jw_end(&inner);
    jw_object(w);
    jw_kstr(w, S("relatedEntityId"), r->xid);
    jw_kstr(w, S("entityId"), e->id);
    jw_ki64(w, S("timestamp"), e->ms);
    jw_key(w, S("entity"));
    if (q->field_count == 0 || json_parse(buf_str(&whole), a, &v, &ignored) != ERR_OK)
        jw_raw(w, buf_str(&whole));
    else
        entity_project(w, v, q->fields, q->field_count);
    jw_ktime(w, S("lastModifiedAt"), e->ms);
    jw_end(w);
    buf_deinit(&whole);
}

static void
read_events(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    struct reading *r = ctx;
    const struct event_query *q = r->events;
    const struct json **events;
    struct profile_event *raw;
    const struct profile_event *last = NULL;
    struct buf b;
    size_t n;

    (void)g;
    r->rc = profile_events(k, p, p->arena, &events, &raw, &n, r->d);
    if (r->rc != ERR_OK)
        return;
    buf_init(&b, ENTITY_BYTES);
    for (size_t i = behind_cursor(q, raw, n); i < n; i++) {
        size_t at = q->newest_first ? n - 1 - i : i;
        struct jw w;
        if (!wanted_event(q, &raw[at], events[at]))
            continue;
        if (r->page->count == q->limit) { /* there is one more */
            CHECK(last != NULL);          /* the limit is at least 1 */
            r->page->next = arena_printf(r->out, "%lld:%.*s", (long long)last->ms, STR_ARG(last->id));
            break;
        }
        if (r->page->count > 0)
            buf_putc(&b, ',');
        w = jw_to(&b);
        write_event(&w, r, &raw[at], events[at], p->arena);
        last = &raw[at];
        r->page->count++;
    }
    r->page->children = keep(r, &b);
    buf_deinit(&b);
}

enum err
entity_read_events(const struct call *call, struct str ns, struct str id, struct str xid, const struct event_query *q,
                   struct arena *a, struct event_page *out, struct diag *d)
{
    struct event_page page = {0};
    struct reading r = {.call = call, .out = a, .events = q, .xid = xid, .page = &page, .d = d};
    enum err rc = look_up(&r, ns, id, read_events);

    if (rc == ERR_OK)
        *out = page;
    return rc;
}
