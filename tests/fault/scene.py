"""What the crash tests share: a shop's objects, clients that send until they are told to stop, and what the log says must be
true of everything else.

A server here is one process (server.Server) or two (split_test.Split): it has call() for pages, rest() for the control plane,
drain(), topic(), events(), data, org, credentials, and counts its starts.

EDGEWISE_CRASH_ROUNDS sets the number of kills (default 5), EDGEWISE_SEED the seed, which is printed."""
import datetime
import http.client
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
import world
from server import FETCH, SCHEMAS, Edge, Server, minimal, notices_of

ROUNDS = int(os.environ.get("EDGEWISE_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("EDGEWISE_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 6
VISITORS = 8          # of each client
EVENTS_A_ROUND = 250  # acknowledged before a kill, at most
BYSTANDERS = 3000     # customers without events: a sweep over all profiles is not over when a kill comes
print("EDGEWISE_SEED=%d" % SEED)


# ---- load ----

class Load:
    """Clients that send until told to stop. A request is repeated with its id until it is acknowledged."""

    def __init__(self, scene):
        self.scene = scene
        self.up, self.stop = threading.Event(), False
        self.turn = threading.Condition()
        self.acknowledged, self.failures = [], []
        self.starts = 0  # of the edge
        self.clients = [Client(self, i) for i in range(CLIENTS)]

    def begin(self):
        self.up.set()
        for c in self.clients:
            c.start()

    def send(self, body, action, rid):
        ds = self.scene.ds
        while not self.stop:
            self.up.wait()
            try:
                r = Edge(self.scene.s, ds).post(action, body, query={"configId": ds, "requestId": rid})
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

    def wait_more(self, count):
        self.wait_for(len(self.acknowledged) + count)

    def end(self):
        self.wait_more(5 * CLIENTS)
        self.stop = True
        self.up.set()
        for c in self.clients:
            c.join(timeout=60)
            assert not c.is_alive()
        assert not self.failures, self.failures[0]


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


def counted(hits, activity):
    rows = {}
    entered, click_visitors, converted, orders = set(), set(), set(), set()
    shown = {}
    for e in hits:
        visitor = e["identityMap"]["ECID"][0]["id"]
        notices = [n for n in notices_of(e) if n["activity"] == str(activity)]
        for x in sorted({n["experience"] for n in notices if n["type"] == "display"}):
            row = rows.setdefault(x, dict.fromkeys(("visitors", "impressions", "clicks", "clickVisitors", "conversions",
                                                    "orders", "revenue"), 0))
            row["impressions"] += 1
            row["visitors"] += (x, visitor) not in entered
            entered.add((x, visitor))
            shown[visitor] = x
        for x in [n["experience"] for n in notices if n["type"] == "interact"]:
            if (x, visitor) in entered:
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
    start = ""
    while True:  # an answer has 1,000 at most
        answer = server.rest("GET", path + start, expect=200).json
        out += [child.get("entityId") or child["entity"]["_id"] for child in answer["children"]]
        if not answer["_page"]["next"]:
            return out
        start = "&start=" + urllib.parse.quote(answer["_page"]["next"])


def milliseconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def differences(a, b, skew_ms, swept=(), path=""):
    """Paths at which two JSON values differ, with both values. Times of memberships may be skew_ms apart, and any time in the
    audiences `swept`: a sweep finds members, and a fold from scratch has no such moment."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in sorted(set(a) | set(b)) for d in differences(a.get(k), b.get(k), skew_ms, swept, path + "/" + k)]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i in range(len(a)) for d in differences(a[i], b[i], skew_ms, swept, path + "/%d" % i)]
    if path.endswith("/lastQualificationTime") and a and b and (
            path.split("/")[-2] in swept or abs(milliseconds(a) - milliseconds(b)) <= skew_ms):
        return []
    return [] if a == b else [(path, a, b)]


ORDERS = {"metricLocalId": 32767, "name": "Order", "conversion": True, "revenue": True, "action": {"type": "always_convert"},
          "mboxes": [{"name": "orderConfirm", "successEvent": "mbox_shown"}]}


class Scene:
    """The objects, made through the REST API, and the checks."""

    def __init__(self, s, skew_ms=0, window=3):
        """skew_ms: how far the partitions of collect may be folded apart (design/0005); 0 with one partition. window: seconds, of
        an audience that is left all the time; longer than any event may be late."""
        self.s, self.skew_ms, self.window = s, skew_ms, window
        self.events = world.web_dataset(s)
        world.namespace(s, "CRMID")
        self.crm_schema = world.schema(s, "crm", "profile", {"_northpeak": {"type": "object", "properties": {
            "crmId": {"type": "string"}, "favourite": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")],
            groups=["profile-person-details"])
        self.crm = world.dataset(s, "crm", self.crm_schema)
        self.audiences = [
            world.audience(s, "two views", 'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 2'),
            world.audience(s, "big spender", 'xEvent[eventType = "commerce.purchases" and timestamp occurs <= 30 days '
                                             'before now].sum(commerce.order.priceTotal) > 100'),
            world.audience(s, "known", 'person.name.firstName = "Kim"'),
            world.audience(s, "looking", 'chain(xEvent, timestamp, [A: WHAT(eventType = "view") WHEN(<= %d seconds '
                                         'before now)])' % window)]
        self.swept, self.looking = [], self.audiences[-1]
        self.ds = world.datastream(s, "web", self.events)
        world.destination(s, "target", world.TARGET_SPEC, self.ds, self.audiences)
        html_a = world.offer(s, "a", content="A")
        html_b = world.offer(s, "b", content="B")
        self.activity = world.activity(s, "ab", "split", "a", [("A", html_a, {"visitorPercentage": 50}),
                                                               ("B", html_b, {"visitorPercentage": 50})], metrics=[ORDERS])
        s.drain()  # the hub knows the audiences: else a sweep finds the members, and a fold from scratch has no such moment
        world.records(s, self.crm, [{"_northpeak": {"crmId": "c-%d-%d" % (i, k)}, "person": {"name": {"firstName": "Kim"}}}
                                    for i in range(CLIENTS) for k in range(VISITORS)] +
                      [{"_northpeak": {"crmId": "b-%d" % i}} for i in range(BYSTANDERS)])
        self.load = Load(self)

    # ---- state of the server ----

    def distinct_events(self):
        """Event hits, oldest first, each id once: a repeat after a crash may be in the log a second time."""
        seen, out = set(), []
        for e in self.s.events():
            if e["source"] == "edge" and e["eventId"] not in seen:
                seen.add(e["eventId"])
                out.append(e)
        return out

    def picture(self, server, groups):
        """Everything that the REST API says about people, audiences and results."""
        server.drain()
        profiles = {}
        for ns, value in sorted(groups):
            profile, = server.rest("GET", entity_query(ns, value), expect=200).json.values()
            profiles["%s:%s" % (ns, value)] = [profile["entity"], sorted(event_ids(server, ns, value))]
        report = server.rest("GET", "/edgewise/reports/%d" % self.activity, expect=200).json
        sizes = [server.rest("GET", "/edgewise/audiences/%s/size" % a, expect=200).json for a in self.audiences]
        return {"profiles": profiles, "rows": report["rows"], "totals": report["totals"], "sizes": sizes}

    def content_of(self, server, entries):
        body = minimal(events=[{"xdm": {"eventType": "check"}, "query": {"personalization": {
            "decisionScopes": ["a"], "schemas": SCHEMAS}}}])
        body["meta"]["state"]["entries"] = [{"key": k, "value": v} for k, v in entries.items()]
        return Edge(server, self.ds).interact(body).payload("personalization:decisions")[0]["items"][0]["data"]["content"]

    def send_one(self, kind="after"):
        rid = str(uuid.uuid4())
        r = Edge(self.s, self.ds).interact(minimal(events=[{"xdm": {"eventType": kind}}], query=FETCH),
                                           query={"configId": self.ds, "requestId": rid})
        return rid, r

    # ---- checks ----

    def check_log(self):
        ids = [e["requestId"] for e in self.distinct_events()]
        assert len(ids) == len(set(ids)), "two event ids for one request"
        missing = {rid + "/0" for rid in self.load.acknowledged} - set(ids)
        assert not missing, "%d acknowledged events are lost: %s" % (len(missing), sorted(missing)[:3])
        written = len([e for e in self.s.events() if e["source"] == "edge"])
        print("     %d events, %d written again after a crash" % (len(ids), written - len(ids)))

    def check_profiles(self):
        self.s.drain()
        for (ns, value), expected in people(self.distinct_events()).items():
            got = event_ids(self.s, ns, value)
            assert len(got) == len(set(got)), (ns, value, "an event twice")
            assert set(got) == set(expected), (ns, value, "missing", set(expected) - set(got), "foreign", set(got) - set(expected))

    def check_results(self):
        self.s.drain()
        expected = counted(self.distinct_events(), self.activity)
        rows = {r["experience"]: r for r in self.s.rest("GET", "/edgewise/reports/%d" % self.activity, expect=200).json["rows"]}
        assert set(expected) <= set(rows) and len(expected) == 2
        for x, row in expected.items():
            assert {k: rows[x][k] for k in row} == row, (x, row, rows[x])

    def check_assignments(self, server):
        for c in self.load.clients:
            for visitor in c.visitors:
                if visitor["content"] is not None:
                    assert self.content_of(server, visitor["entries"]) == visitor["content"], "the visitor's experience changed"

    def change_allocation(self):
        """From here on a newcomer mostly sees A: who has an experience keeps it only when it was remembered."""
        path = "/%s/target/activities/ab/%d" % (self.s.credentials["tenant"], self.activity)
        body = self.s.rest("GET", path, expect=200).json
        for experience, share in zip(body["experiences"], (98, 2)):
            experience["visitorPercentage"] = share
        self.s.rest("PUT", path, body, expect=200)
        for _ in range(200):  # an edge of its own process hears of it a moment later
            if [self.content_of(self.s, {}) for _ in range(30)].count("A") > 20:
                return
            time.sleep(0.02)
        raise AssertionError("the new allocation never came")

    def save_audience(self):
        """One more, which a sweep fills. Nobody leaves it: a fold from scratch has had it from the beginning, and must come to
        the same members."""
        n = len(self.swept) + 1
        one = world.audience(self.s, "viewed %d times" % n, 'xEvent[eventType = "view"].count() >= %d' % n)
        self.swept.append(one)
        self.audiences.append(one)

    def compare(self, original, folded):
        for key, whole in original["profiles"].items():
            unlike = differences(whole, folded["profiles"][key], self.skew_ms, self.swept)
            assert not unlike, (key, unlike)
        assert folded["rows"] == original["rows"], (original["rows"], folded["rows"])
        assert folded["sizes"] == original["sizes"], (original["sizes"], folded["sizes"])

    def picture_of_copy(self, groups, state, look=None):
        """Of a copy of the folder of a server that does not run: with its state, or folded again from the log."""
        copy = tempfile.mkdtemp(prefix="edgewise-crash-")
        try:
            for name in os.listdir(self.s.data):
                source = os.path.join(self.s.data, name)
                if name in ("hub", "edge") and not state:
                    continue
                (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(copy, name))
            # The copy's own output: memberships and projections are made again too.
            for name in ("membership", "projection.or2") if not state else ():
                shutil.rmtree(os.path.join(copy, "log", name), ignore_errors=True)
            again = Server(data=copy, keep=True)
            try:
                picture = self.picture(again, groups)
                if look:
                    look(again)
            finally:
                code = again.stop()
            assert code == 0
            return picture
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def check_after_kill(self):
        """What a start finds is what the log says: timers that were due while nothing ran, and a sweep that was cut off,
        included. All windows are over by then."""
        time.sleep(self.window + 0.2)
        groups = people(self.distinct_events())
        found = self.picture_of_copy(groups, True)
        states = [e.get("segmentMembership", {}).get("ups", {}).get(self.looking, {}).get("status")
                  for e, _ in found["profiles"].values()]
        assert "exited" in states and "realized" not in states, states
        self.compare(found, self.picture_of_copy(groups, False))

    def check_fold_from_scratch(self):
        """State is thrown away, in a copy, and folded again by one process."""
        time.sleep(self.window + 0.2)  # the last view has left its window
        groups = people(self.distinct_events())
        original = self.picture(self.s, groups)
        assert self.s.stop() == 0
        try:
            self.compare(original, self.picture_of_copy(groups, False, self.check_assignments))
        finally:
            self.s.start()
            self.s.token = None
