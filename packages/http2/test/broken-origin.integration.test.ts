// Origins that break the protocol or the connection: each exchange gets one error, the session ends or lives as it must.

import { engines, type SessionErrorCode } from '@hawser/http2';
import {
  encodeFields,
  eventually,
  FakeClock,
  http2Setting,
  type PeerConnection,
  ScriptedHttp2Peer,
} from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlain, type Stand, settled, watchLeaks } from './stand.ts';

type Break = (connection: PeerConnection, streamId: number) => void;

/** What ends the session (RFC 9113 section 5.4.1). */
const connectionErrors: readonly [string, Break][] = [
  ['a frame above the frame size', (c, id) => c.send({ type: 'DATA', streamId: id, payload: Buffer.alloc(17_000) })],
  ['a header block that is no HPACK', (c, id) => c.send(headers(id, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])))],
  ['DATA on stream 0', (c) => c.data(0, 'x')],
  ['DATA on an idle stream', (c) => c.data(99, 'x')],
  ['DATA before the head', (c, id) => c.data(id, 'x')],
  ['RST_STREAM on stream 0', (c) => c.reset(0, 'CANCEL')],
  ['RST_STREAM on an idle stream', (c) => c.reset(77, 'CANCEL')],
  ['a window above 2^31-1', (c) => c.windowUpdate(0, 2 ** 31 - 1)],
  ['a window update of 0', (c) => c.windowUpdate(0, 0)],
  ['a pushed stream', (c, id) => c.send({ type: 'PUSH_PROMISE', streamId: id, flags: 4, payload: pushed })],
  ['SETTINGS of a wrong length', (c) => c.send({ type: 'SETTINGS', streamId: 0, payload: Buffer.alloc(5) })],
  ['SETTINGS on a stream', (c, id) => c.send({ type: 'SETTINGS', streamId: id, payload: Buffer.alloc(6) })],
  ['an initial window above 2^31-1', (c) => c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 2 ** 31 })],
  ['PING of a wrong length', (c) => c.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(5) })],
  ['DATA inside a header block', (c, id) => {
    c.send({ type: 'HEADERS', streamId: id, payload: encodeFields([':status', '200']) });
    c.data(id, 'x');
  }],
  ['CONTINUATION without end', (c, id) => {
    c.send({ type: 'HEADERS', streamId: id, payload: encodeFields([':status', '200']) });
    const payload = encodeFields(['x-a', 'y'.repeat(1000)]);
    for (let i = 0; i < 1000; i++) c.send({ type: 'CONTINUATION', streamId: id, payload });
  }],
  ['SETTINGS without end', (c) => {
    for (let i = 0; i < 20_000; i++) c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: i });
  }],
  ['PING without end', (c) => {
    for (let i = 0; i < 50_000; i++) c.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(8) });
  }],
  ['HTTP/1.1 in the middle', (c) => c.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2000)))],
]; // biome-ignore format: one line for each where it fits

/** What ends one stream (RFC 9113 sections 5.4.2 and 8.1.1). */
const streamErrors: readonly [string, SessionErrorCode, Break][] = [
  ['a field name in upper case', 'stream_reset', (c, id) => respond(c, id, [':status', '200', 'X-Upper', '1'])],
  ['no status', 'stream_reset', (c, id) => respond(c, id, ['x-a', '1'])],
  ['a status that is no number', 'stream_reset', (c, id) => respond(c, id, [':status', 'abc'])],
  ['status 101', 'stream_reset', (c, id) => c.headers(id, [':status', '101'])],
  ['a status after a field', 'stream_reset', (c, id) => respond(c, id, ['x-a', '1', ':status', '200'])],
  ['a connection-specific field', 'stream_reset', (c, id) => respond(c, id, [':status', '200', 'connection', 'close'])],
  ['two lengths', 'stream_reset', (c, id) => respond(c, id, [':status', '200', 'content-length', '1', 'content-length', '2'])],
  ['a second head', 'stream_reset', (c, id) => {
    c.headers(id, [':status', '200']);
    c.headers(id, [':status', '200'], { endStream: true });
  }],
  ['trailers that do not end the stream', 'stream_reset', (c, id) => {
    c.headers(id, [':status', '200']);
    c.headers(id, ['x-trailer', '1']);
  }],
  ['less body than content-length said', 'body_incomplete', (c, id) => respond(c, id, [':status', '200', 'content-length', '5'])],
  ['no body where content-length said one', 'stream_reset', (c, id) => {
    c.headers(id, [':status', '200', 'content-length', '5'], { endStream: true });
  }],
]; // biome-ignore format: one line for each where it fits

/** What breaks the connection. */
const connectionEnds: readonly [string, Break][] = [
  ['FIN before the head', (c) => c.end()],
  ['FIN in the body', (c, id) => {
    c.headers(id, [':status', '200']);
    c.data(id, 'half');
    c.end();
  }],
  ['half a frame, then FIN', (c) => {
    c.write(Buffer.from([0, 0, 10, 0]));
    c.end();
  }],
  ['TCP reset', (c) => c.break()],
]; // biome-ignore format: one line for each where it fits

describe.each(engines)('a broken origin, %s engine', (engine) => {
  let noLeaks: () => Promise<void>;
  let peer: ScriptedHttp2Peer;
  let stand: Stand;

  beforeEach(() => {
    noLeaks = watchLeaks();
  });

  afterEach(async () => {
    await stand[Symbol.asyncDispose]();
    await peer.close();
    await noLeaks();
  });

  /** Two exchanges: the first has its head and waits, the second is answered by `script`. */
  async function open(script: Break) {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      const first = await connection.request();
      connection.headers(first.streamId, [':status', '200']);
      const second = await connection.request();
      script(connection, second.streamId);
    });
    stand = await openPlain(peer.port, engine);
    return [stand.start(), stand.start()] as const;
  }

  test.each(connectionErrors)('%s ends the session', async (_name, script) => {
    const sinks = await open(script);
    for (const sink of sinks) {
      expect((await sink.done).error).toMatchObject({ code: 'protocol_error', processed: 'maybe' });
      expect(sink.violations).toEqual([]);
    }
    expect(await stand.events.closed).toMatchObject({ code: 'protocol_error' });
    expect(stand.events.life).toEqual(['draining: closed', 'closed: protocol_error']);
    await eventually(() => peer.connections[0]?.hasEnded === true);
  });

  test.each(streamErrors)('%s ends the stream and nothing else', async (_name, code, script) => {
    const [other, sink] = await open(script);
    const { error } = await sink.done;
    expect(error).toMatchObject({ code, processed: 'maybe', http2Code: 'PROTOCOL_ERROR' });
    expect(sink.violations).toEqual([]);
    peer.connections[0]?.data(1, 'whole', { endStream: true });
    expect((await other.done).body.toString()).toBe('whole');
    expect(stand.session.state).toBe('open');
  });

  test('more body than content-length said ends with an error', async () => {
    const [, sink] = await open((connection, streamId) => {
      connection.headers(streamId, [':status', '200', 'content-length', '2']);
      connection.data(streamId, 'much more', { endStream: true });
    });
    expect((await sink.done).error?.code).toMatch(/protocol_error|body_incomplete/);
    expect(sink.receivedBytes).toBeLessThanOrEqual(2);
  });

  test.each(connectionEnds)('%s ends every exchange', async (_name, script) => {
    const sinks = await open(script);
    for (const sink of sinks) {
      expect((await sink.done).error).toMatchObject({ code: 'session_closed', processed: 'maybe' });
      expect(sink.violations).toEqual([]);
    }
    expect(await stand.events.closed).toMatchObject({ code: 'session_closed' });
    expect(stand.events.life).toEqual(['draining: closed', 'closed: session_closed']);
  });

  test('a whole response that came with the end of the connection is whole', async () => {
    const [other, sink] = await open((connection, streamId) => {
      connection.respond(streamId, 'just in time');
      connection.end();
    });
    const { error, body } = await sink.done;
    expect([error, body.toString()]).toEqual([null, 'just in time']);
    expect((await other.done).error).toMatchObject({ code: 'session_closed' });
  });

  test('FIN on an idle session is an orderly end', async () => {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      const { streamId } = await connection.request();
      connection.respond(streamId);
      connection.end();
    });
    stand = await openPlain(peer.port, engine);
    expect((await stand.get('/')).error).toBeNull();
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: closed', 'closed: null']);
  });

  test('frames of unknown type and for streams that are over are ignored', async () => {
    const [, sink] = await open((connection, streamId) => {
      connection.send({ type: 0x42, streamId, payload: Buffer.alloc(5) });
      connection.respond(streamId);
      connection.windowUpdate(streamId, 10);
      connection.reset(streamId, 'CANCEL');
    });
    expect((await sink.done).error).toBeNull();
    await stand.session.ping(5000);
    expect(stand.session.state).toBe('open');
  });

  test('an origin that does not answer PING is told after the time-out, and may still answer later', async () => {
    peer = await ScriptedHttp2Peer.start(() => {}, { acknowledges: false });
    stand = await openPlain(peer.port, engine);
    await expect(stand.session.ping(20)).rejects.toMatchObject({ code: 'ping_timeout', processed: 'maybe' });
    expect(stand.session.state).toBe('open');
    const ping = peer.connections[0]?.frames.find((frame) => frame.type === 'PING');
    peer.connections[0]?.send({ type: 'PING', streamId: 0, flags: 0x1, payload: ping?.payload ?? Buffer.alloc(8) });
  });

  test('a session is gone for good though the origin neither reads nor closes', async () => {
    const [sink] = await open((connection) => connection.socket.pause());
    stand.session.destroy();
    expect((await sink.done).error).toMatchObject({ code: 'session_destroyed' });
    expect(await stand.events.closed).toMatchObject({ code: 'session_destroyed' });
    expect(stand.socket.destroyed).toBe(true);
  });

  test('a drained session is gone at once though the origin never closes its end', async () => {
    const clock = new FakeClock();
    peer = await ScriptedHttp2Peer.start(() => {});
    stand = await openPlain(peer.port, engine, { clock });
    stand.session.drain();
    expect(await stand.events.closed).toBeNull();
    expect(stand.socket.destroyed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a drained session is gone after a second though the origin does not even read', async () => {
    const clock = new FakeClock();
    const windows = { [http2Setting.INITIAL_WINDOW_SIZE]: 2 ** 31 - 1 };
    peer = await ScriptedHttp2Peer.start(
      async (connection) => {
        await connection.request();
        connection.windowUpdate(0, 2 ** 30);
        connection.socket.pause();
      },
      { settings: windows },
    );
    stand = await openPlain(peer.port, engine, { clock });
    const sink = stand.start({}, Buffer.alloc(20 * 1024 * 1024));
    // The kernel's buffers are far below the body's size: what was written stands still once they are full.
    await eventually(() => peer.connections[0]?.socket.isPaused() === true);
    await settled(() => stand.socket.bytesWritten);
    sink.handle?.cancel();
    stand.session.drain();
    await eventually(() => clock.pendingTimers === 1);
    clock.advance(1000);
    expect(await stand.events.closed).toBeNull();
    expect(stand.socket.destroyed).toBe(true);
  });
});

const pushed = Buffer.concat([
  Buffer.from([0, 0, 0, 2]),
  encodeFields([':method', 'GET', ':path', '/', ':scheme', 'https', ':authority', 'localhost']),
]);

function headers(streamId: number, payload: Buffer) {
  return { type: 'HEADERS', streamId, flags: 0x4, payload } as const;
}

function respond(connection: PeerConnection, streamId: number, fields: readonly string[]): void {
  connection.headers(streamId, fields);
  connection.data(streamId, 'x', { endStream: true });
}
