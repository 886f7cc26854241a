import { describe, expect, it } from 'vitest';
import { maxDataBytes, maxFrameBytes } from './constants.ts';
import { FrameDecoder } from './decode.ts';
import { encodeDataHead, encodeFrame } from './encode.ts';
import { encodeAroundBody } from './encode-response.ts';
import { WireError } from './errors.ts';
import { type ErrorFrame, type ExchangeFacts, type Frame, FrameType, type RequestFrame } from './frame.ts';

const request: RequestFrame = {
  type: FrameType.request,
  exchangeId: 1,
  end: true,
  timeoutMs: 0,
  method: 'GET',
  url: 'https://api.example.com/',
  fields: [],
  body: null,
};

const facts: ExchangeFacts = {
  protocol: 'h2',
  session: 'reused',
  attempts: 1,
  cache: '',
  queueUs: 0,
  connectUs: -1,
  firstByteUs: 1,
  totalUs: 1,
  remoteAddress: '',
};

describe('encodeFrame', () => {
  it('writes a length prefix that counts the rest', () => {
    const bytes = encodeFrame({ ...request, body: Buffer.alloc(300) });
    expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
  });

  it('does not change the fields it is given', () => {
    const fields = Object.freeze(['x', 'caf\xe9']);
    expect(decode(encodeFrame({ ...request, fields }), 'client')).toMatchObject({ fields });
    expect(fields).toEqual(['x', 'caf\xe9']);
  });

  it('takes the longest frame and refuses one byte more', () => {
    const overhead = encodeFrame({ ...request, body: Buffer.alloc(65536) }).length - 4 - 65536;
    const body = Buffer.alloc(maxFrameBytes - overhead);
    expect(encodeFrame({ ...request, body }).length).toBe(4 + maxFrameBytes);
    expect(() => encodeFrame({ ...request, body: Buffer.concat([body, Buffer.alloc(1)]) })).toThrow(
      expect.objectContaining({
        code: 'frame_too_large',
        source: 'client',
        message: 'cannot encode REQUEST: frame of 524289 bytes; allowed is 524288',
      }),
    );
  });

  it('refuses a body that no frame can hold', () => {
    const body = Buffer.alloc(maxFrameBytes + 1);
    expect(() => encodeFrame({ ...request, body })).toThrow(/body of 524289 bytes/);
  });

  it('writes facts past 32 bits as integers', () => {
    const large = { ...facts, attempts: 2 ** 33, totalUs: 2 ** 32 + 7, queueUs: Number.MAX_SAFE_INTEGER };
    const bytes = encodeFrame({ type: FrameType.end, exchangeId: 1, trailers: [], facts: large });
    expect(decode(bytes, 'broker')).toMatchObject({ facts: large });
  });

  it('makes text well formed, so that the receiver does not refuse it', () => {
    const message = 'cut \ud83d off';
    const frame: ErrorFrame = {
      type: FrameType.error,
      exchangeId: 1,
      code: 63,
      name: 'origin_closed',
      message,
      processed: 'maybe',
      source: 'origin',
      facts: null,
    };
    expect(decode(encodeFrame(frame), 'broker')).toMatchObject({ message: 'cut \ufffd off' });
    expect(decode(encodeFrame({ type: FrameType.goaway, lastExchangeId: 0, reason: message }), 'broker')).toMatchObject(
      {
        reason: 'cut \ufffd off',
      },
    );
  });

  const data = { type: FrameType.data, exchangeId: 1, payload: Buffer.alloc(1) } as const;
  const hello = { type: FrameType.hello, nonce: Buffer.alloc(16), version: 1 } as const;
  const response = {
    type: FrameType.response,
    exchangeId: 1,
    end: true,
    status: 200,
    fields: [],
    body: null,
    facts,
  } as const;
  const refused: [string, Frame, RegExp][] = [
    [
      'exchange id 0',
      { ...request, exchangeId: 0 },
      /REQUEST: exchangeId is 0; allowed is an integer from 1 to 4294967295/,
    ],
    ['exchange id 2^32', { ...request, exchangeId: 2 ** 32 }, /exchangeId is 4294967296/],
    ['a fraction', { ...request, timeoutMs: 0.5 }, /timeoutMs is 0.5/],
    ['not a number', { ...request, timeoutMs: Number.NaN }, /timeoutMs is NaN/],
    ['an odd field list', { ...request, fields: ['x'] }, /odd number/],
    ['1001 field lines', { ...request, fields: Array(2002).fill('x') }, /1001 field lines; allowed are 1000/],
    ['a character that is no octet', { ...request, fields: ['x', 'a€'] }, /fields holds a character above U\+00FF/],
    ['such a character in the URL', { ...request, url: 'https://€/' }, /url holds a character above U\+00FF/],
    ['status 199', { ...response, status: 199 }, /status is 199/],
    ['a time below -1', { ...response, facts: { ...facts, queueUs: -2 } }, /queueUs is -2/],
    ['empty DATA', { ...data, payload: Buffer.alloc(0) }, /payload is 0/],
    ['too much DATA', { ...data, payload: Buffer.alloc(maxDataBytes + 1) }, /payload is 65537/],
    [
      'a window past its bound',
      { type: FrameType.window, exchangeId: 1, increment: 2 ** 31 },
      /increment is 2147483648/,
    ],
    ['status 101', { type: FrameType.informational, exchangeId: 1, status: 101, fields: [] }, /no upgrade/],
    ['a short nonce', { ...hello, nonce: Buffer.alloc(15) }, /nonce is 15/],
    ['a long PING', { type: FrameType.ping, payload: Buffer.alloc(9) }, /payload is 9/],
  ];
  it.each(refused)('refuses %s', (_, frame, message) => {
    expect(() => encodeFrame(frame)).toThrow(WireError);
    expect(() => encodeFrame(frame)).toThrow(message);
  });
});

describe('encodeDataHead', () => {
  it.each([1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1])(
    'equals the DATA frame of exchange %i but for the payload',
    (exchangeId) => {
      for (const size of [1, 255, 256, 65535, 65536]) {
        const whole = encodeFrame({ type: FrameType.data, exchangeId, payload: Buffer.alloc(size) });
        expect(encodeDataHead(exchangeId, size).toString('hex')).toBe(whole.toString('hex', 0, whole.length - size));
      }
    },
  );

  it('refuses what DATA cannot be', () => {
    expect(() => encodeDataHead(1, 0)).toThrow(/payload is 0/);
    expect(() => encodeDataHead(1, maxDataBytes + 1)).toThrow(/payload is 65537/);
    expect(() => encodeDataHead(0, 1)).toThrow(/exchangeId is 0/);
  });
});

describe('RESPONSE', () => {
  const plain = {
    type: FrameType.response,
    exchangeId: 7,
    end: true,
    status: 200,
    fields: ['content-type', 'text/plain'],
    body: Buffer.from('hello'),
    facts,
  } as const;

  /** Each is decoded behind one that takes the short way, so that neither can spoil the other's octets. */
  it.each([
    ['no body', { ...plain, body: null }],
    ['an empty body', { ...plain, body: Buffer.alloc(0) }],
    ['255 bytes of body', { ...plain, body: Buffer.alloc(255, 'x') }],
    ['256 bytes of body', { ...plain, body: Buffer.alloc(256, 'x') }],
    ['a body for the long way', { ...plain, body: Buffer.alloc(20_000, 'x') }],
    ['16 field elements', { ...plain, fields: Array.from({ length: 16 }, (_, i) => `x-${i}`) }],
    ['a value of 31, 32, 64, 65 and 255 characters', { ...plain, fields: [31, 32, 64, 65, 255, 256].map(xs) }],
    ['an octet beyond ASCII in a value', { ...plain, fields: ['x', 'caf\xe9'] }],
    ['an octet beyond ASCII in a long value', { ...plain, fields: ['x', `${xs(100)}\xe9`] }],
    ['facts past 32 bits', { ...plain, facts: { ...facts, totalUs: 2 ** 32 } }],
    ['facts of each length', { ...plain, facts: { ...facts, queueUs: 127, connectUs: 128, firstByteUs: 65_535 } }],
    ['the largest id', { ...plain, exchangeId: 2 ** 32 - 1 }],
  ])('with %s', (_title, response) => {
    const frames = [plain, response, plain];
    const bytes = frames.map(encodeFrame);
    expect(bytes.map((frame) => decode(frame, 'broker'))).toEqual(frames);
  });

  it.each([1, 255, 256, 20_000, 65_535, 65_536])('is the same around a body of %d bytes', (size) => {
    const body = Buffer.alloc(size, 'x');
    const around = encodeAroundBody(plain, size);
    expect(around).not.toBeNull();
    const { head, tail } = around as NonNullable<typeof around>;
    expect(Buffer.concat([head, body, tail]).equals(encodeFrame({ ...plain, body }))).toBe(true);
  });

  it.each([
    ['an octet beyond ASCII', { ...plain, fields: ['x', 'caf\xe9'] }, 10],
    ['a status that is none', { ...plain, status: 100 }, 10],
    ['facts past 32 bits', { ...plain, facts: { ...facts, totalUs: 2 ** 32 } }, 10],
    ['no body', plain, 0],
    ['more body than a frame carries', plain, maxDataBytes + 1],
  ])('is not written around a body where there is %s, and what follows is right', (_title, response, size) => {
    expect(encodeAroundBody(response, size)).toBeNull();
    expect(decode(encodeFrame(plain), 'broker')).toEqual(plain);
  });

  it('goes on in a new slab where the old one is full', () => {
    const frames = Array.from({ length: 200 }, (_, i) => ({ ...plain, exchangeId: i + 1, body: Buffer.alloc(500, i) }));
    const bytes = frames.map(encodeFrame);
    expect(bytes.map((frame) => decode(frame, 'broker'))).toEqual(frames);
  });
});

function decode(bytes: Buffer, from: 'client' | 'broker'): Frame | undefined {
  const frames: Frame[] = [];
  new FrameDecoder({ from }).push(bytes, (frame) => frames.push(frame));
  return frames[0];
}

function xs(length: number): string {
  return 'x'.repeat(length);
}
