/* metric.c - fixed arrays of atomics, one per row of METRIC_TABLE. */
#include "base/metric.h"

#include <stdatomic.h>

#include "base/check.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

#define STEPS 16                   /* per power of two */
#define BUCKETS ((64 - 3) * STEPS) /* 16 exact values, then 60 powers of two: 16..2^63 */

struct histogram {
    _Atomic uint64_t bucket[BUCKETS];
    _Atomic uint64_t sum;
};

#define ROW(id, kind, name, help) {kind, "edgewise_" name, help},
static const struct {
    enum kind kind;
    const char *name;
    const char *help;
} rows[METRIC__COUNT] = {METRIC_TABLE(ROW)};
#undef ROW

static _Atomic int64_t values[METRIC__COUNT];
static struct histogram histograms[METRIC__COUNT];

void
metric_add(enum metric m, uint64_t n)
{
    atomic_fetch_add_explicit(&values[m], (int64_t)n, memory_order_relaxed);
}

void
metric_set(enum metric m, int64_t v)
{
    atomic_store_explicit(&values[m], v, memory_order_relaxed);
}

void
metric_gauge_add(enum metric m, int64_t v)
{
    atomic_fetch_add_explicit(&values[m], v, memory_order_relaxed);
}

/* Values below 16 have a bucket each; above, the top five bits choose. */
static unsigned
bucket_of(uint64_t v)
{
    unsigned log2;

    if (v < STEPS)
        return (unsigned)v;
    log2 = 63u - (unsigned)__builtin_clzll(v);
    return (log2 - 3) * STEPS + (unsigned)(v >> (log2 - 4) & (STEPS - 1));
}

static uint64_t
bucket_middle(unsigned b)
{
    unsigned log2;

    if (b < STEPS)
        return b;
    log2 = b / STEPS + 3;
    return ((uint64_t)(STEPS + b % STEPS) << (log2 - 4)) + ((uint64_t)1 << (log2 - 4)) / 2;
}

void
metric_observe(enum metric m, uint64_t v)
{
    atomic_fetch_add_explicit(&values[m], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histograms[m].sum, v, memory_order_relaxed);
    atomic_fetch_add_explicit(&histograms[m].bucket[bucket_of(v)], 1, memory_order_relaxed);
}

int64_t
metric_value(enum metric m)
{
    return atomic_load_explicit(&values[m], memory_order_relaxed);
}

uint64_t
metric_quantile(enum metric m, double q)
{
    struct histogram *h = &histograms[m];
    uint64_t total = 0, seen = 0, rank;

    for (unsigned b = 0; b < BUCKETS; b++)
        total += atomic_load_explicit(&h->bucket[b], memory_order_relaxed);
    if (total == 0)
        return 0;
    rank = (uint64_t)(q * (double)(total - 1));
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += atomic_load_explicit(&h->bucket[b], memory_order_relaxed);
        if (seen > rank)
            return bucket_middle(b);
    }
    return bucket_middle(BUCKETS - 1);
}

void
metric_reset(enum metric m)
{
    atomic_store(&values[m], 0);
    atomic_store(&histograms[m].sum, 0);
    for (unsigned b = 0; b < BUCKETS; b++)
        atomic_store(&histograms[m].bucket[b], 0);
}

static void
export_histogram(struct buf *out, enum metric m)
{
    static const double quantiles[] = {0.5, 0.99, 0.999};

    buf_printf(out, "# TYPE %s summary\n", rows[m].name);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        buf_printf(out, "%s{quantile=\"%g\"} %llu\n", rows[m].name, quantiles[i],
                   (unsigned long long)metric_quantile(m, quantiles[i]));
    buf_printf(out, "%s_sum %llu\n%s_count %lld\n", rows[m].name, (unsigned long long)atomic_load(&histograms[m].sum),
               rows[m].name, (long long)metric_value(m));
}

void
metric_export(struct buf *out)
{
    for (int i = 0; i < METRIC__COUNT; i++) {
        buf_printf(out, "# HELP %s %s\n", rows[i].name, rows[i].help);
        if (rows[i].kind == HISTOGRAM) {
            export_histogram(out, (enum metric)i);
            continue;
        }
        buf_printf(out, "# TYPE %s %s\n%s %lld\n", rows[i].name, rows[i].kind == GAUGE ? "gauge" : "counter",
                   rows[i].name, (long long)metric_value((enum metric)i));
    }
}
