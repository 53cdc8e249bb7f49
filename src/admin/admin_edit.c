/* admin_edit.c - see admin_edit.h. Members are a linked list in order; documents here have a few dozen. */
#include "admin/admin_edit.h"

#include "base/civil.h"
#include "base/limits.h"
#include "codec/json_writer.h"

enum node_kind { NODE_VALUE, NODE_RAW, NODE_OBJECT, NODE_ARRAY };

struct edit_node {
    struct edit_node *next;
    struct str key; /* in an object */
    enum node_kind kind;
    const struct json *value;
    struct str raw;
    struct edit_node *first;
};

static struct edit_node *
node_new(struct edit *e, enum node_kind kind)
{
    struct edit_node *n = e->nomem ? NULL : ARENA_NEW(e->arena, struct edit_node);

    if (n == NULL)
        e->nomem = true;
    else
        n->kind = kind;
    return n;
}

static struct edit_node *
node_of(struct edit *e, const struct json *v)
{
    bool object = json_is(v, JSON_OBJECT);
    struct edit_node *n = node_new(e, object ? NODE_OBJECT : json_is(v, JSON_ARRAY) ? NODE_ARRAY : NODE_VALUE);
    struct edit_node **link;
    struct json_iter it = json_iter(v);

    if (n == NULL)
        return NULL;
    n->value = v;
    link = &n->first;
    while (n->kind != NODE_VALUE && json_next(&it)) {
        struct edit_node *below = node_of(e, it.value);
        if (below == NULL)
            return NULL;
        below->key = it.key;
        *link = below;
        link = &below->next;
    }
    return n;
}

struct edit
edit_of(struct arena *a, const struct json *v)
{
    struct edit e = {.arena = a};

    e.root = v ? node_of(&e, v) : node_new(&e, NODE_OBJECT);
    return e;
}

static struct edit_node **
slot(struct edit_node *object, struct str key)
{
    struct edit_node **link = &object->first;

    while (*link != NULL && !str_eq((*link)->key, key))
        link = &(*link)->next;
    return link;
}

struct edit_node *
edit_get(const struct edit_node *object, struct str key)
{
    if (object == NULL || object->kind != NODE_OBJECT)
        return NULL;
    return *slot((struct edit_node *)(uintptr_t)object, key);
}

struct str
edit_str(const struct edit_node *n)
{
    return n != NULL && n->kind == NODE_VALUE ? json_str(n->value) : S_NULL;
}

static void
put(struct edit *e, struct edit_node *object, struct str key, struct edit_node *n)
{
    struct edit_node **link;

    if (n == NULL || object == NULL || object->kind != NODE_OBJECT)
        return;
    link = slot(object, key);
    n->key = arena_str(e->arena, key);
    if (n->key.p == NULL) {
        e->nomem = true;
        return;
    }
    n->next = *link ? (*link)->next : NULL;
    *link = n;
}

struct edit_node *
edit_object(struct edit *e, struct edit_node *object, struct str key)
{
    struct edit_node *n = edit_get(object, key);

    if (n == NULL || n->kind != NODE_OBJECT) {
        n = node_new(e, NODE_OBJECT);
        put(e, object, key, n);
    }
    return n;
}

static void
put_buf(struct edit *e, struct edit_node *object, struct str key, struct buf *b)
{
    struct edit_node *n = node_new(e, NODE_RAW);

    if (n != NULL) {
        n->raw = arena_str(e->arena, buf_str(b));
        e->nomem = e->nomem || n->raw.p == NULL || !buf_ok(b);
        put(e, object, key, n);
    }
    buf_deinit(b);
}

void
edit_put_str(struct edit *e, struct edit_node *object, struct str key, struct str value)
{
    struct buf b;

    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    json_quote(&b, value);
    put_buf(e, object, key, &b);
}

void
edit_put_i64(struct edit *e, struct edit_node *object, struct str key, int64_t value)
{
    struct buf b;

    buf_init(&b, 32);
    buf_put_i64(&b, value);
    put_buf(e, object, key, &b);
}

void
edit_put_bool(struct edit *e, struct edit_node *object, struct str key, bool value)
{
    edit_put_raw(e, object, key, value ? S("true") : S("false"));
}

void
edit_put_time(struct edit *e, struct edit_node *object, struct str key, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    edit_put_str(e, object, key, (struct str){text, ISO8601_BYTES});
}

void
edit_put_json(struct edit *e, struct edit_node *object, struct str key, const struct json *value)
{
    put(e, object, key, node_of(e, value));
}

void
edit_put_raw(struct edit *e, struct edit_node *object, struct str key, struct str json_text)
{
    struct edit_node *n = node_new(e, NODE_RAW);

    if (n == NULL)
        return;
    n->raw = json_text;
    put(e, object, key, n);
}

void
edit_default_raw(struct edit *e, struct edit_node *object, struct str key, struct str json_text)
{
    if (edit_get(object, key) == NULL)
        edit_put_raw(e, object, key, json_text);
}

void
edit_remove(struct edit_node *object, struct str key)
{
    struct edit_node **link = object && object->kind == NODE_OBJECT ? slot(object, key) : NULL;

    if (link != NULL && *link != NULL)
        *link = (*link)->next;
}

void
edit_merge(struct edit *e, const struct json *patch)
{
    struct json_iter it = json_iter(patch);

    while (e->root != NULL && json_next(&it)) {
        if (json_is(it.value, JSON_NULL))
            edit_remove(e->root, it.key);
        else
            edit_put_json(e, e->root, it.key, it.value);
    }
}

/* ---- JSON Patch ---- */

/* "~1" is a slash and "~0" a tilde in a pointer's part. */
static struct str
unescape(struct edit *e, struct str part)
{
    struct buf b;
    struct str out;

    if (str_find_char(part, '~') < 0)
        return part;
    buf_init(&b, part.n);
    for (size_t i = 0; i < part.n; i++) {
        bool escape = part.p[i] == '~' && i + 1 < part.n;
        buf_putc(&b, !escape ? part.p[i] : part.p[++i] == '1' ? '/' : '~');
    }
    out = arena_str(e->arena, buf_str(&b));
    buf_deinit(&b);
    e->nomem = e->nomem || out.p == NULL;
    return out;
}

/* The link in which the element `part` of an array hangs ("-": the end); NULL when there is no such place. */
static struct edit_node **
element(struct edit_node *array, struct str part)
{
    struct edit_node **link = &array->first;
    uint64_t at = UINT64_MAX;

    if (!str_eq(part, S("-")) && !str_to_u64(part, &at))
        return NULL;
    for (uint64_t i = 0; i < at && *link != NULL; i++)
        link = &(*link)->next;
    return link;
}

static enum err
add_to(struct edit *e, struct edit_node *parent, struct str part, const struct json *value, const char *path,
       struct diag *d)
{
    struct edit_node *n = node_of(e, value), **link;

    if (n == NULL)
        return diag_set(d, ERR_LIMIT, "the document exceeds request memory");
    if (parent->kind == NODE_OBJECT) {
        put(e, parent, part, n);
        return ERR_OK;
    }
    link = parent->kind == NODE_ARRAY ? element(parent, part) : NULL;
    if (link == NULL)
        return diag_set_path(d, ERR_INVALID, path, "patch path '%s' leads nowhere", path);
    n->next = *link;
    *link = n;
    return ERR_OK;
}

/* Tags only grow: "/meta:immutableTags" ["union"] adds to the list that is there. */
static bool
extend(struct edit *e, struct edit_node *list, const struct json *value)
{
    struct json_iter it = json_iter(value);

    if (list == NULL || list->kind != NODE_ARRAY || !json_is(value, JSON_ARRAY) ||
        !str_eq(list->key, S("meta:immutableTags")))
        return false;
    while (json_next(&it)) {
        struct edit_node **link = &list->first;
        while (*link != NULL && !((*link)->kind == NODE_VALUE && json_equal((*link)->value, it.value)))
            link = &(*link)->next;
        if (*link == NULL)
            *link = node_of(e, it.value);
    }
    return true;
}

struct place {
    struct edit_node *parent;
    struct str part;
};

static enum err
find_place(struct edit *e, struct str path, struct place *out, struct diag *d)
{
    struct str rest = path, part;
    struct edit_node *at = e->root;

    if (!str_starts(path, S("/")))
        return diag_set_path(d, ERR_INVALID, "path", "a patch path must begin with a slash, got '%.*s'", STR_ARG(path));
    (void)str_split(&rest, '/', &part); /* the empty text before the first slash */
    for (;;) {
        (void)str_split(&rest, '/', &part);
        part = unescape(e, part);
        if (rest.p == NULL)
            break;
        if (at->kind == NODE_OBJECT) {
            at = edit_get(at, part);
        } else {
            struct edit_node **link = at->kind == NODE_ARRAY ? element(at, part) : NULL;
            at = link ? *link : NULL;
        }
        if (at == NULL)
            return diag_set_path(d, ERR_INVALID, "path", "patch path '%.*s' leads nowhere at '%.*s'", STR_ARG(path),
                                 STR_ARG(part));
    }
    *out = (struct place){at, part};
    return ERR_OK;
}

static struct edit_node **
link_of(const struct place *p)
{
    if (p->parent->kind == NODE_OBJECT)
        return slot(p->parent, p->part);
    return p->parent->kind == NODE_ARRAY ? element(p->parent, p->part) : NULL;
}

static enum err
patch_one(struct edit *e, const struct json *op, struct diag *d)
{
    struct str name = json_str(json_get(op, S("op"))), path = json_str(json_get(op, S("path")));
    const struct json *value = json_get(op, S("value"));
    const char *text = arena_cstr(e->arena, path);
    struct place p = {0};
    struct edit_node **link;
    enum err rc = text ? find_place(e, path, &p, d) : diag_set(d, ERR_LIMIT, "the document exceeds request memory");
    bool add = str_eq(name, S("add")), replace = str_eq(name, S("replace"));

    if (rc != ERR_OK || p.parent == NULL)
        return rc;
    if ((add || replace) && value == NULL)
        return diag_set_path(d, ERR_INVALID, "value", "patch operation '%.*s' of '%s' needs a value", STR_ARG(name),
                             text);
    if (add && p.parent->kind == NODE_OBJECT && p.part.n > 1 && p.part.p[p.part.n - 1] == '-')
        p.part.n--;
    link = link_of(&p);
    if (add && p.parent->kind == NODE_OBJECT && link != NULL && extend(e, *link, value))
        return ERR_OK;
    if (add || (replace && p.parent->kind == NODE_OBJECT))
        return add_to(e, p.parent, p.part, value, text, d);
    if (link == NULL || *link == NULL)
        return diag_set_path(d, ERR_INVALID, "path", "patch path '%s' leads nowhere", text);
    if (replace) {
        struct edit_node *n = node_of(e, value);
        if (n == NULL)
            return diag_set(d, ERR_LIMIT, "the document exceeds request memory");
        n->next = (*link)->next;
        *link = n;
        return ERR_OK;
    }
    if (str_eq(name, S("remove"))) {
        *link = (*link)->next;
        return ERR_OK;
    }
    return diag_set_path(d, ERR_INVALID, "op", "patch operation must be add, replace or remove, got '%.*s'",
                         STR_ARG(name));
}

enum err
edit_patch(struct edit *e, const struct json *patch, struct diag *d)
{
    struct json_iter it = json_iter(patch);
    enum err rc = ERR_OK;

    if (!json_is(patch, JSON_ARRAY))
        return diag_set(d, ERR_INVALID, "a JSON Patch must be a list of operations, found %s",
                        json_type_name(json_type(patch)));
    while (rc == ERR_OK && e->root != NULL && json_next(&it))
        rc = patch_one(e, it.value, d);
    return rc == ERR_OK && e->nomem ? diag_set(d, ERR_LIMIT, "the document exceeds request memory") : rc;
}

/* ---- writing ---- */

static void
write_node(struct jw *w, const struct edit_node *n)
{
    if (n->kind == NODE_VALUE)
        jw_json(w, n->value);
    else if (n->kind == NODE_RAW)
        jw_raw(w, n->raw);
    if (n->kind == NODE_VALUE || n->kind == NODE_RAW)
        return;
    if (n->kind == NODE_OBJECT)
        jw_object(w);
    else
        jw_array(w);
    for (const struct edit_node *m = n->first; m != NULL; m = m->next) {
        if (n->kind == NODE_OBJECT)
            jw_key(w, m->key);
        write_node(w, m);
    }
    jw_end(w);
}

/* A patch may put a deep value into a deep place. */
static bool
too_deep(const struct edit_node *n, int depth)
{
    if (n->kind == NODE_VALUE || n->kind == NODE_RAW)
        return false;
    for (const struct edit_node *m = n->first; m != NULL; m = m->next) {
        if (too_deep(m, depth + 1))
            return true;
    }
    return depth > LIMIT_JSON_DEPTH;
}

struct str
edit_text(struct edit *e)
{
    struct buf b;
    struct jw w;
    struct str text = S_NULL;

    e->nomem = e->nomem || e->root == NULL || too_deep(e->root, 1);
    if (e->nomem)
        return S("");
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&b);
    write_node(&w, e->root);
    if (buf_ok(&b))
        text = arena_str(e->arena, buf_str(&b));
    buf_deinit(&b);
    e->nomem = text.p == NULL;
    return text.p ? text : S("");
}

enum err
edit_parse(struct edit *e, const struct json **out, struct str *text, struct diag *d)
{
    *text = edit_text(e);
    if (e->nomem)
        return diag_set(d, ERR_LIMIT, "the document exceeds request memory");
    return json_parse(*text, e->arena, out, d);
}
