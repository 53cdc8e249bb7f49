/* audience_fixture.h - one audience against one request, without activities around it. */
#ifndef TESTS_DECIDE_AUDIENCE_FIXTURE_H
#define TESTS_DECIDE_AUDIENCE_FIXTURE_H

#include "decide/decide_int.h"
#include "decide/json_logic.h"
#include "fixture.h"

/* A request at FIXTURE_NOW and its location; the caller fills in the rest. */
struct asked {
    struct decision_request rq;
    struct decision_ask ask;
    const struct activity *activity;
    int zone_minutes;
};
struct asked asked_new(void);
/* Evaluates a compiled rule; a rule that could not be evaluated fails the test. */
bool asked_matches(struct t *t, const struct asked *x, const struct target_rule *rule);
/* {"targetRule":..} as JSON with single quotes. */
bool asked_in(struct t *t, const struct asked *x, const char *target_rule);
bool asked_logic(struct t *t, const struct asked *x, const struct json *logic);

#endif
