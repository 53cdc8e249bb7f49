/* config_lifecycle.c - the states of an audience, and what they demand of the audiences that it refers to
 * [SEGMENTATION 16.2].
 *
 *   draft -> published <-> inactive (or archived)
 *
 * Draft and published audiences are evaluated, the others are not. What one refers to with inSegment() is its parent:
 *
 *   a published audience has published parents only, a draft has draft or published ones
 *   an audience becomes inactive, or goes, when all its children are inactive or gone
 *   no audience refers to itself, over any number of others, in whatever state these are
 *
 * An id that no audience of the sandbox has is another system's, and may be referred to. */
#include "config/config_int.h"

#include "base/limits.h"

enum state { DRAFT, PUBLISHED, RESTING };

static enum state
state_of(const struct config_object *o)
{
    struct str state = json_str(json_get(o->json, S("lifecycleState")));

    if (state.n == 0 || str_eq(state, S("published")))
        return PUBLISHED;
    return str_eq(state, S("draft")) ? DRAFT : RESTING;
}

bool
audience_is_evaluated(const struct config_object *o)
{
    return state_of(o) != RESTING;
}

bool
audience_refers(const struct config_object *o, struct str id)
{
    for (size_t i = 0; i < o->segment_ref_count; i++) {
        if (str_eq(o->segment_refs[i], id))
            return true;
    }
    return false;
}

static enum err
check_parents(const struct config_bucket *b, const struct config_object *o, struct diag *d)
{
    enum state state = state_of(o);

    for (size_t i = 0; state != RESTING && i < o->segment_ref_count; i++) {
        const struct config_object *parent = bucket_get(b, o->segment_refs[i]);
        enum state other = parent != NULL ? state_of(parent) : PUBLISHED;
        if (other == RESTING || (state == PUBLISHED && other == DRAFT))
            return diag_set_path(d, ERR_INVALID, "lifecycleState",
                                 "audience '%.*s' refers to audience '%.*s', which is not published", STR_ARG(o->id),
                                 STR_ARG(parent->id));
    }
    return ERR_OK;
}

static enum err
check_children(const struct config_bucket *b, const struct config_object *o, struct diag *d)
{
    enum state state = state_of(o);

    for (size_t i = 0; state != PUBLISHED && i < b->n; i++) {
        const struct config_object *child = b->by_id[i];
        enum state other = child->segment_ref_count > 0 ? state_of(child) : RESTING;
        if (child == o || other == RESTING || (state == DRAFT && other == DRAFT) || !audience_refers(child, o->id))
            continue;
        return diag_set_path(d, ERR_INVALID, "lifecycleState",
                             "audience '%.*s' must stay %s: audience '%.*s' refers to it", STR_ARG(o->id),
                             other == PUBLISHED ? "published" : "active", STR_ARG(child->id));
    }
    return ERR_OK;
}

static enum err
no_memory(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory to check an audience");
}

/* Audiences that o refers to, nearest first. */
struct search {
    const struct config_bucket *b;
    const struct config_object *o;
    const struct config_object **queue; /* of b->n: each is in it once */
    size_t head, tail;
    struct map seen;
};

/* What `at` refers to goes into the queue, unless it is o. */
static enum err
follow(struct search *s, const struct config_object *at, struct diag *d)
{
    for (size_t i = 0; i < at->segment_ref_count; i++) {
        const struct config_object *parent = bucket_get(s->b, at->segment_refs[i]);
        if (parent == s->o && at == s->o)
            return diag_set_path(d, ERR_INVALID, "expression.value", "audience '%.*s' refers to itself",
                                 STR_ARG(at->id));
        if (parent == s->o)
            return diag_set_path(d, ERR_INVALID, "expression.value",
                                 "audience '%.*s' refers to itself: in the end audience '%.*s' refers back",
                                 STR_ARG(s->o->id), STR_ARG(at->id));
        if (parent == NULL || parent->segment_ref_count == 0 || map_get(&s->seen, parent->id) != NULL)
            continue;
        if (!map_put(&s->seen, parent->id, s, NULL))
            return no_memory(d);
        s->queue[s->tail++] = parent;
    }
    return ERR_OK;
}

/* Others had no cycle before, so one that there is goes through o. */
static enum err
check_cycle(const struct config_bucket *b, const struct config_object *o, struct diag *d)
{
    struct search s = {.b = b, .o = o, .queue = calloc(b->n, sizeof(const struct config_object *))};
    enum err rc;

    if (s.queue == NULL)
        return no_memory(d);
    map_init(&s.seen);
    rc = follow(&s, o, d);
    while (rc == ERR_OK && s.head < s.tail)
        rc = follow(&s, s.queue[s.head++], d);
    map_deinit(&s.seen);
    free(s.queue);
    return rc;
}

enum err
check_lifecycle(const struct config_objects *all, struct config_object *o, struct diag *d)
{
    const struct config_bucket *b = objects_others(all, o);
    struct str state = S_NULL;
    enum err rc = want_str(o->json, "lifecycleState", false, 32, &state, d);

    if (rc == ERR_OK && state.n > 0 && !str_eq(state, S("draft")) && !str_eq(state, S("published")) &&
        !str_eq(state, S("inactive")) && !str_eq(state, S("archived")))
        return diag_set_path(d, ERR_INVALID, "lifecycleState",
                             "lifecycleState must be draft, published, inactive or archived, found '%.*s'",
                             STR_ARG(state));
    if (rc == ERR_OK && b != NULL && o->segment_ref_count > 0) {
        rc = check_cycle(b, o, d);
        if (rc == ERR_OK)
            rc = check_parents(b, o, d);
    }
    return rc == ERR_OK && b != NULL ? check_children(b, o, d) : rc;
}

const struct config_object *
audience_user(const struct config_objects *all, struct str scope, struct str id)
{
    const struct config_bucket *b = objects_bucket(all, S("audience"), scope);

    for (size_t i = 0; b != NULL && i < b->n; i++) {
        const struct config_object *child = b->by_id[i];
        if (child->segment_ref_count > 0 && !str_eq(child->id, id) && audience_is_evaluated(child) &&
            audience_refers(child, id))
            return child;
    }
    return NULL;
}
