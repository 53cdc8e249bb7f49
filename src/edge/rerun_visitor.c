/* rerun_visitor.c - who the visitor of a hit is in a world, and who he is after it.
 *
 * A visitor stands under his place, as in the edge's table (edge_append.c), in the bytes that the table has of him, and
 * with what the world gave him last by activity. Documents that lead elsewhere are not needed: a hit names the place.
 * One who was not seen for the life of a document is forgotten, as the edge forgets him; where the hit says whom the
 * edge knew (asked.before), that counts. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "edge/delivery_int.h"
#include "edge/rerun_int.h"

/* ---- places ---- */

static int64_t
life_ms(const struct rerun *r)
{
    int64_t ms = r->x->o.edge->o.profile_ttl_ms;

    return ms > 0 ? ms : LIMIT_EDGE_PROFILE_TTL_MS;
}

static bool
is_sampled(const struct rerun *r, struct str key)
{
    return hash_bytes(key, 0x7768617469666bull) % 10000 < r->o.share;
}

enum err
rerun_put_place(struct rerun *r, struct str key, struct rerun_place *p, struct diag *d)
{
    void *old = NULL;
    size_t cost = sizeof *p + p->visitor_n + p->given_n;

    if (!map_put(&r->places, key, p, &old)) {
        free(p);
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    }
    if (old != NULL)
        r->bytes -= sizeof *p + ((struct rerun_place *)old)->visitor_n + ((struct rerun_place *)old)->given_n;
    else
        r->bytes += key.n;
    free(old);
    r->bytes += cost;
    return ERR_OK;
}

struct rerun_place *
rerun_place_new(struct str visitor, struct str given)
{
    struct rerun_place *p = malloc(sizeof *p + visitor.n + given.n);

    if (p == NULL)
        return NULL;
    *p = (struct rerun_place){.visitor_n = (uint32_t)visitor.n, .given_n = (uint32_t)given.n};
    if (visitor.n > 0)
        memcpy(p->bytes, visitor.p, visitor.n);
    if (given.n > 0)
        memcpy(p->bytes + visitor.n, given.p, given.n);
    return p;
}

/* ---- before the hit ---- */

static enum err
key_of(const struct rerun_turn *t, const struct identity *id, struct str *out, struct diag *d)
{
    struct buf b;

    buf_init_in(&b, t->a, LIMIT_RECORD_KEY_BYTES);
    identity_key(&b, t->h->scope, id->ns, id->id);
    *out = buf_str(&b);
    return buf_ok(&b) ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a visitor");
}

/* As edge_append.c files him. */
static const struct identity *
place_of(const struct hit *h)
{
    const struct identity *device = identity_find(&h->identities, S("ECID"));

    if (h->visit != NULL && h->visit->at.ns.n > 0)
        return &h->visit->at;
    return device != NULL ? device : hit_owner(h);
}

static bool
says_before(const struct hit *h)
{
    return h->visit != NULL && json_is(h->visit->asked, JSON_OBJECT);
}

static int64_t
before_of(const struct hit *h)
{
    return json_i64(json_get(h->visit->asked, S("before")), 0);
}

/* Nobody is known under the place. Was somebody, before the log begins? */
static enum rerun_missing
stranger(const struct rerun_turn *t)
{
    if (says_before(t->h))
        return before_of(t->h) == 0 ? RERUN_EXACT : RERUN_HISTORY;
    if (t->r->o.from_beginning || t->now_ms - life_ms(t->r) >= t->r->o.begins_ms)
        return RERUN_EXACT;
    return RERUN_HISTORY;
}

static const struct rerun_place *
living(const struct rerun_turn *t, struct str key)
{
    const struct rerun_place *p = map_get(&t->r->places, key);

    return p != NULL && t->now_ms - p->seen_ms <= life_ms(t->r) ? p : NULL;
}

static enum err
read_place(const struct rerun_turn *t, const struct rerun_place *p, struct visitor *out, struct diag *d)
{
    return visitor_read((struct str){p->bytes, p->visitor_n}, t->a, out, d);
}

static enum err
absorb(struct rerun_turn *t, const struct identity *id, struct diag *d)
{
    const struct rerun_place *p;
    struct visitor from;
    struct str key;
    enum err rc = key_of(t, id, &key, d);

    if (rc != ERR_OK)
        return rc;
    p = living(t, key);
    if (p == NULL) {
        if (t->missing == RERUN_EXACT)
            t->missing = is_sampled(t->r, key) ? stranger(t) : RERUN_SAMPLE;
        return ERR_OK;
    }
    if (t->missing == RERUN_EXACT)
        t->missing = p->missing;
    if (!t->was_given && p->was_given) {
        t->given = (struct str){p->bytes + p->visitor_n, p->given_n};
        t->was_given = true;
    }
    rc = read_place(t, p, &from, d);
    if (rc == ERR_OK)
        visitor_absorb(&t->visitor, &from);
    return rc;
}

static enum err
find(struct rerun_turn *t, struct diag *d)
{
    const struct rerun_place *p = living(t, t->key);
    const struct hit_visit *v = t->h->visit;
    enum err rc = ERR_OK;

    if (p != NULL && says_before(t->h) && before_of(t->h) == 0 && v->absorbs.n == 0)
        p = NULL; /* the edge had forgotten him */
    if (p != NULL) {
        t->missing = p->missing;
        t->was_given = p->was_given;
        t->given = (struct str){p->bytes + p->visitor_n, p->given_n};
        rc = read_place(t, p, &t->visitor, d);
    } else {
        visitor_init(&t->visitor, t->a);
        if (v == NULL || v->absorbs.n == 0)
            t->missing = stranger(t);
    }
    for (size_t i = 0; rc == ERR_OK && v != NULL && i < v->absorbs.n; i++)
        rc = absorb(t, &v->absorbs.items[i], d);
    if (rc == ERR_OK && says_before(t->h) && before_of(t->h) != t->visitor.last_ms)
        t->once = RERUN_HISTORY;
    return rc;
}

/* False: the hit is nobody's in this world. */
bool
rerun_begin(struct rerun_turn *t, enum err *rc, struct diag *d)
{
    const struct identity *at = place_of(t->h);

    *rc = ERR_OK;
    if (at == NULL || !str_eq(t->h->scope, t->r->o.scope) || !visitor_concerned(t->h) || t->h->source != SOURCE_EDGE)
        return false;
    *rc = key_of(t, at, &t->key, d);
    if (*rc != ERR_OK || !is_sampled(t->r, t->key))
        return false;
    *rc = find(t, d);
    return *rc == ERR_OK;
}

/* ---- after the hit ---- */

/* What the hit changes, and what was given. */
enum err
rerun_end(struct rerun_turn *t, const struct hit *h, const struct rerun_result *result, struct diag *d)
{
    struct str given = rerun_give(t->given, result->decisions, result->decision_count, t->a);
    struct rerun_place *p;
    struct buf b;
    enum err rc;

    visitor_fold(&t->visitor, h, t->now_ms, VISITOR_ONCE, NULL, NULL);
    visitor_fit(&t->visitor, LIMIT_VISITOR_BYTES);
    buf_init_in(&b, t->a, 2 * (size_t)LIMIT_VISITOR_BYTES);
    visitor_write(&b, &t->visitor);
    if (!buf_ok(&b) || t->a->refused)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    p = rerun_place_new(buf_str(&b), given);
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    p->seen_ms = t->now_ms;
    p->missing = t->missing;
    p->was_given = t->was_given;
    rc = rerun_put_place(t->r, t->key, p, d);
    if (rc == ERR_OK && t->r->bytes > t->r->o.bytes_max)
        rc = diag_set(d, ERR_LIMIT, "the visitors take more than %zu MB: ask for a smaller share of them",
                      t->r->o.bytes_max >> 20);
    return rc;
}
