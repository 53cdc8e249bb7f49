/* rule_block_compile.c - from audiences to operations over columns.
 *
 * Audiences come in an order in which each follows those it refers to (rule_order.c). Every tree is walked down through
 * and, or, not, if, let and inSegment; below are predicates of one cell (rule_block_test.c), comparisons of values, and
 * patterns of events (rule_block_list.c). Equal operations are made once: and/or operands are flattened, sorted and
 * without repetition.
 *
 * The walk stands on profiles or, inside a predicate over an event, on events. There, what does not mention the event
 * is an operation on profiles, spread over their events. A node that has no form here is left to the reference
 * evaluator as it stands, with the event as the one slot it may read. What refers to other slots cannot be, so a larger
 * part around it is. */
#include "rule/rule_block_int.h"

#include "base/check.h"
#include "base/hash.h"
#include "rule/rule_order.h"

#define FLATTEN_MAX 8  /* longer ones stay operands: audiences that refer to audiences must not grow without bound */
#define LET_NODES 4096 /* a let whose value would be copied to more nodes than this is left to the reference */

uint32_t
compile_refuse(struct compile *c, const struct rule_node *n, const char *why)
{
    if (c->why == NULL) {
        c->why = why;
        c->why_pos = n->pos;
    }
    return NO_ID;
}

/* ---- operations, each once ---- */

static bool
same_expr(const struct rule_node *a, const struct rule_node *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return rule_equal(a, b);
}

struct op_key {
    const struct rule_block_program *p;
    const struct block_op *like;
};

static bool
same_op(const void *ctx, uint32_t id)
{
    const struct op_key *k = ctx;
    const struct block_op *a = &k->p->ops.p[id], *b = k->like;

    if (a->kind != b->kind || a->domain != b->domain || a->negated != b->negated || a->cmp != b->cmp ||
        a->fn != b->fn || a->lists != b->lists || a->column != b->column || a->left != b->left ||
        a->right != b->right || a->arg_count != b->arg_count || !str_eq(a->text, b->text))
        return false;
    if (a->kind == OP_ROW && a->slot != b->slot)
        return false;
    if ((a->kind == OP_TIME || a->kind == OP_WHEN) &&
        (!time_fn_equal(&a->span.lo, &b->span.lo) || !time_fn_equal(&a->span.hi, &b->span.hi)))
        return false;
    return (a->arg_count == 0 || memcmp(a->args, b->args, a->arg_count * sizeof *a->args) == 0) &&
           same_expr(a->expr, b->expr);
}

static uint64_t
hash_op(const struct block_op *op)
{
    uint64_t h = hash_u64((uint64_t)op->kind << 32 | (uint64_t)op->cmp << 24 | (uint64_t)op->fn << 8 |
                              (uint64_t)op->domain << 1 | op->negated,
                          (uint64_t)op->column << 32 | op->left);

    h = hash_u64(h, (uint64_t)op->right << 8 | op->lists);
    if (op->kind == OP_TIME || op->kind == OP_WHEN)
        h = hash_u64(hash_u64(h, time_fn_hash(&op->span.lo)), time_fn_hash(&op->span.hi));
    for (uint32_t i = 0; i < op->arg_count; i++)
        h = hash_u64(h, op->args[i]);
    if (op->text.n > 0)
        h = hash_bytes(op->text, h);
    return op->expr != NULL ? hash_u64(h, rule_hash(op->expr)) : h;
}

uint32_t
compile_op(struct compile *c, const struct block_op *like)
{
    struct op_key key = {c->p, like};
    uint64_t hash = hash_op(like);
    uint32_t id = cons_find(&c->ops, hash, same_op, &key);
    struct block_op op = *like;

    if (id != NO_ID || c->nomem)
        return c->nomem ? NO_ID : id;
    op.args = ARENA_ARRAY(c->a, uint32_t, op.arg_count);
    if (op.args != NULL && op.arg_count > 0)
        memcpy(op.args, like->args, op.arg_count * sizeof *op.args);
    id = (uint32_t)c->p->ops.n;
    if (op.args == NULL || !VEC_PUSH(c->a, &c->p->ops, op) || !rule_cons_add(&c->ops, hash, id)) {
        c->nomem = true;
        return NO_ID;
    }
    return id;
}

uint32_t
compile_const(struct compile *c, enum block_domain domain, bool value)
{
    return compile_op(c, &(struct block_op){.kind = OP_CONST, .domain = domain, .negated = value});
}

uint32_t
compile_not(struct compile *c, uint32_t id)
{
    const struct block_op *op;

    if (id == NO_ID)
        return NO_ID;
    op = &c->p->ops.p[id];
    if (op->kind == OP_NOT)
        return op->args[0];
    if (op->kind == OP_CONST)
        return compile_const(c, op->domain, !op->negated);
    return compile_op(c, &(struct block_op){.kind = OP_NOT, .domain = op->domain, .args = &id, .arg_count = 1});
}

static int
by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

typedef VEC(uint32_t) id_list;

/* Operands of a short nested operation of the same kind count as ours; constants decide or go. */
uint32_t
compile_junction(struct compile *c, enum block_op_kind kind, enum block_domain domain, const uint32_t *args, size_t n)
{
    bool neutral = kind == OP_AND;
    id_list all = {0};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const struct block_op *op;
        if (args[i] == NO_ID)
            return NO_ID;
        op = &c->p->ops.p[args[i]];
        CHECK(op->domain == domain);
        if (op->kind == OP_CONST && op->negated != neutral)
            return args[i];
        if (op->kind == OP_CONST)
            continue;
        if (op->kind != kind || op->arg_count > FLATTEN_MAX) {
            c->nomem = c->nomem || !VEC_PUSH(c->a, &all, args[i]);
            continue;
        }
        for (uint32_t k = 0; k < op->arg_count; k++)
            c->nomem = c->nomem || !VEC_PUSH(c->a, &all, op->args[k]);
    }
    if (c->nomem)
        return NO_ID;
    if (all.n > 1)
        qsort(all.p, all.n, sizeof *all.p, by_id);
    for (size_t i = 0; i < all.n; i++) {
        if (kept == 0 || all.p[i] != all.p[kept - 1])
            all.p[kept++] = all.p[i];
    }
    if (kept == 0)
        return compile_const(c, domain, neutral);
    if (kept == 1)
        return all.p[0];
    return compile_op(c,
                      &(struct block_op){.kind = kind, .domain = domain, .args = all.p, .arg_count = (uint32_t)kept});
}

/* ---- values ---- */

struct value_key {
    const struct rule_block_program *p;
    const struct block_value *like;
};

static bool
same_value(const void *ctx, uint32_t id)
{
    const struct value_key *k = ctx;
    const struct block_value *a = &k->p->values.p[id], *b = k->like;

    return a->kind == b->kind && a->domain == b->domain && a->clock == b->clock && a->arith == b->arith &&
           a->column == b->column && a->op == b->op && a->left == b->left && a->right == b->right &&
           a->literal.kind == b->literal.kind && a->literal.date_only == b->literal.date_only &&
           value_same(a->literal, b->literal);
}

uint32_t
compile_value_of(struct compile *c, const struct block_value *like)
{
    struct value_key key = {c->p, like};
    uint64_t hash = hash_u64(hash_u64((uint64_t)like->kind << 8 | (uint64_t)(unsigned char)like->arith,
                                      (uint64_t)like->column << 32 | like->op),
                             value_hash(like->literal) ^ ((uint64_t)like->left << 32 | like->right));
    uint32_t id = cons_find(&c->values, hash, same_value, &key);

    if (id != NO_ID || c->nomem)
        return c->nomem ? NO_ID : id;
    id = (uint32_t)c->p->values.n;
    if (!VEC_PUSH(c->a, &c->p->values, *like) || !rule_cons_add(&c->values, hash, id)) {
        c->nomem = true;
        return NO_ID;
    }
    return id;
}

/* The operations that a value reads, so that they are among the operands of whatever compares it. */
static bool
collect_value_ops(struct compile *c, uint32_t id, id_list *out)
{
    const struct block_value *v = &c->p->values.p[id];

    if (v->kind == BLOCK_COUNT || v->kind == BLOCK_FOLD || v->kind == BLOCK_PICKED)
        return VEC_PUSH(c->a, out, v->op);
    if (v->kind != BLOCK_ARITH)
        return true;
    return collect_value_ops(c, v->left, out) && (v->right == NO_ID || collect_value_ops(c, v->right, out));
}

uint32_t
compile_valued_op(struct compile *c, struct block_op *op, bool has_right)
{
    id_list args = {0};

    for (uint32_t i = 0; i < op->arg_count; i++)
        c->nomem = c->nomem || !VEC_PUSH(c->a, &args, op->args[i]);
    if (c->nomem || !collect_value_ops(c, op->left, &args) || (has_right && !collect_value_ops(c, op->right, &args))) {
        c->nomem = true;
        return NO_ID;
    }
    op->args = args.p;
    op->arg_count = (uint32_t)args.n;
    return compile_op(c, op);
}

static uint32_t
value_arith(struct compile *c, const struct rule_node *n)
{
    struct block_value v = {.kind = BLOCK_ARITH, .domain = compile_domain(c), .arith = n->arith, .right = NO_ID};

    v.left = compile_value(c, n->args[0]);
    if (v.left == NO_ID)
        return NO_ID;
    if (n->arg_count > 1) {
        v.right = compile_value(c, n->args[1]);
        if (v.right == NO_ID)
            return NO_ID;
    }
    return compile_value_of(c, &v);
}

uint32_t
compile_value(struct compile *c, const struct rule_node *n)
{
    struct block_value v = {.domain = compile_domain(c), .column = NO_ID, .op = NO_ID};
    uint32_t id;

    switch (n->op) {
    case RULE_LITERAL:
        v.kind = BLOCK_LITERAL;
        v.domain = ON_PROFILES;
        v.literal = n->value;
        return compile_value_of(c, &v);
    case RULE_NOW:
    case RULE_TODAY:
    case RULE_YESTERDAY:
    case RULE_TOMORROW:
        v.kind = BLOCK_CLOCK;
        v.domain = ON_PROFILES;
        v.clock = n->op;
        return compile_value_of(c, &v);
    case RULE_FIELD:
        v.kind = BLOCK_COLUMN;
        v.column = compile_path(c, n);
        if (v.column == NO_ID)
            return compile_picked(c, n);
        c->p->columns.p[v.column].needs_cells = true;
        v.domain = c->p->columns.p[v.column].domain;
        return compile_value_of(c, &v);
    case RULE_ARITH:
        return value_arith(c, n);
    case RULE_AGG:
    case RULE_CALL:
        id = compile_aggregate(c, n);
        return id;
    default:
        return compile_refuse(c, n, "an operand that is neither a field, a constant nor an aggregate");
    }
}

/* ---- paths ---- */

struct column_key {
    const struct rule_block_program *p;
    enum block_domain domain;
    const struct str *parts;
    size_t n;
};

static bool
same_column(const void *ctx, uint32_t id)
{
    const struct column_key *k = ctx;
    const struct block_column_spec *s = &k->p->columns.p[id];

    if (s->domain != k->domain || s->part_count != k->n)
        return false;
    for (size_t i = 0; i < k->n; i++) {
        if (!str_eq(s->parts[i], k->parts[i]))
            return false;
    }
    return true;
}

static const struct rule_node *
path_expr(struct compile *c, const struct block_column_spec *s)
{
    struct rule_node *at = ARENA_ARRAY(c->a, struct rule_node, s->part_count + 1);
    struct rule_node **below = ARENA_ARRAY(c->a, struct rule_node *, s->part_count);

    if (at == NULL || below == NULL)
        return NULL;
    at->op = s->domain == ON_PROFILES ? RULE_PROFILE : RULE_SLOT;
    for (size_t i = 0; i < s->part_count; i++, at++) {
        below[i] = at;
        at[1] = (struct rule_node){.op = RULE_FIELD, .name = s->parts[i], .args = &below[i], .arg_count = 1};
    }
    return at;
}

uint32_t
compile_column(struct compile *c, enum block_domain domain, const struct str *parts, size_t n)
{
    struct column_key key = {c->p, domain, parts, n};
    struct block_column_spec s = {.domain = domain, .part_count = n};
    uint64_t hash = hash_u64(n, domain);
    struct buf dotted;
    uint32_t id;

    for (size_t i = 0; i < n; i++)
        hash = hash_bytes(parts[i], hash);
    id = cons_find(&c->columns, hash, same_column, &key);
    if (id != NO_ID || c->nomem)
        return c->nomem ? NO_ID : id;
    s.parts = ARENA_ARRAY(c->a, struct str, n);
    buf_init(&dotted, LIMIT_PQL_TEXT_BYTES);
    for (size_t i = 0; i < n && s.parts != NULL; i++) {
        s.parts[i] = arena_str(c->a, parts[i]);
        if (i > 0)
            buf_putc(&dotted, '.');
        buf_put(&dotted, parts[i]);
        c->nomem = c->nomem || s.parts[i].p == NULL;
    }
    s.dotted = arena_str(c->a, buf_str(&dotted));
    buf_deinit(&dotted);
    s.expr = c->nomem || s.parts == NULL ? NULL : path_expr(c, &s);
    id = (uint32_t)c->p->columns.n;
    if (s.expr == NULL || s.dotted.p == NULL || !VEC_PUSH(c->a, &c->p->columns, s) ||
        !rule_cons_add(&c->columns, hash, id)) {
        c->nomem = true;
        return NO_ID;
    }
    return id;
}

uint32_t
compile_path(struct compile *c, const struct rule_node *n)
{
    struct str parts[ORIGIN_PARTS];
    size_t depth = 0;

    if (n->op != RULE_FIELD)
        return NO_ID;
    for (; n->op == RULE_FIELD && depth < ORIGIN_PARTS; n = n->args[0])
        parts[ORIGIN_PARTS - ++depth] = n->name;
    if (n->op == RULE_PROFILE)
        return compile_column(c, ON_PROFILES, parts + ORIGIN_PARTS - depth, depth);
    if (n->op == RULE_SLOT && n->slot == c->event_slot)
        return compile_column(c, ON_EVENTS, parts + ORIGIN_PARTS - depth, depth);
    return NO_ID;
}

/* ---- what is left to the reference ---- */

/* Slots that are bound around n, other than the event. */
static bool
reads_outer(const struct compile *c, const struct rule_node *n)
{
    if (n->op == RULE_SLOT && n->slot < c->open && n->slot != c->event_slot)
        return true;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (reads_outer(c, n->args[i]))
            return true;
    }
    return false;
}

static uint32_t
audience_of(const struct compile *c, struct str id)
{
    const struct str *found = id.p == NULL ? NULL : map_get(&c->p->by_id, id);

    return found == NULL ? NO_ID : (uint32_t)(found - c->p->ids);
}

static bool
collect_members(struct compile *c, const struct rule_node *n, id_list *out)
{
    uint32_t audience = audience_of(c, rule_segment_id(n));

    if (audience != NO_ID && !VEC_PUSH(c->a, out, c->p->roots[audience]))
        return false;
    for (size_t i = 0; i < n->arg_count; i++) {
        if (!collect_members(c, n->args[i], out))
            return false;
    }
    return true;
}

static uint32_t
compile_row(struct compile *c, const struct rule_node *n)
{
    struct block_op op = {.kind = OP_ROW, .domain = compile_domain(c), .expr = n, .why = c->why, .why_pos = c->why_pos};
    id_list members = {0};

    if (c->in_let > 0 || reads_outer(c, n))
        return compile_refuse(c, n, "it reads a variable bound outside");
    if (op.why == NULL) {
        op.why = "an expression without a form over columns";
        op.why_pos = n->pos;
    }
    op.slot = op.domain == ON_EVENTS ? (uint16_t)c->event_slot : 0;
    if (!collect_members(c, n, &members)) {
        c->nomem = true;
        return NO_ID;
    }
    op.args = members.p;
    op.arg_count = (uint32_t)members.n;
    c->why = NULL;
    return compile_op(c, &op);
}

/* ---- boolean structure ---- */

static bool
mentions_event(const struct compile *c, const struct rule_node *n)
{
    return node_mentions_slot(n, (uint16_t)c->event_slot);
}

static uint32_t
spread(struct compile *c, const struct rule_node *n)
{
    uint32_t slot = c->event_slot, id;

    c->event_slot = NO_ID;
    id = compile_bool(c, n);
    c->event_slot = slot;
    if (id == NO_ID)
        return NO_ID;
    if (c->p->ops.p[id].kind == OP_CONST)
        return compile_const(c, ON_EVENTS, c->p->ops.p[id].negated);
    return compile_op(c, &(struct block_op){.kind = OP_SPREAD, .domain = ON_EVENTS, .args = &id, .arg_count = 1});
}

static uint32_t
bool_junction(struct compile *c, const struct rule_node *n)
{
    id_list ids = {0};

    for (size_t i = 0; i < n->arg_count; i++) {
        uint32_t id = compile_bool(c, n->args[i]);
        if (id == NO_ID)
            return NO_ID;
        if (!VEC_PUSH(c->a, &ids, id))
            c->nomem = true;
    }
    return compile_junction(c, n->op == RULE_AND ? OP_AND : OP_OR, compile_domain(c), ids.p, ids.n);
}

static uint32_t
bool_if(struct compile *c, const struct rule_node *n)
{
    uint32_t test = compile_bool(c, n->args[0]), yes = compile_bool(c, n->args[1]), no = compile_bool(c, n->args[2]);
    uint32_t both[2];
    enum block_domain domain = compile_domain(c);

    if (test == NO_ID || yes == NO_ID || no == NO_ID)
        return NO_ID;
    both[0] = compile_junction(c, OP_AND, domain, (const uint32_t[]){test, yes}, 2);
    both[1] = compile_junction(c, OP_AND, domain, (const uint32_t[]){compile_not(c, test), no}, 2);
    return compile_junction(c, OP_OR, domain, both, 2);
}

/* A copy of n with the value in place of its slot; NULL: too many nodes, or no memory. */
static const struct rule_node *
substitute(struct compile *c, const struct rule_node *n, uint16_t slot, const struct rule_node *value, size_t *budget)
{
    struct rule_node *copy, **args;

    if (n->op == RULE_SLOT && n->slot == slot)
        return value;
    if (!node_mentions_slot(n, slot))
        return n;
    if (*budget == 0)
        return NULL;
    --*budget;
    copy = ARENA_NEW(c->a, struct rule_node);
    args = ARENA_ARRAY(c->a, struct rule_node *, n->arg_count);
    if (copy == NULL || args == NULL) {
        c->nomem = true;
        return NULL;
    }
    *copy = *n;
    copy->args = args;
    for (size_t i = 0; i < n->arg_count; i++) {
        const struct rule_node *arg = substitute(c, n->args[i], slot, value, budget);
        if (arg == NULL)
            return NULL;
        args[i] = (struct rule_node *)(uintptr_t)arg;
    }
    return copy;
}

static size_t
tree_size(const struct rule_node *n, size_t max)
{
    size_t size = 1;

    for (size_t i = 0; i < n->arg_count && size < max; i++)
        size += tree_size(n->args[i], max - size);
    return size;
}

static uint32_t
bool_let(struct compile *c, const struct rule_node *n)
{
    size_t budget = LET_NODES;
    const struct rule_node *body;
    uint32_t id, open = c->open;

    body = substitute(c, n->args[1], n->slot, n->args[0], &budget);
    if (body == NULL || tree_size(body, LET_NODES) >= LET_NODES)
        return compile_refuse(c, n, "a let that would be copied too often");
    c->in_let++;
    c->open = n->slot + 1u;
    id = compile_bool(c, body);
    c->open = open;
    c->in_let--;
    return id;
}

static uint32_t
bool_segment(struct compile *c, const struct rule_node *n)
{
    struct str id = rule_segment_id(n);
    uint32_t audience = audience_of(c, id);

    if (audience != NO_ID)
        return c->p->roots[audience];
    if (id.p == NULL)
        return compile_refuse(c, n, "inSegment of a computed id");
    return compile_op(c, &(struct block_op){.kind = OP_MEMBER, .text = id, .expr = n});
}

static uint32_t
bool_compare(struct compile *c, const struct rule_node *n)
{
    struct block_op op = {.kind = OP_COMPARE, .domain = compile_domain(c), .cmp = n->cmp};

    op.left = compile_value(c, n->args[0]);
    op.right = op.left == NO_ID ? NO_ID : compile_value(c, n->args[1]);
    return op.right == NO_ID ? NO_ID : compile_valued_op(c, &op, true);
}

static uint32_t
bool_occurs(struct compile *c, const struct rule_node *n)
{
    struct block_op op = {.kind = OP_WHEN, .domain = compile_domain(c)};
    enum span_form form = rule_when_span(n->when, n->args, n->arg_count, &op.span);

    if (form != SPAN_INSIDE && form != SPAN_OUTSIDE)
        return compile_refuse(c, n, "a window relative to a field");
    op.negated = form == SPAN_OUTSIDE;
    op.left = compile_value(c, n->args[0]);
    return op.left == NO_ID ? NO_ID : compile_valued_op(c, &op, false);
}

static uint32_t
bool_call(struct compile *c, const struct rule_node *n)
{
    struct block_op op = {.kind = OP_NULL, .domain = compile_domain(c), .negated = n->fn == FN_IS_NOT_NULL};

    switch (n->fn) {
    case FN_IN_SEGMENT:
        return bool_segment(c, n);
    case FN_EXISTS:
    case FN_FORALL:
    case FN_FILTER:
        return compile_list_call(c, n);
    case FN_IS_NULL:
    case FN_IS_NOT_NULL:
        op.left = compile_value(c, n->args[0]);
        return op.left == NO_ID ? NO_ID : compile_valued_op(c, &op, false);
    default:
        return compile_refuse(c, n, "a function over lists, maps or several fields");
    }
}

static uint32_t
try_bool(struct compile *c, const struct rule_node *n)
{
    uint32_t id;

    if (c->event_slot != NO_ID && !mentions_event(c, n))
        return spread(c, n);
    switch (n->op) {
    case RULE_LITERAL:
        return compile_const(c, compile_domain(c), value_truth(n->value));
    case RULE_AND:
    case RULE_OR:
        return bool_junction(c, n);
    case RULE_NOT:
        return compile_not(c, compile_bool(c, n->args[0]));
    case RULE_IF:
        return bool_if(c, n);
    case RULE_LET:
        return bool_let(c, n);
    case RULE_EVENTS:
    case RULE_SELECT:
        return compile_list_call(c, n);
    case RULE_QUANT:
        return compile_quant(c, n);
    case RULE_CHAIN:
        return compile_chain(c, n);
    default:
        break;
    }
    id = compile_test(c, n);
    if (id != NO_ID || c->nomem)
        return id;
    switch (n->op) {
    case RULE_COMPARE:
        return bool_compare(c, n);
    case RULE_OCCURS:
        return bool_occurs(c, n);
    case RULE_CALL:
        return bool_call(c, n);
    default:
        return compile_refuse(c, n, "an expression without a form over columns");
    }
}

uint32_t
compile_bool(struct compile *c, const struct rule_node *n)
{
    uint32_t id = try_bool(c, n);

    if (id != NO_ID) {
        c->why = NULL;
        return id;
    }
    return c->nomem ? NO_ID : compile_row(c, n);
}

/* ---- the whole ---- */

static uint32_t
audience_index(const void *ctx, struct str id)
{
    const struct compile c = {.p = (struct rule_block_program *)(uintptr_t)ctx};

    return audience_of(&c, id);
}

static enum err
add_audiences(struct compile *c, size_t n, struct diag *d)
{
    struct rule_block_program *p = c->p;
    void *old;

    p->ids = ARENA_ARRAY(c->a, struct str, n);
    p->roots = ARENA_ARRAY(c->a, uint32_t, n);
    p->rules = (const struct rule_node **)ARENA_ARRAY(c->a, struct rule_node *, n);
    if (p->ids == NULL || p->roots == NULL || p->rules == NULL)
        return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
    p->audience_count = n;
    for (size_t i = 0; i < n; i++) {
        size_t slots = rule_slot_count(c->audiences[i].rule);
        p->ids[i] = arena_str(c->a, c->audiences[i].id);
        p->rules[i] = rule_root(c->audiences[i].rule);
        if (p->ids[i].p == NULL || !map_put(&p->by_id, p->ids[i], &p->ids[i], &old))
            return diag_set(d, ERR_LIMIT, "no memory for %zu audiences", n);
        if (old != NULL)
            return diag_set(d, ERR_INVALID, "two audiences have the id '%.*s'", STR_ARG(p->ids[i]));
        p->slot_count = slots > p->slot_count ? slots : p->slot_count;
    }
    return ERR_OK;
}

/* Operands have smaller numbers, so one pass from the end finds what is needed; attempts that led nowhere are not. */
static void
mark_live(struct rule_block_program *p)
{
    for (size_t i = 0; i < p->audience_count; i++)
        p->ops.p[p->roots[i]].live = true;
    for (size_t i = p->ops.n; i-- > 0;) {
        struct block_op *op = &p->ops.p[i];
        if (!op->live)
            continue;
        for (uint32_t k = 0; k < op->arg_count; k++)
            p->ops.p[op->args[k]].live = true;
    }
}

static void
number_ops(struct rule_block_program *p)
{
    for (uint32_t i = 0; i < p->ops.n; i++) {
        struct block_op *op = &p->ops.p[i];
        if (!op->live)
            continue;
        p->live[p->live_count++] = i;
        switch (op->kind) {
        case OP_COUNT:
            op->item = (uint32_t)p->count_ops++;
            continue;
        case OP_FOLD:
            op->item = (uint32_t)p->fold_ops++;
            continue;
        case OP_PICK:
            op->item = (uint32_t)p->pick_ops++;
            continue;
        case OP_TEST:
            op->item = (uint32_t)p->test_ops++;
            break;
        case OP_ROW:
            op->item = (uint32_t)p->row_ops++;
            break;
        default:
            break;
        }
        p->bit_ops[op->domain]++;
    }
}

static enum err
compile_all(struct compile *c, size_t n, struct diag *d)
{
    struct rule_block_program *p = c->p;
    static const struct str timestamp = {"timestamp", 9};
    enum err rc = add_audiences(c, n, d);

    if (rc == ERR_OK)
        rc = rule_order(c->audiences, n, audience_index, p, c->a, &p->order, d);
    if (rc != ERR_OK)
        return rc;
    p->timestamp = compile_column(c, ON_EVENTS, &timestamp, 1);
    if (!c->nomem)
        p->columns.p[p->timestamp].needs_times = true;
    for (size_t i = 0; i < n && !c->nomem; i++) {
        c->event_slot = NO_ID;
        c->open = 0;
        c->why = NULL;
        p->roots[p->order[i]] = compile_bool(c, rule_root(c->audiences[p->order[i]].rule));
        c->nomem = c->nomem || p->roots[p->order[i]] == NO_ID;
    }
    for (size_t i = 0; i < p->coders.n && !c->nomem; i++)
        c->nomem = !coder_finish(&p->coders.p[i], c->a);
    p->live = ARENA_ARRAY(c->a, uint32_t, p->ops.n);
    if (c->nomem || p->live == NULL)
        return diag_set(d, ERR_LIMIT, "the program of %zu audiences needs more than %d MB", n,
                        LIMIT_RULE_GRAPH_BYTES >> 20);
    mark_live(p);
    number_ops(p);
    return ERR_OK;
}

enum err
rule_block_compile(const struct rule_audience *audiences, size_t n, struct rule_block_program **out, struct diag *d)
{
    struct rule_block_program *p;
    struct compile c = {.audiences = audiences, .event_slot = NO_ID};
    enum err rc;

    if (n > LIMIT_AUDIENCES_HARD)
        return diag_set(d, ERR_LIMIT, "a sandbox has at most %d live audiences, got %zu", LIMIT_AUDIENCES_HARD, n);
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the program");
    arena_init(&p->arena, LIMIT_RULE_GRAPH_BYTES);
    map_init(&p->by_id);
    c.p = p;
    c.a = &p->arena;
    rc = compile_all(&c, n, d);
    free(c.ops.slots);
    free(c.values.slots);
    free(c.columns.slots);
    if (rc != ERR_OK)
        rule_block_program_free(p);
    else
        *out = p;
    return rc;
}

void
rule_block_program_free(struct rule_block_program *p)
{
    if (p == NULL)
        return;
    map_deinit(&p->by_id);
    arena_deinit(&p->arena);
    free(p);
}

/* ---- questions ---- */

/* Below which operations some part is left to the reference: operands first, so one pass. */
static void
mark_fallbacks(const struct rule_block_program *p, uint64_t *below)
{
    for (size_t i = 0; i < p->live_count; i++) {
        const struct block_op *op = &p->ops.p[p->live[i]];
        bool any = op->kind == OP_ROW;
        for (uint32_t k = 0; k < op->arg_count && !any; k++)
            any = bit_get(below, op->args[k]);
        bit_set(below, p->live[i], any);
    }
}

/* Depth first with a stack of our own: audiences may refer to each other in long chains. */
static void
visit_fallbacks(const struct rule_block_program *p, size_t audience, const uint64_t *below, uint64_t *seen,
                uint32_t *stack, void (*each)(void *ctx, size_t audience, const char *why, uint32_t pos), void *ctx)
{
    size_t n = 0;

    stack[n++] = p->roots[audience];
    while (n > 0) {
        const struct block_op *op = &p->ops.p[stack[--n]];
        if (op->kind == OP_ROW)
            each(ctx, audience, op->why, op->why_pos);
        for (uint32_t k = 0; k < op->arg_count; k++) {
            if (bit_get(below, op->args[k]) && !bit_get(seen, op->args[k])) {
                bit_set(seen, op->args[k], true);
                stack[n++] = op->args[k];
            }
        }
    }
}

/* How many audiences have fallbacks; each may be NULL. */
static size_t
each_fallback(const struct rule_block_program *p,
              void (*each)(void *ctx, size_t audience, const char *why, uint32_t pos), void *ctx)
{
    size_t words = words_for(p->ops.n), audiences = 0;
    uint64_t *below = calloc(words + 1, sizeof *below), *seen = calloc(words + 1, sizeof *seen);
    uint32_t *stack = calloc(p->ops.n + 1, sizeof *stack);

    if (below != NULL && seen != NULL && stack != NULL && p->row_ops > 0) {
        mark_fallbacks(p, below);
        for (size_t i = 0; i < p->audience_count; i++) {
            if (!bit_get(below, p->roots[i]))
                continue;
            audiences++;
            memset(seen, 0, words * sizeof *seen);
            if (each != NULL)
                visit_fallbacks(p, i, below, seen, stack, each, ctx);
        }
    }
    free(below);
    free(seen);
    free(stack);
    return audiences;
}

void
rule_block_fallbacks(const struct rule_block_program *p,
                     void (*each)(void *ctx, size_t audience, const char *why, uint32_t pos), void *ctx)
{
    (void)each_fallback(p, each, ctx);
}

struct rule_block_shape
rule_block_shape(const struct rule_block_program *p)
{
    return (struct rule_block_shape){p->audience_count, p->live_count, p->columns.n, p->row_ops,
                                     each_fallback(p, NULL, NULL)};
}

static bool
is_read(const struct block_column_spec *s)
{
    return s->needs_codes || s->needs_times || s->needs_cells;
}

static void
each_path(const struct rule_block_program *p, enum block_domain domain, void (*each)(void *ctx, struct str path),
          void *ctx)
{
    for (size_t i = 0; i < p->columns.n; i++) {
        if (p->columns.p[i].domain == domain && is_read(&p->columns.p[i]))
            each(ctx, p->columns.p[i].dotted);
    }
}

void
rule_block_attribute_paths(const struct rule_block_program *p, void (*each)(void *ctx, struct str path), void *ctx)
{
    each_path(p, ON_PROFILES, each, ctx);
}

void
rule_block_event_paths(const struct rule_block_program *p, void (*each)(void *ctx, struct str path), void *ctx)
{
    each_path(p, ON_EVENTS, each, ctx);
}
