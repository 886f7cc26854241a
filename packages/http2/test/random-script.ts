// Random scripts of what a caller and an origin do to a session, for comparing engines: made from a seed, run step by step.

import type { SessionError } from '@hawser/http2';
import { encodeFields, type Http2CodeName, http2Code, http2Setting, type PeerConnection } from '@hawser/testkit';
import { RecordingSink } from './recording-sink.ts';
import type { Stand } from './stand.ts';
import type { Random } from './xorshift.ts';

/** One engine under the script: its session, its origin, and its exchanges, whose streams are 1, 3, 5, …. */
export class Subject {
  readonly sinks: RecordingSink[] = [];
  /**
   * Body octets that the head of a stream leaves room for. DATA before a head, or beyond it, ends the stream or the whole
   * connection as an engine likes, so a script sends none.
   */
  readonly room = new Map<number, number>();
  /** Streams that the origin has ended or reset. */
  readonly over = new Set<number>();
  /** Streams of HEAD requests. */
  readonly heads = new Set<number>();
  /** Codes of what `request` threw. */
  readonly refusals: string[] = [];
  readonly stand: Stand;
  readonly connection: PeerConnection;

  constructor(stand: Stand, connection: PeerConnection) {
    this.stand = stand;
    this.connection = connection;
  }

  start(method: string, body: Buffer | null | 'stream', consumes: boolean, fields: readonly string[]): void {
    const sink = new RecordingSink({ consumes });
    try {
      this.stand.start({ method, fields }, body, sink);
      this.sinks.push(sink);
      if (method === 'HEAD') this.heads.add(2 * this.sinks.length - 1);
    } catch (error) {
      this.refusals.push((error as { code: string }).code);
    }
  }

  /** What a caller can tell about the session so far. Two engines have to agree on it sooner or later. */
  view(): object {
    const { session, events } = this.stand;
    return {
      state: session.state,
      free: session.freeStreams,
      active: session.activeStreams,
      started: session.startedStreams,
      life: events.life,
      refusals: this.refusals,
      exchanges: this.sinks.map((sink) => ({
        calls: sink.calls.filter((call) => call !== 'onRequestConsumed'),
        violations: sink.violations,
        status: sink.status,
        fields: sink.fields,
        informational: sink.informational,
        trailers: sink.trailers,
        received: sink.receivedBytes,
        error: sink.error === null ? null : describeError(sink.error),
      })),
    };
  }

  /** Opens every window, so that whatever waited for room leaves. */
  openWindows(): void {
    this.connection.windowUpdate(0, 2 ** 30);
    this.sinks.forEach((_, index) => {
      this.connection.windowUpdate(1 + 2 * index, 2 ** 30);
    });
  }

  /**
   * Request bodies as they came to the origin, and which of them ended; comparable once windows are open, and null where
   * the session has closed: what still leaves then is a matter of time.
   */
  atOrigin(): object | null {
    if (this.stand.session.state === 'closed') return null;
    const bodies = new Map<number, { bytes: number; hasEnded: boolean; wasReset: boolean }>();
    for (const { type, streamId, payload, isEndStream } of this.connection.frames) {
      if (streamId === 0) continue;
      const body = bodies.get(streamId) ?? { bytes: 0, hasEnded: false, wasReset: false };
      if (type === 'DATA') body.bytes += payload.length;
      if (isEndStream && (type === 'DATA' || type === 'HEADERS')) body.hasEnded = true;
      if (type === 'RST_STREAM') body.wasReset = true;
      bodies.set(streamId, body);
    }
    // How much of a body left before its reset is a matter of time.
    return [...bodies].map(([id, body]) => (body.wasReset ? [id, 'reset'] : [id, body.bytes, body.hasEnded]));
  }
}

/** Where a content-length is known, the node engine cannot tell a body that misses it from what else is malformed. */
function describeError({ code, processed, http2Code: name }: SessionError): readonly (string | null)[] {
  return [code === 'body_incomplete' ? 'stream_reset' : code, processed, name];
}

/** One thing done to a subject, with its choices made: `run` does the same to every subject. */
export interface Step {
  readonly text: string;
  readonly run: (subject: Subject) => void;
}

const codes = Object.keys(http2Code) as Http2CodeName[];
const statuses = ['200', '204', '304', '404', '500'];

/** The next step of a script in which `streams` exchanges were started; most of the time it keeps the rules. */
export function randomStep(random: Random, streams: number): Step {
  if (streams === 0 || random(4) === 0) return startStep(random);
  const index = random(streams);
  return random(2) === 0 ? callerStep(random, index) : originStep(random, index);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T;
}

function startStep(random: Random): Step {
  const kind = pick(random, ['none', 'none', 'whole', 'stream', 'stream'] as const);
  const body =
    kind === 'none' ? null : kind === 'stream' ? 'stream' : Buffer.alloc(pick(random, [0, 5, 20_000, 90_000]), 'b');
  const method = kind === 'none' ? pick(random, ['GET', 'HEAD', 'DELETE']) : 'POST';
  const consumes = random(4) > 0;
  const fields = pick(random, [
    [],
    ['x-a', '1', 'x-a', '2', 'cookie', 'c=d'],
    ['connection', 'close'],
    ['te', 'trailers'],
  ]);
  const size = body instanceof Buffer ? body.length : kind;
  return {
    text: `start ${method} body ${size} consumes ${consumes} ${fields}`,
    run: (subject) => subject.start(method, body, consumes, fields),
  };
}

function callerStep(random: Random, index: number): Step {
  const name = `exchange ${index}`;
  const bytes = pick(random, [1, 100, 17_000, 50_000]);
  const on = (text: string, run: (sink: RecordingSink) => void): Step => ({
    text: `${name}: ${text}`,
    run: (subject) => {
      const sink = subject.sinks[index];
      if (sink === undefined) return;
      sink.isInsideCall = true;
      run(sink);
      sink.isInsideCall = false;
    },
  });
  switch (random(12)) {
    case 0:
      return on('cancel', (sink) => {
        sink.handle?.cancel();
        // Its last call may have been made before.
        sink.isCancelled = true;
      });
    case 1:
      if (random(6) > 0) return on('consume nothing', () => {});
      if (random(2) === 0) return { text: 'drain', run: ({ stand }) => stand.session.drain() };
      return { text: 'destroy', run: ({ stand }) => stand.session.destroy() };
    case 2:
    case 3:
    case 4:
      return on('end with trailers', (sink) => sink.handle?.end(['x-trailer', '1']));
    case 5:
    case 6:
      return on('end', (sink) => sink.handle?.end());
    case 7:
      return on('consume all', (sink) => sink.handle?.consume(sink.receivedBytes));
    default:
      return on(`write ${bytes}`, (sink) => sink.handle?.write(Buffer.alloc(bytes, 'w')));
  }
}

function originStep(random: Random, index: number): Step {
  const id = 1 + 2 * index;
  const bytes = pick(random, [0, 1, 10, 9000]);
  const ends = random(2) === 0;
  const code = pick(random, codes);
  const on = (text: string, act: (connection: PeerConnection) => void): Step => ({
    text: `origin, stream ${id}: ${text}`,
    run: ({ connection }) => act(connection),
  });
  /** HEADERS or DATA; none behind the origin's own end of the stream, of which the engines think differently. */
  const message = (text: string, isLast: boolean, act: (subject: Subject) => void): Step => ({
    text: `origin, stream ${id}: ${text}`,
    run: (subject) => {
      if (subject.over.has(id)) return;
      if (isLast) subject.over.add(id);
      act(subject);
    },
  });
  const head = (text: string, fields: readonly string[]): Step =>
    message(text, ends, (subject) => {
      const hasNone = subject.heads.has(id) || fields[1] === '204' || fields[1] === '304';
      subject.room.set(id, hasNone ? 0 : fields[2] === 'content-length' ? Number(fields[3]) : Number.POSITIVE_INFINITY);
      subject.connection.headers(id, fields, { endStream: ends });
    });
  const data = (text: string, act: (connection: PeerConnection) => void): Step => ({
    text: `origin, stream ${id}: ${text}`,
    run: (subject) => {
      const left = (subject.room.get(id) ?? -1) - bytes;
      if (left < 0 || subject.over.has(id)) return;
      subject.room.set(id, left);
      if (ends) subject.over.add(id);
      act(subject.connection);
    },
  });
  switch (random(26)) {
    case 0:
      return {
        text: `origin, stream ${id}: RST_STREAM ${code}`,
        run: ({ connection, over }) => {
          over.add(id);
          connection.reset(id, code);
        },
      };
    case 1:
      return on('GOAWAY', (c) => c.goaway(id));
    case 2: {
      const max = random(6);
      return on(`max streams ${max}`, (c) => c.settings({ [http2Setting.MAX_CONCURRENT_STREAMS]: max }));
    }
    case 3: {
      // Not 0: nghttp2 waits for room even to end a stream, and for ever if the origin has ended its side meanwhile.
      const window = pick(random, [1000, 65_535, 200_000]);
      return on(`initial window ${window}`, (c) => c.settings({ [http2Setting.INITIAL_WINDOW_SIZE]: window }));
    }
    case 4:
      return on('window 50000', (c) => {
        c.windowUpdate(0, 50_000);
        c.windowUpdate(id, 50_000);
      });
    case 5:
      return on('unknown frame and priority', (c) => {
        c.send({ type: 0xbe, streamId: id, payload: Buffer.alloc(3) });
        c.send({ type: 'PRIORITY', streamId: id, payload: Buffer.alloc(5) });
      });
    case 6:
      return message('103', false, ({ connection }) => connection.headers(id, [':status', '103', 'link', '</a>']));
    case 7:
      return head('upper case', [':status', '200', 'X-A', '1']);
    case 8:
      return head('a length of 7', [':status', '200', 'content-length', '7']);
    case 9:
      return message('split head', ends, ({ connection: c }) => {
        const block = encodeFields([':status', '200', 'x-long', 'l'.repeat(300)]);
        c.send({ type: 'HEADERS', streamId: id, flags: ends ? 1 : 0, payload: block.subarray(0, 100) });
        c.send({ type: 'CONTINUATION', streamId: id, flags: 0, payload: block.subarray(100, 100) });
        c.send({ type: 'CONTINUATION', streamId: id, flags: 4, payload: block.subarray(100) });
      });
    case 10:
      return message('trailers', true, ({ connection }) =>
        connection.headers(id, ['x-trailer', '2'], { endStream: true }),
      );
    case 11:
      return message('trailers that end nothing', false, ({ connection }) =>
        connection.headers(id, ['x-trailer', '3']),
      );
    case 12: {
      // Padded: length of padding, body, padding.
      const payload = Buffer.concat([Buffer.from([5]), Buffer.alloc(bytes, 'p'), Buffer.alloc(5)]);
      return data(`padded data ${bytes}`, (c) =>
        c.send({ type: 'DATA', streamId: id, flags: 8 | (ends ? 1 : 0), payload }),
      );
    }
    case 13:
      return message(`whole response of ${bytes}`, true, ({ connection, heads }) =>
        connection.respond(id, heads.has(id) ? '' : 'r'.repeat(bytes), ['content-length', String(bytes)]),
      );
    case 14:
    case 15:
    case 16:
    case 17:
    case 18: {
      const status = pick(random, statuses);
      return head(`head ${status} ends ${ends}`, [':status', status, 'x-b', '2']);
    }
    default:
      return data(`data ${bytes} ends ${ends}`, (c) => c.data(id, Buffer.alloc(bytes, 'd'), { endStream: ends }));
  }
}
