/* traffic_source.h - which search engine sent a visitor [TARGET 4.2], from the host of the referrer: "www.google.co.uk"
 * is google. Answers "baidu", "bing", "google", "yahoo", or is empty.   Threads  any. */
#ifndef CONTEXT_TRAFFIC_SOURCE_H
#define CONTEXT_TRAFFIC_SOURCE_H

#include "base/str.h"

struct str traffic_search_engine(struct str host);

#endif
