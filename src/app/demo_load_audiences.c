/* demo_load_audiences.c - see demo_load.h: the audiences of the shop. */
#include "app/demo_load.h"
#include "codec/json_writer.h"

/* One of each shape. */
struct audience {
    const char *name, *description, *pql; /* pql NULL: members of both of two audiences above, by index */
    int both[2];
};

#define BOUGHT "eventType = \"commerce.purchases\""
#define LOOKED "eventType = \"commerce.productViews\""
#define IN_TENTS "productListItems.productCategories.categoryID = \"tents\""

static const struct audience audiences[DEMO_AUDIENCES] = {
    [DEMO_TENTS] = {.name = "Tent lovers: three tent views in 24 hours",
                    .description = "How often, within a window",
                    .pql =
                        "xEvent[" LOOKED " and " IN_TENTS " and timestamp occurs <= 24 hours before now].count() >= 3"},
    [DEMO_WINBACK] = {.name = "Gold, no order for 60 days",
                      .description = "An attribute, and an event that is missing",
                      .pql = "loyalty.tier = \"gold\" and not(xEvent[" BOUGHT
                             " and timestamp occurs <= 60 days before now].count() >= 1)"},
    [DEMO_SPENDERS] = {.name = "Spent over 500 in 30 days",
                       .description = "A sum, within a window",
                       .pql = "xEvent[" BOUGHT
                              " and timestamp occurs <= 30 days before now].sum(commerce.order.priceTotal) "
                              "> 500"},
    [DEMO_KNOWN] = {.name = "Known customers",
                    .description = "An attribute that is there",
                    .pql = "person.name.firstName.isNotNull()"},
    [DEMO_CLUB] = {.name = "Club members",
                   .description = "An attribute in a list",
                   .pql = "loyalty.tier in [\"bronze\", \"silver\", \"gold\"]"},
    [DEMO_NEVER] = {.name = "Never bought",
                    .description = "An event that never happened",
                    .pql = "xEvent[" BOUGHT "].count() = 0"},
    [DEMO_TO_WIN] = {.name = "Club members who never bought",
                     .description = "A segment of segments",
                     .both = {DEMO_CLUB, DEMO_NEVER}},
    [DEMO_DECIDED] = {.name = "Looked, and ordered within two days",
                      .description = "A sequence, with a gap",
                      .pql =
                          "chain(xEvent, timestamp, [look: WHAT(" LOOKED "), order: WHAT(" BOUGHT ") GAP(<= 2 days)])"},
    [DEMO_LEFT] = {.name = "Looked this hour, no order since",
                   .description = "A sequence with something missing, within a window",
                   .pql = "chain(xEvent, timestamp, [look: WHAT(" LOOKED
                          ") WHEN(<= 1 hours before now), not order: WHAT(" BOUGHT ")])"},
    [DEMO_NORDIC] = {.name = "Nordic, and one order above 400 in a year",
                     .description = "Attributes, and the largest of events",
                     .pql = "homeAddress.countryCode in [\"NO\", \"SE\"] and xEvent[" BOUGHT
                            " and timestamp occurs <= 1 years before now].max(commerce.order.priceTotal) > 400"},
};

static struct str
expression_of(struct demo_load *l, const struct audience *x)
{
    const struct str *a = &l->audiences[x->both[0]], *b = &l->audiences[x->both[1]];

    if (x->pql != NULL)
        return str_of(x->pql);
    return arena_printf(&l->rest.arena, "inSegment(\"%.*s\") and inSegment(\"%.*s\")", STR_ARG(*a), STR_ARG(*b));
}

static enum err
ensure_audience(struct demo_load *l, const struct audience *x, struct str *id)
{
    struct buf body;
    struct jw w;
    enum err rc;

    buf_init(&body, 64 * 1024);
    w = jw_to(&body);
    jw_object(&w);
    jw_kstr(&w, S("name"), str_of(x->name));
    jw_kstr(&w, S("description"), str_of(x->description));
    jw_kstr(&w, S("type"), S("SegmentDefinition"));
    jw_key(&w, S("expression"));
    jw_object(&w);
    jw_kstr(&w, S("type"), S("PQL"));
    jw_kstr(&w, S("format"), S("pql/text"));
    jw_kstr(&w, S("value"), expression_of(l, x));
    jw_end(&w);
    jw_key(&w, S("schema"));
    jw_object(&w);
    jw_kstr(&w, S("name"), S("_xdm.context.profile"));
    jw_end(&w);
    jw_kstr(&w, S("lifecycleState"), S("published"));
    jw_end(&w);
    rc = demo_ensure(l, S("/data/core/ups/audiences?limit=100"), S("/data/core/ups/audiences"), str_of(x->name),
                     buf_str(&body), id);
    buf_deinit(&body);
    return rc;
}

enum err
demo_ensure_audiences(struct demo_load *l)
{
    enum err rc = ERR_OK;

    for (int i = 0; rc == ERR_OK && i < DEMO_AUDIENCES; i++)
        rc = ensure_audience(l, &audiences[i], &l->audiences[i]);
    return rc;
}

const char *
demo_audience_name(enum demo_audience which)
{
    return audiences[which].name;
}
