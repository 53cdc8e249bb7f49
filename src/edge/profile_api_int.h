/* profile_api_int.h - what the files of the profile APIs share. */
#ifndef EDGE_PROFILE_API_INT_H
#define EDGE_PROFILE_API_INT_H

#include "config/tenant.h"
#include "edge/edge_int.h"
#include "edge/edge_visitor.h"
#include "edge/profile_api.h"

/* ---- profile_api_write.c ---- */

enum profile_outcome { PROFILE_UPDATED, PROFILE_NOT_FOUND, PROFILE_FAILED };

struct profile_change {
    const struct snapshot *snap;
    const struct tenant *tenant;
    struct edge_visitor_ids ids;
    const struct json *attributes; /* {"name":"text"} */
    bool create;
    int64_t now_ms;
};
/* FAILED: d says why: a name or the visitor's attributes are too large, or the log does not take it. */
enum profile_outcome profile_write(struct edge *e, const struct profile_change *c, struct arena *a, struct diag *d);

/* ---- profile_api_rows.c ---- */

/* The text of a batch: a line that names the columns, then one visitor a line. Either every value is URL-encoded, or
 * the whole text is. */
struct profile_rows {
    struct str rest;
    bool values_encoded;
    bool third_party; /* the first column is thirdPartyId, else pcId */
    struct str *names;
    size_t name_count;
};
/* body: "batch=" and the text, or a form that has it as a field. Borrowed; what is decoded is in the arena.
 * ERR_INVALID: the first line names no columns. */
enum err profile_rows_begin(struct str body, struct arena *a, struct profile_rows *out, struct diag *d);
/* The next row: its id and {"name":"text"} without those that are empty. false at the end. *ok false: it has more
 * columns than the first line, or no id. Everything is in the arena, which may be another each time. */
bool profile_rows_next(struct profile_rows *r, struct arena *a, struct str *id, const struct json **attributes,
                       bool *ok);
size_t profile_rows_count(const struct profile_rows *r); /* that are left */

/* ---- profile_api_batch.c ---- */

struct profile_batches;
enum err profile_batches_open(struct edge *e, const char *dir, struct profile_batches **out, struct diag *d);
void profile_batches_close(struct profile_batches *b);
/* A name for a body that is coming; an arena text. NULL: no memory. */
const char *profile_batches_spool(struct profile_batches *b, struct http_req *rq);
/* The spooled body becomes a batch, version 1 or 2. *id is an arena text. ERR_INVALID: it is none; ERR_BUSY: too many
 * are waiting. */
enum err profile_batches_add(struct profile_batches *b, struct http_req *rq, struct str client, unsigned version,
                             struct str *id, struct diag *d);
/* Appends the <response> of a batch. false: this client has none of this name. */
bool profile_batches_status(struct profile_batches *b, struct str client, struct str id, bool details, struct buf *out);

/* ---- profile_api_fetch.c ---- */

void profile_fetch(struct edge *e, const struct snapshot *snap, const struct tenant *t,
                   const struct edge_visitor_ids *ids, struct http_req *rq, struct http_res *rs);

/* ---- profile_api.c ---- */

void profile_fail(struct http_res *rs, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void xml_put(struct buf *out, struct str text); /* escaped */

#endif
