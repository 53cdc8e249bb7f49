/* rule_block_event.c - from events to profiles: exists, count, sums, picks, sequences.
 *
 * The events of a profile are a run of rows of the event table, so a set of events is walked word by word and, within a
 * word, profile by profile: profiles without an event in the set cost nothing. */
#include "rule/rule_block_int.h"

#include "rule/rule_chain_pass.h"

void
block_spread(struct rule_block *b, const uint64_t *profiles, uint64_t *out)
{
    memset(out, 0, block_words(b->events) * sizeof *out);
    for (size_t w = 0; w < words_for(b->rows); w++) {
        for (uint64_t bits = profiles[w]; bits != 0; bits &= bits - 1) {
            size_t row = w * 64 + (size_t)__builtin_ctzll(bits);
            bits_set_range(out, b->event_ends[row], b->event_ends[row + 1]);
        }
    }
}

/* A part of a word that belongs to one profile. */
struct stretch {
    const struct rule_block *b;
    const uint64_t *events;
    size_t word, words;
    uint64_t left; /* bits of the word not yet given out */
    size_t row;
    uint64_t bits;
};

static struct stretch
stretches(const struct rule_block *b, const uint64_t *events)
{
    size_t words = words_for(b->events);

    return (struct stretch){.b = b, .events = events, .words = words, .left = words > 0 ? events[0] : 0};
}

static bool
stretch_next(struct stretch *s)
{
    size_t first, end;

    while (s->left == 0) {
        if (s->word + 1 >= s->words)
            return false;
        s->left = s->events[++s->word];
    }
    first = s->word * 64 + (size_t)__builtin_ctzll(s->left);
    s->row = s->b->event_profile[first];
    end = s->b->event_ends[s->row + 1];
    s->bits = s->left;
    if (end < s->word * 64 + 64)
        s->bits &= (UINT64_C(1) << (end % 64)) - 1;
    s->left &= ~s->bits;
    return true;
}

void
block_exists(struct rule_block *b, const uint64_t *events, uint64_t *out)
{
    struct stretch s = stretches(b, events);

    memset(out, 0, block_words(b->rows) * sizeof *out);
    while (stretch_next(&s))
        bit_set(out, s.row, true);
}

void
block_run_count(struct rule_block *b, const struct block_op *op)
{
    int64_t *counts = b->counts + op->item * b->profile_words * 64;
    struct stretch s = stretches(b, b->bits[op->args[0]]);

    memset(counts, 0, block_words(b->rows) * 64 * sizeof *counts);
    while (stretch_next(&s))
        counts[s.row] += __builtin_popcountll(s.bits);
}

/* ---- folds ---- */

static void
take(struct rule_block *b, const struct block_op *op, size_t event, struct eval_fold *f)
{
    const struct block_value *body = &b->p->values.p[op->left];
    const struct block_column *col = body->kind == BLOCK_COLUMN ? &b->columns[body->column] : NULL;
    struct value_iter it;
    struct value v;

    if (col != NULL && col->spec->domain == ON_EVENTS && column_kind(col, event) == VALUE_LIST) {
        for (size_t e = col->list_ends[event]; e < col->list_ends[event + 1]; e++)
            eval_fold_take(f, column_listed(col, e));
        return;
    }
    v = block_value_at(b, op->left, ON_EVENTS, event);
    if (v.kind != VALUE_LIST) {
        eval_fold_take(f, v);
        return;
    }
    it = value_iter(v);
    while (value_next(&it))
        eval_fold_take(f, it.value);
}

/* The column of doubles that is summed; NULL: something else is asked for. */
static const struct block_column *
summed_doubles(const struct rule_block *b, const struct block_op *op)
{
    const struct block_value *body = &b->p->values.p[op->left];
    const struct block_column *col = body->kind == BLOCK_COLUMN ? &b->columns[body->column] : NULL;

    if (op->fn != FN_SUM || b->reordered || col == NULL || col->spec->domain != ON_EVENTS || col->has_list ||
        col->has_odd || col->kinds_seen != 1u << VALUE_DOUBLE)
        return NULL;
    return col;
}

/* The same additions as below, without a value for each of them. */
static void
sum_doubles(const struct rule_block *b, const struct block_column *col, const uint64_t *events, struct value *out)
{
    struct stretch s = stretches(b, events);

    while (stretch_next(&s)) {
        uint64_t bits = s.bits & col->present[s.word];
        double sum = out[s.row].kind == VALUE_DOUBLE ? out[s.row].f : 0, x;
        if (bits == 0)
            continue;
        for (; bits != 0; bits &= bits - 1) {
            memcpy(&x, &col->cells[s.word * 64 + (size_t)__builtin_ctzll(bits)], sizeof x);
            sum += x;
        }
        out[s.row] = value_double(sum);
    }
}

/* In the order in which the events were given, as the reference adds. */
void
block_run_fold(struct rule_block *b, const struct block_op *op)
{
    const uint64_t *events = b->bits[op->args[0]];
    struct value *out = b->folds + op->item * b->rows_max;
    const struct eval_fold none = {.fn = op->fn};
    const struct value nothing = eval_fold_result(&none);
    const struct block_column *doubles = summed_doubles(b, op);

    if (doubles != NULL) {
        for (size_t row = 0; row < b->rows; row++)
            out[row] = nothing;
        sum_doubles(b, doubles, events, out);
        return;
    }
    block_exists(b, events, b->mask);
    for (size_t row = 0; row < b->rows && b->failed == ERR_OK; row++) {
        struct eval_fold f = none;
        out[row] = nothing;
        if (!bit_get(b->mask, row))
            continue;
        for (size_t i = b->event_ends[row]; i < b->event_ends[row + 1]; i++) {
            size_t e = b->given[i];
            if (bit_get(events, e))
                take(b, op, e, &f);
        }
        out[row] = eval_fold_result(&f);
        arena_reset(&b->scratch);
    }
}

/* ---- one event of each profile ---- */

struct sort_key {
    enum eval_rank rank;
    struct value v;
};

static struct sort_key
key_of(struct rule_block *b, size_t event)
{
    const struct block_column *col = &b->columns[b->p->timestamp];
    enum value_kind kind = column_kind(col, event);
    struct sort_key k = {.v = VALUE_OF_NULL};

    if (col->times[event] != TIME_NONE && (kind == VALUE_STRING || kind == VALUE_TIME)) {
        k.v = (struct value){.kind = VALUE_TIME, .i = col->times[event]};
        k.rank = RANK_TIME;
        return k;
    }
    if (kind == VALUE_INT || kind == VALUE_DOUBLE)
        k.v = column_scalar(col, event);
    else if ((kind == VALUE_STRING || kind == VALUE_MAP) && b->documents)
        (void)block_reference(b, col->spec->expr, 0, ON_EVENTS, event, &b->scratch, &k.v);
    else if (kind == VALUE_STRING)
        k.v = column_scalar(col, event);
    k.rank = eval_rank_of(&k.v);
    return k;
}

/* As by_key in rule_eval_list.c orders them: no sort value last in either direction. */
static bool
comes_before(const struct sort_key *x, const struct sort_key *y, bool descending)
{
    int c = (x->rank > y->rank) - (x->rank < y->rank);

    if (x->rank == RANK_NONE || y->rank == RANK_NONE)
        return x->rank != RANK_NONE && y->rank == RANK_NONE;
    if (c == 0)
        c = value_compare(CMP_GT, x->v, y->v) - value_compare(CMP_LT, x->v, y->v);
    return descending ? c > 0 : c < 0;
}

static uint32_t
pick(struct rule_block *b, const struct block_op *op, const uint64_t *events, size_t row)
{
    struct sort_key best = {0}, key;
    uint32_t found = NO_ID;

    for (size_t i = b->event_ends[row]; i < b->event_ends[row + 1]; i++) {
        uint32_t e = b->given[i];
        if (!bit_get(events, e))
            continue;
        if (op->fn == FN_HEAD)
            return e;
        key = key_of(b, e);
        if (found == NO_ID || comes_before(&key, &best, op->fn == FN_TOP_N)) {
            best = key;
            found = e;
        }
    }
    return found;
}

void
block_run_pick(struct rule_block *b, const struct block_op *op)
{
    const uint64_t *events = b->bits[op->args[0]];
    uint32_t *out = b->picks + op->item * b->rows_max;

    for (size_t row = 0; row < b->rows && b->failed == ERR_OK; row++) {
        out[row] = pick(b, op, events, row);
        arena_reset(&b->scratch);
    }
}

/* ---- sequences ---- */

#define PAIR_MAX 64 /* events: with more, the pass, whose cost does not grow with their square */

/* Two positive elements of one event each, the most frequent sequence: for each first event, the first second event
 * that the gap lets in. */
static bool
chain_pair(const struct chain_step steps[2], const int64_t *times, size_t n)
{
    for (size_t e = 0; e < n; e++) {
        int64_t lo, hi;
        if (!steps[0].sat[e])
            continue;
        chain_gap_range(steps[1].spec, times[e], &lo, &hi);
        for (size_t next = e + 1; next < n && times[next] <= hi; next++) {
            if (steps[1].sat[next] && times[next] > times[e] && times[next] >= lo)
                return true;
        }
    }
    return false;
}

static bool
is_pair(const struct chain_step *steps, size_t count)
{
    return count == 2 && !steps[0].negated && !steps[1].negated && steps[0].need == 1 && steps[1].need == 1;
}

/* Instants lie within some 10,000 years of 1970 (3e14 ms), so neither of these is reached by a difference of two. */
#define NEVER (INT64_MIN / 2)
#define ANY_GAP (INT64_MAX / 4)

/* The sequence is a pair, and its second event at most *within ms after the first. false: the gap has a lower end, or
 * is of months, whose length depends on the first event. */
static bool
pair_within(const struct rule_node *n, int64_t *within)
{
    const struct rule_element *el;

    for (size_t k = 1; k < n->arg_count; k++) {
        if (n->arg_count != 3 || n->args[k]->negated || chain_group_size(n->args[k]->element) != 1)
            return false;
    }
    el = n->args[n->arg_count - 1]->element;
    *within = ANY_GAP;
    for (size_t i = 0; i < el->gap_count; i++) {
        int64_t span = rule_time_shift(0, el->gaps[i].amount, el->gaps[i].unit);
        bool upper = el->gaps[i].cmp == CMP_LE || el->gaps[i].cmp == CMP_LT;
        if (!upper || el->gaps[i].unit >= UNIT_MONTH || span <= NEVER || span >= ANY_GAP)
            return false;
        span -= el->gaps[i].cmp == CMP_LT;
        *within = span < *within ? span : *within;
    }
    return n->arg_count == 3;
}

/* For each second event the latest first one before it decides. One walk over the events of both kinds, without a
 * branch on which kind it is: the processor could not foretell it. */
static void
run_pairs(const struct rule_block *b, const struct block_op *op, int64_t within, uint64_t *out)
{
    const uint64_t *first = b->bits[op->args[1]], *second = b->bits[op->args[2]];
    const int64_t *times = b->columns[b->p->timestamp].times;
    int64_t last = NEVER, before = NEVER; /* first events: the latest, and the latest at an earlier instant */
    size_t row = 0, end = 0;

    memset(out, 0, block_words(b->rows) * sizeof *out);
    for (size_t w = 0; w < words_for(b->events); w++) {
        for (uint64_t bits = first[w] | second[w]; bits != 0; bits &= bits - 1) {
            unsigned i = (unsigned)__builtin_ctzll(bits);
            size_t e = w * 64 + i;
            int64_t t = times[e], prev;
            bool newer;
            if (e >= end) {
                row = b->event_profile[e];
                end = b->event_ends[row + 1];
                last = before = NEVER;
            }
            prev = last < t ? last : before;
            out[row / 64] |= (second[w] >> i & (t - prev <= within)) << (row % 64);
            newer = (first[w] >> i & (t > last)) != 0;
            before = newer ? last : before;
            last = newer ? t : last;
        }
    }
}

/* The events of a profile that satisfy some element; the others do not matter to a sequence. */
static size_t
chain_events(const struct rule_block *b, const struct block_op *op, size_t row, int64_t *times, unsigned char *sat,
             size_t room)
{
    const int64_t *all = b->columns[b->p->timestamp].times;
    size_t kept = 0;

    for (size_t e = b->event_ends[row]; e < b->event_ends[row + 1]; e++) {
        bool any = false;
        for (uint32_t k = 1; k < op->arg_count; k++) {
            bool holds = bit_get(b->bits[op->args[k]], e);
            sat[(k - 1) * room + kept] = holds;
            any = any || holds;
        }
        times[kept] = all[e];
        kept += any;
    }
    return kept;
}

static void
chain_row(struct rule_block *b, uint32_t id, size_t row, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct rule_node *n = op->expr;
    size_t room = b->event_ends[row + 1] - b->event_ends[row] + 1, count = n->arg_count - 1, kept = 0;
    struct eval ev = {.a = &b->scratch, .steps_left = LIMIT_RULE_STEPS};
    struct chain_step *steps = ARENA_ARRAY(ev.a, struct chain_step, count);
    int64_t *times = arena_alloc(ev.a, room * sizeof *times);
    unsigned char *sat = arena_alloc(ev.a, count * room);
    bool truth = false;

    ev.stop = steps == NULL || times == NULL || sat == NULL;
    if (!ev.stop)
        kept = chain_events(b, op, row, times, sat, room);
    for (size_t k = 0; k < count && !ev.stop; k++)
        steps[k] = (struct chain_step){n->args[k + 1]->element, n->args[k + 1]->negated,
                                       chain_group_size(n->args[k + 1]->element), sat + k * room};
    if (!ev.stop && count == 1)
        truth = chain_count_holds(steps[0].spec, kept);
    else if (!ev.stop && kept <= PAIR_MAX && is_pair(steps, count))
        truth = chain_pair(steps, times, kept);
    else if (!ev.stop && kept > 0)
        truth = chain_pass(&ev, times, kept, steps, count);
    if (ev.stop)
        block_undecided(b, id, row);
    bit_set(out, row, truth && !ev.stop);
    arena_reset(&b->scratch);
}

/* Only profiles with an event for every positive element of a longer sequence are looked at. */
void
block_run_chain(struct rule_block *b, uint32_t id, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    size_t words = block_words(b->rows);
    int64_t within;

    if (pair_within(op->expr, &within)) {
        run_pairs(b, op, within, out);
        return;
    }
    block_exists(b, b->bits[op->args[0]], out);
    for (uint32_t k = 1; k < op->arg_count && op->arg_count > 2; k++) {
        if (op->expr->args[k]->negated)
            continue;
        block_exists(b, b->bits[op->args[k]], b->mask);
        b->k->and_words(out, out, b->mask, words);
    }
    for (size_t w = 0; w < words_for(b->rows); w++) {
        for (uint64_t bits = out[w]; bits != 0; bits &= bits - 1)
            chain_row(b, id, w * 64 + (size_t)__builtin_ctzll(bits), out);
    }
}
