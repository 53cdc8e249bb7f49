#!/usr/bin/env python3
"""What delivery requests count in reports, and audience rules over HTTP: items of the Target checklist [TARGET 12], by
number. delivery_test.py has the rest."""
import csv
import datetime
import json
import re
import sys

from delivery_world import NOW, V3, World, build, metric
from server import run

w = None


def setup():
    global w
    w = World()
    w.clock(NOW)
    build(w)


def finish():
    return w.close()


def refused(body, *words, **kw):
    r = w.post(body, **kw)
    assert r.status == 400, (r.status, r.body)
    assert r.json["status"] == 400 and "message" in r.json
    for word in words:
        assert word in r.json["message"], r.json


def mboxes(*items):
    return {"execute": {"mboxes": list(items)}}


def one(**details):
    return mboxes(dict({"index": 0, "name": "hero"}, **details))


def visitor(n=[0]):
    """A Target id that nobody had before."""
    n[0] += 1
    return "%032x" % (0xabc0000 + n[0])


def report(activity, kind="ab"):
    w.s.drain()
    r = w.rest("GET", "/activities/%s/%d/report/performance" % (kind, activity),
               headers={"Accept": "application/vnd.adobe.target.v1+json"})
    return r.json["report"]["statistics"]


def totals(activity, unit="visitor", kind="ab"):
    return report(activity, kind)["totals"][unit]["totals"]


def rule_holds(rule, n=[60], **kw):
    n[0] += 1
    name = "rule%d" % n[0]
    w.audience(rule, n[0])
    w.activity("xt", 4600 + n[0], [(None, w.offer("content", content="y"), [n[0]])], name)
    return lambda *a, **k: w.content(name, *a, **k) == "y"


def test_065_to_070_operators():
    more = rule_holds({"mbox": "qty", "greaterThan": ["10"]})
    assert [more(parameters={"qty": q}) for q in ("9", "10.5", "abc")] == [False, True, False] and not more()
    equal = rule_holds({"mbox": "n", "equals": ["1"]})
    assert [equal(parameters={"n": v}) for v in ("1.0", "01", "1e0")] == [True, True, False]
    assert rule_holds({"mbox": "t", "contains": ["SHOE"]})(parameters={"t": "running shoes"})
    path = {"channel": "web", "address": {"url": "https://www.example.com/beta?x=1&x=2"}}
    assert rule_holds({"page": "path", "startsWith": ["/a", "/b"]})(context=path)
    assert rule_holds({"mbox": "p", "exists": [True]})(parameters={"p": ""})
    assert not rule_holds({"mbox": "p", "hasValue": [True]})(parameters={"p": ""})
    assert rule_holds({"page": "query.x", "equals": ["1"]})(context=path)
    assert not rule_holds({"page": "query.x", "equals": ["2"]})(context=path)


def test_073_074_time_and_browser():
    assert rule_holds({"time": "weekly", "days": [2], "between": ["0900", "1700"]})()
    assert not rule_holds({"time": "weekly", "days": [1], "between": ["0900", "1700"]})()
    chrome = rule_holds({"browser": "version", "greaterThanOrEquals": ["100"]})
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    assert chrome(context={"channel": "web", "userAgent": agent}) and not chrome(
        context={"channel": "web", "userAgent": "thing"})


def test_075_076_nested_rules():
    rule = {"and": [{"mbox": "a", "equals": ["1"]},
                    {"or": [{"mbox": "b", "equals": ["1"]}, {"not": {"mbox": "c", "equals": ["1"]}}]}]}
    holds = rule_holds(rule)
    for a in "01":
        for b in "01":
            for c in "01":
                want = a == "1" and (b == "1" or c != "1")
                assert holds(parameters={"a": a, "b": b, "c": c}) == want, (a, b, c)


def test_078_platform_audiences():
    w.activity("xt", 4801, [(None, w.offer("content", content="ec"), ["platform-1"])], "ec")
    import base64
    blob = base64.b64encode(json.dumps(["platform-1"]).encode()).decode()
    cloud = {"audienceManager": {"locationHint": "9", "blob": blob}}
    assert w.content("ec", experienceCloud=cloud) == "ec" and w.content("ec") is None


def notify(token=None, click=False, **more):
    n = dict({"id": "n", "type": "click" if click else "display", "timestamp": 1}, **more)
    if token is not None:
        n["tokens"] = [token]
    return n


def test_091_to_094_prefetch():
    t, s = visitor(), w.session()
    before = {u: totals(1001, u)["entries"] for u in ("visitor", "visit", "impression")}
    item = w.ask({"id": {"tntId": t}, "prefetch": {"mboxes": [{"index": 0, "name": "hero"}]}},
                 session=s)["prefetch"]["mboxes"][0]
    token = item["options"][0]["eventToken"]
    assert {u: totals(1001, u)["entries"] for u in before} == before
    shown = {"id": {"tntId": t}, "notifications": [notify(token, mbox={"name": "hero"}, impressionId="i1")]}
    assert w.ask(shown, session=s)["notifications"] == [{"id": "n"}]
    assert {u: totals(1001, u)["entries"] - before[u] for u in before} == {"visitor": 1, "visit": 1, "impression": 1}
    w.ask(shown, session=s)  # 93
    assert totals(1001, "impression")["entries"] == before["impression"] + 1
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    refused({"id": {"tntId": visitor()}, "notifications": [notify(token), notify(forged)]}, "notifications[1].tokens[0]")
    assert totals(1001, "impression")["entries"] == before["impression"] + 1


def test_095_to_097_views():
    a = w.ask({"prefetch": {"views": [{}]}})["prefetch"]["views"]
    assert [v["name"] for v in a] == ["home"]
    assert all(o["eventToken"] for o in a[0]["options"]) and a[0]["state"]
    assert set(a[0]["metrics"][0]) == {"type", "selector", "eventToken"}
    for name in ("home", "HOME"):
        assert w.ask({"prefetch": {"views": [{"name": name}]}})["prefetch"]["views"][0]["name"] == "home"
    before = totals(8001)["entries"]
    w.ask({"id": {"tntId": visitor()}, "notifications": [
        notify(a[0]["options"][0]["eventToken"], view={"name": "home", "state": a[0]["state"]})]})
    assert totals(8001)["entries"] == before + 1


def conversions(activity, metric=32767):
    r = w.s.drain()
    r = w.rest("GET", "/activities/ab/%d/report/performance?conversionMetricLocalIds=%d" % (activity, metric),
               headers={"Accept": "application/vnd.adobe.target.v1+json"})
    return r.json["report"]["statistics"]["totals"]["visitor"]["totals"]["conversions"]


def test_098_to_100_conversions():
    t, s = visitor(), w.session()
    item = w.mbox("hero", {"tntId": t}, session=s)
    click = item["metrics"][0]["eventToken"]
    before = conversions(1001, 3)
    w.ask({"id": {"tntId": visitor()}, "notifications": [notify(click, click=True, mbox={"name": "hero"})]})
    assert conversions(1001, 3) == before  # a visitor who never entered
    w.ask({"id": {"tntId": t}, "notifications": [notify(click, click=True, mbox={"name": "hero"})]}, session=s)
    assert conversions(1001, 3) == before + 1
    before = conversions(1001)
    order = {"order": {"id": "o-%s" % t, "total": 20}}
    w.mbox("orderConfirm", {"tntId": t}, session=s, details=order)  # 99
    assert conversions(1001) == before + 1
    w.mbox("orderConfirm", {"tntId": t}, session=s, details=order)
    w.mbox("orderConfirm", {"tntId": t}, session=s, details={"order": {"id": "p-%s" % t, "total": 5}})
    w.mbox("orderConfirm", {"tntId": visitor()}, details=order)  # 100
    assert conversions(1001) == before + 1


def test_102_restarts_and_bans():
    for i, action in enumerate(("restart_same_experience", "ban_from_campaign", "exclude_to_same_experience",
                                "restart_new_experience")):
        id, m = 1701 + i, "restart%d" % i
        w.activity("ab", id, [(50, w.offer("content", content="r0")), (50, w.offer("content", content="r1"))], m,
                   metrics=[metric("goal%d" % i, action)])
        t, s = {"tntId": visitor()}, w.session()
        first = w.content(m, t, session=s)
        w.mbox("goal%d" % i, t, session=s)
        again = w.content(m, t, session=s)
        entries = totals(id, "visit")["entries"]
        if action == "restart_same_experience":
            assert again == first and entries == 2
        elif action == "ban_from_campaign":
            assert again is None
        elif action == "exclude_to_same_experience":
            assert again == first and entries == 1
        else:
            assert again != first


def test_105_plain_hit():
    t, s = visitor(), w.session()
    w.mbox("hero", {"tntId": t}, session=s)
    before = conversions(1001)
    r = w.post({"id": {"tntId": t}, "context": {"channel": "web", "beacon": True},
                "notifications": [notify(mbox={"name": "orderConfirm"})]}, session=s)
    assert r.status == 204 and conversions(1001) == before + 1


def test_106_to_109_counting():
    t, s = visitor(), w.session()
    before = {u: totals(2001, u)["entries"] for u in ("visitor", "visit", "impression")}

    def delta():
        return {u: totals(2001, u)["entries"] - before[u] for u in before}
    for _ in range(2):
        w.mbox("tri", {"tntId": t}, session=s, impressionId="imp-1")  # 106
    assert delta() == {"visitor": 1, "visit": 1, "impression": 1}, delta()
    w.ask(dict(mboxes({"index": 0, "name": "tri"}, {"index": 1, "name": "tri"}), id={"tntId": t}), session=s)  # 107
    assert delta() == {"visitor": 1, "visit": 1, "impression": 2}, delta()
    w.mbox("tri", {"tntId": t})  # 108
    assert delta() == {"visitor": 1, "visit": 2, "impression": 3}, delta()
    token = w.ask({"prefetch": {"mboxes": [{"index": 0, "name": "tri"}]}})["prefetch"]["mboxes"][0]
    w.ask({"id": {"tntId": t}, "notifications": [notify(token["options"][0]["eventToken"], mbox={"name": "tri"})]})
    assert delta()["visit"] == 2, delta()  # 109


def test_087_a_schedule_begins_by_itself():
    w.clock("2027-04-01T00:00:00Z")
    assert w.content("future") == "f"

def rows(activity):
    w.s.drain()
    return w.s.rest("GET", "/edgewise/reports/%d" % activity, expect=2).json


def next_hour(activity):
    now = datetime.datetime.fromisoformat(rows(activity)["asOf"].replace("Z", "+00:00"))
    w.clock((now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:00:00Z"))


def converts(who, session):
    w.mbox("aaGoal", id={"tntId": who}, session=session)

def test_06_3_every_type_has_its_path():
    parts = [[w.offer("content", content="%s%d" % (place, i)) for i in range(2)] for place in ("l", "r")]
    options = [{"optionLocalId": i, "name": "o%d" % i, "offerId": o} for i, o in enumerate(parts[0] + parts[1])]
    locations = {"mboxes": [{"locationLocalId": i, "name": "grid%s" % n} for i, n in enumerate("LR")]}
    body = {"name": "Grid", "state": "approved", "options": options, "locations": locations, "experiences": [],
            "metrics": [metric("gridGoal")],
            "locationOptions": [{"locationLocalId": i, "optionLocalIds": [2 * i, 2 * i + 1]} for i in range(2)]}
    made = w.rest("POST", "/activities/mvt?id=890", body).json
    assert (made["id"], made["type"]) == (890, "mvt"), made
    seen = set()
    for _ in range(80):
        who = visitor()
        seen.add(tuple(w.content("grid" + n, id={"tntId": who}, session="g" + who) for n in "LR"))
    assert seen == {(a, b) for a in ("l0", "l1") for b in ("r0", "r1")}, "all combinations, and no others: %s" % seen
    offers = [w.offer("content", content="pa-%d" % i) for i in range(2)]
    w.activity("autoallocate", 891, [(None, o) for o in offers], "pathAa", metrics=[metric("aaGoal2")])
    assert w.rest("GET", "/activities/autoallocate/891").json["type"] == "auto_allocate"
    assert w.rest("GET", "/activities/ab/891", expect=404).status == 404, "another type's path"
    types = {a["id"]: a["type"] for a in w.rest("GET", "/activities").json["activities"]}
    assert (types[890], types[891]) == ("mvt", "auto_allocate"), types

def test_048_response_tokens_are_switched_on_over_rest():
    offer = w.offer("content", content="tok")
    w.activity("ab", 895, [(100, offer)], "tokHero")
    assert "responseTokens" not in w.mbox("tokHero")["options"][0]
    v1 = {k: v.replace("v3", "v1") for k, v in V3.items()}
    made = [w.rest("POST", "/responsetokens", {"token": t, "type": "ACTIVITY"}, headers=v1).json
            for t in ("activity.id", "experience.id", "profile.likes")]
    assert [(m["active"], m["deletable"]) for m in made] == [(True, False), (True, False), (True, True)], made
    option = w.mbox("tokHero", details={"profileParameters": {"likes": "tea"}})["options"][0]
    assert option["responseTokens"] == {"activity.id": "895", "experience.id": "0", "profile.likes": "tea"}, option
    for m in made:
        w.rest("DELETE", "/responsetokens/%d" % m["id"], headers=v1)
    assert "responseTokens" not in w.mbox("tokHero")["options"][0]

def test_110_111_qa_links():
    drafts = [w.offer("content", content="draft-%d" % i) for i in range(2)]
    w.activity("ab", 896, [(100, drafts[0]), (0, drafts[1])], "qaDraft", state="saved")
    w.activity("ab", 897, [(100, w.offer("content", content="live"))], "qaLive")
    v1 = {k: v.replace("v3", "v1") for k, v in V3.items()}
    qa = w.rest("GET", "/activities/896/qa", headers=v1).json["qaMode"]
    only = w.rest("GET", "/activities/896/qa?listedActivitiesOnly=true", headers=v1).json["qaMode"]
    assert w.content("qaDraft") is None
    first = dict(qa, previewIndexes=[{"activityIndex": 1, "experienceIndex": 2}])
    assert w.content("qaDraft", qaMode=first) == "draft-1"
    assert w.content("qaLive", qaMode=first) == "live"
    assert w.content("qaLive", qaMode=dict(only, previewIndexes=first["previewIndexes"])) is None
    assert rows(896)["totals"]["visitors"] == 0, "QA traffic counts for itself"
    refused({"qaMode": {"token": qa["token"][:-2] + "xx"}}, "token")


def test_158_page_and_downloads_say_what_the_report_says():
    """Two metrics and three counting methods: the page, the JSON, the file and the Target report have the same numbers."""
    goal = metric("pgGoal", "always_convert")
    other = {"metricLocalId": 5, "name": "Other", "action": {"type": "count_once"},
             "mboxes": [{"name": "pgOther", "successEvent": "mbox_shown"}]}
    w.activity("ab", 898, [(50, w.offer("content", content="p%d" % i)) for i in range(2)], "pgHero", metrics=[goal, other])
    for i in range(80):
        who, session = {"tntId": visitor()}, w.session()
        for _ in range(1 + i % 3):
            w.mbox("pgHero", who, session=session)
        for _ in range(i % 4):
            w.mbox("pgGoal", who, session=session)
        if i % 5 == 0:
            w.mbox("pgOther", who, session=session)
    w.s.drain()
    seen = set()
    for m in (32767, 5):
        target = w.rest("GET", "/activities/ab/898/report/performance?conversionMetricLocalIds=%d" % m,
                        headers={"Accept": "application/vnd.adobe.target.v1+json"}).json["report"]["statistics"]
        for method in ("visitor", "visit", "impression"):
            query = "?conversionMetricLocalIds=%d&countingMethod=%s" % (m, method)
            ours = w.s.rest("GET", "/edgewise/reports/898" + query, expect=2).json
            page = w.s.call("GET", "/reports/898" + query)
            lines = list(csv.DictReader(w.s.call("GET", "/reports/898/csv" + query).body.decode().splitlines()))
            assert page.status == 200 and len(lines) == len(ours["rows"]) == 2, (page.status, lines, ours["rows"])
            cells = re.findall(r'<td data-l="(?:Visitors|Visits|Impressions)">([\d,]+)</td><td data-l="Conversions">([\d,]+)',
                               page.body.decode().split("<h2>Conversions</h2>")[1])
            for row, line, cell, t in zip(ours["rows"], lines, cells, target["experiences"]):
                want = t["totals"][method]["totals"]
                got = (row["units"], row["conversions"])
                assert got == (want["entries"], want["conversions"]), (m, method, row, want)
                assert got == tuple(int(c.replace(",", "")) for c in cell), (m, method, row, cell)
                assert got[1] == int(line["conversionsBy" + method.capitalize()]), line
                assert abs(float(line["conversionRate"]) - row["conversionRate"]) < 1e-9
                seen.add(got)
    assert len(seen) == 8, "by visitor and by visit alike, since each has one session: %s" % seen


def test_163_reporting_audience_is_an_extra_row():
    """Who is in it when he enters counts there too; what is delivered is the same; a number that is none is refused."""
    gold = w.audience({"mbox": "tier", "equals": ["gold"]}, 990)
    offers = [w.offer("content", content="ra%d" % i) for i in range(2)]
    w.activity("ab", 897163, [(100, offers[0]), (0, offers[1])], "raHero", metrics=[metric("raGoal")],
               reportingAudiences=[{"reportingAudienceLocalId": 4, "audienceId": gold, "metricLocalId": 0}])
    for i in range(12):
        who, session, tier = {"tntId": visitor()}, w.session(), "gold" if i % 3 == 0 else "none"
        assert w.content("raHero", who, session=session, parameters={"tier": tier}) == "ra0"
        if i % 2 == 0:  # by then he need not be in it
            w.mbox("raGoal", who, session=session)
    w.s.drain()
    path, v1 = "/activities/ab/897163/report/performance", {"Accept": "application/vnd.adobe.target.v1+json"}
    report = w.rest("GET", path + "?reportingAudienceLocalIds=4,5", headers=v1).json["report"]["statistics"]

    def figures(of):
        x = of["totals"]["visitor"]["totals"]
        return x["entries"], x["conversions"]
    assert figures(report) == (12, 6)
    assert [(a["reportingAudienceLocalId"],) + figures(a) for a in report["reportingAudiences"]] == [(4, 4, 2), (5, 0, 0)]
    assert [figures(e) for e in report["reportingAudiences"][0]["experiences"]] == [(4, 2), (0, 0)]
    for bad in ("x", "-1", ",".join(map(str, range(51)))):
        r = w.rest("GET", path + "?reportingAudienceLocalIds=" + bad, expect=400, headers=v1)
        assert "at most 50 numbers" in r.body.decode(), r.body
    assert "reportingAudiences" not in w.rest("GET", path, headers=v1).json["report"]["statistics"]


def test_08_1_auto_allocate_moves_new_visitors_to_the_best():
    offers = [w.offer("content", content="aa-%d" % i) for i in range(2)]
    w.activity("ab", 880, [(None, o) for o in offers], "aaHero", metrics=[metric("aaGoal")],
               autoAllocateTraffic={"enabled": True, "successEvaluationCriteria": "conversion_rate"})
    next_hour(880)
    first = rows(880)["allocation"]
    assert (first["warm"], first["weights"], first["version"]) == (False, [50, 50], 1), first
    seen, met = [[], []], 0
    while min(len(x) for x in seen) < 1000:
        who = visitor()
        content = w.content("aaHero", id={"tntId": who}, session="aa" + who)
        arm = int(content[-1])
        seen[arm].append(who)
        if len(seen[arm]) % 4 == 0 if arm == 1 else len(seen[arm]) % 16 == 0:
            converts(who, "aa" + who)
    w.s.drain()
    assert rows(880)["allocation"] == first, "weights change on the hour only"
    next_hour(880)
    second = rows(880)["allocation"]
    assert second["warm"] and second["leader"] == "1" and second["weights"] == [10, 90], second
    assert second["version"] == 2 and second["confidence"] > 0.95, second
    again = [w.content("aaHero", id={"tntId": who}, session="aa" + who) for who in seen[0][:50]]
    assert set(again) == {"aa-0"}, "members stay"
    new = [w.content("aaHero", id={"tntId": visitor()}) for _ in range(300)]
    assert 240 <= new.count("aa-1") <= 294, new.count("aa-1")

def test_08_2_auto_target_learns_from_the_control_arm():
    """Red is bought by three in five who like red, blue by who like blue; after a day the model knows: AUC 0.86."""
    offers = [w.offer("content", content=c) for c in ("red", "blue")]
    w.activity("ab", 881, [(None, o) for o in offers], "atHero", metrics=[metric("atGoal")],
               controlExperience={"type": "random", "visitorPercentage": 50},
               targetedExperience={"modelProvider": "target"})
    likes = ["red", "blue"]
    for i in range(3000):
        who, like = visitor(), likes[i % 2]
        shown = w.content("atHero", id={"tntId": who}, session="at" + who, parameters={"likes": like})
        if shown == like and i % 5 < 3:
            w.mbox("atGoal", id={"tntId": who}, session="at" + who)
    now = datetime.datetime.fromisoformat(rows(881)["asOf"].replace("Z", "+00:00"))
    w.clock((now + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    model = rows(881)["model"]
    assert len(model["units"]) == 2, model
    for unit in model["units"]:
        assert unit["valid"] and unit["auc"] > 0.8 and unit["conversions"] >= 50, unit
    hits = 0
    for i in range(400):
        like = likes[i % 2]
        hits += w.content("atHero", id={"tntId": visitor()}, parameters={"likes": like}) == like
    assert hits > 260, "half are guessed, half are told by the model but for what it explores: %d" % hits


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
