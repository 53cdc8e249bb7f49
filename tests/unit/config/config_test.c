/* config_test.c - the store: saving, reopening, following, refusing, sharing, and readers beside a writer. */
#include "base/limits.h"
#include "fixture.h"
#include "os/thread.h"
#include "rule/rule_graph.h"

/* Text of everything the snapshot holds, for comparing two. */
struct dump {
    struct buf *out;
};

static void
dump_one(void *ctx, struct str id, const struct json *object)
{
    struct dump *dump = ctx;

    buf_put(dump->out, id);
    buf_putc(dump->out, '=');
    json_write(dump->out, object);
    buf_putc(dump->out, '\n');
}

static struct str
dump_of(struct t *t, struct config *c)
{
    static const char *const kinds[] = {"org",      "sandbox",    "namespace",   "schema",         "descriptor",
                                        "dataset",  "audience",   "property",    "targetAudience", "offer",
                                        "activity", "datastream", "destination", "flow",           "batch"};
    const struct snapshot *s = snapshot_get(c);
    struct buf out;
    struct dump dump = {&out};
    struct str text;

    buf_init(&out, 64u << 20);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        buf_printf(&out, "%s:\n", kinds[i]);
        snapshot_each(s, str_of(kinds[i]), i < 2 ? S(ORG) : S(SCOPE), dump_one, &dump);
    }
    buf_printf(&out, "version %llu\n", (unsigned long long)s->version);
    snapshot_put(c, s);
    text = arena_str(t->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

TEST(config_put_get_replace_delete)
{
    struct fixture f;
    const struct snapshot *s, *old;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'CRM','idType':'CROSS_DEVICE'}");
    old = snapshot_get(f.config);
    CHECK_STR(json_str(json_get(snapshot_object(old, S("namespace"), S(SCOPE), S("CRMID")), S("name"))), S("CRM"));
    put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'CRM 2','idType':'Cross_device'}");
    s = snapshot_get(f.config);
    CHECK_STR(json_str(json_get(snapshot_object(s, S("namespace"), S(SCOPE), S("CRMID")), S("name"))), S("CRM 2"));
    CHECK_STR(json_str(json_get(snapshot_object(old, S("namespace"), S(SCOPE), S("CRMID")), S("name"))), S("CRM"));
    CHECK_TRUE(s->version > old->version);
    snapshot_put(f.config, s);
    CHECK_OK(config_delete(f.config, S("namespace"), S(SCOPE), S("CRMID"), NOW, d));
    s = snapshot_get(f.config);
    CHECK_TRUE(snapshot_object(s, S("namespace"), S(SCOPE), S("CRMID")) == NULL);
    CHECK_TRUE(snapshot_object(old, S("namespace"), S(SCOPE), S("CRMID")) != NULL);
    snapshot_put(f.config, old);
    snapshot_put(f.config, s);
    CHECK_ERR(config_delete(f.config, S("namespace"), S(SCOPE), S("CRMID"), NOW, d), ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(config_reopen_and_follow_see_the_same)
{
    struct fixture f;
    struct config *follower = NULL;
    struct str before, after;
    struct topic_options to = {.name = "config", .writable = true, .compacted = true};
    struct topic *again = NULL;

    fixture_open(t, &f);
    put_world(t, &f);
    CHECK_OK(pipeline_topic(f.pipeline, &to, &again, d));
    CHECK_OK(config_open(&(struct config_options){.os = os_posix(), .topic = again}, &follower, d));
    for (int i = 0; i < 30; i++) {
        struct str id = arena_printf(t->arena, "a%02d", i % 17);
        put_audience(t, &f, id.p, arena_printf(t->arena, "loyalty.points > %d", i).p);
    }
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("a03"), NOW, d));
    put_audience(t, &f, "a03", "loyalty.points > 300");
    CHECK_OK(config_follow(follower, 0, d));
    before = dump_of(t, f.config);
    CHECK_STR(dump_of(t, follower), before);
    config_close(follower);
    fixture_reopen(t, &f);
    after = dump_of(t, f.config);
    CHECK_STR(after, before);
    fixture_close(&f);
}

static struct str
name_in(const struct snapshot *s, const char *id)
{
    return json_str(json_get(snapshot_object(s, S("namespace"), S(SCOPE), str_of(id)), S("name")));
}

TEST(config_as_of_is_what_was_in_force)
{
    struct fixture f;
    const struct snapshot *s, *was;
    uint64_t versions[4];

    fixture_open(t, &f);
    put_world(t, &f);
    for (size_t i = 0; i < 4; i++) {
        put(t, &f, "namespace", "CRMID",
            arena_printf(t->arena, "{'code':'CRMID','name':'name %zu','idType':'CROSS_DEVICE'}", i).p);
        s = snapshot_get(f.config);
        versions[i] = s->version;
        snapshot_put(f.config, s);
    }
    CHECK_OK(config_delete(f.config, S("namespace"), S(SCOPE), S("CRMID"), NOW, d));
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(config_as_of(f.config, versions[i], &was, d));
        CHECK_EQ(was->version, versions[i]);
        CHECK_STR(name_in(was, "CRMID"), arena_printf(t->arena, "name %zu", i));
        snapshot_put(f.config, was);
    }
    CHECK_OK(config_as_of(f.config, versions[3] + 1, &was, d));
    CHECK_TRUE(name_in(was, "CRMID").n == 0);
    snapshot_put(f.config, was);
    CHECK_ERR(config_as_of(f.config, versions[3] + 2, &was, d), ERR_NOT_FOUND);
    CHECK_ERR(config_as_of(f.config, 0, &was, d), ERR_NOT_FOUND);
    fixture_close(&f);
}

/* What was replaced and compacted away is said to be gone, never guessed; what was in force since is found. */
TEST(config_as_of_after_compaction)
{
    struct fixture f;
    const struct snapshot *s, *was;
    uint64_t early, late;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'first','idType':'CROSS_DEVICE'}");
    s = snapshot_get(f.config);
    early = s->version;
    snapshot_put(f.config, s);
    for (size_t i = 0; i < 300; i++)
        put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'last','idType':'CROSS_DEVICE'}");
    s = snapshot_get(f.config);
    late = s->version;
    snapshot_put(f.config, s);
    CHECK_OK(topic_maintain(f.topic, NOW, d));
    CHECK_OK(config_as_of(f.config, late, &was, d));
    CHECK_STR(name_in(was, "CRMID"), S("last"));
    snapshot_put(f.config, was);
    CHECK_ERR(config_as_of(f.config, early, &was, d), ERR_NOT_FOUND);
    CHECK_SAYS("config-history-days");
    fixture_close(&f);
}

/* The last one stays, and nothing of the others is looked at when it is gone. */
TEST(config_one_object_twice_in_one_step)
{
    struct fixture f;
    struct config_change twice[2] = {{S("audience"), S(SCOPE), S("a"), S_NULL, CONFIG_ANY_VERSION},
                                     {S("audience"), S(SCOPE), S("a"), S_NULL, CONFIG_ANY_VERSION}};
    const struct snapshot *s;

    fixture_open(t, &f);
    put_world(t, &f);
    put_audience(t, &f, "a", "loyalty.points > 1");
    s = snapshot_get(f.config);
    for (size_t i = 0; i < 2; i++) {
        struct buf b;
        buf_init(&b, 65536);
        json_write(&b, snapshot_object(s, S("audience"), S(SCOPE), S("a")));
        twice[i].json = arena_str(t->arena, buf_str(&b));
        buf_deinit(&b);
    }
    snapshot_put(f.config, s);
    CHECK_OK(config_apply(f.config, twice, 2, NOW, d));
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_object_version(s, S("audience"), S(SCOPE), S("a")), s->version);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(config_draft_is_checked_and_kept_by_nobody)
{
    struct fixture f;
    const struct snapshot *draft, *s;
    struct config_change change = {S("namespace"), S(SCOPE), S("CRMID"), S_NULL, CONFIG_ANY_VERSION};
    struct str before;

    fixture_open(t, &f);
    put_world(t, &f);
    before = dump_of(t, f.config);
    change.json = quoted(t, "{'code':'CRMID','name':'draft','idType':'CROSS_DEVICE'}");
    CHECK_OK(config_draft(f.config, &change, 1, &draft, d));
    CHECK_STR(name_in(draft, "CRMID"), S("draft"));
    CHECK_STR(dump_of(t, f.config), before);
    s = snapshot_get(f.config);
    CHECK_TRUE(name_in(s, "CRMID").n == 0);
    snapshot_put(f.config, s);
    put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'saved','idType':'CROSS_DEVICE'}");
    CHECK_STR(name_in(draft, "CRMID"), S("draft"));
    snapshot_put(f.config, draft);
    change.json = S("{}");
    CHECK_ERR(config_draft(f.config, &change, 1, &draft, d), ERR_INVALID);
    change.json = S_NULL;
    change.id = S("none");
    CHECK_ERR(config_draft(f.config, &change, 1, &draft, d), ERR_NOT_FOUND);
    fixture_close(&f);
}

TEST(config_follower_skips_nothing_after_a_bad_record)
{
    struct fixture f;
    struct config *follower = NULL;
    struct record bad = {.time_ms = NOW,
                         .key = S("offer\x1f" SCOPE "\x1f"
                                  "7"),
                         .value = S("{\"id\":7")};
    struct record good = {.time_ms = NOW,
                          .key = S("batch\x1f" SCOPE "\x1f"
                                   "b"),
                          .value = S("{\"id\":\"b\",\"status\":\"x\"}")};
    struct record mended = {.time_ms = NOW, .key = bad.key};
    const struct snapshot *s;

    fixture_open(t, &f);
    put_world(t, &f);
    CHECK_OK(config_open(&(struct config_options){.os = os_posix(), .topic = f.topic}, &follower, d));
    CHECK_OK(topic_append(f.topic, &good, ACK_WRITTEN, NULL, d));
    CHECK_OK(topic_append(f.topic, &bad, ACK_WRITTEN, NULL, d));
    CHECK_ERR(config_follow(follower, 0, d), ERR_CORRUPT);
    CHECK_SAYS("offer '7'");
    s = snapshot_get(follower); /* what was in force stays in force */
    CHECK_TRUE(snapshot_object(s, S("sandbox"), S(ORG), S("prod")) != NULL);
    snapshot_put(follower, s);
    CHECK_ERR(config_follow(follower, 0, d), ERR_CORRUPT); /* it is met again, not passed over */
    CHECK_OK(topic_append(f.topic, &mended, ACK_WRITTEN, NULL, d));
    CHECK_ERR(config_follow(follower, 0, d), ERR_CORRUPT);
    config_close(follower);
    fixture_close(&f);
}

TEST(config_open_names_the_bad_record)
{
    struct fixture f;
    struct config *again = NULL;
    struct record bad = {.time_ms = NOW,
                         .key = S("audience\x1f" SCOPE "\x1f"
                                  "x"),
                         .value = S("{\"name\":\"x\",\"expression\":{\"value\":\"a = \"}}")};

    fixture_open(t, &f);
    put_world(t, &f);
    CHECK_OK(topic_append(f.topic, &bad, ACK_WRITTEN, NULL, d));
    CHECK_ERR(config_open(&(struct config_options){.os = os_posix(), .topic = f.topic}, &again, d), ERR_CORRUPT);
    CHECK_SAYS("audience 'x'");
    bad.key = S("no separators");
    CHECK_OK(topic_append(f.topic, &bad, ACK_WRITTEN, NULL, d));
    CHECK_ERR(config_open(&(struct config_options){.os = os_posix(), .topic = f.topic}, &again, d), ERR_CORRUPT);
    fixture_close(&f);
}

TEST(config_reopen_keeps_order_after_compaction)
{
    struct fixture f;
    struct str before;

    fixture_open(t, &f);
    put_world(t, &f);
    put_audience(t, &f, "z", "loyalty.points > 1");
    put_audience(t, &f, "m", "loyalty.points > 2");
    put_audience(t, &f, "a", "loyalty.points > 3");
    for (int i = 0; i < 200; i++) /* garbage for the compaction */
        put_audience(t, &f, "z", arena_printf(t->arena, "loyalty.points > %d", i).p);
    before = dump_of(t, f.config);
    CHECK_OK(topic_maintain(f.topic, NOW, d));
    fixture_reopen(t, &f);
    CHECK_STR(dump_of(t, f.config), before);
    fixture_close(&f);
}

TEST(config_bad_objects_change_nothing)
{
    static const struct {
        const char *kind, *id, *json;
        enum err code;
        const char *path, *says;
    } cases[] = {
        {"banana", "x", "{'id':'x'}", ERR_INVALID, "", "unknown kind"},
        {"offer", "1", "{'id':1", ERR_INVALID, "", "byte"},
        {"offer", "1", "[1]", ERR_INVALID, "", "must be a JSON object"},
        {"offer", "x", "{'id':'x','name':'o','content':''}", ERR_INVALID, "id", "positive number"},
        {"offer", "2", "{'id':1,'name':'o','content':''}", ERR_INVALID, "id", "object's id"},
        {"namespace", "A b", "{'code':'A b','name':'n','idType':'COOKIE'}", ERR_INVALID, "code", "letters"},
        {"namespace", "ecid", "{'code':'ecid','name':'n','idType':'COOKIE'}", ERR_EXISTS, "code", "standard"},
        {"namespace", "X", "{'code':'X','name':'n','idType':'FOO'}", ERR_INVALID, "idType", "COOKIE"},
        {"sandbox", "9x", "{'name':'9x','type':'production'}", ERR_INVALID, "name", "letter"},
        {"sandbox", "dev", "{'name':'dev','type':'test'}", ERR_INVALID, "type", "development"},
        {"credential", "k", "{'id':'k','secretSha256':'zz'}", ERR_INVALID, "secretSha256", "64 hex"},
        {"org", "x", "{'id':'x'}", ERR_INVALID, "id", "@AdobeOrg"},
        {"audience", "a", "{'id':'a'}", ERR_INVALID, "name", "missing"},
        {"audience", "a", "{'id':'a','name':'n'}", ERR_INVALID, "expression.value", "missing"},
        {"audience", "a", "{'id':'a','name':'n','expression':{'value':'a = '}}", ERR_INVALID, "expression.value",
         "PQL-PARSE: line 1 column"},
        {"audience", "a", "{'id':'a','name':'n','lifecycleState':'gone','expression':{'value':'a = 1'}}", ERR_INVALID,
         "lifecycleState", "published"},
        {"audience", "a", "{'id':'a','name':'Taken','expression':{'value':'a = 1'}}", ERR_EXISTS, "name", "Taken"},
        {"dataset", "d", "{'name':'d','schemaRef':{'id':'s'}}", ERR_INVALID, "schemaRef.id", "does not exist"},
        {"datastream", "ds", "{'id':'other'}", ERR_INVALID, "id", "object's id"},
        {"datastream", "ds", "{'id':'ds','enabled':'yes'}", ERR_INVALID, "enabled", "true or false"},
        {"datastream", "ds", "{'id':'ds','accessType':'x'}", ERR_INVALID, "accessType", "mixed"},
        {"datastream", "ds",
         "{'id':'ds','services':{'com_adobe_experience_platform':{'datasets':{'event':{'datasetId':'no'}}}}}",
         ERR_INVALID, "services.com_adobe_experience_platform.datasets.event.datasetId", "does not exist"},
        {"destination", "x", "{'id':'x','spec':'mail'}", ERR_INVALID, "spec", "target or custom"},
        {"destination", "x", "{'id':'x','spec':'custom','audiences':['nope']}", ERR_INVALID, "audiences", "nope"},
        {"destination", "x", "{'id':'x','spec':'custom','datastreamId':'nope'}", ERR_INVALID, "datastreamId", "nope"},
        {"descriptor", "x", "{'@type':'xdm:descriptorIdentity','xdm:sourceSchema':'s'}", ERR_INVALID,
         "xdm:sourceSchema", "does not exist"},
        {"flow", "f", "{'id':'f','targetConnectionIds':['t']}", ERR_INVALID, "targetConnectionIds", "does not exist"},
        {"inlet", "ff", "{'id':'ff'}", ERR_INVALID, "id", "64 hex"},
        {"activity", "7", "{'id':7,'name':''}", ERR_INVALID, NULL, ""},
        {"targetAudience", "7", "{'id':7,'name':'x','targetRule':{'nor':1}}", ERR_INVALID, NULL, ""},
        {"schema", "s", "{'$id':'s','title':'S','allOf':[]}", ERR_INVALID, "allOf", "must reference a class"},
        {"schema", "s", "{'$id':'s','title':'S'}", ERR_INVALID, "allOf", "must be a list"},
        {"schema", "s", "{'$id':'s','title':'S','allOf':[{'$ref':'https://ns.adobe.com/xdm/context/nothing'}]}",
         ERR_INVALID, "allOf", "unknown class"},
    };
    struct fixture f;
    struct str before;
    uint64_t end;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "audience", "taken", "{'id':'taken','name':'Taken','expression':{'value':'a = 1'}}");
    before = dump_of(t, f.config);
    end = topic_end(f.topic);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_fails(t, &f, cases[i].kind, cases[i].id, cases[i].json, cases[i].code);
        CHECK_SAYS(cases[i].says);
        if (cases[i].path != NULL)
            CHECK_STR(str_of(t_diag.path), str_of(cases[i].path));
        CHECK_EQ(topic_end(f.topic), end);
        CHECK_STR(dump_of(t, f.config), before);
    }
    fixture_close(&f);
}

static const char *
word(struct t *t, size_t n)
{
    char *p = arena_alloc(t->arena, n + 1);

    memset(p, 'a', n);
    p[n] = '\0';
    return p;
}

/* Ids, names, scopes and namespace codes, at their limits and a byte longer. */
TEST(config_name_limits)
{
    struct fixture f;
    const char *org = word(t, LIMIT_SCOPE_BYTES - strlen("/prod"));

    fixture_open(t, &f);
    put_world(t, &f);
    for (size_t over = 0; over <= 1; over++) {
        enum err want = over ? ERR_INVALID : ERR_OK;
        const char *id = word(t, LIMIT_OBJECT_NAME_BYTES + over), *code = word(t, LIMIT_NAMESPACE_BYTES + over);
        const char *json = arena_printf(t->arena, "{'id':'%s','spec':'custom','alias':'%s'}", id, id).p;
        CHECK_ERR(config_put(f.config, S("destination"), S(SCOPE), str_of(id), quoted(t, json), NOW, d), want);
        json = arena_printf(t->arena, "{'code':'%s','name':'n','idType':'COOKIE'}", code).p;
        CHECK_ERR(config_put(f.config, S("namespace"), S(SCOPE), str_of(code), quoted(t, json), NOW, d), want);
        json =
            arena_printf(t->arena,
                         "{'id':'a','name':'%s','expression':{'type':'PQL','format':'pql/text','value':'a = 1'}}", id)
                .p;
        CHECK_ERR(config_put(f.config, S("audience"), S(SCOPE), S("a"), quoted(t, json), NOW, d),
                  over ? ERR_LIMIT : ERR_OK);
        CHECK_ERR(config_put(f.config, S("namespace"), arena_printf(t->arena, "%s%s/prod", org, over ? "b" : ""),
                             S("N"), quoted(t, "{'code':'N','name':'n','idType':'COOKIE'}"), NOW, d),
                  want);
    }
    fixture_close(&f);
}

TEST(config_apply_is_all_or_nothing)
{
    struct fixture f;
    struct config_change changes[2];
    const struct snapshot *s;

    fixture_open(t, &f);
    put_world(t, &f);
    changes[0] = (struct config_change){S("namespace"), S(SCOPE), S("A"),
                                        quoted(t, "{'code':'A','name':'a','idType':'COOKIE'}"), 0};
    changes[1] = (struct config_change){S("namespace"), S(SCOPE), S("B"),
                                        quoted(t, "{'code':'B','name':'b','idType':'NOPE'}"), 0};
    CHECK_ERR(config_apply(f.config, changes, 2, NOW, d), ERR_INVALID);
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_object_version(s, S("namespace"), S(SCOPE), S("A")), 0);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(config_versions_guard_against_lost_updates)
{
    struct fixture f;
    struct config_change change = {S("namespace"), S(SCOPE), S("A"), S_NULL, 0};
    const struct snapshot *s;
    uint64_t version;

    fixture_open(t, &f);
    put_world(t, &f);
    change.json = quoted(t, "{'code':'A','name':'a','idType':'COOKIE'}");
    CHECK_OK(config_apply(f.config, &change, 1, NOW, d));
    CHECK_ERR(config_apply(f.config, &change, 1, NOW, d), ERR_EXISTS);
    CHECK_STR(str_of(t_diag.path), S("@version"));
    s = snapshot_get(f.config);
    version = snapshot_object_version(s, S("namespace"), S(SCOPE), S("A"));
    snapshot_put(f.config, s);
    change.version = version;
    CHECK_OK(config_apply(f.config, &change, 1, NOW, d));
    CHECK_ERR(config_apply(f.config, &change, 1, NOW, d), ERR_EXISTS); /* it moved on */
    fixture_close(&f);
}

TEST(config_changes_past_the_limit)
{
    struct fixture f;
    struct config_change changes[LIMIT_CONFIG_CHANGES + 1];

    fixture_open(t, &f);
    put_world(t, &f);
    for (int i = 0; i <= LIMIT_CONFIG_CHANGES; i++) {
        struct str code = arena_printf(t->arena, "N%d", i);
        changes[i] = (struct config_change){
            S("namespace"), S(SCOPE), code,
            quoted(t, arena_printf(t->arena, "{'code':'%s','name':'n','idType':'COOKIE'}", code.p).p), 0};
    }
    CHECK_ERR(config_apply(f.config, changes, LIMIT_CONFIG_CHANGES + 1, NOW, d), ERR_LIMIT);
    CHECK_OK(config_apply(f.config, changes, LIMIT_CONFIG_CHANGES, NOW, d));
    fixture_close(&f);
}

/* LIMIT_OBJECTS, lowered to four. */
TEST(config_objects_at_and_past_the_limit)
{
    static const char json[] = "{'code':'%s','name':'n','idType':'COOKIE'}";
    struct fixture f;
    struct config_options co = {.os = os_posix(), .objects_max = 4};
    uint64_t end;

    fixture_open(t, &f);
    put_world(t, &f); /* two */
    config_close(f.config);
    co.topic = f.topic;
    CHECK_OK(config_open(&co, &f.config, d));
    put(t, &f, "namespace", "A", arena_printf(t->arena, json, "A").p);
    put(t, &f, "namespace", "B", arena_printf(t->arena, json, "B").p);
    end = topic_end(f.topic);
    put_fails(t, &f, "namespace", "C", arena_printf(t->arena, json, "C").p, ERR_LIMIT);
    CHECK_STR(str_of(t_diag.what), S("at most 4 configuration objects are kept"));
    CHECK_EQ(topic_end(f.topic), end);
    put(t, &f, "namespace", "B", arena_printf(t->arena, json, "B").p); /* another version is not another object */
    CHECK_OK(config_delete(f.config, S("namespace"), S(SCOPE), S("A"), NOW, d));
    put(t, &f, "namespace", "C", arena_printf(t->arena, json, "C").p);
    fixture_close(&f);
}

#define PERSON_SCHEMA                                                                                                  \
    "{'$id':'https://ns.adobe.com/acme/schemas/s1','meta:altId':'_acme.schemas.s1','title':'Person','type':'object',"  \
    "'allOf':[{'$ref':'https://ns.adobe.com/xdm/context/profile'}],"                                                   \
    "'properties':{'_acme':{'type':'object','properties':{'crmId':{'type':'string'}}}}}"
#define SCHEMA_ID "https://ns.adobe.com/acme/schemas/s1"

TEST(config_delete_asks_who_uses_it)
{
    static const struct {
        const char *kind, *id, *says;
    } used[] = {
        {"schema", SCHEMA_ID, "used by dataset 'd1'"},
        {"dataset", "d1", "used by datastream 'ds'"},
        {"datastream", "ds", "used by destination 'dest'"},
        {"audience", "a1", "used by"},
        {"audience", "a2", "used by destination 'dest'"},
        {"namespace", "CRMID", "used by descriptor 'i1'"},
        {"offer", "1001", "used by activity '5'"},
        {"sandbox", "prod", "used by"},
        {"org", ORG, "used by sandbox 'prod'"},
    };
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "namespace", "CRMID", "{'code':'CRMID','name':'CRM','idType':'CROSS_DEVICE'}");
    put(t, &f, "schema", SCHEMA_ID, PERSON_SCHEMA);
    put(t, &f, "descriptor", "i1",
        "{'@id':'i1','@type':'xdm:descriptorIdentity','xdm:sourceSchema':'" SCHEMA_ID
        "','xdm:sourceVersion':1,'xdm:sourceProperty':'/_acme/crmId','xdm:namespace':'CRMID','xdm:property':'xdm:code',"
        "'xdm:isPrimary':true}");
    put(t, &f, "dataset", "d1", "{'name':'People','schemaRef':{'id':'" SCHEMA_ID "'}}");
    put(t, &f, "datastream", "ds",
        "{'id':'ds','services':{'com_adobe_experience_platform':{'enabled':true,'datasets':{'event':{'datasetId':'d1'}}"
        "}"
        "}}");
    put_audience(t, &f, "a1", "loyalty.points > 1");
    put_audience(t, &f, "a2", "inSegment(\"a1\")");
    put(t, &f, "destination", "dest", "{'id':'dest','spec':'target','datastreamId':'ds','audiences':['a2']}");
    put(t, &f, "offer", "1001", "{'id':1001,'name':'Hero','content':'<b>hi</b>'}");
    put(t, &f, "activity", "5",
        "{'id':5,'name':'Test','state':'saved','priority':1,'options':[{'optionLocalId':0,'name':'A','offerId':1001}],"
        "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},"
        "'experiences':[{'experienceLocalId':0,'name':'A','visitorPercentage':100,'audienceIds':[],"
        "'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}],"
        "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[]}],'type':'ab'}");
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        bool of_org = strcmp(used[i].kind, "sandbox") == 0 || strcmp(used[i].kind, "org") == 0;
        CHECK_ERR(config_delete(f.config, str_of(used[i].kind), of_org ? S(ORG) : S(SCOPE), str_of(used[i].id), NOW, d),
                  ERR_INVALID);
        CHECK_SAYS(used[i].says);
    }
    put_fails(t, &f, "destination", "dest2", "{'id':'dest2','spec':'target','datastreamId':'ds'}", ERR_EXISTS);
    CHECK_SAYS("has a Target connection already");
    CHECK_OK(config_delete(f.config, S("destination"), S(SCOPE), S("dest"), NOW, d));
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("a2"), NOW, d));
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("a1"), NOW, d));
    fixture_close(&f);
}

TEST(config_audience_life_and_cycles)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put_audience(t, &f, "base", "loyalty.points > 1");
    put_audience(t, &f, "top", "inSegment(\"base\")");
    put_fails(t, &f, "audience", "base", "{'id':'base','name':'Base','expression':{'value':'inSegment(\\'top\\')'}}",
              ERR_INVALID);
    put_fails(t, &f, "audience", "base",
              "{'id':'base','name':'Base','lifecycleState':'inactive','expression':{'value':'loyalty.points > 1'}}",
              ERR_INVALID);
    CHECK_SAYS("'top' refers to it");
    put(t, &f, "audience", "draft",
        "{'id':'draft','name':'Draft','lifecycleState':'draft','expression':{'value':'loyalty.points > 2'}}");
    put_fails(t, &f, "audience", "child", "{'id':'child','name':'C','expression':{'value':'inSegment(\\'draft\\')'}}",
              ERR_INVALID);
    fixture_close(&f);
}

#define STATE(id, state, expression)                                                                                   \
    "{'id':'" id "','name':'" id "','lifecycleState':'" state "','expression':{'value':'" expression "'}}"

static bool
is_evaluated(struct fixture *f, const char *id)
{
    const struct snapshot *s = snapshot_get(f->config);
    bool found = map_get(snapshot_scope(s, S(SCOPE))->hub_segments.by_id, str_of(id)) != NULL;

    snapshot_put(f->config, s);
    return found;
}

TEST(s19_36_states_that_are_evaluated)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "audience", "d", STATE("d", "draft", "a = 1"));
    put(t, &f, "audience", "p", STATE("p", "published", "a = 1"));
    put(t, &f, "audience", "i", STATE("i", "inactive", "a = 1"));
    put(t, &f, "audience", "r", STATE("r", "archived", "a = 1"));
    put_fails(t, &f, "audience", "x", STATE("x", "deleted", "a = 1"), ERR_INVALID);
    CHECK_TRUE(is_evaluated(&f, "d") && is_evaluated(&f, "p"));
    CHECK_TRUE(!is_evaluated(&f, "i") && !is_evaluated(&f, "r"));
    fixture_close(&f);
}

TEST(s19_36_parents_and_children)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "audience", "parent", STATE("parent", "draft", "a = 1"));
    put(t, &f, "audience", "child", STATE("child", "draft", "inSegment(\\'parent\\')")); /* a draft on a draft */
    put_fails(t, &f, "audience", "child", STATE("child", "published", "inSegment(\\'parent\\')"), ERR_INVALID);
    CHECK_SAYS("'parent', which is not published");
    put(t, &f, "audience", "parent", STATE("parent", "published", "a = 1"));
    put(t, &f, "audience", "child", STATE("child", "published", "inSegment(\\'parent\\')"));
    put_fails(t, &f, "audience", "parent", STATE("parent", "inactive", "a = 1"), ERR_INVALID);
    CHECK_SAYS("'child' refers to it");
    CHECK_ERR(config_delete(f.config, S("audience"), S(SCOPE), S("parent"), 1, d), ERR_INVALID);
    put(t, &f, "audience", "child", STATE("child", "inactive", "inSegment(\\'parent\\')"));
    put(t, &f, "audience", "parent", STATE("parent", "inactive", "a = 1"));
    put_fails(t, &f, "audience", "child", STATE("child", "published", "inSegment(\\'parent\\')"), ERR_INVALID);
    put_fails(t, &f, "audience", "other", STATE("other", "draft", "inSegment(\\'parent\\')"), ERR_INVALID);
    put(t, &f, "audience", "parent", STATE("parent", "published", "a = 1"));
    put(t, &f, "audience", "other", STATE("other", "draft", "inSegment(\\'parent\\')"));
    put_fails(t, &f, "audience", "parent", STATE("parent", "archived", "a = 1"), ERR_INVALID); /* a draft counts */
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("other"), 1, d));
    CHECK_OK(config_delete(f.config, S("audience"), S(SCOPE), S("parent"), 1, d)); /* the child is inactive */
    fixture_close(&f);
}

TEST(s19_36_published_together)
{
    struct fixture f;
    struct config_change changes[2] = {{S("audience"), S(SCOPE), S("child"), S_NULL, CONFIG_ANY_VERSION},
                                       {S("audience"), S(SCOPE), S("parent"), S_NULL, CONFIG_ANY_VERSION}};

    fixture_open(t, &f);
    put_world(t, &f);
    changes[0].json = quoted(t, STATE("child", "published", "inSegment(\\'parent\\')"));
    changes[1].json = quoted(t, STATE("parent", "published", "a = 1"));
    CHECK_OK(config_apply(f.config, changes, 2, 1, d));
    fixture_close(&f);
}

TEST(s19_36_cycles_in_every_state)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put_fails(t, &f, "audience", "a", STATE("a", "inactive", "inSegment(\\'a\\')"), ERR_INVALID);
    CHECK_SAYS("'a' refers to itself");
    put(t, &f, "audience", "a", STATE("a", "inactive", "x = 1"));
    put(t, &f, "audience", "b", STATE("b", "inactive", "inSegment(\\'a\\')"));
    put(t, &f, "audience", "c", STATE("c", "inactive", "inSegment(\\'b\\') or inSegment(\\'a\\')"));
    put_fails(t, &f, "audience", "a", STATE("a", "inactive", "inSegment(\\'c\\')"), ERR_INVALID);
    CHECK_SAYS("in the end audience");
    put(t, &f, "audience", "a", STATE("a", "inactive", "inSegment(\\'elsewhere\\')"));
    fixture_close(&f);
}

static bool
has(const struct str *list, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i], str_of(s)))
            return true;
    }
    return false;
}

TEST(config_edge_audiences_are_short_and_mapped)
{
    struct fixture f;
    const struct snapshot *s;
    const struct scope_view *v;

    fixture_open(t, &f);
    put_world(t, &f);
    put_audience(t, &f, "attr", "loyalty.tier = \"gold\"");
    put_audience(t, &f, "hour", "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 1 hours before now)])");
    put_audience(t, &f, "week", "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 7 days before now)])");
    put_audience(t, &f, "both", "inSegment(\"attr\") and inSegment(\"hour\")");
    put_audience(t, &f, "unmapped", "loyalty.points > 3");
    put(t, &f, "destination", "dest",
        "{'id':'dest','spec':'custom','alias':'cms','audiences':['both','week'],'attributes':['person.name.firstName']"
        "}");
    s = snapshot_get(f.config);
    v = snapshot_scope(s, S(SCOPE));
    CHECK_TRUE(v != NULL);
    CHECK_EQ(v->hub_segments.count, 5);
    CHECK_EQ(v->edge_segments.count, 3);
    CHECK_TRUE(has(v->edge_segments.ids, 3, "attr") && has(v->edge_segments.ids, 3, "hour"));
    CHECK_TRUE(has(v->edge_segments.ids, 3, "both"));
    CHECK_EQ((uintptr_t)map_get(v->edge_segments.by_id, S("attr")), 1);
    CHECK_TRUE(has(v->projected_audiences, v->projected_audience_count, "week"));
    CHECK_TRUE(!has(v->projected_audiences, v->projected_audience_count, "both")); /* edges find out themselves */
    CHECK_TRUE(!has(v->projected_audiences, v->projected_audience_count, "unmapped"));
    CHECK_TRUE(has(v->projected_paths, v->projected_path_count, "person.name.firstName"));
    CHECK_TRUE(has(v->projected_paths, v->projected_path_count, "loyalty.tier"));
    CHECK_TRUE(!has(v->projected_paths, v->projected_path_count, "loyalty.points"));
    CHECK_TRUE(has(v->event_paths, v->event_path_count, "eventType"));
    CHECK_TRUE(v->hub_segments.kept(v->hub_segments.kept_ctx, S("week")));
    CHECK_TRUE(!v->hub_segments.kept(v->hub_segments.kept_ctx, S("nope")));
    CHECK_EQ(v->token_key.k0, 0x0001020304050607);
    CHECK_EQ(v->token_key.k1, 0x08090a0b0c0d0e0f);
    snapshot_put(f.config, s);
    put(t, &f, "datastream", "asks", "{'id':'asks'}"); /* one that does not evaluate */
    s = snapshot_get(f.config);
    v = snapshot_scope(s, S(SCOPE));
    CHECK_TRUE(has(v->projected_audiences, v->projected_audience_count, "both"));
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(config_strict_sandbox_obeys_the_methods) /* [SEGMENTATION 14.4] */
{
    static const char *const methods[] = {"batch", "continuous", "synchronous"};
    struct fixture f;
    const struct snapshot *s, *before;
    const struct scope_view *v;

    fixture_open(t, &f);
    put_world(t, &f);
    for (int i = 0; i < 3; i++)
        put(t, &f, "audience", methods[i],
            arena_printf(t->arena,
                         "{'id':'%s','name':'%s','evaluationInfo':{'%s':{'enabled':true}},'expression':{'type':'PQL',"
                         "'format':'pql/text','value':'loyalty.points > %d'}}",
                         methods[i], methods[i], methods[i], i)
                .p);
    put(t, &f, "destination", "dest",
        "{'id':'dest','spec':'custom','alias':'cms','audiences':['batch','continuous','synchronous']}");
    s = snapshot_get(f.config);
    v = snapshot_scope(s, S(SCOPE));
    CHECK_EQ(v->live_segments.count, 3);
    CHECK_EQ(v->edge_segments.count, 3);
    CHECK_TRUE(v->live_segments.graph == v->hub_segments.graph && !v->live_segments.strict);
    snapshot_put(f.config, s);
    CHECK_ERR(config_put(f.config, S("sandbox"), S(ORG), S("prod"),
                         S("{\"name\":\"prod\",\"type\":\"production\",\"segmentation\":\"daily\"}"), NOW, d),
              ERR_INVALID);
    put(t, &f, "sandbox", "prod", "{'name':'prod','type':'production','segmentation':'strict'}");
    s = snapshot_get(f.config);
    v = snapshot_scope(s, S(SCOPE));
    CHECK_EQ(v->hub_segments.count, 3);
    CHECK_EQ(v->live_segments.count, 2);
    CHECK_TRUE(!has(v->live_segments.ids, 2, "batch") && v->live_segments.strict);
    CHECK_EQ(v->edge_segments.count, 1);
    CHECK_TRUE(has(v->edge_segments.ids, 1, "synchronous"));
    CHECK_TRUE(has(v->projected_audiences, v->projected_audience_count, "continuous"));
    before = s;
    put(t, &f, "audience", "continuous", /* the same expression, another method: no graph is made anew for it */
        "{'id':'continuous','name':'continuous','expression':{'type':'PQL','format':'pql/text','value':'loyalty.points "
        "> 1'}}");
    s = snapshot_get(f.config);
    CHECK_TRUE(snapshot_scope(s, S(SCOPE))->hub_segments.graph == snapshot_scope(before, S(SCOPE))->hub_segments.graph);
    CHECK_EQ(snapshot_scope(s, S(SCOPE))->live_segments.count, 1);
    snapshot_put(f.config, before);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

#define STREAM(id, enabled, evaluates)                                                                                 \
    "{'id':'" id "','enabled':" enabled ",'services':{'com_adobe_experience_platform':{'enabled':true,"                \
    "'com_adobe_edge_segmentation':{'enabled':" evaluates "}}}}"

TEST(config_projects_what_edges_do_not_evaluate)
{
    struct fixture f;
    const struct snapshot *s;
    const struct scope_view *v;

    fixture_open(t, &f);
    put_world(t, &f);
    put_audience(t, &f, "gold", "loyalty.tier = \"gold\"");
    put_audience(t, &f, "week", "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 7 days before now)])");
    put_audience(t, &f, "both", "inSegment(\"week\") and loyalty.points > 1");
    put(t, &f, "destination", "dest", "{'id':'dest','spec':'custom','alias':'cms','audiences':['gold','both']}");
    s = snapshot_get(f.config);
    v = snapshot_scope(s, S(SCOPE));
    CHECK_EQ(v->edge_segments.count, 1);
    CHECK_EQ(v->projected_audience_count, 1);
    CHECK_TRUE(has(v->projected_audiences, 1, "both")); /* what it refers to looks back a week */
    snapshot_put(f.config, s);
    put(t, &f, "datastream", "on", STREAM("on", "true", "true"));
    put(t, &f, "datastream", "disabled", STREAM("disabled", "false", "false"));
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_scope(s, S(SCOPE))->projected_audience_count, 1);
    snapshot_put(f.config, s);
    put(t, &f, "datastream", "off", STREAM("off", "true", "false"));
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_scope(s, S(SCOPE))->projected_audience_count, 2); /* its requests evaluate nothing */
    snapshot_put(f.config, s);
    fixture_close(&f);
}

TEST(config_unchanged_parts_are_shared)
{
    struct fixture f;
    const struct snapshot *a, *b;
    const struct scope_view *va, *vb;
    uint64_t version;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "sandbox", "dev", "{'name':'dev','type':'development'}");
    put_audience(t, &f, "x", "loyalty.points > 1");
    a = snapshot_get(f.config);
    put(t, &f, "offer", "1001", "{'id':1001,'name':'Hero','content':'<b>hi</b>'}");
    b = snapshot_get(f.config);
    va = snapshot_scope(a, S(SCOPE));
    vb = snapshot_scope(b, S(SCOPE));
    CHECK_TRUE(va != vb);
    CHECK_TRUE(va->hub_segments.graph == vb->hub_segments.graph); /* an offer leaves audiences alone */
    CHECK_TRUE(va->decide != vb->decide);
    CHECK_TRUE(snapshot_scope(a, S(ORG "/dev")) == snapshot_scope(b, S(ORG "/dev"))); /* and the other sandbox whole */
    snapshot_put(f.config, a);
    a = b;
    va = vb;
    version = rule_graph_version(va->hub_segments.graph);
    put(t, &f, "audience", "x", "{'id':'x','name':'Renamed','expression':{'value':'loyalty.points > 1'}}");
    b = snapshot_get(f.config);
    vb = snapshot_scope(b, S(SCOPE));
    CHECK_TRUE(va->hub_segments.graph == vb->hub_segments.graph); /* a name is not a rule */
    CHECK_TRUE(va->decide == vb->decide);
    snapshot_put(f.config, a);
    snapshot_put(f.config, b);
    put_audience(t, &f, "x", "loyalty.points > 2");
    a = snapshot_get(f.config);
    CHECK_TRUE(rule_graph_version(snapshot_scope(a, S(SCOPE))->hub_segments.graph) != version);
    snapshot_put(f.config, a);
    put_audience(t, &f, "x", "loyalty.points > 1");
    fixture_reopen(t, &f);
    a = snapshot_get(f.config);
    CHECK_EQ(rule_graph_version(snapshot_scope(a, S(SCOPE))->hub_segments.graph), version); /* stable over restarts */
    snapshot_put(f.config, a);
    fixture_close(&f);
}

TEST(config_datastream_view)
{
    struct fixture f;
    const struct snapshot *s;
    const struct datastream *ds;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "schema", SCHEMA_ID, PERSON_SCHEMA);
    put(t, &f, "dataset", "d1", "{'name':'People','schemaRef':{'id':'_acme.schemas.s1'}}");
    put(t, &f, "datastream", "ds",
        "{'id':'ds','orgId':'" ORG "','sandboxName':'prod','accessType':'authenticated',"
        "'settings':{'firstPartyIdCookie':'FPID'},'allowedOverrides':{'com_adobe_target':{'propertyToken':['pt-2']}},"
        "'services':{'com_adobe_experience_platform':{'enabled':true,'datasets':{'event':{'datasetId':'d1'}},"
        "'com_adobe_edge_segmentation':{'enabled':true},'com_adobe_edge_destinations':{'enabled':true}},"
        "'com_adobe_target':{'enabled':true,'propertyToken':'pt-1','thirdPartyIdNamespace':'CRMID'}}}");
    s = snapshot_get(f.config);
    ds = snapshot_datastream(s, S("ds"));
    CHECK_TRUE(ds != NULL && ds->enabled && ds->platform && ds->edge_segmentation && ds->edge_destinations &&
               ds->target);
    CHECK_TRUE(ds->authenticated && ds->overrides != NULL);
    CHECK_STR(ds->scope, S(SCOPE));
    CHECK_STR(ds->event_dataset, S("d1"));
    CHECK_STR(ds->property_token, S("pt-1"));
    CHECK_STR(ds->fpid_cookie, S("FPID"));
    CHECK_STR(ds->third_party_id_namespace, S("CRMID"));
    CHECK_TRUE(snapshot_datastream(s, S("nope")) == NULL);
    snapshot_put(f.config, s);
    CHECK_ERR(config_put(f.config, S("datastream"), S(ORG "/dev"), S("ds"), S("{\"id\":\"ds\"}"), NOW, d), ERR_EXISTS);
    put_fails(t, &f, "datastream", "ds", "{'id':'ds','orgId':'OTHER@AdobeOrg'}", ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), S("orgId"));
    fixture_close(&f);
}

TEST(config_namespace_classes)
{
    struct fixture f;
    const struct snapshot *s;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "namespace", "Partner", "{'code':'Partner','name':'p','idType':'PARTNER'}");
    put(t, &f, "namespace", "Shop", "{'code':'Shop','name':'p','idType':'Cross_Device'}");
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("ECID")), NS_COOKIE);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("ecid")), NS_COOKIE);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("IDFA")), NS_DEVICE);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("Email")), NS_PERSON);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("AAID")), NS_NON_PEOPLE);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("Partner")), NS_PARTNER);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("shop")), NS_PERSON);
    CHECK_EQ(snapshot_namespace_class(s, S(SCOPE), S("Unknown")), NS_PERSON);
    snapshot_put(f.config, s);
    fixture_close(&f);
}

/* Readers see an offer and its activity change together, whatever the writer does. */
struct reader {
    struct config *config;
    volatile bool *stop;
    bool torn;
    unsigned reads;
};

static void
read_pairs(void *ctx)
{
    struct reader *r = ctx;

    do {
        const struct snapshot *s = snapshot_get(r->config);
        int64_t a = json_i64(json_get(snapshot_object(s, S("batch"), S(SCOPE), S("a")), S("n")), -1);
        int64_t b = json_i64(json_get(snapshot_object(s, S("batch"), S(SCOPE), S("b")), S("n")), -1);
        r->torn = r->torn || a != b || snapshot_scope(s, S(SCOPE)) == NULL;
        r->reads++;
        snapshot_put(r->config, s);
    } while (!__atomic_load_n(r->stop, __ATOMIC_RELAXED) || r->reads < 100);
}

TEST(config_readers_never_see_half_a_change)
{
    struct fixture f;
    bool stop = false;
    struct reader readers[3];
    struct os_thread threads[3] = {0};

    fixture_open(t, &f);
    put_world(t, &f);
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct reader){.config = f.config, .stop = &stop};
        CHECK_OK(os_thread_open(&threads[i], "reader", read_pairs, &readers[i], d));
    }
    for (int i = 0; i < 60; i++) {
        struct str a = quoted(t, arena_printf(t->arena, "{'id':'a','status':'x','n':%d}", i).p);
        struct str b = quoted(t, arena_printf(t->arena, "{'id':'b','status':'x','n':%d}", i).p);
        struct config_change changes[2] = {{S("batch"), S(SCOPE), S("a"), a, CONFIG_ANY_VERSION},
                                           {S("batch"), S(SCOPE), S("b"), b, CONFIG_ANY_VERSION}};
        CHECK_OK(config_apply(f.config, changes, 2, NOW, d));
        if (i % 20 == 0)
            put_audience(t, &f, "x", arena_printf(t->arena, "loyalty.points > %d", i).p);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++) {
        os_thread_close(&threads[i]);
        CHECK_TRUE(!readers[i].torn);
        CHECK_TRUE(readers[i].reads >= 100);
    }
    fixture_close(&f);
}
