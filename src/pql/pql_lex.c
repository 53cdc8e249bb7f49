/* pql_lex.c - text to tokens [SEGMENTATION 2.1, 2.2].
 *
 * The whole text is cut at once, because the grammar looks ahead without a bound (a lambda's parameter list). A lexical
 * fault becomes a TOK_BAD token that ends the list: the parser reports it when it gets there, so that the first error
 * from the left wins whatever its kind. */
#include <math.h>
#include <stdarg.h>

#include "pql/pql_int.h"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_word(char c)
{
    return is_word_start(c) || is_digit(c);
}

struct lexer {
    struct str text;
    size_t at;
    struct pql_token token;
    struct pql_lexed *out;
};

static void bad(struct lexer *l, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
bad(struct lexer *l, size_t at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(l->out->bad, sizeof l->out->bad, fmt, ap); /* cut messages stay readable */
    va_end(ap);
    l->token.kind = TOK_BAD;
    l->token.pos = (uint32_t)at;
    l->token.bytes = 0;
}

static char
peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static void
lex_word(struct lexer *l)
{
    l->token.kind = TOK_WORD;
    while (is_word(peek(l, 0)))
        l->at++;
    if (peek(l, 0) != '@')
        return;
    if (peek(l, 1) != '{') {
        bad(l, l->at, "'@' after a name begins a join suffix and needs '{'");
        return;
    }
    while (l->at < l->text.n && l->text.p[l->at] != '}')
        l->at++;
    if (l->at == l->text.n)
        bad(l, l->token.pos, "join suffix without its closing '}'");
    else
        l->at++;
}

static void
lex_quoted_word(struct lexer *l)
{
    l->token.kind = TOK_QWORD;
    l->at++;
    while (l->at < l->text.n && l->text.p[l->at] != '`')
        l->at++;
    if (l->at == l->text.n)
        bad(l, l->token.pos, "quoted name without its closing '`'");
    else if (l->at == l->token.pos + 1u)
        bad(l, l->token.pos, "a quoted name cannot be empty");
    else
        l->at++;
}

bool
pql_double_of(struct str s, double *out)
{
    char room[64], *text = s.n < sizeof room ? room : malloc(s.n + 1);

    if (text == NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *out = strtod(text, NULL); /* the syntax is checked; the program never sets a locale */
    if (text != room)
        free(text);
    return isfinite(*out);
}

static void
lex_number(struct lexer *l)
{
    struct str text;
    int64_t i;
    double f;

    l->token.kind = TOK_INT;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->token.kind = TOK_DOUBLE;
        for (l->at++; is_digit(peek(l, 0)); l->at++)
            ;
    }
    if (peek(l, 0) == 'e' || peek(l, 0) == 'E') {
        size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
        if (is_digit(peek(l, 1 + sign))) {
            l->token.kind = TOK_DOUBLE;
            for (l->at += 1 + sign; is_digit(peek(l, 0)); l->at++)
                ;
        }
    }
    text = str_slice(l->text, l->token.pos, l->at);
    if (l->token.kind == TOK_INT && (peek(l, 0) == 'L' || peek(l, 0) == 'l'))
        l->at++;
    if (is_word(peek(l, 0)))
        bad(l, l->at, "'%c' directly after a number", peek(l, 0));
    else if (l->token.kind == TOK_INT && !str_to_i64(text, &i))
        bad(l, l->token.pos, "integer above 9223372036854775807");
    else if (l->token.kind == TOK_DOUBLE && !pql_double_of(text, &f))
        bad(l, l->token.pos, "number out of range");
}

static int
hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code unit of "\uXXXX" at offset `at`, or -1. */
static int32_t
code_unit(struct str s, size_t at)
{
    int32_t unit = 0;

    if (at > s.n || s.n - at < 6 || s.p[at] != '\\' || s.p[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        if (hex_digit(s.p[i]) < 0)
            return -1;
        unit = unit * 16 + hex_digit(s.p[i]);
    }
    return unit;
}

static bool
is_high(int32_t unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool
is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* Regular expressions are full of backslashes. */
static void
hint_at_backslash(struct lexer *l)
{
    size_t n = 1;

    while (((unsigned char)peek(l, 1 + n) & 0xC0) == 0x80)
        n++;
    (void)snprintf(l->out->hint, sizeof l->out->hint, "a backslash in a string is written twice: \"\\\\%.*s\"", (int)n,
                   l->text.p + l->at + 1);
}

/* Past one escape; false after a bad one. */
static bool
lex_escape(struct lexer *l)
{
    int32_t unit;

    if (peek(l, 1) != 'u') {
        if (peek(l, 1) == '\0' || strchr("\"\\/ntrbf", peek(l, 1)) == NULL) {
            bad(l, l->at, "unknown escape in a string: one of \\\" \\\\ \\/ \\n \\t \\r \\b \\f \\uXXXX is expected");
            if ((unsigned char)peek(l, 1) > 0x20)
                hint_at_backslash(l);
            return false;
        }
        l->at += 2;
        return true;
    }
    unit = code_unit(l->text, l->at);
    if (unit < 0) {
        bad(l, l->at, "\\u needs four hexadecimal digits");
        return false;
    }
    if (is_low(unit) || (is_high(unit) && !is_low(code_unit(l->text, l->at + 6)))) {
        bad(l, l->at, "half of a surrogate pair");
        return false;
    }
    l->at += is_high(unit) ? 12 : 6;
    return true;
}

static void
lex_string(struct lexer *l)
{
    l->token.kind = TOK_STRING;
    for (l->at++; l->at < l->text.n && l->text.p[l->at] != '"';) {
        char c = l->text.p[l->at];
        if (c == '\n' || c == '\r') {
            bad(l, l->at, "line break inside a string: write \\n or \\r");
            return;
        }
        if (c != '\\')
            l->at++;
        else if (!lex_escape(l))
            return;
    }
    if (l->at >= l->text.n)
        bad(l, l->token.pos, "string without its closing '\"'");
    else
        l->at++;
}

static void
lex_punct(struct lexer *l)
{
    static const struct {
        char text[3];
        uint16_t op;
    } pairs[] = {{"!=", PUNCT_NE}, {">=", PUNCT_GE}, {"<=", PUNCT_LE}, {"=>", PUNCT_ARROW}};
    char c = peek(l, 0);

    l->token.kind = TOK_PUNCT;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (c == pairs[i].text[0] && peek(l, 1) == pairs[i].text[1]) {
            l->token.op = pairs[i].op;
            l->at += 2;
            return;
        }
    }
    if (c != '\0' && strchr("()[]{},.:=><+-*/%^!", c) != NULL) {
        l->token.op = (unsigned char)c;
        l->at++;
        return;
    }
    if (c == '&' || c == '|')
        (void)snprintf(l->out->hint, sizeof l->out->hint, "did you mean '%s'?", c == '&' ? "and" : "or");
    if (c == '\'')
        bad(l, l->at, "strings are written in double quotes");
    else if ((unsigned char)c >= 0x80)
        bad(l, l->at, "letters outside ASCII need back-ticks in names and quotes in strings");
    else if ((unsigned char)c >= 0x20 && c != 0x7f)
        bad(l, l->at, "unexpected character '%c'", c);
    else
        bad(l, l->at, "unexpected control character 0x%02x", (unsigned)(unsigned char)c);
}

static void
lex_one(struct lexer *l)
{
    char c = peek(l, 0);

    l->token = (struct pql_token){.pos = (uint32_t)l->at};
    if (l->at == l->text.n) {
        l->token.kind = TOK_END;
    } else if (is_word_start(c)) {
        lex_word(l);
    } else if (is_digit(c)) {
        lex_number(l);
    } else if (c == '"') {
        lex_string(l);
    } else if (c == '`') {
        lex_quoted_word(l);
    } else if (c == '$' && is_digit(peek(l, 1))) {
        l->token.kind = TOK_PARAM;
        for (l->at++; is_digit(peek(l, 0)); l->at++)
            ;
        if (is_word(peek(l, 0)))
            bad(l, l->at, "'%c' directly after a number", peek(l, 0));
    } else {
        lex_punct(l);
    }
    if (l->token.kind != TOK_BAD)
        l->token.bytes = (uint32_t)l->at - l->token.pos;
}

static bool
grow(struct pql_ctx *c, struct pql_lexed *out, size_t *room)
{
    size_t more = *room ? *room * 2 : 64;
    struct pql_token *tokens = pql_alloc(c, c->scratch, more, sizeof *tokens);

    if (tokens == NULL)
        return false;
    if (out->n > 0)
        memcpy(tokens, out->tokens, out->n * sizeof *tokens);
    out->tokens = tokens;
    *room = more;
    return true;
}

bool
pql_lex(struct pql_ctx *c, struct pql_lexed *out)
{
    struct lexer l = {.text = c->text, .out = out};
    size_t room = 0;

    out->n = 0;
    out->hint[0] = '\0';
    if (str_starts(l.text, S("\xEF\xBB\xBF")))
        l.at = 3;
    do {
        while (l.at < l.text.n && strchr(" \t\n\r\f", l.text.p[l.at]) != NULL && l.text.p[l.at] != '\0')
            l.at++;
        lex_one(&l);
        if (out->n == room && !grow(c, out, &room))
            return false;
        out->tokens[out->n++] = l.token;
    } while (l.token.kind != TOK_END && l.token.kind != TOK_BAD);
    return true;
}

struct str
pql_token_text(const struct pql_ctx *c, const struct pql_token *t)
{
    return str_slice(c->text, t->pos, (size_t)t->pos + t->bytes);
}

struct str
pql_name_of(const struct pql_ctx *c, const struct pql_token *t)
{
    struct str s = pql_token_text(c, t);

    return t->kind == TOK_QWORD ? str_slice(s, 1, s.n - 1) : s;
}

static size_t
put_utf8(char *out, uint32_t c)
{
    static const unsigned char lead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

struct str
pql_string_of(struct pql_ctx *c, const struct pql_token *t, struct arena *a)
{
    struct str raw = str_slice(pql_token_text(c, t), 1, (size_t)t->bytes - 1);
    char *p = pql_alloc(c, a, raw.n + 1, 1);
    size_t n = 0;

    if (p == NULL)
        return S_NULL;
    for (size_t i = 0; i < raw.n;) {
        static const char from[] = "ntrbf", to[] = "\n\t\r\b\f";
        const char *at;
        int32_t unit;
        if (raw.p[i] != '\\') {
            p[n++] = raw.p[i++];
            continue;
        }
        if (raw.p[i + 1] != 'u') {
            at = strchr(from, raw.p[i + 1]);
            p[n++] = at != NULL ? to[at - from] : raw.p[i + 1];
            i += 2;
            continue;
        }
        unit = code_unit(raw, i);
        i += 6;
        if (is_high(unit)) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (code_unit(raw, i) - 0xDC00);
            i += 6;
        }
        n += put_utf8(p + n, (uint32_t)unit);
    }
    p[n] = '\0';
    return (struct str){p, n};
}
