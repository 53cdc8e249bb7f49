/* odd_read_parts.c - one condition, taken apart: the range of the hash, and what else must hold [TARGET 3.3, 5.4].
 *
 *   {"and":[ range, {"and":[ .. ]}, x, y ]}   ->   first and last bucket; parts x, y
 *
 * A range may be written with any of < <= > >=, with two or three operands, either way round. Anything else that asks
 * for the hash is a part like others: an audience is evaluated for its activity. */
#include "codec/json_writer.h"
#include "decide/json_logic.h"
#include "decide/odd_read_int.h"

#define LATEST_MS 253402300799999LL /* the end of the year 9999 */

static bool
is_variable(const struct json *v, struct str name)
{
    const struct json *path = json_get(v, S("var"));

    if (json_is(path, JSON_ARRAY) && json_count(path) == 1)
        path = json_at(path, 0);
    return json_is(v, JSON_OBJECT) && json_count(v) == 1 && json_is(path, JSON_STRING) && str_eq(json_str(path), name);
}

/* ---- ranges ---- */

struct comparison {
    bool less, equal; /* left < right; or equal */
    const struct json *left, *right;
};

/* a < b < c is two comparisons; 0: the expression is something else. */
static size_t
read_comparisons(const struct json *v, struct comparison out[2])
{
    static const struct {
        const char *name;
        bool less, equal;
    } ops[] = {{"<", true, false}, {"<=", true, true}, {">", false, false}, {">=", false, true}};
    struct json_iter it = json_iter(json_is(v, JSON_OBJECT) && json_count(v) == 1 ? v : NULL);
    size_t n;

    if (!json_next(&it) || !json_is(it.value, JSON_ARRAY))
        return 0;
    n = json_count(it.value);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!str_eq(it.key, str_of(ops[i].name)) || n < 2 || n > (ops[i].less ? 3u : 2u))
            continue;
        for (size_t k = 0; k + 1 < n; k++)
            out[k] = (struct comparison){ops[i].less, ops[i].equal, json_at(it.value, k), json_at(it.value, k + 1)};
        return n - 1;
    }
    return 0;
}

/* The first bucket that compares as given to the bound; the engine divides by 100 as we do here. */
static int
first_bucket(double bound, bool equal)
{
    int a = bound <= 0 ? 0 : bound >= 101 ? ODD_BUCKETS + 1 : (int)(bound * 100) - 1;

    for (a = a < 0 ? 0 : a; a <= ODD_BUCKETS && !(equal ? bound <= a / 100.0 : bound < a / 100.0);)
        a++;
    return a;
}

static void
narrow(struct odd_read_rule *rule, const struct comparison *c)
{
    bool left = is_variable(c->left, S("allocation"));
    double bound = json_f64(left ? c->right : c->left, 0);
    /* allocation < x and x > allocation bound it from above. */
    bool above = left == c->less;

    if (above) {
        int last = first_bucket(bound, !c->equal) - 1;
        rule->upper = last < rule->upper ? last : rule->upper;
    } else {
        int first = first_bucket(bound, c->equal);
        rule->lower = first > rule->lower ? first : rule->lower;
    }
}

static bool
read_range(struct odd_read_rule *rule, const struct json *v)
{
    struct comparison c[2];
    size_t n = read_comparisons(v, c);

    for (size_t i = 0; i < n; i++) {
        bool left = is_variable(c[i].left, S("allocation")), right = is_variable(c[i].right, S("allocation"));
        if (left == right || !json_is_number(left ? c[i].right : c[i].left))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        narrow(rule, &c[i]);
    rule->ranged |= n > 0;
    return n > 0;
}

/* ---- the whole ---- */

/* What the engine could not evaluate is refused, as the engine does when it meets it. */
static enum err
add_part(struct odd_reader *r, struct odd_read_rule *rule, struct odd_parts *to, const struct json *v)
{
    struct target_rule compiled = {0};
    struct diag why = DIAG_INIT;

    if (odd_has_part(to, v))
        return ERR_OK;
    if (json_logic_compile(v, &compiled, &why) != ERR_OK)
        return odd_refuse(r, rule->place, "has a condition that cannot be evaluated: %s", why.what);
    rule_free(compiled.rule);
    return odd_add_part(r, to, v) ? ERR_OK : odd_no_room(r);
}

/* Operands of an "and" that stand before another one and may be empty lists: then that list is the value, and by it the
 * engine takes the rule, whatever stands behind. */
struct before {
    const struct before *next;
    const struct json *v;
};

/* It is an empty list. */
static void
write_empty(struct buf *b, const struct json *v)
{
    buf_put(b, S("{\"!\":[{\"merge\":["));
    json_write(b, v);
    buf_put(b, S("]}]}"));
}

/* {"or":[v, v is an empty list, one of those before is]} */
static enum err
add_list(struct odd_reader *r, struct odd_read_rule *rule, const struct json *v, const struct before *before)
{
    const struct json *whole = NULL;
    struct buf b;

    buf_init_in(&b, r->a, LIMIT_TARGET_RULE_BYTES);
    buf_put(&b, S("{\"or\":["));
    json_write(&b, v);
    if (json_logic_may_be_empty_list(v)) {
        buf_putc(&b, ',');
        write_empty(&b, v);
    }
    for (; before != NULL; before = before->next) {
        buf_putc(&b, ',');
        write_empty(&b, before->v);
    }
    buf_put(&b, S("]}"));
    if (!buf_ok(&b))
        return odd_refuse(r, rule->place, "has a condition that is larger than %d bytes", LIMIT_TARGET_RULE_BYTES / 2);
    if (json_parse(buf_str(&b), r->a, &whole, r->d) != ERR_OK)
        return odd_no_room(r);
    return add_part(r, rule, &rule->parts, whole);
}

static enum err add_condition(struct odd_reader *r, struct odd_read_rule *rule, const struct json *v,
                              const struct before *before);

/* Its value is the first operand that is false, else the last: taken when each operand is true or an empty list, or one
 * before it is an empty list. */
static enum err
add_all(struct odd_reader *r, struct odd_read_rule *rule, const struct json *all, const struct before *before)
{
    struct json_iter it = json_iter(all);
    enum err rc = ERR_OK;

    while (rc == ERR_OK && json_next(&it)) {
        struct before *b;
        rc = add_condition(r, rule, it.value, before);
        if (rc != ERR_OK || !json_logic_may_be_empty_list(it.value))
            continue;
        b = ARENA_NEW(r->a, struct before);
        if (b == NULL)
            return odd_no_room(r);
        *b = (struct before){before, it.value};
        before = b;
    }
    return rc;
}

static enum err
add_condition(struct odd_reader *r, struct odd_read_rule *rule, const struct json *v, const struct before *before)
{
    const struct json *all = json_is(v, JSON_OBJECT) && json_count(v) == 1 ? json_get(v, S("and")) : NULL;

    if (json_is(all, JSON_ARRAY) && json_count(all) > 0)
        return add_all(r, rule, all, before);
    if (json_is(v, JSON_BOOL) && json_bool(v, false))
        return ERR_OK;
    if (before != NULL || json_logic_may_be_empty_list(v))
        return add_list(r, rule, v, before);
    return add_part(r, rule, read_range(rule, v) ? &rule->ranges : &rule->parts, v);
}

enum err
odd_read_condition(struct odd_reader *r, struct odd_read_rule *rule, const struct json *condition)
{
    rule->lower = 0;
    rule->upper = ODD_BUCKETS - 1;
    return add_condition(r, rule, condition, NULL);
}

bool
odd_read_schedule(const struct json *v, int64_t *starts_ms, int64_t *ends_ms)
{
    struct comparison c[2];
    size_t n = read_comparisons(v, c);
    int64_t from = INT64_MIN, to = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        bool left = is_variable(c[i].left, S("current_timestamp"));
        const struct json *bound = left ? c[i].right : c[i].left;
        if (left == is_variable(c[i].right, S("current_timestamp")) || !json_is(bound, JSON_INT) ||
            json_i64(bound, 0) < 0 || json_i64(bound, 0) > LATEST_MS)
            return false;
        if (left == c[i].less) /* the end of an activity is out, so "<= x" ends behind x */
            to = json_i64(bound, 0) + c[i].equal;
        else
            from = json_i64(bound, 0) + !c[i].equal;
    }
    if (n == 0)
        return false;
    *starts_ms = from;
    *ends_ms = to;
    return true;
}
