// One line per run, for whoever runs the full form and wants to see by how much it holds.

import type { LoadReport } from './load-report.ts';
import type { InteropServer, Protocol } from './server.ts';
import { isFull } from './volume.ts';

export function recordFigures(
  server: InteropServer,
  protocol: Protocol,
  run: string,
  { answers, failures, repeated, sessions }: LoadReport,
  seen: { readonly connections?: number; readonly duplicates: readonly string[] },
): void {
  if (!isFull) return;
  const share = answers === 0 ? 0 : ((sessions.reused ?? 0) / answers) * 100;
  const cells = [
    `${server.name} ${protocol}`.padEnd(12),
    run.padEnd(16),
    `${answers} answers`.padStart(14),
    `${failures.length} errors`.padStart(11),
    `${repeated} repeated`.padStart(14),
    `${share.toFixed(2)} % reused`.padStart(16),
    seen.connections === undefined ? '' : `${seen.connections} connections`.padStart(17),
    `${seen.duplicates.length} executed twice`,
  ];
  process.stdout.write(`${cells.join('  ')}\n`);
}
