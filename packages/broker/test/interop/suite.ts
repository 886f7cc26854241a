// What must hold with every server, in every protocol that it speaks.

import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@hawser/testkit';
import { describe, expect, test } from 'vitest';
import { digests } from './contents.ts';
import { recordFigures } from './figures.ts';
import { InteropStand } from './interop-stand.ts';
import { knownFailures } from './known-failures.ts';
import { type Failure, type LoadReport, summarize } from './load-report.ts';
import type { InteropServer, Protocol } from './server.ts';
import { isFull, volume } from './volume.ts';

const mebibyte = 1024 * 1024;

/** PHP processes of a run. */
const processes = 4;

/** What the broker opens to an origin by default: `connections.max`. */
const defaultMaxConnections = 4;

/** Share of exchanges that must be on a reused session. */
const reuseTarget = 0.999;

/** How the pause before a request lies to a server's keep-alive time of one second, in milliseconds. */
const raceOffsetsMs = [-20, 0, 5, -5, 10, 25, -40];

/** Declares the tests of one server; one file per server calls it, so that the files can run side by side. */
export function describeInterop(server: InteropServer): void {
  const { requests } = volume;
  describe.skipIf(!isDebian)(server.name, () => {
    each(server, null, 'bodies of all sizes, both ways', bodies);
    each(server, null, '100 requests at once', manyAtOnce);
    each(server, null, `${requests} GETs and ${requests} POSTs as the package leaves it`, volumeRun);
    each(server, 'maxStreams', '2 streams a connection', fewStreams);
    each(server, 'requestsPerConnection', '10 requests a connection', fewRequestsPerConnection);
    each(server, 'reload', 'a reload every second under load', reloads);
    each(server, 'keepAliveSeconds', '1 s keep-alive, requests at that interval', keepAliveRace);
  });
}

/** The configurations know where Debian puts things. */
const isDebian = existsSync('/etc/debian_version');

type Run = (server: InteropServer, protocol: Protocol) => Promise<void>;

/** A test per protocol in which the server can do what the run needs; side by side, as much of a run is waiting. */
function each(server: InteropServer, needs: Parameters<InteropServer['can']>[0] | null, title: string, run: Run): void {
  const protocols = server.protocols.filter((protocol) => needs === null || server.can(needs, protocol));
  if (protocols.length === 0) return;
  describe(title, () => {
    for (const protocol of protocols) {
      const isLeftOut = !isFull && isKnownFailure(server, protocol, needs);
      const options = { concurrent: true, skip: isLeftOut, timeout: volume.timeoutMs };
      test(protocol, options, () => run(server, protocol));
    }
  });
}

function isKnownFailure(server: InteropServer, protocol: Protocol, needs: string | null): boolean {
  return knownFailures.some(
    (known) => known.server === server.name && known.protocol === protocol && known.needs === needs,
  );
}

interface Answer {
  readonly status: number;
  readonly protocol: string;
  readonly length: string | null;
  readonly bytes: number;
  readonly sha256: string;
}

const bodies: Run = async (server, protocol) => {
  await using stand = await InteropStand.start({ server, protocol });
  await using php = await stand.php('interop-basics.php', [stand.server.url]);
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
};

const manyAtOnce: Run = async (server, protocol) => {
  await using stand = await InteropStand.start({ server, protocol });
  const report = await stand.run({ methods: ['GET', 'POST'], requests: 100, processes: 1, batch: 100 });
  expect(summarize(report.failures)).toEqual([]);
  expect(report.answers).toBe(100);
  expect(stand.duplicates('r')).toEqual([]);
  expect(await stand.connections('r', 100)).toBeLessThanOrEqual(protocol === 'h2' ? 1 : defaultMaxConnections);
};

const volumeRun: Run = async (server, protocol) => {
  await using stand = await InteropStand.start({ server, protocol });
  const { requests } = volume;
  for (const method of ['GET', 'POST'] as const) {
    const report = await stand.run({ methods: [method], requests, processes, prefix: method });
    const connections = await stand.connections(method, report.answers);
    const duplicates = stand.duplicates(method);
    recordFigures(server, protocol, `default, ${method}`, report, { connections, duplicates });
    expect(summarize(report.failures)).toEqual([]);
    expect(report.answers).toBe(requests);
    expect(duplicates).toEqual([]);
    const opened = report.answers - (report.sessions.reused ?? 0);
    expect(opened).toBeLessThanOrEqual(openedAtMost(requests, server.defaultRequestsPerConnection[protocol]));
    // What the facts say and what the server saw are the same; the POSTs begin with the sessions that the GETs left.
    if (method === 'GET') expect(connections).toBe(opened);
  }
};

/** Sessions opened by that many requests. A server that counts the requests of a connection may take more than the target leaves. */
function openedAtMost(requests: number, requestsPerConnection: number | undefined): number {
  const byTarget = Math.max(defaultMaxConnections, Math.floor(requests * (1 - reuseTarget) + 1e-9));
  if (requestsPerConnection === undefined) return byTarget;
  return Math.max(byTarget, Math.ceil(requests / requestsPerConnection) + defaultMaxConnections - 1);
}

const fewStreams: Run = async (server, protocol) => {
  await using stand = await InteropStand.start({ server, protocol, settings: { maxStreams: 2 } });
  const { requests } = volume;
  const report = await stand.run({ methods: ['GET', 'POST'], requests: 2 * requests, processes, batch: 25 });
  const connections = await stand.connections('r', report.answers);
  recordFigures(server, protocol, '2 streams', report, { connections, duplicates: stand.duplicates('r') });
  expect(summarize(report.failures)).toEqual([]);
  expect(stand.duplicates('r')).toEqual([]);
  // The setting had its effect.
  expect(connections).toBeGreaterThan(1);
  expect(connections).toBeLessThanOrEqual(openedAtMost(2 * requests, server.defaultRequestsPerConnection[protocol]));
};

const fewRequestsPerConnection: Run = async (server, protocol) => {
  const limit = 10;
  await using stand = await InteropStand.start({ server, protocol, settings: { requestsPerConnection: limit } });
  const { requests } = volume;
  const report = await stand.run({ methods: ['GET', 'POST'], requests: 2 * requests, processes });
  const connections = await stand.connections('r', report.answers);
  recordFigures(server, protocol, '10 a connection', report, { connections, duplicates: stand.duplicates('r') });
  expect(summarize(report.failures)).toEqual([]);
  expect(stand.duplicates('r')).toEqual([]);
  // The setting had its effect.
  expect(connections).toBeGreaterThan(report.answers / (2 * limit));
};

const reloads: Run = async (server, protocol) => {
  await using stand = await InteropStand.start({ server, protocol });
  const { requests, reloadMs } = volume;
  const run = stand.run({ methods: ['GET', 'POST'], requests: 2 * requests, processes, spreadMs: reloadMs });
  let isOver = false;
  const over = run.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await Promise.race([delay(1_000), over]);
    if (!isOver) await stand.server.reload();
  }
  const report = await run;
  // A process that a reload ends may take its last log lines with it; POSTs are counted by the origin behind it.
  const connections = await stand.connections('r', Math.floor(0.99 * report.answers));
  recordFigures(server, protocol, 'reloads', report, { connections, duplicates: stand.duplicates('r') });
  // A reload closes idle connections at a moment that nobody can learn.
  const isHonest = (failure: Failure) => isHonestRace(failure, protocol === 'h1' || server.resetsOnReload === true);
  expect(summarize(report.failures.filter((failure) => !isHonest(failure)))).toEqual([]);
  expect(report.answers).toBeGreaterThan(0.99 * 2 * requests);
  expect(stand.duplicates('r')).toEqual([]);
  // The setting had its effect.
  expect(connections).toBeGreaterThan(reloadMs / 2_000);
};

const keepAliveRace: Run = async (server, protocol) => {
  const { batch, roundsBefore, roundsAfter } = volume.race;
  const maxConnections = processes * batch;
  const settings = { keepAliveSeconds: 1 };
  await using stand = await InteropStand.start({ server, protocol, settings, maxConnections });
  const load = { methods: ['GET', 'POST'], processes, batch } as const;
  const record = (name: string, report: LoadReport, ids: string) =>
    recordFigures(server, protocol, name, report, { duplicates: stand.duplicates(ids) });

  const before = await stand.runRounds({ ...load, prefix: 'before' }, racePauses(roundsBefore));
  record('1 s, before', before, 'before');
  expect(summarize(before.failures.filter((failure) => !isHonestRace(failure, protocol === 'h1')))).toEqual([]);

  // What teaches the broker: to see the server close idle connections, twice.
  for (const prefix of ['teach1', 'teach2']) {
    const report = await stand.runRounds({ ...load, prefix }, [0]);
    expect(summarize(report.failures.filter((failure) => !isHonestRace(failure, protocol === 'h1')))).toEqual([]);
    await eventually(() => stand.openConnections === 0, { withinMs: 10_000 });
  }

  const after = await stand.runRounds({ ...load, prefix: 'after' }, racePauses(roundsAfter));
  record('1 s, after', after, 'after');
  expect(summarize(after.failures)).toEqual([]);
  expect(after.answers).toBe(maxConnections * roundsAfter);
  for (const ids of ['before', 'teach', 'after']) expect(stand.duplicates(ids)).toEqual([]);
};

function racePauses(rounds: number): number[] {
  return Array.from({ length: rounds }, (_, round) => 1_000 + (raceOffsetsMs[round % raceOffsetsMs.length] as number));
}

/**
 * An origin may close a kept HTTP/1.1 connection at the moment a request is written on it, and nothing tells whether it
 * saw it: a request that is not idempotent (RFC 9110 section 9.2.2) then fails, and says that it may have been processed.
 * HTTP/2 has GOAWAY for this, where the server sends it.
 */
function isHonestRace({ method, name, processed }: Failure, mayRace: boolean): boolean {
  return mayRace && method === 'POST' && name === 'origin_closed' && processed === 'maybe';
}
