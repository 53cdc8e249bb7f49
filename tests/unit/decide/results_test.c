/* results_test.c - what the counters say after a stream of hits [TARGET 9.1, 12 rows 92 .. 108]. */
#include "decide/results.h"

#include "fixture.h"
#include "os/os.h"

#define A S("1001")

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
                                                     .scope = word};
    }
    h.xdm = xdm ? fixture_json(t, xdm) : NULL;
    arena_reset(&l->batch); /* what the fold kept must not live in the batch's memory */
    CHECK_OK(results_fold(l->k, &h, &l->batch, d));
}

/* "exp:visitors/impressions/clicks/click_visitors/conversions/orders/revenue/squares ..." */
static struct str
report(struct t *t, struct ledger *l, struct str activity)
{
    struct results_row *rows;
    struct str s = S("");
    size_t n;

    CHECK_OK(results_read(l->k, S("org/prod"), activity, t->arena, &rows, &n, d));
    for (size_t i = 0; i < n; i++)
        s = arena_printf(t->arena, "%.*s%s%.*s:%d/%d/%d/%d/%d/%d/%g/%g", STR_ARG(s), i ? " " : "",
                         STR_ARG(rows[i].experience), (int)rows[i].visitors, (int)rows[i].impressions,
                         (int)rows[i].clicks, (int)rows[i].click_visitors, (int)rows[i].conversions,
                         (int)rows[i].orders, rows[i].revenue, rows[i].revenue_squares);
    return s;
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

    CHECK_OK(results_fold(l.k, &h, &l.batch, d));
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
    hit(t, &l, "v1", "c:1001:1@hero", NULL);
    CHECK_STR(report(t, &l, A), S("0:1/1/2/1/0/0/0/0"));
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

TEST(results_experience_targeting_counts_where_the_visitor_is)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:0@xt", NULL);
    hit(t, &l, "v1", "d:1001:1@xt", NULL);
    hit(t, &l, "v1", "", ORDER("o1", "10"));
    CHECK_STR(report(t, &l, A), S("0:1/1/0/0/0/0/0/0 1:1/1/0/0/1/1/10/100"));
    hit(t, &l, "v1", "d:1001:0@xt", NULL); /* back again: no new visitor, but the next order is here */
    hit(t, &l, "v1", "", ORDER("o2", "3"));
    CHECK_STR(report(t, &l, A), S("0:1/2/0/0/1/1/3/9 1:1/1/0/0/1/1/10/100"));
    ledger_close(&l);
}

TEST(results_rows_in_the_order_of_their_ids)
{
    struct ledger l = ledger_open(t);

    hit(t, &l, "v1", "d:1001:10@m d:1001:2@m d:1001:1@m", NULL);
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
    CHECK_OK(results_fold(l.k, &h, &l.batch, d)); /* no ECID: the owner counts, as somebody else */
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/0/0/0/0"));
    h.scope = S("org/dev");
    CHECK_OK(results_fold(l.k, &h, &l.batch, d));
    h.kind = HIT_RECORD;
    CHECK_OK(results_fold(l.k, &h, &l.batch, d));
    CHECK_STR(report(t, &l, A), S("0:2/2/0/0/0/0/0/0"));
    h.kind = HIT_EVENT;
    h.identities.n = 0;
    CHECK_OK(results_fold(l.k, &h, &l.batch, d)); /* nobody */
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

TEST(results_remember_a_bounded_number_of_activities)
{
    struct ledger l = ledger_open(t);

    for (int i = 0; i < 257; i++)
        hit(t, &l, "v1", arena_printf(t->arena, "d:%d:0@m", i).p, NULL);
    hit(t, &l, "v1", "", ORDER("o1", "4"));
    CHECK_STR(report(t, &l, S("0")), S("0:1/1/0/0/0/0/0/0")); /* the oldest entry went */
    CHECK_STR(report(t, &l, S("1")), S("0:1/1/0/0/1/1/4/16"));
    CHECK_STR(report(t, &l, S("256")), S("0:1/1/0/0/1/1/4/16"));
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
    static const char *const bad[] = {"\x02", "\x01", "\x01\x7f", "\x01\x01\x05xy"};
    size_t n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(kv_put(l.k,
                        S("RX\x08org/prod\x04"
                          "1001"),
                        str_of(bad[i]), 0, d));
        CHECK_ERR(results_read(l.k, S("org/prod"), A, t->arena, &rows, &n, d), ERR_CORRUPT);
    }
    ledger_close(&l);
}

/* ---- against a model ---- */

#define VISITORS 4
#define EXPERIENCES 3

struct model_cell {
    int visitors, impressions, clicks, click_visitors, conversions, orders;
    double revenue, squares;
};

struct model_visitor {
    bool in, seen[EXPERIENCES], clicked[EXPERIENCES], converted[EXPERIENCES];
    double spent[EXPERIENCES];
    int last;
};

static void
model_hit(struct model_cell *m, struct model_visitor *v, int kind, int e, double total, bool fresh_order)
{
    if (kind == 0) {
        m[e].visitors += !v->seen[e];
        m[e].impressions++;
        v->in = v->seen[e] = true;
        v->last = e;
    } else if (kind == 1 && v->seen[e]) {
        m[e].clicks++;
        m[e].click_visitors += !v->clicked[e];
        v->clicked[e] = true;
    } else if (kind == 2 && v->in && fresh_order) {
        e = v->last;
        m[e].squares -= v->spent[e] * v->spent[e];
        v->spent[e] += total;
        m[e].squares += v->spent[e] * v->spent[e];
        m[e].revenue += total;
        m[e].orders++;
        m[e].conversions += !v->converted[e];
        v->converted[e] = true;
    }
}

TEST(results_agree_with_the_model)
{
    struct ledger l = ledger_open(t);
    struct model_cell m[EXPERIENCES] = {0};
    struct model_visitor v[VISITORS] = {0};
    bool order_used[20] = {false};
    struct str want = S("");

    for (int i = 0; i < 400; i++) {
        int who = (int)rng_below(&t->rng, VISITORS), kind = (int)rng_below(&t->rng, 3),
            e = (int)rng_below(&t->rng, EXPERIENCES);
        int order = (int)rng_below(&t->rng, 20), total = (int)rng_below(&t->rng, 50);
        const char *name = arena_printf(t->arena, "v%d", who).p;
        if (kind == 2)
            hit(t, &l, name, "",
                arena_printf(t->arena, "{'commerce':{'order':{'purchaseID':'o%d','priceTotal':%d}}}", order, total).p);
        else
            hit(t, &l, name, arena_printf(t->arena, "%c:1001:%d@m", kind ? 'c' : 'd', e).p, NULL);
        model_hit(m, &v[who], kind, e, total, !order_used[order]);
        order_used[order] |= kind == 2 && v[who].in;
    }
    for (int e = 0; e < EXPERIENCES; e++)
        want = arena_printf(t->arena, "%.*s%s%d:%d/%d/%d/%d/%d/%d/%g/%g", STR_ARG(want), e ? " " : "", e, m[e].visitors,
                            m[e].impressions, m[e].clicks, m[e].click_visitors, m[e].conversions, m[e].orders,
                            m[e].revenue, m[e].squares);
    CHECK_STR(report(t, &l, A), want);
    ledger_close(&l);
}
