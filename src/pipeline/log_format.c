/* log_format.c - records inside a frame's body, and the mark.
 *
 *   record  0 time_ms i64   8 cause u64   16 delta u32   20 value_bytes u32   24 key_bytes u16   26 flags u16
 *           28 key, then value
 *   mark    0 newest_ms i64
 *
 * A record's offset is the frame's number plus delta. In a segment as it was written delta counts 0, 1, 2 and every
 * frame goes on where the one before ended; a compacted segment has gaps in both. A mark is a frame with count 0; it
 * closes a segment and tells the newest record time in it, so that retention need not read the segment.
 * docs/formats/log.md */
#include "base/limits.h"
#include "pipeline/pipeline_int.h"

_Static_assert(LIMIT_RECORD_KEY_BYTES <= UINT16_MAX, "key_bytes has 16 bits");
_Static_assert(LIMIT_RECORD_VALUE_BYTES + LIMIT_RECORD_KEY_BYTES + LOG_RECORD_BYTES <= LIMIT_FRAME_BYTES,
               "the largest record fits a frame");

size_t
log_record_bytes(const struct record *r)
{
    return LOG_RECORD_BYTES + r->key.n + (r->value.p ? r->value.n : 0);
}

uint64_t
log_frame_bytes(const struct record *r, size_t n)
{
    uint64_t bytes = FRAME_HEADER_BYTES;

    for (size_t i = 0; i < n; i++)
        bytes += log_record_bytes(&r[i]);
    return bytes;
}

void
log_record_encode(char *at, const struct record *r, uint32_t delta, uint32_t flags)
{
    size_t value_bytes = r->value.p ? r->value.n : 0;

    if (r->value.p == NULL)
        flags |= LOG_RECORD_TOMBSTONE;
    frame_store64(at, (uint64_t)r->time_ms);
    frame_store64(at + 8, r->cause);
    frame_store32(at + 16, delta);
    frame_store32(at + 20, (uint32_t)value_bytes);
    frame_store16(at + 24, (uint16_t)r->key.n);
    frame_store16(at + 26, (uint16_t)flags);
    if (r->key.n)
        memcpy(at + LOG_RECORD_BYTES, r->key.p, r->key.n);
    if (value_bytes)
        memcpy(at + LOG_RECORD_BYTES + r->key.n, r->value.p, value_bytes);
}

void
log_frame_build(char *frame, const struct record *r, size_t n)
{
    char *at = frame + FRAME_HEADER_BYTES;

    for (size_t i = 0; i < n; i++) {
        log_record_encode(at, &r[i], (uint32_t)i, 0);
        at += log_record_bytes(&r[i]);
    }
}

struct log_walk
log_walk_from(const struct frame *f, bool gaps)
{
    return (struct log_walk){f->body, f->number, f->number, f->count, gaps};
}

bool
log_walk_next(struct log_walk *w, struct record *r, uint32_t *flags)
{
    const char *p = w->rest.p;
    uint32_t delta, value_bytes, bits;
    uint16_t key_bytes;
    uint64_t offset;

    if (w->rest.n < LOG_RECORD_BYTES)
        return false;
    delta = frame_load32(p + 16);
    value_bytes = frame_load32(p + 20);
    key_bytes = frame_load16(p + 24);
    bits = frame_load16(p + 26);
    offset = w->first + delta;
    if ((uint64_t)key_bytes + value_bytes > w->rest.n - LOG_RECORD_BYTES || offset < w->next ||
        (offset != w->next && !w->gaps) || bits > (LOG_RECORD_TOMBSTONE | LOG_RECORD_AGED))
        return false;
    if ((bits & LOG_RECORD_TOMBSTONE) && value_bytes != 0)
        return false;
    *r = (struct record){
        .offset = offset,
        .time_ms = (int64_t)frame_load64(p),
        .cause = frame_load64(p + 8),
        .key = {p + LOG_RECORD_BYTES, key_bytes},
        .value = {p + LOG_RECORD_BYTES + key_bytes, value_bytes},
    };
    if (bits & LOG_RECORD_TOMBSTONE)
        r->value = S_NULL;
    if (flags != NULL)
        *flags = bits;
    w->rest = str_slice(w->rest, (size_t)LOG_RECORD_BYTES + key_bytes + value_bytes, w->rest.n);
    w->next = offset + 1;
    w->left--;
    return w->left > 0 || w->rest.n == 0;
}

bool
log_frame_valid(const struct frame *f, bool gaps, uint64_t *next_offset, int64_t *newest_ms)
{
    struct log_walk w = log_walk_from(f, gaps);
    int64_t newest = INT64_MIN;
    struct record r;

    if (f->count == 0 && !log_mark_read(f, &newest))
        return false;
    while (w.left > 0) {
        if (!log_walk_next(&w, &r, NULL))
            return false;
        if (r.time_ms > newest)
            newest = r.time_ms;
    }
    *next_offset = w.next;
    *newest_ms = newest;
    return true;
}

void
log_mark_build(char out[LOG_MARK_BYTES], const struct frame_seal *seal, int64_t newest_ms)
{
    struct frame_seal s = *seal;

    s.count = 0;
    s.body_bytes = LOG_MARK_BODY_BYTES;
    frame_store64(out + FRAME_HEADER_BYTES, (uint64_t)newest_ms);
    frame_seal(out, &s);
}

bool
log_mark_read(const struct frame *f, int64_t *newest_ms)
{
    if (f->count != 0 || f->body.n != LOG_MARK_BODY_BYTES)
        return false;
    *newest_ms = (int64_t)frame_load64(f->body.p);
    return true;
}
