// An origin that stops at any point of a connection or an answer, in whole messages or in the middle of one, through the
// whole broker: the exchange ends in time with an error that says how far it came, and takes nothing else with it.

import { engines } from '@hawser/http2';
import { BlackHole, encodeFields, eventually, ScriptedRawPeer, writeFrame } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Caller } from './caller.ts';
import { ScriptedStand, type SeenStream } from './scripted-stand.ts';
import { TestStand } from './test-stand.ts';

/** The one time that a row is about is short; all others are long, so that a busy machine changes nothing. */
const noHead = 'timeouts: { connect: 10s, firstByte: 150ms, idle: 10s, total: 20s }';
const noBody = 'timeouts: { connect: 10s, firstByte: 10s, idle: 200ms, total: 20s }';

describe('while connecting', () => {
  let stand: TestStand;
  let client: Caller;

  beforeAll(async () => {
    stand = await TestStand.start({
      originConfig: ['timeouts: { connect: 300ms, total: 20s }', 'retry: { attempts: 1 }', 'breaker: { failures: 0 }'],
    });
    client = await Caller.connect(stand.socket);
  });

  afterAll(async () => {
    client[Symbol.dispose]();
    await stand[Symbol.asyncDispose]();
  });

  async function expectTimeout(port: number): Promise<void> {
    const calls = ['GET', 'POST'].map((method) =>
      client.start(method, `https://localhost:${port}/`, { body: 'order' }),
    );
    for (const { ended } of calls) {
      const { outcome } = await ended;
      expect(outcome).toMatchObject({ status: 0, error: 'connect_timeout', processed: 'no', attempts: 1 });
    }
    await eventually(() => expect(stand.broker.load).toMatchObject({ exchanges: 0, sessions: 0 }));
  }

  test('TCP is not accepted', async () => {
    await using hole = await BlackHole.start('127.0.0.1');
    await expectTimeout(hole.port);
  });

  test.each([
    ['TLS is not begun', ''],
    // A record header that announces 512 octets, and three of them.
    ['TLS stops in the middle of a record', Buffer.from([0x16, 0x03, 0x03, 0x02, 0x00, 0x02, 0x00, 0x00])],
  ])('%s', async (_what, octets) => {
    const peer = await ScriptedRawPeer.start((connection) => connection.write(octets));
    await expectTimeout(peer.port);
    await eventually(() => expect(peer.connections.every(({ hasEnded }) => hasEnded)).toBe(true));
    await peer.close();
  });
});

describe.each(engines)('HTTP/2, %s engine', (engine) => {
  test.each([
    ['none', Buffer.alloc(0)],
    ['half a frame header', Buffer.from([0, 0, 6, 4])],
    ['half of SETTINGS', Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3])],
  ])('SETTINGS do not come: %s', async (_what, octets) => {
    await using silent = await ScriptedStand.h2(engine, {
      originConfig: ['timeouts: { connect: 300ms, total: 20s }', 'retry: { attempts: 1 }'],
      peer: { settings: null, acknowledges: false },
      onConnection: (connection) => connection.write(octets),
    });
    const call = await silent.call('POST', { body: 'order' }).ended;
    expect(call.outcome).toMatchObject({ status: 0, error: 'connect_timeout', processed: 'no' });
    expect(silent.openSessions).toBe(0);
  });

  describe('in an answer', () => {
    const stands: Record<'first_byte_timeout' | 'idle_timeout', ScriptedStand<SeenStream> | null> = {
      first_byte_timeout: null,
      idle_timeout: null,
    };

    beforeAll(async () => {
      stands.first_byte_timeout = await ScriptedStand.h2(engine, { originConfig: [noHead] });
      stands.idle_timeout = await ScriptedStand.h2(engine, { originConfig: [noBody] });
    });

    afterAll(async () => {
      for (const stand of Object.values(stands)) await stand?.[Symbol.asyncDispose]();
    });

    async function standFor(timeout: keyof typeof stands): Promise<ScriptedStand<SeenStream>> {
      const stand = stands[timeout] as ScriptedStand<SeenStream>;
      await stand.reset();
      return stand;
    }

    test.each(['GET', 'POST'])(
      'no head for a %s: not repeated, reset, and the session asked by PING',
      async (method) => {
        const stand = await standFor('first_byte_timeout');
        const call = await stand.call(method).ended;
        expect(call.outcome).toMatchObject({ status: 0, error: 'first_byte_timeout', processed: 'maybe', attempts: 1 });
        expect(stand.seen).toHaveLength(1);
        const [{ connection, streamId }] = stand.seen as [SeenStream];
        await eventually(() => {
          const own = connection.frames.filter((frame) => frame.streamId === streamId);
          expect(own.at(-1)?.type).toBe('RST_STREAM');
          expect(connection.frames.some((frame) => frame.type === 'PING' && !frame.isAck)).toBe(true);
        });
        // The origin answers PING: it is this exchange that hangs, and the session goes on. While a request is not whole,
        // the time to the first byte does not run.
        stand.answer = (seen) => seen.connection.respond(seen.streamId, 'lives');
        expect((await stand.call('POST', { body: 'stream' }).ended).outcome).toMatchObject({ body: 'lives' });
        expect(stand.seen[1]?.connection).toBe(connection);
      },
    );

    test.each(['GET', 'POST'])('the body of a %s stops: what came is kept', async (method) => {
      const stand = await standFor('idle_timeout');
      stand.answer = ({ connection, streamId }) =>
        connection.write(Buffer.concat([at(head, streamId), at(data, streamId)]));
      const call = await stand.call(method).ended;
      expect(call.outcome).toEqual({
        status: 200,
        body: 'half',
        error: 'idle_timeout',
        processed: 'maybe',
        attempts: 1,
      });
      expect(stand.seen).toHaveLength(1);
    });

    test.each<[string, 'first_byte_timeout' | 'idle_timeout', (id: number) => Buffer]>([
      ['half a frame header', 'first_byte_timeout', (id) => at(head, id, 4)],
      ['half of HEADERS', 'first_byte_timeout', (id) => at(head, id, 12)],
      ['HEADERS, and half of DATA', 'idle_timeout', (id) => Buffer.concat([at(head, id), at(data, id, 11)])],
    ])('%s, then silence: told in time, and not repeated', async (_what, error, octetsFor) => {
      const originConfig = [error === 'first_byte_timeout' ? noHead : noBody];
      await using own = await ScriptedStand.h2(engine, { originConfig, peer: { acknowledges: false } });
      own.answer = ({ connection, streamId }) => connection.write(octetsFor(streamId));
      expect((await own.call('POST').ended).outcome).toMatchObject({ error, processed: 'maybe', attempts: 1 });
      expect(own.seen).toHaveLength(1);
    });
  });

  test('time-outs are heard by the breaker', async () => {
    await using own = await ScriptedStand.h2(engine, {
      originConfig: [noHead, 'breaker: { failures: 2, open: 1h }'],
    });
    for (let i = 0; i < 2; i++) {
      expect((await own.call('GET').ended).outcome).toMatchObject({ error: 'first_byte_timeout' });
    }
    expect((await own.call('GET').ended).outcome).toMatchObject({ error: 'breaker_open', processed: 'no' });
    expect(own.seen).toHaveLength(2);
  });
});

describe('HTTP/1.1', () => {
  test.each<[string, string, string, string]>([
    ['no head', '', 'first_byte_timeout', ''],
    ['half a status line', 'HTTP/1.1 2', 'first_byte_timeout', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le', 'first_byte_timeout', ''],
    ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf', 'idle_timeout', 'half'],
    [
      'half a chunk size',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n1',
      'idle_timeout',
      'half',
    ],
    [
      'half the trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-S',
      'idle_timeout',
      'half',
    ],
  ])('%s, then silence: the connection is ended', async (_what, octets, error, body) => {
    await using stand = await ScriptedStand.h1({ originConfig: [error === 'idle_timeout' ? noBody : noHead] });
    stand.answer = ({ connection }) => connection.write(octets);
    const calls = ['GET', 'POST'].map((method) => stand.call(method));
    for (const { ended } of calls) {
      expect((await ended).outcome).toMatchObject({ body, error, processed: 'maybe', attempts: 1 });
    }
    expect(stand.seen).toHaveLength(2);
    await eventually(() => {
      expect(stand.seen.every(({ connection }) => connection.hasEnded)).toBe(true);
      expect(stand.broker.load.sessions).toBe(0);
    });
  });
});

const head = writeFrame({ type: 'HEADERS', streamId: 1, flags: 4, payload: encodeFields([':status', '200']) });
const data = writeFrame({ type: 'DATA', streamId: 1, payload: Buffer.from('half') });

/** The frame for that stream, or its first octets. */
function at(frame: Buffer, streamId: number, length = frame.length): Buffer {
  const bytes = Buffer.from(frame);
  bytes.writeUInt32BE(streamId, 5);
  return bytes.subarray(0, length);
}
