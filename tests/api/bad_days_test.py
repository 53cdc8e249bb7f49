#!/usr/bin/env python3
"""Bad clients and bad moments: slow, silent, garbled, greedy, too many; a stop in the middle of work. The server answers with
the documented error or closes, goes on serving everybody else, and keeps nothing of it in memory."""
import json
import os
import resource
import socket
import sys
import threading
import time
import uuid

import world
from server import FETCH, Edge, Server, minimal, run

# A freed block that the address sanitizer holds back for a while is no leak.
s = Server(env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"})
EVENTS = world.web_dataset(s)
DS = world.datastream(s, "web", EVENTS)
E = Edge(s, DS)
TARGET = "/ee/v1/interact?configId=%s&requestId=%s"


def connect():
    return socket.create_connection(("127.0.0.1", s.port), timeout=20)


def request(body, headers=(), target=None, method="POST"):
    body = body if isinstance(body, bytes) else body.encode()
    lines = ["%s %s HTTP/1.1" % (method, target or TARGET % (DS, uuid.uuid4())), "Host: edge.example.test",
             "Content-Type: text/plain", "Content-Length: %d" % len(body)] + list(headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_answer(f):
    """(status, headers, body) of the next answer on a stream; None at its end."""
    line = f.readline()
    if not line:
        return None
    headers = {}
    for h in iter(f.readline, b"\r\n"):
        if not h:
            return None
        name, value = h.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers, f.read(int(headers.get("content-length", 0)))


def ask(raw):
    with connect() as c:
        c.sendall(raw)
        return read_answer(c.makefile("rb"))


def good():
    r = E.interact(minimal(query=FETCH))
    assert r.status == 200 and r.ecid, (r.status, r.body)


def rss_kb():
    with open("/proc/%d/status" % s.process.pid) as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def problem(answer, status):
    assert answer is not None, "closed without an answer"
    assert answer[0] == status, answer
    body = json.loads(answer[2])
    assert body["status"] == status and body["type"].startswith("https://ns.adobe.com/aep/errors/EXEG-"), body


BODY = json.dumps(minimal(query=FETCH))


# ---- slow and silent ----

def test_a_slow_client_is_served():
    """One byte at a time, while others are answered."""
    raw = request(BODY)
    with connect() as c:
        for i in range(0, len(raw) - 1):
            c.sendall(raw[i:i + 1])
            if i % 100 == 0:
                good()
        c.sendall(raw[-1:])
        assert read_answer(c.makefile("rb"))[0] == 200


def test_half_open_connections():
    """Headers that never end, bodies that never come: nobody waits for them."""
    raw = request(BODY)
    held = []
    for cut in (1, 10, raw.index(b"\r\n\r\n"), raw.index(b"\r\n\r\n") + 4, len(raw) - 1):
        for _ in range(10):
            c = connect()
            c.sendall(raw[:cut])
            held.append(c)
    for _ in range(20):
        good()
    for c in held:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # a reset, not a farewell
        c.close()
    good()


def test_the_client_leaves_before_the_answer():
    for _ in range(50):
        with connect() as c:
            c.sendall(request(BODY))
    good()


# ---- garbled ----

def test_pipelined_requests_and_garbage():
    with connect() as c:
        c.sendall(request(BODY) * 3 + b"\xff GARBAGE nonsense\r\n\r\n" + request(BODY))
        f = c.makefile("rb")
        assert [read_answer(f)[0] for _ in range(3)] == [200, 200, 200]
        answer = read_answer(f)
        assert answer is None or answer[0] >= 400, answer
    good()


def test_not_http():
    for raw in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, b"\r\n\r\n\r\n\r\nx", b"GET\r\n\r\n",
                b"POST / HTTP/9.9\r\n\r\n", b"\xff" * 4096 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):
        with connect() as c:
            try:
                c.sendall(raw)
                c.shutdown(socket.SHUT_WR)
                answer = read_answer(c.makefile("rb"))
            except OSError:
                answer = None
            assert answer is None or answer[0] >= 400, (raw[:30], answer)
    good()


def test_smuggling():
    """Two lengths, or a length and chunks: refused, and what follows is not taken for a request."""
    smuggled = request("{}", target="/healthz", method="GET")
    for headers in (["Content-Length: 5"], ["Transfer-Encoding: chunked"], ["Transfer-Encoding: identity, chunked"]):
        with connect() as c:
            c.sendall(request(BODY, headers) + smuggled)
            f = c.makefile("rb")
            first = read_answer(f)
            assert first is None or first[0] >= 400, (headers, first)
            assert first is None or read_answer(f) is None, headers
    good()


def test_bad_chunks():
    head = request("", ["Transfer-Encoding: chunked"]).replace(b"Content-Length: 0\r\n", b"")
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY.encode())
    assert ask(head + body)[0] == 200
    for bad in (b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n", b"ffffffffffffffffff\r\nabc\r\n"):
        with connect() as c:
            c.sendall(head + bad)
            c.shutdown(socket.SHUT_WR)
            answer = read_answer(c.makefile("rb"))
            assert answer is None or answer[0] >= 400, (bad, answer)
    good()


# ---- greedy ----

def test_huge_headers():
    assert ask(request(BODY, ["X-Big: " + "a" * 30000]))[0] == 200
    assert ask(request(BODY, ["X-Big: " + "a" * 40000]))[0] in (431, 413)
    assert ask(request(BODY, ["X-%d: y" % i for i in range(240)]))[0] == 200
    assert ask(request(BODY, ["X-%d: y" % i for i in range(300)]))[0] in (431, 413)
    assert ask(request(BODY, target="/ee/v1/interact?configId=%s&x=%s" % (DS, "y" * 9000)))[0] in (414, 431)
    good()


def test_huge_bodies():
    problem(ask(request(BODY + " " * 70000)), 413)
    with connect() as c:  # announced only: refused before it is read
        c.sendall(request("", ["Expect: 100-continue"]).replace(b"Content-Length: 0", b"Content-Length: 99999999999"))
        problem(read_answer(c.makefile("rb")), 413)
    with connect() as c:  # without end
        c.sendall(request("", ["Transfer-Encoding: chunked"]).replace(b"Content-Length: 0\r\n", b""))
        try:
            for _ in range(400):
                c.sendall(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")
        except OSError:
            pass  # it is cut off
        else:
            answer = read_answer(c.makefile("rb"))
            assert answer is None or answer[0] == 413, answer
    good()


def test_large_events():
    """An audience reads eventType, so the edge keeps it of each event; what clients write there is theirs to choose."""
    views = world.audience(s, "views", 'xEvent[eventType = "view" and timestamp occurs <= 24 hours before now].count() >= 2')
    world.destination(s, "custom", world.CUSTOM_SPEC, DS, [views], [])
    for i in range(8):  # together more than a document may have
        r = E.interact(minimal(query=FETCH, events=[{"xdm": {"eventType": "x" * 60000, "identityMap": {
            "ECID": [{"id": "46116860184273879041234567890123456789"}]}}}]))
        assert r.status == 200, (i, r.status, r.body)
    numbers = minimal(query=FETCH, events=[{"xdm": {"eventType": "NUMBERS"}}])
    body = json.dumps(numbers).replace('"NUMBERS"', "[" + ",".join(["1e14"] * 7000) + "]")
    assert E.interact(body).status == 200  # and four times as long, written out
    s.kill()  # before the edge's table was flushed: the log is folded again
    s.start()
    good()


def test_deep_json():
    for n in (65, 1000, 9000):
        problem(ask(request('{"events":[{"xdm":' + '{"a":' * n + "1" + "}" * n + "}]}")), 400)
        problem(ask(request("[" * n)), 400)
    deep = minimal(events=[{"xdm": json.loads('{"a":' * 50 + "1" + "}" * 50)}])
    assert E.interact(deep).status == 200


def test_strange_json():
    for text in ('{"events":[{"xdm":{"a":1e999}}]}', '{"events":[{"xdm":{"a":NaN}}]}', '{"events":[{"xdm":{"a":1}}]} x',
                 '{"events":[{"xdm":{"a":"\\u0000\\ud800"}}]}', "null", "3", '"x"', "[]", "{"):
        answer = ask(request(text))
        assert 400 <= answer[0] < 500, (text, answer)
    keys = minimal(events=[{"xdm": {"k%d" % i: i for i in range(5000)}}])
    assert E.interact(keys).status in (200, 413)
    assert E.interact(minimal(events=[{"xdm": {"eventType": 5, "identityMap": None, "timestamp": []}}])).status in (200, 400)


def test_control_plane():
    for path in ("/data/core/ups/audiences", "/northpeak/target/offers/content", "/edgewise/datastreams",
                 "/data/foundation/schemaregistry/tenant/schemas", "/data/foundation/catalog/dataSets"):
        for body in ("{", "[" * 1000, "[]", "null", '{"name":3}', "\x00"):
            r = s.rest("POST", path, body)
            assert 400 <= r.status < 500, (path, body[:20], r.status, r.body)
            assert r.json, "an explanation"
    head = request("", ["Authorization: Bearer " + s.token, "Expect: 100-continue"], "/data/core/ups/audiences")
    assert ask(head.replace(b"Content-Length: 0", b"Content-Length: %d" % (2 << 20)))[0] == 413
    for path in ("/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd", "/data/core/ups/audiences/%00", "/data/core/ups/audiences/" + "a" * 5000):
        assert s.rest("GET", path).status in (400, 404, 414), path


# ---- too many ----

def test_1000_idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    idle = [connect() for _ in range(1000)]
    try:
        began = time.monotonic()
        for _ in range(50):
            good()
        assert time.monotonic() - began < 10, "others are served meanwhile"
        for c in idle[::100]:  # and an idle one still may ask
            c.sendall(request(BODY))
            assert read_answer(c.makefile("rb"))[0] == 200
    finally:
        for c in idle:
            c.close()
    good()


def test_memory_does_not_grow():
    """2,000 bad requests of every kind, after as many to warm up."""
    deep, long = "[" * 2000, "x" * 3000
    kinds = [lambda: E.interact("{"), lambda: E.interact(minimal(), ds="nope"), lambda: E.interact(deep),
             lambda: E.interact(BODY + " " * 66000), lambda: E.interact(minimal(events=[])),
             lambda: E.interact(b"\x1f\x8b garbage", headers={"Content-Encoding": "gzip"}),
             lambda: E.consent({"consent": [{"standard": long}]}), lambda: s.call("GET", "/" + long),
             lambda: s.rest("POST", "/data/core/ups/audiences", {"name": "x", "expression": {
                 "type": "PQL", "format": "pql/text", "value": "a" + " and (b" * 200}}),
             lambda: s.rest("GET", "/data/core/ups/access/entities?entityId=" + long)]

    def misbehave(n):
        for i in range(n):
            status = kinds[i % len(kinds)]().status
            assert 400 <= status < 500, (i % len(kinds), status)
    misbehave(2000)
    before = rss_kb()
    misbehave(2000)
    grown = rss_kb() - before
    print("     resident memory grew by %d KB in 2,000 bad requests" % grown)
    assert grown < 6 * 1024, "%d KB" % grown


# ---- a stop in the middle ----

def test_stop_under_load():
    """SIGTERM: what is being answered is answered, the process ends with 0, and what was acknowledged is kept."""
    acknowledged, cut, stop = [], [], threading.Event()
    turn = threading.Condition()

    def client():
        while not stop.is_set():
            rid = str(uuid.uuid4())
            try:
                r = E.interact(minimal(query=FETCH), query={"configId": DS, "requestId": rid})
            except ConnectionRefusedError:
                return
            except OSError:
                cut.append(rid)  # the listener closed before it read the request
                return
            assert r.status in (200, 503), r.body
            with turn:
                if r.status == 200:
                    acknowledged.append(rid)
                turn.notify_all()
    threads = [threading.Thread(target=client) for _ in range(8)]
    for t in threads:
        t.start()
    with turn:
        turn.wait_for(lambda: len(acknowledged) > 200, timeout=60)
    begun = connect()  # a request whose headers are read when the signal comes is let through
    raw = request(BODY, ["Expect: 100-continue"])
    begun.sendall(raw[:-10])
    stream = begun.makefile("rb")
    assert stream.readline().split()[1] == b"100" and stream.readline() == b"\r\n"
    s.process.terminate()
    begun.sendall(raw[-10:])
    assert read_answer(stream)[0] == 200
    assert s.process.wait(timeout=30) == 0
    stop.set()
    for t in threads:
        t.join()
    begun.close()
    s.process.stdout.close()
    s.log.close()
    s.start()
    s.token = None
    stored = {e["requestId"] for e in s.events()}
    lost = [a for a in acknowledged if a + "/0" not in stored]
    assert not lost, "%d of %d" % (len(lost), len(acknowledged))
    assert len(cut) <= len(threads)


def finish():
    return s.close()


if __name__ == "__main__":
    run(sys.modules[__name__])
