// target_diff_test.mjs - random activities become our artifact; the vendor's engine decides by it, and we decide ourselves: no
// difference is allowed.
//
// EDGEWISE_ODD_SECONDS: how long (15); EDGEWISE_ODD_VISITORS: for each set (40); EDGEWISE_SEED repeats one set. The long run is
// EDGEWISE_ODD_SECONDS=3600 EDGEWISE_ODD_VISITORS=10000 node tests/sdk/target_diff_test.mjs
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { ROOT, binary, runTests } from "./harness.mjs";
import { GLOBAL, NOW, random, randomRequest, randomSet } from "./target_random.mjs";
import { TargetClient } from "./target_world.mjs";

const SECONDS = Number(process.env.EDGEWISE_ODD_SECONDS ?? 15), VISITORS = Number(process.env.EDGEWISE_ODD_VISITORS ?? 40);
const tests = [];

/* ---- our side ---- */

const driver = spawn([path.join(path.dirname(binary), "tests/odd_decide"), path.join(ROOT, "build/dev/tests/odd_decide")].find((p) => fs.existsSync(p)),
  { stdio: ["pipe", "pipe", "ignore"] });
const lines = readline.createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
async function tell(line) {
  driver.stdin.write(JSON.stringify(line) + "\n");
  const { value, done } = await lines.next();
  if (done) throw new Error("odd_decide ended");
  let answer; try { answer = JSON.parse(value); } catch (e) { throw new Error("odd_decide wrote " + value); }
  if (answer.error !== undefined) throw new Error("odd_decide: " + answer.error);
  return answer;
}
const keyOf = (id) => id.marketingCloudVisitorId || (id.tntId ?? "").split(".")[0] || id.thirdPartyId;

/* ---- the vendor's: its clock is ours, and it sends nothing ---- */

const RealDate = Date;
let clock = null;
globalThis.Date = class extends RealDate {
  constructor(...a) { if (a.length === 0 && clock !== null) super(clock); else super(...a); }
  static now() { return clock ?? RealDate.now(); }
};
const silence = async () => new Response("{}", { status: 200, headers: { "content-type": "application/json" } });
function engine(artifactPayload) {
  return new Promise((resolve) => {
    const client = TargetClient.create({ client: "acme", organizationId: "ORG@AdobeOrg", decisioningMethod: "on-device", artifactPayload, pollingInterval: 0,
      telemetryEnabled: false, fetchApi: silence, targetLocationHint: "35", events: { clientReady: () => resolve(client) } });
  });
}

const choice = (option) => `${option.responseTokens["activity.id"]}:${option.responseTokens["experience.id"]}`;
const distinct = (list) => list.filter((x, i) => x !== list[i - 1]);
// What is shown, without what only one side writes.
const shown = (options = []) => JSON.stringify(options.map(({ type, content, eventToken }) => ({ type, content: sorted(content), eventToken })));
const sorted = (v) => Array.isArray(v) ? v.map(sorted) : v && typeof v === "object" ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v;
const clicks = (metrics = []) => JSON.stringify(metrics.map(({ type, selector, eventToken }) => [type, selector, eventToken]).sort());

async function vendorDecides(client, q) {
  clock = q.now;
  const request = (mode, what) => client.getOffers({ request: { id: q.id, context: { channel: "web", address: { url: q.url, referringUrl: q.referrer },
    userAgent: q.userAgent, ...(q.geo ? { geo: q.geo } : {}) }, ...(q.property ? { property: { token: q.property } } : {}), [mode]: what } });
  try {
    const { prefetch } = (await request("prefetch", { mboxes: q.mboxes, views: [{ ...q.page }], pageLoad: q.page })).response;
    const { execute } = q.execute ? (await request("execute", { mboxes: q.mboxes, pageLoad: q.page })).response : {};
    return { prefetch, execute };
  } finally {
    clock = null;
  }
}

/* ---- what is compared: locations that are not left to the server ---- */

function compare(artifact, q, ours, executed, theirs) {
  const wrong = [];
  const same = (where, a, b) => { if (a !== b) wrong.push(`${where}\n  ours   ${a}\n  theirs ${b}`); };
  q.mboxes.forEach((m, i) => {
    if (artifact.remoteMboxes.includes(m.name)) return;
    const vendor = theirs.prefetch.mboxes[i].options ?? [];
    same(m.name, ours.mboxes[i].taken.join(), distinct(vendor.map(choice)).join());
    same(m.name + " options", shown(ours.mboxes[i].options), shown(vendor));
    if (!executed) return;
    same(m.name + " executed", shown(executed.mboxes[i].options), shown(theirs.execute.mboxes[i].options));
    same(m.name + " metrics", clicks(executed.mboxes[i].metrics), clicks(theirs.execute.mboxes[i].metrics));
  });
  if (!artifact.remoteMboxes.includes(GLOBAL)) {
    const vendor = theirs.prefetch.pageLoad.options ?? [];
    same("page", ours.page.taken.join(), distinct(vendor.map(choice)).join());
    same("page options", shown(ours.page.options), shown(vendor));
    if (executed) {
      same("page executed", shown(executed.page.options), shown(theirs.execute.pageLoad.options));
      same("page metrics", clicks(executed.page.metrics), clicks(theirs.execute.pageLoad.metrics));
    }
  }
  const views = theirs.prefetch.views ?? [];
  for (const name of new Set([...ours.views, ...views].map((v) => v.name))) {
    if (artifact.remoteViews.includes(name)) continue;
    const mine = ours.views.find((v) => v.name === name), vendor = views.find((v) => v.name === name);
    same("view " + name, shown(mine?.options), shown(vendor?.options));
    same("view metrics " + name, clicks(mine?.metrics), clicks(vendor?.metrics));
  }
  return wrong;
}

const total = { sets: 0, rules: 0, decisions: 0, hits: 0, remote: 0, locations: 0 };

async function oneSet(seed) {
  const r = random(seed), set = randomSet(r);
  const artifact = await tell({ set, client: "acme", now: NOW });
  const client = await engine(artifact);
  total.sets++;
  total.rules += Object.values(artifact.rules.mboxes).concat(Object.values(artifact.rules.views)).flat().length;
  total.remote += artifact.remoteMboxes.length + artifact.remoteViews.length;
  total.locations += new Set([...artifact.localMboxes, ...artifact.remoteMboxes]).size;
  for (let i = 0; i < VISITORS; i++) {
    const q = randomRequest(r);
    const asked = { ...q, id: undefined, key: keyOf(q.id), views: true };
    const ours = await tell({ ...asked, execute: false }), executed = q.execute ? await tell(asked) : null;
    const theirs = await vendorDecides(client, q);
    const wrong = compare(artifact, q, ours, executed, theirs);
    total.decisions += q.mboxes.length + 1;
    total.hits += theirs.prefetch.mboxes.filter((m) => m.options?.length).length + (theirs.prefetch.pageLoad.options?.length ?? 0);
    if (wrong.length)
      assert.fail(`EDGEWISE_SEED=${seed} visitor ${i}\n${wrong.join("\n")}\n${JSON.stringify(q)}\n` +
        (process.env.EDGEWISE_SEED ? `${JSON.stringify(set, null, 1)}\n${JSON.stringify(artifact.rules, null, 1)}` : ""));
  }
}

tests.push(["[TARGET 12.130] random activities: the vendor's engine on our artifact decides as we do", async () => {
  const first = Number(process.env.EDGEWISE_SEED ?? RealDate.now() % 1e9), until = RealDate.now() + SECONDS * 1000;
  let seed = first;
  do await oneSet(seed++);
  while (process.env.EDGEWISE_SEED === undefined && RealDate.now() < until);
  console.log(`seeds ${first} to ${seed - 1}: ${total.sets} sets, ${total.rules} rules, ${total.decisions} decisions, ${total.hits} of them deliver, ` +
    `${total.remote} of ${total.locations} locations remote`);
}]);

await runTests(tests, () => driver.kill(), (SECONDS + 120) * 1000);
