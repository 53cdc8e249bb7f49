/* schema_view_test.c - flattened schemas: types, identities, validation [PLATFORM 2.6], evolution [PLATFORM 2.4]. */
#include "config/schema_view.h"

#include "base/limits.h"
#include "codec/json_writer.h"
#include "fixture.h"

#define EVENT_ID "https://ns.adobe.com/acme/schemas/e1"
#define PROFILE_ID "https://ns.adobe.com/acme/schemas/p1"
#define GROUP_ID "https://ns.adobe.com/acme/mixins/g1"

static void
put_schemas(struct t *t, struct fixture *f)
{
    put_world(t, f);
    put(t, f, "namespace", "CRMID", "{'code':'CRMID','name':'CRM','idType':'CROSS_DEVICE'}");
    put(t, f, "fieldgroup", GROUP_ID,
        "{'$id':'" GROUP_ID "','meta:altId':'_acme.mixins.g1','title':'Crm','type':'object',"
        "'meta:intendedToExtend':['https://ns.adobe.com/xdm/context/profile'],"
        "'definitions':{'customFields':{'properties':{'_acme':{'type':'object','properties':{"
        "'crmId':{'type':'string','title':'CRM id'},'score':{'type':'integer','minimum':0,'maximum':100},"
        "'level':{'type':'string','enum':['a','b']},'code':{'type':'string','pattern':'^[A-Z][0-9]+$'},"
        "'born':{'type':'string','format':'date'},'tags':{'type':'array','items':{'type':'string'}},"
        "'extra':{'type':'object','additionalProperties':{'type':'number'}},"
        "'email':{'type':'string','format':'email'},'short':{'type':'string','maxLength':3}}}}}},"
        "'allOf':[{'$ref':'#/definitions/customFields'}]}");
    put(t, f, "schema", PROFILE_ID,
        "{'$id':'" PROFILE_ID "','meta:altId':'_acme.schemas.p1','title':'Person','type':'object',"
        "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'},"
        "{'$ref':'https://ns.adobe.com/xdm/context/profile-person-details'},"
        "{'$ref':'https://ns.adobe.com/xdm/context/profile-personal-details'},{'$ref':'" GROUP_ID "'}]}");
    put(t, f, "descriptor", "i2",
        "{'@id':'i2','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_ID
        "','xdm:sourceProperty':'/personalEmail/address','xdm:namespace':'Email','xdm:property':'xdm:code'}");
    put(t, f, "descriptor", "i1",
        "{'@id':'i1','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" PROFILE_ID "','xdm:sourceProperty':'/_acme/"
        "crmId','xdm:namespace':'CRMID','xdm:property':'xdm:code','xdm:isPrimary':true}");
    put(t, f, "schema", EVENT_ID,
        "{'$id':'" EVENT_ID "','meta:altId':'_acme.schemas.e1','title':'Web','type':'object',"
        "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/experienceevent'},"
        "{'$ref':'https://ns.adobe.com/experience/aep-web-sdk-experienceevent'},"
        "{'$ref':'https://ns.adobe.com/xdm/context/experienceevent-commerce'}]}");
}

TEST(schema_view_types)
{
    static const struct {
        const char *schema, *path;
        enum xdm_type type;
    } cases[] = {
        {PROFILE_ID, "person.name.firstName", XDM_STRING},
        {PROFILE_ID, "person.birthDate", XDM_DATE},
        {PROFILE_ID, "person.birthYear", XDM_INT},
        {PROFILE_ID, "person", XDM_OBJECT},
        {PROFILE_ID, "_acme.crmId", XDM_STRING},
        {PROFILE_ID, "_acme.score", XDM_LONG},
        {PROFILE_ID, "_acme.born", XDM_DATE},
        {PROFILE_ID, "_acme.tags", XDM_ARRAY},
        {PROFILE_ID, "_acme.extra", XDM_MAP},
        {PROFILE_ID, "_acme.extra.anything", XDM_NUMBER},
        {PROFILE_ID, "identityMap.CRMID.id", XDM_STRING},
        {PROFILE_ID, "web", XDM_NONE},
        {PROFILE_ID, "person.nope", XDM_NONE},
        {PROFILE_ID, "homeAddress.city", XDM_STRING},
        {EVENT_ID, "productListItems.priceTotal", XDM_NUMBER},
        {EVENT_ID, "timestamp", XDM_DATE_TIME},
        {EVENT_ID, "commerce.purchases.value", XDM_NUMBER},
        {EVENT_ID, "web.webPageDetails.URL", XDM_STRING},
        {EVENT_ID, "device.screenHeight", XDM_INT},
        {"_acme.schemas.e1", "eventType", XDM_STRING},
    };
    struct fixture f;
    const struct snapshot *s;
    const struct schema_view *v;
    const struct schema_identity *ids;
    size_t n;

    fixture_open(t, &f);
    put_schemas(t, &f);
    s = snapshot_get(f.config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        v = schema_view_of(s, S(SCOPE), str_of(cases[i].schema));
        CHECK_TRUE(v != NULL);
        if (schema_view_type(v, str_of(cases[i].path)) != cases[i].type)
            t_fail(t, __FILE__, __LINE__, "%s is %s", cases[i].path,
                   xdm_type_name(schema_view_type(v, str_of(cases[i].path))));
    }
    v = schema_view_of(s, S(SCOPE), S(PROFILE_ID));
    CHECK_TRUE(!schema_view_is_event(v) && schema_view_is_event(schema_view_of(s, S(SCOPE), S(EVENT_ID))));
    CHECK_EQ(schema_view_element_type(v, S("_acme.tags")), XDM_STRING);
    ids = schema_view_identities(v, &n);
    CHECK_EQ(n, 2);
    CHECK_STR(ids[0].path, S("_acme.crmId"));
    CHECK_STR(ids[1].ns, S("Email"));
    CHECK_TRUE(schema_view_primary(v) == &ids[0]);
    CHECK_TRUE(schema_view_of(s, S(SCOPE), S("nope")) == NULL);
    CHECK_TRUE(schema_view_of(s, S("no/where"), S(PROFILE_ID)) == NULL);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(schema_view_violations)
{
    static const struct {
        const char *schema, *json, *keyword, *path;
    } cases[] = {
        {PROFILE_ID, "{'person':{'name':{'firstName':'Ada'},'birthDate':'1999-12-31'},'_acme':{'crmId':'c1'}}", NULL,
         ""},
        {PROFILE_ID, "{'person':{'birthDate':'31.12.1999'}}", "format", "person.birthDate"},
        {PROFILE_ID, "{'person':{'birthDate':'1999-12-31T00:00:00Z'}}", "format", "person.birthDate"},
        {PROFILE_ID, "{'person':{'birthYear':'x'}}", "type", "person.birthYear"},
        {PROFILE_ID, "{'person':{'birthYear':1.5}}", "type", "person.birthYear"},
        {PROFILE_ID, "{'person':{'birthYear':3000000000}}", "maximum", "person.birthYear"},
        {PROFILE_ID, "{'person':{'gender':'robot'}}", "enum", "person.gender"},
        {PROFILE_ID, "{'person':{'shoe':1}}", "additionalProperties", "person"},
        {PROFILE_ID, "{'nope':1}", "additionalProperties", ""},
        {PROFILE_ID, "{'person':[]}", "type", "person"},
        {PROFILE_ID, "{'person':null}", NULL, ""},
        {PROFILE_ID, "{'_acme':{'score':100}}", NULL, ""},
        {PROFILE_ID, "{'_acme':{'score':101}}", "maximum", "_acme.score"},
        {PROFILE_ID, "{'_acme':{'score':-1}}", "minimum", "_acme.score"},
        {PROFILE_ID, "{'_acme':{'level':'c'}}", "enum", "_acme.level"},
        {PROFILE_ID, "{'_acme':{'code':'X12'}}", NULL, ""},
        {PROFILE_ID, "{'_acme':{'code':'x12'}}", "pattern", "_acme.code"},
        {PROFILE_ID, "{'_acme':{'tags':['a',2]}}", "type", "_acme.tags[1]"},
        {PROFILE_ID, "{'_acme':{'extra':{'k':'v'}}}", "type", "_acme.extra.k"},
        {PROFILE_ID, "{'_acme':{'email':'nobody'}}", "format", "_acme.email"},
        {PROFILE_ID, "{'_acme':{'short':'\xc3\xa4\xc3\xb6\xc3\xbc'}}", NULL, ""},
        {PROFILE_ID, "{'_acme':{'short':'abcd'}}", "maxLength", "_acme.short"},
        {PROFILE_ID, "{'_acme':{'crmId':''}}", "minLength", "_acme.crmId"},
        {PROFILE_ID, "[]", "type", ""},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00Z'}", NULL, ""},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00+02:00'}", NULL, ""},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00'}", "format", "timestamp"},
        {EVENT_ID, "{'timestamp':'2026-01-01T00:00:00Z'}", "required", ""},
        {EVENT_ID, "{'_id':null,'timestamp':'2026-01-01T00:00:00Z'}", "required", ""},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00Z','commerce':{'order':{'currencyCode':'eur'}}}",
         "pattern", "commerce.order.currencyCode"},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00Z','identityMap':{'ECID':[{'id':'1','primary':'x'}]}}",
         "type", "identityMap.ECID[0].primary"},
        {EVENT_ID, "{'_id':'e','timestamp':'2026-01-01T00:00:00Z','_experience':{'analytics':{'any':['thing']}}}", NULL,
         ""},
    };
    struct fixture f;
    const struct snapshot *s;

    fixture_open(t, &f);
    put_schemas(t, &f);
    s = snapshot_get(f.config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct schema_view *v = schema_view_of(s, S(SCOPE), str_of(cases[i].schema));
        struct schema_violation bad[SCHEMA_VIOLATIONS_MAX];
        const struct json *record = NULL;
        size_t n;

        CHECK_OK(json_parse(quoted(t, cases[i].json), t->arena, &record, d));
        n = schema_view_validate(v, record, t->arena, bad, SCHEMA_VIOLATIONS_MAX);
        if (n != (cases[i].keyword != NULL))
            t_fail(t, __FILE__, __LINE__, "%s: %zu violations, the first %.*s", cases[i].json, n,
                   n ? (int)bad[0].message.n : 0, n ? bad[0].message.p : "");
        if (n > 0) {
            CHECK_STR(str_of(bad[0].keyword), str_of(cases[i].keyword));
            CHECK_STR(bad[0].path, str_of(cases[i].path));
        }
    }
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(schema_view_reports_places_and_stops_at_five) /* [PLATFORM A 107, 109] */
{
    struct fixture f;
    const struct snapshot *s;
    const struct schema_view *v;
    struct schema_violation bad[SCHEMA_VIOLATIONS_MAX];
    const struct json *record = NULL;

    fixture_open(t, &f);
    put_schemas(t, &f);
    s = snapshot_get(f.config);
    v = schema_view_of(s, S(SCOPE), S(PROFILE_ID));
    CHECK_OK(json_parse(quoted(t, "{'person':{'birthDate':'x'},'a':1,'b':1,'c':1,'d':1,'e':1,'f':1}"), t->arena,
                        &record, d));
    CHECK_EQ(schema_view_validate(v, record, t->arena, bad, SCHEMA_VIOLATIONS_MAX), 5);
    CHECK_STR(bad[0].pointer, S("#/person/birthDate"));
    CHECK_STR(bad[0].schema_location, S("#/properties/person/properties/birthDate"));
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(schema_custom_fields_stay_below_the_tenant)
{
    struct fixture f;

    fixture_open(t, &f);
    put_schemas(t, &f);
    put_fails(t, &f, "fieldgroup", "g2",
              "{'$id':'g2','title':'Bad','type':'object','properties':{'shoe':{'type':'string'}}}", ERR_INVALID);
    CHECK_SAYS("top level field named _acme");
    put(t, &f, "schema", "s9", /* one call makes a whole schema */
        "{'$id':'s9','title':'Inline','type':'object','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}],"
        "'properties':{'_acme':{'type':'object','properties':{'x':{'type':'number'}}},'loyalty':{'type':'object',"
        "'properties':{'tier':{'type':'string'}}}}}");
    put_fails(
        t, &f, "schema", "s10",
        "{'$id':'s10','title':'Clash','type':'object','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}],"
        "'properties':{'loyalty':{'type':'object','properties':{'points':{'type':'string'}}}}}",
        ERR_INVALID);
    CHECK_SAYS("loyalty.points");
    put_fails(t, &f, "schema", "s11", "{'$id':'s11','title':'Person','allOf':[]}", ERR_EXISTS);
    CHECK_SAYS("Title must be unique");
    fixture_close(&f);
}

TEST(schema_evolution_of_used_schemas) /* [PLATFORM 2.4] */
{
#define INLINE(fields)                                                                                                 \
    "{'$id':'s1','title':'Inline','type':'object','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}],"      \
    "'properties':{'_acme':{'type':'object','properties':{" fields "}}}}"
    static const struct {
        const char *json, *says;
    } refused[] = {
        {INLINE("'b':{'type':'number'}"), "must not be removed"},
        {INLINE("'a':{'type':'integer'},'b':{'type':'number'}"), "must stay string"},
        {INLINE("'a':{'type':'string','enum':['x']},'b':{'type':'number'}"), "narrowed"},
        {INLINE("'a':{'type':'string','maxLength':4},'b':{'type':'number'}"), "narrowed"},
        {INLINE("'a':{'type':'string'},'b':{'type':'number','minimum':1}"), "narrowed"},
    };
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "schema", "s1", INLINE("'a':{'type':'string'},'b':{'type':'number'}"));
    put(t, &f, "schema", "s1", INLINE("'a':{'type':'integer'}")); /* not in use yet: anything goes */
    put(t, &f, "schema", "s1", INLINE("'a':{'type':'string'},'b':{'type':'number'}"));
    put(t, &f, "dataset", "d", "{'name':'D','schemaRef':{'id':'s1'}}");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        put_fails(t, &f, "schema", "s1", refused[i].json, ERR_INVALID);
        CHECK_SAYS(refused[i].says);
    }
    put(t, &f, "schema", "s1", INLINE("'a':{'type':'string'},'b':{'type':'number'},'c':{'type':'boolean'}"));
    fixture_close(&f);
}

TEST(schema_union_needs_a_primary_identity)
{
#define UNION(tags)                                                                                                    \
    "{'$id':'s1','title':'U','type':'object','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}]," tags      \
    "'properties':{'_acme':{'type':'object','properties':{'a':{'type':'string'}}}}}"
    struct fixture f;
    const char *identity = "{'@id':'i','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'s1','xdm:sourceProperty':"
                           "'/_acme/a','xdm:namespace':'Email','xdm:property':'xdm:code','xdm:isPrimary':true}";

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "schema", "s1", UNION(""));
    put_fails(t, &f, "dataset", "d", "{'name':'D','schemaRef':{'id':'s1'},'tags':{'unifiedProfile':['enabled:true']}}",
              ERR_INVALID);
    put_fails(t, &f, "schema", "s1", UNION("'meta:immutableTags':['union'],"), ERR_INVALID);
    CHECK_SAYS("primary identity");
    put(t, &f, "descriptor", "i", identity);
    put_fails(t, &f, "descriptor", "j",
              "{'@id':'j','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'s1','xdm:sourceProperty':"
              "'/_acme/a','xdm:namespace':'ECID','xdm:property':'xdm:code','xdm:isPrimary':true}",
              ERR_INVALID);
    CHECK_SAYS("primary identity already");
    put_fails(t, &f, "descriptor", "j",
              "{'@id':'j','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'s1','xdm:sourceProperty':"
              "'/_acme/zzz','xdm:namespace':'ECID','xdm:property':'xdm:code'}",
              ERR_INVALID);
    CHECK_SAYS("no field '_acme.zzz'");
    put(t, &f, "schema", "s1", UNION("'meta:immutableTags':['union'],"));
    put(t, &f, "dataset", "d", "{'name':'D','schemaRef':{'id':'s1'},'tags':{'unifiedProfile':['enabled:true']}}");
    put_fails(t, &f, "schema", "s1", UNION(""), ERR_INVALID);
    CHECK_ERR(config_delete(f.config, S("descriptor"), S(SCOPE), S("i"), NOW, d), ERR_INVALID);
    fixture_reopen(t, &f);
    fixture_close(&f);
}

TEST(schema_view_written_parses_as_the_same_types)
{
    struct fixture f;
    const struct snapshot *s;
    const struct json *flat = NULL;
    struct buf out;
    struct jw w;

    fixture_open(t, &f);
    put_schemas(t, &f);
    s = snapshot_get(f.config);
    buf_init(&out, 1 << 20);
    w = jw_to(&out);
    jw_object(&w);
    schema_view_write(&w, schema_view_of(s, S(SCOPE), S(PROFILE_ID)), true);
    jw_end(&w);
    CHECK_OK(json_parse(buf_str(&out), t->arena, &flat, d));
    CHECK_STR(json_str(json_path(flat, S("properties._acme.properties.crmId.title"))), S("CRM id"));
    CHECK_STR(json_str(json_path(flat, S("properties.person.properties.birthDate.format"))), S("date"));
    CHECK_STR(json_str(json_path(flat, S("properties._acme.properties.tags.items.type"))), S("string"));
    buf_deinit(&out);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(schema_depth_at_and_past_the_limit)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    for (int past = 0; past < 2; past++) {
        struct buf b;
        int levels = LIMIT_SCHEMA_DEPTH - 1 + past; /* below _acme */

        buf_init(&b, 1 << 16);
        buf_printf(&b,
                   "{'$id':'deep%d','title':'Deep %d','type':'object','allOf':[{'$ref':"
                   "'https://ns.adobe.com/xdm/context/profile'}],'properties':{'_acme':{'type':'object','properties':",
                   past, past);
        for (int i = 0; i < levels - 1; i++)
            buf_put(&b, S("{'a':{'type':'object','properties':"));
        buf_put(&b, S("{'a':{'type':'string'}}"));
        for (int i = 0; i < levels - 1; i++)
            buf_put(&b, S("}}"));
        buf_put(&b, S("}}}"));
        if (past)
            put_fails(t, &f, "schema", "deep1", arena_cstr(t->arena, buf_str(&b)), ERR_LIMIT);
        else
            put(t, &f, "schema", "deep0", arena_cstr(t->arena, buf_str(&b)));
        buf_deinit(&b);
    }
    {
        const struct snapshot *s = snapshot_get(f.config);
        const struct json *flat = NULL;
        struct buf out;
        struct jw w;

        buf_init(&out, 1 << 20);
        w = jw_to(&out);
        jw_object(&w); /* inside a list of results, as the registry writes it */
        jw_key(&w, S("results"));
        jw_array(&w);
        jw_object(&w);
        schema_view_write(&w, schema_view_of(s, S(SCOPE), S("deep0")), true);
        jw_end(&w);
        jw_end(&w);
        jw_end(&w);
        CHECK_OK(json_parse(buf_str(&out), t->arena, &flat, d));
        buf_deinit(&out);
        snapshot_put(f.config, s);
    }
    fixture_close(&f);
}
