/* admin_int.h - what the families of routes share: the call in progress, error bodies, saving objects. */
#ifndef ADMIN_ADMIN_INT_H
#define ADMIN_ADMIN_INT_H

#include "admin/admin.h"
#include "admin/admin_edit.h"
#include "admin/admin_rate.h"
#include "base/civil.h"
#include "codec/json_writer.h"
#include "os/thread.h"

#include <stdatomic.h>

struct evaluator; /* counts over all profiles, and the thread that makes them (admin_evaluate.h) */
struct importer;  /* batch uploads, the thread that turns them into hits, compiled row readers (admin_import.c) */

struct admin {
    struct admin_options o;
    struct importer *importer;
    struct evaluator *evaluator;
    struct route *routes;         /* of all families, owned */
    const struct family **owners; /* by index in routes, owned */
    size_t route_count;
    struct admin_rate target_rate; /* of the Target admin API */
    _Atomic uint64_t measured;     /* configuration at which the gauges of guardrails are, + 1 */
};

/* Called by admin_new (last) and admin_free (first). Opening resumes batches that were completed but not processed
 * before the last stop. Closing finishes the group of rows in hand and leaves the rest of the batch for the next start.
 */
enum err admin_import_open(struct admin *a, struct diag *d);
void admin_import_close(struct admin *a);
/* The same for counts over all profiles (admin_evaluate.c). Closing ends the one in hand. */
enum err admin_evaluate_open(struct admin *a, struct diag *d);
void admin_evaluate_close(struct admin *a);

/* One authenticated call; handlers of routes get it as their ctx. */
struct call {
    struct admin *admin;
    const struct snapshot *snap; /* held for the call */
    struct str org;              /* "....@AdobeOrg" */
    struct str sandbox;
    struct str scope; /* org/sandbox */
    struct str client_id;
};

/* Token, key, organisation, tenant and rate of a request, into the call. False: the refusal is written
 * (admin_gateway.c). */
bool admin_gateway(struct call *call, struct http_req *rq, struct http_res *rs);
/* The handler of a path, for a call that passed the gateway; 404 and 405 are written. */
void admin_dispatch(struct call *call, struct http_req *rq, struct http_res *rs);
/* /{tenant}/target/... */
bool admin_is_target_path(struct str path);

#define PROFILE_MODEL "_xdm.context.profile" /* schema.name of all that is about people */
/* Bodies with an expression, which JSON may make twice as long. */
#define EXPRESSION_BODY_MAX (LIMIT_PQL_TEXT_BYTES * 2 + LIMIT_ADMIN_BODY_BYTES)

/* A family: its routes, how it says errors, and whether a token is needed. */
enum error_style { ERRORS_PROBLEM, ERRORS_PROFILE, ERRORS_FLOW, ERRORS_UPAPI, ERRORS_TARGET };
struct family {
    const struct route *routes;
    size_t count;
    enum error_style style;
    bool open; /* no token: /ims, /collection of unauthenticated inlets, /healthz */
};
extern const struct family family_auth, family_schema, family_catalog, family_import, family_export, family_inlet,
    family_flow, family_namespace, family_identity, family_profile, family_segment, family_offer,
    family_target_audience, family_property, family_own, family_ops, family_sandbox, family_report, family_report_pages,
    family_recount, family_registry, family_activity, family_explain, family_preview, family_job, family_schedule,
    family_conversion, family_search, family_guardrail, family_sample, family_diff, family_as_of, family_external,
    family_external_run, family_external_file, family_export_job, family_target_setup, family_target_builtin,
    family_bundle, family_batch, family_target_token, family_changelog, family_revision, family_what_if,
    family_decision, family_target_seen, family_target_once; /* pages: GET /reports, open and read only */

/* Answers with the family's error body for (rc, d). status 0: http_status_of(rc). */
void admin_fail(struct http_req *rq, struct http_res *rs, enum error_style style, int status, enum err rc,
                const struct diag *d);
/* The request body as JSON; on failure the answer is written and false returned. */
bool admin_body(struct http_req *rq, struct http_res *rs, enum error_style style, const struct json **out);
/* Writer over rs->body, with status and content type application/json set. */
struct jw admin_json(struct http_res *rs, int status);
/* 24 lower-case hex digits, and a UUID, from the worker's rng, in the arena. */
struct str admin_new_id(struct http_req *rq);
struct str admin_new_uuid(struct http_req *rq);
/* 26 characters: time and chance, as batches have them. */
struct str admin_new_ulid(struct http_req *rq);
/* Paging: limit and start of the query, clamped. */
struct admin_page {
    size_t start, limit;
};
struct admin_page admin_page(const struct http_req *rq, size_t limit_default, size_t limit_max);

/* The one merge policy of a sandbox [PLATFORM 5.2]: made from the scope's name (admin_profile.c). Arena text. */
struct str admin_merge_policy_id(struct arena *a, struct str scope);

/* An inlet is a config object of kind "inlet" with the scope of its connection and the id of its path (64 hex digits),
 * made by POST flowservice/connections:
 * {"id","connectionId","name","sourceId","dataType":"xdm","authenticationRequired":bool}. Its path carries no
 * organisation: look it up with snapshot_find(). */

/* The claims of the bearer token when the request carries a valid one (for authenticated inlets). False: none or not
 * valid. */
struct token_claims {
    struct str client_id, org, scope;
    int64_t created_ms, expires_ms;
};
#define TOKEN_LIFE_MS (24 * MS_PER_HOUR) /* [PLATFORM 1.4] */
/* A signed token [PLATFORM 1.4]; p is NULL without memory. */
struct str admin_token_make(const struct admin *a, struct http_req *rq, const struct token_claims *claims);
/* False: malformed, not ours, or expired. With the emulated clock tokens do not expire: tests move it by months. */
bool admin_token_read(const struct admin *a, struct str token, const struct http_req *rq, struct token_claims *out);
bool admin_token_check(const struct admin *a, const struct http_req *rq, struct str *client_id, struct str *org);

/* 404 in the family's style: "schema 'x' not found". */
void admin_not_found(struct http_req *rq, struct http_res *rs, enum error_style style, const char *kind, struct str id);
/* The id under which this answer goes out (x-request-id). */
struct str admin_request_id(struct http_req *rq, const struct http_res *rs);
/* As admin_body, and it must be an object. */
bool admin_body_object(struct http_req *rq, struct http_res *rs, enum error_style style, const struct json **out);
/* JSON text as the whole answer, and an answer without a body. */
void admin_text(struct http_res *rs, int status, struct str json_text);
void admin_empty(struct http_res *rs, int status);

/* A sandbox as objects show theirs: {sandboxId, sandboxName, type, default}; and as text in the arena. */
void admin_write_sandbox(struct jw *w, const struct snapshot *snap, struct str org, struct str name);
struct str admin_sandbox_text(struct arena *a, const struct snapshot *snap, struct str org, struct str name);

/* Saves one object of the call's scope; version as in struct config_change. */
enum err admin_save(struct call *call, struct http_req *rq, const char *kind, struct str id, struct str json,
                    uint64_t version, struct diag *d);
/* Saves a new object under the next number of its kind in the scope, which goes into member "id". Numbers are never
 * used again, because reports and visitors' assignments name them: the last one is kept in an object of kind "counter".
 * The query's "id" asks for a number (OURS); ERR_EXISTS: it is taken. */
enum err admin_create_numbered(struct call *call, struct http_req *rq, const char *kind, struct edit *e, int64_t *id,
                               struct str *text, struct diag *d);

#endif
