#!/usr/bin/env python3
"""Sessions, pages and profiles behind delivery requests: items of the Target checklist [TARGET 12], by number. Reports say what
counted; delivery_test.py has the rest."""
import http.client
import json
import sys

import world
from delivery_world import NOW, World, build, metric
from server import Edge, Visitor, run

w = None
JSON = {"Content-Type": "application/json"}


def setup():
    global w
    w = World(args=["--workers", "256", "--ack", "fsync"])
    w.clock(NOW)
    build(w)


def finish():
    return w.close()


def visitor(n=[0]):
    """A Target id that nobody had before."""
    n[0] += 1
    return {"tntId": "%032x" % (0xdef0000 + n[0])}


def html(text):
    return w.offer("content", content=text)


def conversions(activity):
    w.s.drain()
    r = w.rest("GET", "/activities/ab/%d/report/performance" % activity,
               headers={"Accept": "application/vnd.adobe.target.v1+json"})
    return r.json["report"]["statistics"]["totals"]["impression"]["totals"]["conversions"]


# ---- requests of one session at once ----

def at_once(n, session):
    """Statuses of n requests that are under way together, and the bodies of those that are refused. All but the last byte of
    each is sent before, so that they arrive faster than one after the other is worked on."""
    who = visitor()
    body = json.dumps({"id": who, "context": {"channel": "web"},
                       "execute": {"mboxes": [{"index": i, "name": "hero"} for i in range(50)]}}).encode()
    connections = [http.client.HTTPConnection("127.0.0.1", w.s.port, timeout=60) for _ in range(n)]
    for c in connections:
        c.putrequest("POST", "/rest/v1/delivery?client=acme&sessionId=" + session)
        c.putheader("Content-Type", "application/json")
        c.putheader("Content-Length", str(len(body)))
        c.endheaders(body[:-1])
    for c in connections:
        c.sock.sendall(body[-1:])
    answers = []
    for c in connections:
        r = c.getresponse()
        answers.append((r.status, json.loads(r.read())))
        c.close()
    return [status for status, _ in answers], [body for status, body in answers if status != 200]


def test_028_a_hundred_requests_of_a_session_at_once():
    statuses, _ = at_once(100, "crowd-1")
    assert statuses == [200] * 100, "as many as are allowed"
    statuses, refused = at_once(220, "crowd-2")
    assert set(statuses) == {200, 420} and statuses.count(200) >= 100, statuses
    for body in refused:
        assert body == {"status": 420, "message": "Too many requests with same session ID"}, body
    statuses, _ = at_once(1, "crowd-2")
    assert statuses == [200], "those that were worked on have left"


# ---- profiles ----

def test_077_an_attribute_that_the_profile_api_wrote():
    gold = w.audience({"profile": "memberLevel", "equals": ["gold"]})
    w.activity("xt", 4771, [(None, html("for gold"), [gold])], "level")
    who = visitor()
    assert w.content("level", who, session="p1") is None
    r = w.s.call("GET", "/m2/acme/profile/update?mboxPC=%s&profile.memberLevel=gold" % who["tntId"])
    assert r.status == 200, (r.status, r.body)
    assert w.content("level", who, session="p1") == "for gold"
    assert w.content("level", who, session="p2") == "for gold", "in another session"
    assert w.content("level", visitor(), session="p3") is None, "nobody else"


def test_073_a_script_knows_the_browser_that_the_request_names():
    """[TARGET 1.1, 7.3]: a server asks for its visitor, whose browser is in the context and not in the header."""
    for name, script in (("kind", "return user.browserType;"), ("agent", "return user.browser;"), ("land", "return profile.geolocation.country;")):
        w.rest("POST", "/profileattributes/scripts", {"name": name, "script": script, "active": True}, headers=JSON)
    w.activity("ab", 4773, [(100, html("${user.kind}|${user.agent}|${user.land}"))], "script")
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    context = {"channel": "web", "userAgent": agent, "geo": {"countryCode": "US", "city": "x"}}
    shown = w.content("script", visitor(), context=context)
    assert shown == "chrome|%s|united states" % agent, shown


def test_116_scripts_that_loop_or_allocate_cost_their_own_attribute():
    hostile = {"loops": "while (true) {}", "allocates": "var a = 'x'; for (;;) a += a;", "piles": "var a = []; for (;;) a.push(a.concat());",
               "sinks": "function f() { return f(); } return f();", "throws": "throw new Error('no');"}
    ids = [w.rest("POST", "/profileattributes/scripts", {"name": n, "script": s, "active": True}, headers=JSON).json["id"]
           for n, s in dict(hostile, well="return 'well';").items()]
    w.activity("ab", 4116, [(100, html("${user.well}"))], "bad day")
    shown = "".join('${user.%s default="-"}' % n for n in hostile)
    w.activity("ab", 4117, [(100, html(shown))], "bad values")
    for i in range(3):  # the first request finds out, and no later one pays for it
        item = w.ask({"id": visitor(), "execute": {"mboxes": [{"index": 0, "name": "bad day"}, {"index": 1, "name": "bad values"}]}})["execute"]["mboxes"]
        assert [m["options"][0]["content"] for m in item] == ["well", "-" * len(hostile)], item
    for i in ids:
        w.rest("DELETE", "/profileattributes/scripts/%d" % i, headers=JSON)


# ---- the audience of a location ----

def test_080_a_location_that_its_audience_closes():
    vip = w.audience({"mbox": "vip", "equals": ["1"]})
    body = {"name": "Two places", "state": "approved", "priority": 5, "metrics": [metric("orderConfirm")],
            "options": [{"optionLocalId": 0, "name": "o", "offerId": html("x")}],
            "locations": {"mboxes": [{"locationLocalId": 0, "name": "open"},
                                     {"locationLocalId": 1, "name": "closed", "audienceIds": [vip]}]},
            "experiences": [{"experienceLocalId": 0, "name": "A", "visitorPercentage": 100, "optionLocations": [
                {"locationLocalId": n, "optionLocalId": 0} for n in range(2)]}]}
    w.rest("POST", "/activities/ab?id=4801", body)
    who = visitor()
    assert w.mbox("closed", who) == {"index": 0, "name": "closed"}
    assert entries(4801) == 0, "nothing was shown"
    assert w.content("open", who) == "x" and entries(4801) == 1
    assert w.content("closed", who) is None, "a member as little"
    assert w.content("closed", who, parameters={"vip": "1"}) == "x" and entries(4801) == 1


def entries(activity):
    w.s.drain()
    r = w.rest("GET", "/activities/ab/%d/report/performance" % activity,
               headers={"Accept": "application/vnd.adobe.target.v1+json"})
    return r.json["report"]["statistics"]["totals"]["visitor"]["totals"]["entries"]


# ---- pages ----

def on(url, referrer):
    return {"context": {"channel": "web", "address": {"url": url, "referringUrl": referrer}}}


SHOP, DONE = "https://www.example.com/shop", "https://www.example.com/done"


def test_101_a_reload_is_no_landing():
    w.activity("ab", 4811, [(100, html("x"))], "landing", metrics=[metric("thanks", "count_landings")])
    w.activity("ab", 4812, [(100, html("x"))], "always", metrics=[metric("thanks", "always_convert")])
    who, s = visitor(), w.session()
    for name in ("landing", "always"):
        w.mbox(name, who, session=s, **on(SHOP, ""))
    for url, referrer, landings in ((DONE, SHOP, 1), (DONE, SHOP, 1), (DONE, SHOP, 1), (DONE, DONE, 2), (SHOP, DONE, 3), (DONE, SHOP, 4)):
        w.mbox("thanks", who, session=s, **on(url, referrer))
        assert conversions(4811) == landings, (url, referrer, conversions(4811), landings)
    assert conversions(4812) == 6, "the other action counts each"
    w.mbox("thanks", who, **on(DONE, SHOP))
    assert conversions(4811) == 5, "another session"
    w.mbox("thanks", who, session="app")
    w.mbox("thanks", who, session="app")
    assert conversions(4811) == 7, "an app names no page"


def test_101_the_same_through_the_edge_network():
    w.activity("ab", 4813, [(100, html("x"))], "edgeLanding", metrics=[metric("edgeThanks", "count_landings")])
    v = Visitor(Edge(w.s, world.datastream(w.s, "landings", world.web_dataset(w.s))))

    def page(url, referrer, scope):
        r = v.send({"eventType": "web.webpagedetails.pageViews", "web": {"webPageDetails": {"URL": url}, "webReferrer": {"URL": referrer}}},
                   scopes=[scope])
        assert r.status == 200, r.body
        found = [p for p in r.payload("personalization:decisions")]
        shown = [{"id": p["id"], "scope": p["scope"], "scopeDetails": p["scopeDetails"]} for p in found] or [{"id": "x", "scope": scope}]
        r = v.send({"eventType": "decisioning.propositionDisplay", "web": {"webPageDetails": {"URL": url}, "webReferrer": {"URL": referrer}},
                    "_experience": {"decisioning": {"propositions": shown, "propositionEventType": {"display": 1}}}})
        assert r.status == 200, r.body
    page(SHOP, "", "edgeLanding")
    for url, referrer, landings in ((DONE, SHOP, 1), (DONE, SHOP, 1), (DONE, DONE, 2)):
        page(url, referrer, "edgeThanks")
        assert conversions(4813) == landings, (url, referrer)


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
