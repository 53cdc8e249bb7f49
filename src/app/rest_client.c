/* rest_client.c - see rest_client.h. */
#include "app/rest_client.h"

#include "codec/json.h"
#include "codec/url.h"
#include "os/os.h"
#include "os/thread.h"

#define ARENA_BYTES ((size_t)512 << 20)
#define TIMEOUT_MS 120000    /* a drain waits for the hub */
#define UNREADABLE_BYTES 160 /* as much is shown of an answer that is none of ours */

static enum err
connect_to(struct rest_client *c, struct str url)
{
    struct url u = url_parse(url);
    uint64_t port = 80;

    if (!str_eq(u.scheme, S("http")))
        return diag_set(&c->diag, ERR_INVALID, "'%.*s' is not an http:// address of a running server", STR_ARG(url));
    if (u.port.n > 0 && (!str_to_u64(u.port, &port) || port > 65535))
        return diag_set(&c->diag, ERR_INVALID, "'%.*s' has no valid port", STR_ARG(url));
    c->http = http_client_new(arena_cstr(&c->arena, u.host), (unsigned)port, TIMEOUT_MS);
    return c->http != NULL ? ERR_OK : diag_set(&c->diag, ERR_NOMEM, "no memory");
}

enum err
rest_client_open(struct rest_client *c, const char *data, const char *server)
{
    enum err rc;

    *c = (struct rest_client){.diag = DIAG_INIT};
    arena_init(&c->arena, ARENA_BYTES);
    rc = credentials_load(os_posix(), data, &c->arena, &c->credentials, &c->diag);
    return rc == ERR_OK ? connect_to(c, server != NULL ? str_of(server) : c->credentials.url) : rc;
}

void
rest_client_close(struct rest_client *c)
{
    http_client_free(c->http);
    c->http = NULL;
    arena_deinit(&c->arena);
}

enum err
rest_client_send(struct rest_client *c, const char *method, struct str target, const char *type, const char *accept,
                 struct str body, struct http_answer *answer)
{
    struct http_header headers[] = {
        {S("Authorization"), arena_printf(&c->arena, "Bearer %.*s", STR_ARG(c->token))},
        {S("x-api-key"), c->credentials.client_id},
        {S("x-gw-ims-org-id"), c->credentials.org},
        {S("x-sandbox-name"), c->credentials.sandbox},
        {S("Accept"), str_of(accept != NULL ? accept : "application/json")},
        {S("Content-Type"), str_of(type)},
    };
    struct http_call call = {.method = method,
                             .target = target,
                             .headers = headers,
                             .header_count = sizeof headers / sizeof *headers,
                             .body = body};

    return http_client_call(c->http, &call, &c->arena, answer, &c->diag);
}

/* {"errors":{"400":[{"message"}]}}, {"detail"}, {"errorMessage"} or {"message"}: the families' shapes. */
struct str
rest_client_said(struct rest_client *c, const struct http_answer *answer)
{
    static const char *const plain[] = {"detail", "errorMessage", "message"};
    const struct json *v = NULL;
    struct diag ignored = DIAG_INIT; /* not JSON: as it came */
    struct json_iter it;
    struct str said = S_NULL;

    if (json_parse(answer->body, &c->arena, &v, &ignored) == ERR_OK) {
        it = json_iter(json_get(v, S("errors")));
        if (json_next(&it))
            said = json_str(json_get(json_is(it.value, JSON_ARRAY) ? json_at(it.value, 0) : it.value, S("message")));
        for (size_t i = 0; i < sizeof plain / sizeof *plain && said.n == 0; i++)
            said = json_str(json_get(v, str_of(plain[i])));
    }
    return said.n > 0 ? said : str_slice(answer->body, 0, UNREADABLE_BYTES);
}

enum err
rest_client_call(struct rest_client *c, const char *method, struct str target, const char *type, const char *accept,
                 struct str body, const struct json **out)
{
    struct http_answer answer;
    enum err rc = rest_client_send(c, method, target, type, accept, body, &answer);

    if (rc != ERR_OK)
        return rc;
    if (answer.status < 200 || answer.status > 299)
        return diag_set(&c->diag, ERR_INVALID, "%s %.*s answered %d: %.*s", method, STR_ARG(target), answer.status,
                        STR_ARG(rest_client_said(c, &answer)));
    if (out == NULL)
        return ERR_OK;
    *out = NULL;
    return answer.body.n > 0 ? json_parse(answer.body, &c->arena, out, &c->diag) : ERR_OK;
}

enum err
rest_client_authenticate(struct rest_client *c)
{
    const struct json *answer = NULL;
    struct str body = arena_printf(&c->arena, "grant_type=client_credentials&client_id=%.*s&client_secret=%.*s",
                                   STR_ARG(c->credentials.client_id), STR_ARG(c->credentials.client_secret));
    enum err rc =
        rest_client_call(c, "POST", S("/ims/token/v3"), "application/x-www-form-urlencoded", NULL, body, &answer);

    if (rc == ERR_OK)
        c->token = json_str(json_get(answer, S("access_token")));
    return rc;
}

struct str
rest_client_encode(struct rest_client *c, struct str s)
{
    struct buf b;

    buf_init_in(&b, &c->arena, 65536);
    url_encode(&b, s);
    return buf_str(&b);
}

void
rest_client_pause(uint64_t us)
{
    struct os_mutex lock;
    struct os_cond never;

    os_mutex_init(&lock);
    os_cond_init(&never);
    os_lock(&lock);
    (void)os_cond_wait_us(&never, &lock, us);
    os_unlock(&lock);
    os_cond_deinit(&never);
    os_mutex_deinit(&lock);
}
