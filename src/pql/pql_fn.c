/* pql_fn.c - the functions of the language: one table of names, argument counts and static types [SEGMENTATION 7, 11].
 */
#include "pql/pql_int.h"

/* Receivers refused. */
#define NOT_TEXT (T_NUMBER | T(BOOL) | T(TIME) | T(MAP) | T(OBJECT))
#define NOT_LIST (T_SCALAR | T(OBJECT) | T(MAP))
#define NOT_MAP (T_SCALAR | T(LIST))
#define NOT_DATE (T_NUMBER | T(BOOL) | T(LIST) | T(MAP) | T(OBJECT))
#define NOT_ID (T_NUMBER | T(BOOL) | T(TIME) | T(NULL) | T(LIST) | T(MAP) | T(OBJECT) | T(ENTRY))
/* Arguments accepted. */
#define TEXT (T(STRING) | T(ANY) | T(NULL))
#define FLAG (T(BOOL) | T(ANY))
#define WHOLE (T(INT) | T(ANY))
#define LISTS (T(LIST) | T(ANY) | T(NULL))
#define KEY (T(STRING) | T(ANY))
/* Element expressions that cannot be added up. */
#define NOT_ADDED (T(STRING) | T(BOOL) | T(TIME) | T(MAP) | T(OBJECT))

#define PREDICATE(name, fn)                                                                                            \
    {                                                                                                                  \
        name, fn, 2, 3, .receiver_not = NOT_TEXT, .arg_only = TEXT, .last_only = FLAG, .result = TYPE_BOOL             \
    }
#define OF_LIST(name, fn, args, type)                                                                                  \
    {                                                                                                                  \
        name, fn, args, args, .receiver_not = NOT_LIST, .result = type                                                 \
    }
#define OF_TWO(name, fn, type)                                                                                         \
    {                                                                                                                  \
        name, fn, 2, 2, .receiver_not = NOT_LIST, .arg_only = LISTS, .result = type                                    \
    }
#define ELEM(name, fn, min, max, type) name, fn, min, max, .elem = true, .receiver_not = NOT_LIST, .result = type

static const struct pql_fn fns[] = {
    PREDICATE("startsWith", FN_STARTS_WITH),
    PREDICATE("doesNotStartWith", FN_NOT_STARTS_WITH),
    PREDICATE("endsWith", FN_ENDS_WITH),
    PREDICATE("doesNotEndWith", FN_NOT_ENDS_WITH),
    PREDICATE("contains", FN_CONTAINS),
    PREDICATE("doesNotContain", FN_NOT_CONTAINS),
    {"equals", FN_EQUALS, 2, PQL_ARGS_MANY, .result = TYPE_BOOL},
    {"notEqualTo", FN_NOT_EQUAL_TO, 2, PQL_ARGS_MANY, .result = TYPE_BOOL},
    {"like", FN_LIKE, 2, 2, .receiver_not = NOT_TEXT, .arg_only = TEXT, .result = TYPE_BOOL},
    {"matches", FN_MATCHES, 2, 2, .receiver_not = NOT_TEXT, .arg_only = TEXT, .result = TYPE_BOOL},
    {"regexGroup", FN_REGEX_GROUP, 2, 3, .receiver_not = NOT_TEXT | T(LIST), .arg_only = TEXT, .last_only = WHOLE,
     .result = TYPE_STRING},

    OF_LIST("includes", FN_INCLUDES, 2, TYPE_BOOL),
    OF_TWO("intersects", FN_INTERSECTS, TYPE_BOOL),
    OF_TWO("intersection", FN_INTERSECTION, TYPE_LIST),
    OF_TWO("subsetOf", FN_SUBSET_OF, TYPE_BOOL),
    OF_TWO("supersetOf", FN_SUPERSET_OF, TYPE_BOOL),
    OF_LIST("distinct", FN_DISTINCT, 1, TYPE_LIST),
    OF_LIST("head", FN_HEAD, 1, TYPE_ANY),
    {ELEM("groupBy", FN_GROUP_BY, 2, 2, TYPE_MAP)},
    {ELEM("filter", FN_FILTER, 2, 2, TYPE_LIST), .elem_truth = true},
    {"map", FN_TO_MAP, 2, 2, .elem = true, .receiver_not = T_SCALAR, .result = TYPE_LIST},
    {ELEM("topN", FN_TOP_N, 3, 3, TYPE_LIST), .last_only = WHOLE},
    {ELEM("bottomN", FN_BOTTOM_N, 3, 3, TYPE_LIST), .last_only = WHOLE},
    {ELEM("exists", FN_EXISTS, 1, 2, TYPE_BOOL), .elem_optional = true, .elem_truth = true},
    {ELEM("forall", FN_FORALL, 2, 2, TYPE_BOOL), .elem_truth = true},

    {"count", FN_COUNT, 1, 1, .receiver_not = T_SCALAR | T(OBJECT), .result = TYPE_INT},
    {ELEM("sum", FN_SUM, 1, 2, TYPE_NUMBER), .elem_not = NOT_ADDED},
    {ELEM("average", FN_AVERAGE, 1, 2, TYPE_NUMBER), .elem_not = NOT_ADDED},
    {ELEM("min", FN_MIN, 1, 2, TYPE_ANY)},
    {ELEM("max", FN_MAX, 1, 2, TYPE_ANY)},

    {"get", FN_GET, 2, 2, .receiver_not = NOT_MAP, .arg_only = KEY, .result = TYPE_ANY},
    {"keys", FN_KEYS, 1, 1, .receiver_not = NOT_MAP, .result = TYPE_LIST},
    {"values", FN_VALUES, 1, 1, .receiver_not = NOT_MAP, .result = TYPE_LIST},
    {"mapEntry", FN_MAP_ENTRY, 2, 2, .result = TYPE_ENTRY},
    {"isNull", FN_IS_NULL, 1, 1, .result = TYPE_BOOL},
    {"isNotNull", FN_IS_NOT_NULL, 1, 1, .result = TYPE_BOOL},
    {"inSegment", FN_IN_SEGMENT, 1, 1, .receiver_not = NOT_ID, .result = TYPE_BOOL},

    {"currentMonth", FN_CURRENT_MONTH, 0, 0, .result = TYPE_INT},
    {"currentYear", FN_CURRENT_YEAR, 0, 0, .result = TYPE_INT},
    {"currentDayOfMonth", FN_CURRENT_DAY_OF_MONTH, 0, 0, .result = TYPE_INT},
    {"getMonth", FN_GET_MONTH, 1, 1, .receiver_not = NOT_DATE, .result = TYPE_INT},
    {"getYear", FN_GET_YEAR, 1, 1, .receiver_not = NOT_DATE, .result = TYPE_INT},
    {"getDayOfMonth", FN_GET_DAY_OF_MONTH, 1, 1, .receiver_not = NOT_DATE, .result = TYPE_INT},

    /* These two have nodes of their own: a literal, and RULE_IF. */
    {"date", FN_NONE, 3, 3, .result = TYPE_TIME},
    {"if", FN_NONE, 3, 3, .result = TYPE_ANY},
};

#define FN_COUNT_ALL (sizeof fns / sizeof fns[0])

const struct pql_fn *
pql_fn_find(struct str name)
{
    for (size_t i = 0; i < FN_COUNT_ALL; i++) {
        if (str_eq(name, str_of(fns[i].name)))
            return &fns[i];
    }
    return NULL;
}

const struct pql_fn *
pql_fn_of(enum rule_fn fn)
{
    for (size_t i = 0; i < FN_COUNT_ALL; i++) {
        if (fns[i].fn == fn && fn != FN_NONE)
            return &fns[i];
    }
    return NULL;
}

struct str
pql_fn_near(struct str name)
{
    static const struct {
        const char *word, *instead;
    } others[] = {
        {"every", "forall"},    {"any", "exists"},
        {"first", "head"},      {"last", "topN(timestamp, 1).head()"},
        {"then", "chain"},      {"within", "GAP in a chain"},
        {"avg", "average"},     {"length", "count"},
        {"size", "count"},      {"mean", "average"},
        {"unique", "distinct"},
    };
    struct str best = S_NULL;
    unsigned least = str_edits_near(name.n) + 1;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (str_eq_nocase(name, str_of(others[i].word)))
            return str_of(others[i].instead);
    }
    for (size_t i = 0; i < FN_COUNT_ALL; i++) {
        struct str fn = str_of(fns[i].name);
        unsigned edits = str_edits(name, fn);
        if (edits < least) {
            least = edits;
            best = fn;
        }
    }
    return best;
}
