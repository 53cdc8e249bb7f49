"""The objects that the edge tests need, made through the REST API as a team would make them."""
import json

TARGET_SPEC = "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b201"
CUSTOM_SPEC = "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202"
REGISTRY = "/data/foundation/schemaregistry/tenant"
ACCEPT = {"Accept": "application/vnd.adobe.xed+json; version=1"}


def schema(s, title, klass="profile", properties=None, identities=(), groups=()):
    body = {"title": title, "type": "object",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/" + name} for name in (klass, *groups)]}
    if properties:
        body["properties"] = properties
    made = s.rest("POST", REGISTRY + "/schemas", body, ACCEPT, expect=2).json
    for i, (path, namespace) in enumerate(identities):
        s.rest("POST", REGISTRY + "/descriptors", {
            "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": made["$id"], "xdm:sourceVersion": 1,
            "xdm:sourceProperty": path, "xdm:namespace": namespace, "xdm:property": "xdm:code",
            "xdm:isPrimary": i == 0}, ACCEPT, expect=2)
    s.rest("PATCH", REGISTRY + "/schemas/" + made["meta:altId"],
           [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}], ACCEPT, expect=2)
    return made["$id"]


def dataset(s, name, schema_id, **tags):
    body = {"name": name, "schemaRef": {"id": schema_id, "contentType": "application/vnd.adobe.xed-full+json;version=1"},
            "tags": dict({"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}, **tags)}
    return s.rest("POST", "/data/foundation/catalog/dataSets", body, expect=2).json[0].rsplit("/", 1)[1]


def namespace(s, code, kind="CROSS_DEVICE"):
    s.rest("POST", "/data/core/idnamespace/identities", {"code": code, "name": code, "idType": kind}, expect=2)


def audience(s, name, pql):
    return s.rest("POST", "/data/core/ups/audiences", {
        "name": name, "type": "SegmentDefinition", "lifecycleState": "published",
        "expression": {"type": "PQL", "format": "pql/text", "value": pql},
        "schema": {"name": "_xdm.context.profile"}}, expect=2).json["id"]


def datastream(s, name="web", event_dataset=None, **changes):
    body = {"name": name, "enabled": True, "sandboxName": "prod", "settings": {"firstPartyIdCookie": "FPID"},
            "services": {"com_adobe_experience_platform": {
                "enabled": True, "datasets": {"event": {"datasetId": event_dataset}} if event_dataset else {},
                "com_adobe_edge_segmentation": {"enabled": True}, "com_adobe_edge_destinations": {"enabled": True}},
                "com_adobe_target": {"enabled": True}}}
    for key, value in changes.items():
        body[key] = value
    return s.rest("POST", "/edgewise/datastreams", body, expect=2).json["id"]


def destination(s, name, spec, ds, audiences=(), attributes=(), alias="web-personalization"):
    base = "/data/foundation/flowservice"
    connection = s.rest("POST", base + "/connections", {"name": name, "connectionSpec": {"id": spec, "version": "1.0"}},
                        expect=2).json["id"]
    source = s.rest("POST", base + "/sourceConnections", {
        "name": name, "connectionSpec": {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}}, expect=2).json["id"]
    target = s.rest("POST", base + "/targetConnections", {
        "name": name, "baseConnectionId": connection, "connectionSpec": {"id": spec, "version": "1.0"},
        "params": {"datastreamId": ds, "integrationAlias": alias}}, expect=2).json["id"]
    return s.rest("POST", base + "/flows", {
        "name": name, "sourceConnectionIds": [source], "targetConnectionIds": [target],
        "transformations": [{"name": "GeneralTransform", "params": {
            "segmentSelectors": {"selectors": [{"type": "PLATFORM_SEGMENT", "value": {"id": a, "name": a}} for a in audiences]},
            "profileSelectors": {"selectors": [{"type": "JSON_PATH", "value": {"path": p, "operator": "EXISTS"}}
                                               for p in attributes]}}}]}, expect=2).json["id"]


def offer(s, name, kind="content", **members):
    tenant = s.credentials["tenant"]
    return s.rest("POST", "/%s/target/offers/%s" % (tenant, kind), dict({"name": name}, **members), expect=2).json["id"]


def activity(s, kind, name, location, experiences, **more):
    """experiences: list of (name, offer id, extra members)."""
    body = {"name": name, "state": "approved", "priority": 5,
            "options": [{"optionLocalId": i, "name": e[0], "offerId": e[1]} for i, e in enumerate(experiences)],
            "locations": {"mboxes": [{"locationLocalId": 0, "name": location}]},
            "experiences": [dict({"experienceLocalId": i, "name": e[0],
                                  "optionLocations": [{"locationLocalId": 0, "optionLocalId": i}]}, **e[2])
                            for i, e in enumerate(experiences)],
            "metrics": [{"metricLocalId": 32767, "name": "Order", "conversion": True,
                         "mboxes": [{"name": "orderConfirm", "successEvent": "mbox_shown"}],
                         "action": {"type": "count_once"}}]}
    body.update(more)
    tenant = s.credentials["tenant"]
    return s.rest("POST", "/%s/target/activities/%s" % (tenant, kind), body, expect=2).json["id"]


def web_dataset(s, name="web events"):
    return dataset(s, name, schema(s, name, "experienceevent", groups=["experienceevent-commerce", "experienceevent-web"]))


def records(s, dataset_id, rows):
    """JSON rows through the batch API, processed when this returns."""
    b = s.rest("POST", "/data/foundation/import/batches",
               {"datasetId": dataset_id, "inputFormat": {"format": "json"}}, expect=2).json["id"]
    s.rest("PUT", "/data/foundation/import/batches/%s/datasets/%s/files/rows.json" % (b, dataset_id),
           "\n".join(json.dumps(r) for r in rows), {"Content-Type": "application/octet-stream"}, expect=2)
    s.rest("POST", "/data/foundation/import/batches/%s?action=COMPLETE" % b, "", expect=2)
    import time
    for _ in range(600):
        batch = s.rest("GET", "/data/foundation/catalog/batches/" + b, expect=200).json[b]
        if batch["status"] in ("success", "failed"):
            break
        time.sleep(0.02)
    assert batch["status"] == "success", batch
    s.drain()
    return batch
