/* cmd_target_what_if.c - edgewise target what-if: the server is asked, and its counts are printed for a person. */
#include "app/cmd_target.h"
#include "base/limits.h"
#include "os/os.h"

static long long
number(const struct json *answer, const char *path)
{
    return (long long)json_i64(json_path(answer, str_of(path)), 0);
}

static struct str
experience(const struct json *v)
{
    return json_is(v, JSON_STRING) ? json_str(v) : S("-");
}

static void
print_changes(const struct json *activity)
{
    struct json_iter it = json_iter(json_get(activity, S("changes")));

    while (json_next(&it)) {
        struct str from = experience(json_get(it.value, S("from"))), to = experience(json_get(it.value, S("to")));
        printf("  %c %-12.*s -> %-12.*s %10lld requests %10lld visitors\n", str_eq(from, to) ? ' ' : '*', STR_ARG(from),
               STR_ARG(to), number(it.value, "requests"), number(it.value, "visitors"));
    }
}

static void
print_losses(const struct json *activity)
{
    struct json_iter it = json_iter(json_get(activity, S("lost")));

    while (json_next(&it)) {
        struct str winner = json_str(json_get(it.value, S("winner"))),
                   reason = json_str(json_get(it.value, S("reason")));
        printf("    lost by %.*s%s%.*s %lld times\n", STR_ARG(reason), winner.n > 0 ? ", where it goes to " : "",
               STR_ARG(winner), number(it.value, "requests"));
    }
}

static void
print_answer(const struct json *answer)
{
    struct json_iter it = json_iter(json_get(answer, S("activities")));
    struct json_iter missing = json_iter(json_get(answer, S("notReplayed")));

    printf("%lld requests of %lld visitors decided again\n", number(answer, "requests"), number(answer, "visitors"));
    printf("  otherwise %lld requests of %lld visitors\n", number(answer, "changed.requests"),
           number(answer, "changed.visitors"));
    if (number(answer, "recorded.otherwise") > 0)
        printf("  %lld were recorded otherwise than today's activities decide\n", number(answer, "recorded.otherwise"));
    while (json_next(&missing))
        printf("  %lld could not be decided again: %.*s\n", (long long)json_i64(missing.value, 0),
               STR_ARG(missing.key));
    if (json_bool(json_get(answer, S("limited")), false))
        printf("  the limit was reached at %.*s\n", STR_ARG(json_str(json_get(answer, S("lastRequest")))));
    if (json_get(answer, S("logBegins")) != NULL)
        printf("  the log begins at %.*s: older requests are not there\n",
               STR_ARG(json_str(json_get(answer, S("logBegins")))));
    while (json_next(&it)) {
        printf("activity %.*s\n", STR_ARG(json_str(json_get(it.value, S("id")))));
        print_changes(it.value);
        print_losses(it.value);
    }
}

int
target_what_if(const struct target_import_options *o)
{
    const struct json *answer = NULL;
    struct rest_client c;
    struct str text = S_NULL;
    enum err rc = rest_client_open(&c, o->data, o->server);

    if (rc == ERR_OK)
        rc = os_read_file(os_posix(), o->file, LIMIT_ADMIN_BODY_BYTES, &c.arena, &text, &c.diag);
    if (rc == ERR_OK)
        rc = rest_client_authenticate(&c);
    if (rc == ERR_OK)
        rc = rest_client_ask(&c, arena_printf(&c.arena, "/%.*s/target/what-if", STR_ARG(c.credentials.tenant)), text,
                             &answer);
    if (rc == ERR_OK)
        print_answer(answer);
    else
        fprintf(stderr, "edgewise: %s\n", c.diag.what);
    rest_client_close(&c);
    return rc == ERR_OK ? 0 : 1;
}
