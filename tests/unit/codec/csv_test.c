/* csv.h against RFC 4180: golden rows, malformed ones, limits, and every way of cutting the file into windows. */
#include "codec/csv.h"

#include "base/limits.h"
#include "t.h"

/* All rows of the text as "a|b;c;" with bad rows as "!"; the window grows by `step` bytes at a time. */
static struct str
read_all(struct t *t, struct str text, struct csv_format format, size_t step)
{
    struct csv c;
    struct buf out;
    size_t at = 0, end = step < text.n ? step : text.n, used;
    struct str result;

    csv_init(&c, format);
    buf_init(&out, 1 << 20);
    for (;;) {
        struct diag d = DIAG_INIT;
        enum csv_result r = csv_next(&c, str_slice(text, at, end), end == text.n, &used, &d);
        CHECK_TRUE(at + used <= end);
        if (r == CSV_END)
            break;
        if (r == CSV_MORE) {
            CHECK_TRUE(end < text.n);
            CHECK_EQ(used, 0);
            end = end + step < text.n ? end + step : text.n;
            continue;
        }
        CHECK_TRUE(used > 0);
        if (r == CSV_BAD)
            buf_put(&out, S("!;"));
        for (size_t i = 0; r == CSV_ROW && i < c.count; i++) {
            buf_put(&out, c.fields[i]);
            buf_putc(&out, i + 1 < c.count ? '|' : ';');
        }
        at += used;
    }
    result = arena_str(t->arena, buf_str(&out));
    buf_deinit(&out);
    csv_deinit(&c);
    return result;
}

TEST(csv_golden)
{
    static const struct {
        struct str in, out;
    } cases[] = {
        {S(""), S("")},
        {S("a,b\nc,d\n"), S("a|b;c|d;")},
        {S("a,b\r\nc,d"), S("a|b;c|d;")},
        {S("a,,b\n,\n"), S("a||b;|;")},
        {S("\n\r\n\na\n\n"), S("a;")},
        {S("\"a,b\",\"c\nd\"\n"), S("a,b|c\nd;")},
        {S("\"say \"\"hi\"\"\",x\n"), S("say \"hi\"|x;")},
        {S("\"\",\"\"\r\n"), S("|;")},
        {S("\"a\"\r\n\"b\"\r"), S("a;b;")},
        {S("5\" pipe,x\n"), S("5\" pipe|x;")},
        {S("a\rb,c\n"), S("a\rb|c;")},
        {S("\"\"\"\"\n"), S("\";")},
        {S("\"a\" ,b\nc,d\n"), S("!;c|d;")},
        {S("x\n\"open,1\ny\n"), S("x;!;y;")},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step <= 40; step += step < 8 ? 1 : 16)
            CHECK_STR(read_all(t, cases[i].in, CSV_RFC4180, step), cases[i].out);
    }
}

TEST(csv_other_formats)
{
    struct csv_format tabs = {'\t', '\'', '\\'};

    CHECK_STR(read_all(t, S("a\t'b\\'c\td'\te,f\n"), tabs, 3), S("a|b'c\td|e,f;"));
    CHECK_STR(read_all(t, S("'a\\\\'\t'\\n'\n"), tabs, 2), S("a\\|\\n;"));
    CHECK_OK(csv_format_check(tabs, d));
    CHECK_ERR(csv_format_check((struct csv_format){'"', '"', '"'}, d), ERR_INVALID);
    CHECK_ERR(csv_format_check((struct csv_format){'\n', '"', '"'}, d), ERR_INVALID);
    CHECK_ERR(csv_format_check((struct csv_format){',', '\0', '"'}, d), ERR_INVALID);
    CHECK_ERR(csv_format_check((struct csv_format){',', '"', ','}, d), ERR_INVALID);
}

TEST(csv_errors_name_row_and_column)
{
    struct csv c;
    struct diag d = DIAG_INIT;
    struct str text = S("h1,h2\n\n\"a\nb\",c\nx,\"y\"z\nlast,row\n");
    size_t used;

    csv_init(&c, CSV_RFC4180);
    CHECK_EQ(csv_next(&c, text, true, &used, &d), CSV_ROW);
    text = str_slice(text, used, text.n);
    CHECK_EQ(csv_next(&c, text, true, &used, &d), CSV_ROW);
    CHECK_EQ(c.line, 3);
    text = str_slice(text, used, text.n);
    CHECK_EQ(csv_next(&c, text, true, &used, &d), CSV_BAD);
    CHECK_EQ(c.line, 5);
    CHECK_EQ(d.code, ERR_INVALID);
    CHECK_STR(str_of(d.what), S("row 3, column 2: text after the closing quote"));
    text = str_slice(text, used, text.n);
    CHECK_EQ(csv_next(&c, text, true, &used, &d), CSV_ROW);
    CHECK_STR(c.fields[0], S("last"));
    CHECK_EQ(c.line, 6);
    csv_deinit(&c);
}

TEST(csv_column_limit)
{
    for (size_t columns = LIMIT_CSV_COLUMNS; columns <= LIMIT_CSV_COLUMNS + 1; columns++) {
        char *text = arena_alloc(t->arena, columns);
        struct csv c;
        struct diag d = DIAG_INIT;
        size_t used;
        enum csv_result r;

        memset(text, ',', columns);
        text[columns - 1] = '\n';
        csv_init(&c, CSV_RFC4180);
        r = csv_next(&c, (struct str){text, columns}, true, &used, &d);
        CHECK_EQ(used, columns);
        CHECK_EQ(r, columns <= LIMIT_CSV_COLUMNS ? CSV_ROW : CSV_BAD);
        if (r == CSV_BAD)
            CHECK_EQ(d.code, ERR_LIMIT);
        csv_deinit(&c);
    }
}

/* Random tables, written by the plainest writer, come back whatever the window. */
TEST(csv_round_trip)
{
    static const char letters[] = "ab,\"\r\n\t\\ x";

    for (int n = 0; n < 300; n++) {
        struct buf text, expected;

        buf_init(&text, 1 << 20);
        buf_init(&expected, 1 << 20);
        for (uint64_t rows = rng_below(&t->rng, 5); rows > 0; rows--) {
            uint64_t columns = 1 + rng_below(&t->rng, 4);
            for (uint64_t i = 0; i < columns; i++) {
                buf_putc(&text, '"');
                for (uint64_t k = rng_below(&t->rng, 6); k > 0; k--) {
                    char ch = letters[rng_below(&t->rng, sizeof letters - 1)];
                    if (ch == '"')
                        buf_putc(&text, '"');
                    buf_putc(&text, ch);
                    buf_putc(&expected, ch);
                }
                buf_putc(&text, '"');
                buf_putc(&expected, i + 1 < columns ? '|' : ';');
                if (i + 1 < columns)
                    buf_putc(&text, ',');
            }
            buf_put(&text, rng_below(&t->rng, 2) ? S("\r\n") : S("\n"));
        }
        CHECK_STR(read_all(t, buf_str(&text), CSV_RFC4180, 1 + rng_below(&t->rng, 20)), buf_str(&expected));
        buf_deinit(&text);
        buf_deinit(&expected);
    }
}
