/* rule_graph_store.c - a state as bytes, read on every request.
 *
 *   'G', 1            kind and version of the format
 *   fixed64           version of the graph     fixed32  fingerprint of its structure
 *   fixed64           instant of the last evaluation
 *   varint, varint    next flip of a window leaf, as a difference (0: none), and its node
 *   bytes             one bit per node, in order
 *   varints           next look per leaf that has one, as a difference (0: none)
 *   varint            count of series, and for each: id (difference to the one before), length, bytes
 * (rule_graph_series.c) fixed32           CRC32C of all before
 *
 * Loading copies the bytes once and leaves the series encoded until a step touches them; saving copies those that were
 * not touched. */
#include "rule/rule_graph_int.h"

#include "codec/pack.h"

#define STATE_KIND 'G'
#define STATE_FORMAT 1
#define STATE_HEAD_BYTES (2 + 8 + 4)

struct series_state *
state_series(struct rule_state *s, uint32_t id)
{
    size_t lo = 0, hi = s->series_count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->series[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->series_count && s->series[lo].id == id ? &s->series[lo] : NULL;
}

struct series_state *
state_series_add(struct rule_state *s, uint32_t id)
{
    size_t at = s->series_count, cap = s->series_cap ? s->series_cap * 2 : 8;
    struct series_state *grown;

    if (s->series_count == s->series_cap) {
        grown = ARENA_ARRAY(s->arena, struct series_state, cap);
        if (grown == NULL)
            return NULL;
        if (s->series_count > 0)
            memcpy(grown, s->series, s->series_count * sizeof *grown);
        s->series = grown;
        s->series_cap = cap;
    }
    while (at > 0 && s->series[at - 1].id > id)
        at--;
    memmove(&s->series[at + 1], &s->series[at], (s->series_count - at) * sizeof *s->series);
    s->series_count++;
    s->series[at] = (struct series_state){.id = id, .decoded = true};
    return &s->series[at];
}

void
state_series_sweep(struct rule_state *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->series_count; i++) {
        const struct series_state *ss = &s->series[i];
        if (ss->decoded && ss->n == 0 && ss->total == 0)
            continue;
        if (kept != i)
            s->series[kept] = *ss;
        kept++;
    }
    s->series_count = kept;
}

/* ---- save ---- */

static void
put_difference(struct buf *out, int64_t instant, int64_t now)
{
    pack_u64(out, instant == TIME_NEVER ? 0 : (uint64_t)instant - (uint64_t)now);
}

/* Length and bytes of one series. The length is written first, into one byte when that is enough. */
static void
put_series(const struct rule_state *s, const struct series_state *ss, struct buf *out)
{
    size_t at = out->n, bytes, extra = 0;
    char prefix[10];

    if (!ss->decoded) {
        pack_str(out, ss->raw);
        return;
    }
    buf_putc(out, 0);
    series_encode(s->g, ss, out);
    if (!buf_ok(out))
        return;
    bytes = out->n - at - 1;
    if (bytes >= 0x80) {
        for (size_t rest = bytes; rest != 0; rest >>= 7)
            prefix[extra++] = (char)((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
        if (buf_grow(out, extra - 1) == NULL)
            return;
        memmove(out->p + at + extra, out->p + at + 1, bytes);
        memcpy(out->p + at, prefix, extra);
        out->n += extra - 1;
    } else {
        out->p[at] = (char)bytes;
    }
}

void
rule_state_save(const struct rule_state *s, struct buf *out)
{
    const struct rule_graph *g = s->g;
    size_t start = out->n;
    uint32_t before = 0;

    buf_putc(out, STATE_KIND);
    buf_putc(out, STATE_FORMAT);
    pack_fixed64(out, g->version);
    pack_fixed32(out, g->fingerprint);
    pack_fixed64(out, (uint64_t)s->now_ms);
    put_difference(out, s->window_flip_ms, s->now_ms);
    pack_u64(out, s->window_owner);
    buf_put(out, (struct str){(const char *)s->bits, (g->nodes.n + 7) / 8});
    for (size_t i = 0; i < g->look_leaves.n; i++)
        put_difference(out, s->looks[i], s->now_ms);
    pack_u64(out, s->series_count);
    for (size_t i = 0; i < s->series_count; i++) {
        pack_u64(out, s->series[i].id - before);
        before = s->series[i].id;
        put_series(s, &s->series[i], out);
    }
    if (buf_ok(out))
        pack_fixed32(out, crc32c(0, out->p + start, out->n - start));
}

/* ---- load ---- */

static bool
get_difference(struct unpack *u, int64_t now, int64_t *out)
{
    uint64_t difference = unpack_u64(u);

    *out = difference == 0 ? TIME_NEVER : (int64_t)((uint64_t)now + difference);
    return !u->bad && *out > now;
}

static bool
get_series(struct rule_state *s, struct unpack *u)
{
    uint64_t count = unpack_u64(u), id = 0;

    if (u->bad || count > s->g->series.n)
        return false;
    s->series_cap = count + 4;
    s->series = ARENA_ARRAY(s->arena, struct series_state, s->series_cap);
    if (s->series == NULL)
        return true; /* told by the caller from series_count */
    for (; s->series_count < count && !u->bad; s->series_count++) {
        uint64_t step = unpack_u64(u);
        id += step;
        if (step > s->g->series.n || id >= s->g->series.n || (step == 0 && s->series_count > 0))
            return false;
        s->series[s->series_count] = (struct series_state){.id = (uint32_t)id, .raw = unpack_str(u)};
    }
    return !u->bad && unpack_left(u) == 0;
}

static bool
get_body(struct rule_state *s, struct unpack *u)
{
    const struct rule_graph *g = s->g;
    size_t bytes = (g->nodes.n + 7) / 8;
    uint64_t owner;

    s->now_ms = (int64_t)unpack_fixed64(u);
    if (s->now_ms < TIME_FIRST_MS || s->now_ms > TIME_LAST_MS || !get_difference(u, s->now_ms, &s->window_flip_ms))
        return false;
    owner = unpack_u64(u);
    if (unpack_left(u) < bytes || (owner >= g->nodes.n && owner != NO_ID))
        return false;
    s->window_owner = (uint32_t)owner;
    if (bytes > 0)
        memcpy(s->bits, u->p, bytes);
    u->p += bytes;
    if (g->nodes.n % 64 != 0)
        s->bits[g->nodes.n / 64] &= ((uint64_t)1 << g->nodes.n % 64) - 1;
    for (size_t i = 0; i < g->look_leaves.n; i++) {
        if (!get_difference(u, s->now_ms, &s->looks[i]))
            return false;
    }
    return get_series(s, u);
}

enum err
rule_state_load(const struct rule_graph *g, struct str bytes, struct arena *a, struct rule_state **out, struct diag *d)
{
    struct rule_state *s;
    struct unpack u;
    uint32_t crc;
    char *copy;

    if (bytes.n < STATE_HEAD_BYTES + 4 || bytes.p[0] != STATE_KIND)
        return diag_set(d, ERR_CORRUPT, "audience state: %zu bytes are none", bytes.n);
    if (bytes.p[1] != STATE_FORMAT)
        return diag_set(d, ERR_UNSUPPORTED, "audience state: format %d, this server writes %d", bytes.p[1],
                        STATE_FORMAT);
    memcpy(&crc, bytes.p + bytes.n - 4, 4);
    if (crc != crc32c(0, bytes.p, bytes.n - 4))
        return diag_set(d, ERR_CORRUPT, "audience state: its checksum does not match");
    u = unpack_from((struct str){bytes.p + 2, STATE_HEAD_BYTES - 2});
    if (unpack_fixed64(&u) != g->version || unpack_fixed32(&u) != g->fingerprint)
        return diag_set(d, ERR_UNSUPPORTED, "audience state: it belongs to another version of the audiences");
    s = state_new(g, a);
    copy = arena_alloc(a, bytes.n);
    if (s == NULL || copy == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for an audience state of %zu bytes", bytes.n);
    memcpy(copy, bytes.p, bytes.n);
    u = unpack_from((struct str){copy + STATE_HEAD_BYTES, bytes.n - STATE_HEAD_BYTES - 4});
    if (!get_body(s, &u))
        return diag_set(d, ERR_CORRUPT, "audience state: it does not read");
    if (s->series == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for an audience state of %zu bytes", bytes.n);
    *out = s;
    return ERR_OK;
}
