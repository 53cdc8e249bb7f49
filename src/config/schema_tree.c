/* schema_tree.c - field trees: from JSON Schema, added together, compared, written.
 *
 * A resource (schema or field group) contributes its `properties`, what its allOf takes from its own `definitions`,
 * and, for schemas, the groups it references (schema_part.c). Adding is a merge: objects member by member, equal types
 * stay, anything else is a conflict that names the path. Shared nodes are never changed: an object is copied before a
 * member is added. */

#include "config/schema_int.h"

#include "base/check.h"
#include "base/limits.h"
#include "codec/json_writer.h"

static const struct {
    const char *name;
    enum xdm_type type;
} type_names[] = {
    {"string", XDM_STRING},   {"number", XDM_NUMBER}, {"long", XDM_LONG},     {"int", XDM_INT},
    {"short", XDM_SHORT},     {"byte", XDM_BYTE},     {"date", XDM_DATE},     {"date-time", XDM_DATE_TIME},
    {"boolean", XDM_BOOLEAN}, {"array", XDM_ARRAY},   {"object", XDM_OBJECT}, {"map", XDM_MAP},
    {"any", XDM_ANY},         {"integer", XDM_LONG},
};

const char *
xdm_type_name(enum xdm_type t)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (type_names[i].type == t)
            return type_names[i].name;
    }
    return "none";
}

const struct schema_field *
schema_member(const struct schema_field *object, struct str name)
{
    size_t low = 0, high = object->member_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = str_cmp(object->members[mid]->name, name);
        if (order == 0)
            return object->members[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static enum err
nomem(struct diag *d)
{
    return diag_set(d, ERR_NOMEM, "no memory for a schema");
}

/* One field that is both. */
static enum err
merge(struct schema_builder *b, const struct schema_field *x, const struct schema_field *y, const char *path,
      const struct schema_field **out, struct diag *d)
{
    struct schema_field *both;
    enum err rc = ERR_OK;

    CHECK(x != NULL && y != NULL);
    if (x == y || y->type == XDM_ANY) {
        *out = x;
        return ERR_OK;
    }
    if (x->type == XDM_ANY) {
        *out = y;
        return ERR_OK;
    }
    if (x->type != y->type)
        return diag_set_path(d, ERR_INVALID, path,
                             "field '%s' is of type %s in one part of the schema and %s in another", path,
                             xdm_type_name(x->type), xdm_type_name(y->type));
    both = ARENA_NEW(b->arena, struct schema_field);
    if (both == NULL)
        return nomem(d);
    *both = *x;
    both->required = x->required || y->required;
    if (x->type == XDM_OBJECT) {
        for (size_t i = 0; i < y->member_count && rc == ERR_OK; i++)
            rc = schema_add(b, both, y->members[i], path, d);
    } else if (x->element != NULL && y->element != NULL) {
        rc = merge(b, x->element, y->element, path, &both->element, d);
    }
    if (rc == ERR_OK)
        *out = both;
    return rc;
}

enum err
schema_add(struct schema_builder *b, struct schema_field *object, const struct schema_field *member, const char *path,
           struct diag *d)
{
    const struct schema_field **members;
    size_t at = 0;

    CHECK(member != NULL);
    while (at < object->member_count && str_cmp(object->members[at]->name, member->name) < 0)
        at++;
    if (at < object->member_count && str_eq(object->members[at]->name, member->name)) {
        char below[sizeof d->path];
        enum err rc;
        (void)snprintf(below, sizeof below, "%s%s%.*s", path, *path ? "." : "",
                       STR_ARG(member->name)); /* cut: a hint */
        members = ARENA_ARRAY(b->arena, const struct schema_field *, object->member_count);
        if (members == NULL)
            return nomem(d);
        memcpy(members, object->members, object->member_count * sizeof(const struct schema_field *));
        rc = merge(b, members[at], member, below, &members[at], d);
        if (rc == ERR_OK)
            object->members = members;
        return rc;
    }
    members = ARENA_ARRAY(b->arena, const struct schema_field *, object->member_count + 1);
    if (members == NULL)
        return nomem(d);
    if (at > 0)
        memcpy(members, object->members, at * sizeof(const struct schema_field *));
    members[at] = member;
    if (at < object->member_count)
        memcpy(members + at + 1, object->members + at,
               (object->member_count - at) * sizeof(const struct schema_field *));
    object->members = members;
    object->member_count++;
    return ERR_OK;
}

/* ---- from JSON Schema ---- */

struct reading {
    struct schema_builder *b;
    const struct json *whole;
    int depth; /* a chain of local references may be a circle */
};

static enum err from_json(struct reading *r, const struct json *def, struct str name, const char *path,
                          const struct schema_field **out, struct diag *d);

/* "#/definitions/customFields" inside the resource. */
static const struct json *
local_ref(const struct json *whole, struct str ref)
{
    struct str rest, part;

    if (!str_starts(ref, S("#")))
        return NULL;
    rest = str_slice(ref, 1, ref.n);
    if (str_starts(rest, S("/")))
        rest = str_slice(rest, 1, rest.n);
    while (whole != NULL && rest.p != NULL && rest.n > 0 && str_split(&rest, '/', &part))
        whole = json_get(whole, part);
    return whole;
}

static enum err
type_of(const struct json *def, const char *path, enum xdm_type *out, struct diag *d)
{
    struct str xdm = json_str(json_get(def, S("meta:xdmType"))), type = json_str(json_get(def, S("type"))),
               format = json_str(json_get(def, S("format"))), name = xdm.n ? xdm : type;
    const struct json *max = json_get(def, S("maximum"));

    *out = XDM_ANY;
    if (name.n == 0) {
        if (json_get(def, S("properties")) != NULL)
            *out = XDM_OBJECT;
        return ERR_OK;
    }
    *out = XDM_NONE;
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (str_eq(name, str_of(type_names[i].name)))
            *out = type_names[i].type;
    }
    if (*out == XDM_NONE)
        return diag_set_path(
            d, ERR_INVALID, path,
            "field '%s' has the unknown type '%.*s': expected string, number, integer, boolean, array or object", path,
            STR_ARG(name));
    if (*out == XDM_STRING && str_eq(format, S("date")))
        *out = XDM_DATE;
    if (*out == XDM_STRING && str_eq(format, S("date-time")))
        *out = XDM_DATE_TIME;
    if (*out == XDM_LONG && xdm.n == 0 && json_i64(max, 0) == INT32_MAX)
        *out = XDM_INT;
    if (*out == XDM_OBJECT && json_get(def, S("properties")) == NULL && json_get(def, S("allOf")) == NULL &&
        json_get(def, S("$ref")) == NULL)
        *out = XDM_MAP; /* free keys */
    return ERR_OK;
}

static enum err
read_pattern(struct reading *r, struct schema_field *f, struct str pattern, const char *path, struct diag *d)
{
    struct schema_pattern *p;
    const char *z = arena_cstr(r->b->arena, pattern);

    if (z == NULL)
        return nomem(d);
    p = malloc(sizeof *p);
    if (p == NULL)
        return nomem(d);
    if (memchr(z, '\0', pattern.n) != NULL || strstr(z, "\\d") != NULL || strstr(z, "(?") != NULL ||
        regcomp(&p->compiled, z, REG_EXTENDED | REG_NOSUB) != 0) {
        free(p);
        return diag_set_path(
            d, ERR_INVALID, path,
            "field '%s': pattern '%.*s' is not a POSIX extended regular expression (write [0-9] for \\d)", path,
            STR_ARG(pattern));
    }
    p->next = r->b->patterns;
    r->b->patterns = p;
    f->pattern = &p->compiled;
    f->pattern_text = (struct str){z, pattern.n};
    return ERR_OK;
}

static enum err
read_constraints(struct reading *r, const struct json *def, struct schema_field *f, const char *path, struct diag *d)
{
    struct arena *a = r->b->arena;
    const struct json *values = json_get(def, S("enum")), *min = json_get(def, S("minimum")),
                      *max = json_get(def, S("maximum")), *pattern = json_get(def, S("pattern"));
    struct str format = json_str(json_get(def, S("format")));
    struct json_iter it = json_iter(values);

    f->title = arena_str(a, json_str(json_get(def, S("title"))));
    f->description = arena_str(a, json_str(json_get(def, S("description"))));
    f->has_min = json_is_number(min);
    f->has_max = json_is_number(max);
    f->min = json_f64(min, 0);
    f->max = json_f64(max, 0);
    f->length_min = json_i64(json_get(def, S("minLength")), -1);
    f->length_max = json_i64(json_get(def, S("maxLength")), -1);
    if (f->type == XDM_STRING)
        f->format = str_eq(format, S("email"))                                       ? FORMAT_EMAIL
                    : str_eq(format, S("uuid"))                                      ? FORMAT_UUID
                    : str_eq(format, S("uri")) || str_eq(format, S("uri-reference")) ? FORMAT_URI
                                                                                     : FORMAT_NONE;
    if (f->type == XDM_STRING && json_count(values) > 0) {
        struct str *copies = ARENA_ARRAY(a, struct str, json_count(values));
        if (copies == NULL)
            return nomem(d);
        while (json_next(&it)) {
            if (!json_is(it.value, JSON_STRING))
                return diag_set_path(d, ERR_INVALID, path, "field '%s': enum values must be strings", path);
            copies[f->value_count++] = arena_str(a, json_str(it.value));
        }
        f->values = copies;
    }
    return pattern == NULL || f->type != XDM_STRING ? ERR_OK : read_pattern(r, f, json_str(pattern), path, d);
}

static enum err
read_properties(struct reading *r, const struct json *def, struct schema_field *f, const char *path, struct diag *d)
{
    struct json_iter it = json_iter(json_get(def, S("properties"))), need = json_iter(json_get(def, S("required")));
    enum err rc = ERR_OK;

    while (rc == ERR_OK && json_next(&it)) {
        const struct schema_field *member = NULL;
        char below[sizeof d->path];
        (void)snprintf(below, sizeof below, "%s%s%.*s", path, *path ? "." : "", STR_ARG(it.key));
        if (it.key.n == 0 || str_find_char(it.key, '.') >= 0)
            return diag_set_path(d, ERR_INVALID, below, "field name '%.*s' must not be empty or contain a dot",
                                 STR_ARG(it.key));
        rc = from_json(r, it.value, it.key, below, &member, d);
        if (rc == ERR_OK)
            rc = schema_add(r->b, f, member, path, d);
    }
    while (rc == ERR_OK && json_next(&need)) {
        for (size_t i = 0; i < f->member_count; i++) {
            CHECK(f->members[i] != NULL);
            if (str_eq(f->members[i]->name, json_str(need.value)) && !f->members[i]->required) {
                struct schema_field *copy = ARENA_NEW(r->b->arena, struct schema_field);
                if (copy == NULL)
                    return nomem(d);
                *copy = *f->members[i];
                copy->required = true;
                f->members[i] = copy;
            }
        }
    }
    return rc;
}

/* allOf and $ref of a property: local definitions, or one of the global data types. */
static enum err
read_refs(struct reading *r, const struct json *def, struct schema_field *f, const char *path, struct diag *d)
{
    struct json_iter it = json_iter(json_get(def, S("allOf")));
    const struct json *single = json_get(def, S("$ref")), *next = single ? def : NULL;
    enum err rc = ERR_OK;

    while (rc == ERR_OK && (next != NULL || json_next(&it))) {
        const struct json *part = next ? next : it.value;
        const struct schema_field *got = NULL, *sum = NULL;
        struct str ref = json_str(json_get(part, S("$ref")));
        const struct schema_global *g = schema_global_find(ref);

        next = NULL;
        if (ref.n > 0 && g != NULL && g->kind == GLOBAL_DATATYPE) {
            got = schema_datatype(r->b, g, f->name);
            rc = got ? ERR_OK : nomem(d);
        } else {
            const struct json *target = ref.n > 0 ? local_ref(r->whole, ref) : part;
            if (target == NULL)
                return diag_set_path(d, ERR_INVALID, path, "field '%s': unknown $ref '%.*s'", path, STR_ARG(ref));
            rc = from_json(r, target, f->name, path, &got, d);
        }
        if (rc == ERR_OK)
            rc = merge(r->b, f, got, path, &sum, d);
        if (rc == ERR_OK && sum != f)
            *f = *sum;
    }
    return rc;
}

static enum err
from_json(struct reading *r, const struct json *def, struct str name, const char *path, const struct schema_field **out,
          struct diag *d)
{
    struct schema_field *f = ARENA_NEW(r->b->arena, struct schema_field);
    const struct json *element;
    const struct schema_field *below = NULL;
    enum err rc;

    if (f == NULL)
        return nomem(d);
    if (!json_is(def, JSON_OBJECT))
        return diag_set_path(d, ERR_INVALID, path, "field '%s' must be a JSON Schema object, found %s", path,
                             json_type_name(json_type(def)));
    if (r->depth >= LIMIT_SCHEMA_DEPTH)
        return diag_set_path(d, ERR_LIMIT, path, "field '%s' nests deeper than %d levels", path, LIMIT_SCHEMA_DEPTH);
    f->name = arena_str(r->b->arena, name);
    f->length_min = f->length_max = -1;
    r->depth++;
    rc = type_of(def, path, &f->type, d);
    if (rc == ERR_OK)
        rc = read_constraints(r, def, f, path, d);
    if (rc == ERR_OK)
        rc = read_refs(r, def, f, path, d);
    if (rc == ERR_OK && f->type == XDM_OBJECT)
        rc = read_properties(r, def, f, path, d);
    element = f->type == XDM_ARRAY ? json_get(def, S("items")) : json_get(def, S("additionalProperties"));
    if (rc == ERR_OK && (f->type == XDM_ARRAY || f->type == XDM_MAP) && json_is(element, JSON_OBJECT)) {
        rc = from_json(r, element, S(""), path, &below, d);
        f->element = below;
    }
    r->depth--;
    if (rc == ERR_OK)
        *out = f;
    return rc;
}

/* Custom fields live below the tenant's root; a standard root may be repeated or extended in a schema's own properties
 * (OURS: one call makes a whole schema), where the merge keeps its types. */
static enum err
add_custom(struct schema_builder *b, const struct schema_field *from, struct str custom_root, struct schema_field *root,
           struct diag *d)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; i < from->member_count && rc == ERR_OK; i++) {
        const struct schema_field *m = from->members[i], *standard;
        CHECK(m != NULL);
        standard = schema_standard_root(b, m->name);
        if (custom_root.n > 0 && !str_eq(m->name, custom_root) && standard == NULL)
            return diag_set_path(d, ERR_INVALID, "properties",
                                 "for custom fields, you must use a top level field named %.*s: '%.*s' is not below it",
                                 STR_ARG(custom_root), STR_ARG(m->name));
        rc = schema_add(b, root, standard && standard->type == XDM_OBJECT ? standard : m, "", d);
        if (rc == ERR_OK && standard != NULL)
            rc = schema_add(b, root, m, "", d);
    }
    return rc;
}

enum err
schema_add_resource(struct schema_builder *b, const struct json *resource, struct str custom_root,
                    struct schema_field *root, struct diag *d)
{
    struct json_iter it = json_iter(json_get(resource, S("allOf")));
    struct reading r = {b, resource, 0};
    struct schema_field own = {.type = XDM_OBJECT};
    enum err rc = read_properties(&r, resource, &own, "", d);

    while (rc == ERR_OK && json_next(&it)) {
        struct str ref = json_str(json_get(it.value, S("$ref")));
        const struct json *part = ref.n ? local_ref(resource, ref) : it.value;

        if (ref.n > 0 && !str_starts(ref, S("#")))
            continue; /* class or field group: schema_part.c */
        if (part == NULL)
            return diag_set_path(d, ERR_INVALID, "allOf", "unknown $ref '%.*s'", STR_ARG(ref));
        rc = read_properties(&r, part, &own, "", d);
    }
    return rc == ERR_OK ? add_custom(b, &own, custom_root, root, d) : rc;
}

/* ---- reading trees ---- */

const struct schema_field *
schema_at(const struct schema_field *f, struct str path)
{
    struct str part;

    while (f != NULL && path.p != NULL && path.n > 0 && str_split(&path, '.', &part)) {
        while (f != NULL && f->type == XDM_ARRAY)
            f = f->element;
        if (f == NULL)
            return NULL;
        if (f->type == XDM_ANY)
            return f;
        if (f->type == XDM_MAP)
            f = f->element;
        else
            f = f->type == XDM_OBJECT ? schema_member(f, part) : NULL;
    }
    return f;
}

static bool
narrower(const struct schema_field *before, const struct schema_field *after)
{
    if (after->value_count > 0) {
        if (before->value_count == 0)
            return true;
        for (size_t i = 0; i < before->value_count; i++) {
            size_t k = 0;
            while (k < after->value_count && !str_eq(after->values[k], before->values[i]))
                k++;
            if (k == after->value_count)
                return true;
        }
    }
    return (after->has_min && (!before->has_min || after->min > before->min)) ||
           (after->has_max && (!before->has_max || after->max < before->max)) ||
           (after->length_min > before->length_min) ||
           (after->length_max >= 0 && (before->length_max < 0 || after->length_max < before->length_max)) ||
           (after->pattern != NULL && !str_eq(after->pattern_text, before->pattern_text)) ||
           (after->format != FORMAT_NONE && after->format != before->format);
}

static enum err
evolves(const struct schema_field *before, const struct schema_field *after, const char *path, struct diag *d)
{
    char below[sizeof d->path];
    enum err rc = ERR_OK;

    if (before->type != after->type)
        return diag_set_path(d, ERR_INVALID, path, "field '%s' is in use: its type must stay %s, found %s", path,
                             xdm_type_name(before->type), xdm_type_name(after->type));
    if (narrower(before, after))
        return diag_set_path(d, ERR_INVALID, path, "field '%s' is in use: its constraints must not be narrowed", path);
    if (before->element != NULL && after->element != NULL)
        rc = evolves(before->element, after->element, path, d);
    for (size_t i = 0; i < before->member_count && rc == ERR_OK; i++) {
        const struct schema_field *m = schema_member(after, before->members[i]->name);
        (void)snprintf(below, sizeof below, "%s%s%.*s", path, *path ? "." : "", STR_ARG(before->members[i]->name));
        if (m == NULL)
            return diag_set_path(d, ERR_INVALID, below, "field '%s' is in use: it must not be removed or renamed",
                                 below);
        rc = evolves(before->members[i], m, below, d);
        if (rc == ERR_OK && m->required && !before->members[i]->required)
            return diag_set_path(d, ERR_INVALID, below, "field '%s' is in use: it must not become required", below);
    }
    for (size_t i = 0; i < after->member_count && rc == ERR_OK; i++) {
        const struct schema_field *m = after->members[i];
        (void)snprintf(below, sizeof below, "%s%s%.*s", path, *path ? "." : "", STR_ARG(m->name));
        if (m->required && schema_member(before, m->name) == NULL)
            return diag_set_path(d, ERR_INVALID, below, "the schema is in use: the new field '%s' must not be required",
                                 below);
    }
    return rc;
}

enum err
schema_evolves(const struct schema_field *before, const struct schema_field *after, struct diag *d)
{
    return evolves(before, after, "", d);
}

static void
write_type(struct jw *w, const struct schema_field *f)
{
    static const char *const json_types[] = {
        [XDM_STRING] = "string",   [XDM_NUMBER] = "number", [XDM_LONG] = "integer",  [XDM_INT] = "integer",
        [XDM_SHORT] = "integer",   [XDM_BYTE] = "integer",  [XDM_DATE] = "string",   [XDM_DATE_TIME] = "string",
        [XDM_BOOLEAN] = "boolean", [XDM_ARRAY] = "array",   [XDM_OBJECT] = "object", [XDM_MAP] = "object",
    };
    static const char *const formats[] = {[FORMAT_EMAIL] = "email", [FORMAT_URI] = "uri", [FORMAT_UUID] = "uuid"};

    if (f->type == XDM_ANY || f->type == XDM_NONE)
        return;
    jw_kstr(w, S("type"), str_of(json_types[f->type]));
    jw_kstr(w, S("meta:xdmType"), str_of(xdm_type_name(f->type)));
    if (f->type == XDM_DATE || f->type == XDM_DATE_TIME)
        jw_kstr(w, S("format"), str_of(xdm_type_name(f->type)));
    if (f->format == FORMAT_CURRENCY || f->format == FORMAT_COUNTRY)
        jw_kstr(w, S("pattern"), f->format == FORMAT_CURRENCY ? S("^[A-Z]{3}$") : S("^[A-Z]{2}$"));
    else if (f->format != FORMAT_NONE)
        jw_kstr(w, S("format"), str_of(formats[f->format]));
    if (f->pattern != NULL)
        jw_kstr(w, S("pattern"), f->pattern_text);
    if (f->length_min >= 0)
        jw_ki64(w, S("minLength"), f->length_min);
    if (f->length_max >= 0)
        jw_ki64(w, S("maxLength"), f->length_max);
}

static void
write_bounds(struct jw *w, const struct schema_field *f)
{
    if (f->has_min) {
        jw_key(w, S("minimum"));
        jw_f64(w, f->min);
    }
    if (f->has_max) {
        jw_key(w, S("maximum"));
        jw_f64(w, f->max);
    }
    if (f->value_count > 0) {
        jw_key(w, S("enum"));
        jw_array(w);
        for (size_t i = 0; i < f->value_count; i++)
            jw_str(w, f->values[i]);
        jw_end(w);
    }
}

static void
write_members(struct jw *w, const struct schema_field *f, bool text)
{
    bool any_required = false;

    jw_key(w, S("properties"));
    jw_object(w);
    for (size_t i = 0; i < f->member_count; i++) {
        any_required = any_required || f->members[i]->required;
        jw_key(w, f->members[i]->name);
        jw_object(w);
        schema_field_write(w, f->members[i], text);
        jw_end(w);
    }
    jw_end(w);
    if (!any_required)
        return;
    jw_key(w, S("required"));
    jw_array(w);
    for (size_t i = 0; i < f->member_count; i++) {
        if (f->members[i]->required)
            jw_str(w, f->members[i]->name);
    }
    jw_end(w);
}

void
schema_field_write(struct jw *w, const struct schema_field *f, bool text)
{
    if (text && f->title.n > 0)
        jw_kstr(w, S("title"), f->title);
    if (text && f->description.n > 0)
        jw_kstr(w, S("description"), f->description);
    write_type(w, f);
    write_bounds(w, f);
    if (f->type == XDM_OBJECT)
        write_members(w, f, text);
    if ((f->type == XDM_ARRAY || f->type == XDM_MAP) && f->element != NULL) {
        jw_key(w, f->type == XDM_ARRAY ? S("items") : S("additionalProperties"));
        jw_object(w);
        schema_field_write(w, f->element, text);
        jw_end(w);
    }
}
