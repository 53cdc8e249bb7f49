// odd_sdk.mjs - the other side of `bench/run decide`: the vendor's Node SDK decides on device by our artifact.
//
//   node bench/odd_sdk.mjs ODD_DECIDE ACTIVITIES MBOXES ROUNDS CLIENT [SERVER]
//      -> {"rules","requests","equal","ours":[requests per CPU second],"peer":[..]}
//      SERVER has the same activities: its delivery API must answer the same, too. CLIENT is its client code
//   node bench/odd_sdk.mjs objects ACTIVITIES MBOXES    the same activities and requests, for a running server
//
// Half of the activities are splits behind an audience, half target by three audiences; five at each mbox. Both sides answer the same
// requests, of so many mboxes each; the answers are compared first. Both are measured in CPU seconds of their process, alternated.
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const TargetClient = createRequire(path.join(ROOT, "tests/sdk/"))("@adobe/target-nodejs-sdk");
const NOW = Date.UTC(2026, 2, 10, 12), REQUESTS = 200;
const AGENTS = ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0"];

let state = 20260310;
const below = (n) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296) * n);
const hex = (n) => Array.from({ length: n }, () => "0123456789abcdef"[below(16)]).join("");

// 50 activities make 149 rules, 200 make 599.
function objects(count, mboxes) {
  const audiences = [
    { mbox: "tier", equals: ["gold"] }, { mbox: "tier", contains: ["ilv"] }, { mbox: "qty", greaterThan: ["10"] },
    { page: "path", startsWith: ["/shop", "/sale"] }, { page: "url", contains: ["example"] }, { browser: "type", equals: ["chrome"] },
    { or: [{ mbox: "tier", equals: ["bronze", "gold"] }, { platform: "mac", exists: [true] }] }, { not: { mbox: "tier", equalsIgnoreCase: ["none"] } },
  ].map((targetRule, i) => ({ id: 11 + i, name: "audience " + i, targetRule }));
  const offers = [], activities = [];
  for (let i = 0; i < count; i++) {
    const n = i === count - 1 ? 2 : 3, ab = i % 2 === 0;
    for (let e = 0; e < n; e++) offers.push({ id: 1000 + i * 3 + e, name: `offer ${i}.${e}`, type: "json", content: { headline: `Offer ${i}.${e}`, image: `/img/${i}/${e}.png`, price: i * 10 + e } });
    activities.push({ id: 2001 + i, name: "activity " + i, type: ab ? "ab" : "xt", state: "approved", priority: 100 + i, approvedAt: "2026-03-01T00:00:00Z",
      entryConstraint: { visitorPercentage: 100, mboxes: [{ name: "m" + (i % (count / 5)), audienceIds: ab ? [11 + (i / 2) % 8] : [] }] },
      locations: { mboxes: [{ locationLocalId: 0, name: "m" + (i % (count / 5)), audienceIds: [] }] },
      options: Array.from({ length: n }, (_, e) => ({ optionLocalId: e, name: "o" + e, offerId: 1000 + i * 3 + e })),
      experiences: Array.from({ length: n }, (_, e) => ({ experienceLocalId: e, name: "E" + e, ...(ab ? { visitorPercentage: n === 2 ? 50 : e === 0 ? 34 : 33 } : {}),
        audienceIds: ab ? [] : [11 + (i + e) % 8], optionLocations: [{ locationLocalId: 0, optionLocalId: e }] })) });
  }
  const requests = Array.from({ length: REQUESTS }, () => ({ id: { tntId: hex(32) }, now: NOW, url: ["https://www.example.com/shop/shoes?x=1", "https://www.example.com/about"][below(2)],
    referrer: "", userAgent: AGENTS[below(2)], mboxes: Array.from({ length: mboxes }, (_, index) => ({ index, name: "m" + (mboxes * 5 === count ? index : below(count / 5)),
      parameters: { tier: ["gold", "silver", "none"][below(3)], qty: String(below(20)) } })) }));
  return { activities, offers, audiences, properties: [], requests };
}

const [what, clientCode, server] = [process.argv[2], process.argv[6], process.argv[7]];
const [count, mboxes, rounds] = process.argv.slice(3, 6).map(Number);
const set = objects(count, mboxes);
if (what === "objects") {
  fs.writeSync(1, JSON.stringify(set)); // all of it before the process ends
  process.exit(0);
}

const driver = spawn(what, { stdio: ["pipe", "pipe", "inherit"] });
const lines = readline.createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
async function tell(line) {
  driver.stdin.write(JSON.stringify(line) + "\n");
  const answer = JSON.parse((await lines.next()).value);
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

const { requests, ...stored } = set;
const artifactPayload = await tell({ set: stored, client: clientCode, now: NOW });
const client = await new Promise((resolve) => {
  const c = TargetClient.create({ client: clientCode, organizationId: "ORG@AdobeOrg", decisioningMethod: "on-device", artifactPayload, pollingInterval: 0,
    telemetryEnabled: false, targetLocationHint: "35", fetchApi: async () => new Response("{}"), events: { clientReady: () => resolve(c) } });
});
const ask = (q) => client.getOffers({ request: { id: q.id, context: { channel: "web", address: { url: q.url, referringUrl: q.referrer }, userAgent: q.userAgent },
  prefetch: { mboxes: q.mboxes } } });

const shown = (options = []) => JSON.stringify(options.map((o) => [o.type, o.content, o.eventToken]));
const contents = (options = []) => JSON.stringify(options.map((o) => [o.type, o.content]));
let equal = artifactPayload.remoteMboxes.length === 0, delivered = 0;
for (const q of requests) {
  const ours = await tell({ keep: { ...q, key: q.id.tntId } }), { prefetch } = (await ask(q)).response;
  const remote = server && (await (await fetch(`${server}/rest/v1/delivery?client=${clientCode}&sessionId=${q.id.tntId}`, { method: "POST",
    body: JSON.stringify({ id: q.id, context: { channel: "web", address: { url: q.url }, userAgent: q.userAgent }, prefetch: { mboxes: q.mboxes } }) })).json()).prefetch;
  prefetch.mboxes.forEach((m, i) => {
    if (remote) equal &&= contents(m.options) === contents(remote.mboxes[i].options);
  });
  prefetch.mboxes.forEach((m, i) => { equal &&= shown(m.options) === shown(ours.mboxes[i].options); delivered += m.options ? 1 : 0; });
}
if (!equal || delivered < REQUESTS) throw new Error(`answers differ, or too few deliver: ${delivered}`);

async function peerRate() {
  const began = process.cpuUsage(), until = Date.now() + 1500;
  let n = 0;
  while (Date.now() < until) for (const q of requests) { await ask(q); n++; }
  const used = process.cpuUsage(began);
  return n / ((used.user + used.system) / 1e6);
}
async function ourRate() {
  const { decisions, seconds } = await tell({ repeat: Math.ceil(3000 / mboxes) });
  return decisions / seconds;
}
await peerRate(); // both warm
await ourRate();
const ours = [], peer = [];
for (let i = 0; i < rounds; i++) {
  peer.push(await peerRate());
  ours.push(await ourRate());
}
console.log(JSON.stringify({ rules: Object.values(artifactPayload.rules.mboxes).flat().length, requests: REQUESTS, equal, ours, peer }));
driver.stdin.end();
process.exit(0);
