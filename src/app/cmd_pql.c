/* cmd_pql.c - edgewise pql: evaluates an expression on a profile, converts it between its two forms, runs vectors. It
 * needs no server and no data folder: for whoever writes an audience, and for whoever asks why one says what it says.
 */
#include <errno.h>

#include "app/app.h"
#include "base/civil.h"
#include "base/limits.h"
#include "pql/pql_cases.h"

#define PROFILE_BYTES_MAX (64u * 1024 * 1024) /* LIMIT_PROFILE_EVENTS events of the size that ingestion takes fit */
#define ARENA_BYTES ((size_t)2 << 30)

static int
usage(FILE *out)
{
    fprintf(out,
            "usage: edgewise pql eval (--expr TEXT | --file FILE) [--profile FILE] [--now TIME] [--from text|json]\n"
            "       edgewise pql convert --to json|text (--expr TEXT | --file FILE) [--from text|json]\n"
            "       edgewise pql test FILE\n\n"
            "eval prints what the expression yields, as JSON. FILE may be - for standard input. The profile is a JSON\n"
            "object with its events under xEvent, and empty by default; --now is an instant such as\n"
            "2025-03-12T14:30:00Z, by default the machine's time. --from json: the expression is pql/json. In a\n"
            "text, a line that begins with --> ends an expression, so that examples of docs/pql can be pasted.\n\n"
            "convert prints the other form, or with --from and --to alike the canonical layout.\n\n"
            "test runs a file of vectors through every evaluator:\n");
    for (size_t i = 0; i < pql_evaluator_count; i++)
        fprintf(out, "  %-12s %s\n", pql_evaluators[i].name, pql_evaluators[i].what);
    return out == stdout ? 0 : 2;
}

static int
complain(const char *what)
{
    fprintf(stderr, "edgewise: %s\n", what);
    return 1;
}

/* ---- arguments ---- */

struct arguments {
    const char *expr, *file, *profile, *now, *from, *to, *vectors;
};

/* false: something is unknown, missing, or said twice in two ways. */
static bool
read_arguments(int argc, char **argv, struct arguments *a)
{
    struct {
        const char *name;
        const char **value;
    } options[] = {{"--expr", &a->expr}, {"--file", &a->file}, {"--profile", &a->profile},
                   {"--now", &a->now},   {"--from", &a->from}, {"--to", &a->to}};

    for (int i = 2; i < argc; i++) {
        size_t k = 0;
        while (k < sizeof options / sizeof options[0] && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k < sizeof options / sizeof options[0] && i + 1 < argc)
            *options[k].value = argv[++i];
        else if (argv[i][0] != '-' && a->vectors == NULL)
            a->vectors = argv[i];
        else
            return false;
    }
    return true;
}

static bool
form_of(const char *word, enum pql_format otherwise, enum pql_format *out)
{
    *out = word == NULL ? otherwise : strcmp(word, "json") == 0 ? PQL_JSON : PQL_TEXT;
    return word == NULL || *out == PQL_JSON || strcmp(word, "text") == 0;
}

static enum err
read_stream(FILE *in, size_t bytes_max, struct arena *a, struct str *out, struct diag *d)
{
    struct buf b;
    char room[65536];
    size_t n;

    buf_init_in(&b, a, bytes_max);
    while ((n = fread(room, 1, sizeof room, in)) > 0)
        buf_put(&b, (struct str){room, n});
    if (ferror(in))
        return diag_set(d, ERR_IO, "standard input: %s", strerror(errno));
    if (!buf_ok(&b))
        return diag_set(d, ERR_LIMIT, "standard input has more than %zu bytes", bytes_max);
    *out = b.n > 0 ? buf_str(&b) : S("");
    return ERR_OK;
}

static enum err
read_input(const char *name, size_t bytes_max, struct arena *a, struct str *out, struct diag *d)
{
    if (strcmp(name, "-") == 0)
        return read_stream(stdin, bytes_max, a, out, d);
    return os_read_file(os_posix(), name, bytes_max, a, out, d);
}

/* A file's last line end is not part of the expression: positions past it would point nowhere. */
static enum err
read_expression(const struct arguments *args, struct arena *a, struct str *out, struct diag *d)
{
    enum err rc = ERR_OK;

    if (args->expr != NULL)
        *out = str_of(args->expr);
    else
        rc = read_input(args->file, LIMIT_PQL_JSON_BYTES, a, out, d);
    while (rc == ERR_OK && out->n > 0 && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
        out->n--;
    return rc;
}

/* ---- faults ---- */

#define SHOWN_BYTES 100 /* of a long line, around the fault */

static bool
is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* The line with the fault, and a caret under it. */
static void
show_place(struct str source, uint32_t pos)
{
    size_t at = pos < source.n ? pos : source.n, from = at, to = at;

    while (from > 0 && source.p[from - 1] != '\n' && at - from < SHOWN_BYTES / 2)
        from--;
    while (from < at && is_continuation(source.p[from]))
        from++;
    while (to < source.n && source.p[to] != '\n' && to - from < SHOWN_BYTES)
        to++;
    while (to < source.n && is_continuation(source.p[to]))
        to++;
    fprintf(stderr, "  ");
    for (size_t i = from; i < to; i++)
        fputc((unsigned char)source.p[i] < 0x20 ? ' ' : source.p[i], stderr);
    fprintf(stderr, "\n  ");
    for (size_t i = from; i < at; i++) {
        if (!is_continuation(source.p[i]))
            fputc(' ', stderr);
    }
    fprintf(stderr, "^\n");
}

static int
show_fault(struct str source, enum pql_error class, const struct diag *d)
{
    unsigned line, column;

    if (class == PQL_OK || d->pos == DIAG_NO_POS)
        return complain(d->what);
    pql_position(source, d->pos, &line, &column);
    fprintf(stderr, "error:%s line %u column %u: %s\n", pql_error_name(class), line, column, d->what);
    show_place(source, d->pos);
    if (d->path[0] != '\0')
        fprintf(stderr, "  at %s\n", d->path);
    if (d->hint[0] != '\0')
        fprintf(stderr, "  %s\n", d->hint);
    return 1;
}

/* ---- eval ---- */

static enum err
read_env(const struct arguments *args, struct arena *a, struct rule_env *env, struct diag *d)
{
    struct str text = S("{}");
    const struct json *profile = NULL;
    enum err rc = ERR_OK;

    env->now_ms = os_now_ms(os_posix());
    if (args->now != NULL && !iso8601_parse(str_of(args->now), &env->now_ms, NULL))
        return diag_set(d, ERR_INVALID, "--now must be an instant such as 2025-03-12T14:30:00Z, got '%s'", args->now);
    if (args->profile != NULL)
        rc = read_input(args->profile, PROFILE_BYTES_MAX, a, &text, d);
    if (rc == ERR_OK)
        rc = json_parse(text, a, &profile, d);
    if (rc != ERR_OK)
        return rc;
    if (!json_is(profile, JSON_OBJECT))
        return diag_set(d, ERR_INVALID, "the profile must be a JSON object, found %s",
                        json_type_name(json_type(profile)));
    env->profile = profile;
    env->events = pql_events_of(profile, a, &env->event_count);
    return env->events != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for the profile's events");
}

#define RESULT_LINE S("-->") /* says what an expression gives; no expression has such a line in it */

static size_t
line_bytes(struct str s)
{
    ptrdiff_t n = str_find_char(s, '\n');

    return n >= 0 ? (size_t)n + 1 : s.n;
}

/* What is left of *rest up to the next line with a result; false: nothing is left. */
static bool
next_expression(struct str *rest, struct str *out)
{
    size_t at = 0;

    while (rest->n > 0 && (rest->p[0] == '\n' || str_starts(*rest, S("\r\n")) || str_starts(*rest, RESULT_LINE)))
        *rest = str_slice(*rest, line_bytes(*rest), rest->n);
    while (at < rest->n && !str_starts(str_slice(*rest, at, rest->n), RESULT_LINE))
        at += line_bytes(str_slice(*rest, at, rest->n));
    *out = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at, rest->n);
    return out->n > 0;
}

static int
eval_one(struct str source, const struct pql_options *o, const struct rule_env *env, struct arena *a)
{
    struct rule *r = NULL;
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;
    struct value v;
    struct buf out;
    enum err rc;

    if (pql_compile_as(source, o, &r, &class, &d) != ERR_OK)
        return show_fault(source, class, &d);
    rc = rule_eval(r, env, a, &v, &d);
    if (rc == ERR_OK) {
        buf_init_in(&out, a, ARENA_BYTES);
        value_write(&out, v);
        buf_putc(&out, '\n');
        fwrite(out.p, 1, out.n, stdout);
    }
    rule_free(r);
    return rc == ERR_OK ? 0 : complain(d.what);
}

static int
eval(const struct arguments *args, struct arena *a)
{
    struct pql_options o = {0};
    struct rule_env env = {0};
    struct diag d = DIAG_INIT;
    struct str source = S(""), one;
    enum err rc = read_expression(args, a, &source, &d);
    int code = 0;

    if (!form_of(args->from, PQL_TEXT, &o.format))
        return usage(stderr);
    if (rc == ERR_OK)
        rc = read_env(args, a, &env, &d);
    if (rc != ERR_OK)
        return complain(d.what);
    if (o.format == PQL_JSON || source.n == 0)
        return eval_one(source, &o, &env, a);
    while (next_expression(&source, &one)) {
        if (eval_one(one, &o, &env, a) != 0)
            code = 1;
    }
    return code;
}

/* ---- convert ---- */

static int
convert(const struct arguments *args, struct arena *a)
{
    enum pql_format from, to;
    enum pql_error class = PQL_OK;
    struct diag d = DIAG_INIT;
    struct str source = S("");
    struct buf out;

    if (args->to == NULL || !form_of(args->to, PQL_JSON, &to) ||
        !form_of(args->from, to == PQL_JSON ? PQL_TEXT : PQL_JSON, &from))
        return usage(stderr);
    if (read_expression(args, a, &source, &d) != ERR_OK)
        return complain(d.what);
    buf_init_in(&out, a, LIMIT_PQL_JSON_BYTES + 1);
    if (pql_convert(source, from, to, &out, &class, &d) != ERR_OK)
        return show_fault(source, class, &d);
    buf_putc(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    return 0;
}

/* ---- test ---- */

enum { REASONS_MAX = 16 };

struct tally {
    unsigned passed, failed, unsupported;
    struct str reasons[REASONS_MAX];
    unsigned counts[REASONS_MAX];
};

static void
count_reason(struct tally *t, struct str why)
{
    size_t i = 0;

    while (i + 1 < REASONS_MAX && t->reasons[i].p != NULL && !str_eq(t->reasons[i], why))
        i++;
    t->reasons[i] = why; /* evaluators name a few; past the room the last stands for the rest */
    t->counts[i]++;
}

static void
run_one(const struct pql_evaluator *e, const struct json *vector, struct arena *a, struct tally *t)
{
    struct pql_outcome got = {.verdict = CASE_FAILED};
    struct diag d = DIAG_INIT;
    struct pql_case c = {0};

    if (pql_case_read(vector, a, &c, &d) == ERR_OK)
        got = e->run(&c, a);
    else
        got.why = str_of(d.what);
    t->passed += got.verdict == CASE_PASSED;
    t->failed += got.verdict == CASE_FAILED;
    t->unsupported += got.verdict == CASE_UNSUPPORTED;
    if (got.verdict == CASE_UNSUPPORTED)
        count_reason(t, got.why);
    if (got.verdict == CASE_FAILED)
        printf("FAIL %s %.*s: %.*s\n     got %.*s\n", e->name, STR_ARG(c.id),
               (int)(c.source.n > 200 ? 200 : c.source.n), c.source.n > 0 ? c.source.p : "",
               (int)(got.why.n > 200 ? 200 : got.why.n), got.why.p);
}

static void
run_evaluator(const struct pql_evaluator *e, const struct json *all, struct tally *total)
{
    struct json_iter it = json_iter(all);
    struct tally t = {0};
    struct arena a;

    arena_init(&a, ARENA_BYTES);
    while (json_next(&it)) {
        arena_reset(&a);
        run_one(e, it.value, &a, &t);
    }
    arena_deinit(&a);
    printf("%s: %u passed, %u failed, %u unsupported\n", e->name, t.passed, t.failed, t.unsupported);
    for (size_t i = 0; i < REASONS_MAX && t.counts[i] > 0; i++)
        printf("  %u: %.*s\n", t.counts[i], STR_ARG(t.reasons[i]));
    total->passed += t.passed;
    total->failed += t.failed;
}

static int
test(const struct arguments *args, struct arena *a)
{
    struct tally total = {0};
    const struct json *all = NULL;
    struct str text = S("");
    struct diag d = DIAG_INIT;

    if (read_input(args->vectors, PROFILE_BYTES_MAX, a, &text, &d) != ERR_OK || json_parse(text, a, &all, &d) != ERR_OK)
        return complain(d.what);
    if (!json_is(all, JSON_ARRAY))
        return complain("a file of vectors is a JSON array");
    for (size_t i = 0; i < pql_evaluator_count; i++)
        run_evaluator(&pql_evaluators[i], all, &total);
    printf("%u passed, %u failed\n", total.passed, total.failed);
    return total.failed > 0;
}

int
cmd_pql(int argc, char **argv)
{
    struct arguments args = {0};
    const char *what = argc > 1 ? argv[1] : "";
    bool one_expression, known = true;
    struct arena a;
    int rc = 2;

    if (wants_help(argc, argv))
        return usage(stdout);
    if (!read_arguments(argc, argv, &args))
        return usage(stderr);
    one_expression = (args.expr != NULL) != (args.file != NULL) && args.vectors == NULL;
    arena_init(&a, ARENA_BYTES);
    if (strcmp(what, "eval") == 0 && one_expression && args.to == NULL)
        rc = eval(&args, &a);
    else if (strcmp(what, "convert") == 0 && one_expression && args.profile == NULL && args.now == NULL)
        rc = convert(&args, &a);
    else if (strcmp(what, "test") == 0 && argc == 3 && args.vectors != NULL)
        rc = test(&args, &a);
    else
        known = false;
    arena_deinit(&a);
    return known ? rc : usage(stderr);
}
