/* gzip.c - the wrapper of zlib.
 *
 * A deflate stream is 256 KB of tables; setting one up costs 50 us where compressing 4 KB costs 14, so a worker keeps
 * one and resets it. Inflating sets up a small state only, so it has no object. Both write straight into the buf, and a
 * bomb is cut at the buf's maximum: what it would have become is never held. */
#include "codec/gzip.h"

#include <limits.h>
#include <zlib.h>

struct gzip {
    z_stream z;
};

#define WINDOW_GZIP (15 + 16)   /* zlib's way to say: 32 KB window, gzip wrapper */
#define WINDOW_DETECT (15 + 32) /* gzip or zlib wrapper, told from the first bytes */
#define STEP_MIN 16384

struct gzip *
gzip_new(int level)
{
    struct gzip *g = calloc(1, sizeof *g);

    if (g != NULL && deflateInit2(&g->z, level, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

void
gzip_free(struct gzip *g)
{
    if (g == NULL)
        return;
    (void)deflateEnd(&g->z); /* reports only that a stream was cut short */
    free(g);
}

enum err
gzip_deflate(struct gzip *g, struct str in, struct buf *out, struct diag *d)
{
    size_t before = out->n, room = out->bytes_max - out->n, want;
    char *at;
    int rc;

    if (in.n > UINT_MAX / 2)
        return diag_set(d, ERR_LIMIT, "gzip: %zu bytes are too many for one member", in.n);
    if (deflateReset(&g->z) != Z_OK)
        return diag_set(d, ERR_INVALID, "gzip: the stream is unusable");
    want = deflateBound(&g->z, in.n);
    at = buf_grow(out, want < room ? want : room);
    if (at == NULL)
        return diag_set(d, ERR_LIMIT, "gzip: no room for the compressed bytes");
    g->z.next_in = (Bytef *)(uintptr_t)(in.p ? in.p : "");
    g->z.avail_in = (uInt)in.n;
    g->z.next_out = (Bytef *)at;
    g->z.avail_out = (uInt)(want < room ? want : room);
    rc = deflate(&g->z, Z_FINISH);
    if (rc != Z_STREAM_END) {
        out->full = true;
        return diag_set(d, ERR_LIMIT, "gzip: the compressed bytes exceed %zu", room);
    }
    out->n = before + g->z.total_out;
    return ERR_OK;
}

/* Offers more room; at the buf's maximum one spare byte, so that a body of exactly that size still ends well. */
static bool
offer_room(z_stream *z, struct buf *out, size_t in_bytes, unsigned char *spare)
{
    size_t room = out->bytes_max - out->n, want = in_bytes * 4 > STEP_MIN ? in_bytes * 4 : STEP_MIN;

    if (room == 0) {
        z->next_out = spare;
        z->avail_out = 1;
        return true;
    }
    if (want > room)
        want = room;
    if (want > UINT_MAX / 2)
        want = UINT_MAX / 2;
    z->next_out = (Bytef *)buf_grow(out, want);
    z->avail_out = (uInt)want;
    return z->next_out != NULL;
}

static enum err
inflate_all(z_stream *z, size_t in_bytes, struct buf *out, struct diag *d)
{
    unsigned char spare;

    for (;;) {
        int rc;
        bool at_max = out->n == out->bytes_max;
        uInt offered;

        if (!offer_room(z, out, in_bytes, &spare))
            return diag_set(d, ERR_NOMEM, "gzip: no memory for the inflated bytes");
        offered = z->avail_out;
        rc = inflate(z, Z_NO_FLUSH);
        if (at_max && z->avail_out == 0) {
            out->full = true;
            return diag_set(d, ERR_LIMIT, "gzip: the inflated bytes exceed %zu", out->bytes_max);
        }
        if (!at_max)
            out->n += offered - z->avail_out;
        if (rc == Z_STREAM_END && z->avail_in == 0)
            return ERR_OK;
        if (rc == Z_STREAM_END)
            rc = inflateReset(z); /* another member follows [RFC 1952 2.2]; anything else fails on its header */
        if (rc == Z_MEM_ERROR)
            return diag_set(d, ERR_NOMEM, "gzip: out of memory");
        if (rc != Z_OK && !(rc == Z_BUF_ERROR && z->avail_out == 0))
            return diag_set_at(d, ERR_INVALID, (uint32_t)(in_bytes - z->avail_in), "gzip: %s at byte %zu",
                               rc == Z_BUF_ERROR ? "cut short" : (z->msg ? z->msg : "malformed"),
                               in_bytes - z->avail_in);
    }
}

enum err
gzip_inflate(struct str in, struct buf *out, struct diag *d)
{
    z_stream z = {0};
    size_t before = out->n;
    enum err rc;

    if (in.n > UINT_MAX / 4)
        return diag_set(d, ERR_LIMIT, "gzip: %zu bytes are too many", in.n);
    if (inflateInit2(&z, WINDOW_DETECT) != Z_OK)
        return diag_set(d, ERR_NOMEM, "gzip: out of memory");
    z.next_in = (Bytef *)(uintptr_t)(in.p ? in.p : "");
    z.avail_in = (uInt)in.n;
    rc = inflate_all(&z, in.n, out, d);
    (void)inflateEnd(&z);
    if (rc != ERR_OK)
        out->n = before;
    return rc;
}
