/* rule_block.c - what batch evaluation costs: 1,000 attribute audiences over a million profiles of 20 attributes.
 *
 * Profiles are typed arrays, as column files give them; memberships are written out as one bitset per audience. Prints
 * one JSON line per setting with nanoseconds per profile and audience on one core, and compares a sample of profiles
 * with the reference evaluator before it measures.
 *
 *   cmake --build build/release --target bench_rule_block && build/release/bench/bench_rule_block [profiles
 * [audiences]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "pql/pql.h"
#include "rule/rule_block.h"

#define ATTRIBUTES 20
#define SAMPLE 256
#define REPEATS 3

enum kind { INTS, DOUBLES, FLAGS, TEXTS };

struct attribute {
    const char *name;
    enum kind kind;
    unsigned range; /* integers and doubles below it; different texts */
    unsigned nulls; /* per cent */
    void *items;
    uint64_t *present;
    struct str *texts;
};

static struct attribute attributes[ATTRIBUTES] = {
    {.name = "age", .kind = INTS, .range = 90, .nulls = 10},
    {.name = "points", .kind = INTS, .range = 100000},
    {.name = "orders", .kind = INTS, .range = 40},
    {.name = "visits", .kind = INTS, .range = 1000, .nulls = 5},
    {.name = "logins", .kind = INTS, .range = 300},
    {.name = "score", .kind = INTS, .range = 1000, .nulls = 20},
    {.name = "spend", .kind = DOUBLES, .range = 5000},
    {.name = "margin", .kind = DOUBLES, .range = 1},
    {.name = "churn", .kind = DOUBLES, .range = 1, .nulls = 30},
    {.name = "basket", .kind = DOUBLES, .range = 300, .nulls = 5},
    {.name = "optIn", .kind = FLAGS, .range = 2},
    {.name = "employee", .kind = FLAGS, .range = 2},
    {.name = "tier", .kind = TEXTS, .range = 4, .nulls = 5},
    {.name = "country", .kind = TEXTS, .range = 60},
    {.name = "city", .kind = TEXTS, .range = 3000, .nulls = 10},
    {.name = "language", .kind = TEXTS, .range = 25},
    {.name = "device", .kind = TEXTS, .range = 8},
    {.name = "campaign", .kind = TEXTS, .range = 150, .nulls = 40},
    {.name = "store", .kind = TEXTS, .range = 700, .nulls = 20},
    {.name = "plan", .kind = TEXTS, .range = 12},
};

static struct rng rng;

static uint64_t
below(uint64_t n)
{
    return rng_below(&rng, n);
}

_Noreturn static void
stop(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

static double
seconds(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- profiles ---- */

static void
make_items(struct attribute *a, size_t n, struct arena *names)
{
    int64_t *ints = calloc(n, sizeof *ints);
    double *doubles = (double *)ints;
    uint32_t *indexes = (uint32_t *)ints;
    uint8_t *flags = (uint8_t *)ints;

    a->items = ints;
    a->present = calloc(n / 64 + 1, sizeof *a->present);
    a->texts = a->kind == TEXTS ? calloc(a->range, sizeof *a->texts) : NULL;
    if (ints == NULL || a->present == NULL)
        stop("no memory");
    for (unsigned i = 0; i < a->range && a->texts != NULL; i++)
        a->texts[i] = arena_printf(names, "%s%u", a->name, i);
    for (size_t i = 0; i < n; i++) {
        uint64_t x = below(a->kind == DOUBLES ? 1u << 30 : a->range);
        if (a->kind == INTS)
            ints[i] = (int64_t)x;
        else if (a->kind == DOUBLES)
            doubles[i] = (double)x / (1u << 30) * a->range;
        else if (a->kind == FLAGS)
            flags[i] = (uint8_t)x;
        else
            indexes[i] = (uint32_t)(below(3) == 0 ? x : below(x + 1)); /* some are more frequent */
        if (below(100) >= a->nulls)
            a->present[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

/* The arrays of `rows` profiles from `first` on, which is a multiple of 64. */
static void
arrays_of(struct rule_block_array out[ATTRIBUTES], size_t first)
{
    static const size_t bytes[] = {[INTS] = 8, [DOUBLES] = 8, [FLAGS] = 1, [TEXTS] = 4};
    static const enum rule_block_type types[] = {
        [INTS] = RULE_BLOCK_INT, [DOUBLES] = RULE_BLOCK_DOUBLE, [FLAGS] = RULE_BLOCK_BOOL, [TEXTS] = RULE_BLOCK_TEXT};

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *a = &attributes[i];
        out[i] = (struct rule_block_array){.path = str_of(a->name),
                                           .type = types[a->kind],
                                           .items = (const char *)a->items + first * bytes[a->kind],
                                           .present = a->nulls == 0 ? NULL : a->present + first / 64,
                                           .texts = a->texts,
                                           .text_count = a->texts != NULL ? a->range : 0};
    }
}

static struct str
json_of(struct arena *a, size_t row)
{
    struct buf b;
    struct str out;

    buf_init(&b, 1 << 16);
    buf_putc(&b, '{');
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *at = &attributes[i];
        if (at->nulls != 0 && (at->present[row / 64] >> (row % 64) & 1) == 0)
            continue;
        if (b.n > 1)
            buf_putc(&b, ',');
        buf_printf(&b, "\"%s\":", at->name);
        if (at->kind == INTS)
            buf_printf(&b, "%" PRId64, ((const int64_t *)at->items)[row]);
        else if (at->kind == DOUBLES)
            buf_put_f64(&b, ((const double *)at->items)[row]);
        else if (at->kind == FLAGS)
            buf_printf(&b, "%s", ((const uint8_t *)at->items)[row] ? "true" : "false");
        else
            buf_printf(&b, "\"%.*s\"", STR_ARG(at->texts[((const uint32_t *)at->items)[row]]));
    }
    buf_putc(&b, '}');
    out = arena_str(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ---- audiences ---- */

static void
predicate(struct buf *b)
{
    static const char *const relations[] = {">", ">=", "<", "<=", "="};
    const struct attribute *a = &attributes[below(ATTRIBUTES)];
    unsigned x = (unsigned)below(a->range), y = (unsigned)below(a->range);

    switch (a->kind) {
    case INTS:
        if (below(4) == 0)
            buf_printf(b, "%s in [%u, %u, %u]", a->name, x, y, (unsigned)below(a->range));
        else
            buf_printf(b, "%s %s %u", a->name, relations[below(5)], x);
        break;
    case DOUBLES:
        buf_printf(b, "%s %s %.3f", a->name, relations[below(4)], (double)below(1000) / 1000 * a->range);
        break;
    case FLAGS:
        buf_printf(b, "%s = %s", a->name, below(2) ? "true" : "false");
        break;
    default:
        switch (below(6)) {
        case 0:
            buf_printf(b, "%s in [\"%s%u\", \"%s%u\"]", a->name, a->name, x, a->name, y);
            break;
        case 1:
            buf_printf(b, "%s.contains(\"%u\")", a->name, x % 10);
            break;
        case 2:
            buf_printf(b, "%s.isNull()", a->name);
            break;
        case 3:
            buf_printf(b, "%s != \"%s%u\"", a->name, a->name, x);
            break;
        default:
            buf_printf(b, "%s = \"%s%u\"", a->name, a->name, x);
        }
    }
}

static void
audience(struct buf *b, size_t index)
{
    size_t n = 1 + below(4);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_printf(b, " %s ", below(4) == 0 ? "or" : "and");
        if (below(8) == 0)
            buf_printf(b, "not ");
        buf_putc(b, '(');
        if (index > 0 && below(20) == 0)
            buf_printf(b, "inSegment(\"a%" PRIu64 "\")", below(index));
        else
            predicate(b);
        buf_putc(b, ')');
    }
}

static struct rule_audience *
make_audiences(size_t n, struct arena *a)
{
    struct rule_audience *out = calloc(n, sizeof *out);

    for (size_t i = 0; i < n && out != NULL; i++) {
        struct diag d = DIAG_INIT;
        struct rule *r = NULL;
        struct buf b;
        buf_init(&b, 1 << 16);
        audience(&b, i);
        if (pql_compile(buf_str(&b), true, &r, NULL, &d) != ERR_OK)
            stop(d.what);
        out[i] = (struct rule_audience){arena_printf(a, "a%zu", i), r};
        buf_deinit(&b);
    }
    return out;
}

/* ---- the sample ---- */

struct sample {
    const struct rule_audience *audiences;
    size_t count;
    const bool *truth;
};

static bool
in_segment(void *ctx, struct str id)
{
    const struct sample *s = ctx;

    for (size_t i = 0; i < s->count; i++) {
        if (str_eq(s->audiences[i].id, id))
            return s->truth[i];
    }
    return false;
}

static void
check_sample(struct rule_block *b, const struct rule_audience *audiences, size_t n)
{
    bool *truth = calloc(n, sizeof *truth);
    struct sample s = {audiences, n, truth};
    struct rule_env env = {.now_ms = 1750000000000, .in_segment = in_segment, .ctx = &s};
    struct arena a;

    arena_init(&a, (size_t)1 << 28);
    for (size_t row = 0; row < SAMPLE && truth != NULL; row++) {
        struct diag d = DIAG_INIT;
        if (json_parse(json_of(&a, row), &a, &env.profile, &d) != ERR_OK)
            stop(d.what);
        for (size_t i = 0; i < n; i++) {
            struct value v;
            if (rule_eval(audiences[i].rule, &env, &a, &v, &d) != ERR_OK)
                stop(d.what);
            truth[i] = value_truth(v);
            if ((rule_block_members(b, i)[row / 64] >> (row % 64) & 1) != truth[i])
                stop("a profile of the sample differs from the reference");
        }
        arena_reset(&a);
    }
    arena_deinit(&a);
    free(truth);
}

/* ---- measuring ---- */

struct figures {
    double fill, run, out, first;
    uint64_t members;
};

static struct figures
measure(struct rule_block *b, size_t profiles, size_t rows, size_t audiences, uint64_t *out)
{
    struct rule_block_array arrays[ATTRIBUTES];
    struct figures f = {0};
    size_t words = profiles / 64;

    for (size_t at = 0; at < profiles; at += rows) {
        struct rule_block_arrays all = {.rows = rows, .arrays = arrays, .array_count = ATTRIBUTES};
        struct diag d = DIAG_INIT;
        double t0 = seconds(), t1, t2;
        rule_block_clear(b);
        arrays_of(arrays, at);
        if (rule_block_fill(b, &all, &d) != ERR_OK)
            stop(d.what);
        t1 = seconds();
        if (rule_block_run(b, &(struct rule_block_now){.now_ms = 1750000000000}, &d) != ERR_OK)
            stop(d.what);
        t2 = seconds();
        for (size_t i = 0; i < audiences; i++)
            memcpy(out + i * words + at / 64, rule_block_members(b, i), rows / 8);
        f.fill += t1 - t0;
        f.run += t2 - t1;
        f.out += seconds() - t2;
        if (at == 0)
            f.first = t2 - t0;
    }
    for (size_t i = 0; i < audiences * words; i++)
        f.members += (uint64_t)__builtin_popcountll(out[i]);
    return f;
}

static void
setting(const struct rule_block_program *p, const struct rule_audience *audiences, size_t n, size_t profiles,
        size_t rows, bool portable, uint64_t *out)
{
    struct rule_block_shape shape = rule_block_shape(p);
    struct figures best = {0}, f;
    struct diag d = DIAG_INIT;
    double cells = (double)profiles * (double)n, total, least = 1e9;

    for (int i = 0; i < REPEATS; i++) {
        struct rule_block *b;
        if (rule_block_new(p, rows, &b, &d) != ERR_OK)
            stop(d.what);
        if (portable)
            rule_block_portable(b);
        f = measure(b, profiles, rows, n, out);
        if (i == 0) {
            struct rule_block_array arrays[ATTRIBUTES];
            rule_block_clear(b);
            arrays_of(arrays, 0);
            (void)rule_block_fill(
                b, &(struct rule_block_arrays){.rows = rows, .arrays = arrays, .array_count = ATTRIBUTES}, &d);
            (void)rule_block_run(b, &(struct rule_block_now){.now_ms = 1750000000000}, &d);
            check_sample(b, audiences, n);
        }
        rule_block_free(b);
        total = f.fill + f.run + f.out;
        if (total < least) {
            least = total;
            best = f;
        }
    }
    (void)printf("{\"profiles\":%zu,\"audiences\":%zu,\"nodes\":%zu,\"block\":%zu,\"kernels\":\"%s\","
                 "\"ns_per_profile_audience\":%.4f,\"fill_ns\":%.4f,\"run_ns\":%.4f,\"write_ns\":%.4f,"
                 "\"first_block_ms\":%.2f,\"seconds\":%.3f,\"members\":%" PRIu64 "}\n",
                 profiles, n, shape.nodes, rows, portable ? "portable" : "best", least * 1e9 / cells,
                 best.fill * 1e9 / cells, best.run * 1e9 / cells, best.out * 1e9 / cells, best.first * 1e3, least,
                 best.members);
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    size_t profiles = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1 << 20;
    size_t n = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1000;
    size_t block = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 0;
    struct rule_audience *audiences;
    struct rule_block_program *p;
    struct diag d = DIAG_INIT;
    struct arena names;
    uint64_t *out;

    profiles = (profiles + 16383) / 16384 * 16384;
    rng_seed(&rng, 7);
    arena_init(&names, (size_t)1 << 28);
    for (size_t i = 0; i < ATTRIBUTES; i++)
        make_items(&attributes[i], profiles, &names);
    audiences = make_audiences(n, &names);
    out = calloc(n * (profiles / 64), sizeof *out);
    if (audiences == NULL || out == NULL)
        stop("no memory");
    memset(out, 1, n * (profiles / 64) * sizeof *out); /* its pages are there before we measure */
    if (rule_block_compile(audiences, n, &p, &d) != ERR_OK)
        stop(d.what);
    for (size_t rows = block ? block : 1024; rows <= (block ? block : 16384); rows *= 2)
        setting(p, audiences, n, profiles, rows, false, out);
    if (block == 0)
        setting(p, audiences, n, profiles, 4096, true, out);
    rule_block_program_free(p);
    for (size_t i = 0; i < n; i++)
        rule_free((struct rule *)(uintptr_t)audiences[i].rule);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        free(attributes[i].items);
        free(attributes[i].present);
        free(attributes[i].texts);
    }
    free(audiences);
    free(out);
    arena_deinit(&names);
    return 0;
}
