/* decision_trace.c - the "trace" member of a location, in the shape that the vendor's own SDK makes on device
 * [TARGET 1.6]: which activities were taken, and which were looked at. */
#include "decide/decision_int.h"

static void
write_id(struct jw *w, struct str key, struct str id)
{
    int64_t n;

    if (str_to_i64(id, &n))
        jw_ki64(w, key, n);
    else
        jw_kstr(w, key, id);
}

static struct str
type_name(const struct activity *a)
{
    static const char *const names[] = {[ACTIVITY_AB] = "ab",          [ACTIVITY_XT] = "landing",
                                        [ACTIVITY_MVT] = "mvt",        [ACTIVITY_AUTO_ALLOCATE] = "ab",
                                        [ACTIVITY_AUTO_TARGET] = "ab", [ACTIVITY_AP] = "abt"};

    return str_of(names[a->type]);
}

static void
write_campaigns(struct jw *w, const struct decision *x, size_t from)
{
    jw_key(w, S("campaigns"));
    jw_array(w);
    for (size_t i = from; i < x->taken_count; i++) {
        const struct activity *a = map_get(&x->s->activity_index, x->taken[i].activity);
        jw_object(w);
        write_id(w, S("id"), a->id);
        jw_kstr(w, S("campaignType"), type_name(a));
        write_id(w, S("branchId"), x->taken[i].experience);
        jw_kraw(w, S("offers"), S("[]"));
        jw_kraw(w, S("notifications"), S("[]"));
        jw_end(w);
    }
    jw_end(w);
}

/* The audiences of an activity that were worked out, by their answer. */
static void
write_segments(struct jw *w, const struct decision *x, const struct activity *a, struct str key, enum truth which)
{
    const struct audience_list *lists[2] = {&a->entry, NULL};

    jw_key(w, key);
    jw_array(w);
    for (size_t e = 0; e <= a->experience_count; e++) {
        const struct audience_list *l = e == 0 ? lists[0] : &a->experiences[e - 1].audiences;
        for (size_t i = 0; i < l->n; i++) {
            if (x->truths != NULL && x->truths[l->items[i]] == (unsigned char)which)
                jw_str(w, x->s->audiences[l->items[i]].id);
        }
    }
    jw_end(w);
}

static void
write_evaluated(struct jw *w, const struct decision *x)
{
    jw_key(w, S("evaluatedCampaignTargets"));
    jw_array(w);
    for (size_t i = 0; i < x->s->activity_count; i++) {
        const struct activity *a = &x->s->activities[i];
        if (x->decided[i] == UNDECIDED)
            continue;
        jw_object(w);
        write_id(w, S("campaignId"), a->id);
        jw_kstr(w, S("campaignType"), type_name(a));
        write_segments(w, x, a, S("matchedSegmentIds"), YES);
        write_segments(w, x, a, S("unmatchedSegmentIds"), NO);
        jw_kraw(w, S("matchedRuleConditions"), S("[]"));
        jw_kraw(w, S("unmatchedRuleConditions"), S("[]"));
        jw_end(w);
    }
    jw_end(w);
}

void
trace_write(struct decision *x, size_t from, struct buf *out)
{
    struct jw w;

    buf_put(out, S(",\"trace\":"));
    w = jw_to(out);
    jw_object(&w);
    jw_key(&w, S("profile"));
    jw_object(&w);
    jw_key(&w, S("visitorId"));
    jw_object(&w);
    if (x->rq->visitor != NULL)
        jw_kstr(&w, S("tntId"), x->rq->visitor->tnt_id);
    jw_kstr(&w, S("profileLocation"), S("0"));
    jw_end(&w);
    jw_end(&w);
    write_campaigns(&w, x, from);
    write_evaluated(&w, x);
    jw_end(&w);
}
