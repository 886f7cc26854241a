import { describe, expect, it, vi } from 'vitest';
import { FrameDecoder } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { WireError } from './errors.ts';
import { type DataFrame, type Frame, FrameType, type RequestFrame } from './frame.ts';

const cancel = (exchangeId: number): Buffer => encodeFrame({ type: FrameType.cancel, exchangeId });
const data = (size: number): Buffer =>
  encodeFrame({ type: FrameType.data, exchangeId: 1, payload: Buffer.alloc(size, 0x61) });
const nothing = (): void => {};

describe('FrameDecoder', () => {
  it('decodes frames that lie whole in the chunk where they are', () => {
    const chunk = Buffer.concat([data(5), data(3)]);
    const frames = decode(chunk) as DataFrame[];
    chunk.fill(0x62);
    expect(frames.map((frame) => frame.payload.toString())).toEqual(['bbbbb', 'bbb']);
  });

  it('gathers a split frame in one buffer of its length', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafe');
    const decoder = new FrameDecoder({ from: 'client' });
    const bytes = Buffer.from(data(60_000));
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += 1000)
      decoder.push(bytes.subarray(at, at + 1000), (frame) => frames.push(frame));
    expect(allocate.mock.calls).toEqual([[bytes.length - 4]]);
    allocate.mockRestore();
    bytes.fill(0);
    expect((frames[0] as DataFrame).payload.equals(Buffer.alloc(60_000, 0x61))).toBe(true);
  });

  it('refuses a length before it allocates anything', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafe');
    const decoder = new FrameDecoder({ from: 'client' });
    for (const byte of [0xff, 0xff, 0xff]) decoder.push(Buffer.from([byte]), nothing);
    expect(() => decoder.push(Buffer.from([0xff]), nothing)).toThrow(
      expect.objectContaining({ code: 'frame_too_large' }),
    );
    expect(allocate).not.toHaveBeenCalled();
    allocate.mockRestore();
  });

  it('takes a lower bound for frames', () => {
    const bytes = data(100);
    const exact = new FrameDecoder({ from: 'client', maxFrameBytes: bytes.length - 4 });
    exact.push(bytes, nothing);
    const lower = new FrameDecoder({ from: 'client', maxFrameBytes: bytes.length - 5 });
    expect(() => lower.push(bytes, nothing)).toThrow(/frame of 105 bytes; allowed is 104/);
  });

  it('tells whether the bytes end inside a frame', () => {
    const decoder = new FrameDecoder({ from: 'client' });
    const bytes = cancel(1);
    expect(decoder.isMidFrame).toBe(false);
    for (let at = 0; at < bytes.length; at++) {
      decoder.push(bytes.subarray(at, at + 1), nothing);
      expect(decoder.isMidFrame, `after ${at + 1}`).toBe(at + 1 < bytes.length);
    }
  });

  it('takes nothing after a frame that it refused', () => {
    const decoder = new FrameDecoder({ from: 'client' });
    expect(() => decoder.push(Buffer.from([0, 0, 0, 0]), nothing)).toThrow(WireError);
    const onFrame = vi.fn();
    expect(() => decoder.push(cancel(1), onFrame)).toThrow(/after a frame that was refused/);
    expect(onFrame).not.toHaveBeenCalled();
  });

  it('takes nothing after onFrame threw, because the rest of that chunk is lost', () => {
    const decoder = new FrameDecoder({ from: 'client' });
    const failing = (): void => {
      throw new Error('consumer');
    };
    expect(() => decoder.push(Buffer.concat([cancel(1), cancel(2)]), failing)).toThrow('consumer');
    expect(() => decoder.push(cancel(3), nothing)).toThrow(WireError);
  });

  it('refuses a push from within onFrame, which would reorder frames', () => {
    const decoder = new FrameDecoder({ from: 'client' });
    expect(() => decoder.push(cancel(1), () => decoder.push(cancel(2), nothing))).toThrow(/from within onFrame/);
  });

  it('names who broke the protocol', () => {
    for (const from of ['client', 'broker'] as const) {
      expect(() => new FrameDecoder({ from }).push(Buffer.from([0, 0, 0, 0]), nothing)).toThrow(
        expect.objectContaining({ name: 'WireError', code: 'protocol_error', source: from, processed: 'maybe' }),
      );
    }
  });

  it.each<[string, string, RegExp]>([
    ['the frame and what it lacks', '9208', /^frame ends inside its array/],
    ['sender', '940d0000a0', /^GOAWAY came from the client; only the broker may send it$/],
    ['elements', '920701', /^WINDOW has 2 elements, at least 3 are required$/],
    [
      'element, found and allowed',
      '930701a131',
      /^WINDOW element 2 \(increment\) is str; allowed is an integer from 1 to 2147483647$/,
    ],
    [
      'a single allowed value',
      '930b01c4080000000000000000',
      /^PING element 1 \(exchangeId\) is the integer 1; allowed is 0$/,
    ],
    ['size of bin', '930b00c40100', /^PING element 2 \(payload\) is bin of 1 bytes; allowed is bin of 8 bytes$/],
  ])('has a message that names %s', (_, hex, message) => {
    const frame = Buffer.from(hex, 'hex');
    const prefix = Buffer.from([0, 0, 0, frame.length]);
    expect(() => decode(Buffer.concat([prefix, frame]))).toThrow(message);
  });

  it('keeps field values out of its messages', () => {
    const bytes = Buffer.from(
      encodeFrame({ type: FrameType.end, exchangeId: 1, trailers: ['authorization', 'secret'], facts: null }),
    );
    bytes[bytes.indexOf('authorization') - 2] = 0xa2; // the array's header becomes a str
    expect(() => decode(bytes)).toThrow(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
  });

  it('gives the same octets whether a value came as bin or as UTF-8 in str', () => {
    const octets = Buffer.from('ü€', 'utf8').toString('latin1');
    const request: RequestFrame = {
      type: FrameType.request,
      exchangeId: 1,
      end: true,
      timeoutMs: 0,
      method: 'GET',
      url: 'https://a/',
      fields: ['x', octets],
      body: null,
    };
    const asBin = encodeFrame(request);
    const at = asBin.indexOf('c405', 'hex');
    const asStr = Buffer.concat([asBin.subarray(0, at), Buffer.from([0xa5]), asBin.subarray(at + 2)]);
    asStr.writeUInt32BE(asStr.length - 4, 0);
    expect(decode(asStr)).toEqual([request]);
    expect(decode(asBin)).toEqual([request]);
  });
});

function decode(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  new FrameDecoder({ from: 'client' }).push(bytes, (frame) => frames.push(frame));
  return frames;
}
