/* hub_named.c - which records of collect name which visitor: so that who asks about one need not read the log.
 *
 * Records are grouped, LIMIT_NAMED_RECORDS by their offsets. A mark is an id of a visitor and a record of the group
 * that names it: 50 bits of the id's hash, 14 of the record. Marks of the group that is being folded wait in memory.
 * The first record behind the group puts them into rows by their first bits, in the batch that its fold is in. So a
 * fold pays little, a question looks into one small row for thousands of records, and nothing is kept of any visitor.
 *
 *   (1) A record that is in a group with rows, and not in the id's row, does not name the id.
 *   (2) What has no rows is to be read: what is not folded yet, a group with too many ids, what a program folded that
 *       wrote none. So rows may be missing, and answers stay the same.
 *   (3) A mark says that a record may name somebody: hashes collide. Who asks looks into the record.
 *   (4) When retention has cut a group, its rows go.
 *   (5) A power cut may take records from the log and not from the table, and others get their offsets. The rows of
 *       those replace the ones that stand there; what is left of them is as (3), and a group without rows has none. */
#include "hub/hub_int.h"

#include <stdlib.h>

#include "base/hash.h"
#include "codec/pack.h"
#include "visitor/visitor.h"

#define RECORD_BITS 14
#define ROW_BITS 6
#define ROWS (1u << ROW_BITS) /* of a group */
#define MARK_BYTES 8
#define KEY_BYTES 10
#define LOOKS 64            /* groups looked at while the lock is held */
#define LANDED_US 1000000   /* for a record that was folded to be in the file */
#define MARKS_AT_FIRST 8192 /* room for them */
#define NOWHERE UINT64_MAX

_Static_assert(LIMIT_NAMED_RECORDS == 1 << RECORD_BITS, "a mark has the record in its low bits");
_Static_assert(LIMIT_NAMED_IDS *MARK_BYTES <= LIMIT_RECORD_VALUE_BYTES, "all marks may be in one row");

static uint64_t
group_of(uint64_t offset)
{
    return offset / LIMIT_NAMED_RECORDS;
}

static uint64_t
record_of(uint64_t mark)
{
    return mark % LIMIT_NAMED_RECORDS;
}

static uint64_t
mark_of(struct str id, uint64_t offset)
{
    return hash_bytes(id, 0) << RECORD_BITS | offset % LIMIT_NAMED_RECORDS;
}

static unsigned
row_of(uint64_t mark)
{
    return (unsigned)(mark >> (64 - ROW_BITS));
}

static bool
same_id(uint64_t mark, uint64_t other)
{
    return mark >> RECORD_BITS == other >> RECORD_BITS;
}

/* "V" alone: the oldest group that may have rows. */
static struct str
group_key(char key[KEY_BYTES], uint64_t group)
{
    key[0] = 'V';
    for (int i = 0; i < 8; i++)
        key[8 - i] = (char)(group >> 8 * i);
    return (struct str){key, KEY_BYTES - 1};
}

static struct str
row_key(char key[KEY_BYTES], uint64_t group, unsigned row)
{
    (void)group_key(key, group);
    key[KEY_BYTES - 1] = (char)row;
    return (struct str){key, KEY_BYTES};
}

/* ---- noting ---- */

struct note {
    struct hub_group *g;
    uint64_t offset;
};

static bool
make_room(struct hub_group *g)
{
    size_t cap = g->cap > 0 ? g->cap * 2 : MARKS_AT_FIRST;
    uint64_t *grown;

    if (g->count < g->cap)
        return true;
    grown = realloc(g->marks, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    g->marks = grown;
    g->cap = cap;
    return true;
}

static void
note_id(void *ctx, struct str id)
{
    const struct note *n = ctx;
    struct hub_group *g = n->g;
    uint64_t mark = mark_of(id, n->offset);

    for (size_t i = g->count; i > 0 && record_of(g->marks[i - 1]) == record_of(mark); i--) {
        if (g->marks[i - 1] == mark)
            return;
    }
    if (g->count == LIMIT_NAMED_IDS || !make_room(g))
        g->full = true;
    else
        g->marks[g->count++] = mark;
}

/* The marks by their rows, each in the order of records; row i is [starts[i], starts[i + 1]). NULL: no memory. */
static uint64_t *
by_rows(const struct hub_group *g, size_t starts[ROWS + 1])
{
    uint64_t *out = malloc((g->count + 1) * sizeof *out);
    size_t next[ROWS];

    if (out == NULL)
        return NULL;
    memset(starts, 0, (ROWS + 1) * sizeof *starts);
    for (size_t i = 0; i < g->count; i++)
        starts[row_of(g->marks[i]) + 1]++;
    for (unsigned row = 0; row < ROWS; row++) {
        next[row] = starts[row];
        starts[row + 1] += starts[row];
    }
    for (size_t i = 0; i < g->count; i++)
        out[next[row_of(g->marks[i])]++] = g->marks[i];
    return out;
}

static enum err
put_row(struct hub *h, const uint64_t *marks, size_t n, struct buf *b, struct diag *d)
{
    char key[KEY_BYTES];

    buf_clear(b);
    for (size_t i = 0; i < n; i++)
        pack_fixed64(b, marks[i]);
    if (!buf_ok(b))
        return diag_set(d, ERR_NOMEM, "no memory for the visitors of %d records", LIMIT_NAMED_RECORDS);
    return kv_put(h->kv, row_key(key, h->group.number, row_of(marks[0])), buf_str(b), 0, d);
}

static enum err
drop_rows(struct hub *h, uint64_t group, struct diag *d)
{
    char key[KEY_BYTES];
    enum err rc = kv_delete(h->kv, group_key(key, group), d);

    for (unsigned row = 0; rc == ERR_OK && row < ROWS; row++)
        rc = kv_delete(h->kv, row_key(key, group, row), d);
    return rc;
}

static enum err
put_rows(struct hub *h, struct diag *d)
{
    const struct hub_group *g = &h->group;
    size_t starts[ROWS + 1];
    uint64_t *marks = g->full ? NULL : by_rows(g, starts);
    char key[KEY_BYTES];
    struct buf b;
    enum err rc = ERR_OK;

    if (marks == NULL)
        return drop_rows(h, g->number, d); /* (5) */
    buf_init(&b, (size_t)LIMIT_NAMED_IDS * MARK_BYTES);
    for (unsigned row = 0; rc == ERR_OK && row < ROWS; row++) {
        if (starts[row] < starts[row + 1])
            rc = put_row(h, marks + starts[row], starts[row + 1] - starts[row], &b, d);
    }
    buf_deinit(&b);
    free(marks);
    return rc == ERR_OK ? kv_put(h->kv, group_key(key, g->number), S(""), 0, d) : rc;
}

static enum err
put_oldest(struct hub *h, struct diag *d)
{
    struct buf b;
    enum err rc;

    buf_init(&b, 16);
    pack_u64(&b, h->group.oldest);
    rc = buf_ok(&b) ? kv_put(h->kv, S("V"), buf_str(&b), 0, d)
                    : diag_set(d, ERR_NOMEM, "no memory for the oldest group of records");
    buf_deinit(&b);
    return rc;
}

/* (4) */
static enum err
drop_expired(struct hub *h, struct diag *d)
{
    uint64_t begin = group_of(topic_begin(h->partitions[0].topic));
    enum err rc = ERR_OK;

    if (h->group.oldest >= begin)
        return ERR_OK;
    while (rc == ERR_OK && h->group.oldest < begin)
        rc = drop_rows(h, h->group.oldest++, d);
    return rc == ERR_OK ? put_oldest(h, d) : rc;
}

static void
begin_group(struct hub_group *g, uint64_t number)
{
    g->number = number;
    g->count = 0;
    g->full = false;
}

enum err
hub_named_note(struct hub *h, uint64_t offset, const struct hit *hit, struct diag *d)
{
    struct note n = {&h->group, offset};
    enum err rc = ERR_OK;

    if (group_of(offset) != h->group.number) {
        rc = put_rows(h, d);
        if (rc == ERR_OK)
            rc = drop_expired(h, d);
        if (rc != ERR_OK)
            return rc;
        begin_group(&h->group, group_of(offset));
    }
    if (hit->source == SOURCE_EDGE)
        visitor_each_id(hit, note_id, &n);
    return ERR_OK;
}

/* ---- opening ---- */

/* What was folded of the group already. The one that ends with what was folded has no rows yet. */
static enum err
read_group(struct hub *h, uint64_t next, struct diag *d)
{
    struct topic *t = h->partitions[0].topic;
    uint64_t at = next > 0 ? group_of(next - 1) * LIMIT_NAMED_RECORDS : 0;
    struct note n = {.g = &h->group};
    struct consumer *c = NULL;
    struct record r;
    struct hit hit;
    bool got = true;
    enum err rc = next > topic_begin(t) ? consumer_open(t, at, &c, d) : ERR_OK;

    begin_group(&h->group, group_of(at));
    while (rc == ERR_OK && c != NULL && got && consumer_offset(c) < next) {
        rc = consumer_poll(c, LANDED_US, &r, &got, d);
        if (rc != ERR_OK || !got)
            break;
        arena_reset(&h->arena);
        n.offset = r.offset;
        if (hit_read(r.value, &h->arena, &hit, NULL) == ERR_OK && hit.source == SOURCE_EDGE)
            visitor_each_id(&hit, note_id, &n);
    }
    h->group.full |= !got;
    consumer_close(c);
    return rc;
}

enum err
hub_named_open(struct hub *h, struct diag *d)
{
    struct str value;
    struct unpack u;
    enum err rc = read_group(h, h->partitions[0].next, d);

    h->group.oldest = h->group.number;
    if (rc == ERR_OK && kv_get(h->kv, S("V"), &value, NULL) == ERR_OK) {
        u = unpack_from(value);
        h->group.oldest = unpack_u64(&u);
    } else if (rc == ERR_OK) {
        rc = put_oldest(h, d);
    }
    return rc;
}

void
hub_named_close(struct hub *h)
{
    free(h->group.marks);
    h->group = (struct hub_group){0};
}

/* ---- asking ---- */

static uint64_t
mark_at(struct str row, size_t i)
{
    struct unpack u = unpack_from(str_slice(row, i * MARK_BYTES, (i + 1) * MARK_BYTES));

    return unpack_fixed64(&u);
}

/* The first record from `least` on that names the id. Marks of a row, as those in memory, stand in the order of their
 * records. */
static uint64_t
find_in_row(struct str row, uint64_t least)
{
    size_t n = row.n / MARK_BYTES, i = 0;
    uint64_t mark = 0;

    while (i < n && (mark = mark_at(row, i), !same_id(mark, least) || record_of(mark) < record_of(least)))
        i++;
    return i < n ? record_of(mark) : NOWHERE;
}

static uint64_t
find_in_group(const struct hub_group *g, uint64_t least)
{
    size_t low = 0, high = g->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (record_of(g->marks[middle]) < record_of(least))
            low = middle + 1;
        else
            high = middle;
    }
    while (low < g->count && !same_id(g->marks[low], least))
        low++;
    return low < g->count ? record_of(g->marks[low]) : NOWHERE;
}

/* False: the group has no rows. */
static bool
find(struct hub *h, struct str id, uint64_t offset, struct hub_search *s, uint64_t *record)
{
    uint64_t group = group_of(offset), least = mark_of(id, offset);
    char key[KEY_BYTES];
    struct str row;

    *record = NOWHERE;
    if (group == h->group.number) {
        *record = find_in_group(&h->group, least);
        return !h->group.full;
    }
    if (s->rows_left == 0)
        return false;
    s->rows_left--;
    if (kv_get(h->kv, row_key(key, group, row_of(least)), &row, NULL) != ERR_OK)
        return kv_has(h->kv, group_key(key, group));
    *record = find_in_row(row, least);
    return true;
}

/* What is to be read of the group that `offset` is in, as far as it is folded; empty: nothing. */
static struct hub_range
look(struct hub *h, struct hub_search *s, uint64_t offset)
{
    uint64_t begin = group_of(offset) * LIMIT_NAMED_RECORDS, next = h->partitions[0].next, first = NOWHERE, record;
    uint64_t end = begin + LIMIT_NAMED_RECORDS < next ? begin + LIMIT_NAMED_RECORDS : next;

    for (size_t i = 0; i < *s->count; i++) {
        if (!find(h, s->ids[i], offset, s, &record))
            return (struct hub_range){offset, end}; /* (2) */
        first = record < first ? record : first;
    }
    return first == NOWHERE ? (struct hub_range){end, end} : (struct hub_range){begin + first, begin + first + 1};
}

struct hub_range
hub_named(struct hub *h, struct hub_search *s, uint64_t offset)
{
    struct hub_range r = {offset, offset};
    uint64_t next;

    do {
        hub_lock(h);
        next = h->partitions[0].next;
        for (int i = 0; i < LOOKS && r.from == r.to && r.to < next; i++)
            r = look(h, s, r.to);
        hub_unlock(h);
    } while (r.from == r.to && r.to < next);
    return r.from < r.to ? r : (struct hub_range){r.to, UINT64_MAX}; /* the rest is not folded yet */
}
