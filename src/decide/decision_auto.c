/* decision_auto.c - experiences that models choose: Auto-Target and Automated Personalization [TARGET 8.2].
 *
 *   arm        by the hash with the salt "arm": control, or targeted
 *   control    one experience for everybody, or one drawn; kept
 *   targeted   decided once a session. With two valid models or more: explore in EXPLORE of 10000 sessions, else the
 * best by the models, for each dimension apart; without them always explore
 *
 * Draws are hashes, so that every node draws the same. What was drawn has a probability and its facts: models learn
 * from that (learn_gather.h). */
#include "decide/decision_int.h"

#define EXPLORE 2000u /* of 10000 sessions: OURS, as the documents give no number */

static const struct json *
features_json(struct decision *x, const struct learn_row *row)
{
    struct buf b;

    buf_init_in(&b, x->a, 16 * 1024);
    learn_row_write(&b, row);
    return json_made(&b, x->a);
}

static unsigned
session_bucket(const struct decision *x, const struct activity *a, const char *what)
{
    uint64_t session = x->rq->visitor != NULL ? x->rq->visitor->session : 0;

    return salted_bucket(x, a, arena_printf(x->a, "%s-%llx", what, (unsigned long long)session));
}

static int
drawn(struct choice *c, size_t n, unsigned bucket, const struct json *features)
{
    c->propensity = 1.0 / (double)n;
    c->features = features;
    return (int)(bucket * n / 10000);
}

/* Of each dimension the unit with the highest score; a unit without a model is explored only. */
static int
best(const struct personalization *p, const struct learn_row *row)
{
    size_t unit = 0;
    int number = 0;

    for (size_t k = 0; k < p->radix_count; k++) {
        double top = -1;
        uint32_t pick = 0;
        for (uint32_t i = 0; i < p->radix[k]; i++, unit++) {
            double score = p->forests[unit] != NULL ? learn_score(p->forests[unit], row) : -1;
            if (score > top) {
                top = score;
                pick = i;
            }
        }
        number = number * (int)p->radix[k] + (int)pick;
    }
    return number;
}

static int
choose_control(struct decision *x, const struct activity *a, const struct visitor_membership *m, struct choice *c,
               const struct json *features)
{
    const struct personalization *p = a->personal;

    c->arm = ARM_CONTROL;
    if (p->control_experience >= 0)
        return p->control_experience;
    for (size_t i = 0; m != NULL && i < a->experience_count; i++) {
        if (str_eq(a->experiences[i].id, m->experience))
            return (int)i;
    }
    return drawn(c, a->experience_count, salted_bucket(x, a, S("0")), features);
}

/* What the session has already; -1: nothing. */
static int
of_session(const struct decision *x, const struct activity *a, const struct visitor_membership *m)
{
    if (m == NULL || x->rq->visitor == NULL || m->arm != ARM_TARGETED || m->session != x->rq->visitor->session)
        return -1;
    for (size_t i = 0; i < a->experience_count; i++) {
        if (str_eq(a->experiences[i].id, m->experience))
            return (int)i;
    }
    return -1;
}

static int
choose_targeted(struct decision *x, const struct activity *a, const struct visitor_membership *m, struct choice *c,
                const struct learn_row *row, const struct json *features)
{
    const struct personalization *p = a->personal;
    int e = of_session(x, a, m);

    c->arm = ARM_TARGETED;
    if (e >= 0) {
        c->algorithm = m->algorithm;
        return e;
    }
    if (p->valid < 2 || session_bucket(x, a, "explore") < EXPLORE)
        return drawn(c, a->experience_count, session_bucket(x, a, "draw"), features);
    c->algorithm = p->version;
    return best(p, row);
}

int
auto_choose(struct decision *x, uint32_t index, const struct visitor_membership *m)
{
    const struct activity *a = &x->s->activities[index];
    struct choice *c = activity_choice_new(x, index);
    unsigned bucket = salted_bucket(x, a, S("0")), arm;
    const struct json *features;
    struct learn_row row;

    why_bucket(x, index, bucket);
    if (c == NULL)
        return -1;
    if (m == NULL && split_choose(&a->split, bucket) < 0) {
        why_lost(x, index, LOSS_TRAFFIC);
        return -1;
    }
    features_read(&x->view, &row);
    features = features_json(x, &row);
    arm = salted_bucket(x, a, S("arm"));
    return arm < a->personal->control_percent * 100 ? choose_control(x, a, m, c, features)
                                                    : choose_targeted(x, a, m, c, &row, features);
}
