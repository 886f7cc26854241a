// The daemon: listener, client connections and the upstream registry, from start to the end of its drain.

import type { Socket } from 'node:net';
import {
  Connector,
  EgressPolicy,
  type NatSnapshot,
  Registry,
  type SessionSnapshot,
  systemClock,
} from '@hawser/upstream';
import { ClientConnection, type ClientConnectionContext } from './client-connection.ts';
import type { Config } from './config/config.ts';
import { CrowdedLog } from './crowded-log.ts';
import { Listener } from './listener.ts';
import type { Logger } from './log.ts';
import { createPipeline } from './pipeline.ts';

/** Client connections held at once; each costs a descriptor and at most one half-read frame. */
const maxClientConnections = 1_024;

/** How often a drain looks whether it is done. */
const drainPollMs = 20;

export class Broker {
  readonly #log: Logger;
  readonly #registry: Registry;
  readonly #connections = new Set<ClientConnection>();
  readonly #context: ClientConnectionContext;
  #listener: Listener | null = null;
  #isDraining = false;

  private constructor(config: Config, log: Logger) {
    this.#log = log;
    const egress = new EgressPolicy(config.egress);
    const crowded = new CrowdedLog(log);
    const connector = new Connector({ egress, nat: config.nat, maxSessions: config.limits.sessions });
    this.#registry = new Registry(systemClock, connector, (places) => crowded.note(places));
    this.#context = {
      send: createPipeline(this.#registry, egress),
      origins: config.origins,
      log,
      onClosed: (connection) => this.#connections.delete(connection),
    };
  }

  /** Opens the warm sessions, then listens; rejects with a ListenError where the socket cannot be taken. */
  static async start(config: Config, log: Logger): Promise<Broker> {
    const broker = new Broker(config, log);
    const { socket: path, mode } = config.listen;
    // An origin that cannot be reached delays the start by its connect timeout, and does not prevent it.
    await Promise.all(
      config.origins.warm.map(({ origin, options }) => broker.#registry.pool(origin, options).keepWarm()),
    );
    const sessions = broker.#registry.sessionCount;
    if (sessions > 0) log.info({ sessions }, 'sessions are warm');
    try {
      broker.#listener = await Listener.open({
        path,
        mode,
        onConnection: (socket) => broker.#accept(socket),
        onAcceptError: (error) => log.error({ err: error }, 'client connection could not be accepted'),
      });
    } catch (error) {
      broker.#registry.destroy();
      throw error;
    }
    log.info({ socket: path, pid: process.pid }, 'listening');
    return broker;
  }

  /** How much is in hand, for the log and for tests. */
  get load(): { connections: number; exchanges: number; sessions: number } {
    let exchanges = 0;
    for (const connection of this.#connections) exchanges += connection.exchangeCount;
    return { connections: this.#connections.size, exchanges, sessions: this.#registry.sessionCount };
  }

  /** Every session to an origin, for an operator and for tests. */
  snapshot(): SessionSnapshot[] {
    return this.#registry.snapshot();
  }

  /** The connections to each destination, and how far that is from what the NAT can hold. */
  natSnapshot(): NatSnapshot {
    return this.#registry.natSnapshot();
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
