/* admin_guardrail.c - see admin_guardrail.h. */
#include "admin/admin_guardrail.h"

#include "base/log.h"
#include "base/metric.h"

enum kind { COUNT, QUOTA, REFUSAL, WARNING };

static const struct {
    const char *name, *help;
    enum kind kind;
    int64_t limit;
} rows[GUARD__COUNT] = {
#define ROW(id, name, kind, limit, help) [id] = {name, help, kind, limit},
    GUARDRAIL_TABLE(ROW)
#undef ROW
};

/* ---- settings ---- */

static enum err
read_one(struct str text, struct guardrails *out, struct diag *d)
{
    struct str rest = text, name;
    int64_t limit = 0;

    (void)str_split(&rest, '=', &name);
    name = str_trim(name);
    for (size_t i = 0; i < GUARD__COUNT; i++) {
        if (!str_eq(name, str_of(rows[i].name)))
            continue;
        if (!str_to_i64(str_trim(rest), &limit) || limit < 1)
            return diag_set(d, ERR_INVALID, "guardrail-limits: %s must be a number from 1 on, found '%.*s'",
                            rows[i].name, STR_ARG(rest));
        out->limits[i] = limit;
        return ERR_OK;
    }
    return diag_set(d, ERR_INVALID, "guardrail-limits: unknown guardrail '%.*s'", STR_ARG(name));
}

enum err
guardrails_read(struct str limits, bool enforced, struct guardrails *out, struct diag *d)
{
    struct guardrails g = {.enforced = enforced};
    struct str rest = limits, one;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < GUARD__COUNT; i++)
        g.limits[i] = rows[i].limit;
    while (rc == ERR_OK && limits.n > 0 && str_split(&rest, ',', &one))
        rc = read_one(one, &g, d);
    if (rc == ERR_OK)
        *out = g;
    return rc;
}

/* ---- counts ---- */

static void
count_one(void *ctx, struct str id, const struct json *o)
{
    size_t *counts = ctx;
    struct str state = json_str(json_get(o, S("lifecycleState")));
    const struct json *info = json_get(o, S("evaluationInfo"));
    bool edge, streaming;

    (void)id;
    if (state.n > 0 && !str_eq(state, S("draft")) && !str_eq(state, S("published")))
        return;
    edge = json_bool(json_get(json_get(info, S("synchronous")), S("enabled")), false);
    streaming = edge || json_bool(json_get(json_get(info, S("continuous")), S("enabled")), false);
    counts[GUARD_AUDIENCES]++;
    counts[GUARD_EDGE] += edge;
    counts[GUARD_STREAMING] += streaming;
    counts[GUARD_BATCH] += !streaming;
}

void
guardrail_count(const struct snapshot *snap, struct str scope, size_t counts[GUARD__COUNT])
{
    counts[GUARD_AUDIENCES] = counts[GUARD_EDGE] = counts[GUARD_STREAMING] = counts[GUARD_BATCH] = 0;
    snapshot_each(snap, S("audience"), scope, count_one, counts);
}

int
guardrail_alert(const struct guardrails *g, enum guardrail which, size_t count)
{
    static const int levels[] = {100, 90, 80};

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if ((double)count * 100 >= (double)g->limits[which] * levels[i])
            return levels[i];
    }
    return 0;
}

void
guardrail_measure(const struct guardrails *g, const struct snapshot *snap)
{
    const struct map_slot *slot;
    int64_t at_80 = 0, at_90 = 0;

    for (size_t i = 0; (slot = map_next(&snap->scopes, &i)) != NULL;) {
        size_t counts[GUARD__COUNT] = {0};
        guardrail_count(snap, slot->key, counts);
        for (enum guardrail k = 0; k < GUARD__COUNT; k++) {
            int alert = rows[k].kind == COUNT ? guardrail_alert(g, k, counts[k]) : 0;
            at_80 += alert >= 80;
            at_90 += alert >= 90;
        }
    }
    if (at_80 > metric_value(M_GUARDRAILS_80) || at_90 > metric_value(M_GUARDRAILS_90))
        log_warn("guardrails_reached", "at_80_percent=%lld at_90_percent=%lld", (long long)at_80, (long long)at_90);
    metric_set(M_GUARDRAILS_80, at_80);
    metric_set(M_GUARDRAILS_90, at_90);
}

/* ---- expressions ---- */

struct shape {
    size_t chain; /* events of the longest sequence */
    size_t aggregations;
    size_t nesting;
};

static bool
aggregates(const struct rule_node *n)
{
    return n->op == RULE_AGG || (n->op == RULE_CALL && n->fn >= FN_COUNT && n->fn <= FN_MAX);
}

/* Every element of a list or map that an expression looks into is a level; a further generator is one below the one
 * before it. */
static void
walk(struct shape *s, const struct rule_node *n, size_t level)
{
    size_t inner = level + (n->op == RULE_LAMBDA || n->op == RULE_ELEMENT || n->op == RULE_GEN);
    size_t generators = 0;

    if (n->op == RULE_CHAIN && n->arg_count - 1 > s->chain)
        s->chain = n->arg_count - 1;
    s->aggregations += aggregates(n);
    if (inner > s->nesting)
        s->nesting = inner;
    for (size_t i = 0; i < n->arg_count; i++) {
        walk(s, n->args[i], inner + generators);
        generators += n->args[i]->op == RULE_GEN;
    }
}

size_t
guardrail_look(const struct guardrails *g, const struct rule *r, struct guardrail_finding out[GUARDRAIL_FINDINGS])
{
    struct shape s = {0};
    size_t n = 0;

    walk(&s, rule_root(r), 0);
    if (s.chain > (size_t)g->limits[GUARD_CHAIN])
        out[n++] = (struct guardrail_finding){GUARD_CHAIN, s.chain};
    else if (s.chain > (size_t)g->limits[GUARD_CHAIN_ADVISED])
        out[n++] = (struct guardrail_finding){GUARD_CHAIN_ADVISED, s.chain};
    if (s.aggregations > (size_t)g->limits[GUARD_AGGREGATIONS])
        out[n++] = (struct guardrail_finding){GUARD_AGGREGATIONS, s.aggregations};
    if (s.nesting > (size_t)g->limits[GUARD_NESTING])
        out[n++] = (struct guardrail_finding){GUARD_NESTING, s.nesting};
    return n;
}

struct str
guardrail_say(const struct guardrails *g, const struct guardrail_finding *f, struct arena *a)
{
    return arena_printf(a, "at most %lld %s are %s, found %zu", (long long)g->limits[f->which], rows[f->which].help,
                        rows[f->which].kind == REFUSAL ? "allowed" : "advised", f->found);
}

enum err
guardrail_check(const struct guardrails *g, const struct rule *r, bool override, struct diag *d)
{
    struct guardrail_finding found[GUARDRAIL_FINDINGS];
    size_t n = g->enforced ? guardrail_look(g, r, found) : 0;

    for (size_t i = 0; i < n; i++) {
        bool refused = rows[found[i].which].kind == REFUSAL;
        if (!refused && override)
            continue;
        (void)diag_set_path(d, ERR_LIMIT, "expression", "%s: at most %lld %s are %s, found %zu%s",
                            rows[found[i].which].name, (long long)g->limits[found[i].which], rows[found[i].which].help,
                            refused ? "allowed" : "advised", found[i].found,
                            refused ? "" : "; overridePerformanceWarnings saves it all the same");
        return ERR_LIMIT;
    }
    return ERR_OK;
}

const char *
guardrail_name(enum guardrail which)
{
    return rows[which].name;
}

const char *
guardrail_kind(enum guardrail which)
{
    static const char *const names[] = {
        [COUNT] = "count", [QUOTA] = "quota", [REFUSAL] = "refusal", [WARNING] = "warning"};

    return names[rows[which].kind];
}

const char *
guardrail_help(enum guardrail which)
{
    return rows[which].help;
}
