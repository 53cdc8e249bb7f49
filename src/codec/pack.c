/* pack.c - see pack.h. */
#include "codec/pack.h"

void
pack_long_u64(struct buf *b, uint64_t v)
{
    size_t n = 1;
    char *at;

    for (uint64_t rest = v >> 7; rest != 0; rest >>= 7)
        n++;
    at = buf_grow(b, n);
    if (at == NULL)
        return;
    b->n += n;
    for (; v >= 0x80; v >>= 7)
        *at++ = (char)(v | 0x80);
    *at = (char)v;
}

void
pack_i64(struct buf *b, int64_t v)
{
    pack_u64(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void
pack_fixed32(struct buf *b, uint32_t v)
{
    buf_put(b, (struct str){(const char *)&v, sizeof v});
}

void
pack_fixed64(struct buf *b, uint64_t v)
{
    buf_put(b, (struct str){(const char *)&v, sizeof v});
}

void
pack_f64(struct buf *b, double v)
{
    buf_put(b, (struct str){(const char *)&v, sizeof v});
}

void
pack_str(struct buf *b, struct str s)
{
    pack_u64(b, s.n);
    buf_put(b, s);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed words are stored little-endian");

struct unpack
unpack_from(struct str s)
{
    const unsigned char *p = (const unsigned char *)(s.p ? s.p : "");

    return (struct unpack){p, p + s.n, false};
}

size_t
unpack_left(const struct unpack *u)
{
    return u->bad ? 0 : (size_t)(u->end - u->p);
}

static const unsigned char *
take(struct unpack *u, size_t n)
{
    const unsigned char *p = u->p;

    if (u->bad || n > (size_t)(u->end - u->p)) {
        u->bad = true;
        return NULL;
    }
    u->p += n;
    return p;
}

uint64_t
unpack_long_u64(struct unpack *u)
{
    const unsigned char *p = u->p;
    uint64_t v = 0;

    for (unsigned shift = 0; !u->bad && p < u->end && shift < 64; shift += 7) {
        if (shift == 63 && *p > 1)
            break; /* more than 64 bits */
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p++ < 0x80) {
            u->p = p;
            return v;
        }
    }
    u->bad = true;
    return 0;
}

int64_t
unpack_i64(struct unpack *u)
{
    uint64_t v = unpack_u64(u);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

uint32_t
unpack_fixed32(struct unpack *u)
{
    const unsigned char *p = take(u, 4);
    uint32_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return v;
}

uint64_t
unpack_fixed64(struct unpack *u)
{
    const unsigned char *p = take(u, 8);
    uint64_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return v;
}

double
unpack_f64(struct unpack *u)
{
    const unsigned char *p = take(u, 8);
    double v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return v;
}

struct str
unpack_str(struct unpack *u)
{
    uint64_t n = unpack_u64(u);
    const unsigned char *p = take(u, n);

    return p != NULL ? (struct str){(const char *)p, n} : S_NULL;
}
