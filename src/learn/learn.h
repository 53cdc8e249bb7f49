/* learn.h - models that guess how likely a visitor converts when shown an experience [TARGET 8.2].
 *
 *   facts of a request   -> learn_row      named facts, hashed into slots
 *   rows and outcomes    -> learn_train()  a forest per unit (experience or offer), with its quality
 *   forest, row          -> learn_score()  probability, in the request
 *
 * A fact has a name with a prefix that says where it comes from (GEO_country, PRO_tier, ENV_hour); numbers keep their
 * value, texts become a slot of their own. Slots are few and names many: names may share one, which costs a little
 * accuracy and nothing else.
 *
 * Training is done by XGBoost, loaded when the first model is trained; scoring is done here, over flattened trees. A
 * trained forest is bytes (docs/formats/forest.md) that travel in an object of kind "model".
 *
 * Ownership  as said at each function.   Threads  rows and forests are plain data; training is one thread at a time.
 * Cost       learn_score() 4 to 6 us for 100 trees of depth 10; training 100,000 rows 3 s. */
#ifndef LEARN_LEARN_H
#define LEARN_LEARN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "codec/json.h"

#define LEARN_SLOTS 256
#define LEARN_FACTS 96 /* of one row; the first come, and what is most telling should */

struct learn_row {
    uint16_t slots[LEARN_FACTS];
    float values[LEARN_FACTS];
    unsigned n;
};

void learn_row_clear(struct learn_row *r);
/* A fact without a slot left is left out. Texts are compared by their bytes. */
void learn_number(struct learn_row *r, struct str name, double value);
void learn_text(struct learn_row *r, struct str name, struct str value);
/* What the log keeps of a row: [slot, value, slot, value, ...]. */
void learn_row_write(struct buf *out, const struct learn_row *r);
/* false: not such an array. */
bool learn_row_read(const struct json *list, struct learn_row *out);

struct learn_forest;

/* Bytes as learn_train() made them. The forest is in the arena. ERR_CORRUPT, ERR_LIMIT. */
enum err learn_forest_read(struct str bytes, struct arena *a, struct learn_forest **out, struct diag *d);
/* Probability in (0, 1). */
double learn_score(const struct learn_forest *f, const struct learn_row *r);
size_t learn_forest_trees(const struct learn_forest *f);

/* One decision and what came of it. */
struct learn_sample {
    struct learn_row row;
    double weight; /* 1 / probability of being shown this unit */
    bool converted;
};

struct learn_options {
    unsigned trees;        /* 0: 100 */
    unsigned depth;        /* 0: 10 */
    unsigned leaf_samples; /* 0: 50 */
    unsigned folds;        /* 0: 3 */
    uint64_t seed;
    double auc_min;         /* 0: 0.55; a model below it is not valid */
    size_t conversions_min; /* 0: 50 [TARGET 8.2] */
};

struct learn_quality {
    size_t samples, conversions;
    double auc;      /* cross-validated; 0.5: guessing */
    bool valid;      /* may be used */
    const char *why; /* when it is not: a static text */
};

/* Trains on n samples. forest: empty when there are too few samples for one. ERR_UNSUPPORTED: the library is not
 * there. ERR_INVALID: it refused. */
enum err learn_train(const struct learn_sample *samples, size_t n, const struct learn_options *o, struct buf *forest,
                     struct learn_quality *quality, struct diag *d);

/* Area under the ROC curve of scores against outcomes, weighted; ties count half. 0.5 when one class is empty. */
double learn_auc(const double *scores, const struct learn_sample *samples, const size_t *order, size_t n);

#endif
