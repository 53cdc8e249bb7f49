/* decision_explain.c - the audiences of a location in their parts: what each condition says, what it saw, and whether
 * it holds. Written as the explanations of the platform's audiences are (docs/explain.md): `and`, `or`, `not` with
 * children, leaves with `text` and `fields`.
 *
 * An audience is cut where its JSON is: every condition is compiled and evaluated alone, by the same compiler and
 * evaluator as the whole, so that it can be shown as its author wrote it. An audience that was not asked for, because
 * another one had decided already, is not listed. */
#include "decide/decision_int.h"
#include "decide/target_int.h"

#define TEXT_BYTES 4096

struct explainer {
    struct decision *x;
    decision_audience *audience;
    void *ctx;
    struct jw *w;
    unsigned depth;
};

typedef enum err part_writer(struct explainer *e, const struct json *v, bool *truth, struct diag *d);
static part_writer write_part, write_tree;

/* ---- leaves ---- */

/* mbox.tier equals "gold" or "silver" */
static struct str
leaf_text(struct explainer *e, const struct json *leaf)
{
    struct json_iter it = json_iter(leaf);
    struct buf b;

    buf_init_in(&b, e->x->a, TEXT_BYTES);
    while (json_next(&it)) {
        struct json_iter values = json_iter(it.value);
        bool first = b.n == 0, any = false;
        if (!first)
            buf_putc(&b, ' ');
        buf_put(&b, it.key);
        if (first && json_is(it.value, JSON_STRING)) {
            buf_putc(&b, '.');
            buf_put(&b, json_str(it.value));
            continue;
        }
        buf_putc(&b, ' ');
        if (!json_is(it.value, JSON_ARRAY)) {
            json_write(&b, it.value);
            continue;
        }
        while (json_next(&values)) {
            if (any)
                buf_put(&b, S(" or "));
            json_write(&b, values.value);
            any = true;
        }
    }
    return buf_str(&b);
}

static void
write_value(struct explainer *e, const struct field *f, const struct json *value)
{
    struct jw *w = e->w;

    jw_object(w);
    jw_kstr(w, S("path"),
            f->name.n > 0 ? arena_printf(e->x->a, "%s.%.*s", field_source_name(f->source), STR_ARG(f->name))
                          : str_of(field_source_name(f->source)));
    if (value != NULL)
        jw_kjson(w, S("value"), value);
    jw_end(w);
}

/* {"<member>": leaf} as an audience of its own. */
static enum err
compile_alone(struct explainer *e, const char *member, const struct json *leaf, struct target_rule *out, struct diag *d)
{
    const struct json *audience = NULL;
    struct buf b;
    enum err rc;

    buf_init_in(&b, e->x->a, LIMIT_ADMIN_BODY_BYTES);
    buf_printf(&b, "{\"%s\":", member);
    json_write(&b, leaf);
    buf_putc(&b, '}');
    rc =
        buf_ok(&b) ? json_parse(buf_str(&b), e->x->a, &audience, d) : diag_set(d, ERR_LIMIT, "a condition is too long");
    return rc == ERR_OK ? target_rule_compile(audience, NULL, NULL, out, d) : rc;
}

static enum err
write_leaf(struct explainer *e, const char *member, const struct json *leaf, struct str text, bool *truth,
           struct diag *d)
{
    struct target_rule r = {0};
    enum err rc = compile_alone(e, member, leaf, &r, d);

    if (rc != ERR_OK)
        return rc;
    const struct json **values = ARENA_ARRAY(e->x->a, const struct json *, r.field_count + 1);
    if (values == NULL) {
        rule_free(r.rule);
        return diag_set(d, ERR_LIMIT, "the explanation needs more memory than there is");
    }
    for (size_t i = 0; i < r.field_count; i++)
        values[i] = decision_field(e->x, &r.fields[i]);
    *truth = decision_rule_holds(e->x, r.rule, values, r.field_count);
    jw_object(e->w);
    jw_kstr(e->w, S("kind"), r.hub_audience_count > 0 ? S("audience") : S("fields"));
    jw_kbool(e->w, S("result"), *truth);
    jw_kstr(e->w, S("text"), text);
    jw_key(e->w, S("fields"));
    jw_array(e->w);
    for (size_t i = 0; i < r.field_count && i < LIMIT_EXPLAIN_FIELDS; i++)
        write_value(e, &r.fields[i], values[i]);
    jw_end(e->w);
    jw_end(e->w);
    rule_free(r.rule);
    return ERR_OK;
}

/* ---- groups ---- */

/* A group's result comes behind its children, because they tell it. */
static enum err
write_group(struct explainer *e, const char *kind, const struct json *members, part_writer *write, bool *truth,
            struct diag *d)
{
    bool all = strcmp(kind, "or") != 0, one = false;
    const struct json *single = json_is(members, JSON_ARRAY) ? NULL : members;
    struct json_iter it = json_iter(single == NULL ? members : NULL);
    enum err rc = ERR_OK;

    *truth = all;
    jw_object(e->w);
    jw_kstr(e->w, S("kind"), str_of(kind));
    jw_key(e->w, S("children"));
    jw_array(e->w);
    if (single != NULL)
        rc = write(e, single, truth, d);
    while (rc == ERR_OK && json_next(&it)) {
        rc = write(e, it.value, &one, d);
        *truth = all ? *truth && one : *truth || one;
    }
    jw_end(e->w);
    if (strcmp(kind, "not") == 0)
        *truth = !*truth;
    jw_kbool(e->w, S("result"), *truth);
    jw_end(e->w);
    return rc;
}

static enum err
write_part(struct explainer *e, const struct json *v, bool *truth, struct diag *d)
{
    struct json_iter it = json_iter(v);
    enum err rc;

    if (++e->depth > 2 * LIMIT_TARGET_RULE_DEPTH)
        return diag_set(d, ERR_LIMIT, "the audience nests too deep to be explained");
    if (json_count(v) != 1 || !json_next(&it))
        rc = write_leaf(e, "targetRule", v, leaf_text(e, v), truth, d);
    else if (str_eq(it.key, S("and")))
        rc = write_group(e, "and", it.value, write_part, truth, d);
    else if (str_eq(it.key, S("or")))
        rc = write_group(e, "or", it.value, write_part, truth, d);
    else if (str_eq(it.key, S("not")))
        rc = write_group(e, "not", it.value, write_part, truth, d);
    else
        rc = write_leaf(e, "targetRule", v, leaf_text(e, v), truth, d);
    e->depth--;
    return rc;
}

/* ---- audiences ---- */

/* Of the platform: a fact of the request, without parts. */
static void
write_membership(struct explainer *e, struct str id, bool *truth)
{
    *truth = e->x->rq->in_audience != NULL && e->x->rq->in_audience(e->x->rq->ctx, id);
    jw_object(e->w);
    jw_kstr(e->w, S("kind"), S("audience"));
    jw_kbool(e->w, S("result"), *truth);
    jw_kstr(e->w, S("text"), S("member of the platform's audience"));
    jw_kstr(e->w, S("audience"), id);
    jw_end(e->w);
}

static enum err
write_reference(struct explainer *e, const struct json *v, bool *truth, struct diag *d)
{
    const struct json *id = json_get(v, S("audienceId")), *object;
    enum err rc;

    if (json_is(id, JSON_STRING)) {
        write_membership(e, json_str(id), truth);
        return ERR_OK;
    }
    object = e->audience(e->ctx, id_text(id, e->x->a));
    if (object == NULL)
        return diag_set(d, ERR_NOT_FOUND, "an audience that the rule names is not there");
    if (++e->depth > 2 * LIMIT_TARGET_RULE_DEPTH)
        return diag_set(d, ERR_LIMIT, "the audience nests too deep to be explained");
    rc = write_tree(e, object, truth, d);
    e->depth--;
    return rc;
}

static enum err
write_tree(struct explainer *e, const struct json *audience, bool *truth, struct diag *d)
{
    const struct json *target = json_get(audience, S("targetRule")), *logic = json_get(audience, S("jsonLogic"));
    const struct json *combined = json_get(audience, S("audienceRule"));
    struct str op = json_str(json_get(combined, S("restRuleOperator")));
    struct buf text;

    if (combined != NULL)
        return write_group(e,
                           str_eq(op, S("OR"))    ? "or"
                           : str_eq(op, S("NOT")) ? "not"
                                                  : "and",
                           json_get(combined, S("rules")), write_reference, truth, d);
    if (target != NULL && json_count(target) == 0)
        return write_leaf(e, "targetRule", target, S("all visitors"), truth, d);
    if (target != NULL)
        return write_part(e, target, truth, d);
    buf_init_in(&text, e->x->a, TEXT_BYTES);
    json_write(&text, logic); /* what is too long is cut */
    return write_leaf(e, "jsonLogic", logic, buf_str(&text), truth, d);
}

static enum err
write_one(struct explainer *e, const struct audience *au, bool truth, struct diag *d)
{
    const struct json *object = au->hub ? NULL : e->audience(e->ctx, au->id);
    bool again = truth;
    enum err rc = ERR_OK;

    jw_object(e->w);
    jw_kstr(e->w, S("id"), au->id);
    if (json_str(json_get(object, S("name"))).n > 0)
        jw_kstr(e->w, S("name"), json_str(json_get(object, S("name"))));
    jw_kbool(e->w, S("result"), truth);
    if (au->hub) {
        jw_key(e->w, S("tree"));
        write_membership(e, au->id, &again);
    } else if (object != NULL && !au->broken) {
        jw_key(e->w, S("tree"));
        rc = write_tree(e, object, &again, d);
    }
    if (again != truth) /* a QA link says otherwise, or the rule took too many steps */
        jw_kbool(e->w, S("forced"), true);
    jw_end(e->w);
    return rc;
}

enum err
decision_explain(struct decision *x, decision_audience *audience, void *ctx, struct jw *w, struct diag *d)
{
    struct explainer e = {.x = x, .audience = audience, .ctx = ctx, .w = w};
    enum err rc = ERR_OK;

    jw_array(w);
    for (size_t i = 0; rc == ERR_OK && x->truths != NULL && i < x->s->audience_count; i++) {
        if (x->truths[i] != UNKNOWN)
            rc = write_one(&e, &x->s->audiences[i], x->truths[i] == YES, d);
    }
    jw_end(w);
    return rc;
}
