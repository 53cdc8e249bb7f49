/* decide_check.c - is an activity, offer or audience fit to be stored? [TARGET 6.3, 6.4]
 *
 * Every message names the member by its path and says what was expected there. The compiler reads what passed here
 * without looking again, but survives what did not. Here: the words of messages, and what all parts check alike.
 *
 *   decide_check_activity.c    head, schedule, entry, properties; then the parts in order
 *   decide_check_place.c       options and the locations where they show
 *   decide_check_experience.c  who gets which option where
 *   decide_check_combine.c     experiences that are combinations of options
 *   decide_check_learn.c       what machines decide about
 *   decide_check_metric.c      success metrics, gates, reporting audiences
 *   decide_check_offer.c       offers and audiences
 *
 * OURS, where the documents are silent: a draft (state saved) may lack parts, but what it has must be right; an
 * activity may have no metrics at all, because orders are counted anyway; hub audiences (text ids) are not looked up,
 * because they may be created later. */
#include <stdarg.h>

#include "decide/decide_check_int.h"

enum err
check_wrong(struct check *c, const struct json *got, const char *expected)
{
    return diag_set_path(c->d, ERR_INVALID, c->path, "%s must be %s, got %s", c->path, expected,
                         json_type_name(json_type(got)));
}

void
check_at(struct check *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->path, sizeof(c->path), fmt, args); /* a path that is cut still leads close */
    va_end(args);
}

enum err
check_say(struct check *c, const char *fmt, ...)
{
    char text[160];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return diag_set_path(c->d, ERR_INVALID, c->path, "%s %s", c->path, text);
}

static enum err
too_many(struct check *c, size_t n, int most)
{
    return diag_set_path(c->d, ERR_LIMIT, c->path, "%s has %zu elements, at most %d are allowed", c->path, n, most);
}

enum err
check_int(struct check *c, const struct json *v, int64_t low, int64_t high, bool optional)
{
    int64_t n = json_i64(v, low - 1);

    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_INT))
        return check_wrong(c, v, "an integer");
    if (n < low || n > high)
        return check_say(c, "must be %lld..%lld, got %lld", (long long)low, (long long)high, (long long)n);
    return ERR_OK;
}

enum err
check_bool(struct check *c, const struct json *v)
{
    return v == NULL || json_is(v, JSON_BOOL) ? ERR_OK : check_wrong(c, v, "true or false");
}

enum err
check_text(struct check *c, const struct json *v, size_t bytes_max, bool optional)
{
    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_STRING))
        return check_wrong(c, v, "a string");
    if (json_str(v).n == 0 && !optional)
        return check_say(c, "must not be empty");
    if (json_str(v).n > bytes_max)
        return diag_set_path(c->d, ERR_LIMIT, c->path, "%s has %zu bytes, at most %zu are allowed", c->path,
                             json_str(v).n, bytes_max);
    return ERR_OK;
}

enum err
check_list(struct check *c, const struct json *v, int most, bool optional)
{
    if (v == NULL && optional)
        return ERR_OK;
    if (!json_is(v, JSON_ARRAY))
        return check_wrong(c, v, "a list");
    return json_count(v) > (size_t)most ? too_many(c, json_count(v), most) : ERR_OK;
}

bool
check_taken(const struct json *list, size_t i, const char *member, const struct json *value)
{
    struct json_iter it = json_iter(list);

    for (size_t j = 0; j < i && json_next(&it); j++) {
        if (json_equal(json_get(it.value, str_of(member)), value))
            return true;
    }
    return false;
}

bool
check_listed(const struct json *list, const char *member, const struct json *value)
{
    return check_taken(list, json_count(list), member, value);
}

bool
check_known(struct check *c, const char *kind, const struct json *id)
{
    char text[24];
    struct str s = json_str(id);

    if (c->known == NULL)
        return true;
    if (json_is(id, JSON_INT)) {
        int n = snprintf(text, sizeof(text), "%lld", (long long)json_i64(id, 0));
        s = (struct str){text, (size_t)n};
    }
    return c->known->known(c->known->ctx, kind, s);
}

enum err
check_audience_id(struct check *c, const struct json *id)
{
    if (json_is(id, JSON_STRING) && json_str(id).n > 0)
        return ERR_OK;
    if (!json_is(id, JSON_INT))
        return check_wrong(c, id, "a number (a Target audience) or a text (an audience of the hub)");
    if (!check_known(c, "audience", id))
        return check_say(c, "names audience %lld, which does not exist", (long long)json_i64(id, 0));
    return ERR_OK;
}

enum err
check_audience_ids(struct check *c, const struct json *object, const char *base)
{
    const struct json *ids = json_get(object, S("audienceIds"));
    struct json_iter it = json_iter(ids);
    enum err rc;

    check_at(c, "%s.audienceIds", base);
    rc = check_list(c, ids, LIMIT_ACTIVITY_AUDIENCES, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        check_at(c, "%s.audienceIds[%zu]", base, i);
        rc = check_audience_id(c, it.value);
    }
    return rc;
}

enum err
check_local_id(struct check *c, const struct json *list, size_t i, const struct json *element, const char *base,
               const char *member, struct check_range range)
{
    const struct json *id = json_get(element, str_of(member));
    enum err rc;

    check_at(c, "%s", base);
    if (!json_is(element, JSON_OBJECT))
        return check_wrong(c, element, "an object");
    check_at(c, "%s.%s", base, member);
    rc = check_int(c, id, range.low, range.high, false);
    if (rc == ERR_OK && check_taken(list, i, member, id))
        rc = check_say(c, "%lld is used twice", (long long)json_i64(id, 0));
    return rc;
}
enum err
check_word(struct check *c, const struct json *v, const char *expected, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_is(v, JSON_STRING) && str_eq(json_str(v), str_of(words[i])))
            return ERR_OK;
    }
    if (json_is(v, JSON_STRING))
        return check_say(c, "must be %s, got '%.*s'", expected, (int)(json_str(v).n < 40 ? json_str(v).n : 40),
                         json_str(v).p);
    return check_wrong(c, v, expected);
}

enum err
check_mbox_name(struct check *c, const struct json *name, const char *base)
{
    struct str s = json_str(name);
    enum err rc;

    check_at(c, "%s.name", base);
    rc = check_text(c, name, LIMIT_MBOX_NAME_BYTES, false);
    if (rc == ERR_OK && str_ends(s, S("-clicked")))
        rc = check_say(c, "must not end in -clicked");
    if (rc == ERR_OK && (str_starts(s, S(" ")) || str_ends(s, S(" "))))
        rc = check_say(c, "must not begin or end with a blank");
    return rc;
}

bool
check_is_location(const struct json *activity, const struct json *id)
{
    const struct json *locations = json_get(activity, S("locations"));

    return id != NULL && (check_listed(json_get(locations, S("mboxes")), "locationLocalId", id) ||
                          check_listed(json_get(locations, S("selectors")), "locationLocalId", id));
}
