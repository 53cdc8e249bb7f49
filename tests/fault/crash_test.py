#!/usr/bin/env python3
"""kill -9 at random moments under load, a torn log, a full disk: what was acknowledged is there, once, and everything else is a
fold of it. With one process; split_test.py does it with two."""
import glob
import os
import random
import resource
import sys
import time
import uuid

from scene import EVENTS_A_ROUND, ROUNDS, SEED, Scene, event_ids
from server import FETCH, Edge, Server, minimal, run

s = Server()
scene = Scene(s)
load, DS, send_one = scene.load, scene.ds, scene.send_one


def test_kill_under_load():
    rng = random.Random(SEED)
    load.begin()
    for _ in range(ROUNDS):
        load.wait_more(rng.randrange(1, EVENTS_A_ROUND))
        scene.save_audience()
        time.sleep(rng.random() * 0.2)  # somewhere in the sweep; windows end all the time
        load.up.clear()
        s.kill()
        scene.check_after_kill()
        s.start()
        load.starts += 1
        load.up.set()
    load.end()
    print("     %d kills, %d answers" % (ROUNDS, len(load.acknowledged)))


def count(pql):
    """Over all profiles, by the vectorised evaluator."""
    one = s.rest("POST", "/data/core/ups/preview", {"predicateExpression": pql, "predicateType": "pql/text",
                 "predicateModel": "_xdm.context.profile", "graphType": "none"}, expect=201).json["previewId"]
    for _ in range(1000):
        r = s.rest("GET", "/data/core/ups/estimate/" + one, expect=200).json
        if r["state"] == "RESULT_READY":
            return r["estimatedSize"]
        time.sleep(0.02)
    raise AssertionError(r)


def test_kill_during_a_backfill():
    """Audiences come, change and go, and the server is killed while it brings profiles up to date with them."""
    rng, made = random.Random(SEED + 1), {}

    def save(name, pql):
        body = {"name": name, "type": "SegmentDefinition", "lifecycleState": "published",
                "expression": {"type": "PQL", "format": "pql/text", "value": pql},
                "schema": {"name": "_xdm.context.profile"}}
        path = "/data/core/ups/audiences"
        if name in made:
            s.rest("PUT", path + "/" + made[name][0], body, expect=2)
            made[name] = (made[name][0], pql)
        else:
            made[name] = (s.rest("POST", path, body, expect=2).json["id"], pql)

    for i in range(3 * ROUNDS):
        save("backfill %d" % (i % ROUNDS), 'xEvent[eventType = "%s"].count() %s %d' % (
            rng.choice(["view", "commerce.purchases"]), rng.choice([">=", "<"]), rng.randrange(1, 9)))
        if rng.random() < 0.2:
            gone = rng.choice(sorted(made))
            s.rest("DELETE", "/data/core/ups/audiences/" + made.pop(gone)[0], expect=2)
        time.sleep(rng.random() * 0.01)
        s.kill()
        s.start()
        s.token = None
    s.drain()
    assert s.rest("GET", "/edgewise/sweep", expect=200).json == {"active": False, "done": 0, "total": 0}
    for name, (audience, pql) in made.items():
        size = s.rest("GET", "/edgewise/audiences/%s/size" % audience, expect=200).json["size"]
        assert size == count(pql), (name, pql, size)
        s.rest("DELETE", "/data/core/ups/audiences/" + audience, expect=2)
    s.drain()


def test_acknowledged_events_are_in_the_log_once():
    scene.check_log()


def test_profiles_have_exactly_their_events():
    scene.check_profiles()


def test_results_equal_the_log():
    scene.check_results()


def test_assignments_are_unchanged():
    scene.change_allocation()
    scene.check_assignments(s)


def test_a_fold_from_scratch_gives_the_same():
    scene.check_fold_from_scratch()


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
    segments = [f for f in files if os.path.isfile(f) and os.path.getsize(f) > 0 and
                os.path.basename(f) not in ("lock", "ring")]
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


def test_035_full_disk():
    """No file may grow any more (RLIMIT_FSIZE: EFBIG is treated like ENOSPC): a clear 503, nothing acknowledged is lost, and
    work goes on when there is space again."""
    acknowledged, refused = [], None
    _, hard = resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(s.process.pid, resource.RLIMIT_FSIZE, (os.path.getsize(newest_segment()) + 4000, hard))
    deadline = time.monotonic() + 30  # appends land in the ring: a flush finds out, when the syncs before it are done
    while time.monotonic() < deadline:
        began = time.monotonic()
        rid, r = send_one("filling")
        assert time.monotonic() - began < 5, "an answer within the SDKs' patience [EDGE 7.4]"
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
