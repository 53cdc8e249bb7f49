/* hub_out.c - emitting each record once.
 *
 * Records wait until the commit: first they are appended to their topics, then the table commits with the ends of these
 * topics as positions. So whatever lies on a topic behind its committed position was emitted by steps that the table
 * knows nothing of; after a crash these steps are folded again and what they emit is recognised by cause and key and
 * left out; memberships by cause and entry (hub_membership.c). Counted, not a set: one cause may emit several records
 * of one key. */
#include "hub/hub_int.h"

#include "base/log.h"

#define FLUSH_RECORDS 1024 /* in one append */
#define FLUSH_BYTES (8u * 1024 * 1024)
#define REPLAY_BYTES ((size_t)8 << 30) /* a table that is folded anew: 4 bytes an entry of the whole topic */

static struct str
replay_key(char *bytes, size_t room, uint64_t cause, struct str key)
{
    size_t n = key.n < room - 8 ? key.n : room - 8;

    memcpy(bytes, &cause, 8);
    if (n > 0)
        memcpy(bytes + 8, key.p, n);
    return (struct str){bytes, n + 8};
}

/* The collect record that caused it is still on the log. A log that lost its end in a power cut gets new records at the
 * same offsets; those must not be mistaken for replays. */
static bool
cause_exists(const struct hub *h, uint64_t cause)
{
    size_t partition = (size_t)(cause >> 48 & 0x7fff);
    uint64_t offset = (cause & 0xffffffffffffu) - 1;

    if (cause == HUB_CAUSE_SWEEP)
        return true;
    return partition < h->o.collect_count && offset < topic_end(h->partitions[partition].topic);
}

void *
hub_replayed(const struct hub_out *out, uint64_t cause, struct str key)
{
    char bytes[LIMIT_RECORD_KEY_BYTES + 8];

    return out->replayed.count > 0 ? map_get(&out->replayed, replay_key(bytes, sizeof bytes, cause, key)) : NULL;
}

enum err
hub_replayed_set(struct hub_out *out, uint64_t cause, struct str key, void *value, struct diag *d)
{
    char bytes[LIMIT_RECORD_KEY_BYTES + 8];
    struct str full = replay_key(bytes, sizeof bytes, cause, key);

    if (value == NULL)
        (void)map_remove(&out->replayed, full); /* what it pointed to is the arena's */
    else if (!map_put(&out->replayed, full, value, NULL))
        return diag_set(d, ERR_NOMEM, "no memory for the end of topic %s", topic_name(out->topic));
    return ERR_OK;
}

static enum err
count_replayed(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    struct projection p;
    uintptr_t count;
    enum err rc;

    if (!cause_exists(h, r->cause))
        return ERR_OK;
    if (out->region.n == 0)
        return hub_membership_replayed(h, out, r, d);
    count = (uintptr_t)hub_replayed(out, r->cause, r->key);
    rc = hub_replayed_set(out, r->cause, r->key, (void *)(count + 1), d);
    if (rc == ERR_OK && r->value.p != NULL && (r->cause & HUB_CAUSE_SWEEP) != 0) {
        /* A record may now be folded before the sweep comes to its profile again; what it projects must be newer than
         * what edges have. */
        arena_reset(&h->arena);
        if (projection_read(r->value, &h->arena, &p, d) == ERR_OK && p.rev > h->state.rev)
            h->state.rev = p.rev;
    }
    return rc;
}

static enum err
read_tail(struct hub *h, struct hub_out *out, struct diag *d)
{
    struct consumer *c = NULL;
    struct record r;
    bool got = true;
    enum err rc = consumer_open(out->topic, out->next, &c, d);

    while (rc == ERR_OK && got && consumer_offset(c) < topic_end(out->topic)) {
        rc = consumer_poll(c, 0, &r, &got, d);
        if (rc == ERR_OK && got)
            rc = count_replayed(h, out, &r, d);
    }
    consumer_close(c);
    return rc;
}

enum err
hub_out_open(struct hub *h, struct hub_out *out, struct topic *t, struct str region, struct diag *d)
{
    uint64_t end = topic_end(t);
    int prefix;
    enum err rc;

    out->topic = t;
    map_init(&out->replayed);
    arena_init(&out->replay_arena, REPLAY_BYTES);
    prefix = snprintf(out->name, sizeof out->name, "out/%s", region.n > 0 ? "projection." : "membership");
    if (region.n >= sizeof out->name - (size_t)prefix)
        return diag_set(d, ERR_LIMIT, "region '%.*s': the name is too long", STR_ARG(region));
    memcpy(out->name + prefix, region.p != NULL ? region.p : "", region.n);
    out->region = (struct str){out->name + prefix, region.n};
    out->next = kv_position(h->kv, str_of(out->name));
    if (out->next > end) {
        log_warn("hub_output_lost", "topic=%s records=%llu", topic_name(t), (unsigned long long)(out->next - end));
        h->sweep.project_all |= out->region.n > 0;
        out->next = end;
    }
    rc = read_tail(h, out, d);
    out->next = end;
    return rc;
}

void
hub_out_close(struct hub_out *out)
{
    map_deinit(&out->replayed);
    arena_deinit(&out->replay_arena);
    free(out->records);
    *out = (struct hub_out){0};
}

enum err
hub_emit_kept(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    uintptr_t told = out->region.n > 0 ? (uintptr_t)hub_replayed(out, r->cause, r->key) : 0;

    (void)h;
    if (told > 0)
        return hub_replayed_set(out, r->cause, r->key, (void *)(told - 1), d);
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 64;
        struct record *list = realloc(out->records, cap * sizeof *list);
        if (list == NULL)
            return diag_set(d, ERR_NOMEM, "no memory for records of topic %s", topic_name(out->topic));
        out->records = list;
        out->cap = cap;
    }
    out->records[out->count++] = *r;
    return ERR_OK;
}

enum err
hub_emit(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    struct record copy = *r;

    copy.key = arena_str(&h->out_arena, r->key);
    copy.value = r->value.p != NULL ? arena_str(&h->out_arena, r->value) : S_NULL;
    if (copy.key.p == NULL || (r->value.p != NULL && copy.value.p == NULL))
        return diag_set(d, ERR_NOMEM, "no memory for records of topic %s", topic_name(out->topic));
    return hub_emit_kept(h, out, &copy, d);
}

/* How many of the first records go into one append. */
static size_t
portion(const struct hub_out *out)
{
    size_t n = 0, bytes = 0;

    while (n < out->count && n < FLUSH_RECORDS && (n == 0 || bytes < FLUSH_BYTES)) {
        bytes += out->records[n].key.n + out->records[n].value.n;
        n++;
    }
    return n;
}

enum err
hub_flush(struct hub *h, struct diag *d)
{
    for (size_t i = 0; i < h->out_count; i++) {
        struct hub_out *out = &h->outs[i];
        while (out->count > 0) {
            size_t n = portion(out);
            uint64_t first;
            enum err rc = topic_append_many(out->topic, out->records, n, ACK_WRITTEN, &first, d);
            if (rc != ERR_OK)
                return rc; /* the rest stays for the next attempt */
            out->next = first + n;
            out->count -= n;
            memmove(out->records, out->records + n, out->count * sizeof *out->records);
        }
    }
    arena_reset(&h->out_arena);
    return ERR_OK;
}
