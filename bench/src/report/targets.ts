// How Hawser stands in the ratios that are aimed at, as a Markdown table: also where it is behind.

import type { Ratios, Row } from '../row.ts';
import { formatCount, formatRatio } from './format.ts';

interface Target {
  readonly scenario: string;
  readonly figure: keyof Ratios;
  readonly baseline: string;
  readonly text: string;
  readonly wanted: string;
}

const targets: readonly Target[] = [
  target('workers', 'requestsPerSecond', 'haproxy-new', 'requests/s', '≥ 2'),
  target('workers', 'requestsPerSecond', 'haproxy-kept', 'requests/s', '≥ 1.2'),
  target('workers', 'requestsPerSecond', 'curl-share', 'requests/s', '≥ 1.2'),
  target('workers', 'phpCpuUs', 'haproxy-new', 'PHP CPU', '≤ 0.35'),
  target('sequential', 'p50Ms', 'haproxy-kept', 'p50', '≤ 1'),
  target('fanout', 'p50Ms', 'haproxy-kept', 'time for ten', '≤ 0.6'),
];

/** One column for each way that Hawser's own client speaks to the origin. */
export function formatTargets(rows: readonly Row[]): string[] {
  const names = ['hawser-node', 'hawser-native', 'hawser-h1'].filter((name) =>
    rows.some((row) => row.contender === name),
  );
  const find = (scenario: string, contender: string): Row | undefined =>
    rows.find((row) => row.scenario === scenario && row.contender === contender);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['ratio', 'aimed at', ...names];
  return [
    line(head),
    line(head.map(() => '---')),
    ...targets.map(({ scenario, figure, baseline, text, wanted }) =>
      line([
        `${scenario}: ${text} ÷ ${baseline}`,
        wanted,
        ...names.map((name) => formatRatio(find(scenario, name)?.ratios[baseline]?.[figure])),
      ]),
    ),
    line([
      'workers: TCP connections',
      '1 over HTTP/2',
      ...names.map((name) => formatCount(find('workers', name)?.tcpConnections ?? null)),
    ]),
  ];
}

function target(scenario: string, figure: keyof Ratios, baseline: string, text: string, wanted: string): Target {
  return { scenario, figure, baseline, text, wanted };
}
