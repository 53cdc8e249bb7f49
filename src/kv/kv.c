/* kv.c - the owner's side: reading, staging, committing.
 *
 * The staged batch is the frame that commit will write: a put encodes its entry in place, and a small table of slots
 * finds it again. A second put of the same key overwrites the entry where its size allows, else the old one is marked
 * dead and squeezed out at commit. So commit copies nothing: it adds the positions, seals the frame and writes it. */
#include "base/check.h"
#include "kv/kv_int.h"

#define BATCH_KEEP_BYTES (8u * 1024 * 1024) /* a larger batch goes back to the heap after its commit */
#define DUE_SLACK 1024                      /* stale items of the heap that do not matter */
#define SQUEEZE_BYTES (1024u * 1024)        /* dead entries that do not matter */
#define BATCH_BYTES_MAX (LIMIT_FRAME_BYTES - (size_t)LIMIT_POSITIONS * (10 + LIMIT_POSITION_NAME_BYTES))

uint64_t
kv_hash(const struct kv *k, struct str key)
{
    return hash_keyed(k->hash_key, key);
}

struct str
kv_slot_key(const struct kv *k, const struct kv_slot *s)
{
    const struct kv_segment *segment = kv_segment_of(k, s->segment);

    CHECK(segment != NULL);
    return (struct str){segment->map + s->at + KV_ENTRY_BYTES, s->key_bytes};
}

size_t
kv_index_find(const struct kv *k, uint64_t hash, struct str key)
{
    size_t i = kv_table_first(&k->index, hash);

    while (i != KV_NONE && !str_eq(kv_slot_key(k, &k->index.slots[i]), key))
        i = kv_table_next(&k->index, hash, i);
    return i;
}

static struct str
staged_key(const struct kv *k, const struct kv_slot *s)
{
    return (struct str){k->batch.p + s->at + KV_ENTRY_BYTES, s->key_bytes};
}

static size_t
staged_find(const struct kv *k, uint64_t hash, struct str key)
{
    size_t i = kv_table_first(&k->staged, hash);

    while (i != KV_NONE && !str_eq(staged_key(k, &k->staged.slots[i]), key))
        i = kv_table_next(&k->staged, hash, i);
    return i;
}

/* Borrowed values end here, and with them the segments that were kept for their sake. */
static void
release_graveyard(struct kv *k)
{
    struct kv_segment *s, *next;

    os_lock(&k->m);
    s = k->graveyard;
    k->graveyard = NULL;
    os_unlock(&k->m);
    for (; s != NULL; s = next) {
        next = s->buried;
        kv_segment_free(k, s);
    }
}

/* --- reading --- */

static enum err
absent(struct diag *d)
{
    return diag_set(d, ERR_NOT_FOUND, "no such key");
}

/* Where the entry of a key lies; NULL: there is none. With m held. */
static const char *
find_committed(const struct kv *k, uint64_t hash, struct str key, struct kv_slot *slot)
{
    size_t i = kv_index_find(k, hash, key);

    if (i == KV_NONE)
        return NULL;
    *slot = k->index.slots[i];
    return kv_segment_of(k, slot->segment)->map + slot->at;
}

static enum err
read_entry(const struct kv *k, const char *at, const struct kv_slot *slot, struct str *value, struct diag *d)
{
    struct kv_entry e = {0};
    bool fits = kv_entry_read((struct str){at, (size_t)kv_slot_bytes(slot)}, &e) && e.bytes == kv_slot_bytes(slot);

    if (!fits || !kv_entry_intact(at, &e))
        return diag_set(d, ERR_CORRUPT, "table '%s': checksum of the entry at byte %u of segment %u does not match",
                        k->dir, slot->at, slot->segment);
    *value = e.value;
    return ERR_OK;
}

enum err
kv_get(struct kv *k, struct str key, struct str *value, struct diag *d)
{
    uint64_t hash = kv_hash(k, key);
    struct kv_slot slot;
    const char *at;
    size_t i = staged_find(k, hash, key);

    if (i != KV_NONE) {
        slot = k->staged.slots[i];
        if (slot.deleted)
            return absent(d);
        *value = (struct str){k->batch.p + slot.at + KV_ENTRY_BYTES + slot.key_bytes, slot.value_bytes};
        return ERR_OK;
    }
    os_lock(&k->m);
    at = find_committed(k, hash, key, &slot);
    os_unlock(&k->m);
    if (at == NULL)
        return absent(d);
    return read_entry(k, at, &slot, value, d);
}

enum err
kv_read(struct kv *k, struct str key, struct buf *out, struct diag *d)
{
    uint64_t hash = kv_hash(k, key);
    struct str value = S_NULL;
    struct kv_slot slot;
    const char *at;
    enum err rc;

    os_lock(&k->m); /* held over the copy: a segment that is listed stays mapped */
    at = find_committed(k, hash, key, &slot);
    rc = at != NULL ? read_entry(k, at, &slot, &value, d) : absent(d);
    if (rc == ERR_OK)
        buf_put(out, value);
    os_unlock(&k->m);
    if (rc == ERR_OK && !buf_ok(out))
        rc = diag_set(d, ERR_LIMIT, "table '%s': a value has %zu bytes, more than there is room for", k->dir, value.n);
    return rc;
}

static bool
index_has(struct kv *k, uint64_t hash, struct str key)
{
    bool found;

    os_lock(&k->m);
    found = kv_index_find(k, hash, key) != KV_NONE;
    os_unlock(&k->m);
    return found;
}

bool
kv_has(struct kv *k, struct str key)
{
    uint64_t hash = kv_hash(k, key);
    size_t i = staged_find(k, hash, key);

    return i != KV_NONE ? !k->staged.slots[i].deleted : index_has(k, hash, key);
}

uint64_t
kv_count(const struct kv *k)
{
    uint64_t count = k->index.count;

    for (size_t i = 0; i < k->staged.cap && k->staged.count > 0; i++) {
        const struct kv_slot *s = &k->staged.slots[i];
        bool stands;
        if (!s->used)
            continue;
        stands = index_has((struct kv *)(uintptr_t)k, s->hash, staged_key(k, s));
        if (s->deleted && stands)
            count--;
        else if (!s->deleted && !stands)
            count++;
    }
    return count;
}

uint64_t
kv_disk_bytes(const struct kv *k)
{
    struct kv *open = (struct kv *)(uintptr_t)k; /* the mutex is not part of what a caller sees */
    uint64_t bytes = 0;

    os_lock(&open->m);
    for (size_t i = 0; i < k->segment_count; i++)
        bytes += k->segments[i]->bytes;
    os_unlock(&open->m);
    return bytes;
}

size_t
kv_staged_bytes(const struct kv *k)
{
    return k->batch.n - FRAME_HEADER_BYTES - k->batch_dead;
}

uint64_t
kv_position(const struct kv *k, struct str name)
{
    const struct kv_position_row *row = kv_positions_get(&k->positions, name);

    return row ? row->offset : 0;
}

/* --- staging --- */

static void squeeze_batch(struct kv *k);

static void
mark_dead(struct kv *k, const struct kv_slot *s)
{
    frame_store16(k->batch.p + s->at + 18, KV_ENTRY_DEAD);
    k->batch_dead += (size_t)kv_slot_bytes(s);
}

static bool
in_batch(const struct kv *k, struct str s)
{
    return s.n > 0 && (uintptr_t)s.p >= (uintptr_t)k->batch.p && (uintptr_t)s.p < (uintptr_t)k->batch.p + k->batch.n;
}

/* Appends an entry to the batch and returns its position. Key and value may have been lent by the batch itself, which
 * moves when it grows. */
static bool
add_entry(struct kv *k, struct str key, struct str value, const struct kv_slot *slot, size_t *at)
{
    ptrdiff_t key_at = in_batch(k, key) ? key.p - k->batch.p : -1;
    ptrdiff_t value_at = in_batch(k, value) ? value.p - k->batch.p : -1;
    size_t bytes = (size_t)kv_slot_bytes(slot);

    if (buf_grow(&k->batch, bytes) == NULL) {
        k->batch.full = false; /* later entries may be smaller */
        return false;
    }
    if (key_at >= 0)
        key.p = k->batch.p + key_at;
    if (value_at >= 0)
        value.p = k->batch.p + value_at;
    *at = k->batch.n;
    kv_entry_encode(k->batch.p + *at, key, value, slot->due_ms, slot->deleted ? KV_ENTRY_DELETED : 0);
    k->batch.n += bytes;
    return true;
}

/* Stages the entry; `old` is the key's slot in the batch, if it has one. */
static enum err
stage(struct kv *k, struct kv_slot *old, const struct kv_slot *slot, struct str key, struct str value, struct diag *d)
{
    size_t bytes = (size_t)kv_slot_bytes(slot), at;
    bool lent = in_batch(k, key) || in_batch(k, value);

    if (slot->due_ms != 0 && (old == NULL || old->due_ms != slot->due_ms) &&
        !kv_due_push(&k->due, slot->due_ms, slot->hash))
        return diag_set(d, ERR_NOMEM, "no memory for the due entries of '%s'", k->dir);
    if (old != NULL && kv_slot_bytes(old) == bytes && !lent) {
        at = old->at;
        kv_entry_encode(k->batch.p + at, key, value, slot->due_ms, slot->deleted ? KV_ENTRY_DELETED : 0);
    } else {
        if (!lent && k->batch_dead > SQUEEZE_BYTES && k->batch_dead > k->batch.n / 2)
            squeeze_batch(k);
        if (k->batch.n + bytes > BATCH_BYTES_MAX)
            return diag_set(d, ERR_LIMIT, "batch has %zu bytes, at most %zu fit: commit it", k->batch.n,
                            (size_t)BATCH_BYTES_MAX);
        if (!add_entry(k, key, value, slot, &at))
            return diag_set(d, ERR_NOMEM, "no memory for a batch of %zu bytes", k->batch.n + bytes);
        if (old != NULL)
            mark_dead(k, old);
    }
    if (old == NULL)
        old = kv_table_insert(&k->staged, slot->hash);
    else
        k->staged_due -= old->due_ms != 0;
    *old = *slot;
    old->at = (uint32_t)at;
    k->staged_due += slot->due_ms != 0;
    return ERR_OK;
}

enum err
kv_put(struct kv *k, struct str key, struct str value, int64_t due_ms, struct diag *d)
{
    struct kv_slot slot = {.due_ms = due_ms, .used = 1};
    size_t i;
    enum err rc;

    if (key.n > LIMIT_RECORD_KEY_BYTES)
        return diag_set(d, ERR_LIMIT, "key has %zu bytes, at most %d are allowed", key.n, LIMIT_RECORD_KEY_BYTES);
    if (value.n > LIMIT_RECORD_VALUE_BYTES)
        return diag_set(d, ERR_LIMIT, "value has %zu bytes, at most %d are allowed", value.n, LIMIT_RECORD_VALUE_BYTES);
    if (!kv_table_reserve(&k->staged, 1))
        return diag_set(d, ERR_NOMEM, "no memory for the batch of '%s'", k->dir);
    slot.hash = kv_hash(k, key);
    slot.key_bytes = (uint16_t)key.n;
    slot.value_bytes = (uint32_t)value.n;
    i = staged_find(k, slot.hash, key);
    rc = stage(k, i != KV_NONE ? &k->staged.slots[i] : NULL, &slot, key, value, d);
    release_graveyard(k);
    if (rc == ERR_OK && k->due.count > 2 * (k->due_count + k->staged_due) + DUE_SLACK && !kv_due_rebuild(k))
        rc = diag_set(d, ERR_NOMEM, "no memory for the due entries of '%s'", k->dir);
    return rc;
}

enum err
kv_delete(struct kv *k, struct str key, struct diag *d)
{
    struct kv_slot slot = {.deleted = 1, .used = 1};
    struct kv_slot *old;
    bool stands;
    size_t i;
    enum err rc = ERR_OK;

    if (key.n > LIMIT_RECORD_KEY_BYTES)
        return diag_set(d, ERR_LIMIT, "key has %zu bytes, at most %d are allowed", key.n, LIMIT_RECORD_KEY_BYTES);
    if (!kv_table_reserve(&k->staged, 1))
        return diag_set(d, ERR_NOMEM, "no memory for the batch of '%s'", k->dir);
    slot.hash = kv_hash(k, key);
    slot.key_bytes = (uint16_t)key.n;
    stands = index_has(k, slot.hash, key);
    i = staged_find(k, slot.hash, key);
    old = i != KV_NONE ? &k->staged.slots[i] : NULL;
    if (stands) {
        rc = stage(k, old, &slot, key, S_NULL, d);
    } else if (old != NULL) { /* it came with this batch, so nothing has to be written */
        if (old->due_ms != 0)
            k->staged_due--;
        mark_dead(k, old);
        kv_table_remove(&k->staged, i);
    }
    release_graveyard(k);
    return rc;
}

/* --- commit --- */

/* Moves the living entries of the batch together. */
static void
squeeze_batch(struct kv *k)
{
    size_t to = FRAME_HEADER_BYTES;

    if (k->batch_dead == 0)
        return;
    for (size_t from = FRAME_HEADER_BYTES; from < k->batch.n;) {
        char *p = k->batch.p + from;
        struct kv_entry e;
        CHECK(kv_entry_read((struct str){p, k->batch.n - from}, &e)); /* we wrote it */
        if (e.flags != KV_ENTRY_DEAD) {
            size_t i = staged_find(k, kv_hash(k, e.key), e.key);
            CHECK(i != KV_NONE && k->staged.slots[i].at == from);
            memmove(k->batch.p + to, p, e.bytes);
            k->staged.slots[i].at = (uint32_t)to;
            to += e.bytes;
        }
        from += e.bytes;
    }
    k->batch.n = to;
    k->batch_dead = 0;
}

/* The positions as they will be; *changed tells whether that differs. *out is owned by the caller. */
static enum err
merge_positions(struct kv *k, const struct kv_position *p, size_t n, struct kv_positions *out, bool *changed,
                struct diag *d)
{
    bool ok = true;

    *changed = false;
    for (size_t i = 0; i < k->positions.count; i++)
        ok = ok && kv_positions_put(out, (struct str){k->positions.rows[i].name, k->positions.rows[i].name_bytes},
                                    k->positions.rows[i].offset);
    for (size_t i = 0; i < n; i++) {
        const struct kv_position_row *row;
        if (p[i].name.n == 0 || p[i].name.n > LIMIT_POSITION_NAME_BYTES)
            return diag_set(d, ERR_LIMIT, "position name has %zu bytes, 1..%d are allowed", p[i].name.n,
                            LIMIT_POSITION_NAME_BYTES);
        row = kv_positions_get(out, p[i].name);
        *changed = *changed || row == NULL || row->offset != p[i].offset;
        ok = ok && kv_positions_put(out, p[i].name, p[i].offset);
    }
    if (!ok)
        return diag_set(d, ERR_NOMEM, "no memory for %zu positions", n);
    if (out->count > LIMIT_POSITIONS)
        return diag_set(d, ERR_LIMIT, "a table holds at most %d positions", LIMIT_POSITIONS);
    return ERR_OK;
}

void
kv_index_apply(struct kv *k, uint64_t hash, const struct kv_entry *e, struct kv_segment *s, uint64_t at)
{
    size_t i = kv_index_find(k, hash, e->key);
    struct kv_slot *slot;

    if (i != KV_NONE) {
        slot = &k->index.slots[i];
        kv_segment_of(k, slot->segment)->live -= kv_slot_bytes(slot);
        k->due_count -= slot->due_ms != 0;
    }
    if (e->flags & KV_ENTRY_DELETED) {
        if (i != KV_NONE)
            kv_table_remove(&k->index, i);
        return;
    }
    slot = i != KV_NONE ? &k->index.slots[i] : kv_table_insert(&k->index, hash);
    slot->due_ms = e->due_ms;
    slot->segment = s->number;
    slot->at = (uint32_t)at;
    slot->value_bytes = (uint32_t)e->value.n;
    slot->key_bytes = (uint16_t)e->key.n;
    s->live += e->bytes;
    k->due_count += e->due_ms != 0;
}

static void
apply_batch(struct kv *k, uint64_t frame_at)
{
    struct kv_segment *s = k->segments[k->segment_count - 1];

    os_lock(&k->m);
    for (size_t i = 0; i < k->staged.cap; i++) {
        const struct kv_slot *slot = &k->staged.slots[i];
        struct kv_entry e;
        if (!slot->used)
            continue;
        CHECK(kv_entry_read((struct str){k->batch.p + slot->at, (size_t)kv_slot_bytes(slot)}, &e));
        kv_index_apply(k, slot->hash, &e, s, frame_at + slot->at);
    }
    os_unlock(&k->m);
}

void
kv_clear_batch(struct kv *k)
{
    kv_table_clear(&k->staged);
    k->staged_due = 0;
    k->batch_dead = 0;
    if (k->batch.cap > BATCH_KEEP_BYTES)
        buf_deinit(&k->batch);
    buf_clear(&k->batch);
    CHECK(buf_grow(&k->batch, FRAME_HEADER_BYTES) != NULL);
    k->batch.n = FRAME_HEADER_BYTES;
}

/* Writes the batch with these positions behind it. With write_m held. */
static enum err
write_batch(struct kv *k, const struct kv_positions *positions, struct diag *d)
{
    size_t end, bytes = kv_positions_bytes(positions);
    uint64_t frame_at = 0;
    bool reserved;
    enum err rc;

    squeeze_batch(k);
    end = k->batch.n;
    os_lock(&k->m); /* kv_read is in the index at any time */
    reserved = kv_table_reserve(&k->index, k->staged.count);
    os_unlock(&k->m);
    if (!reserved || buf_grow(&k->batch, bytes) == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to commit %zu entries", k->staged.count);
    kv_positions_encode(positions, k->batch.p + end);
    rc = kv_log_append(k, k->batch.p, end + bytes, (uint32_t)k->staged.count, &frame_at, d);
    if (rc != ERR_OK)
        return rc;
    apply_batch(k, frame_at);
    kv_clear_batch(k);
    return ERR_OK;
}

enum err
kv_commit(struct kv *k, const struct kv_position *positions, size_t n, bool sync, struct diag *d)
{
    struct kv_positions merged = {0};
    bool changed;
    enum err rc;

    release_graveyard(k);
    rc = merge_positions(k, positions, n, &merged, &changed, d);
    if (rc == ERR_OK && (changed || k->staged.count > 0)) {
        os_lock(&k->write_m);
        rc = write_batch(k, &merged, d);
        if (rc == ERR_OK) {
            struct kv_positions old = k->positions;
            k->positions = merged;
            merged = old;
        }
        os_unlock(&k->write_m);
    }
    free(merged.rows);
    if (rc == ERR_OK && sync)
        rc = kv_flush(k, d);
    return rc;
}

/* --- due --- */

bool
kv_due_rebuild(struct kv *k)
{
    bool ok = true;

    k->due.count = 0;
    os_lock(&k->m);
    for (size_t i = 0; i < k->index.cap && k->due_count > 0; i++) {
        const struct kv_slot *s = &k->index.slots[i];
        if (s->used && s->due_ms != 0)
            ok = kv_due_add(&k->due, s->due_ms, s->hash) && ok;
    }
    os_unlock(&k->m);
    for (size_t i = 0; i < k->staged.cap && k->staged_due > 0; i++) {
        const struct kv_slot *s = &k->staged.slots[i];
        if (s->used && s->due_ms != 0)
            ok = kv_due_add(&k->due, s->due_ms, s->hash) && ok;
    }
    kv_due_order(&k->due);
    return ok;
}

/* The key that an item of the heap still stands for; p is NULL when there is none. Borrowed until the next put or
 * commit. */
static struct str
due_key(struct kv *k, const struct kv_due *item)
{
    struct str key = S_NULL;

    for (size_t i = kv_table_first(&k->staged, item->hash); i != KV_NONE;
         i = kv_table_next(&k->staged, item->hash, i)) {
        const struct kv_slot *s = &k->staged.slots[i];
        if (!s->deleted && s->due_ms == item->due_ms)
            return staged_key(k, s);
    }
    os_lock(&k->m);
    for (size_t i = kv_table_first(&k->index, item->hash); i != KV_NONE && key.p == NULL;
         i = kv_table_next(&k->index, item->hash, i)) {
        const struct kv_slot *s = &k->index.slots[i];
        if (s->due_ms == item->due_ms && staged_find(k, item->hash, kv_slot_key(k, s)) == KV_NONE)
            key = kv_slot_key(k, s);
    }
    os_unlock(&k->m);
    return key;
}

/* The earliest due entry with its key, after dropping what no longer holds from the top of the heap. */
static bool
due_first(struct kv *k, struct kv_due *item, struct str *key)
{
    while (k->due.count > 0) {
        *item = k->due.items[0];
        *key = due_key(k, item);
        if (key->p != NULL)
            return true;
        kv_due_pop(&k->due);
    }
    return false;
}

enum err
kv_next_due(struct kv *k, int64_t limit_ms, struct buf *key, int64_t *due_ms)
{
    struct kv_due item;
    struct str found;

    if (!due_first(k, &item, &found) || item.due_ms > limit_ms)
        return ERR_NOT_FOUND;
    buf_clear(key);
    buf_put(key, found);
    if (!buf_ok(key))
        return ERR_LIMIT;
    *due_ms = item.due_ms;
    return ERR_OK;
}

int64_t
kv_due_of(struct kv *k, struct str key)
{
    uint64_t hash = kv_hash(k, key);
    size_t i = staged_find(k, hash, key);
    struct kv_slot slot;
    bool found;

    if (i != KV_NONE)
        return k->staged.slots[i].deleted ? 0 : k->staged.slots[i].due_ms;
    os_lock(&k->m);
    found = find_committed(k, hash, key, &slot) != NULL;
    os_unlock(&k->m);
    return found ? slot.due_ms : 0;
}

int64_t
kv_earliest_due(struct kv *k)
{
    struct kv_due item;
    struct str key;

    return due_first(k, &item, &key) ? item.due_ms : 0;
}

/* --- scan --- */

struct scan {
    void (*each)(void *ctx, struct str key, struct str value);
    void *ctx;
    bool keys_only;
    size_t seen;
};

/* Entries of the index whose home is `bucket`. The owner alone changes the shape of the index, so it stands still here.
 */
static enum err
scan_bucket(struct kv *k, size_t bucket, struct scan *scan, struct diag *d)
{
    size_t mask = k->index.cap - 1;
    enum err rc = ERR_OK;

    for (size_t i = bucket; k->index.slots[i].used && rc == ERR_OK; i = (i + 1) & mask) {
        struct str key, value = S_NULL;
        if (k->index.slots[i].hash >> k->index.shift != bucket)
            continue;
        os_lock(&k->m);
        key = kv_slot_key(k, &k->index.slots[i]); /* stays: a removed segment waits in the graveyard */
        os_unlock(&k->m);
        if (staged_find(k, k->index.slots[i].hash, key) != KV_NONE)
            continue; /* comes with the staged ones, or is deleted */
        if (!scan->keys_only)
            rc = kv_get(k, key, &value, d);
        if (rc == ERR_OK) {
            scan->each(scan->ctx, key, value);
            scan->seen++;
        }
    }
    return rc;
}

/* Staged puts with from <= hash <= to. */
static void
scan_staged(struct kv *k, uint64_t from, uint64_t to, struct scan *scan)
{
    for (size_t i = 0; i < k->staged.cap && k->staged.count > 0; i++) {
        const struct kv_slot *s = &k->staged.slots[i];
        if (!s->used || s->deleted || s->hash < from || s->hash > to)
            continue;
        scan->each(scan->ctx, staged_key(k, s),
                   scan->keys_only ? S_NULL
                                   : (struct str){k->batch.p + s->at + KV_ENTRY_BYTES + s->key_bytes, s->value_bytes});
        scan->seen++;
    }
}

/* The cursor is the lowest hash that is still to come. Slices end at bucket borders of the index, which stay borders
 * when it grows. */
static enum err
scan_slice(struct kv *k, uint64_t *cursor, size_t limit, struct scan scan, struct diag *d)
{
    size_t bucket;
    uint64_t to = UINT64_MAX;
    enum err rc = ERR_OK;

    if (k->index.count > 0) {
        bucket = *cursor >> k->index.shift;
        for (;; bucket++) {
            rc = scan_bucket(k, bucket, &scan, d);
            if (rc != ERR_OK)
                return rc;
            if (bucket + 1 == k->index.cap)
                break;
            if (scan.seen >= limit) {
                to = ((uint64_t)(bucket + 1) << k->index.shift) - 1;
                break;
            }
        }
    }
    scan_staged(k, *cursor, to, &scan);
    *cursor = to + 1; /* 0 behind the last one */
    return ERR_OK;
}

enum err
kv_scan(struct kv *k, uint64_t *cursor, size_t limit, void (*each)(void *ctx, struct str key, struct str value),
        void *ctx, struct diag *d)
{
    return scan_slice(k, cursor, limit, (struct scan){.each = each, .ctx = ctx}, d);
}

enum err
kv_scan_keys(struct kv *k, uint64_t *cursor, size_t limit, void (*each)(void *ctx, struct str key, struct str value),
             void *ctx, struct diag *d)
{
    return scan_slice(k, cursor, limit, (struct scan){.each = each, .ctx = ctx, .keys_only = true}, d);
}
