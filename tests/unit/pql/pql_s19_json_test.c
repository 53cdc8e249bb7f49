/* pql_s19_json_test.c - item 26 of [SEGMENTATION 19]: every node of the JSON form [SEGMENTATION 13.2], whole and
 * malformed. More of it in pql_convert_test.c. */
#include "pql_s19.h"

#define PROFILE "{\"nodeType\":\"parameterReference\",\"position\":1}"
#define FIELD(name, of) "{\"nodeType\":\"fieldLookup\",\"fieldName\":\"" name "\",\"object\":" of "}"
#define VAR(name) "{\"nodeType\":\"varRef\",\"varName\":\"" name "\"}"
#define FN(name, params) "{\"nodeType\":\"fnApply\",\"fnName\":\"" name "\",\"params\":[" params "]}"
#define LITERAL(type, value) "{\"nodeType\":\"literal\",\"literalType\":\"" type "\",\"value\":" value "}"
#define DURATION(n, unit)                                                                                              \
    "{\"nodeType\":\"duration\",\"count\":" LITERAL("Integer", #n) ",\"unit\":" LITERAL("TimeUnit", "\"" unit "\"") "}"
#define DECL(name, from, where)                                                                                        \
    "{\"nodeType\":\"varDecl\",\"varName\":\"" name "\",\"from\":" from ",\"where\":" where "}"
#define IS(of, n) FN("=", of "," LITERAL("Integer", #n))
#define WHEN                                                                                                           \
    "{\"nodeType\":\"timeQualification\",\"comparison\":" LITERAL("Comparison", "\"<=\"") ",\"duration\":" DURATION(   \
        7, "days") ",\"direction\":" LITERAL("TimeDirection", "\"before\"") ",\"time\":" LITERAL("RelativeTime",       \
                                                                                                 "\"now\"") "}"
#define ELEMENT(name, what, more)                                                                                      \
    "{\"nodeType\":\"element\",\"varName\":\"" name "\",\"what\":" what ",\"negated\":false" more "}"

/* Every node type: an example, what it yields, and the keys that it cannot do without. */
static const struct {
    const char *type, *tree, *expect, *keys[5];
} nodes[] = {
    {"literal", LITERAL("String", "\"x\""), "\"x\"", {"value"}},
    {"parameterReference", FIELD("n", PROFILE), "2", {"position"}},
    {"varRef",
     "{\"nodeType\":\"let\",\"varName\":\"v\",\"value\":" LITERAL("Integer", "1") ",\"body\":" VAR("v") "}",
     "1",
     {"varName"}},
    {"fieldLookup", FIELD("n", PROFILE), "2", {"fieldName"}},
    {"fnApply", FN("count", FIELD("xs", PROFILE)), "2", {"fnName", "params"}},
    {"lambda",
     FN("map",
        FIELD("xs", PROFILE) ",{\"nodeType\":\"lambda\",\"params\":[{\"varName\":\"x\"}],\"body\":" VAR("x") "}"),
     "[1,2]",
     {"params", "body"}},
    {"fnCreate",
     FN("map",
        FIELD("xs", PROFILE) ",{\"nodeType\":\"fnCreate\",\"params\":[{\"varName\":\"x\"}],\"body\":" VAR("x") "}"),
     "[1,2]",
     {"params", "body"}},
    {"select",
     "{\"nodeType\":\"select\",\"variables\":[" DECL("x", FIELD("xs", PROFILE), IS(VAR("x"), 2)) "]}",
     "[2]",
     {"variables"}},
    {"varDecl",
     "{\"nodeType\":\"select\",\"variables\":[" DECL("x", FIELD("xs", PROFILE), IS(VAR("x"), 2)) "]}",
     "[2]",
     {"varName", "from"}},
    {"quantification",
     "{\"nodeType\":\"quantification\",\"quantifier\":\"one\",\"variables\":[" DECL("x", FIELD("xs", PROFILE),
                                                                                    IS(VAR("x"), 2)) "]}",
     "true",
     {"quantifier", "variables"}},
    {"chain",
     "{\"nodeType\":\"chain\",\"elements\":[" ELEMENT("A", IS(FIELD("k", VAR("A")), 1), "") "]}",
     "true",
     {"elements"}},
    {"element",
     "{\"nodeType\":\"chain\",\"source\":" FIELD(
         "xEvent",
         PROFILE) ",\"timestampField\":\"timestamp\",\"elements\":[" ELEMENT("A", IS(FIELD("k", VAR("A")), 1),
                                                                             ",\"count\":2,\"where\":" LITERAL(
                                                                                 "Boolean",
                                                                                 "true") ",\"when\":" WHEN) "]}",
     "true",
     {"varName", "what"}},
    {"occurs",
     "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD("t", PROFILE) ",\"when\":" WHEN "}",
     "true",
     {"timestamp", "when"}},
    {"timeQualification",
     "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD("t", PROFILE) ",\"when\":" WHEN "}",
     "true",
     {"time", "comparison", "duration"}},
    {"duration",
     "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD("t", PROFILE) ",\"when\":" WHEN "}",
     "true",
     {"count", "unit"}},
    {"range",
     "{\"nodeType\":\"occurs\",\"timestamp\":" FIELD(
         "t",
         PROFILE) ",\"when\":{\"nodeType\":\"range\",\"from\":" LITERAL("Timestamp",
                                                                        "\"2025-03-01\"") ",\"to\":" LITERAL("RelativeT"
                                                                                                             "ime",
                                                                                                             "\"today"
                                                                                                             "\"") "}}",
     "true",
     {"from", "to"}},
    {"gap",
     "{\"nodeType\":\"chain\",\"elements\":[" ELEMENT("A", IS(FIELD("k", VAR("A")), 1), "") "," ELEMENT(
         "B", IS(FIELD("k", VAR("B")), 1),
         ",\"gap\":[{\"nodeType\":\"gap\",\"comparison\":\"<=\",\"duration\":" DURATION(1, "hours") "}]") "]}",
     "true",
     {"comparison", "duration"}},
    {"let",
     "{\"nodeType\":\"let\",\"varName\":\"v\",\"value\":" LITERAL("Integer", "1") ",\"body\":" VAR("v") "}",
     "1",
     {"varName", "value", "body"}},
    {"aggregate",
     "{\"nodeType\":\"aggregate\",\"fnName\":\"sum\",\"body\":" VAR("x") ",\"variables\":[" DECL(
         "x", FIELD("xs", PROFILE), LITERAL("Boolean", "true")) "]}",
     "3",
     {"fnName", "body", "variables"}},
};

static const char tree_profile[] =
    "{\"n\":2,\"xs\":[1,2],\"t\":\"2025-03-10\",\"xEvent\":["
    "{\"timestamp\":\"2025-03-10T10:00:00Z\",\"k\":1},{\"timestamp\":\"2025-03-10T10:30:00Z\","
    "\"k\":1}]}";

/* `v`, with nodes of the type without the key (`to` NULL), or with another value there. */
static void
write_changed(struct buf *b, const struct json *v, const char *type, const char *key, const char *to)
{
    bool here = str_eq(json_str(json_get(v, S("nodeType"))), str_of(type)), object = json_is(v, JSON_OBJECT);
    struct json_iter it = json_iter(v);
    bool first = true;

    if (!object && !json_is(v, JSON_ARRAY)) {
        json_write(b, v);
        return;
    }
    buf_putc(b, object ? '{' : '[');
    while (json_next(&it)) {
        bool changed = here && str_eq(it.key, str_of(key));
        if (changed && to == NULL)
            continue;
        if (!first)
            buf_putc(b, ',');
        first = false;
        if (object)
            buf_printf(b, "\"%.*s\":", STR_ARG(it.key));
        if (changed)
            buf_put(b, str_of(to));
        else
            write_changed(b, it.value, type, key, to);
    }
    buf_putc(b, object ? '}' : ']');
}

static enum pql_error
class_of(struct str tree)
{
    enum pql_error class = PQL_OK;
    struct rule *r = NULL;

    (void)pql_compile_as(tree, &(struct pql_options){.format = PQL_JSON}, &r, &class, &t_diag);
    rule_free(r);
    return class;
}

TEST(s19_26_every_node_is_read)
{
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        const struct json *vector;
        struct pql_case c;
        struct buf b;
        buf_init_in(&b, t->arena, 1 << 20);
        buf_printf(&b,
                   "{\"id\":\"%s\",\"format\":\"pql/json\",\"now\":\"%s\",\"profile\":%s,\"expect\":%s,\"pql\":\"\"}",
                   nodes[i].type, S19_NOW, tree_profile, nodes[i].expect);
        CHECK_OK(json_parse(buf_str(&b), t->arena, &vector, d));
        CHECK_OK(pql_case_read(vector, t->arena, &c, d));
        c.source = str_of(nodes[i].tree);
        for (size_t e = 0; e < pql_evaluator_count; e++) {
            struct pql_outcome got = pql_evaluators[e].run(&c, t->arena);
            if (got.verdict == CASE_FAILED)
                t_fail(t, __FILE__, __LINE__, "%s, %s: %.*s", pql_evaluators[e].name, nodes[i].type, STR_ARG(got.why));
        }
    }
    s19_vectors(t, "ast-", 26);
}

/* Without a key that it needs, and with a value there that it cannot have. */
TEST(s19_26_malformed_nodes_are_refused)
{
    static const char *const values[] = {"{\"nodeType\":\"teleport\"}", "[[]]", "null"};

    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        const struct json *tree;
        CHECK_OK(json_parse(str_of(nodes[i].tree), t->arena, &tree, d));
        CHECK_TRUE(nodes[i].keys[0] != NULL);
        for (size_t k = 0; k < 5 && nodes[i].keys[k] != NULL; k++) {
            for (size_t v = 0; v < 1 + sizeof values / sizeof values[0]; v++) {
                const char *to = v == 0 ? NULL : values[v - 1];
                struct buf b;
                enum pql_error class;
                if (str_eq(str_of(nodes[i].type), S("literal")) && v > 0)
                    continue; /* a null is a value */
                buf_init_in(&b, t->arena, 1 << 20);
                write_changed(&b, tree, nodes[i].type, nodes[i].keys[k], to);
                class = class_of(buf_str(&b));
                if (class != PQL_PARSE && !(v > 0 && class == PQL_VALUE))
                    t_fail(t, __FILE__, __LINE__, "%s with %s for '%s': %s", nodes[i].type, to ? to : "nothing",
                           nodes[i].keys[k], pql_error_name(class));
            }
        }
    }
}
