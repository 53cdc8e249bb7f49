/* hub_fixture.c - see hub_fixture.h. */
#include "hub_fixture.h"

#include "base/civil.h"
#include "hub/hub_int.h"
#include "os/os.h"

static struct topic *
topic(struct t *t, struct world *w, const char *name, unsigned partition, bool compacted)
{
    struct topic_options o = {.name = name, .partition = partition, .writable = true, .compacted = compacted};
    struct topic *topic = NULL;

    o.retention_ms = strcmp(name, "collect") == 0 ? w->retention_ms : 0;
    CHECK_OK(pipeline_topic(w->pipeline, &o, &topic, d));
    return topic;
}

static void
open_logs(struct t *t, struct world *w)
{
    struct pipeline_options po = {
        .os = w->os, .dir = arena_printf(t->arena, "%s/log", w->dir).p, .segment_bytes = w->segment_bytes};
    struct config_options co = {.os = w->os};

    CHECK_OK(pipeline_open(&po, &w->pipeline, d));
    w->config_topic = topic(t, w, "config", 0, true);
    w->membership = topic(t, w, "membership", 0, false);
    for (unsigned i = 0; i < w->partitions; i++)
        w->collect[i] = topic(t, w, "collect", i, false);
    co.topic = w->config_topic;
    CHECK_OK(config_open(&co, &w->config, d));
}

void
world_open(struct t *t, struct world *w, const char *name)
{
    *w = (struct world){.dir = arena_printf(t->arena, "%s/%s", t->dir, name).p, .os = os_posix(), .partitions = 1};
    CHECK_OK(os_mkdir(w->os, w->dir, d));
    open_logs(t, w);
}

void
world_open_hub(struct t *t, struct world *w)
{
    static const char *const regions[] = {"va6", "irl1"};
    struct hub_options o = {.os = w->os,
                            .pipeline = w->pipeline,
                            .config = w->config,
                            .dir = arena_printf(t->arena, "%s/hub", w->dir).p,
                            .collect = w->collect,
                            .collect_count = w->partitions,
                            .own_collect = w->collect[0],
                            .membership = w->membership,
                            .regions = regions,
                            .region_count = 2,
                            .emulated_clock = !w->real_clock};

    CHECK_OK(hub_open(&o, &w->hub, d));
}

static void
close_logs(struct world *w)
{
    config_close(w->config);
    pipeline_close(w->pipeline);
}

void
world_close(struct world *w)
{
    hub_close(w->hub);
    w->hub = NULL;
    close_logs(w);
}

void
world_reopen_logs(struct t *t, struct world *w)
{
    open_logs(t, w);
}

void
world_reopen(struct t *t, struct world *w)
{
    close_logs(w);
    open_logs(t, w);
    world_open_hub(t, w);
}

static struct str
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
put(struct t *t, struct world *w, const char *kind, const char *id, const char *json)
{
    bool of_org = strcmp(kind, "org") == 0 || strcmp(kind, "sandbox") == 0;

    CHECK_OK(config_put(w->config, str_of(kind), of_org ? S(ORG) : S(SCOPE), str_of(id), quoted(t, json), NOW, d));
}

void
put_audience(struct t *t, struct world *w, const char *id, const char *pql)
{
    struct buf b;

    buf_init(&b, 1 << 16);
    buf_printf(&b,
               "{\"id\":\"%s\",\"name\":\"%s\",\"expression\":{\"type\":\"PQL\",\"format\":\"pql/text\",\"value\":", id,
               id);
    json_quote(&b, str_of(pql));
    buf_put(&b, S("}}"));
    CHECK_OK(config_put(w->config, S("audience"), S(SCOPE), str_of(id), buf_str(&b), NOW, d));
    buf_deinit(&b);
}

void
put_world(struct t *t, struct world *w)
{
    put(t, w, "org", ORG,
        "{'id':'" ORG "','tenant':'acme','clientCode':'acme','tokenKey':'000102030405060708090a0b0c0d0e0f'}");
    put(t, w, "sandbox", "prod", "{'name':'prod','type':'production','title':'Production'}");
    put_audience(t, w, "buyer", BOUGHT);
    put(t, w, "destination", "dest",
        "{'id':'dest','spec':'custom','alias':'cms','audiences':['buyer'],'attributes':['person.name.firstName']}");
}

static struct identity_set
identities(struct t *t, const char *text)
{
    struct identity_set s = {ARENA_ARRAY(t->arena, struct identity, 20), 0};
    struct str rest = arena_str(t->arena, str_of(text)), word;

    while (str_split(&rest, ' ', &word)) {
        ptrdiff_t colon = str_find_char(word, ':');
        bool primary = word.p[0] == '*';
        s.items[s.n++] = (struct identity){.ns = str_slice(word, primary, (size_t)colon),
                                           .id = str_slice(word, (size_t)colon + 1, word.n),
                                           .primary = primary};
    }
    return s;
}

void
say(struct t *t, struct world *w, int64_t now_ms, struct say s)
{
    struct hit h = {
        .kind = s.kind, .source = s.source, .scope = S(SCOPE), .event_ms = s.event_ms ? s.event_ms : now_ms};
    struct record r = {.time_ms = now_ms};
    const struct json *json = NULL;
    struct buf b;

    if (s.kind == HIT_RECORD || s.kind == HIT_CONSENT)
        h.event_ms = 0;
    h.dataset = s.dataset != NULL ? str_of(s.dataset) : S("web");
    h.region = str_of(s.region);
    h.event_id = str_of(s.id);
    h.upsert = s.upsert;
    h.audience = str_of(s.audience);
    h.run = s.run;
    h.lake_only = s.lake_only;
    h.accepted_us = s.source == SOURCE_EDGE ? now_ms * 1000 + 7 : 0;
    h.identities = identities(t, s.ids);
    if (s.json != NULL)
        CHECK_OK(json_parse(quoted(t, s.json), t->arena, &json, d));
    if (s.kind == HIT_CONSENT)
        h.consent = json;
    else
        h.xdm = json;
    buf_init(&b, 1 << 20);
    hit_write(&b, &h);
    r.value = buf_str(&b);
    CHECK_OK(topic_append(w->collect[s.partition], &r, ACK_WRITTEN, NULL, d));
    buf_deinit(&b);
}

void
event(struct t *t, struct world *w, int64_t now_ms, const char *ids, const char *id, const char *type)
{
    char time[ISO8601_BYTES];
    struct str json;

    iso8601_format(now_ms, time);
    json = arena_printf(t->arena, "{'_id':'%s','timestamp':'%.*s','eventType':'%s','web':{'page':'home'}}", id,
                        ISO8601_BYTES, time, type);
    say(t, w, now_ms,
        (struct say){.kind = HIT_EVENT, .source = SOURCE_EDGE, .ids = ids, .region = "va6", .id = id, .json = json.p});
}

void
fold(struct t *t, struct world *w)
{
    CHECK_OK(hub_drain(w->hub, 10000000, d));
}

struct records
read_topic(struct t *t, struct world *w, const char *name)
{
    struct topic *from = topic(t, w, name, 0, strncmp(name, "projection", 10) == 0);
    struct records out = {ARENA_ARRAY(t->arena, struct record, topic_end(from) + 1), 0};
    struct consumer *c = NULL;
    bool got = true;

    CHECK_OK(consumer_open(from, 0, &c, d));
    while (got) {
        struct record r;
        CHECK_OK(consumer_poll(c, 0, &r, &got, d));
        if (!got)
            break;
        r.key = arena_str(t->arena, r.key);
        r.value = arena_str(t->arena, r.value);
        out.items[out.n++] = r;
    }
    consumer_close(c);
    return out;
}

static void
read_list(struct t *t, const struct record *r, const struct json *list, bool member, struct entries *out)
{
    size_t n = json_count(list);
    struct entry *all = ARENA_ARRAY(t->arena, struct entry, out->n + n);

    if (out->n > 0)
        memcpy(all, out->items, out->n * sizeof *all);
    out->items = all;
    for (size_t i = 0; i < n; i++)
        all[out->n++] = (struct entry){r->key, json_str(json_at(list, i)), member, r->time_ms, r->cause};
}

struct entries
read_memberships(struct t *t, struct world *w)
{
    struct records all = read_topic(t, w, "membership");
    struct entries out = {.record_count = all.n};

    for (size_t i = 0; i < all.n; i++) {
        const struct json *value;
        CHECK_OK(json_parse(all.items[i].value, t->arena, &value, d));
        read_list(t, &all.items[i], json_get(value, S("realized")), true, &out);
        read_list(t, &all.items[i], json_get(value, S("exited")), false, &out);
    }
    return out;
}

const struct projection *
projected(struct t *t, struct world *w, const char *region, const char *ns, const char *id)
{
    struct records all = read_topic(t, w, arena_printf(t->arena, "projection.%s", region).p);
    struct projection *p = NULL;
    struct buf key;

    buf_init(&key, 4096);
    identity_key(&key, S(SCOPE), str_of(ns), str_of(id));
    for (size_t i = 0; i < all.n; i++) {
        if (!str_eq(all.items[i].key, buf_str(&key)))
            continue;
        if (p == NULL)
            p = ARENA_NEW(t->arena, struct projection);
        CHECK_OK(projection_read(all.items[i].value, t->arena, p, d));
    }
    buf_deinit(&key);
    return p;
}

int64_t
membership_of(const struct projection *p, const char *audience)
{
    for (size_t i = 0; p != NULL && i < p->membership_count; i++) {
        if (str_eq(p->memberships[i].audience, str_of(audience)))
            return p->memberships[i].member ? p->memberships[i].since_ms : -p->memberships[i].since_ms;
    }
    return 0;
}

/* ---- the table as text ---- */

struct row {
    struct str key, value;
};

struct rows {
    struct arena *a;
    struct row *items;
    size_t n, cap;
};

static void
add_row(void *ctx, struct str key, struct str value)
{
    struct rows *rows = ctx;

    if (rows->n < rows->cap)
        rows->items[rows->n++] = (struct row){arena_str(rows->a, key), arena_str(rows->a, value)};
}

static int
by_key(const void *a, const void *b)
{
    return str_cmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static void
scan_all(void *ctx, struct kv *k)
{
    struct rows *rows = ctx;
    struct diag d = DIAG_INIT;
    uint64_t cursor = 0;

    rows->cap = kv_count(k) + 16;
    rows->items = ARENA_ARRAY(rows->a, struct row, rows->cap);
    do {
        if (kv_scan(k, &cursor, 100, add_row, rows, &d) != ERR_OK)
            return;
    } while (cursor != 0);
}

static void
put_visible(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= ' ' && s.p[i] < 0x7f)
            buf_putc(b, s.p[i]);
        else
            buf_printf(b, "\\%02x", (unsigned char)s.p[i]);
    }
}

/* Rule states are a cache, numbered as the audiences came and went in that hub's life: left out, and so are the rows
 * that say what the numbers mean. */
static struct str
without_state(struct t *t, struct world *w, const struct row *row)
{
    struct profile p;
    struct str scope;
    uint64_t id;
    ptrdiff_t at;
    size_t length = 1;

    if (!profile_key_read(row->key, &scope, &id))
        return row->value;
    CHECK_OK(profile_load(w->hub->kv, &w->hub->names, scope, id, t->arena, &p, d));
    at = p.rule_state.n > 0 ? str_find(row->value, p.rule_state) : -1;
    if (at < 0)
        return row->value;
    for (size_t rest = p.rule_state.n; rest >= 0x80; rest >>= 7)
        length++;
    return ARENA_JOIN(t->arena, str_slice(row->value, 0, (size_t)at - length),
                      str_slice(row->value, (size_t)at + p.rule_state.n, row->value.n));
}

struct str
table_text(struct t *t, struct world *w)
{
    struct rows rows = {.a = t->arena};
    struct buf b;
    struct str s;

    hub_read(w->hub, scan_all, &rows);
    qsort(rows.items, rows.n, sizeof *rows.items, by_key);
    buf_init(&b, 1u << 28);
    for (size_t i = 0; i < rows.n; i++) {
        if (rows.items[i].key.p[0] == 'M')
            continue;
        put_visible(&b, rows.items[i].key);
        buf_putc(&b, '=');
        put_visible(&b, without_state(t, w, &rows.items[i]));
        buf_putc(&b, '\n');
    }
    s = arena_str(t->arena, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static void
note_id(void *ctx, struct kv *k, struct profile *p, const struct graph_view *g)
{
    (void)k;
    (void)g;
    *(uint64_t *)ctx = p->id;
}

uint64_t
profile_id(struct t *t, struct world *w, const char *ns, const char *id)
{
    uint64_t found = 0;

    CHECK_OK(hub_read_profile(w->hub, S(SCOPE), str_of(ns), str_of(id), t->arena, note_id, &found, d));
    return found;
}
