// The results as tables for the terminal.

import type { Results } from '../bench.ts';
import { shownBaselines } from '../contender.ts';
import type { Row } from '../row.ts';
import { formatTable } from '../table.ts';
import { formatBytes, formatCount, formatMs, formatRate, formatRatio, formatUs } from './format.ts';
import { groupRows, titleOf } from './groups.ts';

const head = [
  'contender',
  'requests',
  'errors',
  'requests/s',
  'min–max',
  'p50 ms',
  'p99 ms',
  'max ms',
  'PHP µs',
  'broker µs',
  'origin µs',
  'TCP',
  'TLS',
  'RSS MiB',
  ...shownBaselines.map((name) => `× ${name}`),
];

/** One table for each scenario and case, then what was skipped, then every error. */
export function formatResults(results: Results): string {
  const parts: string[] = [];
  for (const [title, rows] of groupRows(results.rows)) {
    parts.push(`\n${title}\n${formatTable(head, rows.map(cells))}`);
  }
  if (results.skipped.length > 0) {
    parts.push(
      `\nSkipped\n${results.skipped
        .map(
          ({ contender, scenario, reason }) => `  ${contender}${scenario === null ? '' : ` in ${scenario}`}: ${reason}`,
        )
        .join('\n')}`,
    );
  }
  const failed = results.rows.filter((row) => row.errors > 0);
  if (failed.length > 0) {
    parts.push(
      `\nErrors\n${failed
        .map(
          (row) => `  ${titleOf(row)}, ${row.contender}: ${row.errors} of ${row.requests}: ${row.messages.join('; ')}`,
        )
        .join('\n')}`,
    );
  }
  return `${parts.join('\n')}\n`;
}

function cells(row: Row): string[] {
  const range = row.spread.requestsPerSecond;
  return [
    row.contender,
    formatCount(row.requests),
    formatCount(row.errors),
    formatRate(row.requestsPerSecond),
    range === null ? '' : `${formatRate(range[0])}–${formatRate(range[1])}`,
    formatMs(row.p50Ms),
    formatMs(row.p99Ms),
    formatMs(row.maxMs),
    formatUs(row.phpCpuUs),
    formatUs(row.brokerCpuUs),
    formatUs(row.originCpuUs),
    formatCount(row.tcpConnections),
    formatCount(row.tlsHandshakes),
    formatBytes(row.peakRssBytes),
    ...shownBaselines.map((name) => formatRatio(row.ratios[name]?.requestsPerSecond)),
  ];
}
