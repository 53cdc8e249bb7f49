/* edit_test.c - JSON Patch and merges over documents. */
#include "admin/admin_edit.h"

#include "base/limits.h"
#include "control_fixture.h"

static struct str
patched(struct t *t, const char *doc, const char *patch, enum err expected)
{
    const struct json *before = NULL, *ops = NULL;
    struct edit e;

    CHECK_OK(json_parse(control_quoted(t, doc), t->arena, &before, d));
    CHECK_OK(json_parse(control_quoted(t, patch), t->arena, &ops, d));
    e = edit_of(t->arena, before);
    CHECK_ERR(edit_patch(&e, ops, d), expected);
    return edit_text(&e);
}

TEST(edit_json_patch)
{
    static const struct {
        const char *doc, *patch, *after;
    } good[] = {
        {"{'a':1}", "[{'op':'add','path':'/b','value':2}]", "{'a':1,'b':2}"},
        {"{'a':1}", "[{'op':'add','path':'/a','value':[]}]", "{'a':[]}"},
        {"{'a':1,'b':2}", "[{'op':'remove','path':'/a'}]", "{'b':2}"},
        {"{'a':{'b':[1,2,3]}}", "[{'op':'replace','path':'/a/b/1','value':9}]", "{'a':{'b':[1,9,3]}}"},
        {"{'a':[1,2]}", "[{'op':'add','path':'/a/-','value':3},{'op':'add','path':'/a/0','value':0}]",
         "{'a':[0,1,2,3]}"},
        {"{'a':[1,2]}", "[{'op':'remove','path':'/a/0'}]", "{'a':[2]}"},
        {"{'a/b':1}", "[{'op':'replace','path':'/a~1b','value':2}]", "{'a/b':2}"},
        {"{'m~n':1}", "[{'op':'remove','path':'/m~0n'}]", "{}"},
        {"{}", "[{'op':'replace','path':'/a','value':1}]", "{'a':1}"},
        {"{}", "[{'op':'add','path':'/meta:immutableTags-','value':['union']}]", "{'meta:immutableTags':['union']}"},
        {"{'meta:immutableTags':['x']}", "[{'op':'add','path':'/meta:immutableTags','value':['union','x']}]",
         "{'meta:immutableTags':['x','union']}"},
        {"{'a':1}", "[]", "{'a':1}"},
    };
    static const struct {
        const char *doc, *patch;
    } bad[] = {
        {"{'a':1}", "[{'op':'add','path':'b','value':2}]"},
        {"{'a':1}", "[{'op':'add','path':'/x/y','value':2}]"},
        {"{'a':1}", "[{'op':'add','path':'/a/y','value':2}]"},
        {"{'a':1}", "[{'op':'remove','path':'/b'}]"},
        {"{'a':[1]}", "[{'op':'replace','path':'/a/5','value':2}]"},
        {"{'a':1}", "[{'op':'add','path':'/b'}]"},
        {"{'a':1}", "[{'op':'move','path':'/a'}]"},
        {"{'a':1}", "{'op':'remove','path':'/a'}"},
        {"{'a':1}", "[7]"},
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_STR(patched(t, good[i].doc, good[i].patch, ERR_OK), control_quoted(t, good[i].after));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        (void)patched(t, bad[i].doc, bad[i].patch, ERR_INVALID);
}

TEST(edit_members)
{
    struct edit e = edit_of(t->arena, NULL);
    const struct json *patch = NULL;

    edit_put_str(&e, e.root, S("s"), S("a\"b"));
    edit_put_i64(&e, e.root, S("n"), -5);
    edit_put_bool(&e, e.root, S("b"), true);
    edit_put_time(&e, e.root, S("t"), C_NOW);
    edit_default_raw(&e, e.root, S("n"), S("7"));
    edit_put_i64(&e, edit_object(&e, e.root, S("o")), S("x"), 1);
    CHECK_OK(json_parse(control_quoted(t, "{'b':null,'s':'z','q':[1]}"), t->arena, &patch, d));
    edit_merge(&e, patch);
    CHECK_STR(edit_text(&e), control_quoted(t, "{'s':'z','n':-5,'t':'2026-01-01T00:00:00.000Z','o':{'x':1},'q':[1]}"));
}

TEST(edit_bounds)
{
    struct arena small;
    struct edit e;
    struct buf deep, ops;
    const struct json *doc = NULL, *patch = NULL;

    arena_init(&small, 600);
    e = edit_of(&small, NULL);
    for (int i = 0; i < 40; i++)
        edit_put_str(&e, e.root, arena_printf(t->arena, "k%d", i), S("0123456789"));
    CHECK_TRUE(e.nomem);
    CHECK_STR(edit_text(&e), S(""));
    arena_deinit(&small);

    buf_init(&deep, 1 << 16); /* a deep value into a deep place */
    buf_init(&ops, 1 << 16);
    buf_put(&ops, S("[{\"op\":\"add\",\"path\":\""));
    for (int i = 0; i < LIMIT_JSON_DEPTH - 4; i++) {
        buf_put(&deep, S("{\"a\":"));
        if (i > 0)
            buf_put(&ops, S("/a"));
    }
    buf_put(&ops, S("/b\",\"value\":[[[[[[[[[[1]]]]]]]]]]}]"));
    buf_put(&deep, S("1"));
    for (int i = 0; i < LIMIT_JSON_DEPTH - 4; i++)
        buf_putc(&deep, '}');
    CHECK_OK(json_parse(buf_str(&deep), t->arena, &doc, d));
    CHECK_OK(json_parse(buf_str(&ops), t->arena, &patch, d));
    e = edit_of(t->arena, doc);
    CHECK_OK(edit_patch(&e, patch, d));
    CHECK_STR(edit_text(&e), S(""));
    CHECK_TRUE(e.nomem);
    buf_deinit(&deep);
    buf_deinit(&ops);
}
