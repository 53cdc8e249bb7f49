/* http_fixture.h - a real server on a free port with a handful of services, and ways to talk to it.
 *
 * Services, by path:
 *   /echo    body_max ECHO_BYTES, CORS; answers the body it got as text/plain; ?status=, ?type=, ?nogzip=1 change the
 * answer /info    answers what the request looked like, as lines "name=value" /nobody  expects no body /block   waits
 * until fixture_release(); /health is the same as /info but never shed /static  a borrowed text;  /huge  more than an
 * answer may have;  /silent  sets no status /rest    three routes through route_find(). */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include "http/http.h"
#include "http/http_client.h"
#include "os/net.h"
#include "t.h"

#define ECHO_BYTES 65536
#define WAIT_MS 5000

struct fixture {
    struct http_server *server;
    struct http_client *client;
    unsigned port;
};

/* o may be NULL; services, os and (when both are NULL) listen are filled in. */
struct fixture fixture_open(struct t *t, const struct http_options *o);
void fixture_close(struct fixture *f);

/* Blocked requests: how many are inside /block, and let them go. */
void fixture_wait_blocked(int n);
void fixture_release(void);

/* One call with the fixture's client; fails the test when it fails. */
struct http_answer call(struct t *t, struct fixture *f, const char *method, const char *target, struct str body);
/* With headers given as "Name: value\nName: value". */
struct http_answer call_with(struct t *t, struct fixture *f, const char *method, const char *target, struct str body,
                             const char *headers);
struct str header_of(const struct http_answer *a, const char *name);

/* A bare connection. */
int raw_open(struct t *t, struct fixture *f);
void raw_send(struct t *t, int sock, const char *text);
/* Everything until the peer closes, or until `until` was seen when it is not NULL. */
struct str raw_read(struct t *t, int sock, const char *until);

#endif
