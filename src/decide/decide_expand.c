/* decide_expand.c - activities whose experiences are combinations, written out [TARGET 2.1].
 *
 *   mvt   every combination of the locations' options but the excluded ones: {"locationOptions":[{"locationLocalId":0,
 *         "optionLocalIds":[0,1]}],"excludedCombinations":[[{"locationLocalId":0,"optionLocalId":1}]]}   OURS
 *   abt   the same of option groups: {"optionGroups":[{"optionGroupLocalId":0,"optionLocalIds":[..]}], a location has
 *         "optionGroupLocalIds":[..]}
 *
 * The last location varies fastest; the number of a combination, without the excluded ones, is its experience's id. The
 * rest of the compiler then sees an activity with experiences. */
#include "codec/json_writer.h"
#include "decide/compile_int.h"

#define EXPANDED_BYTES_MAX (64u << 20)

struct dimension {
    const struct json *location; /* locationLocalId */
    const struct json **options; /* optionLocalIds */
    size_t n;
};

struct expansion {
    const struct json *o;
    struct arena *a;
    struct dimension *dims;
    size_t count;
    uint64_t combinations; /* excluded ones included */
};

static const struct json *
find_by_id(const struct json *list, struct str member, const struct json *id)
{
    struct json_iter it = compile_list(list);

    while (json_next(&it)) {
        if (json_equal(json_get(it.value, member), id))
            return it.value;
    }
    return NULL;
}

static bool
add_options(struct expansion *x, struct dimension *d, const struct json *ids)
{
    struct json_iter it = compile_list(ids);
    size_t n = json_count(ids);
    const struct json **options = ARENA_ARRAY(x->a, const struct json *, d->n + n + 1);

    if (options == NULL)
        return false;
    if (d->n > 0)
        memcpy(options, d->options, d->n * sizeof(struct json *));
    while (json_next(&it))
        options[d->n++] = it.value;
    d->options = options;
    return true;
}

/* The options that a location may have. */
static bool
read_dimension(struct expansion *x, const struct json *location, struct dimension *d)
{
    const struct json *id = json_get(location, S("locationLocalId"));
    struct json_iter it = compile_list(json_get(location, S("optionGroupLocalIds")));
    bool ok = true;

    *d = (struct dimension){.location = id};
    while (ok && json_next(&it)) {
        const struct json *group = find_by_id(json_get(x->o, S("optionGroups")), S("optionGroupLocalId"), it.value);
        ok = add_options(x, d, json_get(group, S("optionLocalIds")));
    }
    if (ok && d->n == 0)
        ok = add_options(
            x, d,
            json_get(find_by_id(json_get(x->o, S("locationOptions")), S("locationLocalId"), id), S("optionLocalIds")));
    return ok;
}

static bool
read_dimensions(struct expansion *x)
{
    const struct json *locations = json_get(x->o, S("locations"));
    const struct json *lists[] = {json_get(locations, S("mboxes")), json_get(locations, S("selectors"))};

    x->dims = ARENA_ARRAY(x->a, struct dimension, json_count(lists[0]) + json_count(lists[1]) + 1);
    x->combinations = 1;
    for (size_t k = 0; x->dims != NULL && k < 2; k++) {
        struct json_iter it = compile_list(lists[k]);
        while (json_next(&it)) {
            struct dimension *d = &x->dims[x->count];
            if (!read_dimension(x, it.value, d))
                return false;
            if (d->n == 0)
                continue;
            x->count++;
            if (x->combinations <= LIMIT_COMBINATIONS)
                x->combinations *= d->n;
        }
    }
    return x->dims != NULL;
}

/* Index of the option that combination `number` has in dimension k. */
static size_t
digit(const struct expansion *x, uint64_t number, size_t k)
{
    for (size_t i = x->count; i > k + 1; i--)
        number /= x->dims[i - 1].n;
    return (size_t)(number % x->dims[k].n);
}

/* Does the combination have all pairs of one of the lists? */
static bool
is_excluded(const struct expansion *x, uint64_t number)
{
    struct json_iter lists = compile_list(json_get(x->o, S("excludedCombinations")));

    while (json_next(&lists)) {
        struct json_iter it = compile_list(lists.value);
        bool all = json_count(lists.value) > 0;
        while (all && json_next(&it)) {
            bool has = false;
            for (size_t k = 0; k < x->count && !has; k++)
                has = json_equal(x->dims[k].location, json_get(it.value, S("locationLocalId"))) &&
                      json_equal(x->dims[k].options[digit(x, number, k)], json_get(it.value, S("optionLocalId")));
            all = has;
        }
        if (all)
            return true;
    }
    return false;
}

static void
write_experience(struct jw *w, const struct expansion *x, uint64_t number, int64_t id)
{
    jw_object(w);
    jw_ki64(w, S("experienceLocalId"), id);
    jw_key(w, S("optionLocations"));
    jw_array(w);
    for (size_t k = 0; k < x->count; k++) {
        jw_object(w);
        jw_kjson(w, S("locationLocalId"), x->dims[k].location);
        jw_kjson(w, S("optionLocalId"), x->dims[k].options[digit(x, number, k)]);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
}

static const struct json *
write_activity(const struct expansion *x)
{
    struct json_iter it = json_iter(x->o);
    const struct json *out = NULL;
    struct buf b;
    struct jw w;
    int64_t id = 0;

    buf_init(&b, EXPANDED_BYTES_MAX);
    w = jw_to(&b);
    jw_object(&w);
    while (json_next(&it)) {
        if (!str_eq(it.key, S("experiences")))
            jw_kjson(&w, it.key, it.value);
    }
    jw_key(&w, S("experiences"));
    jw_array(&w);
    for (uint64_t i = 0; i < x->combinations; i++) {
        if (!is_excluded(x, i))
            write_experience(&w, x, i, id++);
    }
    jw_end(&w);
    jw_end(&w);
    if (!buf_ok(&b) || json_parse(buf_str(&b), x->a, &out, NULL) != ERR_OK)
        out = NULL;
    buf_deinit(&b);
    return out;
}

bool
compile_combines(enum activity_type type)
{
    return type == ACTIVITY_MVT || type == ACTIVITY_AP;
}

const struct json *
compile_expand(const struct json *activity, struct arena *a)
{
    struct expansion x = {.o = activity, .a = a};

    if (!read_dimensions(&x) || x.count == 0 || x.combinations > LIMIT_COMBINATIONS)
        return NULL;
    return write_activity(&x);
}

bool
compile_radix(const struct json *activity, struct arena *a, struct arena *keep, struct personalization *p)
{
    struct expansion x = {.o = activity, .a = a};
    struct str *units;
    uint32_t *radix;

    if (!read_dimensions(&x))
        return false;
    radix = ARENA_ARRAY(keep, uint32_t, x.count + 1);
    if (radix == NULL)
        return false;
    p->unit_count = 0;
    for (size_t k = 0; k < x.count; k++)
        p->unit_count += radix[k] = (uint32_t)x.dims[k].n;
    units = ARENA_ARRAY(keep, struct str, p->unit_count + 1);
    for (size_t k = 0, n = 0; units != NULL && k < x.count; k++) {
        for (size_t i = 0; i < x.dims[k].n; i++)
            units[n++] = arena_printf(keep, "%lld:%lld", (long long)json_i64(x.dims[k].location, 0),
                                      (long long)json_i64(x.dims[k].options[i], 0));
    }
    p->units = units;
    p->radix = radix;
    p->radix_count = x.count;
    return units != NULL;
}
