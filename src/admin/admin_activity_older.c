/* admin_activity_older.c - activities in the shape of versions 1 and 2 [TARGET 6.3]: where version 3 has options and an
 * experience with optionLocations, they have an experience with offerLocations [{locationLocalId, offerId}]. */
#include "admin/admin_target.h"
#include "base/limits.h"

/* The offers that experiences name, each once: option i stands for offers[i]. */
struct offer_set {
    const struct json *offers[LIMIT_EXPERIENCES];
    size_t n;
};

static size_t
option_of(struct offer_set *s, const struct json *offer)
{
    size_t i = 0;

    while (i < s->n && !json_equal(s->offers[i], offer))
        i++;
    if (i == s->n && s->n < LIMIT_EXPERIENCES)
        s->offers[s->n++] = offer;
    return i;
}

/* One experience with optionLocations for offerLocations. */
static void
write_experience_3(struct jw *w, const struct json *experience, struct offer_set *set)
{
    struct json_iter it = json_iter(experience);

    jw_object(w);
    while (json_next(&it)) {
        struct json_iter place = json_iter(it.value);
        if (!str_eq(it.key, S("offerLocations"))) {
            jw_kjson(w, it.key, it.value);
            continue;
        }
        jw_key(w, S("optionLocations"));
        jw_array(w);
        while (json_next(&place)) {
            jw_object(w);
            jw_kjson(w, S("locationLocalId"), json_get(place.value, S("locationLocalId")));
            jw_ki64(w, S("optionLocalId"), (int64_t)option_of(set, json_get(place.value, S("offerId"))));
            jw_end(w);
        }
        jw_end(w);
    }
    jw_end(w);
}

static bool
has_offer_locations(const struct json *body)
{
    struct json_iter it = json_iter(json_get(body, S("experiences")));

    while (json_next(&it)) {
        if (json_get(it.value, S("offerLocations")) != NULL)
            return true;
    }
    return false;
}

void
activity_translate(struct edit *e, struct http_req *rq, const struct json *body)
{
    struct json_iter it = json_iter(json_get(body, S("experiences")));
    struct offer_set set = {.n = 0};
    struct buf b;
    struct jw w;

    if (!has_offer_locations(body))
        return;
    buf_init(&b, LIMIT_ADMIN_BODY_BYTES * 2);
    w = jw_to(&b);
    jw_array(&w);
    while (json_next(&it))
        write_experience_3(&w, it.value, &set);
    jw_end(&w);
    edit_put_raw(e, e->root, S("experiences"), arena_str(rq->arena, buf_str(&b)));
    buf_clear(&b);
    w = jw_to(&b);
    jw_array(&w);
    for (size_t i = 0; i < set.n; i++) {
        jw_object(&w);
        jw_ki64(&w, S("optionLocalId"), (int64_t)i);
        jw_kstr(&w, S("name"), arena_printf(rq->arena, "Offer%zu", i + 1));
        jw_kjson(&w, S("offerId"), set.offers[i]);
        jw_end(&w);
    }
    jw_end(&w);
    edit_put_raw(e, e->root, S("options"), arena_str(rq->arena, buf_str(&b)));
    e->nomem = e->nomem || !buf_ok(&b);
    buf_deinit(&b);
}

static const struct json *
option_by_id(const struct json *activity, const struct json *id)
{
    struct json_iter it = json_iter(json_get(activity, S("options")));

    while (json_next(&it)) {
        if (json_equal(json_get(it.value, S("optionLocalId")), id))
            return it.value;
    }
    return NULL;
}

static void
write_experience_2(struct jw *w, const struct json *activity, const struct json *experience)
{
    struct json_iter it = json_iter(experience);

    jw_object(w);
    while (json_next(&it)) {
        struct json_iter place = json_iter(it.value);
        if (!str_eq(it.key, S("optionLocations"))) {
            jw_kjson(w, it.key, it.value);
            continue;
        }
        jw_key(w, S("offerLocations"));
        jw_array(w);
        while (json_next(&place)) {
            const struct json *option = option_by_id(activity, json_get(place.value, S("optionLocalId")));
            jw_object(w);
            jw_kjson(w, S("locationLocalId"), json_get(place.value, S("locationLocalId")));
            jw_kjson(w, S("offerId"), json_get(option, S("offerId")));
            jw_end(w);
        }
        jw_end(w);
    }
    jw_end(w);
}

void
activity_write(struct jw *w, const struct json *o, int version)
{
    struct json_iter it = json_iter(o);

    if (version >= 3) {
        jw_json(w, o);
        return;
    }
    jw_object(w);
    while (json_next(&it)) {
        struct json_iter experience = json_iter(it.value);
        if (str_eq(it.key, S("options")))
            continue;
        if (!str_eq(it.key, S("experiences"))) {
            jw_kjson(w, it.key, it.value);
            continue;
        }
        jw_key(w, it.key);
        jw_array(w);
        while (json_next(&experience))
            write_experience_2(w, o, experience.value);
        jw_end(w);
    }
    jw_end(w);
}
