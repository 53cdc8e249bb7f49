#!/usr/bin/env python3
"""kill -9 at random moments under load, a torn log, a full disk: what was acknowledged is there, once, and everything else is a
fold of it.

EDGEWISE_CRASH_ROUNDS sets the number of kills (default 5), EDGEWISE_SEED the seed, which is printed."""
import glob
import http.client
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
import world
from server import FETCH, SCHEMAS, Edge, Server, minimal, run

ROUNDS = int(os.environ.get("EDGEWISE_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("EDGEWISE_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 6
VISITORS = 8          # of each client
EVENTS_A_ROUND = 250  # acknowledged before a kill, at most
print("EDGEWISE_SEED=%d" % SEED)

s = Server()
events = world.web_dataset(s)
world.namespace(s, "CRMID")
crm = world.dataset(s, "crm", world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
    "crmId": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")]))
AUDIENCES = [world.audience(s, "two views", 'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 2'),
             world.audience(s, "big spender", 'xEvent[eventType = "commerce.purchases" and timestamp occurs <= 30 days '
                                              'before now].sum(commerce.order.priceTotal) > 100'),
             world.audience(s, "known", 'person.name.firstName = "Kim"')]
DS = world.datastream(s, "web", events)
world.destination(s, "target", world.TARGET_SPEC, DS, AUDIENCES)
html_a = world.offer(s, "a", content="A")
html_b = world.offer(s, "b", content="B")
ACTIVITY = world.activity(s, "ab", "split", "a", [("A", html_a, {"visitorPercentage": 50}),
                                                  ("B", html_b, {"visitorPercentage": 50})])
world.records(s, crm, [{"_northpeak": {"crmId": "c-%d-%d" % (i, k)}, "person": {"name": {"firstName": "Kim"}}}
                       for i in range(CLIENTS) for k in range(VISITORS)])


# ---- load ----

class Load:
    """Clients that send until told to stop. A request is repeated with its id until it is acknowledged."""

    def __init__(self):
        self.up, self.stop = threading.Event(), False
        self.turn = threading.Condition()
        self.acknowledged, self.failures = [], []
        self.starts = 0  # of the server

    def send(self, body, action, rid):
        while not self.stop:
            self.up.wait()
            try:
                r = Edge(s, DS).post(action, body, query={"configId": DS, "requestId": rid})
            except (OSError, http.client.HTTPException):
                continue  # killed meanwhile: the same request again
            if r.status == 503:
                continue
            if r.status not in (200, 204):
                raise AssertionError((r.status, r.body))
            with self.turn:
                self.acknowledged.append(rid)
                self.turn.notify_all()
            return r
        return None

    def wait_for(self, count):
        with self.turn:
            self.turn.wait_for(lambda: len(self.acknowledged) >= count or self.failures, timeout=120)
            assert not self.failures, self.failures[0]
            assert len(self.acknowledged) >= count, "the load makes no progress"


class Client(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number, self.rng = load, number, random.Random(SEED + number)
        self.last, self.starts = None, 0
        self.visitors = [{"entries": {}, "content": None, "proposition": None, "crm": None} for _ in range(VISITORS)]

    def run(self):
        try:
            while not self.load.stop:
                self.step(self.rng.randrange(VISITORS))
        except BaseException as e:  # seen by the main thread
            with self.load.turn:
                self.load.failures.append("client %d: %r" % (self.number, e))
                self.load.turn.notify_all()

    def send(self, visitor, xdm, ask=False, action="interact"):
        if visitor["crm"]:
            xdm["identityMap"] = {"CRMID": [{"id": visitor["crm"], "authenticatedState": "authenticated", "primary": True}]}
        event = {"xdm": xdm}
        if ask:
            event["query"] = {"personalization": {"decisionScopes": ["a"], "schemas": SCHEMAS}}
        body = minimal(events=[event], query=FETCH)
        body["meta"]["state"]["entries"] = [{"key": k, "value": v} for k, v in visitor["entries"].items()]
        self.last = (body, action, str(uuid.uuid4()))
        r = self.load.send(*self.last)
        if r is not None and r.status == 200:
            for item in r.payload("state:store"):
                visitor["entries"][item["key"]] = item["value"]
        return r

    def step(self, number):
        visitor, what = self.visitors[number], self.rng.random()
        if self.starts != self.load.starts and self.last:
            self.load.send(*self.last)  # as if the answer had been lost in the crash
        self.starts = self.load.starts
        if what < 0.1 and not visitor["crm"]:
            # Two visitors of a client may be one customer with two devices.
            visitor["crm"] = "c-%d-%d" % (self.number, number // 2)
        if what < 0.5 or visitor["proposition"] is None:
            r = self.send(visitor, {"eventType": "view"}, ask=True)
            if r is None:
                return
            proposition, = r.payload("personalization:decisions")
            content = proposition["items"][0]["data"]["content"]
            assert visitor["content"] in (None, content), "the visitor's experience changed"
            visitor["content"], visitor["proposition"] = content, proposition
        elif what < 0.85:
            kind = "display" if what < 0.75 else "interact"
            self.send(visitor, {"eventType": "decisioning.proposition" + kind.capitalize(), "_experience": {"decisioning": {
                "propositions": [{k: visitor["proposition"][k] for k in ("id", "scope", "scopeDetails")}],
                "propositionEventType": {kind: 1}}}}, action="collect" if kind == "interact" else "interact")
        else:
            self.send(visitor, {"eventType": "commerce.purchases", "commerce": {
                "purchases": {"value": 1}, "order": {"purchaseID": str(uuid.uuid4()), "currencyCode": "EUR",
                                                     "priceTotal": self.rng.randrange(1, 60)}}})


# ---- what the log says ----

def distinct_events():
    """Event hits, oldest first, each id once: a repeat after a crash may be in the log a second time."""
    seen, out = set(), []
    for e in s.events():
        if e["source"] == "edge" and e["eventId"] not in seen:
            seen.add(e["eventId"])
            out.append(e)
    return out


def identities(e):
    return [(ns, i["id"]) for ns, ids in e["identityMap"].items() for i in ids]


def people(hits):
    """Groups of identities that some event names together, with the ids of their events."""
    parent = {}

    def root(x):
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x
    for e in hits:
        first, *rest = identities(e)
        for other in rest:
            parent[root(other)] = root(first)
    groups = {}
    for e in hits:
        groups.setdefault(root(identities(e)[0]), []).append(e["eventId"])
    return groups


def counted(hits):
    rows = {}
    entered, click_visitors, converted, orders = set(), set(), set(), set()
    shown = {}
    for e in hits:
        visitor = e["identityMap"]["ECID"][0]["id"]
        notices = [n for n in e.get("notices", []) if n["activity"] == str(ACTIVITY)]
        for x in sorted({n["experience"] for n in notices if n["type"] == "display"}):
            row = rows.setdefault(x, dict.fromkeys(("visitors", "impressions", "clicks", "clickVisitors", "conversions",
                                                    "orders", "revenue"), 0))
            row["impressions"] += 1
            row["visitors"] += (x, visitor) not in entered
            entered.add((x, visitor))
            shown[visitor] = x
        for n in notices:
            x = n["experience"]
            if n["type"] == "interact" and (x, visitor) in entered:
                rows[x]["clicks"] += 1
                rows[x]["clickVisitors"] += (x, visitor) not in click_visitors
                click_visitors.add((x, visitor))
        order = e["xdm"].get("commerce", {}).get("order")
        if order and visitor in shown and order["purchaseID"] not in orders:
            row = rows[shown[visitor]]
            orders.add(order["purchaseID"])
            row["orders"] += 1
            row["revenue"] += order["priceTotal"]
            row["conversions"] += visitor not in converted
            converted.add(visitor)
    return rows


def entity_query(ns, value):
    return "/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=%s&entityIdNS=%s" % (value, ns)


def event_ids(server, ns, value):
    out, path = [], ("/data/core/ups/access/entities?schema.name=_xdm.context.experienceevent&relatedSchema.name="
                     "_xdm.context.profile&relatedEntityId=%s&relatedEntityIdNS=%s&limit=1000" % (value, ns))
    for child in server.rest("GET", path, expect=200).json["children"]:
        out.append(child.get("entityId") or child["entity"]["_id"])
    return out


def picture(server, groups):
    """Everything that the REST API says about people, audiences and results."""
    server.drain()
    profiles = {}
    for ns, value in sorted(groups):
        profile, = server.rest("GET", entity_query(ns, value), expect=200).json.values()
        profiles["%s:%s" % (ns, value)] = [profile["entity"], sorted(event_ids(server, ns, value))]
    report = server.rest("GET", "/edgewise/reports/%d" % ACTIVITY, expect=200).json
    sizes = [server.rest("GET", "/edgewise/audiences/%s/size" % a, expect=200).json for a in AUDIENCES]
    return {"profiles": profiles, "rows": report["rows"], "totals": report["totals"], "sizes": sizes}


# ---- tests ----

load = Load()
clients = [Client(load, i) for i in range(CLIENTS)]


def test_kill_under_load():
    rng = random.Random(SEED)
    load.up.set()
    for c in clients:
        c.start()
    for _ in range(ROUNDS):
        load.wait_for(len(load.acknowledged) + rng.randrange(1, EVENTS_A_ROUND))
        load.up.clear()
        s.kill()
        s.start()
        load.starts += 1
        load.up.set()
    load.wait_for(len(load.acknowledged) + 5 * CLIENTS)
    load.stop = True
    for c in clients:
        c.join(timeout=60)
        assert not c.is_alive()
    assert not load.failures, load.failures[0]
    print("     %d kills, %d answers" % (ROUNDS, len(load.acknowledged)))


def test_acknowledged_events_are_in_the_log_once():
    ids = [e["requestId"] for e in distinct_events()]
    assert len(ids) == len(set(ids)), "two event ids for one request"
    missing = {rid + "/0" for rid in load.acknowledged} - set(ids)
    assert not missing, "%d acknowledged events are lost: %s" % (len(missing), sorted(missing)[:3])
    written = len([e for e in s.events() if e["source"] == "edge"])
    print("     %d events, %d written again after a crash" % (len(ids), written - len(ids)))


def test_profiles_have_exactly_their_events():
    s.drain()
    for (ns, value), expected in people(distinct_events()).items():
        got = event_ids(s, ns, value)
        assert len(got) == len(set(got)), (ns, value, "an event twice")
        assert set(got) == set(expected), (ns, value, "missing", set(expected) - set(got), "foreign", set(got) - set(expected))


def test_results_equal_the_log():
    s.drain()
    expected = counted(distinct_events())
    rows = {r["experience"]: r for r in s.rest("GET", "/edgewise/reports/%d" % ACTIVITY, expect=200).json["rows"]}
    assert set(expected) <= set(rows) and len(expected) == 2
    for x, row in expected.items():
        assert {k: rows[x][k] for k in row} == row, (x, row, rows[x])


def content_of(server, entries):
    body = minimal(events=[{"xdm": {"eventType": "check"}, "query": {"personalization": {
        "decisionScopes": ["a"], "schemas": SCHEMAS}}}])
    body["meta"]["state"]["entries"] = [{"key": k, "value": v} for k, v in entries.items()]
    return Edge(server, DS).interact(body).payload("personalization:decisions")[0]["items"][0]["data"]["content"]


def check_assignments(server):
    for c in clients:
        for visitor in c.visitors:
            if visitor["content"] is not None:
                assert content_of(server, visitor["entries"]) == visitor["content"], "the visitor's experience changed"


def test_assignments_are_unchanged():
    """With another allocation a newcomer would mostly see A: who has an experience keeps it, because it was remembered."""
    path = "/%s/target/activities/ab/%d" % (s.credentials["tenant"], ACTIVITY)
    body = s.rest("GET", path, expect=200).json
    for experience, share in zip(body["experiences"], (98, 2)):
        experience["visitorPercentage"] = share
    s.rest("PUT", path, body, expect=200)
    assert [content_of(s, {}) for _ in range(30)].count("A") > 20
    check_assignments(s)


def test_a_fold_from_scratch_gives_the_same():
    groups = people(distinct_events())
    original = picture(s, groups)
    assert s.stop() == 0
    copy = tempfile.mkdtemp(prefix="edgewise-crash-")
    try:
        for name in os.listdir(s.data):
            source = os.path.join(s.data, name)
            if name in ("hub", "edge"):
                continue
            (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(copy, name))
        # The copy's own output: memberships and projections are made again too.
        for name in ("membership", "projection.or2"):
            shutil.rmtree(os.path.join(copy, "log", name), ignore_errors=True)
        again = Server(data=copy, keep=True)
        try:
            folded = picture(again, groups)
            check_assignments(again)
        finally:
            code = again.stop()
        assert code == 0
        for key in original["profiles"]:
            assert folded["profiles"][key] == original["profiles"][key], (key, original["profiles"][key], folded["profiles"].get(key))
        assert folded["rows"] == original["rows"], (original["rows"], folded["rows"])
        assert folded["sizes"] == original["sizes"], (original["sizes"], folded["sizes"])
    finally:
        shutil.rmtree(copy, ignore_errors=True)
        s.start()
        s.token = None


def send_one(kind="after"):
    rid = str(uuid.uuid4())
    r = Edge(s, DS).interact(minimal(events=[{"xdm": {"eventType": kind}}], query=FETCH), query={"configId": DS, "requestId": rid})
    return rid, r


def test_a_first_request_sent_again_is_the_same_visitor():
    """The answer that would have told the client its identity is lost: with the process alive, and with a crash between."""
    query = {"configId": DS, "requestId": str(uuid.uuid4())}
    first = Edge(s, DS).interact(minimal(query=FETCH), query=query).ecid
    assert Edge(s, DS).interact(minimal(query=FETCH), query=query).ecid == first
    s.kill()
    s.start()
    assert Edge(s, DS).interact(minimal(query=FETCH), query=query).ecid == first
    s.drain()
    assert len(event_ids(s, "ECID", first)) == 1
    assert send_one()[1].ecid != first


def newest_segment():
    files = glob.glob(os.path.join(s.data, "log", "collect*", "**", "*"), recursive=True)
    segments = [f for f in files if os.path.isfile(f) and os.path.getsize(f) > 0 and not f.endswith("lock")]
    return max(segments, key=lambda f: (os.path.getsize(f) > 100, f))


def tear(damage):
    """Damages the end of the log while the server is down: all but the last record must be there, and work must go on."""
    send_one("torn")
    s.drain()
    before = s.topic("collect")
    s.kill()
    damage(newest_segment())
    s.start()
    after = s.topic("collect")
    kept = [r for r in after if r["value"]["kind"] != "tick"]
    wanted = [r for r in before[:-1] if r["value"]["kind"] != "tick"]
    assert [r["value"] for r in kept[:len(wanted)]] == [r["value"] for r in wanted], (len(before), len(after))
    rid, r = send_one()
    assert r.status == 200, r.body
    s.drain()
    assert [e for e in s.events() if e["requestId"] == rid + "/0"]
    assert len(event_ids(s, "ECID", r.ecid)) == 1, "an event after the tear reaches the hub"


def test_truncated_tail():
    def cut(path):
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) - 9)
    tear(cut)


def test_garbled_tail():
    def garble(path):
        with open(path, "r+b") as f:
            f.seek(-20, os.SEEK_END)
            f.write(bytes(random.Random(SEED).randbytes(20)))
    tear(garble)


def test_half_written_record_follows():
    """What a crash in the middle of a write leaves: the whole log is kept."""
    send_one("whole")
    s.drain()
    before = len(s.topic("collect"))
    s.kill()
    with open(newest_segment(), "ab") as f:
        f.write(random.Random(SEED).randbytes(37))
    s.start()
    assert len(s.topic("collect")) >= before
    assert send_one()[1].status == 200


def test_full_disk():
    """No file may grow any more (RLIMIT_FSIZE: EFBIG is treated like ENOSPC): a clear 503, nothing acknowledged is lost, and
    work goes on when there is space again."""
    acknowledged, refused = [], None
    _, hard = resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (os.path.getsize(newest_segment()) + 4000, hard))
    for _ in range(200):
        rid, r = send_one("filling")
        if r.status == 200:
            acknowledged.append(rid)
            continue
        refused = r
        break
    assert refused is not None, "the disk was never full"
    assert refused.status == 503 and refused.json["type"].endswith("EXEG-0000-503"), refused.body
    assert int(refused.header("retry-after")) > 0
    assert s.call("GET", "/healthz").status == 200
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    rid, r = send_one("again")
    assert r.status == 200, r.body
    acknowledged.append(rid)
    s.drain()
    assert len(event_ids(s, "ECID", r.ecid)) == 1
    stored = {e["requestId"] for e in s.events()}
    assert {a + "/0" for a in acknowledged} <= stored


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
