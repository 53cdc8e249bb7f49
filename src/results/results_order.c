/* results_order.c - orders: which were there before, which are extreme, and the list of them  [TARGET 2.7, 8.3].
 *
 *   RO scope activity order -> (version) the order was there
 *   RQ scope activity       -> how many are listed, when the first one came, count and sums of each of the last 31 days
 *   RL scope activity slot  -> one order; the list is a ring
 *
 * Extreme is judged by the orders of the 31 days before, once there were 15 or an hour has passed since the first. */
#include "results/results_int.h"

#include <math.h>

#include "base/civil.h"
#include "codec/sha256.h"

#define ID_BYTES_MAX 250 /* [TARGET 11]; the hash of a longer id stands for it */
#define MONTH_DAYS 31
#define JUDGED_ORDERS 15
#define JUDGED_AFTER_MS MS_PER_HOUR

/* ---- the order of a hit ---- */

static struct str
products_text(const struct json *products, struct arena *a)
{
    struct buf b;

    if (json_count(products) == 0)
        return S_NULL;
    buf_init_in(&b, a, LIMIT_RESULT_PRODUCTS_BYTES);
    json_write(&b, products);
    return buf_ok(&b) ? buf_str(&b) : S_NULL;
}

static bool
order_of_event(const struct json *xdm, struct results_order_in *o)
{
    const struct json *order = json_path(xdm, S("commerce.order"));
    double purchases = json_f64(json_path(xdm, S("commerce.purchases.value")), 0);

    if (!json_is(order, JSON_OBJECT) && !(purchases >= 1))
        return false;
    o->id = json_str(json_get(order, S("purchaseID")));
    o->total = json_f64(json_get(order, S("priceTotal")), 0);
    return true;
}

bool
results_order_of(const struct hit *h, struct arena *a, struct results_order_in *o)
{
    *o = (struct results_order_in){0};
    if (h->visit != NULL) { /* the edge has read it */
        if (!h->visit->has_order)
            return false;
        o->id = h->visit->order.id;
        o->total = h->visit->order.total;
        o->products = products_text(h->visit->order.products, a);
    } else if (!order_of_event(h->xdm, o)) {
        return false;
    }
    if (!isfinite(o->total))
        o->total = 0;
    if (o->id.n > ID_BYTES_MAX) {
        unsigned char hash[32];
        sha256(o->id, hash);
        o->id = arena_str(a, (struct str){(const char *)hash, sizeof hash});
    }
    return true;
}

/* ---- the last month ---- */

struct day {
    int64_t day;
    struct stats_orders sums;
};

struct ledger {
    uint64_t listed;
    int64_t first_ms;
    struct day days[MONTH_DAYS]; /* at day % MONTH_DAYS */
};

static enum err
load_ledger(const struct results_table *t, struct str key, struct arena *a, struct ledger *l, struct diag *d)
{
    struct unpack u;
    uint64_t n;
    bool found;
    enum err rc = results_load(t, key, a, &u, &found, d);

    *l = (struct ledger){0};
    if (rc != ERR_OK || !found)
        return rc;
    l->listed = unpack_u64(&u);
    l->first_ms = unpack_i64(&u);
    n = unpack_u64(&u);
    for (uint64_t i = 0; i < n && !u.bad; i++) {
        struct day x = {.day = unpack_i64(&u)};
        x.sums.n = unpack_u64(&u);
        x.sums.sum = unpack_f64(&u);
        x.sums.squares = unpack_f64(&u);
        l->days[(uint64_t)x.day % MONTH_DAYS] = x;
    }
    return u.bad || unpack_left(&u) > 0 ? results_corrupt(d, "an activity's orders") : ERR_OK;
}

static enum err
store_ledger(struct results_table *t, struct str key, const struct ledger *l, struct diag *d)
{
    struct buf b;
    uint64_t n = 0;

    results_begin(&b);
    pack_u64(&b, l->listed);
    pack_i64(&b, l->first_ms);
    for (int i = 0; i < MONTH_DAYS; i++)
        n += l->days[i].sums.n > 0;
    pack_u64(&b, n);
    for (int i = 0; i < MONTH_DAYS; i++) {
        const struct day *x = &l->days[i];
        if (x->sums.n == 0)
            continue;
        pack_i64(&b, x->day);
        pack_u64(&b, x->sums.n);
        pack_f64(&b, x->sums.sum);
        pack_f64(&b, x->sums.squares);
    }
    return results_store(t, key, &b, d);
}

static struct stats_orders
month_before(const struct ledger *l, int64_t now_ms)
{
    int64_t today = now_ms / MS_PER_DAY;
    struct stats_orders sum = {0};

    for (int i = 0; i < MONTH_DAYS; i++) {
        const struct day *x = &l->days[i];
        if (x->day > today - MONTH_DAYS && x->day <= today) {
            sum.n += x->sums.n;
            sum.sum += x->sums.sum;
            sum.squares += x->sums.squares;
        }
    }
    return sum;
}

enum err
results_order_moments(struct kv *k, struct str scope, struct str activity, int64_t now_ms, struct arena *a,
                      struct stats_orders *out, struct diag *d)
{
    struct results_table *t = RESULTS_READER(k, a);
    struct ledger l = {0};
    enum err rc = results_key_activity(t, scope, activity, a, &activity, d);

    if (rc == ERR_OK)
        rc = load_ledger(t, RESULTS_KEY(a, 'Q', scope, activity), a, &l, d);
    *out = month_before(&l, now_ms);
    return rc;
}

enum err
results_order_judge(struct results_table *t, struct str scope, struct str activity, const struct results_order_in *o,
                    int64_t now_ms, struct arena *a, struct results_verdict *out, struct diag *d)
{
    struct str key = RESULTS_KEY(a, 'O', scope, activity, o->id);
    struct stats_orders month;
    struct ledger l;
    enum err rc = key.p == NULL ? results_no_memory(d) : load_ledger(t, RESULTS_KEY(a, 'Q', scope, activity), a, &l, d);

    if (rc != ERR_OK)
        return rc;
    month = month_before(&l, now_ms);
    *out = (struct results_verdict){.duplicate = o->id.n > 0 && results_has(t, key), .tamed = o->total};
    out->outlier = (month.n >= JUDGED_ORDERS || (month.n > 0 && now_ms - l.first_ms >= JUDGED_AFTER_MS)) &&
                   stats_is_outlier(&month, o->total);
    if (out->outlier)
        out->tamed = stats_orders_mean(&month);
    return ERR_OK;
}

/* ---- the list ---- */

static enum err
store_order(struct results_table *t, struct str key, const struct results_order *o, struct diag *d)
{
    struct buf b;

    results_begin(&b);
    pack_i64(&b, o->time_ms);
    pack_str(&b, o->experience);
    pack_i64(&b, o->environment);
    pack_str(&b, o->id);
    pack_f64(&b, o->total);
    pack_str(&b, o->products);
    pack_u64(&b, (o->duplicate ? 1u : 0) | (o->outlier ? 2u : 0) | (o->counted ? 4u : 0));
    return results_store(t, key, &b, d);
}

static enum err
load_order(const struct results_table *t, struct str key, struct arena *a, struct results_order *o, struct diag *d)
{
    struct unpack u;
    uint64_t flags;
    bool found;
    enum err rc = results_load(t, key, a, &u, &found, d);

    if (rc != ERR_OK || !found)
        return rc == ERR_OK ? results_corrupt(d, "a list of orders") : rc;
    o->time_ms = unpack_i64(&u);
    o->experience = unpack_str(&u);
    o->environment = unpack_i64(&u);
    o->id = unpack_str(&u);
    o->total = unpack_f64(&u);
    o->products = unpack_str(&u);
    flags = unpack_u64(&u);
    o->duplicate = flags & 1;
    o->outlier = flags & 2;
    o->counted = flags & 4;
    return u.bad || unpack_left(&u) > 0 ? results_corrupt(d, "an order") : ERR_OK;
}

static struct str
slot_key(struct str scope, struct str activity, uint64_t number, struct arena *a)
{
    return RESULTS_KEY(a, 'L', scope, activity, results_number(a, (int64_t)(number % LIMIT_RESULT_ORDERS)));
}

enum err
results_order_put(struct results_table *t, struct str scope, struct str activity, const struct results_order *o,
                  struct arena *a, struct diag *d)
{
    struct str key = RESULTS_KEY(a, 'Q', scope, activity);
    struct ledger l;
    struct buf b;
    enum err rc = load_ledger(t, key, a, &l, d);

    if (rc == ERR_OK && !o->duplicate) {
        int64_t day = o->time_ms / MS_PER_DAY;
        struct day *x = &l.days[(uint64_t)day % MONTH_DAYS];
        if (x->day != day)
            *x = (struct day){.day = day};
        x->sums.n++;
        x->sums.sum += o->total;
        x->sums.squares += o->total * o->total;
        if (l.first_ms == 0)
            l.first_ms = o->time_ms;
        if (o->id.n > 0) {
            results_begin(&b);
            rc = results_store(t, RESULTS_KEY(a, 'O', scope, activity, o->id), &b, d);
        }
    }
    if (rc == ERR_OK)
        rc = store_order(t, slot_key(scope, activity, l.listed, a), o, d);
    l.listed++;
    return rc == ERR_OK ? store_ledger(t, key, &l, d) : rc;
}

enum err
results_orders(struct kv *k, struct str scope, struct str activity, struct arena *a, struct results_order **orders,
               size_t *n, struct diag *d)
{
    struct results_table *t = RESULTS_READER(k, a);
    struct ledger l = {0};
    size_t count;
    enum err rc = results_key_activity(t, scope, activity, a, &activity, d);

    if (rc == ERR_OK)
        rc = load_ledger(t, RESULTS_KEY(a, 'Q', scope, activity), a, &l, d);
    count = l.listed < LIMIT_RESULT_ORDERS ? (size_t)l.listed : LIMIT_RESULT_ORDERS;
    *n = 0;
    *orders = rc == ERR_OK ? ARENA_ARRAY(a, struct results_order, count + 1) : NULL;
    if (rc == ERR_OK && *orders == NULL)
        rc = results_no_memory(d);
    for (; rc == ERR_OK && *n < count; (*n)++)
        rc = load_order(t, slot_key(scope, activity, l.listed - 1 - *n, a), a, &(*orders)[*n], d);
    return rc;
}
