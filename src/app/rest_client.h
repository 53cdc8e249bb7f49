/* rest_client.h - the REST API of a running server, for subcommands: address and credentials from its data folder, a
 * token, calls with the headers that the gateway asks for.
 *
 * Threads  One owner.   Memory  Answers live in the client's arena until it is closed. */
#ifndef APP_REST_CLIENT_H
#define APP_REST_CLIENT_H

#include "app/app.h"
#include "http/http_client.h"

struct rest_client {
    struct arena arena;
    struct credentials credentials;
    struct http_client *http;
    struct str token;
    struct diag diag; /* of the last call that failed */
};

/* Reads DIR/credentials.json; server NULL: the address in it. Closing is due after a failure too. */
enum err rest_client_open(struct rest_client *c, const char *data, const char *server);
void rest_client_close(struct rest_client *c);
/* A token for the calls that follow. */
enum err rest_client_authenticate(struct rest_client *c);

/* One call, whatever its status. accept NULL: JSON. */
enum err rest_client_send(struct rest_client *c, const char *method, struct str target, const char *type,
                          const char *accept, struct str body, struct http_answer *answer);
/* One call; expects a 2xx answer (ERR_INVALID). *out (may be NULL) is its JSON. */
enum err rest_client_call(struct rest_client *c, const char *method, struct str target, const char *type,
                          const char *accept, struct str body, const struct json **out);

/* The same for what a person asked: *out is the JSON of the answer. ERR_NOT_FOUND, ERR_INVALID with what the server
 * said. */
enum err rest_client_request(struct rest_client *c, const char *method, struct str target, struct str body,
                             const struct json **out);
/* rest_question.c: a question that the server answers in the background: asked with POST, looked at with GET until it
 * is answered, and forgotten. *out is the answer. ERR_INVALID, ERR_NOT_FOUND: what the server says against it. */
enum err rest_client_ask(struct rest_client *c, struct str path, struct str body, const struct json **out);

/* What the server has to say of a call that it refused: the message of the error, else how the body begins. */
struct str rest_client_said(struct rest_client *c, const struct http_answer *answer);

/* A text as a part of a target, in the client's arena. */
struct str rest_client_encode(struct rest_client *c, struct str s);

/* Waits between two looks at something that the server does in the background. */
void rest_client_pause(uint64_t us);

#endif
