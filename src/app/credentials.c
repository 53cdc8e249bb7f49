/* credentials.c - who may call the REST API: an organisation, its first sandbox and one client, made on first start.
 *
 * The file is the only place where the client's secret stands in clear; the config topic has its SHA-256. */
#include "app/app.h"

#include "codec/json_writer.h"

static const char *
file_of(const char *dir, struct arena *a)
{
    return arena_printf(a, "%s/credentials.json", dir).p;
}

enum err
credentials_load(struct os *os, const char *dir, struct arena *a, struct credentials *out, struct diag *d)
{
    const struct json *root;
    struct str text;
    enum err rc = os_read_file(os, file_of(dir, a), 64 * 1024, a, &text, d);

    if (rc == ERR_OK)
        rc = json_parse(text, a, &root, d);
    if (rc != ERR_OK)
        return rc;
    out->org = json_str(json_get(root, S("orgId")));
    out->tenant = json_str(json_get(root, S("tenant")));
    out->sandbox = json_str(json_get(root, S("sandbox")));
    out->client_id = json_str(json_get(root, S("clientId")));
    out->client_secret = json_str(json_get(root, S("clientSecret")));
    out->token_key = json_str(json_get(root, S("tokenKey")));
    out->signing_key = json_str(json_get(root, S("signingKey")));
    out->url = json_str(json_get(root, S("url")));
    if (out->org.n == 0 || out->client_id.n == 0 || out->client_secret.n == 0 || out->token_key.n != 32 ||
        out->signing_key.n != 64)
        return diag_set(d, ERR_CORRUPT, "'%s/credentials.json' lacks a member: remove it to have new ones made", dir);
    return ERR_OK;
}

enum err
credentials_write(struct os *os, const char *dir, const struct credentials *c, struct diag *d)
{
    struct arena a;
    struct buf text;
    struct jw w;
    enum err rc;

    arena_init(&a, 64 * 1024);
    buf_init(&text, 64 * 1024);
    w = jw_to(&text);
    jw_object(&w);
    jw_kstr(&w, S("orgId"), c->org);
    jw_kstr(&w, S("tenant"), c->tenant);
    jw_kstr(&w, S("sandbox"), c->sandbox);
    jw_kstr(&w, S("clientId"), c->client_id);
    jw_kstr(&w, S("clientSecret"), c->client_secret);
    jw_kstr(&w, S("tokenKey"), c->token_key);
    jw_kstr(&w, S("signingKey"), c->signing_key);
    jw_kstr(&w, S("url"), c->url);
    jw_end(&w);
    buf_putc(&text, '\n');
    rc = os_write_file(os, file_of(dir, &a), buf_str(&text), d);
    buf_deinit(&text);
    arena_deinit(&a);
    return rc;
}

/* n random bytes as hex digits of the given alphabet. */
static struct str
random_hex(struct os *os, struct arena *a, size_t n, const char *digits)
{
    unsigned char bytes[64];
    char *text = arena_alloc(a, 2 * n);

    if (text == NULL || n > sizeof bytes)
        return S_NULL;
    os_entropy(os, bytes, n);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (struct str){text, 2 * n};
}

enum err
credentials_ensure(struct os *os, const char *dir, struct arena *a, struct credentials *out, struct diag *d)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    enum err rc = credentials_load(os, dir, a, out, d);

    if (rc != ERR_NOT_FOUND)
        return rc;
    *out = (struct credentials){
        .org = arena_printf(a, "%.*s@AdobeOrg", STR_ARG(random_hex(os, a, 12, upper))),
        .tenant = S("northpeak"),
        .sandbox = S("prod"),
        .client_id = random_hex(os, a, 16, lower),
        .client_secret = random_hex(os, a, 24, lower),
        .token_key = random_hex(os, a, 16, lower),
        .signing_key = random_hex(os, a, 32, lower),
    };
    return credentials_write(os, dir, out, d);
}
