/* delivery_rule.c - members of a delivery request, each read under its rule, with a message that says where it is and
 * what was expected [TARGET 1.2, 1.7]. The vendor publishes two texts only; the others are ours, in one form. */
#include <stdarg.h>
#include <stdio.h>

#include "edge/delivery_int.h"

static void
put_path(struct buf *b, const struct delivery_at *at)
{
    if (at->up != NULL)
        put_path(b, at->up);
    if (at->member.p == NULL)
        buf_printf(b, "[%zu]", at->index);
    else
        buf_printf(b, "%s%.*s", at->up != NULL ? "." : "", STR_ARG(at->member));
}

/* As whoever sent the body knows it: every part that has an older name gets that. */
static struct str
as_sent(struct delivery_call *c, struct str path)
{
    for (const struct delivery_word *w = c->words; w != NULL && w->part != NULL; w++) {
        struct str part = str_of(w->part);
        ptrdiff_t at = str_find(path, part);
        if (at >= 0)
            path = ARENA_JOIN(c->arena, str_slice(path, 0, (size_t)at), str_of(w->sent),
                              str_slice(path, (size_t)at + part.n, path.n));
    }
    return path;
}

bool
rule_broken(struct delivery_call *c, const struct delivery_at *at, const char *fmt, ...)
{
    char text[160];
    struct buf path;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args); /* what is cut is the end of a value */
    va_end(args);
    buf_init_in(&path, c->arena, 512);
    put_path(&path, at);
    return delivery_fail(c, 400, "%.*s %s", STR_ARG(as_sent(c, buf_str(&path))), text);
}

/* NULL: absent, and that is fine when *ok. */
static const struct json *
member(struct delivery_call *c, const struct json *object, const struct delivery_at *at, bool required, bool *ok)
{
    const struct json *v = at->member.p != NULL ? json_get(object, at->member) : object;

    *ok = true;
    if (v != NULL && !json_is(v, JSON_NULL))
        return v;
    if (required)
        *ok = rule_broken(c, at, "must not be null");
    return NULL;
}

bool
rule_object(struct delivery_call *c, const struct json *object, const struct delivery_at *at, bool required,
            const struct json **out)
{
    bool ok;
    const struct json *v = member(c, object, at, required, &ok);

    if (v == NULL)
        return ok;
    if (!json_is(v, JSON_OBJECT))
        return rule_broken(c, at, "must be an object, got %s", json_type_name(json_type(v)));
    *out = v;
    return true;
}

bool
rule_list(struct delivery_call *c, const struct json *object, const struct delivery_at *at, size_t max,
          const struct json **out)
{
    bool ok;
    const struct json *v = member(c, object, at, false, &ok);

    if (v == NULL)
        return ok;
    if (!json_is(v, JSON_ARRAY))
        return rule_broken(c, at, "must be a list, got %s", json_type_name(json_type(v)));
    if (json_count(v) > max)
        return rule_broken(c, at, "size must be between 0 and %zu", max);
    *out = v;
    return true;
}

bool
rule_text(struct delivery_call *c, const struct json *object, const struct delivery_at *at, size_t min, size_t max,
          bool required, struct str *out)
{
    bool ok;
    const struct json *v = member(c, object, at, required, &ok);
    size_t n;

    if (v == NULL)
        return ok;
    if (!json_is(v, JSON_STRING))
        return rule_broken(c, at, "must be a string, got %s", json_type_name(json_type(v)));
    n = str_chars(json_str(v));
    if (n < min && str_trim(json_str(v)).n == 0)
        return rule_broken(c, at, "must not be blank");
    if (n < min || n > max)
        return rule_broken(c, at, "size must be between %zu and %zu", min, max);
    *out = json_str(v);
    return true;
}

bool
rule_word(struct delivery_call *c, const struct json *object, const struct delivery_at *at, const char *words,
          bool required, struct str *out)
{
    struct str text = S_NULL, rest = str_of(words), word;

    if (!rule_text(c, object, at, 0, 64, required, &text))
        return false;
    if (text.p == NULL)
        return true;
    while (str_split(&rest, ' ', &word)) {
        if (str_eq(word, text)) {
            *out = text;
            return true;
        }
    }
    return rule_broken(c, at, "must be one of: %s", words);
}

bool
rule_bool(struct delivery_call *c, const struct json *object, const struct delivery_at *at, bool *out)
{
    bool ok;
    const struct json *v = member(c, object, at, false, &ok);

    if (v == NULL)
        return ok;
    if (!json_is(v, JSON_BOOL))
        return rule_broken(c, at, "must be true or false");
    *out = json_bool(v, false);
    return true;
}

bool
rule_int(struct delivery_call *c, const struct json *object, const struct delivery_at *at, int64_t min, bool required,
         int64_t *out)
{
    bool ok;
    const struct json *v = member(c, object, at, required, &ok);

    if (v == NULL)
        return ok;
    if (!json_is_number(v) || json_i64(v, INT64_MIN) == INT64_MIN)
        return rule_broken(c, at, "must be an integer");
    if (json_i64(v, 0) < min)
        return rule_broken(c, at, "must be greater than or equal to %lld", (long long)min);
    *out = json_i64(v, 0);
    return true;
}

bool
rule_number(struct delivery_call *c, const struct json *object, const struct delivery_at *at, double min, double *out)
{
    bool ok;
    const struct json *v = member(c, object, at, false, &ok);

    if (v == NULL)
        return ok;
    if (!json_is_number(v))
        return rule_broken(c, at, "must be a number");
    if (json_f64(v, 0) < min)
        return rule_broken(c, at, "must be greater than or equal to %g", min);
    *out = json_f64(v, 0);
    return true;
}
