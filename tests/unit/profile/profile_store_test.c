/* The profile store: documents, events beyond a chunk, records and their merge against a naive one, uniting and
 * splitting, limits, damage. */
#include "profile/profile_store.h"

#include "base/hash.h"
#include "base/limits.h"
#include "codec/json.h"
#include "os/os.h"
#include "t.h"

#define SCOPE S("o/s")

static struct profile_names names; /* of the table of the running test */

static struct kv *
table(struct t *t)
{
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/kv", t->dir).p};
    struct kv *k = NULL;

    CHECK_OK(kv_open(&o, &k, d));
    profile_names_close(&names);
    CHECK_OK(profile_names_open(k, &names, d));
    return k;
}

static struct profile
loaded(struct t *t, struct kv *k, uint64_t id)
{
    struct profile p = {0};

    CHECK_OK(profile_load(k, &names, SCOPE, id, t->arena, &p, d));
    return p;
}

static void
saved(struct t *t, struct kv *k, const struct profile *p)
{
    CHECK_OK(profile_save(k, p, 0, d));
}

static bool
add(struct t *t, struct kv *k, struct profile *p, int number, int64_t ms, size_t pad)
{
    char *fill = arena_alloc(t->arena, pad + 1);
    struct profile_event e = {.id = arena_printf(t->arena, "e-%d", number),
                              .ms = ms,
                              .dataset = S("web"),
                              .ns = S("ECID"),
                              .owner = arena_printf(t->arena, "%d", number % 3)};
    bool duplicate = false;

    memset(fill, 'x', pad);
    e.json = arena_printf(t->arena, "{\"_id\":\"e-%d\",\"n\":%d,\"pad\":\"%.*s\"}", number, number, (int)pad, fill);
    CHECK_OK(profile_add_event(k, p, &e, &duplicate, d));
    return duplicate;
}

static void
put(struct t *t, struct profile *p, const char *dataset, const char *id, int64_t ms, const char *json, bool upsert)
{
    struct profile_fragment f = {
        .dataset = str_of(dataset), .ns = S("CRM"), .id = str_of(id), .ingested_ms = ms, .json = str_of(json)};

    CHECK_OK(profile_put_record(p, &f, upsert, d));
}

static struct str
merged(struct t *t, const struct profile *p)
{
    const struct json *m = NULL;
    struct buf b;
    struct str s;

    CHECK_OK(profile_merge(p, t->arena, &m, d));
    buf_init(&b, 1u << 20);
    json_write(&b, m);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* ---- documents ---- */

TEST(profile_key_round_trip)
{
    struct buf b;
    struct str scope;
    uint64_t id;

    buf_init(&b, 4096);
    profile_key(&b, S("org@AdobeOrg/prod"), 0x1f1f1f1f1f1f1f1fu);
    CHECK_TRUE(profile_key_read(buf_str(&b), &scope, &id));
    CHECK_STR(scope, S("org@AdobeOrg/prod"));
    CHECK_TRUE(id == 0x1f1f1f1f1f1f1f1fu);
    CHECK_TRUE(!profile_key_read(S("P"), &scope, &id));
    CHECK_TRUE(!profile_key_read(S("Ixxxxxxxxxxxxxxxxx"), &scope, &id));
    buf_deinit(&b);
}

TEST(profile_document_round_trip)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7), q;
    const struct json *preferences;
    struct profile_membership m = {S("aud-b"), true, 100, 0, 0}, m2 = {S("aud-a"), false, 200, 0, 0};

    CHECK_EQ(p.created, true);
    put(t, &p, "crm", "1", 10, "{\"a\":1}", false);
    CHECK_OK(json_parse(S("{\"collect\":{\"val\":\"n\"}}"), t->arena, &preferences, d));
    CHECK_OK(profile_put_consent(&p, preferences, false, 11, d));
    CHECK_OK(profile_put_membership(&p, &m, d));
    CHECK_OK(profile_put_membership(&p, &m2, d));
    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 12);
    p.regions[0].projected = 99;
    p.consent_out = true;
    p.changed_ms = 13;
    p.rule_state = S("state\0bytes");
    add(t, k, &p, 1, 500, 10);
    saved(t, k, &p);
    q = loaded(t, k, 7);
    CHECK_EQ(q.created, false);
    CHECK_EQ(q.fragment_count, 1);
    CHECK_STR(q.fragments[0].json, S("{\"a\":1}"));
    CHECK_EQ(q.fragments[0].ingested_ms, 10);
    CHECK_STR(q.consent, S("{\"collect\":{\"val\":\"n\"}}"));
    CHECK_EQ(q.consent_ms, 11);
    CHECK_EQ(q.membership_count, 2);
    CHECK_STR(q.memberships[1].audience, S("aud-a"));
    CHECK_EQ(profile_membership(&q, S("aud-b"))->since_ms, 100);
    CHECK_TRUE(profile_membership(&q, S("aud-c")) == NULL);
    CHECK_EQ(q.region_count, 1);
    CHECK_EQ(q.regions[0].projected, 99);
    CHECK_EQ(q.consent_out, true);
    CHECK_EQ(q.changed_ms, 13);
    CHECK_STR(q.rule_state, S("state\0bytes"));
    CHECK_EQ(q.recent_count, 1);
    CHECK_STR(q.recent[0].owner, S("1"));
    kv_close(k);
}

TEST(profile_save_sets_the_timer)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7);
    struct buf key;
    int64_t due;
    struct str scope;
    uint64_t id;

    CHECK_OK(profile_save(k, &p, 12345, d));
    CHECK_EQ(kv_earliest_due(k), 12345);
    buf_init(&key, LIMIT_RECORD_KEY_BYTES);
    CHECK_EQ(kv_next_due(k, 12345, &key, &due), ERR_OK);
    CHECK_TRUE(profile_key_read(buf_str(&key), &scope, &id));
    CHECK_EQ(id, 7);
    buf_deinit(&key);
    kv_close(k);
}

TEST(profile_damaged_documents_are_refused)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7), q;
    struct str bytes;
    struct buf key;
    char *copy;
    size_t refused = 0;

    put(t, &p, "crm", "1", 10, "{\"a\":1}", false);
    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 12);
    add(t, k, &p, 1, 500, 10);
    saved(t, k, &p);
    buf_init(&key, 4096);
    profile_key(&key, SCOPE, 7);
    CHECK_OK(kv_get(k, buf_str(&key), &bytes, d));
    bytes = arena_str(t->arena, bytes);
    for (size_t n = 0; n < bytes.n; n++) { /* every cut */
        CHECK_OK(kv_put(k, buf_str(&key), (struct str){bytes.p, n}, 0, d));
        CHECK_ERR(profile_load(k, &names, SCOPE, 7, t->arena, &q, d), ERR_CORRUPT);
    }
    copy = arena_alloc(t->arena, bytes.n);
    for (int i = 0; i < 2000; i++) { /* any byte: refused or read, never beyond the bytes (sanitizers watch) */
        struct diag d = DIAG_INIT;
        memcpy(copy, bytes.p, bytes.n);
        copy[rng_below(&t->rng, bytes.n)] = (char)rng_below(&t->rng, 256);
        CHECK_EQ(kv_put(k, buf_str(&key), (struct str){copy, bytes.n}, 0, &d), ERR_OK);
        refused += profile_load(k, &names, SCOPE, 7, t->arena, &q, &d) == ERR_CORRUPT;
    }
    CHECK_TRUE(refused > 0);
    buf_deinit(&key);
    kv_close(k);
}

/* Bytes of docs/formats/profile.md, made from the page by another program. */
static struct str
hex(struct t *t, struct str bytes)
{
    char *out = arena_alloc(t->arena, bytes.n * 2 + 1);

    for (size_t i = 0; i < bytes.n; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned char)bytes.p[i]);
    return (struct str){out, bytes.n * 2};
}

TEST(profile_of_another_version_is_refused)
{
    struct kv *k = table(t);
    struct diag why = DIAG_INIT;
    struct profile p;

    CHECK_OK(kv_put(k, S("Po/s\x1f\7\0\0\0\0\0\0\0"), S("\2\0\0\0\0"), 0, d));
    CHECK_EQ(profile_load(k, &names, SCOPE, 7, t->arena, &p, &why), ERR_UNSUPPORTED);
    CHECK_TRUE(str_find(str_of(why.what), S("version 2")) > 0);
    kv_close(k);
}

TEST(profile_names_are_numbers_for_good)
{
    struct kv *k = table(t);
    uint32_t number;
    struct str value;

    for (uint32_t i = 1; i <= 600; i++) {
        CHECK_OK(profile_names_number(&names, arena_printf(t->arena, "audience-%u", i), &number, d));
        CHECK_EQ(number, i);
    }
    CHECK_OK(profile_names_number(&names, S("audience-7"), &number, d));
    CHECK_EQ(number, 7);
    CHECK_EQ(profile_names_find(&names, S("audience-600")), 600);
    CHECK_EQ(profile_names_find(&names, S("audience-601")), 0);
    CHECK_OK(kv_get(k, S("N\7\0\0\0"), &value, d));
    CHECK_STR(value, S("audience-7"));
    CHECK_OK(kv_commit(k, NULL, 0, false, d));
    CHECK_OK(profile_names_number(&names, S("not committed"), &number, d));
    kv_close(k);
    k = table(t);
    CHECK_EQ(names.count, 600);
    CHECK_STR(profile_names_text(&names, 600), S("audience-600"));
    CHECK_TRUE(profile_names_text(&names, 601).p == NULL);
    CHECK_TRUE(profile_names_text(&names, 0).p == NULL);
    kv_close(k);
}

TEST(profile_membership_of_an_unknown_number_is_damage)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7);
    struct profile_membership m = {S("aud"), true, 100, 0, 0};

    CHECK_OK(profile_put_membership(&p, &m, d));
    p.memberships[0].number = 2;
    saved(t, k, &p);
    CHECK_ERR(profile_load(k, &names, SCOPE, 7, t->arena, &p, d), ERR_CORRUPT);
    kv_close(k);
}

TEST(profile_document_golden)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7);
    struct profile_fragment f = {S("crm"), S("CRM"), S("1"), 10, S("b1"), S("{\"a\":1}"), S("{\"a\":5}")};
    struct profile_membership m[] = {{S("aud-a"), false, 200, 3, 0}, {S("aud-b"), true, 100, 70, 0}};
    struct profile_region r = {S("va6"), 12, S("ECID"), S("1"), 99};
    struct profile_event e[] = {{S("e-2"), -1, S("web"), S("ECID"), S("1"), S("va6"), 5, S("{}"), S("{\"a\":1}"), 9},
                                {S("e-1"), 500, S("web"), S("ECID"), S("1"), S_NULL, 0, S("{}"), S_NULL, 0}};
    struct str value;

    p.consent_out = true;
    p.changed_ms = 13;
    p.consent_ms = 11;
    p.consent = S("{\"x\":1}");
    p.fragments = &f;
    p.fragment_count = 1;
    p.memberships = m;
    p.membership_count = 2;
    p.regions = &r;
    p.region_count = 1;
    p.rule_state = S("st");
    p.first_chunk = 3;
    p.event_count = 2;
    p.recent = e;
    p.recent_count = 2;
    saved(t, k, &p);
    CHECK_OK(kv_get(k, S("Po/s\x1f\7\0\0\0\0\0\0\0"), &value, d));
    CHECK_STR(hex(t, value),
              S("03011a16077b2278223a317d010363726d0343524d013114026231077b2261223a317d077b2261223a357d02069003"
                "8701c7010103766136180445434944013163000000000000000273740300ffffffffffffffffff0102020365"
                "2d320103776562044543494401310376613605000000"
                "00000000027b7d09000000077b2261223a317d03652d31e8070377656204454349440131"
                "00027b7d00000000"));
    kv_close(k);
}

TEST(profile_chunk_golden)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 7);
    struct str value;
    uint32_t print;

    for (int i = 0; i < 32; i++) {
        struct profile_event e = {.id = arena_printf(t->arena, "e%02d", i), .ms = i, .json = S("{}")};
        bool duplicate;
        CHECK_OK(profile_add_event(k, &p, &e, &duplicate, d));
    }
    CHECK_EQ(p.recent_count, 0);
    CHECK_OK(kv_get(k, S("E\7\0\0\0\0\0\0\0\0\0\0\0"), &value, d));
    CHECK_EQ(value.n, 514);
    CHECK_STR(hex(t, str_slice(value, 0, 24)), S("0220036530300000000000027b7d00000000036530310200"));
    CHECK_OK(kv_get(k, S("X\7\0\0\0\0\0\0\0\0\0\0\0"), &value, d));
    CHECK_EQ(value.n, 4 + 8 + 32 * 4);
    CHECK_STR(hex(t, str_slice(value, 0, 12)), S("200000001f00000000000000"));
    print = (uint32_t)hash_bytes(S("e00"), 0);
    CHECK_TRUE(memcmp(value.p + 12, &print, 4) == 0);
    kv_close(k);
}

/* ---- events ---- */

static void
check_events(struct t *t, struct kv *k, struct profile *p, int64_t after_ms, size_t expected)
{
    const struct json **events;
    struct profile_event *raw;
    size_t n;

    CHECK_OK(profile_events(k, p, t->arena, &events, &raw, &n, d));
    CHECK_EQ(n, p->event_count);
    for (size_t i = 0; i < n; i++) {
        CHECK_STR(json_str(json_get(events[i], S("_id"))), raw[i].id);
        CHECK_TRUE(i == 0 || raw[i - 1].ms <= raw[i].ms);
    }
    CHECK_OK(profile_events_after(k, p, after_ms, 1000000, t->arena, &raw, &n, d));
    CHECK_EQ(n, expected);
    for (size_t i = 0; i < n; i++)
        CHECK_TRUE(raw[i].ms > after_ms && (i == 0 || raw[i - 1].ms <= raw[i].ms));
}

TEST(profile_events_beyond_chunks_in_time_order)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    size_t after = 0;

    for (int i = 0; i < 500; i++) {
        int64_t ms = 1000 + (int64_t)rng_below(&t->rng, 1000);
        after += ms > 1500;
        CHECK_TRUE(!add(t, k, &p, i, ms, rng_below(&t->rng, 400)));
        if (i % 7 == 0) {
            saved(t, k, &p);
            p = loaded(t, k, 1);
        }
    }
    CHECK_EQ(p.event_count, 500);
    CHECK_TRUE(p.chunk_count >= 15);
    check_events(t, k, &p, 1500, after);
    for (int i = 0; i < 500; i++)
        CHECK_TRUE(add(t, k, &p, i, 9999, 5)); /* all are there */
    CHECK_EQ(p.event_count, 500);
    kv_close(k);
}

TEST(profile_events_of_one_time_stay_in_order_of_arrival)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    const struct json **events;
    struct profile_event *raw;
    size_t n;

    for (int i = 0; i < 100; i++)
        add(t, k, &p, i, i % 2 ? 500 : 400, 0);
    CHECK_OK(profile_events(k, &p, t->arena, &events, &raw, &n, d));
    for (size_t i = 0; i < n; i++)
        CHECK_EQ(json_i64(json_get(events[i], S("n")), -1), i < 50 ? 2 * (int64_t)i : 2 * (int64_t)(i - 50) + 1);
    kv_close(k);
}

TEST(profile_events_after_takes_the_newest)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    struct profile_event *raw;
    size_t n;

    for (int i = 0; i < 100; i++)
        add(t, k, &p, i, i, 0);
    CHECK_OK(profile_events_after(k, &p, 9, 20, t->arena, &raw, &n, d));
    CHECK_EQ(n, 20);
    CHECK_EQ(raw[0].ms, 80);
    CHECK_EQ(raw[19].ms, 99);
    kv_close(k);
}

TEST(profile_event_limit) /* [SEGMENTATION 18.4] */
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    uint64_t rows;

    for (int i = 0; i < LIMIT_PROFILE_EVENTS; i++)
        add(t, k, &p, i, i, 0);
    CHECK_EQ(p.event_count, LIMIT_PROFILE_EVENTS);
    CHECK_EQ(p.first_chunk, 0);
    p.rule_state = S("counted");
    add(t, k, &p, LIMIT_PROFILE_EVENTS, LIMIT_PROFILE_EVENTS, 0);
    CHECK_TRUE(p.event_count <= LIMIT_PROFILE_EVENTS);
    CHECK_EQ(p.event_count, LIMIT_PROFILE_EVENTS + 1 - 32);
    CHECK_EQ(p.first_chunk, 1);
    CHECK_EQ(p.rule_state.n, 0);
    check_events(t, k, &p, 4990, 10);
    CHECK_TRUE(!add(t, k, &p, 0, 6000, 0)); /* a dropped one is unknown */
    rows = kv_count(k);
    for (int i = 6000; i < 6000 + 2 * LIMIT_PROFILE_EVENTS; i++)
        add(t, k, &p, i, i, 0);
    check_events(t, k, &p, INT64_MIN, p.event_count);
    CHECK_TRUE(kv_count(k) <= rows + 2); /* chunks and index rows of dropped events are gone */
    kv_close(k);
}

TEST(profile_event_bytes_limit)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    char *json = arena_alloc(t->arena, LIMIT_EVENT_BYTES + 1);
    struct profile_event e = {.id = S("x"), .ms = 1, .json = {json, LIMIT_EVENT_BYTES}};
    bool duplicate;

    memset(json, ' ', LIMIT_EVENT_BYTES + 1);
    memcpy(json, "{}", 2);
    CHECK_OK(profile_add_event(k, &p, &e, &duplicate, d));
    e.json.n++;
    e.id = S("y");
    CHECK_ERR(profile_add_event(k, &p, &e, &duplicate, d), ERR_LIMIT);
    CHECK_EQ(p.event_count, 1);
    kv_close(k);
}

TEST(profile_events_without_id_are_never_repeats)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    struct profile_event e = {.ms = 1, .json = S("{}")};
    bool duplicate;

    for (int i = 0; i < 100; i++) {
        CHECK_OK(profile_add_event(k, &p, &e, &duplicate, d));
        CHECK_EQ(duplicate, false);
    }
    CHECK_EQ(p.event_count, 100);
    kv_close(k);
}

/* ---- records ---- */

TEST(profile_record_replaces_its_fragment)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);

    put(t, &p, "crm", "1", 10, "{\"a\":1,\"b\":2}", false);
    CHECK_STR(merged(t, &p), S("{\"a\":1,\"b\":2}"));
    put(t, &p, "crm", "1", 20, "{\"a\":3}", false);
    CHECK_STR(merged(t, &p), S("{\"a\":3}"));
    put(t, &p, "crm", "2", 15, "{\"a\":4,\"c\":5}", false);
    CHECK_STR(merged(t, &p), S("{\"a\":3,\"c\":5}"));
    kv_close(k);
}

TEST(profile_merge_is_by_leaf)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);

    put(t, &p, "crm", "1", 10, "{\"x\":{\"a\":1,\"l\":[1,2]},\"n\":null}", false);
    put(t, &p, "loyalty", "1", 20, "{\"x\":{\"b\":2,\"l\":[3]},\"identityMap\":{},\"segmentMembership\":{\"ups\":{}}}",
        false);
    CHECK_STR(merged(t, &p), S("{\"x\":{\"b\":2,\"l\":[3],\"a\":1}}"));
    kv_close(k);
}

TEST(profile_merge_ties) /* [PLATFORM B-27] */
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);

    put(t, &p, "b", "1", 10, "{\"v\":\"b1\"}", false);
    put(t, &p, "a", "2", 10, "{\"v\":\"a2\"}", false);
    CHECK_STR(merged(t, &p), S("{\"v\":\"a2\"}"));
    put(t, &p, "a", "1", 10, "{\"v\":\"a1\"}", false);
    CHECK_STR(merged(t, &p), S("{\"v\":\"a1\"}"));
    kv_close(k);
}

TEST(profile_upsert_keeps_a_time_per_leaf) /* [PLATFORM 5.1] */
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);

    put(t, &p, "u", "1", 10, "{\"a\":\"u\",\"x\":{\"m\":\"u\",\"n\":\"u\"}}", true);
    put(t, &p, "v", "1", 20, "{\"a\":\"v\",\"b\":\"v\",\"x\":{\"m\":\"v\",\"n\":\"v\"}}", false);
    put(t, &p, "u", "1", 30, "{\"b\":\"u\",\"x\":{\"n\":\"u2\"}}", true);
    saved(t, k, &p);
    p = loaded(t, k, 1);
    CHECK_STR(merged(t, &p), S("{\"a\":\"v\",\"x\":{\"m\":\"v\",\"n\":\"u2\"},\"b\":\"u\"}"));
    put(t, &p, "u", "1", 40, "{\"x\":{\"n\":null},\"b\":null}", true); /* [PLATFORM B-5] */
    CHECK_STR(merged(t, &p), S("{\"a\":\"v\",\"x\":{\"m\":\"v\",\"n\":\"v\"},\"b\":\"v\"}"));
    kv_close(k);
}

TEST(profile_consent_takes_part_in_the_view)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    const struct json *c;

    put(t, &p, "crm", "1", 10, "{\"consents\":{\"collect\":{\"val\":\"y\"},\"share\":{\"val\":\"y\"}}}", false);
    CHECK_OK(json_parse(S("{\"collect\":{\"val\":\"n\"}}"), t->arena, &c, d));
    CHECK_OK(profile_put_consent(&p, c, false, 20, d));
    CHECK_STR(merged(t, &p), S("{\"consents\":{\"collect\":{\"val\":\"n\"},\"share\":{\"val\":\"y\"}}}"));
    CHECK_OK(json_parse(S("{\"marketing\":{\"any\":{\"val\":\"u\"}}}"), t->arena, &c, d));
    CHECK_OK(profile_put_consent(&p, c, false, 30, d));
    CHECK_STR(p.consent, S("{\"collect\":{\"val\":\"n\"},\"marketing\":{\"any\":{\"val\":\"u\"}}}"));
    CHECK_OK(profile_put_consent(&p, c, true, 40, d));
    CHECK_STR(p.consent, S("{\"marketing\":{\"any\":{\"val\":\"u\"}}}"));
    CHECK_OK(json_parse(S("\"n\""), t->arena, &c, d));
    CHECK_ERR(profile_put_consent(&p, c, true, 40, d), ERR_INVALID);
    kv_close(k);
}

TEST(profile_record_limits)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);
    char *json = arena_alloc(t->arena, LIMIT_RECORD_BYTES + 1);
    struct profile_fragment f = {.dataset = S("d"), .ns = S("CRM"), .json = {json, LIMIT_RECORD_BYTES}};
    int n = LIMIT_PROFILE_RECORDS_BYTES / LIMIT_RECORD_BYTES;

    memset(json, ' ', LIMIT_RECORD_BYTES + 1);
    memcpy(json, "{}", 2);
    for (int i = 0; i < n; i++) {
        f.id = arena_printf(t->arena, "%d", i);
        CHECK_OK(profile_put_record(&p, &f, false, d));
    }
    f.id = S("one more");
    CHECK_ERR(profile_put_record(&p, &f, false, d), ERR_LIMIT);
    CHECK_EQ(p.fragment_count, n);
    f.id = S("0");
    f.json.n++;
    CHECK_ERR(profile_put_record(&p, &f, false, d), ERR_LIMIT);
    saved(t, k, &p);
    kv_close(k);
}

/* Naive merge: every leaf path of every fragment with its time, the best wins. Values are numbers, depth is two. */
struct leaf {
    char path[8];
    int value; /* -1: absent */
    int64_t ms;
};

TEST(profile_merge_equals_naive)
{
    static const char *const paths[] = {"a", "b", "x.a", "x.b", "y.a", "y.b"};
    struct kv *k = table(t);

    for (int round = 0; round < 60; round++) {
        struct profile p = loaded(t, k, 1000 + (uint64_t)round);
        struct leaf model[3][6];
        for (int f = 0; f < 3; f++) {
            for (int i = 0; i < 6; i++)
                model[f][i].value = -1;
        }
        for (int step = 0; step < 12; step++) {
            int f = (int)rng_below(&t->rng, 3);
            bool upsert = rng_below(&t->rng, 3) > 0;
            int64_t ms = 100 + step;
            struct buf b;
            struct str name = arena_printf(t->arena, "d%d", f);
            const char *group = "";
            buf_init(&b, 4096);
            buf_putc(&b, '{');
            for (int i = 0; i < 6; i++) {
                int dice = (int)rng_below(&t->rng, 4);
                bool inner = paths[i][1] == '.';
                if (inner && strncmp(group, paths[i], 1) != 0) {
                    buf_printf(&b, "%s%s\"%c\":{", *group ? "}" : "", b.n > 1 ? "," : "", paths[i][0]);
                    group = paths[i];
                }
                if (dice == 0 && upsert) { /* delete */
                    buf_printf(&b, "%s\"%s\":null", b.p[b.n - 1] == '{' ? "" : ",", inner ? paths[i] + 2 : paths[i]);
                    model[f][i].value = -1;
                } else if (dice <= 2) {
                    model[f][i].value = step * 10 + i;
                    model[f][i].ms = ms;
                    buf_printf(&b, "%s\"%s\":%d", b.p[b.n - 1] == '{' ? "" : ",", inner ? paths[i] + 2 : paths[i],
                               model[f][i].value);
                } else if (!upsert) {
                    model[f][i].value = -1;
                }
            }
            buf_put(&b, S("}}"));
            buf_putc(&b, '\0');
            if (!upsert) { /* a whole row: all its leaves are of now */
                for (int i = 0; i < 6; i++)
                    model[f][i].ms = ms;
            }
            put(t, &p, name.p, "1", ms, arena_cstr(t->arena, str_of(b.p)), upsert);
            buf_deinit(&b);
        }
        {
            const struct json *m;
            CHECK_OK(profile_merge(&p, t->arena, &m, d));
            for (int i = 0; i < 6; i++) {
                int best = -1;
                for (int f = 0; f < 3; f++) {
                    if (model[f][i].value >= 0 && (best < 0 || model[f][i].ms > model[best][i].ms))
                        best = f;
                }
                CHECK_EQ(json_i64(json_path(m, str_of(paths[i])), -1), best < 0 ? -1 : model[best][i].value);
            }
        }
    }
    kv_close(k);
}

/* ---- regions ---- */

TEST(profile_regions_expire)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1);

    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 1000);
    profile_mark_region(&p, S("va6"), S("ECID"), S("2"), 2000);
    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 1500);
    CHECK_EQ(p.region_count, 2);
    CHECK_EQ(p.regions[0].seen_ms, 1500);
    profile_mark_region(&p, S("irl1"), S("ECID"), S("1"), 1499 + LIMIT_EDGE_PROFILE_TTL_MS);
    CHECK_EQ(p.region_count, 3);
    profile_mark_region(&p, S("irl1"), S("ECID"), S("1"), 1500 + LIMIT_EDGE_PROFILE_TTL_MS);
    CHECK_EQ(p.region_count, 2);
    kv_close(k);
}

/* ---- uniting and splitting ---- */

TEST(profile_absorb_takes_everything)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1), q = loaded(t, k, 2);
    struct profile_membership both = {S("both"), true, 10, 0, 0}, mine = {S("mine"), true, 10, 0, 0},
                              theirs = {S("theirs"), true, 20, 0, 0}, left = {S("left"), false, 30, 0, 0},
                              was = {S("left"), true, 20, 0, 0};
    const struct json *c;

    put(t, &p, "crm", "1", 10, "{\"a\":1}", false);
    put(t, &q, "crm", "2", 20, "{\"a\":2,\"b\":3}", false);
    CHECK_OK(json_parse(S("{\"collect\":{\"val\":\"n\"},\"share\":{\"val\":\"y\"}}"), t->arena, &c, d));
    CHECK_OK(profile_put_consent(&q, c, false, 5, d));
    CHECK_OK(profile_put_membership(&p, &both, d));
    CHECK_OK(profile_put_membership(&p, &mine, d));
    CHECK_OK(profile_put_membership(&p, &left, d));
    CHECK_OK(profile_put_membership(&q, &both, d));
    CHECK_OK(profile_put_membership(&q, &theirs, d));
    CHECK_OK(profile_put_membership(&q, &was, d));
    profile_mark_region(&q, S("va6"), S("ECID"), S("2"), 1000);
    q.regions[0].projected = 5;
    for (int i = 0; i < 100; i++)
        add(t, k, &p, i, i, 50);
    for (int i = 50; i < 250; i++)
        add(t, k, &q, i, i, 50);
    saved(t, k, &p);
    saved(t, k, &q);
    p.rule_state = S("x");
    CHECK_OK(profile_absorb(k, &p, 2, d));
    CHECK_EQ(p.rule_state.n, 0);
    CHECK_STR(merged(t, &p),
              S("{\"a\":2,\"b\":3,\"consents\":{\"collect\":{\"val\":\"n\"},\"share\":{\"val\":\"y\"}}}"));
    CHECK_EQ(p.event_count, 250);
    check_events(t, k, &p, 99, 150);
    CHECK_EQ(p.membership_count, 4);
    CHECK_EQ(profile_membership(&p, S("left"))->member, false);
    CHECK_EQ(profile_membership(&p, S("theirs"))->member, true);
    CHECK_EQ(p.lost_count, 2); /* "both" twice became one; "left" was one and is none */
    CHECK_EQ(p.regions[0].projected, 0);
    saved(t, k, &p);
    p = loaded(t, k, 1);
    check_events(t, k, &p, 99, 150);
    CHECK_EQ(loaded(t, k, 2).created, true);
    for (int i = 0; i < 250; i++)
        CHECK_TRUE(add(t, k, &p, i, i, 0));
    kv_close(k);
}

TEST(profile_absorb_of_nothing_and_past_the_limit)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1), q = loaded(t, k, 2);

    CHECK_OK(profile_absorb(k, &p, 99, d));
    for (int i = 0; i < 3000; i++)
        add(t, k, &p, i, i, 0);
    for (int i = 3000; i < 6000; i++)
        add(t, k, &q, i, i, 0);
    saved(t, k, &q);
    CHECK_OK(profile_absorb(k, &p, 2, d));
    CHECK_TRUE(p.event_count <= LIMIT_PROFILE_EVENTS && p.event_count > LIMIT_PROFILE_EVENTS - 64);
    check_events(t, k, &p, INT64_MIN, p.event_count);
    kv_close(k);
}

TEST(profile_split_moves_what_is_filed_under_an_identity)
{
    struct kv *k = table(t);
    struct profile p = loaded(t, k, 1), to;
    struct profile_fragment f = {
        .dataset = S("web"), .ns = S("ECID"), .id = S("1"), .ingested_ms = 5, .json = S("{\"w\":1}")};

    put(t, &p, "crm", "1", 10, "{\"a\":1}", false);
    CHECK_OK(profile_put_record(&p, &f, false, d));
    profile_mark_region(&p, S("va6"), S("ECID"), S("1"), 1000);
    profile_mark_region(&p, S("va6"), S("ECID"), S("2"), 1000);
    for (int i = 0; i < 300; i++)
        add(t, k, &p, i, i, 20);
    CHECK_OK(profile_split(k, &p, S("ECID"), S("1"), 2, d));
    CHECK_EQ(p.event_count, 200);
    check_events(t, k, &p, INT64_MIN, 200);
    CHECK_STR(merged(t, &p), S("{\"a\":1}"));
    CHECK_EQ(p.region_count, 1);
    to = loaded(t, k, 2);
    CHECK_EQ(to.event_count, 100);
    check_events(t, k, &to, INT64_MIN, 100);
    CHECK_STR(merged(t, &to), S("{\"w\":1}"));
    CHECK_STR(to.regions[0].id, S("1"));
    for (int i = 0; i < 300; i++)
        CHECK_EQ(add(t, k, &p, i, 1000 + i, 0), i % 3 != 1); /* the index still tells what stayed */
    kv_close(k);
}
