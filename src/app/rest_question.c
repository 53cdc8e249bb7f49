/* rest_question.c - questions that the server answers in the background. */
#include "app/rest_client.h"

#define FIRST_WAIT_US 2000
#define LONGEST_WAIT_US 500000

enum err
rest_client_request(struct rest_client *c, const char *method, struct str target, struct str body,
                    const struct json **out)
{
    struct http_answer answer;
    enum err rc = rest_client_send(c, method, target, "application/json", NULL, body, &answer);

    if (rc != ERR_OK)
        return rc;
    if (answer.status < 200 || answer.status > 299)
        return diag_set(&c->diag, answer.status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "the server answered %d: %.*s",
                        answer.status, STR_ARG(rest_client_said(c, &answer)));
    return json_parse(answer.body, &c->arena, out, &c->diag);
}

static enum err
wait_for(struct rest_client *c, struct str target, const struct json **out)
{
    uint64_t wait_us = FIRST_WAIT_US;
    struct str state;
    enum err rc;

    for (;;) {
        rc = rest_client_request(c, "GET", target, S_NULL, out);
        if (rc != ERR_OK)
            return rc;
        state = json_str(json_get(*out, S("state")));
        if (str_eq(state, S("RESULT_READY")) || str_eq(state, S("FAILED")))
            break;
        rest_client_pause(wait_us);
        wait_us = wait_us * 2 < LONGEST_WAIT_US ? wait_us * 2 : LONGEST_WAIT_US;
    }
    if (str_eq(state, S("RESULT_READY")))
        return ERR_OK;
    return diag_set(&c->diag, ERR_INVALID, "%.*s", STR_ARG(json_str(json_path(*out, S("error.description")))));
}

enum err
rest_client_ask(struct rest_client *c, struct str path, struct str body, const struct json **out)
{
    const struct json *made = NULL;
    struct http_answer forgotten;
    struct str target;
    enum err rc = rest_client_request(c, "POST", path, body, &made);

    if (rc != ERR_OK)
        return rc;
    target = arena_printf(&c->arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(json_str(json_get(made, S("id")))));
    rc = wait_for(c, target, out);
    if (rc == ERR_OK) /* else it goes by itself in half an hour */
        (void)rest_client_send(c, "DELETE", target, "application/json", NULL, S_NULL, &forgotten);
    return rc;
}
