// One line per run, for whoever runs the full form and wants to see by how much it holds.

import { type LoadReport, summarize } from './load-report.ts';
import type { InteropServer, Protocol } from './server.ts';
import { type Engine, isFull } from './volume.ts';

export function recordFigures(
  server: InteropServer,
  protocol: Protocol,
  engine: Engine,
  run: string,
  { answers, failures, repeated, sessions }: LoadReport,
  seen: { readonly connections?: number; readonly duplicates: readonly string[] },
): void {
  if (!isFull) return;
  const share = answers === 0 ? 0 : ((sessions.reused ?? 0) / answers) * 100;
  const cells = [
    `${server.name} ${protocol === 'h2' ? `h2 ${engine}` : protocol}`.padEnd(18),
    run.padEnd(16),
    `${answers} answers`.padStart(14),
    `${failures.length} errors`.padStart(11),
    `${repeated} repeated`.padStart(14),
    `${share.toFixed(2)} % reused`.padStart(16),
    seen.connections === undefined ? '' : `${seen.connections} connections`.padStart(17),
    `${seen.duplicates.length} executed twice`,
  ];
  const lines = [cells.join('  '), ...summarize(failures).map((failure) => `  ${failure}`)];
  process.stdout.write(`${lines.join('\n')}\n`);
}
