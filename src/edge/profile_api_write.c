/* profile_api_write.c - attributes of one visitor, as a hit. */
#include "edge/profile_api_int.h"

#include "base/limits.h"
#include "base/metric.h"

/* On the copy, so that what the fold would leave out is refused instead. */
static bool
fits(struct visitor *v, const struct json *attributes, int64_t now_ms, struct arena *a, struct diag *d)
{
    for (struct json_iter it = json_iter(attributes); json_next(&it);) {
        struct buf text;
        if (it.key.n == 0 || it.key.n > LIMIT_DELIVERY_PARAMETER_NAME) {
            (void)diag_set(d, ERR_LIMIT, "names of attributes have 1..%d bytes", LIMIT_DELIVERY_PARAMETER_NAME);
            return false;
        }
        buf_init_in(&text, a, LIMIT_VISITOR_ATTRIBUTE_BYTES);
        json_write(&text, it.value);
        if (!buf_ok(&text) || !visitor_set(v, it.key, buf_str(&text), now_ms)) {
            (void)diag_set(d, ERR_LIMIT, "the attributes of a visitor have at most %d bytes",
                           LIMIT_VISITOR_ATTRIBUTE_BYTES);
            return false;
        }
    }
    return true;
}

static enum err
append(struct edge *e, const struct profile_change *c, const struct edge_visitor *found, struct arena *a,
       struct diag *d)
{
    struct edge_write w = {.edge = e, .view = c->tenant->view, .arena = a, .now_ms = c->now_ms};
    struct identity owner = found->at;
    struct hit_visit visit = {.at = found->at,
                              .links = found->links,
                              .absorbs = found->absorbs,
                              .tnt_id = found->tnt_id,
                              .third_party_id = c->ids.third_party_id,
                              .quiet = true};
    struct hit h = {.kind = HIT_VISIT,
                    .source = SOURCE_EDGE,
                    .scope = c->tenant->scope,
                    .region = str_of(e->o.hint),
                    .accepted_us = c->now_ms * 1000,
                    .identities = {&owner, 1},
                    .profile_params = c->attributes,
                    .visit = &visit};

    owner.primary = true;
    return edge_append(&w, &h, NULL, NULL, d);
}

static enum profile_outcome
write_one(struct edge *e, const struct profile_change *c, struct arena *a, struct diag *d)
{
    struct edge_visitor found;

    if (edge_visitor_find(e, c->snap, c->tenant->scope, &c->ids, NULL, c->now_ms, a, &found, d) != ERR_OK)
        return PROFILE_FAILED;
    if (!found.known && !c->create)
        return PROFILE_NOT_FOUND;
    if (!fits(&found.visitor, c->attributes, c->now_ms, a, d) || append(e, c, &found, a, d) != ERR_OK)
        return PROFILE_FAILED;
    return PROFILE_UPDATED;
}

enum profile_outcome
profile_write(struct edge *e, const struct profile_change *c, struct arena *a, struct diag *d)
{
    enum profile_outcome outcome = write_one(e, c, a, d);

    metric_inc(outcome == PROFILE_UPDATED     ? M_PROFILE_UPDATES
               : outcome == PROFILE_NOT_FOUND ? M_PROFILE_UPDATES_NOT_FOUND
                                              : M_PROFILE_UPDATES_FAILED);
    return outcome;
}
