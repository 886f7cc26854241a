// Which requests may be repeated by themselves.

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether a request that may have been processed may be sent again (RFC 9110 section 9.2.2). Methods are case-sensitive. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}
