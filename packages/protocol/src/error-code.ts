// Every error that can travel in an ERROR frame: the one table that the broker, the PHP client and the docs share.

export interface ErrorCode {
  readonly number: number;
  readonly name: ErrorName;
  /** One sentence for the reference. */
  readonly meaning: string;
  /** Who may send the request again: nobody, the client (always safe), or the client if idempotent. */
  readonly retry: 'no' | 'yes' | 'if idempotent';
  /** Class under `Hawser\Exception`. */
  readonly phpException: string;
  /** What an operator looks at. */
  readonly operator: string;
}

// biome-ignore format: a table, one row per line
const rows = [
  // Client connection
  [1, 'protocol_error', 'A frame broke the wire protocol; the client connection is closed.', 'if idempotent', 'NetworkException', 'Check that client and broker versions match.'],
  [2, 'frame_too_large', 'A frame announced more bytes than a frame may have.', 'no', 'NetworkException', 'Check that only Hawser clients use the socket.'],
  [3, 'unsupported_version', 'HELLO named a wire version that this broker does not speak.', 'no', 'NetworkException', 'Deploy client and broker of versions that share a wire version.'],
  [4, 'hello_expected', 'The first frame was not HELLO.', 'no', 'NetworkException', 'Check that only Hawser clients use the socket.'],
  [5, 'window_violation', 'More body bytes came than the window allowed, or a window grew past its bound.', 'if idempotent', 'NetworkException', 'Report it: client and broker disagree.'],
  [6, 'too_many_exchanges', 'The client connection has as many open exchanges as it may.', 'yes', 'NetworkException', 'Start fewer exchanges at once in one PHP process.'],
  [7, 'too_many_connections', 'The broker holds as many client connections as it may.', 'yes', 'BrokerUnavailableException', 'Compare the limit with the number of PHP workers.'],
  [8, 'broker_draining', 'The broker is stopping and takes nothing new.', 'yes', 'BrokerUnavailableException', 'Nothing; clients go to the new broker or direct.'],
  [9, 'broker_internal', 'A defect in the broker.', 'if idempotent', 'NetworkException', 'Report it with the log lines around it.'],
  // Request
  [20, 'request_invalid', 'URL, method, field name, field value or body length is not valid HTTP.', 'no', 'RequestException', 'Fix the calling code; the message names the part.'],
  [21, 'request_too_large', 'The field section exceeds its limit.', 'no', 'RequestException', 'Send fewer or shorter fields.'],
  [22, 'request_unsupported', 'The request needs something that the session to this origin cannot carry.', 'no', 'RequestException', 'See the message: request trailers need HTTP/2.'],
  // Policy
  [30, 'origin_forbidden', 'The egress policy refuses this origin or the address it resolved to.', 'no', 'ForbiddenOriginException', 'Allow it under `egress`, if it is meant.'],
  [31, 'queue_full', 'The wait queue of the origin is full.', 'yes', 'QueueFullException', 'Raise the limit that the message names (`connections.max`, `queue`, `nat`, `limits.sessions`), or find out why the origin is slow.'],
  [32, 'queue_timeout', 'No room on a session came free within `queue.timeout`.', 'yes', 'QueueFullException', 'Raise the limit that the message names (`connections.max`, `queue`, `nat`, `limits.sessions`), or find out why the origin is slow.'],
  [33, 'breaker_open', 'The origin failed repeatedly and is given a pause.', 'yes', 'BreakerOpenException', 'Look at the errors before it; it closes by itself.'],
  // Reaching the origin
  [40, 'dns_failed', 'The host name did not resolve.', 'yes', 'DnsException', 'Check the name and the resolver of the pod.'],
  [41, 'connect_refused', 'The origin refused the TCP connection.', 'yes', 'ConnectException', 'Check host, port and network policy.'],
  [42, 'connect_timeout', 'TCP and TLS did not complete within `timeouts.connect`.', 'yes', 'ConnectException', 'Check the network path; raise `timeouts.connect` for a far origin.'],
  [43, 'connect_failed', 'The connection failed otherwise: unreachable, reset or no local port.', 'yes', 'ConnectException', 'See the message for the system error.'],
  [44, 'tls_untrusted', 'The certificate chain ends in no trusted authority.', 'no', 'TlsException', 'Set `tls.ca` for a private authority.'],
  [45, 'tls_expired', 'The certificate is expired or not valid yet.', 'no', 'TlsException', 'Renew the certificate; check the clock.'],
  [46, 'tls_name_mismatch', 'The certificate is for other names.', 'no', 'TlsException', 'Set `tls.serverName`, or fix the certificate.'],
  [47, 'tls_failed', 'The TLS handshake failed otherwise.', 'no', 'TlsException', 'See the message for the TLS alert.'],
  [48, 'alpn_mismatch', 'The origin does not speak the protocol that the configuration asks for.', 'no', 'ConnectException', 'Set `protocol: auto` for the origin.'],
  // The exchange
  [60, 'deadline_exceeded', 'The time for the whole exchange ran out.', 'if idempotent', 'TimeoutException', 'Compare `timeouts.total` and the timeout of the caller with the times in the facts.'],
  [61, 'first_byte_timeout', 'The origin sent no response within `timeouts.firstByte`.', 'if idempotent', 'TimeoutException', 'Look at the origin.'],
  [62, 'idle_timeout', 'The body stopped for longer than `timeouts.idle`.', 'if idempotent', 'TimeoutException', 'Look at the origin and the network path.'],
  [63, 'origin_closed', 'The origin closed the connection before the response was whole.', 'if idempotent', 'NetworkException', 'Look at the origin; the message says how far the response came.'],
  [64, 'origin_reset', 'The origin reset the stream.', 'if idempotent', 'NetworkException', 'Look at the origin; the message names the HTTP/2 error code.'],
  [65, 'origin_protocol_error', 'The origin broke HTTP; the session was ended.', 'if idempotent', 'NetworkException', 'Look at the origin; the message names the rule.'],
  [66, 'response_too_large', 'The response field section exceeds its limit.', 'no', 'NetworkException', 'Look at what the origin sends.'],
  [67, 'origin_unprocessed', 'The origin refused the stream or left (GOAWAY) before acting on it.', 'yes', 'NetworkException', 'Look at the origin: it may be restarting.'],
] as const satisfies readonly (readonly [number, string, string, ErrorCode['retry'], string, string])[];

export type ErrorName = (typeof rows)[number][1];

/** All codes in the order of their numbers. */
export const errorCodes: readonly ErrorCode[] = rows.map(([number, name, meaning, retry, phpException, operator]) =>
  Object.freeze({ number, name, meaning, retry, phpException, operator }),
);

const numbers = Object.fromEntries(rows.map(([number, name]) => [name, number])) as Record<ErrorName, number>;

/** The number that stands for `name` on the wire. */
export function errorNumber(name: ErrorName): number {
  return numbers[name];
}
