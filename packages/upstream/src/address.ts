// IP addresses: which hosts are one already, and in which order those of a name are tried.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface Address {
  /** In the one spelling that a connected socket reports too: IPv6 compressed and in lower case. */
  readonly address: string;
  readonly family: 4 | 6;
}

/** `text` as an address; null if it is a name. */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return { address: text, family: 4 };
  if (!isIPv6(text)) return null;
  // A zone (`fe80::1%eth0`) is for this host alone; SocketAddress does not take it.
  const [address, zone] = text.split('%', 2) as [string, string?];
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return { address: zone === undefined ? canonical : `${canonical}%${zone}`, family: 6 };
}

/**
 * RFC 8305 section 4: the preferred family first, then the families in turn, each in the order of the answer. `auto` is
 * what RFC 6724 comes to for these: IPv6 where this host has a global IPv6 address, else IPv4.
 */
export function orderAddresses(
  addresses: readonly Address[],
  prefer: 'auto' | 'ipv4' | 'ipv6',
  hasIPv6: () => boolean = hasGlobalIPv6,
): Address[] {
  const ipv4 = addresses.filter((address) => address.family === 4);
  const ipv6 = addresses.filter((address) => address.family === 6);
  if (ipv4.length === 0 || ipv6.length === 0) return [...addresses];
  const isIPv6First = prefer === 'ipv6' || (prefer === 'auto' && hasIPv6());
  const [first, second] = isIPv6First ? [ipv6, ipv4] : [ipv4, ipv6];
  const ordered: Address[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    ordered.push(...first.slice(i, i + 1), ...second.slice(i, i + 1));
  }
  return ordered;
}

/** Global unicast is 2000::/3 (RFC 4291 section 2.4); with a unique local address alone RFC 6724 prefers IPv4. */
function hasGlobalIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, address }) => family === 'IPv6' && /^[23]/.test(address)),
  );
}
