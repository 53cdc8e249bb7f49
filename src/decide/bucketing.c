/* bucketing.c - MurmurHash3 x86 32-bit, seed 0, over the UTF-16 code units of a text [TARGET 3.2], and the ranges that
 * one hash gives to experiences [TARGET 3.3]. On-device clients compute the same numbers, so nothing here may be
 * improved.
 *
 * The hash is kept as a stream: all activities of a sandbox share the client, and every activity keeps the state behind
 * "<client>.<activity>.", which leaves only the visitor key to hash per request. */
#include "decide/decide_int.h"

static uint32_t
rotl(uint32_t x, int r)
{
    return x << r | x >> (32 - r);
}

static uint32_t
mix_k(uint32_t k)
{
    return rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static inline uint32_t
mix_h(uint32_t h, uint32_t k)
{
    return rotl(h ^ mix_k(k), 13) * 5u + 0xe6546b64u;
}

static inline void
put_unit(struct hash_stream *s, uint32_t unit)
{
    if (s->units++ & 1)
        s->h = mix_h(s->h, s->half | unit << 16);
    else
        s->half = unit;
}

/* Pairs of ASCII at once, from an even unit on: visitor keys are nothing else. Returns the bytes taken. */
static size_t
put_ascii_pairs(struct hash_stream *s, const unsigned char *p, size_t n)
{
    uint32_t h = s->h;
    size_t i = 0;

    for (; i + 1 < n && (p[i] | p[i + 1]) < 0x80; i += 2)
        h = mix_h(h, p[i] | (uint32_t)p[i + 1] << 16);
    s->h = h;
    s->units += (uint32_t)i;
    return i;
}

/* Decodes one sequence at p; malformed bytes yield U+FFFD and the length of the part that was plausible. */
static size_t
decode(const unsigned char *p, size_t n, uint32_t *cp)
{
    unsigned char lead = p[0];
    unsigned char low = 0x80, high = 0xbf;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

    *cp = 0xfffd;
    if (lead < 0xc2 || lead > 0xf4)
        return 1;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    uint32_t v = lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (i >= n || p[i] < low || p[i] > high)
            return i;
        v = v << 6 | (p[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *cp = v;
    return len;
}

void
hash_stream_put(struct hash_stream *s, struct str utf8)
{
    const unsigned char *p = (const unsigned char *)utf8.p;
    size_t i = 0;

    while (i < utf8.n) {
        uint32_t cp;
        if (!(s->units & 1))
            i += put_ascii_pairs(s, p + i, utf8.n - i);
        if (i == utf8.n)
            return;
        if (p[i] < 0x80) {
            put_unit(s, p[i++]);
            continue;
        }
        i += decode(p + i, utf8.n - i, &cp);
        if (cp >= 0x10000) {
            put_unit(s, 0xd7c0 + (cp >> 10));
            put_unit(s, 0xdc00 + (cp & 0x3ff));
        } else {
            put_unit(s, cp);
        }
    }
}

int32_t
hash_stream_end(struct hash_stream s)
{
    uint32_t h = s.h;

    if (s.units & 1)
        h ^= mix_k(s.half); /* the tail does not rotate h */
    h ^= 2 * s.units;       /* length in bytes */
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return (int32_t)(h ^ h >> 16);
}

int32_t
decide_hash(struct str utf8)
{
    struct hash_stream s = {0};

    hash_stream_put(&s, utf8);
    return hash_stream_end(s);
}

/* The absolute value needs 64 bits: the smallest integer has none in 32. */
unsigned
decide_bucket(int32_t hash)
{
    int64_t v = hash;

    return (unsigned)((v < 0 ? -v : v) % 10000);
}

/* Bounds in hundredths of a percent: (p0 + .. + pi) * traffic. A range includes its upper bound and excludes its lower
 * one; the first range that is not empty includes 0. */
int
decide_choose(unsigned bucket, const unsigned *percent, size_t n, unsigned traffic_percent)
{
    unsigned sum = 0;

    if (traffic_percent == 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        sum += percent[i];
        if (percent[i] > 0 && bucket <= sum * traffic_percent)
            return (int)i;
    }
    return -1;
}

struct str
decide_visitor_key(struct str ecid, struct str tnt_id, struct str third_party_id)
{
    ptrdiff_t dot = str_find_char(tnt_id, '.');

    if (ecid.n > 0)
        return ecid;
    if (dot >= 0)
        tnt_id.n = (size_t)dot;
    return tnt_id.n > 0 ? tnt_id : third_party_id;
}
