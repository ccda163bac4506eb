// What `crossover fit`, `compare` and `advise` compute, for the page that advises: crossover.stats in JavaScript, equal to it in every
// printed digit. Each section names its Python module, where reasons and sources stand; functions keep their names.
"use strict";

/** @param settings level, clear, statuses, per_sample, order, repeats, fresh, and the states of numpy's generators: see book/advisor_page.py */
function crossoverStats(settings) {
  const { level, clear, statuses, per_sample: perSample, order, repeats: worth, fresh } = settings, tail = (1 - level) / 2;
  const { Generator, range, vector, matrix, sum, mean, clip, ascending, median, linspace, transpose, apply, pairs, distinct, dot, product, quantile, inverse,
    cholesky, svd, fdtrc, tQuantile, exactLog, fixed, general, grouped, short, percent, points, probability, withError, showInterval } = numerics();
  const { Refused, readCounts, curveCounts } = countsTable({ general, matrix, distinct });

  // ---- stats/noise.py ---------------------------------------------------------------------------------------------------------------
  function varianceComponents(counts) {
    const { correct, tested, itemVariance } = counts, J = tested.length, B = tested[0].length;
    const cells = (f) => matrix(J, B, (j, b) => (tested[j][b] ? f(j, b) : 0)), total = (A, b) => sum(A.map((row) => row[b]));
    const y = cells((j, b) => correct[j][b] / tested[j][b]), number = sum(tested.map((row) => row.filter(Boolean).length));
    const ofItem = range(B, (b) => {
      const p = (total(correct, b) + 1) / (total(tested, b) + 2);
      return itemVariance ? Math.max(total(itemVariance, b) / tested.filter((row) => row[b]).length, 1e-12) : p * (1 - p);
    });
    const sampling = cells((j, b) => ofItem[b] / tested[j][b]);
    let weight = cells((j, b) => 1 / sampling[j][b]);
    const [budgets, shifts] = additive(y, weight), df = J > 1 ? Math.max(number - B - (J - 1), 0) : 0;
    const scale = df ? sum(y.map((row, j) => sum(row.map((v, b) => weight[j][b] * (v - budgets[b] - shifts[j]) ** 2)))) / df : 1;
    const training = Math.max(0, ((scale - 1) * sum(sampling.map(sum))) / number);
    weight = cells((j, b) => 1 / (sampling[j][b] + training));
    const weights = weight.map(sum), raw = y.map((row, j) => sum(row.map((v, b) => weight[j][b] * (v - budgets[b]))) / weights[j]);
    const offsets = raw.map((v) => v - mean(raw));
    const replicate = J > 1 ? Math.max(0, dot(offsets, offsets) / (J - 1) - mean(weights.map((w) => 1 / w))) : 0;
    return assemble(counts, y, sampling, training, df, offsets, replicate);
  }

  function rescaled(noise, scale, df) {
    const seen = sum(noise.counts.tested.map((row) => row.filter(Boolean).length));
    const training = Math.max(0, ((scale - 1) * sum(noise.sampling.map(sum))) / seen);
    return { ...assemble(noise.counts, noise.y, noise.sampling, training, df, noise.offsets, noise.replicate) };
  }

  function additive(y, weight) {
    const column = (b, f) => sum(y.map((row, j) => f(row[b], j)));
    const levels = (shifts) => vector(y[0].length, (b) => column(b, (v, j) => weight[j][b] * (v - shifts[j])) / column(b, (_, j) => weight[j][b]));
    let shifts = new Float64Array(y.length);
    for (let step = 0; step < 200; step++) {
      const budgets = levels(shifts), raw = y.map((row, j) => sum(row.map((v, b) => weight[j][b] * (v - budgets[b]))) / sum(weight[j]));
      const next = raw.map((v) => v - mean(raw)), moved = Math.max(...next.map((v, j) => Math.abs(v - shifts[j])));
      shifts = next;
      if (moved < 1e-13) break;
    }
    return [levels(shifts), shifts];
  }

  function assemble(counts, y, sampling, training, cellDf, offsets, replicate) {
    const J = y.length, B = y[0].length, w = matrix(J, B, (j, b) => (counts.tested[j][b] ? 1 / (sampling[j][b] + training) : 0));
    const over = (f) => sum(range(J, f)), total = w.map(sum), kappa = total.map((t) => replicate / (1 + replicate * t));
    const raw = inverse(matrix(B, B, (a, b) => (a === b ? over((j) => w[j][a]) : 0) - over((j) => kappa[j] * w[j][a] * w[j][b])));
    const spread = matrix(B, B, (a, b) => (raw[a][b] + raw[b][a]) / 2), wy = w.map((row, j) => dot(row, y[j]));
    const means = apply(spread, vector(B, (b) => over((j) => w[j][b] * (y[j][b] - kappa[j] * wy[j]))));
    const loading = product(w.map((row, j) => row.map((v) => (1 - kappa[j] * total[j]) * v)), spread);
    const carried = (variance) => {
      const wwv = matrix(J, B, (j, b) => w[j][b] * w[j][b] * variance(j, b)), sums = wwv.map(sum);
      const middle = matrix(B, B, (a, b) => (a === b ? over((j) => wwv[j][a]) : 0)
        + over((j) => kappa[j] * (kappa[j] * w[j][a] * w[j][b] * sums[j] - wwv[j][a] * w[j][b] - w[j][a] * wwv[j][b])));
      return product(product(spread, middle), spread);
    };
    const fromSampling = carried((j, b) => sampling[j][b]), fromTraining = carried(() => training);
    const within = matrix(B, B, (a, b) => fromSampling[a][b] + fromTraining[a][b] - (J > 1 ? over((j) => (loading[j][a] * loading[j][b]) / total[j]) : 0));
    return { counts, y, means, whitener: inverse(cholesky(spread)), spread, sampling, training, cellDf, offsets, replicate, loading, fromSampling, fromTraining, within, J };
  }

  // Errors of the budget means of several curves, redrawn together: per curve an array of draws.
  function redraw(noises, draws, generator) {
    const groups = new Map(), out = [];
    noises.forEach((n, i) => {
      const key = JSON.stringify([n.counts.task, n.counts.size, n.counts.replicates]);
      groups.set(key, [...(groups.get(key) ?? []), i]);
    });
    for (const members of groups.values()) {
      const group = members.map((i) => noises[i]), J = group[0].J, nu = welchDf(group), starts = cumulative(group), N = starts.at(-1);
      const { right, values } = svd(joint(group)), roots = values.map(Math.sqrt);
      const root = matrix(2 * N, 2 * N, (a, b) => sum(range(2 * N, (k) => right[k][a] * roots[k] * right[k][b])));
      const z = range(draws, () => apply(root, vector(2 * N, () => generator.normal()))), ones = () => range(draws, () => 1);
      const shared = J > 1 ? range(draws, () => Math.sqrt((J - 1) / generator.chisquare(J - 1))) : ones();
      const own = Number.isFinite(nu) ? range(draws, () => Math.sqrt(nu / generator.chisquare(nu))) : ones();
      members.forEach((i, m) => {
        out[i] = z.map((row, d) => vector(group[m].means.length, (b) => row[starts[m] + b] * shared[d] + row[N + starts[m] + b] * own[d]));
      });
    }
    return out;
  }
  const cumulative = (group) => group.reduce((starts, n) => [...starts, starts.at(-1) + n.means.length], [0]);
  const sharedOffset = (group) => range(group[0].J, (j) => (group.length > 1 ? mean(group.map((n) => n.offsets[j])) : 0));

  function joint(group) {
    const J = group[0].J, M = group.length, starts = cumulative(group), N = starts.at(-1), out = matrix(2 * N, 2 * N, () => 0);
    if (J > 1) {
      const common = sharedOffset(group), parts = [...group.map(() => common), ...group.map((n) => n.offsets.map((v, j) => v - common[j]))];
      for (let a = 0; a < 2 * M; a++)
        for (let b = 0; b < 2 * M; b++) {
          const scale = dot(parts[a], parts[b]) / (J - 1), [A, B] = [group[a % M].loading, group[b % M].loading];
          const [row, column] = [a, b].map((k) => (k < M ? 0 : N) + starts[k % M]);
          for (let i = 0; i < A[0].length; i++)
            for (let k = 0; k < B[0].length; k++) out[row + i][column + k] = scale * sum(range(J, (j) => A[j][i] * B[j][k]));
        }
    }
    group.forEach((n, m) => n.within.forEach((row, i) => row.forEach((v, k) => (out[N + starts[m] + i][N + starts[m] + k] += v))));
    return out;
  }

  function welchDf(group) {
    const J = group[0].J, cells = (n) => sum(n.sampling.map(sum)) / (J * n.means.length);
    const shape = mean(group.map((n) => ((2 / n.means.length) * (cells(n) + n.training)) / J)), cellDf = sum(group.map((n) => n.cellDf)) || Infinity;
    if (J === 1) return cellDf;
    const common = sharedOffset(group), squares = sum(group.map((n) => sum(n.offsets.map((v, j) => (v - common[j]) ** 2))));
    const offset = squares / (J - 1) / Math.max(1, group.length - 1) / J, doubt = offset ** 2 / (J - 1) + shape ** 2 / cellDf;
    return doubt > 0 ? (offset + shape) ** 2 / doubt : Infinity;
  }

  // ---- stats/forms.py ---------------------------------------------------------------------------------------------------------------
  // A basis returns the values e at x and their derivatives in each theta.
  function exponential(x, [logTau]) {
    const z = x.map((v) => v * Math.exp(-logTau)), e = z.map((v) => Math.exp(-v));
    return [e, e.map((v, i) => z[i] * v)];
  }

  function powerLaw(x, [logRho, logAlpha]) {
    const ratio = x.map((v) => v * Math.exp(-logRho)), alpha = Math.exp(logAlpha), logs = ratio.map(Math.log1p), e = logs.map((v) => Math.exp(-alpha * v));
    return [e, e.map((v, i) => (alpha * v * ratio[i]) / (1 + ratio[i])), e.map((v, i) => -alpha * logs[i] * v)];
  }

  function rectified(x, [logRho, logBeta]) {
    const beta = Math.exp(logBeta), u = x.map((v) => beta * (Math.log(Math.max(v, 1e-300)) - logRho));
    const e = u.map((v) => 1 / (1 + Math.exp(clip(v, -700, 700))));
    return [e, e.map((v) => v * (1 - v) * beta), e.map((v, i) => -v * (1 - v) * u[i])];
  }

  const logRange = (x, below, above, n) => linspace(exactLog(Math.min(...x) / below), exactLog(Math.max(...x) * above), n);
  const everyPair = (first, second) => [...first].flatMap((a) => [...second].map((b) => [a, b]));
  const grid1 = (x) => [...logRange(x, 5, 20, 64)].map((t) => [t]);
  const grid2 = (low, high) => (x) => everyPair(logRange(x, 5, 20, 22), linspace(Math.log(low), Math.log(high), 14));
  const FORMS = {
    exponential: { size: 3, tied: false, basis: exponential, grid: grid1 },
    power_law: { size: 4, tied: false, basis: powerLaw, grid: grid2(0.1, 20) },
    rectified: { size: 4, tied: false, basis: rectified, grid: grid2(0.3, 6) },
    logistic: { size: 3, tied: true, basis: rectified, grid: grid2(0.1, 6) },
  };

  // ---- stats/variable_projection.py -------------------------------------------------------------------------------------------------
  // Best E and B of E - B e in bounds, and the fall in loss against a zero curve.
  function affine(a, center, c, u, v, bounded) {
    c = Math.max(c, 1e-300);
    const B = -v / c, flat = u / a, E = flat + B * center;
    if (!bounded || (B >= 0 && E >= 0 && E <= 1)) return [E, B, u * flat + (v * v) / c];
    const held = clip(flat, 0, 1);
    let best = [held, 0, 2 * u * held - a * held ** 2];
    for (const edge of [0, 1]) {
      const b = Math.max((a * center * edge - u * center - v) / (a * center ** 2 + c), 0), mu = edge - b * center;
      const gain = 2 * u * mu - a * mu ** 2 - c * b ** 2 - 2 * v * b;
      if (gain > best[2]) best = [edge, b, gain];
    }
    return best;
  }

  function tiedFit(along, square, bounded) {
    const free = along / Math.max(square, 1e-300), E = bounded ? clip(free, 0, 1) : free;
    return [E, E, E * (2 * along - E * square)];
  }

  class Problem {
    constructor(form, x, whitener, bounded) {
      Object.assign(this, { form, x, whitener, bounded, one: Float64Array.from(whitener, sum) });
      this.a = dot(this.one, this.one);
    }
    onGrid(grid) {
      const { one, a, form } = this;
      this.grid = grid.map((theta) => {
        const e = apply(this.whitener, form.basis(this.x, theta)[0]), center = form.tied ? 0 : dot(e, one) / a;
        const part = form.tied ? one.map((v, i) => v - e[i]) : e.map((v, i) => v - center * one[i]);
        return { theta, center, part, square: dot(part, part) };
      });
    }
    bestOnGrid(m) {
      const u = dot(m, this.one);
      let [best, most] = [0, -Infinity];
      this.grid.forEach(({ center, part, square }, i) => {
        const v = dot(m, part), gain = this.form.tied ? tiedFit(v, square, this.bounded)[2] : affine(this.a, center, square, u, v, this.bounded)[2];
        if (gain > most) [best, most] = [i, gain];
      });
      return best;
    }
    at(m, theta) {
      const { one, a, bounded } = this, [e, ...slopes] = this.form.basis(this.x, theta).map((z) => apply(this.whitener, z));
      let E, B;
      if (this.form.tied) {
        const s = one.map((v, i) => v - e[i]);
        [E, B] = tiedFit(dot(m, s), dot(s, s), bounded);
      } else {
        const center = dot(e, one) / a, u = dot(m, one), c = e.map((v, i) => v - center * one[i]);
        [E, B] = affine(a, center, dot(c, c), u, dot(m.map((v, i) => v - (u / a) * one[i]), c), bounded);
      }
      const residual = m.map((v, i) => v - E * one[i] + B * e[i]);
      return { E, B, e, slopes, residual, loss: dot(residual, residual) };
    }
    slope(m, logTau) {
      const { B, residual, slopes } = this.at(m, [logTau]);
      return B * dot(residual, slopes[0]);
    }
  }

  function rootOfSlope(problem, m, low, middle, high, tolerance) {
    let x = middle, side = 0;
    const g = problem.slope(m, x), falling = g < 0, other = problem.slope(m, falling ? high : low);
    let [a, b, ga, gb] = falling ? [x, high, g, other] : [low, x, other, g];
    if (!(ga < 0 && gb > 0)) return x;
    for (let step = 0; step < 80; step++) {
      const next = step % 8 === 7 ? (a + b) / 2 : (a * gb - b * ga) / (gb - ga), gn = problem.slope(m, next), moved = Math.abs(next - x), up = gn > 0;
      if (up && side > 0) ga /= 2;
      if (!up && side < 0) gb /= 2;
      [x, side] = [next, up ? 1 : -1];
      if (up) [b, gb] = [next, gn];
      else [a, ga] = [next, gn];
      if (moved <= tolerance || gn === 0) break;
    }
    return x;
  }

  function dampedSteps(problem, m, theta, low, high, steps) {
    let damping = 1e-2, here = problem.at(m, theta);
    for (let step = 0; step < steps; step++) {
      const [p, q] = projected(problem, here), a = dot(p, p), b = dot(p, q), d = dot(q, q), extra = 1e-14 * (a + d) + 1e-300;
      const [A, D] = [a + damping * a + extra, d + damping * d + extra], [u, v] = [dot(p, here.residual), dot(q, here.residual)], det = A * D - b * b;
      const move = [-(D * u - b * v) / det, -(A * v - b * u) / det], next = theta.map((t, k) => clip(t + clip(move[k], -1, 1), low[k], high[k]));
      const there = problem.at(m, next), good = there.loss <= here.loss, change = Math.max(...next.map((t, k) => Math.abs(t - theta[k])));
      damping = clip(good ? damping / 5 : damping * 4, 1e-12, 1e8);
      if (good) [theta, here] = [next, there];
      if (good && change < 1e-13) break;
    }
    return theta;
  }

  function projected({ one, a, form, bounded }, { E, B, e, slopes }) {
    const away = (z, along, weight) => { // less its part along a vector
      const part = weight * dot(along, z);
      return z.map((v, i) => v - along[i] * part);
    };
    const jacobian = slopes.map((z) => z.map((v) => B * v));
    if (form.tied) {
      const s = one.map((v, i) => v - e[i]);
      return E < 1 || !bounded ? jacobian.map((z) => away(z, s, 1 / Math.max(dot(s, s), 1e-300))) : jacobian;
    }
    const pinned = bounded && (E <= 0 || E >= 1), c = pinned ? e : away(e, one, 1 / a), weight = B > 0 ? 1 / Math.max(dot(c, c), 1e-300) : 0;
    return jacobian.map((z) => away(pinned ? z : away(z, one, 1 / a), c, weight));
  }

  // Fits of a form to every row of data: arrays E, B, theta, loss, and edge (-1 or 1 where theta stopped at an end of its range).
  function solve(form, x, data, whitener, bounded, tolerance = 1e-10, steps = 60) {
    const problem = new Problem(form, x, whitener, bounded), grid = form.grid(x), out = { E: [], B: [], theta: [], loss: [], edge: [] };
    const ends = (pick) => grid[0].map((_, k) => pick(...grid.map((theta) => theta[k]))), [low, high] = [ends(Math.min), ends(Math.max)];
    problem.onGrid(grid);
    for (const row of data) {
      const m = apply(whitener, row), best = problem.bestOnGrid(m), around = (k) => grid[clip(best + k, 0, grid.length - 1)][0];
      const theta = low.length === 1 ? [rootOfSlope(problem, m, around(-1), around(0), around(1), tolerance)] : dampedSteps(problem, m, grid[best], low, high, steps);
      const { E, B, loss } = problem.at(m, theta);
      [E, B, theta, loss, Number(theta[0] >= high[0] - 1e-9) - Number(theta[0] <= low[0] + 1e-9)].forEach((v, k) => Object.values(out)[k].push(v));
    }
    return out;
  }
  const predict = (form, fit, d, x) => form.basis(x, fit.theta[d])[0].map((e) => fit.E[d] - fit.B[d] * e);

  // ---- stats/flexible.py ------------------------------------------------------------------------------------------------------------
  const BEYOND = 16, LENGTHS = [0.5, 2], STEEPNESS = [0.5, 1, 2, 4, 8, 16], TAKE_OFF = 0.25, NUGGET = 3e-4;
  const SCALES = [[0, 0.5], [1 / 32, 0.15], [1 / 16, 0.15], [1 / 8, 0.1], [1 / 4, 0.07], [1 / 2, 0.03]]; // with their prior weights
  const DEPARTURES = SCALES.flatMap(([scale, prior], i) => (i ? LENGTHS.map((_, k) => ({ scale, length: k, prior: prior / 2 })) : [{ scale, length: 0, prior }]));

  const trendAt = ({ where, steepness }, t) =>
    steepness === 0 ? -Math.expm1(-Math.exp(Math.min(t - where, 50))) : 1 / (1 + Math.exp(clip(-steepness * (t - where), -50, 50)));

  // Linear interpolation between knots: the lower of two neighbours, and its weight.
  function hat(knots, t) {
    const step = knots[1] - knots[0], inside = clip(t, knots[0], knots.at(-1)), k = clip(Math.floor((inside - knots[0]) / step), 0, knots.length - 2);
    return [k, clip(1 - (inside - knots[k]) / step, 0, 1)];
  }
  const between = (values, [k, weight]) => weight * values[k] + (1 - weight) * values[k + 1];

  function fitFlexible(noises, errors, taus, generator) {
    const out = [];
    for (const name of distinct(noises.map((n) => n.counts.strategy))) {
      const members = range(noises.length, (i) => i).filter((i) => noises[i].counts.strategy === name), group = members.map((i) => noises[i]);
      const unit = Math.max(...group.map((n) => Math.max(Math.max(...n.means) - Math.min(...n.means), 2 * Math.sqrt(Math.max(...n.sampling.flatMap((row) => [...row]))))));
      const curves = members.map((i) => new Posterior(noises[i], unit, taus[i])), prior = pooledPrior(curves.map((c) => c.logEvidence));
      members.forEach((i, k) => (out[i] = curves[k].draw(prior, errors[i], generator, noises[i].counts.bounds)));
    }
    return out;
  }

  function pooledPrior(logEvidence) {
    const evidence = logEvidence.map((row) => row.map((v) => Math.exp(v - Math.max(...row))));
    let weight = DEPARTURES.map((d) => d.prior);
    for (let step = 0; step < 50; step++) {
      const shares = evidence.map((row) => row.map((v, p) => v * weight[p])), totals = shares.map(sum);
      const next = weight.map((_, p) => 2 * DEPARTURES[p].prior + sum(shares.map((row, i) => row[p] / totals[i])));
      weight = next.map((v) => v / sum(next));
    }
    return weight;
  }

  class Posterior {
    constructor(n, unit, taus) {
      const t = n.counts.ratios.map(exactLog), y = n.means, B = t.length, step = median(t.slice(1).map((v, i) => v - t[i])), far = exactLog(BEYOND);
      const start = t[0] - far - step / 2, stop = t.at(-1) + far + step;
      this.knots = vector(Math.ceil((stop - start) / (step / 2)), (i) => start + i * (start + step / 2 - start));
      this.hats = t.map((v) => hat(this.knots, v));
      [this.trends, this.trendPrior] = trendGrid(t, taus);
      this.phi = this.trends.map((trend) => Float64Array.from(t, (v) => trendAt(trend, v)));
      this.kernels = LENGTHS.map((factor) => matrix(this.knots.length, this.knots.length, (i, j) => matern(this.knots[i] - this.knots[j], step * factor)));
      this.atData = this.kernels.map((kernel) => kernel.map((row) => Float64Array.from(this.hats, (h) => between(row, h)))); // (K, B)
      Object.assign(this, { y, v0: (4 * unit) ** 2, v1: (2 * unit) ** 2, m1: unit, m0: mean(y) - unit / 2, scales: DEPARTURES.map((d) => d.scale * unit) });
      const inner = this.atData.map((A) => this.hats.map((h) => vector(B, (b) => between(A.map((row) => row[b]), h)))), C = this.trends.length;
      const residuals = this.phi.map((phi) => y.map((v, b) => v - this.m0 - this.m1 * phi[b]));
      this.parts = DEPARTURES.map(({ scale, length }, p) => {
        const nugget = (NUGGET * unit) ** 2;
        const base = matrix(B, B, (i, j) => this.v0 + n.spread[i][j] + (i === j ? nugget : 0) + this.scales[p] ** 2 * inner[length][i][j]);
        const inverted = inverse(base), logDet = 2 * sum(cholesky(base).map((row, i) => Math.log(row[i])));
        const loaded = this.phi.map((phi) => apply(inverted, phi)), stiffness = loaded.map((l, c) => this.v1 / (1 + this.v1 * dot(l, this.phi[c])));
        const logWeight = new Float64Array(C), solved = residuals.map((residual, c) => {
          const raw = apply(inverted, residual), along = dot(loaded[c], residual), misfit = dot(raw, residual) - stiffness[c] * along ** 2;
          const possible = scale >= 0.999 / 8 || this.trends[c].steepness === 0; // a take-off comes with a departure
          logWeight[c] = possible ? Math.log(this.trendPrior[c]) - (misfit + Math.log(this.v1 / stiffness[c])) / 2 - logDet / 2 : -Infinity;
          return raw.map((v, b) => v - stiffness[c] * along * loaded[c][b]);
        });
        const top = Math.max(...logWeight), weights = logWeight.map((v) => Math.exp(v - top)), total = sum(weights);
        return { inverted, loaded, stiffness, solved, logEvidence: Math.log(total) + top, weights: weights.map((w) => w / total) };
      });
      this.logEvidence = this.parts.map((part) => part.logEvidence);
    }

    draw(prior, errors, generator, bounds) {
      const { knots, trends, hats, phi, scales, parts, v0, v1, y, atData } = this, top = Math.max(...this.logEvidence), D = errors.length, B = y.length;
      const departure = prior.map((v, p) => v * Math.exp(this.logEvidence[p] - top)), all = sum(departure);
      const weights = parts.map((part, p) => part.weights.map((w) => (w * departure[p]) / all));
      const carried = parts.map((part, p) => part.solved.map((z, c) => z.map((v) => v * weights[p][c]))), over = (f) => sum(parts.map((_, p) => f(p)));
      const byPart = carried.map((rows) => vector(B, (b) => sum(rows.map((row) => row[b]))));
      const meanLevel = this.m0 + v0 * sum(byPart.map(sum));
      const meanGains = trends.map((_, c) => over((p) => weights[p][c]) * this.m1 + v1 * over((p) => dot(carried[p][c], phi[c])));
      const byLength = LENGTHS.map((_, k) => vector(B, (b) => over((p) => (DEPARTURES[p].length === k ? scales[p] ** 2 * byPart[p][b] : 0))));
      const meanDeparture = vector(knots.length, (i) => sum(atData.map((A, k) => dot(A[i], byLength[k]))));

      const chosen = generator.choice(weights.flatMap((row) => [...row]), D).map((i) => [Math.floor(i / trends.length), i % trends.length]);
      const level = vector(D, () => this.m0 + Math.sqrt(v0) * generator.normal()), gain = vector(D, () => this.m1 + Math.sqrt(v1) * generator.normal());
      const roots = this.kernels.map((kernel) => cholesky(kernel.map((row, i) => row.map((v, j) => v + (i === j ? 1e-9 : 0)))));
      const departures = chosen.map(([p, c], d) => {
        const { inverted, loaded, stiffness } = parts[p], { length } = DEPARTURES[p], normal = vector(knots.length, () => generator.normal());
        const g = vector(knots.length, (i) => (scales[p] ? scales[p] * dot(roots[length][i].subarray(0, i + 1), normal) : 0));
        const rest = vector(B, (b) => y[b] + errors[d][b] - level[d] - gain[d] * phi[c][b] - between(g, hats[b]));
        const along = stiffness[c] * dot(loaded[c], rest), r = apply(inverted, rest).map((v, b) => v - along * loaded[c][b]);
        level[d] += v0 * sum(r);
        gain[d] += v1 * dot(phi[c], r);
        return g.map((v, i) => v + scales[p] ** 2 * dot(atData[length][i], r));
      });
      const drawn = chosen.map(([, c]) => trends[c]);
      return {
        mean: (ratio) => {
          const t = Math.log(ratio);
          return clip(meanLevel + sum(meanGains.map((v, c) => v * trendAt(trends[c], t))) + between(meanDeparture, hat(knots, t)), ...bounds);
        },
        draws: (ratio) => {
          const t = Math.log(ratio), h = hat(knots, t);
          return vector(D, (d) => clip(trendAt(drawn[d], t) * gain[d] + between(departures[d], h) + level[d], ...bounds));
        },
      };
    }
  }

  function trendGrid(t, taus) {
    const coarse = linspace(t[0] - exactLog(5), t.at(-1) + exactLog(20), 20), sorted = ascending(taus);
    const ends = [0.02, 0.98].map((q) => clip(quantile(sorted, q), coarse[0], coarse.at(-1)));
    const where = distinct([...coarse, ...linspace(...ends, 12)]).sort((a, b) => a - b), last = where.length - 1;
    const mass = where.map((v, i) => Math.max((where[Math.min(i + 1, last)] - where[Math.max(i - 1, 0)]) / (i === 0 || i === last ? 1 : 2), 1e-9));
    const takeOffs = everyPair(linspace(t[0], t.at(-1), 25), STEEPNESS), total = sum(mass);
    return [
      [...where.map((v) => ({ where: v, steepness: 0 })), ...takeOffs.map(([v, steepness]) => ({ where: v, steepness }))],
      [...mass.map((v) => (v / total) * (1 - TAKE_OFF)), ...takeOffs.map(() => TAKE_OFF / takeOffs.length)],
    ];
  }

  function matern(distance, length) {
    const z = (Math.sqrt(3) * Math.abs(distance)) / length;
    return (1 + z) * Math.exp(-z);
  }

  // ---- stats/curves.py --------------------------------------------------------------------------------------------------------------
  function fitTable(table, draws) {
    const form = FORMS.exponential, fitted = curveCounts(table).map(varianceComponents).map((n) => pointOf(form, n));
    const noises = fitted.map(([n]) => n), errors = redraw(noises, draws, new Generator(settings.generators.redraw));
    const curves = fitted.map(([noise, point], i) => {
      const { counts } = noise, shape = point && predict(form, point, 0, counts.ratios);
      const boots = point && solve(form, counts.ratios, errors[i].map((e) => shape.map((v, b) => v + e[b])), noise.whitener, !counts.itemVariance, 1e-6, 15);
      const curve = { ...counts, counts, noise, point, boots, flexible: null, range: counts.buysNothing ? [0, Infinity] : [counts.ratios[0], counts.ratios.at(-1)] };
      if (counts.buysNothing) {
        const values = Float64Array.from(errors[i], (e) => clip(noise.means[0] + e[0], ...counts.bounds));
        curve.flexible = { mean: () => noise.means[0], draws: () => values };
      }
      return Object.assign(curve, summary(form, curve));
    });
    for (const task of distinct(curves.map((c) => c.task))) {
      const members = range(curves.length, (i) => i).filter((i) => curves[i].task === task && curves[i].point), of = (f) => members.map(f);
      const taus = of((i) => curves[i].boots.theta.map(([v]) => v));
      const found = fitFlexible(of((i) => noises[i]), of((i) => errors[i]), taus, new Generator(settings.generators.flexible));
      members.forEach((i, k) => (curves[i].flexible = found[k]));
    }
    return curves;
  }

  const pointFit = (form, n) => (n.means.length < 3 ? null : solve(form, n.counts.ratios, [n.means], n.whitener, !n.counts.itemVariance));

  function pointOf(form, n) {
    const point = pointFit(form, n), df = n.means.length - form.size;
    if (!point || n.J > 1 || df <= 0) return [n, point];
    const widened = rescaled(n, point.loss[0] / df, df);
    return [widened, pointFit(form, widened)];
  }

  function summary(form, { counts, noise, point, boots }) {
    const empty = { E: null, B: null, tau: null, ratio90: null, E_error: null, B_error: null, tau_error: null };
    if (!point) {
      const status = counts.buysNothing ? "level" : "too_few_budgets";
      return { ...empty, status, message: statuses[status] };
    }
    const [E, B, tau] = [point.E[0], point.B[0], Math.exp(point.theta[0][0])], still = B === 0, taus = boots.theta.map(([v]) => Math.exp(v));
    const error = (values) => {
      const sorted = ascending(values);
      return (quantile(sorted, 0.8413) - quantile(sorted, 0.1587)) / 2;
    };
    const share = (held) => held.filter(Boolean).length / held.length, flat = share(boots.B.map((v) => v === 0));
    const [openLow, openHigh] = [-1, 1].map((side) => share(boots.edge.map((v) => v === side)) + flat > tail);
    const found = { ...empty, E, E_error: error(boots.E), ...statusOf(form, noise, point, taus, openHigh) };
    if (point.edge[0] >= 0 || still) Object.assign(found, { B, B_error: error(boots.B) });
    if (found.status !== "flat" && !still) Object.assign(found, { tau, tau_error: openLow || openHigh ? null : error(taus), ratio90: tau * Math.log(10) });
    return found;
  }

  function statusOf(form, n, point, taus, openHigh) {
    const notes = [], df = n.cellDf || 1e6, [E, B, loss] = [point.B[0], point.B[0], point.loss[0]], free = n.means.length - (B === 0 ? 1 : form.size);
    if (point.edge[0] < 0 && B > 0) notes.push("what rise there is, is over by the first budget: add smaller budgets to see B and tau");
    if (n.J === 1) notes.push("one replicate: the effect of the seed set cannot be seen, and the intervals leave it out");
    const one = Float64Array.from(n.whitener, sum), m = apply(n.whitener, n.means), gain = dot(m, m) - dot(one, m) ** 2 / dot(one, one) - loss;
    const largest = n.counts.ratios.at(-1), ends = openHigh || Math.exp(point.theta[0][0]) > largest || quantile(ascending(taus), 0.95) > 5 * largest;
    let status = ends ? "asymptote_not_identified" : "ok";
    if (n.means.length < 4) status = "too_few_budgets";
    else if (n.J > 1 && free > 0 && fdtrc(free, df, loss / free) < 0.01) {
      status = "lack_of_fit";
      if (B === 0) notes.unshift("accuracy falls as the budget grows, which no curve of this kind can follow");
    } else if (fdtrc(2, df, Math.max(gain, 0) / 2) > 0.1 || B === 0) status = "flat";
    return { status, message: [statuses[status], ...notes].filter(Boolean).join("; ") };
  }

  function akaike(n, form, fit) {
    const k = form.size, N = sum(n.counts.tested.map((row) => row.filter(Boolean).length));
    return N - k - 1 > 0 ? fit.loss[0] + 2 * k + (2 * k * (k + 1)) / (N - k - 1) : null;
  }

  // ---- stats/crossovers.py: sign changes --------------------------------------------------------------------------------------------------------
  function signChanges(logs, values, difference) {
    const sign = values.map((v) => (Math.abs(v) < 1e-5 ? 0 : Math.sign(v))), known = range(sign.length, (i) => i).filter((i) => sign[i]);
    return known.slice(1).map((b, i) => [known[i], b]).filter(([a, b]) => sign[a] !== sign[b])
      .map(([a, b]) => [bisect(difference, logs[a], logs[b], sign[b]), sign[b] > 0]);
  }

  function bisect(difference, low, high, signHigh) {
    for (let round = 0; round < 6; round++) {
      const t = linspace(low, high, 65);
      let k = 0;
      while (k < 63 && Math.sign(difference(t[k + 1])) !== signHigh) k++;
      [low, high] = [t[k], t[k + 1]];
    }
    return (low + high) / 2;
  }

  function betweenDecided(logs, positive, found) {
    const decided = positive.map((p) => (p >= 1 - tail ? 1 : p <= tail ? -1 : 0)), known = range(logs.length, (i) => i).filter((i) => decided[i]), kept = [];
    known.slice(1).forEach((j, k) => {
      const i = known[k], gap = found.filter(([root, up]) => logs[i] <= root && root <= logs[j] && up === decided[j] > 0);
      if (decided[i] !== decided[j] && gap.length) kept.push(gap[Math.floor(gap.length / 2)]);
    });
    return kept.length ? kept : found;
  }

  // Share of draws that change sign along the ratios (one array of draws for each).
  function crossingProbability(rows) {
    const D = rows[0].length;
    let crossing = 0;
    for (let d = 0; d < D; d++) if (rows.some((row) => row[d] > 0) && rows.some((row) => row[d] < 0)) crossing++;
    return crossing / D;
  }

  function openRegion(logs, positive, at) {
    const depth = positive.map((p) => Math.min(p, 1 - p) - tail), n = logs.length, k = clip(logs.findIndex((v) => v >= at) < 0 ? n : logs.findIndex((v) => v >= at), 1, n - 1);
    return [[-1, k - 1], [1, k]].map(([step, start]) => {
      let i = start;
      while (i >= 0 && i < n && depth[i] >= 0) i += step;
      if (i < 0 || i >= n) return null;
      if (i === start) return Math.exp(Math.abs(logs[i] - at) < 1e-12 ? at : (logs[i] + at) / 2);
      const inner = i - step;
      return Math.exp(logs[inner] + (depth[inner] / (depth[inner] - depth[i])) * (logs[i] - logs[inner]));
    });
  }

  function nearestRegion(logs, positive, inside) {
    const open = range(logs.length, (i) => i).filter((i) => Math.min(positive[i], 1 - positive[i]) >= tail);
    if (!open.length) return [null, null];
    const first = inside.indexOf(true), last = inside.lastIndexOf(true), distance = (i) => Math.max(first - i, i - last, 0);
    return openRegion(logs, positive, logs[open.reduce((a, b) => (distance(b) < distance(a) ? b : a))]);
  }

  // ---- stats/lead.py ----------------------------------------------------------------------------------------------------------------
  const inOrder = (names) => [...order.filter((s) => names.includes(s)), ...distinct(names).filter((s) => !order.includes(s)).sort()];

  function findLeads(curves) {
    return distinct(curves.map((c) => c.task)).sort().flatMap((task) => pairs(inOrder(curves.map((c) => c.strategy))).flatMap((names) => {
      const sizes = distinct(curves.filter((c) => c.task === task).map((c) => c.size)); // as the groups of fits come
      const pick = (size, name) => curves.find((c) => c.task === task && c.size === size && c.strategy === name && c.flexible);
      return sizes.map((size) => names.map((name) => pick(size, name))).filter(([a, b]) => a && b && commonRatios(a, b).length).map(([a, b]) => lead(a, b));
    }));
  }

  function lead(a, b) {
    const low = Math.max(a.range[0], b.range[0]), top = Math.min(a.range[1], b.range[1]), high = Math.max(top, low * 1.0001);
    const ratios = linspace(Math.log10(low), Math.log10(high), 121).map((v, i) => (i === 0 ? low : i === 120 ? high : 10 ** v)); // geomspace
    const held = [...ratios].map((r) => {
      const first = a.flexible.draws(r), sorted = b.flexible.draws(r).map((v, d) => v - first[d]).sort();
      return quantile(sorted, tail) <= 0 && quantile(sorted, 1 - tail) >= 0;
    });
    const tested = commonRatios(a, b), points = tested.map((r) => ({ ratio: r, ...paired(a, b, r) })), bands = [];
    held.forEach((yes, i) => {
      if (yes && !held[i - 1]) bands.push([ratios[i], ratios[i]]);
      if (yes) bands.at(-1)[1] = ratios[i];
    });
    return { task: a.task, first: a.strategy, second: b.strategy, size: a.size, points, bands, brackets: brackets(points) };
  }

  function brackets(points) {
    const known = points.filter((p) => p.lead !== 0);
    return known.slice(1).map((p, i) => [known[i], p]).filter(([p, q]) => Math.sign(p.lead) !== Math.sign(q.lead)).map(([p, q]) => [p.ratio, q.ratio]);
  }

  function commonRatios(a, b) {
    const [first, second] = [a, b].map((c) => (c.buysNothing ? [] : c.ratios.map((r) => Number(r.toPrecision(12)))));
    const tested = first.length && second.length ? first.filter((r) => second.includes(r)) : first.length ? first : second;
    return tested.filter((r) => sharedReplicates(a, b, r).length);
  }

  function cellsAt(c, ratio) {
    const near = (k) => Math.abs(c.ratios[k] - ratio), k = c.buysNothing ? 0 : range(c.ratios.length, (i) => i).reduce((x, z) => (near(z) < near(x) ? z : x));
    const there = range(c.replicates.length, (j) => j).filter((j) => c.tested[j][k]);
    return new Map(there.map((j) => [c.replicates[j], [c.correct[j][k] / c.tested[j][k], c.noise.sampling[j][k]]]));
  }
  const sharedReplicates = (a, b, ratio) => [...cellsAt(a, ratio).keys()].filter((name) => cellsAt(b, ratio).has(name)).sort();

  function paired(a, b, ratio) {
    const [first, second] = [cellsAt(a, ratio), cellsAt(b, ratio)], names = sharedReplicates(a, b, ratio), J = names.length;
    const d = names.map((r) => second.get(r)[0] - first.get(r)[0]), center = mean(d);
    const ofItems = (mean(names.map((r) => first.get(r)[1])) + mean(names.map((r) => second.get(r)[1]))) / J;
    const spread = J > 1 ? sum(d.map((v) => (v - center) ** 2)) / (J - 1) / J : 0;
    const units = spread > ofItems ? tQuantile(1 - tail, J - 1) : settings.normal_quantile, half = units * Math.sqrt(Math.max(spread, ofItems));
    return { lead: center, low: center - half, high: center + half, replicates: J };
  }

  // ---- stats/crossovers.py -----------------------------------------------------------------------------------------------------
  function sensitivity(noise, form, fit, ratio) {
    const [E, B, theta] = [fit.E[0], fit.B[0], fit.theta[0]], [low, high] = noise.counts.bounds, columns = (x) => {
      const [e, ...slopes] = form.basis(x, theta), ones = x.map(() => 1);
      return B !== 0 ? [...(E > low && E < high ? [ones] : []), e.map((v) => -v), ...slopes.map((z) => z.map((v) => -B * v))] : [ones];
    };
    const { left, right, values } = svd(transpose(columns(noise.counts.ratios).map((z) => apply(noise.whitener, z)))), least = 1e-10 * Math.max(...values);
    const at = columns([ratio]).map(([v]) => v), W = transpose(noise.whitener);
    const parts = values.map((s, k) => (s > least ? sum(at.map((v, i) => v * right[k][i])) / s ** 2 : 0));
    return apply(W, vector(W.length, (i) => sum(parts.map((v, k) => v * left[k][i]))));
  }

  function varianceShares(pair, form, ratio, byForm, weight) {
    const noises = pair.map((c) => c.noise), [[a0, a1], [b0, b1]] = pair.map((c) => predict(form, c.point, 0, [-1e-4, 1e-4].map((s) => ratio * Math.exp(s))));
    const slope = (b1 - a1 - (b0 - a0)) / 2e-4;
    if (slope === 0) return null;
    const H = pair.map((c) => sensitivity(c.noise, form, c.point, ratio).map((v) => v / slope)), moved = noises.map((n, k) => apply(n.loading, H[k]));
    const both = (part) => sum(noises.map((n, k) => dot(H[k], apply(n[part], H[k])))), [p, q] = noises;
    let replicates = sum(noises.map((n, k) => n.replicate * dot(moved[k], moved[k])));
    if (p.J > 1 && p.counts.replicates.join("\0") === q.counts.replicates.join("\0")) {
      const limit = Math.sqrt(p.replicate * q.replicate);
      replicates -= 2 * dot(moved[0], moved[1]) * clip(dot(p.offsets, q.offsets) / (p.J - 1), -limit, limit);
    }
    const names = Object.keys(byForm).filter((name) => byForm[name].length), w = names.map((name) => weight[name]);
    const far = (v) => Math.abs(v - Math.log(ratio)), logs = names.map((name) => byForm[name].map(Math.log).reduce((x, z) => (far(z) < far(x) ? z : x)));
    const center = sum(w) > 0 ? dot(w, logs) / sum(w) : 0, spread = sum(w) > 0 ? sum(logs.map((v, i) => w[i] * (v - center) ** 2)) / sum(w) : 0;
    const parts = { "test set": both("fromSampling"), replicates: Math.max(replicates, 0), training: both("fromTraining"), "functional form": spread };
    const total = sum(Object.values(parts));
    return total > 0 ? Object.fromEntries(Object.entries(parts).map(([name, v]) => [name, percent(v / total)])) : null;
  }

  // ---- stats/crossovers.py ----------------------------------------------------------------------------------------------------------
  function groupsOf(curves) {
    const groups = new Map();
    for (const c of curves) groups.set(`${c.task}\0${c.size}`, [...(groups.get(`${c.task}\0${c.size}`) ?? []), c]);
    return [...groups.values()];
  }
  const findCrossovers = (curves) => groupsOf(curves).flatMap((members) => pairs(members.filter((c) => !c.buysNothing)).map(([a, b]) => crossover(a, b)));

  function crossover(a, b) {
    const low = Math.max(a.range[0], b.range[0]), high = Math.min(a.range[1], b.range[1]), about = { task: a.task, size: a.size, tested: [low, high] };
    const nothing = { ...about, first: a.strategy, second: b.strategy, status: "undetermined", ratio: null, interval: [null, null], exists: null, inRange: null };
    if (low >= high) return { ...nothing, message: "the two were not run at overlapping budgets" };
    if (!a.flexible || !b.flexible) return { ...nothing, message: "a curve has too few budgets to be fitted" };
    const logs = linspace(Math.log(low / BEYOND), Math.log(high * BEYOND), 193), ratios = logs.map(Math.exp);
    const gap = (t) => b.flexible.mean(Math.exp(t)) - a.flexible.mean(Math.exp(t)), point = logs.map(gap);
    const draws = [...ratios].map((r) => {
      const first = a.flexible.draws(r);
      return b.flexible.draws(r).map((v, d) => v - first[d]);
    });
    const positive = Float64Array.from(draws, (row) => sum(row.map((v) => (v > 0 ? 1 : v === 0 ? 0.5 : 0))) / row.length);
    const inside = [...ratios].map((r) => r >= low * (1 - 1e-12) && r <= high * (1 + 1e-12)), sure = positive.filter((_, i) => inside[i]);
    const names = [a.strategy, b.strategy], exists = crossingProbability(draws);
    const crossings = betweenDecided(logs, positive, signChanges(logs, point, gap)).map(([root, rising]) => {
      const ratio = Math.exp(root);
      return { ratio, interval: openRegion(logs, positive, root), leader: names[Number(rising)], inside: low <= ratio && ratio <= high };
    });
    const within = crossings.filter((c) => c.inside), far = (c) => Math.max(low / c.ratio, c.ratio / high);
    const chosen = within[0] ?? (crossings.length ? crossings.reduce((x, z) => (far(z) < far(x) ? z : x)) : null);
    const [status, side] = crossoverStatus(chosen, within, sure, low, high, exists), ahead = mean(sure) > 0.5 ? names : [...names].reverse();
    let [pair, interval] = [[...ahead].reverse(), [null, null]];
    if (status !== "none" && chosen) [pair, interval] = [chosen.leader === names[1] ? names : [...names].reverse(), chosen.interval];
    else if (status !== "none") {
      const behind = mean(point.filter((_, i) => inside[i])) <= 0 ? names : [...names].reverse();
      [pair, interval] = [side === "above" ? [...ahead].reverse() : side === "below" ? ahead : behind, nearestRegion(logs, positive, inside)];
    }
    const ratio = chosen && status !== "none" && (chosen.inside || status !== "undetermined") ? chosen.ratio : null;
    const leader = ["none", "beyond_range"].includes(status) ? ahead[1] : null, [forms, weight] = byForm([a, b], logs);
    return { ...about, first: pair[0], second: pair[1], status, ratio, interval, exists, leader, forms, brackets: modelFree(a, b),
      inRange: crossingProbability(draws.filter((_, i) => inside[i])), shares: ratio === null ? null : varianceShares([a, b], FORMS.exponential, ratio, forms, weight),
      message: crossoverMessage(status, side, pair, leader, low, high, ratio, a.noise.J === 1, exists, within) };
  }
  const modelFree = (a, b) => brackets(commonRatios(a, b).map((ratio) => ({ ratio, lead: paired(a, b, ratio).lead })));

  function crossoverStatus(chosen, within, sure, low, high, exists) {
    const doubtful = sure.map((p) => Math.min(p, 1 - p));
    if (doubtful.every((p) => p >= tail)) return ["undetermined", null];
    if (within.length) return [within.length > 1 ? "multiple" : "found", null];
    if (exists <= (chosen ? 1 - level : 0.5)) return ["none", null];
    return ["beyond_range", (chosen ? chosen.ratio > high : doubtful.at(-1) >= doubtful[0]) ? "above" : "below"];
  }

  function crossoverMessage(status, side, [first, second], leader, low, high, ratio, single, exists, within) {
    const where = `${short(low)} to ${short(high)}`, end = side === "above" ? `> ${short(high)}` : `< ${short(low)}`;
    const text = {
      found: () => `${second} overtakes ${first}`,
      multiple: () => `the lead changes at ${within.map((c) => short(c.ratio)).join(", ")}`,
      none: () => `${leader} leads at all ratios from ${where}, and no crossing is likely beyond`,
      undetermined: () => `at no ratio from ${where} do the data say which leads`,
      beyond_range: () => `${leader} leads from ${where}; ${ratio !== null ? `a crossover would lie at ${end}, by extrapolation`
        : `a crossover, if any (probability ${fixed(exists, 2)}), lies at ${end}`}`,
    }[status]();
    return text + (single ? "; one replicate: the effect of the seed set cannot be seen" : "");
  }

  function byForm(pair, logs) {
    const crossing = {}, aicc = {};
    for (const [name, form] of Object.entries(FORMS)) {
      const fits = pair.map((c) => (name === "exponential" ? c.point : pointFit(form, c.noise)));
      const values = (t) => pair.map((c, k) => clip(predict(form, fits[k], 0, [Math.exp(t)])[0], ...c.bounds)), gap = (t) => values(t).reduce((x, z) => z - x);
      crossing[name] = signChanges(logs, logs.map(gap), gap).map(([root]) => Math.exp(root));
      const scores = pair.map((c, k) => akaike(c.noise, form, fits[k]));
      aicc[name] = scores.includes(null) ? Infinity : sum(scores);
    }
    const best = Math.min(...Object.values(aicc)), raw = Object.entries(aicc).map(([name, v]) => [name, Number.isFinite(best) ? Math.exp(-(v - best) / 2) : 1]);
    const total = sum(raw.map(([, w]) => w));
    return [crossing, Object.fromEntries(raw.map(([name, w]) => [name, w / total]))];
  }

  // ---- stats/seed_size_law.py -------------------------------------------------------------------------------------------------------
  function effective(samples, size, repeats) {
    const distinctOnes = Math.min(samples, size);
    return distinctOnes * (1 - repeats * Math.expm1((1 - samples / distinctOnes) / repeats));
  }

  // One law per strategy: a function from a size and a ratio to draws of the outcome of a cell there.
  function fitSeedSizes(curves) {
    const draws = curves.find((c) => c.boots)?.boots.E.length ?? 1000, generator = new Generator(settings.generators.redraw);
    const errors = redraw(curves.map((c) => c.noise), draws, generator), laws = new Map();
    for (const name of distinct(curves.filter((c) => !c.buysNothing).map((c) => c.strategy))) {
      const members = range(curves.length, (i) => i).filter((i) => curves[i].strategy === name && !curves[i].buysNothing), group = members.map((i) => curves[i]);
      const cells = sum(group.map((c) => c.ratios.length));
      if (cells < 4) continue;
      const repeats = members.length === 1 || cells <= FORMS.power_law.size + 1 ? [fresh] : worth[name] ?? worth[""];
      laws.set(name, fitLaw(repeats, group, members.map((i) => errors[i]), perSample[name] ?? 1, generator));
    }
    return laws;
  }

  // The fit to each row of data with the best of the values of repeats: its curve from samples to outcomes.
  function solveLaw(repeats, samples, sizes, data, ...how) {
    const form = FORMS.power_law, effectives = (R, n, s) => n.map((v, i) => effective(v, s[i], R));
    const tried = repeats.map((R) => solve(form, effectives(R, samples, sizes), data, ...how));
    const known = samples.some((v, i) => v > sizes[i]);
    return data.map((_, d) => {
      const losses = tried.map((fit) => fit.loss[d]), best = known ? losses.indexOf(Math.min(...losses)) : (d + Math.floor(repeats.length / 2)) % repeats.length;
      return { loss: losses[best], at: (n, s) => predict(form, tried[best], d, effectives(repeats[best], n, s)) };
    });
  }

  function fitLaw(repeats, group, errors, per, generator) {
    const cells = group.flatMap((c) => c.ratios.map((r) => [c.size, (r * c.size) / per])), [sizes, samples] = [0, 1].map((k) => cells.map((cell) => cell[k]));
    const starts = cumulative(group.map((c) => c.noise)), n = cells.length, whitener = matrix(n, n, () => 0);
    group.forEach((c, m) => c.noise.whitener.forEach((row, i) => whitener[starts[m] + i].set(row, starts[m])));
    const bounded = !group[0].itemVariance, { bounds } = group[0];
    const [point] = solveLaw(repeats, samples, sizes, [Float64Array.from(group.flatMap((c) => [...c.noise.means]))], whitener, bounded), fitted = point.at(samples, sizes);
    const df = Math.max(n - FORMS.power_law.size - Number(repeats.length > 1), 1), dispersion = Math.max(1, point.loss / df), stretch = Math.sqrt(dispersion);
    const data = errors[0].map((_, d) => Float64Array.from(errors.flatMap((e) => [...e[d]]), (v, i) => fitted[i] + stretch * v));
    const boots = solveLaw(repeats, samples, sizes, data, whitener, bounded, 1e-6, 12), misfit = Math.sqrt(((dispersion - 1) * n) / sum(whitener.map((row) => dot(row, row))));
    const scatter = data.map(() => misfit * generator.standardT(df));
    return { cell: (size, ratio) => scatter.map((v, d) => clip(clip(boots[d].at([(ratio * size) / per], [size])[0], ...bounds) + v, ...bounds)) };
  }

  // ---- stats/advice.py --------------------------------------------------------------------------------------------------------------
  // Curves of one task with draws, by strategy; costs are of one kept sample.
  function advise(curves, seeds, queries, costs) {
    const names = distinct(curves.filter((c) => c.flexible).map((c) => c.strategy)).sort(), task = curves[0].task;
    if (!names.length) throw new Refused(`task '${task}': no strategy has enough budgets for a curve (4 distinct are needed)`);
    const fitted = new Map(names.map((name) => [name, curves.filter((c) => c.strategy === name && c.flexible).sort((a, b) => a.size - b.size)]));
    if (!boughtOf(fitted).length) throw new Refused(`task '${task}': no strategy buys anything`);
    const price = (name) => (costs[name] ?? 1) / (perSample[name] ?? 1), at = (s, q) => choicesAt(fitted, s, q, price);
    let choices = at(seeds, queries), nearest = null, trend = null;
    const why = choices[0].why || choices.find((c) => c.why)?.why || "";
    if (why) {
      nearest = nearestTested(fitted, seeds, queries, price);
      choices = at(...nearest);
      trend = trendAtQuestion(curves, fitted, nearest[0], seeds, queries, price);
    }
    const missing = distinct(curves.map((c) => c.strategy)).filter((name) => !fitted.has(name)).sort();
    const clearly = !nearest && (choices[0].pBest >= clear || choices.length === 1);
    return { task, choices, nearest, trend, why, choose: clearly ? choices[0].strategy : null, missing,
      idle: choices.find((c) => fitted.get(c.strategy).some((curve) => curve.buysNothing))?.strategy, chart: chart(fitted, seeds, queries, price, at, nearest) };
  }

  function choicesAt(fitted, seeds, queries, price) {
    const found = [...fitted].map(([strategy, curves]) => ({ strategy, ...readAt(curves, seeds, queries / seeds / price(strategy)) }));
    const D = found[0].values.length, best = vector(D, (d) => Math.max(...found.map((f) => f.values[d])));
    const ties = best.map((v, d) => found.filter((f) => f.values[d] === v).length);
    for (const f of found) f.accuracy = mean(f.values);
    for (const f of found) {
      const others = found.filter((other) => other !== f), rival = others.length ? others.reduce((x, z) => (z.accuracy > x.accuracy ? z : x)) : f;
      const gap = f.values.map((v, d) => v - rival.values[d]), ends = (values) => [tail, 1 - tail].map((q) => quantile(ascending(values), q));
      Object.assign(f, { interval: ends(f.values), lead: mean(gap), leadInterval: ends(gap), rival: rival.strategy,
        gain: null, pBest: mean(f.values.map((v, d) => (v === best[d] ? 1 / ties[d] : 0))), regret: mean(f.values.map((v, d) => best[d] - v)) });
    }
    found.sort((a, b) => b.accuracy - a.accuracy || (a.strategy < b.strategy ? -1 : 1));
    const idle = found.find((f) => fitted.get(f.strategy).some((c) => c.buysNothing));
    if (idle)
      for (const f of found.filter((other) => other !== idle)) {
        const gains = f.values.map((v, d) => v - idle.values[d]), sorted = ascending(gains);
        f.gain = [mean(gains), ...[tail, 1 - tail].map((q) => quantile(sorted, q))];
      }
    return found;
  }

  function readAt(curves, seeds, ratio) {
    const sizes = distinct([curves[0].size, curves.at(-1).size]).map(short).join(" to ");
    const below = curves.findLast((c) => c.size <= seeds) ?? curves[0], above = curves.find((c) => c.size >= seeds) ?? curves.at(-1), why = [];
    if (seeds < curves[0].size || seeds > curves.at(-1).size) why.push(`only ${sizes} seed questions were tested`);
    const weight = above.size > below.size ? Math.log(seeds / below.size) / Math.log(above.size / below.size) : 0;
    const first = Math.max(below.range[0], above.range[0]), last = Math.min(below.range[1], above.range[1]);
    if (!(first * (1 - 1e-9) <= ratio && ratio <= last * (1 + 1e-9))) why.push(`only ${short(first)} to ${short(last)} calls per seed question were tested`);
    const [low, high] = [below.flexible.draws(ratio), above.flexible.draws(ratio)];
    return { values: low.map((v, d) => v + weight * (high[d] - v)), why: why.join("; ") };
  }

  const boughtOf = (fitted) => [...fitted].filter(([, curves]) => !curves.some((c) => c.buysNothing));

  function nearestTested(fitted, seeds, queries, price) {
    const bought = boughtOf(fitted), sizes = distinct(bought.flatMap(([, curves]) => curves.map((c) => c.size))).sort((a, b) => a - b);
    const common = sizes.filter((size) => bought.every(([, curves]) => curves.some((c) => c.size === size))), far = (size) => Math.abs(Math.log(size / seeds));
    const size = (common.length ? common : sizes).reduce((x, z) => (far(z) < far(x) ? z : x));
    const ends = (k) => bought.flatMap(([name, curves]) => curves.filter((c) => c.size === size).map((c) => c.range[k] * price(name)));
    const low = Math.max(...ends(0)), high = Math.min(...ends(1));
    return [size, size * clip(queries / seeds, low, Math.max(low, high))];
  }

  function trendAtQuestion(curves, fitted, near, seeds, queries, price) {
    const bought = boughtOf(fitted).map(([name]) => name), laws = fitSeedSizes(curves.filter((c) => bought.includes(c.strategy)));
    const names = [...laws.keys()].sort();
    if (names.length < 2) return null;
    const size = names.every((name) => fitted.get(name).length > 1) ? seeds : near;
    const there = new Map(names.map((name) => [name, laws.get(name).cell(size, queries / seeds / price(name))]));
    const expected = (name) => quantile(ascending(there.get(name)), 0.5), [first, second] = names.sort((x, z) => expected(z) - expected(x));
    const sorted = ascending(there.get(first).map((v, d) => v - there.get(second)[d]));
    return { first, second, lead: quantile(sorted, 0.5), interval: [tail, 1 - tail].map((q) => quantile(sorted, q)) };
  }

  // What the page draws: lines at one number of seeds over the tested budgets, and the means measured at the nearest tested size.
  function chart(fitted, seeds, asked, price, at) {
    const [size] = nearestTested(fitted, seeds, asked, price), bought = boughtOf(fitted).flatMap(([name, curves]) => curves.map((c) => ({ name, ...c })));
    const sizes = bought.map((c) => c.size), shown = Math.min(...sizes) <= seeds && seeds <= Math.max(...sizes) ? seeds : size;
    const near = [Math.max(...sizes.filter((s) => s <= shown)), Math.min(...sizes.filter((s) => s >= shown))];
    const budget = (c, ratio) => ratio * shown * price(c.name), ends = (k) => bought.filter((c) => near.includes(c.size)).map((c) => budget(c, c.range[k]));
    const first = Math.max(...ends(0)), last = Math.max(first, Math.min(...ends(1))), budgets = range(41, (i) => first * (last / first) ** (i / 40));
    const lines = budgets.map((q) => at(shown, q).map(({ strategy, accuracy, interval }) => ({ strategy, accuracy, interval })));
    const dots = bought.filter((c) => c.size === size).flatMap((c) => c.ratios.map((ratio, b) => {
      const values = range(c.replicates.length, (j) => j).filter((j) => c.tested[j][b]).map((j) => c.correct[j][b] / c.tested[j][b]);
      return { strategy: c.name, budget: budget(c, ratio), values, mean: mean(values) };
    })).filter((dot) => dot.budget >= first * 0.999 && dot.budget <= last * 1.001);
    return { size, shown, first, last, asked, budgets, lines, dots };
  }

  // ---- cli/counts.py: what the commands print ---------------------------------------------------------------------------------------
  const without = (rows, hidden) => rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !hidden.includes(name))));
  const printed = (rows) => without(rows, new Set(rows.map((row) => row.task)).size === 1 ? ["task"] : []);
  const bracketText = (found) => found.map(([a, b]) => `${short(a)} to ${short(b)}`).join(", ") || "none";

  function printedFit(curves) {
    const found = findCrossovers(curves), pair = (x) => ({ pair: `${x.first} -> ${x.second}`, S: short(x.size) }), messages = new Map();
    const say = (message, about) => messages.set(message, [...(messages.get(message) ?? []), about]);
    for (const c of curves) if (c.message) say(`${c.status}: ${c.message}`, `${c.strategy}, S = ${short(c.size)}, ${c.task}`);
    for (const x of found) say(`${x.status}: ${x.message}`, `${x.first} / ${x.second}, S = ${short(x.size)}, ${x.task}`);
    return {
      curves: printed(curves.map((c) => ({ task: c.task, strategy: c.strategy, S: short(c.size), E: withError(c.E, c.E_error), B: withError(c.B, c.B_error),
        tau: withError(c.tau, c.tau_error), "90% gain": c.ratio90 === null ? "-" : short(c.ratio90), status: c.status }))),
      crossovers: printed(found.map((x) => {
        const mark = x.ratio !== null && !(x.tested[0] <= x.ratio && x.ratio <= x.tested[1]) ? "*" : "", share = (p) => (p === null ? "-" : fixed(p, 2));
        return { task: x.task, "change of lead": x.status === "none" ? `${x.leader} leads` : `${x.first} -> ${x.second}`, S: short(x.size), status: x.status,
          ratio: x.ratio === null ? "-" : short(x.ratio) + mark, interval: x.status === "none" || x.exists === null ? "-" : showInterval(x.interval, x.tested),
          "teacher calls": x.ratio === null ? "-" : grouped(fixed(x.ratio * x.size, 0)) + mark, "P(exists)": share(x.exists), "P(in range)": share(x.inRange) };
      })),
      forms: found.filter((x) => x.forms).map((x) => ({ ...pair(x),
        ...Object.fromEntries(Object.entries(x.forms).map(([name, roots]) => [name.replace("_", " "), roots.map(short).join(", ") || "none"])),
        "no form": bracketText(x.brackets) })),
      shares: found.filter((x) => x.shares).map((x) => ({ ...pair(x), ...x.shares })),
      messages: [...messages].map(([message, about]) => [about.join("; "), message]),
      leads: findLeads(curves).map((x) => ({
        title: `${x.second} over ${x.first}, S = ${short(x.size)}, ${x.task}`,
        rows: x.points.map((p) => ({ ratio: short(p.ratio), "lead, points": points(p.lead, p.low, p.high), replicates: `${p.replicates}` })),
        undecided: `${x.second} over ${x.first} (S = ${short(x.size)}, ${x.task}): undecided at ratios ${x.bands.map(([a, b]) => `${short(a)} to ${short(b)}`).join(", ") || "nowhere"}`,
        brackets: `paired difference changes sign at ratios ${bracketText(x.brackets)}`,
      })),
    };
  }

  function printedAdvice(found) {
    const rows = found.choices.map((c) => ({ strategy: c.strategy,
      "expected outcome": `${fixed(c.accuracy, 3)} (${c.interval.map((v) => fixed(v, 3)).join(" to ")})`,
      "lead over the best other, points": points(c.lead, ...c.leadInterval),
      ...(found.idle && { "lead over buying nothing, points": c.gain ? points(...c.gain) : "-" }), "P(best)": probability(c.pBest), "expected regret, points": fixed(100 * c.regret, 1) }));
    const [best, second] = found.choices, said = ({ lead, interval }) => { // in the sentence: tenths below ten points only
      const [value, ...ends] = [lead, ...interval].map((v) => fixed(100 * v, Math.abs(lead) < 0.1 ? 1 : 0));
      return `${value} points (${ends.join(" to ")})`;
    };
    return { ...found, choices: undefined, rows, best: best.strategy, second: second?.strategy, lead: said({ lead: best.lead, interval: best.leadInterval }),
      trend: found.trend && { ...found.trend, lead: said(found.trend) } };
  }

  // ---- The page's calls: a table is read once, and each of its fits is made once -----------------------------------------------------
  const tables = new Map(), fits = new Map();
  const once = (key, make) => fits.get(key) ?? fits.set(key, make()).get(key);
  return {
    read(name, text, most) {
      const table = readCounts(text, name), size = new Map();
      for (const { task } of table) size.set(task, (size.get(task) ?? 0) + 1);
      for (const [task, n] of size) if (n > most) throw new Refused(`${name}: task '${task}' has ${n} rows, and this page takes ${most}: use crossover fit`);
      tables.set(name, table);
      for (const key of [...fits.keys()]) if (JSON.parse(key)[0] === name) fits.delete(key);
      return [...size].sort(([, a], [, b]) => b - a).map(([task]) => {
        const rows = table.filter((r) => r.task === task), budgets = rows.map((r) => r.budget);
        return { task, strategies: inOrder(rows.map((r) => r.strategy)), seeds: Math.max(...rows.map((r) => r.seed_size)), queries: Math.max(...budgets) };
      });
    },
    fit: (name) => once(JSON.stringify([name]), () => printedFit(fitTable(tables.get(name), 2000))),
    advise(name, task, seeds, queries, costs) {
      const curves = once(JSON.stringify([name, task]), () => fitTable(tables.get(name).filter((r) => r.task === task), 1000));
      return printedAdvice(advise(curves, seeds, queries, costs));
    },
  };
}
