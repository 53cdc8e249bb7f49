/* edge_dedupe.c - request ids of the last ten minutes, so that a retry after a lost answer records nothing twice
 * [EDGE 1.8, C-21].
 *
 * A fixed table of 64-bit hashes with their times, in 64 stripes of small sets: the oldest of a set makes room. A false
 * match needs two requests with equal hashes within ten minutes (1 in 10^13 at a million requests). What is forgotten
 * by a restart is recognised by the event's id, which is made from the request id. */
#include <stdatomic.h>

#include "base/check.h"
#include "base/limits.h"
#include "edge/edge_int.h"

#define WAYS 8u
#define STRIPES 64u

struct seen {
    uint64_t hash;
    int64_t ms;
};

struct edge_dedupe {
    struct os_mutex lock[STRIPES];
    size_t set_count;
    struct seen *table; /* set_count sets of WAYS */
};

struct edge_dedupe *
edge_dedupe_new(size_t requests_max)
{
    struct edge_dedupe *s = calloc(1, sizeof *s);

    CHECK(requests_max >= WAYS);
    if (s == NULL)
        return NULL;
    s->set_count = requests_max / WAYS;
    s->table = calloc(s->set_count * WAYS, sizeof *s->table); /* pages come with use: an idle server pays nothing */
    if (s->table == NULL) {
        free(s);
        return NULL;
    }
    for (unsigned i = 0; i < STRIPES; i++)
        os_mutex_init(&s->lock[i]);
    return s;
}

void
edge_dedupe_free(struct edge_dedupe *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < STRIPES; i++)
        os_mutex_deinit(&s->lock[i]);
    free(s->table);
    free(s);
}

static uint64_t
hash_of(struct str datastream, struct str request_id, size_t index)
{
    return hash_bytes(request_id, hash_bytes(datastream, index + 1)) | 1;
}

bool
edge_dedupe_seen(struct edge_dedupe *s, struct str datastream, struct str request_id, size_t index, int64_t now_ms)
{
    uint64_t hash = hash_of(datastream, request_id, index);
    struct seen *set = &s->table[(hash >> 8) % s->set_count * WAYS], *oldest = set;
    struct os_mutex *lock = &s->lock[(hash >> 8) % s->set_count % STRIPES];
    bool found = false;

    os_lock(lock);
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].hash == hash && set[i].ms + LIMIT_DEDUPE_MS > now_ms)
            found = true;
        if (set[i].ms < oldest->ms)
            oldest = &set[i];
    }
    if (!found)
        *oldest = (struct seen){hash, now_ms};
    os_unlock(lock);
    return found;
}

void
edge_dedupe_forget(struct edge_dedupe *s, struct str datastream, struct str request_id, size_t index)
{
    uint64_t hash = hash_of(datastream, request_id, index);
    struct seen *set = &s->table[(hash >> 8) % s->set_count * WAYS];
    struct os_mutex *lock = &s->lock[(hash >> 8) % s->set_count % STRIPES];

    os_lock(lock);
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].hash == hash)
            set[i] = (struct seen){0};
    }
    os_unlock(lock);
}
