/* csv.c - see csv.h.
 *
 * A row is read in two steps: scan() finds where its fields begin and end without changing anything, so that a row
 * whose end is not in the window yet costs nothing but the scan; then escapes are taken out of the fields that have
 * some. Between the steps a field's str still includes its quotes, which is how the second step knows. */
#include "codec/csv.h"

#include <stdlib.h>

#include "base/limits.h"

void
csv_init(struct csv *c, struct csv_format format)
{
    *c = (struct csv){.format = format, .priv_next_line = 1};
    buf_init(&c->priv_text, LIMIT_UPLOAD_ROW_BYTES);
}

void
csv_deinit(struct csv *c)
{
    free(c->fields);
    c->fields = NULL;
    buf_deinit(&c->priv_text);
}

enum err
csv_format_check(struct csv_format f, struct diag *d)
{
    const char *named = f.delimiter == '\r' || f.delimiter == '\n' || f.delimiter == '\0' ? "delimiter"
                        : f.quote == '\r' || f.quote == '\n' || f.quote == '\0'           ? "quote"
                        : f.escape == '\r' || f.escape == '\n' || f.escape == '\0'        ? "escape"
                                                                                          : NULL;

    if (named != NULL)
        return diag_set(d, ERR_INVALID, "the CSV %s must not be a line end or NUL", named);
    if (f.delimiter == f.quote || f.delimiter == f.escape)
        return diag_set(d, ERR_INVALID, "the CSV delimiter must differ from quote and escape");
    return ERR_OK;
}

static enum csv_result
bad(struct csv *c, struct diag *d, enum err code, const char *what)
{
    (void)diag_set(d, code, "row %llu, column %zu: %s", (unsigned long long)c->row, c->count + 1, what);
    return CSV_BAD;
}

/* Keeps the place of one more field. */
static enum csv_result
add_field(struct csv *c, const char *from, const char *to, struct diag *d)
{
    if (c->count == c->priv_room) {
        size_t room = c->priv_room == 0 ? 64 : c->priv_room * 2;
        struct str *fields;
        if (c->count >= LIMIT_CSV_COLUMNS)
            return bad(c, d, ERR_LIMIT, "too many columns");
        fields = realloc(c->fields, room * sizeof *fields);
        if (fields == NULL)
            return bad(c, d, ERR_NOMEM, "no memory");
        c->fields = fields;
        c->priv_room = room;
    }
    if (c->count >= LIMIT_CSV_COLUMNS)
        return bad(c, d, ERR_LIMIT, "too many columns");
    c->fields[c->count++] = (struct str){from, (size_t)(to - from)};
    return CSV_ROW;
}

/* Where the quoted field that begins at p ends: behind its closing quote. NULL: the window ends before (or on a byte
 * that can only be judged with the next one). */
static const char *
quoted_end(const struct csv *c, const char *p, const char *end, bool final)
{
    char quote = c->format.quote, escape = c->format.escape;

    for (p++; p < end; p++) {
        if (*p == escape && escape != quote) {
            if (++p == end)
                return NULL;
            continue;
        }
        if (*p != quote)
            continue;
        if (p + 1 == end)
            return final ? p + 1 : NULL;
        if (escape != quote || p[1] != quote)
            return p + 1;
        p++;
    }
    return NULL;
}

static const char *
plain_end(const struct csv *c, const char *p, const char *end)
{
    char delimiter = c->format.delimiter;

    while (p < end && *p != delimiter && *p != '\n')
        p++;
    return p;
}

/* A malformed row ends with the line in which the fault was seen, which has to be in the window first. */
static enum csv_result
give_up(const char *from, const char *at, const char *end, bool final, size_t *used)
{
    const char *line = memchr(at, '\n', (size_t)(end - at));

    if (line == NULL && !final)
        return CSV_MORE;
    *used = (size_t)((line == NULL ? end : line + 1) - from);
    return CSV_BAD;
}

/* Fields keep their quotes here. */
static enum csv_result
scan(struct csv *c, const char *begin, const char *end, bool final, size_t *used, struct diag *d)
{
    const char *p = begin, *q, *text_end;
    enum csv_result r;

    for (;;) {
        bool quoted = p < end && *p == c->format.quote;
        q = quoted ? quoted_end(c, p, end, final) : plain_end(c, p, end);
        if (q == NULL && !final)
            return CSV_MORE;
        if (q == NULL) {
            (void)bad(c, d, ERR_INVALID, "a quoted field does not end");
            return give_up(begin, p, end, final, used);
        }
        if (q == end && !final)
            return CSV_MORE;
        if (quoted && q < end && *q == '\r' && q + 1 == end && !final)
            return CSV_MORE;
        text_end = q;
        if (quoted && q < end && *q == '\r' && q + 1 < end && q[1] == '\n')
            q++;
        else if (quoted && q < end && *q == '\r' && q + 1 == end)
            q++;
        else if (!quoted && text_end > p && text_end[-1] == '\r' && (q == end || *q == '\n'))
            text_end--;
        if (quoted && q < end && *q != c->format.delimiter && *q != '\n') {
            (void)bad(c, d, ERR_INVALID, "text after the closing quote");
            return give_up(begin, q, end, final, used);
        }
        r = add_field(c, p, text_end, d);
        if (r != CSV_ROW)
            return give_up(begin, q, end, final, used);
        if (q == end || *q == '\n') {
            *used = (size_t)((q == end ? q : q + 1) - begin);
            return CSV_ROW;
        }
        p = q + 1;
    }
}

/* A quoted field without its quotes and escapes. */
static struct str
unquote(struct csv *c, struct str field)
{
    char quote = c->format.quote, escape = c->format.escape;
    struct str in = str_slice(field, 1, field.n - 1);
    size_t start = c->priv_text.n;

    if (memchr(in.p, escape, in.n) == NULL)
        return in;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == escape && i + 1 < in.n && (in.p[i + 1] == quote || in.p[i + 1] == escape))
            i++;
        buf_putc(&c->priv_text, in.p[i]);
    }
    return (struct str){c->priv_text.p + start, c->priv_text.n - start};
}

/* Room is made once for all of them, so that no field moves under another's feet. */
static bool
unquote_all(struct csv *c)
{
    size_t quoted = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (c->fields[i].n > 0 && c->fields[i].p[0] == c->format.quote)
            quoted += c->fields[i].n;
    }
    if (quoted == 0)
        return true;
    buf_clear(&c->priv_text);
    if (buf_grow(&c->priv_text, quoted) == NULL)
        return false;
    for (size_t i = 0; i < c->count; i++) {
        if (c->fields[i].n > 0 && c->fields[i].p[0] == c->format.quote)
            c->fields[i] = unquote(c, c->fields[i]);
    }
    return true;
}

/* Line ends in the row, for messages about later rows. */
static uint64_t
count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;

    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    return lines;
}

enum csv_result
csv_next(struct csv *c, struct str window, bool final, size_t *used, struct diag *d)
{
    const char *begin = window.p, *end = window.p + window.n;
    size_t skipped = 0;
    enum csv_result r;

    *used = 0;
    while (begin < end && (*begin == '\n' || (*begin == '\r' && begin + 1 < end && begin[1] == '\n'))) {
        begin += *begin == '\r' ? 2 : 1;
        skipped++;
    }
    if (begin == end || (*begin == '\r' && begin + 1 == end))
        return final ? CSV_END : CSV_MORE;
    c->count = 0;
    c->row++;
    r = scan(c, begin, end, final, used, d);
    if (r == CSV_MORE) {
        c->row--;
        *used = 0;
        return r;
    }
    if (r == CSV_ROW && !unquote_all(c))
        r = bad(c, d, ERR_LIMIT, "the row is too long");
    c->line = c->priv_next_line + skipped;
    c->priv_next_line = c->line + count_lines(begin, *used);
    *used += (size_t)(begin - window.p);
    return r;
}
