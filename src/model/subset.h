/* subset.h - an object cut down to some of its dotted paths: what may travel to an edge, or is kept of an event.
 *
 * Paths go through objects; a path that meets an array keeps, of each element, what the rest of the path names. A path
 * that is a prefix of another keeps everything below it. Compile once, apply often.
 *
 * Ownership  A set owns copies of its paths.   Threads  Immutable after subset_new: share it.
 * Cost       Linear in the members of the objects that a path goes through. */
#ifndef MODEL_SUBSET_H
#define MODEL_SUBSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_writer.h"

struct subset; /* a trie of path segments */

/* In the arena; NULL when it is exhausted. n may be 0: nothing is kept. */
struct subset *subset_new(const struct str *paths, size_t n, struct arena *a);
/* Writes the cut object ("{}" when nothing of it is named, or v is not an object). */
void subset_write(struct jw *w, const struct subset *s, const struct json *v);

#endif
