/* config_target_test.c - the kinds of the Target part beside activities [TARGET 2.6, 6.2, 7.3]. */
#include "base/limits.h"
#include "config/config_int.h"
#include "fixture.h"

#define ACTIVITY                                                                                                       \
    "{'id':7,'type':'ab','name':'a','state':'%s','priority':0,'options':[{'optionLocalId':0,'name':'A','offerId':0}]," \
    "'locations':{'mboxes':[{'locationLocalId':0,'name':'hero','audienceIds':[%s]}]},'experiences':["                  \
    "{'experienceLocalId':0,'name':'A','visitorPercentage':100,'audienceIds':[],'optionLocations':[]}],"               \
    "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[]}]}"

TEST(config_target_environments_and_hosts)
{
    struct fixture f;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "environment", "1", "{'id':1,'name':'Production','serveInactiveActivities':true}");
    put_fails(t, &f, "environment", "1", "{'id':1,'name':'Live'}", ERR_INVALID);
    put_fails(t, &f, "environment", "5", "{'id':5,'name':'production'}", ERR_EXISTS);
    put(t, &f, "environment", "5", "{'id':5,'name':'Staging'}");
    put_fails(t, &f, "environment", "6", "{'id':6,'name':'staging'}", ERR_EXISTS);
    put_fails(t, &f, "environment", "6", "{'id':6}", ERR_INVALID);
    put_fails(t, &f, "environment", "six", "{'id':'six','name':'Six'}", ERR_INVALID);
    put(t, &f, "host", "www.example.com", "{'name':'www.example.com','environmentId':5}");
    put(t, &f, "host", "shop.example.com", "{'name':'shop.example.com','environmentId':1}");
    put_fails(t, &f, "host", "x.example.com", "{'name':'x.example.com','environmentId':6}", ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), S("environmentId"));
    put_fails(t, &f, "host", "x.example.com", "{'name':'y.example.com','environmentId':5}", ERR_INVALID);
    CHECK_ERR(config_delete(f.config, S("environment"), S(SCOPE), S("5"), NOW, d), ERR_INVALID); /* a host is in it */
    put(t, &f, "targetSettings", "environmentDefaults", "{'reportingEnvironmentId':1,'newHostEnvironmentId':5}");
    put_fails(t, &f, "targetSettings", "environmentDefaults", "{'reportingEnvironmentId':1,'newHostEnvironmentId':9}",
              ERR_INVALID);
    CHECK_ERR(config_delete(f.config, S("host"), S(SCOPE), S("www.example.com"), NOW, d), ERR_OK);
    CHECK_ERR(config_delete(f.config, S("environment"), S(SCOPE), S("5"), NOW, d),
              ERR_INVALID); /* new hosts go there */
    fixture_reopen(t, &f);
    fixture_close(&f);
}

TEST(config_target_limits_at_and_past)
{
    struct fixture f;
    struct buf b;

    fixture_open(t, &f);
    put_world(t, &f);
    buf_init_in(&b, t->arena, 1 << 16);
    for (int i = 0; i < LIMIT_SETTING_TEXTS; i++)
        buf_printf(&b, "%s'h%d'", i > 0 ? "," : "", i);
    put(t, &f, "targetSettings", "authorizedHosts",
        arena_printf(t->arena, "{'blockedMboxHostsConstraint':{'contains':[%.*s]}}", STR_ARG(buf_str(&b))).p);
    put_fails(
        t, &f, "targetSettings", "authorizedHosts",
        arena_printf(t->arena, "{'blockedMboxHostsConstraint':{'contains':[%.*s,'more']}}", STR_ARG(buf_str(&b))).p,
        ERR_INVALID);
    put(t, &f, "profileScript", "1",
        arena_printf(t->arena, "{'id':1,'name':'%0*d','script':'return 1;'}", LIMIT_SCRIPT_NAME_CHARS, 1).p);
    put_fails(t, &f, "profileScript", "2",
              arena_printf(t->arena, "{'id':2,'name':'%0*d','script':'return 1;'}", LIMIT_SCRIPT_NAME_CHARS + 1, 1).p,
              ERR_LIMIT);
    for (int i = 2; i <= LIMIT_SCRIPTS; i++)
        put(t, &f, "profileScript", arena_printf(t->arena, "%d", i).p,
            arena_printf(t->arena, "{'id':%d,'name':'s%d','script':'return 1;'}", i, i).p);
    put_fails(t, &f, "profileScript", "901", "{'id':901,'name':'more','script':'return 1;'}", ERR_LIMIT);
    put(t, &f, "profileScript", "901", "{'id':901,'name':'more','script':'return 1;','active':false}");
    put(t, &f, "profileScript", "1", "{'id':1,'name':'first','script':'return 1;','active':false}");
    put(t, &f, "profileScript", "901", "{'id':901,'name':'more','script':'return 1;'}"); /* there is room now */
    fixture_close(&f);
}

TEST(config_target_settings)
{
    static const struct {
        const char *zone;
        int minutes;
    } zones[] = {{"", 0}, {"UTC", 0}, {"GMT", 0}, {"+02:00", 120}, {"UTC-09:30", -570}, {"GMT+14:00", 840}};
    static const char *const wrong[] = {"Europe/Berlin", "+2", "+15:00", "+02:60", "2:00", "UTC+0200", "+0a:00"};
    struct fixture f;
    int minutes;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "targetSettings", "settings",
        "{'enableProfileApiAuthentication':true,'timeZone':'+02:00','ipObfuscation':'STRIP','explain':true,"
        "'profileLifetimeDays':90,'allowedRemoteOfferUrlPatterns':['https://a.test/*']}");
    put(t, &f, "offer", "780", "{'id':780,'name':'r','type':'dynamic','content':'https://a.test/x'}");
    put_fails(t, &f, "offer", "781", "{'id':781,'name':'r','type':'dynamic','content':'https://b.test/x'}",
              ERR_INVALID);
    put(t, &f, "offer", "781", "{'id':781,'name':'r','type':'redirect','content':'https://b.test/x'}");
    put_fails(t, &f, "targetSettings", "settings", "{'timeZone':'Europe/Berlin'}", ERR_INVALID);
    put_fails(t, &f, "targetSettings", "settings", "{'ipObfuscation':'ALL'}", ERR_INVALID);
    put_fails(t, &f, "targetSettings", "settings", "{'profileLifetimeDays':91}", ERR_INVALID);
    put_fails(t, &f, "targetSettings", "settings", "{'allowedRemoteOfferUrlPatterns':['']}", ERR_INVALID);
    put_fails(t, &f, "targetSettings", "settings", "{'a4TEnabled':1}", ERR_INVALID);
    put(t, &f, "targetSettings", "authorizedHosts", "{'blockedMboxHostsConstraint':{'contains':['evil']}}");
    put_fails(t, &f, "targetSettings", "authorizedHosts", "{'blockedMboxHostsConstraint':{'contains':'evil'}}",
              ERR_INVALID);
    put(t, &f, "targetSettings", "ipfilter.report", "{'ranges':[]}");
    put_fails(t, &f, "targetSettings", "ipfilter.", "{}", ERR_INVALID);
    put_fails(t, &f, "targetSettings", "other", "{}", ERR_INVALID);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        CHECK_TRUE(target_zone_minutes(str_of(zones[i].zone), &minutes));
        CHECK_EQ(minutes, zones[i].minutes);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_TRUE(!target_zone_minutes(str_of(wrong[i]), &minutes));
    fixture_close(&f);
}

TEST(config_target_scripts_and_tokens)
{
    struct fixture f;
    const struct snapshot *s;
    struct str name;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "profileScript", "1", "{'id':1,'name':'b','script':'return 1','active':true}");
    put(t, &f, "profileScript", "2", "{'id':2,'name':'a','script':'return 2'}");
    put(t, &f, "profileScript", "3", "{'id':3,'name':'c','script':'return 3','active':false}");
    put_fails(t, &f, "profileScript", "4", "{'id':4,'name':'A','script':'return 3'}", ERR_EXISTS);
    put_fails(t, &f, "profileScript", "4", "{'id':4,'name':'d e','script':'return 3'}", ERR_INVALID);
    put_fails(t, &f, "profileScript", "4", "{'id':4,'name':'d','script':'return ('}", ERR_INVALID);
    CHECK_STR(str_of(t_diag.path), S("script"));
    put_fails(t, &f, "profileScript", "4", "{'id':4,'name':'d'}", ERR_INVALID);
    name = arena_printf(t->arena, "%050d", 4); /* 50 characters, and one more */
    put(t, &f, "profileScript", "4", arena_printf(t->arena, "{'id':4,'name':'%s','script':'return 4'}", name.p).p);
    put_fails(t, &f, "profileScript", "5", arena_printf(t->arena, "{'id':5,'name':'0%s','script':'1'}", name.p).p,
              ERR_LIMIT);
    s = snapshot_get(f.config);
    CHECK_EQ(snapshot_scope(s, S(SCOPE))->script_count, 3);
    snapshot_put(f.config, s);
    put(t, &f, "responseToken", "1", "{'id':1,'token':'profile.tier','active':true}");
    put_fails(t, &f, "responseToken", "2", "{'id':2,'token':'profile.tier'}", ERR_EXISTS);
    put_fails(t, &f, "responseToken", "2", "{'id':2,'token':'x','active':1}", ERR_INVALID);
    fixture_reopen(t, &f);
    fixture_close(&f);
}

TEST(config_target_exclusion_groups)
{
    struct fixture f;
    struct buf b;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "activity", "7", arena_printf(t->arena, ACTIVITY, "saved", "").p);
    put(t, &f, "exclusionGroup", "1", "{'id':1,'name':'Hero','ranges':[{'activityId':7,'percent':100}]}");
    put_fails(t, &f, "exclusionGroup", "2", "{'id':2,'name':'hero','ranges':[]}", ERR_EXISTS);
    put_fails(t, &f, "exclusionGroup", "2", "{'id':2,'name':'B','ranges':[{'activityId':8,'percent':50}]}",
              ERR_INVALID);
    CHECK_SAYS("activity 8 does not exist");
    put_fails(t, &f, "exclusionGroup", "2", "{'id':2,'name':'B','ranges':[{'activityId':7,'percent':101}]}",
              ERR_INVALID);
    put_fails(t, &f, "exclusionGroup", "2",
              "{'id':2,'name':'B','ranges':[{'activityId':7,'percent':50},{'activityId':7,'percent':50}]}",
              ERR_INVALID);
    CHECK_SAYS("two ranges");
    buf_init(&b, 1 << 20);
    for (int i = 0; i <= LIMIT_GROUP_RANGES; i++)
        buf_printf(&b, "%s{'activityId':7,'percent':1}", i > 0 ? "," : "");
    put_fails(t, &f, "exclusionGroup", "2",
              arena_printf(t->arena, "{'id':2,'name':'B','ranges':[%.*s]}", STR_ARG(buf_str(&b))).p, ERR_INVALID);
    CHECK_SAYS("at most 100");
    buf_deinit(&b);
    put_fails(t, &f, "exclusionGroup", "2", "{'id':2,'name':'B','ranges':[{'activityId':7,'percent':1}]}", ERR_INVALID);
    CHECK_SAYS("group 1 already");
    put_fails(t, &f, "activity", "7", arena_printf(t->arena, ACTIVITY, "deleted", "").p, ERR_INVALID);
    CHECK_SAYS("is in exclusion group 1");
    put(t, &f, "allocation", "7", "{'id':7,'version':1,'weights':[100]}");
    put(t, &f, "model", "7", "{'id':7,'version':1,'units':[]}");
    put_fails(t, &f, "model", "7", "{'id':7}", ERR_INVALID);
    fixture_close(&f);
}

/* [TARGET 12.147]: what is deleted stays for reports and holds nothing. */
TEST(config_target_deleted_activity_refers_to_nothing)
{
    struct fixture f;
    const struct snapshot *s;

    fixture_open(t, &f);
    put_world(t, &f);
    put(t, &f, "targetAudience", "3", "{'id':3,'name':'q','targetRule':{'page':'query','equals':['a=1']}}");
    put(t, &f, "activity", "7", arena_printf(t->arena, ACTIVITY, "saved", "3").p);
    CHECK_ERR(config_delete(f.config, S("targetAudience"), S(SCOPE), S("3"), NOW, d), ERR_INVALID);
    put(t, &f, "activity", "7", arena_printf(t->arena, ACTIVITY, "deleted", "3").p);
    CHECK_ERR(config_delete(f.config, S("targetAudience"), S(SCOPE), S("3"), NOW, d), ERR_OK);
    s = snapshot_get(f.config);
    CHECK_EQ(decide_activity_count(snapshot_scope(s, S(SCOPE))->decide), 0);
    snapshot_put(f.config, s);
    fixture_reopen(t, &f);
    fixture_close(&f);
}

struct past {
    size_t n, firsts, deletions;
    uint64_t newest;
};

static enum err
count_revision(void *ctx, const struct config_revision *r, struct diag *d)
{
    struct past *p = ctx;

    (void)d;
    p->n++;
    p->firsts += r->first;
    p->deletions += r->json.p == NULL;
    p->newest = r->version;
    return ERR_OK;
}

static struct past
past_of(struct t *t, struct fixture *f, const char *kind, const char *id)
{
    struct past p = {.n = 0};

    CHECK_OK(
        config_revisions(f->config, str_of(kind), S(SCOPE), id == NULL ? S_NULL : str_of(id), count_revision, &p, d));
    return p;
}

/* [TARGET 12.147]: the newest hundred, whatever compaction does. */
TEST(config_target_revisions)
{
    struct fixture f;
    struct past p;

    fixture_open(t, &f);
    put_world(t, &f);
    for (int i = 0; i <= LIMIT_REVISIONS; i++)
        put(t, &f, "property", "3", arena_printf(t->arena, "{'id':3,'name':'p','token':'t%d'}", i).p);
    for (int i = 0; i < 3 * LIMIT_REVISIONS; i++)
        put(t, &f, "model", "9", arena_printf(t->arena, "{'id':9,'version':%d,'units':[]}", i).p);
    put(t, &f, "property", "4", "{'id':4,'name':'q','token':'u'}");
    p = past_of(t, &f, "property", "3");
    CHECK_EQ(p.n, LIMIT_REVISIONS + 1);
    CHECK_EQ(p.firsts, 1);
    CHECK_OK(topic_maintain(f.topic, NOW, d));
    p = past_of(t, &f, "property", "3");
    CHECK_EQ(p.n, LIMIT_REVISIONS);
    CHECK_EQ(p.firsts, 0);
    CHECK_EQ(past_of(t, &f, "property", NULL).n, LIMIT_REVISIONS + 1);
    CHECK_EQ(past_of(t, &f, "model", "9").n, 1);
    CHECK_EQ(past_of(t, &f, "property", "5").n, 0);
    CHECK_OK(config_delete(f.config, S("property"), S(SCOPE), S("3"), NOW, d));
    CHECK_EQ(past_of(t, &f, "property", "3").deletions, 1);
    fixture_reopen(t, &f);
    CHECK_EQ(past_of(t, &f, "property", "3").n, LIMIT_REVISIONS + 1);
    fixture_close(&f);
}
