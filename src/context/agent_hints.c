/* agent_hints.c - client hints over the user agent [TARGET 5.4].
 *
 * Brand lists read  "Chromium";v="99", "Google Chrome";v="99.0.4844.83". The full list wins over the list of major
 * versions; brands are tried in the engine's order, and one that is not among them leaves what the user agent says. */
#include "context/agent.h"

struct brand {
    const char *ends, *browser;
};

static const struct brand brands[] = {
    {"chrome\";v=\"", "chrome"}, {"edge\";v=\"", "edge"}, {"safari\";v=\"", "safari"}, {"firefox\";v=\"", "firefox"}};

/* Where `needle` (in lower case) begins in s, whatever the case. */
static ptrdiff_t
find_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++) {
        if (str_eq_nocase(str_slice(s, i, i + needle.n), needle))
            return (ptrdiff_t)i;
    }
    return -1;
}

/* A brand counts when its version begins with a digit or dot; one that begins with a dot is no number. */
static bool
read_brand(struct user_agent *ua, struct str list, const struct brand *brand)
{
    struct str needle = str_of(brand->ends), rest;
    ptrdiff_t at = find_nocase(list, needle);
    int version = -1;
    size_t n = 0;

    if (at < 0)
        return false;
    rest = str_slice(list, (size_t)at + needle.n, list.n);
    while (n < rest.n && ((rest.p[n] >= '0' && rest.p[n] <= '9') || rest.p[n] == '.'))
        n++;
    if (n == 0 || n == rest.n || rest.p[n] != '"')
        return false;
    for (size_t i = 0; i < n && i < 6 && rest.p[i] != '.'; i++)
        version = (version < 0 ? 0 : version) * 10 + (rest.p[i] - '0');
    ua->browser = str_of(brand->browser);
    if (version >= 0)
        ua->version = version;
    return true;
}

static struct str
platform_name(struct str hint)
{
    static const char *const names[][2] = {
        {"Windows", "windows"}, {"Macintosh", "mac"}, {"Mac OS", "mac"}, {"macOS", "mac"}, {"Linux", "linux"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(hint, str_of(names[i][0])))
            return str_of(names[i][1]);
    }
    return hint;
}

struct user_agent
user_agent_with_hints(struct str text, const struct json *hints)
{
    struct user_agent ua = user_agent_parse(text);
    struct str list = json_str(json_get(hints, S("browserUAWithFullVersion")));
    const struct json *platform = json_get(hints, S("platform")), *mobile = json_get(hints, S("mobile"));

    if (list.n == 0)
        list = json_str(json_get(hints, S("browserUAWithMajorVersion")));
    for (size_t i = 0; i < sizeof(brands) / sizeof(brands[0]); i++) {
        if (read_brand(&ua, list, &brands[i]))
            break;
    }
    if (find_nocase(list, S("opera\";v=\"")) >= 0)
        ua.opera = true;
    if (json_is(platform, JSON_STRING))
        ua.platform = platform_name(json_str(platform));
    if (json_is(mobile, JSON_BOOL)) {
        bool phone = json_bool(mobile, false) && !ua.tablet;
        ua.tablet = ua.tablet || (!json_bool(mobile, false) && str_eq(ua.platform, S("Android")));
        ua.phone = phone;
    } else if (json_is(platform, JSON_STRING) && !str_eq(ua.platform, S("Android")) && !str_eq(ua.platform, S("iOS"))) {
        ua.phone = ua.tablet = false; /* a desktop system, whatever the text pretends */
    }
    return ua;
}
