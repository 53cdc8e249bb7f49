// atjs.mjs - the unmodified at.js in Chromium: the page, views, clicks, tracked events, offers by hand, Analytics, QA links
// [TARGET 12.173-175, 179].
//
//   EDGEWISE_ATJS=at.js node tests/sdk/atjs.mjs
//
// The file is the vendor's, who hands it out on Target's administration page and in no package registry, so whoever has
// one names it. make test runs this when EDGEWISE_ATJS is set. Versions that passed: docs/conformance-target.md.
import fs from "node:fs";
import { Device, Server, openBrowser, runTests, until } from "./harness.mjs";
import { World, assert } from "./target_world.mjs";

const file = process.env.EDGEWISE_ATJS;
if (!file || !fs.existsSync(file)) {
  console.error("atjs.mjs: EDGEWISE_ATJS must name the vendor's at.js");
  process.exit(2);
}
const library = fs.readFileSync(file, "utf8");

const server = await Server.startFor("acme", "--emulator");
const browser = await openBrowser(server);
const world = new World(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);

const PAGE = "https://page.northpeak.test/", OTHER = "https://other.northpeak.test/";
const BODY = `<h1 id="t">default</h1><button id="buy">buy</button><p id="v">page</p><div id="slot">slot</div>`;

/* ---- pages ---- */

// settings: of targetGlobalSettings; parameters: what targetPageParams() returns.
const html = (settings, parameters) => `<!doctype html><html><head><title>page</title><link rel="icon" href="data:,">
<script>window.targetGlobalSettings = ${JSON.stringify({ clientCode: "acme", imsOrgId: server.credentials.orgId,
    serverDomain: "edge.example.test", secureOnly: true, timeout: 15000, bodyHidingEnabled: false, overrideMboxEdgeServer: false, ...settings })};
window.targetPageParams = () => (${JSON.stringify(parameters)});
window.seen = [];
for (const name of ["at-request-succeeded", "at-request-failed", "at-content-rendering-succeeded", "at-content-rendering-failed", "at-content-rendering-no-offers"])
  document.addEventListener(name, (e) => window.seen.push({ name, detail: JSON.parse(JSON.stringify(e.detail)) }));</script>
<script src="/at.js"></script></head><body>${BODY}</body></html>`;

async function land(d, url, settings = {}, parameters = {}) {
  for (const origin of [PAGE, OTHER])
    await d.page.route((u) => u.href.startsWith(origin), (route) => route.fulfill(new URL(route.request().url()).pathname === "/at.js"
      ? { contentType: "text/javascript", body: library } : { contentType: "text/html", body: html(settings, parameters) }));
  await d.page.goto(url);
}

async function open(url = PAGE, settings = {}, parameters = {}) {
  const d = await Device.open(browser);
  await land(d, url, settings, parameters);
  return d;
}

const seen = (d, name) => d.page.evaluate((n) => window.seen.filter((e) => e.name === n).map((e) => e.detail), name);
const succeeded = (d, n = 1) => until("request " + n, async () => { const x = await seen(d, "at-request-succeeded"); return x.length >= n ? x : null; });
const deliveries = (d) => d.requests.filter((r) => r.action.startsWith("delivery"));
const notices = (d) => deliveries(d).flatMap((r) => r.body.notifications ?? []);
const cookie = async (d, name) => (await d.context.cookies(PAGE)).find((c) => c.name === name)?.value;
const offers = (d, request) => d.page.evaluate((r) => adobe.target.getOffers({ request: r }).then((x) => JSON.parse(JSON.stringify(x))), request);

/* ---- what the server counted ---- */

async function totals(activity, metric = 32767) {
  await server.drain();
  return (await server.rest("GET", `/acme/target/activities/ab/${activity}/report/performance?conversionMetricLocalIds=${metric}`,
    undefined, { Accept: "application/vnd.adobe.target.v1+json" })).report.statistics.totals;
}
const impressions = async (activity) => (await totals(activity)).impression.totals.entries;
const conversions = async (activity, metric) => (await totals(activity, metric)).visitor.totals.conversions;

const goal = (more = {}) => ({ metricLocalId: 32767, name: "goal", conversion: true, action: { type: "count_once" },
  mboxes: [{ name: "orderConfirm", successEvent: "mbox_shown" }], ...more });
const all = (offer) => [{ percent: 100, offer }];
const setText = (selector, content) => world.offer("actions", [{ type: "setText", selector, content }]);

test("the fixture activities", async () => {
  const a = await world.offer("json", { v: "A" }), b = await world.offer("json", { v: "B" });
  await world.activity(1001, "ab", { mbox: "hero" }, [{ percent: 50, offer: a }, { percent: 50, offer: b }]);
  await world.activity(5001, "ab", { selector: "#t" }, all(await setText("#t", "low")), { metrics: [goal()] });
  await world.activity(5002, "ab", { selector: "#t" }, all(await setText("#t", "high")), { priority: 9,
    metrics: [goal(), { metricLocalId: 4, name: "Buy", action: { type: "count_once" }, clickTrackSelectors: [{ selector: "#buy", selectorVersion: 1 }] }] });
  await world.activity(8001, "ab", { selector: "#v", view: "home" }, all(await setText("#v", "view")));
  await world.activity(1300, "ab", { mbox: "html" }, all(await world.offer("content", "<b id='made'>made for ${profile.name default=\"you\" show_blank=\"false\"}</b>")));
  await world.activity(9600, "ab", { mbox: "a4t" }, all(await world.offer("content", "<i>a4t</i>")), { reportingSource: "analytics" });
});

/* ---- the page ---- */

test("[TARGET 12.173] the page: one request, its changes applied, the visitor kept in the cookie", async () => {
  const before = await impressions(5002), d = await open();
  await succeeded(d);
  await until("the change", async () => (await d.text("#t")) === "high");
  assert.equal(deliveries(d).length, 1);
  const [r] = deliveries(d), answer = await r.answer;
  assert.equal(answer.status, 200);
  assert.ok(r.body.execute.pageLoad, "one request for the page");
  assert.match(await cookie(d, "mbox"), new RegExp("PC#" + answer.body.id.tntId + "#\\d+"));
  assert.match(await cookie(d, "mbox"), new RegExp("session#" + new URL(r.url).searchParams.get("sessionId") + "#\\d+"));
  assert.equal(await impressions(5002), before + 1, "what is executed is shown");
  const [rendered] = await seen(d, "at-content-rendering-succeeded");
  assert.ok(rendered, JSON.stringify(await seen(d, "at-content-rendering-failed")));
  await land(d, PAGE + "second");
  await succeeded(d);
  const second = await deliveries(d)[1].answer;
  assert.equal(second.body.id.tntId, answer.body.id.tntId, "the same visitor on the next page");
  assert.deepEqual(d.console.filter((l) => /error|invalid|fail/i.test(l)), []);
  await d.close();
});

test("[TARGET 12.173] a view: fetched with the page, applied when it is entered, its display reported", async () => {
  const d = await open();
  await succeeded(d);
  const before = await impressions(8001);
  assert.equal(await d.text("#v"), "page");
  await d.page.evaluate(() => adobe.target.triggerView("home"));
  await until("the view's change", async () => (await d.text("#v")) === "view");
  await until("its display", () => notices(d).some((n) => n.type === "display"));
  const told = deliveries(d).find((r) => r.body.notifications);
  assert.ok([200, 204].includes((await told.answer).status), "204: it came as a beacon");
  assert.equal(told.body.notifications[0].view.name, "home");
  assert.equal(await impressions(8001), before + 1);
  await d.close();
});

test("a click on a tracked element converts", async () => {
  const d = await open();
  await succeeded(d);
  await until("the change", async () => (await d.text("#t")) === "high");
  const before = await conversions(5002, 4);
  await d.page.click("#buy");
  await until("the click", () => notices(d).some((n) => n.type === "click"));
  await until("its conversion", async () => (await conversions(5002, 4)) === before + 1);
  await d.close();
});

/* ---- offers by hand ---- */

test("offers by hand: fetched, applied to an element, parameters and profile of the page with them", async () => {
  const d = await open(PAGE, { pageLoadEnabled: false }, { "profile.name": "Ada" });
  const answer = await offers(d, { execute: { mboxes: [{ index: 0, name: "hero" }, { index: 1, name: "html", profileParameters: { name: "Ada" } }] } });
  assert.ok(["A", "B"].includes(answer.execute.mboxes[0].options[0].content.v), JSON.stringify(answer));
  assert.equal(answer.execute.mboxes[1].options[0].content, "<b id='made'>made for Ada</b>");
  await d.page.evaluate((x) => adobe.target.applyOffers({ selector: "#slot", response: { execute: { mboxes: [x] } } }), answer.execute.mboxes[1]);
  await until("the offer", async () => (await d.text("#slot")) === "made for Ada");
  const older = await d.page.evaluate(() => new Promise((resolve, reject) =>
    adobe.target.getOffer({ mbox: "html", success: (x) => resolve(JSON.parse(JSON.stringify(x))), error: (s, e) => reject(new Error(s + e)) })));
  assert.equal(older[0].content, "<b id='made'>made for Ada</b>", "kept from the request before");
  await d.close();
});

test("prefetch, then a notification with the token", async () => {
  const d = await open(PAGE, { pageLoadEnabled: false });
  const before = await impressions(1001);
  const answer = await offers(d, { prefetch: { mboxes: [{ index: 0, name: "hero" }] } });
  const [option] = answer.prefetch.mboxes[0].options;
  assert.equal(await impressions(1001), before);
  await d.page.evaluate((token) => adobe.target.sendNotifications({ request: { notifications: [{ id: "1", type: "display", timestamp: Date.now(),
    mbox: { name: "hero" }, tokens: [token] }] } }), option.eventToken);
  await until("its impression", async () => (await impressions(1001)) === before + 1);
  await d.close();
});

test("[TARGET 12.174] trackEvent is a beacon, answered with 204, and a hit on its location", async () => {
  const d = await open();
  await succeeded(d);
  const before = await conversions(5002, 32767);
  const beacon = d.page.waitForResponse((r) => r.url().includes("/rest/v1/delivery") && r.request().postData()?.includes("orderConfirm"));
  await d.page.evaluate(() => adobe.target.trackEvent({ mbox: "orderConfirm", params: { orderId: "1", orderTotal: "20", productPurchasedId: "p1" } }));
  assert.equal((await beacon).status(), 204);
  await until("the conversion", async () => (await conversions(5002, 32767)) === before + 1);
  const hit = (await server.hits()).filter((h) => h.visit?.order).at(-1);
  assert.deepEqual([hit.visit.order.id, hit.visit.order.total], ["1", 20]);
  await d.close();
});

/* ---- Analytics, response tokens, QA ---- */

test("[TARGET 12.175] client-side Analytics: the page is told the entries", async () => {
  const d = await open(PAGE, { pageLoadEnabled: false, analyticsLogging: "client_side" });
  const answer = await offers(d, { execute: { mboxes: [{ index: 0, name: "a4t" }] } });
  assert.equal(deliveries(d)[0].body.experienceCloud.analytics.logging, "client_side");
  const { analytics } = answer.execute.mboxes[0];
  assert.equal(analytics.payload.pe, "tnt");
  assert.match(analytics.payload.tnta, /^9600:0:0\|2,9600:0:0\|1,9600:0:0\|0$/);
  const told = (await succeeded(d, deliveries(d).length)).flatMap((e) => e.analyticsDetails ?? []);
  assert.deepEqual(told, [analytics], "and whoever listens to its events");
  await d.close();
});

test("response tokens come with the event", async () => {
  await world.post("responsetokens", { token: "activity.name", type: "activity", active: true });
  const d = await open();
  const [{ responseTokens }] = await succeeded(d);
  assert.ok(responseTokens.some((t) => t["activity.name"] === "activity 5002"), JSON.stringify(responseTokens));
  await d.close();
});

test("[TARGET 12.179] a QA link shows its experience, on the next page too", async () => {
  const { token } = (await server.rest("GET", "/acme/target/activities/1001/qa", undefined, { Accept: "application/vnd.adobe.target.v1+json" })).qaMode;
  const settings = { pageLoadEnabled: false }, hero = { execute: { mboxes: [{ index: 0, name: "hero" }] } };
  for (const [place, content] of [[1, "A"], [2, "B"]]) {
    const d = await open(`${PAGE}?at_preview_token=${encodeURIComponent(token)}&at_preview_index=1_${place}&at_preview_listed_activities_only=true`, settings);
    const show = async () => (await offers(d, hero)).execute.mboxes[0].options[0].content.v;
    assert.equal(await show(), content);
    assert.deepEqual(deliveries(d)[0].body.qaMode, { token, listedActivitiesOnly: true, previewIndexes: [{ activityIndex: 1, experienceIndex: place }] });
    assert.ok(await cookie(d, "at_qa_mode"));
    await land(d, PAGE + "next", settings);
    assert.equal(await show(), content, "the cookie says it");
    await d.close();
  }
});

/* ---- offers that do more ---- */

test("a redirect offer leaves the page, and the visitor stays himself", async () => {
  const page = (await world.post("audiences", { name: "leaves", targetRule: { page: "query.leave", equals: ["1"] } })).id;
  await world.activity(6001, "xt", { mbox: "target-global-mbox" }, [{ offer: await world.offer("redirect", OTHER + "landed"), audienceIds: [page] }], { priority: 99 });
  const d = await open(PAGE + "?leave=1");
  await d.page.waitForURL(OTHER + "landed*");
  await succeeded(d);
  const ids = (await Promise.all(deliveries(d).map((r) => r.answer))).map((a) => a?.body?.id.tntId).filter(Boolean);
  assert.equal(new Set(ids).size, 1);
  await d.close();
});

test("signing in: mbox3rdPartyId leads to the visitor from another browser", async () => {
  const first = await open(PAGE, {}, { mbox3rdPartyId: "ada", "profile.tier": "gold" });
  await succeeded(first);
  const second = await open(PAGE, {}, { mbox3rdPartyId: "ada" });
  await succeeded(second);
  const profile = (await server.call("GET", "/rest/v1/profiles/thirdPartyId/ada?client=acme")).json;
  assert.equal(profile.profileAttributes.tier.value, "gold", JSON.stringify(profile));
  await first.close();
  await second.close();
});

await runTests(tests, async () => {
  await browser.close();
  await server.close();
});
