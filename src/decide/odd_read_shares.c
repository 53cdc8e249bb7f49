/* odd_read_shares.c - ranges of the hash -> traffic and percentages [TARGET 3.3].
 *
 * With a traffic of t percent and shares p, experience i has the buckets up to (p0 + .. + pi) * t hundredths. So t and
 * the shares are found by trying: every bound must be a multiple of t. Buckets that no rule names become the share of
 * an experience that shows nothing, which is what the artifact does with them. Artifacts of 2020 leave the bounds
 * themselves to nobody ("0 < a < 50"); the server gives them to the experience below, and says so. */
#include "decide/odd_read_int.h"

struct share {
    struct odd_read_experience *experience;
    int lower, upper; /* buckets */
    const struct odd_read_rule *rule;
};

static int
by_lower(const void *x, const void *y)
{
    const struct share *a = x, *b = y;

    return a->lower != b->lower ? (a->lower < b->lower ? -1 : 1) : 0;
}

/* The last bucket of all is 9999, and its bound 100 percent. */
static unsigned
bound_of(int upper)
{
    return upper >= ODD_BUCKETS - 1 ? ODD_BUCKETS : (unsigned)upper;
}

static enum err
read_ranges(struct odd_reader *r, struct odd_read_activity *a, const struct odd_read_rule *const *rules, size_t n,
            struct share *shares)
{
    for (size_t i = 0; i < n; i++) {
        size_t e = 0;
        while (a->experiences[e].id != rules[i]->experience)
            e++;
        if (shares[e].rule != NULL && (shares[e].lower != rules[i]->lower || shares[e].upper != rules[i]->upper))
            return odd_refuse(r, rules[i]->place, "has another range than %s of the same experience",
                              shares[e].rule->place);
        shares[e] = (struct share){&a->experiences[e], rules[i]->lower, rules[i]->upper, rules[i]};
    }
    return ERR_OK;
}

/* Joins ranges that leave one bucket, a bound, to nobody; overlapping ones are refused. */
static enum err
join(struct odd_reader *r, struct odd_read_activity *a, struct share *shares, size_t n)
{
    int next = 0;

    for (size_t i = 0; i < n; i++) {
        struct share *s = &shares[i];
        if (s->lower > s->upper || s->lower < next)
            return odd_refuse(r, s->rule->place, "has a range that is empty or overlaps another experience's");
        if (s->lower == next + 1) {
            a->lost_buckets++;
            if (i > 0)
                shares[i - 1].upper++;
            else
                s->lower = 0;
        }
        next = s->upper + 1;
    }
    if (n > 0 && next < ODD_BUCKETS && next % 10 == 0) { /* "a < 20": the bound is a bucket further */
        shares[n - 1].upper++;
        a->lost_buckets++;
    }
    return ERR_OK;
}

static bool
fits(const struct share *shares, size_t n, unsigned traffic)
{
    for (size_t i = 0; i < n; i++) {
        unsigned from = shares[i].lower == 0 ? 0 : (unsigned)shares[i].lower - 1;
        if (from % traffic > 0 || bound_of(shares[i].upper) % traffic > 0 || bound_of(shares[i].upper) > 100 * traffic)
            return false;
    }
    return true;
}

/* The whole traffic if it can be said so, else the one that the last bound ends. */
static unsigned
find_traffic(const struct share *shares, size_t n)
{
    unsigned last = bound_of(shares[n - 1].upper), found = 0;

    if (last % 100 == 0 && last > 0 && fits(shares, n, last / 100))
        return last / 100;
    for (unsigned t = 100; t >= 1 && found == 0; t--)
        found = fits(shares, n, t) ? t : 0;
    return found;
}

static void
add_filler(struct odd_read_activity *a, unsigned percent, struct odd_read_experience *out, size_t *n)
{
    int64_t id = 0;

    for (size_t i = 0; i < a->experience_count; i++)
        id = a->experiences[i].id >= id ? a->experiences[i].id + 1 : id;
    for (size_t i = 0; i < *n; i++)
        id = out[i].id >= id ? out[i].id + 1 : id;
    out[(*n)++] = (struct odd_read_experience){.id = id, .name = S("not in the artifact"), .percent = percent};
}

static enum err
set_shares(struct odd_reader *r, struct odd_read_activity *a, struct share *shares, size_t n)
{
    unsigned t = find_traffic(shares, n), sum = 0;
    struct odd_read_experience *out = ARENA_ARRAY(r->a, struct odd_read_experience, 2 * n + 1);
    size_t count = 0;

    if (out == NULL)
        return odd_no_room(r);
    if (t == 0)
        return odd_refuse(r, shares[0].rule->place,
                          "belongs to activity %lld, whose ranges are no whole percentages of a traffic of 1 to 100",
                          (long long)a->id);
    for (size_t i = 0; i < n; i++) {
        unsigned from = shares[i].lower == 0 ? 0 : ((unsigned)shares[i].lower - 1) / t;
        if (from > sum)
            add_filler(a, from - sum, out, &count);
        out[count] = *shares[i].experience;
        sum = bound_of(shares[i].upper) / t;
        out[count++].percent = sum - from;
    }
    if (sum < 100)
        add_filler(a, 100 - sum, out, &count);
    a->traffic_percent = t;
    a->experiences = out;
    a->experience_count = count;
    return ERR_OK;
}

/* A targeting activity's rules have one range in common, from 0: its traffic. */
static enum err
set_traffic(struct odd_reader *r, struct odd_read_activity *a, const struct odd_read_rule *const *rules, size_t n)
{
    unsigned bound = bound_of(rules[0]->upper);

    for (size_t i = 0; i < n; i++) {
        if (rules[i]->lower != 0 || rules[i]->upper != rules[0]->upper || bound % 100 > 0 || bound == 0)
            return odd_refuse(
                r, rules[i]->place,
                "belongs to targeting activity %lld, whose rules have no traffic of whole percent in common",
                (long long)a->id);
    }
    a->traffic_percent = bound / 100;
    return ERR_OK;
}

enum err
odd_read_shares(struct odd_reader *r, struct odd_read_activity *a, const struct odd_read_rule *const *rules, size_t n)
{
    struct share *shares;
    enum err rc;

    if (a->targeted)
        return set_traffic(r, a, rules, n);
    shares = ARENA_ARRAY(r->a, struct share, a->experience_count);
    if (shares == NULL)
        return odd_no_room(r);
    rc = read_ranges(r, a, rules, n, shares);
    qsort(shares, a->experience_count, sizeof *shares, by_lower);
    if (rc == ERR_OK)
        rc = join(r, a, shares, a->experience_count);
    return rc == ERR_OK ? set_shares(r, a, shares, a->experience_count) : rc;
}
