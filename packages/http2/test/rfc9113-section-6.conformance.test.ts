// RFC 9113 section 6: each type of frame, with what it must have and where it may stand.

import { engines } from '@hawser/http2';
import {
  encodeFields,
  eventually,
  type Http2Frame,
  http2Setting,
  type PeerConnection,
  ScriptedHttp2Peer,
} from '@hawser/testkit';
import { describe, expect, test } from 'vitest';
import { conformance, type Rule } from './conformance.ts';
import { openPlain } from './stand.ts';

type Send = (connection: PeerConnection, id: number) => void;

const head = encodeFields([':status', '200']);
const receiveWindowBytes = 256 * 1024;
const sessionWindowBytes = 512 * 1024;

/** Acknowledgements that had come before the rule that counts them began. */
let acksBefore = 0;

function sessionError(rule: string, code: NonNullable<Rule['code']>, send: Send, more: Partial<Rule> = {}): Rule {
  return { rule, ends: 'session', code, send, ...more };
}

function wrongLength(type: 'RST_STREAM' | 'PING' | 'WINDOW_UPDATE' | 'GOAWAY', lengths: readonly number[]): Rule[] {
  return lengths.map((length) =>
    sessionError(`${type} of ${length} octets`, 'FRAME_SIZE_ERROR', (c, id) => {
      const streamId = type === 'PING' || type === 'GOAWAY' ? 0 : id;
      c.send({ type, streamId, payload: Buffer.alloc(length, 1) });
    }),
  );
}

function settingsOf(id: number, value: number): Send {
  return (c) => c.settings({ [id]: value });
}

function framesOf(c: PeerConnection, type: Http2Frame['type'], isAck: boolean): Http2Frame[] {
  return c.frames.filter((frame) => frame.type === type && frame.isAck === isAck);
}

function bodyBytes(c: PeerConnection, id: number): number {
  let bytes = 0;
  for (const frame of c.frames) if (frame.type === 'DATA' && frame.streamId === id) bytes += frame.payload.length;
  return bytes;
}

/** DATA with `padding` octets behind `body`. */
function padded(c: PeerConnection, id: number, body: string, padding: number, flags = 0): void {
  const payload = Buffer.concat([Buffer.from([padding]), Buffer.from(body), Buffer.alloc(padding)]);
  c.send({ type: 'DATA', streamId: id, flags: 0x8 | flags, payload });
}

const data: Rule[] = [
  sessionError('6.1: DATA on stream 0', 'PROTOCOL_ERROR', (c) => c.data(0, 'x')),
  sessionError('6.1: as much padding as payload', 'PROTOCOL_ERROR', (c, id) => {
    c.headers(id, [':status', '200']);
    c.send({ type: 'DATA', streamId: id, flags: 0x8, payload: Buffer.from([4, 0, 0, 0]) });
  }),
  sessionError('6.1: padded and empty', 'FRAME_SIZE_ERROR', (c, id) => {
    c.headers(id, [':status', '200']);
    c.send({ type: 'DATA', streamId: id, flags: 0x8 });
  }, { node: 'nghttp2 calls it PROTOCOL_ERROR' }),
  sessionError('8.1: DATA before the head', 'PROTOCOL_ERROR', (c, id) => c.data(id, 'x')),
  {
    rule: '6.1: padding is left out of the body, and may be all there is',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      c.headers(id, [':status', '200', 'content-length', '5']);
      padded(c, id, '', 0);
      padded(c, id, 'he', 255);
      padded(c, id, '', 255);
      padded(c, id, 'llo', 1);
      padded(c, id, '', 3, 0x1);
    },
  },
]; // biome-ignore format: each rule as its own paragraph

const headers: Rule[] = [
  sessionError('6.2: HEADERS on stream 0', 'PROTOCOL_ERROR', (c) => c.headers(0, [':status', '200'])),
  sessionError('6.2: more padding than payload', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'HEADERS', streamId: id, flags: 0xc, payload: Buffer.from([2, 0x88]) }),
  ),
  sessionError('6.2: padding that leaves no room for the priority', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'HEADERS', streamId: id, flags: 0x2c, payload: Buffer.from([4, 0, 0, 0, 0, 16, 0x88, 0]) }),
  ),
  {
    rule: '6.2: padding and priority are left out of the block',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      const payload = Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 16]), head, Buffer.alloc(9, 0xff)]);
      c.send({ type: 'HEADERS', streamId: id, flags: 0x2c, payload });
      c.data(id, 'hello', { endStream: true });
    },
  },
  {
    rule: '6.2: padding of a block that CONTINUATION frames carry on',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      const payload = Buffer.concat([Buffer.from([3]), head, Buffer.alloc(3, 0xff)]);
      c.send({ type: 'HEADERS', streamId: id, flags: 0x8, payload });
      c.send({ type: 'CONTINUATION', streamId: id, flags: 0x4, payload: encodeFields(['x-a', '1']) });
      c.data(id, 'hello', { endStream: true });
    },
    check: (sink) => expect(sink.fields).toEqual(['x-a', '1']),
  },
];

const priority: Rule[] = [
  sessionError(
    '6.3: PRIORITY on stream 0',
    'PROTOCOL_ERROR',
    (c) => c.send({ type: 'PRIORITY', streamId: 0, payload: Buffer.alloc(5) }),
    { node: 'nghttp2 ignores it' },
  ),
  ...[0, 4, 6].map(
    (length): Rule => ({
      rule: `6.3: PRIORITY of ${length} octets`,
      ends: 'stream',
      code: 'FRAME_SIZE_ERROR',
      send: (c, id) => c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(length) }),
      node: 'nghttp2 ends the session',
    }),
  ),
  sessionError('6.3: PRIORITY of 4 octets on an idle stream', 'FRAME_SIZE_ERROR', (c) =>
    c.send({ type: 'PRIORITY', streamId: 100_001, payload: Buffer.alloc(4) }),
  ),
  {
    rule: '6.3: PRIORITY of 4 octets behind END_STREAM',
    ends: 'session',
    code: 'FRAME_SIZE_ERROR',
    answers: true,
    send: (c, id) => {
      c.respond(id);
      c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(4) });
    },
  },
];

const reset: Rule[] = [
  sessionError('6.4: RST_STREAM on stream 0', 'PROTOCOL_ERROR', (c) => c.reset(0, 'CANCEL')),
  ...wrongLength('RST_STREAM', [0, 3, 5]),
];

const settings: Rule[] = [
  sessionError('6.5: SETTINGS on a stream', 'PROTOCOL_ERROR', (c, id) => c.send({ type: 'SETTINGS', streamId: id })),
  ...[1, 5, 7].map((length) =>
    sessionError(`6.5: SETTINGS of ${length} octets`, 'FRAME_SIZE_ERROR', (c) =>
      c.send({ type: 'SETTINGS', streamId: 0, payload: Buffer.alloc(length) }),
    ),
  ),
  sessionError('6.5: an acknowledgement with settings', 'FRAME_SIZE_ERROR', (c) =>
    c.send({ type: 'SETTINGS', streamId: 0, flags: 1, payload: Buffer.alloc(6) }),
  ),
  sessionError('6.5.3: an acknowledgement of nothing', 'PROTOCOL_ERROR', (c) =>
    c.send({ type: 'SETTINGS', streamId: 0, flags: 1 }),
  ),
  sessionError('6.5.2: push enabled by a server', 'PROTOCOL_ERROR', settingsOf(http2Setting.ENABLE_PUSH, 1)),
  sessionError('6.5.2: push neither on nor off', 'PROTOCOL_ERROR', settingsOf(http2Setting.ENABLE_PUSH, 2)),
  sessionError(
    '6.5.2: an initial window of 2^31',
    'FLOW_CONTROL_ERROR',
    settingsOf(http2Setting.INITIAL_WINDOW_SIZE, 2 ** 31),
  ),
  sessionError('6.5.2: frames below 2^14', 'PROTOCOL_ERROR', settingsOf(http2Setting.MAX_FRAME_SIZE, 2 ** 14 - 1)),
  sessionError('6.5.2: frames of 2^24', 'PROTOCOL_ERROR', settingsOf(http2Setting.MAX_FRAME_SIZE, 2 ** 24)),
  {
    rule: '6.5.2: every setting at its bounds',
    ends: 'nothing',
    send: (c) => {
      c.settings({ [http2Setting.ENABLE_PUSH]: 0, [http2Setting.MAX_FRAME_SIZE]: 2 ** 24 - 1 });
      c.settings({ [http2Setting.HEADER_TABLE_SIZE]: 0, [http2Setting.MAX_HEADER_LIST_SIZE]: 2 ** 32 - 1 });
      c.settings({ [http2Setting.HEADER_TABLE_SIZE]: 2 ** 32 - 1, [http2Setting.MAX_HEADER_LIST_SIZE]: 2 ** 32 - 1 });
      c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 2 ** 31 - 1, [http2Setting.MAX_FRAME_SIZE]: 2 ** 14 });
      c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 0, [http2Setting.MAX_CONCURRENT_STREAMS]: 2 ** 32 - 1 });
      c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 65_535, [http2Setting.MAX_CONCURRENT_STREAMS]: 100 });
    },
  },
  {
    rule: '6.5.3: SETTINGS are acknowledged, each once, an empty one too',
    ends: 'nothing',
    send: (c) => {
      acksBefore = framesOf(c, 'SETTINGS', true).length;
      c.settings();
      c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: 100 });
      c.settings();
    },
    check: async (_sink, c, stand) => {
      expect(framesOf(c, 'SETTINGS', true).length - acksBefore).toBe(3);
      await eventually(() => stand.session.freeStreams === 100);
    },
  },
  {
    rule: '6.5.3: the last of several values holds',
    ends: 'nothing',
    send: (c) => {
      const payload = Buffer.from([0, 3, 0, 0, 0, 1, 0, 3, 0, 0, 0, 77]);
      c.send({ type: 'SETTINGS', streamId: 0, payload });
    },
    check: async (_sink, c, stand) => {
      await eventually(() => stand.session.freeStreams === 77);
      c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: 100 });
    },
  },
];

const push: Rule[] = [
  sessionError('6.6: PUSH_PROMISE', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'PUSH_PROMISE', streamId: id, flags: 4, payload: Buffer.concat([Buffer.from([0, 0, 0, 2]), head]) }),
  ),
  sessionError('6.6: PUSH_PROMISE on stream 0', 'PROTOCOL_ERROR', (c) =>
    c.send({ type: 'PUSH_PROMISE', streamId: 0, flags: 4, payload: Buffer.from([0, 0, 0, 2, 0x88]) }),
  ),
];

const ping: Rule[] = [
  sessionError('6.7: PING on a stream', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'PING', streamId: id, payload: Buffer.alloc(8) }),
  ),
  ...wrongLength('PING', [0, 7, 9]),
  {
    rule: '6.7: PING is answered with its own octets, in order',
    ends: 'nothing',
    send: (c) => {
      for (const text of ['ping no1', 'ping no2']) c.send({ type: 'PING', streamId: 0, payload: Buffer.from(text) });
    },
    check: (_sink, c) => {
      const answers = framesOf(c, 'PING', true).map((frame) => frame.payload.toString());
      expect(answers.slice(-2)).toEqual(['ping no1', 'ping no2']);
    },
  },
  {
    rule: '6.7: an answer that nobody asked for is ignored, and not answered',
    ends: 'nothing',
    send: (c) => c.send({ type: 'PING', streamId: 0, flags: 1, payload: Buffer.from('unasked.') }),
    check: (_sink, c) => {
      expect(c.frames.some((frame) => frame.type === 'PING' && frame.payload.toString() === 'unasked.')).toBe(false);
    },
    node: 'node:http2 ends the session',
  },
];

const goaway: Rule[] = [
  sessionError('6.8: GOAWAY on a stream', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'GOAWAY', streamId: id, payload: Buffer.alloc(8) }),
  ),
  ...wrongLength('GOAWAY', [0, 7]),
];

const windowUpdate: Rule[] = [
  ...wrongLength('WINDOW_UPDATE', [0, 3, 5]),
  sessionError('6.9: an increment of 0 for the session', 'PROTOCOL_ERROR', (c) => c.windowUpdate(0, 0)),
  {
    rule: '6.9: an increment of 0 for a stream',
    ends: 'stream',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => c.windowUpdate(id, 0),
    node: 'nghttp2 ends the session',
  },
  sessionError('6.9.1: a session window above 2^31-1', 'FLOW_CONTROL_ERROR', (c) => c.windowUpdate(0, 2 ** 31 - 1)),
  {
    rule: '6.9.1: a stream window above 2^31-1',
    ends: 'stream',
    code: 'FLOW_CONTROL_ERROR',
    isOpen: true,
    send: (c, id) => c.windowUpdate(id, 2 ** 31 - 1),
    node: 'nghttp2 ends the session',
  },
  {
    rule: '6.9.1: windows of exactly 2^31-1',
    ends: 'nothing',
    isOpen: true,
    send: (c, id) => c.windowUpdate(id, 2 ** 31 - 1 - 65_535),
  },
  sessionError(
    '6.9.2: SETTINGS that take a window above 2^31-1',
    'FLOW_CONTROL_ERROR',
    (c, id) => {
      c.windowUpdate(id, 2 ** 31 - 1 - 65_535);
      c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 65_536 });
    },
    { isOpen: true },
  ),
  {
    rule: '6.9.1: DATA beyond the window of its stream',
    ends: 'stream',
    code: 'FLOW_CONTROL_ERROR',
    send: (c, id) => {
      c.headers(id, [':status', '200']);
      for (let sent = 0; sent <= receiveWindowBytes; sent += 16 * 1024) c.data(id, Buffer.alloc(16 * 1024));
    },
    begin: (sink) => {
      sink.consumes = false;
    },
    node: 'nghttp2 ends the session',
  },
  {
    rule: '6.9.1: padding counts against the windows',
    ends: 'stream',
    code: 'FLOW_CONTROL_ERROR',
    send: (c, id) => {
      c.headers(id, [':status', '200']);
      for (let sent = 0; sent < receiveWindowBytes; sent += 16 * 1024) c.data(id, Buffer.alloc(16 * 1024));
      c.send({ type: 'DATA', streamId: id, flags: 0x8, payload: Buffer.from([0]) });
    },
    begin: (sink) => {
      sink.consumes = false;
    },
    node: 'nghttp2 ends the session',
  },
];

const continuation: Rule[] = [
  sessionError('6.10: CONTINUATION without HEADERS', 'PROTOCOL_ERROR', (c, id) =>
    c.send({ type: 'CONTINUATION', streamId: id, flags: 4, payload: head }),
  ),
  sessionError('6.10: CONTINUATION on stream 0', 'PROTOCOL_ERROR', (c) =>
    c.send({ type: 'CONTINUATION', streamId: 0, flags: 4, payload: head }),
  ),
  sessionError('6.10: CONTINUATION behind END_HEADERS', 'PROTOCOL_ERROR', (c, id) => {
    c.headers(id, [':status', '200']);
    c.send({ type: 'CONTINUATION', streamId: id, flags: 4, payload: encodeFields(['x-a', '1']) });
  }),
  sessionError('6.10: CONTINUATION behind DATA', 'PROTOCOL_ERROR', (c, id) => {
    c.headers(id, [':status', '200']);
    c.data(id, 'x');
    c.send({ type: 'CONTINUATION', streamId: id, flags: 4, payload: encodeFields(['x-a', '1']) });
  }),
];

conformance(
  'RFC 9113 section 6',
  [
    ...data,
    ...headers,
    ...priority,
    ...reset,
    ...settings,
    ...push,
    ...ping,
    ...goaway,
    ...windowUpdate,
    ...continuation,
  ],
  { receiveWindowBytes, sessionWindowBytes },
);

describe.each(engines)('RFC 9113 section 6, the life of a session, %s engine', (engine) => {
  test('6.8: a last stream id above the one before ends the session', async () => {
    const peer = await ScriptedHttp2Peer.start(async (c) => {
      await c.request();
      await c.request();
      c.goaway(1);
      c.goaway(3);
    });
    const stand = await openPlain(peer.port, engine);
    const [first, second] = [stand.start(), stand.start()];
    expect((await first.done).error).toMatchObject({ code: 'protocol_error', processed: 'maybe' });
    expect((await second.done).error).toMatchObject({ code: 'goaway', processed: 'no' });
    expect(await stand.events.closed).toMatchObject({ code: 'protocol_error', http2Code: 'PROTOCOL_ERROR' });
    expect(stand.events.life).toEqual(['draining: goaway', 'closed: protocol_error']);
    await stand[Symbol.asyncDispose]();
    await peer.close();
  });

  test('6.9.2: a window that SETTINGS took below 0 has to be opened as far', async () => {
    const peer = await ScriptedHttp2Peer.start(
      async (c) => {
        const { streamId } = await c.request();
        c.windowUpdate(0, 1_000_000);
        await eventually(() => bodyBytes(c, streamId) === 65_535);
        // 65,535 less makes the window negative, and as much again opens nothing.
        c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: 0 });
        c.windowUpdate(streamId, 65_535);
        c.send({ type: 'PING', streamId: 0, payload: Buffer.from('still 0.') });
        await eventually(() => framesOf(c, 'PING', true).length === 1);
        expect(bodyBytes(c, streamId)).toBe(65_535);
        c.windowUpdate(streamId, 5);
        await eventually(() => bodyBytes(c, streamId) === 65_540);
        c.respond(streamId);
      },
      { renewsWindows: false },
    );
    const stand = await openPlain(peer.port, engine);
    const sink = stand.start({}, 'stream');
    sink.handle?.write(Buffer.alloc(70_000));
    expect((await sink.done).body.toString()).toBe('hello');
    await stand[Symbol.asyncDispose]();
    await peer.close();
  });
});
