/* json.h - reading JSON. The only header through which the program sees a parser (json.c wraps yyjson).
 *
 * A document is parsed once into an arena and read through borrowed `const struct json *` nodes; NULL stands for
 * "absent", and every reader accepts it, so a chain of json_get needs no checks. Strings are UTF-8, checked by the
 * parser, and may contain U+0000.
 *
 * Limits     LIMIT_JSON_DEPTH levels (ERR_LIMIT).   Threads  A parsed document is immutable.
 * Cost       About 1.4 us per 3 KB; json_get is linear in the object's members. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"

struct json; /* opaque */

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parses the whole text. ERR_INVALID: d->pos is the byte, d->what says what is wrong there. ERR_LIMIT: too deep.
 * ERR_NOMEM: the arena is exhausted. The document lives as long as the arena's contents; `text` may go. */
enum err json_parse(struct str text, struct arena *a, const struct json **root, struct diag *d);

/* As above for documents whose format nests by itself, such as pql/json: depth_max at most JSON_DEPTH_MAX. */
#define JSON_DEPTH_MAX 256
enum err json_parse_deep(struct str text, int depth_max, struct arena *a, const struct json **root, struct diag *d);

/* The value of a text that was written here; NULL: it did not fit into the buf, or there is no memory. */
const struct json *json_made(const struct buf *text, struct arena *a);

enum json_type json_type(const struct json *v);
static inline bool
json_is(const struct json *v, enum json_type t)
{
    return json_type(v) == t;
}
bool json_is_number(const struct json *v);
const char *json_type_name(enum json_type t); /* "object", "a string" style words for messages */

/* Member of an object by exact name (first match); NULL when absent or v is not an object. */
const struct json *json_get(const struct json *v, struct str key);
/* Through objects along a dotted path "a.b.c"; NULL when any part is absent. Keys with dots are not reachable this way.
 */
const struct json *json_path(const struct json *v, struct str path);
/* Elements of an array; members of an object; 0 otherwise. */
size_t json_count(const struct json *v);
const struct json *json_at(const struct json *array,
                           size_t i); /* linear in i for arrays of mixed nodes: prefer iteration */

/* struct json_iter it = json_iter(v); while (json_next(&it)) use(it.key, it.value);  key is empty for arrays. */
struct json_iter {
    struct str key;
    const struct json *value;
    const void *priv_next;
    size_t priv_left;
    bool priv_object;
};
struct json_iter json_iter(const struct json *v);
bool json_next(struct json_iter *it);

/* Value when v has that type, `otherwise` (or an empty str) when not. Nothing is converted. */
bool json_bool(const struct json *v, bool otherwise);
int64_t json_i64(const struct json *v, int64_t otherwise); /* ints, and doubles with an exact integer value */
double json_f64(const struct json *v, double otherwise);   /* ints and doubles */
struct str json_str(const struct json *v);                 /* borrowed, NUL-terminated behind its end */

/* Which value of its document v is, in the order of the text, keys counted; the root is 0. json_place.h makes places of
 * it. */
size_t json_index(const struct json *root, const struct json *v);
size_t json_index_end(const struct json *root); /* how many there are */

/* Deep equality; numbers by value, objects regardless of order. */
bool json_equal(const struct json *a, const struct json *b);

/* Appends the compact text of v ("null" for absent). */
void json_write(struct buf *out, const struct json *v);

#endif
