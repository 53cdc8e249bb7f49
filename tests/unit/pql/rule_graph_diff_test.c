/* rule_graph_diff_test.c - the incremental and the vectorised evaluator against the reference evaluator, on random
 * audiences, profiles, events in any order and clocks.
 *
 * A round compiles a dozen random expressions into one graph and takes one profile through some sixty steps: an event
 * (late, early, twice, without a time), changed attributes or memberships, time passing, a save and load, a state built
 * anew. After each step every audience's bit equals rule_eval at that instant, the reported changes are exactly the
 * differences, and nothing changes by itself before the next flip: the reference at one millisecond before it still
 * agrees.
 *
 * From time to time the profile of the step, and others made of what the round has seen so far, are put into a block
 * with their events shuffled; every member bit equals rule_eval for that profile, with and without AVX2. A difference
 * is made smaller, by leaving out profiles and events, before it is printed.
 *
 * EDGEWISE_DIFF_SECONDS sets the length (5 by default), EDGEWISE_DIFF_ROUND repeats the one round that failed. */
#include <inttypes.h>
#include <time.h>

#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql.h"
#include "random_pql.h"
#include "rule/rule_block.h"
#include "rule/rule_graph.h"
#include "t.h"

#define AUDIENCES 12
#define EVENTS_MAX 48
#define STEPS 60
#define BLOCK_ROWS 64
#define SEEN_MAX 16

struct diff {
    struct t *t;
    struct random_pql random;
    uint64_t seed;
    struct arena a; /* of the round */
    struct arena scratch;
    struct str texts[AUDIENCES];
    struct rule *rules[AUDIENCES];
    struct rule_graph *g;
    struct rule_state *s;
    struct rule_env env;
    const struct json *events[EVENTS_MAX]; /* by time, ties in order of arrival */
    int64_t times[EVENTS_MAX];
    bool scans;
    uint64_t scanning; /* audiences */
    bool external;     /* membership of "ext" */
    bool expected[AUDIENCES];
    bool before[AUDIENCES];
    uint64_t flips;
    struct rule_block_program *program;
    struct rule_block *block;
    const struct json *seen[SEEN_MAX]; /* profiles of earlier steps */
    size_t seen_count;
    uint64_t block_rows, block_fallbacks;
};

#define PICK(...) RANDOM_PICK(&f->random, __VA_ARGS__)

static uint64_t
below(struct diff *f, uint64_t n)
{
    return random_below(&f->random, n);
}

#define number(f, n) random_number(&(f)->random, n)
#define fmt(f, ...) random_fmt(&(f)->random, __VA_ARGS__)

/* ---- random data ---- */

static const char *
instant(struct diff *f, int64_t ms)
{
    char iso[ISO8601_BYTES];

    if (below(f, 10) == 0)
        ms -= ms % MS_PER_DAY; /* midnights, where calendar ends meet */
    iso8601_format(ms, iso);
    return fmt(f, "%.*s", ISO8601_BYTES, iso);
}

static const struct json *
parse(struct diff *f, const char *s)
{
    struct t *t = f->t;
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(s), &f->a, &v, d));
    return v;
}

static int64_t
around(struct diff *f, int64_t days)
{
    return f->env.now_ms + (int64_t)below(f, 2 * (uint64_t)(days * MS_PER_DAY)) - days * MS_PER_DAY;
}

/* A value of any kind. */
static const char *
any(struct diff *f)
{
    return PICK("5", "1", "-1", "2", "1.5", "1.0", "5.0", "\"5\"", "\"a\"", "\"A\"", "\"1.5\"", "\"\"", "true", "false",
                "null", "[]", "[null]", "[5, \"a\"]", "[[5], 1]", "{}", "{\"a\":1}", "[{\"a\":5}]", "\"true\"",
                "9007199254740993", "1e300", "\"2024-02-20\"", "1708000000000");
}

static void
new_profile(struct diff *f)
{
    f->env.profile =
        parse(f, fmt(f,
                     "{\"tier\":%s,\"points\":%d,\"person\":{\"name\":%s},\"colours\":[\"%s\"],\"until\":\"%s\","
                     "\"favourite\":\"%s\",\"mixed\":%s,\"orders\":[{\"sku\":%s,\"n\":%s},{\"sku\":%s}],\"dates\":[{"
                     "\"at\":\"%s\"},"
                     "{\"at\":\"%s\"},{\"at\":%" PRId64 "}]}",
                     PICK("\"gold\"", "\"silver\"", "null"), number(f, 10), PICK("\"Joanna\"", "\"Bo\"", "5"),
                     PICK("red", "blue"), instant(f, around(f, 20)), random_sku(&f->random), any(f), any(f), any(f),
                     any(f), instant(f, around(f, 5)), instant(f, around(f, 40)), around(f, 3)));
    f->external = below(f, 2);
    f->seen[f->seen_count++ % SEEN_MAX] = f->env.profile;
}

static const char *
amount(struct diff *f)
{
    switch (number(f, 5)) {
    case 0:
        return fmt(f, "%d", number(f, 30));
    case 1:
        return fmt(f, "%d.%d", number(f, 30), number(f, 100));
    case 2:
        return fmt(f, "[%d, %d.1]", number(f, 30), number(f, 9));
    default:
        return PICK("null", "0.1", "0.2", "0.7", "-3", "\"12\"");
    }
}

/* Just at, before or behind a distance that rules speak of, from an event that there is: equal times, ends of gaps. */
static int64_t
beside(struct diff *f)
{
    static const int64_t units[] = {MS_PER_HOUR, MS_PER_MINUTE, MS_PER_DAY, 7 * MS_PER_DAY};
    int64_t ms = f->times[below(f, f->env.event_count)], step = (int64_t)below(f, 30) * units[below(f, 4)];

    if (ms == INT64_MIN)
        return f->env.now_ms;
    if (below(f, 3) == 0)
        return ms;
    return ms + (below(f, 2) ? step : -step) + (int64_t)below(f, 3) - 1;
}

static const struct json *
new_event(struct diff *f, int64_t *time)
{
    int64_t ms = f->env.now_ms - (int64_t)below(f, (uint64_t)MS_PER_DAY << below(f, 7));
    const char *stamp = "\"never\"";

    if (below(f, 4) == 0)
        ms = f->env.now_ms;
    if (below(f, 6) == 0)
        ms = f->env.now_ms + (int64_t)below(f, 3 * MS_PER_DAY);
    if (f->env.event_count > 0 && below(f, 4) == 0)
        ms = beside(f);
    if (below(f, 20) == 0)
        ms = INT64_MIN;
    else if (below(f, 10) == 0)
        stamp = fmt(f, "%" PRId64, ms);
    else
        stamp = fmt(f, "\"%s\"", instant(f, ms));
    if (ms == INT64_MIN)
        stamp = PICK("\"never\"", "null", "[1]");
    if (ms != INT64_MIN && stamp[0] == '"')
        (void)iso8601_parse((struct str){stamp + 1, ISO8601_BYTES}, &ms, NULL); /* a midnight may have replaced it */
    *time = ms;
    return parse(f,
                 fmt(f,
                     "{\"eventType\":%s,\"timestamp\":%s,\"shipped\":\"%s\",\"sku\":\"%s\",\"amount\":%s,\"price\":%s,"
                     "\"items\":[{\"sku\":\"%s\",\"price\":%s},{\"sku\":\"%s\",\"price\":%s}]}",
                     below(f, 8) == 0 ? PICK("true", "7", "[\"buy\",\"view\"]", "null")
                                      : fmt(f, "\"%s\"", random_event_type(&f->random)),
                     stamp, instant(f, around(f, 4)), random_sku(&f->random), amount(f), amount(f),
                     random_sku(&f->random), amount(f), random_sku(&f->random), amount(f)));
}

/* Into the place that the order of time gives it, behind its equals. */
static void
store_event(struct diff *f, const struct json *e, int64_t time)
{
    size_t at = f->env.event_count++;

    for (; at > 0 && f->times[at - 1] > time; at--) {
        f->times[at] = f->times[at - 1];
        f->events[at] = f->events[at - 1];
    }
    f->times[at] = time;
    f->events[at] = e;
}

/* ---- comparing ---- */

static bool
is_member(void *ctx, struct str id)
{
    const struct diff *f = ctx;

    for (size_t i = 0; i < AUDIENCES; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "a%zu", i);
        if (str_eq(id, str_of(name)))
            return f->expected[i];
    }
    return f->external;
}

_Noreturn static void
fail(struct diff *f, size_t audience, const char *what)
{
    char now[ISO8601_BYTES];
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < f->env.event_count; i++) {
        buf_put(&b, S("\n      "));
        json_write(&b, f->events[i]);
    }
    buf_put(&b, S("\n      profile "));
    json_write(&b, f->env.profile);
    for (size_t i = 0; i <= audience; i++)
        buf_printf(&b, "\n      a%zu (%d): %.*s", i, f->expected[i], STR_ARG(f->texts[i]));
    iso8601_format(f->env.now_ms, now);
    (void)printf("  at %.*s (%" PRId64 ")%.*s\n", ISO8601_BYTES, now, f->env.now_ms, STR_ARG(buf_str(&b)));
    buf_deinit(&b);
    t_fail(f->t, __FILE__, __LINE__, "%s: audience a%zu; repeat with EDGEWISE_DIFF_ROUND=%" PRIu64, what, audience,
           f->seed);
}

/* The reference at some instant, over all stored events or those not older than `since`. */
static void
reference(struct diff *f, int64_t now, bool out[AUDIENCES])
{
    struct rule_env env = f->env;

    env.now_ms = now;
    env.events = f->events;
    for (size_t i = 0; i < AUDIENCES; i++) {
        struct t *t = f->t;
        struct value v = VALUE_OF_NULL;
        CHECK_OK(rule_eval(f->rules[i], &env, &f->scratch, &v, d));
        out[i] = f->expected[i] = value_truth(v);
        arena_reset(&f->scratch);
    }
}

static void
compare(struct diff *f)
{
    bool truth[AUDIENCES];

    reference(f, f->env.now_ms, truth);
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (truth[i] != rule_state_member(f->s, i))
            fail(f, i, truth[i] ? "a member that the state denies" : "no member, but the state says so");
    }
}

static void
compare_changes(struct diff *f, const struct rule_changes *c)
{
    size_t at = 0;

    for (size_t i = 0; i < AUDIENCES; i++) {
        bool member = rule_state_member(f->s, i);
        bool told = at < c->n && c->items[at].audience == i;
        if (told != (member != f->before[i]) || (told && c->items[at].member != member))
            fail(f, i, "the changes are not the differences");
        at += told;
        f->flips += told;
        f->before[i] = member;
    }
    if (at != c->n)
        fail(f, 0, "more changes than differences");
}

/* Until the next flip nothing changes by itself. */
static void
compare_quiet(struct diff *f)
{
    int64_t next = rule_state_next_flip_ms(f->s), now = f->env.now_ms, probes[3];
    bool truth[AUDIENCES];

    if (next != 0 && next <= now)
        fail(f, 0, "the next flip is not in the future");
    if (next == 0) {
        for (size_t i = 0; i < 3; i++)
            probes[i] = now + 1 + (int64_t)below(f, (uint64_t)MS_PER_DAY << below(f, 12));
    } else {
        probes[0] = next - 1;
        for (size_t i = 1; i < 3; i++)
            probes[i] = now + (int64_t)below(f, (uint64_t)(next - now));
    }
    for (size_t p = 0; p < 3; p++) {
        reference(f, probes[p], truth);
        for (size_t i = 0; i < AUDIENCES; i++) {
            if (truth[i] != rule_state_member(f->s, i)) {
                (void)printf("  changes at or before %" PRId64 ", next flip %" PRId64 "\n", probes[p], next);
                fail(f, i, "it changes before the next flip");
            }
        }
    }
}

/* Events older than an audience looks back make no difference to it. */
static void
compare_lookback(struct diff *f)
{
    struct t *t = f->t;
    bool truth[AUDIENCES];

    reference(f, f->env.now_ms, truth);
    for (size_t i = 0; i < AUDIENCES; i++) {
        int64_t back = rule_graph_lookback_ms(f->g, i);
        struct rule_env env = f->env;
        const struct json *kept[EVENTS_MAX];
        struct value v = VALUE_OF_NULL;
        if (back == INT64_MAX)
            continue;
        env.events = kept;
        env.event_count = 0;
        for (size_t e = 0; e < f->env.event_count; e++) {
            if (f->times[e] == INT64_MIN || (back != 0 && f->times[e] >= f->env.now_ms - back))
                kept[env.event_count++] = f->events[e];
        }
        CHECK_OK(rule_eval(f->rules[i], &env, &f->scratch, &v, d));
        if (value_truth(v) != truth[i])
            fail(f, i, "an event beyond the look-back matters");
        arena_reset(&f->scratch);
    }
}

/* ---- the vectorised evaluator ---- */

struct block_row {
    const struct json *profile;
    const struct json *events[EVENTS_MAX];
    size_t event_count;
    bool external;
};

static bool
row_is_member(void *ctx, size_t row, struct str id)
{
    const struct block_row *rows = ctx;

    (void)id;
    return rows[row].external;
}

/* What the reference says of a row; audiences in order, as is_member() expects them. */
static void
row_reference(struct diff *f, const struct block_row *row, bool out[AUDIENCES])
{
    bool external = f->external;
    struct rule_env env = f->env;

    f->external = row->external;
    env.profile = row->profile;
    env.events = row->events;
    env.event_count = row->event_count;
    for (size_t i = 0; i < AUDIENCES; i++) {
        struct t *t = f->t;
        struct value v = VALUE_OF_NULL;
        CHECK_OK(rule_eval(f->rules[i], &env, &f->scratch, &v, d));
        out[i] = f->expected[i] = value_truth(v);
        arena_reset(&f->scratch);
    }
    f->external = external;
}

/* The first audience and row for which they differ; false: none. */
static bool
block_differs(struct diff *f, struct rule_block *b, struct block_row *rows, size_t n, size_t *at, size_t *audience)
{
    struct rule_block_now now = {f->env.now_ms, row_is_member, rows};
    struct t *t = f->t;
    bool truth[AUDIENCES];

    rule_block_clear(b);
    for (size_t r = 0; r < n; r++)
        CHECK_OK(
            rule_block_add(b, &(struct rule_block_profile){rows[r].profile, rows[r].events, rows[r].event_count}, d));
    CHECK_OK(rule_block_run(b, &now, d));
    rule_block_check(b);
    for (*at = 0; *at < n; ++*at) {
        row_reference(f, &rows[*at], truth);
        for (*audience = 0; *audience < AUDIENCES; ++*audience) {
            const uint64_t *members = rule_block_members(b, *audience);
            CHECK_TRUE(rule_block_undecided(b, *audience) == NULL);
            if ((members[*at / 64] >> (*at % 64) & 1) != truth[*audience])
                return true;
        }
    }
    return false;
}

/* One profile is enough, and as few events as still show the difference. */
_Noreturn static void
block_fail(struct diff *f, struct rule_block *b, struct block_row *rows, size_t n, size_t at, size_t audience)
{
    struct block_row one = rows[at];
    bool alone = block_differs(f, b, &one, 1, &at, &audience);

    for (size_t i = one.event_count; alone && i-- > 0;) {
        struct block_row less = one;
        memmove((void *)(less.events + i), less.events + i + 1, (less.event_count - i - 1) * sizeof *less.events);
        less.event_count--;
        if (block_differs(f, b, &less, 1, &at, &audience))
            one = less;
    }
    if (!alone)
        (void)block_differs(f, b, rows, n, &at, &audience);
    else
        (void)block_differs(f, b, &one, 1, &at, &audience);
    f->env.profile = one.profile;
    f->env.event_count = one.event_count;
    memcpy((void *)f->events, one.events, sizeof one.events);
    fail(f, audience, alone ? "the block says otherwise" : "the block says otherwise, but not for this profile alone");
}

static void
compare_block(struct diff *f)
{
    struct block_row *rows = ARENA_ARRAY(&f->a, struct block_row, BLOCK_ROWS);
    struct rule_block *b = f->block;
    size_t n = 1 + (below(f, 6) == 0 ? below(f, BLOCK_ROWS) : below(f, 4)), at, audience;
    bool expected[AUDIENCES];

    memcpy(expected, f->expected, sizeof expected);
    for (size_t r = 0; r < n; r++) {
        struct block_row *row = &rows[r];
        size_t known = f->seen_count < SEEN_MAX ? f->seen_count : SEEN_MAX;
        row->profile = r == 0 ? f->env.profile : f->seen[below(f, known)];
        row->external = r == 0 ? f->external : below(f, 2);
        for (size_t i = 0; i < f->env.event_count; i++) {
            if (r == 0 || below(f, 3) != 0)
                row->events[row->event_count++] = f->events[i];
        }
        for (size_t i = row->event_count; r > 0 && i > 1 && below(f, 4) == 0; i--) { /* not in order */
            size_t other = below(f, i);
            const struct json *e = row->events[i - 1];
            row->events[i - 1] = row->events[other];
            row->events[other] = e;
        }
    }
    if (block_differs(f, b, rows, n, &at, &audience))
        block_fail(f, b, rows, n, at, audience);
    f->block_rows += n;
    memcpy(f->expected, expected, sizeof expected);
}

static void
block_begin(struct diff *f, const struct rule_audience *audiences)
{
    struct t *t = f->t;

    CHECK_OK(rule_block_compile(audiences, AUDIENCES, &f->program, d));
    CHECK_OK(rule_block_new(f->program, BLOCK_ROWS, &f->block, d));
    if (below(f, 2) == 0)
        rule_block_portable(f->block);
    f->block_fallbacks += rule_block_shape(f->program).audiences_with_fallback;
}

/* ---- steps ---- */

/* Without scan leaves the state needs no stored events. */
static struct rule_env
state_env(const struct diff *f)
{
    struct rule_env env = f->env;

    env.events = f->scans ? f->events : NULL;
    env.event_count = f->scans ? f->env.event_count : 0;
    return env;
}

static void
step_time(struct diff *f, int64_t now)
{
    struct t *t = f->t;
    struct rule_changes c = {0};
    struct rule_env env;

    f->env.now_ms = now;
    env = state_env(f);
    CHECK_OK(rule_state_time(f->g, f->s, &env, &f->a, &c, d));
    compare(f);
    compare_changes(f, &c);
}

static void
step_event(struct diff *f)
{
    struct t *t = f->t;
    struct rule_changes c = {0};
    struct rule_env env;
    const struct json *e;
    int64_t time;

    if (f->env.event_count == EVENTS_MAX)
        return;
    if (below(f, 3) == 0)
        f->env.now_ms += (int64_t)below(f, MS_PER_DAY);
    if (f->env.event_count > 0 && below(f, 8) == 0) { /* the same again */
        size_t again = below(f, f->env.event_count);
        e = f->events[again];
        time = f->times[again];
    } else {
        e = new_event(f, &time);
    }
    store_event(f, e, time);
    env = state_env(f);
    CHECK_OK(rule_state_event(f->g, f->s, &env, e, &f->a, &c, d));
    compare(f);
    compare_changes(f, &c);
}

static void
step_attributes(struct diff *f)
{
    struct t *t = f->t;
    struct rule_changes c = {0};
    struct rule_env env;

    if (below(f, 4) == 0)
        f->env.now_ms += (int64_t)below(f, 10 * MS_PER_DAY);
    new_profile(f);
    env = state_env(f);
    CHECK_OK(rule_state_attributes(f->g, f->s, &env, &f->a, &c, d));
    compare(f);
    compare_changes(f, &c);
}

static void
step_reload(struct diff *f)
{
    struct t *t = f->t;
    int64_t next = rule_state_next_flip_ms(f->s);
    struct rule_env env = f->env;
    struct buf b;

    if (below(f, 4) == 0) {
        env.events = f->events;
        CHECK_OK(rule_state_build(f->g, &env, &f->a, &f->s, d));
    } else {
        buf_init(&b, 1 << 20);
        rule_state_save(f->s, &b);
        CHECK_OK(rule_state_load(f->g, buf_str(&b), &f->a, &f->s, d));
        buf_deinit(&b);
        CHECK_EQ(rule_state_next_flip_ms(f->s), next);
    }
    compare(f);
}

static void
step_clock(struct diff *f)
{
    int64_t next = rule_state_next_flip_ms(f->s), now = f->env.now_ms;

    if (below(f, 3) == 0) {
        step_time(f, now + (int64_t)below(f, (uint64_t)MS_PER_HOUR << below(f, 9)));
        return;
    }
    for (int i = 0; i < 4 && next != 0 && next < now + 200 * MS_PER_DAY; i++) { /* from flip to flip */
        if (next - 1 > f->env.now_ms)
            step_time(f, next - 1);
        if (rule_state_next_flip_ms(f->s) != next)
            fail(f, 0, "the next flip moved while nothing happened");
        step_time(f, next);
        next = rule_state_next_flip_ms(f->s);
    }
}

/* ---- a round ---- */

static void
compile(struct diff *f)
{
    struct t *t = f->t;
    struct rule_audience audiences[AUDIENCES];

    for (size_t i = 0; i < AUDIENCES; i++) {
        enum pql_error class = PQL_OK;
        struct diag d = DIAG_INIT;
        f->texts[i] = str_of(random_pql_expression(&f->random, i));
        if (pql_compile(f->texts[i], true, &f->rules[i], &class, &d) != ERR_OK)
            t_fail(t, __FILE__, __LINE__, "%.*s: %s", STR_ARG(f->texts[i]), d.what);
        audiences[i] = (struct rule_audience){str_of(fmt(f, "a%zu", i)), f->rules[i]};
    }
    CHECK_OK(rule_graph_new(audiences, AUDIENCES, f->seed, &f->g, d));
    block_begin(f, audiences);
    for (size_t i = 0; i < AUDIENCES; i++)
        f->scanning += rule_graph_scans(f->g, i);
    f->scans = f->scanning > 0;
}

struct sums {
    uint64_t rounds, flips, block_rows, fallbacks, scans;
};

static void
run_round(struct t *t, uint64_t seed, struct sums *sums)
{
    struct diff *f = ARENA_NEW(t->arena, struct diff);
    struct rule_env env;
    int64_t time;

    f->t = t;
    f->seed = seed;
    rng_seed(&f->random.rng, seed);
    f->random.a = &f->a;
    arena_init(&f->a, (size_t)1 << 30);
    arena_init(&f->scratch, (size_t)1 << 28);
    f->env.now_ms = 1706745600000 + (int64_t)below(f, 60 * MS_PER_DAY); /* February and March of a leap year */
    f->env.in_segment = is_member;
    f->env.ctx = f;
    f->env.events = f->events;
    compile(f);
    new_profile(f);
    for (size_t n = below(f, 12); n > 0; n--) {
        const struct json *e = new_event(f, &time);
        store_event(f, e, time);
    }
    env = f->env;
    CHECK_OK(rule_state_build(f->g, &env, &f->a, &f->s, d));
    compare(f);
    for (size_t i = 0; i < AUDIENCES; i++)
        f->before[i] = rule_state_member(f->s, i);
    for (int i = 0; i < STEPS; i++) {
        switch (number(f, 10)) {
        case 0:
            step_attributes(f);
            break;
        case 1:
            step_reload(f);
            break;
        case 2:
        case 3:
        case 4:
            step_clock(f);
            break;
        default:
            step_event(f);
        }
        compare_quiet(f);
        if (below(f, 4) == 0)
            compare_block(f);
    }
    compare_lookback(f);
    sums->flips += f->flips;
    sums->block_rows += f->block_rows;
    sums->fallbacks += f->block_fallbacks;
    sums->scans += f->scanning;
    sums->rounds++;
    rule_block_free(f->block);
    rule_block_program_free(f->program);
    rule_graph_free(f->g);
    for (size_t i = 0; i < AUDIENCES; i++)
        rule_free(f->rules[i]);
    arena_deinit(&f->a);
    arena_deinit(&f->scratch);
}

static double
seconds(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

TEST(rule_evaluators_agree)
{
    const char *limit = getenv("EDGEWISE_DIFF_SECONDS"), *one = getenv("EDGEWISE_DIFF_ROUND");
    int64_t wanted = 5;
    struct sums sums = {0};
    uint64_t seed;
    double start = seconds();

    if (one != NULL && str_to_u64(str_of(one), &seed)) {
        run_round(t, seed, &sums);
        return;
    }
    if (limit != NULL)
        CHECK_TRUE(str_to_i64(str_of(limit), &wanted));
    while (seconds() - start < (double)wanted) {
        run_round(t, rng_u64(&t->rng), &sums);
        arena_reset(t->arena);
    }
    CHECK_TRUE(sums.flips > sums.rounds); /* the random audiences do change their minds */
    if (limit != NULL)
        (void)printf("  %" PRIu64 " rounds, %" PRIu64 " flips, %" PRIu64 " profiles in blocks, %" PRIu64 " of %" PRIu64
                     " audiences with fallbacks, %" PRIu64 " that scan, seed %" PRIu64 "\n",
                     sums.rounds, sums.flips, sums.block_rows, sums.fallbacks, sums.rounds * AUDIENCES, sums.scans,
                     t->seed);
}
