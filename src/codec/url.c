/* url.c - see url.h. Lenient where browsers are: a percent sign that starts no escape is an ordinary character. */
#include "codec/url.h"

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct str
url_decode(struct str s, bool plus, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1); /* decoding never lengthens; a NUL follows as behind every arena text */
    size_t n = 0;

    if (out == NULL)
        return S_NULL;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
            c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return (struct str){out, n};
}

/* [RFC 3986 2.3] */
static bool
is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void
url_encode(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (is_unreserved(c))
            buf_putc(out, (char)c);
        else
            buf_put(out, (struct str){escape, sizeof escape});
    }
}

bool
url_query_next(struct str *rest, struct str *name, struct str *value)
{
    struct str pair;
    ptrdiff_t at;

    do {
        if (!str_split(rest, '&', &pair))
            return false;
    } while (pair.n == 0); /* "a=1&&b=2" has two parameters, "" has none */
    at = str_find_char(pair, '=');
    *name = at < 0 ? pair : str_slice(pair, 0, (size_t)at);
    *value = at < 0 ? str_slice(pair, pair.n, pair.n) : str_slice(pair, (size_t)at + 1, pair.n);
    return true;
}

/* Length of the scheme in front of "://", or 0. */
static size_t
scheme_length(struct str s)
{
    size_t i = 0;

    while (i < s.n && (is_unreserved((unsigned char)s.p[i]) || s.p[i] == '+') && s.p[i] != '_' && s.p[i] != '~')
        i++;
    return str_starts(str_slice(s, i, s.n), S("://")) ? i : 0;
}

/* "user:password@host:port" or "[v6]:port"; credentials are dropped. */
static void
parse_authority(struct str s, struct url *u)
{
    ptrdiff_t at;

    for (size_t i = s.n; i > 0; i--) {
        if (s.p[i - 1] == '@') {
            s = str_slice(s, i, s.n);
            break;
        }
    }
    if (s.n && s.p[0] == '[') {
        at = str_find_char(s, ']');
        if (at < 0)
            return; /* no host can be told */
        u->host = str_slice(s, 1, (size_t)at);
        s = str_slice(s, (size_t)at + 1, s.n);
        if (s.n && s.p[0] == ':')
            u->port = str_slice(s, 1, s.n);
        return;
    }
    at = str_find_char(s, ':');
    u->host = at < 0 ? s : str_slice(s, 0, (size_t)at);
    if (at >= 0)
        u->port = str_slice(s, (size_t)at + 1, s.n);
}

struct url
url_parse(struct str s)
{
    struct url u = {0};
    size_t scheme = scheme_length(s);
    ptrdiff_t at;

    at = str_find_char(s, '#');
    if (at >= 0) {
        u.fragment = str_slice(s, (size_t)at + 1, s.n);
        s = str_slice(s, 0, (size_t)at);
    }
    at = str_find_char(s, '?');
    if (at >= 0) {
        u.query = str_slice(s, (size_t)at + 1, s.n);
        s = str_slice(s, 0, (size_t)at);
    }
    if (scheme != 0 && scheme + 3 <= s.n) {
        u.scheme = str_slice(s, 0, scheme);
        s = str_slice(s, scheme + 3, s.n);
        at = str_find_char(s, '/');
        parse_authority(at < 0 ? s : str_slice(s, 0, (size_t)at), &u);
        s = at < 0 ? str_slice(s, s.n, s.n) : str_slice(s, (size_t)at, s.n);
    }
    u.path = s;
    return u;
}

/* After a mismatch the last '*' takes one more: no recursion, at most url.n * pattern.n steps. */
bool
url_matches(struct str url, struct str pattern)
{
    size_t u = 0, p = 0, star = SIZE_MAX, from = 0;

    while (u < url.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = u;
        } else if (p < pattern.n && pattern.p[p] == url.p[u]) {
            p++;
            u++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            u = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}
