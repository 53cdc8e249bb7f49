#!/usr/bin/env python3
"""Counting over all profiles: how many members an expression would have before it is saved, and who they are. What is counted
agrees with the audience of the same expression, which is kept event by event."""
import sys
import time

import world
from server import Server, run

s = Server()
UPS = "/data/core/ups"
PEOPLE = 300


def setup():
    world.namespace(s, "CRMID")
    schema = world.schema(s, "people", "profile", {"_northpeak": {"type": "object", "properties": {
        "crmId": {"type": "string"}, "tier": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")])
    people = world.dataset(s, "people", schema)
    audience = world.audience(s, "gold", '_northpeak.tier = "gold"')
    world.records(s, people, [{"_northpeak": {"crmId": "c%d" % i, "tier": ["gold", "silver", "blue"][i % 3]}}
                               for i in range(PEOPLE)])
    return audience


GOLD = setup()


def preview(pql):
    made = s.rest("POST", UPS + "/preview", {"predicateExpression": pql, "predicateType": "pql/text",
                                             "predicateModel": "_xdm.context.profile", "graphType": "none"}, expect=201)
    return made.json["previewId"]


def until(path, done):
    for _ in range(1500):
        answer = s.rest("GET", path, expect=200).json
        if done(answer):
            return answer
        time.sleep(0.02)
    raise AssertionError(answer)


def estimate(preview_id):
    return until(UPS + "/estimate/" + preview_id, lambda a: a["state"] == "RESULT_READY")


def test_an_estimate_is_exact():
    e = estimate(preview('_northpeak.tier = "gold"'))
    size = s.rest("GET", "/edgewise/audiences/%s/size" % GOLD, expect=200).json["size"]
    assert e["estimatedSize"] == size == PEOPLE / 3, (e, size)
    assert e["totalRows"] == e["profilesReadSoFar"] == PEOPLE, e
    assert e["standardError"] == 0 and e["confidenceInterval"] == "100%", e
    assert [n["profilesMatchedSoFar"] for n in e["estimatedNamespaceDistribution"]] == [PEOPLE / 3], e


def test_a_preview_names_people():
    one = preview('_northpeak.tier = "gold" and _northpeak.crmId = "c3"')
    assert estimate(one)["estimatedSize"] == 1
    r = s.rest("GET", UPS + "/preview/" + one, expect=200).json
    assert len(r["results"]) == 1 and r["page"]["size"] == 1, r
    found = s.rest("GET", r["results"][0]["_href"], expect=200).json
    assert [e["entity"]["_northpeak"]["tier"] for e in found.values()] == ["gold"], found


def test_a_count_is_as_of_now_although_nothing_came_since():
    s.drain()
    time.sleep(0.3)
    asked = s.call("GET", "/healthz").json["now"]
    made = s.rest("POST", UPS + "/diff", {"predicateExpression": "true", "predicateType": "pql/text"}, expect=201).json
    at = until(UPS + "/diff/" + made["id"], lambda a: a["state"] == "RESULT_READY")["evaluatedAt"]
    assert at >= asked, (at, asked)


def test_audiences_may_be_named():
    assert estimate(preview('inSegment("%s")' % GOLD))["estimatedSize"] == PEOPLE / 3
    assert estimate(preview('not(inSegment("%s"))' % GOLD))["estimatedSize"] == 2 * PEOPLE / 3


def test_an_unknown_field_is_refused():
    r = s.rest("POST", UPS + "/preview", {"predicateExpression": '_northpeak.teir = "gold"'}, expect=400)
    assert r.json["errors"]["400"][0]["code"].startswith("PQL-"), r.body


def test_a_preview_can_be_forgotten():
    one = preview('_northpeak.tier = "blue"')
    s.rest("DELETE", UPS + "/preview/" + one, expect=204)
    s.rest("GET", UPS + "/estimate/" + one, expect=404)


def job(segments):
    made = s.rest("POST", UPS + "/segment/jobs", segments, expect=200).json
    return until(UPS + "/segment/jobs/" + made["id"], lambda a: a["status"] not in ("NEW", "QUEUED", "PROCESSING"))


def test_a_job_agrees_with_the_memberships():
    done = job([{"segmentId": GOLD}])
    assert done["status"] == "SUCCEEDED", done
    m = done["metrics"]
    assert m["totalProfiles"] == PEOPLE and m["segmentedProfileCounter"] == {GOLD: PEOPLE / 3}, m
    assert m["segmentedProfileByStatusCounter"] == {GOLD: {"realized": PEOPLE / 3, "existing": 0, "exited": 0}}, m
    assert m["membershipsRepaired"] == 0 and s.metric("hub_profiles_wrong_total") == 0, m
    m = job({"schema": {"name": "_xdm.context.profile"}, "segments": [{"segmentId": "*"}]})["metrics"]
    assert m["segmentedProfileByStatusCounter"] == {GOLD: {"realized": 0, "existing": PEOPLE / 3, "exited": 0}}, m


def test_jobs_outlive_a_restart():
    before = s.rest("GET", UPS + "/segment/jobs", expect=200).json
    s.restart()
    s.token = None
    after = s.rest("GET", UPS + "/segment/jobs", expect=200).json
    assert after == before and after["_page"]["totalCount"] == 2, after


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
