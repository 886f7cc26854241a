// HTTP/2 frames as octets (RFC 9113 section 4.1), as little of them as a scripted peer needs.

/** Frame types by number (RFC 9113 section 6). */
const typeNumbers = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export type FrameTypeName = keyof typeof typeNumbers;

const typeNames = new Map<number, FrameTypeName>(
  (Object.keys(typeNumbers) as FrameTypeName[]).map((name) => [typeNumbers[name], name]),
);

export const frameHeaderBytes = 9;
export const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface FrameInit {
  /** A number for a type that RFC 9113 does not define. */
  readonly type: FrameTypeName | number;
  readonly streamId: number;
  readonly flags?: number;
  readonly payload?: Buffer;
  /** The length that the header claims; default: the payload's. */
  readonly length?: number;
}

export function writeFrame(frame: FrameInit): Buffer {
  const { type, streamId, flags = 0, payload = Buffer.alloc(0), length = payload.length } = frame;
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = typeof type === 'number' ? type : typeNumbers[type];
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  payload.copy(bytes, frameHeaderBytes);
  return bytes;
}

/** A frame that came. */
export class Http2Frame {
  readonly type: FrameTypeName | number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;

  constructor(bytes: Buffer) {
    const type = bytes[3] as number;
    this.type = typeNames.get(type) ?? type;
    this.flags = bytes[4] as number;
    this.streamId = bytes.readUInt32BE(5) & 0x7fff_ffff;
    this.payload = bytes.subarray(frameHeaderBytes);
  }

  get isAck(): boolean {
    return (this.type === 'SETTINGS' || this.type === 'PING') && (this.flags & 0x1) !== 0;
  }

  get isEndStream(): boolean {
    return (this.type === 'DATA' || this.type === 'HEADERS') && (this.flags & 0x1) !== 0;
  }

  /** The error code of RST_STREAM and GOAWAY. */
  get errorCode(): number {
    return this.payload.readUInt32BE(this.type === 'GOAWAY' ? 4 : 0);
  }
}

/** A header block of literals without indexing and without Huffman coding (RFC 7541 section 6.2.2). */
export function encodeFields(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    parts.push(Buffer.from([0]), encodeString(fields[i] as string), encodeString(fields[i + 1] as string));
  }
  return Buffer.concat(parts);
}

/** RFC 7541 section 5.2, with the length as section 5.1's integer of a 7-bit prefix. */
function encodeString(value: string): Buffer {
  const octets = Buffer.from(value, 'latin1');
  const length: number[] = [];
  if (octets.length < 127) length.push(octets.length);
  else {
    length.push(127);
    let rest = octets.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), octets]);
}
