#!/usr/bin/env python3
"""What a decision knows of a request, for both ways in: the delivery API and the Edge Network give the same visitor the same
experience when they say the same [TARGET 1.12]."""
import sys
import time

import world
from delivery_world import NOW, V3, World
from server import FETCH, SCHEMAS, Edge, minimal, run

V1 = {k: v.replace("v3", "v1") for k, v in V3.items()}
JSON = {"Content-Type": "application/json"}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36"

w = E = None
ids = iter(range(1, 10 ** 6))


def setup():
    global w, E
    w = World()
    w.clock(NOW)
    E = Edge(w.s, world.datastream(w.s, "context", world.web_dataset(w.s)))


def finish():
    return w.close()


def ecid():
    return "%038d" % (7 * 10 ** 37 + next(ids))


def content(offer_text):
    return w.offer("content", content=offer_text)


def targeted(name, *rules):
    """An activity at a location of its own: the first rule that holds shows its number, from 0; else nothing is shown."""
    w.activity("xt", 20000 + next(ids), [(None, content(str(i)), [w.audience(rule)]) for i, rule in enumerate(rules)], name)


def delivered(who, name, context=None, headers=None, session=None, **body):
    body = dict({"id": {"marketingCloudVisitorId": who}, "context": dict({"channel": "web"}, **(context or {})),
                 "execute": {"mboxes": [{"index": 0, "name": name}]}}, **body)
    mbox = w.ask(body, session=session, headers=dict(JSON, **(headers or {})))["execute"]["mboxes"][0]
    return mbox["options"][0]["content"] if "options" in mbox else None


def sent(who, xdm=None, scopes=(), headers=None, data=None, entries=(), edge=None):
    event = {"xdm": dict({"eventType": "web.webpagedetails.pageViews",
                          "identityMap": {"ECID": [{"id": who, "primary": True}]}}, **(xdm or {}))}
    if data is not None:
        event["data"] = data
    if scopes:
        event["query"] = {"personalization": {"decisionScopes": list(scopes), "schemas": SCHEMAS}}
    body = minimal(events=[event], query=FETCH)
    body["meta"]["state"]["entries"] = list(entries)
    r = (edge or E).interact(body, headers=headers)
    assert r.status == 200, (r.status, r.body)
    return r


def content_of(answer):
    items = [i for p in answer.payload("personalization:decisions") for i in p["items"]]
    return items[0]["data"].get("content") if items else None


def shown(who, name, xdm=None, headers=None, **more):
    return content_of(sent(who, xdm, [name], headers, **more))


def page(url, referrer=None):
    out = {"web": {"webPageDetails": {"URL": url, "pageViews": {"value": 1}}}}
    if referrer is not None:
        out["web"]["webReferrer"] = {"URL": referrer}
    return out


def both(name, expected, context, xdm=None, headers=None):
    """One visitor, who asks by both interfaces, the one and the other first."""
    for first in (True, False):
        who = ecid()
        ways = [lambda: delivered(who, name, context), lambda: shown(who, name, xdm, headers)]
        answers = [way() for way in (ways if first else reversed(ways))]
        assert answers == [expected, expected], (name, context, xdm, headers, answers if first else answers[::-1])


# ---- the browser ----

def test_screens():
    targeted("screen", {"mobile": "screenWidth", "equals": ["390"]}, {"mobile": "screenHeight", "greaterThan": [1000]})
    for expected, width, height in (("0", 390, 844), ("1", 1440, 1200), (None, 1440, 900)):
        both("screen", expected, {"screen": {"width": width, "height": height}},
             {"device": {"screenWidth": width, "screenHeight": height}})
    both("screen", None, {}, {"device": {"screenOrientation": "portrait"}})


def test_client_hints_of_headers():
    targeted("hints", {"browser": "type", "equals": ["edge"]}, {"mobile": "deviceModel", "equals": ["pixel 7"]},
             {"mobile": "isMobilePhone", "equals": ["true"]}, {"browser": "version", "equals": ["121"]},
             {"platform": "mac", "equals": ["true"]})
    brands = '"Chromium";v="%s", "%s";v="%s", "Not?A_Brand";v="24"'
    edge = brands % ("120", "Microsoft Edge", "120")
    chrome = brands % ("121.0.1.2", "Google Chrome", "121.0.1.2")
    for expected, agent, hints, headers in (
            ("0", CHROME, {"browserUAWithMajorVersion": edge}, {"Sec-CH-UA": edge}),
            ("1", PHONE, {"model": "Pixel 7"}, {"Sec-CH-UA-Model": '"Pixel 7"'}),
            ("2", CHROME, {"mobile": True, "platform": "Android"}, {"Sec-CH-UA-Mobile": "?1", "Sec-CH-UA-Platform": '"Android"'}),
            (None, PHONE, {"mobile": False, "platform": "Windows"}, {"Sec-CH-UA-Mobile": "?0", "Sec-CH-UA-Platform": '"Windows"'}),
            ("3", CHROME, {"browserUAWithFullVersion": chrome}, {"Sec-CH-UA-Full-Version-List": chrome}),
            ("4", CHROME, {"platform": "macOS"}, {"Sec-CH-UA-Platform": ' "macOS" '}),
            (None, CHROME, {}, {"Sec-CH-UA-Platform": "", "Sec-CH-UA": ""})):
        both("hints", expected, {"userAgent": agent, "clientHints": hints}, headers=dict(headers, **{"User-Agent": agent}))


def test_client_hints_of_the_page_win():
    targeted("model", {"mobile": "deviceModel", "equals": ["pixel 7"]})
    hints = {"architecture": "arm", "bitness": "64", "model": "Pixel 7", "platformVersion": "14.0.0", "wow64": False}
    xdm = {"environment": {"browserDetails": {"userAgentClientHints": hints}}}
    for headers in ({}, {"Sec-CH-UA-Model": '"SM-G991B"'}):
        both("model", "0", {"userAgent": PHONE, "clientHints": {"model": "Pixel 7"}}, xdm, dict(headers, **{"User-Agent": PHONE}))
    xdm["environment"]["browserDetails"]["userAgentClientHints"] = {"model": 7}
    both("model", None, {"userAgent": PHONE}, xdm, {"User-Agent": PHONE})


def test_a_server_that_sends_events_says_whose_browser_it_is():
    targeted("agent", {"and": [{"browser": "type", "equals": ["chrome"]}, {"browser": "language", "equals": ["de-DE"]}]})
    details = {"userAgent": CHROME, "acceptLanguage": "de-DE,de;q=0.9"}
    both("agent", "0", {"userAgent": CHROME, "browser": {"language": "de-DE"}}, {"environment": {"browserDetails": details}},
         {"User-Agent": "curl/8", "Accept-Language": "en"})
    both("agent", "0", {"userAgent": CHROME, "browser": {"language": "de-DE"}}, None,
         {"User-Agent": CHROME, "Accept-Language": "de-DE,de;q=0.9"})


def test_a_place_that_is_said():
    targeted("said", {"and": [{"geo": "region", "equals": ["ca"]}, {"geo": "city", "equals": ["san jose"]}]},
             {"and": [{"geo": "country", "matches": ["norway"]}, {"geo": "zip", "equals": ["0150"]}]})
    both("said", "0", {"geo": {"countryCode": "US", "stateCode": "CA", "city": "San Jose"}},
         {"placeContext": {"geo": {"countryCode": "US", "stateProvince": "US-CA", "city": "San Jose"}}})
    both("said", "1", {"geo": {"countryCode": "NO", "zip": "0150"}},
         {"placeContext": {"geo": {"countryCode": "NO", "postalCode": "0150", "_schema": {"latitude": 59.91, "longitude": 10.75}}}})
    who = ecid()
    assert shown(who, "said", {"placeContext": {"geo": {"countryCode": "NO", "postalCode": "0150"}}}) == "1"
    assert shown(who, "said") == "1", "a session keeps it"


# ---- environments ----

def environment(name, **more):
    return w.rest("POST", "/environments", dict({"name": name}, **more), headers=V1).json["id"]


def draft(name):
    return w.activity("ab", 20000 + next(ids), [(100, content("draft"))], name, state="saved")


def test_086_drafts_on_a_host_whose_environment_serves_them():
    stage, quiet = environment("ctx-stage", serveInactiveActivities=True), environment("ctx-quiet")
    w.rest("PUT", "/hosts/ctx-stage.shop.test", {"environmentId": stage}, headers=V1)
    w.rest("PUT", "/hosts/ctx-quiet.shop.test", {"environmentId": quiet}, headers=V1)
    draft("ctxDraft")
    for expected, host in (("draft", "ctx-stage.shop.test"), (None, "ctx-quiet.shop.test"), (None, "ctx-new.shop.test"),
                           ("draft", "CTX-Stage.Shop.TEST")):
        url = "https://%s/page" % host
        both("ctxDraft", expected, {"address": {"url": url}}, page(url))
    assert delivered(ecid(), "ctxDraft", {"browser": {"host": "Ctx-STAGE.shop.test"}}) == "draft"


def test_a_host_that_was_never_saved():
    new = environment("ctx-new", serveInactiveActivities=True)
    draft("ctxNew")
    unset = w.rest("GET", "/environments/defaults", headers=V1).json
    url = "https://ctx-never-saved.shop.test/"
    who = ecid()
    assert shown(who, "ctxNew", page(url)) is None
    w.rest("PUT", "/environments/defaults", dict(unset, newHostEnvironmentId=new), headers=V1)
    try:
        both("ctxNew", "draft", {"address": {"url": url}}, page(url))
        both("ctxNew", None, {"address": {"url": "https://ctx-quiet.shop.test/"}}, page("https://ctx-quiet.shop.test/"))
        both("ctxNew", None, {})  # no host is no new one
        w.s.drain()
        hosts = {h["name"]: h["environmentId"] for h in w.rest("GET", "/hosts?limit=1000", headers=V1).json["hosts"]}
        assert hosts["ctx-never-saved.shop.test"] == new, hosts
        assert hosts["ctx-quiet.shop.test"] != new and "CTX-Stage.Shop.TEST" not in hosts, hosts
    finally:
        w.rest("PUT", "/environments/defaults", unset, headers=V1)
    both("ctxNew", None, {"address": {"url": url}}, page(url))


def test_hosts_that_may_ask_are_named_in_any_case():
    try:
        w.rest("PUT", "/authorizedHosts", {"authorizedMboxHostsConstraint": {"contains": ["Shop.test"]},
                                           "blockedMboxHostsConstraint": {"contains": ["EVIL"]}}, headers=V1)
        for status, host in ((200, "www.shop.test"), (200, "WWW.SHOP.TEST"), (403, "evil.shop.test"), (403, "www.other.test")):
            r = w.post({"context": {"channel": "web", "address": {"url": "https://%s/" % host}},
                        "execute": {"mboxes": [{"index": 0, "name": "any"}]}})
            assert r.status == status, (host, r.status, r.body)
    finally:
        w.rest("PUT", "/authorizedHosts", {}, headers=V1)


# ---- engagement: what the visitor's request before has to do with it ----

def engaging(kind):
    name = "ctx_%s_%d" % (kind, next(ids))
    goal = {"metricLocalId": 32767, "name": "Goal", "engagement": kind, "action": {"type": "always_convert"}}
    return name, w.activity("ab", 20000 + next(ids), [(100, content("x"))], name, metrics=[goal])


def clock(day, second):
    w.clock("2027-03-%02dT12:%02d:%02dZ" % (day, second // 60, second % 60))


def engagement(activity):
    """What each request brought, in order, by visitor. The clock runs on between them: less than half a second is none."""
    w.s.drain()
    out = {}
    for r in w.s.topic("collect"):
        ecids = [i["id"] for i in r["value"].get("identityMap", {}).get("ECID", [])]
        for n in r["value"].get("notices", []):
            if isinstance(n, dict) and n.get("type") == "convert" and n["activity"] == str(activity):
                if n["value"] >= 0.5:
                    out.setdefault(ecids[0], []).append(round(n["value"]))
    return out


def recounted(activity, kind):
    goal = {"metricLocalId": 32767, "name": "Goal", "engagement": kind, "action": {"type": "always_convert"}}
    job = w.s.rest("POST", "/edgewise/recounts", {"activityId": activity, "metrics": [goal]}, expect=2).json["id"]
    end = time.time() + 60
    while True:
        answer = w.s.rest("GET", "/edgewise/recounts/" + job, expect=2).json
        if answer["state"] not in ("NEW", "RUNNING"):
            return answer["rows"][0]["metrics"]
        assert time.time() < end, answer
        time.sleep(0.02)


def test_engagement_of_a_visit():
    """Shown at once, then pages after 10 and 25 seconds; half an hour later another visit begins, and goes on for 5."""
    for day, kind, expected in ((10, "time_on_site", [10, 15, 5]), (11, "page_count", [1, 1, 1]), (12, "score", [2, 2, 2])):
        name, activity = engaging(kind)
        asker, page_of = ecid(), ecid()
        value = {"mboxPageValue": "2"}
        for second in (0, 10, 25, 3000, 3005):
            clock(day, second)
            assert delivered(asker, name, session="eng-%s-%d" % (kind, second // 1000),
                             execute={"mboxes": [{"index": 0, "name": name, "parameters": value}]}) == "x"
            answer = sent(page_of, scopes=[name], data={"__adobe": {"target": value}})
            assert content_of(answer) == "x"
            sent(page_of, {"eventType": "decisioning.propositionDisplay", "_experience": {"decisioning": {
                "propositions": answer.payload("personalization:decisions"), "propositionEventType": {"display": 1}}}})
        got = engagement(activity)
        assert got == {asker: expected, page_of: expected}, (kind, got)
        if kind == "page_count":
            assert [m["revenue"] for m in recounted(activity, kind)] == [6], "counted anew, it is the same"


def test_time_goes_on_between_pages():
    name, activity = engaging("time_on_site")
    pages, paging = engaging("page_count")
    who = ecid()
    for second in (0, 10, 25):
        clock(13, second)
        answer = sent(who, scopes=[name, pages]) if second == 0 else sent(who, {"eventType": "web.webinteraction.linkClicks"})
        if second == 0:
            sent(who, {"eventType": "decisioning.propositionDisplay", "_experience": {"decisioning": {
                "propositions": answer.payload("personalization:decisions"), "propositionEventType": {"display": 1}}}})
    assert engagement(activity) == {who: [10, 15]}, engagement(activity)
    assert engagement(paging) == {}, "a click is no page"


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
