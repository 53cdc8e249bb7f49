/* learn_xgboost.c - the one file that knows XGBoost: a random forest over samples, read back as trees.
 *
 * The library is loaded when the first model is trained, by the process that trains: it brings the C++ and OpenMP run
 * times, which an edge has no use for. A server without it runs, and says so when a model is asked for. One thread
 * (nthread 1): training must not take the machine from requests. */
#include "learn/learn_int.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <xgboost/c_api.h>

#include "base/limits.h"

#define TREE_BYTES_MAX (64u << 20)

static struct library {
    const char *(*last_error)(void);
    int (*matrix_new)(const float *data, bst_ulong rows, bst_ulong columns, float missing, DMatrixHandle *out);
    int (*matrix_info)(DMatrixHandle m, const char *field, const float *values, bst_ulong n);
    int (*matrix_free)(DMatrixHandle m);
    int (*booster_new)(const DMatrixHandle list[], bst_ulong n, BoosterHandle *out);
    int (*booster_set)(BoosterHandle b, const char *name, const char *value);
    int (*booster_step)(BoosterHandle b, int iteration, DMatrixHandle m);
    int (*booster_dump)(BoosterHandle b, const char *features, int stats, const char *format, bst_ulong *n,
                        const char ***trees);
    int (*booster_free)(BoosterHandle b);
    bool there;
} lib;

static void
load(void)
{
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    void *h = NULL;

    for (size_t i = 0; h == NULL && i < sizeof names / sizeof *names; i++)
        h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (h == NULL)
        return;
    *(void **)&lib.last_error = dlsym(h, "XGBGetLastError");
    *(void **)&lib.matrix_new = dlsym(h, "XGDMatrixCreateFromMat");
    *(void **)&lib.matrix_info = dlsym(h, "XGDMatrixSetFloatInfo");
    *(void **)&lib.matrix_free = dlsym(h, "XGDMatrixFree");
    *(void **)&lib.booster_new = dlsym(h, "XGBoosterCreate");
    *(void **)&lib.booster_set = dlsym(h, "XGBoosterSetParam");
    *(void **)&lib.booster_step = dlsym(h, "XGBoosterUpdateOneIter");
    *(void **)&lib.booster_dump = dlsym(h, "XGBoosterDumpModelEx");
    *(void **)&lib.booster_free = dlsym(h, "XGBoosterFree");
    lib.there = lib.last_error && lib.matrix_new && lib.matrix_info && lib.matrix_free && lib.booster_new &&
                lib.booster_set && lib.booster_step && lib.booster_dump && lib.booster_free;
}

static enum err
refused(struct diag *d)
{
    return diag_set(d, ERR_INVALID, "training failed: %.100s", lib.last_error());
}

static enum err
make_matrix(const struct learn_sample *samples, const size_t *order, size_t n, DMatrixHandle *out, struct diag *d)
{
    float *rows = calloc(n * LEARN_SLOTS, sizeof *rows), *labels = calloc(n, sizeof *labels);
    float *weights = calloc(n, sizeof *weights);
    enum err rc = ERR_OK;

    *out = NULL;
    if (rows == NULL || labels == NULL || weights == NULL)
        rc = diag_set(d, ERR_NOMEM, "no memory for %zu samples", n);
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        const struct learn_sample *s = &samples[order[i]];
        learn_row_dense(&s->row, rows + i * LEARN_SLOTS);
        labels[i] = s->converted;
        weights[i] = (float)s->weight;
    }
    if (rc == ERR_OK &&
        (lib.matrix_new(rows, n, LEARN_SLOTS, NAN, out) != 0 || lib.matrix_info(*out, "label", labels, n) != 0 ||
         lib.matrix_info(*out, "weight", weights, n) != 0))
        rc = refused(d);
    free(rows);
    free(labels);
    free(weights);
    return rc;
}

static bool
set_number(BoosterHandle b, const char *name, unsigned long long value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", value);
    return lib.booster_set(b, name, text) == 0;
}

static bool
set_all(BoosterHandle b, const struct learn_options *o)
{
    return lib.booster_set(b, "objective", "binary:logistic") == 0 && lib.booster_set(b, "base_score", "0.5") == 0 &&
           lib.booster_set(b, "tree_method", "hist") == 0 && lib.booster_set(b, "learning_rate", "1") == 0 &&
           lib.booster_set(b, "subsample", "0.8") == 0 && lib.booster_set(b, "colsample_bynode", "0.6") == 0 &&
           lib.booster_set(b, "verbosity", "0") == 0 && set_number(b, "nthread", 1) &&
           set_number(b, "num_parallel_tree", o->trees) && set_number(b, "max_depth", o->depth) &&
           set_number(b, "seed", o->seed % 1000000007);
}

/* A leaf of `leaf_samples` of the mean weight, in the library's unit: the sum of p(1 - p). At the start p is 0.5. */
static bool
set_leaf(BoosterHandle b, const struct learn_sample *samples, const size_t *order, size_t n,
         const struct learn_options *o)
{
    char text[32];
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += samples[order[i]].weight;
    (void)snprintf(text, sizeof text, "%.6f", 0.25 * o->leaf_samples * (n > 0 ? sum / (double)n : 1));
    return lib.booster_set(b, "min_child_weight", text) == 0;
}

static enum err
read_trees(BoosterHandle b, struct arena *a, struct learn_forest *out, struct diag *d)
{
    struct forest_builder builder = {.arena = a};
    const char **trees;
    bst_ulong n = 0;
    enum err rc = ERR_OK;

    if (lib.booster_dump(b, "", 0, "json", &n, &trees) != 0)
        return refused(d);
    for (bst_ulong i = 0; i < n && rc == ERR_OK; i++) {
        struct arena scratch;
        const struct json *tree;
        arena_init(&scratch, TREE_BYTES_MAX);
        rc = json_parse(str_of(trees[i]), &scratch, &tree, d);
        if (rc == ERR_OK)
            rc = learn_forest_add(&builder, tree, d);
        arena_deinit(&scratch);
    }
    if (rc == ERR_OK)
        *out = builder.f;
    return rc;
}

enum err
learn_xgboost_train(const struct learn_sample *samples, const size_t *order, size_t n, const struct learn_options *o,
                    struct arena *a, struct learn_forest *out, struct diag *d)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    DMatrixHandle m = NULL;
    BoosterHandle b = NULL;
    enum err rc;

    (void)pthread_once(&once, load);
    if (!lib.there)
        return diag_set(d, ERR_UNSUPPORTED, "models need the library libxgboost, which is not installed");
    rc = make_matrix(samples, order, n, &m, d);
    if (rc == ERR_OK && (lib.booster_new(&m, 1, &b) != 0 || !set_all(b, o) || !set_leaf(b, samples, order, n, o) ||
                         lib.booster_step(b, 0, m) != 0))
        rc = refused(d);
    if (rc == ERR_OK)
        rc = read_trees(b, a, out, d);
    if (b != NULL)
        (void)lib.booster_free(b);
    if (m != NULL)
        (void)lib.matrix_free(m);
    return rc;
}
