// An origin that closes its connection exactly as a request is written, through the whole broker and in both protocols:
// a GET never notices, a POST is never executed twice, and what is told about it is true.

import { engines } from '@hawser/http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CallOptions } from './caller.ts';
import { bodyOf, ScriptedStand, type SeenHead, type SeenStream } from './scripted-stand.ts';

const rounds = 25;

/** How the origin ends the connection; `end` is FIN, `break` is RST. */
const ways = ['end', 'break'] as const;

/** Repeats of a failed exchange are not what is tested, and twenty-five failures in a row are on purpose. */
const originConfig = ['retry: { attempts: 3, budget: 100% }'];

describe.each(engines)('HTTP/2, %s engine', (engine) => {
  let stand: ScriptedStand<SeenStream>;
  let executed: string[];

  beforeAll(async () => {
    stand = await ScriptedStand.h2(engine, { originConfig });
  });

  beforeEach(async () => {
    executed = [];
    await stand.reset();
  });

  afterAll(() => stand[Symbol.asyncDispose]());

  /** Acts on the request, answers, and closes at once: whatever is written next crosses the close. */
  async function serveOne(seen: SeenStream, way: (typeof ways)[number] | 'goaway'): Promise<void> {
    executed.push(await bodyOf(seen));
    seen.connection.respond(seen.streamId, 'done');
    if (way === 'goaway') seen.connection.goaway(seen.streamId);
    if (way !== 'break') seen.connection.end();
    else seen.connection.socket.end(() => seen.connection.break());
  }

  test.each(ways)(
    'as the first request arrives, by %s: a GET goes to another session, a POST may be processed',
    async (way) => {
      stand.answer = (seen) => {
        if (seen.ordinal === 0) seen.connection[way]();
        else seen.connection.respond(seen.streamId, 'done');
      };
      expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'done', attempts: 2 });
      await stand.reset(({ connection }) => connection[way]());
      const post = await stand.call('POST', { body: 'order' }).ended;
      expect(post.outcome).toMatchObject({ error: 'origin_closed', processed: 'maybe', attempts: 1 });
      expect(stand.seen).toHaveLength(1);
    },
  );

  test.each(['end', 'break', 'goaway'] as const)(
    'after each answer, by %s: request after request crosses it',
    async (way) => {
      stand.answer = (seen) => serveOne(seen, way);
      await crossEach(stand, () => executed);
    },
  );
});

describe('HTTP/1.1', () => {
  let stand: ScriptedStand<SeenHead>;
  let executed: string[];

  beforeAll(async () => {
    stand = await ScriptedStand.h1({ originConfig });
  });

  beforeEach(async () => {
    executed = [];
    await stand.reset();
  });

  afterAll(() => stand[Symbol.asyncDispose]());

  test.each(ways)(
    'as the first request arrives, by %s: a GET goes to another connection, a POST may be processed',
    async (way) => {
      stand.answer = ({ connection, ordinal }) => {
        if (ordinal === 0) connection[way]();
        else connection.write(answer);
      };
      expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'done', attempts: 2 });
      await stand.reset(({ connection }) => connection[way]());
      const post = await stand.call('POST', { body: 'order' }).ended;
      expect(post.outcome).toMatchObject({ error: 'origin_closed', processed: 'maybe', attempts: 1 });
      expect(stand.seen).toHaveLength(1);
    },
  );

  test.each(ways)('after each answer, by %s: request after request crosses it', async (way) => {
    stand.answer = async ({ connection, head }) => {
      const length = Number(/content-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
      const marker = length === 0 ? '' : await connection.readThrough(';');
      if (marker === null) return;
      executed.push(marker);
      connection.socket.write(answer, () => connection[way]());
    };
    await crossEach(stand, () => executed);
  });
});

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone';

/** One request after the other as soon as the answer is there, when the close is on its way. */
async function crossEach<Seen>(stand: ScriptedStand<Seen>, executed: () => string[]): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    expect((await stand.call('GET').ended).outcome, `GET ${round}`).toMatchObject({ body: 'done', error: null });
    const options: CallOptions = { body: `order ${round};` };
    const { outcome } = await stand.call('POST', options).ended;
    const times = executed().filter((body) => body === options.body).length;
    // Not executed where the answer says no, once where it was answered, and at most once where nobody can know.
    if (outcome.error === null) expect([times, outcome.body]).toEqual([1, 'done']);
    else if (outcome.processed === 'no') expect(times).toBe(0);
    else expect(times).toBeLessThanOrEqual(1);
  }
  expect(stand.openSessions).toBeLessThanOrEqual(4);
}
