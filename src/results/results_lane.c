/* results_lane.c - activities that are counted apart, because they were counted anew (docs/formats/results.md).
 *
 *   RG scope -> those in force: activity, name, since when, taken when
 *
 * In the keys of its counters the activity is followed by a mark and the lane's name, and so is what stands where "qa"
 * does in the keys of visitors. Nothing else tells a lane from the rest, so taking one is one entry; what it replaces
 * is found by its keys and deleted afterwards. */
#include "results/results_int.h"

#define SWEEP_KEYS 4096 /* looked at in one step */

static struct str
lanes_key(struct arena *a, struct str scope)
{
    return RESULTS_KEY(a, 'G', scope);
}

enum err
results_lanes(const struct results_table *t, struct str scope, struct arena *a, struct results_lane **list, size_t *n,
              struct diag *d)
{
    struct unpack u;
    uint64_t count;
    bool found;
    enum err rc = results_load(t, lanes_key(a, scope), a, &u, &found, d);

    *n = 0;
    *list = NULL;
    if (rc != ERR_OK || !found)
        return rc;
    count = unpack_u64(&u);
    if (count > unpack_left(&u))
        return results_corrupt(d, "a list of recounts");
    *list = ARENA_ARRAY(a, struct results_lane, count + 1); /* room for one more */
    if (*list == NULL)
        return results_no_memory(d);
    for (; *n < count; (*n)++) {
        struct results_lane *l = &(*list)[*n];
        l->activity = unpack_str(&u);
        l->name = unpack_str(&u);
        l->since_ms = unpack_i64(&u);
        l->taken_ms = unpack_i64(&u);
    }
    return u.bad || unpack_left(&u) > 0 ? results_corrupt(d, "a list of recounts") : ERR_OK;
}

enum err
results_lane_of(struct kv *k, struct str scope, struct str activity, struct arena *a, struct results_lane *out,
                struct diag *d)
{
    struct results_lane *list;
    size_t n;
    enum err rc = results_lanes(RESULTS_READER(k, a), scope, a, &list, &n, d);

    *out = (struct results_lane){.activity = activity};
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        if (str_eq(list[i].activity, activity))
            *out = list[i];
    }
    return rc;
}

struct str
results_lane_activity(const struct results_lane *lane, struct arena *a)
{
    return arena_printf(a, "%.*s%c%.*s", STR_ARG(lane->activity), RESULTS_LANE_MARK, STR_ARG(lane->name));
}

enum err
results_key_activity(const struct results_table *t, struct str scope, struct str activity, struct arena *a,
                     struct str *out, struct diag *d)
{
    struct results_lane lane;
    enum err rc = results_lane_of(t->kv, scope, activity, a, &lane, d);

    *out = rc == ERR_OK && lane.name.n > 0 ? results_lane_activity(&lane, a) : activity;
    return rc == ERR_OK && out->p == NULL ? results_no_memory(d) : rc;
}

/* Where the activity's lane stands in the list or comes to. */
static enum err
find_room(const struct results_table *t, struct str scope, struct str activity, struct arena *a,
          struct results_lane **list, size_t *n, size_t *at, struct diag *d)
{
    enum err rc = results_lanes(t, scope, a, list, n, d);

    *at = 0;
    while (rc == ERR_OK && *at < *n && !str_eq((*list)[*at].activity, activity))
        (*at)++;
    if (rc == ERR_OK && *at == LIMIT_RESULT_LANES)
        rc = diag_set(d, ERR_LIMIT, "%d activities of the sandbox were recounted, which is as many as may be",
                      LIMIT_RESULT_LANES);
    return rc;
}

enum err
results_lane_room(struct kv *k, struct str scope, struct str activity, struct arena *a, struct diag *d)
{
    struct results_lane *list;
    size_t n, at;

    return find_room(RESULTS_READER(k, a), scope, activity, a, &list, &n, &at, d);
}

enum err
results_lane_take(struct kv *k, struct str scope, const struct results_lane *lane, struct arena *a, struct diag *d)
{
    struct results_table t;
    struct results_lane *list;
    struct buf b;
    size_t n, at;
    enum err rc;

    results_table_init(&t, k, a);
    rc = find_room(&t, scope, lane->activity, a, &list, &n, &at, d);
    if (rc == ERR_OK) {
        n = at == n ? n + 1 : n;
        results_begin(&b);
        pack_u64(&b, n);
        for (size_t i = 0; i < n; i++) {
            const struct results_lane *l = i == at ? lane : &list[i];
            pack_str(&b, l->activity);
            pack_str(&b, l->name);
            pack_i64(&b, l->since_ms);
            pack_i64(&b, l->taken_ms);
        }
        rc = results_store(&t, lanes_key(a, scope), &b, d);
    }
    if (rc == ERR_OK)
        rc = results_apply(&t, d);
    results_table_deinit(&t);
    return rc;
}

/* ---- what is not in force any more ---- */

struct sweep {
    struct kv *k;
    struct arena *a;
    struct str building, scope; /* scope: of the lanes below */
    struct results_lane *lanes;
    size_t lane_count;
    struct str *keys; /* to delete */
    size_t n;
    struct diag *d;
    enum err rc;
};

static const struct results_lane *
lane_in_force(struct sweep *s, struct str scope, struct str activity)
{
    if (s->scope.p == NULL || !str_eq(scope, s->scope)) {
        s->scope = arena_str(s->a, scope);
        s->rc = results_lanes(RESULTS_READER(s->k, s->a), s->scope, s->a, &s->lanes, &s->lane_count, s->d);
    }
    for (size_t i = 0; s->rc == ERR_OK && i < s->lane_count; i++) {
        if (str_eq(s->lanes[i].activity, activity))
            return &s->lanes[i];
    }
    return NULL;
}

/* Names of keys are looked at alone: R, tag, scope, then the activity or, of a visitor, what stands for it. */
static bool
is_left(struct sweep *s, struct str key)
{
    struct unpack u = unpack_from(str_slice(key, 2, key.n));
    struct str scope = unpack_str(&u), rest = unpack_str(&u), activity, name;
    const struct results_lane *lane;
    bool apart;

    if (u.bad || str_find_char(S("XCDQOLV"), key.p[1]) < 0)
        return false;
    apart = str_find_char(rest, RESULTS_LANE_MARK) >= 0;
    if (!apart && key.p[1] == 'V')
        return false;
    (void)str_split(&rest, RESULTS_LANE_MARK, &activity);
    (void)str_split(&rest, RESULTS_LANE_MARK, &name);
    lane = lane_in_force(s, scope, activity);
    if (s->rc != ERR_OK)
        return false;
    return apart ? !str_eq(name, s->building) && (lane == NULL || !str_eq(name, lane->name)) : lane != NULL;
}

static void
look_at(void *ctx, struct str key, struct str value)
{
    struct sweep *s = ctx;

    (void)value;
    if (s->rc != ERR_OK || s->n == SWEEP_KEYS || key.n < 2 || key.p[0] != 'R' || !is_left(s, key))
        return;
    s->keys[s->n] = arena_str(s->a, key);
    if (s->keys[s->n++].p == NULL)
        s->rc = results_no_memory(s->d);
}

enum err
results_lane_sweep(struct kv *k, uint64_t *cursor, struct str building, struct arena *a, struct diag *d)
{
    struct sweep s = {.k = k, .a = a, .building = building, .d = d};
    enum err rc;

    s.keys = ARENA_ARRAY(a, struct str, SWEEP_KEYS);
    if (s.keys == NULL)
        return results_no_memory(d);
    rc = kv_scan_keys(k, cursor, SWEEP_KEYS, look_at, &s, d);
    if (rc == ERR_OK)
        rc = s.rc;
    for (size_t i = 0; rc == ERR_OK && i < s.n; i++)
        rc = kv_delete(k, s.keys[i], d);
    return rc;
}
