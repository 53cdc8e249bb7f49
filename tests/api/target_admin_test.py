#!/usr/bin/env python3
"""The Target admin API over HTTP: items of the Target checklist [TARGET 12], by number, and what they change for visitors
and devices. tests/unit/admin/ has the bounds."""
import json
import sys

from delivery_world import NOW, V3, World, build
from server import run

w = None
V1 = {"Content-Type": "application/vnd.adobe.target.v1+json", "Accept": "application/vnd.adobe.target.v1+json"}


def setup():
    global w
    w = World()
    w.clock(NOW)
    build(w)


def finish():
    return w.close()


def text_offer(text):
    return w.offer("content", content=text)


def artifact():
    r = w.s.call("GET", "/acme/production/v1/rules.json")
    assert r.status == 200, (r.status, r.body)
    return r


def device_rules(mbox):
    """Numbers of the activities that a device knows for a location, in its order."""
    return [int(rule["meta"]["activity.id"]) for rule in artifact().json["rules"]["mboxes"].get(mbox, [])]


def refused(r, *words, code="InvalidProperty.Json"):
    assert r.json["httpStatus"] == r.status and r.json["errors"][0]["errorCode"] == code, r.body
    for word in words:
        assert word in r.json["errors"][0]["message"], r.body


# ---- activities ----

def test_145_state_by_its_own_route():
    w.activity("ab", 1450, [(100, text_offer("on"))], "stateful", state="saved")
    before = artifact().header("etag")
    assert device_rules("stateful") == [] and w.content("stateful") is None
    r = w.rest("PUT", "/activities/ab/1450/state", {"state": "approved"}, headers=V1).json
    assert r["id"] == 1450 and r["state"] == "approved" and r["modifiedAt"] > r["createdAt"][:10], r
    assert "experiences" not in r, "the short form"
    assert w.content("stateful") == "on"
    assert device_rules("stateful") == [1450] and artifact().header("etag") != before
    w.rest("PUT", "/activities/1450/state", {"state": "deactivated"}, headers=V1)
    assert w.content("stateful") is None and device_rules("stateful") == []
    for body, status in (({"state": "flying"}, 400), ({}, 400), ({"state": 1}, 400)):
        refused(w.rest("PUT", "/activities/ab/1450/state", body, expect=status, headers=V1), "state")
    w.rest("PUT", "/activities/xt/1450/state", {"state": "approved"}, expect=404, headers=V1)
    assert w.rest("GET", "/activities/ab/1450").json["state"] == "deactivated"


def test_146_priority_by_its_own_route():
    w.activity("ab", 1460, [(100, text_offer("first"))], "ranked", priority=10)
    w.activity("ab", 1461, [(100, text_offer("second"))], "ranked", priority=20)
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]
    for priority in (1000, -1, 1.5, "7"):
        refused(w.rest("PUT", "/activities/ab/1460/priority", {"priority": priority}, expect=400, headers=V1), "priority")
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]
    assert w.rest("PUT", "/activities/ab/1460/priority", {"priority": 999}, headers=V1).json["priority"] == 999
    assert w.content("ranked") == "first" and device_rules("ranked") == [1460, 1461]
    w.rest("PUT", "/activities/1460/priority", {"priority": 0}, headers=V1)
    assert w.content("ranked") == "second" and device_rules("ranked") == [1461, 1460]


def report(activity, kind="ab"):
    w.s.drain()
    r = w.rest("GET", "/activities/%s/%d/report/performance" % (kind, activity), headers=V1)
    return r.json["report"]["statistics"]["totals"]["visitor"]["totals"]


def test_147_deletion_keeps_the_past():
    w.activity("ab", 1470, [(100, text_offer("gone"))], "doomed", thirdPartyId="doomed-1")
    assert w.content("doomed", id={"tntId": "%032x" % 0x1470}) == "gone" and report(1470)["entries"] == 1
    w.rest("PUT", "/activities/1470/name", {"name": "Doomed"}, headers=V1)
    r = w.rest("DELETE", "/activities/ab/1470").json
    assert r["state"] == "deleted" and r["thirdPartyId"].startswith("doomed-1_"), r
    assert w.content("doomed") is None and device_rules("doomed") == []
    for restarted in (False, True):
        assert w.rest("GET", "/activities/ab/1470").json == r
        assert [a["id"] for a in w.rest("GET", "/activities?state=!deleted&id=1470").json["activities"]] == []
        assert [a["id"] for a in w.rest("GET", "/activities?state=deleted").json["activities"]] == [1470]
        assert report(1470)["entries"] == 1, "its report stays"
        log = w.rest("GET", "/activities/1470/changelog", headers=V1).json
        assert log["total"] == 3, log
        deleted, renamed, made = [e["activityParameters"] for e in log["activityChangelogs"]]
        assert deleted["state"] == {"previousValue": "approved", "changedValue": "deleted"}, deleted
        assert renamed == {"activityName": {"previousValue": "Activity 1470", "changedValue": "Doomed"}}, renamed
        assert made == {"state": {"changedValue": "approved"}}, made
        revisions = w.rest("GET", "/revisions/activity/1470", headers=V1).json
        assert [x["operation"] for x in revisions["revisions"]] == ["delete", "update", "create"], revisions
        first = w.rest("GET", "/revisions/activity/1470/revision/%d" % revisions["revisions"][2]["id"], headers=V1).json
        assert json.loads(first["jsonData"])["thirdPartyId"] == "doomed-1", first
        if not restarted:
            w.s.restart()
            w.s.token = None
            w.clock(NOW)
    refused(w.rest("PUT", "/activities/1470/state", {"state": "approved"}, expect=400, headers=V1), "deleted")


def test_147_changelog_of_offers_at_locations():
    a, b = text_offer("a"), text_offer("b")
    w.activity("ab", 1471, [(100, a)], "swapped")
    body = w.rest("GET", "/activities/ab/1471").json
    body["options"][0]["offerId"] = b
    w.rest("PUT", "/activities/ab/1471", body)
    top = w.rest("GET", "/activities/1471/changelog", headers=V1).json["activityChangelogs"][0]
    change = top["activityLocationOfferChange"]
    assert (change["previousValue"]["id"], change["changedValue"]["id"]) == (a, b), change
    assert change["mbox"] == {"name": "swapped", "locationLocalId": 0} and change["experience"]["experienceLocalId"] == 0
    assert "activityParameters" not in top


def test_changelog_values_at_and_past_their_length():
    """Longer values are left out; that there was a change is said all the same."""
    w.activity("ab", 1472, [(100, text_offer("a"))], "long", notes="short", tags=["t"])
    body = w.rest("GET", "/activities/ab/1472").json
    for n, said in ((4096, True), (4097, False)):
        w.rest("PUT", "/activities/ab/1472", dict(body, notes="n" * n, tags=["x" * (n - 4)]))
        top = w.rest("GET", "/activities/1472/changelog", headers=V1).json["activityChangelogs"][0]["activityParameters"]
        assert ("changedValue" in top["notes"], "changedValue" in top["tags"]) == (said, said), (n, top.keys())
        assert "previousValue" in top["notes"], top["notes"].keys()


# ---- who may, and how often ----

def test_153_who_may():
    r = w.s.call("GET", "/acme/target/activities", headers={"x-api-key": w.s.credentials["clientId"]})
    assert r.status == 401, r.status
    refused(r, "token", code="Unauthorized")
    refused(w.rest("GET", "/activities", expect=401, headers={"Authorization": "Bearer x.y.z"}), code="Unauthorized")
    refused(w.s.rest("GET", "/other/target/activities", expect=403), "tenant", code="Forbidden.Entity")
    platform = w.s.call("GET", "/data/core/ups/audiences")
    assert platform.status == 403 and platform.json["error_code"] == "403010", "the platform says it its own way"


def test_154_rate():
    small = World(args=["--target-admin-requests", "50"])
    try:
        for i in range(50):
            small.rest("GET", "/offers", headers=V1)
        r = small.rest("GET", "/offers", expect=429, headers=V1)
        refused(r, "too many requests", code="TooManyRequests")
        assert 1 <= int(r.header("retry-after")) <= 60, r.headers
        assert small.s.rest("GET", "/data/core/ups/audiences").status == 200, "of the Target admin API only"
    finally:
        assert small.close() == 0


def test_155_tokens():
    def token(scope, method="GET", expect=200):
        return w.rest(method, "/authentication/token?authorizationScope=" + scope, expect=expect, headers=V1).json

    debug, profile = token("debug_tools"), token("profile_api", "POST", 201)
    assert (debug["expiresIn"], debug["scope"]) == (21599, "debug_tools") and debug["tokenType"] == "bearer", debug
    assert (profile["expiresIn"], profile["scope"]) == (7775999, "profile_api"), profile
    refused(w.rest("GET", "/authentication/token", expect=400, headers=V1), "authorizationScope")
    refused(w.rest("GET", "/authentication/token?authorizationScope=all", expect=400, headers=V1), "authorizationScope")
    traced = w.ask({"execute": {"mboxes": [{"index": 0, "name": "hero"}]},
                    "trace": {"authorizationToken": debug["accessToken"]}})
    assert "trace" in json.dumps(traced["execute"]), traced
    for wrong in (profile["accessToken"], debug["accessToken"][:-2]):
        plain = w.ask({"execute": {"mboxes": [{"index": 0, "name": "hero"}]}, "trace": {"authorizationToken": wrong}})
        assert '"trace"' not in json.dumps(plain["execute"]), plain
    w.rest("PATCH", "/clients/settings", {"enableProfileApiAuthentication": True}, headers=V1)
    try:
        path = "/rest/v1/profiles/thirdPartyId/nobody?client=acme"
        assert w.s.call("GET", path).status in (401, 403)
        assert w.s.call("GET", path, headers={"Authorization": "Bearer " + profile["accessToken"]}).status == 404
        assert w.s.call("GET", path, headers={"Authorization": "Bearer " + debug["accessToken"]}).status in (401, 403)
    finally:
        w.rest("PATCH", "/clients/settings", {"enableProfileApiAuthentication": False}, headers=V1)


# ---- what requests had ----

def seen_from(host, mbox, **profile):
    """A page of this host asks for a location, with attributes of the visitor."""
    body = {"context": {"channel": "web", "address": {"url": "https://%s/x?y=1" % host}},
            "execute": {"mboxes": [{"index": 0, "name": mbox, "parameters": {"colour": "red"},
                                    "profileParameters": profile}]}}
    w.ask(body)


def listed(path, plural, query=""):
    return w.rest("GET", path + query, headers=V1).json[plural]


def test_089_hosts_mboxes_and_attributes_that_were_seen():
    assert not [h for h in listed("/hosts", "hosts") if h["name"].endswith(".seen.test")]
    w.activity("ab", 890, [(100, text_offer("here"))], "seen/here")
    w.activity("ab", 891, [(100, text_offer("there"))], "seen-there")
    script = w.rest("POST", "/profileattributes/scripts", {"name": "by-script", "script": "return 1;"}, headers=V1).json["id"]
    seen_from("one.seen.test", "seen/here", height="1")
    seen_from("two.seen.test:8080", "seen-there", height="2", weight="3")
    seen_from("two.seen.test", "seen-there")
    w.rest("DELETE", "/profileattributes/scripts/%d" % script, headers=V1)
    w.s.drain()
    assert report(890)["entries"] == 1, "of Production"
    seen = {h["name"]: h for h in listed("/hosts", "hosts")}
    for name in ("one.seen.test", "two.seen.test"):
        assert seen[name] == {"name": name, "environmentId": 1}, seen
    assert "two.seen.test:8080" not in seen
    names = [m["name"] for m in listed("/mboxes", "mboxes")]
    assert names.count("seen/here") == 1 and names.count("seen-there") == 1, names
    assert w.rest("GET", "/mbox/seen-there", headers=V1).json == {"name": "seen-there"}
    for path in ("/mbox/seen/here", "/mbox/seen%2Fhere"):
        assert w.rest("GET", path, headers=V1).json == {"name": "seen/here"}
    refused(w.rest("GET", "/mbox/seen-by-nobody", expect=404, headers=V1), "seen-by-nobody", code="NotFound.Entity")
    attributes = listed("/profileattributes/mbox", "mboxProfileAttributes")
    assert attributes.count("height") == 1 and attributes.count("weight") == 1, attributes
    assert "colour" not in attributes and "by-script" not in attributes, attributes


def test_089_a_host_that_was_seen_and_has_an_environment_is_listed_once():
    stage = w.rest("POST", "/environments", {"name": "Stage 89"}, headers=V1).json["id"]
    seen_from("three.seen.test", "seen/here")
    w.s.drain()
    assert listed("/hosts", "hosts", "?name=three.seen.test") == [{"name": "three.seen.test", "environmentId": 1}]
    w.rest("PUT", "/hosts/three.seen.test", {"environmentId": stage}, headers=V1)
    hosts = listed("/hosts", "hosts", "?name=three.seen.test")
    assert [h["environmentId"] for h in hosts] == [stage], hosts
    w.rest("DELETE", "/hosts/three.seen.test", headers=V1)
    assert listed("/hosts", "hosts", "?name=three.seen.test") == [{"name": "three.seen.test", "environmentId": 1}]


def test_089_pages_of_what_was_seen():
    for i in range(4):
        w.activity("ab", 892 + i, [(100, 0)], "page-%d" % i)
        seen_from("page%d.seen.test" % i, "page-%d" % i, **{"page%d" % i: "1"})
    w.s.drain()
    for path, plural in (("/hosts", "hosts"), ("/mboxes", "mboxes"), ("/profileattributes/mbox", "mboxProfileAttributes")):
        whole = w.rest("GET", path, headers=V1).json
        assert whole["total"] == len(whole[plural]) >= 4, whole
        page = w.rest("GET", path + "?offset=1&limit=2&sortBy=-name", headers=V1).json
        ordered = sorted(whole[plural], key=lambda x: x if isinstance(x, str) else x["name"], reverse=True)
        assert page == {"total": whole["total"], "offset": 1, "limit": 2, plural: ordered[1:3]}, page
        w.rest("GET", path, expect=406, headers=V3)


def test_151_bounds_of_pages():
    for path in ("/offers", "/hosts", "/mboxes", "/activities/1001/changelog", "/revisions/activity/1001"):
        for query in ("limit=x", "limit=0", "limit=-1", "limit=2147483648", "limit=", "limit=1.5", "offset=x", "offset=-1",
                      "offset=2147483648"):
            refused(w.rest("GET", path + "?" + query, expect=400, headers=V1), query.split("=")[0])
        for query in ("limit=1", "limit=2147483647", "offset=0", "offset=2147483647"):
            w.rest("GET", path + "?" + query, headers=V1)


# ---- settings that a client has once ----

def test_settings_that_are_kept():
    documents = (("/atjs/settings", {"decisioningMethod": "hybrid", "timeout": 3000, "libraryFooter": "x()"}),
                 ("/clients/uisettings", {"a": [1, {"b": None}]}), ("/clients/ipfilter/office", {"ips": ["10.0.0.1"]}),
                 ("/clients/ipfilter/" + "t" * 100, {"ips": []}))
    for path, body in documents:
        assert w.rest("GET", path, headers=V1).json == {}, path
        kept = w.rest("PUT", path, body, headers=V1).json
        assert {k: kept[k] for k in body} == body and w.rest("GET", path, headers=V1).json == kept, kept
        for bad in ("[]", '"text"', "7", "{", ""):
            refused(w.rest("PUT", path, bad, expect=400, headers=V1))
        w.rest("DELETE", path, expect=405, headers=V1)
        w.rest("GET", path, expect=406, headers=V3)
        assert w.rest("GET", path, headers=V1).json == kept, "nothing was changed"
    assert w.rest("GET", "/clients/ipfilter/home", headers=V1).json == {}, "each type is of its own"
    r = w.rest("PUT", "/clients/ipfilter/" + "t" * 300, {}, expect=400, headers=V1)
    refused(r, "id")


def response_tokens():
    return {t["token"]: t for t in w.rest("GET", "/responsetokens", headers=V1).json["responseTokens"]}


def test_built_in_response_tokens_are_switched():
    """They are in the list, off; one that is switched on is in answers, and keeps its number."""
    before = response_tokens()
    built_in = [t for t in before.values() if not t["deletable"]]
    assert len(built_in) == 29 and not any(t["active"] for t in built_in), before
    assert {t["type"] for t in built_in} == {"BUILT_IN", "ACTIVITY", "GEO"}
    row = before["option.name"]
    assert row == {"id": row["id"], "token": "option.name", "name": "option.name", "type": "ACTIVITY", "active": False, "deletable": False}
    path = "/responsetokens/%d" % row["id"]
    assert w.rest("GET", path, headers=V1).json == row
    assert w.rest("GET", "/responsetokens?type=GEO&active=false", headers=V1).json["total"] == 10
    w.activity("ab", 7701, [(100, w.offer("content", content="c"))], "builtIn")
    assert "responseTokens" not in w.mbox("builtIn")["options"][0]

    on = w.rest("PUT", path, {"active": True}, headers=V1).json
    assert {k: on[k] for k in row} == dict(row, active=True) and on["modifiedAt"], on
    assert response_tokens()["option.name"] == on and len(response_tokens()) == len(before)
    assert w.mbox("builtIn")["options"][0]["responseTokens"] == {"option.name": "option 0"}
    error = w.rest("PUT", path, {"token": "profile.other", "active": True}, headers=V1, expect=400).json["errors"][0]
    assert "token must stay 'option.name', which is built in" in error["message"], error
    w.rest("PUT", path, {"active": False}, headers=V1)
    assert "responseTokens" not in w.mbox("builtIn")["options"][0] and response_tokens()["option.name"]["active"] is False
    w.rest("PUT", path, {"token": "option.name", "active": True}, headers=V1)
    w.rest("DELETE", path, headers=V1)
    assert response_tokens()["option.name"] == row and w.rest("DELETE", path, headers=V1).json == row
    assert "responseTokens" not in w.mbox("builtIn")["options"][0]


def test_response_tokens_beside_the_built_in_ones():
    """One that is made under a number of its own takes the place of the built-in row; others are deleted for good."""
    made = w.rest("POST", "/responsetokens", {"token": "offer.name", "type": "ACTIVITY"}, headers=V1).json
    assert made["id"] > 1000 and made["deletable"] is False and made["active"] is True, made
    assert response_tokens()["offer.name"] == made and len(response_tokens()) == 29
    assert "in use" in w.rest("POST", "/responsetokens", {"token": "offer.name"}, headers=V1, expect=409).body.decode()
    w.rest("DELETE", "/responsetokens/%d" % made["id"], headers=V1)
    assert response_tokens()["offer.name"]["active"] is False and response_tokens()["offer.name"]["id"] < 30
    mine = w.rest("POST", "/responsetokens", {"token": "profile.tier", "type": "SCRIPT"}, headers=V1).json
    assert mine["deletable"] is True and mine["name"] == "profile.tier" and len(response_tokens()) == 30
    w.rest("DELETE", "/responsetokens/%d" % mine["id"], headers=V1)
    w.rest("GET", "/responsetokens/%d" % mine["id"], headers=V1, expect=404)
    error = w.rest("POST", "/responsetokens?id=3", {"token": "profile.tier"}, headers=V1, expect=400).json["errors"][0]
    assert "token must stay 'profile.isNewSession'" in error["message"], error
    for id in (0, 30, "x"):
        w.rest("GET", "/responsetokens/%s" % id, headers=V1, expect=404)


def test_offer_templates():
    """An option may name each of them by its number."""
    answer = w.rest("GET", "/offers/templates", headers=V1).json
    assert answer["total"] == len(answer["offerTemplates"]) == 20
    assert [t["offerTemplateId"] for t in answer["offerTemplates"]] == list(range(1, 21))
    text = next(t for t in answer["offerTemplates"] if t["name"] == "setText")
    assert text["templateParameters"] == [{"name": "selector", "value": ""}, {"name": "content", "value": ""}]
    assert w.rest("GET", "/offers/templates/%d" % text["offerTemplateId"], headers=V1).json == text
    for id in (0, 21, "setText"):
        w.rest("GET", "/offers/templates/%s" % id, headers=V1, expect=404)
    change = {"offerTemplateId": text["offerTemplateId"], "templateParameters": [
        {"name": "selector", "value": "#h"}, {"name": "content", "value": "Hi"}]}
    page = {"selectors": [{"locationLocalId": 0, "name": "h", "selector": "#h", "selectorVersion": 1}]}
    w.activity("ab", 7702, [(100, [change])], locations=page)
    options = w.ask({"id": {"tntId": "%032x" % 7702}, "execute": {"pageLoad": {}}})["execute"]["pageLoad"]["options"]
    shown = [c for o in options for c in o["content"]]
    assert any(c["type"] == "setText" and c["content"] == "Hi" and c["selector"] == "#h" for c in shown), options


def test_defaults_of_environments():
    stage = w.rest("POST", "/environments", {"name": "Default of hosts"}, headers=V1).json["id"]
    path, unset = "/environments/defaults", {"reportingEnvironmentId": 1, "newHostEnvironmentId": 1}
    assert w.rest("GET", path, headers=V1).json == unset
    for member in unset:
        for wrong in (stage + 1, 0, "1", None):
            refused(w.rest("PUT", path, dict(unset, **{member: wrong}), expect=400, headers=V1), member)
    assert w.rest("GET", path, headers=V1).json == unset
    body = {"reportingEnvironmentId": 1, "newHostEnvironmentId": stage}
    w.rest("PUT", path, body, headers=V1)
    kept = w.rest("GET", path, headers=V1).json
    assert {k: kept[k] for k in body} == body, kept
    refused(w.rest("DELETE", "/environments/%d" % stage, expect=400, headers=V1))
    w.rest("PUT", path, unset, headers=V1)
    w.rest("DELETE", "/environments/%d" % stage, headers=V1)


# ---- batch ----

def operation(id, method, url, body=None, after=(), headers=()):
    return {"operationId": id, "dependsOnOperationIds": list(after), "method": method, "relativeUrl": url,
            "headers": [{"name": n, "value": v} for n, v in headers], **({} if body is None else {"body": body})}


def batch(*operations, expect=200):
    r = w.rest("POST", "/batch", {"operations": list(operations)}, expect=expect, headers={"Content-Type": "application/json"})
    return r.json["results"] if expect == 200 else r


def test_152_batch_with_placeholders():
    w.activity("ab", 1520, [(100, text_offer("before"))], "batched")
    body = w.rest("GET", "/activities/ab/1520").json
    body["options"][0]["offerId"] = "{operationIdResponse:7}"
    results = batch(
        operation(9, "GET", "/v2/offers/content/{operationIdResponse:7}", after=[7]),
        operation(2, "PUT", "/v3/activities/ab/1520", body, after=[7]),
        operation(7, "POST", "/v2/offers/content", {"name": "made in a batch", "content": "after"}),
        operation(3, "GET", "/offers?name=made%20in%20a%20batch", after=[7],
                  headers=[("Accept", "application/vnd.adobe.target.v1+json")]))
    assert [x["operationId"] for x in results] == [9, 2, 7, 3], results
    assert [x["statusCode"] for x in results] == [200, 200, 201, 200], results
    assert not any(x["skipped"] for x in results)
    made = json.loads(results[2]["body"])
    assert {"name": "Content-Type", "value": "application/vnd.adobe.target.v2+json"} in results[2]["headers"], results[2]
    assert json.loads(results[0]["body"]) == made
    assert json.loads(results[1]["body"])["options"][0]["offerId"] == made["id"]
    assert json.loads(results[3]["body"])["total"] == 1
    assert w.content("batched") == "after"


def test_152_batch_that_fails_in_part():
    results = batch(
        operation(1, "POST", "/v2/offers/content", {"name": "stays", "content": "x"}),
        operation(2, "POST", "/v2/offers/content", {"name": ""}, after=[1]),
        operation(3, "GET", "/v2/offers/content/{operationIdResponse:2}", after=[2]),
        operation(4, "GET", "/offers", after=[3]),
        operation(5, "GET", "/no/such/path"),
        operation(6, "DELETE", "/offers"),
        operation(7, "POST", "/batch", {"operations": []}),
        operation(8, "GET", "/v9/offers"),
        operation(10, "GET", "/offers"),
        operation(11, "GET", "/offers/content/{operationIdResponse:10}", after=[10]))
    by_id = {x["operationId"]: x for x in results}
    assert by_id[3] == {"operationId": 3, "skipped": True} and by_id[4]["skipped"], by_id
    assert [by_id[i]["statusCode"] for i in (1, 2, 5, 6, 7, 8, 10, 11)] == [201, 400, 404, 405, 400, 406, 200, 400], by_id
    assert json.loads(by_id[2]["body"])["errors"][0]["meta"]["path"] == "name"
    assert w.rest("GET", "/offers?name=stays", headers=V1).json["total"] == 1, "there is no rollback"


def test_152_batch_bounds():
    get = [operation(i, "GET", "/offers?limit=1") for i in range(256)]
    assert len(batch(*get)) == 256
    many = get + [operation(255, "GET", "/offers")]
    bad = (
        (many, "1 to 256"), ([], "1 to 256"),
        ([operation(256, "GET", "/offers")], "0 to 255"), ([operation(-1, "GET", "/offers")], "0 to 255"),
        ([get[0], get[0]], "used twice"),
        ([operation(1, "GET", "/offers", after=[2]), operation(2, "GET", "/offers", after=[1])], "depends on itself"),
        ([operation(1, "GET", "/offers", after=[1])], "depends on itself"),
        ([operation(1, "GET", "/offers", after=[2])], "not in the batch"),
        ([get[0], operation(1, "GET", "/offers", after=[0, 0])], "twice"),
        ([operation(1, "HEAD", "/offers")], "method"), ([operation(1, "GET", "offers")], "slash"),
        ([get[0], operation(1, "GET", "/offers/content/{operationIdResponse:0}")], "does not depend on"),
        ([get[0], operation(1, "GET", "/offers/content/{operationIdResponse:x}", after=[0])], "does not depend on"),
        ([operation(1, "GET", "/offers", headers=[("A%d" % i, "b") for i in range(51)])], "50"),
    )
    for operations, word in bad:
        refused(batch(*operations, expect=400), word)
    assert batch(operation(1, "GET", "/offers", headers=[("A%d" % i, "b") for i in range(50)]))[0]["statusCode"] == 200


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
