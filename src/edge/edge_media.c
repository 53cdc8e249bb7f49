/* edge_media.c - streaming media sessions  [EDGE 10].
 *
 * A session id is 64 hex digits that we can check without keeping anything: the start in milliseconds, 8 random bytes,
 * and a MAC over both. It ends 24 hours after its start; events of an unknown or ended one are 404. Media events are
 * hits like any other, filed under the identity that the request brings. */
#include "edge/edge_int.h"

#include "base/civil.h"

#define SESSION_MS MS_PER_DAY
#define SESSION_HEX 64

struct session {
    uint64_t start_ms, random, mac_low, mac_high;
};

static void
put_hex(struct buf *out, uint64_t v)
{
    static const char hex[] = "0123456789abcdef";

    for (int shift = 60; shift >= 0; shift -= 4)
        buf_putc(out, hex[v >> shift & 15]);
}

static void
sign(const struct edge *e, struct session *s)
{
    struct hash_key second = {e->media_key.k1, e->media_key.k0};
    struct str signed_part = {(const char *)s, 2 * sizeof(uint64_t)};

    s->mac_low = hash_mac(e->media_key, signed_part);
    s->mac_high = hash_mac(second, signed_part);
}

static bool
parse_hex(struct str text, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit > 15)
            return false;
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

static bool
session_alive(const struct edge_call *c, struct str id)
{
    struct session s, expected;

    if (id.n != SESSION_HEX || !parse_hex(str_slice(id, 0, 16), &s.start_ms) ||
        !parse_hex(str_slice(id, 16, 32), &s.random) || !parse_hex(str_slice(id, 32, 48), &s.mac_low) ||
        !parse_hex(str_slice(id, 48, 64), &s.mac_high))
        return false;
    expected = s;
    sign(c->edge, &expected);
    return memcmp(&s, &expected, sizeof s) == 0 && (int64_t)s.start_ms + SESSION_MS > c->now_ms;
}

void
edge_media_session(struct edge_call *c, size_t event_index)
{
    struct session s = {(uint64_t)c->now_ms, rng_u64(c->rq->rng), 0, 0};
    struct jw w = edge_handle_begin(c);

    sign(c->edge, &s);
    buf_put(c->rs->body, S("[{\"sessionId\":\""));
    put_hex(c->rs->body, s.start_ms);
    put_hex(c->rs->body, s.random);
    put_hex(c->rs->body, s.mac_low);
    put_hex(c->rs->body, s.mac_high);
    buf_put(c->rs->body, S("\"}]"));
    edge_handle_end(c, &w, "media-analytics:new-session", (int)event_index);
}

static void
media_problem(struct edge_call *c, int status, const char *title, const char *name, const char *reason)
{
    struct jw w;

    buf_clear(c->rs->body);
    w = jw_to(c->rs->body);
    jw_object(&w);
    jw_kstr(&w, S("type"), arena_printf(c->arena, "https://ns.adobe.com/aep/errors/va-edge-0%d-%d", status, status));
    jw_ki64(&w, S("status"), status);
    jw_kstr(&w, S("title"), str_of(title));
    jw_key(&w, S("report"));
    jw_object(&w);
    jw_kstr(&w, S("requestId"), c->request_id);
    jw_ki64(&w, S("eventIndex"), 0);
    jw_key(&w, S("details"));
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, S("name"), str_of(name));
    jw_kstr(&w, S("reason"), str_of(reason));
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    c->rs->status = status;
    c->rs->content_type = "application/problem+json";
}

void
edge_media(struct edge_call *c)
{
    const struct json *media = json_get(c->events[0].xdm, S("mediaCollection"));

    if (str_eq(c->path.media_event, S("sessionStart"))) {
        c->events[0].media_start = true;
        c->path.action = ACTION_INTERACT;
        if (edge_event_handle(c, &c->events[0], 0))
            edge_reply(c);
        return;
    }
    if (!json_is_number(json_get(media, S("playhead")))) {
        media_problem(c, 400, "Invalid request", "$.xdm.mediaCollection.playhead", "a number is required");
        return;
    }
    if (!session_alive(c, json_str(json_get(media, S("sessionID"))))) {
        media_problem(c, 404, "Not found", "$.xdm.mediaCollection.sessionID", "the session is unknown or has ended");
        return;
    }
    if (edge_event_handle(c, &c->events[0], 0))
        edge_reply_empty(c, 204);
}
