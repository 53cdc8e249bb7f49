/* registry_test.c - schemas, field groups, descriptors, unions [PLATFORM 2], the catalogue [PLATFORM 3.1]. */
#include "codec/url.h"
#include "control_fixture.h"

#define REG "/data/foundation/schemaregistry"
#define CAT "/data/foundation/catalog"
#define PROFILE "{'$ref':'https://ns.adobe.com/xdm/context/profile'}"

static const char *
encoded(struct t *t, struct str s)
{
    struct buf b;
    const char *z;

    buf_init(&b, 4096);
    url_encode(&b, s);
    z = arena_cstr(t->arena, buf_str(&b));
    buf_deinit(&b);
    return z;
}

static const char *
printed(struct t *t, const char *fmt, const char *arg)
{
    struct str f = str_of(fmt), out;
    ptrdiff_t at = str_find(f, S("@@"));

    out = arena_printf(t->arena, "%.*s%s%s", (int)at, fmt, arg, fmt + at + 2);
    return out.p;
}

/* A schema with one custom field; its $id. */
static struct str
make_schema(struct control *c, const char *title)
{
    struct t *t = c->t;
    struct reply r = control_ask(
        c, "POST " REG "/tenant/schemas",
        printed(t,
                "{'title':'@@','type':'object','allOf':[" PROFILE "],'properties':{'_acme':{'type':'object',"
                "'properties':{'crmId':{'type':'string','title':'CRM'},'points':{'type':'integer'}}}}}",
                title));

    CHECK_REPLY(r, 201);
    return control_get(c, &r, "$id");
}

TEST(admin_schema_life)
{
    struct control c;
    struct reply r;
    struct str id, alt;
    const char *one;

    control_open(t, &c, false);
    id = make_schema(&c, "Shop visitor");
    CHECK_TRUE(str_starts(id, S("https://ns.adobe.com/acme/schemas/")));
    one = encoded(t, id);
    r = control_ask(&c, printed(t, "GET " REG "/tenant/schemas/@@", one), NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "version"), S("1.0"));
    CHECK_STR(control_get(&c, &r, "meta:class"), S("https://ns.adobe.com/xdm/context/profile"));
    alt = control_get(&c, &r, "meta:altId");
    r = control_ask_with(&c, printed(t, "GET " REG "/tenant/schemas/@@", arena_cstr(t->arena, alt)),
                         "Accept: application/vnd.adobe.xed-full+json; version=1", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "properties._acme.properties.points.type"), S("integer"));
    CHECK_TRUE(json_get(r.json, S("allOf")) == NULL);
    r = control_ask_with(&c, printed(t, "GET " REG "/tenant/schemas/@@", one),
                         "Accept: application/vnd.adobe.xed-full-notext+json; version=1", NULL);
    CHECK_TRUE(json_path(r.json, S("properties._acme.properties.crmId.title")) == NULL);
    r = control_ask(&c, "POST " REG "/tenant/schemas",
                    "{'title':'Shop visitor','type':'object','allOf':[" PROFILE "]}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "Title must be unique");
    r = control_ask(&c, printed(t, "PATCH " REG "/tenant/schemas/@@", one),
                    "[{'op':'add','path':'/properties/_acme/properties/tier','value':{'type':'string'}}]");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "version"), S("1.1"));
    r = control_ask(&c, printed(t, "PUT " REG "/tenant/schemas/@@", one),
                    "{'title':'Shop visitor 2','type':'object','allOf':[" PROFILE "]}");
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "$id"), id);
    CHECK_STR(control_get(&c, &r, "version"), S("1.2"));
    CHECK_REPLY(control_ask(&c, printed(t, "DELETE " REG "/tenant/schemas/@@", one), NULL), 204);
    CHECK_REPLY(control_ask(&c, printed(t, "GET " REG "/tenant/schemas/@@", one), NULL), 404);
    control_close(&c);
}

TEST(admin_schema_accept_and_lists)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    make_schema(&c, "B");
    make_schema(&c, "A");
    make_schema(&c, "C");
    r = control_ask_with(&c, "GET " REG "/tenant/schemas", "Accept:", NULL);
    CHECK_REPLY(r, 406);
    CHECK_STR(control_get(&c, &r, "detail"), S("Accept header parameter is required"));
    CHECK_STR(control_get(&c, &r, "title"), S("NotAcceptableError"));
    r = control_ask_with(&c, "GET " REG "/tenant/schemas", "Accept: text/html", NULL);
    CHECK_REPLY(r, 406);
    CHECK_BODY(r, "Unknown Accept media supplied");
    r = control_ask_with(&c, "GET " REG "/tenant/schemas/x", "Accept: application/vnd.adobe.xed+json", NULL);
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "version must be supplied in the accept header");
    r = control_ask_with(&c, "GET " REG "/tenant/schemas/?orderby=title&limit=2",
                         "Accept: application/vnd.adobe.xed-id+json", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "results.0.title"), S("A"));
    CHECK_STR(control_get(&c, &r, "results.1.title"), S("B"));
    CHECK_EQ(json_count(json_at(json_get(r.json, S("results")), 0)), 4);
    CHECK_STR(control_get(&c, &r, "_page.next"), S("B"));
    r = control_ask(&c, "GET " REG "/tenant/schemas?orderby=title&limit=2&start=B", NULL);
    CHECK_STR(control_get(&c, &r, "results.0.title"), S("C"));
    CHECK_STR(control_get(&c, &r, "_page.next"), S("null"));
    r = control_ask(&c, "GET " REG "/tenant/schemas?orderby=-title", NULL);
    CHECK_STR(control_get(&c, &r, "results.0.title"), S("C"));
    r = control_ask(&c, "GET " REG "/tenant/schemas?property=title==A", NULL);
    CHECK_STR(control_get(&c, &r, "_page.count"), S("1"));
    r = control_ask(&c, "GET " REG "/stats", NULL);
    CHECK_STR(control_get(&c, &r, "tenantId"), S("acme"));
    CHECK_STR(control_get(&c, &r, "counts.schemas"), S("3"));
    control_close(&c);
}

TEST(admin_fieldgroups_and_globals)
{
    struct control c;
    struct reply r;
    const char *one;

    control_open(t, &c, false);
    r = control_ask(&c, "POST " REG "/tenant/fieldgroups",
                    "{'title':'Bad','type':'object','properties':{'shoe':{'type':'string'}}}");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "top level field named _acme");
    r = control_ask(
        &c, "POST " REG "/tenant/fieldgroups",
        "{'title':'Crm','type':'object','meta:intendedToExtend':['https://ns.adobe.com/xdm/context/profile'],"
        "'definitions':{'customFields':{'properties':{'_acme':{'type':'object','properties':{'a':{'type':"
        "'string'}}}}}},'allOf':[{'$ref':'#/definitions/customFields'}]}");
    CHECK_REPLY(r, 201);
    CHECK_TRUE(str_find(control_get(&c, &r, "$id"), S("/acme/mixins/")) > 0);
    one = encoded(t, control_get(&c, &r, "$id"));
    r = control_ask(&c, printed(t, "GET " REG "/tenant/mixins/@@", one), NULL);
    CHECK_STR(control_get(&c, &r, "title"), S("Crm"));
    r = control_ask(&c, "POST " REG "/tenant/schemas",
                    printed(t, "{'title':'S','type':'object','allOf':[" PROFILE ",{'$ref':'@@'}]}",
                            arena_cstr(t->arena, control_get(&c, &r, "$id"))));
    CHECK_REPLY(r, 201);
    r = control_ask(&c, printed(t, "PATCH " REG "/tenant/fieldgroups/@@", one),
                    "[{'op':'add','path':'/definitions/customFields/properties/_acme/properties/b','value':{'type':"
                    "'number'}}]");
    CHECK_REPLY(r, 200);
    r = control_ask_with(&c, "GET " REG "/tenant/schemas", "Accept: application/vnd.adobe.xed-full+json", NULL);
    CHECK_STR(control_get(&c, &r, "results.0.properties._acme.properties.b.type"), S("number"));
    CHECK_REPLY(control_ask(&c, printed(t, "DELETE " REG "/tenant/fieldgroups/@@", one), NULL), 400); /* in use */
    r = control_ask(&c, "GET " REG "/global/classes/_xdm.context.profile", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "$id"), S("https://ns.adobe.com/xdm/context/profile"));
    r = control_ask(&c, "GET " REG "/global/fieldgroups", NULL);
    CHECK_STR(control_get(&c, &r, "_page.next"), S("null"));
    CHECK_REPLY(control_ask(&c, "GET " REG "/global/fieldgroups/nope", NULL), 404);
    CHECK_REPLY(control_ask(&c, "GET " REG "/global/bananas", NULL), 404);
    control_close(&c);
}

TEST(admin_descriptors_unions_datasets)
{
    struct control c;
    struct reply r;
    struct str id, dataset;
    const char *schema, *one, *set;

    control_open(t, &c, false);
    id = make_schema(&c, "Person");
    schema = arena_cstr(t->arena, id);
    one = encoded(t, id);
    r = control_ask(&c, printed(t, "PATCH " REG "/tenant/schemas/@@", one),
                    "[{'op':'add','path':'/meta:immutableTags','value':['union']}]");
    CHECK_REPLY(r, 400);
    r = control_ask(
        &c, "POST " CAT "/dataSets",
        printed(t, "{'name':'People','schemaRef':{'id':'@@'},'tags':{'unifiedProfile':['enabled:true']}}", schema));
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "not enabled for profile");
    r = control_ask(&c, "POST " REG "/tenant/descriptors",
                    printed(t,
                            "{'@type':'xdm:descriptorIdentity','xdm:sourceSchema':'@@','xdm:sourceVersion':1,"
                            "'xdm:sourceProperty':'/_acme/nope','xdm:namespace':'email','xdm:property':'xdm:code'}",
                            schema));
    CHECK_REPLY(r, 400);
    r = control_ask(&c, "POST " REG "/tenant/descriptors",
                    printed(t,
                            "{'@type':'xdm:descriptorIdentity','xdm:sourceSchema':'@@','xdm:sourceVersion':1,"
                            "'xdm:sourceProperty':'/_acme/crmId','xdm:namespace':'email','xdm:property':'xdm:code',"
                            "'xdm:isPrimary':true}",
                            schema));
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "xdm:namespace"), S("Email")); /* in its registered spelling */
    set = arena_cstr(t->arena, control_get(&c, &r, "@id"));
    r = control_ask_with(&c, "GET " REG "/tenant/descriptors", "Accept: application/vnd.adobe.xdm-link+json", NULL);
    CHECK_STR(control_get(&c, &r, "xdm:descriptorIdentity.0"), arena_printf(t->arena, "/tenant/descriptors/%s", set));
    CHECK_REPLY(control_ask(&c, printed(t, "GET " REG "/tenant/descriptors/@@", set), NULL), 200);
    r = control_ask_with(&c, printed(t, "PATCH " REG "/tenant/schemas/@@", one),
                         "Accept: application/vnd.adobe.xdm-id+json",
                         "[{'op':'add','path':'/meta:immutableTags-','value':['union']}]");
    CHECK_REPLY(r, 200);
    r = control_ask_with(&c, "GET " REG "/tenant/unions/_xdm.context.profile__union",
                         "Accept: application/vnd.adobe.xed-full+json; version=1", NULL);
    CHECK_REPLY(r, 200);
    CHECK_STR(control_get(&c, &r, "properties._acme.properties.crmId.type"), S("string"));
    CHECK_TRUE(json_path(r.json, S("properties.segmentMembership")) != NULL);
    CHECK_REPLY(control_ask(&c, "GET " REG "/tenant/schemas/_xdm.context.profile__union", NULL), 200);
    r = control_ask(&c, "GET " REG "/tenant/unions", NULL);
    CHECK_STR(control_get(&c, &r, "_page.count"), S("1"));
    r = control_ask(&c,
                    "GET " REG "/tenant/schemas?property=meta:immutableTags==union&property=meta:class==https://"
                    "ns.adobe.com/xdm/context/profile",
                    NULL);
    CHECK_STR(control_get(&c, &r, "_page.count"), S("1"));
    CHECK_REPLY(control_ask(&c, printed(t, "DELETE " REG "/tenant/schemas/@@", one), NULL), 400);
    CHECK_REPLY(control_ask(&c, printed(t, "DELETE " REG "/tenant/descriptors/@@", set), NULL), 400);

    r = control_ask(
        &c, "POST " CAT "/dataSets/",
        printed(t, "{'name':'People','schemaRef':{'id':'@@'},'tags':{'unifiedProfile':['enabled:true']}}", schema));
    CHECK_REPLY(r, 201);
    dataset = control_get(&c, &r, "0");
    CHECK_TRUE(str_starts(dataset, S("@/dataSets/")) && dataset.n == 11 + 24);
    set = arena_cstr(t->arena, str_slice(dataset, 11, dataset.n));
    r = control_ask(&c, printed(t, "GET " CAT "/dataSets/@@", set), NULL);
    CHECK_REPLY(r, 200);
    CHECK_TRUE(json_get(json_get(r.json, str_of(set)), S("classification")) != NULL);
    CHECK_BODY(r, "\"adobe/pqs/table\":[\"people\"]");
    r = control_ask(&c, printed(t, "PATCH " REG "/tenant/schemas/@@", one),
                    "[{'op':'remove','path':'/properties/_acme/properties/points'}]");
    CHECK_REPLY(r, 400);
    CHECK_BODY(r, "_acme.points");
    r = control_ask(&c, printed(t, "PATCH " CAT "/dataSets/@@", set),
                    "[{'op':'add','path':'/description','value':'who'}]");
    CHECK_REPLY(r, 200);
    r = control_ask(&c, printed(t, "PATCH " CAT "/dataSets/@@", set), "{'state':'DONE'}");
    CHECK_REPLY(r, 200);
    r = control_ask(&c, "GET " CAT "/dataSets?properties=name,version,description&name=People", NULL);
    CHECK_EQ(json_count(json_get(r.json, str_of(set))), 3);
    CHECK_BODY(r, "\"version\":\"1.0.2\"");
    r = control_ask(&c, "GET " CAT "/dataSets?name=Nobody", NULL);
    CHECK_EQ(json_count(r.json), 0);
    CHECK_REPLY(control_ask(&c, printed(t, "DELETE " CAT "/dataSets/@@", set), NULL), 200);
    CHECK_REPLY(control_ask(&c, printed(t, "GET " CAT "/dataSets/@@", set), NULL), 404);
    control_close(&c);
}

TEST(admin_catalog_batches_filter)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    for (int i = 0; i < 5; i++) {
        struct str id = arena_printf(t->arena, "batch%d", i);
        CHECK_OK(
            config_put(c.config, S("batch"), S(C_SCOPE), id,
                       control_quoted(t, arena_printf(t->arena,
                                                      "{'id':'batch%d','status':'%s','created':%d,'relatedObjects':"
                                                      "[{'type':'dataSet','id':'d%d'}]}",
                                                      i, i % 2 ? "success" : "failed", 100 + i, i / 3)
                                             .p),
                       C_NOW, d));
    }
    r = control_ask(&c, "GET " CAT "/batches/batch3", NULL);
    CHECK_STR(control_get(&c, &r, "batch3.status"), S("success"));
    CHECK_REPLY(control_ask(&c, "GET " CAT "/batches/none", NULL), 404);
    r = control_ask(&c, "GET " CAT "/batches?dataSet=d0&status=success&orderBy=desc:created&limit=1", NULL);
    CHECK_EQ(json_count(r.json), 1);
    CHECK_TRUE(json_get(r.json, S("batch1")) != NULL);
    r = control_ask(&c, "GET " CAT "/batches?createdAfter=101&createdBefore=104", NULL);
    CHECK_EQ(json_count(r.json), 2);
    r = control_ask(&c, "GET " CAT "/batches?limit=2&start=4", NULL);
    CHECK_EQ(json_count(r.json), 1);
    control_close(&c);
}
