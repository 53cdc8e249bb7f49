/* rule_block_column.c - columns of a block: cells, the dictionary of their texts, and codes.
 *
 * A cell is put as its kind and 64 bits: an integer, a double's bits, or an entry of the dictionary (false, true,
 * texts). Lists of scalars keep their elements behind each other in arrays of their own. Everything else is odd. A
 * column also keeps instants when some rule looks at it as a time: parsed once, compared as integers.
 *
 * The dictionary lives longer than a block's content, so that a text met in many blocks keeps its number and what rules
 * make of it is known already. It is emptied between blocks when another block might not find room.
 *
 * Codes are made when the block is complete. A constant's place among the coder's constants is found in a table when
 * they are integers close together, and by a search without branches otherwise. */
#include "rule/rule_block_int.h"

#include <float.h>
#include <math.h>

#include "base/check.h"
#include "base/hash.h"

#define ENTRY_FALSE 0
#define ENTRY_TRUE 1

/* ---- dictionary ---- */

static void
dictionary_empty(struct block_dictionary *t)
{
    if (t->count <= ENTRY_TRUE + 1)
        return;
    t->count = ENTRY_TRUE + 1;
    t->byte_count = 0;
    t->generation++;
    memset(t->slots, 0, t->slot_count * sizeof *t->slots);
}

static bool
dictionary_grow(struct rule_block *b, struct block_dictionary *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    struct str *texts = block_grow(b, t->texts, t->cap, cap, sizeof *texts);
    uint32_t *slots;

    if (texts == NULL)
        return false;
    t->texts = texts;
    slots = block_grow(b, NULL, 0, 2 * (size_t)cap, sizeof *slots);
    if (slots == NULL)
        return false;
    b->bytes -= t->slot_count * sizeof *slots;
    free(t->slots);
    t->slots = slots;
    t->slot_count = 2 * (size_t)cap;
    t->cap = cap;
    if (t->count < ENTRY_TRUE + 1)
        t->count = ENTRY_TRUE + 1;
    for (uint32_t i = ENTRY_TRUE + 1; i < t->count; i++) {
        size_t at = hash_bytes(t->texts[i], 0) & (t->slot_count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (t->slot_count - 1);
        slots[at] = i;
    }
    return true;
}

/* Room for n more bytes; texts that moved are pointed at again. */
static bool
dictionary_bytes(struct rule_block *b, struct block_dictionary *t, size_t n)
{
    size_t cap = t->byte_cap ? t->byte_cap : 4096;
    char *bytes;

    while (cap < t->byte_count + n)
        cap *= 2;
    if (cap == t->byte_cap)
        return true;
    bytes = block_grow(b, NULL, 0, cap, 1);
    if (bytes == NULL)
        return false;
    if (t->byte_count > 0)
        memcpy(bytes, t->bytes, t->byte_count);
    for (uint32_t i = ENTRY_TRUE + 1; i < t->count; i++)
        t->texts[i].p = bytes + (t->texts[i].p - t->bytes);
    b->bytes -= t->byte_cap;
    free(t->bytes);
    t->bytes = bytes;
    t->byte_cap = cap;
    return true;
}

uint32_t
column_entry(struct rule_block *b, struct block_column *col, struct str text)
{
    struct block_dictionary *t = &col->dictionary;
    size_t at = 0;

    if (t->slot_count > 0) {
        at = hash_bytes(text, 0) & (t->slot_count - 1);
        for (; t->slots[at] != 0; at = (at + 1) & (t->slot_count - 1)) {
            if (str_eq(t->texts[t->slots[at]], text))
                return t->slots[at];
        }
    }
    if (t->count >= LIMIT_BLOCK_TEXTS || t->byte_count + text.n > LIMIT_BLOCK_TEXT_BYTES)
        return NO_ID;
    if (t->count >= t->cap) {
        if (!dictionary_grow(b, t))
            return NO_ID;
        return column_entry(b, col, text);
    }
    if (!dictionary_bytes(b, t, text.n))
        return NO_ID;
    if (text.n > 0)
        memcpy(t->bytes + t->byte_count, text.p, text.n);
    t->texts[t->count] = (struct str){t->bytes + t->byte_count, text.n};
    t->byte_count += text.n;
    t->slots[at] = t->count;
    return t->count++;
}

/* ---- rows ---- */

bool
column_reserve(struct rule_block *b, struct block_column *col, size_t rows)
{
    size_t cap = block_words(rows) * 64, words = cap / 64, old = col->cap;
    void *p;

    if (rows <= old)
        return true;
#define GROW(field, old_n, new_n)                                                                                      \
    do {                                                                                                               \
        p = block_grow(b, col->field, (old_n), (new_n), sizeof *col->field);                                           \
        if (p == NULL)                                                                                                 \
            return false;                                                                                              \
        col->field = p;                                                                                                \
    } while (0)
    GROW(present, old / 64, words);
    GROW(odd, old / 64, words);
    GROW(list, old / 64, words);
    GROW(kinds, old, cap);
    GROW(own_cells, old, cap);
    GROW(list_ends, old + (old > 0), cap + 1);
    if (col->spec->needs_times)
        GROW(own_times, old, cap);
#undef GROW
    col->cap = cap;
    col->cells = col->own_cells;
    col->times = col->own_times;
    return true;
}

void
column_clear(struct block_column *col)
{
    size_t words = col->cap / 64;

    if (words > 0) {
        memset(col->present, 0, words * sizeof *col->present);
        memset(col->odd, 0, words * sizeof *col->odd);
        memset(col->list, 0, words * sizeof *col->list);
    }
    col->kinds_seen = 0;
    col->has_odd = col->has_list = false;
    col->listed_count = 0;
    col->cells = col->own_cells;
    col->times = col->own_times;
    col->entries = NULL;
    if (col->dictionary.count > LIMIT_BLOCK_TEXTS / 2 || col->dictionary.byte_count > LIMIT_BLOCK_TEXT_BYTES / 2)
        dictionary_empty(&col->dictionary);
}

void
column_free(struct block_column *col)
{
    free(col->present);
    free(col->odd);
    free(col->list);
    free(col->kinds);
    free(col->own_cells);
    free(col->own_entries);
    free(col->own_times);
    free(col->list_ends);
    free(col->listed_kinds);
    free(col->listed);
    free(col->translation);
    free(col->dictionary.texts);
    free(col->dictionary.slots);
    free(col->dictionary.bytes);
}

/* ---- from JSON ---- */

/* A scalar as kind and 64 bits; VALUE_MAP: it has none. */
static enum value_kind
scalar_bits(struct rule_block *b, struct block_column *col, const struct json *v, int64_t *bits)
{
    uint32_t entry;
    double f;

    *bits = 0;
    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return VALUE_NULL;
    case JSON_BOOL:
        *bits = json_bool(v, false) ? ENTRY_TRUE : ENTRY_FALSE;
        return VALUE_BOOL;
    case JSON_INT:
        *bits = json_i64(v, 0);
        return VALUE_INT;
    case JSON_DOUBLE:
        f = json_f64(v, 0);
        if (!isfinite(f))
            return VALUE_NULL;
        memcpy(bits, &f, sizeof f);
        return VALUE_DOUBLE;
    case JSON_STRING:
        if (!col->spec->needs_codes && !col->spec->needs_cells)
            return VALUE_STRING; /* only its instant is looked at */
        entry = column_entry(b, col, json_str(v));
        *bits = entry;
        return entry == NO_ID ? VALUE_MAP : VALUE_STRING;
    default:
        return VALUE_MAP;
    }
}

struct walk {
    struct rule_block *b;
    struct block_column *col;
    size_t first; /* element of the row */
    bool odd;
};

static void
put_listed(struct walk *w, const struct json *v)
{
    struct block_column *col = w->col;
    size_t n = col->listed_count;
    enum value_kind kind;
    int64_t bits;

    if (w->odd)
        return;
    if (n == col->listed_cap) {
        size_t cap = n ? n * 2 : 1024;
        void *kinds, *cells;
        if (n >= LIMIT_BLOCK_VALUES) {
            w->odd = true;
            return;
        }
        kinds = block_grow(w->b, col->listed_kinds, n, cap, 1);
        if (kinds != NULL)
            col->listed_kinds = kinds;
        cells = kinds == NULL ? NULL : block_grow(w->b, col->listed, n, cap, sizeof *col->listed);
        if (cells == NULL) {
            w->odd = true;
            return;
        }
        col->listed = cells;
        col->listed_cap = cap;
    }
    kind = scalar_bits(w->b, col, v, &bits);
    if (kind == VALUE_MAP) {
        w->odd = true;
        return;
    }
    col->listed_kinds[n] = (uint8_t)kind;
    col->listed[n] = bits;
    col->listed_count++;
}

/* [SEGMENTATION 4.4]: each element projected, nulls dropped, lists spliced in, step by step. */
static void
walk_element(struct walk *w, const struct json *element, size_t part)
{
    const struct block_column_spec *s = w->col->spec;
    struct json_iter it;
    const struct json *v;

    if (part == s->part_count) {
        put_listed(w, element);
        return;
    }
    if (json_is(element, JSON_ARRAY)) {
        it = json_iter(element);
        while (json_next(&it))
            walk_element(w, it.value, part);
        return;
    }
    v = json_get(element, s->parts[part]);
    if (v == NULL || json_is(v, JSON_NULL))
        return;
    if (!json_is(v, JSON_ARRAY)) {
        walk_element(w, v, part + 1);
        return;
    }
    it = json_iter(v);
    while (json_next(&it))
        walk_element(w, it.value, part + 1);
}

static void
put_list(struct rule_block *b, struct block_column *col, size_t row, const struct json *array, size_t part)
{
    struct walk w = {.b = b, .col = col, .first = col->listed_count};
    struct json_iter it = json_iter(array);

    while (json_next(&it))
        walk_element(&w, it.value, part);
    if (w.odd) {
        col->listed_count = w.first;
        col->kinds[row] = VALUE_MAP;
        bit_set(col->odd, row, true);
        col->has_odd = true;
    } else {
        col->kinds[row] = VALUE_LIST;
        bit_set(col->list, row, true);
        col->has_list = true;
    }
    bit_set(col->present, row, true);
}

void
column_put(struct rule_block *b, struct block_column *col, size_t row, const struct json *document,
           const int64_t *instant)
{
    const struct json *v = document;
    enum value_kind kind;
    struct value time;
    bool nomem = false;
    size_t part = 0;

    col->list_ends[row] = (uint32_t)col->listed_count;
    for (; part < col->spec->part_count && !json_is(v, JSON_ARRAY); part++)
        v = json_get(v, col->spec->parts[part]);
    if (instant != NULL && col->own_times != NULL) {
        col->own_times[row] = *instant;
    } else if (col->own_times != NULL) {
        time = json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT) ? VALUE_OF_NULL
                                                                 : value_as_time(value_of_json(v, &b->scratch, &nomem));
        col->own_times[row] = time.kind == VALUE_TIME ? time.i : TIME_NONE;
    }
    if (json_is(v, JSON_ARRAY)) {
        put_list(b, col, row, v, part);
        col->list_ends[row + 1] = (uint32_t)col->listed_count;
        return;
    }
    kind = scalar_bits(b, col, v, &col->own_cells[row]);
    col->kinds[row] = (uint8_t)kind;
    col->list_ends[row + 1] = (uint32_t)col->listed_count;
    if (kind == VALUE_NULL)
        return;
    bit_set(col->present, row, true);
    if (kind == VALUE_MAP) {
        bit_set(col->odd, row, true);
        col->has_odd = true;
    } else {
        col->kinds_seen |= 1u << kind;
    }
}

/* ---- reading back ---- */

static struct value
scalar_of(const struct block_column *col, enum value_kind kind, int64_t bits)
{
    double f;

    switch (kind) {
    case VALUE_BOOL:
        return value_bool(bits == ENTRY_TRUE);
    case VALUE_INT:
        return value_int(bits);
    case VALUE_DOUBLE:
        memcpy(&f, &bits, sizeof f);
        return (struct value){.kind = VALUE_DOUBLE, .f = f};
    case VALUE_STRING:
        return value_string(col->dictionary.texts[bits]);
    default:
        return VALUE_OF_NULL;
    }
}

/* The one kind of all scalars of the column; VALUE_MAP: there are several, see kinds. */
static enum value_kind
single_kind(const struct block_column *col)
{
    switch (col->kinds_seen) {
    case 1u << VALUE_BOOL:
        return VALUE_BOOL;
    case 1u << VALUE_INT:
        return VALUE_INT;
    case 1u << VALUE_DOUBLE:
        return VALUE_DOUBLE;
    case 1u << VALUE_STRING:
        return VALUE_STRING;
    case 1u << VALUE_TIME:
        return VALUE_TIME;
    default:
        return VALUE_MAP;
    }
}

enum value_kind
column_kind(const struct block_column *col, size_t row)
{
    enum value_kind kind;

    if (!bit_get(col->present, row))
        return VALUE_NULL;
    kind = col->has_list || col->has_odd ? VALUE_MAP : single_kind(col);
    return kind == VALUE_MAP ? col->kinds[row] : kind;
}

struct value
column_scalar(const struct block_column *col, size_t row)
{
    return scalar_of(col, column_kind(col, row), col->entries != NULL ? (int64_t)col->entries[row] : col->cells[row]);
}

struct value
column_listed(const struct block_column *col, size_t element)
{
    return scalar_of(col, col->listed_kinds[element], col->listed[element]);
}

/* ---- codes ---- */

static uint32_t
code_of_int(const struct block_coder_spec *s, int64_t x)
{
    size_t at = 0;

    if (s->table != NULL) {
        int64_t i = x < s->table_first ? 0 : x - s->table_first + 1;
        if (x >= s->table_first + (int64_t)s->table_count - 2)
            i = (int64_t)s->table_count - 1;
        return s->table[i];
    }
    for (size_t step = s->int_count; step > 0;) { /* how many floors are not above x */
        size_t half = step / 2;
        if (s->int_floor[at + half] <= x) {
            at += half + 1;
            step -= half + 1;
        } else {
            step = half;
        }
    }
    return at > 0 && s->int_exact[at - 1] && s->int_floor[at - 1] == x ? 2 * (uint32_t)at : 2 * (uint32_t)at + 1;
}

static uint32_t
code_of_double(const struct block_coder_spec *s, double x)
{
    size_t at = 0;

    for (size_t step = s->double_count; step > 0;) {
        size_t half = step / 2;
        if (s->double_floor[at + half] <= x) {
            at += half + 1;
            step -= half + 1;
        } else {
            step = half;
        }
    }
    return at > 0 && s->double_exact[at - 1] && s->double_floor[at - 1] == x ? 2 * (uint32_t)at : 2 * (uint32_t)at + 1;
}

static uint32_t
code_of(const struct block_coder_spec *s, enum value_kind kind, int64_t bits)
{
    double f;

    switch (kind) {
    case VALUE_INT:
        return code_of_int(s, bits);
    case VALUE_DOUBLE:
        memcpy(&f, &bits, sizeof f);
        return code_of_double(s, f);
    case VALUE_BOOL:
    case VALUE_STRING:
        return s->base + (uint32_t)bits;
    default:
        return 0;
    }
}

/* How many of the ascending floors are not above each of 16 doubles: a search without branches, side by side. */
#define SIDE 16
static void
places_of_doubles(const double *floors, size_t n, const double *x, uint32_t *at)
{
    size_t left = n;

    memset(at, 0, SIDE * sizeof *at);
    while (left > 1) {
        size_t half = left / 2;
        for (unsigned i = 0; i < SIDE; i++)
            at[i] += (uint32_t)half & -(uint32_t)(floors[at[i] + half - 1] <= x[i]);
        left -= half;
    }
    for (unsigned i = 0; i < SIDE; i++)
        at[i] += n > 0 && floors[at[i]] <= x[i];
}

static void
places_of_ints(const int64_t *floors, size_t n, const int64_t *x, uint32_t *at)
{
    size_t left = n;

    memset(at, 0, SIDE * sizeof *at);
    while (left > 1) {
        size_t half = left / 2;
        for (unsigned i = 0; i < SIDE; i++)
            at[i] += (uint32_t)half & -(uint32_t)(floors[at[i] + half - 1] <= x[i]);
        left -= half;
    }
    for (unsigned i = 0; i < SIDE; i++)
        at[i] += n > 0 && floors[at[i]] <= x[i];
}

/* Codes of SIDE integers or doubles. */
static void
codes_of_ints(const struct block_coder_spec *s, const int64_t *x, uint16_t *out)
{
    int64_t last = (int64_t)s->table_count - 1;
    uint32_t at[SIDE];

    if (s->table != NULL) {
        for (unsigned i = 0; i < SIDE; i++) {
            int64_t place = (int64_t)((uint64_t)x[i] - (uint64_t)s->table_first + 1);
            place = x[i] < s->table_first ? 0 : place;
            place = x[i] >= s->table_first + last - 1 ? last : place;
            out[i] = s->table[place];
        }
        return;
    }
    places_of_ints(s->int_floor, s->int_count, x, at);
    for (unsigned i = 0; i < SIDE; i++) {
        bool same = at[i] > 0 && s->int_exact[at[i] - 1] && s->int_floor[at[i] - 1] == x[i];
        out[i] = (uint16_t)(2 * at[i] + !same);
    }
}

static void
codes_of_doubles(const struct block_coder_spec *s, const double *x, uint16_t *out)
{
    uint32_t at[SIDE];

    places_of_doubles(s->double_floor, s->double_count, x, at);
    for (unsigned i = 0; i < SIDE; i++) {
        bool same = at[i] > 0 && s->double_exact[at[i] - 1] && s->double_floor[at[i] - 1] == x[i];
        out[i] = (uint16_t)(2 * at[i] + !same);
    }
}

/* Codes of SIDE rows of one kind. */
static void
codes_of_run(const struct block_coder_spec *s, const struct block_column *col, enum value_kind kind, size_t row,
             uint16_t *out)
{
    double x[SIDE];

    switch (kind) {
    case VALUE_INT:
        codes_of_ints(s, col->cells + row, out);
        return;
    case VALUE_DOUBLE:
        memcpy(x, col->cells + row, sizeof x);
        codes_of_doubles(s, x, out);
        return;
    default:
        for (unsigned i = 0; i < SIDE; i++)
            out[i] =
                (uint16_t)(s->base + (col->entries != NULL ? col->entries[row + i] : (uint32_t)col->cells[row + i]));
    }
}

/* Absent cells have no code, whatever stands in them. */
static void
drop_absent(uint16_t *codes, uint64_t present)
{
    if ((~present & ((1u << SIDE) - 1)) == 0)
        return;
    for (unsigned i = 0; i < SIDE; i++)
        codes[i] = present >> i & 1 ? codes[i] : 0;
}

static uint16_t
code_at(const struct block_coder_spec *s, const struct block_column *col, enum value_kind kind, size_t row)
{
    if (!bit_get(col->present, row))
        return 0;
    return (uint16_t)code_of(s, kind == VALUE_MAP ? col->kinds[row] : kind,
                             col->entries != NULL ? (int64_t)col->entries[row] : col->cells[row]);
}

static void
put_code(struct block_codes *c, size_t row, uint16_t code)
{
    if (c->is_narrow)
        c->narrow[row] = (uint8_t)code;
    else
        c->wide[row] = code;
}

static bool
codes_reserve(struct rule_block *b, struct block_codes *c, const struct block_column *col)
{
    void *wide, *narrow, *listed;

    if (c->rows_cap < col->cap) {
        wide = block_grow(b, c->wide, c->rows_cap, col->cap, sizeof *c->wide);
        if (wide != NULL)
            c->wide = wide;
        narrow = wide == NULL ? NULL : block_grow(b, c->narrow, c->rows_cap, col->cap, 1);
        if (narrow == NULL)
            return false;
        c->narrow = narrow;
        c->rows_cap = col->cap;
    }
    if (c->listed_cap < col->listed_cap) {
        listed = block_grow(b, c->listed, c->listed_cap, col->listed_cap, sizeof *c->listed);
        if (listed == NULL)
            return false;
        c->listed = listed;
        c->listed_cap = col->listed_cap;
    }
    return true;
}

void
codes_make(struct rule_block *b, uint32_t coder)
{
    const struct block_coder_spec *s = &b->p->coders.p[coder];
    const struct block_column *col = &b->columns[s->column];
    struct block_codes *c = &b->codes[coder];
    size_t n = block_count(b, col->spec->domain), row = 0;
    enum value_kind kind = col->has_list || col->has_odd ? VALUE_MAP : single_kind(col);
    uint16_t codes[SIDE];

    if (!codes_reserve(b, c, col))
        return;
    c->count = s->base + (col->dictionary.count > ENTRY_TRUE + 1 ? col->dictionary.count : ENTRY_TRUE + 1);
    c->is_narrow = c->count <= 256;
    while (row < n) {
        uint64_t present = col->present[row / 64] >> (row % 64);
        if (kind == VALUE_MAP || row + SIDE > n) {
            size_t end = row + SIDE < n ? row + SIDE : n;
            for (; row < end; row++)
                put_code(c, row, code_at(s, col, kind, row));
            continue;
        }
        codes_of_run(s, col, kind, row, codes);
        drop_absent(codes, present);
        for (unsigned i = 0; i < SIDE && c->is_narrow; i++)
            c->narrow[row + i] = (uint8_t)codes[i];
        if (!c->is_narrow)
            memcpy(c->wide + row, codes, sizeof codes);
        row += SIDE;
    }
    for (; row < block_words(n) * 64; row++)
        put_code(c, row, 0); /* no loop meets a code of an earlier block */
    for (size_t i = 0; i < col->listed_count; i++)
        c->listed[i] = (uint16_t)code_of(s, col->listed_kinds[i], col->listed[i]);
}

void
codes_free(struct block_codes *c)
{
    free(c->wide);
    free(c->narrow);
    free(c->listed);
}

/* ---- one value for each code ---- */

/* Some number strictly between two constants (NULL: without that bound); false: there is none. */
static bool
between(const struct value *lo, const struct value *hi, struct value *out)
{
    double a = lo == NULL ? -DBL_MAX : lo->kind == VALUE_INT ? (double)lo->i : lo->f;
    double z = hi == NULL ? DBL_MAX : hi->kind == VALUE_INT ? (double)hi->i : hi->f;
    const struct value candidates[] = {
        {.kind = VALUE_DOUBLE, .f = a / 2 + z / 2},
        {.kind = VALUE_DOUBLE, .f = nextafter(a, DBL_MAX)},
        {.kind = VALUE_DOUBLE, .f = nextafter(z, -DBL_MAX)},
        {.kind = VALUE_DOUBLE, .f = a},
        {.kind = VALUE_DOUBLE, .f = z},
        value_int(lo != NULL && lo->kind == VALUE_INT && lo->i < INT64_MAX ? lo->i + 1 : 0),
        value_int(hi != NULL && hi->kind == VALUE_INT && hi->i > INT64_MIN ? hi->i - 1 : 0),
        value_int(INT64_MIN),
        value_int(INT64_MAX),
    };

    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        struct value v = candidates[i];
        if (v.kind == VALUE_DOUBLE && !isfinite(v.f))
            continue;
        if ((lo == NULL || value_compare(CMP_GT, v, *lo)) && (hi == NULL || value_compare(CMP_LT, v, *hi))) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool
code_representative(const struct block_coder_spec *s, const struct block_column *col, uint32_t code, struct value *out)
{
    uint32_t place = (code - 1) / 2;

    *out = VALUE_OF_NULL;
    if (code == 0)
        return true;
    if (code >= s->base) {
        uint32_t entry = code - s->base;
        *out = entry <= ENTRY_TRUE ? value_bool(entry == ENTRY_TRUE) : value_string(col->dictionary.texts[entry]);
        return true;
    }
    if (code % 2 == 0) { /* equal to constant place */
        *out = s->numbers.p[place];
        return true;
    }
    return between(place > 0 ? &s->numbers.p[place - 1] : NULL, place < s->numbers.n ? &s->numbers.p[place] : NULL,
                   out);
}
