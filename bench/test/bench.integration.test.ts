// A tiny bench of every scenario, end to end: what is counted and written, never how fast it was.

import { readFileSync } from 'node:fs';
import { createTemporaryDirectory } from '@hawser/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Results, runBench, scenarios } from '../src/bench.ts';
import { chooseContenders, contenders } from '../src/contender.ts';
import { silentProgress } from '../src/progress.ts';
import { writeReport } from '../src/report/files.ts';
import { formatResults } from '../src/report/terminal.ts';
import type { Row } from '../src/row.ts';
import { scales } from '../src/scale.ts';

/** What one process sends in a tiny run: a turn to warm up, and a round. */
const turns = 2 * scales.tiny.maxRepeats;
/** One of each kind: what they share is the same code. */
const few = [
  'curl-new',
  'curl-share',
  'haproxy-kept',
  'haproxy-h1-new',
  'nginx-kept',
  'guzzle',
  'symfony',
  'hawser-node',
  'hawser-native',
  'hawser-psr18-h1',
  'hawser-guzzle-native',
  'hawser-symfony-native',
];
/** Those that have contenders of their own: parts, not ways to an origin. */
const parts = ['codec', 'http2'];
let results: Results;

beforeAll(async () => {
  results = await runBench(scenarios, chooseContenders(few), scales.tiny, silentProgress);
}, 400_000);

test('every scenario has rows, and no row has errors', () => {
  expect(new Set(results.rows.map((row) => row.scenario))).toEqual(new Set(scenarios.map(({ name }) => name)));
  expect(results.rows.filter((row) => row.errors > 0)).toEqual([]);
});

describe.each([
  ['sequential', 1],
  ['workers', 2],
])('%s', (scenario, processes) => {
  test('counts every request, and the connections of those that open them', () => {
    const rows = rowsOf(scenario);
    for (const row of rows.values()) expect(row, row.contender).toMatchObject({ requests: processes * turns });
    expect(rows.get('curl-new')).toMatchObject({
      tcpConnections: processes * turns,
      tlsHandshakes: processes * turns,
      tlsResumed: 0,
      brokerCpuUs: null,
      peakRssBytes: null,
    });
    expect(rows.get('curl-share')).toMatchObject({ tcpConnections: processes });
    expect(rows.get('hawser-node')).toMatchObject({ tcpConnections: 1, tlsHandshakes: 1 });
  });

  test('tells what the kernel accounted to whom', () => {
    for (const row of rowsOf(scenario).values()) {
      expect(row.phpCpuUs, row.contender).toBeGreaterThan(0);
      expect(row.originCpuUs, row.contender).toBeGreaterThan(0);
      expect(row.phpPeakRssBytes, row.contender).toBeGreaterThan(processes * 1024 * 1024);
      if (row.brokerCpuUs === null) continue;
      expect(row.brokerCpuUs, row.contender).toBeGreaterThan(0);
      expect(row.peakRssBytes, row.contender).toBeGreaterThan(1024 * 1024);
    }
  });

  test('has ratios to every baseline that took part', () => {
    const row = rowsOf(scenario).get('hawser-node');
    expect(Object.keys(row?.ratios ?? {})).toEqual(['curl-new', 'curl-share', 'haproxy-kept']);
  });
});

test('fan-outs are told per exchange', () => {
  expect(rowsOf('fanout').get('hawser-node')).toMatchObject({ requests: 10 * turns, tcpConnections: 1 });
});

test('an application request in PHP-FPM makes three calls', () => {
  // Eight clients, each twice a warm-up and twice a round; nothing outlives the PHP request.
  expect(rowsOf('fpm').get('curl-new')).toMatchObject({ requests: 8 * turns, tcpConnections: 3 * 8 * turns });
  expect(rowsOf('fpm').get('hawser-native')).toMatchObject({ requests: 8 * turns, tcpConnections: 1 });
});

test('a cold start opens one connection through Hawser, and one for each request without', () => {
  const first = results.rows.filter((row) => row.case === 'first request');
  expect(first.find((row) => row.contender === 'curl-new')).toMatchObject({ requests: 1, tcpConnections: 10 });
  expect(first.find((row) => row.contender === 'hawser-native')).toMatchObject({ requests: 1, tcpConnections: 1 });
});

test('the parts of the broker are measured alone', () => {
  const codec = results.rows.filter((row) => row.scenario === 'codec').map((row) => `${row.case}: ${row.contender}`);
  expect(codec).toEqual(expect.arrayContaining(['encode REQUEST: php-codec', 'decode REQUEST: typescript']));
  for (const row of results.rows.filter(({ scenario }) => scenario === 'http2')) {
    expect(row).toMatchObject({ requests: 2, errors: 0 });
  }
});

test('report, JSON and charts are written; a later run of one scenario keeps the others', () => {
  using directory = createTemporaryDirectory();
  const what = new Map(scenarios.map((scenario) => [scenario.name, scenario.what]));
  writeReport(results, what, directory.path);
  const again = { ...results, rows: [...rowsOf('workers').values()], skipped: [] };
  writeReport(again, what, directory.path);

  const written = JSON.parse(readFileSync(directory.file('latest.json'), 'utf8')) as Results;
  expect(written.rows).toHaveLength(results.rows.length);
  for (const key of [
    'scenario',
    'contender',
    'requests',
    'errors',
    'requestsPerSecond',
    'p50Ms',
    'p99Ms',
    'phpCpuUs',
  ]) {
    expect(written.rows[0]).toHaveProperty(key);
  }
  const report = readFileSync(directory.file('report.md'), 'utf8');
  for (const { name } of scenarios) expect(report).toMatch(new RegExp(`^## ${name}`, 'm'));
  expect(readFileSync(directory.file('workers-rate.svg'), 'utf8')).toMatch(/^<svg.*hawser-native.*<\/svg>$/s);
  expect(formatResults(results)).toMatch(/^curl-new +4 +0 /m);
});

test('each case of bodies has its rows', () => {
  const cases = results.rows.filter((row) => row.scenario === 'bodies').map((row) => row.case);
  expect([...new Set(cases)]).toEqual(['64 KiB down', '10 MiB down', '10 MiB up']);
});

test('contenders that are not here are named with the reason', () => {
  const rows = results.rows.filter((row) => !parts.includes(row.scenario));
  const seen = new Set([...rows.map((row) => row.contender), ...results.skipped.map((skip) => skip.contender)]);
  expect(seen).toEqual(new Set(chooseContenders(few).map(({ name }) => name)));
  for (const { reason } of results.skipped) expect(reason).not.toBe('');
});

test('a contender is chosen by name or by the words that names begin with', () => {
  expect(chooseContenders(['haproxy-h1']).map(({ name }) => name)).toEqual(['haproxy-h1-new', 'haproxy-h1-kept']);
  expect(chooseContenders([])).toEqual(contenders);
  expect(() => chooseContenders(['haprox'])).toThrow(/no contender is called 'haprox'; allowed: curl-new, /);
});

function rowsOf(scenario: string): Map<string, Row> {
  return new Map(results.rows.filter((row) => row.scenario === scenario).map((row) => [row.contender, row]));
}
