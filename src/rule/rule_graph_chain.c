/* rule_graph_chain.c - sequences of several elements as window leaves.
 *
 * When no element reads what another one matched, an event satisfies an element or not, whatever the rest of the
 * sequence does. So each element has a series of its own with the times of its events, and the times decide: groups
 * follow each other strictly in time, so the same event is never in two of them, and of a negated element only the
 * times count too. The pass of rule_chain_pass.c runs over the times of all elements merged; in it each event satisfies
 * one element. Labels that are read across elements need the search, which needs the events: a scan leaf.
 *
 * [SEGMENTATION 9.2] */
#include "rule/rule_chain_pass.h"
#include "rule/rule_graph_int.h"

#include <stdlib.h>

#include "base/limits.h"

/* ---- compile ---- */

/* A condition or a time of element k reads the event of another one. */
static bool
reads_labels(const struct rule_node *chain, size_t k)
{
    const struct rule_node *element = chain->args[k];

    for (size_t i = 1; i < chain->arg_count; i++) {
        if (i != k && node_mentions_slot(element, chain->args[i]->slot))
            return true;
    }
    return false;
}

static bool
read_element(struct build *b, const struct rule_node *chain, size_t k, struct aggregation *g)
{
    const struct rule_node *element = chain->args[k];
    struct origin time_path;

    *g = (struct aggregation){.kind = AGGREGATE_COUNT};
    b->why = "the list of the sequence is no selection of events by conditions of the single event";
    if (!pattern_list(&g->p, chain->args[0], false))
        return false;
    b->why = "a window of the list is over another field than the sequence";
    if (!split_chain_path(chain->name, &time_path) ||
        (g->p.span_count > 0 && !same_origin(&g->p.time_path, &time_path)))
        return false;
    g->p.time_path = time_path;
    b->why = "an element reads what another one matched";
    if (reads_labels(chain, k))
        return false;
    b->why = "an element has conditions that are not of the single event, or a window that is no function of now";
    if (element->arg_count > 0 && !pattern_where(&g->p, element->args[0], element->slot, false))
        return false;
    if (element->element->has_when && !pattern_when(&g->p, element, chain->name))
        return false;
    b->why = NULL;
    return true;
}

/* All elements are read before anything is made of one. */
static bool
make_parts(struct build *b, const struct rule_node *n, struct aggregation *g, struct window_part *parts,
           struct series *likes)
{
    for (size_t k = 1; k < n->arg_count; k++) {
        if (!read_element(b, n, k, &g[k - 1]))
            return false;
    }
    for (size_t k = 1; k < n->arg_count; k++) {
        if (!aggregation_part(b, &g[k - 1], true, &parts[k - 1], &likes[k - 1]))
            return false;
        parts[k - 1].of = n->args[k];
    }
    return true;
}

uint32_t
build_sequence_leaf(struct build *b, const struct rule_node *n)
{
    size_t count = n->arg_count - 1;
    struct aggregation *g = calloc(count, sizeof *g); /* the parts borrow their spans until they are copied */
    struct series *likes = calloc(count, sizeof *likes);
    struct window_leaf w = {.form = WINDOW_SEQUENCE, .parts = calloc(count, sizeof *w.parts), .part_count = count};
    uint32_t id = NO_ID;

    b->why = "it has more elements than are followed";
    if (g == NULL || likes == NULL || w.parts == NULL)
        b->nomem = true;
    else if (count <= LIMIT_WINDOW_PARTS && make_parts(b, n, g, w.parts, likes))
        id = build_window(b, likes, &w);
    free(g);
    free(likes);
    free(w.parts);
    return id;
}

/* ---- truth ---- */

/* Of two elements: one event each. Both lists are in order, and a gap of fixed units moves with its first event: one
 * walk over the two. Months do not, for they clamp days. */
static bool
is_pair(const struct window_leaf *w)
{
    const struct rule_element *later = w->parts[1].of->element;

    for (size_t i = 0; i < later->gap_count; i++) {
        if (later->gaps[i].unit >= UNIT_MONTH)
            return false;
    }
    return !w->parts[0].of->negated && !w->parts[1].of->negated && chain_group_size(w->parts[0].of->element) == 1 &&
           chain_group_size(later) == 1;
}

static bool
pair_truth(const struct window_leaf *w, const struct part_range *r)
{
    const struct rule_element *later = w->parts[1].of->element;
    const int64_t *first = r[0].ss->times, *second = r[1].ss->times;
    size_t prev = r[0].from;
    int64_t lo, hi;

    if (later->gap_count == 0)
        return first[r[0].from] < second[r[1].to - 1];
    for (size_t i = r[1].from; i < r[1].to; i++) {
        for (; prev < r[0].to && first[prev] < second[i]; prev++) {
            chain_gap_range(later, first[prev], &lo, &hi);
            if (second[i] < lo)
                break;
            if (second[i] <= hi)
                return true; /* else too early for this one and all that follow */
        }
    }
    return false;
}

static bool
merge(struct window_eval *e, const struct window_leaf *w, struct part_range *r, size_t n, int64_t *times,
      struct chain_step *steps)
{
    unsigned char **sat = ARENA_ARRAY(e->scratch, unsigned char *, w->part_count);

    for (size_t k = 0; k < w->part_count && sat != NULL; k++) {
        const struct rule_element *spec = w->parts[k].of->element;
        sat[k] = arena_calloc(e->scratch, n, 1);
        if (sat[k] == NULL)
            return false;
        steps[k] = (struct chain_step){spec, w->parts[k].of->negated, chain_group_size(spec), sat[k]};
    }
    for (size_t i = 0; i < n && sat != NULL; i++) {
        size_t least = SIZE_MAX;
        for (size_t k = 0; k < w->part_count; k++) {
            if (r[k].from < r[k].to &&
                (least == SIZE_MAX || r[k].ss->times[r[k].from] < r[least].ss->times[r[least].from]))
                least = k;
        }
        times[i] = r[least].ss->times[r[least].from++];
        sat[least][i] = 1;
    }
    return sat != NULL;
}

static bool
merged_truth(struct window_eval *e, const struct window_leaf *w, struct part_range *r, size_t n)
{
    struct eval ev = {.env = e->env, .a = e->scratch, .steps_left = LIMIT_RULE_STEPS};
    int64_t *times = ARENA_ARRAY(e->scratch, int64_t, n);
    struct chain_step *steps = ARENA_ARRAY(e->scratch, struct chain_step, w->part_count);
    bool truth = false;

    if (times == NULL || steps == NULL || !merge(e, w, r, n, times, steps))
        e->undecided = true;
    else
        truth = chain_pass(&ev, times, n, steps, w->part_count);
    e->undecided = e->undecided || ev.stop;
    return truth;
}

bool
sequence_truth(struct window_eval *e, const struct window_leaf *w, int64_t now)
{
    struct part_range r[LIMIT_WINDOW_PARTS];
    bool truth = true;
    size_t n = 0, parts = w->part_count;

    for (size_t k = 0; k < parts && truth; k++) {
        const struct window_part *part = &w->parts[k];
        size_t need = part->of->negated ? 0 : chain_group_size(part->of->element);
        r[k] = part_range(e->s, part, now);
        n += r[k].to - r[k].from;
        truth = r[k].to - r[k].from >= need;
    }
    if (!truth || (parts == 2 && is_pair(w)))
        return truth && pair_truth(w, r);
    truth = merged_truth(e, w, r, n);
    arena_reset(e->scratch);
    return truth;
}
