/* http_spool.c - bodies that are written to a file while they come. Pieces go through the page cache, so a write costs
 * its copy; the handler syncs what it keeps. */
#include "http/http_int.h"

#include "base/log.h"

static void
fail(struct exchange *x, const struct diag *d)
{
    if (!x->spool_failed)
        log_error("http_spool_failed", "what=\"%s\"", d->what);
    x->spool_failed = true;
    exchange_refuse(x, 503, "the disk does not take the body");
}

void
spool_begin(struct exchange *x)
{
    const struct http_service *s = x->service;
    struct http_spool spool = {0};
    struct diag d = DIAG_INIT;
    const char *why = "refused";
    int status;

    if (x->refused != 0 || s == NULL || s->spool == NULL || (x->content_bytes == 0 && !x->chunked))
        return;
    status = s->spool(s->ctx, &x->rq, &spool, &why);
    if (status != 0) {
        exchange_refuse(x, status, why);
        return;
    }
    if (spool.path == NULL)
        return;
    if (x->content_encoding.n != 0 && !str_eq_nocase(x->content_encoding, S("identity"))) {
        exchange_refuse(x, 415, "this body is taken without Content-Encoding only");
        return;
    }
    x->spool_path = strdup(spool.path);
    x->spool_at = spool.at;
    if (x->spool_path == NULL)
        exchange_refuse(x, 503, "no memory for the body");
    else if (os_open(x->core->os, x->spool_path, OS_WRITE | OS_EXCLUSIVE, &x->spool, &d) != ERR_OK)
        fail(x, &d);
}

/* body_bytes counts the piece already. */
void
spool_take(struct exchange *x, struct str piece)
{
    struct diag d = DIAG_INIT;

    if (os_pwrite(x->core->os, x->spool, x->spool_at + x->body_bytes - piece.n, piece.p, piece.n, &d) != ERR_OK)
        fail(x, &d);
}

void
spool_end(struct exchange *x)
{
    if (x->spool == NULL)
        return;
    os_close(x->core->os, x->spool);
    x->spool = NULL;
    x->rq.body_path = x->spool_path;
    x->rq.body_bytes = x->body_bytes;
}

void
spool_drop(struct exchange *x)
{
    struct diag ignored = DIAG_INIT; /* renamed by who took it, or never made */

    if (x->spool_path == NULL)
        return;
    os_close(x->core->os, x->spool);
    (void)os_unlink(x->core->os, x->spool_path, &ignored);
    free(x->spool_path);
    x->spool_path = NULL;
    x->spool = NULL;
    x->spool_failed = false;
}
