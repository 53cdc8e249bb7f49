/* js_value.c - see js_value.h. Sources: ECMA-262, ToBoolean, ToNumber, ToString, IsLooselyEqual, IsLessThan. */
#include "rule/js_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule/casefold.h"

/* ---- numbers ---- */

struct value
js_double(double f)
{
    if (f == trunc(f) && fabs(f) < 9007199254740992.0 && !(f == 0 && signbit(f)))
        return value_int((int64_t)f);
    return (struct value){.kind = VALUE_DOUBLE, .f = f};
}

static bool
is_blank(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 || c == 0xFEFF;
}

/* Without JavaScript's white space at both ends. */
static struct str
trim(struct str s)
{
    struct str rest = s, end = s;
    size_t last = 0;

    while (rest.n > 0 && is_blank(casefold_take(&rest)))
        s = rest;
    for (end = s; end.n > 0;) {
        uint32_t c = casefold_take(&end);
        if (!is_blank(c))
            last = s.n - end.n;
    }
    return str_slice(s, 0, last);
}

/* The longest decimal literal at the start of s: [sign] digits [. digits] [e [sign] digits]. 0: none. */
static size_t
decimal_span(struct str s, bool exponent)
{
    size_t i = s.n > 0 && (s.p[0] == '+' || s.p[0] == '-') ? 1 : 0, digits = i, e;

    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    digits = i - digits;
    if (i < s.n && s.p[i] == '.') {
        size_t from = ++i;
        while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
            i++;
        digits += i - from;
        if (digits == 0)
            return 0;
    }
    if (digits == 0)
        return 0;
    e = i;
    if (exponent && e < s.n && (s.p[e] == 'e' || s.p[e] == 'E')) {
        e++;
        if (e < s.n && (s.p[e] == '+' || s.p[e] == '-'))
            e++;
        for (size_t from = e; e < s.n && s.p[e] >= '0' && s.p[e] <= '9'; e++)
            i = e + 1 > from ? e + 1 : i;
    }
    return i;
}

/* strtod() of a span found by decimal_span(), which has no end of its own. NaN: no memory. */
static double
decimal_value(struct str s)
{
    char room[1100], *text = room;
    double f;

    if (s.n >= sizeof(room)) {
        text = malloc(s.n + 1);
        if (text == NULL)
            return NAN;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    f = strtod(text, NULL);
    if (text != room)
        free(text);
    return f;
}

bool
js_decimal(struct str text, double *out)
{
    struct str s = trim(text);

    if (s.n == 0 || decimal_span(s, false) != s.n)
        return false;
    *out = decimal_value(s);
    return !isnan(*out);
}

static int
digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* "0x1F", "0o17", "0b1" without its two characters of prefix. */
static double
prefixed_value(struct str s, int base)
{
    double f = 0;

    if (s.n == 0)
        return NAN;
    for (size_t i = 0; i < s.n; i++) {
        int d = digit_of(s.p[i]);
        if (d >= base)
            return NAN;
        f = f * base + d;
    }
    return f;
}

static bool
infinity(struct str s, double *f)
{
    bool negative = str_starts(s, S("-"));

    if (!str_eq(negative || str_starts(s, S("+")) ? str_slice(s, 1, s.n) : s, S("Infinity")))
        return false;
    *f = negative ? -INFINITY : INFINITY;
    return true;
}

static double
text_number(struct str text)
{
    struct str s = trim(text);
    double f;

    if (s.n == 0)
        return 0;
    if (s.n > 2 && s.p[0] == '0' && strchr("xXoObB", s.p[1]) != NULL) {
        int base = s.p[1] == 'x' || s.p[1] == 'X' ? 16 : s.p[1] == 'o' || s.p[1] == 'O' ? 8 : 2;
        return prefixed_value(str_slice(s, 2, s.n), base);
    }
    if (infinity(s, &f))
        return f;
    return decimal_span(s, true) == s.n ? decimal_value(s) : NAN;
}

double
js_number(struct value v, struct arena *a, bool *nomem)
{
    switch (v.kind) {
    case VALUE_NULL:
        return 0;
    case VALUE_BOOL:
        return v.b ? 1 : 0;
    case VALUE_INT:
    case VALUE_TIME:
        return (double)v.i;
    case VALUE_DOUBLE:
        return v.f;
    case VALUE_STRING:
        return text_number(v.s);
    case VALUE_LIST:
        return text_number(js_text(v, a, nomem));
    default:
        return NAN;
    }
}

double
js_parse_float(struct value v, struct arena *a, bool *nomem)
{
    struct str s;
    size_t n;
    double f;

    if (value_is_number(v))
        return js_number(v, a, nomem);
    s = trim(js_text(v, a, nomem));
    n = decimal_span(s, true);
    if (n > 0)
        return decimal_value(str_slice(s, 0, n));
    n = str_starts(s, S("-")) || str_starts(s, S("+")) ? 9 : 8;
    return infinity(str_slice(s, 0, n), &f) ? f : NAN;
}

/* ---- texts ---- */

/* Number::toString: the shortest digits that read back, written plainly between 1e-6 and 1e21. */
static struct str
number_text(double f, struct arena *a)
{
    char digits[40], *e;
    int exponent, count, precision = 0;
    bool negative = f < 0;
    struct buf b;

    if (isnan(f))
        return S("NaN");
    if (isinf(f))
        return negative ? S("-Infinity") : S("Infinity");
    if (f == 0)
        return S("0");
    do
        (void)snprintf(digits, sizeof digits, "%.*e", precision, fabs(f));
    while (strtod(digits, NULL) != fabs(f) && ++precision < 17);
    e = strchr(digits, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    if (precision > 0)
        memmove(digits + 1, digits + 2, (size_t)precision); /* the point */
    count = precision + 1;
    buf_init_in(&b, a, 64);
    if (negative)
        buf_putc(&b, '-');
    if (exponent >= 21 || exponent < -6) {
        buf_put(&b, (struct str){digits, 1});
        if (count > 1)
            buf_printf(&b, ".%.*s", count - 1, digits + 1);
        buf_printf(&b, "e%c%d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        buf_put(&b, S("0."));
        for (int i = -1; i > exponent; i--)
            buf_putc(&b, '0');
        buf_put(&b, (struct str){digits, (size_t)count});
    } else {
        for (int i = 0; i < count || i <= exponent; i++) {
            if (i == exponent + 1)
                buf_putc(&b, '.');
            buf_putc(&b, i < count ? digits[i] : '0');
        }
    }
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

static struct str
list_text(struct value v, struct arena *a, bool *nomem)
{
    struct value_iter it = value_iter(v);
    struct str *parts = ARENA_ARRAY(a, struct str, 2 * value_count(v) + 1), s = S("");
    size_t n = 0;

    if (parts == NULL) {
        *nomem = true;
        return s;
    }
    while (value_next(&it) && !*nomem) {
        if (n > 0)
            parts[n++] = S(",");
        parts[n++] = it.value.kind == VALUE_NULL ? S("") : js_text(value_keep(&it, a, nomem), a, nomem);
    }
    s = arena_join(a, parts, n);
    if (s.p == NULL)
        *nomem = true;
    return s;
}

struct str
js_text(struct value v, struct arena *a, bool *nomem)
{
    struct str s;

    switch (v.kind) {
    case VALUE_NULL:
        return S("null");
    case VALUE_BOOL:
        return v.b ? S("true") : S("false");
    case VALUE_INT:
    case VALUE_TIME:
        s = number_text((double)v.i, a);
        break;
    case VALUE_DOUBLE:
        s = number_text(v.f, a);
        break;
    case VALUE_STRING:
        return v.s;
    case VALUE_LIST:
        return list_text(v, a, nomem);
    default:
        return S("[object Object]");
    }
    if (s.p == NULL)
        *nomem = true;
    return s;
}

size_t
js_length(struct str text)
{
    size_t n = 0;

    while (text.n > 0)
        n += casefold_take(&text) >= 0x10000 ? 2 : 1;
    return n;
}

/* Appends units [from, to) of s. */
static size_t
put_units(char *out, struct str s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t at = 0; s.n > 0 && at < to;) {
        uint32_t c = casefold_take(&s);
        if (c < 0x10000) {
            if (at >= from)
                n += casefold_put(out + n, c);
            at++;
            continue;
        }
        if (at >= from && at + 1 < to)
            n += casefold_put(out + n, c);
        else if (at >= from)
            n += casefold_put(out + n, 0xD800 + ((c - 0x10000) >> 10));
        else if (at + 1 >= from && at + 1 < to)
            n += casefold_put(out + n, 0xDC00 + ((c - 0x10000) & 0x3FF));
        at += 2;
    }
    return n;
}

struct str
js_substr(struct str text, double start, double length, struct arena *a, bool *nomem)
{
    double units = (double)js_length(text), from = isnan(start) ? 0 : trunc(start), to;
    char *p;

    from = from < 0 ? fmax(units + from, 0) : fmin(from, units);
    to = isnan(length) ? units : fmin(from + fmax(trunc(length), 0), units);
    if (from >= to)
        return S("");
    p = arena_alloc(a, text.n * 2 + 1); /* twice: a malformed byte grows */
    if (p == NULL) {
        *nomem = true;
        return S("");
    }
    return (struct str){p, put_units(p, text, (size_t)from, (size_t)to)};
}

/* ---- truth and comparison ---- */

bool
js_truth(struct value v)
{
    switch (v.kind) {
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return v.b;
    case VALUE_INT:
        return v.i != 0;
    case VALUE_DOUBLE:
        return v.f != 0 && !isnan(v.f);
    case VALUE_STRING:
        return v.s.n > 0;
    case VALUE_LIST:
        return value_count(v) > 0;
    default:
        return true;
    }
}

static bool
is_object(struct value v)
{
    return v.kind == VALUE_LIST || v.kind == VALUE_MAP || v.kind == VALUE_ENTRY;
}

/* The same list or map, not an equal one. */
static bool
is_identical(struct value x, struct value y)
{
    if (x.kind != y.kind)
        return false;
    if (x.kind == VALUE_LIST)
        return x.list == y.list || (x.list->json != NULL && x.list->json == y.list->json);
    return x.kind == VALUE_MAP && (x.map == y.map || (x.map->json != NULL && x.map->json == y.map->json));
}

bool
js_same(struct value x, struct value y)
{
    bool nomem = false;

    if (is_object(x) || is_object(y))
        return is_identical(x, y);
    if (value_is_number(x) && value_is_number(y))
        return js_number(x, NULL, &nomem) == js_number(y, NULL, &nomem);
    if (x.kind != y.kind)
        return false;
    return x.kind == VALUE_NULL || (x.kind == VALUE_BOOL ? x.b == y.b : str_eq(x.s, y.s));
}

bool
js_equal(struct value x, struct value y, struct arena *a, bool *nomem)
{
    if (x.kind == VALUE_NULL || y.kind == VALUE_NULL)
        return x.kind == y.kind;
    if (is_object(x) && is_object(y))
        return is_identical(x, y);
    if (is_object(x))
        x = value_string(js_text(x, a, nomem));
    if (is_object(y))
        y = value_string(js_text(y, a, nomem));
    if (x.kind == y.kind && !value_is_number(x))
        return js_same(x, y);
    return js_number(x, a, nomem) == js_number(y, a, nomem);
}

/* UTF-16 order: surrogates stand before U+E000. */
static uint32_t
order_of(uint32_t c)
{
    return c >= 0x10000 ? 0xD800 + ((c - 0x10000) >> 10) : c;
}

static int
compare_units(struct str x, struct str y)
{
    while (x.n > 0 && y.n > 0) {
        uint32_t c = casefold_take(&x), e = casefold_take(&y);
        if (c != e)
            return order_of(c) != order_of(e) ? (order_of(c) < order_of(e) ? -1 : 1) : c < e ? -1 : 1;
    }
    return x.n > 0 ? 1 : y.n > 0 ? -1 : 0;
}

bool
js_less(struct value x, struct value y, bool or_equal, struct arena *a, bool *nomem)
{
    double f, g;

    if (is_object(x))
        x = value_string(js_text(x, a, nomem));
    if (is_object(y))
        y = value_string(js_text(y, a, nomem));
    if (x.kind == VALUE_STRING && y.kind == VALUE_STRING)
        return compare_units(x.s, y.s) < (or_equal ? 1 : 0);
    f = js_number(x, a, nomem);
    g = js_number(y, a, nomem);
    return or_equal ? f <= g : f < g;
}

bool
js_contains(struct value haystack, struct value needle, struct arena *a, bool *nomem)
{
    struct value_iter it;

    if (haystack.kind == VALUE_STRING)
        return haystack.s.n > 0 && str_find(haystack.s, js_text(needle, a, nomem)) >= 0;
    if (haystack.kind != VALUE_LIST)
        return false;
    it = value_iter(haystack);
    while (value_next(&it)) {
        if (js_same(it.value, needle))
            return true;
    }
    return false;
}

/* ---- paths ---- */

/* "0", "17": an index as JavaScript writes it. */
static bool
is_index(struct str s, size_t *index)
{
    uint64_t n;

    if (s.n == 0 || s.n > 9 || (s.p[0] == '0' && s.n > 1) || s.p[0] == '+' || !str_to_u64(s, &n))
        return false;
    *index = (size_t)n;
    return true;
}

static bool
member_of(struct value data, struct str name, struct value *out, struct arena *a, bool *nomem)
{
    struct value_iter it = value_iter(data);
    size_t index, at = 0;

    if (data.kind == VALUE_MAP) {
        while (value_next(&it)) {
            if (str_eq(it.key, name)) {
                *out = value_keep(&it, a, nomem);
                return true;
            }
        }
        return false;
    }
    if (data.kind != VALUE_LIST && data.kind != VALUE_STRING)
        return false;
    if (str_eq(name, S("length"))) {
        *out = value_int((int64_t)(data.kind == VALUE_LIST ? value_count(data) : js_length(data.s)));
        return true;
    }
    if (!is_index(name, &index))
        return false;
    if (data.kind == VALUE_STRING) {
        *out = value_string(js_substr(data.s, (double)index, 1, a, nomem));
        return out->s.n > 0;
    }
    while (value_next(&it)) {
        if (at++ == index) {
            *out = value_keep(&it, a, nomem);
            return true;
        }
    }
    return false;
}

bool
js_path(struct value data, struct str path, struct value *out, struct arena *a, bool *nomem)
{
    struct str rest = path, part;

    while (str_split(&rest, '.', &part)) {
        if (!member_of(data, part, &data, a, nomem))
            return false;
    }
    *out = data;
    return true;
}
