// The bytes of one frame, without length prefix, as a typed frame.

import { maxDataBytes, maxExchangeId, maxWindowBytes, nonceBytes, pingBytes, wireVersion } from './constants.ts';
import { ElementReader } from './element-reader.ts';
import { type Peer, WireError } from './errors.ts';
import { type ExchangeFacts, type Frame, FrameType, flagEnd, type HelloFrame } from './frame.ts';
import { frameKind } from './frame-kind.ts';
import { unpackRange } from './msgpack.ts';
import { describeFault, scanShape, shapeAscii } from './shape.ts';

/** Parses the frames of one sender. Keeps no state between frames. */
export class FrameParser {
  readonly #sender: Peer;
  readonly #read: ElementReader;

  constructor(sender: Peer) {
    this.#sender = sender;
    this.#read = new ElementReader(sender);
  }

  /**
   * The frame in `bytes[start, end)`, or nothing where version 1 does not know its type. Binary elements are views of
   * `bytes`. Throws a `WireError` where the bytes are not a frame that this sender may send.
   */
  parse(bytes: Buffer, start: number, end: number): Frame | undefined {
    const read = this.#read;
    const header = bytes[start] as number;
    if (header < 0x92 || header > 0x9f) {
      throw read.refuse(
        `frame begins with the byte ${hex(header)}; allowed is an array of 2 to 15 elements (92 to 9f)`,
      );
    }
    const shape = scanShape(bytes, start, end);
    if (shape < 0) throw read.refuse(describeFault(shape));
    const type = bytes[start + 1] as number;
    if (type > 0x7f) throw read.refuse(`frame type begins with the byte ${hex(type)}; allowed is 00 to 7f`);
    const kind = frameKind(type);
    if (kind === undefined) return undefined;
    if (kind.sender !== 'both' && kind.sender !== this.#sender) {
      throw read.refuse(`${kind.name} came from the ${this.#sender}; only the ${kind.sender} may send it`);
    }
    const elements = header & 0x0f;
    if (elements < kind.minElements) {
      throw read.refuse(`${kind.name} has ${elements} elements, at least ${kind.minElements} are required`);
    }
    return this.#build(type, this.#unpack(bytes, start, end), shape === shapeAscii);
  }

  #unpack(bytes: Buffer, start: number, end: number): readonly unknown[] {
    try {
      return unpackRange(bytes, start, end) as readonly unknown[];
    } catch (cause) {
      // What the scan lets through and the library does not: a map whose key is an array or a map.
      throw new WireError('protocol_error', 'frame holds a map whose key is not a str', {
        source: this.#sender,
        cause,
      });
    }
  }

  #build(type: number, values: readonly unknown[], isAscii: boolean): Frame {
    const read = this.#read;
    switch (type) {
      case FrameType.request:
        return {
          type: FrameType.request,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          end: (read.integer(values, 2, 'flags', 0, maxUint32) & flagEnd) !== 0,
          timeoutMs: read.integer(values, 3, 'timeoutMs', 0, maxUint32),
          method: read.octets(values, 4, 'method', isAscii),
          url: read.octets(values, 5, 'url', isAscii),
          fields: read.fields(values, 6, 'fields', isAscii),
          body: read.binOrNil(values, 7, 'body'),
        };
      case FrameType.response:
        return {
          type: FrameType.response,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          end: (read.integer(values, 2, 'flags', 0, maxUint32) & flagEnd) !== 0,
          status: read.integer(values, 3, 'status', 200, 599),
          fields: read.fields(values, 4, 'fields', isAscii),
          body: read.binOrNil(values, 5, 'body'),
          facts: read.facts(values, 6),
        };
      case FrameType.data:
        return {
          type: FrameType.data,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          payload: read.bin(values, 2, 'payload', 1, maxDataBytes),
        };
      case FrameType.end:
        return {
          type: FrameType.end,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          trailers: values[2] === null ? [] : read.fields(values, 2, 'trailers', isAscii),
          facts: this.#factsOrNil(values, 3),
        };
      case FrameType.window:
        return {
          type: FrameType.window,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          increment: read.integer(values, 2, 'increment', 1, maxWindowBytes),
        };
      case FrameType.cancel:
        return { type: FrameType.cancel, exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId) };
      case FrameType.informational: {
        const status = read.integer(values, 2, 'status', 100, 199);
        if (status === 101) throw read.refuse('INFORMATIONAL element 2 (status) is 101; the wire has no upgrade');
        return {
          type: FrameType.informational,
          exchangeId: read.integer(values, 1, 'exchangeId', 1, maxExchangeId),
          status,
          fields: read.fields(values, 3, 'fields', isAscii),
        };
      }
      case FrameType.error:
        return {
          type: FrameType.error,
          exchangeId: read.integer(values, 1, 'exchangeId', 0, maxExchangeId),
          code: read.integer(values, 2, 'code', 1, maxUint32),
          name: read.text(values, 3, 'name'),
          message: read.text(values, 4, 'message'),
          processed: read.integer(values, 5, 'processed', 0, 1) === 0 ? 'no' : 'maybe',
          source: read.text(values, 6, 'source'),
          facts: this.#factsOrNil(values, 7),
        };
      default:
        return this.#buildConnectionFrame(type, values);
    }
  }

  /** The frames about the whole connection. */
  #buildConnectionFrame(type: number, values: readonly unknown[]): Frame {
    const read = this.#read;
    read.integer(values, 1, 'exchangeId', 0, 0);
    switch (type) {
      case FrameType.hello:
        return this.#buildHello(values);
      case FrameType.welcome:
        return {
          type: FrameType.welcome,
          nonce: read.bin(values, 2, 'nonce', nonceBytes, nonceBytes),
          version: this.#version(values),
          maxExchanges: read.mapInteger(values, 3, 'maxExchanges', 1, maxUint32),
          maxFrameBytes: read.mapInteger(values, 3, 'maxFrame', 1, maxUint32),
          agent: read.mapText(values, 3, 'agent'),
        };
      case FrameType.ping:
        return { type: FrameType.ping, payload: read.bin(values, 2, 'payload', pingBytes, pingBytes) };
      case FrameType.pong:
        return { type: FrameType.pong, payload: read.bin(values, 2, 'payload', pingBytes, pingBytes) };
      default:
        return {
          type: FrameType.goaway,
          lastExchangeId: read.integer(values, 2, 'lastExchangeId', 0, maxExchangeId),
          reason: read.text(values, 3, 'reason'),
        };
    }
  }

  #buildHello(values: readonly unknown[]): HelloFrame {
    const read = this.#read;
    const frame: HelloFrame = {
      type: FrameType.hello,
      nonce: read.bin(values, 2, 'nonce', nonceBytes, nonceBytes),
      version: this.#version(values),
    };
    if (read.mapValue(values, 3, 'map', 'window') !== undefined) {
      frame.windowBytes = read.mapInteger(values, 3, 'window', 0, maxWindowBytes);
    }
    if (read.mapValue(values, 3, 'map', 'agent') !== undefined) frame.agent = read.mapText(values, 3, 'agent');
    return frame;
  }

  #version(values: readonly unknown[]): number {
    const version = this.#read.mapInteger(values, 3, 'v', 0, maxUint32);
    if (version === wireVersion) return version;
    throw this.#read.refuse(
      `the ${this.#sender} speaks wire version ${version}; this end speaks ${wireVersion}`,
      'unsupported_version',
    );
  }

  #factsOrNil(values: readonly unknown[], index: number): ExchangeFacts | null {
    return values[index] === null || values[index] === undefined ? null : this.#read.facts(values, index);
  }
}

const maxUint32 = 2 ** 32 - 1;

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
