#!/usr/bin/env python3
"""Where a visitor is, by the address of the session's first request [TARGET 12.79], for both ways in. The database has the
networks that documents use: 192.0.2.0/24 is in California, 198.51.100.0/24 in Bavaria."""
import os
import sys

import world
from delivery_world import NOW, World
from server import Edge, Visitor, run

CALIFORNIA, BAVARIA = {"X-Forwarded-For": "192.0.2.17"}, {"X-Forwarded-For": "198.51.100.1"}
LATER = "2027-03-09T12:31:00Z"
JSON = {"Content-Type": "application/json"}
HERE = os.path.dirname(os.path.abspath(__file__))

w = None


def setup():
    global w
    w = World(args=["--trust-forwarded", "on", "--geo-database", os.path.join(HERE, "..", "vectors", "geo.mmdb")])
    w.clock(NOW)
    for number, country in ((21, "us"), (22, "de")):
        w.audience({"geo": "country", "matches": [country]}, number)
    w.activity("xt", 4901, [(None, w.offer("content", content=c), [n]) for n, c in ((21, "us"), (22, "de"))], "where")


def finish():
    return w.close()


def delivered(session, address, **context):
    body = {"id": {"tntId": "0" * 31 + "7"}, "context": dict({"channel": "web"}, **context),
            "execute": {"mboxes": [{"index": 0, "name": "where"}]}}
    mbox = w.ask(body, session=session, headers=dict(JSON, **address))["execute"]["mboxes"][0]
    return mbox["options"][0]["content"] if "options" in mbox else None


def shown(visitor, address):
    visitor.edge.address = address
    r = visitor.send(scopes=["where"])
    assert r.status == 200, (r.status, r.body)
    items = [i for p in r.payload("personalization:decisions") for i in p["items"]]
    return items[0]["data"].get("content") if items else None


class From(Edge):
    """An edge whose client comes from an address."""
    address = {}

    def post(self, action, body, **kw):
        return super().post(action, body, headers=self.address, **kw)


def test_079_a_session_stays_where_it_began():
    assert delivered("g1", CALIFORNIA) == "us"
    assert delivered("g1", BAVARIA) == "us", "the place of the session's first request"
    assert delivered("g2", BAVARIA) == "de", "a new session looks anew"
    assert delivered("g3", {"X-Forwarded-For": "203.0.113.9"}) is None, "an address that the database does not know"


def test_079_what_a_request_says_wins():
    assert delivered("g4", CALIFORNIA, geo={"countryCode": "DE"}) == "de"
    assert delivered("g5", CALIFORNIA, geo={"ipAddress": "198.51.100.1"}) == "de"


def test_079_the_edge_network_looks_at_each_session_once():
    visitor = Visitor(From(w.s, world.datastream(w.s, "geo", world.web_dataset(w.s))))
    assert shown(visitor, CALIFORNIA) == "us"
    assert shown(visitor, BAVARIA) == "us"
    w.clock(LATER)
    assert shown(visitor, BAVARIA) == "de", "half an hour later a new session began"


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
