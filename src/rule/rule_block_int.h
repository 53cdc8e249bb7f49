/* rule_block_int.h - what the files of the vectorised evaluator share.
 *
 * Reading order: this file; rule_block_compile.c (boolean structure), rule_block_test.c (predicates of one cell),
 * rule_block_list.c (events), then rule_block_column.c (cells and codes), rule_block_fill.c, rule_block_run.c,
 * rule_block_event.c, and rule_block_bits.c (the loops over words and codes).
 *
 * Every boolean part is an operation with one bit per row of its domain: profiles or events. Its operands have smaller
 * numbers. A value (struct block_value) is not stored: it is read row by row by the operation that compares it.
 *
 * A cell is a scalar, a list of scalars, or odd: a map, a list that holds lists or maps, a text the dictionary has no
 * room for. Odd cells are evaluated by the reference evaluator, cell by cell.
 *
 * The heart are codes. For a coder (a column and the numbers that rules compare it with) every scalar is one small
 * integer, so that any predicate of the cell alone is a set of codes:
 *
 *     0                  null
 *     1 + 2 i            a number between constants i - 1 and i
 *     2 + 2 i            the number that equals constant i
 *     base + k           entry k of the column's dictionary: false, true, then texts
 *
 * The reference evaluator says what is in the set, by evaluating the predicate for one representative of each code. */
#ifndef RULE_RULE_BLOCK_INT_H
#define RULE_RULE_BLOCK_INT_H

#include "base/limits.h"
#include "base/map.h"
#include "rule/rule_block.h"
#include "rule/rule_block_bits.h"
#include "rule/rule_graph_int.h"
#include "rule/rule_int.h"

enum block_domain { ON_PROFILES, ON_EVENTS };

struct block_column_spec {
    enum block_domain domain;
    struct str *parts;
    size_t part_count;
    struct str dotted;
    const struct rule_node *expr; /* the path, below PROFILE or SLOT(0) */
    bool needs_codes, needs_times, needs_cells;
};

struct block_coder_spec {
    uint32_t column;
    VEC(struct value) numbers; /* ascending, each once, after coder_finish() */
    uint32_t base;
    /* What the loops search: for integer cells the least integer that is not below constant i, for doubles the same. */
    int64_t *int_floor;
    size_t int_count; /* constants that some integer reaches */
    double *double_floor;
    size_t double_count;
    bool *int_exact, *double_exact; /* the floor is the constant */
    uint16_t *table; /* codes of table_first - 1 (and below), table_first, ... (and above); NULL: too wide */
    int64_t table_first;
    size_t table_count;
};

/* What a predicate is for a cell that is a list. */
enum block_lists {
    LISTS_LIFT,   /* true for some element [SEGMENTATION 5.3] */
    LISTS_ONLY,   /* the same, and false for what is not a list */
    LISTS_FALSE,  /* and for odd cells */
    LISTS_FILLED, /* true when not empty; other odd cells: true */
    LISTS_ODD     /* ask the reference */
};

enum block_op_kind {
    OP_CONST,   /* negated: true */
    OP_AND,     /* args */
    OP_OR,      /* args */
    OP_NOT,     /* args[0] */
    OP_PRESENT, /* column is not null; negated: null */
    OP_TEST,    /* expr over SLOT(0), for each cell of column */
    OP_TIME,    /* instant of column inside of span, outside when negated; lists ODD or FALSE */
    OP_COMPARE, /* left cmp right */
    OP_WHEN,    /* left as an instant, as OP_TIME */
    OP_NULL,    /* left is null; negated: is not */
    OP_MEMBER,  /* inSegment(text) of no audience here */
    OP_ROW,     /* expr by the reference evaluator */
    OP_SPREAD,  /* args[0] of profiles, for each of their events */
    OP_EXISTS,  /* some event of the profile is in args[0] */
    OP_CHAIN,   /* args[0]: its events; args[1..]: what satisfies each element */
    /* These have no bits, but one item per profile. */
    OP_COUNT, /* events in args[0] */
    OP_FOLD,  /* fn over value left of the events in args[0] */
    OP_PICK   /* which event of args[0]: fn TOP_N the latest, BOTTOM_N the earliest, HEAD the first given */
};

struct block_op {
    enum block_op_kind kind;
    enum block_domain domain;
    bool negated;
    bool unsafe_numbers; /* TEST: codes do not decide for numbers */
    bool reads_clock;
    bool live; /* some audience needs it */
    enum value_cmp cmp;
    enum rule_fn fn;
    enum block_lists lists;
    uint16_t slot; /* TEST, TIME, ROW on events: the event in `origin` */
    uint32_t column, coder;
    uint32_t left, right; /* values */
    uint32_t *args;
    uint32_t arg_count;
    struct time_span span;
    struct str text;
    const struct rule_node *expr;   /* TEST, CHAIN, ROW: decides equality */
    const struct rule_node *origin; /* TEST, TIME: as the rule has it, for odd cells */
    const char *why;                /* ROW: why, and where in the text */
    uint32_t why_pos;
    uint32_t item; /* COUNT, FOLD, PICK, TEST, ROW: number among its like, set at the end */
};

enum block_value_kind {
    BLOCK_LITERAL,
    BLOCK_CLOCK,  /* clock: now, today... */
    BLOCK_COLUMN, /* of profiles or of the event */
    BLOCK_COUNT,  /* op */
    BLOCK_FOLD,   /* op */
    BLOCK_PICKED, /* column of the event that op picks */
    BLOCK_ARITH,  /* left arith right; right NO_ID: minus left */
};
struct block_value {
    enum block_value_kind kind;
    enum block_domain domain;
    enum rule_op clock;
    char arith;
    uint32_t column, op;
    uint32_t left, right;
    struct value literal;
};

struct rule_block_program {
    struct arena arena;
    struct str *ids;
    uint32_t *roots;
    uint32_t *order; /* audiences, each after those it refers to */
    const struct rule_node **rules;
    size_t audience_count;
    struct map by_id; /* id to its place in ids */
    VEC(struct block_op) ops;
    VEC(struct block_value) values;
    VEC(struct block_column_spec) columns;
    VEC(struct block_coder_spec) coders;
    uint32_t *live; /* operations in order */
    size_t live_count;
    size_t bit_ops[2]; /* live ones with bits, per domain */
    size_t count_ops, fold_ops, pick_ops, test_ops, row_ops;
    uint32_t timestamp; /* the column that orders events */
    size_t slot_count;
};

/* ---- building ---- */

struct compile {
    struct rule_block_program *p;
    struct arena *a; /* the program's */
    const struct rule_audience *audiences;
    struct cons ops, values, columns;
    uint32_t event_slot; /* NO_ID: on profiles */
    uint32_t open;       /* slots below it are bound around the node at hand */
    unsigned in_let;     /* the node is a copy: it cannot be left to the reference */
    const char *why;     /* the innermost reason that something is no operation */
    uint32_t why_pos;
    bool nomem;
};

/* NO_ID, and the reason if there is none yet. */
uint32_t compile_refuse(struct compile *c, const struct rule_node *n, const char *why);
/* The operation that means n in a boolean position; what has no other form becomes OP_ROW if it can. */
uint32_t compile_bool(struct compile *c, const struct rule_node *n);
uint32_t compile_op(struct compile *c, const struct block_op *like);
/* With the operations that its values read as further operands. */
uint32_t compile_valued_op(struct compile *c, struct block_op *op, bool has_right);
uint32_t compile_junction(struct compile *c, enum block_op_kind kind, enum block_domain domain, const uint32_t *args,
                          size_t n);
uint32_t compile_not(struct compile *c, uint32_t id);
uint32_t compile_const(struct compile *c, enum block_domain domain, bool value);
uint32_t compile_value(struct compile *c, const struct rule_node *n);
uint32_t compile_value_of(struct compile *c, const struct block_value *like);
uint32_t compile_column(struct compile *c, enum block_domain domain, const struct str *parts, size_t n);
/* n is a field path below the profile, or below the event when there is one. */
uint32_t compile_path(struct compile *c, const struct rule_node *n);
static inline enum block_domain
compile_domain(const struct compile *c)
{
    return c->event_slot == NO_ID ? ON_PROFILES : ON_EVENTS;
}

/* rule_block_test.c. NO_ID without a reason: n is no predicate of one cell. */
uint32_t compile_test(struct compile *c, const struct rule_node *n);
bool coder_finish(struct block_coder_spec *s, struct arena *a);

/* rule_block_list.c. The events in list n; NO_ID: it is not a list of events. */
uint32_t compile_events(struct compile *c, const struct rule_node *n);
uint32_t compile_quant(struct compile *c, const struct rule_node *n);
uint32_t compile_list_call(struct compile *c, const struct rule_node *n);
uint32_t compile_chain(struct compile *c, const struct rule_node *n);
/* count, sum, ... over events, and fields of one picked event. */
uint32_t compile_aggregate(struct compile *c, const struct rule_node *n);
uint32_t compile_picked(struct compile *c, const struct rule_node *n);

/* ---- columns of a block ---- */

/* Codes of one coder for the rows at hand. */
struct block_codes {
    uint16_t *wide;
    uint8_t *narrow; /* when all codes fit */
    bool is_narrow;
    uint32_t count;   /* codes in use */
    uint16_t *listed; /* of the elements of lists */
    size_t rows_cap, listed_cap;
};

/* A text keeps its number until the dictionary is emptied, which is between blocks. */
struct block_dictionary {
    struct str *texts;
    uint32_t count, cap; /* entries 0 and 1 are false and true */
    uint32_t *slots;     /* open addressing: entry, 0: free */
    size_t slot_count;
    char *bytes;
    size_t byte_count, byte_cap;
    uint32_t generation; /* counts how often it was emptied */
};

struct block_column {
    const struct block_column_spec *spec;
    size_t cap;           /* rows there is room for */
    unsigned kinds_seen;  /* 1 << enum value_kind, of scalars that are not null */
    uint64_t *present;    /* not null */
    uint64_t *odd, *list; /* cells of those forms; meaningless unless the flag is set */
    bool has_odd, has_list;
    uint8_t *kinds; /* enum value_kind: NULL, BOOL, INT, DOUBLE, STRING; VALUE_LIST: list; VALUE_MAP: odd */
    int64_t *own_cells;
    const int64_t *cells;    /* integers, doubles' bits, entries of the dictionary; own or the caller's */
    const uint32_t *entries; /* instead of cells: texts of the caller, translated */
    uint32_t *own_entries;
    size_t entries_cap;
    int64_t *own_times;
    const int64_t *times; /* TIME_NONE: not an instant */
    uint32_t *list_ends;  /* per row: elements up to here */
    uint8_t *listed_kinds;
    int64_t *listed;
    size_t listed_count, listed_cap;
    struct block_dictionary dictionary;
    /* translation of the caller's texts: entry + 1, 0: not seen yet */
    const struct str *foreign;
    size_t foreign_count;
    uint32_t foreign_generation;
    uint32_t *translation;
};

#define SET_RUNS 3

/* The set of one OP_TEST, as far as it is known. */
struct block_test {
    uint64_t *set;       /* a bit per code */
    uint64_t *failed;    /* codes for which the reference gave up; NULL: none */
    size_t cap;          /* codes there is room for */
    uint32_t known;      /* codes evaluated */
    uint32_t generation; /* of the dictionary */
    int64_t now_ms;
    /* how the set is matched, for codes below `planned` */
    uint32_t planned;
    uint32_t run_count;             /* runs of codes; more than SET_RUNS: by table */
    uint32_t runs[SET_RUNS][2];     /* first, last */
    uint8_t table[BLOCK_SET_BYTES]; /* for narrow codes */
};

struct rule_block {
    const struct rule_block_program *p;
    const struct block_kernels *k;
    size_t bytes, bytes_max;
    size_t rows, rows_max;
    size_t events, events_cap;
    struct block_column *columns;
    struct block_codes *codes;
    struct block_test *tests;
    bool documents; /* filled from JSON */
    bool sealed;    /* codes are there */
    const struct json **profiles;
    const struct json **event_docs;
    const struct json **given_docs; /* of each profile in the order they were given */
    uint32_t *event_ends;           /* rows_max + 1: events of row i are [event_ends[i], event_ends[i + 1]) */
    uint32_t *event_profile;        /* per event */
    uint32_t *given;                /* per profile its events in the order they were given */
    bool reordered;                 /* some profile's differ from the table's order */
    uint64_t *strange; /* profiles that are no objects, or have such events: left to the reference as a whole */
    bool has_strange;
    uint64_t *own_bits; /* results of audiences when some profile is strange, in place of their roots' bits */
    bool use_own;
    /* results */
    uint64_t **bits; /* per operation; NULL: none */
    uint64_t *profile_bits, *event_bits;
    size_t profile_words, event_words, event_words_cap;
    int64_t *counts;     /* count_ops * rows_max */
    struct value *folds; /* fold_ops * rows_max */
    uint32_t *picks;     /* pick_ops * rows_max; NO_ID: none */
    uint64_t **known;    /* per OP_ROW: rows evaluated */
    uint64_t *known_profiles, *known_events;
    size_t known_events_cap;
    uint64_t **undecided; /* per operation; NULL: none */
    bool has_undecided;
    struct rule_block_now now;
    struct arena scratch; /* of one evaluation by the reference */
    struct arena results; /* of one run: texts and lists that folds keep */
    struct value *slots;  /* slot_count, null but for the event's */
    uint64_t *mask;       /* scratch of one conjunction */
    size_t mask_words;
    struct diag *d;
    enum err failed; /* ERR_OK, or why the run cannot go on */
};

/* Memory that counts against LIMIT_RULE_BLOCK_BYTES, zeroed; NULL: b->failed is set. `old` grows to `count` items. */
void *block_grow(struct rule_block *b, void *old, size_t old_count, size_t count, size_t item_bytes);

static inline size_t
block_words(size_t rows)
{
    return (rows + BLOCK_ROUND - 1) / BLOCK_ROUND * (BLOCK_ROUND / 64);
}

/* Sets bits [from, to). */
static inline void
bits_set_range(uint64_t *bits, size_t from, size_t to)
{
    while (from < to) {
        size_t n = 64 - from % 64 < to - from ? 64 - from % 64 : to - from;
        bits[from / 64] |= (n == 64 ? ~UINT64_C(0) : ((UINT64_C(1) << n) - 1)) << (from % 64);
        from += n;
    }
}

/* rule_block.c */
bool block_reserve_events(struct rule_block *b); /* for the bits of b->events */
void block_forget_undecided(struct rule_block *b);
/* rule_block_column.c */
bool column_reserve(struct rule_block *b, struct block_column *col, size_t rows);
void column_clear(struct block_column *col);
void column_free(struct block_column *col);
/* Puts the path of a document into a row; instant: its time, when that is known already. */
void column_put(struct rule_block *b, struct block_column *col, size_t row, const struct json *document,
                const int64_t *instant);
/* The dictionary's number of a text; NO_ID: full. */
uint32_t column_entry(struct rule_block *b, struct block_column *col, struct str text);
/* The scalar in a row; for lists and odd cells and what is not there, null. */
struct value column_scalar(const struct block_column *col, size_t row);
/* The kind of a scalar; VALUE_LIST, VALUE_MAP (odd), VALUE_NULL. VALUE_TIME: given as an instant. */
enum value_kind column_kind(const struct block_column *col, size_t row);
struct value column_listed(const struct block_column *col, size_t element);
void codes_make(struct rule_block *b, uint32_t coder);
void codes_free(struct block_codes *c);
/* A value with this code; false: there is none. */
bool code_representative(const struct block_coder_spec *s, const struct block_column *col, uint32_t code,
                         struct value *out);

/* rule_block_run.c */
struct value block_value_at(struct rule_block *b, uint32_t id, enum block_domain domain, size_t row);
/* n by the reference evaluator. false: it gave up. */
bool block_reference(struct rule_block *b, const struct rule_node *n, uint16_t slot, enum block_domain domain,
                     size_t row, struct arena *a, struct value *out);
void block_undecided(struct rule_block *b, uint32_t op, size_t row);
/* Ends of a span at the run's now; events without an instant are outside of every span. */
void block_span(const struct rule_block *b, const struct time_span *span, int64_t *lo, int64_t *hi);
static inline size_t
block_count(const struct rule_block *b, enum block_domain domain)
{
    return domain == ON_EVENTS ? b->events : b->rows;
}

/* rule_block_event.c */
void block_spread(struct rule_block *b, const uint64_t *profiles, uint64_t *out);
void block_exists(struct rule_block *b, const uint64_t *events, uint64_t *out);
void block_run_count(struct rule_block *b, const struct block_op *op);
void block_run_fold(struct rule_block *b, const struct block_op *op);
void block_run_pick(struct rule_block *b, const struct block_op *op);
void block_run_chain(struct rule_block *b, uint32_t id, uint64_t *out);

/* rule_block_match.c */
void block_run_test(struct rule_block *b, uint32_t id, uint64_t *out);
void block_run_time(struct rule_block *b, uint32_t id, uint64_t *out);

#endif
