/* edge_script.c - see edge_script.h: which engine, which scripts, what becomes of results. What scripts may ask is
 * answered by edge_script_env.c. */
#include "edge/edge_script_int.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/json_writer.h"
#include "os/thread.h"

#define WORKERS_MAX 512 /* two listeners of as many as the setting allows */
#define EDGE_SCRIPT_ENGINES 4

struct slot {
    struct str scope; /* owned */
    struct script_engine *engine;
    uint64_t used;
};

struct worker {
    struct slot slots[EDGE_SCRIPT_ENGINES];
    uint64_t clock;
};

struct edge_scripts {
    struct os *os;
    struct worker *workers[WORKERS_MAX]; /* each touched by its own thread only */
    struct os_mutex lock;
    struct map off; /* scope, name, text -> itself */
};

enum err
edge_scripts_new(struct os *os, struct edge_scripts **out, struct diag *d)
{
    struct edge_scripts *s = calloc(1, sizeof *s);

    if (s == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for profile scripts");
    s->os = os;
    os_mutex_init(&s->lock);
    map_init(&s->off);
    *out = s;
    return ERR_OK;
}

void
edge_scripts_free(struct edge_scripts *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        for (size_t k = 0; s->workers[i] != NULL && k < EDGE_SCRIPT_ENGINES; k++) {
            script_engine_free(s->workers[i]->slots[k].engine);
            free((char *)(uintptr_t)s->workers[i]->slots[k].scope.p);
        }
        free(s->workers[i]);
    }
    map_deinit(&s->off);
    os_mutex_deinit(&s->lock);
    free(s);
}

/* ---- engines ---- */

/* The slot of the sandbox, or the one that was not used for the longest time. */
static struct slot *
find_slot(struct worker *w, struct str scope)
{
    struct slot *oldest = &w->slots[0];

    for (size_t i = 0; i < EDGE_SCRIPT_ENGINES; i++) {
        if (w->slots[i].engine != NULL && str_eq(w->slots[i].scope, scope))
            return &w->slots[i];
        if (w->slots[i].used < oldest->used)
            oldest = &w->slots[i];
    }
    script_engine_free(oldest->engine);
    free((char *)(uintptr_t)oldest->scope.p);
    *oldest = (struct slot){0};
    return oldest;
}

static struct script_engine *
engine_for(struct edge_scripts *s, const struct edge_script_request *r, struct diag *d)
{
    struct worker **w = &s->workers[r->rq->worker % WORKERS_MAX];
    struct slot *slot;

    if (*w == NULL)
        *w = calloc(1, sizeof **w);
    if (*w == NULL)
        return NULL;
    slot = find_slot(*w, r->view->scope);
    if (slot->engine == NULL) {
        char *scope = malloc(r->view->scope.n + 1);
        if (scope == NULL || script_engine_new(&slot->engine, d) != ERR_OK) {
            free(scope);
            return NULL;
        }
        memcpy(scope, r->view->scope.p, r->view->scope.n);
        slot->scope.p = scope;
        slot->scope.n = r->view->scope.n;
    }
    slot->used = ++(*w)->clock;
    if (script_load(slot->engine, r->view->scripts, r->view->script_count, r->view->scripts_version, d) != ERR_OK)
        return NULL;
    return slot->engine;
}

/* ---- scripts that are switched off ---- */

static struct str
off_key(const struct edge_script_request *r, const struct script_text *x)
{
    return ARENA_JOIN(r->arena, r->view->scope, S("\x1f"), x->name, S("\x1f"), x->text);
}

static bool
is_off(struct edge_scripts *s, const struct edge_script_request *r, const struct script_text *x)
{
    bool off;

    os_lock(&s->lock);
    off = s->off.count > 0 && map_get(&s->off, off_key(r, x)) != NULL;
    os_unlock(&s->lock);
    return off;
}

static void
switch_off(struct edge_scripts *s, struct edge_script_request *r, const struct script_text *x, const struct diag *d)
{
    struct jw w;
    bool first;

    os_lock(&s->lock);
    first = map_get(&s->off, off_key(r, x)) == NULL;
    if (s->off.count < LIMIT_SCRIPTS_OFF)
        (void)map_put(&s->off, off_key(r, x), s, NULL);
    os_unlock(&s->lock);
    if (!first)
        return;
    metric_inc(M_EDGE_SCRIPTS_OFF);
    log_warn("script_switched_off", "scope=%.*s name=\"%.*s\" why=\"%s\"", STR_ARG(r->view->scope), STR_ARG(x->name),
             d->what);
    if (r->off.n > 0)
        buf_putc(&r->off, ',');
    w = jw_to(&r->off);
    jw_object(&w);
    jw_kstr(&w, S("name"), x->name);
    jw_kstr(&w, S("why"), str_of(d->what));
    jw_end(&w);
}

/* ---- results ---- */

static void
note_step(struct edge_script_request *r, struct str name, struct str json)
{
    if (!r->keeps)
        return;
    buf_printf(&r->steps, "%s[%u,", r->steps.n > 0 ? "," : "", r->runs);
    json_quote(&r->steps, name);
    buf_putc(&r->steps, ',');
    buf_put(&r->steps, json);
    buf_putc(&r->steps, ']');
}

bool
edge_script_store(struct edge_script_request *r, struct str name, struct str json)
{
    const struct visitor_attribute *a = visitor_attribute(r->visitor, name);

    if (a != NULL && str_eq(a->json, json))
        return true;
    name = arena_str(r->arena, name);
    json = arena_str(r->arena, json);
    if (name.p == NULL || json.p == NULL || !visitor_set(r->visitor, name, json, r->now_ms))
        return false;
    note_step(r, name, json);
    for (size_t i = 0; i < r->changed_count; i++) {
        if (str_eq(r->changed[i], name))
            return true;
    }
    if (r->changed_count == r->changed_cap) {
        size_t cap = r->changed_cap > 0 ? r->changed_cap * 2 : 8;
        struct str *changed = ARENA_ARRAY(r->arena, struct str, cap);
        if (changed == NULL)
            return false;
        if (r->changed_count > 0)
            memcpy(changed, r->changed, r->changed_count * sizeof *changed);
        r->changed = changed;
        r->changed_cap = cap;
    }
    r->changed[r->changed_count++] = name;
    return true;
}

static void
run_one(struct edge_scripts *s, struct script_engine *e, struct edge_script_request *r, size_t index)
{
    const struct script_text *x = &r->view->scripts[index];
    struct edge_script_env env = {.r = r, .script = x->name, .os = s->os};
    struct script_env outside = {.now_ms = r->now_ms,
                                 .seed = rng_u64(r->rq->rng),
                                 .get = edge_script_get,
                                 .clock_us = edge_script_clock,
                                 .set_local = edge_script_set_local,
                                 .ctx = &env};
    struct diag d = DIAG_INIT;
    struct str json;
    enum err rc;

    if (is_off(s, r, x))
        return;
    rc = script_run(e, index, &outside, &r->budget, r->arena, &json, &d);
    if (rc == ERR_OK && json.n > 0 && !edge_script_store(r, x->name, json))
        metric_inc(M_EDGE_SCRIPT_ERRORS);
    if (rc == ERR_LIMIT)
        switch_off(s, r, x, &d);
    else if (rc != ERR_OK)
        metric_inc(M_EDGE_SCRIPT_ERRORS);
}

void
edge_scripts_run(struct edge_scripts *s, struct edge_script_request *r)
{
    struct diag d = DIAG_INIT;
    struct script_engine *e;

    r->runs++;
    if (r->view->script_count == 0)
        return;
    e = engine_for(s, r, &d);
    if (e == NULL) {
        metric_inc(M_EDGE_SCRIPT_ERRORS);
        return;
    }
    if (!r->begun) {
        r->budget.units = LIMIT_SCRIPT_UNITS_REQUEST;
        buf_init_in(&r->off, r->arena, LIMIT_RECORD_BYTES);
        buf_init_in(&r->steps, r->arena, LIMIT_ASKED_SCRIPT_BYTES);
        r->begun = true;
    }
    for (size_t i = 0; i < r->view->script_count; i++) {
        run_one(s, e, r, i);
        /* A script that spoilt the engine makes it void: the others go on in a new one. */
        if (script_load(e, r->view->scripts, r->view->script_count, r->view->scripts_version, &d) != ERR_OK)
            return;
    }
}

const struct json *
edge_scripts_changes(const struct edge_script_request *r)
{
    struct buf b;
    struct jw w;

    if (r->changed_count == 0)
        return NULL;
    buf_init_in(&b, r->arena, LIMIT_VISITOR_BYTES);
    w = jw_to(&b);
    jw_object(&w);
    for (size_t i = 0; i < r->changed_count; i++) {
        const struct visitor_attribute *a = visitor_attribute(r->visitor, r->changed[i]);
        if (a != NULL)
            jw_kraw(&w, a->name, a->json);
    }
    jw_end(&w);
    return json_made(&b, r->arena);
}

const struct json *
edge_scripts_off(const struct edge_script_request *r)
{
    const struct json *out = NULL;
    struct str text;

    if (!r->begun || r->off.n == 0)
        return NULL;
    text = ARENA_JOIN(r->arena, S("["), buf_str(&r->off), S("]"));
    return text.p != NULL && json_parse(text, r->arena, &out, NULL) == ERR_OK ? out : NULL;
}
