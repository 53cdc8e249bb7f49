/* fuzz_script.c - any text as a profile script: refused with a reason, or run within its bounds, with a result that is
 * JSON; and another script beside it never sees that it ran. */
#include "base/check.h"
#include "base/limits.h"
#include "codec/json.h"
#include "script/script.h"

static bool
get(void *ctx, enum script_source source, struct str name, struct str *json)
{
    (void)ctx;
    *json = source % 2 ? S("\"text\"") : S("[1,\"b\"]");
    return name.n % 2 == 0;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static struct script_engine *e;
    static uint64_t version;
    struct script_text scripts[2] = {
        {S("a"), {(const char *)data, n}},
        {S("b"),
         S("var n = 0; for (var k in this || {}) n++; return [Object.keys(Object.prototype).length, typeof leak,"
           " [1, 2].map(function (x) { return x + 1; }).join(), 'ab'.toUpperCase(), Math.max(1, 2)]")}};
    struct script_env env = {.now_ms = 1773144000000, .seed = n, .get = get};
    struct script_budget budget = {LIMIT_SCRIPT_UNITS_REQUEST};
    struct diag d = DIAG_INIT;
    struct arena a;
    const struct json *value;
    struct str json;
    enum err rc;

    if (n > LIMIT_SCRIPT_CHARS)
        return 0;
    if (e == NULL)
        CHECK(script_engine_new(&e, &d) == ERR_OK);
    arena_init(&a, 1 << 20);
    CHECK(script_load(e, scripts, 2, ++version, &d) == ERR_OK);
    rc = script_run(e, 0, &env, &budget, &a, &json, &d);
    CHECK(rc == ERR_OK || rc == ERR_INVALID || rc == ERR_LIMIT);
    CHECK(rc == ERR_OK || d.what[0] != '\0');
    CHECK(json.n == 0 || json_parse(json, &a, &value, &d) == ERR_OK);
    CHECK(script_load(e, scripts, 2, version, &d) == ERR_OK);
    budget.units = LIMIT_SCRIPT_UNITS_REQUEST;
    CHECK(script_run(e, 1, &env, &budget, &a, &json, &d) == ERR_OK);
    CHECK(str_eq(json, S("[0,\"undefined\",\"2,3\",\"AB\",2]")));
    arena_deinit(&a);
    return 0;
}
