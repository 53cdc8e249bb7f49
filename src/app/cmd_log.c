/* cmd_log.c - edgewise log dump: the records of a topic partition as JSON lines, while the server runs or not. */
#include "app/app.h"
#include "codec/json_writer.h"
#include "pipeline/pipeline.h"

static int
usage(FILE *out)
{
    fprintf(out,
            "usage: edgewise log dump TOPIC [--partition N] [--from OFFSET] [--data DIR]\n\n"
            "Prints one JSON object a record: offset, time, cause, key, value. Topics: config, collect, membership,\n"
            "projection.<region>. It reads the files and never writes; a running server is not disturbed.\n");
    return out == stdout ? 0 : 2;
}

/* Values are JSON texts; anything else is shown as a string. */
static void
print_record(const struct record *r, struct arena *a, struct buf *line)
{
    const struct json *value = NULL;
    struct jw w;

    buf_clear(line);
    w = jw_to(line);
    jw_object(&w);
    jw_key(&w, S("offset"));
    jw_u64(&w, r->offset);
    jw_ktime(&w, S("time"), r->time_ms);
    if (r->cause != 0) {
        jw_key(&w, S("cause"));
        jw_u64(&w, r->cause);
    }
    jw_kstr(&w, S("key"), r->key);
    jw_key(&w, S("value"));
    if (r->value.p == NULL)
        jw_null(&w);
    else if (json_parse(r->value, a, &value, NULL) == ERR_OK)
        jw_raw(&w, r->value);
    else
        jw_str(&w, r->value);
    jw_end(&w);
    buf_putc(line, '\n');
    fwrite(line->p, 1, line->n, stdout);
}

static enum err
dump(const char *dir, const char *name, unsigned partition, uint64_t from, struct diag *d)
{
    struct pipeline_options po = {.os = os_posix(), .dir = dir};
    struct topic_options to = {.name = name, .partition = partition};
    struct pipeline *p = NULL;
    struct topic *t;
    struct consumer *c = NULL;
    struct arena a;
    struct buf line;
    bool got = true;
    enum err rc = pipeline_open(&po, &p, d);

    arena_init(&a, (size_t)64 << 20);
    buf_init(&line, (size_t)64 << 20);
    if (rc == ERR_OK)
        rc = pipeline_topic(p, &to, &t, d);
    if (rc == ERR_OK)
        rc = consumer_open(t, from, &c, d);
    while (rc == ERR_OK && got) {
        struct record r;
        arena_reset(&a);
        rc = consumer_poll(c, 0, &r, &got, d);
        if (rc == ERR_OK && got)
            print_record(&r, &a, &line);
    }
    consumer_close(c);
    pipeline_close(p);
    buf_deinit(&line);
    arena_deinit(&a);
    return rc;
}

int
cmd_log(int argc, char **argv)
{
    const char *data = "data";
    int64_t partition = 0, from = 0;
    char dir[4096];
    struct diag d = DIAG_INIT;

    if (wants_help(argc, argv))
        return usage(stdout);
    if (argc < 3 || strcmp(argv[1], "dump") != 0)
        return usage(stderr);
    for (int i = 3; i < argc; i += 2) {
        struct str value = str_of(i + 1 < argc ? argv[i + 1] : "");
        if (strcmp(argv[i], "--data") == 0 && value.n > 0)
            data = argv[i + 1];
        else if (!(strcmp(argv[i], "--partition") == 0 && str_to_i64(value, &partition) && partition >= 0) &&
                 !(strcmp(argv[i], "--from") == 0 && str_to_i64(value, &from) && from >= 0))
            return usage(stderr);
    }
    (void)snprintf(dir, sizeof dir, "%s/log", data);
    if (dump(dir, argv[2], (unsigned)partition, (uint64_t)from, &d) != ERR_OK) {
        fprintf(stderr, "edgewise: %s\n", d.what);
        return 1;
    }
    return 0;
}
