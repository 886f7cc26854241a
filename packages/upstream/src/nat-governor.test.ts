import { expect, test } from 'vitest';
import type { Address } from './address.ts';
import { defaultNatOptions, NatGovernor } from './nat-governor.ts';

const v4 = (address: string): Address => ({ address, family: 4 });

test.each([
  [55_000, null, 500],
  [55_000, 1, 27_500],
  [55_000, 200, 137],
  [64, null, 32],
  [64, 10, 3],
  [64, 1_000, 1],
])('of %d ports for %s pods, half is shared: %d', (ports, pods, max) => {
  expect(new NatGovernor({ ports, pods }).max).toBe(max);
});

test('the distance to the last port is that of all pods together, where their number is known', () => {
  const governor = new NatGovernor({ ports: 55_000, pods: 100 });
  for (let i = 0; i < 3; i++) governor.placesAt(v4('192.0.2.1'), 443).tryTake();
  governor.placesAt({ address: '2001:db8::1', family: 6 }, 8443).tryTake()?.release();
  expect(governor.snapshot()).toEqual({
    ports: 55_000,
    pods: 100,
    max: 275,
    destinations: [
      { destination: '192.0.2.1:443', open: 3, peak: 3, waiting: 0, portsLeft: 54_700 },
      { destination: '[2001:db8::1]:8443', open: 0, peak: 1, waiting: 0, portsLeft: 55_000 },
    ],
  });
  const unknown = new NatGovernor();
  unknown.placesAt(v4('192.0.2.1'), 443).tryTake();
  expect(unknown.snapshot()).toMatchObject({ ...defaultNatOptions, destinations: [{ open: 1, portsLeft: null }] });
});

test('destinations without connections are forgotten above a thousand, those in use are not', () => {
  const governor = new NatGovernor();
  const kept = governor.placesAt(v4('192.0.2.1'), 443);
  kept.tryTake();
  for (let port = 1; port < 5_000; port++) governor.placesAt(v4('192.0.2.2'), port).tryTake()?.release();
  expect(governor.snapshot().destinations.length).toBeLessThanOrEqual(1_000);
  expect(governor.placesAt(v4('192.0.2.1'), 443)).toBe(kept);
});
