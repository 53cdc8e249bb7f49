// target_diff_test.mjs - random activities become our artifact; the vendor's engine decides by it, and we decide ourselves: no
// difference is allowed.
//
// EDGEWISE_ODD_SECONDS: how long (15); EDGEWISE_ODD_VISITORS: for each set (40); EDGEWISE_SEED repeats one set. The long run is
// EDGEWISE_ODD_SECONDS=3600 EDGEWISE_ODD_VISITORS=10000 node tests/sdk/target_diff_test.mjs
import assert from "node:assert/strict";
import { Driver, engine, vendorDecides } from "./target_decide.mjs";
import { runTests } from "./harness.mjs";
import { GLOBAL, NOW, random, randomRequest, randomSet } from "./target_random.mjs";

const SECONDS = Number(process.env.EDGEWISE_ODD_SECONDS ?? 15), VISITORS = Number(process.env.EDGEWISE_ODD_VISITORS ?? 40);
const tests = [];
const driver = new Driver();

const choice = (option) => `${option.responseTokens["activity.id"]}:${option.responseTokens["experience.id"]}`;
const distinct = (list) => list.filter((x, i) => x !== list[i - 1]);
// What is shown, without what only one side writes.
const shown = (options = []) => JSON.stringify(options.map(({ type, content, eventToken }) => ({ type, content: sorted(content), eventToken })));
const sorted = (v) => Array.isArray(v) ? v.map(sorted) : v && typeof v === "object" ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v;
const clicks = (metrics = []) => JSON.stringify(metrics.map(({ type, selector, eventToken }) => [type, selector, eventToken]).sort());

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
  const artifact = await driver.tell({ set, client: "acme", now: NOW });
  const client = await engine(artifact);
  total.sets++;
  total.rules += Object.values(artifact.rules.mboxes).concat(Object.values(artifact.rules.views)).flat().length;
  total.remote += artifact.remoteMboxes.length + artifact.remoteViews.length;
  total.locations += new Set([...artifact.localMboxes, ...artifact.remoteMboxes]).size;
  for (let i = 0; i < VISITORS; i++) {
    const q = randomRequest(r);
    const ours = await driver.decide({ ...q, execute: false }), executed = q.execute ? await driver.decide(q) : null;
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
  const first = Number(process.env.EDGEWISE_SEED ?? Date.now() % 1e9), until = Date.now() + SECONDS * 1000;
  let seed = first;
  do await oneSet(seed++);
  while (process.env.EDGEWISE_SEED === undefined && Date.now() < until);
  console.log(`seeds ${first} to ${seed - 1}: ${total.sets} sets, ${total.rules} rules, ${total.decisions} decisions, ${total.hits} of them deliver, ` +
    `${total.remote} of ${total.locations} locations remote`);
}]);

await runTests(tests, () => driver.close(), (2 * SECONDS + 120) * 1000); // the set that is begun last ends, too
