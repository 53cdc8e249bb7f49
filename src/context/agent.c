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

/* Firefox says so last: "gecko/20100101 firefox/117.0". Others say "firefox/3.5 like". */
static struct str
firefox_version(struct str s)
{
    struct str v = s;

    while ((v = after(v, S("firefox/"))).p != NULL) {
        size_t i = 0;
        while (i < v.n && (is_word(v.p[i]) || v.p[i] == '.' || v.p[i] == '-'))
            i++;
        if (i > 0 && i == v.n)
            return v;
    }
    return S_NULL;
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
    if (browser_is(ua, S("chrome"), after(s, S("chrome/"))) || browser_is(ua, S("firefox"), firefox_version(s)) ||
        browser_is(ua, S("ie"), after(s, S("msie "))))
        return;
    (void)browser_is(ua, S("ie"), trident_version(s));
}

/* "Android 13;" somewhere in s. */
static bool
has_android_version(struct str s)
{
    while ((s = after(s, S("Android "))).p != NULL) {
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
find_platform(struct str s)
{
    static const struct {
        const char *word, *platform;
    } table[] = {
        {" Linux ", "linux"},     {"FreeBSD", "Unix"},      {"OpenBSD", "Unix"},   {"CrOS", "Unix"},
        {"(Windows ", "windows"}, {" Windows ", "windows"}, {"Macintosh;", "mac"},
    };

    if (has(s, S("iPhone")) || has(s, S("iPad")) || has(s, S("iPod")))
        return S("iOS");
    if (has_android_version(s))
        return S("Android");
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
    ua.platform = find_platform(text);
    ua.opera = has(s, S("opr/")) || has(s, S("opera"));
    ua.ipad = has(s, S("ipad"));
    ua.iphone = !ua.ipad && has(s, S("iphone"));
    android = has(s, S("android"));
    ua.tablet = ua.ipad || (android && !has(s, S("mobile")));
    ua.phone = !ua.tablet && (android || str_eq(ua.platform, S("iOS")) || has(s, S("mobile")));
    return ua;
}
