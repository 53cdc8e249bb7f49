#!/usr/bin/env python3
"""QA links and traces of the delivery API: items of the Target checklist [TARGET 1.6, 12], by number. target_results_test.py has
what QA links count, and those that list activities."""
import base64
import hashlib
import hmac
import json
import sys

from delivery_world import NOW, T0, V3, World, build
from server import run

w = None
V1 = {k: v.replace("v3", "v1") for k, v in V3.items()}
NOW_MS = 1804593600000


def setup():
    global w
    w = World()
    w.clock(NOW)
    build(w)


def finish():
    return w.close()


def qa(activity, **more):
    link = w.rest("GET", "/activities/%d/qa" % activity, headers=V1).json["qaMode"]
    return {"qaMode": dict(link, **more)}


# ---- QA links that say which audiences hold ----

def test_112_audiences_that_a_link_says_hold():
    assert w.content("clash", **qa(4101, evaluateAsTrueAudienceIds=[13])) == "hi"
    assert w.content("clash", **qa(4101, evaluateAsTrueAudienceIds=["13"])) == "hi", "ids as texts"
    assert w.content("clash", **qa(4101)) == "lo", "the link says nothing of it"
    assert w.content("clash", **qa(1001, evaluateAsTrueAudienceIds=[13])) == "hi", "of activities that the link does not list, too"


def test_lists_of_a_link_at_and_past_their_length():
    for n, status in ((100, 200), (101, 400)):
        for member in ("evaluateAsTrueAudienceIds", "evaluateAsFalseAudienceIds"):
            body = {"execute": {"mboxes": [{"index": 0, "name": "clash"}]}, **qa(4101, **{member: [9000 + i for i in range(n)]})}
            assert w.post(body).status == status, (member, n)


def test_112_audiences_that_a_link_says_do_not_hold():
    assert w.content("clash", parameters={"vip": "1"}) == "hi"
    assert w.content("clash", parameters={"vip": "1"}, **qa(4101, evaluateAsFalseAudienceIds=[13])) == "lo"
    both = qa(4001, evaluateAsTrueAudienceIds=[12], evaluateAsFalseAudienceIds=[11])
    assert w.content("xt", parameters={"tier": "gold"}, **both) == "us"
    assert w.content("xt", parameters={"tier": "gold"}) == "gold", "nothing of it stays"


def test_112_bounds_of_the_lists():
    for member in ("evaluateAsTrueAudienceIds", "evaluateAsFalseAudienceIds"):
        assert w.post(qa(4101, **{member: list(range(100))})).status == 200
        r = w.post(qa(4101, **{member: list(range(101))}))
        assert r.status == 400 and r.json["message"] == "qaMode.%s size must be between 0 and 100" % member, r.body


# ---- trace ----

def token(client="acme", scope="debug_tools", lifetime_ms=6 * 3600 * 1000):
    """As the server signs them (src/model/access_token.h)."""
    def text(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
    key = w.s.credentials["tokenKey"]
    halves = b"".join(int(key[i:i + 16], 16).to_bytes(8, "little") for i in (0, 16))
    claims = json.dumps({"client": client, "scope": scope, "expires": NOW_MS + lifetime_ms}, separators=(",", ":")).encode()
    return text(claims) + "." + text(hmac.new(halves, b"access token\n" + claims, hashlib.sha256).digest())


def traced(**body):
    body.setdefault("context", {"channel": "web", "browser": {"host": "www.example.com"},
                                "address": {"url": "https://www.example.com/a?b=1", "referringUrl": ""}})
    return dict(body, trace={"authorizationToken": token()})


def test_113_the_whole_trace_of_a_location():
    body = traced(id={"tntId": T0, "marketingCloudVisitorId": "m1"},
                  execute={"mboxes": [{"index": 3, "name": "hero", "parameters": {"tier": "gold"}}]})
    item = w.ask(body, session="trace-1")["execute"]["mboxes"][0]
    trace = item["trace"]
    shown = item["options"][0]["content"]["v"]
    assert set(trace) == {"clientCode", "request", "profile", "campaigns", "evaluatedCampaignTargets"}, trace
    assert trace["clientCode"] == "acme"
    assert trace["request"] == {"sessionId": "trace-1", "pageURL": "https://www.example.com/a?b=1", "host": "www.example.com",
                                "mbox": {"index": 3, "name": "hero", "parameters": {"tier": "gold"}, "type": "execute"}}
    assert trace["profile"] == {"visitorId": {"tntId": T0, "marketingCloudVisitorId": "m1", "profileLocation": "0"}}
    assert trace["campaigns"] == [{"id": 1001, "order": 1, "campaignType": "ab", "branchId": "AB".index(shown),
                                   "offers": [701 + "AB".index(shown)], "environment": "production", "notifications": []}]
    target, = [t for t in trace["evaluatedCampaignTargets"] if t["campaignId"] == 1001]
    assert {k: target[k] for k in target if k != "context"} == {
        "campaignId": 1001, "order": 1, "campaignType": "ab", "matchedSegmentIds": [], "unmatchedSegmentIds": [],
        "matchedRuleConditions": [], "unmatchedRuleConditions": []}
    context = target["context"]
    assert context["mbox"] == {"tier": "gold", "tier_lc": "gold"} and context["page"]["path"] == "/a", context
    assert context["current_timestamp"] >= NOW_MS and 0 <= context["allocation"] < 100, context


def test_113_audiences_and_their_rules():
    item = w.ask(traced(execute={"mboxes": [{"index": 0, "name": "xt"}]},
                        context={"channel": "web", "geo": {"countryCode": "US"}}))["execute"]["mboxes"][0]
    target, = item["trace"]["evaluatedCampaignTargets"]
    assert (target["campaignType"], target["matchedSegmentIds"], target["unmatchedSegmentIds"]) == ("landing", ["12"], ["11"])
    assert target["matchedRuleConditions"] == [{"geo": "country", "matches": ["us"]}], target
    assert target["unmatchedRuleConditions"] == [{"mbox": "tier", "equals": ["gold"]}], target


def test_113_a_location_that_shows_nothing():
    """It is where a trace is wanted most."""
    items = w.ask(traced(execute={"mboxes": [{"index": 0, "name": "xt"}, {"index": 1, "name": "nothing"}]}))["execute"]["mboxes"]
    for item in items:
        assert "options" not in item and item["trace"]["campaigns"] == [], item
    assert [t["unmatchedSegmentIds"] for t in items[0]["trace"]["evaluatedCampaignTargets"]] == [["11", "12"]]
    assert items[1]["trace"]["evaluatedCampaignTargets"] == []


def test_113_pages_views_and_prefetches():
    r = w.ask(traced(execute={"pageLoad": {}}, prefetch={"views": [{"name": "home"}], "mboxes": [{"index": 0, "name": "tri"}]}))
    page = r["execute"]["pageLoad"]["trace"]
    assert page["request"]["pageLoad"] == {"type": "execute"}, page["request"]
    assert [c["id"] for c in page["campaigns"]] == [5001, 5002] and [c["order"] for c in page["campaigns"]] == [1, 2]
    view = r["prefetch"]["views"][0]["trace"]
    assert view["request"]["view"] == {"name": "home", "type": "prefetch"} and [c["id"] for c in view["campaigns"]] == [8001]
    assert r["prefetch"]["mboxes"][0]["trace"]["request"]["mbox"] == {"index": 0, "name": "tri", "type": "prefetch"}


def test_113_a_notification():
    who = {"tntId": "0123456789abcdef0123456789ab0113"}
    option = w.ask({"id": who, "prefetch": {"mboxes": [{"index": 0, "name": "hero"}]}}, session="t2")["prefetch"]["mboxes"][0]["options"][0]
    n = {"id": "n1", "type": "display", "timestamp": 5, "mbox": {"name": "hero"}, "tokens": [option["eventToken"]]}
    answer, = w.ask(traced(id=who, notifications=[n]), session="t2")["notifications"]
    trace = answer["trace"]
    assert answer["id"] == "n1" and trace["clientCode"] == "acme", answer
    assert trace["request"]["mbox"] == {"name": "hero", "type": "display"}, trace["request"]
    campaign, = trace["campaigns"]
    assert (campaign["id"], campaign["campaignType"], campaign["branchId"]) == (1001, "ab", "AB".index(option["content"]["v"]))
    assert campaign["notifications"] == [n], campaign
    assert trace["evaluatedCampaignTargets"] == []


def test_113_tokens_that_are_not_good():
    body = {"execute": {"mboxes": [{"index": 0, "name": "hero"}]}}
    for wrong in (token()[:-2] + "xx", "nonsense", token(client="globex"), token(scope="profile_api"), token(lifetime_ms=-1)):
        r = w.ask(dict(body, trace={"authorizationToken": wrong}))
        assert "options" in r["execute"]["mboxes"][0] and "trace" not in r["execute"]["mboxes"][0], wrong
    r = w.post(dict(body, trace={}))
    assert r.status == 400 and "trace.authorizationToken" in r.json["message"], r.body


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
