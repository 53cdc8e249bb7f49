/* admin_segment_method.c - the evaluation method of an audience: what its expression qualifies for, and evaluationInfo
 * [SEGMENTATION 14.1, 14.3].
 *
 * One flag is true in what is saved: the method asked for, batch when none is. A method that the expression does not
 * qualify for is refused with the first rule of the table that rules it out. When an edited expression loses its
 * method, the audience becomes a batch audience, and a move to batch is final.
 *
 * Of the table's rules, 1 (entity class) is admin_segment_doc.c's, 5 never applies because the merge policy is active
 * on edge, and 10 does not, because every dataset may be streamed into; 9 is here, the others are pql_classify.c's. */
#include "admin/admin_segment.h"

#include "pql/pql.h"

#define FINAL S("batchIsFinal") /* stored, not shown */

/* ---- what an expression qualifies for ---- */

#define REFS_DEPTH 16 /* a longer way of references is taken for one that ends in events */

struct refs {
    const struct call *call;
    unsigned depth;
    bool any;    /* an audience is referred to */
    bool events; /* one is not built from profile fields alone, transitively; or is not known */
};

static void
look_behind(void *ctx, struct str id)
{
    struct refs *refs = ctx;
    const struct str *ids;
    size_t n;
    const struct rule *r = snapshot_audience_rule(refs->call->snap, refs->call->scope, id, &ids, &n);

    refs->any = true;
    if (refs->events)
        return;
    if (r == NULL || ++refs->depth > REFS_DEPTH || pql_reads_events(rule_root(r)))
        refs->events = true;
    else
        pql_each_reference(r, look_behind, refs);
    refs->depth--;
}

static unsigned
methods_of(const struct call *call, const struct rule *r, struct pql_refusals *why)
{
    static const char rule_9[] = "it has an event beside an audience that is not built from profile fields alone";
    struct refs refs = {.call = call};
    unsigned methods = pql_classify_why(r, why);

    if (!pql_reads_events(rule_root(r)))
        return methods;
    pql_each_reference(r, look_behind, &refs);
    if (!refs.events)
        return methods;
    if (why->streaming == NULL)
        why->streaming = rule_9;
    if (why->edge == NULL || (methods & PQL_STREAMING)) /* rule 11, the only one behind 9, is edge's alone */
        why->edge = rule_9;
    return PQL_BATCH;
}

/* ---- evaluationInfo ---- */

static const struct {
    const char *member, *name;
    unsigned bit;
} methods[] = {{"synchronous", "edge (synchronous)", PQL_EDGE},
               {"continuous", "streaming (continuous)", PQL_STREAMING},
               {"batch", "batch", PQL_BATCH}};
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
put_method(struct edit *e, unsigned taken)
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
refuse(unsigned asked, unsigned possible, const struct pql_refusals *why, struct diag *d)
{
    bool edge = asked == PQL_EDGE;

    return diag_set_path(d, ERR_INVALID, "evaluationInfo",
                         "the expression does not qualify for %s evaluation: %s; it qualifies for %s",
                         edge ? methods[0].name : methods[1].name, edge ? why->edge : why->streaming,
                         possible & PQL_STREAMING ? "streaming" : "batch");
}

enum err
segment_put_method(struct call *call, struct edit *e, const struct json *old, const struct json *doc,
                   const struct rule *rule, struct diag *d)
{
    const struct json *info = json_get(doc, S("evaluationInfo"));
    unsigned asked = asked_method(info), before = asked_method(json_get(old, S("evaluationInfo"))), possible, taken;
    bool chosen = old == NULL || asked != before, final = json_bool(json_get(old, FINAL), false);
    struct pql_refusals why = {0};
    enum err rc = check_shape(info, d);

    if (rc != ERR_OK)
        return rc;
    possible = methods_of(call, rule, &why);
    if (chosen && (asked & (PQL_EDGE | PQL_STREAMING)) != 0) {
        if (final)
            return diag_set_path(d, ERR_INVALID, "evaluationInfo",
                                 "the audience moved to batch evaluation, which is final");
        if (!(asked & possible))
            return refuse(asked, possible, &why, d);
    }
    taken = asked & possible & ~(final ? (unsigned)(PQL_EDGE | PQL_STREAMING) : 0u);
    put_method(e, taken != 0 ? taken : PQL_BATCH);
    if (final || (taken & ~(unsigned)PQL_BATCH) == 0)
        final = final || (before & (PQL_EDGE | PQL_STREAMING)) != 0;
    if (final)
        edit_put_bool(e, e->root, FINAL, true);
    else
        edit_remove(e->root, FINAL);
    return ERR_OK;
}

bool
segment_shows(struct str member)
{
    return !str_eq(member, FINAL);
}
