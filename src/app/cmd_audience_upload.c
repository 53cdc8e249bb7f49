/* cmd_audience_upload.c - edgewise audience upload: a file becomes the members of an external audience, in one command.
 *
 * An audience that does not exist is made from the file's header: --identity names the column that identifies people,
 * the others are texts. */
#include "app/rest_client.h"
#include "base/limits.h"
#include "codec/csv.h"
#include "codec/json.h"
#include "codec/json_writer.h"

#define AIS "/data/core/ais"
#define POLL_US 50000

struct upload {
    struct rest_client *c;
    struct str audience, file, identity;
    bool adds;
    struct str bytes;
    struct str path; /* under which the server keeps the file */
};

static int
usage(FILE *out)
{
    fprintf(out,
            "usage: edgewise audience upload AUDIENCE FILE [--identity COLUMN=NAMESPACE] [--add]\n"
            "                                [--server URL] [--data DIR]\n\n"
            "Makes the people in the CSV file members of the external audience, and of them only; with --add, beside\n"
            "those that it has. AUDIENCE is an audienceId. One that does not exist is made when --identity says which\n"
            "column has whose identities. Waits until the file was read.\n");
    return out == stdout ? 0 : 2;
}

/* ---- the audience ---- */

static void
write_fields(struct jw *w, const struct csv *header, struct str column, struct str ns)
{
    jw_key(w, S("fields"));
    jw_array(w);
    for (size_t i = 0; i < header->count; i++) {
        jw_object(w);
        jw_kstr(w, S("name"), header->fields[i]);
        jw_kstr(w, S("type"), S("string"));
        if (str_eq(header->fields[i], column))
            jw_kstr(w, S("identityNs"), ns);
        jw_end(w);
    }
    jw_end(w);
}

static enum err
submit(struct upload *u)
{
    ptrdiff_t equals = str_find_char(u->identity, '=');
    struct diag *d = &u->c->diag;
    struct csv header;
    struct buf b;
    struct jw w;
    size_t used;
    enum err rc = ERR_OK;

    if (equals <= 0)
        return diag_set(d, ERR_INVALID, "--identity must be COLUMN=NAMESPACE, got '%.*s'", STR_ARG(u->identity));
    csv_init(&header, CSV_RFC4180);
    buf_init_in(&b, &u->c->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    if (csv_next(&header, u->bytes, true, &used, d) != CSV_ROW)
        rc = diag_set(d, ERR_INVALID, "'%.*s' has no header", STR_ARG(u->file));
    jw_object(&w);
    jw_kstr(&w, S("name"), u->audience);
    jw_kstr(&w, S("audienceId"), u->audience);
    write_fields(&w, &header, str_slice(u->identity, 0, (size_t)equals),
                 str_slice(u->identity, (size_t)equals + 1, u->identity.n));
    jw_key(&w, S("sourceSpec"));
    jw_object(&w);
    jw_kstr(&w, S("path"), u->path);
    jw_kstr(&w, S("type"), S("file"));
    jw_end(&w);
    jw_end(&w);
    csv_deinit(&header);
    if (rc == ERR_OK && !buf_ok(&b))
        rc = diag_set(d, ERR_NOMEM, "no memory");
    return rc == ERR_OK ? rest_client_call(u->c, "POST", S(AIS "/external-audience/submit"), "application/json", NULL,
                                           buf_str(&b), NULL)
                        : rc;
}

/* Finds out where the audience looks for its file, or makes it. */
static enum err
find_audience(struct upload *u)
{
    struct str target =
        arena_printf(&u->c->arena, "/data/core/ups/audiences/%.*s", STR_ARG(rest_client_encode(u->c, u->audience)));
    const struct json *object = NULL;
    struct http_answer answer;
    enum err rc = rest_client_send(u->c, "GET", target, "application/json", NULL, S_NULL, &answer);

    if (rc != ERR_OK)
        return rc;
    u->path = arena_printf(&u->c->arena, "%.*s.csv", STR_ARG(u->audience));
    if (answer.status == 404 && u->identity.n > 0)
        return submit(u);
    if (answer.status != 200)
        return diag_set(&u->c->diag, ERR_NOT_FOUND,
                        "audience '%.*s' does not exist: --identity COLUMN=NAMESPACE makes it", STR_ARG(u->audience));
    rc = json_parse(answer.body, &u->c->arena, &object, &u->c->diag);
    if (rc == ERR_OK && (json_path(object, S("sourceSpec.path")) == NULL ||
                         str_eq(json_str(json_path(object, S("sourceSpec.type"))), S("folder"))))
        return diag_set(&u->c->diag, ERR_INVALID, "audience '%.*s' does not read one file", STR_ARG(u->audience));
    u->path = json_str(json_path(object, S("sourceSpec.path")));
    return rc;
}

/* ---- the run ---- */

/* A line each: "1 row: A required field is missing or null." */
static void
print_errors(const struct json *errors)
{
    struct json_iter it = json_iter(errors);

    while (json_next(&it)) {
        int64_t rows = json_i64(json_get(it.value, S("recordCount")), 0);
        if (rows > 0)
            fprintf(stderr, "%lld row%s: ", (long long)rows, rows == 1 ? "" : "s");
        fprintf(stderr, "%.*s\n", STR_ARG(json_str(json_get(it.value, S("description")))));
    }
}

static enum err
wait_for(struct upload *u, struct str run)
{
    struct str target =
        arena_printf(&u->c->arena, AIS "/external-audience/%.*s/run/%.*s", STR_ARG(u->audience), STR_ARG(run));
    const struct json *r = NULL;
    enum err rc;

    do {
        rest_client_pause(POLL_US);
        rc = rest_client_call(u->c, "GET", target, "application/json", NULL, S_NULL, &r);
    } while (rc == ERR_OK && str_eq(json_str(json_get(r, S("status"))), S("PROCESSING")));
    if (rc == ERR_OK)
        rc = rest_client_call(u->c, "GET", S("/edgewise/drain"), "application/json", NULL, S_NULL, NULL);
    if (rc != ERR_OK)
        return rc;
    printf("%lld rows, %lld bad\n", (long long)json_i64(json_get(r, S("recordCount")), 0),
           (long long)json_i64(json_get(r, S("failedRecordCount")), 0));
    if (str_eq(json_str(json_get(r, S("status"))), S("SUCCESS")))
        return ERR_OK;
    print_errors(json_get(r, S("errors")));
    return diag_set(&u->c->diag, ERR_INVALID, "run %.*s failed, no member changed", STR_ARG(run));
}

static enum err
upload(struct upload *u)
{
    struct rest_client *c = u->c;
    struct str body = u->adds ? S("{\"differentialIngestion\":true}") : S("{\"differentialIngestion\":false}");
    const struct json *run = NULL;
    enum err rc = os_read_file(os_posix(), arena_cstr(&c->arena, u->file), LIMIT_UPLOAD_BODY_BYTES, &c->arena,
                               &u->bytes, &c->diag);

    if (rc == ERR_OK)
        rc = find_audience(u);
    if (rc == ERR_OK)
        rc = rest_client_call(c, "PUT",
                              arena_printf(&c->arena, AIS "/files/%.*s", STR_ARG(rest_client_encode(c, u->path))),
                              "text/csv", NULL, u->bytes, NULL);
    if (rc == ERR_OK)
        rc = rest_client_call(
            c, "POST",
            arena_printf(&c->arena, AIS "/external-audience/%.*s/run", STR_ARG(rest_client_encode(c, u->audience))),
            "application/json", NULL, body, &run);
    return rc == ERR_OK ? wait_for(u, json_str(json_get(run, S("runId")))) : rc;
}

int
cmd_audience_upload(int argc, char **argv)
{
    const char *data = "data", *server = NULL;
    struct rest_client c;
    struct upload u = {.c = &c};
    enum err rc;

    if (wants_help(argc, argv))
        return usage(stdout);
    if (argc < 3 || argv[1][0] == '-')
        return usage(stderr);
    u.audience = str_of(argv[1]);
    u.file = str_of(argv[2]);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--add") == 0)
            u.adds = true;
        else if (i + 1 < argc && strcmp(argv[i], "--identity") == 0)
            u.identity = str_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--data") == 0)
            data = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--server") == 0)
            server = argv[++i];
        else
            return usage(stderr);
    }
    rc = rest_client_open(&c, data, server);
    if (rc == ERR_OK)
        rc = rest_client_authenticate(&c);
    if (rc == ERR_OK)
        rc = upload(&u);
    if (rc != ERR_OK)
        fprintf(stderr, "edgewise: %s\n", c.diag.what);
    rest_client_close(&c);
    return rc == ERR_OK ? 0 : 1;
}
