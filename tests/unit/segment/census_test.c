/* census_test.c - the limits of a census: rows of a block, namespaces, the sample, memory. What it counts is held
 * against the hub's memberships in tests/unit/hub/hub_census_test.c. */
#include "segment/census.h"

#include "identity/graph.h"
#include "os/os.h"
#include "pql/pql.h"
#include "t.h"

#define SCOPE S("o/s")
#define NOW 1767225600000 /* 2026-01-01 */

struct world {
    struct kv *k;
    struct profile_names names;
    struct rule *rule;
};

static void
world_open(struct t *t, struct world *w, const char *pql)
{
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/kv", t->dir).p};

    *w = (struct world){0};
    CHECK_OK(kv_open(&o, &w->k, d));
    CHECK_OK(profile_names_open(w->k, &w->names, d));
    CHECK_OK(pql_compile(str_of(pql), true, &w->rule, NULL, d));
}

static void
world_close(struct world *w)
{
    rule_free(w->rule);
    profile_names_close(&w->names);
    kv_close(w->k);
}

static enum ns_class
person_class(void *ctx, struct str scope, struct str code)
{
    (void)ctx;
    (void)scope;
    (void)code;
    return NS_PERSON;
}

/* A profile with this record and these identities, "ns:value ...". */
static void
person(struct t *t, struct world *w, struct str scope, const char *identities, struct str json)
{
    struct graph_namespaces ns = {person_class, NULL};
    struct identity items[LIMIT_IDENTITIES_PER_EVENT];
    struct identity_set set = {items, 0};
    struct str rest = arena_str(t->arena, str_of(identities)), word, code;
    struct profile_fragment f = {.dataset = S("crm"), .ns = S("CRM"), .id = S("1"), .ingested_ms = NOW, .json = json};
    struct graph_link link = {0};
    struct profile p = {0};

    while (str_split(&rest, ' ', &word)) {
        (void)str_split(&word, ':', &code);
        items[set.n++] = (struct identity){.ns = code, .id = word, .primary = set.n == 0};
    }
    CHECK_OK(graph_link(w->k, &ns, scope, &set, S("crm"), NOW, t->arena, &link, d));
    CHECK_OK(profile_load(w->k, &w->names, scope, link.profile, t->arena, &p, d));
    CHECK_OK(profile_put_record(&p, &f, false, d));
    CHECK_OK(profile_save(w->k, &p, 0, d));
}

static struct census *
census_of(struct t *t, struct world *w, size_t sample_max)
{
    struct rule_audience audience = {S("a"), w->rule};
    struct census_options o = {.scope = SCOPE, .audiences = &audience, .count = 1, .sample_max = sample_max};
    struct census *c = NULL;

    CHECK_OK(census_new(&o, &c, d));
    return c;
}

/* How many blocks it took. */
static size_t
count_all(struct t *t, struct world *w, struct census *c)
{
    size_t runs = 0;

    while (!census_done(c)) {
        CHECK_OK(census_load(c, w->k, &w->names, NOW, d));
        if (!census_full(c))
            continue;
        CHECK_OK(census_run(c, d));
        runs++;
    }
    return runs;
}

TEST(census_counts_one_scope)
{
    struct world w;
    struct census *c;
    struct census_result r;

    world_open(t, &w, "tier = \"gold\"");
    c = census_of(t, &w, 10);
    CHECK_EQ(count_all(t, &w, c), 0); /* an empty table */
    CHECK_EQ(census_result(c).profiles, 0);
    census_free(c);
    person(t, &w, SCOPE, "CRM:1 ECID:11", S("{\"tier\":\"gold\"}"));
    person(t, &w, SCOPE, "CRM:2", S("{\"tier\":\"gold\"}"));
    person(t, &w, SCOPE, "CRM:3", S("{\"tier\":\"blue\"}"));
    person(t, &w, S("o/other"), "CRM:4", S("{\"tier\":\"gold\"}"));
    c = census_of(t, &w, 10);
    CHECK_EQ(count_all(t, &w, c), 1);
    r = census_result(c);
    CHECK_EQ(r.profiles, 3);
    CHECK_EQ(r.audiences[0].members, 2);
    CHECK_EQ(r.sample.count, 2);
    CHECK_EQ(r.namespace_count, 1); /* an ECID that is not 38 digits is no identity */
    CHECK_STR(r.namespaces[0], S("CRM"));
    CHECK_EQ(r.audiences[0].by_namespace[0], 2);
    CHECK_EQ(r.now_ms, NOW);
    census_free(c);
    world_close(&w);
}

TEST(census_rows_and_sample_at_their_limits)
{
    struct world w;
    struct census *c;

    world_open(t, &w, "tier = \"gold\"");
    for (int i = 0; i < LIMIT_CENSUS_ROWS; i++)
        person(t, &w, SCOPE, arena_printf(t->arena, "CRM:%d", i).p, S("{\"tier\":\"gold\"}"));
    c = census_of(t, &w, LIMIT_PREVIEW_SAMPLE);
    CHECK_EQ(count_all(t, &w, c), 1);
    CHECK_EQ(census_result(c).audiences[0].members, LIMIT_CENSUS_ROWS);
    CHECK_EQ(census_result(c).sample.count, LIMIT_PREVIEW_SAMPLE);
    census_free(c);
    person(t, &w, SCOPE, "CRM:x", S("{\"tier\":\"gold\"}"));
    c = census_of(t, &w, LIMIT_PREVIEW_SAMPLE + 1);
    CHECK_EQ(count_all(t, &w, c), 2);
    CHECK_EQ(census_result(c).audiences[0].members, LIMIT_CENSUS_ROWS + 1);
    CHECK_EQ(census_result(c).sample.count, LIMIT_PREVIEW_SAMPLE);
    census_free(c);
    world_close(&w);
}

TEST(census_namespaces_at_their_limit)
{
    struct world w;
    struct census *c;
    struct census_result r;
    uint64_t in_all = 0;

    world_open(t, &w, "tier = \"gold\"");
    for (int i = 0; i < LIMIT_CENSUS_NAMESPACES; i++)
        person(t, &w, SCOPE, arena_printf(t->arena, "N%d:1", i).p, S("{\"tier\":\"gold\"}"));
    c = census_of(t, &w, 0);
    (void)count_all(t, &w, c);
    CHECK_EQ(census_result(c).namespace_count, LIMIT_CENSUS_NAMESPACES);
    CHECK_EQ(census_result(c).sample.count, 0);
    census_free(c);
    person(t, &w, SCOPE, "N_one_more:1", S("{\"tier\":\"gold\"}"));
    c = census_of(t, &w, 0);
    (void)count_all(t, &w, c);
    r = census_result(c);
    CHECK_EQ(r.namespace_count, LIMIT_CENSUS_NAMESPACES);
    CHECK_EQ(r.audiences[0].members, LIMIT_CENSUS_NAMESPACES + 1); /* the person counts, its namespace does not */
    for (size_t i = 0; i < r.namespace_count; i++)
        in_all += r.audiences[0].by_namespace[i];
    CHECK_EQ(in_all, LIMIT_CENSUS_NAMESPACES);
    census_free(c);
    world_close(&w);
}

/* One more record of the person with this number, in another dataset. */
static void
more_of(struct t *t, struct world *w, const char *crm, const char *dataset)
{
    struct graph_namespaces ns = {person_class, NULL};
    struct identity id = {.ns = S("CRM"), .id = str_of(crm), .primary = true};
    struct identity_set set = {&id, 1};
    struct profile_fragment f = {
        .dataset = str_of(dataset), .ns = S("CRM"), .id = id.id, .ingested_ms = NOW, .json = S("{\"x\":1}")};
    struct graph_link link = {0};
    struct profile p = {0};

    CHECK_OK(graph_link(w->k, &ns, SCOPE, &set, S("crm"), NOW, t->arena, &link, d));
    CHECK_OK(profile_load(w->k, &w->names, SCOPE, link.profile, t->arena, &p, d));
    CHECK_OK(profile_put_record(&p, &f, false, d));
    CHECK_OK(profile_save(w->k, &p, 0, d));
}

TEST(census_datasets_at_their_limit)
{
    struct world w;
    struct rule_audience audience;
    struct census_options o = {.scope = SCOPE, .audiences = &audience, .count = 1, .datasets = true};
    struct census *c = NULL;
    struct census_result r;
    uint64_t in_all = 0;

    world_open(t, &w, "tier = \"gold\"");
    audience = (struct rule_audience){S("a"), w.rule};
    person(t, &w, SCOPE, "CRM:1", S("{}"));
    person(t, &w, SCOPE, "CRM:2", S("{}"));
    for (int i = 1; i < LIMIT_CENSUS_DATASETS; i++)
        more_of(t, &w, "1", arena_printf(t->arena, "d%d", i).p);
    CHECK_OK(census_new(&o, &c, d));
    (void)count_all(t, &w, c);
    r = census_result(c);
    CHECK_EQ(r.dataset_count, LIMIT_CENSUS_DATASETS);
    CHECK_EQ(r.fragments, LIMIT_CENSUS_DATASETS + 1);
    for (size_t i = 0; i < r.dataset_count; i++) {
        CHECK_EQ(r.datasets[i].profiles, str_eq(r.datasets[i].id, S("crm")) ? 2 : 1);
        in_all += r.datasets[i].profiles;
    }
    CHECK_EQ(in_all, LIMIT_CENSUS_DATASETS + 1);
    census_free(c);
    more_of(t, &w, "1", "one more");
    CHECK_OK(census_new(&o, &c, d));
    (void)count_all(t, &w, c);
    CHECK_EQ(census_result(c).dataset_count, LIMIT_CENSUS_DATASETS);
    census_free(c);
    world_close(&w);
}

TEST(census_bytes_at_their_limit)
{
    const size_t each = LIMIT_RECORD_BYTES - 1024, people = LIMIT_CENSUS_BYTES / each + 20;
    struct world w;
    struct census *c;
    struct buf b;
    size_t loads = 0;

    world_open(t, &w, "tier = \"gold\"");
    buf_init(&b, each + 64);
    buf_put(&b, S("{\"tier\":\"gold\",\"x\":\""));
    while (b.n < each)
        buf_put(&b, S("0123456789abcdef"));
    buf_put(&b, S("\"}"));
    for (size_t i = 0; i < people; i++) {
        person(t, &w, SCOPE, arena_printf(t->arena, "CRM:%zu", i).p, buf_str(&b));
        CHECK_OK(kv_commit(w.k, NULL, 0, false, d));
    }
    buf_deinit(&b);
    c = census_of(t, &w, 0);
    while (!census_full(c)) {
        CHECK_OK(census_load(c, w.k, &w.names, NOW, d));
        CHECK_TRUE(++loads < 10000);
    }
    CHECK_OK(census_run(c, d));
    CHECK_TRUE(!census_done(c)); /* all of them take more than LIMIT_CENSUS_BYTES, and one more may pass it */
    CHECK_TRUE(census_result(c).profiles <= LIMIT_CENSUS_BYTES / each + 1);
    (void)count_all(t, &w, c);
    CHECK_EQ(census_result(c).audiences[0].members, people);
    census_free(c);
    world_close(&w);
}

TEST(census_refuses_nothing_to_count)
{
    struct census_options o = {.scope = SCOPE};
    struct rule_audience audience = {S("a"), NULL};
    struct census *c = NULL;

    CHECK_ERR(census_new(&o, &c, d), ERR_INVALID);
    o = (struct census_options){.scope = SCOPE, .audiences = &audience, .count = 1, .diff = true};
    CHECK_ERR(census_new(&o, &c, d), ERR_INVALID); /* a difference has two sides */
    CHECK_TRUE(c == NULL);
}

TEST(census_diff_and_its_sample_at_the_limit)
{
    struct world w;
    struct rule *after = NULL;
    struct census *c = NULL;
    struct census_diff diff;

    world_open(t, &w, "tier = \"gold\"");
    CHECK_OK(pql_compile(S("tier = \"gold\" and points >= 10 or tier = \"blue\""), true, &after, NULL, d));
    for (int i = 0; i < LIMIT_DIFF_SAMPLE + 1; i++)
        person(t, &w, SCOPE, arena_printf(t->arena, "CRM:in%d", i).p, S("{\"tier\":\"blue\"}"));
    for (int i = 0; i < 30; i++)
        person(t, &w, SCOPE, arena_printf(t->arena, "CRM:out%d", i).p, S("{\"tier\":\"gold\",\"points\":9}"));
    for (int i = 0; i < 7; i++)
        person(t, &w, SCOPE, arena_printf(t->arena, "CRM:stays%d", i).p, S("{\"tier\":\"gold\",\"points\":10}"));
    person(t, &w, SCOPE, "CRM:never", S("{\"tier\":\"none\"}"));
    {
        struct rule_audience both[] = {{S("a"), w.rule}, {S("b"), after}};
        struct census_options o = {
            .scope = SCOPE, .audiences = both, .count = 2, .diff = true, .sample_max = LIMIT_DIFF_SAMPLE};
        CHECK_OK(census_new(&o, &c, d));
    }
    (void)count_all(t, &w, c);
    diff = census_result(c).diff;
    CHECK_EQ(diff.entering, LIMIT_DIFF_SAMPLE + 1);
    CHECK_EQ(diff.leaving, 30);
    CHECK_EQ(diff.staying, 7);
    CHECK_EQ(diff.undecided, 0);
    CHECK_EQ(diff.entering_sample.count, LIMIT_DIFF_SAMPLE);
    CHECK_EQ(diff.leaving_sample.count, 30);
    CHECK_EQ(census_result(c).sample.count, 0);
    for (size_t i = 0; i < 30; i++)
        CHECK_TRUE(str_starts(diff.leaving_sample.people[i].id, S("out")));
    census_free(c);
    rule_free(after);
    world_close(&w);
}
