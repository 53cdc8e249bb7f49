/* base64.c - [RFC 4648 4 and 5]. One decoding table knows both alphabets, so a text may even mix them. Padding, when
 * there is any, must be complete; bits behind the last byte are dropped, as browsers do. */
#include "codec/base64.h"

static void
encode(struct buf *out, struct str s, const char *alphabet, bool pad)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t whole = s.n / 3, left = s.n % 3;
    size_t n = whole * 4 + (left ? (pad ? 4 : left + 1) : 0);
    char *at;

    if (s.n == 0)
        return;
    at = buf_grow(out, n);
    if (at == NULL)
        return;
    for (size_t i = 0; i < whole; i++, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *at++ = alphabet[v >> 18];
        *at++ = alphabet[v >> 12 & 63];
        *at++ = alphabet[v >> 6 & 63];
        *at++ = alphabet[v & 63];
    }
    if (left) {
        uint32_t v = (uint32_t)p[0] << 16 | (left == 2 ? (uint32_t)p[1] << 8 : 0);
        *at++ = alphabet[v >> 18];
        *at++ = alphabet[v >> 12 & 63];
        if (left == 2)
            *at++ = alphabet[v >> 6 & 63];
        for (; pad && left < 3; left++)
            *at++ = '=';
    }
    out->n += n;
}

void
base64_encode(struct buf *out, struct str bytes)
{
    encode(out, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void
base64url_encode(struct buf *out, struct str bytes)
{
    encode(out, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static int
digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

struct str
base64_decode(struct str s, struct arena *a)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t n = 0;
    char *out;

    if (s.n % 4 == 0) {
        for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
            s.n--;
    }
    if (s.n % 4 == 1)
        return S_NULL; /* six bits are no byte */
    out = arena_alloc(a, s.n / 4 * 3 + 3);
    if (out == NULL)
        return S_NULL;
    for (size_t i = 0; i < s.n; i++) {
        int v = digit_value(s.p[i]);
        if (v < 0)
            return S_NULL;
        bits = bits << 6 | (uint32_t)v;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[n++] = (char)(bits >> bit_count & 0xff);
        }
    }
    out[n] = '\0';
    return (struct str){out, n};
}
