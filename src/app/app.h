/* app.h - what the subcommands share. Each one is a file: cmd_serve.c (server.c builds the object graph), cmd_demo.c,
 * cmd_audience.c, cmd_pql.c, cmd_log.c, cmd_conf.c. */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "config/config.h"
#include "http/http.h"
#include "os/os.h"

/* ---- configuration: one table in conf.c is the parser, the check, the defaults and the reference ---- */
struct conf {
    const char *data; /* folder */
    const char *listen;
    const char *tls_listen;       /* "": none */
    const char *roles;            /* all, edge, hub */
    const char *hint;             /* location hint of this edge */
    const char *target_edge_host; /* of delivery answers; empty: none */
    const char *base_paths;
    const char *ack; /* written, fsync */
    const char *log_level;
    const char *geo_database;     /* a file; empty: none */
    const char *guardrails;       /* reported, enforced */
    const char *guardrail_limits; /* name=number,... */
    const char *tls_names;        /* comma list for the certificate made on first start */
    int64_t workers;
    int64_t region_id;
    int64_t profile_ttl_hours;
    int64_t collect_retention_days;
    int64_t membership_retention_days;
    int64_t config_history_days;
    int64_t target_admin_requests;
    bool emulator;
    bool trust_forwarded;
    bool demo; /* serve the demo shop at / */
};

/* Defaults; then a file of "name = value" lines; then --name value arguments. Messages name the line or the argument.
 */
void conf_defaults(struct conf *c);
enum err conf_file(struct conf *c, struct os *os, const char *path, struct arena *a, struct diag *d);
/* Takes what it knows out of argv (argc and argv are updated); --config FILE is read first. */
enum err conf_args(struct conf *c, struct os *os, int *argc, char **argv, struct arena *a, struct diag *d);
enum err conf_check(const struct conf *c, struct diag *d);
/* The reference text of all settings, for --help and docs/configuration.md. */
void conf_reference(struct buf *out, bool markdown);

/* ---- credentials: made on first start, DIR/credentials.json, mode 0600 ---- */
struct credentials {
    struct str org, tenant, sandbox, client_id, client_secret, token_key, signing_key, url;
};
enum err credentials_load(struct os *os, const char *dir, struct arena *a, struct credentials *out, struct diag *d);
/* Loads, or makes and writes new ones. */
enum err credentials_ensure(struct os *os, const char *dir, struct arena *a, struct credentials *out, struct diag *d);
/* Adds the URL under which the server answers, so that subcommands need --data only. */
enum err credentials_write(struct os *os, const char *dir, const struct credentials *c, struct diag *d);

/* ---- the demo shop's static files, embedded ---- */
struct asset {
    const char *path; /* "/index.html" */
    const char *type;
    const unsigned char *bytes;
    size_t n;
};
extern const struct asset demo_assets[];
extern const size_t demo_asset_count;
struct admin;
struct demo_site;
struct demo_site *demo_site_new(struct config *config, struct admin *admin);
void demo_site_free(struct demo_site *s);
struct http_service demo_site_service(struct demo_site *s);
/* The shop's datastream in the snapshot; NULL: the demo is not loaded. */
struct snapshot;
const struct datastream *demo_datastream(const struct snapshot *snap);
/* --- demo_audiences.c --- */
struct http_req;
struct http_res;
void demo_audiences(struct admin *admin, const struct snapshot *snap, struct http_req *rq, struct http_res *rs);

/* ---- subcommands: argv[0] is the subcommand; the exit code ---- */
/* --help alone, or after the name of what the subcommand does: "audience --help", "audience diff --help". */
bool wants_help(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_audience(int argc, char **argv);
int cmd_audience_upload(int argc, char **argv); /* of `edgewise audience upload` */
int cmd_target(int argc, char **argv);
int cmd_pql(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_check_config(int argc, char **argv);

#endif
