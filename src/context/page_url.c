/* page_url.c - URLs as Target's rules see them [TARGET 5.4].
 *
 * The split is looser than codec/url.h, which reads URLs as browsers do: Target takes "example.com/path" without a
 * scheme as a host. It differs from the on-device engine in one place: user information ends at the first slash, so
 * that an "@" in a path or query is no host (OURS).   Sources: [TARGET 5.4]; vectors target-context.json. */
#include "context/page_url.h"

/* Up to one of the characters of stop, which are ASCII, or a NUL. */
static size_t
span_until(struct str s, const char *stop)
{
    uint64_t mask[4] = {1};
    size_t i = 0;

    for (; *stop != '\0'; stop++)
        mask[*stop / 64] |= 1ULL << *stop % 64;
    while (i < s.n && !(mask[(unsigned char)s.p[i] / 64] >> (unsigned char)s.p[i] % 64 & 1))
        i++;
    return i;
}

/* "user:pw@" or "mailto:joe@" at the start: its length with the "@", or 0. */
static size_t
user_info(struct str s)
{
    size_t i = span_until(s, "@/?#");

    return i < s.n && s.p[i] == '@' ? i + 1 : 0;
}

struct page_url
page_url_parse(struct str url)
{
    struct page_url u = {.url = url};
    struct str rest = url;
    size_t n = span_until(rest, ":/?#.");

    if (n > 0 && n < rest.n && rest.p[n] == ':' && user_info(rest) == 0)
        rest = str_slice(rest, n + 1, rest.n);
    if (str_starts(rest, S("//")))
        rest = str_slice(rest, 2, rest.n);
    rest = str_slice(rest, user_info(rest), rest.n);
    n = span_until(rest, ":/?#");
    u.host = str_slice(rest, 0, n);
    rest = str_slice(rest, n, rest.n);
    if (rest.n > 0 && rest.p[0] == ':') {
        for (n = 1; n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9';)
            n++;
        rest = str_slice(rest, n, rest.n);
    }
    /* A path behind a broken port ("http://[::1]:3000/x") ends at its slash, and the rest of the text says nothing. */
    n = span_until(rest, rest.n > 0 && rest.p[0] == '/' ? "?#" : "?#/");
    u.path = str_slice(rest, 0, n);
    rest = str_slice(rest, n, rest.n);
    if (rest.n > 0 && rest.p[0] == '?') {
        n = span_until(rest, "#");
        u.query = str_slice(rest, 1, n);
        rest = str_slice(rest, n, rest.n);
    }
    if (rest.n > 0 && rest.p[0] == '#')
        u.fragment = str_slice(rest, 1, rest.n);
    return u;
}

struct str
surface_canonical(struct str name, struct arena *a)
{
    size_t scheme = str_starts(name, S("web://")) ? 6 : str_starts(name, S("webapp://")) ? 9 : 0, host, path;
    struct str rest = str_slice(name, scheme, name.n), fragment;
    char *p;

    if (scheme == 0)
        return name;
    fragment = str_slice(rest, span_until(rest, "#"), rest.n);
    rest = str_slice(rest, 0, span_until(rest, "#?"));
    host = span_until(rest, "/");
    for (path = rest.n; path > host && rest.p[path - 1] == '/';)
        path--;
    p = arena_alloc(a, scheme + path + 1 + fragment.n);
    if (p == NULL)
        return S_NULL;
    memcpy(p, name.p, scheme + path);
    for (size_t i = scheme; i < scheme + host; i++)
        p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    if (path == host)
        p[scheme + path++] = '/';
    if (fragment.n > 0)
        memcpy(p + scheme + path, fragment.p, fragment.n);
    return (struct str){p, scheme + path + fragment.n};
}

bool
query_value(struct str query, struct str name, struct str *value)
{
    struct str pair;

    while (query.p != NULL && str_split(&query, '&', &pair)) {
        ptrdiff_t eq = str_find_char(pair, '=');
        if (str_eq(eq < 0 ? pair : str_slice(pair, 0, (size_t)eq), name)) {
            *value = eq < 0 ? str_slice(pair, pair.n, pair.n) : str_slice(pair, (size_t)eq + 1, pair.n);
            return true;
        }
    }
    return false;
}
