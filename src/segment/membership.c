/* membership.c - from the evaluator's truth to membership entries.
 *
 *   load the rule state, or build it from all data when there is none that can be read
 *   step it: event, attributes or time
 *   every audience whose truth differs from its entry moves the entry [SEGMENTATION 15.2], if the change may
 *   purge what exited long ago; when audiences changed, also entries of audiences that are no more
 *
 * When audiences changed since the state was saved, the step evaluates what is new, and names the audiences that are
 * new or mean something else. The state is a cache of the data: when it is damaged or of audiences that nobody knows
 * any more it is built anew and nothing is lost.
 *
 * A strict set keeps no account of what was held back. What is streamed, and a job, compare every audience with its
 * entry, so a truth that came about while entries had to stand still is found then; and because of that the answer
 * depends on truth, entry and cause alone, whenever the state is built anew. */
#include "segment/membership.h"

#include "base/limits.h"
#include "codec/json_writer.h"

#define TYPICAL_STATE_BYTES 1024u

struct apply {
    const struct segment_set *set;
    struct kv *k;
    struct profile *p;
    const struct segment_change *change;
    struct arena *a;
    struct rule_env env;
    struct rule_state *state;
    struct segment_result result;
};

/* inSegment() of an audience that is not in the graph: an inactive or external one keeps its last entry. */
static bool
in_segment(void *ctx, struct str id)
{
    const struct profile_membership *m = profile_membership(ctx, id);

    return m != NULL && m->member;
}

static bool
may_move(const struct apply *ap, uint32_t index, bool member)
{
    const struct segment_change *c = ap->change;

    if (c->by == SEGMENT_BY_JOB)
        return c->chosen == NULL || c->chosen[index];
    return !ap->set->strict || c->by == SEGMENT_BY_STREAM || (c->by == SEGMENT_BY_TIMER && !member);
}

/* Whoever opted out is a member only of audiences that say so [SEGMENTATION 16.5]. */
static bool
is_open(const struct apply *ap, uint32_t index)
{
    return !ap->p->opted_out || (ap->set->opted_out_too != NULL && ap->set->opted_out_too[index]);
}

/* The state machine. A write that is older than the entry is ignored. */
static enum err
move_entry(struct apply *ap, uint32_t index, bool member, bool *moved, struct diag *d)
{
    const struct segment_set *set = ap->set;
    const struct profile_membership *m = profile_membership_numbered(ap->p, set->numbers[index]);
    struct profile_membership fresh = {set->ids[index], member, ap->env.now_ms, set->numbers[index], 0};

    *moved = false;
    if (m == NULL ? !member : m->member == member || ap->env.now_ms < m->since_ms)
        return ERR_OK;
    if (!may_move(ap, index, member))
        return ERR_OK;
    *moved = true;
    return profile_put_membership(ap->p, &fresh, d);
}

static enum err
load_events(struct apply *ap, struct diag *d)
{
    const struct json **events;
    struct profile_event *raw;
    enum err rc = profile_events(ap->k, ap->p, ap->a, &events, &raw, &ap->env.event_count, d);

    if (rc == ERR_OK)
        ap->env.events = events;
    return rc;
}

/* *built tells that the truth of every audience has to be compared with its entry. */
static enum err
load_state(struct apply *ap, bool *built, struct diag *d)
{
    enum err rc = ERR_UNSUPPORTED;

    if (ap->p->rule_state.n > 0 && ap->change->by != SEGMENT_BY_JOB)
        rc = rule_state_load(ap->set->graph, ap->p->rule_state, ap->a, &ap->state, d);
    *built = rc == ERR_UNSUPPORTED || rc == ERR_CORRUPT;
    if (rc != ERR_OK && !*built)
        return rc;
    rc = *built || ap->set->scans || rule_state_needs_events(ap->state) ? load_events(ap, d) : ERR_OK;
    if (rc == ERR_OK && *built)
        rc = rule_state_build(ap->set->graph, &ap->env, ap->a, &ap->state, d);
    return rc;
}

static enum err
add_change(struct apply *ap, struct rule_changes *out, uint32_t index, bool member, struct diag *d)
{
    bool moved;
    enum err rc;

    member = member && is_open(ap, index);
    rc = move_entry(ap, index, member, &moved, d);

    if (rc == ERR_OK && moved)
        out->items[out->n++] = (struct rule_change){index, member};
    return rc;
}

/* Lists under construction while all are compared; each has room for all. */
struct comparison {
    struct profile_membership *entries;
    size_t n;
    struct rule_changes changes;
    struct str *removed;
    size_t removed_count;
};

/* An entry of an audience that is not in the set: it stays while the audience exists. */
static void
compare_stranger(const struct apply *ap, const struct profile_membership *m, struct comparison *c)
{
    if (ap->set->kept != NULL && ap->set->kept(ap->set->kept_ctx, m->audience))
        c->entries[c->n++] = *m;
    else if (m->member)
        c->removed[c->removed_count++] = m->audience;
}

/* The state machine for one audience of the set; m is its entry so far, NULL: none. */
static void
compare_one(const struct apply *ap, uint32_t index, const struct profile_membership *m, struct comparison *c)
{
    bool member = rule_state_member(ap->state, index) && is_open(ap, index);

    if (!rule_state_known(ap->state, index) ||
        (m == NULL ? !member : m->member == member || ap->env.now_ms < m->since_ms) || !may_move(ap, index, member)) {
        if (m != NULL)
            c->entries[c->n++] = *m;
        return;
    }
    c->entries[c->n++] = (struct profile_membership){profile_names_text(ap->p->names, ap->set->numbers[index]), member,
                                                     ap->env.now_ms, ap->set->numbers[index], 0};
    c->changes.items[c->changes.n++] = (struct rule_change){index, member};
}

/* Entries and the set's order are both in order of the numbers: one walk over the two makes the new entries. */
static enum err
compare_all(struct apply *ap, struct diag *d)
{
    const struct segment_set *set = ap->set;
    struct profile *p = ap->p;
    struct comparison c = {
        .entries = ARENA_ARRAY(p->arena, struct profile_membership, p->membership_count + set->count),
        .changes = {ARENA_ARRAY(ap->a, struct rule_change, set->count), 0},
        .removed = ARENA_ARRAY(ap->a, struct str, p->membership_count),
    };
    size_t at = 0;

    if (c.entries == NULL || c.changes.items == NULL || c.removed == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for memberships");
    for (size_t k = 0; k < set->count; k++) {
        uint32_t index = set->order[k];
        uint32_t number = set->numbers[index];
        while (at < p->membership_count && p->memberships[at].number < number)
            compare_stranger(ap, &p->memberships[at++], &c);
        compare_one(ap, index,
                    at < p->membership_count && p->memberships[at].number == number ? &p->memberships[at++] : NULL, &c);
    }
    while (at < p->membership_count)
        compare_stranger(ap, &p->memberships[at++], &c);
    profile_set_memberships(p, c.entries, c.n, p->membership_count + set->count);
    ap->result.changes = c.changes;
    ap->result.removed = c.removed;
    ap->result.removed_count = c.removed_count;
    return ERR_OK;
}

/* Entries of audiences that are no more go: the others are compared one by one. */
static enum err
drop_strangers(struct apply *ap, struct diag *d)
{
    struct profile *p = ap->p;
    struct comparison c = {.entries = p->memberships, .removed = ARENA_ARRAY(ap->a, struct str, p->membership_count)};

    if (c.removed == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for memberships");
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct profile_membership m = p->memberships[i];
        if (ap->set->by_id != NULL && map_get(ap->set->by_id, m.audience) != NULL)
            c.entries[c.n++] = m;
        else
            compare_stranger(ap, &m, &c);
    }
    p->membership_count = c.n;
    ap->result.removed = c.removed;
    ap->result.removed_count = c.removed_count;
    return ERR_OK;
}

/* What the step lists is not all that may have to move: a strict set held entries back, and whether people who opted
 * out may be members is no part of an expression. */
static bool
wants_all(const struct apply *ap, bool behind)
{
    const struct segment_change *c = ap->change;

    return (ap->set->strict && c->by == SEGMENT_BY_STREAM) ||
           (ap->p->opted_out && (behind || c->by == SEGMENT_BY_SWEEP));
}

static enum err
step(struct apply *ap, struct diag *d)
{
    const struct rule_graph *g = ap->set->graph;
    const struct segment_change *c = ap->change;
    struct rule_changes found = {0}, *out = &ap->result.changes;
    bool behind = rule_state_is_behind(ap->state);
    enum err rc;

    if (c->cause == SEGMENT_EVENT)
        rc = rule_state_event(g, ap->state, &ap->env, c->event, ap->a, &found, d);
    else if (c->cause == SEGMENT_ATTRIBUTES)
        rc = rule_state_attributes(g, ap->state, &ap->env, ap->a, &found, d);
    else
        rc = rule_state_time(g, ap->state, &ap->env, ap->a, &found, d);
    if (rc == ERR_OK && wants_all(ap, behind))
        return compare_all(ap, d);
    if (rc == ERR_OK && behind)
        rc = drop_strangers(ap, d);
    if (rc != ERR_OK)
        return rc;
    out->items = ARENA_ARRAY(ap->a, struct rule_change, found.n);
    if (out->items == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for memberships");
    for (size_t i = 0; i < found.n && rc == ERR_OK; i++)
        rc = add_change(ap, out, found.items[i].audience, found.items[i].member, d);
    return rc;
}

/* Drops old exits. */
static void
purge(struct apply *ap)
{
    struct profile *p = ap->p;
    size_t kept = 0;

    for (size_t i = 0; i < p->membership_count; i++) {
        const struct profile_membership *m = &p->memberships[i];
        if (!m->member && m->since_ms < ap->env.now_ms - LIMIT_EXITED_MS)
            continue;
        if (kept != i)
            p->memberships[kept] = *m;
        kept++;
    }
    p->membership_count = kept;
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static int64_t
next_flip(const struct apply *ap)
{
    int64_t next = ap->state != NULL ? rule_state_next_flip_ms(ap->state) : 0;

    for (size_t i = 0; i < ap->p->membership_count; i++) {
        const struct profile_membership *m = &ap->p->memberships[i];
        if (!m->member)
            next = earlier(next, m->since_ms + LIMIT_EXITED_MS + 1);
    }
    return next;
}

static enum err
save_state(struct apply *ap, struct diag *d)
{
    struct buf b;

    ap->p->rule_state = S_NULL;
    if (ap->state == NULL)
        return ERR_OK;
    buf_init_in(&b, ap->p->arena, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&b, TYPICAL_STATE_BYTES);
    rule_state_save(ap->state, &b);
    if (buf_ok(&b))
        ap->p->rule_state = buf_str(&b);
    return ap->p->rule_state.p != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for a rule state");
}

enum err
segment_apply(const struct segment_set *set, struct kv *k, struct profile *p, const struct segment_change *change,
              int64_t now_ms, struct arena *a, struct segment_result *out, struct diag *d)
{
    struct apply ap = {.set = set, .k = k, .p = p, .change = change, .a = a};
    bool built = true;
    enum err rc = ERR_OK;

    ap.env = (struct rule_env){.now_ms = now_ms, .in_segment = in_segment, .ctx = p};
    if (set->graph != NULL) {
        rc = profile_merge(p, p->arena, &ap.env.profile, d);
        if (rc == ERR_OK)
            rc = load_state(&ap, &built, d);
    }
    if (rc == ERR_OK)
        rc = built ? compare_all(&ap, d) : step(&ap, d);
    if (rc == ERR_OK) {
        purge(&ap);
        if (change->by != SEGMENT_BY_JOB)
            rc = save_state(&ap, d);
    }
    if (rc != ERR_OK) {
        p->rule_state = S_NULL;
        return rc;
    }
    ap.result.next_flip_ms = next_flip(&ap);
    ap.result.built = built && ap.state != NULL && change->by != SEGMENT_BY_JOB;
    *out = ap.result;
    return ERR_OK;
}

static void
write_entry(struct jw *w, const struct profile_membership *m, int64_t valid_until_ms)
{
    jw_key(w, m->audience);
    jw_object(w);
    jw_ktime(w, S("lastQualificationTime"), m->since_ms);
    jw_kstr(w, S("status"), m->member ? S("realized") : S("exited"));
    if (valid_until_ms != 0 && m->member)
        jw_ktime(w, S("validUntil"), valid_until_ms);
    jw_end(w);
}

/* Those of external audiences that stand in the namespace of the first-th. */
static void
write_namespace(struct jw *w, const struct profile *p, size_t first,
                struct segment_place (*place)(void *ctx, struct str audience), void *ctx)
{
    struct str namespace = place(ctx, p->memberships[first].audience).namespace;

    for (size_t i = 0; i < first; i++) {
        if (p->memberships[i].run != 0 && str_eq(place(ctx, p->memberships[i].audience).namespace, namespace))
            return; /* written with that one */
    }
    jw_key(w, namespace);
    jw_object(w);
    for (size_t i = first; i < p->membership_count; i++) {
        const struct profile_membership *m = &p->memberships[i];
        struct segment_place at = m->run != 0 ? place(ctx, m->audience) : (struct segment_place){0};
        if (m->run != 0 && str_eq(at.namespace, namespace))
            write_entry(w, m, at.valid_until_ms);
    }
    jw_end(w);
}

void
segment_write(struct jw *w, const struct profile *p, struct segment_place (*place)(void *ctx, struct str audience),
              void *ctx)
{
    size_t externals = 0;

    for (size_t i = 0; i < p->membership_count; i++)
        externals += p->memberships[i].run != 0;
    jw_object(w);
    if (externals < p->membership_count) {
        jw_key(w, S("ups"));
        jw_object(w);
        for (size_t i = 0; i < p->membership_count; i++) {
            if (p->memberships[i].run == 0)
                write_entry(w, &p->memberships[i], 0);
        }
        jw_end(w);
    }
    for (size_t i = 0; i < p->membership_count; i++) {
        if (p->memberships[i].run != 0)
            write_namespace(w, p, i, place, ctx);
    }
    jw_end(w);
}
