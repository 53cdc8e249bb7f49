/* target_rule.c - Target's audience rules, lowered to rule/ [TARGET 4].
 *
 *   {"and":[{"mbox":"tier","equals":["gold"]},{"not":{"page":"path","startsWith":["/app"]}}]}
 *
 * A leaf asks one request field. Fields become parameters of the rule (RULE_PARAM slot n is fields[n - 2]), so a
 * request is never turned into a document: only the fields of the rules that are looked at are worked out. All values
 * are texts; numbers are compared through FN_NUMBER, folded texts through FN_LOWER, whose results for the constants of
 * a rule are computed once, here, by the same evaluator.
 *
 * Several values of a leaf are alternatives. A missing field makes every operator false; `not` around it is then true.
 */
#include "decide/json_logic.h"
#include "decide/target_int.h"

#define AUDIENCE_DEPTH LIMIT_TARGET_RULE_DEPTH /* of audienceRule references, which also ends cycles */
static struct rule_node *lower_node(struct lower *w, const struct json *v);

static struct rule_node *
lower_group(struct lower *w, enum rule_op op, const struct json *members)
{
    struct json_iter it = json_iter(members);
    size_t n = json_count(members), i = 0;
    struct rule_node **args;

    if (!json_is(members, JSON_ARRAY) || n == 0)
        return target_refuse(w, "a list of one or more conditions", members);
    if (n > LIMIT_TARGET_RULE_LEAVES) {
        w->rc =
            diag_set_path(w->d, ERR_LIMIT, w->path, "the rule has more than %d conditions", LIMIT_TARGET_RULE_LEAVES);
        return NULL;
    }
    args = ARENA_ARRAY(w->a, struct rule_node *, n);
    if (args == NULL)
        return target_fail_memory(w);
    for (; json_next(&it); i++) {
        size_t at = target_path_index(w, i);
        args[i] = lower_node(w, it.value);
        if (args[i] == NULL)
            return NULL;
        target_path_cut(w, at);
    }
    return n == 1 ? args[0] : target_node(w, op, args, n);
}

static struct rule_node *
lower_node(struct lower *w, const struct json *v)
{
    struct json_iter it = json_iter(v);
    struct rule_node *x;
    size_t at;

    if (!json_is(v, JSON_OBJECT) || !json_next(&it))
        return target_refuse(w, "an object with a condition", v);
    if (++w->depth > LIMIT_TARGET_RULE_DEPTH) {
        w->rc =
            diag_set_path(w->d, ERR_LIMIT, w->path, "the rule nests deeper than %d levels", LIMIT_TARGET_RULE_DEPTH);
        return NULL;
    }
    if (json_count(v) == 1 && (str_eq(it.key, S("and")) || str_eq(it.key, S("or")) || str_eq(it.key, S("not")))) {
        at = target_path_member(w, it.key);
        x = str_eq(it.key, S("not")) ? target_node1(w, RULE_NOT, lower_node(w, it.value))
                                     : lower_group(w, str_eq(it.key, S("and")) ? RULE_AND : RULE_OR, it.value);
        if (x != NULL)
            target_path_cut(w, at);
    } else {
        x = target_leaf(w, v);
    }
    w->depth--;
    return x;
}

/* ---- audienceRule ---- */

static struct rule_node *lower_audience(struct lower *w, const struct json *audience);

/* The rule of audience `id` in place of the reference: equal rules become one anyway. */
static struct rule_node *
lower_reference(struct lower *w, const struct json *rule)
{
    const struct json *id = json_get(rule, S("audienceId")), *audience;
    struct rule_node *x;

    if (json_is(id, JSON_STRING) && json_str(id).n > 0)
        return target_membership(w, json_str(id));
    if (!json_is(id, JSON_INT))
        return target_refuse(w, "{\"audienceId\":<number or text>}", rule);
    if (w->lookup == NULL)
        return target_literal(w, (struct value){.kind = VALUE_BOOL});
    audience = w->lookup(w->ctx, id_text(id, w->a));
    if (audience == NULL) {
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: no audience %lld", w->path, (long long)json_i64(id, 0));
        return NULL;
    }
    if (++w->references > AUDIENCE_DEPTH) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "audiences refer to each other over more than %d levels",
                              AUDIENCE_DEPTH);
        return NULL;
    }
    x = lower_audience(w, audience);
    w->references--;
    return x;
}

static struct rule_node *
lower_audience_rule(struct lower *w, const struct json *rule)
{
    struct str op = json_str(json_get(rule, S("restRuleOperator")));
    const struct json *rules = json_get(rule, S("rules"));
    struct json_iter it = json_iter(rules);
    size_t n = json_count(rules), i = 0;
    struct rule_node **args, *all;
    bool negate = str_eq(op, S("NOT"));

    if (!negate && !str_eq(op, S("AND")) && !str_eq(op, S("OR"))) {
        (void)target_path_member(w, S("restRuleOperator"));
        return target_refuse(w, "AND, OR or NOT", json_get(rule, S("restRuleOperator")));
    }
    (void)target_path_member(w, S("rules"));
    if (!json_is(rules, JSON_ARRAY) || n == 0 || n > LIMIT_ACTIVITY_AUDIENCES || (negate && n > 1))
        return target_refuse(w, negate ? "a list of one audience" : "a list of 1 to 50 audiences", rules);
    args = ARENA_ARRAY(w->a, struct rule_node *, n);
    if (args == NULL)
        return target_fail_memory(w);
    for (; json_next(&it); i++) {
        size_t at = target_path_index(w, i);
        args[i] = lower_reference(w, it.value);
        if (args[i] == NULL)
            return NULL;
        target_path_cut(w, at);
    }
    all = n == 1 ? args[0] : target_node(w, str_eq(op, S("OR")) ? RULE_OR : RULE_AND, args, n);
    return negate ? target_node1(w, RULE_NOT, all) : all;
}

static struct rule_node *
lower_audience(struct lower *w, const struct json *audience)
{
    const struct json *target = json_get(audience, S("targetRule")), *combined = json_get(audience, S("audienceRule"));
    const struct json *logic = json_get(audience, S("jsonLogic"));
    struct rule_node *x;
    size_t at;

    if ((target != NULL) + (combined != NULL) + (logic != NULL) != 1) {
        w->rc = diag_set_path(w->d, ERR_INVALID, "targetRule", "an audience has either targetRule or audienceRule");
        return NULL;
    }
    at = target_path_member(w, target ? S("targetRule") : logic ? S("jsonLogic") : S("audienceRule"));
    /* An empty targetRule is all visitors. */
    if (target != NULL && json_is(target, JSON_OBJECT) && json_count(target) == 0)
        x = target_literal(w, (struct value){.kind = VALUE_BOOL, .b = true});
    else
        x = target ? lower_node(w, target) : logic ? json_logic_lower(w, logic) : lower_audience_rule(w, combined);
    if (x != NULL)
        target_path_cut(w, at);
    return x;
}

typedef struct rule_node *lower_root(struct lower *w, const struct json *v);

static enum err
compile(struct lower *w, lower_root *lower, const struct json *v, struct target_rule *out)
{
    struct rule_node *root;
    struct rule *rule;

    w->a = malloc(sizeof(*w->a));
    if (w->a == NULL)
        return diag_set(w->d, ERR_NOMEM, "no memory for an audience rule");
    arena_init(w->a, LIMIT_TARGET_RULE_BYTES);
    root = lower(w, v);
    rule = root == NULL ? NULL : rule_new(w->a, root, w->slot_max > 2 ? w->slot_max : 2);
    if (rule == NULL) {
        arena_deinit(w->a);
        free(w->a);
        return w->rc != ERR_OK ? w->rc : diag_set(w->d, ERR_LIMIT, "the rule needs too much memory");
    }
    *out = (struct target_rule){rule, w->fields, w->field_count, w->hubs, w->hub_count};
    return ERR_OK;
}

enum err
target_rule_compile(const struct json *audience, target_rule_lookup *lookup, void *ctx, struct target_rule *out,
                    struct diag *d)
{
    struct lower w = {.d = d, .lookup = lookup, .ctx = ctx};

    return compile(&w, lower_audience, audience, out);
}

enum err
json_logic_compile(const struct json *logic, struct target_rule *out, struct diag *d)
{
    struct lower w = {.d = d};

    (void)target_path_member(&w, S("jsonLogic"));
    return compile(&w, json_logic_lower, logic, out);
}
