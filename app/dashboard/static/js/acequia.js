// What a page does beside being a page: parts that look for what is new, copy buttons, `/` for the search.
// Everything works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("with-script");
  let lastMoved = Date.now();
  for (const kind of ["pointermove", "keydown", "scroll", "touchstart"]) {
    addEventListener(kind, () => (lastMoved = Date.now()), { passive: true });
  }

  // Nobody at the page for a minute: look ten times less often. Hidden: not at all.
  const IDLE_MS = 60_000;
  const isIdle = () => Date.now() - lastMoved > IDLE_MS;
  const findInterval = () => {
    const wanted = [...document.querySelectorAll("[data-live]")].map((part) => Number(part.dataset.live) || 5);
    return wanted.length ? Math.min(...wanted) * 1000 * (isIdle() ? 10 : 1) : 0;
  };
  const isInUse = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  const replace = (part, fresh) => {
    const opened = new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const seen = new Set([...part.querySelectorAll("[data-row]")].map((row) => row.dataset.row));
    const next = document.importNode(fresh, true);
    for (const one of next.querySelectorAll("details[id]")) one.open = opened.has(one.id) || one.open;
    if (seen.size) {
      for (const row of next.querySelectorAll("[data-row]")) {
        if (!seen.has(row.dataset.row)) row.classList.add("is-new");
      }
    }
    part.replaceWith(next);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  let failures = 0;
  let isLooking = false;
  const look = async () => {
    if (document.hidden || isLooking) return;
    isLooking = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const found = fresh.getElementById(part.id);
        if (found && !isInUse(part) && found.outerHTML !== part.outerHTML) replace(part, found);
      }
      failures = 0;
    } catch {
      failures += 1;
    } finally {
      isLooking = false;
    }
    root.classList.toggle("is-stale", failures > 2);
  };
  const lookAgain = async () => {
    const interval = findInterval();
    if (!interval) return;
    await look();
    setTimeout(lookAgain, interval * Math.min(2 ** failures, 16));
  };
  if (findInterval()) {
    setTimeout(lookAgain, findInterval());
    document.addEventListener("visibilitychange", look);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      const before = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => (button.textContent = before), 2000);
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
    const all = event.target.closest("[data-all]");
    if (all) for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea")) return;
    const search = document.querySelector("main input[type=search], main input[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  });
})();
