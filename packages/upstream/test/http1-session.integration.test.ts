import { contentBytes, eventually, type RawConnection, ScriptedRawPeer, TestOrigin } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClosingPeer } from './closing-peer.ts';
import { OpenSession } from './upstream-stand.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

let origin: TestOrigin;

beforeAll(async () => {
  origin = await TestOrigin.start({ protocols: ['http/1.1'] });
});

afterAll(async () => {
  await eventually(() => expect(origin.stats()).toMatchObject({ openConnections: 0, openRequests: 0 }));
  await origin.close();
});

describe('an honest origin', () => {
  test('answers request after request on one connection', async () => {
    using open = await openSession();
    const connections = new Set<string | undefined>();
    for (let ordinal = 1; ordinal <= 5; ordinal++) {
      const answer = await open.request('/').ended;
      expect(answer).toMatchObject({ status: 200, text: 'hello', error: null });
      expect(answer.field('x-request-ordinal')).toBe(String(ordinal));
      connections.add(answer.field('x-connection-id'));
      await hasRoom(open);
    }
    expect(connections.size).toBe(1);
    expect(open.session.startedStreams).toBe(5);
  });

  test.each<[string, string, string, number]>([
    ['HEAD', 'HEAD', '/bytes/1000', 200],
    ['204', 'GET', '/status/204', 204],
    ['304', 'GET', '/status/304', 304],
    ['404', 'GET', '/nothing', 404],
    ['500', 'GET', '/status/500', 500],
    ['an empty body', 'GET', '/bytes/0', 200],
    ['DELETE', 'DELETE', '/', 200],
    ['OPTIONS', 'OPTIONS', '/', 200],
  ])('%s leaves the connection usable', async (_name, method, path, status) => {
    using open = await openSession();
    const answer = await open.request(path, { method }).ended;
    expect(answer).toMatchObject({ status, error: null });
    if (method === 'HEAD' || status === 204 || status === 304) expect(answer.body).toHaveLength(0);
    if (method === 'HEAD') expect(answer.field('content-length')).toBe('1000');
    await hasRoom(open);
    expect((await open.request('/').ended).field('x-request-ordinal')).toBe('2');
  });

  test('what it gets is what was asked: method, target, host and fields in order, and nothing of undici', async () => {
    using open = await openSession();
    const fields = [
      'x-a',
      '1',
      'accept',
      '*/*',
      'x-a',
      '2',
      'x-octets',
      'caf\u00e9',
      'te',
      'trailers',
      'expect',
      '100-continue',
    ];
    const answer = await open.request('/inspect/%2e?q=a%20b&c[]=1', { method: 'REPORT', fields }).ended;
    const seen = JSON.parse(answer.body.toString());
    expect(seen).toMatchObject({
      method: 'REPORT',
      target: '/inspect/%2e?q=a%20b&c[]=1',
      authority: `localhost:${origin.port}`,
    });
    const host = ['host', `localhost:${origin.port}`, 'connection', 'keep-alive'];
    expect(seen.fields).toEqual([...host, 'x-a', '1', 'accept', '*/*', 'x-a', '2', 'x-octets', 'caf\u00e9']);
  });

  test('a method is sent as it is written', async () => {
    using open = await openSession();
    const answer = await open.request('/inspect', { method: 'PROPFIND' }).ended;
    expect(JSON.parse(answer.text).method).toBe('PROPFIND');
  });

  test('103 comes before the response, every time, with its fields', async () => {
    using open = await openSession();
    const answer = await open.request('/early-hints').ended;
    expect(answer.informational).toEqual([
      { status: 103, fields: ['link', '</style.css>; rel=preload; as=style', 'x-hint', 'early'] },
    ]);
    expect(answer).toMatchObject({ status: 200, text: 'hello' });
    await hasRoom(open);
    expect((await open.request('/').ended).field('x-request-ordinal')).toBe('2');
  });

  const interim =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nConnection: close\r\nX-A: 1\r\nx-a:\t2 \r\n\r\nHTTP/1.0 102\r\n\r\n';
  const final = 'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nHTTP/1.1 103 in the body\n';

  test.each([
    ['whole', (octets: string) => [octets]],
    ['octet by octet', (octets: string) => [...octets]],
    ['cut in a start', (octets: string) => [octets.slice(0, 33), octets.slice(33)]],
  ])('interim responses nobody asked for come up and leave the connection usable: %s', async (_name, cut) => {
    const peer = await ScriptedRawPeer.start(async (connection) => {
      for (let n = 0; n < 2; n++) {
        await connection.readThrough();
        connection.socket.setNoDelay(true);
        for (const piece of cut(interim + final)) {
          connection.write(piece);
          await new Promise(setImmediate);
        }
      }
    });
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    for (let n = 0; n < 2; n++) {
      const answer = await open.request('/').ended;
      expect(answer).toMatchObject({ status: 200, text: 'HTTP/1.1 103 in the body\n', error: null });
      expect(answer.informational).toEqual([
        { status: 100, fields: [] },
        { status: 103, fields: ['x-a', '1', 'x-a', '2'] },
        { status: 102, fields: [] },
      ]);
      await hasRoom(open);
    }
    expect(open.session.startedStreams).toBe(2);
    open.session.destroy();
    await peer.close();
  });

  test('trailers come after the body, repeats kept', async () => {
    using open = await openSession();
    const answer = await open.request('/trailers').ended;
    expect(answer).toMatchObject({ text: 'with trailers', error: null });
    expect(answer.trailers).toEqual(['x-checksum', 'abc', 'x-part', '1', 'x-part', '2']);
  });

  test('the fields that come up are in order, repeats kept, without those of the connection', async () => {
    const peer = await answering(
      'HTTP/1.1 200 OK\r\nX-B: 1\r\nSet-Cookie: a=1\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=60\r\n' +
        'X-Hop: 1\r\nSet-Cookie: b=2\r\nProxy-Connection: x\r\nContent-Length: 2\r\nX-B:\t caf\xe9 \r\n\r\nok',
    );
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = await open.request('/').ended;
    const fields = ['x-b', '1', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-length', '2', 'x-b', 'caf\u00e9'];
    expect(answer.fields).toEqual(fields);
    await peer.close();
  });

  test.each([1, 64 * KiB, 5 * MiB])('a body of %d bytes comes whole, declared or chunked', async (length) => {
    using open = await openSession();
    for (const query of ['', '?length=no']) {
      const answer = await open.request(`/bytes/${length}${query}`).ended;
      expect(answer.error).toBeNull();
      expect(answer.body.equals(contentBytes(length))).toBe(true);
      await hasRoom(open);
    }
    expect((await open.request('/').ended).field('x-request-ordinal')).toBe('3');
  });
});

describe('a request body', () => {
  test('that is whole goes out with its length', async () => {
    using open = await openSession();
    const body = contentBytes(100_000);
    const answer = await open.request('/echo', { method: 'POST', body, fields: ['content-length', '100000'] }).ended;
    expect(answer.body.equals(body)).toBe(true);
  });

  test('that is streamed goes out chunked, and all of it is told as consumed', async () => {
    using open = await openSession();
    const answer = open.request('/inspect', { method: 'POST', body: 'stream' });
    for (let at = 0; at < MiB; at += 64 * KiB) {
      answer.call('write', contentBytes(64 * KiB, at));
      await eventually(() => expect(answer.requestConsumed).toBe(at + 64 * KiB));
    }
    answer.call('end');
    const seen = JSON.parse((await answer.ended).text);
    expect(seen.bodyBytes).toBe(MiB);
    expect(seen.fields.join()).toContain('transfer-encoding,chunked');
    expect(answer.requestConsumed).toBe(MiB);
    await hasRoom(open);
    expect((await open.request('/').ended).field('x-request-ordinal')).toBe('2');
  });

  test('that is streamed with a declared length goes out with it', async () => {
    using open = await openSession();
    const answer = open.request('/inspect', { method: 'PUT', body: 'stream', fields: ['content-length', '6'] });
    answer.call('write', Buffer.from('abc'));
    await eventually(() => expect(answer.requestConsumed).toBe(3));
    answer.call('write', Buffer.from('def'));
    answer.call('end');
    const seen = JSON.parse((await answer.ended).text);
    expect(seen.bodyBytes).toBe(6);
    expect(seen.fields.join()).toContain('content-length,6');
    expect(seen.fields.join()).not.toContain('chunked');
  });

  test.each(['GET', 'DELETE', 'REPORT'])('goes with %s too, and the connection stays', async (method) => {
    using open = await openSession();
    const answer = await open.request('/echo', { method, body: Buffer.from('abc'), fields: ['content-length', '3'] })
      .ended;
    expect(answer.text).toBe('abc');
    await hasRoom(open);
    expect((await open.request('/').ended).field('x-request-ordinal')).toBe('2');
  });

  test('that the origin does not read is not told as consumed without bound', async () => {
    const peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough();
      connection.socket.pause();
    });
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = open.request('/', { method: 'POST', body: 'stream' });
    const chunk = contentBytes(64 * KiB);
    let written = 0;
    // As a client with a window would: no more than 256 KiB ahead of what was consumed.
    const stuckAt = await untilStill(() => {
      while (written - answer.requestConsumed < 256 * KiB) {
        answer.call('write', chunk);
        written += chunk.length;
      }
      return written;
    });
    // The kernel's buffers on both sides, and one window.
    expect(stuckAt).toBeLessThan(16 * MiB);
    answer.call('cancel');
    await peer.close();
  });

  test('shorter or longer than declared is refused, never sent as something else', async () => {
    for (const body of ['abc', 'abcdefghi']) {
      using open = await openSession();
      const answer = open.request('/inspect', { method: 'POST', body: 'stream', fields: ['content-length', '6'] });
      answer.call('write', Buffer.from(body));
      answer.call('end');
      expect((await answer.ended).error).toMatchObject({ code: 'unsupported' });
      expect(answer.error?.message).toBe('the request body and its content-length disagree');
    }
  });

  test('with trailers is refused: this session cannot carry them', async () => {
    using open = await openSession();
    const answer = open.request('/inspect', { method: 'POST', body: 'stream' });
    answer.call('write', Buffer.from('abc'));
    answer.call('end', ['x-sum', '1']);
    expect((await answer.ended).error).toMatchObject({ code: 'unsupported', processed: 'maybe' });
    await eventually(() => expect(open.session.state).toBe('closed'));
  });

  test('is not waited for when the final answer comes early; the connection is not used again', async () => {
    using open = await openSession();
    const answer = open.request('/refuse-body', { method: 'POST', body: 'stream' });
    answer.call('write', Buffer.from('the beginning'));
    expect(await answer.ended).toMatchObject({ status: 413, text: 'too much\n', error: null });
    answer.call('write', Buffer.from('more'));
    answer.call('end');
    await eventually(() => expect(open.session.state).toBe('closed'));
    expect(open.events).toEqual(['draining closed', 'closed']);
  });

  test('is not waited for, even where the origin keeps the connection', async () => {
    const peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough();
      connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = open.request('/', { method: 'POST', body: 'stream' });
    answer.call('write', Buffer.from('the beginning'));
    expect(await answer.ended).toMatchObject({ status: 200, text: 'ok', error: null });
    await eventually(() => expect(open.session.state).toBe('closed'));
    await peer.close();
  });
});

describe('a slow reader', () => {
  test('holds the origin back: what is in between stays bounded, and nothing is lost', async () => {
    const length = 32 * MiB;
    let written = 0;
    const peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough();
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
      for (let at = 0; at < length; at += 64 * KiB) {
        if (!connection.socket.write(contentBytes(64 * KiB, at)))
          await new Promise((resolve) => connection.socket.once('drain', resolve));
        written = at + 64 * KiB;
      }
    });
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = open.request('/', { hold: true });
    await untilStill(() => answer.receivedBytes);
    expect(answer.receivedBytes).toBeGreaterThanOrEqual(256 * KiB);
    expect(answer.receivedBytes).toBeLessThan(512 * KiB);
    expect(written).toBeLessThan(16 * MiB);
    // Half of it does not open the window again; a little more does.
    answer.isHolding = false;
    answer.call('consume', answer.receivedBytes);
    await answer.ended;
    expect(answer.error).toBeNull();
    expect(answer.body.equals(contentBytes(length))).toBe(true);
    await peer.close();
  });

  test('consuming inside onData keeps the body flowing', async () => {
    using open = await openSession();
    const answer = await open.request(`/bytes/${3 * MiB}`).ended;
    expect(answer.receivedBytes).toBe(3 * MiB);
  });
});

describe('cancelling', () => {
  test.each<[string, string, (answer: { status: number; receivedBytes: number }) => boolean]>([
    ['before the answer', '/never', () => true],
    ['in the middle of the body', `/drip?chunks=1000&ms=5`, (answer) => answer.receivedBytes > 0],
  ])('%s ends the connection, and nothing more is heard', async (_name, path, isReady) => {
    using open = await openSession();
    const before = origin.stats().aborted;
    const answer = open.request(path);
    await eventually(() => isReady(answer) && origin.stats().openRequests > 0);
    answer.call('cancel');
    await eventually(() => expect(origin.stats()).toMatchObject({ aborted: before + 1, openConnections: 0 }));
    expect(answer.hasEnded).toBe(false);
    expect(open.session.state).toBe('closed');
    expect(open.events).toEqual(['draining local', 'closed']);
  });

  test('at once, before a byte was written', async () => {
    using open = await openSession();
    const answer = open.request('/never');
    answer.call('cancel');
    answer.call('cancel');
    await eventually(() => expect(origin.stats().openConnections).toBe(0));
    expect(answer.hasEnded).toBe(false);
  });

  test('in the middle of an upload', async () => {
    using open = await openSession();
    const answer = open.request('/inspect', { method: 'POST', body: 'stream' });
    answer.call('write', contentBytes(64 * KiB));
    await eventually(() => origin.stats().openRequests > 0);
    answer.call('cancel');
    answer.call('write', contentBytes(64 * KiB));
    answer.call('end');
    await eventually(() => expect(origin.stats().openConnections).toBe(0));
  });
});

describe('an origin that closes the connection after its answer', () => {
  test.each<[string, string]>([
    ['connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['connection: x, Close', 'HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['a keep-alive time that is over', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok'],
    ['a 204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s: no room for another', async (_name, text) => {
    const peer = await answering(text);
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = await open.request('/').ended;
    expect(answer.error).toBeNull();
    await eventually(() => expect(open.session.state).toBe('closed'));
    expect(open.events).toEqual(['draining closed', 'closed']);
    await peer.close();
  });

  test.each([
    'HTTP/1.1 200 OK\r\n\r\nok',
    'HTTP/1.0 200 OK\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok',
  ])('the end of the connection is the end of the body: %j', async (text) => {
    const peer = await answering(text, (connection) => connection.end());
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    expect(await open.request('/').ended).toMatchObject({ status: 200, text: 'ok', error: null });
    await peer.close();
  });
});

describe('an origin that breaks off', () => {
  test.each<[string, string, 'end' | 'break', string, string]>([
    ['before it answers', '', 'end', 'session_closed', 'before it answered (GET)'],
    ['before it answers, with RST', '', 'break', 'session_closed', 'before it answered (GET, ECONNRESET)'],
    ['inside the status line', 'HTTP/1.', 'end', 'session_closed', 'before it answered'],
    ['inside the head', 'HTTP/1.1 200 OK\r\nContent-Le', 'end', 'session_closed', 'before it answered'],
    ['before the body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'end', 'body_incomplete', ''],
    ['inside a body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'end', 'body_incomplete', ''],
    [
      'inside a body, with RST',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
      'break',
      'body_incomplete',
      'after 3 bytes',
    ],
    [
      'inside a body that it would close after',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc',
      'end',
      'body_incomplete',
      '',
    ],
    ['inside a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc', 'end', 'body_incomplete', ''],
    [
      'between chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      'end',
      'body_incomplete',
      '',
    ],
    [
      'between chunks that it would close after',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      'end',
      'body_incomplete',
      '',
    ],
    [
      'inside the trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Su',
      'end',
      'body_incomplete',
      '',
    ],
    [
      'with RST, in a body that the end of the connection ends',
      'HTTP/1.1 200 OK\r\n\r\nabc',
      'break',
      'body_incomplete',
      'after 3 bytes',
    ],
    ['with RST, in an HTTP/1.0 body', 'HTTP/1.0 200 OK\r\n\r\nabc', 'break', 'body_incomplete', 'after 3 bytes'],
  ])('%s: never a short success', async (_name, text, how, code, message) => {
    let answerSoFar: { receivedBytes: number; status: number } | null = null;
    const peer = await ScriptedRawPeer.start(async (connection) => {
      await connection.readThrough();
      connection.write(text);
      // What was written is to arrive before the connection breaks.
      const bodyAt = text.indexOf('\r\n\r\n');
      if (bodyAt >= 0) await eventually(() => answerSoFar !== null && answerSoFar.status !== 0);
      if (text.endsWith('abc')) await eventually(() => answerSoFar !== null && answerSoFar.receivedBytes === 3);
      connection[how]();
    });
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = open.request('/');
    answerSoFar = answer;
    await answer.ended;
    expect(answer.error).toMatchObject({ code, processed: 'maybe' });
    expect(answer.error?.message).toContain(message);
    await eventually(() => expect(open.session.state).toBe('closed'));
    await peer.close();
  });

  test('with RST is told as an error of the session, with FIN as its end', async () => {
    for (const [how, last] of [
      ['break', 'closed with an error'],
      ['end', 'closed'],
    ] as const) {
      const peer = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
      await open.request('/').ended;
      await hasRoom(open);
      peer.connections[0]?.[how]();
      await eventually(() => expect(open.session.state).toBe('closed'));
      expect(open.events).toEqual(['room', 'draining closed', last]);
      await peer.close();
    }
  });
});

describe('an origin that does not speak HTTP/1.1', () => {
  test.each<[string, string, string]>([
    ['rubbish', 'I am not a web server\r\n\r\n', 'protocol_error'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2p1\r\n', 'protocol_error'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'protocol_error'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nX : 1\r\n\r\n', 'protocol_error'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', 'protocol_error'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n', 'protocol_error'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'protocol_error'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'protocol_error',
    ],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'protocol_error'],
    ['status 999', 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n', 'protocol_error'],
    ['status 600', 'HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n', 'protocol_error'],
    ['status 099', 'HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n', 'protocol_error'],
    ['status 101 unasked', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 'protocol_error'],
    ['a field section that is too long', `HTTP/1.1 200 OK\r\nX: ${'v'.repeat(200 * KiB)}\r\n\r\n`, 'fields_too_large'],
    ['too many field lines', `HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(1001)}\r\n`, 'fields_too_large'],
    ['103 with too many field lines', `HTTP/1.1 103 Hi\r\n${'X: 1\r\n'.repeat(1001)}\r\n`, 'fields_too_large'],
    [
      'too many trailers',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X: 1\r\n'.repeat(1001)}\r\n`,
      'fields_too_large',
    ],
  ])('%s', async (_name, text, code) => {
    const peer = await answering(text);
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    const answer = await open.request('/').ended;
    expect(answer.error).toMatchObject({ code, processed: 'maybe' });
    await eventually(() => expect(open.session.state).toBe('closed'));
    await peer.close();
  });

  test('at the bounds it still is an answer: 1000 field lines, 190 KiB of fields, status 599', async () => {
    for (const lines of ['X: 1\r\n'.repeat(1000), `X: ${'v'.repeat(190 * KiB)}\r\n`]) {
      const peer = await answering(`HTTP/1.1 599 What\r\n${lines}\r\n`, (connection) => connection.end());
      using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
      expect(await open.request('/').ended).toMatchObject({ status: 599, error: null });
      await peer.close();
    }
  });

  test('more bytes than the answer has end the connection, not the answer', async () => {
    const peer = await answering(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    );
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    expect(await open.request('/').ended).toMatchObject({ text: 'ok', error: null });
    await eventually(() => expect(open.session.state).toBe('closed'));
    await peer.close();
  });
});

describe('a connection that has carried no request yet', () => {
  test.each<[string, (connection: RawConnection) => void]>([
    ['is closed', (connection) => connection.end()],
    ['is reset', (connection) => connection.break()],
    ['speaks first', (connection) => connection.write('HTTP/1.1 408 Request Timeout\r\n\r\n')],
  ])('is gone when it %s', async (_name, act) => {
    const peer = await ScriptedRawPeer.start(() => {});
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    await eventually(() => peer.connections.length === 1);
    act(peer.connections[0] as RawConnection);
    await eventually(() => expect(open.session.state).toBe('closed'));
    expect(open.events.at(0)).toBe('draining closed');
    await peer.close();
  });

  test.each(['drain', 'destroy'] as const)('is closed by %s', async (how) => {
    const peer = await ScriptedRawPeer.start(() => {});
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    await eventually(() => peer.connections.length === 1);
    open.session[how]();
    await eventually(() => expect(peer.connections[0]?.hasEnded).toBe(true));
    await eventually(() => expect(open.events).toEqual(['draining local', 'closed']));
    await peer.close();
  });
});

describe('the session contract', () => {
  test('has room for one, and refuses a second', async () => {
    using open = await openSession();
    expect(open.session).toMatchObject({ freeStreams: 1, activeStreams: 0, state: 'open' });
    const answer = open.request('/slow?ms=20');
    expect(open.session).toMatchObject({ freeStreams: 0, activeStreams: 1 });
    expect(() => open.request('/')).toThrow(expect.objectContaining({ code: 'no_room', processed: 'no' }));
    expect((await answer.ended).status).toBe(200);
    await hasRoom(open);
    expect(open.events).toEqual(['room']);
  });

  test('drain lets the exchange finish and takes no other', async () => {
    using open = await openSession();
    const answer = open.request('/slow?ms=20');
    open.session.drain();
    expect(open.session).toMatchObject({ state: 'draining', freeStreams: 0 });
    expect(() => open.request('/')).toThrow();
    expect((await answer.ended).text).toBe('hello');
    await eventually(() => expect(open.events).toEqual(['draining local', 'closed']));
  });

  test('destroy ends the exchange with an error', async () => {
    using open = await openSession();
    const answer = open.request('/never');
    await eventually(() => origin.stats().openRequests > 0);
    open.session.destroy();
    expect((await answer.ended).error).toMatchObject({ code: 'session_destroyed', processed: 'maybe' });
    await eventually(() => expect(open.events).toEqual(['draining local', 'closed']));
  });

  test('ping is 0 while open, and an error after', async () => {
    using open = await openSession();
    expect(await open.session.ping(100)).toBe(0);
    open.session.destroy();
    await eventually(() => expect(open.session.state).toBe('closed'));
    await expect(open.session.ping(100)).rejects.toMatchObject({ code: 'session_closed' });
  });

  test('a request that cannot be written is told later, costs no connection, and is unprocessed', async () => {
    using open = await openSession();
    const answer = open.request('*', { method: 'OPTIONS' });
    expect((await answer.ended).error).toMatchObject({ code: 'unsupported', processed: 'no' });
    await hasRoom(open);
    expect((await open.request('/').ended).status).toBe(200);
  });

  test('a request that meets a close on its way is unprocessed: it was never written', async () => {
    await using peer = await ClosingPeer.start();
    using open = await OpenSession.open(`http://127.0.0.1:${peer.port}`);
    await open.request('/').ended;
    await hasRoom(open);
    await peer.closeUnseen('check');
    const answer = await open.request('/', { method: 'POST' }).ended;
    expect(answer.error).toMatchObject({ code: 'session_closed', processed: 'no' });
  });

  test('the remote address has brackets where it is IPv6', async () => {
    const six = await TestOrigin.start({ plain: true, host: '::1' });
    const four = await TestOrigin.start({ plain: true });
    for (const [server, host] of [
      [six, '[::1]'],
      [four, '127.0.0.1'],
    ] as const) {
      using open = await OpenSession.open(`http://${host}:${server.port}`);
      expect(open.session.remoteAddress).toBe(`${host}:${server.port}`);
    }
    await six.close();
    await four.close();
  });
});

function openSession(): Promise<OpenSession> {
  return OpenSession.open(origin.url, { tls: { ca: origin.ca } });
}

/** The session takes another request; not before undici has made up its mind. */
function hasRoom(open: OpenSession): Promise<void> {
  return eventually(() => expect(open.session.freeStreams).toBe(1));
}

/** A peer in cleartext that answers each request with these octets. */
function answering(text: string, then: (connection: RawConnection) => void = () => {}): Promise<ScriptedRawPeer> {
  return ScriptedRawPeer.start(async (connection) => {
    while ((await connection.readThrough()) !== null) {
      connection.write(Buffer.from(text, 'latin1'));
      then(connection);
    }
  });
}

/** What `read` returns once it has not changed for a while. */
async function untilStill(read: () => number, stillMs = 150): Promise<number> {
  let last = -1;
  let since = performance.now();
  await eventually(
    () => {
      const value = read();
      if (value !== last) since = performance.now();
      last = value;
      return performance.now() - since >= stillMs;
    },
    { withinMs: 15_000 },
  );
  return last;
}
