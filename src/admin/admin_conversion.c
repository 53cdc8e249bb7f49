/* admin_conversion.c - POST /data/core/ups/segment/conversion: an expression in its other form [SEGMENTATION 17.4].
 *
 * What would be refused when it is saved is refused here, in the same words. */
#include "admin/admin_segment.h"
#include "base/limits.h"
#include "pql/pql.h"

#define STYLE ERRORS_UPAPI
#define TTL_DAYS 60 /* of older definitions, which answers still carry */

static enum err
check(const struct json *body, struct str *text, enum pql_format *format, struct diag *d)
{
    const struct json *value = json_path(body, S("expression.value"));
    struct str type = json_str(json_path(body, S("expression.type"))),
               name = json_str(json_path(body, S("expression.format"))),
               schema = json_str(json_path(body, S("schema.name")));

    if (!json_is(value, JSON_STRING) || json_str(value).n == 0)
        return diag_set_path(d, ERR_INVALID, "expression.value", "expression.value must be an expression");
    if (type.n > 0 && !str_eq(type, S("PQL")))
        return diag_set_path(d, ERR_INVALID, "expression.type", "expression.type must be PQL, found '%.*s'",
                             STR_ARG(type));
    if (!pql_format_of(name, format))
        return diag_set_path(d, ERR_INVALID, "expression.format",
                             "expression.format must be pql/text or pql/json, found '%.*s'", STR_ARG(name));
    if (!str_eq(schema, S(PROFILE_MODEL)))
        return diag_set_path(d, ERR_INVALID, "schema.name", "schema.name must be " PROFILE_MODEL ", found '%.*s'",
                             STR_ARG(schema));
    *text = json_str(value);
    return ERR_OK;
}

static enum err
convert(struct call *call, struct str text, enum pql_format format, struct buf *out, struct diag *d)
{
    struct rule *rule = NULL;
    enum err rc = snapshot_expression(call->snap, call->scope, text, format == PQL_JSON, &rule, d);

    if (rc != ERR_OK)
        return rc;
    rule_free(rule);
    return pql_convert(text, format, format == PQL_JSON ? PQL_TEXT : PQL_JSON, out, NULL, d);
}

static void
write_answer(struct jw *w, struct call *call, const struct json *body, enum pql_format format, struct str converted)
{
    const struct json *payload = json_get(body, S("payloadSchema"));

    jw_object(w);
    jw_kstr(w, S("imsOrgId"), call->org);
    jw_key(w, S("sandbox"));
    admin_write_sandbox(w, call->snap, call->org, call->sandbox);
    jw_kstr(w, S("description"), json_str(json_get(body, S("description"))));
    jw_key(w, S("expression"));
    jw_object(w);
    jw_kstr(w, S("type"), S("PQL"));
    jw_kstr(w, S("format"), format == PQL_JSON ? S("pql/text") : S("pql/json"));
    jw_kstr(w, S("value"), converted);
    jw_end(w);
    jw_key(w, S("schema"));
    jw_json(w, json_get(body, S("schema")));
    if (payload != NULL)
        jw_kjson(w, S("payloadSchema"), payload);
    jw_ki64(w, S("ttlInDays"), json_i64(json_get(body, S("ttlInDays")), TTL_DAYS));
    jw_end(w);
}

static void
conversion_post(void *ctx, struct http_req *rq, const struct route_params *params, struct http_res *rs)
{
    struct call *call = ctx;
    const struct json *body = NULL;
    enum pql_format format = PQL_TEXT;
    struct diag d = DIAG_INIT;
    struct str text = S_NULL;
    struct buf converted;
    struct jw w;
    enum err rc;

    (void)params;
    if (!admin_body_object(rq, rs, STYLE, &body))
        return;
    buf_init(&converted, LIMIT_PQL_JSON_BYTES);
    rc = check(body, &text, &format, &d);
    if (rc == ERR_OK)
        rc = convert(call, text, format, &converted, &d);
    if (rc == ERR_OK) {
        w = admin_json(rs, 200);
        write_answer(&w, call, body, format, buf_str(&converted));
    } else {
        admin_fail(rq, rs, STYLE, rc == ERR_UNSUPPORTED ? 400 : 0, rc, &d);
    }
    buf_deinit(&converted);
}

static const struct route routes[] = {
    {HTTP_POST, "/data/core/ups/segment/conversion", EXPRESSION_BODY_MAX, conversion_post},
};
const struct family family_conversion = {routes, sizeof routes / sizeof *routes, STYLE, false};
