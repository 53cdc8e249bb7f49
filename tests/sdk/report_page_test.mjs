// report_page_test.mjs - the results page in a browser: figures equal to the REST report, warnings where they belong, nothing wider
// than a phone, no script, both colour schemes.
//
// Visitors come over the delivery API on some emulated days. EDGEWISE_SCREENSHOTS=1 sends more of them, and renews the pictures
// 5 and 7 to 9 of docs/screenshots.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { Device, ROOT, Server, openBrowser, runTests } from "./harness.mjs";
import { World } from "./target_world.mjs";

const PICTURES = process.env.EDGEWISE_SCREENSHOTS === "1";
const DAYS = PICTURES ? 21 : 4, PER_DAY = PICTURES ? 240 : 80;
const HERO = 1, AA = 2, REDIRECT = 3, AUTO = 4, EMPTY = 5;
const server = await Server.startFor("acme", "--emulator");
const browser = await openBrowser(server);
const world = new World(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);

const goal = (mbox) => ({ metricLocalId: 32767, name: "Order", conversion: true, action: { type: "always_convert" },
  mboxes: [{ name: mbox, successEvent: "mbox_shown" }] });

async function activity(id, name, mbox, names, extra = {}) {
  const offers = [];
  for (const n of names) offers.push(await world.offer("content", n));
  await world.activity(id, "ab", { mbox }, names.map((n, i) => ({ name: n, percent: extra.percents?.[i] ?? 100 / names.length, offer: offers[i] })), {
    name, metrics: [goal(mbox + "Order"), { metricLocalId: 3, name: "Newsletter", conversion: true, action: { type: "count_once" },
      mboxes: [{ name: mbox + "News", successEvent: "mbox_shown" }] }], ...extra.more });
}

const deliver = (visitor, session, body) => server.call("POST", `/rest/v1/delivery?client=acme&sessionId=${session}`, JSON.stringify({
  context: { channel: "web" }, id: { tntId: visitor }, ...body }), { "Content-Type": "application/json" });
const shows = (visitor, session, name, more = {}) => deliver(visitor, session, { execute: { mboxes: [{ index: 0, name, ...more }] } });

/* A chance that is the same in every run. */
const chance = (...key) => {
  let h = 2166136261;
  for (const c of key.join("/")) h = Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 2246822519) >>> 0;
  return ((h ^ (h >>> 13)) >>> 0) / 2 ** 32;
};

const idOf = (...key) => [0, 1, 2, 3].map((k) => Math.floor(chance("id", k, ...key) * 2 ** 32).toString(16).padStart(8, "0")).join("");

async function visitHero(i) {
  const who = idOf("hero", i), session = "h" + i;
  const r = await shows(who, session, "hero", { parameters: { tier: i % 3 === 0 ? "gold" : "none" } });
  const taste = { Calm: 0.11, Bold: 0.13, Video: 0.2 }[r.json.execute.mboxes[0].options[0].content];
  if (chance("news", i) < 0.2) await shows(who, session, "heroNews");
  if (chance("order", i) > taste) return;
  const total = chance("extreme", i) < 0.01 ? 4200 : 40 + Math.round(chance("total", i) * 80);
  await shows(who, session, "heroOrder", { order: { id: "np-2027-" + i, total } });
  if (chance("again", i) < 0.08) await shows(who, session, "heroOrder", { order: { id: "np-2027-" + i, total } });
}

async function visitOthers(i) {
  const who = idOf("other", i), session = "o" + i;
  await shows(who, session, "button");
  if (chance("aa", i) < 0.12) await shows(who, session, "buttonOrder");
  await shows(who, session, "teaser");
  if (chance("auto", i) < 0.1) await shows(who, session, "teaserOrder");
  const p = (await deliver(who, session, { prefetch: { mboxes: [{ index: 0, name: "landing" }] } })).json.prefetch.mboxes[0].options[0];
  if (p.content === "New page" && chance("lost", i) < 0.5) return; // the redirect loses people before they are counted
  await deliver(who, session, { notifications: [{ id: "n", type: "display", timestamp: 1, mbox: { name: "landing" }, tokens: [p.eventToken] }] });
}

async function crowd() {
  for (let day = 0; day < DAYS; day++) {
    const now = new Date(Date.UTC(2027, 2, 1 + day, 10)).toISOString();
    assert.equal((await server.call("POST", "/emulator/clock", { now })).status, 200);
    for (let i = 0; i < PER_DAY; i += 8)
      await Promise.all(Array.from({ length: 8 }, (_, k) => [visitHero(day * PER_DAY + i + k), visitOthers(day * PER_DAY + i + k)]).flat());
  }
  await server.drain();
}

const report = (id, query = "") => server.rest("GET", `/edgewise/reports/${id}${query}`);
const reader = async (id, options = {}, query = "") => {
  const d = await Device.open(browser, options);
  await d.page.goto(`http://localhost:${server.port}/reports/${id}${query}`);
  const labels = await d.page.locator(".y span").evaluateAll((spans) => spans.map((x) => parseFloat(x.style.top)));
  assert.ok(labels.every((top) => top >= -0.1 && top <= 100.1), `labels beside the plot, not above or below it: ${labels}`);
  return d;
};
async function shoot(device, name, height) {
  if (!PICTURES) return;
  const { width } = device.page.viewportSize();
  await device.page.screenshot({ path: path.join(ROOT, "docs/screenshots", name + ".png"), animations: "disabled", fullPage: true,
    clip: { x: 0, y: 0, width, height } });
}
const PHONE = { viewport: { width: 390, height: 844 } };
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
const cells = (page, title, row) => page.locator(`section[class*=wide]:has(h2:text-is("${title}")) tbody tr`).nth(row).locator("td").allInnerTexts();
const percent = (v) => (v < 0 ? "\u2212" : "") + (Math.abs(v) * 100).toFixed(v === 0 ? 0 : Math.abs(v) < 0.1 ? 2 : 1) + "%";

const sure = (v) => (v >= 0.9995 ? "over 99.9%" : (v * 100).toFixed(1) + "%");

test("activities and their visitors", async () => {
  const gold = (await world.post("audiences", { name: "Gold members", targetRule: { mbox: "tier", equals: ["gold"] } })).id;
  await activity(HERO, "Spring hero: calm, bold or video?", "hero", ["Calm", "Bold", "Video"], { percents: [34, 33, 33],
    more: { reportingAudiences: [{ reportingAudienceLocalId: 1, audienceId: gold, metricLocalId: 0 }] } });
  await activity(AA, "Checkout button, A/A", "button", ["Button", "Same button"]);
  await activity(REDIRECT, "New landing page", "landing", ["Old page", "New page"]);
  await activity(AUTO, "Teaser", "teaser", ["Tents", "Packs"], { more: { autoAllocateTraffic: { enabled: true, successEvaluationCriteria: "conversion_rate" } } });
  await activity(EMPTY, "Autumn", "autumn", ["Leaves", "Rain"]);
  await crowd();
});

test("the page says what the REST report says", async () => {
  const { rows, totals } = await report(HERO);
  const d = await reader(HERO);
  assert.equal(totals.visitors, DAYS * PER_DAY);
  for (const [i, row] of rows.entries()) {
    const [name, visitors, conversions, rate, lift, confidence] = await cells(d.page, "Conversions", i);
    assert.ok(name.startsWith(row.name), name);
    assert.equal(visitors.replace(/,/g, ""), String(row.visitors));
    assert.equal(conversions, String(row.conversions));
    assert.equal(rate.split("\n")[0], percent(row.conversionRate));
    assert.equal(rate.split("\n").at(-1).replace("\u00b1 ", ""), percent(row.conversionRateHalfWidth95));
    if (i > 0) {
      assert.ok(lift.includes(percent(row.conversionLift.lift)), lift);
      assert.equal(confidence, sure(row.conversionLift.confidence));
    }
    const [, orders, , revenue] = await cells(d.page, "Revenue", i);
    assert.equal(orders, String(row.orders));
    assert.equal(revenue.replace(/,/g, ""), row.revenue.toFixed(2));
  }
  assert.equal(await d.page.locator(".alarm").count(), 0);
  assert.deepEqual(await d.page.locator("h2").allInnerTexts().then((all) => all.filter((t) => /over time|watch$/.test(t))),
    ["Conversion rate over time", "Difference to the first experience, safe to watch", "Revenue per visitor over time"]);
  assert.ok(await fits(d.page));
  assert.deepEqual(d.console, []);
  await shoot(d, "5-results", 1560);
  await d.close();
});

test("another metric and method by the form, without script", async () => {
  const d = await reader(HERO, { javaScriptEnabled: false });
  await d.page.selectOption("select[name=conversionMetricLocalIds]", "3");
  await d.page.selectOption("select[name=countingMethod]", "impression");
  await Promise.all([d.page.waitForURL(/countingMethod=impression/), d.page.click("button")]);
  const { rows } = await report(HERO, "?conversionMetricLocalIds=3&countingMethod=impression");
  for (const [i, row] of rows.entries()) {
    const [, units, conversions] = await cells(d.page, "Conversions", i);
    assert.equal(units.replace(/,/g, ""), String(row.impressions));
    assert.equal(conversions, String(row.conversions));
  }
  const [link] = await Promise.all([d.page.waitForEvent("download"), d.page.click("text=CSV by day")]);
  const lines = fs.readFileSync(await link.path(), "utf8").trim().split("\r\n");
  assert.equal(lines[0].split(",")[5], "from");
  assert.equal(lines.length, 1 + DAYS * rows.length * 2, "each day, for everybody and for gold members");
  await d.close();
});

test("gold members have rows of their own", async () => {
  const { rows } = await report(HERO, "?reportingAudienceLocalIds=1");
  const d = await reader(HERO);
  for (const [i, row] of rows.entries()) {
    const [audience, name, entries] = await cells(d.page, "Reporting audiences", i);
    assert.deepEqual([audience, name, entries], ["Gold members", row.name, String(row.visitors)]);
  }
  await d.close();
});

test("an A/A test warns of nothing, and nothing is decided", async () => {
  const { rows, trafficSplit } = await report(AA);
  assert.equal(trafficSplit.mismatch, false);
  const d = await reader(AA);
  assert.equal(await d.page.locator(".alarm").count(), 0);
  assert.doesNotMatch(await d.text(".verdict"), /may end/);
  assert.ok(!rows[1].conversionDifferenceSequential || rows[1].conversionDifferenceSequential.low < 0);
  await d.close();
});

test("a redirect that loses people is found, and nothing else is said", async () => {
  const { trafficSplit } = await report(REDIRECT);
  assert.ok(trafficSplit.mismatch && trafficSplit.p < 0.001, JSON.stringify(trafficSplit));
  const d = await reader(REDIRECT, { colorScheme: "dark" });
  assert.match(await d.text(".alarm"), /not split as configured/);
  assert.equal(await d.page.locator(".verdict").count(), 1);
  await shoot(d, "7-results-mismatch-dark", 1250);
  await d.page.goto(`http://localhost:${server.port}/reports`);
  assert.equal(await d.page.locator("tr", { hasText: "New landing page" }).locator(".chip.bad").innerText(), "traffic mismatch");
  await d.close();
});

test("Auto-Allocate has no winner yet", async () => {
  const d = await reader(AUTO);
  assert.equal(await d.page.locator(".chips .chip").last().innerText(), "No winner yet");
  assert.match(await d.text("body"), /Shares move on the hour, and are of \d{4}-\d\d-\d\d \d\d:\d\d UTC\./);
  await shoot(d, "9-results-auto-allocate", 1720);
  await d.close();
});

test("a phone and the dark", async () => {
  for (const scheme of ["light", "dark"]) {
    const d = await reader(HERO, { ...PHONE, colorScheme: scheme });
    assert.ok(await fits(d.page), "nothing is wider than the screen");
    if (scheme === "dark") await shoot(d, "8-results-phone", 2100);
    await d.close();
  }
  const empty = await reader(EMPTY, PHONE);
  assert.match(await empty.text(".empty"), /Nobody has seen this activity yet/);
  assert.ok(await fits(empty.page));
  await empty.close();
});

await runTests(tests, async () => {
  await browser.close();
  await server.close();
});
