/* json_place.h - where in its text a parsed value stands, for messages about a document's meaning.
 *
 * A parser forgets places, and most readers need none. One that does asks for all offsets after parsing, which is one
 * more pass over the text, and turns the offset of a fault into a path when it has one to report.   Threads  Any. */
#ifndef CODEC_JSON_PLACE_H
#define CODEC_JSON_PLACE_H

#include "codec/json.h"

struct json_places {
    const struct json *root;
    const uint32_t *offsets; /* arena: by json_index */
    size_t n;
};

/* `text` is what json_parse made `root` of. ERR_NOMEM: the arena is exhausted. */
enum err json_places(struct str text, const struct json *root, struct arena *a, struct json_places *out,
                     struct diag *d);
/* Byte offset of the value; of a member that is its value, not its key. */
uint32_t json_place(const struct json_places *p, const struct json *v);

/* Appends the path of the innermost value that begins at or before byte `pos` and does not end before it:
 * "params[0].object". Nothing for the root. For well-formed text of at most JSON_DEPTH_MAX levels. */
void json_place_path(struct str text, uint32_t pos, struct buf *out);

#endif
