// The sample explorer: filters over shards that are loaded, as scripts, when they are asked for. Replies are shown as text only.
"use strict";
(() => {
  const { groups, verdicts, rights } = window.CROSSOVER_SAMPLES;
  const [TASK, STRATEGY, TEACHER, NUMBER, PARTS] = [0, 1, 2, 3, 4], PAGE = 20;
  const form = document.getElementById("explorer"), list = document.getElementById("explorer-samples");
  const count = document.getElementById("explorer-count"), more = document.getElementById("explorer-more");
  const loaded = new Map(), waiting = new Map();
  let found = [], shown = 0, asked = 0;

  window.crossoverSamples = (name, shard) => { loaded.set(name, shard); waiting.get(name)(); };
  const load = (name) => loaded.has(name) ? Promise.resolve() : new Promise((done, failed) => {
    waiting.set(name, done);
    const script = document.createElement("script");
    script.src = `_static/samples/${name}.js`;
    script.onerror = failed;
    document.head.append(script);
  });

  const element = (tag, text, name = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  // The words of `after` that no longest common subsequence with `before` holds, marked.
  function marked(before, after) {
    const a = before.split(/\s+/), b = after.split(/\s+/), paragraph = element("p", "");
    const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    for (let i = 0, j = 0; j < b.length; ) {
      const same = i < a.length && a[i] === b[j];
      if (!same && i < a.length && best[i + 1][j] >= best[i][j + 1]) { i++; continue; }
      paragraph.append(same ? b[j] : element("mark", b[j]), " ");
      if (same) i++;
      j++;
    }
    return paragraph;
  }

  function card([where, seed, question, answer, verdict, right]) {
    const made = element("article", "", "sample"), left = element("div", ""), bought = element("div", "");
    left.append(element("h3", "Seed question"), element("p", seed));
    bought.append(element("h3", question ? "Bought question" : "Bought answer"));
    if (question) bought.append(marked(seed, question));
    if (answer) bought.append(element("p", answer, "reply"));
    const said = rights[right] === "not known" ? [] : [`answer ${rights[right]}`];
    bought.append(element("p", [verdicts[verdict], ...said, where].join(" · "), "figure-files"));
    made.append(left, bought);
    return made;
  }

  function next() {
    list.append(...found.slice(shown, shown + PAGE).map(card));
    shown = Math.min(found.length, shown + PAGE);
    more.hidden = shown === found.length;
    count.textContent = `${found.length.toLocaleString("en")} samples, ${shown} shown`;
  }

  const fill = (name, values, all) => {
    const before = form[name].value, options = [...new Set(values)];
    form[name].replaceChildren(...(all ? [new Option(all, "")] : []), ...options.map((v) => new Option(v, v)));
    form[name].value = options.includes(before) ? before : all ? "" : options[0];
  };
  const chosen = (upTo) => groups.filter((g) => ["task", "strategy", "teacher"].slice(0, upTo).every((name, i) => g[i] === form[name].value));

  async function show() {
    fill("strategy", chosen(1).map((g) => g[STRATEGY]));
    fill("teacher", chosen(2).map((g) => g[TEACHER]));
    const turn = ++asked;
    const names = chosen(3).flatMap((g) => Array.from({ length: g[PARTS] }, (_, part) => `${g[NUMBER]}-${part}`));
    count.textContent = "Loading…";
    try { await Promise.all(names.map(load)); } catch { count.textContent = "The samples could not be loaded."; return; }
    if (turn !== asked) return;
    const words = form.words.value.trim().toLowerCase();
    found = names.flatMap((name) => loaded.get(name).rows.map(([where, seed, ...rest]) => [where, loaded.get(name).seeds[seed], ...rest]))
      .filter(([, seed, question, answer, verdict, right]) => (!form.verdict.value || verdicts[verdict] === form.verdict.value)
        && (!form.right.value || rights[right] === form.right.value)
        && (!words || `${seed} ${question} ${answer}`.toLowerCase().includes(words)));
    shown = 0;
    list.replaceChildren();
    next();
    history.replaceState(null, "", `?${new URLSearchParams(new FormData(form))}`);
  }

  fill("task", groups.map((g) => g[TASK]));
  fill("verdict", verdicts, "any");
  fill("right", rights, "any");
  const given = new URLSearchParams(location.search);
  for (const name of ["task", "strategy", "teacher", "verdict", "right", "words"]) {
    if (name === "strategy") fill("strategy", chosen(1).map((g) => g[STRATEGY]));
    if (name === "teacher") fill("teacher", chosen(2).map((g) => g[TEACHER]));
    const wanted = given.get(name) ?? { task: "Word problems", strategy: "New questions", teacher: "oracle" }[name];
    if (wanted && (name === "words" || [...form[name].options].some((o) => o.value === wanted))) form[name].value = wanted;
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", next);
  show();
})();
