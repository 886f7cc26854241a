// RST_STREAM with each code of RFC 9113 section 7, at each phase of an answer, as PHP meets it through the whole broker:
// what is repeated, what is told, how often the origin acted, and that a neighbour on the session hears nothing of it.

import { engines } from '@hawser/http2';
import { eventually, type Http2CodeName, http2Code } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from './caller.ts';
import { ScriptedStand, type SeenStream } from './scripted-stand.ts';

type Phase = 'before the head' | 'after the head' | 'in the body';

const codes = Object.keys(http2Code) as Http2CodeName[];
const phases: readonly Phase[] = ['before the head', 'after the head', 'in the body'];
/** What PHP has seen of the answer when the reset comes. */
const seenIn = {
  'before the head': { status: 0, body: '' },
  'after the head': { status: 200, body: '' },
  'in the body': { status: 200, body: 'half' },
} as const satisfies Record<Phase, object>;

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
    let call: Call | null = null;
    await stand.reset(async ({ connection, streamId, ordinal }) => {
      if (ordinal > 0) {
        connection.respond(streamId, 'repeated');
        return;
      }
      if (phase !== 'before the head') connection.headers(streamId, [':status', '200']);
      if (phase === 'in the body') connection.data(streamId, 'half');
      // Of an answer that PHP has seen nothing of, a GET may be asked for again.
      await eventually(() => expect(call?.outcome).toMatchObject(seenIn[phase]));
      connection.reset(streamId, code);
    });
    const bystander = await stand.bystander();

    call = stand.call(method, method === 'POST' ? { body: 'order' } : {});
    await call.ended;

    const isUnprocessed = code === 'REFUSED_STREAM' && phase === 'before the head';
    const isRepeated = isUnprocessed || (phase === 'before the head' && method === 'GET');
    expect(stand.seen).toHaveLength(isRepeated ? 2 : 1);
    if (isRepeated) {
      expect(call.outcome).toEqual({ status: 200, body: 'repeated', error: null, processed: null, attempts: 2 });
    } else {
      // Once an answer has begun, no code proves that the origin did nothing.
      expect(call.outcome).toEqual({
        ...seenIn[phase],
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
