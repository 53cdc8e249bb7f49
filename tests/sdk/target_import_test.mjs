// target_import_test.mjs - edgewise target import: artifacts become activities of a server that decides as they do.
import { Server, runTests } from "./harness.mjs";
import { allocation, artifact, importInto, range } from "./target_artifact.mjs";
import { World, assert } from "./target_world.mjs";

process.setMaxListeners(0); // a server each, which the end of the process ends
const tests = [];
const test = (name, body) => tests.push([name, body]);
const from = await Server.startFor("acme"), to = await Server.startFor("acme");
const world = new World(from), other = new World(to);

async function artifactOf(w) {
  return (await w.server.call("GET", new URL(w.artifactLocation()).pathname)).json;
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

const gold = { "==": ["gold", { var: "mbox.tier" }] }, shop = { in: ["shop", { var: "page.url_lc" }] };

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
  assert.match(done.stdout, /^7 activities are live, with \d+ offers, 0 audiences, 1 properties, 0 response tokens$/m);
  assert.deepEqual(essence(await artifactOf(other)), essence(before));
});

test("the same file again is refused before anything changes", async () => {
  const before = await artifactOf(other);
  const again = await importInto(to, before);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /the server has an activity 10\d already/);
  assert.deepEqual(await artifactOf(other), before);
});

test("response tokens of the file are switched on, those of answers on device are named", async () => {
  const had = (await to.rest("GET", `/${other.tenant}/target/responsetokens`)).responseTokens.map((t) => t.token);
  const file = artifact({ tokens: [[990, 0, true, "x"]] }, {}, { responseTokens: ["activity.id", "location.name", "profile.tier"] });
  const off = await other.post("responsetokens", { token: "profile.tier", active: false });
  const done = await importInto(to, file);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /, 2 response tokens$/m);
  assert.match(done.stderr, /^note: response token location\.name is of answers on device only$/m);
  const now = (await to.rest("GET", `/${other.tenant}/target/responsetokens`)).responseTokens;
  assert.deepEqual(now.map((t) => t.token).sort(), [...had, "profile.tier"].sort());
  assert.equal(now.find((t) => t.token === "activity.id").active, true);
  assert.equal(now.find((t) => t.id === off.id).active, true);
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
  [artifact(Object.fromEntries(["m", "n"].map((name) => [name, [["a"], ["b"]].map((empty, e) => [1, e, { and: [{ missing: empty }, { "==": [name, { var: "mbox.x" }] }] }, "x"])]))),
    /m\[0\] has a condition that belongs neither to activity 1/],
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

test("a hostile artifact is refused, and the server goes on", async () => {
  const deep = (n) => "[".repeat(n) + "]".repeat(n), nested = (n) => Array.from({ length: n }).reduce((c) => ({ "!": [c] }), gold);
  const hostile = [
    [deep(100000), /byte \d+: /], ['{"version":"1.0.0","rules":' + '{"mboxes":'.repeat(50000), /byte \d+: /],
    [artifact({ m: [[1, 0, nested(400), "x"]] }), /nests deeper than \d+ levels|byte \d+: /],
    ['{"version":"1.0.0","rules":{"mboxes":{}},"pad":"' + "x".repeat(64 << 20) + '"}', /bytes/],
    [artifact({ ["n".repeat(300)]: [[1, 0, true, "x"]] }), /name is not 1 to \d+ bytes long/],
    [artifact({ m: [[-1, 0, true, "x"]] }), /must have meta\["activity\.id"\]/],
    [artifact({ m: Array.from({ length: 2001 }, (_, e) => [1, e, gold, "x"]) }), /more than 2000 experiences/],
    ['{"version":"1.0.0","rules":{"mboxes":{"m":[{"meta":{"activity.id":1,"experience.id":0},"condition":{"\ud800":[]}}]}}}', /byte \d+: |rules/]];
  for (const [file, message] of hostile) {
    const r = await importInto(to, file);
    assert.equal(r.code, 1, JSON.stringify(file).slice(0, 200) + r.stdout);
    assert.match(r.stderr, message);
    assert.doesNotMatch(r.stderr, /ERROR|runtime error/);
  }
  assert.equal((await to.call("GET", "/healthz")).status, 200);
});

test("a truncated artifact is refused at its end", async () => {
  const text = JSON.stringify(await artifactOf(world));
  for (let n = 1; n < text.length; n += Math.ceil(text.length / 40)) {
    const r = await importInto(to, text.slice(0, n), "--dry-run");
    assert.equal(r.code, 1, r.stdout);
    assert.match(r.stderr, /byte \d+: /);
  }
});

await runTests(tests, async () => { await from.close(); await to.close(); });
