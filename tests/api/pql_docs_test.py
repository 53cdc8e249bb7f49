#!/usr/bin/env python3
"""The examples of docs/pql: each is taken from its page, evaluated, sent through every evaluator, and must give what the page
says. A page has three kinds of code: `pql` (expressions with their results, on Ada), `console` (commands with their output),
`json` (what the expression before it is as pql/json). Another kind would not be checked, so there is none. No server runs."""
import glob
import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile

from server import ROOT, binary, run

FOLDER = os.path.join(ROOT, "docs", "pql")
PROFILE = os.path.join(FOLDER, "ada.json")
NOW = "2025-03-12T14:30:00Z"
# Examples that a page has at least: an extraction that finds nothing must not look like success.
AT_LEAST = {"README.md": 11, "recipes.md": 38, "language.md": 130, "functions.md": 95, "time.md": 60, "sequences.md": 25,
            "json.md": 12, "evaluation.md": 9, "limits.md": 6, "errors.md": 34}


class Example:
    """An expression, what it gives (a value, or "error:class"), and on what."""

    def __init__(self, page, line, text, expect, profile=PROFILE, now=NOW):
        self.page, self.line, self.text, self.expect, self.profile, self.now = page, line, text, expect, profile, now
        self.place = "%s:%d" % (page, line)


def blocks(page):
    """(kind, first line number, lines) of each fenced block."""
    out, kind = [], None
    with open(os.path.join(FOLDER, page)) as f:
        for number, line in enumerate(f.read().split("\n"), 1):
            if line.startswith("```"):
                if kind is None:
                    kind, start, lines = line[3:], number + 1, []
                else:
                    out.append((kind, start, lines))
                    kind = None
            elif kind is not None:
                lines.append(line)
            else:
                assert not line.startswith("    "), "%s:%d: code without a fence is not checked" % (page, number)
    assert kind is None, page + ": a fence that is not closed"
    return out


def examples_of(page, start, lines):
    out, text = [], []
    for number, line in enumerate(lines, start):
        if not line.startswith("-->"):
            text.append(line)
            continue
        result = line[3:].strip()
        expression = "\n".join(text).strip("\n")
        assert expression, "%s:%d: a result without an expression" % (page, number)
        out.append(Example(page, number, expression, result if result.startswith("error:") else json.loads(result)))
        text = []
    assert not "".join(text).strip(), "%s:%d: an expression without a result" % (page, start + len(lines))
    return out


def commands_of(start, lines):
    """(line number, command, its output)"""
    out, i = [], 0
    assert lines[0].startswith("$ "), start
    while i < len(lines):
        at, command = start + i, lines[i][2:]
        while command.endswith("\\"):
            i += 1
            command = command[:-1] + lines[i]
        i += 1
        said = []
        while i < len(lines) and not lines[i].startswith("$ "):
            said.append(lines[i])
            i += 1
        out.append((at, command, "".join(line + "\n" for line in said)))
    return out


def option(words, name):
    return words[words.index(name) + 1] if name in words else None


def example_of_command(page, line, command, said):
    """A `pql eval` of one expression is an example too, unless the shell has to make the expression."""
    words = shlex.split(command)
    if words[:3] != ["edgewise", "pql", "eval"] or "--expr" not in words or "--from" in words or "$(" in command:
        return None
    fault = re.match(r"error:\w+", said)
    profile = os.path.join(FOLDER, option(words, "--profile")) if "--profile" in words else None
    return Example(page, line, option(words, "--expr"), fault.group() if fault else json.loads(said), profile,
                   option(words, "--now") or NOW)


def everything():
    examples, commands, trees = [], [], []
    for page in sorted(os.path.basename(p) for p in glob.glob(os.path.join(FOLDER, "*.md"))):
        before = None
        for kind, start, lines in blocks(page):
            assert kind in ("pql", "console", "json"), "%s:%d: nothing checks a block of %r" % (page, start - 1, kind)
            if kind == "pql":
                found = examples_of(page, start, lines)
                assert found, "%s:%d" % (page, start)
                examples += found
                before = found[-1]
            elif kind == "console":
                for line, command, said in commands_of(start, lines):
                    commands.append((page, line, command, said))
                    one = example_of_command(page, line, command, said)
                    examples += [one] if one else []
            else:
                assert before is not None, "%s:%d: a tree without its expression" % (page, start)
                trees.append((before, "\n".join(lines)))
    return examples, commands, trees


EXAMPLES, COMMANDS, TREES = everything()


def pql(*arguments, stdin=None):
    return subprocess.run([binary(), "pql", *arguments], input=stdin, capture_output=True, text=True)


def profile_of(example):
    if example.profile is None:
        return {}
    with open(example.profile) as f:
        return json.load(f)


def same(got, want):
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return got is want
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return isinstance(got, float) == isinstance(want, float) and math.isclose(got, want, rel_tol=1e-9)
    if isinstance(want, list) and isinstance(got, list):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, dict) and isinstance(got, dict):
        return list(got) == list(want) and all(same(got[k], want[k]) for k in want)
    return got == want


def test_there_are_examples():
    pages = {os.path.basename(p) for p in glob.glob(os.path.join(FOLDER, "*.md"))}
    assert pages == set(AT_LEAST), pages ^ set(AT_LEAST)
    for page, least in AT_LEAST.items():
        places = {(e.page, e.line) for e in EXAMPLES} | {(p, line) for p, line, _, _ in COMMANDS}
        count = sum(p == page for p, _ in places)
        print("     %s: %d examples" % (page, count))
        assert count >= least, (page, count)
    assert len(TREES) >= 5, len(TREES)


def test_eval_prints_what_the_page_says():
    wrong = []
    for e in EXAMPLES:
        r = pql("eval", "--now", e.now, "--expr", e.text, *(["--profile", e.profile] if e.profile else []))
        if isinstance(e.expect, str) and e.expect.startswith("error:"):
            if r.returncode != 1 or not re.match(re.escape(e.expect) + r"\b", r.stderr):
                wrong.append("%s: %s\n  says %s\n  got  %s%s" % (e.place, e.text, e.expect, r.stdout, r.stderr))
        elif r.returncode != 0 or not same(json.loads(r.stdout), e.expect):
            wrong.append("%s: %s\n  says %s\n  got  %s%s" % (e.place, e.text, json.dumps(e.expect), r.stdout, r.stderr))
    assert not wrong, "%d of %d\n%s" % (len(wrong), len(EXAMPLES), "\n".join(wrong))


def test_blocks_can_be_pasted():
    for page in AT_LEAST:
        for kind, start, lines in blocks(page):
            if kind != "pql":
                continue
            want = [e.expect for e in examples_of(page, start, lines)]
            r = pql("eval", "--profile", PROFILE, "--now", NOW, "--file", "-", stdin="\n".join(lines) + "\n")
            got = [json.loads(line) for line in r.stdout.splitlines()]
            assert same(got, [w for w in want if not str(w).startswith("error:")]), (page, start, r.stdout, r.stderr)


def literal(value):
    """A value as PQL text."""
    return json.dumps(value, ensure_ascii=False)


def condition_of(example):
    """The incremental evaluator answers conditions: a value becomes the question whether it is that value."""
    if example.expect is None:
        return "(%s).isNull()" % example.text
    return "(%s) = %s" % (example.text, literal(example.expect))


def test_every_evaluator_agrees():
    vectors, conditions = [], 0
    for e in EXAMPLES:
        vector = {"id": e.place, "pql": e.text, "profile": profile_of(e), "now": e.now, "expect": e.expect}
        vectors.append(vector)
        if isinstance(e.expect, bool):
            conditions += 1
        elif not str(e.expect).startswith("error:") and not re.match(r"\(?[A-Z][\w, ]*\)? => ", e.text):
            vectors.append(dict(vector, id=e.place + " as a condition", pql=condition_of(e), expect=True))
            conditions += 1
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(vectors, f)
        f.flush()
        r = pql("test", f.name)
    assert r.returncode == 0, r.stdout
    totals = {name: tuple(map(int, n)) for name, *n in
              re.findall(r"^(\w+): (\d+) passed, (\d+) failed, (\d+) unsupported$", r.stdout, re.M)}
    print("     " + ", ".join("%s %d" % (name, n[0]) for name, n in totals.items()))
    assert set(totals) >= {"reference", "forms", "incremental", "vectorised"}, r.stdout
    assert totals["reference"] == (len(vectors), 0, 0), totals
    assert totals["incremental"][0] >= conditions, (totals, conditions)
    assert totals["vectorised"][0] >= conditions / 2, (totals, conditions)


def test_commands_say_what_the_page_says():
    wrong = []
    with tempfile.TemporaryDirectory() as d:
        os.symlink(binary(), os.path.join(d, "edgewise"))
        env = dict(os.environ, PATH=d + os.pathsep + os.environ["PATH"])
        for page, line, command, said in COMMANDS:
            r = subprocess.run(["bash", "-c", command], cwd=FOLDER, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
            if r.stdout != said:
                wrong.append("%s:%d: %s\n%s" % (page, line, command, r.stdout))
    assert not wrong, "\n".join(wrong)
    assert len(COMMANDS) >= 20, len(COMMANDS)


def test_trees_are_what_the_expression_before_them_is():
    for example, tree in TREES:
        made = pql("convert", "--to", "json", "--expr", example.text)
        assert made.returncode == 0, (example.place, made.stderr)
        assert json.loads(made.stdout) == json.loads(tree), (example.place, made.stdout)
        value = pql("eval", "--from", "json", "--expr", tree, "--profile", example.profile, "--now", example.now)
        assert value.returncode == 0 and same(json.loads(value.stdout), example.expect), (example.place, value)


def words_of(path, pattern):
    with open(os.path.join(ROOT, path)) as f:
        found = set(re.findall(pattern, f.read()))
    assert len(found) > 5, (path, found)
    return found


def test_the_language_is_covered():
    """Every function, keyword, unit of time and node of the tree has an example."""
    source = "\n".join(e.text for e in EXAMPLES)
    functions = words_of("src/pql/pql_fn.c", r'(?:PREDICATE|OF_LIST|OF_TWO|ELEM)\("(\w+)"|^    \{"(\w+)", FN_')
    functions = {a or b for a, b in functions} | words_of("src/pql/pql_fn.c", r'\{"(\w+)",\s+FN_')
    missing = [f for f in sorted(functions) if not re.search(r"\b%s\(" % f, source) and f != "like"]
    units = [u for u in ("millisecond", "second", "minute", "hour", "day", "week", "month", "year", "decade", "centur",
                         "millenni") if not re.search(r"\d %s\w*|(?:this|last|next) %s" % (u, u), source)]
    words = [w for w in ("and", "or", "not", "in", "notIn", "like", "occurs", "exists", "forall", "some", "all", "none", "one",
                         "select", "let", "over", "where", "from", "before", "after", "between", "now", "today", "yesterday",
                         "tomorrow", "this", "last", "next", "WHAT", "WHERE", "WHEN", "COUNT", "GAP", "true", "false", "null",
                         "if") if not re.search(r"\b%s\b" % w, source)]
    signs = [s for s in ("=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "!", "^", "^^", "$1", "=>", "{", "[", "`",
                         "L + ") if s not in source]
    trees = "\n".join(tree for _, tree in TREES)
    nodes = [n for n in ("literal", "parameterReference", "varRef", "fieldLookup", "fnApply", "lambda", "select", "varDecl",
                         "quantification", "chain", "element", "occurs", "timeQualification", "duration", "range", "gap", "let",
                         "aggregate") if '"nodeType": "%s"' % n not in trees]
    assert not (missing or units or words or signs or nodes), (missing, units, words, signs, nodes)


if __name__ == "__main__":
    run(sys.modules[__name__])
