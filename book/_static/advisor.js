// The page that advises. A Web Worker fits the curves of a table (numerics.js, counts_table.js, crossover_stats.js); this file asks it,
// and shows its answers. Tables are data: their names are set as text only. Budgets are in answers of the teacher: with a price of 1
// those are calls.
"use strict";
(() => {
  const settings = window.CROSSOVER_ADVICE, { level, strategies: looks, spare, tasks, per_sample: perSample, least_pilot: leastPilot, pilot_share: pilotShare } = settings;
  const MOST_ROWS = 1000, MOST_BYTES = 1e6, OWN = "your table";
  const unasked = { seeds: "64", queries: "256" }; // what the form holds until a reader asks
  const FIELDS = {
    seeds: { least: 1, most: 1e5, whole: true }, queries: { least: 1, most: 1e7, whole: false },
    price: { least: 0.01, most: 100, whole: false }, dollars: { least: 0, most: 1e4, whole: false, optional: true },
  };
  const byId = (id) => document.getElementById(id);
  const form = byId("advisor"), said = byId("advice-said"), answer = byId("advice"), details = byId("advice-details"), own = byId("own-numbers");

  // ---- The worker: built from the text of the three files, since a page opened from disk cannot load a worker's script
  const answers = ({ data: [id, name, args] }) => {
    try {
      self.postMessage([id, self.stats[name](...args)]);
    } catch (error) {
      self.postMessage([id, null, error.message]);
    }
  };
  const source = [numerics, countsTable, crossoverStats, `self.stats = crossoverStats(${JSON.stringify(settings)})`, `self.onmessage = ${answers}`];
  const worker = new Worker(URL.createObjectURL(new Blob([source.join("\n")], { type: "text/javascript" }))), waiting = [];
  worker.onmessage = ({ data: [id, value, refused] }) => (refused === undefined ? waiting[id].resolve(value) : waiting[id].reject(new Error(refused)));
  const ask = (name, ...args) => new Promise((resolve, reject) => worker.postMessage([waiting.push({ resolve, reject }) - 1, name, args]));

  // ---- Words and looks
  const count = (value) => Number(value.toPrecision(6)).toLocaleString("en");
  const known = new Map(Object.entries(looks));
  function look(strategy) {
    const extra = known.size - Object.keys(looks).length, text = strategy.replaceAll("_", " "), label = text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
    if (!known.has(strategy)) known.set(strategy, { ...spare[extra % spare.length], label });
    return known.get(strategy);
  }
  const label = (strategy) => (looks[strategy] ? looks[strategy].label.toLowerCase() : strategy);
  const element = (tag, text = "", attributes = {}, ...children) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const svg = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };

  // A table of rows of text; the first column is the row's head.
  function table(rows, caption) {
    const names = Object.keys(rows[0]), made = element("table", "", { class: "table" });
    const row = (values, tag) => element("tr", "", {}, ...values.map((value, i) => (i ? element(tag, value) : element("th", value, { scope: "row" }))));
    made.append(element("caption", caption), element("thead", "", {}, element("tr", "", {}, ...names.map((name) => element("th", name, { scope: "col" })))));
    made.append(element("tbody", "", {}, ...rows.map((values) => row(Object.values(values), "td"))));
    return element("div", "", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption }, made);
  }

  // ---- The answer: a sentence, the table of strategies, and accuracy against the budget
  function sentence(found, { seeds, queries, price, dollars }) {
    const { best, second, nearest, why, trend, choose, missing, idle } = found, unit = price === 1 ? "teacher calls" : "answers";
    const sure = `are best with probability ${found.rows[0]["P(best)"]}`, lead = second ? `${label(best)} lead ${label(second)} by ${found.lead} and ${sure}` : `${label(best)} are the only strategy with a curve`;
    const parts = nearest
      ? [`Not tested: ${why}. No recommendation. At the nearest tested point, ${count(nearest[0])} seed questions and ${count(nearest[1])} ${unit}, ${lead}.`,
        trend ? `By extrapolation, ${label(trend.first)} lead ${label(trend.second)} by ${trend.lead} at your numbers.` : "",
        price === 1 ? `To measure it on your task: crossover pilot PAIRS --queries ${Math.max(leastPilot, Math.ceil(queries / pilotShare))} --budget ${Math.round(queries)}.` : ""]
      : [choose ? `Buy ${best === idle ? "nothing" : label(best)}: ${second && best !== idle ? lead.replace(label(best), "they") : lead}.` : `No clear winner: ${lead}.`];
    if (missing.length) parts.push(`No curve for ${missing.map(label).join(", ")}: too few budgets.`);
    if (dollars) parts.push(`${count(queries)} ${unit} cost $${count(queries * dollars)}.`);
    return parts.filter(Boolean).join(" ");
  }

  function choices(found) {
    const made = table(found.rows.map((row) => ({ ...row, strategy: look(row.strategy).label })), `Intervals are ${Math.round(level * 100)}%.`);
    made.querySelectorAll("tbody tr").forEach((row, i) => (row.dataset.strategy = found.rows[i].strategy));
    return made;
  }

  const hidden = new Set(); // series that the reader has switched off
  function chart({ size, shown, first, last, asked, budgets, lines, dots }, price) {
    const width = Math.max(320, Math.min(640, answer.clientWidth)); // as wide as the page, so that text has its own size on a phone
    const [height, left, bottom, top, right] = [330, 48, 46, 12, 12], names = lines[0].map((c) => c.strategy).sort();
    const [low, high] = [Math.min(first, asked), Math.max(last, asked)], x = (q) => left + ((width - left - right) * Math.log(q / low)) / Math.log(high / low || 1);
    const values = [...lines.flatMap((line) => line.flatMap((c) => c.interval)), ...dots.flatMap((dot) => dot.values)];
    const [least, most] = [Math.min(...values), Math.max(...values)], shares = least >= 0 && most <= 1; // else scores on a scale of their own
    const step = shares ? (most > 0.5 ? 0.2 : 0.1) : 10 ** Math.floor(Math.log10(most - least)), base = shares ? 0 : Math.floor(least / step) * step;
    const ceiling = shares ? Math.min(1, Math.ceil(most * 10) / 10) : Math.ceil(most / step) * step;
    const y = (a) => height - bottom - ((height - bottom - top) * (a - base)) / (ceiling - base);
    const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Outcome against budget for ${count(shown)} seed questions. ${said.textContent}` });
    for (const [from, to] of [[low, first], [last, high]])
      if (to > from) figure.append(svg("rect", { x: x(from), y: top, width: x(to) - x(from), height: height - bottom - top, class: "untested" }));
    for (let a = base; a <= ceiling + 1e-9; a += step) {
      figure.append(svg("line", { x1: left, x2: width - right, y1: y(a), y2: y(a), class: "grid" }));
      figure.append(svg("text", { x: left - 6, y: y(a) + 4, "text-anchor": "end" }, shares ? `${Math.round(100 * a)}%` : count(a)));
    }
    const doubling = 2 ** Math.max(1, Math.ceil(Math.log2(high / low) / (width / 80)));
    for (let q = 2 ** Math.ceil(Math.log2(low)); q <= high; q *= doubling) figure.append(svg("text", { x: x(q), y: height - bottom + 18, "text-anchor": x(q) > width - 20 ? "end" : "middle" }, count(q)));
    figure.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, price === 1 ? "teacher calls (log scale)" : "budget, in answers (log scale)"));
    const key = element("figcaption");
    for (const name of names) {
      const { light, dark, marker, dash, label: text } = look(name), stroke = { fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": dash };
      const strategy = { class: "strategy", style: `--light: ${light}; --dark: ${dark}` };
      const line = (end) => budgets.map((q, k) => `${x(q).toFixed(1)},${y(end(lines[k].find((c) => c.strategy === name))).toFixed(1)}`);
      const series = svg("g", strategy), sample = svg("svg", { width: 40, height: 12, "aria-hidden": "true", ...strategy });
      const mark = (cx, cy) => svg("polygon", { points: marker, transform: `translate(${cx} ${cy}) scale(8)`, class: "measured" });
      series.append(svg("polygon", { points: [...line((c) => c.interval[0]), ...line((c) => c.interval[1]).reverse()].join(" "), fill: "currentColor", opacity: 0.13 }));
      series.append(svg("polyline", { points: line((c) => c.accuracy).join(" "), ...stroke }));
      for (const dot of dots.filter((d) => d.strategy === name)) {
        for (const v of dot.values) series.append(svg("circle", { cx: x(dot.budget), cy: y(v), r: 2, fill: "currentColor", opacity: 0.5 }));
        series.append(mark(x(dot.budget), y(dot.mean)));
      }
      sample.append(svg("line", { x1: 0, x2: 40, y1: 6, y2: 6, ...stroke }), mark(20, 6));
      const entry = element("button", "", { class: "entry", type: "button", title: "show or hide" }, sample, ` ${text}`);
      const draw = () => {
        series.setAttribute("visibility", hidden.has(name) ? "hidden" : "visible");
        entry.setAttribute("aria-pressed", String(!hidden.has(name)));
      };
      entry.addEventListener("click", () => {
        if (!hidden.delete(name)) hidden.add(name);
        draw();
      });
      draw();
      figure.append(series);
      key.append(entry);
    }
    figure.append(svg("line", { x1: x(asked), x2: x(asked), y1: top, y2: height - bottom, class: "asked" }));
    key.append(element("div", `Lines: curves at ${count(shown)} seed questions, with ${Math.round(level * 100)}% intervals. Marks: measured means at ${count(size)} seed questions; dots: `
      + "replicates. Upright line: your budget. Shaded: not tested."));
    return element("figure", "", {}, figure, key);
  }

  // ---- Everything that `crossover fit` and `crossover compare` print, in their order and words
  function printed({ curves, crossovers, forms, shares, messages, leads }) {
    const made = [element("h3", "Curves"), table(curves, "Curves: outcome at budget ratio r is E - B exp(-r / tau)"), element("h3", "Crossovers")];
    if (!crossovers.length) made.push(element("p", "One strategy: there is nothing to cross."));
    for (const [rows, title] of [[crossovers, `Crossovers, ${Math.round(level * 100)}% intervals (* extrapolated)`],
      [forms, "Crossover under each form of curve and under none (tested ratios between which the paired difference changes sign)"],
      [shares, "Where the uncertainty of a crossover comes from"]])
      if (rows.length) made.push(table(rows, title));
    if (messages.length) made.push(element("dl", "", { class: "notes" }, ...messages.flatMap(([about, message]) => [element("dt", about), element("dd", message)])));
    made.push(element("h3", "Leads"));
    for (const lead of leads) made.push(table(lead.rows, lead.title), element("p", lead.undecided), element("p", lead.brackets));
    if (!leads.length) made.push(element("p", "No two strategies share a seed-set size and a budget: there is nothing to compare."));
    return made;
  }

  // ---- The form
  function refuse(name, wrong) {
    byId(`${name}-error`).textContent = wrong;
    if (wrong) form[name].setAttribute("aria-invalid", "true");
    else form[name].removeAttribute("aria-invalid");
  }

  function values() {
    const found = {};
    for (const [name, { least, most, whole, optional }] of Object.entries(FIELDS)) {
      const text = form[name].value.trim().replaceAll(",", ""), value = Number(text);
      const wrong = optional && !text ? "" : !text || !Number.isFinite(value) ? `must be a number, got "${form[name].value}"`
        : value < least || value > most ? `must be ${count(least)} to ${count(most)}, got ${text}` : whole && !Number.isInteger(value) ? `must be a whole number, got ${text}` : "";
      refuse(name, wrong);
      found[name] = wrong ? NaN : text ? value : null;
    }
    return found;
  }

  // A table by the value of its option: published ones are read when they are first asked for.
  const read = new Set();
  async function chosen() {
    const [name, task] = JSON.parse(form.task.value), shipped = name !== OWN && tasks.find((t) => t.task === task);
    if (shipped && !read.has(name)) await ask("read", name, shipped.csv, Infinity);
    read.add(name);
    return { name, task };
  }

  let turn = 0, asking = Promise.resolve(); // one question at a time: one that is typed over is never asked
  async function show() {
    const question = values(), { seeds, queries, price, dollars } = question, mine = ++turn;
    if (Object.values(question).some(Number.isNaN)) { said.textContent = ""; answer.replaceChildren(); return; }
    answer.setAttribute("aria-busy", "true");
    said.textContent = "Fitting the curves …";
    await asking;
    if (mine !== turn) return;
    const { name, task } = await chosen(), costs = Object.fromEntries(Object.entries(perSample).map(([s, calls]) => [s, 1 + (calls - 1) * price]));
    const found = await (asking = ask("advise", name, task, seeds, queries, costs).catch((error) => error));
    if (mine !== turn) return;
    answer.removeAttribute("aria-busy");
    said.textContent = found instanceof Error ? found.message : sentence(found, question);
    answer.replaceChildren(...(found instanceof Error ? [] : [choices(found), chart(found.chart, price)]));
    const address = { ...(name === OWN ? {} : { task }), seeds, queries, price, ...(dollars ? { dollars } : {}) };
    history.replaceState(null, "", `?${new URLSearchParams(address)}`);
    await showDetails(name, mine);
  }

  async function showDetails(name, mine) {
    const body = byId("advice-numbers");
    if (!details.open || body.dataset.table === name) return;
    body.setAttribute("aria-busy", "true");
    const found = await ask("fit", name).catch((error) => error);
    if (mine !== turn) return;
    body.removeAttribute("aria-busy");
    body.dataset.table = name;
    body.replaceChildren(...(found instanceof Error ? [element("p", found.message)] : printed(found)));
  }

  // ---- The reader's own table
  async function take(text, name) {
    refuse("csv", "");
    form.csv.value = text;
    const found = await ask("read", OWN, text, MOST_ROWS).catch((error) => error);
    if (found instanceof Error) return refuse("csv", found.message.replace(OWN, name));
    form.querySelector("optgroup.own")?.remove();
    const group = element("optgroup", "", { label: name, class: "own" });
    for (const { task } of found) group.append(new Option(found.length > 1 || task !== "task" ? task : name, JSON.stringify([OWN, task])));
    form.task.prepend(group);
    form.task.selectedIndex = 0;
    if (Object.entries(unasked).every(([field, usual]) => form[field].value === usual))
      for (const field in unasked) form[field].value = unasked[field] = String(found[0][field]);
    delete byId("advice-numbers").dataset.table;
    details.open = true;
    return show();
  }
  async function takeFile(file) {
    const bytes = new Uint8Array(await file.slice(0, MOST_BYTES + 1).arrayBuffer()), wide = [0xfffe, 0xfeff].includes(bytes[0] * 256 + bytes[1]);
    if (bytes.length > MOST_BYTES) return refuse("csv", `${file.name}: more than ${count(MOST_BYTES)} bytes: use crossover fit`);
    try {
      return take(new TextDecoder(wide ? (bytes[0] === 0xff ? "utf-16le" : "utf-16be") : "utf-8", { fatal: true }).decode(bytes), file.name);
    } catch {
      return refuse("csv", `${file.name}: not text in UTF-8: save the file as CSV in UTF-8`);
    }
  }
  byId("own-use").addEventListener("click", () => take(form.csv.value, OWN));
  byId("own-example").addEventListener("click", () => take(tasks.reduce((a, b) => (b.task === "text_to_sql" ? b : a)).csv, "example: text-to-SQL of this book"));
  form.file.addEventListener("change", () => form.file.files.length && takeFile(form.file.files[0]));
  for (const kind of ["dragover", "drop"])
    own.addEventListener(kind, (event) => {
      event.preventDefault();
      if (kind === "drop" && event.dataTransfer.files.length) takeFile(event.dataTransfer.files[0]);
    });

  tasks.forEach(({ task, label: text }) => form.task.append(new Option(text, JSON.stringify([task, task]))));
  const asked = new URLSearchParams(location.search), wanted = JSON.stringify([asked.get("task"), asked.get("task")]);
  form.task.value = [...form.task.options].some((o) => o.value === wanted) ? wanted : form.task.options[0].value;
  for (const [name, usual] of Object.entries({ ...unasked, price: "1", dollars: "" })) form[name].value = asked.get(name) ?? usual;
  let wait;
  form.addEventListener("input", (event) => {
    clearTimeout(wait);
    if (!own.contains(event.target)) wait = setTimeout(show, 400);
  });
  form.addEventListener("change", (event) => {
    clearTimeout(wait);
    if (!own.contains(event.target)) show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  details.addEventListener("toggle", () => chosen().then(({ name }) => showDetails(name, turn)));
  byId("advice-link").addEventListener("click", () => navigator.clipboard.writeText(location.href));
  show();
})();
