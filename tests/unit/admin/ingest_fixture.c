/* ingest_fixture.c - see ingest_fixture.h. */
#include "ingest_fixture.h"

#include "profile/profile_store.h"

struct str
quoted(struct t *t, const char *json)
{
    struct str s = arena_str(t->arena, str_of(json));

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            ((char *)(uintptr_t)s.p)[i] = '"';
    }
    return s;
}

void
world_put(struct world *w, const char *kind, const char *scope, const char *id, const char *json)
{
    struct t *t = w->t;

    CHECK_OK(config_put(w->config, str_of(kind), str_of(scope), str_of(id), quoted(t, json), NOW, d));
}

static void
put_dataset(struct world *w, const char *id, const char *schema, const char *tags)
{
    world_put(
        w, "dataset", SCOPE, id,
        arena_printf(w->t->arena, "{'id':'%s','name':'%s','schemaRef':{'id':'%s'},'tags':%s}", id, id, schema, tags).p);
}

static void
put_profile_schema(struct world *w, const char *more)
{
    world_put(w, "schema", SCOPE, PROFILE_SCHEMA,
              arena_printf(w->t->arena,
                           "{'$id':'" PROFILE_SCHEMA
                           "','meta:altId':'_acme.schemas.p1','title':'Person','type':'object',"
                           "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'},"
                           "{'$ref':'https://ns.adobe.com/xdm/context/profile-person-details'},"
                           "{'$ref':'https://ns.adobe.com/xdm/context/profile-personal-details'}],"
                           "'properties':{'_acme':{'type':'object','properties':{'crmId':{'type':'string'},"
                           "'points':{'type':'integer'},'score':{'type':'number'},'vip':{'type':'boolean'},"
                           "'joined':{'type':'string','format':'date'},'seen':{'type':'string','format':'date-time'},"
                           "'hash':{'type':'string'},'tags':{'type':'array','items':{'type':'string'}}}}}%s}",
                           more)
                  .p);
}

static void
put_all(struct world *w)
{
    world_put(w, "org", ORG, ORG,
              "{'id':'" ORG "','tenant':'acme','clientCode':'acme','tokenKey':'000102030405060708090a0b0c0d0e0f'}");
    world_put(w, "sandbox", ORG, "prod", "{'name':'prod','type':'production','title':'Production'}");
    world_put(w, "namespace", SCOPE, "CRMID", "{'code':'CRMID','id':10000001,'name':'CRM','idType':'CROSS_DEVICE'}");
    put_profile_schema(w, "");
    world_put(w, "descriptor", SCOPE, "i1",
              "{'@id':'i1','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_SCHEMA
              "','xdm:sourceProperty':'/_acme/"
              "crmId','xdm:namespace':'CRMID','xdm:property':'xdm:code','xdm:isPrimary':true}");
    world_put(w, "descriptor", SCOPE, "i2",
              "{'@id':'i2','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_SCHEMA
              "','xdm:sourceProperty':'/personalEmail/address','xdm:namespace':'Email','xdm:property':'xdm:code'}");
    world_put(w, "descriptor", SCOPE, "i3",
              "{'@id':'i3','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_SCHEMA
              "','xdm:sourceProperty':'/_acme/hash','xdm:namespace':'Email_LC_SHA256','xdm:property':'xdm:code'}");
    put_profile_schema(w, ",'meta:immutableTags':['union']"); /* needs the descriptors */
    world_put(w, "schema", SCOPE, EVENT_SCHEMA,
              "{'$id':'" EVENT_SCHEMA "','meta:altId':'_acme.schemas.e1','title':'Web','type':'object',"
              "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/experienceevent'},"
              "{'$ref':'https://ns.adobe.com/experience/aep-web-sdk-experienceevent'},"
              "{'$ref':'https://ns.adobe.com/xdm/context/experienceevent-commerce'}],'meta:immutableTags':['union']}");
    put_dataset(w, "people", PROFILE_SCHEMA, "{'unifiedProfile':['enabled:true'],'unifiedIdentity':['enabled:true']}");
    put_dataset(w, "upserts", PROFILE_SCHEMA,
                "{'unifiedProfile':['enabled:true','isUpsert:true'],'unifiedIdentity':['enabled:true']}");
    put_dataset(w, "events", EVENT_SCHEMA, "{'unifiedProfile':['enabled:true'],'unifiedIdentity':['enabled:true']}");
    put_dataset(w, "unchecked", PROFILE_SCHEMA,
                "{'unifiedProfile':['enabled:true'],'acp_validationContext':['disabled']}");
    put_dataset(w, "lake", PROFILE_SCHEMA, "{}");
    world_put(w, "inlet", SCOPE, INLET, "{'id':'" INLET "','name':'web','dataType':'xdm'}");
    world_put(w, "inlet", SCOPE, LOCKED_INLET,
              "{'id':'" LOCKED_INLET "','name':'web','dataType':'xdm','authenticationRequired':true}");
}

/* ---- the hub, by hand ---- */

static enum err
read_profile(void *ctx, struct str scope, struct str ns, struct str id, struct arena *a,
             void (*each)(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g), void *each_ctx,
             struct diag *d)
{
    struct world *w = ctx;
    struct graph_view view;
    struct profile p;
    uint64_t profile = 0;
    enum err rc = graph_profile(w->kv, scope, ns, id, &profile, d);

    if (rc == ERR_OK)
        rc = profile_load(w->kv, &w->names, scope, profile, a, &p, d);
    if (rc == ERR_OK)
        rc = graph_read(w->kv, profile, a, &view, d);
    if (rc == ERR_OK)
        each(each_ctx, w->kv, &p, &view);
    return rc;
}

static void
read_table(void *ctx, void (*f)(void *ctx, struct kv *k), void *f_ctx)
{
    struct world *w = ctx;

    f(f_ctx, w->kv);
}

static enum ns_class
class_of(void *ctx, struct str scope, struct str code)
{
    struct world *w = ctx;

    return snapshot_namespace_class(w->call.snap, scope, code);
}

static void
fold_hit(struct world *w, const struct hit *h, int64_t now_ms)
{
    struct t *t = w->t;
    struct graph_namespaces namespaces = {class_of, w};
    struct graph_link link;
    struct profile p;
    bool duplicate;
    struct buf json;

    CHECK_OK(graph_link(w->kv, &namespaces, h->scope, &h->identities, h->dataset, now_ms, &w->scratch, &link, d));
    CHECK_OK(profile_load(w->kv, &w->names, h->scope, link.profile, &w->scratch, &p, d));
    for (size_t i = 0; i < link.merged_count; i++)
        CHECK_OK(profile_absorb(w->kv, &p, link.merged[i], d));
    buf_init(&json, 1 << 20);
    json_write(&json, h->xdm);
    if (h->kind == HIT_RECORD) {
        struct profile_fragment f = {.dataset = h->dataset,
                                     .ns = link.owner->ns,
                                     .id = link.owner->id,
                                     .ingested_ms = now_ms,
                                     .batch = h->batch,
                                     .json = buf_str(&json)};
        CHECK_OK(profile_put_record(&p, &f, h->upsert, d));
    } else {
        struct profile_event e = {.id = h->event_id,
                                  .ms = h->event_ms,
                                  .dataset = h->dataset,
                                  .ns = link.owner->ns,
                                  .owner = link.owner->id,
                                  .json = buf_str(&json)};
        CHECK_OK(profile_add_event(w->kv, &p, &e, &duplicate, d));
    }
    p.changed_ms = now_ms;
    CHECK_OK(profile_save(w->kv, &p, 0, d));
    CHECK_OK(kv_commit(w->kv, NULL, 0, false, d));
    buf_deinit(&json);
}

void
world_fold(struct world *w)
{
    struct t *t = w->t;
    struct consumer *c;
    struct record r;
    bool got;

    CHECK_OK(consumer_open(w->collect, w->folded, &c, d));
    while (consumer_offset(c) < topic_end(w->collect)) {
        struct hit h;
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(got);
        arena_reset(&w->scratch);
        CHECK_OK(hit_read(r.value, &w->scratch, &h, d));
        if (!h.lake_only)
            fold_hit(w, &h, r.time_ms);
    }
    w->folded = topic_end(w->collect);
    consumer_close(c);
}

struct hit *
world_hits(struct world *w, size_t *n)
{
    struct t *t = w->t;
    uint64_t end = topic_end(w->collect);
    struct hit *hits = ARENA_ARRAY(t->arena, struct hit, end + 1);
    struct consumer *c;
    struct record r;
    bool got;

    *n = 0;
    CHECK_OK(consumer_open(w->collect, 0, &c, d));
    while (consumer_offset(c) < end) {
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        CHECK_TRUE(got);
        CHECK_OK(hit_read(r.value, t->arena, &hits[(*n)++], d));
    }
    consumer_close(c);
    return hits;
}

/* ---- a disk that is full at times ---- */

static enum err
open_file(struct os *os, const char *path, unsigned flags, struct os_file **out, struct diag *d)
{
    struct world *w = os->ctx;
    enum err rc = os_open(os_posix(), path, flags, out, d);

    if (rc == ERR_OK && strstr(path, "collect") != NULL && w->collect_file_count < 16)
        w->collect_files[w->collect_file_count++] = *out;
    return rc;
}

static enum err
write_file(struct os *os, struct os_file *f, uint64_t at, const void *buf, size_t n, struct diag *d)
{
    struct world *w = os->ctx;

    for (size_t i = 0; i < w->collect_file_count; i++) {
        if (w->collect_files[i] == f && atomic_load(&w->full))
            return diag_set(d, ERR_BUSY, "the disk is full");
    }
    return os_pwrite(os_posix(), f, at, buf, n, d);
}

static void
make_os(struct world *w)
{
    w->ops = *os_posix()->ops;
    w->ops.open = open_file;
    w->ops.pwrite = write_file;
    w->os = (struct os){.ops = &w->ops, .ctx = w};
    w->collect_file_count = 0;
}

/* ---- start and stop ---- */

static void
start(struct world *w, bool importing)
{
    struct t *t = w->t;
    struct pipeline_options po = {.os = &w->os, .dir = arena_printf(t->arena, "%s/topics", t->dir).p};
    struct topic_options config = {.name = "config", .writable = true, .compacted = true},
                         collect = {.name = "collect", .writable = true};
    struct kv_options ko = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/table", t->dir).p};
    struct config_options co = {.os = os_posix()};

    make_os(w);
    CHECK_OK(pipeline_open(&po, &w->pipeline, d));
    CHECK_OK(pipeline_topic(w->pipeline, &config, &w->config_topic, d));
    CHECK_OK(pipeline_topic(w->pipeline, &collect, &w->collect, d));
    CHECK_OK(kv_open(&ko, &w->kv, d));
    CHECK_OK(profile_names_open(w->kv, &w->names, d));
    co.topic = w->config_topic;
    CHECK_OK(config_open(&co, &w->config, d));
    w->admin = (struct admin){.o = {.os = os_posix(),
                                    .config = w->config,
                                    .collect = w->collect,
                                    .hub = {.ctx = w, .read_profile = read_profile, .read = read_table},
                                    .dir = t->dir,
                                    .signing_key = S("0123456789abcdef0123456789abcdef"),
                                    .ready = true}};
    w->call = (struct call){
        .admin = &w->admin, .org = S(ORG), .sandbox = S("prod"), .scope = S(SCOPE), .client_id = S("client")};
    if (importing)
        CHECK_OK(admin_import_open(&w->admin, d));
}

void
world_open(struct t *t, struct world *w)
{
    *w = (struct world){.t = t};
    arena_init(&w->scratch, 64u << 20);
    start(w, false);
    put_all(w);
    CHECK_OK(admin_import_open(&w->admin, d));
}

static void
stop(struct world *w)
{
    admin_import_close(&w->admin);
    if (w->call.snap != NULL)
        snapshot_put(w->config, w->call.snap);
    w->call.snap = NULL;
    config_close(w->config);
    profile_names_close(&w->names);
    kv_close(w->kv);
    pipeline_close(w->pipeline);
}

void
world_restart(struct world *w, bool importing)
{
    stop(w);
    start(w, importing);
}

void
world_close(struct world *w)
{
    stop(w);
    arena_deinit(&w->scratch);
}

/* ---- calls ---- */

static size_t
read_headers(struct t *t, const char *lines, struct http_header *out, size_t max)
{
    struct str rest = str_of(lines), line;
    size_t n = 0;

    while (lines != NULL && n < max && str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find_char(line, ':');
        CHECK_TRUE(colon > 0);
        out[n++] = (struct http_header){str_slice(line, 0, (size_t)colon),
                                        str_trim(str_slice(line, (size_t)colon + 1, line.n))};
    }
    return n;
}

struct answer
world_call(struct world *w, const struct family *f, enum http_method m, const char *path, struct str body,
           const char *headers)
{
    struct t *t = w->t;
    struct str whole = str_of(path);
    ptrdiff_t question = str_find_char(whole, '?');
    struct http_header in[8];
    struct http_req rq = {.method = m,
                          .path = question < 0 ? whole : str_slice(whole, 0, (size_t)question),
                          .query = question < 0 ? S("") : str_slice(whole, (size_t)question + 1, whole.n),
                          .headers = in,
                          .host = S("hub.test"),
                          .body = body,
                          .arena = t->arena,
                          .rng = &t->rng,
                          .now_ms = NOW + 1000};
    struct http_res rs = {0};
    struct route_params params;
    const struct route *route;
    struct answer out = {0};
    struct buf text;
    struct str allow;
    struct diag ignored = DIAG_INIT;

    rq.header_count =
        read_headers(t, headers == NULL ? "Host: hub.test:8080\nContent-Type: application/json" : headers, in, 8);
    if (w->call.snap != NULL)
        snapshot_put(w->config, w->call.snap);
    w->call.snap = snapshot_get(w->config);
    buf_init(&text, LIMIT_RESPONSE_BYTES);
    rs.body = &text;
    CHECK_EQ(route_find(f->routes, f->count, &rq, &route, &params, &allow), ROUTE_FOUND);
    route->handle(&w->call, &rq, &params, &rs);
    CHECK_TRUE(buf_ok(&text));
    out.status = rs.status;
    out.body = arena_str(t->arena, buf_str(&text));
    out.content_type = rs.content_type;
    for (size_t i = 0; i < rs.header_count && i < 8; i++)
        out.headers[out.header_count++] = rs.headers[i];
    if (json_parse(out.body, t->arena, &out.json, &ignored) != ERR_OK)
        out.json = NULL;
    buf_deinit(&text);
    return out;
}

struct answer
world_get(struct world *w, const struct family *f, const char *path)
{
    return world_call(w, f, HTTP_GET, path, S(""), NULL);
}

struct answer
world_post(struct world *w, const struct family *f, const char *path, const char *body)
{
    return world_call(w, f, HTTP_POST, path, quoted(w->t, body), NULL);
}

const struct json *
world_object(struct world *w, const char *kind, const char *id)
{
    if (w->call.snap != NULL)
        snapshot_put(w->config, w->call.snap);
    w->call.snap = snapshot_get(w->config);
    return snapshot_object(w->call.snap, str_of(kind), S(SCOPE), str_of(id));
}
