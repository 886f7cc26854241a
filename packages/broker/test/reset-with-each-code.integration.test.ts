// RST_STREAM with each code of RFC 9113 section 7, at each phase of an answer, as PHP meets it through the whole broker:
// what is repeated, what is told, how often the origin acted, and that a neighbour on the session hears nothing of it.

import { engines } from '@hawser/http2';
import { type Http2CodeName, http2Code } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ScriptedStand, type SeenStream } from './scripted-stand.ts';

type Phase = 'before the head' | 'after the head' | 'in the body';

const codes = Object.keys(http2Code) as Http2CodeName[];
const phases: readonly Phase[] = ['before the head', 'after the head', 'in the body'];
const rows = codes.flatMap((code) =>
  phases.flatMap((phase) => (['GET', 'POST'] as const).map((method) => [code, phase, method] as const)),
);

describe.each(engines)('RST_STREAM from the origin, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;

  beforeAll(async () => {
    stand = await ScriptedStand.h2(engine);
  });

  afterEach(() => {
    // A stream's reset is not the session's: one serves the whole table.
    expect(stand.peer.connections).toHaveLength(1);
    expect(stand.openSessions).toBe(1);
  });

  afterAll(() => stand[Symbol.asyncDispose]());

  test.each(rows)('%s %s of a %s', async (code, phase, method) => {
    await stand.reset(({ connection, streamId, ordinal }) => {
      if (ordinal > 0) {
        connection.respond(streamId, 'repeated');
        return;
      }
      if (phase !== 'before the head') connection.headers(streamId, [':status', '200']);
      if (phase === 'in the body') connection.data(streamId, 'half');
      connection.reset(streamId, code);
    });
    const bystander = await stand.bystander();

    const call = await stand.call(method, method === 'POST' ? { body: 'order' } : {}).ended;

    const isUnprocessed = code === 'REFUSED_STREAM' && phase === 'before the head';
    const isRepeated = isUnprocessed || (phase === 'before the head' && method === 'GET');
    expect(stand.seen).toHaveLength(isRepeated ? 2 : 1);
    if (isRepeated) {
      expect(call.outcome).toEqual({ status: 200, body: 'repeated', error: null, processed: null, attempts: 2 });
    } else {
      // Once an answer has begun, no code proves that the origin did nothing.
      expect(call.outcome).toEqual({
        status: phase === 'before the head' ? 0 : 200,
        body: phase === 'in the body' ? 'half' : '',
        error: 'origin_reset',
        processed: 'maybe',
        attempts: 1,
      });
      expect(call.error?.message).toContain(code);
    }
    bystander.seen.connection.respond(bystander.seen.streamId, 'unharmed');
    expect((await bystander.call.ended).outcome).toMatchObject({ status: 200, body: 'unharmed', attempts: 1 });
  });
});
