// SETTINGS that take room away while exchanges run (RFC 9113 sections 6.5.2 and 6.9.2), through the whole broker: what runs
// is finished, what comes waits or goes elsewhere, and no body loses or repeats an octet.

import { engines } from '@hawser/http2';
import { contentBytes, eventually, http2Setting, type PeerConnection } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScriptedStand, type SeenStream } from './scripted-stand.ts';

const { MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE } = http2Setting;
const KiB = 1024;

describe.each(engines)('SETTINGS, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;
  /** What the next connection announces. */
  let announced: Record<number, number>;

  beforeEach(() => {
    announced = { [MAX_CONCURRENT_STREAMS]: 10 };
  });

  afterEach(async () => stand[Symbol.asyncDispose]());

  async function open(originConfig: readonly string[], renewsWindows = true): Promise<void> {
    stand = await ScriptedStand.h2(engine, {
      originConfig,
      peer: { settings: null, renewsWindows },
      onConnection: (connection) => connection.settings(announced),
    });
  }

  function respond(seen: SeenStream | undefined): void {
    seen?.connection.respond(seen.streamId, 'done');
  }

  async function shrink(connection: PeerConnection, settings: Record<number, number>): Promise<void> {
    const acks = () => connection.frames.filter((frame) => frame.type === 'SETTINGS' && frame.isAck).length;
    const before = acks();
    connection.settings(settings);
    await eventually(() => expect(acks()).toBe(before + 1));
  }

  test.each([0, 1])(
    'the stream count falls to %d: what runs is finished, what comes waits for its turn',
    async (count) => {
      await open(['connections: { max: 1 }', 'queue: { timeout: 20s }']);
      const running = [stand.call('GET'), stand.call('POST', { body: 'order' })];
      await eventually(() => expect(stand.seen).toHaveLength(2));
      const { connection } = stand.seen[0] as SeenStream;
      await shrink(connection, { [MAX_CONCURRENT_STREAMS]: count });
      const waiting = [stand.call('GET'), stand.call('POST', { body: 'order' })];
      for (const seen of stand.seen.slice(0, 2)) respond(seen);
      for (const call of running) expect((await call.ended).outcome).toMatchObject({ body: 'done', attempts: 1 });

      if (count === 0) {
        expect(stand.seen, 'nothing is sent where there is no room').toHaveLength(2);
        await shrink(connection, { [MAX_CONCURRENT_STREAMS]: 1 });
      }
      for (const [index, call] of waiting.entries()) {
        await eventually(() => expect(stand.seen).toHaveLength(3 + index));
        respond(stand.seen[2 + index]);
        expect((await call.ended).outcome).toMatchObject({ body: 'done', attempts: 1 });
      }
      expect(stand.peer.connections).toHaveLength(1);
    },
  );

  test('the stream count falls to 0: others go to another session, up to connections.max', async () => {
    await open(['connections: { max: 2 }']);
    const neighbour = await stand.bystander();
    await shrink(neighbour.seen.connection, { [MAX_CONCURRENT_STREAMS]: 0 });
    stand.answer = respond;
    for (let i = 0; i < 5; i++) expect((await stand.call('POST').ended).outcome).toMatchObject({ body: 'done' });
    expect(stand.peer.connections).toHaveLength(2);
    respond(neighbour.seen);
    expect((await neighbour.call.ended).outcome).toMatchObject({ body: 'done', attempts: 1 });
  });

  test('no room at all, from the beginning: waits end with an error of their own', async () => {
    announced = { [MAX_CONCURRENT_STREAMS]: 0 };
    await open(['connections: { max: 2 }', 'queue: { timeout: 300ms }']);
    const { outcome } = await stand.call('POST', { body: 'order' }).ended;
    expect(outcome).toMatchObject({ error: 'queue_timeout', processed: 'no' });
    expect(stand.peer.connections.length).toBeLessThanOrEqual(2);
    expect(stand.seen).toHaveLength(0);
  });

  test('a burst against a count that falls as it comes: each is executed once', async () => {
    announced = { [MAX_CONCURRENT_STREAMS]: 100 };
    await open(['connections: { max: 2 }', 'queue: { timeout: 20s }']);
    stand.answer = (seen) => {
      // In flight by now: sixty at once. RFC 9113 section 5.1.2 lets the origin refuse what is above its new limit.
      if (seen.ordinal === 0) seen.connection.settings({ [MAX_CONCURRENT_STREAMS]: 2 });
      if (seen.ordinal > 0 && seen.ordinal <= 30) seen.connection.reset(seen.streamId, 'REFUSED_STREAM');
      else respond(seen);
    };
    const calls = Array.from({ length: 60 }, () => stand.call('POST', { body: 'order' }));
    for (const call of calls) expect((await call.ended).outcome).toMatchObject({ body: 'done', error: null });
    expect(stand.seen).toHaveLength(60 + 30);
    expect(stand.openSessions).toBeLessThanOrEqual(2);
  });

  test.each([
    ['whole', 200 * KiB],
    ['streamed', 200 * KiB],
  ])('the window falls to nothing, and below, while a body is sent (%s): it arrives whole', async (how, length) => {
    await open([], false);
    const body = contentBytes(length);
    const call = stand.call('POST', { body: how === 'whole' ? body : 'stream' });
    for (let at = 0; how === 'streamed' && at < length; at += 50 * KiB) call.write(body.subarray(at, at + 50 * KiB));
    if (how === 'streamed') call.end();
    await eventually(() => expect(stand.seen).toHaveLength(1));
    const { connection, streamId } = stand.seen[0] as SeenStream;
    const received = () =>
      Buffer.concat(connection.frames.flatMap((frame) => (frame.type === 'DATA' ? [frame.payload] : [])));
    // RFC 9113 section 6.9.2: windows are 65,535 octets until someone says otherwise.
    await eventually(() => expect(received()).toHaveLength(65_535));
    connection.windowUpdate(0, length);
    // The stream's window is now negative: 65,535 octets were sent and 1,000 are allowed.
    await shrink(connection, { [INITIAL_WINDOW_SIZE]: 1_000 });
    connection.windowUpdate(streamId, 64_535);
    await shrink(connection, { [INITIAL_WINDOW_SIZE]: 0 });
    expect(received(), 'nothing is sent into a window that is not there').toHaveLength(65_535);
    await shrink(connection, { [INITIAL_WINDOW_SIZE]: 2_000 });
    await eventually(() => expect(received()).toHaveLength(65_535 + 1_000 + 1_000 - 1_000));
    connection.windowUpdate(streamId, length);
    await eventually(() => expect(received()).toHaveLength(length));
    respond(stand.seen[0]);
    expect((await call.ended).outcome).toMatchObject({ body: 'done', attempts: 1 });
    expect(received().equals(body)).toBe(true);
  });
});
