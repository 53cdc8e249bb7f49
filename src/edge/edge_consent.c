/* edge_consent.c - may we collect? Consent of a request, and set-consent  [EDGE 3.9].
 *
 * Strongest first: the consent cookie or entry says out; the stored consent of the ECID says out; consentStrings in the
 * event, which change the stored value. A consent change is a hit of its own, so the stored value is a fold like all
 * else. */
#include "edge/edge_int.h"

#include "base/limits.h"

#define TCF_VENDOR 565 /* [EDGE C-39] */

struct consent_in {
    enum consent_state collect;     /* CONSENT_UNKNOWN: unchanged */
    const struct json *preferences; /* Adobe 2.0 value, or NULL */
};

static bool
is_one_of(struct str s, const char *const *values)
{
    for (; *values != NULL; values++) {
        if (str_eq(s, str_of(*values)))
            return true;
    }
    return false;
}

static bool
bad_value(struct edge_call *c, const char *path, struct str got)
{
    return edge_problem(c, "0102-400", "Invalid request field", "'%s' has the unknown value '%.*s'", path,
                        STR_ARG(got));
}

static bool
read_adobe1(struct edge_call *c, const struct json *value, struct consent_in *out)
{
    static const char *const known[] = {"in", "out", "pending", "not_provided", NULL};
    struct str general = json_str(json_get(value, S("general")));

    if (!is_one_of(general, known))
        return bad_value(c, "consent[].value.general", general);
    if (str_eq(general, S("in")))
        out->collect = CONSENT_IN;
    if (str_eq(general, S("out")))
        out->collect = CONSENT_OUT;
    return true;
}

/* Every "val" of the preferences, at any depth, is a known one, and every reason is short. */
static bool
check_preferences(struct edge_call *c, const struct json *v)
{
    static const char *const known[] = {"y", "n", "p", "u", "li", "ct", "cp", "vi", "pi", "dy", "dn", NULL};
    struct json_iter it;

    for (it = json_iter(v); json_next(&it);) {
        if (str_eq(it.key, S("val")) && !is_one_of(json_str(it.value), known))
            return bad_value(c, "consent[].value...val", json_str(it.value));
        if (str_eq(it.key, S("reason")) && json_str(it.value).n > LIMIT_CONSENT_REASON_BYTES)
            return edge_problem(c, "0104-422", "Input validation error",
                                "a consent reason has %zu characters, at most %d", json_str(it.value).n,
                                LIMIT_CONSENT_REASON_BYTES);
        if (json_is(it.value, JSON_OBJECT) && !check_preferences(c, it.value))
            return false;
    }
    return true;
}

static bool
read_adobe2(struct edge_call *c, const struct json *value, struct consent_in *out)
{
    struct str val = json_str(json_path(value, S("collect.val")));

    if (!check_preferences(c, value))
        return false;
    out->preferences = value;
    if (str_eq(val, S("y")))
        out->collect = CONSENT_IN;
    if (str_eq(val, S("n")))
        out->collect = CONSENT_OUT;
    return true;
}

static bool
read_tcf(struct edge_call *c, const struct json *item, struct consent_in *out)
{
    struct str text = json_str(json_get(item, S("value")));
    bool allowed;

    if (text.n == 0)
        return edge_problem(c, "0104-422", "Input validation error", "the TC string is empty");
    if (!json_bool(json_get(item, S("gdprApplies")), true)) {
        out->collect = CONSENT_IN;
        return true;
    }
    if (edge_tcf_collect(text, TCF_VENDOR, &allowed) != ERR_OK)
        return edge_problem(c, "0104-422", "Input validation error", "the TC string cannot be decoded");
    out->collect = allowed ? CONSENT_IN : CONSENT_OUT;
    return true;
}

static bool
read_consent(struct edge_call *c, const struct json *item, struct consent_in *out)
{
    struct str standard = json_str(json_get(item, S("standard")));
    struct str version = json_str(json_get(item, S("version")));
    const struct json *value = json_get(item, S("value"));
    bool adobe = str_eq(standard, S("Adobe"));

    if (!adobe && !str_eq(standard, S("IAB TCF")))
        return bad_value(c, "consent[].standard", standard);
    if (!str_eq(version, S("2.0")) && !(adobe && str_eq(version, S("1.0"))))
        return bad_value(c, "consent[].version", version);
    if (value == NULL)
        return edge_problem(c, "0103-400", "Missing required value", "'consent[].value' is missing");
    if (!json_is(value, adobe ? JSON_OBJECT : JSON_STRING))
        return edge_problem(c, "0102-400", "Invalid request field", "'consent[].value' must be %s, got %s",
                            json_type_name(adobe ? JSON_OBJECT : JSON_STRING), json_type_name(json_type(value)));
    if (!adobe)
        return read_tcf(c, item, out);
    return str_eq(version, S("1.0")) ? read_adobe1(c, value, out) : read_adobe2(c, value, out);
}

/* Several consents in one request apply in order; the most restrictive collection result wins. */
static bool
read_consents(struct edge_call *c, struct consent_in *all)
{
    const struct json *list = json_get(c->body, S("consent"));
    struct json_iter it;

    if (list == NULL || json_is(list, JSON_NULL) || (json_is(list, JSON_ARRAY) && json_count(list) == 0))
        return edge_problem(c, "0103-400", "Missing required value", "'consent' must contain at least one consent");
    if (!json_is(list, JSON_ARRAY))
        return edge_problem(c, "0102-400", "Invalid request field", "'consent' must be an array, got %s",
                            json_type_name(json_type(list)));
    for (it = json_iter(list); json_next(&it);) {
        struct consent_in one = {0};
        if (!read_consent(c, it.value, &one))
            return false;
        if (all->collect != CONSENT_OUT && one.collect != CONSENT_UNKNOWN)
            all->collect = one.collect;
        if (one.preferences != NULL)
            all->preferences = one.preferences;
    }
    return true;
}

/* The preferences that the hit carries: what came, or the collection result in the same form. */
static const struct json *
preferences_of(struct edge_call *c, const struct consent_in *in)
{
    const struct json *out = in->preferences;
    struct str text = in->collect == CONSENT_OUT  ? S("{\"collect\":{\"val\":\"n\"}}")
                      : in->collect == CONSENT_IN ? S("{\"collect\":{\"val\":\"y\"}}")
                                                  : S("{}");

    if (out == NULL && json_parse(text, c->arena, &out, NULL) != ERR_OK)
        return NULL;
    return out;
}

static enum err
append_consent(struct edge_call *c, const struct identity_set *ids, const struct json *preferences, struct diag *d)
{
    struct hit h = {
        .kind = HIT_CONSENT,
        .source = SOURCE_EDGE,
        .scope = c->ds->scope,
        .dataset = c->ds->profile_dataset,
        .datastream = c->ds->id,
        .request_id = c->caller_id,
        .region = str_of(c->edge->o.hint),
        .accepted_us = c->now_ms * 1000,
        .identities = *ids,
        .consent = preferences,
    };
    struct edge_write w = edge_write_of(c);

    return edge_append(&w, &h, NULL, NULL, d);
}

void
edge_set_consent(struct edge_call *c)
{
    struct consent_in in = {0};
    struct edge_event_in self = {.ids = c->root_ids};
    struct diag d = DIAG_INIT;

    if (!read_consents(c, &in))
        return;
    if (!edge_identity_resolve(c))
        return;
    edge_identity_finish_event(c, &self);
    if (append_consent(c, &self.ids, preferences_of(c, &in), &d) != ERR_OK) {
        (void)edge_problem(c, "0000-503", "Service unavailable", "%s", d.what);
        return;
    }
    c->consent = in.collect;
    c->consent_write = in.collect != CONSENT_UNKNOWN;
    edge_reply(c);
}

enum consent_state
edge_consent_of_strings(struct edge_call *c, const struct json *consent_strings)
{
    enum consent_state state = CONSENT_UNKNOWN;
    struct json_iter it;

    for (it = json_iter(consent_strings); json_next(&it);) {
        struct str text = json_str(json_get(it.value, S("consentStringValue")));
        bool allowed = true;
        if (!str_eq(json_str(json_get(it.value, S("consentStandard"))), S("IAB TCF")) || text.n == 0)
            continue;
        if (json_bool(json_get(it.value, S("gdprApplies")), true) &&
            edge_tcf_collect(text, TCF_VENDOR, &allowed) != ERR_OK)
            continue; /* not readable: it changes nothing */
        if (state != CONSENT_OUT)
            state = allowed ? CONSENT_IN : CONSENT_OUT;
    }
    if (state == CONSENT_OUT) {
        struct consent_in in = {.collect = CONSENT_OUT};
        struct edge_event_in self = {.ids = c->events[0].ids};
        struct diag d = DIAG_INIT;
        edge_identity_finish_event(c, &self);
        (void)append_consent(c, &self.ids, preferences_of(c, &in),
                             &d); /* the reply says out whether or not it is kept */
    }
    return state;
}

static bool
cookie_says_out(struct str value)
{
    struct str part;

    while (str_split(&value, ';', &part)) {
        if (str_eq(str_trim(part), S("general=out")))
            return true;
    }
    return false;
}

/* True when the events of this request may be processed. */
bool
edge_consent_effective(struct edge_call *c)
{
    struct edge_doc doc;
    struct buf key;
    uint32_t version;

    c->consent = CONSENT_UNKNOWN;
    for (size_t i = 0; i < c->event_count; i++) {
        const struct json *strings = json_get(c->events[i].xdm, S("consentStrings"));
        if (strings != NULL)
            c->consent = edge_consent_of_strings(c, strings);
    }
    if (c->consent == CONSENT_UNKNOWN && cookie_says_out(c->state.consent))
        c->consent = CONSENT_OUT;
    if (c->consent != CONSENT_OUT && c->device.present && !c->device.minted) {
        buf_init(&key, LIMIT_RECORD_KEY_BYTES);
        identity_key(&key, c->ds->scope, S("ECID"), (struct str){c->device.ecid, ECID_BYTES});
        if (edge_table_load(c->edge->table, buf_str(&key), c->now_ms, c->arena, &doc, &version, NULL) == ERR_OK &&
            doc.consent == CONSENT_OUT)
            c->consent = CONSENT_OUT;
        buf_deinit(&key);
    }
    c->consent_write = c->consent == CONSENT_OUT;
    return c->consent != CONSENT_OUT;
}
