// RFC 9113 section 5: the states of streams, priority signals, and what is an error of a stream or of the connection.

import { eventually, http2Setting, type PeerConnection } from '@hawser/testkit';
import { conformance, type Rule } from './conformance.ts';

/** Far above any stream of ours: idle, from our side. */
const idle = 100_001;

/** What only a server may open, and may not with push disabled. */
const even = 2;

type Send = (connection: PeerConnection, id: number) => void;

/** Frames that a stream which is over may still get (5.1, closed). */
const late: readonly (readonly [string, Send])[] = [
  ['WINDOW_UPDATE', (c, id) => c.windowUpdate(id, 1)],
  ['WINDOW_UPDATE of 2^31-1, again and again', (c, id) => {
    for (let i = 0; i < 3; i++) c.windowUpdate(id, 2 ** 31 - 1);
  }],
  ['RST_STREAM', (c, id) => c.reset(id, 'CANCEL')],
  ['RST_STREAM twice', (c, id) => {
    c.reset(id, 'NO_ERROR');
    c.reset(id, 'INTERNAL_ERROR');
  }],
  ['PRIORITY', (c, id) => c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(5) })],
]; // biome-ignore format: one line for each where it fits

const rules: Rule[] = [
  ...(
    [
      ['HEADERS', (c, id) => c.headers(id, [':status', '200'])],
      ['DATA', (c, id) => c.data(id, 'x')],
      ['RST_STREAM', (c, id) => c.reset(id, 'CANCEL')],
      ['WINDOW_UPDATE', (c, id) => c.windowUpdate(id, 1)],
    ] as const satisfies readonly (readonly [string, Send])[]
  ).flatMap(([name, send]): Rule[] => [
    {
      rule: `5.1: ${name} on an idle stream`,
      ends: 'session',
      code: 'PROTOCOL_ERROR',
      send: (c) => send(c, idle),
    },
    {
      rule: `5.1.1: ${name} on a stream of the origin's own`,
      ends: 'session',
      code: 'PROTOCOL_ERROR',
      send: (c) => send(c, even),
    },
  ]),
  {
    rule: '5.1: PRIORITY on an idle stream is ignored',
    ends: 'nothing',
    send: (c) => c.send({ type: 'PRIORITY', streamId: idle, payload: Buffer.alloc(5) }),
  },
  ...late.flatMap(([name, send]): Rule[] => [
    {
      rule: `5.1: ${name} behind END_STREAM is ignored`,
      ends: 'nothing',
      answers: true,
      send: (c, id) => {
        c.respond(id);
        send(c, id);
      },
    },
    {
      rule: `5.1: ${name} behind our RST_STREAM is ignored`,
      ends: 'stream',
      code: 'PROTOCOL_ERROR',
      send: (c, id) => {
        c.headers(id, ['no', 'status']);
        send(c, id);
      },
      ...(name.includes('again') ? { node: 'nghttp2 ends the session' } : {}),
      ...(name.startsWith('RST_STREAM') ? { node: 'node:http2 tells the code that came late' } : {}),
    },
  ]),
  ...(
    [
      ['DATA', (c, id) => c.data(id, 'late', { endStream: true })],
      ['DATA without end', (c, id) => c.data(id, 'late')],
      ['empty DATA', (c, id) => c.data(id, '')],
      ['HEADERS', (c, id) => c.headers(id, ['x-late', '1'], { endStream: true })],
      ['a whole response', (c, id) => c.respond(id)],
    ] as const satisfies readonly (readonly [string, Send])[]
  ).map(
    ([name, send]): Rule => ({
      rule: `5.1: ${name} behind our RST_STREAM is ignored`,
      ends: 'stream',
      code: 'PROTOCOL_ERROR',
      send: (c, id) => {
        c.headers(id, ['no', 'status']);
        send(c, id);
      },
    }),
  ),
  {
    rule: '5.1.2: a limit below the streams that are open ends none of them',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: 0 });
      c.respond(id);
      c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: 100 });
    },
  },
  {
    rule: '5.2: late DATA of a stream is given back to the window of the session',
    ends: 'stream',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => {
      c.headers(id, ['no', 'status']);
      for (let i = 0; i < 10; i++) c.data(id, Buffer.alloc(16 * 1024));
    },
    check: async (_sink, c) => {
      await eventually(() => c.frames.some((frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === 0));
    },
  },
  {
    rule: '5.3: priority signals are ignored, what they depend on included',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      const onItself = Buffer.from([0x80, id >> 16, id >> 8, id, 0xff]);
      c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.from([0, 0, 0, 0, 16]) });
      c.send({ type: 'HEADERS', streamId: id, flags: 0x24, payload: Buffer.concat([onItself, Buffer.from([0x88])]) });
      c.data(id, 'hello', { endStream: true });
    },
  },
  {
    rule: '5.4.1: what follows an error of the connection is not looked at',
    ends: 'session',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => {
      c.data(0, 'x');
      c.respond(id);
      c.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(3) });
      c.goaway(0);
    },
  },
  {
    rule: '5.4.2: an error of a stream is told once, however much follows',
    ends: 'stream',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => {
      c.headers(id, ['no', 'status']);
      c.headers(id, ['no', 'status']);
      c.headers(id, ['x-upper', 'fine'], { endStream: true });
    },
  },
  {
    rule: '5.5: settings that nobody knows are ignored',
    ends: 'nothing',
    send: (c) => c.settings({ 0: 1, 7: 2 ** 32 - 1, 8: 1, 65535: 7 }),
  },
];

conformance('RFC 9113 section 5', rules, { sessionWindowBytes: 128 * 1024 });
