/* schema_validate.c - one record against a schema's tree [PLATFORM 2.6].
 *
 * The walk follows the record, not the schema, so its cost is that of the data. Places are kept as a list of crumbs on
 * the stack and written out only for a violation. What is a violation: a wrong type, a value outside format, enum,
 * pattern or range, a required member that is absent or null, and a member that the schema does not define. A null
 * elsewhere is valid: partial rows clear leaves with it. */
#include "config/schema_int.h"

#include <stdarg.h>

#include "base/civil.h"

#define LONG_MAX_EXACT 9007199254740991LL /* 2^53 - 1: what JSON numbers hold exactly [PLATFORM 2.6] */

struct crumb {
    const struct crumb *above;
    struct str name; /* of a member or map key; empty: an array element */
    size_t index;
    bool in_map;
};

struct check {
    struct arena *a;
    struct schema_violation *out;
    size_t n, max;
};

static void
write_pointer(struct buf *out, const struct crumb *c)
{
    if (c == NULL) {
        buf_putc(out, '#');
        return;
    }
    write_pointer(out, c->above);
    buf_putc(out, '/');
    if (c->name.n)
        buf_put(out, c->name);
    else
        buf_put_u64(out, c->index);
}

static void
write_location(struct buf *out, const struct crumb *c)
{
    if (c == NULL) {
        buf_putc(out, '#');
        return;
    }
    write_location(out, c->above);
    if (c->name.n && !c->in_map) {
        buf_put(out, S("/properties/"));
        buf_put(out, c->name);
    } else {
        buf_put(out, c->in_map ? S("/additionalProperties") : S("/items"));
    }
}

static void
write_path(struct buf *out, const struct crumb *c)
{
    if (c == NULL)
        return;
    write_path(out, c->above);
    if (c->name.n) {
        if (out->n > 0)
            buf_putc(out, '.');
        buf_put(out, c->name);
    } else {
        buf_printf(out, "[%zu]", c->index);
    }
}

static struct str
written(struct check *k, void (*write)(struct buf *out, const struct crumb *c), const struct crumb *at)
{
    struct buf b;
    struct str s;

    buf_init(&b, 4096); /* longer places are cut: they are for reading */
    write(&b, at);
    s = arena_str(k->a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

__attribute__((format(printf, 4, 5))) static void
violation(struct check *k, const struct crumb *at, const char *keyword, const char *fmt, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* cut: for reading */
    va_end(ap);
    if (k->n >= k->max)
        return;
    k->out[k->n++] = (struct schema_violation){
        .keyword = keyword,
        .pointer = written(k, write_pointer, at),
        .schema_location = written(k, write_location, at),
        .path = written(k, write_path, at),
        .message = arena_str(k->a, str_of(text)),
    };
}

static bool
is_email(struct str s)
{
    ptrdiff_t at = str_find_char(s, '@');

    return at > 0 && (size_t)at + 1 < s.n && str_find_char(s, ' ') < 0;
}

static bool
is_uri(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '"')
            return false;
    }
    return true;
}

static bool
is_uuid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return s.n == 36;
}

static bool
is_capitals(struct str s, size_t n)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    }
    return s.n == n;
}

/* RFC 3339 with a zone. */
static bool
is_date_time(struct str s)
{
    int64_t ms;
    bool date_only = false;
    char last = s.n ? s.p[s.n - 1] : '\0', sign = s.n > 6 ? s.p[s.n - 6] : '\0';

    return iso8601_parse(s, &ms, &date_only) && !date_only &&
           (last == 'Z' || last == 'z' || sign == '+' || sign == '-');
}

static void
check_string(struct check *k, const struct schema_field *f, struct str s, const struct crumb *at)
{
    int64_t n = f->length_min >= 0 || f->length_max >= 0 ? (int64_t)str_chars(s) : 0;
    size_t i = 0;

    if (f->format == FORMAT_EMAIL && !is_email(s))
        violation(k, at, "format", "[%.*s] is not a valid email address", STR_ARG(s));
    if (f->format == FORMAT_URI && !is_uri(s))
        violation(k, at, "format", "[%.*s] is not a valid URI", STR_ARG(s));
    if (f->format == FORMAT_UUID && !is_uuid(s))
        violation(k, at, "format", "[%.*s] is not a valid UUID", STR_ARG(s));
    if (f->format == FORMAT_CURRENCY && !is_capitals(s, 3))
        violation(k, at, "pattern", "string [%.*s] does not match pattern ^[A-Z]{3}$", STR_ARG(s));
    if (f->format == FORMAT_COUNTRY && !is_capitals(s, 2))
        violation(k, at, "pattern", "string [%.*s] does not match pattern ^[A-Z]{2}$", STR_ARG(s));
    while (i < f->value_count && !str_eq(f->values[i], s))
        i++;
    if (f->value_count > 0 && i == f->value_count)
        violation(k, at, "enum", "[%.*s] is not a valid enum value", STR_ARG(s));
    if (f->length_min >= 0 && n < f->length_min)
        violation(k, at, "minLength", "expected at least %lld characters, found %lld", (long long)f->length_min,
                  (long long)n);
    if (f->length_max >= 0 && n > f->length_max)
        violation(k, at, "maxLength", "expected at most %lld characters, found %lld", (long long)f->length_max,
                  (long long)n);
    if (f->pattern != NULL) {
        const char *z = arena_cstr(k->a, s);
        if (z != NULL && (memchr(z, '\0', s.n) != NULL || regexec(f->pattern, z, 0, NULL, 0) != 0))
            violation(k, at, "pattern", "string [%.*s] does not match pattern %.*s", STR_ARG(s),
                      STR_ARG(f->pattern_text));
    }
}

static void
check_number(struct check *k, const struct schema_field *f, const struct json *v, const struct crumb *at)
{
    static const struct {
        enum xdm_type type;
        int64_t max;
    } ranges[] = {{XDM_LONG, LONG_MAX_EXACT}, {XDM_INT, INT32_MAX}, {XDM_SHORT, INT16_MAX}, {XDM_BYTE, INT8_MAX}};
    double x = json_f64(v, 0);

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].type != f->type)
            continue;
        if (json_i64(v, 0) != json_i64(v, 1)) { /* not an integer at all */
            violation(k, at, "type", "expected type: Integer, found: Double");
            return;
        }
        if (x > (double)ranges[i].max)
            violation(k, at, "maximum", "%.17g is not less or equal to %lld", x, (long long)ranges[i].max);
        if (x < -(double)ranges[i].max - (f->type == XDM_LONG ? 0.0 : 1.0))
            violation(k, at, "minimum", "%.17g is below the range of %s", x, xdm_type_name(f->type));
    }
    if (f->has_max && x > f->max)
        violation(k, at, "maximum", "%.17g is not less or equal to %.17g", x, f->max);
    if (f->has_min && x < f->min)
        violation(k, at, "minimum", "%.17g is not greater or equal to %.17g", x, f->min);
}

static void check(struct check *k, const struct schema_field *f, const struct json *v, const struct crumb *at);

static void
check_object(struct check *k, const struct schema_field *f, const struct json *v, const struct crumb *at)
{
    struct json_iter it = json_iter(v);

    for (size_t i = 0; i < f->member_count; i++) {
        const struct json *got = f->members[i]->required ? json_get(v, f->members[i]->name) : v;
        if (got == NULL || json_is(got, JSON_NULL))
            violation(k, at, "required", "required key [%.*s] not found", STR_ARG(f->members[i]->name));
    }
    while (k->n < k->max && json_next(&it)) {
        const struct schema_field *m = schema_member(f, it.key);
        struct crumb below = {at, it.key, 0, false};
        if (m == NULL)
            violation(k, at, "additionalProperties", "extraneous key [%.*s] is not permitted", STR_ARG(it.key));
        else
            check(k, m, it.value, &below);
    }
}

static void
check_elements(struct check *k, const struct schema_field *f, const struct json *v, const struct crumb *at)
{
    struct json_iter it = json_iter(v);

    for (size_t i = 0; f->element != NULL && k->n < k->max && json_next(&it); i++) {
        struct crumb below = {at, it.key, i, f->type == XDM_MAP};
        check(k, f->element, it.value, &below);
    }
}

/* The JSON type that a field's value must have; JSON_DOUBLE stands for any number. */
static enum json_type
json_type_of(enum xdm_type t)
{
    switch (t) {
    case XDM_STRING:
    case XDM_DATE:
    case XDM_DATE_TIME:
        return JSON_STRING;
    case XDM_BOOLEAN:
        return JSON_BOOL;
    case XDM_ARRAY:
        return JSON_ARRAY;
    case XDM_OBJECT:
    case XDM_MAP:
        return JSON_OBJECT;
    case XDM_NONE:
    case XDM_ANY:
        return JSON_ABSENT;
    case XDM_NUMBER:
    case XDM_LONG:
    case XDM_INT:
    case XDM_SHORT:
    case XDM_BYTE:
        break;
    }
    return JSON_DOUBLE;
}

static void
check(struct check *k, const struct schema_field *f, const struct json *v, const struct crumb *at)
{
    enum json_type want = json_type_of(f->type), got = json_type(v);
    int64_t ms;
    bool date_only = false;

    if (want == JSON_ABSENT || got == JSON_NULL)
        return;
    if (want == JSON_DOUBLE ? !json_is_number(v) : got != want) {
        violation(k, at, "type", "expected type: %s, found: %s", xdm_type_name(f->type), json_type_name(got));
        return;
    }
    if (want == JSON_DOUBLE)
        check_number(k, f, v, at);
    else if (f->type == XDM_STRING)
        check_string(k, f, json_str(v), at);
    else if (f->type == XDM_DATE && !(iso8601_parse(json_str(v), &ms, &date_only) && date_only))
        violation(k, at, "format", "[%.*s] is not a valid date. Expected [yyyy-MM-dd]", STR_ARG(json_str(v)));
    else if (f->type == XDM_DATE_TIME && !is_date_time(json_str(v)))
        violation(k, at, "format", "[%.*s] is not a valid date-time. Expected RFC 3339 with a zone",
                  STR_ARG(json_str(v)));
    else if (f->type == XDM_OBJECT)
        check_object(k, f, v, at);
    else if (f->type == XDM_ARRAY || f->type == XDM_MAP)
        check_elements(k, f, v, at);
}

size_t
schema_view_validate(const struct schema_view *v, const struct json *record, struct arena *a,
                     struct schema_violation *out, size_t max)
{
    struct check k = {a, out, 0, max};

    if (json_is(record, JSON_OBJECT))
        check_object(&k, v->root, record, NULL);
    else
        violation(&k, NULL, "type", "expected type: object, found: %s", json_type_name(json_type(record)));
    for (size_t i = 0; i < v->identity_count && k.n < max; i++) {
        struct crumb at = {NULL, v->identities[i].path, 0, false};
        const struct json *id = json_path(record, v->identities[i].path);
        bool empty = json_is(id, JSON_NULL) || (json_is(id, JSON_STRING) && json_str(id).n == 0);
        if (empty)
            violation(&k, &at, "minLength", "identity field [%.*s] must not be empty", STR_ARG(v->identities[i].path));
    }
    return k.n;
}
