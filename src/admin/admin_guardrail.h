/* admin_guardrail.h - the documented guardrails [SEGMENTATION 14.4, 18]: how much of each is used, what an expression
 * is warned about, and how often jobs may be run on demand.
 *
 * By default they are reported and nothing is refused, because this server needs none of them. With the setting
 * `guardrails = enforced` it behaves by them, for those who test against it: quotas end in 429, expressions that are
 * too long or warned about in 400. Limits that differ from the documented ones come from the setting
 * `guardrail-limits`, as "name=number,...".   OURS */
#ifndef ADMIN_ADMIN_GUARDRAIL_H
#define ADMIN_ADMIN_GUARDRAIL_H

#include "config/config.h"
#include "rule/rule.h"

/* X(id, name, kind, documented limit, help). Kinds: how many there are (soft), runs on demand, expressions. */
#define GUARDRAIL_TABLE(X)                                                                                             \
    X(GUARD_AUDIENCES, "audiences", COUNT, 4000, "draft and published audiences of a sandbox")                         \
    X(GUARD_STREAMING, "streaming-audiences", COUNT, 500, "streaming audiences, edge included")                        \
    X(GUARD_EDGE, "edge-audiences", COUNT, 150, "edge audiences")                                                      \
    X(GUARD_BATCH, "batch-audiences", COUNT, 4000, "batch audiences")                                                  \
    X(GUARD_RUNS_DAY, "runs-per-day", QUOTA, 2, "segment jobs asked for in a day of UTC")                              \
    X(GUARD_RUNS_YEAR, "runs-per-year", QUOTA, 50, "segment jobs asked for in a year, production sandbox")             \
    X(GUARD_RUNS_YEAR_DEVELOPMENT, "runs-per-year-development", QUOTA, 100, "the same, development sandbox")           \
    X(GUARD_RUN_AUDIENCES, "audiences-per-run", QUOTA, 20, "audiences named in a job that is asked for")               \
    X(GUARD_CHAIN, "chain-events", REFUSAL, 6, "events in one sequence")                                               \
    X(GUARD_CHAIN_ADVISED, "chain-events-advised", WARNING, 3, "events in one sequence")                               \
    X(GUARD_AGGREGATIONS, "aggregations", WARNING, 3, "aggregations in an expression")                                 \
    X(GUARD_NESTING, "nesting", WARNING, 2, "levels of lists and maps in an expression")                               \
    X(GUARD_SIZE, "size-percent", WARNING, 30, "members, of all profiles")

#define GUARDRAIL_ENUM(id, name, kind, limit, help) id,
enum guardrail { GUARDRAIL_TABLE(GUARDRAIL_ENUM) GUARD__COUNT };
#undef GUARDRAIL_ENUM

struct guardrails {
    bool enforced;
    int64_t limits[GUARD__COUNT];
};

/* From the settings. ERR_INVALID: an unknown name, or no number from 1 on. */
enum err guardrails_read(struct str limits, bool enforced, struct guardrails *out, struct diag *d);

const char *guardrail_name(enum guardrail which);
const char *guardrail_kind(enum guardrail which); /* "count", "quota", "refusal", "warning" */
const char *guardrail_help(enum guardrail which);

/* How many there are in a sandbox, for the guardrails of kind COUNT; the others stay as they are. */
void guardrail_count(const struct snapshot *snap, struct str scope, size_t counts[GUARD__COUNT]);
/* 100, 90 or 80: the highest of these percentages that is reached; else 0. */
int guardrail_alert(const struct guardrails *g, enum guardrail which, size_t count);
/* Sets the gauges guardrails_at_80_percent and guardrails_at_90_percent, over all sandboxes; a rise is logged. */
void guardrail_measure(const struct guardrails *g, const struct snapshot *snap);

/* What an expression has more of than is advised, or allowed. */
struct guardrail_finding {
    enum guardrail which;
    size_t found;
};
#define GUARDRAIL_FINDINGS 4
size_t guardrail_look(const struct guardrails *g, const struct rule *r,
                      struct guardrail_finding out[GUARDRAIL_FINDINGS]);
/* "at most 3 aggregations in an expression are advised, found 5" */
struct str guardrail_say(const struct guardrails *g, const struct guardrail_finding *f, struct arena *a);
/* ERR_LIMIT when guardrails are enforced and the expression is past one; `override` passes over what is advised only.
 */
enum err guardrail_check(const struct guardrails *g, const struct rule *r, bool override, struct diag *d);

#endif
