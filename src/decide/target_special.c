/* target_special.c - conditions that ask more than the field they name [TARGET 4.2].
 *
 *   browser type      "safari" includes the mobile one; what the user agent rules cannot tell apart has its own fields
 *   country, region   by English name and by code
 *   categoryAffinity  any of the five favourites; categoryAffinity.first .. .fifth is one of them
 *   library           the old presets, by the name of what they stand for */
#include "context/place.h"
#include "decide/target_int.h"

/* ---- browsers ---- */

static struct rule_node *
browser_type(struct lower *w, struct str name)
{
    static const char *const own[] = {"iphone", "ipad", "opera"};
    struct rule_node *type = target_param(w, FIELD_BROWSER, S("type"));
    struct str both[] = {S("safari"), S("mobile safari")};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (str_eq_nocase(name, str_of(own[i])))
            return target_compare(w, CMP_EQ, target_param(w, FIELD_BROWSER, str_of(own[i])), target_text(w, S("true")));
    }
    if (str_eq_nocase(name, S("safari")))
        return target_holds(w, OP_MATCHES, type, both, 2, false);
    return target_holds(w, OP_MATCHES, type, &name, 1, false);
}

static struct rule_node *
browser_types(struct lower *w, const struct str *texts, size_t n)
{
    struct rule_node **types = ARENA_ARRAY(w->a, struct rule_node *, n);

    if (types == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        types[i] = browser_type(w, texts[i]);
        if (types[i] == NULL)
            return NULL;
    }
    return target_any_of(w, types, n);
}

/* ---- places ---- */

static struct rule_node *
either_place(struct lower *w, enum leaf_op op, bool country, const struct str *texts, size_t n)
{
    struct str *names = ARENA_ARRAY(w->a, struct str, n), *codes = ARENA_ARRAY(w->a, struct str, n);

    if (names == NULL || codes == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        struct str code = country ? place_country_code(texts[i]) : place_state_code(texts[i]);
        struct str name = country ? place_country_name(code.n > 0 ? code : texts[i]) : place_state_name(texts[i]);
        names[i] = name.n > 0 && op <= OP_EQUALS_IGNORE_CASE ? name : texts[i];
        codes[i] = code.n > 0 && op <= OP_EQUALS_IGNORE_CASE ? code : texts[i];
    }
    return target_node2(
        w, RULE_OR,
        target_holds(w, op, target_param(w, FIELD_GEO, country ? S("country") : S("state")), names, n, false),
        target_holds(w, op, target_param(w, FIELD_GEO, country ? S("countryCode") : S("stateCode")), codes, n, false));
}

/* ---- affinity ---- */

static struct rule_node *
any_rank(struct lower *w, enum leaf_op op, const struct str *texts, size_t n)
{
    static const char *const ranks[] = {"categoryAffinity.first", "categoryAffinity.second", "categoryAffinity.third",
                                        "categoryAffinity.fourth", "categoryAffinity.fifth"};
    size_t count = sizeof(ranks) / sizeof(ranks[0]);
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, count);

    if (args == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < count; i++) {
        args[i] = target_holds(w, op, target_param(w, FIELD_PROFILE, str_of(ranks[i])), texts, n, false);
        if (args[i] == NULL)
            return NULL;
    }
    return target_any_of(w, args, count);
}

bool
target_special(struct lower *w, enum leaf_op op, const struct field *f, const struct str *texts, size_t n,
               struct rule_node **out)
{
    bool equality = op == OP_EQUALS || op == OP_EQUALS_IGNORE_CASE || op == OP_MATCHES;
    bool country = str_eq(f->name, S("country"));

    if (f->source == FIELD_BROWSER && str_eq(f->name, S("type")) && equality)
        *out = browser_types(w, texts, n);
    else if (f->source == FIELD_GEO && (country || str_eq(f->name, S("region")) || str_eq(f->name, S("state"))))
        *out = either_place(w, equality ? OP_EQUALS_IGNORE_CASE : op, country, texts, n);
    else if (f->source == FIELD_PROFILE && str_eq(f->name, S("categoryAffinity")))
        *out = any_rank(w, op, texts, n);
    else
        return false;
    return true;
}

/* ---- library ---- */

static const struct preset {
    const char *name;
    enum field_source source;
    const char *field, *value; /* value NULL: the field is true or false */
} presets[] = {
    {"newVisitors", FIELD_PROFILE, "new", NULL},
    {"returningVisitors", FIELD_PROFILE, "returning", NULL},
    {"firstPageOfSession", FIELD_PROFILE, "firstPageOfSession", NULL},
    {"notFirstPageOfSession", FIELD_PROFILE, "notFirstPageOfSession", NULL},
    {"mobileDevice", FIELD_MOBILE, "isMobileDevice", NULL},
    {"mobilePhone", FIELD_MOBILE, "isMobilePhone", NULL},
    {"tabletDevice", FIELD_MOBILE, "isTablet", NULL},
    {"fromBaidu", FIELD_SOURCE, "baidu", NULL},
    {"fromBing", FIELD_SOURCE, "bing", NULL},
    {"fromGoogle", FIELD_SOURCE, "google", NULL},
    {"fromYahoo", FIELD_SOURCE, "yahoo", NULL},
    {"linux", FIELD_PLATFORM, "linux", NULL},
    {"mac", FIELD_PLATFORM, "mac", NULL},
    {"windows", FIELD_PLATFORM, "windows", NULL},
    {"chrome", FIELD_BROWSER, "type", "chrome"},
    {"firefox", FIELD_BROWSER, "type", "firefox"},
    {"internetExplorer", FIELD_BROWSER, "type", "ie"},
    {"edge", FIELD_BROWSER, "type", "edge"},
    {"safari", FIELD_BROWSER, "type", "safari"},
    {"opera", FIELD_BROWSER, "type", "opera"},
};

/* {"library":"tabletDevice"}, or with "exists":[true|false]. */
struct rule_node *
target_library(struct lower *w, const struct json *leaf)
{
    struct str name = json_str(json_get(leaf, S("library")));
    const struct json *exists = json_get(leaf, S("exists"));
    bool wanted = json_bool(json_at(exists, 0), true);
    struct rule_node *x;

    if (json_count(leaf) > (exists ? 2u : 1u) ||
        (exists && (json_count(exists) != 1 || !json_is(json_at(exists, 0), JSON_BOOL))))
        return target_refuse(w, "{\"library\":\"<name>\"}, with \"exists\":[true] or [false] at most", leaf);
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (!str_eq(name, str_of(presets[i].name)))
            continue;
        if (presets[i].value == NULL)
            return target_present(w, OP_EXISTS, &(struct field){presets[i].source, str_of(presets[i].field)}, wanted);
        x = browser_type(w, str_of(presets[i].value));
        return wanted ? x : target_node1(w, RULE_NOT, x);
    }
    w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: unknown field '%.*s' of category 'library'", w->path,
                          (int)(name.n < 60 ? name.n : 60), name.n ? name.p : "");
    return NULL;
}
