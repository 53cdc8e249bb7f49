// target_node_test.mjs - the unmodified Target Node SDK against the running server: on-device, server-side and hybrid.
import { Server, runTests, until } from "./harness.mjs";
import { T0, T1, T2, World, ask, assert, mbox, optionOf } from "./target_world.mjs";

const server = await Server.startFor("acme");
const world = new World(server);
const tests = [];
const test = (name, body) => tests.push([name, body]);
let property;

test("the fixture activities", async () => {
  const a = await world.offer("json", { v: "A" }), b = await world.offer("json", { v: "B" });
  await world.activity(1001, "ab", { mbox: "hero" }, [{ percent: 50, offer: a }, { percent: 50, offer: b }]);
  const x = [];
  for (const content of ["a0", "a1", "a2", "x0", "x1", "p"]) x.push(await world.offer("content", content));
  await world.activity(2001, "ab", { mbox: "tri" }, [{ percent: 34, offer: x[0] }, { percent: 33, offer: x[1] }, { percent: 33, offer: x[2] }]);
  await world.activity(3001, "ab", { mbox: "part" }, [{ percent: 50, offer: x[3] }, { percent: 50, offer: x[4] }],
    { entryConstraint: { mboxes: [{ name: "part", audienceIds: [] }], visitorPercentage: 20 } });
  for (const [id, priority, content] of [[5001, 5, "low"], [5002, 9, "high"]]) {
    const offer = await world.offer("actions", [{ type: "setText", selector: "#t", content }]);
    await world.activity(id, "ab", { selector: "#t" }, [{ percent: 100, offer }], { priority,
      metrics: [{ metricLocalId: 32767, name: "buy", conversion: true, mboxes: [{ name: "orderConfirm", successEvent: "mbox_shown" }],
        clickTrackSelectors: id === 5002 ? [{ selector: "#buy" }] : [] }] });
  }
  property = await world.post("properties", { name: "site", channel: "web" });
  await world.activity(6001, "ab", { mbox: "prop" }, [{ percent: 100, offer: x[5] }], { propertyIds: [property.id] });
});

test("[TARGET 12.125] the artifact has an ETag, which changes with the content", async () => {
  const path = new URL(world.artifactLocation()).pathname;
  const first = await server.call("GET", path);
  assert.equal(first.status, 200, first.text);
  assert.match(first.headers.etag, /^"[0-9a-f]{32}"$/);
  assert.equal((await server.call("GET", path, undefined, { "If-None-Match": first.headers.etag })).status, 304);
  assert.equal((await server.call("HEAD", path)).headers.etag, first.headers.etag);
  await world.offer("content", "nobody shows it");
  assert.equal((await server.call("GET", path)).headers.etag, first.headers.etag, "another object, the same artifact");
  const late = await world.offer("content", "late");
  await world.activity(9500, "ab", { mbox: "late" }, [{ percent: 100, offer: late }]);
  const second = await server.call("GET", path, undefined, { "If-None-Match": first.headers.etag });
  assert.equal(second.status, 200);
  assert.notEqual(second.headers.etag, first.headers.etag);
  for (const wrong of ["/nobody/production/v1/rules.json", `/${world.tenant}/moon/v1/rules.json`])
    assert.equal((await server.call("GET", wrong)).status, 404, wrong);
  assert.equal((await server.call("POST", path, "{}")).status, 405);
});

test("[TARGET 12.126] [TARGET 12.182] what the artifact says of itself", async () => {
  const { json } = await server.call("GET", new URL(world.artifactLocation()).pathname);
  assert.match(json.version, /^1\./);
  for (const name of ["hero", "tri", "part"]) assert.ok(json.localMboxes.includes(name), name);
  for (const rule of Object.values(json.rules.mboxes).flat()) {
    assert.ok(Array.isArray(rule.consequence.options) && Array.isArray(rule.consequence.metrics) && Array.isArray(rule.meta["audience.ids"]));
    assert.equal(rule.meta["activity.id"], rule.activityId);
  }
});

test("[TARGET 12.127] [TARGET 12.131] on device the SDK decides as the vectors say", async () => {
  const client = await world.client({ decisioningMethod: "on-device" });
  const answer = await client.getOffers(ask({ tntId: T0 }, [mbox("hero"), mbox("tri", { index: 1 }), mbox("part", { index: 2 })]));
  assert.equal(answer.response.status, 200);
  assert.deepEqual(optionOf(answer).content, { v: "B" });
  assert.equal(optionOf(answer).responseTokens["activity.decisioningMethod"], "on-device");
  assert.equal(optionOf(answer, 1).content, "a0");
  assert.equal(optionOf(answer, 2), undefined);
  assert.equal(optionOf(await client.getOffers(ask({ tntId: T1 }, [mbox("part")]))).content, "x1");
  assert.equal(optionOf(await client.getOffers(ask({ tntId: T2 }, [mbox("part")]))).content, "x0");
});

test("[TARGET 12.129] [TARGET 12.140] a property restricts, in the artifact and in its own one", async () => {
  const client = await world.client({ decisioningMethod: "on-device" });
  assert.equal(optionOf(await client.getOffers(ask({ tntId: T0 }, [mbox("prop")]))), undefined);
  assert.equal(optionOf(await client.getOffers(ask({ tntId: T0 }, [mbox("prop")], { property: { token: property.token } }))).content, "p");
  const own = await server.call("GET", new URL(world.artifactLocation(property.token)).pathname);
  assert.ok(own.json.localMboxes.includes("prop") && own.json.localMboxes.includes("hero"));
  const other = await server.call("GET", new URL(world.artifactLocation("another")).pathname);
  assert.ok(!other.json.localMboxes.includes("prop") && other.json.localMboxes.includes("hero"));
});

// The SDK decodes the binary form and then calls then() on the result as if it were a promise, which it is not: 2.4.3 cannot use the
// form. So the test lends it a promise, and its decoder reads our bytes.
test("[TARGET 12.138] the binary form decides the same", async () => {
  const parse = JSON.parse;
  JSON.parse = (text, ...rest) => (text.startsWith('{"geoTargetingEnabled"') ? Promise.resolve(parse(text, ...rest)) : parse(text, ...rest));
  try {
    const client = await world.client({ decisioningMethod: "on-device", artifactLocation: world.artifactLocation("", "rules.bin") });
    assert.deepEqual(optionOf(await client.getOffers(ask({ tntId: T0 }, [mbox("hero")]))).content, { v: "B" });
  } finally {
    JSON.parse = parse;
  }
});

test("[TARGET 12.183] the page load on device: ascending priority, one metric, two entries in the notification", async () => {
  const client = await world.client({ decisioningMethod: "on-device" });
  const { response } = await client.getOffers({ request: { id: { tntId: T0 }, context: { channel: "web" }, execute: { pageLoad: {} } } });
  assert.deepEqual(response.execute.pageLoad.options.map((o) => o.content[0].content), ["low", "high"]);
  assert.equal(response.execute.pageLoad.metrics.length, 1);
  assert.equal(response.execute.pageLoad.metrics[0].selector, "#buy");
  const sent = await until("the notification is sent", () => client.requests.find((r) => r.body?.notifications));
  assert.deepEqual(sent.body.notifications.map((n) => n.mbox.name), ["target-global-mbox", "target-global-mbox"]);
});

test("[TARGET 12.136] prefetch keeps tokens on device, execute drops them", async () => {
  const client = await world.client({ decisioningMethod: "on-device" });
  const { response } = await client.getOffers({ request: { id: { tntId: T0 }, context: { channel: "web" }, prefetch: { mboxes: [mbox("hero")] } } });
  assert.ok(response.prefetch.mboxes[0].options[0].eventToken);
  assert.equal(optionOf(await client.getOffers(ask({ tntId: T0 }, [mbox("hero")]))).eventToken, undefined);
});

await runTests(tests, () => server.close());
