#!/usr/bin/env python3
"""A log that retention has cut: what asks it for the past says what is not there any more, and answers nothing wrong."""
import json
import os
import subprocess
import sys
import time

from delivery_world import NOW, World, metric
from server import binary, run

SETTINGS = {"Content-Type": "application/json"}
DAY = 86400
VERY_OLD, OLD, NEW = "%032x" % 1, "%032x" % 2, "%032x" % 3
w = None


def at(day):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.mktime((2027, 3, 9, 12, 0, 0, 0, 0, 0)) - time.timezone + day * DAY))


def setup():
    """A setting that explains, two activities, and three visitors: one from before the cut alone, one from both sides."""
    global w
    w = World(args=["--collect-retention-days", "5", "--edge-profile-ttl-hours", "2160"])
    w.clock(at(0))
    w.activity("ab", 1, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "hero", metrics=[metric("buy")])
    w.activity("ab", 2, [(50, w.offer("content", content="a")), (50, w.offer("content", content="b"))], "side", metrics=[metric("other")])
    w.rest("PUT", "/clients/settings", {"explain": True}, headers=SETTINGS)
    for who in (VERY_OLD, OLD):
        w.mbox("hero", {"tntId": who})
        w.mbox("buy", {"tntId": who})
    w.old = decisions(OLD)["decisions"][0]["id"]
    assert why(w.old)["reproduced"] and "note" not in why(w.old)
    assert "logBegins" not in decisions(OLD, since=at(-1))
    w.s.drain()
    w.day = 0
    cut()
    w.mbox("hero", {"tntId": OLD})
    for name in ("hero", "hero", "buy"):
        w.mbox(name, {"tntId": NEW})
    w.s.drain()


def cut():
    """Six days later what was given is gone, or a few times six: it stays as long as hub and edge have not written what they
    made of it, which they do when they stop. The edge remembers its visitors for 90 days."""
    while decisions(OLD, since=at(-1))["decisions"]:
        assert w.day < 60
        w.s.restart()
        w.day += 6
        w.clock(at(w.day))


def begins():
    """Of the log's first record, which stood behind what is gone."""
    first = w.s.topic("collect")[0]
    assert first["offset"] > 0, first
    return first["time"]


def finish():
    return w.close()


def decisions(visitor, **query):
    more = "".join("&%s=%s" % x for x in query.items())
    return w.rest("GET", "/decisions?visitor=%s%s" % (visitor, more), headers=SETTINGS).json


def why(id, expect=2):
    return w.rest("GET", "/decisions/%s" % id, headers=SETTINGS, expect=expect).json


def test_the_list_says_where_the_log_begins():
    answer = decisions(OLD, since=at(-1))
    assert [x["activity"] for x in answer["decisions"]] == ["1"] and answer["total"] == 1, answer
    assert answer["logBegins"] == begins() and "the log was cut (collect-retention-days)" in answer["note"], answer
    answer = decisions(VERY_OLD, since=at(-1))
    assert answer["decisions"] == [] and "note" in answer, answer
    answer = decisions(NEW, since=answer["logBegins"])  # he asks for what is there
    assert len(answer["decisions"]) == 2 and "note" not in answer and "logBegins" not in answer, answer


def test_a_decision_that_was_cut_is_not_found_and_why_is_said():
    for id in (w.old, w.old.split("-")[0], "0"):
        errors = why(id, expect=404)["errors"]
        assert "the log was cut (collect-retention-days): it begins with record" in errors[0]["message"], errors
    answer = why("99999999", expect=404)["errors"]
    assert "the log has no record 99999999" in answer[0]["message"], answer


def test_a_decision_of_somebody_from_before_is_not_made_again():
    """What is recorded is told; what followed from his past is not, and nobody who came later suffers."""
    told = why(decisions(OLD)["decisions"][0]["id"])
    assert told["reproduced"] is False and told["notReplayed"] == "history", told
    assert "what the visitor did before is not known" in told["note"], told
    assert told["decisions"][0]["activity"]["id"] == "1" and told["decisions"][0]["entered"] is False, told
    for row in decisions(NEW)["decisions"]:
        told = why(row["id"])
        assert told["reproduced"] is True and "note" not in told and "notReplayed" not in told, told


def test_without_the_setting_nobody_is_believed():
    """A hit that does not say whom the edge knew may be one of somebody from before."""
    w.rest("PUT", "/clients/settings", {"explain": False}, headers=SETTINGS)
    who = "%032x" % 4
    w.mbox("hero", {"tntId": who})
    w.rest("PUT", "/clients/settings", {"explain": True}, headers=SETTINGS)
    told = why(decisions(who)["decisions"][0]["id"])
    assert told["reproduced"] is False and "the log was cut" in told["note"] and "explain" in told["note"], told


def question(path, body, headers=None):
    id = w.s.rest("POST", path, body, headers=headers, expect=2).json["id"]
    end = time.time() + 60
    while True:
        answer = w.s.rest("GET", path + "/" + id, headers=headers, expect=2).json
        if answer["state"] not in ("NEW", "RUNNING"):
            return answer
        assert time.time() < end, answer
        time.sleep(0.02)


def test_a_what_if_says_what_it_could_not_decide():
    answer = question("/acme/target/what-if", {}, SETTINGS)
    assert answer["state"] == "RESULT_READY" and answer["notReplayed"]["history"] >= 1, answer
    assert answer["visitors"] == 1 and answer["requests"] == 3 and answer["recorded"] == {"reproduced": 3, "otherwise": 0}, answer
    assert answer["logBegins"] == begins() and "the log was cut" in answer["note"], answer
    later = question("/acme/target/what-if", {"since": answer["logBegins"]}, SETTINGS)
    assert "logBegins" not in later and "note" not in later and later["requests"] == 3, later
    path = os.path.join(w.s.data, "nothing.json")
    with open(path, "w") as f:
        json.dump({}, f)
    r = subprocess.run([binary(), "target", "what-if", path, "--data", w.s.data], capture_output=True, text=True)
    assert r.returncode == 0 and "the log begins at %s: older requests are not there" % answer["logBegins"] in r.stdout, r
    assert "could not be decided again: history" in r.stdout, r.stdout


def rows(answer):
    return {x["experience"]: x["visitors"] for x in answer["rows"]}


def test_a_recount_says_since_when_it_counts():
    answer = question("/edgewise/recounts", {"activityId": 1})
    assert answer["state"] == "RESULT_READY" and answer["since"] == begins(), answer
    assert sum(rows(answer).values()) == 3, answer  # OLD, NEW and the one without the setting; the fourth is gone
    told = w.s.rest("GET", "/edgewise/reports/1", expect=2).json["recount"]
    assert told["id"] == answer["id"] and told["since"] == answer["since"], told
    assert b"because older hits were not kept" in w.s.call("GET", "/reports/1").body


def test_a_log_of_which_nothing_is_left_says_so():
    """Hits of before are gone, and the tick of the clock is all that there is: a recount counts from there on."""
    w.s.drain()
    cut()
    answer = decisions(NEW, since=at(-1))
    assert answer["decisions"] == [] and answer["total"] == 0 and "note" in answer, answer
    answer = question("/acme/target/what-if", {}, SETTINGS)
    assert answer["requests"] == 0 and "note" in answer, answer
    answer = question("/edgewise/recounts", {"activityId": 2})
    assert rows(answer) == {} and answer["since"] == begins(), answer


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
