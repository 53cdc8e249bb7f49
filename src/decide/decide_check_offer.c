/* decide_check_offer.c - offers and audiences on their own [TARGET 2.9, 4.3, 6.2]. */
#include "codec/json_writer.h"
#include "decide/decide_check_int.h"

static enum err
check_actions(struct check *c, const struct json *list)
{
    struct json_iter it = json_iter(list);
    enum err rc;

    check_at(c, "actions");
    rc = check_list(c, list, LIMIT_OFFER_ACTIONS, false);
    if (rc == ERR_OK && json_count(list) == 0)
        return check_say(c, "must have at least one action");
    for (size_t i = 0; rc == ERR_OK && json_next(&it); i++) {
        const struct json *type = json_get(it.value, S("type")), *selector = json_get(it.value, S("selector"));
        check_at(c, "actions[%zu].type", i);
        if (!json_is(type, JSON_STRING))
            return check_wrong(c, type, "the name of a visual action");
        if (dom_action_type(json_str(type)) == NULL)
            return check_say(c, "'%.*s' is no visual action", (int)(json_str(type).n < 40 ? json_str(type).n : 40),
                             json_str(type).p);
        check_at(c, "actions[%zu].selector", i);
        rc = check_text(c, selector, CHECK_SELECTOR_BYTES, false);
    }
    return rc;
}

/* Where a browser may be sent: never to script. */
static bool
is_address(struct str url)
{
    return str_starts(url, S("https://")) || str_starts(url, S("http://")) || str_starts(url, S("/"));
}

/* What it carries on of the page [TARGET 2.9]. */
static enum err
check_redirect(struct check *c, const struct json *offer)
{
    static const char *const members[] = {"includeParameters", "passMboxSession"};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct json *v = json_get(offer, str_of(members[i]));
        check_at(c, "%s", members[i]);
        if (v != NULL && !json_is(v, JSON_BOOL))
            return check_wrong(c, v, "true or false");
    }
    return ERR_OK;
}

static enum err
check_offer_size(struct check *c, const struct json *offer)
{
    struct buf b;
    bool fits;

    buf_init(&b, LIMIT_OFFER_BYTES);
    json_write(&b, offer);
    fits = buf_ok(&b);
    buf_deinit(&b);
    check_at(c, "offer");
    return fits ? ERR_OK : diag_set_path(c->d, ERR_LIMIT, c->path, "an offer has at most %d bytes", LIMIT_OFFER_BYTES);
}

bool
decide_offer_is_remote(const struct json *offer)
{
    return offer_type(offer) == OFFER_REMOTE;
}

enum err
decide_check_offer(const struct json *offer, struct diag *d)
{
    struct check c = {.d = d, .path = "offer"};
    const struct json *content = json_get(offer, S("content"));
    enum err rc;

    if (!json_is(offer, JSON_OBJECT))
        return check_wrong(&c, offer, "an object");
    check_at(&c, "name");
    rc = check_text(&c, json_get(offer, S("name")), LIMIT_OBJECT_NAME_BYTES, false);
    if (rc == ERR_OK)
        rc = check_offer_size(&c, offer);
    if (rc != ERR_OK)
        return rc;
    check_at(&c, "content");
    switch (offer_type(offer)) {
    case OFFER_HTML:
        return json_is(content, JSON_STRING) ? ERR_OK : check_wrong(&c, content, "a string of HTML");
    case OFFER_JSON:
        return content != NULL ? ERR_OK : check_say(&c, "must be any JSON value, got nothing");
    case OFFER_REMOTE:
    case OFFER_REDIRECT:
        if (!json_is(content, JSON_STRING))
            return check_wrong(&c, content, "a URL");
        if (!is_address(json_str(content)))
            return check_say(&c, "must begin with https://, http:// or /");
        return check_redirect(&c, offer);
    case OFFER_ACTIONS:
        return check_actions(&c, json_get(offer, S("actions")));
    default:
        check_at(&c, "type");
        return check_say(&c, "must be content, html, json, redirect, remote or actions");
    }
}

enum err
decide_check_audience(const struct json *audience, struct diag *d)
{
    struct check c = {.d = d, .path = "audience"};
    struct target_rule rule;
    enum err rc;

    if (!json_is(audience, JSON_OBJECT))
        return check_wrong(&c, audience, "an object");
    check_at(&c, "name");
    rc = check_text(&c, json_get(audience, S("name")), LIMIT_OBJECT_NAME_BYTES + 5, true); /* [TARGET 11] 255 */
    if (rc == ERR_OK)
        rc = target_rule_compile(audience, NULL, NULL, &rule, d);
    if (rc != ERR_OK)
        return rc;
    rule_free(rule.rule);
    return ERR_OK;
}
