/* admin_xid.h - names of identities in the APIs: namespace codes in any letter case, namespace numbers, XIDs.
 *
 * An XID is one text for namespace and value [PLATFORM 4.2, B-2]; clients only pass it back. Ours is reversible:
 *
 *   'A' base64url(varint namespace number, value)      namespaces with a number
 *   'B' base64url(length, code, value)                 codes that nobody registered (any identityMap may bring some)
 *
 * The value of Email is in lower case, as the graph compares it [PLATFORM B-16]. docs/formats/xid.md */
#ifndef ADMIN_ADMIN_XID_H
#define ADMIN_ADMIN_XID_H

#include "admin/admin_int.h"

struct xid_namespace {
    struct str code; /* as registered, or as asked for when unknown */
    int64_t id;      /* -1: it has no number */
};

/* Memory for one look-up on the hub: a profile with LIMIT_PROFILE_EVENTS events of 10 KB, parsed. */
#define ENTITY_SCRATCH_BYTES (256u * 1024 * 1024)

/* By code [PLATFORM B-17]: always answers, with id -1 for unknown codes. */
struct xid_namespace xid_namespace_of(const struct call *call, struct str code);
/* By number; false: there is none. */
bool xid_namespace_by_id(const struct call *call, int64_t id, struct xid_namespace *out);

/* Arena text; p NULL: no memory. */
struct str xid_write(const struct call *call, struct arena *a, struct str ns, struct str id);
struct xid_identity {
    struct str ns; /* code */
    struct str id;
    struct str xid;
};
/* What a client asks for: a namespace by code or number in text, or by number (nsid, else -1), and a value; or an XID
 * alone as the value. False: neither, or too long. */
bool xid_identity_of(const struct call *call, struct str ns, int64_t nsid, struct str id, struct arena *a,
                     struct xid_identity *out);

/* False: not an XID of ours. */
bool xid_read(const struct call *call, struct str xid, struct arena *a, struct str *ns, struct str *id);

#endif
