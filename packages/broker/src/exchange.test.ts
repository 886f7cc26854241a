import { type BrokerFrame, type ErrorFrame, FrameType, type ResponseFrame } from '@hawser/protocol';
import { createFacts, type Exchange, type ResponseSink, type Send } from '@hawser/upstream';
import { beforeEach, describe, expect, test } from 'vitest';
import { ClientExchange, type FrameWriter } from './exchange.ts';

/** Keeps frames, and flushes when the test says so. */
class RecordingWriter implements FrameWriter {
  readonly frames: BrokerFrame[] = [];
  readonly defects: unknown[] = [];
  hasRoom = true;
  isForgotten = false;
  refused: number | null = null;

  writeFrame(frame: BrokerFrame): void {
    if (frame.type === this.refused) throw new Error('cannot be encoded');
    this.frames.push(frame);
  }

  writeResponse(frame: Omit<ResponseFrame, 'body'>, body: readonly Buffer[]): void {
    this.frames.push({ ...frame, body: Buffer.concat(body) });
  }

  writeData(exchangeId: number, payload: Buffer): void {
    this.frames.push({ type: FrameType.data, exchangeId, payload });
  }

  scheduleFlush(): void {}

  flushIfLast(): void {}

  reportDefect(error: unknown): void {
    this.defects.push(error);
  }

  forget(): void {
    this.isForgotten = true;
  }
}

let writer: RecordingWriter;
let sink: ResponseSink;
let consumed: number;
let isCancelled: boolean;

beforeEach(() => {
  writer = new RecordingWriter();
  consumed = 0;
  isCancelled = false;
});

function start(windowBytes = 1024): ClientExchange {
  const upload = { isWhole: true, bytes: 0, declaredBytes: null };
  const exchange = new ClientExchange(1, writer, createFacts(), windowBytes, upload);
  const send: Send = (_exchange, given) => {
    sink = given;
    return {
      write() {},
      end() {},
      consume: (bytes) => {
        consumed += bytes;
      },
      cancel: () => {
        isCancelled = true;
      },
    };
  };
  exchange.start(send, {} as Exchange);
  return exchange;
}

const types = () => writer.frames.map((frame) => frame.type);

describe('a response that broke off and is asked for again', () => {
  test('while its head is held back: nothing of it is left', () => {
    const exchange = start();
    sink.onResponse(200, ['content-length', '6', 'x-from', 'first']);
    sink.onData(Buffer.from('abc'));
    exchange.flush(false);
    expect(sink.onRestart?.()).toBe(true);
    exchange.flush(true);
    expect(writer.frames).toEqual([]);
    sink.onResponse(200, ['content-length', '2']);
    sink.onData(Buffer.from('ok'));
    sink.onEnd();
    exchange.flush(false);
    expect(writer.frames).toMatchObject([
      { type: FrameType.response, end: true, fields: ['content-length', '2'], body: Buffer.from('ok') },
    ]);
  });

  test('once its head is out, or the exchange over: it is not', () => {
    const exchange = start();
    sink.onResponse(200, ['content-length', '6']);
    exchange.flush(true);
    expect(sink.onRestart?.()).toBe(false);
    exchange.cancel();
    expect(sink.onRestart?.()).toBe(false);
  });
});

describe('a small answer', () => {
  test('is one frame, even where its body comes later than its head', () => {
    const exchange = start();
    sink.onResponse(200, ['content-length', '5']);
    exchange.flush(false);
    expect(exchange.isHeld).toBe(true);
    sink.onData(Buffer.from('hello'));
    sink.onEnd();
    exchange.flush(false);
    expect(writer.frames).toMatchObject([{ type: FrameType.response, end: true, body: Buffer.from('hello') }]);
    expect(writer.isForgotten).toBe(true);
  });

  test('whose body is too late sends its head ahead', () => {
    const exchange = start();
    sink.onResponse(200, ['content-length', '5']);
    exchange.flush(true);
    sink.onData(Buffer.from('hello'));
    sink.onEnd();
    exchange.flush(false);
    expect(types()).toEqual([FrameType.response, FrameType.data, FrameType.end]);
  });

  test('without a declared length is passed on as it comes', () => {
    const exchange = start();
    sink.onResponse(200, []);
    exchange.flush(false);
    expect(types()).toEqual([FrameType.response]);
  });

  test('with trailers needs an END', () => {
    const exchange = start();
    sink.onResponse(200, ['content-length', '5']);
    sink.onData(Buffer.from('hello'));
    sink.onTrailers(['x-sum', '1']);
    sink.onEnd();
    exchange.flush(false);
    expect(types()).toEqual([FrameType.response, FrameType.data, FrameType.end]);
    expect(writer.frames.at(-1)).toMatchObject({ trailers: ['x-sum', '1'] });
  });
});

describe('a large answer', () => {
  test('goes no further than the window, and is consumed upstream as far as it went', () => {
    const exchange = start(100);
    sink.onResponse(200, []);
    sink.onData(Buffer.alloc(250));
    exchange.flush(false);
    expect(consumed).toBe(100);
    exchange.window(120);
    exchange.flush(false);
    expect(consumed).toBe(220);
    sink.onEnd();
    exchange.flush(false);
    expect(types().at(-1)).not.toBe(FrameType.end);
    exchange.window(30);
    exchange.flush(false);
    expect(consumed).toBe(250);
    expect(types().at(-1)).toBe(FrameType.end);
  });

  test('with a piece that holds nothing goes on', () => {
    const exchange = start();
    sink.onResponse(200, []);
    sink.onData(Buffer.alloc(0));
    sink.onData(Buffer.alloc(5));
    sink.onData(Buffer.alloc(0));
    sink.onEnd();
    exchange.flush(false);
    expect(writer.frames.filter((frame) => frame.type === FrameType.data)).toHaveLength(0);
    expect(writer.frames).toMatchObject([{ type: FrameType.response, end: true, body: Buffer.alloc(5) }]);
  });

  test('waits while the socket has no room', () => {
    const exchange = start();
    writer.hasRoom = false;
    sink.onResponse(200, []);
    sink.onData(Buffer.alloc(250));
    exchange.flush(false);
    expect(consumed).toBe(0);
    writer.hasRoom = true;
    exchange.flush(false);
    expect(consumed).toBe(250);
  });
});

test('an answer that no frame can carry costs this exchange: broker_internal, the origin cancelled, the defect noted', () => {
  const exchange = start();
  writer.refused = FrameType.response;
  sink.onResponse(200, []);
  exchange.flush(false);
  expect(writer.frames).toMatchObject([
    { type: FrameType.error, name: 'broker_internal' } satisfies Partial<ErrorFrame>,
  ]);
  expect(isCancelled).toBe(true);
  expect(writer.defects).toHaveLength(1);
  expect(writer.isForgotten).toBe(true);
});

test('a cancelled exchange writes nothing more', () => {
  const exchange = start();
  sink.onResponse(200, []);
  exchange.cancel();
  sink.onData(Buffer.from('late'));
  exchange.flush(true);
  expect(writer.frames).toEqual([]);
  expect(isCancelled).toBe(true);
});
