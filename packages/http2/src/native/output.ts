// What goes out: frames of one turn are written side by side into one buffer, and leave in one write to the socket.

import type { Socket } from 'node:net';
import {
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialMaxFrameBytes,
  writeFrameHeader,
  writeUint32,
} from './frame.ts';

/** Room for the frames of a usual turn. */
const smallBytes = 8 * 1024;

const fullFrameBytes = initialMaxFrameBytes + frameHeaderBytes;

/** Room for eight full DATA frames, and for what else there is. */
const largeBytes = 8 * fullFrameBytes + 512;

/** Buffers kept for the next writes. */
const maxSpare = 4;

export interface OutputOwner {
  /** Frames wait for `flush` where none did. */
  outputWaits(): void;
  /** The socket has let go of something. */
  outputLeft(): void;
}

/**
 * `reserve` room in `bytes`, write there, `commit` where it ended. A buffer is used again once the socket has let go of all
 * that was written from it.
 */
export class Output {
  bytes: Buffer = Buffer.alloc(0);
  /** Bytes of frames other than HEADERS and DATA since the socket last held nothing. */
  controlBytes = 0;
  readonly #socket: Socket;
  readonly #owner: OutputOwner;
  #start = 0;
  #end = 0;
  /** Buffers that the socket holds a part of, one entry for each write, oldest first. */
  readonly #held: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  constructor(socket: Socket, owner: OutputOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  /**
   * Whether request bodies have to wait for the socket. One buffer is on its way at a time: the kernel's own keeps the wire
   * busy meanwhile, cancels stay prompt, and TLS need not copy two together.
   */
  get isFull(): boolean {
    return this.#socket.writableLength > 0 || this.#end - this.#start > largeBytes - fullFrameBytes;
  }

  /** Makes room for `count` octets in `bytes` and returns the offset to write them at. `more` will follow them. */
  reserve(count: number, more = 0): number {
    if (this.bytes.length - this.#end < count) {
      this.#change(Math.max(count, count + more > smallBytes ? largeBytes : smallBytes));
    }
    return this.#end;
  }

  /** What was reserved is written up to `end`. */
  commit(end: number): void {
    const wasEmpty = this.#start === this.#end;
    this.#end = end;
    if (wasEmpty) this.#owner.outputWaits();
  }

  raw(octets: Buffer): void {
    const at = this.reserve(octets.length);
    octets.copy(this.bytes, at);
    this.commit(at + octets.length);
  }

  settings(payload: Buffer): void {
    const at = this.#control(payload.length, frameType.SETTINGS, 0, 0);
    payload.copy(this.bytes, at);
    this.commit(at + payload.length);
  }

  settingsAck(): void {
    this.commit(this.#control(0, frameType.SETTINGS, frameFlag.ACK, 0));
  }

  /** PING with the 8 octets at `from`. */
  ping(flags: number, octets: Buffer, from: number): void {
    const at = this.#control(8, frameType.PING, flags, 0);
    octets.copy(this.bytes, at, from, from + 8);
    this.commit(at + 8);
  }

  reset(streamId: number, code: number): void {
    this.commit(writeUint32(this.bytes, this.#control(4, frameType.RST_STREAM, 0, streamId), code));
  }

  windowUpdate(streamId: number, increment: number): void {
    this.commit(writeUint32(this.bytes, this.#control(4, frameType.WINDOW_UPDATE, 0, streamId), increment));
  }

  /** We take no streams from the origin, so the last one that we processed is always 0. */
  goaway(code: number): void {
    const at = writeUint32(this.bytes, this.#control(8, frameType.GOAWAY, 0, 0), 0);
    this.commit(writeUint32(this.bytes, at, code));
  }

  /** Hands everything to the socket in one write. */
  flush(): void {
    if (this.#start === this.#end) return;
    const part = this.bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    this.#held.push(this.bytes);
    this.#socket.write(part, this.#onWritten);
  }

  /** Lets go of the large buffers: nothing large is on its way. */
  shrink(): void {
    for (let i = this.#spare.length - 1; i >= 0; i--) {
      if ((this.#spare[i] as Buffer).length > smallBytes) this.#spare.splice(i, 1);
    }
  }

  #control(payloadBytes: number, type: number, flags: number, streamId: number): number {
    const bytes = frameHeaderBytes + payloadBytes;
    this.controlBytes += bytes;
    return writeFrameHeader(this.bytes, this.reserve(bytes), payloadBytes, type, flags, streamId);
  }

  /** Takes another buffer with room for `count` octets. */
  #change(count: number): void {
    this.flush();
    const index = this.#spare.findIndex((spare) => spare.length >= count);
    const [spare] = index < 0 ? [] : this.#spare.splice(index, 1);
    this.#keep(this.bytes);
    this.bytes = spare ?? Buffer.allocUnsafeSlow(count);
    this.#start = 0;
    this.#end = 0;
  }

  readonly #onWritten = (): void => {
    const buffer = this.#held.shift() as Buffer;
    if (this.#held.length === 0) this.controlBytes = 0;
    if (buffer === this.bytes) {
      if (this.#start === this.#end && !this.#held.includes(buffer)) {
        this.#start = 0;
        this.#end = 0;
      }
    } else {
      this.#keep(buffer);
    }
    this.#owner.outputLeft();
  };

  /** Keeps a buffer that nobody uses any more. */
  #keep(buffer: Buffer): void {
    if (buffer.length === 0 || this.#held.includes(buffer) || this.#spare.length >= maxSpare) return;
    if (buffer.length <= largeBytes) this.#spare.push(buffer);
  }
}
