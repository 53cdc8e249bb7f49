/* http_tls.c - a certificate for the first start, made with GnuTLS.
 *
 * ECDSA P-256: a handshake costs a third of RSA-2048's. The certificate signs itself and is no authority (CA:FALSE), so
 * a person who trusts it in a browser trusts these names and nothing else. */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "http/http_int.h"

#define VALID_S (3650LL * 24 * 3600)
#define CLOCK_SKEW_S (24LL * 3600) /* clients' clocks run behind */

static int
add_name(gnutls_x509_crt_t crt, const char *name)
{
    unsigned char ip[16];
    size_t n = net_parse_ip(str_of(name), ip);

    if (n != 0)
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, (unsigned)n, GNUTLS_FSAN_APPEND);
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_APPEND);
}

static int
fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *const *names, size_t n, int64_t now_ms)
{
    unsigned char serial[16], key_id[20];
    size_t key_id_bytes = sizeof key_id;
    time_t now_s = (time_t)(now_ms / 1000);
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, and never a shorter number */
#define DO(call) rc = rc < 0 ? rc : (call)
    DO(gnutls_x509_crt_set_version(crt, 3));
    DO(gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
    DO(gnutls_x509_crt_set_activation_time(crt, now_s - CLOCK_SKEW_S));
    DO(gnutls_x509_crt_set_expiration_time(crt, now_s + VALID_S));
    DO(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, names[0], (unsigned)strlen(names[0])));
    for (size_t i = 0; i < n; i++)
        DO(add_name(crt, names[i]));
    DO(gnutls_x509_crt_set_key(crt, key));
    DO(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
    DO(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
    DO(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    DO(gnutls_x509_crt_get_key_id(crt, 0, key_id, &key_id_bytes));
    DO(gnutls_x509_crt_set_subject_key_id(crt, key_id, key_id_bytes));
    DO(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
#undef DO
    return rc;
}

static char *
text_of(const gnutls_datum_t *pem)
{
    char *text = malloc((size_t)pem->size + 1);

    if (text != NULL) {
        memcpy(text, pem->data, pem->size);
        text[pem->size] = '\0';
    }
    return text;
}

enum err
http_make_certificate(const char *const *names, size_t n, int64_t now_ms, char **cert_pem, char **key_pem,
                      struct diag *d)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t cert = {NULL, 0}, secret = {NULL, 0};
    char *cert_text = NULL, *key_text = NULL;
    int rc;

    if (n == 0)
        return diag_set(d, ERR_INVALID, "a certificate needs at least one name");
    rc = gnutls_x509_privkey_init(&key);
    if (rc >= 0)
        rc = gnutls_x509_crt_init(&crt);
    if (rc >= 0)
        rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (rc >= 0)
        rc = fill(crt, key, names, n, now_ms);
    if (rc >= 0)
        rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert);
    if (rc >= 0)
        rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &secret);
    if (rc >= 0) {
        cert_text = text_of(&cert);
        key_text = text_of(&secret);
        if (cert_text == NULL || key_text == NULL)
            rc = GNUTLS_E_MEMORY_ERROR;
    }
    gnutls_free(cert.data);
    gnutls_memset(secret.data, 0, secret.size);
    gnutls_free(secret.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    if (rc < 0) {
        free(cert_text);
        free(key_text);
        return diag_set(d, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_INVALID,
                        "cannot make a certificate for '%s': %s", names[0], gnutls_strerror(rc));
    }
    *cert_pem = cert_text;
    *key_pem = key_text;
    return ERR_OK;
}
