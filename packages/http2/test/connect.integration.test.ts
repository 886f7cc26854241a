// Opening a session: resolved by the origin's SETTINGS, rejected without a trace by anything else.

import { engines } from '@hawser/http2';
import { eventually, FakeClock, http2Setting, ScriptedHttp2Peer, ScriptedRawPeer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlain, openSession, RecordingEvents, type SessionOptions, tcp, watchLeaks } from './stand.ts';

describe.each(engines)('opening a session, %s engine', (engine) => {
  let noLeaks: () => Promise<void>;
  let peer: { readonly port: number; close(): Promise<void> };

  beforeEach(() => {
    noLeaks = watchLeaks();
  });

  afterEach(async () => {
    await peer.close();
    await noLeaks();
  });

  async function expectRejected(expected: object, options: SessionOptions = {}): Promise<void> {
    const socket = await tcp(peer.port);
    await expect(openSession(socket, engine, options)).rejects.toMatchObject({ processed: 'no', ...expected });
    await eventually(() => socket.destroyed);
  }

  test('knows the origin`s limit when it resolves', async () => {
    peer = await ScriptedHttp2Peer.start(() => {}, { settings: { [http2Setting.MAX_CONCURRENT_STREAMS]: 3 } });
    await using stand = await openPlain(peer.port, engine);
    expect(stand.session).toMatchObject({ protocol: 'h2', state: 'open', freeStreams: 3, activeStreams: 0 });
    expect(stand.events.calls).toEqual([]);
  });

  test('says its own settings first, no push among them, and opens the window of the session', async () => {
    const scripted = await ScriptedHttp2Peer.start(() => {});
    peer = scripted;
    await using stand = await openPlain(peer.port, engine);
    const first = scripted.connections[0]?.frames[0];
    expect([stand.session.state, first?.type, first?.isAck]).toEqual(['open', 'SETTINGS', false]);
    const settings = new Map<number, number>();
    const payload = first?.payload ?? Buffer.alloc(0);
    for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    expect(settings.get(http2Setting.ENABLE_PUSH)).toBe(0);
    // What the limits of names and values come to as RFC 9113 section 6.5.2 counts: 32 bytes more for each line.
    expect(settings.get(http2Setting.MAX_HEADER_LIST_SIZE)).toBe(192 * 1024 + 1000 * 32);
    expect(settings.get(http2Setting.INITIAL_WINDOW_SIZE)).toBeLessThanOrEqual(256 * 1024);
    await eventually(() =>
      scripted.connections[0]?.frames.some(
        (frame) =>
          frame.type === 'WINDOW_UPDATE' &&
          frame.streamId === 0 &&
          frame.payload.readUInt32BE(0) === 16 * 1024 * 1024 - 65_535,
      ),
    );
  });

  test('takes SETTINGS that came before the session listened', async () => {
    peer = await ScriptedHttp2Peer.start((connection) => connection.settings(), { settings: null });
    const socket = await tcp(peer.port);
    await eventually(() => socket.bytesRead > 0);
    await using stand = await openSession(socket, engine);
    expect(stand.session.state).toBe('open');
  });

  test('gives up when no SETTINGS come in time', async () => {
    const clock = new FakeClock();
    peer = await ScriptedHttp2Peer.start(() => {}, { settings: null });
    const socket = await tcp(peer.port);
    const opening = openSession(socket, engine, { clock, settingsTimeoutMs: 500 });
    const rejected = expect(opening).rejects.toMatchObject({ code: 'protocol_error', http2Code: 'SETTINGS_TIMEOUT' });
    clock.advance(499);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1);
    await rejected;
    await eventually(() => socket.destroyed);
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaves no timer behind when it resolves, nor does PING', async () => {
    const clock = new FakeClock();
    peer = await ScriptedHttp2Peer.start(() => {});
    const stand = await openPlain(peer.port, engine, { clock });
    expect(clock.pendingTimers).toBe(0);
    await stand.session.ping(1000);
    expect(clock.pendingTimers).toBe(0);
    await stand[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  test.runIf(engine === 'native')('is ended by an origin that goes on without acknowledging our SETTINGS', async () => {
    const clock = new FakeClock();
    const scripted = await ScriptedHttp2Peer.start(() => {}, { acknowledges: false });
    peer = scripted;
    await using stand = await openPlain(peer.port, engine, { clock, settingsTimeoutMs: 500 });
    expect(clock.pendingTimers).toBe(0);
    const say = () => scripted.connections[0]?.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(8) });
    const answers = () => scripted.connections[0]?.frames.filter(({ type, isAck }) => type === 'PING' && isAck).length;
    clock.advance(499);
    say();
    await eventually(() => answers() === 1);
    expect(stand.session.state).toBe('open');
    clock.advance(1);
    say();
    expect(await stand.events.closed).toMatchObject({ code: 'protocol_error', http2Code: 'SETTINGS_TIMEOUT' });
  });

  test('is rejected by an origin that closes at once', async () => {
    peer = await ScriptedRawPeer.start((connection) => connection.end());
    await expectRejected({ code: 'session_closed' });
  });

  test('is rejected by an origin that breaks the connection', async () => {
    peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough('SM\r\n\r\n');
      connection.break();
    });
    await expectRejected({ code: 'session_closed' });
  });

  test('is rejected by an origin that speaks HTTP/1.1', async () => {
    peer = await ScriptedRawPeer.start((connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expectRejected({ code: 'protocol_error' });
  });

  test('is rejected by an origin whose first frame is not SETTINGS', async () => {
    peer = await ScriptedHttp2Peer.start((connection) => connection.goaway(0), { settings: null });
    await expectRejected({ code: 'protocol_error' });
  });

  test('is rejected when the caller destroys the socket meanwhile, and tells no event', async () => {
    peer = await ScriptedHttp2Peer.start(() => {}, { settings: null });
    const socket = await tcp(peer.port);
    const events = new RecordingEvents();
    const opening = openSession(socket, engine, {}, events);
    socket.destroy(new Error('the caller has no more time'));
    await expect(opening).rejects.toMatchObject({ code: 'session_closed', processed: 'no' });
    // `close` of the socket and of node:http2's session come in the ticks after.
    await eventually(() => socket.closed);
    await new Promise(setImmediate);
    expect(events.calls).toEqual([]);
  });
});
