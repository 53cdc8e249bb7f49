/* server_http.c - the listeners: their certificate, and the services behind them. */
#include "app/server_int.h"

/* The operator's certificate, or one of our own making, kept for the next start. */
static enum err
load_certificate(struct server *s, struct diag *d)
{
    const char *cert_path = server_path(s, "tls/cert.pem"), *key_path = server_path(s, "tls/key.pem");
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
        rc = os_mkdir(s->os, server_path(s, "tls"), d);
    if (rc == ERR_OK)
        rc = os_write_file(s->os, cert_path, str_of(s->cert), d);
    if (rc == ERR_OK)
        rc = os_write_file(s->os, key_path, str_of(s->key), d);
    return rc;
}

enum err
server_open_http(struct server *s, struct diag *d)
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
