// What PHP hears of origins and addresses that the egress policy refuses; and nothing is sent there.

import { writeFileSync } from 'node:fs';
import { createTemporaryDirectory, get, hello, RawClient, TestOrigin } from '@hawser/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, createLog, parseConfig } from '../src/index.ts';
import { type Outcome, TestStand } from './test-stand.ts';

let stand: TestStand;

beforeAll(async () => {
  stand = await TestStand.start({
    config: ['egress: { deny: ["https://*.forbidden.test:*"], denyAddresses: [link-local, 127.0.0.2] }'],
  });
});

afterAll(() => stand[Symbol.asyncDispose]());

test.each([
  ['an origin', 'https://api.forbidden.test:8443/x', 'egress.deny matches it'],
  ['cloud metadata, by address', 'http://169.254.169.254/latest/', '(link-local) forbids 169.254.169.254'],
  ['cloud metadata, IPv4-mapped', 'http://[::ffff:169.254.169.254]/latest/', '(link-local) forbids'],
])('%s', async (_name, url, says) => {
  const outcome: Outcome = await stand.outcome('GET', url);
  expect(outcome).toMatchObject({
    exception: 'Hawser\\Exception\\ForbiddenOriginException',
    name: 'origin_forbidden',
    number: 30,
    processed: 'no',
    source: 'broker',
  });
  expect(outcome.message).toContain(says);
});
