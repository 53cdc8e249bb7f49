/* t.h - the test harness: TEST(name) { ... } registers itself; the program runs all, or those whose name contains its
 * first argument, and ends with "N passed, M failed".
 *
 * Each test gets t->arena (unlimited), t->dir (a fresh folder, removed afterwards), t->rng seeded with t->seed (printed
 * when the test fails; EDGEWISE_SEED repeats it). CHECK_* print both values and leave the test. */
#ifndef TESTS_T_H
#define TESTS_T_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/rng.h"
#include "base/str.h"

struct t {
    struct arena *arena;
    const char *dir;
    uint64_t seed;
    struct rng rng;
    jmp_buf leave;
};

struct t_case {
    const char *name;
    void (*run)(struct t *t);
    struct t_case *next;
};

void t_register(struct t_case *c);
_Noreturn void t_fail(struct t *t, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Whole file below tests/, in the arena. */
struct str t_read(struct t *t, const char *path);
/* Where that file is. */
const char *t_path(struct t *t, const char *path);

#define TEST(name)                                                                                                     \
    static void test_##name(struct t *t);                                                                              \
    __attribute__((constructor)) static void register_##name(void)                                                     \
    {                                                                                                                  \
        static struct t_case c = {#name, test_##name, NULL};                                                           \
        t_register(&c);                                                                                                \
    }                                                                                                                  \
    static void test_##name(struct t *t)

#define CHECK_TRUE(x) ((x) ? (void)0 : t_fail(t, __FILE__, __LINE__, "not true: %s", #x))
#define CHECK_EQ(a, b)                                                                                                 \
    do {                                                                                                               \
        long long a_ = (long long)(a), b_ = (long long)(b);                                                            \
        if (a_ != b_)                                                                                                  \
            t_fail(t, __FILE__, __LINE__, "%s is %lld, expected %s = %lld", #a, a_, #b, b_);                           \
    } while (0)
#define CHECK_STR(a, b)                                                                                                \
    do {                                                                                                               \
        struct str a_ = (a), b_ = (b);                                                                                 \
        if (!str_eq(a_, b_))                                                                                           \
            t_fail(t, __FILE__, __LINE__, "%s is\n    '%.*s', expected\n    '%.*s'", #a, STR_ARG(a_), STR_ARG(b_));    \
    } while (0)
/* A call that takes &d and must succeed. */
#define CHECK_OK(call)                                                                                                 \
    do {                                                                                                               \
        struct diag d_ = DIAG_INIT, *d = &d_;                                                                          \
        enum err rc_ = (call);                                                                                         \
        if (rc_ != ERR_OK)                                                                                             \
            t_fail(t, __FILE__, __LINE__, "%s: %s: %s", #call, err_name(rc_), d->what);                                \
    } while (0)
/* A call that takes &d and must fail with this code; the message stays in t_diag. */
#define CHECK_ERR(call, code_)                                                                                         \
    do {                                                                                                               \
        struct diag *d = &t_diag;                                                                                      \
        enum err rc_;                                                                                                  \
        t_diag = DIAG_INIT;                                                                                            \
        rc_ = (call);                                                                                                  \
        if (rc_ != (code_))                                                                                            \
            t_fail(t, __FILE__, __LINE__, "%s: %s (%s), expected %s", #call, err_name(rc_), d->what, err_name(code_)); \
    } while (0)
extern struct diag t_diag;

#endif
