/* cmd_target.c - edgewise target: what is done about activities from the command line. */
#include "app/cmd_target.h"

static int
usage(FILE *out)
{
    fprintf(
        out,
        "usage: edgewise target import FILE [--dry-run] [--server URL] [--data DIR]\n"
        "       edgewise target what-if FILE [--server URL] [--data DIR]\n\n"
        "Makes the activities of an on-device artifact (rules.json) activities of the running server, which then\n"
        "decides as the artifact does. Activities keep their numbers, because the hash contains them. Nothing is\n"
        "live before all is there; with --dry-run nothing is sent: the file is read and what would come is said.\n\n"
        "what-if decides the recorded requests of the running server again, as its activities are and as FILE says "
        "that\n"
        "they were, and tells who had got something else. FILE has the body of POST /{tenant}/target/what-if.\n");
    return out == stdout ? 0 : 2;
}

int
cmd_target(int argc, char **argv)
{
    struct target_import_options o = {.data = "data"};

    if (wants_help(argc, argv))
        return usage(stdout);
    if (argc < 3 || (strcmp(argv[1], "import") != 0 && strcmp(argv[1], "what-if") != 0) || argv[2][0] == '-')
        return usage(stderr);
    o.file = argv[2];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--dry-run") == 0 && strcmp(argv[1], "import") == 0)
            o.dry_run = true;
        else if (i + 1 < argc && strcmp(argv[i], "--data") == 0)
            o.data = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--server") == 0)
            o.server = argv[++i];
        else
            return usage(stderr);
    }
    return strcmp(argv[1], "import") == 0 ? target_import(&o) : target_what_if(&o);
}
