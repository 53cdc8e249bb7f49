/* pql_cases.h - vectors: expressions with a profile, an instant, and what they must yield [SEGMENTATION 21].
 *
 * One case is run by one evaluator at a time; pql_evaluators is the table of them, and the one place to add another.
 * The unit test and `edgewise pql test` share it. No I/O: a case is a parsed JSON object.
 *
 *   {"id": "cmp-001", "pql": "a = 1", "profile": {...}, "now": "2025-03-12T14:30:00Z", "expect": true}
 *
 * Ownership  Everything lives in the caller's arena or borrows from the parsed vectors.   Threads  Any. */
#ifndef PQL_PQL_CASES_H
#define PQL_PQL_CASES_H

#include "pql/pql.h"

struct pql_case {
    struct str id;
    struct str source;
    enum pql_format format;
    const struct json *profile;
    const struct json *expect; /* true or false: of the value as a condition; "error:<class>"; else the value */
    struct rule_env env;
};

/* ERR_INVALID: a member is missing or of the wrong type; ERR_NOMEM. */
enum err pql_case_read(const struct json *vector, struct arena *a, struct pql_case *out, struct diag *d);

enum pql_verdict { CASE_PASSED, CASE_FAILED, CASE_UNSUPPORTED };
struct pql_outcome {
    enum pql_verdict verdict;
    struct str why; /* failed: what came instead; unsupported: the reason, one text for all such cases */
};

struct pql_evaluator {
    const char *name;
    const char *what; /* one line for people */
    struct pql_outcome (*run)(const struct pql_case *c, struct arena *a);
};
extern const struct pql_evaluator pql_evaluators[];
extern const size_t pql_evaluator_count;

/* The events of a profile's xEvent, for an env; NULL: no memory. */
const struct json *const *pql_events_of(const struct json *profile, struct arena *a, size_t *n);

#endif
