/* pql.c - the public calls: runs the steps, owns the arenas, keeps the first error. */
#include <stdarg.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/json_place.h"
#include "pql/pql_int.h"

/* Tokens and the syntax tree of the longest text fit four times. */
#define SCRATCH_BYTES (256u * 1024 * 1024)

const char *
pql_error_name(enum pql_error e)
{
    static const char *const names[] = {"ok", "parse", "limit", "reference", "arity", "type", "value", "unsupported"};

    return names[e];
}

bool
pql_fail(struct pql_ctx *c, enum pql_error class, uint32_t pos, const char *fmt, ...)
{
    char what[200];
    va_list ap;

    if (c->class != PQL_OK)
        return false;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap); /* cut messages stay readable */
    va_end(ap);
    c->class = class;
    c->rc = diag_set_at(c->d,
                        class == PQL_LIMIT         ? ERR_LIMIT
                        : class == PQL_UNSUPPORTED ? ERR_UNSUPPORTED
                                                   : ERR_INVALID,
                        pos, "%s", what);
    return false;
}

void *
pql_alloc(struct pql_ctx *c, struct arena *a, size_t count, size_t bytes)
{
    void *p = arena_calloc(a, count, bytes);

    if (p == NULL)
        (void)pql_fail(c, PQL_LIMIT, 0, "the expression needs too much memory");
    return p;
}

void
pql_position(struct str text, uint32_t pos, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < text.n && i < pos; i++) {
        if (text.p[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text.p[i] & 0xC0) != 0x80) { /* count characters, not bytes */
            ++*column;
        }
    }
}

/* The first byte that is not part of well-formed UTF-8. */
static size_t
first_malformed(struct str text)
{
    size_t at = 0;

    while (at < text.n) {
        size_t n = 1;
        while (n <= 4 && !str_is_utf8(str_slice(text, at, at + n)))
            n++;
        if (n > 4)
            break;
        at += n;
    }
    return at;
}

bool
pql_format_of(struct str name, enum pql_format *out)
{
    *out = str_eq(name, S("pql/json")) ? PQL_JSON : PQL_TEXT;
    return name.n == 0 || *out == PQL_JSON || str_eq(name, S("pql/text"));
}

static struct pql_ast *
read_source(struct pql_ctx *c, enum pql_format format)
{
    size_t bytes_max = format == PQL_JSON ? LIMIT_PQL_JSON_BYTES : LIMIT_PQL_TEXT_BYTES;

    c->syntax = true;
    if (c->text.n > bytes_max) {
        (void)pql_fail(c, PQL_LIMIT, (uint32_t)bytes_max, "the %s has %zu bytes, the most is %zu",
                       format == PQL_JSON ? "JSON form" : "text", c->text.n, bytes_max);
        return NULL;
    }
    if (!str_is_utf8(c->text)) {
        (void)pql_fail(c, PQL_PARSE, (uint32_t)first_malformed(c->text), "the text is not well-formed UTF-8");
        return NULL;
    }
    c->syntax = false;
    return format == PQL_JSON ? pql_json_read(c) : pql_parse(c);
}

/* ---- a call's memory ---- */

struct session {
    struct pql_ctx c;
    struct arena scratch;
    struct arena *keep; /* on the heap, for a rule may take it over */
    struct diag unread;
};

static bool
begin(struct session *s, struct str source, size_t rule_bytes_max, struct diag *d)
{
    *s = (struct session){.unread = DIAG_INIT, .keep = malloc(sizeof *s->keep)};
    if (s->keep == NULL)
        return false;
    arena_init(&s->scratch, SCRATCH_BYTES);
    arena_init(s->keep, rule_bytes_max);
    s->c = (struct pql_ctx){.text = source.p != NULL ? source : S(""),
                            .scratch = &s->scratch,
                            .keep = s->keep,
                            .d = d != NULL ? d : &s->unread};
    return true;
}

/* A fault in JSON also has a path, unless the document is no JSON at all. */
static void
add_path(struct session *s)
{
    struct diag *d = s->c.d;
    struct buf path;
    size_t room = sizeof d->path - 1, cut;

    if (s->c.class == PQL_OK || d->pos == DIAG_NO_POS || s->c.syntax)
        return;
    buf_init_in(&path, &s->scratch, LIMIT_PQL_JSON_BYTES);
    json_place_path(s->c.text, d->pos, &path);
    cut = path.n > room ? path.n - (room - 3) : 0; /* the end says more than the beginning */
    (void)snprintf(d->path, sizeof d->path, "%s%.*s", cut > 0 ? "..." : "", (int)(path.n - cut),
                   path.n > 0 ? path.p + cut : "");
}

static enum err
end(struct session *s, enum pql_format format, struct rule *r, enum pql_error *class)
{
    if (format == PQL_JSON)
        add_path(s);
    arena_deinit(&s->scratch);
    if (r == NULL) {
        arena_deinit(s->keep);
        free(s->keep);
    }
    if (class != NULL)
        *class = s->c.class;
    return s->c.rc;
}

/* ---- compiling ---- */

static enum err
compile(struct str source, const struct pql_options *o, size_t bytes_max, struct rule **out, enum pql_error *class,
        struct diag *d)
{
    struct session s;
    const struct rule_node *root;
    struct pql_ast *ast;
    unsigned slot_count = 0;
    struct rule *r = NULL;

    if (!begin(&s, source, bytes_max, d))
        return diag_set(d, ERR_NOMEM, "no memory for a rule");
    ast = read_source(&s.c, o->format);
    root = ast != NULL ? pql_lower(&s.c, ast, o->schema, &slot_count) : NULL;
    if (root != NULL && (!o->definition || pql_check_truth(&s.c, root))) {
        r = rule_new(s.keep, root, slot_count);
        if (r == NULL)
            (void)pql_fail(&s.c, PQL_LIMIT, 0, "the rule needs more than %zu bytes", bytes_max);
        else
            *out = r;
    }
    return end(&s, o->format, r, class);
}

enum err
pql_compile_as(struct str source, const struct pql_options *o, struct rule **out, enum pql_error *class, struct diag *d)
{
    return compile(source, o, LIMIT_RULE_BYTES, out, class, d);
}

enum err
pql_compile_within(struct str text, bool definition, size_t bytes_max, struct rule **out, enum pql_error *class,
                   struct diag *d)
{
    return compile(text, &(struct pql_options){.definition = definition}, bytes_max, out, class, d);
}

enum err
pql_compile(struct str text, bool definition, struct rule **out, enum pql_error *class, struct diag *d)
{
    return pql_compile_within(text, definition, LIMIT_RULE_BYTES, out, class, d);
}

/* ---- writing ---- */

/* Appends a resolved tree. Text is read once more: brackets that it needs and the tree does not may nest too deep. */
static bool
write_tree(struct pql_ctx *c, struct pql_ast *ast, enum pql_format to, struct buf *out)
{
    struct pql_ctx again;
    struct diag d = DIAG_INIT;
    struct buf b;
    bool ok;

    buf_init(&b, to == PQL_JSON ? LIMIT_PQL_JSON_BYTES : LIMIT_PQL_TEXT_BYTES);
    ok = to == PQL_JSON ? pql_json_write(c, ast, &b) : pql_print_text(c, ast, &b);
    if (ok && to == PQL_TEXT) {
        again = (struct pql_ctx){.text = buf_str(&b), .scratch = c->scratch, .keep = c->keep, .d = &d};
        ok = pql_parse(&again) != NULL ||
             pql_fail(c, again.class == PQL_LIMIT ? PQL_LIMIT : PQL_UNSUPPORTED, 0, "as text: %s", d.what);
    }
    if (ok) {
        buf_put(out, buf_str(&b));
        ok = buf_ok(out) || pql_fail(c, PQL_LIMIT, 0, "the result has %zu bytes: no room for it", b.n);
    }
    buf_deinit(&b);
    return ok;
}

enum err
pql_convert(struct str source, enum pql_format from, enum pql_format to, struct buf *out, enum pql_error *class,
            struct diag *d)
{
    struct session s;
    struct pql_ast *ast;

    if (!begin(&s, source, LIMIT_RULE_BYTES, d))
        return diag_set(d, ERR_NOMEM, "no memory to convert an expression");
    ast = read_source(&s.c, from);
    if (ast != NULL)
        ast = pql_resolve(&s.c, ast);
    if (ast != NULL)
        (void)write_tree(&s.c, ast, to, out);
    return end(&s, from, NULL, class);
}

enum err
pql_print(const struct rule *r, enum pql_format to, struct buf *out, struct diag *d)
{
    struct session s;
    struct rule *again = NULL;
    struct pql_ast *ast;
    struct buf b;

    if (!begin(&s, S(""), LIMIT_RULE_BYTES, d))
        return diag_set(d, ERR_NOMEM, "no memory to print a rule");
    buf_init(&b, LIMIT_PQL_JSON_BYTES);
    ast = pql_raise(&s.c, r);
    if (ast != NULL && write_tree(&s.c, ast, to, &b)) {
        struct diag fault = DIAG_INIT;
        CHECK(b.p != NULL); /* no tree is an empty text */
        if (pql_compile_as(buf_str(&b), &(struct pql_options){.format = to}, &again, NULL, &fault) != ERR_OK)
            (void)pql_fail(&s.c, PQL_UNSUPPORTED, 0, "the rule has no form in PQL: %s", fault.what);
        else if (!rule_equal(rule_root(r), rule_root(again)))
            (void)pql_fail(&s.c, PQL_UNSUPPORTED, 0, "the rule has no form in PQL that means just the same");
        else
            buf_put(out, buf_str(&b));
        rule_free(again);
    }
    if (s.c.class == PQL_OK && !buf_ok(out))
        (void)pql_fail(&s.c, PQL_LIMIT, 0, "the result has %zu bytes: no room for it", b.n);
    if (s.c.class != PQL_OK)
        s.c.d->pos = DIAG_NO_POS;
    buf_deinit(&b);
    return end(&s, PQL_TEXT, NULL, NULL);
}
