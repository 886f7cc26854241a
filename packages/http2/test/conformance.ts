// Runs the rules of one section of RFC 9113, as a table: what an origin sends, and what a client must make of it.

import { type Engine, engines, type SessionErrorCode } from '@hawser/http2';
import { eventually, type Http2CodeName, http2Code, type PeerConnection, ScriptedHttp2Peer } from '@hawser/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecordingSink } from './recording-sink.ts';
import { openPlain, type SessionOptions, type Stand } from './stand.ts';

export interface Rule {
  /** Its section, and what it says. */
  readonly rule: string;
  /** What ends: the session, one stream (sections 5.4.1 and 5.4.2), or neither: the response comes whole. */
  readonly ends: 'session' | 'stream' | 'nothing';
  /** The code in our GOAWAY or RST_STREAM. */
  readonly code?: Http2CodeName;
  /** The stream error`s code; default `stream_reset`. */
  readonly error?: SessionErrorCode;
  /** What the origin sends on stream `id`, whose request has come and is not answered; where nothing ends, `hello` follows. */
  readonly send: Answer;
  /** `send` answers by itself, with the body `hello` or this one; the response comes whole though the session ends. */
  readonly answers?: true | string;
  /** The response`s status; default 200. */
  readonly status?: number;
  /** The request`s body is still open; default: there is none. */
  readonly isOpen?: true;
  /** Called as soon as the exchange has begun. */
  readonly begin?: (sink: RecordingSink) => void;
  /** Looked at once the exchange is over. */
  readonly check?: (sink: RecordingSink, connection: PeerConnection, stand: Stand) => void | Promise<void>;
  /** Why the engine `node` is not held to it: what nghttp2 does instead. */
  readonly node?: string;
}

/** Registers a test for each rule and engine. Rules that end no session share one. */
export function conformance(section: string, rules: readonly Rule[], options: SessionOptions = {}): void {
  describe.each(engines)(`${section}, %s engine`, (engine) => {
    const bench = new Bench(engine, options);
    beforeAll(() => bench.start());
    afterAll(() => bench.close());
    const held = rules.filter((rule) => engine !== 'node' || rule.node === undefined);
    test.each(held.map((rule) => [rule.rule, rule.ends, rule] as const))('%s: ends %s', (_rule, _ends, rule) =>
      bench.run(rule),
    );
  });
}

type Answer = (connection: PeerConnection, streamId: number) => void | Promise<void>;

class Bench {
  readonly #engine: Engine;
  readonly #options: SessionOptions;
  #peer: ScriptedHttp2Peer | null = null;
  #stand: Stand | null = null;
  #answer: Answer = respond;
  /** What the origin`s part of a rule threw. */
  #failure: unknown = null;

  constructor(engine: Engine, options: SessionOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#peer = await ScriptedHttp2Peer.start(async (connection) => {
      for (;;) {
        const { streamId } = await connection.request();
        await Promise.resolve(this.#answer(connection, streamId)).catch((error: unknown) => {
          this.#failure = error;
          connection.destroy();
        });
      }
    });
  }

  async close(): Promise<void> {
    await this.#stand?.[Symbol.asyncDispose]();
    await this.#peer?.close();
  }

  async run(rule: Rule): Promise<void> {
    if (rule.ends === 'session') {
      await this.#stand?.[Symbol.asyncDispose]();
      this.#stand = null;
    }
    if (this.#stand?.session.state !== 'open') {
      await this.#stand?.[Symbol.asyncDispose]();
      this.#stand = await openPlain((this.#peer as ScriptedHttp2Peer).port, this.#engine, this.#options);
    }
    const stand = this.#stand;
    const connection = this.#peer?.connections.at(-1) as PeerConnection;
    this.#failure = null;
    try {
      if (rule.ends === 'session') await this.#endsSession(rule, stand, connection);
      else await this.#endsAtMostStream(rule, stand, connection);
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  async #endsSession(rule: Rule, stand: Stand, connection: PeerConnection): Promise<void> {
    this.#answer = (_connection, id) => connection.headers(id, [':status', '200']);
    const other = stand.start();
    await eventually(() => other.status === 200);
    this.#answer = rule.send;
    const sink = startFor(rule, stand);
    // node:http2 has one error for most of what nghttp2 finds; what nghttp2 tells the origin is right.
    const { code = null } = rule;
    const told = this.#engine === 'node' ? {} : { http2Code: code };
    for (const each of [other, sink]) {
      const { error } = await each.done;
      if (each === sink && rule.answers !== undefined) expect(error).toBeNull();
      else expect(error).toMatchObject({ code: 'protocol_error', processed: 'maybe', ...told });
      expect(each.violations).toEqual([]);
    }
    expect(await stand.events.closed).toMatchObject({ code: 'protocol_error', ...told });
    expect(stand.events.life).toEqual(['draining: closed', 'closed: protocol_error']);
    await eventually(() => connection.hasEnded);
    expect(codesOf(connection, 'GOAWAY')).toEqual([code]);
    await rule.check?.(sink, connection, stand);
  }

  async #endsAtMostStream(rule: Rule, stand: Stand, connection: PeerConnection): Promise<void> {
    let streamId = 0;
    this.#answer = async (_connection, id) => {
      streamId = id;
      await rule.send(connection, id);
      if (rule.ends === 'nothing' && rule.answers === undefined) connection.respond(id);
    };
    const sink = startFor(rule, stand);
    const outcome = await sink.done;
    expect(sink.violations).toEqual([]);
    // The session goes on, and by its answer it has read everything.
    this.#answer = respond;
    await eventually(() => stand.session.freeStreams > 0);
    const next = await stand.start().done;
    expect(next.error).toBeNull();
    expect(next.body.toString()).toBe('hello');
    expect(stand.session.state).toBe('open');
    expect(codesOf(connection, 'GOAWAY')).toEqual([]);
    if (rule.ends === 'stream') {
      const { code = null, error = 'stream_reset' } = rule;
      expect(outcome.error).toMatchObject({ code: error, processed: 'maybe', http2Code: code });
      await eventually(() => expect(codesOf(connection, 'RST_STREAM', streamId)).toEqual([code]));
    } else {
      expect(outcome.error).toBeNull();
      expect(outcome.status).toBe(rule.status ?? 200);
      expect(outcome.body.equals(Buffer.from(typeof rule.answers === 'string' ? rule.answers : 'hello'))).toBe(true);
    }
    await rule.check?.(sink, connection, stand);
  }
}

function startFor(rule: Rule, stand: Stand): RecordingSink {
  const sink = stand.start({}, rule.isOpen === true ? 'stream' : null);
  rule.begin?.(sink);
  return sink;
}

function respond(connection: PeerConnection, streamId: number): void {
  connection.respond(streamId);
}

/** The error codes of the frames of a type that the client sent, by name. */
function codesOf(connection: PeerConnection, type: 'GOAWAY' | 'RST_STREAM', streamId = 0): (string | undefined)[] {
  return connection.frames
    .filter((frame) => frame.type === type && frame.streamId === streamId)
    .map((frame) => Object.keys(http2Code).find((name) => http2Code[name as Http2CodeName] === frame.errorCode));
}
