#!/usr/bin/env python3
"""kill -9 at random moments while clients of the delivery API send: what was answered is in the log, visitors keep their
experience, whoever was banned stays so, caps hold, reports are what the log says, weights and models are found again, and a fold of the log from
scratch gives the same visitors and reports.

EDGEWISE_CRASH_ROUNDS sets the number of kills (default 5), EDGEWISE_SEED the seed, which is printed."""
import datetime
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
from server import Server, notices_of, run

ROUNDS = int(os.environ.get("EDGEWISE_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("EDGEWISE_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 4
VISITORS = 10         # of each client
ANSWERS_A_ROUND = 150  # before a kill, at most
CAP = 3
NEWCOMERS = 2200      # of the activities that learn
print("EDGEWISE_SEED=%d" % SEED)

w = World()
w.activity("ab", 1001, [(50, w.offer("content", content="A")), (50, w.offer("content", content="B"))], "hero",
           metrics=[metric("done", "ban_from_campaign")])
w.activity("ab", 1002, [(50, w.offer("content", content="C")), (50, w.offer("content", content="D"))], "kept")
w.activity("ab", 1003, [(50, w.offer("content", content="E")), (50, w.offer("content", content="F"))], "capped", metrics=[dict(metric("done"), action={
    "type": "count_once", "conditions": {"maxImpressionCount": CAP}, "onConditionsMetAction": "ban_from_campaign"})])
RED, BLUE = w.offer("content", content="red"), w.offer("content", content="blue")
w.activity("ab", 880, [(None, RED), (None, BLUE)], "allocated", metrics=[metric("bought")],
           autoAllocateTraffic={"enabled": True, "successEvaluationCriteria": "conversion_rate"})
w.activity("ab", 881, [(None, RED), (None, BLUE)], "targeted", metrics=[metric("bought")],
           controlExperience={"type": "random", "visitorPercentage": 50}, targetedExperience={"modelProvider": "target"})
ACTIVITIES = (1001, 1002, 1003, 880, 881)


class Refused(Exception):
    pass


def send_all(server, visitor, names, rid=None, parameters=None):
    """The contents of mboxes, None where there is none."""
    body = {"requestId": rid or str(uuid.uuid4()), "context": {"channel": "web"}, "id": {"tntId": visitor},
            "execute": {"mboxes": [{"index": i, "name": n, "parameters": parameters or {}} for i, n in enumerate(names)]}}
    r = server.call("POST", "/rest/v1/delivery?client=acme&sessionId=s" + visitor, body)
    if r.status == 503:
        raise Refused
    assert r.status == 200, (r.status, r.body)
    return [m["options"][0]["content"] if m.get("options") else None for m in r.json["execute"]["mboxes"]]


def send(server, visitor, name, rid=None):
    return send_all(server, visitor, [name], rid)[0]


class Client(threading.Thread):
    """Sends until told to stop; what a kill cut off is sent again with its id."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.rng = random.Random(SEED + number)
        self.visitors = ["%08x%024x" % (number + 1, i) for i in range(VISITORS)]
        self.kept, self.banned, self.capped, self.failure = {}, set(), {}, None

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
        if what < 0.15:
            done, content = self.sure(visitor, "capped")
            if done:
                self.see_capped(visitor, content)
        elif what < 0.2:
            self.sure(visitor, "orderConfirm")  # converts whoever was kept
        elif what < 0.5:
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

    def see_capped(self, visitor, content):
        """What a kill cut off may have counted, so that fewer are seen than allowed; never more, and never again."""
        seen = self.capped.setdefault(visitor, [])
        assert content is None or (None not in seen and len(seen) < CAP), (visitor, seen, content)
        seen.append(content)

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


def capped():
    return any(None in seen for c in clients for seen in list(c.capped.values()))


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
    with turn:  # until there was something of everything that is looked at
        turn.wait_for(lambda: failures() or (any(c.banned for c in clients) and capped()), timeout=120)
    stop = True
    for c in clients:
        c.join(timeout=60)
    assert not failures() and any(c.banned for c in clients) and capped()
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
        for visitor, seen in c.capped.items():
            assert None not in seen or send(server, visitor, "capped") is None, "a cap was forgotten"


def test_visitors_are_what_they_were():
    path = "/acme/target/activities/ab/1002"
    w.s.token = None
    body = w.s.rest("GET", path, headers=V3, expect=200).json
    for e, share in zip(body["experiences"], (99, 1)):
        e["visitorPercentage"] = share
    w.s.rest("PUT", path, body, V3, expect=200)
    assert {content for c in clients for content in c.kept.values()} == {"C", "D"}
    check_visitors(w.s)


def report(server, activity):
    r = server.rest("GET", "/edgewise/reports/%d" % activity, expect=2).json
    del r["asOf"]
    return r


def reports(server):
    server.token = None
    server.drain()
    return {a: report(server, a) for a in ACTIVITIES}


def counted(hits, activity):
    """Visitors, impressions and converted visitors by experience, as the log says."""
    entered, converted, impressions = {}, set(), {}
    for h in hits:
        visitor = h["visit"]["tntId"]
        for n in (n for n in notices_of(h) if n["activity"] == str(activity)):
            if n["type"] == "display":
                entered[visitor] = n["experience"]
                impressions[n["experience"]] = impressions.get(n["experience"], 0) + 1
            elif n["type"] == "convert" and visitor in entered:
                converted.add(visitor)
    return {e: (list(entered.values()).count(e), n, sum(entered[v] == e for v in converted)) for e, n in impressions.items()}


def test_reports_are_what_the_log_says():
    w.s.token = None
    w.s.drain()
    hits = [r["value"] for r in w.s.topic("collect") if r["value"]["kind"] == "visit"]
    for activity in (1002, 1003):
        rows = {r["experience"]: (r["visitors"], r["impressions"], r["conversions"]) for r in report(w.s, activity)["rows"]}
        want = counted(hits, activity)
        assert {e: rows[e] for e in want} == want and len(want) == 2, (activity, rows, want)
    assert sum(n for _, _, n in counted(hits, 1002).values()) > 0


def meet_newcomers(number):
    """Every fourth visitor of one kind buys, every sixteenth of the other."""
    for i in range(number, NEWCOMERS, CLIENTS):
        visitor, kind = "%08x%024x" % (0xffff, i), ("red", "blue")[i % 2]
        contents = send_all(w.s, visitor, ["allocated", "targeted"], parameters={"likes": kind})
        if (i // 2) % (4 if contents[1] == kind else 16) == 0:
            send(w.s, visitor, "bought")


LATER = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")


def move(server):
    """Weights are computed and models trained before the answer. 0: the server was killed meanwhile."""
    try:
        return server.call("POST", "/emulator/clock", {"now": LATER}, timeout=60).status
    except (OSError, http.client.HTTPException):
        return 0


def learned():
    return {a: report(w.s, a).get(key) for a, key in ((880, "allocation"), (881, "model"))}


def test_weights_and_models_outlive_kills():
    """Killed while it computes and trains, then again when it has: what is there is what there was."""
    threads = [threading.Thread(target=meet_newcomers, args=[i]) for i in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    w.s.drain()
    rng = random.Random(SEED + 1)
    for _ in range(2):
        mover = threading.Thread(target=move, args=[w.s])
        mover.start()
        mover.join(rng.random() * 0.1)
        w.s.kill()
        mover.join()
        w.s.start()
    assert move(w.s) == 200
    w.s.token = None
    w.s.drain()
    before = learned()
    assert before[880]["warm"] and len(before[881]["units"]) == 2, before
    w.s.kill()
    w.s.start()
    w.s.token = None
    assert move(w.s) == 200
    w.s.drain()
    assert learned() == before


def test_a_fold_from_scratch_gives_the_same():
    """The edge's and the hub's state is thrown away, in a copy, and folded again from the log."""
    before = reports(w.s)
    assert w.s.stop() == 0
    copy = tempfile.mkdtemp(prefix="edgewise-crash-")
    try:
        shutil.copytree(w.s.data, copy, dirs_exist_ok=True, ignore=lambda d, names: [
            n for n in names if d == w.s.data and n in ("edge", "hub")])
        again = Server(*w.args, data=copy, keep=True)
        try:
            assert move(again) == 200
            after = reports(again)
            for activity in ACTIVITIES:
                wrong = {k: (v, after[activity].get(k)) for k, v in before[activity].items() if after[activity].get(k) != v}
                assert not wrong, (activity, wrong)
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
