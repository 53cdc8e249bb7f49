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
