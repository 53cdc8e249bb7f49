/* rule_graph_int.h - the parts of the predicate graph that its own files share.
 *
 * Reading order: this file, then
 *
 *   rule_graph.c           audiences to nodes
 *   rule_graph_grow.c      what stays when audiences change
 *   rule_graph_cons.c      sharing
 *   rule_graph_window.c    which expressions become window leaves: counts and sums
 *   rule_graph_chain.c     sequences
 *   rule_graph_expr.c      other aggregates, and expressions of several
 *   rule_graph_part.c      window leaves as things that are shared
 *   rule_graph_needs.c     which of them can share a series
 *   rule_graph_scan.c      what the other leaves read, and when they must be looked at again
 *   rule_graph_index.c     which event wakes what
 *   rule_graph_live.c      what is in use, and who asks whom
 *   rule_graph_time.c      instants that move with the clock
 *   rule_graph_series.c    the pairs of a profile
 *   rule_graph_truth.c     a window leaf over them, and when it flips
 *   rule_graph_flips.c     all flips of a state
 *   rule_graph_unknown.c   its nodes without a truth
 *   rule_graph_state.c     the steps
 *   rule_graph_store.c     a state as bytes
 *   rule_graph_manifest.c  what numbers mean, for states that other graphs wrote
 *
 * The parts:
 *
 *   audience -> node (and, or, not) -> leaf        attribute or scan: an expression and the reference evaluator
 *                                   -> window leaf -> part -> series -> predicate of an event
 *
 * A predicate is evaluated once per event however many leaves use it; a series (predicate, value, time field) keeps its
 * pairs once however many windows and thresholds are asked of it.
 *
 * Growth: nodes, leaves, series, predicates, paths and bindings (an audience and what it means) have numbers. A graph
 * that is made from the one before keeps them, and what is new gets the next ones; so a state saved under any graph
 * before is a prefix of what the newest knows. What no audience reaches any more is dead: not woken, not evaluated, and
 * never found again by its content, for its bit in states is not kept true. What a number means never changes, and that
 * includes what a series keeps: a leaf that needs more of it gets a series of its own. */
#ifndef RULE_RULE_GRAPH_INT_H
#define RULE_RULE_GRAPH_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/limits.h"
#include "os/thread.h"
#include "rule/rule_cons.h"
#include "rule/rule_graph.h"

#define TIME_FIRST_MS (-62135596800000LL) /* 0001-01-01T00:00:00Z [SEGMENTATION 8.1] */
#define TIME_LAST_MS 253402300799999LL    /* 9999-12-31T23:59:59.999Z */
#define TIME_NONE INT64_MIN               /* an event without a readable time; also "infinitely early" */
#define TIME_NEVER INT64_MAX

/* ---- instants that move with the clock (rule_graph_time.c) ---- */

/* A function of now: base, shifted, cut to a calendar unit, plus milliseconds. It does not decrease, or at midnights
 * only. */
enum time_base { TIME_BASE_FIRST, TIME_BASE_LAST, TIME_BASE_CONST, TIME_BASE_NOW, TIME_BASE_PERIOD };
struct time_fn {
    enum time_base base;
    enum rule_unit unit;       /* PERIOD: start of the unit that holds now, moved by period_shift units */
    enum rule_unit shift_unit; /* when shift != 0 */
    enum rule_unit floor_unit; /* when floored */
    bool floored;
    bool floor_end; /* the end of that unit instead of its start */
    int64_t period_shift;
    int64_t shift;
    int64_t plus_ms;
    int64_t constant; /* CONST */
    /* set by time_fn_prepare */
    bool linear;     /* now + linear_ms, then + plus_ms: no calendar in it */
    bool falls_back; /* at some midnights */
    int64_t linear_ms;
    int64_t base_ms; /* how far the base is from now's unit, when f falls back */
};

/* Event times lo(now) <= t <= hi(now). */
struct time_span {
    struct time_fn lo, hi;
};

#define TIME_FN_FIRST ((struct time_fn){.base = TIME_BASE_FIRST})
#define TIME_FN_LAST ((struct time_fn){.base = TIME_BASE_LAST})

/* After the fields above are set, once. */
void time_fn_prepare(struct time_fn *f);
int64_t time_fn_calendar_at(const struct time_fn *f, int64_t now);
static inline int64_t
time_fn_at(const struct time_fn *f, int64_t now)
{
    int64_t at = now + f->linear_ms;

    if (f->linear && at >= TIME_FIRST_MS && at <= TIME_LAST_MS)
        return at + f->plus_ms;
    return time_fn_calendar_at(f, now);
}
/* The first instant after now at which f is greater than limit; TIME_NEVER. f(now) <= limit. */
int64_t time_fn_exceeds(const struct time_fn *f, int64_t limit, int64_t now);
/* The first instant after now at which f is not greater than limit; TIME_NEVER. f(now) > limit. */
int64_t time_fn_returns(const struct time_fn *f, int64_t limit, int64_t now);
/* The first instant after now at which f is on the other side of limit (greater, or not); TIME_NEVER. */
int64_t time_fn_crosses(const struct time_fn *f, int64_t limit, int64_t now);
/* The least value that f takes at now or later. */
int64_t time_fn_least(const struct time_fn *f, int64_t now);
bool time_fn_moves(const struct time_fn *f);
/* f(now) >= now at every now: events of the past are behind no end of f. */
bool time_fn_reaches_now(const struct time_fn *f);
bool time_fn_equal(const struct time_fn *a, const struct time_fn *b);
/* How far f can lie behind now; INT64_MAX: no bound. */
int64_t time_fn_behind_ms(const struct time_fn *f);
uint64_t time_fn_hash(const struct time_fn *f);

/* The tail of occurs as a span. args: the node's arguments, which hold its times.
 * SPAN_INSIDE   true inside the span; SPAN_OUTSIDE: true outside of it (cmp !=);
 * SPAN_DYNAMIC  some time is a value of the profile or event; the other ends of *out are right, that one never moves;
 * SPAN_UNKNOWN  some time reads the clock in a way that is not a function above. */
enum span_form { SPAN_INSIDE, SPAN_OUTSIDE, SPAN_DYNAMIC, SPAN_UNKNOWN };
enum span_form rule_when_span(const struct rule_when *w, struct rule_node *const *args, size_t arg_count,
                              struct time_span *out);

/* ---- the graph ---- */

struct graph_path { /* a path inside a profile or an event */
    struct str *parts;
    size_t n;
    struct str dotted;
    bool in_profile, in_event; /* read there */
};

struct conjunct {
    const struct rule_node *node;
    uint16_t slot;        /* the event */
    uint32_t field;       /* path of the event's field that node compares with a literal and nothing else; else NO_ID */
    enum value_cmp cmp;   /* ... how, */
    struct value literal; /* ... and with what: here, for most conditions fail and nothing else of them is read */
};

/* An event can satisfy a predicate, or matter to a leaf, only when the text at one of its paths equals that
 * alternative's. None: any event may. */
struct wake_alternative {
    uint32_t path;
    struct str value;
    uint32_t skip; /* the conjunct that an exact hit has proved; NO_ID: none */
};
typedef VEC(struct wake_alternative) wake_alternatives;

struct predicate { /* all conjuncts hold for the event */
    struct conjunct *conjuncts;
    size_t n;
    wake_alternatives wakes;
    uint32_t *series; /* those in use; none: the predicate is dead */
    size_t series_count;
    uint64_t content;
};

/* What a pair of a series keeps beside its time. */
enum series_keeps {
    KEEPS_TIMES,   /* nothing; with `value`: one pair per value that is not null */
    KEEPS_NUMBERS, /* one pair per value that is a number */
    KEEPS_VALUES,  /* one pair per value that has an order: numbers, times, texts */
    KEEPS_PICKS    /* one pair per event: its sort value, null where it has none, and whether `test` holds */
};

enum {
    PICKS_FIRST = 1,
    PICKS_LAST = 2,
    PICKS_WINDOWED = 4, /* among those in a window that reaches up to now */
    PICKS_ALL = 8       /* in any window */
};

/* How far back pairs matter to a leaf: not before the latest of the starts of its windows. */
struct horizon {
    const struct time_span *spans;
    size_t n; /* 1 or more */
};

struct series {
    uint32_t predicate;
    enum series_keeps keeps;
    const struct rule_node *value; /* NULL: the event itself */
    uint16_t value_slot;
    const struct rule_node *test; /* PICKS: of the event; NULL: always true */
    uint16_t test_slot;
    uint32_t time_path;
    uint32_t root;    /* the first series of this content, whatever it keeps: what leaves are compared by */
    uint32_t *leaves; /* node ids of its window leaves in use; none: the series is dead */
    size_t leaf_count;
    uint64_t content;
    /* What it keeps for them: settled once the graph that first had it is made. */
    bool keep_pairs;
    bool keep_total; /* some leaf counts without a window */
    bool forever;    /* some leaf looks at values without a window: no pair ever leaves */
    uint32_t newest; /* only so many pairs that are not in the future matter; NO_ID: all */
    unsigned picks;  /* PICKS_ bits: which of them may be asked for */
    VEC(struct horizon) horizons;
};

struct window_bound {
    enum value_cmp cmp;
    struct value literal;
};

enum aggregate {
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_AVERAGE,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_FIRST, /* of the pick with the least sort value: whether its test holds, or its time */
    AGGREGATE_LAST   /* ... the greatest */
};

/* What a window leaf wants to know of one series: an aggregate over the pairs in a window, or the events of one element
 * of a sequence. */
struct window_part {
    uint32_t series;
    enum aggregate aggregate;
    bool timed;              /* events without a readable time do not count */
    struct time_span *spans; /* inside all; none: no window */
    size_t span_count;
    bool falls_back;            /* some end does */
    bool instant;               /* FIRST, LAST: the time of the pick instead of its test */
    bool none;                  /* FIRST, LAST, not instant: the test of no event at all */
    const struct rule_node *of; /* SEQUENCE: the element, for its counts, gaps and negation */
};

enum window_form {
    WINDOW_BOUNDS,   /* one part, COUNT or SUM, compared with bounds */
    WINDOW_SEQUENCE, /* a part per element of a chain */
    WINDOW_EXPR      /* an expression over slots that hold the parts' aggregates */
};

/* expr reads the clock only as `SLOT occurs ...`: it may flip when an end of the span passes the part's value. */
struct window_term {
    uint32_t part;
    struct time_span span;
};

struct window_leaf {
    enum window_form form;
    struct window_part *parts;
    size_t part_count;
    struct window_bound *bounds; /* BOUNDS: all hold */
    size_t bound_count;
    const struct rule_node *expr; /* EXPR */
    uint16_t slot;                /* EXPR: of the first part; the others follow */
    struct window_term *terms;    /* EXPR */
    size_t term_count;
};

/* What an expression's value may be taken from: a superset, as a path from the profile or from any event. */
enum origin_root { ORIGIN_NONE, ORIGIN_PROFILE, ORIGIN_EVENT, ORIGIN_LITERAL };
#define ORIGIN_PARTS 16 /* deeper paths have no known origin */
struct origin {
    enum origin_root root;
    const struct rule_node *literal;
    struct str parts[ORIGIN_PARTS];
    size_t n;
};

/* One reason to look at a leaf again: a span, and the timestamps that may cross its ends. */
struct clock_term {
    enum origin_root root; /* NONE: the first instant at which span.lo moves */
    uint32_t path;
    int64_t literal_ms;
    struct time_span span;
};

enum {
    READS_PROFILE = 1,
    READS_EVENTS = 2,
    READS_CLOCK = 4,
    READS_PARAMS = 8,
    READS_MEMBERS = 16, /* inSegment of something that is no audience of the graph */
    READS_LOOK = READS_CLOCK | READS_MEMBERS,
    READS_RECORD = READS_PROFILE | READS_PARAMS | READS_MEMBERS,
};

struct leaf_dep {
    struct str id;
    uint32_t node;
};

struct leaf {
    const char *why;      /* reads events: what keeps it from being a window leaf */
    uint32_t field;       /* path of a record's field that expr compares with a literal and nothing else; else NO_ID */
    enum value_cmp cmp;   /* ... how, */
    struct value literal; /* ... and with what: here, so that a thousand such leaves are read in one sweep */
    const struct rule_node *expr;
    unsigned reads;
    bool restless; /* reads now in a way we cannot solve: looked at in every step and every minute */
    uint32_t look; /* index of its next look in a state, when reads & READS_LOOK; else NO_ID */
    VEC(struct clock_term) terms;
    VEC(struct leaf_dep) deps; /* audiences inside the expression */
    wake_alternatives wakes;   /* when it reads events */
    uint32_t node;
};

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_LEAF, NODE_WINDOW };

struct graph_node {
    enum node_kind kind;
    uint32_t index;     /* of the leaf or window leaf */
    uint32_t *children; /* all with smaller numbers; for a leaf: the roots of its deps */
    uint32_t child_count;
    uint32_t parent_count;
    uint32_t *parents;   /* those in use */
    uint32_t *audiences; /* whose root this is */
    uint32_t audience_count;
    bool scans;
    int64_t lookback_ms;
    uint64_t content; /* hash of all that decides its truth, the same in every graph and every run */
};

struct graph_audience {
    struct str id;
    uint64_t hash;           /* of the id */
    const struct rule *rule; /* of the caller; never looked into, for it may be gone: only compared */
    uint32_t root;
    uint32_t binding;     /* number of "this id means this node" */
    const uint64_t *refs; /* hashes of the ids in its inSegment() */
    size_t ref_count;
    const struct path_read *reads;
    size_t read_count;
};

struct path_read { /* a path that an audience reads */
    uint32_t path;
    enum origin_root root; /* PROFILE or EVENT */
};

/* The wake-up index: what to evaluate for an event. */
enum wake_kind { WAKE_PREDICATE, WAKE_LEAF };
struct wake_target {
    enum wake_kind kind;
    uint32_t id;   /* WAKE_LEAF: of the node */
    uint32_t skip; /* the conjunct that an exact hit has proved; NO_ID: none */
};

struct wake_slot { /* of an open-addressed table; no targets: free */
    struct str value;
    uint32_t path;
    VEC(struct wake_target) targets;
};

struct wake_path { /* looked up in every event */
    uint32_t path;
    VEC(struct wake_target) targets; /* everything on it, for values that are no text */
};

struct wake_index {
    atomic_uint refs;
    struct arena arena;
    size_t predicates, leaves; /* it holds those with smaller numbers */
    size_t target_count;
    VEC(struct wake_path) paths;
    VEC(struct wake_target) always;
    struct wake_slot *slots;
    size_t slot_count; /* 0 or a power of two */
};

struct look_leaf {
    uint32_t node, look;
};

/* One graph among those that number alike: how far it counted. */
struct graph_mark {
    uint64_t fingerprint; /* of all that is numbered so far, and of the changes of audiences on the way */
    uint32_t nodes, looks, series, bindings;
};

/* What graphs that grew from one another share: the contents behind the numbers, and the tables that find a number by
 * its content. The tables may name what a graph does not have (a graph that was made and given up, a newer one): a
 * reader compares the content in its own arrays. Everything is only added to, under the lock. */
struct numbering {
    atomic_uint refs;
    struct os_mutex lock; /* held while a graph is made */
    struct arena arena;
    struct cons nodes, predicates, series, paths;
    struct cons popular; /* alternative to how many conjunctions offer it */
    struct rule **rules; /* owned array of holds: the contents point into their trees */
    size_t rule_count, rule_cap;
    atomic_size_t earlier_count;
    struct translation *earlier[LIMIT_GRAPH_MANIFESTS]; /* owned; set once, then counted */
};

struct rule_graph {
    struct numbering *numbering; /* held */
    struct arena arena;          /* of what is this graph's own: the arrays below */
    uint64_t version;
    struct graph_audience *audiences;
    size_t audience_count;
    struct hash_key id_key;
    uint32_t *by_id; /* open-addressed, of indexes of audiences */
    size_t by_id_slots;
    VEC(struct graph_node) nodes;
    VEC(struct leaf) leaves;
    VEC(struct window_leaf) windows;
    VEC(struct predicate) predicates;
    VEC(struct series) series;
    VEC(struct graph_path) paths;
    VEC(struct graph_mark) marks; /* the last is this graph */
    VEC(uint64_t) bindings;       /* content: id and root */
    uint32_t *binding_audience;   /* index of the audience; NO_ID: the binding is no more */
    uint64_t *live;               /* a bit per node */
    uint64_t *live_series;        /* a bit per series */
    size_t live_count;
    size_t compiled;                 /* audiences whose trees were walked to make this graph */
    VEC(struct str) attribute_paths; /* sorted */
    VEC(struct str) event_paths;
    VEC(uint32_t) event_leaves;        /* node ids of leaves in use that read events */
    VEC(uint32_t) record_leaves;       /* ... that read the record, parameters or memberships */
    VEC(struct look_leaf) look_leaves; /* ... with a look */
    VEC(uint32_t) restless_leaves;
    uint32_t look_count;
    uint64_t *live_looks;     /* a bit per look */
    size_t slot_count;        /* highest over all rules */
    size_t scratch_bytes_max; /* LIMIT_RULE_SCRATCH_BYTES; tests set less */
    struct wake_index
        *wake[2]; /* held: the bulk, shared with graphs before and after; and what is newer (NULL: none) */
};

/* rule_graph_extend() in so many bytes for each of its arenas: LIMIT_RULE_GRAPH_BYTES, and less in tests. */
enum err rule_graph_extend_within(const struct rule_graph *before, const struct rule_audience *audiences, size_t n,
                                  uint64_t version, size_t bytes_max, struct rule_graph **out, struct diag *d);

/* ---- building ---- */

struct build {
    struct rule_graph *g;
    struct numbering *numbering;
    struct arena *a;                 /* contents: the numbering's */
    struct arena *flat;              /* arrays: the graph's */
    struct arena scratch;            /* of one audience at a time */
    const struct rule_graph *before; /* NULL: none; what is dead in it is never found */
    const struct rule_audience *audiences;
    struct graph_mark first; /* of what is new */
    size_t first_predicate;
    VEC(struct path_read) reads; /* of the audience in hand; in scratch */
    struct origin *slots;        /* per slot, while a leaf is read */
    size_t slot_count;
    const char *why; /* the last expression was no window leaf: a static text */
    bool nomem;
};

/* rule_cons_add, with b->nomem for its failure. */
void cons_add(struct build *b, struct cons *c, uint64_t hash, uint32_t id);
/* In use before, or new: only these are found by their content. */
bool build_has_node(const struct build *b, uint32_t id);
bool build_has_series(const struct build *b, uint32_t id);
bool build_has_predicate(const struct build *b, uint32_t id);

uint32_t build_path(struct build *b, const struct str *parts, size_t n);
void build_read_path(struct build *b, enum origin_root root, const struct str *parts, size_t n);
uint32_t build_predicate(struct build *b, const struct conjunct *conjuncts, size_t n);
/* A window leaf whose part i is over a series with the content of likes[i]; *w is copied when new, with its series
 * chosen here so that they keep enough. */
uint32_t build_window(struct build *b, const struct series *likes, const struct window_leaf *w);
/* The expression as a leaf for the reference evaluator. */
uint32_t build_leaf(struct build *b, const struct rule_node *n);
uint32_t build_inner(struct build *b, enum node_kind kind, const uint32_t *children, size_t n);
const struct graph_audience *build_audience(const struct build *b, struct str id);

/* ---- rule_graph_needs.c ---- */

/* Whatever `wide` keeps is enough for `narrow`, at every instant. */
bool needs_cover(const struct series *wide, const struct series *narrow);
/* keeps keeps what more does, too. false: the arena is exhausted. */
bool needs_widen(struct series *keeps, const struct series *more, struct arena *a);
/* The first instant that can still matter at now or later; INT64_MAX: no pair can. */
int64_t needs_horizon_ms(const struct series *keeps, int64_t now);
uint64_t needs_hash(const struct series *keeps);

/* ---- rule_graph_grow.c ---- */

/* Takes over from b->before what stays. *fresh (arena, scratch): the audiences to compile, each after those it refers
 * to. ERR_INVALID: two audiences with one id, or a cycle. */
enum err grow_audiences(struct build *b, size_t n, uint32_t **fresh, size_t *fresh_count, struct diag *d);
struct graph_audience *rule_graph_audience_of(const struct rule_graph *g, struct str id);

/* ---- rule_graph_live.c ---- */

/* What is in use, who is whose parent, and the lists of leaves. false: no memory. */
bool rule_graph_link(struct build *b);

/* ---- rule_graph_manifest.c ---- */

struct translation {
    struct arena arena;       /* of the arrays */
    struct graph_mark *marks; /* of the earlier graphs */
    size_t mark_count;
    uint32_t *nodes; /* by earlier number: ours, or NO_ID */
    uint32_t *series;
    uint32_t *looks;        /* by earlier look: ours, or NO_ID */
    uint32_t *bindings;     /* by our number: the earlier one, or NO_ID */
    uint32_t binding_count; /* ours at the time */
};
void translation_free(struct translation *t);
/* Contents and bindings of what is new, and how far this graph counts. false: no memory. */
bool rule_graph_mark_new(struct build *b);
/* The mark with this fingerprint among those of g and before; NULL: none. */
const struct graph_mark *rule_graph_mark_of(const struct rule_graph *g, uint64_t fingerprint);
const struct translation *rule_graph_translation_of(const struct rule_graph *g, uint64_t fingerprint,
                                                    const struct graph_mark **mark);
/* rule_graph_learn() of the graph itself. */
enum err rule_graph_learn_from(const struct rule_graph *g, const struct rule_graph *earlier, struct diag *d);

/* The window leaf (or a conjunction of two) that means n in a boolean position; NO_ID: it is none, and b->why says why.
 */
uint32_t build_window_leaf(struct build *b, const struct rule_node *n);
/* rule_graph_chain.c: a RULE_CHAIN of several elements. rule_graph_expr.c: any expression whose events are read through
 * aggregates. */
uint32_t build_sequence_leaf(struct build *b, const struct rule_node *n);
uint32_t build_expr_leaf(struct build *b, const struct rule_node *n);
/* Marks what part i needs its series to keep; horizons apart. */
void series_needs(struct series *s, const struct window_leaf *w, size_t i);
/* How far back pairs of part i can matter: the spans of its own window, or those of an element before it in a sequence,
 * after which its events must be. n = 0: without a bound. */
struct horizon part_horizon(const struct window_leaf *w, size_t i);

/* What rule_graph_cons.c needs of a window leaf: equality and hash of content, the series of its parts left out (the
 * hash is the same in every run), a copy in the numbering's arena (false: it is exhausted), how far back it looks. */
bool window_same(const struct window_leaf *a, const struct window_leaf *b);
uint64_t window_hash(const struct window_leaf *w);
bool window_copy(struct build *b, const struct window_leaf *w, struct window_leaf *out);
int64_t window_lookback_ms(const struct rule_graph *g, const struct series *likes, const struct window_leaf *w);

/* Conjuncts and windows of a predicate over one event, gathered from a list expression and conditions. */
#define PATTERN_CONJUNCTS 32
#define PATTERN_SPANS 4
struct pattern {
    struct conjunct conjuncts[PATTERN_CONJUNCTS];
    size_t n;
    struct time_span spans[PATTERN_SPANS];
    size_t span_count;
    struct origin time_path; /* n = 0: not yet known */
    bool needs_let;          /* no conjunct may read this slot */
    uint16_t let_slot;
};
/* n is xEvent, possibly filtered by predicates of the event alone. `loose` accepts conjuncts that read other things
 * (they are left out, which widens the pattern). */
bool pattern_list(struct pattern *p, const struct rule_node *n, bool loose);
bool pattern_where(struct pattern *p, const struct rule_node *n, uint16_t slot, bool loose);
bool pattern_when(struct pattern *p, const struct rule_node *element, struct str path);
/* How far back the pattern looks; INT64_MAX without a window that moves. */
int64_t pattern_lookback_ms(const struct pattern *p);
int64_t spans_lookback_ms(const struct time_span *spans, size_t n);

bool same_origin(const struct origin *a, const struct origin *b);
/* The path is the field timestamp, by which events are in order. */
bool is_timestamp(const struct origin *path);

/* An aggregate over a pattern, on the way to a window part. */
struct aggregation {
    struct pattern p;
    enum aggregate kind;
    const struct rule_node *value; /* NULL: the events themselves */
    uint16_t value_slot;
    const struct rule_node *test; /* FIRST, LAST */
    uint16_t test_slot;
};
/* n is one of the five aggregations over a pattern. */
bool aggregation_of(struct build *b, const struct rule_node *n, struct aggregation *g);
/* The part, whose spans are borrowed from g, and the content of its series; false: out of memory. */
bool aggregation_part(struct build *b, const struct aggregation *g, bool timed, struct window_part *out,
                      struct series *like);
/* Contents are made in the numbering's arena before it is known whether they are new: gives back what nothing new
 * points into. */
struct build_try {
    struct arena_mark mark;
    size_t things;
};
struct build_try build_try_begin(const struct build *b);
void build_try_end(struct build *b, struct build_try t);

/* The bounds of a chain of one hold for no event at all, such as COUNT(< 3). */
bool element_allows_none(const struct rule_element *e);

/* n is a field path below SLOT(slot). */
bool node_slot_path(const struct rule_node *n, uint16_t slot, struct origin *out);
/* The timestamp path of a chain. */
bool split_chain_path(struct str path, struct origin *out);
/* READS_ bits of everything below n, and FN_IN_SEGMENT as READS_MEMBERS. */
unsigned node_reads(const struct rule_node *n);
bool node_mentions_slot(const struct rule_node *n, uint16_t slot);
static inline bool
when_reads_clock(const struct rule_when *w)
{
    return w->from.period != PERIOD_NONE || (w->form == WHEN_BETWEEN && w->to.period != PERIOD_NONE);
}

/* Fills leaf (reads, terms, deps) and records the paths that n reads. */
void build_leaf_reads(struct build *b, const struct rule_node *n, struct leaf *out);
/* What an event must hold to matter to n, and how far back n looks. */
void build_leaf_guard(struct build *b, const struct rule_node *n, wake_alternatives *out, int64_t *lookback_ms);

/* Alternatives of a conjunction, in scratch; none: any event may satisfy it. */
void build_alternatives(struct build *b, const struct conjunct *conjuncts, size_t n, wake_alternatives *out);
/* A copy that stays. */
bool build_keep_alternatives(struct build *b, wake_alternatives *wakes);
void build_wake_index(struct build *b, size_t bytes_max);
void wake_index_free(struct wake_index *w);
/* Calls each() for whatever the event may satisfy, more than once at times. exact: the value is the text of the
 * target's alternative and nothing else. */
void wake_event(const struct rule_graph *g, const struct json *event,
                void (*each)(void *ctx, const struct wake_target *target, bool exact), void *ctx);

/* ---- a profile's state ---- */

struct number {
    bool is_double;
    union {
        int64_t i;
        double f;
    };
};

struct series_state {
    uint32_t id;
    bool decoded;
    struct str raw; /* while not decoded: borrowed from the state's bytes */
    uint64_t total, total_timed;
    size_t n, cap;
    int64_t *times;         /* ascending; TIME_NONE first */
    struct number *numbers; /* KEEPS_NUMBERS */
    struct value *values;   /* KEEPS_VALUES, KEEPS_PICKS: null, numbers, times, texts */
    bool *held;             /* KEEPS_PICKS: the test */
};

struct flip { /* a window leaf that changes by itself */
    uint32_t node;
    int64_t at_ms;
};

struct rule_state {
    const struct rule_graph *g;
    struct arena *arena;
    int64_t now_ms;
    bool broken;        /* a step failed half-way */
    struct flip *flips; /* of window leaves, by node */
    size_t flip_count, flip_cap;
    uint64_t *bits;
    uint64_t *unknown;           /* by node: it has no truth yet, its bit is 0; NULL: every node has one */
    int64_t *looks;              /* by look; TIME_NEVER: none */
    struct state_news *news;     /* of a state that an earlier graph wrote, until its first step; else NULL */
    struct series_state *series; /* those that hold something, by id */
    size_t series_count, series_cap;
    size_t series_found; /* where the last look-up ended: the next one is mostly of the same */
    /* scratch, all zero between steps; NULL until the first step */
    uint64_t *dirty, *dirty_sum;
    uint64_t *woken;
};

/* What the graph that wrote a state did not have. */
struct state_news {
    VEC(uint32_t) nodes;
    VEC(uint32_t) series;    /* to be filled from the stored events */
    VEC(uint32_t) audiences; /* indexes: new, or meaning something else */
    bool reads_events;
};

struct rule_state *state_new(const struct rule_graph *g, struct arena *a);
struct series_state *state_series(struct rule_state *s, uint32_t id); /* NULL: empty */
struct series_state *state_series_add(struct rule_state *s, uint32_t id);
/* Drops entries that hold nothing. */
void state_series_sweep(struct rule_state *s);

/* rule_graph_flips.c. TIME_NEVER: none. false: the arena is exhausted. */
bool state_flip_set(struct rule_state *s, uint32_t node, int64_t at_ms);
int64_t state_flip_next_ms(const struct rule_state *s);
void flips_encode(const struct rule_state *s, struct buf *out);
struct unpack;
/* `nodes`: how many the writer had; ours(): its number here, NO_ID: no more. false: they do not read, or *nomem. */
bool flips_decode(struct rule_state *s, struct unpack *u, size_t nodes,
                  uint32_t (*ours)(const void *ctx, uint64_t node), const void *ctx, bool *nomem);

/* rule_graph_unknown.c. false: the arena is exhausted. */
static inline bool
state_is_unknown(const struct rule_state *s, uint32_t node)
{
    return s->unknown != NULL && bit_get(s->unknown, node);
}
bool state_unknown_add(struct rule_state *s, uint32_t node);
bool state_unknown_all(struct rule_state *s);
/* After a step: forgets the list when it is empty. */
void state_unknown_settle(struct rule_state *s);
void unknown_encode(const struct rule_state *s, struct buf *out);
/* As flips_decode(). */
bool unknown_decode(struct rule_state *s, struct unpack *u, size_t nodes,
                    uint32_t (*ours)(const void *ctx, uint64_t node), const void *ctx, bool *nomem);

/* Reads the pairs of a series that is not decoded yet. ERR_CORRUPT, ERR_LIMIT. */
enum err series_decode(struct rule_state *s, struct series_state *ss, struct diag *d);
void series_encode(const struct rule_graph *g, const struct series_state *ss, struct buf *out);
/* One more event at time_ms (TIME_NONE: it has none): v is what series->value yields for it. false: the arena is
 * exhausted. */
bool series_take(struct rule_state *s, struct series_state *ss, int64_t time_ms, struct value v, bool held);
/* Drops pairs that cannot matter at now or later. */
void series_prune(const struct rule_graph *g, struct series_state *ss, int64_t now);
size_t series_from(const struct series_state *ss, int64_t t);  /* the first pair with a time of at least t */
size_t series_until(const struct series_state *ss, int64_t t); /* the first pair later than t */

/* Sort values of picks in the order of bottomN (least) or topN; what has none is last in both. */
int pick_order(const struct value *a, const struct value *b, bool least);

/* What evaluating a window leaf takes. Its series are decoded (window_decode). */
struct window_eval {
    struct rule_state *s;
    const struct rule_env *env; /* for EXPR leaves that read the record; not its now */
    struct arena *scratch;      /* reset after each use */
    bool undecided;             /* steps or memory were used up: the result means nothing */
};
enum err window_decode(struct rule_state *s, const struct window_leaf *w, struct diag *d);
bool window_truth(struct window_eval *e, const struct window_leaf *w, int64_t now);
/* The first instant after now at which its truth differs (or may differ, where telling would take long); TIME_NEVER. */
int64_t window_flip_ms(struct window_eval *e, const struct window_leaf *w, int64_t now);

/* The pairs of a part: those from `from` up to but not including `to` are inside its window. */
struct part_range {
    const struct series_state *ss; /* of no pairs when the profile has none */
    size_t from, to;
};
struct part_range part_range(const struct rule_state *s, const struct window_part *part, int64_t now);
struct value part_count(const struct rule_state *s, const struct window_part *part, int64_t now);
struct value part_sum(const struct rule_state *s, const struct window_part *part, int64_t now);
/* rule_graph_chain.c */
bool sequence_truth(struct window_eval *e, const struct window_leaf *w, int64_t now);
/* rule_graph_expr.c */
bool expr_truth(struct window_eval *e, const struct window_leaf *w, int64_t now);
/* The next instant at which a term may change the truth of expr. */
int64_t expr_term_flip_ms(struct window_eval *e, const struct window_leaf *w, int64_t now);

/* The next look of a leaf at now. */
int64_t leaf_look_ms(const struct rule_graph *g, const struct leaf *l, const struct rule_env *env);

/* Calls each() for every scalar at a path, through arrays [SEGMENTATION 4.4]. */
struct path_hit {
    const struct json *value; /* a scalar, not null */
    bool direct;              /* reached through objects only: it is the path's one value */
};
void path_walk(const struct json *v, const struct graph_path *path, void (*each)(void *ctx, struct path_hit hit),
               void *ctx);
/* The scalar timestamp at a path, through objects only; TIME_NONE. */
int64_t path_time(const struct json *event, const struct graph_path *path);

#endif
