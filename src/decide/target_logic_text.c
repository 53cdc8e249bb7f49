/* target_logic_text.c - see target_logic_int.h. */
#include <stdarg.h>
#include <stdio.h>

#include "decide/target_logic_int.h"

#include "codec/json_writer.h"

static bool
failed(const struct logic *lg, struct str x)
{
    return x.p == NULL || lg->w.rc != ERR_OK;
}

static struct str
no_memory(struct logic *lg)
{
    (void)target_fail_memory(&lg->w);
    return S_NULL;
}

struct str
logic_unsupported(struct logic *lg, const char *fmt, ...)
{
    char reason[160];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    lg->w.rc = diag_set_path(lg->w.d, ERR_UNSUPPORTED, lg->w.path, "%s: %s", lg->w.path, reason);
    return S_NULL;
}

struct str
logic_printf(struct logic *lg, const char *fmt, ...)
{
    struct str s = S_NULL;
    va_list ap, again;
    char *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : arena_alloc(lg->w.a, (size_t)n + 1);
    if (p != NULL) {
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
        s = (struct str){p, (size_t)n};
    }
    va_end(again);
    return s.p != NULL ? s : no_memory(lg);
}

struct str
logic_quote(struct logic *lg, struct str text)
{
    struct buf b;

    buf_init_in(&b, lg->w.a, LIMIT_TARGET_RULE_BYTES);
    json_quote(&b, text);
    return buf_ok(&b) ? buf_str(&b) : no_memory(lg);
}

struct str
logic_var(struct logic *lg, const char *object, struct str name, const char *suffix)
{
    struct str path = logic_printf(lg, "%s.%.*s%s", object, STR_ARG(name), suffix), quoted;

    quoted = path.p != NULL ? logic_quote(lg, path) : path;
    return quoted.p != NULL ? logic_printf(lg, "{\"var\":%.*s}", STR_ARG(quoted)) : quoted;
}

void
logic_add(struct logic *lg, struct logic_list *l, struct str item)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        struct str *items = ARENA_ARRAY(lg->w.a, struct str, cap);
        if (items == NULL) {
            (void)no_memory(lg);
            return;
        }
        if (l->n > 0)
            memcpy(items, l->items, l->n * sizeof(*items));
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = item;
}

/* The items that are not `neutral`; one that is `decisive` is the answer. */
static struct str
joined(struct logic *lg, const struct logic_list *l, const char *op, struct str neutral, struct str decisive)
{
    struct str lone = neutral;
    struct buf b;
    size_t n = 0;

    buf_init_in(&b, lg->w.a, LIMIT_TARGET_RULE_BYTES);
    buf_printf(&b, "{\"%s\":[", op);
    for (size_t i = 0; i < l->n; i++) {
        if (failed(lg, l->items[i]))
            return S_NULL;
        if (str_eq(l->items[i], decisive))
            return decisive;
        if (str_eq(l->items[i], neutral))
            continue;
        lone = l->items[i];
        if (n++ > 0)
            buf_putc(&b, ',');
        buf_put(&b, lone);
    }
    buf_put(&b, S("]}"));
    if (lg->w.rc != ERR_OK)
        return S_NULL;
    if (n < 2)
        return lone;
    return buf_ok(&b) ? buf_str(&b) : no_memory(lg);
}

struct str
logic_all(struct logic *lg, const struct logic_list *l)
{
    return joined(lg, l, "and", LOGIC_TRUE, LOGIC_FALSE);
}

struct str
logic_any(struct logic *lg, const struct logic_list *l)
{
    return joined(lg, l, "or", LOGIC_FALSE, LOGIC_TRUE);
}

struct str
logic_and(struct logic *lg, struct str x, struct str y)
{
    return logic_all(lg, &(struct logic_list){.items = (struct str[]){x, y}, .n = 2});
}

struct str
logic_or(struct logic *lg, struct str x, struct str y)
{
    return logic_any(lg, &(struct logic_list){.items = (struct str[]){x, y}, .n = 2});
}

struct str
logic_not(struct logic *lg, struct str x)
{
    if (failed(lg, x))
        return S_NULL;
    if (str_eq(x, LOGIC_TRUE))
        return LOGIC_FALSE;
    return str_eq(x, LOGIC_FALSE) ? LOGIC_TRUE : logic_printf(lg, "{\"!\":%.*s}", STR_ARG(x));
}

struct str
logic_equal(struct logic *lg, struct str x, struct str y)
{
    if (failed(lg, x) || failed(lg, y))
        return S_NULL;
    return logic_printf(lg, "{\"==\":[%.*s,%.*s]}", STR_ARG(x), STR_ARG(y));
}
