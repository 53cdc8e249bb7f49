/* kv_segment.c - segment files and their mappings.
 *
 * A file is mapped once, as large as it may become, so that what is written later shows in the same mapping and a
 * borrowed value never moves. A sealed segment needs no descriptor. Where mapping is refused the file is held in memory
 * instead. */
#include "base/check.h"
#include "kv/kv_int.h"

_Static_assert(LIMIT_SEGMENT_BYTES <= UINT32_MAX && LIMIT_FRAME_BYTES + 4096 <= UINT32_MAX,
               "positions in a segment have 32 bits");

void
kv_segment_path(const struct kv *k, uint32_t number, char out[KV_PATH_BYTES])
{
    int n = snprintf(out, KV_PATH_BYTES, "%s/%010u.seg", k->dir, number);

    CHECK(n > 0 && n < KV_PATH_BYTES); /* the folder's length was checked at open */
}

void
kv_segment_free(struct kv *k, struct kv_segment *s)
{
    if (s == NULL)
        return;
    os_close(k->os, s->file);
    if (s->copy == NULL)
        os_unmap(k->os, s->map, s->map_bytes);
    free(s->copy);
    free(s);
}

static enum err
attach_map(struct kv *k, struct kv_segment *s, struct diag *d)
{
    size_t got = 0;
    enum err rc;

    s->map = os_map(k->os, s->file, s->map_bytes);
    if (s->map != NULL)
        return ERR_OK;
    s->copy = malloc(s->map_bytes);
    if (s->copy == NULL)
        return diag_set(d, ERR_NOMEM, "segment %u can neither be mapped nor held in memory", s->number);
    s->map = s->copy;
    rc = os_pread(k->os, s->file, 0, s->copy, s->bytes, &got, d);
    if (rc == ERR_OK && got < s->bytes)
        rc = diag_set(d, ERR_IO, "segment %u ended while it was read", s->number);
    return rc;
}

enum err
kv_list_add(struct kv *k, struct kv_segment *s, struct diag *d)
{
    if (k->segment_count == k->segment_cap) {
        size_t cap = k->segment_cap ? k->segment_cap * 2 : 16;
        struct kv_segment **p = realloc(k->segments, cap * sizeof(*p));
        if (p == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for the segments of '%s'", k->dir);
        k->segments = p;
        k->segment_cap = cap;
    }
    k->segments[k->segment_count++] = s;
    return ERR_OK;
}

struct kv_segment *
kv_segment_of(const struct kv *k, uint32_t number)
{
    uint32_t first = k->segment_count ? k->segments[0]->number : 0;

    return number >= first && number - first < k->segment_count ? k->segments[number - first] : NULL;
}

static enum err
create_file(struct kv *k, struct kv_segment *s, const char *path, struct diag *d)
{
    struct frame_file h = {KV_VERSION, 0, s->number, 0};
    char header[FRAME_FILE_BYTES];
    enum err rc;

    os_entropy(k->os, &h.salt, sizeof h.salt);
    frame_file_encode(KV_MAGIC, &h, header);
    s->salt = h.salt;
    rc = os_open(k->os, path, OS_WRITE, &s->file, d);
    if (rc == ERR_OK)
        rc = os_truncate(k->os, s->file, 0, d); /* what a crash left of an attempt to create it */
    if (rc == ERR_OK)
        rc = os_pwrite(k->os, s->file, 0, header, sizeof header, d);
    if (rc == ERR_OK)
        rc = os_sync(k->os, s->file, d);
    return rc == ERR_OK ? os_sync_dir(k->os, k->dir, d) : rc;
}

enum err
kv_segment_begin(struct kv *k, uint32_t number, uint64_t room, struct diag *d)
{
    struct kv_segment *s = calloc(1, sizeof *s), *before;
    char path[KV_PATH_BYTES];
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a segment of '%s'", k->dir);
    kv_segment_path(k, number, path);
    s->number = number;
    s->bytes = FRAME_FILE_BYTES;
    s->map_bytes = k->segment_bytes > FRAME_FILE_BYTES + room ? k->segment_bytes : FRAME_FILE_BYTES + room;
    rc = create_file(k, s, path, d);
    if (rc == ERR_OK)
        rc = attach_map(k, s, d);
    os_lock(&k->flush_m); /* nobody syncs the former last segment while its file is closed */
    os_lock(&k->m);
    before = k->segment_count ? k->segments[k->segment_count - 1] : NULL;
    if (rc == ERR_OK)
        rc = kv_list_add(k, s, d);
    if (rc == ERR_OK) {
        k->tail = (struct os_tail){.os = k->os, .file = s->file, .bytes = s->bytes};
        k->synced_bytes = s->bytes;
        k->dirty = false;
    }
    os_unlock(&k->m);
    if (rc == ERR_OK && before != NULL) {
        os_close(k->os, before->file);
        before->file = NULL;
    }
    os_unlock(&k->flush_m);
    if (rc != ERR_OK) {
        kv_segment_free(k, s);
        (void)os_unlink(k->os, path, NULL); /* an empty file is taken for an attempt at the next open */
    }
    return rc;
}

enum err
kv_segment_load(struct kv *k, uint32_t number, bool last, struct kv_segment **out, struct diag *d)
{
    struct kv_segment *s = calloc(1, sizeof *s);
    char path[KV_PATH_BYTES], header[FRAME_FILE_BYTES];
    struct frame_file h = {0};
    size_t got = 0;
    enum err rc;

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a segment of '%s'", k->dir);
    kv_segment_path(k, number, path);
    s->number = number;
    rc = os_open(k->os, path, last ? OS_WRITE : OS_READ, &s->file, d);
    if (rc == ERR_OK)
        rc = os_size(k->os, s->file, &s->bytes, d);
    if (rc == ERR_OK)
        rc = os_pread(k->os, s->file, 0, header, sizeof header, &got, d);
    if (rc == ERR_OK)
        rc = frame_file_decode((struct str){header, got}, KV_MAGIC, KV_VERSION, &h, d);
    if (rc == ERR_OK && (h.number != number || s->bytes > UINT32_MAX))
        rc = diag_set(d, ERR_CORRUPT, "segment '%s' has number %llu and %llu bytes", path, (unsigned long long)h.number,
                      (unsigned long long)s->bytes);
    s->salt = h.salt;
    s->map_bytes = last && s->bytes < k->segment_bytes ? k->segment_bytes : s->bytes;
    if (rc == ERR_OK)
        rc = attach_map(k, s, d);
    if (rc == ERR_OK && !last) {
        os_close(k->os, s->file);
        s->file = NULL;
    }
    if (rc != ERR_OK) {
        kv_segment_free(k, s);
        return rc;
    }
    *out = s;
    return ERR_OK;
}

/* --- the folder --- */

struct numbers {
    uint32_t *p;
    size_t count, cap;
    bool nomem;
};

static void
take_name(void *ctx, const char *name)
{
    struct numbers *l = ctx;
    struct str s = str_of(name);
    uint64_t number;

    if (!str_ends(s, S(".seg")) || s.n != 14 || !str_to_u64(str_slice(s, 0, 10), &number) || number > UINT32_MAX)
        return;
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint32_t *p = realloc(l->p, cap * sizeof *p);
        if (p == NULL) {
            l->nomem = true;
            return;
        }
        l->p = p;
        l->cap = cap;
    }
    l->p[l->count++] = (uint32_t)number;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

enum err
kv_list_numbers(struct kv *k, uint32_t **numbers, size_t *count, struct diag *d)
{
    struct numbers l = {0};
    enum err rc = os_list(k->os, k->dir, take_name, &l, d);

    if (rc == ERR_OK && l.nomem)
        rc = diag_set(d, ERR_NOMEM, "no memory for the segments of '%s'", k->dir);
    if (rc != ERR_OK) {
        free(l.p);
        return rc;
    }
    if (l.count > 1)
        qsort(l.p, l.count, sizeof *l.p, compare_numbers);
    *numbers = l.p;
    *count = l.count;
    return ERR_OK;
}
