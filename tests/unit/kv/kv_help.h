/* kv_help.h - a naive model of a table, and what the tests of this folder share. */
#ifndef TESTS_KV_KV_HELP_H
#define TESTS_KV_KV_HELP_H

#include "kv/kv.h"
#include "kv/kv_int.h"
#include "os/os_sim.h"
#include "t.h"

#define MODEL_KEYS 60
#define MODEL_VALUE_BYTES 300

/* What a table should hold: an array. */
struct model {
    struct model_entry {
        bool present;
        int64_t due_ms;
        size_t n;
        char value[MODEL_VALUE_BYTES];
    } entries[MODEL_KEYS];
    uint64_t position;
};

struct str key_of(size_t i); /* static, a few at a time */

void open_kv(struct t *t, struct kv **k, struct os *os, uint64_t segment_bytes);
/* A random put or delete on both. */
void change(struct t *t, struct kv *k, struct model *m, struct rng *r);
/* Everything observable is equal. */
void check_equal(struct t *t, struct kv *k, const struct model *m);
bool equals(struct t *t, struct kv *k, const struct model *m);

struct str kv_file(struct t *t, const char *name);
const char *kv_file_path(struct t *t, const char *name);

#endif
