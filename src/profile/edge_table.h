/* edge_table.h - the profiles that an edge holds: a striped table in memory over a durable one.
 *
 * A request loads a copy of a document, decides on it without a lock, appends its hit to the log, and stores the
 * changed document; when somebody else stored it meanwhile (the versions differ) it loads again and folds its hit anew.
 * So a lock is held for a copy of a few hundred bytes only, and the table always is the fold of the log.
 *
 *   edge_table_enter -> append to the log -> edge_table_store... -> edge_table_leave
 *
 * Durable    edge_table_flush() writes what changed to the kv table together with the log position from which a
 * restart must fold again. Enter and leave tell it which appended hits are not stored yet.
 *
 * Life       A document not seen for ttl_ms is absent, and removed at the next flush.
 *
 * Memory     Documents beyond memory_max bytes leave memory, least recently used first by a clock hand, when they are
 * durable.
 *
 * Threads    load, store, enter, leave: any. flush: one thread.
 *
 * Cost       Load or store about 0.3 us in memory, 2 us from the kv table. */
#ifndef PROFILE_EDGE_TABLE_H
#define PROFILE_EDGE_TABLE_H

#include "kv/kv.h"
#include "profile/edge_doc.h"

struct edge_table;

struct edge_table_options {
    struct os *os;
    const char *dir;
    int64_t ttl_ms;    /* 0: LIMIT_EDGE_PROFILE_TTL_MS */
    size_t memory_max; /* bytes of documents in memory; 0: 4 GB */
};

enum err edge_table_open(const struct edge_table_options *o, struct edge_table **out, struct diag *d);
void edge_table_close(struct edge_table *t);
/* Log position from which hits must be folded again after open; topic names a partition ("collect/0"). */
uint64_t edge_table_position(struct edge_table *t, struct str topic);

/* A copy of the document in the arena; an absent one is empty with known = false. *version is for edge_table_store. */
enum err edge_table_load(struct edge_table *t, struct str key, int64_t now_ms, struct arena *a, struct edge_doc *out,
                         uint32_t *version, struct diag *d);
/* false: the version is another by now: load again and fold again. */
bool edge_table_store(struct edge_table *t, struct str key, const struct edge_doc *doc, uint32_t version,
                      struct arena *a);
void edge_table_remove(struct edge_table *t, struct str key);

/* Brackets the time between appending a hit and storing its documents. */
unsigned edge_table_enter(struct edge_table *t);
void edge_table_leave(struct edge_table *t, unsigned ticket);
/* Waits until all who are inside have left: what they appended is stored then. The thread that flushes. */
void edge_table_settle(struct edge_table *t);

/* Writes changed documents and the positions. log_end() is called first and must return the end of the log;
 * positions[0] is filled with it. ERR_BUSY: the disk is full; everything stays for the next flush. */
enum err edge_table_flush(struct edge_table *t, int64_t now_ms, struct kv_position *positions, size_t n,
                          uint64_t (*log_end)(void *ctx), void *ctx, struct diag *d);

#endif
