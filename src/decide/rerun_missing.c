/* rerun_missing.c - what keeps a decision from being made again, by name. */
#include "decide/rerun.h"

const char *
rerun_missing_name(enum rerun_missing missing)
{
    static const char *const names[] = {"exact",   "history", "request", "audiences", "attributes",
                                        "headers", "scripts", "sample",  "refused"};
    _Static_assert(sizeof names / sizeof *names == RERUN__COUNT, "a name each");

    return names[missing];
}
