/* admin_segment_method.c - the evaluation method of an audience: what its expression qualifies for, and evaluationInfo
 * [SEGMENTATION 14.1, 14.3].
 *
 * One flag is true in what is saved: the method asked for, batch when none is. A method that the expression does not
 * qualify for is refused with the first row of the table that rules it out. When an edited expression loses its method,
 * the audience becomes a batch audience, and a move to batch is final.
 *
 * Of the table's rows, 1 (entity class) never applies because only audiences of people can be made, 5 because the one
 * merge policy is active on edge, and 10 because every dataset is streamed to; 9 is here, the others are
 * pql_classify.c's. */
#include "admin/admin_segment.h"

#include "pql/pql.h"
#include "rule/rule_order.h"

#define FINAL S("batchIsFinal") /* a member that is not shown */

/* ---- what an expression qualifies for ---- */

/* Ids named in inSegment() below a node. */
struct refs {
    struct str items[64];
    size_t n;
    bool others; /* more than those, or memberships that are read in another way */
};

static void
find_refs(const struct rule_node *n, struct refs *out)
{
    struct str id = n != NULL ? rule_segment_id(n) : S_NULL;

    if (n == NULL)
        return;
    if (id.p != NULL && out->n < sizeof out->items / sizeof *out->items)
        out->items[out->n++] = id;
    else if (id.p != NULL || (n->op == RULE_CALL && n->fn == FN_IN_SEGMENT)) /* an id that the profile says */
        out->others = true;
    if (n->op == RULE_FIELD && n->args[0]->op == RULE_PROFILE && str_eq(n->name, S("segmentMembership")))
        out->others = true;
    for (size_t i = 0; i < n->arg_count; i++)
        find_refs(n->args[i], out);
}

#define REFS_DEPTH 16 /* a chain of references longer than this is said to read events */

static bool of_fields(const struct call *call, const struct rule *r, struct map *seen, unsigned depth);

/* Are the audiences that an expression refers to of fields only? Each is looked at once, whatever ways lead to it. */
static bool
refers_to_fields(const struct call *call, const struct rule *r, struct map *seen, unsigned depth)
{
    struct refs refs = {.n = 0};

    find_refs(rule_root(r), &refs);
    for (size_t i = 0; i < refs.n; i++) {
        const struct str *ids;
        size_t n;
        if (map_get(seen, refs.items[i]) != NULL)
            continue;
        if (!map_put(seen, refs.items[i], seen, NULL) ||
            !of_fields(call, snapshot_audience_rule(call->snap, call->scope, refs.items[i], &ids, &n), seen, depth + 1))
            return false;
    }
    return !refs.others;
}

/* Is an audience built from profile fields only, and those that it refers to? */
static bool
of_fields(const struct call *call, const struct rule *r, struct map *seen, unsigned depth)
{
    return r != NULL && depth <= REFS_DEPTH && !rule_reads_events(rule_root(r)) &&
           refers_to_fields(call, r, seen, depth);
}

/* Events beside a reference to an audience that is not of fields alone. */
static bool
mixes_references(const struct call *call, const struct rule *r)
{
    struct map seen;
    bool fields;

    if (!rule_reads_events(rule_root(r)))
        return false;
    map_init(&seen);
    fields = refers_to_fields(call, r, &seen, 0);
    map_deinit(&seen);
    return !fields;
}

/* The first row of the table that keeps an audience from a method; 0: none [SEGMENTATION 14.3]. */
static unsigned
row_against(const struct call *call, const struct rule *r, unsigned method)
{
    unsigned row = pql_classify_row(r, method);

    return (row == 0 || row > 9) && mixes_references(call, r) ? 9 : row;
}

/* ---- evaluationInfo ---- */

static const struct {
    const char *member;
    unsigned bit;
} methods[] = {{"synchronous", PQL_EDGE}, {"continuous", PQL_STREAMING}, {"batch", PQL_BATCH}};
#define METHOD_COUNT (sizeof methods / sizeof methods[0])

/* The method that a document asks for; 0: none. Of several the best. */
static unsigned
asked_method(const struct json *info)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (json_bool(json_get(json_get(info, str_of(methods[i].member)), S("enabled")), false))
            return methods[i].bit;
    }
    return 0;
}

static enum err
check_shape(const struct json *info, struct diag *d)
{
    struct json_iter it = json_iter(info);

    if (info != NULL && !json_is(info, JSON_OBJECT) && !json_is(info, JSON_NULL))
        return diag_set_path(d, ERR_INVALID, "evaluationInfo", "evaluationInfo must be an object, found %s",
                             json_type_name(json_type(info)));
    while (json_next(&it)) {
        const struct json *enabled = json_get(it.value, S("enabled"));
        size_t i = 0;
        while (i < METHOD_COUNT && !str_eq(it.key, str_of(methods[i].member)))
            i++;
        if (i == METHOD_COUNT)
            return diag_set_path(d, ERR_INVALID, "evaluationInfo",
                                 "evaluationInfo has batch, continuous and synchronous, found '%.*s'", STR_ARG(it.key));
        if (!json_is(it.value, JSON_OBJECT) || (enabled != NULL && !json_is(enabled, JSON_BOOL)))
            return diag_set_path(d, ERR_INVALID, "evaluationInfo",
                                 "evaluationInfo.%s must be {\"enabled\": true or false}", methods[i].member);
    }
    return ERR_OK;
}

static void
write_method(struct edit *e, unsigned taken)
{
    struct edit_node *info;

    edit_remove(e->root, S("evaluationInfo"));
    info = edit_object(e, e->root, S("evaluationInfo"));
    for (size_t i = METHOD_COUNT; i-- > 0;) {
        struct edit_node *method = edit_object(e, info, str_of(methods[i].member));
        edit_put_bool(e, method, S("enabled"), taken == methods[i].bit);
    }
}

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

enum err
segment_put_method(struct call *call, struct edit *e, const struct json *old, const struct json *doc,
                   const struct rule *rule, struct diag *d)
{
    unsigned asked = asked_method(json_get(doc, S("evaluationInfo"))), row = 0;
    unsigned before = asked_method(json_get(old, S("evaluationInfo")));
    bool final = json_bool(json_get(old, FINAL), false), chosen = old == NULL || asked != before;
    enum err rc = check_shape(json_get(doc, S("evaluationInfo")), d);

    if (rc != ERR_OK)
        return rc;
    if (asked == PQL_STREAMING || asked == PQL_EDGE)
        row = row_against(call, rule, asked);
    if (chosen && (row != 0 || (final && asked > PQL_BATCH)))
        return refuse_method(asked, row, final, d);
    if (asked == 0 || row != 0 || final)
        asked = PQL_BATCH;
    write_method(e, asked);
    edit_remove(e->root, FINAL);
    if (final || (before > PQL_BATCH && asked == PQL_BATCH))
        edit_put_bool(e, e->root, FINAL, true);
    return ERR_OK;
}

bool
segment_shows(struct str member)
{
    return !str_eq(member, FINAL);
}
