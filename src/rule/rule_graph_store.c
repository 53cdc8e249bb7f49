/* rule_graph_store.c - a state as bytes, read on every request.
 *
 *   'G', 2            kind and version of the format
 *   fixed64           fingerprint of the graph: what the numbers below mean, and how many there are
 *   fixed64           instant of the last evaluation
 *   bytes             one bit per node, in order
 *   varints           next look per leaf that has one, as a difference (0: none)
 *   flips             of window leaves (rule_graph_flips.c)
 *   unknown           nodes without a truth (rule_graph_unknown.c)
 *   varint            count of series, and for each: id (difference to the one before), length, bytes, which are
 *                     rule_graph_series.c's
 *   fixed32           CRC32C of all before
 *
 * Loading copies the bytes once and leaves the series encoded until a step touches them; saving copies those that were
 * not touched.
 *
 * Bytes of an earlier graph are read by its mark. What it numbered is the same number here, or is translated; what
 * is not known afterwards is the state's news. */
#include "rule/rule_graph_int.h"

#include "codec/pack.h"

#define STATE_KIND 'G'
#define STATE_FORMAT 2
#define STATE_HEAD_BYTES (2 + 8)

struct series_state *
state_series(struct rule_state *s, uint32_t id)
{
    size_t lo = 0, hi = s->series_count;

    if (s->series_found < hi && s->series[s->series_found].id == id)
        return &s->series[s->series_found];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->series[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    s->series_found = lo;
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
    pack_fixed64(out, g->marks.p[g->marks.n - 1].fingerprint);
    pack_fixed64(out, (uint64_t)s->now_ms);
    buf_put(out, (struct str){(const char *)s->bits, (g->nodes.n + 7) / 8});
    for (size_t i = 0; i < g->look_count; i++)
        put_difference(out, s->looks[i], s->now_ms);
    flips_encode(s, out);
    unknown_encode(s, out);
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

/* Who wrote the bytes, and how its numbers become ours. */
struct origin_graph {
    const struct graph_mark *mark;
    const struct translation *to; /* NULL: they are ours */
};

static bool
ours_node(const struct rule_graph *g, const struct origin_graph *from, uint64_t id, uint32_t *out)
{
    *out = from->to != NULL ? from->to->nodes[id] : (uint32_t)id;
    return *out != NO_ID && bit_get(g->live, *out);
}

struct writer_numbers {
    const struct rule_graph *g;
    const struct origin_graph *from;
};

static uint32_t
our_number(const void *ctx, uint64_t id)
{
    const struct writer_numbers *o = ctx;
    uint32_t ours;

    return ours_node(o->g, o->from, id, &ours) ? ours : NO_ID;
}

static bool
ours_series(const struct rule_graph *g, const struct origin_graph *from, uint64_t id, uint32_t *out)
{
    *out = from->to != NULL ? from->to->series[id] : (uint32_t)id;
    return *out != NO_ID && bit_get(g->live_series, *out);
}

static bool
get_series(struct rule_state *s, const struct origin_graph *from, struct unpack *u)
{
    uint64_t count = unpack_u64(u), id = 0;
    struct series_state *ss;
    uint32_t ours;

    if (u->bad || count > from->mark->series)
        return false;
    s->series_cap = count + 4;
    s->series = ARENA_ARRAY(s->arena, struct series_state, s->series_cap);
    if (s->series == NULL)
        return true; /* told by the caller */
    for (uint64_t i = 0; i < count && !u->bad; i++) {
        uint64_t step = unpack_u64(u);
        struct str raw = unpack_str(u);
        id += step;
        if (step > from->mark->series || id >= from->mark->series || (step == 0 && i > 0))
            return false;
        if (!ours_series(s->g, from, id, &ours))
            continue;
        if (s->series_count == 0 || s->series[s->series_count - 1].id < ours) { /* most: there is room */
            s->series[s->series_count++] = (struct series_state){.id = ours, .raw = raw};
        } else if (state_series(s, ours) == NULL) {
            ss = state_series_add(s, ours);
            ss->decoded = false;
            ss->raw = raw;
        }
    }
    return !u->bad && unpack_left(u) == 0;
}

/* Bits of the nodes that both know; when they are translated, known[] gets those. */
static void
get_bits(struct rule_state *s, const struct origin_graph *from, const unsigned char *bytes, uint64_t *known)
{
    size_t n = from->mark->nodes;
    uint32_t ours;

    if (from->to == NULL) {
        if (n > 0)
            memcpy(s->bits, bytes, (n + 7) / 8);
        if (n % 64 != 0)
            s->bits[n / 64] &= ((uint64_t)1 << n % 64) - 1;
        for (size_t i = 0; i < words_for(s->g->nodes.n); i++)
            s->bits[i] &= s->g->live[i];
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!ours_node(s->g, from, i, &ours))
            continue;
        bit_set(known, ours, true);
        bit_set(s->bits, ours, bytes[i / 8] >> (i % 8) & 1);
    }
}

static bool
get_looks(struct rule_state *s, const struct origin_graph *from, struct unpack *u)
{
    int64_t at;

    for (size_t i = 0; i < from->mark->looks; i++) {
        uint32_t ours = from->to != NULL ? from->to->looks[i] : (uint32_t)i;
        if (!get_difference(u, s->now_ms, &at))
            return false;
        if (ours != NO_ID && bit_get(s->g->live_looks, ours))
            s->looks[ours] = at;
    }
    return true;
}

/* ---- news ---- */

static bool
reads_events(const struct rule_graph *g, uint32_t node)
{
    const struct graph_node *n = &g->nodes.p[node];

    return n->kind == NODE_LEAF && (g->leaves.p[n->index].reads & READS_EVENTS) != 0;
}

static bool
add_news_node(struct rule_state *s, uint32_t node)
{
    s->news->reads_events = s->news->reads_events || reads_events(s->g, node);
    return VEC_PUSH(s->arena, &s->news->nodes, node);
}

static bool
list_new_nodes(struct rule_state *s, const struct origin_graph *from, const uint64_t *known)
{
    size_t words = words_for(s->g->nodes.n);

    if (from->to == NULL) {
        for (uint32_t i = from->mark->nodes; i < s->g->nodes.n; i++) {
            if (bit_get(s->g->live, i) && !add_news_node(s, i))
                return false;
        }
        return true;
    }
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = s->g->live[w] & ~known[w]; left != 0; left &= left - 1) {
            if (!add_news_node(s, (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left))))
                return false;
        }
    }
    return true;
}

static bool
list_new_series(struct rule_state *s, const struct origin_graph *from)
{
    const struct rule_graph *g = s->g;
    uint64_t *known = NULL;
    uint32_t ours;

    if (from->to != NULL) {
        known = ARENA_ARRAY(s->arena, uint64_t, words_for(g->series.n));
        if (known == NULL)
            return false;
        for (size_t i = 0; i < from->mark->series; i++) {
            if (ours_series(g, from, i, &ours))
                bit_set(known, ours, true);
        }
    }
    for (uint32_t i = known != NULL ? 0 : from->mark->series; i < g->series.n; i++) {
        if (g->series.p[i].leaf_count > 0 && (known == NULL || !bit_get(known, i)) &&
            !VEC_PUSH(s->arena, &s->news->series, i))
            return false;
    }
    s->news->reads_events = s->news->reads_events || s->news->series.n > 0;
    return true;
}

static bool
list_new_audiences(struct rule_state *s, const struct origin_graph *from)
{
    const struct rule_graph *g = s->g;
    uint32_t first = from->to == NULL ? from->mark->bindings : 0;

    for (uint32_t i = first; i < g->bindings.n; i++) {
        uint32_t theirs = from->to != NULL && i < from->to->binding_count ? from->to->bindings[i] : NO_ID;
        if (g->binding_audience[i] == NO_ID || (theirs != NO_ID && theirs < from->mark->bindings))
            continue;
        if (!VEC_PUSH(s->arena, &s->news->audiences, g->binding_audience[i]))
            return false;
    }
    return true;
}

static bool
list_news(struct rule_state *s, const struct origin_graph *from, const uint64_t *known)
{
    s->news = ARENA_NEW(s->arena, struct state_news);
    if (s->news == NULL)
        return false;
    return list_new_nodes(s, from, known) && list_new_series(s, from) && list_new_audiences(s, from);
}

/* *nomem: it would read, with more memory. */
static bool
get_body(struct rule_state *s, const struct origin_graph *from, struct unpack *u, bool *nomem)
{
    const struct rule_graph *g = s->g;
    size_t bytes = (from->mark->nodes + 7) / 8;
    uint64_t *known = NULL;
    struct writer_numbers owner = {s->g, from};

    *nomem = false;
    if (from->to != NULL) {
        known = ARENA_ARRAY(s->arena, uint64_t, words_for(g->nodes.n));
        *nomem = known == NULL;
    }
    if (*nomem)
        return false;
    s->now_ms = (int64_t)unpack_fixed64(u);
    if (s->now_ms < TIME_FIRST_MS || s->now_ms > TIME_LAST_MS || unpack_left(u) < bytes)
        return false;
    get_bits(s, from, u->p, known);
    u->p += bytes;
    if (!get_looks(s, from, u) || !flips_decode(s, u, from->mark->nodes, our_number, &owner, nomem) ||
        !unknown_decode(s, u, from->mark->nodes, our_number, &owner, nomem) || !get_series(s, from, u))
        return false;
    *nomem = s->series == NULL;
    if (!*nomem && (from->to != NULL || from->mark != &g->marks.p[g->marks.n - 1]))
        *nomem = !list_news(s, from, known);
    return !*nomem;
}

enum err
rule_state_load(const struct rule_graph *g, struct str bytes, struct arena *a, struct rule_state **out, struct diag *d)
{
    struct origin_graph from = {0};
    struct rule_state *s;
    struct unpack u;
    uint64_t fingerprint;
    bool nomem;
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
    fingerprint = unpack_fixed64(&u);
    from.mark = rule_graph_mark_of(g, fingerprint);
    if (from.mark == NULL)
        from.to = rule_graph_translation_of(g, fingerprint, &from.mark);
    if (from.mark == NULL)
        return diag_set(d, ERR_UNSUPPORTED, "audience state: it belongs to audiences that are not known any more");
    s = state_new(g, a);
    copy = arena_alloc(a, bytes.n);
    if (s == NULL || copy == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for an audience state of %zu bytes", bytes.n);
    memcpy(copy, bytes.p, bytes.n);
    u = unpack_from((struct str){copy + STATE_HEAD_BYTES, bytes.n - STATE_HEAD_BYTES - 4});
    if (get_body(s, &from, &u, &nomem)) {
        *out = s;
        return ERR_OK;
    }
    if (nomem)
        return diag_set(d, ERR_LIMIT, "no memory for an audience state of %zu bytes", bytes.n);
    return diag_set(d, ERR_CORRUPT, "audience state: it does not read");
}
