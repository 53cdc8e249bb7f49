/* fixture.h - a decide_set from one JSON text, and requests against it. */
#ifndef TESTS_DECIDE_FIXTURE_H
#define TESTS_DECIDE_FIXTURE_H

#include "codec/json.h"
#include "decide/decision.h"
#include "t.h"

#define FIXTURE_KEY ((struct hash_key){0x0123456789abcdefULL, 0xfedcba9876543210ULL})
/* 2026-03-10T12:00:00Z, a Tuesday [TARGET 12]. */
#define FIXTURE_NOW 1773144000000LL

/* An Edge Network event as it asks for decisions. */
struct fixture_assignment {
    struct str activity, experience;
};

struct fixture_request {
    int64_t now_ms;
    struct str visitor_key, property_token, url, referrer, user_agent, language;
    const struct json *xdm, *target, *profile_params, *attributes, *geo;
    bool first_session;
    const struct str *scopes, *schemas;
    size_t scope_count, schema_count;
    const struct fixture_assignment *assignments;
    size_t assignment_count;
    bool (*in_audience)(void *ctx, struct str audience_id);
    bool (*remote)(void *ctx, struct str url, struct str *content);
    void *ctx;
};

struct fixture {
    struct decide_set *set;
    struct buf out;
    struct decision_result result;
    const struct json *answer; /* the propositions as an array, without */
    const struct json *clicks; /* those of click metrics */
};

/* {"activities":[..],"offers":[..],"audiences":[..],"properties":[..],"responseTokens":[..]}; single quotes stand for
 * double ones. */
struct fixture fixture_new(struct t *t, const char *text);
void fixture_free(struct fixture *f);
/* The same text as what decide_compile() takes. */
struct decide_source fixture_source(struct t *t, const char *text);
const struct json *fixture_json(struct t *t, const char *text);

/* A request for `scopes` (comma-separated) by visitor `key` at FIXTURE_NOW. */
struct fixture_request fixture_request(struct t *t, const char *key, const char *scopes);
/* All scopes of the request, each once, as propositions. */
enum err fixture_propositions(const struct decide_set *s, const struct fixture_request *rq, struct arena *a,
                              struct buf *out, struct decision_result *result, struct diag *d);
/* Runs it; f->answer is what came out. */
void fixture_ask(struct t *t, struct fixture *f, const struct fixture_request *rq);
/* "1001:0@hero 1002:1@__view__ ..." of the propositions in the order of the answer. */
struct str fixture_summary(struct t *t, const struct fixture *f);
/* data.content of the first item of the first proposition; empty when there is none. */
struct str fixture_content(const struct fixture *f);

#define CHECK_ANSWER(f, rq, expected)                                                                                  \
    do {                                                                                                               \
        fixture_ask(t, (f), (rq));                                                                                     \
        CHECK_STR(fixture_summary(t, (f)), S(expected));                                                               \
    } while (0)

#endif
