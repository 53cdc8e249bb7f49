#!/usr/bin/env python3
"""Export jobs [SEGMENTATION 17.7]: which profiles, which fields, into which batches, and what a client reads of the files."""
import json
import os
import sys
import time

import world
from server import Edge, Server, minimal, run

s = Server("--emulator")
UPS = "/data/core/ups"
PEOPLE = 240


def clock(now):
    assert s.call("POST", "/emulator/clock", {"now": now}).status == 200


clock("2027-03-01T12:00:00Z")
world.namespace(s, "CRMID")
people = world.dataset(s, "people", world.schema(s, "people", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "tier": {"type": "string"}, "points": {"type": "integer"}}}}, [("/_northpeak/crmId", "CRMID")]))
target = world.dataset(s, "exports", world.schema(s, "exports", "profile", groups=["identitymap"]))
events = world.web_dataset(s)
gold = world.audience(s, "gold", '_northpeak.tier = "gold"')
rich = world.audience(s, "rich", "_northpeak.points > 100")
world.records(s, people, [{"_northpeak": {"crmId": "c%d" % i, "tier": ["gold", "silver", "blue"][i % 3], "points": i}}
                          for i in range(PEOPLE)])
E = Edge(s, world.datastream(s, "web", events))
for n in range(3):
    for who in ("c0", "only-events"):
        assert E.interact(minimal(events=[{"xdm": {
            "eventType": "view", "timestamp": "2027-03-01T1%d:00:00Z" % n,
            "identityMap": {"CRMID": [{"id": who, "primary": True}]}}}])).status == 200
s.drain()
policy = s.rest("GET", UPS + "/config/mergePolicies", expect=200).json["children"][0]["id"]


def body(**more):
    return dict({"mergePolicy": {"id": policy, "version": 1}, "destination": {"datasetId": target, "segmentPerBatch": False},
                 "schema": {"name": "_xdm.context.profile"}}, **more)


def ended(job_id):
    for _ in range(1500):
        job = s.rest("GET", UPS + "/export/jobs/%s" % job_id, expect=200).json
        if job["status"] not in ("NEW", "PROCESSING", "CANCELLING"):
            return job
        time.sleep(0.02)
    raise AssertionError(job)


def export(**more):
    made = s.rest("POST", UPS + "/export/jobs", body(**more), expect=200).json
    assert made["status"] == "NEW" and isinstance(made["id"], int) and made["jobType"] == "BATCH", made
    job = ended(made["id"])
    assert job["status"] == "SUCCEEDED", job
    return job


def lines(batch):
    listing = s.rest("GET", "/data/foundation/export/batches/%s/files" % batch, expect=200).json
    (f,) = listing["data"]
    raw = s.rest("GET", "/data/foundation/export/files/%s?path=%s" % (f["dataSetFileId"], f["name"]), expect=200).body
    assert len(raw) == int(f["length"]) and f["_links"]["self"]["href"].endswith(f["name"]), (len(raw), f)
    return [json.loads(line) for line in raw.decode().splitlines()]


def of(job):
    return lines(job["destination"]["batchId"])


def ids(rows):
    return sorted(r["identityMap"]["CRMID"][0]["id"] for r in rows)


def test_s19_38_an_export_has_the_documented_shape():
    job = export()
    assert set(job["metrics"]) >= {"totalTime", "profileExportTime", "aCPDatasetWriteTime", "totalExportedProfileCounter"}, job
    assert set(job["computeGatewayJobId"]) == {"exportJob", "pushJob"} and job["profileInstanceId"] == "ups", job
    assert job["metrics"]["totalExportedProfileCounter"] == PEOPLE, job["metrics"]
    rows = of(job)
    assert ids(rows) == sorted("c%d" % i for i in range(PEOPLE)), "every profile once, those of events alone not"
    c0 = [r for r in rows if r["identityMap"]["CRMID"][0]["id"] == "c0"][0]
    assert c0["_northpeak"] == {"crmId": "c0", "tier": "gold", "points": 0} and "eventList" not in c0, c0
    assert c0["segmentMembership"]["ups"][gold]["status"] == "realized", c0
    batch = s.rest("GET", "/data/foundation/catalog/batches/" + job["destination"]["batchId"], expect=200).json
    (b,) = batch.values()
    assert b["status"] == "success" and b["recordCount"] == PEOPLE, b
    assert len(of(export(filter={"emptyProfiles": True}))) == PEOPLE + 1


def test_filters():
    assert ids(of(export(filter={"segments": [{"segmentId": gold, "segmentNs": "ups"}]}))) == sorted(
        "c%d" % i for i in range(0, PEOPLE, 3))
    both = of(export(filter={"segments": [{"segmentId": gold, "status": ["realized"]}, {"segmentId": rich}]}))
    assert ids(both) == sorted("c%d" % i for i in range(PEOPLE) if i % 3 == 0 or i > 100), len(both)
    clock("2027-03-02T12:00:00Z")
    world.records(s, people, [{"_northpeak": {"crmId": "c0", "tier": "silver", "points": 0}},
                              {"_northpeak": {"crmId": "c1", "tier": "gold", "points": 1}}])
    one = {"segmentId": gold, "segmentNs": "ups"}
    assert ids(of(export(filter={"segments": [dict(one, status=["exited"])]}))) == ["c0"]
    late = {"startTime": "2027-03-02T00:00:00Z", "endTime": "2027-03-03T00:00:00Z"}
    assert ids(of(export(filter={"segments": [one], "segmentQualificationTime": late}))) == ["c1"]
    assert ids(of(export(filter={"segments": [dict(one, status=["existing", "exited"])], "segmentQualificationTime": late}))) == [
        "c0", "c1"]
    assert ids(of(export(filter={"fromIngestTimestamp": "2027-03-02T00:00:00Z"}))) == ["c0", "c1"]
    assert of(export(filter={"fromIngestTimestamp": "2027-03-05T00:00:00Z"})) == []


def test_fields_and_events():
    rows = of(export(fields="_northpeak.tier, identities.id", filter={"segments": [{"segmentId": gold}]}))
    assert all(set(r) == {"_northpeak", "identities"} and set(r["_northpeak"]) == {"tier"} for r in rows), rows[:2]
    assert {"id": "c3"} in rows[0]["identities"] + [i for r in rows for i in r["identities"]], rows[:2]
    rows = of(export(fields="identityMap", additionalFields={"eventList": {
        "fields": "timestamp,eventType",
        "filter": {"fromIngestTimestamp": "2027-03-01T10:30:00Z", "toIngestTimestamp": "2027-03-01T12:00:00Z"}}}))
    (c0,) = [r for r in rows if r["identityMap"]["CRMID"][0]["id"] == "c0"]
    assert [(e["eventType"], e["timestamp"]) for e in c0["eventList"]] == [
        ("view", "2027-03-01T11:00:00Z"), ("view", "2027-03-01T12:00:00Z")], c0
    assert all(set(e) == {"eventType", "timestamp"} for e in c0["eventList"]), c0
    assert sum(len(r["eventList"]) for r in rows) == 2, "nobody else has any"


def test_a_batch_for_each_audience():
    job = export(filter={"segments": [{"segmentId": gold, "segmentNs": "ups"}, {"segmentId": rich, "status": ["realized"]}]},
                 destination={"datasetId": target, "segmentPerBatch": True})
    batches = job["destination"]["batches"]
    assert set(batches) == {gold, rich} and all(set(b) == {"segmentNs", "status", "batchId"} for b in batches.values()), batches
    assert batches[gold]["status"] == ["realized", "existing"] and batches[rich]["status"] == ["realized"], batches
    a, b = lines(batches[gold]["batchId"]), lines(batches[rich]["batchId"])
    assert len(a) == PEOPLE // 3 and len(b) == PEOPLE - 101, (len(a), len(b))
    assert job["metrics"]["totalExportedProfileCounter"] == len(set(ids(a)) | set(ids(b))), job["metrics"]


def test_bad_jobs_are_refused():
    export()

    def bad(expected, **more):
        r = s.rest("POST", UPS + "/export/jobs", body(**more))
        assert r.status == 400 and expected in r.body.decode(), (expected, r.status, r.body)
    bad("schema.name", schema={"name": "_xdm.context.account"})
    bad("mergePolicy is required", mergePolicy=None)
    bad("merge policy 'nosuch' does not exist", mergePolicy={"id": "nosuch"})
    bad("does not exist", destination={"datasetId": "nosuch"})
    bad("audience 'nosuch' does not exist", filter={"segments": [{"segmentId": "nosuch"}]})
    bad("found 'left'", filter={"segments": [{"segmentId": gold, "status": ["left"]}]})
    bad("named twice", filter={"segments": [{"segmentId": gold}, {"segmentId": gold}]})
    bad("at most 63", filter={"segments": [{"segmentId": gold}] * 64})
    bad("startTime must be a time", filter={"segmentQualificationTime": {"startTime": "yesterday"}})
    bad("separated by commas", fields="a,,b")
    bad("segmentPerBatch needs", destination={"datasetId": target, "segmentPerBatch": True})
    before = s.rest("GET", UPS + "/export/jobs?limit=100", expect=200).json["records"]
    assert all(j["status"] == "SUCCEEDED" for j in before), before
    for path in ("/export/jobs/nosuch", "/export/jobs/99999"):
        assert s.rest("GET", UPS + path).status == s.rest("DELETE", UPS + path).status == 404
    assert s.rest("DELETE", UPS + "/export/jobs/%d" % before[0]["id"]).status == 400, "it has ended"


def test_as_many_audiences_as_there_may_be():
    many = [world.audience(s, "more than %d" % i, "_northpeak.points > %d" % i) for i in range(63)]
    s.drain()
    job = export(filter={"segments": [{"segmentId": a} for a in many]}, fields="_northpeak.points",
                 destination={"datasetId": target, "segmentPerBatch": True})
    counts = [len(lines(job["destination"]["batches"][a]["batchId"])) for a in many]
    assert counts == [PEOPLE - 1 - i for i in range(63)], counts
    for a in many:
        s.rest("DELETE", UPS + "/audiences/" + a, expect=204)


def test_lists_have_pages():
    every = s.rest("GET", UPS + "/export/jobs?limit=100", expect=200).json
    assert [j["id"] for j in every["records"]] == sorted((j["id"] for j in every["records"]), reverse=True)
    assert every["link"] == {} and every["page"]["sort"] == "desc" and every["page"]["sortField"] == "createdTime", every["page"]
    seen, path = [], UPS + "/export/jobs?limit=3"
    while path:
        page = s.rest("GET", path, expect=200).json
        assert len(page["records"]) == page["page"]["pageSize"] <= 3
        seen += [j["id"] for j in page["records"]]
        last = page["records"][-1]
        assert page["page"]["pageOffset"] == "%d_%d" % (last["creationTime"], last["id"]), page["page"]
        path = "/data/core/ups" + page["link"]["next"] if "next" in page["link"] else None
    assert seen == [j["id"] for j in every["records"]]
    assert s.rest("GET", UPS + "/export/jobs?status=FAILED", expect=200).json["records"] == []
    assert s.rest("GET", UPS + "/export/jobs?offset=1_2").status == 400


def test_a_file_is_read_in_parts():
    batch = export(fields="identities.id")["destination"]["batchId"]
    path = "/data/foundation/export/files/%s-1?path=part-00000.json" % batch
    whole = s.rest("GET", path, expect=200).body
    head, tail = [s.rest("GET", path, headers={"Range": r}, expect=206).body for r in ("bytes=0-99", "bytes=100-")]
    assert head + tail == whole and len(head) == 100
    for bad in (batch + "-2", batch, "nosuch-1"):
        assert s.rest("GET", "/data/foundation/export/files/" + bad).status == 404, bad
    assert s.rest("GET", path + "x").status == 404


def test_people_whom_only_an_upload_names():
    ais = "/data/core/ais"
    s.rest("PUT", ais + "/files/vip.csv", "id\nc1\nonly-uploaded\n", {"Content-Type": "text/csv"}, expect=2)
    s.rest("POST", ais + "/external-audience/submit", {
        "name": "vip", "audienceId": "vip", "fields": [{"name": "id", "type": "string", "identityNs": "CRMID"}],
        "sourceSpec": {"path": "vip.csv", "type": "file"}}, expect=2)
    run_id = s.rest("POST", ais + "/external-audience/vip/run", {"differentialIngestion": False}, expect=2).json["runId"]
    for _ in range(500):
        status = s.rest("GET", ais + "/external-audience/vip/run/" + run_id, expect=200).json["status"]
        if status != "PROCESSING":
            break
        time.sleep(0.02)
    s.drain()
    assert status == "SUCCESS"
    assert ids(of(export(filter={"segments": [{"segmentId": "vip", "segmentNs": "CustomerAudienceUpload"}]}))) == [
        "c1", "only-uploaded"]


def test_a_killed_job_begins_anew_and_leaves_no_rest():
    world.records(s, people, [{"_northpeak": {"crmId": "k%d" % i, "tier": "blue", "points": 1}} for i in range(3000)])
    made = s.rest("POST", UPS + "/export/jobs", body(), expect=200).json
    cancelled = s.rest("POST", UPS + "/export/jobs", body(), expect=200).json
    s.kill()
    s.start()
    s.token = None
    assert s.rest("DELETE", UPS + "/export/jobs/%d" % cancelled["id"], expect=200).json == {
        "status": True, "message": "Export job has been marked for cancelling"}
    job = ended(made["id"])
    assert job["status"] == "SUCCEEDED" and len(of(job)) == PEOPLE + 1 + 3000, job
    assert ended(cancelled["id"])["status"] == "CANCELLED"
    names = os.listdir(os.path.join(s.data, "import", "exports"))
    assert not [n for n in names if not n.endswith(".json")], names
    assert cancelled["destination"]["batchId"] + ".json" not in names and made["destination"]["batchId"] + ".json" in names
    assert s.rest("GET", "/data/foundation/export/batches/%s/files" % cancelled["destination"]["batchId"]).status == 404
    with open(os.path.join(s.data, "import", "exports", "01BX5ZZKBKACTAV9WEVGEMMVRZ.json.part"), "w") as f:
        f.write("half a li")
    s.restart()
    s.token = None
    assert os.listdir(os.path.join(s.data, "import", "exports")).count("01BX5ZZKBKACTAV9WEVGEMMVRZ.json.part") == 0
    assert len(of(job)) == PEOPLE + 1 + 3000, "what was written stays"


def test_the_oldest_job_goes_with_its_files():
    first = s.rest("GET", UPS + "/export/jobs?limit=100", expect=200).json["records"][-1]
    batch = first["destination"]["batchId"]
    count = len(s.rest("GET", UPS + "/export/jobs?limit=100").json["records"])
    for _ in range(101 - count):
        last = export(filter={"fromIngestTimestamp": "2029-01-01T00:00:00Z"})
    assert s.rest("GET", UPS + "/export/jobs/%d" % first["id"]).status == 404
    assert s.rest("GET", UPS + "/export/jobs/%d" % (first["id"] + 1)).status == 200
    assert batch + ".json" not in os.listdir(os.path.join(s.data, "import", "exports"))
    assert s.rest("GET", "/data/foundation/export/batches/%s/files" % batch).status == 404
    assert of(last) == []


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
