// Keeps a parcel's page as new as the parcel: an event tells that it has changed, and the page is read again.
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
      var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
      if (fresh) document.querySelector("main").replaceWith(fresh);
    });
  }
})();
