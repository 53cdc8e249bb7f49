/* target_setup_test.c - environments, hosts, exclusion groups, profile scripts, settings [TARGET 6.2, 6.5, 6.6]. */
#include "base/limits.h"
#include "control_fixture.h"

#define T "/acme/target"
#define ACTIVITY(name)                                                                                                 \
    "{'name':'" name "','options':[{'optionLocalId':0,'name':'A','offerId':0}],'locations':{'mboxes':"                 \
    "[{'locationLocalId':0,'name':'hero','audienceIds':[]}]},'experiences':[{'experienceLocalId':0,'name':'A',"        \
    "'visitorPercentage':100,'audienceIds':[],'optionLocations':[{'locationLocalId':0,'optionLocalId':0}]}],"          \
    "'metrics':[{'metricLocalId':32767,'name':'Order','conversion':true,'mboxes':[]}]}"

TEST(admin_target_environments_and_hosts)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    r = control_ask(&c, "GET " T "/environments", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("1"));
    CHECK_STR(control_get(&c, &r, "environments.0.name"), S("Production"));
    CHECK_REPLY(control_ask(&c, "GET " T "/environments/1", NULL), 200);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/environments/1", NULL), 400); /* [TARGET 6.5] */
    r = control_ask(&c, "POST " T "/environments", "{'name':'Staging','serveInactiveActivities':true}");
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "id"), S("1001"));
    CHECK_REPLY(control_ask(&c, "POST " T "/environments", "{'name':'staging'}"), 409);
    CHECK_REPLY(control_ask(&c, "POST " T "/environments", "{'name':'Production'}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " T "/environments", "{}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/environments/1", "{'name':'Production','serveInactiveActivities':true}"),
                200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/environments/1", "{'name':'Other'}"), 400);
    r = control_ask(&c, "GET " T "/environments", NULL);
    CHECK_STR(control_get(&c, &r, "total"), S("2"));
    CHECK_REPLY(control_ask(&c, "DELETE " T "/environments/1", NULL), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/hosts/stage.shop.test", "{'environmentId':1001}"), 200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/hosts/www.shop.test", "{'environmentId':1}"), 200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/hosts/stage.shop.test", "{'environmentId':77}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/hosts/Stage", "{'environmentId':1}"), 400);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/environments/1001", NULL), 400); /* a host is in it */
    r = control_ask(&c, "GET " T "/hosts?environmentId=1001", NULL);
    CHECK_STR(control_get(&c, &r, "hosts.0.name"), S("stage.shop.test"));
    CHECK_REPLY(control_ask(&c, "DELETE " T "/hosts/stage.shop.test", NULL), 200);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/hosts/stage.shop.test", NULL), 404);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/environments/1001", NULL), 200);
    control_close(&c);
}

TEST(admin_target_exclusion_groups)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "POST " T "/activities/ab", ACTIVITY("One")), 201);
    CHECK_REPLY(control_ask(&c, "POST " T "/activities/ab", ACTIVITY("Two")), 201);
    r = control_ask(&c, "POST " T "/exclusionGroups", "{'name':'Heroes','ranges':[{'activityId':1001,'percent':60}]}");
    CHECK_REPLY(r, 201);
    CHECK_REPLY(control_ask(&c, "PUT " T "/exclusionGroups/1001",
                            "{'name':'Heroes','ranges':[{'activityId':1001,'percent':60},"
                            "{'activityId':1002,'percent':40}]}"),
                200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/exclusionGroups/1001",
                            "{'name':'Heroes','ranges':[{'activityId':1001,'percent':60},"
                            "{'activityId':1002,'percent':41}]}"),
                400);
    CHECK_REPLY(
        control_ask(&c, "POST " T "/exclusionGroups", "{'name':'More','ranges':[{'activityId':1001,'percent':1}]}"),
        400); /* it is in a group */
    CHECK_REPLY(
        control_ask(&c, "POST " T "/exclusionGroups", "{'name':'More','ranges':[{'activityId':99,'percent':1}]}"), 400);
    CHECK_REPLY(control_ask(&c, "POST " T "/exclusionGroups", "{'name':'More','ranges':7}"), 400);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/activities/ab/1001", NULL), 400);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/exclusionGroups/1001", NULL), 200);
    CHECK_REPLY(control_ask(&c, "DELETE " T "/activities/ab/1001", NULL), 200);
    control_close(&c);
}

TEST(admin_target_profile_scripts)
{
    struct control c;
    struct reply r;
    char text[LIMIT_SCRIPT_CHARS + 200];

    control_open(t, &c, false);
    r = control_ask(&c, "POST " T "/profileattributes/scripts", "{'name':'tier','script':'return 1;'}");
    CHECK_REPLY(r, 201);
    CHECK_STR(control_get(&c, &r, "active"), S("true"));
    CHECK_REPLY(control_ask(&c, "POST " T "/profileattributes/scripts", "{'name':'tier','script':'return 2;'}"), 409);
    CHECK_REPLY(control_ask(&c, "POST " T "/profileattributes/scripts", "{'name':'bad','script':'return (;'}"), 400);
    for (int more = 0; more < 2; more++) { /* at the bound, and past it */
        int n = snprintf(text, sizeof text, "{'name':'long','script':'");
        memset(text + n, ' ', LIMIT_SCRIPT_CHARS + (size_t)more);
        (void)snprintf(text + n + LIMIT_SCRIPT_CHARS + more, 8, "'}");
        r = control_ask(&c, "POST " T "/profileattributes/scripts", text);
        CHECK_TRUE(more ? r.status >= 400 && r.status < 500 : r.status == 201);
    }
    r = control_ask(&c, "PUT " T "/profileattributes/scripts/1001",
                    "{'name':'tier','script':'return 3;','active':false}");
    CHECK_STR(control_get(&c, &r, "active"), S("false"));
    CHECK_REPLY(control_ask(&c, "DELETE " T "/profileattributes/scripts/1001", NULL), 200);
    CHECK_REPLY(control_ask(&c, "GET " T "/profileattributes/scripts/1001", NULL), 404);
    control_close(&c);
}

TEST(admin_target_settings)
{
    struct control c;
    struct reply r;

    control_open(t, &c, false);
    CHECK_REPLY(control_ask(&c, "GET " T "/clients/settings", NULL), 200);
    CHECK_REPLY(control_ask(&c, "PUT " T "/clients/settings", "{'ipObfuscation':'STRIP','explain':true}"), 200);
    r = control_ask(&c, "PATCH " T "/clients/settings", "{'enableProfileApiAuthentication':true}");
    CHECK_STR(control_get(&c, &r, "ipObfuscation"), S("STRIP"));
    CHECK_REPLY(control_ask(&c, "PATCH " T "/clients/settings", "{'ipObfuscation':'SOME'}"), 400);
    CHECK_REPLY(control_ask(&c, "PATCH " T "/clients/settings", "{'explain':1}"), 400);
    CHECK_REPLY(control_ask(&c, "PUT " T "/authorizedHosts",
                            "{'enabledConstraints':true,'blockedMboxHostsConstraint':{'contains':['evil']}}"),
                200);
    r = control_ask(&c, "GET " T "/authorizedHosts", NULL);
    CHECK_STR(control_get(&c, &r, "blockedMboxHostsConstraint.contains.0"), S("evil"));
    CHECK_REPLY(control_ask(&c, "PUT " T "/authorizedHosts", "{'blockedMboxHostsConstraint':{'contains':[1]}}"), 400);
    control_close(&c);
}
