/* admin.h - the REST API of the control plane and of the hub's data, as one http_service.
 *
 * Each family of paths is a file with its own table of routes; admin.c puts the tables together, checks the gateway
 * rules (token, API key, organisation, sandbox) once before any of them, and maps errors to the family's documented
 * body [PLATFORM 1.3]. docs/openapi.yaml lists every route; a test holds the two together (admin_routes).
 *
 *   admin_gateway.c        (none)                                 who may call, whose data it is, how often
 *   admin_auth.c           /ims/...                               tokens                           [PLATFORM 1.4]
 *   admin_sandbox.c        /data/foundation/sandbox-...           sandboxes                        [PLATFORM 1.6]
 *   admin_schema.c         /data/foundation/schemaregistry/...    schemas, field groups            [PLATFORM 2]
 *   admin_registry.c       the same                               descriptors, unions, standard resources
 *   admin_catalog.c        /data/foundation/catalog/...           datasets, batches                [PLATFORM 3.1]
 *   admin_import.c         /data/foundation/import/, /export/     batch ingestion, row errors     [PLATFORM 3.2]
 *   admin_inlet.c          /collection/...                        streaming ingestion              [PLATFORM 3.3]
 *   admin_flow.c           /data/foundation/flowservice/...       inlets, destinations             [PLATFORM 3.3, 7.2]
 *   admin_namespace.c      /data/core/idnamespace/...             namespaces                       [PLATFORM 4.1]
 *   admin_identity.c       /data/core/identity/...                graphs                           [PLATFORM 4]
 *   admin_profile.c        /data/core/ups/access, .../config      profile look-up, merge policies  [PLATFORM 5]
 *   admin_segment.c        /data/core/ups/audiences, /segment/... audiences                        [SEGMENTATION 17]
 *   admin_explain.c        /data/core/ups/audiences/{id}/explain  why a person is a member, or not OURS
 *   admin_preview.c        /data/core/ups/preview, .../estimate   counts of what is not saved      [SEGMENTATION 17.8]
 *   admin_diff.c           /data/core/ups/diff                    what an edit would change        OURS
 *   admin_as_of.c          /data/core/ups/as-of                   memberships at a past instant    OURS
 *   admin_job_rest.c       /data/core/ups/segment/jobs            segment jobs                     [SEGMENTATION 17.5]
 *   admin_schedule.c       /data/core/ups/config/schedules        when jobs begin by themselves    [SEGMENTATION 17.6]
 *   admin_conversion.c     /data/core/ups/segment/conversion      an expression's other form       [SEGMENTATION 17.4]
 *   admin_sample.c         /data/core/ups/previewsamplestatus     how many people there are        [SEGMENTATION 17.8]
 *   admin_search.c         /data/core/ups/search/...              audiences by words               [SEGMENTATION 17.9]
 *   admin_guardrail_rest.c /edgewise/guardrails                   documented limits                OURS
 *   admin_external.c       /data/core/ais/...                     external audiences, their files  [SEGMENTATION 17.10]
 *   admin_export_job.c     /data/core/ups/export/jobs             profiles to files                [SEGMENTATION 17.7]
 *   admin_offer.c          /{tenant}/target/offers/...            offers                           [TARGET 6.2]
 *   admin_target_audience.c  /{tenant}/target/audiences/...       Target's own audiences           [TARGET 6.4]
 *   admin_property.c       /{tenant}/target/properties/...        properties                       [TARGET 6.5]
 *   admin_activity.c       /{tenant}/target/activities/...        activities                       [TARGET 6.3]
 *   admin_changelog.c      /{tenant}/target/activities/{id}/changelog   what was changed          [TARGET 6.2]
 *   admin_revision.c       /{tenant}/target/revisions/...         what objects were                [TARGET 6.2]
 *   admin_batch.c          /{tenant}/target/batch                 several calls in one             [TARGET 6.7]
 *   admin_target_token.c   /{tenant}/target/authentication/token  tokens of traces and profiles    [TARGET 6.9]
 *   admin_target_setup.c   /{tenant}/target/environments, hosts, scripts, tokens, groups  [TARGET 6.2]
 *   admin_target_builtin.c  /{tenant}/target/offers/templates      what is there unmade            [TARGET 6.2]
 *   admin_target_once.c    /{tenant}/target/clients/settings, authorizedHosts, ...  [TARGET 6.2]
 *   admin_target_seen.c    /{tenant}/target/hosts, mboxes, ...    names that requests had          [TARGET 6.2]
 *   admin_report.c         /{tenant}/target/.../report, ...       results                          [TARGET 6.8]
 *   admin_decision.c       /{tenant}/target/decisions             why it was decided so            OURS
 *   admin_what_if.c        /{tenant}/target/what-if               what other activities had done   OURS
 *   admin_allocator.c      (none)                                 Auto-Allocate's weights          [TARGET 8.1]
 *   admin_trainer.c        (none)                                 models of Auto-Target and AP     [TARGET 8.2]
 *   admin_own.c            /edgewise/...                          datastreams, sizes, drain        OURS
 *   admin_ops.c            /healthz, /metrics, /emulator/clock    operation
 *
 * Threads    Handlers run on HTTP workers. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/admin_guardrail.h"
#include "config/artifact.h"
#include "decide/rerun.h"
#include "http/http.h"
#include "http/router.h"

struct hub;
struct jw;
struct rule;
struct census;
struct past;
struct hub_recount;
struct profile_scan;

struct admin_recount_progress {
    bool done;
    uint64_t read, total; /* records */
    int64_t since_ms;     /* of the oldest record, when older ones are gone; else 0 */
};

/* What admin needs from the hub, filled in app/ (admin and hub are of one layer). NULL members: this process has no
 * hub. */
struct admin_hub {
    void *ctx;
    enum err (*read_profile)(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a,
                             void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g),
                             void *each_ctx, struct diag *d);
    void (*read)(void *ctx, void (*f)(void *ctx, struct kv *k), void *f_ctx);
    uint64_t (*audience_size)(void *ctx, struct str scope, struct str audience);
    enum err (*drain)(void *ctx, uint64_t timeout_us, struct diag *d);
    /* Some profiles of a scan, under the state lock (profile/profile_scan.h). */
    enum err (*visit)(void *ctx, struct profile_scan *scan, struct arena *a,
                      void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g),
                      void *each_ctx, struct diag *d);
    /* Profiles visited since audiences or mappings changed, of how many; false: all are up to date. */
    bool (*sweep)(void *ctx, uint64_t *done, uint64_t *total);
    /* Counting over all profiles, a slice at a time (segment/census.h). ERR_BUSY: later. */
    enum err (*census_slice)(void *ctx, struct census *c, struct diag *d);
    enum err (*census_repair)(void *ctx, struct str scope, uint64_t profile, struct diag *d);
    /* A segment job of a strict sandbox: hub_job() and hub_job_done(). */
    enum err (*job)(void *ctx, struct str scope, struct str job, const struct str *segments, size_t count,
                    uint64_t *offset, struct diag *d);
    enum err (*job_done)(void *ctx, uint64_t offset, uint64_t timeout_us, struct diag *d);
    /* Hits since an instant, those of an edge first, until each() says no. */
    enum err (*collected)(void *ctx, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx,
                          struct diag *d);
    /* The offset at which the hits of an edge begin; 0: none was cut. */
    uint64_t (*log_begin)(void *ctx);
    /* As collected(), but of an edge alone, and hits among which all are that name one of the visitors: their bare ids
     * (visitor/visitor.h); each() may add some. */
    enum err (*named)(void *ctx, int64_t since_ms, const struct str *ids, const size_t *count,
                      bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d);
    /* The hit of an edge at an offset, in the arena. ERR_NOT_FOUND: it is to come, or the log was cut behind it. */
    enum err (*hit_at)(void *ctx, uint64_t offset, struct arena *a, struct record *out, struct diag *d);
    /* Results of one activity counted anew: hub_recount_*(). */
    enum err (*recount_new)(void *ctx, struct str scope, struct str activity, struct str name, struct str object,
                            struct hub_recount **out, struct diag *d);
    enum err (*recount_slice)(void *ctx, struct hub_recount *r, bool whole, struct admin_recount_progress *p,
                              struct diag *d);
    struct str (*recount_activity)(const struct hub_recount *r, struct arena *a);
    enum err (*recount_tell)(void *ctx, struct hub_recount *r, uint64_t *offset, struct diag *d);
    enum err (*recount_sweep)(void *ctx, struct str building, uint64_t *cursor, struct diag *d);
    void (*recount_free)(struct hub_recount *r);
    /* A step of a look into the past (segment/past.h). ERR_BUSY: later. */
    enum err (*past_slice)(void *ctx, struct past *p, struct diag *d);
    /* The emulated clock: sets it, fires timers at hub and edge up to it; NULL without --emulator. ERR_INVALID:
     * backwards. */
    enum err (*set_clock)(void *ctx, int64_t now_ms, struct diag *d);
};

struct admin_options {
    struct os *os;
    struct config *config;
    struct topic *collect; /* ingestion appends here */
    struct admin_hub hub;
    const char *dir;                     /* uploaded batch files wait below it until they are completed */
    struct str signing_key;              /* of access tokens: 32 random bytes */
    bool ready;                          /* /healthz */
    struct guardrails guardrails;        /* all zero: as documented, and reported only */
    struct rerun_ops rerun;              /* decides recorded requests again (decide/rerun.h); all NULL: no edge here */
    struct artifacts *artifacts;         /* on-device ones; NULL: none are made here */
    unsigned target_requests_per_minute; /* of one client to the Target admin API; 0: any number */
};

struct admin;

enum err admin_new(const struct admin_options *o, struct admin **out, struct diag *d);
void admin_free(struct admin *a);
struct http_service admin_service(struct admin *a);

/* ---- for pages of the same process that stand for a shop's own server (the demo) ---- */

struct admin_identity {
    struct str scope, ns, id;
};
struct admin_person; /* what an evaluation reads of a profile, copied into an arena */

/* ERR_NOT_FOUND: nobody has the identity. ERR_UNSUPPORTED: no hub here. ERR_LIMIT, ERR_NOMEM: too large. */
enum err admin_person_load(struct admin *admin, const struct admin_identity *who, int64_t now_ms, struct arena *a,
                           struct admin_person **out, struct diag *d);
struct admin_audience {
    struct str id;
    const struct json *object;
    const struct rule *rule; /* NULL: memberships come from elsewhere */
};
/* Writes the members membership, optedOut, result, flipsAt, tree and whyNot of docs/explain.md into the open object;
 * nothing when it fails: ERR_LIMIT. Without a rule there are no tree and no whyNot. */
enum err admin_person_explain(struct admin_person *p, const struct admin_audience *audience, struct jw *w,
                              struct diag *d);
/* Members of an audience. ERR_UNSUPPORTED: no hub here. */
enum err admin_audience_size(struct admin *a, struct str scope, struct str audience, uint64_t *size, struct diag *d);

/* Every route, for the test against docs/openapi.yaml. */
void admin_routes(void (*each)(void *ctx, const struct route *r), void *ctx);

#endif
