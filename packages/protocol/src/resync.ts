// Finds the WELCOME that answers a HELLO in bytes of which nothing else is known.

import { lengthPrefixBytes, nonceBytes } from './constants.ts';

/**
 * The client's side of resynchronisation (docs/protocol/wire-protocol.md section 4): what the broker sent before it
 * read HELLO is discarded, even where it ends in the middle of a frame.
 */
export class WelcomeFinder {
  readonly #mark: Buffer;
  /** The last bytes so far: less than a length prefix and a mark, for either may go on in the next chunk. */
  #tail: Buffer = Buffer.alloc(0);

  /** `nonce`: the 16 bytes of the HELLO. */
  constructor(nonce: Buffer) {
    if (nonce.length !== nonceBytes) throw new RangeError(`nonce of ${nonce.length} bytes; allowed is ${nonceBytes}`);
    this.#mark = Buffer.concat([welcomeStart, nonce]);
  }

  /** Takes the next bytes. Returns all from the WELCOME's length prefix on, once its nonce is there. */
  push(chunk: Buffer): Buffer | undefined {
    // The tail has at most 24 bytes, so each chunk is copied at most once.
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    const found = bytes.indexOf(this.#mark, lengthPrefixBytes);
    if (found >= 0) return bytes.subarray(found - lengthPrefixBytes);
    const tailBytes = Math.min(bytes.length, lengthPrefixBytes + this.#mark.length - 1);
    this.#tail = Buffer.from(bytes.subarray(bytes.length - tailBytes));
    return undefined;
  }
}

/** Array of four, type 2, exchange id 0, `bin 8` of 16 bytes. */
const welcomeStart = Buffer.from([0x94, 0x02, 0x00, 0xc4, nonceBytes]);
