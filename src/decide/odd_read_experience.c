/* odd_read_experience.c - the order in which a targeting activity asks for its experiences.
 *
 * Each location lists the experiences that show something there, and all lists must agree. What they leave open goes by
 * number, as who writes artifacts numbers them. */
#include "decide/odd_read_int.h"

struct successors {
    uint32_t *head, *next; /* by experience, by edge: edge + 1 */
    uint32_t *after;       /* by edge: the experience behind */
    uint32_t *before;      /* by experience: how many edges lead to it */
    uint32_t n;
};

static uint32_t
index_of(const struct odd_read_activity *a, int64_t experience)
{
    uint32_t i = 0;

    while (a->experiences[i].id != experience)
        i++;
    return i;
}

static bool
same_location(const struct odd_read_rule *x, const struct odd_read_rule *y)
{
    return x->kind == y->kind && str_eq(x->location, y->location);
}

static bool
read_successors(struct odd_reader *r, const struct odd_read_activity *a, const struct odd_read_rule *const *rules,
                size_t n, struct successors *s)
{
    *s = (struct successors){ARENA_ARRAY(r->a, uint32_t, a->experience_count), ARENA_ARRAY(r->a, uint32_t, n),
                             ARENA_ARRAY(r->a, uint32_t, n), ARENA_ARRAY(r->a, uint32_t, a->experience_count), 0};
    if (s->head == NULL || s->next == NULL || s->after == NULL || s->before == NULL)
        return false;
    for (size_t i = 1; i < n; i++) {
        uint32_t x = index_of(a, rules[i - 1]->experience), y = index_of(a, rules[i]->experience);
        if (x == y || !same_location(rules[i - 1], rules[i]))
            continue;
        s->after[s->n] = y;
        s->next[s->n] = s->head[x];
        s->head[x] = ++s->n;
        s->before[y]++;
    }
    return true;
}

/* The one with the least number of those that nobody comes before; SIZE_MAX: none. */
static size_t
pick(const struct odd_read_activity *a, const struct successors *s, const bool *taken)
{
    size_t best = SIZE_MAX;

    for (size_t e = 0; e < a->experience_count; e++) {
        if (!taken[e] && s->before[e] == 0 && (best == SIZE_MAX || a->experiences[e].id < a->experiences[best].id))
            best = e;
    }
    return best;
}

enum err
odd_read_experience_order(struct odd_reader *r, struct odd_read_activity *a, const struct odd_read_rule *const *rules,
                          size_t n)
{
    struct odd_read_experience *ordered = ARENA_ARRAY(r->a, struct odd_read_experience, a->experience_count);
    bool *taken = ARENA_ARRAY(r->a, bool, a->experience_count);
    struct successors s;
    size_t done = 0, e;

    if (ordered == NULL || taken == NULL || !read_successors(r, a, rules, n, &s))
        return odd_no_room(r);
    for (; (e = pick(a, &s, taken)) != SIZE_MAX; done++) {
        ordered[done] = a->experiences[e];
        taken[e] = true;
        for (uint32_t i = s.head[e]; i > 0; i = s.next[i - 1])
            s.before[s.after[i - 1]]--;
    }
    if (done == a->experience_count) /* else the lists disagree, which is said when they are read */
        a->experiences = ordered;
    return ERR_OK;
}
