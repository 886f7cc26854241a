// What hawser.yaml may say; the only file that knows zod.

import { isAddressRange, OriginPattern } from '@hawser/upstream';
import { z } from 'zod';

/** One thing that is wrong in a file: where, what was found, what is allowed. */
export interface Problem {
  /** Keys and indices from the top of the file. */
  readonly path: readonly (string | number)[];
  /** The unknown key, where that is what is wrong. */
  readonly key: string | null;
  readonly allowed: string;
}

export type ConfigFile = z.infer<typeof configFile>;
export type OriginSettings = z.infer<typeof originSettings>;

/** The file's content if it is valid, else everything that is wrong with it. */
export function checkConfig(content: unknown): { config: ConfigFile } | { problems: Problem[] } {
  const result = configFile.safeParse(content);
  if (result.success) return { config: result.data };
  return { problems: result.error.issues.flatMap(toProblems) };
}

/** Every key of the file, in the order of the schema: `defaults.retry.budget`, `origins[].match`; and what it may be. */
export function listKeys(): { readonly key: string; readonly allowed: string }[] {
  return keysOf(configFile, '');
}

function keysOf(schema: z.ZodType, key: string): { key: string; allowed: string }[] {
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap() as z.ZodType, key);
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) return keysOf(schema.element, `${key}[]`);
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as Record<string, z.ZodType>;
    return Object.entries(shape).flatMap(([name, child]) => keysOf(child, key === '' ? name : `${key}.${name}`));
  }
  // What a value of a wrong type is answered with is what the key may be.
  return [{ key, allowed: schema.safeParse(Symbol.iterator).error?.issues[0]?.message ?? '' }];
}

function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path, key, allowed: issue.message }));
  return [{ path, key: null, allowed: issue.message }];
}

/** An object with these keys and no others; all optional unless the shape says otherwise. */
function section<T extends z.ZodRawShape>(shape: T) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `allowed keys: ${keys}` : `a section with the keys ${keys}`,
  });
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `250ms`, `30s`, `10m`, `2h` → milliseconds, within the bounds. */
function duration(min: string, max: string) {
  const allowed = `a duration from ${min} to ${max}, such as 250ms, 30s or 10m`;
  return z.string(allowed).transform((text, context) => {
    const ms = toMs(text);
    if (ms !== null && ms >= (toMs(min) as number) && ms <= (toMs(max) as number)) return ms;
    context.addIssue({ code: 'custom', message: allowed });
    return z.NEVER;
  });
}

function toMs(text: string): number | null {
  const match = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text);
  return match === null ? null : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

function wholeNumber(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.number(allowed).int(allowed).min(min, allowed).max(max, allowed);
}

function text(allowed: string) {
  return z.string(allowed).min(1, allowed);
}

const timeouts = section({
  connect: duration('1ms', '5m').optional(),
  firstByte: duration('1ms', '24h').optional(),
  idle: duration('1ms', '24h').optional(),
  total: duration('1ms', '24h').optional(),
});

/** `20%` → 0.2. */
const share = z.string('a share such as 20%').transform((text, context) => {
  const match = /^([0-9]{1,3})%$/.exec(text);
  if (match !== null && Number(match[1]) <= 100) return Number(match[1]) / 100;
  context.addIssue({ code: 'custom', message: 'a share from 0% to 100%' });
  return z.NEVER;
});

const connections = section({
  max: wholeNumber(1, 1_000).optional(),
  maxIdle: wholeNumber(0, 1_000).optional(),
  idle: duration('1s', '24h').optional(),
  maxAge: duration('1s', '24h').optional(),
  warm: wholeNumber(0, 100).optional(),
});
const retry = section({ attempts: wholeNumber(1, 10).optional(), budget: share.optional() });
const breaker = section({ failures: wholeNumber(0, 1_000).optional(), open: duration('1ms', '1h').optional() });
const queue = section({ max: wholeNumber(0, 100_000).optional(), timeout: duration('1ms', '1h').optional() });
const protocol = z.enum(['auto', 'h2', 'h1'], 'auto, h2 or h1');
const resolve = section({ prefer: z.enum(['auto', 'ipv4', 'ipv6'], 'auto, ipv4 or ipv6').optional() });
const http2 = section({ engine: z.enum(['native', 'node'], 'native or node').optional() });

const tls = section({
  serverName: text('a host name').optional(),
  ca: text('the path of a PEM file').optional(),
  cert: text('the path of a PEM file').optional(),
  key: text('the path of a PEM file').optional(),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3'], 'TLSv1.2 or TLSv1.3').optional(),
}).refine((value) => (value.cert === undefined) === (value.key === undefined), 'cert and key together, or neither');

const originExample =
  'an origin such as https://api.example.com, https://*.example.com or http://localhost:*, without a path';

const originPattern = z
  .string(originExample)
  .refine((value) => OriginPattern.parse(value) !== null, { error: originExample });

const addressExample = 'link-local, loopback, private, an address, or a range such as 203.0.113.0/24';
const addressRange = z.string(addressExample).refine(isAddressRange, { error: addressExample });

const egress = section({
  default: z.enum(['allow', 'deny'], 'allow or deny').optional(),
  allow: z.array(originPattern, 'a list of origins').optional(),
  deny: z.array(originPattern, 'a list of origins').optional(),
  denyAddresses: z.array(addressRange, 'a list of address groups and ranges').optional(),
});

const originSettings = section({
  match: originPattern,
  protocol: protocol.optional(),
  timeouts: timeouts.optional(),
  connections: connections.optional(),
  retry: retry.optional(),
  breaker: breaker.optional(),
  queue: queue.optional(),
  tls: tls.optional(),
  resolve: resolve.optional(),
  http2: http2.optional(),
}).superRefine((settings, context) => {
  const isWildcard = OriginPattern.parse(settings.match)?.exact === null;
  if (!isWildcard || (settings.connections?.warm ?? 0) === 0) return;
  const message = '0 where match has a wildcard: sessions can be held open only to an origin that is named';
  context.addIssue({ code: 'custom', path: ['connections', 'warm'], message });
});

const configFile = section({
  listen: section({
    socket: z.string('an absolute path').startsWith('/', 'an absolute path').optional(),
    mode: z
      .string('an octal mode in quotes, such as "0660"')
      .regex(/^0?[0-7]{3}$/, 'an octal mode in quotes, such as "0660"')
      .optional(),
  }).optional(),
  egress: egress.optional(),
  nat: section({
    ports: wholeNumber(1, 10_000_000).optional(),
    pods: wholeNumber(1, 1_000_000).optional(),
  }).optional(),
  limits: section({ sessions: wholeNumber(1, 100_000).optional() }).optional(),
  defaults: section({
    protocol: protocol.optional(),
    timeouts: timeouts.optional(),
    connections: connections.optional(),
    retry: retry.optional(),
    breaker: breaker.optional(),
    queue: queue.optional(),
    resolve: resolve.optional(),
    http2: http2.optional(),
  }).optional(),
  origins: z.array(originSettings, 'a list of origins, each with a match').optional(),
});
