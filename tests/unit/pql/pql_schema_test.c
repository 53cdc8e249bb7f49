/* pql_schema_test.c - expressions held against fields and their types [SEGMENTATION 3, 11, C 42]. */
#include "pql/pql.h"
#include "t.h"

/* A schema as a table: members by name. */
struct field {
    const char *name;
    enum rule_type type;
    const struct field *members; /* of an object; ends with a name of NULL */
    const struct field *element; /* of a list or map; NULL: anything */
};

static const struct field item_members[] = {
    {"SKU", TYPE_STRING, NULL, NULL}, {"quantity", TYPE_INT, NULL, NULL}, {"priceTotal", TYPE_NUMBER, NULL, NULL}, {0}};
static const struct field item = {"", TYPE_OBJECT, item_members, NULL}, text = {"", TYPE_STRING, NULL, NULL};
static const struct field address_members[] = {
    {"city", TYPE_STRING, NULL, NULL}, {"countryCode", TYPE_STRING, NULL, NULL}, {0}};
static const struct field membership_members[] = {
    {"status", TYPE_STRING, NULL, NULL}, {"lastQualificationTime", TYPE_TIME, NULL, NULL}, {0}};
static const struct field membership = {"", TYPE_OBJECT, membership_members, NULL},
                          memberships = {"", TYPE_MAP, NULL, &membership};
static const struct field profile_members[] = {{"homeAddress", TYPE_OBJECT, address_members, NULL},
                                               {"points", TYPE_INT, NULL, NULL},
                                               {"vip", TYPE_BOOL, NULL, NULL},
                                               {"born", TYPE_TIME, NULL, NULL},
                                               {"tags", TYPE_LIST, NULL, &text},
                                               {"orders", TYPE_LIST, NULL, &item},
                                               {"open", TYPE_ANY, NULL, NULL},
                                               {"things", TYPE_LIST, NULL, NULL},
                                               {"segmentMembership", TYPE_MAP, NULL, &memberships},
                                               {0}};
static const struct field event_members[] = {{"eventType", TYPE_STRING, NULL, NULL},
                                             {"timestamp", TYPE_TIME, NULL, NULL},
                                             {"productListItems", TYPE_LIST, NULL, &item},
                                             {0}};
static const struct field profile = {"", TYPE_OBJECT, profile_members, NULL},
                          event = {"", TYPE_OBJECT, event_members, NULL};

static enum rule_type
type_of(const void *f)
{
    return ((const struct field *)f)->type;
}

static const void *
member_of(const void *object, struct str name)
{
    for (const struct field *m = ((const struct field *)object)->members; m->name != NULL; m++) {
        if (str_eq(str_of(m->name), name))
            return m;
    }
    return NULL;
}

static const void *
element_of(const void *f)
{
    return ((const struct field *)f)->element;
}

static struct str
near_of(const void *object, struct str name)
{
    for (const struct field *m = ((const struct field *)object)->members; m->name != NULL; m++) {
        if (str_edits(str_of(m->name), name) <= str_edits_near(name.n))
            return str_of(m->name);
    }
    return S_NULL;
}

static const struct pql_schema schema = {&profile, &event, type_of, member_of, element_of, near_of};

TEST(pql_schema_accepts_what_the_fields_are)
{
    static const char *const cases[] = {
        "homeAddress.city = \"Oslo\"",
        "points >= 3 and vip",
        "points = \"3\"", /* = accepts everything */
        "open.anything.goes[x = 1] and open",
        "things.a.b = 1 and things[c]",
        "born occurs before now and born < today",
        "tags.includes(\"a\") and tags = \"b\"",
        "tags.length", /* of a list of texts: reads as empty */
        "orders.SKU = \"a\" and orders[quantity > 1].priceTotal.sum() > 2",
        "orders.topN(priceTotal, points).head().SKU = \"a\"",
        "orders.filter((O) => O.quantity = 1).exists(SKU = \"a\")",
        "xEvent.productListItems[SKU = \"a\"].quantity > 1",
        "xEvent[timestamp occurs today and productListItems.exists(^eventType = \"x\" and ^^points = 1)]",
        "exists E from xEvent where E.eventType = \"a\", P from E.productListItems where P.quantity > 1",
        "(select E from xEvent where E.eventType = \"a\").head().timestamp occurs today",
        "chain(xEvent, timestamp, [A: WHAT(eventType = \"a\"), B: WHAT(eventType = A.eventType)])",
        "chain(xEvent[eventType = \"a\"], timestamp, [not A: WHAT(eventType = \"a\"), B: WHAT(A.whatever = 1)])",
        "(sum P.quantity over E from xEvent, P from E.productListItems) > 3",
        "let H = homeAddress in H.city = \"Oslo\"",
        "(P) => P.homeAddress.city = $1.homeAddress.city",
        "segmentMembership.get(\"ups\").get(\"x\").status = \"realized\"",
        "segmentMembership.ups.x.status in [\"realized\"]",
        "homeAddress.city@{geo.towns}.mayor = \"x\"",
        "if(vip, orders, tags).head().anything = 1",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rule *r = NULL, *plain = NULL;
        struct diag fault = DIAG_INIT;
        if (pql_compile_as(str_of(cases[i]), &(struct pql_options){.schema = &schema}, &r, NULL, &fault) != ERR_OK)
            t_fail(t, __FILE__, __LINE__, "%s: %s", cases[i], fault.what);
        CHECK_OK(pql_compile(str_of(cases[i]), false, &plain, NULL, d));
        CHECK_TRUE(rule_equal(rule_root(r), rule_root(plain))); /* types refuse; they change nothing */
        rule_free(r);
        rule_free(plain);
    }
}

#define COMPARE "compare it with something, or ask whether it is there: isNotNull()"

TEST(pql_schema_refuses_what_they_are_not)
{
    static const struct {
        const char *text;
        enum pql_error class;
        uint32_t pos;
        const char *what, *hint;
    } cases[] = {
        {"homeAdress.city = 1", PQL_REFERENCE, 0, "unknown field 'homeAdress.city'",
         "did you mean 'homeAddress.city'?"},
        {"homeAddress.town = 1", PQL_REFERENCE, 12, "unknown field 'homeAddress.town'", ""},
        {"homeAddress.City.x = 1", PQL_REFERENCE, 12, "unknown field 'homeAddress.City.x'",
         "did you mean 'homeAddress.city.x'?"},
        {"a = 1 or $1.pints = 2", PQL_REFERENCE, 0, "unknown field 'a'", ""},
        {"vip or $1.pints = 2", PQL_REFERENCE, 10, "unknown field 'pints'", "did you mean 'points'?"},
        {"xEvent.eventTyp = \"x\"", PQL_REFERENCE, 7, "unknown field 'xEvent.eventTyp'",
         "did you mean 'xEvent.eventType'?"},
        {"xEvent[evenType = \"x\"]", PQL_REFERENCE, 7, "unknown field 'evenType'", "did you mean 'eventType'?"},
        {"xEvent[homeAddress.city = \"x\"]", PQL_REFERENCE, 7, "unknown field 'homeAddress.city'", ""},
        {"exists E from xEvent where E.productListItem.SKU = 1", PQL_REFERENCE, 29,
         "unknown field 'E.productListItem.SKU'", "did you mean 'E.productListItems.SKU'?"},
        {"orders.head().sku = \"x\"", PQL_REFERENCE, 14, "unknown field 'sku'", "did you mean 'SKU'?"},
        {"segmentMembership.get(\"ups\").get(\"x\").state = 1", PQL_REFERENCE, 38, "unknown field 'state'",
         "did you mean 'status'?"},
        {"homeAddress.city.zip = 1", PQL_TYPE, 12, "a string has no fields such as 'zip'", ""},
        {"homeAddress.city and vip", PQL_TYPE, 12, "a condition cannot be a string", COMPARE},
        {"homeAddress < 1", PQL_TYPE, 0, "an operand of an ordering comparison cannot be an object", ""},
        {"vip < 1", PQL_TYPE, 0, "an operand of an ordering comparison cannot be a truth value", ""},
        {"homeAddress.city + 1", PQL_TYPE, 12, "an operand of arithmetic cannot be a string", ""},
        {"points.contains(\"1\")", PQL_TYPE, 0, "contains cannot be applied to an integer", ""},
        {"born.contains(\"1\")", PQL_TYPE, 0, "contains cannot be applied to a time", ""},
        {"points occurs today", PQL_TYPE, 0, "occurs needs one time, which cannot be an integer", ""},
        {"tags occurs today", PQL_TYPE, 0, "occurs needs one time, which cannot be a list",
         "ask for some element: exists T from list where T occurs ..."},
        {"homeAddress.count() = 1", PQL_TYPE, 0, "count cannot be applied to an object", ""},
        {"exists A from points where true", PQL_TYPE, 14, "the list to go through cannot be an integer", ""},
        {"tags.exists((T) => T)", PQL_TYPE, 19, "a condition cannot be a string", COMPARE},
        {"orders.sum(SKU) = 1", PQL_TYPE, 11, "what is added up cannot be a string", ""},
        {"points in segmentMembership", PQL_TYPE, 10, "the right side of in and notIn cannot be a map", ""},
        {"chain(xEvent, timestamp, [A: WHAT(eventType)])", PQL_TYPE, 34, "a condition cannot be a string", COMPARE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pql_options o = {.schema = &schema};
        enum pql_error class = PQL_OK;
        struct rule *r = NULL;
        CHECK_ERR(pql_compile_as(str_of(cases[i].text), &o, &r, &class, d), ERR_INVALID);
        CHECK_STR(str_of(t_diag.what), str_of(cases[i].what));
        CHECK_STR(str_of(t_diag.hint), str_of(cases[i].hint));
        CHECK_STR(str_of(pql_error_name(class)), str_of(pql_error_name(cases[i].class)));
        CHECK_EQ(t_diag.pos, cases[i].pos);
    }
}

TEST(pql_schema_of_one_side_says_nothing_of_the_other)
{
    struct pql_schema half = schema;
    struct pql_options o = {.schema = &half};
    struct rule *r = NULL;

    half.event = NULL;
    CHECK_OK(pql_compile_as(S("xEvent.any.thing = 1 and xEvent[any.thing = points]"), &o, &r, NULL, d));
    rule_free(r);
    CHECK_ERR(pql_compile_as(S("any.thing = 1"), &o, &r, NULL, d), ERR_INVALID);
    half.profile = NULL;
    half.event = &event;
    CHECK_OK(pql_compile_as(S("any.thing = 1"), &o, &r, NULL, d));
    rule_free(r);
    CHECK_ERR(pql_compile_as(S("xEvent.any.thing = 1"), &o, &r, NULL, d), ERR_INVALID);
}

TEST(pql_schema_holds_for_json_too)
{
    struct pql_options o = {.format = PQL_JSON, .schema = &schema};
    struct rule *r = NULL;

    CHECK_ERR(
        pql_compile_as(S("{\"nodeType\":\"fnApply\",\"fnName\":\"isNull\",\"params\":[{\"nodeType\":\"fieldLookup\","
                         "\"fieldName\":\"city\",\"object\":{\"nodeType\":\"fieldLookup\",\"fieldName\":"
                         "\"homeAdress\",\"object\":{\"nodeType\":\"parameterReference\",\"position\":1}}}]}"),
                       &o, &r, NULL, d),
        ERR_INVALID);
    CHECK_STR(str_of(t_diag.what), S("unknown field 'homeAdress.city'"));
    CHECK_STR(str_of(t_diag.hint), S("did you mean 'homeAddress.city'?"));
    CHECK_STR(str_of(t_diag.path), S("params[0].object"));
}
