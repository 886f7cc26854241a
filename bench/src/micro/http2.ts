// Measures one HTTP/2 engine in a process of its own: `node http2.ts ENGINE PORT CA PATH STREAMS SECONDS MAX` keeps that
// many GETs running on one session, at most MAX in all, and prints requests, octets, latencies and CPU as JSON.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { connectHttp2, type Engine, type Session } from '@hawser/http2';

const [engine, port, ca, path, streams, seconds, max] = process.argv.slice(2) as string[];

const authority = `localhost:${port}`;
const socket = connect({
  port: Number(port),
  host: '127.0.0.1',
  servername: 'localhost',
  ca: readFileSync(ca as string),
  ALPNProtocols: ['h2'],
});
// As the broker's: a window that is renewed does not wait for the origin to acknowledge what went before.
socket.setNoDelay();
await once(socket, 'secureConnect');
const session = await connectHttp2(socket, {
  engine: engine as Engine,
  events: { onRoom() {}, onDraining() {}, onClosed() {} },
});
const most = Number(max);
await runFor(session, Number(seconds) / 2, Math.ceil(most / 2));
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const { latenciesMs, bodyBytes, errors } = await runFor(session, Number(seconds), most);
const wallMs = performance.now() - startedAt;
const cpu = process.cpuUsage(cpuBefore);
process.stdout.write(
  `${JSON.stringify({ latenciesMs, bodyBytes, errors, wallMs, cpuUs: cpu.user + cpu.system, rssBytes: process.memoryUsage.rss() })}\n`,
);
session.destroy();

/** Resolves when all have ended. */
function runFor(on: Session, forSeconds: number, atMost: number) {
  const latencies: number[] = [];
  const problems: string[] = [];
  const until = performance.now() + forSeconds * 1000;
  let bytes = 0;
  let running = 0;
  let started = 0;
  const done = Promise.withResolvers<{ latenciesMs: number[]; bodyBytes: number; errors: string[] }>();
  const next = (): void => {
    if (started < atMost && performance.now() < until) start();
    else if (running === 0) done.resolve({ latenciesMs: latencies, bodyBytes: bytes, errors: problems });
  };
  const start = (): void => {
    started++;
    running++;
    const sentAt = performance.now();
    const end = (): void => {
      running--;
      latencies.push(performance.now() - sentAt);
      next();
    };
    const head = {
      method: 'GET',
      scheme: 'https',
      authority,
      path: path as string,
      fields: ['accept', '*/*'],
    } as const;
    const handle = on.request(head, null, {
      onInformational() {},
      onResponse(status) {
        if (status !== 200) problems.push(`status ${status}`);
      },
      onData(chunk) {
        bytes += chunk.length;
        handle.consume(chunk.length);
      },
      onTrailers() {},
      onEnd: end,
      onError(error) {
        problems.push(error.message);
        end();
      },
      onRequestConsumed() {},
    });
  };
  for (let i = 0; i < Math.min(Number(streams), atMost); i++) start();
  return done.promise;
}
