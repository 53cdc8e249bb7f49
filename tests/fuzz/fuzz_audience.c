/* fuzz_audience.c - audiences from anybody, targetRule, audienceRule or jsonLogic: compiled or refused with a reason. A
 * rule that compiles says something of a request, and what it is as json-logic compiles, too, and says the same of a
 * visitor who says nothing but text parameters. */
#include <stdlib.h>

#include "base/limits.h"
#include "codec/json_writer.h"
#include "decide/json_logic.h"
#include "decide/target_logic.h"

static const struct json *
parsed(const char *text, struct arena *a)
{
    const struct json *v = NULL;
    struct diag d = DIAG_INIT;

    if (json_parse(str_of(text), a, &v, &d) != ERR_OK)
        abort();
    return v;
}

/* false: not evaluated. */
static bool
evaluate(const struct target_rule *rule, struct request_view *v, bool *truth)
{
    const struct json **params = ARENA_ARRAY(v->arena, const struct json *, rule->field_count + 1);
    struct rule_env env = {.now_ms = v->rq->now_ms, .params = params, .param_count = rule->field_count};
    struct value out = VALUE_OF_NULL;
    struct diag d = DIAG_INIT;
    struct str text;
    struct buf b;

    for (size_t i = 0; params != NULL && i < rule->field_count; i++) {
        if (!request_field(v, &rule->fields[i], &text, &params[i]) || params[i] != NULL)
            continue;
        buf_init_in(&b, v->arena, 1 << 16);
        json_quote(&b, text);
        if (json_parse(buf_str(&b), v->arena, &params[i], &d) != ERR_OK)
            return false;
    }
    if (params == NULL || rule_eval(rule->rule, &env, v->arena, &out, &d) != ERR_OK)
        return false;
    *truth = value_truth(out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct json *audience = NULL, *parsed_logic = NULL;
    struct decision_request rq = {
        .now_ms = 1773144000000, .visitor_key = S("v"), .url = S("https://www.shop.test/a?b=1#c")};
    struct decision_ask ask = {0};
    struct target_rule rule = {0}, device = {0};
    struct diag d = DIAG_INIT;
    struct request_view view;
    struct str logic;
    struct arena a;
    bool here = false, there = false;

    arena_init(&a, 64u << 20);
    ask.parameters = parsed("{\"tier\":\"gold\",\"qty\":\"10.5\",\"empty\":\"\",\"a.b\":\"1e3\"}", &a);
    view = (struct request_view){.rq = &rq, .ask = &ask, .arena = &a};
    if (json_parse((struct str){(const char *)data, n}, &a, &audience, &d) != ERR_OK)
        goto out;
    if (target_rule_compile(audience, NULL, NULL, &rule, &d) != ERR_OK) {
        if (d.what[0] == '\0')
            abort();
        goto out;
    }
    if (target_logic(audience, NULL, NULL, 90, &a, &logic, &d) == ERR_OK) {
        view.zone_minutes = 90;
        /* Deeper than a document may be: an artifact says so, and it is nobody's here. */
        if (json_parse_deep(logic, JSON_DEPTH_MAX, &a, &parsed_logic, &d) == ERR_OK &&
            json_logic_compile(parsed_logic, &device, &d) == ERR_OK) {
            if (evaluate(&rule, &view, &here) && evaluate(&device, &view, &there) && here != there)
                abort();
            rule_free(device.rule);
        }
    } else if (d.what[0] == '\0') {
        abort();
    }
    rule_free(rule.rule);
out:
    arena_deinit(&a);
    return 0;
}
