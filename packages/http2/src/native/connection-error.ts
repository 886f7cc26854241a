// What ends a whole connection (RFC 9113 section 5.4.1): thrown where it is found, caught once where octets come in.

import type { Http2CodeName } from '../translate-error.ts';

/** The origin broke HTTP/2 for the connection as a whole. `code` goes into our GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: Http2CodeName;

  constructor(code: Http2CodeName, message: string) {
    super(message);
    this.code = code;
  }
}
