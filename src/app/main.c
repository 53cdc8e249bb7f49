/* main.c - the command line: finds the subcommand, or says what there is. */
#include "app/app.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"serve", cmd_serve, "run the server"},
    {"demo", cmd_demo, "load the Northpeak demo into a running server: edgewise demo load"},
    {"audience", cmd_audience, "members of an audience: why, how many, what an edit changes, what was, from a file"},
    {"target", cmd_target, "activities from elsewhere: edgewise target import rules.json"},
    {"pql", cmd_pql, "evaluate, convert or test expressions: edgewise pql eval --expr TEXT"},
    {"log", cmd_log, "print a topic as JSON lines: edgewise log dump TOPIC"},
    {"check-config", cmd_check_config, "check settings without starting anything"},
};

static void
usage(FILE *out)
{
    fprintf(out, "Edgewise: a real-time customer data platform and personalization edge in one binary.\n\n"
                 "usage: edgewise COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nedgewise COMMAND --help says more.\n");
}

/* Memory goes back to the kernel late and comes from it in large pieces: profiles come and go in the table all the
 * time, and a page that returns costs a fault. One heap for all threads: further heaps of glibc grow by one page at a
 * time, with a system call that waits for every page fault of the process (2 to 3 ms, measured); what a request
 * allocates is small and comes from its thread's own cache. */
static void
tune_heap(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20); /* refused: slower, no more */
    (void)mallopt(M_TOP_PAD, 4 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

bool
wants_help(int argc, char **argv)
{
    return (argc > 1 && strcmp(argv[1], "--help") == 0) || (argc == 3 && strcmp(argv[2], "--help") == 0);
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    tune_heap();

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (name[0] != '\0')
        fprintf(stderr, "edgewise: unknown command '%s'\n\n", name);
    usage(stderr);
    return 2;
}
