/* decision_audience.c - audiences of one location, each worked out once [TARGET 4.1]. */
#include "decide/decision_int.h"

/* A text as a JSON node: what a rule's parameter is. */
static const struct json *
text_node(struct decision *x, struct str text)
{
    const struct json *node = NULL;
    struct diag d = DIAG_INIT;
    struct buf b;

    buf_init(&b, LIMIT_DELIVERY_BODY_BYTES);
    json_quote(&b, text);
    if (!buf_ok(&b) || json_parse(buf_str(&b), x->a, &node, &d) != ERR_OK)
        node = NULL;
    buf_deinit(&b);
    return node;
}

const struct json *
decision_field(struct decision *x, const struct field *f)
{
    const struct json *node = NULL;
    struct str text;

    if (request_field(&x->view, f, &text, &node) && node == NULL)
        node = text_node(x, text);
    return node;
}

/* The value of a field of the set, worked out once. */
static const struct json *
field_node(struct decision *x, uint32_t index)
{
    if (!x->has_node[index] || field_per_activity(x->s->fields[index])) {
        x->has_node[index] = 1;
        x->nodes[index] = decision_field(x, x->s->fields[index]);
    }
    return x->nodes[index];
}

bool
decision_rule_holds(struct decision *x, const struct rule *rule, const struct json *const *params, size_t n)
{
    struct rule_env env = {.now_ms = x->rq->now_ms,
                           .in_segment = x->rq->in_audience,
                           .ctx = x->rq->ctx,
                           .params = params,
                           .param_count = n};
    struct diag d = DIAG_INIT;
    struct value v;

    /* A rule that runs out of steps was not evaluated, and only a rule that was may let a visitor in. */
    return rule_eval(rule, &env, x->a, &v, &d) == ERR_OK && value_truth(v);
}

static bool
evaluate(struct decision *x, const struct audience *au)
{
    size_t n = au->rule.field_count;
    const struct json **params = ARENA_ARRAY(x->a, const struct json *, n ? n : 1);

    if (params == NULL) {
        decision_fail(x, "request memory is used up");
        return false;
    }
    for (size_t i = 0; i < n; i++)
        params[i] = field_node(x, au->fields[i]);
    return decision_rule_holds(x, au->rule.rule, params, n);
}

static bool
begin(struct decision *x)
{
    size_t fields = x->s->field_count ? x->s->field_count : 1;

    x->nodes = ARENA_ARRAY(x->a, const struct json *, fields);
    x->has_node = arena_calloc(x->a, fields, 1);
    x->truths = x->nodes && x->has_node ? arena_calloc(x->a, x->s->audience_count, 1) : NULL;
    return x->truths != NULL;
}

static bool
is_listed(const struct str *ids, size_t n, struct str id)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(ids[i], id))
            return true;
    }
    return false;
}

static bool
find_out(struct decision *x, const struct audience *au)
{
    const struct decision_qa *qa = x->rq->qa;

    if (qa != NULL && is_listed(qa->true_audiences, qa->true_count, au->id))
        return true;
    if (qa != NULL && is_listed(qa->false_audiences, qa->false_count, au->id))
        return false;
    if (au->hub)
        return x->rq->in_audience != NULL && x->rq->in_audience(x->rq->ctx, au->id);
    return !au->broken && evaluate(x, au);
}

bool
audience_matches(struct decision *x, uint32_t index)
{
    if (x->truths == NULL && !begin(x)) {
        decision_fail(x, "request memory is used up");
        return false;
    }
    if (x->truths[index] == UNKNOWN || x->s->audiences[index].per_activity)
        x->truths[index] = find_out(x, &x->s->audiences[index]) ? YES : NO;
    return x->truths[index] == YES;
}

bool
audiences_match(void *ctx, const struct audience_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!audience_matches(ctx, list->items[i]))
            return false;
    }
    return true;
}

void
audiences_forget(struct decision *x)
{
    if (x->truths == NULL)
        return;
    memset(x->truths, UNKNOWN, x->s->audience_count);
    memset(x->has_node, 0, x->s->field_count);
}

bool
decide_reads_attributes(const struct decide_set *s)
{
    for (size_t i = 0; i < s->field_count; i++) {
        if (s->fields[i]->source == FIELD_AEP)
            return true;
    }
    return false;
}
