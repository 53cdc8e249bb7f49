/* script_test.c - profile scripts [TARGET 7.3], [TARGET 12.116], [TARGET 12.117]. */
#include "base/limits.h"
#include "script/script.h"
#include "t.h"

struct world {
    struct script_engine *e;
    struct str local_name, local_json;
};

static bool
get(void *ctx, enum script_source source, struct str name, struct str *json)
{
    struct world *w = ctx;

    if (source == SCRIPT_USER_ATTRIBUTE && str_eq(name, S("grp")))
        *json = S("\"a\"");
    else if (source == SCRIPT_MBOX_PARAM && str_eq(name, S("n")))
        *json = S("7");
    else if (source == SCRIPT_PAGE && str_eq(name, S("url")))
        *json = S("\"https://www.example.com/?x=1\"");
    else if (source == SCRIPT_USER_FACT && str_eq(name, S("categoryAffinities")))
        *json = S("[\"shoes\",\"hats\"]");
    else if (source == SCRIPT_PROFILE_FACT && str_eq(name, S("geolocation")))
        *json = S("{\"country\":\"norway\"}");
    else if (source == SCRIPT_LOCAL && str_eq(name, w->local_name))
        *json = w->local_json;
    else
        return false;
    return true;
}

static bool
set_local(void *ctx, struct str name, struct str json)
{
    struct world *w = ctx;
    static char text[2][64];

    if (name.n > 63 || json.n > 63)
        return false;
    memcpy(text[0], name.p, name.n);
    memcpy(text[1], json.p, json.n);
    w->local_name = (struct str){text[0], name.n};
    w->local_json = (struct str){text[1], json.n};
    return true;
}

static enum err
run_in(struct t *t, struct world *w, const char *text, struct str *json, struct diag *why)
{
    static uint64_t version;
    struct script_text s = {S("s"), str_of(text)};
    struct script_env env = {.now_ms = 1773144000000, .seed = 5, .get = get, .set_local = set_local, .ctx = w};
    struct script_budget budget = {LIMIT_SCRIPT_UNITS_REQUEST};
    enum err rc;

    if (w->e == NULL)
        CHECK_OK(script_engine_new(&w->e, d));
    rc = script_load(w->e, &s, 1, ++version, why);
    return rc == ERR_OK ? script_run(w->e, 0, &env, &budget, t->arena, json, why) : rc;
}

/* What the script comes to: its JSON, "" for nothing, or the name of the error. */
static struct str
outcome(struct t *t, const char *text)
{
    struct world w = {0};
    struct diag why = DIAG_INIT;
    struct str json;
    enum err rc = run_in(t, &w, text, &json, &why);

    script_engine_free(w.e);
    return rc == ERR_OK ? json : str_of(err_name(rc));
}

#define GIVES(text, want) CHECK_STR(outcome(t, text), S(want))

TEST(script_values) /* [TARGET 12.116] */
{
    GIVES("return 5;", "5");
    GIVES("return 'a\"b';", "\"a\\\"b\"");
    GIVES("return 1.5;", "1.5");
    GIVES("return true;", "true");
    GIVES("return ['a', 1, false];", "[\"a\",1,false]");
    GIVES("", "");
    GIVES("return;", "");
    GIVES("return null;", "");
    GIVES("if (false) return 1;", "");
    GIVES("return '\\ud800x';", "\"\xef\xbf\xbdx\"");
    GIVES("return '\\ud83d\\ude00';", "\"\xf0\x9f\x98\x80\"");
    GIVES("return {};", "invalid");
    GIVES("return [{}];", "invalid");
    GIVES("return 0/0;", "invalid");
    GIVES("throw new Error('x');", "invalid");
    GIVES("return nothing.here;", "invalid");
}

TEST(script_reads)
{
    GIVES("return user.get('grp') + mbox.param('n') + page.url;", "\"a7https://www.example.com/?x=1\"");
    GIVES("return user.categoryAffinities[1];", "\"hats\"");
    GIVES("return profile.geolocation.country;", "\"norway\"");
    GIVES("return user.get('absent') === null;", "true");
    GIVES("if (!user.get('new')) { return Math.floor(Math.random() * 2) ? 'x' : 'y' }", "\"y\"");
    GIVES("return new Date().toISOString() + Date.now();", "\"2026-03-10T12:00:00.000Z1773144000000\"");
    GIVES("return new Date(2020, 0, 5).getFullYear();", "2020");
    GIVES("return 'a,b'.split(',').map(function (x) { return x.toUpperCase(); }).join('-');", "\"A-B\"");
    GIVES("for (i = 0, s = 0; i < 10; i++) s += i; return s;", "45"); /* undeclared names, as old scripts have them */
    GIVES("return /(\\d+)/.exec(page.url)[1];", "\"1\"");
    GIVES("return JSON.stringify({a:[1]});", "\"{\\\"a\\\":[1]}\"");
    GIVES("return [3,1,2].sort().concat([4]);", "[1,2,3,4]");
    GIVES("return new Array(3).length + Array.isArray([]) + [].constructor.from('ab').length;", "6");
}

TEST(script_locals)
{
    struct world w = {0};
    struct str json;

    CHECK_OK(run_in(t, &w, "user.setLocal('n', 3);", &json, d));
    CHECK_OK(run_in(t, &w, "return user.getLocal('n') + 1;", &json, d));
    CHECK_STR(json, S("4"));
    CHECK_ERR(run_in(t, &w, "user.setLocal('n', {});", &json, d), ERR_INVALID);
    script_engine_free(w.e);
}

/* Loops, recursion, memory, long work inside built-ins: each is stopped, and no catch helps. [TARGET 12.116] */
TEST(script_is_stopped)
{
    GIVES("while (true) {}", "limit");
    GIVES("for (;;) { try { while (true) {} } catch (e) {} }", "limit");
    GIVES("try { while (true) {} } finally { return 1; }", "limit");
    GIVES("function f() { return f(); } return f();", "invalid");
    GIVES("for (var s = 'x';;) s += s;", "invalid");
    GIVES("var a = []; for (;;) a.push('xxxxxxxxxxxxxxxxxxxxxxxxxxx');", "limit");
    GIVES("return [].indexOf.call({length: 9007199254740991}, 1);", "invalid");
    GIVES("var a = []; a.length = 4294967295; return a.join('');", "invalid");
    GIVES("return new Array(4294967295).length;", "invalid");
    GIVES("return Array.from({length: 9007199254740991}).length;", "invalid");
    GIVES("var s = 'a'.repeat(60000), t = s.slice(30000) + 'b'; for (var i = 0; i < 999; i++) s.indexOf(t);", "limit");
    GIVES("return /(a+)+b/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');", "limit");
    GIVES("(async function () { await 1; for (;;) {} })(); return 1;", "limit");
    GIVES("(async function f() { await 1; f(); })(); return 1;", "limit");
    GIVES("return String(2n ** 1000000n).length;", "invalid");
    GIVES("return 'x'.repeat(1e9);", "limit");
    GIVES("return 'x'.padEnd(1e9);", "limit");
    GIVES("var o = {}; for (var i = 0; i < 1e9; i++) o['k' + i] = i;", "invalid");
}

TEST(script_result_limit) /* [TARGET 12.117] */
{
    GIVES("return 'x'.repeat(2049);", "limit");
    GIVES("var a = []; for (var i = 0; i < 700; i++) a.push('yy'); return a;", "limit");
    CHECK_EQ(outcome(t, "return 'x'.repeat(2048);").n, 2050);
    CHECK_EQ(outcome(t, "return '\\u00e9'.repeat(2048);").n, 2 * 2048 + 2);
}

/* Nothing of one run is there in the next. */
TEST(script_leaves_nothing)
{
    static const char *const keeps[] = {
        "leak = 1;",
        "globalThis.leak = 1;",
        "Array.prototype.leak = 1;",
        "Object.prototype.leak = 1;",
        "user.leak = 1;",
        "user.get.leak = 1;",
        "Math.leak = 1;",
        "(function () {}).__proto__.leak = 1;",
        "Object.getPrototypeOf(''[Symbol.iterator]()).leak = 1;",
        "Object.getPrototypeOf((function* () {})()).leak = 1;",
        "Error.prototype.leak = 1; Error.leak = 1;",
        "(async function () {})().leak = 1; Object.getPrototypeOf((async function () {})()).leak = 1;",
        "Object.getPrototypeOf((async function* () {})()).leak = 1; Promise.leak = 1;",
        "RegExp.leak = 1; /x/.constructor.prototype.leak = 1;",
    };

    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
        struct world w = {0};
        struct diag why = DIAG_INIT;
        struct script_text two[2] = {
            {S("a"), str_of(keeps[i])},
            {S("b"), S("return [typeof leak, [].leak, ({}).leak, user.leak, user.get.leak, "
                       "Math.leak, (function () {}).leak, ''[Symbol.iterator]().leak, "
                       "(function* () {})().leak, (async function () {})().leak, (async function* () {})().leak, "
                       "new Error('x').leak, Error.leak, /x/.leak]"
                       ".filter(function (x) { return x === 1 || x === 'number' }).length;")}};
        struct script_env env = {.get = get, .ctx = &w};
        struct script_budget budget = {LIMIT_SCRIPT_UNITS_REQUEST};
        struct str json;
        CHECK_OK(script_engine_new(&w.e, d));
        CHECK_OK(script_load(w.e, two, 2, 1, d));
        (void)script_run(w.e, 0, &env, &budget, t->arena, &json, &why);
        CHECK_OK(script_run(w.e, 1, &env, &budget, t->arena, &json, d));
        CHECK_STR(json, S("0"));
        script_engine_free(w.e);
    }
}

TEST(script_that_keeps_a_global_is_switched_off)
{
    GIVES("Object.defineProperty(globalThis, 'leak', {value: 1});", "limit");
    GIVES("eval('1');", "invalid");
    GIVES("return (function () {}).constructor('return 1')();", "invalid");
    GIVES("return new Function('return 1')();", "invalid");
}

TEST(script_budget_of_a_request)
{
    struct script_text s = {S("s"), S("for (var i = 0; i < 30000; i++) {} return 1;")};
    struct script_env env = {.get = get};
    struct script_budget budget = {LIMIT_SCRIPT_UNITS_REQUEST};
    struct script_engine *e;
    struct diag why = DIAG_INIT;
    struct str json;
    enum err rc = ERR_OK;
    int runs = 0;

    CHECK_OK(script_engine_new(&e, d));
    CHECK_OK(script_load(e, &s, 1, 1, d));
    for (; rc == ERR_OK && runs < 100; runs++)
        rc = script_run(e, 0, &env, &budget, t->arena, &json, &why);
    CHECK_TRUE(rc == ERR_BUSY || rc == ERR_LIMIT);
    CHECK_EQ(runs, 5);
    script_engine_free(e);
}

TEST(script_check_says_where)
{
    char long_text[LIMIT_SCRIPT_CHARS + 2];

    CHECK_OK(script_check(S("var a = 1;\nreturn a;"), d));
    CHECK_OK(script_check(S("return 1 // the last line is a comment"), d));
    CHECK_ERR(script_check(S("var a = 1;\nreturn a +;"), d), ERR_INVALID);
    CHECK_TRUE(str_find(str_of(t_diag.what), S("line 2")) >= 0);
    CHECK_ERR(script_check(S("}); let keep = []; (() => {"), d), ERR_INVALID);
    CHECK_ERR(script_check(S("}}); let keep = []; (() => {{"), d), ERR_INVALID);
    memset(long_text, ' ', sizeof long_text);
    CHECK_OK(script_check((struct str){long_text, LIMIT_SCRIPT_CHARS}, d));
    CHECK_ERR(script_check((struct str){long_text, LIMIT_SCRIPT_CHARS + 1}, d), ERR_LIMIT);
}
