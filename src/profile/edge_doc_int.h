/* edge_doc_int.h - what the files of an edge's document share. */
#ifndef PROFILE_EDGE_DOC_INT_H
#define PROFILE_EDGE_DOC_INT_H

#include "codec/pack.h"
#include "profile/edge_doc.h"

/* A count cannot exceed the bytes that are left: a corrupt one must not allocate. */
size_t edge_doc_unpack_count(struct unpack *u);
void edge_doc_touch(struct edge_doc *doc, int64_t now_ms);
/* Of version 1: sticky experiences and visitor parameters become a visitor. */
enum err edge_doc_read_assignments(struct unpack *u, struct arena *a, struct edge_doc *doc, struct diag *d);

#endif
