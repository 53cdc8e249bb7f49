/* json_logic_context.c - the object that "var" of json-logic reads [TARGET 5.4], member by member as the engine makes
 * it: every text of page and referring has a twin _lc, every text among the parameters too, at any depth; dotted
 * parameter names nest, in the order of the request; geo has what the request says, in its own case. */
#include "decide/json_logic.h"

#include "base/civil.h"
#include "codec/json_writer.h"
#include "decide/fields_int.h"
#include "rule/lowercase.h"

/* A member of the parameters' tree: a value, or members. */
struct param {
    struct str name;
    const struct json *value; /* NULL: an object */
    struct param *members, *next;
};

struct context {
    struct request_view *v;
    struct jw w;
    bool nomem;
};

static struct str
lower_of(struct context *c, struct str s)
{
    struct str low = lowercase_str(s, c->v->arena);

    if (low.p == NULL)
        c->nomem = true;
    return low;
}

static void
put_twin(struct context *c, struct str key, struct str value)
{
    jw_key(&c->w, ARENA_JOIN(c->v->arena, key, S("_lc")));
    jw_str(&c->w, lower_of(c, value));
}

static void
put_text(struct context *c, struct str key, struct str value)
{
    jw_kstr(&c->w, key, value);
    put_twin(c, key, value);
}

/* ---- parameters ---- */

static struct param *
find_param(struct param *list, struct str name)
{
    for (; list != NULL; list = list->next) {
        if (str_eq(list->name, name))
            return list;
    }
    return NULL;
}

static struct param *
add_param(struct context *c, struct param **list, struct str name)
{
    struct param *p = find_param(*list, name);

    if (p != NULL)
        return p;
    p = ARENA_NEW(c->v->arena, struct param);
    if (p == NULL) {
        c->nomem = true;
        return NULL;
    }
    p->name = name;
    while (*list != NULL)
        list = &(*list)->next;
    *list = p;
    return p;
}

static void
set_param(struct context *c, struct param *p, const struct json *value)
{
    struct json_iter it = json_iter(value);

    p->value = json_is(value, JSON_OBJECT) ? NULL : value;
    p->members = NULL;
    while (p->value == NULL && !c->nomem && json_next(&it)) {
        struct param *member = add_param(c, &p->members, it.key);
        if (member != NULL)
            set_param(c, member, it.value);
    }
}

static bool
is_expandable(struct str name)
{
    return str_find_char(name, '.') > 0 && name.p[name.n - 1] != '.' && str_find(name, S("..")) < 0;
}

/* What stands in the way of a deeper name: nothing, "", 0, false and null are replaced, another scalar keeps its place
 * and loses what is below it. */
static bool
is_open(const struct param *p)
{
    switch (json_type(p->value)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return json_str(p->value).n == 0;
    case JSON_BOOL:
        return !json_bool(p->value, true);
    default:
        return json_is_number(p->value) && json_f64(p->value, 1) == 0;
    }
}

static void
add_named(struct context *c, struct param **list, struct str name, const struct json *value)
{
    struct str part, rest = name;
    struct param *p = NULL;

    if (!is_expandable(name)) {
        p = add_param(c, list, name);
    } else {
        while (str_split(&rest, '.', &part)) {
            p = add_param(c, list, part);
            if (p == NULL || (rest.p != NULL && !is_open(p)))
                return;
            if (rest.p != NULL)
                p->value = NULL;
            list = &p->members;
        }
    }
    if (p != NULL)
        set_param(c, p, value);
}

static void
put_params(struct context *c, const struct param *p)
{
    jw_object(&c->w);
    for (const struct param *m = p; m != NULL; m = m->next) {
        jw_key(&c->w, m->name);
        if (m->value == NULL)
            put_params(c, m->members);
        else
            jw_json(&c->w, m->value);
        if (json_is(m->value, JSON_STRING))
            put_twin(c, m->name, json_str(m->value));
    }
    jw_end(&c->w);
}

/* ---- the rest ---- */

static void
put_page(struct context *c, enum field_source source)
{
    const struct page_url *u = page_of(c->v, source);
    struct host_parts host = host_split(u->host);

    jw_object(&c->w);
    put_text(c, S("url"), u->url);
    put_text(c, S("path"), u->path);
    put_text(c, S("query"), u->query);
    put_text(c, S("fragment"), u->fragment);
    put_text(c, S("domain"), lower_of(c, host.registrable));
    put_text(c, S("subdomain"), lower_of(c, host.subdomain));
    put_text(c, S("topLevelDomain"), lower_of(c, host.suffix));
    jw_end(&c->w);
}

static void
put_user(struct context *c)
{
    const struct user_agent *ua = agent_of(c->v);

    jw_object(&c->w);
    jw_kstr(&c->w, S("browserType"), ua->browser);
    jw_kstr(&c->w, S("platform"), ua->platform);
    jw_kstr(&c->w, S("locale"), S("en"));
    jw_ki64(&c->w, S("browserVersion"), ua->version);
    jw_end(&c->w);
}

static void
put_geo(struct context *c)
{
    static const char *const names[][2] = {{"country", "countryCode"},
                                           {"region", "stateCode"},
                                           {"city", "city"},
                                           {"latitude", "latitude"},
                                           {"longitude", "longitude"}};

    jw_object(&c->w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct json *x = json_get(c->v->rq->geo, str_of(names[i][1]));
        if (x != NULL)
            jw_kjson(&c->w, str_of(names[i][0]), x);
    }
    jw_end(&c->w);
}

static void
put_time(struct context *c)
{
    int64_t ms = c->v->rq->now_ms, day = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
    struct civil t = civil_from_ms(ms);

    jw_ki64(&c->w, S("current_timestamp"), ms);
    jw_kstr(&c->w, S("current_time"), arena_printf(c->v->arena, "%02d%02d", (int)t.hour, (int)t.minute));
    jw_ki64(&c->w, S("current_day"), ((day + 3) % 7 + 7) % 7 + 1);
}

static void
put_all(struct context *c)
{
    struct json_iter it = json_iter(c->v->ask != NULL ? c->v->ask->parameters : NULL);
    struct param *params = NULL;

    while (json_next(&it) && !c->nomem)
        add_named(c, &params, it.key, it.value);
    jw_object(&c->w);
    put_time(c);
    jw_key(&c->w, S("user"));
    put_user(c);
    jw_key(&c->w, S("page"));
    put_page(c, FIELD_PAGE);
    jw_key(&c->w, S("referring"));
    put_page(c, FIELD_REFERRER);
    jw_key(&c->w, S("geo"));
    put_geo(c);
    jw_key(&c->w, S("mbox"));
    put_params(c, params);
    jw_end(&c->w);
}

const struct json *
json_logic_context(struct request_view *v)
{
    struct context c = {.v = v};
    struct diag d = DIAG_INIT;
    struct buf b;

    if (v->context != NULL)
        return v->context;
    buf_init(&b, LIMIT_EDGE_BODY_BYTES * 4);
    c.w = jw_to(&b);
    put_all(&c);
    if (c.nomem || !buf_ok(&b) || json_parse(buf_str(&b), v->arena, &v->context, &d) != ERR_OK)
        v->context = NULL;
    buf_deinit(&b);
    return v->context;
}
