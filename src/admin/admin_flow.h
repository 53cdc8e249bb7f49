/* admin_flow.h - between the handlers of the flow service and what follows from its objects. */
#ifndef ADMIN_ADMIN_FLOW_H
#define ADMIN_ADMIN_FLOW_H

#include "admin/admin_int.h"
#include "base/limits.h"

struct flow_kind {
    const char *kind; /* of the configuration object */
    const char *path; /* word of the path */
};

struct flow_changes {
    struct config_change items[LIMIT_CONFIG_CHANGES];
    size_t n;
};

/* Does the body ask for the streaming connection? */
bool flow_is_streaming(const struct json *body);
/* Gives a connection its inlet's id and address. */
void flow_put_inlet(struct edit *e, struct call *call, struct http_req *rq);
/* Adds what must be saved with object `o`: an inlet, destinations. ERR_INVALID: an attribute that cannot be mapped. */
enum err flow_derive(struct call *call, struct http_req *rq, const struct flow_kind *k, struct str id,
                     const struct json *o, struct flow_changes *c, struct diag *d);
/* Adds what goes with a deleted object. True: it fed a destination. */
bool flow_derive_delete(struct call *call, const struct flow_kind *k, struct str id, struct flow_changes *c);

void flow_specs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs);
void flow_spec_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs);

#endif
