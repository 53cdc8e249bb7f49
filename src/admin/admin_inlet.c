/* admin_inlet.c - streaming ingestion: one message or many, answered when the hit is in the log [PLATFORM 3.3].
 *
 * A message names its organisation, schema and dataset in its header and carries one record or event. Its body is
 * checked before the answer, always: that costs microseconds here, so a client that did not ask for syncValidation
 * hears of a bad body at once as well, instead of finding a failed batch later. OURS
 *
 * Acknowledgement  200 and 207 mean: in the log's file, safe from the death of the process, on the disk within 10 ms.
 * With ?ack=fsync the answer waits for the disk. OURS Operations       header.operations.data: create (default)
 * replaces the stored fragment, merge writes into it leaf by leaf, delete leaves the fragment without data. Values are
 * taken as they are: no lenient conversion here, a wrong type is a violation. */
#include <stdatomic.h>

#include "admin/admin_int.h"
#include "admin/admin_rows.h"
#include "base/limits.h"
#include "base/metric.h"

#define PROBLEM_TYPE "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"
#define NODE "0001" /* the middle part of an xactionId: one node accepts in this version [PLATFORM B-9] */

/* Transactions since the process started, for xactionId and batchId. */
static atomic_uint_fast64_t transactions;

struct inlet {
    struct str id;
    struct str scope, org;
    bool authenticated;
};

struct message_fault {
    const char *what; /* envelope faults, NULL: the body's fault below */
    struct row_fault body;
};

/* ---- answers ---- */

static void
write_message(struct jw *w, struct http_req *rq, const struct inlet *inlet, const char *what)
{
    jw_kstr(
        w, S("message"),
        arena_printf(rq->arena, "inletId: [%.*s] imsOrgId: [%.*s] %s", STR_ARG(inlet->id), STR_ARG(inlet->org), what));
}

static void
write_violations(struct jw *w, struct http_req *rq, const struct row_fault *f)
{
    jw_key(w, S("_streamingValidation"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("schemaLocation"), S("#"));
    jw_kstr(w, S("pointerToViolation"), S("#"));
    jw_key(w, S("causingExceptions"));
    jw_array(w);
    for (size_t i = 0; i < f->violation_count; i++) {
        const struct schema_violation *v = &f->violations[i];
        jw_object(w);
        jw_kstr(w, S("schemaLocation"), v->schema_location);
        jw_kstr(w, S("pointerToViolation"), v->pointer);
        jw_key(w, S("causingExceptions"));
        jw_array(w);
        jw_end(w);
        jw_kstr(w, S("keyword"), str_of(v->keyword));
        jw_kstr(w, S("message"), v->message);
        jw_end(w);
    }
    if (f->violation_count == 0) { /* not a matter of the schema: an identity, a time */
        jw_object(w);
        jw_kstr(w, S("schemaLocation"), S("#"));
        jw_kstr(w, S("pointerToViolation"), S("#"));
        jw_key(w, S("causingExceptions"));
        jw_array(w);
        jw_end(w);
        jw_kstr(w, S("keyword"), f->code == ROW_INCOMPLETE ? S("required") : S("identity"));
        jw_kstr(w, S("message"), f->message);
        jw_end(w);
    }
    jw_end(w);
    jw_kstr(w, S("message"),
            arena_printf(rq->arena, "%zu schema violations found", f->violation_count > 0 ? f->violation_count : 1));
    jw_end(w);
    jw_end(w);
}

static void
answer_problem(struct http_req *rq, struct http_res *rs, int status, const struct inlet *inlet,
               const struct message_fault *f)
{
    struct jw w = admin_json(rs, status);

    jw_object(&w);
    jw_kstr(&w, S("type"), S(PROBLEM_TYPE));
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("title"), S("Invalid XDM Message Format"));
    jw_key(&w, S("report"));
    jw_object(&w);
    write_message(&w, rq, inlet, f->what != NULL ? f->what : "Message is invalid");
    if (f->what == NULL) {
        jw_key(&w, S("cause"));
        jw_object(&w);
        write_violations(&w, rq, &f->body);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

static void
answer_status(struct http_req *rq, struct http_res *rs, int status, const struct inlet *inlet, const char *title,
              const char *what)
{
    struct jw w = admin_json(rs, status);

    jw_object(&w);
    jw_kstr(&w, S("type"), S(PROBLEM_TYPE));
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("title"), str_of(title));
    jw_key(&w, S("report"));
    jw_object(&w);
    write_message(&w, rq, inlet, what);
    jw_end(&w);
    jw_end(&w);
    if (status == 503)
        rs->retry_after_s = 5;
}

/* ---- the inlet ---- */

/* False: answered. */
static bool
find_inlet(const struct call *call, struct http_req *rq, struct str id, struct inlet *out, struct http_res *rs)
{
    struct str scope, client, org;
    const struct json *object = snapshot_find(call->snap, S("inlet"), id, &scope);

    *out = (struct inlet){.id = id};
    if (object == NULL) {
        answer_status(rq, rs, 404, out, "Inlet not found", "The inlet does not exist");
        return false;
    }
    out->scope = scope;
    out->org = scope_org(scope);
    out->authenticated = json_bool(json_get(object, S("authenticationRequired")), false);
    if (!out->authenticated)
        return true;
    if (http_header(rq, S("Authorization")).p == NULL) {
        answer_status(rq, rs, 401, out, "Unauthorized", "Authorization token is missing");
        return false;
    }
    if (!admin_token_check(call->admin, rq, &client, &org) || !str_eq(org, out->org)) {
        answer_status(rq, rs, 403, out, "Forbidden", "Authorization token is not valid for this inlet");
        return false;
    }
    return true;
}

/* ---- one message ---- */

static const char *
read_operation(const struct json *header, struct row_reader *r, bool *remove)
{
    const struct json *v = json_path(header, S("operations.data"));
    struct str op = json_str(v);

    *remove = str_eq(op, S("delete"));
    if (v == NULL || str_eq(op, S("create")))
        return NULL;
    if (!str_eq(op, S("merge")) && !*remove)
        return "Message has an unknown operation: operations.data must be create, merge or delete";
    if (r->event)
        return "Message has an operation that only records can have";
    r->upsert = str_eq(op, S("merge"));
    return NULL;
}

/* Header and envelope [PLATFORM 3.3]. The reader is open afterwards when NULL is returned. */
static const char *
read_envelope(const struct call *call, const struct inlet *inlet, const struct json *message, struct row_reader *r,
              const struct json **entity)
{
    const struct json *header = json_get(message, S("header")), *object;
    struct str org = json_str(json_get(header, S("imsOrgId"))), dataset = json_str(json_get(header, S("datasetId"))),
               schema = json_str(json_path(header, S("schemaRef.id"))),
               body_schema = json_str(json_path(message, S("body.xdmMeta.schemaRef.id")));
    struct diag ignored = DIAG_INIT; /* the message names no more than the public product's does */

    if (!json_is(header, JSON_OBJECT) || !json_is(json_get(message, S("body")), JSON_OBJECT))
        return "Message has unknown xdm format";
    if (json_get(header, S("imsOrgId")) != NULL && !str_eq(org, inlet->org))
        return "Message has an imsOrgId that is not the inlet's";
    if (schema.n == 0)
        return "Message has no schemaRef.id in its header";
    if (body_schema.n > 0 && !str_eq(body_schema, schema))
        return "Message has different schemas in header and xdmMeta";
    if (dataset.n == 0)
        return "Message has no datasetId in its header";
    object = snapshot_object(call->snap, S("dataset"), inlet->scope, dataset);
    if (object == NULL)
        return "Message has an unknown datasetId";
    if (!str_eq(json_str(json_path(object, S("schemaRef.id"))), schema))
        return "Message has a schema that is not its dataset's";
    *entity = json_path(message, S("body.xdmEntity"));
    if (!json_is(*entity, JSON_OBJECT))
        return "Message has no body.xdmEntity";
    if (row_reader_init(r, call->snap, inlet->scope, dataset, object, &ignored) != ERR_OK)
        return "Message has an unknown schema";
    return NULL;
}

/* Checks a message and adds its hit to the group. ERR_INVALID: *fault. */
static enum err
take_message(const struct call *call, struct http_req *rq, const struct inlet *inlet, const struct json *message,
             struct str xaction, struct hit_group *group, struct message_fault *fault)
{
    const struct json *entity;
    struct row_reader reader;
    struct diag d = DIAG_INIT;
    struct hit hit;
    bool remove = false;
    enum err rc = ERR_INVALID;

    *fault = (struct message_fault){0};
    fault->what = read_envelope(call, inlet, message, &reader, &entity);
    if (fault->what != NULL) {
        metric_inc(M_INLET_REFUSED);
        return ERR_INVALID;
    }
    fault->what = read_operation(json_get(message, S("header")), &reader, &remove);
    if (fault->what == NULL)
        rc = row_read_value(&reader, entity, rq->now_ms, rq->arena, &hit, &fault->body);
    if (rc == ERR_OK) {
        hit.request_id = xaction;
        hit.accepted_us = rq->now_ms * 1000;
        if (remove)
            hit.xdm_text = S("{}");
        rc = hit_group_add(group, &hit, &d);
        if (rc != ERR_OK)
            fault->what = "Message is too large";
    }
    row_reader_deinit(&reader);
    if (rc != ERR_OK)
        metric_inc(M_INLET_REFUSED);
    return rc == ERR_OK ? ERR_OK : ERR_INVALID;
}

static enum ack
asked_ack(const struct http_req *rq)
{
    return str_eq(http_query(rq, S("ack")), S("fsync")) ? ACK_SYNCED : ACK_WRITTEN;
}

static struct str
new_transaction(struct http_req *rq)
{
    return arena_printf(rq->arena, "%lld:" NODE ":%llu", (long long)rq->now_ms,
                        (unsigned long long)atomic_fetch_add(&transactions, 1));
}

/* Appends; false: answered with 503. */
static bool
append(const struct call *call, struct http_req *rq, const struct inlet *inlet, struct hit_group *group,
       struct http_res *rs)
{
    struct diag d = DIAG_INIT;
    size_t count = group->count;
    enum err rc = hit_group_append(group, call->admin->o.collect, rq->now_ms, asked_ack(rq), &d);

    if (rc == ERR_OK) {
        metric_add(M_INLET_MESSAGES, count);
        return true;
    }
    buf_clear(rs->body);
    answer_status(rq, rs, rc == ERR_BUSY ? 503 : 500, inlet, "Not stored", d.what);
    return false;
}

/* The body as JSON; false: answered. */
static bool
read_body(struct http_req *rq, const struct inlet *inlet, const struct json **out, struct http_res *rs)
{
    struct diag d = DIAG_INIT;

    if (str_starts(http_header(rq, S("Content-Type")), S("application/x-jackson-smile"))) {
        answer_status(rq, rs, 415, inlet, "Unsupported Media Type", "send JSON"); /* [PLATFORM B-7] */
        return false;
    }
    if (json_parse(rq->body, rq->arena, out, &d) == ERR_OK)
        return true;
    answer_status(rq, rs, 400, inlet, "Invalid XDM Message Format",
                  arena_printf(rq->arena, "Message is not JSON: %s", d.what).p);
    return false;
}

static void
message_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    struct str sync = http_query(rq, S("syncValidation")), xaction = new_transaction(rq);
    const struct json *message;
    struct message_fault fault;
    struct hit_group group;
    struct inlet inlet;
    bool taken;
    struct jw w;

    if (!find_inlet(call, rq, route_param(params, S("inletId")), &inlet, rs) || !read_body(rq, &inlet, &message, rs))
        return;
    hit_group_init(&group);
    taken = take_message(call, rq, &inlet, message, xaction, &group, &fault) == ERR_OK;
    if (!taken)
        answer_problem(rq, rs, 400, &inlet, &fault);
    taken = taken && append(call, rq, &inlet, &group, rs);
    hit_group_deinit(&group);
    if (!taken)
        return;
    w = admin_json(rs, 200);
    jw_object(&w);
    jw_kstr(&w, S("inletId"), inlet.id);
    jw_kstr(&w, S("xactionId"), xaction);
    jw_ki64(&w, S("receivedTimeMs"), rq->now_ms);
    jw_key(&w, S("syncValidation"));
    jw_object(&w);
    if (str_eq_nocase(sync, S("true")))
        jw_kstr(&w, S("status"), S("pass"));
    else
        jw_kbool(&w, S("skipped"), true);
    jw_end(&w);
    jw_end(&w);
}

/* ---- many messages ---- */

/* Failing entries carry status and statusCode and an xactionId that ends with the index; the others neither
 * [PLATFORM 3.3]. */
static void
write_response(struct jw *w, struct http_req *rq, const struct inlet *inlet, struct str xaction, size_t index,
               const struct message_fault *f, bool taken)
{
    jw_object(w);
    if (!taken) {
        struct str uuid = admin_new_uuid(rq);
        const char *what =
            f->what != NULL ? f->what : arena_printf(rq->arena, "Message is invalid: %.*s", STR_ARG(f->body.message)).p;
        jw_ki64(w, S("status"), 400);
        jw_ki64(w, S("statusCode"), 400);
        jw_kstr(w, S("xactionId"), arena_printf(rq->arena, "%.*s-%zu", STR_ARG(uuid), index));
        write_message(w, rq, inlet, what != NULL ? what : "Message is invalid");
    } else {
        jw_kstr(w, S("xactionId"), xaction);
    }
    jw_end(w);
}

/* All messages in their order; what is valid is appended by the group. False: answered. */
static bool
take_messages(const struct call *call, struct http_req *rq, const struct inlet *inlet, const struct json *messages,
              struct str batch, struct jw *w, struct http_res *rs)
{
    struct json_iter it = json_iter(messages);
    struct message_fault fault;
    struct hit_group group;
    bool ok = true;

    hit_group_init(&group);
    for (size_t i = 0; ok && json_next(&it); i++) {
        struct str xaction = arena_printf(rq->arena, "%.*s:%zu", STR_ARG(batch), i);
        bool taken = take_message(call, rq, inlet, it.value, xaction, &group, &fault) == ERR_OK;
        write_response(w, rq, inlet, xaction, i, &fault, taken);
        if (hit_group_full(&group))
            ok = append(call, rq, inlet, &group, rs);
    }
    ok = ok && append(call, rq, inlet, &group, rs);
    hit_group_deinit(&group);
    return ok;
}

static void
batch_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body, *messages;
    struct inlet inlet;
    struct str batch;
    struct jw w;

    if (!find_inlet(call, rq, route_param(params, S("inletId")), &inlet, rs) || !read_body(rq, &inlet, &body, rs))
        return;
    messages = json_get(body, S("messages"));
    if (!json_is(messages, JSON_ARRAY) || json_count(messages) == 0 || json_count(messages) > LIMIT_INLET_MESSAGES) {
        answer_status(rq, rs, 400, &inlet, "Invalid XDM Message Format",
                      "Request must have messages, an array of 1 to 1000");
        return;
    }
    batch = new_transaction(rq);
    w = admin_json(rs, 207);
    jw_object(&w);
    jw_kstr(&w, S("inletId"), inlet.id);
    jw_kstr(&w, S("batchId"), batch);
    jw_ki64(&w, S("receivedTimeMs"), rq->now_ms);
    jw_key(&w, S("responses"));
    jw_array(&w);
    if (!take_messages(call, rq, &inlet, messages, batch, &w, rs))
        return;
    jw_end(&w);
    jw_end(&w);
}

_Static_assert(LIMIT_INLET_MESSAGES == 1000, "the message above says so");

static const struct route routes[] = {
    {HTTP_POST, "/collection/{inletId}", LIMIT_INLET_BODY_BYTES, message_post},
    {HTTP_POST, "/collection/batch/{inletId}", LIMIT_INLET_BODY_BYTES, batch_post},
};
const struct family family_inlet = {routes, sizeof routes / sizeof routes[0], ERRORS_PROBLEM, true};
