/* edge_script_test.c - profile scripts on a visitor [TARGET 7.3], [TARGET 12.116], [TARGET 12.117]. */
#include "base/limits.h"
#include "edge/edge_script.h"
#include "t.h"

struct scene {
    struct scope_view view;
    struct script_text scripts[4];
    struct http_req rq;
    struct rng rng;
    struct visitor visitor;
    struct edge_scripts *s;
    struct edge_script_request r;
};

static void
begin(struct t *t, struct scene *x)
{
    rng_seed(&x->rng, 5);
    x->rq = (struct http_req){.rng = &x->rng, .query = S("client=acme&sessionId=s1"), .arena = t->arena};
    x->view.scope = S("org/prod");
    x->view.scripts = x->scripts;
    x->view.scripts_version = 1;
    visitor_init(&x->visitor, t->arena);
    CHECK_OK(edge_scripts_new(os_posix(), &x->s, d));
    x->r = (struct edge_script_request){.view = &x->view,
                                        .rq = &x->rq,
                                        .visitor = &x->visitor,
                                        .arena = t->arena,
                                        .now_ms = 1773144000000,
                                        .url = S("https://www.example.com/a?x=1%202"),
                                        .mbox = S("hero")};
}

static void
script(struct scene *x, const char *name, const char *text)
{
    x->scripts[x->view.script_count++] = (struct script_text){str_of(name), str_of(text)};
}

static struct str
attribute(const struct scene *x, const char *name)
{
    const struct visitor_attribute *a = visitor_attribute(&x->visitor, str_of(name));

    return a != NULL ? a->json : S("absent");
}

TEST(edge_script_makes_attributes)
{
    struct scene x = {0};
    const struct json *changes;

    begin(t, &x);
    CHECK_OK(json_parse(S("{\"tier\":\"gold\"}"), t->arena, &x.r.parameters, d));
    script(&x, "a", "return mbox.param('tier') + page.param('x') + mbox.name + page.protocol + user.sessionId;");
    script(&x, "b", "return user.get('a') === null ? 'first' : 'after';"); /* by name: a's value is there */
    script(&x, "c",
           "user.setLocal('n', (user.getLocal('n') || 0) + 1); if (user.getLocal('n') < 2) return;"
           " return user.getLocal('n');");
    script(&x, "d", "return [user.isFirstSession, profile.sessionCount, user.categoryAffinities.length];");
    edge_scripts_run(x.s, &x.r);
    CHECK_STR(attribute(&x, "a"), S("\"gold1 2herohttpss1\""));
    CHECK_STR(attribute(&x, "b"), S("\"after\""));
    CHECK_STR(attribute(&x, "c"), S("absent"));
    CHECK_STR(attribute(&x, "script.c.n"), S("1"));
    CHECK_TRUE(str_starts(attribute(&x, "d"), S("[")));
    edge_scripts_run(x.s, &x.r); /* the next location */
    CHECK_STR(attribute(&x, "c"), S("2"));
    changes = edge_scripts_changes(&x.r);
    CHECK_STR(json_str(json_get(changes, S("a"))), S("gold1 2herohttpss1"));
    CHECK_EQ(json_i64(json_get(changes, S("script.c.n")), 0), 2);
    CHECK_TRUE(edge_scripts_off(&x.r) == NULL);
    edge_scripts_free(x.s);
}

/* A script past its bounds costs its own value, once; its neighbours have theirs. */
TEST(edge_script_is_switched_off)
{
    struct scene x = {0};
    const struct json *off;

    begin(t, &x);
    script(&x, "bad", "while (true) {}");
    script(&x, "good", "return 1;");
    script(&x, "long", "return 'x'.repeat(2049);");
    CHECK_TRUE(visitor_set(&x.visitor, S("bad"), S("\"kept\""), 1));
    edge_scripts_run(x.s, &x.r);
    CHECK_STR(attribute(&x, "bad"), S("\"kept\""));
    CHECK_STR(attribute(&x, "good"), S("1"));
    CHECK_STR(attribute(&x, "long"), S("absent"));
    off = edge_scripts_off(&x.r);
    CHECK_EQ(json_count(off), 2);
    x.r = (struct edge_script_request){
        .view = &x.view, .rq = &x.rq, .visitor = &x.visitor, .arena = t->arena, .now_ms = 2};
    edge_scripts_run(x.s, &x.r);
    CHECK_TRUE(edge_scripts_off(&x.r) == NULL); /* it did not run again */
    x.scripts[0].text = S("return 'mended';");
    x.view.scripts_version = 2;
    edge_scripts_run(x.s, &x.r);
    CHECK_STR(attribute(&x, "bad"), S("\"mended\""));
    edge_scripts_free(x.s);
}

TEST(edge_script_locals_are_bounded)
{
    struct scene x = {0};

    begin(t, &x);
    script(&x, "many", "for (var i = 0; i < 30; i++) user.setLocal('n' + i, i);");
    edge_scripts_run(x.s, &x.r);
    CHECK_EQ(x.visitor.attribute_count, LIMIT_SCRIPT_LOCALS);
    edge_scripts_free(x.s);
}
