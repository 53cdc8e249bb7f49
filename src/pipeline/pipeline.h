/* pipeline.h - topics: partitioned, replayable sequences of records. The only way between the planes.
 *
 * A topic partition is an append-only sequence; a record's offset is its number in it, counted from 0 without gaps
 * (compaction removes records, never renumbers). One interface, two engines: pipeline_log.c keeps segment files on
 * local disk (this one), Kafka comes behind the same header later. Code above knows records, keys, offsets and
 * positions only.
 *
 * Promises   A record is in a file when append returns with ACK_WRITTEN, so it survives kill -9; it is on the disk at
 * most sync_interval_us later (group commit), or before append returns with ACK_SYNCED. Records come back exactly as
 * they were appended, in offset order; what follows a torn tail was never acknowledged and is cut off at open.
 *
 * Writers    A partition has one writing process at a time (a lock file); any number of threads of it. Readers may be
 * in other processes: they follow the files.
 *
 * Threads    Every function may be called by any thread, except that a consumer belongs to one.
 *
 * Errors     ERR_BUSY: the disk is full; nothing of the record is visible, later appends work once there is space.
 * ERR_LIMIT: key, value or batch too long. ERR_CORRUPT: a checksum in the middle of a log does not match.
 *
 * Format     docs/formats/log.md */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "os/os.h"

struct pipeline;
struct topic; /* one partition of one topic, open for this process */
struct consumer;

struct record {
    uint64_t offset;  /* set by append and by poll */
    int64_t time_ms;  /* the record's own time: what processors call "now" */
    uint64_t cause;   /* offset of the record that made a processor emit this one, 0 when there is none */
    struct str key;   /* empty: none. Compaction keeps the newest record of a key */
    struct str value; /* p == NULL: tombstone, the key is deleted */
};

enum ack { ACK_WRITTEN, ACK_SYNCED };

struct pipeline_options {
    struct os *os;             /* borrowed */
    const char *dir;           /* created when absent */
    uint64_t sync_interval_us; /* group commit; 0: 10000 */
    uint64_t segment_bytes;    /* 0: LIMIT_SEGMENT_BYTES */
};

struct topic_options {
    const char *name; /* [a-z0-9.-]+ */
    unsigned partition;
    bool writable;                         /* this process is the partition's writer */
    bool compacted;                        /* keep the newest record per key instead of everything */
    unsigned (*revisions)(struct str key); /* compacted: how many of the newest records of this key are kept, 1 ..
                                            LIMIT_TOPIC_REVISIONS; NULL: one of each */
    int64_t retention_ms; /* whole segments older than this (by their newest record's time) go; 0: never */
    int64_t
        history_ms; /* of a compacted topic: what was replaced or deleted later than so long ago stays; 0: it goes */
    uint32_t ring_bytes; /* appends land in a mapped file of this size first and never wait for the disk's own work:
                            log_ring.c; a multiple of 4096, at most LIMIT_RING_BYTES; 0: none */
};

enum err pipeline_open(const struct pipeline_options *o, struct pipeline **out, struct diag *d);
/* Syncs, then closes every topic; consumers must be closed before. */
void pipeline_close(struct pipeline *p);

/* Opens (creating it when writable) a partition; repairs a torn tail when writable. Opening the same partition again
 * returns the same topic. Borrowed: lives as long as the pipeline. ERR_BUSY: another process writes it. ERR_NOT_FOUND:
 * read-only and absent. */
enum err pipeline_topic(struct pipeline *p, const struct topic_options *o, struct topic **out, struct diag *d);

/* Appends; *offset (may be NULL) receives the record's offset. */
enum err topic_append(struct topic *t, const struct record *r, enum ack ack, uint64_t *offset, struct diag *d);
/* Appends n records with consecutive offsets, all or none, in one write. */
enum err topic_append_many(struct topic *t, const struct record *r, size_t n, enum ack ack, uint64_t *first_offset,
                           struct diag *d);

/* Offset of the oldest kept record, and the offset that the next append will get. */
uint64_t topic_begin(const struct topic *t);
uint64_t topic_end(const struct topic *t);
const char *topic_name(const struct topic *t);

/* Everything appended so far is on the disk on return. */
enum err topic_sync(struct topic *t, struct diag *d);

/* Retention leaves what is at or behind this offset, however old it is: somebody still has to read it. Until the first
 * call nothing is held. */
void topic_keep_from(struct topic *t, uint64_t offset);
/* Applies retention, and compacts a compacted topic whose garbage passes half of its bytes. Called by a housekeeping
 * thread; appends and consumers go on meanwhile. */
enum err topic_maintain(struct topic *t, int64_t now_ms, struct diag *d);

/* An offset before which no kept record has a time after `ms`: where to begin to read what came later. Looks at whole
 * segments, so more may be read than is wanted, never less. */
enum err topic_after(struct topic *t, int64_t ms, uint64_t *offset, struct diag *d);

/* A reader that begins at `offset` (clamped to topic_begin). */
enum err consumer_open(struct topic *t, uint64_t offset, struct consumer **out, struct diag *d);
void consumer_close(struct consumer *c);
/* The next record, borrowed until the next poll or close; *got is false when none came within timeout_us. A record is
 * delivered once it is in the file, synced or not. */
enum err consumer_poll(struct consumer *c, uint64_t timeout_us, struct record *r, bool *got, struct diag *d);
/* Makes a poll that waits now, or the next one, return with *got false. Any thread. */
void consumer_wake(struct consumer *c);
/* Offset that the next poll will ask for. */
uint64_t consumer_offset(const struct consumer *c);

#endif
