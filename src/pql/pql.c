/* pql.c - the public calls: runs the steps, owns the arenas, keeps the first error. */
#include <stdarg.h>

#include "base/limits.h"
#include "pql/pql_int.h"

/* Tokens and the syntax tree of the longest text fit four times. */
#define SCRATCH_BYTES (256u * 1024 * 1024)

const char *
pql_error_name(enum pql_error e)
{
    static const char *const names[] = {"ok", "parse", "limit", "reference", "arity", "type", "value"};

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
    c->rc = diag_set_at(c->d, class == PQL_LIMIT ? ERR_LIMIT : ERR_INVALID, pos, "%s", what);
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

static bool
compile(struct pql_ctx *c, bool definition, const struct rule_node **root, unsigned *slot_count)
{
    struct pql_ast *ast;

    if (c->text.n > LIMIT_PQL_TEXT_BYTES)
        return pql_fail(c, PQL_LIMIT, LIMIT_PQL_TEXT_BYTES, "the text has %zu bytes, the most is %d", c->text.n,
                        LIMIT_PQL_TEXT_BYTES);
    if (!str_is_utf8(c->text))
        return pql_fail(c, PQL_PARSE, (uint32_t)first_malformed(c->text), "the text is not well-formed UTF-8");
    ast = pql_parse(c);
    *root = ast != NULL ? pql_lower(c, ast, slot_count) : NULL;
    return *root != NULL && (!definition || pql_check_truth(c, *root));
}

enum err
pql_compile_within(struct str text, bool definition, size_t bytes_max, struct rule **out, enum pql_error *class,
                   struct diag *d)
{
    struct diag unread = DIAG_INIT;
    struct arena scratch, *keep = malloc(sizeof *keep);
    struct pql_ctx c = {.text = text.p != NULL ? text : S(""), .scratch = &scratch, .keep = keep, .d = d ? d : &unread};
    const struct rule_node *root = NULL;
    unsigned slot_count = 0;
    struct rule *r = NULL;

    if (keep == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a rule");
    arena_init(&scratch, SCRATCH_BYTES);
    arena_init(keep, bytes_max);
    if (compile(&c, definition, &root, &slot_count)) {
        r = rule_new(keep, root, slot_count);
        if (r == NULL)
            (void)pql_fail(&c, PQL_LIMIT, 0, "the rule needs more than %zu bytes", bytes_max);
    }
    arena_deinit(&scratch);
    if (r == NULL) {
        arena_deinit(keep);
        free(keep);
    } else {
        *out = r;
    }
    if (class != NULL)
        *class = c.class;
    return c.rc;
}

enum err
pql_compile(struct str text, bool definition, struct rule **out, enum pql_error *class, struct diag *d)
{
    return pql_compile_within(text, definition, LIMIT_RULE_BYTES, out, class, d);
}
