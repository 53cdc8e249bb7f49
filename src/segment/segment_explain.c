/* segment_explain.c - the tree and the changes as JSON. The sentences are in segment_explain_text.c. */
#include "segment/segment_explain_int.h"

#include "base/limits.h"

static const char *
kind_name(enum explain_kind kind)
{
    static const char *const names[] = {
        [EXPLAIN_AND] = "and",        [EXPLAIN_OR] = "or",           [EXPLAIN_NOT] = "not",
        [EXPLAIN_FIELDS] = "fields",  [EXPLAIN_COUNT] = "count",     [EXPLAIN_SUM] = "sum",
        [EXPLAIN_CHAIN] = "sequence", [EXPLAIN_MEMBER] = "audience", [EXPLAIN_EVENTS] = "events",
        [EXPLAIN_FIXED] = "fixed"};

    return names[kind];
}

static void
write_value(struct explain_writer *x, struct str key, struct value v)
{
    struct str text = explain_value(x, v);

    if (text.p != NULL)
        jw_kraw(x->w, key, text);
    else
        jw_kbool(x->w, S("cut"), true);
}

static void
write_event(struct explain_writer *x, const struct explain_event *e)
{
    jw_object(x->w);
    jw_kstr(x->w, S("_id"), json_str(json_get(e->event, S("_id"))));
    if (e->has_time)
        jw_ktime(x->w, S("timestamp"), e->ms);
    jw_end(x->w);
}

static void
write_fields(struct explain_writer *x, const struct explain_node *n)
{
    if (n->field_count == 0)
        return;
    if (n->kind == EXPLAIN_MEMBER) {
        write_value(x, S("audience"), n->fields[0].value);
        return;
    }
    jw_key(x->w, S("fields"));
    jw_array(x->w);
    for (size_t i = 0; i < n->field_count; i++) {
        jw_object(x->w);
        jw_kstr(x->w, S("path"), explain_text(x, n->fields[i].node));
        write_value(x, S("value"), n->fields[i].value);
        jw_end(x->w);
    }
    jw_end(x->w);
}

static void
write_events(struct explain_writer *x, const struct explain_node *n)
{
    if (n->kind == EXPLAIN_COUNT || n->kind == EXPLAIN_SUM) {
        write_value(x, n->kind == EXPLAIN_SUM ? S("sum") : S("count"), n->value);
        jw_key(x->w, S("needs"));
        jw_array(x->w);
        for (size_t i = 0; i < n->bound_count; i++) {
            struct str literal = explain_value(x, n->bounds[i].literal);
            jw_str(x->w, arena_printf(x->a, "%.*s %.*s", STR_ARG(explain_cmp(n->bounds[i].cmp)), STR_ARG(literal)));
        }
        jw_end(x->w);
    }
    if (n->kind != EXPLAIN_COUNT && n->kind != EXPLAIN_SUM && n->kind != EXPLAIN_CHAIN)
        return;
    jw_ki64(x->w, S("eventCount"), (int64_t)n->counted);
    jw_key(x->w, S("events"));
    jw_array(x->w);
    for (size_t i = 0; i < n->event_count; i++)
        write_event(x, &n->events[i]);
    jw_end(x->w);
    if (!n->decided)
        return;
    jw_key(x->w, S("decidedBy"));
    write_event(x, &n->decider);
    if (n->decider.has_time)
        jw_ktime(x->w, S("since"), n->decider.ms);
}

static void
write_flip(struct explain_writer *x, int64_t flip_ms)
{
    if (flip_ms != 0)
        jw_ktime(x->w, S("flipsAt"), flip_ms);
}

/* What an event costs: how the evaluator that follows the profile answers this leaf. */
static void
write_evaluation(struct explain_writer *x, const struct explain_node *n)
{
    if (!n->reads_events)
        return;
    jw_kstr(x->w, S("evaluation"), n->scans == NULL ? S("incremental") : S("scans stored events"));
    if (n->scans != NULL)
        jw_kstr(x->w, S("because"), str_of(n->scans));
}

static void
write_node(struct explain_writer *x, const struct explain_node *n)
{
    jw_object(x->w);
    jw_kstr(x->w, S("kind"), str_of(kind_name(n->kind)));
    jw_kbool(x->w, S("result"), n->truth);
    if (n->kind > EXPLAIN_NOT) {
        jw_kstr(x->w, S("text"), explain_text(x, n->node));
        write_fields(x, n);
        write_events(x, n);
        write_flip(x, n->flip_ms);
        write_evaluation(x, n);
    } else {
        jw_key(x->w, S("children"));
        jw_array(x->w);
        for (size_t i = 0; i < n->kid_count; i++)
            write_node(x, &n->kids[i]);
        jw_end(x->w);
    }
    jw_end(x->w);
}

static void
write_changes(struct explain_writer *x, const struct explain_node *n)
{
    if (n->change) {
        jw_object(x->w);
        jw_kstr(x->w, S("text"), explain_sentence(x, n));
        jw_kstr(x->w, S("leaf"), explain_text(x, n->node));
        write_flip(x, n->flip_ms);
        jw_end(x->w);
    }
    for (size_t i = 0; i < n->kid_count; i++)
        write_changes(x, &n->kids[i]);
}

void
segment_explain_write(struct jw *w, const struct rule *r, const struct explain *x, struct arena *a)
{
    struct explain_writer writer = {w, a, rule_slot_count(r)};

    jw_kbool(w, S("result"), x->root->truth);
    write_flip(&writer, x->flip_ms);
    jw_key(w, S("tree"));
    write_node(&writer, x->root);
    if (x->root->truth)
        return;
    jw_key(w, S("whyNot"));
    jw_object(w);
    jw_kbool(w, S("possible"), x->possible);
    jw_kbool(w, S("exact"), x->exact);
    jw_key(w, S("changes"));
    jw_array(w);
    write_changes(&writer, x->root);
    jw_end(w);
    jw_end(w);
}
