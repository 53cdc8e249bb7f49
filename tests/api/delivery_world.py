"""The fixture of the Target checklist [TARGET 12]: client acme, its activities, and calls of the delivery API."""
import json
import os
import shutil
import tempfile
import uuid

from server import Server

T0 = "0123456789abcdef0123456789abcdef"
T1 = "338e3c1e51f7416a8e1ccba4f81acea0"
T2 = "84e8d0e211054f18af365d65f45e902b"
E1 = "07327024324407615852294135870030620007"
P1 = "B234A029348"
NOW = "2027-03-09T12:00:00Z"  # a Tuesday, as the list has it, and ahead of the machine's clock
V3 = {"Content-Type": "application/vnd.adobe.target.v3+json", "Accept": "application/vnd.adobe.target.v3+json"}


def metric(mbox, action="count_once", **more):
    return dict({"metricLocalId": 32767, "name": "Goal", "conversion": True, "action": {"type": action},
                 "mboxes": [{"name": mbox, "successEvent": "mbox_shown"}]}, **more)


class World:
    """A server with the fixture; fresh() gives another one on a copy of its data, with no visitors."""

    def __init__(self, data=None, args=()):
        self.args = ["--emulator"] + list(args)
        if data is None:
            data = tempfile.mkdtemp(prefix="edgewise-target-")
            first = Server(*self.args, data=data, keep=True)
            first.stop()
            credentials = dict(first.credentials, tenant="acme")
            shutil.rmtree(data)
            os.makedirs(data)
            with open(os.path.join(data, "credentials.json"), "w") as f:
                json.dump(credentials, f)
            os.chmod(os.path.join(data, "credentials.json"), 0o600)
        self.s = Server(*self.args, data=data)
        self.sessions = 0

    def clock(self, now):
        r = self.s.call("POST", "/emulator/clock", {"now": now})
        assert r.status == 200, (r.status, r.body)

    # ---- control plane ----
    def rest(self, method, path, body=None, expect=2, headers=None):
        return self.s.rest(method, "/acme/target" + path, body, headers=headers or V3, expect=expect)

    def offer(self, kind, id=None, **members):
        path = "/offers/%s" % kind + ("?id=%d" % id if id else "")
        body = dict({"name": "offer %s" % uuid.uuid4().hex[:6]}, **members)
        h = {"Content-Type": "application/vnd.adobe.target.v2+json", "Accept": "application/vnd.adobe.target.v2+json"}
        return self.rest("POST", path, body, headers=h).json["id"]

    def audience(self, rule, id=None):
        path = "/audiences" + ("?id=%d" % id if id else "")
        return self.rest("POST", path, {"name": "audience %s" % uuid.uuid4().hex[:6], "targetRule": rule}).json["id"]

    def activity(self, kind, id, experiences, mbox=None, **more):
        """experiences: list of (percent or None, offer id, audience ids)."""
        body = {"name": "Activity %d" % id, "state": "approved", "priority": 5,
                "options": [{"optionLocalId": i, "name": "option %d" % i, "offerId": e[1]} if not isinstance(e[1], list)
                            else {"optionLocalId": i, "name": "option %d" % i, "offerTemplates": e[1]}
                            for i, e in enumerate(experiences)],
                "locations": {"mboxes": [{"locationLocalId": 0, "name": mbox}]} if mbox else {},
                "experiences": [], "metrics": [metric("orderConfirm")]}
        for i, e in enumerate(experiences):
            x = {"experienceLocalId": i, "name": "experience %d" % i,
                 "optionLocations": [{"locationLocalId": 0, "optionLocalId": i}]}
            if e[0] is not None:
                x["visitorPercentage"] = e[0]
            if len(e) > 2:
                x["audienceIds"] = e[2]
            body["experiences"].append(x)
        body.update(more)
        return self.rest("POST", "/activities/%s?id=%d" % (kind, id), body).json["id"]

    # ---- delivery ----
    def session(self):
        self.sessions += 1
        return "s%d" % self.sessions

    def post(self, body, query=None, headers=None, session=None, raw=None):
        q = query if query is not None else "client=acme&sessionId=%s" % (session or self.session())
        text = raw if raw is not None else json.dumps(dict({"context": {"channel": "web"}}, **body))
        return self.s.call("POST", "/rest/v1/delivery?" + q, text,
                           headers or {"Content-Type": "application/json"})

    def ask(self, body, **kw):
        r = self.post(body, **kw)
        assert r.status == 200, (r.status, r.body)
        return r.json

    def mbox(self, name, id=None, parameters=None, session=None, **more):
        """One executed mbox: its item in the answer."""
        m = dict({"index": 0, "name": name}, **more.pop("details", {}))
        if parameters is not None:
            m["parameters"] = parameters
        body = dict({"execute": {"mboxes": [m]}}, **more)
        if id is not None:
            body["id"] = id
        return self.ask(body, session=session)["execute"]["mboxes"][0]

    def content(self, *args, **kw):
        """The content of the only option, None without options."""
        options = self.mbox(*args, **kw).get("options")
        if options is None:
            return None
        assert len(options) == 1, options
        return options[0].get("content")

    def close(self):
        return self.s.close()


def set_text(selector, text):
    return [{"offerTemplateId": "setText", "templateParameters": [{"name": "selector", "value": selector},
                                                                  {"name": "content", "value": text}]}]


def build(w):
    """The activities of the checklist's table."""
    a, b = w.offer("json", 701, content={"v": "A"}), w.offer("json", 702, content={"v": "B"})
    html = {t: w.offer("content", content=t) for t in
            ("a0", "a1", "a2", "x0", "x1", "gold", "us", "hi", "lo", "p", "q", "d", "f", "old")}
    click = {"metricLocalId": 3, "name": "Click", "action": {"type": "count_once"},
             "mboxes": [{"name": "hero", "successEvent": "mbox_clicked"}]}
    w.activity("ab", 1001, [(50, a), (50, b)], "hero", metrics=[metric("orderConfirm"), click])
    w.activity("ab", 2001, [(34, html["a0"]), (33, html["a1"]), (33, html["a2"])], "tri")
    w.activity("ab", 3001, [(50, html["x0"]), (50, html["x1"])], "part", entryConstraint={"visitorPercentage": 20})
    gold = w.audience({"mbox": "tier", "equals": ["gold"]}, 11)
    us = w.audience({"geo": "country", "matches": ["us"]}, 12)
    vip = w.audience({"mbox": "vip", "equals": ["1"]}, 13)
    w.activity("xt", 4001, [(None, html["gold"], [gold]), (None, html["us"], [us])], "xt")
    w.activity("xt", 4101, [(None, html["hi"], [vip])], "clash", priority=100)
    w.activity("xt", 4102, [(None, html["lo"])], "clash", priority=50)
    page = {"selectors": [{"locationLocalId": 0, "name": "t", "selector": "#t", "selectorVersion": 1}]}
    buy = {"metricLocalId": 4, "name": "Buy", "action": {"type": "count_once"},
           "clickTrackSelectors": [{"selector": "#buy", "selectorVersion": 1}]}
    w.activity("ab", 5001, [(100, set_text("#t", "low"))], locations=page)
    w.activity("ab", 5002, [(100, set_text("#t", "high"))], locations=page, priority=9,
               metrics=[metric("orderConfirm"), buy])
    prop = w.rest("POST", "/properties", {"name": "P", "channel": "web"},
                  headers={"Content-Type": "application/json"}).json
    w.property = prop["token"]
    w.activity("ab", 6001, [(100, html["p"])], "prop", propertyIds=[prop["id"]])
    w.activity("ab", 7001, [(100, html["q"])], "a4t", reportingSource="analytics",
               metrics=[{"metricLocalId": 32767, "name": "Click", "action": {"type": "count_once"},
                         "mboxes": [{"name": "a4t", "successEvent": "mbox_clicked"}]}])
    w.activity("ab", 8001, [(100, set_text("#v", "view"))],
               locations={"selectors": [{"locationLocalId": 0, "name": "v", "selector": "#v", "selectorVersion": 1,
                                         "viewLocalId": 0}]}, views=[{"viewLocalId": 0, "name": "home"}],
               metrics=[metric("orderConfirm"), dict(buy, clickTrackSelectors=[{"selector": "#v", "selectorVersion": 1}])])
    w.activity("ab", 9001, [(100, html["d"])], "draft", state="saved")
    w.activity("ab", 9002, [(100, html["f"])], "future", startsAt="2027-04-01T00:00:00Z")
    w.activity("ab", 9003, [(100, html["old"])], "past", endsAt="2027-03-01T00:00:00Z")
    w.activity("ab", 9101, [(100, w.offer("redirect", content="https://www.example.com/b"))], "go")
    w.activity("ab", 9102, [(100, w.offer("dynamic", content="https://offers.example.com/x"))], "remote")
    w.activity("ab", 9103, [(100, 0)], "ctl")
    w.activity("ab", 9104, [(100, w.offer("content",
                                          content='Hi ${profile.name default="you"} ${campaign.name}'))], "tok")
    return w
