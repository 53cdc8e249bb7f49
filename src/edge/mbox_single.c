/* mbox_single.c - POST /rest/v1/mbox/{sessionId}: one mbox, shown or clicked [TARGET 1.8]. */
#include "edge/mbox_int.h"

#include "codec/url.h"

static const struct delivery_word words[] = {
    {"execute.mboxes[0].name", "mbox"},
    {"execute.mboxes[0].parameters", "mboxParameters"},
    {"execute.mboxes[0].", ""},
    {"notifications[0].mbox.name", "mbox"},
    {"notifications[0].parameters", "mboxParameters"},
    {"notifications[0].", ""},
    {"id.", ""},
    {NULL, NULL},
};

static void
put_location(struct jw *w, const struct json *sent)
{
    mbox_hand_on(w, S("parameters"), json_get(sent, S("mboxParameters")));
    mbox_hand_on(w, S("profileParameters"), json_get(sent, S("profileParameters")));
    mbox_hand_on(w, S("order"), json_get(sent, S("order")));
    mbox_hand_on(w, S("product"), json_get(sent, S("product")));
}

static void
put_click(struct delivery_call *c, struct jw *w, const struct json *sent)
{
    jw_key(w, S("notifications"));
    jw_array(w);
    jw_object(w);
    jw_kstr(w, S("id"), S("0"));
    jw_kstr(w, S("type"), S("click"));
    jw_ki64(w, S("timestamp"), c->now_ms);
    jw_key(w, S("mbox"));
    jw_object(w);
    mbox_hand_on(w, S("name"), json_get(sent, S("mbox")));
    jw_end(w);
    put_location(w, sent);
    jw_end(w);
    jw_end(w);
}

static void
put_execute(struct jw *w, const struct json *sent)
{
    jw_key(w, S("execute"));
    jw_object(w);
    jw_key(w, S("mboxes"));
    jw_array(w);
    jw_object(w);
    jw_ki64(w, S("index"), 0);
    mbox_hand_on(w, S("name"), json_get(sent, S("mbox")));
    put_location(w, sent);
    jw_end(w);
    jw_end(w);
    jw_end(w);
}

static void
put_request(struct delivery_call *c, struct jw *w, const struct json *sent, bool clicked)
{
    jw_key(w, S("id"));
    jw_object(w);
    mbox_hand_on(w, S("tntId"), json_get(sent, S("tntId")));
    mbox_hand_on(w, S("thirdPartyId"), json_get(sent, S("thirdPartyId")));
    mbox_hand_on(w, S("marketingCloudVisitorId"), json_get(sent, S("marketingCloudVisitorId")));
    jw_end(w);
    mbox_hand_on(w, S("impressionId"), json_path(sent, S("requestLocation.impressionId")));
    mbox_hand_on(w, S("qaMode"), json_get(sent, S("qaMode")));
    if (clicked)
        put_click(c, w, sent);
    else
        put_execute(w, sent);
}

/* The Target id is for those who have no other. */
static void
put_answer(struct delivery_call *c, const struct json *answer)
{
    const struct json *host = json_get(answer, S("edgeHost"));
    struct jw w = jw_to(c->rs->body);

    jw_object(&w);
    if (c->third_party_id.n == 0 && c->ecid.n == 0)
        mbox_hand_on(&w, S("tntId"), json_path(answer, S("id.tntId")));
    mbox_hand_on(&w, S("thirdPartyId"), json_path(answer, S("id.thirdPartyId")));
    mbox_hand_on(&w, S("edgeHost"), host);
    jw_kstr(&w, S("sessionId"), c->session);
    if (answer == NULL)
        jw_kstr(&w, S("content"), MBOX_UNAUTHORIZED);
    else
        mbox_put_content(c, &w, json_at(json_path(answer, S("execute.mboxes")), 0), false);
    mbox_end(c, &w);
}

void
mbox_single(struct delivery_call *c, struct str session)
{
    const struct json *sent, *answer;
    struct mbox_page page = {0};
    bool clicked = false;
    struct buf body;
    struct jw w;

    if (!delivery_allow(c, HTTP_POST, S("POST")) || !delivery_session(c, url_decode(session, false, c->arena)) ||
        !delivery_tenant(c, http_query(c->rq, S("client"))) || !mbox_read(c, &sent) ||
        !rule_bool(c, sent, &(struct delivery_at){NULL, S("clicked"), 0}, &clicked) ||
        !mbox_read_page(c, sent, NULL, &page))
        return;
    c->words = words;
    w = mbox_begin(c, &body, &page, S_NULL);
    put_request(c, &w, sent, clicked);
    if (mbox_run(c, &w, &answer))
        put_answer(c, answer);
}
