/* target_logic.c - the tree of an audience as json-logic [TARGET 4.4]. The audience is compiled first, as the server
 * does it, so what follows reads only what is well-formed. */
#include "decide/target_logic.h"

#include "decide/json_logic.h"
#include "decide/target_logic_int.h"

static struct str node_logic(struct logic *lg, const struct json *v);
static struct str audience_logic(struct logic *lg, const struct json *audience);

static struct str
group_logic(struct logic *lg, bool all, const struct json *members)
{
    struct json_iter it = json_iter(members);
    struct logic_list l = {0};

    for (size_t i = 0; json_next(&it) && lg->w.rc == ERR_OK; i++) {
        size_t at = target_path_index(&lg->w, i);
        logic_add(lg, &l, node_logic(lg, it.value));
        if (lg->w.rc == ERR_OK)
            target_path_cut(&lg->w, at);
    }
    return all ? logic_all(lg, &l) : logic_any(lg, &l);
}

static struct str
node_logic(struct logic *lg, const struct json *v)
{
    struct json_iter it = json_iter(v);
    struct str x;
    size_t at;

    (void)json_next(&it);
    if (json_count(v) != 1 || !(str_eq(it.key, S("and")) || str_eq(it.key, S("or")) || str_eq(it.key, S("not"))))
        return logic_leaf(lg, v);
    at = target_path_member(&lg->w, it.key);
    x = str_eq(it.key, S("not")) ? logic_not(lg, node_logic(lg, it.value))
                                 : group_logic(lg, str_eq(it.key, S("and")), it.value);
    if (lg->w.rc == ERR_OK)
        target_path_cut(&lg->w, at);
    return x;
}

static struct str
reference_logic(struct logic *lg, const struct json *rule)
{
    const struct json *id = json_get(rule, S("audienceId")), *audience;

    if (json_is(id, JSON_STRING))
        return logic_unsupported(lg, "audiences of the platform are not known on a device");
    audience = lg->lookup != NULL ? lg->lookup(lg->ctx, id_text(id, lg->w.a)) : NULL;
    return audience != NULL ? audience_logic(lg, audience) : LOGIC_FALSE; /* compiled without a lookup */
}

static struct str
combined_logic(struct logic *lg, const struct json *rule)
{
    struct json_iter it = json_iter(json_get(rule, S("rules")));
    struct str op = json_str(json_get(rule, S("restRuleOperator"))), x;
    struct logic_list l = {0};

    while (json_next(&it) && lg->w.rc == ERR_OK)
        logic_add(lg, &l, reference_logic(lg, it.value));
    x = str_eq(op, S("OR")) ? logic_any(lg, &l) : logic_all(lg, &l);
    return str_eq(op, S("NOT")) ? logic_not(lg, x) : x;
}

/* An audience does not match by an empty list; a rule of the artifact would. */
static struct str
own_logic(struct logic *lg, const struct json *logic)
{
    bool list = json_logic_may_be_empty_list(logic);
    struct buf b;

    buf_init_in(&b, lg->w.a, LIMIT_TARGET_RULE_BYTES);
    if (list)
        buf_put(&b, S("{\"!!\":["));
    json_write(&b, logic);
    if (list)
        buf_put(&b, S("]}"));
    return buf_ok(&b) ? buf_str(&b) : logic_printf(lg, "%s", "");
}

static struct str
audience_logic(struct logic *lg, const struct json *audience)
{
    const struct json *target = json_get(audience, S("targetRule")), *logic = json_get(audience, S("jsonLogic"));
    size_t at = target_path_member(&lg->w, target ? S("targetRule") : S("audienceRule"));
    struct str x;

    if (logic != NULL)
        x = own_logic(lg, logic);
    else if (target != NULL)
        x = json_count(target) == 0 ? LOGIC_TRUE : node_logic(lg, target);
    else
        x = combined_logic(lg, json_get(audience, S("audienceRule")));
    if (lg->w.rc == ERR_OK)
        target_path_cut(&lg->w, at);
    return x;
}

enum err
target_logic(const struct json *audience, target_rule_lookup *lookup, void *ctx, int zone_minutes, struct arena *a,
             struct str *out, struct diag *d)
{
    struct logic lg = {.w = {.a = a, .d = d}, .lookup = lookup, .ctx = ctx, .zone_minutes = zone_minutes};
    struct target_rule rule = {0};
    enum err rc = target_rule_compile(audience, lookup, ctx, &rule, d);
    struct str text;

    if (rc != ERR_OK)
        return rc;
    rule_free(rule.rule);
    text = audience_logic(&lg, audience);
    if (lg.w.rc != ERR_OK)
        return lg.w.rc;
    if (text.p == NULL)
        return diag_set(d, ERR_LIMIT, "the rule needs too much memory as json-logic");
    *out = text;
    return ERR_OK;
}
