#!/usr/bin/env python3
"""edgewise pql as a person types it: values, conversions, faults with their place, vectors, exit codes. No server runs."""
import json
import os
import re
import subprocess
import sys
import tempfile

from server import ROOT, binary, run

NOW = "2025-03-12T14:30:00Z"


def pql(*arguments, stdin=None, code=0):
    r = subprocess.run([binary(), "pql", *arguments], input=stdin, capture_output=True, text=True)
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    return r.stdout if code == 0 else r.stderr


def test_eval_prints_json():
    assert pql("eval", "--expr", "1 + 2 * 3") == "7\n"
    assert json.loads(pql("eval", "--expr", 'tags[^n = 1]', "--profile", "-", stdin='{"n": 1, "tags": ["a", 2]}')) == ["a", 2]
    assert pql("eval", "--expr", "now", "--now", NOW) == '"2025-03-12T14:30:00.000Z"\n'
    profile = json.dumps({"xEvent": [{"timestamp": "2025-03-12T10:00:00Z", "eventType": "buy"}]})
    expression = 'exists E from xEvent where E.eventType = "buy" and E.timestamp occurs <= 1 day before now'
    assert pql("eval", "--expr", expression, "--now", NOW, "--profile", "-", stdin=profile) == "true\n"
    assert pql("eval", "--expr", expression, "--now", "2025-03-14T00:00:00Z", "--profile", "-", stdin=profile) == "false\n"


def test_eval_reads_files():
    with tempfile.TemporaryDirectory() as d:
        for name, text in (("e.pql", "a.b = 1\n"), ("p.json", '{"a": {"b": 1}}')):
            with open(os.path.join(d, name), "w") as f:
                f.write(text)
        assert pql("eval", "--file", os.path.join(d, "e.pql"), "--profile", os.path.join(d, "p.json")) == "true\n"
        assert "nothing" in pql("eval", "--file", os.path.join(d, "nothing"), code=1)


def test_eval_takes_pasted_examples():
    block = '1 + 1\n--> 2\n\n  [1, 2]\n  .count()\n--> 2\n--> what follows an empty one\n"-->"\n'
    assert pql("eval", "--file", "-", stdin=block) == '2\n2\n"-->"\n'
    assert pql("eval", "--expr", "1\n-->") == "1\n"
    r = subprocess.run([binary(), "pql", "eval", "--file", "-"], input="1\n--> 1\n\na b\n--> x\n3", capture_output=True, text=True)
    assert r.returncode == 1 and r.stdout == "1\n3\n" and "line 1 column 3" in r.stderr, r
    assert "found the end of the text" in pql("eval", "--expr", "", code=1)


def test_faults_show_their_place():
    assert pql("eval", "--expr", "xs.filtre(a = 1)", code=1) == (
        "error:reference line 1 column 4: unknown function 'filtre'\n"
        "  xs.filtre(a = 1)\n"
        "     ^\n"
        "  did you mean 'filter'?\n")
    assert pql("eval", "--expr", 'a = "\u00e9\u00e9" b', code=1).splitlines()[1:] == ['  a = "\u00e9\u00e9" b', "           ^"]
    assert pql("eval", "--file", "-", stdin="a = 1\n  and b =\n", code=1).splitlines()[1:] == ["    and b =", "           ^"]
    long = pql("eval", "--expr", "a = 1 or " * 100 + "# b", code=1).splitlines()
    assert len(long[1]) < 110 and long[1][len(long[2]) - 1] == "#"
    tree = '{"nodeType":"fnApply","fnName":"not","params":[{"nodeType":"literal","literalType":"Integer","value":7}]}'
    assert pql("eval", "--from", "json", "--expr", tree, code=1).splitlines()[-2:] == [
        "  at params[0].value", "  compare it with something, or ask whether it is there: isNotNull()"]
    assert "--now must be an instant" in pql("eval", "--expr", "now", "--now", "soon", code=1)
    assert "must be a JSON object" in pql("eval", "--expr", "a", "--profile", "-", stdin="[]", code=1)


def test_convert():
    text = 'xEvent[eventType = "buy"].count() >= 2\n'
    tree = pql("convert", "--to", "json", "--expr", text)
    assert json.loads(tree)["fnName"] == ">="
    assert pql("convert", "--to", "text", "--file", "-", stdin=tree) == text
    assert pql("convert", "--to", "text", "--from", "text", "--expr", "((a))=1") == "a = 1\n"
    assert "teleport" in pql("convert", "--to", "text", "--expr", '{"nodeType":"teleport"}', code=1)


def test_vectors():
    out = pql("test", os.path.join(ROOT, "tests", "vectors", "pql.json")).splitlines()
    assert out[0] == "reference: 788 passed, 0 failed, 0 unsupported", out[0]
    assert out[-1].endswith(" passed, 0 failed"), out[-1]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        f.write(json.dumps([{"id": "x", "pql": "1 = 2", "profile": {}, "now": NOW, "expect": True},
                            {"id": "y", "pql": "1 = 2", "profile": {}, "now": "soon", "expect": True}]))
        f.flush()
        r = subprocess.run([binary(), "pql", "test", f.name], capture_output=True, text=True)
    assert r.returncode == 1 and "FAIL reference x: 1 = 2\n     got false" in r.stdout, r.stdout
    assert "vector 'y' needs 'now', an instant" in r.stdout and re.search(r"\n0 passed, \d+ failed\n$", r.stdout), r.stdout


def test_usage():
    assert pql("--help").startswith("usage: edgewise pql eval")
    for wrong in ([], ["eval"], ["eval", "--expr", "1", "--file", "x"], ["convert", "--expr", "1"], ["eval", "--frob", "1"],
                  ["convert", "--to", "yaml", "--expr", "1"], ["test"], ["eval", "--expr"]):
        assert pql(*wrong, code=2).startswith("usage:")


if __name__ == "__main__":
    run(sys.modules[__name__])
