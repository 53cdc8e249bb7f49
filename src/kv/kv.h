/* kv.h - a keyed table over a log of its own: the state of a processor.
 *
 * The index is a hash table in memory; values stay in segment files and are read through a mapping. Puts and deletes
 * collect in the current batch; kv_commit() appends the batch as one checksummed frame together with the positions (how
 * far the processor has consumed its topics), so state and positions move together or not at all: after a crash the
 * processor goes on from the position and nothing is applied twice.
 *
 * Due        Every entry carries due_ms, a time chosen by its owner (0: none), which is kept in the index: the next
 * timer or the expiry of a profile. After open the due entries are known without reading a value.
 *
 * Start      kv_open reads the newest index checkpoint and the frames behind it: under 3 s per million entries.
 *
 * Compaction In the background, the oldest segment at a time, while garbage is more than half of the bytes.
 *
 * Threads    One owner at a time (callers bring the lock), and readers of what is committed (kv_read); two threads of
 * kv's own sync and compact.
 *
 * Errors     ERR_BUSY: the disk is full; the batch stays staged and kv_commit may be tried again. ERR_IO from a
 * commit with sync: it is written but the sync failed; the next sync repeats it. ERR_CORRUPT: a checksum does not
 * match.
 *
 * Cost       get 1 us, put with its commit 2 to 8 us at 1.3 KB, 32 bytes a slot of the index, which is a third to
 * three quarters full; keys are in the file only.
 *
 * Format     docs/formats/kv.md */
#ifndef KV_KV_H
#define KV_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "os/os.h"

struct kv;

struct kv_options {
    struct os *os;          /* borrowed */
    const char *dir;        /* created when absent; locked against a second process */
    uint64_t segment_bytes; /* 0: LIMIT_SEGMENT_BYTES */
};

struct kv_position {
    struct str name; /* of a topic partition, at most 64 bytes */
    uint64_t offset; /* the next record to consume */
};

enum err kv_open(const struct kv_options *o, struct kv **out, struct diag *d);
/* Uncommitted puts are lost; writes an index checkpoint. */
void kv_close(struct kv *k);

/* Value of the key, staged changes included; borrowed until the next kv_put, kv_delete or kv_commit. ERR_NOT_FOUND. */
enum err kv_get(struct kv *k, struct str key, struct str *value, struct diag *d);
bool kv_has(struct kv *k, struct str key);
/* Appends the committed value of the key to `out`. Any thread, whatever the owner does meanwhile: staged changes are
 * not seen. ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT: out is full. */
enum err kv_read(struct kv *k, struct str key, struct buf *out, struct diag *d);
/* Stages. The value may be one that kv_get lent. ERR_LIMIT: key over LIMIT_RECORD_KEY_BYTES, value over
 * LIMIT_RECORD_VALUE_BYTES, or the batch over LIMIT_FRAME_BYTES: commit it first. */
enum err kv_put(struct kv *k, struct str key, struct str value, int64_t due_ms, struct diag *d);
enum err kv_delete(struct kv *k, struct str key, struct diag *d);
/* Writes the staged batch and the positions (those not named keep theirs); durable within 10 ms, or at once with sync.
 * Afterwards the batch is empty. A commit without changes and with unchanged positions writes nothing. */
enum err kv_commit(struct kv *k, const struct kv_position *positions, size_t n, bool sync, struct diag *d);
size_t kv_staged_bytes(const struct kv *k);
/* 0 when it was never committed. */
uint64_t kv_position(const struct kv *k, struct str name);

uint64_t kv_count(const struct kv *k);
uint64_t kv_disk_bytes(const struct kv *k);

/* Entries with due_ms != 0 and due_ms <= limit_ms, earliest first, staged changes included. Copies the key of the
 * earliest into key (its size in key->n: give room for LIMIT_RECORD_KEY_BYTES); ERR_NOT_FOUND when none is due. */
enum err kv_next_due(struct kv *k, int64_t limit_ms, struct buf *key, int64_t *due_ms);
/* The key's due_ms, staged changes included; 0: none, or no such key. */
int64_t kv_due_of(struct kv *k, struct str key);
/* The earliest due_ms of all, 0 when there is none. */
int64_t kv_earliest_due(struct kv *k);

/* Walks committed and staged entries in no particular order, a slice at a time: *cursor starts at 0 and is 0 again at
 * the end. Entries put meanwhile may be seen or not; every entry that stays is seen once. each() may call kv_get but
 * not put. */
enum err kv_scan(struct kv *k, uint64_t *cursor, size_t limit,
                 void (*each)(void *ctx, struct str key, struct str value), void *ctx, struct diag *d);

/* The same for the keys alone: no value is read or checked, which is a fifth of the work. value is empty. */
enum err kv_scan_keys(struct kv *k, uint64_t *cursor, size_t limit,
                      void (*each)(void *ctx, struct str key, struct str value), void *ctx, struct diag *d);

/* An index checkpoint now (a background one is made every 64 MB of log). */
enum err kv_checkpoint(struct kv *k, struct diag *d);

#endif
