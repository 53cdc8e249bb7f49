/* frame.c - see frame.h. */
#include "codec/frame.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are stored little-endian");

void
frame_file_encode(const char magic[FRAME_MAGIC_BYTES], const struct frame_file *h, char out[FRAME_FILE_BYTES])
{
    memcpy(out, magic, FRAME_MAGIC_BYTES);
    frame_store32(out + 8, h->version);
    frame_store32(out + 12, h->flags);
    frame_store64(out + 16, h->number);
    frame_store32(out + 24, h->salt);
    frame_store32(out + 28, crc32c(0, out, 28));
}

enum err
frame_file_decode(struct str bytes, const char magic[FRAME_MAGIC_BYTES], uint32_t version_max, struct frame_file *out,
                  struct diag *d)
{
    struct frame_file h;

    if (bytes.n < FRAME_FILE_BYTES)
        return diag_set(d, ERR_CORRUPT, "file header has %zu bytes, expected %d", bytes.n, FRAME_FILE_BYTES);
    if (memcmp(bytes.p, magic, FRAME_MAGIC_BYTES) != 0)
        return diag_set(d, ERR_CORRUPT, "file header begins with other bytes than '%.7s'", magic);
    if (frame_load32(bytes.p + 28) != crc32c(0, bytes.p, 28))
        return diag_set(d, ERR_CORRUPT, "checksum of the file header does not match");
    h = (struct frame_file){frame_load32(bytes.p + 8), frame_load32(bytes.p + 12), frame_load64(bytes.p + 16),
                            frame_load32(bytes.p + 24)};
    if (h.version == 0 || h.version > version_max)
        return diag_set(d, ERR_UNSUPPORTED, "file has format version %u, this program reads 1..%u", h.version,
                        version_max);
    *out = h;
    return ERR_OK;
}

static uint32_t
checksum(const char *frame, size_t bytes, uint32_t salt)
{
    return crc32c(crc32c(salt, frame, 4), frame + 8, bytes - 8);
}

void
frame_seal(char *frame, const struct frame_seal *f)
{
    CHECK(f->body_bytes <= LIMIT_FRAME_BYTES);
    frame_store32(frame, f->body_bytes);
    frame_store64(frame + 8, f->number);
    frame_store32(frame + 16, f->synced_bytes);
    frame_store32(frame + 20, f->count);
    frame_store32(frame + 4, checksum(frame, FRAME_HEADER_BYTES + (size_t)f->body_bytes, f->salt));
}

enum frame_state
frame_decode(struct str bytes, uint32_t salt, struct frame *out)
{
    uint32_t body_bytes;
    size_t whole;

    out->bytes = 0;
    if (bytes.n < FRAME_HEADER_BYTES)
        return FRAME_SHORT;
    body_bytes = frame_load32(bytes.p);
    if (body_bytes > LIMIT_FRAME_BYTES)
        return FRAME_BAD;
    whole = FRAME_HEADER_BYTES + (size_t)body_bytes;
    out->bytes = whole;
    if (bytes.n < whole)
        return FRAME_SHORT;
    if (frame_load32(bytes.p + 4) != checksum(bytes.p, whole, salt))
        return FRAME_BAD;
    out->number = frame_load64(bytes.p + 8);
    out->synced_bytes = frame_load32(bytes.p + 16);
    out->count = frame_load32(bytes.p + 20);
    out->body = (struct str){bytes.p + FRAME_HEADER_BYTES, body_bytes};
    return FRAME_OK;
}

/* A test of two words before the checksum: at nearly every position it fails, so the search below is linear. */
static bool
plausible(const char *p, const struct frame_hole *hole, uint64_t position)
{
    uint64_t number = frame_load64(p + 8);
    uint32_t synced = frame_load32(p + 16);

    return synced > hole->at && synced <= position && number >= hole->number_min &&
           number - hole->number_min <= UINT32_MAX;
}

bool
frame_lost(struct str rest, const struct frame_hole *hole)
{
    struct frame f;

    for (size_t i = 1; i + FRAME_HEADER_BYTES <= rest.n; i++) {
        if (plausible(rest.p + i, hole, hole->at + i) &&
            frame_decode(str_slice(rest, i, rest.n), hole->salt, &f) == FRAME_OK)
            return true;
    }
    return false;
}
