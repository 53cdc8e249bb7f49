/* delivery_notice.c - notifications: what was shown or clicked later than it was delivered [TARGET 1.5].
 *
 *   display with tokens   entry, visit, impression of each, then metrics of the location
 *   click with tokens     the metric of each token
 *   without tokens        a plain hit on the location: metrics, parameters, order; no decision
 *
 * A token that is not ours refuses the whole request, before anything has happened. One of an activity that has ended
 * is taken and counts nothing. */
#include "base/limits.h"
#include "base/metric.h"
#include "edge/delivery_int.h"

bool
delivery_notices_check(struct delivery_call *c)
{
    const struct delivery_at list = {NULL, S("notifications"), 0};
    struct decide_token token;

    for (size_t i = 0; i < c->notice_count; i++) {
        const struct delivery_at notice = {&list, S_NULL, i}, tokens = {&notice, S("tokens"), 0};
        struct json_iter it = json_iter(c->notices[i].tokens);
        for (size_t k = 0; json_next(&it); k++) {
            if (decide_token_read(json_str(it.value), c->tenant.view->token_key, c->arena, &token))
                continue;
            metric_inc(M_EDGE_TOKENS_FORGED);
            return rule_broken(c, &(struct delivery_at){&tokens, S_NULL, k}, "is not valid");
        }
    }
    return true;
}

static void
display(struct delivery_work *w, const struct delivery_notice *n, const struct decide_token *t)
{
    struct hit_notice shown = {.type = NOTICE_DISPLAY,
                               .activity = t->activity,
                               .experience = t->experience,
                               .scope = t->scope,
                               .impression = n->impression};

    work_settle(w);
    (void)work_add_notice(w, &shown); /* no memory: it counts nothing */
}

static void
click(struct delivery_work *w, const struct delivery_notice *n, const struct decide_token *t)
{
    struct hit_notice clicked = {
        .type = NOTICE_INTERACT, .activity = t->activity, .experience = t->experience, .scope = t->scope};

    work_settle(w);
    (void)work_add_notice(w, &clicked); /* no memory: it counts nothing */
    work_met(w, &n->place, told_token_moment(t, true));
}

void
delivery_notice_token(void *ctx, const struct told_part *notice, struct str text)
{
    struct delivery_work *w = ctx;
    struct delivery_call *c = w->c;
    const struct delivery_notice *n = &c->notices[notice->at];
    struct decide_token t;

    if (!decide_token_read(text, c->tenant.view->token_key, c->arena, &t) || w->decision == NULL ||
        !decision_counts(w->decision, t.activity) ||
        (w->rerun != NULL && !rerun_given(w->rerun, t.activity, &t.experience)))
        return;
    if (n->click)
        click(w, n, &t);
    else
        display(w, n, &t);
}

void
delivery_notice_touched(void *ctx, const struct told_part *notice)
{
    struct delivery_work *w = ctx;

    delivery_touch(w, &w->c->notices[notice->at].place, notice->clicked);
}

/* Its trace, when the request asks for one. */
void
delivery_notice_over(void *ctx, const struct told_part *notice)
{
    struct delivery_work *w = ctx;
    struct delivery_call *c = w->c;
    struct delivery_notice *n = &c->notices[notice->at];
    struct decide_token *tokens = ARENA_ARRAY(c->arena, struct decide_token, json_count(n->tokens) + 1);
    struct decision_ask ask = delivery_ask(&n->place);
    struct json_iter it = json_iter(n->tokens);
    size_t count = 0;
    struct buf out;

    if (w->rq.trace == NULL || w->decision == NULL || tokens == NULL)
        return;
    while (json_next(&it))
        count += decide_token_read(json_str(it.value), c->tenant.view->token_key, c->arena, &tokens[count]);
    work_settle(w);
    buf_init_in(&out, c->arena, LIMIT_RESPONSE_BYTES);
    decision_trace_notice(w->decision, &ask, n->source, tokens, count, &out);
    if (buf_ok(&out))
        n->trace = buf_str(&out);
}
