/* rule_block_run.c - one run: every live operation once, in order.
 *
 * What is left to the reference evaluator is not evaluated in its turn but on demand: a conjunction asks only for rows
 * that its other operands leave open, a disjunction for those they do not settle, anything else for all. `known` keeps
 * what was asked before, so nothing is asked twice.
 *
 * Profiles that break the contract of the data (events that are no objects) are evaluated by the reference as a whole,
 * at the end. */
#include "rule/rule_block_int.h"

#include "base/check.h"

static void demand(struct rule_block *b, uint32_t id, const uint64_t *rows);

/* ---- the reference ---- */

struct member {
    struct rule_block *b;
    size_t row;
};

static bool
in_segment(void *ctx, struct str id)
{
    const struct member *m = ctx;
    struct rule_block *b = m->b;
    const struct str *known = map_get(&b->p->by_id, id);
    struct rule_node literal = {.op = RULE_LITERAL, .value = {.kind = VALUE_STRING, .s = id}};
    struct rule_node *args[1] = {&literal};
    const struct rule_node call = {.op = RULE_CALL, .fn = FN_IN_SEGMENT, .args = args, .arg_count = 1};
    const struct rule_env env = {.now_ms = b->now.now_ms, .profile = b->documents ? b->profiles[m->row] : NULL};
    struct value out = VALUE_OF_NULL;
    struct arena a;
    struct diag d;

    if (known != NULL)
        return bit_get(rule_block_members(b, (size_t)(known - b->p->ids)), m->row);
    if (b->now.in_segment != NULL)
        return b->now.in_segment(b->now.ctx, m->row, id);
    arena_init(&a, LIMIT_RULE_SCRATCH_BYTES); /* the stored memberships, read as the reference reads them */
    (void)rule_eval_node(&call, &env, NULL, 0, &a, &out, &d); /* out stays null when it fails */
    arena_deinit(&a);
    return value_truth(out);
}

bool
block_reference(struct rule_block *b, const struct rule_node *n, uint16_t slot, enum block_domain domain, size_t row,
                struct arena *a, struct value *out)
{
    size_t profile = domain == ON_EVENTS ? b->event_profile[row] : row, first;
    struct member m = {b, profile};
    struct rule_env env = {.now_ms = b->now.now_ms, .in_segment = in_segment, .ctx = &m};
    struct diag d = DIAG_INIT;
    bool nomem = false, known;

    if (!b->documents) {
        b->failed = ERR_UNSUPPORTED;
        return true;
    }
    first = b->event_ends[profile];
    env.profile = b->profiles[profile];
    env.events = b->given_docs + first;
    env.event_count = b->event_ends[profile + 1] - first;
    if (domain == ON_EVENTS)
        b->slots[slot] = value_of_json(b->event_docs[row], a, &nomem);
    known = rule_eval_node(n, &env, b->slots, domain == ON_EVENTS ? slot + 1u : 0, a, out, &d) == ERR_OK;
    b->slots[slot] = VALUE_OF_NULL;
    return known && !nomem;
}

void
block_undecided(struct rule_block *b, uint32_t id, size_t row)
{
    if (b->undecided[id] == NULL)
        b->undecided[id] = calloc(block_words(block_count(b, b->p->ops.p[id].domain)) + 1, sizeof **b->undecided);
    if (b->undecided[id] == NULL) {
        b->failed = ERR_NOMEM;
        return;
    }
    bit_set(b->undecided[id], row, true);
    b->has_undecided = true;
}

/* ---- values ---- */

static struct value
clock_at(const struct rule_block *b, enum rule_op word)
{
    int64_t days = word == RULE_YESTERDAY ? -1 : word == RULE_TOMORROW ? 1 : 0;

    if (word == RULE_NOW)
        return (struct value){.kind = VALUE_TIME, .i = b->now.now_ms};
    return (struct value){.kind = VALUE_TIME,
                          .date_only = true,
                          .i = rule_time_shift(rule_unit_start(b->now.now_ms, UNIT_DAY), days, UNIT_DAY)};
}

static struct value
cell_at(struct rule_block *b, const struct block_column *col, size_t row)
{
    enum value_kind kind = column_kind(col, row);
    struct value v = VALUE_OF_NULL;

    if (kind != VALUE_LIST && kind != VALUE_MAP)
        return column_scalar(col, row);
    (void)block_reference(b, col->spec->expr, 0, col->spec->domain, row, &b->scratch, &v); /* a path does not fail */
    return v;
}

struct value
block_value_at(struct rule_block *b, uint32_t id, enum block_domain domain, size_t row)
{
    const struct block_value *v = &b->p->values.p[id];
    const struct block_op *op =
        v->kind == BLOCK_COUNT || v->kind == BLOCK_FOLD || v->kind == BLOCK_PICKED ? &b->p->ops.p[v->op] : NULL;
    size_t profile = domain == ON_EVENTS ? b->event_profile[row] : row;
    struct value left;
    uint32_t event;

    switch (v->kind) {
    case BLOCK_LITERAL:
        return v->literal;
    case BLOCK_CLOCK:
        return clock_at(b, v->clock);
    case BLOCK_COLUMN:
        return cell_at(b, &b->columns[v->column], v->domain == ON_EVENTS ? row : profile);
    case BLOCK_COUNT:
        return value_int(b->counts[op->item * b->profile_words * 64 + profile]);
    case BLOCK_FOLD:
        return b->folds[op->item * b->rows_max + profile];
    case BLOCK_PICKED:
        event = b->picks[op->item * b->rows_max + profile];
        return event == NO_ID ? VALUE_OF_NULL : cell_at(b, &b->columns[v->column], event);
    default:
        left = block_value_at(b, v->left, domain, row);
        if (v->right == NO_ID)
            return eval_negated(left);
        return eval_arith_of(v->arith, left, block_value_at(b, v->right, domain, row));
    }
}

/* ---- operations ---- */

static size_t
words_of(const struct rule_block *b, enum block_domain domain)
{
    return block_words(block_count(b, domain));
}

/* Nothing is set behind the last row. */
static void
mask_tail(const struct rule_block *b, enum block_domain domain, uint64_t *out)
{
    size_t n = block_count(b, domain), words = block_words(n), at = n / 64;

    if (n % 64 != 0)
        out[at++] &= ((uint64_t)1 << (n % 64)) - 1;
    for (; at < words; at++)
        out[at] = 0;
}

void
block_span(const struct rule_block *b, const struct time_span *span, int64_t *lo, int64_t *hi)
{
    *lo = time_fn_at(&span->lo, b->now.now_ms);
    *hi = time_fn_at(&span->hi, b->now.now_ms);
    *lo = *lo == TIME_NONE ? TIME_NONE + 1 : *lo;
}

static void
demand_all(struct rule_block *b, uint32_t id)
{
    const struct block_op *op = &b->p->ops.p[id];
    size_t words = words_of(b, op->domain);

    if (op->kind != OP_ROW || words == 0)
        return;
    memset(b->mask, 0xFF, words * sizeof *b->mask);
    mask_tail(b, op->domain, b->mask);
    demand(b, id, b->mask);
}

/* rows may be changed by what is demanded in turn, when it is b->mask: operands first. */
static void
demand(struct rule_block *b, uint32_t id, const uint64_t *rows)
{
    const struct block_op *op = &b->p->ops.p[id];
    uint64_t *known = b->known[op->item], *out = b->bits[id];

    for (size_t w = 0; w < words_of(b, op->domain); w++) {
        for (uint64_t bits = rows[w] & ~known[w]; bits != 0 && b->failed == ERR_OK; bits &= bits - 1) {
            size_t row = w * 64 + (size_t)__builtin_ctzll(bits);
            struct value v = VALUE_OF_NULL;
            if (!block_reference(b, op->expr, op->slot, op->domain, row, &b->scratch, &v)) {
                block_undecided(b, id, row);
                v = VALUE_OF_NULL;
            }
            bit_set(out, row, value_truth(v));
            arena_reset(&b->scratch);
        }
        known[w] |= rows[w];
    }
}

static bool
is_lazy(const struct rule_block *b, uint32_t id)
{
    return b->p->row_ops > 0 && b->p->ops.p[id].kind == OP_ROW; /* the operation itself is seldom in the cache */
}

/* The operands that are there already; false: there are none. */
static bool
run_plain(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    size_t words = words_of(b, op->domain);
    const uint64_t *so_far = NULL;

    CHECK(out != NULL); /* every live operation was dealt its words */
    for (uint32_t i = 0; i < op->arg_count; i++) {
        const uint64_t *arg = b->bits[op->args[i]];
        if (is_lazy(b, op->args[i]))
            continue;
        if (so_far == NULL) {
            so_far = arg;
            continue;
        }
        if (op->kind == OP_AND)
            b->k->and_words(out, so_far, arg, words);
        else
            b->k->or_words(out, so_far, arg, words);
        so_far = out;
    }
    if (so_far != NULL && so_far != out)
        memcpy(out, so_far, words * sizeof *out);
    return so_far != NULL;
}

static void
run_junction(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    size_t words = words_of(b, op->domain);
    bool conjunction = op->kind == OP_AND, first = !run_plain(b, op, out);

    if (b->p->row_ops == 0)
        return;
    for (uint32_t i = 0; i < op->arg_count; i++) {
        if (!is_lazy(b, op->args[i]))
            continue;
        if (first) {
            demand_all(b, op->args[i]);
            memcpy(out, b->bits[op->args[i]], words * sizeof *out);
        } else if (conjunction) {
            demand(b, op->args[i], out);
            b->k->and_words(out, out, b->bits[op->args[i]], words);
        } else {
            b->k->not_words(b->mask, out, words);
            mask_tail(b, op->domain, b->mask);
            demand(b, op->args[i], b->mask);
            b->k->or_words(out, out, b->bits[op->args[i]], words);
        }
        first = false;
    }
}

/* The integers for which `x cmp n` holds, or whose complement it is. */
static bool
range_of(enum value_cmp cmp, int64_t n, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN;
    *hi = INT64_MAX;
    switch (cmp) {
    case CMP_LT:
        if (n == INT64_MIN)
            *lo = INT64_MAX;
        *hi = n == INT64_MIN ? INT64_MIN : n - 1;
        return true;
    case CMP_LE:
        *hi = n;
        return true;
    case CMP_GT:
        if (n == INT64_MAX)
            *hi = INT64_MIN;
        *lo = n == INT64_MAX ? INT64_MAX : n + 1;
        return true;
    case CMP_GE:
        *lo = n;
        return true;
    default:
        *lo = *hi = n;
        return cmp == CMP_EQ;
    }
}

/* count cmp constant. */
static bool
run_compare_count(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    static const enum value_cmp mirrored[] = {[CMP_EQ] = CMP_EQ, [CMP_NE] = CMP_NE, [CMP_LT] = CMP_GT,
                                              [CMP_LE] = CMP_GE, [CMP_GT] = CMP_LT, [CMP_GE] = CMP_LE};
    const struct block_value *count = &b->p->values.p[op->left], *n = &b->p->values.p[op->right];
    bool swapped = count->kind == BLOCK_LITERAL;
    size_t words = block_words(b->rows);
    int64_t lo, hi;

    if (swapped) {
        const struct block_value *t = count;
        count = n;
        n = t;
    }
    if (op->domain != ON_PROFILES || count->kind != BLOCK_COUNT || n->kind != BLOCK_LITERAL ||
        n->literal.kind != VALUE_INT)
        return false;
    if (range_of(swapped ? mirrored[op->cmp] : op->cmp, n->literal.i, &lo, &hi)) {
        b->k->range64(out, b->counts + b->p->ops.p[count->op].item * b->profile_words * 64, lo, hi, words);
    } else {
        b->k->range64(out, b->counts + b->p->ops.p[count->op].item * b->profile_words * 64, lo, hi, words);
        b->k->not_words(out, out, words);
    }
    mask_tail(b, ON_PROFILES, out);
    return true;
}

static void
put_row(uint64_t *out, size_t row, bool truth)
{
    out[row / 64] |= (uint64_t)truth << (row % 64);
}

static bool
holds_ints(enum value_cmp cmp, int64_t a, int64_t b)
{
    switch (cmp) {
    case CMP_EQ:
        return a == b;
    case CMP_NE:
        return a != b;
    case CMP_LT:
        return a < b;
    case CMP_LE:
        return a <= b;
    case CMP_GT:
        return a > b;
    default:
        return a >= b;
    }
}

/* Two columns of integers of one domain. */
static bool
run_compare_ints(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    const struct block_value *l = &b->p->values.p[op->left], *r = &b->p->values.p[op->right];
    const struct block_column *x, *y;
    size_t n = block_count(b, op->domain);

    if (l->kind != BLOCK_COLUMN || r->kind != BLOCK_COLUMN || l->domain != op->domain || r->domain != op->domain)
        return false;
    x = &b->columns[l->column];
    y = &b->columns[r->column];
    if (x->kinds_seen != 1u << VALUE_INT || y->kinds_seen != 1u << VALUE_INT || x->has_list || x->has_odd ||
        y->has_list || y->has_odd)
        return false;
    for (size_t row = 0; row < n; row++)
        put_row(out, row, holds_ints(op->cmp, x->cells[row], y->cells[row]));
    for (size_t w = 0; w < words_for(n); w++)
        out[w] &= x->present[w] & y->present[w];
    return true;
}

static void
run_compare(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    size_t n = block_count(b, op->domain);

    if (run_compare_count(b, op, out))
        return;
    memset(out, 0, block_words(n) * sizeof *out);
    if (run_compare_ints(b, op, out))
        return;
    for (size_t row = 0; row < n && b->failed == ERR_OK; row++) {
        struct value x = block_value_at(b, op->left, op->domain, row), y;
        if (x.kind == VALUE_NULL)
            continue;
        y = block_value_at(b, op->right, op->domain, row);
        put_row(out, row, value_compare(op->cmp, x, y));
        if (x.kind >= VALUE_LIST || y.kind >= VALUE_LIST)
            arena_reset(&b->scratch);
    }
    arena_reset(&b->scratch);
}

static void
run_valued(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    size_t n = block_count(b, op->domain);
    int64_t lo = 0, hi = 0;

    if (op->kind == OP_WHEN)
        block_span(b, &op->span, &lo, &hi);
    memset(out, 0, block_words(n) * sizeof *out);
    for (size_t row = 0; row < n && b->failed == ERR_OK; row++) {
        struct value v = block_value_at(b, op->left, op->domain, row);
        if (op->kind == OP_NULL) {
            put_row(out, row, (v.kind == VALUE_NULL) != op->negated);
            continue;
        }
        v = value_as_time(v);
        put_row(out, row, v.kind == VALUE_TIME && (lo <= v.i && v.i <= hi) != op->negated);
    }
    arena_reset(&b->scratch);
}

static void
run_member(struct rule_block *b, const struct block_op *op, uint64_t *out)
{
    memset(out, 0, block_words(b->rows) * sizeof *out);
    for (size_t row = 0; row < b->rows && b->failed == ERR_OK; row++) {
        struct value v = VALUE_OF_NULL;
        if (b->now.in_segment != NULL)
            v = value_bool(b->now.in_segment(b->now.ctx, row, op->text));
        else
            (void)block_reference(b, op->expr, 0, ON_PROFILES, row, &b->scratch, &v);
        put_row(out, row, value_truth(v));
        arena_reset(&b->scratch);
    }
}

static void
run_op(struct rule_block *b, uint32_t id)
{
    const struct block_op *op = &b->p->ops.p[id];
    uint64_t *out = b->bits[id];
    size_t words = words_of(b, op->domain);

    for (uint32_t i = 0; i < op->arg_count && b->p->row_ops > 0 && op->kind != OP_AND && op->kind != OP_OR; i++)
        demand_all(b, op->args[i]);
    if (words == 0 && op->domain == ON_EVENTS)
        return;
    switch (op->kind) {
    case OP_CONST:
        memset(out, op->negated ? 0xFF : 0, words * sizeof *out);
        break;
    case OP_AND:
    case OP_OR:
        run_junction(b, op, out);
        return;
    case OP_NOT:
        b->k->not_words(out, b->bits[op->args[0]], words);
        break;
    case OP_PRESENT:
        memcpy(out, b->columns[op->column].present, words * sizeof *out);
        if (op->negated)
            b->k->not_words(out, out, words);
        break;
    case OP_TEST:
        block_run_test(b, id, out);
        break;
    case OP_TIME:
        block_run_time(b, id, out);
        break;
    case OP_COMPARE:
        run_compare(b, op, out);
        return;
    case OP_WHEN:
    case OP_NULL:
        run_valued(b, op, out);
        return;
    case OP_MEMBER:
        run_member(b, op, out);
        return;
    case OP_ROW:
        memset(b->known[op->item], 0, words * sizeof *out);
        memset(out, 0, words * sizeof *out);
        return;
    case OP_SPREAD:
        block_spread(b, b->bits[op->args[0]], out);
        return;
    case OP_EXISTS:
        block_exists(b, b->bits[op->args[0]], out);
        return;
    case OP_CHAIN:
        block_run_chain(b, id, out);
        return;
    case OP_COUNT:
        block_run_count(b, op);
        return;
    case OP_FOLD:
        block_run_fold(b, op);
        return;
    case OP_PICK:
        block_run_pick(b, op);
        return;
    }
    mask_tail(b, op->domain, out);
}

/* ---- undecided ---- */

static void
spread_undecided(struct rule_block *b, uint32_t id, uint32_t arg)
{
    const struct block_op *op = &b->p->ops.p[id], *from = &b->p->ops.p[arg];
    size_t n = block_count(b, from->domain);

    for (size_t row = 0; row < n; row++) {
        if (!bit_get(b->undecided[arg], row))
            continue;
        if (op->domain == from->domain) {
            block_undecided(b, id, row);
        } else if (op->domain == ON_PROFILES) {
            block_undecided(b, id, b->event_profile[row]);
        } else {
            for (size_t e = b->event_ends[row]; e < b->event_ends[row + 1]; e++)
                block_undecided(b, id, e);
        }
    }
}

/* What stands on something undecided is undecided, even where another operand would settle it. */
static void
settle_undecided(struct rule_block *b)
{
    for (size_t i = 0; i < b->p->live_count; i++) {
        uint32_t id = b->p->live[i];
        const struct block_op *op = &b->p->ops.p[id];
        for (uint32_t k = 0; k < op->arg_count; k++) {
            if (b->undecided[op->args[k]] != NULL)
                spread_undecided(b, id, op->args[k]);
        }
    }
    for (size_t i = 0; i < b->p->audience_count; i++) {
        const uint64_t *undecided = b->undecided[b->p->roots[i]];
        uint64_t *members = (uint64_t *)(uintptr_t)rule_block_members(b, i);
        for (size_t w = 0; w < words_for(b->rows) && undecided != NULL; w++)
            members[w] &= ~undecided[w];
    }
}

/* ---- the run ---- */

/* The words of known rows, dealt to the operations that have some. */
static void
deal_known(struct rule_block *b)
{
    uint64_t *profiles = b->known_profiles, *events = b->known_events;

    for (size_t i = 0; i < b->p->live_count; i++) {
        const struct block_op *op = &b->p->ops.p[b->p->live[i]];
        if (op->kind != OP_ROW)
            continue;
        b->known[op->item] = op->domain == ON_PROFILES ? profiles : events;
        if (op->domain == ON_PROFILES)
            profiles += b->profile_words;
        else
            events += b->event_words_cap;
    }
}

static bool
seal(struct rule_block *b)
{
    if (!block_reserve_events(b))
        return false;
    deal_known(b);
    for (uint32_t i = 0; i < b->p->coders.n && !b->sealed; i++)
        codes_make(b, i);
    b->sealed = b->failed == ERR_OK;
    return b->sealed;
}

/* Each audience has words of its own then: equal operations may differ for data that breaks the contract. */
static void
run_strange(struct rule_block *b)
{
    size_t words = b->profile_words;

    if (b->own_bits == NULL)
        b->own_bits = block_grow(b, NULL, 0, b->p->audience_count * words, sizeof *b->own_bits);
    if (b->own_bits == NULL)
        return;
    for (size_t i = 0; i < b->p->audience_count; i++)
        memcpy(b->own_bits + i * words, b->bits[b->p->roots[i]], block_words(b->rows) * sizeof *b->own_bits);
    b->use_own = true;
    for (size_t row = 0; row < b->rows; row++) {
        if (!bit_get(b->strange, row))
            continue;
        for (size_t i = 0; i < b->p->audience_count; i++) {
            uint32_t at = b->p->order[i];
            struct value v = VALUE_OF_NULL;
            if (!block_reference(b, b->p->rules[at], 0, ON_PROFILES, row, &b->scratch, &v)) {
                block_undecided(b, b->p->roots[at], row);
                v = VALUE_OF_NULL;
            }
            bit_set(b->own_bits + at * words, row, value_truth(v));
            arena_reset(&b->scratch);
        }
    }
}

enum err
rule_block_run(struct rule_block *b, const struct rule_block_now *now, struct diag *d)
{
    if (b->p->row_ops > 0 && !b->documents && b->rows > 0)
        return diag_set(d, ERR_UNSUPPORTED, "%zu parts of these audiences need the documents, and the block has none",
                        b->p->row_ops);
    b->now = *now;
    b->failed = ERR_OK;
    b->use_own = false;
    block_forget_undecided(b);
    if (seal(b)) {
        for (size_t i = 0; i < b->p->live_count && b->failed == ERR_OK; i++)
            run_op(b, b->p->live[i]);
        for (size_t i = 0; i < b->p->audience_count && b->p->row_ops > 0 && b->failed == ERR_OK; i++)
            demand_all(b, b->p->roots[i]);
        if (b->failed == ERR_OK && b->has_strange)
            run_strange(b);
        if (b->failed == ERR_OK && b->has_undecided)
            settle_undecided(b);
    }
    switch (b->failed) {
    case ERR_OK:
        return ERR_OK;
    case ERR_UNSUPPORTED:
        return diag_set(d, b->failed, "an audience reads stored memberships, and the block has no documents");
    default:
        return diag_set(d, b->failed, "a block of %zu profiles and %zu events needs more than %zu bytes", b->rows,
                        b->events, b->bytes_max);
    }
}
