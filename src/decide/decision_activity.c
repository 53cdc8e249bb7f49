/* decision_activity.c - which experience of an activity a visitor gets [TARGET 2.4, 2.5, 2.7].
 *
 *   served here at all?    state, schedule, property; in QA what the link lists
 *   a member               keeps his experience while it exists, whatever became of entry rules and traffic; one that
 *                          a conversion has closed enters anew, as its action says
 *   anybody else           exclusion group, entry audiences, then the activity's own way of choosing
 *   targeted (xt)          no members: the first experience whose audiences match now */
#include "decide/decision_int.h"

/* ---- hashes ---- */

unsigned
salted_bucket(const struct decision *x, const struct activity *a, struct str salt)
{
    struct hash_stream s = a->prefix; /* "<client>.<activity>." */

    hash_stream_put(&s, x->rq->visitor_key);
    hash_stream_put(&s, S("."));
    hash_stream_put(&s, salt);
    return decide_bucket(hash_stream_end(s));
}

static unsigned
visitor_bucket(struct decision *x, uint32_t index)
{
    unsigned bucket = activity_bucket(&x->s->activities[index], x->rq->visitor_key);

    why_bucket(x, index, bucket);
    return bucket;
}

static bool
group_admits(const struct decision *x, const struct activity *a)
{
    struct hash_stream s;
    unsigned bucket;

    if (a->exclusion == NULL)
        return true;
    s = a->exclusion->prefix;
    hash_stream_put(&s, x->rq->visitor_key);
    hash_stream_put(&s, S(".0"));
    bucket = decide_bucket(hash_stream_end(s));
    return bucket >= a->exclusion->low && bucket < a->exclusion->high;
}

/* ---- choices ---- */

const struct choice *
activity_choice(const struct decision *x, uint32_t index)
{
    return x->choices != NULL ? x->choices[index] : NULL;
}

struct choice *
activity_choice_new(struct decision *x, uint32_t index)
{
    if (x->choices == NULL)
        x->choices = arena_calloc(x->a, x->s->activity_count, sizeof(struct choice *));
    if (x->choices != NULL && x->choices[index] == NULL)
        x->choices[index] = ARENA_NEW(x->a, struct choice);
    if (x->choices == NULL || x->choices[index] == NULL) {
        decision_fail(x, "request memory is used up");
        return NULL;
    }
    return x->choices[index];
}

/* ---- is it served? ---- */

bool
activity_is_live(const struct decision *x, const struct activity *a)
{
    return a->approved && x->rq->now_ms >= a->starts_ms && x->rq->now_ms < a->ends_ms;
}

static bool
property_fits(const struct decision *x, const struct activity *a)
{
    for (size_t i = 0; i < a->property_count; i++) {
        if (a->properties[i] == x->property && x->property != UINT32_MAX)
            return true;
    }
    return a->property_count == 0;
}

/* Place of the activity in the link, from 1; 0: it is not in it. */
static uint32_t
qa_place(const struct decision *x, const struct activity *a)
{
    const struct decision_qa *qa = x->rq->qa;

    for (size_t i = 0; qa != NULL && i < qa->activity_count; i++) {
        if (str_eq(qa->activities[i], a->id))
            return (uint32_t)(i + 1);
    }
    return 0;
}

static bool
is_served(struct decision *x, uint32_t index, bool listed)
{
    const struct activity *a = &x->s->activities[index];

    if (listed)
        return true;
    if (x->rq->qa != NULL && x->rq->qa->listed_only) {
        why_lost(x, index, LOSS_QA);
        return false;
    }
    if (!a->approved && !x->rq->serve_inactive) {
        why_lost(x, index, LOSS_STATE);
        return false;
    }
    if (x->rq->now_ms < a->starts_ms || x->rq->now_ms >= a->ends_ms) {
        why_lost(x, index, LOSS_SCHEDULE);
        return false;
    }
    if (!property_fits(x, a)) {
        why_lost(x, index, LOSS_PROPERTY);
        return false;
    }
    return true;
}

/* ---- members ---- */

static int
find_experience(const struct activity *a, struct str id)
{
    for (size_t i = 0; i < a->experience_count; i++) {
        if (str_eq(a->experiences[i].id, id))
            return (int)i;
    }
    return -1;
}

/* The first cap that a member's counters have reached; NULL: none. */
static const struct cap *
reached_cap(const struct activity *a, const struct visitor_membership *m)
{
    for (size_t i = 0; i < a->cap_count; i++) {
        const struct cap *c = &a->caps[i];
        if ((c->visits > 0 && m->visits >= c->visits) || (c->impressions > 0 && m->impressions >= c->impressions))
            return c;
    }
    return NULL;
}

static bool
was_seen(const struct visitor_membership *m, struct str experience)
{
    for (size_t i = 0; i < m->seen_count; i++) {
        if (str_eq(m->seen[i], experience))
            return true;
    }
    return false;
}

/* A fresh draw, the same on every node: the number of experiences seen and of visits is its salt. */
static size_t
draw(struct decision *x, const struct activity *a, const struct visitor_membership *m, size_t n)
{
    struct str salt = arena_printf(x->a, "%zu-%u", m->seen_count, m->visits);

    return salted_bucket(x, a, salt) * n / 10000;
}

/* After all were seen: the last one. */
static int
draw_unseen(struct decision *x, const struct activity *a, const struct visitor_membership *m)
{
    size_t left = 0, pick;

    for (size_t i = 0; i < a->experience_count; i++)
        left += !was_seen(m, a->experiences[i].id);
    if (left == 0)
        return find_experience(a, m->experience);
    pick = draw(x, a, m, left);
    for (size_t i = 0; i < a->experience_count; i++) {
        if (!was_seen(m, a->experiences[i].id) && pick-- == 0)
            return (int)i;
    }
    return -1;
}

static int
restart(struct decision *x, const struct activity *a, const struct visitor_membership *m, enum hit_action how)
{
    if (how == ACTION_RESTART_RANDOM)
        return (int)draw(x, a, m, a->experience_count);
    if (how == ACTION_RESTART_NEW)
        return draw_unseen(x, a, m);
    return find_experience(a, m->experience);
}

/* ---- choosing ---- */

/* The first experience whose audiences match, tested anew at each request; traffic admits by the same hash as A/B. */
static int
choose_targeted(struct decision *x, uint32_t index, bool listed)
{
    static const unsigned everyone = 100;
    const struct activity *a = &x->s->activities[index];

    if (!listed && a->traffic_percent < 100 &&
        decide_choose(visitor_bucket(x, index), &everyone, 1, a->traffic_percent) < 0) {
        why_lost(x, index, LOSS_TRAFFIC);
        return -1;
    }
    for (size_t i = 0; i < a->experience_count; i++) {
        if (audiences_match(x, &a->experiences[i].audiences))
            return (int)i;
    }
    why_lost(x, index, LOSS_EXPERIENCE);
    return -1;
}

static int
choose_new(struct decision *x, uint32_t index)
{
    const struct activity *a = &x->s->activities[index];
    struct choice *c;
    int e;

    if (a->personal != NULL)
        return auto_choose(x, index, NULL);
    e = split_choose(&a->split, visitor_bucket(x, index));
    if (e < 0)
        why_lost(x, index, LOSS_TRAFFIC);
    if (e >= 0 && a->type == ACTIVITY_AUTO_ALLOCATE && (c = activity_choice_new(x, index)) != NULL)
        c->algorithm = a->algorithm;
    return e;
}

static bool
admits(struct decision *x, uint32_t index, bool listed)
{
    const struct activity *a = &x->s->activities[index];

    if (listed)
        return true;
    if (!group_admits(x, a)) {
        why_lost(x, index, LOSS_GROUP);
        return false;
    }
    if (!audiences_match(x, &a->entry)) {
        why_lost(x, index, LOSS_AUDIENCE);
        return false;
    }
    return true;
}

/* What a member gets; *again: nothing that was kept holds any more, so that he is like a newcomer. */
static int
choose_kept(struct decision *x, uint32_t index, const struct visitor_membership *m, bool *again)
{
    const struct activity *a = &x->s->activities[index];
    const struct cap *cap = reached_cap(a, m);
    struct choice *c;
    int e;

    *again = false;
    if (cap != NULL && cap->action == ACTION_BAN) {
        why_lost(x, index, LOSS_CAP);
        return -1;
    }
    if (m->untracked || (cap != NULL && cap->action == ACTION_EXCLUDE_TO_SAME)) {
        if ((c = activity_choice_new(x, index)) != NULL)
            c->untracked = true;
    }
    if (m->closed)
        e = restart(x, a, m, m->restart);
    else if (a->personal != NULL)
        return auto_choose(x, index, m);
    else
        e = find_experience(a, m->experience);
    if (e >= 0 && m->algorithm.n > 0 && (c = activity_choice_new(x, index)) != NULL)
        c->algorithm = m->algorithm;
    *again = e < 0;
    return e;
}

static int
choose(struct decision *x, uint32_t index, bool listed)
{
    const struct activity *a = &x->s->activities[index];
    const struct visitor_membership *m = x->rq->visitor != NULL ? visitor_membership(x->rq->visitor, a->id) : NULL;
    bool again = true;
    int e = -1;

    if (m != NULL && m->barred && !listed) {
        why_lost(x, index, LOSS_BARRED);
        return -1;
    }
    if (a->type == ACTIVITY_XT)
        return admits(x, index, listed) ? choose_targeted(x, index, listed) : -1;
    if (m != NULL && x->rq->qa == NULL)
        e = choose_kept(x, index, m, &again);
    if (e < 0 && again && admits(x, index, listed))
        e = choose_new(x, index);
    if (e >= 0 && !audiences_match(x, &a->experiences[e].audiences)) {
        why_lost(x, index, LOSS_EXPERIENCE);
        e = -1;
    }
    return e;
}

/* The experience that a QA link asks for; -1: none. */
static int
previewed(const struct decision *x, const struct activity *a, uint32_t place)
{
    const struct decision_qa *qa = x->rq->qa;

    for (size_t i = 0; place > 0 && i < qa->preview_count; i++) {
        const struct decision_preview *p = &qa->previews[i];
        if (p->activity == place && p->experience > 0 && p->experience <= a->experience_count)
            return (int)p->experience - 1;
    }
    return -1;
}

static bool
enters_in_qa(struct decision *x, uint32_t index)
{
    if (!x->rq->qa->keeps_entry || audiences_match(x, &x->s->activities[index].entry))
        return true;
    why_lost(x, index, LOSS_AUDIENCE);
    return false;
}

/* In QA traffic decides nothing: somebody who is not admitted gets the first experience. */
static int
choose_in_qa(struct decision *x, uint32_t index)
{
    const struct activity *a = &x->s->activities[index];
    int e = choose(x, index, true);

    return e >= 0 || a->type == ACTIVITY_XT ? e : 0;
}

int
activity_decide(struct decision *x, uint32_t index)
{
    const struct activity *a = &x->s->activities[index];
    uint32_t place;
    int e = -1;

    if (x->decided[index] != UNDECIDED)
        return (int)x->decided[index] - 2;
    x->view.activity = a;
    place = qa_place(x, a);
    if (is_served(x, index, place > 0) && (place == 0 || enters_in_qa(x, index))) {
        e = previewed(x, a, place);
        if (e < 0)
            e = place > 0 ? choose_in_qa(x, index) : choose(x, index, false);
    }
    x->decided[index] = (uint16_t)(e + 2);
    return e;
}
