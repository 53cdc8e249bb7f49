/* fixture.h - a configuration over a topic of the test's own folder. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "config/config.h"
#include "t.h"

#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"
#define NOW 1767225600000 /* 2026-01-01T00:00:00Z */

struct fixture {
    struct pipeline *pipeline;
    struct topic *topic;
    struct config *config;
};

void fixture_open(struct t *t, struct fixture *f);
void fixture_close(struct fixture *f);
/* Closes and opens again, from the files. */
void fixture_reopen(struct t *t, struct fixture *f);

/* Saves; `json` with apostrophes for quotes. The test fails unless it succeeds. */
void put(struct t *t, struct fixture *f, const char *kind, const char *id, const char *json);
/* Must be refused with this code; the message stays in t_diag. */
void put_fails(struct t *t, struct fixture *f, const char *kind, const char *id, const char *json, enum err code);
/* Apostrophes as quotes, in the arena. */
struct str quoted(struct t *t, const char *json);
/* The organisation and the sandbox prod. */
void put_world(struct t *t, struct fixture *f);
void put_audience(struct t *t, struct fixture *f, const char *id, const char *pql);
/* Does t_diag.what contain the text? */
#define CHECK_SAYS(text)                                                                                               \
    do {                                                                                                               \
        if (strstr(t_diag.what, (text)) == NULL)                                                                       \
            t_fail(t, __FILE__, __LINE__, "'%s' does not say '%s'", t_diag.what, (text));                              \
    } while (0)

#endif
