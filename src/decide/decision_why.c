/* decision_why.c - why an activity was taken, as the hit keeps it (docs/formats/why.md). Nothing is done here unless a
 * request asks for it. */
#include "decide/decision_int.h"

#define LOSSES_MAX 32 /* of one location: who ranks behind them is not of interest */
#define WHY_BYTES_MAX 8192

struct why {
    uint16_t *buckets; /* by activity; UINT16_MAX: not hashed */
    struct {
        uint32_t activity;
        enum why_loss loss;
    } lost[LOSSES_MAX];
    size_t lost_count;
};

struct why *
why_new(struct decision *x)
{
    struct why *w = x->rq->explain ? ARENA_NEW(x->a, struct why) : NULL;

    if (w == NULL)
        return NULL;
    w->buckets = ARENA_ARRAY(x->a, uint16_t, x->s->activity_count + 1);
    if (w->buckets == NULL)
        return NULL;
    memset(w->buckets, 0xff, x->s->activity_count * sizeof(*w->buckets));
    return w;
}

void
why_begin(struct decision *x)
{
    if (x->why != NULL)
        x->why->lost_count = 0;
}

void
why_bucket(struct decision *x, uint32_t activity, unsigned bucket)
{
    if (x->why != NULL)
        x->why->buckets[activity] = (uint16_t)bucket;
}

/* The first reason stays. */
void
why_lost(struct decision *x, uint32_t activity, enum why_loss loss)
{
    struct why *w = x->why;

    if (w == NULL || w->lost_count == LOSSES_MAX)
        return;
    for (size_t i = 0; i < w->lost_count; i++) {
        if (w->lost[i].activity == activity)
            return;
    }
    w->lost[w->lost_count].activity = activity;
    w->lost[w->lost_count++].loss = loss;
}

static const char *const loss_names[] = {
    [LOSS_STATE] = "state",       [LOSS_SCHEDULE] = "schedule",
    [LOSS_PROPERTY] = "property", [LOSS_AUDIENCE] = "audience",
    [LOSS_TRAFFIC] = "traffic",   [LOSS_EXPERIENCE] = "experience",
    [LOSS_BARRED] = "barred",     [LOSS_CAP] = "cap",
    [LOSS_GROUP] = "group",       [LOSS_QA] = "qa",
    [LOSS_LOCATION] = "location", [LOSS_RANK] = "rank",
};

bool
decision_loss(const struct decision *x, size_t i, struct str *activity, const char **reason)
{
    if (x->why == NULL || i >= x->why->lost_count)
        return false;
    *activity = x->s->activities[x->why->lost[i].activity].id;
    *reason = loss_names[x->why->lost[i].loss];
    return true;
}

static void
write_audiences(struct jw *w, const struct decision *x)
{
    bool any = false;

    for (size_t i = 0; x->truths != NULL && i < x->s->audience_count; i++) {
        if (x->truths[i] == UNKNOWN)
            continue;
        if (!any) {
            jw_key(w, S("audiences"));
            jw_object(w);
            any = true;
        }
        jw_kbool(w, x->s->audiences[i].id, x->truths[i] == YES);
    }
    if (any)
        jw_end(w);
}

static void
write_lost(struct jw *w, const struct decision *x)
{
    if (x->why->lost_count == 0)
        return;
    jw_key(w, S("lost"));
    jw_object(w);
    for (size_t i = 0; i < x->why->lost_count; i++)
        jw_kstr(w, x->s->activities[x->why->lost[i].activity].id, str_of(loss_names[x->why->lost[i].loss]));
    jw_end(w);
}

/* Too long to be kept: empty. An explanation is worth less than the hit. */
static struct str
write_why(struct decision *x, const struct decision_taken *t, bool whole)
{
    const struct activity *a = map_get(&x->s->activity_index, t->activity);
    unsigned bucket = x->why->buckets[a - x->s->activities];
    struct buf b;
    struct jw w;

    buf_init_in(&b, x->a, WHY_BYTES_MAX);
    w = jw_to(&b);
    jw_object(&w);
    if (bucket != UINT16_MAX)
        jw_ki64(&w, S("bucket"), bucket);
    if (t->entered && x->rq->visitor != NULL && visitor_membership(x->rq->visitor, t->activity) != NULL)
        jw_kbool(&w, S("returns"), true);
    if (whole) {
        jw_kstr(&w, S("key"), x->rq->visitor_key);
        write_audiences(&w, x);
        write_lost(&w, x);
    }
    jw_end(&w);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

void
why_end(struct decision *x, size_t from)
{
    for (size_t i = from; x->why != NULL && i < x->taken_count; i++)
        x->taken[i].why = write_why(x, &x->taken[i], i == from || x->rq->explain_each);
}
