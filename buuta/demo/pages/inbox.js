// New messages appear by themselves; without scripts the page is what it was when it was loaded.
const every = 2000;
async function look() {
  const open = document.querySelector("details[open]");
  if (!document.hidden && !open) {
    const answer = await fetch(location.href);
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("messages");
      const shown = document.getElementById("messages");
      if (fresh && fresh.dataset.count !== shown.dataset.count) {
        shown.replaceChildren(...fresh.childNodes);
        shown.dataset.count = fresh.dataset.count;
      }
    }
  }
}
setInterval(() => look().catch(() => {}), every);
