#!/usr/bin/env python3
"""The older endpoints of the delivery API [TARGET 1.8]: /rest/v1/mbox, /rest/v2/batchmbox, /m2/{client}/ubox."""
import json
import sys
import urllib.parse

from delivery_world import NOW, T0, T1, T2, World, build, metric
from server import notices_of, run

w = None
NONE = "/* no display - unauthorized mbox host */"


def setup():
    global w
    w = World()
    w.clock(NOW)
    build(w)
    image = w.offer("content", content="https://img.example.com/banner.png\n")
    w.activity("ab", 1201, [(100, image)], "banner", metrics=[metric("banner-seen")])
    goals = [metric("bought"), {"metricLocalId": 3, "name": "Click", "action": {"type": "count_once"},
                                "mboxes": [{"name": "old-hero", "successEvent": "mbox_clicked"}]}]
    w.activity("ab", 1202, [(100, w.offer("content", content="hello"))], "old-hero", metrics=goals)


def finish():
    return w.close()


def single(body, session=None, query="client=acme", method="POST"):
    text = body if isinstance(body, str) else json.dumps(body)
    return w.s.call(method, "/rest/v1/mbox/%s?%s" % (session or w.session(), query), text, {"Content-Type": "application/json"})


def batch(body, session=None, query=None, method="POST"):
    text = body if isinstance(body, str) else json.dumps(body)
    q = query if query is not None else "client=acme&sessionId=%s" % (session or w.session())
    return w.s.call(method, "/rest/v2/batchmbox?" + q, text, {"Content-Type": "application/json"})


def ok(r):
    assert r.status == 200, (r.status, r.body)
    return r.json


def refused(r, message, status=400):
    assert r.status == status and r.json == {"status": status, "message": message}, (r.status, r.body)


def ubox(form, client="acme", method="GET", **q):
    return w.s.call(method, "/m2/%s/ubox/%s?%s" % (client, form, urllib.parse.urlencode(q)))


def visits():
    return [r["value"] for r in w.s.topic("collect") if r["value"]["kind"] == "visit"]


def noted(hit, kind):
    """Activities of the hit's notices of a kind."""
    return [int(n["activity"]) for n in notices_of(hit) if n["type"] == kind]


# ---- one mbox ----

def test_18_one_mbox_is_what_the_newer_api_shows():
    for tnt in (T0, T1, T2):
        old = ok(single({"mbox": "hero", "tntId": tnt}))
        assert json.loads(old["content"]) == w.content("hero", id={"tntId": tnt}), old
        old = ok(single({"mbox": "tri", "tntId": tnt}))
        assert old["content"] == w.content("tri", id={"tntId": tnt}), old


def test_18_one_mbox_whole_answer():
    r = single({"mbox": "tri", "tntId": T0}, session="older-1")
    assert r.header("Content-Type") == "application/json;charset=UTF-8" and r.header("X-Request-Id")
    assert set(r.json) - {"edgeHost"} == {"tntId", "sessionId", "content"}, r.json
    assert (r.json["tntId"], r.json["sessionId"]) == (T0, "older-1")
    made = ok(single({"mbox": "tri"}))["tntId"]
    assert made != T0 and len(made) >= 32


def test_18_target_id_only_without_another_id():
    r = ok(single({"mbox": "tri", "thirdPartyId": "third-1"}))
    assert r["thirdPartyId"] == "third-1" and "tntId" not in r, r
    assert "tntId" not in ok(single({"mbox": "tri", "marketingCloudVisitorId": "0732"}))


def test_18_parameters_profile_and_place():
    assert ok(single({"mbox": "xt", "mboxParameters": {"tier": "gold"}}))["content"] == "gold"
    assert ok(single({"mbox": "clash", "mboxParameters": {"vip": "1"}}))["content"] == "hi"
    assert ok(single({"mbox": "clash"}))["content"] == "lo"
    assert ok(single({"mbox": "tok", "tntId": "older-tok", "profileParameters": {"name": "Ada"}}))["content"].startswith("Hi Ada")
    assert w.content("tok", id={"tntId": "older-tok"}).startswith("Hi Ada"), "it is the same profile"


def test_18_nothing_and_redirects():
    assert "content" not in ok(single({"mbox": "no-such"}))
    assert ok(single({"mbox": "go"}))["content"] == "https://www.example.com/b"


def test_18_conversions_and_clicks_count():
    me = {"tntId": "older-buyer", "mbox": "old-hero"}
    assert ok(single(me, session="older-b"))["content"] == "hello"
    clicked = ok(single(dict(me, clicked=True), session="older-b"))
    assert "content" not in clicked, clicked
    shown, hit = visits()[-2:]
    assert noted(shown, "display") == [1202] and noted(shown, "convert") == [], shown
    assert noted(hit, "display") == [] and noted(hit, "convert") == [1202], hit
    ok(single({"tntId": "older-buyer", "mbox": "bought", "order": {"id": "o1", "total": 12.5}}, session="older-b"))
    hit = visits()[-1]
    assert noted(hit, "convert") == [1202] and hit["visit"]["order"]["id"] == "o1", hit


def test_18_one_mbox_errors_name_what_was_sent():
    refused(single({}), "mbox must not be null")
    refused(single({"mbox": ""}), "mbox must not be blank")
    assert single({"mbox": 5}).json["message"].startswith("mbox must be a string"), single({"mbox": 5}).body
    refused(single({"mbox": "hero", "clicked": "yes"}), "clicked must be true or false")
    refused(single({"mbox": "hero", "mboxParameters": {"orderId": "1"}}), "mboxParameters must not have the reserved name 'orderId'")
    refused(single({"mbox": "hero", "order": {"total": -1}}), "order.total must be greater than or equal to 0")
    assert single({"mbox": "hero", "requestLocation": []}).json["message"].startswith("requestLocation must be an object")
    refused(single({"clicked": True}), "mbox must not be null")
    refused(single({"mbox": "hero"}, session="a%20b"), "sessionId must not contain blanks, '?', '/', '{' or '}'")
    refused(single({"mbox": "hero"}, query="client=nobody"), "client 'nobody' is not known")
    assert "the body is no JSON" in single("{").json["message"]
    assert single("[]").json["message"].startswith("the body must be an object")
    r = single({"mbox": "hero"}, method="PUT")
    assert r.status == 405 and r.header("Allow") == "POST, OPTIONS", r.body


def test_18_one_mbox_bounds():
    for n, member in ((3072, "pageURL"), (3072, "referrerURL"), (250, "host")):
        assert single({"mbox": "hero", "requestLocation": {member: "x" * n}}).status == 200
        refused(single({"mbox": "hero", "requestLocation": {member: "x" * (n + 1)}}),
                "requestLocation.%s size must be between 0 and %d" % (member, n))
    assert single({"mbox": "m" * 250}).status == 200
    refused(single({"mbox": "m" * 251}), "mbox size must be between 1 and 250")
    assert single({"mbox": "hero"}, session="s" * 128).status == 200
    refused(single({"mbox": "hero"}, session="s" * 129), "sessionId size must be between 1 and 128")


def test_18_refusals_change_nothing():
    before = len(visits())
    single({"mbox": ""})
    batch({"mboxes": [{"indexId": 0, "mbox": "hero"}, {"indexId": 0, "mbox": "tri"}]})
    assert len(visits()) == before


def test_18_cors():
    r = w.s.call("POST", "/rest/v1/mbox/c1?client=acme", json.dumps({"mbox": "tri"}), {"Origin": "https://www.example.com"})
    assert r.header("Access-Control-Allow-Origin") == "https://www.example.com"
    assert r.header("Access-Control-Allow-Credentials") == "true"
    r = w.s.call("OPTIONS", "/rest/v2/batchmbox?client=acme&sessionId=c2", None,
                 {"Origin": "https://www.example.com", "Access-Control-Request-Method": "POST"})
    assert r.status == 204, r.status


# ---- several ----

def test_18_batch_is_what_the_newer_api_shows():
    names = ["hero", "tri", "part", "no-such"]
    for tnt in (T0, T1, T2):
        old = ok(batch({"id": {"tntId": tnt}, "contentAsJson": True,
                        "mboxes": [{"indexId": i, "mbox": n} for i, n in enumerate(names)]}))
        assert [m["mbox"] for m in old["mboxResponses"]] == names
        for m in old["mboxResponses"]:
            assert m.get("content") == w.content(m["mbox"], id={"tntId": tnt}), m
        assert old["id"] == {"tntId": tnt} and old["client"] == "acme" and old["contentAsJson"] is True and old["requestId"]
        assert "prefetchResponses" not in old
    text = ok(batch({"id": {"tntId": T0}, "mboxes": [{"indexId": 0, "mbox": "hero"}]}))
    assert json.loads(text["mboxResponses"][0]["content"]) == w.content("hero", id={"tntId": T0})


def test_18_batch_click_token_and_analytics():
    r = ok(batch({"id": {"tntId": T0}, "mboxes": [{"indexId": 0, "mbox": "hero"}, {"indexId": 1, "mbox": "a4t"}]}, session="older-c"))
    token = r["mboxResponses"][0]["clickToken"]
    payload = r["mboxResponses"][1]["clientSideAnalyticsLoggingPayload"]
    assert payload["pe"] == "tnt" and payload["tnta"].startswith("7001:"), payload
    ok(batch({"id": {"tntId": T0}, "notifications": [{"type": "click", "mbox": "hero", "clickToken": token}]}, session="older-c"))
    hit = visits()[-1]
    assert noted(hit, "interact") == [1001] and noted(hit, "convert") == [1001], hit
    refused(batch({"notifications": [{"type": "click", "mbox": "hero", "clickToken": token[:-2]}]}),
            "notifications[0].eventTokens[0] is not valid")


def test_18_batch_clicked_and_hits():
    me = {"tntId": "older-two"}
    ok(batch({"id": me, "mboxes": [{"indexId": 0, "mbox": "old-hero"}]}, session="older-d"))
    r = ok(batch({"id": me, "mboxes": [{"indexId": 1, "mbox": "old-hero", "clicked": True}, {"indexId": 0, "mbox": "tri"}]},
                 session="older-d"))
    assert r["mboxResponses"][0] == {"mbox": "old-hero"} and r["mboxResponses"][1]["content"] == w.content("tri", id=me), r
    assert 1202 in noted(visits()[-2], "convert"), "the click; behind it the newer API was asked"
    ok(batch({"id": me, "notifications": [{"type": "hit", "mbox": "bought", "order": {"id": "o2", "total": 3}}]}, session="older-d"))
    assert noted(visits()[-1], "convert") == [1202], visits()[-1]


def test_18_batch_prefetch():
    me = {"tntId": T1}
    r = ok(batch({"id": me, "prefetch": [{"indexId": 0, "mbox": "tri"}]}, session="older-e"))
    item, = r["prefetchResponses"]
    assert item["content"] == w.content("tri", id=me) and len(item["eventTokens"]) == 1, item
    ok(batch({"id": me, "notifications": [{"type": "hit", "mbox": "tri", "timestamp": 1804593600000,
                                           "eventTokens": item["eventTokens"]}]}, session="older-e"))
    assert noted(visits()[-1], "display") == [2001], visits()[-1]


def test_18_batch_profile_and_own_parameters():
    r = ok(batch({"id": {"tntId": "older-p"}, "profileParameters": {"name": "Bo"}, "mboxes": [
        {"indexId": 2, "mbox": "tok"}, {"indexId": 0, "mbox": "xt", "parameters": {"tier": "gold"}},
        {"indexId": 1, "mbox": "clash"}]}))
    assert [m["content"] for m in r["mboxResponses"]][1:] == ["gold", "lo"], r
    assert r["mboxResponses"][0]["content"].startswith("Hi Bo"), r


def test_18_batch_profile_once_and_for_all():
    """Whatever is worked on first sets it: a notification, a click, the lowest index, of prefetches likewise."""
    def name(**body):
        me = {"tntId": w.session() + "-p"}
        return ok(batch(dict({"id": me, "profileParameters": {"name": "Di"}}, **body)))
    tok, tri = {"indexId": 1, "mbox": "tok"}, {"indexId": 0, "mbox": "tri"}
    for body in ({"mboxes": [tok, tri]}, {"mboxes": [tok], "notifications": [{"type": "hit", "mbox": "tri"}]},
                 {"mboxes": [tok, dict(tri, clicked=True)]}):
        assert name(**body)["mboxResponses"][0]["content"].startswith("Hi Di"), body
        assert json.dumps(visits()[-1]).count('"profileParameters"') == 1
    assert name(prefetch=[tok, tri])["prefetchResponses"][0]["content"].startswith("Hi Di")
    assert name(mboxes=[tri], prefetch=[tok])["prefetchResponses"][0]["content"].startswith("Hi Di")


def test_18_bodies_of_the_limit_and_past_it():
    limit = 1024 * 1024
    for call in (single, batch):
        text = json.dumps({"mbox": "tri", "mboxes": [{"indexId": 0, "mbox": "tri"}]})
        assert call(text + " " * (limit - len(text))).status == 200
        r = call(text + " " * (limit + 1 - len(text)))
        assert r.status == 413 and r.json["status"] == 413, r.body


def test_18_batch_bounds_and_errors():
    def boxes(n):
        return [{"indexId": i, "mbox": "m%d" % i} for i in range(n)]
    for member in ("mboxes", "prefetch"):
        assert batch({member: boxes(50)}).status == 200
        refused(batch({member: boxes(51)}), "%s size must be between 0 and 50" % member)
        refused(batch({member: [{"mbox": "hero"}]}), "%s[0].indexId must not be null" % member)
        refused(batch({member: [{"indexId": -1, "mbox": "hero"}]}), "%s[0].indexId must be greater than or equal to 0" % member)
        refused(batch({member: [{"indexId": 1}]}), "%s[0].mbox must not be null" % member)
        refused(batch({member: [{"indexId": 1, "mbox": "a"}, {"indexId": 1, "mbox": "b"}]}), "%s[1].indexId must be unique" % member)
        refused(batch({member: [5]}), "%s[0] must be an object" % member)
        far = {"indexId": 0, "mbox": "hero", "requestLocation": {"pageURL": "x" * 3073}}
        refused(batch({member: [far]}), "%s[0].requestLocation.pageURL size must be between 0 and 3072" % member)
    refused(batch({"notifications": [{"type": "display", "mbox": "a"}]}), "notifications[0].type must be one of: hit click")
    refused(batch({"notifications": [{"type": "hit"}]}), "notifications[0].mbox must not be null")
    refused(batch({"client": "other"}), "client must be the client of the query")
    refused(batch({"host": "h" * 251}), "host size must be between 0 and 250")
    assert batch({"host": "h" * 250, "client": "acme"}).status == 200
    refused(batch({"contentAsJson": 1}), "contentAsJson must be true or false")
    refused(batch({}, query="client=acme"), "sessionId must not be blank")
    assert batch("").status == 400 and batch({}, method="PUT").status == 405


# ---- images, pages, raw ----

def test_18_ubox_leads_to_the_offer():
    for form in ("image", "page"):
        r = ubox(form, mbox="banner", mboxDefault="https://d.example.com/d.png", mboxPC=T0)
        assert r.status == 302 and r.header("Location") == "https://img.example.com/banner.png", (r.status, r.headers)
        r = ubox(form, mbox="no-such", mboxDefault="https://d.example.com/d.png")
        assert r.status == 302 and r.header("Location") == "https://d.example.com/d.png"
        r = ubox(form, mbox="tri", mboxDefault="https://d.example.com/d.png")
        assert r.header("Location") == "https://d.example.com/d.png", "an offer that is no URL leads nowhere"


def test_18_ubox_raw_and_counting():
    r = ubox("raw", mbox="tri", mboxPC=T2, mboxDefault="x")
    assert r.status == 200 and r.body.decode() == w.content("tri", id={"tntId": T2}), r.body
    assert r.header("Content-Type").startswith("text/plain") and r.header("X-Content-Type-Options") == "nosniff"
    assert ubox("raw", mbox="no-such", mboxDefault="<b>x</b>").body == b"<b>x</b>"
    assert ubox("raw", mbox="xt", tier="gold").body == b"gold"
    assert ubox("raw", **{"mbox": "tok", "profile.name": "Cy"}).body.startswith(b"Hi Cy")
    ubox("raw", mbox="old-hero", mboxPC="older-u", mboxSession="older-u")
    ubox("raw", mbox="bought", mboxPC="older-u", mboxSession="older-u")
    assert noted(visits()[-1], "convert") == [1202], visits()[-1]


def test_18_ubox_errors():
    refused(ubox("image", mbox="banner"), "mboxDefault must be a URL with http:// or https://")
    refused(ubox("page", mbox="banner", mboxDefault="javascript:alert(1)"), "mboxDefault must be a URL with http:// or https://")
    refused(ubox("raw"), "mbox must not be blank")
    refused(ubox("raw", mbox="m" * 251), "mbox size must be between 1 and 250")
    assert ubox("raw", mbox="m" * 250).status == 200
    refused(ubox("raw", mbox="a", mboxPC="x" * 129), "mboxPC size must be between 0 and 128")
    refused(ubox("raw", client="nobody", mbox="a"), "client 'nobody' is not known")
    r = ubox("raw", method="POST", mbox="a")
    assert r.status == 405 and r.header("Allow") == "GET, OPTIONS"
    assert ubox("other", mbox="a").status == 404


# ---- hosts ----

def test_18_zz_hosts_that_are_not_authorized():
    v1 = {"Content-Type": "application/vnd.adobe.target.v1+json", "Accept": "application/vnd.adobe.target.v1+json"}
    w.rest("PUT", "/authorizedHosts", {"enabledConstraints": True,
           "authorizedMboxHostsConstraint": {"contains": ["example.com"]}}, headers=v1)
    assert ok(single({"mbox": "tri", "requestLocation": {"host": "evil.test"}}))["content"] == NONE
    r = ok(batch({"host": "evil.test", "mboxes": [{"indexId": 0, "mbox": "tri"}]}))
    assert r["mboxResponses"] == [{"mbox": "tri", "content": NONE}], r
    assert ubox("raw", mbox="tri", mboxHost="evil.test").body.decode() == NONE


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
