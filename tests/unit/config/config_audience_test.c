/* config_audience_test.c - audiences against the sandbox's union schemas, and in both forms [SEGMENTATION 11, 13, C
 * 42]. */
#include "codec/json.h"
#include "fixture.h"

#define PERSON "https://ns.adobe.com/acme/schemas/person"
#define OTHER "https://ns.adobe.com/acme/schemas/other"
#define WEB "https://ns.adobe.com/acme/schemas/web"

static void
put_profile_schema(struct t *t, struct fixture *f, const char *id, const char *score_type, const char *tags)
{
    put(t, f, "schema", id,
        arena_printf(
            t->arena,
            "{'$id':'%s','title':'%s','type':'object','meta:immutableTags':[%s],"
            "'properties':{'_acme':{'type':'object','properties':{'score':{'type':'%s'},'vip':{'type':'boolean'},"
            "'tags':{'type':'array','items':{'type':'string'}}}}},"
            "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'},{'$ref':'https://ns.adobe.com/xdm/context/"
            "identitymap'},"
            "{'$ref':'https://ns.adobe.com/xdm/context/profile-person-details'},"
            "{'$ref':'https://ns.adobe.com/xdm/context/profile-personal-details'}]}",
            id, id, tags, score_type)
            .p);
}

static void
put_event_schema(struct t *t, struct fixture *f, const char *tags)
{
    put(t, f, "schema", WEB,
        arena_printf(t->arena,
                     "{'$id':'" WEB "','title':'Web','type':'object','meta:immutableTags':[%s],"
                     "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/experienceevent'},{'$ref':'https://"
                     "ns.adobe.com/xdm/context/identitymap'},"
                     "{'$ref':'https://ns.adobe.com/xdm/context/experienceevent-commerce'}]}",
                     tags)
            .p);
}

static const char *
audience(struct t *t, const char *id, const char *format, const char *value)
{
    return arena_printf(t->arena, "{'id':'%s','name':'%s','expression':{'type':'PQL','format':'%s','value':'%s'}}", id,
                        id, format, value)
        .p;
}

static void
accepted(struct t *t, struct fixture *f, const char *id, const char *pql)
{
    put(t, f, "audience", id, audience(t, id, "pql/text", pql));
}

static void
refused(struct t *t, struct fixture *f, const char *pql, const char *what, const char *hint)
{
    put_fails(t, f, "audience", "bad", audience(t, "bad", "pql/text", pql), ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), S("expression.value"));
    CHECK_STR(str_of(t_diag.what), str_of(what));
    CHECK_STR(str_of(t_diag.hint), str_of(hint));
}

TEST(config_audience_fields)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    accepted(t, &f, "early", "homeAdress.city = 1 and xEvent.anything = 2"); /* no schema says what there is */
    put_profile_schema(t, &f, PERSON, "integer", "");
    accepted(t, &f, "still", "homeAdress.city = 1"); /* nor does one that feeds no profile */
    put_profile_schema(t, &f, PERSON, "integer", "'union'");

    accepted(t, &f, "good", "homeAddress.city = 1 and person.birthDate occurs before now and _acme.score > 3");
    accepted(t, &f, "members", "segmentMembership.ups.x.status = 1 and identityMap.Email.id = 2");
    accepted(t, &f, "events", "xEvent.anything = 2"); /* no event schema is enabled */
    refused(t, &f, "homeAdress.city = 1", "PQL-REFERENCE: line 1 column 1: unknown field 'homeAdress.city'",
            "did you mean 'homeAddress.city'?");
    refused(t, &f, "_acme.vip and _acme.scores > 1", "PQL-REFERENCE: line 1 column 21: unknown field '_acme.scores'",
            "did you mean '_acme.score'?");
    refused(t, &f, "_acme.score", "PQL-TYPE: line 1 column 7: a condition cannot be an integer",
            "compare it with something, or ask whether it is there: isNotNull()");
    refused(t, &f, "_acme.vip > _acme.score",
            "PQL-TYPE: line 1 column 7: an operand of an ordering comparison cannot be a truth value", "");
    refused(t, &f, "_acme.tags occurs today",
            "PQL-TYPE: line 1 column 7: occurs needs one time, which cannot be a list",
            "ask for some element: exists T from list where T occurs ...");

    put_event_schema(t, &f, "'union'");
    accepted(t, &f, "carts", "xEvent[commerce.order.priceTotal > 10 and timestamp occurs today].count() > 1");
    refused(t, &f, "xEvent[comerce.order.priceTotal > 10].count() > 1",
            "PQL-REFERENCE: line 1 column 8: unknown field 'comerce.order.priceTotal'",
            "did you mean 'commerce.order.priceTotal'?");

    /* What was there before its schema stays, also when something else of it changes, and after a restart. */
    put(t, &f, "audience", "early",
        "{'id':'early','name':'Renamed','expression':{'type':'PQL','format':'pql/text',"
        "'value':'homeAdress.city = 1 and xEvent.anything = 2'}}");
    put_fails(t, &f, "audience", "early",
              audience(t, "early", "pql/text", "homeAdress.city = 2 and xEvent.anything = 2"), ERR_INVALID);
    fixture_reopen(t, &f);
    refused(t, &f, "homeAdress.city = 1", "PQL-REFERENCE: line 1 column 1: unknown field 'homeAdress.city'",
            "did you mean 'homeAddress.city'?");
    accepted(t, &f, "good", "homeAddress.city = 2");
    fixture_close(&f);
}

TEST(config_audience_fields_of_two_schemas)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put_profile_schema(t, &f, PERSON, "integer", "'union'");
    put_profile_schema(t, &f, OTHER, "string", "'union'"); /* they disagree about _acme */
    accepted(t, &f, "a", "_acme.score + 1 = 2 or _acme.score.startsWith(_acme.anything) or _acme.anything = 1");
    refused(t, &f, "homeAdress.city = 1", "PQL-REFERENCE: line 1 column 1: unknown field 'homeAdress.city'",
            "did you mean 'homeAddress.city'?");
    fixture_close(&f);
}

/* A tenant may call a field of its own what the union adds: the sandbox must still open. */
TEST(config_audience_fields_named_like_standard_ones)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "schema", PERSON,
        "{'$id':'" PERSON "','title':'Odd','type':'object','meta:immutableTags':['union'],"
        "'properties':{'segmentMembership':{'type':'string'}},'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/"
        "profile'},{'$ref':'https://ns.adobe.com/xdm/context/identitymap'}]}");
    accepted(t, &f, "a", "segmentMembership.ups.x.status = 1 or segmentMembership.contains(personID)");
    fixture_reopen(t, &f);
    fixture_close(&f);
}

/* A schema and an audience that needs it may be saved in one step. */
TEST(config_audience_fields_after_all_changes)
{
    struct config_change both[2];
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put_profile_schema(t, &f, PERSON, "integer", "'union'");
    both[0] = (struct config_change){.kind = S("audience"),
                                     .scope = S(SCOPE),
                                     .id = S("a"),
                                     .version = CONFIG_ANY_VERSION,
                                     .json = quoted(t, audience(t, "a", "pql/text", "_acme.fresh = 1"))};
    both[1] = (struct config_change){
        .kind = S("schema"),
        .scope = S(SCOPE),
        .id = S(OTHER),
        .version = CONFIG_ANY_VERSION,
        .json = quoted(t, "{'$id':'" OTHER "','title':'Other','type':'object','meta:immutableTags':['union'],"
                          "'properties':{'_acme':{'type':'object','properties':{'fresh':{'type':'integer'}}}},"
                          "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'},{'$ref':'https://ns.adobe.com/"
                          "xdm/context/identitymap'}]}")};
    CHECK_ERR(config_apply(f.config, both, 1, NOW, d), ERR_INVALID);
    CHECK_OK(config_apply(f.config, both, 2, NOW, d));
    fixture_close(&f);
}

/* {"nodeType": ...} as the value of a JSON string. */
static const char *
tree(struct t *t, const char *field)
{
    struct str json = arena_printf(t->arena,
                                   "{\"nodeType\":\"fieldLookup\",\"fieldName\":\"%s\",\"object\":{\"nodeType\":"
                                   "\"parameterReference\",\"position\":1}}",
                                   field);
    struct buf b;

    buf_init_in(&b, t->arena, 1000);
    for (size_t i = 0; i < json.n; i++) {
        if (json.p[i] == '"')
            buf_putc(&b, '\\');
        buf_putc(&b, json.p[i]);
    }
    return arena_cstr(t->arena, buf_str(&b));
}

static void
put_json(struct t *t, struct fixture *f, const char *id, const char *value, enum err code)
{
    struct str json = arena_printf(t->arena,
                                   "{\"id\":\"%s\",\"name\":\"%s\",\"expression\":{\"type\":\"PQL\",\"format\":"
                                   "\"pql/json\",\"value\":\"%s\"}}",
                                   id, id, value);

    CHECK_ERR(config_put(f->config, S("audience"), S(SCOPE), str_of(id), json, NOW, d), code);
}

TEST(config_audience_in_json)
{
    struct fixture f;
    const struct snapshot *s;
    const struct str *refs;
    const struct rule *r;
    size_t n;

    fixture_open(t, &f);
    put_world(t, &f);
    put_json(t, &f, "a", tree(t, "vip"), ERR_OK);
    fixture_reopen(t, &f);
    s = snapshot_get(f.config);
    r = snapshot_audience_rule(s, S(SCOPE), S("a"), &refs, &n);
    CHECK_TRUE(r != NULL && rule_root(r)->op == RULE_FIELD);
    snapshot_put(f.config, s);
    put_json(t, &f, "b", "{\\\"nodeType\\\":\\\"teleport\\\"}", ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("PQL-PARSE: at nodeType: no expression has the nodeType 'teleport'"));
    put_json(t, &f, "b", "nonsense", ERR_INVALID);
    CHECK_SAYS("PQL-PARSE: line 1 column");
    put_profile_schema(t, &f, PERSON, "integer", "'union'");
    put_json(t, &f, "b", tree(t, "homeAdress"), ERR_INVALID);
    CHECK_STR(str_of(t_diag.hint), S("did you mean 'homeAddress'?"));
    put_fails(t, &f, "audience", "b", audience(t, "b", "pql/yaml", "a"), ERR_INVALID);
    CHECK_SAYS("must be pql/text or pql/json, found 'pql/yaml'");
    fixture_close(&f);
}

/* ---- many audiences ---- */

static void
check_compiled(struct t *t, struct fixture *f, size_t count, size_t compiled)
{
    const struct snapshot *s = snapshot_get(f->config);
    const struct segment_set *set = &snapshot_scope(s, S(SCOPE))->hub_segments;

    CHECK_EQ(set->count, count);
    CHECK_EQ(rule_graph_compiled_count(set->graph), compiled);
    for (size_t i = 1; i < set->count; i++)
        CHECK_TRUE(str_cmp(set->ids[set->order[i - 1]], set->ids[set->order[i]]) < 0);
    snapshot_put(f->config, s);
}

/* A save compiles what it saves, and what refers to it; other objects leave the graph alone. */
TEST(config_saved_audience_compiles_itself_only)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    for (int i = 0; i < 30; i++)
        put_audience(t, &f, arena_printf(t->arena, "a%d", 29 - i).p, arena_printf(t->arena, "score > %d", i).p);
    check_compiled(t, &f, 30, 1);
    put_audience(t, &f, "b", "inSegment(\"a7\") and score < 100");
    check_compiled(t, &f, 31, 1);
    put_audience(t, &f, "a7", "score > 700");
    check_compiled(t, &f, 31, 2);
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("a3"), NOW, d));
    check_compiled(t, &f, 30, 0);
    fixture_reopen(t, &f);
    check_compiled(t, &f, 30, 30);
    fixture_close(&f);
}
