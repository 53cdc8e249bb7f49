#!/usr/bin/env python3
"""docs/ab-test.md and docs/quickstart.md, command by command: the `sh` blocks of a page run in one bash, in its order, and print
what the `text` blocks below them say. Sections that need npm and a browser are run by tests/sdk/ab_docs_test.mjs."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

from server import ROOT, binary, run

ELSEWHERE = ("7. ", "8. ")  # sections of ab-test.md that tests/sdk/ab_docs_test.mjs runs


class Block:
    def __init__(self, page, section, line, kind):
        self.page, self.section, self.kind, self.lines = page, section, kind, []
        self.place = "%s:%d" % (page, line)

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)


def blocks(page):
    """Fenced blocks in order."""
    out, section, inside = [], "", None
    with open(os.path.join(ROOT, "docs", page)) as f:
        for number, line in enumerate(f.read().split("\n"), 1):
            if line.startswith("```"):
                if inside is None:
                    inside = Block(page, section, number, line[3:])
                else:
                    out.append(inside)
                    inside = None
            elif inside is not None:
                inside.lines.append(line)
            elif line.startswith("## "):
                section = line[3:]
    assert inside is None, page + ": a fence that is not closed"
    return out


def said_of(page):
    """(command, what it prints or None) of each command."""
    out = []
    for b in blocks(page):
        if b.kind == "sh":
            out.append([b, None])
        elif b.kind == "text":
            assert out and out[-1][1] is None, b.place + ": output without a command"
            out[-1][1] = b.text
        else:
            assert b.kind == "html" and page == "quickstart.md", b.place + ": nothing runs a block of this kind"
    return out


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Reader:
    """Somebody who pastes the page into a bash. The page's ports become free ones, and are the page's again in what is printed."""

    def __init__(self):
        self.ports = {p: free_port() for p in ("8080", "8443")}
        self.folder = tempfile.mkdtemp(prefix="edgewise-docs-")
        tools, here = os.path.join(self.folder, "bin"), os.path.join(self.folder, "here")
        os.mkdir(tools)
        os.mkdir(here)
        os.symlink(os.path.abspath(binary()), os.path.join(tools, "edgewise"))
        self.bash = subprocess.Popen(["bash"], cwd=here, env=dict(os.environ, PATH=tools + os.pathsep + os.environ["PATH"]),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     start_new_session=True)

    def paste(self, text):
        """Status of the last command, and all that was printed."""
        for page, ours in self.ports.items():
            text = text.replace("127.0.0.1:" + page, "127.0.0.1:%d" % ours)
        self.bash.stdin.write(text + "\nprintf '<end %s>\\n' $?\n")
        self.bash.stdin.flush()
        said = ""
        for line in self.bash.stdout:
            end = re.search(r"<end (\d+)>\n$", line)
            said += line[:end.start()] if end else line
            if end:
                break
        else:
            raise AssertionError("the shell ended: " + said)
        for page, ours in self.ports.items():
            said = said.replace("127.0.0.1:%d" % ours, "127.0.0.1:" + page)
        return int(end.group(1)), said

    def leave(self):
        try:
            os.killpg(self.bash.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.bash.communicate()
        shutil.rmtree(self.folder)


def same(said, page):
    """Signed tokens differ from server to server; curl's own line may come before or after the answer."""
    def plain(text):
        text = re.sub(r"\bv\d\.[\w-]+", "TOKEN", text)
        return [line for line in text.splitlines() if not line.startswith("curl: (22)")]
    return plain(said) == plain(page)


def follow(page, after=lambda reader, block: None, but=()):
    """Pastes the whole page; returns how many blocks it had."""
    reader, wrong, n = Reader(), [], 0
    try:
        for block, says in said_of(page):
            if block.section.startswith(but):
                continue
            status, said = reader.paste(block.text)
            n += 1
            if status != 0 or (says is not None and not same(said, says)):
                wrong.append("%s: status %d, said\n%s" % (block.place, status, said))
            for line, want in re.findall(r"^(visit .*?) +# (.*)$", block.text, re.M):
                if want not in said:
                    wrong.append("%s: %s said\n%s" % (block.place, line, said))
            after(reader, block)
    finally:
        reader.leave()
    assert not wrong, "\n".join(wrong)
    return n


def test_ab_test():
    pages = []

    def look(reader, block):
        if block.section.startswith("6. "):
            for path in ("/reports", "/reports/1001"):
                with urllib.request.urlopen("http://127.0.0.1:%d%s" % (reader.ports["8080"], path)) as r:
                    pages.append(r.read().decode())

    n = follow("ab-test.md", look, ELSEWHERE)
    assert n >= 18, n
    assert pages and all("Banner test" in p for p in pages)
    assert "<b>Repairs</b> converts" in pages[-1]


def test_every_block_is_run():
    left = {b.section[:3] for b in blocks("ab-test.md") if b.section.startswith(ELSEWHERE)}
    assert left == set(ELSEWHERE), left
    with open(os.path.join(ROOT, "tests", "sdk", "ab_docs_test.mjs")) as f:
        text = f.read()
    assert all('"%s"' % s in text for s in ELSEWHERE)


def test_quick_start():
    assert follow("quickstart.md") == 14


if __name__ == "__main__":
    run(sys.modules[__name__])
