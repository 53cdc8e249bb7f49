/* server.c - the server's object graph, built in order and taken down in reverse.
 *
 *   os -> pipeline -> topics -> config -> hub -> edge -> admin, demo -> http
 *
 * With --roles edge or hub only one plane is built; the topics on disk are all that the two processes share. The edge
 * writes collect/0, the hub writes collect/1 (its own ingestion and ticks), config, membership and the projections. */
#include "app/server.h"

#include "admin/admin.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/json_writer.h"
#include "codec/sha256.h"
#include "edge/artifact_service.h"
#include "edge/delivery.h"
#include "edge/edge.h"
#include "edge/profile_api.h"
#include "hub/hub.h"
#include "os/net.h"
#include "os/os_clock.h"
#include "os/thread.h"

#define DRAIN_MS 5000
#define DRAIN_WAIT_US 30000000
#define LANDED_WAIT_US 1000000 /* for a record that has its offset to be in the file */

struct server {
    struct conf conf;
    struct arena arena; /* texts of the process's life */
    struct os *os;
    struct os *clock; /* owned: the emulator's */
    struct credentials credentials;
    struct pipeline *pipeline;
    struct topic *collect[2];
    size_t collect_count;
    struct topic *own_collect, *config_topic, *membership, *projection;
    struct config *config;
    struct hub *hub;
    struct geo_db *geo;
    bool fetches; /* fetch_init() */
    struct edge *edge;
    struct profile_api *profile_api;
    struct delivery *delivery;
    struct admin *admin;
    struct demo_site *demo;
    struct artifacts *artifacts;
    struct artifact_service artifact_service;
    struct http_service services[8]; /* the listener borrows them */
    struct http_server *http;
    char *cert, *key;
    bool is_edge, is_hub;
    struct os_thread follower; /* edge alone: follows the config topic */
    const char *folded_path;   /* how far the hub's process has folded the edge's partition */
    struct os_thread keeper;   /* retention and compaction of the topics */
    struct os_mutex lock;
    struct os_cond turned;
    bool stopping;
};

static const char *
below(struct server *s, const char *name)
{
    return arena_printf(&s->arena, "%s/%s", s->conf.data, name).p;
}

/* ---- topics ---- */

static enum err
open_topic(struct server *s, const char *name, unsigned partition, bool writable, bool compacted, struct topic **out,
           struct diag *d)
{
    struct topic_options o = {.name = name, .partition = partition, .writable = writable, .compacted = compacted};

    if (strcmp(name, "collect") == 0) {
        o.ring_bytes = LIMIT_RING_BYTES; /* requests append to it */
        o.retention_ms = s->conf.collect_retention_days * MS_PER_DAY;
    } else if (strcmp(name, "membership") == 0) {
        o.retention_ms = s->conf.membership_retention_days * MS_PER_DAY;
    } else if (strcmp(name, "config") == 0) {
        o.history_ms = s->conf.config_history_days * MS_PER_DAY;
        o.revisions = config_revisions_kept;
    }
    return pipeline_topic(s->pipeline, &o, out, d);
}

/* Makes sure that a partition exists, whoever writes it: a reader cannot create one. */
static enum err
touch_topic(struct server *s, const char *name, unsigned partition, bool compacted, struct diag *d)
{
    struct pipeline_options o = {.os = s->os, .dir = below(s, "log")};
    struct topic_options t = {.name = name, .partition = partition, .writable = true, .compacted = compacted};
    struct pipeline *p = NULL;
    struct topic *topic;
    enum err rc = pipeline_open(&o, &p, d);

    if (rc == ERR_OK)
        rc = pipeline_topic(p, &t, &topic, d);
    pipeline_close(p);
    return rc == ERR_BUSY ? ERR_OK : rc; /* its writer runs already */
}

static enum err
open_collect(struct server *s, struct diag *d)
{
    bool split = !(s->is_edge && s->is_hub);
    struct topic *second = NULL;
    enum err rc = ERR_OK;

    if (split)
        rc = touch_topic(s, "collect", 0, false, d);
    if (split && rc == ERR_OK)
        rc = touch_topic(s, "collect", 1, false, d);
    if (rc == ERR_OK)
        rc = open_topic(s, "collect", 0, s->is_edge, false, &s->collect[s->collect_count++], d);
    if (rc != ERR_OK)
        return rc;
    /* A data folder that once was shared by two processes has hits in the second partition too. */
    rc = open_topic(s, "collect", 1, split && s->is_hub, false, &second, NULL);
    if (rc == ERR_OK)
        s->collect[s->collect_count++] = second;
    else if (rc != ERR_NOT_FOUND || split)
        return open_topic(s, "collect", 1, split && s->is_hub, false, &second, d);
    s->own_collect = s->is_edge ? s->collect[0] : s->collect[1];
    return ERR_OK;
}

static enum err
open_topics(struct server *s, struct diag *d)
{
    struct pipeline_options o = {.os = s->os, .dir = below(s, "log")};
    const char *projection = arena_printf(&s->arena, "projection.%s", s->conf.hint).p;
    enum err rc = pipeline_open(&o, &s->pipeline, d);

    if (rc == ERR_OK)
        rc = open_collect(s, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = touch_topic(s, "config", 0, true, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = touch_topic(s, projection, 0, true, d);
    if (rc == ERR_OK)
        rc = open_topic(s, "config", 0, s->is_hub, true, &s->config_topic, d);
    if (rc == ERR_OK && s->is_hub)
        rc = open_topic(s, "membership", 0, true, false, &s->membership, d);
    if (rc == ERR_OK)
        rc = open_topic(s, projection, 0, s->is_hub, true, &s->projection, d);
    return rc;
}

/* ---- first objects ---- */

static enum err
put(struct server *s, const char *kind, struct str scope, struct str id, struct buf *json, struct diag *d)
{
    enum err rc = config_put(s->config, str_of(kind), scope, id, buf_str(json), os_now_ms(s->os), d);

    buf_clear(json);
    return rc;
}

static struct str
hex_sha256(struct server *s, struct str text)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[32];
    char *out = arena_alloc(&s->arena, 64);

    sha256(text, sum);
    for (size_t i = 0; out != NULL && i < 32; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    return (struct str){out, out ? 64 : 0};
}

/* The organisation, its sandbox and its client become objects like any other, once. */
static enum err
first_objects(struct server *s, struct diag *d)
{
    const struct credentials *c = &s->credentials;
    const struct snapshot *snap = snapshot_get(s->config);
    bool there = snapshot_object(snap, S("credential"), c->org, c->client_id) != NULL;
    struct buf b;
    enum err rc;

    snapshot_put(s->config, snap);
    if (there)
        return ERR_OK;
    buf_init(&b, 16 * 1024);
    buf_printf(&b,
               "{\"id\":\"%.*s\",\"name\":\"%.*s\",\"tenant\":\"%.*s\",\"clientCode\":\"%.*s\",\"tokenKey\":\"%.*s\"}",
               STR_ARG(c->org), STR_ARG(c->tenant), STR_ARG(c->tenant), STR_ARG(c->tenant), STR_ARG(c->token_key));
    rc = put(s, "org", c->org, c->org, &b, d);
    buf_printf(&b,
               "{\"id\":\"%.*s\",\"name\":\"%.*s\",\"title\":\"Production\",\"type\":\"production\",\"isDefault\":true,"
               "\"state\":\"active\"}",
               STR_ARG(c->sandbox), STR_ARG(c->sandbox));
    if (rc == ERR_OK)
        rc = put(s, "sandbox", c->org, c->sandbox, &b, d);
    buf_printf(&b, "{\"id\":\"%.*s\",\"name\":\"first client\",\"secretSha256\":\"%.*s\"}", STR_ARG(c->client_id),
               STR_ARG(hex_sha256(s, c->client_secret)));
    if (rc == ERR_OK)
        rc = put(s, "credential", c->org, c->client_id, &b, d);
    buf_deinit(&b);
    return rc;
}

static void
follow_config(void *ctx)
{
    struct server *s = ctx;
    bool stop = false;

    while (!stop) {
        struct diag d = DIAG_INIT;
        if (config_follow(s->config, 50000, &d) != ERR_OK)
            log_error("config_follow_failed", "why=\"%s\"", d.what);
        os_lock(&s->lock);
        stop = s->stopping;
        os_unlock(&s->lock);
    }
}

static enum err
open_config(struct server *s, struct diag *d)
{
    struct config_options o = {.os = s->os, .topic = s->config_topic};
    enum err rc = config_open(&o, &s->config, d);

    if (rc == ERR_OK && s->is_hub)
        rc = first_objects(s, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = os_thread_open(&s->follower, "config-follow", follow_config, s, d);
    return rc;
}

/* ---- planes ---- */

static enum err
open_hub(struct server *s, struct diag *d)
{
    const char **regions = ARENA_ARRAY(&s->arena, const char *, 1);
    struct hub_options o = {
        .os = s->os,
        .pipeline = s->pipeline,
        .config = s->config,
        .dir = below(s, "hub"),
        .collect = s->collect,
        .collect_count = s->collect_count,
        .own_collect = s->own_collect,
        .membership = s->membership,
        .regions = regions,
        .region_count = 1,
    };
    enum err rc;

    regions[0] = s->conf.hint;
    rc = hub_open(&o, &s->hub, d);
    return rc == ERR_OK ? hub_run(s->hub, d) : rc;
}

static enum err
pull_from_hub(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a, struct projection *out,
              struct diag *d)
{
    return hub_pull(ctx, scope, ns, id, a, out, d);
}

static enum err
open_edge(struct server *s, struct diag *d)
{
    struct edge_options o = {
        .os = s->os,
        .config = s->config,
        .collect = s->own_collect,
        .collect_name = "collect/0",
        .projection = s->projection,
        .dir = below(s, "edge"),
        .hint = s->conf.hint,
        .region_id = (unsigned)s->conf.region_id,
        .base_paths = s->conf.base_paths,
        .ack_synced = strcmp(s->conf.ack, "fsync") == 0,
        .profile_ttl_ms = s->conf.profile_ttl_hours * 3600 * 1000,
        .fetch = fetch_get,
    };
    struct delivery_options delivery = {.edge_host = s->conf.target_edge_host};
    enum err rc = ERR_OK;

    if (s->hub != NULL)
        o.hub = (struct edge_hub){s->hub, pull_from_hub};
    if (s->conf.geo_database[0] != '\0')
        rc = geo_open(s->conf.geo_database, &s->geo, d);
    o.geo = s->geo;
    if (rc == ERR_OK)
        rc = fetch_init(d);
    s->fetches = rc == ERR_OK;
    if (rc == ERR_OK)
        rc = edge_open(&o, &s->edge, d);
    if (rc == ERR_OK)
        rc = edge_run(s->edge, d);
    if (rc == ERR_OK)
        rc = profile_api_open(s->edge, below(s, "profile-batches"), &s->profile_api, d);
    delivery.edge = s->edge;
    return rc == ERR_OK ? delivery_open(&delivery, &s->delivery, d) : rc;
}

/* ---- what admin asks of the hub ---- */

static enum err
hub_profile(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a,
            void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *each_ctx,
            struct diag *d)
{
    struct server *s = ctx;

    return hub_read_profile(s->hub, scope, ns, id, a, each, each_ctx, d);
}

static void
hub_table(void *ctx, void (*f)(void *ctx, struct kv *k), void *f_ctx)
{
    struct server *s = ctx;

    hub_read(s->hub, f, f_ctx);
}

static uint64_t
hub_size(void *ctx, struct str scope, struct str audience)
{
    struct server *s = ctx;

    return hub_audience_size(s->hub, scope, audience);
}

static bool
hub_sweep(void *ctx, uint64_t *done, uint64_t *total)
{
    struct server *s = ctx;
    struct hub_progress p = hub_sweep_progress(s->hub);

    *done = p.done;
    *total = p.total;
    return p.active;
}

static enum err
hub_profiles(void *ctx, struct profile_scan *scan, struct arena *a,
             void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *each_ctx,
             struct diag *d)
{
    struct server *s = ctx;

    return hub_visit(s->hub, scan, a, each, each_ctx, d);
}

static enum err
census_slice(void *ctx, struct census *c, struct diag *d)
{
    struct server *s = ctx;

    return hub_census_slice(s->hub, c, d);
}

static enum err
census_repair(void *ctx, struct str scope, uint64_t profile, struct diag *d)
{
    struct server *s = ctx;

    return hub_census_repair(s->hub, scope, profile, d);
}

static enum err
segment_job(void *ctx, struct str scope, struct str job, const struct str *segments, size_t count, uint64_t *offset,
            struct diag *d)
{
    struct server *s = ctx;

    return hub_job(s->hub, scope, job, segments, count, os_now_ms(s->os), offset, d);
}

static enum err
recount_new(void *ctx, struct str scope, struct str activity, struct str name, struct str object,
            struct hub_recount **out, struct diag *d)
{
    struct server *s = ctx;
    struct hub_recount_options o = {scope, activity, name, object};

    return hub_recount_new(s->hub, &o, out, d);
}

static enum err
recount_slice(void *ctx, struct hub_recount *r, bool whole, struct admin_recount_progress *p, struct diag *d)
{
    struct hub_recount_progress now = {.done = false};
    enum err rc = hub_recount_slice(r, whole, &now, d);

    (void)ctx;
    *p = (struct admin_recount_progress){now.done, now.read, now.total, now.since_ms};
    return rc;
}

static enum err
recount_tell(void *ctx, struct hub_recount *r, uint64_t *offset, struct diag *d)
{
    struct server *s = ctx;

    return hub_recount_tell(r, os_now_ms(s->os), offset, d);
}

static enum err
recount_sweep(void *ctx, struct str building, uint64_t *cursor, struct diag *d)
{
    struct server *s = ctx;

    return hub_recount_sweep(s->hub, building, cursor, d);
}

static enum err
segment_job_done(void *ctx, uint64_t offset, uint64_t timeout_us, struct diag *d)
{
    struct server *s = ctx;

    return hub_job_done(s->hub, offset, timeout_us, d);
}

static enum err
past_slice(void *ctx, struct past *p, struct diag *d)
{
    struct server *s = ctx;

    return hub_past_slice(s->hub, p, d);
}

static enum err
read_hits(struct topic *t, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx,
          struct diag *d)
{
    uint64_t end = topic_end(t), at = 0;
    struct consumer *c = NULL;
    struct record r;
    bool got = true;
    enum err rc = topic_after(t, since_ms, &at, d);

    if (rc == ERR_OK)
        rc = consumer_open(t, at, &c, d);
    while (rc == ERR_OK && got && consumer_offset(c) < end) {
        rc = consumer_poll(c, LANDED_WAIT_US, &r, &got, d);
        if (rc == ERR_OK && got && r.time_ms >= since_ms && !each(each_ctx, &r))
            break;
    }
    consumer_close(c);
    return rc;
}

static enum err
collected(void *ctx, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d)
{
    struct server *s = ctx;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < s->collect_count; i++)
        rc = read_hits(s->collect[i], since_ms, each, each_ctx, d);
    return rc;
}

static enum err
hit_at(void *ctx, uint64_t offset, struct arena *a, struct record *out, struct diag *d)
{
    struct server *s = ctx;
    struct topic *t = s->collect[0]; /* the edge's */
    struct consumer *c = NULL;
    bool got = false;
    enum err rc;

    if (offset < topic_begin(t))
        return diag_set(d, ERR_NOT_FOUND, "the log was cut (collect-retention-days): it begins with record %llu",
                        (unsigned long long)topic_begin(t));
    rc = offset < topic_end(t) ? consumer_open(t, offset, &c, d) : ERR_OK;
    if (rc == ERR_OK && c != NULL)
        rc = consumer_poll(c, LANDED_WAIT_US, out, &got, d);
    if (rc == ERR_OK && (!got || out->offset != offset))
        rc = diag_set(d, ERR_NOT_FOUND, "the log has no record %llu", (unsigned long long)offset);
    if (rc == ERR_OK) {
        out->key = arena_str(a, out->key);
        out->value = arena_str(a, out->value);
        if (out->value.p == NULL)
            rc = diag_set(d, ERR_NOMEM, "no memory for a hit");
    }
    consumer_close(c);
    return rc;
}

static enum err
drain(void *ctx, uint64_t timeout_us, struct diag *d)
{
    struct server *s = ctx;
    enum err rc = topic_sync(s->own_collect, d); /* for readers of the files too */

    if (rc == ERR_OK)
        rc = hub_drain(s->hub, timeout_us, d);
    return rc == ERR_OK && s->edge != NULL ? edge_drain(s->edge, timeout_us, d) : rc;
}

static enum err
set_clock(void *ctx, int64_t now_ms, struct diag *d)
{
    struct server *s = ctx;
    enum err rc = os_clock_set(s->clock, now_ms, d);

    if (rc == ERR_OK)
        rc = hub_tick(s->hub, now_ms, d);
    return rc == ERR_OK ? drain(s, DRAIN_WAIT_US, d) : rc;
}

static enum err
open_admin(struct server *s, struct diag *d)
{
    struct admin_options o = {
        .os = s->os,
        .config = s->config,
        .collect = s->own_collect,
        .dir = below(s, "import"),
        .artifacts = s->artifacts,
        .target_requests_per_minute = (unsigned)s->conf.target_admin_requests,
        .rerun = s->delivery != NULL ? delivery_rerun(s->delivery) : (struct rerun_ops){0},
        .signing_key = s->credentials.signing_key,
        .ready = true,
    };
    enum err rc = guardrails_read(str_of(s->conf.guardrail_limits), strcmp(s->conf.guardrails, "enforced") == 0,
                                  &o.guardrails, d);

    if (rc != ERR_OK)
        return rc;
    if (s->hub != NULL) {
        o.hub = (struct admin_hub){.ctx = s,
                                   .read_profile = hub_profile,
                                   .read = hub_table,
                                   .audience_size = hub_size,
                                   .drain = drain,
                                   .visit = hub_profiles,
                                   .sweep = hub_sweep,
                                   .census_slice = census_slice,
                                   .census_repair = census_repair,
                                   .job = segment_job,
                                   .job_done = segment_job_done,
                                   .recount_new = recount_new,
                                   .recount_slice = recount_slice,
                                   .recount_activity = hub_recount_activity,
                                   .recount_tell = recount_tell,
                                   .recount_sweep = recount_sweep,
                                   .recount_free = hub_recount_free,
                                   .collected = collected,
                                   .hit_at = hit_at,
                                   .past_slice = past_slice};
        if (s->clock != NULL)
            o.hub.set_clock = set_clock;
    }
    return admin_new(&o, &s->admin, d);
}

/* ---- listener ---- */

/* The operator's certificate, or one of our own making, kept for the next start. */
static enum err
load_certificate(struct server *s, struct diag *d)
{
    const char *cert_path = below(s, "tls/cert.pem"), *key_path = below(s, "tls/key.pem");
    struct str cert, key, rest = str_of(s->conf.tls_names), name;
    const char *names[16];
    size_t n = 0;
    enum err rc = os_read_file(s->os, cert_path, 1 << 20, &s->arena, &cert, d);

    if (rc == ERR_OK)
        rc = os_read_file(s->os, key_path, 1 << 20, &s->arena, &key, d);
    if (rc == ERR_OK) {
        s->cert = strdup(cert.p);
        s->key = strdup(key.p);
        return s->cert && s->key ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for the certificate");
    }
    if (rc != ERR_NOT_FOUND)
        return rc;
    while (n < sizeof names / sizeof names[0] && str_split(&rest, ',', &name))
        names[n++] = arena_cstr(&s->arena, str_trim(name));
    rc = http_make_certificate(names, n, os_now_ms(s->os), &s->cert, &s->key, d);
    if (rc == ERR_OK)
        rc = os_mkdir(s->os, below(s, "tls"), d);
    if (rc == ERR_OK)
        rc = os_write_file(s->os, cert_path, str_of(s->cert), d);
    if (rc == ERR_OK)
        rc = os_write_file(s->os, key_path, str_of(s->key), d);
    return rc;
}

static enum err
open_http(struct server *s, struct diag *d)
{
    struct http_options o = {
        .os = s->os,
        .listen = s->conf.listen[0] ? s->conf.listen : NULL,
        .tls_listen = s->conf.tls_listen[0] ? s->conf.tls_listen : NULL,
        .worker_count = (unsigned)s->conf.workers,
        .services = s->services,
        .trust_forwarded = s->conf.trust_forwarded,
    };
    enum err rc = ERR_OK;

    if (o.tls_listen != NULL)
        rc = load_certificate(s, d);
    if (s->edge != NULL)
        s->services[o.service_count++] = edge_service(s->edge);
    if (s->delivery != NULL)
        s->services[o.service_count++] = delivery_service(s->delivery);
    if (s->profile_api != NULL)
        s->services[o.service_count++] = profile_api_service(s->profile_api);
    s->artifact_service = (struct artifact_service){s->config, s->artifacts};
    s->services[o.service_count++] = artifact_http_service(&s->artifact_service);
    if (s->conf.demo) {
        s->demo = demo_site_new(s->config, s->admin);
        s->services[o.service_count++] = demo_site_service(s->demo);
    }
    s->services[o.service_count++] = admin_service(s->admin);
    o.tls_cert_pem = s->cert;
    o.tls_key_pem = s->key;
    os_entropy(s->os, &o.seed, sizeof o.seed);
    return rc == ERR_OK ? http_start(&o, &s->http, d) : rc;
}

static struct str
host_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');

    return (struct str){listen, colon ? (size_t)(colon - listen) : strlen(listen)};
}

static enum err
announce(struct server *s, struct diag *d)
{
    unsigned port = http_port(s->http), tls_port = http_tls_port(s->http);
    struct str host = host_of(port ? s->conf.listen : s->conf.tls_listen);

    s->credentials.url =
        arena_printf(&s->arena, "%s://%.*s:%u", port ? "http" : "https", STR_ARG(host), port ? port : tls_port);
    if (port)
        printf("listening on http://%.*s:%u\n", STR_ARG(host_of(s->conf.listen)), port);
    if (tls_port)
        printf("listening on https://%.*s:%u\n", STR_ARG(host_of(s->conf.tls_listen)), tls_port);
    printf("credentials in %s/credentials.json\nready\n", s->conf.data);
    fflush(stdout);
    return s->is_hub ? credentials_write(s->os, s->conf.data, &s->credentials, d) : ERR_OK;
}

/* ---- housekeeping ---- */

/* Where the hub of another process is in this edge's partition: it says so in a file, once a round. */
static void
tell_folded(struct server *s)
{
    struct diag d = DIAG_INIT;
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)hub_committed(s->hub, s->collect[0]));

    if (os_write_file(s->os, s->folded_path, (struct str){text, (size_t)n}, &d) != ERR_OK)
        log_warn("retention_waits", "why=\"%s\"", d.what);
}

static uint64_t
read_folded(struct server *s)
{
    struct arena a;
    struct str text;
    uint64_t offset = 0; /* no file yet: everything stays */

    arena_init(&a, 4096);
    if (os_read_file(s->os, s->folded_path, 24, &a, &text, NULL) != ERR_OK || !str_to_u64(text, &offset))
        offset = 0;
    arena_deinit(&a);
    return offset;
}

/* How far all who read our partition of collect have come, of what survives a power cut. */
static uint64_t
collect_done(struct server *s)
{
    uint64_t hub = s->hub != NULL ? hub_committed(s->hub, s->own_collect) : read_folded(s);
    uint64_t edge = s->edge != NULL ? edge_committed(s->edge) : UINT64_MAX;

    return hub < edge ? hub : edge;
}

/* A minute ago these positions were committed, so by now they are on the disk. */
struct kept {
    uint64_t collect, membership;
};

static void
limit_retention(struct server *s, struct kept *kept)
{
    topic_keep_from(s->own_collect, kept->collect);
    kept->collect = collect_done(s);
    if (s->membership != NULL) {
        topic_keep_from(s->membership, kept->membership);
        kept->membership = hub_committed(s->hub, s->membership);
    }
    if (s->hub != NULL && s->edge == NULL)
        tell_folded(s);
}

static void
keep_house(void *ctx)
{
    struct server *s = ctx;
    struct kept kept = {0};
    struct topic *topics[] = {s->own_collect, s->is_hub ? s->config_topic : NULL, s->membership,
                              s->is_hub ? s->projection : NULL};

    os_thread_in_background();
    limit_retention(s, &kept);
    os_lock(&s->lock);
    while (!s->stopping) {
        (void)os_cond_wait_us(&s->turned, &s->lock, 60 * 1000000);
        os_unlock(&s->lock);
        limit_retention(s, &kept);
        for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
            struct diag d = DIAG_INIT;
            if (topics[i] != NULL && topic_maintain(topics[i], os_now_ms(s->os), &d) != ERR_OK)
                log_warn("maintenance_failed", "topic=%s why=\"%s\"", topic_name(topics[i]), d.what);
        }
        os_lock(&s->lock);
    }
    os_unlock(&s->lock);
}

static int64_t
log_clock(void *ctx)
{
    return os_now_ms(ctx);
}

/* One file per connection of both listeners, and room for segments and tables. */
static void
raise_file_limit(void)
{
    uint64_t wanted = 2 * LIMIT_CONNECTIONS + 1024, got = net_raise_file_limit(wanted);

    if (got < wanted)
        log_warn("few_open_files", "limit=%llu wanted=%llu: raise the hard limit (ulimit -Hn)", (unsigned long long)got,
                 (unsigned long long)wanted);
}

static enum err
open_all(struct server *s, struct diag *d)
{
    struct hash_key seed;
    enum err rc = ERR_OK;

    s->is_edge = strcmp(s->conf.roles, "hub") != 0;
    s->is_hub = strcmp(s->conf.roles, "edge") != 0;
    if (s->conf.emulator) {
        s->clock = os_clock_new(s->os);
        s->os = s->clock != NULL ? s->clock : s->os;
    }
    log_set_clock(log_clock, s->os);
    raise_file_limit();
    os_entropy(s->os, &seed, sizeof seed);
    map_set_seed(seed);
    rc = os_mkdir(s->os, s->conf.data, d);
    if (rc == ERR_OK)
        rc = credentials_ensure(s->os, s->conf.data, &s->arena, &s->credentials, d);
    if (rc == ERR_OK)
        rc = open_topics(s, d);
    if (rc == ERR_OK)
        rc = open_config(s, d);
    if (rc == ERR_OK && s->is_hub)
        rc = open_hub(s, d);
    if (rc == ERR_OK && s->is_edge)
        rc = open_edge(s, d);
    if (rc == ERR_OK)
        rc = artifacts_new(&s->artifacts, d);
    if (rc == ERR_OK)
        rc = open_admin(s, d);
    if (rc == ERR_OK)
        rc = open_http(s, d);
    s->folded_path = below(s, "collect.folded");
    if (rc == ERR_OK)
        rc = os_thread_open(&s->keeper, "housekeeping", keep_house, s, d);
    return rc == ERR_OK ? announce(s, d) : rc;
}

void
server_close(struct server *s)
{
    if (s == NULL)
        return;
    if (s->http != NULL)
        http_stop(s->http, DRAIN_MS);
    os_lock(&s->lock);
    s->stopping = true;
    os_cond_broadcast(&s->turned);
    os_unlock(&s->lock);
    os_thread_close(&s->keeper);
    os_thread_close(&s->follower);
    admin_free(s->admin);
    delivery_close(s->delivery);
    profile_api_close(s->profile_api);
    edge_close(s->edge);
    if (s->fetches)
        fetch_deinit();
    geo_close(s->geo);
    artifacts_free(s->artifacts);
    hub_close(s->hub);
    demo_site_free(s->demo);
    config_close(s->config);
    pipeline_close(s->pipeline);
    free(s->cert);
    free(s->key);
    os_clock_free(s->clock);
    os_cond_deinit(&s->turned);
    os_mutex_deinit(&s->lock);
    arena_deinit(&s->arena);
    free(s);
}

enum err
server_open(const struct conf *conf, struct server **out, struct diag *d)
{
    struct server *s = calloc(1, sizeof *s);
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the server");
    s->conf = *conf;
    s->os = os_posix();
    os_mutex_init(&s->lock);
    os_cond_init(&s->turned);
    arena_init(&s->arena, (size_t)16 << 20);
    rc = open_all(s, d);
    if (rc != ERR_OK) {
        server_close(s);
        return rc;
    }
    *out = s;
    return ERR_OK;
}
