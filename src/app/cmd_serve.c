/* cmd_serve.c - edgewise serve: settings in, a server until a signal ends it. */
#include <signal.h>

#include "app/server.h"
#include "base/log.h"

static void
wait_for_signal(void)
{
    sigset_t set;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    (void)sigwait(&set, &got); /* only fails for an empty set */
    log_info("stopping", "signal=%d", got);
}

static int
usage(void)
{
    struct buf text;

    buf_init(&text, 256 * 1024);
    buf_put(&text, S("usage: edgewise serve [--config FILE] [--SETTING VALUE]...\n\n"));
    conf_reference(&text, false);
    fwrite(text.p, 1, text.n, stdout);
    buf_deinit(&text);
    return 0;
}

static enum log_level
level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int i = 0;

    while (i < 3 && strcmp(name, names[i]) != 0)
        i++;
    return (enum log_level)i;
}

int
cmd_serve(int argc, char **argv)
{
    struct server *s = NULL;
    struct conf conf;
    struct arena texts;
    struct diag d = DIAG_INIT;
    sigset_t blocked;
    enum err rc;

    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage();
    sigemptyset(&blocked); /* before any thread: they inherit it */
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGPIPE);
    sigaddset(&blocked, SIGXFSZ); /* a file that may not grow is a failed write, not the end */
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    arena_init(&texts, (size_t)1 << 20);
    conf_defaults(&conf);
    rc = conf_args(&conf, os_posix(), &argc, argv, &texts, &d);
    if (rc == ERR_OK && argc > 1)
        rc = diag_set(&d, ERR_INVALID, "unknown argument '%s': edgewise serve --help lists the settings", argv[1]);
    if (rc == ERR_OK)
        rc = conf_check(&conf, &d);
    log_set_level(level_of(conf.log_level));
    if (rc == ERR_OK)
        rc = server_open(&conf, &s, &d);
    if (rc == ERR_OK)
        wait_for_signal();
    else
        fprintf(stderr, "edgewise: %s\n", d.what);
    server_close(s);
    arena_deinit(&texts);
    return rc == ERR_OK ? 0 : 1;
}
