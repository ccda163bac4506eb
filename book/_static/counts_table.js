// Reading a CSV of counts, as crossover/stats/counts.py does: every row is checked, impossible values are refused with row, column and
// value, and nothing is guessed.
"use strict";

function countsTable({ general, matrix, distinct }) {
  // ---- stats/counts.py --------------------------------------------------------------------------------------------------------------
  const NUMBERS = ["seed_size", "budget", "n_test", "n_correct", "accuracy", "score", "score_sd"];
  const REQUIRED = ["strategy", "seed_size", "budget", "n_test"], KNOWN = ["strategy", ...NUMBERS, "replicate", "task"];
  const WANTED = `Expected columns: ${REQUIRED.join(", ")} and n_correct, accuracy or score; optional: replicate, task.`;
  class Refused extends Error {}

  // Records of a CSV file: fields may be quoted, with quotes doubled.
  function records(text, delimiter) {
    const out = [[]], field = new RegExp(` *(?:"((?:[^"]|"")*)"([^${delimiter}\r\n]*)|([^${delimiter}\r\n]*))(\r\n|[${delimiter}\r\n]|$)`, "gy");
    for (let found; field.lastIndex < text.length && (found = field.exec(text)); ) {
      out.at(-1).push(found[1] === undefined ? found[3] : found[1].replaceAll('""', '"') + found[2]);
      if (found[4] !== delimiter) out.push([]);
    }
    return out;
  }

  function readCounts(text, where) {
    const header = text.split(/\r\n|\r|\n/).find((line) => line.trim());
    if (!header) throw new Refused(`${where}: the file is empty. ${WANTED}`);
    if (text.includes("\0")) throw new Refused(`${where}: holds binary data: save it as CSV in UTF-8`);
    const often = (mark) => header.split(mark).length, delimiter = [...",;\t|"].reduce((a, b) => (often(b) > often(a) ? b : a));
    const rows = records(text, delimiter).map((fields, i) => ({ fields, line: i + 1 })).filter((r) => r.fields.some((f) => f));
    const columns = rows.shift().fields.map((c) => c.trim().replaceAll('"', "").toLowerCase());
    while (columns.length && !columns.at(-1)) columns.pop();
    for (const { fields, line } of rows)
      if (fields.slice(columns.length).some((f) => f)) throw new Refused(`${where}: line ${line} has more fields than the header's ${columns.length}`);
    for (const name of KNOWN) {
      const times = columns.filter((c) => c === name).length;
      if (times > 1) throw new Refused(`${where}: column '${name}' appears ${times} times: keep one`);
    }
    const missing = REQUIRED.find((name) => !columns.includes(name)) ?? (["n_correct", "accuracy", "score"].some((c) => columns.includes(c)) ? null : "n_correct");
    if (missing) throw new Refused(`${where}: column '${missing}' is missing (row 1, the header). ${WANTED}`);
    if (!rows.length) throw new Refused(`${where}: there are column names but no rows. ${WANTED}`);
    const column = (name) => rows.map((r) => (r.fields[columns.indexOf(name)] ?? "").trim());
    const decimal = /^([+-]?\d*,(\d{1,2}|\d{4,})|[+-]?0,\d{3})$/;
    const commas = delimiter !== "," && NUMBERS.some((name) => columns.includes(name) && column(name).some((v) => decimal.test(v)));
    return validateCounts({ has: (name) => columns.includes(name), column }, where, rows.map((r) => r.line), commas);
  }

  function validateCounts({ has, column }, where, lines, decimalCommas) {
    const place = (row) => `row ${row + 1} (line ${lines[row]})`;
    const fail = (row, name, message) => {
      throw new Refused(`${where}: ${place(row)}, column '${name}': ${message}`);
    };
    const refuse = (bad, values, name, message) => {
      const row = bad.indexOf(true);
      if (row >= 0) fail(row, name, `${typeof values[row] === "number" ? general(values[row]) : `'${values[row]}'`}: ${message}`);
    };
    const [point, group] = decimalCommas ? [",", "\\."] : ["\\.", ","];
    function number(name, whole = false) {
      const texts = column(name), plain = texts.map((text) => text.replace(/(?<=\d)[\s\u00a0\u202f'’](?=\d{3})/g, ""));
      const thousand = new RegExp(`^[+-]?\\d{1,3}${point}\\d{3}$`), uniform = new Set(plain).size > 1 && plain.every((v) => new RegExp(`^[+-]?\\d+${point}000$`).test(v));
      const values = plain.map((text, row) => {
        if (["", "na", "nan", "none", "null", "<na>"].includes(text.toLowerCase())) fail(row, name, "missing");
        if (!["accuracy", "score", "score_sd"].includes(name) && thousand.test(text) && !uniform)
          fail(row, name, `'${texts[row]}' can be read in two ways: write whole numbers without separators`);
        let digits = text;
        if (decimalCommas) {
          if (new RegExp(`^[+-]?\\d{1,3}(${group}\\d{3})+(${point}\\d+)?$`).test(digits)) digits = digits.replaceAll(".", "");
          digits = digits.includes(".") ? "" : digits.replace(",", ".");
        }
        if (/^[+-]?inf(inity)?$/i.test(digits)) return digits.startsWith("-") ? -Infinity : Infinity;
        if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) fail(row, name, `'${texts[row]}': not a number (write 1000 and 0.85, not 1,000 or 85%)`);
        return Number(digits);
      });
      refuse(values.map((v) => !Number.isFinite(v)), texts, name, "missing or not finite");
      if (whole) refuse(values.map((v) => !Number.isInteger(v)), values, name, "a count is a whole number");
      return values;
    }
    const out = {};
    for (const [name, usual] of [["task", "task"], ["strategy", ""], ["replicate", "0"]]) {
      out[name] = has(name) ? column(name) : lines.map(() => usual);
      if (out[name].includes("")) fail(out[name].indexOf(""), name, "missing");
    }
    for (const [name, least, rule] of [["seed_size", 1, "a seed set has at least 1 question"], ["budget", 0, "a budget is positive, in teacher calls"],
      ["n_test", 1, "an accuracy needs at least 1 test item"]]) {
      out[name] = number(name, name === "n_test");
      refuse(out[name].map((v) => v < least), out[name], name, rule);
    }
    const bought = new Set(lines.map((_, i) => i).filter((i) => out.budget[i]).map((i) => `${out.strategy[i]}\0${out.task[i]}`));
    refuse(out.budget.map((b, i) => b === 0 && bought.has(`${out.strategy[i]}\0${out.task[i]}`)), out.budget, "budget",
      "a budget is positive; only a strategy that buys nothing has 0 throughout");
    if (has("score")) {
      out.n_correct = number("score").map((v, i) => v * out.n_test[i]);
      const spread = has("score_sd") ? number("score_sd") : lines.map(() => -1);
      refuse(spread.map((v) => v < 0), spread, "score_sd", "a score needs its spread over test items");
      out.item_variance = spread.map((v) => v * v);
    } else out.n_correct = correct(has, number, out.n_test, refuse, fail);
    const seen = new Map();
    lines.forEach((_, row) => {
      const key = ["task", "strategy", "seed_size", "budget", "replicate"].map((name) => out[name][row]).join("\0");
      const fix = has("replicate") ? "give each its own replicate" : "number the repeats in a column 'replicate'";
      const what = `strategy '${out.strategy[row]}', seed_size ${general(out.seed_size[row])}, budget ${general(out.budget[row])}, replicate '${out.replicate[row]}'`;
      if (seen.has(key)) fail(row, "replicate", `the same cell as ${place(seen.get(key))} (${what}): ${fix}, or keep one of the two`);
      seen.set(key, row);
    });
    return lines.map((_, row) => Object.fromEntries(Object.entries(out).map(([name, values]) => [name, values[row]])));
  }

  function correct(has, number, n, refuse, fail) {
    let fromAccuracy = null;
    if (has("accuracy")) {
      const accuracy = number("accuracy"), hint = accuracy.some((v) => v > 1 && v <= 100) ? "is it a percentage? " : "";
      refuse(accuracy.map((v) => v < 0 || v > 1), accuracy, "accuracy", `${hint}an accuracy lies between 0 and 1`);
      fromAccuracy = accuracy.map((v, i) => v * n[i]);
    }
    if (!has("n_correct")) return fromAccuracy;
    const found = number("n_correct", true);
    refuse(found.map((v) => v < 0), found, "n_correct", "a count is not negative");
    found.forEach((v, i) => v > n[i] && fail(i, "n_correct", `${general(v)} correct of ${general(n[i])} tested: more correct than tested`));
    if (fromAccuracy)
      refuse(found.map((v, i) => Math.abs(fromAccuracy[i] - v) > Math.max(0.006 * n[i], 0.51)), fromAccuracy.map((v, i) => v / n[i]), "accuracy",
        "does not agree with n_correct / n_test");
    return found;
  }

  function curveCounts(table) {
    const groups = new Map();
    for (const row of table) {
      const key = JSON.stringify([row.task, row.strategy, row.seed_size]);
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    const before = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const parts = [...groups.values()].sort(([a], [b]) => before(a.task, b.task) || before(a.strategy, b.strategy) || a.seed_size - b.seed_size);
    return parts.map((rows) => {
      const { task, strategy, seed_size: size } = rows[0], scores = "item_variance" in rows[0];
      const budgets = distinct(rows.map((r) => r.budget)).sort((a, b) => a - b), replicates = distinct(rows.map((r) => r.replicate)).sort();
      const [correct, tested, itemVariance] = [0, 1, 2].map(() => matrix(replicates.length, budgets.length, () => 0));
      for (const r of rows) {
        const [j, b] = [replicates.indexOf(r.replicate), budgets.indexOf(r.budget)];
        [correct[j][b], tested[j][b], itemVariance[j][b]] = [r.n_correct, r.n_test, r.item_variance];
      }
      return { task, strategy, size, ratios: budgets.map((b) => b / size), replicates, correct, tested, itemVariance: scores ? itemVariance : null,
        bounds: scores ? [-Infinity, Infinity] : [0, 1], buysNothing: budgets.length === 1 && budgets[0] === 0 };
    });
  }

  return { Refused, readCounts, curveCounts };
}
