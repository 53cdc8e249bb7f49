/* server_int.h - the object graph of the running server, for the files that build its parts. server.c has the order. */
#ifndef APP_SERVER_INT_H
#define APP_SERVER_INT_H

#include "admin/admin.h"
#include "app/server.h"
#include "edge/artifact_service.h"
#include "edge/delivery.h"
#include "edge/edge.h"
#include "edge/profile_api.h"
#include "hub/hub.h"
#include "os/thread.h"

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

/* A path below the data folder, of the process's life. */
const char *server_path(struct server *s, const char *name);

/* --- server_topics.c --- */
enum err server_open_topics(struct server *s, struct diag *d);
/* --- server_config.c --- */
enum err server_open_config(struct server *s, struct diag *d);
/* --- server_admin.c --- */
enum err server_open_admin(struct server *s, struct diag *d);
/* --- server_http.c --- */
enum err server_open_http(struct server *s, struct diag *d);

/* --- server_log.c: members of struct admin_hub; ctx is the server --- */
enum err server_read_log(void *ctx, int64_t since_ms, bool (*each)(void *ctx, const struct record *r), void *each_ctx,
                         struct diag *d);
uint64_t server_log_begin(void *ctx);
/* Those of an edge that name one of the visitors, by their bare ids, and others. There may be more ids from one call of
 * each() to the next. */
enum err server_read_named(void *ctx, int64_t since_ms, const struct str *ids, const size_t *count,
                           bool (*each)(void *ctx, const struct record *r), void *each_ctx, struct diag *d);
enum err server_read_record(void *ctx, uint64_t offset, struct arena *a, struct record *out, struct diag *d);

/* --- server_keeper.c --- */
/* A thread: maintains the topics once a minute, until the server stops. */
void server_keep(void *ctx);
/* What the emulated clock has jumped over: retention sees what is too old before anything of now_ms stands behind it.
 */
enum err server_keep_until(struct server *s, int64_t now_ms, struct diag *d);

#endif
