/* identity.c - see identity.h. */
#include "model/identity.h"

#include "base/limits.h"

static const char *const auth_names[] = {"ambiguous", "authenticated", "loggedOut"};

const char *
auth_state_name(enum auth_state s)
{
    return auth_names[s];
}

static enum err
read_id(const struct json *v, const char *where, struct arena *a, struct str *out, struct diag *d)
{
    if (json_is(v, JSON_INT))
        *out = arena_printf(a, "%lld", (long long)json_i64(v, 0)); /* [EDGE 2.5] numbers become text */
    else if (json_is(v, JSON_STRING))
        *out = json_str(v);
    else
        return diag_set_path(d, ERR_INVALID, where, "identity id must be a string, got %s",
                             json_type_name(json_type(v)));
    if (out->n == 0)
        return diag_set_path(d, ERR_INVALID, where, "identity id must not be empty");
    if (out->n > LIMIT_IDENTITY_VALUE_BYTES)
        return diag_set_path(d, ERR_LIMIT, where, "identity id has %zu bytes, at most %d", out->n,
                             LIMIT_IDENTITY_VALUE_BYTES);
    return ERR_OK;
}

static enum err
read_auth(const struct json *v, const char *where, enum auth_state *out, struct diag *d)
{
    *out = AUTH_AMBIGUOUS;
    if (v == NULL)
        return ERR_OK;
    for (int i = 0; i < 3; i++) {
        if (str_eq(json_str(v), str_of(auth_names[i]))) {
            *out = (enum auth_state)i;
            return ERR_OK;
        }
    }
    return diag_set_path(d, ERR_INVALID, where, "authenticatedState must be ambiguous, authenticated or loggedOut");
}

static enum err
read_primary(const struct json *v, const char *where, bool *out, struct diag *d)
{
    *out = json_bool(v, false) || str_eq(json_str(v), S("true")); /* [EDGE 2.5] documents show both */
    if (v != NULL && !json_is(v, JSON_BOOL) && !str_eq(json_str(v), S("true")) && !str_eq(json_str(v), S("false")))
        return diag_set_path(d, ERR_INVALID, where, "primary must be a boolean");
    return ERR_OK;
}

static enum err
read_item(struct str ns, const struct json *item, const char *where, struct arena *a, struct identity *out,
          struct diag *d)
{
    enum err rc;

    if (!json_is(item, JSON_OBJECT))
        return diag_set_path(d, ERR_INVALID, where, "identity must be an object, got %s",
                             json_type_name(json_type(item)));
    out->ns = ns;
    rc = read_id(json_get(item, S("id")), where, a, &out->id, d);
    if (rc == ERR_OK)
        rc = read_auth(json_get(item, S("authenticatedState")), where, &out->auth, d);
    if (rc == ERR_OK)
        rc = read_primary(json_get(item, S("primary")), where, &out->primary, d);
    return rc;
}

/* Room is made for the limit once: sets are tiny. */
static enum err
set_add(struct identity_set *s, struct identity id, const char *where, struct arena *a, struct diag *d)
{
    if (s->items == NULL)
        s->items = ARENA_ARRAY(a, struct identity, LIMIT_IDENTITIES_PER_EVENT);
    if (s->items == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for identities");
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->items[i].ns, id.ns) && str_eq(s->items[i].id, id.id)) {
            s->items[i].primary |= id.primary && identity_primary(s) == NULL;
            return ERR_OK;
        }
    }
    if (s->n == LIMIT_IDENTITIES_PER_EVENT)
        return diag_set_path(d, ERR_LIMIT, where, "more than %d identities", LIMIT_IDENTITIES_PER_EVENT);
    if (id.primary && identity_primary(s) != NULL)
        id.primary = false; /* [EDGE C-31] the first one wins */
    s->items[s->n++] = id;
    return ERR_OK;
}

enum err
identity_map_read(const struct json *map, const char *path, struct arena *a, struct identity_set *out, struct diag *d)
{
    struct identity_set set = {0};
    struct json_iter namespaces;

    if (map == NULL) {
        *out = set;
        return ERR_OK;
    }
    if (!json_is(map, JSON_OBJECT))
        return diag_set_path(d, ERR_INVALID, path, "must be an object, got %s", json_type_name(json_type(map)));
    for (namespaces = json_iter(map); json_next(&namespaces);) {
        struct json_iter items = json_iter(namespaces.value);
        struct str ns = namespaces.key;
        char where[128];
        (void)snprintf(where, sizeof where, "%s.%.*s", path, STR_ARG(ns));
        if (ns.n == 0 || ns.n > LIMIT_NAMESPACE_BYTES)
            return diag_set_path(d, ERR_INVALID, path, "namespace codes have 1..%d bytes", LIMIT_NAMESPACE_BYTES);
        if (!json_is(namespaces.value, JSON_ARRAY))
            return diag_set_path(d, ERR_INVALID, where, "must be an array, got %s",
                                 json_type_name(json_type(namespaces.value)));
        while (json_next(&items)) {
            struct identity id = {0};
            enum err rc = read_item(ns, items.value, where, a, &id, d);
            if (rc == ERR_OK)
                rc = set_add(&set, id, where, a, d);
            if (rc != ERR_OK)
                return rc;
        }
    }
    *out = set;
    return ERR_OK;
}

enum err
identity_set_merge(struct identity_set *a, const struct identity_set *b, struct arena *arena, struct diag *d)
{
    for (size_t i = 0; i < b->n; i++) {
        struct identity id = b->items[i];
        enum err rc;
        if (str_eq(id.ns, S("ECID")) && identity_find(a, id.ns) != NULL)
            continue; /* one device, one ECID */
        rc = set_add(a, id, "identityMap", arena, d);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

const struct identity *
identity_find(const struct identity_set *s, struct str ns)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->items[i].ns, ns))
            return &s->items[i];
    }
    return NULL;
}

const struct identity *
identity_primary(const struct identity_set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].primary)
            return &s->items[i];
    }
    return NULL;
}

void
identity_map_write(struct jw *w, const struct identity_set *s)
{
    jw_object(w);
    for (size_t i = 0; i < s->n; i++) {
        struct str ns = s->items[i].ns;
        size_t earlier = 0;
        while (!str_eq(s->items[earlier].ns, ns))
            earlier++;
        if (earlier < i)
            continue; /* written with the first of its namespace */
        jw_key(w, ns);
        jw_array(w);
        for (size_t k = i; k < s->n; k++) {
            const struct identity *id = &s->items[k];
            if (!str_eq(id->ns, ns))
                continue;
            jw_object(w);
            jw_kstr(w, S("id"), id->id);
            jw_kstr(w, S("authenticatedState"), str_of(auth_state_name(id->auth)));
            jw_kbool(w, S("primary"), id->primary);
            jw_end(w);
        }
        jw_end(w);
    }
    jw_end(w);
}

void
identity_key(struct buf *out, struct str scope, struct str ns, struct str id)
{
    buf_put(out, scope);
    buf_putc(out, 0x1f);
    buf_put(out, ns);
    buf_putc(out, 0x1f);
    buf_put(out, id);
}
