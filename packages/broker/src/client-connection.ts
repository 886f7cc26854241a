// One accepted connection on the Unix socket: decodes frames, keeps the order rules, and writes what its exchanges say.

import type { Socket } from 'node:net';
import {
  type BrokerFrame,
  encodeAroundBody,
  encodeDataHead,
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  type HelloFrame,
  initialWindowBytes,
  maxExchangesPerConnection,
  maxFrameBytes,
  type RequestFrame,
  type ResponseFrame,
  WireError,
  wireVersion,
} from '@hawser/protocol';
import { createFacts, type OriginOptions, type Send } from '@hawser/upstream';
import type { Origins } from './config/origins.ts';
import { BrokerError, toErrorFrame } from './errors.ts';
import { ClientExchange, type FrameWriter, joined } from './exchange.ts';
import type { Logger } from './log.ts';
import { prepareRequest } from './request-head.ts';
import { brokerAgent } from './version.ts';

export interface ClientConnectionContext {
  readonly send: Send;
  readonly origins: Origins;
  readonly log: Logger;
  readonly onClosed: (connection: ClientConnection) => void;
}

/** WELCOME waits this long for an answer to share its write with; a client waits longer before it gives the broker up. */
const welcomeDelayMs = 25;

/** A held response head goes out after this long without the rest of its body. */
const heldHeadMs = 10;

/** After GOAWAY a request that crossed it is refused as unprocessed for this long; only then does the connection end. */
const lateRequestMs = 100;

/** A client connection that is over is kept this long for the client to take what was written, and to close its end. */
const lingerMs = 1_000;

/** Bytes queued in the socket beyond which bodies stay upstream. */
const maxQueuedBytes = 1024 * 1024;

export class ClientConnection implements FrameWriter {
  readonly #socket: Socket;
  readonly #context: ClientConnectionContext;
  readonly #decoder = new FrameDecoder({ from: 'client' });
  readonly #exchanges = new Map<number, ClientExchange>();
  #windowBytes = initialWindowBytes;
  #isGreeted = false;
  #isDraining = false;
  #isClosed = false;
  #lastExchangeId = 0;
  /** Frames of this turn, written together. */
  #outbox: Buffer[] = [];
  #toFlush: ClientExchange[] = [];
  #isFlushScheduled = false;
  #welcome: Buffer | null = null;
  #welcomeTimer: NodeJS.Timeout | null = null;
  #heldTimer: NodeJS.Timeout | null = null;
  #lateTimer: NodeJS.Timeout | null = null;

  constructor(socket: Socket, context: ClientConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    socket.on('data', this.#onBytes);
    socket.on('drain', this.#onDrain);
    socket.on('error', (error) => context.log.debug({ err: error }, 'client connection failed'));
    socket.on('close', this.#onClose);
  }

  get exchangeCount(): number {
    return this.#exchanges.size;
  }

  /** Announces that nothing new is taken; the connection closes when its last exchange has ended. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return;
    this.#isDraining = true;
    if (this.#isGreeted) {
      this.writeFrame({
        type: FrameType.goaway,
        lastExchangeId: this.#lastExchangeId,
        reason: 'the broker is stopping',
      });
    }
    this.#lateTimer = setTimeout(() => {
      this.#lateTimer = null;
      this.#closeWhenDrained();
    }, lateRequestMs);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // For the exchanges

  get hasRoom(): boolean {
    return this.#socket.writableLength < maxQueuedBytes;
  }

  writeFrame(frame: BrokerFrame): void {
    this.#queue(encodeFrame(frame));
  }

  writeResponse(frame: Omit<ResponseFrame, 'body'>, body: readonly Buffer[], bodyBytes: number): void {
    const around = encodeAroundBody(frame, bodyBytes);
    if (around === null) {
      this.writeFrame({ ...frame, body: joined(body, bodyBytes) });
      return;
    }
    this.#queue(around.head);
    this.#outbox.push(...body, around.tail);
  }

  writeData(exchangeId: number, payload: Buffer): void {
    this.#queue(encodeDataHead(exchangeId, payload.length));
    this.#outbox.push(payload);
    // The socket is to count these bytes before the exchange asks for room again.
    if (payload.length >= 16 * 1024) this.#writeOutbox();
  }

  scheduleFlush(exchange: ClientExchange): void {
    this.#toFlush.push(exchange);
    this.#scheduleWrite();
  }

  flushIfLast(): void {
    const isLast = this.#toFlush.length === this.#exchanges.size && this.#toFlush.every((exchange) => exchange.isWhole);
    if (isLast) this.#flush();
  }

  reportDefect(error: unknown): void {
    this.#context.log.error({ err: error }, 'an answer could not be put into a frame');
  }

  forget(exchange: ClientExchange): void {
    if (this.#exchanges.get(exchange.id) === exchange) this.#exchanges.delete(exchange.id);
    this.#closeWhenDrained();
  }

  // Reading

  #onBytes = (chunk: Buffer): void => {
    if (this.#isClosed) return;
    try {
      this.#decoder.push(chunk, this.#onFrame);
    } catch (error) {
      this.#fail(error);
    }
  };

  #onFrame = (frame: Frame): void => {
    if (this.#isClosed) return;
    if (!(this.#isGreeted || frame.type === FrameType.hello))
      throw new BrokerError('hello_expected', `frame type ${frame.type} came before HELLO`, clientFault);
    switch (frame.type) {
      case FrameType.hello:
        this.#hello(frame);
        break;
      case FrameType.request:
        this.#request(frame);
        break;
      case FrameType.data:
        this.#exchange(frame.exchangeId)?.data(frame.payload);
        break;
      case FrameType.end:
        this.#exchange(frame.exchangeId)?.end(frame.trailers);
        break;
      case FrameType.window:
        this.#exchange(frame.exchangeId)?.window(frame.increment);
        break;
      case FrameType.cancel:
        this.#exchange(frame.exchangeId)?.cancel();
        break;
      case FrameType.ping:
        this.writeFrame({ type: FrameType.pong, payload: frame.payload });
        break;
      case FrameType.pong:
        break;
      default:
        throw new BrokerError('protocol_error', `frame type ${frame.type} is not for the broker`, clientFault);
    }
  };

  #hello(frame: HelloFrame): void {
    if (frame.version !== wireVersion) {
      const message = `HELLO names wire version ${frame.version}; this broker speaks ${wireVersion}`;
      throw new BrokerError('unsupported_version', message, { source: 'client', processed: 'no' });
    }
    this.#cancelAll();
    this.#isGreeted = true;
    this.#lastExchangeId = 0;
    this.#windowBytes = frame.windowBytes ?? initialWindowBytes;
    this.#welcome = encodeFrame({
      type: FrameType.welcome,
      nonce: frame.nonce,
      version: wireVersion,
      maxExchanges: maxExchangesPerConnection,
      maxFrameBytes,
      agent: brokerAgent,
    });
    this.#welcomeTimer ??= setTimeout(this.#writeOutbox, welcomeDelayMs).unref();
    if (this.#isDraining)
      this.writeFrame({ type: FrameType.goaway, lastExchangeId: 0, reason: 'the broker is stopping' });
  }

  #request(frame: RequestFrame): void {
    if (frame.exchangeId <= this.#lastExchangeId) {
      const message = `REQUEST has id ${frame.exchangeId}, which is not above ${this.#lastExchangeId}`;
      throw new BrokerError('protocol_error', message, clientFault);
    }
    this.#lastExchangeId = frame.exchangeId;
    const inlineBytes = frame.body?.length ?? 0;
    if (inlineBytes > initialWindowBytes) {
      const message = `REQUEST ${frame.exchangeId} carries ${inlineBytes} bytes; the window is ${initialWindowBytes}`;
      throw new BrokerError('window_violation', message, clientFault);
    }
    try {
      this.#start(frame, inlineBytes);
    } catch (error) {
      this.writeFrame(toErrorFrame(frame.exchangeId, error));
      if (!(error instanceof BrokerError) && (error as { code?: unknown }).code !== 'request_invalid') {
        this.#context.log.error({ err: error }, 'exchange could not be started');
      }
    }
  }

  #start(frame: RequestFrame, inlineBytes: number): void {
    if (this.#isDraining)
      throw new BrokerError('broker_draining', 'the broker is stopping', { source: 'broker', processed: 'no' });
    if (this.#exchanges.size >= maxExchangesPerConnection) {
      const message = `${this.#exchanges.size} exchanges are open on this connection; no more are allowed`;
      throw new BrokerError('too_many_exchanges', message, { source: 'client', processed: 'no' });
    }
    const bodyBytes = frame.end ? inlineBytes : null;
    const { origin, head, contentLength } = prepareRequest(frame.method, frame.url, frame.fields, bodyBytes);
    const options: OriginOptions = this.#context.origins.optionsFor(origin);
    const facts = createFacts();
    const upload = { isWhole: frame.end, bytes: inlineBytes, declaredBytes: contentLength };
    const exchange = new ClientExchange(frame.exchangeId, this, facts, this.#windowBytes, upload);
    this.#exchanges.set(frame.exchangeId, exchange);
    const startedAt = performance.now();
    const { totalMs } = options.timeouts;
    const timeoutMs = frame.timeoutMs === 0 ? totalMs : Math.min(frame.timeoutMs, totalMs);
    exchange.start(this.#context.send, {
      origin,
      options,
      head,
      body: frame.end ? frame.body : 'stream',
      client: this,
      startedAt,
      deadlineAt: startedAt + timeoutMs,
      facts,
    });
    if (!frame.end && frame.body !== null) exchange.inlineData(frame.body);
  }

  /** The exchange, or undefined when its id is gone. An id that was never used is a fault. */
  #exchange(id: number): ClientExchange | undefined {
    if (id > this.#lastExchangeId || id === 0) {
      throw new BrokerError('protocol_error', `exchange ${id} was never started`, clientFault);
    }
    return this.#exchanges.get(id);
  }

  // Writing

  #queue(bytes: Buffer): void {
    this.#outbox.push(bytes);
    this.#scheduleWrite();
  }

  #scheduleWrite(): void {
    if (this.#isFlushScheduled || this.#isClosed) return;
    this.#isFlushScheduled = true;
    // After everything that this turn reads from the origins: their frames then share one write.
    setImmediate(this.#flushAtTurnsEnd);
  }

  #flushAtTurnsEnd = (): void => {
    this.#isFlushScheduled = false;
    this.#flush();
  };

  #flush(): void {
    const exchanges = this.#toFlush;
    this.#toFlush = [];
    for (const exchange of exchanges) {
      exchange.flush(false);
      if (exchange.isHeld) this.#heldTimer ??= setTimeout(this.#flushHeld, heldHeadMs);
    }
    if (this.#outbox.length > 0) this.#writeOutbox();
  }

  #flushHeld = (): void => {
    this.#heldTimer = null;
    for (const exchange of this.#exchanges.values()) if (exchange.isHeld) exchange.flush(true);
  };

  #onDrain = (): void => {
    for (const exchange of this.#exchanges.values()) exchange.flush(false);
  };

  #writeOutbox = (): void => {
    const outbox = this.#outbox;
    this.#outbox = [];
    if (this.#isClosed) return;
    if (this.#welcome !== null) {
      outbox.unshift(this.#welcome);
      this.#welcome = null;
    }
    if (this.#welcomeTimer !== null) {
      clearTimeout(this.#welcomeTimer);
      this.#welcomeTimer = null;
    }
    if (outbox.length === 1) {
      this.#socket.write(outbox[0] as Buffer);
    } else if (outbox.length > 1) {
      this.#socket.cork();
      for (const bytes of outbox) this.#socket.write(bytes);
      this.#socket.uncork();
    }
  };

  // Ending

  /** The client broke the wire protocol: tell it, close, and cancel what it had running. Others are not touched. */
  #fail(error: unknown): void {
    if (!(error instanceof BrokerError || error instanceof WireError)) {
      this.#context.log.error({ err: error }, 'client connection failed in the broker');
    }
    this.#context.log.info({ err: error }, 'client connection closed for breaking the wire protocol');
    this.#outbox.push(encodeFrame(toErrorFrame(0, error)));
    this.#writeOutbox();
    this.#onClose();
    this.#socket.end();
    // Until the peer has closed too, what it sends is read and dropped: closing a Unix socket over unread bytes resets
    // it, and the error frame would be lost. A peer that does neither is not waited for.
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #closeWhenDrained(): void {
    if (!this.#isDraining || this.#lateTimer !== null || this.#exchanges.size > 0) return;
    if (this.#isClosed || this.#socket.writableEnded) return;
    this.#flush();
    // PHP-FPM keeps its end open until it has another request. What was written is with it by then.
    this.#socket.end(() => {
      const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
      this.#socket.once('close', () => clearTimeout(timer));
    });
  }

  #cancelAll(): void {
    const running = [...this.#exchanges.values()];
    this.#exchanges.clear();
    this.#toFlush = [];
    this.#outbox = [];
    for (const exchange of running) exchange.cancel();
  }

  #onClose = (): void => {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelAll();
    if (this.#welcomeTimer !== null) clearTimeout(this.#welcomeTimer);
    if (this.#heldTimer !== null) clearTimeout(this.#heldTimer);
    if (this.#lateTimer !== null) clearTimeout(this.#lateTimer);
    this.#context.onClosed(this);
  };
}

const clientFault = { source: 'client', processed: 'maybe' } as const;
