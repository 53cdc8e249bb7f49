// alloy_test.mjs - the items of the wire checklist that need the real SDK (Annex B of the Edge Network specification): test
// "NNN ..." is item NNN. Pages are a few lines of HTML that Playwright serves; the edge is ours, on a third-party host, except
// where an item asks for an answer that a healthy server does not give: then that one answer is scripted.
import assert from "node:assert/strict";
import { Server, openBrowser, payload, runTests, until } from "./harness.mjs";
import { PAGE, Site, alloy, decisioning, displays, entries, event } from "./web_page.mjs";

const CUSTOM_SPEC = "1f2e3d4c-0000-4a5b-8c6d-7e8f90a1b202";
const server = await Server.start("--emulator");
const browser = await openBrowser(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);

/* ---- what the pages meet ---- */

const target = (path) => `/${server.credentials.tenant}/target${path}`;
async function offer(name, kind, members) {
  return (await server.rest("POST", target("/offers/" + kind), { name, ...members })).id;
}
async function activity(name, offerId, more = {}, location = {}, experience = {}) {
  return String((await server.rest("POST", target("/activities/xt"), {
    name, state: "approved", priority: 5, options: [{ optionLocalId: 0, name, offerId }],
    locations: { mboxes: [{ locationLocalId: 0, name: "target-global-mbox", ...location }] },
    experiences: [{ experienceLocalId: 0, name, optionLocations: [{ locationLocalId: 0, optionLocalId: 0 }], ...experience }],
    metrics: [{ metricLocalId: 32767, name: "Order", conversion: true, mboxes: [{ name: "orderConfirm", successEvent: "mbox_shown" }],
      action: { type: "count_once" }, ...(more.clicks ? { clickTrackSelectors: more.clicks } : {}) }],
    ...(more.views ? { views: more.views } : {}) })).id);
}
const setHtml = (selector, content) => ({ actions: [{ type: "setHtml", selector, content, prehidingSelector: selector }] });

const seen = (await server.rest("POST", "/data/core/ups/audiences", { name: "seen", type: "SegmentDefinition", lifecycleState: "published",
  expression: { type: "PQL", format: "pql/text", value: 'xEvent[eventType = "t" and timestamp occurs <= 1 hours before now].count() >= 1' },
  schema: { name: "_xdm.context.profile" } })).id;
const ds = (await server.rest("POST", "/edgewise/datastreams", { name: "web", enabled: true, sandboxName: "prod", services: {
  com_adobe_experience_platform: { enabled: true, datasets: {}, com_adobe_edge_segmentation: { enabled: true }, com_adobe_edge_destinations: { enabled: true } },
  com_adobe_target: { enabled: true } } })).id;
{
  const base = "/data/foundation/flowservice", connectionSpec = { id: CUSTOM_SPEC, version: "1.0" };
  const connection = (await server.rest("POST", base + "/connections", { name: "pull", connectionSpec })).id;
  const source = (await server.rest("POST", base + "/sourceConnections", { name: "pull", connectionSpec: { id: "8a9c3494-9708-43d7-ae3f-cda01e5030e1", version: "1.0" } })).id;
  const to = (await server.rest("POST", base + "/targetConnections", { name: "pull", baseConnectionId: connection, connectionSpec,
    params: { datastreamId: ds, integrationAlias: "web-personalization" } })).id;
  await server.rest("POST", base + "/flows", { name: "pull", sourceConnectionIds: [source], targetConnectionIds: [to], transformations: [{ name: "GeneralTransform",
    params: { segmentSelectors: { selectors: [{ type: "PLATFORM_SEGMENT", value: { id: seen, name: "seen" } }] } } }] });
}
const hero = await activity("hero", await offer("hero", "actions", setHtml("#hero", "<b>Hello</b>")),
  { clicks: [{ selector: "#cta", selectorVersion: 1 }] });
await activity("cart", await offer("cart", "actions", setHtml("#cart-box", "two tents")),
  { views: [{ viewLocalId: 0, name: "cart" }] }, { viewLocalId: 0 });
const movers = (await server.rest("POST", target("/audiences"), { name: "movers", targetRule: { profile: "moving", equals: ["yes"] } })).id;
await activity("redirect", await offer("redirect", "redirect", { content: PAGE + "new-home" }), {}, {}, { audienceIds: [movers] });

/* ---- a page with the SDK ---- */

const site = new Site(server, browser, ds, '<div id="hero">default</div><button id="cta">buy</button><div id="cart-box">empty</div>');
const open = (...args) => site.open(...args), land = (...args) => site.land(...args);
// Several commands in one task; settled results.
const together = (d, ...commands) => d.page.evaluate((list) => Promise.allSettled(list.map(([c, o]) => window.alloy(c, o)))
  .then((all) => all.map((r) => ({ ok: r.status === "fulfilled", why: String(r.reason?.message ?? "") }))), commands);

// The next requests to the edge get these answers; then the server's.
async function script(d, ...answers) {
  await d.page.route("https://edge.example.test/**", (route) => {
    const a = answers.shift();
    if (!a) return route.fallback();
    const origin = route.request().headers().origin;
    return route.fulfill({ status: a.status, body: a.body ? JSON.stringify(a.body) : "", headers: { "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true", "access-control-expose-headers": "Retry-After", "content-type": "application/json", ...a.headers } });
  });
}

/* ---- delivery ---- */

test("041 503 and 429 are retried with the same request id", async () => {
  const d = await open();
  await script(d, { status: 503, headers: { "retry-after": "1" } }, { status: 429, headers: { "retry-after": "0" } });
  await alloy(d, "sendEvent", event());
  assert.equal(d.requests.length, 3);
  assert.equal(new Set(d.requests.map((r) => r.id)).size, 1);
  assert.deepEqual((await Promise.all(d.requests.map((r) => r.answer))).map((a) => a.status), [503, 429, 200]);
  assert.equal((await server.hits()).filter((h) => h.requestId.startsWith(d.requests[0].id)).length, 1);
  await d.close();
});

test("107 119 a 207 is a success, its errors are on the console", async () => {
  await activity("huge", await offer("huge", "content", { content: "${mbox.x}".repeat(2000) }), {}, { name: "huge" });
  const d = await open(PAGE, { debugEnabled: true });
  const { propositions } = await alloy(d, "sendEvent", event({}, { personalization: { decisionScopes: ["huge"], defaultPersonalizationEnabled: false },
    data: { __adobe: { target: { x: "x".repeat(50000) } } } }));
  assert.deepEqual(propositions, []);
  const answer = await d.last.answer;
  assert.equal(answer.status, 207);
  assert.deepEqual(answer.body.errors.map((e) => [e.status, e.report.eventIndex]), [[502, 0]]);
  assert.ok(d.console.some((l) => /non-fatal error/i.test(l)), d.console.join("\n"));
  assert.match((await alloy(d, "getIdentity")).identity.ECID, /^[0-9]{38}$/);
  await d.close();
});

/* ---- identity ---- */

test("074 202 on localhost getIdentity needs no request after an event", async () => {
  const d = await open("http://localhost:8080/");
  await alloy(d, "sendEvent", event());
  const { identity } = await alloy(d, "getIdentity");
  assert.match(identity.ECID, /^[0-9]{38}$/);
  assert.deepEqual(d.requests.map((r) => r.action), ["interact"]);
  assert.equal(d.requests[0].body.meta.state.domain, "");
  await alloy(d, "sendEvent", event());
  assert.ok(entries(d.last).some((e) => e.key.endsWith("_identity")), "the cookie stays on a http page");
  await d.close();
});

test("075 getIdentity first: one acquire request, and the region", async () => {
  const d = await open();
  const { identity, edge } = await alloy(d, "getIdentity");
  assert.match(identity.ECID, /^[0-9]{38}$/);
  assert.deepEqual(d.requests.map((r) => r.action), ["identity/acquire"]);
  assert.equal(edge.regionId, 9);
  await d.close();
});

test("076 three events at once: the second and third wait for the identity", async () => {
  const d = await open();
  const before = (await server.hits()).length;
  const all = await together(d, ["sendEvent", event()], ["sendEvent", event()], ["sendEvent", event()]);
  assert.ok(all.every((r) => r.ok));
  assert.deepEqual(d.requests.map((r) => entries(r).filter((e) => e.key.endsWith("_identity")).length), [0, 1, 1]);
  assert.deepEqual(d.requests.map((r) => r.path), ["/ee/v1/interact", "/ee/or2/v1/interact", "/ee/or2/v1/interact"]);
  const hits = (await server.hits()).slice(before);
  assert.equal(hits.length, 3);
  assert.equal(new Set(hits.map((h) => h.identityMap.ECID[0].id)).size, 1);
  await d.close();
});

test("077 a first request that fails lets the next one out alone", async () => {
  const d = await open();
  await script(d, { status: 400, body: { type: "x", status: 400, title: "bad" } });
  const all = await together(d, ["sendEvent", event()], ["sendEvent", event()], ["sendEvent", event()]);
  assert.deepEqual(all.map((r) => r.ok), [false, true, true]);
  assert.deepEqual(d.requests.map((r) => entries(r).filter((e) => e.key.endsWith("_identity")).length), [0, 0, 1]);
  await d.close();
});

test("078 079 an identity travels to another domain in the URL", async () => {
  const d = await open();
  await alloy(d, "sendEvent", event());
  const { identity } = await alloy(d, "getIdentity");
  const { url } = await alloy(d, "appendIdentityToUrl", { url: "https://landing.example.org/p?x=1" });
  assert.match(url, /adobe_mc=TS%3D\d+%7CMCMID%3D\d{38}%7CMCORGID%3D/);
  await land(d, url);
  await alloy(d, "sendEvent", event({}, {}));
  assert.deepEqual(d.last.body.xdm.identityMap.ECID, [{ id: identity.ECID }]);
  assert.equal(payload(await d.last.answer, "identity:result")[0].id, identity.ECID);
  assert.equal((await alloy(d, "getIdentity")).identity.ECID, identity.ECID);
  const cookies = await d.context.cookies("https://landing.example.org/");
  assert.ok(cookies.some((c) => c.name.endsWith("_identity")));
  await d.close();
});

test("080 the visitor id of the older library is kept", async () => {
  const ecid = "46116860184273879041234567890123456789";
  const d = await open(PAGE, {}, (x) => x.context.addCookies([{ name: "AMCV_" + encodeURIComponent(server.credentials.orgId),
    value: encodeURIComponent("MCMID|" + ecid), domain: ".northpeak.test", path: "/" }]));
  await alloy(d, "sendEvent", event());
  assert.equal(d.requests[0].body.xdm?.identityMap?.ECID?.[0].id ?? d.requests[0].body.events[0].xdm.identityMap.ECID[0].id, ecid);
  assert.equal((await alloy(d, "getIdentity")).identity.ECID, ecid);
  await d.close();
});

test("081 a page with another organisation says so on its console", async () => {
  const d = await open(PAGE, { orgId: "0000000000000000000000AA@AdobeOrg", debugEnabled: true });
  await alloy(d, "sendEvent", event());
  assert.ok(d.console.some((l) => /Identity cookie not found/i.test(l)), d.console.join("\n"));
  await d.close();
});

/* ---- consent ---- */

test("103 104 events wait for consent; the same consent is sent once", async () => {
  const d = await open(PAGE, { defaultConsent: "pending" });
  const yes = { consent: [{ standard: "Adobe", version: "1.0", value: { general: "in" } }] };
  const all = await together(d, ["sendEvent", event()], ["setConsent", yes]);
  assert.ok(all.every((r) => r.ok));
  assert.deepEqual(d.requests.map((r) => r.action), ["privacy/set-consent", "interact"]);
  assert.ok(entries(d.requests[1]).some((e) => e.key.endsWith("_consent") && e.value === "general=in"));
  await alloy(d, "setConsent", yes);
  assert.equal(d.named("privacy/set-consent").length, 1);
  await d.close();
});

/* ---- personalization ---- */

test("137 a rendered change is reported once, with what was delivered", async () => {
  const d = await open();
  await alloy(d, "sendEvent", event({}, { renderDecisions: true }));
  await d.page.waitForSelector("#hero b");
  await until("the display event", () => displays(d).length > 0);
  await displays(d)[0].answer;
  await alloy(d, "sendEvent", event());
  assert.equal(displays(d).length, 1);
  const [delivered] = payload(await d.requests[0].answer, "personalization:decisions").filter((p) => p.scope === "__view__");
  const { propositions, propositionEventType } = decisioning(displays(d)[0]);
  assert.deepEqual(propositionEventType, { display: 1 });
  assert.deepEqual(propositions, [{ id: delivered.id, scope: "__view__", scopeDetails: delivered.scopeDetails }]);
  assert.equal(displays(d)[0].action, "interact");
  await d.close();
});

test("138 a display that travels with the next event", async () => {
  const d = await open();
  await alloy(d, "sendEvent", { type: "decisioning.propositionFetch", renderDecisions: true, personalization: { sendDisplayEvent: false } });
  await d.page.waitForSelector("#hero b");
  await alloy(d, "sendEvent", event({}, { personalization: { includeRenderedPropositions: true } }));
  assert.equal(d.requests.length, 2);
  assert.equal(displays(d).length, 0);
  assert.deepEqual(decisioning(d.last).propositionEventType, { display: 1 });
  const [hit] = (await server.hits()).filter((h) => h.requestId.startsWith(d.last.id));
  assert.deepEqual(hit.notices.map((n) => [n.type, n.activity]), [["display", hero]]);
  await d.close();
});

test("130 139 a view is shown from what came with the page", async () => {
  const d = await open();
  await alloy(d, "sendEvent", event({}, { renderDecisions: true }));
  const views = payload(await d.requests[0].answer, "personalization:decisions").filter((p) => p.scopeDetails.characteristics.scopeType === "view");
  assert.deepEqual(views.map((p) => p.scope), ["cart"]);
  assert.equal(await d.text("#cart-box"), "empty");
  await until("the page's display event", () => displays(d).length > 0);
  await alloy(d, "sendEvent", { renderDecisions: true, xdm: { eventType: "t", web: { webPageDetails: { viewName: "cart" } } } });
  await until("the view's change", async () => (await d.text("#cart-box")) === "two tents");
  const view = d.requests.find((r) => r.body.events[0].xdm.web?.webPageDetails?.viewName === "cart");
  assert.equal(view.body.events[0].query?.personalization, undefined);
  assert.deepEqual(decisioning(view).propositions.map((p) => p.scope), ["cart"]);
  await d.close();
});

test("140 a click on a tracked element is a beacon and one click", async () => {
  const clicks = async () => (await server.rest("GET", "/edgewise/reports/" + hero)).totals.clicks;
  await server.drain();
  const before = await clicks();
  const d = await open();
  await alloy(d, "sendEvent", event({}, { renderDecisions: true }));
  await until("the display event", () => displays(d).length > 0);
  await displays(d)[0].answer;
  await d.page.click("#cta");
  await until("the beacon", () => d.named("collect").length > 0);
  assert.equal((await d.named("collect")[0].answer).status, 204);
  await until("the click in the log", async () => (await server.hits()).at(-1).notices?.some((n) => n.type === "interact"));
  await server.drain();
  assert.equal(await clicks(), before + 1);
  await d.close();
});

test("141 a redirect: the browser goes there, nothing else is rendered", async () => {
  const d = await open();
  await alloy(d, "sendEvent", { xdm: { eventType: "t" }, data: { __adobe: { target: { "profile.moving": "yes" } } } });
  await land(d, PAGE + "old-home");
  const gone = d.page.waitForURL(PAGE + "new-home");
  await d.page.evaluate(() => addEventListener("pagehide", () => sessionStorage.setItem("left",
    getComputedStyle(document.body).visibility + " " + document.querySelector("#hero").textContent)));
  await d.page.evaluate(() => void window.alloy("sendEvent", { renderDecisions: true, xdm: { eventType: "t" } }).catch(() => {}));
  await gone;
  const [beacon] = d.named("collect"); // its answer comes after the page is gone: the log tells
  assert.equal(await d.page.evaluate(() => sessionStorage.getItem("left")), "hidden default");
  assert.equal(await d.text("#hero"), "default");
  await until("the display of the redirect in the log", async () => (await server.hits()).some((h) => h.requestId.startsWith(beacon.id) &&
    h.notices.some((n) => n.type === "display")));
  await d.close();
});

test("152 an unknown action breaks nothing", async () => {
  const d = await open();
  const action = { schema: "https://ns.adobe.com/personalization/dom-action", id: "1", data: { type: "zoom", format: "application/vnd.adobe.target.dom-action",
    selector: "#hero", content: "x" } };
  await script(d, { status: 200, body: { requestId: "r", handle: [{ type: "personalization:decisions", eventIndex: 0, payload: [{ id: "AT:x", scope: "__view__",
    scopeDetails: { decisionProvider: "TGT", activity: { id: "1" } }, items: [action] }] }] } });
  const { propositions } = await alloy(d, "sendEvent", event({}, { renderDecisions: true }));
  assert.deepEqual(propositions.map((p) => p.renderAttempted), [false]);
  assert.equal(await d.text("#hero"), "default");
  await alloy(d, "sendEvent", event());
  await d.close();
});

test("154 the audiences of the visitor are in the answer", async () => {
  const d = await open();
  const result = await alloy(d, "sendEvent", event());
  const [item] = payload(await d.last.answer, "activation:pull");
  assert.equal(item.type, "profileLookup");
  assert.equal(item.alias, "web-personalization");
  assert.deepEqual(item.segments, [{ id: seen, namespace: "ups" }]);
  assert.ok(!("destinations" in result), "this release of the SDK does not hand them to the page");
  await d.close();
});

/* ---- media ---- */

test("193 a player's session: pings come at the configured interval, by themselves", async () => {
  const d = await open(PAGE, { streamingMedia: { channel: "films", playerName: "player", mainPingInterval: 15 } }, (x) => x.page.clock.install());
  await alloy(d, "sendEvent", event());
  const { sessionId } = await d.page.evaluate(() => window.alloy("createMediaSession", { playerId: "p1",
    getPlayerDetails: () => ({ playhead: window.playhead = (window.playhead ?? 0) + 7, qoeDataDetails: { bitrate: 1 } }),
    xdm: { eventType: "media.sessionStart", mediaCollection: { sessionDetails: { name: "film", contentType: "vod", length: 60 } } } }));
  assert.match(sessionId, /^[0-9a-f]{64}$/);
  assert.equal(payload(await d.last.answer, "media-analytics:new-session")[0].sessionId, sessionId);
  for (let n = 1; n <= 3; n++) {
    await d.page.clock.runFor(14000);
    assert.equal(d.named("ping").length, n - 1, "the interval is not over");
    await d.page.clock.runFor(1500);
    await until("ping " + n, () => d.named("ping").length === n);
    assert.equal((await d.last.answer).status, 204);
    assert.equal(d.last.path, "/ee/or2/va/v1/ping");
    const { eventType, mediaCollection } = d.last.body.events[0].xdm;
    assert.deepEqual([eventType, mediaCollection.sessionID], ["media.ping", sessionId]);
    assert.equal(typeof mediaCollection.playhead, "number");
  }
  await d.close();
});

/* ---- hybrid pages: the site's server asks, the page applies ---- */

// What a site's server does for a page: the browser's cookies as entries, the answer with its headers to the page.
async function onBehalfOf(d) {
  const cookies = (await d.context.cookies(PAGE)).filter((c) => c.name.startsWith("kndctr_"));
  const r = await server.call("POST", `/ee/v1/interact?configId=${ds}`, {
    events: [{ xdm: { eventType: "t", web: { webPageDetails: { URL: PAGE } } }, query: { personalization: { decisionScopes: ["__view__"] } } }],
    query: { identity: { fetch: ["ECID"] } },
    meta: { state: { domain: "northpeak.test", cookiesEnabled: true, entries: cookies.map((c) => ({ key: c.name, value: decodeURIComponent(c.value) })) } },
  }, { "Content-Type": "application/json", Referer: PAGE });
  assert.equal(r.status, 200);
  return { responseBody: r.json, responseHeaders: { "x-adobe-edge": r.headers["x-adobe-edge"] }, renderDecisions: true };
}

test("194 195 the page applies what its own server was answered", async () => {
  const d = await open();
  const first = await onBehalfOf(d);
  const [{ id }] = first.responseBody.handle.find((h) => h.type === "identity:result").payload;
  await alloy(d, "applyResponse", first);
  await d.page.waitForSelector("#hero b");
  assert.ok((await d.context.cookies(PAGE)).some((c) => c.name.endsWith("_identity")));
  await until("the display event", () => displays(d).length > 0);
  const shown = displays(d)[0];
  assert.equal(payload(await shown.answer, "identity:result")[0].id, id);
  assert.ok(entries(shown).some((e) => e.key.endsWith("_identity")));
  assert.deepEqual(decisioning(shown).propositions.map((p) => p.scopeDetails.activity.id), [hero]);
  const { identity, edge } = await alloy(d, "getIdentity");
  assert.equal(identity.ECID, id);
  assert.equal(edge.regionId, 9);
  assert.deepEqual(d.requests.map((r) => r.action), ["interact"], "the page asked for nothing itself");
  await land(d, PAGE); // the next page: its server has the cookies
  const second = await onBehalfOf(d);
  assert.equal(second.responseBody.handle.find((h) => h.type === "identity:result").payload[0].id, id);
  await d.close();
});

await runTests(tests, async () => {
  await browser.close();
  await server.close();
});
