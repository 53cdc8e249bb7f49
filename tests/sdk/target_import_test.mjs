// target_import_test.mjs - edgewise target import: artifacts become activities of a server that decides as they do.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { Server, binary, runTests } from "./harness.mjs";
import { Driver, decideBoth, keyOf } from "./target_decide.mjs";
import { NOW, logic, random, randomRequest } from "./target_random.mjs";
import { World, assert } from "./target_world.mjs";

process.setMaxListeners(0); // a server each, which the end of the process ends
const run = promisify(execFile);
const tests = [];
const test = (name, body) => tests.push([name, body]);
const from = await Server.startFor("acme"), to = await Server.startFor("acme");
const world = new World(from), other = new World(to);

async function artifactOf(w) {
  return (await w.server.call("GET", new URL(w.artifactLocation()).pathname)).json;
}

async function importInto(server, artifact, ...args) {
  const file = path.join(server.data, "import.json");
  fs.writeFileSync(file, typeof artifact === "string" ? artifact : JSON.stringify(artifact));
  try {
    const { stdout, stderr } = await run(binary, ["target", "import", file, "--data", server.data, "--server", `http://127.0.0.1:${server.port}`, ...args]);
    return { code: 0, stdout, stderr };
  } catch (e) {
    return { code: e.code, stdout: e.stdout, stderr: e.stderr };
  }
}

// What a rule says, without the numbers and names that a server gives.
function essence(artifact) {
  const rules = (lists) => Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.map((r) => ({
    activity: r.activityId, experience: r.meta["experience.id"], type: r.meta["activity.type"], name: r.meta["activity.name"],
    condition: r.condition, properties: r.propertyTokens,
    options: r.consequence.options.map(({ type, content }) => ({ type, content })),
    metrics: r.consequence.metrics.map(({ type, selector }) => ({ type, selector })) }))]));
  return { mboxes: rules(artifact.rules.mboxes), views: rules(artifact.rules.views), local: artifact.localMboxes, localViews: artifact.localViews };
}

const range = (...x) => ({ "<=": x });
const allocation = { var: "allocation" };
const gold = { "==": ["gold", { var: "mbox.tier" }] }, shop = { in: ["shop", { var: "page.url_lc" }] };

// An artifact by hand: rules({mbox: [[activity, experience, condition, content, extra]]}).
function artifact(mboxes, views = {}) {
  const list = (name, rules) => rules.map(([activity, experience, condition, content, extra = {}]) => ({
    ruleKey: String(activity), activityId: activity, propertyTokens: [],
    meta: { "activity.id": activity, "activity.name": "by hand " + activity, "activity.type": "ab", "audience.ids": [], "experience.id": experience,
      "experience.name": "E" + experience, "location.id": 0, "location.name": name, "location.type": "mbox", "offer.id": 1, "option.id": 2 },
    condition, consequence: { name, metrics: [], options: content === null ? [] : [{ type: "html", content, eventToken: "t" }] }, ...extra }));
  const all = (o) => Object.fromEntries(Object.entries(o).map(([name, rules]) => [name, list(name, rules)]));
  return { version: "1.0.0", meta: { clientCode: "acme", environment: "production", generatedAt: "2026-03-01T10:00:00.000Z" },
    globalMbox: "target-global-mbox", geoTargetingEnabled: false, responseTokens: [], remoteMboxes: [], remoteViews: [],
    localMboxes: Object.keys(mboxes), localViews: Object.keys(views), rules: { mboxes: all(mboxes), views: all(views) } };
}

test("what a server generated comes back the same from another", async () => {
  const html = [];
  for (const c of ["a", "b", "c", "d"]) html.push(await world.offer("content", `<p>${c}</p>`));
  const vec = await world.offer("actions", [{ type: "setText", selector: "#t", content: "hi" }]);
  const go = await world.offer("redirect", "https://www.example.com/b"), json = await world.offer("json", { v: [1, "x"] });
  const property = await world.post("properties", { name: "site", channel: "web" });
  const offers = (...ids) => ids.map((offer) => ({ percent: 100 / ids.length, offer }));
  await world.activity(101, "ab", { mbox: "m" }, offers(html[0], html[1]), { priority: 9, entryConstraint: { visitorPercentage: 20 } });
  await world.activity(102, "ab", { mbox: "m" }, [34, 33, 33].map((percent, i) => ({ percent, offer: html[i] })), { priority: 3 });
  await world.activity(103, "ab", { mbox: "n" }, offers(0, json), { propertyIds: [property.id] });
  await world.activity(104, "ab", { mbox: "n" }, offers(go), { startsAt: "2026-01-01T00:00:00Z", endsAt: "2099-01-01T00:00:00Z", priority: 2 });
  await world.activity(105, "ab", { selector: "#t" }, offers(vec), { priority: 5 });
  await world.activity(106, "ab", { selector: "#t" }, offers(vec), { priority: 6,
    metrics: [{ metricLocalId: 32767, name: "buy", conversion: true, mboxes: [], clickTrackSelectors: [{ selector: "#buy" }] }] });
  await world.activity(107, "ab", { selector: "#t", view: "home" }, offers(vec));
  const before = await artifactOf(world);
  assert.deepEqual(before.remoteMboxes, []);
  const done = await importInto(to, before);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^7 activities are live, with \d+ offers, 0 audiences, 1 properties$/m);
  assert.deepEqual(essence(await artifactOf(other)), essence(before));
});

test("the same file again is refused before anything changes", async () => {
  const before = await artifactOf(other);
  const again = await importInto(to, before);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /the server has an activity 10\d already/);
  assert.deepEqual(await artifactOf(other), before);
});

test("a dry run sends nothing", async () => {
  const dry = await importInto(to, artifact({ x: [[900, 0, range(0, allocation, 100), "x"]] }), "--dry-run");
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^1 rules, 1 activities$/m);
  assert.ok(!(await artifactOf(other)).localMboxes.includes("x"));
});

// [file, part of the message]
const refused = [
  ["{", /byte 1: /],
  ["[]", /an artifact is an object/],
  [{ ...artifact({}), version: "2.0.0" }, /version must be 1\.x\.y, got '2\.0\.0'/],
  [{ version: "1.0.0", rules: [] }, /rules must be an object with mboxes/],
  [{ version: "1.0.0", rules: { mboxes: { m: {} } } }, /rules must have a list of rules for 'm', got an object/],
  [{ version: "1.0.0", rules: { mboxes: { m: [7] } } }, /rules\.mboxes\.m\[0\] must be an object with meta/],
  [artifact({ m: [[0, 0, true, "x"]] }), /rules\.mboxes\.m\[0\] must have meta\["activity\.id"\]/],
  [artifact({ m: [[1, 0, true, "x", { consequence: { options: [] } }]] }), /must have consequence\.metrics, a list/],
  [artifact({ m: [[1, 0, true, "x", { consequence: { options: [{ type: "video", content: "x" }], metrics: [] } }]] }), /unknown type 'video'/],
  [artifact({ m: [[1, 0, { startsWith: ["a", "b"] }, "x"]] }), /m\[0\] has a condition that cannot be evaluated: .*startsWith/],
  [artifact({ m: [[1, 0, { and: [true, { or: [gold, { "!": { regex: [] } }] }] }, "x"]] }), /cannot be evaluated: .*regex/],
  [artifact({ m: [[1, 0, gold, "x"], [2, 0, shop, "y"]], n: [[2, 0, shop, "y"], [1, 0, gold, "x"]] }), /put activity \d before and after others/],
  [artifact({ m: [[1, 0, gold, "x"], [2, 0, shop, "y"], [1, 1, true, "z"]] }), /m\[2\] comes after rules of another activity/],
  [artifact({ m: [[1, 0, { and: [range(0, allocation, 50), gold] }, "x"], [1, 1, { "<": [50, allocation] }, "y"]],
    n: [[1, 0, range(0, allocation, 50), "x"], [1, 1, { and: [{ "<": [50, allocation] }, shop] }, "y"]] }), /belongs neither to activity 1|must exclude/],
  [artifact({ m: [[1, 0, gold, "x"], [1, 1, true, "y"]], n: [[1, 1, true, "y"]] }), /must exclude who belongs to experience 0/],
  [artifact({ "target-global-mbox": [[1, 0, true, "x"], [2, 0, true, "y"]] }), /shows form-based content on the page/],
];

test("what cannot be read or said is refused with its place", async () => {
  for (const [file, message] of refused) {
    const r = await importInto(to, file, "--dry-run");
    assert.equal(r.code, 1, JSON.stringify(file).slice(0, 300) + "\n" + r.stdout);
    assert.match(r.stderr, message);
    assert.doesNotMatch(r.stderr, /ERROR|runtime error/);
  }
});

test("a truncated artifact is refused at its end", async () => {
  const text = JSON.stringify(await artifactOf(world));
  for (let n = 1; n < text.length; n += Math.ceil(text.length / 40)) {
    const r = await importInto(to, text.slice(0, n), "--dry-run");
    assert.equal(r.code, 1, r.stdout);
    assert.match(r.stderr, /byte \d+: /);
  }
});

// What the server has of an artifact, as the decision function takes it.
async function objectsOf(w) {
  const get = (what) => w.server.rest("GET", `/${w.tenant}/target/${what}`, undefined, { Accept: "application/vnd.adobe.target.v3+json" });
  const offers = (await w.server.rest("GET", `/${w.tenant}/target/offers`)).offers;
  return {
    activities: await Promise.all((await get("activities")).activities.map(async (a) => ({ ...(await get(`activities/${a.type}/${a.id}`)), type: a.type }))),
    audiences: (await get("audiences")).audiences,
    properties: (await w.server.rest("GET", `/${w.tenant}/target/properties`)).properties,
    offers: await Promise.all(offers.map(async (o) => ({ ...(await w.server.rest("GET", `/${w.tenant}/target/offers/${o.type}/${o.id}`)), type: o.type }))),
    responseTokens: ["activity.id", "experience.id"].map((token) => ({ token, active: true })) };
}

// Activities by hand at random: splits, targeting, conditions with every operator [TARGET 5.4], older bounds, several locations.
function randomArtifact(r) {
  const mboxes = {}, tokens = { responseTokens: ["activity.id", "experience.id"] };
  const put = (mbox, rule) => (mboxes[mbox] ??= []).push(rule);
  for (let id = 100; id < 100 + r.between(2, 8); id++) {
    const where = [...new Set(r.some(r.between(1, 2), () => "m" + r.below(4)))], n = r.between(1, 3), whole = r.chance(0.7);
    const entry = r.chance(0.5) ? [logic(r)] : [], own = r.some(n, () => (r.chance(0.5) ? [logic(r)] : [])), place = where.map(() => (r.chance(0.2) ? [logic(r)] : []));
    const bounds = whole ? [0, 34, 67, 100] : [0, 33.33, 66.6, 100], split = r.chance(0.6);
    const forms = own.map(() => r.chance(0.5));
    where.forEach((m, l) => own.forEach((parts, e) => {
      const share = !split ? [] : e === 0 ? [range(0, allocation, bounds[1])] : forms[e] ? [{ "<": [bounds[e], allocation] }, range(allocation, bounds[e + 1])]
        : [{ ">": [allocation, bounds[e]] }, { ">=": [bounds[e + 1], allocation] }];
      const condition = [...share, ...entry, ...parts, ...place[l]];
      put(m, [id, e, condition.length === 1 ? condition[0] : condition.length ? { and: condition } : true, r.chance(0.1) ? null : `<p>${id}.${e}</p>`,
        { meta: undefined }]);
    }));
  }
  for (const list of Object.values(mboxes)) for (const rule of list) delete rule[4].meta;
  return { ...artifact(mboxes), ...tokens };
}

test("a server decides as the artifact that it took in does", async () => {
  const driver = new Driver(), first = Number(process.env.EDGEWISE_SEED ?? Date.now() % 1e9), end = Date.now() + Number(process.env.EDGEWISE_ODD_SECONDS ?? 10) * 1000;
  let taken = 0, refusals = 0, delivered = 0;
  for (let seed = first; Date.now() < end && (seed === first || !process.env.EDGEWISE_SEED); seed++) {
    const r = random(seed), file = randomArtifact(r), w = new World(await Server.startFor("acme"));
    try {
      const done = await importInto(w.server, file);
      if (done.code !== 0) { // an order that no priorities say, at most
        assert.match(done.stderr, /before and after others|comes after rules of another|must exclude|has experience/, `EDGEWISE_SEED=${seed}\n${done.stderr}`);
        refusals++;
        continue;
      }
      taken++;
      const set = await objectsOf(w);
      await driver.tell({ set, client: "acme", now: NOW });
      for (let i = 0; i < 25; i++) {
        const q = { ...randomRequest(r), property: "", execute: false };
        const { ours, theirs } = await decideBoth(driver, file, q);
        q.mboxes.forEach((m, k) => {
          const content = (list) => JSON.stringify((list ?? []).filter((o) => o.type).map((o) => o.content));
          assert.equal(content(ours.mboxes[k].options), content(theirs.prefetch.mboxes[k].options), `EDGEWISE_SEED=${seed} visitor ${i} ${keyOf(q.id)} ${m.name} ` +
            `${JSON.stringify(q)}\n${JSON.stringify(file.rules.mboxes[m.name], null, 1)}`);
          delivered += theirs.prefetch.mboxes[k].options?.length ? 1 : 0;
        });
      }
    } finally {
      await w.server.close();
    }
  }
  driver.close();
  console.log(`${taken} artifacts taken in, ${refusals} refused, ${delivered} decisions that deliver`);
  assert.ok(taken > 3 && delivered > 20);
});

await runTests(tests, async () => { await from.close(); await to.close(); });
