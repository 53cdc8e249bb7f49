#!/usr/bin/env python3
"""What recorded requests had been answered with other activities: the log decided again. Without a change every recorded
decision comes out as it is recorded; with one, the counts are those of a server that had the change from the beginning.

EDGEWISE_SEED repeats the traffic of a run."""
import json
import os
import random
import subprocess
import sys
import time
import uuid

import world
from delivery_world import NOW, World, metric, set_text
from server import SCHEMAS, Edge, binary, minimal, run

SETTINGS = {"Content-Type": "application/json"}
SEED = int(os.environ.get("EDGEWISE_SEED", time.time_ns() % 10 ** 9))
GOLD, SHOE, BETA, SEEN, RETURNING = 21, 22, 23, 24, 25


def experiences(w, *which):
    """A part of a body: (percent or None, "activity:experience", audiences)."""
    return [(x[0], w.offers[x[1]], *x[2:]) for x in which]


def activities(w):
    """Of every way of choosing, several at the same location; what is shown says which experience it is."""
    w.offers = {t: w.offer("content", content=t) for t in (
        "101:0", "101:1", "102:0", "102:1", "102:2", "103:0", "103:1", "104:0", "105:0", "105:1", "106:0", "106:1", "107:0",
        "107:1")}
    w.audience({"mbox": "tier", "equals": ["gold"]}, GOLD)
    w.audience({"or": [{"page": "path", "startsWith": ["/shoe"]}, {"profile": "likes", "equals": ["shoes"]}]}, SHOE)
    w.audience({"page": "header.x-group", "equals": ["beta"]}, BETA)
    w.audience({"profile": "score", "greaterThan": ["4"]}, SEEN)
    w.audience({"profile": "returning", "equals": ["true"]}, RETURNING)
    w.rest("POST", "/profileattributes/scripts", {"name": "score", "script": "return Number(user.get('score') || 0) + 1;"},
           headers=SETTINGS)
    w.activity("ab", 101, experiences(w, (50, "101:0"), (50, "101:1")), "hero", priority=5)
    w.activity("ab", 102, experiences(w, (30, "102:0"), (30, "102:1"), (40, "102:2")), "hero", priority=9,
               entryConstraint={"visitorPercentage": 40})
    w.activity("xt", 103, experiences(w, (None, "103:0", [GOLD]), (None, "103:1", [SHOE])), "hero", priority=20)
    w.activity("xt", 104, experiences(w, (None, "104:0", [BETA])), "side", priority=7)
    w.activity("ab", 105, experiences(w, (50, "105:0"), (50, "105:1")), "side", metrics=[metric("buy", "restart_new_experience")])
    w.activity("ab", 106, experiences(w, (50, "106:0"), (50, "106:1")), "foot", priority=6,
               entryConstraint={"audienceIds": [RETURNING]}, metrics=[metric("buy", "ban_from_campaign")])
    w.activity("xt", 107, experiences(w, (None, "107:0", [SEEN]), (None, "107:1")), "foot", priority=1)
    page = {"selectors": [{"locationLocalId": 0, "name": "t", "selector": "#t", "selectorVersion": 1}]}
    w.activity("ab", 108, [(50, set_text("#t", "108:0")), (50, set_text("#t", "108:1"))], locations=page)
    w.group = w.rest("POST", "/exclusionGroups", {"name": "both", "ranges": [
        {"activityId": 101, "percent": 50}, {"activityId": 105, "percent": 50}]}, headers=SETTINGS).json["id"]
    w.rest("PUT", "/clients/settings", {"explain": True}, headers=SETTINGS)


def start():
    w = World()
    w.clock(NOW)
    activities(w)
    return w


def shown(answer):
    """{(phase, location, activity): experience} of an answer."""
    out = {}
    for phase in ("execute", "prefetch"):
        part = answer.get(phase, {})
        places = [(m["name"], m) for m in part.get("mboxes", [])] + ([("page", part["pageLoad"])] if "pageLoad" in part else [])
        for name, place in places:
            for o in place.get("options", []):
                content = o["content"] if isinstance(o["content"], str) else o["content"][0]["content"]
                activity, experience = content.split(":")
                out[phase, name, activity] = experience
    return out


class Traffic:
    """Visitors of the delivery API and of the Edge Network who come again, sign in on two devices, look and buy."""

    def __init__(self, w, seed, visitors=120, notify=True):
        self.w, self.seed, self.random, self.notify = w, seed, random.Random(seed), notify
        self.people = [self.person(i) for i in range(visitors)]
        self.answers = []

    def person(self, i):
        r = self.random
        return {"tntId": "%032x" % r.getrandbits(128), "session": "v%d" % i, "third": "p%d" % (i // 2) if r.random() < 0.3 else None,
                "ecid": "%038d" % r.randrange(10 ** 18) if r.random() < 0.3 else None, "known": False}

    def ids(self, p):
        out = {"tntId": p["tntId"]}
        if p["ecid"]:
            out["marketingCloudVisitorId"] = p["ecid"]
        if p["third"] and (p["known"] or self.random.random() < 0.3):
            p["known"] = True
            out["thirdPartyId"] = p["third"]
        return out

    def details(self):
        r, out = self.random, {}
        if r.random() < 0.4:
            out["parameters"] = {"tier": r.choice(["gold", "silver"])}
        if r.random() < 0.2:
            out["profileParameters"] = {"likes": r.choice(["shoes", "hats", "bags"])}
        return out

    def request(self):
        r = self.random
        p = r.choice(self.people)
        if r.random() < 0.1:
            p["session"] += "x"
        body = {"id": self.ids(p), "context": {"channel": "web", "address": {
            "url": "https://shop.test/%s" % r.choice(["", "hats", "bags", "coats", "shoes"]), "referringUrl": r.choice(["", "https://www.google.com/"])}}}
        names = r.sample(["hero", "side", "foot", "none"], r.randint(1, 3))
        boxes = [dict({"index": i, "name": n}, **self.details()) for i, n in enumerate(names)]
        kind = r.random()
        if kind < 0.6:
            body["execute"] = {"mboxes": boxes}
            if r.random() < 0.3:
                body["execute"]["pageLoad"] = self.details()
        elif kind < 0.8:
            body["prefetch"] = {"mboxes": boxes}
        else:
            body["execute"] = {"mboxes": [{"index": 0, "name": "buy", "order": {"id": uuid.uuid4().hex, "total": 9}}]}
        headers = {"Content-Type": "application/json"}
        if r.random() < 0.5:
            headers["X-Group"] = r.choice(["beta", "none"])
        answer = self.w.ask(body, session=p["session"], headers=headers)
        self.answers.append(shown(answer))
        tokens = [(m["name"], o["eventToken"]) for m in answer.get("prefetch", {}).get("mboxes", []) for o in m.get("options", [])
                  if r.random() < 0.7]
        if tokens and self.notify:
            self.w.ask({"id": {"tntId": p["tntId"]}, "context": {"channel": "web"}, "notifications": [
                {"id": "n%d" % i, "type": "display", "timestamp": 1, "mbox": {"name": n}, "tokens": [t]}
                for i, (n, t) in enumerate(tokens)]}, session=p["session"])

    def run(self, n, moves=True):
        for i in range(n):
            if moves and i % 50 == 49:
                hour = 18 + (i // 50) * 6
                self.w.clock("2027-03-%02dT%02d:00:00Z" % (9 + hour // 24, hour % 24))
            self.random = random.Random("%d %d" % (self.seed, i))  # whatever the answers before were
            self.request()
        return self


def what_if(w, expect=201, **body):
    made = w.rest("POST", "/what-if", body, headers=SETTINGS, expect=expect).json
    if expect != 201:
        return made
    for _ in range(3000):
        answer = w.rest("GET", "/what-if/" + made["id"], headers=SETTINGS).json
        if answer["state"] in ("RESULT_READY", "FAILED"):
            return answer
        time.sleep(0.01)
    raise AssertionError(answer)


def changes(answer, activity):
    for a in answer["activities"]:
        if a["id"] == str(activity):
            return {(c["from"], c["to"]): (c["requests"], c["visitors"]) for c in a["changes"]}
    return {}


REQUESTS = int(os.environ.get("EDGEWISE_REQUESTS", "500"))


def setup():
    global w
    w = start()
    Traffic(w, SEED).run(REQUESTS)


def test_without_a_change_nothing_differs():
    answer = what_if(w)
    assert answer["state"] == "RESULT_READY", answer
    assert answer["recorded"]["otherwise"] == 0 and answer["recorded"]["reproduced"] == answer["requests"] >= REQUESTS, (SEED, answer)
    assert answer["changed"] == {"requests": 0, "visitors": 0} and answer["notReplayed"] == {}, (SEED, answer)
    for a in answer["activities"]:
        assert all(c["from"] == c["to"] for c in a["changes"]) and a["lost"] == [], (SEED, a)
    assert {a["id"] for a in answer["activities"]} >= {"101", "102", "103", "104", "105", "107", "108"}, answer["activities"]


def shares(w, activity, *percent):
    """The activity with other shares."""
    old = w.rest("GET", "/activities/ab/%d" % activity).json["experiences"]
    return {"id": activity, "experiences": [dict(x, visitorPercentage=p) for x, p in zip(old, percent)]}


def edits(w):
    return {
        "split": {"activities": [shares(w, 101, 20, 80)]},
        "traffic": {"activities": [{"id": 102, "entryConstraint": {"visitorPercentage": 100}}]},
        "priority": {"activities": [{"id": 103, "priority": 1}]},
        "audience": {"audiences": [{"id": GOLD, "targetRule": {"mbox": "tier", "equals": ["silver"]}}]},
        "ended": {"activities": [{"id": 102, "state": "saved"}, {"id": 106, "state": "saved"}]},
        "conversion": {"activities": [{"id": 105, "metrics": [metric("buy", "restart_same_experience")]},
                                      {"id": 106, "metrics": [metric("buy", "count_once")]}]},
        "group": {"exclusionGroups": [{"id": w.group, "ranges": [{"activityId": 101, "percent": 10},
                                                           {"activityId": 105, "percent": 90}]}]},
    }


def save(w, edit):
    kinds = {"activities": ("/activities/%s/%d", "PUT"), "audiences": ("/audiences/%d", "PUT"),
             "exclusionGroups": ("/exclusionGroups/%d", "PUT")}
    for member, (path, method) in kinds.items():
        for o in edit.get(member, []):
            if member == "activities":
                short = w.rest("GET", "/activities").json["activities"]
                path = "/activities/%s/%%d" % next(a["type"] for a in short if a["id"] == o["id"])
            old = w.rest("GET", path % o["id"], headers=None if member != "exclusionGroups" else SETTINGS).json
            w.rest(method, path % o["id"], dict(old, **o), headers=None if member != "exclusionGroups" else SETTINGS)


def counts(before, after):
    """{(activity, from, to): requests}, and how many requests differ."""
    out, differ = {}, 0
    for x, y in zip(before, after):
        differ += x != y
        for key in x.keys() | y.keys():
            cell = key[2], x.get(key), y.get(key)
            out[cell] = out.get(cell, 0) + 1
    return out, differ


def test_a_change_gives_what_a_server_with_it_gives():
    """The same traffic to a server that has the change from the beginning answers as the what-if says, request by request."""
    base = Traffic(start(), SEED, notify=False).run(REQUESTS)
    try:
        for name, edit in edits(base.w).items():
            answer = what_if(base.w, **edit)
            assert answer["state"] == "RESULT_READY" and answer["recorded"]["otherwise"] == 0, (SEED, name, answer)
            assert answer["notReplayed"] == {}, (SEED, name, answer)
            other = start()
            try:
                save(other, edit)
                twin = Traffic(other, SEED, notify=False).run(REQUESTS)
            finally:
                other.close()
            cells, differ = counts(base.answers, twin.answers)
            said = {(a["id"], c["from"], c["to"]): c["requests"] for a in answer["activities"] for c in a["changes"]}
            assert said == cells and answer["changed"]["requests"] == differ > 0, (SEED, name, said, cells, differ)
    finally:
        base.w.close()


def fresh():
    w = World()
    w.clock(NOW)
    w.rest("PUT", "/clients/settings", {"explain": True}, headers=SETTINGS)
    return w


def test_who_is_split_otherwise():
    """One activity, two hundred visitors, two requests each: who had got the other experience is who falls between the shares."""
    w = fresh()
    try:
        w.activity("ab", 1, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero")
        first = {i: w.content("hero", {"tntId": "%032x" % i}) for i in range(1, 201)}
        for i in first:
            assert w.content("hero", {"tntId": "%032x" % i}) == first[i]
        answer = what_if(w, activities=[shares(w, 1, 100, 0)])
        b = sum(x == "b" for x in first.values())
        assert answer["requests"] == 400 and answer["visitors"] == 200
        assert answer["changed"] == {"requests": 2 * b, "visitors": b}, (b, answer["changed"])
        assert changes(answer, 1) == {("0", "0"): (400 - 2 * b, 200 - b), ("1", "0"): (2 * b, b)}, changes(answer, 1)
        example = next(c for c in answer["activities"][0]["changes"] if c["from"] != c["to"])["examples"]
        assert len(example) == 3 and example[0]["before"]["bucket"] == example[0]["after"]["bucket"] >= 5000 and example[0]["after"]["key"], example
        # From the middle on: members keep what they have, so the second request of each is answered as it was.
        hits = [r for r in w.s.topic("collect") if r["value"]["kind"] == "visit"]
        time.sleep(0.01)
        w.clock("2027-03-10T12:00:00Z")
        for i in range(201, 301):
            first[i] = w.content("hero", {"tntId": "%032x" % i})
        w.content("hero", {"tntId": "%032x" % 1})
        answer = what_if(w, since="2027-03-10T12:00:00Z", activities=[shares(w, 1, 100, 0)])
        b = sum(first[i] == "b" for i in range(201, 301))
        assert answer["requests"] == 101 and answer["changed"] == {"requests": b, "visitors": b}, answer
        answer = what_if(w, until="2027-03-10T00:00:00Z", activities=[shares(w, 1, 100, 0)])
        assert answer["requests"] == len(hits) == 400 and not answer["limited"], answer
        answer = what_if(w, limit=50)
        assert answer["requests"] == 50 and answer["limited"] is True, answer
        half = what_if(w, share=50)
        assert 100 < half["visitors"] < 200 and half["recorded"]["otherwise"] == 0 and half["notReplayed"] == {}, half
    finally:
        w.close()


def test_what_wins_and_what_loses():
    w = fresh()
    try:
        w.activity("ab", 1, [(100, w.offer("content", content="a"))], "hero", priority=5)
        new = dict(w.rest("GET", "/activities/ab/1").json, id=2, name="new", priority=9)
        for i in range(20):
            w.mbox("hero", {"tntId": "%032x" % (i + 1)})
        answer = what_if(w, activities=[new])
        assert changes(answer, 1) == {("0", None): (20, 20)} and changes(answer, 2) == {(None, "0"): (20, 20)}, answer
        lost = next(a for a in answer["activities"] if a["id"] == "1")["lost"]
        assert lost == [{"reason": "rank", "winner": "2", "requests": 20}], lost
        answer = what_if(w, activities=[{"id": 1, "state": "saved"}])
        assert answer["activities"][0]["lost"] == [{"reason": "state", "winner": None, "requests": 20}], answer
        assert [a["id"] for a in w.rest("GET", "/activities").json["activities"]] == [1]  # nothing is saved
    finally:
        w.close()


def test_what_is_shown_later_is_what_was_given():
    """A display of a prefetched experience is one of the experience that the changed activity had given."""
    w = fresh()
    try:
        w.activity("ab", 1, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero")
        for i in range(1, 41):
            who = {"id": {"tntId": "%032x" % i}}
            options = w.ask(dict(who, prefetch={"mboxes": [{"index": 0, "name": "hero"}]}))["prefetch"]["mboxes"][0]["options"]
            w.ask(dict(who, notifications=[{"id": "n", "type": "display", "timestamp": 1, "mbox": {"name": "hero"},
                                            "tokens": [options[0]["eventToken"]]}]))
        w.clock("2027-03-10T12:00:00Z")
        second = {i: w.content("hero", {"tntId": "%032x" % i}) for i in range(1, 41)}
        b = sum(x == "b" for x in second.values())
        answer = what_if(w, activities=[shares(w, 1, 100, 0)], since="2027-03-09T00:00:00Z")
        assert 0 < b < 40 and changes(answer, 1) == {("0", "0"): (2 * (40 - b), 40 - b), ("1", "0"): (2 * b, b)}, (b, answer)
        assert answer["requests"] == 120 and answer["recorded"]["otherwise"] == 0, answer
    finally:
        w.close()


def test_events_of_the_edge_network():
    w = fresh()
    try:
        w.activity("ab", 1, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero")
        w.audience({"mbox": "tier", "equals": ["gold"]}, GOLD)
        w.activity("xt", 2, [(None, w.offer("content", content="gold"), [GOLD])], "hero", priority=9)
        w.audience({"browser": "type", "equals": ["firefox"]}, SHOE)
        w.activity("xt", 3, [(None, w.offer("content", content="fox"), [SHOE])], "side")
        edge = Edge(w.s, world.datastream(w.s, "web", world.web_dataset(w.s)))
        r, gold = random.Random(SEED), 0
        people = ["%038d" % r.randrange(10 ** 18) for _ in range(30)]
        for i in range(120):
            ecid = r.choice(people)
            event = {"xdm": {"eventType": "view", "identityMap": {"ECID": [{"id": ecid, "primary": True}]}},
                     "query": {"personalization": {"decisionScopes": ["hero", "side", "none"], "schemas": SCHEMAS}}}
            if r.random() < 0.3:
                event["data"] = {"__adobe": {"target": {"tier": "gold"}}}
                gold += 1
            answer = edge.interact(minimal(events=[event]), headers={"User-Agent": "Mozilla/5.0 (X11; rv:120.0) Gecko/20100101 Firefox/120.0"}
                                   if r.random() < 0.5 else None)
            assert answer.status == 200, answer.body
            shown = answer.payload("personalization:decisions")
            if shown and r.random() < 0.5:
                seen = [{k: p[k] for k in ("id", "scope", "scopeDetails")} for p in shown]
                edge.interact(minimal(events=[{"xdm": {
                    "eventType": "decisioning.propositionDisplay", "identityMap": {"ECID": [{"id": ecid, "primary": True}]},
                    "_experience": {"decisioning": {"propositions": seen, "propositionEventType": {"display": 1}}}}}]))
        answer = what_if(w)
        assert answer["recorded"]["otherwise"] == 0 and answer["recorded"]["reproduced"] == answer["requests"] >= 120, (SEED, answer)
        assert answer["changed"]["requests"] == 0 and answer["notReplayed"] == {}, (SEED, answer)
        assert {a["id"] for a in answer["activities"]} == {"1", "2", "3"}, (SEED, answer)
        answer = what_if(w, audiences=[{"id": GOLD, "targetRule": {"mbox": "tier", "equals": ["none"]}}])
        assert changes(answer, 2) == {("0", None): (gold, changes(answer, 2)["0", None][1])}, (SEED, gold, answer)
        assert answer["changed"]["requests"] == gold, (SEED, answer)
    finally:
        w.close()


def test_what_is_not_recorded_is_counted():
    """Without the setting a rule that asks for a header cannot be tried, and everything else can."""
    w = fresh()
    try:
        w.rest("PUT", "/clients/settings", {"explain": False}, headers=SETTINGS)
        w.audience({"page": "header.x-group", "equals": ["beta"]}, BETA)
        w.activity("xt", 1, [(None, w.offer("content", content="beta"), [BETA])], "gate")
        w.activity("ab", 2, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero")
        for i in range(10):
            w.mbox("gate", {"tntId": "%032x" % (i + 1)})
            w.mbox("hero", {"tntId": "%032x" % (i + 101)})
        answer = what_if(w)
        assert answer["notReplayed"] == {"headers": 10} and answer["requests"] == 10, answer
        w.rest("PUT", "/clients/settings", {"explain": True}, headers=SETTINGS)
        for i in range(10):
            w.mbox("gate", {"tntId": "%032x" % (i + 201)})
        answer = what_if(w, audiences=[{"id": BETA, "targetRule": {"page": "header.x-other", "equals": ["1"]}}])
        assert answer["notReplayed"] == {"headers": 20} and answer["requests"] == 10, answer  # nobody asked for that one
        other = [{"id": 2, "entryConstraint": {"audienceIds": ["a-platform-audience"]}}]
        answer = what_if(w, activities=other)
        assert answer["notReplayed"] == {"headers": 10, "audiences": 10} and answer["requests"] == 10, answer
    finally:
        w.close()


def test_what_scripts_return_at_each_location():
    """A value that changes from location to location is, at each, what it was there; without the setting that is not known."""
    w = fresh()
    try:
        w.rest("POST", "/profileattributes/scripts", {"name": "n", "script": "return Number(user.get('n') || 0) + 1;"}, headers=SETTINGS)
        w.audience({"profile": "n", "equals": ["2"]}, SEEN)
        w.activity("xt", 1, [(None, w.offer("content", content="second"), [SEEN])], "box")
        boxes = {"execute": {"mboxes": [{"index": i, "name": "box"} for i in range(3)]}}
        for i in range(5):
            got = w.ask(dict(boxes, id={"tntId": "%032x" % (i + 1)}))["execute"]["mboxes"]
            assert ["options" in m for m in got] == [False, True, False], got
        answer = what_if(w)
        assert answer["recorded"] == {"reproduced": 5, "otherwise": 0} and answer["notReplayed"] == {}, answer
        w.rest("PUT", "/clients/settings", {"explain": False}, headers=SETTINGS)
        for i in range(5):
            w.ask(dict(boxes, id={"tntId": "%032x" % (i + 101)}))
            w.mbox("box", {"tntId": "%032x" % (i + 201)})
        answer = what_if(w)
        assert answer["notReplayed"] == {"scripts": 5} and answer["recorded"] == {"reproduced": 10, "otherwise": 0}, answer
    finally:
        w.close()


def test_what_is_refused():
    for body, says in (({"since": "soon"}, "since must be an instant"), ({"until": 3}, "until must be an instant"),
                       ({"since": "2027-03-10", "until": "2027-03-09"}, "until must not be before since"),
                       ({"share": 0}, "share must be a number 0.01..100"), ({"share": 101}, "share must be"), ({"share": "1"}, "share must be"),
                       ({"limit": 0}, "limit must be 1..10000000"), ({"limit": 10000001}, "limit must be"),
                       ({"activities": {}}, "activities must be a list"), ({"activities": [7]}, "activities[0] must be an object"),
                       ({"offers": [{"id": 1}, {"name": "x"}]}, "offers[1] must be an object with a number as id"),
                       ({"activities": [{"id": 101, "priority": "high"}]}, "priority"),
                       ({"activities": [{"id": 101}, {"id": 102}, {"id": 101}]}, "activities[2] is 101 again"),
                       ({"offers": [{"id": i + 1} for i in range(65)]}, "at most 64 objects")):
        assert says in what_if(w, 400, **body)["errors"][0]["message"], (body, what_if(w, 400, **body))
    audience = {"name": "new", "targetRule": {"mbox": "x", "equals": ["1"]}}
    assert what_if(w, audiences=[dict(audience, id=500 + i, name="new %d" % i) for i in range(64)])["state"] == "RESULT_READY"
    made = w.rest("POST", "/what-if", {}, headers=SETTINGS, expect=201).json
    w.rest("DELETE", "/what-if/" + made["id"], headers=SETTINGS, expect=204)
    w.rest("GET", "/what-if/" + made["id"], headers=SETTINGS, expect=404)


def test_the_command():
    path = os.path.join(w.s.data, "edit.json")
    with open(path, "w") as f:
        json.dump({"activities": [{"id": 102, "state": "saved"}]}, f)
    r = subprocess.run([binary(), "target", "what-if", path, "--data", w.s.data], capture_output=True, text=True)
    answer = what_if(w, activities=[{"id": 102, "state": "saved"}])
    assert r.returncode == 0, r
    assert "%d requests of %d visitors decided again" % (answer["requests"], answer["visitors"]) in r.stdout, r.stdout
    assert "otherwise %d requests of %d visitors" % tuple(answer["changed"].values()) in r.stdout, r.stdout
    assert "lost by state" in r.stdout and "activity 102" in r.stdout, r.stdout
    with open(path, "w") as f:
        f.write('{"share": 0}')
    r = subprocess.run([binary(), "target", "what-if", path, "--data", w.s.data], capture_output=True, text=True)
    assert r.returncode == 1 and "share must be" in r.stderr, r
    for wrong in (["what-if"], ["what-if", path, "--dry-run"], ["what", path]):
        assert subprocess.run([binary(), "target"] + wrong, capture_output=True).returncode == 2, wrong


def finish():
    return w.close()


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
