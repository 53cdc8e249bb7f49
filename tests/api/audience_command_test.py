#!/usr/bin/env python3
"""edgewise audience as a person types it: help wherever it is asked for, refusals in the server's words, uploads that fail."""
import os
import subprocess
import sys

import world
from server import Server, binary, run

s = Server()
world.namespace(s, "CRMID")
crm = world.dataset(s, "crm", world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}, "points": {"type": "integer"}}}}, [("/_northpeak/crmId", "CRMID")]))


def edgewise(*arguments, code=0):
    """What it prints when the exit code is 0, else what it says on standard error."""
    r = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=60)
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    return r.stdout if code == 0 else r.stderr


def audience(*arguments, code=0):
    return edgewise("audience", *arguments, "--data", s.data, code=code)


def file(text):
    path = os.path.join(s.data, "people.csv")
    with open(path, "w") as f:
        f.write(text)
    return path


def test_help_is_where_it_is_asked_for():
    for words in (["audience"], ["audience", "explain"], ["audience", "count"], ["audience", "diff"], ["audience", "upload"],
                  ["pql"], ["pql", "eval"], ["log"], ["log", "dump"], ["demo"], ["demo", "load"]):
        assert edgewise(*words, "--help").startswith("usage: edgewise " + words[0]), words


def test_a_refusal_is_the_servers_sentence():
    assert audience("count", "none", code=1) == "edgewise: the server answered 404: audience 'none' not found\n"


def test_an_upload_says_what_is_wrong():
    people = file("id,score\nc1,1\nc2,2\n")
    assert audience("upload", "spring", people, code=1) == (
        "edgewise: audience 'spring' does not exist: --identity COLUMN=NAMESPACE makes it\n")
    said = audience("upload", "spring", people, "--identity", "id=None", code=1)
    assert said.endswith(" answered 400: fields[0]: namespace 'None' does not exist\n"), said
    assert audience("upload", "spring", people, "--identity", "id=CRMID") == "2 rows, 0 bad\n"
    said = audience("upload", "spring", file("id,score\nc3,1\n,2\n"), code=1)
    assert "1 row: A required field is missing or null.\n" in said and "{" not in said, said
    run_id = said.split("edgewise: run ")[1].split()[0]
    assert "/data/foundation/export/batches/%s/meta?path=row_errors" % run_id in said, said
    assert audience("count", "spring") == "2\n"


def test_a_name_is_found_among_many_like_it():
    world.audience(s, "Many", "_northpeak.points > 0")
    for i in range(101):
        world.audience(s, "Many %d" % i, "false")
    assert audience("count", "Many") == "0\n"


def test_explain_tells_when_the_profile_says_otherwise():
    points = lambda n: world.records(s, crm, [{"_northpeak": {"crmId": "c9", "points": n}}])
    explain = lambda: audience("explain", "Rich", "--identity", "CRMID:c9").split("\n")[1:4]
    rich = world.audience(s, "Rich", "_northpeak.points > 5")
    points(9)
    is_member = explain()
    assert " is a member at " in is_member[0] and is_member[1] == "", is_member
    s.rest("PATCH", "/data/core/ups/audiences/" + rich, [{"op": "add", "path": "/lifecycleState", "value": "inactive"}], expect=200)
    s.drain()
    points(3)
    otherwise = explain()
    assert " is not a member at " in otherwise[0], otherwise
    assert otherwise[1].startswith("but the profile's membership is realized since 2"), otherwise


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
