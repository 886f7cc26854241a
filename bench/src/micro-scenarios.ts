// The scenarios that measure a hot part alone: the codecs of both ends of the wire, and the HTTP/2 engines.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bodyBytes, type Origin, smallBytes } from './origin.ts';
import { programPath } from './programs.ts';
import { latencyFigures, type Measurement, type Round, type Row, toRows, uncounted } from './row.ts';
import type { Scenario } from './scenario.ts';
import type { Stand } from './stand.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const run = promisify(execFile);

interface CodecReport {
  readonly operations: number;
  readonly wallMs: number;
  readonly cpuUs: number;
}

interface EngineReport {
  readonly latenciesMs: readonly number[];
  readonly bodyBytes: number;
  readonly errors: readonly string[];
  readonly wallMs: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
}

const codecs = [
  { name: 'typescript', side: 'broker', cases: ['decode REQUEST', 'encode RESPONSE'] },
  { name: 'php-msgpack', side: 'php', cases: ['encode REQUEST', 'decode RESPONSE'] },
  { name: 'php-codec', side: 'php', cases: ['encode REQUEST', 'decode RESPONSE'] },
] as const;

export const codec: Scenario = {
  name: 'codec',
  what: 'one frame encoded or decoded, by the broker and by PHP with ext-msgpack and without; a request is one operation',
  async run(stand) {
    stand.progress.begin('codec');
    const able = codecs.filter(({ name }) => {
      if (name !== 'php-msgpack' || stand.php.msgpack !== 'none') return true;
      stand.skip(name, 'codec', 'ext-msgpack is not loaded');
      return false;
    });
    const rows: Row[] = [];
    for (const name of ['encode REQUEST', 'decode REQUEST', 'encode RESPONSE', 'decode RESPONSE'] as const) {
      const measured = able.filter(({ cases }) => (cases as readonly string[]).includes(name));
      const rounds = new Map<string, Round[]>(measured.map((each) => [each.name, []]));
      for (let round = 0; round < stand.scale.rounds; round++) {
        for (const each of measured) {
          stand.progress.step(`${name}, ${each.name}`);
          rounds.get(each.name)?.push(await codecRound(stand, each.name, each.side, name));
        }
      }
      const measurements = [...rounds].map(([contender, its]) => ({ contender, rounds: its, ...uncounted }));
      rows.push(...toRows('codec', name, measurements, []));
    }
    return rows;
  },
};

async function codecRound(stand: Stand, name: string, side: 'broker' | 'php', operation: string): Promise<Round> {
  const seconds = String(stand.scale.name === 'tiny' ? 0.01 : stand.scale.seconds);
  const command = side === 'php' ? programPath('php') : process.execPath;
  const script = path(side === 'php' ? '../php/codec.php' : './micro/codec.ts');
  const env = { ...process.env, ...(name === 'php-codec' ? { HAWSER_CODEC: 'php' } : {}) };
  const { stdout } = await run(command, [script, operation, seconds], { env });
  const report = JSON.parse(stdout) as CodecReport;
  const cpuUs = report.cpuUs / report.operations;
  const eachMs = report.wallMs / report.operations;
  return {
    requests: report.operations,
    errors: 0,
    messages: [],
    requestsPerSecond: 1000 / eachMs,
    // Single operations are too short for a clock: these are means.
    p50Ms: eachMs,
    p99Ms: eachMs,
    maxMs: eachMs,
    phpCpuUs: side === 'php' ? cpuUs : null,
    brokerCpuUs: side === 'php' ? null : cpuUs,
    originCpuUs: null,
  };
}

const engines = ['node', 'native'] as const;
const engineCases = [
  { name: '512 bytes, 1 stream', path: '/small', bytes: smallBytes, streams: 1, max: 1_000_000 },
  { name: '512 bytes, 100 streams', path: '/small', bytes: smallBytes, streams: 100, max: 1_000_000 },
  { name: '10 MiB, 1 stream', path: '/files/10MiB', bytes: bodyBytes['10MiB'], streams: 1, max: 1_000 },
] as const;

export const http2: Scenario = {
  name: 'http2',
  what: 'the HTTP/2 engines alone, without PHP, broker and policies: GETs on one session',
  async run(stand) {
    const rows: Row[] = [];
    for (const each of engineCases) {
      stand.progress.begin(`http2, ${each.name}`);
      await using origin = await stand.startOrigin();
      const measurements: Measurement[] = [];
      const reports = new Map<string, EngineReport[]>(engines.map((engine) => [engine, []]));
      const rounds = new Map<string, Round[]>(engines.map((engine) => [engine, []]));
      for (let round = 0; round < stand.scale.rounds; round++) {
        for (const engine of engines) {
          stand.progress.step(`round ${round + 1}, ${engine}`);
          const before = await origin.counts();
          const report = await engineRound(stand, origin, engine, each);
          const after = await origin.counts();
          reports.get(engine)?.push(report);
          rounds.get(engine)?.push(toRound(report, each.bytes, after.tcpConnections - before.tcpConnections));
        }
      }
      for (const engine of engines) {
        measurements.push({
          ...uncounted,
          contender: engine,
          rounds: rounds.get(engine) ?? [],
          peakRssBytes: Math.max(...(reports.get(engine) ?? []).map((report) => report.rssBytes)),
        });
      }
      rows.push(...toRows('http2', each.name, measurements, ['node']));
    }
    return rows;
  },
};

async function engineRound(
  stand: Stand,
  origin: Origin,
  engine: string,
  each: (typeof engineCases)[number],
): Promise<EngineReport> {
  const isTiny = stand.scale.name === 'tiny';
  const args = [engine, origin.port, stand.certificate.ca, each.path, each.streams, stand.scale.seconds];
  const script = path('./micro/http2.ts');
  const all = [script, ...args.map(String), String(isTiny ? 2 : each.max)];
  const { stdout } = await run(process.execPath, all, { maxBuffer: 256 * 1024 * 1024 });
  return JSON.parse(stdout) as EngineReport;
}

function toRound(report: EngineReport, bytes: number, tcpConnections: number): Round {
  const requests = report.latenciesMs.length;
  const messages = [...report.errors];
  if (report.bodyBytes !== requests * bytes) messages.push(`${report.bodyBytes} octets came for ${requests} requests`);
  if (tcpConnections !== 1) messages.push(`${tcpConnections} connections were opened instead of 1`);
  return {
    requests,
    errors: messages.length,
    messages,
    requestsPerSecond: (requests * 1000) / report.wallMs,
    ...latencyFigures(Float64Array.from(report.latenciesMs)),
    phpCpuUs: null,
    brokerCpuUs: report.cpuUs / requests,
    originCpuUs: null,
  };
}
