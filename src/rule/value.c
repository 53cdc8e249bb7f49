/* value.c - kinds, coercion and comparison of values [SEGMENTATION 3, 5].
 *
 * Nothing here fails: what cannot be converted or compared is null or false. Nothing allocates except value_of_json,
 * value_keep and value_get, and those only for arrays and objects. Recursion follows the nesting of the data, which the
 * JSON reader (LIMIT_JSON_DEPTH) and the compiler (LIMIT_PQL_DEPTH) bound. */
#include "rule/value.h"

#include <math.h>

#include "base/civil.h"
#include "base/hash.h"
#include "codec/json_writer.h"

/* Years 1..9999, the calendar that [SEGMENTATION 3] can write. */
#define TIME_MS_MIN INT64_C(-62135596800000)
#define TIME_MS_MAX INT64_C(253402300799999)

struct value
value_double(double f)
{
    return isfinite(f) ? (struct value){.kind = VALUE_DOUBLE, .f = f} : VALUE_OF_NULL;
}

/* A scalar, or null; arrays and objects are the caller's. */
static struct value
scalar_of_json(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_BOOL:
        return value_bool(json_bool(v, false));
    case JSON_INT:
        return value_int(json_i64(v, 0));
    case JSON_DOUBLE:
        return value_double(json_f64(v, 0));
    case JSON_STRING:
        return value_string(json_str(v));
    default:
        return VALUE_OF_NULL;
    }
}

struct value
value_of_json(const struct json *v, struct arena *a, bool *nomem)
{
    enum json_type t = json_type(v);
    struct value out = VALUE_OF_NULL;

    if (t == JSON_ARRAY) {
        struct value_list *list = ARENA_NEW(a, struct value_list);
        if (list == NULL) {
            *nomem = true;
            return out;
        }
        list->json = v;
        list->n = json_count(v);
        out.kind = VALUE_LIST;
        out.list = list;
        return out;
    }
    if (t == JSON_OBJECT) {
        struct value_map *map = ARENA_NEW(a, struct value_map);
        if (map == NULL) {
            *nomem = true;
            return out;
        }
        map->json = v;
        map->n = json_count(v);
        out.kind = VALUE_MAP;
        out.map = map;
        return out;
    }
    return scalar_of_json(v);
}

struct value_iter
value_iter(struct value v)
{
    struct value_iter it = {.priv_left = 0};

    if (v.kind == VALUE_LIST) {
        it.priv_is_json = v.list->json != NULL;
        it.priv_json = json_iter(v.list->json);
        it.priv_items = v.list->items;
        it.priv_left = v.list->n;
    } else if (v.kind == VALUE_MAP) {
        it.priv_is_json = v.map->json != NULL;
        it.priv_json = json_iter(v.map->json);
        it.priv_keys = v.map->keys;
        it.priv_items = v.map->items;
        it.priv_left = v.map->n;
    }
    return it;
}

bool
value_next(struct value_iter *it)
{
    if (!it->priv_is_json) {
        if (it->priv_left == 0)
            return false;
        it->priv_left--;
        it->key = it->priv_keys != NULL ? *it->priv_keys++ : S_NULL;
        it->value = *it->priv_items++;
        return true;
    }
    if (!json_next(&it->priv_json))
        return false;
    it->key = it->priv_json.key;
    it->node = it->priv_json.value;
    if (json_is(it->node, JSON_ARRAY)) {
        it->priv_box.list = (struct value_list){.json = it->node, .n = json_count(it->node)};
        it->value = (struct value){.kind = VALUE_LIST, .list = &it->priv_box.list};
    } else if (json_is(it->node, JSON_OBJECT)) {
        it->priv_box.map = (struct value_map){.json = it->node, .n = json_count(it->node)};
        it->value = (struct value){.kind = VALUE_MAP, .map = &it->priv_box.map};
    } else {
        it->value = scalar_of_json(it->node);
    }
    return true;
}

struct value
value_keep(const struct value_iter *it, struct arena *a, bool *nomem)
{
    return it->node != NULL ? value_of_json(it->node, a, nomem) : it->value;
}

size_t
value_count(struct value v)
{
    if (v.kind == VALUE_LIST)
        return v.list->n;
    return v.kind == VALUE_MAP ? v.map->n : 0;
}

struct value
value_get(struct value map, struct str key, struct arena *a, bool *nomem)
{
    if (map.kind != VALUE_MAP)
        return VALUE_OF_NULL;
    if (map.map->json != NULL)
        return value_of_json(json_get(map.map->json, key), a, nomem);
    for (size_t i = 0; i < map.map->n; i++) {
        if (str_eq(map.map->keys[i], key))
            return map.map->items[i];
    }
    return VALUE_OF_NULL;
}

struct value
value_number(struct str s)
{
    int64_t i;
    double f;

    if (str_to_i64(s, &i))
        return value_int(i);
    return str_to_f64(s, &f) ? value_double(f) : VALUE_OF_NULL;
}

bool
value_text(struct value v, char room[VALUE_TEXT_BYTES], struct str *out)
{
    struct buf b;

    switch (v.kind) {
    case VALUE_STRING:
        *out = v.s;
        return true;
    case VALUE_BOOL:
        *out = v.b ? S("true") : S("false");
        return true;
    case VALUE_INT:
        *out = (struct str){room, (size_t)snprintf(room, VALUE_TEXT_BYTES, "%lld", (long long)v.i)};
        return true;
    case VALUE_DOUBLE:
        buf_init(&b, VALUE_TEXT_BYTES);
        buf_put_f64(&b, v.f);
        memcpy(room, b.p, b.n);
        *out = (struct str){room, b.n};
        buf_deinit(&b);
        return true;
    case VALUE_TIME:
        iso8601_format(v.i, room);
        *out = (struct str){room, ISO8601_BYTES};
        return true;
    default:
        return false;
    }
}

struct value
value_as_time(struct value v)
{
    struct value out = {.kind = VALUE_TIME};

    if (v.kind == VALUE_TIME)
        return v;
    if (v.kind == VALUE_STRING) {
        if (!iso8601_parse(v.s, &out.i, &out.date_only))
            return VALUE_OF_NULL;
    } else if (v.kind == VALUE_INT) {
        out.i = v.i;
    } else {
        return VALUE_OF_NULL;
    }
    return out.i >= TIME_MS_MIN && out.i <= TIME_MS_MAX ? out : VALUE_OF_NULL;
}

bool
value_truth(struct value v)
{
    switch (v.kind) {
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return v.b;
    case VALUE_LIST:
        return v.list->n > 0;
    default:
        return true; /* it has a value [C 2] */
    }
}

/* Exact: a double holds no more than 53 bits of an integer, so the fraction decides after the whole parts. */
static int
compare_int_double(int64_t i, double f)
{
    int64_t whole;
    double rest;

    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    rest = f - (double)whole;
    return (rest < 0) - (rest > 0);
}

static int
compare_numbers(struct value a, struct value b)
{
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return (a.i > b.i) - (a.i < b.i);
    if (a.kind == VALUE_INT)
        return compare_int_double(a.i, b.f);
    if (b.kind == VALUE_INT)
        return -compare_int_double(b.i, a.f);
    return (a.f > b.f) - (a.f < b.f);
}

static bool
relation(enum value_cmp op, int c)
{
    switch (op) {
    case CMP_EQ:
        return c == 0;
    case CMP_NE:
        return c != 0;
    case CMP_LT:
        return c < 0;
    case CMP_LE:
        return c <= 0;
    case CMP_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

static bool
compare_bool(enum value_cmp op, struct value a, struct value b)
{
    bool second;

    if (op != CMP_EQ && op != CMP_NE)
        return false;
    if (a.kind == VALUE_STRING)
        return relation(op, str_cmp(a.s, b.b ? S("true") : S("false")));
    if (a.kind != VALUE_BOOL)
        return false;
    if (b.kind == VALUE_BOOL)
        second = b.b;
    else if (b.kind == VALUE_STRING && str_eq_nocase(b.s, S("true")))
        second = true;
    else if (b.kind == VALUE_STRING && str_eq_nocase(b.s, S("false")))
        second = false;
    else
        return false;
    return relation(op, a.b != second);
}

/* Neither is null, a list or a map. The second operand takes the kind of the first; a time takes over on either side.
 */
static bool
compare_scalars(enum value_cmp op, struct value a, struct value b)
{
    char room[VALUE_TEXT_BYTES];
    struct str text;

    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING)
        return relation(op, str_cmp(a.s, b.s));
    if (a.kind == VALUE_TIME || b.kind == VALUE_TIME) {
        a = value_as_time(a);
        b = value_as_time(b);
        if (a.kind == VALUE_NULL || b.kind == VALUE_NULL)
            return false;
        return relation(op, (a.i > b.i) - (a.i < b.i));
    }
    if (a.kind == VALUE_BOOL || b.kind == VALUE_BOOL)
        return compare_bool(op, a, b);
    if (value_is_number(a)) {
        if (b.kind == VALUE_STRING)
            b = value_number(b.s);
        return value_is_number(b) && relation(op, compare_numbers(a, b));
    }
    if (a.kind != VALUE_STRING || !value_text(b, room, &text))
        return false;
    return relation(op, str_cmp(a.s, text));
}

bool
value_compare(enum value_cmp op, struct value a, struct value b)
{
    bool lift_a = a.kind == VALUE_LIST, lift_b = b.kind == VALUE_LIST;
    struct value_iter it;

    if (a.kind == VALUE_NULL || b.kind == VALUE_NULL)
        return false;
    if ((lift_a && lift_b) || (a.kind == VALUE_MAP && b.kind == VALUE_MAP)) {
        if (op != CMP_EQ && op != CMP_NE)
            return false;
        return value_same(a, b) == (op == CMP_EQ);
    }
    if (lift_a || lift_b) {
        it = value_iter(lift_a ? a : b);
        while (value_next(&it)) {
            if (lift_a ? value_compare(op, it.value, b) : value_compare(op, a, it.value))
                return true;
        }
        return false;
    }
    if (a.kind >= VALUE_MAP || b.kind >= VALUE_MAP)
        return false;
    return compare_scalars(op, a, b);
}

static bool
same_lists(struct value a, struct value b)
{
    struct value_iter x = value_iter(a), y = value_iter(b);

    if (a.list->n != b.list->n)
        return false;
    while (value_next(&x) && value_next(&y)) {
        if (!value_same(x.value, y.value))
            return false;
    }
    return true;
}

/* Members in any order. */
static bool
same_maps(struct value a, struct value b)
{
    struct value_iter x = value_iter(a);

    if (a.map->n != b.map->n)
        return false;
    if (a.map->json != NULL && b.map->json != NULL)
        return json_equal(a.map->json, b.map->json);
    while (value_next(&x)) {
        struct value_iter y = value_iter(b);
        bool found = false;
        while (!found && value_next(&y))
            found = str_eq(x.key, y.key);
        if (!found || !value_same(x.value, y.value))
            return false;
    }
    return true;
}

bool
value_same(struct value a, struct value b)
{
    if (value_is_number(a) && value_is_number(b))
        return compare_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_BOOL:
        return a.b == b.b;
    case VALUE_STRING:
        return str_eq(a.s, b.s);
    case VALUE_TIME:
        return a.i == b.i;
    case VALUE_LIST:
        return same_lists(a, b);
    case VALUE_MAP:
        return same_maps(a, b);
    case VALUE_ENTRY:
        return value_same(a.entry[0], b.entry[0]) && value_same(a.entry[1], b.entry[1]);
    default:
        return true;
    }
}

static uint64_t
mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

uint64_t
value_hash(struct value v)
{
    struct value_iter it = value_iter(v);
    uint64_t h = v.kind, bits;

    switch (v.kind) {
    case VALUE_BOOL:
        return mix(h, v.b);
    case VALUE_DOUBLE: /* as the equal integer hashes, when there is one */
        if (v.f >= -9223372036854775808.0 && v.f < 9223372036854775808.0 && v.f == trunc(v.f))
            return mix(VALUE_INT, (uint64_t)(int64_t)v.f);
        memcpy(&bits, &v.f, sizeof bits);
        return mix(h, bits);
    case VALUE_INT:
    case VALUE_TIME:
        return mix(h, (uint64_t)v.i);
    case VALUE_STRING:
        return hash_bytes(v.s, h);
    case VALUE_LIST:
        while (value_next(&it))
            h = mix(h, value_hash(it.value));
        return h;
    case VALUE_MAP:
        while (value_next(&it))
            h += mix(hash_bytes(it.key, 0), value_hash(it.value)); /* order does not count */
        return h;
    case VALUE_ENTRY:
        return mix(mix(h, value_hash(v.entry[0])), value_hash(v.entry[1]));
    default:
        return h;
    }
}

static void
write_members(struct buf *out, struct value v)
{
    struct value_iter it = value_iter(v);
    bool first = true;

    while (value_next(&it)) {
        if (!first)
            buf_putc(out, ',');
        first = false;
        if (v.kind == VALUE_MAP) {
            json_quote(out, it.key);
            buf_putc(out, ':');
        }
        value_write(out, it.value);
    }
}

void
value_write(struct buf *out, struct value v)
{
    char room[VALUE_TEXT_BYTES];
    struct str text = S("null");

    switch (v.kind) {
    case VALUE_STRING:
        json_quote(out, v.s);
        break;
    case VALUE_LIST:
        buf_putc(out, '[');
        write_members(out, v);
        buf_putc(out, ']');
        break;
    case VALUE_MAP:
        buf_putc(out, '{');
        write_members(out, v);
        buf_putc(out, '}');
        break;
    case VALUE_ENTRY: /* as the one-member object it would become */
        buf_putc(out, '{');
        (void)value_text(v.entry[0], room, &text); /* a key without a text prints as null */
        json_quote(out, text);
        buf_putc(out, ':');
        value_write(out, v.entry[1]);
        buf_putc(out, '}');
        break;
    case VALUE_TIME:
        (void)value_text(v, room, &text);
        json_quote(out, text);
        break;
    default:
        (void)value_text(v, room, &text); /* null has none and keeps the word */
        buf_put(out, text);
    }
}
