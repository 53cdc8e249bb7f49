/* odd_write.c - rules.json: the document around the rules, keys in order [TARGET 5.2, 5.7]. */
#include "decide/odd_int.h"

#define VERSION_TEXT S("1.0.0")

/* ---- rules ---- */

static void
put_id(struct jw *w, struct str key, const struct activity *a)
{
    if (a->number != INT64_MAX)
        jw_ki64(w, key, a->number);
    else
        jw_kstr(w, key, a->id);
}

static void
put_number(struct jw *w, struct str key, struct str digits)
{
    int64_t n;

    if (str_to_i64(digits, &n))
        jw_ki64(w, key, n);
    else if (digits.n > 0)
        jw_kstr(w, key, digits);
}

static void
put_meta(struct jw *w, const struct odd_rule *r)
{
    const struct activity *a = r->use->activity->a;
    const struct experience *e = &a->experiences[r->experience];

    jw_key(w, S("meta"));
    jw_object(w);
    put_id(w, S("activity.id"), a);
    jw_kstr(w, S("activity.name"), a->name);
    jw_kstr(w, S("activity.type"), a->type == ACTIVITY_XT ? S("landing") : S("ab"));
    jw_kraw(w, S("audience.ids"), r->audience_ids);
    put_number(w, S("experience.id"), e->id);
    jw_kstr(w, S("experience.name"), e->name);
    jw_kjson(w, S("location.id"), r->use->spots[0].id);
    jw_kstr(w, S("location.name"), r->use->name);
    jw_kstr(w, S("location.type"), r->use->kind == ODD_VIEW ? S("view") : S("mbox"));
    put_number(w, S("offer.id"), r->first.offer_id);
    jw_kstr(w, S("offer.name"), r->first.offer_name);
    put_number(w, S("option.id"), r->first.id);
    jw_kstr(w, S("option.name"), r->first.name);
    jw_end(w);
}

static void
put_properties(const struct odd *o, struct jw *w, const struct json *ids)
{
    struct json_iter it = json_iter(json_is(ids, JSON_ARRAY) ? ids : NULL);

    jw_key(w, S("propertyTokens"));
    jw_array(w);
    while (json_next(&it)) {
        const struct json *property = map_get(&o->properties, id_text(it.value, o->arena));
        if (property != NULL)
            jw_str(w, json_str(json_get(property, S("token"))));
    }
    jw_end(w);
}

/* One rule a key: of a form-based activity its id, of a visual one with the location [TARGET 5.3]. */
static void
put_rule_key(const struct odd *o, struct jw *w, const struct odd_rule *r)
{
    struct str id = r->use->activity->a->id;

    if (!r->use->form_based)
        id = arena_printf(o->arena, "%.*s-%.*s", STR_ARG(id), STR_ARG(id_text(r->use->spots[0].id, o->arena)));
    jw_kstr(w, S("ruleKey"), id);
}

static void
put_rule(const struct odd *o, struct jw *w, const struct odd_rule *r)
{
    jw_object(w);
    put_id(w, S("activityId"), r->use->activity->a);
    jw_kraw(w, S("condition"), r->condition);
    jw_key(w, S("consequence"));
    jw_object(w);
    jw_kraw(w, S("metrics"), r->metrics);
    jw_kstr(w, S("name"), r->use->name);
    jw_kraw(w, S("options"), r->options);
    jw_end(w);
    put_meta(w, r);
    put_properties(o, w, json_get(r->use->activity->object, S("propertyIds")));
    put_rule_key(o, w, r);
    jw_end(w);
}

/* ---- the document ---- */

struct listing {
    const struct odd *o;
    const struct odd_location *list;
    size_t n;
};

static void
put_names(struct jw *w, const struct listing *l, const char *key, bool views, bool remote)
{
    jw_key(w, str_of(key));
    jw_array(w);
    for (size_t i = 0; i < l->n; i++) {
        const struct odd_location *at = &l->list[i];
        if ((at->kind == ODD_VIEW) == views && (remote ? at->remote : at->n > 0))
            jw_str(w, at->name);
    }
    jw_end(w);
}

static void
put_rules(struct jw *w, const struct listing *l, const char *key, bool views)
{
    jw_key(w, str_of(key));
    jw_object(w);
    for (size_t i = 0; i < l->n; i++) {
        const struct odd_location *at = &l->list[i];
        if ((at->kind == ODD_VIEW) != views || at->n == 0)
            continue;
        jw_key(w, at->name);
        jw_array(w);
        for (size_t k = 0; k < at->n; k++)
            put_rule(l->o, w, at->rules[k]);
        jw_end(w);
    }
    jw_end(w);
}

static bool
asks_geo(const struct listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < l->list[i].n; k++) {
            if (str_find(l->list[i].rules[k]->condition, S("\"var\":\"geo.")) >= 0)
                return true;
        }
    }
    return false;
}

/* Those that a client fills from a rule's meta or from the geo of a request [TARGET 2.8, 5.5]. */
static const char *const token_names[] = {
    "activity.id",   "activity.name", "activity.type", "experience.id", "experience.name", "geo.city",
    "geo.country",   "geo.latitude",  "geo.longitude", "geo.state",     "location.id",     "location.name",
    "location.type", "offer.id",      "offer.name",    "option.id",     "option.name",
};

static void
put_response_tokens(const struct odd_source *src, struct jw *w)
{
    jw_key(w, S("responseTokens"));
    jw_array(w);
    for (size_t i = 0; i < sizeof(token_names) / sizeof(token_names[0]); i++) {
        for (size_t k = 0; k < src->objects->response_token_count; k++) {
            const struct json *t = src->objects->response_tokens[k];
            if (json_bool(json_get(t, S("active")), false) &&
                str_eq(json_str(json_get(t, S("token"))), str_of(token_names[i]))) {
                jw_str(w, str_of(token_names[i]));
                break;
            }
        }
    }
    jw_end(w);
}

static void
put_artifact(const struct listing *l, struct buf *out)
{
    const struct odd_source *src = l->o->src;
    struct jw w = jw_to(out);

    jw_object(&w);
    jw_kbool(&w, S("geoTargetingEnabled"), asks_geo(l));
    jw_kstr(&w, S("globalMbox"), GLOBAL_MBOX);
    put_names(&w, l, "localMboxes", false, false);
    put_names(&w, l, "localViews", true, false);
    jw_key(&w, S("meta"));
    jw_object(&w);
    jw_kstr(&w, S("clientCode"), src->objects->client);
    jw_kstr(&w, S("environment"), src->environment);
    jw_ktime(&w, S("generatedAt"), l->o->changed_ms);
    jw_kstr(&w, S("organizationId"), src->org);
    jw_end(&w);
    put_names(&w, l, "remoteMboxes", false, true);
    put_names(&w, l, "remoteViews", true, true);
    put_response_tokens(src, &w);
    jw_key(&w, S("rules"));
    jw_object(&w);
    put_rules(&w, l, "mboxes", false);
    put_rules(&w, l, "views", true);
    jw_end(&w);
    jw_kstr(&w, S("version"), VERSION_TEXT);
    jw_end(&w);
}

enum err
odd_generate(const struct odd_source *src, struct arena *a, struct odd_artifact *out, struct diag *d)
{
    struct listing l = {0};
    struct odd_location *list = NULL;
    struct odd o;
    struct buf text;
    enum err rc = odd_begin(&o, src, a, d);

    buf_init_in(&text, a, LIMIT_ODD_BYTES);
    if (rc == ERR_OK)
        rc = odd_locations(&o, &list, &l.n);
    if (rc == ERR_OK) {
        l.o = &o;
        l.list = list;
        put_artifact(&l, &text);
        if (!buf_ok(&text) || a->refused)
            rc = diag_set(d, ERR_LIMIT, "the artifact is larger than %d bytes", LIMIT_ODD_BYTES);
    }
    if (rc == ERR_OK)
        *out = (struct odd_artifact){buf_str(&text), o.until_ms};
    odd_end(&o);
    return rc;
}
