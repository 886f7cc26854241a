// REFUSED_STREAM (RFC 9113 section 8.7), through the whole broker: sent again whatever the method, executed once, and an
// origin that refuses again and again is asked ever more rarely, on few connections.

import { engines } from '@hawser/http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bodyOf, ScriptedStand, type SeenStream } from './scripted-stand.ts';

describe.each(engines)('REFUSED_STREAM, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;
  let executed: string[];

  beforeAll(async () => {
    stand = await ScriptedStand.h2(engine);
  });

  beforeEach(async () => {
    executed = [];
    await stand.reset();
  });

  afterAll(() => stand[Symbol.asyncDispose]());

  async function execute(seen: SeenStream): Promise<void> {
    executed.push(await bodyOf(seen));
    seen.connection.respond(seen.streamId, 'done');
  }

  test.each([
    ['GET', undefined],
    ['POST', 'order'],
    ['PATCH', 'order'],
  ])('a %s that is refused three times is executed once', async (method, body) => {
    stand.answer = (seen) =>
      seen.ordinal < 3 ? seen.connection.reset(seen.streamId, 'REFUSED_STREAM') : execute(seen);
    const call = await stand.call(method, body === undefined ? {} : { body }).ended;
    expect(call.outcome).toEqual({ status: 200, body: 'done', error: null, processed: null, attempts: 4 });
    expect(executed).toEqual([body ?? '']);
  });

  test('one that is always refused is unprocessed in the end; the origin is not hammered', async () => {
    const connections = stand.peer.connections.length;
    stand.answer = ({ connection, streamId }) => connection.reset(streamId, 'REFUSED_STREAM');
    const { outcome } = await stand.call('POST', { body: 'order', timeoutMs: 1_500 }).ended;
    // The deadline leaves no time for another attempt, or on a busy machine meets the last one half-way.
    if (outcome.error === 'origin_unprocessed') expect(outcome).toMatchObject({ status: 0, processed: 'no' });
    else expect(outcome).toMatchObject({ status: 0, error: 'deadline_exceeded', processed: 'maybe' });
    // At once, then after pauses of 12, 25, 50, … ms on average: far from the fifty that are allowed.
    expect(stand.seen.length).toBeGreaterThan(1);
    expect(stand.seen.length).toBeLessThan(30);
    expect(stand.openSessions).toBeLessThanOrEqual(1);
    // Three refusals in a row and nothing else on it: the session makes room for another.
    expect(stand.peer.connections.length - connections).toBeLessThanOrEqual(1 + stand.seen.length / 3);
  });

  test('a neighbour on the session hears nothing of it, and the session stays for it', async () => {
    const neighbour = await stand.bystander();
    stand.answer = (seen) =>
      seen.ordinal < 5 ? seen.connection.reset(seen.streamId, 'REFUSED_STREAM') : execute(seen);
    expect((await stand.call('POST', { body: 'order' }).ended).outcome).toMatchObject({ body: 'done', attempts: 6 });
    expect(stand.seen.every(({ connection }) => connection === neighbour.seen.connection)).toBe(true);
    neighbour.seen.connection.respond(neighbour.seen.streamId, 'unharmed');
    expect((await neighbour.call.ended).outcome).toMatchObject({ body: 'unharmed', attempts: 1 });
  });

  test('an origin that takes five at a time, whatever it announced: thirty POSTs are executed once each', async () => {
    const running: SeenStream[] = [];
    stand.answer = async (seen) => {
      if (running.length >= 5) {
        seen.connection.reset(seen.streamId, 'REFUSED_STREAM');
        return;
      }
      running.push(seen);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await execute(seen);
      running.splice(running.indexOf(seen), 1);
    };
    const calls = Array.from({ length: 30 }, (_, i) => stand.call('POST', { body: `order ${i}` }));
    for (const call of calls) expect((await call.ended).outcome).toMatchObject({ body: 'done', error: null });
    expect(executed.toSorted()).toEqual(calls.map((_, i) => `order ${i}`).toSorted());
    expect(stand.openSessions).toBeLessThanOrEqual(4);
  });
});
