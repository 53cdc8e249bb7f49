/* fixture.c - see fixture.h. */
#include "fixture.h"

static void
open_topic(struct t *t, struct fixture *f)
{
    struct pipeline_options po = {.os = os_posix(), .dir = t->dir};
    struct topic_options to = {
        .name = "config", .writable = true, .compacted = true, .revisions = config_revisions_kept};
    struct config_options co = {.os = os_posix()};

    CHECK_OK(pipeline_open(&po, &f->pipeline, d));
    CHECK_OK(pipeline_topic(f->pipeline, &to, &f->topic, d));
    co.topic = f->topic;
    CHECK_OK(config_open(&co, &f->config, d));
}

void
fixture_open(struct t *t, struct fixture *f)
{
    *f = (struct fixture){0};
    open_topic(t, f);
}

void
fixture_close(struct fixture *f)
{
    config_close(f->config);
    pipeline_close(f->pipeline);
}

void
fixture_reopen(struct t *t, struct fixture *f)
{
    fixture_close(f);
    fixture_open(t, f);
}

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

static struct str
scope_of(const char *kind)
{
    bool of_org = strcmp(kind, "org") == 0 || strcmp(kind, "sandbox") == 0 || strcmp(kind, "credential") == 0;

    return of_org ? S(ORG) : S(SCOPE);
}

void
put(struct t *t, struct fixture *f, const char *kind, const char *id, const char *json)
{
    CHECK_OK(config_put(f->config, str_of(kind), scope_of(kind), str_of(id), quoted(t, json), NOW, d));
}

void
put_fails(struct t *t, struct fixture *f, const char *kind, const char *id, const char *json, enum err code)
{
    CHECK_ERR(config_put(f->config, str_of(kind), scope_of(kind), str_of(id), quoted(t, json), NOW, d), code);
}

void
put_world(struct t *t, struct fixture *f)
{
    put(t, f, "org", ORG,
        "{'id':'" ORG "','tenant':'acme','clientCode':'acme','tokenKey':'000102030405060708090a0b0c0d0e0f'}");
    put(t, f, "sandbox", "prod", "{'name':'prod','type':'production','title':'Production'}");
}

void
put_audience(struct t *t, struct fixture *f, const char *id, const char *pql)
{
    struct str json =
        arena_printf(t->arena,
                     "{\"id\":\"%s\",\"name\":\"Audience %s\",\"expression\":{\"type\":\"PQL\",\"format\":"
                     "\"pql/text\",\"value\":",
                     id, id);
    struct buf text;

    buf_init(&text, 1 << 16);
    buf_put(&text, json);
    buf_putc(&text, '"');
    for (const char *p = pql; *p != '\0'; p++) {
        if (*p == '"')
            buf_putc(&text, '\\');
        buf_putc(&text, *p);
    }
    buf_put(&text, S("\"}}"));
    CHECK_OK(config_put(f->config, S("audience"), S(SCOPE), str_of(id), buf_str(&text), NOW, d));
    buf_deinit(&text);
}
