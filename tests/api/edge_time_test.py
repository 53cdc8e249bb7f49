#!/usr/bin/env python3
"""Time at the edge: a window that ends without traffic has ended for the next request, whatever stood still meanwhile. With one
process, with two, and with an edge alone, on the machine's clock: windows of a day or less are the edge's own; longer ones are
the hub's, whose timer tells the edge (docs/design/0007-time-on-the-edge.md)."""
import datetime
import shutil
import sys
import tempfile
import time
import uuid

import world
from server import Edge, Server, Visitor, run

HOUR, WEEK = 3600, 7 * 24 * 3600
SHORT = 'chain(xEvent, timestamp, [A: WHAT(eventType = "short") WHEN(<= 1 hours before now)])'
LONG = 'chain(xEvent, timestamp, [A: WHAT(eventType = "long") WHEN(<= 7 days before now)])'


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (int(seconds * 1000) % 1000)


def until(what, check, seconds=30):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "did not happen: " + what
        time.sleep(0.01)


class Plane:
    """One process or two over one folder, with the two audiences mapped to the edge."""

    def __init__(self, two):
        self.data = tempfile.mkdtemp(prefix="edgewise-time-")
        self.hub = Server("--demo", "off", *(["--roles", "hub"] if two else []), data=self.data, keep=True)
        self.edge = Server("--demo", "off", "--roles", "edge", data=self.data, keep=True) if two else self.hub
        planes.append(self)
        self.ds = world.datastream(self.hub, "web", world.web_dataset(self.hub))
        self.short, self.long = world.audience(self.hub, "short", SHORT), world.audience(self.hub, "long", LONG)
        world.destination(self.hub, "custom", world.CUSTOM_SPEC, self.ds, [self.short, self.long])
        self.hub.drain()
        until("the edge knows its destination", lambda: self.visitor().send().status == 200 and
              self.visitor().send().payload("activation:pull"))

    def visitor(self):
        return Visitor(Edge(self.edge, self.ds))

    def member(self, visitor):
        return {x["id"] for p in visitor.send({"eventType": "look"}).payload("activation:pull") for x in p["segments"]}

    def enter(self, kind, window, left):
        """A visitor whose window ends `left` seconds from now: (visitor, the instant in ms)."""
        visitor = self.visitor()
        ends = time.time() + left
        r = visitor.send({"eventType": kind, "timestamp": iso(ends - window), "_id": str(uuid.uuid4())})
        assert r.status == 200, r.body
        return visitor, ends

    def exits(self, audience):
        return [milliseconds(r["value"]["lastQualificationTime"]) for r in self.hub.topic("membership")
                if audience in r["value"].get("exited", [])]

    def stop(self):
        if self.edge is not self.hub:
            assert self.edge.stop() == 0
        assert self.hub.stop() == 0

    def close(self):
        planes.remove(self)
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def abandon(self):
        """What a failed test leaves."""
        for server in {self.hub, self.edge}:
            if server.process.poll() is None:
                server.kill()
        shutil.rmtree(self.data, ignore_errors=True)


planes = []


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def wait_past(ends):
    time.sleep(max(0, ends + 0.01 - time.time()))  # the machine's clock: there is nothing else to wait for


def check_short_window(two):
    p = Plane(two)
    visitor, ends = p.enter("short", HOUR, 3)
    assert p.member(visitor) == {p.short}
    wait_past(ends)
    assert p.member(visitor) == set(), "the first request behind the window's end"
    other, ends = p.enter("short", HOUR, 3)
    assert p.member(other) == {p.short}
    p.stop()
    wait_past(ends)
    p.hub.start()
    if two:
        p.edge.start()
    p.hub.token = None
    assert p.member(other) == set(), "it ended while nothing ran"
    p.hub.drain()
    at = p.exits(p.short)
    assert any(abs(x - (ends * 1000 + 1)) <= 1 for x in at), (at, ends)
    p.close()


def test_s19_33_a_short_window_in_one_process():
    check_short_window(False)


def test_s19_33_a_short_window_in_two_processes():
    check_short_window(True)


def test_s19_33_an_edge_alone_needs_no_hub_for_its_own_windows():
    p = Plane(True)
    visitor, ends = p.enter("short", HOUR, 3)
    assert p.member(visitor) == {p.short}
    p.hub.kill()
    assert p.member(visitor) == {p.short}
    p.edge.kill()
    wait_past(ends)
    p.edge.start()
    assert p.member(visitor) == set(), "after a crash, without a hub"
    p.hub.start()
    p.close()


def check_long_window(two):
    """The hub's timer: nobody asks, nobody sends, and the edge knows."""
    p = Plane(two)
    visitor, ends = p.enter("long", WEEK, 6)
    until("the hub's word reaches the edge", lambda: p.member(visitor) == {p.long}, seconds=5)
    wait_past(ends)
    late = time.time()
    until("the exit reaches the edge", lambda: p.member(visitor) == set(), seconds=5)
    assert time.time() - late < 5 and p.hub.metric("hub_timer_lateness_milliseconds_count") >= 1
    other, ends = p.enter("long", WEEK, 6)
    until("the hub's word reaches the edge", lambda: p.member(other) == {p.long}, seconds=5)
    p.hub.kill()
    if two:
        p.edge.kill()
    wait_past(ends)
    p.hub.start()
    if two:
        p.edge.start()
    p.hub.token = None
    until("the exit reaches the edge", lambda: p.member(other) == set(), seconds=10)
    at = p.exits(p.long)
    assert any(abs(x - (ends * 1000 + 1)) <= 1 for x in at), (at, ends)
    p.close()


def test_s19_33_a_long_window_in_one_process():
    check_long_window(False)


def test_s19_33_a_long_window_in_two_processes():
    check_long_window(True)


def finish():
    for p in planes:
        p.abandon()
    return 0


if __name__ == "__main__":
    run(sys.modules[__name__])
