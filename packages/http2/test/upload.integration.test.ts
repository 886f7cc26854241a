// The request body against origins that read slowly, not at all, or answer before they have it.

import { engines } from '@hawser/http2';
import { contentBytes, eventually, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlain, type Stand, watchLeaks } from './stand.ts';

const KiB = 1024;
/** What an origin takes of one stream before it renews the window (RFC 9113 section 6.9.2). */
const initialWindowBytes = 65_535;

describe.each(engines)('an upload, %s engine', (engine) => {
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

  async function open(script: (connection: PeerConnection, streamId: number) => Promise<void> | void, renews: boolean) {
    peer = await ScriptedHttp2Peer.start(
      async (connection) => script(connection, (await connection.request()).streamId),
      { renewsWindows: renews },
    );
    stand = await openPlain(peer.port, engine);
  }

  function received(): number {
    const frames = peer.connections[0]?.frames ?? [];
    return frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.payload.length : 0), 0);
  }

  test('is let go of only as the origin makes room', async () => {
    await open(() => {}, false);
    const sink = stand.start({}, 'stream');
    const chunk = contentBytes(16 * KiB);
    for (let i = 0; i < 20; i++) sink.handle?.write(chunk);
    sink.handle?.end();
    await eventually(() => received() === initialWindowBytes);
    await stand.session.ping(5000);
    expect(sink.consumedBytes).toBeLessThanOrEqual(initialWindowBytes);
    const connection = peer.connections[0];
    connection?.windowUpdate(0, 1024 * KiB);
    connection?.windowUpdate(1, 1024 * KiB);
    await eventually(() => sink.consumedBytes === 20 * 16 * KiB && received() === 20 * 16 * KiB);
    connection?.respond(1);
    expect((await sink.done).error).toBeNull();
    expect(sink.violations).toEqual([]);
  });

  test.each([
    ['a whole body', 'whole'],
    ['a streamed body', 'stream'],
  ] as const)('an early response ends %s that the origin does not take, with NO_ERROR', async (_name, kind) => {
    await open((connection, streamId) => connection.respond(streamId, 'no thanks'), false);
    const sink = stand.start({}, kind === 'whole' ? contentBytes(500 * KiB) : 'stream');
    if (kind === 'stream') sink.handle?.write(contentBytes(500 * KiB));
    const { error, body } = await sink.done;
    expect([error, body.toString()]).toEqual([null, 'no thanks']);
    const reset = await peer.connections[0]?.next((frame) => frame.type === 'RST_STREAM');
    expect(reset?.errorCode).toBe(http2Code.NO_ERROR);
    await eventually(() => stand.session.activeStreams === 0);
    expect(sink.violations).toEqual([]);
    expect(stand.session.state).toBe('open');
  });

  test('an early head does not end it: both directions run at once', async () => {
    await open(async (connection, streamId) => {
      connection.headers(streamId, [':status', '200']);
      for (;;) {
        const frame = await connection.next(({ type }) => type === 'DATA');
        connection.data(streamId, frame.payload, { endStream: frame.isEndStream });
      }
    }, true);
    const sink = stand.start({}, 'stream');
    for (let i = 1; i <= 5; i++) {
      sink.handle?.write(contentBytes(KiB));
      await eventually(() => sink.receivedBytes === i * KiB);
    }
    sink.handle?.end();
    expect((await sink.done).body.length).toBe(5 * KiB);
    expect(sink.consumedBytes).toBe(5 * KiB);
  });

  test('without a body is one HEADERS frame that ends the stream; a small whole body adds one DATA frame', async () => {
    await open((connection, streamId) => connection.respond(streamId), true);
    await stand.get('/');
    const second = stand.start({}, Buffer.from('small'));
    const connection = peer.connections[0];
    await eventually(() => connection?.frames.some((frame) => frame.streamId === 3 && frame.isEndStream));
    connection?.respond(3);
    await second.done;
    const sent = (streamId: number) =>
      connection?.frames
        .filter((frame) => frame.streamId === streamId && frame.type !== 'WINDOW_UPDATE')
        .map((frame) => [frame.type, frame.isEndStream]);
    expect(sent(1)).toEqual([['HEADERS', true]]);
    expect(sent(3)).toEqual([
      ['HEADERS', false],
      ['DATA', true],
    ]);
  });

  test('a field section of 190 KiB leaves whole', async () => {
    await open(async (connection, streamId) => {
      await connection.next((frame) => frame.type === 'CONTINUATION' && (frame.flags & 0x4) !== 0);
      connection.respond(streamId);
    }, true);
    const fields = Array.from({ length: 10 }, (_, i) => [`x-field-${i}`, '*'.repeat(19 * KiB)]).flat();
    expect((await stand.start({ fields }).done).error).toBeNull();
  });

  test('is cancelled where the origin takes nothing', async () => {
    await open(() => {}, false);
    const sink = stand.start({}, contentBytes(500 * KiB));
    await eventually(() => received() === initialWindowBytes);
    sink.handle?.cancel();
    sink.isCancelled = true;
    const reset = await peer.connections[0]?.next((frame) => frame.type === 'RST_STREAM');
    expect(reset?.errorCode).toBe(http2Code.CANCEL);
    await eventually(() => stand.session.activeStreams === 0);
    expect(sink.violations).toEqual([]);
  });
});
