#!/usr/bin/env python3
"""The profile APIs of the Target part: batches, one visitor, reading  [TARGET 6.10]. With one process, and with an edge of its own."""
import os
import re
import shutil
import tempfile
import time
import urllib.parse

import world
from server import Edge, Server, Visitor, run

s = Server()
CLIENT = s.credentials["tenant"]
NOT_FOUND = "No profile found for client %s with %s=%s"


def form(path, text, server=None, headers=None):
    h = {"Content-Type": "application/x-www-form-urlencoded"}
    h.update(headers or {})
    return (server or s).call("POST", path, text, h)


def batch(text, version=2, server=None):
    """Sends a batch; the address of its status, as the answer says it."""
    r = form("/m2/%s/%sprofile/batchUpdate" % (CLIENT, "v2/" if version == 2 else ""), "batch=" + text, server)
    assert r.status == 200, (r.status, r.body)
    answer = r.body.decode()
    assert "<success>true</success>" in answer and "<message>Batch submitted for processing</message>" in answer, answer
    url = urllib.parse.urlsplit(re.search("<batchStatus>(.*)</batchStatus>", answer).group(1))
    assert url.netloc == "127.0.0.1:%d" % (server or s).port, answer
    return url.path + "?" + url.query


def status(path, details=True, server=None):
    """Waits until the batch has ended."""
    for _ in range(2000):
        r = (server or s).call("GET", path + ("&showDetails=true" if details else ""))
        assert r.status == 200, (r.status, r.body)
        text = r.body.decode()
        if "<status>incomplete</status>" not in text:
            return text
        time.sleep(0.01)
    raise AssertionError(text)


def member(text, name):
    return re.search("<%s>(.*?)</%s>" % (name, name), text).group(1)


def fetch(kind, id, server=None):
    return (server or s).call("GET", "/rest/v1/profiles/%s%s?client=%s" % (kind, urllib.parse.quote(id), CLIENT))


def values(r):
    assert r.status == 200, (r.status, r.body)
    return {k: v["value"] for k, v in r.json["profileAttributes"].items()}


def test_120_batch_v2_creates():
    """[TARGET 12.120]"""
    first = status(batch("thirdPartyId,tier,city\nB1,gold,K%C3%B6ln\nB2,silver,Oslo\nB3,bronze,Rome\n"))
    assert member(first, "status") == "complete" and member(first, "batchSize") == "3", first
    assert values(fetch("thirdPartyId/", "B1")) == {"tier": "gold", "city": "K\u00f6ln"}
    text = status(batch("thirdPartyId,tier,city\nB1,,Bonn\nB2,gold,\nB4,gold,Paris\n"))
    assert member(text, "consumedCount") == "3" and member(text, "successfulUpdates") == "3", text
    assert member(text, "profilesNotFound") == "0" and member(text, "failedUpdates") == "0", text
    assert values(fetch("thirdPartyId/", "B1")) == {"tier": "gold", "city": "Bonn"}  # an empty value keeps
    assert values(fetch("thirdPartyId/", "B2")) == {"tier": "gold", "city": "Oslo"}
    assert values(fetch("thirdPartyId/", "B4")) == {"tier": "gold", "city": "Paris"}
    assert "consumedCount" not in status(batch("thirdPartyId,a\nB9,1"), details=False)


def test_120_a_form_library_encodes_the_whole_text():
    assert member(status(batch(urllib.parse.quote_plus("thirdPartyId,tier\nenc,a b\n"))), "batchSize") == "1"
    assert values(fetch("thirdPartyId/", "enc")) == {"tier": "a b"}


def test_120_ids_are_not_case_folded():
    status(batch("thirdPartyId,a\nCase,1\n"))
    assert fetch("thirdPartyId/", "case").status == 404


def test_120_rows_that_cannot_be_kept():
    text = status(batch("pcId,a,b\nrow1,1\n,2\nrow3,1,2,3\nrow4,%ff,1\nrow5,5,6\n"))
    assert member(text, "batchSize") == "5" and member(text, "failedUpdates") == "3", text
    assert values(fetch("", "row5")) == {"a": "5", "b": "6"} and values(fetch("", "row1")) == {"a": "1"}
    assert fetch("", "row3").status == 404


def test_121_batch_v1_updates_those_who_are_there():
    """[TARGET 12.121]"""
    status(batch("thirdPartyId,a\nhere,1\n"))
    text = status(batch("thirdPartyId,a\nhere,2\nunknown,2\n", version=1))
    assert re.findall("<status>(success|error)</status>", text) == ["success", "error"], text
    assert values(fetch("thirdPartyId/", "here")) == {"a": "2"}
    assert fetch("thirdPartyId/", "unknown").status == 404


def test_122_fetch():
    """[TARGET 12.122]"""
    r = fetch("thirdPartyId/", "B7")
    assert r.status == 404 and r.json == {"status": 404, "message": NOT_FOUND % (CLIENT, "third party id", "B7")}, r.body
    assert fetch("", "0" * 32).status == 404 and fetch("marketingCloudVisitorId/", "4" * 38).status == 404
    status(batch("pcId,tier\n" + "1" * 32 + ",gold\n"))
    r = fetch("", "1" * 32)
    assert r.json["client"] == CLIENT and r.json["visitorId"] == {"tntId": "1" * 32, "profileLocation": "0"}, r.body
    assert re.match(r"\d{4}-\d\d-\d\dT", r.json["modifiedAt"])
    assert re.match(r"\d{4}-\d\d-\d\dT", r.json["profileAttributes"]["tier"]["modifiedAt"])
    assert values(fetch("", "1" * 32 + ".35_0")) == {"tier": "gold"}  # the suffix names an edge


def test_single_update():
    status(batch("thirdPartyId,a\none,1\n"))
    path = "/m2/%s/profile/update" % CLIENT
    assert s.call("GET", path + "?mbox3rdPartyId=one&profile.x=%C3%A4+1&other=2").status == 200
    assert form(path, "mbox3rdPartyId=one&profile.y=2").status == 200
    assert values(fetch("thirdPartyId/", "one")) == {"a": "1", "x": "\u00e4 1", "y": "2"}
    assert s.call("GET", path + "?mbox3rdPartyId=nobody&profile.x=1").status == 404
    assert s.call("GET", path + "?profile.x=1").status == 400
    assert s.call("GET", path + "?mbox3rdPartyId=one").status == 400
    assert form(path, "mbox3rdPartyId=one&profile.y=" + "z" * 60 * 1024).status == 413
    assert s.call("DELETE", path).status == 405


def test_columns_at_and_past_their_number():
    names = ",".join("c%d" % i for i in range(1000))
    text = status(batch("pcId,%s\nwide,%s\n" % (names, ",".join("1" * 1000))))
    assert member(text, "successfulUpdates") == "1" and len(values(fetch("", "wide"))) == 1000, text
    r = form("/m2/%s/profile/batchUpdate" % CLIENT, "batch=pcId,%s,more\nx,1" % names)
    assert r.status == 400 and b"at most 1000 attributes" in r.body, r.body


def test_limits():
    assert form("/m2/nobody/profile/batchUpdate", "batch=pcId,a\n1,1").status == 400
    assert form("/m2/%s/profile/batchUpdate" % CLIENT, "").status == 400
    assert form("/m2/%s/profile/batchUpdate" % CLIENT, "batch=name,a\n1,1").status == 400
    assert form("/m2/%s/profile/batchUpdate" % CLIENT, "batch=pcId\n1").status == 400
    r = s.call("GET", "/m2/%s/profile/batchStatus?batchId=%s-2-1-00000000" % (CLIENT, CLIENT))
    assert r.status == 404, r.body
    # Attributes at their limit, and past it: that row fails, and what was there stays.
    text = status(batch("thirdPartyId,n\nlarge," + "x" * (65536 - 1 - 2) + "\n"))
    assert member(text, "successfulUpdates") == "1", text
    text = status(batch("thirdPartyId,n\nlarge,%s\n" % ("y" * (65536 - 2))))
    assert member(text, "failedUpdates") == "1", text
    assert values(fetch("thirdPartyId/", "large"))["n"][0] == "x"
    name = "n" * 128
    assert member(status(batch("thirdPartyId,%s\nnames,1\n" % name)), "successfulUpdates") == "1"
    assert form("/m2/%s/v2/profile/batchUpdate" % CLIENT, "batch=thirdPartyId,%sn\nnames,1\n" % name).status == 400


def test_a_batch_of_many_rows():
    rows = "thirdPartyId,n\n" + "".join("many%d,%d\n" % (i, i) for i in range(3000))
    text = status(batch(rows))
    assert member(text, "batchSize") == "3000" and member(text, "successfulUpdates") == "3000", text
    assert values(fetch("thirdPartyId/", "many2999")) == {"n": "2999"}


def test_batches_survive_the_process():
    rows = "thirdPartyId,n\n" + "".join("crash%d,%d\n" % (i, i) for i in range(5000))
    path = batch(rows)
    done = batch("thirdPartyId,n\nlast,1\n")
    s.kill()
    s.start()
    text = status(path)
    assert member(text, "batchSize") == "5000" and member(text, "successfulUpdates") == "5000", text
    assert values(fetch("thirdPartyId/", "crash4999")) == {"n": "4999"}
    assert member(status(done), "successfulUpdates") == "1"
    s.restart()
    assert member(status(path), "successfulUpdates") == "5000"  # what became of it is kept
    assert not [f for f in os.listdir(s.data + "/profile-batches") if not f.endswith(".done")]


def test_updates_are_visits_of_no_profile():
    """A row is a hit of the Target part: it makes no platform profile, and no session of the visitor."""
    status(batch("thirdPartyId,a\nquiet,1\n"))
    s.drain()
    hits = [r["value"] for r in s.topic("collect") if r["value"]["kind"] == "visit"]
    mine = [h for h in hits if h["visit"].get("thirdPartyId") == "quiet"]
    assert len(mine) == 1 and mine[0]["visit"]["quiet"] and mine[0]["profileParams"] == {"a": "1"}, mine
    r = s.rest("GET", "/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=quiet&entityIdNS=thirdPartyId")
    assert r.status == 404 or not r.json, r.body


def test_a_visitor_of_the_edge_network_has_them():
    """[TARGET 7.1] The third-party id of a page leads to the visitor whom the batch wrote."""
    ds = world.datastream(s, "target")
    html = world.offer(s, "html", content="<b>gold</b>")
    tenant = s.credentials["tenant"]
    gold = s.rest("POST", "/%s/target/audiences" % tenant, {
        "name": "gold", "targetRule": {"profile": "tier", "equals": ["gold"]}}, expect=2).json["id"]
    world.activity(s, "xt", "gold", "gold-place", [("Gold", html, {"audienceIds": [gold]})])
    status(batch("thirdPartyId,tier\ncrm1,gold\n"))
    edge = Edge(s, ds)
    visitor = Visitor(edge)
    r = visitor.send(scopes=["gold-place"], data={"__adobe": {"target": {"mbox3rdPartyId": "crm1"}}})
    assert [p["scope"] for p in r.payload("personalization:decisions")] == ["gold-place"], r.body
    r = visitor.send(scopes=["gold-place"])  # the ECID leads there from now on
    assert [p["scope"] for p in r.payload("personalization:decisions")] == ["gold-place"], r.body
    assert values(fetch("marketingCloudVisitorId/", visitor.ecid)) == {"tier": "gold"}
    assert not Visitor(edge).send(scopes=["gold-place"]).payload("personalization:decisions")


def test_an_edge_of_its_own():
    data = tempfile.mkdtemp(prefix="edgewise-split-")
    hub = Server("--demo", "off", "--roles", "hub", data=data, keep=True)
    edge = Server("--demo", "off", "--roles", "edge", data=data, keep=True)
    try:
        text = status(batch("thirdPartyId,a\nfar,1\n", server=edge), server=edge)
        assert member(text, "successfulUpdates") == "1", text
        assert values(fetch("thirdPartyId/", "far", edge)) == {"a": "1"}
        edge.kill()
        edge.start()
        assert values(fetch("thirdPartyId/", "far", edge)) == {"a": "1"}
    finally:
        codes = edge.stop(), hub.stop()
        shutil.rmtree(data, ignore_errors=True)
    assert codes == (0, 0), codes


def finish():
    return s.close()


if __name__ == "__main__":
    import sys
    run(sys.modules[__name__])
