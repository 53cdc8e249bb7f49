/* cmd_conf.c - edgewise check-config: the settings as the server would see them, or what is wrong with them. */
#include "app/app.h"

int
cmd_check_config(int argc, char **argv)
{
    struct arena a;
    struct conf c;
    struct diag d = DIAG_INIT;
    struct buf text;
    enum err rc;

    arena_init(&a, 1024 * 1024);
    buf_init(&text, 256 * 1024);
    conf_defaults(&c);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--reference") == 0)) {
        if (strcmp(argv[1], "--help") == 0)
            printf("usage: edgewise check-config [--config FILE] [--SETTING VALUE]...\n"
                   "       edgewise check-config --reference    the table of settings for the documentation\n\n");
        conf_reference(&text, strcmp(argv[1], "--reference") == 0);
        fwrite(text.p, 1, text.n, stdout);
        rc = ERR_OK;
    } else {
        rc = conf_args(&c, os_posix(), &argc, argv, &a, &d);
        if (rc == ERR_OK && argc > 1)
            rc = diag_set(&d, ERR_INVALID, "unknown argument '%s'", argv[1]);
        if (rc == ERR_OK)
            rc = conf_check(&c, &d);
        if (rc == ERR_OK)
            printf("ok\n");
        else
            fprintf(stderr, "edgewise: %s\n", d.what);
    }
    buf_deinit(&text);
    arena_deinit(&a);
    return rc == ERR_OK ? 0 : 1;
}
