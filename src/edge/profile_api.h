/* profile_api.h - the profile APIs of the Target part: writing and reading attributes of visitors from a server
 * [TARGET 6.10].
 *
 *   POST /m2/{client}/profile/batchUpdate       v1: visitors who are there
 *   POST /m2/{client}/v2/profile/batchUpdate    v2: makes those who are not
 *   GET  /m2/{client}/profile/batchStatus       ?batchId=  [&showDetails=true]
 *   GET, POST /m2/{client}/profile/update       one visitor who is there
 *   GET  /rest/v1/profiles/{tntId}, /thirdPartyId/{id}, /marketingCloudVisitorId/{ecid}   ?client=
 *
 * A row is a hit as everything is, a visit that opens no session: an update is in the log before it is answered, a
 * batch is on the disk before it is, and its rows are folded by a thread of its own, in the order in which batches
 * came. What is left of a batch after a crash is folded again from its beginning, which gives the same.
 *
 *   profile_api.c          paths, access, answers         profile_api_rows.c    the text of a batch
 *   profile_api_write.c    one visitor's attributes       profile_api_batch.c   batches waiting, running, ended
 *   profile_api_fetch.c    reading them
 *
 * Access     Anybody who knows an id, unless targetSettings has enableProfileApiAuthentication: then a bearer token of
 *            scope profile_api (model/access_token.h).   Threads  handlers: any worker; one thread for batches. */
#ifndef EDGE_PROFILE_API_H
#define EDGE_PROFILE_API_H

#include "edge/edge.h"

struct profile_api;
/* dir keeps the batches; edge is borrowed. Batches that were waiting when the process ended are waiting again. */
enum err profile_api_open(struct edge *e, const char *dir, struct profile_api **out, struct diag *d);
/* The batch that is running is left where it is. NULL is allowed. */
void profile_api_close(struct profile_api *p);
struct http_service profile_api_service(struct profile_api *p);

#endif
