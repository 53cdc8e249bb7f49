/* tenant.h - which organisation's data a client of the Target part means: by client code or by organisation id.
 *
 * A client code belongs to the organisation object that names it, and its activities are those of the sandbox prod.
 * Environments are objects of that scope; Production is there without one.   Threads  any. */
#ifndef CONFIG_TENANT_H
#define CONFIG_TENANT_H

#include "config/config.h"

struct tenant {
    struct str client; /* code */
    struct str org;    /* "...@AdobeOrg" */
    struct str scope;  /* org/sandbox */
    const struct scope_view *view;
};

/* Borrowed from the snapshot. false: nobody's. */
bool tenant_by_client(const struct snapshot *s, struct str client, struct tenant *out);
bool tenant_by_org(const struct snapshot *s, struct str org, struct tenant *out);

struct environment {
    int64_t id;
    struct str name;
    bool serve_inactive;
};
/* By number, or by name without case; false: the scope has none such. */
bool tenant_environment_by_id(const struct snapshot *s, struct str scope, int64_t id, struct environment *out);
bool tenant_environment(const struct snapshot *s, struct str scope, struct str name, struct environment *out);
/* Of a page's host, whatever its case: the one it was saved with, else the one where new hosts belong. Production, when
 * there is no host. */
struct environment tenant_environment_of_host(const struct snapshot *s, struct str scope, struct str host,
                                              struct arena *a);

#endif
