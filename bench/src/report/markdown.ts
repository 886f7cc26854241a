// The results as a Markdown report: what was measured on what, a table for each scenario, and everything that went wrong.

import type { Results } from '../bench.ts';
import { contenders, shownBaselines } from '../contender.ts';
import type { Row } from '../row.ts';
import { formatBytes, formatCount, formatMs, formatRate, formatRatio, formatUs } from './format.ts';
import { groupRows } from './groups.ts';
import { formatTargets } from './targets.ts';

const head = [
  'contender',
  'requests',
  'errors',
  'requests/s (min–max)',
  'p50 ms',
  'p99 ms',
  'max ms',
  'PHP CPU µs',
  'broker CPU µs',
  'origin CPU µs',
  'TCP',
  'TLS (resumed)',
  'RSS MiB',
  'PHP RSS MiB',
];

/** `charts`: the file names of each scenario's charts. */
export function formatReport(
  results: Results,
  what: ReadonlyMap<string, string>,
  charts: ReadonlyMap<string, readonly string[]>,
): string {
  const { machine, versions } = results;
  const lines = [
    '# Bench',
    '',
    `Written by \`pnpm bench\` on ${results.startedAt.slice(0, 10)}, scale \`${results.scale}\`. CPU is per request and from`,
    "the kernel's accounting; TCP connections and TLS handshakes are counted by the origin, over all requests. Figures are",
    'medians of the rounds, in which contenders take turns; ratios are medians of the ratios within each round.',
    '',
    `${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)} MiB, ${machine.kernel}.`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    '',
    '## Against what is aimed at',
    '',
    ...formatTargets(results.rows),
    '',
    '## Contenders',
    '',
    '| contender | what it is |',
    '| --- | --- |',
    ...contenders.map(({ name, label }) => `| ${name} | ${label} |`),
  ];
  for (const [title, rows] of groupRows(results.rows)) {
    lines.push('', `## ${title}`, '', `${capital(what.get(rows[0]?.scenario ?? '') ?? '')}.`, '');
    lines.push(...table(rows));
    for (const chart of charts.get(title) ?? []) lines.push('', `![${title}](${chart})`);
  }
  if (results.skipped.length > 0) {
    lines.push('', '## Skipped', '');
    for (const { contender, scenario, reason } of results.skipped) {
      lines.push(`- ${contender}${scenario === null ? '' : ` in ${scenario}`}: ${reason}`);
    }
  }
  const failed = results.rows.filter((row) => row.errors > 0);
  lines.push('', '## Errors', '');
  if (failed.length === 0) lines.push('None.');
  for (const row of failed) {
    lines.push(`- ${row.scenario}, ${row.contender}: ${row.errors} of ${row.requests}: ${row.messages.join('; ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly Row[]): string[] {
  const against = shownBaselines.filter((name) => rows.some((row) => row.ratios[name] !== undefined));
  const columns = [...head, ...against.flatMap((name) => [`req/s ÷ ${name}`, `p50 ÷ ${name}`, `PHP CPU ÷ ${name}`])];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map((row) => line(cells(row, against)))];
}

function cells(row: Row, against: readonly string[]): string[] {
  const range = row.spread.requestsPerSecond;
  return [
    row.contender,
    formatCount(row.requests),
    formatCount(row.errors),
    `${formatRate(row.requestsPerSecond)}${range === null ? '' : ` (${formatRate(range[0])}–${formatRate(range[1])})`}`,
    formatMs(row.p50Ms),
    formatMs(row.p99Ms),
    formatMs(row.maxMs),
    formatUs(row.phpCpuUs),
    formatUs(row.brokerCpuUs),
    formatUs(row.originCpuUs),
    formatCount(row.tcpConnections),
    row.tlsHandshakes === null ? '–' : `${row.tlsHandshakes} (${row.tlsResumed})`,
    formatBytes(row.peakRssBytes),
    formatBytes(row.phpPeakRssBytes),
    ...against.flatMap((name) => {
      const ratios = row.ratios[name];
      return [formatRatio(ratios?.requestsPerSecond), formatRatio(ratios?.p50Ms), formatRatio(ratios?.phpCpuUs)];
    }),
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
