/* script.h - profile scripts: JavaScript from a marketer's text box, run on every request, that can do no harm.
 *
 * A script is the body of a function. It reads what the request and the visitor tell (user.get('x'), mbox.param('y'),
 * page.url, ...), returns a text, a number, a boolean or a list, and that becomes an attribute of the visitor
 * [TARGET 7.3]. It has no file, no network, no timer, no clock but the request's, no random numbers but the request's.
 *
 * Bounds     Work is counted, not timed, so that a replay stops where the original did: a turn of a loop or a call is a
 *            unit, and a built-in costs as many as the characters or elements that it goes over. LIMIT_SCRIPT_UNITS a
 *            run, LIMIT_SCRIPT_UNITS_REQUEST all runs of a request. Heap LIMIT_SCRIPT_HEAP_BYTES, stack
 *            LIMIT_SCRIPT_STACK_BYTES. Nothing that a script catches can keep it going. OURS: the vendor counts 2000
 *            instructions of its own engine.
 * Isolation  Scripts of one engine share the built-in objects, which are frozen, and nothing else: what a script puts
 *            into the global object is gone after its run. So no visitor's data reaches another's.
 * Language   ES2023 without typed arrays, big integers, proxies, maps and eval. Old scripts are ES5 and run as they
 * are. Ownership  Results are in the arena.   Threads  one engine belongs to one thread. Cost       A run of a small
 * script 3 to 6 us; script_load() 40 us a script; an engine 250 us and 300 KB. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"

struct script_engine;

struct script_text {
    struct str name; /* of the attribute */
    struct str text; /* the function's body */
};

/* What a script asks for. name is the argument, empty for facts. */
enum script_source {
    SCRIPT_USER_ATTRIBUTE, /* user.get(name) */
    SCRIPT_LOCAL,          /* user.getLocal(name): of this script only */
    SCRIPT_PROFILE,        /* profile.get(name) */
    SCRIPT_PROFILE_PARAM,  /* profile.param(name): of this request */
    SCRIPT_USER_FACT,      /* user.categoryAffinity, .isFirstSession, ...: name is the member */
    SCRIPT_PROFILE_FACT,   /* profile.sessionCount, profile.mobile.x as "mobile.x", profile.geolocation.x */
    SCRIPT_HEADER,         /* user.header(name) */
    SCRIPT_MBOX_NAME,
    SCRIPT_MBOX_PARAM,
    SCRIPT_PAGE, /* page.url, .protocol, .domain, .query: name is the member */
    SCRIPT_PAGE_PARAM,
    SCRIPT_LANDING,
    SCRIPT_LANDING_PARAM,
    SCRIPT_REFERRER,
    SCRIPT_REFERRER_PARAM,
    SCRIPT_CUSTOMER, /* crs.get("source.attribute") */
    SCRIPT_SOURCE__COUNT
};

struct script_env {
    int64_t now_ms;
    uint64_t seed; /* of Math.random */
    /* The value as JSON text, valid until the next call; false: absent (null for the script). */
    bool (*get)(void *ctx, enum script_source source, struct str name, struct str *json);
    /* Microseconds of a clock that only goes forward: a second bound, LIMIT_SCRIPT_MS, for work that units cannot see,
     * such as copying long texts. NULL: none (replay). */
    uint64_t (*clock_us)(void *ctx);
    /* user.setLocal(name, value). false: not kept. */
    bool (*set_local)(void *ctx, struct str name, struct str json);
    void *ctx;
};

/* ERR_NOMEM. */
enum err script_engine_new(struct script_engine **out, struct diag *d);
void script_engine_free(struct script_engine *e);

/* Compiles the scripts of a configuration, unless `version` is what the engine has already (never 0). One that does not
 * compile is left out, as script_check() would say. ERR_NOMEM. */
enum err script_load(struct script_engine *e, const struct script_text *scripts, size_t n, uint64_t version,
                     struct diag *d);

/* Units that the runs of a request share; begin with LIMIT_SCRIPT_UNITS_REQUEST. */
struct script_budget {
    uint64_t units;
};

/* Runs script `index` of the last script_load(). *json is the result: empty when the script returned nothing. */
/* ERR_LIMIT: stopped (work, heap, stack), or a result of more than LIMIT_SCRIPT_RESULT_CHARS: the script is to be
 * switched off. ERR_BUSY: the request's units were used up by scripts before it: it did not run. ERR_INVALID: it threw,
 * or returned what is no value; the attribute keeps its value. */
enum err script_run(struct script_engine *e, size_t index, const struct script_env *env, struct script_budget *budget,
                    struct arena *a, struct str *json, struct diag *d);

/* Is it a script? ERR_INVALID: syntax, with line and column of the text in d->what; ERR_LIMIT: longer than
 * LIMIT_SCRIPT_CHARS. Any thread; makes an engine for the time of the call. */
enum err script_check(struct str text, struct diag *d);

#endif
