"use strict";
(function () {
  var form = document.querySelector(".filter");
  var items = Array.prototype.slice.call(document.querySelectorAll("[data-item]"));
  var groups = Array.prototype.slice.call(document.querySelectorAll("[data-group]"));
  var shown = document.querySelector(".shown");
  var texts = items.map(function () { return null; }); // filled when first searched

  function textOf(index) {
    if (texts[index] === null) { texts[index] = items[index].textContent.toLowerCase(); }
    return texts[index];
  }

  // A root cause is shown if it or one of its symptoms matches severity and namespace, and its text contains all words.
  function matches(item, index, severities, namespace, words) {
    var parts = [item].concat(Array.prototype.slice.call(item.querySelectorAll("[data-severity]")));
    return parts.some(function (part) {
      return severities.indexOf(part.dataset.severity) >= 0 && (namespace === "*" || part.dataset.namespace === namespace);
    }) && words.every(function (word) { return textOf(index).indexOf(word) >= 0; });
  }

  function apply() {
    var severities = Array.prototype.slice.call(form.querySelectorAll("input[name=severity]:checked")).map(function (box) { return box.value; });
    var namespace = form.elements.namespace.value;
    var words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0;
    items.forEach(function (item, index) {
      item.hidden = !matches(item, index, severities, namespace, words);
      count += item.hidden ? 0 : 1;
    });
    groups.forEach(function (group) {
      group.hidden = !group.querySelector("[data-item]:not([hidden])");
      if (words.length > 0) { group.open = !group.hidden; }
    });
    shown.textContent = count === items.length ? "" : "Showing " + count + " of " + items.length + " problems and recommendations.";
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
