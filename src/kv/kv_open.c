/* kv_open.c - opening: segments, checkpoint, replay of what follows it, repair of a torn tail; and closing. */
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "kv/kv_int.h"

/* --- segments --- */

/* A crash while a segment was created leaves a file that never held a frame. */
static bool
never_begun(struct kv *k, uint32_t number)
{
    char path[KV_PATH_BYTES];
    struct os_file *f = NULL;
    uint64_t bytes = UINT64_MAX;

    kv_segment_path(k, number, path);
    if (os_open(k->os, path, OS_READ, &f, NULL) != ERR_OK)
        return false;
    if (os_size(k->os, f, &bytes, NULL) != ERR_OK)
        bytes = UINT64_MAX;
    os_close(k->os, f);
    return bytes <= FRAME_FILE_BYTES;
}

static enum err
load_segments(struct kv *k, const uint32_t *numbers, size_t count, struct diag *d)
{
    struct diag why = DIAG_INIT;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < count; i++) {
        struct kv_segment *s = NULL;
        bool last = i + 1 == count;
        if (i > 0 && numbers[i] != numbers[i - 1] + 1)
            return diag_set(d, ERR_CORRUPT, "table '%s': segment %u is missing", k->dir, numbers[i - 1] + 1);
        rc = kv_segment_load(k, numbers[i], last, &s, &why);
        if (rc == ERR_CORRUPT && last && never_begun(k, numbers[i]))
            return kv_segment_begin(k, numbers[i], 0, d);
        if (rc != ERR_OK) {
            if (d != NULL)
                *d = why;
            return rc;
        }
        rc = kv_list_add(k, s, d);
        if (rc != ERR_OK) {
            kv_segment_free(k, s);
            return rc;
        }
        if (last)
            k->tail = (struct os_tail){.os = k->os, .file = s->file, .bytes = s->bytes};
    }
    return rc;
}

static void
remove_leftover(void *ctx, const char *name)
{
    struct kv *k = ctx;
    char path[KV_PATH_BYTES + 256];

    if (!str_ends(str_of(name), S(".new")))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", k->dir, name); /* too long: not one of ours */
    (void)os_unlink(k->os, path, NULL);                       /* costs space only */
}

static enum err
open_folder(struct kv *k, struct diag *d)
{
    char path[KV_PATH_BYTES];
    uint32_t *numbers = NULL;
    size_t count = 0;
    enum err rc = os_mkdir(k->os, k->dir, d);

    (void)snprintf(path, sizeof path, "%s/lock", k->dir); /* fits: dir is half as long */
    if (rc == ERR_OK)
        rc = os_open(k->os, path, OS_WRITE | OS_LOCK, &k->lock, d);
    if (rc == ERR_OK)
        rc = os_list(k->os, k->dir, remove_leftover, k, d);
    if (rc == ERR_OK)
        rc = kv_list_numbers(k, &numbers, &count, d);
    if (rc == ERR_OK)
        rc = count ? load_segments(k, numbers, count, d) : kv_segment_begin(k, 1, 0, d);
    free(numbers);
    return rc;
}

/* --- replay --- */

static bool
take_position(void *ctx, struct str name, uint64_t offset)
{
    return kv_positions_put(ctx, name, offset);
}

static enum err
apply_frame(struct kv *k, struct kv_segment *s, uint64_t at, const struct frame *f, struct diag *d)
{
    struct kv_walk w = kv_walk_from(f);

    if (!kv_table_reserve(&k->index, f->count))
        return diag_set(d, ERR_NOMEM, "no memory for the index of '%s'", k->dir);
    while (w.left > 0) {
        uint64_t entry_at = at + FRAME_HEADER_BYTES + (f->body.n - w.rest.n);
        struct kv_entry e;
        CHECK(kv_walk_next(&w, &e)); /* the frame was checked */
        kv_index_apply(k, kv_hash(k, e.key), &e, s, entry_at);
    }
    k->positions.count = 0; /* a frame carries all of them */
    if (!kv_walk_positions(&w, take_position, &k->positions))
        return diag_set(d, ERR_NOMEM, "no memory for the positions of '%s'", k->dir);
    return ERR_OK;
}

/* What stands at `at` of the last segment is no frame: a torn tail is cut, damage is reported. */
static enum err
repair_tail(struct kv *k, struct kv_segment *s, uint64_t at, struct diag *d)
{
    struct frame_hole hole = {at, k->number, s->salt};
    uint64_t torn = s->bytes - at;
    enum err rc;

    if (frame_lost((struct str){s->map + at, (size_t)torn}, &hole))
        return diag_set(d, ERR_CORRUPT, "table '%s': checksum at byte %llu of segment %u does not match", k->dir,
                        (unsigned long long)at, s->number);
    rc = os_truncate(k->os, s->file, at, d);
    if (rc != ERR_OK)
        return rc;
    s->bytes = at;
    k->tail.bytes = at;
    metric_add(M_LOG_REPAIRED_BYTES, torn);
    log_warn("kv_repaired", "dir=%s segment=%u bytes=%llu", k->dir, s->number, (unsigned long long)torn);
    return ERR_OK;
}

static enum err
replay_segment(struct kv *k, struct kv_segment *s, uint64_t at, bool *number_known, struct diag *d)
{
    bool last = s == k->segments[k->segment_count - 1];
    struct frame f;
    enum err rc;

    while (at < s->bytes) {
        struct str rest = {s->map + at, (size_t)(s->bytes - at)};
        if (frame_decode(rest, s->salt, &f) != FRAME_OK) {
            if (last)
                return repair_tail(k, s, at, d);
            return diag_set(d, ERR_CORRUPT, "table '%s': checksum at byte %llu of segment %u does not match", k->dir,
                            (unsigned long long)at, s->number);
        }
        if (!kv_frame_valid(&f) || (*number_known && f.number != k->number))
            return diag_set(d, ERR_CORRUPT, "table '%s': frame at byte %llu of segment %u is out of order", k->dir,
                            (unsigned long long)at, s->number);
        rc = apply_frame(k, s, at, &f, d);
        if (rc != ERR_OK)
            return rc;
        k->number = f.number + 1;
        *number_known = true;
        k->log_bytes += f.bytes;
        at += f.bytes;
    }
    return ERR_OK;
}

static enum err
replay(struct kv *k, struct diag *d)
{
    bool found;
    uint32_t segment = 0;
    uint64_t at = FRAME_FILE_BYTES;
    struct kv_segment *last = k->segments[k->segment_count - 1];
    enum err rc = kv_checkpoint_load(k, &found, &segment, &at, d);

    for (size_t i = 0; i < k->segment_count && rc == ERR_OK; i++) {
        struct kv_segment *s = k->segments[i];
        if (s->number < segment)
            continue;
        rc = replay_segment(k, s, s->number == segment ? at : FRAME_FILE_BYTES, &found, d);
    }
    if (rc == ERR_OK)
        rc = os_sync(k->os, last->file, d); /* what an earlier process left to the kernel */
    if (rc != ERR_OK)
        return rc;
    k->synced_bytes = last->bytes;
    k->checkpointed = segment != 0 && k->log_bytes == 0;
    return kv_due_rebuild(k) ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for the due entries of '%s'", k->dir);
}

/* --- open and close --- */

static void
free_all(struct kv *k)
{
    struct kv_segment *s, *next;

    for (s = k->graveyard; s != NULL; s = next) {
        next = s->buried;
        kv_segment_free(k, s);
    }
    for (size_t i = 0; i < k->segment_count; i++)
        kv_segment_free(k, k->segments[i]);
    free(k->segments);
    kv_table_deinit(&k->index);
    kv_table_deinit(&k->staged);
    kv_due_deinit(&k->due);
    buf_deinit(&k->batch);
    buf_deinit(&k->copies);
    free(k->positions.rows);
    os_close(k->os, k->lock);
    os_cond_deinit(&k->sync_wake);
    os_cond_deinit(&k->clean_wake);
    os_mutex_deinit(&k->m);
    os_mutex_deinit(&k->flush_m);
    os_mutex_deinit(&k->write_m);
    os_mutex_deinit(&k->checkpoint_m);
    free(k);
}

enum err
kv_open_still(const struct kv_options *o, struct kv **out, struct diag *d)
{
    struct kv *k;
    enum err rc;

    if (strlen(o->dir) >= sizeof k->dir)
        return diag_set(d, ERR_INVALID, "table folder name has %zu bytes, at most %zu are allowed", strlen(o->dir),
                        sizeof k->dir - 1);
    k = calloc(1, sizeof *k);
    if (k == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for table '%s'", o->dir);
    k->os = o->os;
    (void)snprintf(k->dir, sizeof k->dir, "%s", o->dir); /* fits: checked above */
    k->segment_bytes = o->segment_bytes && o->segment_bytes < (uint64_t)LIMIT_SEGMENT_BYTES
                           ? o->segment_bytes
                           : (uint64_t)LIMIT_SEGMENT_BYTES;
    k->number = 1;
    os_entropy(k->os, &k->hash_key, sizeof k->hash_key);
    os_mutex_init(&k->checkpoint_m);
    os_mutex_init(&k->write_m);
    os_mutex_init(&k->flush_m);
    os_mutex_init(&k->m);
    os_cond_init(&k->sync_wake);
    os_cond_init(&k->clean_wake);
    buf_init(&k->batch, FRAME_HEADER_BYTES + (size_t)LIMIT_FRAME_BYTES);
    buf_init(&k->copies, FRAME_HEADER_BYTES + (size_t)LIMIT_FRAME_BYTES);
    kv_clear_batch(k);
    rc = open_folder(k, d);
    if (rc == ERR_OK)
        rc = replay(k, d);
    if (rc != ERR_OK) {
        free_all(k);
        return rc;
    }
    *out = k;
    return ERR_OK;
}

enum err
kv_open(const struct kv_options *o, struct kv **out, struct diag *d)
{
    struct kv *k = NULL;
    enum err rc = kv_open_still(o, &k, d);

    if (rc != ERR_OK)
        return rc;
    rc = kv_threads_open(k, d);
    if (rc != ERR_OK) {
        kv_threads_close(k);
        free_all(k);
        return rc;
    }
    *out = k;
    return ERR_OK;
}

void
kv_close(struct kv *k)
{
    struct diag d = DIAG_INIT;

    if (k == NULL)
        return;
    kv_threads_close(k);
    if (kv_checkpoint(k, &d) != ERR_OK) /* the next open reads the log instead */
        log_error("kv_close", "dir=%s error=%s what=\"%s\"", k->dir, err_name(d.code), d.what);
    free_all(k);
}
