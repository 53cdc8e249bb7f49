/* admin_segment_doc.c - the audience document: defaults, and the evaluation method that its expression qualifies for.
 *
 * evaluationInfo is reported as documented [SEGMENTATION 14.1], one flag true: the method asked for, while the
 * expression qualifies for it, else batch. An audience that was streaming or edge and became batch stays batch. Only a
 * strict sandbox behaves by it: elsewhere every audience is kept true in real time, and edges evaluate whatever looks
 * back a day or less. */
#include "admin/admin_segment.h"

#include "pql/pql.h"

/* ---- methods ---- */

static bool
reads_events(const struct rule_node *n)
{
    if (n == NULL)
        return false;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (reads_events(n->args[i]))
            return true;
    }
    return n->op == RULE_EVENTS;
}

/* Ids named in inSegment() below a node. */
struct refs {
    struct str items[64];
    size_t n;
    bool others; /* more than those, or memberships that are read in another way */
};

static void
find_refs(const struct rule_node *n, bool inside, struct refs *out)
{
    if (n == NULL)
        return;
    inside = inside || (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT);
    if (n->op == RULE_FIELD && n->args[0]->op == RULE_PROFILE && str_eq(n->name, S("segmentMembership")))
        out->others = true;
    if (inside && n->op == RULE_LITERAL && n->value.kind == VALUE_STRING) {
        if (out->n < sizeof out->items / sizeof *out->items)
            out->items[out->n++] = n->value.s;
        else
            out->others = true;
    }
    for (size_t i = 0; i < n->arg_count; i++)
        find_refs(n->args[i], inside, out);
}

#define REFS_DEPTH 16 /* a chain of references longer than this is said to read events */

/* Is an audience built from profile fields only, and those that it refers to? */
static bool
of_fields(const struct call *call, const struct rule *r, unsigned depth)
{
    struct refs refs = {.n = 0};

    if (r == NULL || depth > REFS_DEPTH || reads_events(rule_root(r)))
        return false;
    find_refs(rule_root(r), false, &refs);
    for (size_t i = 0; i < refs.n; i++) {
        const struct str *ids;
        size_t n;
        if (!of_fields(call, snapshot_audience_rule(call->snap, call->scope, refs.items[i], &ids, &n), depth + 1))
            return false;
    }
    return !refs.others;
}

/* Events beside a reference to an audience that is not of fields alone. */
static bool
mixes_references(const struct call *call, const struct rule *r)
{
    struct refs refs = {.n = 0};
    bool fields = true;

    find_refs(rule_root(r), false, &refs);
    for (size_t i = 0; i < refs.n && fields; i++) {
        const struct str *ids;
        size_t n;
        fields = of_fields(call, snapshot_audience_rule(call->snap, call->scope, refs.items[i], &ids, &n), 1);
    }
    return reads_events(rule_root(r)) && (!fields || refs.others);
}

/* The first row of the table that keeps an audience from a method; 0: none [SEGMENTATION 14.3]. Rows 5 and 10 keep
 * nobody: the one merge policy is active on edge, and every dataset is streamed to. */
static unsigned
row_against(const struct call *call, const struct json *doc, const struct rule *r, unsigned method)
{
    struct str entity = json_str(json_path(doc, S("schema.name")));
    unsigned row = pql_classify_row(r, method);

    if (str_eq(entity, S("_xdm.context.account")) || str_eq(entity, S("_xdm.context.opportunity")))
        return 1;
    return (row == 0 || row > 9) && mixes_references(call, r) ? 9 : row;
}

static const struct {
    const char *member;
    unsigned bit;
} methods[] = {{"synchronous", PQL_EDGE}, {"continuous", PQL_STREAMING}, {"batch", PQL_BATCH}};

/* The method that the document asks for; 0: none. */
static unsigned
asked_method(const struct json *info)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (json_bool(json_get(json_get(info, str_of(methods[i].member)), S("enabled")), false))
            return methods[i].bit;
    }
    return 0;
}

#define FINAL S("batchIsFinal") /* a member that is not shown */

static enum err
refuse_method(unsigned asked, unsigned row, bool final, struct diag *d)
{
    const char *method = asked == PQL_EDGE ? "edge (synchronous)" : "streaming (continuous)";

    if (final)
        return diag_set_path(d, ERR_INVALID, "evaluationInfo",
                             "the audience became batch, which is final: it cannot become %s again", method);
    return diag_set_path(d, ERR_INVALID, "evaluationInfo", "the expression does not qualify for %s evaluation: %s",
                         method, pql_classify_reason(row));
}

static void
write_method(struct edit *e, unsigned taken)
{
    struct edit_node *info;

    edit_remove(e->root, S("evaluationInfo"));
    info = edit_object(e, e->root, S("evaluationInfo"));
    for (size_t i = sizeof methods / sizeof *methods; i-- > 0;) {
        struct edit_node *method = edit_object(e, info, str_of(methods[i].member));
        edit_put_bool(e, method, S("enabled"), taken == methods[i].bit);
    }
}

/* evaluationInfo for an expression; old: the audience before, or NULL. strict: refuse a method it does not qualify for,
 * instead of taking batch. */
static enum err
put_method(struct call *call, struct edit *e, const struct json *doc, const struct json *old, bool strict,
           struct diag *d)
{
    struct str text = json_str(json_path(doc, S("expression.value")));
    unsigned asked = asked_method(json_get(doc, S("evaluationInfo"))), row = 0;
    unsigned before = asked_method(json_get(old, S("evaluationInfo")));
    bool final = json_bool(json_get(old, FINAL), false);
    struct pql_options o = {.definition = true};
    struct rule *rule = NULL;
    struct diag inner = DIAG_INIT;

    if (!pql_format_of(json_str(json_path(doc, S("expression.format"))), &o.format) ||
        pql_compile_as(text, &o, &rule, NULL, &inner) != ERR_OK)
        return ERR_OK; /* saving says what is wrong, with its place */
    if (asked == PQL_STREAMING || asked == PQL_EDGE)
        row = row_against(call, doc, rule, asked);
    rule_free(rule);
    if ((row != 0 || (final && asked > PQL_BATCH)) && strict)
        return refuse_method(asked, row, final, d);
    if (asked == 0 || row != 0 || final)
        asked = PQL_BATCH;
    write_method(e, asked);
    edit_remove(e->root, FINAL);
    if (final || (before > PQL_BATCH && asked == PQL_BATCH))
        edit_put_bool(e, e->root, FINAL, true);
    return ERR_OK;
}

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

static void
put_sandbox(struct edit *e, struct call *call)
{
    const struct json *sandbox = snapshot_object(call->snap, S("sandbox"), call->org, call->sandbox);
    struct edit_node *n = edit_object(e, e->root, S("sandbox"));

    edit_put_str(e, n, S("sandboxId"), json_str(json_get(sandbox, S("id"))));
    edit_put_str(e, n, S("sandboxName"), call->sandbox);
    edit_put_str(e, n, S("type"), json_str(json_get(sandbox, S("type"))));
    edit_put_bool(e, n, S("default"), str_eq(call->sandbox, S("prod")));
}

enum err
segment_new_doc(struct call *call, struct http_req *rq, const struct json *body, struct str id, struct edit *out,
                struct diag *d)
{
    struct edit *e = out;
    bool external =
        json_get(body, S("type")) != NULL && !str_eq(json_str(json_get(body, S("type"))), S("SegmentDefinition"));

    *e = edit_of(rq->arena, body);
    edit_put_str(e, e->root, S("id"), id);
    if (!external || json_get(body, S("audienceId")) == NULL)
        edit_put_str(e, e->root, S("audienceId"), id);
    edit_default_raw(e, e->root, S("schema"), S("{\"name\":\"_xdm.context.profile\"}"));
    edit_put_str(e, e->root, S("profileInstanceId"), S("ups"));
    edit_put_str(e, e->root, S("imsOrgId"), call->org);
    put_sandbox(e, call);
    edit_put_bool(e, e->root, S("isSystem"), false);
    edit_default_raw(e, e->root, S("description"), S("\"\""));
    if (edit_get(e->root, S("mergePolicyId")) == NULL)
        edit_put_str(e, e->root, S("mergePolicyId"), admin_merge_policy_id(rq->arena, call->scope));
    edit_default_raw(e, e->root, S("ansibleUiEnabled"), S("false"));
    edit_default_raw(e, e->root, S("dataGovernancePolicy"), S("{\"excludeOptOut\":true}"));
    put_times(e, rq, true);
    edit_default_raw(e, e->root, S("definedOn"),
                     S("[{\"meta:resourceType\":\"unions\",\"meta:containerId\":\"tenant\",\"$ref\":\"https://"
                       "ns.adobe.com/xdm/context/profile__union\"}]"));
    edit_default_raw(e, e->root, S("type"), S("\"SegmentDefinition\""));
    edit_default_raw(e, e->root, S("originName"), S("\"REAL_TIME_CUSTOMER_PROFILE\""));
    edit_put_bool(e, e->root, S("overridePerformanceWarnings"), false);
    edit_put_str(e, e->root, S("createdBy"), call->client_id);
    edit_put_str(e, e->root, S("lastModifiedBy"), call->client_id);
    edit_default_raw(e, e->root, S("lifecycleState"), S("\"published\""));
    edit_default_raw(e, e->root, S("state"), S("\"enabled\""));
    edit_default_raw(e, e->root, S("labels"), S("[]"));
    edit_default_raw(e, e->root, S("namespace"), S("\"AEPSegments\""));
    return put_method(call, e, body, NULL, true, d);
}

/* Members that stay what they were. */
static const char *const fixed[] = {"id",       "audienceId",   "imsOrgId",    "sandbox",   "profileInstanceId",
                                    "isSystem", "creationTime", "createEpoch", "createdBy", "namespace",
                                    "type",     "originName"};

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
    put_times(e, rq, false);
    edit_put_str(e, e->root, S("lastModifiedBy"), call->client_id);
    rc = edit_parse(e, &now, &text, d);
    if (rc != ERR_OK)
        return rc;
    state = json_str(json_get(now, S("lifecycleState")));
    if (str_eq(state, S("draft")) && !str_eq(before, S("draft")))
        return diag_set_path(d, ERR_INVALID, "lifecycleState", "an audience that was %.*s cannot become a draft",
                             STR_ARG(before));
    return put_method(call, e, now, old,
                      !json_equal(json_get(old, S("evaluationInfo")), json_get(now, S("evaluationInfo"))), d);
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

void
segment_write_doc(struct jw *w, struct call *call, struct http_req *rq, struct str id, const struct json *o)
{
    struct json_iter it = json_iter(o);
    struct dependents s = {w, call, id};
    const struct str *refs;
    size_t n;

    jw_object(w);
    while (json_next(&it)) {
        if (!str_eq(it.key, FINAL))
            jw_kjson(w, it.key, it.value);
    }
    jw_kstr(w, S("_etag"),
            arena_printf(rq->arena, "\"%llx\"",
                         (unsigned long long)snapshot_object_version(call->snap, S("audience"), call->scope, id)));
    (void)snapshot_audience_rule(call->snap, call->scope, id, &refs, &n);
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
