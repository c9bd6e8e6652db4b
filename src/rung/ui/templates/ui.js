"use strict";
/* Pages work without this: it swaps parts of a page for the same parts of the answer, keeps a
   slider and its figure together, opens an example in its row, and listens to a climb. */
(() => {
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const shown = (node) => node.dispatchEvent(new CustomEvent("rung:shown", { bubbles: true }));

  const swap = (id, from) => {
    const old = document.getElementById(id);
    const fresh = from.getElementById(id);
    if (!old || !fresh) return;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const facts = focused ? [...old.querySelectorAll(".fact")].indexOf(focused) : -1;
    for (const one of old.querySelectorAll("details[id][open]")) {
      const same = [...fresh.querySelectorAll("details")].find((d) => d.id === one.id);
      if (same) same.open = true;
    }
    const node = document.adoptNode(fresh);
    old.replaceWith(node);
    shown(node);
    if (facts >= 0) node.querySelectorAll(".fact")[facts]?.focus();
    else if (focused?.id) document.getElementById(focused.id)?.focus();
  };

  /* A file that is dropped on the first page becomes a project. */
  const drop = document.getElementById("drop");
  if (drop) {
    const said = drop.querySelector(".problem");
    const tell = (text) => { said.textContent = text; said.hidden = !text; };
    const send = async (file) => {
      if (!file) return;
      drop.setAttribute("aria-busy", "true");
      tell("");
      try {
        const options = { method: "POST", body: file, headers: { "x-token": drop.dataset.token } };
        const answer = await fetch(`/new?name=${encodeURIComponent(file.name)}`, options);
        const found = answer.headers.get("content-type")?.includes("json") ? await answer.json() : {};
        if (answer.ok) location.assign(found.address);
        else tell(found.error?.message ?? "The file was not taken: load the page again.");
      } catch {
        tell("The server does not answer.");
      } finally {
        drop.removeAttribute("aria-busy");
      }
    };
    drop.addEventListener("dragover", (event) => event.preventDefault());
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      send(event.dataTransfer.files[0]);
    });
    drop.querySelector("input").addEventListener("change", (event) => send(event.target.files[0]));
  }

  /* Forms that answer as they are filled in. */
  let asking;
  const ask = async (form, address, keep) => {
    asking?.abort();
    asking = new AbortController();
    const ids = form.dataset.swap.split(" ");
    ids.forEach((id) => document.getElementById(id)?.setAttribute("aria-busy", "true"));
    try {
      const answer = await fetch(address, { signal: asking.signal });
      const page = parse(await answer.text());
      complain(form, answer.ok ? "" : page.querySelector(".problem")?.textContent ?? "");
      if (answer.ok) ids.forEach((id) => swap(id, page));
      if (answer.ok && keep) history.replaceState(null, "", address);
      idle();
    } catch (error) {
      if (error.name !== "AbortError") complain(form, "The server does not answer.");
    } finally {
      ids.forEach((id) => document.getElementById(id)?.removeAttribute("aria-busy"));
    }
  };
  const complain = (form, text) => {
    let line = form.querySelector(":scope > .problem");
    if (!line) {
      line = document.createElement("p");
      line.className = "problem";
      line.setAttribute("role", "alert");
      form.append(line);
    }
    line.textContent = text;
    line.hidden = !text;
  };
  const address = (form) => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(fields).toString();
    return form.getAttribute("action") + (query ? `?${query}` : "");
  };
  for (const form of document.querySelectorAll("form[data-swap]")) {
    const own = form.getAttribute("action") === location.pathname;
    let waiting;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => ask(form, address(form), own), 90);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(waiting);
      ask(form, address(form), own);
    });
  }
  const idle = () => {
    const names = new Set([...document.querySelectorAll("[data-idle]")].map((e) => e.dataset.idle));
    for (const one of document.querySelectorAll("[data-question]")) one.hidden = names.has(one.dataset.question);
  };
  idle();

  /* A slider beside its figure. */
  for (const slider of document.querySelectorAll("input[type=range][data-for]")) {
    const figure = document.getElementById(slider.dataset.for);
    const log = "log" in slider.dataset;
    const follow = () => {
      const value = Number(figure.value.replaceAll(/[_,\s]/g, ""));
      if (Number.isFinite(value) && (!log || value > 0)) slider.value = log ? Math.log10(value) : value;
      slider.setAttribute("aria-valuetext", figure.value);
    };
    follow();
    figure.addEventListener("input", follow);
    slider.addEventListener("input", () => {
      const value = log ? 10 ** Number(slider.value) : Number(slider.value);
      figure.value = String(Number(log ? value.toPrecision(value >= 100 ? 3 : 2) : value));
      slider.setAttribute("aria-valuetext", figure.value);
    });
  }

  /* What a page says; null where the server does not answer: then the browser itself shows that. */
  const got = async (address) => {
    try {
      return await (await fetch(address)).text();
    } catch {
      return null;
    }
  };

  /* Pages of a table, and an example in its row. */
  document.addEventListener("click", async (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const page = event.target.closest?.("a[data-page]");
    if (page) {
      event.preventDefault();
      const text = await got(page.href);
      if (text === null) return void location.assign(page.href);
      swap("table", parse(text));
      if (new URL(page.href).pathname === location.pathname) history.replaceState(null, "", page.href);
      document.getElementById("table").scrollIntoView();
      document.getElementById("count")?.focus();
      return;
    }
    const link = event.target.closest?.("a[data-open]");
    if (link) {
      event.preventDefault();
      await toggle(link);
      return;
    }
    const button = event.target.closest?.("[data-show], [data-cause]");
    const form = document.getElementById("filters");
    if (!button || !form) return;
    for (const field of form.elements) if (field.name) field.value = "";
    if (button.dataset.show) form.elements.outcome.value = button.dataset.show;
    if (button.dataset.show) form.elements.split.value = "test";
    if (button.dataset.cause && form.elements.cause) form.elements.cause.value = button.dataset.cause;
    await ask(form, address(form), false);
    document.getElementById("examples").scrollIntoView();
  });
  const toggle = async (link) => {
    const row = link.closest("tr");
    const open = link.getAttribute("aria-expanded") === "true";
    link.setAttribute("aria-expanded", String(!open));
    if (open) return void row.nextElementSibling.remove();
    const text = await got(link.href);
    if (text === null) return void location.assign(link.href);
    const found = parse(text);
    const line = document.createElement("tr");
    const cell = document.createElement("td");
    line.className = "detail";
    cell.colSpan = row.cells.length;
    const part = found.getElementById("example") ?? found.querySelector(".problem");
    part.removeAttribute("id");
    cell.append(document.adoptNode(part));
    line.append(cell);
    row.after(line);
  };
  const expandable = (root) => {
    for (const link of root.querySelectorAll("a[data-open]")) {
      link.setAttribute("role", "button");
      link.setAttribute("aria-expanded", "false");
      link.addEventListener("keydown", (event) => {
        if (event.key === " ") { event.preventDefault(); link.click(); }
      });
    }
  };
  expandable(document);
  document.addEventListener("rung:shown", (event) => expandable(event.target));

  /* Keys of a review: arrows for the request before and after, letters while it has the focus. */
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, textarea, select, [tabindex='0']")) return;
    const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const part = way
      ? document.querySelector(`.review a[rel=${way}]`)
      : [...(event.target.closest(".review article")?.querySelectorAll("[data-key]") ?? [])].find((e) => e.dataset.key === event.key);
    if (!part) return;
    event.preventDefault();
    if (part.matches("a, button")) part.click();
    else part.focus();
  });

  /* A climb while it runs. */
  const climb = document.querySelector("[data-events]");
  if (climb) {
    const lost = document.getElementById("lost");
    const source = new EventSource(climb.dataset.events);
    source.addEventListener("open", () => { lost.hidden = true; });
    source.addEventListener("error", () => { lost.hidden = false; });
    source.addEventListener("live", (event) => {
      swap("live", parse(event.data));
      /* Told aloud by a line that stays, and only when it says something new. */
      const now = document.querySelector("#live .eyebrow")?.textContent.trim().replaceAll(/\s+/g, " ") ?? "";
      const said = document.getElementById("said");
      if (said.textContent !== now) said.textContent = now;
    });
    source.addEventListener("state", async (event) => {
      if (document.getElementById("controls").dataset.state === event.data) return;
      const text = await got(location.pathname);
      if (text !== null) for (const id of ["controls", "runs"]) swap(id, parse(text));
    });
    addEventListener("pagehide", () => source.close());
  }
})();
