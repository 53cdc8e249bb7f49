// harness.mjs - what the browser tests share: a running server, its REST API, Chromium pointed at it, and a list of tests.
//
// The Web SDK knows https on port 443 only, so Chromium resolves the names below to the server's TLS port; the SDK file and
// the transport are untouched. EDGEWISE_BIN names the binary (default: the release build, else the one with sanitizers).
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const { chromium } = createRequire(path.join(ROOT, "demo/"))("playwright-core");
const run = promisify(execFile);

function findBinary() {
  const release = path.join(ROOT, "build/release/edgewise");
  const found = [process.env.EDGEWISE_BIN, release, path.join(ROOT, "build/dev/edgewise")].find((p) => p && fs.existsSync(p));
  if (!found) throw new Error("no binary: build first (make test does)");
  return found;
}
export const binary = findBinary();

/* ---- the server ---- */

const hex = (bytes) => crypto.randomBytes(bytes).toString("hex");

export class Server {
  static start(...args) {
    return Server.startFor(null, ...args);
  }

  // A server whose tenant and client code are of that name, as "acme", or as "acme of 6A1F..@AdobeOrg".
  static async startFor(name, ...args) {
    const [tenant, orgId] = name ? name.split(" of ") : [];
    const s = new Server();
    s.data = fs.mkdtempSync(path.join(os.tmpdir(), "edgewise-sdk-"));
    if (tenant)
      fs.writeFileSync(path.join(s.data, "credentials.json"), JSON.stringify({ orgId: orgId ?? hex(12).toUpperCase() + "@AdobeOrg", tenant,
        sandbox: "prod", clientId: hex(16), clientSecret: hex(24), tokenKey: hex(16), signingKey: hex(32), url: "" }));
    s.args = args;
    s.tlsPort = 0;
    process.on("exit", () => s.child.kill("SIGKILL")); // a test that breaks leaves no server behind
    await s.up();
    return s;
  }

  async up() {
    const log = fs.openSync(path.join(this.data, "server.log"), "a");
    this.child = spawn(binary, ["serve", "--data", this.data, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:" + this.tlsPort,
      "--tls-names", "www.northpeak.test,edge.example.test,localhost", ...this.args], { stdio: ["ignore", "pipe", log] });
    fs.closeSync(log);
    this.ended = new Promise((resolve) => this.child.on("exit", (code, signal) => resolve(code ?? signal)));
    let text = "";
    await new Promise((resolve, reject) => {
      this.child.stdout.on("data", (bytes) => {
        text += bytes;
        if (/^ready$/m.test(text)) resolve();
      });
      this.child.on("exit", () => reject(new Error("the server did not start:\n" + this.log())));
    });
    this.port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(text)[1]);
    this.tlsPort = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(text)[1]); // a restart keeps it: Chromium is told once
    this.credentials = JSON.parse(fs.readFileSync(path.join(this.data, "credentials.json")));
  }

  log() {
    return fs.readFileSync(path.join(this.data, "server.log"), "utf8").slice(-6000);
  }

  async down() {
    this.child.kill("SIGTERM");
    const code = await this.ended;
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${this.log()}`);
  }

  async restart() {
    await this.down();
    await this.up();
  }

  async close() {
    await this.down();
    fs.rmSync(this.data, { recursive: true, force: true });
  }

  async command(...args) {
    const { stdout } = await run(binary, [...args, "--data", this.data], { maxBuffer: 1 << 28 });
    return stdout;
  }

  // Hits of the collect topic, oldest first, without those that came by files.
  async hits() {
    if (this.child.exitCode === null) await this.drain(); // what was accepted is in the files then
    const lines = (await this.command("log", "dump", "collect")).trim().split("\n");
    return lines.map((l) => JSON.parse(l).value).filter((h) => h.source === "edge");
  }

  async call(method, target, body, headers = {}) {
    const r = await fetch(`http://127.0.0.1:${this.port}${target}`, {
      method, headers, body: body === undefined || typeof body === "string" ? body : JSON.stringify(body) });
    const text = await r.text();
    return { status: r.status, headers: Object.fromEntries(r.headers), text, json: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : null };
  }

  async rest(method, target, body, headers = {}) {
    const c = this.credentials;
    if (!this.token) {
      const form = new URLSearchParams({ grant_type: "client_credentials", client_id: c.clientId, client_secret: c.clientSecret });
      const r = await this.call("POST", "/ims/token/v3", form.toString(), { "Content-Type": "application/x-www-form-urlencoded" });
      assert.equal(r.status, 200, r.text);
      this.token = r.json.access_token;
    }
    const r = await this.call(method, target, body, {
      Authorization: "Bearer " + this.token, "x-api-key": c.clientId, "x-gw-ims-org-id": c.orgId, "x-sandbox-name": c.sandbox,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers });
    assert.ok(r.status >= 200 && r.status < 300, `${method} ${target} answered ${r.status}: ${r.text.slice(0, 400)}`);
    return r.json;
  }

  drain() { return this.rest("GET", "/edgewise/drain"); }

  // The one profile behind an identity.
  async entity(ns, id) {
    const found = await this.rest("GET", `/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=${id}&entityIdNS=${ns}`);
    return Object.values(found);
  }

  async events(ns, id) {
    const q = `schema.name=_xdm.context.experienceevent&relatedSchema.name=_xdm.context.profile&relatedEntityId=${id}&relatedEntityIdNS=${ns}&limit=1000`;
    return (await this.rest("GET", "/data/core/ups/access/entities?" + q)).children;
  }

  async metric(name) {
    const line = (await this.call("GET", "/metrics")).text.split("\n").find((l) => l.startsWith("edgewise_" + name + " "));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  }
}

/* ---- Chromium ---- */

export async function openBrowser(server) {
  const to = "127.0.0.1:" + server.tlsPort;
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
      "--disable-features=LocalNetworkAccessChecks", // a page served by the test may talk to our loopback server
      `--host-resolver-rules=MAP *.northpeak.test:443 ${to}, MAP edge.example.test:443 ${to}, MAP * ~NOTFOUND, EXCLUDE localhost`] });
}

// A person at a device: one cookie jar, one page, and every edge request that the page sent with its answer.
export class Device {
  static async open(browser, options = {}) {
    const d = new Device();
    d.context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, locale: "en-US",
      timezoneId: "UTC", ...options });
    d.page = await d.context.newPage();
    d.requests = [];
    d.console = [];
    d.page.on("console", (m) => d.console.push(m.text()));
    d.page.on("pageerror", (e) => d.console.push("pageerror " + e.message));
    d.page.on("request", (r) => {
      const url = new URL(r.url());
      if (!/\/v1\//.test(url.pathname) || r.method() !== "POST") return;
      d.requests.push({ action: url.pathname.replace(/^.*\/v1\//, ""), path: url.pathname, url: r.url(),
        id: url.searchParams.get("requestId"), body: JSON.parse(r.postData() || "{}"), answer: answerOf(r) });
    });
    return d;
  }

  get last() { return this.requests.at(-1); }
  named(action) { return this.requests.filter((r) => r.action === action); }

  // Opens an address of the shop and waits until its page event is answered and shown.
  async go(target) {
    await this.page.goto("https://www.northpeak.test" + target);
    return this.settled();
  }

  async settled() {
    await this.page.waitForSelector("html[data-personalized]");
    return this;
  }

  text(selector) { return this.page.locator(selector).innerText(); }
  close() { return this.context.close(); }
}

async function answerOf(request) {
  const response = await request.response().catch(() => null);
  if (!response) return null;
  const text = await response.text().catch(() => "");
  return { status: response.status(), body: text ? JSON.parse(text) : null };
}

export const payload = (answer, type) =>
  answer.body.handle.filter((h) => h.type === type).flatMap((h) => h.payload);

/* ---- conditions ---- */

// Polls until check() is truthy; there is no sleep of a guessed length anywhere.
export async function until(what, check, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error("did not happen: " + what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/* ---- tests ---- */

const TEST_MS = 60000;

export async function runTests(tests, finish, limitMs = TEST_MS) {
  const chosen = process.argv.slice(2);
  let passed = 0, failed = 0;
  for (const [name, body] of tests) {
    if (chosen.length && !chosen.some((c) => name.includes(c))) continue;
    const began = Date.now();
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("no end after " + limitMs + " ms")), limitMs)));
    try {
      await Promise.race([body(), late]);
      passed++;
      console.log(`ok   ${name} (${Date.now() - began} ms)`);
    } catch (e) {
      failed++;
      console.log(`FAIL ${name}\n${e.stack}`);
    } finally {
      clearTimeout(timer);
    }
  }
  try {
    await finish();
  } catch (e) {
    failed++;
    console.log("FAIL the end: " + e.message);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed || !passed ? 1 : 0);
}
