// Runs one load against every contender in turn, round after round, and adds up what PHP, kernel and origin counted.

import { baselines, type Contender } from './contender.ts';
import type { Origin, OriginCounts } from './origin.ts';
import { type Job, PhpWorkers, type Target, type WorkerReport, type Workers } from './php-workers.ts';
import { cpuMicroseconds, peakRssBytes, resetPeakRss } from './process-usage.ts';
import { latencyFigures, type Measurement, type Round, type Row, toRows } from './row.ts';
import type { Sidecar } from './sidecar.ts';
import type { Stand } from './stand.ts';

export interface Load {
  readonly scenario: string;
  readonly case: string | null;
  /** PHP processes of the command line; not used where `startWorkers` is given. */
  readonly processes: number;
  readonly startWorkers?: (target: Target) => Promise<Workers>;
  readonly job: Omit<Job, 'repeats' | 'seconds'>;
  /** Requests that one repeat of the job is. */
  readonly requestsPerRepeat: number;
  /** Repeats of one process in a turn at most; default: as the scale says. */
  readonly maxRepeats?: number;
  /** Where the contenders find the origin; default: on its own port. */
  readonly port?: number;
}

/** One contender with all that belongs to it, ready to run. */
interface Team {
  readonly contender: Contender;
  readonly sidecar: Sidecar | null;
  readonly workers: Workers;
  readonly rounds: Round[];
  /** Counted, not measured. */
  readonly warmUps: Round[];
  counts: OriginCounts;
}

const noCounts: OriginCounts = { tcpConnections: 0, tlsHandshakes: 0, tlsResumed: 0 };

export async function runLoad(
  stand: Stand,
  origin: Origin,
  contenders: readonly Contender[],
  load: Load,
): Promise<Row[]> {
  const { scale, progress } = stand;
  await using stack = new AsyncDisposableStack();
  progress.begin(load.case === null ? load.scenario : `${load.scenario}, ${load.case}`);
  const teams: Team[] = [];
  for (const contender of contenders) {
    progress.step(`starting ${contender.name}`);
    teams.push(await gather(stand, stack, contender, load, load.port ?? origin.port));
  }
  const maxRepeats = Math.min(load.maxRepeats ?? scale.maxRepeats, scale.maxRepeats);
  for (const team of teams) {
    progress.step(`warming up ${team.contender.name}`);
    // A broker in a pod has long been compiled; one that has just been started is not what users see.
    const seconds = stand.isFirstUse(team.contender) ? scale.firstWarmUpSeconds : scale.warmUpSeconds;
    team.warmUps.push(await turn(origin, team, load, { ...load.job, repeats: maxRepeats, seconds }));
    if (team.sidecar !== null) resetPeakRss(team.sidecar.pid);
    for (const pid of team.workers.pids) resetPeakRss(pid);
  }
  for (let round = 0; round < scale.rounds; round++) {
    // Each round begins with another contender: whoever is first may find a colder machine.
    for (let i = 0; i < teams.length; i++) {
      const team = teams[(i + round) % teams.length] as Team;
      progress.step(`round ${round + 1} of ${scale.rounds}, ${team.contender.name}`);
      const job = { ...load.job, repeats: maxRepeats, seconds: scale.seconds };
      // While the others had their turns this one grew cold, as one in use never does.
      if (scale.leadInSeconds > 0 && load.maxRepeats === undefined) {
        team.warmUps.push(await turn(origin, team, load, { ...job, seconds: scale.leadInSeconds }));
      }
      team.rounds.push(await turn(origin, team, load, job));
    }
  }
  return toRows(load.scenario, load.case, teams.map(measurementOf), baselines);
}

async function gather(
  stand: Stand,
  stack: AsyncDisposableStack,
  contender: Contender,
  load: Load,
  port: number,
): Promise<Team> {
  const { sidecar, stop } = await stand.sidecarOf(contender, port);
  stack.defer(stop);
  const target = {
    transport: contender.transport,
    origin: `https://localhost:${port}`,
    ca: stand.certificate.ca,
    socket: sidecar?.socket ?? null,
  };
  const workers = stack.use(await (load.startWorkers?.(target) ?? PhpWorkers.start(load.processes, target)));
  return { contender, sidecar, workers, rounds: [], warmUps: [], counts: noCounts };
}

async function turn(origin: Origin, team: Team, load: Load, job: Job): Promise<Round> {
  const before = { counts: await origin.counts(), ...usage(origin, team) };
  const reports = await team.workers.run(job);
  const after = usage(origin, team);
  const counts = await origin.counts();
  team.counts = {
    tcpConnections: team.counts.tcpConnections + counts.tcpConnections - before.counts.tcpConnections,
    tlsHandshakes: team.counts.tlsHandshakes + counts.tlsHandshakes - before.counts.tlsHandshakes,
    tlsResumed: team.counts.tlsResumed + counts.tlsResumed - before.counts.tlsResumed,
  };
  const requests = total(reports, (report) => report.latenciesUs.length) * load.requestsPerRepeat;
  return {
    requests,
    errors: total(reports, (report) => report.errors),
    messages: [...new Set(reports.flatMap((report) => report.messages))],
    requestsPerSecond: (requests * 1e6) / Math.max(...reports.map((report) => report.wallUs)),
    ...latencyFigures(Float64Array.from(reports.flatMap((report) => report.latenciesUs.map((us) => us / 1000)))),
    phpCpuUs: total(reports, (report) => report.cpuUs) / requests,
    brokerCpuUs: team.sidecar === null ? null : (after.sidecarUs - before.sidecarUs) / requests,
    originCpuUs: (after.originUs - before.originUs) / requests,
  };
}

function usage(origin: Origin, team: Team): { sidecarUs: number; originUs: number } {
  return {
    sidecarUs: team.sidecar === null ? 0 : cpuMicroseconds(team.sidecar.pid),
    originUs: cpuMicroseconds(origin.pid),
  };
}

function measurementOf(team: Team): Measurement {
  return {
    contender: team.contender.name,
    rounds: team.rounds,
    warmUps: team.warmUps,
    ...team.counts,
    peakRssBytes: team.sidecar === null ? null : peakRssBytes(team.sidecar.pid),
    phpPeakRssBytes: team.workers.pids.reduce((bytes, pid) => bytes + peakRssBytes(pid), 0),
  };
}

function total(reports: readonly WorkerReport[], value: (report: WorkerReport) => number): number {
  return reports.reduce((sum, report) => sum + value(report), 0);
}
