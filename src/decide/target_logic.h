/* target_logic.h - an audience as json-logic for clients that decide by themselves [TARGET 4.4].
 *
 * The logic says of every visitor what the rule says at the server (property test target_logic_test.c), with guards
 * where JavaScript would convert what audiences do not: missing and empty values, "1e3", "0x10". That holds for
 * parameters that are texts, as clients document them; one whose name is another's with "_lc" behind it is lost on
 * device. Weekly time frames are moved from the account's time to UTC. Conditions on a host become prefixes of the URL,
 * with http and https, because what "domain" means differs from client to client.
 *
 * What no client knows has no logic: visitor profile, network, mobile devices, traffic sources, audiences of the
 * platform, iPhone, iPad and Opera, single query parameters, the language, postal codes.
 * Threads  any. */
#ifndef DECIDE_TARGET_LOGIC_H
#define DECIDE_TARGET_LOGIC_H

#include "decide/decide_int.h"

/* The text of the logic, "true" and "false" among them, in the arena. An audience of the shape {"jsonLogic"} gives its
 * own. ERR_UNSUPPORTED: it cannot be said; d->what is the reason, to be shown to people. ERR_INVALID, ERR_LIMIT: as
 * target_rule_compile(). */
enum err target_logic(const struct json *audience, target_rule_lookup *lookup, void *ctx, int zone_minutes,
                      struct arena *a, struct str *out, struct diag *d);

#endif
