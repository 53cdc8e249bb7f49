/* admin_flow_derive.c - inlets and destinations out of flow objects, and the connection specs there are.
 *
 * The ids of the two personalization specs are not public; ours are fixed [PLATFORM B-3]. A destination has the flow's
 * id:
 * {"id","spec":"target"|"custom","alias","datastreamId","audiences":[..],"attributes":[..],"enabled"}. */
#include "admin/admin_flow.h"
#include "config/schema_view.h"

#define SPEC_STREAMING "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb"
#define SPEC_TARGET "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b201"
#define SPEC_CUSTOM "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202"

static const struct {
    const char *id, *name, *type, *provider;
} specs[] = {
    {SPEC_STREAMING, "Streaming Connection", "source", "521eee4d-8cbe-4906-bb48-fb6bd4450033"},
    {"8a9c3494-9708-43d7-ae3f-cda01e5030e1", "Profile Store", "source", "14e34fac-d307-11e9-bb65-2a2ae2dbcce4"},
    {"23598e46-f560-407b-88d5-ea6207e49db0", "Data Lake", "source", "0ed90a81-07f4-4586-8190-b40eccef1c5a"},
    {SPEC_TARGET, "Adobe Target", "destination", "14e34fac-d307-11e9-bb65-2a2ae2dbcce4"},
    {SPEC_CUSTOM, "Custom Personalization With Attributes", "destination", "14e34fac-d307-11e9-bb65-2a2ae2dbcce4"},
};

static void
write_spec(struct jw *w, size_t i)
{
    jw_object(w);
    jw_kstr(w, S("id"), str_of(specs[i].id));
    jw_kstr(w, S("name"), str_of(specs[i].name));
    jw_kstr(w, S("providerId"), str_of(specs[i].provider));
    jw_kstr(w, S("version"), S("1.0"));
    jw_key(w, S("attributes"));
    jw_object(w);
    jw_kbool(w, S("isSource"), strcmp(specs[i].type, "source") == 0);
    jw_kbool(w, S("isDestination"), strcmp(specs[i].type, "destination") == 0);
    jw_end(w);
    jw_end(w);
}

static void
write_specs(struct http_res *rs, size_t from, size_t to)
{
    struct jw w = admin_json(rs, 200);

    jw_object(&w);
    jw_key(&w, S("items"));
    jw_array(&w);
    for (size_t i = from; i < to; i++)
        write_spec(&w, i);
    jw_end(&w);
    jw_kraw(&w, S("_links"), S("{}"));
    jw_end(&w);
}

void
flow_specs_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    (void)params;
    write_specs(rs, 0, sizeof specs / sizeof *specs);
}

void
flow_spec_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str id = route_param(params, S("id"));

    (void)ctx;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        if (str_eq(id, str_of(specs[i].id))) {
            write_specs(rs, i, i + 1);
            return;
        }
    }
    admin_not_found(rq, rs, ERRORS_FLOW, "connectionSpecs", id);
}

/* ---- inlets ---- */

bool
flow_is_streaming(const struct json *body)
{
    return str_eq(json_str(json_path(body, S("connectionSpec.id"))), S(SPEC_STREAMING));
}

/* The path is the only secret of an open inlet, so it is real entropy and not the worker's sequence. */
void
flow_put_inlet(struct edit *e, struct call *call, struct http_req *rq)
{
    unsigned char bytes[32];
    char id[64];
    struct str host = http_header(rq, S("Host"));
    struct edit_node *auth = edit_object(e, e->root, S("auth")), *params = edit_object(e, auth, S("params"));

    os_entropy(call->admin->o.os, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    edit_put_str(e, params, S("inletId"), (struct str){id, sizeof id});
    edit_put_str(e, params, S("inletUrl"),
                 arena_printf(rq->arena, "%s://%.*s/collection/%.64s", rq->tls ? "https" : "http",
                              host.n > 0 ? (int)host.n : 9, host.n > 0 ? host.p : "localhost", id));
}

static enum err
derive_inlet(struct call *call, struct http_req *rq, struct str id, const struct json *o, struct flow_changes *c,
             struct diag *d)
{
    const struct json *params = json_path(o, S("auth.params"));
    struct str inlet = json_str(json_get(params, S("inletId")));
    struct edit e = edit_of(rq->arena, NULL);

    edit_put_str(&e, e.root, S("id"), inlet);
    edit_put_str(&e, e.root, S("connectionId"), id);
    edit_put_json(&e, e.root, S("name"), json_get(o, S("name")));
    edit_put_str(&e, e.root, S("sourceId"), json_str(json_get(params, S("sourceId"))));
    edit_put_str(&e, e.root, S("dataType"), S("xdm"));
    edit_put_bool(&e, e.root, S("authenticationRequired"),
                  json_bool(json_get(params, S("authenticationRequired")), false));
    c->items[c->n++] = (struct config_change){S("inlet"), call->scope, inlet, edit_text(&e), CONFIG_ANY_VERSION};
    return e.nomem ? diag_set(d, ERR_LIMIT, "the document exceeds request memory") : ERR_OK;
}

/* ---- destinations ---- */

static const char *
personalization_spec(const struct json *target)
{
    struct str id = json_str(json_path(target, S("connectionSpec.id")));

    return str_eq(id, S(SPEC_TARGET)) ? "target" : str_eq(id, S(SPEC_CUSTOM)) ? "custom" : NULL;
}

/* What the type of an attribute is in the profile's schemas; XDM_NONE when none of them has it. */
struct type_search {
    struct call *call;
    struct str path;
    enum xdm_type type;
};

static void
type_in_schema(void *ctx, struct str id, const struct json *object)
{
    struct type_search *s = ctx;
    const struct schema_view *v = schema_view_of(s->call->snap, s->call->scope, id);

    (void)object;
    if (v != NULL && s->type == XDM_NONE && !schema_view_is_event(v))
        s->type = schema_view_type(v, s->path);
}

/* Only scalars reach an offer or a look-up [PLATFORM 7.1]. */
static enum err
check_attribute(struct call *call, struct str path, struct diag *d)
{
    struct type_search s = {call, path, XDM_NONE};

    snapshot_each(call->snap, S("schema"), call->scope, type_in_schema, &s);
    if (s.type == XDM_ARRAY || s.type == XDM_MAP || s.type == XDM_OBJECT)
        return diag_set_path(d, ERR_INVALID, "transformations",
                             "attribute '%.*s' is of type %s: only single values can be mapped", STR_ARG(path),
                             xdm_type_name(s.type));
    return ERR_OK;
}

/* The dotted path of a profile selector, by whichever member names it. */
static struct str
selector_path(const struct json *value)
{
    static const char *const members[] = {"mapping.sourceAttribute", "mapping.source", "path"};

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct str path = json_str(json_path(value, str_of(members[i])));
        if (path.n > 0)
            return str_starts(path, S("xdm:")) ? str_slice(path, 4, path.n) : path;
    }
    return S_NULL;
}

struct selectors {
    struct jw w;
    struct call *call;
    bool attributes;
};

static enum err
write_selectors(struct selectors *s, const struct json *flow, struct diag *d)
{
    struct json_iter transformation = json_iter(json_get(flow, S("transformations")));
    enum err rc = ERR_OK;

    jw_key(&s->w, s->attributes ? S("attributes") : S("audiences"));
    jw_array(&s->w);
    while (json_next(&transformation)) {
        struct str list =
            s->attributes ? S("params.profileSelectors.selectors") : S("params.segmentSelectors.selectors");
        struct json_iter it = json_iter(json_path(transformation.value, list));
        while (rc == ERR_OK && json_next(&it)) {
            const struct json *value = json_get(it.value, S("value"));
            struct str name = s->attributes ? selector_path(value) : json_str(json_get(value, S("id")));
            if (name.n == 0)
                rc = diag_set_path(d, ERR_INVALID, "transformations", "a selector names no %s",
                                   s->attributes ? "path" : "audience id");
            else if (s->attributes)
                rc = check_attribute(s->call, name, d);
            jw_str(&s->w, name);
        }
    }
    jw_end(&s->w);
    return rc;
}

static enum err
write_destination(struct call *call, struct buf *out, struct str id, const struct json *flow, const struct json *target,
                  struct diag *d)
{
    struct selectors s = {jw_to(out), call, false};
    struct str datastream = json_str(json_path(target, S("params.datastreamId")));
    enum err rc;

    jw_object(&s.w);
    jw_kstr(&s.w, S("id"), id);
    jw_kstr(&s.w, S("spec"), str_of(personalization_spec(target)));
    jw_kstr(&s.w, S("alias"), json_str(json_path(target, S("params.integrationAlias"))));
    jw_kstr(&s.w, S("datastreamId"), str_eq_nocase(datastream, S("None")) ? S("") : datastream);
    rc = write_selectors(&s, flow, d);
    s.attributes = true;
    if (rc == ERR_OK)
        rc = write_selectors(&s, flow, d);
    jw_kbool(&s.w, S("enabled"), !str_eq(json_str(json_get(flow, S("state"))), S("disabled")));
    jw_end(&s.w);
    return rc;
}

/* Adds the destination of one flow, given its target connection as it will be. */
static enum err
derive_destination(struct call *call, struct http_req *rq, struct str id, const struct json *flow,
                   const struct json *target, struct flow_changes *c, struct diag *d)
{
    struct buf text;
    enum err rc;

    if (personalization_spec(target) == NULL)
        return ERR_OK;
    if (c->n == LIMIT_CONFIG_CHANGES)
        return diag_set(d, ERR_LIMIT, "more than %d flows share this connection", LIMIT_CONFIG_CHANGES - 1);
    buf_init(&text, LIMIT_ADMIN_BODY_BYTES);
    rc = write_destination(call, &text, id, flow, target, d);
    c->items[c->n++] = (struct config_change){S("destination"), call->scope, id, arena_str(rq->arena, buf_str(&text)),
                                              CONFIG_ANY_VERSION};
    if (rc == ERR_OK && (!buf_ok(&text) || c->items[c->n - 1].json.p == NULL))
        rc = diag_set(d, ERR_LIMIT, "the flow exceeds request memory");
    buf_deinit(&text);
    return rc;
}

/* Every flow that leads to a target connection which changes. */
struct flows_of_target {
    struct call *call;
    struct http_req *rq;
    struct str target_id;
    const struct json *target;
    struct flow_changes *c;
    struct diag *d;
    enum err rc;
};

static struct str
first_target(const struct json *flow)
{
    return json_str(json_at(json_get(flow, S("targetConnectionIds")), 0));
}

static void
rederive(void *ctx, struct str id, const struct json *flow)
{
    struct flows_of_target *f = ctx;

    if (f->rc == ERR_OK && str_eq(first_target(flow), f->target_id))
        f->rc = derive_destination(f->call, f->rq, id, flow, f->target, f->c, f->d);
}

enum err
flow_derive(struct call *call, struct http_req *rq, const struct flow_kind *k, struct str id, const struct json *o,
            struct flow_changes *c, struct diag *d)
{
    if (strcmp(k->kind, "connection") == 0 && json_path(o, S("auth.params.inletId")) != NULL)
        return derive_inlet(call, rq, id, o, c, d);
    if (strcmp(k->kind, "flow") == 0) {
        const struct json *target = snapshot_object(call->snap, S("targetConnection"), call->scope, first_target(o));
        return derive_destination(call, rq, id, o, target, c, d);
    }
    if (strcmp(k->kind, "targetConnection") == 0) {
        struct flows_of_target f = {call, rq, id, o, c, d, ERR_OK};
        snapshot_each(call->snap, S("flow"), call->scope, rederive, &f);
        return f.rc;
    }
    return ERR_OK;
}

bool
flow_derive_delete(struct call *call, const struct flow_kind *k, struct str id, struct flow_changes *c)
{
    const struct json *o = snapshot_object(call->snap, str_of(k->kind), call->scope, id);
    struct str inlet = json_str(json_path(o, S("auth.params.inletId")));

    if (strcmp(k->kind, "connection") == 0 && snapshot_object(call->snap, S("inlet"), call->scope, inlet) != NULL)
        c->items[c->n++] = (struct config_change){S("inlet"), call->scope, inlet, S_NULL, CONFIG_ANY_VERSION};
    if (strcmp(k->kind, "flow") != 0 || snapshot_object(call->snap, S("destination"), call->scope, id) == NULL)
        return false;
    c->items[c->n++] = (struct config_change){S("destination"), call->scope, id, S_NULL, CONFIG_ANY_VERSION};
    return true;
}
