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

/* In the order in which a record has them. */
static const char *const list_names[HUB_LISTS] = {"united", "identities", "splitFrom", "realized",
                                                  "exited", "joined",     "left",      "removed"};

/* ---- what was told before a crash ---- */

/* The entries of one record, in its order: 32-bit prints, because a table that is folded anew knows the whole topic as
 * told. Two of a profile's that share a print are no harm when the step tells the same again. */
struct told {
    struct told *next; /* another record of the same cause and profile */
    uint32_t first, n; /* those before first are taken back */
    uint32_t prints[];
};

static uint32_t
print_of(struct str quoted, enum hub_list list)
{
    return (uint32_t)hash_bytes(quoted, (uint64_t)list);
}

/* quoted: room for one id, used again and again. */
static void
add_prints(struct told *told, const struct json *texts, enum hub_list list, struct buf *quoted)
{
    for (struct json_iter it = json_iter(texts); json_next(&it);) {
        buf_clear(quoted);
        json_quote(quoted, json_str(it.value));
        told->prints[told->n++] = print_of(buf_str(quoted), list);
    }
}

enum err
hub_membership_replayed(struct hub *h, struct hub_out *out, const struct record *r, struct diag *d)
{
    const struct json *value = NULL; /* has no list when it is nothing that we wrote, and would write again */
    struct told *told;
    struct buf quoted;
    size_t count = 0;
    enum err rc;

    arena_reset(&h->arena);
    rc = json_parse(r->value, &h->arena, &value, d);
    if (rc == ERR_NOMEM)
        return rc;
    for (int i = 0; i < HUB_LISTS; i++)
        count += json_count(json_get(value, str_of(list_names[i])));
    told = arena_alloc(&out->replay_arena, sizeof *told + count * sizeof told->prints[0]);
    if (told == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for the end of topic %s", topic_name(out->topic));
    *told = (struct told){.next = hub_replayed(out, r->cause, r->key)};
    buf_init_in(&quoted, &h->arena, LIMIT_RECORD_VALUE_BYTES);
    for (int i = 0; i < HUB_LISTS; i++)
        add_prints(told, json_get(value, str_of(list_names[i])), (enum hub_list)i, &quoted);
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
    bool open;          /* the record is begun, and in it the list */
    enum hub_list list; /* that is being written */
    size_t id_bytes;    /* in it so far */
    size_t expected_bytes;
};

static enum err
begin_telling(struct telling *t, const struct hub_step *s, uint64_t profile, struct str scope, struct diag *d)
{
    *t = (struct telling){.s = s, .scope = scope};
    t->key = hub_profile_name(profile, &s->h->out_arena);
    if (t->key.p == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a membership record");
    t->told = hub_replayed(&s->h->outs[0], s->cause, t->key);
    return ERR_OK;
}

static void
begin_list(struct telling *t, enum hub_list list)
{
    jw_key(&t->w, str_of(list_names[list]));
    jw_array(&t->w);
    t->list = list;
}

static void
begin_record(struct telling *t, enum hub_list list)
{
    buf_init_in(&t->value, &t->s->h->out_arena, LIMIT_RECORD_VALUE_BYTES);
    (void)buf_grow(&t->value, t->expected_bytes + FRAME_BYTES); /* mostly all of it. A failure shows at the end */
    t->w = jw_to(&t->value);
    jw_object(&t->w);
    jw_kstr(&t->w, S("profile"), t->key);
    jw_kstr(&t->w, S("scope"), t->scope);
    begin_list(t, list);
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
tell_one(struct telling *t, struct str quoted, enum hub_list list, struct diag *d)
{
    enum err rc = ERR_OK;

    if (t->told != NULL && was_told(t->told, print_of(quoted, list)))
        return ERR_OK;
    if (t->open && t->id_bytes + quoted.n + 1 > ID_BYTES_MAX)
        rc = end_record(t, d);
    if (rc != ERR_OK)
        return rc;
    if (!t->open) {
        begin_record(t, list);
    } else if (t->list != list) {
        jw_end(&t->w);
        begin_list(t, list);
    }
    jw_raw(&t->w, quoted);
    t->id_bytes += quoted.n + 1;
    return ERR_OK;
}

/* The same for a text that is not quoted yet. */
static enum err
tell_text(struct telling *t, struct str text, enum hub_list list, struct diag *d)
{
    struct buf b;

    buf_init_in(&b, &t->s->h->arena, LIMIT_RECORD_VALUE_BYTES);
    json_quote(&b, text);
    return buf_ok(&b) ? tell_one(t, buf_str(&b), list, d) : diag_set(d, ERR_NOMEM, "no memory for a membership record");
}

static enum err
end_telling(struct telling *t, struct diag *d)
{
    enum err rc = ERR_OK;

    if (t->told != NULL && is_used_up(t->told))
        rc = hub_replayed_set(&t->s->h->outs[0], t->s->cause, t->key, NULL, d);
    return rc == ERR_OK ? end_record(t, d) : rc;
}

enum err
hub_tell(const struct hub_step *s, const struct profile *p, const struct str *quoted, const struct hub_told *told,
         struct diag *d)
{
    const struct rule_changes *changes = told->changes;
    struct telling t;
    enum err rc;

    if (changes->n == 0 && told->removed_count == 0)
        return ERR_OK;
    rc = begin_telling(&t, s, p->id, p->scope, d);
    for (size_t i = 0; i < changes->n && t.expected_bytes < ID_BYTES_MAX; i++)
        t.expected_bytes += quoted[changes->items[i].audience].n + 1;
    for (int member = 1; member >= 0; member--) {
        for (size_t i = 0; i < changes->n && rc == ERR_OK; i++) {
            if (changes->items[i].member == (member != 0))
                rc = tell_one(&t, quoted[changes->items[i].audience], member != 0 ? HUB_REALIZED : HUB_EXITED, d);
        }
    }
    for (size_t i = 0; i < told->removed_count && rc == ERR_OK; i++)
        rc = tell_text(&t, told->removed[i], HUB_REMOVED, d);
    return rc == ERR_OK ? end_telling(&t, d) : rc;
}

/* ---- when profiles become one, and when one becomes two ---- */

static bool
is_member(const struct profile_membership *list, size_t n, uint32_t number)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].number == number)
            return list[i].member;
    }
    return false;
}

/* Of the profile that ceases: it is a member of nothing any more. */
static enum err
tell_ceased(const struct hub_step *s, const struct profile *from, struct diag *d)
{
    struct telling t;
    enum err rc = begin_telling(&t, s, from->id, from->scope, d);

    for (size_t i = 0; i < from->membership_count && rc == ERR_OK; i++) {
        if (from->memberships[i].member)
            rc = tell_text(&t, from->memberships[i].audience, HUB_LEFT, d);
    }
    return rc == ERR_OK ? end_telling(&t, d) : rc;
}

enum err
hub_tell_united(const struct hub_step *s, const struct profile *p, const struct hub_union *u, struct diag *d)
{
    struct telling t;
    enum err rc = tell_ceased(s, u->from, d);

    if (rc == ERR_OK)
        rc = begin_telling(&t, s, p->id, p->scope, d);
    if (rc == ERR_OK)
        rc = tell_text(&t, hub_profile_name(u->from->id, &s->h->arena), HUB_UNITED, d);
    for (size_t i = 0; i < u->identities->member_count && rc == ERR_OK; i++) {
        const struct graph_member *m = &u->identities->members[i];
        rc = tell_text(&t, past_identity_print(m->ns, m->id, &s->h->arena), HUB_IDENTITIES, d);
    }
    for (int member = 1; member >= 0; member--) {
        for (size_t i = 0; i < p->membership_count && rc == ERR_OK; i++) {
            const struct profile_membership *m = &p->memberships[i];
            if (m->member == (member != 0) && m->member != is_member(u->before, u->before_count, m->number))
                rc = tell_text(&t, m->audience, m->member ? HUB_JOINED : HUB_LEFT, d);
        }
    }
    return rc == ERR_OK ? end_telling(&t, d) : rc;
}

enum err
hub_tell_split(const struct hub_step *s, const struct profile *p, uint64_t to, struct diag *d)
{
    struct telling t;
    enum err rc = begin_telling(&t, s, to, p->scope, d);

    if (rc == ERR_OK)
        rc = tell_text(&t, hub_profile_name(p->id, &s->h->arena), HUB_SPLIT_FROM, d);
    return rc == ERR_OK ? end_telling(&t, d) : rc;
}
