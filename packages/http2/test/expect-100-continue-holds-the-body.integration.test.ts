// `Expect: 100-continue` (RFC 9110 section 10.1.1): no body before the origin asks for it, answers, or says nothing for a second.

import { engines, type RequestBody } from '@hawser/http2';
import { eventually, FakeClock, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlain, type Stand, watchLeaks } from './stand.ts';

describe.each(engines)('Expect: 100-continue, %s engine', (engine) => {
  let noLeaks: () => Promise<void>;
  let peer: ScriptedHttp2Peer;
  let stand: Stand;
  let clock: FakeClock;

  beforeEach(() => {
    noLeaks = watchLeaks();
    clock = new FakeClock();
  });

  afterEach(async () => {
    await eventually(() => stand.session.activeStreams === 0);
    await eventually(() => clock.pendingTimers === 0);
    await stand[Symbol.asyncDispose]();
    await peer.close();
    await noLeaks();
  });

  async function open(script: (connection: PeerConnection) => Promise<void> | void): Promise<void> {
    peer = await ScriptedHttp2Peer.start(async (connection) => {
      await connection.request();
      await script(connection);
    });
    stand = await openPlain(peer.port, engine, { clock });
  }

  function start(body: RequestBody, value = '100-continue') {
    const sink = stand.start({ fields: ['expect', value, 'content-length', '5'] }, body);
    if (body === 'stream') {
      sink.handle?.write(Buffer.from('abc'));
      sink.handle?.write(Buffer.from('de'));
      sink.handle?.end();
    }
    return sink;
  }

  /** Body octets that the origin has; the PING makes sure that they have had time to come. */
  async function bodyAtOrigin(): Promise<string> {
    await stand.session.ping(5000);
    const frames = peer.connections[0]?.frames ?? [];
    return frames.flatMap((frame) => (frame.type === 'DATA' ? [frame.payload.toString()] : [])).join('');
  }

  const bodies: readonly [string, RequestBody][] = [
    ['a whole body', Buffer.from('abcde')],
    ['a streamed body', 'stream'],
  ];

  test.each(bodies)('%s goes on with the 100', async (_name, body) => {
    let proceed = () => {};
    const asked = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    await open(async (connection) => {
      await asked;
      connection.headers(1, [':status', '100']);
      await connection.next((frame) => frame.type === 'DATA' && frame.isEndStream);
      connection.respond(1, 'thanks');
    });
    const sink = start(body);
    await eventually(() => peer.connections[0]?.frames.some((frame) => frame.type === 'HEADERS'));
    expect(await bodyAtOrigin()).toBe('');
    proceed();
    expect((await sink.done).body.toString()).toBe('thanks');
    expect(await bodyAtOrigin()).toBe('abcde');
    expect(sink.informational).toEqual([{ status: 100, fields: [] }]);
    expect(sink.consumedBytes).toBe(body === 'stream' ? 5 : 0);
    expect(sink.violations).toEqual([]);
  });

  test.each(bodies)('%s is never sent after a refusal', async (_name, body) => {
    await open((connection) => connection.headers(1, [':status', '417'], { endStream: true }));
    const sink = start(body);
    expect((await sink.done).status).toBe(417);
    const reset = await peer.connections[0]?.next((frame) => frame.type === 'RST_STREAM');
    expect(reset?.errorCode).toBe(http2Code.NO_ERROR);
    expect(await bodyAtOrigin()).toBe('');
    expect(sink.consumedBytes).toBe(0);
  });

  test.each(bodies)('%s goes after a second of silence', async (_name, body) => {
    await open(async (connection) => {
      await connection.next((frame) => frame.type === 'DATA' && frame.isEndStream);
      connection.respond(1);
    });
    const sink = start(body, '100-Continue');
    await eventually(() => peer.connections[0]?.frames.some((frame) => frame.type === 'HEADERS'));
    expect(await bodyAtOrigin()).toBe('');
    clock.advance(999);
    expect(await bodyAtOrigin()).toBe('');
    clock.advance(1);
    expect((await sink.done).error).toBeNull();
    expect(await bodyAtOrigin()).toBe('abcde');
  });

  test('is given up with the exchange', async () => {
    await open(() => {});
    const sink = start('stream');
    await eventually(() => peer.connections[0]?.frames.some((frame) => frame.type === 'HEADERS'));
    sink.handle?.cancel();
    sink.isCancelled = true;
    const reset = await peer.connections[0]?.next((frame) => frame.type === 'RST_STREAM');
    expect(reset?.errorCode).toBe(http2Code.CANCEL);
    clock.advance(5000);
    expect(await bodyAtOrigin()).toBe('');
    expect(sink.violations).toEqual([]);
  });
});
