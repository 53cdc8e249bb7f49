/* pql_s19.h - what the tests of the conformance list [SEGMENTATION 19] share. Test s19_NN_... is of item NN; the table
 * of all items is docs/conformance-segmentation.md. */
#ifndef TESTS_UNIT_PQL_PQL_S19_H
#define TESTS_UNIT_PQL_PQL_S19_H

#include "pql/pql_cases.h"
#include "t.h"

#define S19_NOW "2025-03-12T14:30:00Z" /* a Wednesday */

struct s19 {
    const char *text;
    const char *profile; /* NULL: {} */
    const char *expect;  /* JSON exactly as it is written, or error:<class> */
    const char *now;     /* NULL: S19_NOW */
};

/* Each case through every evaluator, and its value letter by letter. */
void s19_check(struct t *t, const struct s19 *cases, size_t n);
#define S19_CHECK(cases) s19_check(t, (cases), sizeof(cases) / sizeof((cases)[0]))
void s19_one(struct t *t, const char *text, const char *profile, const char *expect);

/* All texts are refused with this class ("parse", ...). */
void s19_refused(struct t *t, const char *class, const char *const *texts, size_t n);
#define S19_REFUSED(class, texts) s19_refused(t, class, texts, sizeof(texts) / sizeof((texts)[0]))

/* The vectors whose id begins with the prefix, through every evaluator; there must be so many. */
void s19_vectors(struct t *t, const char *prefix, size_t count);

/* Whether two texts compile to the same tree. */
bool s19_equal(struct t *t, const char *a, const char *b);

#endif
