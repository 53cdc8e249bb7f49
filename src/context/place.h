/* place.h - names and codes of countries and of the United States' states, as audience rules write them: both match
 * [TARGET 4.2]. Answers are in lower case, literals, or empty when the table does not know; arguments compare without
 * case.   Threads  any. */
#ifndef CONTEXT_PLACE_H
#define CONTEXT_PLACE_H

#include "base/str.h"

struct str place_country_name(struct str code); /* "US" -> "united states" */
struct str place_country_code(struct str name); /* "United States", "USA" -> "us" */
struct str place_state_name(struct str code);   /* "CA" -> "california" */
struct str place_state_code(struct str name);

#endif
