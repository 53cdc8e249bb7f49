/* host_psl.c - hosts split by the public suffix list; the only file that sees libpsl.
 *
 * The list is the one that libpsl was built with: nothing is read at run time. A name below a suffix that is not listed
 * has no suffix, as on device [TARGET 5.4], so the list's last rule ("*") is not applied. */
#include <libpsl.h>

#include "context/page_url.h"

#define HOST_BYTES 253 /* [RFC 1035] of a name; a longer text is no host */

static bool
is_address(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (strchr("0123456789.", host.p[i]) == NULL)
            return false;
    }
    return true;
}

/* Start of the longest listed suffix, or host.n. The whole host counts too: then it is a bare suffix. */
static size_t
suffix_start(struct str host)
{
    const psl_ctx_t *list = psl_builtin();
    char low[HOST_BYTES + 1];

    if (list == NULL || host.n > HOST_BYTES || memchr(host.p, '\0', host.n) != NULL)
        return host.n;
    for (size_t i = 0; i < host.n; i++)
        low[i] = (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] + 32 : host.p[i]);
    low[host.n] = '\0';
    for (size_t i = 0; i < host.n; i++) {
        if ((i == 0 || low[i - 1] == '.') && low[i] != '.' &&
            psl_is_public_suffix2(list, low + i, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE))
            return i;
    }
    return host.n;
}

/* The engine drops the text "www" and one character behind it, whatever that is. */
static struct str
without_www(struct str subdomain)
{
    if (subdomain.n >= 3 && str_eq_nocase(str_slice(subdomain, 0, 3), S("www")))
        return str_slice(subdomain, 4, subdomain.n);
    return subdomain;
}

struct host_parts
host_split(struct str host)
{
    struct host_parts parts = {.registrable = host};
    size_t suffix, domain;

    if (host.n == 0 || is_address(host))
        return parts;
    suffix = suffix_start(host);
    if (suffix == 0 || suffix == host.n)
        return parts;
    for (domain = suffix - 1; domain > 0 && host.p[domain - 1] != '.';)
        domain--;
    parts.suffix = str_slice(host, suffix, host.n);
    parts.registrable = str_slice(host, domain, host.n);
    if (domain > 0)
        parts.subdomain = without_www(str_slice(host, 0, domain - 1));
    return parts;
}
