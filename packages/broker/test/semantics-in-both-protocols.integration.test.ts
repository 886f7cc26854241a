// HTTP semantics (RFC 9110) through the whole broker, the same for HTTP/2 by each engine and for HTTP/1.1, one row each. The
// table in docs/guide/exchange.md says the same in words.

import { engines } from '@hawser/http2';
import { encodeFields, eventually, type PeerConnection } from '@hawser/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Caller } from './caller.ts';
import { bodyOf, ScriptedStand, type SeenHead, type SeenStream } from './scripted-stand.ts';
import { TestStand } from './test-stand.ts';

const KiB = 1024;

/** An answer, to be put into frames or octets. */
interface Answer {
  readonly interim?: readonly (readonly string[])[];
  readonly status?: number;
  readonly fields?: readonly string[];
  /** Pieces of the body; null: no body at all, not even an empty one. */
  readonly body?: readonly string[] | null;
  readonly trailers?: readonly string[];
}

interface Stand {
  readonly stand: ScriptedStand<SeenStream> | ScriptedStand<SeenHead>;
  /** What the next requests get. */
  answerWith(answer: Answer): void;
}

const flavours: readonly [string, () => Promise<Stand>][] = [
  ...engines.map((engine): [string, () => Promise<Stand>] => [
    `HTTP/2, ${engine} engine`,
    async () => {
      const stand = await ScriptedStand.h2(engine);
      const answerWith = (answer: Answer) => {
        stand.answer = ({ connection, streamId }) => inFrames(connection, streamId, answer);
      };
      return { stand, answerWith };
    },
  ]),
  [
    'HTTP/1.1',
    async () => {
      const stand = await ScriptedStand.h1();
      const answerWith = (answer: Answer) => {
        stand.answer = ({ connection }) => connection.write(inOctets(answer));
      };
      return { stand, answerWith };
    },
  ],
];

describe.each(flavours)('answers over %s', (name, start) => {
  const isH2 = name.startsWith('HTTP/2');
  let stand: Stand['stand'];
  let answerWith: Stand['answerWith'];

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

/** What an honest origin sees of a request. */
interface Inspected {
  readonly fields: readonly string[];
  readonly bodyBytes: number;
  readonly trailers: readonly string[];
}

describe.each([...engines.map((engine) => ['h2', engine]), ['h1', 'node']])(
  'requests over %s, %s engine',
  (protocol, engine) => {
    const isH2 = protocol === 'h2';
    let stand: TestStand;
    let client: Caller;
    let url: string;

    beforeAll(async () => {
      const times = 'timeouts: { connect: 10s }';
      stand = await TestStand.start({ originConfig: [`protocol: ${protocol}`, `http2: { engine: ${engine} }`, times] });
      client = await Caller.connect(stand.socket);
      url = `${stand.origin.url}/inspect`;
    });

    afterAll(async () => {
      client[Symbol.dispose]();
      await stand[Symbol.asyncDispose]();
    });

    async function inspect(call: ReturnType<Caller['start']>): Promise<Inspected> {
      const ended = await call.ended;
      expect(ended.outcome).toMatchObject({ status: 200, error: null });
      return JSON.parse(ended.body.toString()) as Inspected;
    }

    test('connection-specific fields stay here (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2)', async () => {
      const own = [
        'connection',
        'x-hop, keep-alive',
        'x-hop',
        '1',
        'keep-alive',
        'timeout=5',
        'proxy-connection',
        'x',
        'te',
        'gzip',
        'upgrade',
        'x',
      ];
      const { fields } = await inspect(client.start('GET', url, { fields: [...own, 'x-end', '1'] }));
      const names = fields.filter((_, index) => index % 2 === 0);
      // HTTP/1.1 says of its own connection that it is to be kept.
      expect(names.filter((name) => name !== 'host' && name !== 'connection')).toEqual(['x-end']);
      if (isH2) expect(names).not.toContain('connection');
    });

    test('a streamed body without a length goes out without one', async () => {
      const call = client.start('POST', url, { body: 'stream' });
      call.write('abc');
      // What is whole before it goes out has a length after all.
      await eventually(() => expect(stand.origin.stats().openRequests).toBe(1));
      call.end();
      const { bodyBytes, fields } = await inspect(call);
      expect(bodyBytes).toBe(3);
      expect(fields).not.toContain('content-length');
    });

    test('request trailers: sent in HTTP/2, refused with a clear error in HTTP/1.1', async () => {
      const call = client.start('POST', url, { body: 'stream' });
      call.write('abc');
      call.end(['x-sum', '1', 'x-part', 'a', 'x-part', 'b']);
      if (isH2) {
        expect((await inspect(call)).trailers).toEqual(['x-sum', '1', 'x-part', 'a', 'x-part', 'b']);
      } else {
        expect((await call.ended).outcome).toMatchObject({ error: 'request_unsupported', processed: 'maybe' });
        expect(call.error?.message).toContain('they need HTTP/2');
      }
    });

    test.each([
      ['990 lines', Array.from({ length: 990 }, (_, i) => [`x-${i}`, 'v']).flat()],
      ['one line of 60 KiB', ['x-large', 'v'.repeat(60 * KiB)]],
    ])('many and large fields arrive: %s', async (_what, fields) => {
      const seen = await inspect(client.start('GET', url, { fields }));
      expect(seen.fields.slice(-fields.length)).toEqual(fields);
    });

    test('fields beyond the limit of the wire are refused, unprocessed', async () => {
      const fields = ['x-large', 'v'.repeat(193 * KiB)];
      const { outcome } = await client.start('POST', url, { fields }).ended;
      expect(outcome).toMatchObject({ error: 'request_too_large', processed: 'no' });
    });

    test.each(['whole', 'streamed'])('a body that is not as long as its content-length is refused: %s', async (how) => {
      const fields = ['content-length', '5'];
      const call = client.start('POST', url, { fields, body: how === 'whole' ? 'abc' : 'stream' });
      if (how === 'streamed') {
        call.write('abc');
        call.end();
      }
      expect((await call.ended).outcome).toMatchObject({ status: 0, error: 'request_invalid' });
      expect(call.error?.message).toContain("'content-length' is 5, the body has 3 bytes");
    });
  },
);

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

function inFrames(connection: PeerConnection, streamId: number, answer: Answer): void {
  const { interim = [], status = 200, fields = [], body = [''], trailers } = answer;
  for (const [code, ...rest] of interim) connection.headers(streamId, [':status', code as string, ...rest]);
  const block = encodeFields([':status', String(status), ...fields]);
  // As few frames as may be: sections of many frames are a flood's.
  const pieces = Array.from({ length: Math.ceil(block.length / maxFrameBytes) }, (_, i) =>
    block.subarray(i * maxFrameBytes, (i + 1) * maxFrameBytes),
  );
  pieces.forEach((payload, i) => {
    const flags = (i === pieces.length - 1 ? 0x4 : 0) | (i === 0 && body === null ? 0x1 : 0);
    connection.send({ type: i === 0 ? 'HEADERS' : 'CONTINUATION', streamId, flags, payload });
  });
  if (body === null) return;
  body.forEach((piece, i) => {
    connection.data(streamId, piece, { endStream: trailers === undefined && i === body.length - 1 });
  });
  if (trailers !== undefined) connection.headers(streamId, trailers, { endStream: true });
}

const maxFrameBytes = 16 * KiB;

function inOctets(answer: Answer): Buffer {
  const { interim = [], status = 200, fields = [], body = [''], trailers = [] } = answer;
  let text = interim.map(([code, ...rest]) => `HTTP/1.1 ${code} Interim\r\n${linesOf(rest)}\r\n`).join('');
  text += `HTTP/1.1 ${status} Status\r\n${linesOf(fields)}`;
  if (body === null || fields.includes('content-length')) text += `\r\n${body?.join('') ?? ''}`;
  else {
    text += 'transfer-encoding: chunked\r\n\r\n';
    for (const piece of body) if (piece !== '') text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    text += `0\r\n${linesOf(trailers)}\r\n`;
  }
  return Buffer.from(text, 'latin1');
}

function linesOf(fields: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return lines;
}

/** HTTP/1.1 shows a body that is too short only by the end of the connection. */
function answerAndClose(stand: ScriptedStand<SeenHead>, length: string, body: string): void {
  stand.answer = ({ connection }) => connection.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`);
}
