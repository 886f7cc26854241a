// GOAWAY: what is above the last stream id was not processed; what is not above it finishes (RFC 9113 section 6.8).

import { engines } from '@hawser/http2';
import { eventually, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain, type Stand, watchLeaks } from './stand.ts';

describe.each(engines)('GOAWAY, %s engine', (engine) => {
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

  /** Starts `count` exchanges, whose stream ids are 1, 3, 5, …, and runs the script once all have arrived. */
  async function withExchanges(count: number, script: (connection: PeerConnection) => Promise<void> | void) {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      for (let i = 0; i < count; i++) await connection.request();
      await script(connection);
    });
    stand = await openPlain(peer.port, engine);
    return Array.from({ length: count }, () => stand.start());
  }

  test.each([
    ['0', 0, 0],
    ['the middle one', 3, 2],
    ['the last one', 5, 3],
    ['the highest possible', 2 ** 31 - 1, 3],
  ])('last stream id %s', async (_name, lastStreamId, finished) => {
    const sinks = await withExchanges(3, (connection) => {
      connection.goaway(lastStreamId);
      for (let i = 0; i < finished; i++) connection.respond(1 + 2 * i);
    });
    const outcomes = await Promise.all(sinks.map((sink) => sink.done));
    for (const { status, error } of outcomes.slice(0, finished)) expect([status, error]).toEqual([200, null]);
    for (const { error } of outcomes.slice(finished)) {
      expect(error).toMatchObject({ code: 'goaway', processed: 'no', http2Code: 'NO_ERROR' });
    }
    expectOneEnd(sinks);
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: goaway', 'closed: null']);
  });

  test('is told while the others still run, and takes no new request', async () => {
    const [first, second] = await withExchanges(2, (connection) => {
      connection.headers(1, [':status', '200']);
      connection.goaway(1);
    });
    expect((await second?.done)?.error).toMatchObject({ code: 'goaway', processed: 'no' });
    expect(stand.session.state).toBe('draining');
    expect(() => stand.start()).toThrow(expect.objectContaining({ code: 'no_room', processed: 'no' }));
    peer.connections[0]?.data(1, 'late', { endStream: true });
    expect((await first?.done)?.body.toString()).toBe('late');
    expect(await stand.events.closed).toBeNull();
  });

  test('in two steps: the second one names what was processed', async () => {
    const sinks = await withExchanges(3, async (connection) => {
      connection.goaway(2 ** 31 - 1);
      await eventually(() => stand?.session.state === 'draining');
      connection.goaway(3);
      connection.respond(1);
      connection.respond(3);
    });
    const errors = (await Promise.all(sinks.map((sink) => sink.done))).map(({ error }) => error?.code ?? null);
    expect(errors).toEqual([null, null, 'goaway']);
    expectOneEnd(sinks);
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: goaway', 'closed: null']);
  });

  test('on an idle session closes it in order', async () => {
    await withExchanges(0, async (connection) => {
      await connection.next((frame) => frame.isAck);
      connection.goaway(0);
    });
    expect(await stand.events.closed).toBeNull();
    expect(stand.events.life).toEqual(['draining: goaway', 'closed: null']);
  });

  test('with an error code: what is above is unprocessed, the rest may have been', async () => {
    const sinks = await withExchanges(2, (connection) => connection.goaway(1, 'ENHANCE_YOUR_CALM'));
    const [first, second] = await Promise.all(sinks.map((sink) => sink.done));
    expect(first?.error).toMatchObject({
      code: 'session_closed',
      processed: 'maybe',
      http2Code: 'ENHANCE_YOUR_CALM',
    });
    expect(second?.error).toMatchObject({ code: 'goaway', processed: 'no', http2Code: 'ENHANCE_YOUR_CALM' });
    expectOneEnd(sinks);
    expect((await stand.events.closed)?.http2Code).toBe('ENHANCE_YOUR_CALM');
    expect(stand.events.life).toEqual(['draining: goaway', 'closed: session_closed']);
  });

  test('and then the end of the connection: what was not above may have been processed', async () => {
    const sinks = await withExchanges(2, (connection) => {
      connection.goaway(1);
      connection.end();
    });
    const [first, second] = await Promise.all(sinks.map((sink) => sink.done));
    expect(first?.error).toMatchObject({ code: 'session_closed', processed: 'maybe' });
    expect(second?.error).toMatchObject({ code: 'goaway', processed: 'no' });
    expectOneEnd(sinks);
  });

  test('that crosses a request: the request is unprocessed', async () => {
    const sinks = await withExchanges(1, (connection) => connection.goaway(1));
    // The peer sends GOAWAY when it has the first request; more are on their way by then.
    const late = Array.from({ length: 5 }, () => stand.start());
    for (const sink of late) expect((await sink.done).error).toMatchObject({ code: 'goaway', processed: 'no' });
    peer.connections[0]?.respond(1);
    expect((await sinks[0]?.done)?.status).toBe(200);
    expectOneEnd([...sinks, ...late]);
  });

  test('that meets a request before it left: the request is unprocessed', async () => {
    let late: RecordingSink | null = null;
    class Chaining extends RecordingSink {
      override onData(chunk: Buffer): void {
        super.onData(chunk);
        late ??= stand.start();
      }
    }
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      await connection.request();
      connection.headers(1, [':status', '200']);
      // One segment: the request is made between the two frames.
      connection.socket.cork();
      connection.data(1, 'x');
      connection.goaway(1);
      connection.data(1, 'y', { endStream: true });
      connection.socket.uncork();
    });
    stand = await openPlain(peer.port, engine);
    const first = stand.start({}, null, new Chaining());
    await eventually(() => late !== null);
    expect((await (late as unknown as RecordingSink).done).error).toMatchObject({ code: 'goaway', processed: 'no' });
    expect((await first.done).body.toString()).toBe('xy');
    expect(await stand.events.closed).toBeNull();
  });
});

function expectOneEnd(sinks: readonly RecordingSink[]): void {
  for (const sink of sinks) {
    expect(sink.calls.filter((call) => call === 'onEnd' || call === 'onError')).toHaveLength(1);
    expect(sink.violations).toEqual([]);
  }
}
