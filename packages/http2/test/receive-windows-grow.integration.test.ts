// A stream's window on a long fat path: it grows where it is what holds the origin back, and only there.

import { eventually, FakeClock, type Http2Frame, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterEach, expect, test } from 'vitest';
import { RecordingSink } from './recording-sink.ts';
import { openPlain, type SessionOptions, type Stand } from './stand.ts';

const KiB = 1024;
const maxFrameBytes = 16 * KiB;
const roundTripMs = 80;
const receiveWindowBytes = 256 * KiB;

let peer: ScriptedHttp2Peer;
let stand: Stand;
let clock: FakeClock;

afterEach(async () => {
  // The peer first: a session with streams waits for its origin, and this clock stands still.
  await peer.close();
  await stand[Symbol.asyncDispose]();
});

/** A session whose SETTINGS were acknowledged after a round trip; `null`: not yet. */
async function open(options: SessionOptions = {}, afterMs: number | null = roundTripMs): Promise<PeerConnection> {
  clock = new FakeClock();
  peer = await ScriptedHttp2Peer.start(() => {}, { acknowledges: false });
  stand = await openPlain(peer.port, 'native', { clock, receiveWindowBytes, ...options });
  const connection = peer.connections[0] as PeerConnection;
  if (afterMs !== null) {
    clock.advance(afterMs);
    connection.send({ type: 'SETTINGS', streamId: 0, flags: 0x1 });
  }
  return connection;
}

/** A response that has begun, and what each renewal of its stream's window gave. */
class Download {
  readonly sink = new RecordingSink();
  readonly increments: number[] = [];
  readonly #connection: PeerConnection;
  #id = 0;
  #windowBytes = receiveWindowBytes;

  constructor(connection: PeerConnection) {
    this.#connection = connection;
    this.sink.keepsBody = false;
  }

  async begin(): Promise<this> {
    stand.start({}, null, this.sink);
    this.#id = (await this.#connection.request()).streamId;
    this.#connection.headers(this.#id, [':status', '200']);
    await eventually(() => this.sink.status === 200);
    return this;
  }

  /** Sends half of the window, time and again; each half is there `everyMs` after the one before. */
  async halves(count: number, everyMs: number): Promise<this> {
    for (let i = 0; i < count; i++) {
      const half = this.#windowBytes / 2;
      for (let sent = 0; sent < half; sent += maxFrameBytes) {
        this.#connection.data(this.#id, Buffer.alloc(Math.min(maxFrameBytes, half - sent)));
      }
      const isRenewal = (frame: Http2Frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === this.#id;
      const increment = (await this.#connection.next(isRenewal)).payload.readUInt32BE(0);
      this.increments.push(increment / KiB);
      this.#windowBytes += increment - half;
      clock.advance(everyMs);
    }
    return this;
  }

  async end(): Promise<void> {
    this.#connection.data(this.#id, '', { endStream: true });
    expect((await this.sink.done).error).toBeNull();
  }
}

test('a window of which half comes within a round trip doubles, up to its bound', async () => {
  const connection = await open();
  const download = await new Download(connection).begin();
  await download.halves(7, roundTripMs);
  // The half that was consumed, and the growth: 256, 512, 1024, 2048 KiB, and no more.
  expect(download.increments).toEqual([128, 128 + 256, 256 + 512, 512 + 1024, 1024 + 2048, 2048, 2048]);
});

test('a window of which half takes longer than a round trip stays as it is', async () => {
  const connection = await open();
  const download = await new Download(connection).begin();
  await download.halves(4, roundTripMs + 1);
  expect(download.increments).toEqual([128, 128, 128, 128]);
});

test('the shortest round trip counts, that of a PING as well', async () => {
  const connection = await open();
  const pinged = stand.session.ping(1000);
  const { payload } = await connection.next((frame) => frame.type === 'PING');
  clock.advance(roundTripMs / 2);
  connection.send({ type: 'PING', streamId: 0, flags: 0x1, payload });
  expect(await pinged).toBe(roundTripMs / 2);
  const download = await new Download(connection).begin();
  await download.halves(2, roundTripMs);
  expect(download.increments).toEqual([128, 128]);
  await download.halves(2, roundTripMs / 2);
  expect(download.increments).toEqual([128, 128, 128, 128 + 256]);
});

test('nothing grows before the round trip is known', async () => {
  const connection = await open({}, null);
  const download = await new Download(connection).begin();
  await download.halves(3, 1);
  expect(download.increments).toEqual([128, 128, 128]);
});

test('nothing grows towards an origin that is near', async () => {
  const connection = await open({}, 4);
  const download = await new Download(connection).begin();
  await download.halves(3, 1);
  expect(download.increments).toEqual([128, 128, 128]);
});

test('nothing grows where the bound is the first window', async () => {
  const connection = await open({ maxReceiveWindowBytes: receiveWindowBytes });
  const download = await new Download(connection).begin();
  await download.halves(3, 1);
  expect(download.increments).toEqual([128, 128, 128]);
});

test('all streams of a session grow by its window together, and what ends gives back', async () => {
  const connection = await open({ sessionWindowBytes: 512 * KiB });
  const first = await new Download(connection).begin();
  await first.halves(4, 1);
  expect(first.increments).toEqual([128, 128 + 256, 256 + 256, 384]);
  const second = await new Download(connection).begin();
  await second.halves(2, 1);
  expect(second.increments).toEqual([128, 128]);
  await first.end();
  await second.halves(2, 1);
  expect(second.increments).toEqual([128, 128, 128 + 256, 256 + 256]);
});
