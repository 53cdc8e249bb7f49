/* pql_json_event.c - times and sequences of events in JSON: occurs, timeQualification, range, chain, element, gap
 * [SEGMENTATION 13.2]. */
#include "pql/pql_json_reader.h"

static struct pql_ast *
done(struct pql_reader *r, struct pql_ast *n, const struct pql_kids *k)
{
    return n != NULL ? pql_node_done(r->c, n, k, pql_node_extra(n->kind, k->n)) : NULL;
}

/* ---- times ---- */

bool
pql_json_relative(struct pql_reader *r, const struct json *literal, struct str text, struct rule_time_ref *period,
                  enum rule_op *word)
{
    struct str rest = text, first;

    if (pql_time_word_of(text, word))
        return true;
    if (str_split(&rest, ' ', &first) && rest.p != NULL && pql_period_of(first, &period->period) &&
        pql_unit_of(str_trim(rest), &period->unit))
        return true;
    return pql_fail(r->c, PQL_VALUE, pql_place(r, literal),
                    "'%.*s' is no value of a literal of type RelativeTime: now, today, yesterday, tomorrow, or this, "
                    "last, next with a unit",
                    (int)(text.n > 40 ? 40 : text.n), text.n > 0 ? text.p : "");
}

/* "this week" as a literal node. */
static bool
is_period(struct pql_reader *r, const struct json *node, struct rule_time_ref *ref)
{
    struct str text = json_str(json_get(node, S("value")));
    enum rule_op word;

    if (!str_eq(pql_json_type(node), S("literal")) ||
        !str_eq(json_str(json_get(node, S("literalType"))), S("RelativeTime")) || pql_time_word_of(text, &word))
        return false;
    ref->period = PERIOD_NONE;
    return pql_json_relative(r, json_get(node, S("value")) ? json_get(node, S("value")) : node, text, ref, &word);
}

static bool
read_time(struct pql_reader *r, const struct json *node, const char *key, struct rule_time_ref *ref, struct pql_kids *k)
{
    const struct json *v;

    if (!pql_json_want(r, node, key, JSON_OBJECT, &v))
        return false;
    if (is_period(r, v, ref))
        return true;
    if (r->c->class != PQL_OK)
        return false;
    ref->period = PERIOD_NONE;
    ref->arg = (unsigned)k->n;
    return pql_kids_add(r->c, k, pql_json_expr(r, v));
}

static bool
bad_word(struct pql_reader *r, const struct json *node, const char *key, struct str found, const char *expected)
{
    return pql_fail(r->c, PQL_VALUE, pql_place(r, json_get(node, str_of(key))), "'%s' must be %s, found '%.*s'", key,
                    expected, (int)(found.n > 40 ? 40 : found.n), found.n > 0 ? found.p : "");
}

static bool
read_duration(struct pql_reader *r, const struct json *node, int64_t *amount, enum rule_unit *unit)
{
    const struct json *duration;
    struct str word = S_NULL;
    bool ok;

    if (!pql_json_want(r, node, "duration", JSON_OBJECT, &duration) || !pql_json_enter(r, duration, "duration"))
        return false;
    ok = pql_json_count(r, duration, "count", amount);
    if (ok && !pql_json_word(r, duration, "unit", &word))
        ok = pql_json_fail(r, duration, "unit", "a literal of type TimeUnit");
    if (ok && !pql_unit_of(word, unit))
        ok = bad_word(r, duration, "unit", word, "a unit of time such as \"days\"");
    pql_json_leave(r);
    return ok;
}

/* The members of a timeQualification: comparison, duration and direction, or a direction, or none (on). */
static bool
read_qualification(struct pql_reader *r, const struct json *node, struct rule_when *w, struct pql_kids *k)
{
    struct str comparison = S_NULL, direction = S("on");
    bool compared = pql_json_word(r, node, "comparison", &comparison),
         directed = r->c->class == PQL_OK && pql_json_word(r, node, "direction", &direction),
         on = str_eq_nocase(direction, S("on"));

    (void)directed; /* absent: on */
    if (r->c->class != PQL_OK)
        return false;
    if (compared && !pql_cmp_of(comparison, &w->cmp))
        return bad_word(r, node, "comparison", comparison, "one of = != < <= > >=");
    if (!on && !pql_side_of(direction, &w->side))
        return bad_word(r, node, "direction", direction, "before, after, from or on");
    if (compared != (json_get(node, S("duration")) != NULL))
        return pql_json_fail(r, node, compared ? "duration" : "comparison", "as it has the other of the two");
    if (compared && on)
        return pql_json_fail(r, node, "direction", "before, after or from beside a duration");
    if (compared && !read_duration(r, node, &w->amount, &w->unit))
        return false;
    if (compared && w->side == SIDE_FROM)
        w->side = SIDE_AFTER; /* as in text */
    w->form = compared ? WHEN_DISTANCE : on ? WHEN_ON : WHEN_SIDE;
    return read_time(r, node, "time", &w->from, k);
}

static bool
read_when(struct pql_reader *r, const struct json *node, struct rule_when *w, struct pql_kids *k)
{
    const struct json *v;
    bool range, ok;

    if (!pql_json_want(r, node, "when", JSON_OBJECT, &v))
        return false;
    range = str_eq(pql_json_type(v), S("range"));
    if (!pql_json_enter(r, v, range ? "range" : "timeQualification"))
        return false;
    if (range) {
        w->form = WHEN_BETWEEN;
        ok = read_time(r, v, "from", &w->from, k) && read_time(r, v, "to", &w->to, k);
    } else {
        ok = read_qualification(r, v, w, k);
    }
    pql_json_leave(r);
    return ok;
}

struct pql_ast *
pql_json_occurs(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_OCCURS, pql_place(r, node));
    struct rule_when *w = pql_alloc(r->c, r->c->keep, 1, sizeof *w);
    struct pql_kids k = {0};

    if (n == NULL || w == NULL || !pql_json_want_expr(r, node, "timestamp", &k) || !read_when(r, node, w, &k))
        return NULL;
    n->when = w;
    return done(r, n, &k);
}

/* ---- chain ---- */

/* One bound: comparison (GE when absent) and value. */
static bool
read_bound(struct pql_reader *r, const struct json *node, struct rule_bound *b)
{
    struct str word = S_NULL;

    b->cmp = CMP_GE;
    if (pql_json_word(r, node, "comparison", &word) && !pql_cmp_of(word, &b->cmp))
        return bad_word(r, node, "comparison", word, "one of = < <= > >=");
    if (r->c->class != PQL_OK)
        return false;
    if (b->cmp == CMP_NE)
        return bad_word(r, node, "comparison", word, "one of = < <= > >=");
    return pql_json_count(r, node, "value", &b->amount);
}

/* `count` is a number, at least so many, or a list of bounds. One of anything is what an element is without a count:
 * written beside every element, excluded ones too, it says nothing. */
static bool
read_counts(struct pql_reader *r, const struct json *node, struct rule_element *e)
{
    const struct json *v = json_get(node, S("count"));
    struct rule_bound *bounds = pql_alloc(r->c, r->c->keep, json_count(v) + 1, sizeof *bounds);
    struct json_iter it = json_iter(v);

    if (bounds == NULL)
        return false;
    e->counts = bounds;
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_ARRAY)) {
        bounds[0].cmp = CMP_GE;
        if (!pql_json_count(r, node, "count", &bounds[0].amount))
            return false;
        e->count_count = bounds[0].amount != 1;
        return true;
    }
    if (json_count(v) == 0)
        return pql_json_fail(r, node, "count", "a number or a list that is not empty");
    while (json_next(&it)) {
        if (!read_bound(r, it.value, &bounds[e->count_count++]))
            return false;
    }
    return true;
}

static bool
read_gap(struct pql_reader *r, const struct json *node, struct rule_bound *b)
{
    struct str word = S_NULL;
    bool ok;

    if (!pql_json_enter(r, node, "gap"))
        return false;
    ok = pql_json_word(r, node, "comparison", &word) ||
         (r->c->class == PQL_OK && pql_json_fail(r, node, "comparison", "one of < <= > >="));
    if (ok && (!pql_cmp_of(word, &b->cmp) || b->cmp == CMP_EQ || b->cmp == CMP_NE))
        ok = bad_word(r, node, "comparison", word, "one of < <= > >=");
    ok = ok && read_duration(r, node, &b->amount, &b->unit);
    pql_json_leave(r);
    return ok;
}

static bool
read_gaps(struct pql_reader *r, const struct json *node, struct rule_element *e)
{
    const struct json *v = json_get(node, S("gap"));
    struct rule_bound *bounds = pql_alloc(r->c, r->c->keep, json_count(v) + 1, sizeof *bounds);
    struct json_iter it = json_iter(v);

    if (bounds == NULL)
        return false;
    e->gaps = bounds;
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_ARRAY)) {
        e->gap_count = 1;
        return read_gap(r, v, &bounds[0]);
    }
    while (json_next(&it)) {
        if (!read_gap(r, it.value, &bounds[e->gap_count++]))
            return false;
    }
    return true;
}

/* what, with where beside it, as one condition. */
static bool
read_condition(struct pql_reader *r, const struct json *node, struct pql_kids *k)
{
    struct pql_ast *both;
    struct pql_kids two = {0};

    if (json_get(node, S("where")) == NULL)
        return pql_json_want_expr(r, node, "what", k);
    both = pql_node_new(r->c, AST_AND, pql_place(r, node));
    return both != NULL && pql_json_want_expr(r, node, "what", &two) && pql_json_want_expr(r, node, "where", &two) &&
           pql_kids_add(r->c, k, done(r, both, &two));
}

static bool
read_element_parts(struct pql_reader *r, const struct json *node, struct pql_ast *n, struct rule_element *e,
                   struct pql_kids *k)
{
    const struct json *label, *negated = json_get(node, S("negated"));
    struct str *name = pql_alloc(r->c, r->c->scratch, 1, sizeof *name);

    if (name == NULL || !pql_json_want(r, node, "varName", JSON_STRING, &label))
        return false;
    *name = json_str(label);
    if (name->n == 0)
        return pql_json_fail(r, node, "varName", "a name that is not empty");
    if (negated != NULL && !json_is(negated, JSON_BOOL))
        return pql_json_fail(r, node, "negated", "a boolean");
    n->names = name;
    n->name_count = 1;
    n->negated = json_bool(negated, false);
    if (!read_condition(r, node, k))
        return false;
    e->has_when = json_get(node, S("when")) != NULL;
    return (!e->has_when || read_when(r, node, &e->when, k)) && read_counts(r, node, e) && read_gaps(r, node, e);
}

static struct pql_ast *
read_element(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_ELEMENT, pql_place(r, node));
    struct rule_element *e = pql_alloc(r->c, r->c->keep, 1, sizeof *e);
    struct pql_kids k = {0};
    bool ok;

    if (n == NULL || e == NULL || !pql_json_enter(r, node, "element"))
        return NULL;
    ok = read_element_parts(r, node, n, e, &k);
    pql_json_leave(r);
    n->element = e;
    return ok ? done(r, n, &k) : NULL;
}

/* The profile's events, unless it names another list. */
static bool
read_source(struct pql_reader *r, const struct json *node, struct pql_kids *k)
{
    struct pql_ast *profile, *events;
    uint32_t pos = pql_place(r, node);

    if (json_get(node, S("source")) != NULL)
        return pql_json_want_expr(r, node, "source", k);
    profile = pql_node_new(r->c, AST_PARAM, pos);
    if (profile == NULL)
        return false;
    profile->number = 1;
    events = pql_node_unary(r->c, AST_FIELD, pos, profile);
    if (!pql_kids_add(r->c, k, events))
        return false;
    events->name = S("xEvent");
    return true;
}

static bool
read_path(struct pql_reader *r, const struct json *node, struct pql_ast *n)
{
    const struct json *v = json_get(node, S("timestampField"));
    struct str rest = v != NULL ? json_str(v) : S("timestamp"), part;
    size_t room = 1;
    struct str *names;

    for (size_t i = 0; i < rest.n; i++)
        room += rest.p[i] == '.';
    names = pql_alloc(r->c, r->c->scratch, room, sizeof *names);
    if (names == NULL)
        return false;
    if (rest.n == 0)
        return pql_json_fail(r, node, "timestampField", "a path such as \"timestamp\"");
    while (str_split(&rest, '.', &part)) {
        if (part.n == 0)
            return pql_json_fail(r, node, "timestampField", "a path without empty parts");
        names[n->name_count++] = part;
    }
    n->names = names;
    return true;
}

struct pql_ast *
pql_json_chain(struct pql_reader *r, const struct json *node)
{
    struct pql_ast *n = pql_node_new(r->c, AST_CHAIN, pql_place(r, node));
    const struct json *elements;
    struct json_iter it;
    struct pql_kids k = {0};

    if (n == NULL || !read_source(r, node, &k) || !read_path(r, node, n) ||
        !pql_json_want(r, node, "elements", JSON_ARRAY, &elements))
        return NULL;
    if (json_count(elements) == 0) {
        (void)pql_json_fail(r, node, "elements", "at least one element");
        return NULL;
    }
    it = json_iter(elements);
    while (json_next(&it)) {
        if (!pql_kids_add(r->c, &k, read_element(r, it.value)))
            return NULL;
    }
    return done(r, n, &k);
}
