/* artifact_service.h - on-device artifacts for clients to download, as one http_service [TARGET 5.1].
 *
 *   /{client}/{environment}/v1[/{property}]/rules.json    and rules.bin
 *
 * The environment is its name without case, the property its token. GET and HEAD, ETag and If-None-Match, for any
 * origin.   Threads  handlers run on HTTP workers and share the snapshot and the kept texts. */
#ifndef EDGE_ARTIFACT_SERVICE_H
#define EDGE_ARTIFACT_SERVICE_H

#include "config/artifact.h"
#include "http/http.h"

struct artifact_service {
    struct config *config;
    struct artifacts *artifacts;
};

/* x is borrowed while the service is in use. */
struct http_service artifact_http_service(struct artifact_service *x);

#endif
