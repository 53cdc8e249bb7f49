/* control_fixture.c - see control_fixture.h. */
#include "control_fixture.h"

#include "base/limits.h"
#include "codec/sha256.h"
#include "identity/graph.h"
#include "profile/profile_store.h"
#include "segment/census.h"
#include "segment/past.h"

#define HEADERS_MAX 16

struct str
control_quoted(struct t *t, const char *json)
{
    struct str s = arena_str(t->arena, str_of(json));

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'')
            ((char *)(uintptr_t)s.p)[i] = '"';
    }
    return s;
}

static enum err
set_clock(void *ctx, int64_t now_ms, struct diag *d)
{
    struct control *c = ctx;

    if (now_ms < atomic_load(&c->clock_ms))
        return diag_set(d, ERR_INVALID, "the clock does not go back");
    control_set_clock(c, now_ms);
    return ERR_OK;
}

static int64_t
fixed_now(struct os *os)
{
    struct control *c = (struct control *)(void *)((char *)os - offsetof(struct control, os));

    return atomic_load(&c->clock_ms);
}

void
control_set_clock(struct control *c, int64_t now_ms)
{
    atomic_store(&c->clock_ms, now_ms);
}

static enum err
drain(void *ctx, uint64_t timeout_us, struct diag *d)
{
    struct control *c = ctx;

    (void)timeout_us;
    (void)d;
    c->drained = true;
    return ERR_OK;
}

static bool
sweep(void *ctx, uint64_t *done, uint64_t *total)
{
    (void)ctx;
    *done = 40;
    *total = 100;
    return true;
}

static uint64_t
audience_size(void *ctx, struct str scope, struct str audience)
{
    (void)ctx;
    (void)scope;
    return audience.n; /* something that depends on the argument */
}

static enum err
census_slice(void *ctx, struct census *census, struct diag *d)
{
    struct control *c = ctx;
    enum err rc;

    os_lock(&c->people_lock);
    rc = c->hub_waits ? diag_set(d, ERR_BUSY, "later") : census_load(census, c->people, &c->names, C_NOW, d);
    os_unlock(&c->people_lock);
    return rc;
}

static enum err
past_slice(void *ctx, struct past *past, struct diag *d)
{
    struct control *c = ctx;
    struct past_now now = {.k = c->people,
                           .names = &c->names,
                           .membership = c->membership,
                           .end = topic_end(c->membership),
                           .clock_ms = C_NOW,
                           .size = 41};
    enum err rc;

    if (!past_wants_state(past))
        return past_read(past, d);
    os_lock(&c->people_lock);
    rc = c->hub_waits ? diag_set(d, ERR_BUSY, "later") : past_capture(past, &now, d);
    os_unlock(&c->people_lock);
    return rc;
}

static enum ns_class
person_class(void *ctx, struct str scope, struct str code)
{
    (void)ctx;
    (void)scope;
    (void)code;
    return NS_PERSON;
}

void
control_audience(struct control *c, const char *id, const char *pql)
{
    struct t *t = c->t;

    CHECK_OK(config_put(c->config, S("audience"), S(C_SCOPE), str_of(id),
                        control_quoted(t, arena_printf(t->arena,
                                                       "{'id':'%s','name':'%s','lifecycleState':'published',"
                                                       "'expression':{'type':'PQL','format':'pql/text','value':'%s'}}",
                                                       id, id, pql)
                                              .p),
                        C_NOW, d));
}

void
control_person(struct control *c, const char *crm, const char *json)
{
    struct t *t = c->t;
    struct graph_namespaces ns = {person_class, NULL};
    struct identity id = {.ns = S("CRM"), .id = str_of(crm), .primary = true};
    struct identity_set set = {&id, 1};
    struct profile_fragment f = {
        .dataset = S("crm"), .ns = S("CRM"), .id = str_of(crm), .ingested_ms = C_NOW, .json = control_quoted(t, json)};
    struct graph_link link = {0};
    struct profile p = {0};

    os_lock(&c->people_lock);
    CHECK_OK(graph_link(c->people, &ns, S(C_SCOPE), &set, S("crm"), C_NOW, t->arena, &link, d));
    CHECK_OK(profile_load(c->people, &c->names, S(C_SCOPE), link.profile, t->arena, &p, d));
    CHECK_OK(profile_put_record(&p, &f, false, d));
    CHECK_OK(profile_save(c->people, &p, 0, d));
    os_unlock(&c->people_lock);
}

void
control_hub_waits(struct control *c, bool waits)
{
    os_lock(&c->people_lock);
    c->hub_waits = waits;
    os_unlock(&c->people_lock);
}

static void
open_people(struct control *c)
{
    struct t *t = c->t;
    struct kv_options o = {.os = os_posix(), .dir = arena_printf(t->arena, "%s/people", t->dir).p};

    os_mutex_init(&c->people_lock);
    CHECK_OK(kv_open(&o, &c->people, d));
    CHECK_OK(profile_names_open(c->people, &c->names, d));
}

static void
put_world(struct control *c)
{
    struct t *t = c->t;
    unsigned char digest[32];
    char hex[65] = "";

    sha256(S(C_SECRET), digest);
    for (size_t i = 0; i < 64; i++)
        hex[i] = "0123456789abcdef"[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    CHECK_OK(config_put(c->config, S("org"), S(C_ORG), S(C_ORG),
                        control_quoted(t, "{'id':'" C_ORG "','tenant':'acme','clientCode':'acme',"
                                          "'tokenKey':'000102030405060708090a0b0c0d0e0f'}"),
                        C_NOW, d));
    CHECK_OK(config_put(c->config, S("sandbox"), S(C_ORG), S("prod"),
                        control_quoted(t, "{'id':'sb-1','name':'prod','type':'production','title':'Production'}"),
                        C_NOW, d));
    CHECK_OK(config_put(c->config, S("sandbox"), S(C_ORG), S("dev"),
                        control_quoted(t, "{'id':'sb-2','name':'dev','type':'development','title':'Dev'}"), C_NOW, d));
    CHECK_OK(config_put(
        c->config, S("credential"), S(C_ORG), S(C_CLIENT),
        control_quoted(t,
                       arena_printf(t->arena, "{'id':'" C_CLIENT "','secretSha256':'%s','scopes':['openid']}", hex).p),
        C_NOW, d));
}

void
control_open(struct t *t, struct control *c, bool emulator)
{
    struct pipeline_options po = {.os = os_posix(), .dir = t->dir};
    struct topic_options config = {.name = "config", .writable = true, .compacted = true},
                         collect = {.name = "collect", .writable = true},
                         membership = {.name = "membership", .writable = true};
    struct admin_options ao = {.signing_key = S("0123456789abcdef0123456789abcdef"), .ready = true};
    struct reply r;

    *c = (struct control){.t = t, .now_ms = C_NOW, .clock_ms = C_NOW, .ops = *os_posix()->ops};
    c->ops.now_ms = fixed_now;
    c->os = (struct os){&c->ops, os_posix()->ctx};
    ao.os = &c->os;
    rng_seed(&c->rng, t->seed);
    arena_init(&c->scratch, LIMIT_REQUEST_ARENA_BYTES);
    buf_init(&c->out, LIMIT_RESPONSE_BYTES);
    CHECK_OK(pipeline_open(&po, &c->pipeline, d));
    CHECK_OK(pipeline_topic(c->pipeline, &config, &c->topic, d));
    CHECK_OK(pipeline_topic(c->pipeline, &collect, &c->collect, d));
    CHECK_OK(pipeline_topic(c->pipeline, &membership, &c->membership, d));
    CHECK_OK(config_open(&(struct config_options){.os = os_posix(), .topic = c->topic}, &c->config, d));
    put_world(c);
    ao.config = c->config;
    ao.collect = c->collect;
    ao.dir = arena_printf(t->arena, "%s/uploads", t->dir).p;
    open_people(c);
    ao.hub = (struct admin_hub){.ctx = c,
                                .drain = drain,
                                .sweep = sweep,
                                .audience_size = audience_size,
                                .census_slice = census_slice,
                                .past_slice = past_slice};
    ao.hub.set_clock = emulator ? set_clock : NULL;
    c->options = ao;
    CHECK_OK(admin_new(&ao, &c->admin, d));
    c->service = admin_service(c->admin);
    r = control_raw(c, "POST /ims/token/v3", "",
                    "grant_type=client_credentials&client_id=" C_CLIENT "&client_secret=" C_SECRET "&scope=openid");
    CHECK_REPLY(r, 200);
    c->token = arena_cstr(t->arena, control_get(c, &r, "access_token"));
}

void
control_restart(struct control *c)
{
    struct t *t = c->t;

    admin_free(c->admin);
    CHECK_OK(admin_new(&c->options, &c->admin, d));
    c->service = admin_service(c->admin);
}

void
control_close(struct control *c)
{
    admin_free(c->admin);
    profile_names_close(&c->names);
    kv_close(c->people);
    os_mutex_deinit(&c->people_lock);
    config_close(c->config);
    pipeline_close(c->pipeline);
    arena_deinit(&c->scratch);
    buf_deinit(&c->out);
}

/* "Name: value" lines over the given list: the same name replaces, an empty value removes. */
static size_t
add_headers(struct t *t, struct http_header *list, size_t n, const char *lines)
{
    struct str rest = arena_str(t->arena, str_of(lines)), line;

    while (rest.n > 0 && str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find_char(line, ':');
        struct http_header h;
        size_t at = 0;
        CHECK_TRUE(colon > 0);
        h = (struct http_header){str_slice(line, 0, (size_t)colon),
                                 str_trim(str_slice(line, (size_t)colon + 1, line.n))};
        while (at < n && !str_eq_nocase(list[at].name, h.name))
            at++;
        CHECK_TRUE(at < HEADERS_MAX);
        list[at] = h;
        n = at == n ? n + 1 : n;
        if (h.value.n == 0)
            list[at] = list[--n];
    }
    return n;
}

static enum http_method
method_of(struct str s)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (unsigned i = 0; i < 7; i++) {
        if (str_eq(s, str_of(names[i])))
            return (enum http_method)i;
    }
    return HTTP_OTHER;
}

static struct reply
ask(struct control *c, const char *line, const struct http_header *headers, size_t n, struct str body)
{
    struct t *t = c->t;
    struct str rest = arena_str(t->arena, str_of(line)), method, path;
    struct http_req rq = {.headers = headers,
                          .header_count = n,
                          .body = body,
                          .arena = &c->scratch,
                          .rng = &c->rng,
                          .now_ms = c->now_ms,
                          .host = S("127.0.0.1"),
                          .client_ip = S("127.0.0.1")};
    struct http_res rs = {.body = &c->out};
    struct reply r = {0};
    struct buf lines;
    struct diag d = DIAG_INIT;

    arena_reset(&c->scratch);
    buf_clear(&c->out);
    (void)str_split(&rest, ' ', &method);
    (void)str_split(&rest, '?', &path);
    rq.method = method_of(method);
    rq.method_text = method;
    rq.path = path;
    rq.query = rest;
    CHECK_TRUE(c->service.match(c->service.ctx, &rq));
    if (body.n > c->service.body_max(c->service.ctx, &rq) && body.n > 1024)
        c->service.refuse(c->service.ctx, &rq, 413, "the body is too large", &rs);
    else
        c->service.handle(c->service.ctx, &rq, &rs);
    r.status = rs.status;
    r.content_type = rs.content_type;
    r.body = arena_str(t->arena, buf_str(&c->out));
    if (r.body.n > 0)
        (void)json_parse(r.body, t->arena, &r.json, &d);
    buf_init(&lines, 1 << 16);
    for (size_t i = 0; i < rs.header_count; i++)
        buf_printf(&lines, "%.*s: %.*s\n", STR_ARG(rs.headers[i].name), STR_ARG(rs.headers[i].value));
    r.headers = arena_str(t->arena, buf_str(&lines));
    buf_deinit(&lines);
    return r;
}

struct reply
control_raw(struct control *c, const char *line, const char *headers, const char *body)
{
    struct http_header list[HEADERS_MAX];
    size_t n = add_headers(c->t, list, 0, headers);

    return ask(c, line, list, n, body ? str_of(body) : S(""));
}

struct reply
control_ask_with(struct control *c, const char *line, const char *headers, const char *body)
{
    struct t *t = c->t;
    struct http_header list[HEADERS_MAX];
    struct str usual = arena_printf(t->arena,
                                    "Authorization: Bearer %s\nx-api-key: " C_CLIENT "\nx-gw-ims-org-id: " C_ORG
                                    "\nHost: cdp.test:8080\nAccept: application/vnd.adobe.xed+json; version=1\n"
                                    "Content-Type: application/json",
                                    c->token);
    size_t n = add_headers(t, list, 0, usual.p);

    n = add_headers(t, list, n, headers);
    return ask(c, line, list, n, body ? control_quoted(t, body) : S(""));
}

struct reply
control_ask(struct control *c, const char *line, const char *body)
{
    return control_ask_with(c, line, "", body);
}

struct str
control_get(struct control *c, const struct reply *r, const char *path)
{
    const struct json *v = r->json;
    struct str rest = str_of(path), part;
    struct buf b;
    struct str s;

    while (v != NULL && rest.p != NULL && rest.n > 0 && str_split(&rest, '.', &part)) {
        uint64_t i;
        v = json_is(v, JSON_ARRAY) && str_to_u64(part, &i) ? json_at(v, (size_t)i) : json_get(v, part);
    }
    if (json_is(v, JSON_STRING))
        return json_str(v);
    buf_init(&b, 1 << 20);
    json_write(&b, v);
    s = arena_str(c->t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}
