/* results_visitor.c - the visitor as the hub keeps him: visitor.h's bytes, and beside them what reports need of each
 * activity that he entered: the environment, the reporting audiences, and what he spent, whose squares give the
 * variance of revenue [TARGET 8.3]. Attributes, affinities and landing pages are the edge's: they change no counter. */
#include "results/results_int.h"

struct results_entrant *
results_entrant(struct results_visitor *v, struct str activity)
{
    for (size_t i = 0; i < v->entrant_count; i++) {
        if (str_eq(v->entrants[i].activity, activity))
            return &v->entrants[i];
    }
    return NULL;
}

static bool
make_room(struct results_visitor *v)
{
    size_t room = v->entrant_room > 0 ? v->entrant_room * 2 : 4;
    struct results_entrant *grown;

    if (v->entrant_count < v->entrant_room)
        return true;
    grown = ARENA_ARRAY(v->visitor.arena, struct results_entrant, room);
    if (grown == NULL)
        return false;
    if (v->entrant_count > 0)
        memcpy(grown, v->entrants, v->entrant_count * sizeof *grown);
    v->entrants = grown;
    v->entrant_room = room;
    return true;
}

struct results_entrant *
results_entrant_new(struct results_visitor *v, struct str activity)
{
    struct results_entrant *e = results_entrant(v, activity);

    if (e != NULL)
        return e;
    if (!make_room(v))
        return NULL;
    e = &v->entrants[v->entrant_count++];
    *e = (struct results_entrant){.activity = activity};
    return e;
}

struct results_spent *
results_spent(struct results_visitor *v, struct results_entrant *e, uint32_t metric)
{
    struct results_spent *grown;

    for (size_t i = 0; i < e->spent_count; i++) {
        if (e->spent[i].metric == metric)
            return &e->spent[i];
    }
    grown = ARENA_ARRAY(v->visitor.arena, struct results_spent, e->spent_count + 1);
    if (grown == NULL)
        return NULL;
    if (e->spent_count > 0)
        memcpy(grown, e->spent, e->spent_count * sizeof *grown);
    grown[e->spent_count] = (struct results_spent){.metric = metric};
    e->spent = grown;
    return &grown[e->spent_count++];
}

bool
results_visitor_absorb(struct results_visitor *v, const struct results_visitor *from)
{
    visitor_absorb(&v->visitor, &from->visitor);
    for (size_t i = 0; i < from->entrant_count; i++) {
        if (results_entrant(v, from->entrants[i].activity) != NULL)
            continue;
        if (!make_room(v))
            return false;
        v->entrants[v->entrant_count++] = from->entrants[i];
    }
    return true;
}

/* ---- bytes ---- */

static bool
unpack_entrant(struct unpack *u, struct arena *a, struct results_entrant *e)
{
    uint64_t n;

    e->activity = unpack_str(u);
    e->experience = unpack_str(u);
    e->environment = unpack_i64(u);
    n = unpack_u64(u);
    if (u->bad || n > unpack_left(u) || (e->audiences = ARENA_ARRAY(a, uint64_t, n + 1)) == NULL)
        return false;
    for (; e->audience_count < n; e->audience_count++)
        e->audiences[e->audience_count] = unpack_u64(u);
    n = unpack_u64(u);
    if (u->bad || n > unpack_left(u) || (e->spent = ARENA_ARRAY(a, struct results_spent, n + 1)) == NULL)
        return false;
    for (; e->spent_count < n; e->spent_count++) {
        struct results_spent *s = &e->spent[e->spent_count];
        s->metric = (uint32_t)unpack_u64(u);
        s->session = unpack_fixed64(u);
        for (int i = 0; i < 2; i++) {
            s->as_is[i] = unpack_f64(u);
            s->tamed[i] = unpack_f64(u);
        }
    }
    return !u->bad;
}

enum err
results_visitor_load(struct results_table *t, struct str key, struct arena *a, struct results_visitor *out,
                     struct diag *d)
{
    struct unpack u;
    uint64_t n;
    bool found;
    enum err rc = results_load(t, key, a, &u, &found, d);

    *out = (struct results_visitor){0};
    visitor_init(&out->visitor, a);
    if (rc != ERR_OK || !found)
        return rc;
    rc = visitor_read(unpack_str(&u), a, &out->visitor, d);
    n = unpack_u64(&u);
    if (a->refused)
        return results_no_memory(d);
    if (rc != ERR_OK || u.bad || n > unpack_left(&u))
        return results_corrupt(d, "a visitor");
    out->entrants = ARENA_ARRAY(a, struct results_entrant, n + 1);
    if (out->entrants == NULL)
        return results_no_memory(d);
    out->entrant_room = n + 1;
    for (; out->entrant_count < n; out->entrant_count++) {
        if (!unpack_entrant(&u, a, &out->entrants[out->entrant_count]))
            return a->refused ? results_no_memory(d) : results_corrupt(d, "a visitor");
    }
    return unpack_left(&u) > 0 ? results_corrupt(d, "a visitor") : ERR_OK;
}

static void
pack_entrant(struct buf *b, const struct results_entrant *e)
{
    pack_str(b, e->activity);
    pack_str(b, e->experience);
    pack_i64(b, e->environment);
    pack_u64(b, e->audience_count);
    for (size_t i = 0; i < e->audience_count; i++)
        pack_u64(b, e->audiences[i]);
    pack_u64(b, e->spent_count);
    for (size_t i = 0; i < e->spent_count; i++) {
        pack_u64(b, e->spent[i].metric);
        pack_fixed64(b, e->spent[i].session);
        for (int m = 0; m < 2; m++) {
            pack_f64(b, e->spent[i].as_is[m]);
            pack_f64(b, e->spent[i].tamed[m]);
        }
    }
}

/* Entrants whose membership has left, because there were too many, leave with it. */
static void
drop_left(struct results_visitor *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->entrant_count; i++) {
        if (visitor_membership(&v->visitor, v->entrants[i].activity) != NULL)
            v->entrants[n++] = v->entrants[i];
    }
    v->entrant_count = n;
}

enum err
results_visitor_store(struct results_table *t, struct str key, struct results_visitor *v, struct diag *d)
{
    struct buf b, bytes;

    visitor_fit(&v->visitor, LIMIT_VISITOR_BYTES);
    drop_left(v);
    buf_init(&bytes, LIMIT_RECORD_VALUE_BYTES);
    visitor_write(&bytes, &v->visitor);
    results_begin(&b);
    pack_str(&b, buf_str(&bytes));
    pack_u64(&b, v->entrant_count);
    for (size_t i = 0; i < v->entrant_count; i++)
        pack_entrant(&b, &v->entrants[i]);
    if (!buf_ok(&bytes)) {
        buf_deinit(&bytes);
        buf_deinit(&b);
        return results_no_memory(d);
    }
    buf_deinit(&bytes);
    return results_store(t, key, &b, d);
}
