/* random_pql.h - random expressions of the kinds that audiences are made of: attributes, windows of events, sums,
 * chains, references to other audiences. */
#ifndef TESTS_UNIT_PQL_RANDOM_PQL_H
#define TESTS_UNIT_PQL_RANDOM_PQL_H

#include "base/arena.h"
#include "base/rng.h"

struct random_pql {
    struct rng rng;
    struct arena *a; /* where texts live */
};

/* A condition. It may name audiences a0 .. a<index - 1> and "ext" in inSegment. */
const char *random_pql_expression(struct random_pql *f, size_t index);

/* What it is made of, for whoever makes data to go with it. */
uint64_t random_below(struct random_pql *f, uint64_t n);
int random_number(struct random_pql *f, int n);
const char *random_fmt(struct random_pql *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *random_event_type(struct random_pql *f);
const char *random_sku(struct random_pql *f);
#define RANDOM_PICK(f, ...)                                                                                            \
    (((const char *const[]){                                                                                           \
        __VA_ARGS__})[random_below(f, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))])

#endif
