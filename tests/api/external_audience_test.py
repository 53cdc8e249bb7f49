#!/usr/bin/env python3
"""Audiences whose members come with uploaded files [SEGMENTATION 16.3, 17.10]: made, filled, added to, replaced, extended; their
members seen on the profile, by expressions, by destinations, and gone at the instant at which their time is over."""
import datetime
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import world
from server import Edge, Server, binary, minimal, run

s = Server("--emulator")
AIS = "/data/core/ais"
NOW = datetime.datetime(2027, 3, 1, 12, 0, 0, tzinfo=datetime.timezone.utc)


def clock(now):
    assert s.call("POST", "/emulator/clock", {"now": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"}).status == 200


def after(**more):
    """Moves the clock forward from where this test stands."""
    global NOW
    NOW += datetime.timedelta(**more)
    clock(NOW)


clock(NOW)
world.namespace(s, "CRMID")
people = world.dataset(s, "people", world.schema(s, "people", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "tier": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")],
    groups=["profile-segmentation", "profile-privacy"]))
FIELDS = [{"name": "crm_id", "type": "string", "identityNs": "CRMID", "labels": ["core/C2"]},
          {"name": "score", "type": "number"}, {"name": "since", "type": "date"}]


def upload(name, text, expect=200):
    return s.rest("PUT", AIS + "/files/" + name, text, {"Content-Type": "text/csv"}, expect=expect)


def submission(name, path="lists/%s.csv", **more):
    return dict({"name": name, "description": "", "fields": FIELDS, "audienceId": name,
                 "sourceSpec": {"path": path % name if "%" in path else path, "type": "file", "sourceType": "Cloud Storage",
                                "baseConnectionId": "c1"},
                 "ttlInDays": 30, "audienceType": "people", "originName": "CUSTOM_UPLOAD",
                 "namespace": "CustomerAudienceUpload", "labels": ["core/C1"], "tags": [], "profileIngestion": True}, **more)


def submit(name, **more):
    task = s.rest("POST", AIS + "/external-audience/submit", submission(name, **more), expect=202).json
    assert set(task) == {"taskId"}, task
    done = s.rest("GET", AIS + "/external-audiences/task/" + task["taskId"], expect=200).json
    assert done == {"taskId": task["taskId"], "status": "SUCCESS", "audienceId": name}, done
    return name


def ended(audience, run_id):
    for _ in range(1500):
        r = s.rest("GET", AIS + "/external-audience/%s/run/%s" % (audience, run_id), expect=200).json
        if r["status"] != "PROCESSING":
            s.drain()
            return r
        time.sleep(0.02)
    raise AssertionError(r)


def fill(audience, rows, header="crm_id,score,since", expect="SUCCESS", **request):
    upload("lists/%s.csv" % audience, "\n".join([header] + rows) + "\n")
    begun = s.rest("POST", AIS + "/external-audience/%s/run" % audience, request, expect=202).json
    r = ended(audience, begun["runId"])
    assert r["status"] == expect, r
    return r


def memberships(crm_id):
    r = s.rest("GET", "/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=%s&entityIdNS=CRMID" % crm_id)
    if r.status == 404:
        return {}
    assert r.status == 200, r.body
    return list(r.json.values())[0]["entity"].get("segmentMembership", {})


def external(crm_id):
    return memberships(crm_id).get("CustomerAudienceUpload", {})


def size(audience):
    return s.rest("GET", "/edgewise/audiences/%s/size" % audience, expect=200).json["size"]


def status(crm_id, audience):
    return external(crm_id).get(audience, {}).get("status")


def test_s19_38_external_audience_shapes():
    submit("first", ttlInDays=10)
    r = fill("first", ["ada,1.5,2026-01-31", "bob,,"])
    assert set(r) >= {"audienceId", "runId", "status", "differentialIngestion", "ingestionTime", "details"}, r
    assert [(d["stage"], d["status"]) for d in r["details"]] == [
        ("DATASET_INGEST", "SUCCESS"), ("PROFILE_STORE_INGEST", "SUCCESS")], r
    assert all(set(d) == {"stage", "status", "flowId", "flowRunId"} for d in r["details"]), r
    assert r["audienceId"] == "first" and r["differentialIngestion"] is False and r["recordCount"] == 2, r
    runs = s.rest("GET", AIS + "/external-audience/first/runs", expect=200).json["runs"]
    assert runs == [r], runs
    listed = [a for a in s.rest("GET", "/data/core/ups/audiences?limit=100", expect=200).json["children"] if a["name"] == "first"]
    assert len(listed) == 1 and listed[0]["type"] == "ExternalSegment", listed
    a = listed[0]
    assert (a["originName"], a["namespace"], a["audienceId"], a["lifecycleState"]) == (
        "CUSTOM_UPLOAD", "CustomerAudienceUpload", "first", "published"), a
    assert "expression" not in a and "schema" not in a and a["saveSegmentMembership"] is True, a
    assert s.rest("GET", "/data/core/ups/audiences/first", expect=200).json["name"] == "first"
    patched = s.rest("PATCH", AIS + "/external-audience/first", {"description": "people of the first list"}, expect=200).json
    assert patched["description"] == "people of the first list" and patched["audienceName"] == "first", patched
    assert patched["fields"] == FIELDS and patched["ttlInDays"] == 10, patched
    assert s.rest("GET", AIS + "/external-audience/first/run/nosuch").status == 404
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/run"), ("GET", "/runs")):
        assert s.rest(method, AIS + "/external-audience/nosuch" + path, {} if method != "GET" else None).status == 404
    assert s.rest("GET", AIS + "/external-audiences/task/nosuch").status == 404


def test_members_are_seen_on_the_profile():
    entry = external("ada")["first"]
    assert entry == {"status": "realized", "lastQualificationTime": entry["lastQualificationTime"],
                     "validUntil": entry["validUntil"]}, entry
    left = datetime.datetime.fromisoformat(entry["validUntil"].replace("Z", "+00:00")) - NOW
    assert datetime.timedelta(days=10) <= left <= datetime.timedelta(days=10, minutes=10), entry
    assert size("first") == 2 and "ups" not in memberships("ada"), memberships("ada")
    assert external("carl") == {}


def test_expressions_see_members_and_flip_with_them():
    inside = world.audience(s, "in the first list", 'inSegment("first")')
    gold = world.audience(s, "gold and not in it", '_northpeak.tier = "gold" and not(inSegment("first"))')
    world.records(s, people, [{"_northpeak": {"crmId": c, "tier": "gold"}} for c in ("ada", "carl")])
    ups = memberships("ada")["ups"]
    assert ups[inside]["status"] == "realized" and gold not in ups, ups
    assert memberships("carl")["ups"][gold]["status"] == "realized", memberships("carl")
    fill("first", ["carl,,"], differentialIngestion=True)
    ups = memberships("carl")["ups"]
    assert ups[inside]["status"] == "realized" and ups[gold]["status"] == "exited", ups
    assert size(inside) == size("first") == 3
    # what is not saved is counted by them, too
    p = s.rest("POST", "/data/core/ups/preview", {"predicateExpression": 'inSegment("first")', "predicateType": "pql/text",
                                                  "predicateModel": "_xdm.context.profile", "graphType": "none"}, expect=201)
    for _ in range(500):
        e = s.rest("GET", "/data/core/ups/estimate/" + p.json["previewId"], expect=200).json
        if e["state"] == "RESULT_READY":
            break
        time.sleep(0.02)
    assert e["estimatedSize"] == 3, e
    r = s.rest("DELETE", AIS + "/external-audience/first")
    assert r.status == 400, r.body  # two audiences ask for it
    for a in (gold, inside):
        s.rest("DELETE", "/data/core/ups/audiences/" + a, expect=204)


def test_s19_37_a_run_replaces_or_adds():
    submit("both")
    fill("both", ["ada,,", "bob,,"])
    since = external("ada")["both"]["lastQualificationTime"]
    after(minutes=1)
    fill("both", ["carl,,"], differentialIngestion=True)
    assert [status(c, "both") for c in ("ada", "bob", "carl")] == ["realized"] * 3
    after(minutes=1)
    fill("both", ["ada,,", "dora,,"])
    s.drain()
    assert [status(c, "both") for c in ("ada", "bob", "carl", "dora")] == ["realized", "exited", "exited", "realized"]
    assert external("ada")["both"]["lastQualificationTime"] == since, "who stays keeps the time of entry"
    assert size("both") == 2
    after(minutes=1)
    fill("both", ["bob,,"], differentialIngestion=True)
    assert status("bob", "both") == "realized" and size("both") == 3
    fill("both", [])
    s.drain()
    assert size("both") == 0 and status("ada", "both") == "exited", "an empty file has nobody"


def test_s19_37_an_update_resets_the_time_to_live():
    submit("lives", ttlInDays=3)
    fill("lives", ["ada,,"])
    first = external("ada")["lives"]["validUntil"]
    after(days=2)
    fill("lives", ["bob,,"], differentialIngestion=True)
    assert external("ada")["lives"]["validUntil"] == external("bob")["lives"]["validUntil"] > first
    after(days=2)
    assert status("ada", "lives") == "realized", "the first end has passed, the second has not"


def test_s19_37_all_exit_at_the_instant_of_the_end_after_a_restart_too():
    global NOW
    inside = world.audience(s, "still alive", 'inSegment("lives")')
    s.drain()
    until = external("ada")["lives"]["validUntil"]
    assert size("lives") == size(inside) == 2
    s.restart()
    s.token = None
    clock(NOW)
    end = datetime.datetime.fromisoformat(until.replace("Z", "+00:00"))
    clock(end - datetime.timedelta(minutes=1))  # the clock runs on
    assert status("ada", "lives") == "realized"
    clock(end + datetime.timedelta(hours=1))
    for who in ("ada", "bob"):
        entry = external(who)["lives"]
        assert entry == {"status": "exited", "lastQualificationTime": until}, (until, entry)
        assert memberships(who)["ups"][inside] == {"status": "exited", "lastQualificationTime": until}
    assert size("lives") == size(inside) == 0
    told = [r["value"] for r in s.topic("membership") if "lives" in r["value"].get("exited", [])]
    assert {t["lastQualificationTime"] for t in told} == {until} and len(told) == 2, told
    NOW = end + datetime.timedelta(hours=2)
    clock(NOW)
    fill("lives", ["carl,,"], differentialIngestion=True)
    s.drain()
    assert [status(c, "lives") for c in ("ada", "carl")] == ["exited", "realized"], "what ended stays ended"
    s.rest("DELETE", "/data/core/ups/audiences/" + inside, expect=204)


def test_s19_37_the_end_can_be_moved_in_the_last_seven_days():
    submit("moved", ttlInDays=20)
    s.rest("PATCH", AIS + "/external-audience/moved", {"ttlInDays": 21}, expect=200)  # nothing came yet
    fill("moved", ["ada,,"])
    r = s.rest("PATCH", AIS + "/external-audience/moved", {"ttlInDays": 30})
    assert r.status == 400 and "7 days" in r.body.decode(), r.body
    after(days=14, minutes=30)
    for bad in (0, 91, "30", 1.5):
        assert s.rest("PATCH", AIS + "/external-audience/moved", {"ttlInDays": bad}).status == 400, bad
    before = external("ada")["moved"]["validUntil"]
    s.rest("PATCH", AIS + "/external-audience/moved", {"ttlInDays": 30}, expect=200)
    s.drain()
    assert external("ada")["moved"]["validUntil"][:10] == (NOW + datetime.timedelta(days=30)).strftime("%Y-%m-%d") > before[:10]
    after(days=8)
    assert status("ada", "moved") == "realized", "the first end has passed"
    after(days=23)
    assert status("ada", "moved") == "exited"
    r = s.rest("PATCH", AIS + "/external-audience/moved", {"ttlInDays": 30})
    assert r.status == 400 and "ended" in r.body.decode(), r.body


def test_bad_definitions_change_nothing():
    def bad(expected, **more):
        r = s.rest("POST", AIS + "/external-audience/submit", submission("bad", **more))
        assert r.status == 400 and re.search(expected, r.body.decode()), (expected, r.status, r.body)
    one = {"name": "crm_id", "type": "string", "identityNs": "CRMID"}
    more = [{"name": "f%d" % i, "type": "string"} for i in range(24)]
    bad("name 'crm id' must have neither blanks", fields=[dict(one, name="crm id")])
    bad("neither blanks nor dashes", fields=[dict(one, name="crm-id")])
    bad("exactly one field has identityNs, found 0", fields=more[:2])
    bad("exactly one field has identityNs, found 2", fields=[one, dict(one, name="other")])
    bad("1 to 25 columns, found 26", fields=[one, {"name": "last", "type": "string"}] + more)
    bad("fields\\[1\\]: type must be", fields=[one, {"name": "x", "type": "text"}])
    bad("both 'crm_id'", fields=[one, {"name": "crm_id", "type": "string"}])
    bad("namespace 'NOSUCH' does not exist", fields=[dict(one, identityNs="NOSUCH")])
    bad("audienceId '1st' must begin with", audienceId="1st")
    bad("audienceId 'spring-list'", audienceId="spring-list")
    bad("from 1 to 90", ttlInDays=91)
    bad("from 1 to 90", ttlInDays=0)
    bad("type must be file or folder", sourceSpec={"path": "x", "type": "stream"})
    bad("audienceType must be people", audienceType="accounts")
    bad("namespace must be", namespace="ups")
    r = s.rest("POST", AIS + "/external-audience/submit", {"fields": [one], "sourceSpec": {"path": "x"}})
    assert r.status == 400 and "name is required" in r.body.decode(), r.body
    assert s.rest("GET", "/data/core/ups/audiences/bad").status == 404
    r = s.rest("POST", AIS + "/external-audience/submit", submission("$most_25", fields=[one] + more, ttlInDays=90), expect=202)
    again = s.rest("POST", AIS + "/external-audience/submit", submission("$most_25", fields=[one] + more))
    assert again.status in (409, 422) and r.json["taskId"], again.body
    assert s.rest("POST", "/data/core/ups/audiences", {"name": "x", "type": "ExternalSegment"}).status == 400
    made = s.rest("POST", "/data/core/ups/audiences", {
        "name": "shell", "type": "ExternalAudience", "audienceId": "shell", "namespace": "partner", "originName": "AUDIENCE_MATCH"},
        expect=200).json
    assert made["type"] == "ExternalSegment" and made["id"] == made["audienceId"] == "shell", made


def test_bad_rows_fail_the_run_and_are_told():
    submit("rows")
    fill("rows", ["ada,1,2026-01-01"])
    r = fill("rows", ["bob,1,2026-01-01", "carl,much,2026-01-01", ",2,2026-01-01", "dora,1", "eve,1,soon"], expect="FAILED")
    assert r["recordCount"] == 5 and r["failedRecordCount"] == 4, r
    s.drain()
    assert status("ada", "rows") == "realized" and status("bob", "rows") is None, "all or nothing"
    path = "/data/foundation/export/batches/%s/meta?path=row_errors/" % r["runId"]
    lines = []
    for name in ("parsing_errors_0.json", "conversion_errors_0.json"):
        answer = s.rest("GET", path + name)
        lines += answer.body.decode().splitlines() if answer.status == 200 else []
    text = "\n".join(lines)
    assert len(lines) == 4, lines
    for expected in ("column 2 (score): 'much'", "column 3 (since): 'soon'", "crm_id: the primary identity is required",
                     "the row has 2 columns, the header 3"):
        assert expected in text, (expected, text)
    r = fill("rows", ["bob,1,2026-01-01", "carl,much,2026-01-01"], partialIngestionPercentage=50)
    s.drain()
    assert r["failedRecordCount"] == 1 and [status(c, "rows") for c in ("ada", "bob", "carl")] == ["exited", "realized", None], r
    r = fill("rows", ["bob,1"], header="crm_id,size", expect="FAILED")
    assert "no field 'size'" in r["errors"][0]["description"], r


def test_files():
    upload("folder/a.csv", "crm_id\nfa\n")
    upload("folder/deep/b.csv", "crm_id\nfb\n")
    upload("folders/c.csv", "crm_id\nfc\n")
    names = {f["name"]: f["length"] for f in s.rest("GET", AIS + "/files", expect=200).json["files"]}
    assert names["folder/a.csv"] == 10 and "folder/deep/b.csv" in names, names
    submit("below", sourceSpec={"path": "folder/", "type": "folder"})
    r = s.rest("POST", AIS + "/external-audience/below/run", {}, expect=202).json
    assert ended("below", r["runId"])["status"] == "SUCCESS"
    assert [status(c, "below") for c in ("fa", "fb", "fc")] == ["realized", "realized", None]
    seconds = int(NOW.timestamp())
    late = s.rest("POST", AIS + "/external-audience/below/run", {"dataFilterStartTime": seconds + 86400})
    assert late.status == 400 and "in the given time" in late.body.decode(), late.body
    upload("folder/a.csv", "crm_id\nfa2\n")  # replaces
    assert [f["length"] for f in s.rest("GET", AIS + "/files").json["files"] if f["name"] == "folder/a.csv"] == [11]
    s.rest("DELETE", AIS + "/files/folder/a.csv", expect=204)
    s.rest("DELETE", AIS + "/files/folder/a.csv", expect=404)
    submit("nofile", path="no/such.csv")
    r = s.rest("POST", AIS + "/external-audience/nofile/run", {})
    assert r.status == 400 and "no/such.csv" in r.body.decode(), r.body
    assert upload("empty.csv", "", expect=400).status == 400
    # who may not send a file sends nothing
    r = s.call("PUT", AIS + "/files/x.csv", "crm_id\nx\n" * 1000, {"Authorization": "Bearer nonsense", "x-api-key": "x"})
    assert r.status == 401, (r.status, r.body)
    assert "x.csv" not in [f["name"] for f in s.rest("GET", AIS + "/files").json["files"]]


def test_limits_of_files():
    folder = os.path.join(s.data, "import", "external")
    before = [f["name"] for f in s.rest("GET", AIS + "/files", expect=200).json["files"]]
    scope = os.listdir(folder)[0][:16]
    made = []
    for i in range(999 - len(before)):  # as if they had been uploaded
        made.append(os.path.join(folder, "%s%032x-%016x-%016x" % (scope, i, 10 ** 6 + i, 0)))
        with open(made[-1], "w") as f:
            f.write("edgewise-upload 1 filler/%d.csv\ncrm_id\n" % i)
    upload("the/thousandth.csv", "crm_id\nx\n")
    r = upload("one/more.csv", "crm_id\nx\n", expect=400)
    assert "at most 1000 files" in r.body.decode(), r.body
    upload("the/thousandth.csv", "crm_id\ny\n")  # another version of what is there
    for path in made:
        os.unlink(path)
    upload("one/more.csv", "crm_id\nx\n")
    for name in ("a" * 513, "bad%01name", ""):
        assert s.rest("PUT", AIS + "/files/" + name, "crm_id\n").status in (400, 404, 405), name
    upload("n" * 512, "crm_id\n")
    for size_of, expected in ((1 << 30, b"413"), ((1 << 30) - 1, b"")):
        c = socket.create_connection(("127.0.0.1", s.port), timeout=2)
        c.sendall(("PUT %s/files/big.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nx-api-key: %s\r\n"
                   "x-gw-ims-org-id: %s\r\nContent-Length: %d\r\n\r\ncrm_id\n" % (
                       AIS, s.token, s.credentials["clientId"], s.org, size_of)).encode())
        try:
            answer = c.recv(100)
        except socket.timeout:
            answer = b""  # it waits for the rest
        assert expected in answer and bool(answer) == bool(expected), (size_of, answer)
        c.close()
    for _ in range(100):
        if not [n for n in os.listdir(folder) if n.startswith("part-")]:
            break
        time.sleep(0.02)
    assert not [n for n in os.listdir(folder) if n.startswith("part-")], "what did not end is removed"


def test_the_last_hundred_runs_are_listed():
    submit("often")
    upload("lists/often.csv", "crm_id\nada\n")
    made = []
    for _ in range(101):
        made.append(s.rest("POST", AIS + "/external-audience/often/run", {}, expect=202).json["runId"])
        again = s.rest("POST", AIS + "/external-audience/often/run", {})
        assert again.status in (202, 409), again.body  # one at a time
        if again.status == 202:
            made.append(again.json["runId"])
        while s.rest("GET", AIS + "/external-audience/often/run/" + made[-1]).json["status"] == "PROCESSING":
            time.sleep(0.01)
    r = s.rest("GET", AIS + "/external-audience/often/runs?limit=100", expect=200).json
    assert [x["runId"] for x in r["runs"]] == made[::-1][:100] and r["_page"]["totalCount"] == len(made), r["_page"]
    r = s.rest("GET", AIS + "/external-audience/often/runs?start=98&limit=5", expect=200).json
    assert [x["runId"] for x in r["runs"]] == made[::-1][98:100], r["_page"]


def test_a_large_file_is_not_held_in_memory():
    rows = 100000
    text = "crm_id,score,since\n" + "".join("big%d,%d.25,2026-01-01\n" % (i % 500, i) for i in range(rows))
    submit("big")
    upload("lists/big.csv", text)
    r = s.rest("POST", AIS + "/external-audience/big/run", {}, expect=202).json
    r = ended("big", r["runId"])
    assert r["status"] == "SUCCESS" and r["recordCount"] == rows and size("big") == 500, (r, size("big"))


def test_a_run_that_was_killed_is_taken_up_and_nothing_is_there_twice():
    rows = 60000
    submit("killed")
    fill("killed", ["before,,"])
    upload("lists/killed.csv", "crm_id,score,since\n" + "".join("k%d,%d,\n" % (i % 400, i) for i in range(rows)))
    run_id = s.rest("POST", AIS + "/external-audience/killed/run", {}, expect=202).json["runId"]
    kills = 0
    for wait in (0.02, 0.1, 0.1):
        time.sleep(wait)
        s.kill()
        s.start()
        s.token = None
        clock(NOW)
        kills += s.rest("GET", AIS + "/external-audience/killed/run/" + run_id, expect=200).json["status"] == "PROCESSING"
    assert ended("killed", run_id)["recordCount"] == rows
    told = [h["value"]["requestId"] for h in s.topic("collect") if h["value"].get("batch") == run_id]
    assert told == ["%s-%d" % (run_id, i + 1) for i in range(rows)], (len(told), rows)
    for _ in range(500):
        s.drain()
        if status("before", "killed") == "exited":
            break
        time.sleep(0.02)
    assert size("killed") == 400 and status("before", "killed") == "exited" and kills > 0, (size("killed"), kills)
    entries = [r["value"] for r in s.topic("membership")]
    moves = {}
    for e in entries:
        for a in e.get("realized", []):
            moves[e["profile"], a] = moves.get((e["profile"], a), 0) + 1
    assert len([1 for (p, a) in moves if a == "killed"]) == 401
    assert all(n == 1 for (p, a), n in moves.items() if a == "killed"), "entered once"


def test_what_may_be_changed():
    submit("living", ttlInDays=5)
    fill("living", ["ada,,"])

    def refused(path, body, expected):
        r = s.rest("PATCH", path, body)
        assert r.status == 400 and expected in r.body.decode(), (r.status, r.body)
    one, audience = AIS + "/external-audience/living", "/data/core/ups/audiences/living"
    refused(one, {"fields": []}, "1 to 25 columns")
    refused(one, {"fields": [{"name": "a b", "type": "string", "identityNs": "CRMID"}]}, "neither blanks")
    refused(one, {"sourceSpec": {"type": "file"}}, "sourceSpec.path")
    s.rest("PATCH", one, {"name": "Living", "labels": ["core/C3"], "audienceId": "other", "namespace": "ups",
                          "fields": FIELDS + [{"name": "note", "type": "string"}]}, expect=200)
    a = s.rest("GET", audience, expect=200).json
    assert (a["name"], a["audienceId"], a["namespace"], len(a["fields"])) == ("Living", "living", "CustomerAudienceUpload", 4), a
    # the other family changes the same object, and neither the end nor what runs left
    before = a["audienceMeta"]
    refused(audience, [{"op": "add", "path": "/audienceMeta", "value": {"floor": 0, "validUntil": 9}}], "cannot be changed")
    refused(audience, [{"op": "add", "path": "/ttlInDays", "value": 90}], "cannot be changed")
    after_it = s.rest("GET", audience, expect=200).json
    assert after_it["audienceMeta"] == before and after_it["ttlInDays"] == 5, after_it
    refused(audience, [{"op": "add", "path": "/expression", "value": {"type": "PQL", "value": "true"}}], "has no expression")
    # inactive: nothing is written any more, not even at the end; published again: what is due happens
    s.rest("PATCH", audience, [{"op": "add", "path": "/lifecycleState", "value": "inactive"}], expect=200)
    assert s.rest("POST", one + "/run", {}).status == 400
    after(days=6)
    assert status("ada", "living") == "realized" and size("living") == 1, (external("ada"), size("living"))
    s.rest("PATCH", audience, [{"op": "add", "path": "/lifecycleState", "value": "published"}], expect=200)
    s.drain()
    assert status("ada", "living") == "exited" and size("living") == 0


def test_destinations_and_edges_are_told():
    events = world.web_dataset(s)
    ds = world.datastream(s, "web", events)
    submit("onpage")
    world.destination(s, "page", world.CUSTOM_SPEC, ds, ["onpage"])
    edge = Edge(s, ds)
    fill("onpage", ["vera,,"])
    body = minimal(events=[{"xdm": {"eventType": "view", "identityMap": {"CRMID": [{"id": "vera", "primary": True}]}}}])
    r = edge.interact(body)
    assert [x["id"] for p in r.payload("activation:pull") for x in p["segments"]] == ["onpage"], r.body
    fill("onpage", ["other,,"])
    for _ in range(200):
        s.drain()
        r = edge.interact(body)
        if not any(p["segments"] for p in r.payload("activation:pull")):
            break
        time.sleep(0.02)
    assert not any(p["segments"] for p in r.payload("activation:pull")), r.body
    assert s.rest("DELETE", AIS + "/external-audience/onpage").status == 400, "a destination uses it"


def test_the_command_line_uploads():
    path = os.path.join(s.data, "vip.csv")

    def edgewise(*more, code=0):
        r = subprocess.run([binary(), "audience", "upload", "vip", path, "--data", s.data, *more], capture_output=True, text=True)
        assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
        return r.stdout + r.stderr

    def write(text):
        with open(path, "w") as f:
            f.write(text)
    write("crm_id,note\nada,hello\nbob,\n")
    assert "--identity" in edgewise(code=1)
    assert edgewise("--identity", "crm_id=CRMID") == "2 rows, 0 bad\n"
    assert [status(c, "vip") for c in ("ada", "bob")] == ["realized", "realized"]
    write("crm_id\ncarl\n")
    assert edgewise("--add") == "1 rows, 0 bad\n" and size("vip") == 3
    edgewise()
    assert size("vip") == 1
    write("crm_id\n,\n")
    assert "failed" in edgewise(code=1) and size("vip") == 1


def test_rows_without_profile_ingestion_are_only_kept():
    submit("lake", profileIngestion=False)
    r = fill("lake", ["ada,7,2026-01-01"])
    assert [d["stage"] for d in r["details"]] == ["DATASET_INGEST"], r
    assert status("ada", "lake") is None and size("lake") == 0
    kept = [h["value"] for h in s.topic("collect") if h["value"]["kind"] == "member" and h["value"]["audience"] == "lake"]
    assert len(kept) == 1 and kept[0]["lakeOnly"] is True and kept[0]["xdm"]["score"] == 7, kept


def test_a_deleted_audience_leaves_the_profiles_and_does_not_come_back():
    submit("gone")
    fill("gone", ["ada,,", "bob,,"])
    s.rest("DELETE", AIS + "/external-audience/gone", expect=204)
    s.drain()
    assert "gone" not in external("ada") and s.rest("GET", "/data/core/ups/audiences/gone").status == 404
    submit("gone")
    s.drain()
    assert size("gone") == 0 and status("ada", "gone") is None
    fill("gone", ["bob,,"])
    assert [status(c, "gone") for c in ("ada", "bob")] == [None, "realized"] and size("gone") == 1


def test_s19_35_ingested_memberships_are_ignored():
    sent = {"CustomerAudienceUpload": {"both": {"status": "realized", "lastQualificationTime": "2027-03-01T00:00:00Z"}},
            "ups": {"made-up": {"status": "realized", "lastQualificationTime": "2027-03-01T00:00:00Z"}}}
    inside = world.audience(s, "says it is in both", 'inSegment("both") or inSegment("made-up")')
    world.records(s, people, [{"_northpeak": {"crmId": "liar", "tier": "gold"}, "segmentMembership": sent}])
    assert memberships("liar") == {} and size(inside) == 0, memberships("liar")


def test_s19_35_an_opt_out_excludes():
    submit("private")
    rule = world.audience(s, "gold people", '_northpeak.tier = "gold"')
    looks = world.audience(s, "gold lookers", '_northpeak.tier = "gold" and xEvent[eventType = "look"].count() >= 1')
    other = s.rest("POST", "/data/core/ups/audiences", {
        "name": "gold whatever they say", "type": "SegmentDefinition", "schema": {"name": "_xdm.context.profile"},
        "dataGovernancePolicy": {"excludeOptOut": False},
        "expression": {"type": "PQL", "format": "pql/text", "value": '_northpeak.tier = "gold" and true'}}, expect=200).json["id"]
    ds = world.datastream(s, "looks", world.web_dataset(s, "looks"))
    world.destination(s, "looks", world.CUSTOM_SPEC, ds, [rule, looks, other, "private"])
    edge = Edge(s, ds)

    def says(who, value, kind="general_opt_out"):
        world.records(s, people, [{"_northpeak": {"crmId": who, "tier": "gold"}, "privacyOptOuts": [
            {"optOutType": kind, "optOutValue": value, "timestamp": "2027-03-01T00:00:00Z"}]}])

    def ups(who):
        return {a: e["status"] for a, e in memberships(who).get("ups", {}).items() if a in (rule, looks, other)}

    def on_page(who):
        r = edge.interact(minimal(events=[{"xdm": {"eventType": "look", "identityMap": {"CRMID": [{"id": who, "primary": True}]}}}]))
        s.drain()
        return sorted(x["id"] for p in r.payload("activation:pull") for x in p["segments"])
    fill("private", ["shy,,", "open,,"])
    for value in ("in", "not_provided"):
        says("shy", value)
        on_page("shy")  # a look of any time is for the hub to count
        assert on_page("shy") == sorted([rule, looks, other, "private"]), value
        assert ups("shy") == {rule: "realized", looks: "realized", other: "realized"}, (value, ups("shy"))
    says("shy", "out", "sales_sharing_opt_out")
    assert ups("shy")[rule] == "realized" == status("shy", "private")
    for value in ("out", "pending"):
        says("shy", value)
        assert ups("shy") == {rule: "exited", looks: "exited", other: "realized"}, (value, ups("shy"))
        assert status("shy", "private") == "exited"
        assert on_page("shy") == [other], value
        assert ups("shy") == {rule: "exited", looks: "exited", other: "realized"}, "an event brings nobody back"
        e = s.rest("GET", "/data/core/ups/audiences/%s/explain?entityId=shy&entityIdNS=CRMID" % rule, expect=200).json
        assert e["optedOut"] is True and e["membership"]["status"] == "exited", e
        says("shy", "in")
        assert ups("shy") == {rule: "realized", looks: "realized", other: "realized"}
        assert status("shy", "private") == "realized" and "private" in on_page("shy")
    says("shy", "out")
    made = s.rest("POST", "/data/core/ups/segment/jobs", [{"segmentId": rule}, {"segmentId": other}], expect=200).json
    for _ in range(500):
        job = s.rest("GET", "/data/core/ups/segment/jobs/" + made["id"], expect=200).json
        if job["status"] == "SUCCEEDED":
            break
        time.sleep(0.02)
    m = job["metrics"]
    assert m["membershipsRepaired"] == 0, m
    assert m["segmentedProfileCounter"] == {rule: size(rule), other: size(other)} and size(other) == size(rule) + 1, m
    fill("private", ["shy,,", "open,,"])
    assert status("shy", "private") != "realized" and status("open", "private") == "realized"


def test_in_a_strict_sandbox_uploads_move_at_once_and_rules_wait_for_the_job():
    s.rest("PATCH", "/data/foundation/sandbox-management/sandboxes/prod", {"segmentation": "strict"}, expect=200)
    inside = world.audience(s, "in the strict list", 'inSegment("strictly")')
    submit("strictly", ttlInDays=2)

    def job():
        made = s.rest("POST", "/data/core/ups/segment/jobs", [{"segmentId": inside}], expect=200).json
        for _ in range(500):
            done = s.rest("GET", "/data/core/ups/segment/jobs/" + made["id"], expect=200).json
            if done["status"] not in ("NEW", "QUEUED", "PROCESSING"):
                break
            time.sleep(0.02)
        assert done["status"] == "SUCCEEDED", done
        s.drain()
        return memberships("strict-ada").get("ups", {}).get(inside, {}).get("status")
    fill("strictly", ["strict-ada,,"])
    assert status("strict-ada", "strictly") == "realized" and inside not in memberships("strict-ada").get("ups", {})
    assert job() == "realized"
    after(days=3)
    assert status("strict-ada", "strictly") == "exited"
    assert memberships("strict-ada")["ups"][inside]["status"] == "realized", "until the next job"
    assert job() == "exited"
    s.rest("PATCH", "/data/foundation/sandbox-management/sandboxes/prod", {"segmentation": "realtime"}, expect=200)
    s.drain()


def test_the_hubs_table_can_be_built_again():
    people_of = {who: external(who) for who in ("ada", "bob", "carl", "dora", "shy", "open", "k7", "vera", "before")}
    sizes = {a: size(a) for a in ("both", "killed", "rows", "gone", "private", "onpage", "first", "moved", "lives")}
    s.drain()
    assert s.stop() == 0
    shutil.rmtree(os.path.join(s.data, "hub"))
    s.start()
    s.token = None
    clock(NOW)
    s.drain()
    members = {who: {a: e["validUntil"] for a, e in entries.items() if e["status"] == "realized"}
               for who, entries in people_of.items()}
    again = {who: {a: e["validUntil"] for a, e in external(who).items() if e["status"] == "realized"} for who in people_of}
    assert again == members, (again, members)
    assert {a: size(a) for a in sizes} == sizes


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
