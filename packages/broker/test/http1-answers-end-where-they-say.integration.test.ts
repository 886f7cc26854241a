// What only HTTP/1.1 has to get right, through the whole broker: where an answer ends (RFC 9112 section 6), and whether its
// connection may carry another (section 9).

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ScriptedStand, type SeenHead } from './scripted-stand.ts';

describe('answers over HTTP/1.1 alone', () => {
  let stand: ScriptedStand<SeenHead>;

  beforeAll(async () => {
    stand = await ScriptedStand.h1();
  });

  beforeEach(() => stand.reset());

  afterAll(() => stand[Symbol.asyncDispose]());

  test.each<[string, string, object]>([
    [
      'a folded line, which an intermediary may refuse (RFC 9112 section 5.2)',
      'HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 2\r\n\r\nok',
      { error: 'origin_protocol_error', processed: 'maybe' },
    ],
    [
      'two lengths that differ',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
      { error: 'origin_protocol_error', processed: 'maybe' },
    ],
    [
      'two lengths that agree',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
      { error: 'origin_protocol_error', processed: 'maybe' },
    ],
    [
      'chunked and a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      { error: 'origin_protocol_error', processed: 'maybe' },
    ],
  ])('%s', async (_what, octets, outcome) => {
    stand.answer = ({ connection }) => connection.write(octets);
    expect((await stand.call('POST').ended).outcome).toMatchObject(outcome);
    expect(stand.seen).toHaveLength(1);
  });

  test('a body that the end of the connection ends is whole at an orderly end', async () => {
    stand.answer = ({ connection }) => connection.end('HTTP/1.1 200 OK\r\n\r\nall of it');
    expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'all of it', error: null });
  });

  test('without close_notify it is taken for whole too: origins that never send one are many', async () => {
    stand.answer = ({ connection }) => {
      connection.socket.write('HTTP/1.1 200 OK\r\n\r\nall there is', () => connection.endWithoutCloseNotify());
    };
    expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'all there is', error: null });
  });

  test('without close_notify, where a length was said: what came short is an error', async () => {
    stand.answer = ({ connection }) => {
      const text = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nall there is';
      connection.socket.write(text, () => connection.endWithoutCloseNotify());
    };
    const { outcome } = await stand.call('POST').ended;
    expect(outcome).toMatchObject({ body: 'all there is', error: 'origin_closed', processed: 'maybe' });
  });

  test.each([
    ['connection: close', 'Connection: close'],
    ['keep-alive: max=0', 'Keep-Alive: timeout=60, max=0'],
    ['keep-alive: timeout=1, which is as good as over', 'Keep-Alive: timeout=1'],
  ])('%s: the next request goes to another connection', async (_what, line) => {
    stand.answer = ({ connection }) => connection.write(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 2\r\n\r\nok`);
    for (let i = 0; i < 3; i++)
      expect((await stand.call('POST').ended).outcome).toMatchObject({ body: 'ok', attempts: 1 });
    expect(new Set(stand.seen.map(({ connection }) => connection)).size).toBe(3);
  });

  test('keep-alive with time and requests left: the connection is used again', async () => {
    stand.answer = ({ connection }) =>
      connection.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60, max=10\r\nContent-Length: 2\r\n\r\nok');
    for (let i = 0; i < 3; i++) expect((await stand.call('POST').ended).outcome).toMatchObject({ body: 'ok' });
    expect(new Set(stand.seen.map(({ connection }) => connection)).size).toBe(1);
  });

  test('octets that no request asked for end the connection: they are never the next answer', async () => {
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
    stand.answer = ({ connection, ordinal }) =>
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${ordinal === 0 ? evil : ''}`);
    for (let i = 0; i < 3; i++)
      expect((await stand.call('GET').ended).outcome).toMatchObject({ body: 'ok', error: null });
    expect(stand.seen[1]?.connection).not.toBe(stand.seen[0]?.connection);
  });
});
