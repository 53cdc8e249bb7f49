#!/usr/bin/env python3
"""What a decision is kept with, so that it can be explained and made again: the facts in the hit, and the answer to why."""
import sys

from delivery_world import E1, NOW, T0, World
from server import run

w = World()
w.clock(NOW)
SETTINGS = {"Content-Type": "application/json"}


def explain(on):
    w.rest("PUT", "/clients/settings", {"explain": on}, headers=SETTINGS)


def visits():
    return [r["value"] for r in w.s.topic("collect") if "visit" in r["value"]]


BETA = w.rest("POST", "/audiences?id=21", {"name": "beta", "targetRule": {"page": "header.x-group", "equals": ["beta"]}}).json["id"]
w.activity("ab", 101, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero")
w.activity("xt", 102, [(None, w.offer("content", content="beta"), [BETA])], "gate")


def test_facts_are_kept_when_the_setting_says_so():
    w.mbox("gate", {"tntId": T0})
    assert "asked" not in visits()[-1]["visit"]
    explain(True)
    w.post({"id": {"tntId": T0}, "execute": {"mboxes": [{"index": 0, "name": "gate"}]}},
           headers={"Content-Type": "application/json", "X-Group": "beta"})
    asked = visits()[-1]["visit"]["asked"]
    version = max(r["offset"] for r in w.s.topic("config")) + 1
    assert asked["config"] == version and asked["before"] > 0 and asked["headers"] == {"x-group": "beta"}, asked
    w.mbox("gate", {"marketingCloudVisitorId": E1})
    asked = visits()[-1]["visit"]["asked"]
    assert asked == {"config": version, "headers": {"x-group": None}}, asked


def finish():
    return w.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
