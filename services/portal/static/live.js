// Keeps a parcel's page as new as the parcel: an event tells that it has changed, and the page is read again.
// State and journey take new contents in place, so that the search, the focus and a reader's place stay as they are.
(function () {
  if (!window.EventSource) return;
  var own = document.currentScript.dataset;
  var seen = own.version;
  var source = new EventSource(own.events);
  source.addEventListener("version", function (event) {
    if (seen !== event.data) refresh();
    seen = event.data;
  });
  function refresh() {
    fetch(location.href).then(function (answer) { return answer.text(); }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html");
      if (!fresh.getElementById("state")) return;
      ["state", "journey"].forEach(function (id) {
        document.getElementById(id).replaceChildren.apply(
          document.getElementById(id), Array.from(fresh.getElementById(id).childNodes));
      });
      document.title = fresh.title;
    });
  }
})();
