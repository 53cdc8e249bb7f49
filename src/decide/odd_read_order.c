/* odd_read_order.c - where rules of two activities meet, the artifact says who comes first; the server has priorities.
 *
 * Each location's list is a chain: of an mbox descending, of the page and views ascending, because there the last write
 * wins [TARGET 5.3]. The priority of an activity is the length of the longest way down from it; a circle of chains has
 * none. */
#include "decide/odd_read_int.h"

struct edge {
    uint32_t above, below;
};

struct order {
    struct odd_reader *r;
    struct edge *edges;
    size_t n;
    size_t *seen; /* by activity: the end of the list that it was last seen in */
};

static size_t
activity_index(const struct odd_read *o, int64_t id)
{
    size_t from = 0, to = o->activity_count;

    while (from < to) {
        size_t mid = (from + to) / 2;
        if (o->activities[mid].id < id)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* ---- chains ---- */

/* The activities of rules [from, to), one location's, in order of their first rule. */
static enum err
read_chain(struct order *x, size_t from, size_t to)
{
    const struct odd_read_rule *rules = x->r->rules;
    bool descending = rules[from].kind == ODD_READ_MBOX;
    uint32_t *chain = ARENA_ARRAY(x->r->a, uint32_t, to - from);
    size_t n = 0;

    if (chain == NULL)
        return odd_no_room(x->r);
    for (size_t i = from; i < to; i++) {
        uint32_t a = (uint32_t)activity_index(x->r->out, rules[i].activity);
        bool is_new = x->seen[a] != to;
        x->seen[a] = to;
        if (is_new)
            chain[n++] = a;
        else if (chain[n - 1] != a && descending)
            return odd_refuse(x->r, rules[i].place,
                              "comes after rules of another activity: the server tries all of activity %lld together",
                              (long long)rules[i].activity);
    }
    for (size_t i = 0; i + 1 < n; i++)
        x->edges[x->n++] = descending ? (struct edge){chain[i], chain[i + 1]} : (struct edge){chain[i + 1], chain[i]};
    return ERR_OK;
}

static bool
same_location(const struct odd_read_rule *a, const struct odd_read_rule *b)
{
    return a->kind == b->kind && str_eq(a->location, b->location);
}

static enum err
read_chains(struct order *x)
{
    const struct odd_reader *r = x->r;
    enum err rc = ERR_OK;
    size_t end;

    for (size_t i = 0; rc == ERR_OK && i < r->rule_count; i = end) {
        for (end = i + 1; end < r->rule_count && same_location(&r->rules[i], &r->rules[end]);)
            end++;
        rc = read_chain(x, i, end);
    }
    return rc;
}

/* ---- levels ---- */

static int
by_below(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;

    return a->below != b->below ? (a->below < b->below ? -1 : 1) : 0;
}

/* From the bottom up: an activity is done when all below it are. */
static enum err
set_levels(struct order *x)
{
    struct odd_read *o = x->r->out;
    uint32_t *left = ARENA_ARRAY(x->r->a, uint32_t, o->activity_count + 1);
    uint32_t *first = ARENA_ARRAY(x->r->a, uint32_t, o->activity_count + 1);
    uint32_t *ready = ARENA_ARRAY(x->r->a, uint32_t, o->activity_count + 1);
    size_t ready_count = 0, done = 0;

    if (left == NULL || first == NULL || ready == NULL)
        return odd_no_room(x->r);
    qsort(x->edges, x->n, sizeof *x->edges, by_below);
    for (size_t i = 0; i < x->n; i++) {
        left[x->edges[i].above]++;
        first[x->edges[i].below + 1]++;
    }
    for (size_t i = 0; i < o->activity_count; i++) {
        first[i + 1] += first[i];
        if (left[i] == 0)
            ready[ready_count++] = (uint32_t)i;
    }
    for (; done < ready_count; done++) {
        const struct odd_read_activity *below = &o->activities[ready[done]];
        for (uint32_t i = first[ready[done]]; i < first[ready[done] + 1]; i++) {
            struct odd_read_activity *above = &o->activities[x->edges[i].above];
            if (above->priority <= below->priority)
                above->priority = below->priority + 1;
            if (--left[x->edges[i].above] == 0)
                ready[ready_count++] = x->edges[i].above;
        }
    }
    for (size_t i = 0; i < o->activity_count; i++) {
        if (left[i] > 0)
            return odd_refuse(x->r, "rules",
                              "put activity %lld before and after others: no order of priorities says that",
                              (long long)o->activities[i].id);
        if (o->activities[i].priority > LIMIT_ACTIVITY_PRIORITY)
            return odd_refuse(x->r, "rules", "need more than %d priorities", LIMIT_ACTIVITY_PRIORITY + 1);
    }
    return ERR_OK;
}

/* ---- the page ---- */

static bool
is_form_based(const struct odd_read_activity *a)
{
    for (size_t e = 0; e < a->experience_count; e++) {
        for (size_t l = 0; a->experiences[e].cells != NULL && l < a->location_count; l++) {
            if (a->locations[l].kind == ODD_READ_PAGE &&
                str_eq(json_str(json_get(a->experiences[e].cells[l].option, S("type"))), S("actions")))
                return false;
        }
    }
    return true;
}

/* The server delivers a form-based activity of the page only when it ranks first [TARGET 2.3]. */
static enum err
check_page(struct odd_reader *r)
{
    const struct odd_read_rule *last = NULL;

    for (size_t i = 0; i < r->rule_count; i++) {
        if (r->rules[i].kind == ODD_READ_PAGE)
            last = &r->rules[i];
    }
    for (size_t i = 0; i < r->rule_count; i++) {
        const struct odd_read_rule *rule = &r->rules[i];
        if (rule->kind == ODD_READ_PAGE && rule->activity != last->activity &&
            is_form_based(&r->out->activities[activity_index(r->out, rule->activity)]))
            return odd_refuse(r, rule->place,
                              "shows form-based content on the page and does not come last: the server would leave "
                              "activity %lld out",
                              (long long)rule->activity);
    }
    return ERR_OK;
}

enum err
odd_read_order(struct odd_reader *r)
{
    struct order x = {.r = r,
                      .edges = ARENA_ARRAY(r->a, struct edge, r->rule_count + 1),
                      .seen = ARENA_ARRAY(r->a, size_t, r->out->activity_count + 1)};
    enum err rc;

    if (x.edges == NULL || x.seen == NULL)
        return odd_no_room(r);
    rc = read_chains(&x);
    if (rc == ERR_OK)
        rc = set_levels(&x);
    return rc == ERR_OK ? check_page(r) : rc;
}
