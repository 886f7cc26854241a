// GOAWAY with any last stream id (RFC 9113 section 6.8), through the whole broker: what is above it is sent again whatever
// its method and executed once, what is not above it finishes where it is, and nobody is told.

import { engines } from '@hawser/http2';
import { eventually, type Http2CodeName, type Http2Frame } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bodyOf, ScriptedStand, type SeenStream } from './scripted-stand.ts';

/** The highest stream id there is: a first GOAWAY that only announces the end says this one. */
const maxStreamId = 2 ** 31 - 1;

/** Where the last stream id lies, of a neighbour's stream and the one that the row is about, which comes after it. */
const places = ['0', 'the neighbour', 'the stream itself', 'the highest there is'] as const;
const bodies = [
  ['GET', undefined],
  ['POST', 'order'],
  ['POST', ''],
] as const;
const rows = places.flatMap((place) => bodies.map(([method, body]) => [place, method, body] as const));

describe.each(engines)('GOAWAY, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;
  /** Bodies of the requests that the origin acted on. */
  let executed: string[];

  beforeAll(async () => {
    stand = await ScriptedStand.h2(engine);
  });

  beforeEach(async () => {
    executed = [];
    await stand.reset();
  });

  afterEach(() => expect(stand.openSessions).toBeLessThanOrEqual(1));

  afterAll(() => stand[Symbol.asyncDispose]());

  async function execute(seen: SeenStream): Promise<void> {
    executed.push(await bodyOf(seen));
    seen.connection.respond(seen.streamId, 'done');
  }

  /** Says GOAWAY at the first request, and acts on whatever is not above the last stream id. */
  function leave(lastStreamIdOf: (subject: SeenStream) => number, code: Http2CodeName = 'NO_ERROR'): void {
    let lastStreamId = 0;
    stand.answer = async (seen) => {
      const { connection, streamId } = seen;
      if (seen.ordinal === 0) {
        lastStreamId = lastStreamIdOf(seen);
        connection.goaway(lastStreamId, code);
      }
      const isLeft = connection === stand.seen[0]?.connection;
      if (!isLeft || (streamId <= lastStreamId && code === 'NO_ERROR')) await execute(seen);
    };
  }

  test.each(rows)('last stream id is %s: %s with the body %j', async (place, method, body) => {
    const neighbour = await stand.bystander();
    const { connection, streamId } = neighbour.seen;
    leave(
      (subject) =>
        ({
          '0': 0,
          'the neighbour': streamId,
          'the stream itself': subject.streamId,
          'the highest there is': maxStreamId,
        })[place],
    );

    const isAbove = place === '0' || place === 'the neighbour';
    // At 0 the neighbour is above as well, and is sent again like the other.
    const isNeighbourAbove = place === '0';
    const call = await stand.call(method, body === undefined ? {} : { body }).ended;
    if (!isNeighbourAbove) connection.respond(streamId, 'unharmed');
    const other = await neighbour.call.ended;

    const done = { status: 200, body: 'done', error: null, processed: null };
    expect(call.outcome).toEqual({ ...done, attempts: isAbove ? 2 : 1 });
    expect(other.outcome).toEqual(
      isNeighbourAbove ? { ...done, attempts: 2 } : { ...done, body: 'unharmed', attempts: 1 },
    );
    const bodies = isNeighbourAbove ? ['', body ?? ''] : [body ?? ''];
    expect(executed.toSorted(), 'executed once, with its whole body').toEqual(bodies);
    expect(stand.seen).toHaveLength(isAbove ? bodies.length + 1 : 1);
    expect(stand.seen.at(-1)?.connection === connection, 'where it was').toBe(!isAbove);
  });

  test.each(['GET', 'POST'])('what comes after it goes to another session: %s', async (method) => {
    stand.answer = execute;
    const neighbour = await stand.bystander();
    neighbour.seen.connection.goaway(maxStreamId);
    await eventually(() => expect(stand.openSessions).toBe(0));
    expect((await stand.call(method).ended).outcome).toMatchObject({ body: 'done', attempts: 1 });
    expect(stand.seen[0]?.connection).not.toBe(neighbour.seen.connection);
    neighbour.seen.connection.respond(neighbour.seen.streamId, 'unharmed');
    expect((await neighbour.call.ended).outcome).toMatchObject({ body: 'unharmed', attempts: 1 });
  });

  test.each(['GET', 'POST'])(
    'in two steps: the second one names what is done, the rest is sent again: %s',
    async (method) => {
      const neighbour = await stand.bystander();
      const { connection, streamId } = neighbour.seen;
      stand.answer = async (seen) => {
        if (seen.ordinal > 0) return execute(seen);
        connection.goaway(maxStreamId);
        await eventually(() => expect(stand.openSessions).toBe(0));
        connection.goaway(streamId);
      };
      const call = await stand.call(method, method === 'POST' ? { body: 'order' } : {}).ended;
      expect(call.outcome).toMatchObject({ status: 200, body: 'done', attempts: 2 });
      expect(executed).toEqual([method === 'POST' ? 'order' : '']);
      connection.respond(streamId, 'unharmed');
      expect((await neighbour.call.ended).outcome).toMatchObject({ body: 'unharmed', attempts: 1 });
    },
  );

  test('a streamed body that is still coming is sent again from its beginning', async () => {
    leave(() => 0);
    const call = stand.call('POST', { body: 'stream' });
    call.write('or');
    await eventually(() => expect(stand.seen.length).toBeGreaterThan(0));
    await eventually(() => expect(stand.seen).toHaveLength(2));
    call.write('der');
    call.end();
    expect((await call.ended).outcome).toMatchObject({ body: 'done', attempts: 2 });
    expect(executed).toEqual(['order']);
  });

  test('a streamed body that is too large to be kept is told as unprocessed', async () => {
    const length = 300 * 1024;
    stand.answer = async ({ connection, streamId }) => {
      const isOwn = (frame: Http2Frame) => frame.streamId === streamId && frame.type === 'DATA';
      const dataBytes = () => connection.frames.filter(isOwn).reduce((sum, { payload }) => sum + payload.length, 0);
      await eventually(() => expect(dataBytes()).toBe(length));
      connection.goaway(streamId - 2);
    };
    const call = stand.call('POST', { body: 'stream' });
    const piece = Buffer.alloc(length / 6);
    for (let i = 0; i < 6; i++) {
      // Three pieces are well within the first window, of which the rest is granted again.
      if (i === 3) await eventually(() => expect(call.grantedBytes).toBeGreaterThanOrEqual(2 * piece.length));
      call.write(piece);
    }
    expect((await call.ended).outcome).toMatchObject({ error: 'origin_unprocessed', processed: 'no', attempts: 1 });
    expect(stand.seen).toHaveLength(1);
  });

  test.each([
    ['GET', 200],
    ['POST', 0],
  ])('with an error code, not above it: a %s may have been processed', async (method, status) => {
    leave((subject) => subject.streamId, 'ENHANCE_YOUR_CALM');
    const call = await stand.call(method, { body: 'order' }).ended;
    expect(call.outcome).toMatchObject({ status, processed: method === 'GET' ? null : 'maybe' });
    expect(stand.seen, 'never a POST twice').toHaveLength(method === 'GET' ? 2 : 1);
  });

  test('with an error code, above it: a POST is sent again, and executed once', async () => {
    leave(() => 0, 'ENHANCE_YOUR_CALM');
    expect((await stand.call('POST', { body: 'order' }).ended).outcome).toMatchObject({ body: 'done', attempts: 2 });
    expect(executed).toEqual(['order']);
  });

  test('twenty requests that cross it: every one is executed once', async () => {
    leave((subject) => subject.streamId);
    const calls = Array.from({ length: 20 }, (_, i) => stand.call('POST', { body: `order ${i}` }));
    for (const call of calls) expect((await call.ended).outcome).toMatchObject({ body: 'done', error: null });
    expect(executed.toSorted()).toEqual(calls.map((_, i) => `order ${i}`).toSorted());
  });
});
