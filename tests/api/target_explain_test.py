#!/usr/bin/env python3
"""What a decision is kept with, so that it can be explained and made again: the facts in the hit, and the answer to why."""
import sys
import urllib.parse

import target_what_if_test as what_if
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


def decisions(visitor, **more):
    return w.rest("GET", "/decisions?" + urllib.parse.urlencode(dict(more, visitor=visitor)), headers=SETTINGS).json


def why(id):
    return w.rest("GET", "/decisions/%s" % id, headers=SETTINGS).json


def test_a_decision_is_told_with_what_it_depended_on():
    w.audience({"and": [{"mbox": "tier", "equals": ["gold", "silver"]}, {"or": [{"profile": "likes", "equals": ["shoes"]},
                                                                             {"not": {"page": "path", "startsWith": ["/app"]}}]}]}, 31)
    w.activity("xt", 201, [(None, w.offer("content", content="g"), [31])], "shop", priority=20, name="Gold")
    w.activity("ab", 202, [(30, w.offer("content", content="a")), (70, w.offer("content", content="b"))], "shop", priority=9,
               entryConstraint={"visitorPercentage": 80})
    w.activity("ab", 203, [(100, w.offer("content", content="c"))], "shop", priority=1)
    who = "%032x" % 77
    for tier in ("none", "gold"):
        w.ask({"id": {"tntId": who}, "context": {"channel": "web", "address": {"url": "https://shop.test/app/x"}},
               "execute": {"mboxes": [{"index": 0, "name": "shop", "parameters": {"tier": tier},
                                       "profileParameters": {"likes": "hats" if tier == "none" else "shoes"}}]}})
    rows = decisions(who)["decisions"]
    assert [r["activity"] for r in rows] == ["202", "201"] or rows[0]["activity"] == "203", rows
    first, second = why(rows[0]["id"]), why(rows[1]["id"])
    assert first["reproduced"] and second["reproduced"] and "note" not in first, (first, second)
    assert first["configuration"]["ofThen"] is True and first["visitor"]["tntId"] == who
    x = second["decisions"][0]
    assert len(second["decisions"]) == 1 and x["activity"] == {"id": "201", "name": "Gold"} and x["location"] == "shop", x
    audience = x["audiences"][0]
    assert audience["id"] == "31" and audience["result"] is True, audience
    tree = audience["tree"]
    assert tree["kind"] == "and" and tree["result"] is True and [c["kind"] for c in tree["children"]] == ["fields", "or"], tree
    leaf = tree["children"][0]
    assert leaf["text"] == 'mbox.tier equals "gold" or "silver"' and leaf["fields"] == [{"path": "mbox.tier", "value": "gold"}], leaf
    likes, path = tree["children"][1]["children"]
    assert likes["result"] is True and likes["fields"] == [{"path": "profile.likes", "value": "shoes"}], likes
    assert path["kind"] == "not" and path["result"] is False and path["children"][0]["fields"][0]["value"] == "/app/x", path
    x = first["decisions"][0]
    assert x["audiences"][0]["result"] is False and x["audiences"][0]["tree"]["children"][0]["result"] is False, x
    assert {"activity": "201", "name": "Gold", "priority": 20, "reason": "experience"} in x["lost"], x["lost"]
    assert x["key"] == {"id": who, "name": "tntId"}, x["key"]
    bucket = x["bucket"]
    assert bucket["first"] <= bucket["value"] <= bucket["last"], bucket
    words = " | ".join(x["words"])
    assert "activity 201 (Gold) did not: it had no experience for the visitor" in words, words
    assert "tntId %s falls into bucket %d" % (who, bucket["value"]) in words and "audience 31" in words, words


def test_the_configuration_of_then_explains():
    who = "%032x" % 91
    w.activity("ab", 301, [(100, w.offer("content", content="old")), (0, w.offer("content", content="new"))], "then", name="Before")
    w.mbox("then", {"tntId": who})
    old = w.rest("GET", "/activities/ab/301").json
    w.rest("PUT", "/activities/ab/301", dict(old, name="After", experiences=[
        dict(x, visitorPercentage=p) for x, p in zip(old["experiences"], (0, 100))]))
    w.mbox("then", {"tntId": "%032x" % 92})
    row = decisions(who)["decisions"][0]
    assert row["activityName"] == "After"  # the list is of today
    told = why(row["id"])
    x = told["decisions"][0]
    assert told["reproduced"] and x["activity"]["name"] == "Before" and x["experience"]["id"] == "0", told
    assert (x["bucket"]["first"], x["bucket"]["last"]) == (0, 9999), x
    other = why(decisions("%032x" % 92)["decisions"][0]["id"])
    assert other["decisions"][0]["experience"]["id"] == "1" and other["decisions"][0]["activity"]["name"] == "After", other
    assert other["configuration"]["version"] > told["configuration"]["version"]


def test_a_visitor_is_found_by_each_of_his_ids():
    """Anonymous on a device, then signed in, then on another device: one visitor, whose earlier decisions are his, too."""
    a, b, who = "%032x" % 401, "%032x" % 402, "customer-77"
    w.mbox("hero", {"tntId": a})
    w.mbox("hero", {"tntId": a, "thirdPartyId": who})
    w.mbox("hero", {"tntId": b})
    w.mbox("hero", {"tntId": b, "thirdPartyId": who})
    lists = [decisions(x)["decisions"] for x in (a, b, who, a + ".35_0")]
    assert all(x == lists[0] for x in lists) and len(lists[0]) == 4, lists
    for row in lists[0]:
        told = why(row["id"])
        assert told["reproduced"], told
    last = why(lists[0][-1]["id"])["decisions"][0]
    assert last["member"] is True and "keeps its experience" in " ".join(last["words"]), last
    assert decisions(a, activity=102)["decisions"] == [] and len(decisions(a, activity=101, limit=1)["decisions"]) == 1
    assert decisions(a, limit=1)["decisions"] == lists[0][-1:] and decisions(a, limit=1)["total"] == 4
    assert decisions(a, since="2027-03-09T13:00:00Z")["decisions"] == [] and decisions("nobody")["decisions"] == []


def test_a_request_is_told_with_what_it_prefetched():
    who = "%032x" % 501
    w.ask({"id": {"tntId": who}, "prefetch": {"mboxes": [{"index": 0, "name": "hero"}]},
           "execute": {"mboxes": [{"index": 0, "name": "then"}]}})
    request = decisions(who)["decisions"][0]["id"].split("-")[0]
    told = why(request)
    assert [(x["location"], x["prefetched"]) for x in told["decisions"]] == [("then", False), ("hero", True)], told


def test_a_request_that_got_nothing_is_told():
    who = "%032x" % 511
    w.ask({"id": {"tntId": who}, "execute": {"mboxes": [{"index": 0, "name": "gate"}]}})
    told = why(max(r["offset"] for r in w.s.topic("collect")))
    assert told["reproduced"] and told["decisions"] == [] and told["visitor"] == {"tntId": who}, told
    assert told["notGiven"] == [{"location": "gate", "activity": "102", "reason": "experience",
                                 "words": "it had no experience for the visitor"}], told


def test_every_decision_of_random_traffic_is_told():
    """Each is decided again as it is recorded, whatever the visitors did before."""
    other = what_if.start()
    try:
        what_if.Traffic(other, what_if.SEED, visitors=10).run(240)
        hits = [r for r in other.s.topic("collect") if r["value"].get("decisions")]
        assert len(hits) > 60
        for r in hits:
            told = other.rest("GET", "/decisions/%d" % r["offset"], headers=SETTINGS).json
            assert told["reproduced"], (what_if.SEED, told)
            recorded = r["value"]["decisions"]
            for x, y in zip(told["decisions"], recorded):
                assert (x["activity"]["id"], x["experience"]["id"]) == (y["activity"], y["experience"]), (what_if.SEED, told)
                assert {a["id"]: a["result"] for a in x["audiences"]}.items() >= y["why"].get("audiences", {}).items(), (x, y)
                assert all("forced" not in a for a in x["audiences"]), (what_if.SEED, x)
    finally:
        other.close()


def members(identity_map):
    return {i["id"].split(".")[0] for ids in (identity_map or {}).values() for i in ids}


def learned(hit):
    """Ids that a request says are one visitor, without a Target id's suffix."""
    v, everybody = hit["visit"], hit.get("identityMap", {})
    place = v.get("at") or {"ECID": everybody.get("ECID", [])}
    return members(place) | members(v.get("links")) | members(v.get("absorbs"))


def ids_of(hit):
    """By which somebody may ask for the visitor of a request."""
    own = {hit["visit"].get(k, "").split(".")[0] for k in ("tntId", "thirdPartyId")}
    return learned(hit) | members(hit.get("identityMap")) | own - {""}


def listed_by_hand(hits, id):
    ids, known = {id}, 0
    while known < len(ids):
        known = len(ids)
        for _, hit in hits:
            if ids & ids_of(hit):
                ids |= learned(hit)
    return ["%d-%d" % (offset, i) for offset, hit in hits if ids & ids_of(hit) for i in range(len(hit.get("decisions", [])))]


def test_the_list_is_what_the_log_says():
    tnt, third, ecids = ["%032x" % (0x700 + i) for i in range(4)], ["crm-1", "crm-2"], [E1[:-1] + str(i) for i in range(4)]
    turns = [{"tntId": tnt[0]}, {"tntId": tnt[1]}, {"tntId": tnt[0], "thirdPartyId": third[0]}, {"marketingCloudVisitorId": ecids[0]},
             {"marketingCloudVisitorId": ecids[0], "tntId": tnt[2]}, {"tntId": tnt[1], "thirdPartyId": third[0]},
             {"tntId": tnt[3] + ".35_0", "marketingCloudVisitorId": ecids[1]}, {"thirdPartyId": third[1]},
             {"tntId": tnt[3], "thirdPartyId": third[1], "marketingCloudVisitorId": ecids[1]}]

    def check():
        hits = [(r["offset"], r["value"]) for r in w.s.topic("collect") if "visit" in r["value"]]
        lists = {}
        for id in tnt + third + ecids + ["nobody"]:
            told = decisions(id, limit=1000, since=NOW)
            lists[id] = [x["id"] for x in told["decisions"]]
            assert lists[id] == listed_by_hand(hits, id) and told["total"] == len(lists[id]), (id, told["total"])
        assert lists[tnt[0]] == lists[third[0]] and lists[tnt[3]] == lists[ecids[1]] and lists["nobody"] == [] != lists[tnt[2]]
        return lists
    for id in turns + turns[::-1]:
        w.mbox("hero", dict(id))
    before = check()
    w.s.restart()
    w.clock(NOW)
    assert check() == before
    for id in turns:
        w.mbox("hero", dict(id))
    assert len(check()[tnt[1]]) > len(before[tnt[1]])


def test_what_is_not_there_is_said():
    who = "%032x" % 601
    explain(False)
    w.mbox("hero", {"tntId": who})
    explain(True)
    row = decisions(who)["decisions"][0]
    told = why(row["id"])
    assert row["explained"] is False and told["configuration"]["ofThen"] is False and "explain" in told["note"], told
    assert told["reproduced"] is True and told["decisions"][0]["bucket"]["value"] >= 0  # today's activities decide the same
    for id in ("x", "1-", "1-x", "-1", "99999999", "0-77", "1-0-0"):
        w.rest("GET", "/decisions/" + id, headers=SETTINGS, expect=404)
    for query, says in (("", "visitor must be"), ("visitor=" + 257 * "x", "visitor must be"), ("visitor=a&limit=0", "limit must be 1..1000"),
                        ("visitor=a&limit=1001", "limit must be"), ("visitor=a&since=x", "since must be"), ("visitor=a&until=x", "until must be")):
        assert says in w.rest("GET", "/decisions?" + query, headers=SETTINGS, expect=400).json["errors"][0]["message"]
    w.rest("GET", "/decisions?limit=1000&visitor=" + 256 * "x", headers=SETTINGS)


def finish():
    return w.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
