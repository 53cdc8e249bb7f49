/* visitor_int.h - what the files of a visitor share. */
#ifndef VISITOR_VISITOR_INT_H
#define VISITOR_VISITOR_INT_H

#include "visitor/visitor.h"

/* The activity's membership, made when there is none; the oldest leaves past LIMIT_VISITOR_MEMBERSHIPS. NULL: no
 * memory. Pointers to others are void. */
struct visitor_membership *visitor_member(struct visitor *v, struct str activity, int64_t now_ms);
/* Takes the text into the visitor's arena unless *to has it already. */
void visitor_keep(struct visitor *v, struct str *to, struct str text);
/* What visitor_open() does, without asking whether it was done. */
void visitor_begin(struct visitor *v, const struct hit_visit *visit, int64_t now_ms);
size_t visitor_oldest_membership(const struct visitor *v); /* there is one */
void visitor_drop_membership(struct visitor *v, size_t i);

#endif
