/* traffic_source.c - see traffic_source.h. A host is an engine's when its registrable domain begins with the engine's
 * name, whatever the country; so "google.evil.example" is nobody's. */
#include "context/traffic_source.h"

#include "context/page_url.h"

struct str
traffic_search_engine(struct str host)
{
    static const char *const engines[] = {"baidu", "bing", "google", "yahoo"};
    struct host_parts parts = host_split(host);
    struct str name = parts.registrable;

    if (parts.suffix.n == 0)
        return S_NULL;
    name = str_slice(name, 0, name.n - parts.suffix.n - 1);
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (str_eq_nocase(name, str_of(engines[i])))
            return str_of(engines[i]);
    }
    return S_NULL;
}
