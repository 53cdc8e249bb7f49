/* pql_cases.c - runs vectors: what an expression yields against what it must yield.
 *
 *   reference    compiles and walks the rule's tree: the meaning, errors of the compiler included
 *   forms        the same after the expression went to its other form and back (text to JSON to text)
 *   incremental  the audience in a rule graph, brought to its answer event by event, and built at once: both must
 * agree. It answers conditions only, of one audience.
 *   vectorised   the audience in a block of one profile. A value that is no boolean is compared there with what the
 * reference makes of it. Answers that needed the reference are checked, but count as unsupported. */
#include "pql/pql_cases.h"

#include <math.h>

#include "base/civil.h"
#include "base/limits.h"
#include "rule/rule_block.h"
#include "rule/rule_graph.h"

/* ---- cases ---- */

const struct json *const *
pql_events_of(const struct json *profile, struct arena *a, size_t *n)
{
    const struct json *list = json_get(profile, S("xEvent"));
    const struct json **events = ARENA_ARRAY(a, const struct json *, json_count(list) + 1);
    struct json_iter it = json_iter(list);

    *n = 0;
    while (events != NULL && json_is(list, JSON_ARRAY) && json_next(&it))
        events[(*n)++] = it.value;
    return events;
}

enum err
pql_case_read(const struct json *vector, struct arena *a, struct pql_case *out, struct diag *d)
{
    struct pql_case c = {.id = json_str(json_get(vector, S("id"))),
                         .source = json_str(json_get(vector, S("pql"))),
                         .profile = json_get(vector, S("profile")),
                         .expect = json_get(vector, S("expect"))};

    if (c.id.n == 0)
        return diag_set(d, ERR_INVALID, "a vector needs an 'id', a string");
    if (!json_is(json_get(vector, S("pql")), JSON_STRING))
        return diag_set(d, ERR_INVALID, "vector '%.*s' needs 'pql', a string", STR_ARG(c.id));
    if (!pql_format_of(json_str(json_get(vector, S("format"))), &c.format))
        return diag_set(d, ERR_INVALID, "vector '%.*s': the format must be pql/text or pql/json", STR_ARG(c.id));
    if (!json_is(c.profile, JSON_OBJECT))
        return diag_set(d, ERR_INVALID, "vector '%.*s' needs 'profile', an object", STR_ARG(c.id));
    if (c.expect == NULL)
        return diag_set(d, ERR_INVALID, "vector '%.*s' needs 'expect'", STR_ARG(c.id));
    if (!iso8601_parse(json_str(json_get(vector, S("now"))), &c.env.now_ms, NULL))
        return diag_set(d, ERR_INVALID, "vector '%.*s' needs 'now', an instant", STR_ARG(c.id));
    c.env.profile = c.profile;
    c.env.events = pql_events_of(c.profile, a, &c.env.event_count);
    if (c.env.events == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the events of vector '%.*s'", STR_ARG(c.id));
    *out = c;
    return ERR_OK;
}

/* ---- what must come ---- */

static struct pql_outcome
passed(void)
{
    return (struct pql_outcome){CASE_PASSED, S_NULL};
}

static struct pql_outcome
failed(struct str why)
{
    return (struct pql_outcome){CASE_FAILED, why.p != NULL ? why : S("no memory")};
}

static struct pql_outcome
unsupported(const char *why)
{
    return (struct pql_outcome){CASE_UNSUPPORTED, str_of(why)};
}

static bool
near_equal(const struct json *a, const struct json *b)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    double p = json_f64(a, 0), q = json_f64(b, 0);

    if (json_is_number(a) && json_is_number(b))
        return fabs(p - q) <= 1e-9 * fmax(fabs(p), fabs(q));
    if (json_type(a) != json_type(b) || json_count(a) != json_count(b))
        return false;
    if (json_is(a, JSON_ARRAY)) {
        while (json_next(&x) && json_next(&y)) {
            if (!near_equal(x.value, y.value))
                return false;
        }
        return true;
    }
    if (json_is(a, JSON_OBJECT)) {
        while (json_next(&x)) {
            if (json_get(b, x.key) == NULL || !near_equal(x.value, json_get(b, x.key)))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

/* "parse" of "error:parse"; p is NULL when a value is expected. */
static struct str
expected_error(const struct pql_case *c)
{
    struct str want = json_str(c->expect);

    return str_starts(want, S("error:")) ? str_slice(want, 6, want.n) : S_NULL;
}

static struct pql_outcome
check_error(const struct pql_case *c, enum pql_error class, const struct diag *d, size_t source_bytes, struct arena *a)
{
    if (!str_eq(expected_error(c), str_of(pql_error_name(class))))
        return failed(arena_printf(a, "error:%s %s", pql_error_name(class), d->what));
    return d->pos <= source_bytes ? passed() : failed(S("an error position outside the source"));
}

static struct pql_outcome
check_value(const struct pql_case *c, struct value v, struct arena *a)
{
    const struct json *got = NULL;
    struct pql_outcome out = passed();
    struct diag d = DIAG_INIT;
    struct buf b;

    buf_init(&b, LIMIT_RULE_BYTES);
    value_write(&b, v);
    if (json_parse(buf_str(&b), a, &got, &d) != ERR_OK)
        out = failed(arena_str(a, str_of(d.what)));
    else if (json_is(c->expect, JSON_BOOL) ? value_truth(v) != json_bool(c->expect, false)
                                           : !near_equal(got, c->expect))
        out = failed(arena_str(a, buf_str(&b)));
    buf_deinit(&b);
    return out;
}

/* ---- reference ---- */

static struct pql_outcome
run_source(const struct pql_case *c, struct str source, enum pql_format format, struct arena *a)
{
    struct pql_options o = {.format = format};
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;
    struct rule *r = NULL;
    struct pql_outcome out;
    struct value v;

    if (pql_compile_as(source, &o, &r, &class, &d) != ERR_OK)
        return check_error(c, class, &d, source.n, a);
    if (expected_error(c).p != NULL)
        out = failed(S("it compiled"));
    else if (rule_eval(r, &c->env, a, &v, &d) != ERR_OK)
        out = failed(arena_str(a, str_of(d.what)));
    else
        out = check_value(c, v, a);
    rule_free(r);
    return out;
}

static struct pql_outcome
run_reference(const struct pql_case *c, struct arena *a)
{
    return run_source(c, c->source, c->format, a);
}

/* ---- forms ---- */

static struct pql_outcome
run_forms(const struct pql_case *c, struct arena *a)
{
    enum pql_format other = c->format == PQL_JSON ? PQL_TEXT : PQL_JSON;
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;
    struct buf there, back, again;
    enum err rc;

    buf_init_in(&there, a, LIMIT_PQL_JSON_BYTES);
    buf_init_in(&back, a, LIMIT_PQL_JSON_BYTES);
    buf_init_in(&again, a, LIMIT_PQL_JSON_BYTES);
    rc = pql_convert(c->source, c->format, other, &there, &class, &d);
    if (rc == ERR_UNSUPPORTED)
        return unsupported("the other form cannot say it");
    if (rc != ERR_OK)
        return expected_error(c).p == NULL ? failed(arena_str(a, str_of(d.what)))
                                           : check_error(c, class, &d, c->source.n, a);
    if (pql_convert(buf_str(&there), other, c->format, &back, NULL, &d) != ERR_OK ||
        pql_convert(buf_str(&back), c->format, other, &again, NULL, &d) != ERR_OK)
        return failed(arena_printf(a, "on the way back: %s", d.what));
    if (!str_eq(buf_str(&there), buf_str(&again)))
        return failed(arena_printf(a, "not the same the second time: %.*s", STR_ARG(buf_str(&again))));
    return run_source(c, buf_str(&back), c->format, a);
}

/* ---- incremental ---- */

static bool
member_at_once(const struct rule_graph *g, const struct rule_env *env, struct arena *a, bool *out)
{
    struct rule_state *s = NULL;

    if (rule_state_build(g, env, a, &s, NULL) != ERR_OK)
        return false;
    *out = rule_state_member(s, 0);
    return rule_state_known(s, 0);
}

static bool
member_by_events(const struct rule_graph *g, const struct rule_env *env, struct arena *a, bool *out)
{
    struct rule_state *s = NULL;
    struct rule_changes changes;
    struct rule_env growing = *env;

    growing.event_count = 0;
    if (rule_state_build(g, &growing, a, &s, NULL) != ERR_OK)
        return false;
    while (growing.event_count < env->event_count) {
        growing.event_count++;
        if (rule_state_event(g, s, &growing, env->events[growing.event_count - 1], a, &changes, NULL) != ERR_OK)
            return false;
    }
    *out = rule_state_member(s, 0);
    return rule_state_known(s, 0);
}

static struct pql_outcome
run_graph(const struct pql_case *c, const struct rule *r, struct arena *a)
{
    struct rule_audience audience = {S("case"), r};
    struct rule_graph *g = NULL;
    struct diag d = DIAG_INIT;
    bool at_once, by_events, nomem = false, want = value_truth(value_of_json(c->expect, a, &nomem));
    struct pql_outcome out = passed();

    if (rule_graph_new(&audience, 1, 1, &g, &d) != ERR_OK)
        return failed(arena_str(a, str_of(d.what)));
    if (!member_at_once(g, &c->env, a, &at_once) || !member_by_events(g, &c->env, a, &by_events) || nomem)
        out = failed(S("the state could not be built"));
    else if (at_once != want)
        out = failed(at_once ? S("a member when built at once") : S("no member when built at once"));
    else if (by_events != want)
        out = failed(by_events ? S("a member event by event") : S("no member event by event"));
    rule_graph_free(g);
    return out;
}

static struct pql_outcome
run_incremental(const struct pql_case *c, struct arena *a)
{
    struct pql_options o = {.format = c->format}, definition = {.format = c->format, .definition = true};
    struct rule *r = NULL;
    struct pql_outcome out;

    if (pql_compile_as(c->source, &o, &r, NULL, NULL) != ERR_OK)
        return unsupported("the expression does not compile");
    rule_free(r);
    if (pql_compile_as(c->source, &definition, &r, NULL, NULL) != ERR_OK)
        return unsupported("the value is not a condition");
    out = run_graph(c, r, a);
    rule_free(r);
    return out;
}

/* ---- vectorised ---- */

/* The member bit of one rule in a block of the case's profile. */
static enum err
member_in_block(const struct pql_case *c, const struct rule *r, bool *out, size_t *fallbacks, struct diag *d)
{
    struct rule_audience audience = {S("case"), r};
    struct rule_block_profile profile = {c->profile, c->env.events, c->env.event_count};
    struct rule_block_program *p = NULL;
    struct rule_block *b = NULL;
    enum err rc = rule_block_compile(&audience, 1, &p, d);

    if (rc == ERR_OK)
        rc = rule_block_new(p, 64, &b, d);
    if (rc == ERR_OK)
        rc = rule_block_add(b, &profile, d);
    if (rc == ERR_OK)
        rc = rule_block_run(b, &(struct rule_block_now){.now_ms = c->env.now_ms}, d);
    if (rc == ERR_OK) {
        *out = rule_block_members(b, 0)[0] != 0;
        *fallbacks = rule_block_shape(p).fallbacks;
    }
    rule_block_free(b);
    rule_block_program_free(p);
    return rc;
}

/* expression = value, or isNull(expression); NULL: no memory. */
static struct rule *
equals_value(const struct rule *r, struct value v)
{
    struct arena *own = malloc(sizeof *own);
    struct rule_node *n, *literal, **args;
    struct rule *out;

    if (own == NULL)
        return NULL;
    arena_init(own, LIMIT_RULE_BYTES);
    n = ARENA_NEW(own, struct rule_node);
    literal = ARENA_NEW(own, struct rule_node);
    args = ARENA_ARRAY(own, struct rule_node *, 2);
    if (n != NULL && literal != NULL && args != NULL) {
        *literal = (struct rule_node){.op = RULE_LITERAL, .value = v};
        args[0] = (struct rule_node *)(uintptr_t)rule_root(r);
        args[1] = literal;
        *n = (struct rule_node){.op = RULE_COMPARE, .cmp = CMP_EQ, .args = args, .arg_count = 2};
        if (v.kind == VALUE_NULL)
            *n = (struct rule_node){.op = RULE_CALL, .fn = FN_IS_NULL, .args = args, .arg_count = 1};
    }
    out = literal == NULL || args == NULL ? NULL : rule_new(own, n, rule_slot_count(r));
    if (out == NULL) {
        arena_deinit(own);
        free(own);
    }
    return out;
}

static struct pql_outcome
run_block(const struct pql_case *c, const struct rule *r, struct value v, struct arena *a)
{
    bool condition = json_is(c->expect, JSON_BOOL), got = false, want = true;
    struct rule *compared = condition ? NULL : equals_value(r, v);
    struct diag d = DIAG_INIT;
    struct value truth = value_bool(json_bool(c->expect, false));
    size_t fallbacks = 0;
    enum err rc = ERR_OK;

    if (compared != NULL)
        rc = rule_eval(compared, &c->env, a, &truth, &d);
    want = value_truth(truth);
    if (rc == ERR_OK)
        rc = member_in_block(c, compared != NULL ? compared : r, &got, &fallbacks, &d);
    rule_free(compared);
    if (rc != ERR_OK)
        return failed(arena_str(a, str_of(d.what)));
    if (got != want)
        return failed(condition ? S("another answer in a block") : S("another value in a block"));
    return fallbacks > 0 ? unsupported("a part is left to the reference, with the right answer") : passed();
}

static struct pql_outcome
run_vectorised(const struct pql_case *c, struct arena *a)
{
    struct pql_options o = {.format = c->format};
    struct diag d = DIAG_INIT;
    struct rule *r = NULL;
    struct pql_outcome out;
    struct value v;

    if (pql_compile_as(c->source, &o, &r, NULL, NULL) != ERR_OK)
        return unsupported("the expression does not compile");
    if (rule_eval(r, &c->env, a, &v, &d) != ERR_OK)
        out = failed(arena_str(a, str_of(d.what)));
    else
        out = run_block(c, r, v, a);
    rule_free(r);
    return out;
}

const struct pql_evaluator pql_evaluators[] = {
    {"reference", "walks the rule's tree", run_reference},
    {"forms", "the reference, after the expression went to its other form and back", run_forms},
    {"incremental", "the rule graph, event by event and built at once", run_incremental},
    {"vectorised", "a block of one profile", run_vectorised},
};
const size_t pql_evaluator_count = sizeof pql_evaluators / sizeof pql_evaluators[0];
