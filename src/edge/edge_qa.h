/* edge_qa.h - QA mode [TARGET 1.6]: the object `qaMode`, which delivery requests have in their body, SDKs keep in the
 * cookie at_qa_mode, and a link writes as parameters of the page's address.
 *
 *   at_preview_token                                  token; empty: QA mode ends
 *   at_preview_index = activity[_experience]          one of previewIndexes, repeatable
 *   at_preview_listed_activities_only = true          listedActivitiesOnly
 *   at_preview_evaluate_as_true_audience_ids = 1_2    evaluateAsTrueAudienceIds; ..._false_... likewise
 *
 * Ownership  Everything is in the arena or borrowed from the object.   Threads  any. */
#ifndef EDGE_EDGE_QA_H
#define EDGE_EDGE_QA_H

#include "decide/decision.h"

/* What the object means. Lists end after LIMIT_QA_LIST, elements of a wrong type are left out. false: its token is not
 * ours, or there is no memory. */
bool edge_qa_read(const struct json *mode, struct hash_key key, struct arena *a, struct decision_qa *out);
/* A token by itself: the activities of out, and whether others are served beside them. */
bool edge_qa_read_token(struct str token, struct hash_key key, struct arena *a, struct decision_qa *out);

/* Does a page's address say something of QA mode? *text: the object as JSON text; empty: QA mode ends. */
bool edge_qa_of_url(struct str url, struct arena *a, struct str *text);
/* The cookie's value: the object, percent coded or not; NULL: it is none. */
const struct json *edge_qa_of_cookie(struct str value, struct arena *a);

#endif
