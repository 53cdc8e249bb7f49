/* rule_graph_grow.c - what one more audience costs among 100,000: the graph, and a profile's state.
 *
 * Half of the audiences read attributes, half count or sum events in windows; each has a value of its own, and many
 * share their parts. Prints one JSON line per figure: making the graph from nothing; memory per audience, by what the
 * allocator has handed out; adding, editing and removing one (median); and for a profile of twenty events the bytes of
 * its state, and taking the state over after one audience was added, against making it anew. A state that was taken
 * over must say the same as one made anew.
 *
 *   cmake --build build/release --target bench_rule_graph_grow && build/release/bench/bench_rule_graph_grow [audiences]
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pql/pql.h"
#include "rule/rule_graph.h"

#define CHANGES 21
#define EVENTS 20
#define NOW 1767225600000

static struct rule_audience *audiences;
static size_t count;
static struct arena texts;

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

static struct rule *
compile(struct str text)
{
    struct rule *r = NULL;
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;

    if (pql_compile(text, true, &r, &class, &d) != ERR_OK)
        stop(d.what);
    return r;
}

static struct str
expression(size_t i)
{
    switch (i % 4) {
    case 0:
        return arena_printf(&texts, "loyalty.points > %zu and homeAddress.city = \"city %zu\"", i % 997, i / 4);
    case 1:
        return arena_printf(
            &texts, "xEvent[eventType = \"type %zu\" and timestamp occurs <= %zu days before now].count() >= %zu",
            i % 5000, 1 + i % 90, 1 + i / 20000);
    case 2:
        return arena_printf(&texts, "person.gender = \"female\" and not (loyalty.level = \"level %zu\")", i / 4);
    default:
        return arena_printf(&texts,
                            "xEvent[sku = \"sku %zu\" and timestamp occurs <= 30 days before now].sum(price) > %zu",
                            i % 8000, 10 + i / 8000);
    }
}

static struct rule_graph *
extend(const struct rule_graph *before)
{
    struct rule_graph *g = NULL;
    struct diag d = DIAG_INIT;

    if (rule_graph_extend(before, audiences, count, 1, &g, &d) != ERR_OK)
        stop(d.what);
    return g;
}

static void
figure(const char *metric, double value, const char *unit)
{
    (void)printf("{\"bench\":\"rule_graph_grow\",\"metric\":\"%s\",\"audiences\":%zu,\"ours\":%.3f,\"unit\":\"%s\"}\n",
                 metric, count, value, unit);
    (void)fflush(stdout);
}

static int
by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double
median(double *times)
{
    qsort(times, CHANGES, sizeof *times, by_value);
    return times[CHANGES / 2];
}

static void
step_to(struct rule_graph **g, double *time)
{
    double start = seconds();
    struct rule_graph *next = extend(*g);

    *time = (seconds() - start) * 1e3;
    if (rule_graph_compiled_count(next) > 1)
        stop("more than one audience was compiled");
    rule_graph_free(*g);
    *g = next;
}

static void
measure_changes(struct rule_graph **g)
{
    double adds[CHANGES], edits[CHANGES], removals[CHANGES];
    size_t usual = count;

    for (size_t i = 0; i < CHANGES; i++) {
        struct rule *old = compile(expression(4 * count + 4 * i + i % 4)), *new;
        audiences[count++] = (struct rule_audience){arena_printf(&texts, "one more %zu", i), old};
        step_to(g, &adds[i]);
        new = compile(arena_printf(&texts, "loyalty.points < %zu", 100000 + i));
        audiences[count - 1].rule = new;
        step_to(g, &edits[i]);
        rule_free(old);
        count--;
        step_to(g, &removals[i]);
        rule_free(new);
    }
    if (count != usual)
        stop("the audiences are not what they were");
    figure("ms_to_add_one", median(adds), "ms");
    figure("ms_to_edit_one", median(edits), "ms");
    figure("ms_to_remove_one", median(removals), "ms");
}

static const struct json *
parse(const char *s)
{
    const struct json *v = NULL;

    if (json_parse(str_of(s), &texts, &v, NULL) != ERR_OK)
        stop("not JSON");
    return v;
}

/* Of a state of the graph before, whose bytes are in b, with one audience more. */
static void
measure_states(struct rule_graph **g, const struct rule_env *env)
{
    struct rule_state *s = NULL, *anew = NULL;
    struct rule_changes changes;
    struct rule *r =
        compile(S("xEvent[eventType = \"type 1\" and timestamp occurs <= 200 days before now].count() >= 2"));
    double start, over = 0, made = 0, plain = 0;
    struct diag d = DIAG_INIT;
    struct arena a;
    struct buf b;
    double time;

    arena_init(&a, (size_t)1 << 30);
    buf_init(&b, 1 << 24);
    if (rule_state_build(*g, env, &a, &s, &d) != ERR_OK)
        stop(d.what);
    rule_state_save(s, &b);
    figure("state_bytes", (double)b.n, "bytes");
    for (int i = 0; i < CHANGES; i++) {
        arena_reset(&a);
        start = seconds();
        if (rule_state_load(*g, buf_str(&b), &a, &s, &d) != ERR_OK ||
            rule_state_time(*g, s, env, &a, &changes, &d) != ERR_OK)
            stop(d.what);
        plain += seconds() - start;
    }
    audiences[count++] = (struct rule_audience){S("the last"), r};
    step_to(g, &time);
    for (int i = 0; i < CHANGES; i++) {
        arena_reset(&a);
        start = seconds();
        if (rule_state_load(*g, buf_str(&b), &a, &s, &d) != ERR_OK || !rule_state_is_behind(s) ||
            rule_state_time(*g, s, env, &a, &changes, &d) != ERR_OK)
            stop(d.what);
        over += seconds() - start;
        start = seconds();
        if (rule_state_build(*g, env, &a, &anew, &d) != ERR_OK)
            stop(d.what);
        made += seconds() - start;
        for (size_t k = 0; k < count; k++) {
            if (rule_state_member(s, k) != rule_state_member(anew, k))
                stop("a state that was taken over says something else than one made anew");
        }
    }
    figure("us_to_load_and_step", plain / CHANGES * 1e6, "us");
    figure("us_to_take_over", over / CHANGES * 1e6, "us");
    figure("us_to_build_anew", made / CHANGES * 1e6, "us");
    count--;
    buf_deinit(&b);
    arena_deinit(&a);
    step_to(g, &time);
    rule_free(r);
}

int
main(int argc, char **argv)
{
    uint64_t n = 100000;
    const struct json *events[EVENTS];
    struct rule_env env = {.now_ms = NOW, .events = events, .event_count = EVENTS};
    struct rule_graph *g;
    double start;
    size_t before;

    if (argc > 1 && (!str_to_u64(str_of(argv[1]), &n) || n == 0))
        stop("usage: bench_rule_graph_grow [audiences]");
    arena_init(&texts, SIZE_MAX);
    audiences = calloc(n + 1, sizeof *audiences);
    if (audiences == NULL)
        stop("no memory");
    for (size_t i = 0; i < n - 1; i++) /* room for one more up to the limit */
        audiences[count++] = (struct rule_audience){arena_printf(&texts, "audience %zu", i), compile(expression(i))};
    env.profile = parse("{\"loyalty\":{\"points\":500,\"level\":\"level 7\"},\"homeAddress\":{\"city\":\"city 12\"},"
                        "\"person\":{\"gender\":\"female\"}}");
    for (size_t i = 0; i < EVENTS; i++)
        events[i] = parse(arena_printf(&texts,
                                       "{\"eventType\":\"type %zu\",\"sku\":\"sku %zu\",\"price\":%zu,"
                                       "\"timestamp\":%" PRId64 "}",
                                       i % 3, i * 7, i, (int64_t)NOW - (int64_t)i * 86400000)
                              .p);
    before = mallinfo2().uordblks + mallinfo2().hblkhd;
    start = seconds();
    g = extend(NULL);
    figure("ms_from_nothing", (seconds() - start) * 1e3, "ms");
    figure("bytes_per_audience", (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / (double)count, "bytes");
    measure_changes(&g);
    measure_states(&g, &env);
    rule_graph_free(g);
    for (size_t i = 0; i < count; i++)
        rule_free((struct rule *)(uintptr_t)audiences[i].rule);
    free(audiences);
    arena_deinit(&texts);
    return 0;
}
