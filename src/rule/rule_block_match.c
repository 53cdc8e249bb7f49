/* rule_block_match.c - predicates of one cell over a column.
 *
 * The set of codes of a predicate is made by asking the reference evaluator for one representative of each code, and
 * kept: only codes that are new in a block are asked. How a set is matched depends on its shape: up to SET_RUNS runs of
 * codes are ranges (a comparison with one constant is one run), anything else is a table. Lists, odd cells and numbers
 * that codes do not decide are then put right one by one. */
#include "rule/rule_block_int.h"

/* ---- sets ---- */

/* The truth of the expression for one value; false: the reference gave up. */
static bool
truth_of(struct rule_block *b, const struct rule_node *expr, struct value x, bool *truth)
{
    const struct rule_env env = {.now_ms = b->now.now_ms};
    struct value out = VALUE_OF_NULL;
    struct diag d;
    bool known;

    if (expr->op == RULE_COMPARE && expr->args[0]->op == RULE_SLOT && expr->args[1]->op == RULE_LITERAL) {
        *truth = value_compare(expr->cmp, x, expr->args[1]->value); /* most of all: without the walk */
        return true;
    }
    known = rule_eval_node(expr, &env, &x, 1, &b->scratch, &out, &d) == ERR_OK;
    *truth = known && value_truth(out);
    arena_reset(&b->scratch);
    return known;
}

static bool
reserve_codes(struct rule_block *b, struct block_test *t, uint32_t count)
{
    size_t cap = t->cap ? t->cap : 256;
    void *p;

    if (count <= t->cap)
        return true;
    while (cap < count)
        cap *= 2;
    p = block_grow(b, t->set, t->cap / 64, cap / 64, sizeof *t->set);
    if (p == NULL)
        return false;
    t->set = p;
    if (t->failed != NULL) {
        p = block_grow(b, t->failed, t->cap / 64, cap / 64, sizeof *t->failed);
        if (p == NULL)
            return false;
        t->failed = p;
    }
    t->cap = cap;
    return true;
}

static void
mark_failed(struct rule_block *b, struct block_test *t, uint32_t code)
{
    if (t->failed == NULL)
        t->failed = block_grow(b, NULL, 0, t->cap / 64, sizeof *t->failed);
    if (t->failed != NULL)
        bit_set(t->failed, code, true);
}

/* First code from `at` on whose bit is `wanted`; `end` when there is none. */
static uint32_t
next_code(const uint64_t *set, uint32_t at, uint32_t end, bool wanted)
{
    while (at < end) {
        uint64_t word = (wanted ? set[at / 64] : ~set[at / 64]) >> (at % 64);
        if (word != 0) {
            at += (uint32_t)__builtin_ctzll(word);
            return at < end ? at : end;
        }
        at = (at / 64 + 1) * 64;
    }
    return end;
}

static void
plan(struct block_test *t, uint32_t count)
{
    uint32_t at = 0;

    t->planned = count;
    t->run_count = 0;
    while (t->run_count <= SET_RUNS) {
        uint32_t first = next_code(t->set, at, count, true);
        if (first == count)
            break;
        at = next_code(t->set, first, count, false);
        if (t->run_count < SET_RUNS) {
            t->runs[t->run_count][0] = first;
            t->runs[t->run_count][1] = at - 1;
        }
        t->run_count++;
    }
    for (uint32_t c = 0; c < 256 && c < t->cap; c++) {
        uint8_t bit = (uint8_t)(1u << (c % 8));
        t->table[c / 8] = c < count && bit_get(t->set, c) ? t->table[c / 8] | bit : t->table[c / 8] & (uint8_t)~bit;
    }
}

/* number cmp constant, the most frequent form: its codes follow from the constant's place. false: another form. */
static bool
set_numbers(struct block_test *t, const struct block_coder_spec *s, const struct rule_node *expr)
{
    size_t lo = 0, hi = s->numbers.n;
    struct value constant;

    if (expr->op != RULE_COMPARE || expr->args[0]->op != RULE_SLOT || expr->args[1]->op != RULE_LITERAL ||
        !value_is_number(expr->args[1]->value))
        return false;
    constant = expr->args[1]->value;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (value_compare(CMP_LT, s->numbers.p[mid], constant))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == s->numbers.n || !value_compare(CMP_EQ, s->numbers.p[lo], constant))
        return false;
    memset(t->set, 0, words_for(s->base) * sizeof *t->set);
    switch (expr->cmp) {
    case CMP_LT:
    case CMP_LE:
        bits_set_range(t->set, 1, 2 * lo + (expr->cmp == CMP_LE ? 3 : 2));
        break;
    case CMP_GT:
    case CMP_GE:
        bits_set_range(t->set, 2 * lo + (expr->cmp == CMP_GE ? 2 : 3), s->base);
        break;
    case CMP_NE:
        bits_set_range(t->set, 1, s->base);
        bit_set(t->set, 2 * lo + 2, false);
        break;
    default:
        bit_set(t->set, 2 * lo + 2, true);
    }
    t->known = s->base;
    return true;
}

static bool
complete(struct rule_block *b, const struct block_op *op, struct block_test *t, uint32_t count)
{
    const struct block_coder_spec *s = &b->p->coders.p[op->coder];
    const struct block_column *col = &b->columns[op->column];
    struct value x;
    bool truth;

    if (!reserve_codes(b, t, count))
        return false;
    if (op->reads_clock && t->now_ms != b->now.now_ms)
        t->known = 0;
    if (t->generation != col->dictionary.generation && t->known > s->base)
        t->known = s->base;
    if (t->known < count)
        t->planned = 0;
    t->now_ms = b->now.now_ms;
    t->generation = col->dictionary.generation;
    if (t->known == 0)
        (void)set_numbers(t, s, op->expr);
    for (; t->known < count; t->known++) {
        truth = false;
        if (t->failed != NULL)
            bit_set(t->failed, t->known, false);
        if (code_representative(s, col, t->known, &x) && !truth_of(b, op->expr, x, &truth))
            mark_failed(b, t, t->known);
        bit_set(t->set, t->known, truth);
    }
    if (t->planned != count)
        plan(t, count);
    return true;
}

/* ---- matching ---- */

static void
match_narrow(const struct rule_block *b, const struct block_test *t, const uint8_t *codes, size_t words, uint64_t *out)
{
    if (t->run_count == 1)
        b->k->range8(out, codes, (uint8_t)t->runs[0][0], (uint8_t)t->runs[0][1], words);
    else
        b->k->set8(out, codes, t->table, words);
}

static void
match_wide(struct rule_block *b, const struct block_test *t, const uint16_t *codes, size_t words, uint64_t *out)
{
    if (t->run_count > SET_RUNS) {
        b->k->set16(out, codes, t->set, words);
        return;
    }
    b->k->range16(out, codes, (uint16_t)t->runs[0][0], (uint16_t)t->runs[0][1], words);
    for (uint32_t i = 1; i < t->run_count; i++) {
        b->k->range16(b->mask, codes, (uint16_t)t->runs[i][0], (uint16_t)t->runs[i][1], words);
        b->k->or_words(out, out, b->mask, words);
    }
}

static uint16_t
code_in(const struct block_codes *c, size_t row)
{
    return c->is_narrow ? c->narrow[row] : c->wide[row];
}

/* ---- what is not one code ---- */

static void
ask(struct rule_block *b, uint32_t id, size_t row, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    struct value v = VALUE_OF_NULL;

    if (!block_reference(b, op->origin, op->slot, op->domain, row, &b->scratch, &v))
        block_undecided(b, id, row);
    bit_set(out, row, value_truth(v));
    arena_reset(&b->scratch);
}

static void
match_list(struct rule_block *b, uint32_t id, const struct block_test *t, size_t row, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct block_column *col = &b->columns[op->column];
    const struct block_codes *c = &b->codes[op->coder];
    size_t from = col->list_ends[row], to = col->list_ends[row + 1];
    bool any = false;

    if (op->lists == LISTS_FILLED) {
        bit_set(out, row, to > from);
        return;
    }
    if ((op->lists != LISTS_LIFT && op->lists != LISTS_ONLY) || op->unsafe_numbers) {
        ask(b, id, row, out);
        return;
    }
    for (size_t e = from; e < to && !any; e++) {
        any = bit_get(t->set, c->listed[e]);
        if (t->failed != NULL && bit_get(t->failed, c->listed[e]))
            block_undecided(b, id, row);
    }
    bit_set(out, row, any);
}

static void
match_special(struct rule_block *b, uint32_t id, const struct block_test *t, size_t n, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct block_column *col = &b->columns[op->column];

    for (size_t w = 0; w < words_for(n); w++) {
        uint64_t lists = col->has_list ? col->list[w] : 0, odd = col->has_odd ? col->odd[w] : 0;
        for (; lists != 0 && b->failed == ERR_OK; lists &= lists - 1)
            match_list(b, id, t, w * 64 + (size_t)__builtin_ctzll(lists), out);
        for (; odd != 0 && b->failed == ERR_OK; odd &= odd - 1) {
            size_t row = w * 64 + (size_t)__builtin_ctzll(odd);
            if (op->lists == LISTS_FILLED)
                bit_set(out, row, true);
            else
                ask(b, id, row, out);
        }
    }
}

/* Numbers one by one, where their codes say nothing. */
static void
match_numbers(struct rule_block *b, uint32_t id, size_t n, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct block_column *col = &b->columns[op->column];
    bool truth;

    if ((col->kinds_seen & (1u << VALUE_INT | 1u << VALUE_DOUBLE)) == 0)
        return;
    for (size_t row = 0; row < n; row++) {
        struct value v = column_scalar(col, row);
        if (!value_is_number(v))
            continue;
        if (!truth_of(b, op->expr, v, &truth))
            block_undecided(b, id, row);
        bit_set(out, row, truth);
    }
}

static void
match_failed(struct rule_block *b, uint32_t id, const struct block_test *t, size_t n)
{
    const struct block_codes *c = &b->codes[b->p->ops.p[id].coder];

    for (size_t row = 0; row < n; row++) {
        if (bit_get(t->failed, code_in(c, row)))
            block_undecided(b, id, row);
    }
}

void
block_run_test(struct rule_block *b, uint32_t id, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct block_column *col = &b->columns[op->column];
    const struct block_codes *c = &b->codes[op->coder];
    struct block_test *t = &b->tests[op->item];
    size_t n = block_count(b, op->domain), words = block_words(n);

    if (n == 0 || !complete(b, op, t, c->count))
        return;
    if (t->run_count == 0 || op->lists == LISTS_ONLY)
        memset(out, 0, words * sizeof *out);
    else if (c->is_narrow)
        match_narrow(b, t, c->narrow, words, out);
    else
        match_wide(b, t, c->wide, words, out);
    if (op->unsafe_numbers && op->lists != LISTS_ONLY)
        match_numbers(b, id, n, out);
    if (t->failed != NULL)
        match_failed(b, id, t, n);
    if (col->has_list || col->has_odd)
        match_special(b, id, t, n, out);
}

/* ---- instants ---- */

void
block_run_time(struct rule_block *b, uint32_t id, uint64_t *out)
{
    const struct block_op *op = &b->p->ops.p[id];
    const struct block_column *col = &b->columns[op->column];
    size_t n = block_count(b, op->domain), words = block_words(n);
    int64_t lo, hi;

    if (n == 0)
        return;
    block_span(b, &op->span, &lo, &hi);
    b->k->range64(out, col->times, lo, hi, words);
    if (op->negated) {
        b->k->not_words(b->mask, out, words);
        b->k->range64(out, col->times, INT64_MIN + 1, INT64_MAX, words);
        b->k->and_words(out, out, b->mask, words);
    }
    for (size_t w = 0; w < words_for(n) && op->lists == LISTS_ODD && (col->has_list || col->has_odd); w++) {
        uint64_t ask_for = col->list[w] | col->odd[w];
        for (; ask_for != 0 && b->failed == ERR_OK; ask_for &= ask_for - 1)
            ask(b, id, w * 64 + (size_t)__builtin_ctzll(ask_for), out);
    }
}
