/* json_logic.h - json-logic, the language of on-device rules, as one more front end of the rule engine [TARGET 5.4].
 *
 *   {"and":[{"<=":[0,{"var":"allocation"},50]},{"==":["gold",{"var":"mbox.tier_lc"}]}]}
 *
 * An imported artifact keeps its conditions as audiences of a shape of their own (OURS):
 * {"id":7,"jsonLogic":{..}} beside targetRule and audienceRule, so what compiles an audience compiles these.
 *
 * Meaning    JavaScript's, operator by operator, as the vendor's engine evaluates it. "var" reads the context of the
 *            request: allocation, current_timestamp, current_time, current_day, user.*, page.*, referring.*, mbox.*,
 *            geo.*, texts with a lower-case twin _lc. "log" says nothing. {"var":""} and the paths that an expression
 *            makes at run time see the context without allocation, which belongs to the activity and not to the
 * request. Refused    An operator that is not in the list, one with fewer operands than it can work with, and more than
 *            LIMIT_JSON_LOGIC_DEPTH levels. The vendor's engine fails when it meets such a rule; we say so when it is
 *            saved.
 * Threads  any.   Sources  [TARGET 5.4], vectors target-context.json. */
#ifndef DECIDE_JSON_LOGIC_H
#define DECIDE_JSON_LOGIC_H

#include "decide/decide_int.h"

struct lower;

/* Compiles a condition to a rule that an audience may have. ERR_INVALID: d->what names the operator. ERR_LIMIT. Free
 * out->rule with rule_free(). */
enum err json_logic_compile(const struct json *logic, struct target_rule *out, struct diag *d);

/* Can its value be an empty list? That is false as an operand, in an audience, and true to the vendor's engine as the
 * whole condition of a rule: whoever makes the one of the other says what is meant. */
bool json_logic_may_be_empty_list(const struct json *logic);

/* json_logic_compile() inside of a rule under construction: a node that is true or false, NULL after a failure
 * (target_int.h). */
struct rule_node *json_logic_lower(struct lower *w, const struct json *logic);

/* What a request says, as the object that "var" reads; in the view's arena, made once per view. NULL: no memory. */
const struct json *json_logic_context(struct request_view *v);

#endif
