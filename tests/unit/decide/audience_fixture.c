/* audience_fixture.c - see audience_fixture.h. */
#include "audience_fixture.h"

#include "codec/json_writer.h"

struct asked
asked_new(void)
{
    return (struct asked){.rq = {.now_ms = FIXTURE_NOW, .visitor_key = S("0123456789abcdef0123456789abcdef")}};
}

static const struct json *
param_of(struct t *t, struct request_view *v, const struct field *f)
{
    const struct json *node = NULL;
    struct diag d = DIAG_INIT;
    struct str text;
    struct buf b;

    if (!request_field(v, f, &text, &node) || node != NULL)
        return node;
    buf_init(&b, 1 << 20);
    json_quote(&b, text);
    (void)json_parse(buf_str(&b), t->arena, &node, &d);
    buf_deinit(&b);
    return node;
}

bool
asked_matches(struct t *t, const struct asked *x, const struct target_rule *rule)
{
    struct request_view v = {.rq = &x->rq,
                             .ask = &x->ask,
                             .activity = x->activity,
                             .key = FIXTURE_KEY,
                             .zone_minutes = x->zone_minutes,
                             .arena = t->arena};
    const struct json **params = ARENA_ARRAY(t->arena, const struct json *, rule->field_count + 1);
    struct rule_env env = {.now_ms = x->rq.now_ms,
                           .in_segment = x->rq.in_audience,
                           .ctx = x->rq.ctx,
                           .params = params,
                           .param_count = rule->field_count};
    struct value out = VALUE_OF_NULL;

    for (size_t i = 0; i < rule->field_count; i++)
        params[i] = param_of(t, &v, &rule->fields[i]);
    CHECK_OK(rule_eval(rule->rule, &env, t->arena, &out, d));
    CHECK_EQ(out.kind, VALUE_BOOL);
    return value_truth(out);
}

bool
asked_in(struct t *t, const struct asked *x, const char *target_rule)
{
    struct str text = arena_printf(t->arena, "{'targetRule':%s}", target_rule);
    struct target_rule rule = {0};
    bool yes;

    CHECK_OK(target_rule_compile(fixture_json(t, text.p), NULL, NULL, &rule, d));
    yes = asked_matches(t, x, &rule);
    rule_free(rule.rule);
    return yes;
}

bool
asked_logic(struct t *t, const struct asked *x, const struct json *logic)
{
    struct target_rule rule = {0};
    bool yes;

    CHECK_OK(json_logic_compile(logic, &rule, d));
    yes = asked_matches(t, x, &rule);
    rule_free(rule.rule);
    return yes;
}
