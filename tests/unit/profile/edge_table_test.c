/* edge_table_test.c - documents that are too large, a request without memory left, versions, flush and reopen. */
#include "profile/edge_table.h"

#include "base/limits.h"
#include "t.h"

#define NOW ((int64_t)1767225600000)
#define KEY                                                                                                            \
    S("o/s\x1f"                                                                                                        \
      "ECID\x1f"                                                                                                       \
      "1")

static struct edge_table *
open_table(struct t *t)
{
    struct edge_table_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/edge", t->dir).p};
    struct edge_table *table;

    CHECK_OK(edge_table_open(&o, &table, d));
    return table;
}

static struct edge_doc
load(struct t *t, struct edge_table *table, uint32_t *version)
{
    struct edge_doc doc;

    CHECK_OK(edge_table_load(table, KEY, NOW, t->arena, &doc, version, d));
    return doc;
}

static struct str
filled(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, n);

    memset(p, 'x', n);
    return (struct str){p, n};
}

static void
add_event(struct t *t, struct edge_doc *doc, int i, struct str json)
{
    CHECK_TRUE(edge_doc_add_event(doc, arena_printf(t->arena, "e%d", i), NOW + i, json, NOW + i, t->arena));
}

static size_t
bytes_of(const struct edge_doc *doc)
{
    struct buf b;
    size_t n;

    buf_init(&b, 64u << 20);
    edge_doc_write(&b, doc);
    n = b.n;
    buf_deinit(&b);
    return n;
}

static uint64_t
log_end(void *ctx)
{
    return *(uint64_t *)ctx;
}

TEST(edge_table_survives_its_process)
{
    struct edge_table *table = open_table(t);
    struct kv_position p = {S("collect/0"), 0};
    struct edge_doc doc;
    uint32_t version, stale;
    uint64_t end = 17;

    doc = load(t, table, &version);
    CHECK_TRUE(!doc.known);
    add_event(t, &doc, 1, S("{}"));
    doc.seen_ms = NOW;
    CHECK_TRUE(edge_table_store(table, KEY, &doc, version, t->arena));
    CHECK_TRUE(!edge_table_store(table, KEY, &doc, version, t->arena)); /* somebody stored meanwhile */
    doc = load(t, table, &stale);
    CHECK_TRUE(doc.known && doc.event_count == 1 && stale != version);
    CHECK_OK(edge_table_flush(table, NOW, &p, 1, log_end, &end, d));
    edge_table_close(table);
    table = open_table(t);
    CHECK_EQ(edge_table_position(table, S("collect/0")), 17);
    doc = load(t, table, &version);
    CHECK_TRUE(doc.known && doc.event_count == 1);
    edge_table_close(table);
}

/* LIMIT_EDGE_DOC_BYTES: at it nothing is lost; past it the oldest events leave, and what was seen last stays. */
TEST(edge_table_document_at_and_past_its_limit)
{
    struct edge_table *table = open_table(t);
    struct edge_doc doc, back;
    uint32_t version;
    size_t spare;

    (void)load(t, table, &version);
    for (size_t over = 0; over <= 1; over++) {
        doc = (struct edge_doc){.projected = true, .seen_ms = NOW, .attributes = S("{\"a\":1}")};
        doc.visitor = S("visitor");
        for (int i = 0; i < 4; i++)
            add_event(t, &doc, i, filled(t, 60000));
        add_event(t, &doc, 4, filled(t, 10000)); /* its length takes two bytes, and at the end still three */
        spare = LIMIT_EDGE_DOC_BYTES - bytes_of(&doc);
        doc.events[4].json = filled(t, 10000 + spare - 1 + over);
        CHECK_EQ(bytes_of(&doc), LIMIT_EDGE_DOC_BYTES + over);
        CHECK_TRUE(edge_table_store(table, KEY, &doc, version, t->arena));
        back = load(t, table, &version);
        CHECK_EQ(back.event_count, 5 - over);
        CHECK_EQ(back.events[0].ms, NOW + (int)over);
        CHECK_EQ(back.events[back.event_count - 1].json.n, doc.events[4].json.n);
        CHECK_TRUE(back.projected && str_eq(back.visitor, S("visitor")));
        CHECK_STR(back.attributes, doc.attributes);
    }
    edge_table_close(table);
}

/* Whatever grew, the document is stored: nothing that clients or the hub can send ends the process. */
TEST(edge_table_document_of_large_parts)
{
    struct edge_table *table = open_table(t);
    struct edge_doc doc = {.seen_ms = NOW}, back;
    uint32_t version;

    (void)load(t, table, &version);
    doc.membership_count = 20000;
    doc.memberships = ARENA_ARRAY(t->arena, struct projected_membership, doc.membership_count);
    for (size_t i = 0; i < doc.membership_count; i++)
        doc.memberships[i] = (struct projected_membership){S("11111111-2222-3333-4444-555555555555"), true, NOW};
    doc.visitor = filled(t, LIMIT_VISITOR_BYTES);
    doc.visitor_at = S("place");
    doc.attributes = filled(t, LIMIT_EDGE_PROFILE_BYTES);
    doc.rule_state = filled(t, LIMIT_EDGE_PROFILE_BYTES);
    for (int i = 0; i < LIMIT_EDGE_EVENTS; i++)
        add_event(t, &doc, i, filled(t, LIMIT_EVENT_BYTES));
    CHECK_TRUE(edge_table_store(table, KEY, &doc, version, t->arena));
    back = load(t, table, &version);
    CHECK_TRUE(back.known && bytes_of(&back) <= LIMIT_EDGE_DOC_BYTES);
    CHECK_EQ(back.visitor.n, LIMIT_VISITOR_BYTES); /* it cannot be projected again */
    CHECK_STR(back.visitor_at, S("place"));
    edge_table_close(table);
}

TEST(edge_table_stores_when_the_request_has_no_memory_left)
{
    struct edge_table *table = open_table(t);
    struct edge_doc doc = {.seen_ms = NOW};
    struct arena small;
    uint32_t version;

    (void)load(t, table, &version);
    add_event(t, &doc, 1, filled(t, 5000));
    arena_init(&small, 0);
    CHECK_TRUE(edge_table_store(table, KEY, &doc, version, &small));
    arena_deinit(&small);
    arena_init(&small, 5000);
    CHECK_ERR(edge_table_load(table, KEY, NOW, &small, &doc, &version, d), ERR_NOMEM); /* not "absent" */
    arena_deinit(&small);
    doc = load(t, table, &version);
    CHECK_TRUE(doc.event_count == 1 && doc.events[0].json.n == 5000);
    edge_table_close(table);
}

/* A document that cannot be read is not an absent one: nothing is stored over it. */
TEST(edge_table_damaged_document_is_not_replaced)
{
    const char *path = arena_printf(t->arena, "%s/edge/0000000001.seg", t->dir).p;
    struct edge_table *table = open_table(t);
    struct kv_position p = {S("collect/0"), 0};
    struct str bytes = S_NULL;
    struct edge_doc doc;
    struct os_file *f;
    uint32_t version;
    uint64_t end = 1;
    ptrdiff_t at;

    doc = load(t, table, &version);
    add_event(t, &doc, 1, S("{\"damage\":true}"));
    doc.seen_ms = NOW;
    CHECK_TRUE(edge_table_store(table, KEY, &doc, version, t->arena));
    CHECK_OK(edge_table_flush(table, NOW, &p, 1, log_end, &end, d));
    edge_table_close(table);
    CHECK_OK(os_read_file(os_posix(), path, 1 << 20, t->arena, &bytes, d));
    at = str_find(bytes, S("damage"));
    CHECK_TRUE(at > 0);
    CHECK_OK(os_open(os_posix(), path, OS_WRITE, &f, d));
    CHECK_OK(os_pwrite(os_posix(), f, (uint64_t)at, "D", 1, d));
    os_close(os_posix(), f);
    table = open_table(t);
    CHECK_ERR(edge_table_load(table, KEY, NOW, t->arena, &doc, &version, d), ERR_CORRUPT);
    CHECK_TRUE(!edge_table_store(table, KEY, &doc, 0, t->arena));
    CHECK_ERR(edge_table_load(table, KEY, NOW, t->arena, &doc, &version, d), ERR_CORRUPT);
    edge_table_close(table);
}
