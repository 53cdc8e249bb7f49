/* admin_import_run.c - one completed batch, from files to hits in the log. On the import thread.
 *
 *   (1) every row of every file is read and checked; bad rows are counted, the first LIMIT_BATCH_ROW_ERRORS kept with
 * their text (2) too many bad ones: the batch fails and no row of it is visible (3) status `processing` with logOffset
 * is saved (4) the rows are read again and appended by the group, in order (5) the log is synced, then status `success`
 * is saved: a batch that says success is on the disk
 *
 * A crash after (3) is found by the next start, which does (1) and (2) again and (4) behind what the log has already. A
 * disk that is full or failing makes the batch `retrying` until the disk takes it or the server stops. */
#include <stdlib.h>

#include "admin/admin_external.h"
#include "base/log.h"
#include "base/metric.h"

#define RETRY_US 1000000
#define ROW_ARENA_BYTES (32u * 1024 * 1024) /* a row of 1 MB of JSON numbers is 16 MB when parsed */
#define SCAN_WAIT_US 0

struct import_run {
    struct importer *im;
    struct str scope, batch;
    const struct snapshot *snap;
    const struct json *object;
    struct external_run external; /* its audience is empty: rows are of a dataset */
    struct row_reader reader;
    bool reader_open;
    struct row_format format;
    struct arena arena; /* of the run */
    struct arena rows;  /* of one row */
    struct import_file *files;
    size_t file_count;
    uint64_t input_bytes;
    double percent_max; /* of rows that may be bad */
    bool diagnostics;
    int64_t started_ms;
    uint64_t row_count, bad_count;
    uint64_t unreadable, no_identity, incomplete; /* of the bad ones, by code */
    size_t errors_kept;
    struct buf parsing, conversion; /* row errors as JSON lines */
    struct str failure;             /* a file cannot be used at all */
    uint64_t resume_rows;           /* in the log already */
    uint64_t appended;
    struct hit_group group;
};

/* ---- row errors ---- */

/* Without the beginning of a last character whose end is missing. */
static struct str
whole_characters(struct str s)
{
    size_t tail = 0, wanted; /* bytes behind the first of the last character */
    unsigned char first;

    while (tail < 3 && tail + 1 < s.n && ((unsigned char)s.p[s.n - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (s.n == 0)
        return s;
    first = (unsigned char)s.p[s.n - 1 - tail];
    wanted = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    return tail < wanted ? str_slice(s, 0, s.n - 1 - tail) : s;
}

/* Bytes of a client as JSON text: what is not UTF-8 becomes U+FFFD, and the rest past the limit is cut. */
static void
put_raw(struct jw *w, struct str raw)
{
    struct buf clean;

    if (raw.n >= LIMIT_ROW_ERROR_TEXT_BYTES) /* cut here, or where it was read */
        raw = whole_characters(str_slice(raw, 0, LIMIT_ROW_ERROR_TEXT_BYTES));
    if (str_is_utf8(raw)) {
        jw_str(w, raw);
        return;
    }
    buf_init(&clean, (size_t)LIMIT_ROW_ERROR_TEXT_BYTES * 3);
    for (size_t i = 0, n; i < raw.n; i += n) {
        n = 1;
        while (n < 4 && i + n <= raw.n && !str_is_utf8(str_slice(raw, i, i + n)))
            n++;
        if (str_is_utf8(str_slice(raw, i, i + n)) && i + n <= raw.n) {
            buf_put(&clean, str_slice(raw, i, i + n));
        } else {
            buf_put(&clean, S("\xEF\xBF\xBD"));
            n = 1;
        }
    }
    jw_str(w, buf_str(&clean));
    buf_deinit(&clean);
}

/* {"<the row's fields>":..., "_errors":[{"code","message"}],"_filename":"..."} [PLATFORM 3.2]; _row is OURS. */
static void
keep_error(struct import_run *run, const struct import_file *file, uint64_t row, const struct row *text,
           const struct row_fault *fault)
{
    struct buf *out = fault->parsed ? &run->conversion : &run->parsing;
    const struct json *fields = NULL;
    struct diag ignored = DIAG_INIT; /* a row that does not parse is shown as text */
    struct jw w = jw_to(out);
    char code[16];

    if (fault->parsed && text->text.n <= LIMIT_ROW_ERROR_TEXT_BYTES &&
        json_parse(text->text, &run->rows, &fields, &ignored) != ERR_OK)
        fields = NULL;
    jw_object(&w);
    if (json_is(fields, JSON_OBJECT)) {
        for (struct json_iter it = json_iter(fields); json_next(&it);)
            jw_kjson(&w, it.key, it.value);
    } else {
        jw_key(&w, S("_corrupt_record"));
        put_raw(&w, text->raw);
    }
    jw_key(&w, S("_errors"));
    jw_array(&w);
    jw_object(&w);
    (void)snprintf(code, sizeof code, "%d", (int)fault->code);
    jw_kstr(&w, S("code"), str_of(code));
    jw_key(&w, S("message"));
    put_raw(&w, fault->message);
    jw_end(&w);
    jw_end(&w);
    jw_kstr(&w, S("_filename"), file->name);
    jw_ki64(&w, S("_row"), (int64_t)row);
    jw_end(&w);
    buf_putc(out, '\n');
    run->errors_kept++;
}

static void
count_bad(struct import_run *run, const struct import_file *file, uint64_t row, const struct row *text,
          const struct row_fault *fault)
{
    run->bad_count++;
    run->unreadable += fault->code == ROW_UNREADABLE;
    run->no_identity += fault->code == ROW_NO_IDENTITY;
    run->incomplete += fault->code == ROW_INCOMPLETE;
    if (run->errors_kept < LIMIT_BATCH_ROW_ERRORS)
        keep_error(run, file, row, text, fault);
}

static enum err
write_errors(struct import_run *run, struct str name, const struct buf *text, struct diag *d)
{
    const char *path = import_path(run->im, run->batch, name, &run->arena);

    if (text->n == 0)
        return ERR_OK;
    if (path == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for row errors");
    return os_write_file(run->im->admin->o.os, path, buf_str(text), d);
}

/* What /export shows of the batch later, when the files themselves are gone. */
static enum err
write_file_list(struct import_run *run, struct diag *d)
{
    struct buf text;
    enum err rc;

    buf_init(&text, (size_t)LIMIT_UPLOAD_FILES * (LIMIT_UPLOAD_NAME_BYTES + 16));
    for (size_t i = 0; i < run->file_count; i++) {
        struct jw w = jw_to(&text);
        jw_object(&w);
        jw_kstr(&w, S("path"), run->files[i].name);
        jw_end(&w);
        buf_putc(&text, '\n');
    }
    rc = write_errors(run, S("fileMetaData1.json"), &text, d);
    buf_deinit(&text);
    return rc;
}

/* ---- the passes ---- */

/* After a refusal by the disk: says so once and waits a moment. ERR_CANCELLED: the server stops. */
static enum err
wait_for_disk(struct import_run *run, bool *retrying, struct diag *d)
{
    if (!*retrying) {
        struct diag ignored = DIAG_INIT; /* the disk that refuses rows may refuse this as well */
        log_error("import_disk_refuses", "batch=%.*s what=\"%s\"", STR_ARG(run->batch), d->what);
        (void)import_patch_batch(run->im, run->scope, run->batch, NULL, S("{\"status\":\"retrying\"}"), &run->arena,
                                 &ignored);
    }
    *retrying = true;
    metric_inc(M_IMPORT_RETRIES);
    os_lock(&run->im->lock);
    if (!atomic_load(&run->im->stopping))
        (void)os_cond_wait_us(&run->im->wake, &run->im->lock, RETRY_US);
    os_unlock(&run->im->lock);
    return atomic_load(&run->im->stopping) ? diag_set(d, ERR_CANCELLED, "the server stops") : ERR_OK;
}

static enum err
end_retrying(struct import_run *run, bool retrying, struct diag *d)
{
    return !retrying ? ERR_OK
                     : import_patch_batch(run->im, run->scope, run->batch, NULL, S("{\"status\":\"processing\"}"),
                                          &run->arena, d);
}

static bool
disk_refuses(enum err rc)
{
    return rc == ERR_BUSY || rc == ERR_IO;
}

/* Appends what is collected. ERR_CANCELLED: the server stops. */
static enum err
flush(struct import_run *run, struct diag *d)
{
    struct admin *a = run->im->admin;
    size_t count = run->group.count;
    bool retrying = false;
    enum err rc;

    if (atomic_load(&run->im->stopping))
        return diag_set(d, ERR_CANCELLED, "the server stops");
    while (disk_refuses(rc = hit_group_append(&run->group, a->o.collect, os_now_ms(a->o.os), ACK_WRITTEN, d))) {
        rc = wait_for_disk(run, &retrying, d);
        if (rc != ERR_OK)
            return rc;
    }
    if (rc != ERR_OK)
        return rc;
    run->appended += count;
    return end_retrying(run, retrying, d);
}

static enum err
sync_log(struct import_run *run, struct diag *d)
{
    bool retrying = false;
    enum err rc;

    while (disk_refuses(rc = topic_sync(run->im->admin->o.collect, d))) {
        rc = wait_for_disk(run, &retrying, d);
        if (rc != ERR_OK)
            return rc;
    }
    return rc == ERR_OK ? end_retrying(run, retrying, d) : rc;
}

static enum err
append_row(struct import_run *run, struct hit *h, uint64_t row, struct diag *d)
{
    enum err rc;

    h->request_id = arena_printf(&run->rows, "%.*s-%llu", STR_ARG(run->batch), (unsigned long long)row);
    if (h->request_id.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the id of row %llu", (unsigned long long)row);
    h->accepted_us = os_now_ms(run->im->admin->o.os) * 1000;
    rc = hit_group_add(&run->group, h, d);
    if (rc == ERR_OK && hit_group_full(&run->group))
        rc = flush(run, d);
    return rc;
}

/* One file; rows are numbered from run->row_count on. */
static enum err
read_file(struct import_run *run, const struct import_file *file, bool append, struct diag *d)
{
    struct row_source source;
    struct row_fault fault;
    struct row row;
    struct hit hit;
    enum row_result r = ROW_END;
    enum err rc =
        row_source_open(&source, run->im->admin->o.os, file->path, file->data_at, run->format, run->reader.view, d);

    if (rc != ERR_OK)
        return rc;
    while (rc == ERR_OK) {
        arena_reset(&run->rows);
        r = row_source_next(&source, &run->rows, &row, &fault, d);
        if (r == ROW_END || r == ROW_FAILED)
            break;
        run->row_count++;
        if (append && run->row_count <= run->resume_rows)
            continue;
        if (!append && run->row_count % 4096 == 0 && atomic_load(&run->im->stopping))
            rc = diag_set(d, ERR_CANCELLED, "the server stops");
        if (r == ROW_READ && row_read(&run->reader, row.text, run->started_ms, &run->rows, &hit, &fault) == ERR_OK) {
            if (append)
                rc = append_row(run, &hit, run->row_count, d);
        } else if (!append) {
            count_bad(run, file, source.row, &row, &fault);
        }
    }
    row_source_close(&source);
    return rc != ERR_OK ? rc : r == ROW_FAILED ? d->code : ERR_OK;
}

/* A file that cannot be used fails the batch, whatever share of bad rows it allows: nobody knows how many rows are
 * lost. */
static enum err
read_files(struct import_run *run, bool append, struct diag *d)
{
    run->row_count = 0;
    for (size_t i = 0; i < run->file_count; i++) {
        enum err rc = read_file(run, &run->files[i], append, d);
        if (rc == ERR_INVALID || rc == ERR_LIMIT || rc == ERR_CORRUPT)
            run->failure =
                arena_printf(&run->arena, "file '%.*s' cannot be read: %s", STR_ARG(run->files[i].name), d->what);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- resuming ---- */

static uint64_t
row_of(struct str request_id, struct str batch)
{
    uint64_t row;

    if (!str_starts(request_id, batch) || request_id.n <= batch.n + 1 ||
        !str_to_u64(str_slice(request_id, batch.n + 1, request_id.n), &row))
        return 0;
    return row;
}

/* How many rows of the batch the log has, from the offset at which its first one may be. */
static enum err
scan_log(struct import_run *run, uint64_t from, struct diag *d)
{
    struct topic *t = run->im->admin->o.collect;
    uint64_t end = topic_end(t);
    struct consumer *c = NULL;
    struct record r;
    bool got = true;
    enum err rc = consumer_open(t, from, &c, d);

    while (rc == ERR_OK && got && consumer_offset(c) < end) {
        struct diag ignored = DIAG_INIT; /* a record that is no hit is none of ours */
        struct hit h;
        rc = consumer_poll(c, SCAN_WAIT_US, &r, &got, d);
        if (rc != ERR_OK || !got || str_find(r.value, run->batch) < 0)
            continue;
        arena_reset(&run->rows);
        if (hit_read(r.value, &run->rows, &h, &ignored) == ERR_OK && str_eq(h.batch, run->batch) &&
            row_of(h.request_id, run->batch) > run->resume_rows)
            run->resume_rows = row_of(h.request_id, run->batch);
        if (atomic_load(&run->im->stopping))
            rc = diag_set(d, ERR_CANCELLED, "the server stops");
    }
    consumer_close(c);
    return rc;
}

/* With what an external audience becomes at this moment. */
static enum err
save_with_audience(struct import_run *run, struct str patch, bool begins, int64_t now_ms, struct diag *d)
{
    struct import_patch patches[2] = {{"batch", run->batch, NULL, patch},
                                      {"audience", run->external.audience, NULL, S_NULL}};
    const struct snapshot *s;
    struct buf text;
    enum err rc;

    if (run->external.audience.n == 0 || !run->external.profiles)
        return import_patch(run->im, run->scope, patches, 1, &run->arena, d);
    buf_init(&text, 1024);
    s = snapshot_get(run->im->admin->o.config);
    if (begins)
        external_run_begins(&text, snapshot_object(s, S("audience"), run->scope, run->external.audience), run->batch,
                            run->reader.run, now_ms);
    else
        external_run_ends(&text, &run->external, run->reader.run);
    snapshot_put(run->im->admin->o.config, s);
    patches[1].patch = buf_str(&text);
    rc = buf_ok(&text) ? import_patch(run->im, run->scope, patches, 2, &run->arena, d)
                       : diag_set(d, ERR_NOMEM, "no memory for an audience");
    buf_deinit(&text);
    return rc;
}

/* Step (3). A run that is resumed keeps the offset and the start of the first one. */
static enum err
begin_appending(struct import_run *run, struct diag *d)
{
    const struct json *offset = json_get(run->object, S("logOffset"));
    uint64_t at = offset != NULL ? (uint64_t)json_i64(offset, 0) : topic_end(run->im->admin->o.collect);
    int64_t now_ms = os_now_ms(run->im->admin->o.os);
    struct buf patch;
    struct jw w;
    enum err rc;

    run->reader.run = at + 1;
    if (offset != NULL)
        return scan_log(run, at, d);
    buf_init(&patch, 1024);
    w = jw_to(&patch);
    jw_object(&w);
    jw_kstr(&w, S("status"), S("processing"));
    jw_ki64(&w, S("started"), run->started_ms);
    jw_ki64(&w, S("updated"), now_ms);
    jw_ki64(&w, S("logOffset"), (int64_t)at);
    jw_end(&w);
    rc = save_with_audience(run, buf_str(&patch), true, now_ms, d);
    buf_deinit(&patch);
    return rc;
}

/* ---- the end ---- */

static void
write_code(struct jw *w, const char *code, const char *description, uint64_t count)
{
    if (count == 0)
        return;
    jw_object(w);
    jw_kstr(w, S("code"), str_of(code));
    jw_kstr(w, S("description"), str_of(description));
    jw_ki64(w, S("recordCount"), (int64_t)count);
    jw_end(w);
}

/* errors[] as [PLATFORM 3.2] names them; 1404 is OURS. */
static void
write_error_list(struct import_run *run, struct jw *w)
{
    jw_key(w, S("errors"));
    jw_array(w);
    if (run->failure.n > 0) {
        jw_object(w);
        jw_kstr(w, S("code"), S("INGEST-1401-400"));
        jw_kstr(w, S("description"), run->failure);
        jw_end(w);
    }
    if (run->bad_count > 0) {
        jw_object(w);
        jw_kstr(w, S("code"), run->diagnostics ? S("INGEST-1212-400") : S("INGEST-1211-400"));
        jw_kstr(w, S("description"),
                run->diagnostics
                    ? arena_printf(&run->arena,
                                   "Encountered errors while parsing, converting or otherwise validating the data. The "
                                   "rows are at /data/foundation/export/batches/%.*s/meta?path=row_errors.",
                                   STR_ARG(run->batch))
                    : S("Encountered errors while parsing, converting or otherwise validating the data. Resend the "
                        "data with error diagnostics enabled to see them."));
        jw_end(w);
    }
    write_code(w, "INGEST-1401-400", "The row is corrupted or a value does not fit the schema.", run->unreadable);
    write_code(w, "INGEST-1404-400", "The row has no usable identity.", run->no_identity);
    write_code(w, "INGEST-1555-400", "A required field is missing or null.", run->incomplete);
    jw_end(w);
}

static enum err
finish(struct import_run *run, bool success, struct diag *d)
{
    int64_t now_ms = os_now_ms(run->im->admin->o.os);
    uint64_t out_count = success ? run->row_count - run->bad_count : run->resume_rows + run->appended;
    struct buf patch;
    struct jw w;
    enum err rc;

    buf_init(&patch, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&patch);
    jw_object(&w);
    jw_kstr(&w, S("status"), success ? S("success") : S("failed"));
    jw_ki64(&w, S("started"), run->started_ms);
    jw_ki64(&w, S("completed"), now_ms);
    jw_ki64(&w, S("updated"), now_ms);
    jw_key(&w, S("metrics"));
    jw_object(&w);
    jw_ki64(&w, S("startTime"), run->started_ms);
    jw_ki64(&w, S("endTime"), now_ms);
    jw_ki64(&w, S("inputByteSize"), (int64_t)run->input_bytes);
    jw_ki64(&w, S("inputFileCount"), (int64_t)run->file_count);
    jw_ki64(&w, S("inputRecordCount"), (int64_t)run->row_count);
    jw_ki64(&w, S("outputRecordCount"), (int64_t)out_count);
    jw_ki64(&w, S("failedRecordCount"), (int64_t)run->bad_count);
    jw_end(&w);
    jw_ki64(&w, S("recordCount"), (int64_t)run->row_count);
    jw_ki64(&w, S("failedRecordCount"), (int64_t)run->bad_count);
    jw_key(&w, S("logOffset"));
    jw_null(&w); /* only a run that is not over needs it */
    write_error_list(run, &w);
    jw_end(&w);
    rc = success ? save_with_audience(run, buf_str(&patch), false, now_ms, d)
                 : import_patch_batch(run->im, run->scope, run->batch, NULL, buf_str(&patch), &run->arena, d);
    buf_deinit(&patch);
    if (rc != ERR_OK)
        return rc;
    metric_add(M_IMPORT_ROWS, run->row_count);
    metric_add(M_IMPORT_ROWS_REFUSED, run->bad_count);
    if (success)
        import_remove(run->im, run->batch, false);
    else
        metric_inc(M_IMPORT_BATCHES_FAILED);
    return ERR_OK;
}

/* ---- the batch ---- */

/* Rows of a dataset. */
static enum err
prepare_dataset(struct import_run *run, struct diag *d)
{
    struct str dataset = json_str(json_get(json_at(json_get(run->object, S("relatedObjects")), 0), S("id")));
    const struct json *object = snapshot_object(run->snap, S("dataset"), run->scope, dataset);
    enum err rc;

    if (object == NULL)
        return diag_set(d, ERR_INVALID, "dataset '%.*s' does not exist any more", STR_ARG(dataset));
    rc = import_format(json_get(run->object, S("inputFormat")), &run->format, d);
    if (rc == ERR_OK)
        rc = row_reader_init(&run->reader, run->snap, run->scope, dataset, object, d);
    if (rc != ERR_OK)
        return rc;
    run->reader_open = true;
    run->reader.source = SOURCE_BATCH;
    run->reader.batch = run->batch;
    run->reader.lenient = true;
    return import_files(run->im, run->batch, &run->arena, &run->files, &run->file_count, d);
}

/* Rows of an external audience. */
static enum err
prepare_external(struct import_run *run, struct diag *d)
{
    const struct external_run *external = &run->external;
    enum err rc;

    if (snapshot_object(run->snap, S("audience"), run->scope, external->audience) == NULL)
        return diag_set(d, ERR_INVALID, "audience '%.*s' does not exist any more", STR_ARG(external->audience));
    run->format = (struct row_format){.shape = ROWS_CSV, .csv = CSV_RFC4180};
    rc = row_reader_init_external(&run->reader, run->scope, external->audience, external->fields, &run->arena, d);
    if (rc != ERR_OK)
        return rc;
    run->reader_open = true;
    run->reader.batch = run->batch;
    run->reader.lake_only = !external->profiles;
    return external_run_files(run->im, external, &run->arena, &run->files, &run->file_count, d);
}

static enum err
prepare(struct import_run *run, struct diag *d)
{
    enum err rc;

    run->percent_max = json_f64(json_get(run->object, S("partialIngestionPercentage")), 0);
    run->diagnostics = json_bool(json_get(run->object, S("enableErrorDiagnostics")), false);
    run->started_ms = json_i64(json_get(run->object, S("started")), os_now_ms(run->im->admin->o.os));
    run->external = external_run_read(run->object);
    rc = run->external.audience.n > 0 ? prepare_external(run, d) : prepare_dataset(run, d);
    for (size_t i = 0; rc == ERR_OK && i < run->file_count; i++)
        run->input_bytes += run->files[i].bytes;
    return rc;
}

static bool
too_many_bad(const struct import_run *run)
{
    return (double)run->bad_count * 100 > run->percent_max * (double)run->row_count;
}

static enum err
run_batch(struct import_run *run, struct diag *d)
{
    enum err rc = prepare(run, d);

    if (rc == ERR_OK)
        rc = read_files(run, false, d); /* (1) */
    if (rc == ERR_OK)
        rc = write_errors(run, S("parsing_errors_0.json"), &run->parsing, d);
    if (rc == ERR_OK)
        rc = write_errors(run, S("conversion_errors_0.json"), &run->conversion, d);
    if (rc == ERR_OK && run->bad_count > 0)
        rc = write_file_list(run, d);
    if (rc != ERR_OK)
        return rc;
    if (too_many_bad(run))
        return finish(run, false, d); /* (2) */
    rc = begin_appending(run, d);     /* (3) */
    if (rc == ERR_OK) {
        /* What the first reading found as it must be needs no second check. */
        run->reader.check = run->reader.check && (run->bad_count > 0 || run->reader.converted);
        rc = read_files(run, true, d); /* (4) */
    }
    if (rc == ERR_OK)
        rc = flush(run, d);
    if (rc == ERR_OK)
        rc = sync_log(run, d); /* (5) */
    return rc == ERR_OK ? finish(run, true, d) : rc;
}

static void
run_init(struct import_run *run, struct importer *im, struct str scope, struct str batch)
{
    *run = (struct import_run){.im = im, .scope = scope, .batch = batch};
    arena_init(&run->arena, (size_t)LIMIT_REQUEST_ARENA_BYTES * 16);
    arena_init(&run->rows, ROW_ARENA_BYTES);
    buf_init(&run->parsing, (size_t)LIMIT_BATCH_ROW_ERRORS * LIMIT_ROW_ERROR_TEXT_BYTES * 8);
    buf_init(&run->conversion, (size_t)LIMIT_BATCH_ROW_ERRORS * LIMIT_ROW_ERROR_TEXT_BYTES * 8);
    hit_group_init(&run->group);
    run->snap = snapshot_get(im->admin->o.config);
}

static void
run_deinit(struct import_run *run)
{
    if (run->reader_open)
        row_reader_deinit(&run->reader);
    hit_group_deinit(&run->group);
    buf_deinit(&run->parsing);
    buf_deinit(&run->conversion);
    snapshot_put(run->im->admin->o.config, run->snap);
    arena_deinit(&run->rows);
    arena_deinit(&run->arena);
}

void
import_process(struct importer *im, struct str scope, struct str batch)
{
    struct import_run *run = malloc(sizeof *run);
    struct diag d = DIAG_INIT;
    uint64_t start_us = os_mono_us(im->admin->o.os);
    enum err rc;

    if (run == NULL) {
        log_error("import_no_memory", "batch=%.*s", STR_ARG(batch)); /* the next start finds it */
        return;
    }
    run_init(run, im, scope, batch);
    run->object = snapshot_object(run->snap, S("batch"), scope, batch);
    rc = run->object == NULL ? diag_set(&d, ERR_NOT_FOUND, "the batch is gone") : run_batch(run, &d);
    if (rc != ERR_OK && rc != ERR_CANCELLED && run->object != NULL) {
        struct diag later = DIAG_INIT;
        if (run->failure.n == 0)
            run->failure = arena_printf(&run->arena, "%s", d.what);
        rc = finish(run, false, &later);
        d = rc == ERR_OK ? d : later;
    }
    if (rc == ERR_OK)
        log_info("import_done", "batch=%.*s rows=%llu bad=%llu appended=%llu ms=%llu", STR_ARG(batch),
                 (unsigned long long)run->row_count, (unsigned long long)run->bad_count,
                 (unsigned long long)run->appended,
                 (unsigned long long)((os_mono_us(im->admin->o.os) - start_us) / 1000));
    else if (rc == ERR_CANCELLED)
        log_info("import_interrupted", "batch=%.*s appended=%llu", STR_ARG(batch), (unsigned long long)run->appended);
    else
        log_error("import_stuck", "batch=%.*s error=%s what=\"%s\"", STR_ARG(batch), err_name(rc), d.what);
    run_deinit(run);
    free(run);
}
