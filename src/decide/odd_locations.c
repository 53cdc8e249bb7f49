/* odd_locations.c - rules by location, in the order in which a client tries them [TARGET 5.3, 5.7].
 *
 * A plain mbox takes the first rule that holds, so its rules come in the order of the set. The page and views take all,
 * and the last write wins, so theirs come in ascending priority; the experiences of one activity keep their order. */
#include "decide/odd_int.h"

static int
compare_uses(const void *x, const void *y)
{
    const struct odd_use *a = *(const struct odd_use *const *)x, *b = *(const struct odd_use *const *)y;
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    order = str_cmp(a->name, b->name);
    if (order != 0)
        return order;
    return a->activity < b->activity ? -1 : a->activity > b->activity;
}

static bool
holds_ever(const struct odd_rule *r)
{
    return r->placed && r->condition.n > 0;
}

static bool
has_rules(const struct odd_use *u)
{
    for (size_t i = 0; i < u->activity->a->experience_count; i++) {
        if (holds_ever(&u->rules[i]))
            return true;
    }
    return false;
}

static size_t
add_rules(const struct odd_use *u, const struct odd_rule **rules, size_t n)
{
    for (size_t i = 0; u->activity->remote.n == 0 && i < u->activity->a->experience_count; i++) {
        if (holds_ever(&u->rules[i]))
            rules[n++] = &u->rules[i];
    }
    return n;
}

/* The engine delivers all of the page. The server delivers a form-based activity only when it ranks first [TARGET 2.3],
 * which comes to the same when there is one, above all visual ones. */
static bool
is_expressible(struct odd_use *const *uses, size_t n)
{
    bool ranked = false;

    for (size_t i = 0; i < n; i++) {
        if (!has_rules(uses[i]))
            continue;
        if (uses[i]->form_based && ranked)
            return false;
        ranked = true;
    }
    return true;
}

static void
read_location(struct odd *o, struct odd_use *const *uses, size_t n, struct odd_location *at)
{
    size_t rules = 0;

    *at = (struct odd_location){.kind = uses[0]->kind, .name = uses[0]->name};
    for (size_t i = 0; i < n; i++) {
        at->remote |= uses[i]->activity->remote.n > 0;
        rules += uses[i]->activity->a->experience_count;
    }
    if (at->kind == ODD_PAGE)
        at->remote |= !is_expressible(uses, n);
    at->rules = ARENA_ARRAY(o->arena, const struct odd_rule *, rules);
    if (at->rules == NULL) {
        o->nomem = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        at->n = add_rules(uses[at->kind == ODD_MBOX ? i : n - 1 - i], at->rules, at->n);
}

enum err
odd_locations(struct odd *o, struct odd_location **out, size_t *count)
{
    struct odd_location *list;
    struct odd_use **uses;
    size_t n = 0, end;

    for (size_t i = 0; i < o->count; i++)
        n += o->list[i].use_count;
    uses = ARENA_ARRAY(o->arena, struct odd_use *, n);
    list = ARENA_ARRAY(o->arena, struct odd_location, n);
    *count = 0;
    if (n == 0)
        return ERR_OK;
    if (uses == NULL || list == NULL)
        return diag_set(o->d, ERR_LIMIT, "the artifact exceeds its memory");
    n = 0;
    for (size_t i = 0; i < o->count; i++) {
        for (size_t k = 0; k < o->list[i].use_count; k++)
            uses[n++] = &o->list[i].uses[k];
    }
    qsort(uses, n, sizeof(*uses), compare_uses);
    for (size_t i = 0; i < n; i = end) {
        for (end = i + 1; end < n && uses[end]->kind == uses[i]->kind && str_eq(uses[end]->name, uses[i]->name);)
            end++;
        read_location(o, &uses[i], end - i, &list[(*count)++]);
    }
    *out = list;
    return o->nomem ? diag_set(o->d, ERR_LIMIT, "the artifact exceeds its memory") : ERR_OK;
}
