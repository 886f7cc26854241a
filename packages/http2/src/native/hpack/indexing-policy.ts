// Which fields of a request go into the dynamic table, by name: the table has room for about forty, so it holds what repeats.

/**
 * - `always`: indexed at first sight; all requests of a worker pool have much the same values.
 * - `repeated`: indexed once the same value comes again soon; a value that changes each time never costs an entry.
 * - `plain`: a literal that a later hop may index.
 * - `never`: a literal that no hop may index, so that nobody can guess it by what it costs (RFC 7541 section 7.1.3).
 */
export type Indexing = 'always' | 'repeated' | 'plain' | 'never';

const always = [
  ':authority',
  ':method',
  ':scheme',
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-type',
  'origin',
  'te',
  'user-agent',
];

/** Values that belong to one request, and repeat only by chance. */
const plain = [
  'content-length',
  'content-md5',
  'content-digest',
  'content-range',
  'date',
  'expires',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'repr-digest',
  'traceparent',
  'tracestate',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-correlation-id',
  'x-request-id',
];

const never = ['authorization', 'cookie', 'proxy-authorization', 'set-cookie'];

const byName = new Map<string, Indexing>([
  ...always.map((name) => [name, 'always'] as const),
  ...plain.map((name) => [name, 'plain'] as const),
  ...never.map((name) => [name, 'never'] as const),
]);

/** Words of names whose values are secrets: `x-api-key`, `x-auth-token`, `x-amz-security-token`, `x-hub-signature-256`. */
const secret =
  /(^|[-_])(api[-_]?key|auth|credentials?|csrf|jwt|key|otp|passw(or)?d|pin|secret|session|signature|token|xsrf)([-_]|$)/;

/** How values of the field `name` (lower case) are sent. */
export function indexingOf(name: string): Indexing {
  return byName.get(name) ?? (secret.test(name) ? 'never' : 'repeated');
}

/** Whether this `:path` may be indexed: with a query it is one of too many. */
export function isIndexablePath(path: string): boolean {
  return !path.includes('?');
}
