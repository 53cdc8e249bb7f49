/* admin_xid.c - see admin_xid.h. */
#include "admin/admin_xid.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/pack.h"
#include "config/namespaces.h"

#define XID_BYTES (LIMIT_IDENTITY_VALUE_BYTES + LIMIT_NAMESPACE_BYTES + 32)

struct search {
    struct str code;
    int64_t id;
    struct xid_namespace *out;
    bool found;
};

static void
try_custom(void *ctx, struct str code, const struct json *object)
{
    struct search *s = ctx;
    int64_t id = json_i64(json_get(object, S("id")), -1);

    if (s->found || (s->code.n > 0 ? !str_eq_nocase(code, s->code) : id != s->id))
        return;
    *s->out = (struct xid_namespace){code, id};
    s->found = true;
}

struct xid_namespace
xid_namespace_of(const struct call *call, struct str code)
{
    const struct namespace_standard *standard = namespace_standard_find(code);
    struct xid_namespace out = {code, -1};
    struct search s = {.code = code, .out = &out};

    if (standard != NULL)
        return (struct xid_namespace){str_of(standard->code), standard->id};
    if (code.n > 0)
        snapshot_each(call->snap, S("namespace"), call->scope, try_custom, &s);
    return out;
}

bool
xid_namespace_by_id(const struct call *call, int64_t id, struct xid_namespace *out)
{
    struct search s = {.id = id, .out = out};

    for (size_t i = 0; i < namespaces_standard_count; i++) {
        if (namespaces_standard[i].id == id) {
            *out = (struct xid_namespace){str_of(namespaces_standard[i].code), id};
            return true;
        }
    }
    snapshot_each(call->snap, S("namespace"), call->scope, try_custom, &s);
    return s.found;
}

static void
put_value(struct buf *b, struct str ns, struct str id)
{
    if (!str_eq(ns, S("Email"))) {
        buf_put(b, id);
        return;
    }
    for (size_t i = 0; i < id.n; i++)
        buf_putc(b, id.p[i] >= 'A' && id.p[i] <= 'Z' ? (char)(id.p[i] | 32) : id.p[i]);
}

struct str
xid_write(const struct call *call, struct arena *a, struct str ns, struct str id)
{
    struct xid_namespace known = xid_namespace_of(call, ns);
    struct buf bytes, text;
    struct str xid;

    buf_init(&bytes, XID_BYTES);
    buf_init(&text, XID_BYTES * 2);
    if (known.id >= 0)
        pack_u64(&bytes, (uint64_t)known.id);
    else
        pack_str(&bytes, ns);
    put_value(&bytes, known.code, id);
    buf_putc(&text, known.id >= 0 ? 'A' : 'B');
    base64url_encode(&text, buf_str(&bytes));
    xid = buf_ok(&bytes) && buf_ok(&text) ? arena_str(a, buf_str(&text)) : S_NULL;
    buf_deinit(&bytes);
    buf_deinit(&text);
    return xid;
}

bool
xid_read(const struct call *call, struct str xid, struct arena *a, struct str *ns, struct str *id)
{
    struct xid_namespace known = {.id = -1};
    struct unpack u;
    struct str bytes;
    uint64_t number;

    if (xid.n < 3 || (xid.p[0] != 'A' && xid.p[0] != 'B'))
        return false;
    bytes = base64_decode(str_slice(xid, 1, xid.n), a);
    if (bytes.p == NULL)
        return false;
    u = unpack_from(bytes);
    if (xid.p[0] == 'A') {
        number = unpack_u64(&u);
        if (u.bad || number > INT64_MAX || !xid_namespace_by_id(call, (int64_t)number, &known))
            return false;
    } else {
        known.code = unpack_str(&u);
    }
    if (u.bad || unpack_left(&u) == 0 || known.code.n == 0)
        return false;
    *ns = known.code;
    *id = (struct str){(const char *)u.p, unpack_left(&u)};
    return str_is_utf8(*id) && str_is_utf8(*ns);
}

bool
xid_identity_of(const struct call *call, struct str ns, int64_t nsid, struct str id, struct arena *a,
                struct xid_identity *out)
{
    struct xid_namespace known = {0};

    if (id.n == 0 || id.n > LIMIT_IDENTITY_VALUE_BYTES * 2)
        return false;
    if (ns.n == 0 && nsid < 0) {
        out->xid = id;
        return xid_read(call, id, a, &out->ns, &out->id);
    }
    if (ns.n > 0 && !str_to_i64(ns, &nsid))
        known = xid_namespace_of(call, ns);
    else if (!xid_namespace_by_id(call, nsid, &known))
        return false;
    *out = (struct xid_identity){known.code, id, xid_write(call, a, known.code, id)};
    return out->xid.p != NULL;
}
