/* cmd_target_import.c - edgewise target import: an artifact becomes activities of a running server.
 *
 *   1. read the whole file; what it cannot be made into is refused before anything is sent
 *   2. look whether the numbers are free
 *   3. response tokens, offers, audiences, properties, and activities that are not live yet
 *   4. the activities go live, one after the other
 *
 * A failure in 3 leaves nothing live; what was made so far is said. */
#include <stdarg.h>
#include <unistd.h>

#include "app/cmd_target.h"
#include "base/limits.h"
#include "os/os.h"

#define PROGRESS_STEP 25

static void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
warn(const char *fmt, ...)
{
    va_list ap;

    fputs("note: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static void
warn_names(const char *what, const struct json *names)
{
    struct json_iter it = json_iter(names);

    while (json_next(&it))
        warn("%s %.*s was decided by the artifact's own server, too: those activities are not in the file", what,
             STR_ARG(json_str(it.value)));
}

static void
warn_tokens(const struct json *names)
{
    struct json_iter it = json_iter(names);

    while (json_next(&it)) {
        if (!target_import_knows_token(json_str(it.value)))
            warn("response token %.*s is of answers on device only", STR_ARG(json_str(it.value)));
    }
}

static void
say_what_is_lost(const struct target_import *x)
{
    const struct odd_read *r = &x->read;

    if (!str_eq(r->client, x->c->credentials.tenant))
        warn("the artifact is of client '%.*s', this server's is '%.*s': the hash contains it, so visitors change "
             "experience unless clients are configured with the server's code",
             STR_ARG(r->client), STR_ARG(x->c->credentials.tenant));
    warn_tokens(r->response_tokens);
    warn_names("mbox", r->remote_mboxes);
    warn_names("view", r->remote_views);
    for (size_t i = 0; i < r->activity_count; i++) {
        if (r->activities[i].ranges_as_audiences)
            warn("activity %lld: no whole percentages say its ranges, so it becomes a targeting activity whose "
                 "audiences "
                 "ask for them",
                 (long long)r->activities[i].id);
        if (r->activities[i].lost_buckets > 0)
            warn("activity %lld: %u of 10,000 visitors, on the bounds of its ranges, got nothing and now belong to the "
                 "experience below",
                 (long long)r->activities[i].id, r->activities[i].lost_buckets);
    }
}

/* ---- 2 ---- */

static enum err
check_free(struct target_import *x)
{
    struct rest_client *c = x->c;
    const struct json *list = NULL;
    struct json_iter it;
    enum err rc =
        rest_client_call(c, "GET", arena_printf(&c->arena, "/%.*s/target/activities", STR_ARG(c->credentials.tenant)),
                         "application/json", "application/json", S_NULL, &list);

    it = json_iter(json_get(list, S("activities")));
    while (rc == ERR_OK && json_next(&it)) {
        int64_t id = json_i64(json_get(it.value, S("id")), 0);
        for (size_t i = 0; i < x->read.activity_count; i++) {
            if (x->read.activities[i].id == id)
                return diag_set(&c->diag, ERR_EXISTS, "the server has an activity %lld already", (long long)id);
        }
    }
    return rc;
}

static enum err
read_properties(struct target_import *x)
{
    struct rest_client *c = x->c;
    const struct json *list = NULL;
    struct json_iter it;
    enum err rc =
        rest_client_call(c, "GET", arena_printf(&c->arena, "/%.*s/target/properties", STR_ARG(c->credentials.tenant)),
                         "application/json", "application/json", S_NULL, &list);

    it = json_iter(json_get(list, S("properties")));
    while (rc == ERR_OK && json_next(&it)) {
        struct str id = arena_printf(&c->arena, "%lld", (long long)json_i64(json_get(it.value, S("id")), 0));
        if (id.p == NULL ||
            !map_put(&x->properties, json_str(json_get(it.value, S("token"))), (void *)(uintptr_t)id.p, NULL))
            rc = diag_set(&c->diag, ERR_NOMEM, "no memory");
    }
    return rc;
}

/* ---- 3, 4 ---- */

static void
say_progress(const struct target_import *x, const char *what, size_t done)
{
    if (x->progress && (done % PROGRESS_STEP == 0 || done == x->read.activity_count))
        fprintf(stderr, "\r%s %zu of %zu", what, done, x->read.activity_count);
    if (x->progress && done == x->read.activity_count)
        fputc('\n', stderr);
}

static enum err
make_activities(struct target_import *x)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < x->read.activity_count; i++) {
        rc = target_import_activity(x, &x->read.activities[i]);
        if (rc == ERR_OK)
            say_progress(x, "saved", i + 1);
        else
            fprintf(stderr, "edgewise: %zu of %zu activities are saved, none is live\n", i, x->read.activity_count);
    }
    return rc;
}

static enum err
go_live(struct target_import *x)
{
    struct rest_client *c = x->c;
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < x->read.activity_count; i++) {
        struct str target = arena_printf(&c->arena, "/%.*s/target/activities/%lld/state",
                                         STR_ARG(c->credentials.tenant), (long long)x->read.activities[i].id);
        rc = rest_client_call(c, "PUT", target, "application/json", "application/json", S("{\"state\":\"approved\"}"),
                              NULL);
        if (rc == ERR_OK)
            say_progress(x, "live", i + 1);
        else
            fprintf(stderr, "edgewise: %zu of %zu activities are live\n", i, x->read.activity_count);
    }
    return rc;
}

static enum err
import(struct target_import *x, bool dry_run)
{
    enum err rc;

    say_what_is_lost(x);
    printf("%zu rules, %zu activities\n", x->read.rule_count, x->read.activity_count);
    if (dry_run)
        return ERR_OK;
    rc = rest_client_authenticate(x->c);
    if (rc == ERR_OK)
        rc = check_free(x);
    if (rc == ERR_OK)
        rc = read_properties(x);
    if (rc == ERR_OK)
        rc = target_import_tokens(x);
    if (rc == ERR_OK)
        rc = make_activities(x);
    if (rc == ERR_OK)
        rc = go_live(x);
    if (rc == ERR_OK)
        printf("%zu activities are live, with %zu offers, %zu audiences, %zu properties, %zu response tokens\n",
               x->read.activity_count, x->offers_made, x->audiences_made, x->properties_made, x->tokens_made);
    return rc;
}

int
target_import(const struct target_import_options *o)
{
    struct rest_client c;
    struct target_import x = {.c = &c, .progress = isatty(STDERR_FILENO) != 0};
    struct str text = S_NULL;
    enum err rc = rest_client_open(&c, o->data, o->server);

    if (rc == ERR_OK)
        rc = os_read_file(os_posix(), o->file, LIMIT_ODD_BYTES, &c.arena, &text, &c.diag);
    if (rc == ERR_OK)
        rc = odd_read(text, &c.arena, &x.read, &c.diag);
    if (rc == ERR_OK)
        rc = import(&x, o->dry_run);
    if (rc != ERR_OK && c.diag.pos != DIAG_NO_POS)
        fprintf(stderr, "edgewise: byte %u: %s\n", c.diag.pos, c.diag.what);
    else if (rc != ERR_OK)
        fprintf(stderr, "edgewise: %s\n", c.diag.what);
    map_deinit(&x.offers);
    map_deinit(&x.audiences);
    map_deinit(&x.properties);
    rest_client_close(&c);
    return rc == ERR_OK ? 0 : 1;
}
