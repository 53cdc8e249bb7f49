/* t.c - see t.h. Tests run in the order of their names, in one process, so that sanitizers see them all. */
#include "t.h"

#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

struct diag t_diag;
static struct t_case *cases;

void
t_register(struct t_case *c)
{
    struct t_case **link = &cases;

    while (*link != NULL && strcmp((*link)->name, c->name) < 0)
        link = &(*link)->next;
    c->next = *link;
    *link = c;
}

_Noreturn void
t_fail(struct t *t, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "  %s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n  repeat with EDGEWISE_SEED=%llu\n", (unsigned long long)t->seed);
    longjmp(t->leave, 1);
}

const char *
t_path(struct t *t, const char *path)
{
    return arena_printf(t->arena, "%s/%s", TESTS_ROOT, path).p;
}

struct str
t_read(struct t *t, const char *path)
{
    struct str whole = S_NULL;
    struct diag d = DIAG_INIT;

    if (os_read_file(os_posix(), t_path(t, path), 64u << 20, t->arena, &whole, &d) != ERR_OK)
        t_fail(t, __FILE__, __LINE__, "%s", d.what);
    return whole;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static bool
run_one(const struct t_case *c, uint64_t seed)
{
    char dir[] = "/tmp/edgewise-test-XXXXXX";
    struct arena arena;
    struct t t = {.arena = &arena, .dir = mkdtemp(dir), .seed = seed};
    volatile bool passed = false;

    arena_init(&arena, SIZE_MAX / 2);
    rng_seed(&t.rng, seed);
    if (setjmp(t.leave) == 0) {
        c->run(&t);
        passed = true;
    }
    arena_deinit(&arena);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    printf("%s %s\n", passed ? "ok  " : "FAIL", c->name);
    fflush(stdout);
    return passed;
}

int
main(int argc, char **argv)
{
    const char *given = getenv("EDGEWISE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)getpid() * 2654435761u;
    int passed = 0, failed = 0;

    for (const struct t_case *c = cases; c != NULL; c = c->next) {
        if (argc > 1 && strstr(c->name, argv[1]) == NULL)
            continue;
        if (run_one(c, seed))
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
