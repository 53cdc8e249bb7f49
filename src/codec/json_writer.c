/* json_writer.c - see json_writer.h. One bit per level says object or array, another whether a comma is due. */
#include "codec/json_writer.h"

#include "base/check.h"
#include "base/civil.h"
#include "codec/json.h"

struct jw
jw_to(struct buf *out)
{
    return (struct jw){.out = out};
}

/* Called before every key and every array element: writes the comma that separates it from its elder. */
static void
separate(struct jw *w)
{
    uint64_t bit = (uint64_t)1 << w->depth;

    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->has_member & bit)
        buf_putc(w->out, ',');
    w->has_member |= bit;
}

static void
open_level(struct jw *w, bool object)
{
    uint64_t bit;

    separate(w);
    CHECK(w->depth < 63);
    w->depth++;
    bit = (uint64_t)1 << w->depth;
    w->has_member &= ~bit;
    w->is_object = object ? w->is_object | bit : w->is_object & ~bit;
    buf_putc(w->out, object ? '{' : '[');
}

void
jw_object(struct jw *w)
{
    open_level(w, true);
}

void
jw_array(struct jw *w)
{
    open_level(w, false);
}

void
jw_end(struct jw *w)
{
    DCHECK(w->depth > 0 && !w->after_key);
    buf_putc(w->out, w->is_object >> w->depth & 1 ? '}' : ']');
    w->depth--;
}

void
jw_str(struct jw *w, struct str s)
{
    separate(w);
    json_quote(w->out, s);
}

void
jw_i64(struct jw *w, int64_t v)
{
    separate(w);
    buf_put_i64(w->out, v);
}

void
jw_u64(struct jw *w, uint64_t v)
{
    separate(w);
    buf_put_u64(w->out, v);
}

void
jw_f64(struct jw *w, double v)
{
    separate(w);
    buf_put_f64(w->out, v);
}

void
jw_bool(struct jw *w, bool v)
{
    separate(w);
    buf_put(w->out, v ? S("true") : S("false"));
}

void
jw_null(struct jw *w)
{
    separate(w);
    buf_put(w->out, S("null"));
}

void
jw_time(struct jw *w, int64_t ms)
{
    char text[ISO8601_BYTES];

    iso8601_format(ms, text);
    jw_str(w, (struct str){text, sizeof text});
}

void
jw_raw(struct jw *w, struct str json_text)
{
    separate(w);
    buf_put(w->out, json_text);
}

void
jw_json(struct jw *w, const struct json *v)
{
    separate(w);
    json_write(w->out, v);
}

void
jw_kstr(struct jw *w, struct str key, struct str s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void
jw_ki64(struct jw *w, struct str key, int64_t v)
{
    jw_key(w, key);
    jw_i64(w, v);
}

void
jw_kbool(struct jw *w, struct str key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void
jw_kraw(struct jw *w, struct str key, struct str json_text)
{
    jw_key(w, key);
    jw_raw(w, json_text);
}

void
jw_kjson(struct jw *w, struct str key, const struct json *v)
{
    jw_key(w, key);
    jw_json(w, v);
}

void
jw_ktime(struct jw *w, struct str key, int64_t ms)
{
    jw_key(w, key);
    jw_time(w, ms);
}

/* None of eight bytes needs an escape. On a whole word: a byte below 0x20 borrows into its high bit when 0x20 is taken
 * off, and one that equals c is 0 after an xor with c, which borrows when 1 is taken off. */
static inline bool
word_is_plain(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\';

    return ((((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & high) == 0;
}

static inline uint64_t
load(const char *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return w;
}

/* No byte needs an escape. The last word begins where it ends with the text, so some bytes are looked at twice. */
static inline bool
is_plain(struct str s)
{
    const uint64_t blanks = UINT64_C(0x2020202020202020);

    if (s.n >= 8) {
        for (size_t i = 0; i < s.n - 8; i += 8) {
            if (!word_is_plain(load(s.p + i, 8)))
                return false;
        }
        return word_is_plain(load(s.p + s.n - 8, 8));
    }
    if (s.n >= 4)
        return word_is_plain(load(s.p, 4) | load(s.p + s.n - 4, 4) << 32);
    if (s.n == 0)
        return true;
    return word_is_plain((blanks << 24) | load(s.p, 1) | load(s.p + s.n / 2, 1) << 8 | load(s.p + s.n - 1, 1) << 16);
}

/* Bytes from the beginning that need no escape. */
static size_t
plain_run(const char *p, size_t n)
{
    size_t i = 0;

    while (n - i >= 8 && word_is_plain(load(p + i, 8)))
        i += 8;
    while (i < n && (unsigned char)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

static inline char *
put_quoted(char *at, struct str s)
{
    *at++ = '"';
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    at[s.n] = '"';
    return at + s.n + 1;
}

static void
put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t n = 2;

    if (c == '"' || c == '\\')
        escape[1] = (char)c;
    else if (c == '\n' || c == '\r' || c == '\t')
        escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
    else
        n = 6;
    buf_put(out, (struct str){escape, n});
}

static void
quote_escaped(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    while (s.n > 0) {
        size_t run = plain_run(s.p, s.n);
        buf_put(out, str_slice(s, 0, run));
        if (run < s.n)
            put_escape(out, (unsigned char)s.p[run++]);
        s = str_slice(s, run, s.n);
    }
    buf_putc(out, '"');
}

void
json_quote(struct buf *out, struct str s)
{
    char *at = is_plain(s) ? buf_grow(out, s.n + 2) : NULL;

    if (at != NULL) { /* nearly every text */
        (void)put_quoted(at, s);
        out->n += s.n + 2;
    } else {
        quote_escaped(out, s);
    }
}

void
jw_key(struct jw *w, struct str key)
{
    uint64_t bit = (uint64_t)1 << w->depth;
    bool comma = w->has_member & bit;
    char *at = is_plain(key) ? buf_grow(w->out, comma + key.n + 3) : NULL;

    DCHECK(!w->after_key && (w->is_object >> w->depth & 1));
    if (at != NULL) { /* nearly every key: separator, name and colon at once */
        *at = ',';
        *put_quoted(at + comma, key) = ':';
        w->out->n += comma + key.n + 3;
        w->has_member |= bit;
    } else {
        separate(w);
        quote_escaped(w->out, key);
        buf_putc(w->out, ':');
    }
    w->after_key = true;
}
