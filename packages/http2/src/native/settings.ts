// SETTINGS (RFC 9113 section 6.5): what an origin may say, checked, and what we say ourselves.

import { ConnectionError } from './connection-error.ts';
import { initialMaxFrameBytes, initialWindowBytes, max31, readUint32, writeUint32 } from './frame.ts';

const setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

const entryBytes = 6;
const maxMaxFrameBytes = 2 ** 24 - 1;

/** What the origin said last of each; before it says anything, the initial values. */
export class OriginSettings {
  headerTableBytes = 4096;
  /** Absent means without limit. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindowBytes = initialWindowBytes;
  maxFrameBytes = initialMaxFrameBytes;

  /** Takes the payload of a SETTINGS frame, in order (section 6.5.3). Throws a ConnectionError. */
  take(bytes: Buffer, start: number, end: number): void {
    if ((end - start) % entryBytes !== 0) {
      throw new ConnectionError('FRAME_SIZE_ERROR', `a SETTINGS frame of ${end - start} bytes`);
    }
    for (let at = start; at < end; at += entryBytes) {
      this.#takeOne(((bytes[at] as number) << 8) | (bytes[at + 1] as number), readUint32(bytes, at + 2));
    }
  }

  #takeOne(id: number, value: number): void {
    switch (id) {
      case setting.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        break;
      case setting.ENABLE_PUSH:
        // A server says 0 or nothing (section 6.5.2).
        if (value !== 0) throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_ENABLE_PUSH is ${value}`);
        break;
      case setting.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        break;
      case setting.INITIAL_WINDOW_SIZE:
        if (value > max31) {
          throw new ConnectionError('FLOW_CONTROL_ERROR', `SETTINGS_INITIAL_WINDOW_SIZE is ${value}`);
        }
        this.initialWindowBytes = value;
        break;
      case setting.MAX_FRAME_SIZE:
        if (value < initialMaxFrameBytes || value > maxMaxFrameBytes) {
          throw new ConnectionError('PROTOCOL_ERROR', `SETTINGS_MAX_FRAME_SIZE is ${value}`);
        }
        this.maxFrameBytes = value;
        break;
      default:
        // SETTINGS_MAX_HEADER_LIST_SIZE is advice, and unknown settings are ignored (section 6.5.2).
        break;
    }
  }
}

/** Payload of our SETTINGS: no push, the window of a stream, and the limit of a field section. */
export function ownSettings(initialWindow: number, maxHeaderListBytes: number): Buffer {
  const entries = [
    [setting.ENABLE_PUSH, 0],
    [setting.INITIAL_WINDOW_SIZE, initialWindow],
    [setting.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
  ] as const;
  const payload = Buffer.alloc(entries.length * entryBytes);
  let at = 0;
  for (const [id, value] of entries) {
    payload[at + 1] = id;
    at = writeUint32(payload, at + 2, value);
  }
  return payload;
}
