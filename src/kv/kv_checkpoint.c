/* kv_checkpoint.c - the index on disk, so that opening reads 32 bytes a key and not the log.
 *
 *   file header  as of segments; number: of the next frame
 *   32 hash key k0 u64, k1 u64   48 log_segment u32   52 log_bytes u32   56 segment_count u32   60 positions_bytes u32
 *   64 slot_count u64   72 segments: number u32, salt u32, live u64   positions as in a frame
 *   slots: hash u64, due_ms i64, segment u32, at u32, value_bytes u32, key_bytes u16, zero u16
 *   crc32c u32 of everything behind the file header, beginning with the header's salt
 *
 * It says: the frames up to byte log_bytes of segment log_segment, all of them synced, fold to this index. It is a
 * cache. One that does not check, or that speaks of segments which are gone, is ignored and the whole log is read; one
 * that speaks of more log than there is proves that synced log was lost: ERR_CORRUPT.  docs/formats/kv.md */
#include "base/check.h"
#include "base/log.h"
#include "kv/kv_int.h"

#define HEAD_BYTES 72
#define SEGMENT_ROW_BYTES 16
#define SLOT_ROW_BYTES 32

static void
checkpoint_path(const struct kv *k, char out[KV_PATH_BYTES])
{
    (void)snprintf(out, KV_PATH_BYTES, "%s/checkpoint", k->dir); /* fits: dir is half as long */
}

/* --- writing --- */

static char *
encode_slots(const struct kv_table *t, char *at)
{
    for (size_t i = 0; i < t->cap; i++) {
        const struct kv_slot *s = &t->slots[i];
        if (!s->used)
            continue;
        frame_store64(at, s->hash);
        frame_store64(at + 8, (uint64_t)s->due_ms);
        frame_store32(at + 16, s->segment);
        frame_store32(at + 20, s->at);
        frame_store32(at + 24, s->value_bytes);
        frame_store16(at + 28, s->key_bytes);
        frame_store16(at + 30, 0);
        at += SLOT_ROW_BYTES;
    }
    return at;
}

/* The whole file in memory, without its last checksum. With write_m held; *out is owned. */
static enum err
take_image(struct kv *k, struct str *out, struct diag *d)
{
    const struct kv_segment *last = k->segments[k->segment_count - 1];
    size_t positions = kv_positions_bytes(&k->positions);
    size_t n = HEAD_BYTES + k->segment_count * SEGMENT_ROW_BYTES + positions + k->index.count * SLOT_ROW_BYTES + 4;
    struct frame_file h = {KV_VERSION, 0, k->number, 0};
    char *p = malloc(n), *at = p;

    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a checkpoint of %zu bytes", n);
    os_entropy(k->os, &h.salt, sizeof h.salt);
    frame_file_encode(KV_CHECKPOINT_MAGIC, &h, at);
    frame_store64(at + 32, k->hash_key.k0);
    frame_store64(at + 40, k->hash_key.k1);
    frame_store32(at + 48, last->number);
    frame_store32(at + 52, (uint32_t)last->bytes);
    frame_store32(at + 56, (uint32_t)k->segment_count);
    frame_store32(at + 60, (uint32_t)positions);
    frame_store64(at + 64, k->index.count);
    at += HEAD_BYTES;
    for (size_t i = 0; i < k->segment_count; i++) {
        frame_store32(at, k->segments[i]->number);
        frame_store32(at + 4, k->segments[i]->salt);
        frame_store64(at + 8, k->segments[i]->live);
        at += SEGMENT_ROW_BYTES;
    }
    at = kv_positions_encode(&k->positions, at);
    at = encode_slots(&k->index, at);
    CHECK((size_t)(at - p) + 4 == n);
    *out = (struct str){p, n};
    return ERR_OK;
}

static enum err
write_image(struct kv *k, struct str image, struct diag *d)
{
    char *p = (char *)(uintptr_t)image.p; /* ours, from take_image */
    char path[KV_PATH_BYTES];

    frame_store32(p + image.n - 4, crc32c(frame_load32(p + 24), p + FRAME_FILE_BYTES, image.n - 4 - FRAME_FILE_BYTES));
    checkpoint_path(k, path);
    return os_write_file(k->os, path, image, d);
}

enum err
kv_checkpoint(struct kv *k, struct diag *d)
{
    struct str image = S_NULL;
    uint64_t covered = 0;
    enum err rc = ERR_OK;

    os_lock(&k->checkpoint_m);
    os_lock(&k->write_m);
    if (!k->checkpointed)
        rc = take_image(k, &image, d);
    covered = k->log_bytes;
    os_unlock(&k->write_m);
    if (image.p != NULL)
        rc = kv_flush(k, d); /* a checkpoint speaks of synced log only */
    if (image.p != NULL && rc == ERR_OK)
        rc = write_image(k, image, d);
    if (image.p != NULL && rc == ERR_OK) {
        os_lock(&k->write_m);
        k->log_bytes -= covered;
        k->checkpointed = k->log_bytes == 0;
        os_unlock(&k->write_m);
    }
    os_unlock(&k->checkpoint_m);
    free((void *)(uintptr_t)image.p);
    return rc;
}

/* --- reading --- */

static bool
segments_fit(const struct kv *k, const char *rows, uint32_t count)
{
    uint32_t first = k->segments[0]->number;

    for (uint32_t i = 0; i < count; i++) {
        const char *row = rows + (size_t)i * SEGMENT_ROW_BYTES;
        uint32_t number = frame_load32(row);
        const struct kv_segment *s = kv_segment_of(k, number);
        if (s == NULL && number < first && frame_load64(row + 8) == 0)
            continue; /* nothing of it was in use when it was removed */
        if (s == NULL || s->salt != frame_load32(row + 4) || frame_load64(row + 8) > s->bytes)
            return false;
    }
    return true;
}

static bool
decode_slot(struct kv *k, const char *p)
{
    const struct kv_segment *s = kv_segment_of(k, frame_load32(p + 16));
    struct kv_slot row = {
        .hash = frame_load64(p),
        .due_ms = (int64_t)frame_load64(p + 8),
        .segment = frame_load32(p + 16),
        .at = frame_load32(p + 20),
        .value_bytes = frame_load32(p + 24),
        .key_bytes = frame_load16(p + 28),
        .used = 1,
    };

    if (s == NULL || row.at + kv_slot_bytes(&row) > s->bytes || row.at < FRAME_FILE_BYTES)
        return false;
    *kv_table_insert(&k->index, row.hash) = row;
    k->due_count += row.due_ms != 0;
    return true;
}

static bool
take_position(void *ctx, struct str name, uint64_t offset)
{
    return kv_positions_put(ctx, name, offset);
}

/* Sets the index from an image whose checksum is right; false when it does not fit the segments. */
static bool
decode_image(struct kv *k, struct str image)
{
    uint32_t segment_count = frame_load32(image.p + 56), positions = frame_load32(image.p + 60);
    uint64_t slot_count = frame_load64(image.p + 64);
    struct kv_walk w;
    const char *at = image.p + HEAD_BYTES;

    if (slot_count > image.n / SLOT_ROW_BYTES || segment_count > image.n / SEGMENT_ROW_BYTES ||
        image.n != HEAD_BYTES + (size_t)segment_count * SEGMENT_ROW_BYTES + positions + slot_count * SLOT_ROW_BYTES + 4)
        return false;
    if (!segments_fit(k, at, segment_count) || !kv_table_reserve(&k->index, slot_count))
        return false;
    for (uint32_t i = 0; i < segment_count; i++) {
        struct kv_segment *s = kv_segment_of(k, frame_load32(at + (size_t)i * SEGMENT_ROW_BYTES));
        if (s != NULL)
            s->live = frame_load64(at + (size_t)i * SEGMENT_ROW_BYTES + 8);
    }
    at += (size_t)segment_count * SEGMENT_ROW_BYTES;
    w = (struct kv_walk){{at, positions}, 0};
    if (!kv_walk_positions(&w, take_position, &k->positions))
        return false;
    at += positions;
    k->hash_key = (struct hash_key){frame_load64(image.p + 32), frame_load64(image.p + 40)};
    for (uint64_t i = 0; i < slot_count; i++) {
        if (!decode_slot(k, at + i * SLOT_ROW_BYTES))
            return false;
    }
    return true;
}

static void
forget(struct kv *k)
{
    kv_table_clear(&k->index);
    k->positions.count = 0;
    k->due_count = 0;
    for (size_t i = 0; i < k->segment_count; i++)
        k->segments[i]->live = 0;
}

/* The file in memory when its checksum is right; p is NULL when there is none. *image is owned. */
static enum err
read_image(struct kv *k, struct str *image, struct diag *d)
{
    char path[KV_PATH_BYTES];
    struct os_file *f = NULL;
    struct frame_file h;
    uint64_t size = 0;
    size_t got = 0;
    char *p = NULL;
    enum err rc;

    checkpoint_path(k, path);
    rc = os_open(k->os, path, OS_READ, &f, d);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = os_size(k->os, f, &size, d);
    if (rc == ERR_OK && size >= HEAD_BYTES + 4) {
        p = malloc(size);
        rc = p ? os_pread(k->os, f, 0, p, size, &got, d)
               : diag_set(d, ERR_NOMEM, "no memory for a checkpoint of %llu bytes", (unsigned long long)size);
    }
    os_close(k->os, f);
    if (rc == ERR_OK && p != NULL && got == size &&
        frame_file_decode((struct str){p, size}, KV_CHECKPOINT_MAGIC, KV_VERSION, &h, NULL) == ERR_OK &&
        frame_load32(p + size - 4) == crc32c(h.salt, p + FRAME_FILE_BYTES, size - 4 - FRAME_FILE_BYTES)) {
        *image = (struct str){p, size};
        return ERR_OK;
    }
    free(p);
    if (rc == ERR_OK)
        log_warn("kv_checkpoint_ignored", "dir=%s why=\"it does not check\"", k->dir);
    return rc;
}

enum err
kv_checkpoint_load(struct kv *k, bool *found, uint32_t *segment, uint64_t *at, struct diag *d)
{
    const struct kv_segment *last = k->segments[k->segment_count - 1], *s;
    struct str image = S_NULL;
    uint32_t log_segment, log_bytes;
    enum err rc = read_image(k, &image, d);

    *found = false;
    if (rc != ERR_OK || image.p == NULL)
        return rc;
    log_segment = frame_load32(image.p + 48);
    log_bytes = frame_load32(image.p + 52);
    s = kv_segment_of(k, log_segment);
    if (log_segment > last->number || (s != NULL && log_bytes > s->bytes)) {
        rc = diag_set(d, ERR_CORRUPT, "table '%s': log was synced up to byte %u of segment %u and is shorter now",
                      k->dir, log_bytes, log_segment);
        goto out;
    }
    if (s == NULL || log_bytes < FRAME_FILE_BYTES || !decode_image(k, image)) {
        forget(k);
        log_warn("kv_checkpoint_ignored", "dir=%s why=\"it does not fit the log\"", k->dir);
        goto out;
    }
    k->number = frame_load64(image.p + 16);
    *segment = log_segment;
    *at = log_bytes;
    *found = true;
out:
    free((void *)(uintptr_t)image.p);
    return rc;
}
