#!/usr/bin/env python3
"""What a decision knows of a request, for both ways in: the delivery API and the Edge Network give the same visitor the same
experience when they say the same [TARGET 1.12]."""
import json
import sys
import time
import urllib.parse

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


# ---- QA mode [TARGET 1.6] ----

def token(activity, only=False):
    path = "/activities/%d/qa%s" % (activity, "?listedActivitiesOnly=true" if only else "")
    return w.rest("GET", path, headers=V1).json["qaMode"]["token"]


def link(mode):
    """As links are written."""
    q = [("at_preview_token", mode["token"])]
    for p in mode.get("previewIndexes", []):
        q.append(("at_preview_index", "_".join(str(p[k]) for k in ("activityIndex", "experienceIndex") if k in p)))
    if "listedActivitiesOnly" in mode:
        q.append(("at_preview_listed_activities_only", "true" if mode["listedActivitiesOnly"] else "false"))
    for word in ("True", "False"):
        if "evaluateAs%sAudienceIds" % word in mode:
            q.append(("at_preview_evaluate_as_%s_audience_ids" % word.lower(),
                      "_".join(map(str, mode["evaluateAs%sAudienceIds" % word]))))
    return "https://www.shop.test/qa?a=b&" + urllib.parse.urlencode(q) + "#x"


def in_qa(name, mode):
    """What it is shown by each way in; all the same. A link cannot say bypassEntryAudience."""
    cookie = json.dumps(mode)
    first_party = Edge(w.s, E.ds, host="www.shop.test")
    ways = {"delivery": lambda who: delivered(who, name, qaMode=mode),
            "entry": lambda who: shown(who, name, entries=[{"key": "at_qa_mode", "value": cookie}]),
            "cookie": lambda who: shown(who, name, edge=first_party,
                                        headers={"Cookie": "at_qa_mode=" + urllib.parse.quote(cookie)})}
    if "bypassEntryAudience" not in mode:
        ways["link"] = lambda who: shown(who, name, page(link(mode)))
    answers = {way: ask(ecid()) for way, ask in ways.items()}
    assert len(set(answers.values())) == 1, (name, mode, answers)
    return answers["delivery"]


def previews(*indexes):
    return [dict(zip(("activityIndex", "experienceIndex"), i)) for i in indexes]


def qa_test(name, state="saved", **more):
    return w.activity("ab", 20000 + next(ids), [(100, content("a")), (0, content("b"))], name, state=state, **more)


def test_110_links_show_what_is_not_live():
    t = token(qa_test("qaDraft"))
    assert in_qa("qaDraft", {"token": t}) == "a"
    assert in_qa("qaDraft", {"token": t, "previewIndexes": previews((1, 2))}) == "b"
    assert in_qa("qaDraft", {"token": t, "previewIndexes": previews((1,))}) == "a"
    assert in_qa("qaDraft", {"token": t, "previewIndexes": previews((1, 3), (2, 2))}) == "a", "there is none such"
    assert shown(ecid(), "qaDraft") is None


def test_111_nothing_else_beside_the_link():
    t, live = token(qa_test("qaDraft2")), qa_test("qaLive", state="approved")
    assert in_qa("qaLive", {"token": t}) == "a"
    assert in_qa("qaLive", {"token": t, "listedActivitiesOnly": False}) == "a"
    assert in_qa("qaLive", {"token": t, "listedActivitiesOnly": True}) is None
    assert in_qa("qaLive", {"token": token(live, only=True)}) == "a"


def test_112_audiences_of_links():
    yes, no = (w.audience({"mbox": m, "equals": ["1"]}) for m in ("qaYes", "qaNo"))
    xt = w.activity("xt", 20000 + next(ids), [(None, content("yes"), [yes]), (None, content("no"), [no])], "qaAudience")
    t = token(xt)
    assert in_qa("qaAudience", {"token": t}) is None
    assert in_qa("qaAudience", {"token": t, "evaluateAsTrueAudienceIds": [no]}) == "no"
    assert in_qa("qaAudience", {"token": t, "evaluateAsTrueAudienceIds": [str(yes), no]}) == "yes"
    assert in_qa("qaAudience", {"token": t, "evaluateAsTrueAudienceIds": [yes, no], "evaluateAsFalseAudienceIds": [yes]}) == "yes"
    assert in_qa("qaAudience", {"token": t, "evaluateAsFalseAudienceIds": [yes]}) is None


def test_who_may_enter_a_link():
    vip = w.audience({"mbox": "qaVip", "equals": ["1"]})
    t = token(qa_test("qaEntry", entryConstraint={"audienceIds": [vip]}))
    assert in_qa("qaEntry", {"token": t}) == "a", "entry rules are bypassed"
    assert in_qa("qaEntry", {"token": t, "bypassEntryAudience": True}) == "a"
    keeps = {"token": t, "bypassEntryAudience": False, "previewIndexes": previews((1, 2))}
    assert in_qa("qaEntry", keeps) is None, "unless the mode says that they hold"
    assert in_qa("qaEntry", dict(keeps, evaluateAsTrueAudienceIds=[vip])) == "b"
    r = w.post({"qaMode": {"token": t, "bypassEntryAudience": "yes"}})
    assert r.status == 400 and "qaMode.bypassEntryAudience" in r.json["message"], r.body


def test_a_link_that_is_not_ours():
    t = token(qa_test("qaForged"))
    forged = {"token": t[:-2] + ("AA" if t[-2:] != "AA" else "BB")}
    before = w.s.metric("edge_tokens_forged_total")
    answer = sent(ecid(), page(link(forged)), ["qaForged"])
    assert content_of(answer) is None and answer.state("at_qa_mode") is None
    assert w.s.metric("edge_tokens_forged_total") > before
    for value in (json.dumps(forged), "{", "", "[]", "%7B", json.dumps({"token": 7})):
        assert shown(ecid(), "qaForged", entries=[{"key": "at_qa_mode", "value": value}]) is None, value
    kept = [{"key": "at_qa_mode", "value": json.dumps({"token": t})}]
    assert shown(ecid(), "qaForged", page(link(forged)), entries=kept) is None, "the address says which link it is"


def test_a_link_lists_at_most_a_hundred():
    t = token(qa_test("qaBound"))
    for n, expected in ((99, "b"), (100, "a")):
        mode = {"token": t, "previewIndexes": previews(*([(2, 1)] * n + [(1, 2)]))}
        assert shown(ecid(), "qaBound", page(link(mode))) == expected, n
        assert shown(ecid(), "qaBound", entries=[{"key": "at_qa_mode", "value": json.dumps(mode)}]) == expected, n
        assert w.post({"qaMode": mode}).status == (200 if n < 100 else 400)


def test_179_the_cookie_keeps_the_link_between_pages():
    t = token(qa_test("qaPages"))
    mode = {"token": t, "listedActivitiesOnly": False, "previewIndexes": previews((1, 2))}
    who, plain = ecid(), page("https://www.shop.test/next")
    answer = sent(who, page(link(mode)), ["qaPages"])
    state = answer.state("at_qa_mode")
    assert content_of(answer) == "b" and json.loads(state["value"]) == mode and "maxAge" not in state, state
    entries = [{"key": "at_qa_mode", "value": state["value"]}]
    answer = sent(who, plain, ["qaPages"], entries=entries)
    assert content_of(answer) == "b" and answer.state("at_qa_mode") is None, "nothing new"
    answer = sent(who, page("https://www.shop.test/?at_preview_token="), ["qaPages"], entries=entries)
    state = answer.state("at_qa_mode")
    assert content_of(answer) is None and (state["value"], state["maxAge"]) == ("", 0), "an empty token ends it"
    first_party = Edge(w.s, E.ds, host="www.shop.test")
    answer = sent(who, page(link(mode)), ["qaPages"], edge=first_party)
    cookie, = [c for c in answer.headers_of("set-cookie") if c.startswith("at_qa_mode=")]
    value, attributes = cookie[len("at_qa_mode="):].split(";", 1)
    assert json.loads(urllib.parse.unquote(value)) == mode and "Max-Age" not in attributes and "Domain=shop.test" in attributes, cookie
    answer = sent(who, plain, ["qaPages"], edge=first_party, headers={"Cookie": "at_qa_mode=" + value})
    assert content_of(answer) == "b"
    answer = sent(who, page("https://www.shop.test/?at_preview_token="), edge=first_party, headers={"Cookie": "at_qa_mode=" + value})
    cookie, = [c for c in answer.headers_of("set-cookie") if c.startswith("at_qa_mode=")]
    assert cookie.startswith("at_qa_mode=; Max-Age=0;"), cookie


def displayed(answer, xdm):
    sent(answer.ecid, dict(xdm, eventType="decisioning.propositionDisplay", _experience={"decisioning": {
        "propositions": answer.payload("personalization:decisions"), "propositionEventType": {"display": 1}}}))


def counted(activity, environment):
    w.s.drain()
    path = "/edgewise/reports/%d%s" % (activity, "?environmentId=-1" if environment == "qa" else "")
    rows = w.s.rest("GET", path, expect=2).json["rows"]
    return [sum(r[k] for r in rows) for k in ("visitors", "impressions", "conversions")]


def test_links_leave_no_trace():
    """The visitor is what he was, and what the link showed counts apart."""
    goal = {"metricLocalId": 32767, "name": "Goal", "action": {"type": "always_convert"},
            "mboxes": [{"name": "qaGoal", "successEvent": "mbox_shown"}]}
    activity = qa_test("qaTrace", state="approved", metrics=[goal])
    mode = {"token": token(activity), "previewIndexes": previews((1, 2))}
    asker, reader = ecid(), ecid()
    assert delivered(asker, "qaTrace", qaMode=mode) == "b"
    delivered(asker, "qaGoal", qaMode=mode)
    answer = sent(reader, page(link(mode)), ["qaTrace"])
    assert content_of(answer) == "b"
    displayed(answer, page(link(mode)))
    sent(reader, dict(page(link(mode)), eventType="decisioning.propositionDisplay", _experience={"decisioning": {
        "propositions": [{"scope": "qaGoal"}], "propositionEventType": {"display": 1}}}))
    assert counted(activity, "qa") == [2, 2, 2], counted(activity, "qa")
    assert counted(activity, "all") == [0, 0, 0], counted(activity, "all")
    for who in (asker, reader):
        assert delivered(who, "qaTrace") == "a" and shown(who, "qaTrace") == "a", "nobody stays where a link put him"
    stranger = ecid()
    delivered(stranger, "qaGoal", qaMode=mode)
    assert counted(activity, "qa") == [2, 2, 2], "who never saw it does not convert"


# ---- orders [TARGET 2.7, EDGE 5.9] ----

def goal(metric_id, mbox, action="always_convert", **more):
    return dict({"metricLocalId": metric_id, "name": "Goal %d" % metric_id, "action": {"type": action},
                 "mboxes": [{"name": mbox, "successEvent": "mbox_shown"}]}, **more)


def buyers_of(*metrics):
    """An activity, and who gives a visitor that has entered it."""
    name = "order%d" % next(ids)
    activity = w.activity("ab", 20000 + next(ids), [(100, content("x"))], name, metrics=list(metrics))

    def enter():
        who = ecid()
        displayed(sent(who, scopes=[name]), {})
        return who
    return activity, enter


def brought(activity, metric=32767):
    """Conversions of the metric, orders and revenue."""
    w.s.drain()
    r = w.rest("GET", "/activities/ab/%d/report/performance?conversionMetricLocalIds=%d" % (activity, metric), headers=V1)
    t = r.json["report"]["statistics"]["totals"]["impression"]["totals"]
    return [t.get("conversions", 0), t.get("orders", 0), t.get("totalSales", 0)]


def commerce(id, total, **more):
    return {"eventType": "commerce.purchases",
            "commerce": dict({"purchases": {"value": 1}, "order": {"purchaseID": id, "priceTotal": total}}, **more)}


def located(mbox, xdm):
    return dict(xdm, _experience={"decisioning": {"propositions": [{"scope": mbox}], "propositionEventType": {"display": 1}}})


def test_an_order_alone_is_for_revenue_metrics():
    activity, enter = buyers_of(goal(32767, "thanks"), goal(5, "paid", revenue=True), goal(6, "paid", "count_once", revenue=True))
    who = enter()
    for i, total in enumerate((20, 30)):
        sent(who, commerce("alone-%d" % i, total))
    assert brought(activity) == [0, 0, 0], "the goal waits for a location"
    assert brought(activity, 5) == [2, 2, 50] and brought(activity, 6) == [1, 1, 20], (brought(activity, 5), brought(activity, 6))
    sent(ecid(), commerce("stranger", 99))
    assert brought(activity, 5) == [2, 2, 50], "who has not entered"
    sent(who, located("thanks", commerce("there", 7)))
    assert brought(activity) == [1, 1, 7] and brought(activity, 5) == [3, 3, 57]
    sent(who, located("paid", commerce("once", 1)))
    assert brought(activity, 5) == [4, 4, 58], "one order, one conversion"
    sent(who, commerce("alone-0", 20))
    assert brought(activity, 5) == [4, 4, 58], "it was there before"


def test_an_order_does_what_the_action_says():
    activity, enter = buyers_of(goal(32767, "paid", "ban_from_campaign", revenue=True))
    name = w.rest("GET", "/activities/ab/%d" % activity).json["locations"]["mboxes"][0]["name"]
    who = enter()
    assert shown(who, name) == "x"
    sent(who, commerce("banned", 20))
    assert shown(who, name) is None and brought(activity) == [1, 1, 20]


def test_what_an_order_is():
    activity, enter = buyers_of(goal(32767, "paid", revenue=True))
    data = {"__adobe": {"target": {"orderId": "data-1", "orderTotal": "9.50", "productPurchasedId": "a, b"}}}
    order = {"purchaseID": "xdm-1", "priceTotal": 20}
    for xdm, said, expected in (
            ({"commerce": {"order": order}}, None, None),
            ({"commerce": {"checkouts": {"value": 1}, "purchases": {"value": 0}, "order": order}}, None, None),
            ({}, data, ("data-1", 9.5, ["a", "b"])),
            ({"commerce": {"checkouts": {"value": 1}, "order": order}},
             {"__adobe": {"target": {"orderId": "data-2", "orderTotal": 3}}}, ("data-2", 3, None)),
            (dict(commerce("xdm-2", 20), productListItems=[{"SKU": "s1"}, {"name": "no SKU"}, {"SKU": "s2"}]), None,
             ("xdm-2", 20, ["s1", "s2"])),
            (dict(commerce("xdm-3", 20), productListItems=[{"SKU": "s1"}]), data, ("xdm-3", 20, ["s1"])),
            ({"commerce": {"purchases": {"value": 1}, "order": {"priceTotal": 4}}},
             {"__adobe": {"target": {"orderId": "data-4", "orderTotal": 5}}}, ("data-4", 4, None)),
            ({"commerce": {"purchases": {"value": 1}}}, None, (None, 0, None))):
        before = brought(activity)
        sent(enter(), xdm, data=said)
        w.s.drain()
        got = w.s.events()[-1]["visit"].get("order")
        got = got and (got.get("id"), got.get("total", 0), got.get("products"))
        assert got == expected, (xdm, said, got)
        more = [1, 1, expected[1]] if expected else [0, 0, 0]
        assert [b - a for a, b in zip(before, brought(activity))] == more, (xdm, said)


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
