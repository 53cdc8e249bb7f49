/* edge_notice.c - display and click notifications of the SDK  [EDGE 5.8].
 *
 * A proposition counts when its token is ours: the activity and experience are read from the token, not from what the
 * client says beside it. A forged or foreign one is counted in a metric and otherwise ignored; the answer is 200 all
 * the same. */
#include "base/metric.h"
#include "edge/edge_int.h"

static bool
flag(const struct json *types, struct str name)
{
    return json_i64(json_get(types, name), 0) > 0 || json_bool(json_get(types, name), false);
}

static bool
read_token(struct edge_call *c, const struct json *proposition, struct decide_token *token)
{
    const struct json *characteristics = json_path(proposition, S("scopeDetails.characteristics"));
    struct str text = json_str(json_get(characteristics, S("eventToken")));

    if (text.n == 0)
        text = json_str(json_path(characteristics, S("eventTokens.display")));
    if (text.n == 0)
        return false; /* not one of ours: a view without propositions, another provider */
    if (decide_token_read(text, c->view->token_key, c->arena, token))
        return true;
    metric_inc(M_EDGE_TOKENS_FORGED);
    return false;
}

/* The same activity and experience may be displayed in several scopes by one event: one notice each. */
static void
add(struct hit *h, enum notice_type type, const struct decide_token *t)
{
    h->notices[h->notice_count++] = (struct hit_notice){type, t->activity, t->experience, t->scope};
}

void
edge_notices_read(struct edge_call *c, const struct edge_event_in *e, struct hit *h)
{
    const struct json *decisioning = json_get(json_get(e->xdm, S("_experience")), S("decisioning"));
    const struct json *propositions = json_get(decisioning, S("propositions"));
    const struct json *types = json_get(decisioning, S("propositionEventType"));
    struct str event_type = json_str(json_get(e->xdm, S("eventType")));
    bool display = flag(types, S("display")), interact = flag(types, S("interact"));
    struct json_iter it;

    if (json_count(propositions) == 0 || c->view == NULL)
        return;
    if (types == NULL) { /* [EDGE 5.8] Optimize leaves it out; older pages use short names [EDGE C-43] */
        display = str_ends(event_type, S("propositionDisplay")) || str_eq(event_type, S("display"));
        interact = str_ends(event_type, S("propositionInteract")) || str_eq(event_type, S("click"));
    }
    h->notices = ARENA_ARRAY(c->arena, struct hit_notice, 2 * json_count(propositions));
    if (h->notices == NULL)
        return;
    for (it = json_iter(propositions); json_next(&it);) {
        struct decide_token token;
        if (!read_token(c, it.value, &token))
            continue;
        if (display)
            add(h, NOTICE_DISPLAY, &token);
        if (interact)
            add(h, NOTICE_INTERACT, &token);
    }
}
