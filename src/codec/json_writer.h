/* json_writer.h - writing JSON into a buf: commas and escapes in one place, nothing else.
 *
 *   struct jw w = jw_to(&b);
 *   jw_object(&w); jw_key(&w, S("id")); jw_str(&w, id); jw_end(&w);      ->  {"id":"..."}
 *
 * The caller keeps objects, keys and ends in order; DCHECKs watch. Overflow shows in the buf (buf_ok). Nesting at most
 * LIMIT_JSON_DEPTH.   Cost  about 0.2 us per KB over memcpy. */
#ifndef CODEC_JSON_WRITER_H
#define CODEC_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json;

struct jw {
    struct buf *out;
    uint64_t is_object; /* one bit per level */
    uint64_t has_member;
    int depth;
    bool after_key;
};

struct jw jw_to(struct buf *out);
void jw_object(struct jw *w);
void jw_array(struct jw *w);
void jw_end(struct jw *w); /* closes the innermost object or array */
void jw_key(struct jw *w, struct str key);
void jw_str(struct jw *w, struct str s);
void jw_i64(struct jw *w, int64_t v);
void jw_u64(struct jw *w, uint64_t v);
void jw_f64(struct jw *w, double v);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
/* Milliseconds as an ISO 8601 string. */
void jw_time(struct jw *w, int64_t ms);
/* Text that is JSON already, and a parsed value. */
void jw_raw(struct jw *w, struct str json_text);
void jw_json(struct jw *w, const struct json *v);

/* key and value in one call */
void jw_kstr(struct jw *w, struct str key, struct str s);
void jw_ki64(struct jw *w, struct str key, int64_t v);
void jw_kbool(struct jw *w, struct str key, bool v);
void jw_kraw(struct jw *w, struct str key, struct str json_text);
void jw_kjson(struct jw *w, struct str key, const struct json *v);
void jw_ktime(struct jw *w, struct str key, int64_t ms);

/* The quoted, escaped form of s alone. */
void json_quote(struct buf *out, struct str s);

#endif
