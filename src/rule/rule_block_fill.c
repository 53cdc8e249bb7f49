/* rule_block_fill.c - profiles and their events into a block.
 *
 * Events stand in the order of their timestamps, those without a readable one first, equals as they were given. Where
 * that is not the order in which they were given, `given` remembers it: head() and sums of doubles follow it. */
#include "rule/rule_block_int.h"

/* ---- room ---- */

static bool
grow_events(struct rule_block *b, size_t events)
{
    size_t cap = b->events_cap ? b->events_cap : 1024;
    void *p;

    if (events <= b->events_cap)
        return true;
    while (cap < events)
        cap *= 2;
    p = block_grow(b, (void *)b->event_docs, b->events_cap, cap, sizeof *b->event_docs);
    if (p == NULL)
        return false;
    b->event_docs = p;
    p = block_grow(b, (void *)b->given_docs, b->events_cap, cap, sizeof *b->given_docs);
    if (p == NULL)
        return false;
    b->given_docs = p;
    p = block_grow(b, b->event_profile, b->events_cap, cap, sizeof *b->event_profile);
    if (p == NULL)
        return false;
    b->event_profile = p;
    p = block_grow(b, b->given, b->events_cap, cap, sizeof *b->given);
    if (p == NULL)
        return false;
    b->given = p;
    b->events_cap = cap;
    for (size_t i = 0; i < b->p->columns.n; i++) {
        if (b->p->columns.p[i].domain == ON_EVENTS && !column_reserve(b, &b->columns[i], cap))
            return false;
    }
    return true;
}

static bool
is_read(const struct block_column_spec *s)
{
    return s->needs_codes || s->needs_times || s->needs_cells;
}

/* ---- from JSON ---- */

struct stamped {
    int64_t ms;
    uint32_t index; /* as given */
};

static int
by_time(const void *a, const void *b)
{
    const struct stamped *x = a, *y = b;

    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int64_t
stamp_of(const struct json *event)
{
    const struct json *v = json_get(event, S("timestamp"));
    struct value time = VALUE_OF_NULL;

    if (json_is(v, JSON_STRING))
        time = value_as_time(value_string(json_str(v)));
    else if (json_is(v, JSON_INT))
        time = value_as_time(value_int(json_i64(v, 0)));
    return time.kind == VALUE_TIME ? time.i : TIME_NONE;
}

/* The events of one profile in order; NULL: no memory. */
static struct stamped *
sorted(struct rule_block *b, const struct rule_block_profile *one)
{
    struct stamped *s = arena_alloc(&b->scratch, (one->event_count + 1) * sizeof *s);
    bool in_order = true;

    for (size_t i = 0; i < one->event_count && s != NULL; i++) {
        s[i] = (struct stamped){stamp_of(one->events[i]), (uint32_t)i};
        in_order = in_order && (i == 0 || s[i - 1].ms <= s[i].ms);
    }
    if (s != NULL && !in_order) {
        qsort(s, one->event_count, sizeof *s, by_time);
        b->reordered = true;
    }
    return s;
}

/* More list elements in some column than it may hold would turn cells odd, which is right but slow: the next block. */
static bool
has_room(const struct rule_block *b)
{
    for (size_t i = 0; i < b->p->columns.n; i++) {
        if (b->columns[i].listed_count > LIMIT_BLOCK_VALUES / 2 ||
            (b->columns[i].dictionary.count > LIMIT_BLOCK_TEXTS - LIMIT_BLOCK_TEXTS / 8 && b->rows >= 64))
            return false;
    }
    return true;
}

static void
add_events(struct rule_block *b, const struct rule_block_profile *one, const struct stamped *order)
{
    for (size_t i = 0; i < one->event_count; i++) {
        const struct json *event = one->events[order[i].index];
        size_t e = b->events + i;
        b->event_docs[e] = event;
        b->given_docs[b->events + i] = one->events[i];
        b->event_profile[e] = (uint32_t)b->rows;
        b->given[b->events + order[i].index] = (uint32_t)e;
        if (!json_is(event, JSON_OBJECT)) {
            bit_set(b->strange, b->rows, true);
            b->has_strange = true;
        }
        for (size_t c = 0; c < b->p->columns.n; c++) {
            if (b->p->columns.p[c].domain == ON_EVENTS && is_read(&b->p->columns.p[c]))
                column_put(b, &b->columns[c], e, event, c == b->p->timestamp ? &order[i].ms : NULL);
        }
    }
}

enum err
rule_block_add(struct rule_block *b, const struct rule_block_profile *one, struct diag *d)
{
    const struct stamped *order;

    if (one->event_count > LIMIT_BLOCK_EVENTS)
        return diag_set(d, ERR_LIMIT, "a profile has %zu events; a block takes at most %d", one->event_count,
                        LIMIT_BLOCK_EVENTS);
    if (b->rows > 0 && !b->documents)
        return diag_set(d, ERR_INVALID, "the block is filled from arrays: clear it first");
    if (b->rows == b->rows_max || b->events + one->event_count > LIMIT_BLOCK_EVENTS || (b->rows > 0 && !has_room(b)))
        return diag_set(d, ERR_BUSY, "the block is full");
    order = sorted(b, one);
    if (order == NULL || !grow_events(b, b->events + one->event_count)) {
        arena_reset(&b->scratch);
        b->failed = ERR_OK;
        if (b->rows > 0)
            return diag_set(d, ERR_BUSY, "the block's memory is used up");
        return diag_set(d, ERR_LIMIT, "a profile with %zu events does not fit into a block of %zu bytes",
                        one->event_count, b->bytes_max);
    }
    b->documents = true;
    b->sealed = false;
    b->profiles[b->rows] = one->profile;
    if (one->profile != NULL && json_is(one->profile, JSON_ARRAY)) {
        bit_set(b->strange, b->rows, true);
        b->has_strange = true;
    }
    for (size_t c = 0; c < b->p->columns.n; c++) {
        if (b->p->columns.p[c].domain == ON_PROFILES && is_read(&b->p->columns.p[c]))
            column_put(b, &b->columns[c], b->rows, one->profile, NULL);
    }
    add_events(b, one, order);
    arena_reset(&b->scratch);
    b->events += one->event_count;
    b->rows++;
    b->event_ends[b->rows] = (uint32_t)b->events;
    return ERR_OK;
}

/* ---- from arrays ---- */

static const struct rule_block_array *
array_for(const struct rule_block_arrays *all, const struct block_column_spec *s)
{
    for (size_t i = 0; i < all->array_count; i++) {
        if (all->arrays[i].of_events == (s->domain == ON_EVENTS) && str_eq(all->arrays[i].path, s->dotted))
            return &all->arrays[i];
    }
    return NULL;
}

static void
fill_present(struct block_column *col, const struct rule_block_array *a, size_t n)
{
    size_t words = words_for(n);

    if (a->present != NULL)
        memcpy(col->present, a->present, words * sizeof *col->present);
    else
        memset(col->present, 0xFF, words * sizeof *col->present);
    if (n % 64 != 0)
        col->present[words - 1] &= ((uint64_t)1 << (n % 64)) - 1;
}

static bool
reserve_entries(struct rule_block *b, struct block_column *col)
{
    void *p;

    if (col->own_entries != NULL && col->entries_cap >= col->cap)
        return true;
    p = block_grow(b, col->own_entries, col->entries_cap, col->cap, sizeof *col->own_entries);
    if (p == NULL)
        return false;
    col->own_entries = p;
    col->entries_cap = col->cap;
    return true;
}

/* The caller's texts are looked up in the dictionary once, when they are first met. */
static bool
reserve_translation(struct rule_block *b, struct block_column *col, const struct rule_block_array *a)
{
    void *p;

    if (col->foreign == a->texts && col->foreign_count == a->text_count &&
        col->foreign_generation == col->dictionary.generation)
        return true;
    p = block_grow(b, NULL, 0, a->text_count, sizeof *col->translation);
    if (p == NULL)
        return false;
    b->bytes -= col->foreign_count * sizeof *col->translation;
    free(col->translation);
    col->translation = p;
    col->foreign = a->texts;
    col->foreign_count = a->text_count;
    col->foreign_generation = col->dictionary.generation;
    return true;
}

static enum err
fill_texts(struct rule_block *b, struct block_column *col, const struct rule_block_array *a, size_t n, struct diag *d)
{
    const uint32_t *items = a->items;

    if (!reserve_translation(b, col, a))
        return diag_set(d, b->failed, "no memory for the texts of '%.*s'", STR_ARG(a->path));
    for (size_t i = 0; i < n; i++) {
        uint32_t entry;
        if (a->present != NULL && !bit_get(a->present, i)) {
            col->own_entries[i] = 0;
            continue;
        }
        if (items[i] >= a->text_count)
            return diag_set(d, ERR_INVALID, "'%.*s': index %u of %zu texts", STR_ARG(a->path), (unsigned)items[i],
                            a->text_count);
        entry = col->translation[items[i]];
        if (entry == 0) {
            entry = column_entry(b, col, a->texts[items[i]]);
            if (entry == NO_ID)
                return diag_set(d, ERR_LIMIT, "'%.*s': more texts than the %d that a dictionary takes",
                                STR_ARG(a->path), LIMIT_BLOCK_TEXTS);
            col->translation[items[i]] = ++entry;
        }
        col->own_entries[i] = entry - 1;
    }
    if (col->own_times != NULL) {
        for (size_t i = 0; i < n; i++) {
            struct value time = value_as_time(column_scalar(col, i));
            col->own_times[i] = time.kind == VALUE_TIME ? time.i : TIME_NONE;
        }
    }
    return ERR_OK;
}

/* Instants of integers, or given as such; doubles and booleans have none. */
static void
fill_times(struct block_column *col, const struct rule_block_array *a, size_t n)
{
    const int64_t *items = a->items;

    for (size_t i = 0; i < n; i++) {
        bool counts =
            (a->type == RULE_BLOCK_INT || a->type == RULE_BLOCK_TIME) && (a->present == NULL || bit_get(a->present, i));
        struct value time = counts ? value_as_time(value_int(items[i])) : VALUE_OF_NULL;
        col->own_times[i] = time.kind == VALUE_TIME ? time.i : TIME_NONE;
    }
}

static enum err
fill_column(struct rule_block *b, struct block_column *col, const struct rule_block_array *a, size_t n, struct diag *d)
{
    static const enum value_kind kinds[] = {[RULE_BLOCK_INT] = VALUE_INT,
                                            [RULE_BLOCK_DOUBLE] = VALUE_DOUBLE,
                                            [RULE_BLOCK_BOOL] = VALUE_BOOL,
                                            [RULE_BLOCK_TEXT] = VALUE_STRING};
    const uint8_t *flags = a->items;

    if (a->type == RULE_BLOCK_TIME && (col->spec->needs_codes || col->spec->needs_cells))
        return diag_set(d, ERR_UNSUPPORTED, "'%.*s' is given as instants, but a rule reads more of it",
                        STR_ARG(a->path));
    fill_present(col, a, n);
    if (col->own_times != NULL && a->type != RULE_BLOCK_TEXT)
        fill_times(col, a, n);
    if (a->type == RULE_BLOCK_TIME) {
        col->kinds_seen = 1u << VALUE_TIME;
        return ERR_OK;
    }
    col->kinds_seen = 1u << kinds[a->type];
    if (a->type == RULE_BLOCK_INT || a->type == RULE_BLOCK_DOUBLE) {
        col->cells = a->items;
        return ERR_OK;
    }
    if (!reserve_entries(b, col))
        return diag_set(d, b->failed, "no memory for '%.*s'", STR_ARG(a->path));
    col->entries = col->own_entries;
    if (a->type == RULE_BLOCK_TEXT)
        return fill_texts(b, col, a, n, d);
    for (size_t i = 0; i < n; i++)
        col->own_entries[i] = flags[i] != 0;
    return ERR_OK;
}

static enum err
fill_event_rows(struct rule_block *b, const struct rule_block_arrays *a, struct diag *d)
{
    const struct block_column *stamp = &b->columns[b->p->timestamp];

    for (size_t r = 0; r < a->rows; r++) {
        uint32_t from = a->event_offsets[r], to = a->event_offsets[r + 1];
        b->event_ends[r + 1] = to;
        for (uint32_t e = from; e < to; e++) {
            b->event_profile[e] = (uint32_t)r;
            b->given[e] = e;
            b->event_docs[e] = NULL;
            if (e > from && stamp->own_times[e - 1] > stamp->own_times[e])
                return diag_set(d, ERR_INVALID, "the events of profile %zu are not in the order of their timestamps",
                                r);
        }
    }
    return ERR_OK;
}

static enum err
check_offsets(const struct rule_block_arrays *a, struct diag *d)
{
    if (a->event_offsets == NULL)
        return ERR_OK;
    if (a->event_offsets[0] != 0)
        return diag_set(d, ERR_INVALID, "event offsets begin at 0, not %u", (unsigned)a->event_offsets[0]);
    for (size_t r = 0; r < a->rows; r++) {
        if (a->event_offsets[r] > a->event_offsets[r + 1] || a->event_offsets[r + 1] > LIMIT_BLOCK_EVENTS)
            return diag_set(d, ERR_INVALID, "the events of profile %zu end at %u, before they begin or past %d", r,
                            (unsigned)a->event_offsets[r + 1], LIMIT_BLOCK_EVENTS);
    }
    return ERR_OK;
}

static enum err
fill_all(struct rule_block *b, const struct rule_block_arrays *a, struct diag *d)
{
    enum err rc = ERR_OK;

    b->events = a->event_offsets == NULL ? 0 : a->event_offsets[a->rows];
    if (!grow_events(b, b->events))
        return diag_set(d, b->failed, "no memory for %zu events", b->events);
    for (size_t c = 0; c < b->p->columns.n && rc == ERR_OK; c++) {
        struct block_column *col = &b->columns[c];
        const struct rule_block_array *array = array_for(a, col->spec);
        size_t n = col->spec->domain == ON_PROFILES ? a->rows : b->events;
        if (array != NULL && n > 0)
            rc = fill_column(b, col, array, n, d);
        for (size_t i = 0; array == NULL && col->own_times != NULL && i < n; i++)
            col->own_times[i] = TIME_NONE;
    }
    memset(b->event_ends, 0, (a->rows + 1) * sizeof *b->event_ends);
    if (rc == ERR_OK && a->event_offsets != NULL)
        rc = fill_event_rows(b, a, d);
    return rc;
}

enum err
rule_block_fill(struct rule_block *b, const struct rule_block_arrays *arrays, struct diag *d)
{
    enum err rc;

    if (b->rows > 0)
        return diag_set(d, ERR_INVALID, "the block is not empty");
    if (arrays->rows > b->rows_max)
        return diag_set(d, ERR_INVALID, "a block of %zu profiles cannot take %zu", b->rows_max, arrays->rows);
    rc = check_offsets(arrays, d);
    if (rc == ERR_OK)
        rc = fill_all(b, arrays, d);
    if (rc != ERR_OK) {
        rule_block_clear(b);
        b->event_ends[0] = 0;
        return rc;
    }
    b->rows = arrays->rows;
    return ERR_OK;
}
