/* odd_read_int.h - an artifact being read: what odd_read*.c share.
 *
 *   odd_read.c          the document and its rules, each checked by itself
 *   odd_read_parts.c    one condition -> allocation range, schedule, other parts
 *   odd_read_group.c    rules -> activities with experiences and locations
 *   odd_read_shares.c   ranges of the hash -> traffic and percentages
 *   odd_read_order.c    the order of rules at all locations -> priorities */
#ifndef DECIDE_ODD_READ_INT_H
#define DECIDE_ODD_READ_INT_H

#include "base/diag.h"
#include "base/limits.h"
#include "decide/odd_read.h"

#define ODD_BUCKETS 10000

struct odd_read_rule {
    enum odd_read_kind kind;
    struct str location; /* name of the mbox or view */
    size_t position;     /* in the location's list */
    int64_t activity, experience;
    const struct json *meta, *options, *metrics, *property_tokens;
    char place[96]; /* for messages */
    /* its condition */
    int lower, upper; /* first and last bucket; the whole range when none is asked */
    bool ranged;
    struct odd_parts parts;
    struct odd_parts ranges; /* those that make lower and upper */
};

struct odd_reader {
    struct arena *a;
    struct diag *d;
    struct odd_read *out;
    struct odd_read_rule *rules; /* in the order of the document */
    size_t rule_count, rule_cap;
};

/* ERR_INVALID with the place. */
enum err odd_refuse(struct odd_reader *r, const char *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline enum err
odd_no_room(struct odd_reader *r)
{
    return diag_set(r->d, ERR_LIMIT, "the artifact needs more memory than %d bytes", LIMIT_ODD_BYTES);
}
bool odd_add_part(struct odd_reader *r, struct odd_parts *p, const struct json *item);
bool odd_has_part(const struct odd_parts *p, const struct json *item);

enum err odd_read_condition(struct odd_reader *r, struct odd_read_rule *rule, const struct json *condition);
/* Is the part a schedule: from starts_ms, before ends_ms? */
bool odd_read_schedule(const struct json *part, int64_t *starts_ms, int64_t *ends_ms);
enum err odd_read_group(struct odd_reader *r);
/* Puts the experiences of a targeting activity, whose rules are in the order of the document, in their order. */
enum err odd_read_experience_order(struct odd_reader *r, struct odd_read_activity *a,
                                   const struct odd_read_rule *const *rules, size_t n);
/* Fills traffic and percentages of an activity from the ranges of its rules. ERR_INVALID: no whole percentages say
 * them.
 */
enum err odd_read_shares(struct odd_reader *r, struct odd_read_activity *a, const struct odd_read_rule *const *rules,
                         size_t n);
enum err odd_read_order(struct odd_reader *r);

#endif
