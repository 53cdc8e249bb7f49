/* edge_world.h - an edge with audiences, a destination, offers and activities, for the fuzz targets that send it
 * requests. Included by one file of a target. */
#ifndef FUZZ_EDGE_WORLD_H
#define FUZZ_EDGE_WORLD_H

#include <ftw.h>

#include "base/check.h"
#include "base/limits.h"
#include "edge/edge.h"

static struct os *os;
static struct pipeline *pipeline;
static struct topic *collect, *projection, *config_topic;
static struct config *config;
static struct edge *edge;
static struct arena arena;
static void (*before_edge_closes)(void); /* for what a target opened on top of the edge */
static char dir[] = "/tmp/edgewise-fuzz-XXXXXX";

static struct topic *
open_topic(const char *name, bool compacted)
{
    struct topic_options o = {.name = name, .writable = true, .compacted = compacted};
    struct topic *t;

    CHECK(pipeline_topic(pipeline, &o, &t, NULL) == ERR_OK);
    return t;
}

static void
put(const char *kind, const char *scope, const char *id, const char *json)
{
    struct diag d = DIAG_INIT;

    if (config_put(config, str_of(kind), str_of(scope), str_of(id), str_of(json), 1000, &d) != ERR_OK) {
        fprintf(stderr, "%s: %s %s\n", kind, d.path, d.what);
        abort();
    }
}

#define ORG "AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg"

/* Of the sandbox, with single quotes for double ones. */
static void
put_here(const char *kind, const char *id, const char *json)
{
    char text[2048];
    size_t n = strlen(json);

    CHECK(n < sizeof text);
    for (size_t i = 0; i <= n; i++)
        text[i] = json[i] == '\'' ? '"' : json[i];
    put(kind, ORG "/prod", id, text);
}

#define AUDIENCE(id, pql)                                                                                              \
    put_here("audience", id,                                                                                           \
             "{'id':'" id "','name':'" id "','expression':{'type':'PQL','format':'pql/text','value':'" pql "'}}")

static void
put_objects(void)
{
    AUDIENCE("twice", "xEvent[eventType = \\\"view\\\" and timestamp occurs <= 1 hours before now].count() >= 2");
    AUDIENCE("spent", "xEvent[timestamp occurs <= 24 hours before now].sum(commerce.order.priceTotal) > 100");
    AUDIENCE("scan", "chain(xEvent, timestamp, [A: WHAT(eventType = \\\"view\\\"), B: WHAT(eventType = \\\"cart\\\") "
                     "WHEN(<= 10 minutes after A)])");
    AUDIENCE("tier", "loyalty.tier = \\\"gold\\\" or inSegment(\\\"twice\\\")");
    put_here("destination", "dest",
             "{'id':'dest','spec':'custom','alias':'cms','audiences':['twice','spent','scan','tier'],'attributes':["
             "'person.name.firstName']}");
    put_here("offer", "701", "{'id':701,'name':'A','type':'content','content':'<p>${profile.y} ${mbox.x}</p>'}");
    put_here("offer", "702", "{'id':702,'name':'B','type':'json','content':{'v':'B'}}");
    put_here("activity", "5",
             "{'id':5,'name':'split','type':'ab','state':'approved','options':[{'optionLocalId':0,'offerId':701},"
             "{'optionLocalId':1,'offerId':702}],'locations':{'mboxes':[{'locationLocalId':0,'name':'m'}]},"
             "'experiences':[{'experienceLocalId':0,'visitorPercentage':50,'optionLocations':[{'locationLocalId':0,"
             "'optionLocalId':0}]},{'experienceLocalId':1,'visitorPercentage':50,'optionLocations':[{"
             "'locationLocalId':0,'optionLocalId':1}]}]}");
    put_here("activity", "6",
             "{'id':6,'name':'page','type':'xt','state':'approved','options':[{'optionLocalId':0,'offerId':702}],"
             "'locations':{'mboxes':[{'locationLocalId':0,'name':'target-global-mbox'}]},'experiences':[{"
             "'experienceLocalId':0,'audienceIds':['twice'],'optionLocations':[{'locationLocalId':0,"
             "'optionLocalId':0}]}]}");
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void
clean(void)
{
    if (before_edge_closes != NULL)
        before_edge_closes();
    edge_close(edge);
    config_close(config);
    pipeline_close(pipeline);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* what is left is seen by who looks */
    arena_deinit(&arena);
}

/* Once; what was made is removed when the program ends. */
static void
start(void)
{
    char log_dir[64], edge_dir[64];
    struct pipeline_options po = {.dir = log_dir};
    struct config_options co = {0};
    struct edge_options eo = {
        .collect_name = "collect/0", .dir = edge_dir, .hint = "or2", .region_id = 9, .base_paths = "ee"};

    CHECK(mkdtemp(dir) != NULL);
    (void)snprintf(log_dir, sizeof log_dir, "%s/log", dir);
    (void)snprintf(edge_dir, sizeof edge_dir, "%s/edge", dir);
    os = os_posix();
    po.os = os;
    CHECK(pipeline_open(&po, &pipeline, NULL) == ERR_OK);
    collect = open_topic("collect", false);
    projection = open_topic("projection.or2", true);
    config_topic = open_topic("config", true);
    co.os = os;
    co.topic = config_topic;
    CHECK(config_open(&co, &config, NULL) == ERR_OK);
    put("org", ORG, ORG,
        "{\"id\":\"AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg\",\"name\":\"o\",\"tenant\":\"o\",\"clientCode\":\"o\","
        "\"tokenKey\":"
        "\"00112233445566778899aabbccddeeff\"}");
    put("sandbox", ORG, "prod", "{\"id\":\"prod\",\"name\":\"prod\",\"title\":\"p\",\"type\":\"production\"}");
    put("datastream", ORG "/prod", "ds",
        "{\"id\":\"ds\",\"name\":\"ds\",\"orgId\":\"AAAABBBBCCCCDDDDEEEEFFFF@AdobeOrg\",\"sandboxName\":\"prod\","
        "\"enabled\":true,\"settings\":{"
        "\"firstPartyIdCookie\":\"FPID\"},\"services\":{\"com_adobe_experience_platform\":{\"enabled\":true,"
        "\"com_adobe_edge_segmentation\":{\"enabled\":true},\"com_adobe_edge_destinations\":{\"enabled\":true}},"
        "\"com_adobe_target\":{\"enabled\":true}}}");
    put_objects();
    eo.os = os;
    eo.config = config;
    eo.collect = collect;
    eo.projection = projection;
    CHECK(edge_open(&eo, &edge, NULL) == ERR_OK);
    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    CHECK(atexit(clean) == 0);
}

#endif
