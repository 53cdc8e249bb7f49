/* projection.c - see projection.h and docs/formats/projection.md. */
#include "model/projection.h"

void
projection_write(struct buf *out, const struct projection *p)
{
    struct jw w = jw_to(out);

    jw_object(&w);
    jw_key(&w, S("rev"));
    jw_u64(&w, p->rev);
    jw_kstr(&w, S("profile"), p->profile_id);
    if (p->accepted_us != 0)
        jw_ki64(&w, S("acceptedUs"), p->accepted_us);
    jw_key(&w, S("memberships"));
    jw_object(&w);
    for (size_t i = 0; i < p->membership_count; i++) {
        const struct projected_membership *m = &p->memberships[i];
        jw_key(&w, m->audience); /* negative: left then */
        jw_i64(&w, m->member ? m->since_ms : -m->since_ms);
    }
    jw_end(&w);
    if (p->attributes_text.n > 0)
        jw_kraw(&w, S("attributes"), p->attributes_text);
    else if (p->attributes != NULL)
        jw_kjson(&w, S("attributes"), p->attributes);
    if (p->events_text.n > 0)
        jw_kraw(&w, S("events"), p->events_text);
    else if (p->events != NULL)
        jw_kjson(&w, S("events"), p->events);
    if (p->consent_out)
        jw_kbool(&w, S("consentOut"), true);
    jw_end(&w);
}

enum err
projection_read(struct str text, struct arena *a, struct projection *out, struct diag *d)
{
    const struct json *root, *memberships;
    struct projection p = {0};
    struct json_iter it;
    enum err rc = json_parse(text, a, &root, d);

    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK || !json_is(json_get(root, S("rev")), JSON_INT))
        return diag_set(d, ERR_CORRUPT, "record is not a projection");
    p.rev = (uint64_t)json_i64(json_get(root, S("rev")), 0);
    p.profile_id = json_str(json_get(root, S("profile")));
    p.accepted_us = json_i64(json_get(root, S("acceptedUs")), 0);
    p.attributes = json_get(root, S("attributes"));
    p.events = json_get(root, S("events"));
    p.consent_out = json_bool(json_get(root, S("consentOut")), false);
    memberships = json_get(root, S("memberships"));
    p.memberships = ARENA_ARRAY(a, struct projected_membership, json_count(memberships));
    if (p.memberships == NULL)
        return diag_set(d, ERR_NOMEM, "no memory for a projection");
    for (it = json_iter(memberships); json_next(&it);) {
        int64_t since = json_i64(it.value, 0);
        p.memberships[p.membership_count++] =
            (struct projected_membership){it.key, since >= 0, since >= 0 ? since : -since};
    }
    *out = p;
    return ERR_OK;
}
