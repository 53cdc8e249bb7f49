/* rule_block.c - the life of a block: its memory, and what it asks the reference evaluator. */
#include "rule/rule_block_int.h"

#include "base/check.h"

void *
block_grow(struct rule_block *b, void *old, size_t old_count, size_t count, size_t item_bytes)
{
    size_t more;
    char *p;

    CHECK(count >= old_count);
    if (count - old_count > (b->bytes_max - b->bytes) / item_bytes) {
        b->failed = ERR_LIMIT;
        return NULL;
    }
    more = (count - old_count) * item_bytes;
    p = realloc(old, count * item_bytes > 0 ? count * item_bytes : 1);
    if (p == NULL) {
        b->failed = ERR_NOMEM;
        return NULL;
    }
    b->bytes += more;
    if (count > old_count)
        memset(p + old_count * item_bytes, 0, more);
    return p;
}

static bool
has_bits(const struct block_op *op)
{
    return op->kind != OP_COUNT && op->kind != OP_FOLD && op->kind != OP_PICK;
}

/* Every live operation gets its words out of one array per domain. */
static void
deal_bits(struct rule_block *b, enum block_domain domain, uint64_t *from, size_t words)
{
    for (size_t i = 0; i < b->p->live_count; i++) {
        const struct block_op *op = &b->p->ops.p[b->p->live[i]];
        if (op->domain != domain || !has_bits(op))
            continue;
        b->bits[b->p->live[i]] = from;
        from += words;
    }
}

/* Room for the bits of so many events. */
bool
block_reserve_events(struct rule_block *b)
{
    size_t words = block_words(b->events), known = 0;
    void *p;

    b->event_words = words;
    if (words <= b->event_words_cap)
        return true;
    words += words / 2;
    words = (words + 3) / 4 * 4;
    for (size_t i = 0; i < b->p->live_count; i++) {
        const struct block_op *op = &b->p->ops.p[b->p->live[i]];
        known += op->kind == OP_ROW && op->domain == ON_EVENTS;
    }
    b->bytes -= b->event_words_cap * b->p->bit_ops[ON_EVENTS] * sizeof *b->event_bits;
    free(b->event_bits);
    b->event_bits = NULL;
    b->event_words_cap = 0;
    p = block_grow(b, NULL, 0, words * b->p->bit_ops[ON_EVENTS], sizeof *b->event_bits);
    if (p == NULL)
        return false;
    b->event_bits = p;
    b->event_words_cap = words;
    deal_bits(b, ON_EVENTS, b->event_bits, words);
    p = block_grow(b, b->known_events, b->known_events_cap, known * words, sizeof *b->known_events);
    if (p == NULL)
        return false;
    b->known_events = p;
    b->known_events_cap = known * words;
    if (words > b->mask_words) {
        p = block_grow(b, b->mask, b->mask_words, words, sizeof *b->mask);
        if (p == NULL)
            return false;
        b->mask = p;
        b->mask_words = words;
    }
    return true;
}

static bool
allocate(struct rule_block *b, size_t rows)
{
    const struct rule_block_program *p = b->p;
    size_t profile_rows = 0;

    for (size_t i = 0; i < p->live_count; i++) {
        const struct block_op *op = &p->ops.p[p->live[i]];
        profile_rows += op->kind == OP_ROW && op->domain == ON_PROFILES;
    }
    b->profile_words = block_words(rows);
    b->mask_words = b->profile_words;
    b->columns = block_grow(b, NULL, 0, p->columns.n, sizeof *b->columns);
    b->codes = block_grow(b, NULL, 0, p->coders.n, sizeof *b->codes);
    b->tests = block_grow(b, NULL, 0, p->test_ops, sizeof *b->tests);
    b->bits = block_grow(b, NULL, 0, p->ops.n, sizeof *b->bits);
    b->undecided = block_grow(b, NULL, 0, p->ops.n, sizeof *b->undecided);
    b->known = block_grow(b, NULL, 0, p->row_ops, sizeof *b->known);
    b->profile_bits = block_grow(b, NULL, 0, p->bit_ops[ON_PROFILES] * b->profile_words, sizeof *b->profile_bits);
    b->known_profiles = block_grow(b, NULL, 0, profile_rows * b->profile_words, sizeof *b->known_profiles);
    b->counts = block_grow(b, NULL, 0, p->count_ops * b->profile_words * 64, sizeof *b->counts);
    b->folds = block_grow(b, NULL, 0, p->fold_ops * rows, sizeof *b->folds);
    b->picks = block_grow(b, NULL, 0, p->pick_ops * rows, sizeof *b->picks);
    b->profiles = block_grow(b, NULL, 0, rows, sizeof *b->profiles);
    b->event_ends = block_grow(b, NULL, 0, rows + 1, sizeof *b->event_ends);
    b->strange = block_grow(b, NULL, 0, b->profile_words, sizeof *b->strange);
    b->mask = block_grow(b, NULL, 0, b->mask_words, sizeof *b->mask);
    b->slots = block_grow(b, NULL, 0, p->slot_count + 2, sizeof *b->slots);
    if (b->failed != ERR_OK)
        return false;
    deal_bits(b, ON_PROFILES, b->profile_bits, b->profile_words);
    for (size_t i = 0; i < p->columns.n; i++) {
        b->columns[i].spec = &p->columns.p[i];
        if (p->columns.p[i].domain == ON_PROFILES && !column_reserve(b, &b->columns[i], rows))
            return false;
    }
    return block_reserve_events(b);
}

enum err
rule_block_new_within(const struct rule_block_program *p, size_t rows, size_t bytes_max, struct rule_block **out,
                      struct diag *d)
{
    struct rule_block *b;
    enum err rc;

    if (rows < 64 || rows > LIMIT_BLOCK_ROWS || (rows & (rows - 1)) != 0)
        return diag_set(d, ERR_INVALID, "a block takes a power of two of profiles from 64 to %d, not %zu",
                        LIMIT_BLOCK_ROWS, rows);
    b = calloc(1, sizeof *b);
    if (b == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a block");
    b->p = p;
    b->k = block_kernels_best();
    b->rows_max = rows;
    b->bytes_max = bytes_max;
    arena_init(&b->scratch, LIMIT_RULE_SCRATCH_BYTES);
    arena_init(&b->results, LIMIT_RULE_SCRATCH_BYTES);
    if (!allocate(b, rows)) {
        rc = b->failed;
        rule_block_free(b);
        return diag_set(d, rc, "a block of %zu profiles needs more than %zu bytes for this program", rows, bytes_max);
    }
    rule_block_clear(b);
    *out = b;
    return ERR_OK;
}

enum err
rule_block_new(const struct rule_block_program *p, size_t rows, struct rule_block **out, struct diag *d)
{
    return rule_block_new_within(p, rows, LIMIT_RULE_BLOCK_BYTES, out, d);
}

void
block_forget_undecided(struct rule_block *b)
{
    for (size_t i = 0; i < b->p->ops.n && b->has_undecided; i++) {
        free(b->undecided[i]);
        b->undecided[i] = NULL;
    }
    b->has_undecided = false;
}

void
rule_block_free(struct rule_block *b)
{
    if (b == NULL)
        return;
    if (b->undecided != NULL)
        block_forget_undecided(b);
    for (size_t i = 0; i < b->p->columns.n && b->columns != NULL; i++)
        column_free(&b->columns[i]);
    for (size_t i = 0; i < b->p->coders.n && b->codes != NULL; i++)
        codes_free(&b->codes[i]);
    for (size_t i = 0; i < b->p->test_ops && b->tests != NULL; i++) {
        free(b->tests[i].set);
        free(b->tests[i].failed);
    }
    free(b->columns);
    free(b->codes);
    free(b->tests);
    free(b->bits);
    free(b->undecided);
    free(b->known);
    free(b->profile_bits);
    free(b->event_bits);
    free(b->known_profiles);
    free(b->known_events);
    free(b->counts);
    free(b->folds);
    free(b->picks);
    free((void *)b->profiles);
    free((void *)b->event_docs);
    free((void *)b->given_docs);
    free(b->event_ends);
    free(b->event_profile);
    free(b->given);
    free(b->strange);
    free(b->own_bits);
    free(b->mask);
    free(b->slots);
    arena_deinit(&b->scratch);
    arena_deinit(&b->results);
    free(b);
}

void
rule_block_clear(struct rule_block *b)
{
    b->rows = b->events = 0;
    b->documents = b->sealed = b->reordered = b->has_strange = b->use_own = false;
    b->event_words = 0;
    b->failed = ERR_OK;
    memset(b->strange, 0, b->profile_words * sizeof *b->strange);
    for (size_t i = 0; i < b->p->columns.n; i++)
        column_clear(&b->columns[i]);
    block_forget_undecided(b);
    arena_reset(&b->results);
}

size_t
rule_block_rows(const struct rule_block *b)
{
    return b->rows;
}

void
rule_block_portable(struct rule_block *b)
{
    b->k = block_kernels_portable();
}

const uint64_t *
rule_block_members(const struct rule_block *b, size_t audience)
{
    return b->use_own ? b->own_bits + audience * b->profile_words : b->bits[b->p->roots[audience]];
}

const uint64_t *
rule_block_undecided(const struct rule_block *b, size_t audience)
{
    return b->has_undecided ? b->undecided[b->p->roots[audience]] : NULL;
}

void
rule_block_check(const struct rule_block *b)
{
    CHECK(b->rows <= b->rows_max && b->events <= LIMIT_BLOCK_EVENTS && b->bytes <= b->bytes_max);
    CHECK(b->event_ends[0] == 0 && b->event_ends[b->rows] == b->events);
    for (size_t r = 0; r < b->rows; r++) {
        CHECK(b->event_ends[r] <= b->event_ends[r + 1]);
        for (size_t e = b->event_ends[r]; e < b->event_ends[r + 1]; e++) {
            CHECK(b->event_profile[e] == r);
            CHECK(!b->reordered || (b->given[e] >= b->event_ends[r] && b->given[e] < b->event_ends[r + 1]));
        }
    }
    for (size_t i = 0; i < b->p->columns.n; i++) {
        const struct block_column *col = &b->columns[i];
        CHECK(col->dictionary.count <= LIMIT_BLOCK_TEXTS && col->dictionary.byte_count <= LIMIT_BLOCK_TEXT_BYTES);
        CHECK(col->listed_count <= LIMIT_BLOCK_VALUES);
    }
    for (size_t i = 0; i < b->p->audience_count && b->rows % 64 != 0; i++)
        CHECK(rule_block_members(b, i)[b->rows / 64] >> (b->rows % 64) == 0);
}
