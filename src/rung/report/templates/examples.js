"use strict";
/* The examples table: filtered in memory, drawn a page at a time, text only ever as text. */
(() => {
  const PAGE = 25;
  const { candidates, chosen, texts, passages, examples, causes } = JSON.parse(document.getElementById("data").textContent);
  const WORDS = { r: ["✓", "right"], p: ["◐", "partly"], w: ["✗", "wrong"], u: ["?", "unscored"], e: ["!", "no answer"], n: ["·", "not asked"] };
  const form = document.getElementById("filters");
  const table = document.getElementById("rows");
  const body = table.tBodies[0];
  const more = document.getElementById("more");
  const count = document.getElementById("count");
  const [ID, SPLIT, INPUT, EXPECTED, GOLD, ANSWERS, CAUSE] = [0, 1, 2, 3, 4, 5, 6];
  const lowered = new Map();
  const lower = (number) => {
    if (number < 0) return "";
    if (!lowered.has(number)) lowered.set(number, texts[number].toLowerCase());
    return lowered.get(number);
  };
  const text = (number) => (number < 0 ? "" : texts[number]);
  const outcome = (answer) => (answer ? answer[0] : "n");

  const make = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };
  const said = (content) => {
    const node = make("div", "said", content);
    node.dir = "auto";
    if (content.length > 600) node.tabIndex = 0;
    return node;
  };
  const dot = (answer, i, watched) => {
    const [sign, word] = WORDS[outcome(answer)];
    const node = make("span", `dot o-${outcome(answer)}${i === watched ? " watched" : ""}`, sign);
    const score = answer && answer[1] !== null ? `, score ${answer[1]}` : "";
    node.title = `${candidates[i][0]}: ${candidates[i][1]}, ${word}${score}`;
    return node;
  };

  let found = [];
  let shown = 0;
  const values = () => Object.fromEntries(new FormData(form));

  const fits = (example, filter, watched, needle) => {
    if (filter.split && example[SPLIT] !== filter.split) return false;
    if (filter.cause && example[CAUSE] !== Number(filter.cause)) return false;
    const answers = example[ANSWERS];
    const looked = watched < 0 ? answers : [answers[watched]];
    const want = filter.outcome;
    if (want === "nobody") {
      const asked = answers.filter(Boolean);
      if (!asked.length || asked.some((a) => a[0] === "r")) return false;
    } else if (want === "differs") {
      if (new Set(answers.filter(Boolean).map((a) => a[0])).size < 2) return false;
    } else if (want === "f") {
      if (!looked.some((a) => a && a[0] !== "r")) return false;
    } else if (want === "-") {
      if (!looked.some((a) => !a)) return false;
    } else if (want && !looked.some((a) => a && a[0] === want)) return false;
    if (!needle) return true;
    return [example[ID], example[INPUT], example[EXPECTED], ...looked.map((a) => (a ? a[2] : -1))]
      .some((number) => lower(number).includes(needle));
  };

  const filtered = () => {
    const filter = values();
    const watched = Number(filter.candidate);
    const needle = filter.text.trim().toLowerCase();
    found = examples.filter((example) => fits(example, filter, watched, needle));
    body.replaceChildren();
    shown = 0;
    page();
  };

  const page = () => {
    const watched = Number(values().candidate);
    const part = document.createDocumentFragment();
    for (const example of found.slice(shown, shown + PAGE)) part.append(row(example, watched));
    body.append(part);
    shown = Math.min(found.length, shown + PAGE);
    more.hidden = shown >= found.length;
    more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
    count.textContent = `${found.length.toLocaleString("en")} of ${examples.length.toLocaleString("en")} examples match, ${shown.toLocaleString("en")} shown.`;
  };

  const row = (example, watched) => {
    const line = make("tr", "row");
    const first = make("td");
    const ask = make("button", "ask");
    ask.type = "button";
    ask.setAttribute("aria-expanded", "false");
    const inside = make("span");
    const input = text(example[INPUT]);
    const excerpt = make("span", "excerpt", input.slice(0, 300) || text(example[ID]));
    excerpt.dir = "auto";
    inside.append(excerpt, make("small", "", [text(example[ID]), example[SPLIT], causes[example[CAUSE]]].filter(Boolean).join(" · ")));
    ask.append(inside);
    first.append(ask);
    const expected = make("td");
    const excerpt2 = make("span", "excerpt", text(example[EXPECTED]).slice(0, 200) || "–");
    excerpt2.dir = "auto";
    expected.append(excerpt2);
    const outcomes = make("td");
    const dots = make("div", "dots");
    example[ANSWERS].forEach((answer, i) => dots.append(dot(answer, i, watched)));
    dots.setAttribute("role", "img");
    dots.setAttribute("aria-label", example[ANSWERS].map((a, i) => `${candidates[i][0]} ${WORDS[outcome(a)][1]}`).join(", "));
    outcomes.append(dots);
    line.append(first, expected, outcomes);
    ask.addEventListener("click", () => {
      const open = ask.getAttribute("aria-expanded") === "true";
      ask.setAttribute("aria-expanded", String(!open));
      if (open) line.nextElementSibling.remove();
      else line.after(detail(example));
    });
    return line;
  };

  const detail = (example) => {
    const line = make("tr", "detail");
    const cell = make("td");
    cell.colSpan = 3;
    const whole = make("div", "whole");
    for (const [title, number] of [["Input", example[INPUT]], ["Expected", example[EXPECTED]]]) {
      const part = make("div");
      part.append(make("small", "", title), said(number < 0 ? "not known here" : text(number)));
      whole.append(part);
    }
    const side = make("div", "side");
    example[ANSWERS].forEach((answer, i) => { if (answer) side.append(card(answer, i, example[GOLD])); });
    cell.append(whole, side);
    line.append(cell);
    return line;
  };

  const card = (answer, i, gold) => {
    const [kind, score, saidNumber, problem, read = [], cited = [], tokensIn = 0, tokensOut = 0, ms = 0, calls = 0, by = -1] = answer;
    const node = make("article", i === chosen ? "card chosen" : "card");
    const head = make("h4");
    head.append(dot(answer, i, -1), make("span", "", `${candidates[i][0]}  ${candidates[i][1]}`));
    node.append(head);
    if (saidNumber >= 0) node.append(said(text(saidNumber) || "(empty answer)"));
    if (problem >= 0) node.append(make("p", "problem", text(problem)));
    const facts = [WORDS[kind][1]];
    if (by >= 0) facts.push(text(by));
    if (score !== null) facts.push(`score ${score}`);
    if (calls) facts.push(`${tokensIn} tokens in, ${tokensOut} out`);
    if (calls > 1) facts.push(`${calls} calls`);
    if (ms) facts.push(`${ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`} in its batch`);
    node.append(make("small", "", facts.join(" · ")));
    if (read.length) node.append(reading(read, cited, gold));
    return node;
  };

  const reading = (read, cited, gold) => {
    const node = make("details");
    node.append(make("summary", "", `${read.length} ${read.length === 1 ? "passage" : "passages"} read, ${cited.length} cited`));
    read.forEach((number, place) => {
      const [documentId, title, content, start] = passages[number];
      const classes = ["passage"];
      if (cited.includes(place)) classes.push("cited");
      if (gold.includes(documentId)) classes.push("gold");
      const one = make("div", classes.join(" "));
      const mark = cited.includes(place) ? " · cited" : "";
      one.append(make("h5", "", `[${place + 1}] ${text(title) || text(documentId)}${mark}`), make("small", "", `${text(documentId)}, from character ${start}`), said(text(content)));
      node.append(one);
    });
    return node;
  };

  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filtered, 120); });
  form.addEventListener("reset", () => setTimeout(filtered, 0));
  form.addEventListener("submit", (event) => { event.preventDefault(); filtered(); });
  more.addEventListener("click", page);
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      form.elements.outcome.value = button.dataset.show;
      form.elements.split.value = "dev";
      filtered();
      document.getElementById("examples").scrollIntoView();
    });
  }
  for (const button of document.querySelectorAll("[data-cause]")) {
    const place = causes.indexOf(button.dataset.cause);
    button.addEventListener("click", () => {
      if (!form.elements.cause || place < 0) return;
      form.reset();
      form.elements.candidate.value = "-1";
      form.elements.cause.value = String(place);
      filtered();
      document.getElementById("examples").scrollIntoView();
    });
  }
  filtered();
})();
