// RFC 9113 section 4: the layout of frames, their sizes, and field section compression.

import { encodeFields, type Http2Frame, type PeerConnection, writeFrame } from '@hawser/testkit';
import { expect } from 'vitest';
import { conformance, type Rule } from './conformance.ts';

const maxFrameBytes = 16 * 1024;
const nothing = Buffer.alloc(0);
const head = encodeFields([':status', '200']);

/** A field block in the middle: HEADERS without END_HEADERS. */
function openBlock(connection: PeerConnection, id: number): void {
  connection.send({ type: 'HEADERS', streamId: id, payload: head });
}

/** Octets as a frame that may break every rule of its length. */
function oversized(type: number, streamId: number, payload = nothing, length = maxFrameBytes + 1): Buffer {
  return writeFrame({ type, streamId, payload, length });
}

/** The frame with the reserved bit of its stream identifier set. */
function withReservedBit(frame: Buffer): Buffer {
  frame[5] = (frame[5] as number) | 0x80;
  return frame;
}

function pingAcks(connection: PeerConnection): Http2Frame[] {
  return connection.frames.filter((frame) => frame.type === 'PING' && frame.isAck);
}

const rules: Rule[] = [
  {
    rule: '4.1: frames of unknown type are ignored, whatever is in them',
    ends: 'nothing',
    send: (c, id) => {
      for (const type of [0x0b, 0x10, 0x42, 0xff]) {
        c.send({ type, streamId: 0, flags: 0xff, payload: Buffer.alloc(100, type) });
        c.send({ type, streamId: id, flags: 0xff });
        c.send({ type, streamId: 2 ** 31 - 1, payload: Buffer.alloc(1) });
      }
    },
  },
  {
    rule: '4.1: frames of extensions that we have not are frames of unknown type',
    ends: 'nothing',
    send: (c, id) => {
      for (const type of [0x0a, 0x0c]) {
        c.send({ type, streamId: 0, flags: 0xff, payload: Buffer.alloc(100, type) });
        c.send({ type, streamId: id, payload: Buffer.alloc(1) });
      }
    },
    node: 'nghttp2 reads ALTSVC and ORIGIN',
  },
  {
    rule: '4.1: the reserved bit is ignored',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      c.write(withReservedBit(writeFrame({ type: 'HEADERS', streamId: id, flags: 0x4, payload: head })));
      c.write(withReservedBit(writeFrame({ type: 'PING', streamId: 0, payload: Buffer.from('reserved') })));
      c.write(withReservedBit(writeFrame({ type: 'DATA', streamId: id, flags: 1, payload: Buffer.from('hello') })));
    },
    check: (_sink, c) => expect(pingAcks(c).map((frame) => frame.payload.toString())).toContain('reserved'),
  },
  {
    rule: '4.1: flags that a type does not define are ignored',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      c.send({ type: 'SETTINGS', streamId: 0, flags: 0xfe });
      c.send({ type: 'PING', streamId: 0, flags: 0xfe, payload: Buffer.from('flagged ') });
      c.send({ type: 'WINDOW_UPDATE', streamId: id, flags: 0xff, payload: Buffer.from([0, 0, 0, 1]) });
      c.send({ type: 'HEADERS', streamId: id, flags: 0xd6 & ~0x28, payload: head });
      c.send({ type: 'DATA', streamId: id, flags: 0xf7, payload: Buffer.from('hello') });
    },
    check: (_sink, c) => expect(pingAcks(c).map((frame) => frame.payload.toString())).toContain('flagged '),
  },
  {
    rule: '4.2: a frame of SETTINGS_MAX_FRAME_SIZE is taken',
    ends: 'nothing',
    answers: `${'x'.repeat(maxFrameBytes)}hello`,
    send: (c, id) => {
      c.send({ type: 0x42, streamId: 0, payload: Buffer.alloc(maxFrameBytes) });
      // A block may be as large as a frame, here with a field that fills it.
      const fill = encodeFields(['x-fill', 'v'.repeat(maxFrameBytes - head.length - 11)]);
      const payload = Buffer.concat([head, fill]);
      expect(payload).toHaveLength(maxFrameBytes);
      c.send({ type: 'HEADERS', streamId: id, flags: 0x4, payload });
      c.data(id, 'x'.repeat(maxFrameBytes));
      c.data(id, 'hello', { endStream: true });
    },
  },
  ...[
    ['DATA', 0x0],
    ['HEADERS', 0x1],
    ['PRIORITY', 0x2],
    ['RST_STREAM', 0x3],
    ['CONTINUATION', 0x9],
    ['unknown type', 0x42],
  ].map(
    ([name, type]): Rule => ({
      rule: `4.2: ${name} above SETTINGS_MAX_FRAME_SIZE, told by its header alone`,
      ends: 'session',
      code: 'FRAME_SIZE_ERROR',
      send: (c, id) => c.write(oversized(type as number, id)),
    }),
  ),
  ...[
    ['SETTINGS', 0x4],
    ['PING', 0x6],
    ['GOAWAY', 0x7],
    ['WINDOW_UPDATE', 0x8],
    ['unknown type', 0x42],
  ].map(
    ([name, type]): Rule => ({
      rule: `4.2: ${name} of the connection above SETTINGS_MAX_FRAME_SIZE`,
      ends: 'session',
      code: 'FRAME_SIZE_ERROR',
      send: (c) => c.write(oversized(type as number, 0, Buffer.alloc(1000), 2 ** 24 - 1)),
    }),
  ),
  {
    rule: '4.2: HEADERS too short for the fields that its flags promise',
    ends: 'session',
    code: 'FRAME_SIZE_ERROR',
    send: (c, id) => c.send({ type: 'HEADERS', streamId: id, flags: 0x24, payload: Buffer.alloc(4) }),
  },
  {
    rule: '4.3: a block in CONTINUATION frames, empty ones among them, is one block',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      const block = Buffer.concat([head, encodeFields(['x-a', 'value'])]);
      c.send({ type: 'HEADERS', streamId: id, payload: nothing });
      for (const octet of block) {
        c.send({ type: 'CONTINUATION', streamId: id, payload: nothing });
        c.send({ type: 'CONTINUATION', streamId: id, payload: Buffer.from([octet]) });
      }
      c.send({ type: 'CONTINUATION', streamId: id, flags: 0x4, payload: nothing });
      c.data(id, 'hello', { endStream: true });
    },
    check: (sink) => expect(sink.fields).toEqual(['x-a', 'value']),
    node: 'nghttp2 takes 8 CONTINUATION frames and no more',
  },
  {
    rule: '4.3: END_STREAM on HEADERS holds through its CONTINUATION frames',
    ends: 'nothing',
    answers: true,
    send: (c, id) => {
      c.headers(id, [':status', '200']);
      c.data(id, 'hello');
      const [first, rest] = [encodeFields(['x-a', '1']), encodeFields(['x-b', '2'])];
      c.send({ type: 'HEADERS', streamId: id, flags: 0x1, payload: first.subarray(0, 3) });
      c.send({ type: 'CONTINUATION', streamId: id, payload: Buffer.concat([first.subarray(3), rest]) });
      c.send({ type: 'CONTINUATION', streamId: id, flags: 0x4, payload: nothing });
    },
    check: (sink) => expect(sink.trailers).toEqual(['x-a', '1', 'x-b', '2']),
  },
  {
    rule: '4.3: the block of a stream that is over counts for the table all the same',
    ends: 'stream',
    code: 'PROTOCOL_ERROR',
    send: (c, id) => {
      c.headers(id, ['no', 'status']);
      const entry = Buffer.concat([Buffer.from([0x40]), encodeFields(['x-late', 'yes']).subarray(1)]);
      c.send({ type: 'HEADERS', streamId: id, flags: 0x4, payload: Buffer.concat([Buffer.from([0x88]), entry]) });
      // The entry of the block before, and the session would end without it.
      c.send({ type: 'HEADERS', streamId: id, flags: 0x5, payload: Buffer.from([0xbe]) });
    },
  },
  ...(
    [
      ['DATA', (c, id) => c.data(id, 'x')],
      ['HEADERS of the same stream', (c, id) => c.headers(id, ['x-a', '1'])],
      ['HEADERS of another stream', (c, id) => c.headers(id - 2, ['x-a', '1'])],
      ['CONTINUATION of another stream', (c, id) => c.send({ type: 'CONTINUATION', streamId: id - 2, flags: 4 })],
      ['CONTINUATION of stream 0', (c) => c.send({ type: 'CONTINUATION', streamId: 0, flags: 4 })],
      ['RST_STREAM', (c, id) => c.reset(id, 'CANCEL')],
      ['PRIORITY', (c, id) => c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(5) })],
      ['SETTINGS', (c) => c.settings()],
      ['PING', (c) => c.send({ type: 'PING', streamId: 0, payload: Buffer.alloc(8) })],
      ['GOAWAY', (c) => c.goaway(0)],
      ['WINDOW_UPDATE', (c) => c.windowUpdate(0, 1)],
      ['a frame of unknown type (5.5)', (c, id) => c.send({ type: 0x42, streamId: id })],
    ] as const satisfies readonly (readonly [string, Rule['send']])[]
  ).map(
    ([name, send]): Rule => ({
      rule: `4.3: ${name} inside a field block`,
      ends: 'session',
      code: 'PROTOCOL_ERROR',
      send: (c, id) => {
        openBlock(c, id);
        send(c, id);
      },
    }),
  ),
  ...(
    [
      ['an index of no table', [0xff, 0x7f]],
      ['index 0', [0x80]],
      ['a string that the block cuts off', [0x88, 0x00, 0x05, 0x61]],
      ['Huffman coding with EOS', [0x88, 0x00, 0x01, 0x61, 0x84, 0xff, 0xff, 0xff, 0xff]],
      ['a table size above ours', [0x3f, 0xe2, 0x1f, 0x88]],
      ['a table size behind a field', [0x88, 0x20]],
    ] as const
  ).map(
    ([name, block]): Rule => ({
      rule: `4.3: a block that cannot be decoded: ${name}`,
      ends: 'session',
      code: 'COMPRESSION_ERROR',
      send: (c, id) => c.send({ type: 'HEADERS', streamId: id, flags: 0x5, payload: Buffer.from(block) }),
    }),
  ),
  {
    rule: '4.3: a block in parts that cannot be decoded',
    ends: 'session',
    code: 'COMPRESSION_ERROR',
    send: (c, id) => {
      openBlock(c, id);
      c.send({ type: 'CONTINUATION', streamId: id, flags: 0x4, payload: Buffer.from([0xff, 0x7f]) });
    },
  },
];

conformance('RFC 9113 section 4', rules);
