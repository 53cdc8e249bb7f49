/* pipeline_int.h - shared inside this folder: segments, the reader of frames, the topic.
 *
 * A topic partition is a sorted list of segments. Each covers the offsets [base, end); the last one is written, the
 * others are sealed and never change: compaction puts a new segment in the place of old ones, and whoever is reading an
 * old one keeps it (refs) with its open file until done.
 *
 * Locks, in this order:
 *   maintain_m  one topic_maintain() at a time
 *   write_m     appends, rolls and the mark at close; in a read-only topic: following the writer's files. Held across
 *               the write and, when a segment is rolled, across its sync
 *   flush_m     one sync at a time; held across it, so that those who want the same sync queue here and find it done
 *   drain_m     one writer of the last segment's file at a time; held across the write
 *   m           everything readers look at: the list, refs, bytes, points, begin, end. Held across the opening of a
 *               file and the reading of its first frame, never across a write or a sync */
#ifndef PIPELINE_PIPELINE_INT_H
#define PIPELINE_PIPELINE_INT_H

#include "base/buf.h"
#include "codec/frame.h"
#include "os/os_tail.h"
#include "os/thread.h"
#include "pipeline/pipeline.h"

#define LOG_MAGIC "EWLOG01\n"
#define LOG_VERSION 1
#define LOG_FLAG_COMPACTED 1u /* of a segment file: offsets have gaps */

#define LOG_RECORD_BYTES 28 /* header of a record in a frame's body */
#define LOG_RECORD_TOMBSTONE 1u
#define LOG_RECORD_AGED 2u /* a tombstone that was through one compaction */
#define LOG_MARK_BODY_BYTES 8
#define LOG_MARK_BYTES (FRAME_HEADER_BYTES + LOG_MARK_BODY_BYTES)

#define LOG_WINDOW_BYTES (256u * 1024)       /* read ahead */
#define LOG_POINT_SPACING_BYTES (64u * 1024) /* one index point per this much log: 16 bytes for 64 KB */
#define LOG_FOLLOW_US 2000                   /* how often a reader in another process looks at the files, */
#define LOG_FOLLOW_QUIET_US 16000            /* and after a while in which nothing came */
#define LOG_PATH_BYTES 1024
#define LOG_RING_ALIGN 4096

/* --- log_format.c: bytes of records --- */

/* Bytes that the n records take in one frame, header included. */
uint64_t log_frame_bytes(const struct record *r, size_t n);
/* Writes the body behind the frame header at `frame`; offsets are first, first + 1, ... */
void log_frame_build(char *frame, const struct record *r, size_t n);
void log_record_encode(char *at, const struct record *r, uint32_t delta, uint32_t flags);
size_t log_record_bytes(const struct record *r);

/* Walks the records of a frame. */
struct log_walk {
    struct str rest;
    uint64_t first; /* offset of the frame */
    uint64_t next;  /* lowest offset that the next record can have */
    uint32_t left;
    bool gaps; /* of a compacted segment */
};
struct log_walk log_walk_from(const struct frame *f, bool gaps);
/* *flags (may be NULL) receives LOG_RECORD_ bits. false: the record is malformed. Precondition: left > 0. */
bool log_walk_next(struct log_walk *w, struct record *r, uint32_t *flags);
/* The frame's records are exactly its body, in order. */
bool log_frame_valid(const struct frame *f, bool gaps, uint64_t *next_offset, int64_t *newest_ms);

void log_mark_build(char out[LOG_MARK_BYTES], const struct frame_seal *seal, int64_t newest_ms);
/* The newest record time that a mark carries. */
bool log_mark_read(const struct frame *f, int64_t *newest_ms);

/* --- log_reader.c: frames of a file through a window --- */

struct log_reader {
    struct os *os;
    struct os_file *file;
    uint32_t salt;
    uint64_t at;    /* of the next frame */
    uint64_t limit; /* bytes that may be read */
    char *window;   /* owned */
    size_t window_cap;
    uint64_t window_at;
    size_t window_bytes;
};
void log_reader_deinit(struct log_reader *r);
/* Starts over in another file; keeps the window's memory. */
void log_reader_set(struct log_reader *r, struct os *os, struct os_file *file, uint32_t salt, uint64_t at);
/* Makes the window hold n bytes at least; what it held is gone. false: no memory. */
bool log_reader_room(struct log_reader *r, size_t n);
/* On FRAME_OK `at` moves behind the frame, whose body is borrowed until the next call. The two others mean that the
 * bytes up to the limit do not begin with a valid frame. */
enum err log_reader_next(struct log_reader *r, struct frame *f, enum frame_state *state, struct diag *d);
/* What stands at r->at, where no frame was found: damage to what had been safe? */
enum err log_reader_lost(struct log_reader *r, uint64_t number_min, bool *lost, struct diag *d);

/* --- log_segment.c: one file, and the list --- */

struct log_point {
    uint64_t offset; /* of the first record of the frame */
    uint32_t at;
};

struct log_segment {
    uint64_t base;
    uint64_t end;
    uint64_t bytes; /* whole, valid frames end here; 0: not opened yet */
    int64_t newest_ms;
    bool newest_known;
    bool gaps;
    bool replaced; /* by compaction, or dropped by retention: no longer listed */
    uint32_t salt;
    unsigned refs;            /* the list holds one */
    struct os_file *file;     /* NULL while nobody needs it */
    struct log_point *points; /* owned */
    size_t point_count, point_cap;
};

/* The newest bytes of the last segment: byte `at` of the segment is ring byte at % cap while it is not in the file. */
struct log_ring {
    struct os_file *file; /* owned */
    char *bytes;          /* mapped */
    uint64_t cap;         /* 0: there is none, appends go straight to the segment */
};

struct topic {
    struct pipeline *p;
    struct topic *next;
    char name[LOG_PATH_BYTES / 8]; /* "topic" */
    unsigned partition;
    char dir[LOG_PATH_BYTES];
    bool writable, compacted;
    unsigned (*revisions)(struct str key);
    int64_t retention_ms, history_ms;
    uint64_t keep_from; /* m: retention ends here */
    struct os *os;
    struct os_file *lock;

    struct os_mutex maintain_m;
    bool strays;         /* maintain_m: a file could not be removed that the list has forgotten */
    bool live_known;     /* maintain_m */
    uint64_t live_bytes; /* maintain_m: of the last look at all keys */

    struct os_mutex write_m;
    struct buf frame;
    struct log_reader scan; /* read-only: follows the last segment */
    bool marked;            /* the tail ends with a mark, or holds no record */

    struct os_mutex flush_m;

    struct os_mutex drain_m;
    struct os_tail tail; /* drain_m for appends, flush_m for syncs */
    struct log_ring ring;

    struct os_mutex m;
    struct os_cond appended;
    unsigned waiters;
    struct log_segment **segments; /* owned, never empty once open */
    size_t segment_count, segment_cap;
    uint64_t begin, end;
    uint64_t landed;       /* bytes of the last segment, those that are in the ring only included */
    uint64_t drained_end;  /* records below are in the segments */
    bool full;             /* the disk had no room for what is in the ring */
    uint64_t synced_end;   /* records below are on the disk */
    uint64_t synced_bytes; /* of the last segment */
    bool dirty;
};

struct pipeline {
    struct os *os;
    char dir[LOG_PATH_BYTES / 2];
    uint64_t sync_interval_us;
    uint64_t segment_bytes;
    struct os_mutex m; /* before every lock of a topic */
    struct os_cond wake;
    struct topic *topics;
    bool work, stop;
    struct os_thread flusher;
};

void log_segment_path(const struct topic *t, uint64_t base, const char *suffix, char out[LOG_PATH_BYTES]);
struct log_segment *log_segment_new(uint64_t base);
/* Creates the file with its header, synced, folder not. *file is owned by the caller. */
enum err log_segment_create(struct topic *t, const char *path, const struct frame_file *h, struct os_file **file,
                            struct diag *d);
/* Opens by name and reads the header; ERR_CORRUPT when it does not check. */
enum err log_segment_load(struct topic *t, struct log_segment *s, struct diag *d);
/* False for what a crash, or a writer at this moment, leaves of creating a segment: a file that never held a record. */
bool log_segment_begun(struct topic *t, uint64_t base);

/* With t->m held: */
enum err log_segment_acquire(struct topic *t, struct log_segment *s, struct diag *d);
void log_segment_release(struct topic *t, struct log_segment *s);
void log_segment_point(struct log_segment *s, uint64_t offset, uint64_t at);
/* Where to begin reading for `offset`. */
struct log_point log_segment_find(const struct log_segment *s, uint64_t offset);
enum err log_list_add(struct topic *t, struct log_segment *s, struct diag *d);
/* The segment that covers the offset; the first one for an offset before it, the last one for one behind it. */
struct log_segment *log_list_find(const struct topic *t, uint64_t offset);
struct log_segment *log_list_last(const struct topic *t);
void log_list_clear(struct topic *t);

/* Names in the folder as sorted bases; *bases is owned by the caller (free). */
enum err log_list_bases(struct topic *t, uint64_t **bases, size_t *count, struct diag *d);
/* Sets t->begin from the first record that is kept. Without t->m. */
enum err log_begin_update(struct topic *t, struct diag *d);

/* --- log_topic.c: opening, appending, syncing --- */

enum err log_topic_open(struct pipeline *p, const struct topic_options *o, struct topic **out, struct diag *d);
void log_topic_close(struct topic *t);
/* Syncs unless everything below `offset` is on the disk already. */
enum err log_flush(struct topic *t, uint64_t offset, struct diag *d);
/* Seals the last segment and begins a new one. With write_m held. */
enum err log_roll(struct topic *t, struct diag *d);

/* --- log_ring.c: appends that do not wait for the disk --- */

/* Maps the ring's file, creating it. Before log_ring_recover; without a mapping the topic does without a ring. */
enum err log_ring_open(struct topic *t, uint64_t bytes, struct diag *d);
bool log_ring_exists(struct topic *t);
void log_ring_close(struct topic *t);
/* Appends to the last segment what a killed process left in the ring. *at is where the segment's valid frames end. */
enum err log_ring_recover(struct topic *t, struct log_segment *last, uint64_t *at, struct diag *d);
void log_ring_clear(struct topic *t);
/* Puts a whole frame behind what has landed: into the ring, or, when it is large, into the file: *in_file. ERR_BUSY:
 * the disk is full. With write_m held; the caller publishes. */
enum err log_land(struct topic *t, const char *frame, size_t n, bool *in_file, struct diag *d);
/* Moves all that has landed into the file. Without t->m. */
enum err log_drain(struct topic *t, struct diag *d);
/* Copies whole frames that stand behind the file's end into the reader's window; false: there are none. */
bool log_ring_read(struct topic *t, const struct log_segment *s, struct log_reader *r);

/* --- log_follow.c: a read-only topic --- */

enum err log_follow_open(struct topic *t, struct diag *d);
/* Takes in what the writer has appended since the last look. */
enum err log_follow(struct topic *t, struct diag *d);
/* Reads the folder again: retention and compaction have removed files. */
enum err log_follow_list(struct topic *t, struct diag *d);

/* --- log_compact.c --- */

enum err log_compact(struct topic *t, int64_t now_ms, struct diag *d);

#endif
