// target_web_test.mjs - the Target part through the unmodified Web SDK in Chromium, on the activities of the checklist
// [TARGET 12]: scopes, visual changes, views, redirects, clicks, what data.__adobe.target says, and pages that come from at.js.
import http from "node:http";
import { Server, openBrowser, payload, runTests, until } from "./harness.mjs";
import { World, assert } from "./target_world.mjs";
import { PAGE, Site, alloy, decisioning, displays, entries, event } from "./web_page.mjs";

const server = await Server.startFor("acme", "--emulator");
const browser = await openBrowser(server);
const world = new World(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);

const ds = (await server.rest("POST", "/edgewise/datastreams", { name: "web", enabled: true, sandboxName: "prod",
  services: { com_adobe_experience_platform: { enabled: true, datasets: {} }, com_adobe_target: { enabled: true } } })).id;

const BODY = `<h1 id="t">default</h1><button id="buy">buy</button><button id="later">later</button><p id="v">page</p><p id="w">page</p>
<div id="set">old</div><p id="text">old</p><a id="attr" href="#">link</a><img id="img" alt=""><p id="style">style</p><div id="move">move</div>
<div id="size">size</div><ul id="list"><li>a</li><li>b</li><li>c</li></ul><p id="gone">gone</p><section id="code"><p>old</p></section>
<div id="around"><p id="middle">middle</p></div><p id="old">old</p><div id="grow"><i>middle</i></div><div id="remote">default</div>`;
const site = new Site(server, browser, ds, BODY);
const FIRST_PARTY = { edgeDomain: "www.northpeak.test" };

/* ---- the activities ---- */

const goal = (more = {}) => ({ metricLocalId: 32767, name: "goal", conversion: true, action: { type: "count_once" },
  mboxes: [{ name: "orderConfirm", successEvent: "mbox_shown" }], ...more });
const clicks = (metricLocalId, name, ...selectors) => ({ metricLocalId, name, action: { type: "count_once" },
  clickTrackSelectors: selectors.map((selector) => ({ selector, selectorVersion: 1 })) });
const all = (offer, more = {}) => [{ percent: 100, offer, ...more }];
const setText = (selector, content) => world.offer("actions", [{ type: "setText", selector, content }]);
const audience = async (targetRule) => (await world.post("audiences", { name: JSON.stringify(targetRule), targetRule })).id;

/* ---- what the server counted ---- */

async function performance(activity, metric = 32767) {
  await server.drain();
  return (await server.rest("GET", `/acme/target/activities/ab/${activity}/report/performance?conversionMetricLocalIds=${metric}`,
    undefined, { Accept: "application/vnd.adobe.target.v1+json" })).report.statistics.totals;
}
const entriesOf = async (activity, unit = "visitor") => (await performance(activity))[unit].totals.entries;
const conversionsOf = async (activity, metric) => (await performance(activity, metric)).visitor.totals.conversions;
const reportOf = async (activity) => (await server.drain(), (await server.rest("GET", "/edgewise/reports/" + activity)).totals);

/* ---- what pages do ---- */

const decisions = (answer, scope) => payload(answer, "personalization:decisions").filter((p) => !scope || p.scope === scope);
const ids = (list) => list.map((p) => p.scopeDetails.activity.id);
const idOf = (activityId, experienceId) => "AT:" + Buffer.from(JSON.stringify({ activityId, experienceId })).toString("base64");
const scopes = (...decisionScopes) => ({ personalization: { decisionScopes, defaultPersonalizationEnabled: false } });
const target = (members) => ({ data: { __adobe: { target: members } } });
const ecidOf = async (d) => (await alloy(d, "getIdentity")).identity.ECID;
const profileOf = async (d) => (await server.call("GET", `/rest/v1/profiles/marketingCloudVisitorId/${await ecidOf(d)}?client=acme`)).json;

// The page with everything that the server placed on it, and its display reported.
async function shown(d, more = {}) {
  await alloy(d, "sendEvent", event({}, { renderDecisions: true, ...more }));
  await until("the display event", () => displays(d).length > 0);
  await displays(d)[0].answer;
}

// A click that the SDK tracks, and its event in the log. Without metrics a page sends nothing.
async function click(d, selector) {
  const before = (await server.hits()).length;
  await d.page.click(selector);
  await until("the click in the log", async () => (await server.hits()).slice(before).some((h) => h.notices?.some((n) => n.type === "interact")));
}

test("the fixture activities", async () => {
  const a = await world.offer("json", { v: "A" }), b = await world.offer("json", { v: "B" });
  await world.activity(1001, "ab", { mbox: "hero" }, [{ percent: 50, offer: a }, { percent: 50, offer: b }],
    { metrics: [goal(), { metricLocalId: 3, name: "click", action: { type: "count_once" }, mboxes: [{ name: "hero", successEvent: "mbox_clicked" }] }] });
  await world.activity(5001, "ab", { selector: "#t" }, all(await setText("#t", "low")), { metrics: [goal()] });
  await world.activity(5002, "ab", { selector: "#t" }, all(await setText("#t", "high")),
    { priority: 9, metrics: [goal(), clicks(4, "Buy", "#buy")] });
  await world.activity(8001, "ab", { selector: "#v", view: "home" }, all(await setText("#v", "view")), { metrics: [goal(), clicks(4, "Click", "#v")] });
  const tier = await audience({ mbox: "tier", equals: ["gold"] }), us = await audience({ geo: "country", matches: ["us"] });
  await world.activity(4001, "xt", { mbox: "xt" }, [{ offer: await world.offer("content", "gold"), audienceIds: [tier] },
    { offer: await world.offer("content", "us"), audienceIds: [us] }]);
});

/* ---- scopes and the page ---- */

test("[TARGET 12.176] a scope: the proposition of the activity, its display is an impression, its click a conversion", async () => {
  const d = await site.open();
  const before = await entriesOf(1001, "impression"), clicked = await conversionsOf(1001, 3);
  const { propositions } = await alloy(d, "sendEvent", event({}, scopes("hero")));
  assert.deepEqual(ids(propositions), ["1001"]);
  const [p] = propositions, { experience } = p.scopeDetails;
  assert.equal(p.scopeDetails.decisionProvider, "TGT");
  assert.equal(p.id, idOf("1001", experience.id));
  assert.equal(p.items[0].schema, "https://ns.adobe.com/personalization/json-content-item");
  assert.deepEqual(p.items[0].data.content, { v: experience.id === "0" ? "A" : "B" });
  assert.equal(await entriesOf(1001, "impression"), before, "asked for, and not shown");
  const tell = (kind) => alloy(d, "sendEvent", { xdm: { eventType: "decisioning.proposition" + kind,
    _experience: { decisioning: { propositions: [{ id: p.id, scope: p.scope, scopeDetails: p.scopeDetails }], propositionEventType: { [kind.toLowerCase()]: 1 } } } } });
  await tell("Display");
  assert.equal(await entriesOf(1001, "impression"), before + 1);
  await tell("Interact");
  assert.equal(await conversionsOf(1001, 3), clicked + 1);
  await d.close();
});

test("[TARGET 12.177] the page: changes of both activities, the higher one last; a click on #buy is a conversion", async () => {
  const d = await site.open();
  const before = await conversionsOf(5002, 4), counted = (await reportOf("5002")).clicks;
  await shown(d);
  assert.equal(await d.text("#t"), "high");
  const changes = decisions(await d.requests[0].answer, "__view__").filter((p) => p.items.some((i) => i.data.type === "setText"));
  assert.deepEqual(ids(changes).slice(0, 2), ["5001", "5002"]);
  for (const p of changes) {
    assert.equal(p.id, idOf(p.scopeDetails.activity.id, "0"));
    assert.equal(p.items[0].schema, "https://ns.adobe.com/personalization/dom-action");
  }
  assert.deepEqual(decisioning(displays(d)[0]).propositions.map((p) => p.scopeDetails.activity.id), ["5001", "5002"]);
  await click(d, "#buy");
  assert.equal(await conversionsOf(5002, 4), before + 1);
  assert.equal((await reportOf("5002")).clicks, counted + 1);
  assert.equal(await conversionsOf(5001, 32767), 0);
  await d.close();
});

test("a click counts for the metrics whose selector was clicked, and for no other of the activity", async () => {
  await world.activity(5003, "ab", { selector: "#text" }, all(await setText("#text", "new")),
    { metrics: [goal(), clicks(4, "Buy", "#buy"), clicks(5, "Later", "#later"), clicks(6, "Any", "#later", "#buy")] });
  const d = await site.open();
  await shown(d);
  await click(d, "#later");
  const met = async () => [await conversionsOf(5003, 4), await conversionsOf(5003, 5), await conversionsOf(5003, 6)];
  assert.deepEqual(await met(), [0, 1, 1]);
  assert.equal((await reportOf("5003")).clicks, 1, "one click, whatever it meant");
  await click(d, "#buy");
  assert.deepEqual(await met(), [1, 1, 1]);
  await d.close();
});

/* ---- every visual change [TARGET 2.9] ---- */

const DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
const CHANGES = [
  { type: "setHtml", selector: "#set", content: "<b>new</b><script>window.ranInHtml = true</script>" },
  { type: "setText", selector: "#text", content: "<new>" },
  { type: "setAttribute", selector: "#attr", content: { href: "https://www.northpeak.test/", title: "T" } },
  { type: "setImageSource", selector: "#img", content: DOT },
  { type: "setStyle", selector: "#style", content: { "background-color": "rgb(1, 2, 3)", priority: "important" } },
  { type: "move", selector: "#move", content: { left: "10px", top: "5px" } },
  { type: "resize", selector: "#size", content: { width: "20px", height: "10px" } },
  { type: "rearrange", selector: "#list", content: { from: 2, to: 0 } },
  { type: "remove", selector: "#gone" },
  { type: "customCode", selector: "#code", content: "<i>first</i><script>window.ranCustom = true</script>" },
  { type: "insertBefore", selector: "#middle", content: "<p>before</p>" },
  { type: "insertAfter", selector: "#middle", content: "<p>after</p>" },
  { type: "replaceHtml", selector: "#old", content: '<p id="new">replaced</p>' },
  { type: "prependHtml", selector: "#grow", content: "<b>start</b>" },
  { type: "appendHtml", selector: "#grow", content: "<b>end</b>" },
  { type: "setContent", selector: "head", content: '<style id="style-in-head">#t { opacity: 1 }</style><b>no head element</b>' },
  { type: "trackClick", selector: "#attr" },
];

const looksChanged = (d) => d.page.evaluate(() => {
  const q = (s) => document.querySelector(s), css = (s) => q(s)?.style;
  return { html: q("#set").innerHTML.replace(/<script.*/, ""), ran: [window.ranInHtml, window.ranCustom], text: q("#text").textContent,
    attr: [q("#attr").getAttribute("href"), q("#attr").title], img: q("#img").getAttribute("src"),
    style: [css("#style").backgroundColor, css("#style").getPropertyPriority("background-color")],
    move: [css("#move").left, css("#move").top], size: [css("#size").width, css("#size").height],
    list: [...q("#list").children].map((e) => e.textContent).join(""), gone: q("#gone"), code: q("#code").firstElementChild.outerHTML,
    around: [...q("#around").children].map((e) => e.textContent), old: [q("#old"), q("#new")?.textContent],
    grow: q("#grow").textContent, head: [!!document.head.querySelector("#style-in-head"), !!document.head.querySelector("b")] };
});

test("[TARGET 2.9] every visual change is applied by the SDK", async () => {
  await server.rest("PUT", "/acme/target/activities/ab/5003/state", { state: "deactivated" });
  const visual = await audience({ page: "query.visual", equals: ["1"] });
  await world.activity(5004, "xt", { selector: "body" }, [{ offer: await world.offer("actions", CHANGES), audienceIds: [visual] }]);
  const d = await site.open(PAGE + "?visual=1");
  await shown(d, { xdm: { eventType: "t", web: { webPageDetails: { URL: PAGE + "?visual=1" } } } });
  const result = await until("all changes", async () => { const x = await looksChanged(d); return x.img && x.ran[1] ? x : null; });
  assert.deepEqual(result, { html: "<b>new</b>", ran: [true, true], text: "<new>", attr: ["https://www.northpeak.test/", "T"], img: DOT,
    style: ["rgb(1, 2, 3)", "important"], move: ["10px", "5px"], size: ["20px", "10px"], list: "cab", gone: null, code: "<i>first</i>",
    around: ["before", "middle", "after"], old: [null, "replaced"], grow: "startmiddleend", head: [true, false] });
  const [p] = decisions(await d.requests[0].answer, "__view__").filter((x) => x.scopeDetails.activity.id === "5004");
  assert.deepEqual(p.items.map((i) => i.data.type), CHANGES.map((c) => ({ setContent: "setHtml", trackClick: "click" })[c.type] ?? c.type));
  assert.deepEqual(d.console.filter((l) => /error|invalid/i.test(l)), []);
  await d.close();
});

/* ---- views ---- */

test("[TARGET 2.3] a single-page app: views come with the page, each is displayed when it is entered", async () => {
  await world.activity(8002, "ab", { selector: "#w", view: "Cart" }, all(await setText("#w", "cart")));
  const d = await site.open();
  const before = await entriesOf(8001, "impression"), clicked = await conversionsOf(8001, 4);
  await shown(d);
  const views = decisions(await d.requests[0].answer).filter((p) => p.scopeDetails.characteristics.scopeType === "view");
  assert.deepEqual([...new Set(views.map((p) => p.scope))].sort(), ["cart", "home"]);
  assert.deepEqual([await d.text("#v"), await d.text("#w")], ["page", "page"]);
  assert.equal(await entriesOf(8001, "impression"), before, "not entered yet");
  const enter = (viewName) => alloy(d, "sendEvent", { renderDecisions: true, xdm: { eventType: "t", web: { webPageDetails: { viewName } } } });
  await enter("home");
  await until("the view's change", async () => (await d.text("#v")) === "view");
  assert.equal(await d.text("#w"), "page");
  assert.equal(await entriesOf(8001, "impression"), before + 1);
  await click(d, "#v");
  assert.equal(await conversionsOf(8001, 4), clicked + 1);
  await enter("CART");
  await until("the other view's change", async () => (await d.text("#w")) === "cart");
  assert.equal(await entriesOf(8002), 1);
  const asked = d.requests.filter((r) => r.body.events?.[0].query?.personalization?.decisionScopes);
  assert.equal(asked.length, 1, "views are not asked for again");
  await d.close();
});

/* ---- redirect ---- */

test("[TARGET 2.9] a redirect: the browser is there, and the display counted", async () => {
  const moved = await audience({ page: "url", contains: ["/moved"] });
  await world.activity(9101, "ab", { mbox: "target-global-mbox" }, all(await world.offer("redirect", PAGE + "b?from=redirect"), { audienceIds: [moved] }),
    { priority: 20 });
  const d = await site.open();
  await alloy(d, "sendEvent", event());
  await site.land(d, PAGE + "moved");
  const gone = d.page.waitForURL(PAGE + "b?from=redirect");
  await d.page.evaluate(() => void window.alloy("sendEvent", { renderDecisions: true, xdm: { eventType: "t" } }).catch(() => {}));
  await gone;
  await until("the redirect's display", async () => (await entriesOf(9101)) === 1);
  await d.close();
});

/* ---- data.__adobe.target ---- */

test("[TARGET 1.12] parameters of the page reach rules, profile parameters the visitor", async () => {
  const colour = await audience({ profile: "colour", equals: ["red"] }), named = await audience({ mbox: "web.webPageDetails.name", equals: ["Tents"] });
  await world.activity(4002, "xt", { mbox: "mine" }, [{ offer: await world.offer("content", "Hi ${profile.colour}, ${mbox.size}"), audienceIds: [colour] },
    { offer: await world.offer("content", "tents"), audienceIds: [named] }]);
  const d = await site.open();
  const contents = async (scope, more = {}) => (await alloy(d, "sendEvent", { ...event(), ...scopes(scope), ...more })).propositions.flatMap((p) => p.items.map((i) => i.data.content));
  assert.deepEqual(await contents("xt"), []);
  assert.deepEqual(await contents("xt", target({ tier: "gold" })), ["gold"]);
  assert.deepEqual(await contents("xt", target({ tier: "Gold" })), []);
  assert.deepEqual(await contents("mine", event({ web: { webPageDetails: { name: "Tents" } } })), ["tents"]);
  assert.deepEqual(await contents("mine", target({ "profile.colour": "red", size: "XL" })), ["Hi red, XL"]);
  assert.deepEqual(await contents("mine", target({ profile: { age: 41 }, size: 7 })), ["Hi red, 7"], "it is kept");
  const { profileAttributes } = await profileOf(d);
  assert.deepEqual([profileAttributes.colour.value, profileAttributes.age.value], ["red", 41]);
  assert.ok(!("size" in profileAttributes) && !("tier" in profileAttributes), "parameters of the page are not of the visitor");
  await d.close();
});

test("[TARGET 1.12] orders of the page are revenue, once: as Target's parameters and as commerce", async () => {
  const bought = await audience({ mbox: "productPurchasedId", contains: ["sku-2"] });
  await world.activity(4003, "xt", { mbox: "thanks" }, [{ offer: await world.offer("content", "two"), audienceIds: [bought] }]);
  const d = await site.open(), e = await site.open();
  const confirm = (x, more) => alloy(x, "sendEvent", { ...more, xdm: { eventType: "decisioning.propositionDisplay", ...more.xdm,
    _experience: { decisioning: { propositions: [{ scope: "orderConfirm" }], propositionEventType: { display: 1 } } } } });
  for (const x of [d, e]) await shown(x);
  const before = await reportOf("5001");
  const order = target({ orderId: "web-1", orderTotal: "99.50", productPurchasedId: "sku-1,sku-2" });
  await confirm(d, order);
  await confirm(d, order);
  const commerce = { xdm: { commerce: { purchases: { value: 1 }, order: { purchaseID: "web-2", priceTotal: 10.25, currencyCode: "EUR" } } } };
  await confirm(e, commerce);
  const after = await reportOf("5001");
  assert.deepEqual([after.conversions - before.conversions, after.orders - before.orders, after.revenue - before.revenue], [2, 2, 109.75]);
  const { propositions } = await alloy(d, "sendEvent", { ...event(), ...scopes("thanks"), ...order });
  assert.deepEqual(ids(propositions), ["4003"]);
  await d.close();
  await e.close();
});

test("[TARGET 1.12] products and categories: parameters of the page, and affinity of the visitor", async () => {
  const entity = await audience({ mbox: "entity.id", equals: ["tent-1"] }), fan = await audience({ profile: "categoryAffinity", equals: ["tents"] });
  await world.activity(4004, "xt", { mbox: "product" }, [{ offer: await world.offer("content", "tent"), audienceIds: [entity] }]);
  await world.activity(4005, "xt", { mbox: "fan" }, [{ offer: await world.offer("content", "${user.categoryAffinity}"), audienceIds: [fan] }]);
  const d = await site.open();
  const contents = async (scope, more) => (await alloy(d, "sendEvent", { ...event(), ...scopes(scope), ...more })).propositions.flatMap((p) => p.items.map((i) => i.data.content));
  assert.deepEqual(await contents("fan", {}), []);
  assert.deepEqual(await contents("product", target({ "entity.id": "tent-1", "user.categoryId": "tents" })), ["tent"]);
  assert.deepEqual(await contents("fan", {}), ["tents"]);
  await d.close();
});

test("[TARGET 7.1] a third-party id of the page leads to the visitor, on the next device too", async () => {
  const d = await site.open(), e = await site.open();
  await alloy(d, "sendEvent", { ...event(), ...target({ mbox3rdPartyId: "web-crm-1", "profile.tier": "silver" }) });
  await alloy(e, "sendEvent", { ...event(), ...target({ mbox3rdPartyId: "web-crm-1" }) });
  assert.equal((await profileOf(e)).profileAttributes.tier.value, "silver");
  assert.equal((await server.call("GET", "/rest/v1/profiles/thirdPartyId/web-crm-1?client=acme")).json.profileAttributes.tier.value, "silver");
  await d.close();
  await e.close();
});

/* ---- pages that come from at.js [TARGET 1.9, 1.12] ---- */

const MIGRATING = { targetMigrationEnabled: true };
const VISITORS = 6; // enough for both experiences: 50:50 by the hash of ids that differ

// As at.js keeps its state and asks: a cookie for the site, JSON as text/plain with credentials, no ECID without a visitor library.
const atjs = (d, mboxes) => d.page.evaluate(async (wanted) => {
  const now = () => Math.ceil(Date.now() / 1000);
  const entries = Object.fromEntries((document.cookie.split("; ").find((c) => c.startsWith("mbox="))?.slice(5) ?? "").split("|")
    .map((e) => e.split("#").map(decodeURIComponent)).filter((e) => e.length === 3 && now() <= Number(e[2])).map(([name, value]) => [name, value]));
  const session = entries.session ?? crypto.randomUUID().replaceAll("-", "");
  const cluster = document.cookie.match(/mboxEdgeCluster=(\d+)/)?.[1];
  const r = await fetch(`https://www.northpeak.test/rest/v1/delivery?client=acme&sessionId=${session}&version=2.11.8`, { method: "POST",
    credentials: "include", headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ requestId: crypto.randomUUID(),
      context: { channel: "web", userAgent: navigator.userAgent, address: { url: location.href, referringUrl: "" } },
      ...(entries.PC ? { id: { tntId: entries.PC } } : {}), execute: { mboxes: wanted } }) });
  const answer = await r.json();
  document.cookie = `mbox=session#${session}#${now() + 1860}|PC#${answer.id.tntId}#${now() + 63244800}; domain=northpeak.test; path=/; max-age=63244800; secure`;
  return { session, cluster, tntId: answer.id.tntId, contents: answer.execute.mboxes.map((m) => m.options?.[0].content) };
}, mboxes);
const cookieOf = async (d, name) => (await d.context.cookies(PAGE)).find((c) => c.name === name)?.value;
const heroOf = async (d) => (await alloy(d, "sendEvent", event({}, scopes("hero")))).propositions[0].items[0].data.content;

for (const [where, configure] of [["cookies of the page's own site", FIRST_PARTY], ["state in bodies", {}]]) {
  test(`[TARGET 1.12] from at.js to the Web SDK and back, with ${where}: one visitor, one session, one experience`, async () => {
    const seen = new Set();
    for (let i = 0; i < VISITORS; i++) {
      const d = await site.open(PAGE, { ...configure, ...MIGRATING });
      const before = await performance(1001);
      const old = await atjs(d, [{ index: 0, name: "hero", profileParameters: { "since": "atjs" } }]);
      const shownTo = old.contents[0];
      await site.land(d, PAGE + "new", { ...configure, ...MIGRATING });
      assert.deepEqual(await heroOf(d), shownTo, "the experience stays, though the key of the hash is another");
      assert.ok((await cookieOf(d, "mbox")).includes(`session#${old.session}#`) && (await cookieOf(d, "mbox")).includes(`PC#${old.tntId}#`));
      assert.equal(await cookieOf(d, "mboxEdgeCluster"), "35");
      assert.equal((await profileOf(d)).profileAttributes.since.value, "atjs");
      await site.land(d, PAGE + "old", { ...configure, ...MIGRATING });
      const back = await atjs(d, [{ index: 0, name: "hero" }]);
      assert.deepEqual([back.session, back.tntId, back.contents[0], back.cluster], [old.session, old.tntId, shownTo, "35"]);
      const after = await performance(1001);
      assert.deepEqual(["visitor", "visit"].map((unit) => after[unit].totals.entries - before[unit].totals.entries), [1, 1], "counted once");
      seen.add(shownTo.v);
      await d.close();
    }
    assert.equal(seen.size, 2, "not everybody is shown the same");
  });

  test(`[TARGET 1.12] from the Web SDK to at.js, with ${where}: the visitor, the session and the edge cluster are his`, async () => {
    const d = await site.open(PAGE, { ...configure, ...MIGRATING });
    const shownTo = await heroOf(d);
    await alloy(d, "sendEvent", { ...event(), ...target({ "profile.since": "alloy" }) });
    const sent = d.requests[0];
    assert.equal(sent.body.meta.target.migration, true);
    const next = await atjs(d, [{ index: 0, name: "hero" }]);
    assert.deepEqual([next.contents[0], next.cluster], [shownTo, "35"]);
    const ecid = await ecidOf(d), profile = (await server.call("GET", `/rest/v1/profiles/${next.tntId}?client=acme`)).json;
    assert.ok(next.tntId.startsWith(ecid + "-"), next.tntId);
    assert.equal(profile.profileAttributes.since.value, "alloy");
    assert.equal(next.session, ecid.slice(0, 32));
    await d.close();
  });
}

test("[TARGET 1.9] without the Edge Network's own hint the SDK asks where at.js was: any hint is served", async () => {
  const d = await site.open(PAGE, MIGRATING, (x) => x.context.addCookies([{ name: "mboxEdgeCluster", value: "28", domain: ".northpeak.test", path: "/" }]));
  await alloy(d, "sendEvent", event());
  assert.equal(d.requests[0].path, "/ee/t28/v1/interact");
  assert.equal((await d.requests[0].answer).status, 200);
  assert.equal(await cookieOf(d, "mboxEdgeCluster"), "35", "ours from now on");
  await d.close();
});

test("[TARGET 1.12] without migration the SDK neither sends nor is given at.js's cookies", async () => {
  const d = await site.open();
  const old = await atjs(d, [{ index: 0, name: "hero" }]);
  await alloy(d, "sendEvent", event());
  assert.equal(d.last.body.meta.target, undefined);
  assert.ok(!entries(d.last).some((e) => e.key === "mbox"));
  assert.ok(!payload(await d.last.answer, "state:store").some((e) => e.key.startsWith("mbox")));
  assert.ok((await cookieOf(d, "mbox")).includes(old.tntId));
  await d.close();
});

/* ---- remote offers [TARGET 2.9]: another server has the content ---- */

const origin = { asked: {}, answers: {} }; // by path
const others = http.createServer((request, response) => {
  origin.asked[request.url] = (origin.asked[request.url] ?? 0) + 1;
  const { status = 200, body, headers = {}, drip } = origin.answers[request.url] ?? {};
  if (drip) return void setInterval(() => response.write("<b>slow</b>"), 100).unref(); // it never ends
  if (body !== undefined) response.writeHead(status, { "Content-Type": "text/html", ...headers }).end(body); // else it hangs
});
await new Promise((resolve) => others.listen(0, "127.0.0.1", resolve));
const at = (path) => `http://127.0.0.1:${others.address().port}${path}`;
const clock = (ms) => server.call("POST", "/emulator/clock", { now: new Date(ms).toISOString() });
const MINUTE = 60000, TOO_LARGE = 256 * 1024;

test("[TARGET 2.9] remote offers: fetched once, shown on the page and to its code; a change is seen after a minute", async () => {
  await server.rest("PATCH", "/acme/target/clients/settings", { allowedRemoteOfferUrlPatterns: [at("/offers/*")] });
  Object.assign(origin.answers, { "/offers/a": { body: '<b class="a">"one" & two</b>' } });
  await world.activity(9201, "ab", { mbox: "remote" }, all(await world.offer("dynamic", at("/offers/a"))));
  await world.activity(9202, "ab", { selector: "#remote" }, all(await world.offer("dynamic", at("/offers/a"))), { priority: 5 });
  const d = await site.open();
  const contents = async () => (await alloy(d, "sendEvent", { ...event(), ...scopes("remote") })).propositions.flatMap((p) => p.items.map((i) => i.data.content));
  assert.deepEqual(await contents(), [], "the first one does not wait");
  await until("the content", async () => (await contents())[0] === '<b class="a">"one" & two</b>');
  assert.equal(origin.asked["/offers/a"], 1);
  await site.land(d, PAGE + "remote");
  await shown(d);
  assert.equal(await d.text("#remote .a"), '"one" & two');
  origin.answers["/offers/a"].body = "<i>changed</i>";
  for (let i = 0; i < 5; i++) await contents();
  assert.equal(origin.asked["/offers/a"], 1, "from the cache");
  await clock(Date.now() + MINUTE + 1000);
  await until("the change", async () => (await contents())[0] === "<i>changed</i>");
  assert.equal(origin.asked["/offers/a"], 2);
  const delivered = await server.call("POST", "/rest/v1/delivery?client=acme&sessionId=remote-1", { context: { channel: "web" },
    execute: { mboxes: [{ index: 0, name: "remote" }] } }, { "Content-Type": "application/json" });
  assert.deepEqual(delivered.json.execute.mboxes[0].options[0].content, at("/offers/a"), "a client of the delivery API fetches it itself");
  await d.close();
});

test("[TARGET 2.9] remote offers that hang, drip, are too large, gone, moved, or not allowed: default content, and all else is there", async () => {
  const cases = { hang: {}, drip: { drip: true }, large: { body: "x".repeat(TOO_LARGE + 1) }, gone: { status: 404, body: "no" }, fault: { status: 500, body: "no" },
    moved: { status: 302, body: "", headers: { Location: at("/offers/a") } }, fits: { body: "x".repeat(TOO_LARGE) } };
  for (const [i, [name, answer]] of Object.entries(cases).entries()) {
    origin.answers["/offers/" + name] = answer;
    await world.activity(9210 + i, "ab", { mbox: name }, all(await world.offer("dynamic", at("/offers/" + name))));
  }
  const elsewhere = { name: "elsewhere", content: at("/secret") };
  await server.rest("PATCH", "/acme/target/clients/settings", { allowedRemoteOfferUrlPatterns: ["*"] });
  await world.activity(9230, "ab", { mbox: "secret" }, all((await server.rest("POST", "/acme/target/offers/dynamic", elsewhere)).id));
  await server.rest("PATCH", "/acme/target/clients/settings", { allowedRemoteOfferUrlPatterns: [at("/offers/*")] });
  await assert.rejects(server.rest("POST", "/acme/target/offers/dynamic", elsewhere), /allowedRemoteOfferUrlPatterns/);
  const d = await site.open();
  const names = [...Object.keys(cases), "secret", "hero"];
  const ask = async () => {
    const began = Date.now();
    const { propositions } = await alloy(d, "sendEvent", { ...event(), ...scopes(...names) });
    return { ms: Date.now() - began, scopes: propositions.map((p) => p.scope) };
  };
  const failures = await server.metric("remote_offer_failures_total");
  for (const end = Date.now() + 4000; Date.now() < end;) { // longer than a fetch may take
    const { ms, scopes: there } = await ask();
    assert.ok(ms < 1500, `${ms} ms`);
    assert.deepEqual(there.filter((s) => s !== "fits"), ["hero"]);
  }
  assert.deepEqual((await ask()).scopes.sort(), ["fits", "hero"]);
  assert.ok(await server.metric("remote_offer_failures_total") >= failures + 6);
  assert.deepEqual(Object.keys(cases).filter((name) => origin.asked["/offers/" + name] !== 1), [], "each was tried, and not again within ten seconds");
  assert.equal(origin.asked["/secret"], undefined, "nobody was asked for what is not allowed");
  assert.equal(origin.asked["/offers/a"], 2, "a redirect is not followed");
  await d.close();
});

await runTests(tests, async () => {
  others.closeAllConnections();
  others.close();
  await browser.close();
  await server.close();
});
