/* Any bytes as the file of an external audience, read twice, as a run reads it. The first byte chooses the fields. What
 * is read becomes hits that are readable again and name one person; what is not has a reason. */
#include <unistd.h>

#include "admin/admin_rows.h"
#include "base/check.h"
#include "base/limits.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1767225600000

static char path[] = "/tmp/edgewise-fuzz-XXXXXX";
static struct arena arena, kept;
static const struct json *fields[3];

static void
clean(void)
{
    (void)unlink(path); /* what is left is seen by who looks */
    arena_deinit(&arena);
    arena_deinit(&kept);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const texts[3] = {
        "[{\"name\":\"email\",\"type\":\"string\",\"identityNs\":\"Email\"}]",
        "[{\"name\":\"n\",\"type\":\"number\"},{\"name\":\"ecid\",\"type\":\"string\",\"identityNs\":\"ECID\"},"
        "{\"name\":\"when\",\"type\":\"datetime\"},{\"name\":\"day\",\"type\":\"date\"}]",
        "[{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"i\",\"type\":\"integer\"},{\"name\":\"b\",\"type\":"
        "\"boolean\"},"
        "{\"name\":\"id\",\"type\":\"integer\",\"identityNs\":\"CRMID\"},{\"name\":\"s\",\"type\":\"string\"}]"};
    struct diag d = DIAG_INIT;
    int fd = mkstemp(path);

    (void)argc;
    (void)argv;
    CHECK(fd >= 0);
    CHECK(close(fd) == 0);
    arena_init(&arena, 32u << 20);
    arena_init(&kept, 1u << 20);
    for (int i = 0; i < 3; i++)
        CHECK(json_parse(str_of(texts[i]), &kept, &fields[i], &d) == ERR_OK);
    CHECK(atexit(clean) == 0);
    return 0;
}

static void
write_file(const uint8_t *data, size_t n)
{
    struct diag d = DIAG_INIT;
    struct os_file *f = NULL;

    CHECK(os_open(os_posix(), path, OS_WRITE, &f, &d) == ERR_OK);
    CHECK(os_truncate(os_posix(), f, 0, &d) == ERR_OK);
    CHECK(n == 0 || os_pwrite(os_posix(), f, 0, data, n, &d) == ERR_OK);
    os_close(os_posix(), f);
}

static void
check_hit(const struct hit *h)
{
    struct diag d = DIAG_INIT;
    struct hit back;
    struct buf text;

    CHECK(h->kind == HIT_MEMBER && h->identities.n == 1 && identity_primary(&h->identities) != NULL);
    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    hit_write(&text, h);
    CHECK(buf_ok(&text));
    CHECK(hit_read(buf_str(&text), &arena, &back, &d) == ERR_OK);
    CHECK(back.kind == HIT_MEMBER && str_eq(back.audience, S("list")) && back.run == 7);
    CHECK(str_eq(hit_owner(&back)->id, hit_owner(h)->id) && json_is(back.xdm, JSON_OBJECT));
    buf_deinit(&text);
}

static uint64_t
read_rows(struct row_reader *r, struct row_source *s)
{
    uint64_t rows = 0;

    for (;;) {
        struct row_fault fault = {0};
        struct diag d = DIAG_INIT;
        struct hit hit;
        struct row row;
        enum row_result result;
        arena_reset(&arena);
        result = row_source_next(s, &arena, &row, &fault, &d);
        if (result == ROW_END)
            return rows;
        if (result == ROW_FAILED) {
            CHECK(d.code != ERR_OK);
            return rows;
        }
        rows++;
        if (result == ROW_READ && row_read(r, row.text, NOW, &arena, &hit, &fault) == ERR_OK)
            check_hit(&hit);
        else
            CHECK(fault.code != 0 && fault.message.p != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row_format format = {.shape = ROWS_CSV, .csv = CSV_RFC4180};
    struct diag d = DIAG_INIT;
    struct row_reader reader;
    struct row_source source;
    struct arena view;
    uint64_t rows[2] = {0};
    enum err rc = ERR_OK;

    if (size == 0)
        return 0;
    write_file(data + 1, size - 1);
    arena_init(&view, 1u << 20);
    CHECK(row_reader_init_external(&reader, S("o/s"), S("list"), fields[data[0] % 3], &view, &d) == ERR_OK);
    reader.run = 7;
    for (int pass = 0; pass < 2 && rc == ERR_OK; pass++) { /* a run reads its files twice, and finds the same */
        rc = row_source_open(&source, os_posix(), path, 0, format, reader.view, &d);
        if (rc == ERR_OK) {
            rows[pass] = read_rows(&reader, &source);
            row_source_close(&source);
        }
    }
    CHECK(rows[0] == rows[1]);
    row_reader_deinit(&reader);
    arena_deinit(&view);
    return 0;
}
