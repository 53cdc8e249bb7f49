/* rule_graph_grow_test.c - audiences that come, change and go while a profile lives.
 *
 * A round takes one profile through some eighty steps: events, attributes, time, a save and load; and every few steps
 * the audiences change: some are added, edited, removed. Mostly the graph grows from the one before, at times several
 * times between two looks at the profile; at times everything is as after a restart: a graph from nothing that learned
 * the manifests of those before; at times a graph is made and given up. Whoever holds memberships does what the
 * changes say and nothing else. After each step
 *
 *   every audience's bit is the reference's, and so is what is held
 *   a graph from nothing with a state from nothing says the same
 *   nothing changes by itself before the next flip
 *   only audiences that were new or edited, or refer to such, were compiled
 *
 * EDGEWISE_GROW_SECONDS sets the length (3 by default), EDGEWISE_GROW_ROUND repeats the one round that failed. */
#include <inttypes.h>
#include <time.h>

#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql.h"
#include "random_pql.h"
#include "rule/rule_graph.h"
#include "t.h"

#define AUDIENCES 12
#define EVENTS_MAX 40
#define STEPS 80
#define MANIFESTS 3

struct manifest {
    struct str *rows;
    size_t n;
};

struct grow {
    struct t *t;
    struct random_pql random;
    uint64_t seed;
    struct arena a, scratch;
    struct str texts[AUDIENCES]; /* by number; audience 3 is "a3" */
    struct rule *rules[AUDIENCES];
    size_t order[AUDIENCES]; /* numbers of those there are, in order of creation */
    size_t count;
    struct str compiled[AUDIENCES]; /* texts in the graph at hand; p NULL: not in it */
    struct rule_graph *g;
    struct rule_state *s;
    struct rule_env env;
    const struct json *events[EVENTS_MAX];
    int64_t times[EVENTS_MAX];
    bool external;
    bool expected[AUDIENCES];
    bool held[AUDIENCES];
    struct manifest manifests[MANIFESTS]; /* of the graphs before restarts, newest last */
    size_t manifest_count;
    uint64_t behind, kept; /* states that were taken over, and those of them that needed no event */
};

static uint64_t
below(struct grow *f, uint64_t n)
{
    return random_below(&f->random, n);
}

#define fmt(f, ...) random_fmt(&(f)->random, __VA_ARGS__)
#define PICK(...) RANDOM_PICK(&f->random, __VA_ARGS__)

static const struct json *
parse(struct grow *f, const char *s)
{
    struct t *t = f->t;
    const struct json *v = NULL;

    CHECK_OK(json_parse(str_of(s), &f->a, &v, d));
    return v;
}

static const char *
instant(struct grow *f, int64_t ms)
{
    char iso[ISO8601_BYTES];

    iso8601_format(ms, iso);
    return fmt(f, "%.*s", ISO8601_BYTES, iso);
}

static void
new_profile(struct grow *f)
{
    int64_t until = f->env.now_ms + (int64_t)below(f, 20 * MS_PER_DAY) - 10 * MS_PER_DAY;

    f->env.profile =
        parse(f, fmt(f,
                     "{\"tier\":%s,\"points\":%d,\"person\":{\"name\":%s},\"colours\":[\"%s\"],"
                     "\"until\":\"%s\",\"orders\":[{\"sku\":\"%s\",\"n\":%d}],\"dates\":[{\"at\":\"%s\"}]}",
                     PICK("\"gold\"", "\"silver\"", "null"), (int)below(f, 10), PICK("\"Joanna\"", "\"Bo\""),
                     PICK("red", "blue"), instant(f, until), random_sku(&f->random), (int)below(f, 6),
                     instant(f, until + 1)));
    f->external = below(f, 2);
}

static const struct json *
new_event(struct grow *f)
{
    int64_t ms = f->env.now_ms - (int64_t)below(f, (uint64_t)MS_PER_DAY << below(f, 7));
    size_t at = f->env.event_count++;
    const struct json *e;

    if (below(f, 5) == 0)
        ms = f->env.now_ms + (int64_t)below(f, 2 * MS_PER_DAY);
    e = parse(f,
              fmt(f,
                  "{\"eventType\":\"%s\",\"timestamp\":\"%s\",\"shipped\":\"%s\",\"sku\":\"%s\",\"amount\":%d,"
                  "\"price\":%d.%d,\"items\":[{\"sku\":\"%s\",\"price\":%d}]}",
                  random_event_type(&f->random), instant(f, ms), instant(f, ms + MS_PER_DAY), random_sku(&f->random),
                  (int)below(f, 30), (int)below(f, 30), (int)below(f, 10), random_sku(&f->random), (int)below(f, 9)));
    for (; at > 0 && f->times[at - 1] > ms; at--) {
        f->times[at] = f->times[at - 1];
        f->events[at] = f->events[at - 1];
    }
    f->times[at] = ms;
    f->events[at] = e;
    return e;
}

/* ---- comparing ---- */

static size_t
number_of(struct str id)
{
    uint64_t n = AUDIENCES;

    if (id.n < 2 || id.p[0] != 'a' || !str_to_u64((struct str){id.p + 1, id.n - 1}, &n) || n >= AUDIENCES)
        return AUDIENCES;
    return (size_t)n;
}

static bool
is_member(void *ctx, struct str id)
{
    const struct grow *f = ctx;
    size_t n = number_of(id);

    return n < AUDIENCES && f->rules[n] != NULL ? f->expected[n] : f->external;
}

_Noreturn static void
fail(struct grow *f, size_t audience, const char *what)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < f->env.event_count; i++) {
        buf_put(&b, S("\n      "));
        json_write(&b, f->events[i]);
    }
    buf_put(&b, S("\n      profile "));
    json_write(&b, f->env.profile);
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (f->rules[i] != NULL)
            buf_printf(&b, "\n      a%zu (%d, held %d): %.*s", i, f->expected[i], f->held[i], STR_ARG(f->texts[i]));
    }
    (void)printf("  at %" PRId64 "%.*s\n", f->env.now_ms, STR_ARG(buf_str(&b)));
    buf_deinit(&b);
    t_fail(f->t, __FILE__, __LINE__, "%s: audience a%zu; repeat with EDGEWISE_GROW_ROUND=%" PRIu64, what, audience,
           f->seed);
}

/* An expression refers to audiences with smaller numbers only. */
static void
reference(struct grow *f, int64_t now)
{
    struct rule_env env = f->env;
    struct t *t = f->t;

    env.now_ms = now;
    env.events = f->events;
    for (size_t i = 0; i < AUDIENCES; i++) {
        struct value v = VALUE_OF_NULL;
        if (f->rules[i] == NULL)
            continue;
        CHECK_OK(rule_eval(f->rules[i], &env, &f->scratch, &v, d));
        f->expected[i] = value_truth(v);
        arena_reset(&f->scratch);
    }
}

static void
list_audiences(struct grow *f, struct rule_audience *out)
{
    for (size_t i = 0; i < f->count; i++)
        out[i] = (struct rule_audience){str_of(fmt(f, "a%zu", f->order[i])), f->rules[f->order[i]]};
}

static void
compare_anew(struct grow *f)
{
    struct rule_audience audiences[AUDIENCES];
    struct rule_graph *g = NULL;
    struct rule_state *s = NULL;
    struct rule_env env = f->env;
    struct t *t = f->t;

    list_audiences(f, audiences);
    env.events = f->events;
    CHECK_OK(rule_graph_new(audiences, f->count, 1, &g, d));
    CHECK_OK(rule_state_build(g, &env, &f->scratch, &s, d));
    for (size_t i = 0; i < f->count; i++) {
        if (rule_state_member(s, i) != rule_state_member(f->s, i))
            fail(f, f->order[i], "a graph made anew says otherwise");
    }
    rule_graph_free(g);
    arena_reset(&f->scratch);
}

static void
compare(struct grow *f)
{
    int64_t next = rule_state_next_flip_ms(f->s), now = f->env.now_ms, probe;

    reference(f, now);
    for (size_t i = 0; i < f->count; i++) {
        if (rule_state_member(f->s, i) != f->expected[f->order[i]])
            fail(f, f->order[i], "the state is wrong");
        if (f->held[f->order[i]] != f->expected[f->order[i]])
            fail(f, f->order[i], "the changes did not tell");
    }
    if (next != 0 && next <= now)
        fail(f, 0, "the next flip is not in the future");
    probe = next != 0 ? next - 1 : now + (int64_t)below(f, (uint64_t)MS_PER_DAY << below(f, 12));
    reference(f, probe);
    for (size_t i = 0; i < f->count; i++) {
        if (rule_state_member(f->s, i) != f->expected[f->order[i]])
            fail(f, f->order[i], "it changes before the next flip");
    }
    reference(f, now);
    if (below(f, 4) == 0)
        compare_anew(f);
}

/* ---- steps ---- */

static struct rule_env
state_env(struct grow *f)
{
    struct rule_env env = f->env;
    bool reads = rule_state_needs_events(f->s);

    for (size_t i = 0; i < f->count; i++)
        reads = reads || rule_graph_scans(f->g, i);
    env.events = reads ? f->events : NULL;
    env.event_count = reads ? f->env.event_count : 0;
    return env;
}

static void
step(struct grow *f)
{
    struct rule_changes c = {0};
    const struct json *event = NULL;
    struct t *t = f->t;
    struct rule_env env;
    bool behind = rule_state_is_behind(f->s);
    uint64_t kind = below(f, 3);

    if (below(f, 2) == 0)
        f->env.now_ms += (int64_t)below(f, (uint64_t)MS_PER_HOUR << below(f, 9));
    reference(f, f->env.now_ms); /* for is_member */
    if (kind == 0 && f->env.event_count < EVENTS_MAX)
        event = new_event(f);
    else if (kind == 1)
        new_profile(f);
    env = state_env(f);
    if (event != NULL)
        CHECK_OK(rule_state_event(f->g, f->s, &env, event, &f->a, &c, d));
    else if (kind == 1)
        CHECK_OK(rule_state_attributes(f->g, f->s, &env, &f->a, &c, d));
    else
        CHECK_OK(rule_state_time(f->g, f->s, &env, &f->a, &c, d));
    CHECK_TRUE(!rule_state_is_behind(f->s));
    for (size_t i = 0; i < AUDIENCES && behind; i++) /* whoever holds memberships drops those of no audience */
        f->held[i] = f->held[i] && f->rules[i] != NULL;
    for (size_t i = 0; i < c.n; i++) {
        CHECK_TRUE(i == 0 || c.items[i].audience > c.items[i - 1].audience);
        f->held[f->order[c.items[i].audience]] = c.items[i].member;
    }
    compare(f);
}

static void
step_flip(struct grow *f)
{
    int64_t next = rule_state_next_flip_ms(f->s);
    struct rule_changes c = {0};
    struct t *t = f->t;
    struct rule_env env = state_env(f);

    if (next == 0 || next > f->env.now_ms + 200 * MS_PER_DAY)
        return;
    f->env.now_ms = env.now_ms = next;
    CHECK_OK(rule_state_time(f->g, f->s, &env, &f->a, &c, d));
    for (size_t i = 0; i < c.n; i++)
        f->held[f->order[c.items[i].audience]] = c.items[i].member;
    compare(f);
}

/* ---- audiences ---- */

static void
compile(struct grow *f, size_t n)
{
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;

    f->texts[n] = str_of(random_pql_expression(&f->random, n));
    if (pql_compile(f->texts[n], true, &f->rules[n], &class, &d) != ERR_OK)
        t_fail(f->t, __FILE__, __LINE__, "%.*s: %s", STR_ARG(f->texts[n]), d.what);
}

/* Adds, edits or removes one; *old: a rule to be freed when the graph before is not needed any more. */
static void
change_one(struct grow *f, struct rule **old)
{
    size_t n = below(f, AUDIENCES), at = 0;

    *old = f->rules[n];
    if (f->rules[n] == NULL) {
        compile(f, n);
        f->order[f->count++] = n;
    } else if (below(f, 2) == 0) {
        compile(f, n);
    } else {
        while (f->order[at] != n)
            at++;
        memmove(&f->order[at], &f->order[at + 1], (--f->count - at) * sizeof *f->order);
        f->rules[n] = NULL;
    }
}

/* Those with another text, and those that refer to one that is not what it was. */
static size_t
count_to_compile(struct grow *f)
{
    bool fresh[AUDIENCES];
    size_t n = 0;

    for (size_t i = 0; i < AUDIENCES; i++) { /* references go to smaller numbers */
        struct str text = f->rules[i] != NULL ? f->texts[i] : S_NULL;
        fresh[i] = (text.p == NULL) != (f->compiled[i].p == NULL) || !str_eq(text, f->compiled[i]);
        for (size_t k = 0; k < i && f->rules[i] != NULL; k++)
            fresh[i] = fresh[i] || (fresh[k] && str_find(f->texts[i], str_of(fmt(f, "(\"a%zu\")", k))) >= 0);
        n += f->rules[i] != NULL && fresh[i];
    }
    return n;
}

static void
note_compiled(struct grow *f)
{
    for (size_t i = 0; i < AUDIENCES; i++)
        f->compiled[i] = f->rules[i] != NULL ? f->texts[i] : S_NULL;
}

static void
keep_manifest(struct grow *f)
{
    struct manifest m = {.n = rule_graph_manifest_rows(f->g)};
    struct t *t = f->t;

    m.rows = ARENA_ARRAY(&f->a, struct str, m.n);
    for (size_t i = 0; i < m.n; i++) {
        struct buf b;
        buf_init(&b, 1 << 16);
        rule_graph_manifest_row(f->g, i, &b);
        CHECK_TRUE(buf_ok(&b));
        m.rows[i] = arena_str(&f->a, buf_str(&b));
        buf_deinit(&b);
    }
    CHECK_EQ(rule_manifest_row_count(m.rows[0]), m.n);
    if (f->manifest_count == MANIFESTS)
        memmove(f->manifests, f->manifests + 1, --f->manifest_count * sizeof m);
    f->manifests[f->manifest_count++] = m;
}

static void
extend(struct grow *f)
{
    struct rule_audience audiences[AUDIENCES];
    struct rule_graph *given_up = NULL, *next = NULL;
    struct t *t = f->t;

    list_audiences(f, audiences);
    if (below(f, 4) == 0) { /* made, and given up: its numbers are given again */
        struct rule *spare = NULL, *own;
        enum pql_error class = PQL_OK;
        size_t at = f->count > 0 ? below(f, f->count) : 0;
        CHECK_OK(pql_compile(str_of(random_pql_expression(&f->random, 0)), true, &spare, &class, d));
        own = f->count > 0 ? (struct rule *)(uintptr_t)audiences[at].rule : NULL;
        if (f->count > 0)
            audiences[at].rule = spare;
        CHECK_OK(rule_graph_extend(f->g, audiences, f->count, 1, &given_up, d));
        if (f->count > 0)
            audiences[at].rule = own;
        rule_graph_free(given_up);
        rule_free(spare);
    }
    CHECK_OK(rule_graph_extend(f->g, audiences, f->count, 1, &next, d));
    CHECK_TRUE(rule_graph_compiled_count(next) <= count_to_compile(f)); /* two texts may be one expression */
    note_compiled(f);
    rule_graph_free(f->g);
    f->g = next;
}

static void
restart(struct grow *f)
{
    struct rule_audience audiences[AUDIENCES];
    struct t *t = f->t;

    keep_manifest(f);
    rule_graph_free(f->g);
    f->g = NULL;
    list_audiences(f, audiences);
    CHECK_OK(rule_graph_new(audiences, f->count, 1, &f->g, d));
    note_compiled(f);
    for (size_t i = 0; i < f->manifest_count; i++)
        CHECK_OK(rule_graph_learn(f->g, f->manifests[i].rows, f->manifests[i].n, d));
}

/* The state is saved, the audiences change, and it is loaded under the graph of the day. */
static void
change(struct grow *f)
{
    struct rule *old[AUDIENCES] = {0};
    struct t *t = f->t;
    struct buf b;
    size_t n;

    buf_init(&b, 1 << 20);
    rule_state_save(f->s, &b);
    for (uint64_t rounds = 1 + below(f, 3); rounds > 0; rounds--) {
        n = 1 + below(f, 3);
        for (size_t i = 0; i < n; i++)
            change_one(f, &old[i]);
        if (below(f, 4) == 0)
            restart(f);
        else
            extend(f);
        for (size_t i = 0; i < n; i++)
            rule_free(old[i]);
    }
    CHECK_OK(rule_state_load(f->g, buf_str(&b), &f->a, &f->s, d));
    buf_deinit(&b);
    f->behind += rule_state_is_behind(f->s);
    f->kept += rule_state_is_behind(f->s) && !rule_state_needs_events(f->s);
    step(f);
}

static void
reload(struct grow *f)
{
    int64_t next = rule_state_next_flip_ms(f->s);
    struct t *t = f->t;
    struct buf b;

    buf_init(&b, 1 << 20);
    rule_state_save(f->s, &b);
    CHECK_OK(rule_state_load(f->g, buf_str(&b), &f->a, &f->s, d));
    buf_deinit(&b);
    CHECK_TRUE(!rule_state_is_behind(f->s));
    CHECK_EQ(rule_state_next_flip_ms(f->s), next);
}

/* ---- a round ---- */

struct sums {
    uint64_t rounds, behind, kept;
};

static void
run_round(struct t *t, uint64_t seed, struct sums *sums)
{
    struct grow *f = ARENA_NEW(t->arena, struct grow);
    struct rule_audience audiences[AUDIENCES];

    f->t = t;
    f->seed = seed;
    rng_seed(&f->random.rng, seed);
    f->random.a = &f->a;
    arena_init(&f->a, (size_t)1 << 30);
    arena_init(&f->scratch, (size_t)1 << 28);
    f->env = (struct rule_env){.now_ms = 1706745600000 + (int64_t)below(f, 60 * MS_PER_DAY),
                               .in_segment = is_member,
                               .ctx = f,
                               .events = f->events};
    for (size_t i = 0; i < AUDIENCES; i++) {
        if (below(f, 2) == 0)
            continue;
        compile(f, i);
        f->order[f->count++] = i;
    }
    new_profile(f);
    for (uint64_t n = below(f, 12); n > 0; n--)
        (void)new_event(f);
    list_audiences(f, audiences);
    CHECK_OK(rule_graph_new(audiences, f->count, 1, &f->g, d));
    note_compiled(f);
    reference(f, f->env.now_ms);
    CHECK_OK(rule_state_build(f->g, &f->env, &f->a, &f->s, d));
    for (size_t i = 0; i < f->count; i++)
        f->held[f->order[i]] = rule_state_member(f->s, i);
    compare(f);
    for (int i = 0; i < STEPS; i++) {
        switch (below(f, 8)) {
        case 0:
        case 1:
            change(f);
            break;
        case 2:
            reload(f);
            break;
        case 3:
        case 4:
            step_flip(f);
            break;
        default:
            step(f);
        }
    }
    sums->rounds++;
    sums->behind += f->behind;
    sums->kept += f->kept;
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

TEST(rule_graph_grows_as_if_made_anew)
{
    const char *limit = getenv("EDGEWISE_GROW_SECONDS"), *one = getenv("EDGEWISE_GROW_ROUND");
    int64_t wanted = 3;
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
    CHECK_TRUE(sums.behind > sums.rounds && sums.kept > 0);
    if (limit != NULL)
        (void)printf("  %" PRIu64 " rounds, %" PRIu64 " states taken over, %" PRIu64 " of them without events\n",
                     sums.rounds, sums.behind, sums.kept);
}

/* What an empty graph grew to has the newest mark of the same graph made from nothing; the empty one's states remain.
 */
TEST(rule_graph_knows_the_empty_graph_that_it_grew_from)
{
    struct rule_env env = {.now_ms = 1706745600000};
    struct rule_graph *empty = NULL, *grown = NULL, *anew = NULL;
    struct rule_audience one = {.id = S("a")};
    struct rule_state *s = NULL;
    struct rule *r = NULL;
    struct str rows[8];
    struct buf state;
    size_t n;

    CHECK_OK(pql_compile(S("a = 1"), true, &r, NULL, d));
    one.rule = r;
    CHECK_OK(rule_graph_new(NULL, 0, 1, &empty, d));
    CHECK_OK(rule_state_build(empty, &env, t->arena, &s, d));
    buf_init(&state, 4096);
    rule_state_save(s, &state);
    CHECK_OK(rule_graph_extend(empty, &one, 1, 1, &grown, d));
    n = rule_graph_manifest_rows(grown);
    CHECK_TRUE(n <= sizeof rows / sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        struct buf b;
        buf_init(&b, 1 << 16);
        rule_graph_manifest_row(grown, i, &b);
        rows[i] = arena_str(t->arena, buf_str(&b));
        buf_deinit(&b);
    }
    CHECK_OK(rule_graph_new(&one, 1, 1, &anew, d));
    CHECK_OK(rule_graph_learn(anew, rows, n, d));
    CHECK_OK(rule_state_load(anew, buf_str(&state), t->arena, &s, d));
    buf_deinit(&state);
    rule_graph_free(anew);
    rule_graph_free(grown);
    rule_graph_free(empty);
    rule_free(r);
}
