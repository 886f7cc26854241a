// Requests from several PHP processes at once, and what they saw.

import type { TestProcess } from '@hawser/testkit';
import { digests } from './contents.ts';
import type { InteropStand, Target } from './interop-stand.ts';
import { addReports, type LoadReport } from './load-report.ts';

export interface Load {
  readonly target: Target;
  /** Taken in turn. */
  readonly methods: readonly ('GET' | 'POST')[];
  /** Of all processes together. */
  readonly requests: number;
  readonly processes: number;
  /** Requests at once, of one process; default 1. */
  readonly batch?: number;
  /** The requests are spread over this time. */
  readonly spreadMs?: number;
  /** What the ids of the requests begin with. */
  readonly ids: string;
}

/** Longest that one batch or one run of a process may take. */
const runLimitMs = 600_000;

/** Sends requests from several processes at once. */
export async function runLoad(stand: InteropStand, load: Load): Promise<LoadReport> {
  const processes = await startLoad(stand, load, false);
  const report = await nextReports(processes);
  await end(processes);
  return report;
}

/** As `runLoad`, in rounds of one batch per process, each after its wait; a report per round. */
export async function runRounds(
  stand: InteropStand,
  load: Omit<Load, 'requests'> & { readonly batch: number },
  waits: readonly (() => Promise<unknown>)[],
): Promise<LoadReport[]> {
  const requests = load.processes * load.batch * waits.length;
  const processes = await startLoad(stand, { ...load, requests }, true);
  const reports: LoadReport[] = [];
  for (const wait of waits) {
    await wait();
    for (const php of processes) php.writeLine('');
    reports.push(await nextReports(processes));
  }
  await end(processes);
  return reports;
}

function startLoad(stand: InteropStand, load: Load, isGated: boolean): Promise<TestProcess[]> {
  const requests = Math.ceil(load.requests / load.processes);
  const { target, methods, batch = 1, spreadMs = 0, ids } = load;
  const job = { url: target.url, methods, requests, batch, digest: digests.small, spreadMs, isGated };
  return Promise.all(
    Array.from({ length: load.processes }, (_, index) =>
      stand.php('interop-load.php', [JSON.stringify({ ...job, prefix: `${ids}${index}-` })]),
    ),
  );
}

async function nextReports(processes: readonly TestProcess[]): Promise<LoadReport> {
  const reports = await Promise.all(
    processes.map(async (php) => JSON.parse(await php.line((line) => line.startsWith('{'), runLimitMs)) as LoadReport),
  );
  return addReports(reports);
}

async function end(processes: readonly TestProcess[]): Promise<void> {
  await Promise.all(processes.map((php) => php.stop()));
}
