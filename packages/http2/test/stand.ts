// What the tests of a session stand on: a session with its events written down, on a cleartext or a TLS socket.

import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type ConnectOptions,
  connectHttp2,
  type Engine,
  type RequestBody,
  type RequestHead,
  type Session,
  type SessionError,
  type SessionEvents,
} from '@hawser/http2';
import { eventually } from '@hawser/testkit';
import { RecordingSink } from './recording-sink.ts';

export class RecordingEvents implements SessionEvents {
  /** `draining: CAUSE`, `closed: CODE` (or `closed: null`), `room`. */
  readonly calls: string[] = [];
  readonly closed: Promise<SessionError | null>;
  #resolve: (error: SessionError | null) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The calls without `room`, which comes as often as it comes. */
  get life(): string[] {
    return this.calls.filter((call) => call !== 'room');
  }

  onRoom(): void {
    this.calls.push('room');
  }

  onDraining(cause: string): void {
    this.calls.push(`draining: ${cause}`);
  }

  onClosed(error: SessionError | null): void {
    this.calls.push(`closed: ${error?.code ?? null}`);
    this.#resolve(error);
  }
}

export type SessionOptions = Omit<Partial<ConnectOptions>, 'events'>;

/** A session under test; its end destroys it and waits until it is gone. */
export class Stand implements AsyncDisposable {
  readonly session: Session;
  readonly events: RecordingEvents;
  readonly socket: Socket;

  constructor(session: Session, events: RecordingEvents, socket: Socket) {
    this.session = session;
    this.events = events;
    this.socket = socket;
  }

  /** Starts an exchange and returns its sink, which holds the handle. */
  start(request: Partial<RequestHead> = {}, body: RequestBody = null, sink = new RecordingSink()): RecordingSink {
    const head: RequestHead = {
      method: body === null ? 'GET' : 'POST',
      scheme: 'https',
      authority: 'localhost',
      path: '/',
      fields: [],
      ...request,
    };
    sink.isInsideCall = true;
    sink.handle = this.session.request(head, body, sink);
    sink.isInsideCall = false;
    return sink;
  }

  /** Starts an exchange without a body and waits for its end. */
  get(path: string) {
    return this.start({ path }).done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.events.closed;
    await eventually(() => this.socket.destroyed);
  }
}

export async function openSession(
  socket: Socket,
  engine: Engine,
  options: SessionOptions = {},
  events = new RecordingEvents(),
): Promise<Stand> {
  const session = await connectHttp2(socket, { engine, events, ...options });
  return new Stand(session, events, socket);
}

/** Cleartext, prior knowledge: what the scripted peers speak. */
export async function openPlain(port: number, engine: Engine, options: SessionOptions = {}): Promise<Stand> {
  return await openSession(await tcp(port), engine, options);
}

export async function openTls(origin: { port: number; ca: string }, engine: Engine, options: SessionOptions = {}) {
  const { port, ca } = origin;
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  return await openSession(socket, engine, options);
}

export async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Waits until `read` gives the same positive number for 100 ms: nothing moves any more. */
export async function settled(read: () => number): Promise<void> {
  let last = 0;
  let since = performance.now();
  await eventually(
    () => {
      const now = read();
      if (now !== last) {
        last = now;
        since = performance.now();
      }
      return last > 0 && performance.now() - since > 100;
    },
    { withinMs: 10_000 },
  );
}

const counted = new Set(['TCPSocketWrap', 'TLSWrap', 'TCPServerWrap', 'Timeout']);

function openResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => counted.has(name));
}

/** Call before each test; the returned function waits until sockets and timers are as few as they were. */
export function watchLeaks(): () => Promise<void> {
  const before = openResources().length;
  return async () => {
    await eventually(() => {
      const now = openResources();
      if (now.length > before) throw new Error(`left open: ${now.join(', ')}`);
    });
  };
}
