/* agent.c - what a user agent text says [TARGET 5.4].
 *
 * The rules are those of the on-device engine, so that a rule on the browser means the same on both sides; what it
 * cannot tell apart (Opera, iPhone, iPad) is reported besides.   Sources: [TARGET 5.4]; vectors target-context.json. */
#include "context/agent.h"

/* Beyond this nothing is said that the rules look for. */
#define AGENT_BYTES 512

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* A text and which pairs of neighbours it has, so that most words that it does not have cost no search: two dozen are
 * looked for, and an agent has a few of them. A part of the text keeps the pairs of the whole. */
#define PAIR_BITS 1024
struct scan {
    struct str s;
    const uint64_t *pairs;
};

static unsigned
pair_bit(char a, char b)
{
    return ((unsigned)(unsigned char)a * 37 + (unsigned char)b) % PAIR_BITS;
}

static struct scan
scan_of(struct str s, uint64_t pairs[PAIR_BITS / 64])
{
    memset(pairs, 0, PAIR_BITS / 8);
    for (size_t i = 0; i + 1 < s.n; i++) {
        unsigned bit = pair_bit(s.p[i], s.p[i + 1]);
        pairs[bit / 64] |= 1ULL << bit % 64;
    }
    return (struct scan){s, pairs};
}

static ptrdiff_t
find(struct scan x, struct str needle)
{
    for (size_t i = 0; i + 1 < needle.n; i++) {
        unsigned bit = pair_bit(needle.p[i], needle.p[i + 1]);
        if ((x.pairs[bit / 64] & 1ULL << bit % 64) == 0)
            return -1;
    }
    return str_find(x.s, needle);
}

/* What follows the needle; s.p is NULL when it is not there. */
static struct scan
after(struct scan x, struct str needle)
{
    ptrdiff_t at = find(x, needle);

    return (struct scan){at < 0 ? S_NULL : str_slice(x.s, (size_t)at + needle.n, x.s.n), x.pairs};
}

static bool
has(struct scan x, struct str needle)
{
    return find(x, needle) >= 0;
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
has_mobile_safari(struct scan x)
{
    while ((x = after(x, S("mobile/"))).s.p != NULL) {
        struct str s = x.s;
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
trident_version(struct scan x)
{
    struct scan rv = after(after(x, S("trident")), S("rv"));

    if (rv.s.n == 0 || (rv.s.p[0] != ':' && rv.s.p[0] != ' ') || !has(rv, S("like gecko")))
        return S_NULL;
    return str_slice(rv.s, 1, rv.s.n);
}

/* Firefox says so last: "gecko/20100101 firefox/117.0". Others say "firefox/3.5 like". */
static struct str
firefox_version(struct scan x)
{
    while ((x = after(x, S("firefox/"))).s.p != NULL) {
        struct str v = x.s;
        size_t i = 0;
        while (i < v.n && (is_word(v.p[i]) || v.p[i] == '.' || v.p[i] == '-'))
            i++;
        if (i > 0 && i == v.n)
            return v;
    }
    return S_NULL;
}

static void
find_browser(struct user_agent *ua, struct scan x)
{
    static const char *const edges[] = {"edge/", "edgios/", "edga/", "edg/"};
    struct scan version;

    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        if (browser_is(ua, S("edge"), after(x, str_of(edges[i])).s))
            return;
    }
    version = after(x, S("version/"));
    if (version.s.p != NULL && has_mobile_safari(version)) {
        (void)browser_is(ua, S("mobile safari"), version.s);
        return;
    }
    if (version.s.p != NULL && has(version, S("safari"))) {
        (void)browser_is(ua, S("safari"), version.s);
        return;
    }
    if (browser_is(ua, S("chrome"), after(x, S("chrome/")).s) || browser_is(ua, S("firefox"), firefox_version(x)) ||
        browser_is(ua, S("ie"), after(x, S("msie ")).s))
        return;
    (void)browser_is(ua, S("ie"), trident_version(x));
}

/* "Android 13;" somewhere in s. */
static bool
has_android_version(struct scan x)
{
    while ((x = after(x, S("Android "))).s.p != NULL) {
        struct str s = x.s;
        size_t i = 0;
        while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.'))
            i++;
        if (i > 0 && i < s.n && s.p[i] == ';')
            return true;
    }
    return false;
}

/* Systems are spelled exactly, as the engine wants them. */
static struct str
find_platform(struct scan x)
{
    static const struct {
        const char *word, *platform;
    } table[] = {
        {" Linux ", "linux"},     {"FreeBSD", "Unix"},      {"OpenBSD", "Unix"},   {"CrOS", "Unix"},
        {"(Windows ", "windows"}, {" Windows ", "windows"}, {"Macintosh;", "mac"},
    };

    if (has(x, S("iPhone")) || has(x, S("iPad")) || has(x, S("iPod")))
        return S("iOS");
    if (has_android_version(x))
        return S("Android");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (has(x, str_of(table[i].word)))
            return str_of(table[i].platform);
    }
    return S("unknown");
}

struct user_agent
user_agent_parse(struct str text)
{
    struct user_agent ua = {.browser = S("unknown"), .version = -1};
    char low[AGENT_BYTES];
    uint64_t pairs[PAIR_BITS / 64], low_pairs[PAIR_BITS / 64];
    size_t n = text.n < sizeof(low) ? text.n : sizeof(low);
    struct scan s;
    bool android;

    for (size_t i = 0; i < n; i++)
        low[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + 32 : text.p[i]);
    s = scan_of((struct str){low, n}, low_pairs);
    find_browser(&ua, s);
    ua.platform = find_platform(scan_of(text, pairs));
    ua.opera = has(s, S("opr/")) || has(s, S("opera"));
    ua.ipad = has(s, S("ipad"));
    ua.iphone = !ua.ipad && has(s, S("iphone"));
    android = has(s, S("android"));
    ua.tablet = ua.ipad || (android && !has(s, S("mobile")));
    ua.phone = !ua.tablet && (android || str_eq(ua.platform, S("iOS")) || has(s, S("mobile")));
    return ua;
}
