// ab_docs_test.mjs - docs/ab-test.md where it needs a browser or npm: its blocks are pasted into a bash as they stand on the page.
// The Web SDK section's own page is then used like a person would, in a real Chromium with the arguments that the page gives.
// tests/api/ab_docs_test.py runs the other sections. npm brings what tests/sdk and demo have installed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { ROOT, binary, runTests, until } from "./harness.mjs";

const { chromium } = createRequire(path.join(ROOT, "demo/"))("playwright-core");
const SETUP = ["1. ", "2. ", "3. ", "4. "], WEB = "7. ", NODE = "8. ";
const tests = [];
const test = (name, body) => tests.push([name, body]);

/* ---- the page ---- */

// [{section, text, says}] of each command, with the output below it.
function commands() {
  const out = [];
  let section = "";
  for (const [, heading, kind, text] of fs.readFileSync(path.join(ROOT, "docs/ab-test.md"), "utf8").matchAll(/^## (.*)$|^```(\w*)\n([^]*?)^```$/gm)) {
    if (heading) section = heading;
    else if (kind === "sh") out.push({ section, text });
    else out.at(-1).says = text;
  }
  return out;
}
const page = commands();

/* ---- who pastes it ---- */

const freePort = () => new Promise((resolve) => {
  const s = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => resolve(port));
  });
});
const ports = [];
for (const p of [8080, 8443, 8000]) ports.push([p, await freePort()]);
const ours = (text) => ports.reduce((t, [p, q]) => t.replaceAll(new RegExp(`((?:127\\.0\\.0\\.1|localhost):|http\\.server )${p}\\b`, "g"), `$1${q}`), text);
const theirs = (text) => ports.reduce((t, [p, q]) => t.replaceAll(":" + q, ":" + p), text);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "edgewise-docs-")), here = path.join(folder, "here"), tools = path.join(folder, "bin");
fs.mkdirSync(here);
fs.mkdirSync(tools);
fs.symlinkSync(path.resolve(binary), path.join(tools, "edgewise"));
const tool = (name, text) => fs.writeFileSync(path.join(tools, name), "#!/bin/sh\n" + text, { mode: 0o755 });
tool("npm", `for last; do :; done   # npm install --silent NAME@VERSION
name=\${last%@*}
for of in "${ROOT}/demo" "${ROOT}/tests/sdk"; do
  if [ "$(jq -r '"\\(.name)@\\(.version)"' "$of/node_modules/$name/package.json" 2>&-)" = "$last" ]; then
    mkdir -p node_modules/\${name%/*} && ln -s "$of/node_modules/$name" node_modules/$name && exit
  fi
done
echo "$last is not what the tests have" && exit 1
`);
tool("chromium", `printf '%s\\n' "$@" >arguments\nmv arguments chromium.arguments\n`);

const bash = spawn("bash", { cwd: here, detached: true, stdio: ["pipe", "pipe", "pipe"],
  env: { ...process.env, PATH: tools + path.delimiter + process.env.PATH } });
let said = "";
for (const stream of [bash.stdout, bash.stderr]) stream.on("data", (bytes) => (said += bytes));
process.on("exit", () => bash.exitCode === null && process.kill(-bash.pid, "SIGKILL"));

// What is printed until the last command ended; it must have succeeded.
async function paste(text) {
  said = "";
  bash.stdin.write(ours(text) + "\nprintf '<end %s>\\n' $?\n");
  const [, printed, status] = await until("the commands end:\n" + text, () => /^([^]*)<end (\d+)>\n/.exec(said), 50000);
  assert.equal(status, "0", text + printed);
  return theirs(printed);
}
async function follow(...sections) {
  const chosen = page.filter((c) => sections.some((s) => c.section.startsWith(s)));
  assert.ok(chosen.length >= sections.length);
  for (const c of chosen) {
    const printed = await paste(c.text);
    if (c.says !== undefined) assert.equal(printed.replace(/^curl: \(22\).*\n/m, ""), c.says.replace(/^curl: \(22\).*\n/m, ""), c.text);
  }
}

/* ---- tests ---- */

const totals = async () => JSON.parse((await paste("api GET /edgewise/drain\napi GET /edgewise/reports/$TEST")).split("\n")[1]).totals;

test("the activity is set up as the page says", () => follow(...SETUP));

test("the page with the Web SDK shows, keeps, clicks and sells", async () => {
  await follow(WEB);
  const file = path.join(here, "chromium.arguments");
  await until("chromium is called", () => fs.existsSync(file));
  const words = fs.readFileSync(file, "utf8").trim().split("\n"), url = words.pop();
  const profile = words.find((w) => w.startsWith("--user-data-dir=")).replace(/.*?=/, "");
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
    args: ["--no-sandbox", "--disable-gpu", ...words.filter((w) => !w.startsWith("--user-data-dir="))] });
  try {
    const [shop] = context.pages(), broken = [];
    shop.on("pageerror", (e) => broken.push(e.message));
    const banner = async () => {
      await shop.waitForFunction(() => document.querySelector("#banner b"));
      return shop.locator("#banner").innerText();
    };
    await shop.goto(url);
    const first = await banner();
    assert.ok(["Free returns for 100 days", "We repair what we sell"].includes(first), first);
    await until("the display is told", async () => (await totals()).impressions === 1);
    await shop.reload();
    assert.equal(await banner(), first);
    await until("it is told again", async () => (await totals()).impressions === 2);
    await shop.click("#banner");
    await until("the click is told", async () => (await totals()).clicks === 1);
    await shop.click("#buy");
    await until("the order is told", async () => (await totals()).orders === 1);
    await Promise.all([shop.waitForResponse((r) => r.url().includes("/interact")), shop.click("#buy")]); // count_once
    assert.deepEqual(broken, []);
  } finally {
    await context.close();
  }
  const { visitors, impressions, clicks, conversions, revenue } = await totals();
  assert.deepEqual({ visitors, impressions, clicks, conversions, revenue }, { visitors: 1, impressions: 2, clicks: 1, conversions: 1, revenue: 25 });
});

test("the Node SDK decides, tells a click and sells", async () => {
  const before = await totals();
  await follow(NODE);
  const { visitors, clicks, conversions, revenue } = await totals();
  assert.deepEqual({ visitors, clicks, conversions, revenue },
    { visitors: before.visitors + 1, clicks: before.clicks + 1, conversions: before.conversions + 1, revenue: before.revenue + 25 });
});

await runTests(tests, async () => {
  bash.stdin.end("kill $(jobs -p)\nwait\n");
  await new Promise((resolve) => bash.on("exit", resolve));
  fs.rmSync(folder, { recursive: true });
});
