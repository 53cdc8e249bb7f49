/* log_test.c - the form of a line, and how many a second are written. */
#include "base/log.h"

#include <unistd.h>

#include "base/limits.h"
#include "t.h"

static int64_t now_ms;

static int64_t
clock_ms(void *ctx)
{
    (void)ctx;
    return now_ms;
}

struct capture {
    int saved;
    FILE *file;
};

static struct capture
capture_begin(struct t *t)
{
    struct capture c = {.saved = dup(STDERR_FILENO), .file = tmpfile()};

    CHECK_TRUE(c.saved >= 0 && c.file != NULL);
    (void)fflush(stderr);
    CHECK_TRUE(dup2(fileno(c.file), STDERR_FILENO) >= 0);
    return c;
}

/* What was written to stderr since. */
static struct str
capture_end(struct t *t, struct capture *c)
{
    char *text = arena_alloc(t->arena, 1 << 20);
    size_t n;

    (void)fflush(stderr);
    (void)dup2(c->saved, STDERR_FILENO); /* it was open a moment ago */
    (void)close(c->saved);
    rewind(c->file);
    n = fread(text, 1, 1 << 20, c->file);
    (void)fclose(c->file);
    return (struct str){text, n};
}

static size_t
lines_of(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

TEST(log_line_form)
{
    struct capture c = capture_begin(t);

    now_ms = INT64_C(1767225600123);
    log_set_clock(clock_ms, NULL);
    log_info("server_ready", "listen=%s", "127.0.0.1:8080");
    log_debug("dropped", "by=level");
    log_set_clock(NULL, NULL);
    log_warn("untimed", "a=%d", 1);
    CHECK_STR(capture_end(t, &c),
              S("2026-01-01T00:00:00.123Z info server_ready listen=127.0.0.1:8080\nwarn untimed a=1\n"));
}

/* A line that is longer than its room is cut, and still one line. */
TEST(log_long_line_is_cut)
{
    struct capture c = capture_begin(t);
    struct str text;

    log_info("long", "text=%05000d", 1);
    text = capture_end(t, &c);
    CHECK_EQ(text.n, 1023);
    CHECK_EQ(lines_of(text), 1);
    CHECK_EQ(text.p[text.n - 1], '\n');
}

/* LIMIT_LOG_LINES_PER_SECOND: at it all are written; past it the rest are counted, and said in the next second. */
TEST(log_lines_per_second_limit)
{
    struct capture c = capture_begin(t);
    struct str text;

    log_set_clock(clock_ms, NULL);
    now_ms = INT64_C(1767225610000);
    for (int i = 0; i < LIMIT_LOG_LINES_PER_SECOND; i++)
        log_info("line", "i=%d", i);
    now_ms += 999;
    log_info("past", "it=1");
    log_error("past", "it=2");
    now_ms += 1;
    log_info("next", "second=1");
    log_set_clock(NULL, NULL);
    text = capture_end(t, &c);
    CHECK_EQ(lines_of(text), LIMIT_LOG_LINES_PER_SECOND + 2);
    CHECK_TRUE(str_find(text, S("past")) < 0);
    CHECK_TRUE(str_ends(text, S("warn log_lines_dropped count=2\n2026-01-01T00:00:11.000Z info next second=1\n")));
}
