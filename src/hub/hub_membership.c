/* hub_membership.c - membership records: what one step changed for one profile, in one record
 * (docs/formats/membership.md).
 *
 * A person who enters 300 audiences at once makes one record of 12 KB instead of 300 of 200 bytes, each with a frame's
 * and a record's overhead and the same profile, scope, time and cause. A record that would grow past what the log takes
 * is followed by another one.
 *
 * Once      After a crash, steps that were not committed are folded again. What of theirs is on the log is known entry
 * by entry, not record by record: where several partitions are folded, a step may find other entries to make than
 * before the crash, and what it leaves out must be what it told already. */
#include "hub/hub_int.h"

#include "base/hash.h"

#define ID_BYTES_MAX (LIMIT_RECORD_VALUE_BYTES - LIMIT_RECORD_VALUE_BYTES / 8) /* of one record's lists */
#define FRAME_BYTES 1024                                                       /* the members around the lists */

_Static_assert(ID_BYTES_MAX + FRAME_BYTES <= LIMIT_RECORD_VALUE_BYTES, "a full record fits the log");

/* ---- what was told before a crash ---- */

/* The entries of one record, in its order: 32-bit prints, because a table that is folded anew knows the whole topic as
 * told. Two of a profile's that share a print are no harm when the step tells the same again. */
struct told {
    struct told *next; /* another record of the same cause and profile */
    uint32_t first, n; /* those before first are taken back */
    uint32_t prints[];
};

static uint32_t
print_of(struct str quoted, bool member)
{
    return (uint32_t)hash_bytes(quoted, member);
}

/* quoted: room for one id, used again and again. */
static void
add_prints(struct told *told, const struct json *list, bool member, struct buf *quoted)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        buf_clear(quoted);
        json_quote(quoted, json_str(it.value));
        told->prints[told->n++] = print_of(buf_str(quoted), member);
    }
}

enum err
hub_membership_replayed(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    const struct json *value = NULL, *realized, *exited;
    struct told *told;
    struct buf quoted;
    enum err rc;

    arena_reset(&h->arena);
    rc = json_parse(r->value, &h->arena, &value, d);
    if (rc == ERR_NOMEM)
        return rc;
    realized = json_get(value, S("realized")); /* none when it is nothing that we wrote, and would write again */
    exited = json_get(value, S("exited"));
    told = arena_alloc(&out->replay_arena,
                       sizeof *told + (json_count(realized) + json_count(exited)) * sizeof told->prints[0]);
    if (told == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the end of topic %s", topic_name(out->topic));
    *told = (struct told){.next = hub_replayed(out, r->cause, r->key)};
    buf_init_in(&quoted, &h->arena, LIMIT_RECORD_VALUE_BYTES);
    add_prints(told, realized, true, &quoted);
    add_prints(told, exited, false, &quoted);
    if (!buf_ok(&quoted))
        return diag_set(d, ERR_NOMEM, "no memory for the end of topic %s", topic_name(out->topic));
    if (told->n == 0)
        return ERR_OK;
    return hub_replayed_set(out, r->cause, r->key, told, d);
}

/* Takes the entry back; false: it was not told. */
static bool
was_told(struct told *told, uint32_t print)
{
    for (; told != NULL; told = told->next) {
        for (uint32_t i = told->first; i < told->n; i++) {
            if (told->prints[i] != print)
                continue;
            memmove(told->prints + told->first + 1, told->prints + told->first,
                    (i - told->first) * sizeof told->prints[0]); /* nothing when told again in the same order */
            told->first++;
            return true;
        }
    }
    return false;
}

static bool
is_used_up(const struct told *told)
{
    while (told != NULL && told->first == told->n)
        told = told->next;
    return told == NULL;
}

/* ---- telling ---- */

/* A record under construction. */
struct telling {
    const struct hub_step *s;
    struct str key, scope;
    struct told *told;
    struct buf value;
    struct jw w;
    bool open;       /* the record is begun, and in it the list of `member` */
    bool member;     /* the list of realized, else of exited ones */
    size_t id_bytes; /* in it so far */
};

static void
begin_list(struct telling *t, bool member)
{
    jw_key(&t->w, member ? S("realized") : S("exited"));
    jw_array(&t->w);
    t->member = member;
}

static void
begin_record(struct telling *t, bool member, size_t expected_bytes)
{
    buf_init_in(&t->value, &t->s->h->out_arena, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&t->value, expected_bytes + FRAME_BYTES); /* mostly all of it. A failure shows at the end */
    t->w = jw_to(&t->value);
    jw_object(&t->w);
    jw_kstr(&t->w, S("profile"), t->key);
    jw_kstr(&t->w, S("scope"), t->scope);
    begin_list(t, member);
    t->open = true;
    t->id_bytes = 0;
}

static enum err
end_record(struct telling *t, struct diag *d)
{
    const struct hub_step *s = t->s;
    struct record r = {.key = t->key, .time_ms = s->now_ms, .cause = s->cause};

    if (!t->open)
        return ERR_OK;
    t->open = false;
    jw_end(&t->w);
    jw_ktime(&t->w, S("lastQualificationTime"), s->now_ms);
    jw_key(&t->w, S("cause"));
    jw_u64(&t->w, s->cause);
    jw_end(&t->w);
    r.value = buf_str(&t->value);
    return buf_ok(&t->value) ? hub_emit_kept(s->h, &s->h->outs[0], &r, d)
                             : diag_set(d, ERR_NOMEM, "no memory for a membership record");
}

static enum err
tell_one(struct telling *t, struct str quoted, bool member, size_t expected_bytes, struct diag *d)
{
    enum err rc = ERR_OK;

    if (t->told != NULL && was_told(t->told, print_of(quoted, member)))
        return ERR_OK;
    if (t->open && t->id_bytes + quoted.n + 1 > ID_BYTES_MAX)
        rc = end_record(t, d);
    if (rc != ERR_OK)
        return rc;
    if (!t->open) {
        begin_record(t, member, expected_bytes);
    } else if (t->member != member) {
        jw_end(&t->w);
        begin_list(t, member);
    }
    jw_raw(&t->w, quoted);
    t->id_bytes += quoted.n + 1;
    return ERR_OK;
}

enum err
hub_tell(const struct hub_step *s, const struct profile *p, const struct str *quoted,
         const struct rule_changes *changes, struct diag *d)
{
    struct hub_out *out = &s->h->outs[0];
    struct telling t = {.s = s, .scope = p->scope};
    size_t expected = 0;
    enum err rc = ERR_OK;

    if (changes->n == 0)
        return ERR_OK;
    t.key = hub_profile_name(p->id, &s->h->out_arena);
    if (t.key.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a membership record");
    t.told = hub_replayed(out, s->cause, t.key);
    for (size_t i = 0; i < changes->n && expected < ID_BYTES_MAX; i++)
        expected += quoted[changes->items[i].audience].n + 1;
    for (int member = 1; member >= 0; member--) {
        for (size_t i = 0; i < changes->n && rc == ERR_OK; i++) {
            if (changes->items[i].member == (member != 0))
                rc = tell_one(&t, quoted[changes->items[i].audience], member != 0, expected, d);
        }
    }
    if (rc == ERR_OK && t.told != NULL && is_used_up(t.told))
        rc = hub_replayed_set(out, s->cause, t.key, NULL, d);
    return rc == ERR_OK ? end_record(&t, d) : rc;
}
