// What PHP hears of origins and addresses that the egress policy refuses; and nothing is sent there.

import { TestOrigin } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

test('refused by origin or by address: a typed exception, and no connection', async () => {
  await using stand = await TestStand.start({
    config: ['egress: { deny: ["https://*.forbidden.test:*"], denyAddresses: [link-local, 127.0.0.2] }'],
  });
  const forbidden = await TestOrigin.start({ plain: true, host: '127.0.0.2' });
  const refused: [url: string, says: string][] = [
    ['https://api.forbidden.test:8443/x', 'egress.deny matches it'],
    ['http://169.254.169.254/latest/meta-data/', '(link-local) forbids 169.254.169.254'],
    ['http://[::ffff:169.254.169.254]/latest/', '(link-local) forbids ::ffff:169.254.169.254'],
    [`http://127.0.0.2:${forbidden.port}/`, '(127.0.0.2) forbids 127.0.0.2'],
    [`http://[::ffff:127.0.0.2]:${forbidden.port}/`, '(127.0.0.2) forbids ::ffff:127.0.0.2'],
  ];
  for (const [url, says] of refused) {
    const outcome = await stand.outcome('GET', url);
    expect(outcome, url).toMatchObject({
      exception: 'Hawser\\Exception\\ForbiddenOriginException',
      name: 'origin_forbidden',
      number: 30,
      processed: 'no',
      source: 'broker',
    });
    expect(outcome.message).toContain(says);
  }
  expect(forbidden.stats().connections).toBe(0);
  expect(await stand.outcome('GET', stand.origin.url)).toMatchObject({ status: 200 });
  await forbidden.close();
});

test('with default: deny only what is allowed is reached', async () => {
  await using stand = await TestStand.start({
    config: ['egress: { default: deny, allow: ["https://localhost:*"] }'],
  });
  expect(await stand.outcome('GET', stand.origin.url)).toMatchObject({ status: 200 });
  const { port } = stand.origin;
  expect(await stand.outcome('GET', `https://127.0.0.1:${port}/`)).toMatchObject({ name: 'origin_forbidden' });
  expect(stand.origin.stats().connections).toBe(1);
});
