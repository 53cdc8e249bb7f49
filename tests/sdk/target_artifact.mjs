// target_artifact.mjs - artifacts that somebody else wrote, by hand and at random, and `edgewise target import` of them.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { binary } from "./harness.mjs";
import { condition as whole } from "./target_random.mjs";

const run = promisify(execFile);

export async function importInto(server, artifact, ...args) {
  const file = path.join(server.data, "import.json");
  fs.writeFileSync(file, typeof artifact === "string" ? artifact : JSON.stringify(artifact));
  try {
    const { stdout, stderr } = await run(binary, ["target", "import", file, "--data", server.data, "--server", `http://127.0.0.1:${server.port}`, ...args]);
    return { code: 0, stdout, stderr };
  } catch (e) {
    return { code: e.code, stdout: e.stdout, stderr: e.stderr };
  }
}

export const range = (...x) => ({ "<=": x });
export const allocation = { var: "allocation" };

// An artifact by hand: mboxes and views {name: [[activity, experience, condition, content, extra]]}. content: a text is HTML, null is
// default content, a list is options.
export function artifact(mboxes, views = {}, more = {}) {
  const list = (name, rules, type) => rules.map(([activity, experience, condition, content, extra = {}]) => ({
    ruleKey: String(activity), activityId: activity, propertyTokens: [],
    meta: { "activity.id": activity, "activity.name": "by hand " + activity, "activity.type": "ab", "audience.ids": [], "experience.id": experience,
      "experience.name": "E" + experience, "location.id": 0, "location.name": name, "location.type": type, "offer.id": 1, "offer.name": "the offer",
      "option.id": 2, "option.name": "the option" },
    condition, consequence: { name, metrics: extra.metrics ?? [],
      options: Array.isArray(content) ? content : content === null ? [] : [{ type: "html", content, eventToken: "t" }] }, ...extra, metrics: undefined }));
  const all = (o, type) => Object.fromEntries(Object.entries(o).map(([name, rules]) => [name, list(name, rules, type)]));
  return { version: "1.0.0", meta: { clientCode: "acme", environment: "production", generatedAt: "2026-03-01T10:00:00.000Z" },
    globalMbox: "target-global-mbox", geoTargetingEnabled: false, responseTokens: [], remoteMboxes: [], remoteViews: [],
    localMboxes: Object.keys(mboxes), localViews: Object.keys(views), rules: { mboxes: all(mboxes, "mbox"), views: all(views, "view") }, ...more };
}

export const TOKENS = ["activity.id", "activity.name", "experience.id", "experience.name", "option.name", "offer.name", "geo.city", "geo.latitude"];

// The share of experience e of those that end at bounds, in one of the ways to write it [TARGET 3.3].
function share(r, bounds, e) {
  const [low, high] = [bounds[e], bounds[e + 1]];
  if (e === 0) return r.of([[range(0, allocation, high)], [{ ">=": [high, allocation] }]]);
  return r.of([[{ "<": [low, allocation] }, range(allocation, high)], [{ ">": [allocation, low] }, { ">=": [high, allocation] }]]);
}

function options(r, id, e, kind) {
  const html = { type: "html", content: r.of([`<p>${id}.${e}</p>`, `${id} \${campaign.name} \${campaign.recipe.name} ${e}`]), eventToken: `t${id}.${e}` };
  const action = (n) => ({ type: r.of(["setText", "setHtml"]), selector: "#a" + n, cssSelector: "#a" + n, content: `<b>${id}.${e}.${n}</b>` });
  if (kind === "page") return [{ type: "actions", content: r.some(r.between(1, 2), action), eventToken: "v" }];
  if (r.chance(0.1)) return [];
  return [r.of([html, html, { ...html, type: "json", content: r.of([{ id, e, list: [1, "x", null] }, `text ${e}`, e]) },
    { ...html, type: "redirect", content: `https://www.example.com/${id}/${e}` }])];
}

// Activities by hand at random: splits, targeting, conditions with every operator [TARGET 5.4], older bounds, several locations, views and
// the page, properties, clicks.
export function randomArtifact(r) {
  const mboxes = {}, views = {}, first = 100;
  for (let id = first; id < first + r.between(2, 8); id++) {
    const where = [...new Set(r.some(r.between(1, 2), () => r.of(["m0", "m1", "m2", "m3", "m0", "m1", "view home", "view cart", "target-global-mbox"])))];
    const n = r.between(1, 3), percents = r.chance(0.7), split = r.chance(0.6);
    const bounds = percents ? [0, 34, 67, 100] : [0, 33.33, 66.6, 100];
    const shares = Array.from({ length: n }, (_, e) => (split ? share(r, bounds, e) : []));
    const entry = r.chance(0.5) ? [whole(r)] : [], place = where.map(() => (r.chance(0.2) ? [whole(r)] : []));
    // An empty list by which an experience is shown whatever its locations ask for is what no activity can say.
    const plain = n > 1 && where.length > 1 && place.flat().length > 0, own = r.some(n, () => (r.chance(0.5) ? [plain ? { "!!": [whole(r)] } : whole(r)] : []));
    const properties = r.chance(0.2) ? [r.of(["pt-9", "pt-8"])] : [], clicks = r.chance(0.3) ? [{ type: "click", selector: "#buy" + id, eventToken: "c" + id }] : [];
    where.forEach((name, l) => {
      const view = name.startsWith("view "), visual = view || name === "target-global-mbox";
      own.forEach((parts, e) => {
        const condition = [...shares[e], ...entry, ...parts, ...place[l]];
        ((view ? views : mboxes)[name.replace("view ", "")] ??= []).push([id, e, condition.length === 1 ? condition[0] : condition.length ? { and: condition } : true,
          options(r, id, e, visual ? "page" : "mbox"), { propertyTokens: properties, metrics: visual ? clicks : [], ...(visual ? { ruleKey: `${id}-${l}` } : {}) }]);
      });
    });
  }
  return artifact(mboxes, views, { responseTokens: TOKENS });
}
