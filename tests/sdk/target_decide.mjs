// target_decide.mjs - one request decided twice: by our decision function (odd_decide.c) and by the vendor's on-device engine.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { ROOT, binary } from "./harness.mjs";
import { TargetClient } from "./target_world.mjs";

/* ---- our side ---- */

export class Driver {
  constructor() {
    const program = [path.join(path.dirname(binary), "tests/odd_decide"), path.join(ROOT, "build/dev/tests/odd_decide")].find((p) => fs.existsSync(p));
    this.process = spawn(program, { stdio: ["pipe", "pipe", "ignore"] });
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async tell(line) {
    this.process.stdin.write(JSON.stringify(line) + "\n");
    const { value, done } = await this.lines.next();
    if (done) throw new Error("odd_decide ended");
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error("odd_decide: " + answer.error);
    return answer;
  }

  decide(q) {
    return this.tell({ ...q, id: undefined, key: keyOf(q.id), views: true });
  }

  close() { this.process.kill(); }
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
export function engine(artifactPayload) {
  return new Promise((resolve) => {
    const client = TargetClient.create({ client: "acme", organizationId: "ORG@AdobeOrg", decisioningMethod: "on-device", artifactPayload, pollingInterval: 0,
      telemetryEnabled: false, fetchApi: silence, targetLocationHint: "35", events: { clientReady: () => resolve(client) } });
  });
}

// A delivery request, decided at that time: what the SDK answers.
export async function vendorAnswers(client, now, request) {
  clock = now;
  try {
    return (await client.getOffers({ request: structuredClone(request) })).response;
  } finally {
    clock = null;
  }
}

export const contextOf = (q) => ({ channel: "web", address: { url: q.url, referringUrl: q.referrer }, userAgent: q.userAgent, ...(q.geo ? { geo: q.geo } : {}),
  ...(q.clientHints ? { clientHints: q.clientHints } : {}) });

export async function vendorDecides(client, q) {
  const ask = (mode, what) => vendorAnswers(client, q.now, { id: q.id, context: contextOf(q), ...(q.property ? { property: { token: q.property } } : {}), [mode]: what });
  const { prefetch } = await ask("prefetch", { mboxes: q.mboxes, views: [{ ...q.page }], pageLoad: q.page });
  const { execute } = q.execute ? await ask("execute", { mboxes: q.mboxes, pageLoad: q.page }) : {};
  return { prefetch, execute };
}
