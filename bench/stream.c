/* stream.c - a stream of events against thousands of audiences, with every entry and exit told.
 *
 *   bench_stream AUDIENCES PEER PROFILES EVENTS ROUNDS      PEER: 0, the plain evaluator; else a number of audiences
 *
 * A step is what a profile's event costs in process: its state is read from bytes, takes the event, names the audiences
 * that were entered and left, and is written to bytes again. Events and attributes are parsed before, as a request
 * parses them once for everybody. An event comes after its profile's one before by half a day, so that windows of days
 * to months fill and empty, and sometimes late.
 *
 * Audiences are a shop's: 30% look at attributes, 20% at one event within days, 15% at counts, 10% at sums, 10% are
 * sequences, 5% look at the greatest, the average or the last of purchases, 10% are made of others. Those of events
 * concern one item and a kind of event, one in twenty a category instead; popular items are popular with both, visitors
 * and audiences. There are five items for every four audiences, and 125 items to a category: who has more audiences has
 * them of more things, so that an event concerns few of them in a sandbox of any size.
 *
 * The plain evaluator evaluates all audiences over the profile's stored events at each event, and compares with before.
 * It is measured over a sample of the events. Before that, both take the same events and are compared audience by
 * audience. */
#include "versus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/civil.h"
#include "rule/rule_graph.h"

#define ITEMS(audiences) ((audiences)*5 / 4)
#define ITEMS_OF_CATEGORY 125
#define ATTRIBUTES 20
#define BEGIN_MS 1750000000000
#define STEP_MS (12 * MS_PER_HOUR)
#define HISTORY 60 /* events of a profile when the stream begins */
#define EVENTS_MAX 400
#define ROUNDS_MAX 64
#define COMPARED 800000 /* evaluations of an audience by both, in whole steps */
#define SAMPLE 40       /* steps of a round of the plain evaluator */
#define STATE_BYTES_MAX (16 << 20)

/* ---- audiences ---- */

static const char *const types[] = {"web.webpagedetails.pageViews", "commerce.productViews", "commerce.productListAdds",
                                    "commerce.purchases", "search.queries"};
static const unsigned type_shares[] = {50, 30, 10, 5, 5}; /* per cent */
static const char *const channels[] = {"mail", "web", "app", "store"};

static unsigned items;

static const char *
some_type(void)
{
    unsigned x = versus_below(100), i = 0;

    while (x >= type_shares[i])
        x -= type_shares[i++];
    return types[i];
}

/* Low numbers are popular. */
static unsigned
some_item(void)
{
    unsigned a = versus_below(items), b = versus_below(items);

    return a < b ? a : b;
}

static void
put_subject(struct buf *b)
{
    if (versus_below(20) == 0)
        buf_printf(b, "category = \"c%u\"", some_item() / ITEMS_OF_CATEGORY);
    else
        buf_printf(b, "item = \"i%u\"", some_item());
}

static void
put_events(struct buf *b, const char *type)
{
    static const unsigned days[] = {1, 3, 7, 14, 30, 60, 90};

    buf_printf(b, "xEvent[eventType = \"%s\" and ", type);
    put_subject(b);
    buf_printf(b, " and timestamp occurs <= %u days before now]", days[versus_below(7)]);
}

static void
put_attribute(struct buf *b)
{
    unsigned i = versus_below(ATTRIBUTES);

    if (i % 2 == 0)
        buf_printf(b, "a%u %s %u", i, versus_below(2) ? ">" : "<=", versus_below(100));
    else
        buf_printf(b, "a%u = \"v%u\"", i, versus_below(50));
}

static void
put_sequence(struct buf *b)
{
    unsigned item = some_item(), form = versus_below(3);

    buf_printf(b,
               "chain(xEvent, timestamp, [A: WHAT(eventType = \"commerce.productViews\" and item = \"i%u\") "
               "WHEN(<= %u days before now)%s",
               item, 1 + versus_below(30), form == 2 ? " COUNT(2)" : "");
    buf_printf(b, ", B: WHAT(eventType = \"commerce.productListAdds\" and item = \"i%u\") GAP(<= %u hours)", item,
               1 + versus_below(72));
    if (form == 1)
        buf_printf(b, ", not C: WHAT(eventType = \"commerce.purchases\" and item = \"i%u\")", item);
    versus_puts(b, "])");
}

static void
put_aggregate(struct buf *b)
{
    put_events(b, "commerce.purchases");
    switch (versus_below(3)) {
    case 0:
        buf_printf(b, ".max(price) > %u", versus_below(200));
        break;
    case 1:
        buf_printf(b, ".average(price) > %u", versus_below(200));
        break;
    default:
        buf_printf(b, ".topN(timestamp, 1).head().channel = \"%s\"", channels[versus_below(4)]);
    }
}

static void
put_audience(struct buf *b, size_t i)
{
    unsigned kind = versus_below(100);

    if (kind < 30 || i < 10) {
        for (unsigned n = 0, of = 1 + versus_below(3); n < of; n++) {
            versus_puts(b, n == 0 ? "" : versus_below(4) == 0 ? " or " : " and ");
            put_attribute(b);
        }
    } else if (kind < 50) {
        put_events(b, some_type());
    } else if (kind < 65) {
        put_events(b, some_type());
        buf_printf(b, ".count() >= %u", 2 + versus_below(4));
    } else if (kind < 75) {
        put_events(b, "commerce.purchases");
        buf_printf(b, ".sum(price) > %u", versus_below(500));
    } else if (kind < 85) {
        put_sequence(b);
    } else if (kind < 90) {
        put_aggregate(b);
    } else {
        buf_printf(b, "inSegment(\"a%u\") and (", versus_below((unsigned)i));
        put_attribute(b);
        buf_printf(b, " or not inSegment(\"a%u\"))", versus_below((unsigned)i));
    }
}

struct rules {
    size_t n;
    struct rule_audience *audiences;
    char (*ids)[16];
    struct rule_graph *g;
};

static void
make_rules(struct rules *r, size_t n)
{
    struct diag d = DIAG_INIT;
    size_t scans = 0;
    struct buf b;

    items = (unsigned)ITEMS(n);
    r->n = n;
    r->audiences = calloc(n, sizeof *r->audiences);
    r->ids = calloc(n, sizeof *r->ids);
    if (r->audiences == NULL || r->ids == NULL)
        versus_stop("no memory");
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < n; i++) {
        struct rule *rule = NULL;
        buf_clear(&b);
        put_audience(&b, i);
        if (pql_compile(buf_str(&b), true, &rule, NULL, &d) != ERR_OK)
            versus_stop(d.what);
        (void)snprintf(r->ids[i], sizeof r->ids[i], "a%zu", i);
        r->audiences[i] = (struct rule_audience){str_of(r->ids[i]), rule};
    }
    buf_deinit(&b);
    if (rule_graph_new(r->audiences, n, 1, &r->g, &d) != ERR_OK)
        versus_stop(d.what);
    for (size_t i = 0; i < n; i++)
        scans += rule_graph_scans(r->g, i);
    (void)fprintf(stderr, "# %zu audiences: %zu nodes, %zu audiences scan\n", n, rule_graph_node_count(r->g), scans);
}

static void
drop_rules(struct rules *r)
{
    rule_graph_free(r->g);
    for (size_t i = 0; i < r->n; i++)
        rule_free((struct rule *)(uintptr_t)r->audiences[i].rule);
    free(r->audiences);
    free(r->ids);
}

/* ---- profiles ---- */

struct profile {
    struct arena a; /* attributes and events */
    const struct json *attributes;
    const struct json *events[EVENTS_MAX]; /* by time */
    size_t event_count;
    int64_t now_ms;
    struct buf state;
};

static const struct json *
parse(struct arena *a, struct buf *b)
{
    const struct json *v = NULL;
    struct diag d = DIAG_INIT;
    struct str text = arena_str(a, buf_str(b));

    if (text.p == NULL || json_parse(text, a, &v, &d) != ERR_OK)
        versus_stop("an event does not read");
    return v;
}

static void
put_event(struct buf *b, int64_t ms)
{
    char iso[ISO8601_BYTES];
    unsigned item = some_item();

    iso8601_format(ms, iso);
    buf_clear(b);
    buf_printf(b,
               "{\"_id\":\"e%" PRId64 "-%u\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"item\":\"i%u\",\"category\":"
               "\"c%u\",\"channel\":\"%s\",\"price\":%u.%02u,\"web\":{\"webPageDetails\":{\"name\":\"page %u\",\"URL\":"
               "\"https://www.shop.test/p/%u\"}},\"device\":{\"screenWidth\":1280,\"screenHeight\":720}}",
               ms, item, some_type(), ISO8601_BYTES, iso, item, item / ITEMS_OF_CATEGORY, channels[versus_below(4)],
               versus_below(200), versus_below(100), item, item);
}

static const struct json *
next_event(struct profile *p, struct arena *a, struct buf *b)
{
    int64_t ms;

    p->now_ms += (int64_t)versus_below(2 * STEP_MS);
    ms = versus_below(20) == 0 ? p->now_ms - (int64_t)versus_below(2 * STEP_MS) : p->now_ms;
    put_event(b, ms);
    return parse(a, b);
}

static int64_t
time_of(const struct json *e)
{
    int64_t ms = 0;

    (void)iso8601_parse(json_str(json_get(e, S("timestamp"))), &ms, NULL);
    return ms;
}

static void
store_event(struct profile *p, const struct json *e)
{
    size_t at = p->event_count++;
    int64_t ms = time_of(e);

    if (at == EVENTS_MAX)
        versus_stop("too many events of a profile");
    for (; at > 0 && time_of(p->events[at - 1]) > ms; at--)
        p->events[at] = p->events[at - 1];
    p->events[at] = e;
}

static struct rule_env
env_of(const struct profile *p)
{
    return (struct rule_env){
        .now_ms = p->now_ms, .profile = p->attributes, .events = p->events, .event_count = p->event_count};
}

static void
save(const struct rule_state *s, struct buf *out)
{
    buf_clear(out);
    rule_state_save(s, out);
    if (!buf_ok(out))
        versus_stop("a state is too long");
}

static void
build_state(struct profile *p, const struct rules *r, struct arena *a)
{
    struct rule_env env = env_of(p);
    struct rule_state *s = NULL;
    struct diag d = DIAG_INIT;

    if (rule_state_build(r->g, &env, a, &s, &d) != ERR_OK)
        versus_stop(d.what);
    save(s, &p->state);
    arena_reset(a);
}

static struct profile *
make_profiles(size_t n)
{
    struct profile *out = calloc(n, sizeof *out);
    struct buf b;

    if (out == NULL)
        versus_stop("no memory");
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < n; i++) {
        struct profile *p = &out[i];
        arena_init(&p->a, 1 << 26);
        buf_init(&p->state, STATE_BYTES_MAX);
        p->now_ms = BEGIN_MS;
        buf_clear(&b);
        for (unsigned k = 0; k < ATTRIBUTES; k++) {
            if (k % 2 == 0)
                buf_printf(&b, "%s\"a%u\":%u", k ? "," : "{", k, versus_below(100));
            else
                buf_printf(&b, ",\"a%u\":\"v%u\"", k, versus_below(50));
        }
        buf_putc(&b, '}');
        p->attributes = parse(&p->a, &b);
        for (unsigned k = 0; k < HISTORY; k++)
            store_event(p, next_event(p, &p->a, &b));
    }
    buf_deinit(&b);
    return out;
}

/* ---- ours ---- */

struct told {
    uint64_t entries, exits;
};

static void
step(struct profile *p, const struct rules *r, const struct json *event, struct arena *a, struct told *told)
{
    struct rule_env env = {.now_ms = p->now_ms, .profile = p->attributes};
    struct rule_changes changes = {0};
    struct rule_state *s = NULL;
    struct diag d = DIAG_INIT;

    if (rule_state_load(r->g, buf_str(&p->state), a, &s, &d) != ERR_OK ||
        rule_state_event(r->g, s, &env, event, a, &changes, &d) != ERR_OK)
        versus_stop(d.what);
    for (size_t i = 0; i < changes.n; i++) {
        told->entries += changes.items[i].member;
        told->exits += !changes.items[i].member;
    }
    save(s, &p->state);
    arena_reset(a);
}

/* Events are made and parsed in lots, between which the clock stands. */
static struct versus_instant
ours(struct profile *profiles, size_t n, const struct rules *r, size_t events, struct told *told)
{
    enum { LOT = 4096 };
    static const struct json *lot[LOT];
    static int64_t nows[LOT];
    struct versus_instant sum = {0}, begin;
    struct arena a, texts;
    struct buf b;

    arena_init(&a, 1 << 28);
    arena_init(&texts, 1 << 28);
    buf_init(&b, 1 << 16);
    for (size_t at = 0; at < events; at += LOT) {
        size_t count = events - at < LOT ? events - at : LOT;
        for (size_t i = 0; i < count; i++) {
            struct profile *p = &profiles[(at + i) % n];
            lot[i] = next_event(p, &texts, &b);
            nows[i] = p->now_ms;
        }
        begin = versus_now();
        for (size_t i = 0; i < count; i++) {
            struct profile *p = &profiles[(at + i) % n];
            int64_t now = p->now_ms;
            p->now_ms = nows[i];
            step(p, r, lot[i], &a, told);
            p->now_ms = now;
        }
        begin = versus_since(begin);
        sum.cpu += begin.cpu;
        sum.wall += begin.wall;
        arena_reset(&texts);
    }
    arena_deinit(&a);
    arena_deinit(&texts);
    buf_deinit(&b);
    return sum;
}

/* ---- the plain evaluator ---- */

struct plain {
    const struct rules *r;
    bool *members;
};

static bool
is_member(void *ctx, struct str id)
{
    const struct plain *x = ctx;
    uint64_t i = 0;

    return str_to_u64((struct str){id.p + 1, id.n - 1}, &i) && i < x->r->n && x->members[i];
}

/* All audiences at the profile's now; each refers to earlier ones only. */
static void
evaluate(const struct plain *x, const struct profile *p, struct arena *a)
{
    struct rule_env env = env_of(p);
    struct value v;
    struct diag d;

    env.in_segment = is_member;
    env.ctx = (void *)(uintptr_t)x;
    for (size_t i = 0; i < x->r->n; i++) {
        if (rule_eval(x->r->audiences[i].rule, &env, a, &v, &d) != ERR_OK)
            versus_stop(d.what);
        x->members[i] = value_truth(v);
        arena_reset(a);
    }
}

/* A profile's events one by one: the memberships before and after are compared. */
static struct versus_instant
plain(struct profile *profiles, size_t n, const struct rules *r, size_t events, struct told *told)
{
    struct plain x = {r, calloc(r->n, 1)};
    bool *before = calloc(r->n, 1);
    struct versus_instant sum = {0}, begin;
    struct arena a;
    struct buf b;

    if (x.members == NULL || before == NULL)
        versus_stop("no memory");
    arena_init(&a, 1 << 28);
    buf_init(&b, 1 << 16);
    for (size_t e = 0; e < events; e++) {
        struct profile *p = &profiles[e % n];
        evaluate(&x, p, &a);
        memcpy(before, x.members, r->n);
        store_event(p, next_event(p, &p->a, &b));
        begin = versus_now();
        evaluate(&x, p, &a);
        for (size_t i = 0; i < r->n; i++) {
            told->entries += x.members[i] && !before[i];
            told->exits += before[i] && !x.members[i];
        }
        begin = versus_since(begin);
        sum.cpu += begin.cpu;
        sum.wall += begin.wall;
    }
    free(x.members);
    free(before);
    arena_deinit(&a);
    buf_deinit(&b);
    return sum;
}

/* Both take the same events: every membership, and every entry and exit, is the same. */
static bool
compare(struct profile *profiles, size_t n, const struct rules *r)
{
    struct plain x = {r, calloc(r->n, 1)};
    struct told mine = {0}, theirs = {0};
    size_t different = 0, steps = COMPARED / r->n;
    struct arena a;
    struct buf b;
    bool *before = calloc(r->n, 1);

    if (x.members == NULL || before == NULL)
        versus_stop("no memory");
    arena_init(&a, 1 << 28);
    buf_init(&b, 1 << 16);
    for (size_t e = 0; e < steps; e++) {
        struct profile *p = &profiles[e % n];
        struct rule_state *s = NULL;
        struct diag d = DIAG_INIT;
        const struct json *event;
        evaluate(&x, p, &a);
        memcpy(before, x.members, r->n);
        event = next_event(p, &p->a, &b);
        step(p, r, event, &a, &mine);
        store_event(p, event);
        evaluate(&x, p, &a);
        if (rule_state_load(r->g, buf_str(&p->state), &a, &s, &d) != ERR_OK)
            versus_stop(d.what);
        for (size_t i = 0; i < r->n; i++) {
            different += rule_state_member(s, i) != x.members[i];
            theirs.entries += x.members[i] && !before[i];
            theirs.exits += before[i] && !x.members[i];
        }
        arena_reset(&a);
    }
    (void)fprintf(stderr, "# %zu events: %" PRIu64 " entries, %" PRIu64 " exits; %zu memberships differ\n", steps,
                  mine.entries, mine.exits, different);
    free(x.members);
    free(before);
    arena_deinit(&a);
    buf_deinit(&b);
    return different == 0 && mine.entries == theirs.entries && mine.exits == theirs.exits && mine.entries > 0;
}

/* ---- rounds ---- */

static void
build_states(struct profile *profiles, size_t n, const struct rules *r)
{
    size_t bytes = 0;
    struct arena a;

    arena_init(&a, 1 << 28);
    for (size_t i = 0; i < n; i++) {
        build_state(&profiles[i], r, &a);
        bytes += profiles[i].state.n;
    }
    arena_deinit(&a);
    (void)fprintf(stderr, "# %zu audiences: %zu bytes of state a profile\n", r->n, bytes / n);
}

static void
print_us(const char *name, const struct versus_instant *t, size_t rounds, size_t events)
{
    struct versus_instant us[ROUNDS_MAX];

    for (size_t i = 0; i < rounds; i++)
        us[i] = (struct versus_instant){t[i].cpu * 1e6 / (double)events, t[i].wall * 1e6 / (double)events};
    versus_print_times(name, us, rounds);
}

int
main(int argc, char **argv)
{
    struct versus_instant mine[ROUNDS_MAX], theirs[ROUNDS_MAX];
    struct profile *profiles, *others;
    struct told told = {0}, ignored = {0};
    struct rules r = {0}, peer = {0};
    size_t audiences, smaller, n, events, rounds;
    bool same;

    if (argc != 6)
        versus_stop("usage: bench_stream AUDIENCES PEER PROFILES EVENTS ROUNDS");
    audiences = (size_t)strtoull(argv[1], NULL, 10);
    smaller = (size_t)strtoull(argv[2], NULL, 10);
    n = (size_t)strtoull(argv[3], NULL, 10);
    events = (size_t)strtoull(argv[4], NULL, 10);
    rounds = (size_t)strtoull(argv[5], NULL, 10);
    if (n < SAMPLE || rounds > ROUNDS_MAX || audiences < 11)
        versus_stop("at least 40 profiles and 11 audiences, at most 64 rounds");
    rng_seed(&versus_rng, 7);
    make_rules(&r, audiences);
    profiles = make_profiles(n);
    build_states(profiles, n, &r);
    same = compare(profiles, n, &r);
    if (smaller == 0) {
        others = make_profiles(SAMPLE);
    } else {
        make_rules(&peer, smaller);
        others = make_profiles(n);
        build_states(others, n, &peer);
        same = compare(others, n, &peer) && same;
    }
    for (size_t i = 0; i < rounds; i++) {
        items = (unsigned)ITEMS(audiences);
        mine[i] = ours(profiles, n, &r, events, &told);
        if (smaller > 0)
            items = (unsigned)ITEMS(smaller);
        if (smaller > 0)
            theirs[i] = ours(others, n, &peer, events, &ignored);
        else
            theirs[i] = plain(others, SAMPLE, &r, SAMPLE, &ignored);
        (void)fprintf(stderr, "# %zu audiences: %.2f us of CPU, peer %.2f us\n", audiences,
                      mine[i].cpu * 1e6 / (double)events,
                      theirs[i].cpu * 1e6 / (double)(smaller > 0 ? events : SAMPLE));
    }
    (void)fprintf(stderr, "# %zu audiences: %.2f entries and exits per event\n", audiences,
                  (double)(told.entries + told.exits) / (double)(events * rounds));
    (void)printf("{\"metric\":\"us_per_event_%zu\",\"size\":\"%zu audiences, %zu profiles, %zu events a round\",",
                 audiences, audiences, n, events);
    print_us("ours", mine, rounds, events);
    print_us("peer", theirs, rounds, smaller > 0 ? events : SAMPLE);
    (void)printf("\"equal\":%s,\"rounds\":%zu}\n", same ? "true" : "false", rounds);
    drop_rules(&r);
    if (smaller > 0)
        drop_rules(&peer);
    return 0;
}
