#!/usr/bin/env python3
"""The delivery API against the conformance list of [TARGET 12]: transport, validation, experiences, audiences, priorities,
prefetch, notifications, profile. Items are named by number.

What was counted is read from the hits on the log. Items that want more than a request and its hit (reports, the unmodified SDKs,
items of the Admin API) are tests of those parts; delivery_visits_test.py has sessions at work and pages."""
import base64
import http.client
import json
import re
import shutil
import socket
import sys
import tempfile
import threading
import urllib.parse

from delivery_world import E1, NOW, P1, T0, T1, T2, V3, World, build, metric
from server import notices_of, run

OPTIONS = "options"
V1 = {"Content-Type": "application/json"}


class Fixture(World):
    """The fixture in a server that can be had afresh: a check of the list starts from an empty profile store."""

    def __init__(self):
        super().__init__()
        build(self)
        assert self.s.stop() == 0
        self.template = tempfile.mkdtemp(prefix="edgewise-template-")
        shutil.copytree(self.s.data, self.template, dirs_exist_ok=True)
        self.s.start()
        self.clock(NOW)

    def fresh(self):
        self.s.kill()
        shutil.rmtree(self.s.data)
        shutil.copytree(self.template, self.s.data)
        self.s.start()
        self.s.token = None
        self.clock(NOW)

    def close(self):
        shutil.rmtree(self.template, ignore_errors=True)
        return super().close()

    def raw(self, body, query=None, headers=None, method="POST"):
        q = {"client": "acme", "sessionId": "s1"} if query is None else query
        q = {k: v for k, v in q.items() if v is not None}
        return self.s.call(method, "/rest/v1/delivery?" + urllib.parse.urlencode(q), body,
                           {"Content-Type": "application/json", **(headers or {})})

    def deliver(self, session="s1", **members):
        """D of the list: a web request with these members."""
        return self.raw({"context": {"channel": "web"}, **members}, {"client": "acme", "sessionId": session})

    def item(self, name, id=None, session="s1", top=None, **details):
        """M of the list: the answer of one mbox."""
        r = self.deliver(session, **({"id": id} if id else {}), **(top or {}),
                         execute={"mboxes": [{"index": 0, "name": name, **details}]})
        assert r.status == 200, r.body
        return r.json["execute"]["mboxes"][0]

    def shown(self, name, id=None, **more):
        """The content of its only option, None without one."""
        options = self.item(name, id, **more).get(OPTIONS, [])
        assert len(options) <= 1, options
        return options[0].get("content") if options else None

    def visits(self):
        """Hits of the Target part, oldest first."""
        return [r["value"] for r in self.s.topic("collect") if r["value"]["kind"] == "visit"]

    def notices(self, kind, activity=None):
        return [n for h in self.visits() for n in notices_of(h)
                if n["type"] == kind and activity in (None, int(n["activity"]))]


w = Fixture()


def html(text):
    return w.offer("content", content=text)


def refused(what, body=None, query=None, status=400, **members):
    """The request is refused with a message that names `what`, and nothing of it is kept."""
    r = w.raw({"context": {"channel": "web"}, **members} if body is None else body, query)
    assert r.status == status, (what, r.status, r.body)
    assert r.json["status"] == status and what in r.json["message"], r.json
    return r


def mboxes(*names, **details):
    return {"mboxes": [{"index": i, "name": n, **details} for i, n in enumerate(names)]}


def one(**details):
    return {"mboxes": [{"index": 0, "name": "hero", **details}]}


# ---- transport ----

def test_001_an_empty_request():
    r = w.deliver()
    assert r.status == 200 and r.json["status"] == 200 and r.json["client"] == "acme", r.body
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", r.json["requestId"]), r.json
    assert re.fullmatch(r"[0-9a-f]{32}", r.json["id"]["tntId"])
    assert "message" not in r.json
    assert r.header("content-type").lower() == "application/json;charset=utf-8"
    assert r.header("x-request-id") == r.json["requestId"]


def test_002_request_id():
    assert w.deliver(requestId="r-7").json["requestId"] == "r-7"
    refused("requestId", requestId="x" * 129)


def test_003_to_005_tenant():
    body = {"context": {"channel": "web"}}
    assert w.raw(body, {"imsOrgId": w.s.org, "sessionId": "s"}).json["client"] == "acme"
    assert w.raw(body, {"sessionId": "s"}, {"Host": "acme.target.example.com"}).json["client"] == "acme"
    refused("client", query={"client": "nobody", "sessionId": "s"})
    refused("imsOrgId", query={"imsOrgId": "nobody@AdobeOrg", "sessionId": "s"})
    refused("client", query={"sessionId": "s"})


def test_006_007_session():
    for session in (None, "x" * 129, "a b", "a/b", "a?b", "a{b", "a}b"):
        refused("sessionId", query={"client": "acme", "sessionId": session})
    assert w.deliver(session="x" * 128).status == 200


def test_008_any_content_type():
    assert w.raw(json.dumps({"context": {"channel": "web"}}), headers={"Content-Type": "text/plain"}).status == 200


def test_009_010_cors():
    origin = "https://www.example.com"
    r = w.raw({"context": {"channel": "web"}}, headers={"Origin": origin})
    assert r.header("access-control-allow-origin") == origin and r.header("access-control-allow-credentials") == "true"
    assert "origin" in r.header("vary").lower()
    r = w.raw(None, method="OPTIONS", headers={"Origin": origin, "Access-Control-Request-Method": "POST",
                                               "Access-Control-Request-Headers": "content-type"})
    assert r.status == 204 and "content-type" in r.header("access-control-allow-headers"), r.headers


# ---- validation ----

def test_011_to_013_body_and_context():
    refused("JSON", body="{")
    refused("object", body="[]")
    refused("context", body={})
    refused("context.channel", context={"channel": "tv"})
    refused("context.channel", context={})


def test_014_015_lists():
    refused("size must be between 0 and 50", execute=mboxes(*["m"] * 51))
    assert w.deliver(execute=mboxes(*["m"] * 50)).status == 200
    refused("size must be between 0 and 50", prefetch=mboxes(*["m"] * 51))
    refused("execute.mboxes[1].index", execute={"mboxes": [{"index": 0, "name": "a"}, {"index": 0, "name": "b"}]})


def test_notifications_and_views_at_and_past_their_number():
    def notes(n):
        return [{"id": "n%d" % i, "type": "display", "timestamp": 1, "mbox": {"name": "hero"}} for i in range(n)]

    assert w.deliver(notifications=notes(1000)).status == 200
    refused("notifications size must be between 0 and 1000", notifications=notes(1001))
    assert w.deliver(prefetch={"views": [{"name": "v%d" % i} for i in range(50)]}).status == 200
    refused("prefetch.views size must be between 0 and 50", prefetch={"views": [{"name": "v%d" % i} for i in range(51)]})


def test_016_names():
    for mbox in ({"index": 0}, {"index": 0, "name": " "}, {"index": 0, "name": "x" * 251}, {"index": 0, "name": "hero-clicked"},
                 {"index": 0, "name": "** any mbox **"}, {"index": 0, "name": 5}):
        refused("execute.mboxes[0].name", execute={"mboxes": [mbox]})
    refused("execute.mboxes[2].name must not be blank", execute=mboxes("a", "b", " "))
    refused("execute.mboxes[0].index", execute={"mboxes": [{"name": "hero"}]})
    assert w.deliver(execute=mboxes("x" * 250)).status == 200


def test_017_018_parameters():
    for name in ("profile.x", "", " ", "x" * 129, "orderId", "orderTotal", "productPurchasedId", "productPurchasedIds"):
        refused("execute.mboxes[0].parameters", execute=one(parameters={name: "v"}))
    assert w.deliver(execute=one(parameters={"x" * 128: "y" * 5000})).status == 200
    assert w.deliver(execute=one(parameters={"p%d" % i: "" for i in range(100)})).status == 200
    refused("parameters size", execute=one(parameters={"p%d" % i: "" for i in range(101)}))
    refused("parameters", execute=one(parameters={"p": "y" * 5001}))
    refused("parameters", execute=one(parameters={"p": None}))
    assert w.deliver(execute=one(parameters={"p": "\u00e9" * 5000})).status == 200, "characters, not bytes"
    assert w.shown("xt", parameters={"tier": "gold", "n": 5}) == "gold"


def test_019_020_021_profile_parameters_and_orders():
    assert w.deliver(execute=one(profileParameters={"p%d" % i: "" for i in range(50)})).status == 200
    refused("profileParameters", execute=one(profileParameters={"p%d" % i: "" for i in range(51)}))
    assert w.deliver(execute=one(profileParameters={"p": "y" * 256})).status == 200
    refused("profileParameters", execute=one(profileParameters={"p": "y" * 257}))
    refused("purchasedProductIds[0]", execute=one(order={"id": "1", "purchasedProductIds": ["x" * 51]}))
    refused("purchasedProductIds", execute=one(order={"id": "1", "purchasedProductIds": ["x" * 50] * 5}))
    assert w.deliver(execute=one(order={"id": "1", "purchasedProductIds": ["x" * 50] * 4})).status == 200
    refused("order.total", execute=one(order={"id": "1", "total": -1}))


def test_022_023_ids():
    customer = {"id": "c", "integrationCode": "crm", "authenticatedState": "authenticated"}
    refused("id.customerIds[0].authenticatedState", id={"customerIds": [dict(customer, authenticatedState="yes")]})
    refused("id.customerIds", id={"customerIds": [customer] * 51})
    assert w.deliver(id={"customerIds": [customer]}).json["id"]["customerIds"] == [customer]
    for sdid in ("x", "0A1B2C3D4E5F6071-112233445566778", "0A1B2C3D4E5F6071_1122334455667788", "0A1B2C3D4E5F607G-1122334455667788"):
        refused("supplementalDataId", experienceCloud={"analytics": {"supplementalDataId": sdid}})
    assert w.deliver(experienceCloud={"analytics": {"supplementalDataId": "0A1B2C3D4E5F6071-1122334455667788",
                                                    "logging": "server_side"}}).status == 200


def test_024_notifications():
    n = {"id": "n", "type": "display", "timestamp": 1773144000000, "mbox": {"name": "hero"}}
    assert w.deliver(notifications=[n]).json["notifications"] == [{"id": "n"}]
    for member in ("id", "type", "timestamp"):
        refused("notifications[0]." + member, notifications=[{k: v for k, v in n.items() if k != member}])
    refused("notifications[0]", notifications=[dict(n, view={"name": "home"})])


def test_025_beacon():
    w.fresh()
    r = w.deliver(context={"channel": "web", "beacon": True}, id={"tntId": T0}, execute=mboxes("hero"))
    assert r.status == 204 and r.raw == b""
    assert len(w.notices("display", 1001)) == 1


def test_026_027_unknown_members_and_geo():
    assert w.deliver(foo=1, execute=one(foo=1), context={"channel": "web", "foo": 1}).status == 200
    refused("context.geo.countryCode", context={"channel": "web", "geo": {"countryCode": "USA"}})
    assert w.deliver(context={"channel": "web", "geo": {}}).status == 200, "[TARGET 1.5] an on-device client sends it"


def test_029_030_size_and_method():
    body = json.dumps({"context": {"channel": "web"}})
    assert w.raw(body + " " * ((1 << 20) - len(body))).status == 200, "at the limit"
    with socket.create_connection(("127.0.0.1", w.s.port), timeout=30) as c:  # announced only: refused before it is read
        c.sendall(b"POST /rest/v1/delivery?client=acme&sessionId=s HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                  b"Content-Length: %d\r\n\r\n" % ((1 << 20) + 1))
        answer = http.client.HTTPResponse(c)
        answer.begin()
        assert answer.status == 413 and json.loads(answer.read())["status"] == 413
    r = w.raw(None, method="GET")
    assert r.status == 405 and r.json["status"] == 405 and "POST" in r.header("allow")


def test_031_032_ids_and_edge_host():
    r = w.deliver(id={"thirdPartyId": "somebody"}).json
    assert "." not in r["id"]["tntId"] and "edgeHost" not in r
    w.fresh()
    r = w.deliver(id={"tntId": T1 + ".28_0"}, execute=mboxes("hero")).json
    assert r["id"]["tntId"] == T1 + ".28_0"
    assert r["execute"]["mboxes"][0][OPTIONS][0]["content"] == {"v": "B"}


def test_033_an_error_leaves_nothing():
    w.fresh()
    for _ in range(11):
        refused("execute.mboxes[1].name", id={"tntId": T0}, execute=mboxes("hero", " "))
    assert w.visits() == []


# ---- experiences ----

def test_034_035_split():
    w.fresh()
    answer = w.item("hero", {"tntId": T0})
    assert (answer["index"], answer["name"]) == (0, "hero")
    option, = answer[OPTIONS]
    assert option["type"] == "json" and option["content"] == {"v": "B"} and "eventToken" not in option
    assert w.shown("hero", {"tntId": T2}, session="s2") == {"v": "A"}


def test_036_to_039_visitor_key():
    for ids, want in (({"tntId": T0, "marketingCloudVisitorId": E1}, "A"), ({"thirdPartyId": P1}, "A"),
                      ({"tntId": T1, "thirdPartyId": P1}, "B"),
                      ({"tntId": T1, "customerIds": [{"id": "c", "integrationCode": "crm", "authenticatedState": "authenticated"}]}, "B")):
        w.fresh()
        r = w.deliver(id=ids, execute=mboxes("hero"))
        assert r.json["execute"]["mboxes"][0][OPTIONS][0]["content"] == {"v": want}, ids
        assert r.json["id"]["tntId"]


def test_040_041_three_ways_and_traffic():
    w.fresh()
    assert w.shown("tri", {"tntId": T0}) == "a0" and w.shown("tri", {"tntId": T2}, session="s2") == "a2"
    assert w.item("part", {"tntId": T0}) == {"index": 0, "name": "part"}
    assert w.shown("part", {"tntId": T1}, session="s3") == "x1" and w.shown("part", {"tntId": T2}, session="s2") == "x0"


def test_045_046_047_sticky():
    w.fresh()
    path = "/acme/target/activities/ab/1001"
    assert w.shown("hero", {"tntId": T0}) == {"v": "B"}
    body = w.s.rest("GET", path, headers=V3, expect=200).json
    for e, share in zip(body["experiences"], (99, 1)):
        e["visitorPercentage"] = share
    w.s.rest("PUT", path, body, V3, expect=200)
    assert w.shown("hero", {"tntId": T0}) == {"v": "B"} and w.shown("hero", {"tntId": T1}, session="s2") == {"v": "A"}
    for state, want in (("deactivated", None), ("approved", {"v": "B"})):
        w.s.rest("PUT", path + "/state", {"state": state}, expect=200)
        assert w.shown("hero", {"tntId": T0}) == want
    body["experiences"] = [dict(body["experiences"][0], visitorPercentage=100)]
    body["options"] = body["options"][:1]
    w.s.rest("PUT", path, body, V3, expect=200)
    assert w.shown("hero", {"tntId": T0}) == {"v": "A"}


def test_049_050_nothing_and_order():
    assert w.item("nothing") == {"index": 0, "name": "nothing"}
    r = w.deliver(execute={"mboxes": [{"index": 1, "name": "tri"}, {"index": 0, "name": "hero"}]})
    assert [(m["index"], m["name"]) for m in r.json["execute"]["mboxes"]] == [(1, "tri"), (0, "hero")]


def test_051_to_054_kinds_of_offers():
    w.fresh()
    option, = w.item("go")[OPTIONS]
    assert (option["type"], option["content"]) == ("redirect", "https://www.example.com/b")
    assert all("content" not in o for o in w.item("ctl", {"tntId": T0}).get(OPTIONS, []))
    assert len(w.notices("display", 9103)) == 1, "default content is shown and counted"
    option, = w.item("remote")[OPTIONS]
    assert (option["type"], option["content"]) == ("dynamic", "https://offers.example.com/x")
    assert w.shown("tok") == "Hi you Activity 9104"
    assert w.shown("tok", profileParameters={"name": "Ann"}) == "Hi Ann Activity 9104"


def test_055_056_page_load():
    page = w.deliver(execute={"pageLoad": {}}).json["execute"]["pageLoad"]
    assert [o["content"][0]["content"] for o in page[OPTIONS]] == ["low", "high"]
    for o in page[OPTIONS]:
        assert o["type"] == "actions" and all(a["selector"] == a["cssSelector"] == "#t" for a in o["content"])
    metric, = page["metrics"]
    assert (metric["type"], metric["selector"]) == ("click", "#buy") and metric["eventToken"]


def test_057_two_first_requests_at_once():
    for i in range(20):
        got = []
        ids = {"tntId": "%032x" % (7919 * i + 1)}
        threads = [threading.Thread(target=lambda k=k: got.append(w.shown("tri", ids, session="c%d-%d" % (i, k)))) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(got) == 4 and len(set(got)) == 1, got


# ---- audiences ----

def test_058_to_062_experience_targeting():
    us = {"context": {"channel": "web", "geo": {"countryCode": "US"}}}
    assert w.shown("xt", session="x1", parameters={"tier": "gold"}) == "gold"
    assert w.shown("xt", session="x2", parameters={"tier": "Gold"}) is None
    assert w.shown("xt", session="x3", top=us) == "us"
    assert w.shown("xt", session="x4", top=us, parameters={"tier": "gold"}) == "gold"
    assert OPTIONS not in w.item("xt", session="x5")
    ids = {"tntId": "00000000000000000000000000000e62"}
    assert [w.shown("xt", ids, session="y1", parameters={"tier": t}) for t in ("gold", "tin")] == ["gold", None]
    assert w.shown("xt", ids, session="y2", top=us) == "us"


def test_063_064_own_parameters():
    assert w.shown("clash", parameters={"vip": "1"}) == "hi" and w.shown("clash") == "lo"
    r = w.deliver(execute={"mboxes": [{"index": 0, "name": "hero", "parameters": {"vip": "1"}}, {"index": 1, "name": "clash"}]})
    assert r.json["execute"]["mboxes"][1][OPTIONS][0]["content"] == "lo"


def test_065_numbers():
    more = w.audience({"and": [{"mbox": "qty", "greaterThan": ["10"]}]})
    w.activity("xt", 9321, [(None, html("many"), [more])], "basket")
    for quantity, want in (("9", None), ("10.5", "many"), ("abc", None), ("10", None)):
        assert w.shown("basket", parameters={"qty": quantity}) == want, quantity
    assert w.shown("basket") is None


def test_078_audiences_that_the_request_brings():
    """The blob is base64 of a JSON list of audience ids: OURS."""
    w.activity("xt", 9322, [(None, html("member"), ["aam-1"])], "segment")
    blob = lambda *ids: {"experienceCloud": {"audienceManager": {
        "locationHint": "9", "blob": base64.b64encode(json.dumps(ids).encode()).decode()}}}
    assert w.shown("segment", top=blob("other", "aam-1")) == "member"
    assert w.shown("segment", top=blob("other")) is None and w.shown("segment") is None
    assert w.shown("segment", top={"experienceCloud": {"audienceManager": {"locationHint": "9", "blob": "no list"}}}) is None


# ---- priority ----

def test_081_to_084_collisions():
    w.activity("ab", 9401, [(100, html("low"), [])], "two", priority=5)
    w.activity("ab", 9402, [(100, html("high"), [])], "two", priority=10)
    assert w.shown("two") == "high"
    everyone = w.audience({"and": [{"mbox": "tag", "equals": ["1"]}]})
    w.activity("xt", 9403, [(None, html("first"), [])], "tie")
    w.activity("xt", 9404, [(None, html("second"), [])], "tie")
    w.activity("xt", 9405, [(None, html("targeted"), [everyone])], "tie")
    assert w.shown("tie", parameters={"tag": "1"}) == "targeted" and w.shown("tie") == "first"
    w.activity("ab", 9406, [(100, html("few"), [])], "gate", priority=10,
               entryConstraint={"mboxes": [{"name": "gate", "audienceIds": []}], "visitorPercentage": 0})
    w.activity("ab", 9407, [(100, html("rest"), [])], "gate", priority=5)
    assert w.shown("gate") == "rest"
    w.activity("ab", 9408, [(100, html("form"), [])], "target-global-mbox", priority=3)
    texts = lambda: [o["type"] for o in w.deliver(execute={"pageLoad": {}}).json["execute"]["pageLoad"][OPTIONS]]
    assert texts() == ["actions", "actions"], "a visual activity ranks best"
    w.activity("ab", 9409, [(100, html("form"), [])], "target-global-mbox", priority=20)
    assert sorted(texts()) == ["actions", "actions", "html"]


# ---- properties, environments, schedule ----

def test_085_property():
    w.fresh()
    assert OPTIONS not in w.item("prop")
    assert w.shown("prop", top={"property": {"token": w.property}}) == "p"
    assert OPTIONS not in w.item("prop", top={"property": {"token": "other"}})
    assert w.shown("tri", {"tntId": T0}, top={"property": {"token": w.property}}) == "a0"


def test_086_to_090_states_and_environments():
    for name in ("draft", "future", "past"):
        assert OPTIONS not in w.item(name), name
    refused("environmentId", environmentId=987654)
    page = w.deliver(property={"token": w.property}, execute={"pageLoad": {}}).json["execute"]["pageLoad"]
    assert len(page[OPTIONS]) == 2
    w.clock("2027-04-01T00:00:00Z")
    assert w.shown("future", session="s9") == "f", "without a restart"


def on(host):
    return {"context": {"channel": "web", "browser": {"host": host}}}


def test_086_an_environment_that_serves_drafts():
    w.fresh()
    stage = w.rest("POST", "/environments", {"name": "stage", "serveInactiveActivities": True}, headers=V1).json["id"]
    w.rest("PUT", "/hosts/stage.example.com", {"environmentId": stage}, headers=V1)
    assert w.shown("draft", top=on("stage.example.com")) == "d" and w.shown("draft", top=on("www.example.com")) is None
    assert w.shown("draft", top={"environmentId": stage}) == "d"
    address = {"context": {"channel": "web", "address": {"url": "https://stage.example.com/a"}}}
    assert w.shown("draft", top=address) == "d", "the host of the page"


def test_authorized_hosts():
    """[TARGET 1.7, 2.2]"""
    w.fresh()
    w.rest("PUT", "/authorizedHosts", {"enabledConstraints": True, "authorizedMboxHostsConstraint": {"contains": ["example.com"]},
                                       "blockedMboxHostsConstraint": {"contains": ["evil"]}}, headers=V1)
    assert w.deliver(**on("www.example.com")).status == 200
    for host in ("www.other.org", "evil.example.com"):
        r = w.deliver(**on(host), execute=mboxes("hero"))
        assert r.status == 403 and r.json["status"] == 403 and host in r.json["message"], r.body
    assert w.visits() == [], "what is refused is not kept"


# ---- prefetch and notifications ----

def prefetched(name, session="s1", id=None):
    r = w.deliver(session, id=id or {"tntId": T0}, prefetch=mboxes(name))
    assert r.status == 200, r.body
    return r.json["prefetch"]["mboxes"][0]


def notify(*tokens, kind="display", session="s1", id=None, **more):
    return w.deliver(session, id=id or {"tntId": T0}, notifications=[
        {"id": "n1", "type": kind, "timestamp": 1773144000000, "mbox": {"name": "hero"}, "tokens": list(tokens), **more}])


def test_091_092_094_prefetch_counts_when_shown():
    w.fresh()
    option, = prefetched("hero")[OPTIONS]
    assert option["content"] == {"v": "B"} and option["eventToken"]
    assert w.notices("display") == []
    r = notify(option["eventToken"])
    assert r.status == 200 and r.json["notifications"] == [{"id": "n1"}], r.body
    shown, = w.notices("display", 1001)
    assert shown["experience"] == "1"
    before = len(w.visits())
    forged = option["eventToken"][:-2] + ("AA" if not option["eventToken"].endswith("AA") else "BB")
    r = notify(option["eventToken"], forged)
    assert r.status == 400 and "notifications[0].tokens[1]" in r.json["message"], r.body
    assert len(w.visits()) == before, "none of them is applied"


def test_095_096_views():
    views = w.deliver(prefetch={"views": [{}]}).json["prefetch"]["views"]
    home, = [v for v in views if v["name"] == "home"]
    assert home[OPTIONS] and all(o["eventToken"] for o in home[OPTIONS]) and home["state"]
    metric, = home["metrics"]
    assert metric["type"] == "click" and metric["selector"] == "#v" and metric["eventToken"]
    for name in ("home", "HOME"):
        assert [v["name"].lower() for v in w.deliver(prefetch={"views": [{"name": name}]}).json["prefetch"]["views"]] == ["home"]


def test_097_a_view_is_shown():
    w.fresh()
    home, = w.deliver(id={"tntId": T0}, prefetch={"views": [{"name": "home"}]}).json["prefetch"]["views"]
    r = w.deliver(id={"tntId": T0}, notifications=[{"id": "v", "type": "display", "timestamp": 1, "tokens": [
        o["eventToken"] for o in home[OPTIONS]], "view": {"name": "home", "state": home["state"]}}])
    assert r.status == 200, r.body
    assert len(w.notices("display", 8001)) == 1


def test_099_100_orders_and_entrants():
    w.fresh()
    order = {"id": "o1", "total": 20}
    w.item("orderConfirm", {"tntId": T1}, session="s2", order=order)
    assert w.notices("convert", 1001) == [], "never entered"
    w.item("hero", {"tntId": T0})
    w.item("orderConfirm", {"tntId": T0}, order=order)
    met, = w.notices("convert", 1001)
    assert met.get("metric", 32767) == 32767
    kept = [h["visit"]["order"] for h in w.visits() if "order" in h["visit"]]
    assert [(o["id"], o["total"]) for o in kept] == [("o1", 20), ("o1", 20)]

def test_098_clicks():
    w.fresh()
    metrics = prefetched("hero")["metrics"]
    token = [x["eventToken"] for x in metrics if x["type"] == "click"][0]
    assert notify(token, kind="click").status == 200
    assert w.notices("convert", 1001) == [], "before entry"
    w.item("hero", {"tntId": T0})
    assert notify(token, kind="click").status == 200
    met, = w.notices("convert", 1001)
    assert met["metric"] == 3


def test_101_always_convert():
    """The hit says that the metric was met; how often it counts is the fold's to say (tests/unit/visitor)."""
    w.fresh()
    ids = {"tntId": T0}
    w.activity("ab", 9512, [(100, html("x"))], "always", metrics=[metric("done", "always_convert")])
    w.item("always", ids)
    for _ in range(3):
        w.item("done", ids)
    assert len(w.notices("convert", 9512)) == 3


def test_102_what_a_conversion_does():
    """Which experience is shown after it, and whether it is shown and counted at all."""
    w.fresh()
    ids = {"tntId": T0}
    want = {"restart_same_experience": ["B", "B"], "restart_new_experience": ["B", "A"], "ban_from_campaign": ["B", None],
            "exclude_to_same_experience": ["B", "B"]}
    for i, (action, seen) in enumerate(want.items()):
        number = 9501 + i
        w.activity("ab", number, [(50, html("A"), []), (50, html("B"), [])], "at-" + action, metrics=[metric("done", action)])
        first = w.shown("at-" + action, ids)
        w.item("done", ids)
        shown = len(w.notices("display", number))
        second = w.shown("at-" + action, ids)
        assert shown == 1, action
        if action == "restart_new_experience":
            assert first != second and second in "AB", action
        elif action == "ban_from_campaign":
            assert second is None
        else:
            assert second == first, action
        assert len(w.notices("display", number)) - shown == (0 if action in ("ban_from_campaign", "exclude_to_same_experience") else 1), action


def test_103_a_metric_behind_another():
    w.fresh()
    offer = html("x")
    first = {"metricLocalId": 1, "name": "A", "mboxes": [{"name": "step-a", "successEvent": "mbox_shown"}], "action": {"type": "count_once"}}
    second = dict(first, metricLocalId=2, name="B", mboxes=[{"name": "step-b", "successEvent": "mbox_shown"}], dependsOn=[1])
    w.activity("ab", 9601, [(100, offer, [])], "steps", metrics=[metric("orderConfirm"), first, second])
    ids = {"tntId": T0}
    w.item("steps", ids)
    w.item("step-b", ids)
    assert w.notices("convert", 9601) == []
    w.item("step-a", ids)
    w.item("step-b", ids)
    assert [n["metric"] for n in w.notices("convert", 9601)] == [1, 2]


def test_104_page_load_in_both():
    r = w.deliver(execute={"pageLoad": {}}, prefetch={"pageLoad": {}}).json
    assert r["execute"]["pageLoad"][OPTIONS] and not r["prefetch"]["pageLoad"].get(OPTIONS)


def test_105_a_hit_without_tokens():
    w.fresh()
    w.item("hero", {"tntId": T0})
    r = w.deliver(id={"tntId": T0}, context={"channel": "web", "beacon": True}, notifications=[
        {"id": "t", "type": "display", "timestamp": 1, "mbox": {"name": "orderConfirm"}}])
    assert r.status == 204 and r.raw == b""
    assert len(w.notices("convert", 1001)) == 1


def test_109_a_notification_opens_no_visit():
    w.fresh()
    token = prefetched("hero")[OPTIONS][0]["eventToken"]
    assert notify(token, session="random").status == 200
    assert w.visits()[-1]["visit"]["quiet"] is True


# ---- profile ----

def test_114_115_profile_parameters():
    a = w.audience({"and": [{"user": "a", "equals": ["1"]}]})
    w.activity("xt", 9301, [(None, html("yes"), [a])], "byattr")
    r = w.deliver(id={"tntId": "00000000000000000000000000000114"}, execute={"mboxes": [
        {"index": 0, "name": "tri", "profileParameters": {"a": "1"}}, {"index": 1, "name": "byattr"}]})
    assert r.json["execute"]["mboxes"][1][OPTIONS][0]["content"] == "yes"
    ids = {"tntId": "00000000000000000000000000000115"}
    w.deliver("s115", id=ids, prefetch=mboxes("tri", profileParameters={"a": "1"}))
    assert w.shown("byattr", ids, session="s115") is None


def test_162_analytics():
    cloud = lambda logging: {"experienceCloud": {"analytics": {"logging": logging}}}
    w.fresh()
    answer = w.item("a4t", {"tntId": T0}, top=cloud("client_side"))
    payload = answer["analytics"]["payload"]
    assert payload["pe"] == "tnt" and all(t.startswith("7001:0:0|") for t in payload["tnta"].split(",")), payload
    click, = answer["metrics"]
    assert click["type"] == "click" and click["eventToken"], click
    assert click["analytics"] == {"payload": {"pe": "tnt", "tnta": "7001:0:0|32767"}}, click
    server = w.item("a4t", {"tntId": T0}, top=cloud("server_side"))
    assert "analytics" not in server and "analytics" not in server["metrics"][0], server
    assert "analytics" not in w.item("hero", {"tntId": T0}, top=cloud("client_side"))


def test_162_what_a_server_is_to_tell_analytics_is_in_the_hit():
    """What no client sends: displays at once and when they are notified, and the metric that is met."""
    w.fresh()
    w.activity("ab", 9621, [(100, html("x"))], "a4s", reportingSource="analytics", metrics=[metric("a4done")])
    sdid = "0A1B2C3D4E5F6071-1122334455667788"
    server = {"experienceCloud": {"analytics": {"logging": "server_side", "supplementalDataId": sdid}}}
    ids = {"tntId": T0, "marketingCloudVisitorId": E1}
    last = lambda: w.visits()[-1]["visit"].get("tnta")
    w.item("a4s", ids, top=server)
    assert last() == "9621:0:0|2,9621:0:0|1,9621:0:0|0"
    hit = w.visits()[-1]
    assert hit["xdm"]["experienceCloud"]["analytics"]["supplementalDataId"] == sdid and "ECID" in hit["identityMap"], hit
    w.item("a4s", ids, top=server)
    assert last() == "9621:0:0|2", "the same visit"
    w.item("a4s", ids, session="s2")
    assert last() == "9621:0:0|2,9621:0:0|1", "another visit; server-side is what a request means that says nothing"
    w.item("a4done", ids, session="s2", top=server)
    assert last() == "9621:0:0|32767"
    w.item("a4s", ids, session="s2", top={"experienceCloud": {"analytics": {"logging": "client_side"}}})
    assert last() is None, "its client tells it"
    w.item("hero", ids, session="s2", top=server)
    assert last() is None, "reports through Target"
    option, = prefetched("a4s", id=ids, session="s2")[OPTIONS]
    assert last() is None
    notify(option["eventToken"], id=ids, session="s2")
    assert last() == "9621:0:0|2"


def test_181_telemetry_alone():
    w.fresh()
    r = w.deliver(id={"tntId": T0}, telemetry={"entries": [{"requestId": "r", "timestamp": 1, "mode": "edge", "execution": 1.5}]})
    assert r.status == 200 and w.visits() == []
    r = w.deliver(session="ping123")
    assert r.status == 200, "[TARGET 1.2] the first call of an on-device client"


def finish():
    return w.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
