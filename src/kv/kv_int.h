/* kv_int.h - shared inside this folder.
 *
 * Three threads meet here: the owner, who calls kv.h, and two of the table's own: the syncer, which keeps the promise
 * of 10 ms, and the cleaner, which compacts and writes checkpoints.
 *
 * Locks, in this order:
 *   checkpoint_m  one checkpoint at a time
 *   write_m       the log's tail and the shape of the index (which slots there are). Held across the write of a frame
 *   flush_m       one sync at a time; held across it
 *   m             where slots point to, the list of segments, the graveyard. Never held across I/O
 * The owner alone touches the staged batch and the due heap: no lock. It reads the index under m, or under write_m when
 * it changes it; the cleaner changes only where slots point to, under both. */
#ifndef KV_KV_INT_H
#define KV_KV_INT_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "codec/frame.h"
#include "kv/kv.h"
#include "os/os_tail.h"
#include "os/thread.h"

#define KV_MAGIC "EWKV001\n"
#define KV_CHECKPOINT_MAGIC "EWKVCP1\n"
#define KV_VERSION 1

#define KV_ENTRY_BYTES 20 /* header of a put or delete in a frame's body */
#define KV_ENTRY_DELETED 1u
#define KV_ENTRY_DEAD 0x8000u /* in the staged batch only: replaced by a later entry of the batch */

#define KV_SYNC_US 10000
#define KV_RETRY_US 200000 /* after background work failed: a full disk does not clear at once */
#define KV_CHECKPOINT_LOG_BYTES (64u * 1024 * 1024)
#define KV_COPY_BYTES (256u * 1024) /* compaction writes frames of this size: the owner waits for one at most */
#define KV_COPY_ENTRIES 1024        /* and looks at this many entries between two of them */
#define KV_PATH_BYTES 1024

/* --- kv_table.c: open addressing, ordered by hash --- */

struct kv_slot {
    uint64_t hash;
    int64_t due_ms;
    uint32_t segment; /* staged: unused */
    uint32_t at;      /* byte position of the entry in its segment; staged: in the batch */
    uint32_t value_bytes;
    uint16_t key_bytes;
    uint8_t used;
    uint8_t deleted; /* staged only */
};
_Static_assert(sizeof(struct kv_slot) == 32, "the index costs 32 bytes a slot");

struct kv_table {
    struct kv_slot *slots; /* owned */
    size_t cap;            /* 0 or a power of two */
    size_t count;
    unsigned shift; /* home of a hash: hash >> shift, so slots stand nearly in the order of their hashes */
};

#define KV_NONE SIZE_MAX

void kv_table_deinit(struct kv_table *t);
void kv_table_clear(struct kv_table *t);
bool kv_table_reserve(struct kv_table *t, size_t extra);
/* Slots with this hash, one after the other; KV_NONE when there is no further one. */
size_t kv_table_first(const struct kv_table *t, uint64_t hash);
size_t kv_table_next(const struct kv_table *t, uint64_t hash, size_t i);
/* Precondition: reserved, and no slot for the same key. Zeroed but for hash and used. */
struct kv_slot *kv_table_insert(struct kv_table *t, uint64_t hash);
void kv_table_remove(struct kv_table *t, size_t i);

static inline uint64_t
kv_slot_bytes(const struct kv_slot *s)
{
    return KV_ENTRY_BYTES + (uint64_t)s->key_bytes + s->value_bytes;
}

/* --- kv_due.c: a binary heap of instants; entries that no longer hold are skipped when they come to the top --- */

struct kv_due {
    int64_t due_ms;
    uint64_t hash;
};

struct kv_due_heap {
    struct kv_due *items; /* owned */
    size_t count, cap;
};

void kv_due_deinit(struct kv_due_heap *h);
bool kv_due_push(struct kv_due_heap *h, int64_t due_ms, uint64_t hash);
void kv_due_pop(struct kv_due_heap *h);
/* Unordered append; kv_due_order() makes a heap of it. */
bool kv_due_add(struct kv_due_heap *h, int64_t due_ms, uint64_t hash);
void kv_due_order(struct kv_due_heap *h);

/* --- kv_segment.c: files --- */

struct kv_segment {
    uint32_t number;
    uint32_t salt;
    struct os_file *file; /* NULL once sealed */
    const char *map;      /* the first map_bytes of the file; bytes past the end are never touched */
    char *copy;           /* owned; map points here when the file could not be mapped */
    uint64_t map_bytes;
    uint64_t bytes;
    uint64_t live;             /* bytes of entries that the index points to */
    struct kv_segment *buried; /* next in the graveyard */
};

struct kv_positions {
    struct kv_position_row {
        char name[LIMIT_POSITION_NAME_BYTES];
        size_t name_bytes;
        uint64_t offset;
    } * rows; /* owned */
    size_t count, cap;
};

struct kv {
    struct os *os;
    char dir[KV_PATH_BYTES / 2];
    uint64_t segment_bytes;
    struct os_file *lock;
    struct os_mutex checkpoint_m, write_m, flush_m, m;

    struct kv_table index;
    struct hash_key hash_key;
    uint64_t due_count;           /* slots of the index with a due time */
    struct kv_segment **segments; /* owned, by number without gaps, the last one is written */
    size_t segment_count, segment_cap;
    struct kv_segment *graveyard; /* removed, but the owner may hold pointers into them */
    struct os_tail tail;
    uint64_t number;       /* of the next frame */
    uint64_t synced_bytes; /* of the last segment */
    bool dirty;
    struct kv_positions positions;
    uint64_t log_bytes; /* since the newest checkpoint */
    bool checkpointed;  /* a checkpoint stands for exactly the present log */
    struct buf copies;  /* a frame of compaction; write_m */

    struct kv_table staged;
    struct buf batch; /* a frame under construction: header, entries; commit adds the positions */
    size_t batch_dead;
    struct kv_due_heap due;
    uint64_t staged_due;

    struct os_thread syncer, cleaner;
    struct os_cond sync_wake, clean_wake;
    bool sync_work, clean_work, stop;
    bool compaction_broken; /* a segment is damaged: it is kept, and so are those behind it */
};

void kv_segment_path(const struct kv *k, uint32_t number, char out[KV_PATH_BYTES]);
/* Creates the segment behind the last one and makes it the one that is written. room: bytes of its first frame. */
enum err kv_segment_begin(struct kv *k, uint32_t number, uint64_t room, struct diag *d);
enum err kv_segment_load(struct kv *k, uint32_t number, bool last, struct kv_segment **out, struct diag *d);
void kv_segment_free(struct kv *k, struct kv_segment *s);
enum err kv_list_add(struct kv *k, struct kv_segment *s, struct diag *d);
struct kv_segment *kv_segment_of(const struct kv *k, uint32_t number); /* NULL: none */
enum err kv_list_numbers(struct kv *k, uint32_t **numbers, size_t *count, struct diag *d);

/* --- kv_log.c: frames --- */

struct kv_entry {
    int64_t due_ms;
    uint32_t crc;
    uint32_t flags;
    struct str key, value;
    size_t bytes;
};
void kv_entry_encode(char *at, struct str key, struct str value, int64_t due_ms, uint32_t flags);
/* Reads an entry's header and borders; false when they do not fit. Does not verify the checksum. */
bool kv_entry_read(struct str bytes, struct kv_entry *out);
bool kv_entry_intact(const char *at, const struct kv_entry *e);

struct kv_walk {
    struct str rest;
    uint32_t left;
};
struct kv_walk kv_walk_from(const struct frame *f);
/* Precondition: left > 0. */
bool kv_walk_next(struct kv_walk *w, struct kv_entry *e);
/* What follows the entries; each name and offset is given to take(), which may be NULL. false: malformed. */
bool kv_walk_positions(const struct kv_walk *w, bool (*take)(void *ctx, struct str name, uint64_t offset), void *ctx);
/* Everything in the frame is as it should be. */
bool kv_frame_valid(const struct frame *f);

bool kv_positions_put(struct kv_positions *p, struct str name, uint64_t offset);
const struct kv_position_row *kv_positions_get(const struct kv_positions *p, struct str name);
size_t kv_positions_bytes(const struct kv_positions *p);
char *kv_positions_encode(const struct kv_positions *p, char *at);

/* Appends a frame of n bytes whose body is in place, with a new segment when needed. With write_m held. *frame_at
 * receives its position in the last segment. */
enum err kv_log_append(struct kv *k, char *frame, size_t n, uint32_t count, uint64_t *frame_at, struct diag *d);
enum err kv_flush(struct kv *k, struct diag *d);

/* --- kv.c --- */

uint64_t kv_hash(const struct kv *k, struct str key);
/* With m or write_m held. */
size_t kv_index_find(const struct kv *k, uint64_t hash, struct str key);
struct str kv_slot_key(const struct kv *k, const struct kv_slot *s);
/* Has the index point to an entry that stands at `at` in the last-named segment. Room was reserved. With write_m and m.
 */
void kv_index_apply(struct kv *k, uint64_t hash, const struct kv_entry *e, struct kv_segment *s, uint64_t at);
bool kv_due_rebuild(struct kv *k);
void kv_clear_batch(struct kv *k);

/* --- kv_open.c, kv_checkpoint.c, kv_background.c --- */

/* As kv_open without the thread: the test calls kv_step() itself. */
enum err kv_open_still(const struct kv_options *o, struct kv **out, struct diag *d);
/* *found is false when there is none that fits the segments: the whole log is to be read. Sets the index, the positions
 * and where the log goes on. */
enum err kv_checkpoint_load(struct kv *k, bool *found, uint32_t *segment, uint64_t *at, struct diag *d);
/* One round of all background work. */
enum err kv_step(struct kv *k, struct diag *d);
bool kv_wants_cleaning(struct kv *k);
enum err kv_compact_first(struct kv *k, struct diag *d);
/* The log has become dirty. */
void kv_wake(struct kv *k);
enum err kv_threads_open(struct kv *k, struct diag *d);
void kv_threads_close(struct kv *k);

#endif
