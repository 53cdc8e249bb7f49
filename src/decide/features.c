/* features.c - what models know of a request: named facts with the prefixes of [TARGET 8.2]. */
#include "base/civil.h"
#include "decide/decide_int.h"

/* A scalar of the request or the visitor under "<prefix><name>". */
static void
add_node(struct request_view *v, struct learn_row *row, const char *prefix, struct str name, const struct json *x)
{
    struct str full = arena_printf(v->arena, "%s%.*s", prefix, STR_ARG(name));

    if (full.p == NULL)
        return;
    if (json_is_number(x))
        learn_number(row, full, json_f64(x, 0));
    else if (json_is(x, JSON_BOOL))
        learn_number(row, full, json_bool(x, false));
    else if (json_is(x, JSON_STRING))
        learn_text(row, full, json_str(x));
}

static void
add_field(struct request_view *v, struct learn_row *row, const char *name, enum field_source source, const char *field)
{
    struct field f = {source, str_of(field)};
    const struct json *node;
    struct str text;

    if (request_field(v, &f, &text, &node) && text.n > 0)
        learn_text(row, str_of(name), text);
}

static void
add_visitor(struct request_view *v, struct learn_row *row)
{
    const struct visitor *visitor = v->rq->visitor;

    if (visitor == NULL)
        return;
    learn_number(row, S("SES_pages"), visitor->session_pages);
    learn_number(row, S("SES_count"), visitor->sessions);
    learn_number(row, S("SES_days"), visitor_days_since_last_visit(visitor, v->rq->now_ms));
    for (size_t i = 0; i < visitor->category_count; i++)
        learn_text(row, S("PRO_category"), visitor->categories[i].name);
    for (size_t i = 0; i < visitor->attribute_count; i++) {
        const struct json *x = NULL;
        if (!str_starts(visitor->attributes[i].name, S("script.")) &&
            json_parse(visitor->attributes[i].json, v->arena, &x, NULL) == ERR_OK)
            add_node(v, row, "PRO_", visitor->attributes[i].name, x);
    }
}

void
features_read(struct request_view *v, struct learn_row *row)
{
    struct json_iter it = json_iter(v->ask->parameters);
    struct civil c = civil_from_ms(v->rq->now_ms);

    learn_row_clear(row);
    learn_number(row, S("ENV_hour"), c.hour);
    learn_number(row, S("ENV_day"), (double)((v->rq->now_ms / MS_PER_DAY + 3) % 7 + 1));
    add_field(v, row, "ENV_browser", FIELD_BROWSER, "type");
    add_field(v, row, "ENV_language", FIELD_BROWSER, "language");
    add_field(v, row, "ENV_system", FIELD_PLATFORM, "type");
    add_field(v, row, "MOB_phone", FIELD_MOBILE, "isMobilePhone");
    add_field(v, row, "MOB_tablet", FIELD_MOBILE, "isTablet");
    add_field(v, row, "GEO_country", FIELD_GEO, "country");
    add_field(v, row, "GEO_region", FIELD_GEO, "region");
    add_field(v, row, "GEO_city", FIELD_GEO, "city");
    add_field(v, row, "URL_path", FIELD_PAGE, "path");
    add_field(v, row, "REF_domain", FIELD_REFERRER, "domain");
    while (json_is(v->ask->parameters, JSON_OBJECT) && json_next(&it))
        add_node(v, row, "BOX_", it.key, it.value);
    add_visitor(v, row);
}
