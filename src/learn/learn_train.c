/* learn_train.c - is there something to learn, and was it learnt?
 *
 * Quality is measured on samples that the trees have not seen: each of `folds` parts is scored by a forest trained on
 * the others, and the area under the curve is taken over all scores. The forest that is kept is trained on everything.
 */
#include "learn/learn_int.h"

#include <stdlib.h>

#include "base/rng.h"

#define FOREST_BYTES_MAX (256u << 20)

/* ---- the area under the curve ---- */

struct scored {
    double score, weight;
    bool converted;
};

static int
by_score(const void *x, const void *y)
{
    const struct scored *a = x, *b = y;

    return (a->score > b->score) - (a->score < b->score);
}

double
learn_auc(const double *scores, const struct learn_sample *samples, const size_t *order, size_t n)
{
    struct scored *all = calloc(n > 0 ? n : 1, sizeof *all);
    double below = 0, area = 0, positives = 0;

    if (all == NULL)
        return 0.5;
    for (size_t i = 0; i < n; i++) {
        const struct learn_sample *s = &samples[order != NULL ? order[i] : i];
        all[i] = (struct scored){scores[i], s->weight, s->converted};
    }
    qsort(all, n, sizeof *all, by_score);
    for (size_t i = 0; i < n;) {
        double yes = 0, no = 0;
        size_t from = i;
        for (; i < n && all[i].score <= all[from].score; i++)
            *(all[i].converted ? &yes : &no) += all[i].weight;
        area += yes * (below + no / 2);
        below += no;
        positives += yes;
    }
    free(all);
    return positives > 0 && below > 0 ? area / (positives * below) : 0.5;
}

/* ---- training ---- */

static void
shuffle(size_t *order, size_t n, uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(&rng, i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
}

/* Scores order[from, to) by a forest of the rest. rest has room for n. */
static enum err
score_fold(const struct learn_sample *samples, const size_t *order, size_t n, size_t from, size_t to,
           const struct learn_options *o, size_t *rest, double *scores, struct diag *d)
{
    struct learn_forest f;
    struct arena a;
    size_t left = 0;
    enum err rc;

    for (size_t i = 0; i < n; i++) {
        if (i < from || i >= to)
            rest[left++] = order[i];
    }
    arena_init(&a, FOREST_BYTES_MAX);
    rc = learn_xgboost_train(samples, rest, left, o, &a, &f, d);
    for (size_t i = from; rc == ERR_OK && i < to; i++)
        scores[i] = learn_score(&f, &samples[order[i]].row);
    arena_deinit(&a);
    return rc;
}

static enum err
cross_validate(const struct learn_sample *samples, const size_t *order, size_t n, const struct learn_options *o,
               double *auc, struct diag *d)
{
    size_t *rest = calloc(n, sizeof *rest);
    double *scores = calloc(n, sizeof *scores);
    enum err rc = rest != NULL && scores != NULL ? ERR_OK : diag_set(d, ERR_NOMEM, "no memory for %zu samples", n);

    for (unsigned k = 0; rc == ERR_OK && k < o->folds; k++)
        rc = score_fold(samples, order, n, n * k / o->folds, n * (k + 1) / o->folds, o, rest, scores, d);
    if (rc == ERR_OK)
        *auc = learn_auc(scores, samples, order, n);
    free(rest);
    free(scores);
    return rc;
}

static enum err
train_all(const struct learn_sample *samples, const size_t *order, size_t n, const struct learn_options *o,
          struct buf *forest, struct diag *d)
{
    struct learn_forest f;
    struct arena a;
    enum err rc;

    arena_init(&a, FOREST_BYTES_MAX);
    rc = learn_xgboost_train(samples, order, n, o, &a, &f, d);
    if (rc == ERR_OK)
        learn_forest_write(forest, &f);
    arena_deinit(&a);
    return rc == ERR_OK && !buf_ok(forest) ? diag_set(d, ERR_LIMIT, "the forest is too large to be kept") : rc;
}

enum err
learn_train(const struct learn_sample *samples, size_t n, const struct learn_options *options, struct buf *forest,
            struct learn_quality *quality, struct diag *d)
{
    struct learn_options o = *options;
    struct learn_quality q = {.samples = n, .auc = 0.5};
    size_t *order;
    enum err rc;

    o.trees = o.trees > 0 ? o.trees : 100;
    o.depth = o.depth > 0 ? o.depth : 10;
    o.leaf_samples = o.leaf_samples > 0 ? o.leaf_samples : 50;
    o.folds = o.folds > 1 ? o.folds : 3;
    o.auc_min = o.auc_min > 0 ? o.auc_min : 0.55;
    o.conversions_min = o.conversions_min > 0 ? o.conversions_min : 50;
    for (size_t i = 0; i < n; i++)
        q.conversions += samples[i].converted;
    if (n == 0 || q.conversions < o.conversions_min || n - q.conversions < o.conversions_min) {
        q.why = "too few conversions, or too few visitors without one";
        *quality = q;
        return ERR_OK;
    }
    order = calloc(n, sizeof *order);
    if (order == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for %zu samples", n);
    shuffle(order, n, o.seed);
    rc = cross_validate(samples, order, n, &o, &q.auc, d);
    if (rc == ERR_OK)
        rc = train_all(samples, order, n, &o, forest, d);
    free(order);
    if (rc != ERR_OK)
        return rc;
    q.valid = q.auc >= o.auc_min;
    q.why = q.valid ? NULL : "what it says is little better than chance";
    *quality = q;
    return ERR_OK;
}
