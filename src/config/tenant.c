/* tenant.c - see tenant.h. */
#include "config/tenant.h"

#include "model/hit.h"
#include "rule/lowercase.h"

#define SANDBOX S("prod")

static bool
fill(const struct snapshot *s, const struct json *org, const struct scope_view *view, struct tenant *out)
{
    *out = (struct tenant){json_str(json_get(org, S("clientCode"))), view->org, view->scope, view};
    return snapshot_object(s, S("sandbox"), view->org, view->sandbox) != NULL;
}

/* Scopes are few: as many as sandboxes. */
static bool
find(const struct snapshot *s, struct str client, struct str org, struct tenant *out)
{
    const struct map_slot *slot;

    for (size_t i = 0; (slot = map_next(&s->scopes, &i)) != NULL;) {
        const struct scope_view *view = slot->value;
        const struct json *object;
        if (!str_eq(view->sandbox, SANDBOX))
            continue;
        object = snapshot_object(s, S("org"), view->org, view->org);
        if (org.n > 0 ? str_eq(view->org, org)
                      : client.n > 0 && str_eq(json_str(json_get(object, S("clientCode"))), client))
            return fill(s, object, view, out);
    }
    return false;
}

bool
tenant_by_client(const struct snapshot *s, struct str client, struct tenant *out)
{
    return find(s, client, S_NULL, out);
}

bool
tenant_by_org(const struct snapshot *s, struct str org, struct tenant *out)
{
    return find(s, S_NULL, org, out);
}

struct environment_search {
    struct str name;
    struct environment *out;
    bool found;
};

static void
match_environment(void *ctx, struct str id, const struct json *object)
{
    struct environment_search *x = ctx;
    struct str name = json_str(json_get(object, S("name")));

    (void)id;
    if (x->found || !str_eq_nocase(name, x->name))
        return;
    *x->out = (struct environment){json_i64(json_get(object, S("id")), 0), name,
                                   json_bool(json_get(object, S("serveInactiveActivities")), false)};
    x->found = true;
}

bool
tenant_environment(const struct snapshot *s, struct str scope, struct str name, struct environment *out)
{
    struct environment_search x = {.name = name, .out = out};

    snapshot_each(s, S("environment"), scope, match_environment, &x);
    if (!x.found && str_eq_nocase(name, S("Production"))) {
        *out = (struct environment){HIT_PRODUCTION, S("Production"), false};
        return true;
    }
    return x.found;
}

bool
tenant_environment_by_id(const struct snapshot *s, struct str scope, int64_t id, struct environment *out)
{
    char room[U64_TEXT_BYTES];
    const struct json *o = id < 0 ? NULL : snapshot_object(s, S("environment"), scope, u64_text((uint64_t)id, room));

    if (o == NULL && id == HIT_PRODUCTION)
        return tenant_environment(s, scope, S("Production"), out);
    *out = (struct environment){id, json_str(json_get(o, S("name"))),
                                json_bool(json_get(o, S("serveInactiveActivities")), false)};
    return o != NULL;
}

struct environment
tenant_environment_of_host(const struct snapshot *s, struct str scope, struct str host, struct arena *a)
{
    struct environment out = {0};
    const struct json *id = NULL;

    if (host.n > 0) {
        id = json_get(snapshot_object(s, S("host"), scope, lowercase_str(host, a)), S("environmentId"));
        if (id == NULL)
            id = json_get(snapshot_object(s, S("targetSettings"), scope, S("environmentDefaults")),
                          S("newHostEnvironmentId"));
    }
    if (!tenant_environment_by_id(s, scope, json_i64(id, HIT_PRODUCTION), &out))
        (void)tenant_environment(s, scope, S("Production"), &out); /* always there */
    return out;
}
