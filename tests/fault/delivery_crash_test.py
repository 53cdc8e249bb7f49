#!/usr/bin/env python3
"""kill -9 at random moments while clients of the delivery API send: what was answered is in the log, visitors keep their
experience, whoever was banned stays so, and a fold of the log from scratch gives the same visitors.

EDGEWISE_CRASH_ROUNDS sets the number of kills (default 5), EDGEWISE_SEED the seed, which is printed."""
import http.client
import os
import random
import shutil
import sys
import tempfile
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from delivery_world import V3, World, metric
from server import Server, run

ROUNDS = int(os.environ.get("EDGEWISE_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("EDGEWISE_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 4
VISITORS = 10         # of each client
ANSWERS_A_ROUND = 150  # before a kill, at most
print("EDGEWISE_SEED=%d" % SEED)

w = World()
w.activity("ab", 1001, [(50, w.offer("content", content="A")), (50, w.offer("content", content="B"))], "hero",
           metrics=[metric("done", "ban_from_campaign")])
w.activity("ab", 1002, [(50, w.offer("content", content="C")), (50, w.offer("content", content="D"))], "kept")


class Refused(Exception):
    pass


def send(server, visitor, name, rid=None):
    """The content of a mbox, None without one."""
    body = {"requestId": rid or str(uuid.uuid4()), "context": {"channel": "web"}, "id": {"tntId": visitor},
            "execute": {"mboxes": [{"index": 0, "name": name}]}}
    r = server.call("POST", "/rest/v1/delivery?client=acme&sessionId=s" + visitor, body)
    if r.status == 503:
        raise Refused
    assert r.status == 200, (r.status, r.body)
    options = r.json["execute"]["mboxes"][0].get("options", [])
    return options[0]["content"] if options else None


class Client(threading.Thread):
    """Sends until told to stop; what a kill cut off is sent again with its id."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.rng = random.Random(SEED + number)
        self.visitors = ["%08x%024x" % (number + 1, i) for i in range(VISITORS)]
        self.kept, self.banned, self.failure = {}, set(), None

    def sure(self, visitor, name):
        rid = str(uuid.uuid4())
        while not stop:
            up.wait()
            try:
                content = send(w.s, visitor, name, rid)
            except (OSError, http.client.HTTPException, Refused):
                continue
            with turn:
                answered.append(rid)
                turn.notify_all()
            return True, content
        return False, None

    def step(self):
        visitor, what = self.rng.choice(self.visitors), self.rng.random()
        if what < 0.45:
            done, content = self.sure(visitor, "kept")
            if done:
                assert content == self.kept.setdefault(visitor, content), "the visitor's experience changed"
        elif what < 0.9 or visitor in self.banned:
            done, content = self.sure(visitor, "hero")
            assert not done or (content is None) == (visitor in self.banned), (visitor, content)
        else:
            entered, _ = self.sure(visitor, "hero")
            if entered and self.sure(visitor, "done")[0]:
                self.banned.add(visitor)

    def run(self):
        try:
            while not stop:
                self.step()
        except BaseException as e:  # seen by the main thread
            with turn:
                self.failure = e
                turn.notify_all()


clients = [Client(i) for i in range(CLIENTS)]
up, stop, turn, answered = threading.Event(), False, threading.Condition(), []


def failures():
    return [c.failure for c in clients if c.failure is not None]


def wait_more(count):
    with turn:
        goal = len(answered) + count
        turn.wait_for(lambda: len(answered) >= goal or failures(), timeout=120)
        assert not failures(), failures()[0]
        assert len(answered) >= goal, "the load makes no progress"


def test_kill_under_load():
    global stop
    rng = random.Random(SEED)
    up.set()
    for c in clients:
        c.start()
    for _ in range(ROUNDS):
        wait_more(rng.randrange(1, ANSWERS_A_ROUND))
        up.clear()
        w.s.kill()
        w.s.start()
        up.set()
    wait_more(5 * CLIENTS)
    stop = True
    for c in clients:
        c.join(timeout=60)
    assert not failures() and any(c.banned for c in clients)
    print("     %d kills, %d answers" % (ROUNDS, len(answered)))


def test_what_was_answered_is_in_the_log():
    kept = {r["value"]["requestId"] for r in w.s.topic("collect") if r["value"]["kind"] == "visit"}
    missing = set(answered) - kept
    assert not missing, "%d answered requests are lost: %s" % (len(missing), sorted(missing)[:3])


def check_visitors(server):
    """Newcomers would mostly see C by now, and nobody of them is banned: what is seen was remembered."""
    for c in clients:
        for visitor, content in c.kept.items():
            assert send(server, visitor, "kept") == content, "the visitor's experience changed"
        for visitor in c.visitors:
            assert visitor not in c.banned or send(server, visitor, "hero") is None, "a ban was forgotten"


def test_visitors_are_what_they_were():
    path = "/acme/target/activities/ab/1002"
    w.s.token = None
    body = w.s.rest("GET", path, headers=V3, expect=200).json
    for e, share in zip(body["experiences"], (99, 1)):
        e["visitorPercentage"] = share
    w.s.rest("PUT", path, body, V3, expect=200)
    assert {content for c in clients for content in c.kept.values()} == {"C", "D"}
    check_visitors(w.s)


def test_a_fold_from_scratch_gives_the_same():
    """The edge's state is thrown away, in a copy, and folded again from the log."""
    w.s.drain()
    assert w.s.stop() == 0
    copy = tempfile.mkdtemp(prefix="edgewise-crash-")
    try:
        shutil.copytree(w.s.data, copy, dirs_exist_ok=True, ignore=lambda d, names: [
            n for n in names if d == w.s.data and n in ("edge", "hub")])
        again = Server(*w.args, data=copy, keep=True)
        try:
            check_visitors(again)
        finally:
            code = again.stop()
        assert code == 0
    finally:
        shutil.rmtree(copy, ignore_errors=True)
        w.s.start()


def finish():
    return w.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
