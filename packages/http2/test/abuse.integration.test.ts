// Origins that flood, bomb and dribble: the session ends at its limit with the right code, memory stays bounded, and the
// sessions with other origins go on. Of the engine `native`; the engine `node` has the limits of its library.

import { defaultHttp2Limits, type Http2Limits } from '@hawser/http2';
import {
  encodeFields,
  eventually,
  FakeClock,
  http2Code,
  http2Setting,
  type PeerConnection,
  ScriptedHttp2Peer,
  writeFrame,
} from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecordingSink } from './recording-sink.ts';
import { openPlain, type SessionOptions, type Stand, watchLeaks } from './stand.ts';

const head = encodeFields([':status', '200']);
const frameBytes = 16 * 1024;

let noLeaks: () => Promise<void>;
let peer: ScriptedHttp2Peer;
let stand: Stand;
/** A session with an origin that behaves. */
let honest: ScriptedHttp2Peer;
let other: Stand;
/** Stands still, so that no budget is renewed, however slow the machine is. */
let clock: FakeClock;

beforeEach(async () => {
  noLeaks = watchLeaks();
  clock = new FakeClock();
  honest = await ScriptedHttp2Peer.start(async (connection) => {
    for (;;) connection.respond((await connection.request()).streamId);
  });
  other = await openPlain(honest.port, 'native');
});

afterEach(async () => {
  expect((await other.get('/')).body.toString()).toBe('hello');
  expect(other.session.state).toBe('open');
  for (const each of [other, stand]) await each[Symbol.asyncDispose]();
  for (const each of [honest, peer]) await each.close();
  await noLeaks();
});

/** Opens a session with an origin that answers nothing by itself; its connection, and what it does with a request. */
async function open(options: SessionOptions = {}, peerOptions = {}): Promise<PeerConnection> {
  peer = await ScriptedHttp2Peer.start(() => {}, peerOptions);
  stand = await openPlain(peer.port, 'native', { clock, ...options });
  return peer.connections[0] as PeerConnection;
}

/** All that was sent so far has been read: PING comes back. Rejects if the session ended. */
async function read(connection: PeerConnection, mark: string): Promise<void> {
  const payload = Buffer.from(mark.padEnd(8));
  connection.send({ type: 'PING', streamId: 0, payload });
  await connection.next((frame) => frame.type === 'PING' && frame.isAck && frame.payload.equals(payload));
}

type Code = keyof typeof http2Code;

/** What an origin that is still sending may not get to read is our GOAWAY: `mayMissGoaway`. */
async function expectEnd(
  connection: PeerConnection,
  code: Code,
  sinks: readonly RecordingSink[],
  mayMissGoaway = false,
) {
  for (const sink of sinks) {
    expect((await sink.done).error).toMatchObject({ code: 'protocol_error', processed: 'maybe', http2Code: code });
    expect(sink.violations).toEqual([]);
  }
  expect(await stand.events.closed).toMatchObject({ code: 'protocol_error', http2Code: code });
  await eventually(() => connection.hasEnded);
  const goaway = connection.frames.findLast((frame) => frame.type === 'GOAWAY');
  if (goaway !== undefined || !mayMissGoaway) expect(goaway?.errorCode).toBe(http2Code[code]);
}

function memoryBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** Sends `frame` again and again, at most `maxBytes` of it, until the client hangs up. Returns what memory grew by meanwhile. */
async function flood(connection: PeerConnection, frame: Buffer, maxBytes: number): Promise<number> {
  const chunk = Buffer.concat(Array.from({ length: Math.max(1, Math.floor(65_536 / frame.length)) }, () => frame));
  const before = memoryBytes();
  let most = before;
  const { socket } = connection;
  for (let sent = 0; sent < maxBytes && !connection.hasEnded && !socket.destroyed; sent += chunk.length) {
    const hasRoom = socket.write(chunk);
    most = Math.max(most, memoryBytes());
    if (!hasRoom) await eventually(() => socket.writableLength === 0 || connection.hasEnded, { withinMs: 20_000 });
  }
  return most - before;
}

interface Flood {
  readonly name: string;
  readonly limit: Exclude<keyof Http2Limits, 'maxFieldBlockBytes' | 'maxContinuationFrames' | 'maxQueuedControlBytes'>;
  /** One more frame that counts; stream `id` is open, `over` was reset by the origin. */
  readonly frame: (id: number, over: number) => Buffer;
  /** Frames of this kind that counted before the flood. */
  readonly before?: number;
}

const floods: Flood[] = [
  { name: 'SETTINGS', limit: 'settingsPerSecond', before: 1, frame: () => writeFrame({ type: 'SETTINGS', streamId: 0 }) },
  {
    name: 'SETTINGS full of values',
    limit: 'settingsPerSecond',
    before: 1,
    frame: () => writeFrame({ type: 'SETTINGS', streamId: 0, payload: Buffer.alloc(6 * 2730, Buffer.from([0, 9, 1, 2, 3, 4])) }),
  },
  { name: 'PING', limit: 'pingsPerSecond', frame: () => writeFrame({ type: 'PING', streamId: 0, payload: Buffer.alloc(8) }) },
  {
    name: 'answers to no PING',
    limit: 'pingsPerSecond',
    frame: () => writeFrame({ type: 'PING', streamId: 0, flags: 1, payload: Buffer.alloc(8) }),
  },
  {
    name: 'RST_STREAM',
    limit: 'resetsPerSecond',
    // Two requests earned two, and one was spent.
    before: -1,
    frame: (_id, over) => writeFrame({ type: 'RST_STREAM', streamId: over, payload: Buffer.alloc(4) }),
  },
  { name: 'empty DATA', limit: 'emptyDataPerSecond', frame: (id) => writeFrame({ type: 'DATA', streamId: id }) },
  {
    name: 'DATA of padding',
    limit: 'emptyDataPerSecond',
    frame: (id) => writeFrame({ type: 'DATA', streamId: id, flags: 8, payload: Buffer.from([1, 0]) }),
  },
  {
    name: 'WINDOW_UPDATE of the session',
    limit: 'windowUpdatesPerSecond',
    frame: () => writeFrame({ type: 'WINDOW_UPDATE', streamId: 0, payload: Buffer.from([0, 0, 0, 1]) }),
  },
  {
    name: 'WINDOW_UPDATE of a stream',
    limit: 'windowUpdatesPerSecond',
    frame: (id) => writeFrame({ type: 'WINDOW_UPDATE', streamId: id, payload: Buffer.from([0, 0, 0, 1]) }),
  },
  {
    name: 'WINDOW_UPDATE of a stream that is over',
    limit: 'windowUpdatesPerSecond',
    frame: (_id, over) => writeFrame({ type: 'WINDOW_UPDATE', streamId: over, payload: Buffer.from([0, 0, 0, 1]) }),
  },
  {
    name: 'PRIORITY',
    limit: 'ignoredPerSecond',
    frame: (id) => writeFrame({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(5) }),
  },
  { name: 'frames of unknown type', limit: 'ignoredPerSecond', frame: () => writeFrame({ type: 0x42, streamId: 0 }) },
  {
    name: 'HEADERS of a stream that is over',
    limit: 'ignoredPerSecond',
    frame: (_id, over) => writeFrame({ type: 'HEADERS', streamId: over, flags: 5, payload: head }),
  },
  {
    name: 'DATA of a stream that is over',
    limit: 'ignoredPerSecond',
    frame: (_id, over) => writeFrame({ type: 'DATA', streamId: over, payload: Buffer.alloc(100) }),
  },
  {
    name: 'the end of a stream that is over',
    limit: 'ignoredPerSecond',
    frame: (_id, over) => writeFrame({ type: 'DATA', streamId: over, flags: 1 }),
  },
]; // biome-ignore format: the short ones in one line

describe.each(floods)('$name without end', ({ limit, frame, before = 0 }) => {
  /** Two exchanges: one has its head and waits, one was reset. */
  async function begin(options: SessionOptions) {
    const connection = await open(options);
    const sink = stand.start();
    const over = stand.start();
    connection.headers((await connection.request()).streamId, [':status', '200']);
    connection.reset((await connection.request()).streamId, 'CANCEL');
    await over.done;
    await eventually(() => sink.status === 200);
    return { connection, sink };
  }

  test('up to the limit the session goes on, in the next second too, one frame beyond ends it', async () => {
    const allowed = 20;
    const { connection, sink } = await begin({ limits: { [limit]: allowed } });
    const spent = limit === 'pingsPerSecond' ? 1 : 0;
    const one = frame(1, 3);
    const upToLimit = Buffer.concat(Array.from({ length: allowed - before - spent }, () => one));
    connection.write(upToLimit);
    await read(connection, 'first');
    clock.advance(1000);
    // The first beyond the limit finds that a second has passed.
    connection.write(Buffer.concat(Array.from({ length: allowed - spent }, () => one)));
    await read(connection, 'second');
    expect(stand.session.state).toBe('open');
    connection.write(one);
    await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink]);
  });

  test('the limit that it has by default ends it, long before memory does', async () => {
    const { connection, sink } = await begin({});
    const grownBytes = await flood(connection, frame(1, 3), 64 * 1024 * 1024);
    await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink], true);
    // What the socket's buffers hold, the origin's own writes included.
    expect(grownBytes).toBeLessThan(48 * 1024 * 1024);
  });
});

describe('a field block without end', () => {
  const endings: readonly (readonly [string, Buffer, Partial<Http2Limits>])[] = [
    ['of empty frames', Buffer.alloc(0), {}],
    ['of one octet each', Buffer.from([0x88]), {}],
    ['of full frames', Buffer.alloc(frameBytes, 0x88), {}],
    ['of full frames, with nothing but bytes to stop it', Buffer.alloc(frameBytes, 0x88), { maxContinuationFrames: 1e9 }],
  ]; // biome-ignore format: one line for each

  test.each(endings)('%s ends the session within its limits', async (_name, payload, limits) => {
    const connection = await open({ limits });
    const sink = stand.start();
    const { streamId } = await connection.request();
    connection.send({ type: 'HEADERS', streamId, payload: head });
    const frame = writeFrame({ type: 'CONTINUATION', streamId, payload });
    const grownBytes = await flood(connection, frame, 64 * 1024 * 1024);
    await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink], true);
    expect(grownBytes).toBeLessThan(48 * 1024 * 1024);
  });

  test('at each limit is taken, one more is not', async () => {
    const limits = { maxContinuationFrames: 4, maxFieldBlockBytes: 1000 };
    const connection = await open({ limits });
    /** A block in `count` frames behind HEADERS, `bytes` in all. */
    const send = (streamId: number, count: number, bytes: number): void => {
      const block = Buffer.concat([head, Buffer.alloc(bytes - head.length, 0)]);
      // Field lines with an empty name and an empty value; the rest would not be whole.
      const whole = head.length + Math.floor((bytes - head.length) / 3) * 3;
      block.fill(0x88, whole);
      connection.send({ type: 'HEADERS', streamId, payload: block.subarray(0, bytes - count) });
      for (let left = count; left > 0; left--) {
        const payload = block.subarray(bytes - left, bytes - left + 1);
        connection.send({ type: 'CONTINUATION', streamId, flags: left === 1 ? 4 : 0, payload });
      }
    };
    const first = stand.start();
    send((await connection.request()).streamId, 4, 1000);
    // Whole, and malformed: an empty field name.
    expect((await first.done).error).toMatchObject({ code: 'stream_reset', http2Code: 'PROTOCOL_ERROR' });
    const second = stand.start();
    send((await connection.request()).streamId, 4, 1001);
    await expectEnd(connection, 'ENHANCE_YOUR_CALM', [second]);
    await stand[Symbol.asyncDispose]();
    await peer.close();
    const again = await open({ limits });
    const third = stand.start();
    const { streamId } = await again.request();
    again.send({ type: 'HEADERS', streamId, payload: head });
    for (let i = 0; i < 5; i++) again.send({ type: 'CONTINUATION', streamId, payload: Buffer.alloc(0) });
    await expectEnd(again, 'ENHANCE_YOUR_CALM', [third]);
  });
});

test('an HPACK bomb costs its stream, however many streams it comes on, and next to no memory', async () => {
  const connection = await open();
  const entry = Buffer.concat([Buffer.from([0x40]), encodeFields(['x', 'v'.repeat(4000)]).subarray(1)]);
  // 12,000 references to an entry of 4,000 octets: 48 MB where they are put together.
  const bomb = Buffer.alloc(12_000, 0xbe);
  const before = memoryBytes();
  let most = 0;
  for (let round = 0; round < 50; round++) {
    const sink = stand.start();
    const { streamId } = await connection.request();
    const isTrailers = round % 2 === 1;
    if (isTrailers) connection.headers(streamId, [':status', '200']);
    const payload = Buffer.concat([
      ...(isTrailers ? [] : [Buffer.from([0x88])]),
      ...(round === 0 ? [entry] : []),
      bomb,
    ]);
    connection.send({ type: 'HEADERS', streamId, flags: 5, payload });
    expect((await sink.done).error).toMatchObject({ code: 'fields_too_large', processed: 'maybe' });
    most = Math.max(most, memoryBytes() - before);
  }
  expect(most).toBeLessThan(64 * 1024 * 1024);
  const sink = stand.start();
  const { streamId } = await connection.request();
  connection.send({ type: 'HEADERS', streamId, flags: 5, payload: Buffer.from([0x88, 0xbe]) });
  expect((await sink.done).fields).toEqual(['x', 'v'.repeat(4000)]);
});

test('DATA that a cancelled stream had room for is free, more of it is counted', async () => {
  const receiveWindowBytes = 128 * 1024;
  const connection = await open({ receiveWindowBytes, limits: { ignoredPerSecond: 10 } });
  const sink = stand.start();
  const cancelled = stand.start();
  connection.headers((await connection.request()).streamId, [':status', '200']);
  const { streamId } = await connection.request();
  cancelled.handle?.cancel();
  await connection.next((frame) => frame.type === 'RST_STREAM');
  const chunk = Buffer.alloc(1024);
  for (let sent = 0; sent < receiveWindowBytes; sent += chunk.length) connection.data(streamId, chunk);
  // Ten of a second, and two that a cancelled stream is good for.
  for (let i = 0; i < 12; i++) connection.data(streamId, chunk);
  await read(connection, 'late');
  expect(stand.session.state).toBe('open');
  connection.data(streamId, chunk);
  await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink]);
});

test('1xx responses up to the limit are passed on, one more ends the stream', async () => {
  const connection = await open({ limits: { maxInformational: 3 } });
  for (const count of [3, 4]) {
    const sink = stand.start();
    const { streamId } = await connection.request();
    for (let i = 0; i < count; i++) connection.headers(streamId, [':status', '103']);
    connection.respond(streamId);
    const { error, informational } = await sink.done;
    expect(informational).toHaveLength(3);
    if (count === 3) expect(error).toBeNull();
    else expect(error).toMatchObject({ code: 'stream_reset', http2Code: 'ENHANCE_YOUR_CALM' });
  }
});

test('GOAWAY again and again ends the session', async () => {
  const connection = await open({ limits: { ignoredPerSecond: 10 } });
  const sink = stand.start();
  await connection.request();
  for (let i = 0; i < 11; i++) connection.goaway(1);
  await read(connection, 'goaways');
  expect(stand.session.state).toBe('draining');
  connection.goaway(1);
  await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink]);
});

describe('windows of one octet', () => {
  /** The origin gives back each octet of body as it comes. */
  async function upload(bodyBytes: number) {
    const options = { settings: { [http2Setting.INITIAL_WINDOW_SIZE]: 1 } };
    const connection = await open({ limits: { windowUpdatesPerSecond: 100 } }, options);
    const sink = stand.start({}, Buffer.alloc(bodyBytes, 'b'));
    return { connection, sink, streamId: (await connection.request()).streamId };
  }

  test('carry a small body', async () => {
    const { connection, sink, streamId } = await upload(40);
    await connection.next((frame) => frame.isEndStream);
    expect(connection.frames.filter((frame) => frame.type === 'DATA' && frame.payload.length === 1)).toHaveLength(40);
    connection.respond(streamId);
    expect((await sink.done).body.toString()).toBe('hello');
  });

  test('end the session before they cost much', async () => {
    const { connection, sink } = await upload(100_000);
    await expectEnd(connection, 'ENHANCE_YOUR_CALM', [sink]);
    // The peer opens two windows for each octet.
    expect(connection.frames.filter((frame) => frame.type === 'DATA').length).toBeLessThanOrEqual(52);
  });
});

describe('an origin that does not read', () => {
  test('is left once too many frames wait for it', async () => {
    const limits = { pingsPerSecond: 1e9, maxQueuedControlBytes: 64 * 1024 };
    const connection = await open({ limits });
    const sink = stand.start();
    await connection.request();
    connection.socket.pause();
    const ping = writeFrame({ type: 'PING', streamId: 0, payload: Buffer.alloc(8) });
    const chunk = Buffer.concat(Array.from({ length: 1000 }, () => ping));
    // The kernel holds some MB of answers before any of them waits here.
    const pump = setInterval(() => {
      if (connection.socket.writableLength < 1_000_000) connection.write(chunk);
    }, 0);
    const { error } = await sink.done;
    clearInterval(pump);
    expect(error).toMatchObject({ code: 'protocol_error', http2Code: 'ENHANCE_YOUR_CALM' });
    expect(error?.message).toMatch(/does not read: \d+ bytes/);
    expect(await stand.events.closed).toMatchObject({ http2Code: 'ENHANCE_YOUR_CALM' });
    expect(Number(/(\d+) bytes/.exec(error?.message ?? '')?.[1])).toBeLessThan(1024 * 1024);
  });

  test('nor acknowledge our SETTINGS is left after the time-out', async () => {
    const connection = await open({ settingsTimeoutMs: 1000 }, { acknowledges: false });
    const sink = stand.start();
    await connection.request();
    clock.advance(1000);
    // At its next frame at the latest: one that says nothing is found by PING and deadlines.
    connection.windowUpdate(0, 1);
    await expectEnd(connection, 'SETTINGS_TIMEOUT', [sink]);
  });
});

describe('a dribbled frame', () => {
  test('of octets one by one is a frame like any other', async () => {
    const connection = await open();
    const sink = stand.start();
    const { streamId } = await connection.request();
    const octets = Buffer.concat([
      writeFrame({ type: 'HEADERS', streamId, payload: head.subarray(0, 4) }),
      writeFrame({ type: 'CONTINUATION', streamId, flags: 4, payload: head.subarray(4) }),
      writeFrame({ type: 'DATA', streamId, flags: 8, payload: Buffer.from([2, ...Buffer.from('hel'), 0, 0]) }),
      writeFrame({ type: 0x42, streamId: 0, payload: Buffer.alloc(20) }),
      writeFrame({ type: 'DATA', streamId, flags: 9, payload: Buffer.from([0, ...Buffer.from('lo')]) }),
    ]);
    for (const octet of octets) {
      connection.write(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await sink.done).body.toString()).toBe('hello');
  });

  test('that never ends keeps the session from nothing but reading', async () => {
    const connection = await open();
    const sinks = Array.from({ length: 10 }, () => stand.start());
    for (const _sink of sinks) await connection.request();
    const before = memoryBytes();
    connection.write(
      writeFrame({ type: 'HEADERS', streamId: 1, length: frameBytes, payload: Buffer.alloc(1000, 0x88) }),
    );
    for (const sink of sinks) {
      sink.handle?.cancel();
      const { errorCode } = await connection.next((frame) => frame.type === 'RST_STREAM');
      expect(errorCode).toBe(http2Code.CANCEL);
    }
    expect(memoryBytes() - before).toBeLessThan(16 * 1024 * 1024);
    const ping = stand.session.ping(1000);
    const refused = expect(ping).rejects.toMatchObject({ code: 'ping_timeout' });
    await connection.next((frame) => frame.type === 'PING');
    clock.advance(1000);
    await refused;
  });
});

test('every limit has a value by default, and a test here', () => {
  expect(Object.keys(defaultHttp2Limits).toSorted()).toEqual(
    [
      ...new Set(floods.map(({ limit }) => limit)),
      'maxContinuationFrames',
      'maxFieldBlockBytes',
      'maxInformational',
      'maxQueuedControlBytes',
    ].toSorted(),
  );
});
