// The daemon: listener, client connections and the upstream registry, from start to the end of its drain.

import type { Socket } from 'node:net';
import { Registry } from '@hawser/upstream';
import { ClientConnection, type ClientConnectionContext } from './client-connection.ts';
import type { Config } from './config/config.ts';
import { Listener } from './listener.ts';
import type { Logger } from './log.ts';
import { createPipeline } from './pipeline.ts';

/** Client connections held at once; each costs a descriptor and at most one half-read frame. */
const maxClientConnections = 1_024;

/** How often a drain looks whether it is done. */
const drainPollMs = 20;

export class Broker {
  readonly #log: Logger;
  readonly #registry = new Registry();
  readonly #connections = new Set<ClientConnection>();
  readonly #context: ClientConnectionContext;
  #listener: Listener | null = null;
  #isDraining = false;

  private constructor(config: Config, log: Logger) {
    this.#log = log;
    this.#context = {
      send: createPipeline(this.#registry),
      origins: config.origins,
      log,
      onClosed: (connection) => this.#connections.delete(connection),
    };
  }

  /** Listens; rejects with a ListenError where the socket cannot be taken. */
  static async start(config: Config, log: Logger): Promise<Broker> {
    const broker = new Broker(config, log);
    const { socket: path, mode } = config.listen;
    broker.#listener = await Listener.open({
      path,
      mode,
      onConnection: (socket) => broker.#accept(socket),
      onAcceptError: (error) => log.error({ err: error }, 'client connection could not be accepted'),
    });
    log.info({ socket: path, pid: process.pid }, 'listening');
    return broker;
  }

  /** How much is in hand, for the log and for tests. */
  get load(): { connections: number; exchanges: number; sessions: number } {
    let exchanges = 0;
    for (const connection of this.#connections) exchanges += connection.exchangeCount;
    return { connections: this.#connections.size, exchanges, sessions: this.#registry.sessionCount };
  }

  /** Takes nothing new and finishes what runs, for at most `withinMs`; then ends what is left. */
  async drain(withinMs: number): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#log.info({ ...this.load, withinMs }, 'draining');
    this.#listener?.close();
    for (const connection of [...this.#connections]) connection.drain();
    const until = performance.now() + withinMs;
    while (this.#connections.size > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    }
    if (this.#connections.size > 0) this.#log.warn(this.load, 'drain time is over; ending what is left');
    for (const connection of [...this.#connections]) connection.destroy();
    this.#registry.destroy();
    this.#log.info('stopped');
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= maxClientConnections) {
      this.#log.warn({ maxClientConnections }, 'client connection refused: too many');
      socket.destroy();
      return;
    }
    this.#connections.add(new ClientConnection(socket, this.#context));
  }
}
