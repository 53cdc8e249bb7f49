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
  function drawing(p) {
    var a = "hsl(" + p.hue + " 34% 62%)", b = "hsl(" + p.hue + " 38% 40%)", c = "hsl(" + p.hue + " 30% 88%)";
    var shapes = {
      tents: '<path d="M100 48 32 158h136z" fill="' + a + '"/><path d="M100 48v110h68z" fill="' + b + '"/><path d="M100 104 82 158h36z" fill="#1c2b28" opacity=".75"/>',
      packs: '<rect x="62" y="52" width="76" height="108" rx="24" fill="' + a + '"/><rect x="74" y="98" width="52" height="46" rx="10" fill="' + b + '"/><path d="M80 52c0-22 40-22 40 0" fill="none" stroke="' + b + '" stroke-width="8"/>',
      sleep: '<path d="M34 132c0-34 40-58 78-58 34 0 54 22 54 42s-18 40-50 40H58c-14 0-24-8-24-24z" fill="' + a + '"/><path d="M120 78c26 4 40 20 40 38s-16 36-42 38c18-18 22-52 2-76z" fill="' + b + '"/>',
      boots: '<path d="M74 54h44v54c22 4 42 12 42 30v14H66V96z" fill="' + a + '"/><path d="M62 150h100v12H62z" fill="' + b + '"/>',
      clothing: '<path d="M72 52h56l36 40-18 20-14-14v62H68V98l-14 14-18-20z" fill="' + a + '"/><path d="M100 52v108" stroke="' + b + '" stroke-width="6"/>',
      kitchen: '<rect x="66" y="86" width="68" height="50" rx="8" fill="' + a + '"/><path d="M76 136v22m48-22v22" stroke="' + b + '" stroke-width="8"/><path d="M100 42c14 14 16 26 0 40-16-14-14-26 0-40z" fill="' + b + '"/>'
    };
    return '<svg viewBox="0 0 200 200" role="img" aria-label="' + p.name + '"><rect width="200" height="200" fill="' + c + '"/>' +
      '<path d="M0 170h200v30H0z" fill="' + b + '" opacity=".18"/>' + shapes[p.category] + "</svg>";
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

  /* One event a page; its answer personalizes this very page. */
  async function pageEvent(xdm) {
    var result = await send(Object.assign({
      eventType: "web.webpagedetails.pageViews",
      web: { webPageDetails: { name: document.title, pageViews: { value: 1 } } }
    }, xdm), { renderDecisions: true, personalization: { decisionScopes: ["banner", "greeting"] } });
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
