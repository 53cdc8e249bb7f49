/* rerun.c - worlds of recorded requests: who the visitors are, hit after hit. See decide/rerun.h.
 *
 * A visitor stands under his place, as in the edge's table (edge_append.c), in the bytes that the table has of him, and
 * with what the world gave him last by activity. Documents that lead elsewhere are not needed: a hit names the place.
 * One who was not seen for the life of a document is forgotten, as the edge forgets him; where the hit says whom the
 * edge knew (asked.before), that counts. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "edge/delivery_int.h"

struct place {
    int64_t seen_ms;
    enum rerun_missing missing; /* he is not who he was: nothing of his can be decided again */
    bool was_given;
    uint32_t visitor_n, given_n; /* bytes behind */
    char bytes[];
};

struct rerun {
    struct delivery *x;
    struct rerun_options o;
    char *scope;       /* owned */
    struct map places; /* key -> struct place, owned */
    size_t bytes;
};

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

static enum err
put_place(struct rerun *r, struct str key, struct place *p, struct diag *d)
{
    void *old = NULL;
    size_t cost = sizeof *p + p->visitor_n + p->given_n;

    if (!map_put(&r->places, key, p, &old)) {
        free(p);
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    }
    if (old != NULL)
        r->bytes -= sizeof *p + ((struct place *)old)->visitor_n + ((struct place *)old)->given_n;
    else
        r->bytes += key.n;
    free(old);
    r->bytes += cost;
    return ERR_OK;
}

static struct place *
place_new(struct str visitor, struct str given)
{
    struct place *p = malloc(sizeof *p + visitor.n + given.n);

    if (p == NULL)
        return NULL;
    *p = (struct place){.visitor_n = (uint32_t)visitor.n, .given_n = (uint32_t)given.n};
    if (visitor.n > 0)
        memcpy(p->bytes, visitor.p, visitor.n);
    if (given.n > 0)
        memcpy(p->bytes + visitor.n, given.p, given.n);
    return p;
}

/* ---- a hit's visitor ---- */

/* A hit on its way: whose it is, and who he was. */
struct turn {
    struct rerun *r;
    const struct hit *h;
    int64_t now_ms;
    struct arena *a;
    struct str key;
    struct visitor visitor; /* with what he absorbs */
    struct str given;
    bool was_given;
    enum rerun_missing missing; /* from now on */
    enum rerun_missing once;    /* of this request alone */
};

static enum err
key_of(const struct turn *t, const struct identity *id, struct str *out, struct diag *d)
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
stranger(const struct turn *t)
{
    if (says_before(t->h))
        return before_of(t->h) == 0 ? RERUN_EXACT : RERUN_HISTORY;
    if (t->r->o.from_beginning || t->now_ms - life_ms(t->r) >= t->r->o.begins_ms)
        return RERUN_EXACT;
    return RERUN_HISTORY;
}

static const struct place *
living(const struct turn *t, struct str key)
{
    const struct place *p = map_get(&t->r->places, key);

    return p != NULL && t->now_ms - p->seen_ms <= life_ms(t->r) ? p : NULL;
}

static enum err
read_place(const struct turn *t, const struct place *p, struct visitor *out, struct diag *d)
{
    return visitor_read((struct str){p->bytes, p->visitor_n}, t->a, out, d);
}

static enum err
absorb(struct turn *t, const struct identity *id, struct diag *d)
{
    const struct place *p;
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
find(struct turn *t, struct diag *d)
{
    const struct place *p = living(t, t->key);
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
static bool
begin(struct turn *t, enum err *rc, struct diag *d)
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

/* What the hit changes, and what was given. */
static enum err
end(struct turn *t, const struct hit *h, const struct rerun_result *result, struct diag *d)
{
    struct str given = rerun_give(t->given, result->decisions, result->decision_count, t->a);
    struct place *p;
    struct buf b;
    enum err rc;

    visitor_fold(&t->visitor, h, t->now_ms, VISITOR_ONCE, NULL, NULL);
    visitor_fit(&t->visitor, LIMIT_VISITOR_BYTES);
    buf_init_in(&b, t->a, 2 * (size_t)LIMIT_VISITOR_BYTES);
    visitor_write(&b, &t->visitor);
    if (!buf_ok(&b) || t->a->refused)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    p = place_new(buf_str(&b), given);
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    p->seen_ms = t->now_ms;
    p->missing = t->missing;
    p->was_given = t->was_given;
    rc = put_place(t->r, t->key, p, d);
    if (rc == ERR_OK && t->r->bytes > t->r->o.bytes_max)
        rc = diag_set(d, ERR_LIMIT, "the visitors take more than %zu MB: ask for a smaller share of them",
                      t->r->o.bytes_max >> 20);
    return rc;
}

/* ---- what was given: "activity US experience RS", the newest first ---- */

static bool
next_given(struct str *rest, struct str *activity, struct str *experience)
{
    struct str one;

    if (!str_split(rest, 0x1e, &one))
        return false;
    return str_split(&one, 0x1f, activity) && (*experience = one, true);
}

bool
rerun_given(struct edge_rerun *r, struct str activity, struct str *experience)
{
    struct str rest = r->given, a, e;
    size_t n = 0;

    for (; rest.n > 0 && next_given(&rest, &a, &e); n++) {
        if (str_eq(a, activity)) {
            *experience = e;
            return true;
        }
    }
    if (n == LIMIT_RERUN_GIVEN)
        rerun_lacks(r, RERUN_HISTORY);
    return !r->was_given;
}

static bool
is_among(const struct rerun_decision *decisions, size_t n, struct str activity)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(decisions[i].activity, activity))
            return true;
    }
    return false;
}

struct str
rerun_give(struct str given, const struct rerun_decision *decisions, size_t n, struct arena *arena)
{
    struct str rest = given, a, e;
    struct buf b;
    size_t kept = 0;

    buf_init_in(&b, arena, LIMIT_VISITOR_BYTES);
    for (size_t i = n; i > 0 && kept < LIMIT_RERUN_GIVEN; i--) {
        const struct rerun_decision *x = &decisions[i - 1];
        if (is_among(decisions + i, n - i, x->activity))
            continue;
        buf_printf(&b, "%.*s\x1f%.*s\x1e", STR_ARG(x->activity), STR_ARG(x->experience));
        kept++;
    }
    while (rest.n > 0 && kept < LIMIT_RERUN_GIVEN && next_given(&rest, &a, &e)) {
        if (is_among(decisions, n, a))
            continue;
        buf_printf(&b, "%.*s\x1f%.*s\x1e", STR_ARG(a), STR_ARG(e));
        kept++;
    }
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

/* ---- what a request asks ---- */

void
rerun_lacks(struct edge_rerun *r, enum rerun_missing what)
{
    if (r->result.missing == RERUN_EXACT)
        r->result.missing = what;
}

bool
rerun_in_audience(struct edge_rerun *r, struct str id)
{
    if (!r->knows_audiences)
        rerun_lacks(r, RERUN_AUDIENCES);
    return edge_rules_projected(&r->person, id);
}

bool
rerun_header(struct edge_rerun *r, struct str name, struct str *value)
{
    struct json_iter it = json_iter(json_get(r->hit->visit->asked, S("headers")));

    while (json_next(&it)) {
        if (!str_eq_nocase(it.key, name))
            continue;
        *value = json_str(it.value);
        return json_is(it.value, JSON_STRING);
    }
    rerun_lacks(r, RERUN_HEADERS);
    *value = S_NULL;
    return false;
}

/* ---- what came of it ---- */

static const struct json *
audience_object(void *ctx, struct str id)
{
    const struct edge_rerun *r = ctx;

    return snapshot_object(r->snap, S("targetAudience"), r->hit->scope, id);
}

static struct str
audiences_of(struct edge_rerun *r, struct decision *x)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, r->arena, LIMIT_RESPONSE_BYTES);
    w = jw_to(&b);
    return decision_explain(x, audience_object, r, &w, r->d) == ERR_OK && buf_ok(&b) ? buf_str(&b) : S_NULL;
}

static bool
room_for(struct edge_rerun *r, void **items, size_t n, size_t more, size_t *room, size_t bytes)
{
    void *p;

    if (n + more <= *room)
        return true;
    p = arena_calloc(r->arena, 2 * (n + more), bytes);
    if (p == NULL) {
        r->rc = diag_set(r->d, ERR_LIMIT, "a recorded request needs more memory than there is");
        return false;
    }
    if (n > 0)
        memcpy(p, *items, n * bytes);
    *items = p;
    *room = 2 * (n + more);
    return true;
}

static void
add_losses(struct edge_rerun *r, struct decision *x, struct str scope)
{
    struct rerun_result *out = &r->result;
    struct rerun_loss loss = {.scope = scope};
    void *items = out->losses;

    for (size_t i = 0; decision_loss(x, i, &loss.activity, &loss.reason); i++) {
        if (!room_for(r, &items, out->loss_count, 1, &r->loss_room, sizeof loss))
            return;
        out->losses = items;
        out->losses[out->loss_count++] = loss;
    }
}

void
rerun_took(struct edge_rerun *r, struct decision *x, struct str location, const struct decision_result *taken,
           bool prefetched)
{
    struct rerun_result *out = &r->result;
    struct str audiences = r->explain && taken->n > 0 ? audiences_of(r, x) : S_NULL;
    void *items = out->decisions;

    add_losses(r, x, location);
    if (!room_for(r, &items, out->decision_count, taken->n, &r->decision_room, sizeof *out->decisions))
        return;
    out->decisions = items;
    for (size_t i = 0; i < taken->n; i++) {
        const struct decision_taken *t = &taken->taken[i];
        out->decisions[out->decision_count++] = (struct rerun_decision){.activity = t->activity,
                                                                        .experience = t->experience,
                                                                        .scope = t->scope,
                                                                        .prefetched = prefetched,
                                                                        .entered = t->entered,
                                                                        .arm = t->arm,
                                                                        .why = t->why,
                                                                        .audiences = audiences};
    }
}

/* ---- deciding ---- */

/* The person as the hit has him. */
static enum err
read_person(struct edge_rerun *r, struct diag *d)
{
    const struct json *asked = r->hit->visit->asked, *list = json_get(asked, S("audiences"));
    const struct json *attributes = json_get(asked, S("attributes"));
    struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL);
    struct edge_doc *p = &r->person;
    struct buf b;

    *p = (struct edge_doc){.known = true,
                           .memberships = ARENA_ARRAY(r->arena, struct projected_membership, json_count(list) + 1)};
    if (p->memberships == NULL)
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    while (json_next(&it))
        p->memberships[p->membership_count++] =
            (struct projected_membership){.audience = json_str(it.value), .member = true};
    r->knows_audiences = asked != NULL && !json_is(list, JSON_BOOL);
    if (asked == NULL || json_is(attributes, JSON_BOOL)) {
        if (r->view != NULL && r->view->decide != NULL && decide_reads_attributes(r->view->decide))
            rerun_lacks(r, RERUN_ATTRIBUTES);
        return ERR_OK;
    }
    if (attributes == NULL)
        return ERR_OK;
    buf_init_in(&b, r->arena, 2 * LIMIT_ASKED_ATTRIBUTE_BYTES);
    json_write(&b, attributes);
    p->attributes = buf_str(&b);
    return ERR_OK;
}

/* An event that asks for nothing and reports nothing is what it is. */
static bool
asks(const struct hit *h)
{
    if (h->visit == NULL)
        return false;
    if (h->kind == HIT_VISIT)
        return h->xdm != NULL;
    return h->kind == HIT_EVENT && (h->decision_count + h->notice_count > 0 || h->visit->asked != NULL);
}

static enum err
decide(struct turn *t, struct edge_rerun *r, struct diag *d)
{
    enum err rc = read_person(r, d);

    if (rc != ERR_OK)
        return rc;
    r->result.asked = true;
    r->result.visitor = hash_bytes(t->key, 0);
    if (!visitor_copy(&t->visitor, t->a, &r->visitor))
        return diag_set(d, ERR_LIMIT, "a recorded request needs more memory than there is");
    rc = r->hit->kind == HIT_VISIT ? rerun_delivery(t->r->x, r, d) : rerun_event(r, d);
    return rc == ERR_OK ? r->rc : rc;
}

static enum err
world_decide(struct rerun *w, const struct snapshot *s, const struct hit *h, int64_t now_ms, bool explain,
             struct arena *a, struct rerun_result *out, struct diag *d)
{
    struct turn t = {.r = w, .h = h, .now_ms = now_ms, .a = a};
    struct edge_rerun r = {.arena = a,
                           .snap = s,
                           .view = snapshot_scope(s, w->o.scope),
                           .hit = h,
                           .now_ms = now_ms,
                           .explain = explain,
                           .decided = *h,
                           .d = d};
    enum err rc;

    *out = (struct rerun_result){0};
    if (!begin(&t, &rc, d))
        return rc;
    r.given = t.given;
    r.was_given = t.was_given;
    if (asks(h)) {
        rc = decide(&t, &r, d);
        if (rc != ERR_OK)
            return rc;
        if (t.missing != RERUN_EXACT || t.once != RERUN_EXACT)
            r.result.missing = t.missing != RERUN_EXACT ? t.missing : t.once;
        else
            t.missing = r.result.missing; /* what follows from it is not to be believed either */
        t.was_given |= r.result.decision_count > 0;
    }
    *out = r.result;
    return end(&t, r.result.missing == RERUN_REFUSED ? h : &r.decided, &r.result, d);
}

static enum err
world_record(struct rerun *w, const struct hit *h, int64_t now_ms, struct arena *a, struct diag *d)
{
    struct turn t = {.r = w, .h = h, .now_ms = now_ms, .a = a};
    struct rerun_result given = {0};
    enum err rc;

    if (!begin(&t, &rc, d))
        return rc;
    given.decisions = ARENA_ARRAY(a, struct rerun_decision, h->decision_count + 1);
    for (size_t i = 0; given.decisions != NULL && i < h->decision_count; i++)
        given.decisions[given.decision_count++] =
            (struct rerun_decision){.activity = h->decisions[i].activity, .experience = h->decisions[i].experience};
    t.was_given |= given.decision_count > 0;
    return end(&t, h, &given, d);
}

/* ---- life ---- */

static void
world_close(struct rerun *r)
{
    const struct map_slot *slot;

    if (r == NULL)
        return;
    for (size_t i = 0; (slot = map_next(&r->places, &i)) != NULL;)
        free(slot->value);
    map_deinit(&r->places);
    free(r->scope);
    free(r);
}

static enum err
world_open(void *ctx, const struct rerun_options *o, struct rerun **out, struct diag *d)
{
    struct rerun *r = calloc(1, sizeof *r);

    if (r == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    map_init(&r->places);
    r->x = ctx;
    r->o = *o;
    r->scope = strndup(o->scope.p, o->scope.n);
    if (r->scope == NULL) {
        world_close(r);
        return diag_set(d, ERR_NOMEM, "no memory for visitors");
    }
    r->o.scope = str_of(r->scope);
    *out = r;
    return ERR_OK;
}

static enum err
world_copy(const struct rerun *r, struct rerun **out, struct diag *d)
{
    struct rerun *copy = NULL;
    const struct map_slot *slot;
    enum err rc = world_open(r->x, &r->o, &copy, d);

    for (size_t i = 0; rc == ERR_OK && (slot = map_next(&r->places, &i)) != NULL;) {
        const struct place *p = slot->value;
        struct place *twin =
            place_new((struct str){p->bytes, p->visitor_n}, (struct str){p->bytes + p->visitor_n, p->given_n});
        if (twin == NULL) {
            rc = diag_set(d, ERR_NOMEM, "no memory for visitors");
            break;
        }
        twin->seen_ms = p->seen_ms;
        twin->missing = p->missing;
        twin->was_given = p->was_given;
        rc = put_place(copy, slot->key, twin, d);
    }
    if (rc == ERR_OK)
        *out = copy;
    else
        world_close(copy);
    return rc;
}

struct rerun_ops
delivery_rerun(struct delivery *x)
{
    return (struct rerun_ops){x, world_open, world_close, world_copy, world_record, world_decide};
}
