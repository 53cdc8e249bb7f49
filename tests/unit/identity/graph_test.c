/* The identity graph: what enters, uniting, the cap, and a long random run against sets of strings. */
#include "identity/graph.h"

#include "base/limits.h"
#include "os/os.h"
#include "t.h"

#define ECID1 "00000000000000000010000000000000000001"
#define ECID2 "00000000000000000010000000000000000002"

static enum ns_class
class_of(void *ctx, struct str scope, struct str code)
{
    (void)ctx;
    (void)scope;
    if (str_eq(code, S("ECID")))
        return NS_COOKIE;
    if (str_eq(code, S("IDFA")))
        return NS_DEVICE;
    if (str_eq(code, S("Partner")))
        return NS_PARTNER;
    if (str_eq(code, S("Shop")))
        return NS_NON_PEOPLE;
    return NS_PERSON;
}

static const struct graph_namespaces namespaces = {class_of, NULL};

static struct kv *
table(struct t *t)
{
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/kv", t->dir).p};
    struct kv *k = NULL;

    CHECK_OK(kv_open(&o, &k, d));
    return k;
}

/* "ECID:1 Email:a@b" with the first one primary when it begins with '*'. */
static struct identity_set
ids(struct t *t, const char *text)
{
    struct identity_set s = {ARENA_ARRAY(t->arena, struct identity, 32), 0};
    struct str rest = arena_str(t->arena, str_of(text)), word;

    while (str_split(&rest, ' ', &word)) {
        ptrdiff_t colon = str_find_char(word, ':');
        bool primary = word.p[0] == '*';
        s.items[s.n++] = (struct identity){.ns = str_slice(word, primary, (size_t)colon),
                                           .id = str_slice(word, (size_t)colon + 1, word.n),
                                           .primary = primary};
    }
    return s;
}

static struct graph_link
linked(struct t *t, struct kv *k, const char *text, int64_t now_ms)
{
    struct identity_set set = ids(t, text);
    struct graph_link out = {0};

    CHECK_OK(graph_link(k, &namespaces, S("o/s"), &set, S("ds"), now_ms, t->arena, &out, d));
    return out;
}

static uint64_t
profile_of(struct t *t, struct kv *k, struct str ns, struct str id)
{
    uint64_t p = 0;

    CHECK_OK(graph_profile(k, S("o/s"), ns, id, &p, d));
    return p;
}

TEST(graph_links_a_star)
{
    struct kv *k = table(t);
    struct graph_link a = linked(t, k, "CRM:1 *ECID:" ECID1 " Email:a@b", 100);
    struct graph_view v;

    CHECK_EQ(a.created, true);
    CHECK_EQ(a.profile, 1);
    CHECK_EQ(a.owner_profile, 1);
    CHECK_STR(a.owner->ns, S("ECID"));
    CHECK_OK(graph_read(k, 1, t->arena, &v, d));
    CHECK_EQ(v.member_count, 3);
    CHECK_EQ(v.edge_count, 2);
    CHECK_STR(v.members[0].ns, S("ECID"));
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(v.edges[i].a, 0);
        CHECK_EQ(v.edges[i].b, i + 1);
        CHECK_EQ(v.edges[i].first_ms, 100);
        CHECK_STR(v.edges[i].dataset, S("ds"));
    }
    kv_close(k);
}

TEST(graph_reassertion_moves_the_last_time)
{
    struct kv *k = table(t);
    struct graph_view v;
    struct graph_link a;

    linked(t, k, "*ECID:" ECID1 " CRM:1", 100);
    a = linked(t, k, "*ECID:" ECID1 " CRM:1", 300);
    CHECK_EQ(a.created, false);
    CHECK_OK(graph_read(k, a.profile, t->arena, &v, d));
    CHECK_EQ(v.member_count, 2);
    CHECK_EQ(v.edge_count, 1);
    CHECK_EQ(v.members[1].first_ms, 100);
    CHECK_EQ(v.members[1].last_ms, 300);
    CHECK_EQ(v.edges[0].first_ms, 100);
    CHECK_EQ(v.edges[0].last_ms, 300);
    kv_close(k);
}

TEST(graph_unites_into_the_older_profile)
{
    struct kv *k = table(t);
    struct graph_link a = linked(t, k, "*ECID:" ECID1, 100), b = linked(t, k, "*ECID:" ECID2 " CRM:7", 200), c;

    CHECK_EQ(a.profile, 1);
    CHECK_EQ(b.profile, 2);
    c = linked(t, k, "*CRM:7 ECID:" ECID1, 300);
    CHECK_EQ(c.profile, 1);
    CHECK_EQ(c.created, false);
    CHECK_EQ(c.merged_count, 1);
    CHECK_EQ(c.merged[0], 2);
    CHECK_EQ(profile_of(t, k, S("ECID"), S(ECID2)), 1);
    CHECK_EQ(profile_of(t, k, S("CRM"), S("7")), 1);
    {
        struct graph_view v;
        CHECK_ERR(graph_read(k, 2, t->arena, &v, d), ERR_NOT_FOUND);
    }
    kv_close(k);
}

TEST(graph_scopes_are_apart)
{
    struct kv *k = table(t);
    struct identity_set set = ids(t, "*CRM:7");
    struct graph_link a = linked(t, k, "*CRM:7", 1), b;

    CHECK_OK(graph_link(k, &namespaces, S("o/other"), &set, S("ds"), 2, t->arena, &b, d));
    CHECK_TRUE(a.profile != b.profile);
    kv_close(k);
}

TEST(graph_leaves_out_what_is_nobody) /* [PLATFORM 4.3] */
{
    static const char *const nobody[] = {
        "*CRM:null", "*CRM:Undefined", "*CRM:anonymous", "*CRM:00000000-0000-0000-0000-000000000000",
        "*ECID:123", "*AAID:1",        "*Partner:1",     "*Shop:1"};
    struct kv *k = table(t);
    struct graph_link out;

    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        struct identity_set set = ids(t, nobody[i]);
        CHECK_ERR(graph_link(k, &namespaces, S("o/s"), &set, S("ds"), 1, t->arena, &out, d), ERR_INVALID);
    }
    CHECK_EQ(kv_count(k), 0);
    out = linked(t, k, "*CRM:null Email:a@b ECID:" ECID1, 1); /* the owner is then the ECID */
    CHECK_STR(out.owner->ns, S("ECID"));
    CHECK_ERR(graph_profile(k, S("o/s"), S("CRM"), S("null"), &out.profile, d), ERR_NOT_FOUND);
    kv_close(k);
}

TEST(graph_value_length_limit)
{
    struct kv *k = table(t);
    char *text = arena_alloc(t->arena, LIMIT_IDENTITY_VALUE_BYTES + 1);
    struct identity one = {.ns = S("CRM"), .id = {text, LIMIT_IDENTITY_VALUE_BYTES}, .primary = true};
    struct identity_set set = {&one, 1};
    struct graph_link out;

    memset(text, 'x', LIMIT_IDENTITY_VALUE_BYTES + 1);
    CHECK_OK(graph_link(k, &namespaces, S("o/s"), &set, S("ds"), 1, t->arena, &out, d));
    one.id.n++;
    CHECK_ERR(graph_link(k, &namespaces, S("o/s"), &set, S("ds"), 1, t->arena, &out, d), ERR_INVALID);
    kv_close(k);
}

TEST(graph_email_compares_in_lower_case) /* [PLATFORM B-16] */
{
    struct kv *k = table(t);
    struct graph_link a = linked(t, k, "*Email:Ann@Shop.Test Email:ann@shop.test", 1);
    struct graph_view v;

    CHECK_EQ(linked(t, k, "*Email:ANN@shop.test", 2).profile, a.profile);
    CHECK_OK(graph_read(k, a.profile, t->arena, &v, d));
    CHECK_EQ(v.member_count, 1);
    CHECK_STR(v.members[0].id, S("Ann@Shop.Test"));
    CHECK_EQ(profile_of(t, k, S("Email"), S("aNN@shop.test")), a.profile);
    CHECK_TRUE(linked(t, k, "*CRM:A", 1).profile != linked(t, k, "*CRM:a", 1).profile);
    kv_close(k);
}

static struct graph_link
link_one(struct t *t, struct kv *k, const char *ns, int i, int64_t now_ms)
{
    struct str id =
        str_eq(str_of(ns), S("ECID")) ? arena_printf(t->arena, "%038d", i) : arena_printf(t->arena, "%d", i);

    return linked(t, k, arena_printf(t->arena, "*CRM:hub %s:%.*s", ns, STR_ARG(id)).p, now_ms);
}

TEST(graph_cap_at_and_past_the_limit)
{
    struct kv *k = table(t);
    struct graph_view v;
    struct graph_link out;

    for (int i = 1; i < LIMIT_GRAPH_IDENTITIES; i++)
        CHECK_EQ(link_one(t, k, i % 2 ? "ECID" : "IDFA", i, 1000 + i).dropped_count, 0);
    CHECK_OK(graph_read(k, 1, t->arena, &v, d));
    CHECK_EQ(v.member_count, LIMIT_GRAPH_IDENTITIES);
    out = link_one(t, k, "IDFA", 999, 5000); /* the oldest cookie goes, though a device is new */
    CHECK_EQ(out.dropped_count, 1);
    CHECK_STR(out.dropped[0].ns, S("ECID"));
    CHECK_STR(out.dropped[0].id, arena_printf(t->arena, "%038d", 1));
    CHECK_EQ(profile_of(t, k, S("ECID"), out.dropped[0].id), out.dropped_profiles[0]);
    CHECK_TRUE(out.dropped_profiles[0] != out.profile);
    CHECK_OK(graph_read(k, 1, t->arena, &v, d));
    CHECK_EQ(v.member_count, LIMIT_GRAPH_IDENTITIES);
    for (size_t i = 0; i < v.edge_count; i++)
        CHECK_TRUE(v.edges[i].a < v.member_count && v.edges[i].b < v.member_count);
    CHECK_OK(graph_read(k, out.dropped_profiles[0], t->arena, &v, d));
    CHECK_EQ(v.member_count, 1);
    kv_close(k);
}

TEST(graph_new_cookie_among_people_is_the_victim)
{
    struct kv *k = table(t);
    struct graph_link out;

    for (int i = 1; i < LIMIT_GRAPH_IDENTITIES; i++)
        link_one(t, k, "Loyalty", i, i);
    out = linked(t, k, "*ECID:" ECID1 " CRM:hub", 9999);
    CHECK_EQ(out.dropped_count, 1);
    CHECK_STR(out.dropped[0].id, S(ECID1));
    CHECK_EQ(out.owner_profile, out.dropped_profiles[0]);
    CHECK_TRUE(out.profile != out.owner_profile);
    kv_close(k);
}

/* ---- against sets of strings ---- */

enum { POOL = 160 };

struct model {
    int set[POOL]; /* the set each identity is in, -1: none */
    int64_t last[POOL];
    int sets;
};

static const char *
pool_ns(int i)
{
    return i % 4 == 0 ? "CRM" : i % 4 == 1 ? "IDFA" : "ECID";
}

static int
pool_rank(int i)
{
    return i % 4 == 0 ? 3 : i % 4 == 1 ? 2 : 1;
}

static struct str
pool_id(struct t *t, int i)
{
    return arena_printf(t->arena, "%038d", i);
}

static int
model_victim(const struct model *m, int set)
{
    int worst = -1;

    for (int i = 0; i < POOL; i++) {
        bool first;
        if (m->set[i] != set)
            continue;
        first = worst < 0 || pool_rank(i) < pool_rank(worst) ||
                (pool_rank(i) == pool_rank(worst) && m->last[i] < m->last[worst]);
        if (first) /* ids ascend with i, so the smaller one is met first */
            worst = i;
    }
    return worst;
}

static int
model_size(const struct model *m, int set)
{
    int n = 0;

    for (int i = 0; i < POOL; i++)
        n += m->set[i] == set;
    return n;
}

static void
model_link(struct model *m, const int *list, int n, int64_t now_ms)
{
    int target = m->sets++;

    for (int x = 0; x < n; x++) {
        int old = m->set[list[x]];
        for (int i = 0; i < POOL && old >= 0; i++)
            m->set[i] = m->set[i] == old ? target : m->set[i];
        m->set[list[x]] = target;
        m->last[list[x]] = now_ms;
    }
    while (model_size(m, target) > LIMIT_GRAPH_IDENTITIES)
        m->set[model_victim(m, target)] = m->sets++;
}

static void
compare(struct t *t, struct kv *k, const struct model *m)
{
    uint64_t profile[POOL] = {0};

    for (int i = 0; i < POOL; i++) {
        if (m->set[i] >= 0)
            profile[i] = profile_of(t, k, str_of(pool_ns(i)), pool_id(t, i));
    }
    for (int i = 0; i < POOL; i++) {
        for (int x = 0; x < i; x++) {
            if (m->set[i] >= 0 && m->set[x] >= 0)
                CHECK_EQ(profile[i] == profile[x], m->set[i] == m->set[x]);
        }
    }
    for (int i = 0; i < POOL; i++) {
        struct graph_view v;
        if (m->set[i] < 0)
            continue;
        CHECK_OK(graph_read(k, profile[i], t->arena, &v, d));
        CHECK_EQ(v.member_count, model_size(m, m->set[i]));
    }
}

TEST(graph_equals_sets)
{
    struct kv *k = table(t);
    struct model m = {.sets = 0};

    for (int i = 0; i < POOL; i++)
        m.set[i] = -1;
    for (int step = 0; step < 400; step++) {
        int list[8], n = 1 + (int)rng_below(&t->rng, 4), distinct = 0;
        int64_t now_ms = 1000 + step / 3; /* ties happen */
        struct buf text;
        buf_init(&text, 4096);
        for (int x = 0; x < n; x++) {
            int one = (int)rng_below(&t->rng, POOL);
            bool again = false;
            for (int y = 0; y < distinct; y++)
                again |= list[y] == one;
            if (again)
                continue;
            buf_printf(&text, "%s%s:%038d", distinct ? " " : "*", pool_ns(one), one);
            list[distinct++] = one;
        }
        buf_putc(&text, '\0');
        linked(t, k, text.p, now_ms);
        buf_deinit(&text);
        model_link(&m, list, distinct, now_ms);
        if (step % 40 == 39)
            compare(t, k, &m);
        if (step % 100 == 50)
            CHECK_OK(kv_commit(k, NULL, 0, false, d));
    }
    kv_close(k);
}

/* ---- bytes of docs/formats/graph.md, made from the page by another program ---- */

static struct str
hex(struct t *t, struct str bytes)
{
    char *out = arena_alloc(t->arena, bytes.n * 2 + 1);

    for (size_t i = 0; i < bytes.n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned char)bytes.p[i]);
    return (struct str){out, bytes.n * 2};
}

TEST(graph_row_golden)
{
    struct kv *k = table(t);
    struct str value;

    linked(t, k, "*CRM:7 Email:A@b", 100);
    linked(t, k, "*CRM:7", 300);
    CHECK_OK(kv_get(k, S("G\1\0\0\0\0\0\0\0"), &value, d));
    CHECK_STR(hex(t, value), S("01020343524d0137c801900305456d61696c03414062c80100010001c80100026473"));
    CHECK_OK(kv_get(k,
                    S("Io/s\x1f"
                      "Email\x1f"
                      "a@b"),
                    &value, d));
    CHECK_STR(hex(t, value), S("01"));
    CHECK_OK(kv_get(k, S("G"), &value, d));
    CHECK_STR(hex(t, value), S("02"));
    kv_close(k);
}

/* Times that add up past 64 bits: of a member, and of an edge. */
TEST(graph_times_past_their_range_are_damage)
{
#define LEAST "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* INT64_MIN, and -1 behind it */
    static const struct str rows[] = {
        {"\1\1\1a\1b" LEAST "\1\0", 18},
        {"\1\2\1a\1b\0\0\1a\1c\0\0\1\0\1" LEAST "\1\0", 29},
    };
    struct kv *k = table(t);
    struct graph_view v;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_OK(kv_put(k, S("G\1\0\0\0\0\0\0\0"), rows[i], 0, d));
        CHECK_ERR(graph_read(k, 1, t->arena, &v, d), ERR_CORRUPT);
    }
    kv_close(k);
}

TEST(graph_damaged_rows_are_refused)
{
    struct kv *k = table(t);
    struct graph_view v;
    struct str bytes;
    char *copy;

    linked(t, k, "*CRM:7 Email:A@b ECID:" ECID1, 100);
    CHECK_OK(kv_get(k, S("G\1\0\0\0\0\0\0\0"), &bytes, d));
    bytes = arena_str(t->arena, bytes);
    for (size_t n = 0; n < bytes.n; n++) {
        CHECK_OK(kv_put(k, S("G\1\0\0\0\0\0\0\0"), (struct str){bytes.p, n}, 0, d));
        CHECK_ERR(graph_read(k, 1, t->arena, &v, d), ERR_CORRUPT);
    }
    copy = arena_alloc(t->arena, bytes.n);
    for (int i = 0; i < 2000; i++) { /* any byte: refused or read, and edges stay among members */
        struct diag d = DIAG_INIT;
        memcpy(copy, bytes.p, bytes.n);
        copy[rng_below(&t->rng, bytes.n)] = (char)rng_below(&t->rng, 256);
        CHECK_EQ(kv_put(k, S("G\1\0\0\0\0\0\0\0"), (struct str){copy, bytes.n}, 0, &d), ERR_OK);
        if (graph_read(k, 1, t->arena, &v, &d) != ERR_OK)
            continue;
        for (size_t e = 0; e < v.edge_count; e++)
            CHECK_TRUE(v.edges[e].a < v.member_count && v.edges[e].b < v.member_count);
    }
    kv_close(k);
}
