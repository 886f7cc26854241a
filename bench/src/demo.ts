// `pnpm demo`: the same requests from the same PHP processes, directly and through the broker, side by side.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createTemporaryDirectory,
  type OriginProcess,
  startNode,
  startOriginProcess,
  startProcess,
  type TestProcess,
} from '@hawser/testkit';
import { median, percentile } from './percentile.ts';
import { formatTable } from './table.ts';

const processes = 8;
const requestsPerProcess = 200;

const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));

interface WorkerResult {
  latenciesMs: number[];
  wallMs: number;
  cpuUs: number;
  errors: string[];
}

interface RunResult {
  connections: number;
  handshakes: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  phpCpuUs: number;
  errors: string[];
}

process.exitCode = await main();

async function main(): Promise<number> {
  await using directory = createTemporaryDirectory();
  const origin = await startOriginProcess(directory.path);
  await using _originProcess = origin.process;
  const socket = join(directory.path, 'hawser.sock');
  await using _broker = await startBroker(directory.path, socket, origin);

  print(`${processes} PHP processes, ${requestsPerProcess} requests each, to one HTTPS origin on this machine.\n`);
  const direct = await run('curl', origin, {});
  const hawser = await run('hawser', origin, { HAWSER_SOCKET: socket, HAWSER_FALLBACK: 'fail' });

  print(
    formatTable(
      ['', 'TCP connections', 'TLS handshakes', 'requests/s', 'p50 ms', 'p99 ms', 'PHP CPU µs/request'],
      [row('curl, direct', direct), row('Hawser', hawser)],
    ),
  );
  for (const error of new Set([...direct.errors, ...hawser.errors])) print(`error: ${error}`);
  const errors = direct.errors.length + hawser.errors.length;
  if (errors > 0) return 1;
  print(
    `\nWith Hawser the origin saw ${plural(hawser.connections, 'connection')} instead of ${direct.connections}: ` +
      `${(hawser.requestsPerSecond / direct.requestsPerSecond).toFixed(1)} times the requests per second, ` +
      `${Math.round((1 - hawser.phpCpuUs / direct.phpCpuUs) * 100)} % less CPU in PHP.`,
  );
  return 0;
}

async function startBroker(directory: string, socket: string, origin: OriginProcess): Promise<TestProcess> {
  const config = join(directory, 'hawser.yaml');
  writeFileSync(config, `origins:\n  - match: ${origin.url}\n    tls: { ca: ${origin.ca} }\n`);
  const main = script('../../packages/broker/src/main.ts');
  const broker = await startNode(main, ['serve', '--config', config, '--socket', socket]);
  await broker.line((line) => line.includes('"listening"'));
  return broker;
}

/** All processes are ready before the first one sends. */
async function run(
  transport: 'curl' | 'hawser',
  origin: OriginProcess,
  env: Record<string, string>,
): Promise<RunResult> {
  await fetch(`${origin.stats}/reset`);
  const args = [script('../php/request-loop.php'), transport, `${origin.url}/`, String(requestsPerProcess), origin.ca];
  const workers = await Promise.all(Array.from({ length: processes }, () => startProcess('php', args, { env })));
  try {
    await Promise.all(workers.map((worker) => worker.line((line) => line === 'ready')));
    for (const worker of workers) worker.writeLine('go');
    const results = await Promise.all(
      workers.map(async (worker) => JSON.parse(await worker.line(() => true, 50_000)) as WorkerResult),
    );
    const stats = (await (await fetch(origin.stats)).json()) as { connections: number; handshakes: number };
    const latenciesMs = results.flatMap((result) => result.latenciesMs).sort((a, b) => a - b);
    return {
      connections: stats.connections,
      handshakes: stats.handshakes,
      requestsPerSecond: (latenciesMs.length * 1000) / Math.max(...results.map((result) => result.wallMs)),
      p50Ms: median(latenciesMs),
      p99Ms: percentile(latenciesMs, 0.99),
      phpCpuUs: results.reduce((sum, result) => sum + result.cpuUs, 0) / latenciesMs.length,
      errors: results.flatMap((result) => result.errors),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
  }
}

function row(name: string, result: RunResult): string[] {
  return [
    name,
    String(result.connections),
    String(result.handshakes),
    result.requestsPerSecond.toFixed(0),
    result.p50Ms.toFixed(2),
    result.p99Ms.toFixed(2),
    result.phpCpuUs.toFixed(0),
  ];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
