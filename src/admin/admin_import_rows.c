/* admin_import_rows.c - one row in, one hit out. See admin_rows.h.
 *
 * The row's text is parsed once. When it fits the schema as it is, its data is copied to the hit as it came (but for
 * identityMap); a row with values of other types ("12" where the schema says int) is rewritten with converted values,
 * parsed and checked again, so that nothing unchecked gets into the log. */
#include <stdlib.h>

#include "admin/admin_rows.h"
#include "base/civil.h"
#include "base/limits.h"
#include "codec/json_writer.h"

/* ---- the reader ---- */

/* tags: {"unifiedProfile":["enabled:true","isUpsert:true"]} [PLATFORM 3.1]. */
static bool
tagged(const struct json *dataset, struct str tag, struct str value)
{
    const struct json *tags = json_get(json_get(dataset, S("tags")), tag);
    struct json_iter it = json_iter(tags);

    if (str_eq(json_str(tags), value))
        return true;
    while (json_is(tags, JSON_ARRAY) && json_next(&it)) {
        if (str_eq(json_str(it.value), value))
            return true;
    }
    return false;
}

enum err
row_reader_init(struct row_reader *r, const struct snapshot *s, struct str scope, struct str dataset,
                const struct json *object, struct diag *d)
{
    struct str schema = json_str(json_path(object, S("schemaRef.id")));

    *r = (struct row_reader){.scope = scope, .dataset = dataset, .source = SOURCE_STREAM};
    r->view = schema_view_of(s, scope, schema);
    if (r->view == NULL)
        return diag_set(d, ERR_INVALID, "dataset '%.*s' has schema '%.*s', which does not exist", STR_ARG(dataset),
                        STR_ARG(schema));
    r->schema = schema_view_id(r->view);
    r->identities = schema_view_identities(r->view, &r->identity_count);
    r->event = schema_view_is_event(r->view);
    r->upsert = !r->event &&
                (tagged(object, S("unifiedProfile"), S("isUpsert:true")) || tagged(object, S("isUpsert"), S("true")));
    r->lake_only = !tagged(object, S("unifiedProfile"), S("enabled:true")) &&
                   !tagged(object, S("unifiedIdentity"), S("enabled:true"));
    r->check = !tagged(object, S("acp_validationContext"), S("disabled"));
    buf_init(&r->priv_text, LIMIT_UPLOAD_ROW_BYTES * 2);
    buf_init(&r->priv_xdm, LIMIT_UPLOAD_ROW_BYTES * 2);
    return ERR_OK;
}

enum err
row_reader_init_external(struct row_reader *r, struct str scope, struct str audience, const struct json *fields,
                         struct arena *a, struct diag *d)
{
    *r = (struct row_reader){.scope = scope,
                             .source = SOURCE_BATCH,
                             .lenient = true,
                             .check = true,
                             .audience = audience,
                             .view = schema_view_of_fields(fields, a)};
    if (r->view == NULL)
        return diag_set(d, ERR_NOMEM, "no memory to read the rows of an audience");
    r->identities = schema_view_identities(r->view, &r->identity_count);
    buf_init(&r->priv_text, LIMIT_UPLOAD_ROW_BYTES * 2);
    buf_init(&r->priv_xdm, LIMIT_UPLOAD_ROW_BYTES * 2);
    return ERR_OK;
}

void
row_reader_deinit(struct row_reader *r)
{
    buf_deinit(&r->priv_text);
    buf_deinit(&r->priv_xdm);
}

static enum err
refuse(struct row_fault *fault, enum row_code code, struct str message)
{
    fault->code = code;
    fault->message = message.p != NULL ? message : S("out of memory");
    return ERR_INVALID;
}

/* ---- conversion ---- */

static bool
integer_of(struct str s, int64_t *out)
{
    double x;

    if (str_to_i64(s, out))
        return true;
    if (!str_to_f64(s, &x) || x < -9007199254740992.0 || x > 9007199254740992.0 || x != (double)(int64_t)x)
        return false;
    *out = (int64_t)x; /* numbers narrow when exact [PLATFORM 3.2] */
    return true;
}

static bool
write_date(struct jw *w, struct str s, bool with_time)
{
    char text[ISO8601_BYTES];
    int64_t ms;
    bool date_only = false;

    if (!iso8601_parse(s, &ms, &date_only) && !str_to_i64(s, &ms)) /* long (ms) to date [PLATFORM 3.2] */
        return false;
    if (ms < -62135596800000 || ms > 253402300799999) /* years 1..9999 */
        return false;
    iso8601_format(ms, text);
    if (with_time)
        jw_str(w, (struct str){text, ISO8601_BYTES});
    else if (ms % MS_PER_DAY == 0)
        jw_str(w, (struct str){text, 10});
    return with_time || ms % MS_PER_DAY == 0;
}

static bool
write_nested(struct jw *w, char first, struct str s, struct arena *a)
{
    struct diag ignored = DIAG_INIT; /* the caller says that the value does not fit */
    const struct json *v;

    if (s.n == 0 || s.p[0] != first || json_parse(s, a, &v, &ignored) != ERR_OK)
        return false;
    jw_json(w, v);
    return true;
}

bool
row_write_value(struct jw *w, enum xdm_type type, struct str s, struct arena *a)
{
    int64_t i;
    double x;

    if (type == XDM_STRING || type == XDM_ANY) {
        jw_str(w, s);
        return true;
    }
    s = str_trim(s);
    switch (type) {
    case XDM_NUMBER:
        if (!str_to_f64(s, &x))
            return false;
        jw_f64(w, x);
        return true;
    case XDM_LONG:
    case XDM_INT:
    case XDM_SHORT:
    case XDM_BYTE:
        if (!integer_of(s, &i))
            return false;
        jw_i64(w, i);
        return true;
    case XDM_BOOLEAN:
        if (!str_eq_nocase(s, S("true")) && !str_eq_nocase(s, S("false")))
            return false;
        jw_bool(w, str_eq_nocase(s, S("true")));
        return true;
    case XDM_DATE:
    case XDM_DATE_TIME:
        return write_date(w, s, type == XDM_DATE_TIME);
    case XDM_ARRAY:
        return write_nested(w, '[', s, a);
    case XDM_OBJECT:
    case XDM_MAP:
        return write_nested(w, '{', s, a);
    default:
        return false;
    }
}

struct conversion {
    const struct schema_view *view;
    struct arena *arena;
    struct jw w;
    bool drop_nulls;
    bool types; /* convert values; else only nulls go */
};

/* A value that has its type already, or cannot get it, stays as it is: the check that follows says so. */
static void
convert_scalar(struct conversion *c, const struct json *v, enum xdm_type type)
{
    struct str text = json_str(v);

    if (json_is_number(v) && type != XDM_NUMBER) {
        text = arena_printf(c->arena, "%.17g", json_f64(v, 0));
        if (json_is(v, JSON_INT))
            text = arena_printf(c->arena, "%lld", (long long)json_i64(v, 0));
    }
    if (!c->types || text.p == NULL || type == XDM_STRING || type == XDM_NONE || type == XDM_ANY ||
        type == XDM_OBJECT || type == XDM_MAP || type == XDM_ARRAY || (json_is_number(v) && type == XDM_BOOLEAN) ||
        !row_write_value(&c->w, type, text, c->arena))
        jw_json(&c->w, v);
}

/* `path` is that of the value; an array's elements share it (schema_view.h). */
static void
convert(struct conversion *c, const struct json *v, struct str path, bool element)
{
    struct json_iter it = json_iter(v);

    if (json_is(v, JSON_OBJECT)) {
        jw_object(&c->w);
        while (json_next(&it)) {
            struct str child =
                path.n == 0 ? it.key : arena_printf(c->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(it.key));
            if (c->drop_nulls && json_is(it.value, JSON_NULL))
                continue;
            jw_key(&c->w, it.key);
            convert(c, it.value, child, false);
        }
        jw_end(&c->w);
    } else if (json_is(v, JSON_ARRAY)) {
        jw_array(&c->w);
        while (json_next(&it))
            convert(c, it.value, path, true);
        jw_end(&c->w);
    } else {
        convert_scalar(c, v, element ? schema_view_element_type(c->view, path) : schema_view_type(c->view, path));
    }
}

/* ---- the check ---- */

static bool
could_convert(const struct schema_violation *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].keyword, "type") == 0 || strcmp(v[i].keyword, "format") == 0)
            return true;
    }
    return false;
}

static enum err
refuse_violations(struct row_fault *fault, size_t n, struct arena *a)
{
    const struct schema_violation *v = fault->violations;
    bool incomplete = false;

    fault->violation_count = n;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fault->violations[i].keyword, "required") == 0) {
            incomplete = true;
            v = &fault->violations[i];
            break;
        }
    }
    return refuse(fault, incomplete ? ROW_INCOMPLETE : ROW_UNREADABLE,
                  v->path.n == 0 ? v->message : arena_printf(a, "%.*s: %.*s", STR_ARG(v->path), STR_ARG(v->message)));
}

static enum err
parse_object(struct str text, struct arena *a, const struct json **out, struct row_fault *fault)
{
    struct diag d = DIAG_INIT;

    if (json_parse(text, a, out, &d) != ERR_OK)
        return refuse(fault, ROW_UNREADABLE, arena_str(a, str_of(d.what)));
    if (!json_is(*out, JSON_OBJECT))
        return refuse(fault, ROW_UNREADABLE,
                      arena_printf(a, "a row is an object, found %s", json_type_name(json_type(*out))));
    return ERR_OK;
}

static bool
has_null(const struct json *v)
{
    struct json_iter it = json_iter(v);

    if (json_is(v, JSON_NULL))
        return true;
    while ((json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY)) && json_next(&it)) {
        if (has_null(it.value))
            return true;
    }
    return false;
}

/* Rewrites the row with values of the schema's types and without nulls, and reads it again. */
static enum err
rewrite(struct row_reader *r, bool drop_nulls, struct arena *a, struct str *text, const struct json **row,
        struct row_fault *fault)
{
    struct conversion c = {.view = r->view, .arena = a, .drop_nulls = drop_nulls, .types = r->lenient};

    buf_clear(&r->priv_text);
    c.w = jw_to(&r->priv_text);
    convert(&c, *row, S_NULL, false);
    if (!buf_ok(&r->priv_text))
        return refuse(fault, ROW_UNREADABLE, S("the row is too long"));
    r->converted = true;
    *text = buf_str(&r->priv_text);
    return parse_object(*text, a, row, fault);
}

/* Checks the row against the schema; *text and *row become the rewritten row when it had to be converted. */
static enum err
check_row(struct row_reader *r, struct str *text, const struct json **row, struct arena *a, struct row_fault *fault)
{
    bool nulls = !r->upsert && has_null(*row);
    size_t n = !r->check ? 0 : schema_view_validate(r->view, *row, a, fault->violations, SCHEMA_VIOLATIONS_MAX);
    enum err rc;

    fault->parsed = true;
    if (!nulls && (n == 0 || !r->lenient || !could_convert(fault->violations, n)))
        return n == 0 ? ERR_OK : refuse_violations(fault, n, a);
    rc = rewrite(r, nulls, a, text, row, fault);
    if (rc != ERR_OK)
        return rc;
    n = !r->check ? 0 : schema_view_validate(r->view, *row, a, fault->violations, SCHEMA_VIOLATIONS_MAX);
    return n == 0 ? ERR_OK : refuse_violations(fault, n, a);
}

/* ---- events ---- */

static enum err
read_event(const struct json *row, int64_t now_ms, struct hit *h, struct arena *a, struct row_fault *fault)
{
    struct str timestamp = json_str(json_get(row, S("timestamp")));

    h->event_id = json_str(json_get(row, S("_id")));
    if (h->event_id.n == 0)
        return refuse(fault, ROW_INCOMPLETE, S("_id: required, and must not be empty"));
    if (h->event_id.n > LIMIT_IDENTITY_VALUE_BYTES)
        return refuse(fault, ROW_UNREADABLE, arena_printf(a, "_id: at most %d bytes", LIMIT_IDENTITY_VALUE_BYTES));
    if (timestamp.n == 0)
        return refuse(fault, ROW_INCOMPLETE, S("timestamp: required, and must not be empty"));
    if (!iso8601_parse(timestamp, &h->event_ms, NULL))
        return refuse(fault, ROW_UNREADABLE,
                      arena_printf(a, "timestamp: expected an ISO 8601 date and time, found '%.*s'",
                                   (int)(timestamp.n < 64 ? timestamp.n : 64), timestamp.p));
    if (h->event_ms > now_ms + LIMIT_EVENT_FUTURE_MS) /* [PLATFORM B-20] */
        return refuse(fault, ROW_UNREADABLE, S("timestamp: more than a day in the future"));
    return ERR_OK;
}

/* ---- identities ---- */

static bool
all_in(struct str s, const char *set)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
            return false;
    }
    return true;
}

/* Values that say that nothing is known [PLATFORM 4.3]: left out, the row stays. */
static bool
placeholder(struct str id)
{
    return id.n == 0 || str_eq_nocase(id, S("null")) || str_eq_nocase(id, S("undefined")) ||
           str_eq_nocase(id, S("anonymous")) || str_eq(id, S("00000000-0000-0000-0000-000000000000"));
}

/* Values that make the whole row unusable [PLATFORM 4.1]. */
static enum err
judge(const struct identity *id, struct arena *a, struct row_fault *fault)
{
    if (str_eq(id->ns, S("ECID")) && (id->id.n != 38 || !all_in(id->id, "0123456789")))
        return refuse(fault, ROW_NO_IDENTITY, S("ECID: exactly 38 decimal digits"));
    if ((str_eq(id->ns, S("Email_LC_SHA256")) || str_eq(id->ns, S("Phone_SHA256"))) &&
        (id->id.n != 64 || !all_in(id->id, "0123456789abcdefABCDEF")))
        return refuse(
            fault, ROW_NO_IDENTITY,
            arena_printf(a, "%.*s: the value must be hashed already, 64 hexadecimal digits", STR_ARG(id->ns)));
    if (id->id.n > LIMIT_IDENTITY_VALUE_BYTES)
        return refuse(
            fault, ROW_NO_IDENTITY,
            arena_printf(a, "%.*s: an identity has at most %d bytes", STR_ARG(id->ns), LIMIT_IDENTITY_VALUE_BYTES));
    return ERR_OK;
}

static enum err
add_value(struct identity_set *set, const struct json *v, const struct schema_identity *field, struct arena *a,
          struct row_fault *fault)
{
    struct identity id = {.ns = field->ns, .id = json_str(v), .primary = field->primary};

    if (json_is(v, JSON_INT))
        id.id = arena_printf(a, "%lld", (long long)json_i64(v, 0));
    if (placeholder(id.id))
        return ERR_OK;
    if (set->n == LIMIT_IDENTITIES_PER_EVENT)
        return refuse(fault, ROW_NO_IDENTITY, arena_printf(a, "more than %d identities", LIMIT_IDENTITIES_PER_EVENT));
    for (size_t i = 0; i < set->n; i++) {
        id.primary = id.primary && !set->items[i].primary;
        if (str_eq(set->items[i].ns, id.ns) && str_eq(set->items[i].id, id.id)) {
            set->items[i].primary |= id.primary;
            return ERR_OK;
        }
    }
    set->items[set->n++] = id;
    return ERR_OK;
}

static enum err
from_descriptors(const struct row_reader *r, const struct json *row, struct identity_set *set, struct arena *a,
                 struct row_fault *fault)
{
    set->items = ARENA_ARRAY(a, struct identity, LIMIT_IDENTITIES_PER_EVENT);
    if (set->items == NULL)
        return refuse(fault, ROW_UNREADABLE, S_NULL);
    for (size_t i = 0; i < r->identity_count; i++) {
        const struct json *v = json_path(row, r->identities[i].path);
        struct json_iter it = json_iter(v);
        enum err rc = ERR_OK;
        if (json_is(v, JSON_ARRAY)) {
            while (rc == ERR_OK && json_next(&it))
                rc = add_value(set, it.value, &r->identities[i], a, fault);
        } else if (v != NULL) {
            rc = add_value(set, v, &r->identities[i], a, fault);
        }
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err
choose_primary(const struct row_reader *r, struct identity_set *set, struct arena *a, struct row_fault *fault)
{
    struct identity *ecid;

    if (identity_primary(set) != NULL)
        return ERR_OK;
    if (set->n == 0) {
        if (r->identity_count > 0 && r->identities[0].primary)
            return refuse(fault, ROW_INCOMPLETE,
                          arena_printf(a, "%.*s: the primary identity is required, and must not be empty",
                                       STR_ARG(r->identities[0].path)));
        return refuse(fault, ROW_NO_IDENTITY, S("the row has no usable identity"));
    }
    ecid = (struct identity *)(uintptr_t)identity_find(set, S("ECID")); /* one of set's own items */
    if (ecid == NULL && set->n > 1)
        return refuse(fault, ROW_NO_IDENTITY, S("several identities, and none of them is primary"));
    (ecid != NULL ? ecid : &set->items[0])->primary = true;
    return ERR_OK;
}

static enum err
read_identities(const struct row_reader *r, const struct json *row, struct identity_set *out, struct arena *a,
                struct row_fault *fault)
{
    const struct json *map = json_get(row, S("identityMap"));
    struct identity_set set = {0}, mapped = {0};
    struct diag d = DIAG_INIT;
    size_t kept = 0;
    enum err rc = from_descriptors(r, row, &set, a, fault);

    if (rc != ERR_OK)
        return rc;
    if (map != NULL) {
        rc = identity_map_read(map, "identityMap", a, &mapped, &d);
        if (rc == ERR_OK)
            rc = identity_set_merge(&set, &mapped, a, &d);
        if (rc != ERR_OK)
            return refuse(fault, ROW_NO_IDENTITY, arena_printf(a, "%s: %s", d.path, d.what));
    }
    for (size_t i = 0; i < set.n; i++) {
        if (placeholder(set.items[i].id))
            continue;
        rc = judge(&set.items[i], a, fault);
        if (rc != ERR_OK)
            return rc;
        set.items[kept++] = set.items[i];
    }
    set.n = kept;
    rc = choose_primary(r, &set, a, fault);
    if (rc == ERR_OK)
        *out = set;
    return rc;
}

/* ---- the hit ---- */

/* The data as it came but for identityMap, which the hit carries as identities. */
static struct str
xdm_text(struct row_reader *r, struct str text, const struct json *row)
{
    struct json_iter it = json_iter(row);
    struct jw w;

    if (text.p != NULL && json_get(row, S("identityMap")) == NULL)
        return text;
    buf_clear(&r->priv_xdm);
    w = jw_to(&r->priv_xdm);
    jw_object(&w);
    while (json_next(&it)) {
        if (!str_eq(it.key, S("identityMap")))
            jw_kjson(&w, it.key, it.value);
    }
    jw_end(&w);
    return buf_ok(&r->priv_xdm) ? buf_str(&r->priv_xdm) : S_NULL;
}

/* text.p NULL: the row came as part of a larger document. */
static enum err
read_row(struct row_reader *r, struct str text, const struct json *row, int64_t now_ms, struct arena *a,
         struct hit *out, struct row_fault *fault)
{
    size_t bytes_max = r->event ? LIMIT_EVENT_BYTES : LIMIT_RECORD_BYTES;
    struct hit h = {.kind = r->audience.n > 0 ? HIT_MEMBER
                            : r->event        ? HIT_EVENT
                                              : HIT_RECORD,
                    .source = r->source,
                    .scope = r->scope,
                    .dataset = r->dataset,
                    .schema = r->schema,
                    .batch = r->batch,
                    .audience = r->audience,
                    .run = r->run,
                    .upsert = r->upsert,
                    .lake_only = r->lake_only};
    enum err rc = check_row(r, &text, &row, a, fault);

    if (rc == ERR_OK && r->event)
        rc = read_event(row, now_ms, &h, a, fault);
    if (rc == ERR_OK)
        rc = read_identities(r, row, &h.identities, a, fault);
    if (rc != ERR_OK)
        return rc;
    h.xdm = row;
    h.xdm_text = xdm_text(r, text, row);
    if (h.xdm_text.p == NULL || h.xdm_text.n > bytes_max)
        return refuse(fault, ROW_UNREADABLE,
                      arena_printf(a, "the row has %zu bytes, at most %zu", h.xdm_text.n, bytes_max));
    *out = h;
    return ERR_OK;
}

enum err
row_read(struct row_reader *r, struct str text, int64_t now_ms, struct arena *a, struct hit *out,
         struct row_fault *fault)
{
    const struct json *row = NULL;
    enum err rc;

    *fault = (struct row_fault){0};
    text = str_trim(text);
    rc = parse_object(text, a, &row, fault);
    return rc != ERR_OK ? rc : read_row(r, text, row, now_ms, a, out, fault);
}

enum err
row_read_value(struct row_reader *r, const struct json *row, int64_t now_ms, struct arena *a, struct hit *out,
               struct row_fault *fault)
{
    *fault = (struct row_fault){0};
    if (!json_is(row, JSON_OBJECT))
        return refuse(fault, ROW_UNREADABLE,
                      arena_printf(a, "a row is an object, found %s", json_type_name(json_type(row))));
    return read_row(r, S_NULL, row, now_ms, a, out, fault);
}
