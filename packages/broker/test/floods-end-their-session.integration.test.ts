// An origin that floods its session with frames that cost it nothing, through the whole broker: the flood is borne or the
// session ends, memory stays within bounds, the exchange gets an answer or an error, and other origins are served meanwhile.

import { engines } from '@hawser/http2';
import { encodeFields, http2Setting, TestOrigin, writeFrame } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ScriptedStand } from './scripted-stand.ts';

const MiB = 1024 * 1024;

/** Far above what an honest origin sends, far below what would take long. */
const frames = 20_000;

/** Memory that may come and go; a flood that is kept would be far larger in time. */
const maxGrowthBytes = 192 * MiB;

const eightOctets = Buffer.alloc(8);
const one = Buffer.from([0, 0, 0, 1]);
const nothing = Buffer.alloc(0);

/** What is sent again and again, and whether the exchange may still be answered after it. */
const floods: readonly [string, (streamId: number, i: number) => Buffer][] = [
  ['PING', () => writeFrame({ type: 'PING', streamId: 0, payload: eightOctets })],
  ['SETTINGS', (_id, i) => settings(i)],
  ['empty SETTINGS', () => writeFrame({ type: 'SETTINGS', streamId: 0 })],
  ['WINDOW_UPDATE of 1', (id) => writeFrame({ type: 'WINDOW_UPDATE', streamId: id, payload: one })],
  ['PRIORITY', (id) => writeFrame({ type: 'PRIORITY', streamId: id, payload: Buffer.from([0, 0, 0, 0, 1]) })],
  ['frames of unknown type', (id) => writeFrame({ type: 0x42, streamId: id, payload: eightOctets })],
  ['empty DATA', (id, i) => (i === 0 ? head(id) : writeFrame({ type: 'DATA', streamId: id }))],
  ['DATA of padding', (id, i) => (i === 0 ? head(id) : writeFrame({ type: 'DATA', streamId: id, flags: 8, payload: padding }))],
  ['CONTINUATION', (id, i) => writeFrame({ type: i === 0 ? 'HEADERS' : 'CONTINUATION', streamId: id, payload: i === 0 ? status : nothing })],
  ['informational responses', (id) => writeFrame({ type: 'HEADERS', streamId: id, flags: 4, payload: hint })],
  ['RST_STREAM', (id) => writeFrame({ type: 'RST_STREAM', streamId: id, payload: Buffer.from([0, 0, 0, 8]) })],
  ['GOAWAY', () => writeFrame({ type: 'GOAWAY', streamId: 0, payload: Buffer.concat([Buffer.from([0x7f, 0xff, 0xff, 0xff]), Buffer.alloc(4)]) })],
]; // biome-ignore format: one line for each

describe.each(engines)('a flood of %s engine', (engine) => {
  let other: TestOrigin;

  beforeAll(async () => {
    other = await TestOrigin.start({ plain: true });
  });

  afterAll(() => other.close());

  test.each(floods)('%s', async (_what, frameOf) => {
    // Of its own: a flood may go on when its exchange is over.
    await using stand = await ScriptedStand.h2(engine, { originConfig: ['retry: { attempts: 1 }'] });
    stand.answer = async ({ connection, streamId }) => {
      for (let i = 0; i < frames && !connection.hasEnded; i += 1_000) {
        const block = Buffer.concat(Array.from({ length: 1_000 }, (_, j) => frameOf(streamId, i + j)));
        if (!connection.socket.write(block)) {
          await new Promise<void>((resolve) => {
            connection.socket.once('drain', resolve);
            connection.socket.once('close', resolve);
          });
        }
      }
      connection.respond(streamId, 'after all');
    };
    const before = process.memoryUsage.rss();
    const flooded = stand.call('POST', { body: 'order' });
    const bystanders = Array.from({ length: 5 }, () => stand.client.start('GET', `${other.url}/`));
    for (const bystander of bystanders) expect((await bystander.ended).outcome).toMatchObject({ body: 'hello' });

    const { outcome } = await flooded.ended;
    if (outcome.error !== null)
      expect(outcome).toMatchObject({ error: expect.stringMatching(/^origin_/), processed: 'maybe' });
    expect(stand.seen).toHaveLength(1);
    expect((await flooded.ended).informational.length, 'interim answers that reach PHP').toBeLessThanOrEqual(100);
    expect(process.memoryUsage.rss() - before).toBeLessThan(maxGrowthBytes);
  });
});

const status = encodeFields([':status', '200']);
const hint = encodeFields([':status', '103', 'link', '</x.css>; rel=preload']);
/** One octet that says how much padding follows, and as much of it as there may be. */
const padding = Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]);

function head(streamId: number): Buffer {
  return writeFrame({ type: 'HEADERS', streamId, flags: 4, payload: status });
}

function settings(value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(http2Setting.MAX_CONCURRENT_STREAMS);
  payload.writeUInt32BE(value, 2);
  return writeFrame({ type: 'SETTINGS', streamId: 0, payload });
}
