/* log_help.h - what the tests of this folder share. */
#ifndef TESTS_PIPELINE_LOG_HELP_H
#define TESTS_PIPELINE_LOG_HELP_H

#include "os/os_sim.h"
#include "pipeline/pipeline.h"
#include "t.h"

struct fixture {
    struct os *os;
    struct pipeline *p;
    struct topic *topic;
    uint64_t segment_bytes;
    bool compacted;
    int64_t history_ms;
    unsigned (*revisions)(struct str key);
    int64_t retention_ms;
    uint32_t ring_bytes;
    uint64_t sync_interval_us; /* 0: 1000 */
};

void open_log(struct t *t, struct fixture *f);
enum err try_open_log(struct t *t, struct fixture *f, struct diag *d);
void close_log(struct fixture *f);

uint64_t append(struct t *t, struct topic *topic, const char *key, const char *value, int64_t time_ms);
/* Value number i, of a size that depends on i. */
struct str value_of(struct t *t, uint64_t i);

/* Reads everything from `offset` on and checks that offsets follow each other without gaps; returns how many. */
uint64_t count_from(struct t *t, struct topic *topic, uint64_t offset);

/* Bytes of the only segment file that begins at base. */
char *log_path(struct t *t, uint64_t base);
struct str file_bytes(struct t *t, const char *path);
void put_file(struct t *t, const char *path, struct str bytes);

#endif
