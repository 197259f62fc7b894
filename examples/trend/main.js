'use strict';
// trend: smooths a series of numbers, finds what does not fit, and forecasts the next values.

const { analyse } = require('./trend.js');
const { Refused, parseObject, serve } = require('./server.js');

const MAX_POINTS = 100_000;

function number(document, name, fallback, low, high) {
  const value = document[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw new Refused(422, `${name} must be a number from ${low} to ${high}`);
  }
  return value;
}

function readSeries(document) {
  const series = document.input_data;
  if (!Array.isArray(series)) {
    throw new Refused(422, 'input_data must be a list of numbers, for example {"input_data": [1, 2, 2.5, 40, 3]}');
  }
  if (series.length > MAX_POINTS) throw new Refused(422, `at most ${MAX_POINTS} numbers at once`);
  const wrong = series.findIndex((x) => x !== null && !Number.isFinite(x));
  if (wrong >= 0) throw new Refused(422, `input_data[${wrong}] must be a number, or null for a gap`);
  if (series.filter((x) => x !== null).length < 3) throw new Refused(422, 'input_data needs at least three numbers');
  return series;
}

/** Answers one request body (a Buffer) with the analysis. */
function predict(body) {
  const document = parseObject(body);
  const series = readSeries(document);
  const options = {
    alpha: number(document, 'alpha', undefined, 0.01, 1),
    beta: number(document, 'beta', undefined, 0, 1),
    threshold: number(document, 'threshold', 3.5, 0.5, 100),
    horizon: Math.trunc(number(document, 'horizon', 5, 0, 1000)),
  };
  return { name: typeof document.name === 'string' ? document.name : undefined, points: series.length, ...analyse(series, options) };
}

const info = {
  name: 'trend',
  version: '1.0',
  algorithm: "Holt's linear smoothing, made robust; anomalies by the robust z-score of one-step errors",
  input: {
    input_data: 'a list of numbers, null for a gap',
    alpha: 'smoothing of the level, 0.01 to 1; chosen by the one-step errors when absent',
    beta: 'smoothing of the slope, 0 to 1; chosen likewise',
    threshold: 'robust z-score above which a value is an anomaly, 3.5 when absent',
    horizon: 'how many values to forecast, 5 when absent',
  },
  output: { smoothed: 'per value', forecast: 'the next values', anomalies: 'index, value, expected, score' },
};

if (require.main === module) {
  serve({
    'POST /predict': predict,
    'GET /health': () => ({ status: 'ok' }),
    'GET /info': () => info,
  });
}

module.exports = { predict };
