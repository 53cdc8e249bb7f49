/* told.c - the order in which a request tells what was shown and clicked. See told.h. */
#include "decide/told.h"

#include "decide/decide_int.h"

/* ---- a delivery request ---- */

static void
read_notice(const struct told_part *notice, const struct told_delivery *to)
{
    const struct json *tokens = json_get(notice->json, S("tokens"));

    for (struct json_iter it = json_iter(tokens); json_next(&it);)
        to->token(to->ctx, notice, json_str(it.value));
    if (json_count(tokens) == 0 || !notice->clicked)
        to->touched(to->ctx, notice);
    if (to->noticed != NULL)
        to->noticed(to->ctx, notice);
}

/* Lists have fifty places at most, and nearly always come in order. */
size_t *
told_by_index(const int64_t *index, size_t n, struct arena *a)
{
    size_t *order = ARENA_ARRAY(a, size_t, n + 1);

    for (size_t i = 0; order != NULL && i < n; i++) {
        size_t at = i;
        for (; at > 0 && index[order[at - 1]] > index[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static void
read_mboxes(const struct json *list, const struct told_delivery *to, struct arena *a)
{
    size_t n = json_count(list), i = 0, *order;
    struct told_part *parts = ARENA_ARRAY(a, struct told_part, n + 1);
    int64_t *index = ARENA_ARRAY(a, int64_t, n + 1);

    if (parts == NULL || index == NULL)
        return;
    for (struct json_iter it = json_iter(list); json_next(&it); i++) {
        parts[i] = (struct told_part){.at = i, .json = it.value};
        index[i] = json_i64(json_get(it.value, S("index")), 0);
    }
    order = told_by_index(index, n, a);
    for (i = 0; order != NULL && i < n; i++)
        to->mbox(to->ctx, &parts[order[i]]);
}

void
told_read_delivery(const struct json *body, const struct told_delivery *to, struct arena *a)
{
    struct told_part page = {.json = json_path(body, S("execute.pageLoad"))}, notice = {0};

    for (struct json_iter it = json_iter(json_get(body, S("notifications"))); json_next(&it); notice.at++) {
        notice.json = it.value;
        notice.clicked = str_eq(json_str(json_get(it.value, S("type"))), S("click"));
        read_notice(&notice, to);
    }
    if (json_is(page.json, JSON_OBJECT))
        to->page(to->ctx, &page);
    read_mboxes(json_path(body, S("execute.mboxes")), to, a);
}

bool
told_order(const struct json *order)
{
    return json_str(json_get(order, S("id"))).n > 0 || json_f64(json_get(order, S("total")), 0) > 0;
}

/* ---- moments ---- */

struct str
told_location(enum decision_kind kind, struct str name)
{
    return kind == AT_PAGE || str_eq(name, GLOBAL_MBOX) ? PAGE_SCOPE : name;
}

struct decision_moment
told_moment(struct str location, bool clicked, bool *engaged)
{
    struct decision_moment moment = {.location = location, .clicked = clicked, .page = !clicked && !*engaged};

    *engaged |= !clicked;
    return moment;
}

struct decision_moment
told_token_moment(const struct decide_token *token, bool clicked)
{
    struct decision_moment moment = {.location = token->scope, .clicked = clicked};

    if (clicked && token->metric != 0) {
        moment.activity = token->activity;
        moment.metric = token->metric;
    }
    return moment;
}

/* ---- an event of the Edge Network ---- */

struct decision_moment
told_event_moment(const struct hit_visit *visit, const struct hit_notice *met, size_t n)
{
    return (struct decision_moment){
        .order = visit->has_order, .page = visit->page, .stay = true, .met = met, .met_count = n};
}

static bool
flag(const struct json *types, struct str name)
{
    return json_i64(json_get(types, name), 0) > 0 || json_bool(json_get(types, name), false);
}

struct told_event
told_read_event(const struct json *xdm)
{
    const struct json *decisioning = json_path(xdm, S("_experience.decisioning"));
    const struct json *types = json_get(decisioning, S("propositionEventType"));
    struct str type = json_str(json_get(xdm, S("eventType")));
    struct told_event e = {.propositions = json_get(decisioning, S("propositions")),
                           .shown = flag(types, S("display")),
                           .clicked = flag(types, S("interact"))};

    if (types == NULL) { /* [EDGE 5.8] Optimize leaves it out; older pages use short names [EDGE C-43] */
        e.shown = str_ends(type, S("propositionDisplay")) || str_eq(type, S("display"));
        e.clicked = str_ends(type, S("propositionInteract")) || str_eq(type, S("click"));
    }
    return e;
}

struct str
told_proposition_token(const struct json *proposition)
{
    const struct json *c = json_path(proposition, S("scopeDetails.characteristics"));
    struct str text = json_str(json_get(c, S("eventToken")));

    return text.n > 0 ? text : json_str(json_path(c, S("eventTokens.display")));
}
