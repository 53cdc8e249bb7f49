/* optout.h - people who do not want to be in audiences [SEGMENTATION 16.5]. */
#ifndef MODEL_OPTOUT_H
#define MODEL_OPTOUT_H

#include <stdbool.h>

#include "codec/json.h"

/* Does a profile's privacyOptOuts have a general opt-out that is `out` or `pending`? attributes may be NULL. The list
 * is short; other types of opt-outs are for activation. */
bool opted_out(const struct json *attributes);
/* The attribute that says so: edges need it where they evaluate. */
#define OPTOUT_PATH "privacyOptOuts"

#endif
