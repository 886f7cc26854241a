import { describe, expect, test } from 'vitest';
import { orderAddresses, parseAddress } from './address.ts';

describe('a host that is an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1', 4],
    ['::1', '::1', 6],
    ['2001:DB8:0:0::01', '2001:db8::1', 6],
    ['::ffff:a9fe:a9fe', '::ffff:169.254.169.254', 6],
    ['fe80::0001%eth0', 'fe80::1%eth0', 6],
  ])('%s is told in one spelling', (text, address, family) => {
    expect(parseAddress(text)).toEqual({ address, family });
  });

  test.each(['', 'localhost', '127.1', '0x7f.0.0.1', '192.0.2.1.', '[::1]', '1.2.3.4.5'])('%j is none', (text) => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe('the order in which addresses are tried', () => {
  const mixed = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2'];

  test.each<[string, 'auto' | 'ipv4' | 'ipv6', boolean, string[]]>([
    ['ipv4', 'ipv4', true, ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2', '192.0.2.3']],
    ['ipv6', 'ipv6', false, ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '192.0.2.3']],
    ['auto with IPv6', 'auto', true, ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '192.0.2.3']],
    ['auto without', 'auto', false, ['192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2', '192.0.2.3']],
  ])('%s: the families in turn', (_name, prefer, hasIPv6, expected) => {
    expect(order(mixed, prefer, hasIPv6)).toEqual(expected);
  });

  test('of one family is that of the answer', () => {
    expect(order(['192.0.2.9', '192.0.2.1'], 'ipv6', true)).toEqual(['192.0.2.9', '192.0.2.1']);
  });

  function order(addresses: readonly string[], prefer: 'auto' | 'ipv4' | 'ipv6', hasIPv6: boolean): string[] {
    const parsed = addresses.map((text) => parseAddress(text)!);
    return orderAddresses(parsed, prefer, () => hasIPv6).map(({ address }) => address);
  }
});
