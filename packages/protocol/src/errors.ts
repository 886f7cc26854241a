// The one error class of this package.

import type { ErrorName } from './error-code.ts';

/** The two ends of a client connection. */
export type Peer = 'client' | 'broker';

export interface WireErrorOptions {
  /** Who broke the wire protocol: the sender of the bytes, or the end that tried to encode a frame that cannot be. */
  source: Peer;
  /** Whether an origin may have acted on what was under way. Default `maybe`: other exchanges may be open. */
  processed?: 'no' | 'maybe';
  cause?: unknown;
}

/**
 * A frame that wire version 1 does not allow. `code` is what travels in the ERROR frame that answers it. The message
 * names frame, element, what was found and what is allowed, and never holds a field value or body.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: ErrorName;
  readonly source: Peer;
  readonly processed: 'no' | 'maybe';

  constructor(code: ErrorName, message: string, options: WireErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source;
    this.processed = options.processed ?? 'maybe';
  }
}
