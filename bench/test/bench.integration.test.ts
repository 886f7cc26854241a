// A tiny bench of every scenario, end to end: what is counted and written, never how fast it was.

import { beforeAll, describe, expect, test } from 'vitest';
import { type Results, runBench, scenarios } from '../src/bench.ts';
import { chooseContenders, contenders } from '../src/contender.ts';
import { silentProgress } from '../src/progress.ts';
import type { Row } from '../src/row.ts';
import { scales } from '../src/scale.ts';

/** What one process sends in a tiny run: a turn to warm up, and a round. */
const turns = 2 * scales.tiny.maxRepeats;
/** One of each kind: what they share is the same code. */
const few = ['curl-new', 'curl-share', 'haproxy-new', 'haproxy-kept', 'nginx-kept', 'guzzle', 'symfony', 'hawser'];
let results: Results;

beforeAll(async () => {
  results = await runBench(scenarios, chooseContenders(few), scales.tiny, silentProgress);
}, 180_000);

test('every scenario has rows, and no row has errors', () => {
  expect(new Set(results.rows.map((row) => row.scenario))).toEqual(new Set(scenarios.map(({ name }) => name)));
  expect(results.rows.filter((row) => row.errors > 0)).toEqual([]);
});

describe.each([
  ['sequential', 1],
  ['workers', 8],
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

  test('has ratios to both baselines', () => {
    const row = rowsOf(scenario).get('hawser-node');
    expect(Object.keys(row?.ratios ?? {})).toEqual(['curl-new', 'haproxy-kept']);
  });
});

test('fan-outs are told per exchange', () => {
  expect(rowsOf('fanout').get('hawser-node')).toMatchObject({ requests: 10 * turns, tcpConnections: 1 });
});

test('each case of bodies has its rows', () => {
  const cases = results.rows.filter((row) => row.scenario === 'bodies').map((row) => row.case);
  expect([...new Set(cases)]).toEqual(['64 KiB down', '10 MiB down', '10 MiB up']);
});

test('contenders that are not here are named with the reason', () => {
  const seen = new Set([...results.rows.map((row) => row.contender), ...results.skipped.map((skip) => skip.contender)]);
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
