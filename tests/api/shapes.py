"""The documented shape of every handle that an edge answer may hold [EDGE 4, 5.2, 9.2, 10]. check_answer raises on the first
thing that a client could stumble over; unknown handle types are refused, since our server knows all it sends."""
import re

SCHEMA = "https://ns.adobe.com/personalization/"
SCHEMAS = {SCHEMA + s for s in ("dom-action", "html-content-item", "json-content-item", "default-content-item",
                                "redirect-item", "measurement")}
ECID = re.compile(r"[0-9]{38}")


def need(condition, what, got):
    if not condition:
        raise AssertionError("%s, got %r" % (what, got))


def text(v, what, pattern=None):
    need(isinstance(v, str) and v != "", what + " must be a text", v)
    if pattern:
        need(re.fullmatch(pattern, v), "%s must match %s" % (what, pattern), v)


def only(item, required, optional=()):
    need(isinstance(item, dict), "an object", item)
    need(set(required) <= set(item), "members %s" % sorted(required), sorted(item))
    need(set(item) <= set(required) | set(optional), "no members but %s" % sorted(set(required) | set(optional)),
         sorted(item))


def identity_result(item):
    only(item, ["id", "namespace"])
    only(item["namespace"], ["code"])
    need(item["namespace"]["code"] == "ECID" and ECID.fullmatch(item["id"]), "an ECID", item)


def location_hint(item):
    only(item, ["scope", "hint", "ttlSeconds"])
    need(item["scope"] in ("EdgeNetwork", "Target", "AAM"), "a hint scope", item["scope"])
    text(item["hint"], "hint")
    need(item["ttlSeconds"] == 1800, "1800 seconds", item["ttlSeconds"])


def state_store(item):
    only(item, ["key", "value", "maxAge"], ["attrs"])
    text(item["key"], "key", r"kndctr_[0-9A-F]{24}_AdobeOrg_(identity|cluster|consent)|mbox|mboxEdgeCluster")
    text(item["value"], "value")
    need(isinstance(item["maxAge"], int) and item["maxAge"] > 0, "a positive maxAge", item["maxAge"])
    if item["key"].endswith("_identity"):
        need(item["maxAge"] == 34128000, "395 days", item["maxAge"])
        text(item["value"], "identity", r"CiY[A-Za-z0-9_-]+={0,2}")
    if item["key"].endswith("_cluster"):
        need(item["maxAge"] == 1800, "30 minutes", item["maxAge"])
    if item["key"].endswith("_consent"):
        need(item["maxAge"] == 15552000 and item["value"] in ("general=in", "general=out"), "a consent cookie", item)
    need(item.get("attrs", {"SameSite": "None"}) == {"SameSite": "None"}, "SameSite None", item.get("attrs"))


def proposition(item):
    only(item, ["id", "scope", "scopeDetails", "items"])
    text(item["id"], "proposition id", r"AT:[A-Za-z0-9+/]+={0,2}")
    text(item["scope"], "scope")
    details = item["scopeDetails"]
    only(details, ["decisionProvider", "activity", "experience", "characteristics", "correlationID"],
         ["strategies", "rank"])
    need(details["decisionProvider"] == "TGT", "our provider", details["decisionProvider"])
    text(details["activity"]["id"], "activity id")
    text(details["experience"]["id"], "experience id")
    text(details["correlationID"], "correlation id")
    text(details["characteristics"]["eventToken"], "event token", r"v[12]\.[A-Za-z0-9_-]+")
    for step in details.get("strategies", []):
        only(step, ["algorithmID", "trafficType"], ["step"])
    need(isinstance(item["items"], list) and item["items"], "items", item["items"])
    for i in item["items"]:
        proposition_item(i)


def proposition_item(item):
    only(item, ["id", "schema"], ["data", "meta", "characteristics"])
    text(item["id"], "item id")
    need(item["schema"] in SCHEMAS, "a known schema", item["schema"])
    if item["schema"].endswith("default-content-item"):
        need("data" not in item, "no data", item)
    else:
        need(isinstance(item["data"], dict), "data", item)
    if item["schema"].endswith("dom-action"):
        text(item["data"]["type"], "action type")
        need(item["data"]["format"] == "application/vnd.adobe.target.dom-action", "the action format", item["data"])
        text(item["data"]["selector"], "selector")
    for key, value in item.get("meta", {}).items():
        need(isinstance(value, str), "text in meta." + key, value)


def activation_pull(item):
    only(item, ["type", "destinationId", "alias", "segments"])
    need(item["type"] == "profileLookup", "profileLookup", item["type"])
    text(item["destinationId"], "destination")
    for segment in item["segments"]:
        only(segment, ["id", "namespace"])
        text(segment["id"], "segment")
        need(segment["namespace"] == "ups", "namespace ups", segment["namespace"])


def media_session(item):
    only(item, ["sessionId"])
    text(item["sessionId"], "session", r"[0-9a-f]{64}")


# handle type: (check of a payload item, bound to an event)
HANDLES = {
    "identity:result": (identity_result, False),
    "locationHint:result": (location_hint, False),
    "state:store": (state_store, False),
    "personalization:decisions": (proposition, True),
    "activation:pull": (activation_pull, True),
    "media-analytics:new-session": (media_session, True),
}


def check_answer(answer, event_count=1):
    """A 200 of interact, acquire or set-consent."""
    need(answer.header("content-type") == "application/json;charset=utf-8", "JSON", answer.header("content-type"))
    body = answer.json
    only(body, ["requestId", "handle"], ["warnings"])
    text(body["requestId"], "request id", r".+-[0-9a-f]{16}")
    need(answer.header("x-request-id") == body["requestId"], "the same request id", answer.header("x-request-id"))
    for handle in body["handle"]:
        need(handle["type"] in HANDLES, "a known handle", handle["type"])
        check, bound = HANDLES[handle["type"]]
        only(handle, ["type", "payload"], ["eventIndex"])
        need(("eventIndex" in handle) == bound, "an event index on event-bound handles only", handle)
        if bound:
            need(0 <= handle["eventIndex"] < event_count, "an index of an event", handle["eventIndex"])
        for item in handle["payload"]:
            check(item)
    need(any(h["type"] == "locationHint:result" for h in body["handle"]), "a location hint", body)
