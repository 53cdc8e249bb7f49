// web_page.mjs - pages of a few lines with the unmodified Web SDK, which Playwright serves; the edge is the server's.
import { Device } from "./harness.mjs";

export const PAGE = "https://page.northpeak.test/";

const html = (body) => `<!doctype html><title>page</title><link rel="icon" href="data:,">
<script>!function(n,o){o.forEach(function(o){n[o]||((n.__alloyNS=n.__alloyNS||[]).push(o),n[o]=function(){var u=arguments;
return new Promise(function(i,l){n[o].q.push([i,l,u])})},n[o].q=[])})}(window,["alloy"]);</script>
<script src="https://www.northpeak.test/alloy.min.js"></script>
<body>${body}</body>`;

// Pages of one datastream. edgeDomain is another site's, so that state travels in bodies; one below northpeak.test sets cookies.
export class Site {
  constructor(server, browser, datastream, body) {
    Object.assign(this, { server, browser, datastream, html: html(body) });
  }

  async open(url = PAGE, configure = {}, prepare = async () => {}) {
    const d = await Device.open(this.browser);
    await prepare(d);
    await this.land(d, url, configure);
    return d;
  }

  async land(d, url, configure = {}) {
    await d.page.route((u) => u.origin === new URL(url).origin, (route) => route.fulfill({ contentType: "text/html", body: this.html }));
    await d.page.goto(url);
    await alloy(d, "configure", { datastreamId: this.datastream, orgId: this.server.credentials.orgId, edgeDomain: "edge.example.test",
      thirdPartyCookiesEnabled: false, clickCollectionEnabled: false, ...configure });
  }
}

export const alloy = (d, command, options) => d.page.evaluate(([c, o]) => window.alloy(c, o).then((r) => JSON.parse(JSON.stringify(r ?? null))), [command, options]);
export const event = (more = {}, options = {}) => ({ xdm: { eventType: "t", ...more }, ...options });
export const entries = (r) => r.body.meta?.state?.entries ?? [];
export const decisioning = (r) => r.body.events?.[0].xdm._experience?.decisioning;
export const displays = (d) => d.requests.filter((r) => r.body.events?.[0].xdm.eventType === "decisioning.propositionDisplay");
