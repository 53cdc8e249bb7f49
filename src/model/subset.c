/* subset.c - a trie of segments; siblings are a list, since an object has few named members. */
#include "model/subset.h"

struct subset {
    struct str segment;
    bool whole; /* a path ends here: everything below is kept */
    struct subset *child, *next;
};

static struct subset *
child_of(struct subset *s, struct str segment, struct arena *a)
{
    struct subset *c;

    for (c = s->child; c != NULL; c = c->next) {
        if (str_eq(c->segment, segment))
            return c;
    }
    c = ARENA_NEW(a, struct subset);
    if (c == NULL)
        return NULL;
    c->segment = arena_str(a, segment);
    c->next = s->child;
    s->child = c;
    return c->segment.p != NULL ? c : NULL;
}

struct subset *
subset_new(const struct str *paths, size_t n, struct arena *a)
{
    struct subset *root = ARENA_NEW(a, struct subset);

    for (size_t i = 0; root != NULL && i < n; i++) {
        struct subset *at = root;
        struct str rest = paths[i], segment;
        while (at != NULL && str_split(&rest, '.', &segment))
            at = child_of(at, segment, a);
        if (at == NULL)
            return NULL;
        at->whole = true;
    }
    return root;
}

static bool
kept(const struct subset *s, const struct json *v)
{
    return s->whole || json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY);
}

static void
write_kept(struct jw *w, const struct subset *s, const struct json *v)
{
    struct json_iter it;

    if (s->whole) {
        jw_json(w, v);
        return;
    }
    if (!json_is(v, JSON_ARRAY)) {
        subset_write(w, s, v);
        return;
    }
    jw_array(w);
    for (it = json_iter(v); json_next(&it);) {
        if (kept(s, it.value))
            write_kept(w, s, it.value);
    }
    jw_end(w);
}

void
subset_write(struct jw *w, const struct subset *s, const struct json *v)
{
    jw_object(w);
    if (json_is(v, JSON_OBJECT)) {
        for (const struct subset *c = s->child; c != NULL; c = c->next) {
            const struct json *member = json_get(v, c->segment);
            if (member == NULL || !kept(c, member))
                continue;
            jw_key(w, c->segment);
            write_kept(w, c, member);
        }
    }
    jw_end(w);
}
