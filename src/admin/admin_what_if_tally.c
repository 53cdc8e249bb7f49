/* admin_what_if_tally.c - what differs between two worlds, counted by activity and experience.
 *
 * A request's decisions are compared location by location: an activity has given something there before, afterwards, or
 * both. A visitor counts once in a change, however often he would see it. */
#include "admin/admin_what_if.h"
#include "base/hash.h"
#include "base/limits.h"

#include <stdlib.h>

#define EXAMPLES_BYTES (16u << 20) /* of explanations; further examples go without */

/* ---- sets ---- */

static bool
set_grow(struct u64_set *s)
{
    size_t cap = s->cap ? 2 * s->cap : 1024;
    uint64_t *items = calloc(cap, sizeof *items);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < s->cap; i++) {
        size_t at = s->items[i] & (cap - 1);
        if (s->items[i] == 0)
            continue;
        while (items[at] != 0)
            at = (at + 1) & (cap - 1);
        items[at] = s->items[i];
    }
    free(s->items);
    s->items = items;
    s->cap = cap;
    return true;
}

/* *fresh: it was not there. */
static enum err
set_add(struct u64_set *s, uint64_t hash, size_t max, bool *fresh, struct diag *d)
{
    size_t at;

    *fresh = false;
    if (hash == 0)
        hash = 1;
    if (2 * s->n >= s->cap && !set_grow(s))
        return diag_set(d, ERR_NOMEM, "no memory to count visitors");
    for (at = hash & (s->cap - 1); s->items[at] != 0; at = (at + 1) & (s->cap - 1)) {
        if (s->items[at] == hash)
            return ERR_OK;
    }
    if (s->n == max)
        return diag_set(d, ERR_LIMIT, "more than %lu visitors: ask for a smaller share of them",
                        LIMIT_WHAT_IF_VISITORS);
    s->items[at] = hash;
    s->n++;
    *fresh = true;
    return ERR_OK;
}

/* ---- cells ---- */

static struct str
key_of(struct str a, struct str b, struct str c, struct buf *room)
{
    buf_clear(room);
    buf_printf(room, "%.*s\x1f%.*s\x1f%.*s", STR_ARG(a), STR_ARG(b), STR_ARG(c));
    return buf_str(room);
}

static enum err
too_many(struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "more than %d different changes", LIMIT_WHAT_IF_CELLS);
}

static enum err
find_cell(struct what_if *w, struct str activity, struct str from, struct str to, struct what_if_cell **out,
          struct diag *d)
{
    struct str key;
    struct what_if_cell *c;

    key = key_of(activity, from, to, &w->key);
    *out = map_get(&w->cells, key);
    if (*out != NULL)
        return ERR_OK;
    if (w->cells.count == LIMIT_WHAT_IF_CELLS)
        return too_many(d);
    c = ARENA_NEW(&w->arena, struct what_if_cell);
    if (c == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a what-if");
    *c = (struct what_if_cell){
        .activity = arena_str(&w->arena, activity), .from = arena_str(&w->arena, from), .to = arena_str(&w->arena, to)};
    if (w->arena.refused || !map_put(&w->cells, key, c, NULL))
        return diag_set(d, ERR_NOMEM, "no memory for a what-if");
    if (w->last_cell != NULL)
        w->last_cell->next = c;
    else
        w->first_cell = c;
    w->last_cell = c;
    *out = c;
    return ERR_OK;
}

static struct str
why_text(struct what_if *w, const struct rerun_decision *x)
{
    if (x == NULL || x->why.n == 0 || w->example_bytes > EXAMPLES_BYTES)
        return S_NULL;
    w->example_bytes += x->why.n;
    return arena_str(&w->arena, x->why);
}

static void
add_example(struct what_if *w, struct what_if_cell *c, const struct record *r, const struct rerun_decision *before,
            const struct rerun_decision *after)
{
    if (c->example_count == LIMIT_WHAT_IF_EXAMPLES)
        return;
    c->examples[c->example_count++] =
        (struct what_if_example){.offset = r->offset,
                                 .at_ms = r->time_ms,
                                 .scope = arena_str(&w->arena, (before != NULL ? before : after)->scope),
                                 .before = why_text(w, before),
                                 .after = why_text(w, after)};
}

/* ---- losses ---- */

/* What the changed configuration says about an activity that it does not give here. */
static const char *
reason_of(const struct rerun_result *after, struct str activity, struct str scope)
{
    for (size_t i = 0; i < after->loss_count; i++) {
        if (str_eq(after->losses[i].activity, activity) && str_eq(after->losses[i].scope, scope))
            return after->losses[i].reason;
    }
    return "absent";
}

static struct str
winner_of(const struct rerun_result *after, struct str scope)
{
    for (size_t i = 0; i < after->decision_count; i++) {
        if (str_eq(after->decisions[i].scope, scope))
            return after->decisions[i].activity;
    }
    return S("");
}

static enum err
count_loss(struct what_if *w, const struct rerun_decision *x, const struct rerun_result *after, struct diag *d)
{
    struct str reason = str_of(reason_of(after, x->activity, x->scope)), winner = winner_of(after, x->scope);
    struct str key;
    struct what_if_loss *l;

    key = key_of(x->activity, reason, winner, &w->key);
    l = map_get(&w->losses, key);
    if (l == NULL) {
        if (w->losses.count == LIMIT_WHAT_IF_CELLS)
            return too_many(d);
        l = ARENA_NEW(&w->arena, struct what_if_loss);
        if (l == NULL || !map_put(&w->losses, key, l, NULL))
            return diag_set(d, ERR_NOMEM, "no memory for a what-if");
        *l = (struct what_if_loss){
            .activity = arena_str(&w->arena, x->activity), .reason = reason, .winner = arena_str(&w->arena, winner)};
        if (w->last_loss != NULL)
            w->last_loss->next = l;
        else
            w->first_loss = l;
        w->last_loss = l;
    }
    l->requests++;
    return ERR_OK;
}

/* ---- one request ---- */

static const struct rerun_decision *
find(const struct rerun_result *r, const struct rerun_decision *x)
{
    for (size_t i = 0; i < r->decision_count; i++) {
        const struct rerun_decision *y = &r->decisions[i];
        if (y->prefetched == x->prefetched && str_eq(y->activity, x->activity) && str_eq(y->scope, x->scope))
            return y;
    }
    return NULL;
}

static enum err
count_cell(struct what_if *w, const struct record *r, const struct rerun_decision *before,
           const struct rerun_decision *after, uint64_t visitor, struct diag *d)
{
    const struct rerun_decision *any = before != NULL ? before : after;
    struct what_if_cell *c = NULL;
    uint64_t pair[2] = {visitor, 0};
    bool fresh;
    enum err rc = find_cell(w, any->activity, before != NULL ? before->experience : S(""),
                            after != NULL ? after->experience : S(""), &c, d);

    if (rc != ERR_OK)
        return rc;
    c->requests++;
    pair[1] = (uint64_t)(uintptr_t)c;
    rc = set_add(&w->cell_visitors, hash_bytes((struct str){(const char *)pair, sizeof pair}, 0), w->visitors_max,
                 &fresh, d);
    c->visitors += fresh;
    if (!str_eq(c->from, c->to))
        add_example(w, c, r, before, after);
    return rc;
}

static enum err
compare(struct what_if *w, const struct record *r, const struct rerun_result *before, const struct rerun_result *after,
        bool *differs, struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < before->decision_count; i++) {
        const struct rerun_decision *x = &before->decisions[i], *y = find(after, x);
        *differs |= y == NULL || !str_eq(x->experience, y->experience);
        rc = count_cell(w, r, x, y, before->visitor, d);
        if (rc == ERR_OK && y == NULL)
            rc = count_loss(w, x, after, d);
    }
    for (size_t i = 0; rc == ERR_OK && i < after->decision_count; i++) {
        if (find(before, &after->decisions[i]) != NULL)
            continue;
        *differs = true;
        rc = count_cell(w, r, NULL, &after->decisions[i], before->visitor, d);
    }
    return rc;
}

/* The log says what was delivered; what was prefetched it does not say. */
static bool
is_recorded(const struct hit *h, const struct rerun_result *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->decision_count; i++) {
        const struct rerun_decision *x = &r->decisions[i];
        const struct hit_decision *y = n < h->decision_count ? &h->decisions[n] : NULL;
        if (x->prefetched)
            continue;
        if (y == NULL || !str_eq(x->activity, y->activity) || !str_eq(x->experience, y->experience) ||
            !str_eq(x->scope, y->scope))
            return false;
        n++;
    }
    return n == h->decision_count;
}

enum err
what_if_count(struct what_if *w, const struct record *r, const struct hit *h, const struct rerun_result *before,
              const struct rerun_result *after, struct diag *d)
{
    enum rerun_missing missing = before->missing != RERUN_EXACT ? before->missing : after->missing;
    bool differs = false, fresh;
    enum err rc;

    if (missing != RERUN_EXACT) {
        w->missing[missing]++;
        return ERR_OK;
    }
    w->requests++;
    w->decisions += before->decision_count;
    w->last_ms = r->time_ms;
    if (is_recorded(h, before))
        w->reproduced++;
    else if (w->otherwise++ < sizeof w->otherwise_examples / sizeof *w->otherwise_examples)
        w->otherwise_examples[w->otherwise - 1] = r->offset;
    rc = set_add(&w->visitors, before->visitor, w->visitors_max, &fresh, d);
    if (rc == ERR_OK)
        rc = compare(w, r, before, after, &differs, d);
    if (rc != ERR_OK || !differs)
        return rc;
    w->changed_requests++;
    return set_add(&w->changed_visitors, before->visitor, w->visitors_max, &fresh, d);
}

/* ---- the answer ---- */

static void
write_experience(struct jw *w, struct str key, struct str experience)
{
    jw_key(w, key);
    if (experience.n > 0)
        jw_str(w, experience);
    else
        jw_null(w);
}

static void
write_example(struct jw *w, const struct what_if_example *x)
{
    jw_object(w);
    jw_key(w, S("request"));
    jw_u64(w, x->offset);
    jw_ktime(w, S("at"), x->at_ms);
    jw_kstr(w, S("location"), x->scope);
    if (x->before.n > 0)
        jw_kraw(w, S("before"), x->before);
    if (x->after.n > 0)
        jw_kraw(w, S("after"), x->after);
    jw_end(w);
}

static void
write_cell(struct jw *w, const struct what_if_cell *c)
{
    jw_object(w);
    write_experience(w, S("from"), c->from);
    write_experience(w, S("to"), c->to);
    jw_ki64(w, S("requests"), (int64_t)c->requests);
    jw_ki64(w, S("visitors"), (int64_t)c->visitors);
    if (c->example_count > 0) {
        jw_key(w, S("examples"));
        jw_array(w);
        for (size_t i = 0; i < c->example_count; i++)
            write_example(w, &c->examples[i]);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_losses(struct jw *w, const struct what_if *x, struct str activity)
{
    jw_key(w, S("lost"));
    jw_array(w);
    for (const struct what_if_loss *l = x->first_loss; l != NULL; l = l->next) {
        if (!str_eq(l->activity, activity))
            continue;
        jw_object(w);
        jw_kstr(w, S("reason"), l->reason);
        write_experience(w, S("winner"), l->winner);
        jw_ki64(w, S("requests"), (int64_t)l->requests);
        jw_end(w);
    }
    jw_end(w);
}

static bool
is_first_of(const struct what_if *x, const struct what_if_cell *c)
{
    const struct what_if_cell *f = x->first_cell;

    while (!str_eq(f->activity, c->activity))
        f = f->next;
    return f == c;
}

static void
write_activities(struct jw *w, const struct what_if *x)
{
    jw_key(w, S("activities"));
    jw_array(w);
    for (const struct what_if_cell *c = x->first_cell; c != NULL; c = c->next) {
        if (!is_first_of(x, c))
            continue;
        jw_object(w);
        jw_kstr(w, S("id"), c->activity);
        jw_key(w, S("changes"));
        jw_array(w);
        for (const struct what_if_cell *k = c; k != NULL; k = k->next) {
            if (str_eq(k->activity, c->activity))
                write_cell(w, k);
        }
        jw_end(w);
        write_losses(w, x, c->activity);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_recorded(struct jw *w, const struct what_if *x)
{
    jw_key(w, S("recorded"));
    jw_object(w);
    jw_ki64(w, S("reproduced"), (int64_t)x->reproduced);
    jw_ki64(w, S("otherwise"), (int64_t)x->otherwise);
    if (x->otherwise > 0) {
        jw_key(w, S("requests"));
        jw_array(w);
        for (size_t i = 0; i < x->otherwise && i < sizeof x->otherwise_examples / sizeof *x->otherwise_examples; i++)
            jw_u64(w, x->otherwise_examples[i]);
        jw_end(w);
    }
    jw_end(w);
}

static void
write_missing(struct jw *w, const struct what_if *x)
{
    jw_key(w, S("notReplayed"));
    jw_object(w);
    for (int i = RERUN_EXACT + 1; i < RERUN__COUNT; i++) {
        if (x->missing[i] > 0)
            jw_ki64(w, str_of(rerun_missing_name((enum rerun_missing)i)), (int64_t)x->missing[i]);
    }
    jw_end(w);
}

void
what_if_write(struct jw *w, const struct what_if *x)
{
    jw_ki64(w, S("requests"), (int64_t)x->requests);
    jw_ki64(w, S("visitors"), (int64_t)x->visitors.n);
    jw_ki64(w, S("decisions"), (int64_t)x->decisions);
    jw_key(w, S("changed"));
    jw_object(w);
    jw_ki64(w, S("requests"), (int64_t)x->changed_requests);
    jw_ki64(w, S("visitors"), (int64_t)x->changed_visitors.n);
    jw_end(w);
    write_recorded(w, x);
    write_missing(w, x);
    jw_kbool(w, S("limited"), x->limited);
    if (x->last_ms != 0)
        jw_ktime(w, S("lastRequest"), x->last_ms);
    if (x->begins_ms > x->since_ms) {
        jw_ktime(w, S("logBegins"), x->begins_ms);
        jw_kstr(w, S("note"), S("the log was cut (collect-retention-days): requests of before are not there"));
    }
    write_activities(w, x);
}

/* ---- life ---- */

#define ARENA_BYTES (64u << 20)

struct what_if *
what_if_new(void)
{
    struct what_if *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->visitors_max = LIMIT_WHAT_IF_VISITORS;
    map_init(&w->cells);
    map_init(&w->losses);
    buf_init(&w->key, 65536);
    arena_init(&w->arena, ARENA_BYTES);
    return w;
}

void
what_if_free(struct what_if *w)
{
    if (w == NULL)
        return;
    snapshot_put(NULL, w->present);
    snapshot_put(NULL, w->changed);
    free(w->visitors.items);
    free(w->changed_visitors.items);
    free(w->cell_visitors.items);
    map_deinit(&w->cells);
    map_deinit(&w->losses);
    buf_deinit(&w->key);
    arena_deinit(&w->arena);
    free(w);
}
