/* admin_row_source.c - an uploaded file as a sequence of rows. See admin_rows.h.
 *
 * The file is read through a window of LIMIT_UPLOAD_ROW_BYTES, so its size costs no memory. Splitters look at a window
 * and say where the next row ends in it, or that they need more; a row that does not fit an empty window is too long.
 * Lines can be skipped then; in the other shapes nobody knows where the next row begins, and the file ends there. */
#include <stdlib.h>

#include "admin/admin_rows.h"
#include "base/limits.h"
#include "codec/json_writer.h"

#define WINDOW_BYTES LIMIT_UPLOAD_ROW_BYTES

/* ---- JSON values in a text ---- */

static bool
blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* End of the value that begins at p: for an array's elements the comma or bracket behind it, else the byte behind the
 * closing brace (a value that is no object ends at the next blank, so that it is refused alone). NULL: not in the
 * window. */
static const char *
value_end(const char *p, const char *end, bool element, bool final)
{
    int depth = 0;

    for (; p < end; p++) {
        if (*p == '"') {
            for (p++; p < end && *p != '"'; p++) {
                if (*p == '\\')
                    p++;
            }
            if (p >= end)
                break;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0 && (*p == ']' || !element))
                return p; /* ']' closes the array */
            if (depth > 0 && --depth == 0 && !element)
                return p + 1;
        } else if (depth == 0 && (element ? *p == ',' : blank(*p))) {
            return p;
        }
    }
    return final ? end : NULL;
}

static enum split_result
split_line(struct str window, size_t at, bool final, struct str *row, size_t *used)
{
    const char *from = window.p + at, *line = memchr(from, '\n', window.n - at);

    if (line == NULL && !final)
        return SPLIT_MORE;
    *row = (struct str){from, (size_t)((line == NULL ? window.p + window.n : line) - from)};
    *used = at + row->n + (line != NULL);
    return SPLIT_ROW;
}

static enum split_result
split_value(struct row_splitter *s, struct str window, size_t at, bool final, struct str *row, size_t *used)
{
    bool element = s->state == SPLIT_ARRAY;
    const char *from = window.p + at, *to = value_end(from, window.p + window.n, element, final);

    if (to == NULL)
        return SPLIT_MORE;
    if (!element && to == from) /* a closing bracket without its opening one */
        to++;
    *row = (struct str){from, (size_t)(to - from)};
    *used = at + row->n;
    return SPLIT_ROW;
}

/* Steps over the bracket before the first element or the comma before the next one. A comma too many makes an empty
 * row, which is refused. SPLIT_ROW: an element begins at *at. */
static enum split_result
enter_element(struct row_splitter *s, struct str window, bool begins, bool final, size_t *at)
{
    if (begins || window.p[*at] == ',')
        ++*at;
    while (*at < window.n && blank(window.p[*at]))
        ++*at;
    if (*at == window.n) {
        s->what = "the array is not closed";
        return final ? SPLIT_BAD : SPLIT_MORE;
    }
    if (window.p[*at] != ']')
        return SPLIT_ROW;
    do
        ++*at;
    while (*at < window.n && blank(window.p[*at]));
    s->what = "text behind the closing bracket of the array";
    return *at < window.n ? SPLIT_BAD : final ? SPLIT_END : SPLIT_MORE;
}

enum split_result
row_split(struct row_splitter *s, struct str window, bool final, struct str *row, size_t *used)
{
    bool begins = s->state == SPLIT_BEGIN;
    enum split_result r = SPLIT_ROW;
    size_t at = 0;

    *used = 0;
    if (begins && window.n < 3 && !final)
        return SPLIT_MORE;
    if (begins && str_starts(window, S("\xEF\xBB\xBF")))
        at = 3;
    while (at < window.n && blank(window.p[at]))
        at++;
    if (at == window.n && s->state != SPLIT_ARRAY) {
        *used = final ? at : 0;
        return final ? SPLIT_END : SPLIT_MORE;
    }
    if (begins)
        s->state = window.p[at] == '[' ? SPLIT_ARRAY : s->multiline ? SPLIT_VALUES : SPLIT_LINES;
    if (s->state == SPLIT_ARRAY)
        r = at == window.n ? SPLIT_MORE : enter_element(s, window, begins, final, &at);
    if (s->state == SPLIT_ARRAY && r == SPLIT_MORE && final) {
        s->what = "the array is not closed";
        r = SPLIT_BAD;
    }
    if (r == SPLIT_ROW)
        r = s->state == SPLIT_LINES ? split_line(window, at, final, row, used)
                                    : split_value(s, window, at, final, row, used);
    if (r == SPLIT_MORE && begins)
        s->state = SPLIT_BEGIN;
    if (r == SPLIT_BAD || r == SPLIT_END)
        *used = window.n;
    return r;
}

/* ---- CSV columns ---- */

struct csv_column {
    struct str path; /* as in the header */
    struct str *parts;
    size_t part_count;
    enum xdm_type type;
    size_t cell;
};

struct csv_plan {
    struct arena arena;
    struct csv_column *columns; /* in order of path, so that members of one object are neighbours */
    size_t count;
    size_t cell_count;
};

static int
by_path(const void *x, const void *y)
{
    return str_cmp(((const struct csv_column *)x)->path, ((const struct csv_column *)y)->path);
}

static enum err
split_path(struct csv_plan *p, struct csv_column *c, struct diag *d)
{
    struct str rest = c->path, part;
    size_t n = 1;

    for (size_t i = 0; i < c->path.n; i++)
        n += c->path.p[i] == '.';
    if (n > LIMIT_JSON_DEPTH - 4)
        return diag_set(d, ERR_LIMIT, "CSV column %zu: a path has at most %d parts", c->cell + 1, LIMIT_JSON_DEPTH - 4);
    c->parts = ARENA_ARRAY(&p->arena, struct str, n);
    if (c->parts == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for CSV columns");
    while (str_split(&rest, '.', &part))
        c->parts[c->part_count++] = part;
    return ERR_OK;
}

static enum err
add_column(struct csv_plan *p, struct str name, const struct schema_view *view, struct diag *d)
{
    struct csv_column *c = &p->columns[p->count];
    struct str parent;

    *c = (struct csv_column){.path = arena_str(&p->arena, str_trim(name)), .cell = p->count};
    if (c->path.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for CSV columns");
    if (c->path.n == 0)
        return diag_set(d, ERR_INVALID, "CSV column %zu has no name", c->cell + 1);
    c->type = schema_view_type(view, c->path);
    if (c->type == XDM_NONE)
        return diag_set(d, ERR_INVALID, "CSV column %zu: the schema has no field '%.*s'", c->cell + 1,
                        STR_ARG(c->path));
    for (parent = c->path; parent.n > 0; parent.n--) {
        enum xdm_type type;
        if (parent.p[parent.n - 1] != '.')
            continue;
        type = schema_view_type(view, str_slice(parent, 0, parent.n - 1));
        if (type == XDM_ARRAY)
            return diag_set(d, ERR_INVALID,
                            "CSV column %zu: '%.*s' is inside an array; give the array as JSON text in one column",
                            c->cell + 1, STR_ARG(c->path));
    }
    p->count++;
    return split_path(p, c, d);
}

static bool
is_parent(struct str parent, struct str path)
{
    return path.n > parent.n && path.p[parent.n] == '.' && str_starts(path, parent);
}

/* Columns that would write the same member twice. Sorted, a parent may stand some places before its children ("a",
 * "a-b", "a.c"), but nothing between them has another beginning. */
static enum err
check_overlap(const struct csv_plan *p, struct diag *d)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct csv_column *a = &p->columns[i];
        for (size_t k = i + 1; k < p->count && str_starts(p->columns[k].path, a->path); k++) {
            const struct csv_column *b = &p->columns[k];
            if (str_eq(a->path, b->path))
                return diag_set(d, ERR_INVALID, "CSV columns %zu and %zu are both '%.*s'", a->cell + 1, b->cell + 1,
                                STR_ARG(a->path));
            if (is_parent(a->path, b->path))
                return diag_set(d, ERR_INVALID, "CSV columns %zu and %zu overlap: '%.*s' contains '%.*s'", a->cell + 1,
                                b->cell + 1, STR_ARG(a->path), STR_ARG(b->path));
        }
    }
    return ERR_OK;
}

enum err
csv_plan_new(const struct str *names, size_t n, const struct schema_view *view, struct csv_plan **out, struct diag *d)
{
    struct csv_plan *p = calloc(1, sizeof *p);
    enum err rc = ERR_OK;

    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for CSV columns");
    arena_init(&p->arena, LIMIT_REQUEST_ARENA_BYTES);
    p->columns = ARENA_ARRAY(&p->arena, struct csv_column, n > 0 ? n : 1);
    p->cell_count = n;
    if (p->columns == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for CSV columns");
    for (size_t i = 0; rc == ERR_OK && i < n; i++)
        rc = add_column(p, names[i], view, d);
    if (rc == ERR_OK) {
        qsort(p->columns, p->count, sizeof *p->columns, by_path);
        rc = check_overlap(p, d);
    }
    if (rc != ERR_OK) {
        csv_plan_free(p);
        return rc;
    }
    *out = p;
    return ERR_OK;
}

void
csv_plan_free(struct csv_plan *p)
{
    if (p == NULL)
        return;
    arena_deinit(&p->arena);
    free(p);
}

/* Parts that two columns have in common, at most all objects around b. */
static size_t
common_parts(const struct csv_column *a, const struct csv_column *b)
{
    size_t n = 0;

    while (a != NULL && n + 1 < a->part_count && n + 1 < b->part_count && str_eq(a->parts[n], b->parts[n]))
        n++;
    return n;
}

bool
csv_plan_write(const struct csv_plan *p, const struct str *cells, size_t n, struct arena *a, struct buf *out,
               struct row_fault *fault)
{
    const struct csv_column *previous = NULL;
    struct jw w = jw_to(out);

    if (n != p->cell_count) {
        fault->code = ROW_UNREADABLE;
        fault->message = arena_printf(a, "the row has %zu columns, the header %zu", n, p->cell_count);
        return false;
    }
    jw_object(&w);
    for (size_t i = 0; i < p->count; i++) {
        const struct csv_column *c = &p->columns[i];
        size_t common, open;
        if (cells[c->cell].n == 0)
            continue;
        common = common_parts(previous, c);
        for (open = previous == NULL ? 0 : previous->part_count - 1; open > common; open--)
            jw_end(&w);
        for (; open + 1 < c->part_count; open++) {
            jw_key(&w, c->parts[open]);
            jw_object(&w);
        }
        jw_key(&w, c->parts[open]);
        if (!row_write_value(&w, c->type, cells[c->cell], a)) {
            struct str cell = str_slice(cells[c->cell], 0, 64);
            fault->code = ROW_UNREADABLE;
            fault->message = arena_printf(a, "column %zu (%.*s): '%.*s' cannot be converted to %s", c->cell + 1,
                                          STR_ARG(c->path), STR_ARG(cell), xdm_type_name(c->type));
            return false;
        }
        previous = c;
    }
    for (size_t open = previous == NULL ? 0 : previous->part_count - 1; open > 0; open--)
        jw_end(&w);
    jw_end(&w);
    return buf_ok(out);
}

/* ---- the file ---- */

/* Reads on; false: the window is full. */
static bool
fill(struct row_source *s, struct diag *d, enum err *rc)
{
    size_t got = 0;

    *rc = ERR_OK;
    if (s->begin > 0) {
        memmove(s->window, s->window + s->begin, s->end - s->begin);
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->end == WINDOW_BYTES)
        return false;
    *rc = os_pread(s->os, s->file, s->at, s->window + s->end, WINDOW_BYTES - s->end, &got, d);
    if (*rc != ERR_OK)
        return true;
    s->at_end = got < WINDOW_BYTES - s->end;
    s->at += got;
    s->end += got;
    return true;
}

static struct str
window_of(const struct row_source *s)
{
    return (struct str){s->window + s->begin, s->end - s->begin};
}

/* The header row. A file without any row has none, and is no error. */
static enum err
read_header(struct row_source *s, struct diag *d)
{
    enum csv_result r;
    enum err rc = ERR_OK;
    size_t used;

    do {
        if (!fill(s, d, &rc))
            return diag_set(d, ERR_INVALID, "the CSV header has more than %d bytes", WINDOW_BYTES);
        if (rc != ERR_OK)
            return rc;
        if (s->at_end || s->end - s->begin >= 3) {
            if (str_starts(window_of(s), S("\xEF\xBB\xBF")))
                s->begin += 3;
        }
        r = csv_next(&s->csv, window_of(s), s->at_end, &used, d);
    } while (r == CSV_MORE);
    if (r == CSV_BAD)
        return d->code;
    if (r == CSV_END)
        return ERR_OK;
    rc = csv_plan_new(s->csv.fields, s->csv.count, s->view, &s->plan, d);
    s->begin += used;
    return rc;
}

enum err
row_source_open(struct row_source *s, struct os *os, const char *path, uint64_t at, struct row_format format,
                const struct schema_view *view, struct diag *d)
{
    enum err rc;

    *s = (struct row_source){.os = os, .at = at, .format = format, .view = view};
    s->splitter.multiline = format.shape == ROWS_JSON_MULTILINE;
    csv_init(&s->csv, format.csv);
    buf_init(&s->text, (size_t)LIMIT_UPLOAD_ROW_BYTES * 4);
    s->window = malloc(WINDOW_BYTES);
    if (s->window == NULL) {
        row_source_close(s);
        return diag_set(d, ERR_NOMEM, "no memory to read '%s'", path);
    }
    rc = os_open(os, path, OS_READ, &s->file, d);
    if (rc == ERR_OK && format.shape == ROWS_CSV)
        rc = read_header(s, d);
    if (rc != ERR_OK)
        row_source_close(s);
    return rc;
}

void
row_source_close(struct row_source *s)
{
    if (s->file != NULL)
        os_close(s->os, s->file);
    s->file = NULL;
    csv_plan_free(s->plan);
    s->plan = NULL;
    csv_deinit(&s->csv);
    buf_deinit(&s->text);
    free(s->window);
    s->window = NULL;
}

static enum row_result
refused(struct row_fault *fault, enum row_code code, struct str message)
{
    *fault = (struct row_fault){.code = code, .message = message};
    return ROW_REFUSED;
}

/* Steps over a line that is longer than the window. */
static enum err
skip_line(struct row_source *s, struct diag *d)
{
    enum err rc = ERR_OK;

    for (;;) {
        const char *line = memchr(s->window + s->begin, '\n', s->end - s->begin);
        if (line != NULL) {
            s->begin = (size_t)(line + 1 - s->window);
            return ERR_OK;
        }
        s->begin = s->end;
        if (s->at_end)
            return ERR_OK;
        (void)fill(s, d, &rc); /* an empty window has room */
        if (rc != ERR_OK)
            return rc;
    }
}

static enum row_result
too_long(struct row_source *s, struct row *row, struct row_fault *fault, struct diag *d)
{
    row->raw = str_slice(window_of(s), 0, LIMIT_ROW_ERROR_TEXT_BYTES);
    if (s->format.shape == ROWS_CSV || s->splitter.state != SPLIT_LINES) {
        (void)diag_set(d, ERR_INVALID, "a row has more than %d bytes, or never ends", WINDOW_BYTES);
        return ROW_FAILED;
    }
    if (skip_line(s, d) != ERR_OK)
        return ROW_FAILED;
    row->raw = S("");
    return refused(fault, ROW_UNREADABLE, S("the line has more than 1 MB"));
}

static enum row_result
next_json(struct row_source *s, struct row *row, size_t *used, struct diag *d)
{
    switch (row_split(&s->splitter, window_of(s), s->at_end, &row->text, used)) {
    case SPLIT_ROW:
        row->raw = row->text;
        return ROW_READ;
    case SPLIT_END:
        return ROW_END;
    case SPLIT_BAD:
        (void)diag_set(d, ERR_INVALID, "%s", s->splitter.what);
        return ROW_FAILED;
    default:
        return ROW_REFUSED; /* more is needed: *used is 0 */
    }
}

static enum row_result
next_csv(struct row_source *s, struct arena *a, struct row *row, struct row_fault *fault, size_t *used, struct diag *d)
{
    switch (csv_next(&s->csv, window_of(s), s->at_end, used, d)) {
    case CSV_ROW:
        row->raw = str_trim(str_slice(window_of(s), 0, *used));
        buf_clear(&s->text);
        *fault = (struct row_fault){0};
        if (!csv_plan_write(s->plan, s->csv.fields, s->csv.count, a, &s->text, fault))
            return refused(fault, ROW_UNREADABLE, fault->message.n > 0 ? fault->message : S("the row is too long"));
        row->text = buf_str(&s->text);
        return ROW_READ;
    case CSV_END:
        return ROW_END;
    case CSV_BAD:
        row->raw = str_trim(str_slice(window_of(s), 0, *used));
        return refused(fault, ROW_UNREADABLE, arena_str(a, str_of(d->what)));
    default:
        return ROW_REFUSED;
    }
}

enum row_result
row_source_next(struct row_source *s, struct arena *a, struct row *row, struct row_fault *fault, struct diag *d)
{
    enum row_result r;
    enum err rc;
    size_t used;

    *row = (struct row){0};
    if (s->format.shape == ROWS_CSV && s->plan == NULL)
        return ROW_END;
    for (;;) {
        used = 0;
        r = s->format.shape == ROWS_CSV ? next_csv(s, a, row, fault, &used, d) : next_json(s, row, &used, d);
        if (r != ROW_REFUSED || used > 0)
            break;
        if (!fill(s, d, &rc)) {
            s->row++;
            return too_long(s, row, fault, d);
        }
        if (rc != ERR_OK)
            return ROW_FAILED;
    }
    s->begin += used;
    if (r == ROW_READ || r == ROW_REFUSED)
        s->row++;
    return r;
}
