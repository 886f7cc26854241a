// A PHP-FPM request that ends in the middle of an answer leaves a kept socket with the rest of it: the next request in
// that worker gets its own right answer all the same.

import { PhpFpm } from '@hawser/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fpmApp, fpmEnvironment } from './fpm-app.ts';
import { TestStand } from './test-stand.ts';

/** Errors go where the test reads them. */
const logged = ['php_admin_flag[log_errors] = on', 'php_admin_flag[display_errors] = off'];

let stand: TestStand;
let fpm: PhpFpm;

beforeAll(async () => {
  stand = await TestStand.start();
  // One worker: whatever one request leaves behind, the next one finds.
  fpm = await PhpFpm.start({ workers: 1, pool: [...fpmEnvironment(stand.socket), ...logged] });
});

afterAll(async () => {
  await fpm[Symbol.asyncDispose]();
  await stand[Symbol.asyncDispose]();
});

/** A length that names the request: the answer to any other is of another length. */
async function getOwnAnswer(bytes: number): Promise<number> {
  const { body, stderr } = await fpm.request(
    fpmApp({ do: 'get', url: `${stand.origin.url}/headers?count=1&bytes=${bytes}` }),
  );
  expect(stderr).toBe('');
  const answer = JSON.parse(body) as { pid: number; body: string };
  expect(answer.body).toBe('hello');
  return answer.pid;
}

test('ended by its time limit half-way through 50 MiB', async () => {
  const burnt = await fpm.request(fpmApp({ do: 'burn', url: `${stand.origin.url}/bytes/${50 * 1024 * 1024}` }));
  expect(burnt.body).not.toContain('read to the end');
  expect(burnt.stderr).toContain('Maximum execution time');
  const pid = Number.parseInt(burnt.body, 10);

  expect(await getOwnAnswer(1)).toBe(pid);
  expect(await getOwnAnswer(2)).toBe(pid);
});

test('ended at every byte of a small answer', async () => {
  const url = `${stand.origin.url}/`;
  const whole = await fpm.request(fpmApp({ do: 'stop', url, bytes: '-1' }));
  const answerBytes = Number(whole.body);
  expect(answerBytes).toBeGreaterThan(100);
  const pid = await getOwnAnswer(1);

  for (let bytes = 0; bytes <= answerBytes; bytes++) {
    await fpm.request(fpmApp({ do: 'stop', url, bytes: String(bytes) }));
    expect(await getOwnAnswer(1 + (bytes % 50))).toBe(pid);
  }
}, 60_000);

test('ended at random bytes of a large answer', async () => {
  const pid = await getOwnAnswer(1);
  for (let i = 0; i < 40; i++) {
    const bytes = Math.floor(Math.random() * 250_000);
    await fpm.request(fpmApp({ do: 'stop', url: `${stand.origin.url}/bytes/10000000`, bytes: String(bytes) }));
    expect(await getOwnAnswer(i), `after ${bytes} bytes`).toBe(pid);
  }
}, 60_000);
