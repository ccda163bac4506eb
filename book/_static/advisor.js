// The page that advises: crossover.advise in the reader's browser, from draws of the curves. Budgets are in answers of the
// teacher: with a price of 1 those are calls. Each task's curves are a script, loaded when the task is chosen.
"use strict";
(() => {
  const { level, clear, strategies: looks, tasks } = window.CROSSOVER_ADVICE;
  const DASHES = ["", "7 4", "2 3", "9 3 2 3", "1 2"], POINTS = 25;
  const FIELDS = {
    seeds: { least: 1, most: 1e5, whole: true }, queries: { least: 1, most: 1e7, whole: false },
    price: { least: 0.01, most: 100, whole: false }, dollars: { least: 0, most: 1e4, whole: false, optional: true },
  };
  const form = document.getElementById("advisor"), said = document.getElementById("advice-said"), answer = document.getElementById("advice");
  const loaded = new Map(), waiting = new Map();
  window.crossoverCurves = (id, curves) => {
    for (const curve of curves) {
      const bytes = Uint8Array.from(atob(curve.draws), (c) => c.charCodeAt(0));
      curve.draws = new Uint16Array(bytes.buffer);
    }
    loaded.set(id, curves);
    waiting.get(id)();
  };
  const load = (id) => loaded.has(id) ? Promise.resolve() : new Promise((done, failed) => {
    const script = document.createElement("script");
    waiting.set(id, done);
    script.src = `_static/advisor/${id}.js`;
    script.onerror = failed;
    document.head.append(script);
  });

  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const quantile = (sorted, q) => {
    const place = q * (sorted.length - 1), below = Math.floor(place);
    return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
  };
  const interval = (values) => {
    const sorted = Float64Array.from(values).sort();
    return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
  };
  const points = (value) => (100 * value).toFixed(1);
  const count = (value) => Number(value.toPrecision(6)).toLocaleString("en");
  const label = (strategy) => looks[strategy].label.toLowerCase();
  // What a call costs on average: of a sample's calls one is an answer, the others cost `price` answers each.
  const costOfCall = (strategy, price) => (1 + (looks[strategy].calls - 1) * price) / looks[strategy].calls;

  // A curve's draws at a ratio, linear in log ratio between the points of its grid.
  function at(curve, ratio) {
    const [low, high] = curve.range, D = curve.draws.length / POINTS;
    const place = curve.level ? 0 : Math.min(1, Math.max(0, Math.log(ratio / low) / Math.log(high / low))) * (POINTS - 1);
    const below = Math.min(POINTS - 2, Math.floor(place)), part = place - below;
    return Array.from({ length: D }, (_, d) => {
      const k = d * POINTS + below;
      return (curve.draws[k] + part * (curve.draws[k + 1] - curve.draws[k])) / 65535;
    });
  }

  // Draws of one strategy at a number of seeds and a ratio, and what lies outside of the tested range.
  function read(own, seeds, ratio) {
    const sizes = own.map((c) => c.size).sort((a, b) => a - b);
    const below = Math.max(...sizes.filter((s) => s <= seeds), sizes[0]), above = Math.min(...sizes.filter((s) => s >= seeds), sizes.at(-1));
    const ends = below > seeds ? [below, below] : above < seeds ? [above, above] : [below, above];
    const [from, to] = ends.map((s) => own.find((c) => c.size === s)), why = [];
    const weight = to.size > from.size ? Math.log(seeds / from.size) / Math.log(to.size / from.size) : 0;
    if (seeds < sizes[0] || seeds > sizes.at(-1)) why.push(sizes.length > 1 ? `only ${sizes[0]} to ${sizes.at(-1)} seed questions were tested` : `only ${sizes[0]} seed questions were tested`);
    const first = Math.max(from.range[0], to.range[0]), last = Math.min(from.range[1], to.range[1]);
    if (!from.level && (ratio < first * (1 - 1e-9) || ratio > last * (1 + 1e-9))) why.push(`only ${first} to ${last} calls per seed question were tested`);
    const [a, b] = [at(from, ratio), at(to, ratio)];
    return { values: a.map((v, d) => v + weight * (b[d] - v)), why: why.join("; ") };
  }

  function choices(curves, seeds, budget, price) {
    const names = [...new Set(curves.map((c) => c.strategy))].sort();
    const found = names.map((strategy) => ({ strategy, ...read(curves.filter((c) => c.strategy === strategy), seeds, budget / seeds / costOfCall(strategy, price)) }));
    const best = found[0].values.map((_, d) => Math.max(...found.map((f) => f.values[d])));
    const ties = best.map((b, d) => found.filter((f) => f.values[d] === b).length);
    for (const f of found) f.accuracy = mean(f.values);
    found.sort((a, b) => b.accuracy - a.accuracy || (a.strategy < b.strategy ? -1 : 1));
    for (const f of found) {
      const rival = found.find((other) => other !== f) ?? f, lead = f.values.map((v, d) => v - rival.values[d]);
      Object.assign(f, { interval: interval(f.values), lead: mean(lead), leadInterval: interval(lead), rival: rival.strategy,
        pBest: mean(f.values.map((v, d) => (v === best[d] ? 1 / ties[d] : 0))), regret: mean(f.values.map((v, d) => best[d] - v)) });
    }
    return found;
  }

  // The tested point nearest to a question: by number of seeds first, then by budget.
  function nearest(curves, seeds, budget, price) {
    const bought = curves.filter((c) => !c.level), names = [...new Set(bought.map((c) => c.strategy))];
    const sizes = [...new Set(bought.map((c) => c.size))].sort((a, b) => a - b);
    const common = sizes.filter((s) => names.every((n) => bought.some((c) => c.size === s && c.strategy === n)));
    const far = (s) => Math.abs(Math.log(s / seeds));
    const size = (common.length ? common : sizes).reduce((a, b) => (far(b) < far(a) ? b : a));
    const there = bought.filter((c) => c.size === size), ends = (i) => there.map((c) => c.range[i] * costOfCall(c.strategy, price));
    const low = Math.max(...ends(0)), high = Math.max(low, Math.min(...ends(1)));
    return [size, size * Math.min(high, Math.max(low, budget / seeds))];
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
  const probability = (p) => (p > 0.99 ? "> 0.99" : p < 0.01 ? "< 0.01" : p.toFixed(2));

  function table(found) {
    const made = element("table", "", { class: "table" }), head = element("tr"), header = element("thead"), body = element("tbody");
    made.append(element("caption", `Intervals are ${Math.round(level * 100)}%.`));
    ["Strategy", "Lead over the best other, points", "P(best)", "Regret, points"].forEach((title) => head.append(element("th", title, { scope: "col" })));
    for (const f of found) {
      const row = element("tr", "", { "data-strategy": f.strategy });
      row.append(element("th", looks[f.strategy].label, { scope: "row" }),
        element("td", `${points(f.lead)} (${f.leadInterval.map(points).join(" to ")})`), element("td", probability(f.pBest)), element("td", points(f.regret)));
      body.append(row);
    }
    header.append(head);
    made.append(header, body);
    return made;
  }

  // Accuracy against the budget at one number of seeds: curves over the tested range, the measured students, the asked budget.
  function chart(curves, seeds, asked, price) {
    const [width, height, left, bottom, top, right] = [640, 330, 48, 46, 12, 12];
    const names = [...new Set(curves.map((c) => c.strategy))].sort();
    const size = nearest(curves, seeds, asked, price)[0], bought = curves.filter((c) => !c.level), sizes = bought.map((c) => c.size);
    const between = Math.min(...sizes) <= seeds && seeds <= Math.max(...sizes), shown = between ? seeds : size;
    const near = [Math.max(...sizes.filter((s) => s <= shown)), Math.min(...sizes.filter((s) => s >= shown))];
    const scale = (c, ratio) => ratio * shown * costOfCall(c.strategy, price), beside = bought.filter((c) => near.includes(c.size));
    const first = Math.max(...beside.map((c) => scale(c, c.range[0]))), last = Math.min(...beside.map((c) => scale(c, c.range[1])));
    const [low, high] = [Math.min(first, asked), Math.max(last, asked)];
    const x = (q) => left + ((width - left - right) * Math.log(q / low)) / Math.log(high / low || 1);
    const budgets = Array.from({ length: 41 }, (_, i) => first * (last / first) ** (i / 40));
    const lines = budgets.map((q) => new Map(choices(curves, shown, q, price).map((c) => [c.strategy, c])));
    const dots = bought.filter((c) => c.size === size).flatMap((c) => c.measured.map(([ratio, values]) => [c.strategy, scale(c, ratio), values]))
      .filter(([, q]) => q >= first * 0.999 && q <= last * 1.001);
    const tallest = Math.max(...lines.flatMap((l) => [...l.values()].map((c) => c.interval[1])), ...dots.flatMap(([, , values]) => values));
    const most = Math.min(1, Math.ceil(tallest * 10) / 10), y = (a) => height - bottom - ((height - bottom - top) * a) / most;
    const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Accuracy against budget for ${shown} seed questions. ${said.textContent}` });
    for (const [from, to] of [[low, first], [last, high]])
      if (to > from) figure.append(svg("rect", { x: x(from), y: top, width: x(to) - x(from), height: height - bottom - top, class: "untested" }));
    for (let a = 0; a <= most + 1e-9; a += most > 0.5 ? 0.2 : 0.1) {
      figure.append(svg("line", { x1: left, x2: width - right, y1: y(a), y2: y(a), class: "grid" }));
      figure.append(svg("text", { x: left - 6, y: y(a) + 4, "text-anchor": "end" }, `${Math.round(100 * a)}%`));
    }
    const doublings = Math.log2(high / low), step = 2 ** Math.max(1, Math.ceil(doublings / 8));
    for (let q = 2 ** Math.ceil(Math.log2(low)); q <= high; q *= step) figure.append(svg("text", { x: x(q), y: height - bottom + 18, "text-anchor": "middle" }, count(q)));
    figure.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, price === 1 ? "teacher calls (log scale)" : "budget, in answers (log scale)"));
    names.forEach((name, i) => {
      const line = (end) => budgets.map((q, k) => `${x(q).toFixed(1)},${y(end(lines[k].get(name))).toFixed(1)}`);
      const style = { fill: "none", stroke: looks[name].colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[i] };
      figure.append(svg("polygon", { points: [...line((c) => c.interval[0]), ...line((c) => c.interval[1]).reverse()].join(" "), fill: looks[name].colour, opacity: 0.13 }));
      figure.append(svg("polyline", { points: line((c) => c.accuracy).join(" "), ...style }));
    });
    for (const [name, q, values] of dots) {
      values.forEach((v) => figure.append(svg("circle", { cx: x(q), cy: y(v), r: 2, fill: looks[name].colour, opacity: 0.5 })));
      figure.append(svg("circle", { cx: x(q), cy: y(mean(values)), r: 4, fill: looks[name].colour, class: "measured" }));
    }
    figure.append(svg("line", { x1: x(asked), x2: x(asked), y1: top, y2: height - bottom, class: "asked" }));
    const made = element("figure"), caption = element("figcaption");
    names.forEach((name, i) => {
      const key = svg("svg", { width: 34, height: 10, "aria-hidden": "true" }), entry = element("span", "", { class: "entry" });
      key.append(svg("line", { x1: 0, x2: 34, y1: 5, y2: 5, stroke: looks[name].colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[i] }));
      entry.append(key, ` ${looks[name].label}`);
      caption.append(entry);
    });
    caption.append(`Lines: curves at ${count(shown)} seed questions, with ${Math.round(level * 100)}% intervals. Large dots: measured means at ${count(size)} seed questions; small dots: `
      + "replicates. Upright line: your budget. Grey: not tested.");
    made.append(figure, caption);
    return made;
  }

  function values() {
    const found = {};
    for (const [name, { least, most, whole, optional }] of Object.entries(FIELDS)) {
      const text = form[name].value.trim().replaceAll(",", ""), value = Number(text), error = document.getElementById(`${name}-error`);
      const wrong = optional && !text ? "" : !text || !Number.isFinite(value) ? `must be a number, got "${form[name].value}"`
        : value < least || value > most ? `must be ${count(least)} to ${count(most)}, got ${text}` : whole && !Number.isInteger(value) ? `must be a whole number, got ${text}` : "";
      error.textContent = wrong;
      form[name].toggleAttribute("aria-invalid", Boolean(wrong));
      if (wrong) form[name].setAttribute("aria-invalid", "true");
      found[name] = wrong ? NaN : text ? value : null;
    }
    return found;
  }

  async function show() {
    const { seeds, queries, price, dollars } = values();
    if ([seeds, queries, price].some(Number.isNaN) || Number.isNaN(dollars)) { said.textContent = ""; answer.replaceChildren(); return; }
    const id = form.task.value;
    await load(id);
    if (id !== form.task.value) return;
    const curves = loaded.get(id), first = choices(curves, seeds, queries, price);
    const why = first.find((c) => c.why)?.why, point = why ? nearest(curves, seeds, queries, price) : [seeds, queries];
    const found = why ? choices(curves, ...point, price) : first, [best] = found;
    const unit = price === 1 ? "teacher calls" : "answers", money = dollars ? ` ${count(queries)} calls cost $${count(queries * dollars)}.` : "";
    const lead = found.length > 1 ? `${label(best.strategy)} lead ${label(best.rival)} by ${points(best.lead)} points (${best.leadInterval.map(points).join(" to ")})` : `${label(best.strategy)} alone were tested`;
    said.textContent = why ? `Not tested: ${why}. No recommendation. At the nearest tested point, ${count(point[0])} seed questions and ${count(point[1])} ${unit}, ${lead}. `
        + `To measure your case: crossover pilot seeds.jsonl --test test.jsonl --queries ${Math.round(queries)}.${money}`
      : best.pBest >= clear || found.length === 1 ? `Buy ${label(best.strategy)}: ${found.length > 1 ? lead.replace(label(best.strategy), "they") : lead}.${money}` : `No clear winner: ${lead}.${money}`;
    answer.replaceChildren(table(found), chart(curves, seeds, queries, price));
    history.replaceState(null, "", `?${new URLSearchParams({ task: tasks.find((t) => t.id === id).task, seeds, queries, price, ...(dollars ? { dollars } : {}) })}`);
  }

  tasks.forEach(({ id, label: name }) => form.task.append(new Option(name, id)));
  const asked = new URLSearchParams(location.search);
  form.task.value = (tasks.find((t) => t.task === asked.get("task")) ?? tasks[0]).id;
  for (const [name, usual] of Object.entries({ seeds: "64", queries: "256", price: "1", dollars: "" })) form[name].value = asked.get(name) ?? usual;
  let wait;
  form.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(show, 400); });
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("advice-link").addEventListener("click", () => navigator.clipboard.writeText(location.href));
  show();
})();
