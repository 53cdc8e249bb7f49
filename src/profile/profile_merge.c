/* profile_merge.c - the merged view of a profile's fragments [PLATFORM 5.3].
 *
 *   for each leaf: the value of the fragment in which it is newest; ties: smaller dataset id, then smaller identity key
 *
 * All fragments are walked together, from the best to the worst, so that a path is visited once. Where an object in one
 * fragment meets a leaf in another (schemas forbid it, untyped data may do it) the better one decides what the path is.
 */
#include "profile/profile_int.h"

#include "base/limits.h"

struct source {
    const struct json *node;
    const struct json *times; /* of what is below node; NULL: all of ms */
    int64_t ms;
    const struct profile_fragment *fragment;
};

static bool
better(const struct source *a, const struct source *b)
{
    int order;

    if (a->ms != b->ms)
        return a->ms > b->ms;
    order = str_cmp(a->fragment->dataset, b->fragment->dataset);
    if (order == 0)
        order = str_cmp(a->fragment->ns, b->fragment->ns);
    return order != 0 ? order < 0 : str_cmp(a->fragment->id, b->fragment->id) < 0;
}

static void
sort_sources(struct source *s, size_t n)
{
    for (size_t i = 1; i < n; i++) { /* a handful, mostly in order */
        struct source one = s[i];
        size_t at = i;
        for (; at > 0 && better(&one, &s[at - 1]); at--)
            s[at] = s[at - 1];
        s[at] = one;
    }
}

/* The sources that have a value under the key, best first. */
static size_t
children(const struct source *s, size_t n, struct str key, struct source *out)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        struct source c = s[i];
        c.node = json_get(s[i].node, key);
        if (c.node == NULL || json_is(c.node, JSON_NULL))
            continue;
        c.times = json_get(s[i].times, key);
        if (json_is(c.times, JSON_INT)) {
            c.ms = json_i64(c.times, c.ms);
            c.times = NULL;
        }
        out[count++] = c;
    }
    sort_sources(out, count);
    return count;
}

static bool
seen_before(const struct source *s, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++) {
        if (json_get(s[i].node, key) != NULL)
            return true;
    }
    return false;
}

static bool
is_ours(struct str key)
{
    return str_eq(key, S("identityMap")) || str_eq(key, S("segmentMembership"));
}

/* false: the arena is exhausted. */
static bool
merge_object(struct jw *w, const struct source *s, size_t n, struct arena *a, bool top)
{
    struct source *below = ARENA_ARRAY(a, struct source, n);

    if (below == NULL)
        return false;
    jw_object(w);
    for (size_t i = 0; i < n; i++) {
        struct json_iter it = json_iter(s[i].node);
        while (json_next(&it)) {
            size_t count, objects = 0;
            if ((top && is_ours(it.key)) || seen_before(s, i, it.key))
                continue;
            count = children(s, n, it.key, below);
            if (count == 0)
                continue;
            jw_key(w, it.key);
            if (!json_is(below[0].node, JSON_OBJECT)) {
                jw_json(w, below[0].node);
                continue;
            }
            for (size_t x = 0; x < count; x++) {
                if (json_is(below[x].node, JSON_OBJECT))
                    below[objects++] = below[x];
            }
            if (!merge_object(w, below, objects, a, false))
                return false;
        }
    }
    jw_end(w);
    return true;
}

static bool
has_null(const struct json *v)
{
    struct json_iter it;

    if (!json_is(v, JSON_OBJECT))
        return json_is(v, JSON_NULL);
    for (it = json_iter(v); json_next(&it);) {
        if (has_null(it.value))
            return true;
    }
    return false;
}

/* One fragment that holds nothing but attributes is the view already. */
static bool
is_view(const struct source *s, size_t n)
{
    return n == 1 && json_get(s->node, S("identityMap")) == NULL && json_get(s->node, S("segmentMembership")) == NULL &&
           !has_null(s->node);
}

static enum err
read_source(const struct profile_fragment *f, struct arena *a, struct source *out, struct diag *d)
{
    enum err rc = json_parse(f->json, a, &out->node, d);

    out->times = NULL;
    if (rc == ERR_OK && f->times.n > 0)
        rc = json_parse(f->times, a, &out->times, d);
    out->ms = f->ingested_ms;
    out->fragment = f;
    return rc == ERR_OK || rc == ERR_NOMEM ? rc : diag_set(d, ERR_CORRUPT, "a stored fragment is not JSON");
}

/* Preferences as a fragment {"consents":...} without dataset or owner. */
static bool
consent_fragment(const struct profile *p, struct arena *a, struct profile_fragment *out)
{
    *out = (struct profile_fragment){.ingested_ms = p->consent_ms};
    out->json = arena_printf(a, "{\"consents\":%.*s}", STR_ARG(p->consent));
    return out->json.p != NULL;
}

static enum err
merge_sources(struct source *s, size_t n, struct arena *a, const struct json **merged, struct diag *d)
{
    struct buf text;
    struct jw w;
    enum err rc;

    sort_sources(s, n);
    buf_init(&text, LIMIT_RECORD_VALUE_BYTES);
    w = jw_to(&text);
    if (merge_object(&w, s, n, a, true) && buf_ok(&text))
        rc = json_parse(buf_str(&text), a, merged, d);
    else
        rc = diag_set(d, ERR_NOMEM, "no memory to merge a profile");
    buf_deinit(&text);
    return rc;
}

enum err
profile_merge(const struct profile *p, struct arena *a, const struct json **merged, struct diag *d)
{
    struct source *s;
    struct profile_fragment consent;
    size_t n = 0;
    enum err rc = ERR_OK;

    if (p->cache->merged != NULL) {
        *merged = p->cache->merged;
        return ERR_OK;
    }
    s = ARENA_ARRAY(a, struct source, p->fragment_count + 1);
    if (s == NULL || (p->consent.n > 0 && !consent_fragment(p, a, &consent)))
        return diag_set(d, ERR_NOMEM, "no memory to merge a profile");
    for (; n < p->fragment_count && rc == ERR_OK; n++)
        rc = read_source(&p->fragments[n], a, &s[n], d);
    if (rc == ERR_OK && p->consent.n > 0)
        rc = read_source(&consent, a, &s[n++], d);
    if (rc == ERR_OK && is_view(s, n))
        p->cache->merged = s[0].node;
    else if (rc == ERR_OK)
        rc = merge_sources(s, n, a, &p->cache->merged, d);
    if (rc == ERR_OK)
        *merged = p->cache->merged;
    return rc;
}
