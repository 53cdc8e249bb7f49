/* delivery_mode.c - QA mode, preview and trace of a delivery request [TARGET 1.6]. A QA token that is not ours refuses
 * the request: the link is wrong, and the page would show something else than whoever follows it expects. A trace token
 * that is not ours is as none. */
#include "base/limits.h"
#include "edge/delivery_int.h"
#include "model/access_token.h"

#define AT(up, name) (&(const struct delivery_at){(up), S(name), 0})

/* Audience ids, numbers or texts, as texts. */
static bool
read_audiences(struct delivery_call *c, const struct json *qa, const struct delivery_at *at, const struct str **out,
               size_t *n)
{
    const struct json *list = NULL;
    struct json_iter it;
    struct str *ids;

    if (!rule_list(c, qa, at, LIMIT_QA_LIST, &list))
        return false;
    ids = ARENA_ARRAY(c->arena, struct str, json_count(list) + 1);
    if (ids == NULL)
        return delivery_fail(c, 500, "request memory is used up");
    for (it = json_iter(list); json_next(&it);) {
        struct str id = json_is(it.value, JSON_STRING)
                            ? json_str(it.value)
                            : arena_printf(c->arena, "%lld", (long long)json_i64(it.value, 0));
        ids[(*n)++] = id;
    }
    *out = ids;
    return true;
}

static bool
read_previews(struct delivery_call *c, const struct json *qa, const struct delivery_at *at)
{
    const struct json *list = NULL;
    struct json_iter it;
    struct decision_preview *previews;
    size_t i = 0;

    if (!rule_list(c, qa, at, LIMIT_QA_LIST, &list))
        return false;
    previews = ARENA_ARRAY(c->arena, struct decision_preview, json_count(list) + 1);
    if (previews == NULL)
        return delivery_fail(c, 500, "request memory is used up");
    for (it = json_iter(list); json_next(&it); i++) {
        const struct delivery_at element = {at, S_NULL, i};
        int64_t activity = 0, experience = 0;
        if (!rule_int(c, it.value, AT(&element, "activityIndex"), 1, true, &activity) ||
            !rule_int(c, it.value, AT(&element, "experienceIndex"), 1, false, &experience))
            return false;
        previews[i] = (struct decision_preview){(uint32_t)activity, (uint32_t)experience};
    }
    c->qa.previews = previews;
    c->qa.preview_count = i;
    return true;
}

static bool
read_link(struct delivery_call *c, const struct delivery_at *at, struct str token)
{
    struct str *activities;
    bool only;

    if (!decide_qa_token_read(token, c->tenant.view->token_key, c->arena, &activities, &c->qa.activity_count, &only))
        return rule_broken(c, at, "is not valid");
    c->qa.activities = activities;
    c->qa.listed_only |= only;
    c->has_qa = true;
    return true;
}

static bool
read_qa(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "qaMode");
    const struct json *o = NULL;
    struct str token = S_NULL;

    if (!rule_object(c, c->body, at, false, &o) || !rule_text(c, o, AT(at, "token"), 0, 16384, false, &token) ||
        !rule_bool(c, o, AT(at, "listedActivitiesOnly"), &c->qa.listed_only) ||
        !read_audiences(c, o, AT(at, "evaluateAsTrueAudienceIds"), &c->qa.true_audiences, &c->qa.true_count) ||
        !read_audiences(c, o, AT(at, "evaluateAsFalseAudienceIds"), &c->qa.false_audiences, &c->qa.false_count) ||
        !read_previews(c, o, AT(at, "previewIndexes")))
        return false;
    return token.n == 0 || read_link(c, AT(at, "token"), token);
}

static bool
read_preview(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "preview");
    const struct json *o = NULL;
    struct str token = S_NULL;

    if (!rule_object(c, c->body, at, false, &o) || !rule_text(c, o, AT(at, "token"), 0, 16384, false, &token))
        return false;
    return token.n == 0 || read_link(c, AT(at, "token"), token);
}

static bool
read_trace(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "trace");
    const struct json *o = NULL;
    struct str text = S_NULL;
    struct access_token token;

    if (!rule_object(c, c->body, at, false, &o) ||
        (o != NULL && !rule_text(c, o, AT(at, "authorizationToken"), 0, 4096, true, &text)))
        return false;
    c->trace = text.n > 0 && access_token_read(text, c->tenant.view->token_key, c->arena, &token) &&
               access_token_allows(&token, c->tenant.client, ACCESS_DEBUG_TOOLS, c->now_ms);
    return true;
}

bool
delivery_read_modes(struct delivery_call *c)
{
    return read_qa(c) && read_preview(c) && read_trace(c);
}
