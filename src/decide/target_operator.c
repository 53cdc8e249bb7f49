/* target_operator.c - the operators of a condition over one or more fields [TARGET 4.1].
 *
 * Most conditions ask one field. A country is asked by its name and by its code, an affinity by five ranks: then the
 * condition holds when it holds for one of them. A value "${profile.b}" (or user., mbox.) is another field. */
#include "decide/target_int.h"

/* A value of a leaf as text: numbers and booleans as their JSON text [TARGET 1.2]. */
static bool
leaf_text(struct lower *w, const struct json *v, struct str *text)
{
    switch (json_type(v)) {
    case JSON_STRING:
        *text = json_str(v);
        return true;
    case JSON_BOOL:
        *text = json_bool(v, false) ? S("true") : S("false");
        return true;
    case JSON_INT:
        *text = arena_printf(w->a, "%lld", (long long)json_i64(v, 0));
        return text->p != NULL;
    case JSON_DOUBLE:
        *text = arena_printf(w->a, "%.15g", json_f64(v, 0));
        return text->p != NULL;
    default:
        return false;
    }
}

struct str *
target_values(struct lower *w, const struct json *values, size_t *n)
{
    struct json_iter it = json_iter(values);
    struct str *texts;

    *n = json_count(values);
    if (!json_is(values, JSON_ARRAY) || *n == 0)
        return (void *)target_refuse(w, "a list of one or more values", values);
    if (*n > LIMIT_TARGET_RULE_VALUES) {
        w->rc = diag_set_path(w->d, ERR_LIMIT, w->path, "%s has %zu values, at most %d are allowed", w->path, *n,
                              LIMIT_TARGET_RULE_VALUES);
        return NULL;
    }
    texts = ARENA_ARRAY(w->a, struct str, *n);
    if (texts == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; json_next(&it); i++) {
        size_t at = target_path_index(w, i);
        if (!leaf_text(w, it.value, &texts[i]))
            return (void *)target_refuse(w, "a string, a number or a boolean", it.value);
        target_path_cut(w, at);
    }
    return texts;
}

bool
target_reference(struct str text, struct field *f)
{
    static const struct {
        const char *prefix;
        enum field_source source;
    } table[] = {{"${profile.", FIELD_PROFILE}, {"${user.", FIELD_PROFILE}, {"${mbox.", FIELD_MBOX}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str prefix = str_of(table[i].prefix);
        if (!str_starts(text, prefix) || text.n < prefix.n + 2 || text.p[text.n - 1] != '}')
            continue;
        *f = (struct field){table[i].source, str_slice(text, prefix.n, text.n - 1)};
        return f->name.n <= LIMIT_MBOX_NAME_BYTES && str_find_char(f->name, '}') < 0 && str_find_char(f->name, ' ') < 0;
    }
    return false;
}

/* ---- equality ---- */

/* subject = one of the literals. */
static struct rule_node *
one_of(struct lower *w, struct rule_node *subject, struct rule_node **literals, size_t n)
{
    struct rule_node *list;
    struct value_list *values;
    struct value *items;

    if (n == 1)
        return target_compare(w, CMP_EQ, subject, literals[0]);
    list = target_node(w, RULE_LIST, literals, n);
    values = ARENA_NEW(w->a, struct value_list);
    items = ARENA_ARRAY(w->a, struct value, n);
    if (list == NULL || values == NULL || items == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++)
        items[i] = literals[i]->value;
    *values = (struct value_list){.items = items, .n = n};
    list->type = TYPE_LIST;
    list->value = (struct value){.kind = VALUE_LIST, .list = values};
    return target_node2(w, RULE_IN, subject, list);
}

/* Values sorted into what they are compared as. */
struct sorted {
    struct rule_node **numbers, **words, **others; /* others: whole comparisons with other fields */
    size_t number_count, word_count, other_count;
};

static struct rule_node *
text_form(struct lower *w, struct rule_node *field, bool exact)
{
    return exact ? field : target_call1(w, FN_LOWER, field);
}

static struct rule_node *
equals_field(struct lower *w, struct rule_node *field, const struct field *f, bool exact)
{
    struct rule_node *other = target_param(w, f->source, f->name);

    if (other == NULL)
        return NULL;
    return target_node2(w, RULE_OR, target_compare(w, CMP_EQ, target_number_of(w, field), target_number_of(w, other)),
                        target_compare(w, CMP_EQ, text_form(w, field, exact), text_form(w, other, exact)));
}

static bool
sort_value(struct lower *w, struct rule_node *field, struct str text, bool exact, struct sorted *s)
{
    struct rule_node *x;
    struct field f;

    if (target_reference(text, &f)) {
        s->others[s->other_count] = equals_field(w, field, &f, exact);
        return s->others[s->other_count++] != NULL;
    }
    x = target_number(w, text);
    if (x != NULL && x->value.kind != VALUE_NULL) {
        s->numbers[s->number_count++] = x;
        return true;
    }
    x = exact ? target_text(w, text) : target_folded(w, FN_LOWER, text);
    s->words[s->word_count++] = x;
    return x != NULL && w->rc == ERR_OK;
}

/* Decimal texts compare as numbers, the rest as texts, exact or folded. */
static struct rule_node *
lower_equals(struct lower *w, struct rule_node *field, const struct str *texts, size_t n, bool exact)
{
    struct sorted s = {ARENA_ARRAY(w->a, struct rule_node *, n),
                       ARENA_ARRAY(w->a, struct rule_node *, n),
                       ARENA_ARRAY(w->a, struct rule_node *, n + 2),
                       0,
                       0,
                       0};

    if (s.numbers == NULL || s.words == NULL || s.others == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        if (!sort_value(w, field, texts[i], exact, &s))
            return NULL;
    }
    if (s.number_count > 0)
        s.others[s.other_count++] = one_of(w, target_number_of(w, field), s.numbers, s.number_count);
    if (s.word_count > 0)
        s.others[s.other_count++] = one_of(w, text_form(w, field, exact), s.words, s.word_count);
    if (w->rc != ERR_OK)
        return NULL;
    return target_any_of(w, s.others, s.other_count);
}

/* ---- texts and order ---- */

static struct rule_node *
lower_text(struct lower *w, enum rule_fn fn, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = target_call1(w, FN_LOWER, field), *value;
    struct field f;

    if (args == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        value = target_reference(texts[i], &f) ? target_call1(w, FN_LOWER, target_param(w, f.source, f.name))
                                               : target_folded(w, FN_LOWER, texts[i]);
        args[i] = target_call2(w, fn, subject, value);
        if (args[i] == NULL)
            return NULL;
    }
    return target_any_of(w, args, n);
}

static struct rule_node *
lower_order(struct lower *w, enum value_cmp cmp, struct rule_node *field, const struct str *texts, size_t n)
{
    struct rule_node **args = ARENA_ARRAY(w->a, struct rule_node *, n);
    struct rule_node *subject = target_number_of(w, field), *value;
    struct field f;

    if (args == NULL)
        return target_fail_memory(w);
    for (size_t i = 0; i < n; i++) {
        bool reference = target_reference(texts[i], &f);
        value = reference ? target_number_of(w, target_param(w, f.source, f.name)) : target_number(w, texts[i]);
        if (value == NULL)
            return NULL;
        if (!reference && value->value.kind == VALUE_NULL) {
            w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s[%zu] must be a decimal number, got '%.*s'", w->path,
                                  i, (int)(texts[i].n < 40 ? texts[i].n : 40), texts[i].p);
            return NULL;
        }
        args[i] = target_compare(w, cmp, subject, value);
        if (args[i] == NULL)
            return NULL;
    }
    return target_any_of(w, args, n);
}

struct rule_node *
target_holds(struct lower *w, enum leaf_op op, struct rule_node *field, const struct str *texts, size_t n, bool exact)
{
    if (field == NULL)
        return NULL;
    switch (op) {
    case OP_EQUALS:
        return lower_equals(w, field, texts, n, exact);
    case OP_EQUALS_IGNORE_CASE:
    case OP_MATCHES:
        return lower_equals(w, field, texts, n, false);
    case OP_CONTAINS:
        return lower_text(w, FN_CONTAINS, field, texts, n);
    case OP_STARTS_WITH:
        return lower_text(w, FN_STARTS_WITH, field, texts, n);
    case OP_ENDS_WITH:
        return lower_text(w, FN_ENDS_WITH, field, texts, n);
    case OP_GREATER:
        return lower_order(w, CMP_GT, field, texts, n);
    case OP_GREATER_EQUAL:
        return lower_order(w, CMP_GE, field, texts, n);
    case OP_LESS:
        return lower_order(w, CMP_LT, field, texts, n);
    case OP_LESS_EQUAL:
        return lower_order(w, CMP_LE, field, texts, n);
    default:
        w->rc = diag_set_path(w->d, ERR_INVALID, w->path, "%s: 'between' belongs to time ranges only", w->path);
        return NULL;
    }
}

struct rule_node *
target_present(struct lower *w, enum leaf_op op, const struct field *f, bool wanted)
{
    struct rule_node *field = target_param(w, f->source, f->name), *there;

    if (field_is_boolean(f->source, f->name))
        return target_compare(w, CMP_EQ, field, target_text(w, wanted ? S("true") : S("false")));
    there = op == OP_EXISTS ? target_call1(w, FN_IS_NOT_NULL, field)
                            : target_compare(w, CMP_NE, field, target_text(w, S("")));
    return wanted ? there : target_node1(w, RULE_NOT, there);
}
