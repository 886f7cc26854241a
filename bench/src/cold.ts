// The scenario of a quiet start: the first requests of a new PHP process through a broker or proxy that has just started.

import { setTimeout as delay } from 'node:timers/promises';
import { baselines, type Contender } from './contender.ts';
import { type Origin, smallBytes } from './origin.ts';
import { PhpWorkers, type WorkerReport } from './php-workers.ts';
import { cpuMicroseconds, peakRssBytes } from './process-usage.ts';
import { latencyFigures, type Measurement, type Round, toRows } from './row.ts';
import type { Scenario } from './scenario.ts';
import { startSidecar } from './sidecar.ts';
import type { Stand } from './stand.ts';

/** A start that is over: what it leaves to do is no part of the first request. */
const quietMs = 300;
const followers = 9;
const cases = ['first request', `requests 2 to ${followers + 1}`] as const;

interface Start {
  readonly rounds: [Round, Round];
  readonly tcpConnections: number;
  readonly tlsHandshakes: number;
  readonly tlsResumed: number;
  readonly peakRssBytes: number | null;
  readonly phpPeakRssBytes: number;
}

export const cold: Scenario = {
  name: 'cold',
  what: `a new PHP process and a new broker or proxy, quiet for ${quietMs} ms: the first request, and the ${followers} after it`,
  async run(stand, contenders) {
    const able = contenders.filter((contender) => {
      if (!contender.transport.startsWith('hawser-')) return true;
      stand.skip(contender.name, 'cold', `the broker starts as for hawser-${contender.sidecar?.split('-')[1]}`);
      return false;
    });
    stand.progress.begin('cold');
    await using origin = await stand.startOrigin();
    const starts = new Map<string, Start[]>(able.map(({ name }) => [name, []]));
    for (let round = 0; round < stand.scale.rounds; round++) {
      for (const contender of able) {
        stand.progress.step(`start ${round + 1} of ${stand.scale.rounds}, ${contender.name}`);
        starts.get(contender.name)?.push(await start(stand, origin, contender));
      }
    }
    return cases.flatMap((name, which) =>
      toRows(
        'cold',
        name,
        [...starts].map(([contender, each]) => measurementOf(contender, each, which)),
        baselines,
      ),
    );
  },
};

async function start(stand: Stand, origin: Origin, contender: Contender): Promise<Start> {
  await using stack = new AsyncDisposableStack();
  const target = { host: 'localhost', address: '127.0.0.1', port: origin.port, ca: stand.certificate.ca };
  const sidecar =
    contender.sidecar === null ? null : stack.use(await startSidecar(contender.sidecar, stand.makeDirectory(), target));
  const workers = stack.use(
    await PhpWorkers.start(1, {
      transport: contender.transport,
      origin: origin.url,
      ca: stand.certificate.ca,
      socket: sidecar?.socket ?? null,
    }),
  );
  await delay(quietMs);
  const before = await origin.counts();
  const job = { act: 'get', path: '/small', size: 1, expect: smallBytes, seconds: 60 } as const;
  const measure = async (repeats: number): Promise<Round> => {
    const sidecarUs = sidecar === null ? 0 : cpuMicroseconds(sidecar.pid);
    const originUs = cpuMicroseconds(origin.pid);
    const [report] = (await workers.run({ ...job, repeats })) as [WorkerReport];
    return {
      requests: repeats,
      errors: report.errors,
      messages: report.messages,
      requestsPerSecond: (repeats * 1e6) / report.wallUs,
      ...latencyFigures(Float64Array.from(report.latenciesUs, (us) => us / 1000)),
      phpCpuUs: report.cpuUs / repeats,
      brokerCpuUs: sidecar === null ? null : (cpuMicroseconds(sidecar.pid) - sidecarUs) / repeats,
      originCpuUs: (cpuMicroseconds(origin.pid) - originUs) / repeats,
    };
  };
  const rounds: [Round, Round] = [await measure(1), await measure(followers)];
  const after = await origin.counts();
  return {
    rounds,
    tcpConnections: after.tcpConnections - before.tcpConnections,
    tlsHandshakes: after.tlsHandshakes - before.tlsHandshakes,
    tlsResumed: after.tlsResumed - before.tlsResumed,
    peakRssBytes: sidecar === null ? null : peakRssBytes(sidecar.pid),
    phpPeakRssBytes: workers.pids.reduce((bytes, pid) => bytes + peakRssBytes(pid), 0),
  };
}

/** Connections are those of all starts, and of both cases. */
function measurementOf(contender: string, starts: readonly Start[], which: number): Measurement {
  const total = (value: (start: Start) => number): number => starts.reduce((sum, each) => sum + value(each), 0);
  const hasSidecar = starts.some((each) => each.peakRssBytes !== null);
  return {
    contender,
    rounds: starts.map((each) => each.rounds[which] as Round),
    warmUps: [],
    tcpConnections: total((each) => each.tcpConnections),
    tlsHandshakes: total((each) => each.tlsHandshakes),
    tlsResumed: total((each) => each.tlsResumed),
    peakRssBytes: hasSidecar ? Math.max(...starts.map((each) => each.peakRssBytes ?? 0)) : null,
    phpPeakRssBytes: Math.max(...starts.map((each) => each.phpPeakRssBytes)),
  };
}
