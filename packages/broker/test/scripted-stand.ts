// A broker in this process, a client, and an origin that does as each test says: one stand for a whole table of tests.

import { randomBytes } from 'node:crypto';
import type { Engine } from '@hawser/http2';
import {
  CertificateAuthority,
  type CertificatePair,
  createTemporaryDirectory,
  eventually,
  type Http2Frame,
  type PeerConnection,
  PeerConnectionEnded,
  type RawConnection,
  ScriptedHttp2Peer,
  type ScriptedPeerOptions,
  ScriptedRawPeer,
  type TemporaryDirectory,
} from '@hawser/testkit';
import { expect } from 'vitest';
import type { Broker } from '../src/index.ts';
import { type Call, Caller, type CallOptions } from './caller.ts';
import { startBroker } from './test-stand.ts';

/** A request as the scripted HTTP/2 origin sees it. */
export interface SeenStream {
  readonly connection: PeerConnection;
  readonly streamId: number;
  /** Which request of this test it is, bystanders not counted: 0, 1, … */
  readonly ordinal: number;
}

/** A request as the scripted HTTP/1.1 origin sees it. */
export interface SeenHead {
  readonly connection: RawConnection;
  readonly head: string;
  readonly ordinal: number;
}

export interface ScriptedStandOptions {
  /** Lines of YAML for the origin's entry beside protocol, engine and generous time-outs. */
  readonly originConfig?: readonly string[];
  readonly peer?: Omit<ScriptedPeerOptions, 'certificate'>;
  /** What happens on each HTTP/2 connection before its first request. */
  readonly onConnection?: (connection: PeerConnection) => void;
}

type Answer<Seen> = (seen: Seen) => void | Promise<void>;

/**
 * Nothing of the table's rows is to depend on the rows before: no breaker, and a repeat for each exchange. The machine may
 * be slow: time-outs that a test is not about are long.
 */
const calm = [
  'timeouts: { connect: 10s, firstByte: 20s, idle: 20s, total: 25s }',
  'breaker: { failures: 0 }',
  'retry: { attempts: 2, budget: 100% }',
];

/** YAML has each key once: a test's own line takes the place of ours. */
function withDefaults(lines: readonly string[]): string[] {
  const keyOf = (line: string) => line.split(':', 1)[0];
  const own = new Set(lines.map(keyOf));
  return [...calm.filter((line) => !own.has(keyOf(line))), ...lines];
}

/** `Seen` is how its origin sees a request: `SeenStream` in HTTP/2, `SeenHead` in HTTP/1.1. */
export class ScriptedStand<Seen> implements AsyncDisposable {
  readonly broker: Broker;
  readonly client: Caller;
  readonly url: string;
  readonly peer: ScriptedHttp2Peer | ScriptedRawPeer;
  /** What each request gets. */
  answer: Answer<Seen> = () => {};
  /** Requests of this test that the origin saw, bystanders not counted. */
  seen: Seen[] = [];
  readonly #directory: TemporaryDirectory;
  #bystanders: ((seen: Seen) => void)[] = [];
  #failure: unknown = null;

  private constructor(
    broker: Broker,
    client: Caller,
    peer: ScriptedHttp2Peer | ScriptedRawPeer,
    directory: TemporaryDirectory,
  ) {
    this.broker = broker;
    this.client = client;
    this.peer = peer;
    this.url = `https://localhost:${peer.port}/`;
    this.#directory = directory;
  }

  static h2(engine: Engine, options: ScriptedStandOptions = {}): Promise<ScriptedStand<SeenStream>> {
    const config = ['protocol: h2', `http2: { engine: ${engine} }`, ...(options.originConfig ?? [])];
    return ScriptedStand.#start(config, (certificate, take) =>
      ScriptedHttp2Peer.start(
        async (connection) => {
          options.onConnection?.(connection);
          for (;;) {
            const { streamId } = await connection.request();
            void take((ordinal) => ({ connection, streamId, ordinal }));
          }
        },
        { certificate, ...options.peer },
      ),
    );
  }

  /** Heads only: a test that sends a body reads it from the connection itself. */
  static h1(options: ScriptedStandOptions = {}): Promise<ScriptedStand<SeenHead>> {
    const config = ['protocol: h1', ...(options.originConfig ?? [])];
    return ScriptedStand.#start(config, (certificate, take) =>
      ScriptedRawPeer.start(
        async (connection) => {
          for (;;) {
            const head = await connection.readThrough();
            if (head === null) return;
            await take((ordinal) => ({ connection, head, ordinal }));
          }
        },
        { certificate },
      ),
    );
  }

  static async #start<Seen>(
    originConfig: readonly string[],
    startPeer: (
      certificate: CertificatePair,
      take: (see: (ordinal: number) => Seen) => Promise<void>,
    ) => Promise<ScriptedHttp2Peer | ScriptedRawPeer>,
  ): Promise<ScriptedStand<Seen>> {
    const authority = await CertificateAuthority.create();
    // Requests come after the stand is whole: it is the stand's client that sends them.
    let stand: ScriptedStand<Seen> | null = null;
    const peer = await startPeer(await authority.issue(), async (see) => {
      if (stand !== null) await stand.#take(see);
    });
    const directory = createTemporaryDirectory();
    const broker = await startBroker(directory, authority.cert, { originConfig: withDefaults(originConfig) });
    stand = new ScriptedStand<Seen>(broker, await Caller.connect(directory.file('hawser.sock')), peer, directory);
    return stand;
  }

  call(method: string, options: CallOptions = {}): Call {
    return this.client.start(method, this.url, options);
  }

  /** Sessions that are open now; those that only finish what they have are not counted. */
  get openSessions(): number {
    return this.broker.snapshot().filter(({ state }) => state === 'open').length;
  }

  /** An exchange that is under way while something happens to others; resolves when the origin has it. */
  async bystander(): Promise<{ readonly seen: Seen; readonly call: Call }> {
    const { promise, resolve } = Promise.withResolvers<Seen>();
    this.#bystanders.push(resolve);
    const call = this.call('GET');
    return { call, seen: await promise };
  }

  /** Before each row: nothing is left of the one before. */
  async reset(answer: Answer<Seen> = () => {}): Promise<void> {
    await eventually(() => expect(this.broker.load.exchanges).toBe(0));
    // An exchange that ended half-way may have a request on its way still, which is none of the next row's.
    if (this.peer instanceof ScriptedHttp2Peer) await Promise.all(this.peer.connections.map(hasRead));
    this.seen = [];
    this.answer = answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.broker.drain(0);
    await this.peer.close();
    this.#directory.remove();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when the request has been dealt with; what its answer threw is thrown at the stand's end. */
  async #take(see: (ordinal: number) => Seen): Promise<void> {
    const bystander = this.#bystanders.shift();
    if (bystander !== undefined) {
      bystander(see(-1));
      return;
    }
    const seen = see(this.seen.length);
    this.seen.push(seen);
    try {
      await this.answer(seen);
    } catch (error) {
      if (!(error instanceof PeerConnectionEnded)) this.#failure ??= error;
    }
  }
}

/** Resolves when the origin has read all that the broker wrote on the connection before it answered a PING. */
async function hasRead(connection: PeerConnection): Promise<void> {
  const payload = randomBytes(8);
  connection.send({ type: 'PING', streamId: 0, payload });
  const isAnswer = (frame: Http2Frame) => frame.type === 'PING' && frame.isAck && frame.payload.equals(payload);
  await eventually(() => connection.hasEnded || connection.socket.destroyed || connection.frames.some(isAnswer));
}

/** The body of a request in HTTP/2 that has come to its end. */
export async function bodyOf({ connection, streamId }: SeenStream): Promise<string> {
  const own = () => connection.frames.filter((frame) => frame.streamId === streamId);
  await eventually(() => own().some((frame) => frame.isEndStream));
  return Buffer.concat(own().flatMap((frame) => (frame.type === 'DATA' ? [frame.payload] : []))).toString('latin1');
}
