#!/usr/bin/env python3
"""Evaluation methods of audiences [SEGMENTATION 14, 15, 19 items 30 to 34]: how expressions are classified, what a strict sandbox
does with each method, the states of a membership, windows that end to the millisecond, and what an edge knows and says."""
import datetime
import os
import shutil
import sys
import time
import uuid

import world
from server import Edge, Server, Visitor, run

s = Server("--emulator", "--demo", "off")
UPS = "/data/core/ups"
BUY = 'eventType = "buy"'
TODAY = "chain(xEvent, timestamp, [A: WHAT(%s) WHEN(<= 24 hours before now)])"
DAY = 24 * 3600 * 1000


class Sandbox:
    """What the tests share: datasets, an inlet for each, a datastream and a destination."""

    def __init__(self):
        self.events = world.web_dataset(s)
        world.namespace(s, "CRMID")
        self.schema = world.schema(s, "people", "profile", {"_northpeak": {"type": "object", "properties": {
            "crmId": {"type": "string"}, "tier": {"type": "string"}}}}, [("/_northpeak/crmId", "CRMID")],
            groups=["profile-person-details", "profile-personal-details"])
        self.people = world.dataset(s, "people", self.schema)
        self.event_schema = s.rest("GET", "/data/foundation/catalog/dataSets/" + self.events,
                                   expect=200).json[self.events]["schemaRef"]["id"]
        made = s.rest("POST", "/data/foundation/flowservice/connections", {
            "name": "inlet", "connectionSpec": {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"},
            "auth": {"specName": "Streaming Connection", "params": {"sourceId": "shop", "dataType": "xdm"}}}, expect=201).json["id"]
        one = s.rest("GET", "/data/foundation/flowservice/connections/" + made, expect=200).json["items"][0]
        self.inlet = "/collection/" + one["auth"]["params"]["inletId"]
        self.ds = world.datastream(s, "web", self.events)

    def stream(self, dataset, schema, xdm):
        r = s.call("POST", self.inlet, {"header": {"schemaRef": {"id": schema}, "datasetId": dataset, "imsOrgId": s.org},
                                        "body": {"xdmEntity": xdm}}, {"Content-Type": "application/json"})
        assert r.status == 200, r.body
        s.drain()

    def streamed_event(self, who, kind, ms=None):
        self.stream(self.events, self.event_schema, event_of(who, kind, ms))

    def batch_event(self, who, kind, ms=None):
        world.records(s, self.events, [event_of(who, kind, ms)])

    def streamed_person(self, who, tier):
        self.stream(self.people, self.schema, {"_northpeak": {"crmId": who, "tier": tier}})

    def batch_person(self, who, tier):
        world.records(s, self.people, [{"_northpeak": {"crmId": who, "tier": tier}}])


def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def now():
    return milliseconds(s.call("GET", "/healthz").json["now"])


def move_clock(ms):
    r = s.call("POST", "/emulator/clock", {"now": iso(ms)})
    assert r.status == 200, r.body


def event_of(who, kind, ms=None):
    return {"_id": str(uuid.uuid4()), "eventType": kind, "timestamp": iso(ms if ms is not None else now()),
            "identityMap": {"CRMID": [{"id": who, "primary": True}]}}


def new_person():
    return "p-" + uuid.uuid4().hex[:12]


METHODS = {"batch": "batch", "streaming": "continuous", "edge": "synchronous"}
names = iter("audience %d" % i for i in range(10000))


def ask(pql, method=None, **more):
    body = {"name": next(names), "type": "SegmentDefinition", "lifecycleState": "published",
            "expression": {"type": "PQL", "format": "pql/text", "value": pql}, "schema": {"name": "_xdm.context.profile"}}
    if method:
        body["evaluationInfo"] = {METHODS[method]: {"enabled": True}}
    body.update(more)
    return s.rest("POST", UPS + "/audiences", body)


def audience(pql, method=None):
    r = ask(pql, method)
    assert r.status == 200, r.body
    s.drain()
    return r.json["id"]


def method_of(document):
    on = [k for k, v in document["evaluationInfo"].items() if v["enabled"]]
    assert set(document["evaluationInfo"]) == set(METHODS.values()) and len(on) == 1, document["evaluationInfo"]
    return {v: k for k, v in METHODS.items()}[on[0]]


def profile(who, ns="CRMID"):
    r = s.rest("GET", UPS + "/access/entities?schema.name=_xdm.context.profile&entityId=%s&entityIdNS=%s" % (who, ns), expect=200)
    return list(r.json.values())[0]["entity"]


def entry(who, audience_id, ns="CRMID"):
    """(status, lastQualificationTime in ms); None: no entry."""
    m = profile(who, ns).get("segmentMembership", {}).get("ups", {}).get(audience_id)
    return (m["status"], milliseconds(m["lastQualificationTime"])) if m else None


def status(who, audience_id, ns="CRMID"):
    e = entry(who, audience_id, ns)
    return e and e[0]


def size(audience_id):
    return s.rest("GET", "/edgewise/audiences/%s/size" % audience_id, expect=200).json["size"]


def job(*ids):
    made = s.rest("POST", UPS + "/segment/jobs", [{"segmentId": i} for i in ids] if ids else
                  {"schema": {"name": "_xdm.context.profile"}, "segments": [{"segmentId": "*"}]}, expect=200).json["id"]
    for _ in range(1500):
        done = s.rest("GET", UPS + "/segment/jobs/" + made, expect=200).json
        if done["status"] not in ("NEW", "QUEUED", "PROCESSING"):
            break
        time.sleep(0.02)
    assert done["status"] == "SUCCEEDED", done
    return done["metrics"]


def segmentation(mode):
    r = s.rest("PATCH", "/data/foundation/sandbox-management/sandboxes/" + s.credentials["sandbox"], {"segmentation": mode})
    assert r.status == 200 and r.json["segmentation"] == mode, r.body
    s.drain()


box = Sandbox()


# ---- 30: the classifier ----

def element(kind, when="WHEN(today)", extra=""):
    return 'WHAT(eventType = "%s") %s %s' % (kind, when, extra)


def chain(*elements):
    return "chain(xEvent, timestamp, [%s])" % ", ".join("%s%s: %s" % ("not " if e.startswith("!") else "", "ABC"[i], e.lstrip("!"))
                                                     for i, e in enumerate(elements))


def test_s19_30_the_table_row_by_row():
    fields = audience('person.name.firstName = "Kim"')
    events = audience(chain(element("p")))
    table = [  # expression, batch, streaming, edge: the examples of 14.3 in their order
        ('homeAddress.countryCode = "US"', "yyy"),
        (chain(element("p")), "yyy"),
        (chain(element("p", "WHEN(<= 24 hours before now)")) + " and person.birthYear > 20", "yyy"),
        (chain(element("p", "")), "ynn"),
        (chain(element("p", "WHEN(<= 7 days before now)")), "ynn"),
        (chain(element("p"), element("q")), "yyn"),
        (chain(element("p", extra="COUNT(3)")), "yyn"),
        (chain(element("p"), "!" + element("q")), "yyn"),
        ("not(%s)" % chain(element("p")), "ynn"),
        ('not(%s) and homeAddress.countryCode = "US"' % chain(element("p")), "yyy"),
        ('inSegment("%s") and inSegment("%s")' % (fields, events), "yyy"),
        ('inSegment("%s") and %s' % (fields, chain(element("p"))), "yyy"),
        ('inSegment("%s") and %s' % (events, chain(element("p"))), "ynn"),
        ('xEvent[eventType = "p"].count() > 2', "ynn"),
        ('exists E from xEvent where E.eventType = "p" and E.timestamp occurs today', "yyy"),
        ("person.birthDate.getMonth() = currentMonth()", "ynn"),
        (chain('WHAT(productListItems.SKU@{https://ns.adobe.com/x/schemas/1}.brand = "Z") WHEN(today)'), "ynn"),
    ]
    for pql, expected in table:
        got = ""
        for method in ("batch", "streaming", "edge"):
            r = ask(pql, method)
            got += "y" if r.status == 200 else "n"
            if r.status == 200:
                assert method_of(r.json) == method, (pql, r.json["evaluationInfo"])
                s.rest("DELETE", UPS + "/audiences/" + r.json["id"], expect=204)
            else:
                assert r.status == 400 and "does not qualify for %s" % method in r.body.decode(), (pql, method, r.body)
        assert got == expected, (pql, got, expected)


def test_s19_30_rows_that_are_not_about_the_expression():
    for entity in ("account", "opportunity"):
        r = ask('homeAddress.countryCode = "US"', "streaming", schema={"name": "_xdm.context." + entity})
        assert r.status == 400, r.body
    batch_only = audience(chain(element("p", "WHEN(<= 7 days before now)")))
    assert method_of(ask('inSegment("%s")' % batch_only, "edge").json) == "edge"  # 14.4: it may be a day behind
    above = audience('inSegment("%s")' % batch_only)
    r = ask('inSegment("%s") and %s' % (above, chain(element("p"))), "streaming")  # transitively
    assert r.status == 400 and b"profile fields only" in r.body, r.body


def put(audience_id, **members):
    r = s.rest("PUT", UPS + "/audiences/" + audience_id, members)
    s.drain()
    return r


def text(pql):
    return {"type": "PQL", "format": "pql/text", "value": pql}


def test_s19_30_an_edit_switches_methods():
    one = audience(chain(element("p")), "streaming")
    assert method_of(put(one, expression=text(chain(element("q")))).json) == "streaming"
    assert method_of(put(one, expression=text(chain(element("p", "WHEN(<= 7 days before now)")))).json) == "batch"
    assert method_of(put(one, expression=text(chain(element("p")))).json) == "batch", "it does not come back by itself"
    r = put(one, evaluationInfo={"continuous": {"enabled": True}})
    assert r.status == 400 and b"final" in r.body, r.body
    two = audience(chain(element("p")), "edge")
    assert method_of(put(two, evaluationInfo={"continuous": {"enabled": True}}).json) == "streaming"
    assert method_of(put(two, evaluationInfo={"batch": {"enabled": True}}).json) == "batch"
    r = put(two, evaluationInfo={"synchronous": {"enabled": True}})
    assert r.status == 400 and b"final" in r.body, r.body
    three = audience(chain(element("p")))  # batch from the beginning is no move
    assert method_of(put(three, evaluationInfo={"continuous": {"enabled": True}}).json) == "streaming"
    assert not [k for k in s.rest("GET", UPS + "/audiences/" + one, expect=200).json if "inal" in k]


# ---- 31: evaluationInfo ----

def test_s19_31_evaluation_info():
    pql = 'homeAddress.countryCode = "US"'
    assert method_of(ask(pql).json) == "batch"
    assert method_of(ask(pql, evaluationInfo={}).json) == "batch"
    assert method_of(ask(pql, evaluationInfo={"synchronous": {"enabled": False}}).json) == "batch"
    for method in METHODS:
        made = ask(pql, method).json
        assert method_of(made) == method
        assert method_of(s.rest("GET", UPS + "/segment/definitions/" + made["id"], expect=200).json) == method
    refused = [  # the first row that is against it
        ('productListItems@{x}.y = 1 and xEvent[eventType = "p"].count() > 2', "joins another entity"),
        ("person.birthDate.getMonth() = currentMonth()", "month"),
        ('segmentMembership.get("AAM").get("x").status = "realized"', "Audience Manager"),
        ('xEvent[eventType = "p"].count() > 2', "outside a sequence"),
        (chain(element("p", "")), "no window of at most 24 hours"),
        ("not(%s)" % chain(element("p")), "nothing but a negation"),
        (chain(element("p"), element("q")), "more than one event")]
    for pql, why in refused:
        r = ask(pql, "edge")
        assert r.status == 400 and why in r.body.decode(), (pql, r.body)


# ---- 31: what a strict sandbox does with the methods (14.4) ----

def test_s19_31_real_time_is_the_default():
    sandbox = s.rest("GET", "/data/foundation/sandbox-management/sandboxes/" + s.credentials["sandbox"], expect=200).json
    assert sandbox["segmentation"] == "realtime"
    r = s.rest("PATCH", "/data/foundation/sandbox-management/sandboxes/" + s.credentials["sandbox"], {"segmentation": "daily"})
    assert r.status == 400 and b"realtime or strict" in r.body, r.body
    batch, who = audience(TODAY % BUY), new_person()
    box.batch_event(who, "buy")
    assert status(who, batch) == "realized"


def test_s19_31_strict_batch_audiences_move_in_jobs_only():
    segmentation("strict")
    batch, other = audience(TODAY % BUY), audience('_northpeak.tier = "none" or ' + TODAY % BUY)
    who = new_person()
    box.streamed_event(who, "buy")
    box.streamed_event(who, "view")
    assert entry(who, batch) is None and size(batch) == 0
    before = now()
    m = job(batch)
    state, since = entry(who, batch)
    assert state == "realized" and before <= since <= now()
    assert m["segmentedProfileByStatusCounter"][batch]["realized"] == size(batch) >= 1, m
    assert entry(who, other) is None, "it was not in the job"
    job()
    assert status(who, other) == "realized" and entry(who, batch) == (state, since)
    move_clock(now() + 2 * DAY)
    assert entry(who, batch) == (state, since), "no timer: the next job"
    m = job()
    assert status(who, batch) == "exited" and m["segmentedProfileByStatusCounter"][batch]["exited"] >= 1, m
    assert m["segmentedProfileCounter"][batch] == 0 == size(batch), m


def test_s19_31_strict_streaming_moves_by_streamed_data():
    streaming, gold = audience(TODAY % BUY, "streaming"), audience('_northpeak.tier = "gold"', "streaming")
    a, b, c, late = (new_person() for _ in range(4))
    box.streamed_event(a, "buy")
    assert status(a, streaming) == "realized"
    box.batch_event(b, "buy")
    assert entry(b, streaming) is None
    box.streamed_person(a, "gold")
    box.batch_person(c, "gold")
    assert status(a, gold) == "realized" and entry(c, gold) is None
    job()
    assert status(b, streaming) == "realized" == status(c, gold)
    box.batch_person(a, "blue")
    assert status(a, gold) == "realized"
    box.streamed_person(c, "blue")
    assert status(c, gold) == "exited"
    week = audience('exists E from xEvent where E.eventType = "buy" and E.timestamp occurs <= 24 hours before now', "streaming")
    box.streamed_event(late, "buy", now() - DAY - 60000)
    assert entry(late, week) is None
    job()
    assert status(a, gold) == "exited" and entry(late, week) is None


def test_s19_31_strict_late_events_wait():
    """Seen with a negation, which an event makes false: the one that is more than a day old on arrival moves nothing."""
    quiet = audience('not(%s) and _northpeak.tier = "gold"' % (TODAY % BUY), "streaming")
    who = new_person()
    box.streamed_person(who, "gold")
    assert status(who, quiet) == "realized"
    box.streamed_event(who, "buy", now() - DAY - 60000)
    assert status(who, quiet) == "realized"
    box.batch_event(who, "buy")
    assert status(who, quiet) == "realized"
    box.streamed_event(who, "view")  # what is streamed evaluates the profile as it is by then
    assert status(who, quiet) == "exited"


def test_s19_31_strict_backfill_is_the_next_job():
    who = new_person()
    box.streamed_event(who, "buy")
    new = audience(TODAY % BUY, "streaming")
    assert entry(who, new) is None
    job()
    assert status(who, new) == "realized"


def test_s19_31_strict_an_edited_audience_waits_for_the_job():
    who = new_person()
    one = audience(TODAY % BUY, "streaming")
    box.streamed_event(who, "buy")
    assert status(who, one) == "realized"
    put(one, expression=text(TODAY % 'eventType = "never"'))
    assert status(who, one) == "realized"
    job()
    assert status(who, one) == "exited"


def test_s19_31_strict_references_across_methods():
    """A streaming audience reads the stored membership of a batch one, and a batch one that of a streaming one, while one of the
    same method is followed at once."""
    batch = audience('_northpeak.tier = "gold"')
    follower = audience('inSegment("%s")' % batch, "streaming")
    inverse = audience('not(inSegment("%s")) and _northpeak.tier = "gold"' % batch, "streaming")
    streaming = audience('_northpeak.tier = "gold"', "streaming")
    second = audience('inSegment("%s")' % streaming, "streaming")
    above = audience('inSegment("%s")' % follower)
    who = new_person()
    box.streamed_person(who, "gold")
    assert [status(who, x) for x in (batch, follower, inverse, streaming, second, above)] == \
        [None, None, "realized", "realized", "realized", None]
    job()
    assert [status(who, x) for x in (batch, follower, inverse, streaming, second, above)] == \
        ["realized", "realized", "exited", "realized", "realized", "realized"]
    box.streamed_person(who, "blue")
    assert [status(who, x) for x in (batch, follower, streaming, second, above)] == \
        ["realized", "realized", "exited", "exited", "realized"]
    job(batch)
    assert [status(who, x) for x in (batch, follower, above)] == ["exited", "realized", "realized"]
    box.streamed_event(who, "view")
    assert [status(who, x) for x in (follower, above)] == ["exited", "realized"]
    job()
    assert status(who, above) == "exited"


def test_s19_31_strict_edges_evaluate_edge_audiences():
    at_edge, streaming, batch = (audience(TODAY % BUY, m) for m in ("edge", "streaming", "batch"))
    world.destination(s, "strict", world.CUSTOM_SPEC, box.ds, [at_edge, streaming, batch], alias="strict")
    s.drain()
    visitor = Visitor(Edge(s, box.ds), {"CRMID": [{"id": new_person(), "authenticatedState": "authenticated", "primary": True}]})
    assert segments(visitor.send({"eventType": "buy"})) == {at_edge}, "in the answer to the event itself"
    s.drain()
    assert segments(visitor.send({"eventType": "view"})) == {at_edge, streaming}, "the hub evaluated it as streamed"
    job()
    s.drain()
    assert segments(visitor.send({"eventType": "view"})) == {at_edge, streaming, batch}


def test_s19_31_strict_bots_are_not_evaluated():
    at_edge, streaming = audience(TODAY % 'eventType = "bot"', "edge"), audience(TODAY % 'eventType = "bot"', "streaming")
    at_hub = audience(TODAY % 'eventType = "bot"', "streaming")
    world.destination(s, "bots", world.CUSTOM_SPEC, box.ds, [at_edge], alias="bots")
    s.drain()
    before = s.metric("hub_bot_events_total")

    def burst(count):
        who, visitor, instant = new_person(), None, now() - 5000
        visitor = Visitor(Edge(s, box.ds), {"CRMID": [{"id": who, "authenticatedState": "authenticated", "primary": True}]})
        for i in range(count):
            kind = "bot" if i == count - 1 else "view"
            r = visitor.send({"eventType": kind, "timestamp": iso(instant + i), "_id": str(uuid.uuid4())})
        s.drain()
        return who, segments(r)
    who, said = burst(20)
    assert status(who, streaming) == "realized" and said == {at_edge}
    assert s.metric("hub_bot_events_total") == before
    who, said = burst(21)
    assert entry(who, streaming) is None and entry(who, at_hub) is None and said == set()
    assert s.metric("hub_bot_events_total") == before + 1
    job()
    assert status(who, streaming) == "realized", "stored, and for the job an event like any other"


def test_s19_31_strict_survives_a_restart_and_a_fold_from_scratch():
    batch, who = audience(TODAY % BUY), new_person()
    box.streamed_event(who, "buy")
    job()
    before, clock = profile(who)["segmentMembership"], now()
    assert before["ups"][batch]["status"] == "realized"
    assert s.stop() == 0
    shutil.rmtree(os.path.join(s.data, "hub"))  # all state of the hub: the job is on the log
    s.start()
    s.token = None
    s.drain()
    move_clock(clock)  # it began with the machine's
    after = profile(who)["segmentMembership"]["ups"]
    assert after[batch] == before["ups"][batch], (before, after)


def test_s19_31_back_to_real_time():
    batch, who = audience(TODAY % BUY), new_person()
    box.batch_event(who, "buy")
    assert entry(who, batch) is None
    segmentation("realtime")
    assert status(who, batch) == "realized"


# ---- 32: the state machine ----

def test_s19_32_states_of_a_membership():
    gold, who = audience('_northpeak.tier = "gold 1"'), new_person()
    box.streamed_person(who, "blue")
    assert entry(who, gold) is None  # none, false
    t0 = now()
    box.streamed_person(who, "gold 1")
    state, entered = entry(who, gold)
    assert state == "realized" and t0 <= entered <= now()
    assert size(gold) == 1
    box.streamed_event(who, "view")
    assert entry(who, gold) == ("realized", entered)  # realized, true: unchanged
    m = job(gold)["segmentedProfileByStatusCounter"][gold]
    assert m == {"realized": 1, "existing": 0, "exited": 0}, m
    m = job(gold)["segmentedProfileByStatusCounter"][gold]
    assert m == {"realized": 0, "existing": 1, "exited": 0}, m
    move_clock(now() + 1000)
    box.streamed_person(who, "blue")
    state, left = entry(who, gold)
    assert state == "exited" and left > entered and size(gold) == 0
    box.streamed_event(who, "view")
    assert entry(who, gold) == ("exited", left)  # exited, false: unchanged
    m = job(gold)["segmentedProfileByStatusCounter"][gold]
    assert m == {"realized": 0, "existing": 0, "exited": 1}, m
    move_clock(now() + 1000)
    box.streamed_person(who, "gold 1")
    state, again = entry(who, gold)
    assert state == "realized" and again > left and size(gold) == 1


def test_s19_32_exits_are_deleted_after_30_days():
    gold, who = audience('_northpeak.tier = "gold 2"'), new_person()
    box.streamed_person(who, "gold 2")
    box.streamed_person(who, "blue")
    left = entry(who, gold)[1]
    move_clock(left + 30 * DAY - 20000)
    assert entry(who, gold) == ("exited", left)
    move_clock(left + 30 * DAY + 1)
    assert entry(who, gold) is None
    assert [state for state, _ in told(gold)] == ["realized", "exited"], "nobody is told of a deletion"


def test_s19_32_inactive_and_deleted_audiences():
    gold, who = audience('_northpeak.tier = "gold"'), new_person()
    box.streamed_person(who, "gold")
    there = entry(who, gold)
    assert put(gold, lifecycleState="inactive").status == 200
    box.streamed_person(who, "blue")
    assert entry(who, gold) == there, "no further writes"
    deleted = audience('_northpeak.tier = "blue"')
    assert status(who, deleted) == "realized"
    s.rest("DELETE", UPS + "/audiences/" + deleted, expect=204)
    s.drain()
    assert entry(who, deleted) is None
    segmentation("strict")
    deleted = audience('_northpeak.tier = "blue"')
    job()
    assert status(who, deleted) == "realized"
    s.rest("DELETE", UPS + "/audiences/" + deleted, expect=204)
    job()
    assert entry(who, deleted) is None, "the next run"
    segmentation("realtime")


# ---- 33: windows that end ----

def told(audience_id):
    """Entries and exits of the membership topic: [(status, lastQualificationTime in ms)]."""
    return [(state, milliseconds(r["value"]["lastQualificationTime"])) for r in s.topic("membership")
            for state in ("realized", "exited") if audience_id in r["value"].get(state, [])]


def test_s19_33_a_window_ends_to_the_millisecond():
    two, who = audience(chain('WHAT(eventType = "exact") WHEN(<= 2 hours before now)'), "streaming"), new_person()
    at = now() - 60000
    box.streamed_event(who, "exact", at)
    assert status(who, two) == "realized"
    ends = at + 2 * 3600 * 1000 + 1  # an event exactly two hours old is in the window
    move_clock(ends - 20000)  # the clock runs on from there
    assert status(who, two) == "realized"
    move_clock(ends)
    assert entry(who, two) == ("exited", ends)
    assert [state for state, _ in told(two)] == ["realized", "exited"] and told(two)[-1] == ("exited", ends)


def test_s19_33_a_clock_that_jumps_far_exits_at_the_boundary():
    """However late the timer fires, the exit has the instant of the window's end; of many, each has its own."""
    one = audience(chain('WHAT(eventType = "many") WHEN(<= 1 hour before now)'))
    people = [new_person() for _ in range(20)]
    base = now() - 600000
    for i, who in enumerate(people):
        box.streamed_event(who, "many", base + 7 * i)
    before = s.metric("hub_timers_total")
    move_clock(base + 5 * 3600 * 1000)
    for i, who in enumerate(people):
        assert entry(who, one) == ("exited", base + 7 * i + 3600 * 1000 + 1), (i, entry(who, one))
    assert s.metric("hub_timers_total") - before >= len(people)
    assert s.metric("hub_timer_lateness_milliseconds_count") >= len(people)


def test_s19_33_strict_streaming_exits_by_timer():
    segmentation("strict")
    one, who = audience(chain('WHAT(eventType = "strict") WHEN(<= 2 hours before now)'), "streaming"), new_person()
    quiet = audience('not(%s) and _northpeak.tier = "gold"' % chain('WHAT(eventType = "strict") WHEN(<= 2 hours before now)'),
                     "streaming")
    at = now()
    box.streamed_person(who, "gold")
    assert status(who, quiet) == "realized"
    box.streamed_event(who, "strict", at)
    assert status(who, one) == "realized" and status(who, quiet) == "exited"
    move_clock(at + 2 * 3600 * 1000 + 1)
    assert entry(who, one) == ("exited", at + 2 * 3600 * 1000 + 1)
    assert status(who, quiet) == "exited", "time disqualifies, it does not qualify"
    box.streamed_event(who, "view")
    assert status(who, quiet) == "realized"
    segmentation("realtime")


# ---- 34: hub and edge ----

def segments(answer):
    return {x["id"] for p in answer.payload("activation:pull") for x in p["segments"]}


def test_s19_34_ids_and_aliases_in_the_answer():
    mapped, other = audience(TODAY % 'eventType = "said"', "edge"), audience(TODAY % 'eventType = "said"', "edge")
    exited = audience('%s and not(%s)' % (TODAY % 'eventType = "said"', TODAY % 'eventType = "unsaid"'), "batch")
    flow = world.destination(s, "said", world.CUSTOM_SPEC, box.ds, [mapped, exited], alias="said-alias")
    s.drain()
    visitor = Visitor(Edge(s, box.ds), {"CRMID": [{"id": new_person(), "authenticatedState": "authenticated", "primary": True}]})
    one = [p for p in visitor.send({"eventType": "said"}).payload("activation:pull") if p["alias"] == "said-alias"]
    assert len(one) == 1 and {x["id"] for x in one[0]["segments"]} == {mapped, exited}, one
    assert {x["namespace"] for x in one[0]["segments"]} == {"ups"}
    answer = visitor.send({"eventType": "unsaid"})
    assert exited not in segments(answer) and other not in segments(answer), "exits and what is not mapped are not said"
    assert flow


def projection_of(who):
    return [r["value"] for r in s.topic("projection.or2") if r["key"].endswith(who) and r["value"]][-1]


def test_s19_34_the_projection_has_what_is_mapped_only():
    long, hidden = audience(chain('WHAT(eventType = "long") WHEN(<= 7 days before now)')), \
        audience(chain('WHAT(eventType = "long") WHEN(<= 8 days before now)'))
    world.destination(s, "long", world.CUSTOM_SPEC, box.ds, [long], attributes=["_northpeak.tier"], alias="long")
    s.drain()
    who = new_person()
    box.streamed_person(who, "gold")
    visitor = Visitor(Edge(s, box.ds), {"CRMID": [{"id": who, "authenticatedState": "authenticated", "primary": True}]})
    visitor.send({"eventType": "long"})
    s.drain()
    assert long in segments(visitor.send({"eventType": "view"})), "the hub's word"
    last = projection_of(who)
    assert status(who, long) == "realized" == status(who, hidden)
    assert long in str(last["memberships"]) and hidden not in str(last), last
    assert last["attributes"] == {"_northpeak": {"tier": "gold"}}, "the name of the attribute is mapped, crmId is not"
    move_clock(now() + 7 * DAY + 120000)
    assert long not in segments(visitor.send({"eventType": "view"})), "an exit is a removal"
    assert long not in str(projection_of(who)["memberships"])


def test_s19_34_edge_and_hub_converge():
    """What an edge evaluates is its own word at once, the hub's evaluation of the same event agrees, and what changes on the hub
    is the edge's at the next request."""
    both = audience('%s and _northpeak.tier = "gold"' % (TODAY % 'eventType = "meet"'), "edge")
    world.destination(s, "meet", world.CUSTOM_SPEC, box.ds, [both], alias="meet")
    s.drain()
    who = new_person()
    visitor = Visitor(Edge(s, box.ds), {"CRMID": [{"id": who, "authenticatedState": "authenticated", "primary": True}]})
    assert both not in segments(visitor.send({"eventType": "meet"}))
    box.streamed_person(who, "gold")
    s.drain()
    assert status(who, both) == "realized"
    assert both in segments(visitor.send({"eventType": "view"}))
    box.streamed_person(who, "blue")
    s.drain()
    assert status(who, both) == "exited"
    assert both not in segments(visitor.send({"eventType": "view"}))


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
