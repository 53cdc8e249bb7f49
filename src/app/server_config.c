/* server_config.c - the objects of the control plane: a hub writes the first ones, an edge alone follows what a hub
 * writes. */
#include "app/server_int.h"

#include "base/log.h"
#include "codec/sha256.h"

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

enum err
server_open_config(struct server *s, struct diag *d)
{
    struct config_options o = {.os = s->os, .topic = s->config_topic};
    enum err rc = config_open(&o, &s->config, d);

    if (rc == ERR_OK && s->is_hub)
        rc = first_objects(s, d);
    if (rc == ERR_OK && !s->is_hub)
        rc = os_thread_open(&s->follower, "config-follow", follow_config, s, d);
    return rc;
}
