// When answers leave for the client. The origins are played here, so that they answer within one turn of the event loop.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { FrameType } from '@hawser/protocol';
import { createTemporaryDirectory, eventually, get, hello, RawClient } from '@hawser/testkit';
import type { ResponseSink } from '@hawser/upstream';
import { expect, test } from 'vitest';
import { ClientConnection } from '../src/client-connection.ts';
import { defaultConfig } from '../src/config/config.ts';
import { createLog } from '../src/log.ts';

test('an answer that nothing else can join is written before the next one is looked at', async () => {
  await using stand = await Stand.start(2);
  const [first, second] = [await stand.ask(0, 1), await stand.ask(1, 1)];

  const before = stand.written();
  answer(first);
  expect(stand.grown(before)).toEqual([true, false]);
  answer(second);
  expect(stand.grown(before)).toEqual([true, true]);
});

test('answers to one client share a write, which the last of them does not wait for', async () => {
  await using stand = await Stand.start(1);
  const [first, second, third] = [await stand.ask(0, 1), await stand.ask(0, 2), await stand.ask(0, 3)];
  const client = stand.clients[0] as RawClient;
  await client.next((frame) => frame.type === FrameType.welcome);
  const [before, reads] = [stand.written(), client.reads];

  answer(third);
  answer(first);
  expect(stand.grown(before)).toEqual([false]);
  answer(second);
  expect(stand.grown(before)).toEqual([true]);
  for (const id of [3, 1, 2])
    await client.next((frame) => frame.type === FrameType.response && frame.exchangeId === id);
  expect(client.reads - reads).toBe(1);
});

function answer(sink: ResponseSink): void {
  sink.onResponse(200, ['content-length', '5']);
  sink.onData(Buffer.from('hello'));
  sink.onEnd();
}

/** Clients on a socket, each with its connection; nothing answers but `answer`. */
class Stand implements AsyncDisposable {
  readonly clients: RawClient[] = [];
  readonly #sockets: Socket[] = [];
  readonly #sinks: ResponseSink[] = [];
  readonly #directory = createTemporaryDirectory();
  readonly #server = createServer((socket) => {
    this.#sockets.push(socket);
    new ClientConnection(socket, {
      send: (_exchange, sink) => {
        this.#sinks.push(sink);
        return { write() {}, end() {}, consume() {}, cancel() {} };
      },
      origins: defaultConfig.origins,
      log: createLog('silent'),
      onClosed: () => {},
    });
  });

  static async start(clients: number): Promise<Stand> {
    const stand = new Stand();
    const path = stand.#directory.file('s');
    await once(stand.#server.listen(path), 'listening');
    for (let i = 0; i < clients; i++) {
      const client = await RawClient.connect(path);
      stand.clients.push(client);
      await eventually(() => stand.#sockets.length === i + 1);
      client.send(hello());
    }
    return stand;
  }

  /** Sends a GET and returns the sink that its answer is for. */
  async ask(client: number, id: number): Promise<ResponseSink> {
    const count = this.#sinks.length;
    (this.clients[client] as RawClient).send(get(id, 'http://origin.test/'));
    await eventually(() => this.#sinks.length > count);
    return this.#sinks[count] as ResponseSink;
  }

  /** Bytes given to each client's socket so far. */
  written(): number[] {
    return this.#sockets.map((socket) => socket.bytesWritten);
  }

  grown(before: readonly number[]): boolean[] {
    return this.written().map((bytes, i) => bytes > (before[i] as number));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client[Symbol.dispose]();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#directory.remove();
  }
}
