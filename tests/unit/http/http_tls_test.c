/* The certificate and the TLS listener, seen by a GnuTLS client that trusts this certificate and nothing else. */
#include <gnutls/gnutls.h>

#include "http_fixture.h"

#define NOW_MS 1790000000000

/* Handshake, one GET, the answer; *verified tells whether the client accepted the name. */
static struct str
tls_get(struct t *t, unsigned port, const char *cert_pem, const char *name, bool *verified)
{
    gnutls_certificate_credentials_t trust;
    gnutls_session_t session;
    gnutls_datum_t pem = {(unsigned char *)(uintptr_t)cert_pem, (unsigned)strlen(cert_pem)};
    const char *request = "GET /info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char in[2048];
    size_t n = 0;
    int sock = NET_NONE, rc;

    gnutls_certificate_allocate_credentials(&trust);
    CHECK_TRUE(gnutls_certificate_set_x509_trust_mem(trust, &pem, GNUTLS_X509_FMT_PEM) == 1);
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust);
    gnutls_session_set_verify_cert(session, name, 0);
    CHECK_OK(net_connect("127.0.0.1", port, WAIT_MS, &sock, d));
    gnutls_transport_set_int(session, sock);
    do {
        rc = gnutls_handshake(session);
        if (rc == GNUTLS_E_AGAIN)
            (void)net_wait(&sock, 1, WAIT_MS);
    } while (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED);
    *verified = rc == 0;
    if (rc == 0 && gnutls_record_send(session, request, strlen(request)) > 0) {
        do {
            ssize_t got = gnutls_record_recv(session, in + n, sizeof in - n);
            rc = (int)got;
            if (got == GNUTLS_E_AGAIN)
                (void)net_wait(&sock, 1, WAIT_MS);
            else if (got > 0)
                n += (size_t)got;
        } while (rc > 0 || rc == GNUTLS_E_AGAIN);
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(trust);
    net_close(sock);
    return arena_str(t->arena, (struct str){in, n});
}

TEST(http_tls_answers_under_every_name)
{
    static const char *const names[] = {"edge.shop.test", "localhost", "127.0.0.1", "::1"};
    static const char *const strangers[] = {"shop.test", "127.0.0.2", "www.edge.shop.test"};
    struct http_options o = {.worker_count = 1, .listen = "127.0.0.1:0", .tls_listen = "127.0.0.1:0"};
    char *cert = NULL, *key = NULL;
    struct fixture f;
    bool verified = false;

    CHECK_OK(http_make_certificate(names, 4, os_now_ms(os_posix()), &cert, &key, d));
    o.tls_cert_pem = cert;
    o.tls_key_pem = key;
    f = fixture_open(t, &o);
    CHECK_TRUE(http_tls_port(f.server) != 0 && http_tls_port(f.server) != f.port);
    for (int i = 0; i < 4; i++) {
        struct str got = tls_get(t, http_tls_port(f.server), cert, names[i], &verified);
        CHECK_TRUE(verified);
        CHECK_TRUE(str_starts(got, S("HTTP/1.1 200 ")));
        CHECK_TRUE(str_find(got, S("tls=1\nworker=1\n")) >= 0);
    }
    for (int i = 0; i < 3; i++) {
        (void)tls_get(t, http_tls_port(f.server), cert, strangers[i], &verified);
        CHECK_TRUE(!verified);
    }
    CHECK_TRUE(str_find(call(t, &f, "GET", "/info", S("")).body, S("tls=0\nworker=0\n")) >= 0);
    fixture_close(&f);
    free(cert);
    free(key);
}

TEST(http_certificates_differ)
{
    static const char *const names[] = {"localhost"};
    char *cert[2], *key[2];

    for (int i = 0; i < 2; i++)
        CHECK_OK(http_make_certificate(names, 1, NOW_MS, &cert[i], &key[i], d));
    CHECK_TRUE(strcmp(cert[0], cert[1]) != 0 && strcmp(key[0], key[1]) != 0);
    CHECK_TRUE(str_starts(str_of(cert[0]), S("-----BEGIN CERTIFICATE-----")));
    CHECK_TRUE(str_starts(str_of(key[0]), S("-----BEGIN PRIVATE KEY-----")));
    for (int i = 0; i < 2; i++) {
        free(cert[i]);
        free(key[i]);
    }
    CHECK_ERR(http_make_certificate(names, 0, NOW_MS, &cert[0], &key[0], d), ERR_INVALID);
}

TEST(http_tls_handshakes_that_never_come_are_cut)
{
    static const char *const names[] = {"localhost"};
    struct http_options o = {.worker_count = 1, .tls_listen = "127.0.0.1:0", .idle_s = 1};
    char *cert = NULL, *key = NULL;
    struct fixture f;
    int sock[2];

    CHECK_OK(http_make_certificate(names, 1, os_now_ms(os_posix()), &cert, &key, d));
    o.tls_cert_pem = cert;
    o.tls_key_pem = key;
    f = fixture_open(t, &o);
    f.port = http_tls_port(f.server);
    for (int i = 0; i < 2; i++)
        sock[i] = raw_open(t, &f);
    raw_send(t, sock[1], "GET / HTTP/1.1\r\n\r\n"); /* plain text to the TLS port */
    for (int i = 0; i < 2; i++) {
        CHECK_TRUE(!str_starts(raw_read(t, sock[i], NULL), S("HTTP")));
        net_close(sock[i]);
    }
    fixture_close(&f);
    free(cert);
    free(key);
}
