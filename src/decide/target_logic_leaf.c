/* target_logic_leaf.c - one condition as json-logic, by category [TARGET 4.2, 4.4]. The leaf has compiled before. */
#include "decide/target_logic_int.h"

#include "context/place.h"
#include "rule/js_value.h"
#include "rule/lowercase.h"

struct condition {
    struct field f;
    enum leaf_op op;
    struct str key; /* of the category, as written */
    struct str *values;
    size_t n;
    bool wanted; /* exists, hasValue: [true] */
};

typedef struct str each_value(struct logic *lg, const struct condition *c, struct str value);

static struct str
unknown_there(struct logic *lg, const struct condition *c)
{
    return logic_unsupported(lg, "'%.*s' of category '%.*s' is not known on a device", STR_ARG(c->f.name),
                             STR_ARG(c->key));
}

static struct str
cannot(struct logic *lg, const struct condition *c)
{
    return logic_unsupported(lg, "this operator on '%.*s' of category '%.*s' cannot be said on a device",
                             STR_ARG(c->f.name), STR_ARG(c->key));
}

static bool
is_equality(enum leaf_op op)
{
    return op == OP_EQUALS || op == OP_EQUALS_IGNORE_CASE || op == OP_MATCHES;
}

static bool
is_presence(enum leaf_op op)
{
    return op == OP_EXISTS || op == OP_HAS_VALUE;
}

static struct str
any_value(struct logic *lg, const struct condition *c, each_value *one)
{
    struct logic_list l = {0};

    for (size_t i = 0; i < c->n && lg->w.rc == ERR_OK; i++)
        logic_add(lg, &l, one(lg, c, c->values[i]));
    return logic_any(lg, &l);
}

static struct str
lowered(struct logic *lg, struct str text)
{
    struct str low = lowercase_str(text, lg->w.a);

    return low.p != NULL ? low : logic_printf(lg, "%s", "");
}

/* {"==":["<text>",{"var":"<path>"}]} */
static struct str
var_is(struct logic *lg, const char *object, const char *name, struct str text)
{
    return logic_equal(lg, logic_quote(lg, text), logic_var(lg, object, str_of(name), ""));
}

/* ---- texts: parameters and pages ---- */

static struct logic_subject
subject_of(struct logic *lg, const struct condition *c)
{
    const char *object = c->f.source == FIELD_MBOX ? "mbox" : c->f.source == FIELD_PAGE ? "page" : "referring";

    return (struct logic_subject){.var = logic_var(lg, object, c->f.name, ""),
                                  .lower = logic_var(lg, object, c->f.name, "_lc"),
                                  .exact = c->f.source == FIELD_MBOX,
                                  .empty_is_absent = c->f.source != FIELD_MBOX};
}

static struct str
text_value(struct logic *lg, const struct condition *c, struct str value)
{
    struct logic_subject s = subject_of(lg, c);
    struct field other;

    if (target_reference(value, &other))
        return logic_unsupported(lg, "a comparison with another attribute cannot be said on a device");
    if (s.var.p == NULL || s.lower.p == NULL)
        return S_NULL;
    return logic_operator(lg, c->op, &s, value);
}

static struct str
text_condition(struct logic *lg, const struct condition *c)
{
    struct logic_subject s;
    struct str there;

    if (!is_presence(c->op))
        return any_value(lg, c, text_value);
    s = subject_of(lg, c);
    there = s.var.p != NULL ? logic_present(lg, &s, c->op == OP_HAS_VALUE) : S_NULL;
    return c->wanted ? there : logic_not(lg, there);
}

/* Names with an empty part are not reached on device [TARGET 5.4]. */
static struct str
parameter_condition(struct logic *lg, const struct condition *c)
{
    struct str name = c->f.name;

    if (name.p[0] == '.' || name.p[name.n - 1] == '.' || str_find(name, S("..")) >= 0)
        return logic_unsupported(lg, "a device does not reach the parameter '%.*s'", STR_ARG(name));
    return text_condition(lg, c);
}

/* The URL begins with scheme and text, and then ends or goes on behind the host. */
static struct str
url_begins(struct logic *lg, const struct condition *c, const char *scheme, struct str host)
{
    static const char ends[] = "/?#:";
    bool whole = c->op != OP_STARTS_WITH;
    struct str url = logic_var(lg, c->f.source == FIELD_PAGE ? "page" : "referring", S("url_lc"), "");
    struct str begins = logic_printf(lg, "%s://%.*s", scheme, STR_ARG(host)), text;
    struct logic_list l = {0};

    if (url.p == NULL || begins.p == NULL)
        return S_NULL;
    if (whole)
        logic_add(lg, &l, logic_equal(lg, logic_quote(lg, begins), url));
    for (const char *end = ends; *end != '\0' && (whole || end == ends) && lg->w.rc == ERR_OK; end++) {
        text = whole ? logic_printf(lg, "%.*s%c", STR_ARG(begins), *end) : begins;
        logic_add(lg, &l,
                  logic_equal(lg, logic_quote(lg, text),
                              logic_printf(lg, "{\"substr\":[%.*s,0,%zu]}", STR_ARG(url), js_length(text))));
    }
    return logic_any(lg, &l);
}

static struct str
host_value(struct logic *lg, const struct condition *c, struct str value)
{
    struct str low = lowered(lg, value);
    double number;

    if (low.n == 0 || js_decimal(low, &number))
        return cannot(lg, c);
    return logic_or(lg, url_begins(lg, c, "https", low), url_begins(lg, c, "http", low));
}

static struct str
page_condition(struct logic *lg, const struct condition *c)
{
    struct str name = c->f.name;

    if (str_eq(name, S("domain"))) {
        if (is_presence(c->op))
            return text_condition(lg, c);
        return is_equality(c->op) || c->op == OP_STARTS_WITH ? any_value(lg, c, host_value) : cannot(lg, c);
    }
    if (str_eq(name, S("url")) || str_eq(name, S("path")) || str_eq(name, S("query")) || str_eq(name, S("fragment")))
        return text_condition(lg, c);
    return unknown_there(lg, c);
}

/* ---- browser and system ---- */

static struct str
browser_value(struct logic *lg, const struct condition *c, struct str value)
{
    static const char *const known[] = {"edge", "mobile safari", "chrome", "firefox", "ie", "unknown"};
    struct str low = lowered(lg, value);

    (void)c;
    if (str_eq(low, S("iphone")) || str_eq(low, S("ipad")) || str_eq(low, S("opera")))
        return logic_unsupported(lg, "a device does not tell '%.*s' from others", STR_ARG(low));
    if (str_eq(low, S("safari")))
        return logic_or(lg, var_is(lg, "user", "browserType", low),
                        var_is(lg, "user", "browserType", S("mobile safari")));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq(low, str_of(known[i])))
            return var_is(lg, "user", "browserType", low);
    }
    return LOGIC_FALSE;
}

static struct str
version_value(struct logic *lg, const struct condition *c, struct str value)
{
    return logic_number(lg, c->op, logic_var(lg, "user", S("browserVersion"), ""), value, S("-1"));
}

static struct str
browser_condition(struct logic *lg, const struct condition *c)
{
    if (str_eq(c->f.name, S("type"))) {
        if (is_presence(c->op))
            return c->wanted ? LOGIC_TRUE : LOGIC_FALSE;
        return is_equality(c->op) ? any_value(lg, c, browser_value) : cannot(lg, c);
    }
    if (!str_eq(c->f.name, S("version")))
        return unknown_there(lg, c);
    if (is_presence(c->op)) {
        struct str absent = logic_equal(lg, S("-1"), logic_var(lg, "user", S("browserVersion"), ""));
        return c->wanted ? logic_not(lg, absent) : absent;
    }
    return any_value(lg, c, version_value);
}

static struct str
system_value(struct logic *lg, const struct condition *c, struct str value)
{
    static const char *const known[] = {"iOS", "Android", "linux", "Unix", "windows", "mac", "unknown"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_eq_nocase(value, str_of(known[i])))
            return var_is(lg, "user", "platform", str_of(known[i]));
    }
    return cannot(lg, c);
}

static struct str
flag_value(struct logic *lg, const struct condition *c, struct str value)
{
    struct str low =
        c->op == OP_EQUALS || c->op == OP_EQUALS_IGNORE_CASE || c->op == OP_MATCHES ? lowered(lg, value) : value;
    struct str is = logic_equal(lg, logic_quote(lg, c->f.name), logic_var(lg, "user", S("platform"), ""));

    if (str_eq(low, S("true")))
        return is;
    return str_eq(low, S("false")) ? logic_not(lg, is) : LOGIC_FALSE;
}

static struct str
platform_condition(struct logic *lg, const struct condition *c)
{
    bool type = str_eq(c->f.name, S("type"));

    if (type && is_presence(c->op))
        return c->wanted ? LOGIC_TRUE : LOGIC_FALSE;
    if (is_presence(c->op))
        return flag_value(lg, c, c->wanted ? S("true") : S("false"));
    return is_equality(c->op) ? any_value(lg, c, type ? system_value : flag_value) : cannot(lg, c);
}

/* ---- places: upper case, name and code [TARGET 4.4] ---- */

static struct str
place_is(struct logic *lg, const char *name, struct str text)
{
    struct str upper = uppercase_str(text, lg->w.a);

    return upper.p != NULL ? var_is(lg, "geo", name, upper) : logic_printf(lg, "%s", "");
}

static struct str
named_place(struct logic *lg, bool country, struct str value)
{
    const char *var = country ? "country" : "region";
    struct str code = country ? place_country_code(value) : place_state_code(value);
    struct str name = country ? place_country_name(code.n > 0 ? code : value) : place_state_name(value);
    struct logic_list l = {0};

    if (code.n > 0 && !str_eq_nocase(code, value))
        logic_add(lg, &l, place_is(lg, var, code));
    logic_add(lg, &l, place_is(lg, var, value));
    if (name.n > 0 && !str_eq_nocase(name, value))
        logic_add(lg, &l, place_is(lg, var, name));
    return logic_any(lg, &l);
}

static struct str
place_value(struct logic *lg, const struct condition *c, struct str value)
{
    char *packed;
    size_t n = 0;

    if (str_starts(c->f.name, S("country")))
        return named_place(lg, true, value);
    if (!str_eq(c->f.name, S("city")))
        return named_place(lg, false, value);
    packed = arena_alloc(lg->w.a, value.n + 1);
    for (size_t i = 0; packed != NULL && i < value.n; i++) {
        if (value.p[i] != ' ')
            packed[n++] = value.p[i];
    }
    if (packed == NULL || n == value.n)
        return place_is(lg, "city", value);
    return logic_or(lg, place_is(lg, "city", value), place_is(lg, "city", (struct str){packed, n}));
}

static struct str
degrees_value(struct logic *lg, const struct condition *c, struct str value)
{
    return logic_number(lg, c->op, logic_var(lg, "geo", c->f.name, ""), value, S("null"));
}

static struct str
geo_condition(struct logic *lg, const struct condition *c)
{
    bool degrees = str_eq(c->f.name, S("latitude")) || str_eq(c->f.name, S("longitude"));
    bool place = str_starts(c->f.name, S("country")) || str_starts(c->f.name, S("state")) ||
                 str_eq(c->f.name, S("region")) || str_eq(c->f.name, S("city"));

    if (!degrees && !place)
        return unknown_there(lg, c);
    if (is_presence(c->op) || (place && !is_equality(c->op)))
        return cannot(lg, c);
    return any_value(lg, c, degrees ? degrees_value : place_value);
}

/* ---- one leaf ---- */

static bool
read_condition(struct logic *lg, const struct json *leaf, struct condition *c)
{
    struct json_iter it = json_iter(leaf);
    const struct json *values = NULL;

    while (json_next(&it)) {
        if (target_source(it.key, &c->f.source)) {
            c->f.name = json_str(it.value);
            c->key = it.key;
        } else if (target_operator(it.key, &c->op)) {
            values = it.value;
        }
    }
    c->wanted = json_bool(json_at(values, 0), true);
    if (is_presence(c->op))
        return true;
    c->values = target_values(&lg->w, values, &c->n);
    return c->values != NULL;
}

struct str
logic_leaf(struct logic *lg, const struct json *leaf)
{
    struct condition c = {.f = {FIELD__COUNT, S_NULL}, .op = OP__COUNT};

    if (json_get(leaf, S("time")) != NULL)
        return logic_time(lg, leaf);
    if (json_get(leaf, S("audience")) != NULL)
        return logic_unsupported(lg, "audiences of the platform are not known on a device");
    if (json_get(leaf, S("library")) != NULL)
        return logic_unsupported(lg, "category 'library' is not known on a device");
    if (!read_condition(lg, leaf, &c))
        return S_NULL;
    switch (c.f.source) {
    case FIELD_MBOX:
        return parameter_condition(lg, &c);
    case FIELD_PAGE:
    case FIELD_REFERRER:
        return page_condition(lg, &c);
    case FIELD_BROWSER:
        return browser_condition(lg, &c);
    case FIELD_PLATFORM:
        return platform_condition(lg, &c);
    case FIELD_GEO:
        return geo_condition(lg, &c);
    default:
        return unknown_there(lg, &c);
    }
}
