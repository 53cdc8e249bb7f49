/* demo_load_datasets.c - see demo_load.h: namespaces, schemas with identity descriptors, datasets. */
#include "app/demo_load.h"

struct dataset {
    const char *name;
    const char *parts; /* class, then field groups: the $refs of allOf */
    const char *properties;
    const char *identities[3][2]; /* schema path, namespace; the first is primary */
};

#define NORTHPEAK(members) "\"_northpeak\":{\"type\":\"object\",\"properties\":{" members "}}"
#define TEXT "{\"type\":\"string\"}"
#define REF(path) "{\"$ref\":\"https://ns.adobe.com/" path "\"}"

static const struct dataset datasets[DEMO_SETS] = {
    [DEMO_SET_CRM] = {"Northpeak CRM",
                      REF("xdm/context/profile") "," REF("xdm/context/profile-person-details") "," REF(
                          "xdm/context/profile-personal-details"),
                      NORTHPEAK("\"crmId\":" TEXT ",\"emailSha256\":" TEXT),
                      {{"/_northpeak/crmId", "CRMID"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}}},
    [DEMO_SET_LOYALTY] = {"Northpeak Loyalty",
                          REF("xdm/context/profile") "," REF("xdm/mixins/profile/profile-loyalty-details"),
                          NORTHPEAK("\"loyaltyId\":" TEXT ",\"emailSha256\":" TEXT),
                          {{"/_northpeak/loyaltyId", "LoyaltyId"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}}},
    [DEMO_SET_ORDERS] = {"Northpeak Orders",
                         REF("xdm/context/experienceevent") "," REF("xdm/context/experienceevent-commerce"),
                         NORTHPEAK("\"crmId\":" TEXT ",\"emailSha256\":" TEXT),
                         {{"/_northpeak/crmId", "CRMID"}, {"/_northpeak/emailSha256", "Email_LC_SHA256"}}},
    [DEMO_SET_WEB] = {"Northpeak Web",
                      REF("xdm/context/experienceevent") "," REF("xdm/context/experienceevent-commerce") "," REF(
                          "experience/aep-web-sdk-experienceevent"),
                      NORTHPEAK("\"page\":" TEXT),
                      {{NULL}}},
};

static enum err
ensure_schema(struct demo_load *l, const struct dataset *s, struct str *id)
{
    const char *tenant = "/data/foundation/schemaregistry/tenant";
    const struct json *answer = NULL, *found;
    enum err rc = demo_get(l, arena_printf(&l->rest.arena, "%s/schemas", tenant), &answer);

    if (rc != ERR_OK)
        return rc;
    found = demo_named(answer, str_of(s->name));
    if (found != NULL) {
        *id = json_str(json_get(found, S("$id")));
        return ERR_OK;
    }
    rc = demo_post(l, arena_printf(&l->rest.arena, "%s/schemas", tenant),
                   arena_printf(&l->rest.arena,
                                "{\"title\":\"%s\",\"type\":\"object\",\"allOf\":[%s],\"properties\":{%s}}", s->name,
                                s->parts, s->properties),
                   &answer);
    if (rc != ERR_OK)
        return rc;
    *id = json_str(json_get(answer, S("$id")));
    for (int i = 0; rc == ERR_OK && i < 3 && s->identities[i][0] != NULL; i++)
        rc = demo_post(l, arena_printf(&l->rest.arena, "%s/descriptors", tenant),
                       arena_printf(&l->rest.arena,
                                    "{\"@type\":\"xdm:descriptorIdentity\",\"xdm:sourceSchema\":\"%.*s\","
                                    "\"xdm:sourceVersion\":1,\"xdm:sourceProperty\":\"%s\",\"xdm:namespace\":\"%s\","
                                    "\"xdm:property\":\"xdm:code\",\"xdm:isPrimary\":%s}",
                                    STR_ARG(*id), s->identities[i][0], s->identities[i][1], i == 0 ? "true" : "false"),
                       NULL);
    if (rc == ERR_OK)
        rc = demo_call(l, "PATCH",
                       arena_printf(&l->rest.arena, "%s/schemas/%.*s", tenant,
                                    STR_ARG(json_str(json_get(answer, S("meta:altId"))))),
                       "application/json",
                       S("[{\"op\":\"add\",\"path\":\"/meta:immutableTags\",\"value\":[\"union\"]}]"), NULL);
    return rc;
}

/* Lists of datasets are keyed by id; creation answers ["@/dataSets/{id}"]. */
static enum err
ensure_dataset(struct demo_load *l, const struct dataset *s, struct str schema, struct str *id)
{
    const struct json *answer = NULL;
    struct json_iter it;
    struct str path;
    enum err rc = demo_get(l, S("/data/foundation/catalog/dataSets?limit=100"), &answer);

    if (rc != ERR_OK)
        return rc;
    for (it = json_iter(answer); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, S("name"))), str_of(s->name))) {
            *id = it.key;
            return ERR_OK;
        }
    }
    rc = demo_post(
        l, S("/data/foundation/catalog/dataSets"),
        arena_printf(&l->rest.arena,
                     "{\"name\":\"%s\",\"schemaRef\":{\"id\":\"%.*s\","
                     "\"contentType\":\"application/vnd.adobe.xed-full+json;version=1\"},"
                     "\"tags\":{\"unifiedProfile\":[\"enabled:true\"],\"unifiedIdentity\":[\"enabled:true\"]}}",
                     s->name, STR_ARG(schema)),
        &answer);
    path = json_str(json_at(answer, 0));
    if (rc == ERR_OK)
        *id = str_slice(path, S("@/dataSets/").n, path.n);
    return rc;
}

static enum err
ensure_namespaces(struct demo_load *l)
{
    const struct json *answer = NULL;
    struct json_iter it;
    bool crm = false, loyalty = false;
    enum err rc = demo_get(l, S("/data/core/idnamespace/identities"), &answer);

    for (it = json_iter(answer); rc == ERR_OK && json_next(&it);) {
        crm |= str_eq(json_str(json_get(it.value, S("code"))), S("CRMID"));
        loyalty |= str_eq(json_str(json_get(it.value, S("code"))), S("LoyaltyId"));
    }
    if (rc == ERR_OK && !crm)
        rc = demo_post(l, S("/data/core/idnamespace/identities"),
                       S("{\"code\":\"CRMID\",\"name\":\"CRM id\",\"idType\":\"CROSS_DEVICE\"}"), NULL);
    if (rc == ERR_OK && !loyalty)
        rc = demo_post(l, S("/data/core/idnamespace/identities"),
                       S("{\"code\":\"LoyaltyId\",\"name\":\"Loyalty id\",\"idType\":\"CROSS_DEVICE\"}"), NULL);
    return rc;
}

enum err
demo_ensure_datasets(struct demo_load *l)
{
    enum err rc = ensure_namespaces(l);

    for (int i = 0; rc == ERR_OK && i < DEMO_SETS; i++) {
        struct str schema = S_NULL;
        rc = ensure_schema(l, &datasets[i], &schema);
        if (rc == ERR_OK)
            rc = ensure_dataset(l, &datasets[i], schema, &l->datasets[i]);
    }
    return rc;
}
