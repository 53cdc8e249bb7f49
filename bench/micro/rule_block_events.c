/* rule_block_events.c - what event patterns cost in a block, and what filling a block from JSON costs.
 *
 * 16,384 profiles with some twenty events each, as parsed JSON; two hundred audiences of the shapes that batch
 * evaluation meets (counts in windows, sums, sequences, the latest event). Prints one JSON line: nanoseconds per
 * profile and audience of a run, nanoseconds per profile of filling, and what the reference evaluator takes for the
 * same, all on one core; the answers are compared on the way.
 *
 *   cmake --build build/release --target bench_rule_block_events && build/release/bench/bench_rule_block_events */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/civil.h"
#include "base/rng.h"
#include "pql/pql.h"
#include "rule/rule_block.h"

#define PROFILES 16384
#define ROWS 4096
#define AUDIENCES 200
#define REFERENCE_STEP 16 /* the reference evaluates every sixteenth profile */
#define NOW_MS 1750000000000

static struct rng rng;
static struct rule_audience audiences[AUDIENCES];
static struct rule_block_profile profiles[PROFILES];

static unsigned
below(unsigned n)
{
    return (unsigned)rng_below(&rng, n);
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

static void
audience_text(struct buf *b)
{
    static const char *const kinds[] = {"view", "cart", "buy", "search"};
    const char *kind = kinds[below(4)], *other = kinds[below(4)];
    unsigned days = 1 + below(30), n = 1 + below(4), sku = below(50);

    switch (below(8)) {
    case 0:
        buf_printf(b, "xEvent[kind = \"%s\" and timestamp occurs <= %u days before now].count() >= %u", kind, days, n);
        break;
    case 1:
        buf_printf(b, "xEvent[kind = \"%s\" and sku = \"s%u\"]", kind, sku);
        break;
    case 2:
        buf_printf(b, "tier = \"gold\" and xEvent[kind = \"%s\" and timestamp occurs <= %u days before now]", kind,
                   days);
        break;
    case 3:
        buf_printf(
            b,
            "(sum E.amount over E from xEvent where E.kind = \"%s\" and E.timestamp occurs <= %u days before now) "
            "> %u",
            kind, days, 50 * n);
        break;
    case 4:
        buf_printf(b, "chain(xEvent, timestamp, [A: WHAT(kind = \"%s\"), B: WHAT(kind = \"%s\") GAP(<= %u hours)])",
                   kind, other, 12 * n);
        break;
    case 5:
        buf_printf(b, "xEvent.topN(timestamp, 1).head().kind = \"%s\"", kind);
        break;
    case 6:
        buf_printf(b, "xEvent[kind = \"%s\"].count() > xEvent[kind = \"%s\"].count()", kind, other);
        break;
    default:
        buf_printf(b, "not (xEvent[kind = \"%s\" and amount > %u])", kind, 20 * n);
    }
}

static void
make_audiences(struct arena *a)
{
    for (size_t i = 0; i < AUDIENCES; i++) {
        struct diag d = DIAG_INIT;
        struct rule *r = NULL;
        struct buf b;
        buf_init(&b, 1 << 16);
        audience_text(&b);
        if (pql_compile(buf_str(&b), true, &r, NULL, &d) != ERR_OK)
            stop(d.what);
        audiences[i] = (struct rule_audience){arena_printf(a, "a%zu", i), r};
        buf_deinit(&b);
    }
}

static const struct json *
parse(struct arena *a, struct str text)
{
    const struct json *v = NULL;
    struct diag d = DIAG_INIT;

    if (json_parse(text, a, &v, &d) != ERR_OK)
        stop(d.what);
    return v;
}

static size_t
make_profiles(struct arena *a)
{
    static const char *const kinds[] = {"view", "view", "view", "search", "cart", "buy"};
    size_t events = 0;

    for (size_t i = 0; i < PROFILES; i++) {
        size_t n = below(2) ? below(80) : below(4);
        const struct json **list = (const struct json **)ARENA_ARRAY(a, struct json *, n + 1);
        int64_t ms = NOW_MS - below(60) * MS_PER_DAY;
        for (size_t k = 0; k < n; k++) {
            char iso[ISO8601_BYTES];
            ms += below((unsigned)MS_PER_DAY);
            iso8601_format(ms, iso);
            list[k] =
                parse(a, arena_printf(a, "{\"kind\":\"%s\",\"timestamp\":\"%.*s\",\"sku\":\"s%u\",\"amount\":%u.5}",
                                      kinds[below(6)], ISO8601_BYTES, iso, below(50), below(100)));
        }
        profiles[i] = (struct rule_block_profile){
            parse(a, arena_printf(a, "{\"tier\":\"%s\"}", below(3) ? "silver" : "gold")), list, n};
        events += n;
    }
    return events;
}

/* Compares, and returns the time of the reference alone. */
static double
reference(struct rule_block *b, size_t first)
{
    double start = seconds();
    struct arena a;

    arena_init(&a, (size_t)1 << 28);
    for (size_t row = 0; row < ROWS; row += REFERENCE_STEP) {
        const struct rule_block_profile *p = &profiles[first + row];
        const struct rule_env env = {
            .now_ms = NOW_MS, .profile = p->profile, .events = p->events, .event_count = p->event_count};
        for (size_t i = 0; i < AUDIENCES; i++) {
            struct diag d = DIAG_INIT;
            struct value v;
            if (rule_eval(audiences[i].rule, &env, &a, &v, &d) != ERR_OK)
                stop(d.what);
            if ((rule_block_members(b, i)[row / 64] >> (row % 64) & 1) != value_truth(v))
                stop("a profile differs from the reference");
            arena_reset(&a);
        }
    }
    arena_deinit(&a);
    return seconds() - start;
}

int
main(void)
{
    double fill = 1e9, run = 1e9, plain = 0, cells = (double)PROFILES * AUDIENCES;
    struct rule_block_program *p;
    struct rule_block_shape shape;
    struct rule_block *b;
    struct diag d = DIAG_INIT;
    struct arena a;
    size_t events;

    rng_seed(&rng, 11);
    arena_init(&a, (size_t)4 << 30);
    make_audiences(&a);
    events = make_profiles(&a);
    if (rule_block_compile(audiences, AUDIENCES, &p, &d) != ERR_OK || rule_block_new(p, ROWS, &b, &d) != ERR_OK)
        stop(d.what);
    for (int repeat = 0; repeat < 5; repeat++) {
        double filling = 0, running = 0;
        for (size_t at = 0; at < PROFILES; at += ROWS) {
            double t0 = seconds(), t1;
            rule_block_clear(b);
            for (size_t i = 0; i < ROWS; i++) {
                if (rule_block_add(b, &profiles[at + i], &d) != ERR_OK)
                    stop(d.what);
            }
            t1 = seconds();
            if (rule_block_run(b, &(struct rule_block_now){.now_ms = NOW_MS}, &d) != ERR_OK)
                stop(d.what);
            filling += t1 - t0;
            running += seconds() - t1;
            if (repeat == 0)
                plain += reference(b, at);
        }
        fill = filling < fill ? filling : fill;
        run = running < run ? running : run;
    }
    shape = rule_block_shape(p);
    plain *= REFERENCE_STEP;
    (void)printf("{\"profiles\":%d,\"events\":%zu,\"audiences\":%d,\"nodes\":%zu,\"fallbacks\":%zu,"
                 "\"run_ns_per_profile_audience\":%.2f,\"fill_ns_per_profile\":%.0f,\"fill_ns_per_event\":%.0f,"
                 "\"reference_ns_per_profile_audience\":%.0f,\"times\":%.0f}\n",
                 PROFILES, events, AUDIENCES, shape.nodes, shape.fallbacks, run * 1e9 / cells, fill * 1e9 / PROFILES,
                 fill * 1e9 / (double)events, plain * 1e9 / cells, plain / (run + fill));
    rule_block_free(b);
    rule_block_program_free(p);
    for (size_t i = 0; i < AUDIENCES; i++)
        rule_free((struct rule *)(uintptr_t)audiences[i].rule);
    arena_deinit(&a);
    return 0;
}
