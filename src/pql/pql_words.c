/* pql_words.c - the words that text and JSON share: units, comparisons, and which names need back-ticks in text. */
#include "pql/pql_int.h"

static const struct {
    const char *one, *many;
} units[] = {[UNIT_MS] = {"millisecond", "milliseconds"},
             [UNIT_SECOND] = {"second", "seconds"},
             [UNIT_MINUTE] = {"minute", "minutes"},
             [UNIT_HOUR] = {"hour", "hours"},
             [UNIT_DAY] = {"day", "days"},
             [UNIT_WEEK] = {"week", "weeks"},
             [UNIT_MONTH] = {"month", "months"},
             [UNIT_YEAR] = {"year", "years"},
             [UNIT_DECADE] = {"decade", "decades"},
             [UNIT_CENTURY] = {"century", "centuries"},
             [UNIT_MILLENNIUM] = {"millennium", "millennia"}};

bool
pql_unit_of(struct str word, enum rule_unit *out)
{
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_eq_nocase(word, str_of(units[i].one)) || str_eq_nocase(word, str_of(units[i].many))) {
            *out = (enum rule_unit)i;
            return true;
        }
    }
    return false;
}

struct str
pql_unit_name(enum rule_unit unit, bool many)
{
    return str_of(many ? units[unit].many : units[unit].one);
}

static const char *const comparisons[] = {
    [CMP_EQ] = "=", [CMP_NE] = "!=", [CMP_LT] = "<", [CMP_LE] = "<=", [CMP_GT] = ">", [CMP_GE] = ">="};

bool
pql_cmp_of(struct str text, enum value_cmp *out)
{
    for (unsigned i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        if (str_eq(text, str_of(comparisons[i]))) {
            *out = (enum value_cmp)i;
            return true;
        }
    }
    return false;
}

struct str
pql_cmp_text(enum value_cmp cmp)
{
    return str_of(comparisons[cmp]);
}

static const char *const periods[] = {[PERIOD_THIS] = "this", [PERIOD_LAST] = "last", [PERIOD_NEXT] = "next"};

bool
pql_period_of(struct str word, enum rule_period *out)
{
    for (unsigned i = PERIOD_THIS; i <= PERIOD_NEXT; i++) {
        if (str_eq_nocase(word, str_of(periods[i]))) {
            *out = (enum rule_period)i;
            return true;
        }
    }
    return false;
}

struct str
pql_period_name(enum rule_period period)
{
    return str_of(periods[period]);
}

static const char *const sides[] = {[SIDE_BEFORE] = "before", [SIDE_AFTER] = "after", [SIDE_FROM] = "from"};

bool
pql_side_of(struct str word, enum rule_side *out)
{
    for (unsigned i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        if (str_eq_nocase(word, str_of(sides[i]))) {
            *out = (enum rule_side)i;
            return true;
        }
    }
    return false;
}

struct str
pql_side_name(enum rule_side side)
{
    return str_of(sides[side]);
}

static const struct {
    const char *word;
    enum rule_op op;
} times[] = {{"now", RULE_NOW}, {"today", RULE_TODAY}, {"yesterday", RULE_YESTERDAY}, {"tomorrow", RULE_TOMORROW}};

bool
pql_time_word_of(struct str word, enum rule_op *out)
{
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (str_eq_nocase(word, str_of(times[i].word))) {
            *out = times[i].op;
            return true;
        }
    }
    return false;
}

struct str
pql_time_word(enum rule_op op)
{
    size_t i = 0;

    while (times[i].op != op)
        i++;
    return str_of(times[i].word);
}

static bool
word_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

bool
pql_is_word(struct str name)
{
    size_t i = 0;

    while (i < name.n && word_char(name.p[i], i == 0))
        i++;
    if (i == 0 || i == name.n)
        return i > 0;
    name = str_slice(name, i, name.n); /* a join suffix ends the name, and with its first brace */
    return str_starts(name, S("@{")) && str_find_char(name, '}') == (ptrdiff_t)name.n - 1;
}

/* A word that begins an operand as a name need not be one everywhere: the grammar looks one or two tokens ahead. Every
 * word that it asks for anywhere is here, so that nobody has to think about which may follow. */
bool
pql_is_reserved(struct str name)
{
    static const char *const words[] = {
        "and",    "or",       "not",    "in",    "notIn", "like",    "occurs",  "over",   "where",    "from", "true",
        "false",  "null",     "now",    "today", "let",   "select",  "all",     "exists", "some",     "none", "one",
        "forall", "sum",      "min",    "max",   "count", "average", "chain",   "if",     "this",     "last", "next",
        "on",     "tomorrow", "before", "after", "when",  "what",    "between", "gap",    "yesterday"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq_nocase(name, str_of(words[i])))
            return true;
    }
    return false;
}

const char *
pql_operator_text(const struct pql_ast *ast)
{
    static const char arith[][2] = {"+", "-", "*", "/", "%"};

    switch (ast->kind) {
    case AST_AND:
        return "and";
    case AST_OR:
        return "or";
    case AST_NOT:
        return "not";
    case AST_IN:
        return ast->negated ? "notIn" : "in";
    case AST_COMPARE:
        return comparisons[ast->cmp];
    case AST_ARITH:
        for (size_t i = 0; i < sizeof arith / sizeof arith[0]; i++) {
            if (arith[i][0] == ast->arith)
                return arith[i];
        }
        return NULL;
    default:
        return NULL;
    }
}
