/* admin_changelog.c - GET /{tenant}/target/activities/{id}/changelog: what was changed, the newest first [TARGET 6.2].
 *
 * A fold of the configuration's log: each revision of the activity against the one before, member by member, and each
 * revision of an offer that the activity used then. An entry is written when it is met and put in order at the end.
 * What came before the oldest revision that is kept is not known, so that one has no entry unless it is the first.
 *
 * Changed profile attributes are not among the entries: an activity reads them through audiences that others share. */
#include "admin/admin_target.h"
#include "base/limits.h"

#define STYLE ERRORS_TARGET
#define DOCUMENT_BYTES (LIMIT_ADMIN_BODY_BYTES * 16) /* of one parsed revision */

struct entry {
    int64_t time_ms;
    uint64_t version;
    size_t from, to; /* in text */
};

struct changelog {
    struct call *call;
    struct arena *arena; /* entries */
    struct arena documents[2];
    int turn;                  /* whose the newest document is */
    const struct json *before; /* NULL: not known */
    struct buf text;
    struct entry *entries;
    size_t n, room;
    struct str used[LIMIT_EXPERIENCES]; /* offers that some revision named, by number as text */
    size_t used_count;
};

/* ---- entries ---- */

static struct jw
open_entry(struct changelog *c, int64_t time_ms)
{
    struct jw w = jw_to(&c->text);

    jw_object(&w);
    jw_ktime(&w, S("modifiedAt"), time_ms);
    jw_kbool(&w, S("reportDataReset"), false); /* what was counted stays */
    return w;
}

static enum err
close_entry(struct changelog *c, struct jw *w, size_t from, const struct config_revision *r, struct diag *d)
{
    jw_end(w);
    if (c->n == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        struct entry *entries = ARENA_ARRAY(c->arena, struct entry, room);
        if (entries == NULL)
            return diag_set(d, ERR_LIMIT, "the changelog exceeds request memory");
        if (c->n > 0)
            memcpy(entries, c->entries, c->n * sizeof *entries);
        c->entries = entries;
        c->room = room;
    }
    c->entries[c->n++] = (struct entry){r->time_ms, r->version, from, c->text.n};
    return buf_ok(&c->text) ? ERR_OK : diag_set(d, ERR_LIMIT, "the changelog is too long");
}

static int
newest_first(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (a->version != b->version)
        return a->version < b->version ? 1 : -1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* ---- parameters ---- */

/* Members that say nothing by themselves, or have an entry of another kind. */
static bool
is_parameter(struct str member)
{
    static const char *const not [] = {"id",         "type",           "createdAt", "modifiedAt",
                                       "approvedAt", "modifiedByName", "options"};

    for (size_t i = 0; i < sizeof not / sizeof *not ; i++) {
        if (str_eq(member, str_of(not [i])))
            return false;
    }
    return true;
}

/* Texts as they are, others as JSON; a long value is left out. */
static void
write_value(struct jw *w, struct str key, const struct json *v)
{
    struct buf b;

    if (v == NULL)
        return;
    if (json_is(v, JSON_STRING)) {
        if (json_str(v).n <= LIMIT_CHANGELOG_VALUE_BYTES)
            jw_kstr(w, key, json_str(v));
        return;
    }
    buf_init(&b, LIMIT_CHANGELOG_VALUE_BYTES);
    json_write(&b, v);
    if (buf_ok(&b))
        jw_kstr(w, key, buf_str(&b));
    buf_deinit(&b);
}

static void
write_parameter(struct jw *w, struct str member, const struct json *was, const struct json *is)
{
    jw_key(w, str_eq(member, S("name")) ? S("activityName") : member);
    jw_object(w);
    write_value(w, S("previousValue"), was);
    write_value(w, S("changedValue"), is);
    jw_end(w);
}

static enum err
compare_parameters(struct changelog *c, const struct config_revision *r, const struct json *was, const struct json *is,
                   struct diag *d)
{
    struct json_iter now = json_iter(is), then = json_iter(was);
    size_t from = c->text.n;
    struct jw w = open_entry(c, r->time_ms);
    bool any = false;

    jw_key(&w, S("activityParameters"));
    jw_object(&w);
    while (json_next(&now)) {
        const struct json *old = json_get(was, now.key);
        if (!is_parameter(now.key) || (old != NULL && json_equal(old, now.value)))
            continue;
        write_parameter(&w, now.key, old, now.value);
        any = true;
    }
    while (json_next(&then)) {
        if (!is_parameter(then.key) || json_get(is, then.key) != NULL)
            continue;
        write_parameter(&w, then.key, then.value, NULL);
        any = true;
    }
    jw_end(&w);
    if (any)
        return close_entry(c, &w, from, r, d);
    c->text.n = from;
    return ERR_OK;
}

static enum err
write_first(struct changelog *c, const struct config_revision *r, const struct json *is, struct diag *d)
{
    size_t from = c->text.n;
    struct jw w = open_entry(c, r->time_ms);

    jw_key(&w, S("activityParameters"));
    jw_object(&w);
    write_parameter(&w, S("state"), NULL, json_get(is, S("state")));
    jw_end(&w);
    return close_entry(c, &w, from, r, d);
}

/* ---- offers at locations ---- */

static const struct json *
member_with(const struct json *list, struct str key, const struct json *id)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        if (json_equal(json_get(it.value, key), id))
            return it.value;
    }
    return NULL;
}

/* The number of the offer that an experience has at a location; NULL: none. */
static const struct json *
offer_at(const struct json *activity, const struct json *experience, const struct json *location)
{
    const struct json *e = member_with(json_get(activity, S("experiences")), S("experienceLocalId"),
                                       json_get(experience, S("experienceLocalId")));
    const struct json *place = member_with(json_get(e, S("optionLocations")), S("locationLocalId"), location);

    return json_get(
        member_with(json_get(activity, S("options")), S("optionLocalId"), json_get(place, S("optionLocalId"))),
        S("offerId"));
}

static void
write_offer(struct changelog *c, struct jw *w, const struct json *id)
{
    struct str number = arena_printf(c->arena, "%lld", (long long)json_i64(id, 0));
    const struct json *offer = snapshot_object(c->call->snap, S("offer"), c->call->scope, number);

    jw_object(w);
    jw_kjson(w, S("id"), id);
    if (offer != NULL)
        jw_kjson(w, S("name"), json_get(offer, S("name")));
    jw_end(w);
}

static void
write_location(struct jw *w, const struct json *activity, const struct json *location)
{
    const struct json *locations = json_get(activity, S("locations"));
    const struct json *mbox = member_with(json_get(locations, S("mboxes")), S("locationLocalId"), location);

    if (mbox == NULL)
        mbox = member_with(json_get(locations, S("selectors")), S("locationLocalId"), location);
    jw_key(w, S("mbox"));
    jw_object(w);
    if (json_get(mbox, S("name")) != NULL)
        jw_kjson(w, S("name"), json_get(mbox, S("name")));
    jw_kjson(w, S("locationLocalId"), location);
    jw_end(w);
}

static enum err
compare_place(struct changelog *c, const struct config_revision *r, const struct json *was, const struct json *is,
              const struct json *experience, const struct json *location, struct diag *d)
{
    const struct json *old = offer_at(was, experience, location), *new = offer_at(is, experience, location);
    size_t from = c->text.n;
    struct jw w;

    if (old == NULL || new == NULL || json_equal(old, new))
        return ERR_OK;
    w = open_entry(c, r->time_ms);
    jw_key(&w, S("activityLocationOfferChange"));
    jw_object(&w);
    jw_key(&w, S("changedValue"));
    write_offer(c, &w, new);
    jw_key(&w, S("previousValue"));
    write_offer(c, &w, old);
    write_location(&w, is, location);
    jw_key(&w, S("experience"));
    jw_object(&w);
    jw_kjson(&w, S("name"), json_get(experience, S("name")));
    jw_kjson(&w, S("experienceLocalId"), json_get(experience, S("experienceLocalId")));
    jw_end(&w);
    jw_end(&w);
    return close_entry(c, &w, from, r, d);
}

static enum err
compare_offers(struct changelog *c, const struct config_revision *r, const struct json *was, const struct json *is,
               struct diag *d)
{
    struct json_iter experience = json_iter(json_get(is, S("experiences")));
    enum err rc = ERR_OK;

    while (rc == ERR_OK && json_next(&experience)) {
        struct json_iter place = json_iter(json_get(experience.value, S("optionLocations")));
        while (rc == ERR_OK && json_next(&place))
            rc = compare_place(c, r, was, is, experience.value, json_get(place.value, S("locationLocalId")), d);
    }
    return rc;
}

/* ---- the two passes ---- */

static enum err
note_offers(struct changelog *c, const struct json *activity, struct diag *d)
{
    struct json_iter it = json_iter(json_get(activity, S("options")));

    while (json_next(&it)) {
        int64_t id = json_i64(json_get(it.value, S("offerId")), 0);
        struct str number = arena_printf(c->arena, "%lld", (long long)id);
        size_t i = 0;
        if (number.p == NULL)
            return diag_set(d, ERR_LIMIT, "the changelog exceeds request memory");
        while (i < c->used_count && !str_eq(c->used[i], number))
            i++;
        if (id > 0 && i == c->used_count && i < LIMIT_EXPERIENCES)
            c->used[c->used_count++] = number;
    }
    return ERR_OK;
}

static enum err
activity_revision(void *ctx, const struct config_revision *r, struct diag *d)
{
    struct changelog *c = ctx;
    struct arena *mine = &c->documents[1 - c->turn];
    const struct json *is = NULL;
    enum err rc;

    if (r->json.p == NULL) { /* deleted for good; what comes next is another one of its number */
        c->before = NULL;
        return ERR_OK;
    }
    arena_reset(mine);
    rc = json_parse(r->json, mine, &is, d);
    if (rc == ERR_OK)
        rc = note_offers(c, is, d);
    if (rc == ERR_OK && r->first)
        rc = write_first(c, r, is, d);
    else if (rc == ERR_OK && c->before != NULL)
        rc = compare_parameters(c, r, c->before, is, d);
    if (rc == ERR_OK && !r->first && c->before != NULL)
        rc = compare_offers(c, r, c->before, is, d);
    c->turn = 1 - c->turn;
    c->before = is;
    return rc;
}

static enum err
offer_revision(void *ctx, const struct config_revision *r, struct diag *d)
{
    struct changelog *c = ctx;
    const struct json *offer = NULL;
    size_t from = c->text.n, i = 0;
    struct jw w;
    enum err rc;

    while (i < c->used_count && !str_eq(c->used[i], r->id))
        i++;
    if (i == c->used_count || r->first || r->json.p == NULL)
        return ERR_OK;
    arena_reset(&c->documents[0]);
    rc = json_parse(r->json, &c->documents[0], &offer, d);
    if (rc != ERR_OK)
        return rc;
    w = open_entry(c, r->time_ms);
    jw_key(&w, S("modifiedOffer"));
    jw_object(&w);
    jw_kjson(&w, S("id"), json_get(offer, S("id")));
    jw_kjson(&w, S("name"), json_get(offer, S("name")));
    jw_end(&w);
    return close_entry(c, &w, from, r, d);
}

static void
write_changelog(struct changelog *c, struct http_req *rq, struct http_res *rs)
{
    struct admin_page page;
    struct jw w;

    if (!target_page(rq, rs, &page))
        return;
    w = target_json(rs, 200, 1);
    if (c->n > 0)
        qsort(c->entries, c->n, sizeof *c->entries, newest_first);
    jw_object(&w);
    jw_ki64(&w, S("offset"), (int64_t)page.start);
    jw_ki64(&w, S("limit"), (int64_t)page.limit);
    jw_ki64(&w, S("total"), (int64_t)c->n);
    jw_key(&w, S("activityChangelogs"));
    jw_array(&w);
    for (size_t i = page.start; i < c->n && i - page.start < page.limit; i++)
        jw_raw(&w, str_slice(buf_str(&c->text), c->entries[i].from, c->entries[i].to));
    jw_end(&w);
    jw_end(&w);
}

static void
changelog_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("id"));
    struct changelog *c;
    struct diag d = DIAG_INIT;
    int version;
    enum err rc;

    if (!target_media(rq, rs, 1, &version) || target_find(call, rq, rs, "activity", id) == NULL)
        return;
    c = ARENA_NEW(rq->arena, struct changelog);
    if (c == NULL) {
        admin_fail(rq, rs, STYLE, 0, diag_set(&d, ERR_NOMEM, "no request memory for a changelog"), &d);
        return;
    }
    c->call = call;
    c->arena = rq->arena;
    arena_init(&c->documents[0], DOCUMENT_BYTES);
    arena_init(&c->documents[1], DOCUMENT_BYTES);
    buf_init(&c->text, LIMIT_RESPONSE_BYTES / 2);
    rc = config_revisions(call->admin->o.config, S("activity"), call->scope, id, activity_revision, c, &d);
    if (rc == ERR_OK)
        rc = config_revisions(call->admin->o.config, S("offer"), call->scope, S_NULL, offer_revision, c, &d);
    if (rc == ERR_OK)
        write_changelog(c, rq, rs);
    else
        admin_fail(rq, rs, STYLE, 0, rc, &d);
    buf_deinit(&c->text);
    arena_deinit(&c->documents[0]);
    arena_deinit(&c->documents[1]);
}

static const struct route routes[] = {
    {HTTP_GET, "/{tenant}/target/activities/{id}/changelog", 0, changelog_get},
};
const struct family family_changelog = {routes, sizeof routes / sizeof *routes, STYLE, false};
