/* cmd_target_activity.c - an activity of an artifact as the body of the admin API [TARGET 6.3]. */
#include "app/cmd_target.h"

#include "base/limits.h"
#include "codec/json_writer.h"

struct body {
    struct target_import *x;
    const struct odd_read_activity *a;
    struct jw w;
    enum err rc;
};

static bool
ok(struct body *b, enum err rc)
{
    if (b->rc == ERR_OK)
        b->rc = rc;
    return b->rc == ERR_OK;
}

/* "audienceIds":[n], or an empty list. */
static void
put_audience(struct body *b, const struct odd_parts *parts, const char *what, struct str which)
{
    struct str id, name = arena_printf(&b->x->c->arena, "activity %lld, %s %.*s", (long long)b->a->id, what,
                                       (int)(which.n < 100 ? which.n : 100), which.n ? which.p : "");

    jw_key(&b->w, S("audienceIds"));
    jw_array(&b->w);
    if (parts->n > 0 && ok(b, target_import_audience(b->x, parts, str_trim(name), &id)))
        jw_raw(&b->w, id);
    jw_end(&b->w);
}

static struct str
name_or(struct str name, const char *otherwise)
{
    return name.n > 0 ? name : str_of(otherwise);
}

static void
put_locations(struct body *b)
{
    struct jw *w = &b->w;

    jw_key(w, S("locations"));
    jw_object(w);
    jw_key(w, S("mboxes"));
    jw_array(w);
    for (size_t i = 0; i < b->a->location_count; i++) {
        const struct odd_read_location *l = &b->a->locations[i];
        jw_object(w);
        jw_ki64(w, S("locationLocalId"), (int64_t)i);
        jw_kstr(w, S("name"), l->kind == ODD_READ_PAGE ? S("target-global-mbox") : l->name);
        if (l->kind == ODD_READ_VIEW)
            jw_ki64(w, S("viewLocalId"), (int64_t)i);
        put_audience(b, &l->parts, "location", l->name);
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    jw_key(w, S("views"));
    jw_array(w);
    for (size_t i = 0; i < b->a->location_count; i++) {
        if (b->a->locations[i].kind != ODD_READ_VIEW)
            continue;
        jw_object(w);
        jw_kstr(w, S("name"), b->a->locations[i].name);
        jw_ki64(w, S("viewLocalId"), (int64_t)i);
        jw_end(w);
    }
    jw_end(w);
}

/* An option for each placed cell: experience * locations + location. */
static void
put_options(struct body *b)
{
    struct jw *w = &b->w;

    jw_key(w, S("options"));
    jw_array(w);
    for (size_t e = 0; e < b->a->experience_count; e++) {
        for (size_t l = 0; b->a->experiences[e].cells != NULL && l < b->a->location_count && b->rc == ERR_OK; l++) {
            const struct odd_read_cell *cell = &b->a->experiences[e].cells[l];
            struct str offer;
            if (!cell->placed || !ok(b, target_import_offer(b->x, cell, &offer)))
                continue;
            jw_object(w);
            jw_key(w, S("offerId"));
            jw_raw(w, offer);
            jw_kstr(w, S("name"), json_str(json_get(cell->meta, S("option.name"))));
            jw_ki64(w, S("optionLocalId"), (int64_t)(e * b->a->location_count + l));
            jw_end(w);
        }
    }
    jw_end(w);
}

static void
put_experiences(struct body *b)
{
    struct jw *w = &b->w;

    jw_key(w, S("experiences"));
    jw_array(w);
    for (size_t e = 0; e < b->a->experience_count && b->rc == ERR_OK; e++) {
        const struct odd_read_experience *x = &b->a->experiences[e];
        jw_object(w);
        put_audience(b, &x->parts, "experience", x->name);
        jw_ki64(w, S("experienceLocalId"), x->id);
        jw_kstr(w, S("name"), name_or(x->name, "experience"));
        if (!b->a->targeted)
            jw_ki64(w, S("visitorPercentage"), x->percent);
        jw_key(w, S("optionLocations"));
        jw_array(w);
        for (size_t l = 0; x->cells != NULL && l < b->a->location_count; l++) {
            if (!x->cells[l].placed)
                continue;
            jw_object(w);
            jw_ki64(w, S("locationLocalId"), (int64_t)l);
            jw_ki64(w, S("optionLocalId"), (int64_t)(e * b->a->location_count + l));
            jw_end(w);
        }
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

/* The artifact says which clicks are told, not what they are for: one metric has them all. Without any, pages are
 * counted, because an activity must have a goal. */
static void
put_metrics(struct body *b)
{
    struct jw *w = &b->w;
    bool clicks = b->a->click_count > 0;

    for (size_t i = 0; i < b->a->location_count; i++)
        clicks |= b->a->locations[i].clicked;
    jw_key(w, S("metrics"));
    jw_array(w);
    jw_object(w);
    jw_kbool(w, S("conversion"), clicks);
    if (!clicks)
        jw_kstr(w, S("engagement"), S("page_count"));
    jw_ki64(w, S("metricLocalId"), 32767);
    jw_kstr(w, S("name"), clicks ? S("clicks") : S("page views"));
    jw_key(w, S("clickTrackSelectors"));
    jw_array(w);
    for (size_t i = 0; i < b->a->click_count; i++) {
        jw_object(w);
        jw_kstr(w, S("selector"), b->a->click_selectors[i]);
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, S("mboxes"));
    jw_array(w);
    for (size_t i = 0; i < b->a->location_count; i++) {
        if (!b->a->locations[i].clicked || b->a->locations[i].kind == ODD_READ_VIEW || b->a->locations[i].nth > 0)
            continue;
        jw_object(w);
        jw_kstr(w, S("name"), b->a->locations[i].name);
        jw_kstr(w, S("successEvent"), S("mbox_clicked"));
        jw_end(w);
    }
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void
put_properties(struct body *b)
{
    struct json_iter it = json_iter(b->a->property_tokens);
    struct str id;

    jw_key(&b->w, S("propertyIds"));
    jw_array(&b->w);
    while (json_next(&it)) {
        if (ok(b, target_import_property(b->x, json_str(it.value), &id)))
            jw_raw(&b->w, id);
    }
    jw_end(&b->w);
}

static void
put_entry(struct body *b)
{
    jw_key(&b->w, S("entryConstraint"));
    jw_object(&b->w);
    put_audience(b, &b->a->entry, "entry", S_NULL);
    jw_ki64(&b->w, S("visitorPercentage"), b->a->traffic_percent);
    jw_end(&b->w);
}

enum err
target_import_activity(struct target_import *x, const struct odd_read_activity *a)
{
    struct body b = {.x = x, .a = a};
    struct str what = arena_printf(&x->c->arena, "activities/%s?id=%lld", a->targeted ? "xt" : "ab", (long long)a->id);
    struct buf text;

    buf_init_in(&text, &x->c->arena, LIMIT_ADMIN_BODY_BYTES);
    b.w = jw_to(&text);
    jw_object(&b.w);
    put_entry(&b);
    put_experiences(&b);
    put_locations(&b);
    put_metrics(&b);
    jw_kstr(&b.w, S("name"), name_or(a->name, "imported activity"));
    put_options(&b);
    jw_ki64(&b.w, S("priority"), a->priority);
    put_properties(&b);
    jw_kstr(&b.w, S("state"), S("saved"));
    if (a->starts_ms != INT64_MIN)
        jw_ktime(&b.w, S("startsAt"), a->starts_ms);
    if (a->ends_ms != INT64_MAX)
        jw_ktime(&b.w, S("endsAt"), a->ends_ms);
    jw_end(&b.w);
    if (b.rc == ERR_OK && !buf_ok(&text))
        b.rc = diag_set(&x->c->diag, ERR_LIMIT, "activity %lld is larger than %d bytes", (long long)a->id,
                        LIMIT_ADMIN_BODY_BYTES);
    return b.rc == ERR_OK ? target_import_post(x, what, buf_str(&text), NULL) : b.rc;
}
