/* shop.js - the Northpeak shop: pages drawn from a small catalogue, measured and personalized by the Web SDK.
 *
 * Every page sends one event when it opens. Page-wide changes (the hero) are rendered by the SDK; the two named locations
 * (banner, greeting) are rendered here, and their display is reported as the SDK's documentation says. */
(function () {
  "use strict";

  var products = [
    { sku: "NP-TENT-2", name: "Fjell 2", kind: "Two-person tent", category: "tents", price: 329, hue: 152 },
    { sku: "NP-TENT-3", name: "Fjell 3", kind: "Three-person tent", category: "tents", price: 429, hue: 28 },
    { sku: "NP-TENT-1", name: "Skarv solo", kind: "One-person tent", category: "tents", price: 279, hue: 204 },
    { sku: "NP-PACK-45", name: "Ridge 45", kind: "Trekking pack", category: "packs", price: 189, hue: 12 },
    { sku: "NP-BAG-0", name: "Tundra 0°", kind: "Down sleeping bag", category: "sleep", price: 219, hue: 262 },
    { sku: "NP-BOOT-M", name: "Granite", kind: "Mountain boots", category: "boots", price: 199, hue: 40 },
    { sku: "NP-JKT-S", name: "Squall", kind: "Three-layer jacket", category: "clothing", price: 259, hue: 176 },
    { sku: "NP-STOVE", name: "Ember", kind: "Ultralight stove", category: "kitchen", price: 79, hue: 350 }
  ];
  var customers = {
    "np-10001": { name: "Ada Moreno", email: "ada.moreno.1@northpeak.example" },
    "np-10002": { name: "Noor Haddad", email: "noor.haddad.2@northpeak.example" },
    "np-10003": { name: "Elin Lindqvist", email: "elin.lindqvist.3@northpeak.example" }
  };

  /* ---- small things ---- */
  function $(selector) { return document.querySelector(selector); }
  function bySku(sku) { return products.find(function (p) { return p.sku === sku; }); }
  function money(n) { return "€" + n.toFixed(0); }
  function stored(key) { try { return JSON.parse(localStorage.getItem(key)); } catch (e) { return null; } }
  function store(key, value) {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  }
  /* A product's picture: one shape a category, coloured by the product's hue. */
  function drawing(p) {
    function tone(saturation, light) { return "hsl(" + p.hue + " " + saturation + "% " + light + "%)"; }
    var a = tone(44, 62), b = tone(46, 46), c = tone(48, 33), d = tone(44, 20);
    var shapes = {
      tents: '<path d="m58 140-30 14m154-14 30 14" stroke="' + d + '" stroke-width="1.5"/>' +
        '<path d="M34 150C48 92 88 50 120 44c32 6 72 48 86 106z" fill="' + a + '"/><path d="M120 44c32 6 72 48 86 106h-50c-2-46-16-84-36-106z" fill="' + b + '"/>' +
        '<path d="M120 44C98 66 86 104 84 150h72c-2-46-14-84-36-106z" fill="' + c + '"/><path d="M120 76c-11 20-17 46-18 74h36c-1-28-7-54-18-74z" fill="' + d + '"/>' +
        '<path d="M34 150C48 92 88 50 120 44c32 6 72 48 86 106" fill="none" stroke="' + tone(50, 80) + '" stroke-width="2.5"/>',
      packs: '<path d="M86 60c-16 12-20 52-14 90h16V60zm68 0c16 12 20 52 14 90h-16V60z" fill="' + c + '"/><path d="M104 40c0-14 32-14 32 0" fill="none" stroke="' + d + '" stroke-width="6"/>' +
        '<path d="M84 62c0-18 12-26 36-26s36 8 36 26v84c0 6-4 10-10 10H94c-6 0-10-4-10-10z" fill="' + a + '"/><path d="M84 70c24 12 48 12 72 0V60c0-16-12-24-36-24s-36 8-36 24z" fill="' + b + '"/>' +
        '<path d="M94 104c0-6 4-8 8-8h36c4 0 8 2 8 8v34c0 4-3 8-8 8h-36c-5 0-8-4-8-8z" fill="' + b + '"/><path d="M94 112h52M104 68v30m32-30v30" stroke="' + d + '" stroke-width="4"/>',
      sleep: '<path d="M36 122c2-34 56-58 102-58 44 0 70 22 70 46s-26 42-64 42H62c-18 0-27-12-26-30z" fill="' + a + '"/>' +
        '<path d="M142 64c42 0 66 22 66 46s-24 42-60 42c16-20 22-60-6-88z" fill="' + b + '"/><ellipse cx="172" cy="110" rx="22" ry="27" fill="' + d + '"/><ellipse cx="176" cy="110" rx="16" ry="20" fill="' + c + '"/>' +
        '<path d="M62 94c8 16 8 40 0 56m26-70c10 20 10 52 0 72m28-80c12 24 12 58 0 80" fill="none" stroke="' + b + '" stroke-width="3"/>',
      boots: '<path d="M82 42h52l4 54c26 6 58 12 62 40v8H74V98z" fill="' + a + '"/><path d="M82 42h52l1 14H81z" fill="' + c + '"/><path d="M74 120c30-8 60 6 126 16v10H74z" fill="' + b + '"/>' +
        '<path d="M70 144h132c0 10-2 14-6 14h-16l-4-4-6 4H76c-4 0-6-4-6-14z" fill="' + d + '"/><path d="m112 60 24 4m-24 10 26 4m-24 10 28 4" stroke="' + d + '" stroke-width="4"/>',
      clothing: '<path d="m88 46-42 34 20 34 16-12v54h76v-54l16 12 20-34-42-34z" fill="' + a + '"/><path d="M88 46h64l-12-10h-40z" fill="' + c + '"/><path d="M120 46v110h38v-54l16 12 20-34-42-34z" fill="' + b + '"/>' +
        '<path d="M120 44v112" stroke="' + d + '" stroke-width="3"/><path d="M92 120h16m24 0h16" stroke="' + d + '" stroke-width="3"/>',
      kitchen: '<path d="M84 104h72v34c0 8-6 12-12 12H96c-6 0-12-4-12-12z" fill="' + a + '"/><path d="M120 104h36v34c0 8-6 12-12 12h-24z" fill="' + b + '"/><path d="M78 98h84v10H78z" fill="' + c + '"/>' +
        '<path d="M156 116c20-2 30 2 36 10" fill="none" stroke="' + d + '" stroke-width="6"/><path d="M104 86c-8-10 8-14 0-26m16 26c-8-10 8-14 0-26m16 26c-8-10 8-14 0-26" fill="none" stroke="' + b + '" stroke-width="3" opacity=".7"/>'
    };
    return '<svg viewBox="0 0 240 190" role="img" aria-label="' + p.name + '"><rect width="240" height="190" fill="' + tone(34, 91) + '"/>' +
      '<circle cx="120" cy="96" r="78" fill="' + tone(38, 85) + '"/><ellipse cx="120" cy="158" rx="92" ry="9" fill="' + d + '" opacity=".16"/>' + shapes[p.category] + "</svg>";
  }
  function card(p) {
    return '<a class="card" href="/product.html?sku=' + p.sku + '">' + drawing(p) +
      '<span class="card-text"><b>' + p.name + "</b><small>" + p.kind + '</small><span class="price">' + money(p.price) + "</span></span></a>";
  }

  /* ---- who is here ---- */
  async function sha256(text) {
    if (!window.crypto || !crypto.subtle) return null; /* plain http on another name than localhost */
    var bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return Array.from(new Uint8Array(bytes)).map(function (b) { return b.toString(16).padStart(2, "0"); }).join("");
  }
  function identityMap() {
    var user = stored("np.user");
    if (!user) return undefined;
    var map = { CRMID: [{ id: user.crmId, authenticatedState: "authenticated", primary: true }] };
    if (user.emailSha256) map.Email_LC_SHA256 = [{ id: user.emailSha256, authenticatedState: "authenticated" }];
    return map;
  }
  async function signIn(crmId) {
    var customer = customers[crmId] || { email: crmId + "@northpeak.example" };
    store("np.user", { crmId: crmId, emailSha256: await sha256(customer.email) });
    location.href = "/";
  }
  function signOut() { store("np.user", null); location.href = "/"; }

  /* ---- the SDK ---- */
  var config = window.EDGEWISE || {};
  var ready = config.orgId && window.alloy ? window.alloy("configure", {
    orgId: config.orgId,
    datastreamId: config.datastreamId,
    edgeDomain: config.edgeDomain || location.hostname,
    thirdPartyCookiesEnabled: false,
    defaultConsent: "in",
    clickCollectionEnabled: false
  }) : Promise.reject(new Error("the demo is not loaded yet: run  edgewise demo load"));

  async function send(xdm, options) {
    await ready;
    var map = identityMap();
    if (map) xdm.identityMap = map;
    return window.alloy("sendEvent", Object.assign({ xdm: xdm }, options));
  }
  function productXdm(p) {
    return { SKU: p.sku, name: p.name, quantity: 1, priceTotal: p.price, currencyCode: "EUR",
      productCategories: [{ categoryID: p.category, categoryName: p.category }] };
  }
  function notice(propositions, type) {
    var event = { display: "decisioning.propositionDisplay", interact: "decisioning.propositionInteract" }[type], types = {};
    types[type] = 1;
    return send({ eventType: event, _experience: { decisioning: {
      propositions: propositions.map(function (p) { return { id: p.id, scope: p.scope, scopeDetails: p.scopeDetails }; }),
      propositionEventType: types } } });
  }
  function show(scope, proposition) {
    var item = proposition && proposition.items.find(function (i) { return i.data && i.data.content; });
    var place = $("#" + scope);
    if (!item || !place) return false;
    place.innerHTML = item.data.content;
    place.classList.add("personalized");
    if (scope === "banner") place.addEventListener("click", function () { notice([proposition], "interact"); }, { once: true });
    return true;
  }

  /* For whoever looks behind the scenes: what the edge answered this page, and how long it took there. */
  function explain(propositions) {
    var request = performance.getEntriesByType("resource").find(function (e) { return e.name.indexOf("/v1/interact") > 0; });
    var timing = request && (request.serverTiming || []).find(function (t) { return t.name === "edge"; });
    var rows = propositions.map(function (p) {
      var meta = (p.items[0] || {}).meta || {};
      return "<tr><td>" + (p.scope === "__view__" ? "hero" : p.scope) + "</td><td>" + (meta["activity.name"] || "") + "</td><td>" + (meta["experience.name"] || "") + "</td></tr>";
    });
    var panel = document.createElement("details");
    panel.id = "edge";
    panel.innerHTML = "<summary><i></i>Edge decided" + (timing ? " in <b>" + timing.duration.toFixed(1) + " ms</b>" : "") + "</summary>" +
      (rows.length ? "<table><tr><th>place</th><th>activity</th><th>experience</th></tr>" + rows.join("") + "</table>" : "<p>Nothing personal for this visitor yet.</p>");
    document.body.appendChild(panel);
  }

  /* One event a page; its answer personalizes this very page. */
  async function pageEvent(xdm) {
    var result = await send(Object.assign({
      eventType: "web.webpagedetails.pageViews",
      web: { webPageDetails: { name: document.title, pageViews: { value: 1 } } }
    }, xdm), { renderDecisions: true, personalization: { decisionScopes: ["banner", "greeting"] } });
    explain(result.propositions || []);
    var shown = (result.propositions || []).filter(function (p) {
      return (p.scope === "banner" || p.scope === "greeting") && show(p.scope, p);
    });
    if (shown.length) await notice(shown, "display");
    document.documentElement.dataset.personalized = "done";
    window.dispatchEvent(new CustomEvent("northpeak:personalized", { detail: result }));
    return result;
  }

  /* ---- pages ---- */
  var pages = {
    home: function () {
      $("#grid").innerHTML = products.map(card).join("");
      return pageEvent({});
    },
    tents: function () {
      $("#grid").innerHTML = products.filter(function (p) { return p.category === "tents"; }).map(card).join("");
      return pageEvent({});
    },
    product: function () {
      var p = bySku(new URLSearchParams(location.search).get("sku")) || products[0];
      document.title = p.name + " · Northpeak";
      $("#picture").innerHTML = drawing(p);
      $("#name").textContent = p.name;
      $("#kind").textContent = p.kind;
      $("#price").textContent = money(p.price);
      $("#buy").addEventListener("click", function () {
        var cart = stored("np.cart") || [];
        store("np.cart", cart.concat(p.sku));
        location.href = "/checkout.html";
      });
      $("#grid").innerHTML = products.filter(function (x) { return x.category === p.category && x !== p; }).map(card).join("");
      return pageEvent({ eventType: "commerce.productViews", commerce: { productViews: { value: 1 } }, productListItems: [productXdm(p)] });
    },
    checkout: function () {
      var cart = (stored("np.cart") || []).map(bySku).filter(Boolean);
      var total = cart.reduce(function (sum, p) { return sum + p.price; }, 0);
      $("#lines").innerHTML = cart.length
        ? cart.map(function (p) { return "<li><span>" + p.name + " <small>" + p.kind + "</small></span><b>" + money(p.price) + "</b></li>"; }).join("")
        : "<li>Your bag is empty.</li>";
      $("#total").textContent = money(total);
      $("#order").disabled = !cart.length;
      $("#order").addEventListener("click", async function () {
        $("#order").disabled = true;
        await send({ eventType: "commerce.purchases",
          commerce: { purchases: { value: 1 }, order: { purchaseID: "W-" + Date.now(), priceTotal: total, currencyCode: "EUR" } },
          productListItems: cart.map(productXdm) });
        store("np.cart", null);
        $("#status").textContent = "Thank you. Your order is on its way.";
        document.documentElement.dataset.ordered = "done";
      });
      return pageEvent({});
    },
    audiences: function () {
      var tent = products[0];
      $("#try-price").textContent = money(tent.price);
      $("#look").addEventListener("click", function () {
        send({ eventType: "commerce.productViews", commerce: { productViews: { value: 1 } }, productListItems: [productXdm(tent)] });
      });
      $("#buy-now").addEventListener("click", function () {
        send({ eventType: "commerce.purchases",
          commerce: { purchases: { value: 1 }, order: { purchaseID: "W-" + Date.now(), priceTotal: tent.price, currencyCode: "EUR" } },
          productListItems: [productXdm(tent)] });
      });
      window.northpeakAudiences(user && customers[user.crmId] ? customers[user.crmId].name.split(" ")[0] : null);
      return pageEvent({});
    },
    account: function () {
      var user = stored("np.user");
      $("#people").innerHTML = Object.keys(customers).map(function (id) {
        return '<button class="person" data-crm="' + id + '"><b>' + customers[id].name + "</b><small>" + id + "</small></button>";
      }).join("");
      document.querySelectorAll(".person").forEach(function (b) { b.addEventListener("click", function () { signIn(b.dataset.crm); }); });
      $("#signout").hidden = !user;
      $("#signout").addEventListener("click", signOut);
      $("#optout").addEventListener("click", async function () {
        await ready;
        await window.alloy("setConsent", { consent: [{ standard: "Adobe", version: "1.0", value: { general: "out" } }] });
        $("#status").textContent = "You are opted out: nothing more is collected or personalized.";
        document.documentElement.dataset.consent = "out";
      });
      return pageEvent({});
    }
  };

  var user = stored("np.user");
  if (user && customers[user.crmId]) $("#who").textContent = customers[user.crmId].name.split(" ")[0];
  var bag = (stored("np.cart") || []).length;
  if (bag) $("#bag").textContent = "Bag (" + bag + ")";
  pages[document.body.dataset.page]().catch(function (e) {
    document.documentElement.dataset.personalized = "failed";
    console.error("northpeak:", e.message);
  });
})();
