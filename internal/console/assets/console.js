// Keeps pages up to date, follows the history, goes on with searches, copies ids. Every
// page works without it.
"use strict";

const refreshEvery = 5000; // ms
const tailRows = 200;

document.addEventListener("DOMContentLoaded", () => {
  const content = document.getElementById("content");
  addCopyButtons(content);
  if (content.hasAttribute("data-live")) keepLive(content);
  const follow = document.getElementById("follow");
  if (follow) offerTail(follow);
  goOn();
});

function element(tag, attributes, text) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

// fetchContent returns what a page has in the place of an element of this one.
async function fetchContent(url, id) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (answer.redirected) { // to the login
    location.assign(location.href);
    return null;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById(id);
}

// keepLive replaces the page's content every few seconds, unless it is hidden, paused,
// or somebody is busy in it.
function keepLive(content) {
  const pause = element("button", { type: "button", class: "quiet live", "aria-pressed": "false" }, "Pause updates");
  const state = element("span", { class: "hidden", role: "status" });
  const place = () => {
    const head = content.querySelector(".head");
    if (head) head.append(pause, state);
  };
  place();
  let paused = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume updates" : "Pause updates";
  });
  const busy = () => paused || document.hidden || content.querySelector("details[open]") ||
    (content.contains(document.activeElement) && document.activeElement !== pause);
  let lost = false;
  setInterval(async () => {
    if (busy()) return;
    try {
      const fresh = await fetchContent(location.href, "content");
      if (!fresh || busy()) return;
      const focused = document.activeElement === pause;
      content.replaceChildren(...fresh.childNodes);
      place();
      addCopyButtons(content);
      if (focused) pause.focus();
      if (lost) state.textContent = "The gateway answers again.";
      lost = false;
    } catch {
      if (!lost) state.textContent = "The gateway does not answer. What is shown is not up to date.";
      lost = true;
    }
  }, refreshEvery);
}

// offerTail lets new events appear at the top of the list.
function offerTail(button) {
  const state = document.getElementById("tail-state");
  const table = document.getElementById("events");
  const rows = table.tBodies[0];
  let source = null;
  let came = 0;
  const say = (text) => { state.hidden = false; state.textContent = text; };
  const stop = () => {
    source.close();
    source = null;
    button.textContent = "Follow live";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (source) {
      stop();
      say(`Stopped after ${came} new events.`);
      return;
    }
    source = new EventSource(button.dataset.tail);
    button.textContent = "Stop";
    say("Following: new events appear at the top.");
    source.onmessage = (event) => {
      const parsed = new DOMParser().parseFromString(`<table>${event.data}</table>`, "text/html").querySelector("tr");
      if (!parsed) return;
      parsed.classList.add("new");
      rows.prepend(document.adoptNode(parsed));
      while (rows.rows.length > tailRows) rows.lastElementChild.remove();
      table.hidden = false;
      document.getElementById("no-events")?.remove();
      came++;
      // Where a browser that connects again goes on is in the events' ids.
      const url = new URL(button.dataset.tail, location.href);
      url.searchParams.set("after", event.lastEventId);
      button.dataset.tail = url.pathname + url.search;
    };
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) {
        stop();
        say("The gateway ended it. Follow again to go on.");
      }
    };
  });
}

// goOn goes on with a search that has found nothing yet, step by step.
async function goOn() {
  for (;;) {
    const link = document.getElementById("further");
    if (!link || !link.hasAttribute("data-auto")) return;
    try {
      const fresh = await fetchContent(link.href, "content");
      if (!fresh) return;
      document.getElementById("content").replaceChildren(...fresh.childNodes);
    } catch {
      return; // the link is there still
    }
    addCopyButtons(document.getElementById("content"));
  }
}

function addCopyButtons(within) {
  if (!navigator.clipboard) return;
  for (const code of within.querySelectorAll("code[data-copy]")) {
    if (code.nextElementSibling?.classList.contains("copy")) continue;
    const button = element("button", { type: "button", class: "copy", "aria-label": `Copy ${code.textContent.slice(0, 12)}` }, "copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.dataset.copy);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    code.after(button);
  }
}
