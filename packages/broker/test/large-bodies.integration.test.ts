// 100 MiB through the broker, both ways, while one side is slow: little of it is ever in the broker.

import { eventually, type TestProcess } from '@hawser/testkit';
import { expect, test } from 'vitest';
import { TestStand } from './test-stand.ts';

const mebibyte = 1024 * 1024;
const bodyBytes = 100 * mebibyte;
/** What may be between the two ends, all in all: the broker's part of it is smaller still. */
const maxInFlightBytes = 8 * mebibyte;

test('a slow reader of 100 MiB holds the origin back, and not the other exchange on its socket', async () => {
  await using stand = await TestStand.start();
  const { url } = stand.origin;
  await using php = await stand.php('slow-download.php', [`${url}/bytes/${bodyBytes}`, `${url}/`]);
  const smallMs: number[] = [];
  let reports = 0;
  for (;;) {
    const [word, first, second] = (await php.line(() => true, 20_000)).split(' ');
    if (word === 'done') {
      expect(Number(first)).toBe(bodyBytes);
      break;
    }
    if (word === 'small') {
      expect(first).toBe('200');
      smallMs.push(Number(second));
      continue;
    }
    // PHP waits: what is on its way now settles, and is what the windows allow.
    const taken = Number(first);
    await stillness(() => stand.origin.stats().bodyBytesSent);
    expect(stand.origin.stats().bodyBytesSent - taken).toBeLessThan(maxInFlightBytes);
    reports++;
    php.writeLine('');
  }
  expect(reports).toBeGreaterThan(20);
  expect(smallMs.length).toBeGreaterThan(4);
  expect(stand.origin.stats().connections).toBe(1);
}, 60_000);

test('a generated upload of 100 MiB goes no faster than the origin takes it', async () => {
  await using stand = await TestStand.start();
  await using php = await stand.php('generated-upload.php', [`${stand.origin.url}/inspect`, String(bodyBytes)]);
  let worst = 0;
  for (;;) {
    const [word, first, answer] = await uploadLine(php);
    if (word === 'done') {
      expect(JSON.parse(answer as string)).toMatchObject({ bodyBytes, sha256: first });
      break;
    }
    worst = Math.max(worst, Number(first) - stand.origin.stats().bodyBytesReceived);
  }
  expect(worst).toBeLessThan(maxInFlightBytes);
}, 60_000);

async function uploadLine(php: TestProcess): Promise<string[]> {
  const line = await php.line(() => true, 20_000);
  return line.split(' ', 2).concat(line.split(' ').slice(2).join(' '));
}

/** Waits until a counter stands still for a few looks in a row. */
async function stillness(counter: () => number): Promise<void> {
  let last = -1;
  let sameFor = 0;
  await eventually(() => {
    const now = counter();
    sameFor = now === last ? sameFor + 1 : 0;
    last = now;
    return sameFor >= 5;
  });
}
