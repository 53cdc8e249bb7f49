/* shapes.c - how ids, times, offers and actions are written in control-plane objects, for the compiler and the checker.
 */
#include "base/civil.h"
#include "decide/decide_int.h"

struct str
id_text(const struct json *id, struct arena *a)
{
    if (json_is(id, JSON_STRING))
        return json_str(id);
    if (!json_is(id, JSON_INT))
        return S_NULL;
    return arena_printf(a, "%lld", (long long)json_i64(id, 0));
}

bool
time_value(const struct json *v, int64_t *ms)
{
    if (json_is(v, JSON_INT)) {
        *ms = json_i64(v, 0);
        return true;
    }
    return json_is(v, JSON_STRING) && iso8601_parse(json_str(v), ms, NULL);
}

/* An offer without a type is what its content is. */
enum offer_type
offer_type(const struct json *offer)
{
    static const struct {
        const char *name;
        enum offer_type type;
    } table[] = {{"content", OFFER_HTML},   {"html", OFFER_HTML},         {"image", OFFER_HTML},
                 {"json", OFFER_JSON},      {"redirect", OFFER_REDIRECT}, {"dynamic", OFFER_REMOTE},
                 {"actions", OFFER_ACTIONS}};
    const struct json *type = json_get(offer, S("type"));

    if (type == NULL && json_get(offer, S("actions")) != NULL)
        return OFFER_ACTIONS;
    if (type == NULL)
        return json_is(json_get(offer, S("content")), JSON_STRING) ? OFFER_HTML : OFFER_JSON;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_eq(json_str(type), str_of(table[i].name)))
            return table[i].type;
    }
    return OFFER_UNKNOWN;
}

/* In the order of [TARGET 2.9], which numbers the templates; aliases name what clients execute. */
static const struct {
    const char *name, *type;
} actions[] = {
    {"setHtml", "setHtml"},
    {"setContent", "setHtml"},
    {"setText", "setText"},
    {"setJson", "setJson"},
    {"setAttribute", "setAttribute"},
    {"setImageSource", "setImageSource"},
    {"setStyle", "setStyle"},
    {"rearrange", "rearrange"},
    {"resize", "resize"},
    {"move", "move"},
    {"remove", "remove"},
    {"customCode", "customCode"},
    {"redirect", "redirect"},
    {"trackClick", "click"},
    {"signalClick", "click"},
    {"insertBefore", "insertBefore"},
    {"insertAfter", "insertAfter"},
    {"appendHtml", "appendHtml"},
    {"prependHtml", "prependHtml"},
    {"replaceHtml", "replaceHtml"},
    {"appendContent", "appendHtml"},
    {"prependContent", "prependHtml"},
    {"replaceContent", "replaceHtml"},
    {"click", "click"},
};
#define NUMBERED_ACTIONS 20

const char *
dom_action_type(struct str name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (str_eq(name, str_of(actions[i].name)))
            return actions[i].type;
    }
    return NULL;
}

const char *
decide_template_name(int64_t number)
{
    return number >= 1 && number <= NUMBERED_ACTIONS ? actions[number - 1].name : NULL;
}

struct str
template_action(const struct json *template_id)
{
    int64_t number = json_i64(template_id, 0);

    if (json_is(template_id, JSON_STRING)) {
        const char *type = dom_action_type(json_str(template_id));
        return type ? str_of(type) : S_NULL;
    }
    return number >= 1 && number <= NUMBERED_ACTIONS ? str_of(actions[number - 1].type) : S_NULL;
}

bool
change_of_action(const struct json *action, struct str selector, struct visual_change *out)
{
    const char *type = dom_action_type(json_str(json_get(action, S("type"))));

    *out = (struct visual_change){.type = type != NULL ? str_of(type) : S_NULL,
                                  .selector = json_str(json_get(action, S("selector"))),
                                  .css = json_str(json_get(action, S("cssSelector"))),
                                  .prehiding = json_str(json_get(action, S("prehidingSelector"))),
                                  .content = json_get(action, S("content"))};
    if (out->selector.n == 0)
        out->selector = selector;
    return type != NULL;
}

/* The members are the template's parameters [TARGET 6.3]. */
bool
change_of_template(const struct json *template, struct str selector, struct visual_change *out)
{
    struct json_iter it = json_iter(json_get(template, S("templateParameters")));

    *out =
        (struct visual_change){.type = template_action(json_get(template, S("offerTemplateId"))), .selector = selector};
    while (json_next(&it)) {
        struct str name = json_str(json_get(it.value, S("name")));
        const struct json *value = json_get(it.value, S("value"));
        if (str_eq(name, S("selector")))
            out->selector = json_str(value);
        else if (str_eq(name, S("cssSelector")))
            out->css = json_str(value);
        else if (str_eq(name, S("content")))
            out->content = value;
    }
    return out->type.n > 0 && out->selector.n > 0;
}

enum hole_encode
change_encode(struct str type)
{
    return str_eq(type, S("setText")) || str_eq(type, S("setImageSource")) ? ENCODE_TEXT : ENCODE_HTML;
}

const struct json *
find_local(const struct json *list, const char *member, const struct json *id)
{
    struct json_iter it = json_iter(json_is(list, JSON_ARRAY) ? list : NULL);

    while (id != NULL && json_next(&it)) {
        if (json_equal(json_get(it.value, str_of(member)), id))
            return it.value;
    }
    return NULL;
}

bool
placed_is_visual(const struct placed_option *o)
{
    return o->selector.n > 0 || o->templates != NULL || (o->offer != NULL && offer_type(o->offer) == OFFER_ACTIONS);
}
