/* edge_identity.c - which device asks, and who is primary  [EDGE 3.2, 2.5].
 *
 * The device's ECID comes, strongest first, from the identity map, our cookie or state entry, a legacy cookie, a
 * first-party id in the map, a first-party id cookie; else it is minted. An ECID in the map rewrites the cookie: that
 * is how a visitor is handed over between domains. */
#include "edge/edge_int.h"

#include "base/civil.h"
#include "base/limits.h"
#include "codec/hmac.h"
#include "codec/url.h"

#define REWRITE_AFTER_MS MS_PER_DAY /* [EDGE 3.3] the cookie's life is renewed at most once a day */

/* The ECID and FPID of the first event, request level included: event 0 speaks for the device. */
static const struct identity_set *
device_map(const struct edge_call *c)
{
    return c->event_count > 0 ? &c->events[0].ids : &c->root_ids;
}

static void
take(struct edge_call *c, struct str ecid, enum ecid_source source)
{
    memcpy(c->device.ecid, ecid.p, ECID_BYTES);
    c->device.present = true;
    c->device.source = source;
}

/* MCMID|<digits> in s_ecid or AMCV_<org>, URL-decoded: (^|\|)MCMID\|(\d+)($|\|) */
static bool
legacy_ecid(struct edge_call *c, struct str cookie, struct str *out)
{
    struct str text = url_decode(cookie, false, c->arena), part;
    bool next_is_id = false;

    while (text.p != NULL && str_split(&text, '|', &part)) {
        if (next_is_id && ecid_valid(part)) {
            *out = part;
            return true;
        }
        next_is_id = str_eq(part, S("MCMID"));
    }
    return false;
}

static bool
from_legacy_cookies(struct edge_call *c)
{
    struct buf name;
    struct str ecid, cookie = http_cookie(c->rq, S("s_ecid"));

    if (cookie.p != NULL && legacy_ecid(c, cookie, &ecid)) {
        take(c, ecid, ECID_RECEIVED);
        return true;
    }
    buf_init_in(&name, c->arena, 256);
    buf_put(&name, S("AMCV_"));
    url_encode(&name, c->ds->org);
    cookie = http_cookie(c->rq, buf_str(&name));
    if (cookie.p == NULL)
        cookie = http_cookie(c->rq, arena_printf(c->arena, "AMCV_%.*s", STR_ARG(c->ds->org)));
    if (cookie.p == NULL || !legacy_ecid(c, cookie, &ecid))
        return false;
    take(c, ecid, ECID_RECEIVED);
    return true;
}

static bool
from_fpid(struct edge_call *c, struct str fpid)
{
    char ecid[ECID_BYTES];

    if (fpid.n == 0 || fpid.n > LIMIT_FPID_BYTES)
        return false;
    ecid_from_fpid(c->ds->org, fpid, ecid);
    take(c, (struct str){ecid, ECID_BYTES}, ECID_FIRST_PARTY);
    return true;
}

/* A first request that is sent again, because its answer was lost, must find the visitor that it made: its request id,
 * keyed with a secret of the organisation, is the source of the digits. */
static bool
mint_from_request(struct edge_call *c)
{
    unsigned char sum[HMAC_SHA256_BYTES];
    struct str key, message, seed;

    if (!c->caller_gave_id || c->view == NULL)
        return false;
    key = (struct str){(const char *)&c->view->token_key, sizeof c->view->token_key};
    message = arena_printf(c->arena, "ecid %.*s %.*s", STR_ARG(c->ds->id), STR_ARG(c->caller_id));
    if (message.p == NULL || !hmac_sha256(key, message, c->arena, sum))
        return false;
    seed = (struct str){(const char *)sum, sizeof sum};
    ecid_from_fpid(c->ds->org, seed, c->device.ecid);
    c->device.present = true;
    c->device.source = ECID_RANDOM;
    return true;
}

static void
mint(struct edge_call *c)
{
    char ecid[ECID_BYTES];

    c->device.minted = true;
    if (mint_from_request(c))
        return;
    ecid_mint(c->rq->rng, ecid);
    take(c, (struct str){ecid, ECID_BYTES}, ECID_RANDOM);
}

/* v1/collect cannot deliver an identity in its empty answer, except as a cookie of a first-party host [EDGE C-5]. */
static bool
may_mint(const struct edge_call *c)
{
    return (c->path.action != ACTION_COLLECT && c->path.action != ACTION_MEDIA) || c->first_party;
}

static void
resolve_without_map(struct edge_call *c, const struct identity *fpid)
{
    struct str cookie_name = c->ds->fpid_cookie;

    if (from_legacy_cookies(c))
        return;
    if (fpid != NULL && from_fpid(c, fpid->id))
        return;
    if (c->first_party && cookie_name.n > 0 && from_fpid(c, http_cookie(c->rq, cookie_name)))
        return;
    if (may_mint(c))
        mint(c);
}

bool
edge_identity_resolve(struct edge_call *c)
{
    const struct identity_set *map = device_map(c);
    const struct identity *given = identity_find(map, S("ECID"));
    struct ecid_cookie cookie = {0};
    bool have_cookie = c->state.identity.n > 0 && ecid_cookie_read(c->state.identity, c->arena, &cookie);

    for (size_t i = 0; i <= c->event_count; i++) {
        const struct identity_set *set = i < c->event_count ? &c->events[i].ids : &c->root_ids;
        const struct identity *id = identity_find(set, S("ECID"));
        if (id != NULL && !ecid_valid(id->id))
            return edge_problem(c, "0308-400", "Invalid identity format",
                                "'%.*s' is not an ECID: 38 decimal digits are expected", STR_ARG(id->id));
    }
    if (given != NULL)
        take(c, given->id, ECID_RECEIVED);
    else if (have_cookie)
        take(c, cookie.ecid, cookie.source);
    else
        resolve_without_map(c, identity_find(map, S("FPID")));
    if (!c->device.present)
        return true;
    if (have_cookie && str_eq(cookie.ecid, (struct str){c->device.ecid, ECID_BYTES})) {
        c->device.created_ms = cookie.created_ms;
        c->device.source = cookie.source;
        c->device.write = cookie.write_time_ms + REWRITE_AFTER_MS <= c->now_ms;
    } else {
        c->device.write = true;
    }
    return true;
}

/* FPID out (its primary flag moves to the ECID), the device's ECID in, and exactly one primary: what was marked, else
 * the ECID, else the first. */
void
edge_identity_finish_event(struct edge_call *c, struct edge_event_in *e)
{
    struct identity_set out = {ARENA_ARRAY(c->arena, struct identity, e->ids.n + 1), 0};
    bool fpid_primary = false, have_ecid = false, have_primary = false;

    if (out.items == NULL)
        return;
    for (size_t i = 0; i < e->ids.n; i++) {
        if (str_eq(e->ids.items[i].ns, S("FPID"))) {
            fpid_primary |= e->ids.items[i].primary;
            continue;
        }
        have_ecid |= str_eq(e->ids.items[i].ns, S("ECID"));
        have_primary |= e->ids.items[i].primary;
        out.items[out.n++] = e->ids.items[i];
    }
    if (!have_ecid && c->device.present)
        out.items[out.n++] = (struct identity){S("ECID"), {c->device.ecid, ECID_BYTES}, AUTH_AMBIGUOUS, false};
    if (!have_primary || fpid_primary) {
        struct identity *ecid = (struct identity *)(uintptr_t)identity_find(&out, S("ECID"));
        if (ecid != NULL)
            ecid->primary = true;
        else if (out.n > 0)
            out.items[0].primary = true;
    }
    e->ids = out;
}
