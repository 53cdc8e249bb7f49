/* demo_site.c - the Northpeak shop at /: embedded files, and what a shop's own server would make.
 *
 *   /demo-config.js       the organisation and the datastream that `edgewise demo load` made, so that pages are static
 *   /demo-audiences.json  sizes of audiences, and why the visitor is in them or not (demo_audiences.c) */
#include "app/app.h"
#include "base/map.h"
#include "codec/json_writer.h"
#include "codec/url.h"

#define CONFIG_PATH "/demo-config.js"
#define AUDIENCES_PATH "/demo-audiences.json"
#define DATASTREAM "Northpeak web"

struct demo_site {
    struct config *config;
    struct admin *admin;
    struct map by_path; /* path -> struct asset */
};

struct demo_site *
demo_site_new(struct config *config, struct admin *admin)
{
    struct demo_site *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->config = config;
    s->admin = admin;
    map_init(&s->by_path);
    for (size_t i = 0; i < demo_asset_count; i++) {
        if (!map_put(&s->by_path, str_of(demo_assets[i].path), (void *)(uintptr_t)&demo_assets[i], NULL)) {
            demo_site_free(s);
            return NULL;
        }
    }
    return s;
}

void
demo_site_free(struct demo_site *s)
{
    if (s == NULL)
        return;
    map_deinit(&s->by_path);
    free(s);
}

/* "/" is the home page; "/tents" is /tents.html. */
static const struct asset *
find(const struct demo_site *s, struct str path)
{
    const struct asset *found;
    struct buf name;

    buf_init(&name, 4096);
    buf_put(&name, path);
    if (str_ends(path, S("/")))
        buf_put(&name, S("index.html"));
    found = map_get(&s->by_path, buf_str(&name));
    if (found == NULL) {
        buf_put(&name, S(".html"));
        found = map_get(&s->by_path, buf_str(&name));
    }
    buf_deinit(&name);
    return found;
}

static bool
match(void *ctx, const struct http_req *rq)
{
    return str_eq(rq->path, S(CONFIG_PATH)) || str_eq(rq->path, S(AUDIENCES_PATH)) || find(ctx, rq->path) != NULL;
}

static size_t
body_max(void *ctx, const struct http_req *rq)
{
    (void)ctx;
    (void)rq;
    return 0;
}

const struct datastream *
demo_datastream(const struct snapshot *snap)
{
    const struct map_slot *slot;

    for (size_t i = 0; (slot = map_next(&snap->datastreams, &i)) != NULL;) {
        const struct datastream *ds = slot->value;
        if (str_eq(json_str(json_get(ds->object, S("name"))), S(DATASTREAM)))
            return ds;
    }
    return NULL;
}

static void
write_config(const struct snapshot *snap, const struct http_req *rq, struct http_res *rs)
{
    const struct datastream *ds = demo_datastream(snap);
    struct jw w;

    buf_put(rs->body, S("window.EDGEWISE = "));
    w = jw_to(rs->body);
    jw_object(&w);
    if (ds != NULL) {
        jw_kstr(&w, S("orgId"), ds->org);
        jw_kstr(&w, S("datastreamId"), ds->id);
    }
    jw_kbool(&w, S("tls"), rq->tls);
    jw_end(&w);
    buf_put(rs->body, S(";\n"));
    rs->status = 200;
    rs->content_type = "text/javascript; charset=utf-8";
}

static void
write_generated(struct demo_site *s, struct http_req *rq, struct http_res *rs)
{
    const struct snapshot *snap = snapshot_get(s->config);

    if (str_eq(rq->path, S(AUDIENCES_PATH)))
        demo_audiences(s->admin, snap, rq, rs);
    else
        write_config(snap, rq, rs);
    snapshot_put(s->config, snap);
    http_set_header(rq, rs, S("Cache-Control"), S("no-store"));
}

static void
handle(void *ctx, struct http_req *rq, struct http_res *rs)
{
    const struct asset *asset = find(ctx, rq->path);

    if (rq->method != HTTP_GET && rq->method != HTTP_HEAD) {
        http_set_header(rq, rs, S("Allow"), S("GET, HEAD"));
        http_reply(rs, 405, "text/plain; charset=utf-8", S("use GET\n"));
        return;
    }
    if (asset == NULL) {
        write_generated(ctx, rq, rs);
        return;
    }
    http_set_header(rq, rs, S("Cache-Control"), S("no-cache"));
    rs->static_body = (struct str){(const char *)asset->bytes, asset->n};
    rs->status = 200;
    rs->content_type = asset->type;
}

static void
refuse(void *ctx, struct http_req *rq, int status, const char *why, struct http_res *rs)
{
    (void)ctx;
    (void)rq;
    http_reply(rs, status, "text/plain; charset=utf-8", str_of(why));
}

struct http_service
demo_site_service(struct demo_site *s)
{
    return (struct http_service){
        .name = "demo", .match = match, .body_max = body_max, .handle = handle, .refuse = refuse, .ctx = s};
}
