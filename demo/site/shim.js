/* shim.js - for local development over plain http only.
 *
 * The Web SDK knows one transport: https on port 443 of a host without a port. When the shop is opened on http://localhost:PORT
 * this script, loaded before the SDK, sends the SDK's own requests to the server that served the page: same path, same body,
 * same answer. Over https it does nothing, and the SDK file itself is never changed. */
(function () {
  "use strict";
  if (location.protocol === "https:") return;
  var from = "https://" + location.hostname + "/ee";
  function rewrite(url) {
    var text = String(url && url.url ? url.url : url);
    return text.indexOf(from) === 0 ? location.origin + "/ee" + text.slice(from.length) : url;
  }
  var fetch0 = window.fetch.bind(window);
  window.fetch = function (url, options) { return fetch0(rewrite(url), options); };
  if (navigator.sendBeacon) {
    var beacon0 = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = function (url, data) { return beacon0(rewrite(url), data); };
  }
})();
