/* server.c - the server's object graph, built in order and taken down in reverse.
 *
 *   os -> pipeline -> topics -> config -> hub -> edge -> admin, demo -> http
 *
 * With --roles edge or hub only one plane is built; the topics on disk are all that the two processes share. The edge
 * writes collect/0, the hub writes collect/1 (its own ingestion and ticks), config, membership and the projections.
 * Parts that take more than a call have files of their own, server_*.c. */
#include "app/server.h"

#include "app/server_int.h"
#include "base/limits.h"
#include "base/log.h"
#include "os/net.h"
#include "os/os_clock.h"

#define DRAIN_MS 5000

const char *
server_path(struct server *s, const char *name)
{
    return arena_printf(&s->arena, "%s/%s", s->conf.data, name).p;
}

static enum err
open_hub(struct server *s, struct diag *d)
{
    const char **regions = ARENA_ARRAY(&s->arena, const char *, 1);
    struct hub_options o = {
        .os = s->os,
        .pipeline = s->pipeline,
        .config = s->config,
        .dir = server_path(s, "hub"),
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
        .dir = server_path(s, "edge"),
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
        rc = profile_api_open(s->edge, server_path(s, "profile-batches"), &s->profile_api, d);
    delivery.edge = s->edge;
    return rc == ERR_OK ? delivery_open(&delivery, &s->delivery, d) : rc;
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
        rc = server_open_topics(s, d);
    if (rc == ERR_OK)
        rc = server_open_config(s, d);
    if (rc == ERR_OK && s->is_hub)
        rc = open_hub(s, d);
    if (rc == ERR_OK && s->is_edge)
        rc = open_edge(s, d);
    if (rc == ERR_OK)
        rc = artifacts_new(&s->artifacts, d);
    if (rc == ERR_OK)
        rc = server_open_admin(s, d);
    if (rc == ERR_OK)
        rc = server_open_http(s, d);
    s->folded_path = server_path(s, "collect.folded");
    if (rc == ERR_OK)
        rc = os_thread_open(&s->keeper, "housekeeping", server_keep, s, d);
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
