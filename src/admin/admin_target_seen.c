/* admin_target_seen.c - hosts, locations and attribute names that requests had: what an administrator chooses from
 * [TARGET 6.2, 6.5, 6.6]. The hub keeps the names, and nothing beside them (results.h). A host that was seen is where
 * new hosts belong until one gives it an environment. */
#include "admin/admin_target.h"
#include "base/limits.h"
#include "config/tenant.h"
#include "results/results.h"

#define STYLE ERRORS_TARGET
/* Room of LIMIT_RESULT_NAMES of the longest names, with their keys, as values and as JSON. */
#define SEEN_ARENA_BYTES ((size_t)LIMIT_REQUEST_ARENA_BYTES * 8)

/* ---- from the hub ---- */

struct seen {
    struct str scope;
    enum results_name what;
    struct arena arena; /* a request's has no room for all names */
    struct str *names;
    size_t n;
    enum err rc;
    struct diag d;
};

/* Under the hub's lock. */
static void
fetch_names(void *ctx, struct kv *k)
{
    struct seen *s = ctx;

    s->rc = results_seen(k, s->scope, s->what, &s->arena, &s->names, &s->n, &s->d);
}

/* To be closed in any case. false: the error is written. */
static bool
seen_open(struct seen *s, struct call *call, struct http_req *rq, struct http_res *rs, enum results_name what)
{
    const struct admin_hub *hub = &call->admin->o.hub;

    *s = (struct seen){.scope = call->scope, .what = what, .d = DIAG_INIT};
    arena_init(&s->arena, SEEN_ARENA_BYTES);
    if (hub->read == NULL)
        s->rc = diag_set(&s->d, ERR_UNSUPPORTED, "this process has no hub: ask one that has");
    else
        hub->read(hub->ctx, fetch_names, s);
    if (s->rc != ERR_OK)
        admin_fail(rq, rs, STYLE, 0, s->rc, &s->d);
    return s->rc == ERR_OK;
}

static void
seen_close(struct seen *s)
{
    arena_deinit(&s->arena);
}

/* ---- lists ---- */

/* Saved hosts are listed as what they are. */
static bool
is_listed(const struct call *call, const struct seen *s, struct str name)
{
    return name.n > 0 && (s->what != SEEN_HOST || snapshot_object(call->snap, S("host"), call->scope, name) == NULL);
}

/* An array of {"name"}, of hosts with "environmentId". */
static enum err
seen_objects(const struct call *call, struct seen *s, const struct json **out)
{
    struct buf text;
    struct jw w;
    enum err rc;

    buf_init(&text, SEEN_ARENA_BYTES);
    w = jw_to(&text);
    jw_array(&w);
    for (size_t i = 0; i < s->n; i++) {
        if (!is_listed(call, s, s->names[i]))
            continue;
        jw_object(&w);
        jw_kstr(&w, S("name"), s->names[i]);
        if (s->what == SEEN_HOST)
            jw_ki64(&w, S("environmentId"),
                    tenant_environment_of_host(call->snap, call->scope, s->names[i], &s->arena).id);
        jw_end(&w);
    }
    jw_end(&w);
    rc = buf_ok(&text) ? json_parse(buf_str(&text), &s->arena, out, &s->d)
                       : diag_set(&s->d, ERR_NOMEM, "no memory for the list");
    buf_deinit(&text);
    return rc;
}

static void
list(struct call *call, struct http_req *rq, struct http_res *rs, enum results_name what, const char *kind,
     const char *plural, void (*write)(struct jw *w, const struct json *o))
{
    const struct json *objects = NULL;
    struct seen s;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    if (seen_open(&s, call, rq, rs, what)) {
        enum err rc = seen_objects(call, &s, &objects);
        if (rc == ERR_OK)
            target_list_with(call, rq, rs, version, kind, plural, write, objects);
        else
            admin_fail(rq, rs, STYLE, 0, rc, &s.d);
    }
    seen_close(&s);
}

/* A process without a hub knows the hosts that were given an environment. */
static void
hosts_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    int version;

    (void)params;
    if (call->admin->o.hub.read != NULL)
        list(call, rq, rs, SEEN_HOST, "host", "hosts", target_write_whole);
    else if (target_media(rq, rs, 1, &version))
        target_list(call, rq, rs, version, "host", "hosts", target_write_whole);
}

static void
mboxes_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    list(ctx, rq, rs, SEEN_MBOX, NULL, "mboxes", target_write_whole);
}

static void
write_name(struct jw *w, const struct json *o)
{
    jw_json(w, json_get(o, S("name")));
}

static void
attributes_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    (void)params;
    list(ctx, rq, rs, SEEN_ATTRIBUTE, NULL, "mboxProfileAttributes", write_name);
}

/* ---- one location ---- */

static bool
has_name(const struct seen *s, struct str name)
{
    size_t i = 0;

    while (i < s->n && !str_eq(s->names[i], name))
        i++;
    return i < s->n;
}

static void
mbox_get(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct str name = route_param(params, S("name"));
    struct seen s;
    int version;

    if (!target_media(rq, rs, 1, &version))
        return;
    if (seen_open(&s, ctx, rq, rs, SEEN_MBOX)) {
        if (has_name(&s, name)) {
            struct jw w = target_json(rs, 200, version);
            jw_object(&w);
            jw_kstr(&w, S("name"), name);
            jw_end(&w);
        } else {
            admin_not_found(rq, rs, STYLE, "mbox", name);
        }
    }
    seen_close(&s);
}

#define BASE "/{tenant}/target"

static const struct route routes[] = {
    {HTTP_GET, BASE "/hosts", 0, hosts_get},
    {HTTP_GET, BASE "/mboxes", 0, mboxes_get},
    {HTTP_GET, BASE "/mbox/{name...}", 0, mbox_get}, /* names may have slashes */
    {HTTP_GET, BASE "/profileattributes/mbox", 0, attributes_get},
};
const struct family family_target_seen = {routes, sizeof routes / sizeof *routes, STYLE, false};
