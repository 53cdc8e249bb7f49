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

#include "base/civil.h"

#define ID_BYTES_MAX                                                                                                   \
    (LIMIT_RECORD_VALUE_BYTES / 8) /* of one record's ids: an escaped byte is six, quotes and a comma are three */
#define FRAME_BYTES 1024           /* the members around the lists */

_Static_assert(ID_BYTES_MAX * 7 + FRAME_BYTES <= LIMIT_RECORD_VALUE_BYTES, "a full record fits the log");

/* ---- what was told before a crash ---- */

static struct str
entry_key(char *bytes, size_t room, struct str profile, struct str audience, bool member)
{
    int n = snprintf(bytes, room, "%.*s\x1f%c%.*s", STR_ARG(profile), member ? '+' : '-', STR_ARG(audience));

    return (struct str){bytes, n < (int)room ? (size_t)n : room - 1}; /* ids are far shorter */
}

static enum err
count_list(struct hub_out *out, const struct record *r, const struct json *list, bool member, struct diag *d)
{
    char bytes[LIMIT_RECORD_KEY_BYTES];
    enum err rc = ERR_OK;

    for (size_t i = 0; i < json_count(list) && rc == ERR_OK; i++)
        rc = hub_replayed_add(out, r->cause, entry_key(bytes, sizeof bytes, r->key, json_str(json_at(list, i)), member),
                              d);
    return rc;
}

enum err
hub_membership_replayed(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    const struct json *value;
    enum err rc;

    arena_reset(&h->arena);
    rc = json_parse(r->value, &h->arena, &value, d);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK) /* nothing that we wrote, so nothing that we would write again */
        return ERR_OK;
    rc = count_list(out, r, json_get(value, S("realized")), true, d);
    return rc == ERR_OK ? count_list(out, r, json_get(value, S("exited")), false, d) : rc;
}

/* ---- telling ---- */

/* A record under construction. */
struct telling {
    const struct hub_step *s;
    struct str key, scope;
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
tell_one(struct telling *t, struct str audience, bool member, size_t expected_bytes, struct diag *d)
{
    struct hub_out *out = &t->s->h->outs[0];
    char bytes[LIMIT_RECORD_KEY_BYTES];
    enum err rc = ERR_OK;

    if (out->replayed.count > 0 &&
        hub_replayed_take(out, t->s->cause, entry_key(bytes, sizeof bytes, t->key, audience, member)))
        return ERR_OK;
    if (t->open && t->id_bytes + audience.n + 1 > ID_BYTES_MAX)
        rc = end_record(t, d);
    if (rc != ERR_OK)
        return rc;
    if (!t->open) {
        begin_record(t, member, expected_bytes);
    } else if (t->member != member) {
        jw_end(&t->w);
        begin_list(t, member);
    }
    jw_str(&t->w, audience);
    t->id_bytes += audience.n + 1;
    return ERR_OK;
}

enum err
hub_tell(const struct hub_step *s, const struct profile *p, const struct str *ids, const struct rule_changes *changes,
         struct diag *d)
{
    struct telling t = {.s = s, .scope = p->scope};
    size_t expected = 0;
    enum err rc = ERR_OK;

    if (changes->n == 0)
        return ERR_OK;
    t.key = hub_profile_name(p->id, &s->h->out_arena);
    if (t.key.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a membership record");
    for (size_t i = 0; i < changes->n && expected < ID_BYTES_MAX; i++)
        expected += ids[changes->items[i].audience].n + 3;
    for (int member = 1; member >= 0; member--) {
        for (size_t i = 0; i < changes->n && rc == ERR_OK; i++) {
            if (changes->items[i].member == (member != 0))
                rc = tell_one(&t, ids[changes->items[i].audience], member != 0, expected, d);
        }
    }
    return rc == ERR_OK ? end_record(&t, d) : rc;
}
