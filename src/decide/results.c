/* results.c - the fold behind results.h; docs/formats/results.md has the bytes.
 *
 *   RC scope activity experience -> counters            RX scope activity -> the experiences seen
 *   RV scope visitor -> where this visitor entered      RO scope activity order -> (empty) the order was counted
 *
 * A visitor enters when a display notice says that the activity was shown to him, which also is the impression
 * [TARGET 9.1]: a decision that the client never rendered counts nowhere. Control groups are displayed as default
 * content, so they enter too. Clicks, orders and conversions count for visitors who have entered, in the experience
 * that they saw last; within one hit displays come first, so an order on the page of the first display counts. The
 * first order and the first conversion are the same thing: a visitor converts once. The fold reads no clock: a record
 * says all.
 *
 * Squared revenue is the sum over visitors of the square of what each spent in the experience: with the number of
 * visitors as N it gives the variance of revenue per visitor [TARGET 8.3]. */
#include "decide/results.h"

#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/pack.h"
#include "codec/sha256.h"

#define VERSION 1
#define ORDER_ID_BYTES_MAX 250 /* [TARGET 11]; the hash of a longer id stands for it */

/* What one visitor did in one experience. */
struct seen {
    struct str experience;
    bool clicked, converted;
    double revenue;
};

struct entry {
    struct str activity;
    uint32_t last; /* index of the experience displayed last */
    struct seen *seen;
    size_t seen_count;
};

/* One visitor's entries, the longest ago first. */
struct visitor {
    struct entry *items;
    size_t n;
    bool changed;
};

struct fold {
    struct kv *k;
    const struct hit *h;
    struct arena *a;
    struct diag *d;
    struct str key; /* of the visitor */
    struct visitor v;
};

static enum err
no_memory(struct fold *f)
{
    return diag_set(f->d, ERR_LIMIT, "results: memory of the batch is used up");
}

static enum err
corrupt(struct diag *d, const char *what)
{
    return diag_set(d, ERR_CORRUPT, "results: %s does not read", what);
}

/* ---- keys ---- */

static struct str
make_key(struct arena *a, char tag, struct str scope, struct str first, struct str second)
{
    struct buf b;
    struct str key;

    buf_init(&b, LIMIT_RECORD_KEY_BYTES);
    buf_putc(&b, 'R');
    buf_putc(&b, tag);
    pack_str(&b, scope);
    pack_str(&b, first);
    if (second.p != NULL)
        pack_str(&b, second);
    key = buf_ok(&b) ? arena_str(a, buf_str(&b)) : S_NULL;
    buf_deinit(&b);
    return key;
}

/* Value of the key in the arena; empty when there is none. */
static enum err
load(struct kv *k, struct str key, struct arena *a, struct str *value, struct diag *d)
{
    struct str borrowed;
    enum err rc = kv_get(k, key, &borrowed, d);

    *value = S_NULL;
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc != ERR_OK)
        return rc;
    *value = arena_str(a, borrowed);
    return value->p == NULL ? diag_set(d, ERR_LIMIT, "results: memory of the batch is used up") : ERR_OK;
}

static enum err
store(struct fold *f, struct str key, struct buf *b)
{
    enum err rc = buf_ok(b) ? kv_put(f->k, key, buf_str(b), 0, f->d)
                            : diag_set(f->d, ERR_LIMIT, "results: a value passes %d bytes", LIMIT_RECORD_VALUE_BYTES);

    buf_deinit(b);
    return rc;
}

/* ---- counters ---- */

static void
pack_row(struct buf *b, const struct results_row *r)
{
    pack_u64(b, VERSION);
    pack_u64(b, r->visitors);
    pack_u64(b, r->impressions);
    pack_u64(b, r->clicks);
    pack_u64(b, r->click_visitors);
    pack_u64(b, r->conversions);
    pack_u64(b, r->orders);
    pack_f64(b, r->revenue);
    pack_f64(b, r->revenue_squares);
}

/* Of an empty value: all zero. */
static enum err
unpack_row(struct str value, struct results_row *r, struct diag *d)
{
    struct unpack u = unpack_from(value);

    if (value.n == 0)
        return ERR_OK;
    if (unpack_u64(&u) != VERSION)
        return corrupt(d, "a counter row");
    r->visitors = unpack_u64(&u);
    r->impressions = unpack_u64(&u);
    r->clicks = unpack_u64(&u);
    r->click_visitors = unpack_u64(&u);
    r->conversions = unpack_u64(&u);
    r->orders = unpack_u64(&u);
    r->revenue = unpack_f64(&u);
    r->revenue_squares = unpack_f64(&u);
    return u.bad || unpack_left(&u) > 0 ? corrupt(d, "a counter row") : ERR_OK;
}

static enum err
unpack_names(struct str value, struct arena *a, struct str **names, size_t *n, struct diag *d)
{
    struct unpack u = unpack_from(value);
    uint64_t count;

    *names = NULL;
    *n = 0;
    if (value.n == 0)
        return ERR_OK;
    if (unpack_u64(&u) != VERSION || (count = unpack_u64(&u)) > unpack_left(&u))
        return corrupt(d, "a list of experiences");
    *names = ARENA_ARRAY(a, struct str, count + 1); /* room for one more */
    if (*names == NULL)
        return diag_set(d, ERR_LIMIT, "results: memory of the batch is used up");
    for (; *n < count; (*n)++)
        (*names)[*n] = unpack_str(&u);
    return u.bad || unpack_left(&u) > 0 ? corrupt(d, "a list of experiences") : ERR_OK;
}

/* Local ids are numbers: 2 comes before 10. */
static int
compare_ids(struct str a, struct str b)
{
    uint64_t x, y;

    if (str_to_u64(a, &x) && str_to_u64(b, &y) && x != y)
        return x < y ? -1 : 1;
    return str_cmp(a, b);
}

/* Adds the experience to the activity's list. */
static enum err
register_experience(struct fold *f, struct str activity, struct str experience)
{
    struct str key = make_key(f->a, 'X', f->h->scope, activity, S_NULL), value, *names;
    size_t n, at = 0;
    struct buf b;
    enum err rc;

    if (key.p == NULL)
        return no_memory(f);
    rc = load(f->k, key, f->a, &value, f->d);
    if (rc == ERR_OK)
        rc = unpack_names(value, f->a, &names, &n, f->d);
    if (rc != ERR_OK)
        return rc;
    while (at < n && compare_ids(names[at], experience) < 0)
        at++;
    if (at < n && str_eq(names[at], experience))
        return ERR_OK;
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    pack_u64(&b, VERSION);
    pack_u64(&b, n + 1);
    for (size_t i = 0; i < at; i++)
        pack_str(&b, names[i]);
    pack_str(&b, experience);
    for (size_t i = at; i < n; i++)
        pack_str(&b, names[i]);
    return store(f, key, &b);
}

/* Adds `more` to the counters of one experience. */
static enum err
count(struct fold *f, struct str activity, struct str experience, const struct results_row *more)
{
    struct str key = make_key(f->a, 'C', f->h->scope, activity, experience), value;
    struct results_row row = {0};
    struct buf b;
    enum err rc;

    if (key.p == NULL)
        return no_memory(f);
    rc = load(f->k, key, f->a, &value, f->d);
    if (rc == ERR_OK)
        rc = unpack_row(value, &row, f->d);
    if (rc == ERR_OK && value.n == 0)
        rc = register_experience(f, activity, experience);
    if (rc != ERR_OK)
        return rc;
    row.visitors += more->visitors;
    row.impressions += more->impressions;
    row.clicks += more->clicks;
    row.click_visitors += more->click_visitors;
    row.conversions += more->conversions;
    row.orders += more->orders;
    row.revenue += more->revenue;
    row.revenue_squares += more->revenue_squares;
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    pack_row(&b, &row);
    return store(f, key, &b);
}

/* ---- visitors ---- */

static struct str
visitor_name(const struct hit *h, struct arena *a)
{
    const struct identity *id = identity_find(&h->identities, S("ECID"));

    if (id == NULL)
        id = hit_owner(h);
    return id == NULL ? S_NULL : arena_printf(a, "%.*s\x1f%.*s", STR_ARG(id->ns), STR_ARG(id->id));
}

static enum err
unpack_entry(struct fold *f, struct unpack *u, struct entry *e)
{
    uint64_t n;

    e->activity = unpack_str(u);
    e->last = (uint32_t)unpack_u64(u);
    n = unpack_u64(u);
    if (u->bad || n == 0 || n > unpack_left(u) || e->last >= n)
        return corrupt(f->d, "a visitor");
    e->seen = ARENA_ARRAY(f->a, struct seen, n);
    if (e->seen == NULL)
        return no_memory(f);
    for (; e->seen_count < n; e->seen_count++) {
        struct seen *s = &e->seen[e->seen_count];
        s->experience = unpack_str(u);
        uint64_t flags = unpack_u64(u);
        s->clicked = flags & 1;
        s->converted = flags & 2;
        s->revenue = unpack_f64(u);
    }
    return ERR_OK;
}

static enum err
load_visitor(struct fold *f)
{
    struct str value;
    struct unpack u;
    uint64_t n = 0;
    enum err rc = load(f->k, f->key, f->a, &value, f->d);

    if (rc != ERR_OK)
        return rc;
    u = unpack_from(value);
    if (value.n > 0 && (unpack_u64(&u) != VERSION || (n = unpack_u64(&u)) > LIMIT_RESULT_ACTIVITIES))
        return corrupt(f->d, "a visitor");
    /* Every notice may add one entry. */
    f->v.items = ARENA_ARRAY(f->a, struct entry, n + f->h->notice_count + 1);
    if (f->v.items == NULL)
        return no_memory(f);
    for (; rc == ERR_OK && f->v.n < n; f->v.n++)
        rc = unpack_entry(f, &u, &f->v.items[f->v.n]);
    if (rc == ERR_OK && (u.bad || unpack_left(&u) > 0))
        return corrupt(f->d, "a visitor");
    return rc;
}

static enum err
store_visitor(struct fold *f)
{
    size_t from = f->v.n > LIMIT_RESULT_ACTIVITIES ? f->v.n - LIMIT_RESULT_ACTIVITIES : 0;
    struct buf b;

    if (!f->v.changed)
        return ERR_OK;
    buf_init(&b, LIMIT_RECORD_VALUE_BYTES);
    pack_u64(&b, VERSION);
    pack_u64(&b, f->v.n - from);
    for (size_t i = from; i < f->v.n; i++) {
        const struct entry *e = &f->v.items[i];
        pack_str(&b, e->activity);
        pack_u64(&b, e->last);
        pack_u64(&b, e->seen_count);
        for (size_t j = 0; j < e->seen_count; j++) {
            pack_str(&b, e->seen[j].experience);
            pack_u64(&b, (e->seen[j].clicked ? 1u : 0) | (e->seen[j].converted ? 2u : 0));
            pack_f64(&b, e->seen[j].revenue);
        }
    }
    return store(f, f->key, &b);
}

static struct entry *
find_entry(struct fold *f, struct str activity)
{
    for (size_t i = 0; i < f->v.n; i++) {
        if (str_eq(f->v.items[i].activity, activity))
            return &f->v.items[i];
    }
    return NULL;
}

static struct seen *
find_seen(struct entry *e, struct str experience)
{
    for (size_t i = 0; e != NULL && i < e->seen_count; i++) {
        if (str_eq(e->seen[i].experience, experience))
            return &e->seen[i];
    }
    return NULL;
}

/* The visitor's place in the experience, made when it is new; *fresh tells. NULL: no memory. */
static struct seen *
enter(struct fold *f, const struct hit_notice *x, bool *fresh)
{
    struct entry *e = find_entry(f, x->activity);
    struct seen *s = find_seen(e, x->experience);

    *fresh = s == NULL;
    if (e == NULL) {
        CHECK(f->v.items != NULL); /* load_visitor has left room */
        e = &f->v.items[f->v.n++];
        *e = (struct entry){.activity = x->activity};
    }
    if (s == NULL) {
        struct seen *more = ARENA_ARRAY(f->a, struct seen, e->seen_count + 1);
        if (more == NULL)
            return NULL;
        if (e->seen_count > 0)
            memcpy(more, e->seen, e->seen_count * sizeof(*more));
        e->seen = more;
        s = &e->seen[e->seen_count++];
        *s = (struct seen){.experience = x->experience};
    }
    if (*fresh || e->last != (uint32_t)(s - e->seen))
        f->v.changed = true;
    e->last = (uint32_t)(s - e->seen);
    return s;
}

/* ---- the fold ---- */

/* The same activity and experience in several scopes of one hit count once. */
static bool
is_repeat(const struct hit *h, size_t i)
{
    const struct hit_notice *x = &h->notices[i];

    for (size_t j = 0; j < i; j++) {
        const struct hit_notice *y = &h->notices[j];
        if (y->type == x->type && str_eq(y->activity, x->activity) && str_eq(y->experience, x->experience))
            return true;
    }
    return false;
}

static enum err
fold_display(struct fold *f, const struct hit_notice *x)
{
    bool fresh;
    struct results_row more = {.impressions = 1};

    if (enter(f, x, &fresh) == NULL)
        return no_memory(f);
    more.visitors = fresh;
    return count(f, x->activity, x->experience, &more);
}

/* A click of somebody who never saw the activity counts nowhere [TARGET 12, row 98]. */
static enum err
fold_click(struct fold *f, const struct hit_notice *x)
{
    struct seen *s = find_seen(find_entry(f, x->activity), x->experience);
    struct results_row more = {.clicks = 1};

    if (s == NULL)
        return ERR_OK;
    more.click_visitors = !s->clicked;
    f->v.changed |= !s->clicked;
    s->clicked = true;
    return count(f, x->activity, x->experience, &more);
}

struct order {
    struct str id; /* may be empty: then only the hit itself keeps it from counting twice */
    double total;
};

static bool
read_order(const struct hit *h, struct arena *a, struct order *o)
{
    const struct json *order = json_path(h->xdm, S("commerce.order"));
    double purchases = json_f64(json_path(h->xdm, S("commerce.purchases.value")), 0);

    if (!json_is(order, JSON_OBJECT) && !(purchases >= 1))
        return false;
    *o = (struct order){json_str(json_get(order, S("purchaseID"))), json_f64(json_get(order, S("priceTotal")), 0)};
    if (!isfinite(o->total))
        o->total = 0;
    if (o->id.n > ORDER_ID_BYTES_MAX) {
        unsigned char hash[32];
        sha256(o->id, hash);
        o->id = arena_str(a, (struct str){(const char *)hash, sizeof(hash)});
    }
    return true;
}

static enum err
fold_order(struct fold *f, const struct order *o, struct entry *e)
{
    struct seen *s = &e->seen[e->last];
    struct results_row more = {.orders = 1, .revenue = o->total};
    double before;
    enum err rc;

    CHECK(e->last < e->seen_count);
    more.conversions = !s->converted;
    before = s->revenue;
    if (o->id.n > 0) {
        struct str key = make_key(f->a, 'O', f->h->scope, e->activity, o->id);
        if (key.p == NULL)
            return no_memory(f);
        if (kv_has(f->k, key))
            return ERR_OK;
        rc = kv_put(f->k, key, S(""), 0, f->d);
        if (rc != ERR_OK)
            return rc;
    }
    s->converted = true;
    s->revenue += o->total;
    more.revenue_squares = s->revenue * s->revenue - before * before;
    f->v.changed = true;
    return count(f, e->activity, s->experience, &more);
}

/* The activity's goal was reached by somebody who takes part in it. */
static enum err
fold_conversion(struct fold *f, const struct hit_notice *x)
{
    static const struct results_row more = {.conversions = 1};
    struct entry *e = find_entry(f, x->activity);
    struct seen *s = e == NULL ? NULL : &e->seen[e->last];

    if (s == NULL || s->converted)
        return ERR_OK;
    s->converted = f->v.changed = true;
    return count(f, e->activity, s->experience, &more);
}

static enum err
fold_notices(struct fold *f, enum notice_type type)
{
    static enum err (*const folds[])(struct fold *, const struct hit_notice *) = {
        [NOTICE_DISPLAY] = fold_display, [NOTICE_INTERACT] = fold_click, [NOTICE_CONVERT] = fold_conversion};

    for (size_t i = 0; i < f->h->notice_count; i++) {
        const struct hit_notice *x = &f->h->notices[i];
        enum err rc;
        if (x->type != type || is_repeat(f->h, i))
            continue;
        rc = folds[type](f, x);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err
results_fold(struct kv *k, const struct hit *h, struct arena *a, struct diag *d)
{
    struct fold f = {.k = k, .h = h, .a = a, .d = d};
    struct order order = {0};
    struct str name;
    bool has_order;
    enum err rc;

    if (h->kind != HIT_EVENT)
        return ERR_OK;
    has_order = read_order(h, a, &order);
    if (h->notice_count == 0 && !has_order)
        return ERR_OK;
    name = visitor_name(h, a);
    if (name.n == 0)
        return ERR_OK;
    f.key = make_key(a, 'V', h->scope, name, S_NULL);
    if (f.key.p == NULL)
        return no_memory(&f);
    rc = load_visitor(&f);
    if (rc == ERR_OK)
        rc = fold_notices(&f, NOTICE_DISPLAY);
    if (rc == ERR_OK)
        rc = fold_notices(&f, NOTICE_INTERACT);
    for (size_t i = 0; rc == ERR_OK && has_order && i < f.v.n; i++)
        rc = fold_order(&f, &order, &f.v.items[i]);
    if (rc == ERR_OK)
        rc = fold_notices(&f, NOTICE_CONVERT);
    return rc == ERR_OK ? store_visitor(&f) : rc;
}

enum err
results_read(struct kv *k, struct str scope, struct str activity, struct arena *a, struct results_row **rows, size_t *n,
             struct diag *d)
{
    struct str key = make_key(a, 'X', scope, activity, S_NULL), value, *names;
    struct results_row *list;
    size_t count_of;
    enum err rc;

    if (key.p == NULL)
        return diag_set(d, ERR_LIMIT, "results: the activity's id is too long");
    rc = load(k, key, a, &value, d);
    if (rc == ERR_OK)
        rc = unpack_names(value, a, &names, &count_of, d);
    if (rc != ERR_OK)
        return rc;
    list = ARENA_ARRAY(a, struct results_row, count_of + 1);
    if (list == NULL)
        return diag_set(d, ERR_LIMIT, "results: memory is used up");
    for (size_t i = 0; i < count_of; i++) {
        list[i].experience = names[i];
        key = make_key(a, 'C', scope, activity, names[i]);
        rc = key.p == NULL ? diag_set(d, ERR_LIMIT, "results: memory is used up") : load(k, key, a, &value, d);
        if (rc == ERR_OK)
            rc = unpack_row(value, &list[i], d);
        if (rc != ERR_OK)
            return rc;
    }
    *rows = list;
    *n = count_of;
    return ERR_OK;
}
