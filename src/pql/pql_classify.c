/* pql_classify.c - the documented classification of an expression into batch, streaming and edge
 * [SEGMENTATION 14.2, 14.3].
 *
 * Facts are gathered in one walk over the rule; the rows of the table that concern one expression alone are then
 * applied in order. What the table also asks (entity class, merge policy, datasets, audiences referred to) is the
 * caller's. */
#include "base/civil.h"
#include "pql/pql.h"

struct facts {
    unsigned event_clauses;
    unsigned positive_clauses; /* under an even number of not */
    int64_t events;            /* elements, COUNT > 1 counting as several */
    bool unbounded;            /* an element without a window of at most 24 hours */
    bool free_events;          /* events used in any other way */
    bool profile;
    bool segments;
    bool lookup;      /* a join into another entity */
    bool ignore_year; /* month and day getters [C 58] */
    bool aam;
};

static bool
is_aam(struct str name)
{
    return str_eq(name, S("AAM")) || str_eq(name, S("AAMSegments")) || str_eq(name, S("AAMTraits"));
}

static int64_t
unit_hours_ms(enum rule_unit unit)
{
    static const int64_t ms[] = {1, MS_PER_SECOND, MS_PER_MINUTE, MS_PER_HOUR, MS_PER_DAY, 7 * MS_PER_DAY};

    return unit <= UNIT_WEEK ? ms[unit] : INT64_MAX;
}

/* A window of at most 24 hours that ends now, or the current day or less. */
static bool
bounded(const struct rule_when *w, struct rule_node *const *args)
{
    enum rule_period period = w->from.period;
    bool calendar =
        (period == PERIOD_THIS && w->from.unit <= UNIT_DAY) || (period == PERIOD_LAST && w->from.unit <= UNIT_HOUR);

    if (w->form == WHEN_ON)
        return period == PERIOD_NONE ? args[w->from.arg]->op == RULE_TODAY : calendar;
    if (w->form != WHEN_DISTANCE || w->side != SIDE_BEFORE || (w->cmp != CMP_LT && w->cmp != CMP_LE))
        return false;
    if (period != PERIOD_NONE || args[w->from.arg]->op != RULE_NOW)
        return false;
    return w->amount <= MS_PER_DAY / unit_hours_ms(w->unit);
}

static void walk(struct facts *f, const struct rule_node *n, bool negated);

static void
walk_args(struct facts *f, const struct rule_node *n, size_t from, bool negated)
{
    for (size_t i = from; i < n->arg_count; i++)
        walk(f, n->args[i], negated);
}

static void
event_clause(struct facts *f, bool negated)
{
    f->event_clauses++;
    f->positive_clauses += !negated;
}

static int64_t
events_of(const struct rule_element *e)
{
    int64_t most = 1;

    for (size_t i = 0; i < e->count_count; i++)
        most = e->counts[i].amount > most ? e->counts[i].amount : most;
    return most;
}

static void
walk_chain(struct facts *f, const struct rule_node *n, bool negated)
{
    event_clause(f, negated);
    for (size_t i = 1; i < n->arg_count; i++) {
        const struct rule_node *element = n->args[i];
        int64_t events = events_of(element->element);
        f->events = events > INT64_MAX - f->events ? INT64_MAX : f->events + events;
        if (!element->element->has_when || !bounded(&element->element->when, element->args))
            f->unbounded = true;
        walk_args(f, element, 0, negated);
    }
}

/* `V.timestamp occurs ...` among the conditions that all must hold [C 64]. */
static bool
has_window(const struct rule_node *where, unsigned slot)
{
    const struct rule_node *time;

    if (where->op == RULE_AND) {
        for (size_t i = 0; i < where->arg_count; i++) {
            if (has_window(where->args[i], slot))
                return true;
        }
        return false;
    }
    if (where->op != RULE_OCCURS)
        return false;
    time = where->args[0];
    return time->op == RULE_FIELD && str_eq(time->name, S("timestamp")) && time->args[0]->op == RULE_SLOT &&
           time->args[0]->slot == slot && bounded(where->when, where->args);
}

/* exists and select over the events are a chain of one element. */
static bool
is_quantified_clause(const struct rule_node *n)
{
    return (n->op == RULE_SELECT || (n->op == RULE_QUANT && n->quant == QUANT_SOME)) && n->arg_count == 1 &&
           n->args[0]->args[0]->op == RULE_EVENTS;
}

static void
walk_quantified(struct facts *f, const struct rule_node *n, bool negated)
{
    const struct rule_node *gen = n->args[0];

    event_clause(f, negated);
    f->events += f->events < INT64_MAX;
    if (gen->arg_count < 2 || !has_window(gen->args[1], gen->slot))
        f->unbounded = true;
    walk_args(f, gen, 1, negated);
}

static void
note_path(struct facts *f, const struct rule_node *n)
{
    const struct rule_node *object = n->args[0];

    if (str_find(n->name, S("@{")) >= 0)
        f->lookup = true;
    if (object->op == RULE_PROFILE) {
        if (str_eq(n->name, S("segmentMembership")))
            f->segments = true;
        else
            f->profile = true;
    }
    if (object->op == RULE_FIELD && str_eq(object->name, S("segmentMembership")) && is_aam(n->name))
        f->aam = true;
}

static void
note_call(struct facts *f, const struct rule_node *n)
{
    if (n->fn == FN_IN_SEGMENT)
        f->segments = true;
    if (n->fn == FN_GET_MONTH || n->fn == FN_GET_DAY_OF_MONTH || n->fn == FN_CURRENT_MONTH ||
        n->fn == FN_CURRENT_DAY_OF_MONTH)
        f->ignore_year = true;
    if (n->fn == FN_GET && n->args[0]->op == RULE_FIELD && str_eq(n->args[0]->name, S("segmentMembership")) &&
        n->args[1]->op == RULE_LITERAL && n->args[1]->value.kind == VALUE_STRING && is_aam(n->args[1]->value.s))
        f->aam = true;
}

static void
walk(struct facts *f, const struct rule_node *n, bool negated)
{
    if (n->op == RULE_CHAIN && n->args[0]->op == RULE_EVENTS) {
        walk_chain(f, n, negated);
        return;
    }
    if (is_quantified_clause(n)) {
        walk_quantified(f, n, negated);
        return;
    }
    if (n->op == RULE_EVENTS)
        f->free_events = true;
    if (n->op == RULE_FIELD) {
        note_path(f, n);
        if (n->args[0]->op == RULE_PROFILE)
            return; /* noted as what it is, not as the whole profile */
    }
    if (n->op == RULE_PROFILE)
        f->profile = true;
    if (n->op == RULE_CALL)
        note_call(f, n);
    walk_args(f, n, 0, negated != (n->op == RULE_NOT));
}

unsigned
pql_classify_row(const struct rule *r, unsigned method)
{
    struct facts f = {0};

    walk(&f, rule_root(r), false);
    if (f.lookup)
        return 2;
    if (f.ignore_year)
        return 3;
    if (f.aam)
        return 4;
    if (f.free_events)
        return 6;
    if (f.unbounded)
        return 7;
    if (f.event_clauses > 0 && f.positive_clauses == 0 && !f.profile && !f.segments)
        return 8;
    return f.events > 1 && method == PQL_EDGE ? 11 : 0;
}

const char *
pql_classify_reason(unsigned row)
{
    static const char *const reasons[] = {
        [1] = "its entity is an account or an opportunity",
        [2] = "it joins another entity",
        [3] = "it reads a month or a day of a month",
        [4] = "it refers to an Audience Manager segment or trait",
        [5] = "its merge policy is not active on edge",
        [6] = "it reads events outside a sequence or an exists",
        [7] = "an event has no window of at most 24 hours",
        [8] = "it is nothing but a negation of events",
        [9] = "it has events beside an audience that is not built from profile fields only",
        [10] = "its events come from batch-only and from streaming datasets",
        [11] = "it asks for more than one event",
    };

    return row < sizeof reasons / sizeof *reasons && reasons[row] != NULL ? reasons[row] : "it does not say why";
}

unsigned
pql_classify(const struct rule *r)
{
    return PQL_BATCH | (pql_classify_row(r, PQL_STREAMING) == 0 ? PQL_STREAMING : 0u) |
           (pql_classify_row(r, PQL_EDGE) == 0 ? PQL_EDGE : 0u);
}
