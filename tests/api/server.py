"""A running Edgewise for black-box tests: starts the binary in a fresh folder on free ports, speaks HTTP to it, stops it.

Standard library only. EDGEWISE_BIN names the binary (default: the ASan build when it is there, else the release build)."""
import base64
import gzip
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary():
    chosen = os.environ.get("EDGEWISE_BIN")
    if chosen:
        return chosen
    for build in ("dev", "release"):
        path = os.path.join(ROOT, "build", build, "edgewise")
        if os.path.exists(path):
            return path
    raise SystemExit("no binary: build first (make test does)")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.raw = status, headers, body
        if self.header("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.body = body

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return values[0] if values else None

    def headers_of(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def json(self):
        return json.loads(self.body)

    def handles(self, kind):
        return [h for h in self.json["handle"] if h["type"] == kind]

    def payload(self, kind):
        return [item for h in self.handles(kind) for item in h["payload"]]

    def state(self, suffix):
        for item in self.payload("state:store"):
            if item["key"].endswith(suffix):
                return item
        return None

    @property
    def ecid(self):
        for item in self.payload("identity:result"):
            if item["namespace"]["code"] == "ECID":
                return item["id"]
        return None


class Server:
    def __init__(self, *args, data=None, keep=False, env=None):
        self.args, self.keep = list(args), keep
        self.data = data or tempfile.mkdtemp(prefix="edgewise-api-")
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.token = None
        self.start()

    def start(self):
        self.log = open(os.path.join(self.data, "server.log"), "ab")
        self.process = subprocess.Popen(
            [binary(), "serve", "--data", self.data, "--listen", "127.0.0.1:0"] + self.args,
            stdout=subprocess.PIPE, stderr=self.log, env=self.env, text=True)
        self.port = self.tls_port = None
        for line in self.process.stdout:
            if line.startswith("listening on http://"):
                self.port = int(line.rsplit(":", 1)[1])
            if line.startswith("listening on https://"):
                self.tls_port = int(line.rsplit(":", 1)[1])
            if line.strip() == "ready":
                break
        else:
            raise RuntimeError("the server did not start:\n" + self.log_text())
        with open(os.path.join(self.data, "credentials.json")) as f:
            self.credentials = json.load(f)
        self.org = self.credentials["orgId"]
        self.cookie_org = self.org.replace("@", "_", 1)

    def log_text(self):
        with open(os.path.join(self.data, "server.log"), errors="replace") as f:
            return f.read()[-6000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        code = self.process.returncode
        if code != 0:
            sys.stderr.write(self.log_text())
        return code

    def restart(self):
        code = self.stop()
        assert code == 0, "exit code %d" % code
        self.start()

    def close(self):
        code = self.stop()
        if not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)
        return code

    # ---- plain calls ----
    def call(self, method, path, body=None, headers=None, timeout=30):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return Answer(r.status, r.getheaders(), r.read())
        finally:
            c.close()

    # ---- REST of the control plane ----
    def authenticate(self):
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": self.credentials["clientId"],
                                       "client_secret": self.credentials["clientSecret"], "scope": "openid"})
        r = self.call("POST", "/ims/token/v3", form, {"Content-Type": "application/x-www-form-urlencoded"})
        assert r.status == 200, (r.status, r.body)
        self.token = r.json["access_token"]

    def rest(self, method, path, body=None, headers=None, expect=None):
        if self.token is None:
            self.authenticate()
        h = {"Authorization": "Bearer " + self.token, "x-api-key": self.credentials["clientId"],
             "x-gw-ims-org-id": self.org, "x-sandbox-name": self.credentials["sandbox"]}
        if body is not None:
            h["Content-Type"] = "application/json"
        h.update(headers or {})
        r = self.call(method, path, body, h, timeout=120)
        if expect is not None:
            assert r.status == expect or (expect == 2 and 200 <= r.status < 300), (method, path, r.status, r.body[:600])
        return r

    def drain(self):
        self.rest("GET", "/edgewise/drain", expect=2)

    def metric(self, name):
        for line in self.call("GET", "/metrics").body.decode().splitlines():
            if line.startswith("edgewise_" + name + " "):
                return float(line.split()[-1])
        return None

    def topic(self, name, partition=0):
        """What the files say. What was accepted reaches them some milliseconds later, so the server is asked to see to it."""
        if self.process.poll() is None and "edge" not in self.args:
            self.drain()
        out = subprocess.run([binary(), "log", "dump", name, "--data", self.data, "--partition", str(partition)],
                             capture_output=True, text=True, check=True)
        return [json.loads(line) for line in out.stdout.splitlines()]

    def events(self):
        """Stored event hits, oldest first."""
        return [r["value"] for r in self.topic("collect") if r["value"]["kind"] == "event"]


# ---- edge calls ----
def minimal(**more):
    body = {"events": [{"xdm": {"eventType": "t"}}], "meta": {"state": {"domain": "shop.test", "cookiesEnabled": True}}}
    body.update(more)
    return body


FETCH = {"identity": {"fetch": ["ECID"]}}
SCHEMAS = ["https://ns.adobe.com/personalization/" + s for s in
           ("default-content-item", "html-content-item", "json-content-item", "redirect-item", "ruleset-item",
            "message/in-app", "message/content-card", "dom-action")]


def decode_identity(value):
    """The ECID (field 1) of an identity cookie, and its fields by number."""
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    fields, i = {}, 0

    def varint():
        nonlocal i
        v = shift = 0
        while True:
            b = raw[i]
            i += 1
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v
    while i < len(raw):
        tag = varint()
        if tag & 7 == 2:
            n = varint()
            fields[tag >> 3] = raw[i:i + n]
            i += n
        else:
            fields[tag >> 3] = varint()
    return fields[1].decode(), fields


def encode_identity(ecid, write_time, created=1735689600000):
    def varint(v):
        out = b""
        while v > 127:
            out += bytes([v & 127 | 128])
            v >>= 7
        return out + bytes([v])
    meta = b"\x08" + varint(created) + b"\x10\x01\x18\x01\x2a\x03OR2"
    raw = b"\x0a\x26" + ecid.encode() + b"\x52" + varint(len(meta)) + meta + b"\xf0\x01" + varint(write_time)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def notices_of(hit):
    """A hit's notices; a number stands for a display of the decision of that index (docs/formats/hit.md)."""
    return [n if isinstance(n, dict) else dict(hit["decisions"][n], type="display") for n in hit.get("notices", [])]


class Edge:
    """The edge of a server as a client of one datastream sees it."""

    def __init__(self, server, datastream, host="edge.example.test", origin="https://www.shop.test"):
        self.server, self.ds, self.host, self.origin = server, datastream, host, origin

    def post(self, action, body, ds=None, headers=None, path=None, query=None, base="/ee/v1/"):
        q = {"configId": self.ds if ds is None else ds, "requestId": str(uuid.uuid4())}
        if query is not None:
            q = query
        h = {"Content-Type": "text/plain; charset=UTF-8", "Host": self.host, "Origin": self.origin,
             "Referer": self.origin + "/"}
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        return self.server.call("POST", (path or base + action) + "?" + urllib.parse.urlencode(q), body, h)

    def interact(self, body, **kw):
        return self.post("interact", body, **kw)

    def collect(self, body, **kw):
        return self.post("collect", body, **kw)

    def acquire(self, body, **kw):
        return self.post("identity/acquire", body, **kw)

    def consent(self, body, **kw):
        return self.post("privacy/set-consent", body, **kw)


class Visitor:
    """Keeps state entries like the SDK does."""

    def __init__(self, edge, identity_map=None):
        self.edge, self.entries, self.identity_map, self.ecid = edge, {}, identity_map, None

    def send(self, xdm=None, scopes=None, data=None, action="interact", schemas=SCHEMAS):
        event = {"xdm": dict(xdm or {"eventType": "web.webpagedetails.pageViews"})}
        if self.identity_map:
            event["xdm"]["identityMap"] = self.identity_map
        if data is not None:
            event["data"] = data
        if scopes is not None:
            event["query"] = {"personalization": {"decisionScopes": scopes, "schemas": schemas}}
        body = minimal(events=[event], query=FETCH)
        body["meta"]["state"]["entries"] = [{"key": k, "value": v} for k, v in self.entries.items()]
        r = self.edge.post(action, body)
        if r.status == 200:
            for item in r.payload("state:store"):
                self.entries[item["key"]] = item["value"]
            self.ecid = r.ecid or self.ecid
        return r


def run(module):
    """Runs every function named test_* of a module in order; prints names; ends with the count."""
    names = [n for n in vars(module) if n.startswith("test_")]
    chosen = sys.argv[1:]
    passed = failed = 0
    for name in names:
        if chosen and not any(c in name for c in chosen):
            continue
        try:
            getattr(module, name)()
            passed += 1
            print("ok  ", name, flush=True)
        except Exception as e:  # a test that breaks is a failed test
            failed += 1
            import traceback
            print("FAIL", name, "".join(traceback.format_exception(e))[-1500:], flush=True)
    finish = getattr(module, "finish", None)
    if finish and finish() not in (0, None):
        failed += 1
        print("FAIL the server did not end cleanly", flush=True)
    print("%d passed, %d failed" % (passed, failed), flush=True)
    sys.exit(1 if failed or not passed else 0)
