/* results_test.c - what the counters say after a stream of hits [TARGET 9.1, 12 rows 92 .. 109]. */
#include "results/results_int.h"

#include <math.h>

#include "base/civil.h"
#include "os/os.h"
#include "t.h"

#define A S("1001")
#define NOW 1767225600000 /* 2026-01-01T00:00:00Z, a Thursday */

static const struct json *
json_of(struct t *t, const char *text)
{
    struct str copy = arena_str(t->arena, str_of(text));
    const struct json *v = NULL;

    for (size_t i = 0; i < copy.n; i++) {
        if (copy.p[i] == '\'')
            ((char *)copy.p)[i] = '"';
    }
    CHECK_OK(json_parse(copy, t->arena, &v, d));
    return v;
}

struct ledger {
    struct os *os;
    struct kv *k;
    struct arena batch;
    const char *dir;
};

static struct ledger
ledger_open(struct t *t)
{
    struct ledger l = {.os = os_posix()};
    struct kv_options o = {.os = l.os, .dir = arena_printf(t->arena, "%s/kv", t->dir).p};

    CHECK_OK(kv_open(&o, &l.k, d));
    arena_init(&l.batch, 1 << 22);
    return l;
}

static void
ledger_close(struct ledger *l)
{
    kv_close(l->k);
    arena_deinit(&l->batch);
}

/* One event of visitor `who`: notices as "d:1001:0@hero c:1001:0@hero g:1001:@thanks", xdm as JSON or NULL. */
static void
hit(struct t *t, struct ledger *l, const char *who, const char *notices, const char *xdm)
{
    struct identity id = {.ns = S("ECID"), .id = str_of(who), .primary = true};
    struct hit_notice list[8];
    struct hit h = {.kind = HIT_EVENT, .scope = S("org/prod"), .identities = {&id, 1}, .notices = list};
    struct str rest = str_of(notices), word;

    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        struct str type, activity, experience;
        (void)str_split(&word, ':', &type);
        (void)str_split(&word, ':', &activity);
        (void)str_split(&word, '@', &experience);
        list[h.notice_count++] = (struct hit_notice){.type = str_eq(type, S("d"))   ? NOTICE_DISPLAY
                                                             : str_eq(type, S("c")) ? NOTICE_INTERACT
                                                                                    : NOTICE_CONVERT,
                                                     .activity = activity,
                                                     .experience = experience,
                                                     .scope = word,
                                                     .metric = HIT_METRIC_PRIMARY};
    }
    h.xdm = xdm ? json_of(t, xdm) : NULL;
    arena_reset(&l->batch); /* what the fold kept must not live in the batch's memory */
    CHECK_OK(results_fold(l->k, &h, NOW, &l->batch, d));
}

static struct results_query
life_of(struct str activity)
{
    return (struct results_query){.scope = S("org/prod"), .activity = activity, .audience = RESULTS_EVERYBODY};
}

/* "exp:visitors/impressions/clicks/click_visitors/conversions/orders/revenue/squares ..." */
static struct str
report_of(struct t *t, struct ledger *l, struct results_query q)
{
    struct results_row *rows;
    struct str s = S("");
    size_t n;

    CHECK_OK(results_read(l->k, &q, t->arena, &rows, &n, d));
    for (size_t i = 0; i < n; i++) {
        const struct results_counts *c = &rows[i].counts;
        struct results_metric x = results_metric_of(c, HIT_METRIC_PRIMARY);
        s = arena_printf(t->arena, "%.*s%s%.*s:%d/%d/%d/%d/%d/%d/%g/%g", STR_ARG(s), i ? " " : "",
                         STR_ARG(rows[i].experience), (int)c->units[BY_VISITOR], (int)c->units[BY_IMPRESSION],
                         (int)c->clicks, (int)c->click_visitors, (int)x.conversions[BY_VISITOR], (int)x.orders,
                         x.as_is.sum, x.as_is.squares[BY_VISITOR]);
    }
    return s;
}

static struct str
report(struct t *t, struct ledger *l, struct str activity)
{
    return report_of(t, l, life_of(activity));
}

#define ORDER(id, total) "{'commerce':{'purchases':{'value':1},'order':{'purchaseID':'" id "','priceTotal':" total "}}}"

TEST(results_nothing_yet)
{
    struct ledger l = ledger_open(t);

    CHECK_STR(report(t, &l, A), S(""));
    ledger_close(&l);
}

TEST(results_displays_enter_and_count_once_per_hit)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:0@hero d:1001:0@promo", NULL);
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/0/0/0/0"));
    hit(t, &l, "v1", "d:1001:0@hero", NULL);
    hit(t, &l, "v2", "d:1001:1@hero", NULL);
    CHECK_STR(report(t, &l, A), S("0:1/2/0/0/0/0/0/0 1:1/1/0/0/0/0/0/0"));
    CHECK_STR(report(t, &l, S("1002")), S(""));
    ledger_close(&l);
}

TEST(results_a_decision_without_a_display_counts_nowhere)
{
    struct ledger l = ledger_open(t);
    struct identity id = {.ns = S("ECID"), .id = S("v"), .primary = true};
    struct hit_decision decision = {
        .activity = A, .experience = S("0"), .scope = S("hero"), .entered = true, .sticky = true};
    struct hit h = {
        .kind = HIT_EVENT, .scope = S("org/prod"), .identities = {&id, 1}, .decisions = &decision, .decision_count = 1};

    CHECK_OK(results_fold(l.k, &h, NOW, &l.batch, d));
    CHECK_STR(report(t, &l, A), S(""));
    ledger_close(&l);
}

TEST(results_clicks_need_an_entry)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "c:1001:0@hero", NULL);
    CHECK_STR(report(t, &l, A), S(""));
    hit(t, &l, "v1", "d:1001:0@hero", NULL);
    hit(t, &l, "v1", "c:1001:0@hero", NULL);
    hit(t, &l, "v1", "c:1001:0@hero c:1001:0@promo", NULL);
    hit(t, &l, "v1", "c:1002:1@hero", NULL);
    CHECK_STR(report(t, &l, A), S("0:1/1/3/1/0/0/0/0"));
    ledger_close(&l);
}

TEST(results_orders)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "", ORDER("o0", "5")); /* never entered */
    CHECK_STR(report(t, &l, A), S(""));
    hit(t, &l, "v1", "d:1001:0@hero", NULL);
    hit(t, &l, "v1", "", ORDER("o1", "20"));
    hit(t, &l, "v1", "", ORDER("o1", "20")); /* the same order again */
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400"));
    hit(t, &l, "v1", "", ORDER("o2", "10"));
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/2/30/900"));
    hit(t, &l, "v2", "d:1001:0@hero", ORDER("o3", "1.5")); /* displays come first within a hit */
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/2/3/31.5/902.25"));
    hit(t, &l, "v2", "", "{'commerce':{'purchases':{'value':1}}}"); /* an order without a name or a price */
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/2/4/31.5/902.25"));
    hit(t, &l, "v2", "", "{'commerce':{'purchases':{'value':0}}}");
    hit(t, &l, "v2", "", "{'commerce':{'productViews':{'value':1}}}");
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/2/4/31.5/902.25"));
    ledger_close(&l);
}

TEST(results_an_order_counts_for_every_activity_entered)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:0@hero d:1002:3@promo", NULL);
    hit(t, &l, "v1", "", ORDER("o1", "7"));
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/7/49"));
    CHECK_STR(report(t, &l, S("1002")), S("3:1/1/0/0/1/1/7/49"));
    ledger_close(&l);
}

TEST(results_goals_convert_whoever_entered_once) /* [TARGET 2.7] */
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "g:1001:@thanks", NULL);
    CHECK_STR(report(t, &l, A), S(""));
    hit(t, &l, "v1", "d:1001:0@hero", NULL);
    hit(t, &l, "v1", "g:1001:@thanks", NULL);
    hit(t, &l, "v1", "g:1001:@thanks g:1001:@call", NULL);
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/0/0/0"));
    hit(t, &l, "v1", "", ORDER("o1", "20")); /* the order is not a second conversion */
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400"));
    hit(t, &l, "v2", "d:1001:1@hero g:1001:@thanks", ORDER("o2", "5")); /* all in one event */
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400 1:1/1/0/0/1/1/5/25"));
    CHECK_STR(report(t, &l, S("1002")), S(""));
    ledger_close(&l);
}

TEST(results_experience_targeting_counts_where_the_visitor_is) /* [TARGET 9.1] */
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:0@xt", NULL);
    hit(t, &l, "v1", "d:1001:1@xt", NULL);
    hit(t, &l, "v1", "", ORDER("o1", "10"));
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/0/0/0/0 1:1/1/0/0/1/1/10/100"));
    hit(t, &l, "v1", "d:1001:0@xt", NULL); /* back again: no new visitor, but the next order is here */
    hit(t, &l, "v1", "", ORDER("o2", "3"));
    CHECK_STR(report(t, &l, A), S("0:1/2/0/0/0/1/3/9 1:1/1/0/0/1/1/10/100")); /* who converts twice is one entrant */
    ledger_close(&l);
}

TEST(results_rows_in_the_order_of_their_ids)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:10@m", NULL);
    hit(t, &l, "v1", "d:1001:2@m", NULL);
    hit(t, &l, "v1", "d:1001:1@m", NULL);
    CHECK_STR(report(t, &l, A), S("1:1/1/0/0/0/0/0/0 2:1/1/0/0/0/0/0/0 10:1/1/0/0/0/0/0/0"));
    ledger_close(&l);
}

TEST(results_scopes_and_namespaces_are_apart)
{
    struct ledger l = ledger_open(t);
    struct identity crm = {.ns = S("CRMID"), .id = S("v1"), .primary = true};
    struct hit_notice seen = {.type = NOTICE_DISPLAY, .activity = A, .experience = S("0"), .scope = S("m")};
    struct hit h = {
        .kind = HIT_EVENT, .scope = S("org/prod"), .identities = {&crm, 1}, .notices = &seen, .notice_count = 1};

    hit(t, &l, "v1", "d:1001:0@m", NULL);
    CHECK_OK(results_fold(l.k, &h, NOW, &l.batch, d)); /* no ECID: the owner counts, as somebody else */
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/0/0/0/0"));
    h.scope = S("org/dev");
    CHECK_OK(results_fold(l.k, &h, NOW, &l.batch, d));
    h.kind = HIT_RECORD;
    CHECK_OK(results_fold(l.k, &h, NOW, &l.batch, d));
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/0/0/0/0"));
    h.kind = HIT_EVENT;
    h.identities.n = 0;
    CHECK_OK(results_fold(l.k, &h, NOW, &l.batch, d)); /* nobody */
    ledger_close(&l);
}

TEST(results_survive_a_restart)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:0@m", ORDER("o1", "4"));
    CHECK_OK(kv_commit(l.k, NULL, 0, true, d));
    ledger_close(&l);
    l = ledger_open(t);
    hit(t, &l, "v1", "d:1001:0@m", ORDER("o1", "4"));
    CHECK_STR(report(t, &l, A), S("0:1/2/0/0/1/1/4/16"));
    ledger_close(&l);
}

TEST(results_long_order_ids_count_once)
{
    struct ledger l = ledger_open(t);
    struct str order = arena_printf(t->arena, "{'commerce':{'order':{'purchaseID':'%08000d','priceTotal':1}}}", 1);
    struct str other = arena_printf(t->arena, "{'commerce':{'order':{'purchaseID':'%08000d','priceTotal':1}}}", 2);

    hit(t, &l, "v1", "d:1001:0@m", order.p);
    hit(t, &l, "v1", "", order.p);
    hit(t, &l, "v1", "", other.p);
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/2/2/4"));
    ledger_close(&l);
}

TEST(results_foreign_bytes_are_corrupt)
{
    struct ledger l = ledger_open(t);
    struct results_row *rows;
    struct results_query q = life_of(A);
    static const char *const bad[] = {"\x01", "\x02\x7f", "\x02\x01\x05xy"};
    size_t n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(kv_put(l.k,
                        S("RX\x08org/prod\x04"
                          "1001"),
                        str_of(bad[i]), 0, d));
        CHECK_ERR(results_read(l.k, &q, t->arena, &rows, &n, d), ERR_CORRUPT);
    }
    ledger_close(&l);
}

/* ---- requests of the Target part ---- */

struct ask {
    const char *who; /* place: a Target id */
    int64_t now_ms;  /* 0: NOW */
    const char *session;
    int64_t environment;
    bool qa, quiet;
    const char *impression;
    const char *order;    /* id */
    const char *products; /* JSON; NULL: two */
    double total;
    const char *absorbs;
    const char *reporting; /* of all notices */
    enum hit_action action;
    uint32_t metric; /* 0: primary */
    double value;
};

/* notices: "d:0" a display of experience 0 of activity 1001, "g" a conversion, "c:0" a click. */
static void
request(struct t *t, struct ledger *l, struct ask x, const char *notices)
{
    struct identity ids[2] = {{.ns = S("TNTID"), .id = str_of(x.who), .primary = true}, {.ns = S("TNTID")}};
    struct hit_visit visit = {.at = ids[0],
                              .session = str_of(x.session != NULL ? x.session : "s"),
                              .quiet = x.quiet,
                              .page = true,
                              .qa = x.qa,
                              .environment = x.environment != 0 ? x.environment : HIT_PRODUCTION,
                              .url = S("https://Shop.example:8080/a"),
                              .has_order = x.order != NULL};
    struct hit_notice list[8];
    struct hit h = {
        .kind = HIT_VISIT, .scope = S("org/prod"), .identities = {ids, 1}, .notices = list, .visit = &visit};
    struct str rest = str_of(notices), word;

    if (x.impression != NULL)
        visit.impression = str_of(x.impression);
    if (x.order != NULL) {
        visit.order.id = str_of(x.order);
        visit.order.total = x.total;
        visit.order.products = json_of(t, x.products != NULL ? x.products : "['p1','p2']");
    }
    if (x.absorbs != NULL) {
        ids[1].id = str_of(x.absorbs);
        visit.absorbs = (struct identity_set){&ids[1], 1};
    }
    while (rest.n > 0 && str_split(&rest, ' ', &word)) {
        struct str type;
        (void)str_split(&word, ':', &type);
        list[h.notice_count++] = (struct hit_notice){.type = str_eq(type, S("d"))   ? NOTICE_DISPLAY
                                                             : str_eq(type, S("c")) ? NOTICE_INTERACT
                                                                                    : NOTICE_CONVERT,
                                                     .activity = A,
                                                     .experience = str_eq(type, S("g")) ? S("") : word,
                                                     .scope = str_eq(type, S("g")) ? S("thanks") : S("hero"),
                                                     .metric = x.metric != 0 ? x.metric : HIT_METRIC_PRIMARY,
                                                     .action = x.action,
                                                     .value = x.value,
                                                     .reporting = x.reporting != NULL ? json_of(t, x.reporting) : NULL};
    }
    arena_reset(&l->batch);
    CHECK_OK(results_fold(l->k, &h, x.now_ms != 0 ? x.now_ms : NOW, &l->batch, d));
}

static struct results_counts
counts_of(struct t *t, struct ledger *l, struct results_query q, const char *experience)
{
    struct results_row *rows;
    size_t n;

    CHECK_OK(results_read(l->k, &q, t->arena, &rows, &n, d));
    for (size_t i = 0; i < n; i++) {
        if (str_eq(rows[i].experience, str_of(experience)))
            return rows[i].counts;
    }
    return (struct results_counts){0};
}

#define CHECK_UNITS(c, visitors, visits, impressions)                                                                  \
    do {                                                                                                               \
        struct results_counts c_ = (c);                                                                                \
        CHECK_EQ(c_.units[BY_VISITOR], visitors);                                                                      \
        CHECK_EQ(c_.units[BY_VISIT], visits);                                                                          \
        CHECK_EQ(c_.units[BY_IMPRESSION], impressions);                                                                \
    } while (0)

TEST(results_units) /* [TARGET 12.93, 12.106, 12.107, 12.108, 12.109] */
{
    struct ledger l = ledger_open(t);
    struct results_query q = life_of(A);

    request(t, &l, (struct ask){.who = "v", .impression = "i1"}, "d:0 d:0");
    CHECK_UNITS(counts_of(t, &l, q, "0"), 1, 1, 1);
    request(t, &l, (struct ask){.who = "v", .impression = "i1"}, "d:0");
    CHECK_UNITS(counts_of(t, &l, q, "0"), 1, 1, 1);
    request(t, &l, (struct ask){.who = "v", .impression = "i2"}, "d:0");
    CHECK_UNITS(counts_of(t, &l, q, "0"), 1, 1, 2);
    request(t, &l, (struct ask){.who = "v", .session = "s2"}, "d:0");
    CHECK_UNITS(counts_of(t, &l, q, "0"), 1, 2, 3);
    request(t, &l, (struct ask){.who = "v", .session = "random", .quiet = true}, "d:0");
    CHECK_UNITS(counts_of(t, &l, q, "0"), 1, 2, 4);
    ledger_close(&l);
}

TEST(results_methods_of_counting) /* [TARGET 12.98 .. 12.101, count side] */
{
    struct ledger l = ledger_open(t);
    struct results_metric x;
    struct ask click = {.who = "v", .metric = 3, .action = ACTION_ALWAYS_CONVERT};

    request(t, &l, click, "g");
    request(t, &l, (struct ask){.who = "v"}, "d:0");
    CHECK_EQ(results_metric_of(&(struct results_counts){0}, 3).conversions[BY_VISITOR], 0);
    request(t, &l, click, "g");
    request(t, &l, click, "g");
    click.session = "s2";
    request(t, &l, click, "g");
    x = results_metric_of(&(struct results_counts[]){counts_of(t, &l, life_of(A), "0")}[0], 3);
    CHECK_EQ(x.conversions[BY_VISITOR], 1);
    CHECK_EQ(x.conversions[BY_VISIT], 2);
    CHECK_EQ(x.conversions[BY_IMPRESSION], 3);
    ledger_close(&l);
}

TEST(results_orders_of_requests) /* [TARGET 12.99, 12.100, 12.161] */
{
    struct ledger l = ledger_open(t);
    struct results_order *orders;
    size_t n;

    request(t, &l, (struct ask){.who = "stranger", .order = "o9", .total = 9}, "g");
    CHECK_STR(report(t, &l, A), S(""));
    request(t, &l, (struct ask){.who = "v"}, "d:0");
    request(t, &l, (struct ask){.who = "v", .order = "o1", .total = 20}, "g");
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400"));
    request(t, &l, (struct ask){.who = "v", .order = "o1", .total = 20}, "g");
    request(t, &l, (struct ask){.who = "v", .order = "o2", .total = 5}, "g"); /* count_once: the first only */
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400"));
    request(t, &l, (struct ask){.who = "v", .order = "o1", .total = 20, .action = ACTION_ALWAYS_CONVERT}, "g");
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/1/1/20/400"));
    CHECK_OK(results_orders(l.k, S("org/prod"), A, t->arena, &orders, &n, d));
    CHECK_EQ(n, 4);
    CHECK_STR(orders[3].id, S("o1"));
    CHECK_TRUE(!orders[3].duplicate && orders[3].counted && orders[3].total == 20);
    CHECK_STR(orders[3].products, S("[\"p1\",\"p2\"]"));
    CHECK_TRUE(orders[2].duplicate && !orders[2].counted);
    CHECK_TRUE(!orders[1].duplicate && !orders[1].counted);
    CHECK_STR(orders[1].experience, S("0"));
    ledger_close(&l);
}

TEST(results_entrants_come_back) /* [TARGET 12.102, count side] */
{
    struct ledger l = ledger_open(t);
    struct results_counts c;

    request(t, &l, (struct ask){.who = "v"}, "d:0");
    request(t, &l, (struct ask){.who = "v", .order = "o1", .total = 3, .action = ACTION_RESTART_SAME}, "g");
    request(t, &l, (struct ask){.who = "v"}, "d:0");
    request(t, &l, (struct ask){.who = "v", .order = "o2", .total = 4, .action = ACTION_RESTART_SAME}, "g");
    c = counts_of(t, &l, life_of(A), "0");
    CHECK_UNITS(c, 2, 2, 2);
    CHECK_EQ(c.people, 1);
    CHECK_EQ(results_metric_of(&c, HIT_METRIC_PRIMARY).conversions[BY_VISITOR], 2);
    CHECK_TRUE(results_metric_of(&c, HIT_METRIC_PRIMARY).as_is.squares[BY_VISITOR] == 25); /* two entrants: 9 + 16 */
    request(t, &l, (struct ask){.who = "v"}, "d:1");                                       /* restart_new_experience */
    request(t, &l, (struct ask){.who = "v", .action = ACTION_BAN}, "g");
    request(t, &l, (struct ask){.who = "v", .session = "s9"}, "d:1");
    CHECK_UNITS(counts_of(t, &l, life_of(A), "1"), 1, 1, 1);
    ledger_close(&l);
}

TEST(results_environments_are_apart)
{
    struct ledger l = ledger_open(t);
    struct results_query q = life_of(A);

    request(t, &l, (struct ask){.who = "v", .environment = 7}, "d:0");
    request(t, &l, (struct ask){.who = "w"}, "d:0");
    request(t, &l, (struct ask){.who = "q", .qa = true}, "d:0");
    request(t, &l, (struct ask){.who = "w", .environment = 7}, "g"); /* not where he entered */
    request(t, &l, (struct ask){.who = "v", .environment = 7}, "g");
    CHECK_STR(report_of(t, &l, q), S("0:2/2/0/0/1/0/0/0"));
    q.environment = 7;
    CHECK_STR(report_of(t, &l, q), S("0:1/1/0/0/1/0/0/0"));
    q.environment = HIT_PRODUCTION;
    CHECK_STR(report_of(t, &l, q), S("0:1/1/0/0/0/0/0/0"));
    q.environment = RESULTS_QA;
    CHECK_STR(report_of(t, &l, q), S("0:1/1/0/0/0/0/0/0"));
    request(t, &l, (struct ask){.who = "q"}, "d:0"); /* who looked by a QA link is a visitor like others */
    q.environment = HIT_PRODUCTION;
    CHECK_STR(report_of(t, &l, q), S("0:2/2/0/0/0/0/0/0"));
    ledger_close(&l);
}

TEST(results_reporting_audiences) /* [TARGET 12.163, count side] */
{
    struct ledger l = ledger_open(t);
    struct results_query q = life_of(A);

    request(t, &l, (struct ask){.who = "v", .reporting = "[2,5]"}, "d:0");
    request(t, &l, (struct ask){.who = "w"}, "d:0");
    request(t, &l, (struct ask){.who = "v"}, "g c:0");
    request(t, &l, (struct ask){.who = "w", .reporting = "[5]"}, "g"); /* bound to the metric */
    CHECK_STR(report_of(t, &l, q), S("0:2/2/1/1/2/0/0/0"));
    q.audience = 2;
    CHECK_STR(report_of(t, &l, q), S("0:1/1/1/1/1/0/0/0"));
    q.audience = 5;
    CHECK_STR(report_of(t, &l, q), S("0:1/1/1/1/2/0/0/0"));
    q.audience = 3;
    CHECK_STR(report_of(t, &l, q), S(""));
    ledger_close(&l);
}

TEST(results_engagement_is_a_sum)
{
    struct ledger l = ledger_open(t);
    struct results_counts c;
    struct results_metric x;
    struct ask score = {.who = "v", .value = 2};

    request(t, &l, (struct ask){.who = "v"}, "d:0");
    request(t, &l, score, "g");
    score.value = 3;
    request(t, &l, score, "g");
    score.session = "s2";
    request(t, &l, score, "g");
    c = counts_of(t, &l, life_of(A), "0");
    x = results_metric_of(&c, HIT_METRIC_PRIMARY);
    CHECK_TRUE(x.as_is.sum == 8 && x.orders == 0);
    CHECK_TRUE(x.as_is.squares[BY_VISITOR] == 64 && x.as_is.squares[BY_VISIT] == 25 + 9);
    CHECK_TRUE(x.as_is.squares[BY_IMPRESSION] == 4 + 9 + 9);
    ledger_close(&l);
}

TEST(results_united_visitors_are_one) /* [TARGET 7.1] */
{
    struct ledger l = ledger_open(t);

    request(t, &l, (struct ask){.who = "anonymous"}, "d:0");
    request(t, &l, (struct ask){.who = "known", .absorbs = "anonymous"}, "");
    request(t, &l, (struct ask){.who = "known"}, "d:0");
    request(t, &l, (struct ask){.who = "known", .order = "o1", .total = 2}, "g");
    CHECK_STR(report(t, &l, A), S("0:1/2/0/0/1/1/2/4"));
    ledger_close(&l);
}

TEST(results_extreme_orders_are_tamed) /* [TARGET 8.3] */
{
    struct ledger l = ledger_open(t);
    struct results_order *orders;
    struct results_counts c;
    struct results_metric x;
    size_t n;

    for (int i = 0; i < 15; i++) {
        const char *who = arena_printf(t->arena, "v%d", i).p;
        request(t, &l, (struct ask){.who = who}, "d:0");
        request(t, &l, (struct ask){.who = who, .order = who, .total = 10 + i % 3}, "g");
    }
    request(t, &l, (struct ask){.who = "rich"}, "d:0");
    request(t, &l, (struct ask){.who = "rich", .order = "huge", .total = 5000}, "g");
    c = counts_of(t, &l, life_of(A), "0");
    x = results_metric_of(&c, HIT_METRIC_PRIMARY);
    CHECK_TRUE(x.as_is.sum == 165 + 5000 && x.tamed.sum == 165 + 11);
    CHECK_TRUE(fabs(x.tamed.squares[BY_VISITOR] - (15 * (100 + 121 + 144) / 3.0 + 121)) < 1e-9);
    CHECK_OK(results_orders(l.k, S("org/prod"), A, t->arena, &orders, &n, d));
    CHECK_TRUE(n == 16 && orders[0].outlier && !orders[1].outlier);
    request(t, &l, (struct ask){.who = "late", .now_ms = NOW + 40 * MS_PER_DAY}, "d:0"); /* nothing to compare with */
    request(t, &l, (struct ask){.who = "late", .now_ms = NOW + 40 * MS_PER_DAY, .order = "l", .total = 5000}, "g");
    CHECK_OK(results_orders(l.k, S("org/prod"), A, t->arena, &orders, &n, d));
    CHECK_TRUE(!orders[0].outlier);
    ledger_close(&l);
}

/* ---- time ---- */

static size_t
points_of(struct t *t, struct ledger *l, struct results_query q, struct results_point **points)
{
    struct results_row *rows;
    size_t n;

    CHECK_OK(results_read(l->k, &q, t->arena, &rows, &n, d));
    *points = n > 0 ? rows[0].points : NULL;
    return n > 0 ? rows[0].point_count : 0;
}

TEST(results_by_time)
{
    struct ledger l = ledger_open(t);
    struct results_query q = life_of(A);
    struct results_point *p;

    /* Thursday 0:00, 0:59, 1:00; Sunday; Monday; 3 February */
    static const int64_t at[] = {0, 59 * MS_PER_MINUTE, MS_PER_HOUR, 3 * MS_PER_DAY, 4 * MS_PER_DAY, 33 * MS_PER_DAY};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        request(t, &l, (struct ask){.who = arena_printf(t->arena, "v%zu", i).p, .now_ms = NOW + at[i]}, "d:0");
    q.from_ms = NOW;
    q.to_ms = NOW + 60 * MS_PER_DAY;
    q.step = STEP_HOUR;
    CHECK_EQ(points_of(t, &l, q, &p), 5);
    CHECK_EQ(p[0].counts.units[BY_VISITOR], 2);
    CHECK_EQ(p[1].from_ms, NOW + MS_PER_HOUR);
    q.step = STEP_DAY;
    CHECK_EQ(points_of(t, &l, q, &p), 4);
    CHECK_EQ(p[0].counts.units[BY_VISITOR], 3);
    q.step = STEP_WEEK;
    CHECK_EQ(points_of(t, &l, q, &p), 3);
    CHECK_EQ(p[0].from_ms, NOW - 3 * MS_PER_DAY); /* Monday */
    CHECK_EQ(p[0].counts.units[BY_VISITOR], 4);
    q.step = STEP_MONTH;
    CHECK_EQ(points_of(t, &l, q, &p), 2);
    CHECK_EQ(p[1].from_ms, NOW + 31 * MS_PER_DAY);
    q.days_of_week = 1u << 0 | 1u << 1; /* Sunday, Monday */
    CHECK_EQ(counts_of(t, &l, q, "0").units[BY_VISITOR], 2);
    q.days_of_week = 0;
    q.from_ms = NOW + MS_PER_HOUR;
    q.to_ms = NOW + 4 * MS_PER_DAY;
    CHECK_EQ(counts_of(t, &l, q, "0").units[BY_VISITOR], 2);
    ledger_close(&l);
}

TEST(results_days_are_bounded)
{
    struct ledger l = ledger_open(t);
    struct results_query q = life_of(A);

    request(t, &l, (struct ask){.who = "a"}, "d:0");
    request(t, &l, (struct ask){.who = "b", .now_ms = NOW + (LIMIT_RESULT_DAYS - 1) * MS_PER_DAY}, "d:0");
    q.from_ms = 1;
    q.to_ms = NOW + 10000 * MS_PER_DAY;
    CHECK_EQ(counts_of(t, &l, q, "0").units[BY_VISITOR], 2);
    request(t, &l, (struct ask){.who = "c", .now_ms = NOW + LIMIT_RESULT_DAYS * MS_PER_DAY}, "d:0");
    CHECK_EQ(counts_of(t, &l, q, "0").units[BY_VISITOR], 2); /* the first day went */
    CHECK_EQ(counts_of(t, &l, life_of(A), "0").units[BY_VISITOR], 3);
    request(t, &l, (struct ask){.who = "d"}, "d:0"); /* too late for an hour of its own */
    CHECK_EQ(counts_of(t, &l, q, "0").units[BY_VISITOR], 2);
    CHECK_EQ(counts_of(t, &l, life_of(A), "0").units[BY_VISITOR], 4);
    ledger_close(&l);
}

TEST(results_series_are_bounded)
{
    struct ledger l = ledger_open(t);
    struct results_table table;
    struct results_series *list;
    struct buf b;
    size_t n;

    results_begin(&b);
    pack_u64(&b, LIMIT_RESULT_SERIES - 1);
    for (int i = 1; i < LIMIT_RESULT_SERIES; i++) {
        pack_str(&b, arena_printf(t->arena, "%d", i + 100));
        pack_i64(&b, 1);
        pack_i64(&b, -1);
    }
    results_table_init(&table, l.k, t->arena);
    CHECK_OK(results_store(&table, RESULTS_KEY(t->arena, 'X', S("org/prod"), A), &b, d));
    CHECK_OK(results_apply(&table, d));
    results_table_deinit(&table);
    request(t, &l, (struct ask){.who = "v"}, "d:0");
    request(t, &l, (struct ask){.who = "v"}, "d:1");
    CHECK_OK(results_series(RESULTS_READER(l.k, t->arena), S("org/prod"), A, t->arena, &list, &n, d));
    CHECK_EQ(n, LIMIT_RESULT_SERIES);
    CHECK_STR(list[n - 1].experience, S("0"));
    ledger_close(&l);
}

TEST(results_orders_are_bounded)
{
    struct ledger l = ledger_open(t);
    struct results_table table;
    struct results_order *orders;
    size_t n;

    for (int i = 0; i <= LIMIT_RESULT_ORDERS; i++) {
        struct results_order o = {.time_ms = NOW, .id = arena_printf(t->arena, "o%d", i), .total = 1};
        arena_reset(&l.batch);
        results_table_init(&table, l.k, &l.batch);
        CHECK_OK(results_order_put(&table, S("org/prod"), A, &o, &l.batch, d));
        CHECK_OK(results_apply(&table, d));
        results_table_deinit(&table);
        if (i % 1000 == 0)
            CHECK_OK(kv_commit(l.k, NULL, 0, false, d));
    }
    CHECK_OK(results_orders(l.k, S("org/prod"), A, t->arena, &orders, &n, d));
    CHECK_EQ(n, LIMIT_RESULT_ORDERS);
    CHECK_STR(orders[0].id, S("o10000"));
    CHECK_STR(orders[n - 1].id, S("o1"));
    ledger_close(&l);
}

TEST(results_products_at_and_past_the_limit)
{
    struct ledger l = ledger_open(t);
    struct results_order *orders;
    size_t n;

    request(t, &l, (struct ask){.who = "v"}, "d:0");
    for (int more = 0; more < 2; more++) {
        const char *list = arena_printf(t->arena, "['%0*d']", LIMIT_RESULT_PRODUCTS_BYTES - 4 + more, 7).p;
        request(t, &l, (struct ask){.who = "v", .order = more ? "o2" : "o1", .total = 1, .products = list}, "g");
    }
    CHECK_OK(results_orders(l.k, S("org/prod"), A, t->arena, &orders, &n, d));
    CHECK_EQ(n, 2);
    CHECK_EQ(orders[1].products.n, LIMIT_RESULT_PRODUCTS_BYTES);
    CHECK_EQ(orders[0].products.n, 0); /* the order counts without them */
    CHECK_TRUE(orders[0].total == 1);
    ledger_close(&l);
}

TEST(results_lanes_at_and_past_the_limit)
{
    struct ledger l = ledger_open(t);
    struct results_lane found;
    struct diag full = DIAG_INIT;

    for (int i = 0; i < LIMIT_RESULT_LANES; i++) {
        struct results_lane lane = {.activity = arena_printf(t->arena, "%d", i), .name = S("first")};
        CHECK_OK(results_lane_room(l.k, S("org/prod"), lane.activity, t->arena, d));
        CHECK_OK(results_lane_take(l.k, S("org/prod"), &lane, t->arena, d));
    }
    CHECK_EQ(results_lane_room(l.k, S("org/prod"), A, t->arena, &full), ERR_LIMIT);
    CHECK_EQ(
        results_lane_take(l.k, S("org/prod"), &(struct results_lane){.activity = A, .name = S("r")}, t->arena, &full),
        ERR_LIMIT);
    CHECK_TRUE(strstr(full.what, "64 activities") != NULL);
    CHECK_OK(results_lane_of(l.k, S("org/prod"), A, t->arena, &found, d));
    CHECK_EQ(found.name.n, 0); /* it is counted as before */
    CHECK_OK(results_lane_take(l.k, S("org/prod"), &(struct results_lane){.activity = S("63"), .name = S("again")},
                               t->arena, d));
    CHECK_OK(results_lane_of(l.k, S("org/prod"), S("63"), t->arena, &found, d));
    CHECK_STR(found.name, S("again"));
    CHECK_OK(results_lane_of(l.k, S("org/prod"), S("0"), t->arena, &found, d));
    CHECK_STR(found.name, S("first"));
    CHECK_OK(results_lane_room(l.k, S("org/dev"), A, t->arena, d)); /* of each sandbox */
    ledger_close(&l);
}

TEST(results_names_that_were_seen)
{
    struct ledger l = ledger_open(t);
    struct str *names;
    struct results_table table;
    struct buf b;
    size_t n;

    request(t, &l, (struct ask){.who = "v"}, "d:0 g");
    request(t, &l, (struct ask){.who = "w"}, "d:0 g");
    CHECK_OK(results_seen(l.k, S("org/prod"), SEEN_HOST, t->arena, &names, &n, d));
    CHECK_EQ(n, 1);
    CHECK_STR(names[0], S("shop.example"));
    CHECK_OK(results_seen(l.k, S("org/prod"), SEEN_MBOX, t->arena, &names, &n, d));
    CHECK_EQ(n, 2);
    CHECK_STR(names[1], S("thanks"));
    CHECK_OK(results_seen(l.k, S("org/prod"), SEEN_ATTRIBUTE, t->arena, &names, &n, d));
    CHECK_EQ(n, 0);
    results_begin(&b);
    pack_u64(&b, LIMIT_RESULT_NAMES);
    results_table_init(&table, l.k, t->arena);
    CHECK_OK(results_store(&table, RESULTS_KEY(t->arena, 'M', S("org/prod")), &b, d));
    CHECK_OK(results_apply(&table, d));
    results_table_deinit(&table);
    hit(t, &l, "x", "d:1:0@another", NULL);
    CHECK_TRUE(!kv_has(l.k, RESULTS_KEY(t->arena, 'M', S("org/prod"), S("another"))));
    ledger_close(&l);
}

/* [TARGET 2.7] A duplicate is ignored: the order that follows is the visitor's first. */
TEST(results_own_order_after_a_duplicate)
{
    struct ledger l = ledger_open(t);

    request(t, &l, (struct ask){.who = "ann"}, "d:0");
    request(t, &l, (struct ask){.who = "bob"}, "d:0");
    request(t, &l, (struct ask){.who = "ann", .order = "o1", .total = 10}, "g");
    request(t, &l, (struct ask){.who = "bob", .order = "o1", .total = 10}, "g");
    request(t, &l, (struct ask){.who = "bob", .order = "o2", .total = 30}, "g");
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/2/2/40/1000"));
    ledger_close(&l);
}

/* ---- against a model ---- */

#define VISITORS 4
#define EXPERIENCES 3

struct model_cell {
    int visitors, visits, impressions, clicks, click_visitors, conversions, orders;
    double revenue, squares;
};

struct model_visitor {
    bool in, seen[EXPERIENCES], clicked, converted;
    int session; /* shown last in */
    double spent;
    int last;
};

static void
model_display(struct model_cell *m, struct model_visitor *v, int e, int session)
{
    m[e].visitors += !v->seen[e];
    m[e].impressions++;
    m[e].visits += v->session != session;
    if (v->last != e)
        v->spent = 0;
    v->session = session;
    v->in = v->seen[e] = true;
    v->last = e;
}

static void
model_order(struct model_cell *m, struct model_visitor *v, double total)
{
    m[v->last].squares += (v->spent + total) * (v->spent + total) - v->spent * v->spent;
    v->spent += total;
    m[v->last].revenue += total;
    m[v->last].orders++;
    m[v->last].conversions += !v->converted;
    v->converted = true;
}

TEST(results_agree_with_the_model)
{
    struct ledger l = ledger_open(t);
    struct model_cell m[EXPERIENCES] = {0};
    struct model_visitor v[VISITORS] = {0};
    bool order_used[200] = {false};

    for (int i = 0; i < 600; i++) {
        int who = (int)rng_below(&t->rng, VISITORS), kind = (int)rng_below(&t->rng, 3),
            e = (int)rng_below(&t->rng, EXPERIENCES), order = (int)rng_below(&t->rng, 200),
            session = 1 + (int)rng_below(&t->rng, 3), total = (int)rng_below(&t->rng, 50);
        struct model_visitor *x = &v[who];
        struct ask ask = {.who = arena_printf(t->arena, "v%d", who).p,
                          .now_ms = NOW + i * MS_PER_MINUTE,
                          .session = arena_printf(t->arena, "s%d", session).p,
                          .action = ACTION_ALWAYS_CONVERT};
        if (kind == 0) {
            model_display(m, x, e, session);
        } else if (kind == 1 && x->in) {
            m[x->last].clicks++;
            m[x->last].click_visitors += !x->clicked;
            x->clicked = true;
        } else if (kind == 2) {
            ask.order = arena_printf(t->arena, "o%d", order).p;
            ask.total = total;
            if (x->in && !order_used[order])
                model_order(m, x, total);
            order_used[order] |= x->in;
        }
        request(t, &l, ask,
                kind == 0   ? arena_printf(t->arena, "d:%d", e).p
                : kind == 1 ? arena_printf(t->arena, "c:%d", e).p
                            : "g");
    }
    for (int e = 0; e < EXPERIENCES; e++) {
        struct results_query hours = life_of(A);
        struct results_counts life = counts_of(t, &l, hours, arena_printf(t->arena, "%d", e).p), by_hour;
        struct results_metric x = results_metric_of(&life, HIT_METRIC_PRIMARY), y;
        hours.from_ms = NOW;
        hours.to_ms = NOW + MS_PER_DAY;
        by_hour = counts_of(t, &l, hours, arena_printf(t->arena, "%d", e).p);
        y = results_metric_of(&by_hour, HIT_METRIC_PRIMARY);
        CHECK_UNITS(life, m[e].visitors, m[e].visits, m[e].impressions);
        CHECK_UNITS(by_hour, m[e].visitors, m[e].visits, m[e].impressions);
        CHECK_EQ(life.clicks, m[e].clicks);
        CHECK_EQ(life.click_visitors, m[e].click_visitors);
        CHECK_EQ(x.conversions[BY_VISITOR], m[e].conversions);
        CHECK_EQ(x.orders, m[e].orders);
        CHECK_TRUE(fabs(x.as_is.sum - m[e].revenue) < 1e-6 && fabs(y.as_is.sum - m[e].revenue) < 1e-6);
        CHECK_TRUE(fabs(x.as_is.squares[BY_VISITOR] - m[e].squares) < 1e-6);
        CHECK_TRUE(memcmp(x.conversions, y.conversions, sizeof x.conversions) == 0 && x.orders == y.orders);
    }
    ledger_close(&l);
}

/* Memory ends at every place of a fold: then the hit has changed nothing, and counts whole when it comes again. */
TEST(results_hit_counts_whole_or_not_at_all)
{
    struct ledger l = ledger_open(t);
    struct identity id = {.ns = S("ECID"), .id = S("ann"), .primary = true}, old = {.ns = S("ECID"), .id = S("old")};
    struct hit_notice notices[] = {
        {.type = NOTICE_DISPLAY,
         .activity = A,
         .experience = S("0"),
         .scope = S("hero"),
         .reporting = json_of(t, "[1,2,3]")},
        {.type = NOTICE_DISPLAY, .activity = S("1002"), .experience = S("1"), .scope = S("banner")},
    };
    struct hit_visit visit = {.page = true,
                              .environment = HIT_PRODUCTION,
                              .url = S("https://www.example.com/"),
                              .absorbs = {&old, 1},
                              .has_order = true,
                              .order = {.id = S("o1"), .total = 20}};
    struct hit h = {.kind = HIT_VISIT,
                    .scope = S("org/prod"),
                    .identities = {&id, 1},
                    .notices = notices,
                    .notice_count = 2,
                    .visit = &visit};
    struct diag why = DIAG_INIT;
    struct str before;
    size_t refusals = 0;

    hit(t, &l, "old", "d:1003:0@hero", NULL); /* is absorbed */
    before = report(t, &l, S("1003"));
    for (size_t bytes = 512;; bytes += 512) {
        struct arena small;
        size_t staged = kv_staged_bytes(l.k);
        enum err rc;
        arena_init(&small, bytes);
        rc = results_fold(l.k, &h, NOW, &small, &why);
        arena_deinit(&small);
        if (rc == ERR_OK)
            break;
        refusals++;
        CHECK_EQ(rc, ERR_LIMIT);
        CHECK_EQ(kv_staged_bytes(l.k), staged);
    }
    CHECK_TRUE(refusals > 5);
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/0/0/0/0"));
    CHECK_STR(report(t, &l, S("1002")), S("1:1/1/0/0/0/0/0/0"));
    CHECK_STR(report(t, &l, S("1003")), before);
    ledger_close(&l);
}
