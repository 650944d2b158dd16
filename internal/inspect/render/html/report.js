"use strict";
(function () {
  var form = document.querySelector(".filter");
  var items = Array.prototype.slice.call(document.querySelectorAll("[data-item]"));
  var shown = document.querySelector(".shown");

  // A root cause is shown if it or one of its symptoms matches severity and namespace, and its text contains all words.
  function matches(item, severities, namespace, words) {
    var parts = [item].concat(Array.prototype.slice.call(item.querySelectorAll("[data-severity]")));
    var text = item.textContent.toLowerCase();
    return parts.some(function (part) {
      return severities.indexOf(part.dataset.severity) >= 0 && (namespace === "*" || part.dataset.namespace === namespace);
    }) && words.every(function (word) { return text.indexOf(word) >= 0; });
  }

  function apply() {
    var severities = Array.prototype.slice.call(form.querySelectorAll("input[name=severity]:checked")).map(function (box) { return box.value; });
    var namespace = form.elements.namespace.value;
    var words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0;
    items.forEach(function (item) {
      item.hidden = !matches(item, severities, namespace, words);
      count += item.hidden ? 0 : 1;
    });
    shown.textContent = count === items.length ? "" : "Showing " + count + " of " + items.length + " root causes.";
  }

  if (form) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    apply(); // browsers may restore the values of the form after a reload
  }
  // Some browsers do not print closed details.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not([open])").forEach(function (details) { details.open = true; details.dataset.printed = ""; });
  });
  window.addEventListener("afterprint", function () {
    document.querySelectorAll("details[data-printed]").forEach(function (details) { details.open = false; delete details.dataset.printed; });
  });
})();
