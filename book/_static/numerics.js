// What numpy, scipy and Python do for crossover.stats, in JavaScript: the same random numbers, linear algebra, special functions and
// printed digits. Everything is in one function, so that a page opened from disk can hand its text to a Web Worker.
"use strict";

function numerics() {
  // ---- numpy.random.Generator: PCG64, and the ziggurats of numpy/random/src/distributions ------------------------------------------
  const LIMBS = [0xf645, 0x9fcc, 0xdf64, 0x4385, 0x5da4, 0x1fc6, 0xed05, 0x2360]; // the multiplier in 16-bit limbs, lowest first
  const limbs = (hex) => Array.from({ length: 8 }, (_, k) => parseInt(hex.padStart(32, "0").slice(28 - 4 * k, 32 - 4 * k), 16));

  // Layers of a ziggurat under `density` from its last edge r and the area v of each layer; numbers are drawn with `scale` steps.
  function ziggurat(r, v, density, inverse, scale) {
    const edge = new Float64Array(256), width = new Float64Array(256), height = new Float64Array(256);
    let above = r;
    [edge[0], width[0], width[255], height[0], height[255]] = [(r * density(r)) / v * scale, v / density(r) / scale, r / scale, 1, density(r)];
    for (let i = 254; i > 0; i--) {
      const x = inverse(v / above + density(above));
      [edge[i + 1], width[i], height[i], above] = [(x / above) * scale, x / scale, density(x), x];
    }
    return { edge, width, height };
  }
  const NORMAL_R = 3.6541528853610088, EXPONENTIAL_R = 7.69711747013105;
  const normals = ziggurat(NORMAL_R, 0.004928673233974655, (x) => Math.exp(-0.5 * x * x), (f) => Math.sqrt(-2 * Math.log(f)), 2 ** 52);
  const exponentials = ziggurat(EXPONENTIAL_R, 0.003949659822581557, (x) => Math.exp(-x), (f) => -Math.log(f), 2 ** 53);

  class Generator {
    constructor({ state, inc }) {
      [this.state, this.inc, this.high, this.low] = [limbs(state), limbs(inc), 0, 0];
    }
    // The next 64 bits, in `high` and `low`: state <- state * multiplier + inc, folded and rotated (XSL-RR).
    next() {
      const s = this.state, out = this.inc.slice();
      for (let i = 0; i < 8; i++) {
        let carry = 0;
        for (let j = 0; i + j < 8; j++) {
          const t = out[i + j] + s[i] * LIMBS[j] + carry;
          out[i + j] = t & 0xffff;
          carry = t >>> 16;
        }
      }
      this.state = out;
      const folded = (k) => ((out[k] ^ out[k + 4]) | ((out[k + 1] ^ out[k + 5]) << 16)) >>> 0;
      const turn = out[7] >>> 10, shift = turn & 31;
      const [low, high] = turn < 32 ? [folded(0), folded(2)] : [folded(2), folded(0)];
      this.low = (shift ? (low >>> shift) | (high << (32 - shift)) : low) >>> 0;
      this.high = (shift ? (high >>> shift) | (low << (32 - shift)) : high) >>> 0;
    }
    random() {
      this.next();
      return (this.high * 2 ** 21 + (this.low >>> 11)) * 2 ** -53;
    }
    normal() {
      for (;;) {
        this.next();
        const layer = this.low & 0xff, sign = this.low & 0x100 ? -1 : 1, far = this.low & 0x20000 ? -1 : 1;
        const steps = (this.high & 0x1fffffff) * 2 ** 23 + (this.low >>> 9), x = sign * steps * normals.width[layer];
        if (steps < normals.edge[layer]) return x;
        if (layer === 0) {
          for (;;) {
            const out = -Math.log1p(-this.random()) / NORMAL_R, up = -Math.log1p(-this.random());
            if (up + up > out * out) return far * (NORMAL_R + out);
          }
        }
        const { height } = normals;
        if ((height[layer - 1] - height[layer]) * this.random() + height[layer] < Math.exp(-0.5 * x * x)) return x;
      }
    }
    exponential() {
      for (;;) {
        this.next();
        const layer = (this.low >>> 3) & 0xff, steps = this.high * 2 ** 21 + (this.low >>> 11), x = steps * exponentials.width[layer];
        if (steps < exponentials.edge[layer]) return x;
        if (layer === 0) return EXPONENTIAL_R - Math.log1p(-this.random());
        const { height } = exponentials;
        if ((height[layer - 1] - height[layer]) * this.random() + height[layer] < Math.exp(-x)) return x;
      }
    }
    gamma(shape) {
      if (shape === 1) return this.exponential();
      if (shape < 1) {
        for (;;) {
          const u = this.random(), e = this.exponential();
          if (u <= 1 - shape) {
            const x = u ** (1 / shape);
            if (x <= e) return x;
          } else {
            const y = -Math.log((1 - u) / shape), x = (1 - shape + shape * y) ** (1 / shape);
            if (x <= e + y) return x;
          }
        }
      }
      const b = shape - 1 / 3, c = 1 / Math.sqrt(9 * b);
      for (;;) {
        let x, v;
        do {
          x = this.normal();
          v = 1 + c * x;
        } while (v <= 0);
        v = v * v * v;
        const u = this.random();
        if (u < 1 - 0.0331 * (x * x) * (x * x) || Math.log(u) < 0.5 * x * x + b * (1 - v + Math.log(v))) return b * v;
      }
    }
    chisquare(df) {
      return 2 * this.gamma(df / 2);
    }
    standardT(df) {
      const x = this.normal();
      return (Math.sqrt(df / 2) * x) / Math.sqrt(this.gamma(df / 2));
    }
    // Indices drawn with replacement, as choice(len(weights), size, p=weights).
    choice(weights, size) {
      let total = 0;
      const below = Float64Array.from(weights, (w) => (total += w)).map((w) => w / total);
      return Array.from({ length: size }, () => {
        const u = this.random();
        let [first, last] = [0, below.length];
        while (first < last) {
          const middle = (first + last) >> 1;
          if (u < below[middle]) last = middle;
          else first = middle + 1;
        }
        return first;
      });
    }
  }

  // ---- Vectors and matrices (an array of rows) --------------------------------------------------------------------------------------
  const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
  function vector(n, f) {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) out[i] = f(i);
    return out;
  }
  const matrix = (n, m, f) => range(n, (i) => vector(m, (j) => f(i, j)));
  const mean = (values) => sum(values) / values.length;
  const clip = (value, low, high) => Math.min(Math.max(value, low), high);
  const ascending = (values) => Float64Array.from(values).sort();
  const median = (values) => quantile(ascending(values), 0.5);
  const linspace = (first, last, n) => vector(n, (i) => (i === n - 1 ? last : first + i * ((last - first) / (n - 1))));
  const transpose = (A) => matrix(A[0].length, A.length, (i, j) => A[j][i]);
  const apply = (A, x) => vector(A.length, (i) => dot(A[i], x));
  const pairs = (items) => items.flatMap((a, i) => items.slice(i + 1).map((b) => [a, b]));
  const distinct = (items) => [...new Set(items)];

  function sum(values) {
    let total = 0;
    for (let i = 0; i < values.length; i++) total += values[i];
    return total;
  }

  function dot(a, b) {
    let total = 0;
    for (let i = 0; i < a.length; i++) total += a[i] * b[i];
    return total;
  }

  function product(A, B) {
    const columns = transpose(B);
    return A.map((row) => apply(columns, row));
  }

  function quantile(sorted, q) {
    const place = q * (sorted.length - 1), below = Math.min(Math.floor(place), sorted.length - 1), above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  function inverse(A) {
    const n = A.length, rows = matrix(n, 2 * n, (i, j) => (j < n ? A[i][j] : Number(j - n === i)));
    for (let k = 0; k < n; k++) {
      let pivot = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
      [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
      rows[k] = rows[k].map((v) => v / rows[k][k]);
      for (let i = 0; i < n; i++) {
        const factor = rows[i][k];
        if (i !== k && factor) for (let j = k; j < 2 * n; j++) rows[i][j] -= factor * rows[k][j];
      }
    }
    return rows.map((row) => row.slice(n));
  }

  function cholesky(A) {
    const L = matrix(A.length, A.length, () => 0);
    for (let i = 0; i < A.length; i++)
      for (let j = 0; j <= i; j++) {
        const rest = A[i][j] - dot(L[i].subarray(0, j), L[j]);
        L[i][j] = i === j ? Math.sqrt(rest) : rest / L[j][j];
      }
    return L;
  }

  // Singular value decomposition by one-sided Jacobi rotations: columns of U diag(s), of V, and s.
  function svd(A) {
    const left = transpose(A), right = matrix(left.length, left.length, (i, j) => Number(i === j));
    const turn = (columns, i, j, c, s) => {
      for (let k = 0; k < columns[i].length; k++) {
        const [x, y] = [columns[i][k], columns[j][k]];
        columns[i][k] = c * x - s * y;
        columns[j][k] = s * x + c * y;
      }
    };
    for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
      turned = false;
      for (let i = 0; i < left.length; i++)
        for (let j = i + 1; j < left.length; j++) {
          const a = dot(left[i], left[i]), b = dot(left[j], left[j]), c = dot(left[i], left[j]);
          if (Math.abs(c) <= 1e-15 * Math.sqrt(a * b)) continue;
          const zeta = (b - a) / (2 * c), t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta)), cosine = 1 / Math.hypot(1, t);
          turn(left, i, j, cosine, cosine * t);
          turn(right, i, j, cosine, cosine * t);
          turned = true;
        }
    }
    return { left, right, values: left.map((column) => Math.sqrt(dot(column, column))) };
  }

  // ---- scipy.special: fdtrc, stdtrit; and logarithms rounded correctly, as numpy's are ----------------------------------------------
  function logGamma(x) { // Lanczos, g = 7
    const terms = [676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905, -0.13857109526572012,
      9.984369578019572e-6, 1.5056327351493116e-7];
    const t = x + 6.5, series = terms.reduce((total, v, k) => total + v / (x + k), 0.9999999999998099);
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(series);
  }

  // Regularised incomplete beta function by Lentz's continued fraction.
  function betaShare(a, b, x) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(b, a, 1 - x);
    let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))], h = d;
    for (let m = 1; m < 500; m++) {
      const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      for (const term of [even, odd]) {
        d = 1 / (1 + term * d);
        c = 1 + term / c;
        h *= c * d;
      }
      if (Math.abs(c * d - 1) < 1e-15) break;
    }
    return (Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a) * h;
  }
  const fdtrc = (dfn, dfd, f) => betaShare(dfd / 2, dfn / 2, dfd / (dfd + dfn * f));

  function tQuantile(probability, df) {
    let [low, high] = [0, 1e6];
    for (let i = 0; i < 200; i++) {
      const t = (low + high) / 2;
      if (1 - betaShare(df / 2, 0.5, df / (df + t * t)) / 2 < probability) low = t;
      else high = t;
    }
    return (low + high) / 2;
  }

  // One rounding more or less in a logarithm can add a knot to a curve, and with it change every draw: 120 bits, then one rounding.
  function exactLog(x) {
    const ONE = 1n << 120n, exponent = Math.floor(Math.log2(x)), whole = BigInt(2 ** 52);
    const series = (over, under) => { // 2 atanh(over / under)
      const z = (over * ONE) / under, square = (z * z) / ONE;
      let total = 0n;
      for (let term = z, k = 1n; term; k += 2n, term = (term * square) / ONE) total += term / k;
      return 2n * total;
    };
    const mantissa = BigInt((x / 2 ** exponent) * 2 ** 52);
    return Number(series(mantissa - whole, mantissa + whole) + BigInt(exponent) * series(1n, 3n)) / 2 ** 120;
  }

  // ---- Python's format, half to even; stats/formatting.py ---------------------------------------------------------------------------
  function fixed(value, places) {
    const sign = value < 0 || Object.is(value, -0) ? "-" : "", size = Math.abs(value);
    const text = size.toFixed(places), exact = size.toFixed(100), rest = exact.slice(exact.indexOf(".") + 1 + places);
    if (!/^50*$/.test(rest) || !("13579".includes(text.at(-1)))) return sign + text;
    return sign + (Number(text) - 10 ** -places).toFixed(places); // a tie that was rounded up to an odd digit
  }
  function general(value, digits = 6) { // %g
    if (value === 0) return "0";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan";
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e"), shorter = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (exponent < -4 || exponent >= digits) return `${shorter(mantissa)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
    return shorter(fixed(value, digits - 1 - exponent));
  }
  const grouped = (text) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  const short = (value) => (Number.isInteger(value) || Math.abs(value) >= 999.5 ? grouped(fixed(value, 0)) : general(value, 3));
  const percent = (value) => `${fixed(100 * value, 0)}%`;
  const signed = (value) => (value < 0 || Object.is(value, -0) ? fixed(value, 1) : `+${fixed(value, 1)}`);
  const points = (lead, low, high) => `${signed(Math.round(1e11 * lead) / 1e9)} (${fixed(100 * low, 1)} to ${fixed(100 * high, 1)})`;
  const probability = (p) => (p > 0.99 ? "> 0.99" : p < 0.01 ? "< 0.01" : fixed(p, 2));
  const roundEven = (value) => Number(fixed(value, 0));

  function withError(value, error) {
    if (value === null) return "-";
    if (error === null || !(error > 0)) return general(value, 4);
    const exponent = Math.floor(Math.log10(error)), places = roundEven((error / 10 ** exponent) * 100) <= 354 ? 1 - exponent : -exponent;
    if (places >= 0) return `${fixed(value, places)} ± ${fixed(error, places)}`;
    const step = 10 ** -places;
    return `${fixed(roundEven(value / step) * step, 0)} ± ${fixed(roundEven(error / step) * step, 0)}`;
  }
  const showInterval = ([low, high], tested) =>
    `${low === null ? `< ${short(tested[0])}` : short(low)} to ${high === null ? `> ${short(tested[1])}` : short(high)}`;

  return { Generator, range, vector, matrix, sum, mean, clip, ascending, median, linspace, transpose, apply, pairs, distinct, dot, product, quantile, inverse,
    cholesky, svd, fdtrc, tQuantile, exactLog, fixed, general, grouped, short, percent, points, probability, withError, showInterval };
}
