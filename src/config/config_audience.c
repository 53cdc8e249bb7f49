/* config_audience.c - an audience's expression: compiled, and held against the sandbox's union schemas.
 *
 * The union of the profile-enabled schemas of a class [PLATFORM 2.7] gives paths their types and says which fields
 * there are, so an unknown field or an operation that its type refuses is an error when the audience is saved
 * [SEGMENTATION 3, 11, C 42]. A sandbox without a profile-enabled schema of the class says nothing, and everything
 * goes: profiles and events are asked apart. What the schemas say changes no rule, so an audience that was saved before
 * its schemas stays as it is until its expression is edited. */
#include "config/config_int.h"

#include "config/schema_int.h"

/* ---- fields, as the compiler asks for them ---- */

static enum rule_type
type_of(const void *field)
{
    static const enum rule_type types[] = {
        [XDM_NONE] = TYPE_ANY,      [XDM_ANY] = TYPE_ANY,        [XDM_STRING] = TYPE_STRING, [XDM_NUMBER] = TYPE_NUMBER,
        [XDM_LONG] = TYPE_INT,      [XDM_INT] = TYPE_INT,        [XDM_SHORT] = TYPE_INT,     [XDM_BYTE] = TYPE_INT,
        [XDM_DATE] = TYPE_TIME,     [XDM_DATE_TIME] = TYPE_TIME, [XDM_BOOLEAN] = TYPE_BOOL,  [XDM_ARRAY] = TYPE_LIST,
        [XDM_OBJECT] = TYPE_OBJECT, [XDM_MAP] = TYPE_MAP,
    };

    return types[((const struct schema_field *)field)->type];
}

static const void *
member_of(const void *object, struct str name)
{
    return schema_member(object, name);
}

static const void *
element_of(const void *field)
{
    return ((const struct schema_field *)field)->element;
}

static struct str
near_member(const void *object, struct str name)
{
    const struct schema_field *f = object;
    unsigned least = str_edits_near(name.n) + 1;
    struct str best = S_NULL;

    for (size_t i = 0; i < f->member_count; i++) {
        unsigned edits = str_edits(name, f->members[i]->name);
        if (edits < least) {
            least = edits;
            best = f->members[i]->name;
        }
    }
    return best;
}

/* ---- compiling ---- */

/* "PQL-TYPE: line 1 column 5: what is wrong", or with the path of a node in JSON. */
static enum err
explain(struct str source, enum pql_format format, enum pql_error class, enum err rc, struct diag *d)
{
    struct diag inner = *d;
    unsigned line, column;
    char code[16], place[160];
    size_t i = 0;

    for (const char *p = pql_error_name(class); *p != '\0' && i + 1 < sizeof code; p++)
        code[i++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    code[i] = '\0';
    pql_position(source, inner.pos == DIAG_NO_POS ? 0 : inner.pos, &line, &column);
    if (format == PQL_JSON && inner.path[0] != '\0')
        (void)snprintf(place, sizeof place, "at %s", inner.path);
    else
        (void)snprintf(place, sizeof place, "line %u column %u", line, column);
    (void)diag_set_path(d, rc, "expression.value", "PQL-%s: %s: %s", code, place, inner.what);
    d->pos = inner.pos;
    if (inner.hint[0] != '\0')
        diag_hint(d, "%s", inner.hint);
    return rc;
}

enum err
expression_compile(struct str source, enum pql_format format, const struct schema_part *schemas, struct rule **out,
                   struct diag *d)
{
    struct pql_schema schema = {schemas != NULL ? schemas->profile_union : NULL,
                                schemas != NULL ? schemas->event_union : NULL,
                                type_of,
                                member_of,
                                element_of,
                                near_member};
    struct pql_options options = {.format = format, .definition = true, .schema = &schema};
    enum pql_error class = PQL_OK;
    enum err rc = pql_compile_as(source, &options, out, &class, d);

    return rc == ERR_OK || class == PQL_OK ? rc : explain(source, format, class, rc, d);
}

enum err
audience_compile(const struct config_object *o, const struct schema_part *schemas, struct rule **out, struct diag *d)
{
    enum pql_format format = PQL_TEXT;

    (void)pql_format_of(json_str(json_path(o->json, S("expression.format"))), &format); /* checked before */
    return expression_compile(json_str(json_path(o->json, S("expression.value"))), format, schemas, out, d);
}

static bool
same_expression(const struct config_object *a, const struct config_object *b)
{
    return json_equal(json_get(a->json, S("expression")), json_get(b->json, S("expression")));
}

enum err
audience_check_fields(const struct config_object *o, const struct config_object *before,
                      const struct schema_part *schemas, struct diag *d)
{
    struct rule *r = NULL;
    enum err rc;

    if (o->rule == NULL || schemas == NULL || (schemas->profile_union == NULL && schemas->event_union == NULL) ||
        (before != NULL && same_expression(o, before)))
        return ERR_OK;
    rc = audience_compile(o, schemas, &r, d);
    rule_free(r);
    return rc;
}
