// Keeps an open page fresh: hints of the server, times in the visitor's zone, and whether the
// gateway still answers. Everything works without it.
"use strict";
(() => {
  const body = document.body;
  const lost = document.getElementById("lost");
  const COALESCE_MS = 150, PROBE_MS = 2000, POLL_MS = 5000;
  const pending = new Set();
  let timer = 0, source = null, answered = true, heardAt = Date.now(), pressed = false, missed = false;

  const fire = (kinds) => {
    for (const kind of kinds) pending.add(kind);
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      for (const kind of pending) body.dispatchEvent(new CustomEvent(`hint-${kind}`));
      pending.clear();
    }, COALESCE_MS);
  };
  const all = () => fire(["accounts", "alerts", "chats", "waiting"]);

  const localise = (root) => {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const at = new Date(each.dateTime);
      const today = at.toDateString() === new Date().toDateString();
      const day = today ? {} : { month: "2-digit", day: "2-digit" };
      each.textContent = at.toLocaleString(document.documentElement.lang, {
        hour: "2-digit", minute: "2-digit", hour12: false, ...day,
      });
      each.title = at.toLocaleString(document.documentElement.lang);
    }
  };

  const told = (alive) => {
    if (alive === answered) return;
    answered = alive;
    lost.hidden = alive;
    if (alive) all();
  };

  const listen = () => {
    if (source || document.hidden || !body.dataset.stream) return;
    source = new EventSource(body.dataset.stream);
    source.onopen = () => told(true);
    source.onmessage = (event) => {
      heardAt = Date.now();
      if (event.data !== "open") fire(event.data.split(" "));
    };
    source.onerror = () => {
      source.close();
      source = null;
    };
  };

  const probe = async () => {
    if (document.hidden) return;
    // A stream may stay open on a gateway that hangs, or behind a network that is gone.
    const open = source && source.readyState === EventSource.OPEN;
    if (open && answered && Date.now() - heardAt < PROBE_MS) return;
    try {
      const answer = await fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
      if (answer.status >= 500) throw new Error("it hangs");
      told(true);
    } catch {
      told(false);
      return;
    }
    listen();
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
    } else {
      probe();
      all();
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = (event.submitter && event.submitter.dataset.ask) || form.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  });
  // What is replaced takes the focus with it; who works with keys would begin anew.
  const likeness = (each) =>
    each.tagName + (each.getAttribute("href") || (each.form && each.form.action)) + each.textContent;
  let held = null;
  const unfolded = new Set();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    // Under a finger a swap swallows the press, and where something is chosen the choice.
    if (pressed || part.querySelector("input:checked")) {
      event.detail.shouldSwap = false;
      missed = pressed;
      return;
    }
    held = likeness(document.activeElement);
    unfolded.clear();
    for (const each of part.querySelectorAll("details[open][id]")) unfolded.add(each.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) {
      const part = document.getElementById(id);
      if (part) part.open = true;
    }
    localise(document);
    if (document.activeElement !== body) return;
    const again = [...document.querySelectorAll("a[href], button")].find((each) => likeness(each) === held);
    if (again) again.focus({ preventScroll: true });
  });
  document.addEventListener("pointerdown", () => { pressed = true; });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => setTimeout(() => {
      pressed = false;
      if (missed) all();
      missed = false;
    }, COALESCE_MS));
  }
  window.addEventListener("pagehide", () => source && source.close());

  // Who comes from a foreign page, a chat say, comes without the session; asked again from here,
  // it is there.
  const again = document.querySelector("[data-try]");
  if (again) {
    fetch(again.dataset.try, { redirect: "manual" }).then((answer) => {
      if (answer.ok) location.replace(again.dataset.try);
    }, () => undefined);
  }

  localise(document);
  if (body.dataset.stream) {
    listen();
    setInterval(probe, PROBE_MS);
    setInterval(() => { if (answered && !source) all(); }, POLL_MS);
  }
})();
