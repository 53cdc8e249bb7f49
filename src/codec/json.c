/* json.c - the wrapper of yyjson. struct json is yyjson_val under another name; the document's memory comes from the
 * arena. */
#include "codec/json.h"

#include <math.h>
#include <yyjson.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/json_writer.h"

static yyjson_val *
val(const struct json *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const struct json *
node(yyjson_val *v)
{
    return (const struct json *)v;
}

static void *
alc_malloc(void *ctx, size_t size)
{
    return arena_alloc(ctx, size);
}

/* yyjson grows its value pool only when its estimate fell short; the old block stays in the arena. */
static void *
alc_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
    void *q;

    if (size <= old_size)
        return p;
    q = arena_alloc(ctx, size);
    if (q != NULL && p != NULL)
        memcpy(q, p, old_size);
    return q;
}

static void
alc_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p; /* ends with the arena */
}

/* Where a well-formed text first goes past the limit: for the message only. */
static uint32_t
deep_position(struct str text, int depth_max)
{
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"') {
            for (i++; i < text.n && text.p[i] != '"'; i++) {
                if (text.p[i] == '\\')
                    i++;
            }
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max)
                return (uint32_t)i;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return DIAG_NO_POS;
}

/* The parser itself needs no stack, so depth is checked on its values, which are far fewer than the text's bytes:
 * containers that are open at a value are a stack of their ends. */
static enum err
check_depth(yyjson_doc *doc, struct str text, int depth_max, struct diag *d)
{
    const yyjson_val *at = yyjson_doc_get_root(doc), *end = at + yyjson_doc_get_val_count(doc);
    const yyjson_val *open[JSON_DEPTH_MAX];
    int depth = 0;

    for (; at < end; at++) {
        while (depth > 0 && at >= open[depth - 1])
            depth--;
        if (!yyjson_is_ctn((yyjson_val *)(uintptr_t)at))
            continue;
        if (depth == depth_max)
            return diag_set_at(d, ERR_LIMIT, deep_position(text, depth_max), "JSON nests deeper than %d levels",
                               depth_max);
        open[depth++] = (const yyjson_val *)((const char *)at + at->uni.ofs);
    }
    return ERR_OK;
}

enum err
json_parse(struct str text, struct arena *a, const struct json **root, struct diag *d)
{
    return json_parse_deep(text, LIMIT_JSON_DEPTH, a, root, d);
}

enum err
json_parse_deep(struct str text, int depth_max, struct arena *a, const struct json **root, struct diag *d)
{
    yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, a};
    yyjson_read_err bad;
    yyjson_doc *doc;
    enum err rc;

    doc = yyjson_read_opts((char *)(uintptr_t)(text.p ? text.p : ""), text.n, 0, &alc, &bad);
    if (doc == NULL) {
        if (bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            return diag_set(d, ERR_NOMEM, "no memory for %zu bytes of JSON", text.n);
        return diag_set_at(d, ERR_INVALID, (uint32_t)bad.pos, "%s at byte %zu", bad.msg, bad.pos);
    }
    CHECK(depth_max <= JSON_DEPTH_MAX);
    rc = check_depth(doc, text, depth_max, d);
    if (rc == ERR_OK)
        *root = node(yyjson_doc_get_root(doc));
    return rc;
}

size_t
json_index(const struct json *root, const struct json *v)
{
    return (size_t)(val(v) - val(root));
}

size_t
json_index_end(const struct json *root)
{
    return yyjson_is_ctn(val(root)) ? val(root)->uni.ofs / sizeof(yyjson_val) : 1;
}

enum json_type
json_type(const struct json *v)
{
    if (v == NULL)
        return JSON_ABSENT;
    switch (yyjson_get_type(val(v))) {
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_NUM:
        if (yyjson_is_sint(val(v)))
            return JSON_INT;
        return yyjson_is_uint(val(v)) && yyjson_get_uint(val(v)) <= INT64_MAX ? JSON_INT : JSON_DOUBLE;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

bool
json_is_number(const struct json *v)
{
    return v != NULL && yyjson_is_num(val(v));
}

const char *
json_type_name(enum json_type t)
{
    static const char *const names[] = {"nothing",  "null",     "a boolean", "an integer",
                                        "a number", "a string", "an array",  "an object"};

    return names[t];
}

const struct json *
json_get(const struct json *v, struct str key)
{
    return v == NULL ? NULL : node(yyjson_obj_getn(val(v), key.p, key.n));
}

const struct json *
json_path(const struct json *v, struct str path)
{
    struct str part;

    while (v != NULL && str_split(&path, '.', &part))
        v = json_get(v, part);
    return v;
}

size_t
json_count(const struct json *v)
{
    if (v == NULL)
        return 0;
    if (yyjson_is_arr(val(v)))
        return yyjson_arr_size(val(v));
    return yyjson_obj_size(val(v));
}

const struct json *
json_at(const struct json *array, size_t i)
{
    return array == NULL ? NULL : node(yyjson_arr_get(val(array), i));
}

struct json_iter
json_iter(const struct json *v)
{
    struct json_iter it = {.priv_left = json_count(v)};

    if (it.priv_left > 0) {
        it.priv_object = yyjson_is_obj(val(v));
        it.priv_next = val(v) + 1; /* the first child follows its container */
    }
    return it;
}

bool
json_next(struct json_iter *it)
{
    yyjson_val *at = (yyjson_val *)(uintptr_t)it->priv_next;

    if (it->priv_left == 0)
        return false;
    it->priv_left--;
    it->key = S_NULL;
    if (it->priv_object) {
        it->key = (struct str){yyjson_get_str(at), yyjson_get_len(at)};
        at++;
    }
    it->value = node(at);
    it->priv_next = yyjson_is_ctn(at) ? (const void *)((const char *)at + at->uni.ofs) : (const void *)(at + 1);
    return true;
}

bool
json_bool(const struct json *v, bool otherwise)
{
    return v != NULL && yyjson_is_bool(val(v)) ? yyjson_get_bool(val(v)) : otherwise;
}

int64_t
json_i64(const struct json *v, int64_t otherwise)
{
    double x;

    if (json_type(v) == JSON_INT)
        return yyjson_get_sint(val(v));
    if (v == NULL || !yyjson_is_real(val(v)))
        return otherwise;
    x = yyjson_get_real(val(v));
    if (x >= -9007199254740992.0 && x <= 9007199254740992.0 && x == trunc(x))
        return (int64_t)x;
    return otherwise;
}

double
json_f64(const struct json *v, double otherwise)
{
    return json_is_number(v) ? yyjson_get_num(val(v)) : otherwise;
}

struct str
json_str(const struct json *v)
{
    if (v == NULL || !yyjson_is_str(val(v)))
        return S_NULL;
    return (struct str){yyjson_get_str(val(v)), yyjson_get_len(val(v))};
}

bool
json_equal(const struct json *a, const struct json *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        if (json_type(a) == JSON_INT && json_type(b) == JSON_INT)
            return yyjson_get_sint(val(a)) == yyjson_get_sint(val(b));
        return yyjson_get_num(val(a)) == yyjson_get_num(val(b));
    }
    if (json_type(a) != json_type(b) || json_count(a) != json_count(b))
        return false;
    if (json_is(a, JSON_STRING))
        return str_eq(json_str(a), json_str(b));
    if (json_is(a, JSON_BOOL))
        return json_bool(a, false) == json_bool(b, false);
    if (json_is(a, JSON_ARRAY)) {
        struct json_iter x = json_iter(a), y = json_iter(b);
        while (json_next(&x) && json_next(&y)) {
            if (!json_equal(x.value, y.value))
                return false;
        }
    }
    if (json_is(a, JSON_OBJECT)) {
        struct json_iter x = json_iter(a);
        while (json_next(&x)) {
            const struct json *other = json_get(b, x.key);
            if (other == NULL || !json_equal(x.value, other))
                return false;
        }
    }
    return true;
}

const struct json *
json_made(const struct buf *text, struct arena *a)
{
    const struct json *out = NULL;

    return buf_ok(text) && json_parse(buf_str(text), a, &out, NULL) == ERR_OK ? out : NULL;
}

static void
write_container(struct buf *out, const struct json *v)
{
    struct json_iter it = json_iter(v);
    bool object = json_is(v, JSON_OBJECT), first = true;

    buf_putc(out, object ? '{' : '[');
    while (json_next(&it)) {
        if (!first)
            buf_putc(out, ',');
        first = false;
        if (object) {
            json_quote(out, it.key);
            buf_putc(out, ':');
        }
        json_write(out, it.value);
    }
    buf_putc(out, object ? '}' : ']');
}

void
json_write(struct buf *out, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_BOOL:
        buf_put(out, json_bool(v, false) ? S("true") : S("false"));
        break;
    case JSON_INT:
        buf_put_i64(out, json_i64(v, 0));
        break;
    case JSON_DOUBLE:
        buf_put_f64(out, json_f64(v, 0));
        break;
    case JSON_STRING:
        json_quote(out, json_str(v));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_container(out, v);
        break;
    default:
        buf_put(out, S("null"));
    }
}
