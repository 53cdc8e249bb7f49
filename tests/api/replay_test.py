#!/usr/bin/env python3
"""Every request that the real Web SDK was seen to send (tests/captures) is sent again: same URL, headers and body.

Only what names a server is mapped: the datastream, the organisation in state keys and cookies, media session ids. The recorded
answers came from a stand-in and are not compared; ours must have the documented status and shapes."""
import glob
import json
import os
import sys
import urllib.parse

import world
from server import ROOT, Server, decode_identity, run
from shapes import check_answer

RECORDED_ORG = "1234567890ABCDEF12345678"
RECORDED_SESSION = "7b3e2b5c1f0a4d8c9e6f1a2b3c4d5e6f7a8b9c0d1e2f30415263748596a7b8c9"
RECORDED_DATASET = "5eb9aaa6a3b16e18a818e06f"
EDGE_REQUESTS = 67

s = Server()
events = world.web_dataset(s)
two_views = world.audience(s, "any event", "xEvent[eventType.isNotNull()].count() >= 1")
DS = world.datastream(s, "web", events, allowedOverrides={
    "com_adobe_experience_platform": {"datasets": {"event": {"datasetId": [events]}}},
    "com_adobe_analytics": {"reportSuites": ["rs1", "rs2"]},
    "com_adobe_identity": {"idSyncContainerId": [30793]},
    "com_adobe_target": {"propertyToken": ["63a46bbc-26cb-7cc3-def0-9ae1b51b6c62"]}})
world.destination(s, "pull", world.CUSTOM_SPEC, DS, [two_views])
# Something to decide in every capture that asks: the page, the named locations that the recorded page had, a control group.
dom = world.offer(s, "dom", "actions", actions=[{"type": "setHtml", "selector": "#hero", "content": "<b>Hello</b>",
                                                "prehidingSelector": "#hero"}])
html = world.offer(s, "html", content="<b>A</b>")
data = world.offer(s, "json", "json", content={"n": 1})
world.activity(s, "xt", "page", "target-global-mbox", [("All", dom, {})])
world.activity(s, "xt", "banner", "home-banner", [("All", html, {})])
world.activity(s, "xt", "json", "home-json", [("All", data, {})])
world.activity(s, "ab", "control", "target-global-mbox", [("Control", 0, {"visitorPercentage": 100})])
session = {"id": RECORDED_SESSION}
replayed = []


def mapped(text):
    return (text.replace(RECORDED_ORG, s.org.split("@")[0]).replace(RECORDED_SESSION, session["id"])
            .replace(RECORDED_DATASET, events))


def send(request):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request["url"]).query))
    query["configId"] = DS
    headers = {k: mapped(v) for k, v in request["headers"].items() if k.lower() not in ("content-length", "connection")}
    return s.call(request["method"], request["path"] + "?" + urllib.parse.urlencode(query), mapped(request["bodyRaw"]),
                  headers)


def recorded_identity(request):
    """The ECID that the request's own state names, or None."""
    entries = request["bodyJson"].get("meta", {}).get("state", {}).get("entries", [])
    for entry in entries:
        if entry["key"].endswith("_identity"):
            return decode_identity(entry["value"])[0]
    return None


def check(request, answer):
    path, body = request["path"], request["bodyJson"]
    empty = path.endswith("/collect") or "/va/v1/" in path
    assert answer.status == (204 if empty else 200), (answer.status, answer.body[:400])
    assert answer.header("access-control-allow-origin") == request["headers"]["Origin"]
    assert answer.header("access-control-allow-credentials") == "true"
    if empty:
        assert answer.body == b"", answer.body
        return
    check_answer(answer, len(body.get("events", [])) or 1)
    fetch = body.get("query", {}).get("identity", {}).get("fetch", [])
    assert bool(answer.ecid) == ("ECID" in fetch), (fetch, answer.body)
    if answer.ecid and recorded_identity(request) and "xdm" not in body:
        assert answer.ecid == recorded_identity(request), "the visitor's own identity comes back"
    asked = any("personalization" in e.get("query", {}) for e in body.get("events", []))
    assert bool(answer.handles("personalization:decisions")) == asked, answer.body
    for item in answer.payload("media-analytics:new-session"):
        session["id"] = item["sessionId"]


def replay(path):
    with open(path) as f:
        capture = json.load(f)
    for exchange in capture["exchanges"]:
        request = exchange["request"]
        if request["method"] != "POST" or not request["path"].startswith("/ee"):
            continue
        try:
            check(request, send(request))
        except AssertionError as e:
            raise AssertionError("step %d (%s): %s" % (exchange["step"], exchange["label"], e)) from None
        replayed.append(request["path"])


def add_tests():
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "captures", "alloy-*.json"))):
        name = "test_" + os.path.basename(path)[len("alloy-"):-len(".json")].replace("-", "_")
        globals()[name] = lambda path=path: replay(path)


add_tests()


def test_all_were_replayed():
    assert len(replayed) == EDGE_REQUESTS, len(replayed)


def test_what_arrived():
    """Every event of the captures is in the log once: repeats of a request id (capture 12) are one event."""
    seen = [e["requestId"] for e in s.events()]
    assert len(seen) == len(set(seen)) and len(seen) > 40, len(seen)


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
