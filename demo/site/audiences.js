/* audiences.js - the audiences page: sizes that follow the events, and for the visitor of the page why they are in each
 * audience or not, and when that changes by itself. The server explains (docs/explain.md); this only draws. */
(function () {
  "use strict";

  var POLL_MS = 700;
  var sizes = {}; /* as drawn, by id */
  var names = {};

  /* ---- small things ---- */
  function element(tag, className, text) {
    var e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function number(n) { return n.toLocaleString("en-US"); }
  function plural(n, one) { return number(n) + " " + one + (n === 1 ? "" : "s"); }
  function when(iso) {
    return new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  }
  /* Audiences are known by their ids on the server. */
  function named(text) {
    Object.keys(names).forEach(function (id) { text = text.split(id).join(names[id]); });
    return text;
  }

  /* ---- why ---- */

  /* What a leaf of the audience saw, as a sentence. Below a "not" it is wanted to be false. */
  function saw(leaf, wanted) {
    var needs = leaf.needs && leaf.needs.length ? (wanted ? " (needs " : " (must not be ") + leaf.needs.join(" and ") + ")" : "";
    switch (leaf.kind) {
      case "fields":
        return leaf.fields.map(function (f) {
          return f.path + (f.value === null || f.value === undefined ? " is not there" : " is " + JSON.stringify(f.value));
        }).join(", ");
      case "count": return plural(leaf.eventCount, "event") + " that count" + (leaf.eventCount === 1 ? "s" : "") + needs;
      case "sum": return "a sum of " + number(leaf.sum || 0) + " over " + plural(leaf.eventCount, "event") + needs;
      case "sequence": return leaf.result ? "these events, in this order, are there" : "these events, in this order, are not there";
      case "audience": return (leaf.result ? "in " : "not in ") + "\u201c" + (names[leaf.audience] || leaf.audience) + "\u201d";
      default: return named(leaf.text);
    }
  }
  function leaves(node, wanted, list) {
    if (!node.children) list.push({ leaf: node, wanted: wanted });
    else node.children.forEach(function (c) { leaves(c, node.kind === "not" ? !wanted : wanted, list); });
    return list;
  }
  function drawWhy(you) {
    var list = element("ul", "why");
    if (you.tree) {
      leaves(you.tree, true, []).forEach(function (x) {
        var item = element("li", x.leaf.result === x.wanted ? "yes" : "no", saw(x.leaf, x.wanted));
        item.title = named(x.leaf.text || "");
        list.appendChild(item);
      });
    } else {
      list.appendChild(element("li", you.result ? "yes" : "no", you.result ? "on the list that was uploaded" : "not on the list that was uploaded"));
    }
    return list;
  }
  /* The server's sentence names the whole expression where there is no shorter way; the card has it already. Of a
   * sequence, or of events that are compared in some other way, the card has said all there is: null. */
  function missing(you, change) {
    var leaf = leaves(you.tree, true, []).map(function (x) { return x.leaf; }).find(function (l) { return l.text === change.leaf; }) || {};
    if (leaf.kind === "sum") return "a sum " + leaf.needs.join(" and ") + ", it is " + number(leaf.sum || 0);
    if (leaf.kind === "sequence" || leaf.kind === "events") return null;
    return named(change.text);
  }
  function drawNext(you) {
    var box = element("p", "next");
    if (you.flipsAt) box.appendChild(element("span", "flip", (you.result ? "Leaves by itself " : "Enters by itself ") + when(you.flipsAt)));
    var changes = you.whyNot && you.whyNot.possible ? you.whyNot.changes.map(function (c) { return missing(you, c); }).filter(Boolean) : [];
    if (changes.length) box.appendChild(element("span", "", "Missing: " + changes.join("; and ")));
    return box;
  }

  /* ---- cards ---- */

  function card(a) {
    var c = element("article", "audience");
    c.dataset.name = a.name;
    c.innerHTML = '<header><div><p class="shape"></p><h3></h3></div><div class="size"><b></b><i></i></div></header>' +
      '<div class="bar"><i></i></div><p class="state"></p><div class="reason"></div><details><summary>Expression</summary><code></code></details>';
    c.querySelector(".shape").textContent = a.description;
    c.querySelector("h3").textContent = a.name;
    c.querySelector("code").textContent = a.pql ? named(a.pql) : "Memberships come from a file that was uploaded.";
    return c;
  }
  function drawSize(c, a, largest) {
    var before = sizes[a.id], delta = c.querySelector(".size i");
    if (before === a.size) return;
    sizes[a.id] = a.size;
    c.querySelector(".size b").textContent = a.size === undefined ? "?" : number(a.size);
    c.querySelector(".bar i").style.width = (largest > 0 && a.size ? Math.max(100 * a.size / largest, 0.8) : 0) + "%";
    if (before === undefined || a.size === undefined) return;
    delta.textContent = (a.size > before ? "+" : "\u2212") + number(Math.abs(a.size - before));
    delta.className = "";
    void delta.offsetWidth; /* begins the animation anew */
    delta.className = a.size > before ? "up" : "down";
  }
  function drawState(c, a) {
    var you = a.you && a.you.result !== undefined ? a.you : null, key = JSON.stringify(you), reason = c.querySelector(".reason");
    if (c.dataset.drawn === key) return;
    c.dataset.drawn = key;
    c.classList.toggle("in", !!you && you.result);
    c.querySelector(".state").textContent = !you ? "" : you.result ? "You are in" : "You are not in";
    reason.textContent = "";
    if (!you) return;
    reason.appendChild(drawWhy(you));
    reason.appendChild(drawNext(you));
  }

  function draw(answer, name) {
    var grid = document.querySelector("#audiences"), known = answer.audiences.filter(function (a) { return a.you; });
    var inside = known.filter(function (a) { return a.you.result; }).length;
    var largest = Math.max.apply(null, answer.audiences.map(function (a) { return a.size || 0; }).concat(0));
    answer.audiences.forEach(function (a) { names[a.id] = a.name; });
    answer.audiences.forEach(function (a) {
      var c = document.getElementById("a-" + a.id);
      if (!c) {
        c = card(a);
        c.id = "a-" + a.id;
        grid.appendChild(c);
      }
      drawSize(c, a, largest);
      drawState(c, a);
    });
    document.querySelector("#verdict").textContent = !answer.audiences.length ? "The demo is not loaded yet"
      : !answer.known ? "Nobody knows you yet"
      : (name ? name + ", you are in " : "You are in ") + inside + " of " + answer.audiences.length + " audiences";
    document.documentElement.dataset.audiences = answer.known ? "known" : "unknown";
  }

  /* ---- life ---- */

  window.northpeakAudiences = function (name) {
    async function poll() {
      if (!document.hidden) {
        try {
          draw(await (await fetch("/demo-audiences.json", { credentials: "same-origin" })).json(), name);
          document.querySelector("#you .live").className = "live on";
        } catch (e) { /* the server is away for a moment */
          document.querySelector("#you .live").className = "live";
        }
      }
      setTimeout(poll, POLL_MS);
    }
    poll();
  };
})();
