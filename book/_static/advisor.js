// The page that advises: crossover.advise in the reader's browser, from the draws of the fitted curves.
// Curves come from advisor_curves.js. Budgets are in answers of the teacher: with a price of 1 that is queries.
"use strict";
(() => {
  const { level, clear, first, strategies: looks, curves } = window.CROSSOVER_CURVES;
  // What a call costs on average: of a sample's calls one is an answer, the others cost `price` answers each.
  const costOfQuery = (strategy, price) => (1 + (looks[strategy].calls - 1) * price) / looks[strategy].calls;
  const DASHES = ["", "7 4", "2 3", "9 3 2 3", "1 2"];

  for (const curve of curves) {
    const bytes = Uint8Array.from(atob(curve.draws), (c) => c.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer);
    const n = numbers.length / 3;
    [curve.E, curve.B, curve.logTau] = [0, 1, 2].map((i) => numbers.subarray(i * n, (i + 1) * n));
  }

  const clip = (x) => Math.min(1, Math.max(0, x));
  const at = (curve, ratio) => Array.from(curve.E, (e, d) => clip(e - curve.B[d] * Math.exp(-ratio * Math.exp(-curve.logTau[d]))));
  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const quantile = (sorted, q) => {
    const place = q * (sorted.length - 1), below = Math.floor(place);
    return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
  };
  const interval = (values) => {
    const sorted = Float64Array.from(values).sort();
    return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
  };

  // Accuracy draws of one strategy, and what lies outside of what was run.
  function read(own, seeds, ratio) {
    const sizes = own.map((c) => c.seed_size).sort((a, b) => a - b);
    const below = Math.max(...sizes.filter((s) => s <= seeds), sizes[0]);
    const above = Math.min(...sizes.filter((s) => s >= seeds), sizes.at(-1));
    const [low, high] = [below, above].map((s) => own.find((c) => c.seed_size === s));
    const [from, to] = below > seeds ? [low, low] : above < seeds ? [high, high] : [low, high];
    const weight = to.seed_size > from.seed_size ? Math.log(seeds / below) / Math.log(above / below) : 0;
    const why = [];
    if (seeds < sizes[0] || seeds > sizes.at(-1)) why.push(`seeds outside ${sizes[0]} to ${sizes.at(-1)}`);
    const first = Math.max(from.ratios[0], to.ratios[0]), last = Math.min(from.ratios[1], to.ratios[1]);
    if (ratio < first || ratio > last) why.push(`ratio ${ratio.toPrecision(3)} outside ${first} to ${last}`);
    const [a, b] = [at(from, ratio), at(to, ratio)];
    const doubts = [...new Set(own.map((c) => c.doubt).filter(Boolean))].sort();
    return { values: a.map((v, d) => v + weight * (b[d] - v)), why: why.join("; "), doubts };
  }

  function advise(task, seeds, queries, price) {
    const strategies = [...new Set(curves.filter((c) => c.task === task).map((c) => c.strategy))].sort();
    const found = strategies.map((strategy) => {
      const own = curves.filter((c) => c.task === task && c.strategy === strategy);
      return { strategy, ...read(own, seeds, queries / seeds / costOfQuery(strategy, price)) };
    });
    const best = found[0].values.map((_, d) => Math.max(...found.map((f) => f.values[d])));
    const ties = best.map((b, d) => found.filter((f) => f.values[d] === b).length);
    for (const f of found) {
      f.accuracy = mean(f.values);
      f.interval = interval(f.values);
      f.pBest = mean(f.values.map((v, d) => (v === best[d] ? 1 / ties[d] : 0)));
      f.regret = mean(f.values.map((v, d) => best[d] - v));
    }
    return found.sort((a, b) => b.accuracy - a.accuracy || (a.strategy < b.strategy ? -1 : 1));
  }

  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const svg = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  };

  function table(choices) {
    const made = element("table", "", { class: "table" }), head = element("tr");
    const titles = ["Strategy", `Expected accuracy (${Math.round(level * 100)}% interval)`, "P(best)", "Expected regret", "Inside what was run"];
    titles.forEach((title) => head.append(element("th", title, { scope: "col" })));
    const body = element("tbody");
    for (const c of choices) {
      const row = element("tr", "", { "data-strategy": c.strategy });
      const numbers = [`${c.accuracy.toFixed(3)} (${c.interval[0].toFixed(3)} to ${c.interval[1].toFixed(3)})`, c.pBest.toFixed(2), c.regret.toFixed(3)];
      row.append(element("th", looks[c.strategy].label, { scope: "row" }));
      numbers.forEach((text) => row.append(element("td", text)));
      row.append(element("td", c.why ? `no: ${c.why}` : "yes"));
      body.append(row);
    }
    const header = element("thead");
    header.append(head);
    made.append(header, body);
    return made;
  }

  // Expected accuracy of each strategy against the budget, on a log scale, with the asked budget marked.
  function chart(task, seeds, queries, price, order) {
    const [width, height, left, bottom, top, right] = [640, 320, 48, 44, 12, 12];
    const own = curves.filter((c) => c.task === task);
    const ends = own.flatMap((c) => c.ratios.map((r) => r * seeds * costOfQuery(c.strategy, price)));
    const [low, high] = [Math.min(...ends, queries), Math.max(...ends, queries)];
    const x = (q) => left + ((width - left - right) * Math.log(q / low)) / Math.log(high / low);
    const budgets = Array.from({ length: 41 }, (_, i) => low * (high / low) ** (i / 40));
    const lines = budgets.map((q) => Object.fromEntries(advise(task, seeds, q, price).map((c) => [c.strategy, c])));
    const most = Math.min(1, Math.ceil(Math.max(...lines.flatMap((l) => Object.values(l).map((c) => c.interval[1]))) * 10) / 10);
    const y = (a) => height - bottom - ((height - bottom - top) * a) / most;
    const told = order.map((c) => `${looks[c.strategy].label} ${c.accuracy.toFixed(3)}`).join(", ");
    const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Expected accuracy against budget for ${seeds} seed questions. At ${queries}: ${told}.` });
    for (let a = 0; a <= most + 1e-9; a += most > 0.5 ? 0.2 : 0.1) {
      figure.append(svg("line", { x1: left, x2: width - right, y1: y(a), y2: y(a), class: "grid" }));
      figure.append(svg("text", { x: left - 6, y: y(a) + 4, "text-anchor": "end" }, a.toFixed(1)));
    }
    for (let q = 2 ** Math.ceil(Math.log2(low)); q <= high; q *= 2) {
      figure.append(svg("text", { x: x(q), y: height - bottom + 18, "text-anchor": "middle" }, String(q)));
    }
    figure.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "budget, in answers (log scale)"));
    const strategies = Object.keys(lines[0]).sort();
    strategies.forEach((s, i) => {
      const point = (end) => budgets.map((q, k) => `${x(q).toFixed(1)},${y(end(lines[k][s])).toFixed(1)}`);
      const band = [...point((c) => c.interval[0]), ...point((c) => c.interval[1]).reverse()];
      figure.append(svg("polygon", { points: band.join(" "), fill: looks[s].colour, opacity: 0.13 }));
      figure.append(svg("polyline", { points: point((c) => c.accuracy).join(" "), fill: "none", stroke: looks[s].colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[i] }));
    });
    figure.append(svg("line", { x1: x(queries), x2: x(queries), y1: top, y2: height - bottom, class: "asked" }));
    const made = element("figure"), caption = element("figcaption");
    strategies.forEach((s, i) => {
      const key = svg("svg", { width: 34, height: 10, "aria-hidden": "true" });
      key.append(svg("line", { x1: 0, x2: 34, y1: 5, y2: 5, stroke: looks[s].colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[i] }));
      const entry = element("span", "", { class: "entry" });
      entry.append(key, ` ${looks[s].label}`);
      caption.append(entry);
    });
    caption.append(`Expected accuracy and ${Math.round(level * 100)}% intervals; the upright line is your budget.`);
    made.append(figure, caption);
    return made;
  }

  const form = document.getElementById("advisor"), answer = document.getElementById("advice");
  const tasks = [...new Set(curves.map((c) => c.task))].sort();
  tasks.forEach((task) => form.task.append(element("option", task.replaceAll("_", " "), { value: task })));
  const sizes = curves.filter((c) => c.task === first).map((c) => c.seed_size).sort((a, b) => a - b);
  const asked = new URLSearchParams(location.search);
  form.task.value = tasks.includes(asked.get("task")) ? asked.get("task") : first;
  form.seeds.value = asked.get("seeds") ?? sizes[Math.floor(sizes.length / 2)];
  form.queries.value = asked.get("queries") ?? 4 * form.seeds.value;
  form.price.value = asked.get("price") ?? 1;

  function show() {
    const wrong = [...form.elements].find((e) => !e.checkValidity());
    if (wrong) {
      answer.replaceChildren(element("p", `${wrong.labels[0].firstChild.textContent.trim()}: ${wrong.validationMessage}`, { class: "refused" }));
      return;
    }
    const [seeds, queries, price] = [form.seeds, form.queries, form.price].map((e) => Number(e.value));
    const choices = advise(form.task.value, seeds, queries, price), [best] = choices;
    const sentence = element("p", "", { class: "verdict" });
    const told = best.pBest >= clear || choices.length === 1;
    sentence.append(told ? "Buy " : "The data do not say what to buy. Ahead is ", element("strong", looks[best.strategy].label.toLowerCase()),
      `: best with probability ${best.pBest.toFixed(2)}, expected accuracy ${best.accuracy.toFixed(3)}.`);
    const outside = choices.filter((c) => c.why).length;
    if (outside) sentence.append(` ${outside === choices.length ? "All" : "Part"} of this lies outside what was run: an extrapolation.`);
    const doubtful = choices.filter((c) => c.doubts.length).map((c) => `${looks[c.strategy].label.toLowerCase()} (${c.doubts.join(", ")})`).sort();
    if (doubtful.length) sentence.append(` Curves with a doubt: ${doubtful.join(", ")}.`);
    answer.replaceChildren(sentence, table(choices), chart(form.task.value, seeds, queries, price, choices));
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
})();
