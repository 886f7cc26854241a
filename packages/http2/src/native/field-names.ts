// Which field names HTTP/2 carries (RFC 9113 sections 8.2.1 and 8.2.2), remembered, because few names come again and again.

/** Fields that belong to an HTTP/1.1 connection (RFC 9113 section 8.2.2); `te` has a rule of its own. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** A token (RFC 9110 section 5.6.2) without upper case. */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Names to remember; names that come once each must not fill the memory. */
const maxRemembered = 256;

export class FieldNames {
  readonly #allowed = new Set<string>();

  isAllowed(name: string): boolean {
    if (this.#allowed.has(name)) return true;
    if (!namePattern.test(name) || connectionSpecific.has(name)) return false;
    if (this.#allowed.size < maxRemembered) this.#allowed.add(name);
    return true;
  }

  /** Why a name is not allowed. The name itself is shown only where it is one. */
  complaint(name: string): string {
    if (connectionSpecific.has(name)) return `the connection-specific field ${name}`;
    return name.startsWith(':') ? 'a pseudo-field where none may be' : 'a field name that is no lower-case token';
  }
}
