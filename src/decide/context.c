/* context.c - user agents and URLs [TARGET 5.4].
 *
 * The user agent rules are those of the on-device engine, so that a rule on the browser means the same on both sides;
 * what it cannot tell apart (Opera, iPhone, iPad) is reported besides. The URL split is looser than codec/url.h, which
 * reads URLs as browsers do: Target takes "example.com/path" without a scheme as a host. It differs from the engine in
 * one place: user information ends at the first slash, so that an "@" in a path or query is no host (OURS).
 *
 * Sources: [TARGET 5.4]; vectors target-context.json. */
#include "decide/context.h"

/* Beyond this nothing is said that the rules look for. */
#define AGENT_BYTES 512

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str
after(struct str s, struct str needle)
{
    ptrdiff_t at = str_find(s, needle);

    return at < 0 ? S_NULL : str_slice(s, (size_t)at + needle.n, s.n);
}

static bool
has(struct str s, struct str needle)
{
    return str_find(s, needle) >= 0;
}

static int
leading_number(struct str s)
{
    int v = -1;

    for (size_t i = 0; i < s.n && i < 6 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        v = (v < 0 ? 0 : v) * 10 + (s.p[i] - '0');
    return v;
}

/* "mobile/15e148 safari" somewhere in s. */
static bool
has_mobile_safari(struct str s)
{
    while ((s = after(s, S("mobile/"))).p != NULL) {
        size_t i = 0;
        while (i < s.n && is_word(s.p[i]))
            i++;
        if (i > 0 && str_starts(str_slice(s, i, s.n), S(" safari")))
            return true;
    }
    return false;
}

static bool
browser_is(struct user_agent *ua, struct str name, struct str version)
{
    if (version.p == NULL)
        return false;
    ua->browser = name;
    ua->version = leading_number(version);
    return true;
}

/* Internet Explorer 11 says "trident/7.0; rv:11.0) like gecko". */
static struct str
trident_version(struct str s)
{
    struct str rv = after(after(s, S("trident")), S("rv"));

    if (rv.n == 0 || (rv.p[0] != ':' && rv.p[0] != ' ') || !has(rv, S("like gecko")))
        return S_NULL;
    return str_slice(rv, 1, rv.n);
}

static void
find_browser(struct user_agent *ua, struct str s)
{
    static const char *const edges[] = {"edge/", "edgios/", "edga/", "edg/"};
    struct str version;

    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        if (browser_is(ua, S("edge"), after(s, str_of(edges[i]))))
            return;
    }
    version = after(s, S("version/"));
    if (version.p != NULL && has_mobile_safari(version)) {
        (void)browser_is(ua, S("mobile safari"), version);
        return;
    }
    if (version.p != NULL && has(version, S("safari"))) {
        (void)browser_is(ua, S("safari"), version);
        return;
    }
    if (browser_is(ua, S("chrome"), after(s, S("chrome/"))) || browser_is(ua, S("firefox"), after(s, S("firefox/"))) ||
        browser_is(ua, S("ie"), after(s, S("msie "))))
        return;
    (void)browser_is(ua, S("ie"), trident_version(s));
}

static struct str
find_platform(struct str s)
{
    static const struct {
        const char *word, *platform;
    } table[] = {
        {"iphone", "iOS"},   {"ipad", "iOS"},     {"ipod", "iOS"},   {"android", "Android"}, {"linux", "linux"},
        {"freebsd", "Unix"}, {"openbsd", "Unix"}, {"cros ", "Unix"}, {"windows", "windows"}, {"mac os", "mac"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (has(s, str_of(table[i].word)))
            return str_of(table[i].platform);
    }
    return S("unknown");
}

struct user_agent
user_agent_parse(struct str text)
{
    struct user_agent ua = {.browser = S("unknown"), .version = -1};
    char low[AGENT_BYTES];
    struct str s = {low, text.n < sizeof(low) ? text.n : sizeof(low)};
    bool android;

    for (size_t i = 0; i < s.n; i++)
        low[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + 32 : text.p[i]);
    find_browser(&ua, s);
    ua.platform = find_platform(s);
    ua.opera = has(s, S("opr/")) || has(s, S("opera"));
    ua.ipad = has(s, S("ipad"));
    ua.iphone = !ua.ipad && has(s, S("iphone"));
    android = str_eq(ua.platform, S("Android"));
    ua.tablet = ua.ipad || (android && !has(s, S("mobile")));
    ua.phone = !ua.tablet && (android || str_eq(ua.platform, S("iOS")) || has(s, S("mobile")));
    return ua;
}

/* ---- URLs ---- */

static size_t
span_until(struct str s, const char *stop)
{
    size_t i = 0;

    while (i < s.n && strchr(stop, s.p[i]) == NULL)
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

/* Suffixes of two labels that carry most commerce outside the generic domains. OURS: the public list has 9,000 rules
 * and changes weekly; a site below another suffix writes its rules on page.domain or page.url. */
static bool
is_long_suffix(struct str s)
{
    static const char *const table[] = {
        "co.uk",  "org.uk", "ac.uk",  "gov.uk", "me.uk",  "com.au", "net.au", "org.au", "edu.au",    "gov.au", "co.nz",
        "co.jp",  "or.jp",  "ne.jp",  "ac.jp",  "go.jp",  "com.br", "com.mx", "com.ar", "com.co",    "co.in",  "co.kr",
        "com.cn", "com.tw", "com.hk", "com.sg", "com.my", "co.id",  "co.th",  "com.ph", "com.vn",    "co.za",  "com.tr",
        "co.il",  "com.ua", "com.pl", "com.es", "com.pt", "co.at",  "com.sa", "co.ke",  "github.io", "com.eg",
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_eq_nocase(s, str_of(table[i])))
            return true;
    }
    return false;
}

static bool
is_address(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (strchr("0123456789.", host.p[i]) == NULL)
            return false;
    }
    return true;
}

/* Start of the last `labels` labels, or -1 when the host has fewer. */
static ptrdiff_t
last_labels(struct str host, int labels)
{
    for (size_t i = host.n; i > 0; i--) {
        if (host.p[i - 1] == '.' && --labels == 0)
            return (ptrdiff_t)i;
    }
    return labels == 1 && host.n > 0 ? 0 : -1;
}

struct host_parts
host_split(struct str host)
{
    struct host_parts parts = {.registrable = host};
    ptrdiff_t two = last_labels(host, 2);
    int suffix_labels = two >= 0 && is_long_suffix(str_slice(host, (size_t)two, host.n)) ? 2 : 1;
    ptrdiff_t domain = last_labels(host, suffix_labels + 1);

    if (is_address(host) || domain < 0)
        return parts;
    parts.suffix = str_slice(host, (size_t)last_labels(host, suffix_labels), host.n);
    parts.registrable = str_slice(host, (size_t)domain, host.n);
    if (domain > 0)
        parts.subdomain = str_slice(host, 0, (size_t)domain - 1);
    /* The engine drops the text "www" and one character behind it, whatever that is. */
    if (parts.subdomain.n >= 3 && str_eq_nocase(str_slice(parts.subdomain, 0, 3), S("www")))
        parts.subdomain = str_slice(parts.subdomain, 4, parts.subdomain.n);
    return parts;
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
