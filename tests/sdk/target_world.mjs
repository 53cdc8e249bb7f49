// target_world.mjs - the fixture activities of [TARGET 12] in a running server, and the unmodified Target Node SDK.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { ROOT } from "./harness.mjs";

const require = createRequire(path.join(ROOT, "tests/sdk/"));
export const TargetClient = require("@adobe/target-nodejs-sdk");

// Visitors whose buckets are known [TARGET 3.5].
export const T0 = "0123456789abcdef0123456789abcdef", T1 = "338e3c1e51f7416a8e1ccba4f81acea0", T2 = "84e8d0e211054f18af365d65f45e902b";
export const E1 = "07327024324407615852294135870030620007";

const v3 = { "Content-Type": "application/vnd.adobe.target.v3+json" };

export class World {
  constructor(server) {
    this.server = server;
    this.tenant = server.credentials.tenant; // of the fresh server, and the client code
  }

  post(what, body, id) {
    return this.server.rest("POST", `/${this.tenant}/target/${what}${id ? "?id=" + id : ""}`, body,
      what.startsWith("activities") || what.startsWith("audiences") ? v3 : {});
  }

  async offer(type, content, name = "offer") {
    return (await this.post("offers/" + type, type === "actions" ? { name, actions: content } : { name, content })).id;
  }

  // experiences: [{percent, audienceIds, offer}] at one mbox (or where: {selector}, {view}).
  async activity(id, type, where, experiences, extra = {}) {
    const locations = where.selector ? { selectors: [{ locationLocalId: 0, name: "s", selector: where.selector, ...(where.view ? { viewLocalId: 0 } : {}) }] }
      : { mboxes: [{ locationLocalId: 0, name: where.mbox, audienceIds: where.audienceIds ?? [] }] };
    const body = { name: `activity ${id}`, state: "approved", priority: 5, locations,
      ...(where.view ? { views: [{ viewLocalId: 0, viewId: 33, name: where.view }] } : {}),
      options: experiences.map((e, i) => ({ optionLocalId: i, name: `option ${i}`, offerId: e.offer })),
      experiences: experiences.map((e, i) => ({ experienceLocalId: i, name: e.name ?? String.fromCharCode(65 + i), audienceIds: e.audienceIds ?? [],
        ...(type === "ab" ? { visitorPercentage: e.percent } : {}), optionLocations: [{ locationLocalId: 0, optionLocalId: i }] })),
      metrics: [{ metricLocalId: 32767, name: "goal", conversion: true, mboxes: [{ name: "orderConfirm", successEvent: "mbox_shown" }] }],
      ...extra };
    return this.post("activities/" + type, body, id);
  }

  artifactLocation(property = "", file = "rules.json") {
    return `http://127.0.0.1:${this.server.port}/${this.tenant}/production/v1/${property ? property + "/" : ""}${file}`;
  }

  // A client that is ready: for on-device ones, when the artifact is there. requests: what it sent.
  client(options = {}) {
    const requests = [];
    return new Promise((resolve, reject) => {
      const client = TargetClient.create({
        client: this.tenant, organizationId: this.server.credentials.orgId, serverDomain: `127.0.0.1:${this.server.port}`, secure: false,
        timeout: 10000, pollingInterval: 0, artifactLocation: this.artifactLocation(),
        fetchApi: async (url, init) => {
          const response = await fetch(url, init);
          requests.push({ url: String(url), method: init?.method ?? "GET", body: init?.body ? JSON.parse(init.body) : null, status: response.status });
          return response;
        },
        ...options,
        events: { clientReady: () => resolve(Object.assign(client, { requests })), artifactDownloadFailed: (e) => reject(e.error) } });
    });
  }
}

export const mbox = (name, more = {}) => ({ index: 0, name, ...more });
export const ask = (id, mboxes, more = {}) => ({ request: { id, context: { channel: "web" }, execute: { mboxes }, ...more } });
export const optionOf = (answer, i = 0) => answer.response.execute.mboxes[i].options?.[0];
export { assert };
