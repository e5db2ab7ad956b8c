// Loads the page's parts anew when the stream tells of a change. Without this script the page is complete, but still.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource || !window.fetch) return;
  const KINDS = ["report", "incident", "logistics", "attendance", "alert", "region"];
  const SHORTEST_MS = 1000; // between two loads, however much changes
  const MINUTE_MS = 60000; // clocks and countdowns turn as well
  let timer = null;
  let isLoading = false;
  let isWanted = false;
  let loadedAt = Date.now();
  let isConnected = false;

  function sayConnected() {
    const mark = live.querySelector("[data-live]");
    if (!mark) return;
    mark.hidden = false;
    mark.textContent = isConnected ? live.dataset.on : live.dataset.off;
    mark.classList.toggle("off", !isConnected);
  }

  // Only what differs is put in place: what a reader has opened, marked or scrolled elsewhere stays.
  function putIn(fresh) {
    for (const part of live.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other) continue;
      const known = new Set([...part.querySelectorAll("[data-key]")].map((one) => one.dataset.key));
      const open = new Set([...part.querySelectorAll("[data-key] details[open]")].map((one) => one.closest("[data-key]").dataset.key));
      const before = part.dataset.html || part.innerHTML;
      if (before === other.innerHTML && part.className === other.className) continue;
      part.dataset.html = other.innerHTML;
      part.className = other.className;
      part.innerHTML = other.innerHTML;
      for (const one of part.querySelectorAll("[data-key]")) {
        if (!known.has(one.dataset.key)) one.classList.add("fresh");
        const details = one.querySelector("details");
        if (details && open.has(one.dataset.key)) details.open = true;
      }
    }
    sayConnected();
  }

  async function load() {
    timer = null;
    if (isLoading) { isWanted = true; return; }
    isLoading = true;
    isWanted = false;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (!fresh) { location.reload(); return; } // the cookie has ended: this is the sign-in page
        putIn(fresh);
      }
    } catch { /* no network: the stream connects again, and then asks for this again */ }
    isLoading = false;
    loadedAt = Date.now();
    if (isWanted) soon();
  }

  function soon() {
    if (timer === null) timer = setTimeout(load, Math.max(150, SHORTEST_MS - (Date.now() - loadedAt)));
  }

  function connect() {
    const stream = new EventSource(live.dataset.stream);
    for (const name of [...KINDS, "ready", "reset"]) stream.addEventListener(name, soon);
    stream.onopen = () => { isConnected = true; sayConnected(); };
    stream.onerror = () => {
      isConnected = false;
      sayConnected();
      if (stream.readyState === EventSource.CLOSED) { soon(); setTimeout(connect, 5000); }
    };
  }

  setInterval(soon, MINUTE_MS);
  connect();
})();
