/* config_revisions.c - what objects were: the records of the topic that came before those in the snapshot. There is no
 * second store: a compacted topic keeps what config_revisions_kept() asks for. */
#include "base/limits.h"
#include "config/config_int.h"

_Static_assert(LIMIT_REVISIONS <= LIMIT_TOPIC_REVISIONS, "the topic keeps that many");

/* What people edit. Weights and models are written by the hour. */
static const char *const revised[] = {"activity", "targetAudience", "offer",         "property",      "environment",
                                      "host",     "exclusionGroup", "profileScript", "responseToken", "targetSettings"};

unsigned
config_revisions_kept(struct str key)
{
    struct str kind, scope, id;

    if (!object_key_read(key, &kind, &scope, &id))
        return 1;
    for (size_t i = 0; i < sizeof revised / sizeof *revised; i++) {
        if (str_eq(kind, str_of(revised[i])))
            return LIMIT_REVISIONS;
    }
    return 1;
}

enum err
config_revisions(struct config *c, struct str kind, struct str scope, struct str id,
                 enum err (*each)(void *ctx, const struct config_revision *r, struct diag *d), void *ctx,
                 struct diag *d)
{
    struct topic *t = config_topic(c);
    uint64_t end = topic_end(t); /* what is saved meanwhile is the next call's */
    struct consumer *consumer = NULL;
    enum err rc = consumer_open(t, topic_begin(t), &consumer, d);

    while (rc == ERR_OK && consumer_offset(consumer) < end) {
        struct config_revision r = {.time_ms = 0};
        struct str its_kind, its_scope;
        struct record record;
        bool got = false;

        rc = consumer_poll(consumer, 0, &record, &got, d);
        if (rc != ERR_OK || !got)
            break;
        if (!object_key_read(record.key, &its_kind, &its_scope, &r.id) || !str_eq(its_kind, kind) ||
            !str_eq(its_scope, scope) || (id.p != NULL && !str_eq(r.id, id)))
            continue;
        r.version = record.offset + 1;
        r.time_ms = record.time_ms;
        r.json = record.value;
        r.first = record.value.p != NULL && record.cause == 0;
        rc = each(ctx, &r, d);
    }
    if (consumer != NULL)
        consumer_close(consumer);
    return rc;
}
