/* cmd_audience.h - what the files of edgewise audience share. */
#ifndef APP_CMD_AUDIENCE_H
#define APP_CMD_AUDIENCE_H

#include "app/rest_client.h"

/* What was asked, as typed; empty: not given. */
struct asked {
    struct str ns, entity; /* a person */
    struct str pql;
    struct str at;
};

/* --- cmd_audience_ask.c: what takes the server a while. id empty: of no audience --- */
enum err audience_diff(struct rest_client *c, struct str id, const struct asked *asked);
enum err audience_as_of(struct rest_client *c, struct str id, const struct asked *asked);

#endif
