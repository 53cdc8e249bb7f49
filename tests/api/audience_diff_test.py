#!/usr/bin/env python3
"""What an edit of an audience would change, before it is saved; and who was a member, and how many there were, at a past
instant. Both over REST, and as a person types them: edgewise audience diff and as-of."""
import subprocess
import sys
import time

import world
from server import Edge, Server, binary, minimal, run

s = Server("--emulator")
UPS = "/data/core/ups"
events = world.web_dataset(s)
world.namespace(s, "CRMID")
crm = world.dataset(s, "crm", world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "points": {"type": "integer"}}}}, [("/_northpeak/crmId", "CRMID")], groups=["profile-privacy"]))
rich = world.audience(s, "rich", "_northpeak.points >= 50")
lookers = world.audience(s, "lookers", 'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 1')
E = Edge(s, world.datastream(s, "web", events))


def clock(now):
    assert s.call("POST", "/emulator/clock", {"now": now}).status == 200


def person(*ids, at=None, kind="view"):
    r = E.interact(minimal(events=[{"xdm": {"eventType": kind, "timestamp": at, "identityMap": {
        "CRMID": [{"id": i, "primary": i == ids[0]} for i in ids]}}}]))
    assert r.status == 200, r.body
    s.drain()


def ask(path, expect=201, **body):
    made = s.rest("POST", UPS + path, body, expect=expect).json
    if expect != 201:
        return made
    for _ in range(1500):
        answer = s.rest("GET", UPS + path + "/" + made["id"], expect=200).json
        if answer["state"] in ("RESULT_READY", "FAILED"):
            return answer
        time.sleep(0.01)
    raise AssertionError(answer)


def size(audience):
    return s.rest("GET", "/edgewise/audiences/%s/size" % audience, expect=200).json["size"]


def as_of(at, audience=rich, **more):
    a = ask("/as-of", at=at, audienceId=audience, **more)
    assert a["state"] == "RESULT_READY", a
    return a


def edgewise(*arguments, code=0):
    r = subprocess.run([binary(), "audience", *arguments, *(["--data", s.data] if code != 2 else [])],
                       capture_output=True, text=True)
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    return r.stdout if code == 0 else r.stderr


def test_a_diff_is_what_saving_does():
    clock("2027-02-01T09:00:00Z")
    world.records(s, crm, [{"_northpeak": {"crmId": "c%d" % i, "points": i}} for i in range(100)])
    edit = "_northpeak.points >= 30 and _northpeak.points < 90"
    d = ask("/diff", audienceId=rich, predicateExpression=edit)
    counts = {k: d[k] for k in ("before", "after", "entering", "leaving", "staying", "undecided", "profilesReadSoFar")}
    assert counts == {"before": 50, "after": 60, "entering": 20, "leaving": 10, "staying": 40, "undecided": 0,
                      "profilesReadSoFar": 100}, d
    assert sorted(p["entityId"] for p in d["sample"]["leaving"]) == ["c%d" % i for i in range(90, 100)], d
    assert sorted(p["entityId"] for p in d["sample"]["entering"]) == ["c%d" % i for i in range(30, 50)], d
    assert size(rich) == d["before"]  # nothing is saved
    out = edgewise("diff", "rich", "--pql", edit)
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()[1:]}
    assert lines == {"now": "50", "then": "60", "entering": "20", "leaving": "10", "staying": "40"}, out
    assert ", ..." in out and "CRMID:c9" in out, out
    clock("2027-02-01T10:00:00Z")
    s.rest("PATCH", UPS + "/audiences/" + rich, [{"op": "add", "path": "/expression/value", "value": edit}], expect=2)
    s.drain()
    assert size(rich) == d["after"]
    clock("2027-02-01T11:00:00Z")


def test_the_size_that_was():
    assert as_of("2027-02-01T08:59:59Z")["size"] == 0
    assert as_of("2027-02-01T09:59:59.999Z")["size"] == 50
    assert as_of("2027-02-01T10:00:30Z")["size"] == 60
    assert edgewise("as-of", "rich", "--at", "2027-02-01T09:30:00Z") == "50\n"


def test_the_person_that_was():
    clock("2027-02-02T09:00:00Z")
    person("c95", at="2027-02-02T09:00:00Z")
    clock("2027-02-02T12:00:00Z")
    person("guest", at="2027-02-02T12:00:00Z", kind="other")
    clock("2027-02-02T13:00:00Z")
    person("c95", "guest", at="2027-02-02T13:00:00Z", kind="other")  # one person from here on
    clock("2027-02-04T09:00:00Z")
    c95, guest = {"entityIdNS": "CRMID", "entityId": "c95"}, {"entityIdNS": "CRMID", "entityId": "guest"}
    assert as_of("2027-02-01T09:30:00Z", **c95)["member"] is True   # rich, before the edit
    assert as_of("2027-02-01T10:00:30Z", **c95)["member"] is False
    assert as_of("2027-02-02T10:00:00Z", lookers, **c95)["member"] is True
    assert as_of("2027-02-02T12:30:00Z", lookers, **guest)["member"] is False
    assert as_of("2027-02-02T13:00:30Z", lookers, **guest)["member"] is True
    assert as_of("2027-02-03T09:00:00.001Z", lookers, **guest)["member"] is False  # the window's end
    assert as_of("2027-02-02T11:00:00Z", lookers, **guest)["known"] is False
    a = ask("/as-of", at="2027-02-02T13:00:30Z", **guest)
    assert [x["name"] for x in a["audiences"]] == ["lookers"] and a["audiences"][0]["id"] == lookers, a
    out = edgewise("as-of", "lookers", "--at", "2027-02-02T13:00:30Z", "--identity", "CRMID:guest")
    assert out == "CRMID guest was a member at 2027-02-02T13:00:30.000Z\n", out
    out = edgewise("as-of", "-", "--at", "2027-02-02T13:00:30Z", "--identity", "CRMID:guest")
    assert out == "CRMID guest was a member of 1 audience at 2027-02-02T13:00:30.000Z\n  lookers\n", out
    out = edgewise("as-of", "-", "--at", "2027-02-02T11:00:00Z", "--identity", "CRMID:guest")
    assert out == "CRMID guest was not known at 2027-02-02T11:00:00.000Z\n", out


def test_uploads_and_opt_outs_have_a_past():
    clock("2027-02-05T09:00:00Z")
    ais = UPS.replace("/ups", "/ais")
    s.rest("PUT", ais + "/files/panel.csv", "id\n" + "\n".join("c%d" % i for i in range(40, 50)), {"Content-Type": "text/csv"},
           expect=2)
    s.rest("POST", ais + "/external-audience/submit", {
        "name": "panel", "audienceId": "panel", "ttlInDays": 2, "fields": [{"name": "id", "type": "string", "identityNs": "CRMID"}],
        "sourceSpec": {"path": "panel.csv", "type": "file"}}, expect=2)
    run_id = s.rest("POST", ais + "/external-audience/panel/run", {"differentialIngestion": False}, expect=2).json["runId"]
    for _ in range(500):
        status = s.rest("GET", ais + "/external-audience/panel/run/" + run_id, expect=200).json["status"]
        if status != "PROCESSING":
            break
        time.sleep(0.02)
    s.drain()
    assert status == "SUCCESS" and size("panel") == 10
    clock("2027-02-06T09:00:00Z")
    out = {"_northpeak": {"crmId": "c40", "points": 40}, "privacyOptOuts": [
        {"optOutType": "general_opt_out", "optOutValue": "out", "timestamp": "2027-02-06T09:00:00Z"}]}
    world.records(s, crm, [out])
    d = ask("/diff", audienceId=rich, predicateExpression="_northpeak.points >= 40")
    assert d["before"] == size(rich) == 59 and d["after"] == 59, d  # c40 is in neither
    clock("2027-02-08T09:00:00Z")
    person = {"entityIdNS": "CRMID", "entityId": "c40"}
    assert as_of("2027-02-05T08:59:00Z", "panel")["size"] == 0
    assert as_of("2027-02-05T12:00:00Z", "panel")["size"] == 10
    assert as_of("2027-02-06T12:00:00Z", "panel")["size"] == 9
    assert as_of("2027-02-07T12:00:00Z", "panel")["size"] == 0  # the upload's time to live
    assert as_of("2027-02-06T08:00:00Z", **person)["member"] is True
    assert as_of("2027-02-06T12:00:00Z", **person)["member"] is False


def test_a_restart_changes_no_past():
    before = [as_of("2027-02-01T09:30:00Z")["size"], as_of("2027-02-02T10:00:00Z", lookers)["size"]]
    s.restart()
    s.token = None
    clock("2027-02-08T10:00:00Z")
    assert [as_of("2027-02-01T09:30:00Z")["size"], as_of("2027-02-02T10:00:00Z", lookers)["size"]] == before == [50, 1]


def test_what_is_refused():
    assert "400" in ask("/diff", 400, audienceId=rich, predicateExpression='inSegment("%s")' % rich)["errors"]
    assert "404" in ask("/diff", 404, audienceId="none", predicateExpression="true")["errors"]
    assert "400" in ask("/as-of", 400, at="2099-01-01T00:00:00Z", audienceId=rich)["errors"]
    assert "404" in ask("/as-of", 404, at="2027-02-01T00:00:00Z", audienceId="none")["errors"]
    assert ask("/as-of", at="2027-02-01T00:00:00Z", entityIdNS="CRMID", entityId="x")["error"]["description"] == (
        "no profile has this identity")
    assert "PQL" in edgewise("diff", "rich", "--pql", "_northpeak.points >", code=1)
    assert "no profile" in edgewise("as-of", "-", "--at", "2027-02-01T00:00:00Z", "--identity", "CRMID:x", code=1)
    assert "at must be an instant" in edgewise("as-of", "rich", "--at", "yesterday", code=1)
    for wrong in (["diff", "x"], ["as-of", "x"], ["diff", "x", "--at", "now"], ["as-of", "x", "--pql", "true"],
                  ["count", "x", "--at", "now"]):
        assert edgewise(*wrong, code=2).startswith("usage:")


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
