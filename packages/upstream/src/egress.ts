// Where the broker may connect: by origin before an exchange goes anywhere, and by the address that is connected to.

import { BlockList, isIP } from 'node:net';
import { type Address, parseAddress } from './address.ts';
import { UpstreamError } from './errors.ts';
import type { Handle, Send } from './exchange.ts';
import { formatOrigin, type Origin } from './origin.ts';
import type { OriginPattern } from './origin-pattern.ts';

export interface EgressOptions {
  /** What holds for an origin that no pattern matches. Default `allow`. */
  readonly default: 'allow' | 'deny';
  /** Origins that are allowed; says something only beside `default: deny`. */
  readonly allow: readonly OriginPattern[];
  /** Origins that are refused, even where `allow` matches. */
  readonly deny: readonly OriginPattern[];
  /**
   * Addresses that are never connected to, whatever name led there: groups (`link-local`, `loopback`, `private`), CIDRs or
   * single addresses. IPv4 ranges cover the IPv6 forms that carry such an address. Default `link-local`, where cloud
   * metadata and its credentials are.
   */
  readonly denyAddresses: readonly string[];
}

export const defaultEgressOptions: EgressOptions = Object.freeze({
  default: 'allow',
  allow: Object.freeze([]),
  deny: Object.freeze([]),
  denyAddresses: Object.freeze(['link-local']),
});

/**
 * `link-local`: RFC 3927, RFC 4291 section 2.5.6, and fd00:ec2::/32, where AWS has over IPv6 what is on 169.254/16 otherwise.
 * `loopback`: RFC 1122 section 3.2.1.3; 0.0.0.0/8 and :: too, which Linux connects to this host.
 * `private`: RFC 1918, RFC 6598 (carrier-grade NAT, pods in some clusters), RFC 4193, and the deprecated site-local range.
 */
const addressGroups = {
  'link-local': ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::/32'],
  loopback: ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Verdicts kept by origin; a pod talks to few origins, a hostile client to as many as it likes. */
const maxRemembered = 10_000;

/** An entry of `denyAddresses`, as the addresses of each family see it: to BlockList every IPv4 address is in ::/0. */
interface Range {
  readonly entry: string;
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

export class EgressPolicy {
  readonly #options: EgressOptions;
  readonly #ranges: readonly Range[];
  readonly #remembered = new Map<string, boolean>();

  /** Throws a RangeError for an entry of `denyAddresses` that is no group, CIDR or address. */
  constructor(options: EgressOptions = defaultEgressOptions) {
    this.#options = options;
    this.#ranges = options.denyAddresses.map(toRange);
  }

  /** Every origin is allowed, so none needs to be asked about. */
  get allowsEveryOrigin(): boolean {
    return this.#options.default === 'allow' && this.#options.deny.length === 0;
  }

  /** Why no exchange may go to `origin`, or null. */
  originRefusal(origin: Origin): UpstreamError | null {
    if (this.#allows(origin)) return null;
    const isDenied = this.#options.deny.some((pattern) => pattern.matches(origin));
    const rule = isDenied ? 'egress.deny matches it' : 'egress.default is deny, and egress.allow does not match it';
    return forbidden(`${formatOrigin(origin)}: ${rule}`);
  }

  /** Of the addresses that `origin` has, those that may be connected to. Throws `origin_forbidden` where that is none. */
  allowedAddresses(origin: Origin, addresses: readonly Address[]): readonly Address[] {
    const allowed = addresses.filter((address) => this.refusingEntry(address) === null);
    if (allowed.length > 0 || addresses.length === 0) return allowed;
    const [first] = addresses as [Address];
    const rule = `egress.denyAddresses (${this.refusingEntry(first)}) forbids ${first.address}`;
    const more = addresses.length > 1 ? `, and the other ${addresses.length - 1} addresses likewise` : '';
    throw forbidden(`${formatOrigin(origin)}: ${rule}${more}`);
  }

  /** The entry of `denyAddresses` that an address falls under, or null. */
  refusingEntry(address: Address): string | null {
    // A zone is no part of the address.
    const [plain] = address.address.split('%', 1) as [string];
    const family = address.family === 4 ? 'ipv4' : 'ipv6';
    return this.#ranges.find((range) => range[family].check(plain, family))?.entry ?? null;
  }

  #allows(origin: Origin): boolean {
    const key = formatOrigin(origin);
    let isAllowed = this.#remembered.get(key);
    if (isAllowed === undefined) {
      const { deny, allow } = this.#options;
      const isDenied = deny.some((pattern) => pattern.matches(origin));
      isAllowed = !isDenied && (this.#options.default === 'allow' || allow.some((pattern) => pattern.matches(origin)));
      if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
      this.#remembered.set(key, isAllowed);
    }
    return isAllowed;
  }
}

/** The layer: an exchange to an origin that is refused ends here, before it is queued or a name is looked up. */
export function withEgressPolicy(next: Send, policy: EgressPolicy): Send {
  if (policy.allowsEveryOrigin) return next;
  return (exchange, sink) => {
    const refusal = policy.originRefusal(exchange.origin);
    if (refusal === null) return next(exchange, sink);
    const handle = new RefusedHandle();
    queueMicrotask(() => {
      if (!handle.isCancelled) sink.onError(refusal);
    });
    return handle;
  };
}

/** Whether `text` is an entry of `denyAddresses`. */
export function isAddressRange(text: string): boolean {
  return Object.hasOwn(addressGroups, text) || parseRange(text) !== null;
}

class RefusedHandle implements Handle {
  isCancelled = false;

  write(): void {}

  end(): void {}

  consume(): void {}

  cancel(): void {
    this.isCancelled = true;
  }
}

function toRange(entry: string): Range {
  const isGroup = Object.hasOwn(addressGroups, entry);
  const texts: readonly string[] = isGroup ? addressGroups[entry as keyof typeof addressGroups] : [entry];
  const range: Range = { entry, ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of texts) {
    const parsed = parseRange(text);
    if (parsed === null) throw new RangeError(`egress.denyAddresses has ${JSON.stringify(entry)}, which is no range`);
    const { network, prefix, family } = parsed;
    range[family].addSubnet(network, prefix, family);
    if (family === 'ipv4') {
      for (const form of embeddings(network)) range.ipv6.addSubnet(form.network, form.bits + prefix, 'ipv6');
    } else if (network.startsWith('::ffff:') && prefix >= 96) {
      range.ipv4.addSubnet(network, prefix, 'ipv6');
    }
  }
  return range;
}

function parseRange(text: string): { network: string; prefix: number; family: 'ipv4' | 'ipv6' } | null {
  const [network, prefixText, ...rest] = text.split('/') as [string, string?, ...string[]];
  const version = isIP(network);
  if (version === 0 || network.includes('%') || rest.length > 0) return null;
  const maxPrefix = version === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^[0-9]{1,3}$/.test(prefixText)) return null;
  const prefix = prefixText === undefined ? maxPrefix : Number(prefixText);
  if (prefix > maxPrefix) return null;
  return { network: parseAddress(network)?.address ?? network, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/**
 * IPv6 forms of an IPv4 network, which a stack, a NAT64 gateway or a tunnel would turn into it: IPv4-mapped (RFC 4291 section
 * 2.5.5.2), the deprecated IPv4-compatible (2.5.5.1), NAT64 (RFC 6052 section 2.1) and 6to4 (RFC 3056).
 */
function embeddings(network: string): { network: string; bits: number }[] {
  const [a, b, c, d] = network.split('.').map(Number) as [number, number, number, number];
  const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  return [
    { network: `::ffff:${network}`, bits: 96 },
    { network: `::${network}`, bits: 96 },
    { network: `64:ff9b::${network}`, bits: 96 },
    { network: `2002:${hex}::`, bits: 16 },
  ];
}

function forbidden(message: string): UpstreamError {
  return new UpstreamError('origin_forbidden', message, { source: 'broker', processed: 'no' });
}
