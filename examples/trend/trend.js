'use strict';
// Holt's smoothing with a damped slope and a robust second pass, and anomalies by the robust z-score of the one-step errors.
//
//   forecast[t] = level[t-1] + PHI * slope[t-1]
//   level[t] = forecast[t] + alpha * (x[t] - forecast[t])
//   slope[t] = beta * (level[t] - level[t-1]) + (1 - beta) * PHI * slope[t-1]
//
// The first pass measures how large the errors usually are; the second clips each error to CLIP times that before it
// moves the level, so that an outlier does not make its neighbours look odd, too (Gelper, Fried, Croux: Robust
// forecasting with exponential and Holt-Winters smoothing, 2010).

const CLIP = 1.5; // robust standard deviations
const PHI = 0.95; // how much of the slope is left after each step: nothing in the world rises for ever
const GRID = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** The middle of the numbers; NaN when there are none. */
function median(numbers) {
  if (numbers.length === 0) return NaN;
  const sorted = Float64Array.from(numbers).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function mean(numbers) {
  return numbers.reduce((sum, x) => sum + x, 0) / Math.max(1, numbers.length);
}

/**
 * How large most of the errors are, as a standard deviation around zero: 1.4826 times the median size; when more than
 * half of them are zero, 1.2533 times the mean size.
 */
function robustScale(errors) {
  const sizes = errors.map(Math.abs);
  return 1.4826 * median(sizes) || 1.2533 * mean(sizes);
}

// The median step between neighbours at the beginning, so that the start need not be learned.
function firstSlope(series) {
  const steps = [];
  for (let t = 1; t < series.length && steps.length < 9; t++) {
    if (series[t] !== null && series[t - 1] !== null) steps.push(series[t] - series[t - 1]);
  }
  return steps.length > 0 ? median(steps) : 0;
}

/** One pass of Holt's method; a null in the series is a gap, over which the forecast stands in. */
function holt(series, alpha, beta, clip = Infinity) {
  const start = series.findIndex((x) => x !== null);
  let level = series[start];
  let slope = firstSlope(series);
  const expected = [];
  const smoothed = [];
  const errors = [];
  series.forEach((value, t) => {
    const forecast = t > start ? level + PHI * slope : level;
    const error = value === null ? null : value - forecast;
    const next = forecast + alpha * Math.max(-clip, Math.min(clip, error ?? 0));
    if (t > start) slope = beta * (next - level) + (1 - beta) * PHI * slope;
    level = next;
    expected.push(forecast);
    smoothed.push(level);
    errors.push(error);
  });
  return { expected, smoothed, errors, level, slope };
}

// The first known value has no forecast to miss.
function forecastErrors(pass) {
  return pass.errors.filter((x) => x !== null).slice(1);
}

/** The alpha and beta of the given ones whose one-step errors are the smallest on average. */
function bestParameters(series, alphas, betas) {
  let best = { size: Infinity };
  for (const alpha of alphas) {
    for (const beta of betas) {
      const size = mean(forecastErrors(holt(series, alpha, beta)).map(Math.abs));
      if (size < best.size) best = { alpha, beta, size };
    }
  }
  return best;
}

/**
 * Smooths a series, finds its anomalies and forecasts it.
 * @param {(number|null)[]} series at least three numbers; null is a gap
 * @param {{alpha?: number, beta?: number, threshold: number, horizon: number}} options
 */
function analyse(series, options) {
  const { alpha, beta } = bestParameters(
    series,
    options.alpha === undefined ? GRID : [options.alpha],
    options.beta === undefined ? GRID : [options.beta],
  );
  const usual = robustScale(forecastErrors(holt(series, alpha, beta)));
  const pass = holt(series, alpha, beta, usual > 0 ? CLIP * usual : Infinity);
  const scale = robustScale(forecastErrors(pass));
  return {
    smoothed: pass.smoothed.map(round),
    forecast: extrapolate(pass, options.horizon),
    anomalies: findAnomalies(series, pass, scale, options.threshold),
    parameters: { alpha, beta, threshold: options.threshold, scale: round(scale) },
  };
}

function extrapolate({ level, slope }, horizon) {
  return Array.from({ length: horizon }, () => {
    slope *= PHI;
    level += slope;
    return round(level);
  });
}

function findAnomalies(series, pass, scale, threshold) {
  const anomalies = [];
  pass.errors.forEach((error, index) => {
    const score = error === null || scale === 0 ? 0 : error / scale;
    if (Math.abs(score) > threshold) {
      anomalies.push({ index, value: series[index], expected: round(pass.expected[index]), score: round(score) });
    }
  });
  return anomalies;
}

function round(x) {
  return Math.round(x * 1e4) / 1e4;
}

module.exports = { analyse, holt, median, robustScale };
