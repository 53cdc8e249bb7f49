/* segment_explain.h - an explanation (rule_explain.h) as people read it: JSON with the text of each leaf, and a
 * sentence for each change that would make a person a member.
 *
 *   "result": false, "flipsAt": "...",
 *   "tree": {"kind": "and", "result": false, "children": [
 *     {"kind": "fields", "result": false, "text": "loyalty.points >= 500",
 *      "fields": [{"path": "loyalty.points", "value": 420}]},
 *     {"kind": "count", "result": true, "text": "...", "count": 3, "needs": [">= 3"], "events": [{"_id", "timestamp"}],
 *      "decidedBy": {"_id", "timestamp"}, "since": "...", "flipsAt": "..."}]},
 *   "whyNot": {"possible": true, "exact": true, "changes": [{"text": "loyalty.points must be >= 500, is 420"}]}
 *
 * whyNot is there when the result is false. A text that is longer than LIMIT_EXPLAIN_TEXT_BYTES is cut and ends in
 * "...", a value that is longer is left out, with "cut": true. */
#ifndef SEGMENT_SEGMENT_EXPLAIN_H
#define SEGMENT_SEGMENT_EXPLAIN_H

#include "codec/json_writer.h"
#include "rule/rule_explain.h"

/* Writes the members into the open object; r is the rule that was explained. */
void segment_explain_write(struct jw *w, const struct rule *r, const struct explain *x, struct arena *a);

#endif
