#!/usr/bin/env python3
"""Results counted anew (docs/statistics.md): under metrics that an activity did not have when its visitors came.

Each goal has two activities, which the same visitors see: the first waited for something else at first, its twin for the
goal from the start. After a recount their reports are the same, and stay so."""
import os
import shutil
import sys
import time

from delivery_world import NOW, World, metric
from server import run

w = None
V1 = {"Accept": "application/vnd.adobe.target.v1+json"}
KINDS = range(7)
LATER = "2027-03-09T12:30:00Z"
FIRST, TWIN = 7100, 7200


def goals(k, hero):
    more = {"metricLocalId": 7, "name": "Gated", "action": {"type": "always_convert"}, "dependsOn": [32767],
            "mboxes": [{"name": "rcC", "successEvent": "mbox_shown"}]}
    pages = {"metricLocalId": 32767, "name": "Pages", "engagement": "page_count", "action": {"type": "always_convert"}}
    click = {"metricLocalId": 32767, "name": "Click", "action": {"type": "count_once"},
             "mboxes": [{"name": hero, "successEvent": "mbox_clicked"}]}
    return [[metric("rcB")], [metric("rcB", "always_convert")], [metric("rcB", "restart_same_experience")],
            [metric("rcB", "always_convert"), more], [pages], [click],
            [metric("rcB", "always_convert", revenue=True)]][k]


def setup():
    global w
    w = World()
    w.clock(NOW)
    for k in KINDS:
        for number, hero, metrics in ((FIRST + k, "rcHero%d" % k, [metric("rcA")]),
                                      (TWIN + k, "rcTwin%d" % k, goals(k, "rcTwin%d" % k))):
            w.activity("ab", number, [(100, w.offer("content", content="c"))], hero, metrics=metrics)


def finish():
    return w.close()


def counts(activity):
    """All of it: every method and metric, by the hour, and the orders."""
    out = []
    for m in (32767, 7):
        r = w.rest("GET", "/activities/ab/%d/report/performance?resolution=hour&conversionMetricLocalIds=%d"
                   % (activity, m), headers=V1)
        out.append(r.json["report"]["statistics"]["totals"])
    orders = w.rest("GET", "/activities/ab/%d/report/orders" % activity, headers=V1).json["orders"]
    return out, [(o["id"], o["total"], o["duplicate"], o["outlier"]) for o in orders]


def click(name, who, session):
    """Shown, and clicked with the token that the answer has; without a click metric, by the location's name."""
    item = w.mbox(name, who, session=session)
    token = item.get("metrics", [{}])[0].get("eventToken")
    notice = {"id": "n", "type": "click", "timestamp": 1, "mbox": {"name": name}}
    if token:
        notice["tokens"] = [token]
    w.ask({"id": who, "notifications": [notice]}, session=session)


def visitors(n, seed):
    for i in range(n):
        who, session = {"tntId": "%032x" % (seed * 100000 + i * 7919)}, "rc%d-%d" % (seed, i)
        for again in range(1 + i % 3):
            for k in KINDS:
                names = ("rcHero%d" % k, "rcTwin%d" % k)
                w.ask({"id": who, "execute": {"mboxes": [{"index": n, "name": x} for n, x in enumerate(names)]}},
                      session=session)
                if k == 5 and i % 3 == 1 and again == 0:
                    for name in names:
                        click(name, who, session)
            if i % 4 == 0:
                w.mbox("rcA", who, session=session)
            if i % 3 == 0 or again == 1:
                order = {"order": {"id": "o%d-%d" % (seed, i - again), "total": 10 + i}} if i % 2 else {"order": {}}
                w.mbox("rcB", who, session=session, details=order)
            if i % 5 < 2:
                w.mbox("rcC", who, session=session)
    w.s.drain()


def recount(body):
    id = w.s.rest("POST", "/edgewise/recounts", body, expect=2).json["id"]
    end = time.time() + 60
    while True:
        answer = w.s.rest("GET", "/edgewise/recounts/" + id, expect=2).json
        if answer["state"] not in ("NEW", "RUNNING"):
            return answer
        assert time.time() < end, answer
        time.sleep(0.02)


def all_same():
    w.s.drain()
    for k in KINDS:
        mine, twin = counts(FIRST + k), counts(TWIN + k)
        for unit in ("visitor", "visit", "impression"):
            for m in (0, 1):
                assert mine[0][m][unit] == twin[0][m][unit], (k, unit, m, mine[0][m][unit], twin[0][m][unit])
        assert mine == twin, k


def test_what_if_changes_nothing():
    visitors(24, 1)
    before, twin = counts(FIRST + 1), counts(TWIN + 1)
    answer = recount({"activityId": FIRST + 1, "metrics": goals(1, "rcHero1")})
    assert answer["state"] == "RESULT_READY" and answer["whatIf"], answer
    row = answer["rows"][0]
    for m in row["metrics"]:
        want = {u: twin[0][0][u]["totals"]["conversions"] for u in ("visitor", "visit", "impression")}
        assert m["metricLocalId"] == 32767 and m["conversions"] == want, (m, want)
        assert m["revenue"] == twin[0][0]["visitor"]["totals"]["totalSales"] > 0
    assert row["impressions"] == twin[0][0]["impression"]["totals"]["entries"]
    assert counts(FIRST + 1) == before and before != twin
    assert "recount" not in w.s.rest("GET", "/edgewise/reports/%d" % (FIRST + 1), expect=2).json


def test_recount_is_having_had_the_metrics_from_the_start():
    for k in KINDS:
        body = w.rest("GET", "/activities/ab/%d" % (FIRST + k)).json
        body["metrics"] = goals(k, "rcHero%d" % k)
        w.rest("PUT", "/activities/ab/%d" % (FIRST + k), body)
        assert counts(FIRST + k) != counts(TWIN + k), k
        answer = recount({"activityId": FIRST + k})
        assert answer["state"] == "RESULT_READY" and "since" not in answer, answer
        assert answer["recordsRead"] > 100 and answer["recordsRead"] <= answer["recordsTotal"], answer
        told = w.s.rest("GET", "/edgewise/reports/%d" % (FIRST + k), expect=2).json["recount"]
        assert told["id"] == answer["id"] and "since" not in told, told
        assert b"Counted anew on" in w.s.call("GET", "/reports/%d" % (FIRST + k)).body
    all_same()
    visitors(12, 2)  # and goes on
    all_same()


def test_recounting_again_changes_nothing():
    before = counts(FIRST)
    assert recount({"activityId": FIRST})["state"] == "RESULT_READY"
    assert counts(FIRST) == before, (counts(FIRST), before)
    visitors(4, 3)
    all_same()


def test_a_restart_and_a_table_made_anew_have_the_same():
    before = [counts(FIRST + k) for k in KINDS]
    w.s.stop()
    w.s.start()
    w.clock(LATER)
    assert [counts(FIRST + k) for k in KINDS] == before
    w.s.stop()
    shutil.rmtree(os.path.join(w.s.data, "hub"))
    w.s.start()
    w.clock(LATER)
    assert [counts(FIRST + k) for k in KINDS] == before
    all_same()


def test_given_up_it_has_changed_nothing():
    before = counts(FIRST + 2)
    ids = [w.s.rest("POST", "/edgewise/recounts", {"activityId": FIRST + 2}, expect=2).json["id"] for _ in range(4)]
    for id in ids[1:]:
        w.s.rest("DELETE", "/edgewise/recounts/" + id, expect=204)
        w.s.rest("GET", "/edgewise/recounts/" + id, expect=404)
    end = time.time() + 60
    while w.s.rest("GET", "/edgewise/recounts/" + ids[0], expect=2).json["state"] != "RESULT_READY":
        assert time.time() < end
    assert counts(FIRST + 2) == before


def test_bad_questions():
    audience = w.audience({"mbox": "x", "equals": ["1"]})
    gated = dict(metric("rcB"), mboxes=[{"name": "rcB", "successEvent": "mbox_shown", "audienceIds": [audience]}])
    for body, words in (({}, "activityId"), ({"activityId": 1}, "activityId"), ({"activityId": FIRST, "metrics": []}, "metrics"),
                        ({"activityId": FIRST, "metrics": [{"metricLocalId": 40000, "name": "x"}]}, "metricLocalId"),
                        ({"activityId": FIRST, "metrics": [gated]}, "audiences")):
        r = w.s.rest("POST", "/edgewise/recounts", body, expect=400)
        assert words in r.body.decode(), (body, r.body)


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
