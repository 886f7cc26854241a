// Checks what a caller asks to be sent: HTTP/2 carries it, or says why not before anything of it is sent.

import type { Fields, RequestHead } from '../session.ts';
import { FieldNames } from './field-names.ts';
import { isValue } from './response-fields.ts';

/** Fields of one session's requests; it remembers the names that it has found right. */
export class RequestFieldChecker {
  readonly #names = new FieldNames();

  /** Null, or what HTTP/2 cannot carry (RFC 9113 section 8.2). */
  complaintAboutHead(head: RequestHead): string | null {
    // Tunnels have another pseudo-field section (section 8.5) and another life than an exchange.
    if (head.method === 'CONNECT') return 'CONNECT';
    if (!methodPattern.test(head.method)) return 'a method that is no token';
    if (!isValue(head.authority) || !isValue(head.path)) return 'an authority or path that is no field value';
    return this.complaintAboutFields(head.fields);
  }

  complaintAboutFields(fields: Fields): string | null {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const value = fields[i + 1] as string;
      if (!this.#names.isAllowed(name)) return this.#names.complaint(name);
      if (!isValue(value)) return `a value of ${name} that is none`;
      if (name === 'te' && value !== 'trailers') return 'a te other than trailers';
    }
    return null;
  }
}

const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
