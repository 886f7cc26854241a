// A whole session of the engine `native` and an origin that sends mutated and random frames: nothing but SessionErrors come
// of it, each exchange has one last call, nothing stalls, and memory stays bounded.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { SessionError } from '@hawser/http2';
import { encodeFields, eventually, http2Setting, writeFrame } from '@hawser/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain, type Stand } from './stand.ts';
import { xorshift } from './xorshift.ts';

const budgetMs = 3500;
/** On a machine that is too slow for as many in the time, it takes longer. */
const leastSessions = 200;
const seed = Number(process.env.FUZZ_SEED ?? 20_261_127);
const random = xorshift(seed);

let server: Server;
let port = 0;
let sockets: Socket[] = [];

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.write(writeFrame({ type: 'SETTINGS', streamId: 0 }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as { port: number }).port;
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test(`survives whatever an origin sends (FUZZ_SEED=${seed})`, { timeout: 60_000 }, async () => {
  const tally = { sessions: 0, whole: 0, streamErrors: 0, sessionErrors: 0 };
  const memoryBefore = memoryBytes();
  const until = performance.now() + budgetMs;
  while (performance.now() < until || tally.sessions < leastSessions) {
    sockets = [];
    const stand = await openPlain(port, 'native', { receiveWindowBytes: 128 * 1024, sessionWindowBytes: 128 * 1024 });
    const sinks = Array.from({ length: 1 + random(4) }, () => start(stand));
    await playOrigin(sockets[0] as Socket, stand, sinks);
    const errors = await within(Promise.all(sinks.map((sink) => (sink.isCancelled ? null : sink.done))), stand);
    tally.sessions++;
    for (const outcome of errors) {
      if (outcome === null) continue;
      if (outcome.error === null) tally.whole++;
      else if (outcome.error.code === 'protocol_error') tally.sessionErrors++;
      else tally.streamErrors++;
      if (outcome.error !== null) expect(outcome.error).toBeInstanceOf(SessionError);
    }
    for (const sink of sinks) expect(sink.violations).toEqual([]);
    await within(stand[Symbol.asyncDispose](), stand);
    expect(stand.session.activeStreams).toBe(0);
    sockets[0]?.destroy();
  }
  expect(memoryBytes() - memoryBefore).toBeLessThan(256 * 1024 * 1024);
  // Each outcome is common; otherwise the frames test nothing.
  for (const count of [tally.whole, tally.streamErrors, tally.sessionErrors]) {
    expect(count, JSON.stringify(tally)).toBeGreaterThan(tally.sessions / 50);
  }
});

function start(stand: Stand): RecordingSink {
  const sink = new RecordingSink({ consumes: random(4) > 0 });
  const body = [null, null, 'stream', Buffer.alloc(random(100_000))][random(4)] as null | 'stream' | Buffer;
  stand.start({}, body, sink);
  if (body === 'stream') sink.handle?.write(Buffer.alloc(random(100_000)));
  return sink;
}

/** Sends octets in pieces, with calls of the client between them, and ends the connection. */
async function playOrigin(socket: Socket, stand: Stand, sinks: readonly RecordingSink[]): Promise<void> {
  const frames: Buffer[] = [];
  // Half of the origins are nearly honest, so that what is deep in a session is reached.
  const isMild = random(2) === 0;
  if (isMild) for (let id = 1; id < sinks.length * 2; id += 2) frames.push(...randomFrames(id, 3));
  for (let i = 1 + random(isMild ? 3 : 12); i > 0; i--) {
    frames.push(...randomFrames([1, 1, 3, 5, 7, 7, 0, 2, 99][random(isMild ? 2 : 9)] as number, random(16)));
  }
  let octets: Buffer = Buffer.concat(frames);
  if (!isMild && random(2) === 0) octets = mutate(octets);
  const most = random(3) === 0 ? 20 : octets.length;
  for (let at = 0, pieces = 0; at < octets.length && pieces < 40; pieces++) {
    const end = pieces === 39 ? octets.length : Math.min(octets.length, at + 1 + random(most));
    if (!socket.destroyed) socket.write(octets.subarray(at, end));
    at = end;
    if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    if (random(6) === 0) act(stand, sinks[random(sinks.length)] as RecordingSink);
  }
  if (random(8) === 0) socket.resetAndDestroy();
  else socket.end();
}

/** Something that a caller may do at any time. */
function act(stand: Stand, sink: RecordingSink): void {
  switch (random(7)) {
    case 0:
      if (sink.error !== null || sink.calls.includes('onEnd')) return;
      sink.isInsideCall = true;
      sink.handle?.cancel();
      sink.isInsideCall = false;
      sink.isCancelled = true;
      break;
    case 1:
      sink.handle?.write(Buffer.alloc(random(40_000)));
      break;
    case 2:
      sink.handle?.end(random(2) === 0 ? ['x-trailer', '1'] : []);
      break;
    case 3:
      if (sink.consumes === false) sink.handle?.consume(random(sink.receivedBytes - sink.consumedBytes + 1));
      break;
    case 4:
      stand.session.ping(60_000).catch((error: unknown) => expect(error).toBeInstanceOf(SessionError));
      break;
    case 5:
      if (random(10) === 0) stand.session.drain();
      break;
    default:
      if (random(30) === 0) stand.session.destroy();
      break;
  }
}

const heads = [
  [':status', '200'],
  [':status', '200', 'content-length', '5'],
  [':status', '103', 'link', '</a>'],
  [':status', '204'],
  [':status', '101'],
  ['x-trailer', '1'],
  [':status', '200', 'Upper', 'x'],
  [':status', '200', 'x-long', 'v'.repeat(5000)],
];

/** What an honest origin may send, in any order, on any stream; and what it may not. */
function randomFrames(streamId: number, kind: number): Buffer[] {
  const number = Buffer.alloc(4);
  number.writeUInt32BE([0, 1, 8, 65_535, 100_000, 2 ** 31 - 1][random(6)] as number);
  const fields = encodeFields(heads[random(3) === 0 ? random(heads.length) : 0] as string[]);
  switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
      return [
        writeFrame({ type: 'HEADERS', streamId, flags: 4, payload: encodeFields([':status', '200']) }),
        writeFrame({ type: 'DATA', streamId, payload: Buffer.alloc(random(16_384)) }),
        writeFrame({ type: 'DATA', streamId, flags: random(4) > 0 ? 1 : 0, payload: Buffer.from('hello') }),
      ];
    case 4:
      return [writeFrame({ type: 'HEADERS', streamId, flags: 4 | random(2), payload: fields })];
    case 5:
      return [
        writeFrame({ type: 'HEADERS', streamId, flags: random(2), payload: fields.subarray(0, 5) }),
        writeFrame({ type: 'CONTINUATION', streamId, flags: 4, payload: fields.subarray(5) }),
      ];
    case 6:
      return [writeFrame({ type: 'DATA', streamId, flags: random(2), payload: Buffer.alloc(random(16_384)) })];
    case 7:
      return [writeFrame({ type: 'DATA', streamId, flags: 8 | random(2), payload: Buffer.alloc(1 + random(20), random(9)) })];
    case 8:
      return [writeFrame({ type: 'RST_STREAM', streamId, payload: number })];
    case 9:
      return [writeFrame({ type: 'WINDOW_UPDATE', streamId: random(3) === 0 ? 0 : streamId, payload: number })];
    case 10: {
      const id = [...Object.values(http2Setting), 99][random(7)] as number;
      return [writeFrame({ type: 'SETTINGS', streamId: 0, payload: Buffer.concat([Buffer.from([0, id]), number]) })];
    }
    case 11:
      return [writeFrame({ type: 'PING', streamId: 0, flags: random(2), payload: Buffer.alloc(8, random(4)) })];
    case 12:
      if (random(4) > 0) return [];
      return [writeFrame({ type: 'GOAWAY', streamId: 0, payload: Buffer.concat([number, Buffer.alloc(4)]) })];
    case 13:
      return [writeFrame({ type: random(256), streamId, flags: random(256), payload: Buffer.alloc(random(50), random(256)) })];
    case 14:
      return Array.from({ length: random(200) }, () => writeFrame({ type: 'DATA', streamId }));
    default:
      return [writeFrame({ type: 'PRIORITY', streamId, payload: Buffer.alloc(5) })];
  }
} // biome-ignore format: a frame in one line

function mutate(octets: Buffer): Buffer {
  let bytes = Buffer.from(octets);
  for (let i = 1 + random(3); i > 0 && bytes.length > 0; i--) {
    const at = random(bytes.length);
    switch (random(3)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length))]);
    }
  }
  return bytes;
}

/** Waits, and says what the session looked like if that takes far too long: a stall. */
async function within<T>(promise: PromiseLike<T>, stand: Stand): Promise<T> {
  let outcome: { value: T } | null = null;
  void Promise.resolve(promise).then((value) => {
    outcome = { value };
  });
  const { session } = stand;
  await eventually(() => outcome !== null, { withinMs: 10_000, everyMs: 1 }).catch(() => {
    throw new Error(`stalled: ${session.state}, ${session.activeStreams} streams, FUZZ_SEED=${seed}`);
  });
  return (outcome as unknown as { value: T }).value;
}

function memoryBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}
