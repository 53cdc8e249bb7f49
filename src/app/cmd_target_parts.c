/* cmd_target_parts.c - offers, audiences and properties that imported activities name, each made once; and the response
 * tokens of the artifact, which are switched on. */
#include "app/cmd_target.h"

#include "base/limits.h"
#include "codec/json_writer.h"

enum err
target_import_post(struct target_import *x, struct str what, struct str body, const struct json **out)
{
    struct rest_client *c = x->c;
    struct str target = arena_printf(&c->arena, "/%.*s/target/%.*s", STR_ARG(c->credentials.tenant), STR_ARG(what));

    return rest_client_call(c, "POST", target, "application/json", "application/json", body, out);
}

/* What was made last, as the number that activities name. */
static enum err
number_of(struct target_import *x, const struct json *made, struct str *out)
{
    int64_t id = json_i64(json_get(made, S("id")), 0);

    if (id < 1)
        return diag_set(&x->c->diag, ERR_INVALID, "the server made an object without a number");
    *out = arena_printf(&x->c->arena, "%lld", (long long)id);
    return out->p != NULL ? ERR_OK : diag_set(&x->c->diag, ERR_NOMEM, "no memory");
}

static enum err
remember(struct target_import *x, struct map *m, struct str key, struct str id)
{
    char *value = (char *)(uintptr_t)id.p; /* arena texts end with a NUL */

    return map_put(m, key, value, NULL) ? ERR_OK : diag_set(&x->c->diag, ERR_NOMEM, "no memory");
}

static enum err
make(struct target_import *x, struct map *m, struct str key, struct str what, struct str body, size_t *made,
     struct str *out)
{
    const struct json *answer = NULL;
    const char *known = map_get(m, key);
    enum err rc;

    if (known != NULL) {
        *out = str_of(known);
        return ERR_OK;
    }
    rc = target_import_post(x, what, body, &answer);
    if (rc == ERR_OK)
        rc = number_of(x, answer, out);
    if (rc == ERR_OK)
        (*made)++;
    return rc == ERR_OK ? remember(x, m, key, *out) : rc;
}

enum err
target_import_offer(struct target_import *x, const struct odd_read_cell *cell, struct str *out)
{
    static const char *const paths[][2] = {{"html", "offers/content"},
                                           {"json", "offers/json"},
                                           {"redirect", "offers/redirect"},
                                           {"dynamic", "offers/dynamic"},
                                           {"actions", "offers/actions"}};
    struct str type = json_str(json_get(cell->option, S("type")));
    struct str name = json_str(json_get(cell->meta, S("offer.name")));
    struct str path = S_NULL, key;
    struct buf b;
    struct jw w;

    if (cell->option == NULL) {
        *out = S("0"); /* default content */
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (str_eq(type, str_of(paths[i][0])))
            path = str_of(paths[i][1]);
    }
    buf_init_in(&b, &x->c->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kstr(&w, S("name"), name.n > 0 ? name : S("imported"));
    jw_kjson(&w, str_eq(type, S("actions")) ? S("actions") : S("content"), json_get(cell->option, S("content")));
    jw_end(&w);
    key = ARENA_JOIN(&x->c->arena, type, S(" "), buf_str(&b));
    if (!buf_ok(&b) || key.p == NULL)
        return diag_set(&x->c->diag, ERR_LIMIT, "offer '%.*s' is larger than %d bytes", STR_ARG(name),
                        LIMIT_ADMIN_BODY_BYTES);
    return make(x, &x->offers, key, path, buf_str(&b), &x->offers_made, out);
}

static void
put_logic(struct jw *w, const struct odd_parts *parts)
{
    if (parts->n == 1) {
        jw_json(w, parts->items[0]);
        return;
    }
    jw_object(w);
    jw_key(w, S("and"));
    jw_array(w);
    for (size_t i = 0; i < parts->n; i++)
        jw_json(w, parts->items[i]);
    jw_end(w);
    jw_end(w);
}

enum err
target_import_audience(struct target_import *x, const struct odd_parts *parts, struct str name, struct str *out)
{
    struct buf logic, body;
    struct jw w;

    buf_init_in(&logic, &x->c->arena, LIMIT_ADMIN_BODY_BYTES);
    buf_init_in(&body, &x->c->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&logic);
    put_logic(&w, parts);
    w = jw_to(&body);
    jw_object(&w);
    jw_kraw(&w, S("jsonLogic"), buf_str(&logic));
    jw_kstr(&w, S("name"), name);
    jw_end(&w);
    if (!buf_ok(&logic) || !buf_ok(&body))
        return diag_set(&x->c->diag, ERR_LIMIT, "the condition of '%.*s' is larger than %d bytes", STR_ARG(name),
                        LIMIT_ADMIN_BODY_BYTES);
    return make(x, &x->audiences, buf_str(&logic), S("audiences"), buf_str(&body), &x->audiences_made, out);
}

enum err
target_import_property(struct target_import *x, struct str token, struct str *out)
{
    struct buf b;
    struct jw w;

    buf_init_in(&b, &x->c->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kstr(&w, S("channel"), S("web"));
    jw_kstr(&w, S("name"), arena_printf(&x->c->arena, "imported %.*s", (int)(token.n < 40 ? token.n : 40), token.p));
    jw_kstr(&w, S("token"), token);
    jw_end(&w);
    return make(x, &x->properties, token, S("properties"), buf_str(&b), &x->properties_made, out);
}

/* ---- response tokens ---- */

static const struct json *
find_token(const struct json *list, struct str token)
{
    struct json_iter it = json_iter(json_get(list, S("responseTokens")));

    while (json_next(&it)) {
        if (str_eq(json_str(json_get(it.value, S("token"))), token))
            return it.value;
    }
    return NULL;
}

static enum err
switch_on(struct target_import *x, const struct json *known, struct str token)
{
    struct rest_client *c = x->c;
    struct str target = arena_printf(&c->arena, "/%.*s/target/responsetokens", STR_ARG(c->credentials.tenant));
    struct buf b;
    struct jw w;

    if (known != NULL && json_bool(json_get(known, S("active")), true))
        return ERR_OK;
    if (known != NULL)
        target =
            arena_printf(&c->arena, "%.*s/%lld", STR_ARG(target), (long long)json_i64(json_get(known, S("id")), 0));
    buf_init_in(&b, &c->arena, LIMIT_ADMIN_BODY_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    jw_kbool(&w, S("active"), true);
    jw_kstr(&w, S("token"), token);
    jw_end(&w);
    x->tokens_made++;
    return rest_client_call(c, known != NULL ? "PUT" : "POST", target, "application/json", "application/json",
                            buf_str(&b), NULL);
}

bool
target_import_knows_token(struct str token)
{
    return !str_eq(token, S("activity.type")) && !str_starts(token, S("location."));
}

enum err
target_import_tokens(struct target_import *x)
{
    struct rest_client *c = x->c;
    struct json_iter it = json_iter(x->read.response_tokens);
    struct str target = arena_printf(&c->arena, "/%.*s/target/responsetokens", STR_ARG(c->credentials.tenant));
    const struct json *list = NULL;
    enum err rc = rest_client_call(c, "GET", target, "application/json", "application/json", S_NULL, &list);

    while (rc == ERR_OK && json_next(&it)) {
        if (target_import_knows_token(json_str(it.value)))
            rc = switch_on(x, find_token(list, json_str(it.value)), json_str(it.value));
    }
    return rc;
}
