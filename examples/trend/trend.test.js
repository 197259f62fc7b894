'use strict';
// Unit tests: node --test examples/trend/

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { analyse, holt, median, robustScale } = require('./trend.js');
const { predict } = require('./main.js');

const OPTIONS = { threshold: 3.5, horizon: 3 };
const sample = (name) => fs.readFileSync(path.join(__dirname, 'samples', name));

test('a straight line is followed, and continued ever more cautiously', () => {
  const line = Array.from({ length: 50 }, (_, i) => 3 + 2 * i);
  const { forecast, anomalies } = analyse(line, OPTIONS);
  assert.deepEqual(anomalies, []);
  assert.ok(Math.abs(forecast[0] - 103) < 0.5, `the next value is 103, forecast ${forecast[0]}`);
  assert.ok(forecast[1] - forecast[0] < 2 && forecast[1] > forecast[0], `steps shrink: ${forecast}`);
});

test('one outlier is found, and its neighbours are not blamed', () => {
  const series = Array.from({ length: 80 }, (_, i) => 10 + Math.sin(i * 12.9898) * 0.5);
  series[40] = 30;
  assert.deepEqual(analyse(series, OPTIONS).anomalies.map((a) => a.index), [40]);
});

test('an outlier in a constant series is found', () => {
  const series = new Array(30).fill(5);
  series[20] = 9;
  assert.ok(analyse(series, OPTIONS).anomalies.some((a) => a.index === 20));
});

test('a constant series has no anomalies', () => {
  assert.deepEqual(analyse(new Array(30).fill(5), OPTIONS).anomalies, []);
});

test('the level follows the formula', () => {
  // The first step is 10, so slope 10; forecast 10 + 0.95*10 = 19.5; error 0.5; level 19.75;
  // slope 0.5*9.75 + 0.5*9.5 = 9.625; forecast 19.75 + 0.95*9.625.
  const { expected } = holt([10, 20, null], 0.5, 0.5);
  [10, 19.5, 28.89375].forEach((x, t) => assert.ok(Math.abs(expected[t] - x) < 1e-9, `${expected}`));
});

test('median and robust scale', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Math.abs(robustScale([1, -2, 3, -4, 1000]) - 3 * 1.4826) < 1e-9);
});

test('the faulty readings of the sample are found, gaps are stepped over', () => {
  const { anomalies, smoothed, forecast } = predict(sample('temperature.json'));
  assert.deepEqual(anomalies.map((a) => a.index), [37, 70]);
  assert.equal(smoothed.length, 96);
  assert.equal(forecast.length, 6);
  assert.ok(smoothed.every(Number.isFinite));
});

test('the sunspot series is read whole', () => {
  assert.equal(predict(sample('sunspots.json')).points, 101);
});

test('bad input is refused with a status and a reason', () => {
  for (const [body, status] of [
    ['', 400], ['{', 400], ['[]', 400], ['null', 400], ['{}', 422], ['{"input_data": "x"}', 422],
    ['{"input_data": [1, 2]}', 422], ['{"input_data": [1, "2", 3]}', 422], ['{"input_data": [1, 1e999, 3]}', 422],
    ['{"input_data": [1, 2, 3], "alpha": 7}', 422], ['{"input_data": [1, 2, 3], "horizon": -1}', 422],
    ['{"input_data": [null, null, null, 1]}', 422],
  ]) {
    assert.throws(() => predict(Buffer.from(body)), (fault) => fault.status === status && fault.message.length > 10, body);
  }
});

test('the program answers, refuses and stops on SIGTERM though a connection is open', async () => {
  const program = spawn(process.execPath, [path.join(__dirname, 'main.js')], { env: { ...process.env, HOST: '127.0.0.1', PORT: '0' } });
  try {
    const [line] = await once(program.stderr.setEncoding('utf8'), 'data');
    const address = line.match(/http:\S+/)[0];
    const status = async (url, options) => (await fetch(address + url, options)).status;
    assert.equal(await status('/health'), 200);
    assert.equal(await status('/predict', { method: 'POST', body: sample('sunspots.json') }), 200);
    assert.equal(await status('/predict', { method: 'POST', body: '{' }), 400);
    assert.equal(await status('/predict'), 405);
    assert.equal(await status('/nothing'), 404);
    assert.equal(await status('/predict', { method: 'POST', body: Buffer.alloc((8 << 20) + 1) }).catch(() => 413), 413);
    const exited = once(program, 'exit');
    program.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  } finally {
    program.kill('SIGKILL');
  }
});
