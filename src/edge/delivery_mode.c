/* delivery_mode.c - QA mode, preview and trace of a delivery request [TARGET 1.6]. A QA token that is not ours refuses
 * the request: the link is wrong, and the page would show something else than whoever follows it expects. A trace token
 * that is not ours is as none. */
#include "base/limits.h"
#include "edge/delivery_int.h"
#include "edge/edge_qa.h"
#include "model/access_token.h"

#define AT(up, name) (&(const struct delivery_at){(up), S(name), 0})

static bool
check_previews(struct delivery_call *c, const struct json *qa, const struct delivery_at *at)
{
    const struct json *list = NULL;
    struct json_iter it;
    size_t i = 0;

    if (!rule_list(c, qa, at, LIMIT_QA_LIST, &list))
        return false;
    for (it = json_iter(list); json_next(&it); i++) {
        const struct delivery_at element = {at, S_NULL, i};
        int64_t n = 0;
        if (!rule_int(c, it.value, AT(&element, "activityIndex"), 1, true, &n) ||
            !rule_int(c, it.value, AT(&element, "experienceIndex"), 1, false, &n))
            return false;
    }
    return true;
}

static bool
check_qa(struct delivery_call *c, const struct json *o, const struct delivery_at *at)
{
    const struct json *ids = NULL;
    bool flag = false;

    return rule_bool(c, o, AT(at, "listedActivitiesOnly"), &flag) &&
           rule_bool(c, o, AT(at, "bypassEntryAudience"), &flag) &&
           rule_list(c, o, AT(at, "evaluateAsTrueAudienceIds"), LIMIT_QA_LIST, &ids) &&
           rule_list(c, o, AT(at, "evaluateAsFalseAudienceIds"), LIMIT_QA_LIST, &ids) &&
           check_previews(c, o, AT(at, "previewIndexes"));
}

static bool
read_qa(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "qaMode");
    const struct json *o = NULL;
    struct str token = S_NULL;

    if (!rule_object(c, c->body, at, false, &o) || !rule_text(c, o, AT(at, "token"), 0, 16384, false, &token) ||
        !check_qa(c, o, at))
        return false;
    c->has_qa = token.n > 0;
    return token.n == 0 || edge_qa_read(o, c->tenant.view->token_key, c->arena, &c->qa) ||
           rule_broken(c, AT(at, "token"), "is not valid");
}

static bool
read_preview(struct delivery_call *c)
{
    const struct delivery_at *at = AT(NULL, "preview");
    const struct json *o = NULL;
    struct str token = S_NULL;

    if (!rule_object(c, c->body, at, false, &o) || !rule_text(c, o, AT(at, "token"), 0, 16384, false, &token))
        return false;
    c->has_qa |= token.n > 0;
    return token.n == 0 || edge_qa_read_token(token, c->tenant.view->token_key, c->arena, &c->qa) ||
           rule_broken(c, AT(at, "token"), "is not valid");
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
