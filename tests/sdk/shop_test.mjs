// shop_test.mjs - the whole promise, in a browser: the Northpeak shop with the unmodified Web SDK over https, no shim.
//
// Each test is a chapter of one story and builds on the ones before it. What the page shows is compared with what the REST API
// says and with what the log holds. EDGEWISE_SCREENSHOTS=1 also renews the pictures in docs/screenshots.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { Device, ROOT, Server, openBrowser, payload, runTests, until } from "./harness.mjs";

const DAY_MS = 24 * 3600 * 1000;
const DEFAULT_HERO = "Go further outside";
const AUDIENCES = 11;
const server = await Server.start("--emulator");
const browser = await openBrowser(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);

let anonymous, adaPhone, adaLaptop, noor, optedOut;
const audience = {}, activity = {};

async function shoot(device, name, { panel = true, ...options } = {}) {
  if (process.env.EDGEWISE_SCREENSHOTS !== "1") return;
  const folder = path.join(ROOT, "docs/screenshots");
  fs.mkdirSync(folder, { recursive: true });
  await device.page.evaluate((shown) => {
    const edge = document.querySelector("#edge");
    edge?.toggleAttribute("open", shown);
    if (edge) edge.hidden = !shown;
  }, panel);
  await device.page.screenshot({ path: path.join(folder, name + ".png"), animations: "disabled", ...options });
}

async function signIn(device, crmId) {
  await device.go("/account.html");
  await Promise.all([device.page.waitForURL("https://www.northpeak.test/"), device.page.click(`[data-crm="${crmId}"]`)]);
  await device.settled();
}

// The answer of the event that the open page sent when it opened.
const pageAnswer = (device, requests = device.requests) =>
  requests.find((r) => r.action === "interact" && r.body.events[0].query?.personalization).answer;
const ecidOf = async (device) => payload(await device.last.answer, "identity:result")[0].id;
const decisions = (answer, scope) => payload(answer, "personalization:decisions").filter((p) => p.scope === scope);
const heroOf = (answer) => decisions(answer, "__view__").flatMap((p) => p.items).find((i) => i.data?.type === "setHtml");
const segments = (answer) => payload(answer, "activation:pull").flatMap((d) => d.segments.map((s) => s.id));

// Requests that the device sends while something happens.
async function during(device, action) {
  const before = device.requests.length;
  await action();
  return device.requests.slice(before);
}

test("the demo loads through the REST API", async () => {
  const out = await server.command("demo", "load");
  assert.match(out, /^loaded$/m);
  for (const a of (await server.rest("GET", "/data/core/ups/audiences?limit=100")).children) audience[a.name] = a.id;
  for (const a of (await server.rest("GET", `/${server.credentials.tenant}/target/activities`)).activities) activity[a.name] = String(a.id);
  assert.equal(Object.keys(audience).length, AUDIENCES);
  assert.deepEqual(Object.keys(activity).sort(), ["Banner test", "Greeting", "Home hero"]);
});

test("loading it again changes nothing", async () => {
  assert.match(await server.command("demo", "load"), /^loaded$/m);
  assert.equal((await server.rest("GET", "/data/core/ups/audiences?limit=100")).children.length, AUDIENCES);
  assert.equal((await server.rest("GET", `/${server.credentials.tenant}/target/activities`)).activities.length, 3);
});

test("a first visit shows the default hero", async () => {
  anonymous = await Device.open(browser);
  await anonymous.go("/");
  assert.equal(await anonymous.text("#hero h1"), DEFAULT_HERO);
  assert.equal(await anonymous.page.locator("#greeting").innerText(), "");
  const answer = await pageAnswer(anonymous);
  assert.equal(answer.status, 200);
  assert.equal(heroOf(answer), undefined);
  assert.deepEqual(segments(answer), []);
  const cookies = (await anonymous.context.cookies()).map((c) => [c.name.replace(/^kndctr_.*_AdobeOrg_/, ""), c.domain]);
  assert.deepEqual(cookies.filter((c) => /identity|cluster/.test(c[0])).sort(), [["cluster", ".northpeak.test"], ["identity", ".northpeak.test"]]);
  await shoot(anonymous, "1-first-visit");
});

test("the banner of the A/B test stays over pages and over a restart of the server", async () => {
  const first = await anonymous.text("#banner");
  assert.match(first, /^(Free returns for 100 days|We repair what we sell, for life)$/);
  for (const target of ["/tents.html", "/checkout.html", "/"]) {
    await anonymous.go(target);
    assert.equal(await anonymous.text("#banner"), first, target);
  }
  const id = decisions(await pageAnswer(anonymous), "banner")[0].id;
  await server.restart();
  const again = await during(anonymous, () => anonymous.go("/"));
  assert.equal(await anonymous.text("#banner"), first);
  assert.equal(decisions(await pageAnswer(anonymous, again), "banner")[0].id, id);
});

test("the A/B test has both answers", async () => {
  const seen = new Set([await anonymous.text("#banner")]);
  await until("the other banner", async () => {
    const other = await Device.open(browser);
    await other.go("/tents.html");
    seen.add(await other.text("#banner"));
    await other.close();
    return seen.size === 2;
  }, 60000);
});

test("the third look at a tent changes the page that the visitor is on", async () => {
  for (const sku of ["NP-TENT-2", "NP-TENT-3"]) {
    const sent = await during(anonymous, () => anonymous.go("/product.html?sku=" + sku));
    assert.equal(heroOf(await pageAnswer(anonymous, sent)), undefined, sku);
    assert.equal(await anonymous.text("#hero h1"), DEFAULT_HERO);
  }
  const sent = await during(anonymous, () => anonymous.go("/product.html?sku=NP-TENT-1"));
  const [request] = sent;
  assert.equal(request.body.events[0].xdm.eventType, "commerce.productViews");
  const answer = await request.answer;
  assert.match(heroOf(answer).data.content, /Find your tent/);
  assert.ok(segments(answer).includes(audience["Tent lovers: three tent views in 24 hours"]));
  await anonymous.page.waitForSelector("#hero .tents");
  assert.equal(await anonymous.text("#hero h1"), "Find your tent");
  await shoot(anonymous, "2-third-tent-same-page");
});

test("the hub agrees", async () => {
  await server.drain();
  const [profile] = await server.entity("ECID", await ecidOf(anonymous));
  const member = profile.entity.segmentMembership.ups[audience["Tent lovers: three tent views in 24 hours"]];
  assert.equal(member.status, "realized");
});

test("Ada signs in: the first page knows her", async () => {
  adaPhone = await Device.open(browser);
  const sent = await during(adaPhone, () => signIn(adaPhone, "np-10001"));
  const known = sent.filter((r) => r.body.events[0].xdm.identityMap?.CRMID);
  const answer = await known[0].answer; // the first request that names her
  assert.match(heroOf(answer).data.content, /It has been a while, Ada/);
  assert.match(decisions(answer, "greeting")[0].items[0].data.content, /Welcome back, <b>Ada<\/b>/);
  assert.equal(known.filter((r) => r.body.events[0].query?.personalization).length, 1);
  assert.match(await adaPhone.text("#greeting"), /Welcome back, Ada\s*·\s*gold\s*·\s*4820\s*points/i);
  assert.equal(await adaPhone.text("#hero h1"), "It has been a while, Ada");
  assert.match(await adaPhone.text("#hero"), /4820 points/);
  assert.deepEqual(segments(answer).sort(), [audience["Gold, no order for 60 days"], audience["Known customers"],
    audience["Club members"]].sort());
  await shoot(adaPhone, "3-signed-in");
});

test("Ada on a second device: the same person", async () => {
  adaLaptop = await Device.open(browser);
  const sent = await during(adaLaptop, () => signIn(adaLaptop, "np-10001"));
  assert.equal(await adaLaptop.text("#greeting"), await adaPhone.text("#greeting"));
  assert.equal(await adaLaptop.text("#hero h1"), "It has been a while, Ada");
  const known = sent.find((r) => r.body.events[0].xdm.identityMap?.CRMID);
  const there = adaPhone.requests.find((r) => r.body.events[0].xdm.identityMap?.CRMID);
  assert.deepEqual(segments(await known.answer).sort(), segments(await there.answer).sort());
  await server.drain();
  const devices = [await ecidOf(adaPhone), await ecidOf(adaLaptop)];
  assert.notEqual(devices[0], devices[1]);
  const { graphs } = await server.rest("POST", "/data/core/identity/v2/graph", { composite_xids: [{ ns: "CRMID", id: "np-10001" }] });
  const members = graphs[0].members.map((m) => m.ns + ":" + m.id);
  for (const ecid of devices) assert.ok(members.includes("ECID:" + ecid), members.join(" "));
  assert.ok(members.includes("LoyaltyId:L500001"), members.join(" "));
  const found = await Promise.all([["CRMID", "np-10001"], ["ECID", devices[0]], ["ECID", devices[1]], ["LoyaltyId", "L500001"]]
    .map(([ns, id]) => server.entity(ns, id)));
  for (const profiles of found) {
    assert.equal(profiles.length, 1);
    assert.deepEqual(profiles[0].entity, found[0][0].entity);
  }
  assert.equal(found[0][0].entity.person.name.firstName, "Ada");
  assert.equal(found[0][0].entity.loyalty.points, 4820);
});

test("Noor orders: the next page thanks her", async () => {
  noor = await Device.open(browser);
  await signIn(noor, "np-10002");
  assert.match(await noor.text("#greeting"), /Noor\s*·\s*silver\s*·\s*1290/i);
  assert.equal(await noor.text("#hero h1"), DEFAULT_HERO);
  await noor.go("/product.html?sku=NP-PACK-45");
  await Promise.all([noor.page.waitForURL(/checkout/), noor.page.click("#buy")]);
  await noor.settled();
  const loop = async () => ({ n: await server.metric("loop_microseconds_count"), us: await server.metric("loop_microseconds_sum") });
  const before = await loop();
  await noor.page.click("#order");
  await noor.page.waitForSelector("html[data-ordered=done]");
  await until("the projection of the order at the edge", async () => (await loop()).n > before.n);
  const after = await loop();
  const sent = await during(noor, () => noor.go("/"));
  assert.match(heroOf(await pageAnswer(noor, sent)).data.content, /Thank you, Noor/);
  assert.equal(await noor.text("#hero h1"), "Thank you, Noor");
  await shoot(noor, "4-after-the-order");
  console.log(`     order accepted to its effect at the edge: ${Math.round((after.us - before.us) / (after.n - before.n) / 1000)} ms`);
  const quantiles = (await server.call("GET", "/metrics")).text.split("\n").filter((l) => l.startsWith("edgewise_loop_microseconds"));
  console.log("     all events so far, microseconds:", quantiles.map((l) => l.replace("edgewise_loop_microseconds", "")).join("  "));
});

test("the order is in her profile", async () => {
  await server.drain();
  const purchases = (await server.events("CRMID", "np-10002")).map((e) => e.entity ?? e)
    .filter((e) => e.eventType === "commerce.purchases").map((e) => e.commerce.order.priceTotal);
  assert.deepEqual(purchases.sort((a, b) => a - b), [101, 189, 329]);
});

test("opting out: nothing is collected or personalized any more", async () => {
  optedOut = await Device.open(browser);
  await optedOut.go("/tents.html");
  const ecid = await ecidOf(optedOut);
  await optedOut.go("/account.html");
  await optedOut.page.click("#optout");
  await optedOut.page.waitForSelector("html[data-consent=out]");
  const mine = (h) => JSON.stringify(h.identityMap ?? {}).includes(ecid);
  const before = (await server.hits()).filter(mine);
  assert.equal(before.at(-1).kind, "consent");
  // The SDK keeps the promise ...
  const sent = await during(optedOut, async () => {
    await optedOut.go("/");
    await optedOut.go("/product.html?sku=NP-TENT-1");
  });
  assert.deepEqual(sent.map((r) => r.action), []);
  assert.equal(await optedOut.text("#banner"), "Free shipping over €100");
  // ... and so does the server, for a client that has lost its consent cookie.
  await optedOut.context.clearCookies({ name: /_consent$/ });
  const asked = await during(optedOut, () => optedOut.go("/"));
  const answer = await asked[0].answer;
  assert.equal(payload(answer, "identity:result")[0].id, ecid);
  assert.ok(answer.body.warnings[0].type.endsWith("EXEG-0301-200"));
  assert.deepEqual(payload(answer, "personalization:decisions"), []);
  assert.equal(await optedOut.text("#banner"), "Free shipping over €100");
  assert.deepEqual((await server.hits()).filter(mine), before);
});

/* What the reports must say, counted again from the log. */
function results(hits, id) {
  const rows = {}, entered = {}, shownLast = {}, orders = new Set();
  const row = (experience) => (rows[experience] ??= { visitors: 0, impressions: 0, clicks: 0, conversions: 0, orders: 0, revenue: 0 });
  const once = new Set();
  const first = (...key) => !once.has(key.join()) && once.add(key.join());
  for (const h of hits.filter((x) => x.kind === "event")) {
    const visitor = h.identityMap.ECID[0].id;
    const notices = (h.notices ?? []).filter((n) => n.activity === id);
    for (const experience of new Set(notices.filter((n) => n.type === "display").map((n) => n.experience))) {
      row(experience).impressions++;
      if (first("visitor", experience, visitor)) row(experience).visitors++;
      (entered[visitor] ??= new Set()).add(experience);
      shownLast[visitor] = experience;
    }
    for (const n of notices) if (n.type === "interact" && entered[visitor]?.has(n.experience)) row(n.experience).clicks++;
    const order = h.xdm.commerce?.order;
    if (order && shownLast[visitor] !== undefined && first("order", order.purchaseID)) {
      const r = row(shownLast[visitor]);
      r.orders++;
      r.revenue += order.priceTotal;
      if (first("converted", shownLast[visitor], visitor)) r.conversions++;
      orders.add(order.purchaseID);
    }
  }
  return rows;
}

test("clicks are counted: a named location, and a link that the SDK tracks", async () => {
  await noor.page.click("#banner");
  await until("the banner's click", () => noor.requests.some((r) => r.body.events?.[0].xdm.eventType === "decisioning.propositionInteract"));
  await (noor.requests.findLast((r) => r.body.events?.[0].xdm.eventType === "decisioning.propositionInteract")).answer;
  const sent = await during(noor, async () => {
    await Promise.all([noor.page.waitForURL(/tents/), noor.page.click("#hero-cta")]);
    await noor.settled();
  });
  assert.deepEqual(sent.filter((r) => r.action === "collect").length, 1); // a beacon: its body is seen in the log only
  await until("the tracked click in the log", async () => (await server.hits()).some((h) =>
    (h.notices ?? []).some((n) => n.type === "interact" && n.activity === activity["Home hero"])));
});

test("the reports count what happened", async () => {
  await server.drain();
  const hits = await server.hits();
  for (const [name, id] of Object.entries(activity)) {
    const report = await server.rest("GET", "/edgewise/reports/" + id);
    const expected = results(hits, id);
    for (const row of report.rows) {
      const want = expected[row.experience] ?? { visitors: 0, impressions: 0, clicks: 0, conversions: 0, orders: 0, revenue: 0 };
      const { visitors, impressions, clicks, conversions, orders, revenue } = row;
      assert.deepEqual({ visitors, impressions, clicks, conversions, orders, revenue }, want, `${name}: ${row.name}`);
    }
  }
  const hero = await server.rest("GET", "/edgewise/reports/" + activity["Home hero"]);
  const byName = Object.fromEntries(hero.rows.map((r) => [r.name, r]));
  assert.equal(byName["Thank you"].clicks, 1);
  assert.equal(byName["We miss you"].visitors, 2);
  assert.equal(byName["Tents"].visitors, 1);
  const banner = await server.rest("GET", "/edgewise/reports/" + activity["Banner test"]);
  assert.equal(banner.totals.conversions, 1);
  assert.equal(banner.totals.revenue, 189);
  assert.equal(banner.totals.clicks, 1);
});

test("the results page shows the same", async () => {
  const banner = await server.rest("GET", "/edgewise/reports/" + activity["Banner test"]);
  const reader = await Device.open(browser);
  await reader.page.goto("https://www.northpeak.test/reports");
  await Promise.all([reader.page.waitForURL(/reports\/\d+/), reader.page.click("text=Banner test")]);
  const tile = async (label) => (await reader.page.locator(".tile", { hasText: label }).locator("strong").first().innerText()).replace(/,/g, "");
  assert.equal(await tile("Visitors"), String(banner.totals.visitors));
  assert.equal(await tile("Impressions"), String(banner.totals.impressions));
  assert.equal(await tile("Clicks"), String(banner.totals.clicks));
  assert.equal(await tile("Conversions"), String(banner.totals.conversions));
  assert.equal(await tile("Revenue"), banner.totals.revenue.toFixed(2));
  for (const row of banner.rows) assert.ok((await reader.page.content()).includes(row.name), row.name);
  await reader.close();
});

// The card of an audience, as the page draws it.
const cardOf = (device, name) => device.page.locator(`.audience[data-name="${name}"]`);
const sizeOf = async (device, name) => Number((await cardOf(device, name).locator(".size b").innerText()).replace(/,/g, ""));
const isIn = (device, name) => cardOf(device, name).evaluate((e) => e.classList.contains("in"));
const reasons = (device, name, kind) => cardOf(device, name).locator(`.why .${kind}`).allInnerTexts();

test("the audiences page shows every audience with its size, and why Ada is in it or not", async () => {
  await server.drain();
  await adaLaptop.go("/audiences.html");
  await adaLaptop.page.waitForSelector("html[data-audiences=known]");
  assert.equal(await adaLaptop.page.locator(".audience").count(), AUDIENCES);
  for (const [name, id] of Object.entries(audience)) {
    const size = async () => (await server.rest("GET", `/edgewise/audiences/${id}/size`)).size;
    await until("the size of " + name, async () => (await sizeOf(adaLaptop, name)) === (await size()));
    const { ups, CustomerAudienceUpload: uploads } = (await server.entity("CRMID", "np-10001"))[0].entity.segmentMembership;
    assert.equal(await isIn(adaLaptop, name), (ups[id] ?? uploads[id])?.status === "realized", name);
  }
  assert.match(await adaLaptop.text("#verdict"), /^Ada, you are in \d of 11 audiences$/);
  assert.deepEqual(await reasons(adaLaptop, "Gold, no order for 60 days", "yes"), ['loyalty.tier is "gold"', "0 events that count (must not be >= 1)"]);
  assert.deepEqual(await reasons(adaLaptop, "Trail test panel", "yes"), ["on the list that was uploaded"]);
  assert.match(await cardOf(adaLaptop, "Trail test panel").locator(".next").innerText(), /^Leaves by itself /);
  assert.deepEqual(await reasons(adaLaptop, "Club members who never bought", "yes"), ["in \u201cClub members\u201d"]);
  assert.deepEqual(await reasons(adaLaptop, "Club members who never bought", "no"), ["not in \u201cNever bought\u201d"]);
  assert.match(await cardOf(adaLaptop, "Spent over 500 in 30 days").locator(".next").innerText(), /^Missing: a sum > 500, it is 0$/);
  assert.equal(await isIn(adaLaptop, "Spent over 500 in 30 days"), false);
  await shoot(adaLaptop, "6-audiences", { fullPage: true, panel: false });
});

test("the audiences page follows what its visitor does, without a reload", async () => {
  const guest = await Device.open(browser);
  const tents = "Tent lovers: three tent views in 24 hours", hour = "Looked this hour, no order since", decided = "Looked, and ordered within two days";
  await guest.go("/audiences.html");
  await guest.page.waitForSelector("html[data-audiences=known]");
  const before = { tents: await sizeOf(guest, tents), decided: await sizeOf(guest, decided), never: await sizeOf(guest, "Never bought") };
  assert.equal(await isIn(guest, "Never bought"), true);
  assert.equal(await isIn(guest, tents), false);
  for (let i = 0; i < 3; i++) {
    const sent = await during(guest, () => guest.page.click("#look"));
    await until("the look", async () => sent.length || guest.last.body.events[0].xdm.eventType === "commerce.productViews");
    await guest.last.answer;
  }
  await until("the third look to show", () => isIn(guest, tents));
  assert.equal(await sizeOf(guest, tents), before.tents + 1);
  assert.deepEqual(await reasons(guest, tents, "yes"), ["3 events that count (needs >= 3)"]);
  assert.match(await cardOf(guest, tents).locator(".next").innerText(), /^Leaves by itself \d+ \w+ \d{4}, \d\d:\d\d$/);
  await until("the look of this hour", () => isIn(guest, hour));
  await guest.page.click("#buy-now");
  await until("the order to show", () => isIn(guest, decided));
  await until("the order to end two", async () => !(await isIn(guest, hour)) && !(await isIn(guest, "Never bought")));
  assert.equal(await sizeOf(guest, decided), before.decided + 1);
  assert.equal(await sizeOf(guest, "Never bought"), before.never - 1);
  await guest.close();
});

test("nobody is explained to a stranger", async () => {
  const plain = await server.call("GET", "/demo-audiences.json?entityId=np-10001&entityIdNS=CRMID");
  assert.equal(plain.json.known, false);
  assert.equal(plain.json.audiences.length, AUDIENCES);
  for (const a of plain.json.audiences) assert.deepEqual(Object.keys(a).sort(), ["description", "id", "name", "pql", "size"]);
});

test("the same shop over plain http, where a script on the page carries the SDK's requests", async () => {
  const local = await Device.open(browser);
  await local.page.goto(`http://localhost:${server.port}/account.html`);
  await local.settled();
  await Promise.all([local.page.waitForURL(/:\d+\/$/), local.page.click('[data-crm="np-10001"]')]);
  await local.settled();
  assert.ok(local.requests.every((r) => r.url.startsWith(`http://localhost:${server.port}/ee/`)));
  assert.equal(await local.text("#hero h1"), "It has been a while, Ada");
  assert.equal(await local.text("#greeting"), await adaPhone.text("#greeting"));
  await local.close();
});

test("a window ends without any event: the audience is left at that very instant", async () => {
  const ecid = await ecidOf(anonymous);
  const views = (await server.hits()).filter((h) => h.kind === "event" && h.identityMap.ECID[0].id === ecid &&
    h.xdm.eventType === "commerce.productViews");
  assert.equal(views.length, 3);
  const id = audience["Tent lovers: three tent views in 24 hours"];
  const member = async () => (await server.entity("ECID", ecid))[0].entity.segmentMembership.ups[id];
  const first = Math.min(...views.map((v) => v.eventMs));
  const clock = (ms) => server.call("POST", "/emulator/clock", { now: new Date(ms).toISOString() });
  const since = await member();
  assert.equal((await clock(first + DAY_MS - 60000)).status, 200); // the clock runs on from there
  assert.deepEqual(await member(), since, "a minute before the end nothing has changed");
  assert.equal((await clock(first + DAY_MS + 3 * 3600 * 1000)).status, 200);
  assert.equal((await member()).status, "exited");
  // 24 hours is within 24 hours: the first moment outside is a millisecond later.
  assert.equal(Date.parse((await member()).lastQualificationTime), first + DAY_MS + 1);
  const sent = await during(anonymous, () => anonymous.go("/"));
  assert.equal(heroOf(await pageAnswer(anonymous, sent)), undefined, "the edge knows it too");
});

test("no page reported an error", async () => {
  for (const device of [anonymous, adaPhone, adaLaptop, noor, optedOut]) {
    assert.deepEqual(device.console.filter((l) => /error|failed|invalid/i.test(l)), []);
  }
});

await runTests(tests, async () => {
  await browser.close();
  await server.close();
});
