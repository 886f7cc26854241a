// Expect: 100-continue (RFC 9110 section 10.1.1) through the whole broker: held over HTTP/2 by each engine, dropped over
// HTTP/1.1.

import { engines } from '@hawser/http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bodyOf, ScriptedStand, type SeenStream } from './scripted-stand.ts';

describe.each(engines)('Expect: 100-continue over HTTP/2, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;
  const fields = ['expect', '100-continue'];

  beforeAll(async () => {
    stand = await ScriptedStand.h2(engine);
  });

  beforeEach(() => stand.reset());

  afterAll(() => stand[Symbol.asyncDispose]());

  function dataOf({ connection, streamId }: SeenStream): number {
    return connection.frames.filter((frame) => frame.type === 'DATA' && frame.streamId === streamId).length;
  }

  test.each(['whole', 'streamed'])('the body comes after the 100, not before: %s', async (how) => {
    let before = -1;
    stand.answer = async (seen) => {
      before = await dataAfterARoundTrip(seen);
      seen.connection.headers(seen.streamId, [':status', '100']);
      seen.connection.respond(seen.streamId, await bodyOf(seen));
    };
    const call = stand.call('POST', { fields, body: how === 'whole' ? 'order' : 'stream' });
    if (how === 'streamed') {
      call.write('or');
      call.write('der');
      call.end();
    }
    expect((await call.ended).outcome).toMatchObject({ status: 200, body: 'order', error: null });
    expect(call.informational).toEqual([{ status: 100, fields: [] }]);
    expect(before).toBe(0);
  });

  test('a final answer instead of the 100: the body is never sent', async () => {
    stand.answer = ({ connection, streamId }) => connection.respond(streamId, 'no', ['x-a', '1'], '417');
    const call = await stand.call('POST', { fields, body: 'order' }).ended;
    expect(call.outcome).toMatchObject({ status: 417, body: 'no', error: null });
    const [seen] = stand.seen as [SeenStream];
    await dataAfterARoundTrip(seen);
    const bytes = seen.connection.frames.filter((frame) => frame.type === 'DATA' && frame.streamId === seen.streamId);
    expect(bytes.every(({ payload }) => payload.length === 0)).toBe(true);
  });

  test('an origin that does not know it gets the body after a while', async () => {
    stand.answer = async (seen) => seen.connection.respond(seen.streamId, await bodyOf(seen));
    expect((await stand.call('POST', { fields, body: 'order' }).ended).outcome).toMatchObject({ body: 'order' });
  });

  /** DATA frames of the request when a PING that was sent after it came has been answered. */
  async function dataAfterARoundTrip(seen: SeenStream): Promise<number> {
    seen.connection.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(8, 7) });
    await seen.connection.next((frame) => frame.type === 'PING' && frame.isAck);
    return dataOf(seen);
  }
});

test('Expect: 100-continue over HTTP/1.1 is dropped, as a client may: the body follows at once', async () => {
  await using stand = await ScriptedStand.h1();
  stand.answer = async ({ connection }) => {
    await connection.readThrough('order');
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  };
  const call = await stand.call('POST', { fields: ['expect', '100-continue'], body: 'order' }).ended;
  expect(call.outcome).toMatchObject({ body: 'ok', error: null });
  expect(stand.seen[0]?.head).not.toMatch(/expect/i);
});
