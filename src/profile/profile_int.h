/* profile_int.h - shared by the files of the profile store. Layout of rows: docs/formats/profile.md. */
#ifndef PROFILE_PROFILE_INT_H
#define PROFILE_PROFILE_INT_H

#include "codec/json.h"
#include "codec/pack.h"
#include "identity/graph.h"
#include "profile/profile_store.h"

#define PROFILE_CHUNK_EVENTS 32        /* recent events become a chunk at this many, */
#define PROFILE_CHUNK_BYTES (8 * 1024) /* or at this much text */
#define PROFILE_INDEX_CHUNKS 32        /* chunks per index row */

struct profile_cache {
    const struct json *merged; /* NULL: not computed */
};

/* Something that the merged view or the rules read has changed. */
void profile_touch(struct profile *p);
/* Entry of an audience, to be changed; NULL: none. */
struct profile_membership *profile_membership_at(const struct profile *p, uint32_t number);
/* Makes room for one more in an arena array; NULL: exhausted. */
void *profile_room(struct arena *a, void *items, size_t count, size_t *cap, size_t item_bytes);

struct profile_rowkey {
    char bytes[13];
};
struct str profile_chunk_key(struct profile_rowkey *key, uint64_t id, uint32_t number);

/* Events of one chunk, borrowed from a copy in the arena. */
enum err profile_chunk_read(struct kv *k, uint64_t id, uint32_t number, struct arena *a, struct profile_event **events,
                            size_t *n, struct diag *d);
enum err profile_chunk_write(struct kv *k, uint64_t id, uint32_t number, const struct profile_event *events, size_t n,
                             struct diag *d);
/* Appends events as the newest chunk of p, with their index entries; n > 0. */
enum err profile_chunk_append(struct kv *k, struct profile *p, const struct profile_event *events, size_t n,
                              struct diag *d);
/* Is the event among the recent or chunked ones? */
enum err profile_has_event(struct kv *k, const struct profile *p, struct str id, bool *has, struct diag *d);
/* Drops the oldest chunks while there are more than LIMIT_PROFILE_EVENTS events. */
enum err profile_trim_events(struct kv *k, struct profile *p, struct diag *d);
/* Deletes document, chunks and index of a profile. */
enum err profile_delete_rows(struct kv *k, const struct profile *p, struct diag *d);

void profile_event_pack(struct buf *b, const struct profile_event *e);
struct profile_event profile_event_unpack(struct unpack *u);

#endif
