#!/usr/bin/env python3
"""Why a person is a member of an audience, and what is missing: the REST answer, and edgewise audience as a person types it."""
import re
import subprocess
import sys
import urllib.parse

import world
from server import Edge, Server, binary, minimal, run

s = Server("--emulator")
events = world.web_dataset(s)
world.namespace(s, "CRMID")
crm = world.dataset(s, "crm", world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "points": {"type": "integer"}}}}, [("/_northpeak/crmId", "CRMID")]))
lookers = world.audience(s, "lookers: points and looks", '_northpeak.points >= 500 and '
                         'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 2')
E = Edge(s, world.datastream(s, "web", events))


def clock(now):
    assert s.call("POST", "/emulator/clock", {"now": now}).status == 200


def explain(audience=lookers, expect=200, **query):
    query = query or {"entityId": "ada", "entityIdNS": "CRMID"}
    return s.rest("GET", "/data/core/ups/audiences/%s/explain?%s" % (audience, urllib.parse.urlencode(query)),
                  expect=expect).json


def view(at):
    r = E.interact(minimal(events=[{"xdm": {"eventType": "view", "timestamp": at, "identityMap": {
        "CRMID": [{"id": "ada", "primary": True}]}}}]))
    assert r.status == 200, r.body
    s.drain()


def edgewise(*arguments, code=0):
    r = subprocess.run([binary(), "audience", *arguments], capture_output=True, text=True)
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    return r.stdout if code == 0 else r.stderr


def test_a_person_comes_and_goes():
    clock("2027-01-15T09:00:00Z")
    world.records(s, crm, [{"_northpeak": {"crmId": "ada", "points": 420}}])
    view("2027-01-15T08:00:00Z")
    e = explain()
    assert e["result"] is False and "membership" not in e, e
    assert [c["text"] for c in e["whyNot"]["changes"]] == [
        "_northpeak.points must be >= 500, is 420", '1 more event with eventType = "view" within 24 hours'], e
    world.records(s, crm, [{"_northpeak": {"crmId": "ada", "points": 600}}])
    view("2027-01-15T08:30:00Z")
    e = explain()
    assert e["result"] is True and e["membership"]["status"] == "realized" and "whyNot" not in e, e
    assert e["flipsAt"] == "2027-01-16T08:00:00.001Z", e
    points, looks = e["tree"]["children"]
    assert points["fields"] == [{"path": "_northpeak.points", "value": 600}], points
    assert looks["count"] == 2 and looks["since"] == "2027-01-15T08:30:00.000Z", looks
    out = edgewise("explain", "lookers: points and looks", "--identity", "CRMID:ada", "--data", s.data)
    assert "CRMID ada is a member at 2027-01-15T09:00:00" in out, out
    assert "\u2713 and\n  \u2713 _northpeak.points >= 500\n      _northpeak.points is 600\n" in out, out
    assert re.search(r"2 events \(needs >= 2\), since 2027-01-15T08:30:00.000Z \(event .+\)\n", out), out
    assert edgewise("count", lookers, "--data", s.data, "--server", "http://127.0.0.1:%d" % s.port) == "1\n"
    clock("2027-01-16T08:00:00.001Z")
    s.drain()
    e = explain()
    assert e["result"] is False and e["membership"]["status"] == "exited", e
    assert "flipsAt" not in e and len(e["whyNot"]["changes"]) == 1, e
    out = edgewise("explain", lookers, "--identity", "CRMID:ada", "--data", s.data)
    assert out.endswith('What is missing:\n  - 1 more event with eventType = "view" within 24 hours\n'), out


def test_what_is_unknown():
    assert "404" in explain("none", expect=404)["errors"]
    assert "404" in explain(expect=404, entityId="nobody", entityIdNS="CRMID")["errors"]
    assert "400" in explain(expect=400, entityIdNS="CRMID")["errors"]
    assert "no profile" in edgewise("explain", lookers, "--identity", "CRMID:nobody", "--data", s.data, code=1)
    assert "not found" in edgewise("count", "none", "--data", s.data, code=1)
    assert "--identity must be" in edgewise("explain", lookers, "--identity", "ada", "--data", s.data, code=1)


def test_usage():
    assert edgewise("--help").startswith("usage: edgewise audience explain")
    for wrong in ([], ["explain"], ["explain", "x"], ["count", "x", "--identity", "a:b"], ["size", "x"],
                  ["count", "x", "--data"]):
        assert edgewise(*wrong, code=2).startswith("usage:")


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
