/* control_fixture.h - the whole administration service over a folder, asked without a socket: gateway included. */
#ifndef TESTS_ADMIN_CONTROL_FIXTURE_H
#define TESTS_ADMIN_CONTROL_FIXTURE_H

#include <stdatomic.h>

#include "admin/admin.h"
#include "os/os.h"
#include "os/thread.h"
#include "profile/profile_names.h"
#include "t.h"

#define C_ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define C_SCOPE C_ORG "/prod"
#define C_NOW 1767225600000 /* 2026-01-01T00:00:00Z */
#define C_CLIENT "client-1"
#define C_SECRET "s3cret"

struct control {
    struct t *t;
    struct pipeline *pipeline;
    struct topic *topic, *collect, *membership;
    struct config *config;
    struct admin_options options;
    struct admin *admin;
    struct http_service service;
    struct rng rng;
    struct buf out;
    struct arena scratch; /* a request's */
    const char *token;
    int64_t now_ms;
    struct os os; /* the machine's, but for its clock: C_NOW until control_set_clock() */
    struct os_ops ops;
    _Atomic int64_t clock_ms;
    bool drained;
    struct os_mutex people_lock; /* as the hub's: what follows */
    struct kv *people;
    struct profile_names names;
    bool hub_waits; /* says "later" to who counts */
};

/* With organisation (tenant acme), sandboxes prod and dev, one credential, and a token for it. */
void control_open(struct t *t, struct control *c, bool emulator);
/* The administration stops, and starts again with the same configuration. */
void control_restart(struct control *c);
void control_close(struct control *c);

struct reply {
    int status;
    struct str body;
    const struct json *json; /* NULL: not JSON */
    const char *content_type;
    struct str headers; /* "name: value" lines */
};

/* A published audience with this id, and an expression in which quotes are written as \". */
void control_audience(struct control *c, const char *id, const char *pql);
/* A profile on the hub with one identity, of the namespace CRM, and this record (apostrophes). */
void control_person(struct control *c, const char *crm, const char *json);
/* What time it is for the administration's threads; requests have now_ms. */
void control_set_clock(struct control *c, int64_t now_ms);
void control_hub_waits(struct control *c, bool waits);

/* "POST /path?query" with a token and JSON headers; body with apostrophes for quotes, NULL: none. */
struct reply control_ask(struct control *c, const char *line, const char *body);
/* With more headers ("Name: value" lines); one of the same name replaces the usual one, "Name:" removes it. */
struct reply control_ask_with(struct control *c, const char *line, const char *headers, const char *body);
/* With these headers only. */
struct reply control_raw(struct control *c, const char *line, const char *headers, const char *body);
/* Text of the answer at a dotted path; numbers as text too. */
struct str control_get(struct control *c, const struct reply *r, const char *path);
struct str control_quoted(struct t *t, const char *json);

#define CHECK_REPLY(reply, expected)                                                                                   \
    do {                                                                                                               \
        if ((reply).status != (expected))                                                                              \
            t_fail(t, __FILE__, __LINE__, "status %d, expected %d: %.*s", (reply).status, (expected),                  \
                   STR_ARG((reply).body));                                                                             \
    } while (0)
#define CHECK_BODY(reply, part)                                                                                        \
    do {                                                                                                               \
        if (str_find((reply).body, str_of(part)) < 0)                                                                  \
            t_fail(t, __FILE__, __LINE__, "'%s' is not in\n    %.*s", (part), STR_ARG((reply).body));                  \
    } while (0)

#endif
