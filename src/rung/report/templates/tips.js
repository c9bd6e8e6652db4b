"use strict";
/* Where a figure comes from: on hover, on tap, and by arrow keys inside a table. */
(() => {
  const tip = document.getElementById("tip");
  const prepare = (root) => {
    for (const fact of root.querySelectorAll(".fact:not([data-why])")) explain(fact);
    for (const table of root.querySelectorAll("table")) rove(table);
  };
  const explain = (fact) => {
    const title = fact.getAttribute("title") ?? fact.querySelector(":scope > title")?.textContent;
    if (!title) return;
    fact.dataset.why = title;
    fact.removeAttribute("title");
    fact.querySelector(":scope > title")?.remove();
    if (!(fact instanceof SVGElement)) {
      const hidden = document.createElement("span");
      hidden.hidden = true;
      hidden.id = `why-${Math.random().toString(36).slice(2, 10)}`;
      hidden.textContent = title;
      fact.setAttribute("aria-describedby", hidden.id);
      fact.append(hidden);
    }
    if (!fact.closest("table")) fact.setAttribute("tabindex", "0");
  };
  /* One tab stop a table; arrows move on from figure to figure. */
  const rove = (table) => {
    const inside = [...table.querySelectorAll(".fact")];
    inside.forEach((fact, i) => fact.setAttribute("tabindex", i ? "-1" : "0"));
    table.addEventListener("keydown", (event) => {
      const at = inside.indexOf(document.activeElement);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (at < 0 || !step) return;
      const next = inside[at + step];
      if (!next) return;
      event.preventDefault();
      inside[at].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  };
  prepare(document);
  /* Parts of a page that are put in later say so. */
  document.addEventListener("rung:shown", (event) => prepare(event.target));
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const fact = event.target.closest?.(".fact");
    if (!fact?.dataset.why) return hide();
    tip.textContent = fact.dataset.why;
    tip.hidden = false;
    const box = fact.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(12, box.left + box.width / 2 - own.width / 2), innerWidth - own.width - 12);
    const above = box.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  };
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, show);
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true });
  /* On a phone what stands behind the verdict is folded until it is asked for. */
  const folds = () => [...document.querySelectorAll("details.fold")];
  if (matchMedia("(max-width: 760px)").matches) for (const one of folds()) one.open = false;
  addEventListener("hashchange", () => {
    for (const one of folds()) if (`#${one.parentElement.id}` === location.hash) one.open = true;
  });
  /* On paper nothing can be opened: open it. */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.twin:not([open]), details.fold:not([open]), .hero details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
