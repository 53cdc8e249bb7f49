/* demo_load_calls.c - see demo_load.h: calls of the REST API, and objects by their names. */
#include "app/demo_load.h"

/* Schemas come in one of many forms, which Accept names. */
enum err
demo_call(struct demo_load *l, const char *method, struct str target, const char *type, struct str body,
          const struct json **out)
{
    const char *accept =
        str_find(target, S("schemaregistry")) >= 0 ? "application/vnd.adobe.xed+json; version=1" : NULL;

    return rest_client_call(&l->rest, method, target, type, accept, body, out);
}

enum err
demo_post(struct demo_load *l, struct str target, struct str body, const struct json **out)
{
    return demo_call(l, "POST", target, "application/json", body, out);
}

enum err
demo_get(struct demo_load *l, struct str target, const struct json **out)
{
    return demo_call(l, "GET", target, "application/json", S_NULL, out);
}

void
demo_say(const char *what)
{
    printf("  %s\n", what);
    fflush(stdout);
}

const struct json *
demo_named(const struct json *v, struct str name)
{
    struct json_iter outer = json_iter(v);

    while (json_next(&outer)) {
        struct json_iter inner;
        if (str_eq(json_str(json_get(outer.value, S("name"))), name) ||
            str_eq(json_str(json_get(outer.value, S("title"))), name))
            return outer.value;
        if (!json_is(outer.value, JSON_ARRAY))
            continue;
        for (inner = json_iter(outer.value); json_next(&inner);) {
            if (str_eq(json_str(json_get(inner.value, S("name"))), name) ||
                str_eq(json_str(json_get(inner.value, S("title"))), name))
                return inner.value;
        }
    }
    return NULL;
}

static struct str
id_text(struct demo_load *l, const struct json *object)
{
    const struct json *id = json_get(object, S("id"));

    return json_is(id, JSON_INT) ? arena_printf(&l->rest.arena, "%lld", (long long)json_i64(id, 0)) : json_str(id);
}

enum err
demo_ensure(struct demo_load *l, struct str list, struct str create, struct str name, struct str body, struct str *id)
{
    const struct json *answer = NULL, *found;
    enum err rc = demo_get(l, list, &answer);

    if (rc != ERR_OK)
        return rc;
    found = demo_named(answer, name);
    if (found == NULL) {
        rc = demo_post(l, create, body, &answer);
        found = answer;
    }
    if (rc == ERR_OK && id != NULL)
        *id = id_text(l, found);
    if (rc == ERR_OK && id != NULL && id->n == 0)
        rc = diag_set(&l->rest.diag, ERR_INVALID, "no id in the answer for '%.*s'", STR_ARG(name));
    return rc;
}
