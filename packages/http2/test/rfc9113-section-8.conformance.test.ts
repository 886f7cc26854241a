// RFC 9113 section 8: how HTTP is carried: what a response may look like, and what makes it malformed.

import { engines, type RequestHead } from '@hawser/http2';
import { encodeFields, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { describe, expect, test } from 'vitest';
import { conformance, type Rule } from './conformance.ts';
import { openPlain } from './stand.ts';

type Send = (connection: PeerConnection, id: number) => void;

function malformed(rule: string, send: Send, more: Partial<Rule> = {}): Rule {
  return { rule, ends: 'stream', code: 'PROTOCOL_ERROR', send, ...more };
}

/** A head that is not one: whatever follows is late. */
function malformedHead(rule: string, fields: readonly string[], more: Partial<Rule> = {}): Rule {
  return malformed(rule, (c, id) => {
    c.headers(id, fields);
    c.data(id, 'hello', { endStream: true });
  }, more);
} // biome-ignore format: the call as one

function fine(rule: string, send: Send, more: Partial<Rule> = {}): Rule {
  return { rule, ends: 'nothing', answers: true, send, ...more };
}

const ok = [':status', '200'];

const framing: Rule[] = [
  fine('8.1: 1xx responses come before the response', (c, id) => {
    c.headers(id, [':status', '103', 'link', '</a>']);
    c.headers(id, [':status', '100']);
    c.headers(id, [':status', '103', 'link', '</b>']);
    c.respond(id);
  }, { check: (sink) => expect(sink.informational.map(({ status }) => status)).toEqual([103, 100, 103]) }),
  fine('8.1: trailers end the response', (c, id) => {
    c.headers(id, ok);
    c.data(id, 'hello');
    c.headers(id, ['x-sum', '1'], { endStream: true });
  }, { check: (sink) => expect(sink.trailers).toEqual(['x-sum', '1']) }),
  fine('8.1: an empty DATA frame may end the response', (c, id) => {
    c.headers(id, ok);
    c.data(id, 'hello');
    c.data(id, '', { endStream: true });
  }),
  fine('8.1: a head alone may be the response', (c, id) => c.headers(id, ok, { endStream: true }), { answers: '' }),
  fine('8.1: NO_ERROR behind a whole response asks for no more of the request', (c, id) => {
    c.respond(id);
    c.reset(id, 'NO_ERROR');
  }, { isOpen: true }),
  malformed('8.1: a 1xx response that ends the stream', (c, id) => c.headers(id, [':status', '103'], { endStream: true })),
  malformed('8.1: a second head', (c, id) => {
    c.headers(id, ok);
    c.headers(id, ok);
  }),
  malformed('8.1: a 1xx response behind the response', (c, id) => {
    c.headers(id, ok);
    c.headers(id, [':status', '103']);
  }),
  malformed('8.1: trailers that do not end the stream', (c, id) => {
    c.headers(id, ok);
    c.headers(id, ['x-sum', '1']);
  }),
  malformed('8.1: trailers with a pseudo-field', (c, id) => {
    c.headers(id, ok);
    c.headers(id, [':status', '200'], { endStream: true });
  }),
  malformed('8.1: trailers with a name in upper case', (c, id) => {
    c.headers(id, ok);
    c.headers(id, ['X-Sum', '1'], { endStream: true });
  }),
]; // biome-ignore format: each rule as its own paragraph

const lengths: Rule[] = [
  malformed('8.1.1: less body than content-length said', (c, id) => {
    c.headers(id, [...ok, 'content-length', '6']);
    c.data(id, 'hello', { endStream: true });
  }, { error: 'body_incomplete' }),
  malformed('8.1.1: less body than content-length said, ended by trailers', (c, id) => {
    c.headers(id, [...ok, 'content-length', '6']);
    c.data(id, 'hello');
    c.headers(id, ['x-sum', '1'], { endStream: true });
  }, { error: 'body_incomplete' }),
  malformed('8.1.1: more body than content-length said', (c, id) => {
    c.headers(id, [...ok, 'content-length', '4']);
    c.data(id, 'hel');
    c.data(id, 'lo', { endStream: true });
  }, { error: 'body_incomplete', node: 'nghttp2 ends the session' }),
  malformed('8.1.1: no body where content-length said one', (c, id) => {
    c.headers(id, [...ok, 'content-length', '5'], { endStream: true });
  }),
  malformedHead('8.1.1: a content-length that is no number', [...ok, 'content-length', '5x']),
  malformedHead('8.1.1: a negative content-length', [...ok, 'content-length', '-5']),
  malformedHead('8.1.1: an empty content-length', [...ok, 'content-length', '']),
  malformedHead('8.1.1: a content-length beyond all numbers', [...ok, 'content-length', '9'.repeat(30)]),
  malformedHead('8.1.1: two content-lengths', [...ok, 'content-length', '5', 'content-length', '6']),
  fine('8.1.1: DATA in pieces, as long as content-length said', (c, id) => {
    c.headers(id, [...ok, 'content-length', '5']);
    for (const octet of 'hello') c.data(id, octet);
    c.data(id, '', { endStream: true });
  }),
  fine('8.1.1: a content-length of 0, and nothing', (c, id) => {
    c.headers(id, [...ok, 'content-length', '0'], { endStream: true });
  }, { answers: '' }),
]; // biome-ignore format: each rule as its own paragraph

const nghttp2Ignores = 'nghttp2 leaves the field out';

const fields: Rule[] = [
  malformedHead('8.2.1: a name in upper case', [...ok, 'X-Upper', '1']),
  malformedHead('8.2.1: an empty name', [...ok, '', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a name with a space', [...ok, 'x a', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a name with a colon', [...ok, 'x:a', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a name with a control character', [...ok, 'x\x01', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a name with DEL', [...ok, 'x\x7f', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a name beyond ASCII', [...ok, 'x\xe9', '1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a value with NUL', [...ok, 'x', 'a\0b'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a value with CR', [...ok, 'x', 'a\rb'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a value with LF', [...ok, 'x', 'a\nx-smuggled: 1'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a value that starts with a space', [...ok, 'x', ' a'], { node: nghttp2Ignores }),
  malformedHead('8.2.1: a value that ends with a tab', [...ok, 'x', 'a\t'], { node: nghttp2Ignores }),
  fine('8.2.1: values of any other octets, and empty ones', (c, id) => {
    c.respond(id, 'hello', ['x-text', 'caf\xe9 \x80\xff', 'x-inner', 'a \t b', 'x-empty', '', 'x!#$%&\'*+-.^_`|~9', '~']);
  }, { check: (sink) => expect(sink.fields.slice(0, 6)).toEqual(['x-text', 'caf\xe9 \x80\xff', 'x-inner', 'a \t b', 'x-empty', '']) }),
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    malformedHead(`8.2.2: ${name}`, [...ok, name, name === 'connection' ? 'close' : 'x']),
  ),
  malformed('8.2.2: connection in trailers', (c, id) => {
    c.headers(id, ok);
    c.headers(id, ['connection', 'close'], { endStream: true });
  }),
  fine('8.2.3: fields that repeat keep their order', (c, id) => {
    c.respond(id, 'hello', ['set-cookie', 'a=1', 'x', '1', 'set-cookie', 'b=2']);
  }, { check: (sink) => expect(sink.fields).toEqual(['set-cookie', 'a=1', 'x', '1', 'set-cookie', 'b=2']) }),
]; // biome-ignore format: each rule as its own paragraph

const pseudo: Rule[] = [
  malformedHead('8.3: a pseudo-field behind a field', ['x', '1', ':status', '200']),
  malformedHead('8.3: a pseudo-field behind a field, with one before', [...ok, 'x', '1', ':status', '200']),
  malformedHead('8.3: a pseudo-field that nobody knows', [...ok, ':new', '1']),
  malformedHead('8.3: a pseudo-field of requests', [...ok, ':path', '/']),
  malformedHead('8.3: a pseudo-field of requests first', [':path', '/', ...ok]),
  malformedHead('8.3: :status twice', [...ok, ...ok]),
  malformedHead('8.3.2: no :status', ['x', '1']),
  malformedHead('8.3.2: an empty head', []),
  malformedHead('8.3.2: an empty :status', [':status', '']),
  malformedHead('8.3.2: a :status of letters', [':status', 'abc']),
  malformedHead('8.3.2: a :status of two digits', [':status', '20']),
  malformedHead('8.3.2: a :status of four digits', [':status', '2000']),
  malformedHead('8.3.2: a :status with a reason', [':status', '200 OK']),
  malformedHead('8.3.2: a :status of 000', [':status', '000']),
  fine('8.3.2: a status that nobody knows', (c, id) => {
    c.headers(id, [':status', '299']);
    c.data(id, 'hello', { endStream: true });
  }, { status: 299 }),
  {
    rule: '8.4: a stream that is promised',
    ends: 'session',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => {
      const payload = Buffer.concat([Buffer.from([0, 0, 0, 2]), encodeFields([':method', 'GET', ':path', '/pushed'])]);
      c.send({ type: 'PUSH_PROMISE', streamId: id, flags: 4, payload });
      c.respond(2);
      c.respond(id);
    },
  },
  malformedHead('8.6: status 101', [':status', '101']),
]; // biome-ignore format: each rule as its own paragraph

conformance('RFC 9113 section 8', [...framing, ...lengths, ...fields, ...pseudo]);

describe.each(engines)('RFC 9113 section 8, requests, %s engine', (engine) => {
  const head: RequestHead = { method: 'GET', scheme: 'https', authority: 'example.com', path: '/', fields: [] };

  test('what HTTP/2 cannot carry is refused before anything is sent (8.2.1, 8.2.2, 8.5)', async () => {
    const peer = await ScriptedHttp2Peer.start(async (connection) => {
      connection.respond((await connection.request()).streamId);
    });
    const stand = await openPlain(peer.port, engine);
    const refused: Partial<RequestHead>[] = [
      { fields: ['x a', '1'] },
      { fields: ['connection', 'close'] },
      { fields: ['transfer-encoding', 'chunked'] },
      { fields: ['upgrade', 'websocket'] },
      { fields: ['te', 'gzip'] },
      { method: 'CONNECT' },
      // node:http2 takes the last of several; the contract keeps callers from it.
      ...(engine === 'node' ? [] : [{ fields: [':path', '/other'] }]),
    ];
    for (const changes of refused) {
      const asked = { ...head, ...changes };
      expect(() => stand.start(asked), JSON.stringify(changes)).toThrow(
        expect.objectContaining({ code: 'unsupported', processed: 'no' }),
      );
    }
    expect((await stand.start({ ...head, fields: ['te', 'trailers'] }).done).body.toString()).toBe('hello');
    expect(peer.connections[0]?.frames.filter((frame) => frame.type === 'HEADERS')).toHaveLength(1);
    await stand[Symbol.asyncDispose]();
    await peer.close();
  });
});
