/* past.c - see past.h.
 *
 *   person   now: members of the profile ──┐
 *            records of its key after the instant: audience -> what it was before the first ──> members then
 *            the last union or split that moved the identity: all anew, with the profile that it came from
 *   size     now: the counter; records that name the audience: profile -> before the first, after the last
 *
 * A size is summed over profiles and not over records, so a change that a crash has told twice counts once. */
#include "segment/past.h"

#include <stdlib.h>

#include "base/civil.h"
#include "base/limits.h"
#include "codec/json.h"
#include "identity/graph.h"
#include "segment/past_moved.h"

#define KEPT_BYTES ((size_t)64 << 20)    /* a person's audiences */
#define RECORD_BYTES ((size_t)128 << 20) /* one record, parsed */

static const struct {
    const char *name;
    bool member; /* afterwards */
} lists[] = {{"realized", true}, {"joined", true}, {"exited", false}, {"left", false}, {"removed", false}};

#define WAS_NOT ((void *)1)
#define WAS_MEMBER ((void *)2)

struct past {
    struct past_options o; /* texts in `kept` */
    struct arena kept, parsed;
    bool wants_state, done;
    struct topic *topic;
    struct consumer *consumer; /* owned; NULL until the first read */
    uint64_t begin, end;       /* of what is read */
    uint64_t next;             /* the offset that must come next: the topic has no gaps */

    bool known;
    uint64_t profile; /* of the person, at the end of what is read */
    char room[U64_TEXT_BYTES];
    struct str key;      /* its id as text, in room */
    struct str print;    /* of the identity, */
    struct str quoted;   /* and of the audience as JSON has it */
    struct str *current; /* audiences that the profile is a member of in the table */
    size_t current_count;
    struct map before;   /* audience -> WAS_*, of the first record after the instant */
    uint64_t moved_at;   /* offset of the last move of the identity before the one that was followed; with */
    uint64_t moved_from; /* the profile that it came from; 0: none */
    uint64_t followed;   /* moves at or behind this offset have been followed */
    unsigned moves;
    struct str *members;
    size_t member_count;

    uint64_t size;
    struct past_moved moved;
};

/* ---- life ---- */

struct str
past_identity_print(struct str ns, struct str id, struct arena *a)
{
    struct str value = graph_value(ns, id, a);

    return value.p != NULL ? arena_printf(a, "%016llx", (unsigned long long)hash_bytes(value, hash_bytes(ns, 0)))
                           : S_NULL;
}

static bool
asks_size(const struct past *p)
{
    return p->o.id.n == 0;
}

static struct str
quote(struct arena *a, struct str text)
{
    struct buf b;

    buf_init_in(&b, a, LIMIT_OBJECT_NAME_BYTES * 8);
    json_quote(&b, text);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

enum err
past_new(const struct past_options *o, struct past **out, struct diag *d)
{
    struct past *p = calloc(1, sizeof *p);

    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to look into the past");
    arena_init(&p->kept, KEPT_BYTES);
    arena_init(&p->parsed, RECORD_BYTES);
    map_init(&p->before);
    p->o = (struct past_options){arena_str(&p->kept, o->scope), arena_str(&p->kept, o->audience),
                                 arena_str(&p->kept, o->ns), arena_str(&p->kept, o->id), o->at_ms};
    p->wants_state = true;
    p->followed = UINT64_MAX;
    p->quoted = quote(&p->kept, o->audience);
    if (!asks_size(p))
        p->print = past_identity_print(o->ns, o->id, &p->kept);
    if (p->kept.refused || p->quoted.p == NULL) {
        past_free(p);
        return diag_set(d, ERR_NOMEM, "no memory to look into the past");
    }
    *out = p;
    return ERR_OK;
}

void
past_free(struct past *p)
{
    if (p == NULL)
        return;
    consumer_close(p->consumer);
    past_moved_deinit(&p->moved);
    map_deinit(&p->before);
    arena_deinit(&p->parsed);
    arena_deinit(&p->kept);
    free(p);
}

const struct past_options *
past_options(const struct past *p)
{
    return &p->o;
}

bool
past_done(const struct past *p)
{
    return p->done;
}

bool
past_wants_state(const struct past *p)
{
    return p->wants_state;
}

/* ---- what is, under the table's lock ---- */

/* The profile that has the identity now, and whether the identity had been seen at the instant. */
static enum err
find_person(struct past *p, struct kv *k, struct diag *d)
{
    struct graph_view view;
    enum err rc = graph_profile(k, p->o.scope, p->o.ns, p->o.id, &p->profile, d);

    if (rc == ERR_NOT_FOUND)
        return diag_set(d, rc, "no profile has this identity");
    if (rc == ERR_OK)
        rc = graph_read(k, p->profile, &p->parsed, &view, d);
    for (size_t i = 0; rc == ERR_OK && i < view.member_count; i++) {
        const struct graph_member *m = &view.members[i];
        p->known |= graph_same(m->ns, m->id, p->o.ns, p->o.id) && m->first_ms <= p->o.at_ms;
    }
    return rc;
}

static enum err
copy_memberships(struct past *p, const struct past_now *now, struct diag *d)
{
    struct profile profile;
    enum err rc = profile_load(now->k, now->names, p->o.scope, p->profile, &p->parsed, &profile, d);

    if (rc != ERR_OK)
        return rc;
    p->current = ARENA_ARRAY(&p->kept, struct str, profile.membership_count);
    p->current_count = 0;
    for (size_t i = 0; p->current != NULL && i < profile.membership_count; i++) {
        if (profile.memberships[i].member)
            p->current[p->current_count++] = arena_str(&p->kept, profile.memberships[i].audience);
    }
    return p->kept.refused ? diag_set(d, ERR_NOMEM, "no memory for memberships") : ERR_OK;
}

static enum err
capture_person(struct past *p, const struct past_now *now, struct diag *d)
{
    enum err rc = ERR_OK;

    if (p->moves == 0)
        rc = find_person(p, now->k, d);
    if (rc == ERR_OK)
        rc = copy_memberships(p, now, d);
    p->key = u64_text(p->profile, p->room);
    return rc;
}

enum err
past_capture(struct past *p, const struct past_now *now, struct diag *d)
{
    enum err rc = ERR_OK;

    p->topic = now->membership;
    p->end = p->o.at_ms < now->clock_ms ? now->end : 0; /* nothing happens later than the clock */
    p->size = now->size;
    if (!asks_size(p))
        rc = capture_person(p, now, d);
    arena_reset(&p->parsed);
    p->wants_state = false;
    return rc;
}

/* ---- the records since then ---- */

/* The topic's beginning is gone: is the instant in what is left? Its records are in the order of time. */
static enum err
check_retention(struct past *p, struct diag *d)
{
    struct consumer *c = NULL;
    struct record first;
    char text[ISO8601_BYTES];
    bool got = false;
    enum err rc;

    if (topic_begin(p->topic) == 0)
        return ERR_OK;
    rc = consumer_open(p->topic, 0, &c, d);
    if (rc == ERR_OK && topic_begin(p->topic) < p->end)
        rc = consumer_poll(c, 0, &first, &got, d);
    consumer_close(c);
    if (rc != ERR_OK || (got && p->o.at_ms >= first.time_ms))
        return rc;
    if (!got)
        return diag_set(d, ERR_NOT_FOUND,
                        "the topic membership holds no change any more: see membership-retention-days");
    iso8601_format(first.time_ms, text);
    return diag_set(d, ERR_NOT_FOUND, "the topic membership goes back to %.*s only: see membership-retention-days",
                    ISO8601_BYTES, text);
}

static enum err
open_topic(struct past *p, struct diag *d)
{
    enum err rc = topic_after(p->topic, p->o.at_ms, &p->begin, d);

    if (rc == ERR_OK)
        rc = check_retention(p, d);
    if (rc == ERR_OK)
        rc = consumer_open(p->topic, p->begin, &p->consumer, d);
    p->next = p->begin;
    return rc;
}

static bool
has_text(const struct json *list, struct str text)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(json_str(it.value), text))
            return true;
    }
    return false;
}

static enum err
add_to_size(struct past *p, const struct record *r, const struct json *value, struct diag *d)
{
    uint64_t profile = 0;

    if (!str_to_u64(r->key, &profile) || profile == 0)
        return diag_set(d, ERR_CORRUPT, "membership record %llu has no profile", (unsigned long long)r->offset);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (has_text(json_get(value, str_of(lists[i].name)), p->o.audience) &&
            !past_moved_put(&p->moved, profile, lists[i].member))
            return diag_set(d, p->moved.count == LIMIT_PAST_PROFILES ? ERR_LIMIT : ERR_NOMEM,
                            "%zu profiles entered or left since then: too many", p->moved.count);
    }
    return ERR_OK;
}

static enum err
add_to_person(struct past *p, const struct json *value, struct diag *d)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (struct json_iter it = json_iter(json_get(value, str_of(lists[i].name))); json_next(&it);) {
            struct str audience = json_str(it.value);
            if (map_get(&p->before, audience) == NULL &&
                !map_put(&p->before, audience, lists[i].member ? WAS_NOT : WAS_MEMBER, NULL))
                return diag_set(d, ERR_NOMEM, "no memory for memberships");
        }
    }
    return ERR_OK;
}

/* Remembers the last record before the move that was followed that says where the identity came from. */
static void
see_move(struct past *p, const struct record *r, const struct json *value)
{
    const struct json *united = json_at(json_get(value, S("united")), 0),
                      *split = json_at(json_get(value, S("splitFrom")), 0);
    uint64_t from = 0;

    if (r->offset >= p->followed)
        return;
    if (united != NULL && has_text(json_get(value, S("identities")), p->print))
        (void)str_to_u64(json_str(united), &from);
    else if (split != NULL)
        (void)str_to_u64(json_str(split), &from);
    if (from == 0)
        return;
    p->moved_at = r->offset;
    p->moved_from = from;
}

static enum err
add_record(struct past *p, const struct record *r, struct diag *d)
{
    const struct json *value = NULL;
    enum err rc;

    if (r->time_ms <= p->o.at_ms || r->value.p == NULL)
        return ERR_OK;
    if (asks_size(p) ? str_find(r->value, p->quoted) < 0 : !str_eq(r->key, p->key))
        return ERR_OK;
    arena_reset(&p->parsed);
    rc = json_parse(r->value, &p->parsed, &value, d);
    if (rc != ERR_OK)
        return rc == ERR_NOMEM
                   ? rc
                   : diag_set(d, ERR_CORRUPT, "membership record %llu is not JSON", (unsigned long long)r->offset);
    if (!str_eq(json_str(json_get(value, S("scope"))), p->o.scope))
        return ERR_OK;
    if (asks_size(p))
        return add_to_size(p, r, value, d);
    see_move(p, r, value);
    return add_to_person(p, value, d);
}

/* ---- the end ---- */

static int
by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool
asked(const struct past *p, struct str audience)
{
    return p->o.audience.n == 0 || str_eq(p->o.audience, audience);
}

static enum err
conclude_person(struct past *p, struct diag *d)
{
    const struct map_slot *slot;

    p->members = ARENA_ARRAY(&p->kept, struct str, p->current_count + p->before.count);
    for (size_t i = 0; p->members != NULL && p->known && i < p->current_count; i++) {
        if (asked(p, p->current[i]) && map_get(&p->before, p->current[i]) == NULL)
            p->members[p->member_count++] = p->current[i];
    }
    for (size_t i = 0; p->members != NULL && p->known && (slot = map_next(&p->before, &i)) != NULL;) {
        if (asked(p, slot->key) && slot->value == WAS_MEMBER)
            p->members[p->member_count++] = arena_str(&p->kept, slot->key);
    }
    if (p->kept.refused)
        return diag_set(d, ERR_NOMEM, "no memory for memberships");
    qsort(p->members, p->member_count, sizeof *p->members, by_text);
    p->done = true;
    return ERR_OK;
}

/* The identity was in another profile before: that one is the person of the instant. */
static enum err
follow_move(struct past *p, struct diag *d)
{
    if (++p->moves > LIMIT_PAST_MOVES)
        return diag_set(d, ERR_LIMIT, "the identity moved between profiles more than %d times since then",
                        LIMIT_PAST_MOVES);
    p->profile = p->moved_from;
    p->followed = p->moved_at;
    p->moved_from = 0;
    map_deinit(&p->before);
    map_init(&p->before);
    p->wants_state = true;
    return ERR_OK;
}

static enum err
conclude(struct past *p, struct diag *d)
{
    consumer_close(p->consumer);
    p->consumer = NULL;
    arena_reset(&p->parsed);
    if (!asks_size(p))
        return p->moved_from != 0 ? follow_move(p, d) : conclude_person(p, d);
    p->size = p->size + p->moved.were - p->moved.are;
    p->done = true;
    return ERR_OK;
}

enum err
past_read(struct past *p, struct diag *d)
{
    struct record r;
    bool got = false;
    enum err rc = p->consumer == NULL && p->end > 0 ? open_topic(p, d) : ERR_OK;

    for (size_t i = 0; rc == ERR_OK && p->next < p->end && i < LIMIT_PAST_RECORDS; i++) {
        rc = consumer_poll(p->consumer, 0, &r, &got, d);
        if (rc == ERR_OK && !got)
            return diag_set(d, ERR_BUSY, "a record that was told is not appended yet");
        if (rc == ERR_OK && r.offset != p->next)
            return diag_set(d, ERR_NOT_FOUND, "what was being read is past membership-retention-days now");
        if (rc == ERR_OK)
            rc = add_record(p, &r, d);
        p->next += rc == ERR_OK;
    }
    return rc == ERR_OK && p->next >= p->end ? conclude(p, d) : rc;
}

struct past_result
past_result(const struct past *p)
{
    return (struct past_result){
        .size = p->size,
        .known = p->known,
        .members = p->members,
        .member_count = p->member_count,
        .records = p->next - p->begin,
        .records_end = p->end > p->begin ? p->end - p->begin : 0,
    };
}
