/* results_seen.c - hosts, locations and attribute names that hits carried: what an administrator chooses from.
 *
 *   RH, RM, RP  scope name   -> (version) it was seen
 *   RH, RM, RP  scope        -> how many there are
 *   RN  scope kind number    -> the name */
#include "results/results_int.h"

#include "rule/lowercase.h"

static const char tags[] = {[SEEN_HOST] = 'H', [SEEN_MBOX] = 'M', [SEEN_ATTRIBUTE] = 'P'};

static enum err
load_count(const struct results_table *t, struct str key, struct arena *a, uint64_t *count, struct diag *d)
{
    struct unpack u;
    bool found;
    enum err rc = results_load(t, key, a, &u, &found, d);

    *count = rc == ERR_OK && found ? unpack_u64(&u) : 0;
    return rc;
}

static struct str
name_key(struct str scope, enum results_name what, uint64_t number, struct arena *a)
{
    return RESULTS_KEY(a, 'N', scope, results_number(a, what), results_number(a, (int64_t)number));
}

static enum err
see(struct results_table *t, struct str scope, enum results_name what, struct str name, struct arena *a, struct diag *d)
{
    struct str key, count_key = RESULTS_KEY(a, tags[what], scope);
    uint64_t count;
    struct buf b;
    enum err rc;

    if (name.n == 0 || name.n > LIMIT_MBOX_NAME_BYTES)
        return ERR_OK;
    key = RESULTS_KEY(a, tags[what], scope, name);
    if (key.p == NULL)
        return results_no_memory(d);
    if (results_has(t, key))
        return ERR_OK;
    rc = load_count(t, count_key, a, &count, d);
    if (rc != ERR_OK || count >= LIMIT_RESULT_NAMES)
        return rc;
    results_begin(&b);
    rc = results_store(t, key, &b, d);
    if (rc != ERR_OK)
        return rc;
    results_begin(&b);
    pack_str(&b, name);
    rc = results_store(t, name_key(scope, what, count, a), &b, d);
    if (rc != ERR_OK)
        return rc;
    results_begin(&b);
    pack_u64(&b, count + 1);
    return results_store(t, count_key, &b, d);
}

/* "https://www.example.com:8080/x" -> "www.example.com" */
static struct str
host_of(struct str url)
{
    ptrdiff_t at = str_find(url, S("://"));
    size_t n = 0;

    if (at < 0)
        return S_NULL;
    url = str_slice(url, (size_t)at + 3, url.n);
    while (n < url.n && url.p[n] != '/' && url.p[n] != ':' && url.p[n] != '?' && url.p[n] != '#')
        n++;
    return str_slice(url, 0, n);
}

static enum err
see_members(struct results_table *t, struct str scope, const struct json *object, struct arena *a, struct diag *d)
{
    enum err rc = ERR_OK;

    for (struct json_iter it = json_iter(object); rc == ERR_OK && json_next(&it);)
        rc = see(t, scope, SEEN_ATTRIBUTE, it.key, a, d);
    return rc;
}

/* Of attributes those that clients send: what scripts return has the scripts' names. */
enum err
results_see(struct results_table *t, const struct hit *h, struct arena *a, struct diag *d)
{
    enum err rc = see_members(t, h->scope, h->profile_params, a, d);

    if (rc == ERR_OK && h->visit != NULL)
        rc = see(t, h->scope, SEEN_HOST, lowercase_str(host_of(h->visit->url), a), a, d);
    for (size_t i = 0; rc == ERR_OK && i < h->notice_count; i++)
        rc = see(t, h->scope, SEEN_MBOX, h->notices[i].scope, a, d);
    for (size_t i = 0; rc == ERR_OK && i < h->decision_count; i++)
        rc = see(t, h->scope, SEEN_MBOX, h->decisions[i].scope, a, d);
    return rc;
}

enum err
results_seen(struct kv *k, struct str scope, enum results_name what, struct arena *a, struct str **names, size_t *n,
             struct diag *d)
{
    uint64_t count = 0;
    enum err rc = load_count(RESULTS_READER(k, a), RESULTS_KEY(a, tags[what], scope), a, &count, d);

    *n = 0;
    *names = rc == ERR_OK ? ARENA_ARRAY(a, struct str, count + 1) : NULL;
    if (rc == ERR_OK && *names == NULL)
        return results_no_memory(d);
    for (; rc == ERR_OK && *n < count; (*n)++) {
        struct unpack u;
        bool found;
        rc = results_load(RESULTS_READER(k, a), name_key(scope, what, *n, a), a, &u, &found, d);
        if (rc == ERR_OK)
            (*names)[*n] = found ? unpack_str(&u) : S_NULL;
    }
    return rc;
}
