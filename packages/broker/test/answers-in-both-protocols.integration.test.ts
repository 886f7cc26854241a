// Responses (RFC 9110) through the whole broker, the same rows for HTTP/2 by each engine and for HTTP/1.1. The table in
// docs/guide/exchange.md says the same in words.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AnswerStand, answerStands } from './scripted-answer.ts';
import type { ScriptedStand, SeenHead } from './scripted-stand.ts';

const KiB = 1024;

describe.each(answerStands)('answers over %s', (name, start) => {
  const isH2 = name.startsWith('HTTP/2');
  let stand: AnswerStand['stand'];
  let answerWith: AnswerStand['answerWith'];

  beforeAll(async () => {
    ({ stand, answerWith } = await start());
  });

  beforeEach(() => stand.reset());

  afterEach(async () => {
    // Whatever the row was: the origin serves the next one.
    await stand.reset();
    answerWith({ body: ['next'] });
    expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'next', error: null });
  });

  afterAll(() => stand[Symbol.asyncDispose]());

  test('103 comes before the answer, with its fields, as often as it is sent', async () => {
    const interim = [
      ['103', 'link', '</a.css>'],
      ['103', 'link', '</b.css>', 'x-n', '2'],
    ];
    answerWith({ interim, body: ['late'] });
    const call = await stand.call('GET').ended;
    expect(call.informational).toEqual([
      { status: 103, fields: ['link', '</a.css>'] },
      { status: 103, fields: ['link', '</b.css>', 'x-n', '2'] },
    ]);
    expect(call.outcome).toMatchObject({ status: 200, body: 'late' });
  });

  test.each(['GET', 'POST'])(
    'a 100 that was not asked for is passed on, and the connection stays: %s',
    async (method) => {
      answerWith({ interim: [['100'], ['102'], ['100']], body: ['done'] });
      const call = await stand.call(method).ended;
      expect(call.informational.map(({ status }) => status)).toEqual([100, 102, 100]);
      expect(call.outcome).toMatchObject({ status: 200, body: 'done', attempts: 1 });
      const connections = stand.peer.connections.length;
      expect((await stand.call(method).ended).outcome).toMatchObject({ body: 'done' });
      expect(stand.peer.connections).toHaveLength(connections);
    },
  );

  test('trailers come after the body, in order, repeats kept', async () => {
    answerWith({ body: ['a', 'b'], trailers: ['x-sum', '1', 'x-part', 'a', 'x-part', 'b'] });
    const call = await stand.call('GET').ended;
    expect(call.outcome).toMatchObject({ body: 'ab', error: null });
    expect(call.trailers).toEqual(['x-sum', '1', 'x-part', 'a', 'x-part', 'b']);
  });

  test.each<[string, string, number, string[]]>([
    ['HEAD', 'HEAD', 200, ['content-length', '1000']],
    ['204', 'GET', 204, []],
    ['304', 'GET', 304, ['content-length', '1000', 'etag', '"x"']],
  ])('%s has no body, and its fields are kept', async (_what, method, status, fields) => {
    answerWith({ status, fields, body: null });
    const call = await stand.call(method).ended;
    expect(call.outcome).toMatchObject({ status, body: '', error: null });
    for (const part of fields) expect(call.fields).toContain(part);
  });

  test('a body of unknown length comes whole', async () => {
    answerWith({ body: ['one ', 'two ', 'three'] });
    const call = await stand.call('GET').ended;
    expect(call.outcome).toMatchObject({ body: 'one two three', error: null });
    expect(call.field('content-length')).toBeUndefined();
  });

  test.each([
    ['less than', '9', 'short'],
    ['more than', '3', 'long'],
  ])('a body of %s its content-length is an error, never a short success', async (_what, length, body) => {
    answerWith({ fields: ['content-length', length], body: [body] });
    if (!isH2) answerAndClose(stand as ScriptedStand<SeenHead>, length, body);
    const { outcome } = await stand.call('POST').ended;
    if (isH2 || Number(length) > body.length) {
      expect(outcome).toMatchObject({
        processed: 'maybe',
        error: expect.stringMatching(/^origin_(closed|protocol_error|reset)$/),
      });
    } else {
      // HTTP/1.1 ends the body where its length says; what follows belongs to no answer, and ends the connection.
      expect(outcome).toMatchObject({ body: body.slice(0, 3), error: null });
    }
    expect(stand.seen).toHaveLength(1);
  });

  test.each([
    ['1,000 lines', Array.from({ length: 999 }, (_, i) => [`x-${i}`, 'v']).flat()],
    ['two lines of 60 KiB', ['x-a', 'x-b'].flatMap((name) => [name, 'v'.repeat(60 * KiB)])],
  ])('fields up to the limit are passed on: %s', async (_what, fields) => {
    answerWith({ fields, body: ['ok'] });
    const call = await stand.call('GET').ended;
    expect(call.outcome).toMatchObject({ status: 200, error: null });
    expect(call.field(fields[0] as string)).toBe(fields[1]);
  });

  test.each([
    ['1,001 lines', Array.from({ length: 1_001 }, (_, i) => [`x-${i}`, 'v']).flat()],
    ['193 KiB', ['x-large', 'v'.repeat(193 * KiB)]],
  ])('fields beyond it end the exchange and nothing else: %s', async (_what, fields) => {
    answerWith({ fields, body: ['ok'] });
    const { outcome } = await stand.call('POST').ended;
    expect(outcome).toMatchObject({ status: 0, processed: 'maybe' });
    // node:http2 cannot take so long a section, and ends the session over it.
    expect(outcome.error).toMatch(/^(response_too_large|origin_protocol_error|origin_reset|origin_closed)$/);
    expect(stand.seen).toHaveLength(1);
  });

  test('an answer that comes while the body is still sent is the answer', async () => {
    answerWith({ status: 413, body: ['too much'] });
    const call = stand.call('POST', { body: 'stream', fields: ['content-length', '1000'] });
    call.write('the beginning');
    expect((await call.ended).outcome).toMatchObject({ status: 413, body: 'too much', error: null, attempts: 1 });
  });
});

/** HTTP/1.1 shows a body that is too short only by the end of the connection. */
function answerAndClose(stand: ScriptedStand<SeenHead>, length: string, body: string): void {
  stand.answer = ({ connection }) => connection.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`);
}
