#!/usr/bin/env python3
"""The Edge Network's conformance checklist (Annex B of the wire specification), item by item: test_NNN_... is item NNN.

Items of later protocol parts (v2, mobile streaming, in-app messages, offers of a decisioning service) are listed with the
reason in docs/conformance.md."""
import gzip
import hashlib
import json
import re
import sys
import time
import urllib.parse

import world
from server import (FETCH, SCHEMAS, Edge, Server, Visitor, decode_identity, encode_identity, minimal, notices_of,
                    run)

s = Server("--emulator")
events = world.web_dataset(s)
other_events = world.dataset(s, "other events", s.rest("GET", "/data/foundation/catalog/dataSets/" + events,
                                                       expect=200).json[events]["schemaRef"]["id"])
world.namespace(s, "CRMID")
profile_schema = world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "favourite": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")])
crm = world.dataset(s, "crm", profile_schema)
two_views = world.audience(s, "two views", 'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 2')
vip = world.audience(s, "vip", '_northpeak.favourite = "tents"')
PROPERTY = s.rest("POST", "/northpeak/target/properties", {"name": "site", "channel": "web"}, expect=2).json
DS = world.datastream(s, "web", events, allowedOverrides={
    "com_adobe_target": {"propertyToken": [PROPERTY["token"]]},
    "com_adobe_experience_platform": {"datasets": {"event": {"datasetId": [other_events]}}},
    "com_adobe_identity": {"idSyncContainerId": [12, 30793]}})
DISABLED = world.datastream(s, "off", events, enabled=False)
PLAIN = world.datastream(s, "plain", events, services={
    "com_adobe_experience_platform": {"enabled": True, "datasets": {"event": {"datasetId": events}}}})
world.destination(s, "target", world.TARGET_SPEC, DS, [two_views, vip], ["_northpeak.favourite"])
world.destination(s, "custom", world.CUSTOM_SPEC, DS, [two_views, vip], ["_northpeak.favourite"])
html_a = world.offer(s, "a html", content="<b>A</b>")
html_b = world.offer(s, "b html", content="<b>B</b>")
hello = world.offer(s, "hello", content='Hi ${aep._northpeak.favourite default="friend"}')
dom = world.offer(s, "dom", "actions", actions=[{"type": "setHtml", "selector": "#hero", "content": "<b>Free</b>",
                                                "prehidingSelector": "#hero"}])
data = world.offer(s, "data", "json", content={"n": 1})
page_test = world.activity(s, "xt", "page", "target-global-mbox", [("All", dom, {})])
ab = world.activity(s, "ab", "split", "a", [("A", html_a, {"visitorPercentage": 50}), ("B", html_b, {"visitorPercentage": 50})])
control = world.activity(s, "ab", "control", "ctl", [("Control", 0, {"visitorPercentage": 100})])
same_page = world.activity(s, "xt", "same page", "same", [("Twice", html_b, {"audienceIds": [two_views]})])
json_test = world.activity(s, "xt", "json", "json", [("All", data, {})])
greeting = world.activity(s, "xt", "greeting", "greeting", [("All", hello, {})])
red = s.rest("POST", "/northpeak/target/audiences", {"name": "red", "targetRule": {"profile": "color", "equals": ["red"]}},
             expect=2).json["id"]
everyone = s.rest("POST", "/northpeak/target/audiences", {"name": "everyone", "targetRule": {
    "not": {"profile": "color", "equals": ["none"]}}}, expect=2).json["id"]
colour = world.activity(s, "xt", "colour", "colour", [("Red", html_a, {"audienceIds": [red]})])
site_only = world.activity(s, "xt", "site only", "site", [("All", html_a, {})], propertyIds=[PROPERTY["id"]])
on_surface = world.activity(s, "xt", "surface", "web://www.shop.test/", [("All", html_a, {})])
goals = world.activity(s, "xt", "goals", "offer", [("All", html_a, {})], metrics=[
    {"metricLocalId": 32767, "name": "Goal", "conversion": True, "action": {"type": "count_once"}, "mboxes": [
        {"name": "orderConfirm", "successEvent": "mbox_shown"}, {"name": "call-us", "successEvent": "mbox_clicked"}]}])
E = Edge(s, DS)
FIRST = Edge(s, DS, host="edge.shop.test")


def problem(r, status, code):
    assert r.status == status, (r.status, r.body)
    assert r.header("content-type") == "application/problem+json", r.header("content-type")
    assert r.json["type"] == "https://ns.adobe.com/aep/errors/EXEG-" + code, r.json
    assert r.json["status"] == status and r.json["title"] and r.json["report"]["requestId"], r.json
    assert r.header("access-control-allow-origin"), "CORS on errors"
    assert "no-store" in r.header("cache-control")
    return r.json


def ok(r):
    assert r.status == 200, (r.status, r.body)
    return shape(r)


def shape(r):
    """Items 32, 110, 111 and 166, which hold for every answer with handles."""
    assert r.header("content-type").startswith("application/json") and "no-store" in r.header("cache-control")
    assert isinstance(r.json["handle"], list)
    for h in r.json["handle"]:
        assert isinstance(h["payload"], list) and None not in h["payload"], h
        if h["type"] == "state:store":
            assert all(i["key"] and isinstance(i["value"], str) and i["maxAge"] > 0 for i in h["payload"]), h
        if h["type"] in ("identity:result", "state:store", "locationHint:result"):
            assert "eventIndex" not in h, h
        else:
            assert isinstance(h["eventIndex"], int), h
    return r


def with_state(entries, **more):
    body = minimal(**more)
    body["meta"]["state"]["entries"] = entries
    return body


def identity_entry(ecid, age_ms=0):
    return {"key": "kndctr_%s_identity" % s.cookie_org,
            "value": encode_identity(ecid, int(time.time() * 1000) - age_ms)}


def with_map(identity_map, **more):
    return minimal(events=[{"xdm": {"eventType": "t", "identityMap": identity_map}}], query=FETCH, **more)


def counts(activity):
    """The report of an activity, counted up to now."""
    s.drain()
    return s.rest("GET", "/edgewise/reports/%d" % activity, expect=200).json["totals"]


def ecid_of_fpid(fpid):
    """The construction that docs/sources.md names, in its own words."""
    digest = hashlib.sha256(b"edge-ecid-v1\0" + s.org.encode() + b"\0" + fpid.encode()).digest()
    return "".join("%019d" % (int.from_bytes(half, "big") & (1 << 63) - 1) for half in (digest[:8], digest[8:16]))


def stored(request_id):
    return [e for e in s.events() if e["requestId"].startswith(request_id + "/")]


ECID = "46116860184273879041234567890123456789"
ECID2 = "11111111111111111112222222222222222222"

# ---- HTTP and routing ----


def test_001_002_003_004_content_types():
    for t in ("text/plain; charset=UTF-8", "text/plain; charset=utf-8", "application/json", "text/javascript", None):
        ok(E.interact(minimal(), headers={"Content-Type": t}))


def test_005_unsupported_content_type():
    problem(E.interact(minimal(), headers={"Content-Type": "image/png"}), 415, "0111-415")
    problem(E.interact(minimal(), headers={"Content-Type": "nonsense"}), 400, "0106-400")


def test_006_empty_body():
    problem(E.interact(""), 408, "0109-408")


def test_007_bad_json():
    problem(E.interact('{"events":['), 400, "0101-400")
    problem(E.interact("[" * 100 + "]" * 100), 400, "0101-400")


def test_008_body_limit():
    body = json.dumps(minimal())
    assert ok(E.interact(body + " " * (65536 - len(body))))
    problem(E.interact(body + " " * (65537 - len(body))), 413, "0112-413")


def test_009_no_datastream():
    p = problem(E.interact(minimal(), query={}), 400, "0002-400")
    assert "configId" in p["detail"]


def cors(r):
    assert r.header("access-control-allow-origin") == "https://www.shop.test"
    assert r.header("access-control-allow-credentials") == "true"
    exposed = r.header("access-control-expose-headers")
    assert "Retry-After" in exposed and "X-Adobe-Edge" in exposed and "Origin" in r.header("vary")


def test_010_023_unknown_datastream():
    r = E.interact(minimal(), ds="nope")
    p = problem(r, 400, "0003-400")
    assert "nope" in p["detail"] and r.header("set-cookie") is None and "handle" not in p
    cors(r)


def test_011_disabled_datastream():
    problem(E.interact(minimal(), ds=DISABLED), 422, "0004-422")


def test_012_datastream_parameter_names():
    for name in ("datastreamId", "dataStreamId", "configid"):
        ok(E.interact(minimal(), query={name: DS}))


def test_014_environment_suffix():
    ok(E.interact(minimal(), ds=DS + ":stage"))


def test_015_016_017_018_hints_and_bases():
    for path in ("/ee/or2/v1/interact", "/ee/t38/v1/interact", "/ee/zzz9/v1/interact", "/ee-pre-prd/v1/interact"):
        ok(E.interact(minimal(), path=path))


def test_019_media_paths():
    for path in ("/ee/va/v1/play", "/ee/or2/va/v1/play"):
        r = E.post("", minimal(), path=path)
        assert r.status == 400 and r.json["type"].endswith("va-edge-0400-400"), r.body


def test_020_unknown_action():
    r = E.interact(minimal(), path="/ee/v1/nothing")
    assert r.status == 404 and r.header("content-type") == "application/problem+json" and r.json["status"] == 404


def test_021_method():
    r = s.call("GET", "/ee/v1/interact?configId=" + DS)
    assert r.status == 405 and "POST" in r.header("allow"), (r.status, r.headers)


def test_022_cors():
    cors(ok(E.interact(minimal())))


def test_024_no_origin_no_cors():
    r = ok(E.interact(minimal(), headers={"Origin": None}))
    assert r.header("access-control-allow-origin") is None


def test_025_preflight():
    r = s.call("OPTIONS", "/ee/v1/interact", headers={
        "Origin": "https://www.shop.test", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    assert r.status == 204 and "POST" in r.header("access-control-allow-methods")
    assert "content-type" in r.header("access-control-allow-headers").lower()


def test_026_027_028_request_ids():
    r = ok(E.interact(minimal(), query={"configId": DS, "requestId": "R"}))
    assert re.fullmatch(r"R-[0-9a-f]{16}", r.json["requestId"]) and r.header("x-request-id") == r.json["requestId"]
    r = ok(E.interact(minimal(), query={"configId": DS}, headers={"x-request-id": "Q"}))
    assert r.json["requestId"].startswith("Q-")
    for bad in ("", "x" * 129, "a b"):
        r = ok(E.interact(minimal(), query={"configId": DS, "requestId": bad}))
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-[0-9a-f]{16}",
                            r.json["requestId"]), r.json["requestId"]


def test_029_idempotency():
    q = {"configId": DS, "requestId": "same-request"}
    ok(E.interact(with_map({"ECID": [{"id": ECID}]}), query=q))
    ok(E.interact(with_map({"ECID": [{"id": ECID}]}), query=q))
    assert len(stored("same-request")) == 1


def test_030_031_gzip():
    r = ok(E.interact(minimal(events=[{"xdm": {}, "query": {"personalization": {
        "decisionScopes": ["__view__", "a", "json", "greeting", "ctl"], "schemas": SCHEMAS}}}]),
        headers={"Accept-Encoding": "gzip"}))
    assert r.header("content-encoding") == "gzip" and len(r.raw) < len(r.body)
    ok(E.interact(gzip.compress(json.dumps(minimal()).encode()), headers={"Content-Encoding": "gzip"}))
    big = gzip.compress(b'{"events":[{"xdm":{"x":"' + b"a" * 100000 + b'"}}]}')
    problem(E.interact(big, headers={"Content-Encoding": "gzip"}), 413, "0112-413")


def test_032_033_headers():
    for r in (ok(E.interact(minimal())), E.collect(minimal()), E.interact("x"), E.interact(minimal(), path="/ee/v1/nothing")):
        assert "no-store" in r.header("cache-control"), (r.status, r.headers)
        assert re.fullmatch(r"[A-Z0-9]+;[0-9]+", r.header("x-adobe-edge"))


def test_036_unknown_members():
    body = minimal(foo={"a": 1})
    body["meta"]["bar"] = [1]
    ok(E.interact(body))


def test_037_038_039_events_member():
    p = problem(E.interact(minimal(events={})), 400, "0102-400")
    assert "events" in p["detail"]
    body = minimal()
    del body["events"]
    problem(E.interact(body), 400, "0103-400")
    problem(E.interact(minimal(events=[])), 422, "0104-422")
    ok(E.interact(minimal(events=[{"xdm": {}}] * 100)))
    problem(E.interact(minimal(events=[{"xdm": {}}] * 101)), 422, "0104-422")
    for bad in ([1], [{"xdm": []}], [{"xdm": {}, "data": 3}], [{"query": "x"}]):
        problem(E.interact(minimal(events=bad)), 400, "0102-400")


def test_040_assurance_token():
    ok(E.interact(minimal(), query={"configId": DS, "adobeAepValidationToken": "s|c"}))

# ---- identity ----


def test_042_043_044_first_visit():
    r = ok(E.interact(minimal(query=FETCH)))
    assert re.fullmatch(r"[0-9]{38}", r.ecid)
    entry = r.state("_identity")
    assert entry["maxAge"] == 34128000 and re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", entry["value"])
    assert entry["value"].startswith("CiY") and decode_identity(entry["value"])[0] == r.ecid
    assert entry["key"] == "kndctr_%s_identity" % s.cookie_org and entry["attrs"] == {"SameSite": "None"}
    cluster = r.state("_cluster")
    hints = {x["scope"]: x for x in r.payload("locationHint:result")}
    assert cluster["maxAge"] == 1800 and cluster["value"] == hints["EdgeNetwork"]["hint"]


def test_045_046_047_returning():
    r = ok(E.interact(with_state([identity_entry(ECID)], query=FETCH)))
    assert r.ecid == ECID and r.state("_identity") is None and r.state("_cluster")
    r = ok(E.interact(with_state([identity_entry(ECID, 25 * 3600 * 1000)], query=FETCH)))
    assert r.ecid == ECID and decode_identity(r.state("_identity")["value"])[0] == ECID
    bad = {"key": "kndctr_%s_identity" % s.cookie_org, "value": "gibberish"}
    r = ok(E.interact(with_state([bad], query=FETCH)))
    assert r.ecid != ECID and r.state("_identity")


def test_048_049_050_051_fetch():
    assert not ok(E.interact(minimal())).handles("identity:result")
    assert ok(E.interact(minimal())).state("_identity")
    assert not ok(E.interact(minimal(query={"identity": {"fetch": []}}))).handles("identity:result")
    r = ok(E.interact(minimal(query={"identity": {"fetch": ["ECID", "CORE"]}})))
    assert [x["namespace"]["code"] for x in r.payload("identity:result")] == ["ECID"] and "warnings" not in r.json
    r = ok(E.interact(minimal(query={"identity": {"fetch": ["ECID", "Email"]}})))
    assert r.ecid and r.json["warnings"][0]["type"].endswith("EXEG-0303-200")


def test_052_acquire():
    r = ok(E.acquire({"query": FETCH, "meta": minimal()["meta"]}))
    assert r.ecid and r.state("_identity") and r.state("_cluster") and not r.handles("personalization:decisions")


def test_053_054_identity_map_ecid():
    r = ok(E.interact(with_map({"ECID": [{"id": ECID}]})))
    assert r.ecid == ECID and decode_identity(r.state("_identity")["value"])[0] == ECID
    r = ok(E.interact(with_state([identity_entry(ECID)], query=FETCH, xdm={"identityMap": {"ECID": [{"id": ECID2}]}})))
    assert r.ecid == ECID2 and decode_identity(r.state("_identity")["value"])[0] == ECID2


def test_055_bad_ecid():
    for bad in ("123", "x" * 38, ECID + "0"):
        p = problem(E.interact(with_map({"ECID": [{"id": bad}]})), 400, "0308-400")
        assert bad in p["detail"]


def test_056_057_058_fpid():
    f = "b7f3a1d2-5c64-4e0f-9a1b-2d3c4e5f6071"
    assert ok(E.interact(with_map({"FPID": [{"id": f}]}))).ecid == ecid_of_fpid(f)
    assert ok(E.interact(with_map({"FPID": [{"id": f + "1"}]}))).ecid == ecid_of_fpid(f + "1") != ecid_of_fpid(f)
    body = with_map({"FPID": [{"id": f}]})
    body["meta"]["state"]["entries"] = [identity_entry(ECID)]
    assert ok(E.interact(body)).ecid == ECID


def test_059_060_fpid_cookie():
    assert ok(FIRST.interact(minimal(query=FETCH), headers={"Cookie": "FPID=abc"})).ecid == ecid_of_fpid("abc")
    assert ok(E.interact(minimal(query=FETCH), headers={"Cookie": "FPID=abc"})).ecid != ecid_of_fpid("abc")


def test_061_fpid_primary_moves():
    ok(E.interact(with_map({"FPID": [{"id": "p", "primary": True}]}), query={"configId": DS, "requestId": "fpid61"}))
    ids = stored("fpid61")[0]["identityMap"]
    assert "FPID" not in ids and ids["ECID"][0]["primary"] is True


def test_062_063_legacy_cookies():
    name = "AMCV_" + urllib.parse.quote(s.org, safe="")
    for cookie in (name + "=MCMID|" + ECID, name + "=" + urllib.parse.quote("a|b|MCMID|" + ECID + "|c", safe=""),
                   "s_ecid=MCMID|" + ECID, "s_ecid=MCMID%7C" + ECID):
        assert ok(FIRST.interact(minimal(query=FETCH), headers={"Cookie": cookie})).ecid == ECID, cookie


def migrating(mbox=None, **more):
    body = minimal(**more)
    body["meta"]["target"] = {"migration": True}
    if mbox is not None:
        body["meta"]["state"]["entries"] = [{"key": "mbox", "value": mbox}]
    return body


def mbox_of(r):
    """Session and Target id of the cookie in an answer, and when they end."""
    item = r.state("mbox")
    if item is None:
        return None
    found = re.fullmatch(r"session#([A-Za-z0-9._-]+)#(\d+)\|PC#([A-Za-z0-9._-]+)#(\d+)", item["value"])
    assert found and item["maxAge"] == 63072000, item
    now = time.time()
    assert abs(int(found[2]) - now - 1860) < 60 and abs(int(found[4]) - now - 63072000) < 60, item
    return found[1], found[3]


def test_migration_writes_the_cookie_of_atjs_when_asked():
    r = ok(E.interact(minimal(query=FETCH)))
    assert r.state("mbox") is None and r.state("mboxEdgeCluster") is None
    r = ok(E.interact(migrating(query=FETCH)))
    session, tnt_id = mbox_of(r)
    assert session == r.ecid[:32] and tnt_id.startswith(r.ecid + "-") and "." not in tnt_id
    assert (r.state("mboxEdgeCluster")["value"], r.state("mboxEdgeCluster")["maxAge"]) == ("35", 1800)
    again = ok(E.interact(migrating(r.state("mbox")["value"], events=[{"xdm": {"eventType": "t", "identityMap": {
        "ECID": [{"id": r.ecid}]}}}])))
    assert mbox_of(again) == (session, tnt_id)
    cookies = {c.split("=", 1)[0]: c for c in ok(FIRST.interact(migrating())).headers_of("set-cookie")}
    assert re.match(r"mbox=session#\d{32}#\d+\|PC#\d{38}-\w{6}#\d+; Max-Age=63072000; Domain=shop.test; Path=/", cookies["mbox"])
    assert cookies["mboxEdgeCluster"].startswith("mboxEdgeCluster=35; Max-Age=1800;")
    assert mbox_of(ok(E.acquire(migrating(query=FETCH)))) is None  # nothing is known of a visitor who did nothing


def test_migration_goes_on_with_the_visitor_of_atjs():
    end = int(time.time()) + 600
    for n, edge, suffix in ((1, E, ""), (2, E, ".35_0"), (3, FIRST, ".28_0")):
        tnt_id, session = "%032x" % (0xa77a00 + n), "s-%d" % n
        seen = s.call("POST", "/rest/v1/delivery?client=northpeak&sessionId=" + session, {
            "id": {"tntId": tnt_id}, "context": {"channel": "web"}, "execute": {"mboxes": [
                {"index": 0, "name": "x", "profileParameters": {"color": "red"}}]}}, {"Content-Type": "application/json"})
        assert seen.status == 200, seen.body
        cookie = "PC#%s%s#%d|session#%s#%d" % (tnt_id, suffix, end, session, end)
        body = migrating(None if edge is FIRST else cookie, query=FETCH)
        body["events"][0]["query"] = {"personalization": {"decisionScopes": ["colour"]}}
        headers = {"Cookie": "mbox=" + urllib.parse.quote(cookie, safe="#")} if edge is FIRST else {}
        r = ok(edge.interact(body, headers=headers))
        assert [p["scope"] for p in r.payload("personalization:decisions")] == ["colour"], "attributes are his"
        assert edge is FIRST or mbox_of(r) == (session, tnt_id), "without the suffix, which sends clients to another host"
        profile = s.call("GET", "/rest/v1/profiles/marketingCloudVisitorId/%s?client=northpeak" % r.ecid).json
        assert profile["visitorId"]["tntId"] == tnt_id
        assert profile["profileAttributes"]["color"]["value"] == "red"


def test_migration_takes_nothing_from_a_bad_cookie():
    end = int(time.time()) + 600
    for bad in ("", "|", "#", "PC#x", "PC##%d" % end, "PC#abc#soon", "PC#abc#%d" % (end - 1200), "PC#a b#%d" % end,
                "PC#a;Domain=evil#%d" % end, "PC#a\r\nX: y#%d" % end, "PC#%s#%d" % ("a" * 129, end), "PC#%%0d%%0aX#%d" % end,
                "session#s;s#%d" % end, "session#s#%d" % (end - 1200)):
        r = ok(E.interact(migrating(bad, query=FETCH)))
        assert mbox_of(r) == (r.ecid[:32], mbox_of(r)[1]) and mbox_of(r)[1].startswith(r.ecid), bad
    longest = "a" * 128
    assert mbox_of(ok(E.interact(migrating("session#%s#%d|PC#%s#%d" % (longest, end, longest, end))))) == (longest, longest)
    off = minimal(query=FETCH)
    off["meta"]["state"]["entries"] = [{"key": "mbox", "value": "PC#%032x#%d" % (0xa77aff, end)}]
    r = ok(E.interact(off))
    assert s.call("GET", "/rest/v1/profiles/%032x?client=northpeak" % 0xa77aff).status == 404, "it was not asked for"


def test_064_065_066_primary_rules():
    crm_map = {"CRMID": [{"id": "c-77", "authenticatedState": "authenticated", "primary": True}]}
    ok(E.interact(with_map(crm_map), query={"configId": DS, "requestId": "p64"}))
    ids = stored("p64")[0]["identityMap"]
    assert ids["CRMID"][0]["primary"] is True and ids["ECID"][0]["primary"] is False
    ok(E.interact(with_map({"CRMID": [{"id": "c-78"}]}), query={"configId": DS, "requestId": "p65"}))
    ids = stored("p65")[0]["identityMap"]
    assert ids["ECID"][0]["primary"] is True and ids["CRMID"][0]["primary"] is False
    ok(E.interact(with_map({"CRMID": [{"id": "c-79", "primary": "true"}]}), query={"configId": DS, "requestId": "p66"}))
    assert stored("p66")[0]["identityMap"]["CRMID"][0]["primary"] is True


def test_067_auth_state():
    problem(E.interact(with_map({"CRMID": [{"id": "c", "authenticatedState": "maybe"}]})), 400, "0102-400")
    for bad in ({"CRMID": {"id": "c"}}, {"CRMID": ["c"]}, {"CRMID": [{"id": ""}]}, [], {"CRMID": [{}]}):
        problem(E.interact(with_map(bad)), 400, "0102-400")


def test_069_070_071_first_party():
    r = ok(FIRST.interact(minimal()))
    cookies = r.headers_of("set-cookie")
    assert len(cookies) == 2 and not r.handles("state:store"), (cookies, r.json)
    for c in cookies:
        assert "Domain=shop.test; Path=/" in c and "SameSite=None; Secure" in c and "HttpOnly" not in c, c
    assert any("_identity=CiY" in c and "Max-Age=34128000" in c for c in cookies) and any("_cluster=or2" in c for c in cookies)
    for host in ("edge.example.test", "edge.myshop.test"):
        r = ok(Edge(s, DS, host=host).interact(minimal()))
        assert r.header("set-cookie") is None and r.handles("state:store")


def test_072_073_state_domain():
    body = minimal()
    body["meta"]["state"]["domain"] = ""
    r = ok(Edge(s, DS, host="localhost", origin="http://localhost:8080").interact(body))
    assert r.state("_identity") and not any("attrs" in item for item in r.payload("state:store"))
    del body["meta"]["state"]["domain"]
    problem(E.interact(body), 400, "0110-400")


def test_082_minted_ecids_are_distinct():
    seen = {ok(E.interact(minimal(query=FETCH))).ecid for _ in range(300)}
    assert len(seen) == 300 and all(re.fullmatch(r"[0-9]{38}", x) for x in seen)


def test_limit_identities_per_event():
    for n in (19, 20):
        ok(E.interact(with_map({"CRMID": [{"id": "n%d" % i} for i in range(n)]})))
    r = E.interact(with_map({"CRMID": [{"id": "n%d" % i} for i in range(21)]}))
    assert r.status == 422, r.body


def test_a_hundred_events_of_a_busy_visitor():
    """The longest request, for a visitor whose document is full: each event is kept, and in the answer."""
    for round in range(4):
        batch = [{"xdm": {"eventType": "%02d-%02d" % (round, i) + "x" * 500, "identityMap": {"ECID": [{"id": ECID2}]}}}
                 for i in range(100)]
        r = ok(E.interact(minimal(events=batch), query={"configId": DS, "requestId": "busy%d" % round}))
        assert {h["eventIndex"] for h in r.json["handle"] if "eventIndex" in h} == set(range(100))


def test_limits_of_texts_and_state():
    r = ok(E.interact(minimal(), query={"configId": DS, "requestId": "x" * 128}))
    assert r.json["requestId"].startswith("x" * 128 + "-")  # 129: test_026
    other = [{"key": "kndctr_other_%d" % i, "value": "v"} for i in range(63)]
    assert ok(E.interact(with_state(other + [identity_entry(ECID)], query=FETCH))).ecid == ECID
    problem(E.interact(with_state(other + [other[0], identity_entry(ECID)], query=FETCH)), 422, "0104-422")
    fpid = "f" * 128
    a = ok(E.interact(with_map({"FPID": [{"id": fpid}]}))).ecid
    assert a == ok(E.interact(with_map({"FPID": [{"id": fpid}]}))).ecid
    longer = [ok(E.interact(with_map({"FPID": [{"id": fpid + "f"}]}))).ecid for _ in range(2)]
    assert longer[0] != longer[1] and a not in longer  # too long to seed one: as if it were not there

# ---- consent ----


def consent(value, standard="Adobe", version="1.0", **more):
    return dict({"consent": [dict({"standard": standard, "version": version, "value": value}, **more)],
                 "query": FETCH, "meta": minimal()["meta"]})


def test_083_084_adobe1():
    r = ok(E.consent(consent({"general": "in"})))
    entry = r.state("_consent")
    assert entry["value"] == "general=in" and entry["maxAge"] == 15552000 and r.ecid
    assert not r.handles("personalization:decisions")
    assert ok(E.consent(consent({"general": "out"}))).state("_consent")["value"] == "general=out"


def test_085_086_adobe2():
    assert ok(E.consent(consent({"collect": {"val": "y"}}, version="2.0"))).state("_consent")["value"] == "general=in"
    assert ok(E.consent(consent({"collect": {"val": "n"}}, version="2.0"))).state("_consent")["value"] == "general=out"
    r = ok(E.consent(consent({"marketing": {"email": {"val": "n"}}}, version="2.0")))
    assert r.state("_consent") is None
    kept, = [x["value"] for x in s.topic("collect") if x["value"]["kind"] == "consent" and
             x["value"]["identityMap"]["ECID"][0]["id"] == r.ecid]
    assert kept["consent"] == {"marketing": {"email": {"val": "n"}}}, kept


def tc(purposes=0xffffff, vendor=565):
    bits = format(2, "06b") + "0" * 146 + format(purposes, "024b") + "0" * 37 + format(600, "016b") + "0"
    bits += "".join("1" if v == vendor else "0" for v in range(1, 601))
    bits += "0" * (-len(bits) % 8)
    import base64
    return base64.urlsafe_b64encode(int(bits, 2).to_bytes(len(bits) // 8, "big")).rstrip(b"=").decode()


def test_087_to_091_tcf():
    for string, more, expected in ((tc(), {}, "in"), (tc(0x7fffff), {}, "out"), (tc(vendor=564), {}, "out"),
                                   (tc(0xffbfff), {}, "in"), (tc(0, 0), {"gdprApplies": False}, "in")):
        r = ok(E.consent(consent(string, "IAB TCF", "2.0", **more)))
        assert r.state("_consent")["value"] == "general=" + expected


def test_092_to_096_consent_errors():
    problem(E.consent(consent({}, standard="XYZ")), 400, "0102-400")
    problem(E.consent(consent({"general": "in"}, version="9.0")), 400, "0102-400")
    body = consent("x", "IAB TCF", "2.0")
    del body["consent"][0]["value"]
    problem(E.consent(body), 400, "0103-400")
    problem(E.consent(consent("", "IAB TCF", "2.0")), 422, "0104-422")
    problem(E.consent(consent("!!", "IAB TCF", "2.0")), 422, "0104-422")
    for empty in ([], None):
        problem(E.consent({"consent": empty}), 400, "0103-400")
    problem(E.consent({}), 400, "0103-400")
    problem(E.consent(consent({"general": "perhaps"})), 400, "0102-400")
    problem(E.consent(consent({"collect": {"val": "maybe"}}, version="2.0")), 400, "0102-400")


def test_097_most_restrictive():
    body = consent({"general": "in"})
    body["consent"].append({"standard": "Adobe", "version": "1.0", "value": {"general": "out"}})
    assert ok(E.consent(body)).state("_consent")["value"] == "general=out"


def opted_out(r, request_id):
    assert r.json["warnings"][0]["type"].endswith("EXEG-0301-200") and r.json["warnings"][0]["status"] == 200
    assert not r.handles("personalization:decisions") and not r.handles("activation:pull")
    assert r.state("_consent")["value"] == "general=out" and not stored(request_id)


def out_entry():
    return {"key": "kndctr_%s_consent" % s.cookie_org, "value": "general=out"}


def asking():
    return [{"xdm": {}, "query": {"personalization": {"decisionScopes": ["__view__"], "schemas": SCHEMAS}}}]


def test_098_099_consent_cookie_out():
    r = ok(E.interact(with_state([out_entry(), identity_entry(ECID)], events=asking()),
                      query={"configId": DS, "requestId": "out98"}))
    opted_out(r, "out98")
    r = E.collect(with_state([out_entry(), identity_entry(ECID)]), query={"configId": DS, "requestId": "out99"})
    assert r.status == 204 and r.body == b"" and not stored("out99")


def test_100_stored_consent_out():
    v = Visitor(E)
    v.send()
    body = consent({"general": "out"})
    body["meta"]["state"]["entries"] = [{"key": k, "value": x} for k, x in v.entries.items()]
    ok(E.consent(body))
    r = ok(E.interact(with_state([{"key": k, "value": x} for k, x in v.entries.items()], events=asking()),
                      query={"configId": DS, "requestId": "out100"}))
    opted_out(r, "out100")
    body["consent"][0]["value"]["general"] = "in"
    ok(E.consent(body))
    r = ok(v.send(scopes=["__view__"]))
    assert r.payload("personalization:decisions") and "warnings" not in r.json


def test_101_consent_strings():
    e = asking()
    e[0]["xdm"]["consentStrings"] = [{"consentStandard": "IAB TCF", "consentStandardVersion": "2.0",
                                      "consentStringValue": tc(0x7fffff), "gdprApplies": True}]
    opted_out(ok(E.interact(minimal(events=e), query={"configId": DS, "requestId": "out101"})), "out101")


def test_102_first_visitor_consent():
    r = ok(E.consent(consent({"general": "in"})))
    assert r.state("_identity") and r.state("_consent")


def test_169_consent_without_state():
    """A client without cookies says its ECID in the body: what it consents to is kept under that."""
    device = {"ECID": [{"id": ECID[::-1]}]}
    ok(E.consent({"consent": [{"standard": "Adobe", "version": "2.0", "value": {"collect": {"val": "n"}}}],
                  "query": {"consent": {"operation": "update"}}, "identityMap": device}))
    r = ok(E.interact({"events": [{"xdm": {"eventType": "t"}}], "xdm": {"identityMap": device}},
                      query={"configId": DS, "requestId": "out169"}))
    opted_out(r, "out169")


def test_105_reason_limit():
    ok(E.consent(consent({"marketing": {"email": {"val": "n", "reason": "x" * 16}}}, version="2.0")))
    assert E.consent(consent({"marketing": {"email": {"val": "n", "reason": "x" * 17}}}, version="2.0")).status == 422

# ---- responses ----


def test_106_109_problem_shape():
    for r in (E.interact("x"), E.interact(minimal(), ds="no"), E.interact(minimal(events=[])), E.interact(""),
              E.interact(minimal(), path="/ee/v1/nothing"), E.interact(minimal(), headers={"Content-Type": "image/png"}),
              E.consent({}), E.interact("x" * 70000)):
        j = r.json
        assert 400 <= j["status"] == r.status and j["type"].startswith("https://ns.adobe.com/aep/errors/EXEG-") and j["title"]
        assert j["report"]["requestId"] == r.header("x-request-id")
        assert all(isinstance(x, str) for x in j["report"].get("errors", []))


def test_107_a_part_fails():
    """The decisions of this event would exceed every limit of an answer: the rest of it is served, and it says so."""
    huge = world.offer(s, "huge", content="${mbox.x}" * 2000)
    world.activity(s, "xt", "huge", "huge", [("All", huge, {})])
    e = [{"xdm": {}, "data": {"__adobe": {"target": {"x": "x" * 50000}}},
          "query": {"personalization": {"decisionScopes": ["huge"], "schemas": SCHEMAS}}}]
    r = E.interact(minimal(events=e, query=FETCH), query={"configId": DS, "requestId": "f107"})
    assert r.status == 207, (r.status, r.body[:300])
    shape(r)
    error, = r.json["errors"]
    assert re.search(r"EXEG-020\d-50\d$", error["type"]) and error["type"].endswith("-%d" % error["status"]), error
    assert error["title"] and error["report"]["eventIndex"] == 0 and "warnings" not in r.json
    assert r.ecid and r.handles("activation:pull") and r.state("_identity")
    assert r.payload("personalization:decisions") == [] and len(stored("f107")) == 1


def test_108_warnings_only():
    r = ok(E.interact(minimal(query={"identity": {"fetch": ["ECID", "Email"]}})))
    warning, = r.json["warnings"]
    assert warning["status"] == 200 and warning["title"] and "errors" not in r.json


def test_112_event_index():
    e = [{"xdm": {}}, {"xdm": {}, "query": {"personalization": {"decisionScopes": ["json"], "schemas": SCHEMAS}}}]
    r = ok(E.interact(minimal(events=e)))
    assert [h["eventIndex"] for h in r.handles("personalization:decisions")] == [1]


def test_113_117_collect():
    r = E.collect(with_state([identity_entry(ECID)], events=[{"xdm": {}}] * 3), query={"configId": DS, "requestId": "c113"},
                  headers={"Sec-Fetch-Mode": "no-cors"})
    assert r.status == 204 and r.body == b"" and "no-store" in r.header("cache-control")
    cors(r)
    assert len(stored("c113")) == 3


def test_collect_without_identity_keeps_nothing():
    r = E.collect(minimal(), query={"configId": DS, "requestId": "c5"})
    assert r.status == 204 and not stored("c5")


def test_118_location_hint():
    hints = {x["scope"]: x for x in ok(E.interact(minimal())).payload("locationHint:result")}
    assert isinstance(hints["EdgeNetwork"]["hint"], str) and hints["EdgeNetwork"]["ttlSeconds"] == 1800


def test_120_121_defaults():
    body = minimal(query=FETCH)
    body["meta"]["queueTimeMillis"] = 400000
    ok(E.interact(body, query={"configId": DS, "requestId": "d120"}))
    e = stored("d120")[0]
    assert re.fullmatch(r"[0-9a-f-]{36}", e["eventId"]) and abs(e["eventMs"] - e["acceptedUs"] / 1000) < 5000

# ---- personalization ----


def decide(scopes, **more):
    e = [{"xdm": {}, "query": {"personalization": dict({"decisionScopes": scopes, "schemas": SCHEMAS}, **more)}}]
    return ok(E.interact(minimal(events=e)))


def test_122_not_asked():
    assert not ok(E.interact(minimal())).handles("personalization:decisions")


def test_123_page_wide():
    p, = decide(["__view__"]).payload("personalization:decisions")
    item, = [i for i in p["items"] if i["data"]["type"] == "setHtml"]
    assert p["scope"] == "__view__" and item["schema"].endswith("/dom-action")
    assert item["data"]["selector"] == "#hero" and item["data"]["content"] == "<b>Free</b>"
    assert item["data"]["format"] == "application/vnd.adobe.target.dom-action"
    d = p["scopeDetails"]
    assert d["decisionProvider"] == "TGT" and d["activity"]["id"] == str(page_test) and d["experience"]["id"] == "0"
    assert d["characteristics"]["eventToken"].startswith("v1.") and p["id"].startswith("AT:")


def test_124_nothing_qualifies():
    r = decide(["same"])
    assert r.handles("personalization:decisions")[0]["payload"] == []


def test_125_only_known_scopes():
    p = decide(["json", "unknown"]).payload("personalization:decisions")
    assert [x["scope"] for x in p] == ["json"] and p[0]["items"][0]["data"]["content"] == {"n": 1}


def test_126_schema_filter():
    assert not any(i["schema"].endswith("dom-action") for p in
                   decide(["__view__"], schemas=SCHEMAS[:-1]).payload("personalization:decisions") for i in p["items"])


def test_132_surfaces():
    """However a page writes its surface, it is the same; the answer has the form that the SDK compares with."""
    def ask(*surfaces):
        e = [{"xdm": {}, "query": {"personalization": {"surfaces": surfaces, "schemas": SCHEMAS}}}]
        return ok(E.interact(minimal(events=e))).payload("personalization:decisions")
    p, = ask("web://www.shop.test/")
    assert p["scope"] == "web://www.shop.test/" and p["scopeDetails"]["activity"]["id"] == str(on_surface)
    for other in (["web://www.shop.test"], ["web://WWW.shop.test//"], ["web://www.shop.test/", "web://www.shop.test"]):
        assert ask(*other) == [p], other
    assert ask("web://www.shop.test/tents") == [] and ask("web://www.shop.test/#hero") == []


def test_136_a_scope_that_looks_encoded():
    for name in ("bm90IGpzb24=", "eyJhIjox", "====", "eyJ4ZG06YWN0aXZpdHlJZCI6IngifQ=="):
        assert decide([name, "json"]).payload("personalization:decisions")[0]["scope"] == "json"


def test_127_scope_limit():
    decide(["s%d" % i for i in range(30)])
    e = [{"xdm": {}, "query": {"personalization": {"decisionScopes": ["s%d" % i for i in range(31)]}}}]
    assert E.interact(minimal(events=e)).status == 422


def test_128_disabled():
    assert not decide(["__view__"], enabled=False).payload("personalization:decisions")


def test_129_control_group():
    p, = decide(["ctl"]).payload("personalization:decisions")
    assert p["items"][0]["schema"].endswith("default-content-item") and "data" not in p["items"][0]


def test_131_sticky():
    v = Visitor(E)
    first = v.send(scopes=["a"]).payload("personalization:decisions")
    for _ in range(3):
        assert v.send(scopes=["a"]).payload("personalization:decisions") == first
    s.restart()
    assert v.send(scopes=["a"]).payload("personalization:decisions") == first
    seen = {decide(["a"]).payload("personalization:decisions")[0]["items"][0]["data"]["content"] for _ in range(40)}
    assert seen == {"<b>A</b>", "<b>B</b>"}


def test_142_143_tokens():
    v = Visitor(E)
    p = v.send(scopes=["a"]).payload("personalization:decisions")[0]
    before, counted = s.metric("edge_tokens_forged_total"), counts(ab)
    forged = json.loads(json.dumps(p))
    token = forged["scopeDetails"]["characteristics"]["eventToken"]
    forged["scopeDetails"]["characteristics"]["eventToken"] = token[:-1] + ("A" if token[-1] != "A" else "B")
    for props in ([forged], [{"id": "x", "scope": "gone", "scopeDetails": {"decisionProvider": "TGT", "activity": {"id": "9"}}}],
                  [{"scope": "only"}]):
        ok(v.send({"eventType": "decisioning.propositionDisplay", "_experience": {"decisioning": {
            "propositions": props, "propositionEventType": {"display": 1}}}}))
    assert s.metric("edge_tokens_forged_total") == before + 1
    assert "token_forged" in s.log_text() and counts(ab) == counted


def notify(v, propositions, kind="display", **xdm):
    return ok(v.send(dict({"_experience": {"decisioning": {"propositions": propositions, "propositionEventType": {kind: 1}}}},
                          **xdm)))


def test_144_notice_without_type():
    v = Visitor(E)
    p = v.send(scopes=["a"]).payload("personalization:decisions")
    before = counts(ab)
    for kind in ("Display", "Interact"):
        v.send({"eventType": "decisioning.proposition" + kind, "_experience": {"decisioning": {"propositions": p}}})
    notices = [n for e in s.events() for n in notices_of(e) if e["identityMap"]["ECID"][0]["id"] == v.ecid]
    assert [(n["type"], n["activity"]) for n in notices] == [("display", str(ab)), ("interact", str(ab))]
    after = counts(ab)
    assert [after[k] - before[k] for k in ("visitors", "impressions", "clicks")] == [1, 1, 1]


def test_145_conversion_of_a_location():
    """A goal names locations: showing or clicking one is the conversion, of visitors who saw the activity, once each."""
    def seen(v):
        notify(v, v.send(scopes=["offer"]).payload("personalization:decisions"))
    order = {"purchases": {"value": 1}, "order": {"purchaseID": "o-145", "priceTotal": 20, "currencyCode": "EUR"}}
    buyer, reader, caller, stranger = Visitor(E), Visitor(E), Visitor(E), Visitor(E)
    for v in (buyer, reader, caller):
        seen(v)
    before = counts(goals)
    assert before["visitors"] == 3 and before["conversions"] == 0
    for _ in range(2):
        notify(buyer, [{"scope": "orderConfirm"}], commerce=order)
        notify(reader, [{"scope": "orderConfirm"}])
        notify(caller, [{"scope": "call-us"}], "interact")
        notify(stranger, [{"scope": "orderConfirm"}])
    after = counts(goals)
    assert (after["conversions"], after["orders"], after["revenue"]) == (3, 1, 20), after
    late = Visitor(E)
    seen(late)
    for scope, kind in (("orderConfirm", "interact"), ("call-us", "display"), ("offer", "display")):
        notify(late, [{"scope": scope}], kind)
    assert counts(goals)["conversions"] == 3


def test_146_147_profile_parameters():
    for data in ({"__adobe": {"target": {"profile.color": "red"}}}, {"__adobe.target": {"profile.color": "red"}},
                 {"__adobe": {"target": {"profile": {"color": "red"}}}}):
        v = Visitor(E)
        assert not v.send(scopes=["colour"]).payload("personalization:decisions")
        v.send(data=data)
        assert v.send(scopes=["colour"]).payload("personalization:decisions"), data


def test_148_161_same_page_and_known_customer():
    world.records(s, crm, [{"_northpeak": {"crmId": "k-1", "favourite": "tents"}}])
    known = {"CRMID": [{"id": "k-1", "authenticatedState": "authenticated", "primary": True}]}
    for _ in range(2):  # two devices
        v = Visitor(E, known)
        r = v.send(scopes=["greeting"])
        assert r.payload("personalization:decisions")[0]["items"][0]["data"]["content"] == "Hi tents", r.json
        assert vip in [x["id"] for x in r.payload("activation:pull")[0]["segments"]]
    v = Visitor(E)
    assert not v.send({"eventType": "view"}, scopes=["same"]).payload("personalization:decisions")
    r = v.send({"eventType": "view"}, scopes=["same"])
    assert r.payload("personalization:decisions")[0]["items"][0]["data"]["content"] == "<b>B</b>"
    assert two_views in [x["id"] for x in r.payload("activation:pull")[0]["segments"]]


def test_151_analytics_token():
    """No analytics service takes hits from here, so whoever reports through one gets what the page has to hand over."""
    p, = decide(["json"]).payload("personalization:decisions")
    assert "analyticsToken" not in p["scopeDetails"]["characteristics"]
    for name, more, kind in (("a4t", {}, 0), ("a4t targeted", {"audienceIds": [everyone]}, 1)):
        made = world.activity(s, "xt", name, name, [("All", html_a, more)], reportingSource="analytics")
        p, = decide([name]).payload("personalization:decisions")
        assert p["scopeDetails"]["characteristics"]["analyticsToken"] == "%d:0:%d|2" % (made, kind)


def test_153_top_and_bottom_of_page():
    """The request for decisions is no page view: the pair is one view of the page and one impression."""
    v = Visitor(E)
    before = counts(json_test)
    p = v.send({"eventType": "decisioning.propositionFetch"}, scopes=["json"]).payload("personalization:decisions")
    notify(v, p, eventType="web.webpagedetails.pageViews")
    after = counts(json_test)
    assert [after[k] - before[k] for k in ("visitors", "impressions")] == [1, 1]
    kinds = [e["xdm"]["eventType"] for e in s.events() if e["identityMap"]["ECID"][0]["id"] == v.ecid]
    assert kinds == ["decisioning.propositionFetch", "web.webpagedetails.pageViews"]


def test_150_response_tokens():
    p, = decide(["json"]).payload("personalization:decisions")
    assert p["items"][0]["meta"]["activity.name"] == "json" and p["items"][0]["meta"]["activity.id"] == str(json_test)

# ---- destinations, overrides ----


def test_154_155_156_158_activation_pull():
    r = ok(E.interact(minimal()))
    item, = r.payload("activation:pull")
    assert item["type"] == "profileLookup" and item["alias"] == "web-personalization" and item["segments"] == []
    assert "attributes" not in item
    world.records(s, crm, [{"_northpeak": {"crmId": "k-154", "favourite": "tents"}}])
    known = with_map({"CRMID": [{"id": "k-154", "authenticatedState": "authenticated", "primary": True}]})
    item, = ok(E.interact(known)).payload("activation:pull")
    assert item["segments"] == [{"id": vip, "namespace": "ups"}] and "attributes" not in item, item
    assert not ok(E.interact(minimal(), ds=PLAIN)).handles("activation:pull")
    assert not E.collect(minimal()).body


def test_149_182_183_184_overrides():
    def over(o, **kw):
        body = minimal(events=asking())
        body["meta"]["configOverrides"] = o
        return E.interact(body, **kw)
    def site(overrides):
        body = minimal(events=[{"xdm": {}, "query": {"personalization": {"decisionScopes": ["site", "json"], "schemas": SCHEMAS}}}])
        body["meta"]["configOverrides"] = overrides
        return [p["scope"] for p in ok(E.interact(body)).payload("personalization:decisions")]
    assert site({}) == ["json"] and site({"com_adobe_target": {"propertyToken": PROPERTY["token"]}}) == ["site", "json"]
    p = problem(over({"com_adobe_target": {"propertyToken": "pt-other"}}), 400, "0113-400")
    assert p["report"]["errors"] and isinstance(p["report"]["errors"][0], str)
    problem(over({"com_adobe_unknown": {}}), 400, "0113-400")
    problem(over([]), 400, "0113-400")
    r = ok(over({"com_adobe_target": {"enabled": False}}))
    assert not r.payload("personalization:decisions")
    ok(over({"com_adobe_experience_platform": {"datasets": {"event": {"datasetId": other_events}}}},
            query={"configId": DS, "requestId": "o182"}))
    assert stored("o182")[0]["dataset"] == other_events
    problem(over({"com_adobe_experience_platform": {"datasets": {"event": {"datasetId": "zzz"}}}}), 400, "0113-400")
    for bad in ({"com_adobe_target": {"enabled": True, "propertyToken": "pt-other"}},
                {"com_adobe_experience_platform": {"enabled": True, "datasets": {"event": {"datasetId": crm}}}}):
        problem(over(bad), 400, "0113-400")
    r = ok(over({"com_adobe_target": {"enabled": True}}))
    assert over({"com_adobe_identity": {"idSyncContainerId": "12"}}).status in (200, 400)
    ok(over({"com_adobe_identity": {"idSyncContainerId": 30793}}))


def test_170_dataset_of_an_event():
    def post(rid, dataset, at_request=False):
        body = minimal()
        (body if at_request else body["events"][0]).setdefault("meta", {})["collect"] = {"datasetId": dataset}
        return E.interact(body, query={"configId": DS, "requestId": rid})
    for rid, dataset, at_request in (("d170", other_events, False), ("d170b", other_events, True), ("d170c", events, False)):
        ok(post(rid, dataset, at_request))
        assert stored(rid)[0]["dataset"] == dataset
    for bad in ("zzz", crm):
        p = problem(post("d170x", bad), 400, "0113-400")
        assert p["report"]["errors"] and not stored("d170x")
    problem(post("d170y", 5), 400, "0102-400")


def test_171_another_datastream():
    """A page may send its event to another datastream; the one in its configuration is named beside it."""
    body = minimal()
    body["meta"]["sdkConfig"] = {"datastream": {"original": DS}}
    ok(E.interact(body, query={"configId": PLAIN, "requestId": "o171"}))
    assert stored("o171")[0]["datastream"] == PLAIN


def test_178_authenticated_datastream():
    closed = world.datastream(s, "closed", events, accessType="authenticated")
    problem(E.interact(minimal(), ds=closed), 401, "0500-401")
    problem(E.collect(minimal(), ds=closed), 401, "0500-401")

# ---- media ----


def test_189_to_192_media():
    r = ok(E.interact(minimal(events=[{"xdm": {"eventType": "media.sessionStart", "mediaCollection": {
        "playhead": 0, "sessionDetails": {"name": "film", "playerName": "p", "contentType": "vod", "length": 60,
                                          "channel": "c"}}}}])))
    session, = r.payload("media-analytics:new-session")
    assert re.fullmatch(r"[0-9a-f]{64}", session["sessionId"])

    def media(event, **collection):
        return E.post("", with_state([identity_entry(ECID)], events=[{"xdm": {
            "eventType": "media." + event, "mediaCollection": collection}}]), path="/ee/or2/va/v1/" + event)
    r = media("play", playhead=3, sessionID=session["sessionId"])
    assert r.status == 204 and r.body == b""
    r = media("play", playhead=3, sessionID="0" * 64)
    assert r.status == 404 and r.json["type"].endswith("va-edge-0404-404")
    r = media("ping", sessionID=session["sessionId"])
    assert r.status == 400 and r.json["report"]["details"][0]["name"]


# ---- bad days ----


def test_bad_utf8_and_nulls():
    for body in (b'{"events":[{"xdm":{"a":"\xff\xfe"}}]}', b"\x00", b'{"events":[{"xdm":{"a":"\\ud800"}}]}'):
        r = E.interact(body)
        assert r.status == 400, (body, r.status)


def test_forged_cookies():
    for value in ("CiY", "CiY" + "A" * 6000, "////", encode_identity("9" * 38, 1)[:-10], "\xe9".encode("latin-1").decode("latin-1")):
        entry = {"key": "kndctr_%s_identity" % s.cookie_org, "value": value}
        ok(E.interact(with_state([entry], query=FETCH)))


def test_nothing_left_behind():
    """Every refused request above stored nothing that cannot be read back, and the server still answers."""
    for r in s.topic("collect"):
        assert r["value"]["kind"] in ("event", "consent", "record", "tick", "visit")
    assert s.call("GET", "/healthz").status == 200


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
