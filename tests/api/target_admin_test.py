#!/usr/bin/env python3
"""The Target admin API over HTTP: items of the Target checklist [TARGET 12], by number, and what they change for visitors
and devices. tests/unit/admin/ has the bounds."""
import sys

from delivery_world import NOW, V3, World, build
from server import run

w = None
V1 = {"Content-Type": "application/vnd.adobe.target.v1+json", "Accept": "application/vnd.adobe.target.v1+json"}


def setup():
    global w
    w = World()
    w.clock(NOW)
    build(w)


def finish():
    return w.close()


def text_offer(text):
    return w.offer("content", content=text)


def artifact():
    r = w.s.call("GET", "/acme/production/v1/rules.json")
    assert r.status == 200, (r.status, r.body)
    return r


def device_rules(mbox):
    """Numbers of the activities that a device knows for a location, in its order."""
    return [int(rule["meta"]["activity.id"]) for rule in artifact().json["rules"]["mboxes"].get(mbox, [])]


def refused(r, *words, code="InvalidProperty.Json"):
    assert r.json["httpStatus"] == r.status and r.json["errors"][0]["errorCode"] == code, r.body
    for word in words:
        assert word in r.json["errors"][0]["message"], r.body


# ---- activities ----

def test_145_state_by_its_own_route():
    w.activity("ab", 1450, [(100, text_offer("on"))], "stateful", state="saved")
    before = artifact().header("etag")
    assert device_rules("stateful") == [] and w.content("stateful") is None
    r = w.rest("PUT", "/activities/ab/1450/state", {"state": "approved"}, headers=V1).json
    assert r["id"] == 1450 and r["state"] == "approved" and r["modifiedAt"] > r["createdAt"][:10], r
    assert "experiences" not in r, "the short form"
    assert w.content("stateful") == "on"
    assert device_rules("stateful") == [1450] and artifact().header("etag") != before
    w.rest("PUT", "/activities/1450/state", {"state": "deactivated"}, headers=V1)
    assert w.content("stateful") is None and device_rules("stateful") == []
    for body, status in (({"state": "flying"}, 400), ({}, 400), ({"state": 1}, 400)):
        refused(w.rest("PUT", "/activities/ab/1450/state", body, expect=status, headers=V1), "state")
    w.rest("PUT", "/activities/xt/1450/state", {"state": "approved"}, expect=404, headers=V1)
    assert w.rest("GET", "/activities/ab/1450").json["state"] == "deactivated"


def test_146_priority_by_its_own_route():
    w.activity("ab", 1460, [(100, text_offer("first"))], "ranked", priority=10)
    w.activity("ab", 1461, [(100, text_offer("second"))], "ranked", priority=20)
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]
    for priority in (1000, -1, 1.5, "7"):
        refused(w.rest("PUT", "/activities/ab/1460/priority", {"priority": priority}, expect=400, headers=V1), "priority")
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]
    assert w.rest("PUT", "/activities/ab/1460/priority", {"priority": 999}, headers=V1).json["priority"] == 999
    assert w.content("ranked") == "first" and device_rules("ranked") == [1460, 1461]
    w.rest("PUT", "/activities/1460/priority", {"priority": 0}, headers=V1)
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
