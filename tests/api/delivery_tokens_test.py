#!/usr/bin/env python3
"""Response tokens, tokens in offers, and what redirects carry on [TARGET 2.8, 2.9], for both ways in; items of the Target checklist
[TARGET 12] by number."""
import json
import os
import sys

import world
from delivery_world import E1, NOW, V3, World, metric
from server import Edge, Visitor, run

w = edge = None
V1 = {k: v.replace("v3", "v1") for k, v in V3.items()}
HERE = os.path.dirname(os.path.abspath(__file__))


def setup():
    global w, edge
    w = World(args=["--trust-forwarded", "on", "--geo-database", os.path.join(HERE, "..", "vectors", "geo.mmdb")])
    w.clock(NOW)
    edge = Edge(w.s, world.datastream(w.s, "tokens", world.web_dataset(w.s)))


def finish():
    return w.close()


def visitor(n=[0]):
    """A Target id that nobody had before."""
    n[0] += 1
    return "%032x" % (0xfed0000 + n[0])


class tokens_on:
    """Response tokens, switched on for a while."""

    def __init__(self, *names):
        self.names = names

    def __enter__(self):
        self.ids = [w.rest("POST", "/responsetokens", {"token": t, "type": "BUILT_IN"}, headers=V1).json["id"] for t in self.names]

    def __exit__(self, *error):
        for i in self.ids:
            w.rest("DELETE", "/responsetokens/%d" % i, headers=V1)


def html(text):
    return w.offer("content", content=text)


def tokens_of(name, who=None, **kw):
    option, = w.mbox(name, {"tntId": who or visitor()}, **kw)["options"]
    return option.get("responseTokens", {})


def test_048_activity_experience_offer_option():
    offer = w.rest("POST", "/offers/content?id=7301", {"name": "the offer", "content": "x"},
                   headers={"Content-Type": "application/vnd.adobe.target.v2+json"}).json["id"]
    w.activity("ab", 4301, [(100, offer)], "plain", metrics=[metric("goal")])
    names = ("activity.id", "activity.name", "experience.id", "experience.name", "offer.id", "offer.name", "option.id", "option.name",
             "experience.trafficAllocationId", "experience.trafficAllocationType")
    with tokens_on(*names):
        tokens = tokens_of("plain")
        assert tokens == {"activity.id": "4301", "activity.name": "Activity 4301", "experience.id": "0",
                                      "experience.name": "experience 0", "offer.id": str(offer), "offer.name": "the offer",
                                      "option.id": "2", "option.name": "option 0"}, ("texts; an A/B test has no traffic to say", tokens)


def test_048_profile_tokens_of_a_first_request():
    """A visitor's ids are known at once, before anything of him is kept."""
    w.activity("ab", 4302, [(100, html("x"))], "who")
    names = ["profile." + n for n in ("tntId", "marketingCloudVisitorId", "thirdPartyId", "isFirstSession", "isNewSession",
                                      "daysSinceLastVisit", "activeActivities", "categoryAffinity", "categoryAffinities", "likes")]
    who = visitor()
    ids = {"tntId": who, "marketingCloudVisitorId": E1, "thirdPartyId": "p-4302"}
    details = {"profileParameters": {"likes": "tea"}, "parameters": {"user.categoryId": "shoes,hats"}}
    with tokens_on(*names):
        first = w.mbox("who", ids, session="k1", details=details)["options"][0]["responseTokens"]
        assert first == {"profile.tntId": who, "profile.marketingCloudVisitorId": E1, "profile.thirdPartyId": "p-4302",
                         "profile.isFirstSession": "true", "profile.isNewSession": "true", "profile.daysSinceLastVisit": "0",
                         "profile.categoryAffinity": "shoes", "profile.categoryAffinities": ["shoes", "hats"],
                         "profile.likes": "tea"}, first
        second = w.mbox("who", ids, session="k1")["options"][0]["responseTokens"]
        assert second["profile.isNewSession"] == "false" and second["profile.activeActivities"] == ["4302"], second
        created = w.ask({"execute": {"mboxes": [{"index": 0, "name": "who"}]}})
        token = created["execute"]["mboxes"][0]["options"][0]["responseTokens"]["profile.tntId"]
        assert token == created["id"]["tntId"], "one that was made for him"


def test_048_geo_tokens():
    w.activity("ab", 4303, [(100, html("${profile.geolocation.city}/${profile.geolocation.state}"))], "place")
    names = ["geo." + n for n in ("country", "countryCode", "state", "city", "zip", "dma", "domainName", "ispName", "connectionSpeed",
                                  "mobileCarrier")]
    body = {"id": {"tntId": visitor()}, "execute": {"mboxes": [{"index": 0, "name": "place"}]}}
    with tokens_on(*names):
        r = w.ask(body, headers={"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.17"})
        option, = r["execute"]["mboxes"][0]["options"]
        tokens = option["responseTokens"]
        assert tokens["geo.country"] == "united states" and tokens["geo.countryCode"] == "US", tokens
        assert tokens["geo.state"] == "california" and tokens["geo.city"] == tokens["geo.city"].lower(), tokens
        assert option["content"].lower() == "%s/california" % tokens["geo.city"], option
        said = {"countryCode": "DE", "stateCode": "BY", "city": "Kempten (Allgäu)", "zip": "87435"}
        r = w.ask(dict(body, id={"tntId": visitor()}, context={"channel": "web", "geo": said}))
        tokens = r["execute"]["mboxes"][0]["options"][0]["responseTokens"]
        assert tokens == {"geo.country": "germany", "geo.countryCode": "DE", "geo.state": tokens["geo.state"],
                          "geo.city": "kempten (allgäu)", "geo.zip": "87435"}, tokens


def test_054_tokens_in_offers():
    text = ("${user.pcId}|${user.sessionId}|${user.isFirstSession}|${mbox.name}|${mbox.tier}|${campaign.id}|${campaign.recipe.id}|"
            "${campaign.recipe.name}|${campaign.recipe.trafficType}|${offer.id}|${user.endpoint.categoryAffinity}|${user.likes}")
    offer = html(text)
    w.activity("ab", 4304, [(100, offer)], "texts")
    who = visitor()
    details = {"profileParameters": {"likes": "tea"}, "parameters": {"tier": "gold", "user.categoryId": "shoes"}}
    assert w.content("texts", {"tntId": who}, session="sess-4304", details=details) == (
        "%s|sess-4304|true|texts|gold|4304|0|experience 0|0|%d|shoes|tea" % (who, offer))


def test_054_the_name_of_the_page():
    w.activity("ab", 4305, [(100, html("<i>${mbox.name}</i>"))], "target-global-mbox")
    page = w.ask({"execute": {"pageLoad": {}}})["execute"]["pageLoad"]
    assert [o["content"] for o in page["options"]] == ["<i>target-global-mbox</i>"], page
    assert w.content("target-global-mbox") == "<i>target-global-mbox</i>"


def test_134_the_macros_of_devices():
    """Ten recorded results of the vendor's engine. The server knows more words (defaults, the traffic type) and fewer short forms: a
    bare parameter, a part before it, and the location's own members stay as they are written."""
    with open(os.path.join(HERE, "..", "vectors", "target-context.json")) as f:
        macros = json.load(f)["macros"]
    assert len(macros) == 10
    ours = {2: "m|red|${color}", 4: "${a.b.c.color}", 5: "x", 6: "${location.name}|${mbox.index}", 9: "0"}
    w.rest("POST", "/offers/content?id=9", {"name": "Off", "content": "\n".join(m["template"] for m in macros)},
           headers={"Content-Type": "application/vnd.adobe.target.v2+json"})
    w.rest("POST", "/activities/ab?id=1", {
        "name": "Act One", "state": "approved", "options": [{"optionLocalId": 0, "name": "o", "offerId": 9}], "metrics": [metric("goal")],
        "locations": {"mboxes": [{"locationLocalId": 0, "name": "m"}]},
        "experiences": [{"experienceLocalId": 0, "name": "Exp A", "visitorPercentage": 100,
                         "optionLocations": [{"locationLocalId": 0, "optionLocalId": 0}]}]})
    for i, m in enumerate(macros):
        line = w.content("m", parameters=m["parameters"]).split("\n")[i]
        assert line == ours.get(i, m["result"]), (m, line)


# ---- arms ----

def auto_target(id, mbox, text="${campaign.recipe.trafficType}"):
    w.activity("ab", id, [(None, html("%s:%s" % (i, text))) for i in "abc"], mbox, controlExperience={"type": "random", "visitorPercentage": 50},
               targetedExperience={"modelProvider": "target"})


def test_168_auto_target_without_models():
    auto_target(4306, "auto")
    seen = {"0": [], "1": []}
    with tokens_on("experience.trafficAllocationId", "experience.trafficAllocationType"):
        for _ in range(400):
            option, = w.mbox("auto", {"tntId": visitor()})["options"]
            tokens = option["responseTokens"]
            arm = tokens["experience.trafficAllocationId"]
            assert tokens["experience.trafficAllocationType"] == {"0": "control", "1": "targeted"}[arm], tokens
            experience, traffic = option["content"].split(":")
            assert traffic == arm, option
            seen[arm].append(experience)
    for arm, shown in seen.items():
        assert 150 <= len(shown) <= 250, (arm, len(shown))
        for e in "abc":
            assert shown.count(e) > len(shown) / 5, ("drawn, in both arms", arm, e, shown.count(e))


def test_168_an_arm_is_kept():
    who = {"tntId": visitor()}
    with tokens_on("experience.trafficAllocationId"):
        first = w.mbox("auto", who, session="arm-1")["options"][0]
        assert w.mbox("auto", who, session="arm-1")["options"][0] == first, "the same in its session"
        later = w.mbox("auto", who, session="arm-2")["options"][0]
    assert later["responseTokens"] == first["responseTokens"], "the arm is the visitor's"


def test_168_through_the_edge_network():
    auto_target(4307, "autoEdge", text="x")
    arms = []
    with tokens_on("experience.trafficAllocationId"):
        for _ in range(40):
            v = Visitor(edge)
            p, = v.send(scopes=["autoEdge"]).payload("personalization:decisions")
            kinds = {s["trafficType"] for s in p["scopeDetails"]["strategies"]}
            assert len(kinds) == 1, p
            arms += kinds
    assert set(arms) == {"0", "1"}, arms


# ---- redirects ----

PAGE = {"context": {"channel": "web", "address": {"url": "https://www.example.com/a?b=1&c=%20x&b=2#top", "referringUrl": ""}}}


def redirect(id, mbox, url, **more):
    offer = w.offer("redirect", content=url, **more)
    w.activity("ab", id, [(100, offer)], mbox)


def test_051_a_redirect_carries_parameters_on():
    for i, (url, parameters, session, want) in enumerate((
            ("https://www.example.com/n", True, False, "https://www.example.com/n?b=1&c=%20x&b=2"),
            ("https://www.example.com/n?b=7", True, False, "https://www.example.com/n?b=7&c=%20x"),
            ("https://www.example.com/n#part", True, True, "https://www.example.com/n?b=1&c=%20x&b=2&mboxSession=red-2#part"),
            ("https://www.example.com/n?q=1#part", False, True, "https://www.example.com/n?q=1&mboxSession=red-3#part"),
            ("https://www.example.com/n", False, True, "https://www.example.com/n?mboxSession=red-4"),
            ("https://www.example.com/n?", True, False, "https://www.example.com/n?b=1&c=%20x&b=2"),
            ("https://www.example.com/n#x", False, False, "https://www.example.com/n#x"))):
        redirect(4400 + i, "go%d" % i, url, includeParameters=parameters, passMboxSession=session)
        assert w.content("go%d" % i, session="red-%d" % i, **PAGE) == want, url
    assert w.content("go0") == "https://www.example.com/n", "a page without parameters"
    quoted = {"context": {"channel": "web", "address": {"url": 'https://www.example.com/a?"=\\&mboxSession=old'}}}
    assert w.content("go2", session="red-q", **quoted) == 'https://www.example.com/n?"=\\&mboxSession=red-q#part'


def test_051_the_same_through_the_edge_network():
    v = Visitor(edge)
    r = v.send({"eventType": "web.webpagedetails.pageViews", "web": {"webPageDetails": {"URL": "https://www.example.com/a?b=1"}}},
               scopes=["go2"], schemas=["https://ns.adobe.com/personalization/redirect-item"])
    p, = r.payload("personalization:decisions")
    assert p["items"][0]["data"]["content"] == "https://www.example.com/n?b=1#part", "an event has no session to pass"


def test_051_what_a_redirect_may_say():
    for member in ("includeParameters", "passMboxSession"):
        r = w.s.rest("POST", "/acme/target/offers/redirect", {"name": "r", "content": "https://x.test/", member: "yes"},
                     {"Content-Type": "application/vnd.adobe.target.v2+json"})
        assert r.status == 400 and member in r.body.decode(), r.body


if __name__ == "__main__":
    setup()
    run(sys.modules[__name__])
