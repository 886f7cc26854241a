// The layout of HTTP/2 frames (RFC 9113 sections 4.1 and 6): types, flags, and the header that all of them share.

//  +-----------------------------------------------+
//  |                 Length (24)                   |
//  +---------------+---------------+---------------+
//  |   Type (8)    |   Flags (8)   |
//  +-+-------------+---------------+-------------------------------+
//  |R|                 Stream identifier (31)                      |
//  +=+=============================================================+

export const frameHeaderBytes = 9;

/** The client's first octets (RFC 9113 section 3.4). */
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Largest payload either end may send until it is told otherwise (RFC 9113 section 4.2). We never tell otherwise. */
export const initialMaxFrameBytes = 16 * 1024;

/** Window of the connection and of each stream before anybody changes it (RFC 9113 section 6.9.2). */
export const initialWindowBytes = 65_535;

/** Largest window (RFC 9113 section 6.9.1), stream identifier, and value of most 32-bit fields. */
export const max31 = 2 ** 31 - 1;

export const frameType = {
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

export const frameFlag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Writes a frame header at `at`; returns the offset behind it. */
export function writeFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  return writeUint32(into, at + 5, streamId);
}

/** Writes 32 bits, the high ones first; returns the offset behind them. */
export function writeUint32(into: Buffer, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

/** Reads 32 bits, the high ones first, without a sign. */
export function readUint32(from: Buffer, at: number): number {
  return readUint31(from, at) + ((from[at] as number) >= 0x80 ? 0x80000000 : 0);
}

/** Reads 31 bits; the reserved bit before them is ignored, as RFC 9113 sections 4.1 and 6.9 ask. */
export function readUint31(from: Buffer, at: number): number {
  return (
    (((from[at] as number) & 0x7f) << 24) |
    ((from[at + 1] as number) << 16) |
    ((from[at + 2] as number) << 8) |
    (from[at + 3] as number)
  );
}
