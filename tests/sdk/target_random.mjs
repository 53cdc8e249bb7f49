// target_random.mjs - activities, audiences and requests at random, from a seed: what target_diff_test.mjs compares on.
import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./harness.mjs";

const vectors = JSON.parse(fs.readFileSync(path.join(ROOT, "tests/vectors/target-context.json")));
export const agents = vectors.userAgent.map((v) => v.userAgent), hints = vectors.clientHints.map((v) => v.clientHints);

// mulberry32: the same numbers for the same seed, everywhere.
export function random(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const r = { next, below: (n) => Math.floor(next() * n), chance: (p) => next() < p, of: (list) => list[Math.floor(next() * list.length)],
    between: (a, b) => a + Math.floor(next() * (b - a + 1)), some: (n, make) => Array.from({ length: n }, (_, i) => make(i)),
    hex: (n) => Array.from({ length: n }, () => "0123456789abcdef"[Math.floor(next() * 16)]).join("") };
  return r;
}

// Ahead of the machine's clock, because a server's is moved forward only.
const NOW = Date.UTC(2032, 2, 10, 12), DAY = 24 * 3600 * 1000;
const GLOBAL = "target-global-mbox";
const texts = ["gold", "Gold", "GOLD", "silver", "go", "old", "", "7", "07", "7.0", "10", "9", "1e3", "0x10", "Infinity", "-3", " 5", "x7", "caf\u00e9", "\u0130stanbul",
  "\u00df", "a,b", "\ud83d\ude00"];
const names = ["tier", "qty", "a.b", "Tier", "empty"];
export const urls = ["", "https://www.example.com/", "https://www.example.com/shop/shoes?x=1&X=2&q=a%20b#Top", "http://shop.example.co.uk/Sale?x=", "https://example.com",
  "http://localhost:8080/home?fabulous=true#sosumi", "https://wwwshop.example.org/a/b/c.html?x=2&x=1", "https://192.168.0.1/p", "HTTPS://WWW.EXAMPLE.COM/SHOP"];
const geos = [undefined, { countryCode: "US", stateCode: "CA", city: "SAN FRANCISCO", latitude: 37.75, longitude: -122.4 },
  { countryCode: "DE", stateCode: "BE", city: "BERLIN" }, { countryCode: "GB" }, { city: "NEW YORK", countryCode: "US", stateCode: "NY" }];

/* ---- audiences in the shape of the admin API [TARGET 4.3] ---- */

const textOps = ["equals", "equalsIgnoreCase", "contains", "startsWith", "endsWith"];
const numberOps = ["greaterThan", "greaterThanOrEquals", "lessThan", "lessThanOrEquals"];
const presence = ["exists", "hasValue"];

function leaf(r) {
  const values = (list) => r.some(r.between(1, 3), () => r.of(list)).filter((v) => v !== "").concat(r.chance(0.1) ? ["zz"] : []).slice(0, 3);
  const given = (list) => { const v = values(list); return v.length ? v : [list.find((x) => x !== "")]; };
  switch (r.below(9)) {
    case 0: case 1: return { mbox: r.of(names), [r.of(textOps)]: given(texts) };
    case 2: return { mbox: r.of(names), [r.of(numberOps)]: [r.of(["7", "10", "9.5", "-1", "0"])] };
    case 3: return { mbox: r.of(names), [r.of(presence)]: [r.chance(0.5)] };
    case 4: {
      const field = r.of(["url", "path", "query", "fragment", "domain", "subdomain", "topLevelDomain", "query.x"]);
      return { [r.of(["page", "page", "referrer"])]: field === "fragment" ? "path" : field,
        [r.of(textOps)]: given(["example.com", "www.example.com", "/shop", "/", "x=1", "shoes", "1", "com", "co.uk", "shop", "localhost", "https://www.example.com/"]) };
    }
    case 5: return r.chance(0.5) ? { browser: "type", equals: given(["chrome", "firefox", "safari", "ie", "edge"]) }
      : { browser: "version", [r.of(numberOps)]: [String(r.of([11, 60, 80, 100, 120]))] };
    case 6: return { platform: r.of(["linux", "mac", "windows"]), exists: [r.chance(0.7)] };
    case 7: return { geo: r.of(["country", "region", "city"]), matches: given(["us", "united states", "de", "ca", "california", "berlin", "san francisco", "new york"]) };
    default: return r.chance(0.5) ? { time: "range", between: [NOW + r.between(-3, 0) * DAY, NOW + r.between(0, 3) * DAY].map((t) => new Date(t).toISOString()) }
      : { time: "weekly", days: r.some(r.between(1, 4), () => r.between(1, 7)), ...(r.chance(0.7) ? { between: r.of([["0900", "1700"], ["2200", "0600"], ["0000", "1200"], ["1200", "1200"]]) } : {}) };
  }
}

function rule(r, depth = 0) {
  if (depth > 2 || r.chance(0.5)) return leaf(r);
  if (r.chance(0.3)) return { not: rule(r, depth + 1) };
  return { [r.of(["and", "or"])]: r.some(r.between(1, 3), () => rule(r, depth + 1)) };
}

/* ---- conditions as an artifact has them: every operator of json-logic [TARGET 5.4] ---- */

const variables = ["mbox.tier", "mbox.tier_lc", "mbox.qty", "mbox.a.b", "mbox.Tier_lc", "mbox.empty", "mbox.none", "page.url_lc", "page.path", "page.query_lc", "page.domain",
  "page.subdomain", "page.topLevelDomain", "page.fragment_lc", "referring.url_lc", "referring.domain_lc", "user.browserType", "user.browserVersion", "user.platform", "user.locale",
  "geo.country", "geo.region", "geo.city", "geo.latitude", "current_timestamp", "current_time", "current_day", "allocation"];

function value(r, depth) {
  const more = depth < 3, sub = () => value(r, depth + 1);
  switch (r.below(more ? 14 : 4)) {
    case 0: return { var: r.of(variables) };
    case 1: return r.of([0, 1, 7, 10, -3, 50, 37.7, NOW, "0900", "", "gold", "go", "us", "US", "/shop", "chrome", "7", null, true, false]);
    case 2: return { var: [r.of(variables), r.of(["gold", 7, null])] };
    case 3: return r.of(texts);
    case 4: return { cat: r.some(r.between(1, 3), sub) };
    case 5: return { substr: [sub(), r.between(-4, 4), ...(r.chance(0.5) ? [r.between(-3, 4)] : [])] };
    case 6: return { [r.of(["+", "*", "min", "max"])]: r.some(r.between(1, 3), sub) };
    case 7: return { [r.of(["-", "/", "%"])]: [sub(), sub()] };
    case 8: return { [r.of(["if", "?:"])]: r.some(3, sub) };
    case 9: return { merge: r.some(2, sub) };
    case 10: return { missing: r.some(2, () => r.of(variables.slice(0, -1))) };
    case 11: return { missing_some: [r.between(1, 2), r.some(3, () => r.of(variables.slice(0, -1)))] };
    case 12: return { [r.of(["map", "filter"])]: [r.some(3, sub), r.of([{ var: "" }, { ">": [{ var: "" }, 5] }, { "+": [{ var: "" }, 1] }])] };
    default: return { reduce: [r.some(2, () => r.of([1, 2, "7"])), { "+": [{ var: "current" }, { var: "accumulator" }] }, r.below(3)] };
  }
}

// A condition at its root: any value can be one, lists too.
export const condition = (r) => (r.chance(0.1) ? value(r, 1) : logic(r));

function logic(r, depth = 0) {
  const sub = () => logic(r, depth + 1), v = () => value(r, depth + 1);
  switch (depth > 3 ? r.below(6) : r.below(11)) {
    case 0: return { [r.of(["==", "===", "!=", "!=="])]: [v(), v()] };
    case 1: return { [r.of(["<", "<=", ">", ">="])]: [v(), v()] };
    case 2: return { [r.of(["<", "<="])]: [v(), v(), v()] };
    case 3: return { in: [v(), r.chance(0.7) ? v() : r.some(3, v)] };
    case 4: return { [r.of(["!", "!!"])]: r.chance(0.5) ? [v()] : v() };
    case 5: return { "==": [r.of(texts), { var: r.of(["mbox.tier", "mbox.tier_lc", "mbox.qty"]) }] };
    case 6: case 7: return { [r.of(["and", "or"])]: r.some(r.between(1, 3), sub) };
    case 8: return { "!": [sub()] };
    case 9: return { if: [sub(), sub(), sub()] };
    default: return { [r.of(["all", "some", "none"])]: [r.some(r.below(3), v), r.of([{ "!!": { var: "" } }, { "==": [{ var: "" }, "gold"] }, { "<": [{ var: "" }, 10] }])] };
  }
}

/* ---- sets ---- */

function offer(r, id) {
  const name = "offer " + id;
  switch (r.below(5)) {
    case 0: return { id, name, type: "json", content: r.of([{ v: id }, [1, "x", null], "text", 5]) };
    case 1: return { id, name, type: "redirect", content: "https://www.example.com/" + id };
    case 2: return { id, name, type: "actions", actions: r.some(r.between(1, 2), () => ({ type: r.of(["setText", "setHtml"]), selector: r.of(["#a", "#b"]), content: `<b>${id}</b>` })) };
    default: return { id, name, type: "content", content: r.of([`<p>${id}</p>`, "Hi ${campaign.name}, ${campaign.recipe.name}", "${profile.x default=\"you\"} " + id]) };
  }
}

function location(r, i) {
  const audienceIds = [];
  if (r.chance(0.6)) return ["mboxes", { locationLocalId: i, name: "m" + r.below(5), audienceIds }];
  if (r.chance(0.3)) return ["mboxes", { locationLocalId: i, name: GLOBAL, audienceIds }];
  return ["selectors", { locationLocalId: i, name: "s", selector: r.of(["#a", "#b", "#c"]), audienceIds, ...(r.chance(0.4) ? { viewLocalId: 0 } : {}) }];
}

function activity(r, id, set) {
  const type = r.chance(0.6) ? "ab" : "xt", n = r.between(1, 4);
  const audiences = (p) => (r.chance(p) ? [r.of(set.audiences).id] : []);
  const percent = Array.from({ length: n }, () => 0);
  for (let left = 100, i = 0; i < n; i++) left -= percent[i] = i === n - 1 ? left : r.between(0, left);
  const locations = { mboxes: [], selectors: [] };
  for (let i = 0; i < r.of([1, 1, 2, 3]); i++) {
    const [kind, at] = location(r, i);
    at.audienceIds = audiences(0.15);
    locations[kind].push(at);
  }
  const all = [...locations.mboxes, ...locations.selectors];
  const options = r.some(n + 1, (i) => ({ optionLocalId: i, name: "option " + i, offerId: r.chance(0.1) ? 0 : r.of(set.offers).id }));
  return { id, name: `activity <${id}> & "co"`, type, state: r.chance(0.9) ? "approved" : "saved", priority: r.of([0, 5, 5, 5, 10, r.below(999)]),
    approvedAt: new Date(NOW - r.below(5) * DAY).toISOString(), modifiedAt: new Date(NOW - DAY).toISOString(),
    ...(r.chance(0.2) ? { startsAt: new Date(NOW + r.of([-DAY, 0, 1, DAY / 2, 3 * DAY])).toISOString() } : {}),
    ...(r.chance(0.2) ? { endsAt: new Date(NOW + r.of([-1, 0, 1, DAY, 2 * DAY])).toISOString() } : {}),
    entryConstraint: { visitorPercentage: r.of([100, 100, 100, 50, 20, 1, 0, 33]), mboxes: [{ name: "m0", audienceIds: audiences(0.3) }] },
    options, locations, views: [{ viewLocalId: 0, name: r.of(["home", "Cart"]) }],
    experiences: r.some(n, (i) => ({ experienceLocalId: i, name: "E" + i, ...(type === "ab" ? { visitorPercentage: percent[i] } : {}),
      audienceIds: type === "xt" ? audiences(0.7) : audiences(0.1),
      optionLocations: all.filter(() => r.chance(0.9)).map((at) => ({ locationLocalId: at.locationLocalId, optionLocalId: r.below(n + 1) })) })),
    metrics: r.chance(0.5) ? [] : [{ metricLocalId: 32767, name: "goal", conversion: true, mboxes: r.chance(0.5) ? [{ name: "m" + r.below(5), successEvent: r.of(["mbox_shown", "mbox_clicked"]) }] : [],
      clickTrackSelectors: r.chance(0.5) ? [{ selector: r.of(["#buy", "#more"]) }] : [] }],
    propertyIds: r.chance(0.15) ? [r.of(set.properties).id] : [] };
}

const RESPONSE_TOKENS = ["activity.id", "experience.id"].map((token) => ({ token, active: true }));

export function randomSet(r) {
  const set = { offers: r.some(r.between(4, 10), (i) => offer(r, 700 + i)), audiences: [], properties: [{ id: 9, token: "pt-9" }, { id: 8, token: "pt-8" }],
    responseTokens: RESPONSE_TOKENS };
  const imported = r.chance(0.4); // conditions of an artifact, as `edgewise target import` keeps them
  set.audiences = r.some(r.between(2, 8), (i) => ({ id: 10 + i, name: "audience " + i, ...(imported ? { jsonLogic: condition(r) } : { targetRule: rule(r) }) }));
  if (!imported && r.chance(0.5)) set.audiences.push({ id: 90, name: "both", audienceRule: { restRuleOperator: r.of(["AND", "OR", "NOT"]), rules: [{ audienceId: 10 }, ...(r.chance(0.5) ? [{ audienceId: 11 }] : [])] } });
  set.activities = r.some(r.between(1, 14), (i) => activity(r, 1000 + i * 7 + r.below(7), set));
  return set;
}

/* ---- requests ---- */

const parameters = (r) => {
  const p = {};
  for (const name of names) if (r.chance(0.5)) p[name] = name === "empty" && r.chance(0.5) ? "" : r.of(texts);
  return p;
};

// Somebody whom no server has seen.
export function visitor(r) {
  return r.of([{ tntId: r.hex(32) }, { tntId: r.hex(32) + ".28_0" }, { tntId: r.hex(32), marketingCloudVisitorId: String(r.below(1e9)) + r.below(1e9) },
    { tntId: r.hex(16), thirdPartyId: "B" + r.hex(16) }]);
}

// Times are those that an artifact made at NOW is for: its activities begin within a day.
export function randomRequest(r) {
  return { id: visitor(r), now: NOW + r.of([0, 0, 1, 6 * 3600 * 1000, r.below(DAY)]), property: r.of(["", "", "", "pt-9", "pt-8", "pt-none"]),
    url: r.of(urls), referrer: r.of(urls), userAgent: r.of(agents), geo: r.of(geos), execute: r.chance(0.3),
    mboxes: r.some(6, (i) => ({ index: i, name: "m" + i, parameters: parameters(r) })), page: { parameters: parameters(r) } };
}

export { NOW, GLOBAL };
