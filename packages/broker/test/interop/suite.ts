// What must hold with every server, in every protocol that it speaks.

import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digests } from './contents.ts';
import { recordFigures } from './figures.ts';
import { InteropStand, logged, type Target } from './interop-stand.ts';
import { runLoad, runRounds } from './load.ts';
import { addReports, type Failure, type LoadReport, summarize } from './load-report.ts';
import type { InteropServer, LoggedRequest, Protocol } from './server.ts';
import { protocolsOf, type SetUpName, setUps } from './set-ups.ts';
import { watchStalls } from './stalls.ts';
import { type Engine, volume } from './volume.ts';

const mebibyte = 1024 * 1024;

/** PHP processes of a run. */
const processes = 4;

/** What the broker opens to an origin by default: `connections.max`. */
const defaultMaxConnections = 4;

/** Share of exchanges that must be on a reused session. */
const reuseTarget = 0.999;

/** How the pause before a request lies to a server's keep-alive time of one second, in milliseconds. */
const raceOffsetsMs = [-20, 0, 5, -5, 10, 25, -40];

/** Long for what is asked: on a starved machine a server writes its log, or closes a connection, when it gets to it. */
const patience = { withinMs: 60_000, everyMs: 50 };

/** Looks in a row, two seconds in all, at which a log that does not grow is taken to be all there is. */
const settledLooks = 40;

/** Sessions are retired this long before a server that closes them after a second, at 80 % of what was learned. */
const retiredBeforeMs = 200;

/** Declares the tests of one server; one file per server calls it, so that the files can run side by side. */
export function describeInterop(server: InteropServer): void {
  const { engines } = volume;
  describe.skipIf(!isDebian).each(engines)(`${server.name}, HTTP/2 by the %s engine`, (engine) => {
    const protocols = engine === engines[0] ? server.protocols : server.protocols.filter((name) => name === 'h2');
    describeRuns(server, engine, protocols);
  });
}

/** The configurations know where Debian puts things. */
const isDebian = existsSync('/etc/debian_version');

function describeRuns(server: InteropServer, engine: Engine, protocols: readonly Protocol[]): void {
  const { requests, timeoutMs } = volume;
  let stand: InteropStand;
  beforeAll(async () => {
    stand = await InteropStand.start(server, engine);
  }, timeoutMs);
  afterAll(() => stand?.[Symbol.asyncDispose](), timeoutMs);

  const declare = (name: SetUpName, title: string, run: Run) => {
    for (const protocol of protocolsOf(server, setUps[name])) {
      if (!protocols.includes(protocol)) continue;
      test(`${title}: ${protocol}`, { concurrent: true, timeout: timeoutMs }, () =>
        run({ stand, server, engine, protocol, target: stand.target(name, protocol) }),
      );
    }
  };
  // One after the other, as they share sessions; each in both protocols at once.
  describe('as the package leaves it', () => {
    describe('', () => declare('plain', 'bodies of all sizes, both ways', bodies));
    describe('', () => declare('plain', '100 requests at once', manyAtOnce));
    describe('', () => declare('plain', `${requests} GETs and ${requests} POSTs`, volumeRun));
  });
  // All at once, as much of them is waiting.
  describe('set up awkwardly', () => {
    declare('shortIdle', '1 s keep-alive, requests at that interval', keepAliveRace);
    declare('reloaded', 'a reload every second under load', reloads);
    declare('fewStreams', '2 streams a connection', fewStreams);
    declare('fewRequests', '10 requests a connection', fewRequestsPerConnection);
  });
}

interface RunContext {
  readonly stand: InteropStand;
  readonly server: InteropServer;
  readonly engine: Engine;
  readonly protocol: Protocol;
  readonly target: Target;
}

type Run = (context: RunContext) => Promise<void>;

interface Answer {
  readonly status: number;
  readonly protocol: string;
  readonly length: string | null;
  readonly bytes: number;
  readonly sha256: string;
}

async function bodies({ stand, protocol, target }: RunContext): Promise<void> {
  await using php = await stand.php('interop-basics.php', [target.url]);
  const { code } = await php.exited;
  expect(code, php.stdout + php.stderr).toBe(0);
  const { sent, ...answers } = JSON.parse(php.stdout) as { sent: string } & Record<string, Answer>;
  for (const answer of Object.values(answers as Record<string, Answer>)) {
    expect(answer.protocol).toBe(protocol === 'h2' ? 'h2' : 'http/1.1');
  }
  expect(answers).toMatchObject({
    small: { status: 200, bytes: 512, sha256: digests.small },
    head: { status: 200, bytes: 0, length: '512' },
    missing: { status: 404 },
    upload: { status: 200, bytes: mebibyte, sha256: sent },
    unsized: { status: 200, bytes: mebibyte, sha256: sent },
    large: { status: 200, bytes: 10 * mebibyte, sha256: digests.large },
  });
}

async function manyAtOnce({ stand, protocol, target }: RunContext): Promise<void> {
  const ids = `at-once-${protocol}-`;
  const report = await runLoad(stand, {
    target,
    methods: ['GET', 'POST'],
    requests: 100,
    processes: 1,
    batch: 100,
    ids,
  });
  expectAllAnswered(report, 100);
  expect(stand.duplicates(target, ids)).toEqual([]);
  const connections = countConnections(await untilLogged(target, ids, 100));
  expect(connections).toBeLessThanOrEqual(protocol === 'h2' ? 1 : defaultMaxConnections);
}

async function volumeRun({ stand, server, engine, protocol, target }: RunContext): Promise<void> {
  const { requests } = volume;
  for (const method of ['GET', 'POST'] as const) {
    const ids = `${method}-${protocol}-`;
    const known = new Set(target.server.log().map(({ connection }) => connection));
    const report = await runLoad(stand, { target, methods: [method], requests, processes, ids });
    const log = await untilLogged(target, ids, report.answers);
    const duplicates = stand.duplicates(target, ids);
    const connections = countConnections(log);
    recordFigures(server, protocol, engine, `default, ${method}`, report, { connections, duplicates });
    expectAllAnswered(report, requests);
    expect(duplicates).toEqual([]);
    const opened = openedIn(report);
    expect(opened).toBeLessThanOrEqual(openedAtMost(requests, server.defaultRequestsPerConnection[protocol]));
    // What the facts say and what the server saw are the same.
    expect(countConnections(log.filter(({ connection }) => !known.has(connection)))).toBe(opened);
  }
}

/** Sessions opened by that many requests. A server that counts the requests of a connection may take more than the target leaves. */
function openedAtMost(requests: number, requestsPerConnection: number | undefined): number {
  const byTarget = Math.max(defaultMaxConnections, Math.floor(requests * (1 - reuseTarget) + 1e-9));
  if (requestsPerConnection === undefined) return byTarget;
  return Math.max(byTarget, Math.ceil(requests / requestsPerConnection) + defaultMaxConnections);
}

async function fewStreams({ stand, server, engine, protocol, target }: RunContext): Promise<void> {
  const requests = 2 * volume.requests;
  const ids = `streams-${protocol}-`;
  const report = await runLoad(stand, { target, methods: ['GET', 'POST'], requests, processes, batch: 25, ids });
  const connections = countConnections(await untilLogged(target, ids, report.answers));
  const duplicates = stand.duplicates(target, ids);
  recordFigures(server, protocol, engine, '2 streams', report, { connections, duplicates });
  expectAllAnswered(report, requests);
  expect(duplicates).toEqual([]);
  // The setting had its effect.
  expect(connections).toBeGreaterThan(1);
  expect(connections).toBeLessThanOrEqual(openedAtMost(requests, server.defaultRequestsPerConnection[protocol]));
}

async function fewRequestsPerConnection({ stand, server, engine, protocol, target }: RunContext): Promise<void> {
  const requests = 2 * volume.requests;
  const ids = `requests-${protocol}-`;
  const report = await runLoad(stand, { target, methods: ['GET', 'POST'], requests, processes, ids });
  const connections = countConnections(await untilLogged(target, ids, report.answers));
  const duplicates = stand.duplicates(target, ids);
  recordFigures(server, protocol, engine, '10 a connection', report, { connections, duplicates });
  expectAllAnswered(report, requests);
  expect(duplicates).toEqual([]);
  // The setting had its effect.
  expect(connections).toBeGreaterThan(report.answers / (2 * setUps.fewRequests.settings.requestsPerConnection));
}

async function reloads({ stand, server, engine, protocol, target }: RunContext): Promise<void> {
  const ids = `reload-${protocol}-`;
  const load = { target, methods: ['GET', 'POST'], processes, ids } as const;
  const requests = 2 * volume.requests;
  const run = runLoad(stand, { ...load, requests, spreadMs: volume.reloadMs });
  let isOver = false;
  const over = run.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await Promise.race([delay(1_000), over]);
    if (!isOver) await target.server.reload();
  }
  let report = await run;
  let sent = requests;
  // The setting had its effect. A starved server may not have come to it while the load lasted.
  await eventually(async () => {
    if (openedIn(report) > 1) return;
    await target.server.reload();
    await delay(1_000);
    report = addReports([report, await runLoad(stand, { ...load, requests: processes, ids: `${ids}${sent}-` })]);
    sent += processes;
    throw new Error('a reload ended no connection');
  }, patience);
  // A process that a reload ends may take its last log lines with it; POSTs are counted by the origin behind it.
  const connections = countConnections(logged(target.server, ids));
  const duplicates = stand.duplicates(target, ids);
  recordFigures(server, protocol, engine, 'reloads', report, { connections, duplicates });
  // A reload closes idle connections at a moment that nobody can learn.
  expectAllAnswered(report, sent, protocol === 'h1' || server.resetsOnReload === true);
  expect(duplicates).toEqual([]);
}

/** From the first idle connection that a server closes to the last. */
const closingMs = 500;

async function keepAliveRace({ stand, server, engine, protocol, target }: RunContext): Promise<void> {
  const { batch, roundsBefore, roundsAfter } = volume.race;
  const ids = `race-${protocol}-`;
  using stalls = watchStalls();
  const pauses = (rounds: number) => Array.from({ length: rounds }, (_, round) => () => delay(racePauseMs(round)));
  // What teaches the broker is to see the server close idle connections, twice. All of them close within moments, but for
  // those that never had a request: these a server keeps longer.
  const untilClosed = async () => {
    const { openConnections } = target.server;
    await eventually(() => target.server.openConnections < Math.max(openConnections, 1), patience);
    await delay(closingMs);
  };
  const reports = await runRounds(stand, { target, methods: ['GET', 'POST'], processes, batch, ids }, [
    () => Promise.resolve(),
    ...pauses(roundsBefore - 1),
    untilClosed,
    untilClosed,
    ...pauses(roundsAfter - 1),
  ]);
  const before = addReports(reports.slice(0, roundsBefore + 1));
  const after = addReports(reports.slice(roundsBefore + 1));
  const duplicates = stand.duplicates(target, ids);
  recordFigures(server, protocol, engine, '1 s, before', before, { duplicates });
  recordFigures(server, protocol, engine, '1 s, after', after, { duplicates });

  const perRound = processes * batch;
  expectAllAnswered(before, (roundsBefore + 1) * perRound, protocol === 'h1');
  // Who stands still for longer than sessions are retired early may learn a wrong time, and cannot keep the right one.
  const mayRace = protocol === 'h1' && stalls.longestMs() > retiredBeforeMs / 2;
  expectAllAnswered(after, roundsAfter * perRound, mayRace);
  expect(duplicates).toEqual([]);
}

function racePauseMs(round: number): number {
  return 1_000 + (raceOffsetsMs[round % raceOffsetsMs.length] as number);
}

/** Every request was answered, but for those that nobody could: see `isHonestRace`. */
function expectAllAnswered({ answers, failures }: LoadReport, requests: number, mayRace = false): void {
  expect(summarize(failures.filter((failure) => !(mayRace && isHonestRace(failure))))).toEqual([]);
  expect(answers + failures.length).toBe(requests);
}

/**
 * An origin may close a kept HTTP/1.1 connection at the moment a request is written on it, and nothing tells whether it
 * saw it: a request that is not idempotent (RFC 9110 section 9.2.2) then fails, and says that it may have been processed.
 * HTTP/2 has GOAWAY for this, where the server sends it.
 */
function isHonestRace({ method, name, processed }: Failure): boolean {
  return method === 'POST' && name === 'origin_closed' && processed === 'maybe';
}

/** Sessions that were opened for these answers, by their facts. */
function openedIn({ answers, sessions }: LoadReport): number {
  return answers - (sessions.reused ?? 0);
}

/**
 * What the server logged of those requests: all of them, or nearly all once no more come. HAProxy now and then drops a line
 * of a thousand; what is counted are connections, and each has many lines.
 */
async function untilLogged({ server }: Target, ids: string, requests: number): Promise<LoggedRequest[]> {
  let lines: LoggedRequest[] = [];
  let unchanged = 0;
  await eventually(() => {
    const now = logged(server, ids);
    unchanged = now.length === lines.length ? unchanged + 1 : 0;
    lines = now;
    const isSettled = unchanged >= settledLooks && lines.length >= Math.floor(0.99 * requests);
    if (lines.length >= requests || isSettled) return;
    throw new Error(`the access log shows ${lines.length} requests of ${requests}`);
  }, patience);
  return lines;
}

function countConnections(log: readonly LoggedRequest[]): number {
  return new Set(log.map(({ connection }) => connection)).size;
}
