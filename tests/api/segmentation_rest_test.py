#!/usr/bin/env python3
"""The REST API of segmentation [SEGMENTATION 16.2, 17, 18] against the binary: shapes, codes, paging, schedules that begin jobs
when the emulator's clock moves, across a restart and a crash, and the quotas of `guardrails = enforced`."""
import calendar
import json
import random
import sys
import time
import urllib.parse

import world
from server import Server, run

s = Server("--emulator")
UPS = "/data/core/ups"
AUD, DEF, JOBS, SCHEDULES = UPS + "/audiences", UPS + "/segment/definitions", UPS + "/segment/jobs", UPS + "/config/schedules"
SEARCH = {"x-ups-search-version": "1.0"}
PEOPLE = 30
HOUR, DAY = 3600000, 86400000
ERROR_KEYS = {"requestId", "errors", "type", "title", "status"}


def setup():
    world.namespace(s, "CRMID")
    schema = world.schema(s, "people", "profile", {"_northpeak": {"type": "object", "properties": {
        "crmId": {"type": "string"}, "tier": {"type": "string"}, "points": {"type": "integer"}}}},
        [("/_northpeak/crmId", "CRMID")])
    world.records(s, world.dataset(s, "people", schema), [
        {"_northpeak": {"crmId": "c%d" % i, "tier": ["gold", "silver", "blue"][i % 3], "points": i}} for i in range(PEOPLE)])
    return schema


SCHEMA = setup()


def body(name, pql, **more):
    return dict({"name": name, "type": "SegmentDefinition", "schema": {"name": "_xdm.context.profile"},
                 "expression": {"type": "PQL", "format": "pql/text", "value": pql}}, **more)


def make(name, pql='_northpeak.tier = "gold"', **more):
    return s.rest("POST", AUD, body(name, pql, **more), expect=200).json


def patch(path, **members):
    return s.rest("PATCH", path, [{"op": "add", "path": "/" + k, "value": v} for k, v in members.items()])


def refused(answer, status, code=None, says=""):
    assert answer.status == status, (answer.status, answer.body)
    j = answer.json
    assert set(j) == ERROR_KEYS and j["status"] == status and list(j["errors"]) == [str(status)], j
    error, = j["errors"][str(status)]
    assert says in error["message"] and code in (None, error["code"]), error
    assert j["type"].endswith(error["code"]), j


def now_ms():
    t = s.call("GET", "/healthz").json["now"]
    return int(time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone) * 1000 + int(t[20:23])


def move_clock(to_ms):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(to_ms // 1000)) + ".%03dZ" % (to_ms % 1000)
    r = s.call("POST", "/emulator/clock", {"now": text}, {"Content-Type": "application/json"}, timeout=60)
    assert r.status == 200, r.body
    s.token = None


def until(path, done):
    for _ in range(1500):
        answer = s.rest("GET", path, expect=200).json
        if done(answer):
            return answer
        time.sleep(0.02)
    raise AssertionError(answer)


# ---- audiences and definitions ----
def test_s19_38_an_audience_has_the_documented_shape():
    a = make("Tea buyers", description="they buy tea", labels=["core/C1"])
    want = {"id", "audienceId", "schema", "profileInstanceId", "imsOrgId", "sandbox", "isSystem", "name", "description", "expression",
            "mergePolicyId", "evaluationInfo", "ansibleUiEnabled", "dataGovernancePolicy", "creationTime", "createEpoch",
            "updateTime", "updateEpoch", "_etag", "dependencies", "dependents", "definedOn", "type", "originName",
            "overridePerformanceWarnings", "createdBy", "lastModifiedBy", "lifecycleState", "state", "labels", "namespace"}
    assert set(a) == want, set(a) ^ want
    assert a["id"] == a["audienceId"] and a["namespace"] == "AEPSegments" and a["originName"] == "REAL_TIME_CUSTOMER_PROFILE", a
    assert a["creationTime"] // 1000 == a["createEpoch"] and a["imsOrgId"] == s.org, a
    assert a["sandbox"] == {"sandboxId": a["sandbox"]["sandboxId"], "sandboxName": "prod", "type": "production", "default": True}
    assert s.rest("GET", AUD + "/" + a["id"], expect=200).json == a
    assert s.rest("GET", DEF + "/" + a["id"], expect=200).json == a


def test_s19_38_codes_of_audiences():
    a = make("coded")
    refused(s.rest("GET", AUD + "/nowhere"), 404, "UPAPI-113430-404", "not found")
    refused(s.rest("POST", AUD, {"name": "x"}), 400, "UPAPI-113434-400", "'type' is missing")
    refused(s.rest("POST", AUD, body("x", "_northpeak.tier ==")), 400, "PQL-PARSE", "line 1 column")
    refused(s.rest("POST", AUD, body("x", "_northpeak.points > true")), 400, "PQL-TYPE")
    refused(s.rest("POST", DEF, body("coded", "_northpeak.points > 1")), 422)
    refused(patch(AUD + "/" + a["id"], namespace="mine"), 400, says="cannot be changed")
    refused(patch(AUD + "/" + a["id"], lifecycleState="deleted"), 400)
    refused(s.rest("PATCH", AUD + "/" + a["id"], [{"op": "remove", "path": "/name"}]), 400, says="op must be add")
    child = make("child", 'inSegment("%s")' % a["id"])
    assert child["dependencies"] == [a["id"]], child
    assert s.rest("GET", AUD + "/" + a["id"]).json["dependents"] == [child["id"]]
    refused(s.rest("DELETE", AUD + "/" + a["id"]), 400, "UPAPI-113631-403")
    s.rest("DELETE", AUD + "/" + child["id"], expect=204)
    r = s.rest("DELETE", DEF + "/" + a["id"], expect=200)
    assert r.body == b"", r.body
    r = s.rest("GET", AUD + "/nowhere", headers={"x-request-id": "mine-1"})
    assert r.json["requestId"] == "mine-1", r.body


def test_s19_38_a_type_that_no_audience_has():
    for type, found in (("Foo", "found 'Foo'"), (7, "found ''"), ("", "found ''")):
        refused(s.rest("POST", AUD, dict(body("Typed", "true"), type=type)), 400,
                says="type must be SegmentDefinition, ExternalSegment or ExternalAudience, " + found)
    assert s.rest("GET", AUD + "?name=Typed").json["_page"]["totalCount"] == 0


def test_s19_38_a_merge_policy_that_does_not_exist():
    refused(s.rest("POST", AUD, body("Policy", "true", mergePolicyId="none")), 400, says="merge policy 'none' does not exist")
    a = make("Policy", "true")
    refused(patch(AUD + "/" + a["id"], mergePolicyId="none"), 400, says="merge policy 'none' does not exist")
    assert patch(AUD + "/" + a["id"], mergePolicyId=a["mergePolicyId"], name="Policy 2").status == 200
    assert s.rest("DELETE", AUD + "/" + a["id"]).status == 204


def test_s19_38_a_refused_expression_says_what_to_write_instead():
    refused(s.rest("POST", AUD, body("Near", "_northpeak.point = 1")), 400, "PQL-REFERENCE",
            says="unknown field '_northpeak.point' (did you mean '_northpeak.points'?)")
    refused(s.rest("POST", AUD, body("Near", "_northpeak.tier == 1")), 400, "PQL-PARSE", says="(did you mean '='?)")


def test_s19_38_definitions():
    definition = body("by definition", "_northpeak.points > 5")
    del definition["type"]
    r = s.rest("POST", DEF, definition, expect=200)
    assert r.header("X-Location") == DEF + "/" + r.json["id"], r.headers
    changed = dict(definition, name="by definition 2", expression={"type": "PQL", "format": "pql/text", "value": "_northpeak.points > 6"})
    assert s.rest("PATCH", DEF + "/" + r.json["id"], changed, expect=200).json["name"] == "by definition 2"
    replaced = s.rest("PUT", AUD + "/" + r.json["id"], {"name": "by put", "description": "d", "labels": ["core/C2"]}, expect=200).json
    assert (replaced["name"], replaced["labels"]) == ("by put", ["core/C2"]), replaced
    assert replaced["expression"]["value"] == "_northpeak.points > 6", replaced
    for key in ("name", "expression", "schema"):
        refused(s.rest("POST", DEF, {k: v for k, v in definition.items() if k != key}), 400, says="'%s' is missing" % key)


def test_s19_39_lists():
    for i in range(5):
        make("List %d" % i, description="row %d of the LIST" % (i % 2))
    r = s.rest("GET", AUD + "?name=list%20&limit=2&sort=name:desc", expect=200).json
    assert [a["name"] for a in r["children"]] == ["List 4", "List 3"], r
    assert r["_page"] == {"totalCount": 5, "totalPages": 3, "sortField": "name", "sort": "desc", "pageSize": 2, "limit": 2,
                          "start": 0, "next": 1}, r["_page"]
    assert r["_links"]["next"]["href"] == "@/audiences?start=1&limit=2&totalCount=5", r["_links"]
    r = s.rest("GET", AUD + "?name=list%20&limit=2&sort=name:desc&start=2", expect=200).json
    assert [a["name"] for a in r["children"]] == ["List 0"] and "next" not in r["_page"] and r["_links"] == {}, r
    r = s.rest("GET", AUD + "?description=1%20of%20the%20list", expect=200).json
    assert {a["name"] for a in r["children"]} == {"List 1", "List 3"}, r
    r = s.rest("GET", AUD + "?property=name==List%202&property=lifecycleState==published", expect=200).json
    assert [a["name"] for a in r["children"]] == ["List 2"], r
    assert s.rest("GET", AUD + "?property=name==List%202&property=lifecycleState==draft").json["children"] == []
    assert s.rest("GET", AUD + "?entityType=_xdm.context.account").json["children"] == []
    refused(s.rest("GET", AUD + "?sort=name:sideways"), 400, says="FIELD:asc")
    assert len(s.rest("GET", AUD + "?limit=1000").json["children"]) <= 100
    r = s.rest("GET", DEF + "?start=1&limit=2&sort=name:asc", expect=200).json
    assert set(r) == {"segments", "page", "link"} and len(r["segments"]) == 2 and r["link"] == {}, r
    assert set(r["page"]) == {"totalCount", "totalPages", "sortField", "sort", "pageSize", "limit"}, r["page"]
    assert s.rest("GET", DEF + "?evaluationInfo.synchronous.enabled=true").json["segments"] == []


def test_s19_39_bulk():
    ids = [make("Bulk %d" % i)["id"] for i in range(2)]
    for base in (AUD, DEF):
        r = s.rest("POST", base + "/bulk-get", {"ids": [{"id": i} for i in ids + ids + ["nowhere"]]}, expect=207).json["results"]
        assert set(r) == set(ids) | {"nowhere"} and r[ids[0]]["name"] == "Bulk 0", r
        assert r["nowhere"]["errors"]["404"][0]["code"] == "UPAPI-113430-404", r
        s.rest("POST", base + "/bulk-get", {"ids": [{"id": ids[0]}] * 100}, expect=207)
        refused(s.rest("POST", base + "/bulk-get", {"ids": [{"id": ids[0]}] * 101}), 400, "UPAPI-113015-400")
        refused(s.rest("POST", base + "/bulk-get", {"ids": []}), 400, "UPAPI-113015-400")
        refused(s.rest("POST", base + "/bulk-get", {"ids": ["x"]}), 400)
        refused(s.rest("POST", base + "/bulk-get", {"ids": [{"id": "nowhere"}]}), 404, "UPAPI-113000-404")


def test_s19_36_draft_published_inactive():
    parent = make("Parent", lifecycleState="draft")["id"]
    child = make("Child of it", 'inSegment("%s")' % parent, lifecycleState="draft")["id"]
    s.drain()
    assert s.rest("GET", "/edgewise/audiences/%s/size" % parent).json["size"] == PEOPLE / 3  # drafts are evaluated
    assert s.rest("GET", "/edgewise/audiences/%s/size" % child).json["size"] == PEOPLE / 3
    refused(patch(AUD + "/" + child, lifecycleState="published"), 400, says="is not published")
    assert patch(AUD + "/" + parent, lifecycleState="published").status == 200
    assert patch(AUD + "/" + child, lifecycleState="published").status == 200
    refused(patch(AUD + "/" + parent, lifecycleState="draft"), 400, says="cannot become a draft")
    refused(patch(AUD + "/" + parent, lifecycleState="inactive"), 400, says="refers to it")
    refused(patch(AUD + "/" + parent, expression={"type": "PQL", "format": "pql/text", "value": 'inSegment("%s")' % child}), 400,
            says="refers to itself")
    assert patch(AUD + "/" + child, lifecycleState="inactive").status == 200
    s.rest("DELETE", AUD + "/" + parent, expect=204)
    s.rest("DELETE", AUD + "/" + child, expect=204)


def test_s19_36_in_use_by_a_destination():
    ds = world.datastream(s)
    a = make("Activated")["id"]
    world.destination(s, "edge", world.CUSTOM_SPEC, ds, [a])
    refused(s.rest("DELETE", DEF + "/" + a), 400, "UPAPI-113631-403", "is used by destination")


# ---- conversion ----
def convert(value, form, **more):
    return s.rest("POST", UPS + "/segment/conversion", dict({
        "name": "n", "expression": {"type": "PQL", "format": form, "value": value},
        "schema": {"name": "_xdm.context.profile"}}, **more))


def test_s19_38_conversion():
    text = '_northpeak.tier = "gold" and _northpeak.points > 5'
    r = convert(text, "pql/text", description="d", payloadSchema="p").json
    assert set(r) == {"imsOrgId", "sandbox", "description", "expression", "schema", "payloadSchema", "ttlInDays"}, r
    assert r["expression"]["format"] == "pql/json" and r["description"] == "d", r
    assert json.loads(r["expression"]["value"])["fnName"] == "and", r
    back = convert(r["expression"]["value"], "pql/json").json
    assert back["expression"] == {"type": "PQL", "format": "pql/text", "value": text} and "payloadSchema" not in back, back
    refused(convert("_northpeak.tier = ", "pql/text"), 400, "PQL-PARSE", "line 1")
    refused(convert('_northpeak.teir = "gold"', "pql/text"), 400, "PQL-REFERENCE")
    refused(convert("{}", "pql/json"), 400, "PQL-PARSE")
    refused(convert("a", "pql/xml"), 400, says="pql/text or pql/json")
    refused(s.rest("POST", UPS + "/segment/conversion", {"expression": {"value": "a = 1"}}), 400, says="schema.name")


# ---- jobs ----
def finished(job):
    return until(JOBS + "/" + job, lambda a: a["status"] not in ("NEW", "QUEUED", "PROCESSING"))


def test_s19_38_jobs():
    a = make("Counted")["id"]
    r = s.rest("POST", JOBS, [{"segmentId": a}], expect=200).json
    want = {"id", "imsOrgId", "sandbox", "profileInstanceId", "source", "status", "batchId", "computeJobId", "computeGatewayJobId",
            "segments", "requestId", "schema", "_links", "creationTime", "updateTime", "updateEpoch"}
    assert set(r) == want, set(r) ^ want
    assert r["source"] == "api" and r["segments"][0]["segment"]["id"] == a and r["schema"] == {"name": "_xdm.context.profile"}, r
    done = finished(r["id"])
    m = done["metrics"]
    assert done["status"] == "SUCCEEDED" and m["segmentedProfileCounter"] == {a: PEOPLE / 3}, done
    assert m["totalProfiles"] == PEOPLE and list(m["totalProfilesByMergePolicy"].values()) == [PEOPLE], m
    assert set(m["totalTime"]) == {"startTimeInMs", "endTimeInMs", "totalTimeInMs"} == set(m["profileSegmentationTime"]), m
    assert set(m["segmentedProfileByStatusCounter"][a]) == {"realized", "existing", "exited"}, m
    other = s.rest("POST", JOBS, {"schema": {"name": "_xdm.context.profile"}, "segments": [{"segmentId": "*"}]}, expect=200).json
    assert other["segments"] == [{"segmentId": "*"}], other
    finished(other["id"])
    r = s.rest("GET", JOBS + "?property=segments~segmentId==" + a, expect=200).json
    assert [j["id"] for j in r["children"]] == [done["id"]] and set(r) == {"children", "_page", "_links"}, r
    assert r["_page"] == {"totalCount": 1, "pageSize": 1} and r["_links"] == {}, r
    r = s.rest("GET", JOBS + "?sort=creationTime:asc&limit=1&status=SUCCEEDED", expect=200).json
    assert [j["id"] for j in r["children"]] == [done["id"]] and "start=1&limit=1" in r["_links"]["next"]["href"], r
    assert s.rest("GET", JOBS + "?snapshot.name=x", expect=200).json["children"] == []
    r = s.rest("POST", JOBS + "/bulk-get", {"ids": [{"id": done["id"]}, {"id": "nowhere"}]}, expect=207).json["results"]
    assert r[done["id"]] == done and r["nowhere"]["errors"]["404"], r
    refused(s.rest("POST", JOBS + "/bulk-get", {"ids": [{"id": "x"}] * 101}), 400, "UPAPI-113015-400")
    refused(s.rest("POST", JOBS + "/bulk-get", {"ids": [{"id": "x"}]}), 404, "UPAPI-113000-404")
    refused(s.rest("POST", JOBS, [{"segmentId": "nowhere"}]), 404)
    refused(s.rest("POST", JOBS, [{"id": "nowhere"}]), 400, says="every element needs a member 'segmentId'")
    external = s.rest("POST", AUD, {"name": "files", "type": "ExternalSegment", "audienceId": "files", "originName": "CUSTOM_UPLOAD",
                                    "namespace": "CustomerAudienceUpload"}, expect=200).json["id"]
    refused(s.rest("POST", JOBS, [{"segmentId": external}]), 400, says="its members come with files")
    assert s.rest("DELETE", AUD + "/" + external).status == 204
    refused(s.rest("GET", JOBS + "/nowhere"), 404)
    s.rest("DELETE", JOBS + "/" + done["id"], expect=204)


# ---- previews ----
def test_s19_41_an_estimate_reads_everything():
    move_clock(now_ms() + 1000)
    p = s.rest("POST", UPS + "/preview", {"predicateExpression": '_northpeak.tier = "gold"', "predicateType": "pql/text",
                                          "predicateModel": "_xdm.context.profile", "graphType": "none"}, expect=201).json
    assert set(p) == {"state", "previewQueryId", "previewQueryStatus", "previewId", "previewExecutionId"} and p["state"] == "NEW", p
    e = until(UPS + "/estimate/" + p["previewId"], lambda a: a["state"] == "RESULT_READY")
    matched, read, total = e["profilesMatchedSoFar"], e["profilesReadSoFar"], e["totalRows"]
    assert (matched, read, total) == (PEOPLE / 3, PEOPLE, PEOPLE), e
    assert e["estimatedSize"] == matched * total / read and e["standardError"] == 0 and e["numRowsToRead"] == read, e
    assert {"estimatedNamespaceDistribution", "error", "confidenceInterval", "_links"} <= set(e), e
    r = s.rest("GET", UPS + "/preview/%s?limit=3" % p["previewId"], expect=200).json
    assert r["page"] == {"offset": 0, "size": 3} and len(r["results"]) == 3 and "relatedObjects" in r["results"][0], r
    s.rest("DELETE", UPS + "/preview/" + p["previewId"], expect=204)
    refused(s.rest("GET", UPS + "/estimate/" + p["previewId"]), 404)


def test_s19_41_the_sample_is_everything():
    r = s.rest("GET", UPS + "/previewsamplestatus", expect=200).json
    assert r["totalRows"] == r["numRowsToRead"] == str(PEOPLE) and r["samplingRatio"] == 1.0, r
    assert r["totalFragmentCount"] == PEOPLE and r["cosmosDocCount"] == '"%d"' % PEOPLE, r
    assert r["status"] == "TASK_FINISHED" and r["sampleJobRunning"]["status"] is False, r
    time.strptime(r["lastSampledTimestamp"], "%Y-%m-%d %H:%M:%S.0")
    assert s.rest("GET", UPS + "/previewsamplestatus").json == r
    n, = s.rest("GET", UPS + "/previewsamplestatus/report/namespace", expect=200).json["data"]
    assert (n["code"], n["fullIDsCount"], n["fullIDsPercentage"]) == ("CRMID", PEOPLE, 1.0), n
    world.records(s, world.dataset(s, "points", SCHEMA), [{"_northpeak": {"crmId": "c%d" % i, "points": 1}} for i in range(3)])
    report = UPS + "/previewsamplestatus/report/dataset"
    by_name = {d["name"]: d for d in s.rest("GET", report, expect=200).json["data"]}
    assert {k: d["fullIDsCount"] for k, d in by_name.items()} == {"people": PEOPLE, "points": 3}, by_name
    assert by_name["points"]["samplePercentage"] == 0.1 and len(by_name["points"]["value"]) == 24, by_name
    assert s.rest("GET", report + "?date=" + r["lastSampledTimestamp"][:10], expect=200).json["data"]
    s.rest("GET", report + "?date=2020-02-02", expect=404)
    move_clock(now_ms() + HOUR)
    assert s.rest("GET", UPS + "/previewsamplestatus").json["lastSampledTimestamp"] > r["lastSampledTimestamp"]


# ---- search ----
def search(what, headers=SEARCH, **query):
    q = dict({"schema.name": "_xdm.context.segmentdefinition"}, **query)
    return s.rest("GET", UPS + "/search/" + what + "?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None}),
                  headers=headers)


def test_s19_38_search():
    a = make("Camping stove owners", description="own a stove")["id"]
    r = search("namespaces", s="stove").json
    assert r == {"namespaces": [{"namespace": "AEPSegments", "displayName": "AEPSegments", "count": 1}], "totalCount": 1,
                 "status": {"message": "Success"}}, r
    r = search("entities", namespace="AEPSegments", s="segmentName:camp* AND owners").json
    entity, = r["entities"]
    assert set(entity) == {"id", "base64EncodedSourceId", "sourceId", "isFolder", "parentFolderId", "name", "description"}, entity
    assert entity["id"] == a and entity["isFolder"] is False, entity
    assert r["page"] == {"totalCount": 1, "totalPages": 1, "pageOffset": 0, "pageSize": 50}, r
    r = search("entities", namespace="AEPSegments", limit=2, page=1).json
    assert len(r["entities"]) == 2 and r["page"]["pageOffset"] == 1, r
    r = search("entities", namespace="AEPSegments", limit=2, page=1 << 63).json  # no number of a page
    assert len(r["entities"]) == 2 and r["page"]["pageOffset"] == 0, r
    assert search("entities", namespace="AAMSegments").json["entities"] == []
    r = search("taxonomy", namespace="AEPSegments", entityId=a).json
    assert [t["id"] for t in r["taxonomy"]] == [a], r
    refused(search("namespaces", headers={}), 400, says="x-ups-search-version")
    refused(search("entities", namespace=None), 400, says="namespace is missing")
    refused(search("entities", namespace="AEPSegments", s="size:3"), 400, says="position 1")
    refused(search("namespaces", **{"schema.name": "x"}), 400, says="schema.name must be")
    assert search("namespaces", **{"schema.name": None, "schemaClass": "_xdm.context.segmentdefinition"}).status == 200
    refused(search("taxonomy", namespace="AEPSegments", entityId="nowhere"), 404)
    refused(search("taxonomy", namespace="AEPSegments"), 400, says="entityId")


# ---- schedules ----
def scheduled():
    return s.rest("GET", JOBS + "?property=source==scheduler&limit=100", expect=200).json["children"]


def test_s19_40_a_schedule_begins_jobs():
    make("Every day")
    start = now_ms() // DAY * DAY + DAY  # midnight
    move_clock(start)
    made = s.rest("POST", SCHEDULES, {"name": "daily", "type": "batch_segmentation", "properties": {"segments": ["*"]},
                                      "schedule": "0 30 1 * * ?"}, expect=200).json
    want = {"id", "imsOrgId", "sandbox", "name", "type", "properties", "schedule", "state", "createEpoch", "updateEpoch"}
    assert set(made) == want and made["state"] == "inactive", made
    one = SCHEDULES + "/" + made["id"]
    move_clock(start + DAY)
    assert scheduled() == []
    assert patch(one, state="active").status == 204
    assert s.rest("GET", one).json["nextRunInMs"] == start + DAY + HOUR * 3 // 2
    move_clock(start + DAY + HOUR)
    assert scheduled() == []
    move_clock(start + DAY + HOUR * 3 // 2)
    job, = scheduled()
    assert job["status"] == "SUCCEEDED" and job["properties"]["scheduleId"] == made["id"] and job["properties"]["runId"], job
    assert job["metrics"]["totalProfiles"] == PEOPLE, job
    move_clock(start + DAY + 2 * HOUR)
    assert len(scheduled()) == 1  # once
    move_clock(start + 5 * DAY)
    assert len(scheduled()) == 2  # the missed ones as one
    refused(s.rest("POST", SCHEDULES, dict(made, state="active")), 400, says="active schedule")
    refused(patch(one, schedule="0 0 24 * * ?"), 400, says="hours (field 3): expected a number from 0 to 23, found '24'")
    refused(patch(one, schedule="0 0 1,2 * * ?"), 400, says="once a day")
    refused(s.rest("GET", SCHEDULES + "/nowhere"), 404)
    r = s.rest("GET", SCHEDULES, expect=200).json
    assert [c["id"] for c in r["children"]] == [made["id"]] and r["_page"] == {"totalCount": 1, "pageSize": 1}, r
    streamed = make("Streamed", evaluationInfo={"continuous": {"enabled": True}})["id"]
    refused(patch(one, state="inactive"), 400, says="1 streaming audience")
    s.rest("DELETE", AUD + "/" + streamed, expect=204)
    assert patch(one, state="inactive").status == 204
    s.rest("DELETE", one, expect=204)


def test_s19_40_by_the_clock_once_over_crashes():
    """Killed around the instant itself: whatever was saved by then, the instant has one job in the end."""
    real = Server()
    try:
        real.rest("POST", AUD, body("anybody", "person.name.firstName.isNotNull()"), expect=200)
        one = None
        for n in range(1, 6):
            at = time.gmtime(time.time() + 2)
            cron = "%d %d %d * * ?" % (at.tm_sec, at.tm_min, at.tm_hour)
            if one is None:
                one = real.rest("POST", SCHEDULES, {"name": "soon", "type": "batch_segmentation", "state": "active",
                                                    "properties": {"segments": ["*"]}, "schedule": cron}, expect=200).json["id"]
            else:
                real.rest("PATCH", SCHEDULES + "/" + one, [{"op": "add", "path": "/schedule", "value": cron}], expect=204)
            if n > 1:
                time.sleep(max(0, calendar.timegm(at) - time.time() + random.uniform(-0.02, 0.04)))
                real.kill()
                time.sleep(0.3)
                real.start()
                real.token = None
            for _ in range(1500):
                jobs = real.rest("GET", JOBS, expect=200).json["children"]
                if len(jobs) >= n and all(j["status"] == "SUCCEEDED" for j in jobs):
                    break
                time.sleep(0.02)
            assert len(jobs) == n and {j["source"] for j in jobs} == {"scheduler"}, (n, jobs)
        real.restart()
        real.token = None
        assert real.rest("GET", JOBS, expect=200).json["_page"]["totalCount"] == n
    finally:
        assert real.close() == 0


# ---- quotas and guardrails ----
def test_s19_43_guardrails_are_shown():
    r = s.rest("GET", "/edgewise/guardrails", expect=200).json
    by_name = {g["name"]: g for g in r["guardrails"]}
    assert r["enforced"] is False and by_name["audiences"]["limit"] == 4000, r
    assert by_name["audiences"]["count"] == s.rest("GET", AUD).json["_page"]["totalCount"], by_name["audiences"]
    assert by_name["audiences"]["alertPercent"] == 0 and s.metric("guardrails_at_80_percent") == 0, r
    assert r["largeAudiences"] and all(a["percent"] > 30 for a in r["largeAudiences"]), r
    warned = make("Warned", "[1].count() > 0 and [1].count() > 1 and [2].count() > 0 and [3].count() > 0")
    assert warned["performanceWarnings"] == ["at most 3 aggregations in an expression are advised, found 4"], warned


def test_s19_42_quotas_when_enforced():
    s.stop()
    s.args = [a for a in s.args if a != "--emulator"] + ["--guardrails", "enforced", "--guardrail-limits", "audiences=10,chain-events=4"]
    s.start()
    s.token = None
    every = {"schema": {"name": "_xdm.context.profile"}, "segments": [{"segmentId": "*"}]}
    for _ in range(2):
        finished(s.rest("POST", JOBS, every, expect=200).json["id"])
    refused(s.rest("POST", JOBS, every), 429, says="2 jobs of today are used up")
    s.restart()
    s.token = None
    refused(s.rest("POST", JOBS, every), 429)
    r = {g["name"]: g for g in s.rest("GET", "/edgewise/guardrails").json["guardrails"]}
    assert r["runs-per-day"]["count"] == 2 and r["runs-per-year"]["count"] == 2 and r["runs-per-day"]["alertPercent"] == 100, r
    assert r["audiences"]["alertPercent"] == 100 and s.metric("guardrails_at_90_percent") == 1, r
    chain = "chain(xEvent, timestamp, [%s])"
    elements = ["%s: WHAT(eventType = \"x\")" % label for label in "ABCDE"]
    refused(s.rest("POST", AUD, body("long", chain % ", ".join(elements), overridePerformanceWarnings=True)), 400,
            says="at most 4 events in one sequence are allowed, found 5")
    refused(s.rest("POST", AUD, body("four", chain % ", ".join(elements[:4]))), 400, says="overridePerformanceWarnings")
    assert make("four", chain % ", ".join(elements[:4]), overridePerformanceWarnings=True)["overridePerformanceWarnings"] is True


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
