/* ecid.c - see ecid.h. The cookie is written field by field in the order of [EDGE 3.3], so that equal identities give
 * equal cookies; reading follows the wire types and knows nothing about order. */
#include "identity/ecid.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/base64.h"
#include "codec/sha256.h"

#define HALF_MASK 0x7fffffffffffffffu

/* Protocol-buffers field numbers of the cookie and of its metadata message. */
enum cookie_field { FIELD_ECID = 1, FIELD_METADATA = 10, FIELD_WRITE_TIME = 30 };
enum metadata_field { FIELD_CREATED = 1, FIELD_NEW = 2, FIELD_DEVICE = 3, FIELD_REGION = 5, FIELD_SOURCE = 6 };
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2, WIRE_FIXED32 = 5 };

static void
write_halves(uint64_t hi, uint64_t lo, char out[ECID_BYTES])
{
    char text[ECID_BYTES + 1];

    (void)snprintf(text, sizeof text, "%019" PRIu64 "%019" PRIu64, hi & HALF_MASK,
                   lo & HALF_MASK); /* always 38 digits */
    memcpy(out, text, ECID_BYTES);
}

void
ecid_mint(struct rng *r, char out[ECID_BYTES])
{
    uint64_t hi = rng_u64(r);

    write_halves(hi, rng_u64(r), out);
}

bool
ecid_valid(struct str s)
{
    if (s.n != ECID_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

static uint64_t
big_endian(const unsigned char *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

void
ecid_from_fpid(struct str org, struct str fpid, char out[ECID_BYTES])
{
    static const char tag[] = "edge-ecid-v1"; /* its NUL is the first separator */
    unsigned char digest[32];
    struct buf b;

    buf_init(&b, sizeof tag + org.n + 1 + fpid.n);
    buf_put(&b, (struct str){tag, sizeof tag});
    buf_put(&b, org);
    buf_putc(&b, '\0');
    buf_put(&b, fpid);
    CHECK(buf_ok(&b)); /* a cut input would seed another person */
    sha256(buf_str(&b), digest);
    buf_deinit(&b);
    write_halves(big_endian(digest), big_endian(digest + 8), out);
}

/* ---- the cookie: writing ---- */

static void
put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(b, (char)(v | 0x80));
    buf_putc(b, (char)v);
}

static void
put_number(struct buf *b, unsigned field, uint64_t v)
{
    if (v == 0)
        return; /* proto3 omits zero */
    put_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(b, v);
}

static void
put_bytes(struct buf *b, unsigned field, struct str s)
{
    if (s.n == 0)
        return;
    put_varint(b, (uint64_t)field << 3 | WIRE_LEN);
    put_varint(b, s.n);
    buf_put(b, s);
}

void
ecid_cookie_write(struct buf *out, const struct ecid_cookie *c)
{
    struct buf metadata, message;

    buf_init(&metadata, LIMIT_COOKIE_IDENTITY_BYTES);
    buf_init(&message, LIMIT_COOKIE_IDENTITY_BYTES);
    put_number(&metadata, FIELD_CREATED, (uint64_t)c->created_ms);
    put_number(&metadata, FIELD_NEW, c->is_new);
    put_number(&metadata, FIELD_DEVICE, c->device_type);
    put_bytes(&metadata, FIELD_REGION, c->region);
    put_number(&metadata, FIELD_SOURCE, (uint64_t)c->source);
    put_bytes(&message, FIELD_ECID, c->ecid);
    put_bytes(&message, FIELD_METADATA, buf_str(&metadata));
    put_number(&message, FIELD_WRITE_TIME, (uint64_t)c->write_time_ms);
    if (!buf_ok(&metadata) || !buf_ok(&message))
        out->full = true;
    base64url_encode(out, buf_str(&message));
    buf_deinit(&metadata);
    buf_deinit(&message);
}

/* ---- the cookie: reading ---- */

struct field {
    uint64_t number;
    enum wire_type type;
    uint64_t value;   /* WIRE_VARINT */
    struct str bytes; /* WIRE_LEN */
};

static bool
take_varint(struct str *rest, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && rest->n > 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* Splits off one field, whatever its type. Groups (types 3 and 4) are malformed here: nobody ever sent them. */
static bool
take_field(struct str *rest, struct field *f)
{
    uint64_t tag, n;

    *f = (struct field){0};
    if (!take_varint(rest, &tag) || tag >> 3 == 0)
        return false;
    f->number = tag >> 3;
    f->type = (enum wire_type)(tag & 7);
    switch (f->type) {
    case WIRE_VARINT:
        return take_varint(rest, &f->value);
    case WIRE_LEN:
        if (!take_varint(rest, &n))
            return false;
        break;
    case WIRE_FIXED64:
        n = 8;
        break;
    case WIRE_FIXED32:
        n = 4;
        break;
    default:
        return false;
    }
    if (n > rest->n)
        return false;
    f->bytes = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return true;
}

static bool
read_metadata(struct str bytes, struct ecid_cookie *c)
{
    struct field f;

    while (bytes.n > 0) {
        if (!take_field(&bytes, &f))
            return false;
        if (f.type == WIRE_LEN && f.number == FIELD_REGION)
            c->region = f.bytes;
        if (f.type != WIRE_VARINT)
            continue;
        if (f.number == FIELD_CREATED)
            c->created_ms = (int64_t)(f.value & HALF_MASK);
        else if (f.number == FIELD_NEW)
            c->is_new = f.value != 0;
        else if (f.number == FIELD_DEVICE)
            c->device_type = (unsigned)(f.value & 0xff);
        else if (f.number == FIELD_SOURCE)
            c->source = f.value <= ECID_RECEIVED ? (enum ecid_source)f.value : ECID_RANDOM;
    }
    return true;
}

bool
ecid_cookie_read(struct str value, struct arena *a, struct ecid_cookie *out)
{
    struct ecid_cookie c = {0};
    struct field f;
    struct str rest;

    if (value.n == 0 || value.n > LIMIT_COOKIE_IDENTITY_BYTES)
        return false;
    rest = base64_decode(value, a);
    if (rest.p == NULL)
        return false;
    while (rest.n > 0) {
        if (!take_field(&rest, &f))
            return false;
        if (f.type == WIRE_LEN && f.number == FIELD_ECID)
            c.ecid = f.bytes;
        else if (f.type == WIRE_LEN && f.number == FIELD_METADATA && !read_metadata(f.bytes, &c))
            return false;
        else if (f.type == WIRE_VARINT && f.number == FIELD_WRITE_TIME)
            c.write_time_ms = (int64_t)(f.value & HALF_MASK);
    }
    if (!ecid_valid(c.ecid))
        return false;
    *out = c;
    return true;
}

struct str
ecid_tnt_id(struct hash_key key, struct str ecid, struct arena *a)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t h = hash_mac(key, ecid);
    char suffix[6];

    for (size_t i = 0; i < sizeof suffix; i++, h /= 62)
        suffix[i] = digits[h % 62];
    return arena_printf(a, "%.*s-%.6s", STR_ARG(ecid), suffix);
}
