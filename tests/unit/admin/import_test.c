/* import_test.c - batches from creation to hits on the log, row errors, crashes in the middle [PLATFORM 3.2]. */
#include "ingest_fixture.h"

#define WAIT_US (20ull * 1000 * 1000)
#define IMPORT "/data/foundation/import/batches"
#define EXPORT "/data/foundation/export/batches"

static const char *
create(struct world *w, const char *dataset, const char *format, const char *more)
{
    struct t *t = w->t;
    struct answer a =
        world_post(w, &family_import, IMPORT,
                   arena_printf(t->arena, "{'datasetId':'%s','inputFormat':%s%s}", dataset, format, more).p);

    CHECK_STATUS(a, 201);
    CHECK_STR(json_str(json_get(a.json, S("status"))), S("loading"));
    CHECK_EQ(json_str(json_get(a.json, S("id"))).n, BATCH_ID_BYTES);
    return arena_cstr(t->arena, json_str(json_get(a.json, S("id"))));
}

static struct answer
upload(struct world *w, const char *batch, const char *dataset, const char *name, struct str body)
{
    return world_call(w, &family_import, HTTP_PUT,
                      arena_printf(w->t->arena, IMPORT "/%s/datasets/%s/files/%s", batch, dataset, name).p, body,
                      "Content-Type: application/octet-stream");
}

static struct answer
act(struct world *w, const char *batch, const char *action)
{
    return world_post(w, &family_import, arena_printf(w->t->arena, IMPORT "/%s?action=%s", batch, action).p, "");
}

/* Uploads one file, completes, waits; the batch object. */
static const struct json *
import_one(struct world *w, const char *dataset, const char *format, const char *more, struct str body)
{
    struct t *t = w->t;
    const char *batch = create(w, dataset, format, more);

    CHECK_STATUS(upload(w, batch, dataset, "rows.json", body), 200);
    CHECK_STATUS(act(w, batch, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w->admin, WAIT_US));
    return world_object(w, "batch", batch);
}

static int64_t
metric(const struct json *batch, const char *name)
{
    return json_i64(json_get(json_get(batch, S("metrics")), str_of(name)), -1);
}

static size_t
files_left(struct world *w)
{
    struct t *t = w->t;
    struct arena *a = t->arena;
    struct import_file *files;
    size_t n = 0;
    struct diag d = DIAG_INIT;

    (void)import_files(w->admin.importer, S("0"), a, &files, &n, &d);
    return n;
}

TEST(import_json_lines)
{
    struct world w;
    const struct json *batch;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'json'}", "",
                       quoted(t, "{'_acme':{'crmId':'c1'},'person':{'name':{'firstName':'Ada'}}}\n"
                                 "{'_acme':{'crmId':'c2','points':'7'}}\n\n"));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("success"));
    CHECK_EQ(metric(batch, "inputRecordCount"), 2);
    CHECK_EQ(metric(batch, "outputRecordCount"), 2);
    CHECK_EQ(metric(batch, "failedRecordCount"), 0);
    CHECK_EQ(metric(batch, "inputFileCount"), 1);
    CHECK_EQ(json_count(json_get(batch, S("errors"))), 0);
    CHECK_TRUE(json_get(batch, S("logOffset")) == NULL);
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 2);
    CHECK_EQ(hits[0].source, SOURCE_BATCH);
    CHECK_STR(hits[0].batch, json_str(json_get(batch, S("id"))));
    CHECK_STR(hits[1].request_id, arena_printf(t->arena, "%.*s-2", STR_ARG(hits[1].batch)));
    CHECK_EQ(json_i64(json_path(hits[1].xdm, S("_acme.points")), 0), 7);
    CHECK_STR(hit_owner(&hits[1])->id, S("c2"));
    CHECK_EQ(files_left(&w), 0);
    world_close(&w);
}

TEST(import_json_array_without_flag)
{
    struct world w;
    size_t n;

    world_open(t, &w);
    CHECK_STR(json_str(json_get(import_one(&w, "people", "{'format':'json','isMultiLineJson':false}", "",
                                           quoted(t, "[{'_acme':{'crmId':'c1'}},\n {'_acme':{'crmId':'c2'}}]")),
                                S("status"))),
              S("success"));
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 2);
    world_close(&w);
}

TEST(import_csv)
{
    struct world w;
    const struct json *batch;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'csv'}", "",
                       S("_acme.crmId,person.name.firstName,_acme.points,_acme.vip,personalEmail.address\r\n"
                         "c1,\"Ada, Countess\",10,TRUE,Ada@B.example\r\n"
                         "c2,,,,\r\n"));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("success"));
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 2);
    CHECK_STR(json_str(json_path(hits[0].xdm, S("person.name.firstName"))), S("Ada, Countess"));
    CHECK_TRUE(json_bool(json_path(hits[0].xdm, S("_acme.vip")), false));
    CHECK_EQ(hits[0].identities.n, 2);
    CHECK_EQ(hits[1].identities.n, 1);
    CHECK_TRUE(json_get(hits[1].xdm, S("person")) == NULL);
    world_close(&w);
}

TEST(import_csv_unknown_column_fails_the_batch)
{
    struct world w;
    const struct json *batch;
    size_t n;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'csv'}", ",'partialIngestionPercentage':100",
                       S("_acme.crmId,person.shoe\nc1,1\n"));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("failed"));
    CHECK_HAS(json_str(json_get(json_at(json_get(batch, S("errors")), 0), S("description"))),
              "file 'rows.json' cannot be read: CSV column 2: the schema has no field 'person.shoe'");
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 0);
    world_close(&w);
}

#define BAD_ROWS                                                                                                       \
    "{'_acme':{'crmId':'c1'}}\n"                                                                                       \
    "{'_acme':{'crmId':'c2','points':'many'}}\n"                                                                       \
    "this is no row\n"                                                                                                 \
    "{'person':{'birthYear':1990}}\n"                                                                                  \
    "{'identityMap':{'ECID':[{'id':'1'}]}}\n"

static const struct json *
error_of(struct t *t, const struct json *batch, const char *code)
{
    struct json_iter it = json_iter(json_get(batch, S("errors")));

    while (json_next(&it)) {
        if (str_eq(json_str(json_get(it.value, S("code"))), str_of(code)))
            return it.value;
    }
    t_fail(t, __FILE__, __LINE__, "no %s", code);
}

TEST(import_all_or_nothing)
{
    struct world w;
    const struct json *batch;
    size_t n;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'json'}", ",'partialIngestionPercentage':79", quoted(t, BAD_ROWS));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("failed"));
    CHECK_EQ(metric(batch, "inputRecordCount"), 5);
    CHECK_EQ(metric(batch, "outputRecordCount"), 0);
    CHECK_EQ(metric(batch, "failedRecordCount"), 4);
    (void)error_of(t, batch, "INGEST-1211-400");
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 0);
    world_close(&w);
}

TEST(import_partial_with_row_errors)
{
    struct world w;
    const struct json *batch;
    struct answer a;
    const char *id;
    size_t n;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'json'}",
                       ",'partialIngestionPercentage':80,'enableErrorDiagnostics':true", quoted(t, BAD_ROWS));
    id = arena_cstr(t->arena, json_str(json_get(batch, S("id"))));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("success"));
    CHECK_EQ(metric(batch, "outputRecordCount"), 1);
    CHECK_EQ(json_i64(json_get(error_of(t, batch, "INGEST-1401-400"), S("recordCount")), 0), 2);
    CHECK_EQ(json_i64(json_get(error_of(t, batch, "INGEST-1555-400"), S("recordCount")), 0), 1);
    CHECK_EQ(json_i64(json_get(error_of(t, batch, "INGEST-1404-400"), S("recordCount")), 0), 1);
    (void)error_of(t, batch, "INGEST-1212-400");
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 1);

    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/meta?path=row_errors", id).p);
    CHECK_STATUS(a, 200);
    CHECK_EQ(json_count(json_get(a.json, S("data"))), 2);
    CHECK_HAS(a.body, "http://hub.test:8080/data/foundation/export/batches/");
    CHECK_HAS(a.body, "path=row_errors%2Fparsing_errors_0.json");
    a = world_get(&w, &family_export,
                  arena_printf(t->arena, EXPORT "/%s/meta?path=row_errors/parsing_errors_0.json", id).p);
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "{\"_corrupt_record\":\"this is no row\",\"_errors\":[{\"code\":\"1401\",\"message\":");
    CHECK_HAS(a.body, "\"_filename\":\"rows.json\",\"_row\":3}\n");
    a = world_get(&w, &family_export,
                  arena_printf(t->arena, EXPORT "/%s/meta?path=row_errors%%2Fconversion_errors_0.json", id).p);
    CHECK_STATUS(a, 200);
    CHECK_HAS(a.body, "{\"_acme\":{\"crmId\":\"c2\",\"points\":\"many\"},\"_errors\":[{\"code\":\"1401\"");
    CHECK_HAS(a.body, "\"code\":\"1555\"");
    CHECK_HAS(a.body, "\"code\":\"1404\"");
    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/meta?path=row_errors_sample.json", id).p);
    CHECK_STATUS(a, 200);
    a = world_get(&w, &family_export,
                  arena_printf(t->arena, EXPORT "/%s/meta?path=input_files/fileMetaData1.json", id).p);
    CHECK_STR(a.body, S("{\"path\":\"rows.json\"}\n"));
    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/meta?path=row_errors/../../x", id).p);
    CHECK_STATUS(a, 404);
    a = world_get(&w, &family_export, EXPORT "/nope/meta?path=row_errors");
    CHECK_STATUS(a, 404);
    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/failed", id).p);
    CHECK_EQ(json_count(json_get(a.json, S("data"))), 0);
    world_close(&w);
}

TEST(import_failed_files_can_be_read)
{
    struct world w;
    const struct json *batch;
    struct answer a;
    const char *id;

    world_open(t, &w);
    batch = import_one(&w, "people", "{'format':'json'}", "", S("no row\n"));
    id = arena_cstr(t->arena, json_str(json_get(batch, S("id"))));
    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/failed", id).p);
    CHECK_STATUS(a, 200);
    CHECK_STR(json_str(json_get(json_at(json_get(a.json, S("data")), 0), S("length"))), S("7"));
    CHECK_TRUE(json_str(json_get(json_at(json_get(a.json, S("data")), 0), S("dataSetFileId"))).n > 0);
    a = world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/failed?path=rows.json", id).p);
    CHECK_STR(a.body, S("no row\n"));
    a = world_call(&w, &family_export, HTTP_GET, arena_printf(t->arena, EXPORT "/%s/failed?path=rows.json", id).p,
                   S(""), "Range: bytes=1-2");
    CHECK_STATUS(a, 206);
    CHECK_STR(a.body, S("o "));
    CHECK_STR(a.headers[0].value, S("bytes 1-2/7"));
    a = world_call(&w, &family_export, HTTP_GET, arena_printf(t->arena, EXPORT "/%s/failed?path=rows.json", id).p,
                   S(""), "Range: bytes=7-");
    CHECK_STATUS(a, 416);
    a = world_call(&w, &family_export, HTTP_GET, arena_printf(t->arena, EXPORT "/%s/failed?path=rows.json", id).p,
                   S(""), "Range: bytes=-3");
    CHECK_STR(a.body, S("ow\n"));
    world_close(&w);
}

TEST(import_row_errors_are_bounded)
{
    struct world w;
    const struct json *batch;
    struct buf b;
    struct answer a;
    size_t lines = 0;

    world_open(t, &w);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < LIMIT_BATCH_ROW_ERRORS + 1; i++)
        buf_printf(&b, "bad %d \xff\"\n", i);
    batch = import_one(&w, "people", "{'format':'json'}", "", buf_str(&b));
    CHECK_EQ(metric(batch, "failedRecordCount"), LIMIT_BATCH_ROW_ERRORS + 1);
    a = world_get(&w, &family_export,
                  arena_printf(t->arena, EXPORT "/%.*s/meta?path=row_errors/parsing_errors_0.json",
                               STR_ARG(json_str(json_get(batch, S("id")))))
                      .p);
    for (size_t i = 0; i < a.body.n; i++)
        lines += a.body.p[i] == '\n';
    CHECK_EQ(lines, LIMIT_BATCH_ROW_ERRORS);
    CHECK_TRUE(str_is_utf8(a.body));
    CHECK_HAS(a.body, "bad 0 \xEF\xBF\xBD\\\"");
    buf_deinit(&b);
    world_close(&w);
}

/* The _corrupt_record of the only row of a batch. */
static struct str
shown(struct world *w, struct str row)
{
    struct t *t = w->t;
    const struct json *line = NULL, *batch = import_one(w, "people", "{'format':'json'}", "",
                                                        arena_printf(t->arena, "%.*s\n", STR_ARG(row)));
    struct answer a = world_get(w, &family_export,
                                arena_printf(t->arena, EXPORT "/%.*s/meta?path=row_errors/parsing_errors_0.json",
                                             STR_ARG(json_str(json_get(batch, S("id")))))
                                    .p);

    CHECK_STATUS(a, 200);
    CHECK_OK(json_parse(str_trim(a.body), t->arena, &line, d));
    return json_str(json_get(line, S("_corrupt_record")));
}

/* LIMIT_ROW_ERROR_TEXT_BYTES: past it the text is cut, but through no character. */
TEST(import_row_error_text_at_and_past_the_limit)
{
    struct world w;
    struct buf b;
    struct str longest;

    world_open(t, &w);
    buf_init(&b, 2 * LIMIT_ROW_ERROR_TEXT_BYTES);
    while (b.n < LIMIT_ROW_ERROR_TEXT_BYTES - 2)
        buf_putc(&b, 'x');
    buf_put(&b, S("\xC3\xA9"));
    longest = arena_str(t->arena, buf_str(&b));
    CHECK_EQ(longest.n, LIMIT_ROW_ERROR_TEXT_BYTES);
    CHECK_STR(shown(&w, longest), longest);
    buf_putc(&b, 'y');
    CHECK_STR(shown(&w, buf_str(&b)), longest);
    b.p[LIMIT_ROW_ERROR_TEXT_BYTES - 3] = '\xE2'; /* three bytes, of which the limit takes two */
    b.p[LIMIT_ROW_ERROR_TEXT_BYTES - 2] = '\x82';
    b.p[LIMIT_ROW_ERROR_TEXT_BYTES - 1] = '\xAC';
    CHECK_STR(shown(&w, buf_str(&b)), str_slice(buf_str(&b), 0, LIMIT_ROW_ERROR_TEXT_BYTES));
    CHECK_STR(shown(&w, arena_printf(t->arena, "z%.*s", STR_ARG(buf_str(&b)))),
              arena_printf(t->arena, "z%.*s", STR_ARG(str_slice(longest, 0, LIMIT_ROW_ERROR_TEXT_BYTES - 3))));
    CHECK_STR(shown(&w, S("no row \xC3\xA9")), S("no row \xC3\xA9"));
    buf_deinit(&b);
    world_close(&w);
}

TEST(import_several_files_in_order_of_name)
{
    struct world w;
    const char *batch;
    struct hit *hits;
    size_t n;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "day%3D2/b.json", quoted(t, "{'_acme':{'crmId':'b'}}")), 200);
    CHECK_STATUS(upload(&w, batch, "people", "day%3D1/c.json", quoted(t, "{'_acme':{'crmId':'wrong'}}")), 200);
    CHECK_STATUS(upload(&w, batch, "people", "day%3D1/c.json", quoted(t, "{'_acme':{'crmId':'a'}}")), 200);
    CHECK_STATUS(upload(&w, batch, "people", "empty", S("")), 200);
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    CHECK_EQ(metric(world_object(&w, "batch", batch), "inputFileCount"), 3);
    hits = world_hits(&w, &n);
    CHECK_EQ(n, 2);
    CHECK_STR(hit_owner(&hits[0])->id, S("a"));
    CHECK_STR(hit_owner(&hits[1])->id, S("b"));
    world_close(&w);
}

TEST(import_life_cycle_errors)
{
    struct world w;
    const char *batch;
    struct answer a;
    char name[LIMIT_UPLOAD_NAME_BYTES + 2];

    world_open(t, &w);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT, "{'datasetId':'nope','inputFormat':{'format':'json'}}"), 400);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT, "{'inputFormat':{'format':'json'}}"), 400);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT, "{'datasetId':'people'}"), 400);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT, "{'datasetId':'people','inputFormat':{'format':'parquet'}}"),
                 415);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT,
                            "{'datasetId':'people','inputFormat':{'format':'csv','delimiters':['\\n']}}"),
                 400);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT,
                            "{'datasetId':'people','inputFormat':{'format':'json'},'partialIngestionPercentage':101}"),
                 400);
    CHECK_STATUS(world_post(&w, &family_import, IMPORT,
                            "{'datasetId':'people','inputFormat':{'format':'json'},'replay':{'predecessors':['x']}}"),
                 501);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "events", "a", S("")), 400);
    CHECK_STATUS(upload(&w, "nope", "people", "a", S("")), 404);
    CHECK_STATUS(upload(&w, batch, "people", "a%0Ab", S("")), 400);
    memset(name, 'x', sizeof name);
    name[LIMIT_UPLOAD_NAME_BYTES + 1] = '\0';
    CHECK_STATUS(upload(&w, batch, "people", name, S("")), 400);
    name[LIMIT_UPLOAD_NAME_BYTES] = '\0';
    CHECK_STATUS(upload(&w, batch, "people", name, S("")), 200);
    CHECK_STATUS(act(&w, batch, "DANCE"), 400);
    CHECK_STATUS(act(&w, batch, "REVERT"), 501);
    CHECK_STATUS(act(&w, batch, "ABORT"), 200);
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("aborted"));
    a = act(&w, batch, "COMPLETE");
    CHECK_STATUS(a, 400);
    CHECK_HAS(a.body, "is aborted, not loading");
    CHECK_STATUS(upload(&w, batch, "people", "a", S("")), 400);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(act(&w, batch, "FAIL"), 200);
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("failed"));
    world_close(&w);
}

TEST(import_queue_is_bounded)
{
    struct world w;
    const char *batch;
    struct answer a;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    os_lock(&w.admin.importer->lock);
    w.admin.importer->queued += LIMIT_IMPORT_QUEUE;
    os_unlock(&w.admin.importer->lock);
    a = act(&w, batch, "COMPLETE");
    CHECK_STATUS(a, 429);
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("loading"));
    os_lock(&w.admin.importer->lock);
    w.admin.importer->queued -= LIMIT_IMPORT_QUEUE;
    os_unlock(&w.admin.importer->lock);
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("success"));
    world_close(&w);
}

TEST(import_files_of_a_batch_at_and_past_the_limit)
{
    struct world w;
    struct import_batch *b;
    const char *batch;
    struct answer a;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "1", S("")), 200);
    os_lock(&w.admin.importer->lock);
    b = map_get(&w.admin.importer->open, str_of(batch));
    CHECK_EQ(b->files, 1);
    b->files = LIMIT_UPLOAD_FILES - 1;
    os_unlock(&w.admin.importer->lock);
    CHECK_STATUS(upload(&w, batch, "people", "2", S("")), 200);
    a = upload(&w, batch, "people", "3", S(""));
    CHECK_STATUS(a, 400);
    CHECK_HAS(a.body, "a batch takes at most 10000 files");
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    CHECK_EQ(metric(world_object(&w, "batch", batch), "inputFileCount"), 2);
    world_close(&w);
}

static struct str
many_rows(struct t *t, size_t n)
{
    struct buf b;
    struct str s;

    buf_init(&b, 64 << 20);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "{\"_acme\":{\"crmId\":\"c%zu\",\"points\":%zu}}\n", i, i % 100);
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

/* The log after a crash that left the batch `processing` with some rows appended: exactly the others follow. */
TEST(import_resumes_behind_the_rows_on_the_log)
{
    struct world w;
    const char *batch;
    struct hit *hits;
    size_t n, rows = 1000, before = 391;

    world_open(t, &w);
    /* another record first, so that the offset matters */
    (void)import_one(&w, "people", "{'format':'json'}", "", quoted(t, "{'_acme':{'crmId':'other'}}"));
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", many_rows(t, rows)), 200);
    CHECK_OK(
        import_patch_batch(w.admin.importer, S(SCOPE), str_of(batch), "loading",
                           arena_printf(t->arena, "{\"status\":\"processing\",\"started\":%lld,\"logOffset\":%llu}",
                                        (long long)NOW, (unsigned long long)topic_end(w.collect)),
                           t->arena, d));
    for (size_t i = 0; i < before; i++) {
        struct hit h = {.kind = HIT_RECORD,
                        .source = SOURCE_BATCH,
                        .scope = S(SCOPE),
                        .dataset = S("people"),
                        .batch = str_of(batch),
                        .request_id = arena_printf(t->arena, "%s-%zu", batch, i + 1),
                        .xdm_text = S("{}")};
        struct hit_group *g = ARENA_NEW(t->arena, struct hit_group);
        hit_group_init(g);
        CHECK_OK(hit_group_add(g, &h, d));
        CHECK_OK(hit_group_append(g, w.collect, NOW, ACK_WRITTEN, d));
        hit_group_deinit(g);
    }
    world_restart(&w, true);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("success"));
    CHECK_EQ(metric(world_object(&w, "batch", batch), "outputRecordCount"), (long long)rows);
    hits = world_hits(&w, &n);
    CHECK_EQ(n, rows + 1);
    for (size_t i = 1; i < n; i++)
        CHECK_STR(hits[i].request_id, arena_printf(t->arena, "%s-%zu", batch, i));
    CHECK_STR(hit_owner(&hits[before + 1])->id, arena_printf(t->arena, "c%zu", before));
    world_close(&w);
}

TEST(import_completed_before_a_restart_is_processed_after_it)
{
    struct world w;
    const char *batch, *loading;
    size_t n;

    world_open(t, &w);
    admin_import_close(&w.admin);
    world_restart(&w, false); /* no thread: what is completed now waits */
    CHECK_OK(admin_import_open(&w.admin, d));
    batch = create(&w, "people", "{'format':'json'}", "");
    loading = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", many_rows(t, 10)), 200);
    CHECK_STATUS(upload(&w, loading, "people", "rows", many_rows(t, 3)), 200);
    CHECK_OK(import_patch_batch(w.admin.importer, S(SCOPE), str_of(batch), "loading", S("{\"status\":\"loaded\"}"),
                                t->arena, d));
    world_restart(&w, true);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    CHECK_STR(json_str(json_get(world_object(&w, "batch", batch), S("status"))), S("success"));
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 10);
    /* the other one goes on where its client left it */
    CHECK_STATUS(act(&w, loading, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 13);
    world_close(&w);
}

static void
wait_for_status(struct world *w, const char *batch, const char *status)
{
    struct t *t = w->t;

    for (int i = 0; i < 2000; i++) {
        if (str_eq(json_str(json_get(world_object(w, "batch", batch), S("status"))), str_of(status)))
            return;
        (void)admin_import_wait(&w->admin, 10000);
    }
    t_fail(t, __FILE__, __LINE__, "%s never is %s", batch, status);
}

static void
check_rows_once(struct world *w, const char *batch, size_t rows)
{
    struct t *t = w->t;
    size_t n;
    struct hit *hits = world_hits(w, &n);

    CHECK_EQ(n, rows);
    for (size_t i = 0; i < n; i++)
        CHECK_STR(hits[i].request_id, arena_printf(t->arena, "%s-%zu", batch, i + 1));
}

TEST(import_waits_for_a_full_disk)
{
    struct world w;
    const char *batch;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", many_rows(t, 600)), 200);
    atomic_store(&w.full, true);
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    wait_for_status(&w, batch, "retrying");
    atomic_store(&w.full, false);
    wait_for_status(&w, batch, "success");
    check_rows_once(&w, batch, 600);
    world_close(&w);
}

TEST(import_stopped_on_a_full_disk_goes_on_after_the_start)
{
    struct world w;
    const char *batch;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", many_rows(t, 600)), 200);
    atomic_store(&w.full, true);
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    wait_for_status(&w, batch, "retrying");
    admin_import_close(&w.admin); /* returns at once, whatever the disk does */
    atomic_store(&w.full, false);
    world_restart(&w, true);
    wait_for_status(&w, batch, "success");
    check_rows_once(&w, batch, 600);
    world_close(&w);
}

TEST(import_lost_files_fail_honestly)
{
    struct world w;
    const char *batch;
    const struct json *object;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", many_rows(t, 10)), 200);
    {
        struct import_file *files;
        size_t n;
        CHECK_OK(import_files(w.admin.importer, str_of(batch), t->arena, &files, &n, d));
        CHECK_EQ(n, 1);
        CHECK_OK(os_write_file(os_posix(), files[0].path, S("garbage"), d));
    }
    CHECK_STATUS(act(&w, batch, "COMPLETE"), 200);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US));
    object = world_object(&w, "batch", batch);
    CHECK_STR(json_str(json_get(object, S("status"))), S("failed"));
    CHECK_HAS(json_str(json_get(json_at(json_get(object, S("errors")), 0), S("description"))), "not an uploaded file");
    world_close(&w);
}

TEST(import_big_rows_and_windows)
{
    struct world w;
    const struct json *batch;
    struct buf b;
    size_t n;

    world_open(t, &w);
    buf_init(&b, 16 << 20);
    for (int i = 0; i < 40; i++) { /* 3.5 MB: rows cross the ends of windows */
        buf_printf(&b, "{\"_acme\":{\"crmId\":\"c%d\"},\"person\":{\"name\":{\"firstName\":\"", i);
        for (int k = 0; k < 90000; k++)
            buf_putc(&b, 'x');
        buf_put(&b, S("\"}}}\n"));
    }
    for (int k = 0; k < LIMIT_UPLOAD_ROW_BYTES + 10; k++) /* a line longer than any window */
        buf_putc(&b, 'y');
    buf_put(&b, S("\n{\"_acme\":{\"crmId\":\"last\"}}\n"));
    batch = import_one(&w, "people", "{'format':'json'}", ",'partialIngestionPercentage':5", buf_str(&b));
    CHECK_STR(json_str(json_get(batch, S("status"))), S("success"));
    CHECK_EQ(metric(batch, "outputRecordCount"), 41);
    CHECK_EQ(metric(batch, "failedRecordCount"), 1);
    (void)world_hits(&w, &n);
    CHECK_EQ(n, 41);
    buf_deinit(&b);
    world_close(&w);
}

TEST(import_cleans_up)
{
    struct world w;
    const char *batch;
    struct str orphan;

    world_open(t, &w);
    batch = create(&w, "people", "{'format':'json'}", "");
    CHECK_STATUS(upload(&w, batch, "people", "rows", S("bad")), 200);
    orphan = arena_printf(t->arena, "%s/00000000000000000000000000-u-x", w.admin.importer->dir);
    CHECK_TRUE(admin_import_wait(&w.admin, WAIT_US)); /* the start cleans up as well */
    CHECK_OK(os_write_file(os_posix(), orphan.p, S("x"), d));
    CHECK_STATUS(act(&w, batch, "FAIL"), 200);
    import_clean(w.admin.importer, NOW + 1000 + LIMIT_ROW_ERRORS_MS - 1);
    CHECK_EQ(json_count(json_get(
                 world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/failed", batch).p).json, S("data"))),
             1);
    CHECK_ERR(os_unlink(os_posix(), orphan.p, d), ERR_NOT_FOUND);
    import_clean(w.admin.importer, NOW + 1000 + LIMIT_ROW_ERRORS_MS);
    CHECK_EQ(json_count(json_get(
                 world_get(&w, &family_export, arena_printf(t->arena, EXPORT "/%s/failed", batch).p).json, S("data"))),
             0);
    world_close(&w);
}
