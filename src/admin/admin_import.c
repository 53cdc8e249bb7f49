/* admin_import.c - batch import, the client's side: create, upload, complete [PLATFORM 3.2].
 *
 * An upload is written to its own file, synced and renamed before the answer, so a completed batch can be processed
 * after any crash. Its body is in memory once, in the request; the file is read through a window later.
 *
 * Not in this version, and said so with 501: REVERT, replay, uploads in parts, Parquet. */
#include <stdlib.h>

#include "admin/admin_import.h"
#include "base/hash.h"

static void
fail(struct http_req *rq, struct http_res *rs, int status, enum err rc, const struct diag *d)
{
    admin_fail(rq, rs, ERRORS_PROBLEM, status, rc, d);
    if (rc == ERR_BUSY && rs->retry_after_s == 0)
        rs->retry_after_s = 5;
}

/* ---- formats ---- */

/* A member that is a text or a list with one: {"delimiters":[","]}. */
static struct str
text_of(const struct json *v)
{
    return json_is(v, JSON_ARRAY) ? json_str(json_at(v, 0)) : json_str(v);
}

static enum err
one_char(const struct json *format, const char *member, char *out, struct diag *d)
{
    const struct json *v = json_get(format, str_of(member));
    struct str s = text_of(v);

    if (v == NULL || json_is(v, JSON_NULL))
        return ERR_OK;
    if (str_eq(s, S("\\t")))
        s = S("\t");
    if (s.n != 1)
        return diag_set_path(d, ERR_INVALID, member, "inputFormat.%s must be one character", member);
    *out = s.p[0];
    return ERR_OK;
}

static enum err
csv_format(const struct json *format, struct csv_format *out, struct diag *d)
{
    struct str charset = json_str(json_get(format, S("charset")));
    enum err rc;

    *out = CSV_RFC4180;
    if (!json_bool(json_get(format, S("header")), true))
        return diag_set_path(d, ERR_UNSUPPORTED, "inputFormat.header",
                             "CSV needs a header row: its names are the schema's paths");
    if (charset.n > 0 && !str_eq_nocase(charset, S("utf-8")) && !str_eq_nocase(charset, S("utf8")))
        return diag_set_path(d, ERR_UNSUPPORTED, "inputFormat.charset", "only UTF-8 is read, got '%.*s'",
                             STR_ARG(charset));
    rc = one_char(format, "delimiters", &out->delimiter, d);
    if (rc == ERR_OK)
        rc = one_char(format, "quotes", &out->quote, d);
    if (rc == ERR_OK && json_get(format, S("escapes")) == NULL)
        out->escape = out->quote;
    else if (rc == ERR_OK)
        rc = one_char(format, "escapes", &out->escape, d);
    return rc == ERR_OK ? csv_format_check(*out, d) : rc;
}

enum err
import_format(const struct json *input, struct row_format *out, struct diag *d)
{
    struct str format = json_str(json_get(input, S("format")));

    *out = (struct row_format){.shape = ROWS_JSON, .csv = CSV_RFC4180};
    if (str_eq(format, S("json"))) {
        if (json_bool(json_get(input, S("isMultiLineJson")), false))
            out->shape = ROWS_JSON_MULTILINE;
        return ERR_OK;
    }
    if (str_eq(format, S("csv"))) {
        out->shape = ROWS_CSV;
        return csv_format(input, &out->csv, d);
    }
    if (str_eq(format, S("parquet")))
        return diag_set_path(d, ERR_UNSUPPORTED, "inputFormat.format", "Parquet is not read; send json or csv");
    return diag_set_path(d, ERR_INVALID, "inputFormat.format", "inputFormat.format must be json or csv, got '%.*s'",
                         STR_ARG(format));
}

/* ---- create ---- */

/* 26 characters: 48 bits of time, 80 of chance, in Crockford's alphabet. */
struct str
admin_new_ulid(struct http_req *rq)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char id[BATCH_ID_BYTES];
    uint64_t time = (uint64_t)rq->now_ms, chance[2] = {rng_u64(rq->rng), rng_u64(rq->rng)};

    for (int i = 9; i >= 0; i--, time >>= 5)
        id[i] = digits[time & 31];
    for (int i = 0; i < 16; i++)
        id[10 + i] = digits[chance[i / 8] >> (i % 8 * 5) & 31];
    return arena_str(rq->arena, (struct str){id, BATCH_ID_BYTES});
}

static enum err
check_percent(const struct json *body, double *out, struct diag *d)
{
    const struct json *v = json_get(body, S("partialIngestionPercentage"));

    *out = v == NULL && json_bool(json_get(body, S("enablePartialIngestion")), false) ? 5 : json_f64(v, 0);
    if (v != NULL && (!json_is_number(v) || *out < 0 || *out > 100))
        return diag_set_path(d, ERR_INVALID, "partialIngestionPercentage",
                             "partialIngestionPercentage must be a number from 0 to 100");
    return ERR_OK;
}

static enum err
check_create(const struct call *call, const struct json *body, struct str *dataset, double *percent, struct diag *d)
{
    const struct json *object;
    struct row_format format;
    enum err rc;

    *dataset = json_str(json_get(body, S("datasetId")));
    if (dataset->n == 0)
        return diag_set_path(d, ERR_INVALID, "datasetId", "datasetId is required");
    object = snapshot_object(call->snap, S("dataset"), call->scope, *dataset);
    if (object == NULL)
        return diag_set_path(d, ERR_INVALID, "datasetId", "dataset '%.*s' does not exist", STR_ARG(*dataset));
    if (schema_view_of(call->snap, call->scope, json_str(json_path(object, S("schemaRef.id")))) == NULL)
        return diag_set_path(d, ERR_INVALID, "datasetId", "dataset '%.*s' has no schema", STR_ARG(*dataset));
    if (json_get(body, S("replay")) != NULL)
        return diag_set_path(d, ERR_UNSUPPORTED, "replay", "replacing batches by replay is not supported");
    rc = import_format(json_get(body, S("inputFormat")), &format, d);
    return rc == ERR_OK ? check_percent(body, percent, d) : rc;
}

static void
write_batch(struct jw *w, const struct http_req *rq, const struct call *call, const struct json *body, struct str id,
            struct str dataset, double percent)
{
    jw_object(w);
    jw_kstr(w, S("id"), id);
    jw_kstr(w, S("imsOrg"), call->org);
    jw_kstr(w, S("sandboxName"), call->sandbox);
    jw_kstr(w, S("status"), S("loading"));
    jw_key(w, S("relatedObjects"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("type"), S("dataSet"));
    jw_kstr(w, S("id"), dataset);
    jw_end(w);
    jw_end(w);
    jw_kjson(w, S("inputFormat"), json_get(body, S("inputFormat")));
    jw_kstr(w, S("version"), S("1.0.0"));
    jw_key(w, S("tags"));
    if (json_is(json_get(body, S("tags")), JSON_OBJECT))
        jw_json(w, json_get(body, S("tags")));
    else
        jw_raw(w, S("{}"));
    jw_key(w, S("partialIngestionPercentage"));
    jw_f64(w, percent);
    jw_kbool(w, S("enableErrorDiagnostics"), json_bool(json_get(body, S("enableErrorDiagnostics")), false));
    jw_kstr(w, S("createdUser"), call->client_id);
    jw_kstr(w, S("createdClient"), call->client_id);
    jw_kstr(w, S("updatedUser"), call->client_id);
    jw_ki64(w, S("created"), rq->now_ms);
    jw_ki64(w, S("updated"), rq->now_ms);
    jw_end(w);
}

static void
batch_create(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body;
    struct diag d = DIAG_INIT;
    struct str id = admin_new_ulid(rq), dataset;
    struct jw w;
    double percent = 0;
    enum err rc;

    (void)params;
    if (!admin_body(rq, rs, ERRORS_PROBLEM, &body))
        return;
    rc = check_create(call, body, &dataset, &percent, &d);
    if (rc != ERR_OK) {
        fail(rq, rs,
             rc == ERR_UNSUPPORTED && str_eq(str_of(d.path), S("replay")) ? 501
             : rc == ERR_UNSUPPORTED                                      ? 415
                                                                          : 0,
             rc, &d);
        return;
    }
    w = admin_json(rs, 201);
    write_batch(&w, rq, call, body, id, dataset, percent);
    rc = !buf_ok(rs->body) || id.p == NULL
             ? diag_set(&d, ERR_NOMEM, "no memory for a batch")
             : config_put(call->admin->o.config, S("batch"), call->scope, id, buf_str(rs->body), rq->now_ms, &d);
    if (rc != ERR_OK) {
        buf_clear(rs->body);
        fail(rq, rs, 0, rc, &d);
    }
}

/* ---- upload ---- */

/* Under the lock. NULL: no memory. */
static struct import_batch *
open_batch(struct importer *im, struct str id)
{
    struct import_batch *b = map_get(&im->open, id);

    if (b == NULL) {
        b = calloc(1, sizeof *b);
        if (b != NULL && !map_put(&im->open, id, b, NULL)) {
            free(b);
            b = NULL;
        }
    }
    return b;
}

static enum err
begin_upload(struct importer *im, struct str batch, struct diag *d)
{
    struct import_batch *b;
    enum err rc = ERR_OK;

    os_lock(&im->lock);
    b = open_batch(im, batch);
    if (b == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for a batch");
    else if (b->closing)
        rc = diag_set(d, ERR_INVALID, "batch '%.*s' is being completed", STR_ARG(batch));
    else if (b->files + b->uploads >= LIMIT_UPLOAD_FILES)
        rc = diag_set(d, ERR_LIMIT, "a batch takes at most %d files", LIMIT_UPLOAD_FILES);
    else
        b->uploads++;
    os_unlock(&im->lock);
    return rc;
}

static void
end_upload(struct importer *im, struct str batch, bool stored)
{
    struct import_batch *b;

    os_lock(&im->lock);
    b = map_get(&im->open, batch);
    b->uploads--;
    b->files += stored;
    os_unlock(&im->lock);
}

enum err
import_check_name(struct str name, struct diag *d)
{
    if (name.n == 0 || name.n > LIMIT_UPLOAD_NAME_BYTES)
        return diag_set(d, ERR_INVALID, "a file's name has 1 to %d bytes", LIMIT_UPLOAD_NAME_BYTES);
    if (!str_is_utf8(name))
        return diag_set(d, ERR_INVALID, "a file's name must be UTF-8");
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] < 0x20)
            return diag_set(d, ERR_INVALID, "a file's name must not have control characters");
    }
    return ERR_OK;
}

/* The name on disk is made from two hashes of the client's name: the same name replaces the file, and no name leaves
 * the folder. */
static struct str
upload_suffix(struct str name, struct arena *a)
{
    return arena_printf(a, "u-%016llx%016llx", (unsigned long long)hash_bytes(name, 0),
                        (unsigned long long)hash_bytes(name, 1));
}

static enum err
store(struct importer *im, struct str batch, struct str name, const struct http_req *rq, struct diag *d)
{
    struct os *os = im->admin->o.os;
    struct str suffix = upload_suffix(name, rq->arena);
    const char *path = import_path(im, batch, suffix, rq->arena);
    struct str part = arena_printf(rq->arena, "%s.part", path == NULL ? "" : path);
    struct str head = arena_printf(rq->arena, "%s%.*s\n", UPLOAD_MAGIC, STR_ARG(name));
    struct os_file *f = NULL;
    enum err rc;

    if (path == NULL || part.p == NULL || head.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for an upload");
    rc = os_open(os, part.p, OS_WRITE, &f, d);
    if (rc == ERR_OK)
        rc = os_truncate(os, f, 0, d);
    if (rc == ERR_OK)
        rc = os_pwrite(os, f, 0, head.p, head.n, d);
    if (rc == ERR_OK && rq->body.n > 0)
        rc = os_pwrite(os, f, head.n, rq->body.p, rq->body.n, d);
    if (rc == ERR_OK)
        rc = os_sync(os, f, d);
    os_close(os, f);
    if (rc == ERR_OK)
        rc = os_rename(os, part.p, path, d);
    if (rc == ERR_OK)
        rc = os_sync_dir(os, im->dir, d);
    return rc;
}

/* The batch of a call, loading. NULL: answered. */
static const struct json *
loading_batch(const struct call *call, struct http_req *rq, struct str id, struct http_res *rs)
{
    const struct json *object = snapshot_object(call->snap, S("batch"), call->scope, id);
    struct diag d = DIAG_INIT;
    struct str status = json_str(json_get(object, S("status")));

    if (object == NULL)
        fail(rq, rs, 404, diag_set(&d, ERR_NOT_FOUND, "no batch '%.*s'", STR_ARG(id)), &d);
    else if (!str_eq(status, S("loading")))
        fail(rq, rs, 400, diag_set(&d, ERR_INVALID, "batch '%.*s' is %.*s, not loading", STR_ARG(id), STR_ARG(status)),
             &d);
    else
        return object;
    return NULL;
}

static void
file_put(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct importer *im = call->admin->importer;
    struct str id = route_param(params, S("batch")), dataset = route_param(params, S("dataset")),
               name = route_param(params, S("name"));
    const struct json *object = loading_batch(call, rq, id, rs);
    struct diag d = DIAG_INIT;
    enum err rc;

    if (object == NULL)
        return;
    rc = import_check_name(name, &d);
    if (rc == ERR_OK &&
        !str_eq(dataset, json_str(json_get(json_at(json_get(object, S("relatedObjects")), 0), S("id")))))
        rc = diag_set(&d, ERR_INVALID, "batch '%.*s' is not of dataset '%.*s'", STR_ARG(id), STR_ARG(dataset));
    if (rc == ERR_OK)
        rc = begin_upload(im, id, &d);
    if (rc == ERR_OK) {
        rc = store(im, id, name, rq, &d);
        end_upload(im, id, rc == ERR_OK);
    }
    if (rc != ERR_OK)
        fail(rq, rs, 0, rc, &d);
    else
        rs->status = 200;
}

/* ---- complete, abort, fail ---- */

/* Nothing is uploaded to the batch from here on. */
static enum err
begin_close(struct importer *im, struct str batch, struct diag *d)
{
    struct import_batch *b;
    enum err rc = ERR_OK;

    os_lock(&im->lock);
    b = open_batch(im, batch);
    if (b == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for a batch");
    else if (b->closing)
        rc = diag_set(d, ERR_INVALID, "batch '%.*s' is being completed already", STR_ARG(batch));
    else if (b->uploads > 0)
        rc = diag_set(d, ERR_INVALID, "%u files of batch '%.*s' are still being uploaded", b->uploads, STR_ARG(batch));
    else
        b->closing = true;
    os_unlock(&im->lock);
    return rc;
}

static void
end_close(struct importer *im, struct str batch, bool closed)
{
    struct import_batch *b;

    os_lock(&im->lock);
    b = map_get(&im->open, batch);
    b->closing = false;
    if (closed) {
        (void)map_remove(&im->open, batch);
        free(b);
    }
    os_unlock(&im->lock);
}

static enum err
complete(struct call *call, struct http_req *rq, struct str id, struct diag *d)
{
    struct importer *im = call->admin->importer;
    struct str patch = arena_printf(rq->arena, "{\"status\":\"loaded\",\"updated\":%lld}", (long long)rq->now_ms);
    enum err rc = import_reserve(im, d);

    if (rc != ERR_OK)
        return rc;
    rc = import_patch_batch(im, call->scope, id, "loading", patch, rq->arena, d);
    if (rc == ERR_OK)
        import_enqueue(im, call->scope, id);
    else
        import_unreserve(im);
    return rc;
}

static enum err
give_up(struct call *call, struct http_req *rq, struct str id, const char *status, struct diag *d)
{
    struct importer *im = call->admin->importer;
    struct str patch = arena_printf(rq->arena, "{\"status\":\"%s\",\"updated\":%lld,\"completed\":%lld}", status,
                                    (long long)rq->now_ms, (long long)rq->now_ms);
    enum err rc = import_patch_batch(im, call->scope, id, "loading", patch, rq->arena, d);

    if (rc == ERR_OK && strcmp(status, "aborted") == 0)
        import_remove(im, id, true);
    return rc;
}

static void
batch_action(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct importer *im = call->admin->importer;
    struct str id = route_param(params, S("batch")), action = http_query(rq, S("action"));
    struct diag d = DIAG_INIT;
    enum err rc;

    if (str_eq_nocase(action, S("REVERT"))) {
        fail(rq, rs, 501, diag_set(&d, ERR_UNSUPPORTED, "reverting a batch is not supported"), &d);
        return;
    }
    if (!str_eq_nocase(action, S("COMPLETE")) && !str_eq_nocase(action, S("ABORT")) &&
        !str_eq_nocase(action, S("FAIL"))) {
        fail(rq, rs, 400, diag_set(&d, ERR_INVALID, "action must be COMPLETE, ABORT, FAIL or REVERT"), &d);
        return;
    }
    if (loading_batch(call, rq, id, rs) == NULL)
        return;
    rc = begin_close(im, id, &d);
    if (rc == ERR_OK) {
        rc = str_eq_nocase(action, S("COMPLETE")) ? complete(call, rq, id, &d)
             : str_eq_nocase(action, S("ABORT"))  ? give_up(call, rq, id, "aborted", &d)
                                                  : give_up(call, rq, id, "failed", &d);
        end_close(im, id, rc == ERR_OK);
    }
    if (rc != ERR_OK)
        fail(rq, rs, rc == ERR_BUSY ? 429 : 0, rc, &d);
    else
        rs->status = 200;
}

static const struct route routes[] = {
    {HTTP_POST, "/data/foundation/import/batches", LIMIT_ADMIN_BODY_BYTES, batch_create},
    {HTTP_POST, "/data/foundation/import/batches/{batch}", LIMIT_ADMIN_BODY_BYTES, batch_action},
    {HTTP_PUT, "/data/foundation/import/batches/{batch}/datasets/{dataset}/files/{name...}", LIMIT_UPLOAD_BODY_BYTES,
     file_put},
};
const struct family family_import = {routes, sizeof routes / sizeof routes[0], ERRORS_PROBLEM, false};
