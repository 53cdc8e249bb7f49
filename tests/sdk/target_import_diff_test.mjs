// target_import_diff_test.mjs - an artifact is imported, and then the delivery API of the server answers as the vendor's engine does by the
// artifact itself: the same body to both, at the same time, for visitors that the server has never seen.
//
// EDGEWISE_ODD_SECONDS: how long artifacts at random are made (20); EDGEWISE_ODD_VISITORS: for each (40); EDGEWISE_SEED repeats one. The
// long run is EDGEWISE_ODD_SECONDS=1800 EDGEWISE_ODD_VISITORS=1000 node tests/sdk/target_import_diff_test.mjs
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { Server, runTests } from "./harness.mjs";
import { allocation, artifact, importInto, randomArtifact, range } from "./target_artifact.mjs";
import { Driver, contextOf, engine, vendorAnswers } from "./target_decide.mjs";
import { NOW, agents, hints, random, randomRequest, randomSet, urls, visitor } from "./target_random.mjs";

const SECONDS = Number(process.env.EDGEWISE_ODD_SECONDS ?? 20), VISITORS = Number(process.env.EDGEWISE_ODD_VISITORS ?? 40);
const MINUTE = 60 * 1000, HOUR = 60 * MINUTE;
process.setMaxListeners(0); // a server each, which the end of the process ends
const tests = [];
const test = (name, body) => tests.push([name, body]);

/* ---- the two sides ---- */

// A server in the year of the artifacts, with what the artifact has.
async function serverOf(file) {
  const server = await Server.startFor("acme", "--emulator");
  await moveTo(server, NOW);
  return { server, done: await importInto(server, file) };
}

async function moveTo(server, ms) {
  const r = await server.call("POST", "/emulator/clock", { now: new Date(ms).toISOString() });
  assert.equal(r.status, 200, r.text);
}

async function deliver(server, request) {
  const r = await server.call("POST", `/rest/v1/delivery?client=acme&sessionId=${request.requestId}`, request, { "Content-Type": "application/json" });
  assert.equal(r.status, 200, `${r.text}\n${JSON.stringify(request)}`);
  return r.json;
}

// When the server decided, by request: its clock runs on while it works.
async function timesOf(server) {
  return new Map((await server.hits()).map((h) => [h.requestId, Math.floor(h.acceptedUs / 1000)]));
}

/* ---- what is compared ---- */

const sorted = (v) => Array.isArray(v) ? v.map(sorted) : v && typeof v === "object" ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v;
// Numbers of offers and options are new in another server; all values are texts in its answers, names of places in lower case.
const tokensOf = (file, tokens = {}) => Object.fromEntries(file.responseTokens.filter((name) => !/^(offer|option|location)\.id$/.test(name) && tokens[name] !== undefined)
  .map((name) => [name, name.startsWith("geo.") ? String(tokens[name]).toLowerCase() : String(tokens[name])]));
const shown = (file, options = []) => options.filter((o) => o.type !== undefined).map(({ type, content, eventToken, responseTokens }) =>
  ({ type, content: sorted(content), token: eventToken !== undefined, ...tokensOf(file, responseTokens) }));
const clicks = (metrics = []) => metrics.map(({ type, selector }) => `${type} ${selector}`).sort();

// Places of an answer by name: what is shown there, and which clicks are told. In a prefetch the engine has the clicks of views only.
function placesOf(file, answer) {
  const places = {};
  const put = (name, { options, metrics = [] }, told) => {
    const place = { options: shown(file, options), clicks: told ? clicks(metrics) : [] };
    if (place.options.length + place.clicks.length > 0) places[name] = JSON.stringify(place);
  };
  for (const mode of ["execute", "prefetch"]) {
    const { mboxes = [], views = [], pageLoad } = answer[mode] ?? {};
    mboxes.forEach((m) => put(`${mode} ${m.index} ${m.name}`, m, mode === "execute"));
    views.forEach((v) => put(`view ${v.name}`, v, true));
    if (pageLoad) put(mode + " page", pageLoad, mode === "execute");
  }
  return places;
}

const differences = (a, b) => [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name])
  .map((name) => `${name}\n  ours   ${a[name] ?? "nothing"}\n  theirs ${b[name] ?? "nothing"}`);

// What visitors ask at times: [{now, request}]; answers of the vendor's engine, after they were found equal to the server's.
async function compare(file, server, asks, about) {
  const client = await engine(file), ours = [], theirs = [];
  let now = NOW;
  for (const ask of asks.sort((a, b) => a.now - b.now)) {
    if (ask.now > now) await moveTo(server, now = ask.now);
    ours.push(await deliver(server, ask.request));
  }
  const times = await timesOf(server);
  for (const [i, { request }] of asks.entries()) {
    const time = times.get(request.requestId);
    assert.ok(time >= NOW, "the log has the request");
    theirs.push(await vendorAnswers(client, time, request));
    const wrong = differences(placesOf(file, ours[i]), placesOf(file, theirs[i]));
    if (wrong.length)
      assert.fail(`${about} at ${time}\n${wrong.join("\n")}\n${JSON.stringify(request)}\n` + (process.env.EDGEWISE_SEED ? JSON.stringify(file, null, 1) : ""));
  }
  return theirs;
}

const deliveredBy = (answers) => answers.flatMap((a) => [...(a.prefetch?.mboxes ?? []), ...(a.execute?.mboxes ?? []), a.prefetch?.pageLoad, a.execute?.pageLoad,
  ...(a.prefetch?.views ?? [])]).filter((place) => place?.options?.some((o) => o.type)).length;

/* ---- every operator, every branch of the context: conditions that hold for some and not for others ---- */

const at = (path) => ({ var: path }), x = at("mbox.x"), n = at("mbox.n"), item = at("");
const operators = {
  var: [x, at("mbox.deep.er"), { "==": [{ var: ["mbox.none", "gold"] }, x] }, { "==": ["gold", { var: ["mbox.x_lc", "gold"] }] }],
  missing: [{ "!!": [{ missing: ["mbox.x"] }] }, { "!": { missing: ["mbox.x", "mbox.n"] } }],
  missing_some: [{ "!!": { missing_some: [1, ["mbox.x", "mbox.n"]] } }],
  if: [{ if: [{ "==": [x, "gold"] }, true, { "==": [n, "7"] }, { ">": [n, 1] }, false] }],
  "?:": [{ "?:": [x, { "==": [n, 7] }, { "!": [n] }] }],
  and: [{ and: [x, n] }], or: [{ or: [{ "==": [x, "gold"] }, { "==": [n, "7"] }] }], "!": [{ "!": [x] }, { "!": { or: [x, n] } }], "!!": [{ "!!": [x] }, { "!!": n }],
  "==": [{ "==": [7, n] }, { "==": ["7", n] }, { "==": [null, x] }], "===": [{ "===": ["7", n] }, { "===": [7, n] }], "!=": [{ "!=": [7, n] }], "!==": [{ "!==": ["gold", x] }],
  "<": [{ "<": [n, 8] }, { "<": [1, n, 8] }, { "<": ["10", n] }], "<=": [{ "<=": [n, 7] }, range(1, n, 7), { "<=": ["g", x] }], ">": [{ ">": [n, 7] }, { ">": [x, "h"] }], ">=": [{ ">=": [n, 7] }],
  in: [{ in: ["ol", x] }, { in: [x, ["gold", "silver"]] }, { in: ["", x] }],
  cat: [{ "==": [{ cat: [x, "-", n] }, "gold-7"] }],
  substr: [{ "==": ["go", { substr: [x, 0, 2] }] }, { "==": ["ld", { substr: [x, -2] }] }, { "==": ["ol", { substr: [x, 1, -1] }] }, { "==": ["nu", { substr: [x, 0, 2] }] }],
  "+": [{ "==": [{ "+": [n, 1] }, 8] }, { "==": [{ "+": n }, 7] }], "-": [{ "==": [{ "-": [n, 1] }, 6] }, { "==": [{ "-": [n] }, -7] }],
  "*": [{ "==": [{ "*": [n, 2] }, 14] }], "/": [{ "==": [{ "/": [n, 2] }, 3.5] }], "%": [{ "==": [{ "%": [n, 2] }, 1] }],
  min: [{ "==": [{ min: [n, 8] }, 7] }], max: [{ ">": [{ max: [n, 7] }, 7] }],
  merge: [{ in: [x, { merge: [["gold"], "silver"] }] }], map: [{ in: [8, { map: [[n, 1], { "+": [item, 1] }] }] }], filter: [{ "!!": [{ filter: [[n], { ">": [item, 5] }] }] }],
  reduce: [{ ">": [{ reduce: [[n, 1], { "+": [at("current"), at("accumulator")] }, 0] }, 7] }],
  all: [{ all: [[x, n], { "!!": item }] }], none: [{ none: [[x, n], { "!!": item }] }], some: [{ some: [[x, n], { "!!": item }] }],
  log: [{ "==": [{ log: x }, "gold"] }],
};
// The engine takes a list for true, an empty one too, and one that its operators found false.
const lists = [{ missing: ["mbox.x"] }, { filter: [[n], { ">": [item, 5] }] }, { and: [{ missing: ["mbox.x"] }, { "==": [x, "gold"] }] }, { and: [{ "==": [x, "gold"] }, { filter: [[n], false] }] },
  { if: [x, { merge: [] }, { "==": [n, 7] }] }];
const equals = (path, ...values) => ({ in: [at(path), values] });
const parts = { url: "https://www.example.com/shop/shoes?x=1&X=2&q=a%20b#Top", url_lc: "https://www.example.com/shop", path: "/shop/shoes", path_lc: "/shop/shoes", query: "x=1&X=2&q=a%20b",
  query_lc: "x=1&x=2&q=a%20b", fragment: "Top", fragment_lc: "top", domain: "example.com", domain_lc: "example.com", subdomain: "shop", subdomain_lc: "shop", topLevelDomain: "co.uk",
  topLevelDomain_lc: "co.uk" };
const branches = {
  ...Object.fromEntries(["page", "referring"].flatMap((of) => Object.entries(parts).map(([part, value]) => [`${of}.${part}`, equals(`${of}.${part}`, value)]))),
  "user.browserType": equals("user.browserType", "firefox", "edge"), "user.browserVersion": { ">=": [at("user.browserVersion"), 99] }, "user.platform": equals("user.platform", "mac"),
  "user.locale": { and: [equals("user.locale", "en"), x] }, // all are "en"
  "geo.country": equals("geo.country", "US", "GB"), "geo.region": equals("geo.region", "CA"), "geo.city": equals("geo.city", "BERLIN"),
  "geo.latitude": { "<": ["37.70", at("geo.latitude")] }, "geo.longitude": { "<": [at("geo.longitude"), -100] },
  "mbox.x_lc": equals("mbox.x_lc", "gold"), "mbox.deep.er_lc": equals("mbox.deep.er_lc", "in"),
  current_timestamp: { "<=": [NOW + HOUR, at("current_timestamp"), NOW + 7 * HOUR] }, current_time: { "<=": ["0900", at("current_time"), "1500"] }, current_day: equals("current_day", new Date(NOW).getUTCDay() || 7),
  allocation: { ">": [{ "%": [allocation, 2] }, 1] },
};

const operatorsIn = (logic, found = new Set()) => {
  if (Array.isArray(logic)) logic.forEach((l) => operatorsIn(l, found));
  else if (logic !== null && typeof logic === "object") for (const [name, args] of Object.entries(logic)) operatorsIn(args, found.add(name));
  return found;
};

// The engine takes the referring page of an mbox with an address of its own from that very url; a server does not.
const ownAddress = (r, condition) => (r.chance(0.2) && !JSON.stringify(condition).includes("referring.") ? { address: { url: r.of(urls) } } : {});

const JSON_LOGIC = ["var", "missing", "missing_some", "if", "?:", "and", "or", "!", "!!", "==", "===", "!=", "!==", "<", "<=", ">", ">=", "in", "cat", "substr", "+", "-", "*", "/", "%",
  "min", "max", "merge", "map", "filter", "reduce", "all", "none", "some", "log"];

const given = [{}, { x: "gold", n: "7" }, { x: "Gold" }, { x: "", n: "" }, { n: 7 }, { x: "silver", n: "9" }, { n: "8.5", deep: "no" }, { "deep.er": "In" }, { x: true, n: false }, { x: "hold", n: 1 }];

test("[TARGET 12.133] every operator and every part of the context decides in the delivery API as in the artifact", async () => {
  assert.deepEqual(JSON_LOGIC.filter((name) => !operatorsIn(Object.values(operators)).has(name)), [], "operators without a condition");
  const conditions = [...Object.values(operators).flat(), ...Object.values(branches), ...lists], listed = lists.slice(0, 2);
  const file = artifact(Object.fromEntries(conditions.map((condition, i) => ["c" + i, [[100 + i, 0, condition, "yes"]]])), {}, { responseTokens: ["activity.id"] });
  const { server, done } = await serverOf(file), r = random(20);
  assert.equal(done.code, 0, done.stderr);
  const asks = [], spoken = console.log;
  for (let i = 0; i < 60; i++) {
    const q = { ...randomRequest(r), now: NOW + [0, 5 * HOUR, 13 * HOUR, 30 * HOUR][i % 4], userAgent: agents[i % agents.length], url: r.of(urls), referrer: r.of(urls) };
    if (i % 6 === 1) q.clientHints = r.of(hints);
    for (let from = 0; from < conditions.length; from += 40)
      asks.push({ now: q.now, request: { requestId: crypto.randomUUID(), id: visitor(r), context: contextOf(q), prefetch: { mboxes: conditions.slice(from, from + 40).map((_, k) =>
        ({ index: k, name: "c" + (from + k), parameters: given[(i + k) % given.length], ...ownAddress(r, conditions[from + k]) })) } } });
  }
  console.log = () => {}; // the operator log
  const answers = await compare(file, server, asks, "operators").finally(() => (console.log = spoken));
  const seen = conditions.map(() => new Set());
  for (const m of answers.flatMap((a) => a.prefetch.mboxes)) seen[m.name.slice(1)].add(m.options?.length ?? 0);
  assert.deepEqual(conditions.filter((c, i) => seen[i].size !== (listed.includes(c) ? 1 : 2)).map((c) => JSON.stringify(c)), [], "conditions that are the same for everybody");
  await server.close();
});

/* ---- the ranges of the hash ---- */

test("[TARGET 12.42] every range of the hash, however it is written, has the same visitors", async () => {
  const ends = (...bounds) => bounds.slice(1).map((high, e) => [bounds[e], high]);
  const ways = {
    own: ends(0, 34, 67, 100).map(([low, high], e) => (e === 0 ? range(0, allocation, high) : { and: [{ "<": [low, allocation] }, range(allocation, high)] })),
    traffic: ends(0, 10, 20).map(([low, high], e) => (e === 0 ? range(0, allocation, high) : { and: [{ "<": [low, allocation] }, range(allocation, high)] })),
    turned: ends(0, 50, 100).map(([low, high], e) => (e === 0 ? { ">=": [high, allocation] } : { and: [{ ">": [allocation, low] }, { ">=": [high, allocation] }] })),
    hundredths: ends(0, 33.33, 66.6, 99.99).map(([low, high], e) => (e === 0 ? range(allocation, high) : { and: [{ "<": [low, allocation] }, range(allocation, high)] })),
    thin: ends(0, 1, 2, 100).map(([low, high], e) => (e === 0 ? range(0, allocation, high) : { and: [{ "<": [low, allocation] }, range(allocation, high)] })),
    gap: [range(20, allocation, 40), range(60, allocation, 80)],
  };
  const names = Object.keys(ways);
  const file = artifact(Object.fromEntries(names.map((name, k) => [name, ways[name].map((condition, e) => [1000 + k, e, condition, `${name} ${e}`])])), {},
    { responseTokens: ["activity.id", "experience.id", "experience.name"] });
  const { server, done } = await serverOf(file), r = random(3);
  assert.equal(done.code, 0, done.stderr);
  const asks = Array.from({ length: 600 }, () => ({ now: NOW, request: { requestId: crypto.randomUUID(), id: visitor(r), context: { channel: "web" },
    execute: { mboxes: names.map((name, index) => ({ index, name })) } } }));
  const answers = await compare(file, server, asks, "ranges"), seen = new Set(answers.flatMap((a) => a.execute.mboxes.flatMap((m) => m.options?.map((o) => o.content) ?? [`${m.name} nothing`])));
  for (const name of names) ways[name].forEach((_, e) => assert.ok(seen.has(`${name} ${e}`), `nobody is in range ${e} of ${name}`));
  assert.ok(seen.has("traffic nothing") && seen.has("gap nothing") && !seen.has("own nothing"));
  await server.close();
});

/* ---- at random ---- */

// One who fetches everything, and another of the same context who executes one place.
function asksOf(r, i) {
  const q = randomRequest(r), page = { ...q.page };
  const now = NOW + [0, 30 * MINUTE, 6 * HOUR, 20 * HOUR][i % 4];
  const common = () => ({ requestId: crypto.randomUUID(), id: visitor(r), context: contextOf(q), ...(q.property ? { property: { token: q.property } } : {}) });
  const place = r.below(q.mboxes.length + 1);
  return [{ now, request: { ...common(), prefetch: { mboxes: q.mboxes, views: [page], pageLoad: page } } },
    { now, request: { ...common(), execute: place < q.mboxes.length ? { mboxes: [q.mboxes[place]] } : { pageLoad: page } } }];
}

const total = { taken: 0, refused: 0, decided: 0, delivered: 0 };

async function oneArtifact(r, file, seed, refusals) {
  const { server, done } = await serverOf(file);
  try {
    if (done.code !== 0) {
      assert.match(done.stderr, refusals, `EDGEWISE_SEED=${seed}\n${done.stderr}`);
      total.refused++;
      return;
    }
    total.taken++;
    const asks = Array.from({ length: VISITORS }, (_, i) => asksOf(r, i)).flat();
    const answers = await compare(file, server, asks, `EDGEWISE_SEED=${seed}`);
    total.decided += asks.length;
    total.delivered += deliveredBy(answers);
  } finally {
    await server.close();
  }
}

async function atRandom(seconds, make, refusals) {
  const first = Number(process.env.EDGEWISE_SEED ?? Date.now() % 1e9), until = Date.now() + seconds * 1000;
  let seed = first;
  Object.assign(total, { taken: 0, refused: 0, decided: 0, delivered: 0 });
  do {
    const r = random(seed), file = await make(r);
    await oneArtifact(r, file, seed++, refusals);
  } while (process.env.EDGEWISE_SEED === undefined && (Date.now() < until || total.taken < 3));
  console.log(`seeds ${first} to ${seed - 1}: ${total.taken} artifacts taken in, ${total.refused} refused, ${total.decided} requests, ${total.delivered} places that deliver`);
  assert.ok(process.env.EDGEWISE_SEED !== undefined || total.delivered > 20);
}

test("artifacts by hand at random: the server that took one in answers as it decides", async () => {
  await atRandom(SECONDS / 2, randomArtifact, /before and after others|comes after rules of another|must exclude|has experience/);
});

test("[TARGET 12.130] our own artifacts at random: another server that took one in answers as it decides", async () => {
  const driver = new Driver();
  await atRandom(SECONDS / 2, (r) => driver.tell({ set: randomSet(r), client: "acme", now: NOW }), /before and after others|shows form-based content on the page/);
  driver.close();
});

await runTests(tests, () => {}, (2 * SECONDS + 120) * 1000);
