/* hub_fixture.h - a hub over real topics, a real table and a real configuration in the test's folder; the caller folds
 * (hub_drain without hub_run), so that a test says what happens when. */
#ifndef TESTS_HUB_FIXTURE_H
#define TESTS_HUB_FIXTURE_H

#include "hub/hub.h"
#include "t.h"

#define ORG "0A1B2C3D4E5F60718293A4B5@AdobeOrg"
#define SCOPE ORG "/prod"
#define NOW 1767225600000 /* 2026-01-01T00:00:00Z */
#define DAY (24 * 3600 * (int64_t)1000)
#define ECID1 "00000000000000000010000000000000000001"
#define ECID2 "00000000000000000010000000000000000002"
#define ECID3 "00000000000000000010000000000000000003"
#define BOUGHT "chain(xEvent, timestamp, [A: WHAT(eventType = \"buy\") WHEN(<= 60 days before now)])"

#define PARTITIONS_MAX 3

struct world {
    const char *dir;
    struct os *os;
    unsigned partitions;
    struct pipeline *pipeline;
    struct topic *config_topic, *membership, *collect[PARTITIONS_MAX];
    struct config *config;
    struct hub *hub;
    bool real_clock;
    uint64_t segment_bytes; /* of topics, from the next opening on; 0: as they are */
    int64_t retention_ms;   /* of collect */
};

/* name: a folder of its own, so that a test may have several worlds. */
void world_open(struct t *t, struct world *w, const char *name);
void world_open_hub(struct t *t, struct world *w);
void world_close(struct world *w);
/* After world_close: topics and configuration again, with another os or number of partitions. */
void world_reopen_logs(struct t *t, struct world *w);
/* Closes topics and configuration after the hub is gone, and opens everything anew from the files. */
void world_reopen(struct t *t, struct world *w);

void put(struct t *t, struct world *w, const char *kind, const char *id, const char *json);
void put_audience(struct t *t, struct world *w, const char *id, const char *pql);
/* Organisation, sandbox, the audience "buyer", and a destination to which it and person.name.firstName are mapped. */
void put_world(struct t *t, struct world *w);

/* What a test says about a hit; json with apostrophes. */
struct say {
    enum hit_kind kind;
    enum hit_source source;
    const char *ids;    /* "*ECID:1 CRM:2", the one with a star is primary */
    const char *region; /* NULL: none */
    const char *id;     /* of the event */
    const char *json;
    const char *dataset; /* NULL: "web" */
    int64_t event_ms;    /* 0: now */
    bool upsert, lake_only;
    const char *audience; /* of HIT_MEMBER, */
    uint64_t run;         /* named by it */
    unsigned partition;
};
void say(struct t *t, struct world *w, int64_t now_ms, struct say s);
/* An event of this type by the edge va6. */
void event(struct t *t, struct world *w, int64_t now_ms, const char *ids, const char *id, const char *type);
void fold(struct t *t, struct world *w);

struct records {
    struct record *items;
    size_t n;
};
struct records read_topic(struct t *t, struct world *w, const char *name);
/* The entries and exits of all membership records, in their order. */
struct entry {
    struct str profile, audience;
    bool member;
    int64_t time_ms;
    uint64_t cause;
};
struct entries {
    struct entry *items;
    size_t n;
    size_t record_count;
};
struct entries read_memberships(struct t *t, struct world *w);
/* The newest projection of an identity on a region; NULL: none. */
const struct projection *projected(struct t *t, struct world *w, const char *region, const char *ns, const char *id);
/* since_ms of a membership in it: > 0 member, < 0 exited, 0 none. */
int64_t membership_of(const struct projection *p, const char *audience);
/* Everything in the table as sorted text. */
struct str table_text(struct t *t, struct world *w);
uint64_t profile_id(struct t *t, struct world *w, const char *ns, const char *id);

#endif
