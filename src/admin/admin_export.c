/* admin_export.c - data access: what went wrong with a batch's rows, and the files of failed batches [PLATFORM 3.2].
 *
 *   GET /export/batches/{b}/meta                                  the kinds of metadata there are
 *   GET /export/batches/{b}/meta?path=row_errors                  list of files
 *   GET /export/batches/{b}/meta?path=row_errors/{file}           JSON lines
 *   GET /export/batches/{b}/meta?path=row_errors_sample.json      the same, at most ten lines
 *   GET /export/batches/{b}/meta?path=input_files[/fileMetaData1.json]
 *   GET /export/batches/{b}/failed[?path={file}]                  uploads of a failed batch
 *
 *   GET /export/batches/{b}/files                                 the file of a batch that an export job wrote
 *   GET /export/files/{file}[?path={name}]                        the same, by the id of the file; its bytes
 *
 * Kept for LIMIT_ROW_ERRORS_MS, those of export jobs as long as the job. A file longer than a response may be is read
 * in parts, with Range. */
#include "admin/admin_export_job.h"
#include "admin/admin_import.h"
#include "codec/url.h"

#define SAMPLE_LINES 10

static const char *const error_files[] = {"parsing_errors_0.json", "conversion_errors_0.json"};

static void
fail(struct http_req *rq, struct http_res *rs, int status, const char *what)
{
    struct diag d = DIAG_INIT;
    enum err rc = diag_set(&d, status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "%s", what);

    admin_fail(rq, rs, ERRORS_PROBLEM, status, rc, &d);
}

/* ---- listings ---- */

struct entry {
    struct str name;
    uint64_t bytes;
    struct str id; /* empty: none */
};

static struct str
self_link(struct http_req *rq, struct str path, struct str file)
{
    struct str host = http_header(rq, S("Host"));
    struct buf encoded;
    struct str link;

    buf_init(&encoded, (size_t)LIMIT_URL_BYTES * 4);
    url_encode(&encoded, file);
    link = arena_printf(rq->arena, "%s://%.*s%.*s?path=%.*s", rq->tls ? "https" : "http", STR_ARG(host), STR_ARG(path),
                        STR_ARG(buf_str(&encoded)));
    buf_deinit(&encoded);
    return link;
}

/* prefix: what comes before the name in the path parameter ("row_errors/"). */
static void
write_listing(struct http_req *rq, struct http_res *rs, struct str prefix, const struct entry *entries, size_t n)
{
    struct jw w = admin_json(rs, 200);
    struct str path = str_ends(rq->path, S("/")) ? str_slice(rq->path, 0, rq->path.n - 1) : rq->path;

    jw_object(&w);
    jw_key(&w, S("data"));
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct str file = arena_printf(rq->arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(entries[i].name));
        struct str bytes = arena_printf(rq->arena, "%llu", (unsigned long long)entries[i].bytes);
        jw_object(&w);
        if (entries[i].id.n > 0)
            jw_kstr(&w, S("dataSetFileId"), entries[i].id);
        jw_kstr(&w, S("name"), entries[i].name);
        jw_kstr(&w, S("length"), bytes);
        jw_key(&w, S("_links"));
        jw_object(&w);
        jw_key(&w, S("self"));
        jw_object(&w);
        jw_kstr(&w, S("href"), self_link(rq, path, file));
        jw_end(&w);
        jw_end(&w);
        jw_end(&w);
    }
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("limit"), 100);
    jw_ki64(&w, S("count"), (int64_t)n);
    jw_end(&w);
    jw_end(&w);
}

/* ---- bytes ---- */

/* "bytes=0-3", "bytes=10-", "bytes=-5"; false: none that can be met. */
static bool
read_range(struct str header, uint64_t size, uint64_t *from, uint64_t *to)
{
    struct str first, last;
    ptrdiff_t dash;
    bool has_first, has_last;

    if (!str_starts(header, S("bytes=")))
        return false;
    header = str_slice(header, 6, header.n);
    dash = str_find_char(header, '-');
    if (dash < 0)
        return false;
    first = str_slice(header, 0, (size_t)dash);
    last = str_slice(header, (size_t)dash + 1, header.n);
    has_first = str_to_u64(first, from);
    has_last = str_to_u64(last, to);
    if ((first.n > 0 && !has_first) || (last.n > 0 && !has_last) || (!has_first && !has_last))
        return false;
    if (!has_first) {
        *from = *to < size ? size - *to : 0;
        *to = size;
    } else {
        *to = !has_last || *to >= size ? size : *to + 1;
    }
    return *from < *to;
}

/* Sends bytes [at, size) of the file, or the part of them that Range asks for. */
static void
send_file(struct call *call, struct http_req *rq, struct http_res *rs, const char *path, uint64_t at,
          const char *content_type)
{
    struct os *os = call->admin->o.os;
    struct str range = http_header(rq, S("Range"));
    struct diag d = DIAG_INIT;
    struct os_file *f = NULL;
    uint64_t size = 0, from = 0, to = 0;
    size_t got = 0;
    char *p;
    enum err rc = os_open(os, path, OS_READ, &f, &d);

    if (rc == ERR_OK)
        rc = os_size(os, f, &size, &d);
    size -= rc == ERR_OK ? at : 0;
    to = size;
    if (rc != ERR_OK) {
        fail(rq, rs, rc == ERR_NOT_FOUND ? 404 : 500, "the file is not kept any more");
    } else if (range.p != NULL && !read_range(range, size, &from, &to)) {
        fail(rq, rs, 416, "the range cannot be met");
    } else if (to - from > LIMIT_RESPONSE_BYTES || (p = buf_grow(rs->body, (size_t)(to - from))) == NULL) {
        fail(rq, rs, 413, "the file is longer than an answer may be: read it in parts, with Range");
    } else if (os_pread(os, f, at + from, p, (size_t)(to - from), &got, &d) != ERR_OK) {
        fail(rq, rs, 500, "the file cannot be read");
    } else {
        rs->body->n += got;
        rs->status = range.p != NULL ? 206 : 200;
        rs->content_type = content_type;
        if (range.p != NULL)
            http_set_header(rq, rs, S("Content-Range"),
                            arena_printf(rq->arena, "bytes %llu-%llu/%llu", (unsigned long long)from,
                                         (unsigned long long)(to - 1), (unsigned long long)size));
    }
    os_close(os, f);
}

/* ---- row errors ---- */

static uint64_t
size_of(struct call *call, const char *path)
{
    struct os *os = call->admin->o.os;
    struct diag ignored = DIAG_INIT; /* absent: no such errors */
    struct os_file *f = NULL;
    uint64_t size = 0;

    if (path == NULL || os_open(os, path, OS_READ, &f, &ignored) != ERR_OK)
        return 0;
    if (os_size(os, f, &size, &ignored) != ERR_OK)
        size = 0;
    os_close(os, f);
    return size;
}

static size_t
kept_files(struct call *call, struct http_req *rq, struct str batch, const char *const *names, size_t n,
           struct entry *out)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        struct str name = str_of(names[i]);
        uint64_t bytes = size_of(call, import_path(call->admin->importer, batch, name, rq->arena));
        if (bytes > 0)
            out[count++] = (struct entry){.name = name, .bytes = bytes};
    }
    return count;
}

/* The first lines of the first file that has some. */
static void
send_sample(struct call *call, struct http_req *rq, struct http_res *rs, struct str batch)
{
    struct entry entries[2];
    size_t n = kept_files(call, rq, batch, error_files, 2, entries), lines = 0, end = 0;

    if (n == 0) {
        fail(rq, rs, 404, "the batch has no row errors");
        return;
    }
    send_file(call, rq, rs, import_path(call->admin->importer, batch, entries[0].name, rq->arena), 0,
              "application/json");
    for (; rs->status == 200 && end < rs->body->n && lines < SAMPLE_LINES; end++)
        lines += rs->body->p[end] == '\n';
    if (rs->status == 200)
        rs->body->n = end;
}

static void
meta_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    static const char *const lists[] = {"fileMetaData1.json"};
    struct call *call = ctx;
    struct str batch = route_param(params, S("batch")), path = http_query(rq, S("path")), file;
    struct entry entries[2];
    bool errors = str_starts(path, S("row_errors/")), inputs = str_starts(path, S("input_files/"));

    if (snapshot_object(call->snap, S("batch"), call->scope, batch) == NULL) {
        fail(rq, rs, 404, "no such batch");
        return;
    }
    if (path.n == 0) {
        entries[0] = (struct entry){.name = S("row_errors")};
        entries[1] = (struct entry){.name = S("input_files")};
        write_listing(rq, rs, S(""), entries, 2);
        return;
    }
    if (str_eq(path, S("row_errors_sample.json"))) {
        send_sample(call, rq, rs, batch);
        return;
    }
    file = str_slice(path, sizeof "row_errors/" - 1, path.n);
    if (inputs)
        file = str_slice(path, sizeof "input_files/" - 1, path.n);
    if (str_eq(path, S("row_errors")) || (errors && file.n == 0))
        write_listing(rq, rs, S("row_errors/"), entries, kept_files(call, rq, batch, error_files, 2, entries));
    else if (str_eq(path, S("input_files")) || (inputs && file.n == 0))
        write_listing(rq, rs, S("input_files/"), entries, kept_files(call, rq, batch, lists, 1, entries));
    else if ((errors && (str_eq(file, str_of(error_files[0])) || str_eq(file, str_of(error_files[1])))) ||
             (inputs && str_eq(file, str_of(lists[0]))))
        send_file(call, rq, rs, import_path(call->admin->importer, batch, file, rq->arena), 0, "application/json");
    else
        fail(rq, rs, 404, "no such metadata: row_errors, row_errors_sample.json or input_files");
}

/* ---- failed files ---- */

static void
failed_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str batch = route_param(params, S("batch")), path = http_query(rq, S("path"));
    const struct json *object = snapshot_object(call->snap, S("batch"), call->scope, batch);
    struct import_file *files;
    struct entry *entries;
    struct diag d = DIAG_INIT;
    size_t n = 0;
    enum err rc;

    if (object == NULL) {
        fail(rq, rs, 404, "no such batch");
        return;
    }
    rc = import_files(call->admin->importer, batch, rq->arena, &files, &n, &d);
    entries = rc == ERR_OK ? ARENA_ARRAY(rq->arena, struct entry, n + 1) : NULL;
    if (entries == NULL) {
        admin_fail(rq, rs, ERRORS_PROBLEM, 0, rc == ERR_OK ? ERR_NOMEM : rc, &d);
        return;
    }
    if (!str_eq(json_str(json_get(object, S("status"))), S("failed")))
        n = 0; /* of other batches nothing failed */
    for (size_t i = 0; i < n; i++) {
        if (path.n > 0 && str_eq(path, files[i].name)) {
            send_file(call, rq, rs, files[i].path, files[i].data_at, "application/octet-stream");
            return;
        }
        entries[i] = (struct entry){
            .name = files[i].name,
            .bytes = files[i].bytes,
            .id = arena_printf(rq->arena, "%.*s-%zu", STR_ARG(batch), i),
        };
    }
    if (path.n > 0)
        fail(rq, rs, 404, "the batch has no failed file of that name");
    else
        write_listing(rq, rs, S(""), entries, n);
}

/* ---- files of export jobs ---- */

#define PART_NAME "part-00000.json"

/* One batch has one file: <batch>-1. */
static void
write_data_file(struct call *call, struct http_req *rq, struct http_res *rs, struct str batch)
{
    struct str id = arena_printf(rq->arena, "%.*s-1", STR_ARG(batch));
    struct str link = arena_printf(rq->arena, "%s://%.*s/data/foundation/export/files/%.*s?path=" PART_NAME,
                                   rq->tls ? "https" : "http", STR_ARG(http_header(rq, S("Host"))), STR_ARG(id));
    uint64_t bytes = size_of(call, export_path(call->admin, batch, rq->arena));
    struct jw w = admin_json(rs, 200);

    jw_object(&w);
    jw_key(&w, S("data"));
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("dataSetFileId"), id);
    jw_kstr(&w, S("dataSetViewId"), S(""));
    jw_kstr(&w, S("name"), S(PART_NAME));
    jw_kstr(&w, S("length"), arena_printf(rq->arena, "%llu", (unsigned long long)bytes));
    jw_key(&w, S("_links"));
    jw_object(&w);
    jw_key(&w, S("self"));
    jw_object(&w);
    jw_kstr(&w, S("href"), link);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_key(&w, S("_page"));
    jw_object(&w);
    jw_ki64(&w, S("limit"), 100);
    jw_ki64(&w, S("count"), 1);
    jw_end(&w);
    jw_end(&w);
}

static bool
is_exported(struct call *call, struct str batch)
{
    return json_get(snapshot_object(call->snap, S("batch"), call->scope, batch), S("exportJob")) != NULL;
}

static void
files_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str batch = route_param(params, S("batch"));

    if (is_exported(call, batch))
        write_data_file(call, rq, rs, batch);
    else if (snapshot_object(call->snap, S("batch"), call->scope, batch) != NULL)
        fail(rq, rs, 404, "the rows of the batch are in the log: only batches of export jobs have a file");
    else
        fail(rq, rs, 404, "no such batch");
}

static void
data_file_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str id = route_param(params, S("file")), path = http_query(rq, S("path"));
    struct str batch = str_slice(id, 0, BATCH_ID_BYTES);

    if (id.n != BATCH_ID_BYTES + 2 || !str_ends(id, S("-1")) || !is_exported(call, batch))
        fail(rq, rs, 404, "no such file");
    else if (path.n == 0)
        write_data_file(call, rq, rs, batch);
    else if (!str_eq(path, S(PART_NAME)))
        fail(rq, rs, 404, "the file has another name");
    else
        send_file(call, rq, rs, export_path(call->admin, batch, rq->arena), 0, "application/json");
}

static const struct route routes[] = {
    {HTTP_GET, "/data/foundation/export/batches/{batch}/files", 0, files_get},
    {HTTP_GET, "/data/foundation/export/files/{file}", 0, data_file_get},
    {HTTP_GET, "/data/foundation/export/batches/{batch}/meta", 0, meta_get},
    {HTTP_GET, "/data/foundation/export/batches/{batch}/failed", 0, failed_get},
};
const struct family family_export = {routes, sizeof routes / sizeof routes[0], ERRORS_PROBLEM, false};
