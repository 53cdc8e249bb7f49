/* admin_segment_doc.c - the audience document: what must be in it, defaults, what stays, and how it is shown.
 *
 * Its evaluation method is admin_segment_method.c's. Only a strict sandbox behaves by it: elsewhere every audience is
 * kept true in real time, and edges evaluate whatever looks back a day or less. */
#include "admin/admin_segment.h"

#include "pql/pql.h"

/* ---- documents ---- */

static void
put_times(struct edit *e, struct http_req *rq, bool created)
{
    if (created) {
        edit_put_i64(e, e->root, S("creationTime"), rq->now_ms);
        edit_put_i64(e, e->root, S("createEpoch"), rq->now_ms / MS_PER_SECOND);
    }
    edit_put_i64(e, e->root, S("updateTime"), rq->now_ms);
    edit_put_i64(e, e->root, S("updateEpoch"), rq->now_ms / MS_PER_SECOND);
}

/* Members that answers have and nobody stores. */
static void
remove_shown(struct edit *e)
{
    static const char *const shown[] = {"_etag", "dependencies", "dependents", "performanceWarnings", "warnings"};

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        edit_remove(e->root, str_of(shown[i]));
}

/* [SEGMENTATION 17.2, 17.3]: a definition is of the type that it is, an audience says so. */
static enum err
check_required(const struct json *body, bool definition, struct diag *d)
{
    static const char *const required[] = {"name", "type", "expression", "schema"};
    struct str schema = json_str(json_path(body, S("schema.name")));
    const struct json *override = json_get(body, S("overridePerformanceWarnings"));

    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        const struct json *v = json_get(body, str_of(required[i]));
        if ((v == NULL || json_is(v, JSON_NULL)) && !(definition && strcmp(required[i], "type") == 0))
            return diag_set_path(d, ERR_INVALID, required[i], "member '%s' is missing", required[i]);
    }
    if (!str_eq(schema, S(PROFILE_MODEL)))
        return diag_set_path(d, ERR_INVALID, "schema.name", "schema.name must be " PROFILE_MODEL ", found '%.*s'",
                             STR_ARG(schema));
    if (override != NULL && !json_is(override, JSON_BOOL))
        return diag_set_path(d, ERR_INVALID, "overridePerformanceWarnings",
                             "overridePerformanceWarnings must be true or false, found %s",
                             json_type_name(json_type(override)));
    return ERR_OK;
}

/* [SEGMENTATION 16.1] */
static enum err
check_type(const struct json *body, struct diag *d)
{
    const struct json *type = json_get(body, S("type"));

    if (type == NULL || str_eq(json_str(type), S("SegmentDefinition")) || audience_is_external(body))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "type",
                         "type must be SegmentDefinition, ExternalSegment or ExternalAudience, found '%.*s'",
                         STR_ARG(json_str(type)));
}

/* A sandbox has one. What an audience has already stays; old is NULL for a new one. */
static enum err
check_policy(const struct call *call, struct http_req *rq, const struct json *old, const struct json *body,
             struct diag *d)
{
    const struct json *policy = json_get(body, S("mergePolicyId"));

    if (policy == NULL || json_equal(policy, json_get(old, S("mergePolicyId"))) ||
        str_eq(json_str(policy), admin_merge_policy_id(rq->arena, call->scope)))
        return ERR_OK;
    return diag_set_path(d, ERR_INVALID, "mergePolicyId", "merge policy '%.*s' does not exist",
                         STR_ARG(json_str(policy)));
}

/* What depends on the expression. One that does not compile is left to saving, which says what is wrong, and where. */
static enum err
put_judged(struct call *call, struct edit *e, const struct json *old, const struct json *doc, struct diag *d)
{
    bool same = old != NULL && json_equal(json_get(old, S("expression")), json_get(doc, S("expression")));
    struct pql_options o = {.definition = true};
    struct rule *rule = NULL;
    struct diag inner = DIAG_INIT;
    enum err rc;

    if (!pql_format_of(json_str(json_path(doc, S("expression.format"))), &o.format) ||
        pql_compile_as(json_str(json_path(doc, S("expression.value"))), &o, &rule, NULL, &inner) != ERR_OK)
        return ERR_OK;
    rc = segment_put_method(call, e, old, doc, rule, d);
    if (rc == ERR_OK && !same)
        rc = guardrail_check(&call->admin->o.guardrails, rule,
                             json_bool(json_get(doc, S("overridePerformanceWarnings")), false), d);
    rule_free(rule);
    return rc;
}

/* What runs will change. Hits of an audience of this name that was deleted count no more. */
static void
put_external(struct edit *e, struct call *call)
{
    struct edit_node *meta;

    edit_put_str(e, e->root, S("type"), S("ExternalSegment"));
    edit_default_raw(e, e->root, S("ttlInDays"), S("30"));
    edit_put_bool(e, e->root, S("saveSegmentMembership"), true);
    edit_remove(e->root, S("audienceMeta"));
    meta = edit_object(e, e->root, S("audienceMeta"));
    edit_put_i64(e, meta, S("floor"), (int64_t)topic_end(call->admin->o.collect) + 1);
    edit_put_i64(e, meta, S("validUntil"), 0);
}

static void
put_rule_based(struct edit *e, struct call *call, struct http_req *rq)
{
    edit_default_raw(e, e->root, S("schema"), S("{\"name\":\"" PROFILE_MODEL "\"}"));
    if (edit_get(e->root, S("mergePolicyId")) == NULL)
        edit_put_str(e, e->root, S("mergePolicyId"), admin_merge_policy_id(rq->arena, call->scope));
    edit_default_raw(e, e->root, S("definedOn"),
                     S("[{\"meta:resourceType\":\"unions\",\"meta:containerId\":\"tenant\",\"$ref\":\"https://"
                       "ns.adobe.com/xdm/context/profile__union\"}]"));
    edit_default_raw(e, e->root, S("type"), S("\"SegmentDefinition\""));
    edit_default_raw(e, e->root, S("originName"), S("\"REAL_TIME_CUSTOMER_PROFILE\""));
    edit_default_raw(e, e->root, S("namespace"), S("\"AEPSegments\""));
}

enum err
segment_new_doc(struct call *call, struct http_req *rq, const struct json *body, struct str id, bool definition,
                struct edit *out, struct diag *d)
{
    struct edit *e = out;
    enum err rc = check_type(body, d);

    if (rc == ERR_OK && !audience_is_external(body))
        rc = check_required(body, definition, d);
    if (rc == ERR_OK)
        rc = check_policy(call, rq, NULL, body, d);
    if (rc != ERR_OK)
        return rc;
    *e = edit_of(rq->arena, body);
    remove_shown(e);
    edit_put_str(e, e->root, S("id"), id);
    if (!audience_is_external(body))
        edit_put_str(e, e->root, S("audienceId"), id);
    edit_put_str(e, e->root, S("profileInstanceId"), S("ups"));
    edit_put_str(e, e->root, S("imsOrgId"), call->org);
    edit_put_raw(e, e->root, S("sandbox"), admin_sandbox_text(rq->arena, call->snap, call->org, call->sandbox));
    edit_put_bool(e, e->root, S("isSystem"), false);
    edit_default_raw(e, e->root, S("description"), S("\"\""));
    if (audience_is_external(body))
        put_external(e, call);
    else
        put_rule_based(e, call, rq);
    edit_default_raw(e, e->root, S("ansibleUiEnabled"), S("false"));
    edit_default_raw(e, e->root, S("dataGovernancePolicy"), S("{\"excludeOptOut\":true}"));
    put_times(e, rq, true);
    edit_default_raw(e, e->root, S("overridePerformanceWarnings"), S("false"));
    edit_put_str(e, e->root, S("createdBy"), call->client_id);
    edit_put_str(e, e->root, S("lastModifiedBy"), call->client_id);
    edit_default_raw(e, e->root, S("lifecycleState"), S("\"published\""));
    edit_default_raw(e, e->root, S("state"), S("\"enabled\""));
    edit_default_raw(e, e->root, S("labels"), S("[]"));
    return put_judged(call, e, NULL, body, d);
}

/* Members that stay what they were. */
static const char *const fixed[] = {"id",           "audienceId",      "imsOrgId",     "sandbox",   "profileInstanceId",
                                    "isSystem",     "creationTime",    "createEpoch",  "createdBy", "namespace",
                                    "type",         "originName",      "audienceMeta", "ttlInDays", "taskId",
                                    "audienceType", "profileIngestion"};

enum err
segment_check_patch(const struct json *old, const struct json *patch, struct diag *d)
{
    struct json_iter it = json_iter(patch);

    while (json_is(patch, JSON_ARRAY) && json_next(&it)) {
        struct str op = json_str(json_get(it.value, S("op"))), path = json_str(json_get(it.value, S("path")));
        if (!str_eq(op, S("add")))
            return diag_set_path(d, ERR_INVALID, "op", "op must be add, found '%.*s'", STR_ARG(op));
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
            if (str_starts(path, S("/")) && str_eq(str_slice(path, 1, path.n), str_of(fixed[i])) &&
                !json_equal(json_get(old, str_of(fixed[i])), json_get(it.value, S("value"))))
                return diag_set_path(d, ERR_INVALID, "path", "member '%s' of an audience cannot be changed", fixed[i]);
        }
    }
    return ERR_OK;
}

static enum err
check_step(struct str before, struct str state, struct diag *d)
{
    if (str_eq(state, S("draft")) && !str_eq(before, S("draft")))
        return diag_set_path(d, ERR_INVALID, "lifecycleState", "an audience that was %.*s cannot become a draft",
                             STR_ARG(before));
    if (str_eq(before, S("draft")) && !str_eq(state, S("draft")) && !str_eq(state, S("published")))
        return diag_set_path(d, ERR_INVALID, "lifecycleState",
                             "a draft becomes published, and then inactive: it cannot become '%.*s'", STR_ARG(state));
    return ERR_OK;
}

enum err
segment_changed_doc(struct call *call, struct http_req *rq, const struct json *old, struct edit *e, struct diag *d)
{
    const struct json *now = NULL;
    struct str text, state, before = json_str(json_get(old, S("lifecycleState")));
    enum err rc;

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        const struct json *v = json_get(old, str_of(fixed[i]));
        if (v != NULL)
            edit_put_json(e, e->root, str_of(fixed[i]), v);
    }
    remove_shown(e);
    put_times(e, rq, false);
    edit_put_str(e, e->root, S("lastModifiedBy"), call->client_id);
    rc = edit_parse(e, &now, &text, d);
    if (rc != ERR_OK)
        return rc;
    state = json_str(json_get(now, S("lifecycleState")));
    rc = check_step(before, state.n > 0 ? state : S("published"), d);
    if (rc == ERR_OK && !audience_is_external(old))
        rc = check_required(now, false, d);
    if (rc == ERR_OK)
        rc = check_policy(call, rq, old, now, d);
    return rc == ERR_OK ? put_judged(call, e, old, now, d) : rc;
}

/* ---- showing ---- */

struct dependents {
    struct jw *w;
    struct call *call;
    struct str id;
};

static void
write_dependent(void *ctx, struct str id, const struct json *object)
{
    struct dependents *s = ctx;
    const struct str *refs;
    size_t n;

    (void)object;
    (void)snapshot_audience_rule(s->call->snap, s->call->scope, id, &refs, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(refs[i], s->id)) {
            jw_str(s->w, id);
            return;
        }
    }
}

/* What the expression has more of than is advised, when it has. */
static void
write_warnings(struct jw *w, struct call *call, struct http_req *rq, const struct rule *rule)
{
    const struct guardrails *g = &call->admin->o.guardrails;
    struct guardrail_finding found[GUARDRAIL_FINDINGS];
    size_t n = guardrail_look(g, rule, found);

    if (n == 0)
        return;
    jw_key(w, S("performanceWarnings"));
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, guardrail_say(g, &found[i], rq->arena));
    jw_end(w);
}

static bool
reads_field(const struct rule_node *n, struct str name)
{
    if (n == NULL)
        return false;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (reads_field(n->args[i], name))
            return true;
    }
    return n->op == RULE_FIELD && str_eq(n->name, name);
}

/* Fields of the documented profile that an audience does not see here: they would be missing without a word. OURS */
static void
write_unseen(struct jw *w, const struct rule *rule)
{
    static const struct {
        const char *field, *instead;
    } unseen[] = {
        {"segmentMembership", "segmentMembership is not there for audiences of this server, so it reads as null: use "
                              "inSegment(\"<audience id>\")"},
        {"identityMap", "identityMap is not there for audiences of this server, so it reads as null: use a field of a "
                        "record that holds the identity"},
    };
    bool begun = false;

    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
        if (!reads_field(rule_root(rule), str_of(unseen[i].field)))
            continue;
        if (!begun) {
            jw_key(w, S("warnings"));
            jw_array(w);
        }
        begun = true;
        jw_str(w, str_of(unseen[i].instead));
    }
    if (begun)
        jw_end(w);
}

void
segment_write_doc(struct jw *w, struct call *call, struct http_req *rq, struct str id, const struct json *o)
{
    struct json_iter it = json_iter(o);
    struct dependents s = {w, call, id};
    const struct str *refs;
    const struct rule *rule;
    size_t n;

    jw_object(w);
    while (json_next(&it)) {
        if (segment_shows(it.key))
            jw_kjson(w, it.key, it.value);
    }
    jw_kstr(w, S("_etag"),
            arena_printf(rq->arena, "\"%llx\"",
                         (unsigned long long)snapshot_object_version(call->snap, S("audience"), call->scope, id)));
    rule = snapshot_audience_rule(call->snap, call->scope, id, &refs, &n);
    if (rule != NULL) {
        write_warnings(w, call, rq, rule);
        write_unseen(w, rule);
    }
    jw_key(w, S("dependencies"));
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, refs[i]);
    jw_end(w);
    jw_key(w, S("dependents"));
    jw_array(w);
    snapshot_each(call->snap, S("audience"), call->scope, write_dependent, &s);
    jw_end(w);
    jw_end(w);
}
