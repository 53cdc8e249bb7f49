/* decide_check_combine.c - experiences that are combinations of options [TARGET 2.1, 6.3]: mvt and abt.
 *
 *   mvt   "locationOptions":[{"locationLocalId":0,"optionLocalIds":[0,1]}], one for each location, and
 *         "excludedCombinations":[[{"locationLocalId":0,"optionLocalId":1},..]]   OURS
 *   abt   "optionGroups":[{"optionGroupLocalId":0,"optionLocalIds":[..]}]; a location has "optionGroupLocalIds":[..]
 *
 * An exclusion removes every combination that has all its pairs. decide_expand.c makes experiences of the rest. */
#include "decide/decide_check_int.h"

#define DIMENSIONS_MAX (2 * LIMIT_ACTIVITY_LOCATIONS)

struct dimension {
    const struct json *location;                        /* locationLocalId */
    const struct json *lists[LIMIT_ACTIVITY_AUDIENCES]; /* of optionLocalIds, one after the other */
    size_t list_count;
    uint32_t n;
    uint64_t divisor; /* a combination's digit here is number / divisor % n */
};

struct combinations {
    const struct json *o;
    struct dimension *dims;
    size_t dim_count;
    uint64_t n;
};

/* ---- option ids ---- */

static bool
is_repeated(const struct json *ids, size_t i, const struct json *id)
{
    struct json_iter it = json_iter(ids);

    for (size_t j = 0; j < i && json_next(&it); j++) {
        if (json_equal(it.value, id))
            return true;
    }
    return false;
}

static enum err
check_option_ids(struct check *c, const struct json *o, const struct json *holder, const char *base)
{
    const struct json *ids = json_get(holder, S("optionLocalIds"));
    struct json_iter it = json_iter(ids);
    enum err rc;

    check_at(c, "%s.optionLocalIds", base);
    rc = check_list(c, ids, LIMIT_EXPERIENCES, c->draft);
    if (rc == ERR_OK && !c->draft && json_count(ids) == 0)
        return check_say(c, "must have at least one option");
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        check_at(c, "%s.optionLocalIds[%zu]", base, i);
        if (!check_listed(json_get(o, S("options")), "optionLocalId", it.value))
            rc = check_say(c, "must name an option of the activity");
        else if (is_repeated(ids, i, it.value))
            rc = check_say(c, "names an option that is there already");
    }
    return rc;
}

/* ---- locationOptions and optionGroups ---- */

static enum err
check_location_options(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("locationOptions"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    check_at(c, "locationOptions");
    rc = check_list(c, list, DIMENSIONS_MAX, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *location = json_get(it.value, S("locationLocalId"));
        (void)snprintf(base, sizeof(base), "locationOptions[%zu]", i);
        check_at(c, "%s.locationLocalId", base);
        if (!check_is_location(o, location))
            return check_say(c, "must name a location of the activity");
        if (check_taken(list, i, "locationLocalId", location))
            return check_say(c, "names a location that is there already");
        rc = check_option_ids(c, o, it.value, base);
    }
    return rc;
}

static enum err
check_groups(struct check *c, const struct json *o)
{
    const struct json *list = json_get(o, S("optionGroups"));
    struct json_iter it = json_iter(list);
    char base[48];
    enum err rc;

    check_at(c, "optionGroups");
    rc = check_list(c, list, DIMENSIONS_MAX, true);
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        (void)snprintf(base, sizeof(base), "optionGroups[%zu]", i);
        rc = check_local_id(c, list, i, it.value, base, "optionGroupLocalId", (struct check_range){0, INT32_MAX});
        check_at(c, "%s.name", base);
        if (rc == ERR_OK)
            rc = check_text(c, json_get(it.value, S("name")), LIMIT_OBJECT_NAME_BYTES, true);
        if (rc == ERR_OK)
            rc = check_option_ids(c, o, it.value, base);
    }
    return rc;
}

/* ---- combinations ---- */

static const struct json *
find(const struct json *list, struct str member, const struct json *id)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        if (json_equal(json_get(it.value, member), id))
            return it.value;
    }
    return NULL;
}

static void
add_list(struct dimension *d, const struct json *ids)
{
    if (ids == NULL || d->list_count == sizeof(d->lists) / sizeof(d->lists[0]))
        return;
    d->lists[d->list_count++] = ids;
    d->n += (uint32_t)json_count(ids);
}

/* The options that a location may have: of its groups, or its own. */
static enum err
read_dimension(struct check *c, const struct json *o, const struct json *location, struct dimension *d)
{
    const struct json *groups = json_get(location, S("optionGroupLocalIds"));
    struct json_iter it = json_iter(groups);
    enum err rc = check_list(c, groups, LIMIT_ACTIVITY_AUDIENCES, true);

    *d = (struct dimension){.location = json_get(location, S("locationLocalId"))};
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *group = find(json_get(o, S("optionGroups")), S("optionGroupLocalId"), it.value);
        if (group == NULL)
            rc = check_say(c, "must name groups in optionGroups");
        else if (is_repeated(groups, i, it.value))
            rc = check_say(c, "names a group twice");
        else
            add_list(d, json_get(group, S("optionLocalIds")));
    }
    if (rc == ERR_OK && json_count(groups) == 0)
        add_list(d, json_get(find(json_get(o, S("locationOptions")), S("locationLocalId"), d->location),
                             S("optionLocalIds")));
    if (rc == ERR_OK && d->n == 0 && !c->draft)
        rc = check_say(c, "must name the options of the location, or locationOptions must");
    return rc;
}

static enum err
read_dimensions(struct check *c, struct combinations *x)
{
    static const char *const kinds[] = {"mboxes", "selectors"};
    enum err rc = ERR_OK;

    x->n = 1;
    for (size_t k = 0; k < 2; k++) {
        struct json_iter it = json_iter(json_get(json_get(x->o, S("locations")), str_of(kinds[k])));
        for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
            struct dimension *d = &x->dims[x->dim_count];
            check_at(c, "locations.%s[%zu].optionGroupLocalIds", kinds[k], i);
            rc = read_dimension(c, x->o, it.value, d);
            if (rc != ERR_OK || d->n == 0)
                continue;
            x->dim_count++;
            x->n = x->n <= LIMIT_COMBINATIONS ? x->n * d->n : x->n;
        }
    }
    check_at(c, "locations");
    if (rc == ERR_OK && x->n > LIMIT_COMBINATIONS)
        return diag_set_path(c->d, ERR_LIMIT, c->path, "%s make more combinations of options than %d", c->path,
                             LIMIT_COMBINATIONS);
    for (size_t k = x->dim_count, divisor = 1; k > 0; k--) {
        x->dims[k - 1].divisor = divisor;
        divisor *= x->dims[k - 1].n;
    }
    return rc;
}

/* ---- exclusions ---- */

/* Digit `digit` of a dimension; the pairs of one exclusion stand together. */
struct pair {
    uint64_t divisor;
    uint32_t n, digit;
    bool last;
};

static bool
find_digit(const struct dimension *d, const struct json *option, uint32_t *digit)
{
    uint32_t at = 0;

    for (size_t i = 0; i < d->list_count; i++) {
        struct json_iter it = json_iter(d->lists[i]);
        while (json_next(&it)) {
            if (json_equal(it.value, option)) {
                *digit = at;
                return true;
            }
            at++;
        }
    }
    return false;
}

static enum err
read_pair(struct check *c, const struct combinations *x, const struct json *v, struct pair *pair)
{
    *pair = (struct pair){.divisor = 1, .n = 1}; /* of nothing, until the location is found */
    for (size_t k = 0; k < x->dim_count; k++) {
        const struct dimension *d = &x->dims[k];
        if (!json_equal(d->location, json_get(v, S("locationLocalId"))))
            continue;
        *pair = (struct pair){.divisor = d->divisor, .n = d->n};
        if (find_digit(d, json_get(v, S("optionLocalId")), &pair->digit))
            return ERR_OK;
    }
    return check_say(c, "must be a locationLocalId and an optionLocalId that the location can have");
}

static enum err
read_exclusions(struct check *c, const struct combinations *x, const struct json *lists, struct pair *pairs, size_t *n)
{
    struct json_iter it = json_iter(lists);
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        struct json_iter inner = json_iter(it.value);
        check_at(c, "excludedCombinations[%zu]", i);
        rc = check_list(c, it.value, DIMENSIONS_MAX, false);
        if (rc == ERR_OK && json_count(it.value) == 0)
            rc = check_say(c, "must have at least one pair");
        for (size_t j = 0; rc == ERR_OK && json_next(&inner); j++) {
            check_at(c, "excludedCombinations[%zu][%zu]", i, j);
            rc = read_pair(c, x, inner.value, &pairs[*n]);
            pairs[(*n)++].last = j + 1 == json_count(it.value);
        }
    }
    return rc;
}

static bool
is_excluded(const struct pair *pairs, size_t n, uint64_t number)
{
    bool all = true;

    for (size_t i = 0; i < n; i++) {
        all = all && number / pairs[i].divisor % pairs[i].n == pairs[i].digit;
        if (pairs[i].last && all)
            return true;
        all = pairs[i].last || all;
    }
    return false;
}

static enum err
check_exclusions(struct check *c, const struct combinations *x)
{
    const struct json *lists = json_get(x->o, S("excludedCombinations"));
    struct json_iter it = json_iter(lists);
    size_t room = 1, n = 0;
    uint64_t left = 0;
    struct pair *pairs;
    enum err rc;

    check_at(c, "excludedCombinations");
    rc = check_list(c, lists, LIMIT_EXCLUDED_COMBINATIONS, true);
    if (rc != ERR_OK || lists == NULL)
        return rc;
    while (json_next(&it))
        room += json_count(it.value);
    pairs = calloc(room, sizeof(*pairs));
    if (pairs == NULL)
        return diag_set(c->d, ERR_NOMEM, "no memory for %zu exclusions", room);
    rc = read_exclusions(c, x, lists, pairs, &n);
    for (uint64_t i = 0; rc == ERR_OK && left == 0 && i < x->n; i++)
        left += !is_excluded(pairs, n, i);
    free(pairs);
    check_at(c, "excludedCombinations");
    return rc == ERR_OK && left == 0 && !c->draft ? check_say(c, "must leave at least one combination") : rc;
}

enum err
check_combinations(struct check *c, const struct json *o)
{
    static const char *const members[] = {"locationOptions", "excludedCombinations", "optionGroups"};
    struct combinations x = {.o = o};
    enum err rc;

    for (size_t i = 0; !c->combines && i < 3; i++) {
        check_at(c, "%s", members[i]);
        if (json_count(json_get(o, str_of(members[i]))) > 0)
            return check_say(c, "belongs to mvt and abt activities");
    }
    if (!c->combines)
        return ERR_OK;
    rc = check_location_options(c, o);
    if (rc == ERR_OK)
        rc = check_groups(c, o);
    if (rc != ERR_OK)
        return rc;
    x.dims = calloc(DIMENSIONS_MAX, sizeof(*x.dims));
    if (x.dims == NULL)
        return diag_set(c->d, ERR_NOMEM, "no memory for %d locations", DIMENSIONS_MAX);
    rc = read_dimensions(c, &x);
    if (rc == ERR_OK)
        rc = check_exclusions(c, &x);
    c->combinations = x.n;
    free(x.dims);
    return rc;
}
