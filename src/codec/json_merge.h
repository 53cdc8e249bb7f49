/* json_merge.h - one object laid over another, leaf by leaf: what both have and is an object on both sides merges
 * member by member; everything else (arrays are one leaf) comes from the upper one [EDGE 2.1], [PLATFORM 5.3]. */
#ifndef CODEC_JSON_MERGE_H
#define CODEC_JSON_MERGE_H

#include "codec/json.h"
#include "codec/json_writer.h"

/* Writes the merged object. Either may be NULL. With null_deletes, a null in `over` removes the member. */
void json_merge_write(struct jw *w, const struct json *over, const struct json *under, bool null_deletes);

#endif
