/* kv_log.c - frames of a table: what a commit writes.
 *
 *   body       entries, then the positions
 *   entry      0 crc32c u32 of the rest   4 value_bytes u32   8 due_ms i64   16 key_bytes u16   18 flags u16   20 key
 *              and value
 *   positions  0 count u32, then each: 0 offset u64   8 name_bytes u16   10 name
 *
 * Every frame carries all positions, also those that it does not change: the newest frame alone tells them, and no
 * older one has to be kept for their sake. An entry has a checksum of its own, so that a value read years later is
 * verified without its frame.  docs/formats/kv.md */
#include "base/check.h"
#include "base/metric.h"
#include "kv/kv_int.h"

_Static_assert(LIMIT_RECORD_KEY_BYTES <= UINT16_MAX, "key_bytes has 16 bits");
_Static_assert(KV_ENTRY_BYTES + LIMIT_RECORD_KEY_BYTES + LIMIT_RECORD_VALUE_BYTES +
                       LIMIT_POSITIONS * (10 + LIMIT_POSITION_NAME_BYTES) + 4 <=
                   LIMIT_FRAME_BYTES,
               "the largest entry and all positions fit a frame");

void
kv_entry_encode(char *at, struct str key, struct str value, int64_t due_ms, uint32_t flags)
{
    frame_store32(at + 4, (uint32_t)value.n);
    frame_store64(at + 8, (uint64_t)due_ms);
    frame_store16(at + 16, (uint16_t)key.n);
    frame_store16(at + 18, (uint16_t)flags);
    if (key.n)
        memcpy(at + KV_ENTRY_BYTES, key.p, key.n);
    if (value.n)
        memcpy(at + KV_ENTRY_BYTES + key.n, value.p, value.n);
    frame_store32(at, crc32c(0, at + 4, KV_ENTRY_BYTES - 4 + key.n + value.n));
}

bool
kv_entry_read(struct str bytes, struct kv_entry *out)
{
    const char *p = bytes.p;
    uint32_t value_bytes;
    uint16_t key_bytes;

    if (bytes.n < KV_ENTRY_BYTES)
        return false;
    value_bytes = frame_load32(p + 4);
    key_bytes = frame_load16(p + 16);
    if ((uint64_t)key_bytes + value_bytes > bytes.n - KV_ENTRY_BYTES || key_bytes > LIMIT_RECORD_KEY_BYTES ||
        value_bytes > LIMIT_RECORD_VALUE_BYTES)
        return false;
    *out = (struct kv_entry){
        .due_ms = (int64_t)frame_load64(p + 8),
        .crc = frame_load32(p),
        .flags = frame_load16(p + 18),
        .key = {p + KV_ENTRY_BYTES, key_bytes},
        .value = {p + KV_ENTRY_BYTES + key_bytes, value_bytes},
        .bytes = (size_t)KV_ENTRY_BYTES + key_bytes + value_bytes,
    };
    return true;
}

bool
kv_entry_intact(const char *at, const struct kv_entry *e)
{
    return e->crc == crc32c(0, at + 4, e->bytes - 4);
}

struct kv_walk
kv_walk_from(const struct frame *f)
{
    return (struct kv_walk){f->body, f->count};
}

bool
kv_walk_next(struct kv_walk *w, struct kv_entry *e)
{
    if (!kv_entry_read(w->rest, e) || e->flags > KV_ENTRY_DELETED)
        return false;
    w->rest = str_slice(w->rest, e->bytes, w->rest.n);
    w->left--;
    return true;
}

bool
kv_walk_positions(const struct kv_walk *w, bool (*take)(void *ctx, struct str name, uint64_t offset), void *ctx)
{
    struct str rest = w->rest;
    uint32_t count;

    if (w->left != 0 || rest.n < 4)
        return false;
    count = frame_load32(rest.p);
    rest = str_slice(rest, 4, rest.n);
    if (count > LIMIT_POSITIONS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t name_bytes;
        if (rest.n < 10)
            return false;
        name_bytes = frame_load16(rest.p + 8);
        if (name_bytes > LIMIT_POSITION_NAME_BYTES || name_bytes > rest.n - 10)
            return false;
        if (take != NULL && !take(ctx, str_slice(rest, 10, 10u + name_bytes), frame_load64(rest.p)))
            return false;
        rest = str_slice(rest, 10u + name_bytes, rest.n);
    }
    return rest.n == 0;
}

bool
kv_frame_valid(const struct frame *f)
{
    struct kv_walk w = kv_walk_from(f);
    struct kv_entry e;

    while (w.left > 0) {
        if (!kv_walk_next(&w, &e))
            return false;
    }
    return kv_walk_positions(&w, NULL, NULL);
}

/* --- positions --- */

const struct kv_position_row *
kv_positions_get(const struct kv_positions *p, struct str name)
{
    for (size_t i = 0; i < p->count; i++) { /* a dozen topics */
        if (str_eq((struct str){p->rows[i].name, p->rows[i].name_bytes}, name))
            return &p->rows[i];
    }
    return NULL;
}

bool
kv_positions_put(struct kv_positions *p, struct str name, uint64_t offset)
{
    const struct kv_position_row *found = kv_positions_get(p, name);
    struct kv_position_row *row;

    if (found != NULL) {
        p->rows[found - p->rows].offset = offset;
        return true;
    }
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct kv_position_row *rows = realloc(p->rows, cap * sizeof *rows);
        if (rows == NULL)
            return false;
        p->rows = rows;
        p->cap = cap;
    }
    row = &p->rows[p->count++];
    *row = (struct kv_position_row){.name_bytes = name.n, .offset = offset};
    if (name.n)
        memcpy(row->name, name.p, name.n);
    return true;
}

size_t
kv_positions_bytes(const struct kv_positions *p)
{
    size_t bytes = 4;

    for (size_t i = 0; i < p->count; i++)
        bytes += 10 + p->rows[i].name_bytes;
    return bytes;
}

char *
kv_positions_encode(const struct kv_positions *p, char *at)
{
    frame_store32(at, (uint32_t)p->count);
    at += 4;
    for (size_t i = 0; i < p->count; i++) {
        const struct kv_position_row *row = &p->rows[i];
        frame_store64(at, row->offset);
        frame_store16(at + 8, (uint16_t)row->name_bytes);
        memcpy(at + 10, row->name, row->name_bytes);
        at += 10 + row->name_bytes;
    }
    return at;
}

/* --- the tail --- */

enum err
kv_flush(struct kv *k, struct diag *d)
{
    struct kv_segment *last;
    uint64_t from, to;
    enum err rc = ERR_OK;
    bool needed;

    os_lock(&k->flush_m);
    os_lock(&k->m);
    last = k->segments[k->segment_count - 1]; /* stays the last one while flush_m is held */
    needed = k->dirty;
    from = k->synced_bytes;
    to = last->bytes;
    os_unlock(&k->m);
    if (needed) {
        uint64_t start = os_mono_us(k->os);
        rc = os_tail_sync(&k->tail, from, to, d);
        metric_observe(M_LOG_SYNC_US, os_mono_us(k->os) - start);
        if (rc == ERR_OK) {
            os_lock(&k->m);
            k->synced_bytes = to;
            k->dirty = last->bytes != to;
            os_unlock(&k->m);
        }
    }
    os_unlock(&k->flush_m);
    return rc;
}

enum err
kv_log_append(struct kv *k, char *frame, size_t n, uint32_t count, uint64_t *frame_at, struct diag *d)
{
    struct kv_segment *last = k->segments[k->segment_count - 1];
    struct frame_seal seal = {.body_bytes = (uint32_t)(n - FRAME_HEADER_BYTES), .number = k->number, .count = count};
    bool was_clean;
    enum err rc;

    if (last->bytes + n > last->map_bytes || (last->bytes + n > k->segment_bytes && last->bytes > FRAME_FILE_BYTES)) {
        rc = kv_flush(k, d); /* a segment is on the disk as a whole before the next one begins */
        if (rc == ERR_OK)
            rc = kv_segment_begin(k, last->number + 1, n, d);
        if (rc != ERR_OK)
            return rc;
        last = k->segments[k->segment_count - 1];
    }
    os_lock(&k->m);
    seal.synced_bytes = (uint32_t)k->synced_bytes;
    os_unlock(&k->m);
    seal.salt = last->salt;
    frame_seal(frame, &seal);
    *frame_at = k->tail.bytes;
    rc = os_tail_append(&k->tail, frame, n, d);
    if (rc != ERR_OK)
        return rc;
    if (last->copy != NULL)
        memcpy(last->copy + *frame_at, frame, n);
    os_lock(&k->m);
    last->bytes = k->tail.bytes;
    was_clean = !k->dirty;
    k->dirty = true;
    os_unlock(&k->m);
    k->number++;
    k->log_bytes += n;
    k->checkpointed = false;
    if (was_clean)
        kv_wake(k);
    return ERR_OK;
}
