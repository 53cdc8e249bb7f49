/* ingest_fixture.h - a small platform in the test's folder: configuration, collect topic, a table with the hub's folds
 * applied by hand, and calls of routes without a socket. */
#ifndef TESTS_ADMIN_INGEST_FIXTURE_H
#define TESTS_ADMIN_INGEST_FIXTURE_H

#include "admin/admin_import.h"
#include "kv/kv.h"
#include "t.h"

#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"
#define NOW 1767225600000 /* 2026-01-01T00:00:00Z */
#define PROFILE_SCHEMA "https://ns.adobe.com/acme/schemas/p1"
#define EVENT_SCHEMA "https://ns.adobe.com/acme/schemas/e1"
#define INLET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LOCKED_INLET "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ECID_A "11111111111111111111111111111111111111"
#define ECID_B "22222222222222222222222222222222222222"

struct world {
    struct t *t;
    struct os os; /* the real one, but that the collect topic's disk can be full */
    struct os_ops ops;
    struct os_file *collect_files[16];
    size_t collect_file_count;
    atomic_bool full;
    struct pipeline *pipeline;
    struct topic *config_topic, *collect;
    struct config *config;
    struct kv *kv;
    struct profile_names names;
    uint64_t folded; /* offset of the next record to fold */
    struct admin admin;
    struct call call;
    struct arena scratch;
};

/* With an organisation, a profile schema (primary _acme.crmId as CRMID, personalEmail.address as Email), an event
 * schema (no descriptors), the datasets people, upserts, events, unchecked, lake, and two inlets. */
void world_open(struct t *t, struct world *w);
void world_close(struct world *w);
/* Stops and starts again from the files; the import thread runs afterwards only with `importing`. */
void world_restart(struct world *w, bool importing);

/* Apostrophes as quotes, in the test's arena. */
struct str quoted(struct t *t, const char *json);
void world_put(struct world *w, const char *kind, const char *scope, const char *id, const char *json);

struct answer {
    int status;
    struct str body;
    const struct json *json; /* NULL: not JSON */
    const char *content_type;
    struct http_header headers[8];
    size_t header_count;
};
/* Calls the family's route for the path ("/a/b?c=d"). headers: "Name: value" lines, may be NULL. */
struct answer world_call(struct world *w, const struct family *f, enum http_method m, const char *path, struct str body,
                         const char *headers);
struct answer world_get(struct world *w, const struct family *f, const char *path);
/* Body with apostrophes. */
struct answer world_post(struct world *w, const struct family *f, const char *path, const char *body);

/* All hits on the log, in order (test's arena). */
struct hit *world_hits(struct world *w, size_t *n);
/* Folds what is new on the log into graph and profiles. */
void world_fold(struct world *w);
/* The stored document. */
const struct json *world_object(struct world *w, const char *kind, const char *id);

#define CHECK_STATUS(answer, expected)                                                                                 \
    do {                                                                                                               \
        if ((answer).status != (expected))                                                                             \
            t_fail(t, __FILE__, __LINE__, "status %d, expected %d: %.*s", (answer).status, (expected),                 \
                   STR_ARG((answer).body));                                                                            \
    } while (0)
#define CHECK_HAS(text, part)                                                                                          \
    do {                                                                                                               \
        if (str_find((text), str_of(part)) < 0)                                                                        \
            t_fail(t, __FILE__, __LINE__, "'%s' is not in\n    %.*s", (part), STR_ARG(text));                          \
    } while (0)

#endif
